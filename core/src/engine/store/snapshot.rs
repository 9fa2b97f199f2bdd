//! Reading: one moment of the store.

use redb::{MultimapTableHandle as _, TableHandle as _};

use super::error::StoreError;
use super::format::made_key;
use super::found::{self, Raw, visit_pieces, visit_records};
use super::guard::guarded;
use super::pages;
use super::records::{Records, Visit, get_record, scan_table};
use super::state::StoreSums;
use super::tables::{Large, Table};

/// A read transaction.
pub struct Snapshot {
    pub(super) txn: redb::ReadTransaction,
}

impl Snapshot {
    /// Says that a table that is not there was not made yet.
    ///
    /// # Errors
    /// [`StoreError::Lost`] when it was.
    fn never_made(&self, table: Table) -> Result<(), StoreError> {
        let lost = || Err(StoreError::Lost(format!("the table `{}`", table.name())));
        if Table::AT_FIRST.contains(&table) {
            return lost();
        }
        let meta = self.txn.open_table(Table::Meta.definition())?;
        match get_record(&meta, Table::Meta, made_key(table).as_bytes())? {
            Some(_) => lost(),
            None => Ok(()),
        }
    }
}

impl Records for Snapshot {
    fn get_bytes(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        guarded(|| match self.txn.open_table(table.definition()) {
            Ok(open) => get_record(&open, table, key),
            Err(redb::TableError::TableDoesNotExist(_)) => self.never_made(table).map(|()| None),
            Err(e) => Err(e.into()),
        })
    }

    fn scan_bytes(&self, table: Table, prefix: &[u8], visit: &mut Visit<'_>) -> Result<(), StoreError> {
        let open = guarded(|| match self.txn.open_table(table.definition()) {
            Ok(table) => Ok(Some(table)),
            Err(redb::TableError::TableDoesNotExist(_)) => self.never_made(table).map(|()| None),
            Err(e) => Err(e.into()),
        })?;
        open.map_or(Ok(()), |open| scan_table(&open, table, prefix, visit))
    }

    fn get_large(&self, table: Large, id: u64) -> Result<Vec<u8>, StoreError> {
        guarded(|| match self.txn.open_table(table.definition()) {
            Ok(open) => pages::get(&open, table, id),
            // A store that was made before there was such a table.
            Err(redb::TableError::TableDoesNotExist(_)) => {
                Err(StoreError::Lost(format!("value {id} of `{}`", table.name())))
            }
            Err(e) => Err(e.into()),
        })
    }

    fn sums(&self) -> Result<StoreSums, StoreError> {
        found::sums(self)
    }
}

impl Raw for Snapshot {
    fn records(&self, table: Table, visit: &mut dyn FnMut(&[u8], &[u8])) -> Result<(), StoreError> {
        match self.txn.open_table(table.definition()) {
            Ok(open) => visit_records(&open, visit),
            Err(redb::TableError::TableDoesNotExist(_)) => Ok(()),
            Err(e) => Err(e.into()),
        }
    }

    fn pieces(&self, large: Large, visit: &mut dyn FnMut(u64, &[u8])) -> Result<(), StoreError> {
        match self.txn.open_table(large.definition()) {
            Ok(open) => visit_pieces(&open, visit),
            Err(redb::TableError::TableDoesNotExist(_)) => Ok(()),
            Err(e) => Err(e.into()),
        }
    }

    fn names(&self) -> Result<Vec<String>, StoreError> {
        let tables = self.txn.list_tables()?.map(|table| table.name().to_owned());
        let others = self.txn.list_multimap_tables()?.map(|table| table.name().to_owned());
        Ok(tables.chain(others).collect())
    }
}
