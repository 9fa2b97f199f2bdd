//! `init`: makes a store.

use billkeep_core::calendar::Profile;
use billkeep_core::journal::{Change, append_change, record_digest};
use billkeep_core::period::TimeZone;
use billkeep_core::settings::StoreSettings;
use billkeep_core::store::{Store, Table};
use billkeep_core::uin::Uin;

use crate::context::Context;
use crate::error::CommandError;

pub(crate) fn run(context: &Context, payer: Uin, calendar: &str, zone: TimeZone) -> Result<(), CommandError> {
    if Profile::built_in(calendar).is_none() {
        let names: Vec<String> = Profile::BUILT_IN.iter().map(|p| format!("`{}`", p.name)).collect();
        return Err(CommandError::user(format!("there is no calendar `{calendar}`"))
            .hint(format!("the calendars of a new store are {}", names.join(" and ")))
            .hint("make the store, then `billkeep calendar add FILE` and `billkeep settings calendar NAME --from DAY`"));
    }
    let settings = StoreSettings { payer, calendar: calendar.to_owned(), zone };
    let actor = context.actor();
    Store::create(&context.store, &context.options(), |writer| {
        writer.put(Table::Meta, StoreSettings::KEY, &settings)?;
        let detail = format!("payer {payer}, calendar {calendar}, time zone {zone}");
        let after = record_digest(writer, Table::Meta, StoreSettings::KEY)?;
        let subject = payer.to_string();
        append_change(writer, &actor, Change { after, ..Change::new("init", &subject, &detail) })
    })?
    .close()?;
    context.say(&format!(
        "Made the store `{}` for payer {payer}, calendar {calendar}, time zone {zone}.",
        context.store.display()
    ));
    Ok(())
}
