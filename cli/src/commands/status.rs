//! `status`: what a person has to know in the morning, and what to do about it.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::args::Format;
use crate::context::Context;
use crate::error::CommandError;
use crate::output::{self, Column, Table};
use crate::served;
use crate::text::short;

use super::due::When;
use super::expected::{Way, next, ways};

use billkeep_core::deliveries::{
    BillFiles, Calendars, Delivery, DueAt, DueItem, Expectation, Notice, Profile, StorageAccount, TimeOfDay,
    Verdict, WhyNot,
};

use billkeep_core::bills::{
    Bill, BillState, Dispute, DisputeState, LateCause, LateFile, LateState, Revision, Signed, Standing,
};
use billkeep_core::engine::{Snapshot, StoreSettings};
use billkeep_core::formats::BillKind;
use billkeep_core::partners::{PeopleError, Person, Policy};
use billkeep_core::values::{Basis, BillMonth, Day};

/// Something to know or to do.
struct Item {
    section: Section,
    /// The month, the sink, or `-`.
    subject: String,
    text: String,
    /// The command that comes next; empty where there is none.
    next: String,
    /// Other commands, and when they are right.
    or: Vec<Way>,
}

impl Item {
    fn new(
        section: Section,
        subject: impl Into<String>,
        text: impl Into<String>,
        next: impl Into<String>,
    ) -> Item {
        Item { section, subject: subject.into(), text: text.into(), next: next.into(), or: Vec::new() }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Section {
    Decide,
    Files,
    Failed,
    Due,
    Months,
}

impl Section {
    const ALL: [Section; 5] =
        [Section::Decide, Section::Files, Section::Failed, Section::Due, Section::Months];

    fn name(self) -> &'static str {
        match self {
            Section::Decide => "decide",
            Section::Files => "files",
            Section::Failed => "failed",
            Section::Due => "due",
            Section::Months => "months",
        }
    }

    fn title(self) -> &'static str {
        match self {
            Section::Decide => "Waits for a decision",
            Section::Files => "Files that are late, missing, double or of the wrong basis",
            Section::Failed => "Failed or was interrupted",
            Section::Due => "Due today",
            Section::Months => "Months",
        }
    }
}

pub(crate) fn run(context: &Context, on: Option<Day>, at: Option<TimeOfDay>) -> Result<(), CommandError> {
    let is_now = on.is_none() && at.is_none();
    let store = context.read()?;
    let reader = store.read()?;
    let settings = StoreSettings::of(&reader)?;
    let calendars = Calendars::load(&reader)?;
    // Without a day, what time it is counts, as in `due` and `run`; of a day that is named all of it.
    let when = When::of(context, &reader, (on, at, None))?;
    let on = when.on;
    let profile = calendars.on(on);
    let mut items = Vec::new();
    months(&reader, on, profile, &mut items)?;
    decisions(&reader, &mut items)?;
    consents(&reader, on, &mut items)?;
    let expected = Expectation::list(profile, on, &BillFiles::list(&reader)?);
    files(on, &expected, &mut items);
    let run = if is_now { "billkeep run".to_owned() } else { format!("billkeep run{}", when.words()) };
    deliveries(&reader, &when, &run, &expected, &mut items)?;
    let scheduler = scheduler(context, &reader, &mut items)?;
    items.extend(context.open_to_others().map(|mode| {
        let text = format!("its file has mode {mode}: other users of this machine can read it");
        Item::new(Section::Failed, "store", text, format!("chmod 600 {}", context.store.display()))
    }));
    items.sort_by_key(|item| item.section);
    match context.format {
        Format::Table => print(context, on, &settings, profile, &scheduler, &items),
        Format::Json => {
            let way = |way: &Way| json!({ "when": way.when, "command": way.command });
            let row = |i: &Item| {
                let or: Vec<Value> = i.or.iter().map(way).collect();
                json!({ "section": i.section.name(), "subject": i.subject, "text": i.text, "next": i.next, "or": or })
            };
            let rows: Vec<Value> = items.iter().map(row).collect();
            let object = json!({ "format": "billkeep.status/1", "on": on.to_string(), "rows": rows });
            context.data(output::json_text(&object).as_bytes())
        }
        Format::Csv => {
            let columns = ["section", "subject", "text", "next"].map(Column::text).to_vec();
            let mut table = Table::new("billkeep.status/1", columns);
            table.rows = items
                .into_iter()
                .map(|i| vec![i.section.name().to_owned(), i.subject, i.text, i.next])
                .collect();
            context.print(&table)
        }
    }
}

