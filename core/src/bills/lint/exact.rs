//! Exact arithmetic on amounts, with the provider's rounding; whatever does not fit into 128 bits is told, never wrapped.

use crate::bills::BillError;
use crate::engine::rollup::Overflow;
use crate::values::money::Amount;

/// What became of comparing a recomputed value with the one that is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ExactComparison {
    /// They agree.
    Equal,
    /// They do not.
    Differs {
        /// The recomputed value, rounded half up.
        expected: Amount,
        /// By how much the shown one differs, without sign.
        by: Amount,
    },
    /// They cannot be compared exactly.
    TooLarge,
}

/// The decimals that a value may have while it is worked with: a product of three cells at most.
const SCALE_MAX: u8 = 76;

/// Multiplies exactly; `None` beyond 128 bits.
pub(super) fn times(one: Amount, other: Amount) -> Option<Amount> {
    let scale = one.scale().checked_add(other.scale()).filter(|s| *s <= SCALE_MAX)?;
    if let Some(mantissa) = one.mantissa().checked_mul(other.mantissa()) {
        return Some(Amount::new(mantissa, scale));
    }
    let (one, other) = (short(one), short(other));
    let mantissa = one.mantissa().checked_mul(other.mantissa())?;
    Some(Amount::new(mantissa, one.scale() + other.scale()))
}

/// Takes zeros off the end of the decimals.
pub(super) fn short(amount: Amount) -> Amount {
    let (mut mantissa, mut scale) = (amount.mantissa(), amount.scale());
    while scale > 0 && mantissa % 10 == 0 {
        (mantissa, scale) = (mantissa / 10, scale - 1);
    }
    Amount::new(mantissa, scale)
}

/// Takes the sign off; `None` for the one number that has no positive.
pub(super) fn size(amount: Amount) -> Option<Amount> {
    Some(Amount::new(amount.mantissa().checked_abs()?, amount.scale()))
}

/// What is done with exactly half a unit.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Half {
    /// Away from zero.
    Up,
    /// To the even neighbour.
    Even,
}

/// Rounds to decimals, as a number of units of the last one; `None` beyond 128 bits.
fn round(amount: Amount, decimals: u8, half: Half) -> Option<i128> {
    if let Some(units) = amount.rescaled(decimals) {
        return Some(units);
    }
    let by = amount.scale().checked_sub(decimals)?;
    // Beyond 38 digits no mantissa is half a unit.
    let Some(unit) = 10_i128.checked_pow(u32::from(by)) else { return Some(0) };
    let (whole, rest) = (amount.mantissa() / unit, (amount.mantissa() % unit).abs());
    let up = match rest.cmp(&(unit - rest)) {
        std::cmp::Ordering::Less => false,
        std::cmp::Ordering::Greater => true,
        std::cmp::Ordering::Equal => half == Half::Up || whole % 2 != 0,
    };
    Some(if up { whole + amount.mantissa().signum() } else { whole })
}

/// Rounds half up to decimals; `None` beyond 128 bits.
pub(super) fn rounded(amount: Amount, decimals: u8) -> Option<Amount> {
    round(amount, decimals, Half::Up).map(|units| Amount::new(units, decimals))
}

/// Compares a recomputed value with the shown one: right if it is so many units of the last decimal away at most, once it is
/// rounded half up or half even.
///
/// A value that is shown with more decimals than asked for is compared with as many as it has.
pub(super) fn compare(exact: Amount, shown: Amount, decimals: u8, tolerance_units: i128) -> ExactComparison {
    let shown = short(shown);
    let decimals = decimals.max(shown.scale());
    let all = || {
        let units = shown.rescaled(decimals)?;
        let up = round(exact, decimals, Half::Up)?;
        let even = round(exact, decimals, Half::Even)?;
        let off = |of: i128| units.checked_sub(of)?.checked_abs();
        Some((up, off(up)?, off(even)?))
    };
    match all() {
        None => ExactComparison::TooLarge,
        Some((_, up, even)) if up.min(even) <= tolerance_units => ExactComparison::Equal,
        Some((expected, by, _)) => ExactComparison::Differs {
            expected: Amount::new(expected, decimals),
            by: Amount::new(by, decimals),
        },
    }
}

