//! The late inbox: files for bills that are confirmed.
//!
//! Such a file is read and checked like any other, and its lines are kept; but no revision has them until somebody
//! decides. Held with it is what it would change: in money, by currency, and for which accounts.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::error::Kind;
use crate::journal::{self, Actor, Change};
use crate::money::Amount;
use crate::rollup::{Overflow, Rollup};
use crate::store::{Read, StoreError, Table, Writer};

use super::combine::{CombineError, Piece, combine};
use super::confirm::{refused, reopen_in};
use super::dispute;
use super::error::BillError;
use super::life::{Event, next};
use super::records::{Bill, BillKey, Load, Mode, Revision, State, change_text};
use super::revise::{put_revision, revise};
use super::view::{BillView, SegmentView, bill, loads_of, segment_views};

/// What became of a late file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LateState {
    /// Nobody has decided yet.
    Waiting,
    /// The bill was reopened, and holds it from this revision on.
    Accepted {
        /// The revision.
        revision: u32,
    },
    /// Its difference was booked into a later month.
    Carried {
        /// Which bill has it.
        to: BillKey,
        /// As which load.
        load: u64,
    },
    /// It was decided not to take it.
    Discarded,
}

impl fmt::Display for LateState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LateState::Waiting => f.write_str("waiting"),
            LateState::Accepted { revision } => write!(f, "accepted as revision {revision}"),
            LateState::Carried { to, load } => write!(f, "carried forward to {to} as load {load}"),
            LateState::Discarded => f.write_str("discarded"),
        }
    }
}

/// What a late file would change for one account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Effect {
    /// Whose lines; empty for lines without an owner.
    pub owner: String,
    /// In which currency.
    pub currency: String,
    /// How many lines more, or less.
    pub lines: i64,
    /// How much more, or less.
    pub amount: Amount,
}

/// A file for a confirmed bill.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Late {
    /// Counted from 1 within the store.
    pub number: u64,
    /// Which bill it is for.
    pub bill: BillKey,
    /// The revision that was confirmed when it came.
    pub revision: u32,
    /// The load that holds its lines.
    pub load: u64,
    /// The file's name.
    pub file: String,
    /// The file's SHA-256.
    pub sha256: [u8; 32],
    /// How many lines it has.
    pub lines: u64,
    /// What it would change, by account and currency; accounts for which nothing changes are left out.
    pub effects: Vec<Effect>,
    /// What became of it.
    pub state: LateState,
    /// Why it was decided so.
    pub reason: Option<String>,
    /// When it came, in Unix seconds.
    pub at_unix_s: i64,
    /// Who brought it.
    pub actor: String,
}

