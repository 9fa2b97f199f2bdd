//! Times of a day and moments, as a calendar counts them. The clock itself is the caller's.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::values::period::{Day, TimeZone};

const MINUTES: u16 = 24 * 60;

/// A time of the day, to the minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u16", into = "u16")]
pub struct TimeOfDay(u16);

impl TimeOfDay {
    /// The day's first moment.
    pub const MIDNIGHT: TimeOfDay = TimeOfDay(0);
    /// The day's last minute.
    pub const LAST: TimeOfDay = TimeOfDay(MINUTES - 1);

    /// Makes a time of a full hour, 0 to 23.
    pub const fn hour(hour: u8) -> TimeOfDay {
        TimeOfDay(if hour < 24 { hour as u16 * 60 } else { MINUTES - 1 })
    }

    /// Makes a time of the minutes since midnight, `None` from 24:00 on.
    pub fn of_minutes(minutes: u16) -> Option<TimeOfDay> {
        (minutes < MINUTES).then_some(TimeOfDay(minutes))
    }
}

impl TryFrom<u16> for TimeOfDay {
    type Error = String;

    fn try_from(minutes: u16) -> Result<Self, Self::Error> {
        TimeOfDay::of_minutes(minutes).ok_or_else(|| format!("no day has {minutes} minutes"))
    }
}

impl From<TimeOfDay> for u16 {
    fn from(time: TimeOfDay) -> u16 {
        time.0
    }
}

impl FromStr for TimeOfDay {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let number = |digits: &[u8]| {
            digits.iter().try_fold(0_u16, |n, b| b.is_ascii_digit().then(|| n * 10 + u16::from(b - b'0')))
        };
        let of = |text: &[u8]| {
            let [h1, h2, b':', m1, m2] = text else { return None };
            let (hours, minutes) = (number(&[*h1, *h2])?, number(&[*m1, *m2])?);
            (hours < 24 && minutes < 60).then(|| TimeOfDay(hours * 60 + minutes))
        };
        of(text.as_bytes()).ok_or_else(|| format!("`{text}` is not a time of the day: write it as 03:00"))
    }
}

impl fmt::Display for TimeOfDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.0 / 60, self.0 % 60)
    }
}

/// A day and a time of it, in a calendar's zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment {
    /// The day.
    pub day: Day,
    /// The time.
    pub time: TimeOfDay,
}

impl Moment {
    /// Returns the moment that it is in a zone at so many Unix seconds; `None` beyond the days that there are.
    pub fn at(zone: TimeZone, unix_s: i64) -> Option<Moment> {
        let day = zone.day_at(unix_s)?;
        let seconds = unix_s - day.start_unix_s(zone.offset_minutes());
        let time = u16::try_from(seconds.div_euclid(60)).ok().and_then(TimeOfDay::of_minutes)?;
        Some(Moment { day, time })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_that_of_the_zone() {
        // 2021-04-05 16:00:00 UTC is midnight in +08:00.
        let at = |zone: &str, unix_s| {
            let moment = Moment::at(zone.parse().unwrap(), unix_s).unwrap();
            format!("{} {}", moment.day, moment.time)
        };
        assert_eq!(at("+08:00", 1_617_638_400), "2021-04-06 00:00");
        assert_eq!(at("+08:00", 1_617_638_399), "2021-04-05 23:59");
        assert_eq!(at("-03:30", 1_617_638_400), "2021-04-05 12:30");
        assert_eq!(Moment::at(TimeZone::CHINA, i64::MAX), None);
    }

    #[test]
    fn a_time_is_written_with_two_digits_each() {
        for good in ["00:00", "03:00", "20:30", "23:59"] {
            assert_eq!(good.parse::<TimeOfDay>().unwrap().to_string(), good);
        }
        for bad in ["24:00", "3:00", "03:60", "0300", "03:00:00", "", "３:00"] {
            assert!(bad.parse::<TimeOfDay>().is_err(), "{bad}");
        }
    }
}
