//! People: who may do what.
//!
//! A store without people is its owner's alone: whoever can open the file may do everything. As soon as somebody is in it,
//! nobody acts who is not, and each may do what the role allows. The check is one function, [`Person::permit`], for the command
//! line, the pages and the HTTP interface alike.
//!
//! People sign in with a link that works once, and programs with a token. The store has their hashes only: whoever reads the
//! file learns neither.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::engine::journal::{self, Actor, EntryChange};
use crate::engine::store::{Records, StoreError, Table, Transaction};
use crate::values::error::codes;
use crate::values::near::no_word;

/// The most links that wait for somebody to follow them.
const LINKS_MAX: usize = 8;
/// The series of numbers that sessions are begun under.
const GENERATIONS: &str = "people";
/// The longest name, in characters.
const NAME_CHARS_MAX: usize = 64;

/// What somebody may do; each role may do what the ones before it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum PersonRole {
    /// Looks at everything, changes nothing.
    Viewer,
    /// Imports, delivers, opens disputes.
    Operator,
    /// Decides about money: confirms, reopens, takes late files.
    Approver,
    /// Decides where bills go, who may do what, and by which rules.
    Admin,
}

impl PersonRole {
    /// All of them, from the one that may least.
    pub const ALL: [PersonRole; 4] =
        [PersonRole::Viewer, PersonRole::Operator, PersonRole::Approver, PersonRole::Admin];

    /// Returns the word for it.
    pub fn word(self) -> &'static str {
        match self {
            PersonRole::Viewer => "viewer",
            PersonRole::Operator => "operator",
            PersonRole::Approver => "approver",
            PersonRole::Admin => "admin",
        }
    }
}

impl fmt::Display for PersonRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl FromStr for PersonRole {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = PersonRole::ALL.into_iter().find(|role| role.word() == text);
        found.ok_or_else(|| no_word(text, "a role", &PersonRole::ALL.map(PersonRole::word)))
    }
}

/// The hash of a secret that somebody was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretHash([u8; 32]);

impl SecretHash {
    /// Hashes a secret. It was drawn by chance and is long, so one round does.
    pub fn of(secret: &[u8]) -> SecretHash {
        SecretHash(Sha256::digest(secret).into())
    }
}

/// A link that signs somebody in, once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Link {
    hash: SecretHash,
    until_unix_s: i64,
}

/// What a program acts with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Token {
    /// What it is for.
    pub label: String,
    /// When it was made, in Unix seconds.
    pub at_unix_s: i64,
    hash: SecretHash,
}

/// Somebody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// The name, as it stands in the journal.
    pub name: String,
    /// What they may do.
    pub role: PersonRole,
    /// What their programs act with.
    pub tokens: Vec<Token>,
    links: Vec<Link>,
    /// Sessions that were begun under another number have ended.
    generation: u64,
}

/// A link into a store without people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct OwnerLink {
    name: String,
    link: Link,
}

/// Where it lies in [`Table::Meta`].
const OWNER_LINK: &[u8] = b"owner_link";

