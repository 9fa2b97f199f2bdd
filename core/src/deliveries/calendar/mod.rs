//! When bills are due: profile + accounts + bills + a date → what is due, and why; or why not. Pure.
//!
//! Tencent Cloud changed the figures of its rules, so they are data in a [`Profile`] (docs/DOMAIN.md#calendars). A
//! profile can be read from a file, and which one a store follows on which day is kept in the store ([`Calendars`]).

mod clock;
mod file;
mod kept;
mod profile;
mod range;

use std::fmt;

use crate::bills::BillState;
pub(crate) use crate::formats::naming::BillKind;
use crate::values::period::{Coverage, Day};

pub use clock::{Moment, TimeOfDay};
pub use file::{FILE_BYTES_MAX, FileError};
pub(crate) use kept::FOLLOWED;
pub use kept::{AskedAt, CalendarError, Calendars, Followed};
pub use profile::{Asked, Months, Profile, Why};
pub use range::MonthRange;

/// A bill that the calendar asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CalendarSlot {
    /// Which kind.
    pub kind: BillKind,
    /// Which days.
    pub coverage: Coverage,
}

/// What the calendar needs to know of an account, for a kind of bill and a day.
#[derive(Clone, Copy, Debug)]
pub struct AccountFacts<'a> {
    /// Is it on the allowlist?
    pub allowed: bool,
    /// Did it grant the storing role, for that sink or at all?
    pub authorised: bool,
    /// Did it agree that the consolidated bills of customers are stored there?
    pub custom_bills: bool,
    /// To which sink the bills go.
    pub sink: Option<&'a str>,
    /// From which day on storing was stopped for every day.
    pub stopped: Option<Day>,
}

/// What the calendar needs to know of a bill.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BillFacts {
    /// Its state.
    pub state: BillState,
    /// Through which day its lines are in without a gap.
    pub through: Option<Day>,
    /// The pending file that takes lines away on days of the slot, if one waits.
    pub pending: Option<u64>,
}

/// Why something is not due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WhyNot {
    /// The account is not on the allowlist.
    NotAllowed,
    /// The account did not grant the storing role, or revoked it.
    NotAuthorised,
    /// No binding of this kind holds on that day.
    NotEnabled,
    /// Storing was disabled, for every day.
    Stopped {
        /// When.
        since: Day,
    },
    /// The sink of that day is not there any more.
    NoSink,
    /// Storing customers' bills was not agreed to.
    NoCustomBills,
    /// There is no bill for the month.
    NoBill,
    /// Days that would be covered are not in.
    NotComplete {
        /// Through which day they are.
        through: Option<Day>,
    },
    /// A file that takes lines of these days away waits for a decision.
    Pending {
        /// The file's number.
        number: u64,
    },
    /// The bill is not confirmed.
    NotConfirmed {
        /// Its state.
        state: BillState,
    },
    /// A customer would get the bill, and somebody disputes it.
    Disputed,
    /// The same content has been delivered there.
    Delivered {
        /// The delivery's number.
        delivery: u64,
    },
}

impl fmt::Display for WhyNot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WhyNot::NotAllowed => f.write_str("not allowed: the account is not on the allowlist"),
            WhyNot::NotAuthorised => f.write_str("not authorised: the storing role is not granted"),
            WhyNot::NotEnabled => f.write_str("not enabled: no sink is set for this kind on that day"),
            WhyNot::Stopped { since } => write!(f, "not enabled: storing was disabled on {since}"),
            WhyNot::NoSink => f.write_str("not enabled: the sink of that day was removed"),
            WhyNot::NoCustomBills => f.write_str("not enabled: custom bills are not agreed to"),
            WhyNot::NoBill => f.write_str("no bill: nothing was imported for the month"),
            WhyNot::NotComplete { through: Some(day) } => {
                write!(f, "not complete: lines are in through {day}")
            }
            WhyNot::NotComplete { through: None } => f.write_str("not complete: the first day is not in"),
            WhyNot::Pending { number } => {
                write!(f, "pending: file {number} takes lines of these days away, and waits for a decision")
            }
            WhyNot::NotConfirmed { state } => write!(f, "not confirmed: the bill is {state}"),
            WhyNot::Disputed => f.write_str("disputed: a disputed bill does not go to a customer"),
            WhyNot::Delivered { delivery } => write!(f, "already delivered, as delivery {delivery}"),
        }
    }
}

