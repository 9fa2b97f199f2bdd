//! What a sink was found to be able to, when somebody tried it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::engine::journal::{Actor, EntryChange, append_change, record_digest};
use crate::engine::store::{Records, StoreError, Table, Transaction};

use super::{SinkRecord, StorageError};

/// What a destination could do when it was tried.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Probe {
    /// Where: another place under the same name was not tried.
    pub url: String,
    /// When, in Unix seconds.
    pub at_unix_s: i64,
    /// By the name of the case, whether it can; what could not be tried is not there.
    pub can: BTreeMap<String, bool>,
}

impl Probe {
    /// Returns what a sink was found to be able to, if it was tried at the place where it is.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read.
    pub fn find(store: &impl Records, sink: &SinkRecord) -> Result<Option<Probe>, StoreError> {
        let probe: Option<Probe> = store.get(Table::Probes, sink.name.as_bytes())?;
        Ok(probe.filter(|probe| probe.url == sink.url))
    }
}

impl Transaction {
    /// Keeps what a sink was found to be able to.
    ///
    /// # Errors
    /// [`StorageError::NoSink`] when there is none of this name.
    pub fn put_probe(
        &self,
        name: &str,
        can: BTreeMap<String, bool>,
        actor: &Actor,
    ) -> Result<(), StorageError> {
        let record = SinkRecord::get(self, name)?;
        let before = record_digest(self, Table::Probes, name.as_bytes())?;
        let words: Vec<String> =
            can.iter().map(|(what, can)| format!("{what} {}", if *can { "yes" } else { "no" })).collect();
        let probe = Probe { url: record.url, at_unix_s: actor.at_unix_s, can };
        self.put(Table::Probes, name.as_bytes(), &probe)?;
        let after = record_digest(self, Table::Probes, name.as_bytes())?;
        let detail = words.join(", ");
        append_change(
            self,
            actor,
            EntryChange { before, after, ..EntryChange::new("sink test", name, &detail) },
        )?;
        Ok(())
    }
}
