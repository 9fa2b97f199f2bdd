//! `run --backfill`: what was due for earlier months, delivered in order.
//!
//! The months are gone through a day at a time, as the calendars asked for their bills, so that bindings as of each day
//! decide. What was delivered is not delivered again: a run that was cut off is gone on with by running it again.

use std::collections::BTreeMap;

use billkeep_core::calendar::{Asked, Calendars, Kind, Moment, MonthRange, WhyNot};
use billkeep_core::delivery::{self, DueItem};
use billkeep_core::error::Kind as ErrorKind;
use billkeep_core::ingest::grouped;
use billkeep_core::period::{BillMonth, Day};
use billkeep_core::store::{Records, Store};
use billkeep_core::uin::Uin;

use crate::args::{Format, Run};
use crate::context::Context;
use crate::error::CommandError;
use crate::output::{Column, Table};

use super::deliver::Deliverer;

/// How many files are delivered without asking: what a month has for one account, and some more.
const UNASKED_FILES_MAX: u64 = 40;

/// Which bills are gone through.
struct Backfill<'a> {
    months: MonthRange,
    kinds: Vec<Kind>,
    calendars: Calendars,
    until: Moment,
    args: &'a Run,
}

impl Backfill<'_> {
    /// The days on which they were asked for, in order.
    fn days(&self) -> impl Iterator<Item = (Day, Vec<Asked>)> + '_ {
        self.months.asked(&self.calendars, &self.kinds, self.until)
    }

    fn judged(&self, store: &impl Records, day: Day, asked: &[Asked]) -> Result<Vec<DueItem>, CommandError> {
        let basis = self.args.basis.unwrap_or(self.calendars.on(day).basis);
        let mut items = delivery::due_of(store, basis, asked)?;
        items.sort_by_key(|item| item.slot.kind);
        Ok(items)
    }
}

pub(crate) fn run(context: &Context, months: MonthRange, args: &Run) -> Result<(), CommandError> {
    let store = if args.dry_run { context.read()? } else { context.write()? };
    let calendars = Calendars::load(&store.read()?)?;
    let until = context.moment(&calendars)?;
    let kinds = if args.kind.is_empty() { Kind::ALL.to_vec() } else { args.kind.clone() };
    let backfill = Backfill { months, kinds, calendars, until, args };
    let mut told = Told::default();
    if args.dry_run {
        for (day, asked) in backfill.days() {
            for item in backfill.judged(&store.read()?, day, &asked)? {
                told.add(&item, "due");
            }
        }
        told.table(months).print(context)?;
        context.say(&told.sentence(months, "would be delivered"));
        return Ok(());
    }
    if !args.yes {
        ask(&store, &backfill)?;
    }
    let failed = deliver(context, &store, &backfill, &mut told)?;
    let told_of = super::notify::after_run(context, &store);
    let figures = crate::metrics::after_run(context, &store, args.metrics.as_deref());
    if context.format != Format::Table {
        told.table(months).print(context)?;
    }
    store.close()?;
    if let Some(error) = failed {
        if let Err(error) = told_of {
            context.say(&error.text());
        }
        let done = files(told.done);
        return Err(error.hint(format!("{done} delivered before; the same command goes on from there")));
    }
    told_of?;
    figures?;
    context.say(&told.sentence(months, "delivered"));
    if told.not_due > 0 {
        context
            .say(&format!("`billkeep run --backfill {months} --dry-run` tells why the others are not due."));
    }
    Ok(())
}

/// Delivers in order, up to the first failure: later bills do not go before earlier ones.
fn deliver(
    context: &Context,
    store: &Store,
    backfill: &Backfill<'_>,
    told: &mut Told,
) -> Result<Option<CommandError>, CommandError> {
    let mut deliverer = Deliverer::new(context, store);
    let mut failed = None;
    let mut last: Option<(Day, u64)> = None;
    'days: for (day, asked) in backfill.days() {
        if let Some((before, done)) = last.filter(|(before, _)| before.month() != day.month()) {
            if told.done > done {
                context.say(&format!("  through {before}: {}", files(told.done)));
            }
            last = None;
        }
        last = Some((day, last.map_or(told.done, |(_, done)| done)));
        for item in backfill.judged(&store.read()?, day, &asked)? {
            if item.verdict.is_err() {
                told.add(&item, "");
                continue;
            }
            match deliverer.due(item.clone())? {
                Some(Err(error)) => {
                    failed = Some(error);
                    break 'days;
                }
                _ => told.add(&item, "delivered"),
            }
        }
    }
    deliverer.close();
    Ok(failed)
}

