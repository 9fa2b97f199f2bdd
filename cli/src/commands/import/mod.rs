//! `import`: bill files into the store, each in one atomic step.

mod found;

use std::collections::BTreeSet;
use std::path::Path;

use billkeep_core::error::Kind;

use serde_json::{Value, json};

use crate::args::{Format, Import};
use crate::commands::import_faults;
use crate::commands::late;
use crate::context::Context;
use crate::error::CommandError;
use crate::output::{self, Table, columns};
use crate::own_error;
use crate::progress::Bar;
use crate::text::short;
use billkeep_core::bills::{
    Aligned, Control, Elsewhere, ImportError, ImportReport, ImportRequest, Input, LateCause, LateFile,
    LateState, Outcome, Unassigned, WhySkipped,
};

use billkeep_core::engine::{Records, Store, Sums};
use billkeep_core::formats::{Detection, Limits};
use billkeep_core::partners::Tree;
use billkeep_core::values;
use billkeep_core::values::{BillMonth, grouped};
use found::Source;
pub(crate) use found::in_order;

/// Of how many accounts and days the losses are shown.
const LOSSES_SHOWN: usize = 10;

pub(crate) fn run(context: &Context, args: &Import) -> Result<(), CommandError> {
    let sources = found::find(context, &args.files)?;
    let request = ImportRequest {
        mode: args.mode,
        payer: args.payer,
        month: args.month,
        basis: args.basis,
        dry_run: args.dry_run,
        accept_unterminated: args.accept_unterminated,
        accept_outside: args.accept_outside,
        strict: args.strict,
        detection: args.encoding.map_or(Detection::Beginning, Detection::Said),
        accept_smaller: args.accept_smaller,
        control: Control {
            lines: args.expect_lines,
            totals: args.expect_total.clone(),
            sha256: args.expect_sha256.map(|hash| (hash, "--expect-sha256".to_owned())).into_iter().collect(),
        },
        ..ImportRequest::default()
    };
    if sources.len() > 1 && request.control != Control::default() {
        return Err(CommandError::user(
            "`--expect-lines`, `--expect-total` and `--expect-sha256` are of one file",
        )
        .hint("import the files one after another, each with its own figures"));
    }
    let store = context.write()?;
    let (mut reports, mut failed) = (Vec::new(), Vec::new());
    let all = sources.len();
    for source in sources {
        let shown = source.shown();
        let mut request = request.clone();
        match source.stated_hash() {
            Ok(stated) => request.control.sha256.extend(stated),
            Err(error) if all == 1 => return Err(error),
            Err(error) => {
                context.warn(error.text().trim_end());
                failed.push((shown, error));
                continue;
            }
        }
        match of_source(context, &store, source, &request) {
            Ok(report) => {
                context.say(&sentence(&report));
                reports.push(report);
            }
            Err(error) => {
                let error = failure(context, error, &shown, args.dry_run);
                if all == 1 {
                    return Err(error);
                }
                // A file that is wrong keeps no other out; a store that fails would fail again.
                context.warn(error.text().trim_end());
                let stops = !matches!(error.kind(), Kind::User | Kind::Refused);
                failed.push((shown, error));
                if stops {
                    break;
                }
            }
        }
    }
    if context.format == Format::Csv {
        context.print(&table_of(&reports))?;
    }
    if context.format == Format::Json {
        let rows: Vec<Value> = reports.iter().map(json_of).collect();
        let failures: Vec<Value> = failed
            .iter()
            .map(|(file, e)| json!({ "file": file, "error": e.message(), "hints": e.hints() }))
            .collect();
        let object = json!({ "format": "billkeep.import/1", "files": rows, "failed": failures });
        context.data(output::json_text(&object).as_bytes())?;
    }
    tell_unassigned(context, &store.read()?, &reports)?;
    store.close()?;
    let held = held(&reports).or_else(|| left_out(&reports)).filter(|_| !args.dry_run);
    match summary(&failed, all, reports.len()) {
        Some(error) => Err(held
            .map_or_else(Vec::new, |held| vec![held.message().to_owned()])
            .into_iter()
            .fold(error, CommandError::hint)),
        None => held.map_or(Ok(()), Err),
    }
}

