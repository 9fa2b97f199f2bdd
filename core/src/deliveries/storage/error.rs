//! Why bill storage refuses.

use crate::deliveries::calendar::BillKind;
use crate::engine::store::StoreError;
use crate::exports::guard::GuardError;
use crate::values::error::codes;
use crate::values::label::BadLabel;
use crate::values::period::Day;
use crate::values::uin::Uin;

/// A step that bill storage needs before another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StorageStep {
    /// The account is put on the allowlist.
    Allow,
    /// The account authorises storing.
    Authorize,
    /// The account's bills get a sink.
    Enable,
}

impl StorageStep {
    /// Returns the word for it.
    pub fn word(self) -> &'static str {
        match self {
            StorageStep::Allow => "allow",
            StorageStep::Authorize => "authorize",
            StorageStep::Enable => "enable",
        }
    }
}

/// Why bill storage refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StorageError {
    /// A step before is missing.
    #[error("account {uin} is not {missing}")]
    NotYet {
        /// Which account.
        uin: Uin,
        /// `on the allowlist`, `authorised` or `enabled`, with what is to be said about it.
        missing: String,
        /// The step that is missing.
        step: StorageStep,
        /// The sink of the account's bills, where it was named.
        sink: Option<String>,
    },
    /// The allowlist has not all kinds.
    #[error("account {uin} is not on the allowlist for {kind} bills on {on}")]
    NotAllowed {
        /// Which account.
        uin: Uin,
        /// Which kind.
        kind: BillKind,
        /// On which day.
        on: Day,
    },
    /// Reseller bills are the payer's.
    #[error(
        "account {uin} is not the payer {payer}: reseller bills hold all customers' lines and are the payer's alone"
    )]
    NotThePayer {
        /// Which account.
        uin: Uin,
        /// The payer.
        payer: Uin,
    },
    /// Other days are bound to another sink, and stay so.
    #[error("{kind} bills of account {uin} go to sink `{sink}`{}", days_text(.from, .until))]
    Bound {
        /// Which account.
        uin: Uin,
        /// Which kind.
        kind: BillKind,
        /// To which sink they go.
        sink: String,
        /// From which day on.
        from: Option<Day>,
        /// Until which day.
        until: Option<Day>,
    },
    /// They go there already.
    #[error("{kind} bills of account {uin} go to sink `{sink}` already")]
    Same {
        /// Which account.
        uin: Uin,
        /// Which kind.
        kind: BillKind,
        /// The sink.
        sink: String,
    },
    /// What was delivered cannot be undone.
    #[error(
        "the {kind} bill of account {uin} that was due on {on} has been delivered to sink `{sink}`: the change \
         cannot begin before the day after"
    )]
    DeliveredSince {
        /// Which account.
        uin: Uin,
        /// Which kind.
        kind: BillKind,
        /// For which day it was delivered.
        on: Day,
        /// To which sink.
        sink: String,
    },
    /// No sink of this name.
    #[error("there is no sink `{0}`")]
    NoSink(String),
    /// A sink of this name.
    #[error("there is a sink `{0}` already")]
    SinkExists(String),
    /// Bindings refer to the sink.
    #[error("sink `{sink}` is in use by account {uin}")]
    SinkInUse {
        /// Its name.
        sink: String,
        /// By whom.
        uin: Uin,
    },
    /// What a sink was to be called.
    #[error(transparent)]
    Name(BadLabel),
    /// Bills of another account lie, or are to lie, where this customer would read them.
    #[error(
        "{} sink `{sink}`: whoever reads one of the two customers' bills would read both",
        if *.sink == *.at { format!("bills of account {other} go to") } else { format!("bills of account {other} go to sink `{at}`, at the place of") }
    )]
    Shared {
        /// The sink that was asked for.
        sink: String,
        /// Whose bills go to the same place.
        other: Uin,
        /// To which sink.
        at: String,
    },
    /// Another sink is at the same place.
    #[error("sink `{at}` is at this place already, at {url}{}", if *.mixed { ", and other people read it" } else { "" })]
    SamePlace {
        /// The sink that is there.
        at: String,
        /// Where.
        url: String,
        /// One of them is read by a customer, the other by the partner.
        mixed: bool,
    },
    /// An option of a sink that makes no sense.
    #[error("`{option}`: {why}")]
    Option {
        /// As `name=value`.
        option: String,
        /// What is wrong with it.
        why: String,
    },
    /// A customer's sink must not get the partner's bills (docs/DOMAIN.md#mistakes-to-avoid, 11).
    #[error("sink `{sink}` is read by a customer: {why}")]
    Audience {
        /// The sink.
        sink: String,
        /// What would go there, and with which columns.
        why: GuardError,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn day_or_none(day: Option<Day>) -> String {
    day.map_or_else(String::new, |day| day.to_string())
}

fn days_text(from: &Option<Day>, until: &Option<Day>) -> String {
    let from = from.map_or_else(String::new, |day| format!(" from {day} on"));
    until.map_or(from.clone(), |day| format!("{from} until {day}"))
}

codes!(StorageError {
    own {
        Self::NotYet { uin, missing, step, sink } => Refused "storage.not-yet" {
            uin: uin, missing: missing, step: step.word(), sink: sink.as_deref().unwrap_or_default(),
        },
        Self::NotAllowed { uin, kind, on } => Refused "storage.not-allowed" { uin: uin, kind: kind, on: on },
        Self::NotThePayer { uin, payer } => Refused "storage.not-the-payer" { uin: uin, payer: payer },
        Self::Bound { uin, kind, sink, from, until } => Refused "storage.bound" {
            uin: uin, kind: kind, sink: sink, from: day_or_none(*from), until: day_or_none(*until),
        },
        Self::Same { uin, kind, sink } => Refused "storage.same" { uin: uin, kind: kind, sink: sink },
        Self::DeliveredSince { uin, kind, on, sink } => Refused "storage.delivered-since" {
            uin: uin, kind: kind, on: on, sink: sink,
        },
        Self::NoSink(sink) => User "storage.no-sink" { sink: sink },
        Self::SinkExists(sink) => User "storage.sink-exists" { sink: sink },
        Self::SinkInUse { sink, uin } => Refused "storage.sink-in-use" { sink: sink, uin: uin },
        Self::Shared { sink, other, at } => Refused "storage.shared" { sink: sink, other: other, at: at },
        Self::SamePlace { at, url, mixed } => Refused "storage.same-place" { at: at, url: url, mixed: mixed },
        Self::Option { option, why } => User "storage.option" { option: option, why: why },
        Self::Audience { sink, why } => Refused "storage.audience" { sink: sink, why: why },
    }
    within {
        Self::Name(e) => e, {},
        Self::Store(e) => e, {},
    }
});
