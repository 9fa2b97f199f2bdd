//! Notices: what a command or a webhook is told, through an outbox of its own.
//!
//! A notice is written in the transaction of what it tells of, so that nothing happens untold and nothing is told that did not
//! happen. It is sent afterwards, at least once: a kill between the sending and the note of it sends it again, under the same id.

mod once;
mod outbox;
mod record;
mod tell;

use crate::engine::store::StoreError;
use crate::values::error::codes;
use crate::values::label::BadLabel;

pub use outbox::Sent;
pub use record::{Notice, NoticeEvent, Notifier, NotifyBy};
pub use tell::SchedulerStop;
pub(crate) use tell::{NoticeFacts, tell};

use crate::deliveries::FailureKind;

/// Why a notice could not be sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct NotifyError {
    /// Its kind: what may pass is tried again.
    pub kind: FailureKind,
    /// What happened, in words.
    pub why: String,
}

codes!(NotifyError {
    own {
        Self { kind: FailureKind::Transient, why } => Transient "notice.transient" { why: why },
        Self { kind: FailureKind::Refused, why } => User "notice.refused" { why: why },
        Self { kind: FailureKind::Credentials, why } => User "notice.credentials" { why: why },
        Self { kind: FailureKind::Damaged, why } => Damaged "notice.damaged" { why: why },
    }
    within {}
});

/// Tells somebody. Core knows this trait, and nobody who is told.
pub trait Notify {
    /// Sends a notice: its id, and the JSON that tells all.
    ///
    /// # Errors
    /// [`NotifyError`]; it may have arrived.
    fn notify(&self, event: NoticeEvent, id: &str, body: &str) -> Result<(), NotifyError>;
}

/// Why a notifier could not be looked at or changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NoticeError {
    /// There is none of this name.
    #[error("there is no notifier `{0}`")]
    None(String),
    /// What it was to be called.
    #[error(transparent)]
    Name(#[from] BadLabel),
    /// There is one of this name.
    #[error("there is a notifier `{0}` already")]
    Exists(String),
    /// The store cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

codes!(NoticeError {
    own {
        Self::None(name) => User "notifier.none" { name: name },
        Self::Exists(name) => User "notifier.exists" { name: name },
    }
    within {
        Self::Name(e) => e, {},
        Self::Store(e) => e, {},
    }
});

#[cfg(test)]
mod tests;
