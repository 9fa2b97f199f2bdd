//! The command line: a contract (docs/CLI.md).

mod calendar;
mod delivery;
mod help;
mod life;
mod name;
mod notify;
mod plugin;
mod price;
mod storage;
mod user;

use std::path::PathBuf;

use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand, ValueEnum};

use billkeep_core::bills::{ControlTotal, ImportMode};
use billkeep_core::deliveries::TimeOfDay;
use billkeep_core::exports::Audience;
use billkeep_core::formats::{BillKind, Encoding, NameProfile, Per as Division, Shape};
use billkeep_core::values::{Amount, Basis, BillMonth, Day, TimeZone, Uin};
pub(crate) use calendar::{Calendar, Due, Run};
pub(crate) use delivery::{Delivery, HowArgs};
pub(crate) use life::{Contract, Dispute, Late, Lint, OpenDispute, Settings, Switch};
pub(crate) use name::Name;
pub(crate) use notify::Notify;
pub(crate) use plugin::{GrantArgs, Lang, Plugin};
pub(crate) use price::{FurtherColumn, GroupBy, Margin, Price, PriceOf};
pub(crate) use storage::{
    Account, AllowArgs, Bound, ConsentArgs, EnableArgs, RemovalArgs, Retention, Sink, Storage, SwitchArgs,
};
pub(crate) use user::{Serve, User};

/// An embedded store and export engine for cloud bills.
#[derive(Debug, Parser)]
#[command(
    name = "billkeep",
    version,
    max_term_width = 100,
    arg_required_else_help = true,
    after_help = help::FIRST_STEPS
)]
pub(crate) struct Args {
    /// The store's file
    #[arg(
        long,
        global = true,
        help_heading = help::EVERY_COMMAND,
        value_name = "FILE",
        env = "BILLKEEP_STORE",
        default_value = "billkeep.redb",
        hide_env_values = true
    )]
    pub(crate) store: PathBuf,
    /// How data is written to stdout: table, json or csv
    #[arg(long, global = true, help_heading = help::EVERY_COMMAND, value_enum, hide_possible_values = true, default_value_t = Format::Table)]
    pub(crate) format: Format,
    /// With `--format csv`: cells as they are, also those that a spreadsheet takes for a formula
    #[arg(long, global = true, help_heading = help::EVERY_COMMAND)]
    pub(crate) raw: bool,
    /// Who does it, for the journal (default: the user's name)
    #[arg(
        long = "as",
        global = true,
        help_heading = help::EVERY_COMMAND,
        value_name = "ACTOR",
        env = "BILLKEEP_ACTOR",
        hide_env_values = true
    )]
    pub(crate) acting: Option<String>,
    /// Print nothing but data and errors
    #[arg(short, long, global = true, help_heading = help::EVERY_COMMAND)]
    pub(crate) quiet: bool,
    /// How long to wait for another program that writes, in seconds
    #[arg(long, global = true, help_heading = help::EVERY_COMMAND, value_name = "SECONDS", default_value_t = 30)]
    pub(crate) wait_s: u64,
    /// Threads that parse, compress and add up (default: one a core, at most 8)
    #[arg(long, global = true, hide = true, help_heading = help::TUNING, value_name = "N")]
    pub(crate) threads: Option<usize>,
    /// How large the file of compressed chunks beside the store may get, which makes exports fast that repeat others; 0
    /// for none
    #[arg(long, global = true, hide = true, help_heading = help::TUNING, value_name = "MIB", default_value_t = 1024, env = "BILLKEEP_CHUNK_CACHE_MIB")]
    pub(crate) chunk_cache_mib: u64,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Returns the command line's definition: options for memory and speed are shown where they matter, and work everywhere.
pub(crate) fn definition() -> clap::Command {
    let mut command = Args::command();
    // `import` had an `--as` before all commands had one, and keeps it.
    let acting = command.get_arguments().find(|arg| arg.get_id() == "acting").cloned();
    if let Some(acting) = acting {
        command = command.mut_subcommand("import", |import| import.arg(acting.long("actor")));
    }
    for (name, options) in help::TUNED {
        let tuning: Vec<clap::Arg> = command
            .get_arguments()
            .filter(|arg| options.contains(&arg.get_id().as_str()))
            .map(|arg| arg.clone().hide(false))
            .collect();
        command = command.mut_subcommand(name, |tuned| tuned.args(tuning));
    }
    command
}

