//! A stored roll-up, read column by column.
//!
//! Whoever adds up many roll-ups wants some columns of each, one after another. So the bytes are checked and kept as
//! they are, and a column is unpacked when it is asked for.

use std::ops::Range;

use crate::engine::block::bytes::Take;
use crate::engine::block::{BlockError, Sums, ints, unsqueeze};
use crate::formats::schema::Column;
use crate::values::money::Amount;

use super::{CellKey, Names, Rollup, VERSION};

const BYTES_MAX: usize = 1 << 30;

/// What a cell has a name of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NamedPart {
    Owner,
    Product,
    Currency,
}

/// A list of names, and which of them each cell has.
#[derive(Debug)]
struct StoredNames {
    names: usize,
    list: Range<usize>,
    numbers: Range<usize>,
}

/// A summed column.
#[derive(Debug)]
struct AmountColumn {
    column: Column,
    scale: u8,
    low: Range<usize>,
    high: Range<usize>,
}

/// The mantissas of a column's sums.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Mantissas {
    /// All are zero.
    Zero,
    /// All fit 64 bits.
    Narrow(Vec<i64>),
    Wide(Vec<i128>),
}

/// A roll-up whose bytes have been checked. Places are those in its unpacked bytes.
#[derive(Debug)]
pub(crate) struct StoredRollup {
    raw: Vec<u8>,
    owners: StoredNames,
    products: StoredNames,
    currencies: StoredNames,
    cells: usize,
    day_first: i64,
    days: Range<usize>,
    lines: Range<usize>,
    columns: Vec<AmountColumn>,
}

/// In which group an owner's cells are added up, if they are.
pub(crate) type OwnerGroup = Option<u64>;

/// The slot of cells that are not added up.
const NO_SLOT: usize = usize::MAX;
const NO_NAME: &str = "a cell of a roll-up has a name that is not there";

/// Cells that cannot be added up.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum SumError {
    Block(BlockError),
    Overflow,
}

impl From<BlockError> for SumError {
    fn from(error: BlockError) -> SumError {
        SumError::Block(error)
    }
}

/// Adds each cell's value to the total of its slot.
fn add(totals: &mut [i128], slots: &[usize], values: impl Iterator<Item = i128>) -> Result<(), SumError> {
    for (slot, value) in slots.iter().zip(values) {
        if let Some(total) = totals.get_mut(*slot) {
            *total = total.checked_add(value).ok_or(SumError::Overflow)?;
        }
    }
    Ok(())
}

/// Passes over packed integers and tells where they are.
fn skip(take: &mut Take<'_>, n: usize, raw: &[u8]) -> Result<Range<usize>, BlockError> {
    let from = raw.len() - take.0.len();
    ints::skip(take, n)?;
    Ok(from..raw.len() - take.0.len())
}

fn names(take: &mut Take<'_>, raw: &[u8]) -> Result<StoredNames, BlockError> {
    let names = take.count(raw.len())?;
    let from = raw.len() - take.0.len();
    for _ in 0..names {
        take.text()?;
    }
    Ok(StoredNames { names, list: from..raw.len() - take.0.len(), numbers: 0..0 })
}

impl StoredRollup {
    /// Checks the bytes of a roll-up.
    ///
    /// # Errors
    /// [`BlockError`] when they are not those of a roll-up.
    pub(crate) fn open(bytes: &[u8]) -> Result<StoredRollup, BlockError> {
        let mut take = Take::checked(bytes, VERSION)?;
        let size = take.count(BYTES_MAX)?;
        let raw = unsqueeze(take.0, size)?;
        let mut take = Take(&raw);
        let mut owners = names(&mut take, &raw)?;
        let mut products = names(&mut take, &raw)?;
        let mut currencies = names(&mut take, &raw)?;
        let cells = take.count(BYTES_MAX)?;
        for column in [&mut owners, &mut products, &mut currencies] {
            column.numbers = skip(&mut take, cells, &raw)?;
        }
        let day_first = take.i64()?;
        let days = skip(&mut take, cells, &raw)?;
        let lines = skip(&mut take, cells, &raw)?;
        let mut columns = Vec::new();
        for _ in 0..take.u8()? {
            columns.push(AmountColumn {
                column: Column::of_code(take.u16()?)
                    .ok_or(BlockError::Damaged("unknown column in a roll-up"))?,
                scale: take.u8()?,
                low: skip(&mut take, cells, &raw)?,
                high: skip(&mut take, cells, &raw)?,
            });
        }
        Ok(StoredRollup { owners, products, currencies, cells, day_first, days, lines, columns, raw })
    }

    /// Returns how many cells there are.
    pub(crate) fn len(&self) -> usize {
        self.cells
    }

    fn of(&self, named: NamedPart) -> &StoredNames {
        match named {
            NamedPart::Owner => &self.owners,
            NamedPart::Product => &self.products,
            NamedPart::Currency => &self.currencies,
        }
    }

