//! Months, days, time zones and the days an export covers.

use std::fmt;
use std::str::FromStr;

use chrono::{Datelike, FixedOffset, NaiveDate};
use serde::{Deserialize, Serialize};

use crate::values::near::no_word;

/// A calendar day, without a time zone: bills write local times without an offset (docs/DOMAIN.md#values).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(NaiveDate);

impl Day {
    /// Makes a day of a proleptic Gregorian date.
    pub fn new(year: i32, month: u32, day: u32) -> Option<Day> {
        NaiveDate::from_ymd_opt(year, month, day).map(Day)
    }

    /// Reads `YYYY-MM-DD` at the start of a cell; the rest, if any, must begin with a space or `T`.
    pub fn parse_prefix(text: &[u8]) -> Option<Day> {
        let date = text.get(..10)?;
        if !matches!(text.get(10), None | Some(b' ' | b'T')) {
            return None;
        }
        let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = date else { return None };
        let number = |digits: &[u8]| {
            digits.iter().try_fold(0_u32, |n, b| b.is_ascii_digit().then(|| n * 10 + u32::from(b - b'0')))
        };
        let year = i32::try_from(number(&[*y1, *y2, *y3, *y4])?).ok()?;
        Day::new(year, number(&[*m1, *m2])?, number(&[*d1, *d2])?)
    }

    /// Returns the month that the day lies in.
    pub fn month(self) -> BillMonth {
        BillMonth { year: self.0.year(), month: self.0.month() }
    }

    /// Returns the day of the month, 1 to 31.
    pub fn day_of_month(self) -> u32 {
        self.0.day()
    }

    /// Returns the day `days` earlier, `None` at the end of time.
    pub fn minus_days(self, days: u32) -> Option<Day> {
        self.0.checked_sub_days(chrono::Days::new(u64::from(days))).map(Day)
    }

    /// Returns the next day, `None` at the end of time.
    pub fn next(self) -> Option<Day> {
        self.0.succ_opt().map(Day)
    }

    /// Returns the days since 1970-01-01.
    pub fn epoch_days(self) -> i32 {
        self.0.to_epoch_days()
    }

    /// Returns the day `days` after 1970-01-01.
    pub fn from_epoch_days(days: i32) -> Option<Day> {
        NaiveDate::from_epoch_days(days).map(Day)
    }

    /// Returns the Unix seconds of the day's first moment in a zone of `offset_minutes` east of UTC.
    pub fn start_unix_s(self, offset_minutes: i32) -> i64 {
        i64::from(self.epoch_days()) * 86_400 - i64::from(offset_minutes) * 60
    }
}

impl FromStr for Day {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        (text.len() == 10)
            .then(|| Day::parse_prefix(text.as_bytes()))
            .flatten()
            .ok_or_else(|| format!("`{text}` is not a day: write it as 2021-04-06"))
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for Day {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.epoch_days().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Day {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let days = i32::deserialize(deserializer)?;
        Day::from_epoch_days(days).ok_or_else(|| serde::de::Error::custom("day out of range"))
    }
}

/// The month a bill is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct BillMonth {
    year: i32,
    month: u32,
}

impl BillMonth {
    /// Makes a month; `None` unless the year is 1970 to 2105 and the month 1 to 12.
    ///
    /// The bounds keep every second of the month in the 32 bits that an export's id has for it.
    pub fn new(year: i32, month: u32) -> Option<BillMonth> {
        ((1970..=2105).contains(&year) && (1..=12).contains(&month)).then_some(BillMonth { year, month })
    }

    /// Parses `2021-03` or `202103`.
    pub fn parse(text: &[u8]) -> Option<BillMonth> {
        let (year, month) = match text.len() {
            7 if text.get(4) == Some(&b'-') => (text.get(..4)?, text.get(5..)?),
            6 => (text.get(..4)?, text.get(4..)?),
            _ => return None,
        };
        let number = |digits: &[u8]| {
            digits.iter().try_fold(0_u32, |n, b| b.is_ascii_digit().then(|| n * 10 + u32::from(b - b'0')))
        };
        BillMonth::new(i32::try_from(number(year)?).ok()?, number(month)?)
    }

    /// Returns the year.
    pub fn year(self) -> i32 {
        self.year
    }

    /// Returns the month of the year, 1 to 12.
    pub fn month(self) -> u32 {
        self.month
    }

    /// Returns the first day.
    pub fn first_day(self) -> Day {
        Day(NaiveDate::from_ymd_opt(self.year, self.month, 1).unwrap_or_default())
    }

    /// Returns the last day.
    pub fn last_day(self) -> Day {
        let first = self.first_day().0;
        Day(first.checked_add_months(chrono::Months::new(1)).and_then(|d| d.pred_opt()).unwrap_or(first))
    }

    /// Returns the day with this number, if the month has one.
    pub fn day(self, day_of_month: u32) -> Option<Day> {
        Day::new(self.year, self.month, day_of_month)
    }

    /// Returns the month before, `None` before the first one there is.
    pub fn previous(self) -> Option<BillMonth> {
        if self.month == 1 {
            BillMonth::new(self.year - 1, 12)
        } else {
            BillMonth::new(self.year, self.month - 1)
        }
    }
}

