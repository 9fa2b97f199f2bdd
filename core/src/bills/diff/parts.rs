//! Which lines of two revisions have to be read, told from records and owner-days alone.
//!
//! A *part* is the lines of one owner on one day of coverage in one segment. Equal digests are equal lines, so three
//! things need no reading: segments that both revisions have; owner-days whose lines are equal on both sides, however
//! they are split over segments; and, of the others, parts that the other side has too.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use rustc_hash::FxHashMap;

use crate::bills::{BillError, BillView, SegmentView, owner_days};
use crate::engine::store::Records;
use crate::values::digest::Digest;

/// One of the two revisions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Side {
    From,
    To,
}

/// A segment that only one of the revisions has.
pub(super) struct OneSided<'a> {
    pub(super) side: Side,
    pub(super) segment: &'a SegmentView,
    /// The first row of each block, and behind the last one.
    starts: Vec<usize>,
}

impl<'a> OneSided<'a> {
    fn new(side: Side, segment: &'a SegmentView) -> OneSided<'a> {
        let mut starts = vec![0];
        let mut end = 0;
        for block in &segment.record.blocks {
            end += block.rows as usize;
            starts.push(end);
        }
        OneSided { side, segment, starts }
    }

    /// Goes through the blocks that hold these rows: the block's place, and which of its rows they are.
    pub(super) fn blocks_of(&self, rows: &Range<usize>) -> impl Iterator<Item = (usize, Range<usize>)> {
        let first = self.starts.partition_point(|start| *start <= rows.start).saturating_sub(1);
        let blocks = self.starts.windows(2).enumerate().skip(first);
        let (from, to) = (rows.start, rows.end);
        let of = move |(at, ends): (usize, &[usize])| {
            let [start, end] = *ends else { return None };
            let rows = from.max(start)..to.min(end);
            (rows.start < rows.end).then(|| (at, rows.start - start..rows.end - start))
        };
        blocks.map_while(of)
    }
}

/// The lines of one owner-day in one segment.
#[derive(Clone, Debug)]
pub(super) struct OwnerDayPart {
    /// The segment's place among those that one revision has.
    pub(super) segment: usize,
    /// Which of its rows.
    pub(super) rows: Range<usize>,
    digest: Digest,
}

/// An owner-day whose lines are not equal on both sides, with what has to be read of it.
#[derive(Debug)]
pub(super) struct Differing {
    pub(super) coverage_day: u8,
    pub(super) owner: u64,
    pub(super) parts: Vec<OwnerDayPart>,
}

/// What two revisions do not share.
pub(super) struct Apart<'a> {
    pub(super) segments: Vec<OneSided<'a>>,
    /// Sorted by day and owner.
    pub(super) days: Vec<Differing>,
}

/// Returns the segments that do not stand in both revisions equally often.
fn one_sided<'a>(from: &'a BillView, to: &'a BillView) -> Vec<OneSided<'a>> {
    let mut surplus: HashMap<u64, i64> = HashMap::new();
    from.segments().for_each(|s| *surplus.entry(s.number).or_default() += 1);
    to.segments().for_each(|s| *surplus.entry(s.number).or_default() -= 1);
    let mut all = Vec::new();
    for (side, view, sign) in [(Side::From, from, 1), (Side::To, to, -1)] {
        for segment in view.segments() {
            if let Some(left) = surplus.get_mut(&segment.number).filter(|left| left.signum() == sign) {
                *left -= sign;
                all.push(OneSided::new(side, segment));
            }
        }
    }
    all
}

/// Finds what has to be read to tell two revisions apart.
///
/// # Errors
/// [`BillError`] when the store is damaged.
pub(super) fn find<'a>(
    store: &impl Records,
    from: &'a BillView,
    to: &'a BillView,
) -> Result<Apart<'a>, BillError> {
    let segments = one_sided(from, to);
    let basis = to.bill.key.basis;
    // Twice over the owner-days rather than all of them in memory: most are equal.
    let mut sums: FxHashMap<(u8, u64), [Digest; 2]> = FxHashMap::default();
    for one in &segments {
        for day in owner_days::of_segment(store, one.segment, basis)? {
            let [from, to] = sums.entry((day.coverage_day, day.owner)).or_default();
            match one.side {
                Side::From => from.merge(&day.digest),
                Side::To => to.merge(&day.digest),
            }
        }
    }
    sums.retain(|_, [from, to]| from != to);
    let mut days: BTreeMap<(u8, u64), Vec<OwnerDayPart>> = BTreeMap::new();
    for (number, one) in segments.iter().enumerate() {
        let mut row = 0;
        for day in owner_days::of_segment(store, one.segment, basis)? {
            let end = row + usize::try_from(day.rows()).unwrap_or(usize::MAX);
            if sums.contains_key(&(day.coverage_day, day.owner)) {
                let part = OwnerDayPart { segment: number, rows: row..end, digest: day.digest };
                days.entry((day.coverage_day, day.owner)).or_default().push(part);
            }
            row = end;
        }
    }
    let side = |part: &OwnerDayPart| segments.get(part.segment).map_or(Side::From, |s| s.side);
    let differing =
        |((coverage_day, owner), parts)| Differing { coverage_day, owner, parts: without_equal(parts, side) };
    let days = days.into_iter().map(differing).collect();
    Ok(Apart { segments, days })
}

/// Takes parts out that both sides have, one against one.
fn without_equal(parts: Vec<OwnerDayPart>, side: impl Fn(&OwnerDayPart) -> Side) -> Vec<OwnerDayPart> {
    let mut surplus: FxHashMap<Digest, i64> = FxHashMap::default();
    let sign = |part: &OwnerDayPart| if side(part) == Side::From { 1 } else { -1 };
    parts.iter().for_each(|part| *surplus.entry(part.digest).or_default() += sign(part));
    let mut left = Vec::new();
    for part in parts {
        let sign = sign(&part);
        if let Some(count) = surplus.get_mut(&part.digest).filter(|count| count.signum() == sign) {
            *count -= sign;
            left.push(part);
        }
    }
    left
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_that_both_sides_have_is_taken_out_once_for_each() {
        let digest = |n: u8| {
            let mut digest = Digest::EMPTY;
            digest.add_line(&[n; 32]);
            digest
        };
        // Segments 0 to 2 are of the one side, the others of the other.
        let side = |part: &OwnerDayPart| if part.segment < 3 { Side::From } else { Side::To };
        let part = |(segment, n): (usize, u8)| OwnerDayPart { segment, rows: 0..1, digest: digest(n) };
        let parts = [(0, 1), (1, 1), (2, 2), (3, 1), (4, 3)].map(part).to_vec();
        let left: Vec<usize> = without_equal(parts, side).iter().map(|p| p.segment).collect();
        assert_eq!(left, [0, 2, 4]);
    }
}
