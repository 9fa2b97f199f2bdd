//! Where a line stands in the file that it came from.
//!
//! What the store keeps tells exactly which *record* of its CSV a line is, 1 being the first below the header: a load keeps
//! its segments in the file's order, and a segment the order of its lines. The *line of text* on which a record begins is
//! not kept. It is counted from the records before it, of which each takes a line and as many more as its cells have line
//! ends. Empty lines, which are no records and which imports pass over, are not in that count.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::engine::block::bytes::Take;
use crate::engine::block::{ColumnData, ints, unsqueeze};
use crate::engine::store::{Large, Records, StoreError};
use crate::formats::line_ends::line_ends;
use crate::values::money::Amount;
use crate::values::period::Basis;

use super::diff::StoredLine;
use super::dispute::LineId;
use super::error::BillError;
use super::read_block::{ReadBlock, map_cells};
use super::readings;
use super::records::{Load, SourceEntry};
use super::view::{BillView, SegmentView};

/// A segment of a bill, with its place in the file that it came from.
pub struct FileSegment<'a> {
    /// The segment.
    pub segment: &'a SegmentView,
    /// The load.
    pub load: &'a Load,
    /// The CSV, with its place among those of the file.
    pub entry: (usize, &'a SourceEntry),
    /// How many records of its CSV come before it.
    pub records_before: u64,
    /// How many lines of its load come before it.
    pub load_lines_before: u64,
}

impl BillView {
    /// Returns a bill's segments with their places in their files, in the order of import.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] when a segment lies in a CSV that its load does not tell of.
    pub fn stretches(&self) -> Result<Vec<FileSegment<'_>>, StoreError> {
        let mut all = Vec::new();
        for (load, segments) in &self.loads {
            let (mut before, mut records, mut lines) = (None, 0, 0);
            for (used, segment) in load.segments.iter().zip(segments) {
                if before.replace(used.entry) != Some(used.entry) {
                    records = 0;
                }
                let entry = used.entry as usize;
                let source = load.file.entries.get(entry).ok_or_else(|| StoreError::Damaged {
                    what: format!("load {}", load.number),
                    why: format!("segment {} lies in a CSV that it does not tell of", segment.number),
                })?;
                all.push(FileSegment {
                    segment,
                    load,
                    entry: (entry, source),
                    records_before: records,
                    load_lines_before: lines,
                });
                records += u64::from(segment.record.rows);
                lines += u64::from(segment.record.rows);
            }
        }
        Ok(all)
    }
}

impl FileSegment<'_> {
    /// Says whether its CSV goes on in another one.
    pub fn same_csv(&self, other: &FileSegment<'_>) -> bool {
        (self.load.number, self.entry.0) == (other.load.number, other.entry.0)
    }

    /// Tells where the line at a place of its segment came from.
    fn origin(&self, place: u64, text_before: u64, text: &[u64]) -> Origin {
        let own = usize::try_from(place).ok().and_then(|at| text.get(at)).copied().unwrap_or(0);
        let name = &self.entry.1.name;
        Origin {
            id: LineId { load: self.load.number, line: self.load_lines_before + place + 1 },
            file: self.load.file.name.clone(),
            entry: (*name != self.load.file.name).then(|| name.clone()),
            record: self.records_before + place + 1,
            line: text_before + own + 1,
        }
    }

    /// Returns how many lines of text the header takes, with those above it.
    ///
    /// # Errors
    /// [`StoreError`] when the store does not read.
    pub fn header_lines(&self, store: &impl Records) -> Result<u64, StoreError> {
        let above = readings::of(store, self.load.number, self.entry.0)?.above;
        let ends: u64 = self.segment.schema.headers().iter().map(|h| line_ends(h.as_bytes())).sum();
        Ok(above + 1 + ends)
    }
}

impl SegmentView {
    /// Returns, for each line of a segment in the order of its blocks, its place in the file's order, from 0.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] when the stored order is not one.
    pub fn line_order(&self, store: &impl Records) -> Result<Vec<u32>, BillError> {
        let damaged = |why: &str| {
            BillError::Store(StoreError::Damaged {
                what: format!("the line order of segment {}", self.number),
                why: why.to_owned(),
            })
        };
        let rows = self.record.rows as usize;
        let stored = store.get_large(Large::Orders, self.number)?;
        let (length, packed) = stored.split_first_chunk::<8>().ok_or_else(|| damaged("it ends early"))?;
        let length = usize::try_from(u64::from_le_bytes(*length)).unwrap_or(usize::MAX);
        if length > rows.saturating_mul(8).saturating_add(16) {
            return Err(damaged("it is too long"));
        }
        let raw = unsqueeze(packed, length).map_err(|e| damaged(&e.to_string()))?;
        let order = ints::unpack(&mut Take(&raw), rows).map_err(|e| damaged(&e.to_string()))?;
        let mut seen = vec![false; rows];
        let mut ordinals = Vec::with_capacity(rows);
        for ordinal in order {
            let ordinal = u32::try_from(ordinal).map_err(|_| damaged("a line is missing"))?;
            match seen.get_mut(ordinal as usize) {
                Some(seen) if !*seen => *seen = true,
                _ => return Err(damaged("a line is missing")),
            }
            ordinals.push(ordinal);
        }
        Ok(ordinals)
    }
}

