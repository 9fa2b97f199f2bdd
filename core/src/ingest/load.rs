//! The last step of an import: what the bill becomes, in the transaction that holds the lines.

use crate::bill::late::{self, Late};
use crate::bill::life::{Event, next};
use crate::bill::revise::{put_revision, revise};
use crate::bill::{
    Bill, BillView, FileSeen, Load, Piece, Revision, SourceFile, State, combine, dispute, loads_of,
    segment_views, totals_text,
};
use crate::block::Sums;
use crate::digest::Digest;
use crate::journal::{self, Actor, Change};
use crate::lint;
use crate::period::{Coverage, Day};
use crate::store::{Read, Store, Table, Writer};

use super::error::ImportError;
use super::recognise::coverage;
use super::source::ReadFile;
use super::{BillKey, Loaded, Mode, Request, file_key, file_seen, grouped};

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
    /// The bill is confirmed: the file waits until somebody decides, and the bill is as before.
    Held {
        /// The file that waits, with its effect. Its number is 0 in a dry run.
        late: Box<Late>,
        /// Says whether it was held before, when these very bytes came for the first time.
        before: bool,
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
    /// The disputes that its lines settled.
    pub settled: Vec<u64>,
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
    let active = match &current {
        Some(revision) => loads_of(&writer, revision)?,
        None => Vec::new(),
    };
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
        settled: Vec::new(),
        file,
    };
    // I8: the very bytes were imported before, whatever became of that load since.
    if let Some(FileSeen { load, name }) = file_seen(&writer, bill_key, &report.file.sha256)? {
        if let Some(late) = late::of_load(&writer, load)?.filter(|late| !late.is_in()) {
            report.outcome = Outcome::Held { late: Box::new(late), before: true };
            return Ok(report);
        }
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
    // A file that could not join an open bill either is told what is wrong with it.
    let kept = combine(&pieces, &piece)?;
    let (mut stay, replaced): (Vec<Load>, Vec<Load>) =
        active.into_iter().partition(|l| kept.contains(&l.number));
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
    if request.strict {
        check_strictly(&writer, &load, actor)?;
    }
    if let Some(bill) = bill.as_ref().filter(|b| b.state == State::Confirmed) {
        let late = late::hold(&writer, bill, &load, &replaced, actor)?;
        if !request.dry_run {
            writer.put(Table::Loads, &number.to_be_bytes(), &load)?;
            let seen = FileSeen { load: number, name: load.file.name };
            writer.put(Table::Files, &file_key(bill_key, &load.file.sha256), &seen)?;
            writer.commit()?;
        }
        report.outcome = Outcome::Held { late: Box::new(late), before: false };
        return Ok(report);
    }
    stay.push(load);
    let revision = revise(bill_key, current.as_ref(), &stay, actor)?;
    let Some(load) = stay.last().filter(|_| !request.dry_run) else {
        report.preview(bill.as_ref(), &revision, dispute::blocks(&writer, bill_key)?);
        return Ok(report);
    };
    writer.put(Table::Loads, &number.to_be_bytes(), load)?;
    let seen = FileSeen { load: number, name: report.file.name.clone() };
    writer.put(Table::Files, &file_key(bill_key, &report.file.sha256), &seen)?;
    if let (Some(bill), Mode::Adjustment) = (&bill, mode) {
        report.settled = dispute::settle(&writer, bill, number, &segment_views(&writer, load)?, actor)?;
    }
    report.preview(bill.as_ref(), &revision, dispute::blocks(&writer, bill_key)?);
    put_revision(&writer, bill_key, &revision, report.state)?;
    let detail = format!(
        "`{}` ({mode}), {} lines, as load {number}: revision {}, total {}, digest {}",
        report.file.name,
        grouped(report.digest.lines()),
        revision.number,
        totals_text(&report.after),
        report.bill_digest,
    );
    let subject = bill_key.to_string();
    let entry = Change {
        before: current.as_ref().map(|r| r.digest.bytes()),
        after: Some(revision.digest.bytes()),
        ..Change::new("import", &subject, &detail)
    };
    journal::append_change(&writer, actor, entry)?;
    writer.commit()?;
    report.outcome = Outcome::Imported { load: number, revision: revision.number };
    Ok(report)
}

impl Report {
    /// Tells what the bill becomes by a revision.
    fn preview(&mut self, bill: Option<&Bill>, revision: &Revision, disputed: bool) {
        let event =
            Event::Load { complete: revision.complete, adjustment: self.mode == Mode::Adjustment, disputed };
        let state = bill.map_or(State::Open, |b| b.state);
        // A confirmed bill was dealt with before.
        self.state = next(state, event).unwrap_or(state);
        self.after.clone_from(&revision.sums);
        self.bill_digest = revision.digest;
        self.missing.clone_from(&revision.missing);
    }
}

/// Holds the lines of a load against the rules, as if they were all of the bill.
///
/// # Errors
/// [`ImportError::Lint`] when they break one that no right bill breaks.
fn check_strictly(writer: &Writer, load: &Load, actor: &Actor) -> Result<(), ImportError> {
    let revision = revise(load.bill, None, std::slice::from_ref(load), actor)?;
    let bill = Bill { key: load.bill, revision: revision.number, state: State::Open, confirmation: None };
    let loads = vec![(load.clone(), segment_views(writer, load)?)];
    let report = lint::lint_alone(writer, &BillView { bill, revision, loads }, &lint::Settings::default())?;
    let findings: Vec<lint::Finding> = report.findings_of(lint::Severity::Error).cloned().collect();
    if findings.is_empty() {
        return Ok(());
    }
    Err(ImportError::Lint { file: load.file.name.clone(), findings })
}