impl<'a> AccountFacts<'a> {
    /// Returns the sink to which bills of the kind may be written.
    ///
    /// # Errors
    /// The first thing in the way.
    pub fn may_write(self, kind: BillKind) -> Result<&'a str, WhyNot> {
        if !self.allowed {
            return Err(WhyNot::NotAllowed);
        }
        if !self.authorised {
            return Err(WhyNot::NotAuthorised);
        }
        let Some(sink) = self.sink else {
            return Err(self.stopped.map_or(WhyNot::NotEnabled, |since| WhyNot::Stopped { since }));
        };
        if kind == BillKind::Reseller && !self.custom_bills {
            return Err(WhyNot::NoCustomBills);
        }
        Ok(sink)
    }
}

/// Judges a slot for an account; returns the sink that it is due to.
///
/// `at_sink` tells what is in the way there. It is asked last, and only if all else is fulfilled: it may be costly.
///
/// # Errors
/// The first reason why it is not due, with the sink if there is one, or what `at_sink` returns.
pub(crate) fn judge<E>(
    slot: CalendarSlot,
    account: AccountFacts<'_>,
    bill: Option<BillFacts>,
    at_sink: impl FnOnce(&str) -> Result<Option<WhyNot>, E>,
) -> Result<Result<String, (Option<String>, WhyNot)>, E> {
    let not = |why| Ok(Err((account.sink.map(str::to_owned), why)));
    let sink = match account.may_write(slot.kind) {
        Ok(sink) => sink,
        Err(why) => return not(why),
    };
    let Some(bill) = bill else { return not(WhyNot::NoBill) };
    // A month that somebody declared complete is, whatever the files say.
    let declared = bill.state != BillState::Open && slot.coverage.is_whole_month();
    if !declared && bill.through.is_none_or(|through| through < slot.coverage.last) {
        return not(WhyNot::NotComplete { through: bill.through });
    }
    if let Some(number) = bill.pending {
        return not(WhyNot::Pending { number });
    }
    if slot.kind == BillKind::Reseller && bill.state != BillState::Confirmed {
        return not(WhyNot::NotConfirmed { state: bill.state });
    }
    match at_sink(sink)? {
        Some(why) => not(why),
        None => Ok(Ok(sink.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::convert::Infallible;

    fn day(text: &str) -> Day {
        text.parse().unwrap()
    }

    #[test]
    fn the_first_thing_in_the_way_is_told() {
        let ready = AccountFacts {
            allowed: true,
            authorised: true,
            custom_bills: true,
            sink: Some("bucket"),
            stopped: None,
        };
        let month = Coverage::month(day("2021-03-01").month());
        let slot = CalendarSlot { kind: BillKind::Reseller, coverage: month };
        let bill =
            |state, through: &str| Some(BillFacts { state, through: Some(day(through)), pending: None });
        let told = |slot, facts, bill, delivered: Option<u64>| {
            let delivered = delivered.map(|delivery| WhyNot::Delivered { delivery });
            judge(slot, facts, bill, |_| Ok::<_, Infallible>(delivered)).unwrap().map_err(|(_, why)| why)
        };
        let full = bill(BillState::Confirmed, "2021-03-31");
        let not = |facts| told(slot, facts, full, None).unwrap_err();
        assert_eq!(not(AccountFacts { allowed: false, ..ready }), WhyNot::NotAllowed);
        assert_eq!(not(AccountFacts { authorised: false, ..ready }), WhyNot::NotAuthorised);
        assert_eq!(not(AccountFacts { sink: None, ..ready }), WhyNot::NotEnabled);
        let since = day("2021-04-05");
        let stopped = AccountFacts { sink: None, stopped: Some(since), ..ready };
        assert_eq!(not(stopped), WhyNot::Stopped { since });
        assert_eq!(not(AccountFacts { custom_bills: false, ..ready }), WhyNot::NoCustomBills);
        assert_eq!(told(slot, ready, None, None), Err(WhyNot::NoBill));
        let state = BillState::Issued;
        assert_eq!(told(slot, ready, bill(state, "2021-03-31"), None), Err(WhyNot::NotConfirmed { state }));
        assert_eq!(told(slot, ready, full, Some(7)), Err(WhyNot::Delivered { delivery: 7 }));
        assert_eq!(told(slot, ready, full, None), Ok("bucket".to_owned()));
        let doubtful = full.map(|facts| BillFacts { pending: Some(3), ..facts });
        assert_eq!(told(slot, ready, doubtful, None), Err(WhyNot::Pending { number: 3 }));
        let daily =
            CalendarSlot { kind: BillKind::Daily, coverage: Coverage::month_to_date(day("2021-04-04")) };
        let through = Some(day("2021-04-03"));
        assert_eq!(
            told(daily, ready, bill(BillState::Open, "2021-04-03"), None),
            Err(WhyNot::NotComplete { through })
        );
        assert!(told(daily, ready, bill(BillState::Open, "2021-04-05"), None).is_ok());
    }
}
