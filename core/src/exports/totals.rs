//! The totals of an export, as its readers may know them.
//!
//! This is the only form in which a delivery keeps its totals. A customer's delivery has the customer's amounts and
//! nothing else, so no message can show the partner's cost by mistake.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::engine::block::Sums;
use crate::values::money::Amount;

use super::form::Audience;
use super::rendered::Rendered;

/// The totals of an export.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Totals {
    /// The export is the partner's: the sums of its lines, which are the partner's cost.
    Partner(Vec<Sums>),
    /// The export is a customer's: what the customer pays.
    Customer(Vec<CustomerTotal>),
}

/// What a customer pays in one currency.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CustomerTotal {
    /// ISO 4217 code.
    pub currency: String,
    /// How many lines.
    pub lines: u64,
    /// The price and the total. `None` without a price rule, and where an earlier version did not record them.
    pub charged: Option<Charged>,
}

/// The amounts that a customer is charged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Charged {
    /// The prices of the lines.
    pub price: Amount,
    /// The prices less vouchers.
    pub total: Amount,
}

impl Totals {
    /// Returns the totals of a rendered export for its audience.
    pub(crate) fn of(audience: Audience, rendered: &Rendered) -> Totals {
        if audience == Audience::Partner {
            return Totals::Partner(rendered.sums.clone());
        }
        let figures = rendered.customer.as_ref().filter(|customer| !customer.prices.rules.is_empty());
        let of = |sums: &Sums| CustomerTotal {
            currency: sums.currency.clone(),
            lines: sums.lines,
            charged: figures
                .and_then(|figures| figures.sums.get(&sums.currency))
                .map(|sum| Charged { price: sum.price.with_sum_scale(), total: sum.total.with_sum_scale() }),
        };
        Totals::Customer(rendered.sums.iter().map(of).collect())
    }

    /// Returns the totals of a delivery that an earlier version recorded with the sums of the lines.
    pub(crate) fn of_sums(audience: Audience, sums: Vec<Sums>) -> Totals {
        match audience {
            Audience::Partner => Totals::Partner(sums),
            Audience::Customer => {
                let of =
                    |sums: Sums| CustomerTotal { currency: sums.currency, lines: sums.lines, charged: None };
                Totals::Customer(sums.into_iter().map(of).collect())
            }
        }
    }

    /// Returns whose amounts these are.
    pub fn audience(&self) -> Audience {
        match self {
            Totals::Partner(_) => Audience::Partner,
            Totals::Customer(_) => Audience::Customer,
        }
    }

    /// Returns each currency and its total. A customer's is `None` where it is not known.
    pub fn by_currency(&self) -> Vec<(&str, Option<Amount>)> {
        match self {
            Totals::Partner(sums) => sums.iter().map(|s| (s.currency.as_str(), Some(s.total()))).collect(),
            Totals::Customer(totals) => {
                totals.iter().map(|t| (t.currency.as_str(), t.charged.map(|c| c.total))).collect()
            }
        }
    }

    /// Writes the amounts: `12.00 USD + 3.00 CNY`. `None` where a customer's amount is not known.
    pub fn amounts_text(&self) -> Option<String> {
        let totals = match self {
            Totals::Partner(sums) => return Some(Sums::totals_text(sums)),
            Totals::Customer(totals) => totals,
        };
        let text = |t: &CustomerTotal| Some(format!("{} {}", t.charged?.total.grouped(), t.currency));
        // A sum of some currencies alone would be taken for the whole.
        totals.iter().map(text).collect::<Option<Vec<_>>>().filter(|t| !t.is_empty()).map(|t| t.join(" + "))
    }

    /// Says whether an amount is missing.
    pub(crate) fn is_unknown(&self) -> bool {
        self.by_currency().iter().any(|(_, total)| total.is_none())
    }

    /// Returns what the customer is charged in a currency.
    pub(super) fn charged(&self, currency: &str) -> Option<Charged> {
        match self {
            Totals::Partner(_) => None,
            Totals::Customer(totals) => {
                totals.iter().find(|t| t.currency == currency).and_then(|t| t.charged)
            }
        }
    }
}

/// Writes the totals as a phrase: `total 12.00 USD`, `customer's total 13.00 USD`, `no customer's total`.
impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.audience(), self.amounts_text()) {
            (Audience::Partner, text) => write!(f, "total {}", text.unwrap_or_default()),
            (Audience::Customer, Some(text)) => write!(f, "customer's total {text}"),
            (Audience::Customer, None) => f.write_str("no customer's total"),
        }
    }
}

/// Stands for what a customer is not told.
pub(super) const NOT_SHOWN: &str = "-";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::schema::Column;

    fn cost() -> Vec<Sums> {
        let mut sums = Sums::new("USD");
        sums.lines = 3;
        sums.add(Column::Total, Amount::new(123_456, 2)).unwrap();
        vec![sums]
    }

    #[test]
    fn a_customers_record_of_before_keeps_its_lines_and_no_amount() {
        let totals = Totals::of_sums(Audience::Customer, cost());
        assert_eq!(totals.by_currency(), [("USD", None)]);
        assert_eq!(totals.to_string(), "no customer's total");
        assert!(!format!("{totals:?}").contains("123456"));
        // The check can fail: the partner's record keeps the amount.
        assert!(format!("{:?}", Totals::of_sums(Audience::Partner, cost())).contains("123456"));
    }

    #[test]
    fn totals_of_several_currencies_are_one_phrase() {
        let one = |currency: &str, total| CustomerTotal {
            currency: currency.to_owned(),
            lines: 1,
            charged: Some(Charged { price: total, total }),
        };
        let mut totals = vec![one("CNY", Amount::new(123_450, 2)), one("USD", Amount::new(5, 0))];
        let text = Totals::Customer(totals.clone()).to_string();
        assert_eq!(text, "customer's total 1,234.50 CNY + 5 USD");
        if let Some(last) = totals.last_mut() {
            last.charged = None;
        }
        assert_eq!(Totals::Customer(totals).to_string(), "no customer's total");
    }
}
