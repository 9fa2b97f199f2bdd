//! `sink`: where exports go.

use std::collections::BTreeMap;
use std::sync::Arc;

use billkeep_core::delivery::{DeliveryError, Destination};
use billkeep_core::export::{self, Audience, Dialect};
use billkeep_core::journal;
use billkeep_core::sink::{Sink, SinkError};
use billkeep_core::storage::{self, Places, SinkRecord};
use billkeep_core::store::Records;
use billkeep_sinks::conformance::{self, Answer, Subject, Weight};
use billkeep_sinks::wasm::PluginFile;
use billkeep_sinks::{Options, SealAndSign};

use super::plugin;
use crate::args::{Format, Sink as Command};
use crate::context::Context;
use crate::error::CommandError;
use crate::out_file::must_not_be_a_store;
use crate::output::{Column, Table};

pub(crate) fn run(context: &Context, command: Command) -> Result<(), CommandError> {
    match command {
        Command::Add { name, what, create_bucket, shared } => {
            let (url, mut options) = (plugin::absolute(&what.url)?, self::options(&what.options)?);
            let file = plugin::grant(&url, &what.grants, &mut options)?;
            let record = record(context, name, url, options, what.audience)?;
            {
                let store = context.read()?;
                let reader = store.read()?;
                storage::may_add(&reader, &record, &places(&reader, Some(&record))?, shared)?;
            }
            if let Some(file) = &file {
                plugin::show_before_trusting(context, file, &record)?;
            }
            if create_bucket {
                let of_sink = record.options()?.of_sink;
                billkeep_sinks::create_bucket(&record.url, &of_sink, &env)
                    .map_err(|error| DeliveryError::Sink { sink: record.name.clone(), error })?;
            }
            add(context, &record, file.as_ref(), shared)
        }
        Command::List => list(context),
        Command::Test { name, large } => test(context, &name, large),
        Command::Remove { name } => {
            let store = context.write()?;
            let today = context.day(None, &store.read()?)?;
            store.transact(|tx| storage::remove_sink(tx, &name, today, &context.actor()))?;
            context.say(&format!("Removed sink `{name}`; what was delivered stays there."));
            Ok(store.close()?)
        }
    }
}

/// Reads options, written as NAME=VALUE.
pub(super) fn options(words: &[String]) -> Result<Options, CommandError> {
    let mut by_name = BTreeMap::new();
    for option in words {
        let (name, value) = option
            .split_once('=')
            .ok_or_else(|| CommandError::user(format!("`{option}`: write an option as NAME=VALUE")))?;
        if by_name.insert(name.to_owned(), value.to_owned()).is_some() {
            return Err(CommandError::user(format!("`{option}`: `{name}` was given before")));
        }
    }
    Ok(by_name)
}

/// Makes a sink's record of what was said of it.
pub(crate) fn record(
    context: &Context,
    name: String,
    url: String,
    options: Options,
    audience: Audience,
) -> Result<SinkRecord, CommandError> {
    let record = SinkRecord { name, url, audience, options };
    let of_sink = record.options()?.of_sink;
    billkeep_sinks::check(&record.url, &of_sink).map_err(|e| CommandError::user(e.to_string()))?;
    if let Some(folder) = billkeep_sinks::folder(&record.url) {
        must_not_be_a_store(context, &folder, &folder)?;
    }
    Ok(record)
}

/// Returns where sinks are, each place in one spelling.
pub(super) fn places(store: &impl Records, new: Option<&SinkRecord>) -> Result<Places, CommandError> {
    let place = |sink: &SinkRecord| {
        sink.options().map_or_else(|_| sink.url.clone(), |o| billkeep_sinks::place(&sink.url, &o.of_sink))
    };
    Ok(Places::of(store, new, place)?)
}

/// Opens a sink as it was set up.
pub(crate) fn open(record: &SinkRecord) -> Result<Box<dyn Sink>, SinkError> {
    let options = record.options().map_err(|e| SinkError::Setup(e.to_string()))?;
    open_at(&record.url, &options.of_sink)
}

