//! Cells from the stored roll-ups, which have sums by owner, product, day and currency.

use crate::engine::block::BlockError;
use crate::engine::rollup::{Mantissas, NamedPart, StoredRollup};
use crate::engine::store::Records;
use crate::formats::schema::Column;

use crate::bills::{BillError, BillView, SegmentView};

use super::cells::{ColumnCells, Stack, Summed};
use super::dictionary::Dictionary;
use super::field::BillField;
use super::sums::ColumnSums;
use crate::bills::threads::share;

/// Says whether roll-ups have sums by a field.
pub(super) fn have(field: &BillField) -> bool {
    matches!(field, BillField::Day) || named(field).is_some()
}

fn named(field: &BillField) -> Option<NamedPart> {
    match field {
        BillField::Column(Column::OwnerUin) => Some(NamedPart::Owner),
        BillField::Column(Column::ProductName) => Some(NamedPart::Product),
        _ => None,
    }
}

/// The cells of a segment, or of a part of it.
pub(super) struct StoredCells<'a> {
    segment: &'a SegmentView,
    rollup: StoredRollup,
    fields: Vec<Numbered>,
}

/// How a field's numbers in the roll-up become those of the dictionary.
enum Numbered {
    Names(NamedPart, Vec<u32>),
    Days,
    /// All cells have this one.
    Same(u32),
}

/// Reads the roll-ups of all segments.
pub(super) fn read<'a>(
    store: &(impl Records + Sync),
    view: &'a BillView,
    fields: &[BillField],
    threads: usize,
) -> Result<Vec<Stack<StoredCells<'a>>>, BillError> {
    let segments: Vec<&SegmentView> = view.segments().collect();
    share(
        threads,
        segments.len(),
        || Stack::new(fields),
        |stack, at| {
            let Some(segment) = segments.get(at) else { return Ok(()) };
            for rollup in segment.stored_rollups(store, |_| true)? {
                let fields = numbered(&mut stack.dictionaries, fields, &rollup)
                    .map_err(|e| segment.damaged_rollup(&e))?;
                stack.parts.push(StoredCells { segment, rollup, fields });
            }
            Ok(())
        },
    )
}

/// Numbers the values of a roll-up.
fn numbered(
    dictionaries: &mut [Dictionary],
    fields: &[BillField],
    rollup: &StoredRollup,
) -> Result<Vec<Numbered>, BlockError> {
    let mut numbered = Vec::new();
    let named = fields.iter().map(named).chain([Some(NamedPart::Currency)]);
    for (dictionary, named) in dictionaries.iter_mut().zip(named) {
        numbered.push(match (dictionary, named) {
            (Dictionary::Names(names), Some(named)) => {
                let number = |name| names.number(name);
                Numbered::Names(named, rollup.names(named).map(number).collect())
            }
            (Dictionary::Days(days), _) => {
                let mut theirs = rollup.days()?;
                // Files come day by day, so that most neighbours are of one.
                theirs.dedup();
                for day in theirs {
                    days.number(day);
                }
                Numbered::Days
            }
            // As with blocks, what is not there is empty; but see `have`.
            (Dictionary::Names(names), None) => Numbered::Same(names.number(b"")),
        });
    }
    Ok(numbered)
}

impl ColumnCells for StoredCells<'_> {
    fn len(&self) -> usize {
        self.rollup.len()
    }

    fn numbers(&self, field: usize, dictionary: &Dictionary) -> Result<Vec<u32>, BillError> {
        let damaged = |e: BlockError| self.segment.damaged_rollup(&e);
        Ok(match (self.fields.get(field), dictionary) {
            (Some(Numbered::Names(named, numbers)), _) => {
                self.rollup.numbered(*named, numbers).map_err(damaged)?
            }
            (Some(Numbered::Days), Dictionary::Days(days)) => {
                self.rollup.days().map_err(damaged)?.into_iter().map(|day| days.known(day)).collect()
            }
            (Some(Numbered::Same(number)), _) => vec![*number; self.rollup.len()],
            _ => Vec::new(),
        })
    }

    fn scale(&self, summed: Summed) -> Option<u8> {
        match summed {
            Summed::Column(column) => self.rollup.scale(column),
            Summed::Lines => Some(0),
        }
    }

    fn add(&self, summed: Summed, groups: &[u32], sums: &mut ColumnSums) -> Result<(), BillError> {
        let damaged = |e: BlockError| self.segment.damaged_rollup(&e);
        let Summed::Column(column) = summed else {
            let lines = self.rollup.lines().map_err(damaged)?;
            return Ok(sums.add_narrow(groups, &lines, 0)?);
        };
        let Some(scale) = self.rollup.scale(column) else { return Ok(()) };
        match self.rollup.mantissas(column).map_err(damaged)? {
            Mantissas::Zero => {}
            Mantissas::Narrow(mantissas) => sums.add_narrow(groups, &mantissas, scale)?,
            Mantissas::Wide(mantissas) => sums.add_wide(groups, mantissas.into_iter(), scale)?,
        }
        Ok(())
    }
}