/// Tells the months, and which of them somebody should confirm by when.
fn months(reader: &Snapshot, on: Day, profile: &Profile, items: &mut Vec<Item>) -> Result<(), CommandError> {
    for (bill, revision) in Bill::list(reader)? {
        let through = revision.through.map_or_else(|| "-".to_owned(), |d| d.to_string());
        let text = format!("{}, in through {through}, {}", bill.state, revision.total_text());
        items.push(Item::new(Section::Months, bill.key.subject(), text, ""));
        if matches!(bill.state, BillState::Issued | BillState::Disputed) {
            items.push(to_confirm(reader, on, profile, &bill, &revision)?);
        }
    }
    Ok(())
}

fn to_confirm(
    reader: &Snapshot,
    on: Day,
    profile: &Profile,
    bill: &Bill,
    revision: &Revision,
) -> Result<Item, CommandError> {
    let standing = Standing::of(reader, bill.key)?;
    // From that day on, customers' bills are due, which wait for the confirmation.
    let deadline = profile.due_day(BillKind::Reseller, bill.key.month);
    let when = match (&standing.deferred, deadline) {
        (Some(deferred), _) if on < deferred.until => format!("put off until {}", deferred.until),
        (Some(deferred), _) => format!("put off until {}, which has come", deferred.until),
        (None, Some(deadline)) if on < deadline => format!("by {deadline}"),
        (None, Some(deadline)) => format!("since {deadline}"),
        (None, None) => String::new(),
    };
    let signed = standing
        .signature_on(Signed::Confirm, &revision.digest)
        .map_or_else(String::new, |s| format!("; `{}` has signed, a second person is missing", s.actor));
    let basis = if bill.key.basis == Basis::Paid { " --basis paid" } else { "" };
    let digest = revision.digest.hex();
    Ok(if bill.state == BillState::Disputed {
        let text = format!("disputed; to be confirmed {when}{signed}");
        Item::new(Section::Decide, bill.key.subject(), text, "billkeep dispute list --open")
    } else {
        let text = format!("to be confirmed {when}, as {}{signed}", short(&digest));
        let next = format!("billkeep bill show {}{basis}", bill.key.month);
        Item::new(Section::Decide, bill.key.subject(), text, next)
    })
}

/// Tells what else somebody has to decide on.
fn decisions(reader: &Snapshot, items: &mut Vec<Item>) -> Result<(), CommandError> {
    let mut decide = |subject: String, text: String, next: String| {
        items.push(Item::new(Section::Decide, subject, text, next));
    };
    for late in LateFile::list(reader)?.into_iter().filter(|l| l.state == LateState::Waiting) {
        let text = match late.cause {
            LateCause::Confirmed => {
                format!("late file `{}` would change it by {}", late.file, late.difference_text())
            }
            LateCause::Smaller => {
                format!("pending file `{}` {}", late.file, super::late::reasons(&late.smaller).join("; it "))
            }
        };
        decide(late.bill.subject(), text, super::late::command(&late, "show"));
    }
    for dispute in Dispute::list(reader, None)?.into_iter().filter(|d| !d.state.is_end()) {
        let waits = match dispute.state {
            DisputeState::Open => "was not sent",
            DisputeState::Sent => "is not answered",
            _ => "waits for its correction",
        };
        let aside = if dispute.set_aside.is_some() { ", set aside" } else { "" };
        let text = format!(
            "dispute {} {waits}{aside}: {} {}, {}",
            dispute.number,
            dispute.amount.grouped(),
            dispute.currency,
            dispute.reason
        );
        decide(dispute.bill.subject(), text, format!("billkeep dispute show {}", dispute.number));
    }
    for (bill, revision) in Bill::list(reader)? {
        if let Some(signature) =
            Standing::of(reader, bill.key)?.signature_on(Signed::Reopen, &revision.digest)
            && bill.state == BillState::Confirmed
        {
            let text = format!("`{}` wants it reopened; a second person is missing", signature.actor);
            decide(
                bill.key.subject(),
                text,
                format!("billkeep bill reopen {} --reason TEXT", bill.key.month),
            );
        }
    }
    if let Some(actor) = Policy::of(reader)?.off_asked_by {
        let text = format!("`{actor}` wants the rule of four eyes to end; a second person is missing");
        decide("-".to_owned(), text, "billkeep settings four-eyes off".to_owned());
    }
    Ok(())
}

