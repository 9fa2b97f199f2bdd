//! Adds up what lies in a store's file, table by table.

use std::collections::BTreeMap;

use redb::ReadableTable;

use super::error::StoreError;
use super::guard::guarded;
use super::records::{Records, decode};
use super::state::{self, Lanes, SINCE, StoreSums, StoredSum, TableSum};
use super::tables::{Large, Table};

/// A transaction that shows what lies in the file, checksums and pieces included.
pub(super) trait Raw {
    /// Visits the records of a table; one that is not there has none.
    fn records(&self, table: Table, visit: &mut dyn FnMut(&[u8], &[u8])) -> Result<(), StoreError>;

    /// Visits the pieces of large values.
    fn pieces(&self, large: Large, visit: &mut dyn FnMut(u64, &[u8])) -> Result<(), StoreError>;

    /// Returns the names of all tables.
    fn names(&self) -> Result<Vec<String>, StoreError>;
}

pub(super) fn visit_records(
    open: &impl ReadableTable<&'static [u8], &'static [u8]>,
    visit: &mut dyn FnMut(&[u8], &[u8]),
) -> Result<(), StoreError> {
    for entry in open.iter()? {
        let (key, value) = entry?;
        visit(key.value(), value.value());
    }
    Ok(())
}

pub(super) fn visit_pieces(
    open: &impl ReadableTable<u64, &'static [u8]>,
    visit: &mut dyn FnMut(u64, &[u8]),
) -> Result<(), StoreError> {
    for entry in open.iter()? {
        let (key, value) = entry?;
        visit(key.value(), value.value());
    }
    Ok(())
}

/// Returns the sums that were kept, by table.
pub(super) fn kept(store: &impl Records) -> Result<BTreeMap<String, StoredSum>, StoreError> {
    let mut found = BTreeMap::new();
    store.scan_bytes(Table::State, &[], &mut |key, bytes| {
        if key != SINCE {
            let name = String::from_utf8_lossy(key).into_owned();
            found.insert(name, decode::<StoredSum>(Table::State, bytes)?);
        }
        Ok(true)
    })?;
    Ok(found)
}

/// Adds up what lies in the file, by table.
pub(super) fn found(store: &impl Raw) -> Result<BTreeMap<String, Lanes>, StoreError> {
    guarded(|| {
        let mut sums: BTreeMap<String, Lanes> = BTreeMap::new();
        for table in Table::ALL {
            store.records(*table, &mut |key, value| {
                if let Some(name) = state::counted_as(*table, key) {
                    sums.entry(name.to_owned()).or_insert_with(Lanes::empty).put(table.name(), key, value);
                }
            })?;
        }
        for large in Large::ALL {
            store.pieces(*large, &mut |key, value| {
                let sums = sums.entry(large.name().to_owned()).or_insert_with(Lanes::empty);
                sums.put(large.name(), &key.to_le_bytes(), value);
            })?;
        }
        Ok(sums)
    })
}

/// Adds up what lies in the file, and puts what was kept beside it.
pub(super) fn sums(store: &(impl Raw + Records)) -> Result<StoreSums, StoreError> {
    let mut found = found(store)?;
    let kept = kept(store)?;
    for name in kept.keys() {
        found.entry(name.clone()).or_insert_with(Lanes::empty);
    }
    let mut steps = Lanes::empty();
    let mut tables = Vec::new();
    for (name, lanes) in found {
        let is_step = state::is_step(&name);
        if is_step {
            steps.add(&lanes);
        }
        let (digest, entry) = match kept.get(&name) {
            Some(kept) => (Some(kept.lanes(&name)?.digest()), kept.entry),
            None => (None, 0),
        };
        tables.push(TableSum { kept: digest, entry, found: lanes.digest(), is_step, name });
    }
    let unknown = |name: &String| !state::is_known(name);
    let strangers = guarded(|| store.names())?.into_iter().filter(unknown);
    let strangers = strangers.chain(kept.keys().filter(|name| !state::is_counted(name)).cloned()).collect();
    Ok(StoreSums { tables, steps: steps.digest(), since: store.since()?, strangers })
}
