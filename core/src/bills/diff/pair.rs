//! Which of the lines that only one revision has are one line, changed.
//!
//! Lines have no key. So pairs are looked for by identities, the strongest first, among the lines that are left; within
//! one, a pair of the same owner and day goes before any other. An identity never makes one line of two: where so many
//! lines on the one side and so many on the other have it in common, as many pairs are made as the smaller number, in an
//! order that depends on the lines alone, and the rest is removed or added.

use std::fmt;

use rustc_hash::FxHashMap;

use crate::formats::schema::Column;
use crate::values::money::is_blank;

use super::layout::DiffLayout;
use super::line::DiffLine;
use crate::values::Amount;

/// By what two lines were found to be one line, changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Identity {
    /// All cells but figures (money, prices, usage, durations, rates) are equal.
    Texts,
    /// Transaction id, instance, component type and name, and start of usage.
    Transaction,
    /// Transaction id, component type and name.
    Component,
    /// Instance, product, subproduct, component type and name, transaction type, and start of usage, where not both lines
    /// have a transaction id.
    Usage,
    /// The same without the start of usage, but with billing mode and region: lines that are aggregated by month.
    Resource,
}

impl Identity {
    /// Every identity, the strongest first.
    pub const ALL: [Identity; 5] =
        [Identity::Texts, Identity::Transaction, Identity::Component, Identity::Usage, Identity::Resource];

    /// Returns the canonical columns that must be equal; none for [`Identity::Texts`].
    fn columns(self) -> &'static [Column] {
        use Column::{
            BillingMode, ComponentName, ComponentType, InstanceId, ProductName, Region, SubproductName,
            TransactionId, TransactionType, UsageStart,
        };
        match self {
            Identity::Texts => &[],
            Identity::Transaction => &[TransactionId, InstanceId, ComponentType, ComponentName, UsageStart],
            Identity::Component => &[TransactionId, ComponentType, ComponentName],
            Identity::Usage => &[
                InstanceId,
                UsageStart,
                ProductName,
                SubproductName,
                ComponentType,
                ComponentName,
                TransactionType,
            ],
            Identity::Resource => &[
                InstanceId,
                ProductName,
                SubproductName,
                ComponentType,
                ComponentName,
                TransactionType,
                BillingMode,
                Region,
            ],
        }
    }

    /// Returns how many of its columns, from the first on, must not be blank: without them it is none.
    fn needed(self) -> usize {
        match self {
            Identity::Texts => 0,
            Identity::Transaction | Identity::Component | Identity::Resource => 1,
            Identity::Usage => 2,
        }
    }

    /// Says whether two lines that both have a transaction id are told apart by it.
    fn yields_to_transactions(self) -> bool {
        matches!(self, Identity::Usage | Identity::Resource)
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Identity::Texts => "texts",
            Identity::Transaction => "transaction",
            Identity::Component => "component",
            Identity::Usage => "usage",
            Identity::Resource => "resource",
        })
    }
}

/// What became of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LineChange {
    /// Only the later revision has it.
    Added(DiffLine),
    /// Only the earlier revision has it.
    Removed(DiffLine),
    /// Both have it, with other cells.
    Changed {
        /// As it was.
        from: DiffLine,
        /// As it is.
        to: DiffLine,
        /// By what they were found to be one line.
        by: Identity,
        /// The places of the columns whose cells differ.
        columns: Vec<usize>,
    },
}

impl LineChange {
    /// The line by which changes are sorted.
    fn line(&self) -> &DiffLine {
        match self {
            LineChange::Added(line) | LineChange::Removed(line) | LineChange::Changed { to: line, .. } => {
                line
            }
        }
    }
}

/// Makes changes of lines that only one side has, sorted by day, owner and content.
pub(super) fn pair(layout: &DiffLayout, from: Vec<DiffLine>, to: Vec<DiffLine>) -> Vec<LineChange> {
    let mut sides = [UnpairedLines::new(from), UnpairedLines::new(to)];
    let mut pairs: Vec<(usize, usize, Identity)> = Vec::new();
    for identity in Identity::ALL {
        let Some(key) = PairKey::of(layout, identity) else { continue };
        // The texts tell owner and day anyhow.
        let near_first: &[bool] = if identity == Identity::Texts { &[false] } else { &[true, false] };
        for near in near_first {
            pair_by(&key, *near, &mut sides, &mut pairs);
        }
    }
    let [mut from, mut to] = sides;
    let mut changes = Vec::new();
    for (one, other, by) in pairs {
        let (Some(from), Some(to)) = (from.take(one), to.take(other)) else { continue };
        let cells = from.cells.iter().zip(to.cells.iter()).enumerate();
        let columns = cells.filter(|(_, (from, to))| from != to).map(|(at, _)| at).collect();
        changes.push(LineChange::Changed { from, to, by, columns });
    }
    changes.extend(from.rest().map(LineChange::Removed));
    changes.extend(to.rest().map(LineChange::Added));
    let key = |change: &LineChange| {
        let line = change.line();
        (line.coverage_day, line.owner)
    };
    changes.sort_by(|a, b| key(a).cmp(&key(b)).then_with(|| a.line().cells.cmp(&b.line().cells)));
    changes
}

