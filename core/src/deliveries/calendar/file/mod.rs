//! The one door to TOML: a user's calendar as a file, read and written. Pure: the text is the caller's.
//!
//! What the file does not say is as in `seed-2021`. What it says and cannot be is refused, with the line and
//! with what to write; so is any key that there is not, since a misspelt one would be a figure that is not there.

use std::ops::Range;

use serde::Deserialize;
use toml::Spanned;

use crate::values::error::codes;
use crate::values::period::{Basis, TimeZone};

use super::clock::TimeOfDay;
use super::profile::{DAYS_MAX, Months, Profile};

/// The most bytes that a calendar's file may have.
pub const FILE_BYTES_MAX: usize = 64 * 1024;
/// The most letters of a name.
const NAME_LETTERS_MAX: usize = 40;

/// Why a file is no calendar.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {why}")]
pub struct FileError {
    /// Counted from 1.
    pub line: usize,
    /// What is wrong, and what to write.
    pub why: String,
}

codes!(FileError {
    own { Self { line, why } => User "calendar.file" { line: line, why: why }, }
    within {}
});

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CalendarFile {
    name: Spanned<String>,
    zone: Option<Spanned<String>>,
    basis: Option<Spanned<String>>,
    #[serde(default)]
    daily: Daily,
    #[serde(default)]
    monthly: OfMonth,
    #[serde(default)]
    reseller: OfMonth,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Daily {
    lag_days: Option<Spanned<i64>>,
    at: Option<Spanned<String>>,
    at_on_first: Option<Spanned<String>>,
    late_refresh_days: Option<Spanned<i64>>,
    months: Option<Spanned<Vec<i64>>>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct OfMonth {
    day: Option<Spanned<i64>>,
    at: Option<Spanned<String>>,
    months: Option<Spanned<Vec<i64>>>,
}

/// The text, to tell lines.
struct CalendarText<'a>(&'a str);

impl CalendarText<'_> {
    fn error(&self, at: Range<usize>, why: impl Into<String>) -> FileError {
        let before = self.0.as_bytes().get(..at.start).unwrap_or(self.0.as_bytes());
        let line = 1 + before.iter().filter(|b| **b == b'\n').count();
        FileError { line, why: why.into() }
    }

    /// Reads a value by its own rules, which tell what to write.
    fn parsed<T: std::str::FromStr<Err = String>>(
        &self,
        value: Option<Spanned<String>>,
    ) -> Result<Option<T>, FileError> {
        value.map(|v| v.get_ref().parse().map_err(|why: String| self.error(v.span(), why))).transpose()
    }

    fn number(
        &self,
        value: Option<&Spanned<i64>>,
        allowed: std::ops::RangeInclusive<u32>,
        what: &str,
    ) -> Result<Option<u32>, FileError> {
        let Some(value) = value else { return Ok(None) };
        let n = *value.get_ref();
        let fits = u32::try_from(n).ok().filter(|n| allowed.contains(n));
        let (least, most) = allowed.into_inner();
        let why =
            || self.error(value.span(), format!("{n} is not {what}: write a number from {least} to {most}"));
        fits.map(Some).ok_or_else(why)
    }

    fn months(&self, value: Option<Spanned<Vec<i64>>>) -> Result<Months, FileError> {
        let Some(value) = value else { return Ok(Months::ALL) };
        let numbers = value.get_ref().iter().map(|n| u32::try_from(*n).ok()).collect::<Option<Vec<u32>>>();
        let why = "these are not months of the year: write their numbers from 1 to 12, as [3, 6, 9, 12], at least one";
        numbers.and_then(|n| Months::new(&n)).ok_or_else(|| self.error(value.span(), why))
    }
}

