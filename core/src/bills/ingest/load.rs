//! The last step of an import: what the bill becomes, in the transaction that holds the lines.

use crate::bills::late::{self, CarriedBefore, LateCause, LateFile, LateState, Waits};
use crate::bills::lint;
use crate::bills::readings;
use crate::bills::revise::{put_revision, revise};
use crate::bills::smaller::Smaller;
use crate::bills::{
    Bill, BillKey, BillState, BillView, FileSeen, ImportMode, Load, LoadPiece, Revision, Segment, SegmentUse,
    SourceFile, combine, dispute, repeated, segment_views,
};
use crate::engine::block::Sums;
use crate::engine::journal::{self, Actor, EntryChange};
use crate::engine::parted::{self, Parted};
use crate::engine::rollup::Rollup;
use crate::engine::store::{Records, Store, StoreError, Table, Transaction};
use crate::formats::schema::BillLevel;
use crate::formats::text::CsvReading;
use crate::values::digest::{Digest, lines_counted};
use crate::values::period::{BillMonth, Coverage, Day};

use super::align::Aligned;
use super::collect::Loaded;
use super::compare::{self, Newcomer};
use super::copies;
use super::error::ImportError;
use super::fault::Skipped;
use super::lines::Taken;
use super::recognise::coverage;
use super::report::{Accept, Elsewhere, ImportReport, Outcome};
use super::request::ImportRequest;
use super::seen::{file_key, file_seen};
use super::source::ReadFile;
use super::white::WhiteSpace;

