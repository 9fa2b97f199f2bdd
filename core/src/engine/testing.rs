//! Raw access to tables and disks, for tests that break invariants on purpose. Behind the feature `testing` only.

use std::path::Path;
use std::sync::Arc;

use serde::Serialize;

use crate::engine::codec::Layouts;
use crate::engine::store::{OpenOptions, Store, StoreError, Transaction};

pub use crate::engine::store::{Disk, Large, Table};

/// Stores without settings, and on other disks than a file.
pub trait RawStore: Sized {
    /// Creates a store with nothing in it but what `fill` puts.
    ///
    /// # Errors
    /// [`StoreError`] when the file exists or cannot be written, or what `fill` returns.
    fn create_with(
        path: &Path,
        options: &OpenOptions,
        fill: impl FnOnce(&Transaction) -> Result<(), StoreError>,
    ) -> Result<Self, StoreError>;

    /// Creates a store on an empty disk; `name` stands for it in messages.
    ///
    /// # Errors
    /// As [`RawStore::create_with`].
    fn create_on(
        disk: Arc<dyn Disk>,
        name: &Path,
        options: &OpenOptions,
        fill: impl FnOnce(&Transaction) -> Result<(), StoreError>,
    ) -> Result<Self, StoreError>;

    /// Opens a store on a disk, to read and to write.
    ///
    /// # Errors
    /// [`StoreError`] when there is none that can be read.
    fn open_on(disk: Arc<dyn Disk>, name: &Path, options: &OpenOptions) -> Result<Self, StoreError>;

    /// Begins a transaction that the caller commits.
    ///
    /// # Errors
    /// [`StoreError::Busy`] when another writer takes longer than the bound.
    fn write(&self) -> Result<Transaction, StoreError>;
}

impl RawStore for Store {
    fn create_with(
        path: &Path,
        options: &OpenOptions,
        fill: impl FnOnce(&Transaction) -> Result<(), StoreError>,
    ) -> Result<Store, StoreError> {
        Store::create_with(path, options, fill)
    }

    fn create_on(
        disk: Arc<dyn Disk>,
        name: &Path,
        options: &OpenOptions,
        fill: impl FnOnce(&Transaction) -> Result<(), StoreError>,
    ) -> Result<Store, StoreError> {
        Store::create_on(disk, name, options, fill)
    }

    fn open_on(disk: Arc<dyn Disk>, name: &Path, options: &OpenOptions) -> Result<Store, StoreError> {
        Store::open_on(disk, name, options)
    }

    fn write(&self) -> Result<Transaction, StoreError> {
        Store::write(self)
    }
}

/// Records and large values, put and deleted without a rule or an entry in the journal.
pub trait RawTransaction {
    /// Puts a record under a key.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be written.
    fn put<T: Serialize>(&self, table: Table, key: &[u8], record: &T) -> Result<(), StoreError>;

    /// Puts a record that has several layouts under a key, in the newest.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be written.
    fn put_of<T: Layouts>(&self, table: Table, key: &[u8], record: &T) -> Result<(), StoreError>;

    /// Deletes a record.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be written.
    fn delete(&self, table: Table, key: &[u8]) -> Result<(), StoreError>;

    /// Puts a large value under an id.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be written.
    fn put_large(&self, table: Large, id: u64, bytes: &[u8]) -> Result<(), StoreError>;

    /// Deletes a large value.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be written.
    fn delete_large(&self, table: Large, id: u64) -> Result<(), StoreError>;

    /// Makes everything that was put durable.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be written.
    fn commit(self) -> Result<(), StoreError>;

    /// Drops everything that was put.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be read.
    fn abort(self) -> Result<(), StoreError>;
}

impl RawTransaction for Transaction {
    fn put<T: Serialize>(&self, table: Table, key: &[u8], record: &T) -> Result<(), StoreError> {
        Transaction::put(self, table, key, record)
    }

    fn put_of<T: Layouts>(&self, table: Table, key: &[u8], record: &T) -> Result<(), StoreError> {
        Transaction::put_of(self, table, key, record)
    }

    fn delete(&self, table: Table, key: &[u8]) -> Result<(), StoreError> {
        Transaction::delete(self, table, key)
    }

    fn put_large(&self, table: Large, id: u64, bytes: &[u8]) -> Result<(), StoreError> {
        Transaction::put_large(self, table, id, bytes)
    }

    fn delete_large(&self, table: Large, id: u64) -> Result<(), StoreError> {
        Transaction::delete_large(self, table, id)
    }

    fn commit(self) -> Result<(), StoreError> {
        Transaction::commit(self)
    }

    fn abort(self) -> Result<(), StoreError> {
        Transaction::abort(self)
    }
}
