//! What is told of what happened.

use chrono::{DateTime, SecondsFormat};
use serde_json::{Map, Value, json};

use crate::bills::late::{LateCause, LateFile};
use crate::bills::{Bill, BillKey, Revision};
use crate::deliveries::{Delivery, Failure, Receipt};
use crate::engine::journal::Actor;
use crate::engine::settings::StoreSettings;
use crate::engine::store::{Records, StoreError, Transaction};
use crate::exports::Totals;
use crate::values::digest::lines_counted;
use crate::values::money::Amount;

use super::record::{self, Notice, NoticeEvent, Notifier, SERIES};
use crate::engine::journal::JournalHead;

/// The name and version of what is sent.
const FORMAT: &str = "billkeep.notice/1";

/// What happened.
#[derive(Clone, Copy, Debug)]
pub(crate) enum NoticeFacts<'a> {
    /// This delivery has arrived.
    Delivered(&'a Delivery, &'a Receipt),
    /// This delivery has failed.
    Failed(&'a Delivery, &'a Failure),
    /// This bill waits for confirmation.
    Waiting(&'a Bill, &'a Revision),
    /// This file waits for a decision.
    Pending(&'a LateFile),
    /// The scheduler delivers nothing.
    Stopped(SchedulerStop<'a>),
    /// Nothing; somebody tries.
    Test,
}

/// A scheduler that delivers nothing.
#[derive(Clone, Copy, Debug)]
pub struct SchedulerStop<'a> {
    /// In whose name it delivers.
    pub actor: &'a str,
    /// Why it does not, in words.
    pub why: &'a str,
}

impl NoticeFacts<'_> {
    pub(super) fn event(self) -> NoticeEvent {
        match self {
            NoticeFacts::Delivered(..) => NoticeEvent::Delivered,
            NoticeFacts::Failed(..) => NoticeEvent::Failed,
            NoticeFacts::Waiting(..) => NoticeEvent::Waiting,
            NoticeFacts::Pending(..) => NoticeEvent::Pending,
            NoticeFacts::Stopped(..) => NoticeEvent::Stopped,
            NoticeFacts::Test => NoticeEvent::Test,
        }
    }

    /// What it is about, in words.
    fn subject(self) -> String {
        match self {
            NoticeFacts::Delivered(delivery, _) | NoticeFacts::Failed(delivery, _) => {
                format!("delivery {}", delivery.number)
            }
            NoticeFacts::Waiting(bill, revision) => {
                format!("{} revision {}", bill.key.subject(), revision.number)
            }
            NoticeFacts::Pending(late) => format!("{} {}", late.noun(), late.number),
            NoticeFacts::Stopped(_) => "the scheduler".to_owned(),
            NoticeFacts::Test => "a test".to_owned(),
        }
    }

    /// One sentence for people; chats show this alone.
    fn text(self) -> String {
        match self {
            NoticeFacts::Delivered(delivery, receipt) => format!(
                "Delivered the {} bill of {}, {}, to sink `{}`: {}, {}. {}",
                delivery.plan.wanted.kind,
                delivery.plan.wanted.uin,
                delivery.plan.wanted.coverage,
                delivery.sink,
                lines_counted(receipt.rows),
                receipt.totals,
                receipt.location
            ),
            NoticeFacts::Failed(delivery, failure) => format!(
                "Could not deliver the {} bill of {}, {}, to sink `{}` ({}): {}",
                delivery.plan.wanted.kind,
                delivery.plan.wanted.uin,
                delivery.plan.wanted.coverage,
                delivery.sink,
                failure.kind.word(),
                failure.why
            ),
            NoticeFacts::Waiting(bill, revision) => format!(
                "The bill for {} is {} and waits for confirmation: revision {}, {}, {}.",
                bill.key,
                bill.state,
                revision.number,
                lines_counted(revision.lines()),
                revision.total_text()
            ),
            NoticeFacts::Pending(late) => {
                let why = match late.cause {
                    LateCause::Confirmed => "is confirmed",
                    LateCause::Smaller => "would lose lines, or the file ends too early",
                };
                format!(
                    "File `{}` waits for a decision as {} {}: the bill for {} {why}. It would change the bill by {}.",
                    late.file,
                    late.noun(),
                    late.number,
                    late.bill,
                    late.difference_text()
                )
            }
            NoticeFacts::Stopped(SchedulerStop { actor, why }) => {
                format!("The scheduler, which acts as `{actor}`, delivers nothing: {why}.")
            }
            NoticeFacts::Test => "This is a test of billkeep's notices. Nothing has happened.".to_owned(),
        }
    }

    /// The members that only this event has.
    fn members(self) -> Map<String, Value> {
        let mut members = Map::new();
        let mut put = |name: &str, value: Value| members.insert(name.to_owned(), value);
        match self {
            NoticeFacts::Delivered(delivery, receipt) => {
                put("bill", bill_json(delivery.plan.wanted.bill));
                let mut told = delivery_json(delivery);
                for (name, value) in [
                    ("location", json!(receipt.location)),
                    ("part", json!(receipt.part)),
                    ("manifest", json!(receipt.manifest)),
                    ("bytes", json!(receipt.bytes)),
                    ("sha256", json!(crate::values::digest::hex(&receipt.sha256))),
                    ("rows", json!(receipt.rows)),
                    ("totals", totals_json(&receipt.totals)),
                    ("supersedes", json!(delivery.supersedes)),
                ] {
                    told.insert(name.to_owned(), value);
                }
                put("delivery", told.into());
            }
            NoticeFacts::Failed(delivery, failure) => {
                put("bill", bill_json(delivery.plan.wanted.bill));
                put("delivery", delivery_json(delivery).into());
                put(
                    "failure",
                    json!({
                        "kind": failure.kind.word(),
                        "why": failure.why,
                        "attempts": failure.attempts,
                        "next_at": failure.next_unix_s.map(time),
                    }),
                );
            }
            NoticeFacts::Waiting(bill, revision) => {
                put("bill", bill_json(bill.key));
                put(
                    "revision",
                    json!({
                        "number": revision.number,
                        "state": bill.state.to_string(),
                        "lines": revision.lines(),
                        "totals": totals_json(&Totals::Partner(revision.sums.clone())),
                        "digest": revision.digest.hex(),
                    }),
                );
            }
            NoticeFacts::Pending(late) => {
                put("bill", bill_json(late.bill));
                let losses = late.smaller.days.iter().map(|loss| {
                    json!({
                        "day": loss.day.to_string(),
                        "currency": loss.currency,
                        "accounts": loss.accounts,
                        "lines": loss.lines,
                        "amount": loss.amount.to_string(),
                    })
                });
                put(
                    "pending",
                    json!({
                        "number": late.number,
                        "cause": late.cause.word(),
                        "file": late.file,
                        "lines": late.lines,
                        "losses": losses.collect::<Vec<Value>>(),
                    }),
                );
            }
            NoticeFacts::Stopped(SchedulerStop { actor, why }) => {
                put("scheduler", json!({ "actor": actor, "why": why }));
            }
            NoticeFacts::Test => {}
        }
        members
    }
}