/// Makes the error of a file, with what there is to do.
fn failure(context: &Context, error: ImportError, shown: &str, dry_run: bool) -> CommandError {
    match error {
        ImportError::Faults(faults) if dry_run => import_faults::tell(context, shown, &faults),
        error => {
            let hint = found::hint_of_absent(shown);
            hint.into_iter().fold(CommandError::from(error), CommandError::hint)
        }
    }
}

/// Says how many of several files were not imported, with the gravest of their kinds.
fn summary(failed: &[(String, CommandError)], all: usize, imported: usize) -> Option<CommandError> {
    let gravity = |kind: Kind| match kind {
        Kind::Damaged => 4,
        Kind::Internal => 3,
        Kind::Transient => 2,
        Kind::User => 1,
        _ => 0,
    };
    let worst = failed.iter().map(|(_, error)| error.kind()).max_by_key(|kind| gravity(*kind))?;
    let untried = all - imported - failed.len();
    let mut text = format!("{} of {all} files were not imported", failed.len() + untried);
    if untried > 0 {
        text.push_str(&format!("; the last {untried} were not tried"));
    }
    let error = CommandError::new(worst, text);
    Some(error.hint("correct them and run the same command again: files that were imported change nothing"))
}

/// Tells which accounts of the bills that were imported into are not in the tree, if there is a tree.
fn tell_unassigned(
    context: &Context,
    store: &impl Records,
    reports: &[ImportReport],
) -> Result<(), CommandError> {
    if Tree::load(store)?.is_empty() {
        return Ok(());
    }
    let imported = reports.iter().filter(|r| matches!(r.outcome, Outcome::Imported { .. }));
    let months: BTreeSet<BillMonth> = imported.map(|r| r.bill.month).collect();
    for month in months {
        let unknown = Unassigned::list(store, Some(month))?;
        let Some(first) = unknown.first() else { continue };
        context.say(&format!(
            "warning: {month} has accounts that are not in the tree of accounts: {}, `{}` first;\n  `billkeep account tree` shows them",
            grouped(unknown.len() as u64),
            first.owner
        ));
    }
    Ok(())
}

/// Says that files wait for a decision, whether they came just now or before.
fn held(reports: &[ImportReport]) -> Option<CommandError> {
    let waiting = reports.iter().filter_map(|report| match &report.outcome {
        Outcome::Held { late, .. } if late.state == LateState::Waiting => Some(late),
        _ => None,
    });
    let all: Vec<_> = waiting.collect();
    let first = all.first()?;
    let reopen = if first.cause == LateCause::Confirmed { " --reopen" } else { "" };
    let accept = late::command(first, "accept") + reopen;
    let (show, discard) = (late::command(first, "show"), late::command(first, "discard"));
    let files = all.len();
    let (error, what): (_, &dyn std::fmt::Display) =
        if files == 1 { (own_error::WAITS, &first.file) } else { (own_error::MANY_WAIT, &files) };
    Some(CommandError::own(error, &[what, &first.noun(), &first.number, &show, &accept, &discard]))
}

/// Says that a file was discarded before: only a decision brings it back.
fn left_out(reports: &[ImportReport]) -> Option<CommandError> {
    let discarded = reports.iter().find_map(|report| match &report.outcome {
        Outcome::Held { late, .. } if late.state == LateState::Discarded => Some(late),
        _ => None,
    })?;
    let text = format!("`{}` was discarded, as {} {}", discarded.file, discarded.noun(), discarded.number);
    Some(CommandError::new(Kind::Refused, text).hint(after_all(discarded)))
}

/// States the command that takes a file after all.
fn after_all(late: &LateFile) -> String {
    let more = if late.cause == LateCause::Confirmed { " --reopen" } else { "" };
    format!("`{}{more} --reason TEXT` takes it after all", late::command(late, "accept"))
}

fn of_source(
    context: &Context,
    store: &Store,
    source: Source,
    request: &ImportRequest,
) -> Result<ImportReport, ImportError> {
    match source {
        Source::File(path) => one(context, store, &path, request),
        Source::Piped(input) => one_input(context, store, &input, request),
        Source::Broken(_, error) => Err(error),
    }
}

