//! `sink`: where exports go.

use billkeep_core::storage::{self, SinkRecord};

use crate::args::{Audience, Sink};
use crate::context::Context;
use crate::error::CommandError;
use crate::output::{Column, Table};

pub(crate) fn run(context: &Context, command: Sink) -> Result<(), CommandError> {
    match command {
        Sink::Add { name, url, options, audience } => add(context, name, url, &options, audience),
        Sink::List => list(context),
        Sink::Remove { name } => {
            let store = context.write()?;
            storage::remove_sink(store.write()?, &name, &context.actor())?;
            context.say(&format!("Removed sink `{name}`; what was delivered stays there."));
            Ok(store.close()?)
        }
    }
}

fn add(
    context: &Context,
    name: String,
    url: String,
    options: &[String],
    audience: Audience,
) -> Result<(), CommandError> {
    let mut rows_per_file = None;
    for option in options {
        match option.split_once('=') {
            Some(("rows_per_file", n)) => {
                rows_per_file = Some(n.parse::<u64>().ok().filter(|n| *n > 0).ok_or_else(|| {
                    CommandError::user(format!("`{option}`: `{n}` is not a number of rows"))
                })?);
            }
            _ => {
                return Err(CommandError::user(format!("`{option}` is not an option of a sink"))
                    .hint("there is `rows_per_file=N`"));
            }
        }
    }
    billkeep_sinks::check(&url).map_err(|e| CommandError::user(e.to_string()))?;
    let store = context.write()?;
    let record = SinkRecord {
        name,
        url,
        rows_per_file,
        audience: match audience {
            Audience::Partner => storage::Audience::Partner,
            Audience::Customer => storage::Audience::Customer,
        },
    };
    // The folder is made now, so that a path that cannot be is told now.
    billkeep_sinks::open(&record.url).map_err(|e| CommandError::user(e.to_string()))?;
    storage::add_sink(store.write()?, &record, &context.actor())?;
    context.say(&format!("Added sink `{}` at {}.", record.name, record.url));
    Ok(store.close()?)
}

fn list(context: &Context) -> Result<(), CommandError> {
    let store = context.read()?;
    let columns = vec![
        Column::text("name"),
        Column::text("url"),
        Column::text("audience"),
        Column::count("rows_per_file"),
    ];
    let mut table = Table::new("billkeep.sink.list/1", columns);
    for sink in storage::sinks(&store.read()?)? {
        let audience = match sink.audience {
            storage::Audience::Partner => "partner",
            storage::Audience::Customer => "customer",
        };
        let rows = sink.rows_per_file.unwrap_or(billkeep_core::export::ROWS_PER_FILE);
        table.rows.push(vec![sink.name, sink.url, audience.to_owned(), rows.to_string()]);
    }
    table.print(context.format)
}
