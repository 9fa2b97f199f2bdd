//! How many records of each kind a store holds.

use crate::engine::store::{Records, StoreError, Table};

/// How many records of each kind a store holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Bills.
    pub bills: u64,
    /// Revisions of all bills.
    pub revisions: u64,
    /// Loads, also those that no bill holds any more.
    pub loads: u64,
    /// Segments of lines.
    pub segments: u64,
    /// Deliveries, in whatever state.
    pub deliveries: u64,
    /// Entries of the journal.
    pub entries: u64,
}

impl Counts {
    /// Counts a store's records.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read.
    pub fn of(store: &impl Records) -> Result<Counts, StoreError> {
        let count = |table| {
            let mut records = 0;
            store.scan_bytes(table, &[], &mut |_, _| {
                records += 1;
                Ok(true)
            })?;
            Ok::<u64, StoreError>(records)
        };
        Ok(Counts {
            bills: count(Table::Bills)?,
            revisions: count(Table::Revisions)?,
            loads: count(Table::Loads)?,
            segments: count(Table::Segments)?,
            deliveries: count(Table::Deliveries)?,
            entries: count(Table::Journal)?,
        })
    }
}
