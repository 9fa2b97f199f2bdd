//! Lines that become one row: which they are, what becomes of each column, and how the row is written.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use rustc_hash::FxHashMap;

use crate::bill::{BillError, ReadBlock};
use crate::money::{Amount, trim_cell};
use crate::price::{Mode, Rounding};
use crate::rollup::Overflow;
use crate::schema::{Class, Column};

use super::super::ExportError;
use super::super::compose::Currencies;
use super::super::csv::{BlockWriter, Columns};
use super::super::dialect::CellKind;
use super::super::plan::Plan;
use super::known;
use super::sheets::Sheets;
use super::tally::Tally;

/// Stands where a row has no single value, or none that is shown.
const NO_VALUE: &[u8] = b"-";
/// The transaction type of a precision row (domain, "Values").
const PRECISION_TYPE: &[u8] = b"billVirtualId";
/// How amounts by resource are rounded.
const CENTS: Rounding = Rounding { decimals: 2, mode: Mode::HalfUp };

/// How much is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Level {
    /// Every line.
    L3,
    /// Lines aggregated by month.
    L3Monthly,
    /// By resource, with 2 decimals.
    L2,
}

impl Level {
    pub(super) fn word(self) -> &'static str {
        match self {
            Level::L3 => "l3",
            Level::L3Monthly => "l3-monthly",
            Level::L2 => "l2",
        }
    }

    /// Says what becomes of a column; `None` if the level does not have it.
    fn role(self, column: Option<Column>) -> Option<Role> {
        use Column as C;
        let Some(column) = column else { return Some(Role::Same) };
        if column.class() == Class::Money {
            return Some(Role::Sum);
        }
        let everywhere = match column {
            C::OwnerUin
            | C::Currency
            | C::ResellerUin
            | C::ProductName
            | C::InstanceId
            | C::BillingMode
            | C::TransactionType
            | C::Region => Some(Role::Key),
            C::UsageStart => Some(Role::Earliest),
            C::UsageEnd => Some(Role::Latest),
            _ => None,
        };
        if everywhere.is_some() {
            return everywhere;
        }
        match (self, column) {
            (Level::L3, _) => Some(Role::Same),
            (Level::L3Monthly, C::SubproductName | C::ComponentType | C::ComponentName | C::PriceUnit) => {
                Some(Role::Key)
            }
            (Level::L3Monthly, C::Discount | C::ListPrice | C::TaxRate) => Some(Role::KeyNumber),
            (Level::L3Monthly, C::Usage) => Some(Role::UsageOr),
            (Level::L3Monthly, C::Duration) => Some(Role::DurationOr),
            (Level::L3Monthly, C::OrderId | C::TransactionId | C::TransactionTime) => Some(Role::None),
            (Level::L2, C::Project) => Some(Role::Key),
            (
                Level::L2,
                C::ComponentType
                | C::ComponentName
                | C::ListPrice
                | C::ContractPrice
                | C::PriceUnit
                | C::Usage
                | C::UsageUnit
                | C::Duration
                | C::DurationUnit
                | C::Discount
                | C::BlendedDiscount
                | C::SpRate
                | C::SpDeduct
                | C::RiDeductDuration,
            ) => None,
            _ => Some(Role::Same),
        }
    }
}

/// What becomes of a column's cells in a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    /// Lines of other texts are in another group.
    Key,
    /// Lines of other numbers are in another group.
    KeyNumber,
    /// The sum.
    Sum,
    /// The sum where usage is accumulated, else a key.
    UsageOr,
    /// The sum where duration is accumulated, else a key.
    DurationOr,
    /// The earliest time.
    Earliest,
    /// The latest time.
    Latest,
    /// The cell that all have, if they have the same.
    Same,
    /// Nothing.
    None,
}

/// A block's columns in an export, found once.
pub(super) struct ShapedBlock {
    /// For each column of the export its place in the block.
    places: Vec<Option<usize>>,
    pub(super) currencies: Currencies,
    pub(super) writer: BlockWriter,
}

impl ShapedBlock {
    pub(super) fn new(columns: &Columns, block: &ReadBlock) -> Result<ShapedBlock, BillError> {
        let mut places = columns.places(block.schema());
        // A file without totals ends at the price after discount, which is its total then.
        for (place, id) in places.iter_mut().zip(&columns.ids) {
            if known(id) == Some(Column::Total) {
                *place = block.schema().total_index();
            }
        }
        Ok(ShapedBlock {
            places,
            currencies: Currencies::read(block)?,
            writer: BlockWriter::new(columns, block)?,
        })
    }

