//! What the partner sells at: rules for a customer's price, monthly fees, and which further columns a customer gets.
//!
//! An account, a product (or all products) and a day have one rule at most; a rule for the product goes before one for all.
//! A rule that is set takes its days from those that were there before. The price of a line is worked out from the line alone,
//! and rounded once ([`Rounding`]), so that it does not depend on which other lines are beside it. Nothing of this is in
//! the bill: the provider's amounts stay what they are.

mod book;
mod rule;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

pub use book::{AppliedRule, PriceBook};
pub(crate) use rule::DECIMALS_MAX;
pub use rule::{Fee, Method, PriceRule, Rounding, RoundingMode};

use crate::engine::journal::{Actor, EntryChange, append_change, record_digest};
use crate::engine::store::{Records, StoreError, Table, Transaction};
use crate::formats::schema::{Column, fold_header};

use crate::partners::contract::Contract;
use crate::values::dated;
use crate::values::error::codes;
use crate::values::money::Amount;
use crate::values::period::Day;
use crate::values::uin::Uin;

/// The most bytes that a product's name or a column's header may have.
const NAME_BYTES_MAX: usize = 1_024;

/// What an account is sold at, and gets to see.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// Whose.
    pub uin: Uin,
    /// The rules, by product; an empty name for all products. No day has two.
    pub prices: BTreeMap<String, Vec<PriceRule>>,
    /// The monthly fees; no day has two.
    pub fees: Vec<Fee>,
    /// Headers of columns that exports for the customer have besides those of the contract.
    pub columns: BTreeSet<String>,
}

