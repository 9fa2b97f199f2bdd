//! What may be removed when: delivered bills from sinks, and the lines of replaced revisions from the store.
//!
//! Nothing goes by itself. A person looks at a [`Removals`] first, and then names its digest, so that what is removed is what was
//! seen. Ages are counted from days of the bill, not from when something was imported or delivered, so that the same store says
//! the same on the same day. Evidence of confirmed bills goes only if that is said. What a removed thing was stays: receipts,
//! revisions with their digests and totals, and the journal.

mod apply;
mod plan;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::bills::BillError;
use crate::deliveries::DeliveryError;
use crate::deliveries::calendar::BillKind;
use crate::deliveries::storage::StorageError;
use crate::engine::journal::{Actor, EntryChange, append_change, record_digest};
use crate::engine::store::{Records, StoreError, Table, Transaction};
use crate::values::error::codes;

use crate::deliveries::storage::SinkRecord;
pub use apply::RemovedItems;
pub use plan::{KeptItem, Removal, Removals};

/// How long things are kept. What has no rule is kept for good.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rules {
    /// Of each sink, for how many days after the last day covered a bill of a kind is kept.
    pub sinks: BTreeMap<String, BTreeMap<BillKind, u32>>,
    /// For how many days after a month's end the lines of its replaced revisions are kept.
    pub revisions_days: Option<u32>,
}

impl Rules {
    pub(crate) const KEY: &[u8] = b"retention";

    /// Reads the rules; a store without any keeps everything.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read.
    pub fn of(store: &impl Records) -> Result<Rules, StoreError> {
        Ok(store.get(Table::Meta, Rules::KEY)?.unwrap_or_default())
    }
}

/// Why nothing was removed, or not all.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RetentionError {
    /// What would be removed is not what was seen.
    #[error("what may be removed has changed since it was shown: it is {now} now, and not {seen}")]
    Changed {
        /// The digest that was named.
        seen: String,
        /// The digest now.
        now: String,
    },
    /// Something at the sink is not what was delivered, so it is not removed.
    #[error("`{name}` at sink `{sink}` is not what was delivered there: {why}")]
    NotOurs {
        /// The object.
        name: String,
        /// The sink.
        sink: String,
        /// What is there.
        why: String,
    },
    /// A bill cannot be read.
    #[error(transparent)]
    Bill(#[from] BillError),
    /// A sink cannot be used.
    #[error(transparent)]
    Delivery(#[from] DeliveryError),
    /// A sink is not there.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

codes!(RetentionError {
    own {
        Self::Changed { seen, now } => Refused "retention.changed" { seen: seen, now: now },
        Self::NotOurs { name, sink, why } => Refused "retention.not-ours" { name: name, sink: sink, why: why },
    }
    within {
        Self::Bill(e) => e, {},
        Self::Delivery(e) => e, {},
        Self::Storage(e) => e, {},
        Self::Store(e) => e, {},
    }
});

impl Rules {
    /// Writes a number of days.
    pub fn days_text(days: u32) -> String {
        if days == 1 { "1 day".to_owned() } else { format!("{days} days") }
    }
}

impl Transaction {
    /// Sets for how long a sink's bills of a kind are kept; `None` for good.
    ///
    /// # Errors
    /// [`StorageError::NoSink`] when there is none of this name.
    pub fn set_sink_retention(
        &self,
        sink: &str,
        kind: BillKind,
        days: Option<u32>,
        actor: &Actor,
    ) -> Result<(), RetentionError> {
        SinkRecord::get(self, sink)?;
        let mut rules = Rules::of(self)?;
        let of_sink = rules.sinks.entry(sink.to_owned()).or_default();
        match days {
            Some(days) => of_sink.insert(kind, days),
            None => of_sink.remove(&kind),
        };
        rules.sinks.retain(|_, kinds| !kinds.is_empty());
        let detail = days.map_or_else(
            || format!("{kind} bills are kept"),
            |days| format!("{kind} bills are kept for {}", Rules::days_text(days)),
        );
        save(self, &rules, sink, &detail, actor)
    }

    /// Sets for how long the lines of replaced revisions are kept; `None` for good.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be written.
    pub fn set_revision_retention(&self, days: Option<u32>, actor: &Actor) -> Result<(), RetentionError> {
        let mut rules = Rules::of(self)?;
        rules.revisions_days = days;
        let detail = days.map_or_else(
            || "lines of replaced revisions are kept".to_owned(),
            |days| format!("lines of replaced revisions are kept for {}", Rules::days_text(days)),
        );
        save(self, &rules, "store", &detail, actor)
    }
}

fn save(
    tx: &Transaction,
    rules: &Rules,
    subject: &str,
    detail: &str,
    actor: &Actor,
) -> Result<(), RetentionError> {
    let before = record_digest(tx, Table::Meta, Rules::KEY)?;
    tx.put(Table::Meta, Rules::KEY, rules)?;
    let after = record_digest(tx, Table::Meta, Rules::KEY)?;
    append_change(
        tx,
        actor,
        EntryChange { before, after, ..EntryChange::new("retention set", subject, detail) },
    )?;
    Ok(())
}
