//! `storage`: whose bills are stored, and where.

use std::collections::BTreeMap;

use crate::args::{AllowArgs, Bound, ConsentArgs, EnableArgs, Storage, SwitchArgs};
use crate::context::Context;
use crate::error::CommandError;
use crate::output::{Column, Table, columns};

use super::open_sink;

use billkeep_core::deliveries::{
    After, Consent, Delivery, Enable, SinkPlaces, SinkRecord, Statement, Stop, StorageAccount, StorageSteps,
    Switch, Target,
};
use billkeep_core::engine::{DatedChange, Records, StoreSettings};
use billkeep_core::exports::Audience;
use billkeep_core::formats::BillKind;
use billkeep_core::values::{Day, Uin};

pub(crate) fn run(context: &Context, command: Storage) -> Result<(), CommandError> {
    match command {
        Storage::Status { uin, on } => status(context, uin, on),
        Storage::History { uin } => history(context, uin),
        Storage::Allow { what, until } => allow(context, &what, until),
        Storage::Deny(what) => deny(context, &what),
        Storage::Authorize(what) => consent(context, &what, true),
        Storage::Revoke(what) => consent(context, &what, false),
        Storage::Enable(what) => enable(context, what),
        Storage::Disable { uin, kinds, yes, from, reason } => {
            if !yes {
                ask(uin)?;
            }
            disable(context, uin, kinds.as_deref(), from, reason.as_deref())
        }
        Storage::Switch(what) => switch(context, what),
    }
}

