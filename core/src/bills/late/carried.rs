//! What was carried forward of a bill: lines of its late files that stand in later bills.
//!
//! Each of them counts once. A file that comes afterwards may hold the same line again, alone or in a whole month, and the
//! line must not be booked a second time. So what a file changes is compared with the corrections that were booked, line
//! by line. A correction has columns of its own, another month, and negated amounts where it reverses a line: apart from
//! these it is the line that it corrects.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use sha2::{Digest as _, Sha256};

use crate::bills::combine::{LoadPiece, combine};
use crate::bills::diff::{Comparison, DiffLine};
use crate::bills::error::BillError;
use crate::bills::records::{BillKey, Load};
use crate::bills::revise::alone;
use crate::bills::view::BillView;
use crate::engine::journal::Actor;
use crate::engine::rollup::Overflow;
use crate::engine::store::{Records, StoreError, Table};
use crate::formats::schema::{Column, Schema};
use crate::values::money::Amount;

use super::record::LateState;
use crate::bills::late::LateFile;

/// The columns that corrections have besides the bill's.
pub(crate) const REFERENCES: [&str; 4] =
    ["Correction Of Month", "Correction Of Line", "Correction Of File", "Correction Kind"];
/// What the last of them says of a line that takes another one back.
pub(crate) const REVERSAL: &str = "reversal";
/// What it says of a line that was missing.
pub(crate) const BOOKING: &str = "booking";

/// What of a file was carried forward before, with other files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CarriedBefore {
    /// How many lines.
    pub lines: u64,
    /// Their net amount by currency.
    pub totals: BTreeMap<String, Amount>,
    /// With which late files.
    pub with: BTreeSet<u64>,
    /// Into which bills.
    pub to: BTreeSet<BillKey>,
}

/// The corrections of one late file, as they are booked.
struct Corrections {
    late: u64,
    to: BillKey,
    /// The late file's own load.
    piece: LoadPiece,
    view: BillView,
}

/// All corrections that were booked of a bill's late files.
pub(crate) struct Carried(Vec<Corrections>);