/// Lines of one side, of which some have found theirs.
struct UnpairedLines {
    lines: Vec<Option<DiffLine>>,
    paired: Vec<bool>,
}

impl UnpairedLines {
    fn new(mut lines: Vec<DiffLine>) -> UnpairedLines {
        // Pairs are made in this order: it must not depend on how lines were split over segments.
        lines.sort_by(|a, b| {
            (a.coverage_day, a.owner).cmp(&(b.coverage_day, b.owner)).then_with(|| a.cells.cmp(&b.cells))
        });
        UnpairedLines { paired: vec![false; lines.len()], lines: lines.into_iter().map(Some).collect() }
    }

    fn take(&mut self, at: usize) -> Option<DiffLine> {
        self.lines.get_mut(at)?.take()
    }

    /// Goes through the lines that have not found theirs.
    fn unpaired(&self) -> impl Iterator<Item = (usize, &DiffLine)> {
        let lines = self.lines.iter().zip(&self.paired).enumerate();
        lines.filter(|(_, (_, paired))| !**paired).filter_map(|(at, (line, _))| Some((at, line.as_ref()?)))
    }

    fn rest(self) -> impl Iterator<Item = DiffLine> {
        self.lines.into_iter().flatten()
    }
}

/// How lines are compared by one identity.
struct PairKey {
    identity: Identity,
    places: Vec<usize>,
    transaction: Option<usize>,
}

impl PairKey {
    /// Returns nothing where a column that the identity needs is in no file.
    fn of(layout: &DiffLayout, identity: Identity) -> Option<PairKey> {
        let places = if identity == Identity::Texts {
            let figures = layout.figures().into_iter().enumerate();
            figures.filter(|(_, figure)| !figure).map(|(at, _)| at).collect()
        } else {
            let columns = identity.columns();
            let needed = columns.get(..identity.needed()).unwrap_or_default();
            if needed.iter().any(|column| layout.place(*column).is_none()) {
                return None;
            }
            columns.iter().filter_map(|column| layout.place(*column)).collect()
        };
        Some(PairKey { identity, places, transaction: layout.place(Column::TransactionId) })
    }

    /// Returns what lines of this identity have in common; nothing for a line that has none.
    fn text(&self, line: &DiffLine, near: bool) -> Option<Vec<u8>> {
        let mut needed = self.places.iter().take(self.identity.needed());
        if needed.any(|place| is_blank(line.cells.get(*place))) {
            return None;
        }
        let mut text = Vec::with_capacity(128);
        if near {
            text.push(line.coverage_day);
            text.extend_from_slice(&line.owner.to_le_bytes());
        }
        for place in &self.places {
            let cell = Amount::trim_cell(line.cells.get(*place));
            text.extend_from_slice(&(cell.len() as u64).to_le_bytes());
            text.extend_from_slice(cell);
        }
        Some(text)
    }

    /// Says whether a line has a transaction id that this identity leaves the word to.
    fn has_transaction(&self, line: &DiffLine) -> bool {
        let place = self.transaction.filter(|_| self.identity.yields_to_transactions());
        place.is_some_and(|place| !is_blank(line.cells.get(place)))
    }
}

/// The unpaired lines of one key: of each side, those without and those with a transaction id.
#[derive(Default)]
struct Alike([[Vec<usize>; 2]; 2]);

/// Pairs lines by one identity, where asked only those of the same owner and day.
fn pair_by(
    key: &PairKey,
    near: bool,
    sides: &mut [UnpairedLines; 2],
    pairs: &mut Vec<(usize, usize, Identity)>,
) {
    let mut groups: FxHashMap<Vec<u8>, Alike> = FxHashMap::default();
    for (side, open) in sides.iter().enumerate() {
        for (at, line) in open.unpaired() {
            let Some(text) = key.text(line, near) else { continue };
            let alike = groups.entry(text).or_default();
            let lists = alike.0.get_mut(side).and_then(|l| l.get_mut(usize::from(key.has_transaction(line))));
            if let Some(list) = lists {
                list.push(at);
            }
        }
    }
    // Groups have no line in common, so their order does not matter.
    for Alike([[from_without, from_with], [to_without, to_with]]) in groups.into_values() {
        let (mut from_without, mut to_without) = (from_without.into_iter(), to_without.into_iter());
        let mut found: Vec<(usize, usize)> = Vec::new();
        let without = from_without.len().min(to_without.len());
        found.extend(from_without.by_ref().take(without).zip(to_without.by_ref()));
        // One of the two lists is at its end.
        found.extend(from_without.zip(to_with));
        found.extend(from_with.into_iter().zip(to_without));
        let [from, to] = &mut *sides;
        for (one, other) in found {
            for (open, at) in [(&mut *from, one), (&mut *to, other)] {
                if let Some(paired) = open.paired.get_mut(at) {
                    *paired = true;
                }
            }
            pairs.push((one, other, key.identity));
        }
    }
}
