//! What happens to a bill whose lines stay the same, and how it is written down.

use crate::engine::journal::{self, Actor, EntryChange};
use crate::engine::store::{Records, Table, Transaction};

use super::error::BillError;
use super::life::{BillEvent, Refusal, next};
use super::records::{Bill, BillKey, Revision};
use super::standing::{Signed, sign};

/// What came of a decision that may need two people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decided {
    /// The revision that was decided on.
    pub revision: Revision,
    /// Says whether a second person has to decide the same before it holds.
    pub waits: bool,
    /// Who decided first, where two have.
    pub first: Option<String>,
}

/// Says why something cannot happen to a bill, with what is missing where that is the reason.
pub(super) fn refused(bill: &Bill, refusal: Refusal, current: Option<&Revision>) -> BillError {
    let why = match (refusal, current.map(|r| (r.through, r.missing.as_slice()))) {
        (Refusal::NotComplete, Some((_, [first, ..]))) => format!("{refusal}, {first} is missing"),
        (Refusal::NotComplete, Some((Some(through), _))) => {
            format!("{refusal}, its lines go through {through}")
        }
        (Refusal::NotComplete, Some((None, _))) => format!("{refusal}, no file covers its first day"),
        _ => refusal.to_string(),
    };
    BillError::State { bill: bill.key, state: bill.state, why }
}

/// Takes a confirmation back within a transaction that does more.
pub(super) fn reopen_in(
    writer: &Transaction,
    key: BillKey,
    reason: &str,
    actor: &Actor,
) -> Result<Decided, BillError> {
    let mut bill = Bill::get(writer, key)?;
    let revision: Revision = writer.need(Table::Revisions, &Revision::key_bytes(key, bill.revision))?;
    next(bill.state, BillEvent::Reopen).map_err(|r| refused(&bill, r, None))?;
    let (holds, first) = sign(writer, &bill, Signed::Reopen, &revision.digest, actor)?;
    if holds {
        let detail = match &first {
            Some(first) => format!("the confirmation is taken back, as `{first}` asked first"),
            None => "the confirmation is taken back".to_owned(),
        };
        bill.confirmation = None;
        let said = BillChange { action: "reopen", detail: &detail, reason: Some(reason) };
        change(writer, bill, BillEvent::Reopen, said, actor)?;
    } else {
        let detail = format!("revision {}", bill.revision);
        let digest = Some(revision.digest.bytes());
        let subject = key.subject();
        let entry = EntryChange::new("reopen first", &subject, &detail);
        let entry = EntryChange { before: digest, after: digest, reason: Some(reason), ..entry };
        journal::append_change(writer, actor, entry)?;
    }
    Ok(Decided { revision, waits: !holds, first })
}

/// What the journal is told of something that happens to a bill.
#[derive(Clone, Copy)]
pub(super) struct BillChange<'a> {
    pub(super) action: &'a str,
    pub(super) detail: &'a str,
    pub(super) reason: Option<&'a str>,
}

/// Lets something happen to a bill, whose lines stay the same, and writes it down.
pub(super) fn change(
    writer: &Transaction,
    mut bill: Bill,
    event: BillEvent,
    said: BillChange<'_>,
    actor: &Actor,
) -> Result<Revision, BillError> {
    let revision: Revision = writer.need(Table::Revisions, &Revision::key_bytes(bill.key, bill.revision))?;
    bill.state = next(bill.state, event).map_err(|r| refused(&bill, r, Some(&revision)))?;
    writer.put(Table::Bills, &bill.key.bytes(), &bill)?;
    let detail = format!("revision {}: {}", bill.revision, said.detail);
    let digest = Some(revision.digest.bytes());
    let subject = bill.key.subject();
    let entry = EntryChange::new(said.action, &subject, &detail);
    journal::append_change(
        writer,
        actor,
        EntryChange { before: digest, after: digest, reason: said.reason, ..entry },
    )?;
    Ok(revision)
}
