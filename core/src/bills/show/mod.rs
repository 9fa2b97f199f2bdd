//! Grouped sums of a bill: by owner, product and day from stored roll-ups, by anything else from the blocks.
//!
//! Both are read on all threads into cells, and the cells are merged in one way. The result does not depend on the
//! threads, nor on how the lines were split over files and segments.

mod blocks;
mod cells;
mod dense;
mod dictionary;
mod field;
mod grouped;
mod key;
mod merge;
mod order;
mod rollups;
mod sums;

#[cfg(test)]
mod tests;

pub(crate) use blocks::column_amounts;
pub use field::BillField;
pub(super) use field::FIELDS_MAX;
pub use grouped::{GroupRow, Grouped};

use crate::engine::store::Records;
use crate::formats::schema::Column;

use super::error::BillError;
use super::owner_days;
use super::view::BillView;
use crate::values::Amount;

impl BillView {
    /// Groups a bill by fields and sums its amounts, on several threads; checks the sums against the revision's (I1).
    ///
    /// # Errors
    /// [`BillError::NoColumn`] for a field that no line has; [`BillError`] when the store is damaged.
    pub fn show(
        &self,
        store: &(impl Records + Sync),
        fields: &[BillField],
        threads: usize,
    ) -> Result<Grouped, BillError> {
        if fields.len() > FIELDS_MAX {
            return Err(BillError::TooManyFields(FIELDS_MAX));
        }
        for field in fields.iter().filter(|f| **f != BillField::Day) {
            let has = self.segments().any(|s| field.index_in(&s.schema).is_some());
            if !has && self.segments().next().is_some() {
                return Err(BillError::NoColumn { bill: self.bill.key, field: field.to_string() });
            }
        }
        let source = if fields.iter().all(rollups::have) { SumSource::Rollups } else { SumSource::Blocks };
        group(store, self, fields, source, threads)
    }
}

/// Where sums come from.
#[derive(Clone, Copy)]
enum SumSource {
    Rollups,
    Blocks,
}

fn group(
    store: &(impl Records + Sync),
    view: &BillView,
    fields: &[BillField],
    source: SumSource,
    threads: usize,
) -> Result<Grouped, BillError> {
    let has = |column: &Column| view.segments().any(|s| s.schema.summed().iter().any(|(c, _)| c == column));
    let columns: Vec<Column> = Column::SUMMED.iter().copied().filter(has).collect();
    let (grouped, sums) = match source {
        SumSource::Rollups => {
            merge::merge(rollups::read(store, view, fields, threads)?, fields, columns, threads)?
        }
        SumSource::Blocks => {
            let read = blocks::read(store, view, fields, &columns, threads)?;
            merge::merge(read, fields, columns, threads)?
        }
    };
    view.must_tie("the sums of groups and revision", &sums)?;
    Ok(grouped)
}

impl BillView {
    /// Recomputes the sums and the digest of every line from the blocks, and checks them against what is stored.
    ///
    /// # Errors
    /// [`BillError`] at the first figure that is not equal.
    pub fn check_sums(&self, store: &(impl Records + Sync), threads: usize) -> Result<(), BillError> {
        self.check_rollups(store)?;
        let digest = owner_days::check(store, self)?;
        group(store, self, &[], SumSource::Blocks, threads)?;
        if digest != self.revision.digest {
            return Err(BillError::DoNotTie {
                bill: self.bill.key,
                what: "the digests of lines and revision",
                one: digest.hex(),
                other: self.revision.digest.hex(),
            });
        }
        Ok(())
    }
}

impl BillField {
    /// Says whether a line's cell is what was asked for, white space around it aside.
    pub fn cell_is(cell: &[u8], wanted: &str) -> bool {
        Amount::trim_cell(cell) == wanted.as_bytes()
    }
}