    /// Returns a line's cell of a column of the export; empty where its file has none.
    pub(super) fn cell<'a>(
        &self,
        block: &'a ReadBlock,
        at: usize,
        row: usize,
        scratch: &'a mut Vec<u8>,
    ) -> Result<&'a [u8], BillError> {
        match self.places.get(at).copied().flatten() {
            Some(place) => Ok(block.column(place)?.cell(row, scratch)),
            None => Ok(b""),
        }
    }
}

/// Reads an amount; `None` where it is not shown.
pub(super) fn amount(cell: &[u8]) -> Option<Amount> {
    // What is no amount was refused at import.
    Amount::parse_cell(cell).ok().flatten()
}

/// The columns of a level.
pub(super) struct Layout {
    level: Level,
    pub(super) headers: Vec<String>,
    /// For each column of the level its place in the export, its meaning and its role.
    columns: Vec<(usize, Option<Column>, Role)>,
    transaction_type: Option<usize>,
    component_name: Option<usize>,
    /// The column that the total is told in.
    total: Option<Column>,
}

impl Layout {
    pub(super) fn new(columns: &Columns, level: Level) -> Layout {
        let at = |column: Column| columns.ids.iter().position(|id| known(id) == Some(column));
        let mut layout = Layout {
            level,
            headers: Vec::new(),
            columns: Vec::new(),
            transaction_type: at(Column::TransactionType),
            component_name: at(Column::ComponentName),
            total: [Column::Total, Column::AfterDiscount].into_iter().find(|column| at(*column).is_some()),
        };
        for (i, (id, header)) in columns.ids.iter().zip(columns.headers()).enumerate() {
            if let Some(role) = level.role(known(id)) {
                layout.headers.push(header.clone());
                layout.columns.push((i, known(id), role));
            }
        }
        layout
    }

