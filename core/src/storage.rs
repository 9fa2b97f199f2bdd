//! Bill storage: the allowlist, the grants, the sinks, and which account's bills go where.
//!
//! Nothing is written for an account before it is allowed, has authorised and is enabled, in that order (seed,
//! "Querying bills in bucket", steps 1 to 4); taking any of these back stops what is new and leaves what is old.

mod sinks;

use serde::{Deserialize, Serialize};

use crate::calendar::{Binding, Kind};
use crate::error::Kind as ErrorKind;
pub use crate::export::Audience;
use crate::journal::{Actor, Change, append_change, record_digest};
use crate::period::Day;
use crate::settings::StoreSettings;
use crate::store::{Read, StoreError, Table, Writer};
use crate::uin::Uin;

pub use sinks::{SinkOptions, SinkRecord, add_sink, remove_sink, sink, sinks};

/// An account in bill storage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Its id.
    pub uin: Uin,
    /// On the allowlist?
    pub allowed: bool,
    /// Has it granted the storing role?
    pub authorised: bool,
    /// Where its bills go, and went.
    pub bindings: Vec<Binding>,
}

/// Why bill storage refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StorageError {
    /// A step before is missing.
    #[error("account {uin} is not {missing}")]
    NotYet {
        /// Which account.
        uin: Uin,
        /// `on the allowlist`, `authorised` or `enabled`.
        missing: &'static str,
        /// The command that does it.
        next: String,
    },
    /// Reseller bills are the payer's.
    #[error(
        "account {uin} is not the payer {payer}: reseller bills hold all customers' lines and are the payer's alone"
    )]
    NotThePayer {
        /// Which account.
        uin: Uin,
        /// The payer.
        payer: Uin,
    },
    /// No sink of this name.
    #[error("there is no sink `{0}`")]
    NoSink(String),
    /// A sink of this name.
    #[error("there is a sink `{0}` already")]
    SinkExists(String),
    /// Bindings refer to the sink.
    #[error("sink `{sink}` is in use by account {uin}")]
    SinkInUse {
        /// Its name.
        sink: String,
        /// By whom.
        uin: Uin,
    },
    /// An option of a sink that makes no sense.
    #[error("`{option}`: {why}")]
    Option {
        /// As `name=value`.
        option: String,
        /// What is wrong with it.
        why: String,
    },
    /// A customer's sink must not get the partner's bills (domain, "What goes wrong elsewhere", 11).
    #[error(
        "sink `{0}` is read by a customer: bills with the partner's own cost or other customers' lines do not go there"
    )]
    Audience(String),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl StorageError {
    /// Returns the kind.
    pub fn kind(&self) -> ErrorKind {
        match self {
            StorageError::NotYet { .. }
            | StorageError::NotThePayer { .. }
            | StorageError::SinkInUse { .. }
            | StorageError::Audience(_) => ErrorKind::Refused,
            StorageError::NoSink(_) | StorageError::SinkExists(_) | StorageError::Option { .. } => {
                ErrorKind::User
            }
            StorageError::Store(e) => e.kind(),
        }
    }
}

fn key(uin: Uin) -> [u8; 8] {
    uin.number().to_be_bytes()
}

/// Returns an account; one that was never named is not allowed and has nothing.
///
/// # Errors
/// [`StoreError`] when the store cannot be read.
pub fn account(store: &impl Read, uin: Uin) -> Result<Account, StoreError> {
    let none = Account { uin, allowed: false, authorised: false, bindings: Vec::new() };
    Ok(store.get(Table::Storage, &key(uin))?.unwrap_or(none))
}

/// Returns all accounts that were ever named, by id.
///
/// # Errors
/// [`StoreError`] when the store cannot be read.
pub fn accounts(store: &impl Read) -> Result<Vec<Account>, StoreError> {
    Ok(store.list(Table::Storage, &[])?.into_iter().map(|(_, account)| account).collect())
}

fn save(
    writer: Writer,
    account: &Account,
    action: &str,
    detail: &str,
    actor: &Actor,
) -> Result<(), StorageError> {
    let (at, subject) = (key(account.uin), account.uin.to_string());
    let before = record_digest(&writer, Table::Storage, &at)?;
    writer.put(Table::Storage, &at, account)?;
    let after = record_digest(&writer, Table::Storage, &at)?;
    append_change(&writer, actor, Change { before, after, ..Change::new(action, &subject, detail) })?;
    Ok(writer.commit()?)
}