/// Opens a sink as it was set up, of a plugin's file that was read before if there is one.
pub(crate) fn opened(record: &SinkRecord, file: Option<&PluginFile>) -> Result<Box<dyn Sink>, SinkError> {
    let Some(file) = file else { return open(record) };
    let options = record.options().map_err(|e| SinkError::Setup(e.to_string()))?;
    billkeep_sinks::open_plugin(file, &options.of_sink, plugin::listener(), &env)
}

/// Opens what a URL names; what a plugin says is told.
fn open_at(url: &str, options: &Options) -> Result<Box<dyn Sink>, SinkError> {
    billkeep_sinks::open_with_listener(url, options, plugin::listener(), &env)
}

/// Credentials come from here, and from files.
pub(super) fn env(name: &str) -> Option<String> {
    std::env::var(name).ok()
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

/// Asks a destination everything, below a folder of its own that is gone afterwards, and keeps what it can.
fn test(context: &Context, name: &str, large: bool) -> Result<(), CommandError> {
    let store = context.write()?;
    let record = storage::sink(&store.read()?, name)?;
    let options = record.options()?.of_sink;
    let stage = context.stage().join(format!("probe-{}", std::process::id()));
    // What is not there is not made, and not tried.
    open(&record).map_err(|error| DeliveryError::Sink { sink: name.to_owned(), error })?;
    super::staged(context, &stage)?;
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
    let columns = ["case", "weight", "answer", "what", "seen"].map(Column::text);
    let mut table = Table::new("billkeep.sink.test/1", columns.to_vec());
    let mut can = BTreeMap::new();
    let mut causes: Vec<(&str, &str)> = Vec::new();
    // In the table, a reason that several cases have stands in one sentence below it.
    let shared = if context.format == Format::Table { not_tried(&outcomes) } else { BTreeMap::new() };
    for outcome in &outcomes {
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
    table.print(context)?;
    for (why, cases) in &shared {
        context.say(&format!("{cases} cases were not tried: {why}."));
    }
    let create_only = can.get("create-only") == Some(&true);
    store.transact(|tx| storage::put_probe(tx, name, can, &context.actor()))?;
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

/// Opens a sink to deliver to it.
pub(crate) fn destination(record: SinkRecord) -> Result<Destination, DeliveryError> {
    match open_to_deliver(&record, &record.options()?.of_sink) {
        Ok((sink, SealAndSign { seal, sign })) => Ok(Destination { record, sink, seal, sign }),
        Err(error) => Err(DeliveryError::Sink { sink: record.name, error }),
    }
}

fn open_to_deliver(
    record: &SinkRecord,
    options: &Options,
) -> Result<(Box<dyn Sink>, SealAndSign), SinkError> {
    Ok((open_at(&record.url, options)?, billkeep_sinks::seal_and_sign(options)?))
}

fn add(
    context: &Context,
    record: &SinkRecord,
    file: Option<&PluginFile>,
    shared: bool,
) -> Result<(), CommandError> {
    let store = context.write()?;
    let waiting = file.map(|file| plugin::compiling(context, file));
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
    storage::may_add(&reader, record, &places(&reader, Some(record))?, shared)?;
    drop(reader);
    store.transact(|tx| storage::add_sink(tx, record, &context.actor()))?;
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

/// Tries a sink with a probe. It has the same name each time, so that the next one finds and removes what a killed one left; no other
/// store has that name.
pub(crate) fn preflight(store: &impl Records, record: &SinkRecord) -> Result<(), CommandError> {
    let failed = |error| CommandError::from(DeliveryError::Sink { sink: record.name.clone(), error });
    let sink = open(record).map_err(failed)?;
    let tag = journal::first(store)?.map_or_else(|| "new".to_owned(), |first| first.hex());
    export::preflight(sink.as_ref(), tag.get(..16).unwrap_or(&tag)).map_err(failed)
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
        Column::text("create_only"),
    ];
    let mut table = Table::new("billkeep.sink.list/1", columns);
    let reader = store.read()?;
    for sink in storage::sinks(&reader)? {
        let options = sink.options()?;
        let probe = storage::probed(&reader, &sink)?;
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
    table.print(context)
}
