//! The last step of an import: what the bill becomes, in the transaction that holds the lines.

use crate::bill::{
    Bill, BillView, Completeness, FileSeen, Load, Piece, Revision, SourceFile, State, combine, completeness,
    totals_text,
};
use crate::block::{Sums, merge_sums};
use crate::digest::Digest;
use crate::journal::{self, Actor};
use crate::lint;
use crate::period::{Coverage, Day};
use crate::rollup::Overflow;
use crate::store::{Read, Store, Table, Writer};

use super::error::ImportError;
use super::recognise::coverage;
use super::source::ReadFile;
use super::{BillKey, Loaded, Mode, Request, file_key, grouped, seen};

/// What came of an import.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The bill has a new revision.
    Imported {
        /// The load's number.
        load: u64,
        /// The revision's number.
        revision: u32,
    },
    /// The bill holds these lines already; nothing was changed.
    Unchanged {
        /// The load that holds them.
        load: u64,
        /// The name that its file had.
        file: String,
        /// Says whether it is these very bytes, and not just the same lines.
        same_file: bool,
        /// Says whether a later file has replaced that load.
        replaced: bool,
    },
    /// A dry run: what would have become of it.
    DryRun {
        /// The number that the revision would have had.
        revision: u32,
    },
}

/// What was imported, and what became of the bill.
#[derive(Clone, Debug)]
pub struct Report {
    /// Which bill.
    pub bill: BillKey,
    /// How the file was taken.
    pub mode: Mode,
    /// The days it covers.
    pub coverage: Option<Coverage>,
    /// The file with its control totals.
    pub file: SourceFile,
    /// The digest of its lines.
    pub digest: Digest,
    /// The sums of its lines.
    pub sums: Vec<Sums>,
    /// What came of it.
    pub outcome: Outcome,
    /// The bill's sums before, unless it is new.
    pub before: Option<Vec<Sums>>,
    /// The bill's sums now.
    pub after: Vec<Sums>,
    /// The bill's digest now.
    pub bill_digest: Digest,
    /// The bill's state now.
    pub state: State,
    /// Days that no file covers, before the last one covered.
    pub missing: Vec<Day>,
    /// How many of the file's segments the store held already.
    pub segments_shared: u64,
}

