//! When bills are due: profile + accounts + bills + a date → what is due, and why; or why not. Pure.
//!
//! The rules are the seed's ("Enable bill storage", 1 to 3); later documents changed figures, so the figures are
//! data in a [`Profile`] (domain, "The default calendar").

use std::fmt;

use crate::bill::State;
pub use crate::naming::Kind;
use crate::period::{BillMonth, Coverage, Day};
use crate::settings::StoreSettings;

/// The figures of a calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Profile {
    /// Its name.
    pub name: &'static str,
    /// How many days a daily bill lies behind.
    pub lag_days: u32,
    /// From which day of the next month the monthly bill is due.
    pub monthly_day: u32,
    /// From which day of the next month the reseller bill is due.
    pub reseller_day: u32,
}

impl Profile {
    /// The seed's calendar: on April 6 a bill covering April 1–4; the month on the 2nd; resellers on the 9th.
    pub const SEED_2021: Profile =
        Profile { name: "seed-2021", lag_days: 2, monthly_day: 2, reseller_day: 9 };
    /// The newer one: on April 6 a bill covering April 1–5; customers' bills are final on the 5th.
    pub const CURRENT_2024: Profile =
        Profile { name: "current-2024", lag_days: 1, monthly_day: 2, reseller_day: 5 };
    /// Every profile.
    pub const ALL: &[Profile] = &[Profile::SEED_2021, Profile::CURRENT_2024];

    /// Finds a profile by its name.
    pub fn of_name(name: &str) -> Option<Profile> {
        Profile::ALL.iter().copied().find(|p| p.name == name)
    }

    /// Returns a store's profile; `init` takes none that there is not.
    pub fn of_settings(settings: &StoreSettings) -> Profile {
        Profile::of_name(&settings.calendar).unwrap_or(Profile::SEED_2021)
    }

    /// Returns what the calendar asks for on a day, whoever may want it.
    pub fn schedule(&self, on: Day) -> Vec<Slot> {
        let mut slots = Vec::new();
        if let Some(last) = on.minus_days(self.lag_days) {
            slots.push(Slot { kind: Kind::Daily, coverage: Coverage::month_to_date(last) });
        }
        if let Some(month) = on.month().previous() {
            let coverage = Coverage::month(month);
            if on.day_of_month() >= self.monthly_day {
                slots.push(Slot { kind: Kind::Monthly, coverage });
            }
            if on.day_of_month() >= self.reseller_day {
                slots.push(Slot { kind: Kind::Reseller, coverage });
            }
        }
        slots
    }

    /// Returns the reseller bills of months before the last, out of those that there are bills for.
    ///
    /// They stay due: "the 9th or any later day on which the month is confirmed and not yet delivered" (domain).
    pub fn overdue(&self, on: Day, months: impl Iterator<Item = BillMonth>) -> Vec<Slot> {
        let Some(last) = on.month().previous() else { return Vec::new() };
        months
            .filter(|month| *month < last)
            .map(|month| Slot { kind: Kind::Reseller, coverage: Coverage::month(month) })
            .collect()
    }
}

