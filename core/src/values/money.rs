//! Exact amounts: an integer mantissa and a decimal scale, never a float.
//!
//! A bill's cells are decimal texts with up to eight decimals (docs/DOMAIN.md#values). They are parsed to
//! [`Amount`], added in [`Amount`], and written from [`Amount`]; nothing in between rounds. The text of a
//! cell is kept elsewhere, so parsing may forgive spelling (`1,234.56`, `1e-7`) without losing it.

use std::cmp::Ordering;
use std::fmt;

use serde::{Deserialize, Serialize};

/// The most digits a cell may have: far beyond any bill, and small enough that sums cannot overflow.
pub(crate) const DIGITS_MAX: u32 = 26;
/// The most decimals a cell may have.
pub(crate) const SCALE_MAX: u32 = 18;

/// The decimals of sums: what detail bills have at most (docs/DOMAIN.md#values).
const SUM_SCALE: u8 = 8;
const SUM_UNIT: u64 = 10_u64.pow(SUM_SCALE as u32);

/// An exact decimal amount, `mantissa × 10^-scale`.
///
/// Equality and order are by value: `1.50` equals `1.5`. The scale is what is shown.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Amount {
    mantissa: i128,
    scale: u8,
}

impl Amount {
    /// Zero, with no decimals.
    pub const ZERO: Amount = Amount { mantissa: 0, scale: 0 };

    /// Makes an amount of `mantissa × 10^-scale`.
    pub const fn new(mantissa: i128, scale: u8) -> Self {
        Amount { mantissa, scale }
    }

    /// Returns the integer part of the representation.
    pub const fn mantissa(self) -> i128 {
        self.mantissa
    }

    /// Returns the number of decimals shown.
    pub const fn scale(self) -> u8 {
        self.scale
    }

    /// Adds exactly, at the larger scale of the two; `None` beyond what 128 bits hold.
    pub fn checked_add(self, other: Amount) -> Option<Amount> {
        let scale = self.scale.max(other.scale);
        if self.scale == other.scale {
            return Some(Amount { mantissa: self.mantissa.checked_add(other.mantissa)?, scale });
        }
        let sum = self.rescaled(scale)?.checked_add(other.rescaled(scale)?)?;
        Some(Amount { mantissa: sum, scale })
    }

    /// Subtracts exactly, at the larger scale of the two; `None` beyond what 128 bits hold.
    pub fn checked_sub(self, other: Amount) -> Option<Amount> {
        self.checked_add(Amount { mantissa: other.mantissa.checked_neg()?, scale: other.scale })
    }

    /// Multiplies exactly; `None` beyond what 128 bits hold.
    pub fn checked_mul(self, other: Amount) -> Option<Amount> {
        let (a, b) = (self.shortest(), other.shortest());
        Some(Amount { mantissa: a.mantissa.checked_mul(b.mantissa)?, scale: a.scale.checked_add(b.scale)? })
    }

    /// Returns the same amount without decimals that are zero and last.
    pub fn shortest(self) -> Amount {
        let mut short = self;
        while short.scale > 0 && short.mantissa % 10 == 0 {
            short = Amount { mantissa: short.mantissa / 10, scale: short.scale - 1 };
        }
        short
    }

    /// Returns the mantissa at `scale`, which must not be smaller than this amount's own.
    pub fn rescaled(self, scale: u8) -> Option<i128> {
        let by = scale.checked_sub(self.scale)?;
        if by == 0 {
            return Some(self.mantissa);
        }
        self.mantissa.checked_mul(10_i128.checked_pow(u32::from(by))?)
    }

    /// Returns the same amount as sums are shown: with eight decimals, more only where they are needed.
    ///
    /// The scale of a sum would otherwise tell which other lines lay beside it in the store.
    #[inline]
    pub fn with_sum_scale(self) -> Amount {
        if self.scale == SUM_SCALE { self } else { self.at_sum_scale() }
    }

    fn at_sum_scale(self) -> Amount {
        let mut shown = self;
        while shown.scale > SUM_SCALE && shown.mantissa % 10 == 0 {
            shown = Amount { mantissa: shown.mantissa / 10, scale: shown.scale - 1 };
        }
        match shown.rescaled(SUM_SCALE) {
            Some(mantissa) if shown.scale < SUM_SCALE => Amount { mantissa, scale: SUM_SCALE },
            _ => shown,
        }
    }

