//! A bill's lines: in the order of exports, and in the order in which they were imported.
//!
//! The order of exports is day of coverage, owner, time, content. It depends on the lines alone, not on how they
//! were split over files, segments or blocks, so that one revision gives the same bytes on every machine. Blocks
//! are sorted that way already; where blocks of several segments hold the same day, they are merged.

use std::cmp::Ordering;
use std::collections::HashSet;
use std::ops::Range;

use crate::engine::store::{Records, StoreError};
use crate::values::period::Basis;

use super::error::BillError;
use super::owners::Owners;
use super::read_block::ReadBlock;
use super::records::BlockUse;
use super::view::{BillView, SegmentView};

/// Some lines of a block, one after another.
pub struct Slice<'a> {
    /// The block.
    pub block: &'a ReadBlock,
    /// Which of its lines.
    pub rows: Range<usize>,
}

/// Which lines are wanted.
#[derive(Clone, Debug)]
pub struct LineFilter<'a> {
    /// From which day of coverage on, 1 to 31.
    pub first_day: u8,
    /// Through which day of coverage, 1 to 31.
    pub last_day: u8,
    /// Whose.
    pub owners: Owners,
    /// The blocks that can hold them, where that is known.
    pub blocks: Option<&'a HashSet<u64>>,
}

impl LineFilter<'_> {
    /// All lines.
    pub fn all() -> LineFilter<'static> {
        LineFilter { first_day: 1, last_day: u8::MAX, owners: Owners::all(), blocks: None }
    }
}

impl BillView {
    /// Visits lines in the order of exports.
    ///
    /// Only the blocks that may hold wanted lines are read, and of one day as many at once as segments share it.
    ///
    /// # Errors
    /// [`BillError`] when the store is damaged, or what `visit` returns.
    pub fn walk<E: From<BillError>>(
        &self,
        store: &impl Records,
        filter: &LineFilter<'_>,
        visit: &mut dyn FnMut(Slice<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        for day in filter.first_day..=31_u8.min(filter.last_day) {
            walk_day(store, self, filter, day, visit)?;
        }
        Ok(())
    }
}

/// The blocks of one segment and day, with the one that is read.
struct Cursor<'a> {
    segment: &'a SegmentView,
    blocks: Vec<BlockUse>,
    next: usize,
    /// The block at hand, and the row of the next line to tell.
    open: Option<(ReadBlock, usize)>,
}

impl Cursor<'_> {
    /// A lower bound of the owners that are to come from a block not yet read.
    fn closed_from(&self) -> Option<u64> {
        if self.open.is_some() { None } else { self.blocks.get(self.next).map(|b| b.owner_min) }
    }

    /// Reads the next block, and goes to the first line in it that is wanted. Of a block of which much is not wanted, no more than has to be
    /// is decoded.
    fn read(&mut self, store: &impl Records, basis: Basis, wanted: &Owners) -> Result<(), BillError> {
        let Some(used) = self.blocks.get(self.next) else { return Ok(()) };
        self.next += 1;
        let mut block = ReadBlock::read(store, self.segment, used, basis)?;
        let owners = block.owners()?;
        let rows = wanted.rows_in(owners);
        if rows.is_empty() {
            self.open = None;
        } else if rows.len() + rows.len() / 8 < owners.len() {
            block.look_at(rows);
            self.open = Some((block, 0));
        } else {
            self.open = Some((block, rows.start));
        }
        Ok(())
    }

    /// Goes on in its block from a row on, with the first line there that is wanted: lines that nobody wants need not be put in
    /// order with those of other segments. Without any the block is done.
    fn go_on(&mut self, from: usize, wanted: &Owners) -> Result<(), BillError> {
        let Some((block, row)) = &mut self.open else { return Ok(()) };
        let rest = block.owners()?.get(from..).unwrap_or_default();
        let skipped = rest.first().and_then(|first| {
            let next = wanted.next_from(*first)?;
            Some(if next == *first { 0 } else { rest.partition_point(|owner| *owner < next) })
        });
        match skipped {
            Some(skipped) if skipped < rest.len() => *row = from + skipped,
            _ => self.open = None,
        }
        Ok(())
    }
}

/// The segments that have lines of a day, being merged.
struct Merge<'a> {
    cursors: Vec<Cursor<'a>>,
    /// The cursors with a block at hand, in the order of their next lines, the first of all at the end.
    heads: Vec<usize>,
    /// Of the cursors that have to read a block, the one whose owners may begin first, and with whom.
    closed: Option<(u64, usize)>,
}

