//! The store's format: its number, and the keys of the records in [`Table::Meta`] that this folder keeps itself.

use super::tables::Table;

/// The number that marks the layout of tables and keys. Format 1 had records without checksums; one of its stores becomes one of
/// format 2 when it is first written to. Format 2 had no sums; one of its stores becomes one of format 3 with the first commit
/// that has an entry in the journal.
pub(super) const STORE_FORMAT: u32 = 3;
pub(super) const SUMLESS_FORMAT: u32 = 2;
pub(super) const UNSEALED_FORMAT: u32 = 1;
pub(super) const FORMAT_KEY: &[u8] = b"format";

/// Under which key the last number of a series lies in [`Table::Meta`].
pub(super) fn series_key(series: &str) -> String {
    format!("next/{series}")
}

/// Under which key it lies in [`Table::Meta`] that a table was made, for those that a new store has not.
pub(super) fn made_key(table: Table) -> String {
    format!("table/{}", table.name())
}
