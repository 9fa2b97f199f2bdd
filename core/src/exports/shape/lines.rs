//! Lines that are rows themselves.

use crate::bills::ReadBlock;
use crate::bills::pricing::Price;
use crate::engine::block::ColumnData;
use crate::formats::schema::Column;
use crate::values::money::Amount;

use super::super::ExportError;
use super::super::csv::Columns;
use super::block::ShapedBlock;
use super::layout::ShapeLayout;
use super::tally::LevelTally;

/// Lines of a block that are written as they are.
pub(super) struct ShapedLines<'a> {
    pub(super) shaped: &'a ShapedBlock,
    line_end: &'static [u8],
    /// The money columns: the sums that an amount is part of, and the cells.
    money: Vec<(Vec<Column>, &'a ColumnData)>,
}

impl<'a> ShapedLines<'a> {
    pub(super) fn new(
        columns: &Columns,
        layout: &ShapeLayout,
        block: &'a ReadBlock,
    ) -> Result<ShapedLines<'a>, ExportError> {
        let shaped = block.prepared(|block| ShapedBlock::new(columns, block))?;
        let mut money = Vec::new();
        for (column, place) in layout.money_places(shaped) {
            money.push((layout.sums_of(column).collect(), block.column(place)?));
        }
        let line_end = columns.dialect.line_end();
        Ok(ShapedLines { shaped, line_end, money })
    }

    /// Writes a line, and adds its amounts up.
    pub(super) fn write(
        &self,
        row: usize,
        text: &mut Vec<u8>,
        tally: &mut LevelTally,
    ) -> Result<(), ExportError> {
        let mut scratch = Vec::new();
        self.shaped.writer.write_record(row, Price::default(), &mut scratch, text);
        text.extend_from_slice(self.line_end);
        let currency = self.shaped.currencies.of(row);
        tally.lines(currency, 1);
        tally.row(currency);
        for (sums, cells) in &self.money {
            if let Some(amount) = Amount::imported(cells.cell(row, &mut scratch)) {
                sums.iter().try_for_each(|sum| tally.add(currency, *sum, amount))?;
            }
        }
        Ok(())
    }
}
