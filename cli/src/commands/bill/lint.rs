//! `bill lint`: what in a bill contradicts itself, or what is known besides.

use std::collections::BTreeSet;
use std::process::ExitCode;

use serde_json::{Value, json};

use crate::args::{Format, Lint};
use crate::context::Context;
use crate::error::CommandError;
use crate::output::{self, Table, columns};

use billkeep_core::bills::{Example, LintReport, LintSettings, Origin, Severity};
use billkeep_core::partners::{Contract, Tree};
use billkeep_core::values::Uin;

/// Done, but look: there are findings.
const FINDINGS: u8 = 6;

pub(crate) fn lint(context: &Context, args: &Lint) -> Result<ExitCode, CommandError> {
    let store = context.read()?;
    let reader = store.read()?;
    let view = context.bill_view(&reader, &args.which, args.revision)?;
    // The accounts that were named; else those of the tree, if there is one.
    let mut known: BTreeSet<Uin> = args.known.iter().copied().collect();
    let tree = Tree::load(&reader)?;
    if known.is_empty() && !tree.is_empty() {
        known.extend(tree.accounts().map(|(uin, _)| uin));
    }
    let settings = LintSettings {
        threads: context.thread_count(),
        examples_max: args.examples,
        tolerance_units: args.tolerance,
        known_accounts: known,
        contracts: Contract::list(&reader)?,
    };
    let report = view.lint(&reader, &settings)?;
    if context.format == Format::Json {
        context.data(output::json_text(&json_of(&report)).as_bytes())?;
    } else if context.format == Format::Csv || !report.findings.is_empty() {
        context.print(&table_of(&report))?;
    }
    if context.format == Format::Table {
        for finding in &report.findings {
            for example in &finding.examples {
                context
                    .data(format!("{} {}: {example}\n", finding.rule, finding.rule.severity()).as_bytes())?;
            }
        }
    }
    context.say(&sentence(&report));
    let worth_looking = report.findings_of(Severity::Warning).next().is_some();
    Ok(if worth_looking { ExitCode::from(FINDINGS) } else { ExitCode::SUCCESS })
}

fn sentence(report: &LintReport) -> String {
    let lines = output::lines(report.lines);
    let count = |severity| report.findings.iter().filter(|f| f.rule.severity() == severity).count();
    let counted: Vec<String> = [Severity::Error, Severity::Warning, Severity::Notice]
        .into_iter()
        .map(|severity| (severity, count(severity)))
        .filter(|(_, n)| *n > 0)
        .map(|(severity, n)| format!("{n} {severity}{}", if n == 1 { "" } else { "s" }))
        .collect();
    let found = if counted.is_empty() { "nothing".to_owned() } else { counted.join(", ") };
    format!("Looked at {lines} of the bill for {}, revision {}: found {found}.", report.bill, report.revision)
}

/// One row for each finding.
fn table_of(report: &LintReport) -> Table {
    let columns = columns("rule severity product count:count currency stake:amount examples:wide");
    let mut table = Table::new("billkeep.bill.lint/1", columns);
    for finding in &report.findings {
        let examples: Vec<String> = finding.examples.iter().map(Example::to_string).collect();
        table.rows.push(vec![
            finding.rule.to_string(),
            finding.rule.severity().to_string(),
            finding.product.clone().unwrap_or_else(|| "-".to_owned()),
            finding.count.to_string(),
            finding.currency.clone(),
            finding.stake.to_string(),
            examples.join("; "),
        ]);
    }
    table
}

fn json_of(report: &LintReport) -> Value {
    let place = |origin: &Option<Origin>| {
        origin.as_ref().map(|o| {
            json!({
                "file": o.file,
                "entry": o.entry,
                "line": o.line,
                "record": o.record,
                "place": o.id.to_string(),
            })
        })
    };
    let example = |example: &Example| {
        let cells =
            example.cells.iter().map(|(column, text)| (column.name().to_owned(), Value::from(text.as_str())));
        json!({
            "at": place(&example.origin),
            "repeats": place(&example.repeats),
            "stake": example.stake.to_string(),
            "what": example.what,
            "cells": cells.collect::<serde_json::Map<_, _>>(),
        })
    };
    let rows: Vec<Value> = report
        .findings
        .iter()
        .map(|finding| {
            json!({
                "rule": finding.rule.name(),
                "severity": finding.rule.severity().to_string(),
                "product": finding.product,
                "count": finding.count,
                "currency": finding.currency,
                "stake": finding.stake.to_string(),
                "examples": finding.examples.iter().map(example).collect::<Vec<_>>(),
            })
        })
        .collect();
    let checked: Vec<Value> =
        report.checked.iter().map(|(rule, lines)| json!({ "rule": rule.name(), "lines": lines })).collect();
    json!({
        "format": "billkeep.bill.lint/1",
        "month": report.bill.month.to_string(),
        "basis": report.bill.basis.to_string(),
        "revision": report.revision,
        "lines": report.lines,
        "checked": checked,
        "rows": rows,
    })
}
