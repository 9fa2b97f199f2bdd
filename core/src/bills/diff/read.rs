//! Reads what two revisions do not share, and leaves out the lines that are equal.
//!
//! Work is cut into jobs of some owner-days of one day, each for one thread. A job hashes its lines and cancels equal
//! ones as a multiset: two equal lines on one side and one on the other leave one. Only what is left is kept. So memory
//! goes by the lines of a job, and those by the largest owner-day, not by the month.

use std::collections::{BTreeMap, HashSet};
use std::ops::Range;

use crate::bills::{BillError, ReadBlock};
use crate::engine::store::Records;
use crate::values::period::Basis;

use super::layout::DiffLayout;
use super::line::{DiffLine, StoredLine};
use super::parts::{Apart, OwnerDayPart, Side};

/// Lines that a job hashes, unless one owner-day has more.
const JOB_ROWS: usize = 1 << 15;
/// Lines of the blocks that a job reads, so that a day has several jobs where it is large.
const JOB_BLOCK_ROWS: usize = 1 << 17;
/// Lines of the blocks that a job keeps decoded; more are read again for what is left of them.
const KEEP_ROWS: usize = 1 << 17;

/// The owner-days of one job.
pub(super) type DiffJob = Range<usize>;

/// The lines that are left of a job.
#[derive(Debug, Default)]
pub(super) struct Left {
    pub(super) from: Vec<DiffLine>,
    pub(super) to: Vec<DiffLine>,
    pub(super) lines_read: u64,
    pub(super) blocks_read: u64,
}

/// A block, by its segment's place and its own.
type BlockAt = (usize, usize);

fn blocks_of<'a>(
    apart: &'a Apart<'_>,
    part: &'a OwnerDayPart,
) -> impl Iterator<Item = (BlockAt, Range<usize>)> + use<'a> {
    let segment = apart.segments.get(part.segment);
    let blocks = segment.into_iter().flat_map(|s| s.blocks_of(&part.rows));
    blocks.map(|(block, rows)| ((part.segment, block), rows))
}

/// Cuts owner-days into jobs.
pub(super) fn jobs(apart: &Apart<'_>) -> Vec<DiffJob> {
    let mut jobs: Vec<DiffJob> = Vec::new();
    let (mut rows, mut block_rows, mut day) = (0, 0, None);
    let mut blocks: HashSet<BlockAt> = HashSet::new();
    let rows_of = |(segment, block): BlockAt| {
        let segment = apart.segments.get(segment).map(|s| s.segment);
        segment.and_then(|s| s.record.blocks.get(block)).map_or(0, |b| b.rows as usize)
    };
    for (at, differing) in apart.days.iter().enumerate() {
        let own_rows: usize = differing.parts.iter().map(|p| p.rows.len()).sum();
        let touched = differing.parts.iter().flat_map(|p| blocks_of(apart, p).map(|(block, _)| block));
        let touched: Vec<BlockAt> = touched.collect();
        let new: usize = touched.iter().filter(|b| !blocks.contains(*b)).map(|b| rows_of(*b)).sum();
        let full = rows + own_rows > JOB_ROWS || block_rows + new > JOB_BLOCK_ROWS;
        match jobs.last_mut().filter(|_| day == Some(differing.coverage_day) && !full) {
            Some(job) => job.end = at + 1,
            None => {
                jobs.push(at..at + 1);
                (rows, block_rows, day) = (0, 0, Some(differing.coverage_day));
                blocks.clear();
            }
        }
        rows += own_rows;
        for block in touched {
            if blocks.insert(block) {
                block_rows += rows_of(block);
            }
        }
    }
    jobs
}

/// A line of a job.
struct Hashed {
    /// The owner-day, by its place.
    day: usize,
    hash: [u8; 32],
    side: Side,
    block: usize,
    row: usize,
}