/// Reports the scheduler of the console over this store: how far it went, as whom, and why it delivers nothing, if it does not.
fn scheduler(context: &Context, reader: &Snapshot, items: &mut Vec<Item>) -> Result<String, CommandError> {
    let Some(served) = served::find(&context.store).filter(|served| served.has_scheduler) else {
        return Ok(String::new());
    };
    let through = match DueAt::scheduled_through(reader)? {
        Some(day) => format!("last went through {day}"),
        None => "went through no day yet".to_owned(),
    };
    let actor = &served.actor;
    let Some(why) = served.why_stopped() else {
        return Ok(format!("scheduler {through}, as `{actor}`\n"));
    };
    let is_stranger = || matches!(Person::role_of(reader, actor), Err(PeopleError::Stranger(_)));
    let next = match served.runs {
        false => format!("billkeep --as {actor} serve"),
        true if is_stranger() => format!("billkeep user set {actor} --role operator"),
        true => String::new(),
    };
    let text = format!("{through}, as `{actor}`; it delivers nothing: {why}");
    items.push(Item::new(Section::Failed, "scheduler", text, next));
    Ok(String::new())
}

/// Reports which bills wait for a consent that nobody has given.
fn consents(reader: &Snapshot, on: Day, items: &mut Vec<Item>) -> Result<(), CommandError> {
    for account in StorageAccount::list(reader)? {
        let facts = account.facts(BillKind::Reseller, on);
        if let Some(sink) = facts.sink.filter(|_| !facts.custom_bills) {
            let text =
                format!("reseller bills for sink `{sink}` wait for your agreement to store custom bills");
            let next = format!("billkeep storage authorize {} --custom-bills", account.uin);
            items.push(Item::new(Section::Decide, account.uin.to_string(), text, next));
        }
    }
    Ok(())
}

/// Tells which files did not come as they should have.
fn files(on: Day, expected: &[Expectation], items: &mut Vec<Item>) {
    for file in expected {
        // What waits for a decision is listed as such.
        if !matches!(file.verdict, Verdict::Arrived { .. } | Verdict::Due | Verdict::Pending { .. }) {
            let text = format!("{} file through {}: {}", file.kind, file.last_day, file.text());
            let item = Item::new(Section::Files, named(file.month, file.basis), text, next(file, on));
            items.push(Item { or: ways(file, on), ..item });
        }
    }
}

/// Tells what is due, and what was begun and not finished.
fn deliveries(
    reader: &Snapshot,
    when: &When,
    run: &str,
    expected: &[Expectation],
    items: &mut Vec<Item>,
) -> Result<(), CommandError> {
    for delivery in Delivery::list(reader)? {
        if !delivery.progress.is_pending() {
            continue;
        }
        let wanted = &delivery.plan.wanted;
        let what = format!(
            "the {} bill of {}, {} to {},",
            wanted.kind, wanted.uin, wanted.coverage.first, wanted.coverage.last
        );
        let (text, next) = match &delivery.failure {
            None => (format!("{what} was begun and is not there"), run.to_owned()),
            Some(failure) => (
                format!("{what} is not there ({}): {}", failure.kind.word(), failure.why),
                format!("billkeep delivery show {}", delivery.number),
            ),
        };
        items.push(Item::new(Section::Failed, delivery.sink.clone(), text, next));
    }
    for notice in Notice::list(reader)?.into_iter().filter(|notice| notice.sent_unix_s.is_none()) {
        if let Some(failure) = notice.failure {
            let text =
                format!("was not told of {} ({}): {}", notice.subject, failure.kind.word(), failure.why);
            items.push(Item::new(Section::Failed, notice.notifier, text, "billkeep notify send --now"));
        }
    }
    for basis in [Basis::Used, Basis::Paid] {
        let DueAt { now, later } = when.due_of(reader, basis)?;
        let come = now.len();
        let due: Vec<DueItem> = now.into_iter().chain(later).collect();
        waiting(&due, basis, when.on, expected, items);
        for (at, item) in due.into_iter().enumerate() {
            let (Ok(_), Some(sink)) = (&item.verdict, &item.sink) else { continue };
            let flag = if basis == Basis::Paid { " --basis paid" } else { "" };
            let (hour, next) = if at < come {
                (String::new(), format!("{run}{flag}"))
            } else {
                (format!(": not yet, at {}", item.asked.from), String::new())
            };
            let text = format!(
                "the {} bill of {}, {} to {}{}{hour}",
                item.slot.kind,
                item.uin,
                item.slot.coverage.first,
                item.slot.coverage.last,
                if basis == Basis::Paid { " by pay time" } else { "" }
            );
            items.push(Item::new(Section::Due, sink.clone(), text, next));
        }
    }
    Ok(())
}

