//! Writes lines of blocks as CSV text.
//!
//! Cells are written as they were imported; a cell is quoted where a comma, a quote or a line break in it needs
//! that, and records end in LF; [`Dialect`] tells what is otherwise for spreadsheets. Where loads have different columns, the export has all of them, in the order in
//! which they came; cells of a column that a line's file did not have are empty.

use std::sync::Arc;

use crate::bills::pricing::Price;
use crate::bills::{BillError, BillView, ReadBlock};
use crate::engine::block::ColumnData;
use crate::formats::schema::{Column, Schema};
use crate::partners::price::PriceBook;

use crate::formats::dialect::CellKind;
use crate::formats::dialect::Dialect;

/// The columns of an export.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Columns {
    pub(super) headers: Vec<String>,
    /// What tells equal columns of different files: a canonical column, or a header and how often it came before.
    pub(super) ids: Vec<CsvColumn>,
    /// How cells are written.
    pub(super) dialect: Dialect,
    /// The prices of an export for a customer; `None` for all others.
    pub(super) prices: Option<PriceBook>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum CsvColumn {
    Known(Column),
    Header(String, usize),
    /// No column of the file: what the customer pays.
    Priced(Priced),
}

/// A column that is worked out from a customer's price.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Priced {
    /// The price, rounded.
    Price,
    /// The price less the customer's voucher.
    Total,
}

impl CsvColumn {
    fn kind(&self) -> CellKind {
        match self {
            CsvColumn::Known(column) => CellKind::of(Some(*column)),
            CsvColumn::Header(..) => CellKind::Text,
            CsvColumn::Priced(_) => CellKind::Number,
        }
    }
}

pub(super) fn ids(schema: &Schema) -> Vec<CsvColumn> {
    let headers = schema.headers();
    let id = |(i, column): (usize, &Option<Column>)| match column {
        Some(column) => CsvColumn::Known(*column),
        None => {
            let header = headers.get(i).cloned().unwrap_or_default();
            let before = headers.iter().take(i).filter(|h| **h == header).count();
            CsvColumn::Header(header, before)
        }
    };
    schema.columns().iter().enumerate().map(id).collect()
}

impl Columns {
    /// Returns the columns of all files of a bill.
    pub fn of(view: &BillView) -> Columns {
        Columns::through(view, u8::MAX)
    }

    /// Returns the columns of the files that have lines through a day of coverage.
    ///
    /// What comes later in the month adds no column to an export that does not cover it.
    pub fn through(view: &BillView, last_day: u8) -> Columns {
        let mut columns = Columns::none();
        let mut last: Option<Arc<Schema>> = None;
        for segment in view.segments().filter(|s| s.record.days.iter().any(|d| d.coverage_day <= last_day)) {
            if last.as_ref().is_some_and(|l| Arc::ptr_eq(l, &segment.schema)) {
                continue;
            }
            for (id, header) in ids(&segment.schema).into_iter().zip(segment.schema.headers()) {
                if !columns.ids.contains(&id) {
                    columns.ids.push(id);
                    columns.headers.push(header.clone());
                }
            }
            last = Some(segment.schema.clone());
        }
        columns
    }

    /// Returns the columns of one file.
    pub fn of_schema(schema: &Schema) -> Columns {
        Columns { headers: schema.headers().to_vec(), ids: ids(schema), ..Columns::none() }
    }

    fn none() -> Columns {
        Columns { headers: Vec::new(), ids: Vec::new(), dialect: Dialect::Plain, prices: None }
    }

    /// Returns the same columns, to be written in a dialect.
    #[must_use]
    pub fn in_dialect(self, dialect: Dialect) -> Columns {
        Columns { dialect, ..self }
    }

    /// Returns the headers.
    pub fn headers(&self) -> &[String] {
        &self.headers
    }

    /// Appends the header record.
    pub fn write_header(&self, out: &mut Vec<u8>) {
        self.dialect.write_header(&self.headers, out);
    }

    /// Returns one line's cells under these columns.
    ///
    /// # Errors
    /// [`BillError::Block`] when the block is damaged.
    pub fn cells(&self, block: &ReadBlock, row: usize) -> Result<Vec<String>, BillError> {
        let mut scratch = Vec::new();
        let mut cells = Vec::new();
        for place in self.places(block.schema()) {
            cells.push(match place {
                Some(place) => {
                    String::from_utf8_lossy(block.column(place)?.cell(row, &mut scratch)).into_owned()
                }
                None => String::new(),
            });
        }
        Ok(cells)
    }

