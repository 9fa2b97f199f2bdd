//! Which header each line of an export had in its file, where a bill consists of files with different headers.
//!
//! An export writes all columns of all files. That loses which columns a line's file had, and a line's hash covers its header. So
//! the manifest of such an export lists the headers, and which lines have which. With them a lost store can be restored with the
//! same digests.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufWriter, Read as _, Seek as _, Write as _};
use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::bills::{BillView, WantedLines, walk_owner_days};
use crate::engine::store::Records;
use crate::formats::archive::each_csv;
use crate::formats::schema::Schema;
use crate::values::reason::Reason;

use super::ExportError;
use super::archive::{self, Deflater, ZipPiece};
use super::csv::{CsvColumn, ids};
use super::form::ExportForm;
use super::wanted::{Scope, WantedExport, coverage_last_day};
use crate::formats::dialect::CellKind;
use crate::formats::dialect::Dialect;

/// Headers that a manifest lists, at most.
const HEADERS_MAX: usize = 64;
/// Runs of lines that a manifest lists, at most.
const RUNS_MAX: usize = 100_000;
/// Text that is compressed at a time.
const CHUNK_BYTES: usize = 1 << 20;

/// The headers of the files, and which lines have which.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineHeaders {
    /// The headers.
    pub headers: Vec<Vec<String>>,
    /// The lines in the order of the part, as runs: `0*140 1*2` is 140 lines under the first header and 2 under the second.
    pub lines: String,
}

impl LineHeaders {
    /// Returns the runs: the number of a header, and how many lines follow under it.
    ///
    /// # Errors
    /// What is wrong with them, in words.
    pub(crate) fn runs(&self) -> Result<Vec<(usize, u64)>, String> {
        let run = |text: &str| {
            let (header, lines) = text.split_once('*')?;
            let header = header.parse().ok().filter(|at| *at < self.headers.len())?;
            Some((header, lines.parse().ok()?))
        };
        let runs = self.lines.split(' ').take(RUNS_MAX + 1).map(run).collect::<Option<Vec<_>>>();
        match runs {
            Some(runs) if runs.len() <= RUNS_MAX && self.headers.len() <= HEADERS_MAX => Ok(runs),
            _ => Err("its `line_headers` name headers that it does not list, or are too many".to_owned()),
        }
    }
}

/// Finds the headers of an export's lines. Returns none if all lines have the same header, if no bill can be restored from such
/// an export, or if the lines alternate too often to be listed.
pub(super) fn line_headers(
    store: &impl Records,
    view: &BillView,
    wanted: &WantedExport,
    found: &WantedLines,
) -> Result<Option<LineHeaders>, ExportError> {
    if wanted.scope != Scope::Payer || wanted.form != ExportForm::default() {
        return Ok(None);
    }
    let last_day = coverage_last_day(wanted.coverage);
    let mut headers: Vec<Vec<String>> = Vec::new();
    let mut numbers: HashMap<*const Schema, usize> = HashMap::new();
    for segment in view.segments().filter(|s| s.record.days.iter().any(|d| d.coverage_day <= last_day)) {
        let of_segment = segment.schema.headers();
        let number = headers.iter().position(|h| h.as_slice() == of_segment).unwrap_or_else(|| {
            headers.push(of_segment.to_vec());
            headers.len() - 1
        });
        numbers.insert(Arc::as_ptr(&segment.schema), number);
    }
    if headers.len() < 2 || headers.len() > HEADERS_MAX {
        return Ok(None);
    }
    let mut runs: Vec<(usize, u64)> = Vec::new();
    walk_owner_days::<ExportError>(store, view, &found.days, &found.blocks, &mut |slice| {
        let number = numbers.get(&Arc::as_ptr(slice.block.schema())).copied().unwrap_or(0);
        add_run(&mut runs, number, slice.rows.len() as u64);
        Ok(())
    })?;
    Ok(listed(&runs).map(|lines| LineHeaders { headers, lines }))
}

/// Adds lines under a header to runs, as far as they can be listed.
fn add_run(runs: &mut Vec<(usize, u64)>, header: usize, lines: u64) {
    if let Some((last, so_far)) = runs.last_mut()
        && *last == header
    {
        *so_far += lines;
    } else if runs.len() <= RUNS_MAX {
        runs.push((header, lines));
    }
}

/// Writes runs as a manifest lists them, unless they are too many.
fn listed(runs: &[(usize, u64)]) -> Option<String> {
    let run = |(header, lines): &(usize, u64)| format!("{header}*{lines}");
    (runs.len() <= RUNS_MAX).then(|| runs.iter().map(run).collect::<Vec<_>>().join(" "))
}

/// Guesses the headers of the lines of an export whose manifest does not list them: the first file had the first columns only, and lines with
/// cells in the columns after them came later. Guesses are ordered by how likely they are.
///
/// # Errors
/// What is wrong with the part, in words.
pub(crate) fn guessed_line_headers(part: &Path, columns: &[String]) -> Result<Vec<LineHeaders>, String> {
    /// How many columns later files may have added.
    const ADDED_MAX: usize = 8;
    let first_added = columns.len().saturating_sub(ADDED_MAX).max(1);
    // For each number of columns, the runs.
    let mut guesses: Vec<(usize, Vec<(usize, u64)>)> =
        (first_added..columns.len()).map(|first| (first, Vec::new())).collect();
    each_record(part, columns, &mut |record| {
        let used = record.iter().rposition(|cell| !cell.is_empty()).map_or(0, |at| at + 1);
        for (first, runs) in &mut guesses {
            add_run(runs, usize::from(used > *first), 1);
        }
        Ok(())
    })?;
    let guess = |(first, runs): (usize, Vec<(usize, u64)>)| {
        // With lines of one sort only, there is nothing to tell apart.
        let lines = listed(&runs).filter(|_| runs.len() > 1)?;
        let first_headers = columns.get(..first)?.to_vec();
        Some(LineHeaders { headers: vec![first_headers, columns.to_vec()], lines })
    };
    Ok(guesses.into_iter().rev().filter_map(guess).collect())
}

