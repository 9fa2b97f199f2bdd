//! The CSVs of a zip, one after another: cut by rows, compressed in pieces.

use crossbeam_channel::Sender;

use super::super::ExportError;
use super::super::archive::{Deflater, Piece};
use super::super::dialect::CellKind;
use super::super::form::Dialect;

/// Text that is compressed together.
const CHUNK_BYTES: usize = 1 << 20;

/// A CSV that was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sheet {
    pub(super) name: String,
    pub(super) rows: u64,
    pub(super) headers: Vec<String>,
}

/// Writes CSVs into a zip.
pub(super) struct Sheets {
    pieces: Sender<Piece>,
    deflater: Deflater,
    dialect: Dialect,
    rows_per_file: u64,
    stem: String,
    /// What tells the CSV at hand from others, and which one of it this is.
    mark: String,
    number: u32,
    text: Vec<u8>,
    sheets: Vec<Sheet>,
}

impl Sheets {
    pub(super) fn new(pieces: Sender<Piece>, dialect: Dialect, rows_per_file: u64, stem: &str) -> Sheets {
        Sheets {
            pieces,
            deflater: Deflater::new(),
            dialect,
            rows_per_file: rows_per_file.max(1),
            stem: stem.to_owned(),
            mark: String::new(),
            number: 1,
            text: Vec::new(),
            sheets: Vec::new(),
        }
    }

    /// Says whether there is a CSV.
    pub(super) fn has_begun(&self) -> bool {
        !self.sheets.is_empty()
    }

    /// Begins a CSV with these headers; `mark` tells it from the others.
    pub(super) fn begin(&mut self, mark: &str, headers: &[String]) -> Result<(), ExportError> {
        mark.clone_into(&mut self.mark);
        self.number = 1;
        self.open(headers.to_vec())
    }

    fn open(&mut self, headers: Vec<String>) -> Result<(), ExportError> {
        self.flush()?;
        let number = if self.number > 1 { format!("-{:03}", self.number) } else { String::new() };
        let name = format!("{}{}{number}.csv", self.stem, self.mark);
        self.send(Piece::Begin(name.clone()))?;
        self.text.extend_from_slice(self.dialect.begin());
        for (i, header) in headers.iter().enumerate() {
            if i > 0 {
                self.text.push(b',');
            }
            self.dialect.write_cell(CellKind::Text, header.as_bytes(), &mut self.text);
        }
        self.text.extend_from_slice(self.dialect.line_end());
        self.sheets.push(Sheet { name, rows: 0, headers });
        Ok(())
    }

    /// Adds a record that is written already, with its end.
    pub(super) fn record(&mut self, text: &[u8]) -> Result<(), ExportError> {
        let full = self.sheets.last().filter(|sheet| sheet.rows >= self.rows_per_file);
        if let Some(headers) = full.map(|sheet| sheet.headers.clone()) {
            self.number += 1;
            self.open(headers)?;
        }
        self.text.extend_from_slice(text);
        if let Some(sheet) = self.sheets.last_mut() {
            sheet.rows += 1;
        }
        if self.text.len() >= CHUNK_BYTES { self.flush() } else { Ok(()) }
    }

    /// Adds a record of cells.
    pub(super) fn cells<'a>(
        &mut self,
        cells: impl Iterator<Item = (CellKind, &'a [u8])>,
    ) -> Result<(), ExportError> {
        let mut text = Vec::new();
        for (i, (kind, cell)) in cells.enumerate() {
            if i > 0 {
                text.push(b',');
            }
            self.dialect.write_cell(kind, cell, &mut text);
        }
        text.extend_from_slice(self.dialect.line_end());
        self.record(&text)
    }

    fn flush(&mut self) -> Result<(), ExportError> {
        if self.text.is_empty() {
            return Ok(());
        }
        let chunk = self.deflater.chunk(&self.text).map_err(ExportError::Write)?;
        self.text.clear();
        self.send(Piece::Chunk(chunk))
    }

    fn send(&self, piece: Piece) -> Result<(), ExportError> {
        self.pieces.send(piece).map_err(|_| ExportError::Write("the zip is not written any more".into()))
    }

    /// Ends the last CSV; returns all.
    pub(super) fn finish(mut self) -> Result<Vec<Sheet>, ExportError> {
        self.flush()?;
        Ok(self.sheets)
    }
}
