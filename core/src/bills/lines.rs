//! A bill's lines: in the order of exports, and in the order in which they were imported.
//!
//! The order of exports is day of coverage, owner, time, content. It depends on the lines alone, not on how they
//! were split over files, segments or blocks, so that one revision gives the same bytes on every machine. Blocks
//! are sorted that way already; where blocks of several segments hold the same day, they are merged.

use std::any::Any;
use std::cell::OnceCell;
use std::cmp::Ordering;
use std::collections::HashSet;
use std::ops::{Range, RangeInclusive};
use std::sync::Arc;

use crate::engine::block::text::read_time;
use crate::engine::block::{Block, ColumnData, IntegerForm};
use crate::engine::store::{Large, Records, StoreError};
use crate::formats::schema::{Column, Schema};
use crate::values::digest::LineHasher;
use crate::values::money::trim_cell;
use crate::values::period::{Basis, Day};
use crate::values::uin::Uin;

use super::error::BillError;
use super::origin;
use super::records::BlockUse;
use super::view::{BillView, SegmentView};

/// Whose lines are wanted, as ascending ranges of owners' numbers; 0 stands for lines without an owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owners(Vec<(u64, u64)>);

impl Owners {
    /// Everybody's.
    pub fn all() -> Owners {
        Owners(vec![(0, u64::MAX)])
    }

    /// One account's.
    pub fn one(uin: Uin) -> Owners {
        Owners(vec![(uin.number(), uin.number())])
    }

    /// The customers': neither the payer's own nor those without an owner.
    pub fn customers(payer: Uin) -> Owners {
        Owners(vec![(1, payer.number() - 1), (payer.number() + 1, u64::MAX)])
    }

    /// Says whether an owner is among them.
    pub fn contains(&self, owner: u64) -> bool {
        self.next_from(owner) == Some(owner)
    }

    /// Those of these accounts, which come in ascending order.
    pub fn of(owners: impl Iterator<Item = u64>) -> Owners {
        Owners(owners.map(|owner| (owner, owner)).collect())
    }

    /// Returns the first of them from a number on.
    fn next_from(&self, owner: u64) -> Option<u64> {
        let at = self.0.partition_point(|(_, last)| *last < owner);
        self.0.get(at).map(|(first, _)| owner.max(*first))
    }

    /// Returns the last of them up to a number.
    fn last_to(&self, owner: u64) -> Option<u64> {
        let at = self.0.partition_point(|(first, _)| *first <= owner);
        self.0.get(at.checked_sub(1)?).map(|(_, last)| owner.min(*last))
    }

    /// Returns the rows from the first to the last that they own, of rows whose owners ascend.
    fn rows_in(&self, owners: &[u64]) -> Range<usize> {
        let (mut from, mut to) = (0, owners.len());
        while let Some(owner) = owners.get(from) {
            match self.next_from(*owner) {
                Some(next) if next == *owner => break,
                Some(next) => from += owners.get(from..).unwrap_or_default().partition_point(|o| *o < next),
                None => return 0..0,
            }
        }
        while let Some(owner) = to.checked_sub(1).filter(|_| to > from).and_then(|last| owners.get(last)) {
            match self.last_to(*owner) {
                Some(last) if last == *owner => break,
                Some(last) => to = owners.partition_point(|o| *o <= last),
                None => return 0..0,
            }
        }
        from..to.max(from)
    }

    fn touch(&self, of: &RangeInclusive<u64>) -> bool {
        self.next_from(*of.start()).is_some_and(|owner| owner <= *of.end())
    }
}

/// Owners of lines, which may be others on other days of coverage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnersByDay(Vec<(u8, u8, Owners)>);

impl From<Owners> for OwnersByDay {
    fn from(owners: Owners) -> Self {
        OwnersByDay(vec![(0, u8::MAX, owners)])
    }
}

