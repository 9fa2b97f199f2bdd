//! What a file is compared with before it may replace another one: facts from the store for [`crate::bills::smaller`].

use std::collections::{BTreeMap, BTreeSet};

use crate::bills::late::{CarriedBefore, carried_before};
use crate::bills::revise::alone;
use crate::bills::smaller::{
    AccountDay, AccountDayChange, CoveredDays, DayLoss, EarlyEnd, FarBelow, Smaller, compare, dropped,
    early_end, far_below, few_at_the_end, longest_few, summed,
};
use crate::bills::{
    Bill, BillKey, BillState, ImportMode, Load, Revision, SegmentView, segment_views, unequal_charges,
};
use crate::engine::journal::Actor;
use crate::engine::rollup::{Overflow, Rollup};
use crate::engine::store::{Records, StoreError, Table};
use crate::formats::schema::Column;
use crate::values::period::{BillMonth, Coverage, Day};

use super::error::ImportError;

/// A new load, and how it stands to those that the bill has.
pub(super) struct Newcomer<'a> {
    /// The new load.
    pub(super) load: &'a Load,
    /// The loads that it replaces.
    pub(super) replaced: &'a [Load],
    /// The loads that stay.
    pub(super) stay: &'a [Load],
}

/// What a comparison found.
#[derive(Clone, Debug, Default)]
pub(super) struct ComparisonResult {
    /// What stands against taking the file.
    pub(super) smaller: Smaller,
    /// What new ratings took, by day and currency: little enough to pass.
    pub(super) rated_again: Vec<DayLoss>,
}

/// Compares a new load with those that it replaces, with the days before it, and with the month before.
///
/// # Errors
/// [`ImportError`] when the store is damaged or sums overflow.
pub(super) fn find(
    store: &impl Records,
    new: &Newcomer<'_>,
    actor: &Actor,
) -> Result<ComparisonResult, ImportError> {
    if new.load.mode == ImportMode::Adjustment {
        return Ok(ComparisonResult::default());
    }
    let mut found = ComparisonResult::default();
    if let [only] = new.replaced
        && only.digest == new.load.digest
    {
        // Through the next day: nothing was used since. Through later days it may be an old file under a new name.
        let through = |load: &Load| load.coverage.map(|days| days.last);
        if through(new.load) > through(only).and_then(Day::next) {
            found.smaller.early_end = ends_early(store, new)?;
        }
        return Ok(found);
    }
    if !new.replaced.is_empty() {
        let month = new.load.bill.month;
        let compared = compare(month, &changes(store, new, actor)?)?;
        (found.smaller.days, found.smaller.losses) = summed(compared.losses)?;
        found.rated_again = summed(compared.rated_again)?.0;
        if !found.smaller.days.is_empty() {
            let before =
                new.replaced.iter().flat_map(|load| &load.file.entries).map(|entry| entry.name.as_str());
            let after: Vec<&str> = new.load.file.entries.iter().map(|entry| entry.name.as_str()).collect();
            // A file that is no zip has one entry, which has the file's own name.
            found.smaller.dropped = if after.len() > 1 { dropped(before, &after) } else { Vec::new() };
        }
    }
    found.smaller.early_end = ends_early(store, new)?;
    found.smaller.far_below = is_far_below(store, new)?;
    Ok(found)
}

/// Returns what a file adds to the bill that was carried forward into a later one before: there it counts already.
///
/// # Errors
/// [`ImportError`] when the store is damaged, or the lines of the corrections were removed.
pub(super) fn carried(
    store: &impl Records,
    new: &Newcomer<'_>,
    actor: &Actor,
) -> Result<CarriedBefore, ImportError> {
    let without: Vec<Load> = new.stay.iter().chain(new.replaced).cloned().collect();
    let with: Vec<Load> = new.stay.iter().chain([new.load]).cloned().collect();
    Ok(carried_before(store, new.load, [&without, &with], actor)?)
}

