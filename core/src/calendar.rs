//! When bills are due: profile + accounts + bills + a date → what is due, and why; or why not. Pure.
//!
//! The rules are the seed's ("Enable bill storage", 1 to 3); later documents changed figures, so the figures are
//! data in a [`Profile`] (domain, "The default calendar"). A profile can be read from a file, and which one a store
//! follows on which day is kept in the store ([`Calendars`]).

mod clock;
mod file;
mod kept;
mod profile;
mod range;

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::bill::State;
pub use crate::naming::Kind;
use crate::period::{Coverage, Day};

pub use clock::{Moment, TimeOfDay};
pub use file::{FILE_BYTES_MAX, FileError, read_file, write_file};
pub use kept::{AskedAt, CalendarError, Calendars, Followed, add, find, follow, followed, list, remove};
pub use profile::{Asked, DAYS_MAX, Months, Profile, Why};
pub use range::MonthRange;

/// A bill that the calendar asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    /// Which kind.
    pub kind: Kind,
    /// Which days.
    pub coverage: Coverage,
}

/// Where an account's bills of some kinds go, from a day on and until a day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Binding {
    /// The sink's name.
    pub sink: String,
    /// Which kinds.
    pub kinds: Vec<Kind>,
    /// Says whether the consolidated bills of customers may be stored: a consent of its own.
    pub custom_bills: bool,
    /// The first day on which it holds; any, if none is named.
    pub from: Option<Day>,
    /// The last day on which it holds; any, if none is named.
    pub until: Option<Day>,
}

impl Binding {
    /// Says whether it holds on a day.
    pub fn holds_on(&self, on: Day) -> bool {
        self.from.is_none_or(|from| from <= on) && self.until.is_none_or(|until| on <= until)
    }
}

/// What the calendar needs to know of an account.
#[derive(Clone, Copy, Debug)]
pub struct AccountFacts<'a> {
    /// Is it on the allowlist?
    pub allowed: bool,
    /// Did it grant the storing role?
    pub authorised: bool,
    /// Its bindings.
    pub bindings: &'a [Binding],
}

/// What the calendar needs to know of a bill.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BillFacts {
    /// Its state.
    pub state: State,
    /// Through which day its lines are in without a gap.
    pub through: Option<Day>,
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
    /// Storing customers' bills was not agreed to.
    NoCustomBills,
    /// There is no bill for the month.
    NoBill,
    /// Days that would be covered are not in.
    NotComplete {
        /// Through which day they are.
        through: Option<Day>,
    },
    /// The bill is not confirmed.
    NotConfirmed {
        /// Its state.
        state: State,
    },
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
            WhyNot::NoCustomBills => f.write_str("not enabled: custom bills are not agreed to"),
            WhyNot::NoBill => f.write_str("no bill: nothing was imported for the month"),
            WhyNot::NotComplete { through: Some(day) } => {
                write!(f, "not complete: lines are in through {day}")
            }
            WhyNot::NotComplete { through: None } => f.write_str("not complete: the first day is not in"),
            WhyNot::NotConfirmed { state } => write!(f, "not confirmed: the bill is {state}"),
            WhyNot::Delivered { delivery } => write!(f, "already delivered, as delivery {delivery}"),
        }
    }
}

