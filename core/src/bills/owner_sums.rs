//! What the roll-ups tell of some owners' lines through a day of coverage.
//!
//! Cells are stored by owner, so of a roll-up no more is unpacked than from the first owner that is wanted to the last: one customer's
//! sums cost what the customer's cells cost, not what the month's do.

use std::collections::{BTreeMap, HashSet};

use crate::engine::block::{BlockError, Sums, merge_sums};
use crate::engine::rollup::{NamedPart, Overflow, OwnerGroup, StoredRollup, SumError};
use crate::engine::store::{Records, StoreError};
use crate::values::period::{BillMonth, Day};
use crate::values::uin::Uin;

use super::error::BillError;
use super::owners::OwnersByDay;
use super::threads::share;
use super::view::{BillView, SegmentView};

/// Tells on which day of coverage lines are that have a day of their own, as imports do.
#[derive(Clone, Copy)]
struct CoverageDays {
    first: i32,
    last: i32,
}

impl CoverageDays {
    fn of(month: BillMonth) -> CoverageDays {
        CoverageDays { first: month.first_day().epoch_days(), last: month.last_day().epoch_days() }
    }

    /// Days outside of the month count as its edges, no day as the last one.
    fn day(self, day: Option<i32>) -> u8 {
        let day = match day {
            Some(day) if (self.first..=self.last).contains(&day) => day,
            day => day
                .and_then(Day::from_epoch_days)
                .map_or(self.last, |day| day.epoch_days().clamp(self.first, self.last)),
        };
        u8::try_from(day - self.first + 1).unwrap_or(u8::MAX)
    }
}

/// Returns a roll-up's owners as numbers, 0 for what is none.
fn numbers(rollup: &StoredRollup) -> Vec<u64> {
    rollup.names(NamedPart::Owner).map(|owner| Uin::parse(owner).map_or(0, Uin::number)).collect()
}

/// Returns the owners of a bill's lines as numbers, as its roll-ups name them.
///
/// # Errors
/// [`StoreError::Damaged`] when a roll-up is.
pub(crate) fn owners_of(store: &impl Records, view: &BillView) -> Result<HashSet<u64>, StoreError> {
    let mut owners = HashSet::new();
    for segment in view.segments() {
        owners.extend(segment.stored_rollups(store, |_| true)?.iter().flat_map(numbers));
    }
    Ok(owners)
}

/// Says which owners are wanted, and on which days.
type Wants<'a> = dyn Fn(u64, Option<u8>) -> bool + Sync + 'a;

/// Adds up the cells of a roll-up of a segment: those of all owners together, or of each on its own.
fn of_rollup(
    rollup: &StoredRollup,
    segment: &SegmentView,
    coverage: CoverageDays,
    by_owner: bool,
    wants: &Wants<'_>,
) -> Result<Vec<(u64, Sums)>, BillError> {
    let owners = numbers(rollup);
    let groups: Vec<OwnerGroup> =
        owners.iter().map(|owner| wants(*owner, None).then_some(if by_owner { *owner } else { 0 })).collect();
    let of_day = |owner: usize, day: Option<i32>| {
        owners.get(owner).is_some_and(|owner| wants(*owner, Some(coverage.day(day))))
    };
    rollup.sums_of(&groups, of_day).map_err(|error| match error {
        SumError::Overflow => Overflow.into(),
        SumError::Block(error) => lost(segment, &error),
    })
}

fn lost(segment: &SegmentView, error: &BlockError) -> BillError {
    segment.damaged_rollup(error).into()
}

/// Returns the sums that the roll-ups tell of owners' lines through a day of coverage.
///
/// # Errors
/// [`BillError`] when a roll-up is damaged.
pub(crate) fn owners_sums(
    store: &impl Records,
    view: &BillView,
    owners: &OwnersByDay,
    last_day: u8,
) -> Result<Vec<Sums>, BillError> {
    let coverage = CoverageDays::of(view.bill.key.month);
    let wants = |owner: u64, day: Option<u8>| match day {
        None => owners.touch(owner),
        Some(day) => day <= last_day && owners.contains(day, owner),
    };
    let mut all = Vec::new();
    for segment in view.segments() {
        for rollup in segment.stored_rollups(store, |held| owners.touch_any(held))? {
            for (_, sums) in of_rollup(&rollup, segment, coverage, false, &wants)? {
                merge_sums(&mut all, &[sums]).ok_or(Overflow)?;
            }
        }
    }
    Ok(all)
}

/// Returns, for each owner that is wanted and has lines through a day of coverage, the sums that the roll-ups tell.
///
/// # Errors
/// [`BillError`] when a roll-up is damaged.
pub(crate) fn sums_by_owner(
    store: &(impl Records + Sync),
    view: &BillView,
    wanted: impl Fn(u64) -> bool + Sync,
    last_day: u8,
    threads: usize,
) -> Result<BTreeMap<u64, Vec<Sums>>, BillError> {
    let coverage = CoverageDays::of(view.bill.key.month);
    let wants = |owner: u64, day: Option<u8>| match day {
        None => wanted(owner),
        Some(day) => day <= last_day,
    };
    let segments: Vec<&SegmentView> = view.segments().collect();
    let add = |all: &mut BTreeMap<u64, Vec<Sums>>, at: usize| {
        let Some(segment) = segments.get(at) else { return Ok(()) };
        for rollup in segment.stored_rollups(store, |_| true)? {
            for (owner, mut sums) in of_rollup(&rollup, segment, coverage, true, &wants)? {
                // There may be many owners, and most columns are zero; one that is not there is, too.
                sums.amounts.retain(|(_, amount)| amount.mantissa() != 0);
                merge_sums(all.entry(owner).or_default(), &[sums]).ok_or(Overflow)?;
            }
        }
        Ok(())
    };
    let mut parts = share(threads, segments.len(), BTreeMap::new, add)?.into_iter();
    let mut all = parts.next().unwrap_or_default();
    for (owner, sums) in parts.flatten() {
        merge_sums(all.entry(owner).or_default(), &sums).ok_or(Overflow)?;
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_outside_of_the_month_count_as_its_edges() {
        let month = BillMonth::new(2021, 3).unwrap();
        let coverage = CoverageDays::of(month);
        let day = |m, d| Some(Day::new(2021, m, d).unwrap().epoch_days());
        let days = [day(3, 1), day(3, 9), day(3, 31), day(2, 28), day(4, 1), None, Some(i32::MAX)];
        assert_eq!(days.map(|day| coverage.day(day)), [1, 9, 31, 1, 31, 31, 31]);
    }
}
