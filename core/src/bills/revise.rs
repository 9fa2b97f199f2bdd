//! Makes the revisions of a bill, and sees that history is only ever added to (I3, I4).

use crate::engine::block::merge_sums;
use crate::engine::journal::{self, Actor};
use crate::engine::rollup::Overflow;
use crate::values::digest::Digest;

use super::combine::{Completeness, completeness};
use super::error::BillError;
use super::records::{Bill, BillKey, BillState, Load, Revision};
use super::view::{BillView, segment_views};
use crate::engine::block::Sums;
use crate::engine::store::{Records, StoreError, Table, Transaction};

/// Makes the revision that these loads are (I1, I2: its sums and lines are those of its loads).
pub(crate) fn revise(
    bill: BillKey,
    current: Option<&Revision>,
    loads: &[Load],
    actor: &Actor,
) -> Result<Revision, BillError> {
    let mut digest = Digest::EMPTY;
    let mut sums = Vec::new();
    for load in loads {
        digest.merge(&load.digest);
        merge_sums(&mut sums, &load.sums).ok_or(Overflow)?;
    }
    let lines: u64 = sums.iter().map(|s| s.lines).sum();
    if lines != digest.lines() {
        return Err(BillError::DoNotTie {
            bill,
            what: "the lines of sums and digest",
            one: lines.to_string(),
            other: digest.lines().to_string(),
        });
    }
    let Completeness { through, missing, complete } =
        completeness(bill.month, loads.iter().filter_map(|l| l.coverage));
    let previous = current.map_or(0, |r| r.number);
    Ok(Revision {
        number: previous + 1,
        previous,
        digest,
        sums,
        loads: loads.iter().map(|l| l.number).collect(),
        through,
        missing,
        complete,
        at_unix_s: actor.at_unix_s,
        actor: actor.name.clone(),
    })
}

/// Looks at some loads as if they were all of a bill.
pub(crate) fn alone(
    store: &impl Records,
    key: BillKey,
    loads: &[Load],
    actor: &Actor,
) -> Result<BillView, BillError> {
    let revision: Revision = revise(key, None, loads, actor)?;
    let bill = Bill { key, revision: revision.number, state: BillState::Open, confirmation: None };
    let with_segments = |load: &Load| Ok::<_, StoreError>((load.clone(), segment_views(store, load)?));
    let loads = loads.iter().map(with_segments).collect::<Result<_, _>>()?;
    Ok(BillView { bill, revision, loads })
}

/// Makes a revision the bill's current one.
///
/// # Errors
/// [`BillError::History`] when it would change what is there: a revision that is not the next one, or a confirmed bill.
pub(crate) fn put_revision(
    writer: &Transaction,
    key: BillKey,
    revision: &Revision,
    state: BillState,
) -> Result<(), BillError> {
    let broken = |why: String| Err(BillError::History { bill: key, why });
    let before: Option<Bill> = writer.get(Table::Bills, &key.bytes())?;
    let (last, confirmed) =
        before.map_or((0, false), |bill| (bill.revision, bill.state == BillState::Confirmed));
    if confirmed {
        return broken(format!("revision {} would change it, and it is confirmed", revision.number));
    }
    if (revision.previous, revision.number) != (last, last + 1) {
        return broken(format!("revision {} does not follow revision {last}", revision.number));
    }
    let place = Revision::key_bytes(key, revision.number);
    if writer.get_bytes(Table::Revisions, &place)?.is_some() {
        return broken(format!("there is a revision {} already", revision.number));
    }
    writer.put(Table::Revisions, &place, revision)?;
    journal::revised(writer, key.subject(), revision.digest.bytes());
    let bill = Bill { key, revision: revision.number, state, confirmation: None };
    Ok(writer.put(Table::Bills, &key.bytes(), &bill)?)
}

/// Checks the history of a bill: revisions follow one another, each is the sum of its loads, and a confirmation is that of
/// the last one (I1 to I4).
///
/// # Errors
/// [`BillError::History`] with what is wrong.
pub(crate) fn check_history(store: &impl Records, key: BillKey) -> Result<(), BillError> {
    let broken = |why: String| BillError::History { bill: key, why };
    let bill = Bill::get(store, key)?;
    let history = Revision::list(store, key)?;
    for (at, revision) in history.iter().enumerate() {
        let number = at as u32 + 1;
        if (revision.number, revision.previous) != (number, number - 1) {
            return Err(broken(format!(
                "revision {number} is told as {} after {}",
                revision.number, revision.previous
            )));
        }
        let mut sums: Vec<Sums> = Vec::new();
        let mut digest = Digest::EMPTY;
        for load in Load::list_of(store, revision)? {
            if load.bill != key {
                return Err(broken(format!(
                    "revision {number} has load {}, of the bill for {}",
                    load.number, load.bill
                )));
            }
            merge_sums(&mut sums, &load.sums).ok_or(Overflow)?;
            digest.merge(&load.digest);
        }
        if sums != revision.sums || digest != revision.digest {
            return Err(broken(format!("revision {number} is not the sum of its loads")));
        }
    }
    if history.len() != bill.revision as usize {
        return Err(broken(format!("it is at revision {}, and there are {}", bill.revision, history.len())));
    }
    match (bill.state, &bill.confirmation) {
        (BillState::Confirmed, Some(confirmation)) if confirmation.revision == bill.revision => Ok(()),
        (BillState::Confirmed, Some(confirmation)) => {
            Err(broken(format!("revision {} was confirmed, and it is at another", confirmation.revision)))
        }
        (BillState::Confirmed, None) => Err(broken("it is confirmed by nobody".to_owned())),
        (state, Some(_)) => Err(broken(format!("it is {state}, and has a confirmation"))),
        (_, None) => Ok(()),
    }
}
