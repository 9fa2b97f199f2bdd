//! `notify`: who is told of what, and telling them.

use super::open_sink::{self, env};
use crate::args::Notify;
use crate::context::Context;
use crate::error::CommandError;
use crate::output::{self, Table, columns};
use crate::served;
use crate::stop;
use billkeep_core::deliveries::{Notice, NoticeEvent, Notifier, NotifyBy, NotifyError, SchedulerStop, Sent};
use billkeep_core::engine::Store;
use billkeep_core::exports::Hold;

pub(crate) fn run(context: &Context, command: Notify) -> Result<(), CommandError> {
    match command {
        Notify::Add { name, webhook, events, options, command } => {
            let how = webhook.map_or(NotifyBy::Command(command), NotifyBy::Webhook);
            let options = open_sink::options(&options)?;
            add(context, &Notifier { name, how, events: events.into_iter().collect(), options })
        }
        Notify::List => list(context),
        Notify::Test { name } => test(context, &name),
        Notify::Log { pending } => log(context, pending),
        Notify::Send { now } => {
            stop::listen()?;
            let store = context.write()?;
            let told = send(context, &store, now);
            store.close()?;
            if told? == 0 {
                context.say("There was nothing to tell.");
            }
            Ok(())
        }
        Notify::Remove { name } => {
            let store = context.write()?;
            let untold = store.transact(|tx| tx.remove_notifier(&name, &context.actor()))?;
            context.say(&match untold {
                0 => format!("Removed `{name}`."),
                1 => format!("Removed `{name}`; 1 notice was not told."),
                n => format!("Removed `{name}`; {n} notices were not told."),
            });
            Ok(store.close()?)
        }
    }
}

fn add(context: &Context, notifier: &Notifier) -> Result<(), CommandError> {
    billkeep_sinks::check_notifier(notifier)?;
    let store = context.write()?;
    store.transact(|tx| tx.add_notifier(notifier, &context.actor()))?;
    let name = &notifier.name;
    context.say(&format!("`{name}` is told of what happens from now on: {}.", events(notifier)));
    // The program that tells may have what this one has not.
    if let Err(error) = billkeep_sinks::open_notifier(notifier, &env) {
        context.say(&format!("It cannot be told from here yet: {error}."));
    }
    context.say(&format!("`billkeep notify test {name}` tries it."));
    Ok(store.close()?)
}

fn events(notifier: &Notifier) -> String {
    notifier.events.iter().map(|event| event.word()).collect::<Vec<_>>().join(", ")
}

fn list(context: &Context) -> Result<(), CommandError> {
    let store = context.read()?;
    let reader = store.read()?;
    let notices = Notice::list(&reader)?;
    let columns = columns("name how events options pending:count");
    let mut table = Table::new("billkeep.notify.list/1", columns);
    for notifier in Notifier::list(&reader)? {
        let pending = notices.iter().filter(|n| n.notifier == notifier.name && n.sent_unix_s.is_none());
        let options: Vec<String> = notifier.options.iter().map(|(n, v)| format!("{n}={v}")).collect();
        table.rows.push(vec![
            notifier.name.clone(),
            notifier.how.to_string(),
            events(&notifier),
            options.join(" "),
            pending.count().to_string(),
        ]);
    }
    context.print(&table)
}

fn test(context: &Context, name: &str) -> Result<(), CommandError> {
    let store = context.read()?;
    let reader = store.read()?;
    let notifier = Notifier::get(&reader, name)?;
    let (id, body) = Notice::trial(&reader, &context.actor())?;
    billkeep_sinks::open_notifier(&notifier, &env)
        .and_then(|to| to.notify(NoticeEvent::Test, &id, &body))
        .map_err(|error| failed(&format!("`{name}` could not be told"), &error))?;
    context.say(&format!("`{name}` was told, as `{id}`."));
    Ok(())
}

