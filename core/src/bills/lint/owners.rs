//! Rules about what lines add up to: the precision difference, accounts and months below zero.
//!
//! L3 lines have 8 decimals and the account is charged with 2, so a month has a row that makes up the difference. What is
//! documented is that it is part of the total. Which lines are rounded together (each, each transaction, all of a month)
//! is not, and real rows are both as small as −0.00000285 and as large as −0.69. So two things are held against it:
//!
//! - *size*: a line is charged at most a cent more or less than it shows, so the rows of an account are no larger than a
//!   cent for each of its lines;
//! - *gap*: with the rows, the lines should come to two decimals, all in all. This is told as a notice only.
//!
//! The payer's row is held against all lines of the bill, since the payer is who is charged; for the gap, its own lines may
//! come to two decimals as well. The row of another account is held against its own lines.

use rustc_hash::FxHashMap;

use crate::bills::{BillError, BillView, LineAt, ReadBlock, map_cells};
use crate::engine::rollup::Names;
use crate::formats::schema::{BillLevel, Column};
use crate::values::digest::lines_counted;
use crate::values::money::Amount;

use super::cells::{Numbers, is_precision};
use super::drive::BlockPlace;
use super::exact::{minus, plus, rounded, short, size};
use super::found::{Candidate, FindingKey, LintFindings};
use super::rule::Rule;

/// The decimals that accounts are charged with.
const CHARGED_DECIMALS: u8 = 2;

/// An account's lines of one currency.
#[derive(Clone, Debug, Default)]
struct OwnerTally {
    /// All of them.
    lines: u64,
    total: Amount,
    /// Those that are precision differences.
    precision_lines: u64,
    precision: Amount,
    first_precision: Option<LineAt>,
}

impl OwnerTally {
    fn merge(&mut self, other: &OwnerTally) -> Result<(), BillError> {
        self.lines += other.lines;
        self.total = plus(self.total, other.total)?;
        self.precision_lines += other.precision_lines;
        self.precision = plus(self.precision, other.precision)?;
        self.first_precision = match (self.first_precision, other.first_precision) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
        Ok(())
    }
}

/// What the lines add up to, by account and currency.
#[derive(Default)]
pub(super) struct Tallies {
    currencies: Names,
    /// By owner, 0 for none, and number of the currency.
    by_owner: FxHashMap<(u64, u32), OwnerTally>,
}

impl Tallies {
    /// Adds the lines of a block.
    pub(super) fn add(&mut self, block: &ReadBlock, place: &BlockPlace<'_>) -> Result<(), BillError> {
        let (schema, rows) = (block.schema(), block.rows());
        let totals = Numbers::at(block, schema.total_index())?;
        let currencies = std::cell::RefCell::new(&mut self.currencies);
        let currencies: Vec<u32> = match (schema.implied_currency(), schema.index_of(Column::Currency)) {
            (None, Some(index)) => {
                map_cells(block.column(index)?, rows, |cell| currencies.borrow_mut().number(cell))
            }
            (implied, _) => vec![currencies.borrow_mut().number(implied.unwrap_or("").as_bytes()); rows],
        };
        let precision = match schema.index_of(Column::TransactionType) {
            Some(index) if schema.level() == BillLevel::L3 => {
                map_cells(block.column(index)?, rows, is_precision)
            }
            _ => Vec::new(),
        };
        // Lines of an owner lie side by side.
        let mut key = None;
        let mut tally = OwnerTally::default();
        for (row, (owner, currency)) in block.owners()?.iter().zip(&currencies).enumerate() {
            let of_row = (*owner, *currency);
            if key != Some(of_row) {
                if let Some(key) = key {
                    self.by_owner.entry(key).or_default().merge(&tally)?;
                }
                (key, tally) = (Some(of_row), OwnerTally::default());
            }
            let total = totals.get(row).unwrap_or_default();
            tally.lines += 1;
            tally.total = plus(tally.total, total)?;
            if precision.get(row).copied().unwrap_or(false) {
                tally.precision_lines += 1;
                tally.precision = plus(tally.precision, total)?;
                tally.first_precision.get_or_insert(place.line(row));
            }
        }
        if let Some(key) = key {
            self.by_owner.entry(key).or_default().merge(&tally)?;
        }
        Ok(())
    }

