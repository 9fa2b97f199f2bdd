//! `bill revisions`: what a bill has been, and by which files.

use crate::args::{Format, Which};
use crate::context::Context;
use crate::error::CommandError;
use crate::output::{self, Table, columns};
use crate::text::short;
use billkeep_core::bills::{Bill, Load, Revision};
use billkeep_core::values::hex;

/// A row for each revision, file and currency: several files make one revision.
pub(super) fn run(context: &Context, which: &Which) -> Result<(), CommandError> {
    let store = context.read()?;
    let reader = store.read()?;
    let key = context.bill_key(&reader, which.month, which.basis)?;
    let current = Bill::get(&reader, key)?.revision;
    let columns = columns(
        "revision:count parent:count time actor digest lines:count currency total:amount files:wide sha256:wide",
    );
    let mut table = Table::new("billkeep.bill.revisions/1", columns);
    table.more = vec![
        ("month", which.month.to_string().into()),
        ("basis", which.basis.to_string().into()),
        ("current", current.into()),
    ];
    for revision in Revision::list(&reader, key)? {
        let (mut files, mut hashes) = (Vec::new(), Vec::new());
        for load in Load::list_of(&reader, &revision)? {
            files.push(load.file.name);
            hashes.push(hex(&load.file.sha256));
        }
        let digest = revision.digest.hex();
        for sums in &revision.sums {
            table.rows.push(vec![
                revision.number.to_string(),
                revision.previous.to_string(),
                output::time(revision.at_unix_s),
                revision.actor.clone(),
                if context.format == Format::Table { short(&digest).to_owned() } else { digest.clone() },
                sums.lines.to_string(),
                sums.currency.clone(),
                sums.total().to_string(),
                files.join(" "),
                hashes.join(" "),
            ]);
        }
    }
    context.print(&table)
}
