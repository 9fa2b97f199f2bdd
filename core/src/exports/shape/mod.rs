//! Exports in other shapes than all lines: aggregated by month, by resource, summaries, and all of them in one zip
//! (docs/SHAPES.md).
//!
//! Owners are taken in batches, and what is held of them is bounded ([`held`]). One thread reads and aggregates, several
//! compress, another one writes the zip. Whatever the shape, its rows add up to the roll-ups' sums (I7), and where rows are
//! rounded, the difference has a row of its own.

mod block;
mod cells;
mod group;
mod held;
mod layout;
mod level;
mod lines;
mod rows;
mod shaped;
mod sheets;
mod summary;
mod tally;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;

use crate::bills::{BillError, BillView, OwnerDay, ReadBlock, Slice, WantedLines, walk_owner_days};
use crate::engine::block::Sums;
use crate::engine::store::Records;
use crate::formats::schema::Column;

use crate::values::uin::Uin;

use super::csv::Columns;
use super::customer::columns;
use super::form::{Audience, ExportForm, Per, Shape};
use super::plan::Plan;
use super::rendered::{HashingWriter, Rendered, expected_sums, must_tie};
use super::settings::RenderSettings;
use super::{ExportError, RenderedFile};

use crate::values::Amount;
use group::{GroupedLine, Precisions};
use held::{HeldOwners, ResumePlace};
use layout::ShapeLayout;
use level::ShapeLevel;
use lines::ShapedLines;
pub use shaped::Shaped;
use sheets::CsvSheets;
use summary::Summaries;
use tally::LevelTally;
pub use tally::Tie;

/// How much of a bill is worked on at a time; it does not change the bytes.
#[derive(Clone, Copy)]
struct ShapeBounds {
    /// Text of the lines of the owners that are read together, where rows are lines.
    lines_bytes: u64,
    /// The same where lines become groups, of which there are fewer.
    groups_bytes: u64,
    /// Groups, and lines that pass through, that are held.
    held_bytes: usize,
}

const BOUNDS: ShapeBounds =
    ShapeBounds { lines_bytes: 32 << 20, groups_bytes: 48 << 20, held_bytes: 64 << 20 };

/// Says whether this room renders a form.
pub(super) fn is_shaped(form: ExportForm) -> bool {
    (form.shape, form.per) != (Shape::L3, Per::Consolidated)
}

/// Says whether a form is one that can be rendered.
pub(crate) fn can_render(form: ExportForm) -> Result<(), &'static str> {
    if is_shaped(form) && form.audience == Audience::Customer {
        return Err("a customer gets whole lines of its own, `shape=l3` and `per=consolidated`");
    }
    if form.per != Per::Consolidated && matches!(form.shape, Shape::L1 | Shape::Pack) {
        return Err("summaries and packs are consolidated: they cannot be divided");
    }
    Ok(())
}

/// Where lines are read.
struct LineSource<'a, R> {
    store: &'a R,
    view: &'a BillView,
    found: &'a WantedLines,
    columns: &'a Columns,
    plan: &'a Plan,
    bounds: ShapeBounds,
}

/// Renders the part of a plan in a shape.
///
/// # Errors
/// As [`BillView::render`].
pub(super) fn render<R: Records + Sync>(
    store: &R,
    view: &BillView,
    plan: &Plan,
    settings: &RenderSettings<'_>,
    out: impl Write,
) -> Result<Rendered, ExportError> {
    render_within(store, view, plan, settings.threads, BOUNDS, out)
}

