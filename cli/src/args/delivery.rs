//! The part of the command line that is about deliveries.

use clap::Subcommand;

use super::help;

#[derive(Debug, Subcommand)]
pub(crate) enum Delivery {
    /// List deliveries
    #[command(after_help = help::examples(&["billkeep delivery list", "billkeep delivery list --where month=2021-03 --where sink=finance"]))]
    List {
        /// Where each part lies; with FIELD=VALUE, only these deliveries: uin, kind, sink, state, month or day
        #[arg(long = "where", value_name = "FIELD=VALUE", num_args = 0..=1, default_missing_value = "")]
        filter: Vec<String>,
    },
    /// Show all that is known of a delivery, and what to do if it failed
    Show {
        /// Its number
        number: u64,
    },
    /// Compare what sinks hold with what was delivered
    #[command(after_help = help::examples(&["billkeep delivery verify", "billkeep delivery verify --sink archive --read-data"]))]
    Verify {
        /// Only this sink
        #[arg(long)]
        sink: Option<String>,
        #[command(flatten)]
        how: HowArgs,
    },
    /// Sends again what a sink has lost or altered
    Repair {
        /// Only this delivery
        number: Option<u64>,
        /// Only this sink
        #[arg(long)]
        sink: Option<String>,
        #[command(flatten)]
        how: HowArgs,
    },
    /// Makes an empty store's bills again from what was delivered to a sink
    Rebuild {
        /// Which sink
        #[arg(long)]
        sink: String,
    },
    /// Goes on with a delivery that failed, at once
    Retry {
        /// Its number
        number: u64,
    },
    /// Gives up a delivery that is not there yet
    Abandon {
        /// Its number
        number: u64,
        /// Why, for the journal
        #[arg(long)]
        reason: String,
        /// Leaves at the sink what may lie there of it
        #[arg(long)]
        leave: bool,
    },
}

/// How closely a sink is looked at.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(crate) struct HowArgs {
    /// Read every byte (default for folders; elsewhere lengths and marks are compared)
    #[arg(long, conflicts_with_all = ["sample", "head"])]
    pub(crate) read_data: bool,
    /// Reads every byte of so many parts in a hundred, others each time: 5%
    #[arg(long, hide = true, value_name = "PERCENT", value_parser = percent, conflicts_with = "head")]
    pub(crate) sample: Option<u8>,
    /// Asks for lengths only (default for object stores)
    #[arg(long, hide = true)]
    pub(crate) head: bool,
}

fn percent(text: &str) -> Result<u8, String> {
    let number = text.strip_suffix('%').unwrap_or(text).parse().ok();
    number
        .filter(|n| (1..=100).contains(n))
        .ok_or_else(|| format!("`{text}` is not a number of parts in a hundred, as `5%`"))
}
