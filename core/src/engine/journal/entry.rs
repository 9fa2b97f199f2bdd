//! An entry: its words, the layouts it is stored in, and the hash that binds them.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::engine::codec::{self, CodecError};
use crate::engine::store::{Records, StoreError, Table};

/// The layout of entries that are written today.
pub(super) const LAYOUT: u8 = 3;
/// The layout before, without what the tables add up to.
const SECOND_LAYOUT: u8 = 2;
/// The layout before that, without digests and reason.
const FIRST_LAYOUT: u8 = 1;

/// One change. What is serialized is today's layout.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalEntry {
    /// The version of the layout that it is stored in, which decides what its hash is made of: 1, 2 or 3.
    #[serde(skip)]
    pub layout: u8,
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
    /// What there is to say: figures, names.
    pub detail: String,
    /// The digest of the subject before the change, if there was one.
    pub before: Option<[u8; 32]>,
    /// The digest of the subject after the change, if there is one.
    pub after: Option<[u8; 32]>,
    /// Why, in the words of whoever did it.
    pub reason: Option<String>,
    /// The digests of the tables that its commit changed.
    pub state: Vec<PartState>,
    /// The hash of the entry before; zeros for the first.
    pub previous: [u8; 32],
    /// SHA-256 over all of the above.
    pub hash: [u8; 32],
}

/// What a table's records add up to after a commit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartState {
    /// The table's name, or [`crate::engine::store::STEPS`].
    pub part: String,
    /// Says that the table had been changed before this commit, and no entry recorded it.
    pub gap: bool,
    /// The digest.
    pub digest: [u8; 32],
}

/// The fields of the second layout, in their order.
#[derive(Serialize, Deserialize)]
pub(super) struct EntryV2 {
    number: u64,
    at_unix_s: i64,
    actor: String,
    action: String,
    subject: String,
    detail: String,
    before: Option<[u8; 32]>,
    after: Option<[u8; 32]>,
    reason: Option<String>,
    previous: [u8; 32],
    hash: [u8; 32],
}

#[cfg(test)]
impl EntryV2 {
    pub(super) fn of(entry: &JournalEntry) -> EntryV2 {
        let e = entry.clone();
        EntryV2 {
            number: e.number,
            at_unix_s: e.at_unix_s,
            actor: e.actor,
            action: e.action,
            subject: e.subject,
            detail: e.detail,
            before: e.before,
            after: e.after,
            reason: e.reason,
            previous: e.previous,
            hash: e.hash,
        }
    }
}

impl From<EntryV2> for JournalEntry {
    fn from(second: EntryV2) -> JournalEntry {
        JournalEntry {
            layout: SECOND_LAYOUT,
            number: second.number,
            at_unix_s: second.at_unix_s,
            actor: second.actor,
            action: second.action,
            subject: second.subject,
            detail: second.detail,
            before: second.before,
            after: second.after,
            reason: second.reason,
            state: Vec::new(),
            previous: second.previous,
            hash: second.hash,
        }
    }
}

/// The fields of the first layout, in their order.
#[derive(Serialize, Deserialize)]
struct EntryV1 {
    number: u64,
    at_unix_s: i64,
    actor: String,
    action: String,
    subject: String,
    detail: String,
    previous: [u8; 32],
    hash: [u8; 32],
}

impl From<EntryV1> for JournalEntry {
    fn from(first: EntryV1) -> JournalEntry {
        JournalEntry {
            layout: FIRST_LAYOUT,
            number: first.number,
            at_unix_s: first.at_unix_s,
            actor: first.actor,
            action: first.action,
            subject: first.subject,
            detail: first.detail,
            before: None,
            after: None,
            reason: None,
            state: Vec::new(),
            previous: first.previous,
            hash: first.hash,
        }
    }
}

impl JournalEntry {
    /// Reads an entry in whichever layout it was stored.
    pub(super) fn decode(bytes: &[u8]) -> Result<JournalEntry, CodecError> {
        match codec::version(bytes)? {
            FIRST_LAYOUT => codec::decode_as::<EntryV1>(FIRST_LAYOUT, bytes).map(JournalEntry::from),
            SECOND_LAYOUT => codec::decode_as::<EntryV2>(SECOND_LAYOUT, bytes).map(JournalEntry::from),
            LAYOUT => codec::decode_as(LAYOUT, bytes).map(|entry| JournalEntry { layout: LAYOUT, ..entry }),
            other => Err(CodecError::Version(other)),
        }
    }

    /// Returns the hash that an entry with these fields has, by the rule of its layout (docs/FORMAT.md, "The journal").
    ///
    /// Every text carries its length and every option a byte that tells whether it is there, so that no two entries
    /// have the same bytes to be hashed.
    pub(super) fn expected_hash(&self) -> [u8; 32] {
        let mut hasher = Sha256::new();
        let text = |hasher: &mut Sha256, text: &str| {
            hasher.update(u64::try_from(text.len()).unwrap_or(u64::MAX).to_le_bytes());
            hasher.update(text.as_bytes());
        };
        match self.layout {
            FIRST_LAYOUT => {}
            SECOND_LAYOUT => hasher.update(b"billkeep journal 2\n"),
            _ => hasher.update(b"billkeep journal 3\n"),
        }
        hasher.update(self.previous);
        hasher.update(self.number.to_le_bytes());
        hasher.update(self.at_unix_s.to_le_bytes());
        for words in [&self.actor, &self.action, &self.subject, &self.detail] {
            text(&mut hasher, words);
        }
        if self.layout != FIRST_LAYOUT {
            for digest in [&self.before, &self.after] {
                hasher.update([u8::from(digest.is_some())]);
                hasher.update(digest.as_ref().map_or(&[][..], |digest| digest));
            }
            hasher.update([u8::from(self.reason.is_some())]);
            if let Some(reason) = &self.reason {
                text(&mut hasher, reason);
            }
        }
        if ![FIRST_LAYOUT, SECOND_LAYOUT].contains(&self.layout) {
            hasher.update(u64::try_from(self.state.len()).unwrap_or(u64::MAX).to_le_bytes());
            for PartState { part, gap, digest } in &self.state {
                text(&mut hasher, part);
                hasher.update([u8::from(*gap)]);
                hasher.update(digest);
            }
        }
        hasher.finalize().into()
    }
}

/// Returns the entry with a number, which must be there.
pub(super) fn get(store: &impl Records, number: u64) -> Result<JournalEntry, StoreError> {
    let bytes = store
        .get_bytes(Table::Journal, &number.to_be_bytes())?
        .ok_or_else(|| StoreError::Lost(format!("entry {number} of the journal")))?;
    decode(&number.to_be_bytes(), &bytes)
}

pub(super) fn decode(key: &[u8], bytes: &[u8]) -> Result<JournalEntry, StoreError> {
    JournalEntry::decode(bytes).map_err(|e| {
        let number =
            key.try_into().map_or_else(|_| "?".to_owned(), |key| u64::from_be_bytes(key).to_string());
        StoreError::Damaged { what: format!("entry {number} of the journal"), why: e.to_string() }
    })
}
