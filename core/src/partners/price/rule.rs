//! How a line's price follows from its amounts, and how it is rounded. Pure, and exact until the one rounding.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::values::dated::Dated;
use crate::values::money::Amount;
use crate::values::near::no_word;
use crate::values::period::Day;

/// The most decimals that a price may be rounded to: what detail bills have (docs/DOMAIN.md#values).
pub(crate) const DECIMALS_MAX: u8 = 8;
/// The largest factor or percentage: beyond it somebody mistyped.
const FACTOR_MAX: i128 = 100;
const PERCENT_MAX: i128 = 10_000;

/// What a price is worked out from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Method {
    /// The original cost, less what reserved instances cover, times a factor (docs/DOMAIN.md#arithmetic: the customer total).
    Discount(Amount),
    /// The partner's total, and so many percent on it.
    CostPlus(Amount),
}

impl Method {
    /// Says whether the figure makes sense.
    pub fn is_valid(self) -> bool {
        match self {
            Method::Discount(factor) => (Amount::ZERO..=Amount::new(FACTOR_MAX, 0)).contains(&factor),
            Method::CostPlus(percent) => {
                (Amount::new(-100, 0)..=Amount::new(PERCENT_MAX, 0)).contains(&percent)
            }
        }
    }

    /// Returns what 100 becomes, rounded as prices are; `None` beyond what 128 bits hold.
    pub fn of_hundred(self, rounding: Rounding) -> Option<Amount> {
        rounding.round(self.apply(Amount::new(100, 0))?)
    }

    /// Returns the price before rounding, of what it is worked out from; `None` beyond what 128 bits hold.
    pub(crate) fn apply(self, base: Amount) -> Option<Amount> {
        match self {
            Method::Discount(factor) => base.checked_mul(factor),
            Method::CostPlus(percent) => {
                let whole = Amount::new(100, 0).checked_add(percent)?.checked_mul(base)?;
                Some(Amount::new(whole.mantissa(), whole.scale().checked_add(2)?))
            }
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Method::Discount(factor) => write!(f, "original cost × {factor}"),
            Method::CostPlus(percent) if *percent < Amount::ZERO => write!(f, "cost {percent}%"),
            Method::CostPlus(percent) => write!(f, "cost +{percent}%"),
        }
    }
}

/// Which way a price goes that lies between two.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum RoundingMode {
    /// To the nearer one; from the middle away from zero.
    #[default]
    HalfUp,
    /// To the nearer one; from the middle to the one whose last digit is even.
    HalfEven,
    /// Away from zero.
    Up,
    /// Towards zero.
    Down,
}

impl RoundingMode {
    /// All of them.
    pub const ALL: &[RoundingMode] =
        &[RoundingMode::HalfUp, RoundingMode::HalfEven, RoundingMode::Up, RoundingMode::Down];

    /// Returns the word for it.
    pub fn word(self) -> &'static str {
        match self {
            RoundingMode::HalfUp => "half-up",
            RoundingMode::HalfEven => "half-even",
            RoundingMode::Up => "up",
            RoundingMode::Down => "down",
        }
    }
}

impl FromStr for RoundingMode {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = RoundingMode::ALL.iter().copied().find(|mode| mode.word() == text);
        found.ok_or_else(|| no_word(text, "a way to round", &["half-up", "half-even", "up", "down"]))
    }
}

/// How a price is rounded. All modes treat an amount and its negative alike, so that a refund takes back what was charged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Rounding {
    /// To so many decimals.
    pub decimals: u8,
    /// Which way.
    pub mode: RoundingMode,
}

impl Rounding {
    /// Rounds; `None` beyond what 128 bits hold. What has fewer decimals gets as many.
    pub fn round(self, amount: Amount) -> Option<Amount> {
        let Some(surplus) = amount.scale().checked_sub(self.decimals).filter(|s| *s > 0) else {
            return Some(Amount::new(amount.rescaled(self.decimals)?, self.decimals));
        };
        let unit = 10_i128.checked_pow(u32::from(surplus))?;
        let (below, rest) = (amount.mantissa() / unit, amount.mantissa() % unit);
        let half = (rest.abs()).cmp(&(unit / 2));
        let away = match self.mode {
            RoundingMode::HalfUp => half.is_ge(),
            RoundingMode::HalfEven => half.is_gt() || (half.is_eq() && below % 2 != 0),
            RoundingMode::Up => rest != 0,
            RoundingMode::Down => false,
        };
        let mantissa = if away { below.checked_add(amount.mantissa().signum())? } else { below };
        Some(Amount::new(mantissa, self.decimals))
    }
}

