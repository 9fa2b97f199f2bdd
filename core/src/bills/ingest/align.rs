//! Lays a file's columns out as the bill has them already.
//!
//! A line's hash covers the header (`digest`), so the same lines under another order of columns, or with a new column that is empty
//! everywhere, would make another digest. Nothing about the bill has changed then. So a file whose header is a variant of the header of
//! a load that the bill holds is read under that load's header: columns change places, an absent column is empty, and a new one is left
//! out for as long as it is empty. A value in a new column is real: the file is then read under its own header. The CSVs of one zip
//! share the header of the first one that has the same columns, so that the same lines are found in two of them.

use std::sync::Arc;

use crate::bills::{BillKey, Load, Revision};
use crate::engine::store::{Records, StoreError, Table};
use crate::formats::line_ends::line_ends;
use crate::formats::schema::{Column, Schema, fold_header, tag_key};
use crate::formats::text::BYTE_ORDER_MARK;
use crate::values::money::is_blank;

/// How the columns of a file become those of a load.
#[derive(Clone, Debug)]
pub(super) struct Alignment {
    /// The header under which the lines are read.
    pub(super) schema: Arc<Schema>,
    pub(super) schema_hash: [u8; 32],
    /// For each column of that header, its place in the file.
    from: Vec<Option<usize>>,
    /// The places in the file of columns that the header does not have.
    extra: Vec<usize>,
    /// How many columns the file has.
    file_columns: usize,
}

/// What was different about the header of a file, or of one CSV in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Aligned {
    /// The name of the CSV.
    pub entry: String,
    /// Whether columns that both have are in another order.
    pub reordered: bool,
    /// Columns of the file that hold no value and that the bill does not have.
    pub left_out: Vec<String>,
    /// Columns of the bill that the file does not have.
    pub absent: Vec<String>,
}

/// Why records cannot be laid out.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Misfit {
    /// A new column holds a value.
    Filled,
    /// A record has more or fewer cells than the header of the file.
    Ragged,
}

/// Returns how a file under `file` is read in a bill, if its header is a variant of one that the bill holds.
///
/// # Errors
/// [`StoreError`].
pub(super) fn find(
    store: &impl Records,
    bill: BillKey,
    file: &Schema,
) -> Result<Option<Alignment>, StoreError> {
    let hash = file.hash();
    let known = schemas(store, bill)?;
    if known.iter().any(|(known, _)| *known == hash) {
        return Ok(None);
    }
    Ok(known.into_iter().find_map(|(hash, schema)| Alignment::between(file, schema, hash)))
}

/// Returns the headers of a bill's current loads, those of the newest load first.
fn schemas(store: &impl Records, bill: BillKey) -> Result<Vec<([u8; 32], Schema)>, StoreError> {
    let Some(record) = store.get::<crate::bills::Bill>(Table::Bills, &bill.bytes())? else {
        return Ok(Vec::new());
    };
    let revision: Revision = store.need(Table::Revisions, &Revision::key_bytes(bill, record.revision))?;
    let mut loads: Vec<Load> = Load::list_of(store, &revision)?;
    loads.sort_by_key(|load| std::cmp::Reverse(load.number));
    let mut found: Vec<([u8; 32], Schema)> = Vec::new();
    for part in loads.iter().flat_map(|load| &load.segments) {
        let segment: crate::bills::Segment = store.need(Table::Segments, &part.segment.to_be_bytes())?;
        if !found.iter().any(|(hash, _)| *hash == segment.schema) {
            found.push((segment.schema, store.need(Table::Schemas, &segment.schema)?));
        }
    }
    Ok(found)
}

/// What makes two columns the same one: what it means, a tag's key, or its text.
#[derive(PartialEq, Eq)]
enum ColumnName {
    Canonical(Column),
    Tag(String),
    Text(String),
}

impl ColumnName {
    fn of(header: &str, column: Option<Column>) -> ColumnName {
        match (column, tag_key(header)) {
            (Some(column), _) => ColumnName::Canonical(column),
            (None, Some(key)) => ColumnName::Tag(key.to_owned()),
            (None, None) => ColumnName::Text(fold_header(header)),
        }
    }

    fn all(schema: &Schema) -> Vec<ColumnName> {
        schema
            .headers()
            .iter()
            .zip(schema.columns())
            .map(|(header, column)| ColumnName::of(header, *column))
            .collect()
    }
}

