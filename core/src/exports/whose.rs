//! Whose lines an export holds, day by day.

use std::collections::BTreeSet;

use crate::bills::{BillKey, Owners, OwnersByDay};
use crate::engine::store::{Records, StoreError};
use crate::partners::accounts::Tree;
use crate::values::period::Day;
use crate::values::uin::Uin;

use super::Scope;

impl Scope {
    /// Returns the owners on each day of a bill. Of a second-level reseller they are those that stand below it on that day.
    ///
    /// # Errors
    /// [`StoreError`] when the tree of accounts cannot be read.
    pub fn owners(self, store: &impl Records, bill: BillKey) -> Result<OwnersByDay, StoreError> {
        Ok(match self {
            Scope::Payer => Owners::all().into(),
            Scope::Customers => Owners::customers(bill.payer).into(),
            Scope::Owner(uin) => Owners::one(uin).into(),
            Scope::SelfUse => Owners::one(bill.payer).into(),
            Scope::Reseller(uin) => below(&Tree::load(store)?, uin, bill),
        })
    }
}

/// Returns who stands below an account on each day of a month, and the account itself.
fn below(tree: &Tree, uin: Uin, bill: BillKey) -> OwnersByDay {
    let (first, last) = (bill.month.first_day(), bill.month.last_day());
    let mut begins: BTreeSet<Day> = tree.turns().range(first..=last).copied().collect();
    begins.insert(first);
    let mut spans = Vec::new();
    let mut begins = begins.into_iter().peekable();
    while let Some(begin) = begins.next() {
        let end = begins.peek().and_then(|next| next.minus_days(1)).unwrap_or(last);
        let owners = Owners::of(tree.below(uin, begin).into_iter().map(Uin::number));
        spans.push((begin.day_of_month() as u8, end.day_of_month() as u8, owners));
    }
    OwnersByDay::of(spans)
}