    /// Returns the money columns with their places in a block.
    pub(super) fn money_places<'a>(
        &'a self,
        shaped: &'a ShapedBlock,
    ) -> impl Iterator<Item = (Column, usize)> + 'a {
        self.columns
            .iter()
            .filter(|(_, _, role)| *role == Role::Sum)
            .filter_map(|(at, column, _)| Some(((*column)?, shaped.places.get(*at).copied().flatten()?)))
    }

    /// Returns the sums that an amount of a column is part of: its own, and the total where that is told in it.
    pub(super) fn sums_of(&self, column: Column) -> impl Iterator<Item = Column> {
        let total = (column != Column::Total && self.total == Some(column)).then_some(Column::Total);
        std::iter::once(column).chain(total)
    }

    /// Says whether a line becomes part of a group.
    pub(super) fn merges(
        &self,
        shaped: &ShapedBlock,
        block: &ReadBlock,
        row: usize,
    ) -> Result<bool, BillError> {
        match (self.level, self.transaction_type) {
            (Level::L2, _) => Ok(true),
            (Level::L3, _) | (Level::L3Monthly, None) => Ok(false),
            (Level::L3Monthly, Some(at)) => Ok(is_merged(shaped.cell(block, at, row, &mut Vec::new())?)),
        }
    }

    /// Says what becomes of a column in the group of a line.
    fn role_in(&self, role: Role, accumulates_usage: bool) -> Role {
        match role {
            Role::UsageOr if accumulates_usage => Role::Sum,
            Role::DurationOr if !accumulates_usage => Role::Sum,
            Role::UsageOr | Role::DurationOr => Role::KeyNumber,
            role => role,
        }
    }

    /// Writes an owner's groups, the lines that pass through, and the precision rows.
    pub(super) fn write(
        &self,
        mut groups: Vec<(Vec<u8>, Group)>,
        plan: &Plan,
        sheets: &mut Sheets,
        tally: &mut Tally,
        passing: impl FnOnce() -> Vec<Vec<u8>>,
    ) -> Result<(), ExportError> {
        groups.sort_by(|(a, _), (b, _)| a.cmp(b));
        let mut precision: BTreeMap<(String, Vec<u8>), Precision> = BTreeMap::new();
        for (_, group) in &groups {
            self.write_group(group, sheets, tally, &mut precision)?;
        }
        passing().iter().try_for_each(|text| sheets.record(text))?;
        for ((currency, _), row) in precision {
            if row.amounts.iter().flatten().any(|amount| amount.mantissa() != 0) {
                self.write_precision(&currency, &row, plan, sheets, tally)?;
            }
        }
        Ok(())
    }

    fn write_group(
        &self,
        group: &Group,
        sheets: &mut Sheets,
        tally: &mut Tally,
        precision: &mut BTreeMap<(String, Vec<u8>), Precision>,
    ) -> Result<(), ExportError> {
        let overflow = || BillError::from(Overflow);
        let rounds = self.level == Level::L2;
        let mut cells: Vec<Vec<u8>> = Vec::with_capacity(self.columns.len());
        let mut differences = vec![None; self.columns.len()];
        tally.lines(&group.currency, group.lines);
        tally.row();
        for (i, (_, column, role)) in self.columns.iter().enumerate() {
            let role = self.role_in(*role, group.accumulates_usage);
            let Some(cell) = group.cells.get(i) else { continue };
            let mut text = Vec::new();
            match (role, cell.sum) {
                (Role::Sum, Some(exact)) => {
                    let shown = if rounds { CENTS.round(exact).ok_or_else(overflow)? } else { exact };
                    if let Some(column) = column.filter(|c| c.class() == Class::Money) {
                        self.sums_of(column).try_for_each(|sum| tally.add(&group.currency, sum, shown))?;
                        if let Some(slot) = differences.get_mut(i) {
                            *slot = Some(exact.checked_sub(shown).ok_or_else(overflow)?);
                        }
                    }
                    shown.write(&mut text);
                }
                (Role::None, _) => text.extend_from_slice(NO_VALUE),
                _ if cell.mixed => text.extend_from_slice(NO_VALUE),
                _ => text.extend_from_slice(&cell.text),
            }
            cells.push(text);
        }
        let kinds = self.columns.iter().map(|(_, column, _)| CellKind::of(*column));
        sheets.cells(kinds.zip(cells.iter().map(Vec::as_slice)))?;
        if rounds {
            let reseller = self.of(Column::ResellerUin, &group.cells);
            let row = precision.entry((group.currency.clone(), reseller)).or_insert_with(|| Precision {
                texts: group.cells.iter().map(|cell| cell.text.clone()).collect(),
                amounts: vec![None; self.columns.len()],
            });
            for (sum, difference) in row.amounts.iter_mut().zip(differences) {
                if let Some(difference) = difference {
                    *sum = Some(sum.unwrap_or_default().checked_add(difference).ok_or_else(overflow)?);
                }
            }
        }
        Ok(())
    }

    /// Returns a group's text of a column.
    fn of(&self, column: Column, cells: &[GroupCell]) -> Vec<u8> {
        let at = self.columns.iter().position(|(_, c, _)| *c == Some(column));
        at.and_then(|at| cells.get(at)).map(|cell| cell.text.clone()).unwrap_or_default()
    }

    fn write_precision(
        &self,
        currency: &str,
        row: &Precision,
        plan: &Plan,
        sheets: &mut Sheets,
        tally: &mut Tally,
    ) -> Result<(), ExportError> {
        let mut cells: Vec<Vec<u8>> = Vec::with_capacity(self.columns.len());
        for (i, (_, column, _)) in self.columns.iter().enumerate() {
            let amount = row.amounts.get(i).copied().flatten();
            let mut text = Vec::new();
            match (column, amount) {
                (Some(column), Some(amount)) => {
                    self.sums_of(*column).try_for_each(|sum| tally.add_precision(currency, sum, amount))?;
                    amount.write(&mut text);
                }
                (Some(Column::TransactionType), _) => text.extend_from_slice(PRECISION_TYPE),
                (Some(Column::PayerUin), _) => {
                    text.extend_from_slice(plan.wanted.bill.payer.to_string().as_bytes());
                }
                (Some(Column::OwnerUin | Column::Currency | Column::ResellerUin | Column::BillMonth), _) => {
                    text.extend_from_slice(row.texts.get(i).map_or(NO_VALUE, Vec::as_slice));
                }
                _ => text.extend_from_slice(NO_VALUE),
            }
            cells.push(text);
        }
        tally.row();
        let kinds = self.columns.iter().map(|(_, column, _)| CellKind::of(*column));
        sheets.cells(kinds.zip(cells.iter().map(Vec::as_slice)))
    }
}

/// What rounding has left of an owner's amounts, in one currency and under one reseller.
struct Precision {
    texts: Vec<Vec<u8>>,
    amounts: Vec<Option<Amount>>,
}

/// A column of a group.
#[derive(Clone, Debug, Default)]
struct GroupCell {
    text: Vec<u8>,
    /// Lines have different texts.
    mixed: bool,
    /// `None` as long as no line shows an amount.
    sum: Option<Amount>,
}

/// Lines that become one row.
pub(super) struct Group {
    owner: u64,
    currency: String,
    lines: u64,
    accumulates_usage: bool,
    cells: Vec<GroupCell>,
}

/// Groups of some owners, by their keys.
#[derive(Default)]
pub(super) struct Groups(FxHashMap<Vec<u8>, Group>);

