//! Lint: what in a bill contradicts itself, or what is known besides.
//!
//! Every line is held against the published arithmetic ([`arithmetic`]), its month, known accounts and contracts
//! ([`days`]); lines against each other ([`duplicates`]); accounts and months as a whole ([`owners`]). What breaks a rule is
//! a *finding*. Findings are grouped by rule, product and currency ([`found`]), with how many lines they are, the money at
//! stake, and the gravest ones as examples with file and line.
//!
//! The money at stake is exact: for an equation, by how much the result is off; for a contract, what is paid above it; else
//! the totals of the lines, the account or the month. Sizes are added up, so that what is too much does not cancel what is
//! too little.
//!
//! Blocks are read column by column, on all threads; what is kept depends on products, accounts and findings' groups, not on
//! lines. Nothing is written, and no line is changed: lint tells, people decide.

mod arithmetic;
mod cells;
mod days;
mod drive;
mod duplicates;
mod exact;
mod found;
mod owners;
mod rule;
mod settings;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::bills::{BillError, BillKey, BillView, LineAt, Origin, ReadBlock, origins};
use crate::engine::store::Records;
use crate::formats::schema::Column;
use crate::values::money::Amount;

use cells::text;
use drive::{Alone, Drive, Threads, places};
use duplicates::DuplicateBounds;
use found::{Candidate, LintFindings};
use owners::Tallies;

pub(crate) use arithmetic::{Recomputed, recompute};
pub use rule::{Rule, Severity};
pub use settings::LintSettings;

/// What was found in a bill.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LintReport {
    /// Which bill.
    pub bill: BillKey,
    /// At which revision.
    pub revision: u32,
    /// How many lines it has.
    pub lines: u64,
    /// On how many lines each rule could be checked: the others do not show its figures.
    pub checked: Vec<(Rule, u64)>,
    /// By rule, the most at stake first.
    pub findings: Vec<LintFinding>,
}

/// Lines, accounts or months that break a rule, of one product and currency.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LintFinding {
    /// Which rule.
    pub rule: Rule,
    /// The product's name; `None` where the rule is not about products.
    pub product: Option<String>,
    /// The currency.
    pub currency: String,
    /// How many lines; accounts or months where these are meant.
    pub count: u64,
    /// The money at stake.
    pub stake: Amount,
    /// Those with the most at stake, that one first.
    pub examples: Vec<Example>,
}

/// One line, account or month that breaks a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Example {
    /// Where the line came from; `None` for an account or a month.
    pub origin: Option<Origin>,
    /// The line that it repeats.
    pub repeats: Option<Origin>,
    /// The line's owner, product, instance and transaction id, as far as it shows them.
    pub cells: Vec<(Column, String)>,
    /// The money at stake.
    pub stake: Amount,
    /// What is wrong.
    pub what: String,
}

impl LintReport {
    /// Returns the findings of at least this severity.
    pub fn findings_of(&self, least: Severity) -> impl Iterator<Item = &LintFinding> {
        self.findings.iter().filter(move |f| f.rule.severity() >= least)
    }
}

impl fmt::Display for LintFinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = Amount::new(i128::from(self.count), 0).grouped();
        write!(f, "{}: {count} with {} {} at stake", self.rule, self.stake.grouped(), self.currency)?;
        if let Some(product) = &self.product {
            write!(f, ", `{product}`")?;
        }
        if let Some(example) = self.examples.first() {
            write!(f, "; {example}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Example {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(origin) = &self.origin {
            write!(f, "{origin}: ")?;
        }
        f.write_str(&self.what)?;
        match &self.repeats {
            Some(origin) => write!(f, " ({origin})"),
            None => Ok(()),
        }
    }
}

impl BillView {
    /// Holds all lines of a bill against the rules.
    ///
    /// # Errors
    /// [`BillError`] when the store is damaged, or sums go beyond 128 bits.
    pub fn lint(
        &self,
        store: &(impl Records + Sync),
        settings: &LintSettings,
    ) -> Result<LintReport, BillError> {
        examine(&Threads { store, threads: settings.threads }, self, settings, DuplicateBounds::default())
    }
}

/// Does the same where the store cannot be shared by threads, as in a write transaction.
///
/// # Errors
/// Those of [`BillView::lint`].
pub(crate) fn lint_alone(
    store: &impl Records,
    view: &BillView,
    settings: &LintSettings,
) -> Result<LintReport, BillError> {
    examine(&Alone { store }, view, settings, DuplicateBounds::default())
}

