//! The part of the command line that is about bill storage: accounts, sinks, allowlist, grants, bindings.

use std::path::PathBuf;

use clap::Subcommand;

use super::plugin::GrantArgs;
use super::{Contract, FurtherColumn, Price, help};
use billkeep_core::deliveries::{After, PayerLines};
use billkeep_core::exports::Audience;
use billkeep_core::formats::{BillKind, Encoding};
use billkeep_core::partners::AccountRole;
use billkeep_core::values::{BillMonth, Day, Uin};

#[derive(Debug, Subcommand)]
pub(crate) enum Account {
    /// Puts an account into the tree, or says something new of it from a day on
    Add {
        /// The account
        uin: Uin,
        /// Its name
        #[arg(long)]
        name: String,
        /// reseller (second level), customer, sub-account, or payer for the payer itself
        #[arg(long, default_value_t = AccountRole::Customer)]
        role: AccountRole,
        /// Below which account it stands (default: the payer)
        #[arg(long, value_name = "UIN")]
        parent: Option<Uin>,
        /// From this day on (default: for all days)
        #[arg(long, value_name = "DAY")]
        from: Option<Day>,
        /// Why, for the journal
        #[arg(long)]
        reason: Option<String>,
    },
    /// Takes an account out of the tree from a day on; its lines stay in the bills
    End {
        /// The account
        uin: Uin,
        /// The first day on which it is not in the tree
        #[arg(long, value_name = "DAY")]
        from: Day,
        /// Why, for the journal
        #[arg(long)]
        reason: Option<String>,
    },
    /// Takes accounts from a CSV: all of them, or none if any is wrong
    #[command(after_help = help::examples(&["billkeep account import customers.csv"]))]
    Import {
        /// The file; `-` reads standard input
        file: PathBuf,
        /// The encoding of the text, where its bytes do not tell: utf-8, gb18030, gbk, utf-16le or utf-16be
        #[arg(long)]
        encoding: Option<Encoding>,
        /// Checks everything, and changes nothing
        #[arg(long)]
        dry_run: bool,
    },
    /// Everything that was said of accounts, by day
    List,
    /// The tree of a day, and accounts of bills that are not in it
    Tree {
        /// The day (default: today)
        #[arg(long, value_name = "DAY")]
        on: Option<Day>,
        /// Unassigned accounts of this month only
        #[arg(long)]
        month: Option<BillMonth>,
    },
    /// What accounts were promised, for `bill lint`
    #[command(subcommand)]
    Contract(Contract),
    /// What accounts are sold at
    #[command(subcommand)]
    Price(Price),
    /// Which columns accounts get besides those that every customer gets
    #[command(subcommand)]
    Column(FurtherColumn),
}

