//! Cells that groups are made of, and what one thread read of them.

use crate::bills::BillError;
use crate::formats::schema::Column;

use super::dictionary::Dictionary;
use super::field::BillField;
use super::sums::ColumnSums;

/// What cells have sums of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Summed {
    Column(Column),
    Lines,
}

/// Cells that can be looked through column by column.
pub(super) trait ColumnCells: Send + Sync {
    /// Returns how many cells there are.
    fn len(&self) -> usize;

    /// Returns, for a field or behind them the currency, each cell's number in the stack's dictionary.
    fn numbers(&self, field: usize, dictionary: &Dictionary) -> Result<Vec<u32>, BillError>;

    /// Returns the number of decimals, `None` where there is nothing to be added.
    fn scale(&self, summed: Summed) -> Option<u8>;

    /// Adds each cell's sum to the group beside it; `sums` have at least as many decimals.
    fn add(&self, summed: Summed, groups: &[u32], sums: &mut ColumnSums) -> Result<(), BillError>;
}

/// What one thread read.
pub(super) struct Stack<C> {
    /// One for each field, then the currency's.
    pub(super) dictionaries: Vec<Dictionary>,
    pub(super) parts: Vec<C>,
}

impl<C> Stack<C> {
    /// Makes a stack of nothing.
    pub(super) fn new(fields: &[BillField]) -> Stack<C> {
        let dictionaries = fields.iter().map(Dictionary::of).chain([Dictionary::names()]).collect();
        Stack { dictionaries, parts: Vec::new() }
    }
}
