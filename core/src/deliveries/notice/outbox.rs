//! Sending what is written down.

use std::collections::{BTreeMap, BTreeSet};

use crate::deliveries::{Failure, FailureKind};
use crate::engine::journal::Actor;
use crate::engine::store::{Store, StoreError};

use super::record::{self, Notice, Notifier};
use super::{Notify, NotifyError};

/// What came of sending.
#[derive(Debug, Default)]
pub struct Sent {
    /// How many have arrived.
    pub arrived: usize,
    /// Those that failed just now.
    pub failed: Vec<Notice>,
    /// How many wait: for their time, or behind one that failed.
    pub left: usize,
}

/// Makes what tells a notifier.
pub(super) type OpenNotifier<'a> = dyn Fn(&Notifier) -> Result<Box<dyn Notify>, NotifyError> + 'a;

impl Store {
    /// Sends what is to be sent, oldest first. After one that failed, its notifier gets no further one: whoever is down is not
    /// hammered, and learns what happened in order. One process at a time sends; who holds off the others is up to the caller.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read or written; what arrived just before is sent again then.
    pub fn send_notices(
        &self,
        open: &OpenNotifier<'_>,
        at_once: bool,
        stopped: &dyn Fn() -> bool,
        actor: &Actor,
    ) -> Result<Sent, StoreError> {
        let reader = self.read()?;
        let mut open_ones: BTreeMap<String, Result<Box<dyn Notify>, NotifyError>> = BTreeMap::new();
        for notifier in Notifier::list(&reader)? {
            open_ones.insert(notifier.name.clone(), open(&notifier));
        }
        let pending = Notice::list(&reader)?.into_iter().filter(|notice| notice.sent_unix_s.is_none());
        let (mut sent, mut down) = (Sent::default(), BTreeSet::new());
        for notice in pending {
            let Some(to) = open_ones.get(&notice.notifier) else { continue };
            if down.contains(&notice.notifier) || stopped() || !(at_once || is_time(&notice, actor.at_unix_s))
            {
                down.insert(notice.notifier.clone());
                sent.left += 1;
                continue;
            }
            let result = match to {
                Ok(to) => to.notify(notice.event, &notice.id, &notice.body),
                Err(error) => Err(error.clone()),
            };
            match note(self, notice.number, result, actor)? {
                Some(notice) if notice.failure.is_some() => {
                    down.insert(notice.notifier.clone());
                    sent.failed.push(notice);
                }
                _ => sent.arrived += 1,
            }
        }
        Ok(sent)
    }
}

/// What may pass waits for its time; what cannot pass by itself is tried with every run, as deliveries are.
fn is_time(notice: &Notice, now_unix_s: i64) -> bool {
    let next = notice.failure.as_ref().and_then(|failure| failure.next_unix_s);
    next.is_none_or(|next| next <= now_unix_s)
}

/// Notes what came of an attempt.
fn note(
    store: &Store,
    number: u64,
    result: Result<(), NotifyError>,
    actor: &Actor,
) -> Result<Option<Notice>, StoreError> {
    let writer = store.write()?;
    // Its notifier may have been removed meanwhile, and it with it.
    let Some(mut notice) = record::get(&writer, number)? else { return Ok(None) };
    match result {
        Ok(()) => {
            notice.sent_unix_s = Some(actor.at_unix_s);
            notice.failure = None;
            notice.body = String::new();
        }
        Err(NotifyError { kind, why }) => {
            let before = notice.failure.take();
            notice.failure = Some(Failure::after(before.as_ref(), kind, why, 0, actor.at_unix_s));
        }
    }
    record::put(&writer, &notice)?;
    writer.commit()?;
    Ok(Some(notice))
}

impl NotifyError {
    /// What may pass.
    pub fn passing(why: impl Into<String>) -> NotifyError {
        NotifyError { kind: FailureKind::Transient, why: why.into() }
    }

    /// What a person has to look at.
    pub fn refused(why: impl Into<String>) -> NotifyError {
        NotifyError { kind: FailureKind::Refused, why: why.into() }
    }

    /// What needs another secret.
    pub fn credentials(why: impl Into<String>) -> NotifyError {
        NotifyError { kind: FailureKind::Credentials, why: why.into() }
    }
}