impl FromStr for BillMonth {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        (text.len() == 7)
            .then(|| BillMonth::parse(text.as_bytes()))
            .flatten()
            .ok_or_else(|| format!("`{text}` is not a month: write it as 2021-03"))
    }
}

impl fmt::Display for BillMonth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.year, self.month)
    }
}

/// The first and last day in an export, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Coverage {
    /// The first day covered.
    pub first: Day,
    /// The last day covered.
    pub last: Day,
}

impl Coverage {
    /// Returns the coverage of a whole month.
    pub fn month(month: BillMonth) -> Coverage {
        Coverage { first: month.first_day(), last: month.last_day() }
    }

    /// Returns the coverage from a month's first day through `last`, which must lie in the month.
    pub fn month_to_date(last: Day) -> Coverage {
        Coverage { first: last.month().first_day(), last }
    }

    /// Says whether the coverage is a whole month.
    pub fn is_whole_month(self) -> bool {
        self == Coverage::month(self.first.month())
    }
}

impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}..{}", self.first, self.last)
    }
}

/// A fixed offset from UTC, as bills and calendars use it (docs/DOMAIN.md#values).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimeZone {
    offset_minutes: i32,
}

impl TimeZone {
    /// Tencent Cloud's zone, +08:00 (docs/DOMAIN.md#calendars).
    pub const CHINA: TimeZone = TimeZone { offset_minutes: 8 * 60 };

    /// Returns the minutes east of UTC.
    pub fn offset_minutes(self) -> i32 {
        self.offset_minutes
    }

    /// Returns the day that it is in this zone at a moment in Unix seconds.
    pub fn day_at(self, unix_s: i64) -> Option<Day> {
        let local = unix_s.checked_add(i64::from(self.offset_minutes) * 60)?;
        Day::from_epoch_days(i32::try_from(local.div_euclid(86_400)).ok()?)
    }
}

impl FromStr for TimeZone {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse::<FixedOffset>()
            .map(|offset| TimeZone { offset_minutes: offset.local_minus_utc() / 60 })
            .map_err(|_| format!("`{text}` is not an offset from UTC: write it as +08:00"))
    }
}

impl fmt::Display for TimeZone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.offset_minutes < 0 { '-' } else { '+' };
        let minutes = self.offset_minutes.abs();
        write!(f, "{sign}{:02}:{:02}", minutes / 60, minutes % 60)
    }
}

/// By which date a bill's lines are put into months (docs/DOMAIN.md#bases).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub enum Basis {
    /// By used time: the month of use.
    #[default]
    Used,
    /// By pay time: the month of deduction.
    Paid,
}

impl Basis {
    /// Returns the word that file names carry.
    pub fn in_names(self) -> &'static str {
        match self {
            Basis::Used => "by_used_time",
            Basis::Paid => "by_pay_time",
        }
    }
}

impl FromStr for Basis {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "used" => Ok(Basis::Used),
            "paid" => Ok(Basis::Paid),
            _ => Err(no_word(text, "a basis", &["used", "paid"])),
        }
    }
}

impl fmt::Display for Basis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Basis::Used => "used",
            Basis::Paid => "paid",
        })
    }
}

impl Day {
    /// Writes ascending days, each run as `first..last`.
    pub fn ranges(days: &[Day]) -> String {
        let mut runs: Vec<Coverage> = Vec::new();
        for day in days {
            match runs.last_mut() {
                Some(run) if run.last.next() == Some(*day) => run.last = *day,
                _ => runs.push(Coverage { first: *day, last: *day }),
            }
        }
        let texts = runs.iter().map(|r| if r.first == r.last { r.first.to_string() } else { r.to_string() });
        texts.collect::<Vec<_>>().join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_know_their_days_in_leap_years_too() {
        let days = |m: &str| m.parse::<BillMonth>().unwrap().last_day().day_of_month();
        assert_eq!([days("2020-02"), days("2021-02"), days("2024-02"), days("2100-02")], [29, 28, 29, 28]);
        assert_eq!([days("2021-03"), days("2021-04"), days("2021-12")], [31, 30, 31]);
    }

    #[test]
    fn a_cell_starts_with_a_day_or_it_is_none() {
        assert_eq!(Day::parse_prefix(b"2021-03-31 23:59:59"), Day::new(2021, 3, 31));
        assert_eq!(Day::parse_prefix(b"2021-03-31"), Day::new(2021, 3, 31));
        for bad in ["2021-02-30 00:00:00", "2021/03/31", "2021-03-311", "20210331", "-", "2021-03-3"] {
            assert_eq!(Day::parse_prefix(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn zones_move_the_day() {
        let zone: TimeZone = "+08:00".parse().unwrap();
        assert_eq!(zone, TimeZone::CHINA);
        // 2021-04-05 16:00:00 UTC is midnight in +08:00.
        assert_eq!(zone.day_at(1_617_638_400).unwrap().to_string(), "2021-04-06");
        assert_eq!(zone.day_at(1_617_638_399).unwrap().to_string(), "2021-04-05");
        assert_eq!("-03:30".parse::<TimeZone>().unwrap().to_string(), "-03:30");
        assert!("8".parse::<TimeZone>().is_err());
    }
}
