//! The life of a bill: one function from what it is and what happens to what it becomes, or why not.
//!
//! ```text
//!            complete month            confirm
//!    open ───────────────────▶ issued ─────────▶ confirmed
//!      ▲  ◀───────────────────  │  ▲  ◀───────── (reopen)
//!      │   a file of part of it │  │ the last dispute that was in the way is settled
//!      │                dispute ▼  │
//!      └───────────────────── disputed
//! ```
//!
//! Nothing here looks anything up or writes: [`next`] is applied within the transaction that has read the bill, and
//! that is what makes a change compare-and-set.

use std::fmt;

use crate::values::period::Day;

use super::records::BillState;
use crate::bills::Standing;

/// For how many days a decision can be put off, once.
pub(crate) const DEFER_DAYS: i32 = 7;

/// What happens to a bill.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BillEvent {
    /// A file's lines joined it.
    Load {
        /// Says whether the complete month is in now.
        complete: bool,
        /// Says whether lines were only added.
        adjustment: bool,
        /// Says whether a dispute is in the way of confirming it.
        disputed: bool,
    },
    /// Somebody declares it complete.
    Issue {
        /// Says whether a dispute is in the way of confirming it.
        disputed: bool,
    },
    /// Somebody confirms what they saw; its digest was compared before.
    Confirm,
    /// Somebody takes the confirmation back.
    Reopen,
    /// Somebody disputes lines of it.
    Dispute,
    /// A dispute came to its end, or was set aside.
    Resolve {
        /// Says whether another one is still in the way.
        disputed: bool,
    },
    /// Somebody puts the decision off.
    Defer {
        /// Says whether that was done before.
        before: bool,
    },
}

/// Why something cannot happen to a bill.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The complete month is not in.
    NotComplete,
    /// It is issued, or was.
    Issued,
    /// It is confirmed: nothing changes it but reopening.
    Confirmed,
    /// It is not confirmed, so there is nothing to take back.
    NotConfirmed,
    /// A dispute is in the way.
    Disputed,
    /// It was put off once, and that is all.
    DeferredBefore,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Refusal::NotComplete => "the month is not complete",
            Refusal::Issued => "only an open bill can be issued",
            Refusal::Confirmed => "it was confirmed before",
            Refusal::NotConfirmed => "only a confirmed bill can be reopened",
            Refusal::Disputed => "disputes about it are not settled",
            Refusal::DeferredBefore => "its decision was put off once already",
        })
    }
}

/// Returns what a bill becomes.
///
/// # Errors
/// [`Refusal`] with the reason; the bill then stays what it is.
pub(crate) fn next(state: BillState, event: BillEvent) -> Result<BillState, Refusal> {
    use BillState::{Confirmed, Disputed, Issued, Open};
    let issued = |disputed| if disputed { Disputed } else { Issued };
    match (state, event) {
        // Closed: a file waits in the late inbox, and everything else waits for a reopening.
        (
            Confirmed,
            BillEvent::Load { .. } | BillEvent::Confirm | BillEvent::Dispute | BillEvent::Defer { .. },
        ) => Err(Refusal::Confirmed),
        (Confirmed, BillEvent::Reopen) => Ok(Issued),
        // A dispute that was set aside may be settled later.
        (Confirmed, BillEvent::Resolve { .. }) => Ok(Confirmed),
        (_, BillEvent::Reopen) => Err(Refusal::NotConfirmed),
        (_, BillEvent::Load { complete: true, disputed, .. }) => Ok(issued(disputed)),
        (Issued | Disputed, BillEvent::Load { adjustment: true, disputed, .. }) => Ok(issued(disputed)),
        (_, BillEvent::Load { .. }) => Ok(Open),
        (Open, BillEvent::Issue { disputed }) => Ok(issued(disputed)),
        (_, BillEvent::Issue { .. }) => Err(Refusal::Issued),
        (Issued, BillEvent::Confirm) => Ok(Confirmed),
        (Disputed, BillEvent::Confirm) => Err(Refusal::Disputed),
        (Issued | Disputed, BillEvent::Dispute) => Ok(Disputed),
        (Disputed, BillEvent::Resolve { disputed }) => Ok(issued(disputed)),
        (Open | Issued, BillEvent::Resolve { .. }) => Ok(state),
        (Issued | Disputed, BillEvent::Defer { before: false }) => Ok(state),
        (Issued | Disputed, BillEvent::Defer { before: true }) => Err(Refusal::DeferredBefore),
        (Open, BillEvent::Confirm | BillEvent::Dispute | BillEvent::Defer { .. }) => {
            Err(Refusal::NotComplete)
        }
    }
}

