//! Decimals as integers of 1e-8, read by a few lines that have nothing to do with billkeep's own.

/// Reads `-1,234.5` as -123450000000. Anything finer than 1e-8 is a failure, not a rounding.
#[track_caller]
pub fn exact(text: &str) -> i128 {
    let plain = text.replace(',', "");
    let (negative, digits) = match plain.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, plain.as_str()),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let fraction = fraction.trim_end_matches('0');
    assert!(fraction.len() <= 8 && !whole.is_empty(), "`{text}`");
    let all = format!("{whole}{fraction:0<8}");
    assert!(all.bytes().all(|b| b.is_ascii_digit()), "`{text}`");
    let value: i128 = all.parse().unwrap();
    if negative { -value } else { value }
}

/// Writes 1e-8s with eight decimals.
pub fn written(value: i128) -> String {
    let sign = if value < 0 { "-" } else { "" };
    let (whole, fraction) = (value.abs() / 100_000_000, value.abs() % 100_000_000);
    format!("{sign}{whole}.{fraction:08}")
}

#[test]
fn decimals_are_read_to_the_last_digit() {
    assert_eq!(exact("-1,234.5"), -123_450_000_000);
    assert_eq!(exact("0.00000001"), 1);
    assert_eq!(exact("12.500000000000"), 1_250_000_000);
    assert_eq!(written(exact("-0.5")), "-0.50000000");
}
