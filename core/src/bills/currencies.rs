//! Which currency each line of a block is in: its cell, or what the headers say of all.

use std::ops::Range;

use crate::engine::rollup::Names;
use crate::formats::schema::Column;

use super::{BillError, ReadBlock};

/// The currencies of a block's lines.
pub(crate) struct Currencies {
    names: Vec<String>,
    /// Which one each row has; `None` where all have the first.
    numbers: Option<Vec<u32>>,
}

impl Currencies {
    /// Reads them.
    pub(crate) fn read(block: &ReadBlock) -> Result<Currencies, BillError> {
        let schema = block.schema().clone();
        let mut names = Names::default();
        let numbers = match schema.index_of(Column::Currency) {
            None => vec![names.number(schema.implied_currency().unwrap_or("").as_bytes())],
            Some(index) => {
                let data = block.column(index)?;
                let mut scratch = Vec::new();
                (0..block.rows()).map(|row| names.number(data.cell(row, &mut scratch))).collect()
            }
        };
        let several = numbers.iter().any(|n| *n != 0);
        let names = (0..=numbers.iter().copied().max().unwrap_or(0)).map(|n| names.text(n)).collect();
        Ok(Currencies { names, numbers: several.then_some(numbers) })
    }

    /// Returns the number of a row's currency among the names.
    fn number(&self, row: usize) -> usize {
        self.numbers.as_ref().and_then(|of| of.get(row)).copied().unwrap_or(0) as usize
    }

    /// Returns the end of the run of rows, from one on, that have the same currency as that.
    pub(crate) fn run_end(&self, rows: Range<usize>) -> usize {
        let first = self.number(rows.start);
        match self.numbers {
            None => rows.end,
            Some(_) => (rows.start + 1..rows.end).find(|row| self.number(*row) != first).unwrap_or(rows.end),
        }
    }

    /// Returns a row's currency.
    pub(crate) fn of(&self, row: usize) -> &str {
        self.names.get(self.number(row)).map_or("", String::as_str)
    }
}
