//! `store`: the file itself.

use crate::args::StoreFile;
use crate::context::Context;
use crate::error::CommandError;
use crate::output::{Column, Table as Shown, counted};
use billkeep_core::audit::Counts;
use billkeep_core::audit::StoreCheck;
use billkeep_core::bills::Bill;

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

fn whole(context: &Context) -> Result<StoreCheck, CommandError> {
    context.check_pages()?;
    let store = context.read()?;
    Ok(StoreCheck::run(&store.read()?, context.thread_count())?)
}

fn stats(context: &Context) -> Result<(), CommandError> {
    let store = context.read()?;
    let reader = store.read()?;
    let counts = Counts::of(&reader)?;
    let lines: u64 = Bill::list(&reader)?.iter().map(|(_, r)| r.lines()).sum();
    let bytes = std::fs::metadata(store.path())?.len();
    let mut table = Shown::new("billkeep.store.stats/1", vec![Column::text("what"), Column::count("count")]);
    table.rows = vec![
        vec!["bytes".into(), bytes.to_string()],
        vec!["bills".into(), counts.bills.to_string()],
        vec!["lines".into(), lines.to_string()],
        vec!["revisions".into(), counts.revisions.to_string()],
        vec!["loads".into(), counts.loads.to_string()],
        vec!["segments".into(), counts.segments.to_string()],
        vec!["deliveries".into(), counts.deliveries.to_string()],
        vec!["journal".into(), counts.entries.to_string()],
    ];
    context.print(&table)
}
