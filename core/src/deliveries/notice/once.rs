//! What is found again and again, and told once: bills and files that wait, and a scheduler that delivers nothing.
//!
//! Whoever looks finds the same each time. A key for each notifier and fact says that it was told.

use sha2::{Digest as _, Sha256};

use crate::bills::BillKey;
use crate::bills::late::LateState;
use crate::engine::journal::Actor;
use crate::engine::settings::StoreSettings;
use crate::engine::store::{Records, Store, StoreError, Table};

use super::record::{NoticeEvent, Notifier};
use super::tell::{NoticeFacts, SchedulerStop, write};
use crate::bills::Bill;
use crate::bills::late::LateFile;

/// Of how many causes on one day a notifier is told why the scheduler delivers nothing: texts of errors may differ each time.
const CAUSES_MAX: usize = 8;

/// A fact for a notifier, with the key under which it lies that it was told.
struct News<'a> {
    notifier: &'a Notifier,
    told: NoticeFacts<'a>,
    key: Vec<u8>,
}

/// Returns those who want to be told of an event.
fn wants(store: &impl Records, event: NoticeEvent) -> Result<Vec<Notifier>, StoreError> {
    Ok(Notifier::list(store)?.into_iter().filter(|n| n.events.contains(&event)).collect())
}

/// Says whether a notifier was told already.
fn is_told(store: &impl Records, key: &[u8]) -> Result<bool, StoreError> {
    Ok(store.get_bytes(Table::NoticeKeys, key)?.is_some())
}

/// Writes down what is new. Keys in `gone` are removed; nothing is asked for them any more.
fn note(store: &Store, news: &[News<'_>], gone: &[Vec<u8>], actor: &Actor) -> Result<usize, StoreError> {
    if news.is_empty() {
        return Ok(0);
    }
    let writer = store.write()?;
    let mut written = 0;
    for News { notifier, told, key } in news {
        // Another program may have been faster, or the notifier is gone.
        if writer.get_bytes(Table::Notifiers, notifier.name.as_bytes())?.is_none() || is_told(&writer, key)? {
            continue;
        }
        writer.put(Table::NoticeKeys, key, &actor.at_unix_s)?;
        write(&writer, notifier, *told, actor.at_unix_s)?;
        written += 1;
    }
    for key in gone {
        writer.delete(Table::NoticeKeys, key)?;
    }
    writer.commit()?;
    Ok(written)
}

impl Store {
    /// Writes down that bills wait for confirmation, once for each notifier and revision.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read or written.
    pub fn notify_waiting(&self, bills: &[BillKey], actor: &Actor) -> Result<(), StoreError> {
        let reader = self.read()?;
        let wants = wants(&reader, NoticeEvent::Waiting)?;
        if wants.is_empty() || bills.is_empty() {
            return Ok(());
        }
        let all = Bill::list(&reader)?;
        let mut news = Vec::new();
        for (bill, revision) in all.iter().filter(|(bill, _)| bills.contains(&bill.key)) {
            for notifier in &wants {
                let fact = [&bill.key.bytes()[..], &revision.number.to_be_bytes()].concat();
                let key = key_of(notifier, &fact);
                if !is_told(&reader, &key)? {
                    news.push(News { notifier, told: NoticeFacts::Waiting(bill, revision), key });
                }
            }
        }
        note(self, &news, &[], actor).map(drop)
    }

    /// Writes down that files wait for a decision, once for each notifier and file.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read or written.
    pub fn notify_pending(&self, actor: &Actor) -> Result<(), StoreError> {
        let reader = self.read()?;
        let wants = wants(&reader, NoticeEvent::Pending)?;
        if wants.is_empty() {
            return Ok(());
        }
        let all = LateFile::list(&reader)?;
        let mut news = Vec::new();
        for late in all.iter().filter(|late| late.state == LateState::Waiting) {
            for notifier in &wants {
                let key = key_of(notifier, &[&b"pending"[..], &late.number.to_be_bytes()].concat());
                if !is_told(&reader, &key)? {
                    news.push(News { notifier, told: NoticeFacts::Pending(late), key });
                }
            }
        }
        note(self, &news, &[], actor).map(drop)
    }

    /// Writes down that the scheduler delivers nothing, once for each notifier, day and cause, and of a few causes a day only.
    ///
    /// A day begins in the store's own zone. Returns how many notices were written.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read or written.
    pub fn notify_stopped(&self, stop: SchedulerStop<'_>, actor: &Actor) -> Result<usize, StoreError> {
        let reader = self.read()?;
        let wants = wants(&reader, NoticeEvent::Stopped)?;
        if wants.is_empty() {
            return Ok(0);
        }
        // A time that no calendar has is a day of its own.
        let day =
            StoreSettings::of(&reader)?.zone.day_at(actor.at_unix_s).map_or(i32::MAX, |day| day.epoch_days());
        let cause: [u8; 32] = Sha256::digest(format!("{}\0{}", stop.actor, stop.why)).into();
        let (mut news, mut gone) = (Vec::new(), Vec::new());
        for notifier in &wants {
            let all = key_of(notifier, b"stopped");
            let today = [&all[..], &day.to_be_bytes()].concat();
            let mut told_today = 0;
            reader.scan_bytes(Table::NoticeKeys, &all, &mut |key, _| {
                if key.starts_with(&today) {
                    told_today += 1;
                } else {
                    gone.push(key.to_vec());
                }
                Ok(true)
            })?;
            let key = [&today[..], &cause].concat();
            if told_today < CAUSES_MAX && !is_told(&reader, &key)? {
                news.push(News { notifier, told: NoticeFacts::Stopped(stop), key });
            }
        }
        note(self, &news, &gone, actor)
    }
}

/// Returns under which key it lies that a notifier was told a fact.
fn key_of(notifier: &Notifier, fact: &[u8]) -> Vec<u8> {
    [notifier.name.as_bytes(), b"\0", fact].concat()
}
