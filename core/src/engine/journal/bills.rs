//! What the journal says a bill's lines are: the digest in the last entry that tells it.

use std::collections::BTreeMap;

use crate::engine::store::{Records, StoreError, Table, Transaction};

use super::entry::{JournalEntry, decode, get};

/// Notes that a bill has a new revision with this digest: the entry of this transaction that tells it is asked for later.
pub(crate) fn revised(writer: &Transaction, subject: String, digest: [u8; 32]) {
    writer.note_revised(subject, digest);
}

/// An entry that tells the digest of a bill.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// The entry's number.
    pub entry: u64,
    /// The digest of the bill after it.
    pub digest: [u8; 32],
}

/// The actions whose `after` is the digest of the bill that the subject names, in entries of the second layout.
const OF_BILLS: [&str; 8] =
    ["import", "issue", "defer", "confirm", "confirm first", "reopen", "reopen first", "late accept"];

/// Says which digest an entry of the second layout tells of the bill that its subject names.
fn told_by(entry: &JournalEntry) -> Option<Recorded> {
    let action = entry.action.as_str();
    let is_of_bill = OF_BILLS.contains(&action) || action.starts_with("dispute ");
    let digest = entry.after.filter(|_| is_of_bill)?;
    Some(Recorded { entry: entry.number, digest })
}

/// Makes the list of bills' entries of a store that has none.
pub(super) fn list_them(writer: &Transaction) -> Result<(), StoreError> {
    let mut last = BTreeMap::new();
    writer.scan_bytes(Table::Journal, &[], &mut |key, bytes| {
        let entry = decode(key, bytes)?;
        if let Some(recorded) = told_by(&entry) {
            last.insert(entry.subject, recorded.entry);
        }
        Ok(true)
    })?;
    last.iter().try_for_each(|(subject, number)| writer.put(Table::BillEntries, subject.as_bytes(), number))
}

impl Recorded {
    /// Returns the last entry that tells the digest of the bill with this subject; none where no entry does, as in
    /// stores of the first programs.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] when what finds the entry leads to another one.
    pub fn find(store: &impl Records, subject: &str) -> Result<Option<Recorded>, StoreError> {
        if let Some(number) = store.get::<u64>(Table::BillEntries, subject.as_bytes())? {
            let entry = get(store, number)?;
            let sound =
                entry.number == number && entry.subject == subject && entry.hash == entry.expected_hash();
            return match entry.after.filter(|_| sound) {
                Some(digest) => Ok(Some(Recorded { entry: number, digest })),
                None => {
                    let what = format!("the entry of the journal for bill {subject}");
                    let why = format!("entry {number} is given for it, and tells nothing of it");
                    Err(StoreError::Damaged { what, why })
                }
            };
        }
        if store.keeps_sums()? {
            return Ok(None);
        }
        let mut last = None;
        store.scan_bytes(Table::Journal, &[], &mut |key, bytes| {
            let entry = decode(key, bytes)?;
            if entry.subject == subject {
                last = told_by(&entry).or(last);
            }
            Ok(true)
        })?;
        Ok(last)
    }
}
