//! Cells from the blocks, by any field. Each thread adds up the blocks that it reads.

use rustc_hash::FxHashMap;

use crate::engine::block::ColumnData;
use crate::engine::rollup::{Names, Overflow};
use crate::engine::store::Records;
use crate::formats::schema::Column;
use crate::values::money::Amount;
use crate::values::period::Day;

use crate::bills::read_block::map_cells;
use crate::bills::{BillError, BillView, ReadBlock};

use super::cells::{ColumnCells, Stack, Summed};
use super::dictionary::Dictionary;
use super::field::{BillField, FIELDS_MAX};
use super::sums::ColumnSums;
use crate::bills::threads::share;

/// Numbers into a thread's dictionaries: one a field, then the currency's, then zeros.
type GroupKey = [u32; FIELDS_MAX + 1];

/// What a thread has added up.
pub(super) struct BlockSums {
    groups: FxHashMap<GroupKey, u32>,
    keys: Vec<GroupKey>,
    lines: ColumnSums,
    columns: Vec<(Column, ColumnSums)>,
}

/// Reads all blocks.
pub(super) fn read(
    store: &(impl Records + Sync),
    view: &BillView,
    fields: &[BillField],
    columns: &[Column],
    threads: usize,
) -> Result<Vec<Stack<BlockSums>>, BillError> {
    let blocks: Vec<_> = view.segments().flat_map(|s| s.record.blocks.iter().map(move |b| (s, b))).collect();
    let begin = || (Stack::new(fields), BlockSums::new(columns));
    let read = share(threads, blocks.len(), begin, |(stack, added), at| {
        let Some((segment, used)) = blocks.get(at) else { return Ok(()) };
        let block = ReadBlock::read(store, segment, used, view.bill.key.basis)?;
        added.add_block(&block, fields, &mut stack.dictionaries)
    })?;
    Ok(read
        .into_iter()
        .map(|(mut stack, added)| {
            stack.parts.push(added);
            stack
        })
        .collect())
}

impl BlockSums {
    fn new(columns: &[Column]) -> BlockSums {
        BlockSums {
            groups: FxHashMap::default(),
            keys: Vec::new(),
            lines: ColumnSums::new(0, 0),
            columns: columns.iter().map(|column| (*column, ColumnSums::new(0, 0))).collect(),
        }
    }

    fn add_block(
        &mut self,
        block: &ReadBlock,
        fields: &[BillField],
        dictionaries: &mut [Dictionary],
    ) -> Result<(), BillError> {
        let groups = self.groups_of(&numbers(block, fields, dictionaries)?, block.rows());
        self.lines.grow(self.keys.len());
        self.lines.add_wide(&groups, groups.iter().map(|_| 1), 0)?;
        let summed = block.schema().summed();
        for (column, sums) in &mut self.columns {
            sums.grow(self.keys.len());
            if let Some((_, index)) = summed.iter().find(|(summed, _)| summed == column) {
                add_column(block.column(*index)?, &groups, sums)?;
            }
        }
        Ok(())
    }

    /// Returns the group of each row, new ones where need be.
    fn groups_of(&mut self, numbers: &[Vec<u32>], rows: usize) -> Vec<u32> {
        let mut last: Option<(GroupKey, u32)> = None;
        let group = |row: usize| {
            let mut key = GroupKey::default();
            for (slot, numbers) in key.iter_mut().zip(numbers) {
                *slot = numbers.get(row).copied().unwrap_or(0);
            }
            match last {
                Some((before, group)) if before == key => group,
                _ => {
                    let group = *self.groups.entry(key).or_insert_with(|| {
                        self.keys.push(key);
                        (self.keys.len() - 1) as u32
                    });
                    last = Some((key, group));
                    group
                }
            }
        };
        (0..rows).map(group).collect()
    }
}

/// Numbers each row's value of each field, and then its currency.
fn numbers(
    block: &ReadBlock,
    fields: &[BillField],
    dictionaries: &mut [Dictionary],
) -> Result<Vec<Vec<u32>>, BillError> {
    let (schema, rows) = (block.schema(), block.rows());
    let currency = BillField::Column(Column::Currency);
    let mut numbers = Vec::new();
    for (at, dictionary) in dictionaries.iter_mut().enumerate() {
        let field = fields.get(at);
        numbers.push(match (dictionary, field.unwrap_or(&currency).index_in(schema)) {
            (Dictionary::Days(days), _) => {
                block.own_days()?.into_iter().map(|day| days.number(day.map(Day::epoch_days))).collect()
            }
            (Dictionary::Names(names), Some(index)) => number_cells(block.column(index)?, rows, names),
            (Dictionary::Names(names), None) => {
                let implied = schema.implied_currency().filter(|_| field.is_none());
                vec![names.number(implied.unwrap_or("").as_bytes()); rows]
            }
        });
    }
    Ok(numbers)
}