/// A bill that the calendar asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    /// Which kind.
    pub kind: Kind,
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
            WhyNot::Stopped { since } => write!(f, "not enabled: storing was disabled on {since}"),
            WhyNot::NoSink => f.write_str("not enabled: the sink of that day was removed"),
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
    account: AccountFacts<'_>,
    bill: Option<BillFacts>,
    delivered: impl FnOnce(&str) -> Result<Option<u64>, E>,
) -> Result<Result<String, (Option<String>, WhyNot)>, E> {
    let AccountFacts { allowed, authorised, custom_bills, sink, stopped } = account;
    let not = |why| Ok(Err((sink.map(str::to_owned), why)));
    if !allowed {
        return not(WhyNot::NotAllowed);
    }
    if !authorised {
        return not(WhyNot::NotAuthorised);
    }
    let Some(to) = sink else {
        return not(stopped.map_or(WhyNot::NotEnabled, |since| WhyNot::Stopped { since }));
    };
    if slot.kind == Kind::Reseller && !custom_bills {
        return not(WhyNot::NoCustomBills);
    }
    let Some(bill) = bill else { return not(WhyNot::NoBill) };
    // A month that somebody declared complete is, whatever the files say.
    let declared = bill.state != State::Open && slot.coverage.is_whole_month();
    if !declared && bill.through.is_none_or(|through| through < slot.coverage.last) {
        return not(WhyNot::NotComplete { through: bill.through });
    }
    if slot.kind == Kind::Reseller && bill.state != State::Confirmed {
        return not(WhyNot::NotConfirmed { state: bill.state });
    }
    match delivered(to)? {
        Some(delivery) => not(WhyNot::Delivered { delivery }),
        None => Ok(Ok(to.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::convert::Infallible;

    fn day(text: &str) -> Day {
        text.parse().unwrap()
    }

    fn daily(on: &str) -> String {
        Profile::SEED_2021.schedule(day(on))[0].coverage.to_string()
    }

    #[test]
    fn the_seeds_examples_hold() {
        // Seed, "Enable bill storage" (1) and (2).
        assert_eq!(daily("2021-04-06"), "2021-04-01..2021-04-04");
        assert_eq!(daily("2021-04-08"), "2021-04-01..2021-04-06");
        assert_eq!(daily("2021-04-01"), "2021-03-01..2021-03-30");
        assert_eq!(daily("2021-04-02"), "2021-03-01..2021-03-31");
        let kinds =
            |on: &str| -> Vec<Kind> { Profile::SEED_2021.schedule(day(on)).iter().map(|s| s.kind).collect() };
        assert_eq!(kinds("2021-04-01"), [Kind::Daily]);
        assert_eq!(kinds("2021-04-02"), [Kind::Daily, Kind::Monthly]);
        assert_eq!(kinds("2021-04-08"), [Kind::Daily, Kind::Monthly]);
        assert_eq!(kinds("2021-04-09"), [Kind::Daily, Kind::Monthly, Kind::Reseller]);
    }

    #[test]
    fn daily_coverage_of_every_day_of_2020_to_2024_equals_an_independent_count() {
        // Counted by hand: a running list of (year, month, day), leap years by the Gregorian rule.
        let leap = |y: i32| (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;
        let mut days: Vec<(i32, u32, u32)> = Vec::new();
        for year in 2019..=2024 {
            for (i, length) in [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31].into_iter().enumerate() {
                let length = if i == 1 && leap(year) { 29 } else { length };
                days.extend((1..=length).map(|d| (year, i as u32 + 1, d)));
            }
        }
        let mut checked = 0;
        for (profile, lag) in [(Profile::SEED_2021, 2), (Profile::CURRENT_2024, 1)] {
            for (at, (y, m, d)) in days.iter().enumerate().filter(|(_, (y, ..))| *y >= 2020) {
                let (ly, lm, ld) = days[at - lag];
                let want = format!("{ly:04}-{lm:02}-01..{ly:04}-{lm:02}-{ld:02}");
                let got = profile.schedule(day(&format!("{y:04}-{m:02}-{d:02}")))[0].coverage.to_string();
                assert_eq!(got, want, "{} on {y}-{m}-{d}", profile.name);
                checked += 1;
            }
        }
        assert_eq!(checked, 2 * 1_827);
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
        let slot = Slot { kind: Kind::Reseller, coverage: month };
        let bill = |state, through: &str| Some(BillFacts { state, through: Some(day(through)) });
        let told = |slot, facts, bill, delivered: Option<u64>| {
            judge(slot, facts, bill, |_| Ok::<_, Infallible>(delivered)).unwrap().map_err(|(_, why)| why)
        };
        let full = bill(State::Confirmed, "2021-03-31");
        let not = |facts| told(slot, facts, full, None).unwrap_err();
        assert_eq!(not(AccountFacts { allowed: false, ..ready }), WhyNot::NotAllowed);
        assert_eq!(not(AccountFacts { authorised: false, ..ready }), WhyNot::NotAuthorised);
        assert_eq!(not(AccountFacts { sink: None, ..ready }), WhyNot::NotEnabled);
        let since = day("2021-04-05");
        let stopped = AccountFacts { sink: None, stopped: Some(since), ..ready };
        assert_eq!(not(stopped), WhyNot::Stopped { since });
        assert_eq!(not(AccountFacts { custom_bills: false, ..ready }), WhyNot::NoCustomBills);
        assert_eq!(told(slot, ready, None, None), Err(WhyNot::NoBill));
        let state = State::Issued;
        assert_eq!(told(slot, ready, bill(state, "2021-03-31"), None), Err(WhyNot::NotConfirmed { state }));
        assert_eq!(told(slot, ready, full, Some(7)), Err(WhyNot::Delivered { delivery: 7 }));
        assert_eq!(told(slot, ready, full, None), Ok("bucket".to_owned()));
        let daily = Slot { kind: Kind::Daily, coverage: Coverage::month_to_date(day("2021-04-04")) };
        let through = Some(day("2021-04-03"));
        assert_eq!(
            told(daily, ready, bill(State::Open, "2021-04-03"), None),
            Err(WhyNot::NotComplete { through })
        );
        assert!(told(daily, ready, bill(State::Open, "2021-04-05"), None).is_ok());
    }
}