/// Makes the load, the revision and the journal's entry, and commits.
pub(super) fn commit(
    store: &Store,
    writer: Transaction,
    read: ReadFile,
    loaded: Loaded,
    (request, accept): (&ImportRequest, Accept<'_>),
    actor: &Actor,
) -> Result<ImportReport, ImportError> {
    let place = TargetBill::find(&writer, read.recognised.bill)?;
    let incoming = Incoming::of(read, loaded)?;
    let mismatches =
        request.control.mismatches(incoming.digest.lines(), &incoming.sums, &incoming.file.sha256);
    if !mismatches.is_empty() {
        return Err(ImportError::Control { file: incoming.shown, mismatches });
    }
    if !request.accept_outside {
        incoming.must_have_lines_of(&writer, place.key.month)?;
    }
    let report =
        ImportReport { elsewhere: elsewhere(&writer, place.key, &incoming)?, ..place.report(&incoming) };
    let mut step = LastStep { place, request, accept, actor, report };
    // I8: the very bytes were imported before, whatever became of that load since.
    // Under the name of a later day they say that nothing was added since, and the bill goes through that day.
    if let Some(seen) = file_seen(&writer, step.place.key, &incoming.file.sha256)?
        && !step.place.goes_further(&writer, &seen, &incoming)?
    {
        return step.seen_before(writer, seen);
    }
    if let Some(load) = step.place.load_of_same_lines(&incoming).cloned() {
        return step.same_lines(store, writer, &load);
    }
    // A file that could not join an open bill either is told what is wrong with it.
    let joined = step.place.join(&incoming)?;
    let number = if request.dry_run { 0 } else { writer.next_id("load")? };
    let shown = incoming.shown.clone();
    readings::put(&writer, number, &incoming.readings)?;
    let load = incoming.into_load(step.place.key, number, actor);
    // What was delivered is restored as it was.
    if !request.verbatim {
        step.report.copied = copies::find(&writer, &load, &shown)?;
    }
    if request.strict {
        check_strictly(&writer, &load, shown, actor)?;
    }
    let newcomer = Newcomer { load: &load, replaced: &joined.replaced, stay: &joined.stay };
    let found = compare::find(&writer, &newcomer, actor)?;
    step.report.repeated = repeated(&writer, &load, &joined.stay, actor)?;
    step.report.carried = compare::carried(&writer, &newcomer, actor)?;
    let cause = match step.place.state() {
        Some(BillState::Confirmed) => Some(LateCause::Confirmed),
        _ if !found.smaller.is_nothing() && !request.accept_smaller => Some(LateCause::Smaller),
        _ => None,
    };
    match cause {
        Some(cause) => step.hold(writer, load, &joined.replaced, cause, found.smaller),
        None => {
            (step.report.smaller, step.report.rated_again) = (found.smaller, found.rated_again);
            step.take(writer, load, joined.stay)
        }
    }
}

/// Where a file goes: its bill as it is.
struct TargetBill {
    key: BillKey,
    bill: Option<Bill>,
    current: Option<Revision>,
    /// The loads of the current revision.
    active: Vec<Load>,
}

/// The loads of a bill, as a new one finds them.
struct Joined {
    stay: Vec<Load>,
    replaced: Vec<Load>,
}

impl TargetBill {
    fn find(store: &impl Records, key: BillKey) -> Result<TargetBill, ImportError> {
        let bill: Option<Bill> = store.get(Table::Bills, &key.bytes())?;
        let current: Option<Revision> = match &bill {
            Some(bill) => Some(store.need(Table::Revisions, &Revision::key_bytes(key, bill.revision))?),
            None => None,
        };
        let active = match &current {
            Some(revision) => Load::list_of(store, revision)?,
            None => Vec::new(),
        };
        Ok(TargetBill { key, bill, current, active })
    }

    fn state(&self) -> Option<BillState> {
        self.bill.as_ref().map(|bill| bill.state)
    }

    /// Returns the report of a file that changes nothing yet.
    fn report(&self, incoming: &Incoming) -> ImportReport {
        let current = self.current.as_ref();
        ImportReport {
            bill: self.key,
            mode: incoming.mode,
            coverage: incoming.coverage,
            digest: incoming.digest,
            sums: incoming.sums.clone(),
            outcome: Outcome::DryRun { revision: current.map_or(1, |r| r.number + 1) },
            before: current.map(|r| r.sums.clone()),
            after: current.map_or_else(Vec::new, |r| r.sums.clone()),
            bill_digest: current.map_or(Digest::EMPTY, |r| r.digest),
            state: self.state().unwrap_or(BillState::Open),
            missing: current.map_or_else(Vec::new, |r| r.missing.clone()),
            segments_shared: incoming.shared,
            settled: Vec::new(),
            aligned: incoming.aligned.clone(),
            elsewhere: Vec::new(),
            repeated: 0,
            carried: CarriedBefore::default(),
            superseded: Vec::new(),
            copied: 0,
            skipped: incoming.skipped.clone(),
            readings: incoming.readings.clone(),
            taken: incoming.taken.clone(),
            white: incoming.white.clone(),
            smaller: Smaller::default(),
            rated_again: Vec::new(),
            file: incoming.file.clone(),
        }
    }

    /// Says whether bytes that were seen before say now that the bill goes through a later day, whether the bill has them or
    /// they wait for a decision.
    fn goes_further(
        &self,
        store: &impl Records,
        seen: &FileSeen,
        incoming: &Incoming,
    ) -> Result<bool, StoreError> {
        let pending;
        let load = match self.active.iter().find(|load| load.number == seen.load) {
            Some(load) => load,
            None if late::of_load(store, seen.load)?.is_some_and(|late| !late.is_in()) => {
                pending = store.need::<Load>(Table::Loads, &seen.load.to_be_bytes())?;
                &pending
            }
            None => return Ok(false),
        };
        Ok(load.mode == incoming.mode && !self.has_the_days_of(load, incoming))
    }

    /// Finds the load that has the same lines in other bytes: shuffled, split otherwise, zipped.
    fn load_of_same_lines(&self, incoming: &Incoming) -> Option<&Load> {
        // Lines to be added that the bill holds already, however they came, are the same lines once more.
        self.active.iter().find(|l| {
            l.digest == incoming.digest
                && (incoming.mode == ImportMode::Adjustment
                    || (l.mode == incoming.mode && self.has_the_days_of(l, incoming)))
        })
    }

    /// Says whether the days of the file add nothing to those of a load. A confirmed bill needs no more days.
    fn has_the_days_of(&self, load: &Load, incoming: &Incoming) -> bool {
        match (load.coverage, incoming.coverage) {
            (Some(old), Some(new)) => {
                let confirmed = self.state() == Some(BillState::Confirmed);
                old.first <= new.first && (new.last <= old.last || (confirmed && old.first == new.first))
            }
            (old, new) => old == new,
        }
    }

    /// Decides which loads stay when the file joins them.
    fn join(&self, incoming: &Incoming) -> Result<Joined, ImportError> {
        let piece = LoadPiece {
            load: 0,
            mode: incoming.mode,
            coverage: incoming.coverage,
            level: incoming.level,
            file: incoming.file.name.clone(),
            declared: false,
        };
        let pieces: Vec<LoadPiece> = self.active.iter().map(LoadPiece::from).collect();
        let kept = combine(&pieces, &piece)?;
        let (stay, replaced) = self.active.iter().cloned().partition(|l| kept.contains(&l.number));
        Ok(Joined { stay, replaced })
    }
}

/// A file whose lines are in the transaction, before it is a load.
struct Incoming {
    mode: ImportMode,
    coverage: Option<Coverage>,
    level: BillLevel,
    file: SourceFile,
    /// How it is called in errors.
    shown: String,
    skipped: Vec<Skipped>,
    digest: Digest,
    sums: Vec<Sums>,
    segments: Vec<SegmentUse>,
    shared: u64,
    /// The days that its lines have.
    own_days: Option<Coverage>,
    /// Whether its lines state the month.
    states_month: bool,
    aligned: Vec<Aligned>,
    readings: Vec<CsvReading>,
    taken: Vec<Taken>,
    white: Vec<WhiteSpace>,
}

impl Incoming {
    fn of(read: ReadFile, mut loaded: Loaded) -> Result<Incoming, ImportError> {
        let coverage = coverage(&read.recognised, loaded.own_days)
            .map_err(|why| ImportError::Unclear { file: read.shown.clone(), why })?;
        let entries =
            read.entries.into_iter().zip(read.readings).enumerate().filter_map(|(i, (name, reading))| {
                let mut entry = loaded.entries.remove(&(i as u32))?;
                entry.name = name;
                Some((entry, reading))
            });
        let (entries, readings) = entries.unzip();
        let file = SourceFile { name: read.name, sha256: read.sha256, bytes: read.bytes, entries };
        Ok(Incoming {
            mode: read.recognised.mode,
            coverage,
            level: read.level,
            file,
            shown: read.shown,
            skipped: read.skipped,
            digest: loaded.digest,
            sums: loaded.sums,
            segments: loaded.segments,
            shared: loaded.shared,
            own_days: loaded.own_days,
            states_month: read.states_month,
            aligned: read.aligned,
            readings,
            taken: loaded.taken,
            white: loaded.white,
        })
    }

    /// Refuses a file of which no line is of the month, unless its lines state the month themselves.
    fn must_have_lines_of(&self, store: &impl Records, month: BillMonth) -> Result<(), ImportError> {
        let Some(days) = self.own_days.filter(|_| !self.states_month) else { return Ok(()) };
        let inside = |day: Day| day.month() == month;
        if inside(days.first) || inside(days.last) {
            return Ok(());
        }
        // Lines on both sides of the month, and perhaps some in it.
        if days.first < month.first_day() && days.last > month.last_day() {
            for used in &self.segments {
                let segment: Segment = store.need(Table::Segments, &used.segment.to_be_bytes())?;
                let parts = parted::read(store, Parted::Rollup, used.segment, segment.rows, |_| true)?;
                for part in parts.unwrap_or_default() {
                    let rollup = Rollup::decode(&part.bytes)?;
                    if rollup.cells().any(|c| c.key.day.and_then(Day::from_epoch_days).is_some_and(inside)) {
                        return Ok(());
                    }
                }
            }
        }
        Err(ImportError::OtherMonth {
            file: self.file.name.clone(),
            month,
            first: days.first,
            last: days.last,
        })
    }

    fn into_load(self, bill: BillKey, number: u64, actor: &Actor) -> Load {
        Load {
            number,
            bill,
            mode: self.mode,
            coverage: self.coverage,
            level: self.level,
            file: self.file,
            digest: self.digest,
            sums: self.sums,
            segments: self.segments,
            at_unix_s: actor.at_unix_s,
            actor: actor.name.clone(),
        }
    }
}

/// The last step of an import, before it is known which outcome it has.
struct LastStep<'a> {
    place: TargetBill,
    request: &'a ImportRequest,
    accept: Accept<'a>,
    actor: &'a Actor,
    report: ImportReport,
}

