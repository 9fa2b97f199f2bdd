//! Grouped sums of a bill: by owner, product and day from stored roll-ups, by anything else from the blocks.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use rustc_hash::FxHashMap;

use crate::block::{ColumnData, Sums, merge_sums};
use crate::money::{Amount, trim_cell};
use crate::period::Day;
use crate::rollup::{Names, Overflow};
use crate::schema::{Column, Schema};
use crate::store::Read;

use super::error::BillError;
use super::lines::{Filter, ReadBlock, map_cells, walk};
use super::view::BillView;

/// The most fields that lines are grouped by.
pub const FIELDS_MAX: usize = 8;

/// What lines are grouped or chosen by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Field {
    /// A canonical column.
    Column(Column),
    /// The line's own day.
    Day,
    /// A tag, by its key.
    Tag(String),
}

impl FromStr for Field {
    type Err = BillError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Some(key) = text.strip_prefix("tag:") {
            return Ok(Field::Tag(key.to_owned()));
        }
        let column = match text {
            "day" => return Ok(Field::Day),
            "owner" => Some(Column::OwnerUin),
            "payer" => Some(Column::PayerUin),
            "operator" => Some(Column::OperatorUin),
            "reseller" => Some(Column::ResellerUin),
            "product" => Some(Column::ProductName),
            "subproduct" => Some(Column::SubproductName),
            "component" => Some(Column::ComponentName),
            "instance" => Some(Column::InstanceId),
            name => Column::of_name(name),
        };
        column.map(Field::Column).ok_or_else(|| BillError::NoField(text.to_owned()))
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Field::Column(Column::OwnerUin) => f.write_str("owner"),
            Field::Column(Column::PayerUin) => f.write_str("payer"),
            Field::Column(Column::OperatorUin) => f.write_str("operator"),
            Field::Column(Column::ResellerUin) => f.write_str("reseller"),
            Field::Column(Column::ProductName) => f.write_str("product"),
            Field::Column(Column::SubproductName) => f.write_str("subproduct"),
            Field::Column(Column::ComponentName) => f.write_str("component"),
            Field::Column(Column::InstanceId) => f.write_str("instance"),
            Field::Column(column) => f.write_str(column.name()),
            Field::Day => f.write_str("day"),
            Field::Tag(key) => write!(f, "tag:{key}"),
        }
    }
}

impl Field {
    /// Returns the place of the field's column in a schema.
    pub fn index_in(&self, schema: &Schema) -> Option<usize> {
        match self {
            Field::Column(column) => schema.index_of(*column),
            Field::Tag(key) => schema.tag_index(key),
            Field::Day => None,
        }
    }
}

/// A row of a grouped bill.
#[derive(Clone, Copy, Debug)]
pub struct Group<'a> {
    grouped: &'a Grouped,
    at: usize,
}

impl Group<'_> {
    /// Returns the value of each field, without the white space around it.
    pub fn keys(&self) -> impl Iterator<Item = Cow<'_, str>> {
        let key = self.grouped.groups.keys.get(self.at);
        let numbers = key.into_iter().flat_map(|k| k.iter());
        self.grouped.texts.iter().zip(numbers).map(|(texts, number)| texts.get(*number))
    }

    /// Returns the currency.
    pub fn currency(&self) -> Cow<'_, str> {
        let number = self.grouped.groups.keys.get(self.at).and_then(|k| k.last());
        String::from_utf8_lossy(self.grouped.currencies.get(number.copied().unwrap_or(0)))
    }

    /// Returns how many lines there are.
    pub fn lines(&self) -> u64 {
        self.grouped.groups.lines.get(self.at).copied().unwrap_or(0)
    }

    /// Returns the sum of each of the columns, as it is shown.
    pub fn amounts(&self) -> impl Iterator<Item = Amount> {
        self.grouped.groups.amounts_of(self.at).iter().map(|a| a.with_sum_scale())
    }
}

/// A bill, grouped: rows sorted by their keys and currency.
#[derive(Debug)]
pub struct Grouped {
    /// By what.
    pub fields: Vec<Field>,
    /// Which amounts there are.
    pub columns: Vec<Column>,
    groups: Groups,
    texts: Vec<Texts>,
    currencies: Names,
    order: Vec<u32>,
}

impl Grouped {
    /// Goes through the rows.
    pub fn rows(&self) -> impl Iterator<Item = Group<'_>> {
        self.order.iter().map(|at| Group { grouped: self, at: *at as usize })
    }

    /// Returns how many rows there are.
    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// Says whether there are none.
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }
}

