//! Pending files: files that wait until somebody decides.
//!
//! A *late file* is for a confirmed bill. A *smaller file* takes lines or money away, or ends too early
//! ([`super::smaller`]). Either is read and checked like any other, and its lines are kept; but no revision has them
//! until somebody accepts the file. Kept with it is what it would change: in money, by currency, and for which accounts.

pub(crate) mod carried;
mod record;

use std::collections::{BTreeMap, BTreeSet};

use crate::engine::journal::{self, Actor, EntryChange};
use crate::engine::rollup::{Overflow, Rollup};
use crate::engine::store::{Records, StoreError, Table, Transaction};
use crate::values::digest::lines_counted;
use crate::values::error::codes;
use crate::values::money::Amount;

use super::change::{refused, reopen_in};
use super::combine::{CombineError, LoadPiece, combine};
use super::dispute;
use super::error::BillError;
use super::life::{BillEvent, next};
use super::records::{Bill, BillKey, BillState, ImportMode, Load, Revision};
use super::repeated::repeated;
use super::revise::{put_revision, revise};
use super::smaller::Smaller;
use super::view::{BillView, SegmentView, segment_views};

pub use carried::CarriedBefore;
pub(crate) use carried::{Carried, carried_before};
pub use record::{Effect, LateCause, LateFile, LateState};

/// Why nothing can be done about a late file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LateError {
    /// There is none.
    #[error("there is no late file {0}, and no pending file of this number")]
    None(u64),
    /// It was decided on before.
    #[error("{noun} {number} is {state}: it was decided on before")]
    Decided {
        /// `late file` or `pending file`.
        noun: &'static str,
        /// Which one.
        number: u64,
        /// What became of it.
        state: LateState,
    },
    /// Its bill is confirmed, and nobody asked to reopen it.
    #[error("{noun} {number} is for the bill for {bill}, which is confirmed")]
    Confirmed {
        /// `late file` or `pending file`.
        noun: &'static str,
        /// Which one.
        number: u64,
        /// Which bill.
        bill: BillKey,
    },
    /// Some of its lines stand in a later bill already.
    #[error(
        "{noun} {number} holds {} carried forward with late file {} before: in the bill of {bill} they would count twice",
        if *lines == 1 { "1 line that was".to_owned() } else { format!("{lines} lines that were") },
        join(with)
    )]
    Carried {
        /// `late file` or `pending file`.
        noun: &'static str,
        /// Which one.
        number: u64,
        /// Which bill.
        bill: BillKey,
        /// How many lines.
        lines: u64,
        /// With which late files.
        with: BTreeSet<u64>,
    },
    /// The bill has an adjustment's lines already.
    #[error(
        "{noun} {number} has the very lines of `{file}`, which is in the bill for {bill}: they would count twice"
    )]
    Same {
        /// `late file` or `pending file`.
        noun: &'static str,
        /// Which one.
        number: u64,
        /// The file that is in the bill.
        file: String,
        /// Which bill.
        bill: BillKey,
    },
    /// The bill has changed so that the file does not join it any more.
    #[error(transparent)]
    Combine(#[from] CombineError),
    /// The bill does not allow it, or does not read.
    #[error(transparent)]
    Bill(#[from] BillError),
}

impl From<StoreError> for LateError {
    fn from(e: StoreError) -> Self {
        LateError::Bill(e.into())
    }
}

codes!(LateError {
    own {
        Self::None(number) => User "late.none" { number: number },
        Self::Decided { noun, number, state } => Refused "late.decided" { noun: noun, number: number, state: state },
        Self::Confirmed { noun, number, bill } => Refused "late.confirmed" { noun: noun, number: number, bill: bill },
        Self::Carried { noun, number, bill, lines, with } => Refused "late.carried" {
            noun: noun, number: number, bill: bill, lines: lines, with: join(with),
        },
        Self::Same { noun, number, file, bill } => Refused "late.same" {
            noun: noun, number: number, file: file, bill: bill,
        },
    }
    within {
        Self::Combine(e) => e, {},
        Self::Bill(e) => e, {},
    }
});

/// Writes numbers one after another.
pub(crate) fn join(numbers: &BTreeSet<u64>) -> String {
    numbers.iter().map(u64::to_string).collect::<Vec<_>>().join(", ")
}

type BySums = BTreeMap<(String, String), (i64, Amount)>;

/// Adds an owner's lines, or takes them off.
fn add_owners(
    all: &mut BySums,
    store: &impl Records,
    segments: &[SegmentView],
    minus: bool,
) -> Result<(), BillError> {
    for segment in segments {
        for rollup in segment.rollups(store, |_| true)? {
            add_cells(all, &rollup, minus)?;
        }
    }
    Ok(())
}

fn add_cells(all: &mut BySums, rollup: &Rollup, minus: bool) -> Result<(), Overflow> {
    let total = rollup.columns().iter().position(|c| *c == crate::formats::schema::Column::Total);
    for cell in rollup.cells() {
        let owner = rollup.owners().text(cell.key.owner).trim().to_owned();
        let currency = rollup.currencies().text(cell.key.currency);
        let amount = total.and_then(|at| cell.amounts.get(at)).copied().unwrap_or_default();
        let (lines, sum) = all.entry((owner, currency)).or_default();
        let count = i64::try_from(cell.lines).map_err(|_| Overflow)?;
        *lines += if minus { -count } else { count };
        let new = if minus { sum.checked_sub(amount) } else { sum.checked_add(amount) };
        *sum = new.ok_or(Overflow)?;
    }
    Ok(())
}

/// A file that is to wait, with what it is compared with.
pub(crate) struct Waits<'a> {
    /// Its load, which is the caller's to store.
    pub(crate) load: &'a Load,
    /// The loads that it would replace.
    pub(crate) replaced: &'a [Load],
    /// The bill's revision; 0 where there is no bill.
    pub(crate) revision: u32,
    /// Why it waits.
    pub(crate) cause: LateCause,
    /// What it takes away.
    pub(crate) smaller: Smaller,
}