impl BillView {
    /// Names stored lines by their ids: load, and place in it. A segment that several loads share is told of the first.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] when a stored order is not one.
    pub fn line_ids(
        &self,
        store: &impl Records,
        lines: &[StoredLine],
    ) -> Result<BTreeMap<StoredLine, LineId>, BillError> {
        let mut by_segment: BTreeMap<u64, Vec<StoredLine>> = BTreeMap::new();
        for line in lines {
            by_segment.entry(line.segment).or_default().push(*line);
        }
        let mut ids = BTreeMap::new();
        for stretch in self.stretches()? {
            let Some(lines) = by_segment.remove(&stretch.segment.number) else { continue };
            let order = stretch.segment.line_order(store)?;
            for line in lines {
                let Some(place) = order.get(line.row as usize) else { continue };
                let number = stretch.load_lines_before + u64::from(*place) + 1;
                ids.insert(line, LineId { load: stretch.load.number, line: number });
            }
        }
        Ok(ids)
    }
}

/// Finds where lines lie in the store by their ids; lines that the bill does not have are left out.
///
/// # Errors
/// [`StoreError::Damaged`] when a stored order is not one.
pub(crate) fn stored_lines(
    store: &impl Records,
    view: &BillView,
    lines: &BTreeSet<LineId>,
) -> Result<Vec<(LineId, LineAt)>, BillError> {
    let mut found = Vec::new();
    for (segment, stretch) in view.stretches()?.iter().enumerate() {
        let id = |line| LineId { load: stretch.load.number, line };
        let (before, rows) = (stretch.load_lines_before, u64::from(stretch.segment.record.rows));
        if lines.range(id(before + 1)..=id(before + rows)).next().is_none() {
            continue;
        }
        let order = stretch.segment.line_order(store)?;
        let mut places = order.iter();
        for (block, used) in stretch.segment.record.blocks.iter().enumerate() {
            for (row, place) in (0..used.rows).zip(places.by_ref()) {
                let id = id(before + u64::from(*place) + 1);
                if lines.contains(&id) {
                    found.push((id, LineAt { segment: segment as u32, block: block as u32, row }));
                }
            }
        }
    }
    Ok(found)
}

/// A line where it lies in the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct LineAt {
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
    /// Its id, as `bill lines` shows it.
    pub id: LineId,
    /// The file's name.
    pub file: String,
    /// The entry of the zip, if it is one.
    pub entry: Option<String>,
    /// Which record of its CSV it is, counted from 1 without the header.
    pub record: u64,
    /// The line of text on which it begins, counted from 1 with the header; empty lines before it are not in it.
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
pub(crate) fn origins(
    store: &impl Records,
    view: &BillView,
    lines: &[LineAt],
) -> Result<Vec<Origin>, BillError> {
    let mut wanted: BTreeMap<usize, Vec<(usize, LineAt)>> = BTreeMap::new();
    for (asked, at) in lines.iter().enumerate() {
        wanted.entry(at.segment as usize).or_default().push((asked, *at));
    }
    let mut found: Vec<Option<Origin>> = vec![None; lines.len()];
    let all = view.stretches()?;
    let mut from = 0;
    for csv in all.chunk_by(FileSegment::same_csv) {
        // What stands after the last line that is asked for need not be read.
        let last = wanted.range(from..from + csv.len()).next_back().map(|(at, _)| at - from);
        let mut text_before = csv.first().map_or(Ok(0), |first| first.header_lines(store))?;
        for (at, stretch) in csv.iter().enumerate().take(last.map_or(0, |last| last + 1)) {
            let order = stretch.segment.line_order(store)?;
            let text = stretch.segment.text_lines(store, &order, view.bill.key.basis)?;
            for (asked, line) in wanted.get(&(from + at)).into_iter().flatten() {
                let before = stretch.segment.record.rows_before(line.block as usize);
                let Some(place) = order.get((before + line.row) as usize) else { continue };
                let origin = stretch.origin(u64::from(*place), text_before, &text);
                if let Some(slot) = found.get_mut(*asked) {
                    *slot = Some(origin);
                }
            }
            text_before += text.last().copied().unwrap_or(0);
        }
        from += csv.len();
    }
    let lost = || StoreError::Lost("a line of the bill".into());
    Ok(found.into_iter().map(|origin| origin.ok_or_else(lost)).collect::<Result<_, _>>()?)
}

impl SegmentView {
    /// Returns, for each line of a segment in the file's order, how many lines of text come before it in the segment, and last
    /// how many the segment has.
    ///
    /// # Errors
    /// [`BillError`] when its blocks are damaged.
    pub fn text_lines(
        &self,
        store: &impl Records,
        order: &[u32],
        basis: Basis,
    ) -> Result<Vec<u64>, BillError> {
        let mut lines = vec![1_u64; self.record.rows as usize + 1];
        let mut ordinals = order.iter();
        for used in &self.record.blocks {
            let block = ReadBlock::read(store, self, used, basis)?;
            let mut ends = vec![0; block.rows()];
            for column in 0..self.schema.headers().len() {
                add_line_ends(block.column(column)?, &mut ends);
            }
            for (ends, ordinal) in ends.into_iter().zip(ordinals.by_ref()) {
                if let Some(slot) = lines.get_mut(*ordinal as usize) {
                    *slot += ends;
                }
            }
        }
        let mut before = 0;
        for slot in &mut lines {
            let own = *slot;
            *slot = before;
            before += own;
        }
        Ok(lines)
    }
}

/// Adds how many line ends each row's cell has.
fn add_line_ends(data: &ColumnData, ends: &mut [u64]) {
    let all = match data {
        // An integer has none.
        ColumnData::Integers { exceptions, .. } => {
            for (row, text) in exceptions {
                if let Some(slot) = ends.get_mut(*row as usize) {
                    *slot += line_ends(text);
                }
            }
            return;
        }
        ColumnData::Constant(cell) if line_ends(cell) == 0 => return,
        ColumnData::Dictionary { entries, .. } if entries.iter().all(|entry| line_ends(entry) == 0) => return,
        data => map_cells(data, ends.len(), line_ends),
    };
    ends.iter_mut().zip(all).for_each(|(slot, more)| *slot += more);
}