/// Why somebody may not do something, or cannot be entered.
#[derive(Debug, thiserror::Error)]
pub enum PeopleError {
    /// The name is empty, too long, or has characters that a journal cannot show.
    #[error("`{0}` is not a name: it has 1 to {NAME_CHARS_MAX} characters, none of them a control character")]
    Name(String),
    /// Nobody of that name is in the store.
    #[error("`{0}` is not among the people of this store")]
    Nobody(String),
    /// Whoever acts is not in the store.
    #[error("`{0}` is not among the people of this store, and may do nothing in it")]
    Stranger(String),
    /// The role does not allow it.
    #[error("`{name}` is {} {role} and may not do that: it needs {} {needs}", article(*role), article(*needs))]
    Role {
        /// Who.
        name: String,
        /// Their role.
        role: PersonRole,
        /// The least role that may.
        needs: PersonRole,
    },
    /// The first one has to be an admin, and the last one stays.
    #[error("somebody has to be an admin: {0}")]
    NoAdmin(&'static str),
    /// The store cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn article(role: PersonRole) -> &'static str {
    if role == PersonRole::Viewer { "a" } else { "an" }
}

codes!(PeopleError {
    own {
        Self::Name(name) => User "people.name" { name: name },
        Self::Nobody(name) => User "people.nobody" { name: name },
        Self::Stranger(name) => Refused "people.stranger" { name: name },
        Self::Role { name, role, needs } => Refused "people.role" { name: name, role: role, needs: needs },
        Self::NoAdmin(why) => Refused "people.no-admin" { why: why },
    }
    within { Self::Store(e) => e, {}, }
});

/// Names are one person's whatever their case.
pub(crate) fn key(name: &str) -> Vec<u8> {
    name.trim().to_lowercase().into_bytes()
}

impl Person {
    /// Returns everybody, by name.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read.
    pub fn list(store: &impl Records) -> Result<Vec<Person>, StoreError> {
        Ok(store.list(Table::People, &[])?.into_iter().map(|(_, person)| person).collect())
    }

    /// Returns somebody.
    ///
    /// # Errors
    /// [`PeopleError::Nobody`] when there is nobody of that name.
    pub fn get(store: &impl Records, name: &str) -> Result<Person, PeopleError> {
        store.get(Table::People, &key(name))?.ok_or_else(|| PeopleError::Nobody(name.to_owned()))
    }

    /// Says what somebody is: in a store without people, everybody is an admin.
    ///
    /// # Errors
    /// [`PeopleError::Stranger`] when there are people, and nobody of that name.
    pub fn role_of(store: &impl Records, name: &str) -> Result<PersonRole, PeopleError> {
        match Person::get(store, name) {
            Ok(person) => Ok(person.role),
            Err(PeopleError::Nobody(_)) if Person::list(store)?.is_empty() => Ok(PersonRole::Admin),
            Err(PeopleError::Nobody(name)) => Err(PeopleError::Stranger(name)),
            Err(e) => Err(e),
        }
    }

    /// Returns a number that changes whenever somebody's sessions end: when they are entered anew, or when their tokens and links are
    /// taken back. 0 for whoever is not in the store.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read.
    pub fn generation(store: &impl Records, name: &str) -> Result<u64, StoreError> {
        Ok(store.get::<Person>(Table::People, &key(name))?.map_or(0, |person| person.generation))
    }