impl Merge<'_> {
    fn find_closed(&mut self) {
        let cursors = self.cursors.iter().enumerate();
        self.closed = cursors.filter_map(|(i, cursor)| Some((cursor.closed_from()?, i))).min();
    }

    /// Says whether a line of a cursor's block comes before the next line of another one. Among equals that of the earlier load
    /// does.
    fn comes_before(&self, i: usize, row: usize, other: usize) -> Result<bool, BillError> {
        let open = |i: usize| self.cursors.get(i).and_then(|c| c.open.as_ref());
        let (Some((block, _)), Some((theirs, their_row))) = (open(i), open(other)) else { return Ok(false) };
        let order = block.compare(row, theirs, *their_row)?;
        Ok(order == Ordering::Less || (order == Ordering::Equal && i < other))
    }

    /// Puts a cursor that has moved in its place among the others.
    fn settle(&mut self, i: usize) -> Result<(), BillError> {
        let Some(row) = self.cursors.get(i).and_then(|c| c.open.as_ref()).map(|(_, row)| *row) else {
            self.find_closed();
            return Ok(());
        };
        let (mut low, mut high) = (0, self.heads.len());
        while low < high {
            let middle = low + (high - low) / 2;
            match self.heads.get(middle) {
                Some(head) if self.comes_before(i, row, *head)? => low = middle + 1,
                _ => high = middle,
            }
        }
        self.heads.insert(low, i);
        Ok(())
    }

    /// Returns up to which row of its block the first cursor goes on before another one must be heard.
    fn run_end(&self, first: usize, block: &ReadBlock, row: usize) -> Result<usize, BillError> {
        let mut to = block.rows();
        // The block is sorted as the merge is, and the others come after the second.
        if let Some(second) = self.heads.iter().rev().find(|head| **head != first) {
            // Where lines of segments alternate the end is near: look twice as far each time, and search between the last two.
            // The head itself comes before all.
            let (mut low, mut step) = (row + 1, 1);
            let mut high = to;
            while low < high {
                let at = (low + step - 1).min(high - 1);
                if self.comes_before(first, at, *second)? {
                    low = at + 1;
                    step *= 2;
                } else {
                    high = at;
                    break;
                }
            }
            while low < high {
                let middle = low + (high - low) / 2;
                if self.comes_before(first, middle, *second)? {
                    low = middle + 1;
                } else {
                    high = middle;
                }
            }
            to = low;
        }
        if let Some((from, _)) = self.closed {
            let run = block.owners()?.get(row..to).unwrap_or_default();
            if run.last().is_some_and(|last| *last >= from) {
                to = row + run.partition_point(|owner| *owner < from);
            }
        }
        // The first cursor's head is the smallest of all, or equal to it: there is always one line to tell.
        Ok(to.max(row + 1))
    }
}

fn walk_day<E: From<BillError>>(
    store: &impl Records,
    view: &BillView,
    filter: &LineFilter<'_>,
    day: u8,
    visit: &mut dyn FnMut(Slice<'_>) -> Result<(), E>,
) -> Result<(), E> {
    let basis = view.bill.key.basis;
    let cursors: Vec<Cursor<'_>> = view
        .segments()
        .map(|segment| {
            let wanted = |b: &&BlockUse| {
                b.coverage_day == day
                    && filter.owners.touch(&(b.owner_min..=b.owner_max))
                    && filter.blocks.is_none_or(|blocks| blocks.contains(&b.block))
            };
            let blocks: Vec<BlockUse> = segment.record.blocks.iter().filter(wanted).copied().collect();
            Cursor { segment, blocks, next: 0, open: None }
        })
        .filter(|c| !c.blocks.is_empty())
        .collect();
    let mut merge = Merge { cursors, heads: Vec::new(), closed: None };
    merge.find_closed();
    loop {
        let first = merge.heads.last().copied();
        let head = first.and_then(|first| merge.cursors.get(first)?.open.as_ref());
        let head_owner = match head {
            Some((block, row)) => Some(block.owners()?.get(*row).copied().unwrap_or(0)),
            None => None,
        };
        // A block that may begin before the head, or with its owner, has to be read before anything is told.
        if let Some((from, closed)) = merge.closed
            && head_owner.is_none_or(|head| from <= head)
        {
            if let Some(cursor) = merge.cursors.get_mut(closed) {
                cursor.read(store, basis, &filter.owners)?;
            }
            merge.settle(closed)?;
            merge.find_closed();
            continue;
        }
        let (Some(first), Some((block, row))) = (first, head) else { return Ok(()) };
        let to = merge.run_end(first, block, *row)?;
        let run = block.owners()?.get(*row..to).unwrap_or_default();
        let (least, most) = (run.first().copied().unwrap_or(0), run.last().copied().unwrap_or(0));
        let ranges = &filter.owners.0;
        let ranges = ranges.get(ranges.partition_point(|(_, high)| *high < least)..).unwrap_or_default();
        for (low, high) in ranges.iter().take_while(|(low, _)| *low <= most) {
            let from = row + run.partition_point(|o| o < low);
            let end = row + run.partition_point(|o| o <= high);
            if from < end {
                visit(Slice { block, rows: from..end })?;
            }
        }
        merge.heads.pop();
        if let Some(cursor) = merge.cursors.get_mut(first) {
            cursor.go_on(to, &filter.owners)?;
        }
        merge.settle(first)?;
    }
}

impl SegmentView {
    /// Visits the lines of one segment in the order in which they were imported.
    ///
    /// # Errors
    /// [`BillError`] when the store is damaged, or what `visit` returns.
    pub fn walk_imported<E: From<BillError>>(
        &self,
        store: &impl Records,
        basis: Basis,
        visit: &mut dyn FnMut(&ReadBlock, usize) -> Result<bool, E>,
    ) -> Result<bool, E> {
        let rows = self.record.rows as usize;
        let order = self.line_order(store)?;
        let mut blocks = Vec::new();
        let mut places = vec![(u32::MAX, 0_u32); rows];
        let mut ordinals = order.iter();
        for (number, used) in self.record.blocks.iter().enumerate() {
            blocks.push(ReadBlock::read(store, self, used, basis)?);
            for row in 0..used.rows {
                if let Some(slot) = ordinals.next().and_then(|o| places.get_mut(*o as usize)) {
                    *slot = (number as u32, row);
                }
            }
        }
        for (block, row) in places {
            let block = blocks.get(block as usize).ok_or_else(|| {
                BillError::Store(StoreError::Damaged {
                    what: format!("segment {}", self.number),
                    why: "its blocks have fewer lines than it".into(),
                })
            })?;
            if !visit(block, row as usize)? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