/// What the numbers of a field stand for.
#[derive(Debug)]
enum Texts {
    Names(Names),
    /// Days since 1970-01-01, as their bits; [`NO_DAY`] for none.
    Days,
}

/// Stands for a line without a day of its own.
const NO_DAY: u32 = u32::MAX;

impl Texts {
    fn get(&self, number: u32) -> Cow<'_, str> {
        match self {
            Texts::Names(names) => String::from_utf8_lossy(names.get(number)),
            Texts::Days => match Day::from_epoch_days(number.cast_signed()) {
                Some(day) if number != NO_DAY => Cow::Owned(day.to_string()),
                _ => Cow::Borrowed("-"),
            },
        }
    }

    /// Returns the rank of each number by its text.
    fn rank(&self, number: u32, ranks: &[u32]) -> u32 {
        match self {
            Texts::Names(_) => ranks.get(number as usize).copied().unwrap_or(0),
            // No day comes first, as `-` does; days before 1970 do not occur in bills.
            Texts::Days => number.wrapping_add(1),
        }
    }
}

/// Groups a bill by fields and sums its amounts; checks the sums against the revision's (I1).
///
/// # Errors
/// [`BillError::NoColumn`] for a field that no line has; [`BillError`] when the store is damaged.
pub fn show(store: &impl Read, view: &BillView, fields: &[Field]) -> Result<Grouped, BillError> {
    if fields.len() > FIELDS_MAX {
        return Err(BillError::TooManyFields(FIELDS_MAX));
    }
    for field in fields.iter().filter(|f| **f != Field::Day) {
        let has = view.segments().any(|s| field.index_in(&s.schema).is_some());
        if !has && !view.loads.is_empty() {
            return Err(BillError::NoColumn { bill: view.bill.key, field: field.to_string() });
        }
    }
    let stored = [Field::Column(Column::OwnerUin), Field::Column(Column::ProductName), Field::Day];
    group(store, view, fields, fields.iter().all(|f| stored.contains(f)))
}

fn group(
    store: &impl Read,
    view: &BillView,
    fields: &[Field],
    from_rollups: bool,
) -> Result<Grouped, BillError> {
    let columns: Vec<Column> = Column::SUMMED
        .iter()
        .copied()
        .filter(|c| view.segments().any(|s| s.schema.summed().iter().any(|(column, _)| column == c)))
        .collect();
    let texts = |field: &Field| match field {
        Field::Day => Texts::Days,
        _ => Texts::Names(Names::default()),
    };
    let mut grouped = Grouped {
        fields: fields.to_vec(),
        groups: Groups::new(columns.len()),
        columns,
        texts: fields.iter().map(texts).collect(),
        currencies: Names::default(),
        order: Vec::new(),
    };
    if from_rollups {
        grouped.add_rollups(store, view)?;
    } else {
        for segment in view.segments() {
            for used in &segment.record.blocks {
                grouped.add_block(&ReadBlock::read(store, segment, used, view.bill.key.basis)?)?;
            }
        }
    }
    view.must_tie("the sums of groups and revision", &grouped.sums()?)?;
    grouped.sort();
    Ok(grouped)
}

/// A key of groups: one number a field, then the currency's.
type Key = [u32; FIELDS_MAX + 1];

/// Sums by key, column after column in one list.
#[derive(Debug)]
struct Groups {
    index: FxHashMap<Key, usize>,
    keys: Vec<Key>,
    lines: Vec<u64>,
    amounts: Vec<Amount>,
    columns: usize,
}

impl Groups {
    fn new(columns: usize) -> Groups {
        Groups {
            index: FxHashMap::default(),
            keys: Vec::new(),
            lines: Vec::new(),
            amounts: Vec::new(),
            columns,
        }
    }

    fn amounts_of(&self, at: usize) -> &[Amount] {
        self.amounts.get(at * self.columns..(at + 1) * self.columns).unwrap_or_default()
    }

    fn add(
        &mut self,
        key: Key,
        lines: u64,
        amounts: impl Iterator<Item = (usize, Amount)>,
    ) -> Result<(), Overflow> {
        let at = *self.index.entry(key).or_insert_with(|| {
            self.keys.push(key);
            self.lines.push(0);
            self.amounts.resize(self.keys.len() * self.columns, Amount::ZERO);
            self.keys.len() - 1
        });
        if let Some(count) = self.lines.get_mut(at) {
            *count += lines;
        }
        let sums = self.amounts.get_mut(at * self.columns..(at + 1) * self.columns).unwrap_or_default();
        for (place, amount) in amounts {
            if let Some(sum) = sums.get_mut(place) {
                *sum = sum.checked_add(amount).ok_or(Overflow)?;
            }
        }
        Ok(())
    }
}