/// Counts both sides' lines by account and day; looks at single lines where sums alone do not tell.
fn changes(
    store: &impl Records,
    new: &Newcomer<'_>,
    actor: &Actor,
) -> Result<BTreeMap<AccountDay, AccountDayChange>, ImportError> {
    let month = new.load.bill.month;
    let from = alone(store, new.load.bill, new.replaced, actor)?;
    let to = alone(store, new.load.bill, std::slice::from_ref(new.load), actor)?;
    let mut cells: BTreeMap<AccountDay, AccountDayChange> = BTreeMap::new();
    // Segments that both sides have are equal.
    let mut shared: BTreeMap<u64, u64> = BTreeMap::new();
    to.segments().for_each(|segment| *shared.entry(segment.number).or_default() += 1);
    let mut only_before = Vec::new();
    for segment in from.segments() {
        match shared.get_mut(&segment.number).filter(|left| **left > 0) {
            Some(left) => *left -= 1,
            None => only_before.push(segment),
        }
    }
    for segment in only_before {
        count(store, segment, month, &mut |day, lines, amount| {
            cells.entry(day).or_default().before.add(lines, amount)
        })?;
    }
    for segment in to.segments() {
        // What is left of the count is what only the new side has.
        let Some(left) = shared.get_mut(&segment.number).filter(|left| **left > 0) else { continue };
        *left -= 1;
        count(store, segment, month, &mut |day, lines, amount| {
            cells.entry(day).or_default().after.add(lines, amount)
        })?;
    }
    let open: BTreeSet<(u8, u64)> =
        cells.iter().filter(|(_, cell)| cell.needs_lines()).map(|(key, _)| (key.day, key.owner)).collect();
    if !open.is_empty() {
        let wanted = |day, owner| open.contains(&(day, owner));
        unequal_charges(store, [&from, &to], wanted, &mut |is_before, line, amount| {
            let key =
                AccountDay { day: line.coverage_day, owner: line.owner, currency: line.currency.clone() };
            let cell = cells.entry(key).or_default();
            let side = if is_before { &mut cell.removed } else { &mut cell.added };
            Ok(side.add_charge(amount)?)
        })?;
    }
    Ok(cells)
}

/// Tells each account and day of a segment with its lines and their total.
fn count(
    store: &impl Records,
    segment: &SegmentView,
    month: BillMonth,
    visit: &mut dyn FnMut(AccountDay, u64, crate::values::money::Amount) -> Result<(), Overflow>,
) -> Result<(), ImportError> {
    for rollup in segment.rollups(store, |_| true)? {
        let total = rollup.columns().iter().position(|column| *column == Column::Total);
        for cell in rollup.cells() {
            let day = cell.key.day.and_then(Day::from_epoch_days);
            let amount = total.and_then(|at| cell.amounts.get(at)).copied().unwrap_or_default();
            let key = AccountDay {
                day: covered_on(month, day),
                owner: owner(&rollup, cell.key.owner),
                currency: rollup.currencies().text(cell.key.currency),
            };
            visit(key, cell.lines, amount)?;
        }
    }
    Ok(())
}

/// Returns the day under which exports cover a line with this day of its own.
fn covered_on(month: BillMonth, day: Option<Day>) -> u8 {
    let (first, last) = (month.first_day(), month.last_day());
    u8::try_from(day.unwrap_or(last).clamp(first, last).day_of_month()).unwrap_or(u8::MAX)
}

fn owner(rollup: &Rollup, number: u32) -> u64 {
    rollup.owners().text(number).trim().parse().unwrap_or(0)
}

/// How many lines each day of a month has, from the first on.
struct LinesByDay([u64; 31]);

impl LinesByDay {
    fn of(store: &impl Records, month: BillMonth, loads: &[Load]) -> Result<LinesByDay, StoreError> {
        let mut days = [0; 31];
        let last = month.last_day();
        let mut has_last = false;
        for load in loads.iter().filter(|load| load.mode != ImportMode::Adjustment) {
            for segment in segment_views(store, load)? {
                has_last |= segment.record.own_days.is_some_and(|days| days.last >= last);
                for of in &segment.record.days {
                    if let Some(lines) =
                        usize::from(of.coverage_day).checked_sub(1).and_then(|at| days.get_mut(at))
                    {
                        *lines += of.own.lines() + of.customers.lines();
                    }
                }
            }
        }
        // Lines without a day of their own are covered on the last one, whatever the file covers.
        if let Some(lines) = days.get_mut(last.day_of_month() as usize - 1).filter(|_| !has_last) {
            *lines = 0;
        }
        Ok(LinesByDay(days))
    }