/// Reads a job's lines, and returns those that only one side has.
pub(super) fn read(
    store: &impl Records,
    layout: &DiffLayout,
    apart: &Apart<'_>,
    basis: Basis,
    job: &DiffJob,
) -> Result<Left, BillError> {
    let mut wanted: BTreeMap<BlockAt, Vec<(usize, Range<usize>)>> = BTreeMap::new();
    for (day, differing) in apart.days.get(job.clone()).unwrap_or_default().iter().enumerate() {
        for (block, rows) in differing.parts.iter().flat_map(|p| blocks_of(apart, p)) {
            wanted.entry(block).or_default().push((day, rows));
        }
    }
    let open = |(segment, block): BlockAt| {
        let one = apart.segments.get(segment).ok_or(BillError::Thread)?;
        let used = one.segment.record.blocks.get(block).ok_or(BillError::Thread)?;
        Ok::<_, BillError>((one, ReadBlock::read(store, one.segment, used, basis)?))
    };
    let mut left = Left::default();
    let mut hashed: Vec<Hashed> = Vec::new();
    let mut kept: Vec<(BlockAt, Option<ReadBlock>)> = Vec::new();
    let mut kept_rows = 0;
    for (at, ranges) in wanted {
        let (one, block) = open(at)?;
        left.blocks_read += 1;
        let mut reader = layout.reader(one.segment)?;
        for (day, rows) in ranges {
            for row in rows {
                let hash = reader.hash(&block, row)?;
                hashed.push(Hashed { day, hash, side: one.side, block: kept.len(), row });
            }
        }
        kept_rows += block.rows();
        kept.push((at, (kept_rows <= KEEP_ROWS).then_some(block)));
    }
    left.lines_read = hashed.len() as u64;
    let mut unequal = cancel(hashed);
    unequal.sort_unstable_by_key(|line| (line.block, line.row));
    for lines in unequal.chunk_by(|a, b| a.block == b.block) {
        let Some((at, kept)) = lines.first().and_then(|line| kept.get_mut(line.block)) else { continue };
        let block = match kept.take() {
            Some(block) => block,
            None => {
                left.blocks_read += 1;
                open(*at)?.1
            }
        };
        let one = apart.segments.get(at.0).ok_or(BillError::Thread)?;
        let mut reader = layout.reader(one.segment)?;
        let side = if one.side == Side::From { &mut left.from } else { &mut left.to };
        let before = one.segment.record.rows_before(at.1);
        for line in lines {
            let stored = StoredLine { segment: one.segment.number, row: before + line.row as u32 };
            side.push(DiffLine { stored, ..reader.line(&block, line.row)? });
        }
    }
    Ok(left)
}

/// Cancels equal lines of an owner-day, one against one.
fn cancel(mut lines: Vec<Hashed>) -> Vec<Hashed> {
    lines.sort_unstable_by_key(|line| (line.day, line.hash, line.side, line.block, line.row));
    let mut surplus: Vec<bool> = Vec::with_capacity(lines.len());
    for equal in lines.chunk_by(|a, b| (a.day, &a.hash) == (b.day, &b.hash)) {
        let from = equal.partition_point(|line| line.side == Side::From);
        let pairs = from.min(equal.len() - from);
        // Those of one side stand before those of the other.
        surplus.extend((0..equal.len()).map(|at| if at < from { at >= pairs } else { at - from >= pairs }));
    }
    let mut surplus = surplus.into_iter();
    lines.retain(|_| surplus.next().unwrap_or(true));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn equal_lines_cancel_one_against_one(
            lines in proptest::collection::vec((0_usize..2, 0_u8..4, any::<bool>()), 0..60),
        ) {
            let hashed = lines.iter().enumerate().map(|(row, (day, hash, from))| Hashed {
                day: *day,
                hash: [*hash; 32],
                side: if *from { Side::From } else { Side::To },
                block: 0,
                row,
            });
            let left = cancel(hashed.collect());
            for day in 0..2 {
                for hash in 0..4 {
                    let had = |from| lines.iter().filter(|l| **l == (day, hash, from)).count();
                    let has = |side| {
                        let of = |l: &&Hashed| (l.day, l.hash, l.side) == (day, [hash; 32], side);
                        left.iter().filter(of).count()
                    };
                    prop_assert_eq!(has(Side::From), had(true).saturating_sub(had(false)));
                    prop_assert_eq!(has(Side::To), had(false).saturating_sub(had(true)));
                }
            }
        }
    }
}
