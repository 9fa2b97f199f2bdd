//! Cell texts that are numbers in disguise: they are kept as integers, and written back to the letter.
//!
//! A text belongs to a form only if writing its integer gives the same bytes again. Whatever does not
//! (`-0.10`, `1,234.56`, `007` beside `7`) is kept as text, so no cell ever changes.

/// How an integer is written as a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// A decimal with this many decimals: 1250 at 3 is `1.250`.
    Fixed(u8),
    /// Seconds since 1970-01-01 00:00:00, as `YYYY-MM-DD HH:MM:SS`.
    Time,
    /// Digits, zero-padded to this width.
    Digits(u8),
}

impl Form {
    /// Returns the form that a cell looks like.
    pub(crate) fn guess(cell: &[u8]) -> Option<Form> {
        if cell.len() == 19 && Form::Time.read(cell).is_some() {
            return Some(Form::Time);
        }
        if let Some(dot) = cell.iter().position(|b| *b == b'.') {
            let form = Form::Fixed(u8::try_from(cell.len() - dot - 1).ok()?);
            return form.read(cell).map(|_| form);
        }
        let form = if cell.first() == Some(&b'0') && cell.len() > 1 || cell.len() > 9 {
            Form::Digits(u8::try_from(cell.len()).ok()?)
        } else {
            Form::Fixed(0)
        };
        form.read(cell).map(|_| form)
    }

    /// Reads a cell that has exactly this form.
    pub(crate) fn read(self, cell: &[u8]) -> Option<i64> {
        match self {
            Form::Fixed(scale) => read_fixed(cell, usize::from(scale)),
            Form::Time => read_time(cell),
            Form::Digits(width) => {
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
            Form::Fixed(scale) => {
                if value < 0 {
                    out.push(b'-');
                }
                write_fixed(value.unsigned_abs(), usize::from(scale), out);
            }
            Form::Time => write_time(value, out),
            Form::Digits(width) => write_digits(value.unsigned_abs(), usize::from(width), out),
        }
    }
}

fn digits(text: &[u8]) -> Option<i64> {
    let mut value = 0_i64;
    for b in text {
        let digit = b.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value = value * 10 + i64::from(digit);
    }
    Some(value)
}

fn write_digits(mut value: u64, width: usize, out: &mut Vec<u8>) {
    // 20 digits are the most that 64 bits have; a cell of digits has at most 18.
    let mut buffer = [b'0'; 20];
    let mut from = buffer.len();
    for (at, slot) in buffer.iter_mut().enumerate().rev() {
        if value == 0 && from < 20 {
            break;
        }
        *slot = b'0' + (value % 10) as u8;
        value /= 10;
        from = at;
    }
    let from = from.min(buffer.len().saturating_sub(width));
    out.extend_from_slice(buffer.get(from..).unwrap_or_default());
}

/// Appends digits with a point before the last `scale` of them, at most 18.
fn write_fixed(value: u64, scale: usize, out: &mut Vec<u8>) {
    let scale = scale.min(18);
    let unit = 10_u64.pow(scale as u32);
    write_digits(value / unit, 1, out);
    if scale > 0 {
        out.push(b'.');
        write_digits(value % unit, scale, out);
    }
}

fn read_fixed(cell: &[u8], scale: usize) -> Option<i64> {
    let (negative, rest) = match cell {
        [b'-', rest @ ..] => (true, rest),
        rest => (false, rest),
    };
    let (whole, decimals) = if scale == 0 {
        (rest, &b""[..])
    } else {
        let at = rest.len().checked_sub(scale + 1)?;
        let (whole, tail) = rest.split_at_checked(at)?;
        (whole, tail.strip_prefix(b".")?)
    };
    let canonical = matches!(whole, [b'0'] | [b'1'..=b'9', ..]);
    if !canonical || whole.len() + decimals.len() > 18 {
        return None;
    }
    let mut value = digits(whole)?;
    for b in decimals {
        let digit = b.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value = value * 10 + i64::from(digit);
    }
    match (negative, value) {
        (true, 0) => None,
        (true, v) => Some(-v),
        (false, v) => Some(v),
    }
}

/// Reads `YYYY-MM-DD HH:MM:SS` of a real day as seconds since 1970-01-01 00:00:00.
pub(crate) fn read_time(cell: &[u8]) -> Option<i64> {
    let [date @ .., b' ', h1, h2, b':', m1, m2, b':', s1, s2] = cell else { return None };
    if date.len() != 10 {
        return None;
    }
    let day = crate::period::Day::parse_prefix(date)?;
    let (h, m, s) = (digits(&[*h1, *h2])?, digits(&[*m1, *m2])?, digits(&[*s1, *s2])?);
    (h < 24 && m < 60 && s < 60).then(|| i64::from(day.epoch_days()) * 86_400 + h * 3_600 + m * 60 + s)
}

fn write_time(value: i64, out: &mut Vec<u8>) {
    let (days, seconds) = (value.div_euclid(86_400), value.rem_euclid(86_400).cast_unsigned());
    if let Some(day) = i32::try_from(days).ok().and_then(crate::period::Day::from_epoch_days) {
        let month = day.month();
        write_digits(u64::from(month.year().unsigned_abs()), 4, out);
        out.push(b'-');
        write_digits(u64::from(month.month()), 2, out);
        out.push(b'-');
        write_digits(u64::from(day.day_of_month()), 2, out);
    }
    out.push(b' ');
    write_digits(seconds / 3_600, 2, out);
    out.push(b':');
    write_digits(seconds / 60 % 60, 2, out);
    out.push(b':');
    write_digits(seconds % 60, 2, out);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn round_trip(cell: &str) -> bool {
        let Some(form) = Form::guess(cell.as_bytes()) else { return false };
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

    proptest! {
        #[test]
        fn reading_is_exact_or_refused(cell in "[-0-9.: ]{0,22}") {
            round_trip(&cell);
        }
    }
}
