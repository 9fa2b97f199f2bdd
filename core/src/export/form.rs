//! How an export presents its lines: level of detail, division into files, dialect of CSV, and for whom.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Which level of detail an export has (domain, "What is in a file").
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Shape {
    /// Every line with every column, as imported.
    #[default]
    L3,
    /// Lines aggregated by month, by the provider's published rule.
    L3Monthly,
    /// By resource, with 2 decimals.
    L2,
    /// Summaries by product, project, region, billing mode and tag.
    L1,
    /// All of the above in one zip.
    Pack,
}

/// Into which files an export's lines are divided.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Per {
    /// All lines together.
    #[default]
    Consolidated,
    /// A CSV for each customer.
    Customer,
    /// A CSV for each second-level reseller.
    Reseller,
}

/// How a CSV is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Dialect {
    /// For programs: cells as they are, records that end in LF.
    #[default]
    Plain,
    /// For spreadsheets: a byte order mark, CRLF, ids as text, and text that cannot be taken for a formula.
    Spreadsheet,
}

/// Who reads a sink.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Audience {
    /// The partner itself.
    #[default]
    Partner,
    /// A customer of the partner, who must not see the partner's cost or other customers.
    Customer,
}

macro_rules! words {
    ($type:ident, $what:literal, $($variant:ident = $word:literal),+ $(,)?) => {
        impl $type {
            /// All of them, in order.
            pub const ALL: &[$type] = &[$($type::$variant),+];

            /// Returns the word for it.
            pub fn word(self) -> &'static str {
                match self {
                    $($type::$variant => $word),+
                }
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.word())
            }
        }

        impl FromStr for $type {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                let found = $type::ALL.iter().copied().find(|one| one.word() == text);
                found.ok_or_else(|| {
                    let words: Vec<&str> = $type::ALL.iter().map(|one| one.word()).collect();
                    format!("`{text}` is not {}: write one of {}", $what, words.join(", "))
                })
            }
        }
    };
}

words!(Shape, "a shape", L3 = "l3", L3Monthly = "l3-monthly", L2 = "l2", L1 = "l1", Pack = "pack");
words!(
    Per,
    "a way to divide an export",
    Consolidated = "consolidated",
    Customer = "customer",
    Reseller = "reseller"
);
words!(Dialect, "a dialect", Plain = "plain", Spreadsheet = "spreadsheet");
words!(Audience, "an audience", Partner = "partner", Customer = "customer");

/// All of how an export presents its lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Form {
    /// The level of detail.
    pub shape: Shape,
    /// The division into files.
    pub per: Per,
    /// The dialect of CSV.
    pub dialect: Dialect,
    /// For whom.
    pub audience: Audience,
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {} {}", self.shape, self.per, self.dialect, self.audience)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_read_back() {
        Shape::ALL.iter().for_each(|one| assert_eq!(one.word().parse(), Ok(*one)));
        Per::ALL.iter().for_each(|one| assert_eq!(one.word().parse(), Ok(*one)));
        Dialect::ALL.iter().for_each(|one| assert_eq!(one.word().parse(), Ok(*one)));
        Audience::ALL.iter().for_each(|one| assert_eq!(one.word().parse(), Ok(*one)));
        let error = "weekly".parse::<Shape>().unwrap_err();
        assert!(error.contains("l3-monthly"), "{error}");
    }
}
