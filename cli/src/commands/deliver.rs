//! Delivering, for whichever command asks.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use billkeep_core::error::Kind;

use crate::context::Context;
use crate::error::CommandError;
use crate::output;
use crate::progress::Bar;
use crate::stop;

use billkeep_core::deliveries::{Delivery, Destination, DueItem, SinkRecord, StorageError, Ways, WhyNot};
use billkeep_core::engine::{ChunkCache, Records, Snapshot, Store};
use billkeep_core::exports::{SinkError, WantedExport};
use billkeep_core::partners::PriceBook;
use billkeep_core::values::Day;

/// Delivers one bill after another. Each sink is opened once: a bucket's connections serve all that goes there.
pub(super) struct Deliverer<'a> {
    context: &'a Context,
    store: &'a Store,
    cache: Option<ChunkCache>,
    opened: BTreeMap<String, Destination>,
}

impl<'a> Deliverer<'a> {
    pub(super) fn new(context: &'a Context, store: &'a Store) -> Deliverer<'a> {
        Deliverer { context, store, cache: context.chunk_cache(), opened: BTreeMap::new() }
    }

    /// Delivers what is due; nothing where it is not. What fails in delivering is told apart from what fails before.
    pub(super) fn due(
        &mut self,
        item: DueItem,
    ) -> Result<Option<Result<Delivery, CommandError>>, CommandError> {
        let (Ok(wanted), Some(sink)) = (item.verdict, item.sink) else { return Ok(None) };
        Ok(Some(self.deliver(&sink, wanted, item.asked.on)?))
    }

    fn deliver(
        &mut self,
        sink: &str,
        wanted: WantedExport,
        on: Day,
    ) -> Result<Result<Delivery, CommandError>, CommandError> {
        let Deliverer { context, store, cache, opened } = self;
        let to = match opened.entry(sink.to_owned()) {
            Entry::Occupied(opened) => opened.into_mut(),
            Entry::Vacant(place) => {
                let record = SinkRecord::get(&store.read()?, sink)?;
                match super::open_sink::destination(record.clone()) {
                    Ok(to) => place.insert(to),
                    Err(error) => {
                        store.record_cannot_deliver(&record, wanted, on, &error, &context.actor())?;
                        return Ok(Err(error.into()));
                    }
                }
            }
        };
        Ok(with_ways(context, cache.as_ref(), |ways| {
            Ok(store.deliver(to, wanted, on, ways, &context.actor())?)
        }))
    }

    pub(super) fn close(self) {
        if let Some(cache) = self.cache {
            cache.close();
        }
    }
}

