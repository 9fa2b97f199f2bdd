//! A column's cells as numbers: each distinct cell is read once where the column knows them.

use crate::bills::{BillError, ReadBlock};
use crate::engine::block::ColumnData;
use crate::formats::schema::Column;
use crate::values::money::Amount;

/// The numbers of a column; a cell that shows none (`-`, nothing) has none.
pub(super) enum Numbers<'a> {
    /// The file has no such column.
    Missing,
    /// Every row has the same.
    Same(Option<Amount>),
    /// By code.
    Coded(Vec<Option<Amount>>, &'a [u16]),
    /// Integers, or texts.
    Each(&'a ColumnData),
}

impl<'a> Numbers<'a> {
    /// Reads a column of a block.
    pub(super) fn of(block: &'a ReadBlock, column: Column) -> Result<Numbers<'a>, BillError> {
        Numbers::at(block, block.schema().index_of(column))
    }

    /// Reads the column at a place of the header.
    pub(super) fn at(block: &'a ReadBlock, index: Option<usize>) -> Result<Numbers<'a>, BillError> {
        let Some(index) = index else { return Ok(Numbers::Missing) };
        Ok(match block.column(index)? {
            ColumnData::Constant(cell) => Numbers::Same(Amount::imported(cell)),
            ColumnData::Dictionary { entries, codes } => {
                Numbers::Coded(entries.iter().map(Amount::imported).collect(), codes)
            }
            data => Numbers::Each(data),
        })
    }

    /// Says whether no row shows a number.
    pub(super) fn shows_none(&self) -> bool {
        match self {
            Numbers::Missing => true,
            Numbers::Same(number) => number.is_none(),
            Numbers::Coded(numbers, _) => numbers.iter().all(Option::is_none),
            Numbers::Each(_) => false,
        }
    }

    /// Returns the number of a row.
    pub(super) fn get(&self, row: usize) -> Option<Amount> {
        match self {
            Numbers::Missing => None,
            Numbers::Same(number) => *number,
            Numbers::Coded(numbers, codes) => *numbers.get(usize::from(*codes.get(row)?))?,
            Numbers::Each(data) => match data.integer(row) {
                Some((form, value)) if let Some(scale) = form.scale() => {
                    Some(Amount::new(i128::from(value), scale))
                }
                _ => Amount::imported(data.cell(row, &mut Vec::new())),
            },
        }
    }
}

/// Returns the text of a cell without white space around it; nothing where the file has no such column.
pub(super) fn text_at(block: &ReadBlock, index: Option<usize>, row: usize) -> Result<String, BillError> {
    let Some(index) = index else { return Ok(String::new()) };
    let mut scratch = Vec::new();
    let cell = block.column(index)?.cell(row, &mut scratch);
    Ok(String::from_utf8_lossy(Amount::trim_cell(cell)).into_owned())
}

/// Returns the text of a line's cell.
pub(super) fn text(block: &ReadBlock, column: Column, row: usize) -> Result<String, BillError> {
    text_at(block, block.schema().index_of(column), row)
}

/// Returns the currency of a line.
pub(super) fn currency(block: &ReadBlock, row: usize) -> Result<String, BillError> {
    match block.schema().implied_currency() {
        Some(implied) => Ok(implied.to_owned()),
        None => text(block, Column::Currency, row),
    }
}

/// Says whether a transaction type is that of the month's precision difference (docs/DOMAIN.md#transaction-types).
pub(super) fn is_precision(cell: &[u8]) -> bool {
    let cell = Amount::trim_cell(cell);
    cell.eq_ignore_ascii_case(b"billVirtualId") || cell == "月度计费精度差异".as_bytes()
}
