//! Who has signed in. Sessions are kept in memory: they end with the program.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use billkeep_core::error::Kind;

use super::peer::PeerUser;
use crate::commands::secret;
use crate::error::CommandError;
use crate::output::Table;
use crate::text::Language;
use billkeep_core::partners::SecretHash;
use billkeep_core::values;

/// How long somebody stays signed in, in seconds.
const SESSION_S: i64 = 12 * 3_600;
/// How many can be signed in at a time; then the oldest go.
const SESSIONS_MAX: usize = 256;
/// The cookie's name.
pub(super) const COOKIE: &str = "billkeep";

/// Somebody who has signed in.
pub(super) struct Session {
    name: Mutex<String>,
    /// What forms carry, so that no other site's form does anything here.
    pub(super) csrf: String,
    /// Under which number of its person it was begun; 0 in a store without people.
    generation: AtomicU64,
    /// The user of this machine who signed in: the cookie is of no use to another one.
    user: PeerUser,
    until_unix_s: i64,
    flash: Mutex<Option<Flash>>,
}

/// What the next page tells of the change before it.
#[derive(Clone, Default)]
pub(super) struct Flash {
    pub(super) said: Vec<String>,
    pub(super) tables: Vec<Table>,
    /// What did not work, with what can be done about it.
    pub(super) failed: Vec<(String, Vec<String>)>,
    /// Files that wait for a decision: they are not in the bill.
    pub(super) pending: Vec<String>,
    /// Something that is shown once and copied, with what it is.
    pub(super) secret: Option<(String, String)>,
}

impl Flash {
    /// Keeps a result for the next page, and returns whether it is a failure. A refusal for want of rights is returned at once.
    pub(super) fn note(
        &mut self,
        result: Result<(), CommandError>,
        language: Language,
    ) -> Result<bool, CommandError> {
        match result {
            Ok(()) => Ok(false),
            Err(error) if error.is_forbidden() => Err(error),
            // What can be done about it is on a page.
            Err(error) if error.kind() == Kind::Pending => {
                self.pending.push(error.told(language).0);
                Ok(true)
            }
            Err(error) => {
                self.failed.push(error.told(language));
                Ok(true)
            }
        }
    }
}

