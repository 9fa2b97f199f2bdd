//! Which sinks are at the same place, and whose bills lie there.
//!
//! What a place is called in one spelling only, whoever opens sinks knows. Two names of one place would have bills delivered
//! twice, and a customer who reads a place reads all that lies there.

use std::collections::BTreeMap;

use crate::engine::store::Records;
use crate::exports::Audience;
use crate::values::label::check_label;
use crate::values::uin::Uin;

use super::{SinkRecord, StorageError};
use crate::deliveries::storage::StorageAccount;

/// The places of sinks by the sinks' names, each in its one spelling: folders are divided by `/`, and none ends with one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SinkPlaces(BTreeMap<String, String>);

impl SinkPlaces {
    /// Asks for the place of each sink that the store has, and of one that is to be made.
    ///
    /// # Errors
    /// [`StorageError`] when the store cannot be read.
    pub fn of(
        store: &impl Records,
        new: Option<&SinkRecord>,
        place: impl Fn(&SinkRecord) -> String,
    ) -> Result<SinkPlaces, StorageError> {
        let known = SinkRecord::list(store)?;
        Ok(SinkPlaces(known.iter().chain(new).map(|sink| (sink.name.clone(), place(sink))).collect()))
    }

    fn get<'a>(&'a self, sink: &'a SinkRecord) -> &'a str {
        self.0.get(&sink.name).map_or(sink.url.as_str(), String::as_str)
    }

    fn are_one(&self, one: &SinkRecord, other: &SinkRecord) -> bool {
        self.get(one) == self.get(other)
    }

    /// Says whether whoever reads a sink reads another one as well.
    fn has(&self, outer: &SinkRecord, inner: &SinkRecord) -> bool {
        let below = self.get(inner).strip_prefix(self.get(outer));
        below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

impl SinkRecord {
    /// Says whether a sink may be added: no other is at its place. `shared` accepts one that the same people read.
    ///
    /// # Errors
    /// [`StorageError::SamePlace`]; [`StorageError::Name`].
    pub fn may_add(
        store: &impl Records,
        new: &SinkRecord,
        places: &SinkPlaces,
        shared: bool,
    ) -> Result<(), StorageError> {
        check_label(&new.name).map_err(StorageError::Name)?;
        for there in SinkRecord::list(store)?.into_iter().filter(|there| there.name != new.name) {
            let mixed = there.audience != new.audience;
            if places.are_one(&there, new) && (mixed || !shared) {
                return Err(StorageError::SamePlace { at: there.name, url: there.url, mixed });
            }
        }
        Ok(())
    }
}

/// Refuses a customer's bills at a place where that customer would read another account's, or another customer would read them.
pub(super) fn alone(
    store: &impl Records,
    uin: Uin,
    record: &SinkRecord,
    places: &SinkPlaces,
) -> Result<(), StorageError> {
    let known: BTreeMap<String, SinkRecord> =
        SinkRecord::list(store)?.into_iter().map(|sink| (sink.name.clone(), sink)).collect();
    for other in StorageAccount::list(store)?.into_iter().filter(|other| other.uin != uin) {
        // What went there once may still lie there.
        let changes = other.bindings.values().flat_map(|line| line.changes());
        for at in changes.filter_map(|change| change.value.sink()).filter_map(|name| known.get(name)) {
            let reads = |reader: &SinkRecord, what: &SinkRecord| {
                reader.audience == Audience::Customer && places.has(reader, what)
            };
            if reads(record, at) || reads(at, record) {
                let (sink, at) = (record.name.clone(), at.name.clone());
                return Err(StorageError::Shared { sink, other: other.uin, at });
            }
        }
    }
    Ok(())
}
