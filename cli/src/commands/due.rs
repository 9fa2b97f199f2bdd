//! `due` and `run`: what is due on a day, and delivering it.

use billkeep_core::calendar::{Asked, Calendars, Moment, TimeOfDay, Why, WhyNot};
use billkeep_core::delivery::{self, Delivery, DueAt, DueItem, Ways};
use billkeep_core::error::Kind;
use billkeep_core::export::Wanted;
use billkeep_core::period::{Basis, Day};
use billkeep_core::sink::SinkError;
use billkeep_core::storage::{self, SinkRecord, StorageError};
use billkeep_core::store::{ChunkCache, Reader, Store};

use crate::args::{Due, Format, Run};
use crate::context::Context;
use crate::error::CommandError;
use crate::output::{self, Column, Table};
use crate::progress::Bar;
use crate::{metrics, stop};

/// The most days that are told of at once.
const DAYS_MAX: i32 = 3_660;

/// A day, and the time of it that counts; all of the day without one.
struct When {
    on: Day,
    moment: Option<Moment>,
    basis: Basis,
}

impl When {
    fn of(
        context: &Context,
        store: &Reader,
        args: (Option<Day>, Option<TimeOfDay>, Option<Basis>),
    ) -> Result<When, CommandError> {
        let calendars = Calendars::load(store)?;
        let (on, at, basis) = args;
        let moment = match (on, at) {
            (Some(_), None) => None,
            (Some(day), Some(time)) => Some(Moment { day, time }),
            (None, at) => {
                let now = context.moment(&calendars)?;
                Some(Moment { time: at.unwrap_or(now.time), ..now })
            }
        };
        let on = match (moment, on) {
            (Some(moment), _) => moment.day,
            (None, Some(on)) => on,
            (None, None) => context.day(None, store)?,
        };
        Ok(When { on, moment, basis: basis.unwrap_or(calendars.on(on).basis) })
    }

    fn due(&self, store: &Reader) -> Result<DueAt, CommandError> {
        Ok(match self.moment {
            Some(moment) => delivery::due_at(store, moment, self.basis)?,
            None => DueAt { now: delivery::due(store, self.on, self.basis)?, later: Vec::new() },
        })
    }
}

pub(crate) fn due(context: &Context, args: &Due) -> Result<(), CommandError> {
    let store = context.read()?;
    let reader = store.read()?;
    match (args.from, args.to) {
        (Some(from), Some(to)) => days(context, &reader, from, to, args.basis),
        _ => {
            let when = When::of(context, &reader, (args.on, args.at, args.basis))?;
            print(context, &when, &when.due(&reader)?)
        }
    }
}

fn print(context: &Context, when: &When, due: &DueAt) -> Result<(), CommandError> {
    let columns = vec![
        Column::text("uin"),
        Column::text("kind"),
        Column::text("first_day"),
        Column::text("last_day"),
        Column::text("due"),
        Column::text("sink"),
        Column::text("why"),
    ];
    let mut table = Table::new("billkeep.due/1", columns);
    let at = when.moment.map_or_else(String::new, |moment| moment.time.to_string());
    table.more = vec![("on", when.on.to_string().into()), ("at", at.into())];
    let mut row = |item: &DueItem, due: &str, why: String| {
        table.rows.push(vec![
            item.uin.to_string(),
            item.slot.kind.to_string(),
            item.slot.coverage.first.to_string(),
            item.slot.coverage.last.to_string(),
            due.to_owned(),
            item.sink.clone().unwrap_or_else(|| "-".to_owned()),
            why,
        ]);
    };
    for item in &due.now {
        match &item.verdict {
            Ok(_) => row(item, "yes", asked(&item.asked)),
            Err(why) => row(item, "no", why.to_string()),
        }
    }
    for item in &due.later {
        row(item, "no", format!("not yet: the calendar asks for it at {}", item.asked.from));
    }
    table.print(context.format)
}

