//! Lines that become one row: by which key, and what is held of each column until the row is written.

use std::collections::BTreeMap;

use crate::bill::{BillError, ReadBlock};
use crate::money::{Amount, trim_cell};
use crate::rollup::Overflow;
use crate::schema::Column;

use super::super::ExportError;
use super::super::compose::Currencies;
use super::super::csv::{BlockWriter, Columns};
use super::known;
use super::layout::Layout;
use super::level::Role;

/// Stands where a row has no single value, or none that is shown.
pub(super) const NO_VALUE: &[u8] = b"-";

/// A block's columns in an export, found once.
pub(super) struct ShapedBlock {
    /// For each column of the export its place in the block.
    places: Vec<Option<usize>>,
    pub(super) currencies: Currencies,
    pub(super) writer: BlockWriter,
}

impl ShapedBlock {
    pub(super) fn new(columns: &Columns, block: &ReadBlock) -> Result<ShapedBlock, BillError> {
        let mut places = columns.places(block.schema());
        // A file without totals ends at the price after discount, which is its total then.
        for (place, id) in places.iter_mut().zip(&columns.ids) {
            if known(id) == Some(Column::Total) {
                *place = block.schema().total_index();
            }
        }
        Ok(ShapedBlock {
            places,
            currencies: Currencies::read(block)?,
            writer: BlockWriter::new(columns, block)?,
        })
    }

    /// Returns the place in the block of a column of the export.
    pub(super) fn place(&self, at: usize) -> Option<usize> {
        self.places.get(at).copied().flatten()
    }

    /// Returns a line's cell of a column of the export; empty where its file has none.
    pub(super) fn cell<'a>(
        &self,
        block: &'a ReadBlock,
        at: usize,
        row: usize,
        scratch: &'a mut Vec<u8>,
    ) -> Result<&'a [u8], BillError> {
        match self.place(at) {
            Some(place) => Ok(block.column(place)?.cell(row, scratch)),
            None => Ok(b""),
        }
    }
}

/// Reads an amount; `None` where it is not shown.
pub(super) fn amount(cell: &[u8]) -> Option<Amount> {
    // What is no amount was refused at import.
    Amount::parse_cell(cell).ok().flatten()
}

/// A line that is to become part of a group.
#[derive(Clone, Copy)]
pub(super) struct Line<'a> {
    pub(super) layout: &'a Layout,
    pub(super) shaped: &'a ShapedBlock,
    pub(super) block: &'a ReadBlock,
    pub(super) row: usize,
}

