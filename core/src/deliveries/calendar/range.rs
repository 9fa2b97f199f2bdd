//! A range of months, and the days on which calendars asked for their bills. Pure.

use std::fmt;
use std::str::FromStr;

use crate::formats::naming::BillKind;
use crate::values::period::{BillMonth, Day};

use super::clock::Moment;
use super::kept::Calendars;
use super::profile::{Asked, DAYS_MAX, Why};

/// Months from one to another, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MonthRange {
    /// The first month.
    pub first: BillMonth,
    /// The last month.
    pub last: BillMonth,
}

impl MonthRange {
    /// Says whether a month lies in it.
    pub fn has(self, month: BillMonth) -> bool {
        self.first <= month && month <= self.last
    }

    /// Returns the days on which bills of these months are asked for first, in order, with what is asked for; nothing after
    /// `until`. A day at a time: what there is to hold does not grow with the months.
    ///
    /// Bills that are only offered once more are left out: nothing came late to a bill that was not delivered yet.
    pub fn asked<'a>(
        self,
        calendars: &'a Calendars,
        kinds: &'a [BillKind],
        until: Moment,
    ) -> impl Iterator<Item = (Day, Vec<Asked>)> + 'a {
        // The month after the last one, and a lag that reaches beyond it.
        let end = self.last.last_day().epoch_days().saturating_add(2 * DAYS_MAX as i32);
        let wanted = move |asked: &Asked| {
            asked.why != Why::Refresh
                && kinds.contains(&asked.slot.kind)
                && self.has(asked.slot.coverage.first.month())
                && (asked.on < until.day || asked.from <= until.time)
        };
        (self.first.first_day().epoch_days()..=end.min(until.day.epoch_days()))
            .filter_map(Day::from_epoch_days)
            .map(move |on| (on, calendars.new_on(on).into_iter().filter(wanted).collect::<Vec<_>>()))
            .filter(|(_, asked)| !asked.is_empty())
    }
}

impl FromStr for MonthRange {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (first, last) = text.split_once("..").unwrap_or((text, text));
        let wrong =
            || format!("`{text}` is not a range of months: write it as 2020-01..2021-03, or one as 2021-03");
        let month = |text: &str| text.parse::<BillMonth>().map_err(|_| wrong());
        let range = MonthRange { first: month(first)?, last: month(last)? };
        if range.first <= range.last { Ok(range) } else { Err(format!("{first} is after {last}")) }
    }
}

impl fmt::Display for MonthRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.first == self.last { self.first.fmt(f) } else { write!(f, "{}..{}", self.first, self.last) }
    }
}
