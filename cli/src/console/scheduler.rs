//! The scheduler: what is due is delivered at the calendar's hour, in the calendar's zone.
//!
//! It remembers the last day that it has been through. Days that passed while the program or the machine slept are gone through
//! first, one by one, as `billkeep run --on DAY` does. That nothing is delivered twice is not up to it: each delivery is planned
//! in a transaction that looks for it.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use billkeep_core::error::Kind;

use super::state::Console;
use crate::args::{Command, Format, Run};
use crate::clock::Clock;
use crate::commands;
use crate::error::CommandError;
use crate::output::Captured;
use crate::stop;
use billkeep_core::deliveries::{Calendars, Delivery, DueAt, DueItem, Failure, Notice, SchedulerStop};

use billkeep_core::engine::StoreError;
use billkeep_core::partners::{Person, PersonRole};
use billkeep_core::values::{Basis, Day};

/// How often it looks.
const TICK: Duration = Duration::from_secs(30);
/// How often it looks at a clock that is a file: whoever writes it waits for what comes of it.
const TICK_OF_FILE: Duration = Duration::from_millis(500);
const STOP_STEP: Duration = Duration::from_millis(100);
/// After how long what does not pass by itself is tried again, in seconds.
const TRY_AGAIN_S: i64 = 3_600;
/// How many days back are gone through at most; older ones are for `run --backfill`.
const DAYS_MAX: i32 = 62;

/// Starts it.
///
/// # Errors
/// When the system gives no thread: a console whose scheduler does not run would look as if it delivered.
pub(super) fn start(console: Arc<Console>) -> Result<JoinHandle<()>, CommandError> {
    let tick = if matches!(console.context.clock, Clock::System) { TICK } else { TICK_OF_FILE };
    let looks = move || {
        let mut tried_unix_s = i64::MIN;
        let mut stopped: Option<String> = None;
        let (mut untold, mut sent_unix_s): (Option<String>, i64) = (None, i64::MIN);
        while !stop::is_asked() {
            let looked =
                catch_unwind(AssertUnwindSafe(|| look(&console, &console.actor(), &mut tried_unix_s)));
            let why = match looked {
                Ok(Ok(())) => None,
                Ok(Err(error)) => Some(error.message().to_owned()),
                Err(_) => Some("it has failed; the error output of `billkeep serve` shows where".to_owned()),
            };
            if why != stopped {
                console.context.say(&match &why {
                    Some(why) => format!("scheduler: {why}; nothing is delivered until this is mended"),
                    None => "scheduler: delivers again".to_owned(),
                });
                stopped = why;
            }
            if let Some(why) = &stopped {
                let told = catch_unwind(AssertUnwindSafe(|| tell(&console, why, &mut sent_unix_s)));
                let failed = match told {
                    Ok(Ok(())) => None,
                    Ok(Err(error)) => Some(error.text()),
                    Err(_) => Some("scheduler: to tell of it has failed".to_owned()),
                };
                if failed != untold {
                    failed.iter().for_each(|text| console.context.say(text));
                    untold = failed;
                }
            }
            console.leave(|served| {
                served.stopped = stopped.clone();
                served.looks += 1;
            });
            for _ in 0..tick.as_millis() / STOP_STEP.as_millis() {
                if stop::is_asked() {
                    return;
                }
                thread::sleep(STOP_STEP);
            }
        }
    };
    thread::Builder::new().name("billkeep-scheduler".into()).spawn(looks).map_err(|e| {
        CommandError::new(Kind::Internal, format!("the scheduler cannot start: {e}"))
            .hint("`--no-scheduler` serves the pages without it")
    })
}

/// Goes through the days that have passed, and delivers what is due now.
fn look(console: &Console, actor: &str, tried_unix_s: &mut i64) -> Result<(), CommandError> {
    let reader = console.store.read()?;
    Person::permit(&reader, actor, PersonRole::Operator)?;
    let now_unix_s = console.context.now_unix_s();
    let calendars = Calendars::load(&reader)?;
    let moment = console.context.moment(&calendars)?;
    let through = DueAt::scheduled_through(&reader)?;
    drop(reader);
    for day in missed(through, moment.day) {
        if stop::is_asked() {
            return Ok(());
        }
        // What fails is remembered by its delivery, and tried again with what is due today.
        for basis in [Basis::Used, Basis::Paid] {
            deliver(console, actor, Some(day), basis);
        }
        note(console, day)?;
    }
    if through.is_none() {
        // From its first day on, whatever was before it.
        Day::from_epoch_days(moment.day.epoch_days() - 1).map_or(Ok(()), |day| note(console, day))?;
    }
    for basis in [Basis::Used, Basis::Paid] {
        let reader = console.store.read()?;
        let due = DueAt::at(&reader, moment, basis)?.now;
        let pending: Vec<Delivery> =
            Delivery::list(&reader)?.into_iter().filter(|d| d.progress.is_pending()).collect();
        drop(reader);
        if is_wanted(&due, &pending, basis, now_unix_s, *tried_unix_s) {
            *tried_unix_s = now_unix_s;
            deliver(console, actor, None, basis);
        }
    }
    Ok(())
}