fn words(kinds: &[BillKind]) -> String {
    kinds.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn allow(context: &Context, what: &AllowArgs, until: Option<Day>) -> Result<(), CommandError> {
    let store = context.write()?;
    let said = Statement { actor: &context.actor(), reason: what.reason.as_deref() };
    store.transact(|tx| tx.allow_kinds(what.uin, &what.kinds, until, said))?;
    let until = until.map_or_else(String::new, |day| format!(" until {day}"));
    context.say(&format!(
        "Account {} is on the allowlist for {} bills{until}.",
        what.uin,
        words(&what.kinds)
    ));
    Ok(store.close()?)
}

fn deny(context: &Context, what: &AllowArgs) -> Result<(), CommandError> {
    let store = context.write()?;
    let said = Statement { actor: &context.actor(), reason: what.reason.as_deref() };
    store.transact(|tx| tx.deny_kinds(what.uin, &what.kinds, said))?;
    context.say(&format!(
        "Account {} is off the allowlist for {} bills; nothing new is written.",
        what.uin,
        words(&what.kinds)
    ));
    Ok(store.close()?)
}

fn consent(context: &Context, what: &ConsentArgs, given: bool) -> Result<(), CommandError> {
    let ConsentArgs { uin, sink, custom_bills, reason } = what;
    let store = context.write()?;
    let today = context.day(None, &store.read()?)?;
    let actor = context.actor();
    let said = Statement { actor: &actor, reason: reason.as_deref() };
    let consent = if *custom_bills { Consent::CustomBills } else { Consent::Storing };
    let of = sink.as_ref().map_or_else(String::new, |name| format!(" for sink `{name}`"));
    let to = if *custom_bills { "custom bills" } else { "the storing role" };
    if given {
        store.transact(|tx| tx.authorize_storage(*uin, consent, sink.as_deref(), today, said))?;
        context.say(&format!("Account {uin} has granted {to}{of}."));
    } else {
        store.transact(|tx| tx.revoke_storage(*uin, consent, sink.as_deref(), said))?;
        context.say(&format!("Account {uin} has revoked {to}{of}; nothing new is written."));
    }
    Ok(store.close()?)
}

/// The sink that is made on the way, if one is.
fn to_create(context: &Context, bound: &Bound) -> Result<Option<SinkRecord>, CommandError> {
    let Some(url) = &bound.create else { return Ok(None) };
    let options = open_sink::options(&bound.options)?;
    open_sink::record(context, bound.sink.clone(), url.clone(), options, bound.audience).map(Some)
}

/// Returns where sinks are; a new one is at a place of its own.
fn places(store: &impl Records, bound: &Bound, new: Option<&SinkRecord>) -> Result<SinkPlaces, CommandError> {
    let places = open_sink::places(store, new)?;
    if let Some(new) = new {
        SinkRecord::may_add(store, new, &places, bound.shared)?;
    }
    Ok(places)
}

/// Tries the sink before bills go there.
fn try_sink(
    context: &Context,
    store: &impl Records,
    bound: &Bound,
    new: Option<&SinkRecord>,
) -> Result<(), CommandError> {
    match new {
        Some(record) => {
            let made =
                billkeep_sinks::create_folder(&record.url).map_err(|e| CommandError::user(e.to_string()))?;
            if let Some(made) = made {
                context.say(&format!("Created the folder `{}`.", made.display()));
            }
            open_sink::preflight(store, record)
        }
        None => open_sink::preflight(store, &SinkRecord::get(store, &bound.sink)?),
    }
}

fn enable(context: &Context, what: EnableArgs) -> Result<(), CommandError> {
    let EnableArgs { bound, kinds, lines, custom_bills, allow, authorize, from } = what;
    let steps = StorageSteps { allow, authorise: authorize };
    let new = to_create(context, &bound)?;
    let store = context.write()?;
    let reader = store.read()?;
    let today = context.day(None, &reader)?;
    let (uin, sink) = (bound.uin, bound.sink.clone());
    let places = places(&reader, &bound, new.as_ref())?;
    let (after, shared) = (bound.after, bound.shared);
    let wanted = Enable { uin, sink, kinds, lines, after, places, shared, custom_bills, from };
    let said = Statement { actor: &context.actor(), reason: bound.reason.as_deref() };
    store.may_enable_storage_from_start(&wanted, steps, new.as_ref(), today, said)?;
    try_sink(context, &reader, &bound, new.as_ref())?;
    drop(reader);
    let begun =
        store.transact(|tx| tx.enable_storage_from_start(&wanted, steps, new.as_ref(), today, said))?;
    let taken = [(allow, "on the allowlist"), (authorize, "authorised")];
    let taken: Vec<&str> = taken.iter().filter(|(taken, _)| *taken).map(|(_, what)| *what).collect();
    if !taken.is_empty() {
        context.say(&format!("Account {uin} is {}.", taken.join(" and ")));
    }
    let of_kind = |(kind, from): &(BillKind, Option<Day>)| match from {
        Some(from) => format!("{kind} from {from} on"),
        None => kind.to_string(),
    };
    let kinds: Vec<String> = begun.iter().map(of_kind).collect();
    context.say(&format!("Bills of account {uin} go to sink `{}`: {}.", wanted.sink, kinds.join(", ")));
    let begun: Vec<BillKind> = begun.into_iter().map(|(kind, _)| kind).collect();
    say_what_waits(context, &store.read()?, uin, &wanted.sink, &begun)?;
    Ok(store.close()?)
}

/// States which bills wait for the confirmation of their month.
fn say_what_waits(
    context: &Context,
    store: &impl Records,
    uin: Uin,
    sink: &str,
    kinds: &[BillKind],
) -> Result<(), CommandError> {
    let (account, record) = (StorageAccount::get(store, uin)?, SinkRecord::get(store, sink)?);
    let waits = |kind: &&BillKind| {
        let target = account.bindings.get(kind).and_then(|line| line.last()).map(|change| &change.value);
        target.is_some_and(|target| target.after(**kind, record.audience) == After::Confirmation)
    };
    let waiting: Vec<BillKind> = kinds.iter().filter(waits).copied().collect();
    if !waiting.is_empty() {
        context.say(&format!("They wait until their month is confirmed: {}.", words(&waiting)));
    }
    if waiting.contains(&BillKind::Daily) {
        context.say("A daily bill shows an open month; `--after issue` lets it leave unconfirmed.");
    }
    Ok(())
}

fn disable(
    context: &Context,
    uin: Uin,
    kinds: Option<&[BillKind]>,
    from: Option<Day>,
    reason: Option<&str>,
) -> Result<(), CommandError> {
    let store = context.write()?;
    let today = context.day(None, &store.read()?)?;
    let said = Statement { actor: &context.actor(), reason };
    let stop = from.map_or(Stop::AtOnce { today }, Stop::From);
    let ended = store.transact(|tx| tx.disable_storage(uin, kinds, stop, said))?;
    let from = from.map_or_else(|| " any more".to_owned(), |day| format!(" from {day} on"));
    context.say(&format!(
        "Bills of account {uin} are not stored{from}: {}. What was delivered stays.",
        words(&ended)
    ));
    Ok(store.close()?)
}

fn switch(context: &Context, what: SwitchArgs) -> Result<(), CommandError> {
    let SwitchArgs { bound, kinds, on } = what;
    let new = to_create(context, &bound)?;
    let store = context.write()?;
    let reader = store.read()?;
    let last = context.day(on, &reader)?;
    let places = places(&reader, &bound, new.as_ref())?;
    let (uin, sink, after, shared) = (bound.uin, bound.sink.clone(), bound.after, bound.shared);
    let wanted = Switch { uin, sink, kinds, last, after, places, shared };
    Switch::check(&reader, &wanted, new.as_ref())?;
    try_sink(context, &reader, &bound, new.as_ref())?;
    drop(reader);
    let said = Statement { actor: &context.actor(), reason: bound.reason.as_deref() };
    let switched = store.transact(|tx| tx.switch_storage(&wanted, new.as_ref(), said))?;
    let (uin, name) = (wanted.uin, &wanted.sink);
    let from = last.next().map_or_else(String::new, |day| day.to_string());
    context.say(&format!(
        "Bills of account {uin} go to sink `{name}` from {from} on: {}. What is due through {last} stays with the old one.",
        words(&switched)
    ));
    say_what_waits(context, &store.read()?, uin, name, &switched)?;
    Ok(store.close()?)
}

/// Asks before bills stop being stored; without a terminal, `--yes` has to be said.
fn ask(uin: Uin) -> Result<(), CommandError> {
    let refused = || {
        CommandError::new(
            billkeep_core::error::Kind::Refused,
            format!("storage of account {uin} was not disabled"),
        )
        .hint("say `--yes` to disable it")
    };
    let question = format!("Stop storing bills of account {uin}? What was delivered stays.");
    if crate::output::agreed(&question)? { Ok(()) } else { Err(refused()) }
}

fn day(day: Option<Day>) -> String {
    day.map_or_else(|| "-".to_owned(), |d| d.to_string())
}

fn status(context: &Context, uin: Option<Uin>, on: Option<Day>) -> Result<(), CommandError> {
    let store = context.read()?;
    let reader = store.read()?;
    let on = context.day(on, &reader)?;
    let payer = StoreSettings::of(&reader)?.payer;
    let accounts = match uin {
        Some(uin) => vec![StorageAccount::get(&reader, uin)?],
        None => StorageAccount::list(&reader)?,
    };
    let columns = [
        "uin",
        "kind",
        "allowed",
        "authorised",
        "custom_bills",
        "sink",
        "lines",
        "after",
        "from",
        "until",
        "next",
    ];
    let mut table = Table::new("billkeep.storage.status/2", columns.map(Column::text).to_vec());
    table.more = vec![("on", on.to_string().into())];
    let word = |yes: bool| if yes { "yes" } else { "no" }.to_owned();
    let readers: BTreeMap<String, Audience> =
        SinkRecord::list(&reader)?.into_iter().map(|sink| (sink.name, sink.audience)).collect();
    for account in accounts {
        let uin = account.uin;
        for kind in BillKind::ALL {
            if kind == BillKind::Reseller && uin != payer {
                continue;
            }
            let facts = account.facts(kind, on);
            let spans = account.bindings.get(&kind).map(|line| line.spans()).unwrap_or_default();
            let span = spans.iter().find(|span| span.holds_on(on)).filter(|_| facts.sink.is_some());
            let target = span.map(|span| &span.change.value);
            let lines = match target {
                Some(Target::Sink { lines, .. }) => lines.to_string(),
                _ => "-".to_owned(),
            };
            let after = match (target, facts.sink.and_then(|sink| readers.get(sink))) {
                (Some(target), Some(audience)) => target.after(kind, *audience).to_string(),
                _ => "-".to_owned(),
            };
            // As the console does: whoever is not on the allowlist is shown no way to enable.
            let next = if !facts.allowed {
                "-".to_owned()
            } else if !facts.authorised {
                format!("billkeep storage authorize {uin}")
            } else if facts.sink.is_none() {
                format!("billkeep storage enable {uin} --sink NAME --kinds {kind}")
            } else if kind == BillKind::Reseller && !facts.custom_bills {
                format!("billkeep storage authorize {uin} --custom-bills")
            } else {
                "-".to_owned()
            };
            let custom = if kind == BillKind::Reseller { word(facts.custom_bills) } else { "-".to_owned() };
            table.rows.push(vec![
                uin.to_string(),
                kind.to_string(),
                word(facts.allowed),
                word(facts.authorised),
                custom,
                facts.sink.unwrap_or("-").to_owned(),
                lines,
                after,
                day(span.and_then(|span| span.from)),
                day(span.and_then(|span| span.until)),
                next,
            ]);
        }
    }
    context.print(&table)
}

fn history(context: &Context, uin: Option<Uin>) -> Result<(), CommandError> {
    let store = context.read()?;
    let reader = store.read()?;
    let accounts = match uin {
        Some(uin) => vec![StorageAccount::get(&reader, uin)?],
        None => StorageAccount::list(&reader)?,
    };
    let delivered = Delivery::list(&reader)?;
    let columns = columns("uin what kind said sink from until delivered:count time:wide actor reason");
    let mut table = Table::new("billkeep.storage.history/1", columns);
    let none = || "-".to_owned();
    for account in accounts {
        let uin = account.uin.to_string();
        for (kind, line) in &account.allowed {
            for change in line.changes() {
                let said = if change.value { "allow" } else { "deny" };
                let words = [&uin, "allowlist", kind.word(), said, "-"];
                table.rows.push(said_row(words, none(), String::new(), change));
            }
        }
        for grant in &account.grants {
            for change in grant.given.changes() {
                let said = if change.value { "authorize" } else { "revoke" };
                let sink = grant.sink.as_deref().unwrap_or("all");
                let words = [&uin, &grant.consent.to_string(), "-", said, sink];
                table.rows.push(said_row(words, none(), String::new(), change));
            }
        }
        for (kind, line) in &account.bindings {
            let spans = line.spans();
            for change in line.changes() {
                // A change that a later one has replaced altogether holds on no day.
                let span = spans.iter().find(|span| std::ptr::eq(span.change, change));
                let said = match &change.value {
                    Target::Sink { after: Some(After::Confirmation), .. } => "store after confirmation",
                    Target::Sink { after: Some(After::Issue), .. } => "store after issue",
                    Target::Sink { after: None, .. } => "store",
                    Target::Off => "off",
                    Target::Stopped => "stop",
                };
                let until = span.map_or_else(|| "replaced".to_owned(), |span| day(span.until));
                let lies_there = |sink: &str| {
                    let of = |d: &&Delivery| {
                        let wanted = &d.plan.wanted;
                        (wanted.uin, wanted.kind, d.sink.as_str()) == (account.uin, *kind, sink)
                            && d.progress.is_delivered()
                            && span.is_some_and(|span| d.on.is_none_or(|on| span.holds_on(on)))
                    };
                    delivered.iter().filter(of).count().to_string()
                };
                let sink = change.value.sink();
                let words = [&uin, "binding", kind.word(), said, sink.unwrap_or("-")];
                table.rows.push(said_row(words, until, sink.map(lies_there).unwrap_or_default(), change));
            }
        }
    }
    context.print(&table)
}

/// A row of the history: what was said, until which day it holds, how many bills lie there, and who said it.
fn said_row<T>(words: [&str; 5], until: String, delivered: String, change: &DatedChange<T>) -> Vec<String> {
    let or_none = |text: &str| if text.is_empty() { "-".to_owned() } else { text.to_owned() };
    // Of what an earlier version has stored, the journal tells time and actor.
    let time = if change.at_unix_s == 0 { "-".to_owned() } else { crate::output::time(change.at_unix_s) };
    let mut row: Vec<String> = words.map(str::to_owned).to_vec();
    row.extend([day(change.from), until, delivered, time, or_none(&change.actor)]);
    row.push(or_none(change.reason.as_deref().unwrap_or_default()));
    row
}
