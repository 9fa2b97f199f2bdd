//! The words that say what an export is: kind, shape, division, scope.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::values::near::no_word;

/// The kind of bill that an export holds (docs/DOMAIN.md#kinds-of-bills).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BillKind {
    /// Month to date, every day.
    Daily,
    /// The complete month.
    Monthly,
    /// The customers' lines of a confirmed month, consolidated.
    Reseller,
}

impl BillKind {
    /// All kinds, in order.
    pub const ALL: [BillKind; 3] = [BillKind::Daily, BillKind::Monthly, BillKind::Reseller];

    /// Returns the word for the kind.
    pub fn word(self) -> &'static str {
        match self {
            BillKind::Daily => "daily",
            BillKind::Monthly => "monthly",
            BillKind::Reseller => "reseller",
        }
    }
}

impl fmt::Display for BillKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

impl FromStr for BillKind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = BillKind::ALL.into_iter().find(|kind| kind.word() == text);
        found.ok_or_else(|| no_word(text, "a kind", &BillKind::ALL.map(BillKind::word)))
    }
}

/// Which level of detail an export has (docs/DOMAIN.md#levels).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
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
#[serde(rename_all = "lowercase")]
pub enum Per {
    /// All lines together.
    #[default]
    Consolidated,
    /// A CSV for each customer.
    Customer,
    /// A CSV for each second-level reseller.
    Reseller,
}

/// Whose lines an export holds, in a word: the account is told by the UIN that it is named after.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ScopeWord {
    /// All lines that the payer owes.
    #[default]
    Payer,
    /// The payer's own lines, without the customers'.
    #[serde(rename = "self")]
    SelfUse,
    /// The customers' lines, without the payer's own.
    Customers,
    /// One account's lines.
    Owner,
    /// The lines of a second-level reseller and its customers.
    Reseller,
}

/// Gives an enum its words: `ALL`, `word`, `Display` and `FromStr`.
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

        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.word())
            }
        }

        impl std::str::FromStr for $type {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                let found = $type::ALL.iter().copied().find(|one| one.word() == text);
                found.ok_or_else(|| {
                    let words: Vec<&str> = $type::ALL.iter().map(|one| one.word()).collect();
                    $crate::values::near::no_word(text, $what, &words)
                })
            }
        }
    };
}

pub(crate) use words;

words!(Shape, "a shape", L3 = "l3", L3Monthly = "l3-monthly", L2 = "l2", L1 = "l1", Pack = "pack");
words!(
    Per,
    "a way to divide an export",
    Consolidated = "consolidated",
    Customer = "customer",
    Reseller = "reseller"
);
words!(
    ScopeWord,
    "a scope",
    Payer = "payer",
    SelfUse = "self",
    Customers = "customers",
    Owner = "owner",
    Reseller = "reseller"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_read_as_they_are_written() {
        for (kind, word) in BillKind::ALL.into_iter().zip(["daily", "monthly", "reseller"]) {
            assert_eq!(kind.to_string(), word);
            assert_eq!(word.parse(), Ok(kind));
            assert_eq!(serde_json::to_string(&kind).unwrap(), format!("\"{word}\""));
        }
        for other in ["", "Daily", "weekly", "daily "] {
            assert!(other.parse::<BillKind>().is_err(), "{other}");
        }
    }

    #[test]
    fn every_word_is_read_back_and_is_what_json_has() {
        fn check<T: Copy + fmt::Debug + PartialEq + FromStr<Err = String> + Serialize>(
            all: &[T],
            words: &[&str],
            word: impl Fn(T) -> &'static str,
        ) {
            assert_eq!(all.iter().map(|one| word(*one)).collect::<Vec<_>>(), words);
            for (one, text) in all.iter().zip(words) {
                assert_eq!(text.parse(), Ok(*one));
                assert_eq!(serde_json::to_string(one).unwrap(), format!("\"{text}\""));
                assert!(text.to_uppercase().parse::<T>().unwrap_err().contains(words[0]));
            }
        }
        check(Shape::ALL, &["l3", "l3-monthly", "l2", "l1", "pack"], Shape::word);
        check(Per::ALL, &["consolidated", "customer", "reseller"], Per::word);
        check(ScopeWord::ALL, &["payer", "self", "customers", "owner", "reseller"], ScopeWord::word);
    }
}
