//! What a sink remembers from one program to the next: small values under names, kept in the store in the transaction of the
//! step of a delivery during which they changed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::engine::store::{Records, StoreError, Table, Transaction};

/// What a sink remembers. It is read from the store before the sink is used, and changed by the sink.
#[derive(Debug, Default)]
pub struct Memory {
    held: Mutex<MemoryObject>,
}

#[derive(Debug, Default)]
struct MemoryObject {
    values: BTreeMap<String, Vec<u8>>,
    /// Names whose values are not in the store as they are here.
    changed: BTreeSet<String>,
}

impl Memory {
    fn held(&self) -> MutexGuard<'_, MemoryObject> {
        // Whoever broke off left whole values.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns a value.
    pub fn get(&self, name: &str) -> Option<Vec<u8>> {
        self.held().values.get(name).cloned()
    }

    /// Returns the names that begin so, with their values.
    pub fn of(&self, beginning: &str) -> Vec<(String, Vec<u8>)> {
        let held = self.held();
        let from = held.values.range(beginning.to_owned()..);
        from.take_while(|(name, _)| name.starts_with(beginning))
            .map(|(n, v)| (n.clone(), v.clone()))
            .collect()
    }

    /// Changes a value, or forgets it.
    pub fn set(&self, name: &str, value: Option<Vec<u8>>) {
        let mut held = self.held();
        let is_same = match value {
            Some(value) => held.values.insert(name.to_owned(), value.clone()).is_some_and(|b| b == value),
            None => held.values.remove(name).is_none(),
        };
        if !is_same {
            held.changed.insert(name.to_owned());
        }
    }

    /// Takes what the store has, in place of what is here.
    pub(crate) fn load(&self, store: &impl Records, place: &MemoryPlace<'_>) -> Result<(), StoreError> {
        let prefix = place.key("");
        let mut values = BTreeMap::new();
        for (key, value) in store.list::<Vec<u8>>(Table::SinkMemory, &prefix)? {
            let name = key.get(prefix.len()..).unwrap_or_default();
            values.insert(String::from_utf8_lossy(name).into_owned(), value);
        }
        *self.held() = MemoryObject { values, changed: BTreeSet::new() };
        Ok(())
    }

    /// Writes what has changed.
    pub(crate) fn keep(&self, writer: &Transaction, place: &MemoryPlace<'_>) -> Result<(), StoreError> {
        let held = self.held();
        for name in &held.changed {
            match held.values.get(name) {
                Some(value) => writer.put(Table::SinkMemory, &place.key(name), value)?,
                None => writer.delete(Table::SinkMemory, &place.key(name))?,
            }
        }
        Ok(())
    }

    /// What was written is in the store now.
    pub(crate) fn kept(&self) {
        self.held().changed.clear();
    }
}

/// Whose memory it is: another place under the same name has another one.
pub(crate) struct MemoryPlace<'a> {
    /// The sink's name.
    pub(crate) sink: &'a str,
    /// Where it is.
    pub(crate) url: &'a str,
}

impl MemoryPlace<'_> {
    fn key(&self, name: &str) -> Vec<u8> {
        [self.sink.as_bytes(), b"\0", self.url.as_bytes(), b"\0", name.as_bytes()].concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::store::{OpenOptions, Store};

    #[test]
    fn what_changed_is_kept_by_the_transaction_that_commits_it_and_by_no_other() {
        let dir = tempfile::tempdir().unwrap();
        let store =
            Store::create_with(&dir.path().join("b.redb"), &OpenOptions::default(), |_| Ok(())).unwrap();
        let (here, there) = (MemoryPlace { sink: "erp", url: "a" }, MemoryPlace { sink: "erp", url: "b" });
        let memory = Memory::default();
        memory.set("state/token", Some(vec![1, 2]));
        memory.set("state/gone", Some(vec![3]));
        memory.set("state/gone", None);
        let writer = store.write().unwrap();
        memory.keep(&writer, &here).unwrap();
        writer.abort().unwrap();
        let other = Memory::default();
        other.load(&store.read().unwrap(), &here).unwrap();
        assert_eq!(other.of(""), []);

        let writer = store.write().unwrap();
        memory.keep(&writer, &here).unwrap();
        writer.commit().unwrap();
        memory.kept();
        other.load(&store.read().unwrap(), &here).unwrap();
        assert_eq!(other.of("state/"), [("state/token".to_owned(), vec![1, 2])]);
        assert_eq!((other.get("state/token"), other.get("token")), (Some(vec![1, 2]), None));
        other.load(&store.read().unwrap(), &there).unwrap();
        assert_eq!(other.of(""), []);
    }
}