/// Subtracts amounts; an error beyond 128 bits.
pub(super) fn minus(one: Amount, other: Amount) -> Result<Amount, BillError> {
    Ok(one.checked_sub(other).ok_or(Overflow)?)
}

/// Adds amounts; an error beyond 128 bits.
pub(super) fn plus(one: Amount, other: Amount) -> Result<Amount, BillError> {
    Ok(one.checked_add(other).ok_or(Overflow)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn amount(text: &str) -> Amount {
        Amount::parse_cell(text.as_bytes()).unwrap().unwrap()
    }

    fn right(exact: &str, shown: &str, decimals: u8, tolerance: i128) -> bool {
        compare(amount(exact), amount(shown), decimals, tolerance) == ExactComparison::Equal
    }

    #[test]
    fn half_a_unit_goes_up_or_to_the_even_one() {
        for (exact, shown, want) in [
            ("0.125", "0.13", true),
            ("0.125", "0.12", true),
            ("0.135", "0.14", true),
            ("0.135", "0.13", false),
            ("-0.125", "-0.13", true),
            ("-0.125", "-0.12", true),
            ("0.1251", "0.12", false),
            ("0.1249", "0.12", true),
            ("0.1249", "0.13", false),
            ("3", "3.00", true),
            ("3", "3", true),
        ] {
            assert_eq!(right(exact, shown, 2, 0), want, "{exact} {shown}");
        }
        assert!(right("0.1249", "0.13", 2, 1) && !right("0.1249", "0.14", 2, 1));
        // Shown with more decimals than the level has: compared with these.
        assert!(!right("0.1249", "0.1270", 2, 1) && right("0.1249", "0.1250", 2, 1));
    }

    #[test]
    fn what_does_not_fit_is_told() {
        let large = Amount::new(i128::MAX, 0);
        assert_eq!(times(large, amount("1.5")), None);
        assert_eq!(compare(large, amount("1.5"), 2, 1), ExactComparison::TooLarge);
        let zeros = Amount::new(10_i128.pow(30), 18);
        assert_eq!(times(zeros, zeros), Some(Amount::new(10_i128.pow(24), 0)));
    }

    proptest! {
        #[test]
        fn rounding_is_that_of_whole_numbers(mantissa in -1_000_000_i128..1_000_000, decimals in 0_u8..6) {
            let exact = Amount::new(mantissa, 4);
            let got = round(exact, decimals, Half::Up).unwrap();
            let unit = 10_i128.pow(u32::from(4_u8.saturating_sub(decimals)));
            let units = mantissa * 10_i128.pow(u32::from(decimals.saturating_sub(4)));
            // The nearest multiple, and the one further from zero of two.
            prop_assert!((got * unit - units).abs() * 2 <= unit);
            prop_assert!((got * unit - units).abs() * 2 < unit || got.abs() * unit > units.abs());
        }

        #[test]
        fn a_value_and_its_own_rounding_agree(mantissa in any::<i64>(), scale in 0_u8..18, decimals in 0_u8..10) {
            let exact = Amount::new(mantissa.into(), scale);
            let shown = rounded(exact, decimals).unwrap();
            prop_assert_eq!(compare(exact, shown, decimals, 0), ExactComparison::Equal);
            // Of two neighbours at the same distance, either is right: two units from one may be one from the other.
            let off = shown.checked_add(Amount::new(3, decimals)).unwrap();
            let differs = matches!(compare(exact, off, decimals, 1), ExactComparison::Differs { .. });
            prop_assert!(differs, "{} {}", exact, off);
        }

        #[test]
        fn products_are_exact(a in any::<i64>(), b in any::<i64>(), scales in (0_u8..9, 0_u8..9)) {
            let product = times(Amount::new(a.into(), scales.0), Amount::new(b.into(), scales.1)).unwrap();
            prop_assert_eq!(product, Amount::new(i128::from(a) * i128::from(b), scales.0 + scales.1));
        }
    }
}
