//! `bill diff`: what two revisions of a bill differ in.

use std::io::Write;

use console::truncate_str;
use serde_json::{Map, Value, json};

use crate::args::{Format, Which};
use crate::context::Context;
use crate::error::CommandError;
use crate::output::{self, Column, Table, columns, write_cell};
use crate::text::short;
use billkeep_core::bills::{BillError, BillView, Comparison, Diff, DiffGroup, DiffLine, LineChange, Net};
use billkeep_core::engine::Sums;
use billkeep_core::formats::Column as BillColumn;
use billkeep_core::values;
use billkeep_core::values::Amount;

/// How wide a table may be.
const WIDTH: usize = 80;

pub(super) fn diff(
    context: &Context,
    which: &Which,
    from: Option<u32>,
    to: Option<u32>,
    limit: usize,
) -> Result<(), CommandError> {
    let store = context.read()?;
    let reader = store.read()?;
    let to = context.bill_view(&reader, which, to)?;
    let from = match (from, to.revision.previous) {
        (None, 0) => return Err(BillError::FirstRevision(to.bill.key).into()),
        (from, previous) => context.bill_view(&reader, which, Some(from.unwrap_or(previous)))?,
    };
    let comparison = Comparison::new(&reader, &from, &to)?;
    let threads = context.thread_count();
    let diff = match context.format {
        Format::Table => {
            let diff = comparison.run::<CommandError>(&reader, threads, &mut |_| Ok(()))?;
            context.data(tables(&from, &to, &diff, limit).as_bytes())?;
            diff
        }
        Format::Csv => {
            let mut out = DiffCsv::new(&comparison, context.raw, context.writer())?;
            let diff = comparison.run(&reader, threads, &mut |change| out.change(change))?;
            out.out.flush()?;
            diff
        }
        Format::Json => {
            let mut out = DiffJson::new(&comparison, which, [&from, &to], context.writer())?;
            let diff = comparison.run(&reader, threads, &mut |change| out.change(change))?;
            out.finish(&diff, comparison.columns())?;
            diff
        }
    };
    context.say(&format!(
        "{}: revision {} against {}: {} added, {} removed, {} changed; {} read, in {} blocks",
        to.bill.key,
        to.revision.number,
        from.revision.number,
        output::lines(diff.added),
        output::lines(diff.removed),
        output::lines(diff.changed),
        output::lines(diff.lines_read),
        values::grouped(diff.blocks_read),
    ));
    Ok(())
}

/// Draws both revisions with what they differ by, and the groups of each currency.
fn tables(from: &BillView, to: &BillView, diff: &Diff, limit: usize) -> String {
    let columns = columns("revision lines:count currency total:amount digest");
    let mut revisions = Table::new("", columns);
    for view in [from, to] {
        let digest = view.revision.digest.hex();
        let mut row = |lines: u64, currency: &str, total: String| {
            let revision = view.revision.number.to_string();
            let row = [revision, lines.to_string(), currency.to_owned(), total, short(&digest).to_owned()];
            revisions.rows.push(row.to_vec());
        };
        for sums in &view.revision.sums {
            row(sums.lines, &sums.currency, sums.total().to_string());
        }
        if view.revision.sums.is_empty() {
            row(0, "-", Amount::ZERO.to_string());
        }
    }
    for net in &diff.net {
        let row = ["net".into(), net.lines.to_string(), net.currency.clone(), net.total().to_string()];
        revisions.rows.push(row.to_vec());
    }
    let mut text = revisions.drawn();
    for net in &diff.net {
        let groups: Vec<&DiffGroup> = diff.groups.iter().filter(|g| g.currency == net.currency).collect();
        if !groups.is_empty() {
            text.push('\n');
            text.push_str(&group_table(&groups, net, limit).drawn());
        }
    }
    text
}

