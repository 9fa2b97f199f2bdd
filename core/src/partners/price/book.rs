//! An account's rules for what one export or preview covers.

use sha2::{Digest as _, Sha256};

use crate::engine::store::{Records, StoreError};
use crate::values::dated::Dated as _;
use crate::values::period::{BillMonth, Coverage, Day};
use crate::values::uin::Uin;

use super::Terms;
use super::rule::{Fee, Method, PriceRule};

/// A rule, with the days of the coverage on which it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppliedRule {
    /// For which product; empty for all.
    pub product: String,
    /// The rule, its days cut to the coverage.
    pub rule: PriceRule,
}

/// The rules of an account that hold on some day of a coverage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PriceBook {
    /// Whose.
    pub uin: Uin,
    /// The rules, by product.
    pub rules: Vec<AppliedRule>,
    /// The fee of the month.
    pub fee: Option<Fee>,
    month: BillMonth,
}

impl PriceBook {
    /// Reads an account's rules.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read.
    pub fn read(store: &impl Records, uin: Uin, coverage: Coverage) -> Result<PriceBook, StoreError> {
        Ok(PriceBook::of(&Terms::get(store, uin)?, coverage))
    }

    /// Takes what holds on some day of a coverage from an account's terms.
    pub fn of(terms: &Terms, coverage: Coverage) -> PriceBook {
        let mut rules = Vec::new();
        for (product, list) in &terms.prices {
            for rule in list {
                let from = rule.from.map_or(coverage.first, |from| from.max(coverage.first));
                let to = rule.to.map_or(coverage.last, |to| to.min(coverage.last));
                if from <= to {
                    let rule = PriceRule { from: Some(from), to: Some(to), ..*rule };
                    rules.push(AppliedRule { product: product.clone(), rule });
                }
            }
        }
        let month = coverage.first.month();
        let fee = terms.fees.iter().find(|fee| fee.holds_on(month.first_day())).cloned();
        PriceBook { uin: terms.uin, rules, fee, month }
    }

    /// Says whether there is neither rule nor fee.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty() && self.fee.is_none()
    }

    /// Returns the fee, if that is all that the account pays: its lines have no price then.
    pub fn fee_alone(&self) -> Option<&Fee> {
        self.fee.as_ref().filter(|_| self.rules.is_empty())
    }

    /// Returns the rule for a product on a line's own day. Days outside of the month count as its edges, as in imports; a line
    /// without a day is one of the last day's.
    pub(crate) fn rule(&self, product: &[u8], day: Option<Day>) -> Option<&PriceRule> {
        let day = day.unwrap_or(self.month.last_day());
        let day = day.clamp(self.month.first_day(), self.month.last_day());
        let of = |name: &[u8]| {
            let fits = |a: &&AppliedRule| a.product.as_bytes() == name && a.rule.holds_on(day);
            self.rules.iter().find(fits).map(|a| &a.rule)
        };
        if product.is_empty() { of(b"") } else { of(product).or_else(|| of(b"")) }
    }

    /// Hashes all that prices follow from: other prices have another hash.
    pub fn identity(&self) -> [u8; 32] {
        let mut hasher = Sha256::new();
        let mut text = |text: &str| {
            hasher.update((text.len() as u64).to_le_bytes());
            hasher.update(text);
        };
        text("billkeep prices 1");
        for AppliedRule { product, rule } in &self.rules {
            text(product);
            match rule.method {
                Method::Discount(factor) => text(&format!("discount {}", factor.shortest())),
                Method::CostPlus(percent) => text(&format!("cost plus {}", percent.shortest())),
            }
            text(&rule.rounding.to_string());
            let day = |day: Option<Day>| day.map_or_else(String::new, |day| day.to_string());
            text(&format!("{} {}", day(rule.from), day(rule.to)));
        }
        if let Some(fee) = &self.fee {
            text(&format!("fee {} {}", fee.amount.shortest(), fee.currency));
        }
        hasher.finalize().into()
    }
}
