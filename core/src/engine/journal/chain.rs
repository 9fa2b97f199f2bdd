//! Whether the journal is what was written: every number there, every hash right, every link to the one before.

use crate::engine::store::{Records, StoreError, Table};
use crate::values::digest::hex;

use super::SERIES;
use super::entry::JournalEntry;

/// What a whole journal is known by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Proof {
    /// How many entries there are.
    pub entries: u64,
    /// The hash of the last one, which depends on all; zeros if there is none.
    ///
    /// Whoever may write to the file can write the whole chain anew. Noted elsewhere, this hash finds that too.
    pub last: [u8; 32],
}

/// What is wrong with an entry.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum ChainFault {
    #[error("it cannot be read: {0}")]
    Unreadable(String),
    #[error("it is not there, and the next one that is has number {next}")]
    Missing { next: u64 },
    #[error("it is not there, and neither is any after it, though {given} were written")]
    Cut { given: u64 },
    #[error("it is there, though only {given} were written")]
    Beyond { given: u64 },
    #[error("what lies in its place says that it is entry {said}")]
    Number { said: u64 },
    #[error("its hash is {found}, and that of what it says is {wanted}: it was altered")]
    Hash { found: String, wanted: String },
    #[error(
        "it follows an entry with hash {said}, and the one before it has {found}: one of the two was replaced"
    )]
    Link { said: String, found: String },
}

/// The chain so far.
#[derive(Clone, Copy)]
pub(super) struct Chain {
    proof: Proof,
}

impl Chain {
    pub(super) const EMPTY: Chain = Chain { proof: Proof { entries: 0, last: [0; 32] } };

    /// Adds what lies under the next key; returns the number of the entry with which the chain breaks, and why.
    pub(super) fn add(&mut self, key: &[u8], bytes: &[u8]) -> Result<(), (u64, ChainFault)> {
        let number = self.proof.entries + 1;
        let at = |fault| (number, fault);
        let key: [u8; 8] = key
            .try_into()
            .map_err(|_| at(ChainFault::Unreadable(format!("its key has {} bytes, not 8", key.len()))))?;
        let place = u64::from_be_bytes(key);
        if place > number {
            return Err(at(ChainFault::Missing { next: place }));
        }
        let entry = JournalEntry::decode(bytes).map_err(|e| at(ChainFault::Unreadable(e.to_string())))?;
        if entry.number != number || place != number {
            return Err(at(ChainFault::Number { said: entry.number }));
        }
        let wanted = entry.expected_hash();
        if entry.hash != wanted {
            return Err(at(ChainFault::Hash { found: hex(&entry.hash), wanted: hex(&wanted) }));
        }
        if entry.previous != self.proof.last {
            return Err(at(ChainFault::Link { said: hex(&entry.previous), found: hex(&self.proof.last) }));
        }
        self.proof = Proof { entries: number, last: entry.hash };
        Ok(())
    }

    /// Ends the chain, of which `given` numbers were given out.
    pub(super) fn end(self, given: u64) -> Result<Proof, (u64, ChainFault)> {
        let entries = self.proof.entries;
        match entries.cmp(&given) {
            std::cmp::Ordering::Less => Err((entries + 1, ChainFault::Cut { given })),
            std::cmp::Ordering::Equal => Ok(self.proof),
            std::cmp::Ordering::Greater => Err((given + 1, ChainFault::Beyond { given })),
        }
    }
}

impl Proof {
    /// Checks the chain from the first entry to the last that was ever written.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] with the number of the first entry at which the chain breaks, and what is wrong there.
    pub fn verify(store: &impl Records) -> Result<Proof, StoreError> {
        let broken = |(number, fault): (u64, ChainFault)| StoreError::Damaged {
            what: format!("entry {number} of the journal"),
            why: fault.to_string(),
        };
        let mut chain = Chain::EMPTY;
        store.scan_bytes(Table::Journal, &[], &mut |key, bytes| {
            chain.add(key, bytes).map_err(broken)?;
            Ok(true)
        })?;
        chain.end(store.last_id(SERIES)?).map_err(broken)
    }
}