impl LastStep<'_> {
    /// Reports a file whose bytes the bill has seen before; takes it if it only waits for its losses to be accepted.
    fn seen_before(mut self, writer: Transaction, seen: FileSeen) -> Result<ImportReport, ImportError> {
        let FileSeen { load, name } = seen;
        self.report.outcome = match late::of_load(&writer, load)?.filter(|late| !late.is_in()) {
            Some(late)
                if late.cause == LateCause::Smaller
                    && self.request.accept_smaller
                    && !self.request.dry_run
                    && !matches!(late.state, LateState::Carried { .. }) =>
            {
                return self.accept(writer, late);
            }
            Some(late) => Outcome::Held { late: Box::new(late), before: true },
            None => {
                let replaced = !self.place.active.iter().any(|l| l.number == load);
                Outcome::Unchanged { load, file: name, same_file: true, replaced }
            }
        };
        Ok(self.report)
    }

    /// Takes a file that waits, now that its losses are accepted.
    fn accept(mut self, writer: Transaction, late: LateFile) -> Result<ImportReport, ImportError> {
        let (load, smaller) = (late.load, late.smaller.clone());
        let reason = "imported again, and its losses accepted";
        let accepted = late::accept_in(&writer, late, false, reason, self.actor)?;
        if let Some(revision) = accepted.revision {
            self.report.after.clone_from(&revision.sums);
            self.report.bill_digest = revision.digest;
            self.report.missing.clone_from(&revision.missing);
            self.report.outcome = Outcome::Imported { load, revision: revision.number };
        }
        self.report.state = accepted.state;
        self.report.settled = accepted.settled;
        self.report.superseded = accepted.superseded;
        self.report.smaller = smaller;
        writer.commit()?;
        Ok(self.report)
    }

    /// Remembers the bytes of a file whose lines the bill has from another file.
    fn same_lines(
        mut self,
        store: &Store,
        writer: Transaction,
        load: &Load,
    ) -> Result<ImportReport, ImportError> {
        if !self.request.dry_run {
            let (key, file) = (self.place.key, &self.report.file);
            let detail = format!("`{}` holds the lines of load {}; nothing changed", file.name, load.number);
            // The segments that were put for nothing go; a transaction of its own remembers the file.
            writer.abort()?;
            let writer = store.write()?;
            remember(&writer, key, load.number, file)?;
            journal::append(&writer, self.actor, "import", &key.subject(), &detail)?;
            writer.commit()?;
        }
        let file = load.file.name.clone();
        self.report.outcome =
            Outcome::Unchanged { load: load.number, file, same_file: false, replaced: false };
        Ok(self.report)
    }

    /// Keeps a file aside until somebody decides; the bill stays as it is.
    fn hold(
        mut self,
        writer: Transaction,
        load: Load,
        replaced: &[Load],
        cause: LateCause,
        smaller: Smaller,
    ) -> Result<ImportReport, ImportError> {
        let revision = self.place.current.as_ref().map_or(0, |current| current.number);
        let waits = Waits { load: &load, replaced, revision, cause, smaller };
        let late = late::hold(&writer, waits, self.actor)?;
        if !self.request.dry_run {
            writer.put(Table::Loads, &load.number.to_be_bytes(), &load)?;
            remember(&writer, load.bill, load.number, &load.file)?;
            writer.commit()?;
        }
        self.report.outcome = Outcome::Held { late: Box::new(late), before: false };
        Ok(self.report)
    }

    /// Makes the bill's next revision of the loads that stay and the new one.
    fn take(
        mut self,
        writer: Transaction,
        load: Load,
        mut loads: Vec<Load>,
    ) -> Result<ImportReport, ImportError> {
        let TargetBill { key, bill, current, .. } = &self.place;
        let (key, number) = (*key, load.number);
        loads.push(load.clone());
        let revision = revise(key, current.as_ref(), &loads, self.actor)?;
        if self.request.dry_run {
            self.report.preview(bill.as_ref(), &revision, dispute::blocks(&writer, key)?);
            return Ok(self.report);
        }
        writer.put(Table::Loads, &number.to_be_bytes(), &load)?;
        remember(&writer, key, number, &load.file)?;
        if let (Some(bill), ImportMode::Adjustment) = (bill, load.mode) {
            let segments = segment_views(&writer, &load)?;
            self.report.settled = dispute::settle(&writer, bill, number, &segments, self.actor)?;
        }
        self.report.preview(bill.as_ref(), &revision, dispute::blocks(&writer, key)?);
        (self.accept)(&self.report)
            .map_err(|why| ImportError::Unlike { file: load.file.name.clone(), why })?;
        put_revision(&writer, key, &revision, self.report.state)?;
        let detail = format!(
            "`{}` ({}), {}, as load {number}: revision {}, total {}, digest {}{}",
            load.file.name,
            load.mode,
            lines_counted(load.digest.lines()),
            revision.number,
            Sums::totals_text(&revision.sums),
            revision.digest,
            if self.report.smaller.is_nothing() {
                ""
            } else {
                "; it takes lines away or ends early, as accepted"
            },
        );
        let subject = key.subject();
        let entry = EntryChange {
            before: current.as_ref().map(|r| r.digest.bytes()),
            after: Some(revision.digest.bytes()),
            ..EntryChange::new("import", &subject, &detail)
        };
        journal::append_change(&writer, self.actor, entry)?;
        self.report.superseded = late::supersede(&writer, &load, self.actor)?;
        writer.commit()?;
        self.report.outcome = Outcome::Imported { load: number, revision: revision.number };
        Ok(self.report)
    }
}

