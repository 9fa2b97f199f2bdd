//! Requests that carry a key: what each came to, so that one that is sent again is not done again.
//!
//! A key is taken before the change and its answer kept after it, each in a commit of its own. If the program ends in
//! between, nobody can say from the key whether the change was made: such a request is told to look, and never repeated.

use serde::{Deserialize, Serialize};

use crate::store::{Read, StoreError, Table, Writer};

/// How long an answer is kept, in seconds: a week.
const KEPT_S: i64 = 7 * 86_400;
/// How many keys there are at most before old ones are looked for.
const KEYS_MANY: usize = 1_000;

/// A request with a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// What was asked for: method, path, body and who, hashed. The same key for something else is a mistake.
    pub asked: [u8; 32],
    /// When, in Unix seconds.
    pub at_unix_s: i64,
    /// Status and body of the answer; none while it is being done, or if the program ended meanwhile.
    pub answer: Option<(u16, Vec<u8>)>,
}

/// What is known of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Known {
    /// Nothing: it is taken now, and the change may be made.
    New,
    /// It was asked for and answered.
    Answered(u16, Vec<u8>),
    /// It was asked for, and no answer was kept.
    Unknown,
    /// Something else was asked for with this key.
    Other,
}

/// Takes a key for a change, unless it is taken.
///
/// # Errors
/// [`StoreError`] when the store cannot be written.
pub fn take(writer: Writer, key: &str, asked: [u8; 32], now_unix_s: i64) -> Result<Known, StoreError> {
    let old = |request: &Request| request.at_unix_s.saturating_add(KEPT_S) < now_unix_s;
    if let Some(request) =
        writer.get::<Request>(Table::Requests, key.as_bytes())?.filter(|request| !old(request))
    {
        return Ok(match request {
            Request { asked: before, .. } if before != asked => Known::Other,
            Request { answer: Some((status, body)), .. } => Known::Answered(status, body),
            Request { answer: None, .. } => Known::Unknown,
        });
    }
    let all = writer.list::<Request>(Table::Requests, &[])?;
    if all.len() >= KEYS_MANY {
        for (key, _) in all.iter().filter(|(_, request)| old(request)) {
            writer.delete(Table::Requests, key)?;
        }
    }
    writer.put(Table::Requests, key.as_bytes(), &Request { asked, at_unix_s: now_unix_s, answer: None })?;
    writer.commit()?;
    Ok(Known::New)
}

/// Keeps the answer to a request; a key whose change was not made is free again.
///
/// # Errors
/// [`StoreError`] when the store cannot be written.
pub fn answer(writer: Writer, key: &str, answer: Option<(u16, &[u8])>) -> Result<(), StoreError> {
    if let Some(request) = writer.get::<Request>(Table::Requests, key.as_bytes())? {
        match answer {
            None => writer.delete(Table::Requests, key.as_bytes())?,
            Some((status, body)) => {
                let answer = Some((status, body.to_vec()));
                writer.put(Table::Requests, key.as_bytes(), &Request { answer, ..request })?;
            }
        }
    }
    writer.commit()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{OpenOptions, Store};

    #[test]
    fn a_key_is_done_once_for_one_thing_and_for_a_week() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::create(&dir.path().join("a.redb"), &OpenOptions::default(), |_| Ok(())).unwrap();
        let take = |key: &str, asked, now| take(store.write().unwrap(), key, [asked; 32], now).unwrap();
        let end = |key: &str, with| answer(store.write().unwrap(), key, with).unwrap();
        assert_eq!(take("a", 1, 10), Known::New);
        // It is being done, or nobody knows.
        assert_eq!(take("a", 1, 10), Known::Unknown);
        end("a", Some((200, b"done")));
        assert_eq!(take("a", 1, 11), Known::Answered(200, b"done".to_vec()));
        assert_eq!(take("a", 2, 11), Known::Other);
        assert_eq!(take("b", 2, 11), Known::New);
        // What was refused may be asked for again.
        end("b", None);
        assert_eq!(take("b", 3, 11), Known::New);
        assert_eq!(take("a", 2, 11 + KEPT_S), Known::New);
        // Old ones go once there are many.
        for n in 0..KEYS_MANY {
            assert_eq!(take(&n.to_string(), 1, 12), Known::New);
        }
        assert_eq!(take("z", 1, 13 + KEPT_S), Known::New);
        let left = store.read().unwrap().list::<Request>(Table::Requests, &[]).unwrap();
        assert!(left.len() < 10, "{}", left.len());
    }
}
