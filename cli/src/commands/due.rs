//! `due` and `run`: what is due on a day, and delivering it.

use billkeep_core::delivery::{self, Delivery, DueItem};
use billkeep_core::period::{Basis, Day};
use billkeep_core::storage;
use billkeep_core::store::Store;

use crate::args::Format;
use crate::context::Context;
use crate::error::CommandError;
use crate::output::{self, Column, Table};

pub(crate) fn due(context: &Context, on: Option<Day>, basis: Basis) -> Result<(), CommandError> {
    let store = context.read()?;
    let reader = store.read()?;
    let on = context.day(on, &reader)?;
    print(context, on, &delivery::due(&reader, on, basis)?)
}

fn print(context: &Context, on: Day, items: &[DueItem]) -> Result<(), CommandError> {
    let columns = vec![
        Column::text("uin"),
        Column::text("kind"),
        Column::text("first_day"),
        Column::text("last_day"),
        Column::text("due"),
        Column::text("sink"),
        Column::text("why"),
    ];
    let mut table = Table::new("billkeep.due/1", columns);
    table.more = vec![("on", on.to_string().into())];
    for item in items {
        let (due, why) = match &item.verdict {
            Ok(_) => ("yes", format!("the calendar asks for it on {on}")),
            Err(why) => ("no", why.to_string()),
        };
        table.rows.push(vec![
            item.uin.to_string(),
            item.slot.kind.to_string(),
            item.slot.coverage.first.to_string(),
            item.slot.coverage.last.to_string(),
            due.to_owned(),
            item.sink.clone().unwrap_or_else(|| "-".to_owned()),
            why,
        ]);
    }
    table.print(context.format)
}

pub(crate) fn run(
    context: &Context,
    on: Option<Day>,
    basis: Basis,
    dry_run: bool,
) -> Result<(), CommandError> {
    if dry_run {
        return due(context, on, basis);
    }
    let store = context.write()?;
    let on = context.day(on, &store.read()?)?;
    let (delivered, failed) = deliver_all(context, &store, on, basis)?;
    if context.format != Format::Table {
        super::delivery::print(context, &delivered)?;
    }
    store.close()?;
    match failed {
        Some(error) => Err(error),
        None => {
            if delivered.is_empty() {
                context.say(&format!("Nothing was due on {on}; `billkeep due --on {on}` tells why."));
            }
            Ok(())
        }
    }
}

/// Delivers all that is due; what fails does not keep the rest from going.
pub(crate) fn deliver_all(
    context: &Context,
    store: &Store,
    on: Day,
    basis: Basis,
) -> Result<(Vec<Delivery>, Option<CommandError>), CommandError> {
    let items = delivery::due(&store.read()?, on, basis)?;
    let cache = context.chunk_cache();
    let (mut delivered, mut failed) = (Vec::new(), None);
    for item in items {
        let (Ok(wanted), Some(name)) = (item.verdict, item.sink) else { continue };
        let record = storage::sink(&store.read()?, &name)?;
        let result = billkeep_sinks::open(&record.url)
            .map_err(|error| billkeep_core::export::ExportError::Sink { sink: name.clone(), error })
            .and_then(|sink| {
                let settings = context.render_settings(cache.as_ref());
                delivery::deliver(store, &record, sink.as_ref(), wanted, on, &settings, &context.actor())
            });
        match result {
            Ok(delivery) => {
                context.say(&sentence(&delivery));
                delivered.push(delivery);
            }
            Err(e) => {
                let error = CommandError::from(e);
                if failed.is_some() {
                    context.say(&error.text());
                }
                failed.get_or_insert(error);
            }
        }
    }
    if let Some(cache) = cache {
        cache.close();
    }
    Ok((delivered, failed))
}

fn sentence(delivery: &Delivery) -> String {
    let wanted = &delivery.plan.wanted;
    let days = wanted.coverage;
    match delivery.progress.receipt() {
        Some(receipt) => format!(
            "  `{}`\nDelivered the {} bill of {}, {} to {}, to sink `{}`:\n  {}, total {}.",
            receipt.part,
            wanted.kind,
            wanted.uin,
            days.first,
            days.last,
            delivery.sink,
            output::lines(receipt.rows),
            billkeep_core::bill::totals_text(&receipt.sums),
        ),
        None => format!("Planned the {} bill of {}.", wanted.kind, wanted.uin),
    }
}