/// Keeps a file aside until somebody decides, with what it would change.
pub(crate) fn hold(writer: &Transaction, waits: Waits<'_>, actor: &Actor) -> Result<LateFile, BillError> {
    let Waits { load, replaced, revision, cause, smaller } = waits;
    let dry_run = load.number == 0;
    let late = LateFile {
        number: if dry_run { 0 } else { writer.next_id("late")? },
        bill: load.bill,
        revision,
        load: load.number,
        file: load.file.name.clone(),
        sha256: load.file.sha256,
        lines: load.digest.lines(),
        effects: effects(writer, load, replaced)?,
        state: LateState::Waiting,
        reason: None,
        at_unix_s: actor.at_unix_s,
        actor: actor.name.clone(),
        cause,
        smaller,
    };
    if !dry_run {
        put(writer, &late)?;
        let compared = match revision {
            0 => "there is no bill yet".to_owned(),
            _ => format!("it would change revision {revision} by {}", late.difference_text()),
        };
        let detail = format!(
            "{} {}: `{}`, {}, as load {}; {compared}",
            late.noun(),
            late.number,
            late.file,
            lines_counted(late.lines),
            late.load,
        );
        journal::append(writer, actor, late.action("hold"), &load.bill.subject(), &detail)?;
    }
    Ok(late)
}

/// Returns what a load would change, by account and currency.
fn effects(store: &impl Records, load: &Load, replaced: &[Load]) -> Result<Vec<Effect>, BillError> {
    let mut sums = BySums::new();
    add_owners(&mut sums, store, &segment_views(store, load)?, false)?;
    for old in replaced {
        add_owners(&mut sums, store, &segment_views(store, old)?, true)?;
    }
    let changed = sums.into_iter().filter(|(_, (lines, amount))| *lines != 0 || amount.mantissa() != 0);
    let effect = |((owner, currency), (lines, amount))| Effect { owner, currency, lines, amount };
    Ok(changed.map(effect).collect())
}

