//! The CSVs of a zip, one after another: cut by rows, compressed in pieces by several threads.
//!
//! Pieces are cut by their length, so the bytes do not depend on the threads; and they go into the zip in the order in which
//! they were cut, so only some of them are in memory.

use std::io::Write;

use crossbeam_channel::{Receiver, Sender};

use super::super::ExportError;
use super::super::archive::{self, CompressedChunk, Deflater, ZipEntry, ZipPiece};
use crate::formats::dialect::CellKind;
use crate::formats::dialect::Dialect;
use crate::values::reason::Reason;

/// Text that is compressed together.
const CHUNK_BYTES: usize = 1 << 20;
/// Pieces that are compressed or wait to be written, beyond one for each thread.
const PIECES_AHEAD: usize = 2;
/// What is said when the other end has failed, and tells why itself.
const STOPPED: &str = "the zip is not written any more";

/// A CSV that was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sheet {
    pub(super) name: String,
    pub(super) rows: u64,
    pub(super) headers: Vec<String>,
}

/// A piece of the zip, perhaps not compressed yet.
enum Coming {
    Begin(String),
    Chunk(Receiver<Result<CompressedChunk, Reason>>),
}

impl Coming {
    fn wait(self) -> Result<ZipPiece, Reason> {
        match self {
            Coming::Begin(name) => Ok(ZipPiece::Begin(name)),
            Coming::Chunk(made) => {
                made.recv().map_err(|_| "a compressing thread failed".to_owned())?.map(ZipPiece::Chunk)
            }
        }
    }
}

/// A text that is to be compressed, and where it goes then.
type SheetText = (Vec<u8>, Sender<Result<CompressedChunk, Reason>>);

/// Writes CSVs into a zip.
pub(super) struct CsvSheets {
    pieces: Sender<Coming>,
    texts: Sender<SheetText>,
    dialect: Dialect,
    rows_per_file: u64,
    stem: String,
    /// What tells the CSV at hand from others, and which one of it this is.
    mark: String,
    number: u32,
    text: Vec<u8>,
    sheets: Vec<Sheet>,
}

/// Writes a zip of the CSVs that `make` fills; returns them, what each came to, and what `make` returns.
pub(super) fn write<T: Send>(
    out: impl Write,
    threads: usize,
    dialect: Dialect,
    rows_per_file: u64,
    stem: &str,
    make: impl FnOnce(&mut CsvSheets) -> Result<T, ExportError> + Send,
) -> Result<(Vec<Sheet>, Vec<ZipEntry>, T), ExportError> {
    let threads = threads.clamp(1, 64);
    let (pieces_in, pieces) = crossbeam_channel::bounded(threads + PIECES_AHEAD);
    let (texts_in, texts) = crossbeam_channel::unbounded::<SheetText>();
    // Each thread has a queue of its own: where all have ended, nobody waits for texts that were not begun.
    let deflate = |texts: Receiver<SheetText>| {
        let mut deflater = Deflater::new();
        for (text, made) in &texts {
            // Nobody waits for it where the zip cannot be written.
            let _ = made.send(deflater.chunk(&text));
        }
    };
    let (written, made) = std::thread::scope(|scope| {
        for _ in 0..threads {
            let texts = texts.clone();
            scope.spawn(move || deflate(texts));
        }
        drop(texts);
        let maker = scope.spawn(|| {
            let mut sheets = CsvSheets::new(pieces_in, texts_in, dialect, rows_per_file, stem);
            let made = make(&mut sheets)?;
            Ok::<_, ExportError>((sheets.finish()?, made))
        });
        let written = archive::write(out, pieces.iter().map(Coming::wait));
        // A maker that still has something to give finds nobody, and ends.
        drop(pieces);
        let failed = || Err(ExportError::Write("a rendering thread failed".into()));
        (written, maker.join().unwrap_or_else(|_| failed()))
    });
    // A maker that fails ends the pieces, and the zip; a zip that fails ends the maker. Whichever failed by itself says why.
    let (sheets, made) = match (made, &written) {
        (Err(ExportError::Write(why)), Err(other)) if *why == *STOPPED => {
            return Err(ExportError::Write(other.clone()));
        }
        (made, _) => made?,
    };
    Ok((sheets, written.map_err(ExportError::Write)?, made))
}

impl CsvSheets {
    fn new(
        pieces: Sender<Coming>,
        texts: Sender<SheetText>,
        dialect: Dialect,
        rows_per_file: u64,
        stem: &str,
    ) -> CsvSheets {
        CsvSheets {
            pieces,
            texts,
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
        self.send(Coming::Begin(name.clone()))?;
        self.dialect.write_header(&headers, &mut self.text);
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
        self.dialect.write_cells(cells, &mut text);
        self.record(&text)
    }

    fn flush(&mut self) -> Result<(), ExportError> {
        if self.text.is_empty() {
            return Ok(());
        }
        let (made, coming) = crossbeam_channel::bounded(1);
        // The place among the pieces comes first: where there is none, it is waited for, and no more text is made meanwhile.
        self.send(Coming::Chunk(coming))?;
        let text = std::mem::take(&mut self.text);
        self.texts.send((text, made)).map_err(|_| ExportError::Write(STOPPED.into()))
    }

    fn send(&self, piece: Coming) -> Result<(), ExportError> {
        self.pieces.send(piece).map_err(|_| ExportError::Write(STOPPED.into()))
    }

    /// Ends the last CSV; returns all.
    fn finish(mut self) -> Result<Vec<Sheet>, ExportError> {
        self.flush()?;
        Ok(self.sheets)
    }
}
