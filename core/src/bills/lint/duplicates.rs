//! The same component of the same transaction more than once.
//!
//! One transaction has a line for each component, so its id alone says nothing. A duplicate has transaction id, transaction
//! type (a reversal may carry the id of what it reverses), component type and name, instance and start of usage in common
//! with another line, white space around them aside. Lines without a transaction id are not looked at, nor those of L2.
//!
//! Lines of one CSV that are equal in every cell are told as *repeated*, a notice: providers write such lines, and both count
//! (docs/DOMAIN.md#mistakes-to-avoid, 3). The same line in two CSVs or two files is a *duplicate*.
//!
//! Memory does not depend on the bill's length. Keys are kept as 128 bits of a SHA-256, 24 bytes a line with its block, and only so many
//! at a time: a larger bill is read once for each part of its keys. Only lines whose key came twice are then read whole, again
//! so many at a time; but all lines of one key at once, 96 bytes each.

use sha2::{Digest as _, Sha256};

use crate::bills::{BillError, BillView, LineAt, ReadBlock, map_cells};
use crate::formats::schema::{BillLevel, Column};
use crate::values::digest::LineHasher;
use crate::values::money::{Amount, is_blank};

use super::cells::{Numbers, currency};
use super::drive::{BlockPlace, Drive};
use super::found::{Candidate, FindingKey, LintFindings};
use super::rule::Rule;

/// What a line has in common with its duplicates.
const KEY_COLUMNS: [Column; 6] = [
    Column::TransactionId,
    Column::TransactionType,
    Column::ComponentType,
    Column::ComponentName,
    Column::InstanceId,
    Column::UsageStart,
];

/// How many keys and lines are kept at a time.
#[derive(Clone, Copy, Debug)]
pub(super) struct DuplicateBounds {
    /// Keys: 24 bytes each, up to twice of it while the list grows.
    pub(super) keys_max: u64,
    /// Lines whose key came more than once: 96 bytes each.
    pub(super) lines_max: usize,
}

impl Default for DuplicateBounds {
    fn default() -> Self {
        DuplicateBounds { keys_max: 2 << 20, lines_max: 256 << 10 }
    }
}

/// A key and where it came.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct SeenKey {
    high: u64,
    low: u64,
    /// The block, by its number in the list of places.
    block: u32,
}

impl SeenKey {
    fn key(&self) -> (u64, u64) {
        (self.high, self.low)
    }
}

/// A line whose key came more than once.
#[derive(Clone, Copy)]
struct DuplicateLine {
    key: (u64, u64),
    at: LineAt,
    content: [u8; 16],
    total: Amount,
    /// As imports check it.
    currency: [u8; 3],
}

/// Tells duplicates and repeated lines.
pub(super) fn check(
    drive: &impl Drive,
    view: &BillView,
    places: &[BlockPlace<'_>],
    bounds: DuplicateBounds,
    found: &mut LintFindings,
) -> Result<(), BillError> {
    let csvs: Vec<(u64, u32)> = view
        .loads
        .iter()
        .flat_map(|(load, segments)| {
            load.segments.iter().take(segments.len()).map(|used| (load.number, used.entry))
        })
        .collect();
    // The blocks of L3 segments that have transaction ids.
    let has = |p: &&BlockPlace<'_>| {
        p.segment.schema.level() == BillLevel::L3
            && p.segment.schema.index_of(Column::TransactionId).is_some()
    };
    let places: Vec<&BlockPlace<'_>> = places.iter().filter(has).collect();
    let lines: u64 = places.iter().map(|p| u64::from(p.used.rows)).sum();
    let parts = lines.div_ceil(bounds.keys_max.max(1)).max(1);
    for part in 0..parts {
        let seen = keys(drive, view, &places, parts, part)?;
        found.checked(Rule::Duplicate, seen.len() as u64);
        found.checked(Rule::Repeated, seen.len() as u64);
        let twice: Vec<&[SeenKey]> =
            seen.chunk_by(|a, b| a.key() == b.key()).filter(|same| same.len() > 1).collect();
        let mut rest = twice.as_slice();
        while !rest.is_empty() {
            let mut lines = 0;
            let fits = |same: &&&[SeenKey]| {
                lines += same.len();
                lines <= bounds.lines_max
            };
            let n = rest.iter().take_while(fits).count().max(1);
            let (now, later) = rest.split_at(n);
            look_at(drive, view, &places, now, &csvs, found)?;
            rest = later;
        }
    }
    Ok(())
}