impl Standing {
    /// Returns the day until which a decision is put off from a day on.
    pub fn deferred_until(from: Day) -> Day {
        Day::from_epoch_days(from.epoch_days() + DEFER_DAYS).unwrap_or(from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bills::Standing;

    fn load(complete: bool, adjustment: bool, disputed: bool) -> BillEvent {
        BillEvent::Load { complete, adjustment, disputed }
    }

    /// Every event, with what becomes of a bill that is open, issued, disputed, confirmed.
    #[test]
    fn the_table_of_states() {
        use BillState::{Confirmed as C, Disputed as D, Issued as I, Open as O};
        type Row = (BillEvent, [Result<BillState, Refusal>; 4]);
        let closed = Err(Refusal::Confirmed);
        let open = Err(Refusal::NotComplete);
        let table: &[Row] = &[
            (load(false, false, false), [Ok(O), Ok(O), Ok(O), closed]),
            (load(false, false, true), [Ok(O), Ok(O), Ok(O), closed]),
            (load(true, false, false), [Ok(I), Ok(I), Ok(I), closed]),
            (load(true, false, true), [Ok(D), Ok(D), Ok(D), closed]),
            (load(false, true, false), [Ok(O), Ok(I), Ok(I), closed]),
            (load(false, true, true), [Ok(O), Ok(D), Ok(D), closed]),
            (load(true, true, false), [Ok(I), Ok(I), Ok(I), closed]),
            (load(true, true, true), [Ok(D), Ok(D), Ok(D), closed]),
            (
                BillEvent::Issue { disputed: false },
                [Ok(I), Err(Refusal::Issued), Err(Refusal::Issued), Err(Refusal::Issued)],
            ),
            (
                BillEvent::Issue { disputed: true },
                [Ok(D), Err(Refusal::Issued), Err(Refusal::Issued), Err(Refusal::Issued)],
            ),
            (BillEvent::Confirm, [open, Ok(C), Err(Refusal::Disputed), closed]),
            (
                BillEvent::Reopen,
                [Err(Refusal::NotConfirmed), Err(Refusal::NotConfirmed), Err(Refusal::NotConfirmed), Ok(I)],
            ),
            (BillEvent::Dispute, [open, Ok(D), Ok(D), closed]),
            (BillEvent::Resolve { disputed: false }, [Ok(O), Ok(I), Ok(I), Ok(C)]),
            (BillEvent::Resolve { disputed: true }, [Ok(O), Ok(I), Ok(D), Ok(C)]),
            (BillEvent::Defer { before: false }, [open, Ok(I), Ok(D), closed]),
            (
                BillEvent::Defer { before: true },
                [open, Err(Refusal::DeferredBefore), Err(Refusal::DeferredBefore), closed],
            ),
        ];
        for (event, wanted) in table {
            for (state, wanted) in [O, I, D, C].into_iter().zip(wanted) {
                assert_eq!(next(state, *event), *wanted, "{state}, {event:?}");
            }
        }
    }

    #[test]
    fn a_decision_is_put_off_by_seven_days() {
        let day: Day = "2021-04-28".parse().unwrap();
        assert_eq!(Standing::deferred_until(day).to_string(), "2021-05-05");
    }
}