/// Closes the smaller files that a load makes pointless: those of its mode whose days it covers. Returns their numbers.
pub(crate) fn supersede(writer: &Transaction, load: &Load, actor: &Actor) -> Result<Vec<u64>, StoreError> {
    let mut closed = Vec::new();
    let Some(days) = load.coverage else { return Ok(closed) };
    for late in smaller_of(writer, load.bill)? {
        let pending: Load = writer.need(Table::Loads, &late.load.to_be_bytes())?;
        let covered = pending.coverage.is_some_and(|of| days.first <= of.first && of.last <= days.last);
        if pending.mode == load.mode && covered && pending.number != load.number {
            closed.push(late.number);
            let reason = format!("`{}` came in its place", load.file.name);
            decide(writer, late, LateState::Superseded { load: load.number }, &reason, actor)?;
        }
    }
    Ok(closed)
}

/// Returns the smaller files of a bill that wait for a decision, oldest first.
///
/// # Errors
/// [`StoreError`] when the store cannot be read.
pub(crate) fn smaller_of(store: &impl Records, key: BillKey) -> Result<Vec<LateFile>, StoreError> {
    Ok(LateFile::list(store)?
        .into_iter()
        .filter(|late| late.bill == key && late.is_smaller_and_waits())
        .collect())
}

fn put(writer: &Transaction, late: &LateFile) -> Result<(), StoreError> {
    writer.put_of(Table::Late, &late.number.to_be_bytes(), late)
}

impl LateFile {
    /// Returns all files that wait or waited, oldest first.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read.
    pub fn list(store: &impl Records) -> Result<Vec<LateFile>, StoreError> {
        store.list_of(Table::Late)
    }
}

/// Returns the late file that a load holds, if it is one.
pub(crate) fn of_load(store: &impl Records, load: u64) -> Result<Option<LateFile>, StoreError> {
    Ok(LateFile::list(store)?.into_iter().find(|late| late.load == load))
}

impl LateFile {
    /// Returns a late file.
    ///
    /// # Errors
    /// [`LateError::None`] when there is none.
    pub fn get(store: &impl Records, number: u64) -> Result<LateFile, LateError> {
        store.get_of(Table::Late, &number.to_be_bytes())?.ok_or(LateError::None(number))
    }
}

pub(crate) fn waiting(store: &impl Records, number: u64) -> Result<LateFile, LateError> {
    let late = LateFile::get(store, number)?;
    let noun = late.noun();
    match late.state {
        LateState::Waiting => Ok(late),
        state => Err(LateError::Decided { noun, number, state }),
    }
}

/// Returns a file that may be taken: it waits, or it was left out, and its lines are in the store all the same.
pub(crate) fn takeable(store: &impl Records, number: u64) -> Result<LateFile, LateError> {
    match LateFile::get(store, number)? {
        late if late.is_left_out() => Ok(late),
        _ => waiting(store, number),
    }
}

/// Returns the loads of a revision that stay when another one joins them.
fn joined(store: &impl Records, current: Option<&Revision>, load: &Load) -> Result<Vec<Load>, LateError> {
    let mut loads = match current {
        Some(current) => Load::list_of(store, current)?,
        None => Vec::new(),
    };
    let pieces: Vec<LoadPiece> = loads.iter().map(LoadPiece::from).collect();
    let kept = combine(&pieces, &LoadPiece::from(load))?;
    loads.retain(|l| kept.contains(&l.number));
    Ok(loads)
}

/// Returns a late file's confirmed bill as it is, and as it would be with the file; nothing is changed.
///
/// # Errors
/// [`LateError`]; also when the bill is not confirmed any more.
pub(crate) fn with_and_without(
    store: &impl Records,
    late: &LateFile,
    actor: &Actor,
) -> Result<(BillView, BillView), LateError> {
    let without = BillView::open(store, late.bill, None)?;
    if without.bill.state != BillState::Confirmed {
        let why =
            "it can be reopened for the file; what is carried forward is what a confirmed bill cannot take"
                .to_owned();
        return Err(BillError::State { bill: late.bill, state: without.bill.state, why }.into());
    }
    let load: Load = store.need(Table::Loads, &late.load.to_be_bytes())?;
    let mut loads = joined(store, Some(&without.revision), &load)?;
    loads.push(load);
    let revision = revise(late.bill, Some(&without.revision), &loads, actor)?;
    let mut views = Vec::new();
    for load in loads {
        let segments = segment_views(store, &load)?;
        views.push((load, segments));
    }
    let with = BillView { bill: without.bill.clone(), revision, loads: views };
    Ok((without, with))
}

