//! How the CSVs of a load were read, where one was not UTF-8 with commas and its header in the first line.

use serde::{Deserialize, Serialize};

use crate::engine::store::{Records, StoreError, Table, Transaction};
use crate::formats::text::CsvReading;

/// How the CSVs of a load were read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Readings {
    /// The load's number.
    pub(crate) load: u64,
    /// One for each CSV, in the order of the load's.
    entries: Vec<CsvReading>,
}

/// Keeps how the CSVs of a load were read; nothing where all are usual.
pub(crate) fn put(writer: &Transaction, load: u64, readings: &[CsvReading]) -> Result<(), StoreError> {
    if readings.iter().all(|reading| *reading == CsvReading::default()) {
        return Ok(());
    }
    let record = Readings { load, entries: readings.to_vec() };
    writer.put(Table::Readings, &load.to_be_bytes(), &record)
}

/// Returns how a CSV of a load was read.
///
/// # Errors
/// [`StoreError`] when the store does not read.
pub(crate) fn of(store: &impl Records, load: u64, entry: usize) -> Result<CsvReading, StoreError> {
    let record: Option<Readings> = store.get(Table::Readings, &load.to_be_bytes())?;
    Ok(record.and_then(|record| record.entries.get(entry).copied()).unwrap_or_default())
}
