//! A line that only one of two revisions has.

use crate::values::money::Amount;

/// The cells of a line, one after another.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct LineCells {
    pub(super) bytes: Vec<u8>,
    ends: Vec<u32>,
}

impl LineCells {
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
    }

    /// Ends a cell whose bytes have been appended.
    pub(super) fn end(&mut self) {
        // A record is at most some MiB long.
        self.ends.push(u32::try_from(self.bytes.len()).unwrap_or(u32::MAX));
    }

    pub(super) fn get(&self, at: usize) -> &[u8] {
        let from = at.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or(0);
        let to = self.ends.get(at).copied().unwrap_or(from);
        self.bytes.get(from as usize..to as usize).unwrap_or_default()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &[u8]> + Clone {
        (0..self.ends.len()).map(|at| self.get(at))
    }
}

/// Where a line lies in the store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct StoredLine {
    /// The number of its segment.
    pub segment: u64,
    /// Its place among the segment's lines as the blocks have them, from 0.
    pub row: u32,
}

/// A line that only one of two revisions has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiffLine {
    /// Where it lies: what [`crate::bills::BillView::line_ids`] makes an id of.
    pub stored: StoredLine,
    /// The day of the month under which exports cover it.
    pub coverage_day: u8,
    /// The owner as a number; 0 for none.
    pub owner: u64,
    /// The currency.
    pub currency: String,
    /// The amount of each of the comparison's summed columns.
    pub amounts: Vec<Amount>,
    pub(super) cells: LineCells,
}

impl DiffLine {
    /// Goes through the cells under the comparison's headers, as imported.
    pub fn cells(&self) -> impl Iterator<Item = &[u8]> + Clone {
        self.cells.iter()
    }

    /// Returns about how much memory it takes.
    pub(super) fn bytes(&self) -> usize {
        const FIXED: usize = 160;
        self.cells.bytes.len() + self.cells.ends.len() * 4 + self.amounts.len() * size_of::<Amount>() + FIXED
    }
}
