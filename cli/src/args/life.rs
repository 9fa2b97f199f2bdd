//! The part of the command line that is about the life of bills: disputes, late files, lint, contracts, rules.

use std::path::PathBuf;

use clap::{Subcommand, ValueEnum};

use super::{Which, help};
use billkeep_core::bills::{Direction, LineId};
use billkeep_core::values::{Day, Uin};

/// A dispute to be opened.
#[derive(Debug, clap::Args)]
pub(crate) struct OpenDispute {
    #[command(flatten)]
    pub(crate) which: Which,
    /// A line, as `bill lines` shows it; may be given several times
    #[arg(long = "line", value_name = "LINE", conflicts_with = "filter")]
    pub(crate) lines: Vec<LineId>,
    /// All lines with this value in a field; may be given several times
    #[arg(long = "where", value_name = "FIELD=VALUE", required_unless_present = "lines")]
    pub(crate) filter: Vec<String>,
    /// over (charged too much) or under
    #[arg(long)]
    pub(crate) direction: Direction,
    /// By how much the lines are wrong in all
    #[arg(long, allow_hyphen_values = true)]
    pub(crate) amount: String,
    /// Why
    #[arg(long)]
    pub(crate) reason: String,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Dispute {
    /// Opens a dispute about lines of an issued bill
    #[command(after_help = help::fields_and_examples(&["billkeep dispute open 2021-03 --line 1-17 --direction over --amount 12.50 --reason overcharged"]))]
    Open(OpenDispute),
    /// All disputes
    List {
        /// Only those that are not at their end
        #[arg(long)]
        open: bool,
    },
    /// A dispute, with what was done about it
    Show {
        /// The dispute's number
        number: u64,
    },
    /// The provider was told
    Send {
        /// The dispute's number
        number: u64,
        /// How, to whom
        #[arg(long, default_value = "")]
        note: String,
    },
    /// The provider agrees; its correction is waited for
    Accept {
        /// The dispute's number
        number: u64,
        /// What was said
        #[arg(long, default_value = "")]
        note: String,
    },
    /// The provider does not agree
    Reject {
        /// The dispute's number
        number: u64,
        /// Why
        #[arg(long)]
        reason: String,
    },
    /// Takes a dispute back
    Withdraw {
        /// The dispute's number
        number: u64,
        /// Why
        #[arg(long)]
        reason: String,
    },
    /// Record that the correction of an accepted dispute came unrecognised
    Settle {
        /// The dispute's number
        number: u64,
        /// How it came
        #[arg(long)]
        reason: String,
        /// The load that brought it
        #[arg(long, value_name = "N")]
        load: Option<u64>,
    },
    /// Writes the evidence as a zip that opens anywhere
    Pack {
        /// The dispute's number
        number: u64,
        /// The file (default: dispute-N.zip)
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Lets the bill be confirmed though the dispute goes on
    SetAside {
        /// The dispute's number
        number: u64,
        /// Why
        #[arg(long)]
        reason: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Late {
    /// All files that wait for a decision, or waited
    List,
    /// A file that waits, with what it would change for whom
    Show {
        /// The file's number
        number: u64,
    },
    /// Takes a file that waits
    #[command(after_help = help::examples(&["billkeep late accept 1 --reason checked", "billkeep late accept 1 --carry-forward --reason checked"]))]
    Accept {
        /// The file's number
        number: u64,
        /// Reopens its bill, if that is confirmed; the bill has to be confirmed again then
        #[arg(long)]
        reopen: bool,
        /// Books what it would change into the first later month that is not confirmed
        #[arg(long, conflicts_with = "reopen")]
        carry_forward: bool,
        /// Why
        #[arg(long)]
        reason: String,
    },
    /// Decides not to take a file that waits
    Discard {
        /// The file's number
        number: u64,
        /// Why
        #[arg(long)]
        reason: String,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Switch {
    On,
    Off,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Settings {
    /// List what is set
    Show,
    /// Require two people to confirm and reopen; two turn it off as well
    FourEyes {
        /// Whether it holds
        value: Switch,
    },
    /// By which calendar bills are due
    Calendar {
        /// Its name; `calendar list` shows them
        name: String,
        /// From this day on (default: today)
        #[arg(long, value_name = "DAY")]
        from: Option<Day>,
    },
}

#[derive(Debug, clap::Args)]
pub(crate) struct Lint {
    #[command(flatten)]
    pub(crate) which: Which,
    /// An earlier revision
    #[arg(long)]
    pub(crate) revision: Option<u32>,
    /// Examples for each rule and product
    #[arg(long, value_name = "N", default_value_t = 3)]
    pub(crate) examples: usize,
    /// How many units of the last decimal a result may be off
    #[arg(long, value_name = "UNITS", default_value_t = 1)]
    pub(crate) tolerance: u32,
    /// Accounts that are known besides the payer; without any, no owner is unknown
    #[arg(long, value_name = "UINS", value_delimiter = ',')]
    pub(crate) known: Vec<Uin>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Contract {
    /// Set an account's contracted discount for a product, for `bill lint`
    Set {
        /// The account
        uin: Uin,
        /// The product's name, as bills have it
        #[arg(long, value_name = "NAME")]
        product: String,
        /// What the list price is multiplied by: 0.85 takes 15% off
        #[arg(long, value_name = "FACTOR")]
        discount: String,
        #[command(flatten)]
        days: Days,
    },
    /// All contracted discounts
    List,
    /// Takes an account's discounts for a product back
    Remove {
        /// The account
        uin: Uin,
        /// The product's name, as bills have it
        #[arg(long, value_name = "NAME")]
        product: String,
        #[command(flatten)]
        days: Days,
    },
}

#[derive(Debug, clap::Args)]
pub(crate) struct Days {
    /// The first day (default: for all days before as well)
    #[arg(long, value_name = "DAY")]
    pub(crate) from: Option<Day>,
    /// The last day (default: for all days after as well)
    #[arg(long, value_name = "DAY")]
    pub(crate) to: Option<Day>,
}
