//! `retention`: what may be removed when.

use crate::args::{RemovalArgs, Retention};
use crate::context::Context;
use crate::error::CommandError;
use crate::output::{self, Column, Table, columns};
use crate::text::short;

use billkeep_core::deliveries::{Removal, Removals, Rules};
use billkeep_core::values::grouped;

pub(crate) fn run(context: &Context, command: Retention) -> Result<(), CommandError> {
    match command {
        Retention::Show => show(context),
        Retention::Set { sink, kind, days, .. } => {
            let store = context.write()?;
            let actor = context.actor();
            let kept =
                days.map_or_else(|| "for good".to_owned(), |days| format!("for {}", Rules::days_text(days)));
            if let (Some(sink), Some(kind)) = (sink, kind) {
                store.transact(|tx| tx.set_sink_retention(&sink, kind, days, &actor))?;
                context.say(&format!("The {kind} bills in sink `{sink}` are kept {kept}."));
            } else {
                store.transact(|tx| tx.set_revision_retention(days, &actor))?;
                context.say(&format!("The lines of replaced revisions are kept {kept}."));
            }
            Ok(store.close()?)
        }
        Retention::Plan(what) => plan(context, &what),
        Retention::Apply { plan, what, yes } => apply(context, &plan, &what, yes),
    }
}

fn show(context: &Context) -> Result<(), CommandError> {
    let store = context.read()?;
    let rules = Rules::of(&store.read()?)?;
    let columns = vec![Column::text("where"), Column::text("what"), Column::text("days")];
    let mut table = Table::new("billkeep.retention/1", columns);
    for (sink, kinds) in &rules.sinks {
        for (kind, days) in kinds {
            table.rows.push(vec![format!("sink {sink}"), format!("{kind} bills"), days.to_string()]);
        }
    }
    let days = rules.revisions_days.map_or_else(|| "for good".to_owned(), |days| days.to_string());
    table.rows.push(vec!["store".into(), "lines of replaced revisions".into(), days]);
    context.print(&table)
}

fn plan(context: &Context, what: &RemovalArgs) -> Result<(), CommandError> {
    let store = context.read()?;
    let reader = store.read()?;
    let on = context.day(what.on, &reader)?;
    let plan = Removals::plan(&reader, on, what.confirmed)?;
    let columns = columns("verdict where what lines:count why");
    let digest = plan.digest();
    let mut table = Table::new("billkeep.retention.plan/1", columns);
    table.more = vec![("on", on.to_string().into()), ("digest", digest.clone().into())];
    for removal in &plan.removals {
        let (place, what, lines) = match removal {
            Removal::Delivery { number, sink, part, bytes, lines } => {
                (format!("sink {sink}"), format!("delivery {number}, `{part}`, {bytes} bytes"), lines)
            }
            Removal::Lines { bill, load, file, lines } => {
                ("store".to_owned(), format!("lines of load {load} of {}, `{file}`", bill.subject()), lines)
            }
        };
        table.rows.push(vec!["may go".into(), place, what, lines.to_string(), "it is old enough".into()]);
    }
    for kept in &plan.kept {
        table.rows.push(vec![
            "kept".into(),
            "-".into(),
            kept.what.clone(),
            String::new(),
            kept.why.to_owned(),
        ]);
    }
    context.print(&table)?;
    if plan.removals.is_empty() {
        context.say(&format!("Nothing may be removed on {on}."));
    } else {
        let confirmed = if what.confirmed { " --confirmed" } else { "" };
        context.say(&format!(
            "{} things may be removed. To remove them:\n  billkeep retention apply --plan {} --on {on}{confirmed}",
            grouped(plan.removals.len() as u64),
            short(&digest)
        ));
    }
    Ok(())
}

fn apply(context: &Context, seen: &str, what: &RemovalArgs, yes: bool) -> Result<(), CommandError> {
    let store = context.write()?;
    let reader = store.read()?;
    let on = context.day(what.on, &reader)?;
    context.must_have_come(on, yes, &reader)?;
    drop(reader);
    let applied = store.apply_retention(
        seen,
        on,
        what.confirmed,
        (&super::open_sink::destination, &context.stage()),
        &context.actor(),
    )?;
    context.say(&format!(
        "Removed {} delivered bills from sinks, and {} of {} loads from the store.",
        grouped(applied.deliveries),
        output::lines(applied.lines),
        grouped(applied.loads)
    ));
    store.close()?;
    CommandError::worst(applied.unreachable.into_values().map(CommandError::from).collect())
        .map_or(Ok(()), Err)
}
