//! `store`: the file itself.

use billkeep_core::bill;
use billkeep_core::check::Checked;
use billkeep_core::store::{Read, Table};

use crate::args::StoreFile;
use crate::context::Context;
use crate::error::CommandError;
use crate::output::{Column, Table as Shown, counted};

pub(crate) fn run(context: &Context, command: &StoreFile) -> Result<(), CommandError> {
    match command {
        StoreFile::Check => check(context),
        StoreFile::Stats => stats(context),
    }
}

fn check(context: &Context) -> Result<(), CommandError> {
    let checked = whole(context).map_err(CommandError::of_check)?;
    context.say(&format!(
        "The store is whole: every page as it was written; {} in {}, every sum and digest recomputed; {} in the journal, and every record as they record it.",
        crate::output::lines(checked.lines),
        counted(checked.bills, "bill", "bills"),
        counted(checked.entries, "entry", "entries")
    ));
    if let Some(mode) = context.open_to_others() {
        let path = context.store.display();
        context.say(&format!(
            "warning: `{path}` has mode {mode}: other users of this machine can read it; `chmod 600 {path}` keeps it to you"
        ));
    }
    Ok(())
}

fn whole(context: &Context) -> Result<Checked, CommandError> {
    context.check_pages()?;
    let store = context.read()?;
    Ok(billkeep_core::check::check(&store.read()?, context.thread_count())?)
}

fn stats(context: &Context) -> Result<(), CommandError> {
    let store = context.read()?;
    let reader = store.read()?;
    let count = |table: Table| -> Result<String, CommandError> {
        let mut n = 0_u64;
        reader.scan_bytes(table, &[], &mut |_, _| {
            n += 1;
            Ok(true)
        })?;
        Ok(n.to_string())
    };
    let lines: u64 = bill::list(&reader)?.iter().map(|(_, r)| r.lines()).sum();
    let bytes = std::fs::metadata(store.path())?.len();
    let mut table = Shown::new("billkeep.store.stats/1", vec![Column::text("what"), Column::count("count")]);
    table.rows = vec![
        vec!["bytes".into(), bytes.to_string()],
        vec!["bills".into(), count(Table::Bills)?],
        vec!["lines".into(), lines.to_string()],
        vec!["revisions".into(), count(Table::Revisions)?],
        vec!["loads".into(), count(Table::Loads)?],
        vec!["segments".into(), count(Table::Segments)?],
        vec!["deliveries".into(), count(Table::Deliveries)?],
        vec!["journal".into(), count(Table::Journal)?],
    ];
    context.print(&table)
}