/// Names a month as a bill is named.
fn named(month: BillMonth, basis: Basis) -> String {
    if basis == Basis::Paid { format!("{month} by pay time") } else { month.to_string() }
}

/// Reports how many bills would be due and wait for lines or for somebody, by month and reason.
fn waiting(due: &[DueItem], basis: Basis, on: Day, expected: &[Expectation], items: &mut Vec<Item>) {
    let flag = if basis == Basis::Paid { " --basis paid" } else { "" };
    let of = |month: BillMonth| {
        let mut of = expected.iter().filter(|e| e.month == month && e.basis == basis);
        of.find(|e| !e.lacking.is_empty())
    };
    let mut waiting: BTreeMap<(BillMonth, String), (u64, String, Vec<Way>)> = BTreeMap::new();
    for item in due {
        let month = item.slot.coverage.first.month();
        let mut or = Vec::new();
        let (why, next) = match &item.verdict {
            // Of months before the first one in the store, nothing is expected.
            Err(WhyNot::NotComplete { .. } | WhyNot::NoBill) => {
                let Some(e) = of(month) else { continue };
                // What is late has them above, with the files.
                if e.verdict == Verdict::Due {
                    or = ways(e, on);
                }
                let are = if e.lacking.len() == 1 { "is" } else { "are" };
                (format!("{} {are} not in", Day::ranges(&e.lacking)), next(e, on))
            }
            Err(WhyNot::NotConfirmed { state: BillState::Open }) => {
                let next = "billkeep storage enable UIN --sink NAME --kinds daily --after issue";
                ("the month is open, and they leave after its confirmation".to_owned(), next.to_owned())
            }
            Err(WhyNot::NotConfirmed { .. }) => {
                ("the month is not confirmed".to_owned(), format!("billkeep bill show {month}{flag}"))
            }
            Err(WhyNot::Disputed) => {
                ("the month is disputed".to_owned(), "billkeep dispute list --open".to_owned())
            }
            _ => continue,
        };
        waiting.entry((month, why)).or_insert((0, next, or)).0 += 1;
    }
    for ((month, why), (bills, next, or)) in waiting {
        let bills = if bills == 1 { "1 bill waits".to_owned() } else { format!("{bills} bills wait") };
        let item = Item::new(Section::Due, named(month, basis), format!("{bills}: {why}"), next);
        items.push(Item { or, ..item });
    }
}

fn print(
    context: &Context,
    on: Day,
    settings: &StoreSettings,
    profile: &Profile,
    scheduler: &str,
    items: &[Item],
) -> Result<(), CommandError> {
    let mut text = format!("{on}, payer {}, calendar {}\n{scheduler}", settings.payer, profile.name);
    for section in Section::ALL {
        let of: Vec<&Item> = items.iter().filter(|i| i.section == section).collect();
        text.push_str(&format!("\n{}\n", section.title()));
        if of.is_empty() {
            text.push_str("  nothing\n");
        }
        let width = of.iter().map(|i| i.subject.chars().count()).max().unwrap_or(0);
        for (i, item) in of.iter().enumerate() {
            text.push_str(&format!("  {:width$}  {}\n", item.subject, item.text));
            // One command may do for several in a row.
            let same = of.get(i + 1).is_some_and(|after| after.next == item.next);
            if !item.next.is_empty() && !same {
                text.push_str(&format!("  {:width$}    {}\n", "", item.next));
            }
            for way in item.or.iter().filter(|_| !same) {
                text.push_str(&format!("  {:width$}    {}:\n", "", way.when));
                text.push_str(&format!("  {:width$}      {}\n", "", way.command));
            }
        }
    }
    context.data(text.as_bytes())
}
