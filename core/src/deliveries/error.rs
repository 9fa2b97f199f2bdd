//! Why a delivery did not happen.

use crate::deliveries::storage::StorageError;
use crate::engine::store::StoreError;
use crate::exports::ExportError;
use crate::exports::sink::SinkError;
use crate::values::error::{Kind, codes};
use crate::values::reason::Reason;
use crate::values::uin::Uin;

use super::record::FailureKind;

/// Why a delivery could not be made, checked or mended.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DeliveryError {
    /// It cannot be rendered.
    #[error(transparent)]
    Export(#[from] ExportError),
    /// The sink's record or the account's cannot be used.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The store cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The sink cannot do it.
    #[error("sink `{sink}`: {error}")]
    Sink {
        /// Its name.
        sink: String,
        /// Why.
        #[source]
        error: SinkError,
    },
    /// The part cannot be staged.
    #[error("`{path}`: {why}")]
    Stage {
        /// Where.
        path: String,
        /// What the system says.
        #[source]
        why: Reason,
    },
    /// What was due may not be written any more.
    #[error("nothing was written to sink `{sink}` for account {uin}: {why}")]
    Withdrawn {
        /// The sink.
        sink: String,
        /// Whose bill.
        uin: Uin,
        /// What is in the way.
        why: String,
    },
    /// It failed a moment ago, and is tried again later.
    #[error("delivery {number} failed {attempts} times in a row, and is tried again in {wait_s} s: {why}")]
    Waits {
        /// Which one.
        number: u64,
        /// How often it failed.
        attempts: u32,
        /// How long it waits.
        wait_s: i64,
        /// What the last failure was.
        why: String,
    },
    /// Only an empty store can be made again from a sink.
    #[error("the store has bills or deliveries: a lost store is made again in an empty one")]
    NotEmpty,
    /// There is no delivery of this number.
    #[error("there is no delivery {0}")]
    None(u64),
    /// It does not stand where it would have to.
    #[error("delivery {number} is {state}")]
    State {
        /// Which one.
        number: u64,
        /// Where it stands.
        state: &'static str,
    },
    /// It cannot be made again as it was.
    #[error("delivery {number}: {why}")]
    NotAgain {
        /// Which one.
        number: u64,
        /// What stands against it.
        why: String,
    },
}

impl From<crate::bills::BillError> for DeliveryError {
    fn from(e: crate::bills::BillError) -> Self {
        DeliveryError::Export(e.into())
    }
}

codes!(DeliveryError {
    own {
        Self::Stage { path, why } => Internal "delivery.stage" { path: path, why: why },
        Self::Withdrawn { sink, uin, why } => Refused "delivery.withdrawn" { sink: sink, uin: uin, why: why },
        Self::Waits { number, attempts, wait_s, why } => Transient "delivery.waits" {
            number: number, attempts: attempts, wait_s: wait_s, why: why,
        },
        Self::NotEmpty => Refused "delivery.store-not-empty" {},
        Self::None(number) => User "delivery.none" { number: number },
        Self::State { number, state } => Refused "delivery.state" { number: number, state: state },
        Self::NotAgain { number, why } => User "delivery.not-again" { number: number, why: why },
    }
    within {
        Self::Export(e) => e, {},
        Self::Storage(e) => e, {},
        Self::Store(e) => e, {},
        Self::Sink { sink, error } => error, { sink: sink },
    }
});

impl DeliveryError {
    /// Says whether it is the sink that could not do it, so that other sinks can be dealt with all the same.
    pub fn is_of_sink(&self) -> bool {
        matches!(self, DeliveryError::Sink { .. })
    }

    /// Returns how long the destination has asked to be left alone.
    pub(super) fn asks_to_wait_s(&self) -> i64 {
        match self {
            DeliveryError::Sink { error: SinkError::Throttled { wait_s, .. }, .. } => {
                i64::try_from(*wait_s).unwrap_or(i64::MAX)
            }
            _ => 0,
        }
    }

    /// Returns how an attempt failed, if the delivery is to remember it: a store that failed cannot, and being stopped is no
    /// failure.
    pub(super) fn failure(&self) -> Option<FailureKind> {
        match self {
            DeliveryError::Store(_)
            | DeliveryError::Waits { .. }
            | DeliveryError::Sink { error: SinkError::Stopped, .. } => None,
            DeliveryError::Sink { error: SinkError::Credentials(_), .. } => Some(FailureKind::Credentials),
            // The disk of the sink, as often as not: a person has to make room there.
            DeliveryError::Stage { .. } | DeliveryError::Export(ExportError::Write(_)) => {
                Some(FailureKind::Refused)
            }
            other => match other.kind() {
                Kind::Transient => Some(FailureKind::Transient),
                Kind::Damaged => Some(FailureKind::Damaged),
                Kind::User | Kind::Refused | Kind::Pending => Some(FailureKind::Refused),
                // The store's own disk: what it cannot read, it cannot keep either.
                Kind::Internal => None,
            },
        }
    }
}