/// Says why the calendar asks for a bill.
fn asked(asked: &Asked) -> String {
    match asked.why {
        Why::Refresh => format!("the calendar offers it once more on {}, for rows that came late", asked.on),
        _ => format!("the calendar asks for it on {}", asked.on),
    }
}

/// The calendar of some days: each bill on the day on which it is asked for first, and how it stands.
fn days(
    context: &Context,
    reader: &Reader,
    from: Day,
    to: Day,
    basis: Option<Basis>,
) -> Result<(), CommandError> {
    if from > to {
        return Err(CommandError::user(format!("{from} is after {to}")));
    }
    if to.epoch_days().saturating_sub(from.epoch_days()) >= DAYS_MAX {
        return Err(CommandError::user(format!("{from} to {to} is more than {DAYS_MAX} days")));
    }
    let columns =
        ["on", "at", "kind", "uin", "first_day", "last_day", "state", "sink", "why"].map(Column::text);
    let mut table = Table::new("billkeep.due.days/1", columns.to_vec());
    table.more = vec![("from", from.to_string().into()), ("to", to.to_string().into())];
    let calendars = Calendars::load(reader)?;
    for day in (from.epoch_days()..=to.epoch_days()).filter_map(Day::from_epoch_days) {
        let basis = basis.unwrap_or(calendars.on(day).basis);
        for item in delivery::due_of(reader, basis, &calendars.new_on(day))? {
            let (state, why) = match &item.verdict {
                Ok(_) => ("due", asked(&item.asked)),
                Err(why @ WhyNot::Delivered { .. }) => ("delivered", why.to_string()),
                Err(why) => ("no", why.to_string()),
            };
            table.rows.push(vec![
                day.to_string(),
                item.asked.from.to_string(),
                item.slot.kind.to_string(),
                item.uin.to_string(),
                item.slot.coverage.first.to_string(),
                item.slot.coverage.last.to_string(),
                state.to_owned(),
                item.sink.clone().unwrap_or_else(|| "-".to_owned()),
                why,
            ]);
        }
    }
    table.print(context.format)
}

pub(crate) fn run(context: &Context, args: &Run) -> Result<(), CommandError> {
    let words = (args.on, args.at, args.basis);
    if args.dry_run {
        let store = context.read()?;
        let reader = store.read()?;
        let when = When::of(context, &reader, words)?;
        return print(context, &when, &when.due(&reader)?);
    }
    let store = context.write()?;
    let reader = store.read()?;
    let when = When::of(context, &reader, words)?;
    let DueAt { now, later } = when.due(&reader)?;
    drop(reader);
    let Ran { delivered, failed } = deliver_all(context, &store, now, when.on)?;
    metrics::after_run(context, &store, args.metrics.as_deref())?;
    if context.format != Format::Table {
        super::delivery::print(context, &delivered)?;
    }
    store.close()?;
    if let Some(error) = failed {
        return Err(error);
    }
    if delivered.is_empty() {
        let at = when.moment.map_or_else(String::new, |moment| format!(" --at {}", moment.time));
        context.say(&format!("Nothing was due on {0}; `billkeep due --on {0}{at}` tells why.", when.on));
    }
    if let Some(next) = later.iter().filter(|i| i.verdict.is_ok()).map(|i| i.asked.from).max() {
        context.say(&format!("More is due on {} at {next}.", when.on));
    }
    Ok(())
}

/// What a run has delivered, and the first thing that failed.
#[derive(Default)]
pub(crate) struct Ran {
    pub(crate) delivered: Vec<Delivery>,
    pub(crate) failed: Option<CommandError>,
}

impl Ran {
    /// Tells and keeps what came of a delivery; what fails does not keep the rest from going.
    fn note(&mut self, context: &Context, result: Result<Delivery, CommandError>) {
        match result {
            Ok(delivery) => {
                context.say(&sentence(&delivery));
                self.delivered.push(delivery);
            }
            Err(error) => {
                if self.failed.is_some() {
                    context.say(&error.text());
                }
                self.failed.get_or_insert(error);
            }
        }
    }