pub(crate) fn one(
    context: &Context,
    store: &Store,
    path: &Path,
    request: &ImportRequest,
) -> Result<ImportReport, ImportError> {
    let input = Input::open(path, billkeep_core::bills::Import::folder_of(store.path()), &Limits::default())?;
    // Where the console puts a file that was sent is nothing to whoever sent it.
    let input = if path.starts_with(context.stage()) { input.shown_by_name() } else { input };
    one_input(context, store, &input, request)
}

fn one_input(
    context: &Context,
    store: &Store,
    input: &Input,
    request: &ImportRequest,
) -> Result<ImportReport, ImportError> {
    let bar = Bar::new(context.shows_progress());
    let actor = context.actor();
    let settings = context.import_settings();
    let how = billkeep_core::bills::Import {
        request: request.clone(),
        settings,
        progress: &bar,
        ..billkeep_core::bills::Import::by(&actor)
    };
    let result = store.import_input(input, &how);
    bar.finish();
    result
}

/// Says in one sentence what came of it.
pub(crate) fn sentence(report: &ImportReport) -> String {
    let month = report.bill;
    let lines = output::lines(report.digest.lines());
    let file = &report.file.name;
    let total = Sums::totals_text(&report.after);
    let fact = match &report.outcome {
        Outcome::Imported { revision, .. } => {
            format!("Imported {lines} for {month} as revision {revision}, total {total}.")
        }
        Outcome::DryRun { revision } => format!(
            "Would import {lines} for {month} as revision {revision}, total {total}; nothing was changed."
        ),
        Outcome::Held { late, before: true } => {
            let hint = match late.state {
                LateState::Superseded { .. } => format!("\nhint: {}", after_all(late)),
                _ => String::new(),
            };
            return format!(
                "`{file}` came before, as {} {}, which is {}; nothing was changed.{hint}",
                late.noun(),
                late.number,
                late.state
            );
        }
        Outcome::Held { late, before: false } => return held_sentence(report, late),
        Outcome::Unchanged { load, file: before, same_file, replaced } => {
            let why = match (same_file, replaced) {
                (true, false) => format!("was imported before, as load {load} (`{before}`)"),
                (true, true) => {
                    format!(
                        "was imported before, as load {load} (`{before}`), which a later file has replaced"
                    )
                }
                (false, _) => format!("holds the same lines as load {load} (`{before}`)"),
            };
            return format!("{}`{file}` {why}; nothing was changed.", aligned_text(report));
        }
    };
    let mut text = format!("  `{file}`");
    if report.file.entries.len() > 1 {
        text.push_str(&format!(", {} CSVs", report.file.entries.len()));
    }
    import_faults::readings(report).iter().for_each(|line| text.push_str(&format!("\n  {line}")));
    let days = report.coverage.map_or_else(String::new, |c| format!(" {} to {}", c.first, c.last));
    text.push_str(&format!(
        "\n  {}{days}: {lines}, total {}\n  the bill is {}, digest {}\n",
        report.mode,
        Sums::totals_text(&report.sums),
        report.state,
        short(&report.bill_digest.hex())
    ));
    if let (Some(first), Some(last)) = (report.missing.first(), report.missing.last()) {
        let days = report.missing.len();
        text.push_str(&format!("  warning: days missing between {first} and {last}: {days}\n"));
    }
    text.push_str(&aligned_text(report));
    text.push_str(&elsewhere_text(report));
    if let Some(repeated) = late::repeated_text(report.repeated, report.digest.lines()) {
        text.push_str(&format!("  {repeated}\n"));
    }
    if let Some(carried) = late::carried_text(&report.carried) {
        text.push_str(&format!("  warning: {carried}: counted twice\n"));
    }
    if report.copied > 0 {
        text.push_str(&format!(
            "  warning: {} of {} are in two CSVs of this file, and count twice\n",
            grouped(report.copied),
            output::lines(report.digest.lines())
        ));
    }
    text.push_str(&skipped_text(report));
    for (what, losses) in [("taken away", &report.smaller.days), ("rated again", &report.rated_again)] {
        for loss in losses {
            text.push_str(&format!("  {what}: {}\n", late::day_loss(loss)));
        }
    }
    for number in &report.settled {
        text.push_str(&format!("  dispute {number} is settled by it\n"));
    }
    for number in &report.superseded {
        text.push_str(&format!(
            "  warning: pending file {number} is superseded by this file, and not in the bill\n"
        ));
    }
    text + &fact
}

