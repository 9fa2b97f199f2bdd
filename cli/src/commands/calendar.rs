//! `calendar`: when bills are due.

use std::path::Path;

use crate::args::Calendar;
use crate::context::Context;
use crate::error::CommandError;
use crate::output::{Column, Table, columns};

use billkeep_core::deliveries::{CalendarError, Calendars, FILE_BYTES_MAX, Followed, Months, Profile};
use billkeep_core::engine::OutsideFile;

pub(crate) fn run(context: &Context, command: &Calendar) -> Result<(), CommandError> {
    match command {
        Calendar::List => list(context),
        Calendar::Show { name, as_file } => {
            let store = context.read()?;
            let reader = store.read()?;
            let profile = match name {
                Some(name) => {
                    Profile::find(&reader, name)?.ok_or_else(|| CalendarError::None(name.clone()))?
                }
                None => {
                    let calendars = Calendars::load(&reader)?;
                    calendars.on(context.moment(&calendars)?.day).clone()
                }
            };
            if *as_file {
                context.data(Profile::to_toml(&profile).as_bytes())
            } else {
                show(context, &profile)
            }
        }
        Calendar::Check { file } => {
            let profile = read(file)?;
            show(context, &profile)?;
            context.say(&format!("`{}` is the calendar `{}`.", file.display(), profile.name));
            Ok(())
        }
        Calendar::Add { file } => {
            let profile = read(file)?;
            let name = &profile.name;
            let store = context.write()?;
            let added = store.transact(|tx| tx.add_calendar(&profile, &context.actor()))?;
            context.say(&if added {
                format!("Added the calendar `{name}`; `billkeep settings calendar {name}` lets the store follow it.")
            } else {
                format!("The calendar `{name}` was there with these figures; nothing was changed.")
            });
            Ok(store.close()?)
        }
        Calendar::Remove { name } => {
            let store = context.write()?;
            store.transact(|tx| tx.remove_calendar(name, &context.actor()))?;
            context.say(&format!("Removed the calendar `{name}`."));
            Ok(store.close()?)
        }
    }
}

/// Reads a calendar's file; more than one can have is not read.
fn read(path: &Path) -> Result<Profile, CommandError> {
    let bytes = OutsideFile::read_or_pipe(path, FILE_BYTES_MAX as u64)
        .map_err(|e| CommandError::user(format!("`{}`: {e}", path.display())))?;
    let text = std::str::from_utf8(&bytes)
        .map_err(|_| CommandError::user(format!("`{}` is not UTF-8 text", path.display())))?;
    Profile::from_toml(text).map_err(|e| {
        CommandError::new(e.kind(), format!("`{}`, {e}", path.display()))
            .hint("`billkeep calendar show seed-2021 --as-file` writes one that is right")
    })
}

fn list(context: &Context) -> Result<(), CommandError> {
    let store = context.read()?;
    let reader = store.read()?;
    let columns = columns("name followed lag_days:count monthly_day:count reseller_day:count basis zone");
    let mut table = Table::new("billkeep.calendar.list/1", columns);
    let followed = Followed::list(&reader)?;
    for profile in Profile::list(&reader)? {
        let from: Vec<String> = followed
            .iter()
            .filter(|f| f.name == profile.name)
            .map(|f| {
                f.from.map_or_else(|| "from the first day on".to_owned(), |from| format!("from {from} on"))
            })
            .collect();
        table.rows.push(vec![
            profile.name.to_string(),
            if from.is_empty() { "-".to_owned() } else { from.join("; ") },
            profile.lag_days.to_string(),
            profile.monthly_day.to_string(),
            profile.reseller_day.to_string(),
            profile.basis.to_string(),
            profile.zone.map_or_else(|| "-".to_owned(), |zone| zone.to_string()),
        ]);
    }
    context.print(&table)
}

fn show(context: &Context, profile: &Profile) -> Result<(), CommandError> {
    let mut table = Table::new("billkeep.calendar.show/1", ["figure", "value"].map(Column::text).to_vec());
    let none = || "-".to_owned();
    let months = |months: Months| {
        let numbers: Vec<String> = months.numbers().iter().map(ToString::to_string).collect();
        if months == Months::ALL { "all".to_owned() } else { numbers.join(" ") }
    };
    for (figure, value) in [
        ("name", profile.name.to_string()),
        ("zone", profile.zone.map_or_else(none, |zone| zone.to_string())),
        ("basis", profile.basis.to_string()),
        ("daily.lag_days", profile.lag_days.to_string()),
        ("daily.at", profile.daily_at.to_string()),
        ("daily.at_on_first", profile.first_at.map_or_else(none, |at| at.to_string())),
        ("daily.late_refresh_days", profile.refresh_days.map_or_else(none, |days| days.to_string())),
        ("daily.months", months(profile.daily_months)),
        ("monthly.day", profile.monthly_day.to_string()),
        ("monthly.at", profile.monthly_at.to_string()),
        ("monthly.months", months(profile.monthly_months)),
        ("reseller.day", profile.reseller_day.to_string()),
        ("reseller.at", profile.reseller_at.to_string()),
        ("reseller.months", months(profile.reseller_months)),
    ] {
        table.rows.push(vec![figure.to_owned(), value]);
    }
    context.print(&table)
}