    /// Returns, for each column, its place in a schema.
    pub(super) fn places(&self, schema: &Schema) -> Vec<Option<usize>> {
        let theirs = ids(schema);
        self.ids.iter().map(|id| theirs.iter().position(|t| t == id)).collect()
    }
}

/// A column of a block, made ready to be written: what can be quoted once is.
enum Ready {
    Constant(Vec<u8>),
    /// The entries, quoted, and the column that tells which of them each row has.
    Dictionary(Vec<Vec<u8>>, Arc<ColumnData>),
    /// Integers in disguise need no quotes, but their exceptions may.
    Other(Arc<ColumnData>),
    /// The same, of a dialect in which any cell may need more than quotes.
    InDialect(Arc<ColumnData>, Dialect, CellKind),
    Priced(Priced),
}

/// The columns of a block, ready to be written.
pub(super) struct BlockWriter {
    columns: Vec<Ready>,
}

impl BlockWriter {
    /// Makes a block's columns ready.
    pub(super) fn new(columns: &Columns, block: &ReadBlock) -> Result<BlockWriter, BillError> {
        let mut ready = Vec::new();
        for (id, place) in columns.ids.iter().zip(columns.places(block.schema())) {
            if let CsvColumn::Priced(priced) = id {
                ready.push(Ready::Priced(*priced));
                continue;
            }
            let Some(place) = place else {
                ready.push(Ready::Constant(Vec::new()));
                continue;
            };
            let (dialect, kind) = (columns.dialect, id.kind());
            let quoted = |cell: &[u8]| {
                let mut text = Vec::with_capacity(cell.len());
                dialect.write_cell(kind, cell, &mut text);
                text
            };
            let data = block.shared_column(place)?;
            ready.push(match &*data {
                ColumnData::Constant(cell) => Ready::Constant(quoted(cell)),
                ColumnData::Dictionary { entries, .. } => {
                    Ready::Dictionary(entries.iter().map(quoted).collect(), data)
                }
                _ if dialect == Dialect::Plain => Ready::Other(data),
                _ => Ready::InDialect(data, dialect, kind),
            });
        }
        Ok(BlockWriter { columns: ready })
    }

    /// Appends a line as a record, but for its end.
    pub(super) fn write_record(&self, row: usize, price: Price, scratch: &mut Vec<u8>, out: &mut Vec<u8>) {
        for (i, column) in self.columns.iter().enumerate() {
            if i > 0 {
                out.push(b',');
            }
            match column {
                Ready::Constant(cell) => out.extend_from_slice(cell),
                Ready::Dictionary(entries, data) => {
                    let entry = data.code(row).and_then(|code| entries.get(code));
                    out.extend_from_slice(entry.map_or(&b""[..], Vec::as_slice));
                }
                Ready::Other(data) => {
                    if !data.write_integer(row, out) {
                        Dialect::write_quoted(data.cell(row, scratch), out);
                    }
                }
                Ready::InDialect(data, dialect, kind) => {
                    dialect.write_cell(*kind, data.cell(row, scratch), out);
                }
                Ready::Priced(Priced::Price) => price.price.into_iter().for_each(|p| p.write(out)),
                Ready::Priced(Priced::Total) => price.total.into_iter().for_each(|p| p.write(out)),
            }
        }
    }
}

impl Columns {
    /// Appends one line of a block as a record under these columns.
    ///
    /// For single lines; exports make a block's columns ready once.
    ///
    /// # Errors
    /// [`BillError::Block`] when the block is damaged.
    pub fn write_line(
        columns: &Columns,
        block: &ReadBlock,
        row: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), BillError> {
        let mut scratch = Vec::new();
        for (i, (id, place)) in columns.ids.iter().zip(columns.places(block.schema())).enumerate() {
            if i > 0 {
                out.push(b',');
            }
            if let Some(place) = place {
                columns.dialect.write_cell(id.kind(), block.column(place)?.cell(row, &mut scratch), out);
            }
        }
        out.extend_from_slice(columns.dialect.line_end());
        Ok(())
    }
}

/// Says what a column of an export means, if that is known.
pub(super) fn known(id: &CsvColumn) -> Option<Column> {
    match id {
        CsvColumn::Known(column) => Some(*column),
        CsvColumn::Header(..) | CsvColumn::Priced(_) => None,
    }
}