/// Names the other bills that have the same lines.
fn elsewhere_text(report: &ImportReport) -> String {
    let mut text = String::new();
    for other in &report.elsewhere {
        text.push_str(&format!(
            "  warning: the bill for {} has the same lines, as load {} (`{}`): they are counted twice\n",
            other.bill, other.load, other.file
        ));
    }
    text
}

/// Names the cosmetic differences between a file's header and the bill's, a line for each CSV that has any.
fn aligned_text(report: &ImportReport) -> String {
    let columns = |names: &[String]| {
        let shown: Vec<String> = names.iter().take(5).map(|name| format!("`{name}`")).collect();
        match names.len() - shown.len() {
            0 => shown.join(", "),
            more => format!("{} and {more} more", shown.join(", ")),
        }
    };
    let mut text = String::new();
    for aligned in &report.aligned {
        let mut facts = Vec::new();
        if aligned.reordered {
            facts.push("columns in another order".to_owned());
        }
        if !aligned.left_out.is_empty() {
            facts.push(format!("empty new columns left out: {}", columns(&aligned.left_out)));
        }
        if !aligned.absent.is_empty() {
            facts.push(format!("absent columns taken as empty: {}", columns(&aligned.absent)));
        }
        if facts.is_empty() {
            facts.push("headers in another spelling".to_owned());
        }
        text.push_str(&format!("  read under the bill's header: {}\n", facts.join("; ")));
    }
    text
}

fn elsewhere_json(other: &Elsewhere) -> Value {
    json!({
        "month": other.bill.month.to_string(),
        "basis": other.bill.basis.to_string(),
        "load": other.load,
        "file": other.file,
    })
}

fn aligned_json(aligned: &Aligned) -> Value {
    json!({
        "entry": aligned.entry,
        "reordered": aligned.reordered,
        "left_out": aligned.left_out,
        "absent": aligned.absent,
    })
}

/// Names what was in a zip and is no part of the bill, a line for each cause.
fn skipped_text(report: &ImportReport) -> String {
    const TOLD: usize = 10;
    let mut text = String::new();
    for why in [WhySkipped::Junk, WhySkipped::NoLines] {
        let names: Vec<&str> =
            report.skipped.iter().filter(|s| s.why == why).map(|s| s.name.as_str()).collect();
        if names.is_empty() {
            continue;
        }
        let told: Vec<String> = names.iter().take(TOLD).map(|name| format!("`{name}`")).collect();
        let more = match names.len() - told.len() {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        text.push_str(&format!("  passed over, {why}: {}{more}\n", told.join(", ")));
    }
    text
}

/// The word of a cause in JSON.
fn why_word(why: WhySkipped) -> &'static str {
    match why {
        WhySkipped::NoLines => "no-lines",
        _ => "junk",
    }
}

/// Says what a file would change that waits now.
fn held_sentence(report: &ImportReport, late: &LateFile) -> String {
    let (month, file) = (report.bill, &report.file.name);
    let mut text = format!(
        "  `{file}`\n  {}, total {}\n",
        output::lines(report.digest.lines()),
        Sums::totals_text(&report.sums)
    );
    for loss in late::losses(&late.smaller, LOSSES_SHOWN) {
        text.push_str(&format!("  {loss}\n"));
    }
    if let Some(carried) = late::carried_text(&report.carried) {
        text.push_str(&format!("  warning: {carried}\n"));
    }
    let accounts = match late.accounts() {
        1 => "1 account".to_owned(),
        n => format!("{n} accounts"),
    };
    let fact = match (late.cause, late.revision) {
        (LateCause::Confirmed, revision) => format!(
            "The bill for {month} is confirmed at revision {revision}, and stays so. The file would change it by\n{}, \
             for {accounts}.",
            late.difference_text()
        ),
        (LateCause::Smaller, 0) => {
            format!(
                "There is not yet a bill for {month}. The file {}.",
                late::reasons(&late.smaller).join(", and it ")
            )
        }
        (LateCause::Smaller, revision) => format!(
            "The bill for {month} stays at revision {revision}. The file {}.\nIn all it would change the bill by {}.",
            late::reasons(&late.smaller).join(", and it "),
            late.difference_text()
        ),
    };
    text + &fact
}

