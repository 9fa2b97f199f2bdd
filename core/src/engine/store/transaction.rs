//! Writing: changes that become durable together, or not at all.

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};

use redb::{MultimapTableHandle as _, TableHandle as _};
use serde::Serialize;

use super::error::StoreError;
use super::format::{FORMAT_KEY, made_key, series_key};
use super::found::{self, Raw, visit_pieces, visit_records};
use super::guard::{guarded, guarded_write};
use super::records::{Records, Visit, get_record, scan_table};
use super::settling::Settling;
use super::state::{Moved, StoreSums};
use super::tables::{Large, Table};
use super::{pages, sealed};
use crate::engine::codec::{self, CodecError, Layouts};

type RecordTable<'a> = redb::Table<'a, &'static [u8], &'static [u8]>;
type LargeTable<'a> = redb::Table<'a, u64, &'static [u8]>;

/// Finishes the journal's entry of a transaction with the digests that it moves; returns the entry's number.
pub(crate) type FinishEntry = Box<dyn FnOnce(&Transaction, &[Moved]) -> Result<u64, StoreError>>;

/// The write transaction: nothing of it is there until it is committed, and dropping it takes all back.
pub struct Transaction {
    /// None once it has ended.
    pub(super) txn: Option<redb::WriteTransaction>,
    pub(super) put_bytes: Cell<u64>,
    /// Whether a change of several steps has failed between two of them.
    pub(super) half_done: Cell<bool>,
    /// Whether anything was put or deleted.
    pub(super) changed: Cell<bool>,
    pub(super) of_store: Arc<AtomicU64>,
    pub(super) broken_off: Arc<AtomicBool>,
    /// Tables that are there, or were never made.
    pub(super) sound: RefCell<Vec<Table>>,
    /// Tables of which it is noted that they were made.
    made: RefCell<Vec<Table>>,
    pub(super) settling: RefCell<Settling>,
    /// What finishes the journal's entry.
    pub(super) record: RefCell<Option<FinishEntry>>,
}

impl Drop for Transaction {
    fn drop(&mut self) {
        // Taking back reads pages as well.
        let txn = self.txn.take();
        let _ = guarded(|| {
            drop(txn);
            Ok(())
        });
    }
}

impl Transaction {
    pub(super) fn new(
        mut txn: redb::WriteTransaction,
        of_store: &Arc<AtomicU64>,
        broken_off: &Arc<AtomicBool>,
    ) -> Transaction {
        txn.set_quick_repair(true);
        Transaction {
            txn: Some(txn),
            put_bytes: Cell::new(0),
            half_done: Cell::new(false),
            changed: Cell::new(false),
            of_store: of_store.clone(),
            broken_off: broken_off.clone(),
            sound: RefCell::default(),
            made: RefCell::default(),
            settling: RefCell::default(),
            record: RefCell::default(),
        }
    }

    /// Makes a change that may fail after its first step. The transaction is never committed then, even if a caller ignores the error.
    pub(crate) fn whole<T, E>(&self, change: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        let result = change();
        if result.is_err() {
            self.half_done.set(true);
        }
        result
    }

    /// Changes something. Where that breaks off, the transaction is never committed.
    fn change<T>(&self, write: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
        guarded_write(&self.broken_off, write)
    }

    pub(super) fn txn(&self) -> Result<&redb::WriteTransaction, StoreError> {
        self.txn.as_ref().ok_or_else(|| StoreError::Io("the transaction has ended".into()))
    }