impl Profile {
    /// Reads a calendar's file.
    ///
    /// # Errors
    /// [`FileError`] at the first thing in it that cannot be.
    pub fn from_toml(text: &str) -> Result<Profile, FileError> {
        let lines = CalendarText(text);
        if text.len() > FILE_BYTES_MAX {
            let why = format!("the file has {} bytes, and a calendar at most {FILE_BYTES_MAX}", text.len());
            return Err(lines.error(0..0, why));
        }
        let file: CalendarFile = toml::from_str(text).map_err(|e| {
            let why = match e.message() {
                "missing field `name`" => {
                    "the calendar has no name: write one, as name = \"mine\"".to_owned()
                }
                message => message.lines().collect::<Vec<_>>().join("; "),
            };
            lines.error(e.span().unwrap_or(0..0), why)
        })?;
        let default = Profile::SEED_2021;
        let name = file.name.get_ref();
        let letters = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_');
        if name.is_empty() || name.len() > NAME_LETTERS_MAX || !name.chars().all(letters) {
            let why = format!(
                "`{}` is not a calendar's name: write 1 to {NAME_LETTERS_MAX} of a-z, 0-9, - and _",
                name.escape_debug()
            );
            return Err(lines.error(file.name.span(), why));
        }
        if Profile::built_in(name).is_some() {
            let why = format!("every store has a calendar `{name}`: write another name");
            return Err(lines.error(file.name.span(), why));
        }
        let Daily { lag_days, at, at_on_first, late_refresh_days, months } = file.daily;
        let lag = lines.number(lag_days.as_ref(), 0..=DAYS_MAX, "a lag in days")?.unwrap_or(default.lag_days);
        let days = "a number of days after the last one covered";
        let refresh = lines.number(late_refresh_days.as_ref(), 1..=DAYS_MAX, days)?;
        if let (Some(value), Some(_)) = (&late_refresh_days, refresh.filter(|days| *days <= lag)) {
            let why = format!(
                "the bill is asked for {lag} days after its last day (lag_days), so it cannot be offered once more after {}: \
             write a number from {} to {DAYS_MAX}",
                value.get_ref(),
                lag + 1
            );
            return Err(lines.error(value.span(), why));
        }
        let day = "a day of the month";
        let (monthly, reseller) = (file.monthly, file.reseller);
        Ok(Profile {
            name: name.clone().into(),
            zone: lines.parsed::<TimeZone>(file.zone)?,
            basis: lines.parsed::<Basis>(file.basis)?.unwrap_or(default.basis),
            lag_days: lag,
            daily_at: lines.parsed::<TimeOfDay>(at)?.unwrap_or(default.daily_at),
            first_at: lines.parsed::<TimeOfDay>(at_on_first)?,
            refresh_days: refresh,
            daily_months: lines.months(months)?,
            monthly_day: lines.number(monthly.day.as_ref(), 1..=31, day)?.unwrap_or(default.monthly_day),
            monthly_at: lines.parsed::<TimeOfDay>(monthly.at)?.unwrap_or(default.monthly_at),
            monthly_months: lines.months(monthly.months)?,
            reseller_day: lines.number(reseller.day.as_ref(), 1..=31, day)?.unwrap_or(default.reseller_day),
            reseller_at: lines.parsed::<TimeOfDay>(reseller.at)?.unwrap_or(default.reseller_at),
            reseller_months: lines.months(reseller.months)?,
        })
    }

    /// Writes a calendar as a file; read, it is the same again. A built-in one gets another name, which a file needs.
    pub fn to_toml(profile: &Profile) -> String {
        let own = if Profile::built_in(&profile.name).is_some() { "my-" } else { "" };
        let mut text = format!("name = \"{own}{}\"\n", profile.name);
        let mut line = |words: String| {
            text.push_str(&words);
            text.push('\n');
        };
        if let Some(zone) = profile.zone {
            line(format!("zone = \"{zone}\""));
        }
        line(format!("basis = \"{}\"", profile.basis));
        let months = |months: Months| {
            let numbers: Vec<String> = months.numbers().iter().map(ToString::to_string).collect();
            format!("months = [{}]", numbers.join(", "))
        };
        line(format!("\n[daily]\nlag_days = {}\nat = \"{}\"", profile.lag_days, profile.daily_at));
        if let Some(at) = profile.first_at {
            line(format!("at_on_first = \"{at}\""));
        }
        if let Some(days) = profile.refresh_days {
            line(format!("late_refresh_days = {days}"));
        }
        line(months(profile.daily_months));
        let of_month = [
            ("monthly", profile.monthly_day, profile.monthly_at, profile.monthly_months),
            ("reseller", profile.reseller_day, profile.reseller_at, profile.reseller_months),
        ];
        for (kind, day, at, of) in of_month {
            line(format!("\n[{kind}]\nday = {day}\nat = \"{at}\"\n{}", months(of)));
        }
        text
    }
}

#[cfg(test)]
mod tests;