/// Reads the program's arguments.
///
/// # Errors
/// What is wrong with them; or help and version, where they are asked for.
pub(crate) fn parse<W: Into<std::ffi::OsString> + Clone>(
    words: impl IntoIterator<Item = W>,
) -> Result<Args, clap::Error> {
    let mut command = definition();
    let mut matches = command.try_get_matches_from_mut(words)?;
    Args::from_arg_matches_mut(&mut matches).map_err(|e| e.format(&mut command))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people
    Table,
    /// For programs; amounts are strings
    Json,
    /// For spreadsheets: a text that begins like a formula has an apostrophe before it, unless `--raw`
    Csv,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the whole journey on bundled bills, into a folder
    Demo {
        /// The folder; its store and bucket are made anew
        #[arg(default_value = "billkeep-demo")]
        dir: PathBuf,
    },
    /// Make a store for one payer's bills
    #[command(after_help = help::examples(&["billkeep init --payer 100010445724 --calendar current-2024"]))]
    Init {
        /// The partner's account id: who owes the bills
        #[arg(long)]
        payer: Uin,
        /// When bills are due: `seed-2021` or `current-2024` (default: seed-2021)
        #[arg(long, value_name = "NAME")]
        calendar: Option<String>,
        /// The zone in which days begin
        #[arg(long, default_value = "+08:00", allow_hyphen_values = true)]
        timezone: TimeZone,
    },
    /// Import bill files: CSV, zip or gzip; each file is one atomic step
    #[command(after_help = help::examples(&["billkeep import 100010445724-20210406-by_used_time-bill_details.zip", "billkeep import --mode day --month 2021-04 L3-bill_details-april.csv"]))]
    Import(Import),
    /// Show, issue, confirm and reopen bills
    #[command(subcommand)]
    Bill(Bill),
    /// Dispute lines of a bill, and record how the dispute goes
    #[command(subcommand)]
    Dispute(Dispute),
    /// Decide about pending files: late ones, and ones that take lines away
    #[command(subcommand, visible_alias = "pending")]
    Late(Late),
    /// Set store-wide policies and the calendar
    #[command(subcommand)]
    Settings(Settings),
    /// Enter accounts, contracts and customers' prices
    #[command(subcommand)]
    Account(Account),
    /// Set up sinks: folders, buckets and plugins that receive bills
    #[command(subcommand)]
    Sink(Sink),
    /// List and check the names of exports
    #[command(subcommand)]
    Name(Name),
    /// Choose whose bills are delivered, and to which sink
    #[command(subcommand)]
    Storage(Storage),
    /// Show and add calendars: on which days bills are due
    #[command(subcommand)]
    Calendar(Calendar),
    /// List what is due on a day, to which sink, and what is not and why
    #[command(after_help = help::examples(&["billkeep due", "billkeep due --on 2021-04-06", "billkeep due --from 2021-04-01 --to 2021-04-30"]))]
    Due(Due),
    /// Show what needs attention today, on one screen
    #[command(after_help = help::examples(&["billkeep status"]))]
    Status {
        /// The day; all of it without `--at` (default: today, at this time)
        #[arg(long, value_name = "DAY")]
        on: Option<Day>,
        /// The time of the day, in the calendar's zone
        #[arg(long, value_name = "HH:MM")]
        at: Option<TimeOfDay>,
    },
    /// Deliver what is due, or what was due in earlier months
    #[command(after_help = help::examples(&["billkeep run", "billkeep run --dry-run", "billkeep run --backfill 2020-01..2021-03"]))]
    Run(Run),
    /// List expected bill files: which came, are late, missing or double
    #[command(after_help = help::examples(&["billkeep expected", "billkeep expected --month 2021-03"]))]
    Expected {
        /// The day (default: today)
        #[arg(long, value_name = "DAY")]
        on: Option<Day>,
        /// Only this month
        #[arg(long)]
        month: Option<BillMonth>,
    },
    /// List, verify, repair and retry deliveries
    #[command(subcommand)]
    Delivery(Delivery),
    /// Send notices to webhooks and commands
    #[command(subcommand)]
    Notify(Notify),
    /// Make, build, test and trust plugins: sinks of your own
    #[command(subcommand)]
    Plugin(Plugin),
    /// Write a bill into a folder now, without recording a delivery
    #[command(after_help = help::examples(&["billkeep export 2021-03 --output out", "billkeep export 2021-03 --per customer --audience customer --output out"]))]
    Export(Export),
    /// Remove what need not be kept any more; nothing is removed by itself
    #[command(subcommand)]
    Retention(Retention),
    /// Serve the web console, the HTTP interface and the scheduler
    #[command(after_help = help::examples(&["billkeep serve", "billkeep serve --listen 127.0.0.1:9000 --no-scheduler"]))]
    Serve(Serve),
    /// Enter people with their roles, sign-in links and tokens
    #[command(subcommand)]
    User(User),
    /// List and verify the journal of all changes
    #[command(subcommand)]
    Audit(Audit),
    /// Check the store's file, and show its size
    #[command(subcommand, name = "store")]
    StoreFile(StoreFile),
}

