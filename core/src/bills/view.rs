//! A bill at one revision, with the records that its lines are reached by.

use std::collections::HashMap;
use std::ops::RangeInclusive;
use std::sync::Arc;

use crate::engine::block::{BlockError, merge_sums};
use crate::engine::parted::{self, Parted};
use crate::engine::rollup::{Overflow, Rollup, StoredRollup};
use crate::engine::store::{Records, StoreError, Table};
use crate::formats::schema::Schema;
use crate::values::digest::Digest;

use super::error::BillError;
use super::records::{Bill, BillKey, Load, Revision, Segment};
use crate::engine::block::Sums;

/// A segment of the bill, with its schema.
pub struct SegmentView {
    /// Its number.
    pub number: u64,
    /// Its record.
    pub record: Segment,
    /// The meaning of its columns.
    pub schema: Arc<Schema>,
}

impl SegmentView {
    /// Reads those parts of the segment's roll-up that can have some owners, of whom `wants` is told the smallest and the largest; the
    /// roll-up of the segment is their merge.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] when their bytes are.
    pub fn rollups(
        &self,
        store: &impl Records,
        wants: impl Fn(&RangeInclusive<u64>) -> bool,
    ) -> Result<Vec<Rollup>, StoreError> {
        self.rollup_parts(store, wants, Rollup::decode)
    }

    /// Reads what [`SegmentView::rollups`] reads, to be unpacked column by column.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] when their bytes are.
    pub(super) fn stored_rollups(
        &self,
        store: &impl Records,
        wants: impl Fn(&RangeInclusive<u64>) -> bool,
    ) -> Result<Vec<StoredRollup>, StoreError> {
        self.rollup_parts(store, wants, StoredRollup::open)
    }

    fn rollup_parts<T>(
        &self,
        store: &impl Records,
        wants: impl Fn(&RangeInclusive<u64>) -> bool,
        open: fn(&[u8]) -> Result<T, BlockError>,
    ) -> Result<Vec<T>, StoreError> {
        let parts = parted::read(store, Parted::Rollup, self.number, self.record.rows, wants)?
            .ok_or_else(|| StoreError::Lost(Parted::Rollup.what(self.number)))?;
        parts.iter().map(|part| open(&part.bytes).map_err(|e| self.damaged_rollup(&e))).collect()
    }

    /// Says that the segment's roll-up is damaged.
    pub(super) fn damaged_rollup(&self, why: &BlockError) -> StoreError {
        StoreError::damaged(Parted::Rollup.what(self.number), why)
    }
}

/// Schemas that were read, each once.
#[derive(Default)]
struct Schemas(HashMap<[u8; 32], Arc<Schema>>);

impl Schemas {
    fn views(&mut self, store: &impl Records, load: &Load) -> Result<Vec<SegmentView>, StoreError> {
        let mut segments = Vec::new();
        for used in &load.segments {
            let record: Segment = store.need(Table::Segments, &used.segment.to_be_bytes())?;
            let schema = match self.0.get(&record.schema) {
                Some(schema) => schema.clone(),
                None => {
                    let schema: Arc<Schema> = Arc::new(store.need(Table::Schemas, &record.schema)?);
                    self.0.insert(record.schema, schema.clone());
                    schema
                }
            };
            segments.push(SegmentView { number: used.segment, record, schema });
        }
        Ok(segments)
    }
}

impl Load {
    /// Returns the loads of a revision, ascending.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read.
    pub fn list_of(store: &impl Records, revision: &Revision) -> Result<Vec<Load>, StoreError> {
        revision.loads.iter().map(|number| store.need(Table::Loads, &number.to_be_bytes())).collect()
    }
}

/// Returns the segments of a load, in the file's order.
///
/// # Errors
/// [`StoreError`] when the store cannot be read.
pub(crate) fn segment_views(store: &impl Records, load: &Load) -> Result<Vec<SegmentView>, StoreError> {
    Schemas::default().views(store, load)
}

/// A bill at one revision.
pub struct BillView {
    /// The bill as it is now.
    pub bill: Bill,
    /// The revision that is looked at.
    pub revision: Revision,
    /// Its loads, each with its segments in the file's order.
    pub loads: Vec<(Load, Vec<SegmentView>)>,
}

