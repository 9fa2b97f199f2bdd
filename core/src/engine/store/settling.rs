//! What a transaction changes of the tables' sums ([`super::state`]), until it is committed.

use std::collections::BTreeMap;

use super::state::{self, Lanes};
use super::tables::Table;

/// What a transaction changes of the sums.
#[derive(Default)]
pub(super) struct Settling {
    /// Says whether the store has sums.
    pub(super) keeps_sums: bool,
    /// Says that a store of an earlier format gets them now, from all that is there.
    pub(super) begins: bool,
    /// By how much each table's sums change.
    pub(super) changes: BTreeMap<&'static str, Lanes>,
    /// The bills that get another digest, by the subject of the entry that is to tell it.
    pub(super) revised: Vec<(String, [u8; 32])>,
    /// How many entries of the journal the transaction has written.
    pub(super) entries: u64,
}

impl Settling {
    /// Returns by how much a table's sums change so far.
    pub(super) fn of(&mut self, name: &'static str) -> &mut Lanes {
        self.changes.entry(name).or_insert_with(Lanes::empty)
    }

    /// Counts a record that takes the place of another one.
    pub(super) fn counts(&mut self, table: Table, key: &[u8], before: Option<&[u8]>, after: Option<&[u8]>) {
        let Some(name) = state::counted_as(table, key).filter(|_| before != after) else { return };
        let sums = self.of(name);
        if let Some(before) = before {
            sums.take(table.name(), key, before);
        }
        if let Some(after) = after {
            sums.put(table.name(), key, after);
        }
    }
}
