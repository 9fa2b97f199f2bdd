//! The figures of a calendar, and what they ask for on a day. Pure.
//!
//! A calendar asks for a slot on one day first, from an hour on. A daily bill's slot holds for that day, the others
//! until the month after the bill's ends ([`Profile::asked`]). Where a month lacks the day that a bill is asked for, it
//! is the month's last. docs/CALENDAR.md tells where each rule comes from.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::formats::naming::BillKind;
use crate::values::period::{Basis, BillMonth, Coverage, Day, TimeZone};

use super::CalendarSlot;
use super::clock::TimeOfDay;

/// The most days that a daily bill may lie behind, and that it may be offered again after.
pub(super) const DAYS_MAX: u32 = 31;

/// The months of a year whose bills a calendar asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Months(u16);

impl Months {
    /// Every month.
    pub const ALL: Months = Months(0x0fff);

    /// Makes a set of months of the year; `None` unless there is one, and each is 1 to 12.
    pub fn new(months: &[u32]) -> Option<Months> {
        let add = |set: u16, month: &u32| (1..=12).contains(month).then(|| set | 1 << (month - 1));
        months.iter().try_fold(0, add).filter(|set| *set != 0).map(Months)
    }

    /// Says whether bills of a month are asked for.
    pub fn has(self, month: BillMonth) -> bool {
        self.0 >> (month.month() - 1) & 1 == 1
    }

    /// Returns the months of the year, 1 to 12.
    pub fn numbers(self) -> Vec<u32> {
        (1..=12).filter(|month| self.0 >> (month - 1) & 1 == 1).collect()
    }
}

/// The figures of a calendar.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profile {
    /// Its name.
    pub name: Cow<'static, str>,
    /// The zone of its days and hours; the store's if none is named.
    pub zone: Option<TimeZone>,
    /// Bills by which basis it is about.
    pub basis: Basis,
    /// How many days a daily bill lies behind.
    pub lag_days: u32,
    /// From which time on a daily bill is due.
    pub daily_at: TimeOfDay,
    /// From which time on it is due on the first of a month; as on other days if none is named.
    pub first_at: Option<TimeOfDay>,
    /// How many days after its last day a daily bill is offered once more, for rows that came late; not if none is named.
    pub refresh_days: Option<u32>,
    /// Of which months there are daily bills.
    pub daily_months: Months,
    /// From which day of the next month the monthly bill is due.
    pub monthly_day: u32,
    /// From which time of that day on.
    pub monthly_at: TimeOfDay,
    /// Of which months there are monthly bills.
    pub monthly_months: Months,
    /// From which day of the next month the reseller bill is due.
    pub reseller_day: u32,
    /// From which time of that day on.
    pub reseller_at: TimeOfDay,
    /// Of which months there are reseller bills.
    pub reseller_months: Months,
}

/// Why a calendar asks for a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// It is the bill of the day or the month.
    Regular,
    /// A daily bill is offered once more: rows may have come late.
    Refresh,
    /// The month before last or an earlier one: what waits for its confirmation stays due until it is delivered.
    Overdue,
}

/// A slot that a calendar asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Which bill.
    pub slot: CalendarSlot,
    /// On which day: bindings as of that day decide where it goes.
    pub on: Day,
    /// On which day it is asked for first.
    pub since: Day,
    /// From which time of that first day on.
    pub from: TimeOfDay,
    /// Why.
    pub why: Why,
}

impl Profile {
    /// Tencent Cloud's calendar of 2021 (docs/DOMAIN.md#calendars): on 6 April a bill covers 1 to 4 April; monthly bills
    /// are due on the 2nd and reseller bills on the 9th. It names days and no hours.
    pub const SEED_2021: Profile = Profile {
        name: Cow::Borrowed("seed-2021"),
        zone: None,
        basis: Basis::Used,
        lag_days: 2,
        daily_at: TimeOfDay::MIDNIGHT,
        first_at: None,
        refresh_days: None,
        daily_months: Months::ALL,
        monthly_day: 2,
        monthly_at: TimeOfDay::MIDNIGHT,
        monthly_months: Months::ALL,
        reseller_day: 9,
        reseller_at: TimeOfDay::MIDNIGHT,
        reseller_months: Months::ALL,
    };
    /// The newer one: on April 6 a bill covering April 1–5, at 03:00 and on the first of a month at 20:00; customers'
    /// bills are final on the 5th.
    pub const CURRENT_2024: Profile = Profile {
        name: Cow::Borrowed("current-2024"),
        lag_days: 1,
        daily_at: TimeOfDay::hour(3),
        first_at: Some(TimeOfDay::hour(20)),
        reseller_day: 5,
        ..Profile::SEED_2021
    };
    /// Those that every store has.
    pub const BUILT_IN: &[Profile] = &[Profile::SEED_2021, Profile::CURRENT_2024];

