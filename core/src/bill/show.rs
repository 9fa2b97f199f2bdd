//! Grouped sums of a bill: by owner, product and day from stored roll-ups, by anything else from the blocks.

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
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// The value of each field, without the white space around it.
    pub keys: Vec<String>,
    /// The sums of its lines, in one currency.
    pub sums: Sums,
}

/// A bill, grouped: rows sorted by their keys and currency.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grouped {
    /// By what.
    pub fields: Vec<Field>,
    /// Which amounts there are.
    pub columns: Vec<Column>,
    /// The rows.
    pub rows: Vec<Group>,
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
    let mut rows = if fields.iter().all(|f| stored.contains(f)) {
        from_rollups(store, view, fields)?
    } else {
        from_blocks(store, view, fields)?
    };
    rows.sort_unstable_by(|a, b| a.keys.cmp(&b.keys).then_with(|| a.sums.currency.cmp(&b.sums.currency)));
    let mut all = Vec::new();
    for row in &rows {
        merge_sums(&mut all, std::slice::from_ref(&row.sums)).ok_or(Overflow)?;
    }
    view.must_tie("the sums of groups and revision", &all)?;
    let columns = Column::SUMMED
        .iter()
        .copied()
        .filter(|c| all.iter().any(|s| s.amounts.iter().any(|(column, _)| column == c)))
        .collect();
    Ok(Grouped { fields: fields.to_vec(), columns, rows })
}

/// A key of groups: one number a field, then the currency's.
type Key = [u32; FIELDS_MAX + 1];

struct Accumulated {
    lines: u64,
    amounts: Vec<Option<Amount>>,
}

/// Sums by key; the amounts are those of [`Column::SUMMED`].
struct Groups {
    index: FxHashMap<Key, usize>,
    groups: Vec<(Key, Accumulated)>,
}

impl Groups {
    fn new() -> Groups {
        Groups { index: FxHashMap::default(), groups: Vec::new() }
    }

    fn add(
        &mut self,
        key: Key,
        lines: u64,
        amounts: impl Iterator<Item = (usize, Amount)>,
    ) -> Result<(), Overflow> {
        let at = *self.index.entry(key).or_insert_with(|| {
            let amounts = vec![None; Column::SUMMED.len()];
            self.groups.push((key, Accumulated { lines: 0, amounts }));
            self.groups.len() - 1
        });
        let Some((_, group)) = self.groups.get_mut(at) else { return Ok(()) };
        group.lines += lines;
        for (place, amount) in amounts {
            if let Some(slot) = group.amounts.get_mut(place) {
                *slot = Some(slot.unwrap_or_default().checked_add(amount).ok_or(Overflow)?);
            }
        }
        Ok(())
    }

    fn rows(self, fields: usize, key_text: impl Fn(usize, u32) -> String, currencies: &Names) -> Vec<Group> {
        let row = |(key, group): (Key, Accumulated)| {
            let keys = key.iter().take(fields).enumerate().map(|(i, n)| key_text(i, *n)).collect();
            let currency = key.get(FIELDS_MAX).copied().unwrap_or(0);
            let amounts = Column::SUMMED.iter().zip(group.amounts);
            let amounts = amounts.filter_map(|(c, a)| Some((*c, a?))).collect();
            Group { keys, sums: Sums { currency: currencies.text(currency), lines: group.lines, amounts } }
        };
        self.groups.into_iter().map(row).collect()
    }
}

fn summed_place(column: Column) -> usize {
    Column::SUMMED.iter().position(|c| *c == column).unwrap_or(usize::MAX)
}

fn from_rollups(store: &impl Read, view: &BillView, fields: &[Field]) -> Result<Vec<Group>, BillError> {
    let rollup = view.rollup(store)?;
    let places: Vec<usize> = rollup.columns().iter().map(|c| summed_place(*c)).collect();
    let mut groups = Groups::new();
    for cell in rollup.cells() {
        let mut key = [0; FIELDS_MAX + 1];
        for (slot, field) in key.iter_mut().zip(fields) {
            *slot = match field {
                Field::Column(Column::OwnerUin) => cell.key.owner,
                Field::Day => cell.key.day.map_or(u32::MAX, i32::cast_unsigned),
                _ => cell.key.product,
            };
        }
        if let Some(last) = key.last_mut() {
            *last = cell.key.currency;
        }
        groups.add(key, cell.lines, places.iter().copied().zip(cell.amounts.iter().copied()))?;
    }
    let text = |i: usize, n: u32| match fields.get(i) {
        Some(Field::Column(Column::OwnerUin)) => rollup.owners().text(n),
        Some(Field::Day) => day_text(n),
        _ => rollup.products().text(n),
    };
    Ok(groups.rows(fields.len(), text, rollup.currencies()))
}

