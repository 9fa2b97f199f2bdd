//! The end of a transaction. A commit also brings the tables' sums up to date ([`super::state`]), and has the journal's entry record
//! them.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use super::error::StoreError;
use super::format::STORE_FORMAT;
use super::found::{found, kept};
use super::guard::{guarded, guarded_write};
use super::records::Records;
use super::state::{self, Lanes, Moved, SINCE, STEPS, Since, StoredSum};
use super::tables::Table;
use super::transaction::{FinishEntry, Transaction};

impl Transaction {
    /// Makes everything that was put durable, at once, with what the tables add up to and the entry that records it.
    ///
    /// # Errors
    /// [`StoreError::Io`] when it cannot; the store is then as before.
    pub(crate) fn commit(mut self) -> Result<(), StoreError> {
        if self.half_done.get() {
            return Err(StoreError::Io(
                "a change failed half way, and the rest was to be kept without it".into(),
            ));
        }
        self.settle()?;
        if let Some(txn) = self.txn.take() {
            guarded_write(&self.broken_off, || Ok(txn.commit()?))?;
        }
        self.of_store.fetch_add(self.put_bytes.get(), Ordering::Relaxed);
        Ok(())
    }

    /// Takes everything back.
    ///
    /// # Errors
    /// [`StoreError::Io`] when the file cannot be written.
    pub(crate) fn abort(mut self) -> Result<(), StoreError> {
        match self.txn.take() {
            Some(txn) => guarded(|| Ok(txn.abort()?)),
            None => Ok(()),
        }
    }

    /// Says whether the store has sums; one of an earlier format has none.
    pub(crate) fn has_sums(&self) -> bool {
        let settling = self.settling.borrow();
        settling.keeps_sums || settling.begins
    }

    /// Gives a store of an earlier format its sums, with this commit.
    pub(crate) fn begin_sums(&self) {
        self.settling.borrow_mut().begins = true;
    }

    /// Has an entry of the journal finished when this transaction is committed. A later entry takes the place of an earlier one.
    pub(crate) fn record_at_commit(&self, record: FinishEntry) {
        *self.record.borrow_mut() = Some(record);
        self.settling.borrow_mut().entries += 1;
    }

    /// Notes that a bill gets another digest.
    pub(crate) fn note_revised(&self, subject: String, digest: [u8; 32]) {
        self.settling.borrow_mut().revised.push((subject, digest));
    }

    /// Says whether a bill gets this digest in this transaction.
    pub(crate) fn is_revised(&self, subject: &str, digest: [u8; 32]) -> bool {
        self.settling.borrow().revised.iter().any(|(other, wanted)| other == subject && *wanted == digest)
    }

    fn settle(&self) -> Result<(), StoreError> {
        let (begins, keeps_sums) = {
            let settling = self.settling.borrow();
            (settling.begins, settling.keeps_sums)
        };
        if !begins && !keeps_sums {
            return Ok(());
        }
        if begins {
            self.put_format(STORE_FORMAT)?;
        }
        // Its own note is counted as well.
        drop(self.open(Table::State)?);
        self.note_made(Table::State)?;
        let changes = std::mem::take(&mut self.settling.borrow_mut().changes);
        let record = self.record.borrow_mut().take();
        let now = if begins { found(self)? } else { self.sums_after(changes)? };
        if now.is_empty() && record.is_none() {
            return Ok(());
        }
        self.keep(now, record)
    }

    /// Returns the sums of the tables that change, as they are then.
    fn sums_after(
        &self,
        changes: BTreeMap<&'static str, Lanes>,
    ) -> Result<BTreeMap<String, Lanes>, StoreError> {
        let mut now = BTreeMap::new();
        for (name, change) in changes {
            if change.is_empty() {
                continue;
            }
            let mut lanes = match self.get::<StoredSum>(Table::State, name.as_bytes())? {
                Some(kept) => kept.lanes(name)?,
                None => Lanes::empty(),
            };
            lanes.add(&change);
            now.insert(name.to_owned(), lanes);
        }
        Ok(now)
    }

    /// Has the entry record the digests, if there is one, and puts the sums.
    fn keep(&self, now: BTreeMap<String, Lanes>, record: Option<FinishEntry>) -> Result<(), StoreError> {
        let mut kept = kept(self)?;
        let mut moved = Vec::new();
        for (name, lanes) in now.iter().filter(|(name, _)| !state::is_step(name)) {
            let before = kept.get(name);
            moved.push(Moved {
                part: name.clone(),
                before: before.map(|kept| Ok::<_, StoreError>(kept.lanes(name)?.digest())).transpose()?,
                entry: before.map_or(0, |kept| kept.entry),
                after: lanes.digest(),
            });
        }
        let before: Since = self.get(Table::State, SINCE)?.unwrap_or_default();
        for (name, lanes) in &now {
            let entry = kept.get(name).map_or(0, |kept| kept.entry);
            kept.insert(name.clone(), StoredSum::new(entry, lanes));
        }
        let mut steps = Lanes::empty();
        for (name, kept) in kept.iter().filter(|(name, _)| state::is_step(name)) {
            steps.add(&kept.lanes(name)?);
        }
        let steps = steps.digest();
        let since = match record {
            Some(record) => {
                moved.push(Moved {
                    part: STEPS.to_owned(),
                    before: Some(before.steps),
                    entry: 0,
                    after: steps,
                });
                let number = record(self, &moved)?;
                for moved in &moved {
                    if let Some(kept) = kept.get_mut(&moved.part) {
                        kept.entry = number;
                    }
                }
                Since { commits: 0, steps }
            }
            None => Since { commits: before.commits + 1, steps },
        };
        for name in now.keys() {
            if let Some(kept) = kept.get(name) {
                self.put(Table::State, name.as_bytes(), kept)?;
            }
        }
        self.put(Table::State, SINCE, &since)
    }
}
