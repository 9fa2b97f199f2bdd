//! Changes a store as somebody does who may write to its file and knows its layout, but is not the program.

use std::path::Path;

use redb::{Database, ReadableDatabase as _, ReadableTable as _, TableDefinition};

type Records = TableDefinition<'static, &'static [u8], &'static [u8]>;
type Pieces = TableDefinition<'static, u64, &'static [u8]>;

/// The tables of large values.
const LARGE: [&str; 6] = ["blocks", "rollups", "orders", "owner_days", "rollup_parts", "owner_day_parts"];

fn name(table: &str) -> &'static str {
    Box::leak(table.to_owned().into_boxed_str())
}

fn records(table: &str) -> Records {
    TableDefinition::new(name(table))
}

fn pieces(table: &str) -> Pieces {
    TableDefinition::new(name(table))
}

/// A record as it lies in the file: 0x80, the CRC-32 of table, key and record, the record.
fn sealed(table: &str, key: &[u8], record: &[u8]) -> Vec<u8> {
    let mut crc = crc32fast::Hasher::new();
    crc.update(table.as_bytes());
    crc.update(&(key.len() as u64).to_le_bytes());
    crc.update(key);
    crc.update(record);
    [&[0x80], &crc.finalize().to_le_bytes()[..], record].concat()
}

/// Puts all of some tables of another store in the place of a store's own.
pub fn graft(store: &Path, other: &Path, tables: &[&str]) {
    let (db, other) = (Database::open(store).unwrap(), Database::open(other).unwrap());
    let (txn, read) = (db.begin_write().unwrap(), other.begin_read().unwrap());
    for table in tables {
        if LARGE.contains(table) {
            let mut to = txn.open_table(pieces(table)).unwrap();
            to.retain(|_, _| false).unwrap();
            let Ok(from) = read.open_table(pieces(table)) else { continue };
            for entry in from.iter().unwrap() {
                let (key, value) = entry.unwrap();
                to.insert(key.value(), value.value()).unwrap();
            }
        } else {
            let mut to = txn.open_table(records(table)).unwrap();
            to.retain(|_, _| false).unwrap();
            let Ok(from) = read.open_table(records(table)) else { continue };
            for entry in from.iter().unwrap() {
                let (key, value) = entry.unwrap();
                to.insert(key.value(), value.value()).unwrap();
            }
        }
    }
    txn.commit().unwrap();
}

/// Replaces bytes in the records of a table by as many others, with the right checksums.
#[track_caller]
pub fn substitute(store: &Path, table: &str, from: &[u8], to: &[u8]) {
    let db = Database::open(store).unwrap();
    let txn = db.begin_write().unwrap();
    let mut changed = Vec::new();
    {
        let mut open = txn.open_table(records(table)).unwrap();
        for entry in open.iter().unwrap() {
            let (key, value) = entry.unwrap();
            let mut record = value.value()[5..].to_vec();
            if let Some(at) = record.windows(from.len()).position(|window| window == from) {
                record.splice(at..at + from.len(), to.iter().copied());
                changed.push((key.value().to_vec(), record));
            }
        }
        for (key, record) in &changed {
            open.insert(key.as_slice(), sealed(table, key, record).as_slice()).unwrap();
        }
    }
    assert!(!changed.is_empty(), "nothing in `{table}` has {from:x?}");
    txn.commit().unwrap();
}