/// One row for each file and currency.
fn table_of(reports: &[ImportReport]) -> Table {
    let columns = columns("file month mode outcome lines:count currency total:amount bill_digest");
    let mut table = Table::new("billkeep.import/1", columns);
    for report in reports {
        for sums in &report.sums {
            table.rows.push(vec![
                report.file.name.clone(),
                report.bill.month.to_string(),
                report.mode.to_string(),
                outcome(report).0.to_owned(),
                sums.lines.to_string(),
                sums.currency.clone(),
                sums.total().to_string(),
                report.bill_digest.hex(),
            ]);
        }
    }
    table
}

/// Tells what came of it: a word, the revision and the load.
fn outcome(report: &ImportReport) -> (&'static str, Option<u32>, Option<u64>) {
    match &report.outcome {
        Outcome::Imported { load, revision } => ("imported", Some(*revision), Some(*load)),
        Outcome::DryRun { revision } => ("dry-run", Some(*revision), None),
        Outcome::Unchanged { load, .. } => ("unchanged", None, Some(*load)),
        Outcome::Held { late, before } => {
            let waits = !before || late.state == LateState::Waiting;
            let word = if waits { "pending" } else { "unchanged" };
            (word, None, Some(late.load).filter(|load| *load > 0))
        }
    }
}

fn json_of(report: &ImportReport) -> Value {
    let (outcome, revision, load) = outcome(report);
    let held = match &report.outcome {
        Outcome::Held { late, .. } => Some(late),
        _ => None,
    };
    let late = held.map(|late| late.number).filter(|number| *number > 0);
    let cause = held.map(|late| late.cause.word());
    let smaller = held.map_or(&report.smaller, |late| &late.smaller);
    let totals = |sums: &[Sums]| -> Vec<Value> {
        let one =
            |s: &Sums| json!({ "currency": s.currency, "lines": s.lines, "total": s.total().to_string() });
        sums.iter().map(one).collect()
    };
    let entries: Vec<Value> = report
        .file
        .entries
        .iter()
        .enumerate()
        .map(|(i, e)| {
            let reading = report.readings.get(i).copied().unwrap_or_default();
            json!({
                "name": e.name, "lines": e.lines, "totals": totals(&e.sums), "encoding": reading.encoding.to_string(),
                "separator": reading.separator.to_string(), "header_line": reading.above + 1,
            })
        })
        .collect();
    let taken: Vec<Value> = report
        .taken
        .iter()
        .map(|t| json!({ "column": t.column, "cells": t.cells, "first": t.first, "read_as": t.as_plain }))
        .collect();
    json!({
        "file": report.file.name,
        "sha256": values::hex(&report.file.sha256),
        "bytes": report.file.bytes,
        "month": report.bill.month.to_string(),
        "basis": report.bill.basis.to_string(),
        "mode": report.mode.to_string(),
        "first_day": report.coverage.map(|c| c.first.to_string()),
        "last_day": report.coverage.map(|c| c.last.to_string()),
        "outcome": outcome,
        "revision": revision,
        "load": load,
        "late": late,
        "cause": cause,
        "losses": smaller.losses.iter().map(late::loss_json).collect::<Vec<_>>(),
        "rated_again": report.rated_again.iter().map(late::day_loss_json).collect::<Vec<_>>(),
        "settled_disputes": report.settled,
        "superseded": report.superseded,
        "repeated": report.repeated,
        "carried_before": late::carried_json(&report.carried),
        "copied": report.copied,
        "elsewhere": report.elsewhere.iter().map(elsewhere_json).collect::<Vec<_>>(),
        "aligned": report.aligned.iter().map(aligned_json).collect::<Vec<_>>(),
        "skipped": report.skipped.iter().map(|s| json!({ "name": s.name, "why": why_word(s.why) })).collect::<Vec<_>>(),
        "lines": report.digest.lines(),
        "digest": report.digest.hex(),
        "totals": totals(&report.sums),
        "entries": entries,
        "cells_read_otherwise": taken,
        "cells_with_white_space": report.white.iter().map(import_faults::white_json).collect::<Vec<_>>(),
        "bill": {
            "digest": report.bill_digest.hex(),
            "state": report.state.to_string(),
            "totals": totals(&report.after),
            "missing_days": report.missing.iter().map(ToString::to_string).collect::<Vec<_>>(),
        },
    })
}
