//! What can be read from a transaction of either sort.

use redb::ReadableTable;
use serde::de::DeserializeOwned;

use super::error::StoreError;
use super::format::{FORMAT_KEY, STORE_FORMAT, series_key};
use super::guard::guarded;
use super::sealed;
use super::state::{SINCE, Since, StoreSums};
use super::tables::{Large, Table};
use crate::engine::codec::{self, Layouts};

/// Is shown keys and values, and says whether it wants more.
pub type Visit<'a> = dyn FnMut(&[u8], &[u8]) -> Result<bool, StoreError> + 'a;

/// What can be asked of a transaction of either sort.
pub trait Records {
    /// Returns the bytes under a key.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be read.
    fn get_bytes(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError>;

    /// Visits the entries whose keys begin with `prefix`, in order, until `visit` returns `false`.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be read, or what `visit` returns.
    fn scan_bytes(&self, table: Table, prefix: &[u8], visit: &mut Visit<'_>) -> Result<(), StoreError>;

    /// Returns a large value.
    ///
    /// # Errors
    /// [`StoreError::Lost`] when it is not there.
    fn get_large(&self, table: Large, id: u64) -> Result<Vec<u8>, StoreError>;

    /// Adds up all records and compares with what was kept. Reads the whole file.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be read.
    fn sums(&self) -> Result<StoreSums, StoreError>;

    /// Returns how many entries of the journal this transaction has written; nobody else sees them yet.
    fn uncommitted_entries(&self) -> u64 {
        0
    }

    /// Returns what was committed since the journal's last entry; none in stores of earlier formats.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be read.
    fn since(&self) -> Result<Option<Since>, StoreError> {
        self.get(Table::State, SINCE)
    }

    /// Says whether the store keeps sums; stores of earlier formats do not.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be read.
    fn keeps_sums(&self) -> Result<bool, StoreError> {
        Ok(format_of(self)?.is_some_and(|format| format >= STORE_FORMAT))
    }

    /// Returns a record.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] when it does not decode.
    fn get<T: DeserializeOwned>(&self, table: Table, key: &[u8]) -> Result<Option<T>, StoreError> {
        self.get_bytes(table, key)?.map(|bytes| decode(table, &bytes)).transpose()
    }

    /// Returns a record that must be there.
    ///
    /// # Errors
    /// [`StoreError::Lost`] when it is not.
    fn need<T: DeserializeOwned>(&self, table: Table, key: &[u8]) -> Result<T, StoreError> {
        self.get(table, key)?.ok_or_else(|| StoreError::Lost(format!("a record of `{}`", table.name())))
    }

    /// Returns the last number of a series that was given out, 0 before the first.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] when it does not decode.
    fn last_id(&self, series: &str) -> Result<u64, StoreError> {
        Ok(self.get(Table::Meta, series_key(series).as_bytes())?.unwrap_or(0))
    }

    /// Returns all records whose keys begin with `prefix`, in order, with their keys.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] when one does not decode.
    fn list<T: DeserializeOwned>(
        &self,
        table: Table,
        prefix: &[u8],
    ) -> Result<Vec<(Vec<u8>, T)>, StoreError> {
        let mut found = Vec::new();
        self.scan_bytes(table, prefix, &mut |key, bytes| {
            found.push((key.to_vec(), decode(table, bytes)?));
            Ok(true)
        })?;
        Ok(found)
    }

    /// Returns the records of a table that have these bytes in them, without decoding the others. Hashes and sums lie in records as
    /// they are; whether it is the right field is left to the caller.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] when one does not decode.
    fn list_with<T: DeserializeOwned>(&self, table: Table, bytes: &[u8]) -> Result<Vec<T>, StoreError> {
        let wanted = memchr::memmem::Finder::new(bytes);
        let mut found = Vec::new();
        self.scan_bytes(table, &[], &mut |_, record| {
            if wanted.find(record).is_some() {
                found.push(decode(table, record)?);
            }
            Ok(true)
        })?;
        Ok(found)
    }

    /// Returns a record that has several layouts.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] when it does not decode.
    fn get_of<T: Layouts>(&self, table: Table, key: &[u8]) -> Result<Option<T>, StoreError> {
        self.get_bytes(table, key)?.map(|bytes| decode_of(table, &bytes)).transpose()
    }

    /// Returns a record that has several layouts, and must be there.
    ///
    /// # Errors
    /// [`StoreError::Lost`] when it is not.
    fn need_of<T: Layouts>(&self, table: Table, key: &[u8]) -> Result<T, StoreError> {
        self.get_of(table, key)?.ok_or_else(|| StoreError::Lost(format!("a record of `{}`", table.name())))
    }

    /// Returns all records of a table whose records have several layouts, in the order of their keys.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] when one does not decode.
    fn list_of<T: Layouts>(&self, table: Table) -> Result<Vec<T>, StoreError> {
        let mut found = Vec::new();
        self.scan_bytes(table, &[], &mut |_, bytes| {
            found.push(decode_of(table, bytes)?);
            Ok(true)
        })?;
        Ok(found)
    }
}

fn decode_of<T: Layouts>(table: Table, bytes: &[u8]) -> Result<T, StoreError> {
    T::decode(bytes).map_err(|e| StoreError::damaged(format!("a record of `{}`", table.name()), e))
}

pub(super) fn decode<T: DeserializeOwned>(table: Table, bytes: &[u8]) -> Result<T, StoreError> {
    codec::decode(bytes).map_err(|e| StoreError::damaged(format!("a record of `{}`", table.name()), e))
}

/// Returns the store's format.
pub(super) fn format_of(store: &(impl Records + ?Sized)) -> Result<Option<u32>, StoreError> {
    store.get(Table::Meta, FORMAT_KEY)
}

pub(super) fn get_record(
    open: &impl ReadableTable<&'static [u8], &'static [u8]>,
    table: Table,
    key: &[u8],
) -> Result<Option<Vec<u8>>, StoreError> {
    let Some(found) = open.get(key)? else { return Ok(None) };
    Ok(Some(sealed::unseal(table, key, found.value())?.to_vec()))
}

pub(super) fn scan_table(
    open: &impl ReadableTable<&'static [u8], &'static [u8]>,
    table: Table,
    prefix: &[u8],
    visit: &mut Visit<'_>,
) -> Result<(), StoreError> {
    let mut range = guarded(|| Ok(open.range(prefix..)?))?;
    while let Some((key, value)) = guarded(|| Ok(range.next().transpose()?))? {
        let (key, value) = guarded(|| Ok((key.value(), value.value())))?;
        if !key.starts_with(prefix) || !visit(key, sealed::unseal(table, key, value)?)? {
            break;
        }
    }
    Ok(())
}
