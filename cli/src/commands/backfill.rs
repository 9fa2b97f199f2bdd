//! `run --backfill`: what was due for earlier months, delivered in order.
//!
//! The months are gone through a day at a time, as the calendars asked for their bills, so that bindings as of each day
//! decide. What was delivered is not delivered again: a run that was cut off is gone on with by running it again.

use std::collections::BTreeMap;

use billkeep_core::error::Kind as ErrorKind;

use crate::args::{Format, Run};
use crate::context::Context;
use crate::error::CommandError;
use crate::output::{Table, columns, counted};

use super::deliver::Deliverer;
use billkeep_core::deliveries::{Asked, Calendars, DueItem, Moment, MonthRange, WhyNot};
use billkeep_core::engine::{Records, Store};
use billkeep_core::formats::BillKind;
use billkeep_core::values::{BillMonth, Day, Uin, grouped};

/// How many files are delivered without asking: what a month has for one account, and some more.
const UNASKED_FILES_MAX: u64 = 40;

/// Which bills are gone through.
struct Backfill<'a> {
    months: MonthRange,
    kinds: Vec<BillKind>,
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
        let mut items = DueItem::of(store, basis, asked)?;
        items.sort_by_key(|item| item.slot.kind);
        Ok(items)
    }
}

pub(crate) fn run(context: &Context, months: MonthRange, args: &Run) -> Result<(), CommandError> {
    let store = if args.dry_run { context.read()? } else { context.write()? };
    let calendars = Calendars::load(&store.read()?)?;
    let until = context.moment(&calendars)?;
    let kinds = if args.kind.is_empty() { BillKind::ALL.to_vec() } else { args.kind.clone() };
    let backfill = Backfill { months, kinds, calendars, until, args };
    let mut outcomes = Outcomes::default();
    if args.dry_run {
        for (day, asked) in backfill.days() {
            for item in backfill.judged(&store.read()?, day, &asked)? {
                outcomes.add(&item, "due");
            }
        }
        context.print(&outcomes.table(months))?;
        context.say(&outcomes.sentence(months, "would be delivered"));
        return Ok(());
    }
    if !args.yes {
        ask(&store, &backfill)?;
    }
    let failed = deliver(context, &store, &backfill, &mut outcomes)?;
    let told_of = super::notify::after_run(context, &store);
    let figures = crate::metrics::after_run(context, &store, args.metrics.as_deref());
    if context.format != Format::Table {
        context.print(&outcomes.table(months))?;
    }
    store.close()?;
    if let Some(error) = failed {
        if let Err(error) = told_of {
            context.say(&error.text());
        }
        let done = files(outcomes.done);
        return Err(error.hint(format!("{done} delivered before; the same command goes on from there")));
    }
    told_of?;
    figures?;
    context.say(&outcomes.sentence(months, "delivered"));
    if outcomes.not_due > 0 {
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
    outcomes: &mut Outcomes,
) -> Result<Option<CommandError>, CommandError> {
    let mut deliverer = Deliverer::new(context, store);
    let mut failed = None;
    let mut last: Option<(Day, u64)> = None;
    'days: for (day, asked) in backfill.days() {
        if let Some((before, done)) = last.filter(|(before, _)| before.month() != day.month()) {
            if outcomes.done > done {
                context.say(&format!("  through {before}: {}", files(outcomes.done)));
            }
            last = None;
        }
        last = Some((day, last.map_or(outcomes.done, |(_, done)| done)));
        for item in backfill.judged(&store.read()?, day, &asked)? {
            if item.verdict.is_err() {
                outcomes.add(&item, "");
                continue;
            }
            match deliverer.due(item.clone())? {
                Some(Err(error)) => {
                    failed = Some(error);
                    break 'days;
                }
                _ => outcomes.add(&item, "delivered"),
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
    counted(n, "file", "files")
}

/// Consecutive bills of an account, a kind and a month that came to the same.
struct BillRange {
    first_last_day: Day,
    last_last_day: Day,
    files: u64,
    state: &'static str,
    sink: String,
    why: String,
}

/// What came of the bills: it grows with months and accounts, and not with days.
#[derive(Default)]
struct Outcomes {
    of: BTreeMap<(BillMonth, Uin, BillKind), Vec<BillRange>>,
    done: u64,
    there: u64,
    not_due: u64,
}

impl Outcomes {
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
        let ranges = self.of.entry((coverage.first.month(), item.uin, item.slot.kind)).or_default();
        match ranges.last_mut() {
            Some(last) if last.state == state && last.sink == sink && last.why == why => {
                last.last_last_day = coverage.last;
                last.files += 1;
            }
            _ => ranges.push(BillRange {
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
        let columns = columns("month uin kind from_through to_through files:count state sink why");
        let mut table = Table::new("billkeep.backfill/1", columns);
        table.more = vec![("months", months.to_string().into())];
        for ((month, uin, kind), ranges) in &self.of {
            for range in ranges {
                table.rows.push(vec![
                    month.to_string(),
                    uin.to_string(),
                    kind.to_string(),
                    range.first_last_day.to_string(),
                    range.last_last_day.to_string(),
                    range.files.to_string(),
                    range.state.to_owned(),
                    range.sink.clone(),
                    range.why.clone(),
                ]);
            }
        }
        table
    }

    fn sentence(&self, months: MonthRange, done: &str) -> String {
        let Outcomes { there, not_due, .. } = self;
        format!(
            "{months}: {} {done}, {} there before, {} not due.",
            files(self.done),
            grouped(*there),
            grouped(*not_due)
        )
    }
}
