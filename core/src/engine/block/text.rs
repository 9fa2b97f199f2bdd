//! Cell texts that are numbers in disguise: they are kept as integers, and written back to the letter.
//!
//! A text belongs to a form only if writing its integer gives the same bytes again. Whatever does not
//! (`-0.10`, `1,234.56`, `007` beside `7`) is kept as text, so no cell ever changes.

use crate::values::digits::{digits, read_fixed, read_time, write_digits, write_fixed, write_time};

/// How an integer is written as a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CellForm {
    /// A decimal with this many decimals: 1250 at 3 is `1.250`.
    Fixed(u8),
    /// Seconds since 1970-01-01 00:00:00, as `YYYY-MM-DD HH:MM:SS`.
    Time,
    /// Digits, zero-padded to this width.
    Digits(u8),
}

impl CellForm {
    /// Returns the form that a cell looks like.
    pub(crate) fn guess(cell: &[u8]) -> Option<CellForm> {
        if cell.len() == 19 && CellForm::Time.read(cell).is_some() {
            return Some(CellForm::Time);
        }
        if let Some(dot) = cell.iter().position(|b| *b == b'.') {
            let form = CellForm::Fixed(u8::try_from(cell.len() - dot - 1).ok()?);
            return form.read(cell).map(|_| form);
        }
        let form = if cell.first() == Some(&b'0') && cell.len() > 1 || cell.len() > 9 {
            CellForm::Digits(u8::try_from(cell.len()).ok()?)
        } else {
            CellForm::Fixed(0)
        };
        form.read(cell).map(|_| form)
    }

    /// Says whether all its texts are as long as each other, so that they sort as their integers do.
    pub(crate) fn sorts_as_text(self) -> bool {
        matches!(self, CellForm::Digits(_) | CellForm::Time)
    }

    /// Reads a cell that has exactly this form.
    pub(crate) fn read(self, cell: &[u8]) -> Option<i64> {
        match self {
            CellForm::Fixed(scale) => read_fixed(cell, usize::from(scale)),
            CellForm::Time => read_time(cell),
            CellForm::Digits(width) => {
                if cell.len() != usize::from(width) || cell.len() > 18 || cell.is_empty() {
                    return None;
                }
                digits(cell)
            }
        }
    }

    /// Writes the cell of an integer.
    pub(crate) fn write(self, value: i64, out: &mut Vec<u8>) {
        match self {
            CellForm::Fixed(scale) => {
                if value < 0 {
                    out.push(b'-');
                }
                write_fixed(value.unsigned_abs(), usize::from(scale), out);
            }
            CellForm::Time => write_time(value, out),
            CellForm::Digits(width) => write_digits(value.unsigned_abs(), usize::from(width), out),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::values::digits::{date_of, eight_digits};
    use proptest::prelude::*;

    fn round_trip(cell: &str) -> bool {
        let Some(form) = CellForm::guess(cell.as_bytes()) else { return false };
        let mut out = Vec::new();
        form.write(form.read(cell.as_bytes()).unwrap(), &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), cell);
        true
    }

    #[test]
    fn the_usual_cells_are_integers() {
        for cell in
            ["0.00000000", "-0.69", "12.5", "7", "-3", "20210301000000123", "2021-03-31 23:59:59", "007"]
        {
            assert!(round_trip(cell), "{cell}");
        }
    }

    #[test]
    fn what_would_come_back_changed_stays_text() {
        for cell in [
            "",
            "-",
            "-0.00",
            "+1",
            "1,234.56",
            "1e-7",
            ".5",
            "5.",
            "00.5",
            "2021-02-30 00:00:00",
            "2021-3-1 0:00:00",
        ] {
            assert!(!round_trip(cell), "{cell}");
        }
    }

    #[test]
    fn dates_are_those_of_the_calendar() {
        for days in (-700_000..2_900_000).step_by(17).chain(-800..40_000) {
            let day = crate::values::period::Day::from_epoch_days(days).unwrap();
            let date = date_of(i64::from(days)).unwrap();
            let month = day.month();
            let want = (month.year().unsigned_abs(), month.month(), day.day_of_month());
            assert_eq!(date, (want.0.into(), want.1.into(), want.2.into()), "{days}");
        }
    }

    #[test]
    fn digits_are_written_with_zeros_before_them() {
        for (value, width, want) in
            [(0, 1, "0"), (0, 0, ""), (7, 3, "007"), (100, 2, "100"), (u64::MAX, 1, "18446744073709551615")]
        {
            let mut out = Vec::new();
            write_digits(value, width, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), want);
        }
    }

    #[test]
    fn eight_digits_are_digits_only() {
        assert_eq!(eight_digits(*b"12345678"), Some(12_345_678));
        assert_eq!(eight_digits(*b"00000009"), Some(9));
        for at in 0..8 {
            for byte in (0..=255_u8).filter(|b| !b.is_ascii_digit()) {
                let mut text = *b"90909090";
                text[at] = byte;
                assert_eq!(eight_digits(text), None, "{byte} at {at}");
            }
        }
    }

    proptest! {
        #[test]
        fn digits_are_read_as_numbers(text in "[0-9]{1,18}") {
            prop_assert_eq!(digits(text.as_bytes()), Some(text.parse::<i64>().unwrap()));
        }

        #[test]
        fn reading_is_exact_or_refused(cell in "[-0-9.: ]{0,22}") {
            round_trip(&cell);
        }
    }
}
