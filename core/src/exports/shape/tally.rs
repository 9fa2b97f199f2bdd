//! Adds up what is written, so that it can be compared with what the roll-ups tell.

use std::collections::BTreeMap;

use crate::bills::BillError;
use crate::engine::block::Sums;
use crate::engine::rollup::Overflow;
use crate::formats::schema::Column;
use crate::values::money::Amount;

use super::super::ExportError;

/// How the rows of a level come to the total of the lines, in one currency.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tie {
    /// `l1`, `l2`, `l3-monthly` or `l3`
    pub level: &'static str,
    /// ISO 4217 code.
    pub currency: String,
    /// Lines that went in.
    pub lines: u64,
    /// Rows that came out, precision rows among them; of summaries those of all.
    pub rows: u64,
    /// The totals of the rows, but for the precision rows.
    pub rows_total: Amount,
    /// The totals of the precision rows.
    pub precision: Amount,
    /// The total of the lines.
    pub total: Amount,
}

/// What rows add up to in one currency.
#[derive(Default)]
struct CurrencySums {
    sums: Sums,
    /// What of the total stands in precision rows.
    precision: Amount,
    rows: u64,
}

/// What the rows of a level add up to.
pub(super) struct LevelTally {
    level: &'static str,
    by_currency: BTreeMap<String, CurrencySums>,
}

impl LevelTally {
    pub(super) fn new(level: &'static str) -> LevelTally {
        LevelTally { level, by_currency: BTreeMap::new() }
    }

    fn with<T>(&mut self, currency: &str, change: impl FnOnce(&mut CurrencySums) -> T) -> T {
        if let Some(added) = self.by_currency.get_mut(currency) {
            return change(added);
        }
        let mut new = CurrencySums { sums: Sums::new(currency), ..CurrencySums::default() };
        let changed = change(&mut new);
        self.by_currency.insert(currency.to_owned(), new);
        changed
    }

    /// Counts lines that went in.
    pub(super) fn lines(&mut self, currency: &str, lines: u64) {
        self.with(currency, |added| added.sums.lines += lines);
    }

    /// Counts a row that was written.
    pub(super) fn row(&mut self, currency: &str) {
        self.with(currency, |added| added.rows += 1);
    }

    /// Adds an amount that was written.
    pub(super) fn add(&mut self, currency: &str, column: Column, amount: Amount) -> Result<(), ExportError> {
        let added = self.with(currency, |added| added.sums.add(column, amount));
        Ok(added.ok_or(Overflow).map_err(BillError::from)?)
    }

    /// Adds an amount that was written in a precision row.
    pub(super) fn add_precision(
        &mut self,
        currency: &str,
        column: Column,
        amount: Amount,
    ) -> Result<(), ExportError> {
        self.add(currency, column, amount)?;
        if column == Column::Total {
            let add = |added: &mut CurrencySums| {
                added.precision = added.precision.checked_add(amount)?;
                Some(())
            };
            self.with(currency, add).ok_or(Overflow).map_err(BillError::from)?;
        }
        Ok(())
    }

    /// Adds what other rows add up to.
    pub(super) fn merge(&mut self, other: &LevelTally) -> Result<(), ExportError> {
        for (currency, more) in &other.by_currency {
            let add = |added: &mut CurrencySums| {
                added.rows += more.rows;
                added.precision = added.precision.checked_add(more.precision)?;
                added.sums.merge(&more.sums)
            };
            self.with(currency, add).ok_or(Overflow).map_err(BillError::from)?;
        }
        Ok(())
    }

    /// Counts the rows of another CSV that tells of the same lines.
    fn count_rows_of(&mut self, other: &LevelTally) {
        for (currency, more) in &other.by_currency {
            self.with(currency, |added| added.rows += more.rows);
        }
    }

    /// Returns which level it is of.
    fn level(&self) -> &'static str {
        self.level
    }

    /// Returns the sums by currency, in order.
    pub(super) fn sums(&self) -> Vec<Sums> {
        self.by_currency.values().map(|added| added.sums.clone()).collect()
    }

    /// Returns how the rows come to the total.
    fn ties(&self) -> Vec<Tie> {
        let tie = |CurrencySums { sums, precision, rows }: &CurrencySums| {
            let (total, precision) = (sums.total(), precision.with_sum_scale());
            // Both are parts of the same sum: what can be added can be taken away.
            let rows_total = total.checked_sub(precision).unwrap_or(total).with_sum_scale();
            let (level, currency) = (self.level, sums.currency.clone());
            Tie { level, currency, lines: sums.lines, rows: *rows, rows_total, precision, total }
        };
        self.by_currency.values().map(tie).collect()
    }
}

/// Returns how the rows of each level come to the total; several tallies of one level tell of the same lines.
pub(super) fn ties(tallies: Vec<LevelTally>) -> Vec<Tie> {
    let mut levels: Vec<LevelTally> = Vec::new();
    for tally in tallies {
        match levels.iter_mut().find(|level| level.level() == tally.level()) {
            Some(level) => level.count_rows_of(&tally),
            None => levels.push(tally),
        }
    }
    levels.iter().flat_map(LevelTally::ties).collect()
}
