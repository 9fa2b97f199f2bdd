//! Adds up what is written, so that it can be compared with what the roll-ups tell.

use std::collections::BTreeMap;

use crate::bill::BillError;
use crate::block::Sums;
use crate::money::Amount;
use crate::rollup::Overflow;
use crate::schema::Column;

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
    /// The totals of the rows, but for the precision rows.
    pub rows_total: Amount,
    /// The totals of the precision rows.
    pub precision: Amount,
    /// The total of the lines.
    pub total: Amount,
}

/// What the rows of a level add up to.
pub(super) struct Tally {
    level: &'static str,
    by_currency: BTreeMap<String, Sums>,
    /// What of it stands in precision rows.
    precision: BTreeMap<String, Amount>,
    rows: u64,
}

impl Tally {
    pub(super) fn new(level: &'static str) -> Tally {
        Tally { level, by_currency: BTreeMap::new(), precision: BTreeMap::new(), rows: 0 }
    }

    fn of(&mut self, currency: &str) -> &mut Sums {
        if !self.by_currency.contains_key(currency) {
            self.by_currency.insert(currency.to_owned(), Sums::new(currency));
        }
        self.by_currency.entry(currency.to_owned()).or_default()
    }

    /// Counts lines that went in.
    pub(super) fn lines(&mut self, currency: &str, lines: u64) {
        self.of(currency).lines += lines;
    }

    /// Counts a row that was written.
    pub(super) fn row(&mut self) {
        self.rows += 1;
    }

    /// Adds an amount that was written.
    pub(super) fn add(&mut self, currency: &str, column: Column, amount: Amount) -> Result<(), ExportError> {
        Ok(self.of(currency).add(column, amount).ok_or(Overflow).map_err(BillError::from)?)
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
            let sum = self.precision.entry(currency.to_owned()).or_default();
            *sum = sum.checked_add(amount).ok_or(Overflow).map_err(BillError::from)?;
        }
        Ok(())
    }

    /// Returns the sums by currency, in order.
    pub(super) fn sums(&self) -> Vec<Sums> {
        self.by_currency.values().cloned().collect()
    }

    /// Returns how the rows come to the total.
    pub(super) fn ties(&self) -> Vec<Tie> {
        let tie = |sums: &Sums| {
            let precision = self.precision.get(&sums.currency).copied().unwrap_or_default().with_sum_scale();
            let total = sums.total();
            let rows_total = total.checked_sub(precision).unwrap_or(total).with_sum_scale();
            let (level, currency) = (self.level, sums.currency.clone());
            Tie { level, currency, lines: sums.lines, rows_total, precision, total }
        };
        self.by_currency.values().map(tie).collect()
    }
}