impl fmt::Display for Rounding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} decimals {}", self.decimals, self.mode.word())
    }
}

/// A rule for the price of lines, on some days.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PriceRule {
    /// From what.
    pub method: Method,
    /// Rounded how.
    pub rounding: Rounding,
    /// The first day; `None` for all days before as well.
    pub from: Option<Day>,
    /// The last day; `None` for all days after as well.
    pub to: Option<Day>,
}

impl Dated for PriceRule {
    fn days(&self) -> (Option<Day>, Option<Day>) {
        (self.from, self.to)
    }

    fn on_days(&self, from: Option<Day>, to: Option<Day>) -> PriceRule {
        PriceRule { from, to, ..*self }
    }
}

/// A fee that an account pays for each month in which it has a line.
///
/// By month and not by line: how many lines a month has is a matter of how the provider cuts it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fee {
    /// How much.
    pub amount: Amount,
    /// In which currency.
    pub currency: String,
    /// From the month on whose first day, or later, this is; `None` for all before as well.
    pub from: Option<Day>,
    /// To the month whose first day is not after this; `None` for all after as well.
    pub to: Option<Day>,
}

impl Dated for Fee {
    fn days(&self) -> (Option<Day>, Option<Day>) {
        (self.from, self.to)
    }

    fn on_days(&self, from: Option<Day>, to: Option<Day>) -> Fee {
        Fee { from, to, ..self.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A number as sign and decimal digits, the last one first: arithmetic as in school, without any of core's.
    #[derive(Clone, Debug, PartialEq, Eq)]
    struct Big(bool, Vec<u8>);

    impl Big {
        fn of(n: i128) -> Big {
            Big(n < 0, n.unsigned_abs().to_string().bytes().rev().map(|b| b - b'0').collect()).trimmed()
        }

        fn trimmed(mut self) -> Big {
            while self.1.last() == Some(&0) {
                self.1.pop();
            }
            if self.1.is_empty() {
                self.0 = false;
            }
            self
        }

        fn times(&self, other: &Big) -> Big {
            let mut digits = vec![0_u32; self.1.len() + other.1.len() + 1];
            for (i, a) in self.1.iter().enumerate() {
                for (j, b) in other.1.iter().enumerate() {
                    digits[i + j] += u32::from(*a) * u32::from(*b);
                }
                for k in 0..digits.len() - 1 {
                    digits[k + 1] += digits[k] / 10;
                    digits[k] %= 10;
                }
            }
            Big(self.0 != other.0, digits.into_iter().map(|d| d as u8).collect()).trimmed()
        }

        /// Takes `shift` decimals off, rounding as a person would: by looking at the digits that go.
        fn rounded(&self, shift: usize, mode: RoundingMode) -> Big {
            let gone: Vec<u8> =
                self.1.iter().take(shift).copied().chain(std::iter::repeat(0)).take(shift).collect();
            let mut kept: Vec<u8> = self.1.iter().skip(shift).copied().collect();
            let any = gone.iter().any(|d| *d != 0);
            let first = gone.last().copied().unwrap_or(0);
            let middle = first == 5 && gone.iter().rev().skip(1).all(|d| *d == 0);
            let away = match mode {
                RoundingMode::HalfUp => first >= 5,
                RoundingMode::HalfEven if middle => kept.first().copied().unwrap_or(0) % 2 == 1,
                RoundingMode::HalfEven => first >= 5,
                RoundingMode::Up => any,
                RoundingMode::Down => false,
            };
            if away {
                let nines = kept.iter().take_while(|d| **d == 9).count();
                kept.iter_mut().take(nines).for_each(|d| *d = 0);
                match kept.get_mut(nines) {
                    Some(digit) => *digit += 1,
                    None => kept.push(1),
                }
            }
            Big(self.0, kept).trimmed()
        }
    }

    fn mode() -> impl Strategy<Value = RoundingMode> {
        proptest::sample::select(RoundingMode::ALL)
    }

    proptest! {
        #[test]
        fn a_discounted_price_is_that_of_arithmetic_on_digits(
            base in -10_i128.pow(15)..10_i128.pow(15), scale in 0_u8..=8,
            factor in 0..20_000_i128, factor_scale in 0_u8..=6, decimals in 0_u8..=8, mode in mode(),
        ) {
            let exact = Method::Discount(Amount::new(factor, factor_scale)).apply(Amount::new(base, scale)).unwrap();
            let price = Rounding { decimals, mode }.round(exact).unwrap();
            prop_assert_eq!(price.scale(), decimals);
            // base × factor at scale + factor_scale + 8 decimals, less those beyond `decimals`.
            let all = Big::of(base).times(&Big::of(factor)).times(&Big::of(100_000_000));
            let want = all.rounded(usize::from(scale + factor_scale + 8 - decimals), mode);
            prop_assert_eq!(Big::of(price.mantissa()), want);
        }

        #[test]
        fn a_price_above_cost_is_that_of_arithmetic_on_digits(
            base in -10_i128.pow(15)..10_i128.pow(15), scale in 0_u8..=8,
            percent in -10_000..1_000_000_i128, decimals in 0_u8..=8, mode in mode(),
        ) {
            // The percentage has two decimals, so that (100 + percent) / 100 has four.
            let exact = Method::CostPlus(Amount::new(percent, 2)).apply(Amount::new(base, scale)).unwrap();
            let price = Rounding { decimals, mode }.round(exact).unwrap();
            let all = Big::of(base).times(&Big::of(10_000 + percent)).times(&Big::of(100_000_000));
            let want = all.rounded(usize::from(scale + 4 + 8 - decimals), mode);
            prop_assert_eq!(Big::of(price.mantissa()), want);
        }

        #[test]
        fn a_refund_takes_back_what_was_charged(
            base in 0..10_i128.pow(20), scale in 0_u8..=12, decimals in 0_u8..=8, mode in mode(),
        ) {
            let rounding = Rounding { decimals, mode };
            let one = rounding.round(Amount::new(base, scale)).unwrap();
            let other = rounding.round(Amount::new(-base, scale)).unwrap();
            prop_assert_eq!(one.mantissa(), -other.mantissa());
        }
    }

    #[test]
    fn each_mode_rounds_as_its_name_says() {
        let all = |text: &str| {
            let amount = Amount::parse_cell(text.as_bytes()).unwrap().unwrap();
            let round = |mode| Rounding { decimals: 2, mode }.round(amount).unwrap().to_string();
            [RoundingMode::HalfUp, RoundingMode::HalfEven, RoundingMode::Up, RoundingMode::Down].map(round)
        };
        assert_eq!(all("1.005"), ["1.01", "1.00", "1.01", "1.00"]);
        assert_eq!(all("1.015"), ["1.02", "1.02", "1.02", "1.01"]);
        assert_eq!(all("-1.005"), ["-1.01", "-1.00", "-1.01", "-1.00"]);
        assert_eq!(all("1.0001"), ["1.00", "1.00", "1.01", "1.00"]);
        assert_eq!(all("1"), ["1.00"; 4]);
        for mode in RoundingMode::ALL {
            assert_eq!(mode.word().parse(), Ok(*mode));
        }
    }

    #[test]
    fn figures_that_somebody_mistyped_are_refused() {
        let discount = |n| Method::Discount(Amount::new(n, 0)).is_valid();
        let percent = |n| Method::CostPlus(Amount::new(n, 0)).is_valid();
        assert_eq!([-1, 0, 1, 100, 101].map(discount), [false, true, true, true, false]);
        assert_eq!([-101, -100, 12, 10_000, 10_001].map(percent), [false, true, true, true, false]);
    }
}
