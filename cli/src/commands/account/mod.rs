//! `account`: the tree of accounts, and what is known of them.

mod contract;
mod price;

use crate::args::{Account, Format};
use crate::context::Context;
use crate::error::CommandError;
use crate::output::{self, Table, columns};

use billkeep_core::bills::Unassigned;
use billkeep_core::engine::OutsideFile;
use billkeep_core::engine::{ACCOUNTS_BYTES_MAX, StoreSettings, Sums};
use billkeep_core::formats::{Detection, Encoding};
use billkeep_core::partners::{AccountDetails, AccountRole, Tree};
use billkeep_core::values::{BillMonth, Day, grouped};

pub(crate) fn run(context: &Context, command: Account) -> Result<(), CommandError> {
    match command {
        Account::Contract(command) => contract::run(context, command),
        Account::Price(command) => price::run(context, command),
        Account::Column(command) => price::column(context, command),
        Account::List => list(context),
        Account::Tree { on, month } => tree(context, on, month),
        Account::Import { file, encoding, dry_run } => import(context, &file, encoding, dry_run),
        Account::Add { uin, name, role, parent, from, reason } => {
            let store = context.write()?;
            let payer = StoreSettings::of(&store.read()?)?.payer;
            let (role, parent) = match (uin == payer, parent) {
                (true, None) => (AccountRole::Payer, None),
                (_, parent) => (role, Some(parent.unwrap_or(payer))),
            };
            let known = AccountDetails { name: name.trim().to_owned(), role, parent };
            let said = format!("`{}`, {role}", known.name);
            let changed =
                store.transact(|tx| tx.set_account(uin, known, from, reason.as_deref(), &context.actor()))?;
            let days = from.map_or_else(String::new, |day| format!(" from {day} on"));
            let below = parent.map_or_else(String::new, |parent| format!(", below {parent}"));
            context.say(&if changed {
                format!("Account {uin} is {said}{below}{days}.")
            } else {
                format!("Account {uin} was {said}{below}{days} before; nothing has changed.")
            });
            Ok(store.close()?)
        }
        Account::End { uin, from, reason } => {
            let store = context.write()?;
            store.transact(|tx| tx.end_account(uin, from, reason.as_deref(), &context.actor()))?;
            context.say(&format!("Account {uin} is not in the tree from {from} on."));
            Ok(store.close()?)
        }
    }
}

fn import(
    context: &Context,
    file: &std::path::Path,
    encoding: Option<Encoding>,
    dry_run: bool,
) -> Result<(), CommandError> {
    let bytes = if file.as_os_str() == "-" {
        OutsideFile::read_from(std::io::stdin().lock(), ACCOUNTS_BYTES_MAX)
    } else {
        OutsideFile::read_or_pipe(file, ACCOUNTS_BYTES_MAX)
    };
    let bytes = bytes.map_err(|e| CommandError::user(format!("cannot read `{}`: {e}", file.display())))?;
    let store = context.write()?;
    let detection = encoding.map_or(Detection::Beginning, Detection::Said);
    let imported = store.transact(|tx| tx.import_accounts(&bytes, detection, dry_run, &context.actor()))?;
    if let Some(told) = imported.reading.told() {
        context.say(&format!("`{}`: {told}.", file.display()));
    }
    let known = grouped(imported.unchanged);
    context.say(&if dry_run {
        let new = output::counted(imported.changed, "row", "rows");
        format!("`{}` is in order: {new} would be new, {known} known.", file.display())
    } else {
        let new = output::counted(imported.changed, "row was", "rows were");
        format!("Imported `{}`: {new} new, {known} known.", file.display())
    });
    Ok(store.close()?)
}

fn list(context: &Context) -> Result<(), CommandError> {
    let store = context.read()?;
    let tree = Tree::load(&store.read()?)?;
    let columns = columns("uin name role parent from until time:wide actor:wide reason:wide");
    let mut table = Table::new("billkeep.account.list/1", columns);
    let day = |day: Option<Day>| day.map_or_else(|| "-".to_owned(), |d| d.to_string());
    for (uin, record) in tree.accounts() {
        for span in record.known.spans() {
            let known = span.change.value.as_ref();
            let text = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
            table.rows.push(vec![
                uin.to_string(),
                text(known.map(|k| k.name.clone())),
                text(known.map(|k| k.role.to_string())),
                text(known.and_then(|k| k.parent).map(|p| p.to_string())),
                day(span.from),
                day(span.until),
                output::time(span.change.at_unix_s),
                span.change.actor.clone(),
                text(span.change.reason.clone()),
            ]);
        }
    }
    context.print(&table)
}

fn tree(context: &Context, on: Option<Day>, month: Option<BillMonth>) -> Result<(), CommandError> {
    let store = context.read()?;
    let reader = store.read()?;
    let on = context.day(on, &reader)?;
    let tree = Tree::load(&reader)?;
    let columns = columns("account name role parent:wide depth:count:wide months lines totals");
    let mut table = Table::new("billkeep.account.tree/1", columns);
    table.more = vec![("on", on.to_string().into())];
    let indent =
        |depth: usize| if context.format == Format::Table { "  ".repeat(depth) } else { String::new() };
    let none = || "-".to_owned();
    for node in tree.nodes(on) {
        let name = if node.known.name.is_empty() { none() } else { node.known.name };
        table.rows.push(vec![
            format!("{}{}", indent(node.depth), node.uin),
            name,
            node.known.role.to_string(),
            node.known.parent.map_or_else(none, |parent| parent.to_string()),
            node.depth.to_string(),
            none(),
            none(),
            none(),
        ]);
    }
    let unknown = Unassigned::list(&reader, month)?;
    for Unassigned { owner, months, sums } in &unknown {
        let months: Vec<String> = months.iter().map(ToString::to_string).collect();
        let lines: u64 = sums.iter().map(|s| s.lines).sum();
        table.rows.push(vec![
            format!("{}{owner}", indent(1)),
            none(),
            "unassigned".into(),
            none(),
            "1".into(),
            months.join(" "),
            lines.to_string(),
            Sums::totals_text(sums),
        ]);
    }
    context.print(&table)?;
    if !unknown.is_empty() {
        context.say(&format!(
            "{} in bills and not in the tree on the days of their lines.",
            output::counted(unknown.len() as u64, "account is", "accounts are")
        ));
    }
    Ok(())
}