    /// Finds one that every store has by its name.
    pub fn built_in(name: &str) -> Option<&'static Profile> {
        Profile::BUILT_IN.iter().find(|p| p.name == name)
    }

    /// Returns its figures in words.
    pub fn words(&self) -> String {
        let first = self.first_at.map_or_else(String::new, |at| format!(" (on the first of a month {at})"));
        let again =
            self.refresh_days.map_or_else(String::new, |days| format!(" and once more {days} days after"));
        let months = |months: Months| {
            let numbers: Vec<String> = months.numbers().iter().map(ToString::to_string).collect();
            if months == Months::ALL { String::new() } else { format!(", months {}", numbers.join(" ")) }
        };
        format!(
            "{}, by {} time; daily: {} days after its last day{again} at {}{first}{}; monthly: day {} at {}{}; \
             reseller: day {} at {}{}",
            self.zone.map_or_else(|| "the store's zone".to_owned(), |zone| format!("zone {zone}")),
            if self.basis == Basis::Used { "used" } else { "pay" },
            self.lag_days,
            self.daily_at,
            months(self.daily_months),
            self.monthly_day,
            self.monthly_at,
            months(self.monthly_months),
            self.reseller_day,
            self.reseller_at,
            months(self.reseller_months),
        )
    }

    /// Returns from which day on the monthly or the reseller bill of a month is due, `None` for a daily one.
    pub fn due_day(&self, kind: BillKind, month: BillMonth) -> Option<Day> {
        let wanted = match kind {
            BillKind::Daily => return None,
            BillKind::Monthly => self.monthly_day,
            BillKind::Reseller => self.reseller_day,
        };
        let next = month.last_day().next()?.month();
        next.day(wanted).or_else(|| Some(next.last_day()))
    }

    /// Returns from which time on a daily bill is due on a day.
    fn daily_at_on(&self, on: Day) -> TimeOfDay {
        self.first_at.filter(|_| on.day_of_month() == 1).unwrap_or(self.daily_at)
    }

    /// Returns what the calendar asks for on a day, whoever may want it: the day's daily bill and the one that is
    /// offered again, and the month's bills from their days on.
    pub fn asked(&self, on: Day) -> Vec<Asked> {
        let mut asked = Vec::new();
        let mut daily = |days: u32, why| {
            if let Some(last) = on.minus_days(days).filter(|last| self.daily_months.has(last.month())) {
                let slot = CalendarSlot { kind: BillKind::Daily, coverage: Coverage::month_to_date(last) };
                asked.push(Asked { slot, on, since: on, from: self.daily_at_on(on), why });
            }
        };
        daily(self.lag_days, Why::Regular);
        if let Some(days) = self.refresh_days {
            daily(days, Why::Refresh);
        }
        if let Some(month) = on.month().previous() {
            let of_month = |kind| self.of_month(kind, month, on, Why::Regular).filter(|a| a.since <= on);
            asked.extend([BillKind::Monthly, BillKind::Reseller].into_iter().filter_map(of_month));
        }
        asked
    }

    /// Returns the slot of a month's monthly or reseller bill, if there is to be one.
    fn of_month(&self, kind: BillKind, month: BillMonth, on: Day, why: Why) -> Option<Asked> {
        let (months, from) = match kind {
            BillKind::Daily => return None,
            BillKind::Monthly => (self.monthly_months, self.monthly_at),
            BillKind::Reseller => (self.reseller_months, self.reseller_at),
        };
        let since = self.due_day(kind, month).filter(|_| months.has(month))?;
        Some(Asked { slot: CalendarSlot { kind, coverage: Coverage::month(month) }, on, since, from, why })
    }

    /// Returns the monthly and reseller bills of months before the last, out of those that there are bills for.
    ///
    /// Reseller bills stay due until their month is confirmed and they are delivered (docs/DOMAIN.md#calendars). So do
    /// monthly bills that wait for the confirmation; which ones do, the calendar does not know.
    pub fn overdue(&self, on: Day, months: impl Iterator<Item = BillMonth>) -> Vec<Asked> {
        let Some(last) = on.month().previous() else { return Vec::new() };
        months
            .filter(|month| *month < last)
            .flat_map(|month| [BillKind::Monthly, BillKind::Reseller].map(|kind| (kind, month)))
            .filter_map(|(kind, month)| self.of_month(kind, month, on, Why::Overdue))
            .collect()
    }
}

#[cfg(test)]
pub(super) mod tests;
