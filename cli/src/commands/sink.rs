//! `sink`: where exports go.

use std::collections::BTreeMap;
use std::sync::Arc;

use billkeep_sinks::conformance::{self, Answer, Subject, Weight};
use billkeep_sinks::wasm::PluginFile;

use super::open_sink::{self, open, open_at, opened, places, record};
use super::plugin_grants;
use crate::args::{Format, Sink as Command};
use crate::context::Context;
use crate::error::CommandError;
use crate::output::{Table, columns};

use billkeep_core::deliveries::{DeliveryError, Probe, SinkRecord};
use billkeep_core::exports::{Audience, Sink, SinkError};
use billkeep_core::formats::Dialect;

pub(crate) fn run(context: &Context, command: Command) -> Result<(), CommandError> {
    match command {
        Command::Add { name, what, create_bucket, shared } => {
            let (url, mut options) =
                (plugin_grants::absolute(&what.url)?, open_sink::options(&what.options)?);
            let file = plugin_grants::grant(&url, &what.grants, &mut options)?;
            let record = record(context, name, url, options, what.audience)?;
            {
                let store = context.read()?;
                let reader = store.read()?;
                SinkRecord::may_add(&reader, &record, &places(&reader, Some(&record))?, shared)?;
            }
            if let Some(file) = &file {
                plugin_grants::show_before_trusting(context, file, &record)?;
            }
            if create_bucket {
                let of_sink = record.options()?.of_sink;
                billkeep_sinks::create_bucket(&record.url, &of_sink, &open_sink::env)
                    .map_err(|error| DeliveryError::Sink { sink: record.name.clone(), error })?;
            }
            add(context, &record, file.as_ref(), shared)
        }
        Command::List => list(context),
        Command::Test { name, large } => test(context, &name, large),
        Command::Remove { name } => {
            let store = context.write()?;
            let today = context.day(None, &store.read()?)?;
            store.transact(|tx| tx.remove_sink(&name, today, &context.actor()))?;
            context.say(&format!("Removed sink `{name}`; what was delivered stays there."));
            Ok(store.close()?)
        }
    }
}

/// A part that is sent in pieces.
const LARGE_BYTES: u64 = 65 << 20;

/// Returns what the server answered, without the name of the object that it was about.
fn cause_of(seen: &str) -> &str {
    seen.rsplit_once("`: ").or_else(|| seen.rsplit_once("put: ")).map_or(seen, |(_, cause)| cause)
}

/// Returns why cases were not tried, where several have the same reason, and how many those are.
fn not_tried(outcomes: &[conformance::CaseOutcome]) -> BTreeMap<&str, usize> {
    let mut reasons = BTreeMap::new();
    for outcome in outcomes {
        if let Answer::NotTried(why) = &outcome.answer {
            *reasons.entry(why.as_str()).or_insert(0) += 1;
        }
    }
    reasons.retain(|_, cases| *cases > 1);
    reasons
}

/// Returns the cases as a table, and which of them the sink can do. Reasons in `shared` are left out of the table.
fn cases(
    outcomes: &[conformance::CaseOutcome],
    shared: &BTreeMap<&str, usize>,
) -> (Table, BTreeMap<String, bool>) {
    let columns = columns("case weight answer what seen");
    let mut table = Table::new("billkeep.sink.test/1", columns);
    let mut can = BTreeMap::new();
    let mut causes: Vec<(&str, &str)> = Vec::new();
    for outcome in outcomes {
        let (answer, seen) = match &outcome.answer {
            Answer::Yes(seen) => ("yes", seen),
            Answer::No(seen) => ("no", seen),
            Answer::NotTried(seen) => ("not tried", seen),
        };
        if !matches!(outcome.answer, Answer::NotTried(_)) {
            can.insert(outcome.name.to_owned(), answer == "yes");
        }
        let weight = if outcome.weight == Weight::Must { "must" } else { "can" };
        // One cause is printed once.
        let first = causes.iter().find(|(_, cause)| *cause == cause_of(seen)).map(|(name, _)| *name);
        let seen = match (answer, first) {
            ("no", Some(name)) => format!("as `{name}`"),
            ("no", None) => {
                causes.push((outcome.name, cause_of(seen)));
                seen.clone()
            }
            ("not tried", _) if shared.contains_key(seen.as_str()) => String::new(),
            _ => seen.clone(),
        };
        let texts = [outcome.name, weight, answer, outcome.what, &seen];
        table.rows.push(texts.map(str::to_owned).to_vec());
    }
    (table, can)
}