fn time(at_unix_s: i64) -> String {
    DateTime::from_timestamp(at_unix_s, 0)
        .map_or_else(|| at_unix_s.to_string(), |at| at.to_rfc3339_opts(SecondsFormat::Secs, true))
}

fn bill_json(bill: BillKey) -> Value {
    json!({ "payer": bill.payer.to_string(), "month": bill.month.to_string(), "basis": bill.basis.to_string() })
}

fn delivery_json(delivery: &Delivery) -> Map<String, Value> {
    let wanted = &delivery.plan.wanted;
    let coverage = delivery.plan.wanted.coverage;
    let mut told = Map::new();
    for (name, value) in [
        ("number", json!(delivery.number)),
        ("kind", json!(wanted.kind.to_string())),
        ("audience", json!(wanted.form.audience.word())),
        ("uin", json!(wanted.uin.to_string())),
        ("first_day", json!(coverage.first.to_string())),
        ("last_day", json!(coverage.last.to_string())),
        ("sink", json!(delivery.sink)),
    ] {
        told.insert(name.to_owned(), value);
    }
    told
}

/// Lists the totals by currency; `null` where a customer's is not known.
fn totals_json(totals: &Totals) -> Value {
    let one = |(currency, total): (&str, Option<Amount>)| json!({ "currency": currency, "total": total.map(|t| t.to_string()) });
    totals.by_currency().into_iter().map(one).collect()
}

/// The id that tells a receiver that it has seen this before.
fn id(store: &impl Records, number: &str) -> Result<String, StoreError> {
    Ok(format!("billkeep-{}-{number}", StoreSettings::of(store)?.payer))
}

fn body(store: &impl Records, told: NoticeFacts<'_>, id: &str, at_unix_s: i64) -> Result<String, StoreError> {
    let mut object = Map::new();
    object.insert("format".into(), json!(FORMAT));
    object.insert("id".into(), json!(id));
    object.insert("event".into(), json!(told.event().word()));
    object.insert("at".into(), json!(time(at_unix_s)));
    object.insert("text".into(), json!(told.text()));
    object.append(&mut told.members());
    if let Some(head) = JournalHead::last(store)? {
        object.insert("journal".into(), json!({ "entry": head.entry, "hash": head.hex() }));
    }
    Ok(Value::Object(object).to_string())
}

/// Writes down what everybody who wants to know of it is to be told, in the transaction of what happened.
pub(crate) fn tell(writer: &Transaction, told: NoticeFacts<'_>, at_unix_s: i64) -> Result<(), StoreError> {
    for notifier in Notifier::list(writer)? {
        if notifier.events.contains(&told.event()) {
            write(writer, &notifier, told, at_unix_s)?;
        }
    }
    Ok(())
}

pub(super) fn write(
    writer: &Transaction,
    notifier: &Notifier,
    told: NoticeFacts<'_>,
    at_unix_s: i64,
) -> Result<(), StoreError> {
    let number = writer.next_id(SERIES)?;
    let id = id(writer, &number.to_string())?;
    let notice = Notice {
        number,
        notifier: notifier.name.clone(),
        event: told.event(),
        subject: told.subject(),
        body: body(writer, told, &id, at_unix_s)?,
        id,
        at_unix_s,
        sent_unix_s: None,
        failure: None,
    };
    record::put(writer, &notice)
}

impl Notice {
    /// Makes id and body of a notice that is kept nowhere, for trying a notifier.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read.
    pub fn trial(store: &impl Records, actor: &Actor) -> Result<(String, String), StoreError> {
        let id = id(store, &format!("test-{}", actor.at_unix_s))?;
        let body = body(store, NoticeFacts::Test, &id, actor.at_unix_s)?;
        Ok((id, body))
    }
}