/// Why nothing can be done about a late file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LateError {
    /// There is none.
    #[error("there is no late file {0}")]
    None(u64),
    /// It was decided on before.
    #[error("late file {number} is {state}: it was decided on before")]
    Decided {
        /// Which one.
        number: u64,
        /// What became of it.
        state: LateState,
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

impl LateError {
    /// Returns the kind.
    pub fn kind(&self) -> Kind {
        match self {
            LateError::None(_) => Kind::User,
            LateError::Decided { .. } | LateError::Combine(_) => Kind::Refused,
            LateError::Bill(e) => e.kind(),
        }
    }
}

impl Late {
    /// Says whether a revision of its bill has taken its lines.
    pub fn is_in(&self) -> bool {
        matches!(self.state, LateState::Accepted { .. })
    }

    /// Returns what it would change in all, currency by currency.
    pub fn difference(&self) -> BTreeMap<&str, Amount> {
        let mut all: BTreeMap<&str, Amount> = BTreeMap::new();
        for effect in &self.effects {
            let sum = all.entry(&effect.currency).or_default();
            // They were added up from sums that fit.
            *sum = sum.checked_add(effect.amount).unwrap_or(*sum);
        }
        all
    }

    /// Returns that in words: `+12.00 USD`.
    pub fn difference_text(&self) -> String {
        let texts: Vec<String> =
            self.difference().iter().map(|(currency, amount)| change_text(*amount, currency)).collect();
        if texts.is_empty() { "nothing".to_owned() } else { texts.join(", ") }
    }

    /// Returns how many accounts it would change something for.
    pub fn accounts(&self) -> usize {
        let mut owners: Vec<&str> = self.effects.iter().map(|e| e.owner.as_str()).collect();
        owners.dedup();
        owners.len()
    }
}

type BySums = BTreeMap<(String, String), (i64, Amount)>;

/// Adds an owner's lines, or takes them off.
fn add_owners(
    all: &mut BySums,
    store: &impl Read,
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
    let total = rollup.columns().iter().position(|c| *c == crate::schema::Column::Total);
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

/// Puts a file into the inbox of its confirmed bill, with what it would change. The load itself is the caller's.
pub(crate) fn hold(
    writer: &Writer,
    bill: &Bill,
    load: &Load,
    replaced: &[Load],
    actor: &Actor,
) -> Result<Late, BillError> {
    let mut sums = BySums::new();
    add_owners(&mut sums, writer, &segment_views(writer, load)?, false)?;
    for old in replaced {
        add_owners(&mut sums, writer, &segment_views(writer, old)?, true)?;
    }
    let effects = sums
        .into_iter()
        .filter(|(_, (lines, amount))| *lines != 0 || amount.mantissa() != 0)
        .map(|((owner, currency), (lines, amount))| Effect { owner, currency, lines, amount })
        .collect();
    let dry_run = load.number == 0;
    let late = Late {
        number: if dry_run { 0 } else { writer.next_id("late")? },
        bill: bill.key,
        revision: bill.revision,
        load: load.number,
        file: load.file.name.clone(),
        sha256: load.file.sha256,
        lines: load.digest.lines(),
        effects,
        state: LateState::Waiting,
        reason: None,
        at_unix_s: actor.at_unix_s,
        actor: actor.name.clone(),
    };
    if !dry_run {
        put(writer, &late)?;
        let detail = format!(
            "late file {}: `{}`, {} lines, as load {}; it would change revision {} by {}",
            late.number,
            late.file,
            late.lines,
            late.load,
            late.revision,
            late.difference_text()
        );
        journal::append(writer, actor, "late hold", &bill.key.to_string(), &detail)?;
    }
    Ok(late)
}

fn put(writer: &Writer, late: &Late) -> Result<(), StoreError> {
    writer.put(Table::Late, &late.number.to_be_bytes(), late)
}

/// Returns all late files, oldest first.
///
/// # Errors
/// [`StoreError`] when the store cannot be read.
pub fn list(store: &impl Read) -> Result<Vec<Late>, StoreError> {
    Ok(store.list(Table::Late, &[])?.into_iter().map(|(_, late)| late).collect())
}

/// Returns the late file that a load holds, if it is one.
pub(crate) fn of_load(store: &impl Read, load: u64) -> Result<Option<Late>, StoreError> {
    Ok(list(store)?.into_iter().find(|late| late.load == load))
}

/// Returns a late file.
///
/// # Errors
/// [`LateError::None`] when there is none.
pub fn get(store: &impl Read, number: u64) -> Result<Late, LateError> {
    store.get(Table::Late, &number.to_be_bytes())?.ok_or(LateError::None(number))
}

pub(crate) fn waiting(store: &impl Read, number: u64) -> Result<Late, LateError> {
    let late = get(store, number)?;
    match late.state {
        LateState::Waiting => Ok(late),
        state => Err(LateError::Decided { number, state }),
    }
}

/// Returns the loads of a revision that stay when another one joins them.
fn joined(store: &impl Read, current: &Revision, load: &Load) -> Result<Vec<Load>, LateError> {
    let mut loads = loads_of(store, current)?;
    let pieces: Vec<Piece> = loads.iter().map(Piece::from).collect();
    let kept = combine(&pieces, &Piece::from(load))?;
    loads.retain(|l| kept.contains(&l.number));
    Ok(loads)
}

/// Returns a late file's confirmed bill as it is, and as it would be with the file; nothing is changed.
///
/// # Errors
/// [`LateError`]; also when the bill is not confirmed any more.
pub(crate) fn with_and_without(
    store: &impl Read,
    late: &Late,
    actor: &Actor,
) -> Result<(BillView, BillView), LateError> {
    let without = BillView::open(store, late.bill, None)?;
    if without.bill.state != State::Confirmed {
        let why =
            "it takes the file by `late accept --reopen`; what is carried forward is what a confirmed bill \
                   cannot take"
                .to_owned();
        return Err(BillError::State { bill: late.bill, state: without.bill.state, why }.into());
    }
    let load: Load = store.need(Table::Loads, &late.load.to_be_bytes())?;
    let mut loads = joined(store, &without.revision, &load)?;
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

/// What came of accepting a late file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// The late file, as it is now.
    pub late: Late,
    /// The bill's new revision; `None` while a second person has to agree to reopen the bill.
    pub revision: Option<Revision>,
    /// The bill's state now.
    pub state: State,
}

/// Reopens the bill of a late file, if nobody has, and lets the file join it. A new confirmation is needed then.
///
/// # Errors
/// [`LateError`]; nothing has happened then.
pub fn accept(writer: Writer, number: u64, reason: &str, actor: &Actor) -> Result<Accepted, LateError> {
    let mut late = waiting(&writer, number)?;
    let key = late.bill;
    // Whether it joins is known before anybody signs: reopening makes no revision.
    let before = bill(&writer, key)?;
    let current: Revision = writer.need(Table::Revisions, &Revision::key_bytes(key, before.revision))?;
    let load: Load = writer.need(Table::Loads, &late.load.to_be_bytes())?;
    let mut loads = joined(&writer, &current, &load)?;
    if before.state == State::Confirmed {
        let reason = format!("for late file {number}: {reason}");
        if reopen_in(&writer, key, &reason, actor)?.waits {
            writer.commit()?;
            return Ok(Accepted { late, revision: None, state: State::Confirmed });
        }
    }
    let bill = bill(&writer, key)?;
    let adjustment = load.mode == Mode::Adjustment;
    settle(&writer, &late, actor)?;
    loads.push(load);
    loads.sort_unstable_by_key(|l| l.number);
    let revision = revise(key, Some(&current), &loads, actor)?;
    let disputed = dispute::blocks(&writer, key)?;
    let event = Event::Load { complete: revision.complete, adjustment, disputed };
    let state = next(bill.state, event).map_err(|r| refused(&bill, r, Some(&current)))?;
    put_revision(&writer, key, &revision, state)?;
    late.state = LateState::Accepted { revision: revision.number };
    late.reason = Some(reason.to_owned());
    put(&writer, &late)?;
    let detail = format!(
        "late file {number}, `{}`: revision {}, total {}, digest {}",
        late.file,
        revision.number,
        revision.total_text(),
        revision.digest
    );
    let subject = key.to_string();
    let entry = Change {
        before: Some(current.digest.bytes()),
        after: Some(revision.digest.bytes()),
        reason: Some(reason),
        ..Change::new("late accept", &subject, &detail)
    };
    journal::append_change(&writer, actor, entry)?;
    writer.commit()?;
    Ok(Accepted { late, revision: Some(revision), state })
}

/// Settles the disputes of a late file's bill that its lines correct, wherever these are booked. Returns their numbers.
pub(crate) fn settle(writer: &Writer, late: &Late, actor: &Actor) -> Result<Vec<u64>, BillError> {
    let load: Load = writer.need(Table::Loads, &late.load.to_be_bytes())?;
    if load.mode != Mode::Adjustment {
        return Ok(Vec::new());
    }
    dispute::settle(writer, &bill(writer, late.bill)?, load.number, &segment_views(writer, &load)?, actor)
}

/// Decides not to take a late file. Its lines stay in the store, and the journal tells why.
///
/// # Errors
/// [`LateError`]; nothing has happened then.
pub fn discard(writer: Writer, number: u64, reason: &str, actor: &Actor) -> Result<Late, LateError> {
    let late = decide(&writer, waiting(&writer, number)?, LateState::Discarded, reason, actor)?;
    writer.commit()?;
    Ok(late)
}

/// Writes down what was decided about a late file that changes nothing in its own bill.
pub(crate) fn decide(
    writer: &Writer,
    mut late: Late,
    state: LateState,
    reason: &str,
    actor: &Actor,
) -> Result<Late, StoreError> {
    late.state = state;
    late.reason = Some(reason.to_owned());
    put(writer, &late)?;
    let action = match late.state {
        LateState::Carried { .. } => "late carry forward",
        _ => "late discard",
    };
    let detail = format!("late file {}, `{}`, {}", late.number, late.file, late.state);
    let subject = late.bill.to_string();
    let entry = Change { reason: Some(reason), ..Change::new(action, &subject, &detail) };
    journal::append_change(writer, actor, entry)?;
    Ok(late)
}