fn render_within<R: Records + Sync>(
    store: &R,
    view: &BillView,
    plan: &Plan,
    threads: usize,
    bounds: ShapeBounds,
    out: impl Write,
) -> Result<Rendered, ExportError> {
    let wanted = &plan.wanted;
    let form = wanted.form;
    can_render(form).map_err(|why| ExportError::Form { name: plan.part_name(), form, why })?;
    let columns = columns(store, view, wanted)?;
    let found = plan.lines(store, view)?;
    let reading = LineSource { store, view, found: &found, columns: &columns, plan, bounds };
    let mut hashing = HashingWriter::new(out);
    let (dialect, rows_per_file) = (wanted.form.dialect, wanted.rows_per_file);
    let make = |sheets: &mut CsvSheets| reading.make(sheets);
    let (files, entries, tallies) =
        sheets::write(&mut hashing, threads, dialect, rows_per_file, &plan.stem, make)?;
    let expected = expected_sums(store, view, plan)?;
    all_tie(plan, &tallies, &expected)?;
    let (bytes, sha256) = hashing.finish();
    let headers = columns.headers();
    let rounds = matches!(wanted.form.shape, Shape::L2 | Shape::Pack);
    Ok(Rendered {
        bytes,
        sha256,
        headers: headers.to_vec(),
        sums: expected,
        customer: None,
        line_headers: None,
        shaped: Some(Shaped {
            columns: files.iter().map(|f| (f.headers != headers).then(|| f.headers.clone())).collect(),
            ties: tally::ties(tallies),
            rounding: rounds.then_some("2 decimals, half away from zero"),
        }),
        files: files
            .into_iter()
            .zip(entries)
            .map(|(f, entry)| RenderedFile {
                name: f.name,
                rows: f.rows,
                bytes: entry.bytes,
                crc32: entry.crc,
            })
            .collect(),
    })
}