    /// Parses a cell: `Ok(None)` where the amount is not shown (empty, `-`, `--`).
    ///
    /// Takes an optional sign, digits with or without well-placed thousands separators, decimals, and a small
    /// decimal exponent; white space around it (tabs and U+00A0 too) is passed over.
    ///
    /// # Errors
    /// [`NotAnAmount`] for any text with more than one reading, or none.
    pub fn parse_cell(cell: &[u8]) -> Result<Option<Amount>, NotAnAmount> {
        if let Some(plain) = parse_plain(cell) {
            return Ok(Some(plain));
        }
        let text = Amount::trim_cell(cell);
        if is_blank(text) { Ok(None) } else { parse(text).map(Some).ok_or(NotAnAmount) }
    }

    /// Reads a cell that an import has let in; `None` where it shows no amount, as a number with a percent sign does not.
    pub fn imported(cell: &[u8]) -> Option<Amount> {
        Amount::parse_cell(cell).ok().flatten()
    }

    /// Appends the amount as a decimal, with as many decimals as its scale.
    pub fn write(self, out: &mut Vec<u8>) {
        if self.mantissa < 0 {
            out.push(b'-');
        }
        match (u64::try_from(self.mantissa.unsigned_abs()), self.scale) {
            (Ok(whole), 0) => write_whole(whole, out),
            (Ok(digits), SUM_SCALE) => write_sum(digits, out),
            (_, scale) => self.write_large(usize::from(scale), out),
        }
    }

    /// Appends the digits of any amount, one by one.
    fn write_large(self, scale: usize, out: &mut Vec<u8>) {
        let start = out.len();
        let (mut left, mut count) = (self.mantissa.unsigned_abs(), 0);
        while left > 0 || count <= scale {
            if count == scale && scale > 0 {
                out.push(b'.');
            }
            out.push(b'0' + (left % 10) as u8);
            left /= 10;
            count += 1;
        }
        // They came from the last to the first.
        if let Some(digits) = out.get_mut(start..) {
            digits.reverse();
        }
    }

    /// Writes the amount with thousands separators, for people.
    pub fn grouped(self) -> String {
        let plain = self.to_string();
        let (sign, rest) = plain.strip_prefix('-').map_or(("", plain.as_str()), |r| ("-", r));
        let (whole, decimals) = rest.split_once('.').map_or((rest, None), |(w, d)| (w, Some(d)));
        let mut out = String::from(sign);
        for (i, digit) in whole.chars().enumerate() {
            if i > 0 && (whole.len() - i).is_multiple_of(3) {
                out.push(',');
            }
            out.push(digit);
        }
        if let Some(decimals) = decimals {
            out.push('.');
            out.push_str(decimals);
        }
        out
    }
}

