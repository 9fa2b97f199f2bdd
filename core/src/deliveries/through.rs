//! The last day that the scheduler of a store has been through.

use crate::deliveries::DueAt;
use crate::engine::store::{Records, StoreError, Table, Transaction};
use crate::values::period::Day;

/// Where it lies in [`Table::Meta`].
const KEY: &[u8] = b"scheduler";

impl DueAt {
    /// Returns the last day that the store's scheduler has been through; none before its first.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read.
    pub fn scheduled_through(store: &impl Records) -> Result<Option<Day>, StoreError> {
        store.get(Table::Meta, KEY)
    }
}

impl Transaction {
    /// Records that the scheduler has been through a day. The journal has no entry of it.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be written.
    pub fn set_scheduled_through(&self, day: Day) -> Result<(), StoreError> {
        self.put(Table::Meta, KEY, &day)
    }
}
