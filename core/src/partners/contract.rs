//! Contracted discounts: what an account has been promised for a product, from one day to another.
//!
//! An account, a product and a day have one rate at most. A rate that is set takes its days from those that were there
//! before; taking one back leaves these days without a rate. Nothing is charged by them: `bill lint` compares lines with them.

use serde::{Deserialize, Serialize};

use crate::engine::journal::{Actor, EntryChange, append_change, record_digest};
use crate::engine::store::{Records, StoreError, Table, Transaction};
use crate::values::dated::{self, Dated};
use crate::values::error::codes;
use crate::values::money::Amount;
use crate::values::period::Day;
use crate::values::uin::Uin;

/// The most bytes that a product's name may have.
const PRODUCT_BYTES_MAX: usize = 1_024;

/// What an account pays for a product.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contract {
    /// Whose.
    pub uin: Uin,
    /// The product's name, as bills have it, without white space around it.
    pub product: String,
    /// The rates, by their days; no day has two.
    pub rates: Vec<Rate>,
}

/// What the list price is multiplied by, on some days.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rate {
    /// From 0 to 1: `0.85` takes 15% off.
    pub discount: Amount,
    /// The first day; `None` for all days before as well.
    pub from: Option<Day>,
    /// The last day; `None` for all days after as well.
    pub to: Option<Day>,
}

impl Dated for Rate {
    fn days(&self) -> (Option<Day>, Option<Day>) {
        (self.from, self.to)
    }

    fn on_days(&self, from: Option<Day>, to: Option<Day>) -> Rate {
        Rate { from, to, ..self.clone() }
    }
}

impl Contract {
    /// Returns the discount of a day.
    pub fn discount_on(&self, day: Day) -> Option<Amount> {
        self.rates.iter().find(|rate| rate.holds_on(day)).map(|rate| rate.discount)
    }
}