    fn unpacked(&self, place: &Range<usize>) -> Result<Vec<i64>, BlockError> {
        ints::unpack(&mut Take(self.packed(place)), self.cells)
    }

    /// Unpacks what some cells have.
    fn part(&self, place: &Range<usize>, cells: &Range<usize>) -> Result<Vec<i64>, BlockError> {
        ints::unpack_part(&mut Take(self.packed(place)), self.cells, cells.clone())
    }

    fn packed(&self, place: &Range<usize>) -> &[u8] {
        self.raw.get(place.clone()).unwrap_or_default()
    }

    /// Goes through the names, by number.
    pub(crate) fn names(&self, named: NamedPart) -> impl Iterator<Item = &[u8]> {
        let column = self.of(named);
        let mut take = Take(self.packed(&column.list));
        // The list was gone through when it was opened.
        (0..column.names).map(move |_| take.text().unwrap_or_default())
    }

    /// Returns what a list has at the number of each cell's name.
    ///
    /// # Errors
    /// [`BlockError::Damaged`] for a number that the list does not have.
    pub(crate) fn numbered(&self, named: NamedPart, list: &[u32]) -> Result<Vec<u32>, BlockError> {
        let mut all = true;
        let number = |n: i64| {
            let found = usize::try_from(n).ok().and_then(|n| list.get(n));
            all &= found.is_some();
            found.copied().unwrap_or(0)
        };
        let numbers = self.unpacked(&self.of(named).numbers)?.into_iter().map(number).collect();
        if all { Ok(numbers) } else { Err(BlockError::Damaged(NO_NAME)) }
    }

    /// Returns each cell's day, in days since 1970-01-01.
    ///
    /// # Errors
    /// [`BlockError::Damaged`] when they do not unpack.
    pub(crate) fn days(&self) -> Result<Vec<Option<i32>>, BlockError> {
        Ok(self.unpacked(&self.days)?.into_iter().map(|n| self.day(n)).collect())
    }

    fn day(&self, n: i64) -> Option<i32> {
        (n != 0).then(|| n.wrapping_sub(1).wrapping_add(self.day_first) as i32)
    }

    /// Returns how many lines each cell has; no cell has so many that the sign matters.
    ///
    /// # Errors
    /// [`BlockError::Damaged`] when they do not unpack.
    pub(crate) fn lines(&self) -> Result<Vec<i64>, BlockError> {
        self.unpacked(&self.lines)
    }

    /// Returns the number of decimals of a column's sums, if it is summed.
    pub(crate) fn scale(&self, column: Column) -> Option<u8> {
        self.columns.iter().find(|c| c.column == column).map(|c| c.scale)
    }

    /// Returns each cell's sum of a column, zeros if it is not summed.
    ///
    /// # Errors
    /// [`BlockError::Damaged`] when they do not unpack.
    pub(crate) fn mantissas(&self, column: Column) -> Result<Mantissas, BlockError> {
        match self.columns.iter().find(|c| c.column == column) {
            Some(found) => self.mantissas_of(found, &(0..self.cells)),
            None => Ok(Mantissas::Zero),
        }
    }

    /// Returns some cells' sums of a column.
    fn mantissas_of(&self, found: &AmountColumn, cells: &Range<usize>) -> Result<Mantissas, BlockError> {
        if ints::constant(self.packed(&found.high))? == Some(0) {
            return Ok(match ints::constant(self.packed(&found.low))? {
                Some(0) => Mantissas::Zero,
                _ => Mantissas::Narrow(self.part(&found.low, cells)?),
            });
        }
        let low = self.part(&found.low, cells)?;
        let high = self.part(&found.high, cells)?;
        let value = |(high, low): (i64, i64)| (i128::from(high) << 64) + i128::from(low);
        Ok(Mantissas::Wide(high.into_iter().zip(low).map(value).collect()))
    }

