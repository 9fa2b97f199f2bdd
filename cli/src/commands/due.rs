//! `due` and `run`: what is due on a day, and delivering it.

use std::collections::BTreeSet;

use crate::args::{Due, Format, Run};
use crate::context::Context;
use crate::error::CommandError;
use crate::metrics;
use crate::output::{Table, columns};

use super::deliver::{RunResult, deliver_all};
use billkeep_core::bills::{BillKey, BillState};
use billkeep_core::deliveries::{Asked, Calendars, DueAt, DueItem, Moment, TimeOfDay, Why, WhyNot};
use billkeep_core::engine::Snapshot;
use billkeep_core::values::{Basis, Day};

/// The most days that are told of at once.
const DAYS_MAX: i32 = 3_660;

/// A day, and the time of it that counts; all of the day without one.
pub(super) struct When {
    pub(super) on: Day,
    moment: Option<Moment>,
    basis: Basis,
}

impl When {
    pub(super) fn of(
        context: &Context,
        store: &Snapshot,
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

    fn due(&self, store: &Snapshot) -> Result<DueAt, CommandError> {
        self.due_of(store, self.basis)
    }

    /// Returns what is due of bills by a basis.
    pub(super) fn due_of(&self, store: &Snapshot, basis: Basis) -> Result<DueAt, CommandError> {
        Ok(match self.moment {
            Some(moment) => DueAt::at(store, moment, basis)?,
            None => DueAt { now: DueItem::on(store, self.on, basis)?, later: Vec::new() },
        })
    }

    /// Writes it as options of a command: ` --on 2021-04-06`, ` --on 2021-04-06 --at 20:00`.
    pub(super) fn words(&self) -> String {
        let at = self.moment.map_or_else(String::new, |moment| format!(" --at {}", moment.time));
        format!(" --on {}{at}", self.on)
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
    let columns = columns("uin kind first_day last_day due sink why");
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
    context.print(&table)
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
    reader: &Snapshot,
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
    let columns = columns("on at kind uin first_day last_day state sink why");
    let mut table = Table::new("billkeep.due.days/1", columns);
    table.more = vec![("from", from.to_string().into()), ("to", to.to_string().into())];
    let calendars = Calendars::load(reader)?;
    for day in (from.epoch_days()..=to.epoch_days()).filter_map(Day::from_epoch_days) {
        let basis = basis.unwrap_or(calendars.on(day).basis);
        for item in DueItem::of(reader, basis, &calendars.new_on(day))? {
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
    context.print(&table)
}

/// The bills that would be due, and wait for somebody to confirm them.
fn waiting(
    context: &Context,
    reader: &Snapshot,
    items: &[DueItem],
    basis: Basis,
) -> Result<Vec<BillKey>, CommandError> {
    // Nobody can confirm a month that is not complete.
    let waits = |item: &&DueItem| match item.verdict {
        Err(WhyNot::NotConfirmed { state }) => state != BillState::Open,
        Err(WhyNot::Disputed) => true,
        _ => false,
    };
    let months: BTreeSet<_> = items.iter().filter(waits).map(|i| i.slot.coverage.first.month()).collect();
    months.into_iter().map(|month| context.bill_key(reader, month, basis)).collect()
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
    context.must_have_come(when.on, args.yes, &reader)?;
    let DueAt { now, later } = when.due(&reader)?;
    let waiting = waiting(context, &reader, &now, when.basis)?;
    drop(reader);
    store.notify_waiting(&waiting, &context.actor())?;
    store.notify_pending(&context.actor())?;
    let RunResult { delivered, failed } = deliver_all(context, &store, now, when.on)?;
    let told = super::notify::after_run(context, &store);
    let figures = metrics::after_run(context, &store, args.metrics.as_deref());
    if context.format != Format::Table {
        super::delivery::print(context, &delivered)?;
    }
    store.close()?;
    // What was delivered is told first, and what failed.
    if let Some(error) = failed {
        if let Err(error) = told {
            context.say(&error.text());
        }
        return Err(error);
    }
    told?;
    figures?;
    if delivered.is_empty() {
        let at = when.moment.map_or_else(String::new, |moment| format!(" --at {}", moment.time));
        context.say(&format!("Nothing was due on {0}; `billkeep due --on {0}{at}` tells why.", when.on));
    }
    if let Some(next) = later.iter().filter(|i| i.verdict.is_ok()).map(|i| i.asked.from).max() {
        context.say(&format!("More is due on {} at {next}.", when.on));
    }
    Ok(())
}
