//! Declares that nothing was used on days that no file covers.
//!
//! A provider may send no file after a quiet day, and the bill would then wait for that day for ever. A declaration is a load of one day
//! without lines and without a file. Any file that covers the day later replaces it (`combine`).

use crate::engine::journal::{self, Actor, EntryChange};
use crate::engine::store::{Records, Table, Transaction};
use crate::formats::schema::BillLevel;
use crate::values::digest::Digest;
use crate::values::period::{Coverage, Day};

use super::dispute;
use super::error::BillError;
use super::life::{BillEvent, next};
use super::records::{Bill, BillKey, BillState, ImportMode, Load, Revision, SourceFile};
use super::revise::{put_revision, revise};

/// The name that a declaration has in place of a file's.
const NAME: &str = "declared empty";

impl Load {
    /// Says whether the load is no file but a declaration that nothing was used on its days.
    pub fn is_declared_empty(&self) -> bool {
        self.file.bytes == 0 && self.segments.is_empty() && self.file.name == NAME
    }
}

impl Transaction {
    /// Declares that nothing was used on the days of `days`, and returns the bill's new revision.
    ///
    /// # Errors
    /// [`BillError::DayNotFree`] for a day outside of the month or one that a file covers; [`BillError::State`] for a confirmed bill.
    pub fn declare_empty_days(
        &self,
        key: BillKey,
        days: Coverage,
        reason: &str,
        actor: &Actor,
    ) -> Result<Revision, BillError> {
        self.whole(|| declare(self, key, days, reason, actor))
    }
}

fn declare(
    tx: &Transaction,
    key: BillKey,
    days: Coverage,
    reason: &str,
    actor: &Actor,
) -> Result<Revision, BillError> {
    let bill: Option<Bill> = tx.get(Table::Bills, &key.bytes())?;
    let current: Option<Revision> = match &bill {
        Some(bill) => Some(tx.need(Table::Revisions, &Revision::key_bytes(key, bill.revision))?),
        None => None,
    };
    let mut loads = match &current {
        Some(revision) => Load::list_of(tx, revision)?,
        None => Vec::new(),
    };
    let level = loads.first().map_or(BillLevel::L3, |load| load.level);
    for day in all_days(key, days)? {
        let covers = |load: &&Load| load.coverage.is_some_and(|c| c.first <= day && day <= c.last);
        if let Some(load) = loads.iter().find(covers) {
            let why = format!("`{}` covers it, which the bill holds as load {}", load.file.name, load.number);
            return Err(BillError::DayNotFree { bill: key, day, why });
        }
        let number = tx.next_id("load")?;
        let load = Load {
            number,
            bill: key,
            mode: ImportMode::Day,
            coverage: Some(Coverage { first: day, last: day }),
            level,
            file: SourceFile { name: NAME.to_owned(), sha256: [0; 32], bytes: 0, entries: Vec::new() },
            digest: Digest::EMPTY,
            sums: Vec::new(),
            segments: Vec::new(),
            at_unix_s: actor.at_unix_s,
            actor: actor.name.clone(),
        };
        tx.put(Table::Loads, &number.to_be_bytes(), &load)?;
        loads.push(load);
    }
    let revision = revise(key, current.as_ref(), &loads, actor)?;
    let disputed = dispute::blocks(tx, key)?;
    let event = BillEvent::Load { complete: revision.complete, adjustment: false, disputed };
    let before = bill.as_ref().map_or(BillState::Open, |bill| bill.state);
    let state = next(before, event).map_err(|refusal| BillError::State {
        bill: key,
        state: before,
        why: refusal.to_string(),
    })?;
    put_revision(tx, key, &revision, state)?;
    let detail = format!(
        "{} to {}: revision {}, total {}, digest {}",
        days.first,
        days.last,
        revision.number,
        revision.total_text(),
        revision.digest
    );
    let subject = key.subject();
    let entry = EntryChange {
        before: current.as_ref().map(|r| r.digest.bytes()),
        after: Some(revision.digest.bytes()),
        reason: Some(reason),
        ..EntryChange::new("declare empty", &subject, &detail)
    };
    journal::append_change(tx, actor, entry)?;
    Ok(revision)
}

/// Returns the days one by one.
fn all_days(key: BillKey, days: Coverage) -> Result<Vec<Day>, BillError> {
    let month = Coverage::month(key.month);
    for day in [days.first, days.last] {
        if day < month.first || day > month.last {
            let why = format!("it is not a day of {}", key.month);
            return Err(BillError::DayNotFree { bill: key, day, why });
        }
    }
    if days.first > days.last {
        let why = format!("it is after the last day, {}", days.last);
        return Err(BillError::DayNotFree { bill: key, day: days.first, why });
    }
    let all = (1..=31).filter_map(|day| key.month.day(day));
    Ok(all.filter(|day| days.first <= *day && *day <= days.last).collect())
}
