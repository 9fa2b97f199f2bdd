//! What is known of a bill's files, as the store has it.

use crate::bills::Bill;
use crate::bills::late::LateFile;
use crate::bills::{BillState, Completeness, ImportMode, Load, Revision, Segment, completeness};
use crate::engine::store::{Records, StoreError, Table};
use crate::values::digest::Digest;
use crate::values::period::{Basis, BillMonth, Coverage, Day};

/// A file that came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceivedFile {
    /// Its load.
    pub load: u64,
    /// Its name.
    pub name: String,
    /// How it was taken.
    pub mode: ImportMode,
    /// The days it covers; an adjustment covers none.
    pub coverage: Option<Coverage>,
    /// The digest of its lines.
    pub digest: Digest,
    /// The last revision that it is part of.
    pub last_revision: u32,
    /// The digests of its lines by day, ascending; only where the bill has an adjustment to compare with.
    pub days: Vec<(Day, Digest)>,
}

/// A bill with all files that ever were part of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BillFiles {
    /// Its month.
    pub month: BillMonth,
    /// Its basis.
    pub basis: Basis,
    /// Its state.
    pub state: BillState,
    /// Its current revision.
    pub revision: u32,
    /// The files, by load.
    pub files: Vec<ReceivedFile>,
    /// The files that wait for a decision because they are smaller, oldest first.
    pub pending: Vec<PendingFile>,
}

/// A file that is in no bill until somebody accepts it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PendingFile {
    /// The number of the pending file.
    pub number: u64,
    /// Its name.
    pub name: String,
    /// The days it covers.
    pub coverage: Option<Coverage>,
}

impl BillFiles {
    /// Returns the files of the current revision.
    pub(super) fn active(&self) -> impl Iterator<Item = &ReceivedFile> + Clone {
        self.files.iter().filter(|file| file.last_revision == self.revision)
    }

    /// Returns the file that covers a day now.
    pub(super) fn covering(&self, day: Day) -> Option<&ReceivedFile> {
        self.active().find(|file| file.coverage.is_some_and(|c| c.first <= day && day <= c.last))
    }

    /// Returns the file that covers the last day that is in.
    pub(super) fn last_file(&self) -> Option<&ReceivedFile> {
        self.active().filter(|file| file.coverage.is_some()).max_by_key(|file| file.coverage.map(|c| c.last))
    }

    /// Tells how much of the month is in.
    pub(super) fn completeness(&self) -> Completeness {
        completeness(self.month, self.active().filter_map(|file| file.coverage))
    }

    /// Reads what is known of all bills' files.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read.
    pub fn list(store: &impl Records) -> Result<Vec<BillFiles>, StoreError> {
        let mut all = Vec::new();
        for (bill, _) in Bill::list(store)? {
            let revisions = Revision::list(store, bill.key)?;
            let mut numbers: Vec<u64> = revisions.iter().flat_map(|r| r.loads.iter().copied()).collect();
            numbers.sort_unstable();
            numbers.dedup();
            let mut loads = Vec::new();
            for number in numbers {
                let load: Load = store.need(Table::Loads, &number.to_be_bytes())?;
                loads.push((last_revision(&revisions, number), load));
            }
            let adjusted = loads
                .iter()
                .any(|(last, load)| *last == bill.revision && load.mode == ImportMode::Adjustment);
            let mut files = Vec::new();
            for (last_revision, load) in loads {
                let wanted = adjusted && last_revision == bill.revision;
                let days = if wanted { days(store, bill.key.month, &load)? } else { Vec::new() };
                files.push(ReceivedFile {
                    load: load.number,
                    name: load.file.name,
                    mode: load.mode,
                    coverage: load.coverage,
                    digest: load.digest,
                    last_revision,
                    days,
                });
            }
            let (month, basis) = (bill.key.month, bill.key.basis);
            let pending = Vec::new();
            all.push(BillFiles { month, basis, state: bill.state, revision: bill.revision, files, pending });
        }
        for late in LateFile::list(store)?.into_iter().filter(LateFile::is_smaller_and_waits) {
            let load: Load = store.need(Table::Loads, &late.load.to_be_bytes())?;
            let one = PendingFile { number: late.number, name: late.file, coverage: load.coverage };
            let (month, basis) = (late.bill.month, late.bill.basis);
            match all.iter_mut().find(|bill| (bill.month, bill.basis) == (month, basis)) {
                Some(bill) => bill.pending.push(one),
                // The month's first file waits: there is no bill yet.
                None => all.push(BillFiles {
                    month,
                    basis,
                    state: BillState::Open,
                    revision: 0,
                    files: Vec::new(),
                    pending: vec![one],
                }),
            }
        }
        Ok(all)
    }
}

fn last_revision(revisions: &[Revision], load: u64) -> u32 {
    revisions.iter().filter(|r| r.loads.contains(&load)).map(|r| r.number).max().unwrap_or(0)
}

/// Returns the digests of a load's lines by day of coverage.
fn days(store: &impl Records, month: BillMonth, load: &Load) -> Result<Vec<(Day, Digest)>, StoreError> {
    let mut found: Vec<(Day, Digest)> = Vec::new();
    for used in &load.segments {
        let segment: Segment = store.need(Table::Segments, &used.segment.to_be_bytes())?;
        for of in &segment.days {
            let Some(day) = month.day(u32::from(of.coverage_day)) else { continue };
            let mut digest = of.own;
            digest.merge(&of.customers);
            match found.iter_mut().find(|(known, _)| *known == day) {
                Some((_, known)) => known.merge(&digest),
                None => found.push((day, digest)),
            }
        }
    }
    found.sort_unstable_by_key(|(day, _)| *day);
    found.retain(|(_, digest)| digest.lines() > 0);
    Ok(found)
}
