//! Decimal digits and times as text, read and written fast: these run for each cell of a bill.

use super::period::Day;

/// Reads at most 18 digits.
pub(crate) fn digits(text: &[u8]) -> Option<i64> {
    digits_after(0, text)
}

/// Reads digits that go on from those of a number.
pub(crate) fn digits_after(mut value: i64, text: &[u8]) -> Option<i64> {
    let (eights, rest) = text.as_chunks::<8>();
    for eight in eights {
        value = value * 100_000_000 + eight_digits(*eight)?;
    }
    for b in rest {
        let digit = b.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value = value * 10 + i64::from(digit);
    }
    Some(value)
}

/// Reads eight digits at once: each byte a digit, then pairs of them as numbers, fours, and all.
pub(crate) fn eight_digits(text: [u8; 8]) -> Option<i64> {
    const BYTE: u64 = 0x0101_0101_0101_0101;
    let digits = u64::from_le_bytes(text) ^ (BYTE * u64::from(b'0'));
    // A digit stays below 16, and below 16 with 6 added.
    let over = (digits & (BYTE * 0x7f)) + BYTE * 6;
    if (digits | over) & (BYTE * 0xf0) != 0 {
        return None;
    }
    // The first digit is in the lowest byte.
    let halves = |lanes: u64, mask: u64, bits: u32, unit: u64| (lanes & mask) * unit + (lanes >> bits & mask);
    let pairs = halves(digits, 0x00ff_00ff_00ff_00ff, 8, 10);
    let fours = halves(pairs, 0x0000_ffff_0000_ffff, 16, 100);
    Some(halves(fours, 0x0000_0000_ffff_ffff, 32, 10_000).cast_signed())
}

/// The texts of the numbers from 0 to 99.
pub(crate) const PAIRS: [[u8; 2]; 100] = {
    let mut pairs = [[b'0'; 2]; 100];
    let mut n = 0;
    while n < 100 {
        pairs[n] = [b'0' + (n / 10) as u8, b'0' + (n % 10) as u8];
        n += 1;
    }
    pairs
};

/// Appends a number in decimal digits, padded with zeros to a width of at most 20.
pub(crate) fn write_digits(mut value: u64, width: usize, out: &mut Vec<u8>) {
    // Two digits at a time, from the last to the first; 20 digits are the most that 64 bits have.
    let mut buffer = [b'0'; 20];
    let mut from = buffer.len();
    for pair in buffer.as_chunks_mut::<2>().0.iter_mut().rev() {
        if value == 0 {
            break;
        }
        *pair = PAIRS.get((value % 100) as usize).copied().unwrap_or_default();
        value /= 100;
        from -= 2;
    }
    if buffer.get(from) == Some(&b'0') {
        from += 1;
    }
    let from = from.min(buffer.len().saturating_sub(width));
    out.extend_from_slice(buffer.get(from..).unwrap_or_default());
}

/// Appends digits with a point before the last `scale` of them, at most 18.
pub(crate) fn write_fixed(value: u64, scale: usize, out: &mut Vec<u8>) {
    let scale = scale.min(18);
    let (whole, decimals) = match scale {
        // What detail bills have: dividing by a number that is known is much faster.
        8 => (value / 100_000_000, value % 100_000_000),
        scale => {
            let unit = 10_u64.pow(scale as u32);
            (value / unit, value % unit)
        }
    };
    write_digits(whole, 1, out);
    if scale > 0 {
        out.push(b'.');
        write_digits(decimals, scale, out);
    }
}

pub(crate) fn read_fixed(cell: &[u8], scale: usize) -> Option<i64> {
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
    let value = digits_after(digits(whole)?, decimals)?;
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
    let day = Day::parse_prefix(date)?;
    let (h, m, s) = (digits(&[*h1, *h2])?, digits(&[*m1, *m2])?, digits(&[*s1, *s2])?);
    (h < 24 && m < 60 && s < 60).then(|| i64::from(day.epoch_days()) * 86_400 + h * 3_600 + m * 60 + s)
}

pub(crate) fn write_time(value: i64, out: &mut Vec<u8>) {
    let (days, seconds) = (value.div_euclid(86_400), value.rem_euclid(86_400).cast_unsigned());
    let pair = |n: u64| PAIRS.get(n as usize).copied().unwrap_or_default();
    if let Some((year, month, day)) = date_of(days) {
        write_digits(year, 4, out);
        let ([m1, m2], [d1, d2]) = (pair(month), pair(day));
        out.extend_from_slice(&[b'-', m1, m2, b'-', d1, d2]);
    }
    let ([h1, h2], [m1, m2], [s1, s2]) = (pair(seconds / 3_600), pair(seconds / 60 % 60), pair(seconds % 60));
    out.extend_from_slice(&[b' ', h1, h2, b':', m1, m2, b':', s1, s2]);
}

/// Returns the date of a number of days since 1970-01-01, for years from 0 to 9999.
///
/// Counted from 1 March of year 0, a leap day is the last day of its year, and the months' lengths repeat every five.
pub(crate) fn date_of(days: i64) -> Option<(u64, u64, u64)> {
    let days = u64::try_from(days + 719_468).ok().filter(|d| *d < 3_652_425)?;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    Some((era * 400 + year_of_era + u64::from(month <= 2), month, day))
}
