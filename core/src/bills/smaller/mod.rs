//! Whether a file takes lines or money away, or ends too early: a pure rule.
//!
//! A file that replaces another one is compared by service day, account and currency. Decision 25 has the reasons.
//!
//! - Fewer lines than before is a loss, whatever the money.
//! - Less money is a loss where charges went. Refunds, which are lines below zero, never are: they lower the sum, and
//!   take no charge away. A refund does not stand in for a charge that is gone, either.
//! - Charges that other charges took the place of were rated again. They may lower an account's money of a day by a
//!   twentieth. More is a loss.
//!
//! A file's last days are compared with the days before them, because a file that was cut ends early.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::engine::rollup::Overflow;
use crate::values::money::Amount;
use crate::values::period::{BillMonth, Day};

/// A new rating may take one part in this many of a day's money.
const RATED_AGAIN_PART: i128 = 20;
/// A new rating may always take this much: a line has eight decimals, and a charge has two.
const RATED_AGAIN_FREE: Amount = Amount::new(1, 2);
/// A day is far below others when it has less than one part in this many of their lines.
const FAR_BELOW_PART: u64 = 10;
/// Days with fewer lines than this differ too much to be compared by their number of lines.
const DAY_LINES_MIN: u64 = 20;
/// How many days with lines show what a day usually has.
const DAYS_MIN: usize = 3;
/// Fewer lines than this, or on fewer days than [`DAYS_MIN`], say nothing of how a month goes on,
const LINES_MIN: u64 = 10;
/// unless there are as many as this.
const LINES_SURE: u64 = 100;
/// A month with fewer lines than this is not compared with the next one.
const MONTH_LINES_MIN: u64 = 200;
/// Of how many accounts and days a loss is kept; the sums by day have them all.
const LOSSES_MAX: usize = 1_000;
/// How many CSVs are named that are gone.
const DROPPED_MAX: usize = 20;

/// One account on one day in one currency.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct AccountDay {
    /// The day of the month under which exports cover the lines.
    pub day: u8,
    /// Whose, as a number; 0 for lines without an owner.
    pub owner: u64,
    /// In which currency.
    pub currency: String,
}

impl AccountDay {
    fn owner_text(&self) -> String {
        if self.owner == 0 { String::new() } else { self.owner.to_string() }
    }
}

/// Lines and their money.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LinesAndSums {
    /// How many lines.
    pub lines: u64,
    /// Their sum.
    pub amount: Amount,
}

impl LinesAndSums {
    /// Adds lines.
    ///
    /// # Errors
    /// [`Overflow`] beyond 128 bits.
    pub fn add(&mut self, lines: u64, amount: Amount) -> Result<(), Overflow> {
        self.lines += lines;
        self.amount = self.amount.checked_add(amount).ok_or(Overflow)?;
        Ok(())
    }

    /// Adds a line if it is a charge: refunds are left out.
    ///
    /// # Errors
    /// [`Overflow`] beyond 128 bits.
    pub fn add_charge(&mut self, amount: Amount) -> Result<(), Overflow> {
        if amount.mantissa() < 0 { Ok(()) } else { self.add(1, amount) }
    }
}

/// What the replaced files have of a cell, and what the new one has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct AccountDayChange {
    /// All lines of the replaced files.
    pub before: LinesAndSums,
    /// All lines of the new one.
    pub after: LinesAndSums,
    /// The charges that only the replaced files have.
    pub removed: LinesAndSums,
    /// The charges that only the new one has.
    pub added: LinesAndSums,
}

impl AccountDayChange {
    /// Says whether single lines have to be looked at: there is less money in as many lines.
    pub(crate) fn needs_lines(&self) -> bool {
        self.after.lines >= self.before.lines && self.after.amount < self.before.amount
    }
}

/// What a file takes away from an account on a day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Loss {
    /// On which day.
    pub day: Day,
    /// Whose lines; empty for lines without an owner.
    pub owner: String,
    /// In which currency.
    pub currency: String,
    /// How many lines are gone.
    pub lines: u64,
    /// How much money is gone.
    pub amount: Amount,
}

/// What a file takes away on a day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DayLoss {
    /// On which day.
    pub day: Day,
    /// In which currency.
    pub currency: String,
    /// From how many accounts.
    pub accounts: u64,
    /// How many lines are gone.
    pub lines: u64,
    /// How much money is gone.
    pub amount: Amount,
}

/// Last days of a file that have no lines, or far fewer than the days before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EarlyEnd {
    /// The first of them.
    pub first: Day,
    /// The last of them: the last one that the file covers.
    pub last: Day,
    /// How many lines they have together.
    pub lines: u64,
    /// How many lines a day before them has: the median.
    pub usual: u64,
}