impl OwnersByDay {
    /// Those of spans of days, each with its first and last day.
    pub fn of(spans: Vec<(u8, u8, Owners)>) -> OwnersByDay {
        OwnersByDay(spans)
    }

    /// Returns the first of those of a day from a number on.
    pub(super) fn next_from(&self, coverage_day: u8, owner: u64) -> Option<u64> {
        let of_day = |(first, last, _): &&(u8, u8, Owners)| (*first..=*last).contains(&coverage_day);
        self.0.iter().filter(of_day).filter_map(|(_, _, owners)| owners.next_from(owner)).min()
    }

    /// Says whether an owner is among them on any day.
    pub(crate) fn touch(&self, owner: u64) -> bool {
        self.touch_any(&(owner..=owner))
    }

    /// Says whether any of neighbouring owners is among them on any day.
    pub(crate) fn touch_any(&self, of: &RangeInclusive<u64>) -> bool {
        self.0.iter().any(|(_, _, owners)| owners.touch(of))
    }

    /// Says whether an owner is among them on a day.
    pub fn contains(&self, coverage_day: u8, owner: u64) -> bool {
        let of_day = |(first, last, _): &&(u8, u8, Owners)| (*first..=*last).contains(&coverage_day);
        self.0.iter().filter(of_day).any(|(_, _, owners)| owners.contains(owner))
    }
}

/// A block that has been read, with columns that are decoded once.
pub struct ReadBlock {
    number: u64,
    block: Block,
    schema: Arc<Schema>,
    /// Which of its lines are looked at: of the others nothing is decoded. Rows are counted from the first of them.
    looked_at: Range<usize>,
    columns: Vec<OnceCell<Arc<ColumnData>>>,
    owners: OnceCell<Vec<u64>>,
    times: OnceCell<Vec<i64>>,
    prepared: OnceCell<Box<dyn Any>>,
    basis: Basis,
}

impl ReadBlock {
    /// Reads a block of a segment.
    ///
    /// # Errors
    /// [`BillError::Block`] when its bytes are damaged.
    pub fn read(
        store: &impl Records,
        segment: &SegmentView,
        used: &BlockUse,
        basis: Basis,
    ) -> Result<ReadBlock, BillError> {
        let bytes = store.get_large(Large::Blocks, used.block)?;
        let block = Block::open(bytes).map_err(|error| BillError::Block { block: used.block, error })?;
        let schema = segment.schema.clone();
        if block.header().rows != used.rows || block.columns() != schema.headers().len() {
            return Err(StoreError::Damaged {
                what: format!("block {}", used.block),
                why: "it is not the one that its segment tells of".into(),
            }
            .into());
        }
        let columns = (0..block.columns()).map(|_| OnceCell::new()).collect();
        Ok(ReadBlock {
            number: used.block,
            looked_at: 0..block.rows(),
            block,
            schema,
            columns,
            owners: OnceCell::new(),
            times: OnceCell::new(),
            prepared: OnceCell::new(),
            basis,
        })
    }

    /// Looks at some of its lines alone, as if it had no others.
    fn look_at(&mut self, rows: Range<usize>) {
        self.looked_at = rows;
        self.columns.iter_mut().for_each(|column| *column = OnceCell::new());
        (self.owners, self.times, self.prepared) = (OnceCell::new(), OnceCell::new(), OnceCell::new());
    }

    /// Returns how many lines it has.
    pub fn rows(&self) -> usize {
        self.looked_at.len()
    }

    /// Returns the meaning of its columns.
    pub fn schema(&self) -> &Arc<Schema> {
        &self.schema
    }

    /// Returns its header.
    pub fn header(&self) -> &crate::engine::block::Header {
        self.block.header()
    }

    /// Returns a column, decoded.
    ///
    /// # Errors
    /// [`BillError::Block`] when its bytes are damaged.
    pub fn column(&self, index: usize) -> Result<&ColumnData, BillError> {
        self.decoded(index).map(Arc::as_ref)
    }

