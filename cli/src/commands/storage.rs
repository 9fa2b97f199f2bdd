//! `storage`: whose bills are stored, and where.

use std::io::{IsTerminal, Write};

use billkeep_core::calendar::Binding;
use billkeep_core::period::Day;
use billkeep_core::storage;
use billkeep_core::uin::Uin;

use crate::args::Storage;
use crate::context::Context;
use crate::error::CommandError;
use crate::output::{Column, Table};

pub(crate) fn run(context: &Context, command: Storage) -> Result<(), CommandError> {
    if let Storage::Status { uin } = command {
        return status(context, uin);
    }
    if let Storage::Disable { uin, yes: false, .. } = command {
        ask(uin)?;
    }
    let store = context.write()?;
    let (writer, actor) = (store.write()?, context.actor());
    let said = match command {
        Storage::Allow { uin } => {
            storage::set_allowed(writer, uin, true, &actor)?;
            format!("Account {uin} is on the allowlist.")
        }
        Storage::Deny { uin } => {
            storage::set_allowed(writer, uin, false, &actor)?;
            format!("Account {uin} is off the allowlist; nothing new is written for it.")
        }
        Storage::Authorize { uin } => {
            storage::set_authorised(writer, uin, true, &actor)?;
            format!("Account {uin} has granted the storing role.")
        }
        Storage::Revoke { uin } => {
            storage::set_authorised(writer, uin, false, &actor)?;
            format!("Account {uin} has revoked the storing role; nothing new is written for it.")
        }
        Storage::Enable { uin, sink, kinds, custom_bills, from } => {
            let names: Vec<String> = kinds.iter().map(ToString::to_string).collect();
            let said = format!("Bills of account {uin} go to sink `{sink}`: {}.", names.join(", "));
            let binding = Binding { sink, kinds, custom_bills, from, until: None };
            storage::enable(writer, uin, binding, &actor)?;
            said
        }
        Storage::Disable { uin, from, .. } => {
            storage::disable(writer, uin, from.and_then(|day| day.minus_days(1)), &actor)?;
            format!("Bills of account {uin} are not stored any more; what was delivered stays.")
        }
        Storage::Status { .. } => String::new(),
    };
    context.say(&said);
    Ok(store.close()?)
}

/// Asks before bills stop being stored; without a terminal, `--yes` has to be said.
fn ask(uin: Uin) -> Result<(), CommandError> {
    let refused = || {
        CommandError::new(
            billkeep_core::error::Kind::Refused,
            format!("storage of account {uin} was not disabled"),
        )
        .hint("say `--yes` to disable it")
    };
    if !std::io::stdin().is_terminal() {
        return Err(refused());
    }
    write!(std::io::stderr(), "Stop storing bills of account {uin}? What was delivered stays. [y/N] ")?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    if matches!(answer.trim(), "y" | "Y" | "yes") { Ok(()) } else { Err(refused()) }
}

fn status(context: &Context, uin: Option<Uin>) -> Result<(), CommandError> {
    let store = context.read()?;
    let reader = store.read()?;
    let accounts = match uin {
        Some(uin) => vec![storage::account(&reader, uin)?],
        None => storage::accounts(&reader)?,
    };
    let columns = ["uin", "allowed", "authorised", "sink", "kinds", "custom_bills", "from", "until"];
    let mut table = Table::new("billkeep.storage.status/1", columns.map(Column::text).to_vec());
    let word = |yes: bool| if yes { "yes" } else { "no" }.to_owned();
    let day = |day: Option<Day>| day.map_or_else(|| "-".to_owned(), |d| d.to_string());
    for account in accounts {
        let mut row = vec![account.uin.to_string(), word(account.allowed), word(account.authorised)];
        if account.bindings.is_empty() {
            row.extend(["-", "-", "-", "-", "-"].map(str::to_owned));
            table.rows.push(row);
            continue;
        }
        for binding in account.bindings {
            let kinds: Vec<String> = binding.kinds.iter().map(ToString::to_string).collect();
            let mut row = row.clone();
            row.extend([binding.sink, kinds.join(","), word(binding.custom_bills)]);
            row.extend([day(binding.from), day(binding.until)]);
            table.rows.push(row);
        }
    }
    table.print(context.format)
}