impl Carried {
    pub(crate) fn of(store: &impl Records, key: BillKey, actor: &Actor) -> Result<Carried, BillError> {
        let mut all = Vec::new();
        for late in LateFile::list(store)?.into_iter().filter(|late| late.bill == key) {
            let LateState::Carried { to, load } = late.state else { continue };
            if store.get_bytes(Table::Pruned, &load.to_be_bytes())?.is_some() {
                return Err(BillError::Pruned { bill: to, number: 1, load });
            }
            let corrections: Load = store.need(Table::Loads, &load.to_be_bytes())?;
            let own: Load = store.need(Table::Loads, &late.load.to_be_bytes())?;
            all.push(Corrections {
                late: late.number,
                to,
                piece: LoadPiece::from(&own),
                view: alone(store, to, &[corrections], actor)?,
            });
        }
        Ok(Carried(all))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the corrections as bills, for [`Comparison::beside`].
    pub(crate) fn views(&self) -> Vec<&BillView> {
        self.0.iter().map(|one| &one.view).collect()
    }

    /// Counts the booked lines by their content. Corrections of files that a load replaces stand for nothing once it is there.
    pub(crate) fn booked(
        &self,
        store: &impl Records,
        comparison: &Comparison<'_>,
        load: &Load,
    ) -> Result<Booked, BillError> {
        let mut booked = Booked {
            keys: LineKeys::of(comparison.headers())?,
            stays: HashMap::new(),
            replaced: HashMap::new(),
        };
        for (at, one) in self.0.iter().enumerate() {
            let is_replaced = self.is_replaced(at, load);
            comparison.lines_of::<BillError>(store, &one.view, &mut |line| {
                let reverses = booked.keys.reverses(line);
                let key = booked.keys.key(line, reverses);
                let side = if is_replaced { &mut booked.replaced } else { &mut booked.stays };
                let count = side.entry(key).or_insert(Count { lines: 0, with: at });
                count.lines += if reverses { -1 } else { 1 };
                Ok(())
            })?;
        }
        Ok(booked)
    }

    /// Says whether a load takes the place of the file that was carried forward.
    fn is_replaced(&self, at: usize, load: &Load) -> bool {
        let Some(one) = self.0.get(at) else { return false };
        combine(std::slice::from_ref(&one.piece), &LoadPiece::from(load)).is_ok_and(|kept| kept.is_empty())
    }

    /// Visits the corrections that stand for nothing any more, since the file that they belong to is replaced.
    pub(crate) fn undone(
        &self,
        store: &impl Records,
        comparison: &Comparison<'_>,
        booked: &mut Booked,
        visit: &mut dyn FnMut(&DiffLine) -> Result<(), BillError>,
    ) -> Result<(), BillError> {
        for one in &self.0 {
            if booked.replaced.values().all(|count| count.lines == 0) {
                break;
            }
            comparison.lines_of::<BillError>(store, &one.view, &mut |line| {
                let reverses = booked.keys.reverses(line);
                let key = booked.keys.key(line, reverses);
                let sign = if reverses { -1 } else { 1 };
                match booked.replaced.get_mut(&key).filter(|count| count.lines * sign > 0) {
                    Some(count) => {
                        count.lines -= sign;
                        visit(line)
                    }
                    None => Ok(()),
                }
            })?;
        }
        Ok(())
    }

    /// Adds a line to what was carried forward before.
    pub(crate) fn note(
        &self,
        before: &mut CarriedBefore,
        with: usize,
        line: &DiffLine,
        reversed: bool,
    ) -> Result<(), BillError> {
        let Some(one) = self.0.get(with) else { return Ok(()) };
        let total = line.amounts.first().copied().unwrap_or_default();
        let sum = before.totals.entry(line.currency.clone()).or_default();
        let new = if reversed { sum.checked_sub(total) } else { sum.checked_add(total) };
        *sum = new.ok_or(Overflow)?;
        before.lines += 1;
        before.with.insert(one.late);
        before.to.insert(one.to);
        Ok(())
    }
}

/// How often a line is booked; less than zero where it is reversed.
struct Count {
    lines: i64,
    /// With which corrections, by their place.
    with: usize,
}

/// What is booked, by the content of the lines.
pub(crate) struct Booked {
    keys: LineKeys,
    /// With files that stay beside the load that is looked at.
    stays: HashMap<[u8; 32], Count>,
    /// With files that it replaces.
    replaced: HashMap<[u8; 32], Count>,
}

impl Booked {
    /// Takes a line that is added, or reversed, off what is booked; returns by which corrections it is.
    pub(crate) fn take(&mut self, line: &DiffLine, reversed: bool) -> Option<usize> {
        if self.stays.is_empty() && self.replaced.is_empty() {
            return None;
        }
        let (key, sign) = (self.keys.key(line, false), if reversed { -1 } else { 1 });
        for side in [&mut self.replaced, &mut self.stays] {
            if let Some(count) = side.get_mut(&key).filter(|count| count.lines * sign > 0) {
                count.lines -= sign;
                return Some(count.with);
            }
        }
        None
    }
}

/// Tells lines by their content, whether they are corrections or not.
struct LineKeys {
    /// The columns that a reversal negates.
    money: Vec<usize>,
    /// The columns in which a correction differs from its line.
    left_out: Vec<usize>,
    kind: Option<usize>,
}

impl LineKeys {
    fn of(headers: &[String]) -> Result<LineKeys, StoreError> {
        let schema = Schema::recognise(headers.iter().map(String::as_bytes))
            .map_err(|e| StoreError::damaged("the headers of a bill", e))?;
        let place = |name: &str| headers.iter().position(|header| header == name);
        let references = REFERENCES.iter().filter_map(|name| place(name));
        Ok(LineKeys {
            money: schema.summed().into_iter().map(|(_, at)| at).collect(),
            left_out: references.chain(schema.index_of(Column::BillMonth)).collect(),
            kind: place(REFERENCES[3]),
        })
    }

    fn reverses(&self, line: &DiffLine) -> bool {
        self.kind.and_then(|at| line.cells().nth(at)).is_some_and(|cell| cell == REVERSAL.as_bytes())
    }

    fn key(&self, line: &DiffLine, negated: bool) -> [u8; 32] {
        let mut hasher = Sha256::new();
        let mut text = Vec::new();
        for (at, cell) in line.cells().enumerate().filter(|(at, _)| !self.left_out.contains(at)) {
            text.clear();
            match Amount::parse_cell(cell) {
                Ok(Some(amount)) if self.money.contains(&at) => {
                    let sign = if negated { -1 } else { 1 };
                    Amount::new(sign * amount.mantissa(), amount.scale()).shortest().write(&mut text);
                }
                _ => text.extend_from_slice(Amount::trim_cell(cell)),
            }
            hasher.update((text.len() as u64).to_be_bytes());
            hasher.update(&text);
        }
        hasher.finalize().into()
    }
}

/// Returns what a load would add to its bill that was carried forward before.
///
/// # Errors
/// [`BillError`] when the store is damaged, or the lines of the corrections were removed.
pub(crate) fn carried_before(
    store: &impl Records,
    load: &Load,
    [without, with]: [&[Load]; 2],
    actor: &Actor,
) -> Result<CarriedBefore, BillError> {
    let carried = Carried::of(store, load.bill, actor)?;
    let mut before = CarriedBefore::default();
    if carried.is_empty() {
        return Ok(before);
    }
    let from = alone(store, load.bill, without, actor)?;
    let to = alone(store, load.bill, with, actor)?;
    let comparison = Comparison::beside(store, [&from, &to], &carried.views())?;
    let mut booked = carried.booked(store, &comparison, load)?;
    comparison.unequal(store, &mut |reversed, line| match booked.take(line, reversed) {
        Some(with) => carried.note(&mut before, with, line, reversed),
        None => Ok(()),
    })?;
    Ok(before)
}
