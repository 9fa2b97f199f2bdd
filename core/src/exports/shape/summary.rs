//! Summaries: the sums of all lines by product, project, region, billing mode, and each tag (docs/DOMAIN.md#levels: L1).

use std::collections::BTreeMap;

use crate::bills::{BillError, ReadBlock};
use crate::engine::rollup::Overflow;
use crate::formats::schema::{Column, tag_key};
use crate::values::money::Amount;

use super::super::ExportError;
use super::super::csv::Columns;
use super::super::csv::known;
use super::block::ShapedBlock;
use super::sheets::CsvSheets;
use super::tally::LevelTally;
use crate::formats::dialect::CellKind;

/// The dimensions that are columns of their own, and how their CSVs are called.
const DIMENSIONS: [(Column, &str); 4] = [
    (Column::ProductName, "product"),
    (Column::Project, "project"),
    (Column::Region, "region"),
    (Column::BillingMode, "billing-mode"),
];

/// The sums of the lines that have a value, in one currency.
#[derive(Default)]
struct SummaryCell {
    lines: u64,
    sums: Vec<Amount>,
}

/// A summary: by the values of a column.
struct Summary {
    /// How its CSV is called.
    name: String,
    header: String,
    /// Which column of the export.
    at: usize,
    /// By value and currency.
    cells: BTreeMap<(Vec<u8>, String), SummaryCell>,
}

/// All summaries of a bill.
pub(super) struct Summaries {
    summaries: Vec<Summary>,
    /// The money columns that there are, with their places in the export, in the order of sums.
    money: Vec<(Column, usize)>,
}

impl Summaries {
    pub(super) fn new(columns: &Columns) -> Summaries {
        let at = |column: Column| columns.ids.iter().position(|id| known(id) == Some(column));
        let headers = columns.headers();
        let header = |at: usize| headers.get(at).cloned().unwrap_or_default();
        let mut summaries: Vec<Summary> = DIMENSIONS
            .iter()
            .filter_map(|(column, name)| {
                let at = at(*column)?;
                Some(Summary { name: (*name).to_owned(), header: header(at), at, cells: BTreeMap::new() })
            })
            .collect();
        // A tag's key is text from outside, and no part of a file's name: it stands in the header.
        let tags = headers.iter().enumerate().filter(|(_, header)| tag_key(header).is_some());
        for (number, (at, header)) in tags.enumerate() {
            let name = format!("tag-{:02}", number + 1);
            summaries.push(Summary { name, header: header.clone(), at, cells: BTreeMap::new() });
        }
        // Where no column tells the total, it is the price after discount.
        let place = |column: Column| match column {
            Column::Total => at(column).or_else(|| at(Column::AfterDiscount)),
            column => at(column),
        };
        let money = Column::SUMMED.iter().filter_map(|column| Some((*column, place(*column)?))).collect();
        Summaries { summaries, money }
    }

    /// Adds a line to every summary.
    pub(super) fn add(
        &mut self,
        columns: &Columns,
        block: &ReadBlock,
        row: usize,
    ) -> Result<(), ExportError> {
        let shaped = block.prepared(|block| ShapedBlock::new(columns, block))?;
        let mut scratch = Vec::new();
        let mut amounts = Vec::with_capacity(self.money.len());
        for (_, at) in &self.money {
            let cell = shaped.cell(block, *at, row, &mut scratch)?;
            amounts.push(Amount::imported(cell).unwrap_or_default());
        }
        let currency = shaped.currencies.of(row);
        for summary in &mut self.summaries {
            let value = Amount::trim_cell(shaped.cell(block, summary.at, row, &mut scratch)?).to_vec();
            let cell = summary.cells.entry((value, currency.to_owned())).or_default();
            cell.lines += 1;
            cell.sums.resize(amounts.len(), Amount::ZERO);
            for (sum, amount) in cell.sums.iter_mut().zip(&amounts) {
                *sum = sum.checked_add(*amount).ok_or(Overflow).map_err(BillError::from)?;
            }
        }
        Ok(())
    }

    /// Writes a CSV for each summary; returns what each adds up to, which has to be the same.
    pub(super) fn write(self, sheets: &mut CsvSheets, mark: &str) -> Result<Vec<LevelTally>, ExportError> {
        let mut tallies = Vec::new();
        for summary in self.summaries {
            let mut headers = vec![summary.header, "Currency".to_owned(), "Lines".to_owned()];
            headers.extend(self.money.iter().map(|(column, _)| column.name().to_owned()));
            sheets.begin(&format!("{mark}-by-{}", summary.name), &headers)?;
            let mut tally = LevelTally::new("l1");
            for ((value, currency), cell) in summary.cells {
                tally.lines(&currency, cell.lines);
                tally.row(&currency);
                for ((column, _), sum) in self.money.iter().zip(&cell.sums) {
                    tally.add(&currency, *column, *sum)?;
                }
                let lines = cell.lines.to_string();
                let sums: Vec<String> = cell.sums.iter().map(|s| s.with_sum_scale().to_string()).collect();
                let texts = [(CellKind::Text, &value[..]), (CellKind::Text, currency.as_bytes())];
                let counts = std::iter::once((CellKind::Number, lines.as_bytes()));
                let sums = sums.iter().map(|sum| (CellKind::Number, sum.as_bytes()));
                sheets.cells(texts.into_iter().chain(counts).chain(sums))?;
            }
            tallies.push(tally);
        }
        Ok(tallies)
    }
}
