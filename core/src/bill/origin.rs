//! Where a line stands in the file that it came from.
//!
//! What the store keeps tells exactly which *record* of its CSV a line is, 1 being the first below the header: a load keeps
//! its segments in the file's order, and a segment the order of its lines. The *line of text* on which a record begins is
//! not kept. It is counted from the records before it, of which each takes a line and as many more as its cells have line
//! ends. Empty lines, which are no records and which imports pass over, are not in that count.

use std::collections::BTreeMap;

use crate::block::bytes::Take;
use crate::block::{ColumnData, ints, unsqueeze};
use crate::period::Basis;
use crate::store::{Large, Read, StoreError};

use super::diff::Stored;
use super::dispute::LineId;
use super::error::BillError;
use super::lines::{ReadBlock, map_cells};
use super::records::{Load, SourceEntry};
use super::view::{BillView, SegmentView};

/// A segment of a bill, with its place in the file that it came from.
pub struct Stretch<'a> {
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

/// Returns a bill's segments with their places in their files, in the order of import.
///
/// # Errors
/// [`StoreError::Damaged`] when a segment lies in a CSV that its load does not tell of.
pub fn stretches(view: &BillView) -> Result<Vec<Stretch<'_>>, StoreError> {
    let mut all = Vec::new();
    for (load, segments) in &view.loads {
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
            all.push(Stretch {
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

impl Stretch<'_> {
    /// Says whether its CSV goes on in another one.
    pub fn same_csv(&self, other: &Stretch<'_>) -> bool {
        (self.load.number, self.entry.0) == (other.load.number, other.entry.0)
    }

    /// Returns how many lines of text the header takes.
    pub fn header_lines(&self) -> u64 {
        let ends: usize = self.segment.schema.headers().iter().map(|h| line_ends(h.as_bytes())).sum();
        1 + ends as u64
    }
}

/// Returns, for each line of a segment in the order of its blocks, its place in the file's order, from 0.
///
/// # Errors
/// [`StoreError::Damaged`] when the stored order is not one.
pub fn order(store: &impl Read, segment: &SegmentView) -> Result<Vec<u32>, BillError> {
    let damaged = |why: &str| {
        BillError::Store(StoreError::Damaged {
            what: format!("the line order of segment {}", segment.number),
            why: why.to_owned(),
        })
    };
    let rows = segment.record.rows as usize;
    let stored = store.get_large(Large::Orders, segment.number)?;
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

/// Names stored lines by their ids: load, and place in it. A segment that several loads share is told of the first.
///
/// # Errors
/// [`StoreError::Damaged`] when a stored order is not one.
pub fn line_ids(
    store: &impl Read,
    view: &BillView,
    lines: &[Stored],
) -> Result<BTreeMap<Stored, LineId>, BillError> {
    let mut by_segment: BTreeMap<u64, Vec<Stored>> = BTreeMap::new();
    for line in lines {
        by_segment.entry(line.segment).or_default().push(*line);
    }
    let mut ids = BTreeMap::new();
    for stretch in stretches(view)? {
        let Some(lines) = by_segment.remove(&stretch.segment.number) else { continue };
        let order = order(store, stretch.segment)?;
        for line in lines {
            let Some(place) = order.get(line.row as usize) else { continue };
            let number = stretch.load_lines_before + u64::from(*place) + 1;
            ids.insert(line, LineId { load: stretch.load.number, line: number });
        }
    }
    Ok(ids)
}

/// Returns, for each line of a segment in the file's order, how many lines of text come before it in the segment, and last
/// how many the segment has.
///
/// # Errors
/// [`BillError`] when its blocks are damaged.
pub fn text_lines(
    store: &impl Read,
    segment: &SegmentView,
    order: &[u32],
    basis: Basis,
) -> Result<Vec<u64>, BillError> {
    let mut lines = vec![1_u64; segment.record.rows as usize + 1];
    let mut ordinals = order.iter();
    for used in &segment.record.blocks {
        let block = ReadBlock::read(store, segment, used, basis)?;
        let mut ends = vec![0; block.rows()];
        for column in 0..segment.schema.headers().len() {
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

fn line_ends(text: &[u8]) -> usize {
    memchr::memchr_iter(b'\n', text).count()
}

/// Adds how many line ends each row's cell has.
fn add_line_ends(data: &ColumnData, ends: &mut [u64]) {
    let all = match data {
        // An integer has none.
        ColumnData::Integers { exceptions, .. } => {
            for (row, text) in exceptions {
                if let Some(slot) = ends.get_mut(*row as usize) {
                    *slot += line_ends(text) as u64;
                }
            }
            return;
        }
        ColumnData::Constant(cell) if line_ends(cell) == 0 => return,
        ColumnData::Dictionary { entries, .. } if entries.iter().all(|entry| line_ends(entry) == 0) => return,
        data => map_cells(data, ends.len(), |cell| line_ends(cell) as u64),
    };
    ends.iter_mut().zip(all).for_each(|(slot, more)| *slot += more);
}
