//! Arguments of what goes by the calendar: `calendar`, `due` and `run`.

use std::path::PathBuf;

use billkeep_core::deliveries::{MonthRange, TimeOfDay};
use billkeep_core::formats::BillKind;
use billkeep_core::values::{Basis, Day};
use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub(crate) enum Calendar {
    /// All calendars, and from which day on the store follows them
    List,
    /// A calendar's figures
    Show {
        /// Its name (default: the one that holds today)
        name: Option<String>,
        /// Writes it as a file, to begin one of your own from
        #[arg(long)]
        as_file: bool,
    },
    /// Checks a calendar's file, and shows its figures; needs no store
    Check {
        /// The calendar's file: TOML
        file: PathBuf,
    },
    /// Adds a calendar from a file, which is not needed afterwards
    Add {
        /// The calendar's file: TOML
        file: PathBuf,
    },
    /// Removes a calendar that no day follows
    Remove {
        /// Its name
        name: String,
    },
}

#[derive(Debug, clap::Args)]
pub(crate) struct Due {
    /// The day, all of it (default: today, at this time)
    #[arg(long, value_name = "DAY")]
    pub(crate) on: Option<Day>,
    /// At this time of the day
    #[arg(long, value_name = "HH:MM")]
    pub(crate) at: Option<TimeOfDay>,
    /// All days from this one on, with what is asked for first on each
    #[arg(long, value_name = "DAY", requires = "to", conflicts_with_all = ["on", "at"])]
    pub(crate) from: Option<Day>,
    /// The last of these days
    #[arg(long, value_name = "DAY", requires = "from")]
    pub(crate) to: Option<Day>,
    /// Bills by this basis: used or paid (default: as the calendar says)
    #[arg(long)]
    pub(crate) basis: Option<Basis>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Run {
    /// The day, all of it (default: today, at this time)
    #[arg(long, value_name = "DAY", group = "days")]
    pub(crate) on: Option<Day>,
    /// At this time of the day
    #[arg(long, value_name = "HH:MM")]
    pub(crate) at: Option<TimeOfDay>,
    /// Bills by this basis: used or paid (default: as the calendar says)
    #[arg(long)]
    pub(crate) basis: Option<Basis>,
    /// Tells what would be delivered, and delivers nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// What was due for these months and is not there: 2020-01..2021-03, or one month
    #[arg(long, value_name = "MONTHS", group = "days", conflicts_with_all = ["on", "at"])]
    pub(crate) backfill: Option<MonthRange>,
    /// Writes figures for a monitoring system: Prometheus text
    #[arg(long, value_name = "FILE")]
    pub(crate) metrics: Option<std::path::PathBuf>,
    /// Only these kinds, with commas (default: all)
    #[arg(long, value_name = "KINDS", value_delimiter = ',', requires = "backfill")]
    pub(crate) kind: Vec<BillKind>,
    /// Does not ask before it delivers many files; acts although the day of `--on` has not come
    #[arg(long, requires = "days")]
    pub(crate) yes: bool,
}
