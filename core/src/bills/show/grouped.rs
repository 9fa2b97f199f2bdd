//! A grouped bill, as it is shown.

use std::ops::Range;

use crate::formats::schema::Column;
use crate::values::money::Amount;

use super::field::BillField;
use super::key::GroupKeys;
use super::sums::ColumnSums;

/// A bill, grouped: rows sorted by their keys and currency.
#[derive(Debug)]
pub struct Grouped {
    /// By what.
    pub fields: Vec<BillField>,
    /// Which amounts there are.
    pub columns: Vec<Column>,
    pub(super) groups: GroupKeys,
    /// For each field, then for the currency: the values there are, in the order of rows.
    pub(super) values: Vec<Vec<String>>,
    pub(super) lines: ColumnSums,
    pub(super) amounts: Vec<ColumnSums>,
}

impl Grouped {
    /// Goes through the rows.
    pub fn rows(&self) -> impl Iterator<Item = GroupRow<'_>> {
        self.rows_in(0..self.len())
    }

    /// Goes through the rows of a range, as far as there are any.
    pub fn rows_in(&self, range: Range<usize>) -> impl Iterator<Item = GroupRow<'_>> {
        (range.start..range.end.min(self.len())).map(|at| GroupRow { grouped: self, at })
    }

    /// Returns how many rows there are.
    pub fn len(&self) -> usize {
        self.groups.len()
    }

    /// Says whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Goes through the values of each field, and then the currencies: [`GroupRow::places`] are places in them.
    ///
    /// Whoever writes many rows makes each value ready once.
    pub fn values(&self) -> impl Iterator<Item = &[String]> {
        self.values.iter().map(Vec::as_slice)
    }
}

/// A row of a grouped bill.
#[derive(Clone, Copy, Debug)]
pub struct GroupRow<'a> {
    grouped: &'a Grouped,
    at: usize,
}

impl<'a> GroupRow<'a> {
    /// Returns, for each field and then for the currency, the place of the row's value among [`Grouped::values`].
    pub fn places(&self) -> impl Iterator<Item = usize> + use<'a> {
        self.grouped.groups.ranks(self.at).map(|rank| rank as usize)
    }

    fn values(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        let values = self.grouped.values.iter().zip(self.places());
        values.map(|(values, place)| values.get(place).map_or("", String::as_str))
    }

    /// Returns the value of each field, without the white space around it.
    pub fn keys(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.values().take(self.grouped.fields.len())
    }

    /// Returns the currency.
    pub fn currency(&self) -> &'a str {
        self.values().last().unwrap_or("")
    }

    /// Returns how many lines there are.
    pub fn lines(&self) -> u64 {
        u64::try_from(self.grouped.lines.mantissa(self.at)).unwrap_or(0)
    }

    /// Returns the sum of each of the columns, as it is shown.
    pub fn amounts(&self) -> impl Iterator<Item = Amount> + use<'a> {
        let at = self.at;
        self.grouped.amounts.iter().map(move |sums| sums.get(at).with_sum_scale())
    }
}