impl<R: Records> LineSource<'_, R> {
    /// Makes all CSVs of the form; returns what the rows of each level add up to.
    fn make(&self, sheets: &mut CsvSheets) -> Result<Vec<LevelTally>, ExportError> {
        let ExportForm { shape, per, .. } = self.plan.wanted.form;
        Ok(match shape {
            Shape::L1 => self.summaries(sheets, "")?,
            Shape::L2 => vec![self.level(ShapeLevel::L2, per, sheets, "")?],
            Shape::L3Monthly => vec![self.level(ShapeLevel::L3Monthly, per, sheets, "")?],
            Shape::L3 => vec![self.level(ShapeLevel::L3, per, sheets, "")?],
            Shape::Pack => {
                let mut tallies = self.summaries(sheets, "-l1")?;
                tallies.push(self.level(ShapeLevel::L2, Per::Consolidated, sheets, "-l2")?);
                tallies.push(self.lines(sheets, "-l3")?);
                tallies
            }
        })
    }

    /// Visits the lines of some owner-days, day by day, some of a block at a time.
    fn visit(
        &self,
        days: &[OwnerDay],
        visit: &mut dyn FnMut(Slice<'_>) -> Result<(), ExportError>,
    ) -> Result<(), ExportError> {
        walk_owner_days(self.store, self.view, days, &self.found.blocks, visit)
    }

    fn summaries(&self, sheets: &mut CsvSheets, mark: &str) -> Result<Vec<LevelTally>, ExportError> {
        let mut summaries = Summaries::new(self.columns);
        self.visit(&self.found.days, &mut |Slice { block, mut rows }| {
            rows.try_for_each(|row| summaries.add(self.columns, block, row))
        })?;
        let tallies = summaries.write(sheets, mark)?;
        if tallies.is_empty() {
            let (name, form) = (self.plan.part_name(), self.plan.wanted.form);
            let why = "the bill has no column by which lines could be summed up";
            return Err(ExportError::Form { name, form, why });
        }
        Ok(tallies)
    }

    /// Writes every line, in the order of exports.
    fn lines(&self, sheets: &mut CsvSheets, mark: &str) -> Result<LevelTally, ExportError> {
        let layout = ShapeLayout::new(self.columns, ShapeLevel::L3);
        let mut tally = LevelTally::new(ShapeLevel::L3.word());
        sheets.begin(mark, &layout.headers)?;
        let mut text = Vec::new();
        self.visit(&self.found.days, &mut |Slice { block, rows }| {
            let lines = ShapedLines::new(self.columns, &layout, block)?;
            for row in rows {
                text.clear();
                lines.write(row, &mut text, &mut tally)?;
                sheets.record(&text)?;
            }
            Ok(())
        })?;
        Ok(tally)
    }

    /// Writes a level, in one CSV or one for each owner or second-level reseller.
    fn level(
        &self,
        level: ShapeLevel,
        per: Per,
        sheets: &mut CsvSheets,
        mark: &str,
    ) -> Result<LevelTally, ExportError> {
        let layout = ShapeLayout::new(self.columns, level);
        let mut tally = LevelTally::new(level.word());
        let bytes_max = if layout.is_lines() { self.bounds.lines_bytes } else { self.bounds.groups_bytes };
        match per {
            Per::Consolidated => {
                sheets.begin(mark, &layout.headers)?;
                for batch in batches(&self.found.days, bytes_max, |_| true) {
                    self.batch(&layout, &batch, OwnerPart::All, sheets, &mut tally)?;
                }
            }
            Per::Customer => {
                for batch in batches(&self.found.days, bytes_max, |_| true) {
                    self.batch(&layout, &batch, OwnerPart::Owner, sheets, &mut tally)?;
                }
            }
            Per::Reseller => {
                for (reseller, owners) in self.resellers()? {
                    let name = reseller.map_or_else(|| "none".to_owned(), |uin| uin.to_string());
                    sheets.begin(&format!("-{name}"), &layout.headers)?;
                    for batch in batches(&self.found.days, bytes_max, |owner| owners.contains(&owner)) {
                        self.batch(&layout, &batch, OwnerPart::Reseller(reseller), sheets, &mut tally)?;
                    }
                }
            }
        }
        if !sheets.has_begun() {
            sheets.begin(mark, &layout.headers)?;
        }
        Ok(tally)
    }

    /// Finds which owners have lines under which second-level reseller.
    fn resellers(&self) -> Result<BTreeMap<Option<Uin>, BTreeSet<u64>>, ExportError> {
        let mut found: BTreeMap<Option<Uin>, BTreeSet<u64>> = BTreeMap::new();
        self.visit(&self.found.days, &mut |Slice { block, rows }| {
            for row in rows {
                let owner = block.owners()?.get(row).copied().unwrap_or(0);
                found.entry(reseller(block, row)?).or_default().insert(owner);
            }
            Ok(())
        })?;
        Ok(found)
    }

    /// Aggregates and writes the lines of some owners.
    ///
    /// They are read once, and again from where on they were too many to hold.
    fn batch(
        &self,
        layout: &ShapeLayout,
        days: &[OwnerDay],
        part: OwnerPart,
        sheets: &mut CsvSheets,
        tally: &mut LevelTally,
    ) -> Result<(), ExportError> {
        let mut precisions = Precisions::new();
        let mut next = Some(ResumePlace::default());
        let mut begun = None;
        while let Some(from) = next {
            let days: Vec<OwnerDay> = days.iter().filter(|day| day.owner >= from.owner).copied().collect();
            let (owners, texts, until) = self.hold(layout, &days, part, from)?.finish();
            for (owner, mut held) in owners {
                if part == OwnerPart::Owner && begun != Some(owner) {
                    let name = Uin::of_number(owner).map_or_else(|| "none".to_owned(), |uin| uin.to_string());
                    sheets.begin(&format!("-{name}"), &layout.headers)?;
                }
                begun = Some(owner);
                let (passing, is_left) = (held.passing.take(), held.passing_is_left);
                for (_, group) in held.into_groups() {
                    layout.write_group(&group, &texts, sheets, tally, &mut precisions)?;
                }
                if until.as_ref().is_some_and(|until| until.owner == owner) {
                    continue;
                }
                if let Some(passing) = passing {
                    passing.records().try_for_each(|record| sheets.record(record))?;
                    tally.merge(&passing.tally)?;
                }
                if is_left {
                    self.pass(layout, &days, owner, part, sheets, tally)?;
                }
                let payer = self.plan.wanted.bill.payer;
                layout.write_precisions(std::mem::take(&mut precisions), payer, sheets, tally)?;
            }
            next = until;
        }
        Ok(())
    }

    /// Reads the lines of some owners, from a place on as far as they can be held.
    fn hold(
        &self,
        layout: &ShapeLayout,
        days: &[OwnerDay],
        part: OwnerPart,
        from: ResumePlace,
    ) -> Result<HeldOwners, ExportError> {
        let mut held = HeldOwners::new(from, self.bounds.held_bytes);
        self.visit(days, &mut |Slice { block, rows }| {
            let lines = ShapedLines::new(self.columns, layout, block)?;
            let owners = block.owners()?;
            for row in rows {
                let owner = owners.get(row).copied().unwrap_or(0);
                if !held.wants(owner) || !part.has(block, row)? {
                    continue;
                }
                if layout.merges(lines.shaped, block, row)? {
                    held.add(owner, GroupedLine { layout, shaped: lines.shaped, block, row })?;
                } else {
                    held.pass(owner, |text, tally| lines.write(row, text, tally))?;
                }
            }
            Ok(())
        })?;
        Ok(held)
    }

    /// Writes the lines of an owner that pass through, as they are read.
    fn pass(
        &self,
        layout: &ShapeLayout,
        days: &[OwnerDay],
        owner: u64,
        part: OwnerPart,
        sheets: &mut CsvSheets,
        tally: &mut LevelTally,
    ) -> Result<(), ExportError> {
        let days: Vec<OwnerDay> = days.iter().filter(|day| day.owner == owner).copied().collect();
        let mut text = Vec::new();
        self.visit(&days, &mut |Slice { block, rows }| {
            let lines = ShapedLines::new(self.columns, layout, block)?;
            for row in rows {
                if part.has(block, row)? && !layout.merges(lines.shaped, block, row)? {
                    text.clear();
                    lines.write(row, &mut text, tally)?;
                    sheets.record(&text)?;
                }
            }
            Ok(())
        })
    }
}

