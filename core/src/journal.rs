//! The journal: who changed what, when and why; append-only, and chained by hashes.
//!
//! Every entry carries SHA-256 over the entry before and its own words, so that taking one out or altering one
//! breaks the chain from there on. An entry is written in the transaction that makes the change it tells of.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::store::{Read, StoreError, Table, Writer};

/// Who does something, and when it is: libraries do not ask the clock or the environment.
#[derive(Clone, Debug)]
pub struct Actor {
    /// Who, in words.
    pub name: String,
    /// When, in Unix seconds.
    pub at_unix_s: i64,
}

/// One change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Counted from 1.
    pub number: u64,
    /// When, in Unix seconds.
    pub at_unix_s: i64,
    /// Who.
    pub actor: String,
    /// What was done: `import`, `confirm`, `storage enable` …
    pub action: String,
    /// To what.
    pub subject: String,
    /// What there is to say: figures, reasons.
    pub detail: String,
    /// The hash of the entry before; zeros for the first.
    pub previous: [u8; 32],
    /// SHA-256 over all of the above.
    pub hash: [u8; 32],
}

impl Entry {
    fn expected_hash(&self) -> [u8; 32] {
        let mut hasher = Sha256::new();
        hasher.update(self.previous);
        hasher.update(self.number.to_le_bytes());
        hasher.update(self.at_unix_s.to_le_bytes());
        for text in [&self.actor, &self.action, &self.subject, &self.detail] {
            hasher.update(u64::try_from(text.len()).unwrap_or(u64::MAX).to_le_bytes());
            hasher.update(text.as_bytes());
        }
        hasher.finalize().into()
    }
}

/// Appends an entry.
///
/// # Errors
/// [`StoreError`] when the store cannot be written.
pub fn append(
    writer: &Writer,
    actor: &Actor,
    action: &str,
    subject: &str,
    detail: &str,
) -> Result<(), StoreError> {
    let number = writer.next_id("journal")?;
    let previous = match number {
        1 => [0; 32],
        _ => writer.need::<Entry>(Table::Journal, &(number - 1).to_be_bytes())?.hash,
    };
    let mut entry = Entry {
        number,
        at_unix_s: actor.at_unix_s,
        actor: actor.name.clone(),
        action: action.to_owned(),
        subject: subject.to_owned(),
        detail: detail.to_owned(),
        previous,
        hash: [0; 32],
    };
    entry.hash = entry.expected_hash();
    writer.put(Table::Journal, &number.to_be_bytes(), &entry)
}

/// Returns all entries, oldest first.
///
/// # Errors
/// [`StoreError`] when the store cannot be read.
pub fn list(store: &impl Read) -> Result<Vec<Entry>, StoreError> {
    Ok(store.list(Table::Journal, &[])?.into_iter().map(|(_, entry)| entry).collect())
}

/// Checks the chain; returns how many entries there are.
///
/// # Errors
/// [`StoreError::Damaged`] at the first entry that is not what was written.
pub fn verify(store: &impl Read) -> Result<u64, StoreError> {
    let mut previous = [0; 32];
    let mut number = 0;
    for entry in list(store)? {
        number += 1;
        if entry.number != number || entry.previous != previous || entry.hash != entry.expected_hash() {
            return Err(StoreError::Damaged {
                what: format!("entry {number} of the journal"),
                why: "the chain is broken there".into(),
            });
        }
        previous = entry.hash;
    }
    Ok(number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{OpenOptions, Store};

    #[test]
    fn an_altered_or_missing_entry_breaks_the_chain() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::create(&folder.path().join("a"), &OpenOptions::default(), |_| Ok(())).unwrap();
        let actor = Actor { name: "lin".into(), at_unix_s: 1 };
        let writer = store.write().unwrap();
        for i in 0..3 {
            append(&writer, &actor, "confirm", "2021-03", &format!("{i}")).unwrap();
        }
        assert_eq!(verify(&writer).unwrap(), 3);
        let mut second: Entry = writer.need(Table::Journal, &2_u64.to_be_bytes()).unwrap();
        second.actor = "wang".into();
        writer.put(Table::Journal, &2_u64.to_be_bytes(), &second).unwrap();
        assert!(verify(&writer).unwrap_err().to_string().contains("entry 2"));
        second.hash = second.expected_hash();
        writer.put(Table::Journal, &2_u64.to_be_bytes(), &second).unwrap();
        assert!(verify(&writer).unwrap_err().to_string().contains("entry 3"));
        writer.delete(Table::Journal, &2_u64.to_be_bytes()).unwrap();
        assert!(verify(&writer).unwrap_err().to_string().contains("entry 2"));
    }
}
