//! `sink`: where exports go.

use std::collections::BTreeMap;

use billkeep_core::delivery::{DeliveryError, Destination};
use billkeep_core::export::{self, Audience};
use billkeep_core::sink::{Sink, SinkError};
use billkeep_core::storage::{self, SinkRecord};

use crate::args::Sink as Command;
use crate::context::Context;
use crate::error::CommandError;
use crate::output::{Column, Table};

pub(crate) fn run(context: &Context, command: Command) -> Result<(), CommandError> {
    match command {
        Command::Add { name, what } => add(context, &record(name, what.url, &what.options, what.audience)?),
        Command::List => list(context),
        Command::Test { name } => {
            let store = context.read()?;
            let record = storage::sink(&store.read()?, &name)?;
            preflight(context, &record)?;
            context.say(&format!(
                "Sink `{name}` at {} takes files, gives them back as they were, and removes them.",
                record.url
            ));
            Ok(())
        }
        Command::Remove { name } => {
            let store = context.write()?;
            let today = context.day(None, &store.read()?)?;
            storage::remove_sink(store.write()?, &name, today, &context.actor())?;
            context.say(&format!("Removed sink `{name}`; what was delivered stays there."));
            Ok(store.close()?)
        }
    }
}

/// Makes a sink's record of what was said of it.
pub(crate) fn record(
    name: String,
    url: String,
    options: &[String],
    audience: Audience,
) -> Result<SinkRecord, CommandError> {
    let mut by_name = BTreeMap::new();
    for option in options {
        let (name, value) = option
            .split_once('=')
            .ok_or_else(|| CommandError::user(format!("`{option}`: write an option as NAME=VALUE")))?;
        if by_name.insert(name.to_owned(), value.to_owned()).is_some() {
            return Err(CommandError::user(format!("`{option}`: `{name}` was given before")));
        }
    }
    let record = SinkRecord { name, url, audience, options: by_name };
    let of_sink = record.options()?.of_sink;
    billkeep_sinks::check(&record.url, &of_sink).map_err(|e| CommandError::user(e.to_string()))?;
    Ok(record)
}

/// Opens a sink as it was set up.
pub(crate) fn open(record: &SinkRecord) -> Result<Box<dyn Sink>, SinkError> {
    let options = record.options().map_err(|e| SinkError::Setup(e.to_string()))?;
    billkeep_sinks::open(&record.url, &options.of_sink, &|name| std::env::var(name).ok())
}

/// Opens a sink to deliver to it.
pub(crate) fn destination(record: SinkRecord) -> Result<Destination, CommandError> {
    match open(&record) {
        Ok(sink) => Ok(Destination::plain(record, sink)),
        Err(error) => Err(DeliveryError::Sink { sink: record.name, error }.into()),
    }
}

fn add(context: &Context, record: &SinkRecord) -> Result<(), CommandError> {
    let store = context.write()?;
    // The folder is made now, so that a path that cannot be is told now.
    open(record).map_err(|e| CommandError::user(e.to_string()))?;
    storage::add_sink(store.write()?, record, &context.actor())?;
    context.say(&format!("Added sink `{}` at {}.", record.name, record.url));
    Ok(store.close()?)
}

/// Tries a sink with a probe.
pub(crate) fn preflight(context: &Context, record: &SinkRecord) -> Result<(), CommandError> {
    let failed = |error| CommandError::from(DeliveryError::Sink { sink: record.name.clone(), error });
    let sink = open(record).map_err(failed)?;
    let tag = format!("{}-{}", context.now_unix_s(), std::process::id());
    export::preflight(sink.as_ref(), &tag).map_err(failed)
}

fn list(context: &Context) -> Result<(), CommandError> {
    let store = context.read()?;
    let columns = vec![
        Column::text("name"),
        Column::text("url"),
        Column::text("audience"),
        Column::count("rows_per_file"),
        Column::text("shape"),
        Column::text("per"),
        Column::text("dialect"),
        Column::text("naming"),
    ];
    let mut table = Table::new("billkeep.sink.list/1", columns);
    for sink in storage::sinks(&store.read()?)? {
        let options = sink.options()?;
        table.rows.push(vec![
            sink.name,
            sink.url,
            sink.audience.to_string(),
            options.rows_per_file.to_string(),
            options.form.shape.to_string(),
            options.form.per.to_string(),
            options.form.dialect.to_string(),
            options.naming.to_string(),
        ]);
    }
    table.print(context.format)
}