/// Judges a slot for an account; returns the sink that it is due to.
///
/// `delivered` is asked last, and only if all else is fulfilled: it may be costly.
///
/// # Errors
/// The first reason why it is not due, with the sink if there is one, or what `delivered` returns.
pub fn judge<E>(
    slot: Slot,
    on: Day,
    account: AccountFacts<'_>,
    bill: Option<BillFacts>,
    delivered: impl FnOnce(&str) -> Result<Option<u64>, E>,
) -> Result<Result<String, (Option<String>, WhyNot)>, E> {
    let not = |sink: Option<&Binding>, why| Ok(Err((sink.map(|b| b.sink.clone()), why)));
    if !account.allowed {
        return not(None, WhyNot::NotAllowed);
    }
    if !account.authorised {
        return not(None, WhyNot::NotAuthorised);
    }
    let binding = account.bindings.iter().find(|b| b.holds_on(on) && b.kinds.contains(&slot.kind));
    let Some(binding) = binding else { return not(None, WhyNot::NotEnabled) };
    if slot.kind == Kind::Reseller && !binding.custom_bills {
        return not(Some(binding), WhyNot::NoCustomBills);
    }
    let Some(bill) = bill else { return not(Some(binding), WhyNot::NoBill) };
    // A month that somebody declared complete is, whatever the files say.
    let declared = bill.state != State::Open && slot.coverage.is_whole_month();
    if !declared && bill.through.is_none_or(|through| through < slot.coverage.last) {
        return not(Some(binding), WhyNot::NotComplete { through: bill.through });
    }
    if slot.kind == Kind::Reseller && bill.state != State::Confirmed {
        return not(Some(binding), WhyNot::NotConfirmed { state: bill.state });
    }
    match delivered(&binding.sink)? {
        Some(delivery) => not(Some(binding), WhyNot::Delivered { delivery }),
        None => Ok(Ok(binding.sink.clone())),
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
        let bindings = vec![Binding {
            sink: "bucket".into(),
            kinds: vec![Kind::Daily, Kind::Reseller],
            custom_bills: false,
            from: Some(day("2021-04-01")),
            until: Some(day("2021-04-20")),
        }];
        let with_custom = vec![Binding { custom_bills: true, ..bindings[0].clone() }];
        let facts = |allowed, authorised, bindings| AccountFacts { allowed, authorised, bindings };
        let month = Coverage::month(day("2021-03-01").month());
        let slot = Slot { kind: Kind::Reseller, coverage: month };
        let bill = |state, through: &str| Some(BillFacts { state, through: Some(day(through)) });
        let told = |on: &str, slot, facts, bill, delivered: Option<u64>| {
            judge(slot, day(on), facts, bill, |_| Ok::<_, Infallible>(delivered))
                .unwrap()
                .map_err(|(_, why)| why)
        };
        let full = bill(State::Confirmed, "2021-03-31");
        let on = "2021-04-09";
        assert_eq!(told(on, slot, facts(false, true, &bindings), full, None), Err(WhyNot::NotAllowed));
        assert_eq!(told(on, slot, facts(true, false, &bindings), full, None), Err(WhyNot::NotAuthorised));
        assert_eq!(told(on, slot, facts(true, true, &[]), full, None), Err(WhyNot::NotEnabled));
        assert_eq!(
            told("2021-04-21", slot, facts(true, true, &with_custom), full, None),
            Err(WhyNot::NotEnabled)
        );
        assert_eq!(told(on, slot, facts(true, true, &bindings), full, None), Err(WhyNot::NoCustomBills));
        let ready = facts(true, true, &with_custom);
        assert_eq!(told(on, slot, ready, None, None), Err(WhyNot::NoBill));
        let state = State::Issued;
        assert_eq!(
            told(on, slot, ready, bill(state, "2021-03-31"), None),
            Err(WhyNot::NotConfirmed { state })
        );
        assert_eq!(told(on, slot, ready, full, Some(7)), Err(WhyNot::Delivered { delivery: 7 }));
        assert_eq!(told(on, slot, ready, full, None), Ok("bucket".to_owned()));
        let daily = Slot { kind: Kind::Daily, coverage: Coverage::month_to_date(day("2021-04-04")) };
        let through = Some(day("2021-04-03"));
        assert_eq!(
            told("2021-04-06", daily, ready, bill(State::Open, "2021-04-03"), None),
            Err(WhyNot::NotComplete { through })
        );
        assert!(told("2021-04-06", daily, ready, bill(State::Open, "2021-04-05"), None).is_ok());
    }
}
