//! Sinks as they were set up: their records, and how they are opened. Every command that delivers or looks at a sink opens it here.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use billkeep_sinks::wasm::{Listener, PluginFile};
use billkeep_sinks::{Options, SealAndSign};

use crate::context::Context;
use crate::error::CommandError;
use crate::out_file::must_not_be_a_store;
use crate::output;

use billkeep_core::deliveries::{DeliveryError, Destination, SinkPlaces, SinkRecord};
use billkeep_core::engine::{JournalHead, Records};
use billkeep_core::exports;
use billkeep_core::exports::{Audience, Sink, SinkError};

/// Says whether all that plugins say is shown, or only what matters.
static HEARD: AtomicBool = AtomicBool::new(false);

/// Shows all that plugins say from now on.
pub(super) fn show_all_plugin_lines() {
    HEARD.store(true, Ordering::Relaxed);
}

/// Shows people what a plugin says.
fn listener() -> Option<Listener> {
    Some(Arc::new(|line| {
        if HEARD.load(Ordering::Relaxed) || ["warn", "error"].contains(&line.level) {
            output::words(&format!("  plugin, {}: {}", line.level, line.text));
        }
    }))
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

/// Makes a sink's record of its name, URL, options and audience, and checks them.
pub(super) fn record(
    context: &Context,
    name: String,
    url: String,
    options: Options,
    audience: Audience,
) -> Result<SinkRecord, CommandError> {
    let record = SinkRecord { name, url, audience, options };
    let of_sink = record.options()?.of_sink;
    billkeep_sinks::check(&record.url, &of_sink)?;
    if let Some(folder) = billkeep_sinks::folder(&record.url) {
        must_not_be_a_store(context, &folder, &folder)?;
    }
    Ok(record)
}

/// Returns where sinks are, each place in one spelling.
pub(super) fn places(store: &impl Records, new: Option<&SinkRecord>) -> Result<SinkPlaces, CommandError> {
    let place = |sink: &SinkRecord| {
        sink.options().map_or_else(|_| sink.url.clone(), |o| billkeep_sinks::place(&sink.url, &o.of_sink))
    };
    Ok(SinkPlaces::of(store, new, place)?)
}

/// Opens a sink as it was set up.
pub(super) fn open(record: &SinkRecord) -> Result<Box<dyn Sink>, SinkError> {
    let options = record.options().map_err(|e| SinkError::Setup(e.to_string().into()))?;
    open_at(&record.url, &options.of_sink)
}

/// Opens a sink as it was set up, of a plugin's file that was read before if there is one.
pub(super) fn opened(record: &SinkRecord, file: Option<&PluginFile>) -> Result<Box<dyn Sink>, SinkError> {
    let Some(file) = file else { return open(record) };
    let options = record.options().map_err(|e| SinkError::Setup(e.to_string().into()))?;
    billkeep_sinks::open_plugin(file, &options.of_sink, listener(), &env)
}

/// Opens the sink of a URL. Messages of a plugin go to the user.
pub(super) fn open_at(url: &str, options: &Options) -> Result<Box<dyn Sink>, SinkError> {
    billkeep_sinks::open_with_listener(url, options, listener(), &env)
}

/// Credentials come from here, and from files.
pub(super) fn env(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Opens a sink to deliver to it.
pub(super) fn destination(record: SinkRecord) -> Result<Destination, DeliveryError> {
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

/// Tries a sink with a probe. It has the same name each time, so that the next one finds and removes what a killed one left; no other
/// store has that name.
pub(super) fn preflight(store: &impl Records, record: &SinkRecord) -> Result<(), CommandError> {
    let failed = |error| CommandError::from(DeliveryError::Sink { sink: record.name.clone(), error });
    let sink = open(record).map_err(failed)?;
    let tag = JournalHead::first(store)?.map_or_else(|| "new".to_owned(), |first| first.hex());
    exports::preflight(sink.as_ref(), tag.get(..16).unwrap_or(&tag)).map_err(failed)
}