/// A month that has far fewer lines than the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FarBelow {
    /// The month before.
    pub month: BillMonth,
    /// How many lines it has.
    pub before: u64,
    /// How many the file has.
    pub lines: u64,
}

/// Why a file is not taken without a decision.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Smaller {
    /// What is gone, by day and currency.
    pub days: Vec<DayLoss>,
    /// What is gone, by day, account and currency: the largest of them, at most 1,000.
    pub losses: Vec<Loss>,
    /// CSVs that the replaced file had: the first of them, at most 20.
    pub dropped: Vec<String>,
    /// The last days have too few lines.
    pub early_end: Option<EarlyEnd>,
    /// The month has too few lines.
    pub far_below: Option<FarBelow>,
}

impl Smaller {
    /// Says whether nothing stands against taking the file.
    pub fn is_nothing(&self) -> bool {
        self.days.is_empty() && self.early_end.is_none() && self.far_below.is_none()
    }

    /// Returns what is gone in all, by currency.
    pub fn totals(&self) -> BTreeMap<&str, LinesAndSums> {
        let mut all: BTreeMap<&str, LinesAndSums> = BTreeMap::new();
        for day in &self.days {
            let sum = all.entry(&day.currency).or_default();
            sum.lines += day.lines;
            // They were added up from sums that fit.
            sum.amount = sum.amount.checked_add(day.amount).unwrap_or(sum.amount);
        }
        all
    }

    /// Says whether it takes anything away on one of these days.
    pub fn touches(&self, first: Day, last: Day) -> bool {
        self.days.iter().any(|loss| first <= loss.day && loss.day <= last)
    }
}

/// What a comparison of days, accounts and currencies comes to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct DayComparison {
    /// What is gone, by day, account and currency.
    pub losses: Vec<Loss>,
    /// What a new rating took, which is little enough to pass.
    pub rated_again: Vec<Loss>,
}

/// Says whether a new rating took no more than it may.
fn is_little(loss: Amount, base: Amount) -> Result<bool, Overflow> {
    let times = loss.checked_mul(Amount::new(RATED_AGAIN_PART, 0)).ok_or(Overflow)?;
    Ok(loss <= RATED_AGAIN_FREE || times <= base)
}

/// Compares what the replaced files have with what the new one has.
///
/// # Errors
/// [`Overflow`] beyond 128 bits.
pub(crate) fn compare(
    month: BillMonth,
    cells: &BTreeMap<AccountDay, AccountDayChange>,
) -> Result<DayComparison, Overflow> {
    let mut found = DayComparison::default();
    // By day and currency: what new ratings took, and of how much.
    let mut by_day: BTreeMap<(u8, &str), [Amount; 2]> = BTreeMap::new();
    let mut rated_again = Vec::new();
    for (key, cell) in cells {
        let Some(day) = month.day(u32::from(key.day)) else { continue };
        let less = cell.before.amount.checked_sub(cell.after.amount).ok_or(Overflow)?;
        let base = cell.before.amount.max(cell.removed.amount).max(Amount::ZERO);
        let of_day = by_day.entry((key.day, &key.currency)).or_default();
        of_day[1] = of_day[1].checked_add(base).ok_or(Overflow)?;
        let (lines, amount) = if cell.after.lines < cell.before.lines {
            (cell.before.lines - cell.after.lines, less)
        } else if cell.needs_lines() {
            let gone = cell.removed.amount.checked_sub(cell.added.amount).ok_or(Overflow)?;
            (cell.removed.lines.saturating_sub(cell.added.lines), gone)
        } else {
            continue;
        };
        let amount = amount.max(Amount::ZERO).with_sum_scale();
        let (owner, currency) = (key.owner_text(), key.currency.clone());
        let loss = Loss { day, owner, currency, lines, amount };
        if lines > 0 || !is_little(amount, base)? {
            found.losses.push(loss);
        } else if amount.mantissa() > 0 {
            of_day[0] = of_day[0].checked_add(amount).ok_or(Overflow)?;
            rated_again.push((key, loss));
        }
    }
    for (key, loss) in rated_again {
        let [all, base] = by_day.get(&(key.day, key.currency.as_str())).copied().unwrap_or_default();
        if is_little(all, base)? { &mut found.rated_again } else { &mut found.losses }.push(loss);
    }
    found.losses.sort_by(|a, b| (a.day, &a.owner, &a.currency).cmp(&(b.day, &b.owner, &b.currency)));
    Ok(found)
}