fn examine(
    drive: &impl Drive,
    view: &BillView,
    settings: &LintSettings,
    bounds: DuplicateBounds,
) -> Result<LintReport, BillError> {
    let places = places(view);
    let rates = days::Rates::new(&settings.contracts);
    let begin = || (LintFindings::new(settings.examples_max), Tallies::default());
    let all: Vec<_> = places.iter().collect();
    let states = drive.each(view, &all, begin, |(found, tallies), place, block| {
        arithmetic::check(block, place, settings, found)?;
        days::check_outside(block, place, view, found)?;
        days::check_owners(block, place, view, settings, found)?;
        days::check_contracts(block, place, view, &rates, found)?;
        tallies.add(block, place)
    })?;
    let (mut found, mut tallies) = begin();
    for (theirs, sums) in states {
        found.merge(theirs)?;
        tallies.merge(sums)?;
    }
    tallies.check(view, &mut found)?;
    drop(tallies);
    duplicates::check(drive, view, &places, bounds, &mut found)?;
    report(drive.store(), view, found)
}

/// Makes the report: puts findings in their order, and looks up where examples came from.
fn report(store: &impl Records, view: &BillView, found: LintFindings) -> Result<LintReport, BillError> {
    let mut groups: Vec<_> = found.groups.into_iter().collect();
    groups.sort_by(|(one, a), (other, b)| {
        one.rule
            .cmp(&other.rule)
            .then_with(|| b.stake.cmp(&a.stake))
            .then_with(|| (&one.product, &one.currency).cmp(&(&other.product, &other.currency)))
    });
    let examples: Vec<&Candidate> = groups.iter().flat_map(|(_, group)| &group.examples).collect();
    let lines: BTreeSet<LineAt> = examples.iter().flat_map(|e| [e.at, e.other]).flatten().collect();
    let lines: Vec<LineAt> = lines.into_iter().collect();
    let origin_of: BTreeMap<LineAt, Origin> =
        lines.iter().copied().zip(origins(store, view, &lines)?).collect();
    let cells_of = cells_of(store, view, &lines)?;
    let mut findings = Vec::new();
    for (key, group) in groups {
        let mut examples = Vec::new();
        for candidate in group.examples {
            let at = candidate.at;
            let (mut origin, mut repeats) = (
                at.and_then(|at| origin_of.get(&at).cloned()),
                candidate.other.and_then(|at| origin_of.get(&at).cloned()),
            );
            // Blocks are sorted: which line came first is known only now.
            if repeats.is_some() && origin < repeats {
                std::mem::swap(&mut origin, &mut repeats);
            }
            let cells = at.and_then(|at| cells_of.get(&at).cloned()).unwrap_or_default();
            examples.push(Example { origin, repeats, cells, stake: candidate.stake, what: candidate.what });
        }
        findings.push(LintFinding {
            rule: key.rule,
            product: key.product,
            currency: key.currency,
            count: group.lines,
            stake: group.stake.with_sum_scale(),
            examples,
        });
    }
    let mut checked: Vec<(Rule, u64)> = found.checked.into_iter().collect();
    checked.sort_unstable();
    Ok(LintReport {
        bill: view.bill.key,
        revision: view.revision.number,
        lines: view.segments().map(|s| u64::from(s.record.rows)).sum(),
        checked,
        findings,
    })
}

/// What tells a line: columns whose cells go with an example.
const TELLING: [Column; 4] =
    [Column::OwnerUin, Column::ProductName, Column::InstanceId, Column::TransactionId];

type LintCells = Vec<(Column, String)>;

/// Reads what tells the lines of examples; lines come in the order of the view.
fn cells_of(
    store: &impl Records,
    view: &BillView,
    lines: &[LineAt],
) -> Result<BTreeMap<LineAt, LintCells>, BillError> {
    let segments: Vec<_> = view.segments().collect();
    let mut all = BTreeMap::new();
    for of_block in lines.chunk_by(|a, b| (a.segment, a.block) == (b.segment, b.block)) {
        let Some(first) = of_block.first() else { continue };
        let Some(segment) = segments.get(first.segment as usize) else { continue };
        let Some(used) = segment.record.blocks.get(first.block as usize) else { continue };
        let block = ReadBlock::read(store, segment, used, view.bill.key.basis)?;
        for at in of_block {
            let mut cells = Vec::new();
            for column in TELLING.into_iter().filter(|c| block.schema().index_of(*c).is_some()) {
                cells.push((column, text(&block, column, at.row as usize)?));
            }
            all.insert(*at, cells);
        }
    }
    Ok(all)
}
