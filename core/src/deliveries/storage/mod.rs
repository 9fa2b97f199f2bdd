//! Bill storage: the allowlist, the grants, the sinks, and which account's bills go where from which day on.
//!
//! Nothing is written for an account before it is allowed, has authorised and is enabled, in that order
//! (docs/DOMAIN.md#bill-storage); taking any of these back stops what is new and leaves what is old. Nothing
//! that was said is overwritten: every change is kept with its day, its actor and its reason ([`crate::engine::timeline`]), so that a
//! late run for a day goes where that day's bills belonged.

mod account;
mod after;
mod binding;
mod error;
mod gate;
mod place;
mod probe;
mod sinks;

use std::fmt;

use crate::deliveries::calendar::BillKind;
use crate::engine::journal::{Actor, EntryChange, append_change, record_digest};
use crate::engine::settings::StoreSettings;
use crate::engine::store::{Records, StoreError, Table, Transaction};
pub(crate) use crate::exports::Audience;
use crate::values::period::Day;
use crate::values::uin::Uin;

pub use account::{Consent, Grant, PayerLines, StorageAccount, Target};
pub use after::After;
pub use binding::{Enable, Stop, StorageSteps, Switch};
pub use error::{StorageError, StorageStep};
pub(crate) use gate::{may_leave, stays_due};
pub use place::SinkPlaces;
pub use probe::Probe;
pub use sinks::{SINK_OPTIONS, SinkOptions, SinkRecord};

fn key(uin: Uin) -> [u8; 8] {
    uin.number().to_be_bytes()
}

impl StorageAccount {
    /// Returns an account; one that was never named is not allowed and has nothing.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read.
    pub fn get(store: &impl Records, uin: Uin) -> Result<StorageAccount, StoreError> {
        Ok(store.get_of(Table::Storage, &key(uin))?.unwrap_or_else(|| StorageAccount::new(uin)))
    }

    /// Returns all accounts that were ever named, by id.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read.
    pub fn list(store: &impl Records) -> Result<Vec<StorageAccount>, StoreError> {
        store.list_of(Table::Storage)
    }
}

/// Who says something, and why.
#[derive(Clone, Copy, Debug)]
pub struct Statement<'a> {
    /// Who, and when.
    pub actor: &'a Actor,
    /// Why, in their words.
    pub reason: Option<&'a str>,
}

/// Puts an account's record, and the journal's entry.
fn save(
    writer: &Transaction,
    account: &StorageAccount,
    action: &str,
    detail: &str,
    said: Statement<'_>,
) -> Result<(), StorageError> {
    let (at, subject) = (key(account.uin), account.uin.to_string());
    let before = record_digest(writer, Table::Storage, &at)?;
    writer.put_of(Table::Storage, &at, account)?;
    let after = record_digest(writer, Table::Storage, &at)?;
    let change =
        EntryChange { before, after, reason: said.reason, ..EntryChange::new(action, &subject, detail) };
    Ok(append_change(writer, said.actor, change)?)
}

fn words<T: fmt::Display>(list: impl IntoIterator<Item = T>) -> String {
    list.into_iter().map(|one| one.to_string()).collect::<Vec<_>>().join(", ")
}

impl Transaction {
    /// Puts an account on the allowlist for some kinds of bills, until a day or for good.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be written.
    pub fn allow_kinds(
        &self,
        uin: Uin,
        kinds: &[BillKind],
        until: Option<Day>,
        said: Statement<'_>,
    ) -> Result<(), StorageError> {
        allow_in(self, uin, kinds, until, said)?;
        Ok(())
    }
}

/// Puts an account on the allowlist within a transaction that does more.
fn allow_in(
    writer: &Transaction,
    uin: Uin,
    kinds: &[BillKind],
    until: Option<Day>,
    said: Statement<'_>,
) -> Result<(), StorageError> {
    let mut account = StorageAccount::get(writer, uin)?;
    for kind in kinds {
        let line = account.allowed.entry(*kind).or_default();
        line.record(None, true, said.actor, said.reason);
        if let Some(after) = until.and_then(Day::next) {
            line.record(Some(after), false, said.actor, said.reason);
        }
    }
    let until = until.map_or_else(String::new, |day| format!(", until {day}"));
    save(writer, &account, "storage allow", &format!("{}{until}", words(kinds)), said)
}

impl Transaction {
    /// Takes an account off the allowlist for some kinds of bills, whichever day is asked for.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be written.
    pub fn deny_kinds(&self, uin: Uin, kinds: &[BillKind], said: Statement<'_>) -> Result<(), StorageError> {
        let mut account = StorageAccount::get(self, uin)?;
        for kind in kinds {
            account.allowed.entry(*kind).or_default().record(None, false, said.actor, said.reason);
        }
        save(self, &account, "storage deny", &words(kinds), said)?;
        Ok(())
    }

    /// Gives an account's consent, for one sink or for all.
    ///
    /// # Errors
    /// [`StorageError::NotYet`] for an account that is not on the allowlist; [`StorageError::NotThePayer`] where only the payer
    /// can agree; [`StorageError::NoSink`].
    pub fn authorize_storage(
        &self,
        uin: Uin,
        consent: Consent,
        sink_name: Option<&str>,
        on: Day,
        said: Statement<'_>,
    ) -> Result<(), StorageError> {
        authorise_in(self, uin, consent, sink_name, on, said)?;
        Ok(())
    }
}

/// Gives an account's consent within a transaction that does more.
fn authorise_in(
    writer: &Transaction,
    uin: Uin,
    consent: Consent,
    sink_name: Option<&str>,
    on: Day,
    said: Statement<'_>,
) -> Result<(), StorageError> {
    let mut account = StorageAccount::get(writer, uin)?;
    if !BillKind::ALL.iter().any(|kind| account.allows(*kind, on)) {
        return Err(not_allowed(uin));
    }
    let payer = StoreSettings::of(writer)?.payer;
    if consent == Consent::CustomBills && uin != payer {
        return Err(StorageError::NotThePayer { uin, payer });
    }
    if let Some(name) = sink_name {
        SinkRecord::get(writer, name)?;
    }
    account.consent(consent, sink_name, true, said.actor, said.reason);
    save(writer, &account, "storage authorize", &consent_text(consent, sink_name), said)
}

impl Transaction {
    /// Takes an account's consent back, for one sink or for all.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be written.
    pub fn revoke_storage(
        &self,
        uin: Uin,
        consent: Consent,
        sink_name: Option<&str>,
        said: Statement<'_>,
    ) -> Result<(), StorageError> {
        let mut account = StorageAccount::get(self, uin)?;
        account.consent(consent, sink_name, false, said.actor, said.reason);
        save(self, &account, "storage revoke", &consent_text(consent, sink_name), said)?;
        Ok(())
    }
}

fn consent_text(consent: Consent, sink: Option<&str>) -> String {
    sink.map_or_else(|| consent.to_string(), |sink| format!("{consent}, for sink `{sink}`"))
}

fn not_allowed(uin: Uin) -> StorageError {
    StorageError::NotYet { uin, missing: "on the allowlist".into(), step: StorageStep::Allow, sink: None }
}