/// Why terms were not changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PriceError {
    /// A figure out of bounds.
    #[error("{0} is no price: a factor is from 0 to 100, a percentage from -100 to 10,000")]
    Figure(Method),
    /// Too many decimals.
    #[error("{0} decimals are too many: prices have {DECIMALS_MAX} at most")]
    Decimals(u8),
    /// A negative fee, or one without a currency.
    #[error("{amount} {currency} is no fee: it is not below 0, and its currency has three capital letters")]
    Fee {
        /// How much.
        amount: Amount,
        /// In what.
        currency: String,
    },
    /// The days are in the wrong order.
    #[error("{from} is after {to}")]
    Days {
        /// The first day.
        from: Day,
        /// The last day.
        to: Day,
    },
    /// No name of a product, no header of a column.
    #[error("a name has 1 to {NAME_BYTES_MAX} bytes")]
    Name,
    /// A column that shows the partner's cost.
    #[error("column `{header}` means `{}`, which shows the partner's cost: it never goes to a customer", .column.name())]
    Cost {
        /// As it was asked for.
        header: String,
        /// What it means.
        column: Column,
    },
    /// Nothing to take back.
    #[error("account {uin} has no {what}")]
    None {
        /// Whose.
        uin: Uin,
        /// What was to be taken back.
        what: String,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

codes!(PriceError {
    own {
        Self::Figure(method) => User "price.figure" { method: method },
        Self::Decimals(decimals) => User "price.decimals" { decimals: decimals, max: DECIMALS_MAX },
        Self::Fee { amount, currency } => User "price.fee" { amount: amount, currency: currency },
        Self::Days { from, to } => User "price.days" { from: from, to: to },
        Self::Name => User "price.name" { max: NAME_BYTES_MAX },
        Self::Cost { header, column } => Refused "price.cost" { header: header, column: column.name() },
        Self::None { uin, what } => User "price.none" { uin: uin, what: what },
    }
    within { Self::Store(e) => e, {}, }
});

fn key(uin: Uin) -> [u8; 8] {
    uin.number().to_be_bytes()
}

impl Terms {
    /// Returns an account's terms; one without any has none of all.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read.
    pub fn get(store: &impl Records, uin: Uin) -> Result<Terms, StoreError> {
        let none = Terms { uin, prices: BTreeMap::new(), fees: Vec::new(), columns: BTreeSet::new() };
        Ok(store.get(Table::Terms, &key(uin))?.unwrap_or(none))
    }

    /// Returns all terms, by account.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read.
    pub fn list(store: &impl Records) -> Result<Vec<Terms>, StoreError> {
        Ok(store.list(Table::Terms, &[])?.into_iter().map(|(_, terms)| terms).collect())
    }
}

fn save(
    tx: &Transaction,
    terms: &Terms,
    action: &str,
    detail: &str,
    actor: &Actor,
) -> Result<(), PriceError> {
    let (at, subject) = (key(terms.uin), terms.uin.to_string());
    let before = record_digest(tx, Table::Terms, &at)?;
    if terms.prices.is_empty() && terms.fees.is_empty() && terms.columns.is_empty() {
        tx.delete(Table::Terms, &at)?;
    } else {
        tx.put(Table::Terms, &at, terms)?;
    }
    let after = record_digest(tx, Table::Terms, &at)?;
    append_change(tx, actor, EntryChange { before, after, ..EntryChange::new(action, &subject, detail) })?;
    Ok(())
}

fn in_order(from: Option<Day>, to: Option<Day>) -> Result<(), PriceError> {
    match (from, to) {
        (Some(from), Some(to)) if from > to => Err(PriceError::Days { from, to }),
        _ => Ok(()),
    }
}

/// Returns a product's name without white space around it; an empty one for all products.
fn product_key(product: Option<&str>) -> Result<String, PriceError> {
    match product.map(str::trim) {
        None => Ok(String::new()),
        Some(name) if name.is_empty() || name.len() > NAME_BYTES_MAX => Err(PriceError::Name),
        Some(name) => Ok(name.to_owned()),
    }
}

impl Terms {
    /// Writes for which products, as a phrase.
    pub fn product_text(product: &str) -> String {
        if product.is_empty() { "all products".to_owned() } else { format!("`{product}`") }
    }
}

impl Transaction {
    /// Sets an account's price for a product, or for all, in the place of the rules that hold on these days.
    ///
    /// # Errors
    /// [`PriceError::Figure`], [`PriceError::Decimals`], [`PriceError::Days`] or [`PriceError::Name`] for what cannot be.
    pub fn set_price(
        &self,
        uin: Uin,
        product: Option<&str>,
        rule: PriceRule,
        actor: &Actor,
    ) -> Result<(), PriceError> {
        if !rule.method.is_valid() {
            return Err(PriceError::Figure(rule.method));
        }
        if rule.rounding.decimals > DECIMALS_MAX {
            return Err(PriceError::Decimals(rule.rounding.decimals));
        }
        in_order(rule.from, rule.to)?;
        let product = product_key(product)?;
        let mut terms = Terms::get(self, uin)?;
        let days = Contract::days_text(rule.from, rule.to);
        let detail = format!("{}: {}, {}{days}", Terms::product_text(&product), rule.method, rule.rounding);
        dated::replace(terms.prices.entry(product).or_default(), rule);
        save(self, &terms, "account price set", &detail, actor)
    }

    /// Takes an account's price for a product, or the one for all products, back, on some days or on all.
    ///
    /// # Errors
    /// [`PriceError::None`] when there is none on these days.
    pub fn remove_price(
        &self,
        uin: Uin,
        product: Option<&str>,
        from: Option<Day>,
        to: Option<Day>,
        actor: &Actor,
    ) -> Result<(), PriceError> {
        in_order(from, to)?;
        let product = product_key(product)?;
        let mut terms = Terms::get(self, uin)?;
        let what = format!("price for {}{}", Terms::product_text(&product), Contract::days_text(from, to));
        let rules = terms.prices.entry(product.clone()).or_default();
        let before = rules.clone();
        dated::cut(rules, from, to);
        if *rules == before {
            return Err(PriceError::None { uin, what });
        }
        if rules.is_empty() {
            terms.prices.remove(&product);
        }
        save(self, &terms, "account price remove", &what, actor)
    }

    /// Sets an account's monthly fee, in the place of those that hold on these days.
    ///
    /// # Errors
    /// [`PriceError::Fee`] or [`PriceError::Days`] for what cannot be.
    pub fn set_fee(&self, uin: Uin, fee: Fee, actor: &Actor) -> Result<(), PriceError> {
        let is_code = fee.currency.len() == 3 && fee.currency.bytes().all(|b| b.is_ascii_uppercase());
        if fee.amount < Amount::ZERO || !is_code {
            return Err(PriceError::Fee { amount: fee.amount, currency: fee.currency });
        }
        in_order(fee.from, fee.to)?;
        let mut terms = Terms::get(self, uin)?;
        let detail =
            format!("monthly fee {} {}{}", fee.amount, fee.currency, Contract::days_text(fee.from, fee.to));
        dated::replace(&mut terms.fees, fee);
        save(self, &terms, "account price set", &detail, actor)
    }

    /// Takes an account's monthly fees back, on some days or on all.
    ///
    /// # Errors
    /// [`PriceError::None`] when there is none on these days.
    pub fn remove_fee(
        &self,
        uin: Uin,
        from: Option<Day>,
        to: Option<Day>,
        actor: &Actor,
    ) -> Result<(), PriceError> {
        in_order(from, to)?;
        let mut terms = Terms::get(self, uin)?;
        let what = format!("monthly fee{}", Contract::days_text(from, to));
        let before = terms.fees.clone();
        dated::cut(&mut terms.fees, from, to);
        if terms.fees == before {
            return Err(PriceError::None { uin, what });
        }
        save(self, &terms, "account price remove", &what, actor)
    }

    /// Lets exports for an account have a column that the contract does not name, or takes that back.
    ///
    /// # Errors
    /// [`PriceError::Cost`] for a column that is known to show the partner's cost; [`PriceError::None`] to take back what was
    /// not given.
    pub fn set_customer_column(
        &self,
        uin: Uin,
        header: &str,
        given: bool,
        actor: &Actor,
    ) -> Result<(), PriceError> {
        let header = header.trim();
        if header.is_empty() || header.len() > NAME_BYTES_MAX {
            return Err(PriceError::Name);
        }
        if let Some(column) = Column::of_header(header).filter(|c| given && c.shows_cost()) {
            return Err(PriceError::Cost { header: header.to_owned(), column });
        }
        let mut terms = Terms::get(self, uin)?;
        let had = terms.columns.len();
        terms.columns.retain(|column| fold_header(column) != fold_header(header));
        if given {
            terms.columns.insert(header.to_owned());
        } else if terms.columns.len() == had {
            return Err(PriceError::None { uin, what: format!("further column `{header}`") });
        }
        let action = if given { "account column add" } else { "account column remove" };
        save(self, &terms, action, &format!("`{header}`"), actor)
    }
}

#[cfg(test)]
mod tests;
