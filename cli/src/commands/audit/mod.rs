//! `audit`: the journal.

mod witness;

use std::path::PathBuf;

use billkeep_core::audit;

use billkeep_core::error::Kind;

use crate::args::{Audit, AuditList, Format};
use crate::context::Context;
use crate::error::CommandError;
use crate::output::{self, Column, Table, columns, wrapped};
use billkeep_core::engine::{EntryFilter, JournalEntry, Records, StoreSettings};
use billkeep_core::values::hex;

/// How wide entries are written for people.
const WIDTH: usize = 80;
/// How far what there is to say of an entry is set in.
const INDENT: usize = 7;

pub(crate) fn run(context: &Context, command: &Audit) -> Result<(), CommandError> {
    let store = context.read()?;
    let reader = store.read()?;
    match command {
        Audit::List(wanted) => {
            let entries = JournalEntry::select(&reader, &filter(wanted, &reader)?)?;
            match context.format {
                Format::Table => context.data(for_people(&entries).as_bytes()),
                _ => context.print(&table(&entries)),
            }
        }
        Audit::Verify { expect, witness } => verify(context, &reader, *expect, witness),
    }
}

fn filter(wanted: &AuditList, store: &impl Records) -> Result<EntryFilter, CommandError> {
    let offset = StoreSettings::of(store)?.zone.offset_minutes();
    Ok(EntryFilter {
        actor: wanted.actor.clone(),
        action: wanted.action.clone(),
        subject: wanted.subject.clone(),
        since_unix_s: wanted.since.map(|day| day.start_unix_s(offset)),
        until_unix_s: wanted.until.and_then(|day| day.next()).map(|day| day.start_unix_s(offset)),
        newest: wanted.limit,
    })
}

/// Writes entries as people read them: a line that tells who did what, and below it what there is to say.
fn for_people(entries: &[JournalEntry]) -> String {
    let mut text = String::new();
    for entry in entries {
        let what =
            format!("{}  {}: {} {}", output::time(entry.at_unix_s), entry.actor, entry.action, entry.subject);
        let mut number = format!("{:>5}", entry.number);
        let reason = entry.reason.as_ref().map(|reason| format!("reason: {reason}"));
        let said = [Some(what), Some(entry.detail.clone()).filter(|d| !d.is_empty()), reason];
        for line in said.iter().flatten().flat_map(|said| wrapped(said, WIDTH - INDENT)) {
            text.push_str(format!("{number:INDENT$}{line}").trim_end());
            text.push('\n');
            number.clear();
        }
    }
    text
}

fn table(entries: &[JournalEntry]) -> Table {
    let texts =
        ["at", "actor", "action", "subject", "detail", "before", "after", "reason", "previous", "hash"];
    let columns = std::iter::once(Column::count("entry")).chain(texts.map(Column::text)).collect();
    let mut table = Table::new("billkeep.audit.list/1", columns);
    let digest = |digest: &Option<[u8; 32]>| digest.as_ref().map_or_else(String::new, |d| hex(d));
    for entry in entries {
        table.rows.push(vec![
            entry.number.to_string(),
            output::time(entry.at_unix_s),
            entry.actor.clone(),
            entry.action.clone(),
            entry.subject.clone(),
            entry.detail.clone(),
            digest(&entry.before),
            digest(&entry.after),
            entry.reason.clone().unwrap_or_default(),
            hex(&entry.previous),
            hex(&entry.hash),
        ]);
    }
    table
}

fn verify(
    context: &Context,
    store: &impl Records,
    expect: Option<[u8; 32]>,
    witnesses: &[PathBuf],
) -> Result<(), CommandError> {
    let (proof, covered) = audit::verify(store)?;
    let (entries, last) = (proof.entries, hex(&proof.last));
    let noted = match expect {
        None => None,
        Some(hash) => Some(JournalEntry::number_of(store, &hash)?.ok_or_else(|| {
            CommandError::new(
                Kind::Damaged,
                format!(
                    "the journal has {entries} entries that follow from each other, and none of them has the hash `{}`: \
                     it was cut or written anew after that was noted, or it is another store's",
                    hex(&hash)
                ),
            )
            .hint("restore a copy of the file from before, and look for who could write to it since")
        })?),
    };
    let told = witness::ask(store, witnesses)?;
    if context.format != Format::Table {
        let columns = columns(
            "entries:count last_hash noted_entry:count recorded_from_entry:count commits_since:count",
        );
        let mut table = Table::new("billkeep.audit.verify/1", columns);
        let number = |number: Option<u64>| number.map_or_else(String::new, |number| number.to_string());
        let (from, since) = (number(covered.from_entry), covered.commits_since.to_string());
        table.rows.push(vec![entries.to_string(), last, number(noted), from, since]);
        return context.print(&table);
    }
    context.say(&format!("The journal is whole: {entries} entries, none altered, none missing."));
    context.say(&match covered.from_entry {
        Some(1) => "The store is what the journal records: every record of every table.".to_owned(),
        Some(entry) => format!(
            "The store is what the journal records from entry {entry} on: every record of every table. What was there before is not proven."
        ),
        None => "The journal does not record yet what the tables hold: an earlier version wrote this store. The next change records it."
            .to_owned(),
    });
    if covered.commits_since > 0 {
        context.say(&format!(
            "Commits without an entry since the last one: {}. These are steps of deliveries, notices and counters.",
            covered.commits_since
        ));
    }
    if let Some(number) = noted {
        context
            .say(&format!("The hash that was noted is that of entry {number}: all up to it is as it was."));
    }
    if !witnesses.is_empty() {
        context.say(&format!(
            "Witnesses: {}. The journal has the entry that each of them names, and the last of these is entry {}.",
            told.count, told.last
        ));
        if told.silent > 0 {
            context.say(&format!("Files of earlier versions, which name no entry: {}.", told.silent));
        }
    }
    context.say(&format!(
        "The last hash is {last}.\nNote it outside of the store: `billkeep audit verify --expect HASH` finds a journal written anew."
    ));
    Ok(())
}