    /// Returns a column, decoded, to be kept with what is made of it.
    ///
    /// # Errors
    /// [`BillError::Block`] when its bytes are damaged.
    pub(crate) fn shared_column(&self, index: usize) -> Result<Arc<ColumnData>, BillError> {
        self.decoded(index).cloned()
    }

    fn decoded(&self, index: usize) -> Result<&Arc<ColumnData>, BillError> {
        let error = |error| BillError::Block { block: self.number, error };
        let missing = || error(crate::engine::block::BlockError::Damaged("it lacks a column"));
        let cell = self.columns.get(index).ok_or_else(missing)?;
        match cell.get() {
            Some(data) => Ok(data),
            None => {
                let data = self.block.column(index, self.looked_at.clone()).map_err(error)?;
                Ok(cell.get_or_init(|| Arc::new(data)))
            }
        }
    }

    /// Returns what a reader has made of this block, made at the first call.
    ///
    /// A merge goes back and forth between blocks, some lines at a time: what is made of a whole block is kept with
    /// it. One reader of a block makes one thing of it.
    ///
    /// # Errors
    /// What `make` returns.
    pub fn prepared<T: 'static, E>(&self, make: impl Fn(&ReadBlock) -> Result<T, E>) -> Result<&T, E> {
        loop {
            match self.prepared.get().and_then(|p| p.downcast_ref::<T>()) {
                Some(prepared) => return Ok(prepared),
                None => {
                    let made = make(self)?;
                    self.prepared.get_or_init(|| Box::new(made));
                }
            }
        }
    }

    /// Returns each line's owner as a number, 0 for none; ascending.
    pub(crate) fn owners(&self) -> Result<&[u64], BillError> {
        if let Some(owners) = self.owners.get() {
            return Ok(owners);
        }
        let owner = |cell: &[u8]| Uin::parse(trim_cell(cell)).map_or(0, Uin::number);
        let owners = match self.schema.index_of(Column::OwnerUin) {
            None => vec![0; self.rows()],
            Some(index) => {
                let of_integer = |form: IntegerForm, value| {
                    Some(Uin::of_number(form.plain_number(value)?).map_or(0, Uin::number))
                };
                map_integers(self.column(index)?, self.rows(), of_integer, owner)
            }
        };
        Ok(self.owners.get_or_init(|| owners))
    }

    /// Returns each line's time in seconds since 1970-01-01 00:00:00, the largest number for none.
    fn times(&self) -> Result<&[i64], BillError> {
        if let Some(times) = self.times.get() {
            return Ok(times);
        }
        let mut times = vec![i64::MAX; self.rows()];
        // The better column comes last and so wins.
        for column in Column::of_time(self.basis).into_iter().rev() {
            let Some(index) = self.schema.index_of(column) else { continue };
            let read = |cell: &[u8]| read_time(trim_cell(cell)).unwrap_or(i64::MAX);
            let found = map_integers(self.column(index)?, self.rows(), IntegerForm::time, read);
            for (slot, time) in times.iter_mut().zip(found) {
                if time != i64::MAX {
                    *slot = time;
                }
            }
        }
        Ok(self.times.get_or_init(|| times))
    }

    /// Returns each line's own day, as imports told it.
    ///
    /// # Errors
    /// [`BillError::Block`] when its bytes are damaged.
    pub fn own_days(&self) -> Result<Vec<Option<Day>>, BillError> {
        let of_time = |time: &i64| {
            (*time != i64::MAX)
                .then(|| i32::try_from(time.div_euclid(86_400)).ok().and_then(Day::from_epoch_days))
                .flatten()
        };
        let mut days: Vec<Option<Day>> = self.times()?.iter().map(of_time).collect();
        if let Some(index) = self.schema.index_of(Column::BillDay) {
            let read = |cell: &[u8]| Day::parse_prefix(trim_cell(cell));
            for (slot, day) in days.iter_mut().zip(map_cells(self.column(index)?, self.rows(), read)) {
                *slot = day.or(*slot);
            }
        }
        Ok(days)
    }

    /// Appends a line's cells one after another, and their ends.
    pub(crate) fn cells(
        &self,
        row: usize,
        cells: &mut Vec<u8>,
        ends: &mut Vec<usize>,
    ) -> Result<(), BillError> {
        cells.clear();
        ends.clear();
        for index in 0..self.columns.len() {
            self.column(index)?.write_cell(row, cells);
            ends.push(cells.len());
        }
        Ok(())
    }

    /// Hashes a line; with the hash comes its text's length, of all cells and one for each.
    pub(crate) fn hash(&self, row: usize, hasher: &mut LineHasher) -> Result<([u8; 32], u64), BillError> {
        let (mut cells, mut ends) = (Vec::new(), Vec::new());
        self.cells(row, &mut cells, &mut ends)?;
        let hash = hasher.hash((0..ends.len()).map(|i| {
            let from = i.checked_sub(1).and_then(|i| ends.get(i)).copied().unwrap_or(0);
            cells.get(from..ends.get(i).copied().unwrap_or(from)).unwrap_or_default()
        }));
        Ok((hash, (cells.len() + ends.len()) as u64))
    }

    fn compare(&self, row: usize, other: &ReadBlock, other_row: usize) -> Result<Ordering, BillError> {
        let at = |list: &[u64], row: usize| list.get(row).copied().unwrap_or(0);
        let time = |list: &[i64], row: usize| list.get(row).copied().unwrap_or(0);
        let quick = at(self.owners()?, row)
            .cmp(&at(other.owners()?, other_row))
            .then(time(self.times()?, row).cmp(&time(other.times()?, other_row)));
        if quick != Ordering::Equal {
            return Ok(quick);
        }
        if self.columns.len() == other.columns.len() {
            let (mut mine, mut theirs) = (Vec::new(), Vec::new());
            for index in 0..self.columns.len() {
                let (one, two) = (self.column(index)?, other.column(index)?);
                match one.quick_order(row, two, other_row) {
                    Some(Ordering::Equal) => continue,
                    Some(different) => return Ok(different),
                    None => {}
                }
                let (one, two) = (one.cell(row, &mut mine), two.cell(other_row, &mut theirs));
                let both = one.len().min(two.len());
                match one.get(..both).cmp(&two.get(..both)) {
                    Ordering::Equal if one.len() == two.len() => {}
                    // One cell begins as the other one goes on: what follows it decides.
                    Ordering::Equal => return self.compare_whole(row, other, other_row),
                    different => return Ok(different),
                }
            }
            return Ok(self.schema.headers().cmp(other.schema.headers()));
        }
        self.compare_whole(row, other, other_row)
    }

    /// Compares the cells of two lines as one text each, then their lengths, then the headers.
    fn compare_whole(&self, row: usize, other: &ReadBlock, other_row: usize) -> Result<Ordering, BillError> {
        let (mut mine, mut my_ends, mut theirs, mut their_ends) =
            (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        self.cells(row, &mut mine, &mut my_ends)?;
        other.cells(other_row, &mut theirs, &mut their_ends)?;
        Ok(mine
            .cmp(&theirs)
            .then_with(|| my_ends.cmp(&their_ends))
            .then_with(|| self.schema.headers().cmp(other.schema.headers())))
    }
}