    /// Returns the lines of the days through one of them that are wanted.
    fn through(&self, last: Day, wanted: impl Fn(Day) -> bool) -> Vec<(Day, u64)> {
        let days = (1..).zip(self.0).filter_map(|(day, lines)| Some((last.month().day(day)?, lines)));
        days.take_while(|(day, _)| *day <= last).filter(|(day, _)| wanted(*day)).collect()
    }
}

fn lines_of(days: Vec<(Day, u64)>) -> Vec<u64> {
    days.into_iter().map(|(_, lines)| lines).collect()
}

/// Says whether a file of a month covers a day.
fn covers(loads: &[Load], day: Day) -> bool {
    loads.iter().filter_map(|load| load.coverage).any(|of| of.first <= day && day <= of.last)
}

/// Says whether the last days that a load covers have too few lines.
fn ends_early(store: &impl Records, new: &Newcomer<'_>) -> Result<Option<EarlyEnd>, ImportError> {
    let Some(Coverage { last, .. }) = new.load.coverage else { return Ok(None) };
    let month = new.load.bill.month;
    let before: Vec<Load> = new.stay.iter().chain(new.replaced).cloned().collect();
    if covers(&before, last) {
        return Ok(None);
    }
    let after: Vec<Load> = new.stay.iter().chain([new.load]).cloned().collect();
    let days = LinesByDay::of(store, month, &after)?.through(last, |day| covers(&after, day));
    let last_before = before.iter().filter_map(|load| load.coverage).map(|of| of.last).max();
    let few_before = match last_before.filter(|before| *before < last) {
        Some(last) => {
            let days = LinesByDay::of(store, month, &before)?.through(last, |day| covers(&before, day));
            few_at_the_end(&lines_of(days))
        }
        None => 0,
    };
    let usual_run = match month_before(store, new.load.bill)? {
        Some((before, lines)) => longest_few(&lines_of(lines.through(before.last_day(), |_| true))),
        None => 0,
    };
    Ok(early_end(&CoveredDays { days: &days, few_before, usual_run }))
}

/// Returns the complete bill of the month before, by days.
fn month_before(store: &impl Records, key: BillKey) -> Result<Option<(BillMonth, LinesByDay)>, ImportError> {
    let Some(month) = key.month.previous() else { return Ok(None) };
    let key = BillKey { month, ..key };
    let Some(bill) = store.get::<Bill>(Table::Bills, &key.bytes())? else { return Ok(None) };
    let revision: Revision = store.need(Table::Revisions, &Revision::key_bytes(key, bill.revision))?;
    if bill.state == BillState::Open {
        return Ok(None);
    }
    Ok(Some((month, LinesByDay::of(store, month, &Load::list_of(store, &revision)?)?)))
}

/// Says whether the first file of a month has far fewer lines than the month before has on the same days.
fn is_far_below(store: &impl Records, new: &Newcomer<'_>) -> Result<Option<FarBelow>, ImportError> {
    let is_first = !new.stay.iter().chain(new.replaced).any(|load| load.mode != ImportMode::Adjustment);
    let Some(days) = new.load.coverage.filter(|_| is_first) else { return Ok(None) };
    let Some((month, before)) = month_before(store, new.load.bill)? else { return Ok(None) };
    let last =
        month.day(days.last.day_of_month()).filter(|_| !days.is_whole_month()).unwrap_or(month.last_day());
    let first = days.first.day_of_month();
    let before = lines_of(before.through(last, |day| day.day_of_month() >= first));
    Ok(far_below(month, before.iter().sum(), new.load.digest.lines()))
}