#[derive(Debug, clap::Args)]
pub(crate) struct Import {
    /// Files, folders with bill files, or `-` for standard input; imported in the order of their months and days where all names tell
    #[arg(required = true)]
    pub(crate) files: Vec<PathBuf>,
    /// What a file holds, where its name does not tell: cumulative, day, monthly or adjustment
    #[arg(long, visible_alias = "as", value_name = "MODE", value_parser = mode)]
    pub(crate) mode: Option<ImportMode>,
    /// The payer, to be checked against name and lines
    #[arg(long)]
    pub(crate) payer: Option<Uin>,
    /// The month, where neither name nor lines tell
    #[arg(long)]
    pub(crate) month: Option<BillMonth>,
    /// By which date the bill puts lines into months: used or paid (default: as the name says, else used)
    #[arg(long)]
    pub(crate) basis: Option<Basis>,
    /// Checks everything, counts all faults by column and cause, and changes nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// The encoding of the text, where its bytes do not tell: utf-8, gb18030, gbk, utf-16le or utf-16be
    #[arg(long)]
    pub(crate) encoding: Option<Encoding>,
    /// Takes a file whose last line has no line end
    #[arg(long)]
    pub(crate) accept_unterminated: bool,
    /// Accept a file of which no line is of the month
    #[arg(long)]
    pub(crate) accept_outside: bool,
    /// Refuses a file whose lines contradict themselves or each other, as `bill lint` would tell
    #[arg(long)]
    pub(crate) strict: bool,
    /// Takes a file that removes lines or money from the bill, or ends too early, without a decision
    #[arg(long)]
    pub(crate) accept_smaller: bool,
    /// Refuse a file that does not have so many lines
    #[arg(long, value_name = "N")]
    pub(crate) expect_lines: Option<u64>,
    /// Refuse a file with another total, rounded to the decimals given; `AMOUNT CURRENCY` once for each of several currencies
    #[arg(long, value_name = "AMOUNT", value_parser = control_total, allow_hyphen_values = true)]
    pub(crate) expect_total: Vec<ControlTotal>,
    /// Refuse a file whose bytes have another SHA-256
    #[arg(long, value_name = "HEX", value_parser = hash)]
    pub(crate) expect_sha256: Option<[u8; 32]>,
}

/// Reads a mode.
fn mode(text: &str) -> Result<ImportMode, String> {
    text.parse().map_err(|e| format!("{e} (to state who imports, use `--actor NAME`)"))
}

/// Reads `82,500.35`, `82500.35 USD` or `USD 82500.35`.
fn control_total(text: &str) -> Result<ControlTotal, String> {
    let is_currency = |word: &&str| word.len() == 3 && word.bytes().all(|b| b.is_ascii_uppercase());
    let (currencies, figures): (Vec<&str>, Vec<&str>) = text.split_whitespace().partition(is_currency);
    let amount = match figures.as_slice() {
        [figure] => Amount::parse_cell(figure.as_bytes()).ok().flatten(),
        _ => None,
    };
    match (amount, currencies.as_slice()) {
        (Some(amount), [] | [_]) => {
            Ok(ControlTotal { amount, currency: currencies.first().map(|c| (*c).to_owned()) })
        }
        _ => Err(format!("`{text}` is not an amount with or without a currency, such as `82500.35 USD`")),
    }
}

#[derive(Debug, clap::Args)]
pub(crate) struct Which {
    /// The bill's month, as 2021-03
    pub(crate) month: BillMonth,
    /// The bill's basis: used or paid
    #[arg(long, default_value_t = Basis::Used)]
    pub(crate) basis: Basis,
}

/// A line's own day; none for `-`, as `bill show` has it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DayOrNone(pub(crate) Option<Day>);

