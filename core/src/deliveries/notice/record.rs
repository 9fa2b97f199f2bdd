//! The records: who is told of what, and what is to be told.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::deliveries::Failure;
use crate::engine::journal::{Actor, EntryChange, append_change, record_digest};
use crate::engine::store::{Records, StoreError, Table, Transaction};
use crate::values::label::check_label;
use crate::values::near::no_word;

use super::NoticeError;

/// What can happen that somebody is told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum NoticeEvent {
    /// A bill is at its sink, whole.
    Delivered,
    /// An attempt to deliver has failed: the first in a row, or in another way than before.
    Failed,
    /// A bill would be due, and waits for somebody to confirm it.
    Waiting,
    /// Somebody tries whether notices arrive.
    Test,
    /// A file waits for somebody to decide on it.
    Pending,
    /// The scheduler delivers nothing until somebody has mended it.
    Stopped,
}

impl NoticeEvent {
    /// Those that a notifier can be told of.
    pub const ALL: [NoticeEvent; 5] = [
        NoticeEvent::Delivered,
        NoticeEvent::Failed,
        NoticeEvent::Waiting,
        NoticeEvent::Pending,
        NoticeEvent::Stopped,
    ];

    /// Returns the word for it.
    pub fn word(self) -> &'static str {
        match self {
            NoticeEvent::Delivered => "delivered",
            NoticeEvent::Failed => "failed",
            NoticeEvent::Waiting => "waiting",
            NoticeEvent::Pending => "pending",
            NoticeEvent::Stopped => "stopped",
            NoticeEvent::Test => "test",
        }
    }
}

impl fmt::Display for NoticeEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl FromStr for NoticeEvent {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = NoticeEvent::ALL.into_iter().find(|event| event.word() == text);
        found.ok_or_else(|| no_word(text, "an event", &NoticeEvent::ALL.map(NoticeEvent::word)))
    }
}

/// How somebody is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum NotifyBy {
    /// A program and its arguments; no shell reads them.
    Command(Vec<String>),
    /// A URL, or where one is found that is a secret itself: `env:NAME`, `file:PATH`.
    Webhook(String),
}

impl fmt::Display for NotifyBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NotifyBy::Command(words) => f.write_str(&words.join(" ")),
            NotifyBy::Webhook(url) => f.write_str(url),
        }
    }
}

/// Somebody to be told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notifier {
    /// Its name.
    pub name: String,
    /// How.
    pub how: NotifyBy,
    /// Of what.
    pub events: BTreeSet<NoticeEvent>,
    /// What else was said, by name; whoever sends reads them.
    pub options: BTreeMap<String, String>,
}

/// Something to be told to somebody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// Counted from 1 within the store.
    pub number: u64,
    /// To whom.
    pub notifier: String,
    /// What happened.
    pub event: NoticeEvent,
    /// To what, in words.
    pub subject: String,
    /// The id that the receiver sees, the same at every attempt.
    pub id: String,
    /// What is sent, JSON; empty once it was.
    pub body: String,
    /// When it happened, in Unix seconds.
    pub at_unix_s: i64,
    /// When it was sent, in Unix seconds.
    pub sent_unix_s: Option<i64>,
    /// The last attempt, if it failed.
    pub failure: Option<Failure>,
}

pub(super) const SERIES: &str = "notice";

pub(super) fn put(writer: &Transaction, notice: &Notice) -> Result<(), StoreError> {
    writer.put(Table::Notices, &notice.number.to_be_bytes(), notice)
}

pub(super) fn get(store: &impl Records, number: u64) -> Result<Option<Notice>, StoreError> {
    store.get(Table::Notices, &number.to_be_bytes())
}

impl Notice {
    /// Returns all notices, oldest first.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read.
    pub fn list(store: &impl Records) -> Result<Vec<Notice>, StoreError> {
        Ok(store.list(Table::Notices, &[])?.into_iter().map(|(_, notice)| notice).collect())
    }
}

impl Notifier {
    /// Returns all notifiers, by name.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read.
    pub fn list(store: &impl Records) -> Result<Vec<Notifier>, StoreError> {
        Ok(store.list(Table::Notifiers, &[])?.into_iter().map(|(_, notifier)| notifier).collect())
    }

    /// Returns a notifier.
    ///
    /// # Errors
    /// [`NoticeError::None`] when there is none of this name.
    pub fn get(store: &impl Records, name: &str) -> Result<Notifier, NoticeError> {
        store.get(Table::Notifiers, name.as_bytes())?.ok_or_else(|| NoticeError::None(name.to_owned()))
    }
}

impl Transaction {
    /// Adds a notifier: it is told of what happens from now on.
    ///
    /// # Errors
    /// [`NoticeError::Exists`] when there is one of this name.
    pub fn add_notifier(&self, notifier: &Notifier, actor: &Actor) -> Result<(), NoticeError> {
        check_label(&notifier.name)?;
        let key = notifier.name.as_bytes();
        if self.get_bytes(Table::Notifiers, key)?.is_some() {
            return Err(NoticeError::Exists(notifier.name.clone()));
        }
        self.put(Table::Notifiers, key, notifier)?;
        let after = record_digest(self, Table::Notifiers, key)?;
        let events: Vec<&str> = notifier.events.iter().map(|event| event.word()).collect();
        let detail = format!("{} on {}", notifier.how, events.join(", "));
        append_change(
            self,
            actor,
            EntryChange { after, ..EntryChange::new("notify add", &notifier.name, &detail) },
        )?;
        Ok(())
    }

    /// Removes a notifier, with what it was not told yet; returns how many notices that were.
    ///
    /// # Errors
    /// [`NoticeError::None`] when there is none of this name.
    pub fn remove_notifier(&self, name: &str, actor: &Actor) -> Result<usize, NoticeError> {
        Notifier::get(self, name)?;
        let before = record_digest(self, Table::Notifiers, name.as_bytes())?;
        self.delete(Table::Notifiers, name.as_bytes())?;
        let mut untold = 0;
        for notice in Notice::list(self)? {
            if notice.notifier == name && notice.sent_unix_s.is_none() {
                self.delete(Table::Notices, &notice.number.to_be_bytes())?;
                untold += 1;
            }
        }
        let detail = format!("{untold} notices were not sent");
        append_change(
            self,
            actor,
            EntryChange { before, ..EntryChange::new("notify remove", name, &detail) },
        )?;
        Ok(untold)
    }
}
