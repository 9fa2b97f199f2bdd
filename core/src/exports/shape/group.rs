//! Lines that become one row: by which key, and what is held of each column until the row is written.

use std::collections::BTreeMap;

use crate::bills::{BillError, ReadBlock};
use crate::engine::rollup::Overflow;
use crate::formats::schema::Column;
use crate::values::money::Amount;

use super::super::ExportError;
use super::block::ShapedBlock;
use super::cells::{CellSum, DistinctTexts, GroupText, NO_VALUE};
use super::layout::ShapeLayout;
use super::level::ColumnRole;

/// A line that is to become part of a group.
#[derive(Clone, Copy)]
pub(super) struct GroupedLine<'a> {
    pub(super) layout: &'a ShapeLayout,
    pub(super) shaped: &'a ShapedBlock,
    pub(super) block: &'a ReadBlock,
    pub(super) row: usize,
}

impl<'a> GroupedLine<'a> {
    /// Returns a cell, without white space around it.
    fn cell<'c>(&self, at: usize, scratch: &'c mut Vec<u8>) -> Result<&'c [u8], BillError>
    where
        'a: 'c,
    {
        Ok(Amount::trim_cell(self.shaped.cell(self.block, at, self.row, scratch)?))
    }

    /// Says whether usage is summed in the line's group, and not duration.
    pub(super) fn accumulates_usage(&self) -> Result<bool, BillError> {
        let mut scratch = Vec::new();
        let name = self.layout.component_name();
        Ok(match name {
            Some(at) => super::level::accumulates_usage(self.cell(at, &mut scratch)?),
            None => false,
        })
    }

    /// Writes the key of the line's group among those of its owner: lines with equal keys are one row, and rows sort by them.
    pub(super) fn write_key(&self, accumulates_usage: bool, key: &mut Vec<u8>) -> Result<(), BillError> {
        let mut scratch = Vec::new();
        key.clear();
        push_key(key, self.shaped.currencies.of(self.row).as_bytes());
        for (at, _, role) in self.layout.columns() {
            match role.of(accumulates_usage) {
                ColumnRole::Key => push_key(key, self.cell(*at, &mut scratch)?),
                ColumnRole::KeyNumber => {
                    let cell = self.cell(*at, &mut scratch)?;
                    match Amount::imported(cell) {
                        Some(number) => {
                            // Digits, point and sign need nothing put before them.
                            number.shortest().write(key);
                            push_key(key, b"");
                        }
                        None => push_key(key, cell),
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// Appends a text so that keys sort as their texts do, and no two lists of texts make one key.
fn push_key(key: &mut Vec<u8>, text: &[u8]) {
    for byte in text {
        key.push(*byte);
        if *byte == 0 {
            key.push(u8::MAX);
        }
    }
    key.extend_from_slice(&[0, 0]);
}

/// Lines that become one row.
pub(super) struct LineGroup {
    pub(super) currency: GroupText,
    pub(super) lines: u64,
    pub(super) accumulates_usage: bool,
    /// For each column of the layout; of summed ones what stands there when no line shows an amount.
    cells: Box<[GroupText]>,
    /// For each summed column, in their order.
    sums: Box<[CellSum]>,
}

impl LineGroup {
    /// Makes the group of one line.
    pub(super) fn new(
        line: GroupedLine<'_>,
        accumulates_usage: bool,
        texts: &mut DistinctTexts,
    ) -> Result<LineGroup, ExportError> {
        let (mut cells, mut sums) = (Vec::new(), Vec::new());
        let mut scratch = Vec::new();
        for (at, _, role) in line.layout.columns() {
            let role = role.of(accumulates_usage);
            let mut cell = if role == ColumnRole::None { NO_VALUE } else { line.cell(*at, &mut scratch)? };
            if role == ColumnRole::Sum {
                let sum = Amount::imported(cell);
                sums.push(CellSum::new(sum));
                cell = if sum.is_some() { b"" } else { cell };
            }
            cells.push(GroupText::new(role, cell, texts));
        }
        let currency = GroupText::new(ColumnRole::Key, line.shaped.currencies.of(line.row).as_bytes(), texts);
        Ok(LineGroup { currency, lines: 1, accumulates_usage, cells: cells.into(), sums: sums.into() })
    }

    /// Adds a line.
    pub(super) fn add(
        &mut self,
        line: GroupedLine<'_>,
        texts: &mut DistinctTexts,
    ) -> Result<(), ExportError> {
        self.lines += 1;
        let mut scratch = Vec::new();
        let mut sums = self.sums.iter_mut();
        for ((at, _, role), text) in line.layout.columns().iter().zip(&mut self.cells) {
            match role.of(self.accumulates_usage) {
                ColumnRole::None | ColumnRole::Key => {}
                ColumnRole::Same if text.mixed => {}
                ColumnRole::Sum => {
                    let cell = line.cell(*at, &mut scratch)?;
                    let Some(sum) = sums.next() else { continue };
                    match Amount::imported(cell) {
                        Some(more) => sum.add(more).ok_or(Overflow).map_err(BillError::from)?,
                        None if sum.get().is_none() => text.add(ColumnRole::Same, cell, texts),
                        None => {}
                    }
                }
                role => text.add(role, line.cell(*at, &mut scratch)?, texts),
            }
        }
        Ok(())
    }

    /// Returns what the group has in each column: a text, and a sum where there is one.
    pub(super) fn cells<'a>(
        &self,
        layout: &ShapeLayout,
        texts: &'a DistinctTexts,
    ) -> Vec<(&'a [u8], Option<Amount>)> {
        let mut sums = self.sums.iter();
        let cell = |((_, _, role), text): (&(usize, Option<Column>, ColumnRole), &GroupText)| {
            let sum = match role.of(self.accumulates_usage) {
                ColumnRole::Sum => sums.next().and_then(|sum| sum.get()),
                _ => None,
            };
            (text.get(texts), sum)
        };
        layout.columns().iter().zip(&self.cells).map(cell).collect()
    }

    /// Moves the group's texts to other texts.
    pub(super) fn move_to(&mut self, from: &DistinctTexts, to: &mut DistinctTexts) {
        self.currency.move_to(from, to);
        self.cells.iter_mut().for_each(|text| text.move_to(from, to));
    }

    /// Returns how much memory the group takes under a key, roughly, its texts not counted.
    pub(super) fn bytes(&self, key: &[u8]) -> usize {
        // Three allocations have their bookkeeping, and a map is half empty at worst.
        size_of_val(&*self.cells)
            + size_of_val(&*self.sums)
            + key.len()
            + 2 * size_of::<(Vec<u8>, LineGroup)>()
            + 48
    }
}

/// What rounding has left of an owner's amounts, in one currency and under one second-level reseller.
pub(super) struct RoundingRest {
    pub(super) texts: Vec<Vec<u8>>,
    pub(super) amounts: Vec<Option<Amount>>,
}

/// What rounding has left of an owner's amounts, by currency and second-level reseller.
pub(super) type Precisions = BTreeMap<(String, Vec<u8>), RoundingRest>;