impl Alignment {
    /// Returns how lines under `file` are laid out under `known`; `None` where amounts could change their meaning.
    fn between(file: &Schema, known: Schema, schema_hash: [u8; 32]) -> Option<Alignment> {
        let total =
            |schema: &Schema| schema.total_index().and_then(|i| schema.columns().get(i).copied().flatten());
        if file.level() != known.level()
            || file.implied_currency() != known.implied_currency()
            || total(file) != total(&known)
        {
            return None;
        }
        let (theirs, ours) = (ColumnName::all(file), ColumnName::all(&known));
        let once = |names: &[ColumnName]| (1..names.len()).all(|i| !names[..i].contains(&names[i]));
        if !once(&theirs) || !once(&ours) {
            return None;
        }
        let from = ours.iter().map(|name| theirs.iter().position(|other| other == name)).collect();
        let extra =
            (0..theirs.len()).filter(|i| theirs.get(*i).is_some_and(|name| !ours.contains(name))).collect();
        Some(Alignment { schema: Arc::new(known), schema_hash, from, extra, file_columns: theirs.len() })
    }

    /// Returns how lines under `file` are laid out under `known`, if both have the same columns.
    pub(super) fn reordering(file: &Schema, known: &Schema, schema_hash: [u8; 32]) -> Option<Alignment> {
        Alignment::between(file, known.clone(), schema_hash).filter(Alignment::is_reordering)
    }

    /// Says whether columns change places, and no more.
    pub(super) fn is_reordering(&self) -> bool {
        self.extra.is_empty() && self.from.iter().all(Option::is_some)
    }

    /// Says what is different about the header of a CSV.
    pub(super) fn report(&self, entry: &str, file: &Schema) -> Aligned {
        let name = |i: &usize| file.headers().get(*i).cloned();
        let absent = self.schema.headers().iter().zip(&self.from).filter(|(_, from)| from.is_none());
        Aligned {
            entry: entry.to_owned(),
            reordered: !self.from.iter().flatten().is_sorted(),
            left_out: self.extra.iter().filter_map(name).collect(),
            absent: absent.map(|(header, _)| header.clone()).collect(),
        }
    }

    /// Writes whole records anew under the header. Each begins on the line of text on which it began.
    ///
    /// # Errors
    /// [`Misfit`].
    pub(super) fn apply(&self, text: &[u8]) -> Result<Vec<u8>, Misfit> {
        let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text);
        let mut out = Vec::with_capacity(text.len() + text.len() / 8);
        let mut record = csv::ByteRecord::new();
        let (mut line, mut from, mut written) = (0, 0, 0);
        // Reading from memory does not fail.
        while reader.read_byte_record(&mut record).unwrap_or(false) {
            let begins = record.position().map_or(from, |at| usize::try_from(at.byte()).unwrap_or(from));
            line += line_ends(text.get(from..begins).unwrap_or_default());
            from = begins;
            // Empty lines before the record.
            while written < line {
                out.push(b'\n');
                written += 1;
            }
            if record.len() != self.file_columns {
                return Err(Misfit::Ragged);
            }
            if self.extra.iter().any(|i| record.get(*i).is_some_and(|cell| !is_blank(cell))) {
                return Err(Misfit::Filled);
            }
            for (i, place) in self.from.iter().enumerate() {
                if i > 0 {
                    out.push(b',');
                }
                let cell = place.and_then(|place| record.get(place)).unwrap_or_default();
                // Files that were put together have a mark where the next one began.
                let cell = cell.strip_prefix(BYTE_ORDER_MARK).filter(|_| *place == Some(0)).unwrap_or(cell);
                written += put_cell(&mut out, cell);
            }
            out.push(b'\n');
            written += 1;
        }
        Ok(out)
    }
}

/// Writes a cell, quoted where it has to be; returns how many line ends it holds.
fn put_cell(out: &mut Vec<u8>, cell: &[u8]) -> u64 {
    if !cell.iter().any(|b| matches!(b, b',' | b'"' | b'\r' | b'\n')) {
        out.extend_from_slice(cell);
        return 0;
    }
    out.push(b'"');
    for byte in cell {
        if *byte == b'"' {
            out.push(b'"');
        }
        out.push(*byte);
    }
    out.push(b'"');
    line_ends(cell)
}