/// Makes the load, the revision and the journal's entry, and commits.
pub(super) fn commit(
    store: &Store,
    writer: Writer,
    read: ReadFile,
    mut loaded: Loaded,
    request: &Request,
    actor: &Actor,
) -> Result<Report, ImportError> {
    let bill_key = read.recognised.bill;
    let mode = read.recognised.mode;
    let coverage = coverage(&read.recognised, loaded.own_days)
        .map_err(|why| ImportError::Unclear { file: read.name.clone(), why })?;
    let entries = read.entries.into_iter().enumerate().filter_map(|(i, name)| {
        let mut entry = loaded.entries.remove(&(i as u32))?;
        entry.name = name;
        Some(entry)
    });
    let file =
        SourceFile { name: read.name, sha256: read.sha256, bytes: read.bytes, entries: entries.collect() };
    let bill: Option<Bill> = writer.get(Table::Bills, &bill_key.bytes())?;
    let current: Option<Revision> = match &bill {
        Some(bill) => Some(writer.need(Table::Revisions, &Revision::key_bytes(bill_key, bill.revision))?),
        None => None,
    };
    let mut active: Vec<Load> = Vec::new();
    for number in current.iter().flat_map(|r| &r.loads) {
        active.push(writer.need(Table::Loads, &number.to_be_bytes())?);
    }
    let mut report = Report {
        bill: bill_key,
        mode,
        coverage,
        digest: loaded.digest,
        sums: loaded.sums.clone(),
        outcome: Outcome::DryRun { revision: current.as_ref().map_or(1, |r| r.number + 1) },
        before: current.as_ref().map(|r| r.sums.clone()),
        after: current.as_ref().map_or_else(Vec::new, |r| r.sums.clone()),
        bill_digest: current.as_ref().map_or(Digest::EMPTY, |r| r.digest),
        state: bill.as_ref().map_or(State::Open, |b| b.state),
        missing: current.as_ref().map_or_else(Vec::new, |r| r.missing.clone()),
        segments_shared: loaded.shared,
        file,
    };
    // I8: the very bytes were imported before, whatever became of that load since.
    if let Some(FileSeen { load, name }) = seen(&writer, bill_key, &report.file.sha256)? {
        let replaced = !active.iter().any(|l| l.number == load);
        report.outcome = Outcome::Unchanged { load, file: name, same_file: true, replaced };
        return Ok(report);
    }
    // The same lines in other bytes: shuffled, split otherwise, zipped.
    // Lines to be added that the bill holds already, however they came, are the same lines once more.
    let same = active.iter().find(|l| {
        l.digest == loaded.digest && (mode == Mode::Adjustment || (l.mode == mode && l.coverage == coverage))
    });
    if let Some(load) = same {
        report.outcome = Outcome::Unchanged {
            load: load.number,
            file: load.file.name.clone(),
            same_file: false,
            replaced: false,
        };
        if !request.dry_run {
            let seen = FileSeen { load: load.number, name: report.file.name.clone() };
            let detail =
                format!("`{}` holds the lines of load {}; nothing changed", report.file.name, load.number);
            // The segments that were put for nothing go; a transaction of its own remembers the file.
            writer.abort()?;
            let writer = store.write()?;
            writer.put(Table::Files, &file_key(bill_key, &report.file.sha256), &seen)?;
            journal::append(&writer, actor, "import", &bill_key.to_string(), &detail)?;
            writer.commit()?;
        }
        return Ok(report);
    }
    let piece = Piece { load: 0, mode, coverage, level: read.level, file: report.file.name.clone() };
    let pieces: Vec<Piece> = active.iter().map(Piece::from).collect();
    let confirmed = bill.as_ref().filter(|b| b.state == State::Confirmed);
    let kept = match (combine(&pieces, &piece), confirmed) {
        // A file that could not join an open bill either is told what is wrong with it.
        (Err(e), _) => return Err(e.into()),
        (Ok(kept), _) => kept,
    };
    active.retain(|l| kept.contains(&l.number));
    let number = if request.dry_run { 0 } else { writer.next_id("load")? };
    let load = Load {
        number,
        bill: bill_key,
        mode,
        coverage,
        level: read.level,
        file: report.file.clone(),
        digest: loaded.digest,
        sums: loaded.sums,
        segments: loaded.segments,
        at_unix_s: actor.at_unix_s,
        actor: actor.name.clone(),
    };
    active.push(load);
    let revision = revise(bill_key, current.as_ref(), &active, actor)?;
    if let (Some(bill), Some(current)) = (confirmed, &current) {
        return Err(ImportError::Confirmed {
            file: report.file.name,
            bill: bill.key.to_string(),
            revision: bill.revision,
            old: current.total_text(),
            new: revision.total_text(),
        });
    }
    if request.strict
        && let Some(load) = active.last()
    {
        check_strictly(&writer, load, actor)?;
    }
    let was_issued = bill.as_ref().is_some_and(|b| b.state == State::Issued);
    let issued = revision.complete || (was_issued && mode == Mode::Adjustment);
    report.state = if issued { State::Issued } else { State::Open };
    report.after = revision.sums.clone();
    report.bill_digest = revision.digest;
    report.missing = revision.missing.clone();
    if request.dry_run {
        return Ok(report);
    }
    let (Some(load), revision_number) = (active.last(), revision.number) else { return Ok(report) };
    writer.put(Table::Loads, &number.to_be_bytes(), load)?;
    let seen = FileSeen { load: number, name: report.file.name.clone() };
    writer.put(Table::Files, &file_key(bill_key, &report.file.sha256), &seen)?;
    writer.put(Table::Revisions, &Revision::key_bytes(bill_key, revision_number), &revision)?;
    let bill = Bill { key: bill_key, revision: revision_number, state: report.state, confirmation: None };
    writer.put(Table::Bills, &bill_key.bytes(), &bill)?;
    let detail = format!(
        "`{}` ({mode}), {} lines, as load {number}: revision {revision_number}, total {}, digest {}",
        report.file.name,
        grouped(report.digest.lines()),
        totals_text(&report.after),
        report.bill_digest,
    );
    journal::append(&writer, actor, "import", &bill_key.to_string(), &detail)?;
    writer.commit()?;
    report.outcome = Outcome::Imported { load: number, revision: revision_number };
    Ok(report)
}

/// Holds the lines of a load against the rules, as if they were all of the bill.
///
/// # Errors
/// [`ImportError::Lint`] when they break one that no right bill breaks.
fn check_strictly(writer: &Writer, load: &Load, actor: &Actor) -> Result<(), ImportError> {
    let revision = revise(load.bill, None, std::slice::from_ref(load), actor)?;
    let bill = Bill { key: load.bill, revision: revision.number, state: State::Open, confirmation: None };
    let view = BillView::of_load(writer, bill, revision, load.clone())?;
    let report = lint::lint_alone(writer, &view, &lint::Settings::default())?;
    let findings: Vec<lint::Finding> = report.findings_of(lint::Severity::Error).cloned().collect();
    if findings.is_empty() {
        return Ok(());
    }
    Err(ImportError::Lint { file: load.file.name.clone(), findings })
}

/// Makes the revision that these loads are (I1, I2: its sums and lines are those of its loads).
fn revise(
    bill: BillKey,
    current: Option<&Revision>,
    loads: &[Load],
    actor: &Actor,
) -> Result<Revision, ImportError> {
    let mut digest = Digest::EMPTY;
    let mut sums = Vec::new();
    for load in loads {
        digest.merge(&load.digest);
        merge_sums(&mut sums, &load.sums).ok_or(Overflow)?;
    }
    let lines: u64 = sums.iter().map(|s| s.lines).sum();
    if lines != digest.lines() {
        return Err(ImportError::DoNotTie {
            what: "the lines of sums and digest",
            one: grouped(lines),
            other: grouped(digest.lines()),
        });
    }
    let Completeness { through, missing, complete } =
        completeness(bill.month, loads.iter().filter_map(|l| l.coverage));
    let previous = current.map_or(0, |r| r.number);
    Ok(Revision {
        number: previous + 1,
        previous,
        digest,
        sums,
        loads: loads.iter().map(|l| l.number).collect(),
        through,
        missing,
        complete,
        at_unix_s: actor.at_unix_s,
        actor: actor.name.clone(),
    })
}