/// Adds losses up by day and currency, and keeps the largest of them.
///
/// # Errors
/// [`Overflow`] beyond 128 bits.
pub(crate) fn summed(mut losses: Vec<Loss>) -> Result<(Vec<DayLoss>, Vec<Loss>), Overflow> {
    let mut days: BTreeMap<(Day, String), DayLoss> = BTreeMap::new();
    for loss in &losses {
        let of_day = days.entry((loss.day, loss.currency.clone())).or_insert_with(|| DayLoss {
            day: loss.day,
            currency: loss.currency.clone(),
            accounts: 0,
            lines: 0,
            amount: Amount::ZERO,
        });
        of_day.accounts += 1;
        of_day.lines += loss.lines;
        of_day.amount = of_day.amount.checked_add(loss.amount).ok_or(Overflow)?;
    }
    if losses.len() > LOSSES_MAX {
        losses.sort_by(|a, b| b.amount.cmp(&a.amount).then(b.lines.cmp(&a.lines)));
        losses.truncate(LOSSES_MAX);
        losses.sort_by(|a, b| (a.day, &a.owner, &a.currency).cmp(&(b.day, &b.owner, &b.currency)));
    }
    Ok((days.into_values().collect(), losses))
}

/// Returns the CSVs that a file does not have any more, where it has lost something.
pub(crate) fn dropped<'a>(before: impl Iterator<Item = &'a str>, after: &[&str]) -> Vec<String> {
    before.filter(|name| !after.contains(name)).take(DROPPED_MAX).map(str::to_owned).collect()
}

/// The days of a bill as it would be with a file.
#[derive(Clone, Debug)]
pub(crate) struct CoveredDays<'a> {
    /// The days through the last one that the file covers, ascending, with their lines; days that no file covers are left out.
    pub days: &'a [(Day, u64)],
    /// How many last days of the bill have few lines already, if the file goes on where it ends.
    pub few_before: usize,
    /// How many days in a row had few lines in the month before.
    pub usual_run: usize,
}

/// Returns the median of some days' lines, the upper one of two.
fn median(lines: &[u64]) -> u64 {
    let mut with_lines: Vec<u64> = lines.iter().copied().filter(|lines| *lines > 0).collect();
    with_lines.sort_unstable();
    with_lines.get(with_lines.len() / 2).copied().unwrap_or(0)
}

/// Says whether some days have lines enough to compare another day with.
fn is_comparable(before: &[u64]) -> bool {
    before.iter().filter(|lines| **lines > 0).count() >= DAYS_MIN && median(before) >= DAY_LINES_MIN
}

/// Says whether a day has few lines, given those before it.
fn has_few(lines: u64, before: &[u64]) -> bool {
    if is_comparable(before) { lines.saturating_mul(FAR_BELOW_PART) < median(before) } else { lines == 0 }
}

/// Returns how many of the last days have few lines.
pub(crate) fn few_at_the_end(lines: &[u64]) -> usize {
    let mut run = 0;
    while let Some((last, before)) = lines.get(..lines.len() - run).and_then(|rest| rest.split_last()) {
        if !has_few(*last, before) {
            break;
        }
        run += 1;
    }
    run
}

/// Returns how many days in a row have few lines at most, after the first day with lines.
pub(crate) fn longest_few(lines: &[u64]) -> usize {
    let mut longest = 0;
    for end in 1..=lines.len() {
        let run = few_at_the_end(lines.get(..end).unwrap_or_default());
        // Before the first line there is nothing to compare with.
        if run < end {
            longest = longest.max(run);
        }
    }
    longest
}

/// Says whether a file ends too early.
///
/// One day without lines is usual where days have few lines anyway. More are where the month, or the one before, had
/// as many in a row. What was taken before once may go on by a day.
pub(crate) fn early_end(covered: &CoveredDays<'_>) -> Option<EarlyEnd> {
    let lines: Vec<u64> = covered.days.iter().map(|(_, lines)| *lines).collect();
    let run = few_at_the_end(&lines);
    let (before, few) = lines.split_at_checked(lines.len().checked_sub(run)?)?;
    let (in_all, with_lines) = (lines.iter().sum::<u64>(), before.iter().filter(|lines| **lines > 0).count());
    let tells = in_all >= LINES_SURE || (in_all >= LINES_MIN && with_lines >= DAYS_MIN);
    if run == 0 || before.is_empty() || !tells {
        return None;
    }
    let allowed = longest_few(before).max(covered.usual_run).max(usize::from(!is_comparable(before)));
    let goes_on = covered.few_before > allowed && run <= covered.few_before + 1;
    if run <= allowed || goes_on {
        return None;
    }
    let (first, _) = covered.days.get(before.len())?;
    let (last, _) = covered.days.last()?;
    Some(EarlyEnd { first: *first, last: *last, lines: few.iter().sum(), usual: median(before) })
}

/// Says whether a month's first file has far fewer lines than the month before has on the same days.
pub(crate) fn far_below(month: BillMonth, before: u64, lines: u64) -> Option<FarBelow> {
    let is_far = before >= MONTH_LINES_MIN && lines.saturating_mul(FAR_BELOW_PART) < before;
    is_far.then_some(FarBelow { month, before, lines })
}

#[cfg(test)]
mod tests;