/// Makes the table of the groups of one currency; its last row is what they add up to.
fn group_table(groups: &[&DiffGroup], net: &Net, limit: usize) -> Table {
    let columns = vec![
        Column::text("owner"),
        Column::text("product"),
        Column::count("added"),
        Column::count("removed"),
        Column::count("changed"),
        Column::amount(format!("net {}", net.currency)),
    ];
    let mut table = Table::new("", columns);
    let (shown, others) = groups.split_at(limit.min(groups.len()));
    for group in shown {
        table.rows.push(row(&group.owner, &group.product, &[group], group.net()));
    }
    if !others.is_empty() {
        // The total is what it is: the others are what is left of it.
        let shown = shown.iter().try_fold(Amount::ZERO, |sum, group| sum.checked_add(group.net()));
        let left = shown.and_then(|shown| net.total().checked_sub(shown)).unwrap_or_default();
        let groups = format!("{} more", values::grouped(others.len() as u64));
        table.rows.push(row("others", &groups, others, left));
    }
    table.rows.push(row("all", "", groups, net.total()));
    let widths = table.widths();
    let others: usize =
        widths.iter().enumerate().filter(|(at, _)| *at != 1).map(|(_, width)| width + 2).sum();
    let room = WIDTH.saturating_sub(others + 2).max(8);
    for row in &mut table.rows {
        if let Some(product) = row.get_mut(1) {
            *product = truncate_str(product, room, "..").into_owned();
        }
    }
    table
}

fn row(owner: &str, product: &str, groups: &[&DiffGroup], net: Amount) -> Vec<String> {
    let sum = |of: fn(&DiffGroup) -> u64| groups.iter().map(|g| of(g)).sum::<u64>().to_string();
    let counts = [sum(|g| g.added), sum(|g| g.removed), sum(|g| g.changed)];
    let [added, removed, changed] = counts;
    vec![owner.to_owned(), product.to_owned(), added, removed, changed, net.to_string()]
}

/// A line of a change, as it is written: which change, what kind, by which identity, and the columns that differ.
struct DiffRow<'a> {
    change: u64,
    kind: &'static str,
    by: String,
    columns: Vec<&'a str>,
    line: &'a DiffLine,
}

/// Tells the lines of a change.
fn diff_rows<'a>(number: u64, change: &'a LineChange, headers: &'a [String]) -> Vec<DiffRow<'a>> {
    let one = |kind, line| DiffRow { change: number, kind, by: String::new(), columns: Vec::new(), line };
    match change {
        LineChange::Added(line) => vec![one("added", line)],
        LineChange::Removed(line) => vec![one("removed", line)],
        LineChange::Changed { from, to, by, columns } => {
            let names = || columns.iter().filter_map(|at| headers.get(*at).map(String::as_str)).collect();
            let one =
                |kind, line| DiffRow { change: number, kind, by: by.to_string(), columns: names(), line };
            vec![one("changed-from", from), one("changed-to", to)]
        }
    }
}

fn total(line: &DiffLine) -> Amount {
    line.amounts.first().copied().unwrap_or_default()
}

/// Writes every line as CSV.
struct DiffCsv<'a> {
    headers: &'a [String],
    changes: u64,
    raw: bool,
    text: Vec<u8>,
    out: Box<dyn Write + Send>,
}

impl<'a> DiffCsv<'a> {
    fn new(
        comparison: &'a Comparison<'_>,
        raw: bool,
        out: Box<dyn Write + Send>,
    ) -> Result<DiffCsv<'a>, CommandError> {
        let mut lines = DiffCsv { headers: comparison.headers(), changes: 0, raw, text: Vec::new(), out };
        let fixed = ["change", "kind", "by", "columns", "currency", "total"].map(str::as_bytes);
        lines.record(fixed.into_iter().chain(comparison.headers().iter().map(String::as_bytes)))?;
        Ok(lines)
    }

    fn record<'c>(&mut self, cells: impl Iterator<Item = &'c [u8]>) -> Result<(), CommandError> {
        self.text.clear();
        for (at, cell) in cells.enumerate() {
            if at > 0 {
                self.text.push(b',');
            }
            write_cell(self.raw, cell, &mut self.text);
        }
        self.text.push(b'\n');
        Ok(self.out.write_all(&self.text)?)
    }

    fn change(&mut self, change: &LineChange) -> Result<(), CommandError> {
        self.changes += 1;
        for diff_rows in diff_rows(self.changes, change, self.headers) {
            let fixed = [
                diff_rows.change.to_string(),
                diff_rows.kind.to_owned(),
                diff_rows.by,
                diff_rows.columns.join(";"),
                diff_rows.line.currency.clone(),
                total(diff_rows.line).to_string(),
            ];
            self.record(fixed.iter().map(String::as_bytes).chain(diff_rows.line.cells()))?;
        }
        Ok(())
    }
}

