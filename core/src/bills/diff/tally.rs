//! The changes of two revisions, counted and added up by customer, product and currency.

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;

use crate::bills::{BillError, BillView};
use crate::engine::rollup::Overflow;
use crate::formats::schema::Column;
use crate::values::money::Amount;

use super::layout::DiffLayout;
use super::line::DiffLine;
use super::pair::LineChange;

/// What changed for one customer and product, in one currency.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DiffGroup {
    /// The owner's id; `-` for lines without one.
    pub owner: String,
    /// The product.
    pub product: String,
    /// The currency.
    pub currency: String,
    /// Lines that only the later revision has.
    pub added: u64,
    /// Lines that only the earlier revision has.
    pub removed: u64,
    /// Lines that both have, with other cells; one that went to another group counts in both.
    pub changed: u64,
    /// How many lines more there are.
    pub lines: i64,
    /// By how much the sum of each of the comparison's columns is larger.
    pub amounts: Vec<Amount>,
}

impl DiffGroup {
    /// Returns by how much the total is larger, as sums are shown.
    pub fn net(&self) -> Amount {
        self.amounts.first().copied().unwrap_or_default().with_sum_scale()
    }
}

/// By how much the sums of one currency are larger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Net {
    /// The currency.
    pub currency: String,
    /// How many lines more there are.
    pub lines: i64,
    /// By how much the sum of each of the comparison's columns is larger.
    pub amounts: Vec<Amount>,
}

impl Net {
    /// Returns by how much the total is larger, as sums are shown.
    pub fn total(&self) -> Amount {
        self.amounts.first().copied().unwrap_or_default().with_sum_scale()
    }
}

/// What two revisions differ in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diff {
    /// The groups, by currency, the largest net effect first whatever its sign.
    pub groups: Vec<DiffGroup>,
    /// The differences of the revisions' sums, to which the groups add up.
    pub net: Vec<Net>,
    /// Lines that only the later revision has.
    pub added: u64,
    /// Lines that only the earlier revision has.
    pub removed: u64,
    /// Lines that both have, with other cells.
    pub changed: u64,
    /// How many lines were read to tell this.
    pub lines_read: u64,
    /// How many blocks were read.
    pub blocks_read: u64,
}

/// Adds up changes.
pub(super) struct DiffTally<'a> {
    columns: &'a [Column],
    product: Option<usize>,
    groups: FxHashMap<(u64, Vec<u8>, String), DiffGroup>,
    pub(super) diff: Diff,
}