/// Returns what of a load was carried forward before, of those that its bill gets once it has joined `stay`.
fn before_of(
    store: &impl Records,
    current: Option<&Revision>,
    stay: &[Load],
    load: &Load,
    actor: &Actor,
) -> Result<CarriedBefore, LateError> {
    let without = current.map_or_else(|| Ok(Vec::new()), |current| Load::list_of(store, current))?;
    let with: Vec<Load> = stay.iter().chain([load]).cloned().collect();
    Ok(carried_before(store, load, [&without, &with], actor)?)
}

impl CarriedBefore {
    /// Returns what of a file that waits was carried forward with other files: carrying it forward does not book that again.
    ///
    /// # Errors
    /// [`LateError`] when the file does not join its bill any more, or the store cannot be read.
    pub fn of(store: &impl Records, late: &LateFile, actor: &Actor) -> Result<CarriedBefore, LateError> {
        let bill: Option<Bill> = store.get(Table::Bills, &late.bill.bytes())?;
        let current: Option<Revision> = match &bill {
            Some(bill) => Some(store.need(Table::Revisions, &Revision::key_bytes(late.bill, bill.revision))?),
            None => None,
        };
        let load: Load = store.need(Table::Loads, &late.load.to_be_bytes())?;
        before_of(store, current.as_ref(), &joined(store, current.as_ref(), &load)?, &load, actor)
    }
}

/// What came of accepting a pending file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// The file, as it is now.
    pub late: LateFile,
    /// The bill's new revision; `None` while a second person has to agree to reopen the bill.
    pub revision: Option<Revision>,
    /// The bill's state now.
    pub state: BillState,
    /// The disputes that its lines settled.
    pub settled: Vec<u64>,
    /// The pending files that it made pointless.
    pub superseded: Vec<u64>,
    /// How many of its lines the bill had already, if it is an adjustment: they count twice.
    pub repeated: u64,
}

impl Transaction {
    /// Lets a pending file join its bill, also one that was discarded or superseded.
    ///
    /// A confirmed bill is reopened first if `reopen` allows it, and a new confirmation is needed then. Lines that were carried
    /// forward before would count twice, so a late file that holds some is refused.
    ///
    /// # Errors
    /// [`LateError`]; nothing has happened then.
    pub fn accept_late(
        &self,
        number: u64,
        reopen: bool,
        reason: &str,
        actor: &Actor,
    ) -> Result<Accepted, LateError> {
        let late = takeable(self, number)?;
        self.whole(|| accept_in(self, late, reopen, reason, actor))
    }
}