    /// Adds up the cells of owners, of whom each has a group, on days that are wanted: the sums of each group by currency.
    ///
    /// A group comes once for each row of neighbours that are in it. Nothing is unpacked beyond the first and the last cell of
    /// any group.
    ///
    /// # Errors
    /// [`SumError`] when the bytes make no sense, or a sum is too large.
    pub(crate) fn sums_of(
        &self,
        groups: &[OwnerGroup],
        is_wanted: impl Fn(usize, Option<i32>) -> bool,
    ) -> Result<Vec<(u64, Sums)>, SumError> {
        if groups.iter().all(Option::is_none) {
            return Ok(Vec::new());
        }
        let same: Vec<u32> = (0..self.owners.names as u32).collect();
        let owners = self.numbered(NamedPart::Owner, &same)?;
        let group = |owner: &u32| groups.get(*owner as usize).copied().flatten();
        let has_group = |owner: &u32| group(owner).is_some();
        let Some(first) = owners.iter().position(has_group) else { return Ok(Vec::new()) };
        let last = owners.iter().rposition(has_group).unwrap_or(first);
        let cells = first..last + 1;
        let owners = owners.get(cells.clone()).unwrap_or_default();
        let days = self.part(&self.days, &cells)?;
        let lines = self.part(&self.lines, &cells)?;
        let currencies = self.part(&self.currencies.numbers, &cells)?;
        let names: Vec<&[u8]> = self.names(NamedPart::Currency).collect();
        // Each sum's group and currency, and which of them each cell is part of.
        let mut slots: Vec<(u64, usize)> = Vec::new();
        let mut slot_of = vec![NO_SLOT; owners.len()];
        let mut before = None;
        let cell = owners.iter().zip(&days).zip(&currencies).zip(&mut slot_of);
        for (((owner, day), currency), slot) in cell {
            let Some(group) = group(owner).filter(|_| is_wanted(*owner as usize, self.day(*day))) else {
                continue;
            };
            if before.replace(group) != Some(group) {
                slots.extend((0..names.len()).map(|currency| (group, currency)));
            }
            let currency = usize::try_from(*currency).ok().filter(|currency| *currency < names.len());
            let currency = currency.ok_or(BlockError::Damaged(NO_NAME))?;
            *slot = slots.len() - names.len() + currency;
        }
        let mut sums: Vec<Sums> = Vec::with_capacity(slots.len());
        for (_, currency) in &slots {
            let name = names.get(*currency).copied().unwrap_or_default();
            sums.push(Sums::new(&String::from_utf8_lossy(name)));
        }
        for (slot, lines) in slot_of.iter().zip(lines) {
            if let Some(sums) = sums.get_mut(*slot) {
                sums.lines += lines.cast_unsigned();
            }
        }
        let mut totals: Vec<i128> = Vec::new();
        for column in &self.columns {
            totals.clear();
            totals.resize(slots.len(), 0);
            match self.mantissas_of(column, &cells)? {
                Mantissas::Zero => {}
                Mantissas::Narrow(values) => add(&mut totals, &slot_of, values.into_iter().map(i128::from))?,
                Mantissas::Wide(values) => add(&mut totals, &slot_of, values.into_iter())?,
            }
            for (sums, total) in sums.iter_mut().zip(&totals) {
                sums.add(column.column, Amount::new(*total, column.scale)).ok_or(SumError::Overflow)?;
            }
        }
        let of_group = slots.into_iter().map(|(group, _)| group).zip(sums);
        Ok(of_group.filter(|(_, sums)| sums.lines > 0).collect())
    }

    /// Unpacks everything.
    pub(super) fn unpack(&self) -> Result<Rollup, BlockError> {
        let names = |named| Names::from_distinct(self.names(named).map(<[u8]>::to_vec).collect());
        let numbers = |named: NamedPart| -> Result<Vec<u32>, BlockError> {
            let same: Vec<u32> = (0..self.of(named).names as u32).collect();
            self.numbered(named, &same)
        };
        let (owner, product) = (numbers(NamedPart::Owner)?, numbers(NamedPart::Product)?);
        let currency = numbers(NamedPart::Currency)?;
        let keys = owner.into_iter().zip(product).zip(currency).zip(self.days()?);
        let key = |(((owner, product), currency), day)| CellKey { owner, product, currency, day };
        let cells = keys.map(key).zip(self.lines()?.into_iter().map(i64::cast_unsigned)).collect();
        let columns: Vec<Column> = self.columns.iter().map(|c| c.column).collect();
        let mut amounts = vec![Amount::ZERO; self.cells * columns.len()];
        for (at, column) in self.columns.iter().enumerate() {
            let slots = amounts.iter_mut().skip(at).step_by(columns.len().max(1));
            match self.mantissas(column.column)? {
                Mantissas::Zero => slots.for_each(|slot| *slot = Amount::new(0, column.scale)),
                Mantissas::Narrow(values) => {
                    let values = values.into_iter().map(|v| Amount::new(i128::from(v), column.scale));
                    slots.zip(values).for_each(|(slot, value)| *slot = value);
                }
                Mantissas::Wide(values) => {
                    let values = values.into_iter().map(|v| Amount::new(v, column.scale));
                    slots.zip(values).for_each(|(slot, value)| *slot = value);
                }
            }
        }
        Ok(Rollup {
            owners: names(NamedPart::Owner),
            products: names(NamedPart::Product),
            currencies: names(NamedPart::Currency),
            columns,
            cells,
            amounts,
            ..Rollup::default()
        })
    }
}

impl Rollup {
    /// Decodes a roll-up.
    ///
    /// # Errors
    /// [`BlockError`] when the bytes are not those of a roll-up.
    pub fn decode(bytes: &[u8]) -> Result<Rollup, BlockError> {
        StoredRollup::open(bytes)?.unpack()
    }
}