/// Numbers each row's cell by its text.
fn number_cells(data: &ColumnData, rows: usize, names: &mut Names) -> Vec<u32> {
    let names = std::cell::RefCell::new(names);
    map_cells(data, rows, |cell| names.borrow_mut().number(cell))
}

/// Reads an amount; a cell that shows none counts as zero, as at import.
fn parse(cell: &[u8]) -> Amount {
    Amount::imported(cell).unwrap_or_default()
}

/// Adds a column's amounts, each to the group beside it.
fn add_column(data: &ColumnData, groups: &[u32], sums: &mut ColumnSums) -> Result<(), Overflow> {
    match data {
        ColumnData::Constant(cell) if parse(cell) == Amount::ZERO => sums.raise(parse(cell).scale()),
        ColumnData::Integers { form, values, exceptions } if let Some(scale) = form.scale() => {
            sums.raise(scale)?;
            if exceptions.is_empty() {
                return sums.add_narrow(groups, values, scale);
            }
            // The integers of exceptions mean nothing.
            let mut values = values.clone();
            for (row, _) in exceptions {
                if let Some(value) = values.get_mut(*row as usize) {
                    *value = 0;
                }
            }
            sums.add_narrow(groups, &values, scale)?;
            for (row, text) in exceptions {
                if let Some(group) = groups.get(*row as usize) {
                    add_amounts(&[*group], &[parse(text)], sums)?;
                }
            }
            Ok(())
        }
        data => add_amounts(groups, &map_cells(data, groups.len(), parse), sums),
    }
}

fn add_amounts(groups: &[u32], amounts: &[Amount], sums: &mut ColumnSums) -> Result<(), Overflow> {
    sums.raise(amounts.iter().map(|a| a.scale()).max().unwrap_or(0))?;
    let scale = sums.scale();
    for (group, amount) in groups.iter().zip(amounts) {
        sums.add(*group, amount.rescaled(scale).ok_or(Overflow)?)?;
    }
    Ok(())
}

/// Reads a column's amounts; cells that show none count as zero, as at import.
pub(crate) fn column_amounts(data: &ColumnData, rows: usize) -> Vec<Amount> {
    match data {
        ColumnData::Integers { form, values, exceptions } if let Some(scale) = form.scale() => {
            let mut amounts: Vec<Amount> =
                values.iter().map(|v| Amount::new(i128::from(*v), scale)).collect();
            for (row, text) in exceptions {
                if let Some(slot) = amounts.get_mut(*row as usize) {
                    *slot = parse(text);
                }
            }
            amounts
        }
        data => map_cells(data, rows, parse),
    }
}

impl ColumnCells for BlockSums {
    fn len(&self) -> usize {
        self.keys.len()
    }

    fn numbers(&self, field: usize, _: &Dictionary) -> Result<Vec<u32>, BillError> {
        Ok(self.keys.iter().map(|key| key.get(field).copied().unwrap_or(0)).collect())
    }

    fn scale(&self, summed: Summed) -> Option<u8> {
        match summed {
            Summed::Column(column) => self.sums(column).map(ColumnSums::scale),
            Summed::Lines => Some(0),
        }
    }

    fn add(&self, summed: Summed, groups: &[u32], sums: &mut ColumnSums) -> Result<(), BillError> {
        let mine = match summed {
            Summed::Column(column) => self.sums(column),
            Summed::Lines => Some(&self.lines),
        };
        let Some(mine) = mine else { return Ok(()) };
        Ok(sums.add_wide(groups, (0..groups.len()).map(|at| mine.mantissa(at)), mine.scale())?)
    }
}

impl BlockSums {
    fn sums(&self, column: Column) -> Option<&ColumnSums> {
        self.columns.iter().find(|(mine, _)| *mine == column).map(|(_, sums)| sums)
    }
}
