//! Disputes: lines of a bill that somebody disagrees with, and what became of it.
//!
//! ```text
//!    open ──▶ sent ──▶ accepted ──▶ settled        (the correction has come)
//!      │       ├─────▶ rejected
//!      └───────┴─────▶ withdrawn
//! ```
//!
//! A dispute that has not come to an end keeps the bill from being confirmed, unless somebody sets it aside for a
//! reason. An accepted one waits for its correction: lines that are added to the bill for the same accounts and
//! products, of exactly the amount that was wrong.

mod record;

pub use record::{Direction, Dispute, DisputeState, DisputeStep, LineId};

use std::collections::BTreeSet;

use crate::engine::journal::{self, Actor};
use crate::engine::rollup::Overflow;
use crate::engine::store::{Records, StoreError, Table, Transaction};
use crate::formats::schema::Column;
use crate::values::error::codes;
use crate::values::money::Amount;

use super::change::{BillChange, change, refused};
use super::error::BillError;
use super::life::{BillEvent, next};
use super::origin::{self, LineAt};
use super::read_block::ReadBlock;
use super::records::{Bill, BillKey};
use super::view::{BillView, SegmentView};

/// Lines that one dispute may name.
pub const LINES_MAX: usize = 100_000;

/// Why something cannot be done about a dispute.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DisputeError {
    /// There is none.
    #[error("there is no dispute {0}")]
    None(u64),
    /// It has come too far, or not far enough.
    #[error("dispute {number} is {state}, so it cannot be {wanted}")]
    State {
        /// Which one.
        number: u64,
        /// What it is.
        state: DisputeState,
        /// What it was to become.
        wanted: String,
    },
    /// The bill does not have a line.
    #[error("the bill for {bill} has no line {line} at revision {revision}")]
    NoLine {
        /// Which bill.
        bill: BillKey,
        /// Which line.
        line: LineId,
        /// At which revision.
        revision: u32,
    },
    /// No lines were named, or too many.
    #[error("a dispute names 1 to {LINES_MAX} lines, and not {0}")]
    Lines(usize),
    /// Amounts of several currencies cannot be disputed as one.
    #[error("the lines are in {one} and {other}: open a dispute for each currency")]
    Currencies {
        /// One of them.
        one: String,
        /// Another one.
        other: String,
    },
    /// An amount that is no difference.
    #[error("the disputed amount is {0}: name it as what is too much or too little, more than 0")]
    Amount(Amount),
    /// The bill does not allow it, or does not read.
    #[error(transparent)]
    Bill(#[from] BillError),
}

impl From<StoreError> for DisputeError {
    fn from(e: StoreError) -> Self {
        DisputeError::Bill(e.into())
    }
}

codes!(DisputeError {
    own {
        Self::None(number) => User "dispute.none" { number: number },
        Self::State { number, state, wanted } => Refused "dispute.state" { number: number, state: state, wanted: wanted },
        Self::NoLine { bill, line, revision } => User "dispute.no-line" {
            bill: bill, month: bill.month, line: line, revision: revision,
        },
        Self::Lines(lines) => User "dispute.lines" { lines: lines, max: LINES_MAX },
        Self::Currencies { one, other } => User "dispute.currencies" { one: one, other: other },
        Self::Amount(amount) => User "dispute.amount" { amount: amount },
    }
    within { Self::Bill(e) => e, {}, }
});

/// What is disputed.
#[derive(Clone, Debug)]
pub struct Claim<'a> {
    /// The lines.
    pub lines: BTreeSet<LineId>,
    /// Which way they are wrong.
    pub direction: Direction,
    /// By how much.
    pub amount: Amount,
    /// Why.
    pub reason: &'a str,
}

impl Transaction {
    /// Opens a dispute about lines of a bill's current revision.
    ///
    /// # Errors
    /// [`DisputeError`]; nothing has happened then.
    pub fn open_dispute(
        &self,
        key: BillKey,
        claim: Claim<'_>,
        actor: &Actor,
    ) -> Result<Dispute, DisputeError> {
        if claim.lines.is_empty() || claim.lines.len() > LINES_MAX {
            return Err(DisputeError::Lines(claim.lines.len()));
        }
        if claim.amount.mantissa() <= 0 {
            return Err(DisputeError::Amount(claim.amount));
        }
        let view = BillView::open(self, key, None)?;
        next(view.bill.state, BillEvent::Dispute)
            .map_err(|refusal| refused(&view.bill, refusal, Some(&view.revision)))?;
        let named = named(self, &view, &claim.lines)?;
        let number = self.next_id("dispute")?;
        let mut dispute = Dispute {
            number,
            bill: key,
            revision: view.revision.number,
            lines: claim.lines.into_iter().collect(),
            cells: named.cells,
            currency: named.currency,
            lines_total: named.total,
            direction: claim.direction,
            amount: claim.amount,
            reason: claim.reason.to_owned(),
            state: DisputeState::Open,
            set_aside: None,
            settled_by: None,
            history: Vec::new(),
        };
        dispute.step(DisputeState::Open, claim.reason, actor);
        self.put(Table::Disputes, &number.to_be_bytes(), &dispute)?;
        let detail = format!(
            "dispute {number}: {} {} charged {}, lines: {}",
            dispute.amount,
            dispute.currency,
            dispute.direction,
            dispute.lines.len(),
        );
        let said = BillChange { action: "dispute open", detail: &detail, reason: Some(claim.reason) };
        change(self, view.bill, BillEvent::Dispute, said, actor)?;
        Ok(dispute)
    }
}