    /// Says whether somebody may do what needs a role.
    ///
    /// # Errors
    /// [`PeopleError::Role`] or [`PeopleError::Stranger`] when not.
    pub fn permit(store: &impl Records, name: &str, needs: PersonRole) -> Result<(), PeopleError> {
        let role = Person::role_of(store, name)?;
        if role >= needs { Ok(()) } else { Err(PeopleError::Role { name: name.to_owned(), role, needs }) }
    }
}

impl Transaction {
    /// Enters somebody, or gives them another role.
    ///
    /// # Errors
    /// [`PeopleError::Name`] for a name that is none; [`PeopleError::NoAdmin`] when nobody would be an admin.
    pub fn set_person(&self, name: &str, role: PersonRole, actor: &Actor) -> Result<(), PeopleError> {
        let name = name.trim();
        if name.is_empty() || name.chars().count() > NAME_CHARS_MAX || name.chars().any(char::is_control) {
            return Err(PeopleError::Name(name.to_owned()));
        }
        let mut all = Person::list(self)?;
        match all.iter_mut().find(|person| key(&person.name) == key(name)) {
            Some(person) => person.role = role,
            None => {
                let (tokens, links) = (Vec::new(), Vec::new());
                let generation = self.next_id(GENERATIONS)?;
                all.push(Person { name: name.to_owned(), role, tokens, links, generation });
            }
        }
        must_have_admin(&all, "make one first")?;
        let person = all.into_iter().find(|person| key(&person.name) == key(name));
        if let Some(person) = person {
            put(self, &person, "set", role.word(), actor)?;
        }
        Ok(())
    }
}

fn must_have_admin(all: &[Person], what: &'static str) -> Result<(), PeopleError> {
    let any = all.iter().any(|person| person.role == PersonRole::Admin);
    if any { Ok(()) } else { Err(PeopleError::NoAdmin(what)) }
}

impl Transaction {
    /// Takes somebody out, with all links and tokens. What they did stays in the journal.
    ///
    /// # Errors
    /// [`PeopleError::Nobody`] when nobody has that name; [`PeopleError::NoAdmin`] for the last admin while others are there.
    pub fn remove_person(&self, name: &str, actor: &Actor) -> Result<(), PeopleError> {
        let person = Person::get(self, name)?;
        let rest: Vec<Person> = Person::list(self)?.into_iter().filter(|p| p.name != person.name).collect();
        if !rest.is_empty() {
            must_have_admin(&rest, "the last one cannot be removed while others are there")?;
        }
        let before = journal::record_digest(self, Table::People, &key(name))?;
        self.delete(Table::People, &key(name))?;
        let entry = EntryChange { before, ..EntryChange::new("user remove", &person.name, "") };
        journal::append_change(self, actor, entry)?;
        Ok(())
    }
}

fn put(
    writer: &Transaction,
    person: &Person,
    what: &str,
    detail: &str,
    actor: &Actor,
) -> Result<(), StoreError> {
    let key = key(&person.name);
    let before = journal::record_digest(writer, Table::People, &key)?;
    writer.put(Table::People, &key, person)?;
    let after = journal::record_digest(writer, Table::People, &key)?;
    let action = format!("user {what}");
    journal::append_change(
        writer,
        actor,
        EntryChange { before, after, ..EntryChange::new(&action, &person.name, detail) },
    )
}

impl Transaction {
    /// Keeps the hash of a link that signs somebody in, once, until a time.
    ///
    /// # Errors
    /// [`PeopleError::Nobody`] when nobody has that name.
    pub fn add_link(
        &self,
        name: &str,
        hash: SecretHash,
        until_unix_s: i64,
        actor: &Actor,
    ) -> Result<(), PeopleError> {
        if Person::list(self)?.is_empty() {
            // Whoever has the file may do everything: so may whoever follows a link that was made with it.
            let link = OwnerLink { name: name.trim().to_owned(), link: Link { hash, until_unix_s } };
            self.put(Table::Meta, OWNER_LINK, &link)?;
            journal::append(self, actor, "user link", &link.name, "")?;
            return Ok(());
        }
        let mut person = Person::get(self, name)?;
        person.links.retain(|link| link.until_unix_s > actor.at_unix_s);
        if person.links.len() >= LINKS_MAX {
            person.links.remove(0);
        }
        person.links.push(Link { hash, until_unix_s });
        put(self, &person, "link", "", actor)?;
        Ok(())
    }
}

impl Person {
    /// Says whether there is such a link.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read.
    pub fn has_link(store: &impl Records, hash: SecretHash) -> Result<bool, StoreError> {
        let owner =
            store.get::<OwnerLink>(Table::Meta, OWNER_LINK)?.is_some_and(|owner| owner.link.hash == hash);
        Ok(owner
            || Person::list(store)?.iter().any(|person| person.links.iter().any(|link| link.hash == hash)))
    }
}

impl Transaction {
    /// Finds whose link it is that is followed, and takes it out: it works once.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be written.
    pub fn follow_link(&self, hash: SecretHash, now_unix_s: i64) -> Result<Option<String>, StoreError> {
        let actor = |name: &str| Actor { name: name.to_owned(), at_unix_s: now_unix_s };
        let all = Person::list(self)?;
        let owner = self.get::<OwnerLink>(Table::Meta, OWNER_LINK)?.filter(|owner| owner.link.hash == hash);
        if let Some(owner) = owner {
            self.delete(Table::Meta, OWNER_LINK)?;
            journal::append(self, &actor(&owner.name), "user sign in", &owner.name, "")?;
            // People who were entered since have links of their own.
            return Ok((owner.link.until_unix_s > now_unix_s && all.is_empty()).then_some(owner.name));
        }
        let of = |person: &Person| person.links.iter().position(|link| link.hash == hash);
        let Some((mut person, at)) = all.into_iter().find_map(|p| of(&p).map(|at| (p, at))) else {
            return Ok(None);
        };
        let link = person.links.remove(at);
        put(self, &person, "sign in", "", &actor(&person.name))?;
        Ok((link.until_unix_s > now_unix_s).then_some(person.name))
    }