impl Grouped {
    fn add_rollups(&mut self, store: &impl Read, view: &BillView) -> Result<(), BillError> {
        for segment in view.segments() {
            let rollup = segment.rollup(store)?;
            let places: Vec<usize> = self.places(rollup.columns().iter().copied());
            let translate = |mine: &mut Names, theirs: &Names| -> Vec<u32> {
                theirs.iter().map(|name| mine.number(name)).collect()
            };
            let mut numbers: Vec<Vec<u32>> = Vec::new();
            for (field, texts) in self.fields.iter().zip(&mut self.texts) {
                numbers.push(match (field, texts) {
                    (Field::Column(Column::OwnerUin), Texts::Names(names)) => {
                        translate(names, rollup.owners())
                    }
                    (_, Texts::Names(names)) => translate(names, rollup.products()),
                    (_, Texts::Days) => Vec::new(),
                });
            }
            let currencies = translate(&mut self.currencies, rollup.currencies());
            for cell in rollup.cells() {
                let mut key = [0; FIELDS_MAX + 1];
                for ((slot, field), numbers) in key.iter_mut().zip(&self.fields).zip(&numbers) {
                    let number = match field {
                        Field::Column(Column::OwnerUin) => cell.key.owner,
                        Field::Day => {
                            *slot = cell.key.day.map_or(NO_DAY, i32::cast_unsigned);
                            continue;
                        }
                        _ => cell.key.product,
                    };
                    *slot = numbers.get(number as usize).copied().unwrap_or(0);
                }
                if let Some(last) = key.last_mut() {
                    *last = currencies.get(cell.key.currency as usize).copied().unwrap_or(0);
                }
                let amounts = places.iter().copied().zip(cell.amounts.iter().copied());
                self.groups.add(key, cell.lines, amounts)?;
            }
        }
        Ok(())
    }

    /// Returns the places of columns among those that are summed.
    fn places(&self, columns: impl Iterator<Item = Column>) -> Vec<usize> {
        columns.map(|c| self.columns.iter().position(|mine| *mine == c).unwrap_or(usize::MAX)).collect()
    }

    /// Adds all groups up, one entry for each currency.
    fn sums(&self) -> Result<Vec<Sums>, Overflow> {
        let mut all: Vec<Sums> = Vec::new();
        for (number, name) in self.currencies.iter().enumerate() {
            let mut sums = Sums::new(&String::from_utf8_lossy(name));
            let mut amounts = vec![Amount::ZERO; self.columns.len()];
            for (at, key) in self.groups.keys.iter().enumerate() {
                if key.last().is_some_and(|n| *n as usize == number) {
                    sums.lines += self.groups.lines.get(at).copied().unwrap_or(0);
                    for (sum, amount) in amounts.iter_mut().zip(self.groups.amounts_of(at)) {
                        *sum = sum.checked_add(*amount).ok_or(Overflow)?;
                    }
                }
            }
            sums.amounts = self.columns.iter().copied().zip(amounts).collect();
            merge_sums(&mut all, &[sums]).ok_or(Overflow)?;
        }
        all.retain(|s| s.lines > 0);
        Ok(all)
    }

    /// Puts the rows in the order of their texts, comparing ranks.
    fn sort(&mut self) {
        let ranks = |names: &Names| -> Vec<u32> {
            let mut order: Vec<(&[u8], usize)> = names.iter().zip(0..).collect();
            order.sort_unstable();
            let mut ranks = vec![0; order.len()];
            for (rank, (_, number)) in order.iter().enumerate() {
                if let Some(slot) = ranks.get_mut(*number) {
                    *slot = rank as u32;
                }
            }
            ranks
        };
        let by_field: Vec<Vec<u32>> = self
            .texts
            .iter()
            .map(|texts| match texts {
                Texts::Names(names) => ranks(names),
                Texts::Days => Vec::new(),
            })
            .collect();
        let currencies = ranks(&self.currencies);
        let mut order: Vec<(Key, u32)> = Vec::with_capacity(self.groups.keys.len());
        for (at, key) in self.groups.keys.iter().enumerate() {
            let mut ranked = [0; FIELDS_MAX + 1];
            for (((slot, number), texts), ranks) in ranked.iter_mut().zip(key).zip(&self.texts).zip(&by_field)
            {
                *slot = texts.rank(*number, ranks);
            }
            if let (Some(slot), Some(number)) = (ranked.last_mut(), key.last()) {
                *slot = currencies.get(*number as usize).copied().unwrap_or(0);
            }
            order.push((ranked, at as u32));
        }
        order.sort_unstable();
        self.order = order.into_iter().map(|(_, at)| at).collect();
    }

