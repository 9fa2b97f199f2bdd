//! The journal: who changed what, when and why; append-only, and chained by hashes.
//!
//! Every entry carries SHA-256 over the entry before and its own words, so that taking one out or altering one
//! breaks the chain from there on. An entry is written in the transaction that makes the change it tells of. The
//! store counts the entries that were written, so that a cut end is found as well; [`Proof`] tells what that
//! does not find.

mod bills;
mod chain;
mod entry;
mod head;
mod select;

use sha2::{Digest as _, Sha256};

use crate::engine::store::{Moved, Records, STEPS, StoreError, Table, Transaction, empty_part};

pub use bills::Recorded;
pub(crate) use bills::revised;

pub use chain::Proof;
use entry::get;
pub use entry::{JournalEntry, PartState};
pub use head::JournalHead;
pub use select::EntryFilter;

/// The series of the entries' numbers.
const SERIES: &str = "journal";

/// Who does something, and when it is: libraries do not ask the clock or the environment.
#[derive(Clone, Debug)]
pub struct Actor {
    /// Who, in words.
    pub name: String,
    /// When, in Unix seconds.
    pub at_unix_s: i64,
}

/// What an entry is to tell of a change. Made by [`EntryChange::new`], with the rest filled in where there is more to say.
#[derive(Clone, Copy, Debug)]
pub struct EntryChange<'a> {
    /// What was done.
    pub action: &'a str,
    /// To what.
    pub subject: &'a str,
    /// What there is to say: figures, names.
    pub detail: &'a str,
    /// The digest of the subject before: of a bill its digest, of a setting that of its record
    /// ([`record_digest`]), of a delivery that of its lines; none for what was not there.
    pub before: Option<[u8; 32]>,
    /// The digest of the subject after; none for what is not there any more.
    pub after: Option<[u8; 32]>,
    /// Why, in the words of whoever did it.
    pub reason: Option<&'a str>,
}

impl<'a> EntryChange<'a> {
    /// Makes a change without digests and reason.
    pub fn new(action: &'a str, subject: &'a str, detail: &'a str) -> EntryChange<'a> {
        EntryChange { action, subject, detail, before: None, after: None, reason: None }
    }
}

/// Appends an entry without digests and reason.
///
/// # Errors
/// As [`append_change`].
pub fn append(
    writer: &Transaction,
    actor: &Actor,
    action: &str,
    subject: &str,
    detail: &str,
) -> Result<(), StoreError> {
    append_change(writer, actor, EntryChange::new(action, subject, detail))
}

/// Appends an entry.
///
/// # Errors
/// [`StoreError`] when the store cannot be written; [`StoreError::Damaged`] when the journal's end is not the one that
/// was written last, since nothing may be chained to it.
pub fn append_change(writer: &Transaction, actor: &Actor, change: EntryChange<'_>) -> Result<(), StoreError> {
    if !writer.has_sums() {
        writer.begin_sums();
        bills::list_them(writer)?;
        write(writer, actor, EntryChange::new(BASELINE, "store", BASELINE_WORDS))?;
    }
    write(writer, actor, change)
}

/// The action of the entry from which on a store of an earlier format has digests of its tables.
pub const BASELINE: &str = "baseline";
const BASELINE_WORDS: &str =
    "the digests of all tables are recorded from here on; what was there before is taken as it is";

fn write(writer: &Transaction, actor: &Actor, change: EntryChange<'_>) -> Result<(), StoreError> {
    let number = writer.next_id(SERIES)?;
    if writer.get_bytes(Table::Journal, &number.to_be_bytes())?.is_some() {
        let why = format!("it is there, though only {} were written", number - 1);
        return Err(StoreError::Damaged { what: format!("entry {number} of the journal"), why });
    }
    let previous = match number {
        1 => [0; 32],
        _ => get(writer, number - 1)?.hash,
    };
    let mut entry = JournalEntry {
        layout: entry::LAYOUT,
        number,
        at_unix_s: actor.at_unix_s,
        actor: actor.name.clone(),
        action: change.action.to_owned(),
        subject: change.subject.to_owned(),
        detail: change.detail.to_owned(),
        before: change.before,
        after: change.after,
        reason: change.reason.map(str::to_owned),
        state: Vec::new(),
        previous,
        hash: [0; 32],
    };
    put(writer, &mut entry)?;
    if change.after.is_some_and(|after| writer.is_revised(change.subject, after)) {
        writer.put(Table::BillEntries, change.subject.as_bytes(), &number)?;
    }
    // Nobody follows the last entry of a transaction before its commit, which knows what the tables add up to.
    writer.record_at_commit(Box::new(move |writer, moved| {
        for moved in moved {
            let gap = moved.has_gap(writer)?;
            entry.state.push(PartState { part: moved.part.clone(), gap, digest: moved.after });
        }
        put(writer, &mut entry)?;
        Ok(number)
    }));
    Ok(())
}

fn put(writer: &Transaction, entry: &mut JournalEntry) -> Result<(), StoreError> {
    entry.hash = entry.expected_hash();
    writer.put_as(entry::LAYOUT, Table::Journal, &entry.number.to_be_bytes(), entry)
}

impl Moved {
    /// Says whether the table was changed since the entry that recorded it, as only a change without an entry does.
    fn has_gap(&self, store: &impl Records) -> Result<bool, StoreError> {
        let Some(before) = self.before.filter(|before| *before != empty_part()) else { return Ok(false) };
        if self.part == STEPS {
            return Ok(false);
        }
        let recorded = match self.entry {
            0 => None,
            number => get(store, number)?.state.into_iter().find(|state| state.part == self.part),
        };
        Ok(recorded.is_none_or(|state| state.digest != before))
    }
}

/// Returns the digest of a setting: SHA-256 of its record's bytes; `None` where there is no record.
///
/// # Errors
/// [`StoreError`] when the store cannot be read.
pub fn record_digest(store: &impl Records, table: Table, key: &[u8]) -> Result<Option<[u8; 32]>, StoreError> {
    Ok(store.get_bytes(table, key)?.map(|bytes| Sha256::digest(bytes).into()))
}

#[cfg(test)]
mod tests;
