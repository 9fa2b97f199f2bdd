//! `settings`: the rules of the house.

use crate::args::{Settings, Switch};
use crate::context::Context;
use crate::error::CommandError;
use crate::output::{Column, Table};
use crate::own_error;

use billkeep_core::deliveries::Followed;
use billkeep_core::engine::{Records, StoreSettings};
use billkeep_core::partners::{Changed, Person, PersonRole, Policy};

pub(crate) fn run(context: &Context, command: &Settings) -> Result<(), CommandError> {
    match command {
        Settings::Show => {
            let store = context.read()?;
            show(context, &store.read()?)
        }
        Settings::FourEyes { value } => {
            let on = *value == Switch::On;
            let store = context.write()?;
            if on {
                enough_people(context, &store.read()?)?;
            }
            let changed = store.transact(|tx| Policy::set_four_eyes(tx, on, &context.actor()))?;
            context.say(match (changed, on) {
                (Changed::Done, true) => "Confirming and reopening need two people from now on.",
                (Changed::Done, false) => "One person confirms and reopens from now on.",
                (Changed::Same, _) => "It was so before; nothing was changed.",
                (Changed::Waits, _) => "Noted. The rule ends once a second person does the same.",
            });
            Ok(store.close()?)
        }
        Settings::Calendar { name, from } => {
            let store = context.write()?;
            let from = context.day(*from, &store.read()?)?;
            let changed = store.transact(|tx| tx.follow_calendar(name, from, &context.actor()))?;
            context.say(&if changed {
                format!("Bills are due by calendar `{name}` from {from} on; earlier days keep theirs.")
            } else {
                "It was so before; nothing was changed.".to_owned()
            });
            Ok(store.close()?)
        }
    }
}

/// Checks that two people may approve: one alone could neither confirm a bill nor turn the rule off.
fn enough_people(context: &Context, store: &impl Records) -> Result<(), CommandError> {
    let all = Person::list(store)?;
    let approvers = all.iter().filter(|person| person.role >= PersonRole::Approver).count();
    if approvers >= 2 {
        return Ok(());
    }
    // Without people, whoever is at the command line acts under any name; in the console, everybody has one.
    if all.is_empty() && context.is_terminal() {
        context.say(
            "warning: nobody is entered, so two names are all that this rule asks for; `billkeep user set NAME --role approver` enters people",
        );
        return Ok(());
    }
    Err(CommandError::own(own_error::APPROVERS, &[&approvers]))
}

fn show(context: &Context, store: &impl Records) -> Result<(), CommandError> {
    let settings = StoreSettings::of(store)?;
    let policy = Policy::of(store)?;
    let four_eyes = match (policy.four_eyes, policy.off_asked_by) {
        (false, _) => "off".to_owned(),
        (true, None) => "on".to_owned(),
        (true, Some(actor)) => format!("on; `{actor}` asked to turn it off"),
    };
    let columns = vec![Column::text("setting"), Column::text("value"), Column::text("changed_by")];
    let mut table = Table::new("billkeep.settings/1", columns);
    let calendars: Vec<String> = Followed::list(store)?
        .into_iter()
        .map(|f| f.name + &f.from.map_or_else(String::new, |from| format!(" from {from} on")))
        .collect();
    let fixed = "- (set by `init` for good)";
    for (name, value, by) in [
        ("payer", settings.payer.to_string(), fixed),
        ("calendar", calendars.join("; "), "`settings calendar NAME`"),
        ("timezone", settings.zone.to_string(), fixed),
        ("four_eyes", four_eyes, "`settings four-eyes on|off`"),
    ] {
        table.rows.push(vec![name.to_owned(), value, by.to_owned()]);
    }
    context.print(&table)
}