fn day_text(n: u32) -> String {
    match n {
        u32::MAX => "-".to_owned(),
        n => Day::from_epoch_days(n.cast_signed()).map_or_else(|| "-".to_owned(), |d| d.to_string()),
    }
}

fn from_blocks(store: &impl Read, view: &BillView, fields: &[Field]) -> Result<Vec<Group>, BillError> {
    let mut names: Vec<Names> = fields.iter().map(|_| Names::default()).collect();
    let mut currencies = Names::default();
    let mut groups = Groups::new();
    for segment in view.segments() {
        for used in &segment.record.blocks {
            let block = ReadBlock::read(store, segment, used, view.bill.key.basis)?;
            add_block(&block, fields, &mut names, &mut currencies, &mut groups)?;
        }
    }
    let text = |i: usize, n: u32| match fields.get(i) {
        Some(Field::Day) => day_text(n),
        _ => names.get(i).map_or_else(String::new, |names| names.text(n)),
    };
    Ok(groups.rows(fields.len(), text, &currencies))
}

fn add_block(
    block: &ReadBlock,
    fields: &[Field],
    names: &mut [Names],
    currencies: &mut Names,
    groups: &mut Groups,
) -> Result<(), BillError> {
    let schema = block.schema().clone();
    let rows = block.rows();
    let numbers = |data: &ColumnData, names: &mut Names| -> Vec<u32> {
        let names = std::cell::RefCell::new(names);
        map_cells(data, rows, |cell| names.borrow_mut().number(cell))
    };
    let mut keys: Vec<Vec<u32>> = Vec::new();
    for (field, names) in fields.iter().zip(names.iter_mut()) {
        keys.push(match (field, field.index_in(&schema)) {
            (Field::Day, _) => {
                let number = |d: Option<Day>| d.map_or(u32::MAX, |d| d.epoch_days().cast_unsigned());
                block.own_days()?.into_iter().map(number).collect()
            }
            (_, Some(index)) => numbers(block.column(index)?, names),
            (_, None) => vec![names.number(b""); rows],
        });
    }
    let currency = match schema.index_of(Column::Currency) {
        Some(index) => numbers(block.column(index)?, currencies),
        None => vec![currencies.number(schema.implied_currency().unwrap_or("").as_bytes()); rows],
    };
    let mut amounts: Vec<(usize, Vec<Amount>)> = Vec::new();
    for (column, index) in schema.summed() {
        let data = block.column(index)?;
        amounts.push((summed_place(column), column_amounts(data, rows)));
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
        groups.add(key, 1, of_row)?;
    }
    Ok(())
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
    view.rollup(store)?;
    let mut names = [];
    let mut currencies = Names::default();
    let mut groups = Groups::new();
    let mut digest = crate::digest::Digest::EMPTY;
    walk::<BillError>(store, view, &Filter::all(), &mut |slice| {
        let mut hasher = crate::digest::LineHasher::new(slice.block.schema_hash());
        let (mut cells, mut ends) = (Vec::new(), Vec::new());
        for row in slice.rows {
            slice.block.cells(row, &mut cells, &mut ends)?;
            digest.add_line(&hasher.hash(&cells, ends.iter().copied()));
        }
        Ok(())
    })?;
    for segment in view.segments() {
        for used in &segment.record.blocks {
            let block = ReadBlock::read(store, segment, used, view.bill.key.basis)?;
            add_block(&block, &[], &mut names, &mut currencies, &mut groups)?;
        }
    }
    let rows = groups.rows(0, |_, _| String::new(), &currencies);
    let mut sums = Vec::new();
    for row in &rows {
        merge_sums(&mut sums, std::slice::from_ref(&row.sums)).ok_or(Overflow)?;
    }
    view.must_tie("the sums of lines and revision", &sums)?;
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