impl PartialEq for Amount {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Amount {}

impl PartialOrd for Amount {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Amount {
    fn cmp(&self, other: &Self) -> Ordering {
        let scale = self.scale.max(other.scale);
        match (self.rescaled(scale), other.rescaled(scale)) {
            (Some(a), Some(b)) => a.cmp(&b),
            // One of them is too large to rescale: it is the larger in size, so its sign decides.
            (None, _) => self.mantissa.cmp(&0),
            (_, None) => 0.cmp(&other.mantissa),
        }
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = Vec::with_capacity(24);
        self.write(&mut text);
        f.write_str(std::str::from_utf8(&text).unwrap_or_default())
    }
}

/// Returns the digits of two numbers below 10,000, one in the lower and one in the upper half: eight bytes of text,
/// the first digit lowest.
///
/// All digits are made at once: numbers of four digits become two of two, and those two of one, each in its own bits.
/// Multiplying and shifting divides, exactly for numbers so small.
fn digits_of(fours: u64) -> u64 {
    let hundreds = ((fours * 10_486) >> 20) & 0x0000_007f_0000_007f;
    let twos = hundreds | ((fours - hundreds * 100) << 16);
    let tens = ((twos * 103) >> 10) & 0x000f_000f_000f_000f;
    let ones = tens | ((twos - tens * 10) << 8);
    ones | 0x3030_3030_3030_3030
}

/// Returns how many of four digits are zeros before the number, whose last digit always counts.
fn leading_zeros(number: u32) -> usize {
    usize::from(number < 1000) + usize::from(number < 100) + usize::from(number < 10)
}

/// Appends a number without leading zeros.
fn write_whole(number: u64, out: &mut Vec<u8>) {
    let low = (number % 10_000) as u32;
    let zeros = if number >= 10_000 {
        write_whole(number / 10_000, out);
        0
    } else {
        leading_zeros(low)
    };
    // All four are appended, as one piece that stays in a register, with the zeros shifted out.
    let digits = digits_of(u64::from(low)) as u32 >> (8 * zeros);
    out.extend_from_slice(&digits.to_le_bytes());
    out.truncate(out.len() - zeros);
}

/// Appends the decimal of a sum, which has eight decimals.
fn write_sum(digits: u64, out: &mut Vec<u8>) {
    let (whole, decimals) = (digits / SUM_UNIT, (digits % SUM_UNIT) as u32);
    let low = (whole % 10_000) as u32;
    let zeros = if whole >= 10_000 {
        write_whole(whole / 10_000, out);
        0
    } else {
        leading_zeros(low)
    };
    let whole_text = u128::from(digits_of(u64::from(low)) as u32);
    let decimals_text = digits_of(u64::from(decimals / 10_000) | u64::from(decimals % 10_000) << 32);
    let text = whole_text | u128::from(b'.') << 32 | u128::from(decimals_text) << 40;
    let text = text >> (8 * zeros);
    out.extend_from_slice(&text.to_le_bytes());
    out.truncate(out.len() - 3 - zeros);
}

/// A cell that is not an amount in any single reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an amount")]
pub struct NotAnAmount;

/// Says whether a cell shows nothing: it is empty, `-` or `--`, with or without white space around it.
pub(crate) fn is_blank(cell: &[u8]) -> bool {
    matches!(Amount::trim_cell(cell), b"" | b"-" | b"--")
}

impl Amount {
    /// Passes over white space at both ends: ASCII, and U+00A0, which suppliers' files hold (docs/DOMAIN.md#values).
    pub fn trim_cell(mut cell: &[u8]) -> &[u8] {
        loop {
            let before = cell.len();
            cell = cell.trim_ascii();
            cell = cell.strip_prefix("\u{a0}".as_bytes()).unwrap_or(cell);
            cell = cell.strip_suffix("\u{a0}".as_bytes()).unwrap_or(cell);
            if cell.len() == before {
                return cell;
            }
        }
    }
}

/// Parses the usual cell, `-?digits[.digits]` with at most 18 digits; `None` for all others, right or wrong.
fn parse_plain(cell: &[u8]) -> Option<Amount> {
    let (negative, digits) = match cell {
        [b'-', rest @ ..] => (true, rest),
        rest => (false, rest),
    };
    if digits.is_empty() || digits.len() > 19 {
        return None;
    }
    let mut mantissa = 0_i64;
    let mut dot = None;
    for (at, b) in digits.iter().enumerate() {
        let digit = b.wrapping_sub(b'0');
        if digit <= 9 {
            mantissa = mantissa.checked_mul(10)?.checked_add(i64::from(digit))?;
        } else if *b == b'.' && dot.is_none() && at > 0 {
            dot = Some(at);
        } else {
            return None;
        }
    }
    let scale = match dot {
        Some(at) => {
            u8::try_from(digits.len() - at - 1).ok().filter(|s| *s > 0 && u32::from(*s) <= SCALE_MAX)?
        }
        None => 0,
    };
    Some(Amount { mantissa: i128::from(if negative { -mantissa } else { mantissa }), scale })
}

fn parse(text: &[u8]) -> Option<Amount> {
    let (negative, rest) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        rest => (false, rest),
    };
    let (number, exponent) = match rest.iter().position(|b| matches!(b, b'e' | b'E')) {
        Some(at) => (rest.get(..at)?, parse_exponent(rest.get(at + 1..)?)?),
        None => (rest, 0),
    };
    let (whole, decimals) = match number.iter().position(|b| *b == b'.') {
        Some(at) => (number.get(..at)?, number.get(at + 1..)?),
        None => (number, &b""[..]),
    };
    if whole.is_empty() || (number.len() > whole.len() && decimals.is_empty()) {
        return None;
    }
    let mut mantissa: i128 = 0;
    let mut digits = 0_u32;
    let mut push = |b: u8| -> Option<()> {
        if !b.is_ascii_digit() {
            return None;
        }
        digits += 1;
        mantissa = mantissa.checked_mul(10)?.checked_add(i128::from(b - b'0'))?;
        Some(())
    };
    if whole.contains(&b',') {
        for (i, group) in whole.split(|b| *b == b',').enumerate() {
            if group.len() > 3 || group.is_empty() || (i > 0 && group.len() != 3) {
                return None;
            }
            group.iter().try_for_each(|b| push(*b))?;
        }
    } else {
        whole.iter().try_for_each(|b| push(*b))?;
    }
    decimals.iter().try_for_each(|b| push(*b))?;
    let scale = i32::try_from(decimals.len()).ok()?.checked_sub(exponent)?;
    if digits > DIGITS_MAX {
        return None;
    }
    let (mantissa, scale) = if scale < 0 {
        let up = scale.unsigned_abs();
        if digits.checked_add(up)? > DIGITS_MAX {
            return None;
        }
        (mantissa.checked_mul(10_i128.checked_pow(up)?)?, 0)
    } else {
        (mantissa, u32::try_from(scale).ok()?)
    };
    if scale > SCALE_MAX {
        return None;
    }
    let mantissa = if negative { -mantissa } else { mantissa };
    Some(Amount { mantissa, scale: u8::try_from(scale).ok()? })
}

fn parse_exponent(text: &[u8]) -> Option<i32> {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        rest => (false, rest),
    };
    if digits.is_empty() || digits.len() > 2 {
        return None;
    }
    let mut value = 0_i32;
    for b in digits {
        if !b.is_ascii_digit() {
            return None;
        }
        value = value * 10 + i32::from(b - b'0');
    }
    Some(if negative { -value } else { value })
}