/// Asks a destination everything, below a folder of its own that is gone afterwards, and keeps what it can.
fn test(context: &Context, name: &str, large: bool) -> Result<(), CommandError> {
    let store = context.write()?;
    let record = SinkRecord::get(&store.read()?, name)?;
    let options = record.options()?.of_sink;
    let stage = context.stage().join(format!("probe-{}", std::process::id()));
    // What is not there is not made, and not tried.
    open(&record).map_err(|error| DeliveryError::Sink { sink: name.to_owned(), error })?;
    context.stage_folder(&stage)?;
    let url = billkeep_sinks::below(
        &record.url,
        &format!("billkeep-probe-{}-{}", context.now_unix_s(), std::process::id()),
    );
    billkeep_sinks::create_folder(&url)
        .map_err(|error| DeliveryError::Sink { sink: name.to_owned(), error })?;
    // What one that remembers has put, only the same one knows.
    let remembers = open_at(&url, &options).ok().filter(|sink| sink.memory().is_some()).map(Arc::from);
    let open = || match &remembers {
        Some(sink) => Ok(Box::new(Arc::<dyn Sink>::clone(sink)) as Box<dyn Sink>),
        None => open_at(&url, &options),
    };
    let subject = Subject {
        open: &open,
        wrong_credentials: None,
        missing: None,
        full: None,
        stage: &stage,
        large_bytes: if large { LARGE_BYTES } else { 0 },
        many: 0,
    };
    if let Ok(sink) = open()
        && !sink.looks()
    {
        let _ = std::fs::remove_dir_all(&stage);
        sink.check().map_err(|error| DeliveryError::Sink { sink: name.to_owned(), error })?;
        context.say(&format!(
            "Sink `{name}` is there and lets us in. It cannot look at what it holds, so nothing was put; `billkeep plugin test` tries \
             the plugin itself."
        ));
        return Ok(store.close()?);
    }
    // Without a way in, every case would say the same.
    let outcomes = open().and_then(|sink| sink.list()).map(|_| conformance::run(&subject));
    let _ = std::fs::remove_dir_all(&stage);
    // Unless something else is staged there.
    let _ = std::fs::remove_dir(context.stage());
    billkeep_sinks::remove_empty(&url);
    let outcomes = outcomes.map_err(|error| DeliveryError::Sink { sink: name.to_owned(), error })?;
    // In the table, a reason that several cases have stands in one sentence below it.
    let shared = if context.format == Format::Table { not_tried(&outcomes) } else { BTreeMap::new() };
    let (table, can) = cases(&outcomes, &shared);
    context.print(&table)?;
    for (why, cases) in &shared {
        context.say(&format!("{cases} cases were not tried: {why}."));
    }
    let create_only = can.get("create-only") == Some(&true);
    store.transact(|tx| tx.put_probe(name, can, &context.actor()))?;
    store.close()?;
    let faults = outcomes.iter().filter(|outcome| outcome.is_fault()).count();
    if faults > 0 {
        return Err(CommandError::user(format!(
            "sink `{name}` at {} fails {faults} of the cases that every sink must pass",
            record.url
        )));
    }
    context.say(&format!("Sink `{name}` at {} does what every sink must.", record.url));
    context.say(if create_only {
        "It refuses a name that is taken, so two stores cannot write each other's manifests."
    } else {
        "It does not refuse a name that is taken at the same moment: deliver to it from one store only."
    });
    Ok(())
}

fn add(
    context: &Context,
    record: &SinkRecord,
    file: Option<&PluginFile>,
    shared: bool,
) -> Result<(), CommandError> {
    let store = context.write()?;
    let waiting = file.map(|file| plugin_grants::compiling(context, file));
    // This is where somebody names the folder: it is made now, and never later.
    if let Some(made) =
        billkeep_sinks::create_folder(&record.url).map_err(|e| CommandError::user(e.to_string()))?
    {
        context.say(&format!("Created the folder `{}`.", made.display()));
    }
    let seal_and_sign = billkeep_sinks::seal_and_sign(&record.options()?.of_sink);
    let opened = opened(record, file).and_then(|sink| Ok((sink, seal_and_sign?)));
    drop(waiting);
    if let Err(error) = opened.as_ref().map(drop)
        && !matches!(error, SinkError::Credentials(_))
    {
        return Err(CommandError::user(error.to_string()));
    }
    if record.options()?.reads_back && opened.as_ref().is_ok_and(|(sink, _)| !sink.looks()) {
        return Err(CommandError::user("`check=read`: this plugin cannot read back what it holds"));
    }
    let reader = store.read()?;
    // Only now is there a folder that links can lead to.
    SinkRecord::may_add(&reader, record, &places(&reader, Some(record))?, shared)?;
    drop(reader);
    store.transact(|tx| tx.add_sink(record, &context.actor()))?;
    context.say(&format!("Added sink `{}` at {}.", record.name, record.url));
    if record.audience == Audience::Customer && record.options()?.form.dialect == Dialect::Plain {
        context.say("hint: for people who open bills in Excel, a sink has `--option dialect=spreadsheet`");
    }
    // The program that delivers may have what this one has not.
    if let Err(SinkError::Credentials(why)) = &opened.map(drop) {
        context.say(&format!("It cannot be used from here yet: {why}."));
    }
    Ok(store.close()?)
}

fn list(context: &Context) -> Result<(), CommandError> {
    let store = context.read()?;
    let columns = columns("name url audience rows_per_file:count shape per dialect naming create_only");
    let mut table = Table::new("billkeep.sink.list/1", columns);
    let reader = store.read()?;
    for sink in SinkRecord::list(&reader)? {
        let options = sink.options()?;
        let probe = Probe::find(&reader, &sink)?;
        let create_only = match probe.and_then(|probe| probe.can.get("create-only").copied()) {
            Some(true) => "yes",
            Some(false) => "no",
            None => "not tried",
        };
        table.rows.push(vec![
            sink.name,
            sink.url,
            sink.audience.to_string(),
            options.rows_per_file.to_string(),
            options.form.shape.to_string(),
            options.form.per.to_string(),
            options.form.dialect.to_string(),
            options.naming.to_string(),
            create_only.to_owned(),
        ]);
    }
    context.print(&table)
}
