//! `init`: makes a store.

use crate::context::Context;
use crate::error::CommandError;
use billkeep_core::deliveries::{Profile, Setup};
use billkeep_core::engine::Store;
use billkeep_core::values::{TimeZone, Uin};

pub(crate) fn run(
    context: &Context,
    payer: Uin,
    named: Option<&str>,
    zone: TimeZone,
) -> Result<(), CommandError> {
    let calendar = named.unwrap_or(&Profile::SEED_2021.name);
    let Some(profile) = Profile::built_in(calendar) else {
        let names: Vec<String> = Profile::BUILT_IN.iter().map(|p| format!("`{}`", p.name)).collect();
        return Err(CommandError::user(format!("there is no calendar `{calendar}`"))
            .hint(format!("the calendars of a new store are {}", names.join(" and ")))
            .hint("make the store, then `billkeep calendar add FILE` and `billkeep settings calendar NAME --from DAY`"));
    };
    let setup = Setup { payer, calendar: calendar.to_owned(), zone, options: context.options() };
    Store::create(&context.store, &setup, &context.actor())?.close()?;
    context.say(&format!(
        "Made the store `{}` for payer {payer}, calendar {calendar}, time zone {zone}.",
        context.store.display()
    ));
    context.say(&format!("Bills are due by calendar `{calendar}`: {}.", due(profile)));
    if named.is_none() {
        let newer = &Profile::CURRENT_2024;
        context.say(&format!("hint: by the newer calendar `{0}` they are due: {1}", newer.name, due(newer)));
        context.say(&format!(
            "hint: `billkeep settings calendar {0}` follows it from today on, `billkeep init --calendar {0}` from the beginning",
            newer.name
        ));
    }
    Ok(())
}

/// Returns in short when a calendar has bills due.
fn due(profile: &Profile) -> String {
    let days = if profile.lag_days == 1 { "day" } else { "days" };
    format!(
        "daily bills {} {days} after their last day, monthly ones on day {}, reseller bills on day {} of the next month",
        profile.lag_days, profile.monthly_day, profile.reseller_day
    )
}
