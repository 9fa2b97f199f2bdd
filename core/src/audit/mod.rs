//! Whether the store is what its journal records.
//!
//! Two comparisons. *Tables*: every commit records what the tables that it changed add up to; what they add up to now is worked out
//! from all records. That finds any record that was replaced, added or removed. *Subjects*: the last entry about a bill, a setting,
//! an account or a delivery tells its digest, which names what differs, also in stores of earlier formats.
//!
//! Whoever may write to the file can write the journal anew as well. A hash of an entry that is kept elsewhere finds that.

pub(crate) mod check;
mod counts;
mod subjects;

use std::collections::BTreeMap;

use crate::engine::journal::{self, BASELINE, Proof};
use crate::engine::store::{Records, STEPS, Since, StoreError, StoreSums, Table, empty_part};

use crate::engine::journal::JournalEntry;
use crate::engine::journal::Recorded;
use subjects::Subjects;

/// What the journal covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Covered {
    /// The entry from which on it records what the tables add up to; none in a store of an earlier format.
    pub from_entry: Option<u64>,
    /// How many commits without an entry followed the last entry: steps of deliveries, notices, counters.
    pub commits_since: u64,
}

/// Checks the journal's chain, and whether the store is what it records.
///
/// # Errors
/// [`StoreError::Damaged`] when the chain breaks; [`StoreError::Altered`] with all that differs.
pub fn verify(store: &impl Records) -> Result<(Proof, Covered), StoreError> {
    let proof = Proof::verify(store)?;
    Ok((proof, compare(store)?))
}

/// Compares the store with its journal, whose chain was checked.
///
/// # Errors
/// [`StoreError::Altered`] with all that differs.
pub fn compare(store: &impl Records) -> Result<Covered, StoreError> {
    let mut told = JournalSums::default();
    let mut subjects = Subjects::default();
    JournalEntry::each(store, &mut |entry| {
        told.add(&entry);
        subjects.add(&entry);
        Ok(())
    })?;
    let mut differences = subjects.differences(store)?;
    let keeps_sums = store.keeps_sums()?;
    if keeps_sums {
        let sums = store.sums()?;
        differences.extend(told.differences(&sums));
        differences.extend(listed_bills(store)?);
    } else if told.first.is_some() {
        differences.push("the format: it is that of a store whose journal records no tables".to_owned());
    }
    if !differences.is_empty() {
        return Err(StoreError::Altered(differences));
    }
    let since: Option<Since> = if keeps_sums { store.since()? } else { None };
    Ok(Covered { from_entry: told.first, commits_since: since.map_or(0, |since| since.commits) })
}

/// What the journal tells of the tables.
#[derive(Default)]
struct JournalSums {
    /// The first entry that tells anything.
    first: Option<u64>,
    /// The last digest of each, and the entry that tells it.
    parts: BTreeMap<String, ([u8; 32], u64)>,
    /// Tables that were changed before an entry without one.
    gaps: Vec<(String, u64)>,
}

impl JournalSums {
    fn add(&mut self, entry: &journal::JournalEntry) {
        if !entry.state.is_empty() || entry.action == BASELINE {
            self.first.get_or_insert(entry.number);
        }
        for state in &entry.state {
            if state.gap {
                self.gaps.push((state.part.clone(), entry.number));
            }
            self.parts.insert(state.part.clone(), (state.digest, entry.number));
        }
    }

    fn differences(&self, sums: &StoreSums) -> Vec<String> {
        let mut found = Vec::new();
        for (part, number) in &self.gaps {
            found.push(format!("`{part}`: it was changed before entry {number}, and no entry records that"));
        }
        for stranger in &sums.strangers {
            found.push(format!("`{stranger}`: there is no such table"));
        }
        let mut steps_differ = false;
        for sum in &sums.tables {
            let (told, number) = self.parts.get(&sum.name).copied().unwrap_or((empty_part(), 0));
            let is_kept = sum.kept.unwrap_or_else(empty_part) == sum.found;
            if !sum.is_step && told != sum.found {
                found.push(match (is_kept, number) {
                    (true, 0) => format!("`{}`: it has records, and no entry records that", sum.name),
                    (true, _) => {
                        format!(
                            "`{}`: it was changed after entry {number}, and no entry records that",
                            sum.name
                        )
                    }
                    (false, _) => {
                        format!("`{}`: its records are not those that entry {number} records", sum.name)
                    }
                });
            } else if !is_kept {
                found.push(format!("`{}`: its records are not those that were written", sum.name));
                steps_differ |= sum.is_step;
            } else if !sum.is_step && number != sum.entry {
                found
                    .push(format!("the sums of `{}`: they name entry {}, not {number}", sum.name, sum.entry));
            }
        }
        for (part, (digest, number)) in &self.parts {
            let is_there = part == STEPS || sums.tables.iter().any(|sum| sum.name == *part);
            if !is_there && *digest != empty_part() {
                found.push(format!("`{part}`: its records are not there, and entry {number} records them"));
            }
        }
        let since = sums.since.clone().unwrap_or_default();
        let last = self.parts.get(STEPS).map(|(digest, _)| *digest);
        let by_entry = since.commits > 0 || last.is_none_or(|last| last == since.steps);
        if !steps_differ && (since.steps != sums.steps || !by_entry) {
            found
                .push("deliveries and notices: what they add up to is not what was recorded last".to_owned());
        }
        found
    }
}

/// Compares the list of bills' entries with the journal: each leads to an entry that tells the digest of that bill.
fn listed_bills(store: &impl Records) -> Result<Vec<String>, StoreError> {
    let mut subjects = Vec::new();
    store.scan_bytes(Table::BillEntries, &[], &mut |key, _| {
        subjects.push(String::from_utf8_lossy(key).into_owned());
        Ok(true)
    })?;
    let mut found = Vec::new();
    for subject in subjects {
        match Recorded::find(store, &subject) {
            Err(StoreError::Damaged { what, why }) => found.push(format!("{what}: {why}")),
            other => drop(other?),
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests;

pub use check::StoreCheck;
pub use counts::Counts;