/// Collects the keys of a part, sorted.
fn keys(
    drive: &impl Drive,
    view: &BillView,
    places: &[&BlockPlace<'_>],
    parts: u64,
    part: u64,
) -> Result<Vec<SeenKey>, BillError> {
    let states = drive.each(view, places, Vec::new, |seen: &mut Vec<SeenKey>, place, block| {
        let number = number_of(places, place.line(0));
        each_key(block, &mut |_, (high, low)| {
            if high % parts == part {
                seen.push(SeenKey { high, low, block: number });
            }
            Ok(())
        })
    })?;
    let mut states = states.into_iter();
    let mut all = states.next().unwrap_or_default();
    states.for_each(|seen| all.extend_from_slice(&seen));
    all.sort_unstable();
    Ok(all)
}

/// Returns the number of a block in the list, which is sorted as the view has them.
fn number_of(places: &[&BlockPlace<'_>], first: LineAt) -> u32 {
    places.partition_point(|place| place.line(0) < first) as u32
}

/// Tells each line's key, unless it shows no transaction id.
fn each_key(
    block: &ReadBlock,
    tell: &mut dyn FnMut(usize, (u64, u64)) -> Result<(), BillError>,
) -> Result<(), BillError> {
    let mut columns = Vec::new();
    for column in KEY_COLUMNS {
        columns.push(match block.schema().index_of(column) {
            Some(index) => Some(block.column(index)?),
            None => None,
        });
    }
    let Some(Some(ids)) = columns.first() else { return Ok(()) };
    let blank = map_cells(ids, block.rows(), is_blank);
    let (mut text, mut scratch) = (Vec::new(), Vec::new());
    for row in (0..block.rows()).filter(|row| !blank.get(*row).copied().unwrap_or(true)) {
        text.clear();
        for column in &columns {
            let cell = column.map_or(&b""[..], |column| Amount::trim_cell(column.cell(row, &mut scratch)));
            text.extend_from_slice(&(cell.len() as u64).to_le_bytes());
            text.extend_from_slice(cell);
        }
        let hash: [u8; 32] = Sha256::digest(&text).into();
        let half = |at: usize| {
            hash.get(at..).and_then(|h| h.first_chunk::<8>()).map_or(0, |h| u64::from_le_bytes(*h))
        };
        tell(row, (half(0), half(8)))?;
    }
    Ok(())
}

/// Reads the lines of some keys whole, and tells what they are.
fn look_at(
    drive: &impl Drive,
    view: &BillView,
    places: &[&BlockPlace<'_>],
    twice: &[&[SeenKey]],
    csvs: &[(u64, u32)],
    found: &mut LintFindings,
) -> Result<(), BillError> {
    let mut blocks: Vec<u32> = twice.iter().flat_map(|same| same.iter().map(|seen| seen.block)).collect();
    blocks.sort_unstable();
    blocks.dedup();
    let places: Vec<&BlockPlace<'_>> =
        blocks.iter().filter_map(|number| places.get(*number as usize).copied()).collect();
    let states = drive.each(view, &places, Vec::new, |lines: &mut Vec<DuplicateLine>, place, block| {
        let totals = Numbers::at(block, block.schema().total_index())?;
        let mut hasher = LineHasher::new(&place.segment.record.schema);
        each_key(block, &mut |row, key| {
            let of = |same: &&[SeenKey]| same.first().map_or((0, 0), SeenKey::key);
            if twice.binary_search_by_key(&key, of).is_ok() {
                let (hash, _) = block.hash(row, &mut hasher)?;
                lines.push(DuplicateLine {
                    key,
                    at: place.line(row),
                    content: hash.first_chunk::<16>().copied().unwrap_or_default(),
                    total: totals.get(row).unwrap_or_default(),
                    currency: currency(block, row)?
                        .as_bytes()
                        .first_chunk::<3>()
                        .copied()
                        .unwrap_or_default(),
                });
            }
            Ok(())
        })
    })?;
    let mut lines: Vec<DuplicateLine> = states.into_iter().flatten().collect();
    lines.sort_unstable_by_key(|line| (line.key, line.at));
    for same in lines.chunk_by(|a, b| a.key == b.key) {
        tell(same, csvs, found)?;
    }
    Ok(())
}

/// Tells lines of one key: all but the first are too many, if any is.
fn tell(same: &[DuplicateLine], csvs: &[(u64, u32)], found: &mut LintFindings) -> Result<(), BillError> {
    let Some((first, others)) = same.split_first() else { return Ok(()) };
    let csv = |line: &DuplicateLine| csvs.get(line.at.segment as usize);
    let repeated = others.iter().all(|line| line.content == first.content && csv(line) == csv(first));
    let (rule, what) = if repeated {
        (Rule::Repeated, "every cell is that of another line of the same CSV")
    } else {
        (Rule::Duplicate, "transaction, component, instance and start of usage are those of another line")
    };
    for line in others {
        let currency = String::from_utf8_lossy(&line.currency).into_owned();
        let key = FindingKey { rule, product: None, currency };
        let candidate =
            Candidate { stake: line.total, at: Some(line.at), other: Some(first.at), what: what.into() };
        found.add(key, candidate)?;
    }
    Ok(())
}