    /// Keeps the hash of a token that a program acts with.
    ///
    /// # Errors
    /// [`PeopleError::Nobody`] when nobody has that name.
    pub fn add_token(
        &self,
        name: &str,
        label: &str,
        hash: SecretHash,
        actor: &Actor,
    ) -> Result<(), PeopleError> {
        let mut person = Person::get(self, name)?;
        person.tokens.push(Token { label: label.to_owned(), at_unix_s: actor.at_unix_s, hash });
        put(self, &person, "token", label, actor)?;
        Ok(())
    }

    /// Takes back all of somebody's tokens and links, and ends their sessions; returns how many tokens there were.
    ///
    /// # Errors
    /// [`PeopleError::Nobody`] when nobody has that name.
    pub fn revoke_tokens(&self, name: &str, actor: &Actor) -> Result<usize, PeopleError> {
        let mut person = Person::get(self, name)?;
        let count = person.tokens.len();
        person.tokens.clear();
        person.links.clear();
        person.generation = self.next_id(GENERATIONS)?;
        put(self, &person, "revoke", "all tokens and links", actor)?;
        Ok(count)
    }
}

impl Person {
    /// Finds whose token it is.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read.
    pub fn of_token(store: &impl Records, hash: SecretHash) -> Result<Option<Person>, StoreError> {
        let has = |person: &Person| person.tokens.iter().any(|token| token.hash == hash);
        Ok(Person::list(store)?.into_iter().find(has))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::journal::Proof;
    use crate::engine::store::{OpenOptions, Store};
    use crate::values::error::Kind;

    fn store() -> (tempfile::TempDir, Store) {
        let dir = tempfile::tempdir().unwrap();
        let store =
            Store::create_with(&dir.path().join("a.redb"), &OpenOptions::default(), |_| Ok(())).unwrap();
        (dir, store)
    }

    fn actor(at_unix_s: i64) -> Actor {
        Actor { name: "ann".into(), at_unix_s }
    }

    #[test]
    fn without_people_everybody_may_and_with_people_their_roles_say() {
        let (_dir, store) = store();
        let permit = |name: &str, needs| Person::permit(&store.read().unwrap(), name, needs);
        permit("anybody", PersonRole::Admin).unwrap();
        let set = |name: &str, role| store.transact(|tx| tx.set_person(name, role, &actor(1)));
        // Nobody is locked out by a first person who may do little.
        assert!(matches!(set("Bob", PersonRole::Viewer), Err(PeopleError::NoAdmin(_))));
        permit("anybody", PersonRole::Admin).unwrap();
        set("Ann", PersonRole::Admin).unwrap();
        set("Bob", PersonRole::Operator).unwrap();
        permit(" ANN ", PersonRole::Admin).unwrap();
        permit("bob", PersonRole::Operator).unwrap();
        for (name, needs) in [("bob", PersonRole::Approver), ("bob", PersonRole::Admin)] {
            let error = permit(name, needs).unwrap_err();
            assert!(matches!(error, PeopleError::Role { .. }), "{error}");
            assert_eq!(error.kind(), Kind::Refused);
        }
        assert!(matches!(permit("anybody", PersonRole::Viewer), Err(PeopleError::Stranger(_))));
        // The last admin stays, in whichever way somebody tries.
        assert!(matches!(set("ann", PersonRole::Viewer), Err(PeopleError::NoAdmin(_))));
        let remove = |name: &str| store.transact(|tx| tx.remove_person(name, &actor(2)));
        assert!(matches!(remove("ann"), Err(PeopleError::NoAdmin(_))));
        remove("BOB").unwrap();
        remove("ann").unwrap();
        permit("anybody", PersonRole::Admin).unwrap();
        Proof::verify(&store.read().unwrap()).unwrap();
    }

    #[test]
    fn a_link_works_once_and_in_its_time_and_a_token_until_it_is_taken_back() {
        let (_dir, store) = store();
        store.transact(|tx| tx.set_person("Ann", PersonRole::Admin, &actor(1))).unwrap();
        let hash = SecretHash::of(b"secret");
        assert!(!Person::has_link(&store.read().unwrap(), hash).unwrap());
        let follow = |hash, now| store.transact(|tx| tx.follow_link(hash, now)).unwrap();
        store.transact(|tx| tx.add_link("ann", hash, 100, &actor(1))).unwrap();
        assert_eq!(follow(SecretHash::of(b"other"), 2), None);
        assert_eq!(follow(hash, 99), Some("Ann".to_owned()));
        assert_eq!(follow(hash, 99), None);
        store.transact(|tx| tx.add_link("ann", hash, 100, &actor(1))).unwrap();
        assert_eq!(follow(hash, 100), None);
        assert_eq!(follow(hash, 99), None);

        let of = |hash| Person::of_token(&store.read().unwrap(), hash).unwrap().map(|p| p.name);
        assert_eq!(of(hash), None);
        store.transact(|tx| tx.add_token("ann", "cron", hash, &actor(3))).unwrap();
        assert_eq!(of(hash), Some("Ann".to_owned()));
        assert_eq!(store.transact(|tx| tx.revoke_tokens("ann", &actor(4))).unwrap(), 1);
        assert_eq!(of(hash), None);
    }

    #[test]
    fn a_store_without_people_has_links_of_its_owner_and_sessions_end_with_what_was_given() {
        let (_dir, store) = store();
        let hash = SecretHash::of(b"secret");
        let add = || store.transact(|tx| tx.add_link("me", hash, 100, &actor(1))).unwrap();
        let follow = || store.transact(|tx| tx.follow_link(hash, 2)).unwrap();
        add();
        assert!(Person::has_link(&store.read().unwrap(), hash).unwrap());
        assert_eq!((follow(), follow()), (Some("me".to_owned()), None));
        add();
        store.transact(|tx| tx.set_person("Ann", PersonRole::Admin, &actor(5))).unwrap();
        assert_eq!(follow(), None);
        let now = || Person::generation(&store.read().unwrap(), "ANN").unwrap();
        let first = now();
        store.transact(|tx| tx.set_person("ann", PersonRole::Admin, &actor(6))).unwrap();
        assert_eq!(now(), first);
        store.transact(|tx| tx.revoke_tokens("ann", &actor(9))).unwrap();
        let revoked = now();
        store.transact(|tx| tx.remove_person("ann", &actor(10))).unwrap();
        assert_eq!(now(), 0);
        store.transact(|tx| tx.set_person("Ann", PersonRole::Admin, &actor(11))).unwrap();
        assert!(first != revoked && now() != revoked && now() != 0);
    }

    #[test]
    fn what_is_no_name_is_refused() {
        let (_dir, store) = store();
        for bad in ["", "  ", "a\nb", &"x".repeat(65)] {
            let error = store.transact(|tx| tx.set_person(bad, PersonRole::Admin, &actor(1))).unwrap_err();
            assert!(matches!(error, PeopleError::Name(_)), "{bad}");
        }
    }
}