/// Makes an error of what kept somebody from being told.
fn failed(what: &str, error: &NotifyError) -> CommandError {
    CommandError::new(error.kind(), format!("{what}: {error}"))
}

fn log(context: &Context, pending: bool) -> Result<(), CommandError> {
    let store = context.read()?;
    let mut notices = Notice::list(&store.read()?)?;
    notices.retain(|notice| !pending || notice.sent_unix_s.is_none());
    let columns = columns("number:count notifier event subject at sent_at attempts:count next_at why");
    let mut table = Table::new("billkeep.notify.log/1", columns);
    let time = |at: Option<i64>| at.map_or_else(String::new, output::time);
    for notice in notices {
        let failure = notice.failure.as_ref();
        table.rows.push(vec![
            notice.number.to_string(),
            notice.notifier,
            notice.event.to_string(),
            notice.subject,
            output::time(notice.at_unix_s),
            time(notice.sent_unix_s),
            failure.map_or(0, |f| f.attempts).to_string(),
            time(failure.and_then(|f| f.next_unix_s)),
            failure.map_or_else(String::new, |f| f.why.clone()),
        ]);
    }
    context.print(&table)
}

/// Tells what is to be told; returns how many were told or wait.
fn send(context: &Context, store: &Store, now: bool) -> Result<usize, CommandError> {
    note_stopped(context, store)?;
    let pending = Notice::list(&store.read()?)?.iter().filter(|n| n.sent_unix_s.is_none()).count();
    if pending == 0 {
        return Ok(0);
    }
    // What two programs send at the same time arrives twice.
    let stage = context.stage();
    context.stage_folder(&stage)?;
    let hold = Hold::of_file(&stage.join("notices.lock"), "those who are told")
        .map_err(|e| CommandError::new(e.kind(), e.to_string()))?;
    let open = |notifier: &Notifier| billkeep_sinks::open_notifier(notifier, &env);
    let sent = store.send_notices(&open, now, &stop::is_asked, &context.actor())?;
    drop(hold);
    let Sent { arrived, failed, left } = sent;
    if arrived > 0 {
        context.say(&format!("Told {}.", notices(arrived)));
    }
    let mut errors = failed.iter().filter_map(error_of).collect::<Vec<_>>().into_iter();
    let Some(first) = errors.next() else {
        if left > 0 {
            let waiting = if left == 1 {
                "1 notice waits for its".to_owned()
            } else {
                format!("{left} notices wait for their")
            };
            context.say(&format!("{waiting} next attempt; `billkeep notify send --now` sends at once."));
        }
        return Ok(arrived + left);
    };
    errors.for_each(|error| context.say(&error.text()));
    Err(first)
}

fn notices(n: usize) -> String {
    output::counted(n as u64, "notice", "notices")
}

fn error_of(notice: &Notice) -> Option<CommandError> {
    let failure = notice.failure.as_ref()?;
    let error = NotifyError { kind: failure.kind, why: failure.why.clone() };
    let what = format!("`{}` could not be told of {} ({})", notice.notifier, notice.subject, notice.event);
    Some(failed(&what, &error).hint(match failure.next_unix_s {
        Some(_) => "it is told later; `billkeep notify send --now` does not wait",
        None => "mend that, and `billkeep notify send`; `billkeep notify test NAME` tries it",
    }))
}

/// Tells what a run has done, and what was left to tell. What cannot be told now is told by a later run.
pub(crate) fn after_run(context: &Context, store: &Store) -> Result<(), CommandError> {
    send(context, store, false).map(drop)
}

/// Writes down that the scheduler of a console that was killed delivers nothing. One that runs does so itself.
fn note_stopped(context: &Context, store: &Store) -> Result<(), CommandError> {
    let Some(served) = served::find(&context.store).filter(|served| !served.runs) else { return Ok(()) };
    let Some(why) = served.why_stopped() else { return Ok(()) };
    let stop = SchedulerStop { actor: &served.actor, why: &why };
    store.notify_stopped(stop, &context.actor())?;
    Ok(())
}