/// Tells whoever wants to know that nothing is delivered, and sends what waits: no run does while this lasts.
fn tell(console: &Console, why: &str, sent_unix_s: &mut i64) -> Result<(), CommandError> {
    let name = console.actor();
    let kept = Captured::default();
    let context = console.context.keeping(&name, Format::Table, &kept);
    let actor = context.actor();
    let new = console.store.notify_stopped(SchedulerStop { actor: &name, why }, &actor)?;
    let mut notifiers = BTreeSet::new();
    let waits = Notice::list(&console.store.read()?)?
        .into_iter()
        .filter(|notice| notice.sent_unix_s.is_none() && notifiers.insert(notice.notifier.clone()))
        .any(|notice| may_now(notice.failure.as_ref(), actor.at_unix_s, *sent_unix_s));
    if new == 0 && !waits {
        return Ok(());
    }
    *sent_unix_s = actor.at_unix_s;
    let sent = commands::send_notices(&context, &console.store);
    kept.take_words().iter().for_each(|said| console.context.say(said));
    sent
}

/// Returns the days between the last one that was gone through and today.
fn missed(through: Option<Day>, today: Day) -> Vec<Day> {
    let Some(through) = through else { return Vec::new() };
    let first = (through.epoch_days() + 1).max(today.epoch_days() - DAYS_MAX);
    (first..today.epoch_days()).filter_map(Day::from_epoch_days).collect()
}

/// Records that the scheduler has gone through a day.
fn note(console: &Console, day: Day) -> Result<(), StoreError> {
    console.store.transact(|tx| tx.set_scheduled_through(day))
}

/// Says whether a run would do something now: begin what is due, or go on with what may be tried again.
fn is_wanted(
    due: &[DueItem],
    pending: &[Delivery],
    basis: Basis,
    now_unix_s: i64,
    tried_unix_s: i64,
) -> bool {
    let of = |item: &DueItem, delivery: &Delivery| {
        let wanted = &delivery.plan.wanted;
        item.verdict.as_ref().is_ok_and(|w| {
            (w.uin, w.kind, w.bill, w.coverage) == (wanted.uin, wanted.kind, wanted.bill, wanted.coverage)
        })
    };
    let begins = |item: &DueItem| item.verdict.is_ok() && !pending.iter().any(|delivery| of(item, delivery));
    due.iter().any(begins)
        || pending.iter().any(|delivery| {
            delivery.plan.wanted.bill.basis == basis
                && may_now(delivery.failure.as_ref(), now_unix_s, tried_unix_s)
        })
}

/// Says whether what failed may be tried again: at its time, or after a while where waiting alone does not help.
fn may_now(failure: Option<&Failure>, now_unix_s: i64, tried_unix_s: i64) -> bool {
    let Some(failure) = failure else { return true };
    let after = || now_unix_s >= tried_unix_s.saturating_add(TRY_AGAIN_S);
    failure.next_unix_s.map_or_else(after, |next| next <= now_unix_s)
}

/// Delivers what is due on a day, or at this moment; says what came of it.
fn deliver(console: &Console, actor: &str, on: Option<Day>, basis: Basis) {
    let run = Run {
        on,
        at: None,
        basis: Some(basis),
        dry_run: false,
        backfill: None,
        metrics: None,
        kind: Vec::new(),
        yes: false,
    };
    let kept = Captured::default();
    let context = console.context.keeping(actor, Format::Table, &kept);
    let result = commands::run_in(&context, Command::Run(run));
    for said in kept.take_words().iter().filter(|said| !said.starts_with("Nothing was due")) {
        console.context.say(said);
    }
    if let Err(error) = result {
        console.context.say(&error.text());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_that_passed_are_gone_through_once_and_not_without_end() {
        let day = |text: &str| text.parse::<Day>().unwrap();
        let today = day("2021-04-08");
        let texts = |through| missed(through, today).iter().map(ToString::to_string).collect::<Vec<_>>();
        assert!(texts(None).is_empty());
        assert!(texts(Some(day("2021-04-07"))).is_empty());
        // A clock that was set back does nothing again.
        assert!(texts(Some(day("2021-05-01"))).is_empty());
        assert_eq!(texts(Some(day("2021-04-05"))), ["2021-04-06", "2021-04-07"]);
        let far = missed(Some(day("2019-01-01")), today);
        assert_eq!((far.len(), far.last().copied()), (DAYS_MAX as usize, Some(day("2021-04-07"))));
    }
}