impl BillView {
    /// Opens a bill at a revision, the current one if none is named.
    ///
    /// # Errors
    /// [`BillError::NoBill`] or [`BillError::NoRevision`] when there is none.
    pub fn open(store: &impl Records, key: BillKey, revision: Option<u32>) -> Result<BillView, BillError> {
        let bill = Bill::get(store, key)?;
        let number = revision.unwrap_or(bill.revision);
        let revision: Revision = store
            .get(Table::Revisions, &Revision::key_bytes(key, number))?
            .ok_or(BillError::NoRevision { bill: key, number, last: bill.revision })?;
        let mut schemas = Schemas::default();
        let mut loads = Vec::new();
        for load in Load::list_of(store, &revision)? {
            if store.get_bytes(Table::Pruned, &load.number.to_be_bytes())?.is_some() {
                return Err(BillError::Pruned { bill: key, number, load: load.number });
            }
            let segments = schemas.views(store, &load)?;
            loads.push((load, segments));
        }
        Ok(BillView { bill, revision, loads })
    }

    /// Goes through the segments of all loads.
    pub fn segments(&self) -> impl Iterator<Item = &SegmentView> {
        self.loads.iter().flat_map(|(_, segments)| segments)
    }

    /// Checks the sums of the stored roll-ups against the revision's (I1), one segment in memory at a time.
    ///
    /// # Errors
    /// [`BillError::DoNotTie`] when they differ.
    pub fn check_rollups(&self, store: &impl Records) -> Result<(), BillError> {
        let mut sums = Vec::new();
        for segment in self.segments() {
            for rollup in segment.rollups(store, |_| true)? {
                merge_sums(&mut sums, &rollup.sums()?).ok_or(Overflow)?;
            }
        }
        self.must_tie("the sums of roll-ups and revision", &sums)
    }

    /// Checks sums over all lines against the revision's (I1, I2).
    pub(super) fn must_tie(
        &self,
        what: &'static str,
        sums: &[crate::engine::block::Sums],
    ) -> Result<(), BillError> {
        if sums == self.revision.sums {
            return Ok(());
        }
        let text = |sums: &[crate::engine::block::Sums]| {
            let lines: u64 = sums.iter().map(|s| s.lines).sum();
            format!("{} in {lines} lines", Sums::totals_text(sums))
        };
        Err(BillError::DoNotTie {
            bill: self.bill.key,
            what,
            one: text(sums),
            other: text(&self.revision.sums),
        })
    }

    /// Returns the digest of the lines through a day of the month: the payer's own, the customers', or both.
    pub fn digest_through(&self, coverage_day: u8, own: bool, customers: bool) -> Digest {
        let mut digest = Digest::EMPTY;
        for segment in self.segments() {
            for day in segment.record.days.iter().filter(|d| d.coverage_day <= coverage_day) {
                if own {
                    digest.merge(&day.own);
                }
                if customers {
                    digest.merge(&day.customers);
                }
            }
        }
        digest
    }
}

impl Bill {
    /// Returns a bill.
    ///
    /// # Errors
    /// [`BillError::NoBill`] when there is none.
    pub fn get(store: &impl Records, key: BillKey) -> Result<Bill, BillError> {
        store.get(Table::Bills, &key.bytes())?.ok_or(BillError::NoBill(key))
    }

    /// Returns all bills with their current revisions, by payer, month and basis.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read.
    pub fn list(store: &impl Records) -> Result<Vec<(Bill, Revision)>, StoreError> {
        let mut all = Vec::new();
        for (_, bill) in store.list::<Bill>(Table::Bills, &[])? {
            let revision = store.need(Table::Revisions, &Revision::key_bytes(bill.key, bill.revision))?;
            all.push((bill, revision));
        }
        Ok(all)
    }
}

impl Revision {
    /// Returns all revisions of a bill, oldest first.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read.
    pub fn list(store: &impl Records, key: BillKey) -> Result<Vec<Revision>, StoreError> {
        Ok(store.list(Table::Revisions, &key.bytes())?.into_iter().map(|(_, revision)| revision).collect())
    }
}