/// Which lines of an owner are taken, and whether they are a CSV of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum OwnerPart {
    /// All, in one CSV with others.
    All,
    /// All, in a CSV of the owner's.
    Owner,
    /// Those under a second-level reseller, or under none.
    Reseller(Option<Uin>),
}

impl OwnerPart {
    fn has(self, block: &ReadBlock, row: usize) -> Result<bool, BillError> {
        match self {
            OwnerPart::All | OwnerPart::Owner => Ok(true),
            OwnerPart::Reseller(wanted) => Ok(reseller(block, row)? == wanted),
        }
    }
}

/// Checks that the rows of each level add up to what the roll-ups tell of the lines (I1, I7).
fn all_tie(plan: &Plan, tallies: &[LevelTally], expected: &[Sums]) -> Result<(), ExportError> {
    tallies.iter().try_for_each(|tally| must_tie(plan, &tally.sums(), expected))
}

/// Returns the second-level reseller of a line, if its file names one.
fn reseller(block: &ReadBlock, row: usize) -> Result<Option<Uin>, BillError> {
    let Some(place) = block.schema().index_of(Column::ResellerUin) else { return Ok(None) };
    let mut scratch = Vec::new();
    Ok(Uin::parse(Amount::trim_cell(block.column(place)?.cell(row, &mut scratch))))
}

/// Divides owner-days into those of owners whose lines are so much text together, by owner; each sorted by day and owner.
fn batches(days: &[OwnerDay], bytes_max: u64, wanted: impl Fn(u64) -> bool) -> Vec<Vec<OwnerDay>> {
    let mut bytes: BTreeMap<u64, u64> = BTreeMap::new();
    for day in days.iter().filter(|day| wanted(day.owner)) {
        *bytes.entry(day.owner).or_insert(0) += day.text_bytes;
    }
    let mut batch_of: BTreeMap<u64, usize> = BTreeMap::new();
    let (mut batch, mut held) = (0, 0);
    for (owner, text) in bytes {
        if held > 0 && held + text > bytes_max {
            batch += 1;
            held = 0;
        }
        held += text;
        batch_of.insert(owner, batch);
    }
    let mut batches = vec![Vec::new(); batch_of.values().max().map_or(0, |last| last + 1)];
    for day in days {
        if let Some(batch) = batch_of.get(&day.owner).and_then(|at| batches.get_mut(*at)) {
            batch.push(*day);
        }
    }
    batches
}