impl Session {
    /// Whose it is.
    pub(super) fn name(&self) -> String {
        self.name.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Goes on under another name: of whoever has entered themselves as the first person.
    pub(super) fn rename(&self, name: &str) {
        *self.name.lock().unwrap_or_else(PoisonError::into_inner) = name.to_owned();
    }

    pub(super) fn leave(&self, flash: Flash) {
        *self.flash.lock().unwrap_or_else(PoisonError::into_inner) = Some(flash);
    }

    /// Says whether it goes on under a number. One that was begun before there were people takes its person's first.
    pub(super) fn is_of(&self, generation: u64) -> bool {
        let taken = self.generation.compare_exchange(0, generation, Ordering::Relaxed, Ordering::Relaxed);
        taken.is_ok() || taken == Err(generation)
    }

    pub(super) fn take(&self) -> Option<Flash> {
        self.flash.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// All who have signed in, and the link that was printed at the start.
pub(super) struct Sessions {
    /// Under the hash of the cookie's value: nothing that works lies in memory for long.
    all: Mutex<HashMap<[u8; 32], Arc<Session>>>,
    first: Mutex<Option<(SecretHash, String)>>,
}

fn key(cookie: &str) -> [u8; 32] {
    values::sha256(cookie.as_bytes())
}

impl Sessions {
    pub(super) fn new() -> Sessions {
        Sessions { all: Mutex::default(), first: Mutex::default() }
    }

    fn all(&self) -> MutexGuard<'_, HashMap<[u8; 32], Arc<Session>>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes the link of the start; it works once.
    pub(super) fn first_link(&self, name: &str) -> Result<String, CommandError> {
        let secret = secret()?;
        let mut first = self.first.lock().unwrap_or_else(PoisonError::into_inner);
        *first = Some((SecretHash::of(secret.as_bytes()), name.to_owned()));
        Ok(secret)
    }

    /// Returns whose the link of the start is, if it is that one, and ends it.
    pub(super) fn follow_first(&self, hash: SecretHash) -> Option<String> {
        let mut first = self.first.lock().unwrap_or_else(PoisonError::into_inner);
        first.take_if(|(known, _)| *known == hash).map(|(_, name)| name)
    }

    /// Begins a session; returns the cookie's value.
    pub(super) fn begin(
        &self,
        name: &str,
        generation: u64,
        user: PeerUser,
        now_unix_s: i64,
    ) -> Result<String, CommandError> {
        let cookie = secret()?;
        let session = Session {
            name: Mutex::new(name.to_owned()),
            csrf: secret()?,
            generation: AtomicU64::new(generation),
            user,
            until_unix_s: now_unix_s.saturating_add(SESSION_S),
            flash: Mutex::default(),
        };
        let mut all = self.all();
        all.retain(|_, session| session.until_unix_s > now_unix_s);
        while all.len() >= SESSIONS_MAX {
            let oldest = all.iter().min_by_key(|(_, session)| session.until_unix_s).map(|(key, _)| *key);
            oldest.map(|key| all.remove(&key));
        }
        all.insert(key(&cookie), Arc::new(session));
        Ok(cookie)
    }

    pub(super) fn find(&self, cookie: &str, user: PeerUser, now_unix_s: i64) -> Option<Arc<Session>> {
        let goes_on =
            |session: &&Arc<Session>| session.until_unix_s > now_unix_s && session.user.may_be(user);
        self.all().get(&key(cookie)).filter(goes_on).cloned()
    }

    pub(super) fn end(&self, session: &Arc<Session>) {
        self.all().retain(|_, kept| !Arc::ptr_eq(kept, session));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_ends_by_itself_and_by_its_owner_and_the_oldest_make_room() {
        let sessions = Sessions::new();
        let ann = sessions.begin("ann", 0, PeerUser::NOBODY, 0).unwrap();
        assert_eq!(sessions.find(&ann, PeerUser::NOBODY, 1).map(|s| s.name()), Some("ann".into()));
        assert!(
            sessions.find("other", PeerUser::NOBODY, 1).is_none()
                && sessions.find(&ann, PeerUser::NOBODY, SESSION_S).is_none()
        );
        sessions.end(&sessions.find(&ann, PeerUser::NOBODY, 1).unwrap());
        assert!(sessions.find(&ann, PeerUser::NOBODY, 1).is_none());
        let first = sessions.begin("ann", 0, PeerUser::NOBODY, 1).unwrap();
        for at in 0..SESSIONS_MAX as i64 {
            sessions.begin("bob", 0, PeerUser::NOBODY, 2 + at % 2).unwrap();
        }
        assert!(sessions.find(&first, PeerUser::NOBODY, 3).is_none());
        assert_eq!(sessions.all().len(), SESSIONS_MAX);
    }

    #[test]
    fn a_session_ends_with_the_number_that_it_was_begun_under() {
        let sessions = Sessions::new();
        let find = |cookie: &str| sessions.find(cookie, PeerUser::NOBODY, 1).unwrap();
        let owner = sessions.begin("ann", 0, PeerUser::NOBODY, 0).unwrap();
        assert!(find(&owner).is_of(0) && find(&owner).is_of(3) && find(&owner).is_of(3));
        assert!(!find(&owner).is_of(4) && !find(&owner).is_of(0));
        let ann = sessions.begin("ann", 3, PeerUser::NOBODY, 0).unwrap();
        assert!(find(&ann).is_of(3) && !find(&ann).is_of(4));
    }

    #[test]
    fn a_session_is_of_no_use_to_another_user_of_the_machine() {
        let sessions = Sessions::new();
        let [ann, bob] = [1000, 1001].map(PeerUser::known);
        let cookie = sessions.begin("ann", 0, ann, 0).unwrap();
        assert!(sessions.find(&cookie, ann, 1).is_some());
        // Nor to one of whom the system tells nothing, such as one who is gone.
        assert!(
            sessions.find(&cookie, bob, 1).is_none() && sessions.find(&cookie, PeerUser::NOBODY, 1).is_none()
        );
        let of_another_machine = sessions.begin("ann", 0, PeerUser::NOBODY, 0).unwrap();
        assert!(sessions.find(&of_another_machine, PeerUser::NOBODY, 1).is_some());
    }

    #[test]
    fn the_first_link_works_once() {
        let sessions = Sessions::new();
        let link = sessions.first_link("ann").unwrap();
        assert_eq!(sessions.follow_first(SecretHash::of(b"x")), None);
        assert_eq!(sessions.follow_first(SecretHash::of(link.as_bytes())), Some("ann".into()));
        assert_eq!(sessions.follow_first(SecretHash::of(link.as_bytes())), None);
    }
}