/// Applies a function to each row's cell, once for each distinct cell where the column knows them.
pub(crate) fn map_cells<T: Copy>(data: &ColumnData, rows: usize, f: impl Fn(&[u8]) -> T) -> Vec<T> {
    match data {
        ColumnData::Constant(cell) => vec![f(cell); rows],
        ColumnData::Dictionary { entries, codes } => {
            let values: Vec<T> = entries.iter().map(f).collect();
            codes.iter().filter_map(|code| values.get(usize::from(*code)).copied()).collect()
        }
        _ => {
            let mut scratch = Vec::new();
            (0..rows).map(|row| f(data.cell(row, &mut scratch))).collect()
        }
    }
}

/// [`map_cells`] where most integers in disguise need not be written first: `of_integer` returns what `f` would for the cell of one, or
/// nothing.
fn map_integers<T: Copy>(
    data: &ColumnData,
    rows: usize,
    of_integer: impl Fn(IntegerForm, i64) -> Option<T>,
    f: impl Fn(&[u8]) -> T,
) -> Vec<T> {
    if !matches!(data, ColumnData::Integers { .. }) {
        return map_cells(data, rows, f);
    }
    let mut scratch = Vec::new();
    let of_row = |row| {
        let known = data.integer(row).and_then(|(form, value)| of_integer(form, value));
        known.unwrap_or_else(|| f(data.cell(row, &mut scratch)))
    };
    (0..rows).map(of_row).collect()
}

