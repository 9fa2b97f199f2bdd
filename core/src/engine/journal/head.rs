//! The journal's last entry, as others are told of it: whoever has it can tell later whether the journal still has it.

use crate::engine::store::{Records, StoreError};
use crate::values::digest::hex;

use super::{SERIES, get};

/// An entry's number and hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JournalHead {
    /// The entry's number.
    pub entry: u64,
    /// Its hash.
    pub hash: [u8; 32],
}

impl JournalHead {
    /// Returns the hash in hexadecimal digits.
    pub fn hex(&self) -> String {
        hex(&self.hash)
    }

    /// Returns the last entry that was committed; none while there is no entry.
    ///
    /// # Errors
    /// [`StoreError::Lost`] when it is not there.
    pub fn last(store: &impl Records) -> Result<Option<JournalHead>, StoreError> {
        let number = store.last_id(SERIES)?.saturating_sub(store.uncommitted_entries());
        at(store, number)
    }

    /// Returns the first entry, which tells a store from all others; none in a store without a journal.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be read.
    pub fn first(store: &impl Records) -> Result<Option<JournalHead>, StoreError> {
        at(store, store.last_id(SERIES)?.min(1))
    }
}

fn at(store: &impl Records, number: u64) -> Result<Option<JournalHead>, StoreError> {
    if number == 0 {
        return Ok(None);
    }
    Ok(Some(JournalHead { entry: number, hash: get(store, number)?.hash }))
}
