//! What the partner has decided on how bills are handled, in the store.

use serde::{Deserialize, Serialize};

use crate::engine::journal::{self, Actor, EntryChange};
use crate::engine::store::{Records, StoreError, Table, Transaction};

/// Rules that may be changed at any time; each change is in the journal.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// Says whether confirming and reopening need two people.
    pub four_eyes: bool,
    /// Who asked first to have that changed back.
    pub off_asked_by: Option<String>,
}

/// What came of a wish to change the rule of four eyes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Changed {
    /// It is as wished.
    Done,
    /// It was so before.
    Same,
    /// A second person has to wish it as well.
    Waits,
}

impl Policy {
    /// Says whether two names are one person's.
    pub fn same_person(one: &str, other: &str) -> bool {
        one.trim().to_lowercase() == other.trim().to_lowercase()
    }

    pub(crate) const KEY: &[u8] = b"policy";

    /// Reads the rules; a store without any has the default.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read.
    pub fn of(store: &impl Records) -> Result<Policy, StoreError> {
        Ok(store.get(Table::Meta, Policy::KEY)?.unwrap_or_default())
    }

    /// Turns the rule of four eyes on, which one person may do, or off, which needs two as well.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be written.
    pub fn set_four_eyes(tx: &Transaction, on: bool, actor: &Actor) -> Result<Changed, StoreError> {
        let mut policy = Policy::of(tx)?;
        let waits = match (policy.four_eyes, on) {
            (false, false) => return Ok(Changed::Same),
            (true, true) if policy.off_asked_by.is_none() => return Ok(Changed::Same),
            (_, true) => false,
            (true, false) => {
                policy.off_asked_by.as_ref().is_none_or(|first| Policy::same_person(first, &actor.name))
            }
        };
        policy.four_eyes = on || waits;
        policy.off_asked_by = waits.then(|| actor.name.clone());
        let before = journal::record_digest(tx, Table::Meta, Policy::KEY)?;
        tx.put(Table::Meta, Policy::KEY, &policy)?;
        let after = journal::record_digest(tx, Table::Meta, Policy::KEY)?;
        let detail = match (on, waits) {
            (true, _) => "on",
            (false, true) => "off, once a second person wishes it",
            (false, false) => "off",
        };
        let entry = EntryChange { before, after, ..EntryChange::new("settings", "four_eyes", detail) };
        journal::append_change(tx, actor, entry)?;
        Ok(if waits { Changed::Waits } else { Changed::Done })
    }
}
