//! `late`: files that came for confirmed bills.

use billkeep_core::bill::late::{self, Late as Record};
use billkeep_core::carry;
use billkeep_core::digest::hex;

use crate::args::{Format, Late};
use crate::context::Context;
use crate::error::{CommandError, short};
use crate::output::{self, Column, Table};

pub(crate) fn run(context: &Context, command: Late) -> Result<(), CommandError> {
    match command {
        Late::List => {
            let store = context.read()?;
            list(context, &late::list(&store.read()?)?)
        }
        Late::Show { number } => {
            let store = context.read()?;
            show(context, &late::get(&store.read()?, number)?)
        }
        Late::Accept { number, carry_forward: true, reason, .. } => carry(context, number, &reason),
        Late::Accept { number, reason, .. } => accept(context, number, &reason),
        Late::Discard { number, reason } => {
            let store = context.write()?;
            let late = late::discard(store.write()?, number, &reason, &context.actor())?;
            context.say(&format!("Discarded late file {number}, `{}`; the bill is as before.", late.file));
            Ok(store.close()?)
        }
    }
}

fn list(context: &Context, all: &[Record]) -> Result<(), CommandError> {
    let columns = vec![
        Column::count("late"),
        Column::text("state"),
        Column::text("month"),
        Column::text("basis").wide(),
        Column::count("revision").wide(),
        Column::text("file"),
        Column::count("lines"),
        Column::text("difference"),
        Column::count("accounts"),
        Column::count("load").wide(),
        Column::text("sha256").wide(),
        Column::text("time").wide(),
        Column::text("actor").wide(),
        Column::text("reason").wide(),
    ];
    let mut table = Table::new("billkeep.late.list/1", columns);
    for late in all {
        table.rows.push(vec![
            late.number.to_string(),
            late.state.to_string(),
            late.bill.month.to_string(),
            late.bill.basis.to_string(),
            late.revision.to_string(),
            late.file.clone(),
            late.lines.to_string(),
            late.difference_text(),
            late.accounts().to_string(),
            late.load.to_string(),
            hex(&late.sha256),
            output::time(late.at_unix_s),
            late.actor.clone(),
            late.reason.clone().unwrap_or_default(),
        ]);
    }
    table.print(context)
}

fn show(context: &Context, late: &Record) -> Result<(), CommandError> {
    let columns = vec![
        Column::text("owner"),
        Column::text("currency"),
        Column::count("lines"),
        Column::amount("difference"),
    ];
    let mut table = Table::new("billkeep.late.show/1", columns);
    table.more = vec![
        ("late", late.number.into()),
        ("state", late.state.to_string().into()),
        ("month", late.bill.month.to_string().into()),
        ("basis", late.bill.basis.to_string().into()),
        ("revision", late.revision.into()),
        ("load", late.load.into()),
        ("file", late.file.clone().into()),
        ("sha256", hex(&late.sha256).into()),
        ("reason", late.reason.clone().into()),
    ];
    for effect in &late.effects {
        table.rows.push(vec![
            if effect.owner.is_empty() { "-".to_owned() } else { effect.owner.clone() },
            effect.currency.clone(),
            effect.lines.to_string(),
            effect.amount.to_string(),
        ]);
    }
    table.print(context)?;
    context.say(&format!(
        "Late file {}, `{}`, is {}. It was for the bill of {}, confirmed at revision {};\nit would change it by {}.",
        late.number,
        late.file,
        late.state,
        late.bill,
        late.revision,
        late.difference_text()
    ));
    Ok(())
}

fn accept(context: &Context, number: u64, reason: &str) -> Result<(), CommandError> {
    let store = context.write()?;
    let accepted = late::accept(store.write()?, number, reason, &context.actor())?;
    let key = accepted.late.bill;
    match &accepted.revision {
        None => context.say(&format!(
            "Signed to reopen {key} for late file {number}; it joins once a second person does the same."
        )),
        Some(revision) => {
            let digest = revision.digest.hex();
            context.say(&format!(
                "Late file {number} is in the bill for {key}: revision {}, total {}.\nThe bill is {}.",
                revision.number,
                revision.total_text(),
                accepted.state
            ));
            if context.format == Format::Table {
                context.say(&format!(
                    "hint: look at it, and confirm it with `billkeep bill confirm {} --digest {}`",
                    key.month,
                    short(&digest)
                ));
            }
        }
    }
    Ok(store.close()?)
}

fn carry(context: &Context, number: u64, reason: &str) -> Result<(), CommandError> {
    let store = context.write()?;
    let folder = context.stage();
    let settings = context.import_settings();
    let (late, report) = carry::carry_forward(&store, number, reason, &folder, &context.actor(), &settings)?;
    context.say(&format!(
        "Late file {number}, `{}`, is carried forward: its difference, {}, is in the bill for {} as {} of corrections.\n\
         The bill for {} is as it was confirmed.",
        late.file,
        late.difference_text(),
        report.bill,
        output::lines(report.digest.lines()),
        late.bill
    ));
    // Unless something else is staged there.
    let _ = std::fs::remove_dir(&folder);
    for dispute in &report.settled {
        context.say(&format!("Dispute {dispute} is settled by it."));
    }
    Ok(store.close()?)
}
