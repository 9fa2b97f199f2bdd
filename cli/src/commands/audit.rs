//! `audit`: the journal.

use billkeep_core::journal;

use crate::args::Audit;
use crate::context::Context;
use crate::error::CommandError;
use crate::output::{Column, Table};

pub(crate) fn run(context: &Context, command: &Audit) -> Result<(), CommandError> {
    let store = context.read()?;
    let reader = store.read()?;
    match command {
        Audit::List => {
            let columns = vec![
                Column::count("entry"),
                Column::text("at"),
                Column::text("actor"),
                Column::text("action"),
                Column::text("subject"),
                Column::text("detail"),
            ];
            let mut table = Table::new("billkeep.audit.list/1", columns);
            for entry in journal::list(&reader)? {
                let at = chrono::DateTime::from_timestamp(entry.at_unix_s, 0).map_or_else(
                    || entry.at_unix_s.to_string(),
                    |at| at.format("%Y-%m-%dT%H:%M:%SZ").to_string(),
                );
                let row = [at, entry.actor, entry.action, entry.subject, entry.detail];
                table.rows.push(std::iter::once(entry.number.to_string()).chain(row).collect());
            }
            table.print(context.format)
        }
        Audit::Verify => {
            let entries = journal::verify(&reader)?;
            context.say(&format!("The journal is whole: {entries} entries, none altered, none missing."));
            Ok(())
        }
    }
}
