//! Looking into the journal: all of it, or what a person asks for.

use std::collections::VecDeque;

use crate::engine::store::{Records, StoreError, Table};

use super::entry::{JournalEntry, decode};

/// Which entries are wanted: those to which all of it applies.
#[derive(Clone, Debug, Default)]
pub struct EntryFilter {
    /// Who did it, exactly.
    pub actor: Option<String>,
    /// What was done, or its first words: `storage` is `storage allow` and all its like.
    pub action: Option<String>,
    /// How the subject begins: `2021-03` is the bill of that month by either basis, `2021` are those of the year.
    pub subject: Option<String>,
    /// Not before this moment, in Unix seconds.
    pub since_unix_s: Option<i64>,
    /// Before this moment, in Unix seconds.
    pub until_unix_s: Option<i64>,
    /// Only so many, the newest of those that fit.
    pub newest: Option<usize>,
}

impl EntryFilter {
    fn fits(&self, entry: &JournalEntry) -> bool {
        let is_action = |action: &String| match entry.action.strip_prefix(action.as_str()) {
            Some(rest) => rest.is_empty() || rest.starts_with(' '),
            None => false,
        };
        self.actor.as_ref().is_none_or(|actor| entry.actor == *actor)
            && self.action.as_ref().is_none_or(is_action)
            && self.subject.as_ref().is_none_or(|subject| entry.subject.starts_with(subject.as_str()))
            && self.since_unix_s.is_none_or(|since| since <= entry.at_unix_s)
            && self.until_unix_s.is_none_or(|until| entry.at_unix_s < until)
    }
}

impl JournalEntry {
    /// Returns the entries that fit, oldest first.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] when an entry cannot be read, whether it fits or not.
    pub fn select(store: &impl Records, filter: &EntryFilter) -> Result<Vec<JournalEntry>, StoreError> {
        let mut found = VecDeque::new();
        store.scan_bytes(Table::Journal, &[], &mut |key, bytes| {
            let entry = decode(key, bytes)?;
            if filter.fits(&entry) {
                found.push_back(entry);
                if filter.newest.is_some_and(|newest| found.len() > newest) {
                    found.pop_front();
                }
            }
            Ok(true)
        })?;
        Ok(found.into())
    }

    /// Shows all entries, oldest first.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] when an entry cannot be read, and what `visit` returns.
    pub fn each(
        store: &impl Records,
        visit: &mut dyn FnMut(JournalEntry) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        store.scan_bytes(Table::Journal, &[], &mut |key, bytes| {
            visit(decode(key, bytes)?)?;
            Ok(true)
        })
    }

    /// Returns all entries, oldest first.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] when an entry cannot be read.
    pub fn list(store: &impl Records) -> Result<Vec<JournalEntry>, StoreError> {
        JournalEntry::select(store, &EntryFilter::default())
    }

    /// Returns the number of the entry with this hash, if there is one.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] when an entry cannot be read.
    pub fn number_of(store: &impl Records, hash: &[u8; 32]) -> Result<Option<u64>, StoreError> {
        let mut number = None;
        store.scan_bytes(Table::Journal, &[], &mut |key, bytes| {
            let entry = decode(key, bytes)?;
            number = (entry.hash == *hash).then_some(entry.number);
            Ok(number.is_none())
        })?;
        Ok(number)
    }
}