#[derive(Debug, clap::Args)]
pub(crate) struct SinkArgs {
    /// Where it is
    pub(crate) url: String,
    /// A setting, such as `rows_per_file=N`; may be given several times
    #[arg(long = "option", value_name = "K=V")]
    pub(crate) options: Vec<String>,
    /// Who reads it: partner or customer
    #[arg(long, default_value_t = Audience::Partner)]
    pub(crate) audience: Audience,
    #[command(flatten)]
    pub(crate) grants: GrantArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Sink {
    /// Add a sink: folder (file:///…), bucket (s3://…, cos://…), plugin (wasm:…)
    #[command(after_help = help::settings_and_examples(&["billkeep sink add finance file:///srv/bills", "billkeep sink add archive s3://bills/partner --option region=ap-southeast-1", "billkeep sink add customer5 file:///srv/customer5 --audience customer --option dialect=spreadsheet"]))]
    Add {
        /// A name for it
        name: String,
        #[command(flatten)]
        what: SinkArgs,
        /// Makes the bucket, where the keys may
        #[arg(long)]
        create_bucket: bool,
        /// Accepts that another sink is at the same place
        #[arg(long)]
        shared: bool,
    },
    /// All sinks
    List,
    /// Tries at the real place what every sink must do, and what this one can
    Test {
        /// Its name
        name: String,
        /// Sends a part of 65 MiB too, which goes in pieces
        #[arg(long)]
        large: bool,
    },
    /// Removes a sink; what was delivered stays there
    Remove {
        /// Its name
        name: String,
    },
}

#[derive(Debug, clap::Args)]
pub(crate) struct AllowArgs {
    /// The account
    pub(crate) uin: Uin,
    /// Only these kinds: daily, monthly, reseller
    #[arg(long, value_delimiter = ',', default_value = "daily,monthly,reseller")]
    pub(crate) kinds: Vec<BillKind>,
    /// Why, for the journal
    #[arg(long)]
    pub(crate) reason: Option<String>,
}

/// A consent, and who takes it back or gives it.
#[derive(Debug, clap::Args)]
pub(crate) struct ConsentArgs {
    /// The account
    pub(crate) uin: Uin,
    /// Only for this sink (default: for all)
    #[arg(long, value_name = "NAME")]
    pub(crate) sink: Option<String>,
    /// Custom bills, the customers' consolidated bills, instead of the storing role
    #[arg(long)]
    pub(crate) custom_bills: bool,
    /// Why, for the journal
    #[arg(long)]
    pub(crate) reason: Option<String>,
}

/// Whereto: a sink that is there, or one that is made on the way.
#[derive(Debug, clap::Args)]
pub(crate) struct Bound {
    /// The account
    pub(crate) uin: Uin,
    /// The sink's name
    #[arg(long)]
    pub(crate) sink: String,
    /// Adds the sink on the way, at this URL
    #[arg(long, value_name = "URL")]
    pub(crate) create: Option<String>,
    /// A setting of the new sink, as for `sink add`
    #[arg(long = "option", value_name = "K=V", requires = "create")]
    pub(crate) options: Vec<String>,
    /// Who reads the new sink: partner or customer
    #[arg(long, default_value_t = Audience::Partner, requires = "create")]
    pub(crate) audience: Audience,
    /// What bills wait for: confirmation (of the month), or issue (complete and asked for by the calendar) (default:
    /// confirmation where a customer reads the sink, else issue; `switch` keeps what was said). A daily bill shows an open
    /// month, so it leaves only after issue. A disputed bill goes to no customer
    #[arg(long, value_name = "MOMENT")]
    pub(crate) after: Option<After>,
    /// Accepts that bills of several customers lie at one place, where each reader reads all
    #[arg(long)]
    pub(crate) shared: bool,
    /// Why, for the journal
    #[arg(long)]
    pub(crate) reason: Option<String>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct EnableArgs {
    #[command(flatten)]
    pub(crate) bound: Bound,
    /// daily, monthly, reseller
    #[arg(long, value_delimiter = ',', default_value = "daily,monthly")]
    pub(crate) kinds: Vec<BillKind>,
    /// Which of the payer's lines its daily and monthly bills hold: all that it owes, or self for its own only
    #[arg(long, default_value_t = PayerLines::All)]
    pub(crate) lines: PayerLines,
    /// Agrees to store the customers' consolidated bills
    #[arg(long)]
    pub(crate) custom_bills: bool,
    /// Puts the account on the allowlist for these kinds first, as `storage allow` does
    #[arg(long)]
    pub(crate) allow: bool,
    /// Grants the storing role first, as `storage authorize` does
    #[arg(long)]
    pub(crate) authorize: bool,
    /// From this day on (default: the first time, for every day that `run` is asked for; later, from today)
    #[arg(long, value_name = "DAY")]
    pub(crate) from: Option<Day>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct SwitchArgs {
    #[command(flatten)]
    pub(crate) bound: Bound,
    /// Only these kinds (default: all that are enabled)
    #[arg(long, value_delimiter = ',')]
    pub(crate) kinds: Option<Vec<BillKind>>,
    /// The last day that stays with the old sink (default: today); the day after is the new one's first
    #[arg(long, value_name = "DAY")]
    pub(crate) on: Option<Day>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Storage {
    /// Put an account on the allowlist: the first of three steps to a delivery
    #[command(after_help = help::examples(&["billkeep storage allow 100010445724"]))]
    Allow {
        #[command(flatten)]
        what: AllowArgs,
        /// The last day (default: for good)
        #[arg(long, value_name = "DAY")]
        until: Option<Day>,
    },
    /// Takes an account off the allowlist; nothing new is written for it
    Deny(AllowArgs),
    /// Grant the storing role for an account, the second step; or custom bills
    Authorize(ConsentArgs),
    /// Revokes the storing role, or custom bills; nothing new is written
    Revoke(ConsentArgs),
    /// Deliver an account's bills to a sink
    #[command(after_help = help::examples(&["billkeep storage enable 100010445724 --sink finance", "billkeep storage enable 200000000001 --sink customer5 --kinds monthly --allow --authorize"]))]
    Enable(EnableArgs),
    /// Stops storing an account's bills; what was delivered stays
    Disable {
        /// The account
        uin: Uin,
        /// Only these kinds (default: all)
        #[arg(long, value_delimiter = ',')]
        kinds: Option<Vec<BillKind>>,
        /// Does not ask
        #[arg(long)]
        yes: bool,
        /// From this day on; bills that were due before may still be delivered (default: at once, for every day)
        #[arg(long, value_name = "DAY")]
        from: Option<Day>,
        /// Why, for the journal
        #[arg(long)]
        reason: Option<String>,
    },
    /// Deliver to another sink from a day on; what was delivered stays
    #[command(after_help = help::examples(&["billkeep storage switch 100010445724 --sink archive --on 2021-03-31"]))]
    Switch(SwitchArgs),
    /// Show what is allowed, authorised and enabled, and what can be done next
    Status {
        /// The account (default: all)
        uin: Option<Uin>,
        /// The day (default: today)
        #[arg(long, value_name = "DAY")]
        on: Option<Day>,
    },
    /// Show every change of bill storage, with days, actors and reasons
    History {
        /// The account (default: all)
        uin: Option<Uin>,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Retention {
    /// For how long things are kept
    Show,
    /// Says for how long something is kept; what has no rule is kept for good
    Set {
        /// Bills in this sink, with --kind
        #[arg(long, value_name = "NAME", requires = "kind", required_unless_present = "revisions")]
        sink: Option<String>,
        /// Which kind: daily, monthly or reseller
        #[arg(long, requires = "sink")]
        kind: Option<BillKind>,
        /// The lines of replaced revisions, in the store
        #[arg(long, conflicts_with = "sink")]
        revisions: bool,
        /// For so many days after the last day covered, or after the month's end
        #[arg(long, value_name = "N", required_unless_present = "forever")]
        days: Option<u32>,
        /// For good
        #[arg(long, conflicts_with = "days")]
        forever: bool,
    },
    /// What may be removed, and the digest to have it done
    Plan(RemovalArgs),
    /// Removes what `retention plan` has shown
    Apply {
        /// The digest that was shown, or its first digits (at least 6)
        #[arg(long, value_name = "PREFIX")]
        plan: String,
        #[command(flatten)]
        what: RemovalArgs,
        /// Acts although the day of `--on` has not come
        #[arg(long)]
        yes: bool,
    },
}

#[derive(Debug, clap::Args)]
pub(crate) struct RemovalArgs {
    /// The day (default: today)
    #[arg(long, value_name = "DAY")]
    pub(crate) on: Option<Day>,
    /// Evidence of confirmed bills as well
    #[arg(long)]
    pub(crate) confirmed: bool,
}
