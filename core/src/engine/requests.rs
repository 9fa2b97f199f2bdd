//! Requests that carry a key: what each came to, so that one that is sent again is not done again.
//!
//! A key is taken before the change and its answer kept after it, each in a commit of its own. If the program ends in
//! between, nobody can say from the key whether the change was made: such a request is told to look, and never repeated.

use serde::{Deserialize, Serialize};

use crate::engine::store::{Records, StoreError, Table, Transaction};

/// How long an answer is kept, in seconds: a week.
const KEPT_S: i64 = 7 * 86_400;
/// How many keys of one person are kept.
const KEYS_MAX: usize = 1_000;
/// How many make room when there are so many.
const KEYS_DROPPED: usize = 100;

/// A request with a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyedRequest {
    /// What was asked for: method, path, body and who, hashed. The same key for something else is a mistake.
    pub asked: [u8; 32],
    /// When, in Unix seconds.
    pub at_unix_s: i64,
    /// Status and body of the answer; none while it is being done, or if the program ended meanwhile.
    pub answer: Option<(u16, Vec<u8>)>,
}

/// What is known of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RequestState {
    /// Nothing: it is taken now, and the change may be made.
    New,
    /// It was asked for and answered.
    Answered(u16, Vec<u8>),
    /// It was asked for, and no answer was kept.
    Unknown,
    /// Something else was asked for with this key.
    Other,
}

/// Where a person's key lies. A name has no line feed.
fn at(person: &str, key: &str) -> Vec<u8> {
    format!("{person}\n{key}").into_bytes()
}

impl Transaction {
    /// Takes somebody's key for a change, unless it is taken. So many of a person's keys are kept; then their oldest go.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be written.
    pub fn take_request(
        &self,
        person: &str,
        key: &str,
        asked: [u8; 32],
        now_unix_s: i64,
    ) -> Result<RequestState, StoreError> {
        let key = at(person, key);
        let old = |request: &KeyedRequest| request.at_unix_s.saturating_add(KEPT_S) < now_unix_s;
        let known = self.get::<KeyedRequest>(Table::Requests, &key)?;
        let is_new = known.is_none();
        if let Some(request) = known.filter(|request| !old(request)) {
            return Ok(match request {
                KeyedRequest { asked: before, .. } if before != asked => RequestState::Other,
                KeyedRequest { answer: Some((status, body)), .. } => RequestState::Answered(status, body),
                KeyedRequest { answer: None, .. } => RequestState::Unknown,
            });
        }
        if is_new {
            make_room(self, &at(person, ""))?;
        }
        self.put(Table::Requests, &key, &KeyedRequest { asked, at_unix_s: now_unix_s, answer: None })?;
        Ok(RequestState::New)
    }
}

/// Takes a person's oldest keys out where there are too many.
fn make_room(writer: &Transaction, of_person: &[u8]) -> Result<(), StoreError> {
    let mut count = 0_usize;
    writer.scan_bytes(Table::Requests, of_person, &mut |_, _| {
        count += 1;
        Ok(count < KEYS_MAX)
    })?;
    if count < KEYS_MAX {
        return Ok(());
    }
    let mut all = writer.list::<KeyedRequest>(Table::Requests, of_person)?;
    all.sort_by_key(|(_, request)| request.at_unix_s);
    let many = (all.len() + KEYS_DROPPED).saturating_sub(KEYS_MAX);
    for (key, _) in all.iter().take(many) {
        writer.delete(Table::Requests, key)?;
    }
    Ok(())
}

impl Transaction {
    /// Keeps the answer to a request; a key whose change was not made is free again.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be written.
    pub fn answer_request(
        &self,
        person: &str,
        key: &str,
        answer: Option<(u16, &[u8])>,
    ) -> Result<(), StoreError> {
        let key = at(person, key);
        if let Some(request) = self.get::<KeyedRequest>(Table::Requests, &key)? {
            match answer {
                None => self.delete(Table::Requests, &key)?,
                Some((status, body)) => {
                    let answer = Some((status, body.to_vec()));
                    self.put(Table::Requests, &key, &KeyedRequest { answer, ..request })?;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::store::{OpenOptions, Store};

    #[test]
    fn a_key_is_done_once_for_one_thing_and_for_a_week() {
        let dir = tempfile::tempdir().unwrap();
        let store =
            Store::create_with(&dir.path().join("a.redb"), &OpenOptions::default(), |_| Ok(())).unwrap();
        let take = |key: &str, asked, now| {
            store.transact(|tx| tx.take_request("ann", key, [asked; 32], now)).unwrap()
        };
        let end = |key: &str, with| store.transact(|tx| tx.answer_request("ann", key, with)).unwrap();
        assert_eq!(take("a", 1, 10), RequestState::New);
        // It is being done, or nobody knows.
        assert_eq!(take("a", 1, 10), RequestState::Unknown);
        end("a", Some((200, b"done")));
        assert_eq!(take("a", 1, 11), RequestState::Answered(200, b"done".to_vec()));
        assert_eq!(take("a", 2, 11), RequestState::Other);
        assert_eq!(take("b", 2, 11), RequestState::New);
        // What was refused may be asked for again.
        end("b", None);
        assert_eq!(take("b", 3, 11), RequestState::New);
        assert_eq!(take("a", 2, 11 + KEPT_S), RequestState::New);
        // Somebody else's key is another one.
        let other = |key: &str| store.transact(|tx| tx.take_request("bob", key, [9; 32], 11)).unwrap();
        assert_eq!(other("a"), RequestState::New);
    }

    #[test]
    fn so_many_keys_of_a_person_are_kept_and_nobody_elses_go() {
        let dir = tempfile::tempdir().unwrap();
        let store =
            Store::create_with(&dir.path().join("a.redb"), &OpenOptions::default(), |_| Ok(())).unwrap();
        let take = |person: &str, key: &str, now| {
            store.transact(|tx| tx.take_request(person, key, [1; 32], now)).unwrap()
        };
        assert_eq!(take("bob", "kept", 0), RequestState::New);
        for n in 0..=KEYS_MAX {
            assert_eq!(take("ann", &n.to_string(), n as i64), RequestState::New);
        }
        let count =
            || store.read().unwrap().list::<KeyedRequest>(Table::Requests, &at("ann", "")).unwrap().len();
        assert_eq!(count(), KEYS_MAX - KEYS_DROPPED + 1);
        assert_eq!(take("ann", &KEYS_MAX.to_string(), 5), RequestState::Unknown);
        assert_eq!(take("ann", "0", 5), RequestState::New);
        assert_eq!(take("bob", "kept", 5), RequestState::Unknown);
    }
}