    /// Says whether somebody has asked to stop; nothing is begun any more then.
    fn stops(&mut self) -> bool {
        if stop::is_asked() {
            let error = || CommandError::new(Kind::Passing, SinkError::Stopped.to_string());
            self.failed.get_or_insert_with(|| error().hint("the same command goes on from there"));
        }
        stop::is_asked()
    }
}

/// Delivers all that is due, and then what earlier runs have begun and not finished.
pub(crate) fn deliver_all(
    context: &Context,
    store: &Store,
    items: Vec<DueItem>,
    on: Day,
) -> Result<Ran, CommandError> {
    let cache = context.chunk_cache();
    let mut ran = Ran::default();
    let due: Vec<Wanted> = items.iter().filter_map(|item| item.verdict.as_ref().ok().copied()).collect();
    for item in items {
        if ran.stops() {
            break;
        }
        if let Some(result) = deliver_one(context, store, cache.as_ref(), item)? {
            ran.note(context, result);
        }
    }
    for begun in begun(&store.read()?, &due, on)? {
        if ran.stops() {
            break;
        }
        // What was wanted then, of the lines that there are now.
        let (Some(on), wanted) = (begun.on, begun.plan.wanted) else { continue };
        match storage::sink(&store.read()?, &begun.sink) {
            Ok(record) => {
                ran.note(context, deliver_to(context, store, cache.as_ref(), record, (wanted, on)));
            }
            // `status` tells of it.
            Err(StorageError::NoSink(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    if let Some(cache) = cache {
        cache.close();
    }
    Ok(ran)
}

/// Finds what was begun for a day up to this one, and the calendar does not ask for any more.
fn begun(store: &Reader, due: &[Wanted], on: Day) -> Result<Vec<Delivery>, CommandError> {
    let mut begun = delivery::list(store)?;
    begun.retain(|delivery| {
        let of = |w: &Wanted| (w.uin, w.kind, w.bill, w.coverage);
        delivery.progress.is_pending()
            && delivery.on.is_some_and(|due_on| due_on <= on)
            && due.iter().all(|wanted| of(wanted) != of(&delivery.plan.wanted))
    });
    Ok(begun)
}

/// Delivers what is due; nothing where it is not. What fails in delivering is told apart from what fails before.
pub(super) fn deliver_one(
    context: &Context,
    store: &Store,
    cache: Option<&ChunkCache>,
    item: DueItem,
) -> Result<Option<Result<Delivery, CommandError>>, CommandError> {
    let (Ok(wanted), Some(name)) = (item.verdict, item.sink) else { return Ok(None) };
    let record = storage::sink(&store.read()?, &name)?;
    Ok(Some(deliver_to(context, store, cache, record, (wanted, item.asked.on))))
}

fn deliver_to(
    context: &Context,
    store: &Store,
    cache: Option<&ChunkCache>,
    record: SinkRecord,
    (wanted, on): (Wanted, Day),
) -> Result<Delivery, CommandError> {
    let to = super::sink::destination(record)?;
    with_ways(context, cache, |ways| Ok(delivery::deliver(store, &to, wanted, on, ways, &context.actor())?))
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

pub(super) fn sentence(delivery: &Delivery) -> String {
    let wanted = &delivery.plan.wanted;
    let days = wanted.coverage;
    match delivery.progress.receipt() {
        Some(receipt) => format!(
            "  `{}`\nDelivered the {} bill of {}, {} to {}, to sink `{}`:\n  {}, total {}.",
            receipt.part,
            wanted.kind,
            wanted.uin,
            days.first,
            days.last,
            delivery.sink,
            output::lines(receipt.rows),
            billkeep_core::bill::totals_text(&receipt.sums),
        ),
        None => format!("Planned the {} bill of {}.", wanted.kind, wanted.uin),
    }
}
