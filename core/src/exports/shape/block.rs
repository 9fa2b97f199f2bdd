//! A block's columns in an export of a shape.

use crate::bills::{BillError, Currencies, ReadBlock};
use crate::formats::schema::Column;

use super::super::csv::{BlockWriter, Columns, known};

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