/// Why a rate was not set or taken back.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ContractError {
    /// Not what a list price is multiplied by.
    #[error("{0} is not a discount: it is what the list price is multiplied by, from 0 to 1")]
    Discount(Amount),
    /// The days are in the wrong order.
    #[error("{from} is after {to}")]
    Days {
        /// The first day.
        from: Day,
        /// The last day.
        to: Day,
    },
    /// No name of a product.
    #[error("a product's name has 1 to {PRODUCT_BYTES_MAX} bytes")]
    Product,
    /// Nothing to take back.
    #[error("account {uin} has no contracted discount for `{product}` on these days")]
    None {
        /// Whose.
        uin: Uin,
        /// For which product.
        product: String,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

codes!(ContractError {
    own {
        Self::Discount(amount) => User "contract.discount" { amount: amount },
        Self::Days { from, to } => User "contract.days" { from: from, to: to },
        Self::Product => User "contract.product" { max: PRODUCT_BYTES_MAX },
        Self::None { uin, product } => User "contract.none" { uin: uin, product: product },
    }
    within { Self::Store(e) => e, {}, }
});

pub(crate) fn key(uin: Uin, product: &str) -> Vec<u8> {
    let mut key = uin.number().to_be_bytes().to_vec();
    key.extend_from_slice(product.as_bytes());
    key
}

impl Contract {
    /// Returns all contracts, by account and product.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read.
    pub fn list(store: &impl Records) -> Result<Vec<Contract>, StoreError> {
        Ok(store.list(Table::Contracts, &[])?.into_iter().map(|(_, contract)| contract).collect())
    }
}

/// Reads what is there for an account and a product, after checking what was asked for.
fn open(
    store: &impl Records,
    uin: Uin,
    product: &str,
    from: Option<Day>,
    to: Option<Day>,
) -> Result<Contract, ContractError> {
    let product = product.trim();
    if product.is_empty() || product.len() > PRODUCT_BYTES_MAX {
        return Err(ContractError::Product);
    }
    if let (Some(from), Some(to)) = (from, to)
        && from > to
    {
        return Err(ContractError::Days { from, to });
    }
    let none = Contract { uin, product: product.to_owned(), rates: Vec::new() };
    Ok(store.get(Table::Contracts, &key(uin, product))?.unwrap_or(none))
}

impl Transaction {
    /// Sets an account's discount for a product, in the place of those that hold on these days.
    ///
    /// # Errors
    /// [`ContractError::Discount`], [`ContractError::Days`] or [`ContractError::Product`] for what cannot be.
    pub fn set_contract(
        &self,
        uin: Uin,
        product: &str,
        rate: Rate,
        actor: &Actor,
    ) -> Result<(), ContractError> {
        if rate.discount < Amount::ZERO || rate.discount > Amount::new(1, 0) {
            return Err(ContractError::Discount(rate.discount));
        }
        let mut contract = open(self, uin, product, rate.from, rate.to)?;
        let detail =
            format!("`{}` at {}{}", contract.product, rate.discount, Contract::days_text(rate.from, rate.to));
        dated::replace(&mut contract.rates, rate);
        let at = key(uin, &contract.product);
        let before = record_digest(self, Table::Contracts, &at)?;
        self.put(Table::Contracts, &at, &contract)?;
        let after = record_digest(self, Table::Contracts, &at)?;
        let subject = uin.to_string();
        let entry =
            EntryChange { before, after, ..EntryChange::new("account contract set", &subject, &detail) };
        append_change(self, actor, entry)?;
        Ok(())
    }

    /// Takes an account's discounts for a product back, on some days or on all.
    ///
    /// # Errors
    /// [`ContractError::None`] when there is none on these days.
    pub fn remove_contract(
        &self,
        uin: Uin,
        product: &str,
        from: Option<Day>,
        to: Option<Day>,
        actor: &Actor,
    ) -> Result<(), ContractError> {
        let mut contract = open(self, uin, product, from, to)?;
        let before = contract.rates.clone();
        dated::cut(&mut contract.rates, from, to);
        if contract.rates == before {
            return Err(ContractError::None { uin, product: contract.product });
        }
        let key = key(uin, &contract.product);
        let before = record_digest(self, Table::Contracts, &key)?;
        if contract.rates.is_empty() {
            self.delete(Table::Contracts, &key)?;
        } else {
            self.put(Table::Contracts, &key, &contract)?;
        }
        let detail = format!("`{}`{}", contract.product, Contract::days_text(from, to));
        let after = record_digest(self, Table::Contracts, &key)?;
        let subject = uin.to_string();
        let entry =
            EntryChange { before, after, ..EntryChange::new("account contract remove", &subject, &detail) };
        append_change(self, actor, entry)?;
        Ok(())
    }
}

impl Contract {
    /// Writes days as a phrase that goes on from something else; nothing for all days.
    pub fn days_text(from: Option<Day>, to: Option<Day>) -> String {
        let from = from.map_or_else(String::new, |day| format!(" from {day}"));
        to.map_or(from.clone(), |day| format!("{from} to {day}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::journal::JournalEntry;
    use crate::engine::store::{OpenOptions, Store};
    use proptest::prelude::*;

    fn day(n: i32) -> Day {
        Day::from_epoch_days(18_000 + n).unwrap()
    }

    fn rate(hundredths: i128, from: Option<i32>, to: Option<i32>) -> Rate {
        Rate { discount: Amount::new(hundredths, 2), from: from.map(day), to: to.map(day) }
    }

    #[test]
    fn a_rate_is_set_journalled_and_taken_back() {
        let folder = tempfile::tempdir().unwrap();
        let store =
            Store::create_with(&folder.path().join("a"), &OpenOptions::default(), |_| Ok(())).unwrap();
        let actor = Actor { name: "lin".into(), at_unix_s: 1 };
        let uin: Uin = "200000003412".parse().unwrap();
        let to = |hundredths, from, to| {
            store.transact(|tx| tx.set_contract(uin, " CVM ", rate(hundredths, from, to), &actor))
        };
        to(90, None, None).unwrap();
        to(85, Some(10), Some(20)).unwrap();
        let all = Contract::list(&store.read().unwrap()).unwrap();
        assert_eq!((all.len(), all[0].product.as_str()), (1, "CVM"));
        let on = |n| all[0].discount_on(day(n)).unwrap().to_string();
        assert_eq!([9, 10, 20, 21].map(on), ["0.90", "0.85", "0.85", "0.90"]);
        assert!(matches!(to(101, None, None), Err(ContractError::Discount(_))));
        assert!(matches!(to(-1, None, None), Err(ContractError::Discount(_))));
        assert!(matches!(to(85, Some(2), Some(1)), Err(ContractError::Days { .. })));
        let back = |product, from| store.transact(|tx| tx.remove_contract(uin, product, from, None, &actor));
        assert!(matches!(back("COS", None), Err(ContractError::None { .. })));
        back("CVM", Some(day(15))).unwrap();
        assert_eq!(Contract::list(&store.read().unwrap()).unwrap()[0].discount_on(day(15)), None);
        back("CVM", None).unwrap();
        assert_eq!(Contract::list(&store.read().unwrap()).unwrap(), []);
        let actions: Vec<String> =
            JournalEntry::list(&store.read().unwrap()).unwrap().into_iter().map(|e| e.action).collect();
        assert_eq!(actions.iter().filter(|a| *a == "account contract set").count(), 2);
        assert_eq!(actions.iter().filter(|a| *a == "account contract remove").count(), 2);
    }

    proptest! {
        #[test]
        fn the_last_one_that_was_said_of_a_day_holds(
            said in proptest::collection::vec((0..100_i128, -1..12_i32, -1..12_i32, any::<bool>()), 0..12)
        ) {
            let mut contract =
                Contract { uin: "200000003412".parse().unwrap(), product: "x".into(), rates: Vec::new() };
            let bound = |n: i32| (n >= 0).then_some(n);
            for (discount, from, to, set) in &said {
                let new = rate(*discount, bound(*from), bound(*to));
                if new.from.zip(new.to).is_some_and(|(from, to)| from > to) {
                    continue;
                }
                dated::cut(&mut contract.rates, new.from, new.to);
                if *set {
                    contract.rates.push(new);
                }
            }
            for n in -2..14 {
                let last = said.iter().rev().find(|(_, from, to, _)| {
                    bound(*from).zip(bound(*to)).is_none_or(|(from, to)| from <= to)
                        && bound(*from).is_none_or(|from| from <= n)
                        && bound(*to).is_none_or(|to| n <= to)
                });
                let want = last.filter(|(.., set)| *set).map(|(discount, ..)| Amount::new(*discount, 2));
                prop_assert_eq!(contract.discount_on(day(n)), want);
                prop_assert!(contract.rates.iter().filter(|r| r.holds_on(day(n))).count() <= 1);
            }
        }
    }
}
