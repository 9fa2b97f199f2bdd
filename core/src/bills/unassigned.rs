//! Accounts that bills bring and the tree does not know.

use std::collections::{BTreeMap, BTreeSet};

use crate::bills::{BillError, BillView};
use crate::engine::block::Sums;
use crate::engine::rollup::{Overflow, Rollup};
use crate::engine::store::Records;
use crate::values::period::{BillMonth, Day};
use crate::values::uin::Uin;

use crate::bills::Bill;
use crate::partners::accounts::Tree;

/// An account that is not in the tree.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unassigned {
    /// The owner's id as the bills have it.
    pub owner: String,
    /// In which months it has lines while it is not in the tree, by any basis.
    pub months: BTreeSet<BillMonth>,
    /// Their sums, by currency; a month that is there by both bases counts once for each.
    pub sums: Vec<Sums>,
}

impl Unassigned {
    /// Returns the owners of lines of current bills, of one month or all, that are not in the tree on the lines' days.
    ///
    /// # Errors
    /// [`BillError`] when the store cannot be read.
    pub fn list(store: &impl Records, month: Option<BillMonth>) -> Result<Vec<Unassigned>, BillError> {
        let tree = Tree::load(store)?;
        let mut found: BTreeMap<String, Unassigned> = BTreeMap::new();
        for (bill, _) in Bill::list(store)? {
            let key = bill.key;
            if month.is_some_and(|month| month != key.month) {
                continue;
            }
            let view = BillView::open(store, key, None)?;
            for segment in view.segments() {
                for rollup in segment.rollups(store, |_| true)? {
                    add(&mut found, &tree, key.month, &rollup)?;
                }
            }
        }
        let with_owner = |(owner, found): (String, Unassigned)| Unassigned { owner, ..found };
        Ok(found.into_iter().map(with_owner).collect())
    }
}

/// Adds the cells of a roll-up of a month that are of nobody in the tree on their days.
fn add(
    found: &mut BTreeMap<String, Unassigned>,
    tree: &Tree,
    month: BillMonth,
    rollup: &Rollup,
) -> Result<(), Overflow> {
    let owners: Vec<Option<Uin>> =
        rollup.owners().iter().map(|owner| Uin::parse(owner.trim_ascii())).collect();
    // Asked once for each owner and day.
    let mut known = BTreeMap::new();
    for cell in rollup.cells() {
        let uin = owners.get(cell.key.owner as usize).copied().flatten();
        let in_tree = *known.entry((cell.key.owner, cell.key.day)).or_insert_with(|| {
            let day = cell.key.day.and_then(Day::from_epoch_days).unwrap_or(month.last_day());
            let day = day.clamp(month.first_day(), month.last_day());
            uin.is_some_and(|uin| tree.on(uin, day).is_some())
        });
        if in_tree {
            continue;
        }
        let owner = rollup.owners().text(cell.key.owner).trim().to_owned();
        let entry = found.entry(owner).or_default();
        entry.months.insert(month);
        rollup.add_cell(&cell, &mut entry.sums)?;
    }
    Ok(())
}
