//! Account ids.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// An account id (UIN): a decimal number of 9 to 12 digits (docs/DOMAIN.md#parties).
///
/// It is text in every file that a person opens; a number here, so that it sorts and packs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Uin(u64);

impl Uin {
    /// Parses the digits of a cell.
    pub fn parse(text: &[u8]) -> Option<Uin> {
        if !(9..=12).contains(&text.len()) || text.first() == Some(&b'0') {
            return None;
        }
        let mut value = 0_u64;
        for b in text {
            if !b.is_ascii_digit() {
                return None;
            }
            value = value * 10 + u64::from(b - b'0');
        }
        Some(Uin(value))
    }

    /// Returns the id with a number, if it is one.
    pub fn of_number(number: u64) -> Option<Uin> {
        (100_000_000..1_000_000_000_000).contains(&number).then_some(Uin(number))
    }

    /// Returns the id as a number.
    pub const fn number(self) -> u64 {
        self.0
    }
}

impl FromStr for Uin {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Uin::parse(text.as_bytes())
            .ok_or_else(|| format!("`{text}` is not an account id: a UIN has 9 to 12 digits"))
    }
}

impl fmt::Display for Uin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_have_nine_to_twelve_digits() {
        assert_eq!("100010445724".parse::<Uin>().unwrap().to_string(), "100010445724");
        assert!("909619400".parse::<Uin>().is_ok());
        for bad in ["", "12345678", "1234567890123", "1.00010E+11", "12ab56789", "000000001"] {
            assert!(bad.parse::<Uin>().is_err(), "{bad}");
        }
    }
}