    pub(super) fn open(&self, table: Table) -> Result<RecordTable<'_>, StoreError> {
        self.must_not_be_lost(table)?;
        guarded(|| Ok(self.txn()?.open_table(table.definition())?))
    }

    /// Opening a table makes it; one that was there and is gone is not to be made anew.
    fn must_not_be_lost(&self, table: Table) -> Result<(), StoreError> {
        if self.sound.borrow().contains(&table) {
            return Ok(());
        }
        let name = table.name();
        let is_there = guarded(|| Ok(self.txn()?.list_tables()?.any(|found| found.name() == name)))?;
        let was_made = || -> Result<bool, StoreError> {
            let note = made_key(table);
            Ok(Table::AT_FIRST.contains(&table) || self.get_bytes(Table::Meta, note.as_bytes())?.is_some())
        };
        if !is_there && was_made()? {
            return Err(StoreError::Lost(format!("the table `{name}`")));
        }
        self.sound.borrow_mut().push(table);
        Ok(())
    }

    pub(super) fn open_large(&self, table: Large) -> Result<LargeTable<'_>, StoreError> {
        guarded(|| Ok(self.txn()?.open_table(table.definition())?))
    }

    /// Puts the format, without a checksum: programs that know only the first format are to read it.
    pub(super) fn put_format(&self, format: u32) -> Result<(), StoreError> {
        let bytes = codec::encode(&format).map_err(|e| StoreError::damaged("the format", e))?;
        let mut open = self.open(Table::Meta)?;
        self.change(|| Ok(open.insert(FORMAT_KEY, bytes.as_slice()).map(|_| ())?))
    }

    /// Puts a record under a key.
    ///
    /// # Errors
    /// [`StoreError::Io`] when the file cannot be written.
    pub(crate) fn put<T: Serialize>(&self, table: Table, key: &[u8], record: &T) -> Result<(), StoreError> {
        self.put_encoded(table, key, codec::encode(record))
    }

    /// Puts a record whose layout has a version of its own under a key.
    ///
    /// # Errors
    /// [`StoreError::Io`] when the file cannot be written.
    pub(crate) fn put_as<T: Serialize>(
        &self,
        version: u8,
        table: Table,
        key: &[u8],
        record: &T,
    ) -> Result<(), StoreError> {
        self.put_encoded(table, key, codec::encode_as(version, record))
    }

    /// Puts a record that has several layouts under a key, in the newest.
    ///
    /// # Errors
    /// [`StoreError::Io`] when the file cannot be written.
    pub(crate) fn put_of<T: Layouts>(&self, table: Table, key: &[u8], record: &T) -> Result<(), StoreError> {
        self.put_as(T::NEWEST, table, key, record)
    }

    pub(crate) fn put_encoded(
        &self,
        table: Table,
        key: &[u8],
        record: Result<Vec<u8>, CodecError>,
    ) -> Result<(), StoreError> {
        let bytes = record.map_err(|e| StoreError::damaged(format!("a record of `{}`", table.name()), e))?;
        let sealed = sealed::seal(table, key, &bytes);
        let mut open = self.open(table)?;
        self.note_made(table)?;
        let mut settling = self.settling.borrow_mut();
        self.changed.set(true);
        self.change(|| {
            let before = open.insert(key, sealed.as_slice())?;
            settling.counts(table, key, before.as_ref().map(|before| before.value()), Some(&sealed));
            Ok(())
        })
    }

    /// Notes that a table is made, with its first record.
    pub(super) fn note_made(&self, table: Table) -> Result<(), StoreError> {
        if Table::AT_FIRST.contains(&table) || self.made.borrow().contains(&table) {
            return Ok(());
        }
        let key = made_key(table);
        if self.get_bytes(Table::Meta, key.as_bytes())?.is_none() {
            self.put(Table::Meta, key.as_bytes(), &())?;
        }
        self.made.borrow_mut().push(table);
        Ok(())
    }

    /// Takes a record away.
    ///
    /// # Errors
    /// [`StoreError::Io`] when the file cannot be written.
    pub(crate) fn delete(&self, table: Table, key: &[u8]) -> Result<(), StoreError> {
        let mut open = self.open(table)?;
        let mut settling = self.settling.borrow_mut();
        self.changed.set(true);
        self.change(|| {
            let before = open.remove(key)?;
            settling.counts(table, key, before.as_ref().map(|before| before.value()), None);
            Ok(())
        })
    }

    /// Takes a large value away; nothing there is no error.
    ///
    /// # Errors
    /// [`StoreError::Io`] when the file cannot be written.
    pub(crate) fn delete_large(&self, table: Large, id: u64) -> Result<(), StoreError> {
        let mut open = self.open_large(table)?;
        let mut settling = self.settling.borrow_mut();
        self.changed.set(true);
        self.change(|| pages::delete(&mut open, table, id, settling.of(table.name())))
    }

    /// Puts a large value under an id that must be new.
    ///
    /// # Errors
    /// [`StoreError::Io`] when the file cannot be written.
    pub(crate) fn put_large(&self, table: Large, id: u64, bytes: &[u8]) -> Result<(), StoreError> {
        self.put_bytes.set(self.put_bytes.get() + bytes.len() as u64);
        let mut open = self.open_large(table)?;
        let mut settling = self.settling.borrow_mut();
        self.changed.set(true);
        self.change(|| pages::put(&mut open, table, id, bytes, settling.of(table.name())))
    }

    /// Returns the next number of a series, starting at 1.
    ///
    /// # Errors
    /// [`StoreError::Io`] when the file cannot be written.
    pub(crate) fn next_id(&self, series: &str) -> Result<u64, StoreError> {
        let last = self.last_id(series)?;
        let id = last
            .checked_add(1)
            .ok_or_else(|| StoreError::damaged(series_key(series), "no number is left"))?;
        self.put(Table::Meta, series_key(series).as_bytes(), &id)?;
        Ok(id)
    }
}

impl Records for Transaction {
    fn get_bytes(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let open = self.open(table)?;
        guarded(|| get_record(&open, table, key))
    }

    fn scan_bytes(&self, table: Table, prefix: &[u8], visit: &mut Visit<'_>) -> Result<(), StoreError> {
        scan_table(&self.open(table)?, table, prefix, visit)
    }

    fn get_large(&self, table: Large, id: u64) -> Result<Vec<u8>, StoreError> {
        let open = self.open_large(table)?;
        guarded(|| pages::get(&open, table, id))
    }

    fn sums(&self) -> Result<StoreSums, StoreError> {
        found::sums(self)
    }

    fn uncommitted_entries(&self) -> u64 {
        self.settling.borrow().entries
    }
}

impl Raw for Transaction {
    fn records(&self, table: Table, visit: &mut dyn FnMut(&[u8], &[u8])) -> Result<(), StoreError> {
        match self.names()?.iter().any(|name| name == table.name()) {
            true => visit_records(&self.txn()?.open_table(table.definition())?, visit),
            false => Ok(()),
        }
    }

    fn pieces(&self, large: Large, visit: &mut dyn FnMut(u64, &[u8])) -> Result<(), StoreError> {
        match self.names()?.iter().any(|name| name == large.name()) {
            true => visit_pieces(&self.txn()?.open_table(large.definition())?, visit),
            false => Ok(()),
        }
    }

    fn names(&self) -> Result<Vec<String>, StoreError> {
        let tables = self.txn()?.list_tables()?.map(|table| table.name().to_owned());
        let others = self.txn()?.list_multimap_tables()?.map(|table| table.name().to_owned());
        Ok(tables.chain(others).collect())
    }
}
