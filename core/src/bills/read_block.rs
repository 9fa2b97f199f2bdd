//! A block of lines, read column by column.

use std::any::Any;
use std::cell::OnceCell;
use std::cmp::Ordering;
use std::ops::Range;
use std::sync::Arc;

use crate::engine::block::{Block, ColumnData, IntegerForm};
use crate::engine::store::{Large, Records, StoreError};
use crate::formats::schema::{Column, Schema};
use crate::values::digest::LineHasher;
use crate::values::digits::read_time;

use crate::values::period::{Basis, Day};

use crate::values::uin::Uin;

use super::error::BillError;
use super::records::BlockUse;
use super::view::SegmentView;
use crate::values::Amount;

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
    pub(super) fn look_at(&mut self, rows: Range<usize>) {
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
        let owner = |cell: &[u8]| Uin::parse(Amount::trim_cell(cell)).map_or(0, Uin::number);
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
            let read = |cell: &[u8]| read_time(Amount::trim_cell(cell)).unwrap_or(i64::MAX);
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
            let read = |cell: &[u8]| Day::parse_prefix(Amount::trim_cell(cell));
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

    pub(super) fn compare(
        &self,
        row: usize,
        other: &ReadBlock,
        other_row: usize,
    ) -> Result<Ordering, BillError> {
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