/// Writes a count with thousands separators.
pub fn grouped(n: u64) -> String {
    crate::values::money::Amount::new(i128::from(n), 0).grouped()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shown(cell: &str) -> Option<String> {
        Amount::parse_cell(cell.as_bytes()).unwrap().map(|a| a.to_string())
    }

    #[test]
    fn cells_as_bills_write_them_are_read_exactly() {
        for (cell, want) in [
            ("-0.00000285", Some("-0.00000285")),
            ("1,234.56", Some("1234.56")),
            ("1e-7", Some("0.0000001")),
            ("-1.5E2", Some("-150")),
            ("0", Some("0")),
            ("+7.10", Some("7.10")),
            ("\u{a0}12.5\t", Some("12.5")),
            ("", None),
            ("-", None),
            ("--", None),
        ] {
            assert_eq!(shown(cell).as_deref(), want, "{cell:?}");
        }
    }

    #[test]
    fn what_has_no_single_reading_is_refused() {
        for cell in [
            "1,204.5.0",
            "1.204.5",
            "12,34.5",
            ",5",
            "1,",
            "1.",
            ".5",
            "1e",
            "1e400",
            "NaN",
            "inf",
            "0x10",
            "１２",
            "1 2",
            "1_000",
            "--5",
            "1e-30",
            "99999999999999999999999999999",
            "(5)",
            "5%",
        ] {
            assert_eq!(Amount::parse_cell(cell.as_bytes()), Err(NotAnAmount), "{cell:?}");
        }
    }

    #[test]
    fn order_is_by_value_and_grouping_is_for_people() {
        assert_eq!(Amount::new(150, 2), Amount::new(15, 1));
        assert!(Amount::new(-1, 8) < Amount::ZERO);
        assert_eq!(Amount::new(120_455_137_000_000, 8).grouped(), "1,204,551.37000000");
        assert_eq!(Amount::new(-999, 0).grouped(), "-999");
    }

    #[test]
    fn sums_are_shown_alike_wherever_they_come_from() {
        let shown = |mantissa, scale| Amount::new(mantissa, scale).with_sum_scale().to_string();
        assert_eq!(shown(5, 0), "5.00000000");
        assert_eq!(shown(5_000_000_000, 9), "5.00000000");
        assert_eq!(shown(5_000_000_001, 9), "5.000000001");
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(mantissa in -10_i128.pow(24)..10_i128.pow(24), scale in 0_u8..=18) {
            let amount = Amount::new(mantissa, scale);
            let back = Amount::parse_cell(amount.to_string().as_bytes()).unwrap().unwrap();
            prop_assert_eq!((back.mantissa(), back.scale()), (mantissa, scale));
        }

        #[test]
        fn sums_are_written_as_their_digits(mantissa in any::<i64>(), shift in 0_u32..64) {
            let mantissa = mantissa >> shift;
            let digits = format!("{:09}", mantissa.unsigned_abs());
            let (whole, decimals) = digits.split_at(digits.len() - 8);
            let sign = if mantissa < 0 { "-" } else { "" };
            prop_assert_eq!(Amount::new(mantissa.into(), 8).to_string(), format!("{sign}{whole}.{decimals}"));
            prop_assert_eq!(Amount::new(mantissa.into(), 0).to_string(), mantissa.to_string());
        }

        #[test]
        fn parsing_never_panics(cell in proptest::collection::vec(any::<u8>(), 0..40)) {
            let _ = Amount::parse_cell(&cell);
        }
    }
}
