//! What lies in a file, and changing it as somebody does who is not this program: nothing is counted.

use super::error::StoreError;
use super::found::{Raw as _, found};
use super::records::Records as _;
use super::tables::{Large, Table};
use super::transaction::Transaction;
use super::{sealed, state};

/// A value of either sort of table: the table's name, the key, and the bytes as they lie there.
pub(crate) type Value = (String, Vec<u8>, Vec<u8>);

/// Returns everything that lies in the file.
pub(crate) fn all(writer: &Transaction) -> Vec<Value> {
    let mut found = Vec::new();
    for table in Table::ALL {
        let mut visit = |k: &[u8], v: &[u8]| found.push((table.name().to_owned(), k.to_vec(), v.to_vec()));
        writer.records(*table, &mut visit).unwrap();
    }
    for large in Large::ALL {
        let mut visit = |k: u64, v: &[u8]| {
            found.push((large.name().to_owned(), k.to_le_bytes().to_vec(), v.to_vec()));
        };
        writer.pieces(*large, &mut visit).unwrap();
    }
    found
}

/// Puts bytes under a key, or takes away what is there. A record gets the checksum that it has in this place.
pub(crate) fn put(
    writer: &Transaction,
    name: &str,
    key: &[u8],
    bytes: Option<&[u8]>,
) -> Result<(), StoreError> {
    if let Some(large) = Large::ALL.iter().find(|large| large.name() == name) {
        let mut open = writer.open_large(*large)?;
        let key = u64::from_le_bytes(key.try_into().unwrap());
        match bytes {
            Some(bytes) => drop(open.insert(key, bytes)?),
            None => drop(open.remove(key)?),
        }
        return Ok(());
    }
    let table = *Table::ALL.iter().find(|table| table.name() == name).unwrap();
    let mut open = writer.open(table)?;
    match bytes {
        // Five bytes of checksum come before the record.
        Some([0x80, _, _, _, _, record @ ..]) => {
            drop(open.insert(key, sealed::seal(table, key, record).as_slice())?);
        }
        Some(bytes) => drop(open.insert(key, bytes)?),
        None => drop(open.remove(key)?),
    }
    Ok(())
}

/// Makes the sums of a table those of what lies there, as somebody would who knows how they are made.
pub(crate) fn forge_sums(writer: &Transaction, name: &str) {
    let lanes = found(writer).unwrap().remove(name).unwrap_or_else(state::Lanes::empty);
    let entry = writer.get::<state::StoredSum>(Table::State, name.as_bytes()).unwrap().map_or(0, |k| k.entry);
    writer.put(Table::State, name.as_bytes(), &state::StoredSum::new(entry, &lanes)).unwrap();
}
