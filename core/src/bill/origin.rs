//! Where a stored line came from: the file, the CSV in it, and the line of text.
//!
//! Blocks are sorted, so a line's place in its block says nothing of its place in the file. That is worked out from what
//! the store keeps: loads list their segments in the file's order, each with the CSV it lies in, and a segment keeps the
//! order in which its lines came. Cells are kept to the letter, so the line ends inside quoted cells of all records
//! before are counted, and [`Origin::line`] is the line that an editor shows.
//!
//! Not kept are blank lines between records, and which records a lone CR ended: a file with such has larger line numbers than
//! these by the blank lines before, or smaller ones by the CRs. [`Origin::record`] is right in any case.

use std::collections::BTreeMap;
use std::fmt;

use crate::block::ColumnData;
use crate::money::Amount;
use crate::period::Basis;
use crate::store::{Read, StoreError};

use super::error::BillError;
use super::lines::{ReadBlock, import_order};
use super::records::Load;
use super::view::{BillView, SegmentView};

/// A line where it lies in the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LineAt {
    /// Its segment, by its place among [`BillView::segments`].
    pub segment: u32,
    /// Its block, by its place in the segment's record.
    pub block: u32,
    /// Its row in the block.
    pub row: u32,
}

/// A line where it came from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Origin {
    /// The load's number.
    pub load: u64,
    /// Its place in the load, counted from 1, as `bill lines` shows it after the load.
    pub place: u64,
    /// The file's name.
    pub file: String,
    /// The entry of the zip, if it is one.
    pub entry: Option<String>,
    /// Which record of its CSV it is, counted from 1 without the header.
    pub record: u64,
    /// The line of text on which it begins, counted from 1 with the header.
    pub line: u64,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`", self.file)?;
        if let Some(entry) = &self.entry {
            write!(f, ", entry `{entry}`")?;
        }
        write!(f, ", line {}", Amount::new(i128::from(self.line), 0).grouped())
    }
}

/// Returns where lines came from, in the order in which they are asked for.
///
/// Reads the blocks of every CSV that holds one of them, up to the last one's segment, once for all of them.
///
/// # Errors
/// [`BillError`] when the store is damaged; [`StoreError::Lost`] for a line that is not there.
pub fn origins(store: &impl Read, view: &BillView, lines: &[LineAt]) -> Result<Vec<Origin>, BillError> {
    let mut wanted: BTreeMap<usize, Vec<(usize, LineAt)>> = BTreeMap::new();
    for (asked, at) in lines.iter().enumerate() {
        wanted.entry(at.segment as usize).or_default().push((asked, *at));
    }
    let mut found: Vec<Option<Origin>> = vec![None; lines.len()];
    let mut from = 0;
    for (load, segments) in &view.loads {
        let of_load =
            wanted.range(from..from + segments.len()).map(|(i, lines)| (i - from, lines.as_slice()));
        load_origins(store, load, segments, of_load.collect(), view.bill.key.basis, &mut found)?;
        from += segments.len();
    }
    let lost = || StoreError::Lost("a line of the bill".into());
    Ok(found.into_iter().map(|origin| origin.ok_or_else(lost)).collect::<Result<_, _>>()?)
}

/// How far the text of a CSV has been counted.
struct Counted {
    entry: u32,
    records: u64,
    lines: u64,
}

fn load_origins(
    store: &impl Read,
    load: &Load,
    segments: &[SegmentView],
    wanted: BTreeMap<usize, &[(usize, LineAt)]>,
    basis: Basis,
    found: &mut [Option<Origin>],
) -> Result<(), BillError> {
    let entry_of = |at: usize| load.segments.get(at).map(|used| used.entry);
    let mut counted: Option<Counted> = None;
    let mut place = 0;
    for (at, segment) in segments.iter().enumerate() {
        let Some(entry) = entry_of(at) else { break };
        if counted.as_ref().is_none_or(|c| c.entry != entry) {
            let in_header: usize = segment.schema.headers().iter().map(|h| line_ends(h.as_bytes())).sum();
            counted = Some(Counted { entry, records: 0, lines: 1 + in_header as u64 });
        }
        let Some(before) = counted.as_mut() else { break };
        // What comes after in the same CSV is asked for, or this very segment: else there is nothing to count.
        if wanted.range(at..).next().is_some_and(|(i, _)| entry_of(*i) == Some(entry)) {
            let lengths = lengths(store, segment, basis)?;
            for (asked, line) in wanted.get(&at).copied().unwrap_or_default() {
                let row = row_in_segment(segment, line).and_then(|row| lengths.order.get(row).copied());
                let Some(ordinal) = row.and_then(|row| usize::try_from(row).ok()) else { continue };
                let lines: u64 = lengths.lines.iter().take(ordinal).map(|n| u64::from(*n)).sum();
                let name = |entry: u32| load.file.entries.get(entry as usize).map(|e| e.name.clone());
                let origin = Origin {
                    load: load.number,
                    place: place + ordinal as u64 + 1,
                    file: load.file.name.clone(),
                    entry: name(entry).filter(|name| *name != load.file.name),
                    record: before.records + ordinal as u64 + 1,
                    line: before.lines + lines + 1,
                };
                if let Some(slot) = found.get_mut(*asked) {
                    *slot = Some(origin);
                }
            }
            before.lines += lengths.lines.iter().map(|n| u64::from(*n)).sum::<u64>();
        }
        before.records += u64::from(segment.record.rows);
        place += u64::from(segment.record.rows);
    }
    Ok(())
}

/// Returns the place of a line among all of its segment, as its blocks have them.
fn row_in_segment(segment: &SegmentView, at: &LineAt) -> Option<usize> {
    let blocks = segment.record.blocks.get(..at.block as usize)?;
    let block = segment.record.blocks.get(at.block as usize)?;
    let before: usize = blocks.iter().map(|b| b.rows as usize).sum();
    (at.row < block.rows).then_some(before + at.row as usize)
}

/// The lines of a segment, as text.
struct Lengths {
    /// How many were imported before each of them, in the order of the blocks.
    order: Vec<i64>,
    /// How many lines of text each takes, in the order of import.
    lines: Vec<u32>,
}

fn lengths(store: &impl Read, segment: &SegmentView, basis: Basis) -> Result<Lengths, BillError> {
    let order = import_order(store, segment)?;
    let mut lines = vec![1_u32; order.len()];
    let mut from = 0;
    for used in &segment.record.blocks {
        let block = ReadBlock::read(store, segment, used, basis)?;
        let rows = order.get(from..from + block.rows()).unwrap_or_default();
        for column in 0..segment.schema.headers().len() {
            let mut add = |row: usize, ends: usize| {
                let ordinal = rows.get(row).and_then(|o| usize::try_from(*o).ok());
                if let Some(slot) = ordinal.and_then(|o| lines.get_mut(o)) {
                    *slot = slot.saturating_add(u32::try_from(ends).unwrap_or(u32::MAX));
                }
            };
            column_line_ends(block.column(column)?, block.rows(), &mut add);
        }
        from += block.rows();
    }
    Ok(Lengths { order, lines })
}

fn line_ends(text: &[u8]) -> usize {
    memchr::memchr_iter(b'\n', text).count()
}

/// Tells the rows whose cell has line ends, and how many.
fn column_line_ends(data: &ColumnData, rows: usize, add: &mut impl FnMut(usize, usize)) {
    let mut tell = |row: usize, ends: usize| {
        if ends > 0 {
            add(row, ends);
        }
    };
    match data {
        ColumnData::Constant(cell) => match line_ends(cell) {
            0 => {}
            ends => (0..rows).for_each(|row| tell(row, ends)),
        },
        ColumnData::Dictionary { entries, codes } => {
            let ends: Vec<usize> = entries.iter().map(line_ends).collect();
            if ends.iter().any(|n| *n > 0) {
                let of = |code: &u16| ends.get(usize::from(*code)).copied().unwrap_or(0);
                codes.iter().enumerate().for_each(|(row, code)| tell(row, of(code)));
            }
        }
        // An integer is written without any.
        ColumnData::Integers { exceptions, .. } => {
            exceptions.iter().for_each(|(row, text)| tell(*row as usize, line_ends(text)));
        }
        ColumnData::Raw(texts) => {
            texts.iter().enumerate().for_each(|(row, text)| tell(row, line_ends(text)));
        }
    }
}