    /// Adds what another thread has added up.
    pub(super) fn merge(&mut self, other: Tallies) -> Result<(), BillError> {
        let numbers: Vec<u32> =
            other.currencies.iter().map(|currency| self.currencies.number(currency)).collect();
        for ((owner, currency), tally) in other.by_owner {
            let currency = numbers.get(currency as usize).copied().unwrap_or_default();
            self.by_owner.entry((owner, currency)).or_default().merge(&tally)?;
        }
        Ok(())
    }

    /// Tells what is wrong with what the lines add up to.
    pub(super) fn check(&self, view: &BillView, found: &mut LintFindings) -> Result<(), BillError> {
        let payer = view.bill.key.payer.number();
        let mut months: FxHashMap<u32, OwnerTally> = FxHashMap::default();
        for ((_, currency), tally) in &self.by_owner {
            months.entry(*currency).or_default().merge(tally)?;
        }
        for ((owner, currency), tally) in &self.by_owner {
            let key = |rule| FindingKey { rule, product: None, currency: self.currency(*currency) };
            found.checked(Rule::NegativeOwner, tally.lines);
            // The precision difference is not something that the account used.
            let used = minus(tally.total, tally.precision)?;
            if used < Amount::ZERO && *owner != 0 {
                let lines = tally.lines.saturating_sub(tally.precision_lines);
                let what = format!("account {owner} has {} in {lines} lines", used.with_sum_scale());
                let candidate = Candidate { stake: used, at: None, other: None, what };
                found.add(key(Rule::NegativeOwner), candidate)?;
            }
            if tally.precision_lines > 0 {
                let month = months.get(currency).filter(|_| *owner == payer || *owner == 0);
                check_precision(tally, month, key, found)?;
            }
        }
        for (currency, month) in &months {
            found.checked(Rule::NegativeMonth, month.lines);
            if month.total < Amount::ZERO {
                let total = month.total.with_sum_scale();
                let what = format!("the month has {total} in {}", lines_counted(month.lines));
                let key = FindingKey {
                    rule: Rule::NegativeMonth,
                    product: None,
                    currency: self.currency(*currency),
                };
                found.add(key, Candidate { stake: month.total, at: None, other: None, what })?;
            }
        }
        Ok(())
    }

    fn currency(&self, number: u32) -> String {
        self.currencies.text(number)
    }
}

/// Holds an account's precision differences against its lines, or against all of the month.
fn check_precision(
    own: &OwnerTally,
    month: Option<&OwnerTally>,
    key: impl Fn(Rule) -> FindingKey,
    found: &mut LintFindings,
) -> Result<(), BillError> {
    let scope = month.unwrap_or(own);
    let whose = if month.is_some() { "the month" } else { "the account" };
    found.checked(Rule::Precision, own.precision_lines);
    found.checked(Rule::PrecisionGap, own.precision_lines);
    let lines = scope.lines.saturating_sub(scope.precision_lines);
    let most = Amount::new(i128::from(lines), CHARGED_DECIMALS);
    let candidate = |stake, what| Candidate { stake, at: own.first_precision, other: None, what };
    let shown = own.precision.with_sum_scale();
    if size(own.precision).is_none_or(|size| size > most) {
        let what = format!("the difference is {shown}, and {whose} has only {lines} lines to be rounded");
        return found.add(key(Rule::Precision), candidate(own.precision, what));
    }
    let whole = |tally: &OwnerTally| short(tally.total).scale() <= CHARGED_DECIMALS;
    if whole(scope) || whole(own) {
        return Ok(());
    }
    let nearest = rounded(scope.total, CHARGED_DECIMALS).unwrap_or(scope.total);
    let gap = nearest.checked_sub(scope.total).unwrap_or_default();
    let what = format!(
        "with a difference of {shown}, {whose} has {}, not two decimals",
        scope.total.with_sum_scale()
    );
    found.add(key(Rule::PrecisionGap), candidate(gap, what))
}