/// Asks before many files are delivered; without a terminal, `--yes` has to be said.
fn ask(store: &Store, backfill: &Backfill<'_>) -> Result<(), CommandError> {
    let mut due = 0;
    for (day, asked) in backfill.days() {
        let items = backfill.judged(&store.read()?, day, &asked)?;
        due += items.iter().filter(|item| item.verdict.is_ok()).count() as u64;
    }
    if due <= UNASKED_FILES_MAX {
        return Ok(());
    }
    let months = backfill.months;
    let refused = || {
        CommandError::new(
            ErrorKind::Refused,
            format!("{} of {months} would be delivered, and nothing was", files(due)),
        )
        .hint("`--dry-run` lists them")
        .hint("say `--yes` to deliver them")
    };
    let question = format!("Deliver {} of {months}?", files(due));
    if crate::output::agreed(&question)? { Ok(()) } else { Err(refused()) }
}

fn files(n: u64) -> String {
    if n == 1 { "1 file".to_owned() } else { format!("{} files", grouped(n)) }
}

/// Consecutive bills of an account, a kind and a month that came to the same.
struct Stretch {
    first_last_day: Day,
    last_last_day: Day,
    files: u64,
    state: &'static str,
    sink: String,
    why: String,
}

/// What came of the bills: it grows with months and accounts, and not with days.
#[derive(Default)]
struct Told {
    of: BTreeMap<(BillMonth, Uin, Kind), Vec<Stretch>>,
    done: u64,
    there: u64,
    not_due: u64,
}

impl Told {
    /// Notes what came of a bill; `state` is that of one that is due.
    fn add(&mut self, item: &DueItem, state: &'static str) {
        let coverage = item.slot.coverage;
        let (count, state, why) = match &item.verdict {
            Ok(_) => (&mut self.done, state, String::new()),
            Err(WhyNot::Delivered { .. }) => (&mut self.there, "there", String::new()),
            Err(why) => (&mut self.not_due, "no", why.to_string()),
        };
        *count += 1;
        let sink = item.sink.clone().unwrap_or_else(|| "-".to_owned());
        let stretches = self.of.entry((coverage.first.month(), item.uin, item.slot.kind)).or_default();
        match stretches.last_mut() {
            Some(last) if last.state == state && last.sink == sink && last.why == why => {
                last.last_last_day = coverage.last;
                last.files += 1;
            }
            _ => stretches.push(Stretch {
                first_last_day: coverage.last,
                last_last_day: coverage.last,
                files: 1,
                state,
                sink,
                why,
            }),
        }
    }

    fn table(&self, months: MonthRange) -> Table {
        let columns = vec![
            Column::text("month"),
            Column::text("uin"),
            Column::text("kind"),
            Column::text("from_through"),
            Column::text("to_through"),
            Column::count("files"),
            Column::text("state"),
            Column::text("sink"),
            Column::text("why"),
        ];
        let mut table = Table::new("billkeep.backfill/1", columns);
        table.more = vec![("months", months.to_string().into())];
        for ((month, uin, kind), stretches) in &self.of {
            for stretch in stretches {
                table.rows.push(vec![
                    month.to_string(),
                    uin.to_string(),
                    kind.to_string(),
                    stretch.first_last_day.to_string(),
                    stretch.last_last_day.to_string(),
                    stretch.files.to_string(),
                    stretch.state.to_owned(),
                    stretch.sink.clone(),
                    stretch.why.clone(),
                ]);
            }
        }
        table
    }

    fn sentence(&self, months: MonthRange, done: &str) -> String {
        let Told { there, not_due, .. } = self;
        format!(
            "{months}: {} {done}, {} there before, {} not due.",
            files(self.done),
            grouped(*there),
            grouped(*not_due)
        )
    }
}