impl<'a> Line<'a> {
    /// Returns a cell, without white space around it.
    fn cell<'c>(&self, at: usize, scratch: &'c mut Vec<u8>) -> Result<&'c [u8], BillError>
    where
        'a: 'c,
    {
        Ok(trim_cell(self.shaped.cell(self.block, at, self.row, scratch)?))
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
                Role::Key => push_key(key, self.cell(*at, &mut scratch)?),
                Role::KeyNumber => {
                    let cell = self.cell(*at, &mut scratch)?;
                    match amount(cell) {
                        Some(number) => push_key(key, number.shortest().to_string().as_bytes()),
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

/// The cells of a column in a group that are texts. Which text it is in the end does not depend on the order of the lines.
#[derive(Clone, Debug, Default)]
pub(super) struct Text {
    text: Box<[u8]>,
    /// Lines have different texts.
    mixed: bool,
    /// The text is a time, and no cell that shows none.
    shown: bool,
}

impl Text {
    fn new(role: Role, cell: &[u8]) -> Text {
        Text { text: cell.into(), mixed: false, shown: role.is_time() && is_shown(cell) }
    }

    /// Adds another line's cell.
    fn add(&mut self, role: Role, cell: &[u8]) {
        let takes = match role {
            // Of the spellings of one number the smallest.
            Role::KeyNumber => cell < &*self.text,
            Role::Earliest | Role::Latest if is_shown(cell) => {
                let better = if role == Role::Earliest { cell < &*self.text } else { cell > &*self.text };
                !std::mem::replace(&mut self.shown, true) || better
            }
            Role::Earliest | Role::Latest if self.shown => false,
            _ => {
                self.mixed |= cell != &*self.text;
                false
            }
        };
        if takes {
            self.mixed = false;
            self.text = cell.into();
        }
    }

    /// Returns the text, `-` where there is not one.
    pub(super) fn get(&self) -> &[u8] {
        if self.mixed { NO_VALUE } else { &self.text }
    }
}

/// Says whether a cell shows a time.
fn is_shown(cell: &[u8]) -> bool {
    !matches!(cell, b"" | b"-" | b"--")
}

/// Lines that become one row.
pub(super) struct Group {
    pub(super) currency: Box<str>,
    pub(super) lines: u64,
    pub(super) accumulates_usage: bool,
    /// For each column of the layout; of summed ones what stands there when no line shows an amount.
    texts: Box<[Text]>,
    /// For each summed column, in their order: `None` as long as no line shows an amount.
    sums: Box<[Option<Amount>]>,
}

impl Group {
    /// Makes the group of one line.
    pub(super) fn new(line: Line<'_>, accumulates_usage: bool) -> Result<Group, ExportError> {
        let (mut texts, mut sums) = (Vec::new(), Vec::new());
        let mut scratch = Vec::new();
        for (at, _, role) in line.layout.columns() {
            let role = role.of(accumulates_usage);
            let mut cell = if role == Role::None { NO_VALUE } else { line.cell(*at, &mut scratch)? };
            if role == Role::Sum {
                let sum = amount(cell);
                sums.push(sum);
                cell = if sum.is_some() { b"" } else { cell };
            }
            texts.push(Text::new(role, cell));
        }
        let currency = line.shaped.currencies.of(line.row).into();
        Ok(Group { currency, lines: 1, accumulates_usage, texts: texts.into(), sums: sums.into() })
    }

    /// Adds a line.
    pub(super) fn add(&mut self, line: Line<'_>) -> Result<(), ExportError> {
        self.lines += 1;
        let mut scratch = Vec::new();
        let mut sums = self.sums.iter_mut();
        for ((at, _, role), text) in line.layout.columns().iter().zip(&mut self.texts) {
            match role.of(self.accumulates_usage) {
                Role::None | Role::Key => {}
                Role::Same if text.mixed => {}
                Role::Sum => {
                    let cell = line.cell(*at, &mut scratch)?;
                    let Some(sum) = sums.next() else { continue };
                    match (amount(cell), &sum) {
                        (Some(more), Some(held)) => {
                            *sum = Some(held.checked_add(more).ok_or(Overflow).map_err(BillError::from)?);
                        }
                        (Some(first), None) => *sum = Some(first),
                        (None, Some(_)) => {}
                        (None, None) => text.add(Role::Same, cell),
                    }
                }
                role => text.add(role, line.cell(*at, &mut scratch)?),
            }
        }
        Ok(())
    }

    /// Returns what the group has in each column: a text, and a sum where there is one.
    pub(super) fn cells(&self, layout: &Layout) -> Vec<(&Text, Option<Amount>)> {
        let mut sums = self.sums.iter();
        let sum = |(_, _, role): &(usize, Option<Column>, Role)| match role.of(self.accumulates_usage) {
            Role::Sum => sums.next().copied().flatten(),
            _ => None,
        };
        self.texts.iter().zip(layout.columns().iter().map(sum).collect::<Vec<_>>()).collect()
    }

    /// Returns how much memory the group takes, roughly.
    pub(super) fn bytes(&self) -> usize {
        // Each text is an allocation, whose bookkeeping is counted too.
        let texts: usize = self.texts.iter().map(|text| size_of::<Text>() + text.text.len() + 16).sum();
        texts + size_of_val(&*self.sums) + size_of::<Group>() + 64
    }
}

/// What rounding has left of an owner's amounts, in one currency and under one second-level reseller.
pub(super) struct Precision {
    pub(super) texts: Vec<Vec<u8>>,
    pub(super) amounts: Vec<Option<Amount>>,
}

/// What rounding has left of an owner's amounts, by currency and second-level reseller.
pub(super) type Precisions = BTreeMap<(String, Vec<u8>), Precision>;