/// Puts an account on the allowlist, or takes it off.
///
/// # Errors
/// [`StoreError`] when the store cannot be written.
pub fn set_allowed(writer: Writer, uin: Uin, allowed: bool, actor: &Actor) -> Result<(), StorageError> {
    let mut account = account(&writer, uin)?;
    account.allowed = allowed;
    save(writer, &account, if allowed { "storage allow" } else { "storage deny" }, "", actor)
}

/// Grants the storing role, or revokes it.
///
/// # Errors
/// [`StorageError::NotYet`] to grant it for an account that is not on the allowlist.
pub fn set_authorised(writer: Writer, uin: Uin, authorised: bool, actor: &Actor) -> Result<(), StorageError> {
    let mut account = account(&writer, uin)?;
    if authorised && !account.allowed {
        let next = format!("billkeep storage allow {uin}");
        return Err(StorageError::NotYet { uin, missing: "on the allowlist", next });
    }
    account.authorised = authorised;
    save(writer, &account, if authorised { "storage authorize" } else { "storage revoke" }, "", actor)
}

/// Sends an account's bills of some kinds to a sink; a binding that holds ends the day before, or is replaced.
///
/// # Errors
/// [`StorageError::NotYet`] unless the account is allowed and has authorised; [`StorageError::NoSink`],
/// [`StorageError::Audience`] or [`StorageError::NotThePayer`] where the bills may not go.
pub fn enable(writer: Writer, uin: Uin, binding: Binding, actor: &Actor) -> Result<(), StorageError> {
    let payer = StoreSettings::of(&writer)?.payer;
    let mut account = account(&writer, uin)?;
    if !account.allowed {
        let next = format!("billkeep storage allow {uin}");
        return Err(StorageError::NotYet { uin, missing: "on the allowlist", next });
    }
    if !account.authorised {
        let next = format!("billkeep storage authorize {uin}");
        return Err(StorageError::NotYet { uin, missing: "authorised", next });
    }
    if uin != payer && (binding.kinds.contains(&Kind::Reseller) || binding.custom_bills) {
        return Err(StorageError::NotThePayer { uin, payer });
    }
    if sink(&writer, &binding.sink)?.audience == Audience::Customer {
        return Err(StorageError::Audience(binding.sink));
    }
    let before = binding.from.and_then(|from| from.minus_days(1));
    end_bindings(&mut account, before);
    let kinds: Vec<String> = binding.kinds.iter().map(ToString::to_string).collect();
    let detail = format!(
        "{} to sink `{}`{}{}",
        kinds.join(", "),
        binding.sink,
        if binding.custom_bills { ", with custom bills" } else { "" },
        binding.from.map_or_else(String::new, |from| format!(", from {from}")),
    );
    account.bindings.push(binding);
    save(writer, &account, "storage enable", &detail, actor)
}

/// Ends an account's bindings: after `last`, or altogether. What was delivered stays.
///
/// # Errors
/// [`StorageError::NotYet`] when there is nothing to end.
pub fn disable(writer: Writer, uin: Uin, last: Option<Day>, actor: &Actor) -> Result<(), StorageError> {
    let mut account = account(&writer, uin)?;
    if account.bindings.is_empty() {
        let next = format!("billkeep storage enable {uin} --sink NAME --kinds daily,monthly");
        return Err(StorageError::NotYet { uin, missing: "enabled", next });
    }
    end_bindings(&mut account, last);
    let detail = last.map_or_else(String::new, |day| format!("after {day}"));
    save(writer, &account, "storage disable", &detail, actor)
}

/// Lets no binding hold after `last`; without one, takes them all away.
fn end_bindings(account: &mut Account, last: Option<Day>) {
    match last {
        None => account.bindings.clear(),
        Some(last) => {
            account.bindings.retain(|b| b.from.is_none_or(|from| from <= last));
            for binding in &mut account.bindings {
                binding.until = Some(binding.until.map_or(last, |until| until.min(last)));
            }
        }
    }
}
