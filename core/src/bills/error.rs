//! Why a bill could not be shown or changed.

use crate::engine::block::BlockError;
use crate::engine::rollup::Overflow;
use crate::engine::store::StoreError;
use crate::values::error::codes;
use crate::values::near::meant;
use crate::values::period::Day;

use super::records::{BillKey, BillState};

/// What a person saw, and what is there now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stale {
    /// Which bill.
    pub bill: BillKey,
    /// The revision that the person saw; `None` if the prefix is that of none.
    pub seen: Option<u32>,
    /// Its totals.
    pub seen_total: String,
    /// The revision that is there now.
    pub current: u32,
    /// Its totals.
    pub current_total: String,
    /// The new totals less the old, where both were found.
    pub difference: String,
    /// Its digest, to be confirmed after looking.
    pub current_digest: String,
    /// The prefix that was given.
    pub prefix: String,
}

/// Why a bill could not be shown or changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BillError {
    /// There is none.
    #[error("there is no bill for {0}")]
    NoBill(BillKey),
    /// The lines were removed.
    #[error("the lines of revision {number} of the bill for {bill} were removed by retention (load {load})")]
    Pruned {
        /// Which bill.
        bill: BillKey,
        /// Which revision.
        number: u32,
        /// A load of it that has no lines any more.
        load: u64,
    },
    /// There is no such revision.
    #[error("the bill for {bill} has no revision {number}; the last one is {last}")]
    NoRevision {
        /// Which bill.
        bill: BillKey,
        /// What was asked for.
        number: u32,
        /// What there is.
        last: u32,
    },
    /// A file that takes lines away waits for a decision.
    #[error(
        "the bill for {bill} cannot be confirmed while pending file {number}, `{file}`, waits for a decision"
    )]
    Pending {
        /// Which bill.
        bill: BillKey,
        /// The file's number.
        number: u64,
        /// Its name.
        file: String,
    },
    /// There is nothing before the first revision.
    #[error("the bill for {0} has no revision before 1 to compare with")]
    FirstRevision(BillKey),
    /// The digest is not that of the bill as it is now.
    #[error("{}", stale_text(.0))]
    Stale(Box<Stale>),
    /// A prefix that could be anybody's.
    #[error("`{0}` is too short or no hexadecimal: give at least {min} digits of the digest", min = crate::values::digest::PREFIX_MIN)]
    BadPrefix(String),
    /// The state does not allow it.
    #[error("the bill for {bill} is {state}: {why}")]
    State {
        /// Which bill.
        bill: BillKey,
        /// Its state.
        state: BillState,
        /// Why that is in the way.
        why: String,
    },
    /// A day cannot be declared empty.
    #[error("{day} of the bill for {bill} cannot be declared empty: {why}")]
    DayNotFree {
        /// Which bill.
        bill: BillKey,
        /// The day.
        day: Day,
        /// Why.
        why: String,
    },
    /// With four eyes, one person signs once.
    #[error("`{actor}` signed for the bill for {bill} before: another person has to look at it, too")]
    SamePerson {
        /// Which bill.
        bill: BillKey,
        /// Who.
        actor: String,
    },
    /// Lines cannot be grouped or chosen by this.
    #[error(
        "`{field}` is not a field, such as `owner`, `product`, `region`, `day` or `tag:KEY`{}", meant(.near.as_deref())
    )]
    NoField {
        /// What was asked for.
        field: String,
        /// The field that was probably meant.
        near: Option<String>,
    },
    /// No line of the bill has this column.
    #[error("the bill for {bill} has no column `{field}`")]
    NoColumn {
        /// Which bill.
        bill: BillKey,
        /// What was asked for.
        field: String,
    },
    /// More fields than a table holds.
    #[error("lines can be grouped by at most {0} fields")]
    TooManyFields(usize),
    /// Figures that must be equal are not (I1, I2).
    #[error("the bill for {bill} is damaged: {what} do not tie: {one} and {other}")]
    DoNotTie {
        /// Which bill.
        bill: BillKey,
        /// Which figures.
        what: &'static str,
        /// The first.
        one: String,
        /// The second.
        other: String,
    },
    /// The history of a bill is not what it must be (I3, I4).
    #[error("the bill for {bill} is damaged: {why}")]
    History {
        /// Which bill.
        bill: BillKey,
        /// What is wrong.
        why: String,
    },
    /// More digits than any bill has.
    #[error(transparent)]
    Overflow(#[from] Overflow),
    /// A block does not read back.
    #[error("block {block}: {error}")]
    Block {
        /// Its number.
        block: u64,
        /// What is wrong.
        error: BlockError,
    },
    /// A thread ended without an answer.
    #[error("a thread that was reading lines failed")]
    Thread,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn stale_text(stale: &Stale) -> String {
    let Stale { bill, prefix, current, current_total, .. } = stale;
    match stale.seen {
        Some(seen) => format!(
            "the bill for {bill} has changed since you saw it: revision {seen}, total {}, is now revision {current}, \
             total {current_total} (difference {})",
            stale.seen_total, stale.difference
        ),
        None => format!(
            "no revision of the bill for {bill} has a digest that begins with `{prefix}`; it is at revision \
             {current}, total {current_total}"
        ),
    }
}

codes!(BillError {
    own {
        Self::NoBill(bill) => User "bill.none" { bill: bill, month: bill.month, basis: bill.basis },
        Self::Pruned { bill, number, load } => User "bill.pruned" { bill: bill, revision: number, load: load },
        Self::NoRevision { bill, number, last } => User "bill.no-revision" { bill: bill, revision: number, last: last },
        Self::Pending { bill, number, file } => Refused "bill.pending" { bill: bill, number: number, file: file },
        Self::FirstRevision(bill) => User "bill.first-revision" { bill: bill },
        Self::Stale(stale) => Refused "bill.stale" {
            bill: stale.bill,
            month: stale.bill.month,
            basis: stale.bill.basis,
            prefix: stale.prefix,
            seen: stale.seen.map_or_else(String::new, |seen| seen.to_string()),
            seen_total: stale.seen_total,
            current: stale.current,
            current_total: stale.current_total,
            difference: stale.difference,
            digest: stale.current_digest,
        },
        Self::BadPrefix(prefix) => User "bill.bad-digest" { prefix: prefix, min: crate::values::digest::PREFIX_MIN },
        Self::State { bill, state, why } => Refused "bill.state" {
            bill: bill, month: bill.month, basis: bill.basis, state: state, why: why,
        },
        Self::DayNotFree { bill, day, why } => Refused "bill.day-not-free" { bill: bill, day: day, why: why },
        Self::SamePerson { bill, actor } => Refused "bill.same-person" { bill: bill, actor: actor },
        Self::NoField { field, near } => User "bill.no-field" { field: field, near: near.as_deref().unwrap_or_default() },
        Self::NoColumn { bill, field } => User "bill.no-column" { bill: bill, field: field },
        Self::TooManyFields(max) => User "bill.too-many-fields" { max: max },
        Self::DoNotTie { bill, what, one, other } => Damaged "bill.do-not-tie" {
            bill: bill, what: what, one: one, other: other,
        },
        Self::History { bill, why } => Damaged "bill.history" { bill: bill, why: why },
        Self::Block { block, error } => Damaged "bill.block" { block: block, why: error },
        Self::Thread => Internal "bill.thread" {},
    }
    within {
        Self::Overflow(e) => e, {},
        Self::Store(e) => e, {},
    }
});