    fn add_block(&mut self, block: &ReadBlock) -> Result<(), BillError> {
        let schema = block.schema().clone();
        let rows = block.rows();
        let mut keys: Vec<Vec<u32>> = Vec::new();
        for (field, texts) in self.fields.iter().zip(&mut self.texts) {
            keys.push(match (texts, field.index_in(&schema)) {
                (Texts::Days, _) => {
                    let number = |d: Option<Day>| d.map_or(NO_DAY, |d| d.epoch_days().cast_unsigned());
                    block.own_days()?.into_iter().map(number).collect()
                }
                (Texts::Names(names), Some(index)) => numbers(block.column(index)?, rows, names),
                (Texts::Names(names), None) => vec![names.number(b""); rows],
            });
        }
        let currency = match schema.index_of(Column::Currency) {
            Some(index) => numbers(block.column(index)?, rows, &mut self.currencies),
            None => vec![self.currencies.number(schema.implied_currency().unwrap_or("").as_bytes()); rows],
        };
        let summed = schema.summed();
        let places = self.places(summed.iter().map(|(column, _)| *column));
        let mut amounts: Vec<(usize, Vec<Amount>)> = Vec::new();
        for ((_, index), place) in summed.iter().zip(places) {
            amounts.push((place, column_amounts(block.column(*index)?, rows)));
        }
        for row in 0..rows {
            let mut key = [0; FIELDS_MAX + 1];
            for (slot, numbers) in key.iter_mut().zip(&keys) {
                *slot = numbers.get(row).copied().unwrap_or(0);
            }
            if let Some(last) = key.last_mut() {
                *last = currency.get(row).copied().unwrap_or(0);
            }
            let of_row = amounts.iter().filter_map(|(place, list)| Some((*place, *list.get(row)?)));
            self.groups.add(key, 1, of_row)?;
        }
        Ok(())
    }
}

/// Numbers each row's cell by its text.
fn numbers(data: &ColumnData, rows: usize, names: &mut Names) -> Vec<u32> {
    let names = std::cell::RefCell::new(names);
    map_cells(data, rows, |cell| names.borrow_mut().number(cell))
}

/// Reads a column's amounts; cells that show none count as zero, as at import.
pub(crate) fn column_amounts(data: &ColumnData, rows: usize) -> Vec<Amount> {
    let parse = |cell: &[u8]| Amount::parse_cell(cell).ok().flatten().unwrap_or_default();
    match data {
        ColumnData::Integers { form, values, exceptions } if form.scale().is_some() => {
            let scale = form.scale().unwrap_or(0);
            let mut amounts: Vec<Amount> =
                values.iter().map(|v| Amount::new(i128::from(*v), scale)).collect();
            for (row, text) in exceptions {
                if let Some(slot) = amounts.get_mut(*row as usize) {
                    *slot = parse(text);
                }
            }
            amounts
        }
        data => map_cells(data, rows, parse),
    }
}

/// Recomputes the sums and the digest of every line from the blocks, and checks them against what is stored.
///
/// # Errors
/// [`BillError`] at the first figure that is not equal.
pub fn check(store: &impl Read, view: &BillView) -> Result<(), BillError> {
    view.check_rollups(store)?;
    let mut digest = crate::digest::Digest::EMPTY;
    walk::<BillError>(store, view, &Filter::all(), &mut |slice| {
        let mut hasher = crate::digest::LineHasher::new(slice.block.schema_hash());
        for row in slice.rows {
            digest.add_line(&slice.block.hash(row, &mut hasher)?);
        }
        Ok(())
    })?;
    group(store, view, &[], false)?;
    if digest != view.revision.digest {
        return Err(BillError::DoNotTie {
            bill: view.bill.key,
            what: "the digests of lines and revision",
            one: digest.hex(),
            other: view.revision.digest.hex(),
        });
    }
    Ok(())
}

/// Says whether a line's cell is what was asked for, white space around it aside.
pub fn cell_is(cell: &[u8], wanted: &str) -> bool {
    trim_cell(cell) == wanted.as_bytes()
}