fn day_or_none(text: &str) -> Result<DayOrNone, String> {
    if text == "-" { Ok(DayOrNone(None)) } else { text.parse().map(|day| DayOrNone(Some(day))) }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Bill {
    /// All bills with their states, totals and digests
    #[command(after_help = help::examples(&["billkeep bill list", "billkeep --format json bill list"]))]
    List,
    /// A bill's sums, grouped
    #[command(after_help = help::fields_and_examples(&["billkeep bill show 2021-03", "billkeep bill show 2021-03 --by owner,product"]))]
    Show {
        #[command(flatten)]
        which: Which,
        /// The fields to group by, at most eight, with commas
        #[arg(long, value_name = "FIELDS", value_delimiter = ',', default_value = "product")]
        by: Vec<String>,
        /// An earlier revision
        #[arg(long)]
        revision: Option<u32>,
    },
    /// A bill's lines, in the order in which they were imported
    #[command(after_help = help::fields_and_examples(&["billkeep bill lines 2021-03 --where owner=200000000001 --where region=Singapore"]))]
    Lines {
        #[command(flatten)]
        which: Which,
        /// Only lines with this value in a field; may be given several times
        #[arg(long = "where", value_name = "FIELD=VALUE")]
        filter: Vec<String>,
        /// At most so many
        #[arg(long, default_value_t = 20)]
        limit: u64,
        /// An earlier revision
        #[arg(long)]
        revision: Option<u32>,
    },
    /// What in a bill contradicts itself, or what is known besides
    Lint(Lint),
    /// The CSV file: the columns and cells as imported, in that order
    Csv {
        #[command(flatten)]
        which: Which,
        /// Only this account's lines
        #[arg(long)]
        owner: Option<Uin>,
        /// Where to; stdout if not given
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
        /// For a spreadsheet: ids as text, no text that is taken for a formula
        #[arg(long)]
        spreadsheet: bool,
        /// An earlier revision
        #[arg(long)]
        revision: Option<u32>,
    },
    /// What the partner pays, what customers pay, and what is left
    Margin(Margin),
    /// What two revisions of a bill differ in, line by line
    Diff {
        #[command(flatten)]
        which: Which,
        /// The earlier revision (default: the one before)
        #[arg(long, value_name = "N")]
        from: Option<u32>,
        /// The later revision (default: the current one)
        #[arg(long, value_name = "N")]
        to: Option<u32>,
        /// Groups in a table, at most so many for each currency; the others stand in one row
        #[arg(long, default_value_t = 20)]
        limit: usize,
    },
    /// A sum of a bill, down to its lines and where they stand in the files
    Explain {
        #[command(flatten)]
        which: Which,
        /// Only this account's lines
        #[arg(long)]
        owner: Option<Uin>,
        /// Only this product's lines
        #[arg(long, value_name = "NAME")]
        product: Option<String>,
        /// Only this day's lines; `-`: only those without a day
        #[arg(long, value_name = "DAY", value_parser = day_or_none, allow_hyphen_values = true)]
        day: Option<DayOrNone>,
        /// Only lines in this currency
        #[arg(long, value_name = "CODE")]
        currency: Option<String>,
        /// Lines in a table, at most so many
        #[arg(long, default_value_t = 20)]
        limit: u64,
        /// An earlier revision
        #[arg(long)]
        revision: Option<u32>,
    },
    /// Declare a month complete, where no file of the whole month came
    #[command(after_help = help::examples(&["billkeep bill issue 2021-03"]))]
    Issue {
        #[command(flatten)]
        which: Which,
    },
    /// Confirms a bill as what was seen
    #[command(after_help = help::examples(&["billkeep bill confirm 2021-03 --digest 730b78a68228"]))]
    Confirm {
        #[command(flatten)]
        which: Which,
        /// The digest that was seen, or its first digits (at least 6)
        #[arg(long, value_name = "PREFIX")]
        digest: String,
        /// A note for the journal
        #[arg(long)]
        note: Option<String>,
    },
    /// Takes a confirmation back
    Reopen {
        #[command(flatten)]
        which: Which,
        /// Why
        #[arg(long)]
        reason: String,
    },
    /// Puts the decision about an issued bill off by seven days, once
    Defer {
        #[command(flatten)]
        which: Which,
        /// Why
        #[arg(long)]
        reason: String,
        /// From this day on (default: today)
        #[arg(long, value_name = "DAY")]
        on: Option<Day>,
    },
    /// Declare days on which nothing was used, where no file covers them
    #[command(after_help = help::examples(&["billkeep bill empty-day 2021-03 --day 2021-03-14 --reason maintenance"]))]
    EmptyDay {
        #[command(flatten)]
        which: Which,
        /// The day
        #[arg(long, value_name = "DAY")]
        day: Day,
        /// The last day, where there are several
        #[arg(long, value_name = "DAY")]
        through: Option<Day>,
        /// Why
        #[arg(long)]
        reason: String,
        /// Acts although the day has not come
        #[arg(long)]
        yes: bool,
    },
    /// All revisions of a bill, with the files that each is made of
    Revisions {
        #[command(flatten)]
        which: Which,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Per {
    /// One zip for each account with lines
    Customer,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Export {
    #[command(flatten)]
    pub(crate) which: Which,
    /// daily, monthly or reseller
    #[arg(long, default_value = "monthly")]
    pub(crate) kind: BillKind,
    /// The last day covered, for daily (default: the last one that is in)
    #[arg(long, value_name = "DAY")]
    pub(crate) through: Option<Day>,
    /// One zip for each customer, of whole lines
    #[arg(long, value_enum, conflicts_with_all = ["owner", "shape", "divide"])]
    pub(crate) per: Option<Per>,
    /// How much is told: l3 (all lines), l3-monthly, l2, l1, pack (l1, l2 and l3 together)
    #[arg(long, default_value_t = Shape::L3)]
    pub(crate) shape: Shape,
    /// A CSV in the zip for each customer or second-level reseller: customer, reseller, or consolidated for one
    #[arg(long, default_value_t = Division::Consolidated)]
    pub(crate) divide: Division,
    /// The form of names: a profile of `name list`, or a template (default: seed-2021)
    #[arg(long, value_name = "PROFILE")]
    pub(crate) naming: Option<NameProfile>,
    /// Only this account's lines
    #[arg(long)]
    pub(crate) owner: Option<Uin>,
    /// Rows in a CSV
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) rows_per_file: Option<u64>,
    /// Who reads it: partner or customer
    #[arg(long, default_value_t = Audience::Partner)]
    pub(crate) audience: Audience,
    /// For a spreadsheet: ids as text, no text that is taken for a formula
    #[arg(long)]
    pub(crate) spreadsheet: bool,
    /// The folder
    #[arg(short, long, value_name = "DIR")]
    pub(crate) output: PathBuf,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Audit {
    /// The entries of the journal, oldest first
    List(AuditList),
    /// Verify the chain of entries, and all records against it
    ///
    /// Checks that no entry was altered or removed, and that every record is the one that the journal has. Prints the last hash.
    Verify {
        /// The last hash of an earlier time, which must still be in the chain
        #[arg(long, value_name = "HASH", value_parser = hash)]
        expect: Option<[u8; 32]>,
        /// A manifest that was delivered or a notice that was sent, or a folder of manifests: the entry that each names must be in the chain
        #[arg(long, value_name = "PATH")]
        witness: Vec<std::path::PathBuf>,
    },
}

#[derive(Debug, clap::Args)]
pub(crate) struct AuditList {
    /// Only what this actor did
    #[arg(long)]
    pub(crate) actor: Option<String>,
    /// Only such changes: `confirm`, `storage enable`, or `storage` for all that begin with that word
    #[arg(long)]
    pub(crate) action: Option<String>,
    /// Only changes of what begins so: a month, an account, a sink
    #[arg(long, value_name = "PREFIX")]
    pub(crate) subject: Option<String>,
    /// From this day on, in the store's time zone
    #[arg(long, value_name = "DAY")]
    pub(crate) since: Option<Day>,
    /// Through this day, in the store's time zone
    #[arg(long, value_name = "DAY")]
    pub(crate) until: Option<Day>,
    /// Only the newest so many
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<usize>,
}

/// Reads a hash of 64 hexadecimal digits.
fn hash(text: &str) -> Result<[u8; 32], String> {
    let mut hash = [0; 32];
    let digit = |digit: u8| char::from(digit).to_digit(16).and_then(|d| u8::try_from(d).ok());
    let pairs = text.as_bytes().as_chunks::<2>().0;
    for (byte, [high, low]) in hash.iter_mut().zip(pairs) {
        *byte = digit(*high)
            .zip(digit(*low))
            .map(|(h, l)| h << 4 | l)
            .ok_or("a hash has hexadecimal digits only")?;
    }
    if text.len() == 64 {
        Ok(hash)
    } else {
        Err(format!("a hash has 64 digits, and this has {}", text.chars().count()))
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum StoreFile {
    /// Recomputes every sum and digest from the lines, and checks the journal
    Check,
    /// How much is in it
    Stats,
}