/// Some lines of a block, one after another.
pub struct Slice<'a> {
    /// The block.
    pub block: &'a ReadBlock,
    /// Which of its lines.
    pub rows: Range<usize>,
}

/// Which lines are wanted.
#[derive(Clone, Debug)]
pub struct Filter<'a> {
    /// From which day of coverage on, 1 to 31.
    pub first_day: u8,
    /// Through which day of coverage, 1 to 31.
    pub last_day: u8,
    /// Whose.
    pub owners: Owners,
    /// The blocks that can hold them, where that is known.
    pub blocks: Option<&'a HashSet<u64>>,
}

impl Filter<'_> {
    /// All lines.
    pub fn all() -> Filter<'static> {
        Filter { first_day: 1, last_day: u8::MAX, owners: Owners::all(), blocks: None }
    }
}

/// Visits lines in the order of exports.
///
/// Only the blocks that may hold wanted lines are read, and of one day as many at once as segments share it.
///
/// # Errors
/// [`BillError`] when the store is damaged, or what `visit` returns.
pub fn walk<E: From<BillError>>(
    store: &impl Records,
    view: &BillView,
    filter: &Filter<'_>,
    visit: &mut dyn FnMut(Slice<'_>) -> Result<(), E>,
) -> Result<(), E> {
    for day in filter.first_day..=31_u8.min(filter.last_day) {
        walk_day(store, view, filter, day, visit)?;
    }
    Ok(())
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
    filter: &Filter<'_>,
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

/// Visits the lines of one segment in the order in which they were imported.
///
/// # Errors
/// [`BillError`] when the store is damaged, or what `visit` returns.
pub fn walk_imported<E: From<BillError>>(
    store: &impl Records,
    segment: &SegmentView,
    basis: Basis,
    visit: &mut dyn FnMut(&ReadBlock, usize) -> Result<bool, E>,
) -> Result<bool, E> {
    let rows = segment.record.rows as usize;
    let order = origin::order(store, segment)?;
    let mut blocks = Vec::new();
    let mut places = vec![(u32::MAX, 0_u32); rows];
    let mut ordinals = order.iter();
    for (number, used) in segment.record.blocks.iter().enumerate() {
        blocks.push(ReadBlock::read(store, segment, used, basis)?);
        for row in 0..used.rows {
            if let Some(slot) = ordinals.next().and_then(|o| places.get_mut(*o as usize)) {
                *slot = (number as u32, row);
            }
        }
    }
    for (block, row) in places {
        let block = blocks.get(block as usize).ok_or_else(|| {
            BillError::Store(StoreError::Damaged {
                what: format!("segment {}", segment.number),
                why: "its blocks have fewer lines than it".into(),
            })
        })?;
        if !visit(block, row as usize)? {
            return Ok(false);
        }
    }
    Ok(true)
}
