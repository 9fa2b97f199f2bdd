//! The columns of revisions side by side.
//!
//! Files differ in spelling, order and number of columns. Cells are compared by what their column means: a canonical
//! column, a tag by its key, or else the header without regard to case and white space. A column that a line's file does not have counts as empty, except for a currency that the
//! header implies.

use std::collections::HashMap;
use std::sync::Arc;

use crate::bills::{BillError, BillView, ReadBlock, SegmentView};
use crate::formats::schema::{Column, ColumnClass, Schema, fold_header, tag_key};
use crate::values::digest::LineHasher;
use crate::values::money::Amount;

use super::line::{DiffLine, LineCells, StoredLine};

/// What a column means.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Meaning {
    Known(Column),
    Tag(String),
    Header(String),
}

/// What tells equal columns of different files: what they mean, and how often the same came before in the file.
type ColumnIdentity = (Meaning, usize);

/// Returns what tells each column of a schema.
fn ids(schema: &Schema) -> Vec<ColumnIdentity> {
    let mut ids: Vec<ColumnIdentity> = Vec::new();
    for (column, header) in schema.columns().iter().zip(schema.headers()) {
        let meaning = match (column, tag_key(header)) {
            (Some(column), _) => Meaning::Known(*column),
            (None, Some(key)) => Meaning::Tag(key.to_owned()),
            (None, None) => Meaning::Header(fold_header(header)),
        };
        let before = ids.iter().filter(|(other, _)| *other == meaning).count();
        ids.push((meaning, before));
    }
    ids
}

/// The columns of all revisions, in the order in which they came first.
pub(super) struct DiffLayout {
    pub(super) headers: Vec<String>,
    ids: Vec<ColumnIdentity>,
    /// The money columns that are added up, the total first.
    pub(super) summed: Vec<Column>,
    schemas: HashMap<[u8; 32], Placed>,
}

/// Where a schema has the columns of a layout.
struct Placed {
    schema: Arc<Schema>,
    places: Vec<Option<usize>>,
    /// For each summed column its place, if the schema has it.
    summed: Vec<Option<usize>>,
    hasher: LineHasher,
}

impl DiffLayout {
    pub(super) fn of<'v>(views: impl IntoIterator<Item = &'v BillView>) -> DiffLayout {
        let mut layout =
            DiffLayout { headers: Vec::new(), ids: Vec::new(), summed: Vec::new(), schemas: HashMap::new() };
        let mut schemas: Vec<([u8; 32], Arc<Schema>)> = Vec::new();
        for segment in views.into_iter().flat_map(BillView::segments) {
            if schemas.iter().any(|(hash, _)| *hash == segment.record.schema) {
                continue;
            }
            schemas.push((segment.record.schema, segment.schema.clone()));
            for (id, header) in ids(&segment.schema).into_iter().zip(segment.schema.headers()) {
                if !layout.ids.contains(&id) {
                    layout.ids.push(id);
                    layout.headers.push(header.clone());
                }
            }
        }
        let has = |c: &Column| schemas.iter().any(|(_, s)| s.summed().iter().any(|(column, _)| column == c));
        layout.summed = Column::SUMMED.iter().copied().filter(has).collect();
        layout.schemas = schemas.into_iter().map(|(hash, schema)| (hash, layout.placed(schema))).collect();
        layout
    }

    fn placed(&self, schema: Arc<Schema>) -> Placed {
        let ids = ids(&schema);
        let places = self.ids.iter().map(|id| ids.iter().position(|theirs| theirs == id)).collect();
        let of = schema.summed();
        let place = |column: &Column| of.iter().find(|(c, _)| c == column).map(|(_, place)| *place);
        // Lines are equal only if their totals are taken from the same column.
        let mut start = [0; 32];
        start[0] = u8::from(schema.index_of(Column::Total).is_some());
        let summed = self.summed.iter().map(place).collect();
        Placed { places, summed, hasher: LineHasher::new(&start), schema }
    }

    /// Returns the place of a canonical column.
    pub(super) fn place(&self, column: Column) -> Option<usize> {
        self.ids.iter().position(|(meaning, _)| *meaning == Meaning::Known(column))
    }

    /// Says of each column whether its cells are figures: money, prices, usage, durations, rates.
    pub(super) fn figures(&self) -> Vec<bool> {
        let figure = |(meaning, _): &ColumnIdentity| match meaning {
            Meaning::Known(column) => matches!(column.class(), ColumnClass::Money | ColumnClass::Number),
            Meaning::Tag(_) | Meaning::Header(_) => false,
        };
        self.ids.iter().map(figure).collect()
    }

    /// Makes a reader of the lines of a block of this segment.
    pub(super) fn reader<'a>(&'a self, segment: &SegmentView) -> Result<LineReader<'a>, BillError> {
        let placed = self.schemas.get(&segment.record.schema).ok_or(BillError::Thread)?;
        let currency = self.place(Column::Currency);
        Ok(LineReader { placed, currency, hasher: placed.hasher.clone(), cells: LineCells::default() })
    }
}

/// Reads lines of one schema under the columns of a layout.
pub(super) struct LineReader<'a> {
    placed: &'a Placed,
    /// The place of the currency in the layout.
    currency: Option<usize>,
    hasher: LineHasher,
    cells: LineCells,
}

impl LineReader<'_> {
    fn fill(&mut self, block: &ReadBlock, row: usize) -> Result<(), BillError> {
        self.cells.clear();
        for (at, place) in self.placed.places.iter().enumerate() {
            match place {
                Some(place) => block.column(*place)?.write_cell(row, &mut self.cells.bytes),
                None if Some(at) == self.currency => {
                    let implied = self.placed.schema.implied_currency().unwrap_or_default();
                    self.cells.bytes.extend_from_slice(implied.as_bytes());
                }
                None => {}
            }
            self.cells.end();
        }
        Ok(())
    }

    /// Hashes a line by its cells; equal hashes are equal lines.
    pub(super) fn hash(&mut self, block: &ReadBlock, row: usize) -> Result<[u8; 32], BillError> {
        self.fill(block, row)?;
        Ok(self.hasher.hash(self.cells.iter()))
    }

    /// Reads a line.
    pub(super) fn line(&mut self, block: &ReadBlock, row: usize) -> Result<DiffLine, BillError> {
        self.fill(block, row)?;
        let mut scratch = Vec::new();
        let mut amounts = Vec::with_capacity(self.placed.summed.len());
        for place in &self.placed.summed {
            amounts.push(match place {
                Some(place) => {
                    // A cell that shows no amount counts as zero, as at import.
                    let cell = block.column(*place)?.cell(row, &mut scratch);
                    Amount::imported(cell).unwrap_or_default()
                }
                None => Amount::ZERO,
            });
        }
        let currency = match self.currency {
            Some(at) => self.cells.get(at),
            None => self.placed.schema.implied_currency().unwrap_or_default().as_bytes(),
        };
        let currency = String::from_utf8_lossy(Amount::trim_cell(currency)).into_owned();
        let owner = block.owners()?.get(row).copied().unwrap_or(0);
        Ok(DiffLine {
            stored: StoredLine::default(),
            coverage_day: block.header().coverage_day,
            owner,
            currency,
            amounts,
            cells: self.cells.clone(),
        })
    }
}