/// What lines that a dispute names have in common.
struct DisputedLines {
    cells: BTreeSet<(String, String)>,
    currency: String,
    total: Amount,
}

fn named(
    store: &impl Records,
    view: &BillView,
    lines: &BTreeSet<LineId>,
) -> Result<DisputedLines, DisputeError> {
    let mut cells = BTreeSet::new();
    let mut currency: Option<String> = None;
    let mut total = Amount::ZERO;
    let found = origin::stored_lines(store, view, lines)?;
    let there: BTreeSet<LineId> = found.iter().map(|(id, _)| *id).collect();
    if let Some(line) = lines.difference(&there).next() {
        let revision = view.revision.number;
        return Err(DisputeError::NoLine { bill: view.bill.key, line: *line, revision });
    }
    each_block(store, view, &found, &mut |segment, block, of_block| {
        for (_, at) in of_block {
            let told = told(segment, block, at.row as usize)?;
            if let Some(one) = currency.as_ref().filter(|c| **c != told.currency) {
                return Err(DisputeError::Currencies { one: one.clone(), other: told.currency });
            }
            currency = Some(told.currency);
            cells.insert((told.owner, told.product));
            total = total.checked_add(told.total).ok_or(Overflow).map_err(BillError::from)?;
        }
        Ok(())
    })?;
    Ok(DisputedLines { cells, currency: currency.unwrap_or_default(), total })
}

/// What a disputed line says.
struct DisputedLine {
    owner: String,
    product: String,
    currency: String,
    total: Amount,
}

/// Is shown a block with the disputed lines in it.
pub(crate) type VisitBlock<'a> =
    dyn FnMut(&SegmentView, &ReadBlock, &[(LineId, LineAt)]) -> Result<(), DisputeError> + 'a;

/// Reads the blocks that hold lines, each once.
pub(crate) fn each_block(
    store: &impl Records,
    view: &BillView,
    lines: &[(LineId, LineAt)],
    visit: &mut VisitBlock<'_>,
) -> Result<(), DisputeError> {
    let segments: Vec<&SegmentView> = view.segments().collect();
    for of_block in lines.chunk_by(|(_, a), (_, b)| (a.segment, a.block) == (b.segment, b.block)) {
        let Some((_, at)) = of_block.first() else { continue };
        let Some(segment) = segments.get(at.segment as usize) else { continue };
        let Some(used) = segment.record.blocks.get(at.block as usize) else { continue };
        let block = ReadBlock::read(store, segment, used, view.bill.key.basis)?;
        visit(segment, &block, of_block)?;
    }
    Ok(())
}

fn told(segment: &SegmentView, block: &ReadBlock, row: usize) -> Result<DisputedLine, BillError> {
    let mut scratch = Vec::new();
    let mut text = |index: Option<usize>| -> Result<Option<String>, BillError> {
        let Some(index) = index else { return Ok(None) };
        let cell = block.column(index)?.cell(row, &mut scratch);
        Ok(Some(String::from_utf8_lossy(Amount::trim_cell(cell)).into_owned()))
    };
    let schema = segment.schema.as_ref();
    let implied = schema.implied_currency().unwrap_or("").to_owned();
    let total = text(schema.total_index())?.unwrap_or_default();
    Ok(DisputedLine {
        owner: text(schema.index_of(Column::OwnerUin))?.unwrap_or_default(),
        product: text(schema.index_of(Column::ProductName))?.unwrap_or_default(),
        currency: text(schema.index_of(Column::Currency))?.unwrap_or(implied),
        total: Amount::imported(total.as_bytes()).unwrap_or_default(),
    })
}

impl Dispute {
    /// Returns all disputes, oldest first; those about one bill, if one is named.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read.
    pub fn list(store: &impl Records, bill: Option<BillKey>) -> Result<Vec<Dispute>, StoreError> {
        let all = store.list::<Dispute>(Table::Disputes, &[])?.into_iter().map(|(_, d)| d);
        Ok(all.filter(|d| bill.is_none_or(|bill| d.bill == bill)).collect())
    }

    /// Returns a dispute.
    ///
    /// # Errors
    /// [`DisputeError::None`] when there is none.
    pub fn get(store: &impl Records, number: u64) -> Result<Dispute, DisputeError> {
        store.get(Table::Disputes, &number.to_be_bytes())?.ok_or(DisputeError::None(number))
    }
}