/// Calls with how deliveries are made here.
pub(super) fn with_ways<T>(
    context: &Context,
    cache: Option<&ChunkCache>,
    call: impl FnOnce(&Ways<'_>) -> Result<T, CommandError>,
) -> Result<T, CommandError> {
    stop::listen()?;
    let (bar, stage) = (Bar::new(context.shows_progress()), context.stage());
    call(&Ways { render: context.render_settings(cache), stage: &stage, meter: &bar, at_once: false })
}

/// What a run has delivered, and the first thing that failed.
#[derive(Default)]
pub(super) struct RunResult {
    pub(super) delivered: Vec<Delivery>,
    pub(super) failed: Option<CommandError>,
}

impl RunResult {
    /// Tells and keeps what came of a delivery; what fails does not keep the rest from going.
    fn note(
        &mut self,
        context: &Context,
        store: &Store,
        result: Result<Delivery, CommandError>,
    ) -> Result<(), CommandError> {
        match result {
            Ok(delivery) => {
                context.say(&sentence(&store.read()?, &delivery)?);
                self.delivered.push(delivery);
            }
            Err(error) => {
                // The first is told at the end; what fails for the very same reason needs no words of its own.
                if self.failed.as_ref().is_some_and(|first| first.text() != error.text()) && !error.is_echo()
                {
                    context.say(&error.text());
                }
                self.failed.get_or_insert(error);
            }
        }
        Ok(())
    }

    /// Says whether somebody has asked to stop; nothing is begun any more then.
    fn stops(&mut self) -> bool {
        if stop::is_asked() {
            let error = || CommandError::new(Kind::Transient, SinkError::Stopped.to_string());
            self.failed.get_or_insert_with(|| error().hint("the same command goes on from there"));
        }
        stop::is_asked()
    }
}

/// Delivers all that is due, and then what earlier runs have begun and not finished.
pub(super) fn deliver_all(
    context: &Context,
    store: &Store,
    items: Vec<DueItem>,
    on: Day,
) -> Result<RunResult, CommandError> {
    let mut deliverer = Deliverer::new(context, store);
    let mut ran = RunResult::default();
    let due: Vec<WantedExport> =
        items.iter().filter_map(|item| item.verdict.as_ref().ok().copied()).collect();
    for item in items {
        if ran.stops() {
            break;
        }
        if let Some(result) = deliverer.due(item)? {
            ran.note(context, store, result)?;
        }
    }
    for begun in begun(&store.read()?, &due, on)? {
        if ran.stops() {
            break;
        }
        // What was wanted then, of the lines that there are now.
        if let Some(on) = begun.on {
            let result = deliverer.deliver(&begun.sink, begun.plan.wanted, on)?;
            ran.note(context, store, result)?;
        }
    }
    deliverer.close();
    Ok(ran)
}

/// Finds what was begun for a day up to this one, and the calendar does not ask for any more. What was to go to a sink that is not
/// there any more, or is somewhere else now, is told by `status`.
fn begun(store: &Snapshot, due: &[WantedExport], on: Day) -> Result<Vec<Delivery>, CommandError> {
    let mut begun = Vec::new();
    for delivery in Delivery::list(store)? {
        let of = |w: &WantedExport| (w.uin, w.kind, w.bill, w.coverage);
        let is_left = delivery.progress.is_pending()
            && delivery.on.is_some_and(|due_on| due_on <= on)
            && due.iter().all(|wanted| of(wanted) != of(&delivery.plan.wanted));
        if is_left && is_where_it_was(store, &delivery)? && !waits(store, &delivery)? {
            begun.push(delivery);
        }
    }
    Ok(begun)
}

/// Says whether a bill that was begun waits for somebody's decision by now; `due` tells for which.
fn waits(store: &Snapshot, delivery: &Delivery) -> Result<bool, CommandError> {
    let Some(on) = delivery.on else { return Ok(false) };
    let record = SinkRecord::get(store, &delivery.sink)?;
    let way = Delivery::in_the_way(store, &record, &delivery.plan.wanted, on)?;
    Ok(matches!(
        way,
        Some(
            WhyNot::NotConfirmed { .. }
                | WhyNot::Disputed
                | WhyNot::Pending { .. }
                | WhyNot::NotComplete { .. }
        )
    ))
}

fn is_where_it_was(store: &Snapshot, delivery: &Delivery) -> Result<bool, CommandError> {
    match SinkRecord::get(store, &delivery.sink) {
        Ok(record) => Ok(record.url == delivery.url),
        Err(StorageError::NoSink(_)) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// States what was delivered; of a customer that pays a monthly fee alone, that fee.
pub(super) fn sentence(store: &impl Records, delivery: &Delivery) -> Result<String, CommandError> {
    let wanted = &delivery.plan.wanted;
    let days = wanted.coverage;
    let Some(receipt) = delivery.progress.receipt() else {
        return Ok(format!("The {} bill of {} is {}.", wanted.kind, wanted.uin, delivery.progress.word()));
    };
    let totals = match receipt.totals.amounts_text() {
        None => PriceBook::read(store, wanted.uin, days)?
            .fee_alone()
            .map(|fee| format!("monthly fee {} {} only", fee.amount.grouped(), fee.currency)),
        Some(_) => None,
    };
    Ok(format!(
        "  `{}`\nDelivered the {} bill of {}, {} to {}, to sink `{}`:\n  {}, {}.",
        receipt.part,
        wanted.kind,
        wanted.uin,
        days.first,
        days.last,
        delivery.sink,
        output::lines(receipt.rows),
        totals.unwrap_or_else(|| receipt.totals.to_string()),
    ))
}
