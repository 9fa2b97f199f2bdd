//! How the CSVs of a load were read, where one was not UTF-8 with commas and its header in the first line.

use serde::{Deserialize, Serialize};

use crate::engine::store::{Records, StoreError, Table, Transaction};
use crate::formats::text::Reading;

/// How the CSVs of a load were read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Readings {
    /// The load's number.
    pub(crate) load: u64,
    /// One for each CSV, in the order of the load's.
    entries: Vec<Reading>,
}

/// Keeps how the CSVs of a load were read; nothing where all are usual.
pub(crate) fn put(writer: &Transaction, load: u64, readings: &[Reading]) -> Result<(), StoreError> {
    if readings.iter().all(|reading| *reading == Reading::default()) {
        return Ok(());
    }
    let record = Readings { load, entries: readings.to_vec() };
    writer.put(Table::Readings, &load.to_be_bytes(), &record)
}

/// Returns how a CSV of a load was read.
///
/// # Errors
/// [`StoreError`] when the store does not read.
pub fn of(store: &impl Records, load: u64, entry: usize) -> Result<Reading, StoreError> {
    let record: Option<Readings> = store.get(Table::Readings, &load.to_be_bytes())?;
    Ok(record.and_then(|record| record.entries.get(entry).copied()).unwrap_or_default())
}
