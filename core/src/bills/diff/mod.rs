//! What two revisions of a bill differ in: lines added, removed and changed, with their net effect.
//!
//! Lines are a multiset: two equal lines on one side and one on the other are one line that was added or removed. What
//! the revisions share is not read ([`parts`]), equal lines are cancelled as they are read ([`read`]), and of the rest
//! pairs are made by identities ([`pair`]).
//!
//! Limits: memory goes by the lines that differ, up to a window of them, and by the largest owner-day that differs. Pairs
//! are looked for within a window: in a larger diff, a line that moved far to another owner or day is told as removed and
//! added.

mod layout;
mod line;
mod pair;
mod parts;
mod read;
mod tally;

#[cfg(test)]
mod tests;

pub use line::{DiffLine, StoredLine};
pub use pair::{Identity, LineChange};
pub use tally::{Diff, DiffGroup, Net};

use crate::engine::store::Records;
use crate::formats::schema::Column;
use crate::values::money::Amount;
use crate::values::period::Basis;

use super::error::BillError;
use super::threads::in_order;
use super::view::BillView;

use layout::DiffLayout;
use parts::Apart;
use tally::DiffTally;

/// How many lines wait to be paired, and how much memory they take.
#[derive(Clone, Copy, Debug)]
struct Window {
    lines: usize,
    bytes: usize,
}

const WINDOW: Window = Window { lines: 100_000, bytes: 48 << 20 };

/// Visits the lines of some accounts and days that only one of two revisions has, with their totals; `true` for the earlier
/// one. Equal lines are cancelled one against one, and no pairs are made.
///
/// # Errors
/// [`BillError`] when the store is damaged.
pub(crate) fn unequal_charges(
    store: &impl Records,
    [from, to]: [&BillView; 2],
    wanted: impl Fn(u8, u64) -> bool,
    visit: &mut dyn FnMut(bool, &DiffLine, Amount) -> Result<(), BillError>,
) -> Result<(), BillError> {
    let layout = DiffLayout::of([from, to]);
    let mut apart = parts::find(store, from, to)?;
    apart.days.retain(|day| wanted(day.coverage_day, day.owner));
    for job in read::jobs(&apart) {
        let left = read::read(store, &layout, &apart, to.bill.key.basis, &job)?;
        for (is_from, lines) in [(true, left.from), (false, left.to)] {
            for line in &lines {
                visit(is_from, line, line.amounts.first().copied().unwrap_or_default())?;
            }
        }
    }
    Ok(())
}

/// Two revisions of one bill, made ready to be compared.
pub struct Comparison<'a> {
    from: &'a BillView,
    to: &'a BillView,
    basis: Basis,
    layout: DiffLayout,
    apart: Apart<'a>,
    window: Window,
}

impl<'a> Comparison<'a> {
    /// Finds what two revisions do not share; no line is read yet.
    ///
    /// # Errors
    /// [`BillError`] when the store is damaged.
    pub fn new(
        store: &impl Records,
        from: &'a BillView,
        to: &'a BillView,
    ) -> Result<Comparison<'a>, BillError> {
        Comparison::beside(store, [from, to], &[])
    }

    /// [`Comparison::new`], with room for the columns of other bills: [`Comparison::lines_of`] reads their lines.
    ///
    /// # Errors
    /// [`BillError`] when the store is damaged.
    pub(crate) fn beside(
        store: &impl Records,
        [from, to]: [&'a BillView; 2],
        others: &[&BillView],
    ) -> Result<Comparison<'a>, BillError> {
        Ok(Comparison {
            from,
            to,
            basis: to.bill.key.basis,
            layout: DiffLayout::of([from, to].into_iter().chain(others.iter().copied())),
            apart: parts::find(store, from, to)?,
            window: WINDOW,
        })
    }

    /// Visits every line of a bill that the comparison was made beside, under the comparison's headers.
    ///
    /// # Errors
    /// [`BillError`] when the store is damaged, or what `visit` returns.
    pub(crate) fn lines_of<E: From<BillError>>(
        &self,
        store: &impl Records,
        view: &BillView,
        visit: &mut dyn FnMut(&DiffLine) -> Result<(), E>,
    ) -> Result<(), E> {
        let none = BillView { bill: view.bill.clone(), revision: view.revision.clone(), loads: Vec::new() };
        let apart = parts::find(store, &none, view)?;
        for job in read::jobs(&apart) {
            let left = read::read(store, &self.layout, &apart, self.basis, &job)?;
            left.to.iter().try_for_each(&mut *visit)?;
        }
        Ok(())
    }

    /// Visits every line that only one of the revisions has, on one thread and without pairs; `true` for the earlier one.
    ///
    /// # Errors
    /// [`BillError`] when the store is damaged, or what `visit` returns.
    pub(crate) fn unequal(
        &self,
        store: &impl Records,
        visit: &mut dyn FnMut(bool, &DiffLine) -> Result<(), BillError>,
    ) -> Result<(), BillError> {
        for job in read::jobs(&self.apart) {
            let left = read::read(store, &self.layout, &self.apart, self.basis, &job)?;
            left.from.iter().try_for_each(|line| visit(true, line))?;
            left.to.iter().try_for_each(|line| visit(false, line))?;
        }
        Ok(())
    }

    /// Returns the headers of all files of both revisions: lines have a cell for each.
    pub fn headers(&self) -> &[String] {
        &self.layout.headers
    }

    /// Returns the money columns that are added up, the total first: lines and groups have an amount for each.
    pub fn columns(&self) -> &[Column] {
        &self.layout.summed
    }

    /// Visits every line that was added, removed or changed, and adds them up.
    ///
    /// Changes come by day of coverage and owner, and do not depend on the threads. What is returned has been checked:
    /// the groups add up to the difference of the revisions' sums, in every currency and column (I1, I2).
    ///
    /// # Errors
    /// [`BillError::DoNotTie`] when they do not; [`BillError`] when the store is damaged; or what `visit` returns.
    pub fn run<E: From<BillError>>(
        &self,
        store: &(impl Records + Sync),
        threads: usize,
        visit: &mut dyn FnMut(&LineChange) -> Result<(), E>,
    ) -> Result<Diff, E> {
        let jobs = read::jobs(&self.apart);
        let make = |at: usize| match jobs.get(at) {
            Some(job) => read::read(store, &self.layout, &self.apart, self.basis, job),
            None => Ok(read::Left::default()),
        };
        let mut tally = DiffTally::new(&self.layout);
        let (mut from, mut to): (Vec<DiffLine>, Vec<DiffLine>) = (Vec::new(), Vec::new());
        let mut bytes = 0;
        let mut tell = |from: &mut Vec<DiffLine>, to: &mut Vec<DiffLine>, tally: &mut DiffTally<'_>| {
            for change in pair::pair(&self.layout, std::mem::take(from), std::mem::take(to)) {
                tally.add(&change).map_err(BillError::from)?;
                visit(&change)?;
            }
            Ok::<(), E>(())
        };
        in_order::<_, E>(threads, jobs.len(), make, &mut |left| {
            tally.diff.lines_read += left.lines_read;
            tally.diff.blocks_read += left.blocks_read;
            bytes += left.from.iter().chain(&left.to).map(DiffLine::bytes).sum::<usize>();
            from.extend(left.from);
            to.extend(left.to);
            if from.len() + to.len() > self.window.lines || bytes > self.window.bytes {
                bytes = 0;
                tell(&mut from, &mut to, &mut tally)?;
            }
            Ok(())
        })?;
        tell(&mut from, &mut to, &mut tally)?;
        Ok(tally.finish(self.from, self.to)?)
    }
}