/// Says whether a dispute keeps a bill from being confirmed.
///
/// # Errors
/// [`StoreError`] when the store cannot be read.
pub(crate) fn blocks(store: &impl Records, bill: BillKey) -> Result<bool, StoreError> {
    Ok(Dispute::list(store, Some(bill))?.iter().any(Dispute::blocks))
}

impl Transaction {
    /// Lets a dispute go a step further; a settled one by the load that `by` names, if it names one.
    ///
    /// # Errors
    /// [`DisputeError::State`] when it may not.
    pub fn advance_dispute(
        &self,
        number: u64,
        state: DisputeState,
        note: &str,
        by: Option<u64>,
        actor: &Actor,
    ) -> Result<Dispute, DisputeError> {
        let mut dispute = Dispute::get(self, number)?;
        if !dispute.state.may_become(state) {
            return Err(DisputeError::State { number, state: dispute.state, wanted: state.to_string() });
        }
        dispute.settled_by = by;
        dispute.step(state, note, actor);
        put_resolved(self, &dispute, &format!("dispute {state}"), note, actor)?;
        Ok(dispute)
    }

    /// Takes a dispute out of the way of confirming its bill, for a reason. It goes on all the same.
    ///
    /// # Errors
    /// [`DisputeError::State`] when it is in nobody's way.
    pub fn set_dispute_aside(
        &self,
        number: u64,
        reason: &str,
        actor: &Actor,
    ) -> Result<Dispute, DisputeError> {
        let mut dispute = Dispute::get(self, number)?;
        if !dispute.blocks() {
            return Err(DisputeError::State { number, state: dispute.state, wanted: "set aside".into() });
        }
        dispute.set_aside = Some(reason.to_owned());
        dispute.step(dispute.state, &format!("set aside: {reason}"), actor);
        put_resolved(self, &dispute, "dispute set aside", reason, actor)?;
        Ok(dispute)
    }
}

fn put_resolved(
    writer: &Transaction,
    dispute: &Dispute,
    action: &str,
    note: &str,
    actor: &Actor,
) -> Result<(), DisputeError> {
    writer.put(Table::Disputes, &dispute.number.to_be_bytes(), dispute)?;
    let disputed = blocks(writer, dispute.bill)?;
    let detail = format!("dispute {}", dispute.number);
    let said = BillChange { action, detail: &detail, reason: Some(note).filter(|note| !note.is_empty()) };
    change(writer, Bill::get(writer, dispute.bill)?, BillEvent::Resolve { disputed }, said, actor)?;
    Ok(())
}

/// Settles the accepted disputes whose corrections are among lines that are being added to a bill.
///
/// What the lines add up to for a dispute's accounts and products must be its correction, to the last decimal. Several
/// disputes about the same are settled one after another by what is left.
pub(crate) fn settle(
    writer: &Transaction,
    bill: &Bill,
    load: u64,
    segments: &[SegmentView],
    actor: &Actor,
) -> Result<Vec<u64>, BillError> {
    let waiting: Vec<Dispute> = Dispute::list(writer, Some(bill.key))?
        .into_iter()
        .filter(|d| d.state == DisputeState::Accepted)
        .collect();
    if waiting.is_empty() {
        return Ok(Vec::new());
    }
    let mut rollups = Vec::new();
    for segment in segments {
        rollups.extend(segment.rollups(writer, |_| true)?);
    }
    let mut settled = Vec::new();
    let mut used: Vec<(BTreeSet<(String, String)>, Amount)> = Vec::new();
    for mut dispute in waiting {
        let mut sum = Amount::ZERO;
        for rollup in &rollups {
            let sums = rollup.sums_where(|cell| {
                let text =
                    |texts: &crate::engine::rollup::Names, number: u32| texts.text(number).trim().to_owned();
                let of = (text(rollup.owners(), cell.key.owner), text(rollup.products(), cell.key.product));
                dispute.cells.contains(&of)
            })?;
            for sums in sums.iter().filter(|s| s.currency == dispute.currency) {
                sum = sum.checked_add(sums.total()).ok_or(Overflow)?;
            }
        }
        for (_, taken) in used.iter().filter(|(cells, _)| !cells.is_disjoint(&dispute.cells)) {
            sum = sum.checked_sub(*taken).ok_or(Overflow)?;
        }
        let correction = dispute.correction();
        if sum.checked_sub(correction).ok_or(Overflow)?.mantissa() != 0 {
            continue;
        }
        used.push((dispute.cells.clone(), correction));
        dispute.settled_by = Some(load);
        dispute.step(
            DisputeState::Settled,
            &format!("load {load} brought {correction} {}", dispute.currency),
            actor,
        );
        writer.put(Table::Disputes, &dispute.number.to_be_bytes(), &dispute)?;
        let detail =
            format!("dispute {}: load {load} brought {correction} {}", dispute.number, dispute.currency);
        journal::append(writer, actor, "dispute settled", &bill.key.subject(), &detail)?;
        settled.push(dispute.number);
    }
    Ok(settled)
}
