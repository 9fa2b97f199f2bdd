//! The part of the command line that is about what customers pay and see.

use clap::{Subcommand, ValueEnum};

use super::life::Days;
use super::{Which, help};
use billkeep_core::partners::RoundingMode;
use billkeep_core::values::Uin;

#[derive(Debug, Subcommand)]
pub(crate) enum Price {
    /// Sets an account's price for a product or for all, or a monthly fee
    #[command(after_help = help::examples(&["billkeep account price set 200000000001 --discount 0.95 --decimals 2", "billkeep account price set 200000000001 --fee 50 --currency USD"]))]
    Set {
        /// The account
        uin: Uin,
        #[command(flatten)]
        of: PriceOf,
        /// The product's name, as bills have it (default: all products that have no price of their own)
        #[arg(long, value_name = "NAME", conflicts_with = "fee")]
        product: Option<String>,
        /// In which currency the fee is
        #[arg(long, value_name = "CODE", requires = "fee")]
        currency: Option<String>,
        /// To how many decimals a line's price is rounded, 0 to 8
        #[arg(long, value_name = "N", default_value_t = 8, conflicts_with = "fee")]
        decimals: u8,
        /// Which way: half-up, half-even, up or down
        #[arg(long, value_name = "MODE", default_value = "half-up", conflicts_with = "fee")]
        rounding: RoundingMode,
        #[command(flatten)]
        days: Days,
        /// Accepts a price that looks mistyped: more than twice what it is worked out from, or below the partner's cost
        #[arg(long)]
        yes: bool,
    },
    /// All prices and fees
    List,
    /// Takes a price or a monthly fee back
    Remove {
        /// The account
        uin: Uin,
        /// The product's name, as bills have it (default: the price for all products)
        #[arg(long, value_name = "NAME", conflicts_with = "fee")]
        product: Option<String>,
        /// The monthly fee
        #[arg(long)]
        fee: bool,
        #[command(flatten)]
        days: Days,
    },
}

#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
pub(crate) struct PriceOf {
    /// What the original cost is multiplied by: 0.95 takes 5% off
    #[arg(long, value_name = "FACTOR")]
    pub(crate) discount: Option<String>,
    /// How many percent of the partner's cost come on top of it
    #[arg(long, value_name = "PERCENT", allow_hyphen_values = true)]
    pub(crate) cost_plus: Option<String>,
    /// A fee for each month in which the account has a line
    #[arg(long, value_name = "AMOUNT", requires = "currency")]
    pub(crate) fee: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum FurtherColumn {
    /// Lets exports for an account have a column
    Add {
        /// The account
        uin: Uin,
        /// Its header, as bills have it
        header: String,
    },
    /// All columns that were given
    List,
    /// Takes a column back
    Remove {
        /// The account
        uin: Uin,
        /// Its header, as bills have it
        header: String,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum GroupBy {
    Owner,
    Product,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Margin {
    #[command(flatten)]
    pub(crate) which: Which,
    /// owner, product or both
    #[arg(long, value_enum, value_delimiter = ',', default_value = "owner,product")]
    pub(crate) by: Vec<GroupBy>,
    /// An earlier revision
    #[arg(long)]
    pub(crate) revision: Option<u32>,
}