/// Reads the lines of a part, one after another, and compares its headers with those of its manifest.
fn each_record(
    part: &Path,
    columns: &[String],
    visit: &mut dyn FnMut(&csv::ByteRecord) -> Result<(), String>,
) -> Result<(), String> {
    each_csv(part, &mut |name, text| {
        let mut reader = csv::ReaderBuilder::new().has_headers(true).from_reader(text);
        let headers = reader.byte_headers().map_err(|e| format!("`{name}`: {e}"))?;
        if !headers.iter().eq(columns.iter().map(|c| c.as_bytes())) {
            return Err(format!("`{name}` has other columns than its manifest lists"));
        }
        let mut record = csv::ByteRecord::new();
        while reader.read_byte_record(&mut record).map_err(|e| format!("`{name}`: {e}"))? {
            visit(&record)?;
        }
        Ok(())
    })
}

/// The lines under one header, as they are written.
struct Separated {
    /// The places of its columns among those of the part.
    places: Vec<usize>,
    out: BufWriter<File>,
    is_empty: bool,
}

/// Writes the lines of a part into a zip with a CSV for each header, so that each line is under its own header again.
///
/// # Errors
/// What is wrong with the part or its headers, or why the file cannot be written, in words.
pub(crate) fn separate(
    part: &Path,
    columns: &[String],
    of_lines: &LineHeaders,
    folder: &Path,
    into: File,
) -> Result<(), String> {
    let schema = |headers: &[String]| -> Result<Vec<CsvColumn>, String> {
        Ok(ids(&Schema::recognise(headers.iter().map(String::as_bytes)).map_err(|e| e.to_string())?))
    };
    let all = schema(columns)?;
    let mut text = Vec::new();
    let mut files = Vec::new();
    for headers in &of_lines.headers {
        let place = |id: &CsvColumn| {
            all.iter()
                .position(|of_all| of_all == id)
                .ok_or("its `line_headers` name a column that it does not have")
        };
        let places = schema(headers)?.iter().map(place).collect::<Result<Vec<_>, _>>()?;
        let mut out = BufWriter::new(tempfile::tempfile_in(folder).map_err(|e| e.to_string())?);
        text.clear();
        Dialect::Plain.write_cells(headers.iter().map(|h| (CellKind::Text, h)), &mut text);
        out.write_all(&text).map_err(|e| e.to_string())?;
        files.push(Separated { places, out, is_empty: true });
    }
    let mut runs = of_lines.runs()?.into_iter();
    let mut run = (0, 0);
    each_record(part, columns, &mut |record| {
        while run.1 == 0 {
            run = runs.next().ok_or("its `line_headers` list fewer lines than it has")?;
        }
        run.1 -= 1;
        let file = files.get_mut(run.0).ok_or("its `line_headers` name a header that it does not list")?;
        let cells = file.places.iter().map(|at| (CellKind::Text, record.get(*at).unwrap_or_default()));
        text.clear();
        Dialect::Plain.write_cells(cells, &mut text);
        file.is_empty = false;
        file.out.write_all(&text).map_err(|e| e.to_string())
    })?;
    if run.1 > 0 || runs.any(|(_, lines)| lines > 0) {
        return Err("its `line_headers` list more lines than it has".to_owned());
    }
    let mut written = Vec::new();
    for file in files.into_iter().filter(|file| !file.is_empty) {
        let mut file = file.out.into_inner().map_err(|e| e.to_string())?;
        file.rewind().map_err(|e| e.to_string())?;
        written.push(file);
    }
    let pieces = written.iter().enumerate().flat_map(|(number, file)| {
        let mut deflater = Deflater::new();
        let chunk = move || {
            let mut text = Vec::new();
            let mut part = file.take(CHUNK_BYTES as u64);
            match part.read_to_end(&mut text) {
                Ok(0) => None,
                Ok(_) => Some(deflater.chunk(&text).map(ZipPiece::Chunk)),
                Err(e) => Some(Err(Reason::of(e))),
            }
        };
        let begin = ZipPiece::Begin(format!("header-{}.csv", number + 1));
        std::iter::once(Ok(begin)).chain(std::iter::from_fn(chunk))
    });
    archive::write(BufWriter::new(into), pieces).map(drop).map_err(|why| why.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_lines(lines: &str) -> LineHeaders {
        LineHeaders { headers: vec![vec!["a".into()], vec!["b".into()]], lines: lines.to_owned() }
    }

    #[test]
    fn runs_are_read_and_nonsense_is_refused() {
        assert_eq!(of_lines("0*140 1*2 0*1").runs(), Ok(vec![(0, 140), (1, 2), (0, 1)]));
        for nonsense in ["", "0", "2*1", "0*x", "-1*1", "0*1  1*1", "0*99999999999999999999"] {
            assert!(of_lines(nonsense).runs().is_err(), "{nonsense}");
        }
        assert!(of_lines(&"0*1 ".repeat(RUNS_MAX + 1)).runs().is_err());
    }
}