impl Groups {
    /// Adds a line to its group.
    pub(super) fn add(
        &mut self,
        layout: &Layout,
        shaped: &ShapedBlock,
        block: &ReadBlock,
        row: usize,
        owner: u64,
    ) -> Result<(), ExportError> {
        let mut scratch = Vec::new();
        let accumulates_usage = match layout.component_name.filter(|_| layout.level == Level::L3Monthly) {
            Some(at) => accumulates_usage(shaped.cell(block, at, row, &mut scratch)?),
            None => false,
        };
        let currency = shaped.currencies.of(row);
        let mut key = owner.to_be_bytes().to_vec();
        push_key(&mut key, currency.as_bytes());
        for (at, _, role) in &layout.columns {
            match layout.role_in(*role, accumulates_usage) {
                Role::Key => push_key(&mut key, trim_cell(shaped.cell(block, *at, row, &mut scratch)?)),
                Role::KeyNumber => {
                    let cell = trim_cell(shaped.cell(block, *at, row, &mut scratch)?);
                    match amount(cell) {
                        Some(number) => push_key(&mut key, number.shortest().to_string().as_bytes()),
                        None => push_key(&mut key, cell),
                    }
                }
                _ => {}
            }
        }
        let group = self.0.entry(key).or_insert_with(|| Group {
            owner,
            currency: currency.to_owned(),
            lines: 0,
            accumulates_usage,
            cells: Vec::new(),
        });
        let first = group.lines == 0;
        group.lines += 1;
        group.cells.resize(layout.columns.len(), GroupCell::default());
        for ((at, _, role), held) in layout.columns.iter().zip(&mut group.cells) {
            let role = layout.role_in(*role, accumulates_usage);
            if role == Role::None || (role == Role::Same && held.mixed) {
                continue;
            }
            let cell = trim_cell(shaped.cell(block, *at, row, &mut scratch)?);
            held.add(role, cell, first).ok_or(Overflow).map_err(BillError::from)?;
        }
        Ok(())
    }

    /// Returns the groups of each owner.
    pub(super) fn by_owner(self) -> BTreeMap<u64, Vec<(Vec<u8>, Group)>> {
        let mut by_owner: BTreeMap<u64, Vec<(Vec<u8>, Group)>> = BTreeMap::new();
        for (key, group) in self.0 {
            by_owner.entry(group.owner).or_default().push((key, group));
        }
        by_owner
    }
}

impl GroupCell {
    /// Adds a line's cell; `None` beyond 128 bits.
    fn add(&mut self, role: Role, cell: &[u8], first: bool) -> Option<()> {
        if role == Role::Sum
            && let Some(amount) = amount(cell)
        {
            self.sum = Some(match self.sum {
                Some(sum) => sum.checked_add(amount)?,
                None => amount,
            });
            return Some(());
        }
        if first || (role == Role::Sum && self.text.is_empty() && self.sum.is_none() && !self.mixed) {
            self.text = cell.to_vec();
            return Some(());
        }
        let shown = |text: &[u8]| !text.is_empty() && text != NO_VALUE;
        let takes = match role {
            // Of the spellings of one number the smallest, so that it does not depend on which line came first.
            Role::KeyNumber => cell < self.text.as_slice(),
            Role::Earliest => shown(cell) && (!shown(&self.text) || cell < self.text.as_slice()),
            Role::Latest => shown(cell) && (!shown(&self.text) || cell > self.text.as_slice()),
            _ => {
                self.mixed |= cell.cmp(self.text.as_slice()) != Ordering::Equal;
                false
            }
        };
        if takes {
            self.text = cell.to_vec();
        }
        Some(())
    }
}

/// Appends a text so that keys sort as their texts do, and no two lists of texts make one key.
fn push_key(key: &mut Vec<u8>, text: &[u8]) {
    for byte in text {
        key.push(*byte);
        if *byte == 0 {
            key.push(u8::MAX);
        }
    }
    key.extend_from_slice(&[0, 0]);
}

/// Says whether lines of a transaction type are merged: hourly and daily settlement, spot, and the hourly fees of reserved
/// instances and savings plans (domain, "L3 aggregated by month").
fn is_merged(transaction_type: &[u8]) -> bool {
    let text = String::from_utf8_lossy(trim_cell(transaction_type)).to_lowercase();
    let folded: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    matches!(
        folded.as_str(),
        "hourlysettlement" | "dailysettlement" | "spot" | "hourlyrifee" | "hourlysavingsplanfee"
    ) || ["小时结", "日结", "小时费用"].iter().any(|end| folded.ends_with(end))
}

/// Says whether the usage of a component is summed, and not its duration.
fn accumulates_usage(component_name: &[u8]) -> bool {
    let name = String::from_utf8_lossy(component_name).to_lowercase();
    ["traffic", "bandwidth", "storage", "times", "流量", "带宽", "存储", "次数"]
        .iter()
        .any(|word| name.contains(word))
}