/// Writes every line as a row of the JSON object, which is closed once all figures have been checked.
struct DiffJson<'a> {
    headers: &'a [String],
    changes: u64,
    out: Box<dyn Write + Send>,
}

impl<'a> DiffJson<'a> {
    fn new(
        comparison: &'a Comparison<'_>,
        which: &Which,
        views: [&BillView; 2],
        out: Box<dyn Write + Send>,
    ) -> Result<DiffJson<'a>, CommandError> {
        let mut lines = DiffJson { headers: comparison.headers(), changes: 0, out };
        let [from, to] = views.map(|view| {
            let total = |s: &Sums| {
                json!({ "currency": s.currency, "lines": s.lines, "total": s.total().to_string() })
            };
            json!({
                "revision": view.revision.number,
                "digest": view.revision.digest.hex(),
                "lines": view.revision.lines(),
                "totals": view.revision.sums.iter().map(total).collect::<Vec<_>>(),
            })
        });
        write!(lines.out, "{{\n  \"format\": \"billkeep.bill.diff/1\",\n")?;
        let month = Value::from(which.month.to_string());
        let basis = Value::from(which.basis.to_string());
        for (name, value) in [("month", month), ("basis", basis), ("from", from), ("to", to)] {
            writeln!(lines.out, "  \"{name}\": {value},")?;
        }
        write!(lines.out, "  \"rows\": [")?;
        Ok(lines)
    }

    fn change(&mut self, change: &LineChange) -> Result<(), CommandError> {
        for diff_rows in diff_rows(self.changes + 1, change, self.headers) {
            let text = |cell: &[u8]| Value::from(String::from_utf8_lossy(cell).into_owned());
            let cells: Map<String, Value> =
                self.headers.iter().cloned().zip(diff_rows.line.cells().map(text)).collect();
            let row = json!({
                "change": diff_rows.change,
                "kind": diff_rows.kind,
                "by": diff_rows.by,
                "columns": diff_rows.columns,
                "currency": diff_rows.line.currency,
                "total": total(diff_rows.line).to_string(),
                "cells": cells,
            });
            let first = self.changes == 0 && diff_rows.kind != "changed-to";
            write!(self.out, "{}\n    {row}", if first { "" } else { "," })?;
        }
        self.changes += 1;
        Ok(())
    }

    fn finish(mut self, diff: &Diff, columns: &[BillColumn]) -> Result<(), CommandError> {
        let sums = |object: &mut Map<String, Value>, lines: i64, amounts: &[Amount]| {
            object.insert("lines".into(), lines.into());
            for (column, amount) in columns.iter().zip(amounts) {
                object.insert(column.name().into(), amount.with_sum_scale().to_string().into());
            }
        };
        let group = |group: &DiffGroup| {
            let mut object = Map::new();
            let texts = [("owner", &group.owner), ("product", &group.product), ("currency", &group.currency)];
            object.extend(texts.map(|(name, text)| (name.to_owned(), Value::from(text.as_str()))));
            let counts = [("added", group.added), ("removed", group.removed), ("changed", group.changed)];
            object.extend(counts.map(|(name, count)| (name.to_owned(), Value::from(count))));
            sums(&mut object, group.lines, &group.amounts);
            Value::Object(object)
        };
        let net = |net: &Net| {
            let mut object = Map::new();
            object.insert("currency".into(), net.currency.as_str().into());
            sums(&mut object, net.lines, &net.amounts);
            Value::Object(object)
        };
        let end = if self.changes == 0 { "]" } else { "\n  ]" };
        writeln!(self.out, "{end},")?;
        writeln!(self.out, "  \"groups\": {},", list(diff.groups.iter().map(group)))?;
        writeln!(self.out, "  \"net\": {},", list(diff.net.iter().map(net)))?;
        for (name, count) in [("added", diff.added), ("removed", diff.removed)] {
            writeln!(self.out, "  \"{name}\": {count},")?;
        }
        write!(self.out, "  \"changed\": {}\n}}\n", diff.changed)?;
        Ok(self.out.flush()?)
    }
}

/// Writes a list, a line for each value.
fn list(values: impl Iterator<Item = Value>) -> String {
    let lines: Vec<String> = values.map(|value| format!("\n    {value}")).collect();
    if lines.is_empty() { "[]".to_owned() } else { format!("[{}\n  ]", lines.join(",")) }
}
