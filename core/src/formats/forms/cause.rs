//! Why a cell cannot be read.

use crate::values::money::{DIGITS_MAX, SCALE_MAX};

/// Why a cell cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CellCause {
    /// A spreadsheet has cut the digits of an id.
    #[error("a spreadsheet rewrote this file and cut the digits; import the original file")]
    Scientific,
    /// A spreadsheet has written a time or a month in its own way.
    #[error("a spreadsheet rewrote this file and lost part of the time; import the original file")]
    Reformatted,
    /// A spreadsheet's number for a day.
    #[error("it is a spreadsheet's day number; a spreadsheet rewrote this file, import the original file")]
    DayNumber,
    /// A spreadsheet's error.
    #[error("it is an error of a spreadsheet, which rewrote this file; import the original file")]
    SheetError,
    /// A number that was kept as a float, whose last digits may be others.
    #[error(
        "a program rewrote this id as a number with decimals, and its last digits may be wrong; import the original file"
    )]
    Float,
    /// A character that does not belong there.
    #[error("it holds {}", character_text(*.0))]
    Character(char),
    /// More digits than the limit.
    #[error("it has {0} digits, and the limit is {DIGITS_MAX}")]
    Digits(usize),
    /// More decimals than the limit.
    #[error("it has {0} decimals, and the limit is {SCALE_MAX}")]
    Decimals(usize),
    /// A comma where a point would be.
    #[error("its comma may be a decimal mark or separate thousands; write the amount with a point")]
    DecimalComma,
    /// A sign of another currency than the line's.
    #[error("it has the sign `{0}`, which does not agree with the currency of the line")]
    Sign(&'static str),
    /// A day that the calendar does not have.
    #[error("there is no such day")]
    NoSuchDay,
    /// A time that no clock shows.
    #[error("there is no such time of day")]
    NoSuchTime,
    /// A day without a time.
    #[error("the time of day is missing")]
    NoTime,
    /// A time with a zone of its own.
    #[error("it has a time zone, and the times of a bill have none")]
    Zone,
}

/// Names a character by its number, and shows it where that is safe.
fn character_text(character: char) -> String {
    let number = format!("U+{:04X}", u32::from(character));
    if character.is_alphanumeric() || character.is_ascii_punctuation() {
        format!("`{character}` ({number})")
    } else {
        number
    }
}