/// [`Transaction::accept_late`] within a transaction that does more.
pub(crate) fn accept_in(
    writer: &Transaction,
    mut late: LateFile,
    reopen: bool,
    reason: &str,
    actor: &Actor,
) -> Result<Accepted, LateError> {
    let (key, number) = (late.bill, late.number);
    // Whether it joins is known before anybody signs: reopening makes no revision.
    let mut before: Option<Bill> = writer.get(Table::Bills, &key.bytes())?;
    let current: Option<Revision> = match &before {
        Some(bill) => Some(writer.need(Table::Revisions, &Revision::key_bytes(key, bill.revision))?),
        None => None,
    };
    let load: Load = writer.need(Table::Loads, &late.load.to_be_bytes())?;
    let mut loads = joined(writer, current.as_ref(), &load)?;
    // Another file may have brought the lines while this one waited.
    let same = loads.iter().find(|held| load.mode == ImportMode::Adjustment && held.digest == load.digest);
    if let Some(held) = same {
        let (noun, file) = (late.noun(), held.file.name.clone());
        return Err(LateError::Same { noun, number, file, bill: key });
    }
    if late.cause == LateCause::Confirmed {
        let before = before_of(writer, current.as_ref(), &loads, &load, actor)?;
        if before.lines > 0 {
            let (noun, CarriedBefore { lines, with, .. }) = (late.noun(), before);
            return Err(LateError::Carried { noun, number, bill: key, lines, with });
        }
    }
    if before.as_ref().is_some_and(|bill| bill.state == BillState::Confirmed) {
        if !reopen {
            return Err(LateError::Confirmed { noun: late.noun(), number, bill: key });
        }
        let reason = format!("for {} {number}: {reason}", late.noun());
        if reopen_in(writer, key, &reason, actor)?.waits {
            return Ok(Accepted {
                late,
                revision: None,
                state: BillState::Confirmed,
                settled: Vec::new(),
                superseded: Vec::new(),
                repeated: 0,
            });
        }
        before = Some(Bill::get(writer, key)?);
    }
    let adjustment = load.mode == ImportMode::Adjustment;
    let settled = settle(writer, &late, actor)?;
    let repeated = repeated(writer, &load, &loads, actor)?;
    loads.push(load.clone());
    loads.sort_unstable_by_key(|l| l.number);
    let revision = revise(key, current.as_ref(), &loads, actor)?;
    let disputed = dispute::blocks(writer, key)?;
    let event = BillEvent::Load { complete: revision.complete, adjustment, disputed };
    let state = match &before {
        Some(bill) => next(bill.state, event).map_err(|r| refused(bill, r, current.as_ref()))?,
        None => next(BillState::Open, event).unwrap_or(BillState::Open),
    };
    put_revision(writer, key, &revision, state)?;
    late.state = LateState::Accepted { revision: revision.number };
    late.reason = Some(reason.to_owned());
    put(writer, &late)?;
    let detail = format!(
        "{} {number}, `{}`: revision {}, total {}, digest {}",
        late.noun(),
        late.file,
        revision.number,
        revision.total_text(),
        revision.digest
    );
    let subject = key.subject();
    let entry = EntryChange {
        before: current.map(|current| current.digest.bytes()),
        after: Some(revision.digest.bytes()),
        reason: Some(reason),
        ..EntryChange::new(late.action("accept"), &subject, &detail)
    };
    journal::append_change(writer, actor, entry)?;
    let superseded = supersede(writer, &load, actor)?;
    Ok(Accepted { late, revision: Some(revision), state, settled, superseded, repeated })
}

/// Settles the disputes of a late file's bill that its lines correct, wherever these are booked. Returns their numbers.
pub(crate) fn settle(writer: &Transaction, late: &LateFile, actor: &Actor) -> Result<Vec<u64>, BillError> {
    let load: Load = writer.need(Table::Loads, &late.load.to_be_bytes())?;
    if load.mode != ImportMode::Adjustment {
        return Ok(Vec::new());
    }
    dispute::settle(
        writer,
        &Bill::get(writer, late.bill)?,
        load.number,
        &segment_views(writer, &load)?,
        actor,
    )
}

impl Transaction {
    /// Decides not to take a pending file. Its lines stay in the store, and the journal tells why.
    ///
    /// # Errors
    /// [`LateError`]; nothing has happened then.
    pub fn discard_late(&self, number: u64, reason: &str, actor: &Actor) -> Result<LateFile, LateError> {
        let late = decide(self, waiting(self, number)?, LateState::Discarded, reason, actor)?;
        Ok(late)
    }
}

/// Writes down what was decided about a pending file that changes nothing in its own bill.
pub(crate) fn decide(
    writer: &Transaction,
    mut late: LateFile,
    state: LateState,
    reason: &str,
    actor: &Actor,
) -> Result<LateFile, StoreError> {
    late.state = state;
    late.reason = Some(reason.to_owned());
    put(writer, &late)?;
    let action = match late.state {
        LateState::Carried { .. } => late.action("carry forward"),
        LateState::Superseded { .. } => late.action("supersede"),
        _ => late.action("discard"),
    };
    let detail = format!("{} {}, `{}`, {}", late.noun(), late.number, late.file, late.state);
    let subject = late.bill.subject();
    let entry = EntryChange { reason: Some(reason), ..EntryChange::new(action, &subject, &detail) };
    journal::append_change(writer, actor, entry)?;
    Ok(late)
}