/// Finds the loads of other bills that have the same lines.
fn elsewhere(store: &impl Records, bill: BillKey, incoming: &Incoming) -> Result<Vec<Elsewhere>, StoreError> {
    if incoming.digest.lines() == 0 {
        return Ok(Vec::new());
    }
    let same = |load: &Load| load.bill != bill && load.digest == incoming.digest;
    // There are as many loads as files were ever imported.
    let loads = store.list_with::<Load>(Table::Loads, &incoming.digest.sum_bytes())?;
    let loads = loads.into_iter().filter(same);
    Ok(loads.map(|l| Elsewhere { bill: l.bill, load: l.number, file: l.file.name }).collect())
}

/// Records which load holds the lines of a file's bytes.
fn remember(writer: &Transaction, bill: BillKey, load: u64, file: &SourceFile) -> Result<(), StoreError> {
    let seen = FileSeen { load, name: file.name.clone() };
    writer.put(Table::Files, &file_key(bill, &file.sha256), &seen)
}

/// Holds the lines of a load against the rules, as if they were all of the bill.
///
/// # Errors
/// [`ImportError::Lint`] when they break one that no right bill breaks.
fn check_strictly(
    writer: &Transaction,
    load: &Load,
    shown: String,
    actor: &Actor,
) -> Result<(), ImportError> {
    let revision = revise(load.bill, None, std::slice::from_ref(load), actor)?;
    let bill = Bill { key: load.bill, revision: revision.number, state: BillState::Open, confirmation: None };
    let loads = vec![(load.clone(), segment_views(writer, load)?)];
    let report =
        lint::lint_alone(writer, &BillView { bill, revision, loads }, &lint::LintSettings::default())?;
    let findings: Vec<lint::LintFinding> = report.findings_of(lint::Severity::Error).cloned().collect();
    if findings.is_empty() {
        return Ok(());
    }
    Err(ImportError::Lint { file: shown, findings })
}