impl<'a> DiffTally<'a> {
    pub(super) fn new(layout: &'a DiffLayout) -> DiffTally<'a> {
        DiffTally {
            columns: &layout.summed,
            product: layout.place(Column::ProductName),
            groups: FxHashMap::default(),
            diff: Diff::default(),
        }
    }

    pub(super) fn add(&mut self, change: &LineChange) -> Result<(), Overflow> {
        match change {
            LineChange::Added(line) => {
                self.diff.added += 1;
                self.group(line, 1)?.added += 1;
            }
            LineChange::Removed(line) => {
                self.diff.removed += 1;
                self.group(line, -1)?.removed += 1;
            }
            LineChange::Changed { from, to, .. } => {
                self.diff.changed += 1;
                let same = self.key(from) == self.key(to);
                self.group(to, 1)?.changed += 1;
                self.group(from, -1)?.changed += u64::from(!same);
            }
        }
        Ok(())
    }

    fn key(&self, line: &DiffLine) -> (u64, Vec<u8>, String) {
        let product = self.product.map_or(&b""[..], |place| line.cells.get(place));
        (line.owner, Amount::trim_cell(product).to_vec(), line.currency.clone())
    }

    /// Adds a line to its group, or takes it away, and returns the group.
    fn group(&mut self, line: &DiffLine, sign: i64) -> Result<&mut DiffGroup, Overflow> {
        let key = self.key(line);
        let columns = self.columns.len();
        let group = self.groups.entry(key).or_insert_with_key(|(owner, product, currency)| DiffGroup {
            owner: if *owner == 0 { "-".to_owned() } else { owner.to_string() },
            product: String::from_utf8_lossy(product).into_owned(),
            currency: currency.clone(),
            amounts: vec![Amount::ZERO; columns],
            ..DiffGroup::default()
        });
        group.lines += sign;
        for (sum, amount) in group.amounts.iter_mut().zip(&line.amounts) {
            let changed = if sign > 0 { sum.checked_add(*amount) } else { sum.checked_sub(*amount) };
            *sum = changed.ok_or(Overflow)?;
        }
        Ok(group)
    }

    /// Sorts the groups, and checks that they add up to the difference of the revisions' sums (I1, I2).
    pub(super) fn finish(self, from: &BillView, to: &BillView) -> Result<Diff, BillError> {
        let mut diff = self.diff;
        diff.groups = self.groups.into_values().collect();
        let size = |group: &DiffGroup| group.net().max(negated(group.net()));
        diff.groups.sort_by(|a, b| {
            let by_size = || size(b).cmp(&size(a));
            let by_name = || (&a.owner, &a.product).cmp(&(&b.owner, &b.product));
            a.currency.cmp(&b.currency).then_with(by_size).then_with(by_name)
        });
        let mut found: BTreeMap<&str, (i64, Vec<Amount>)> = BTreeMap::new();
        for group in &diff.groups {
            let none = || (0, vec![Amount::ZERO; self.columns.len()]);
            let (lines, sums) = found.entry(&group.currency).or_insert_with(none);
            *lines += group.lines;
            for (sum, amount) in sums.iter_mut().zip(&group.amounts) {
                *sum = sum.checked_add(*amount).ok_or(Overflow)?;
            }
        }
        let net = difference(from, to, self.columns)?;
        for net in &net {
            let (lines, amounts) = found
                .remove(net.currency.as_str())
                .unwrap_or_else(|| (0, vec![Amount::ZERO; self.columns.len()]));
            let found = Net { currency: net.currency.clone(), lines, amounts };
            if found != *net {
                return Err(do_not_tie(to, &found, net));
            }
        }
        if let Some((currency, (lines, amounts))) = found.pop_first() {
            let found = Net { currency: currency.to_owned(), lines, amounts };
            let none = Net { currency: currency.to_owned(), lines: 0, amounts: Vec::new() };
            return Err(do_not_tie(to, &found, &none));
        }
        diff.net = net;
        Ok(diff)
    }
}

fn negated(amount: Amount) -> Amount {
    Amount::ZERO.checked_sub(amount).unwrap_or(amount)
}

/// Returns the later revision's sums less the earlier one's, for each currency that any of them has.
fn difference(from: &BillView, to: &BillView, columns: &[Column]) -> Result<Vec<Net>, Overflow> {
    let mut currencies: Vec<&str> = Vec::new();
    for sums in from.revision.sums.iter().chain(&to.revision.sums) {
        if !currencies.contains(&sums.currency.as_str()) {
            currencies.push(&sums.currency);
        }
    }
    currencies.sort_unstable();
    let mut all = Vec::new();
    for currency in currencies {
        let of = |view: &BillView, column: Option<Column>| {
            let sums = view.revision.sums.iter().find(|s| s.currency == currency);
            let amount = column.and_then(|c| sums.map(|s| s.amount(c))).unwrap_or_default();
            (sums.map_or(0, |s| s.lines).cast_signed(), amount)
        };
        let mut amounts = Vec::new();
        for column in columns {
            let (now, before) = (of(to, Some(*column)).1, of(from, Some(*column)).1);
            amounts.push(now.checked_sub(before).ok_or(Overflow)?.with_sum_scale());
        }
        all.push(Net { currency: currency.to_owned(), lines: of(to, None).0 - of(from, None).0, amounts });
    }
    Ok(all)
}

fn do_not_tie(view: &BillView, found: &Net, net: &Net) -> BillError {
    let text = |net: &Net| format!("{} {} in {} lines", net.total(), net.currency, net.lines);
    BillError::DoNotTie {
        bill: view.bill.key,
        what: "the net effect of the lines that differ and the difference of the totals",
        one: text(found),
        other: text(net),
    }
}
