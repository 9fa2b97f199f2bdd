//! `settings`: the rules of the house.

use billkeep_core::policy::{Changed, Policy};
use billkeep_core::settings::StoreSettings;
use billkeep_core::store::Read;

use crate::args::{Settings, Switch};
use crate::context::Context;
use crate::error::CommandError;
use crate::output::{Column, Table};

pub(crate) fn run(context: &Context, command: &Settings) -> Result<(), CommandError> {
    match command {
        Settings::Show => {
            let store = context.read()?;
            show(context, &store.read()?)
        }
        Settings::FourEyes { value } => {
            let on = *value == Switch::On;
            let store = context.write()?;
            let changed = Policy::set_four_eyes(store.write()?, on, &context.actor())?;
            context.say(match (changed, on) {
                (Changed::Done, true) => "Confirming and reopening need two people from now on.",
                (Changed::Done, false) => "One person confirms and reopens from now on.",
                (Changed::Same, _) => "It was so before; nothing was changed.",
                (Changed::Waits, _) => "Noted. The rule ends once a second person does the same.",
            });
            Ok(store.close()?)
        }
    }
}

fn show(context: &Context, store: &impl Read) -> Result<(), CommandError> {
    let settings = StoreSettings::of(store)?;
    let policy = Policy::of(store)?;
    let four_eyes = match (policy.four_eyes, policy.off_asked_by) {
        (false, _) => "off".to_owned(),
        (true, None) => "on".to_owned(),
        (true, Some(actor)) => format!("on; `{actor}` asked to turn it off"),
    };
    let columns = vec![Column::text("setting"), Column::text("value"), Column::text("changed_by")];
    let mut table = Table::new("billkeep.settings/1", columns);
    let fixed = "nothing: `init` fixed it";
    for (name, value, by) in [
        ("payer", settings.payer.to_string(), fixed),
        ("calendar", settings.calendar, fixed),
        ("timezone", settings.zone.to_string(), fixed),
        ("four_eyes", four_eyes, "`settings four-eyes on|off`"),
    ] {
        table.rows.push(vec![name.to_owned(), value, by.to_owned()]);
    }
    table.print(context.format)
}
