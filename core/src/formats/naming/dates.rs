//! Days and bases as names have them.

use crate::values::period::{Basis, BillMonth, Day};

/// Parses the two digits of a day of the month.
pub(super) fn parse_day(month: BillMonth, text: &str) -> Option<Day> {
    let digits = text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit());
    month.day(digits.then(|| text.parse().ok())??)
}

pub(super) fn parse_basis(word: &str) -> Option<Basis> {
    [Basis::Used, Basis::Paid].into_iter().find(|basis| basis.in_names() == word)
}
