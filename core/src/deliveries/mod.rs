//! The outbox: what is due, and how it gets to a sink exactly once.
//!
//! ```text
//! plan (committed) → render into a staged file → uploading (committed) → put the part → uploaded (committed)
//!                  → ask for it → checked (committed) → put the manifest, create-only, and read it → receipt (committed)
//! ```
//!
//! A kill between any two steps leaves a delivery that is on its way. The next run finds it and goes on from there: it renders the
//! same bytes from the same revision, and puts only what is not there. Once there is a receipt, nothing is put again. A delivery
//! whose lines change before it is there is given up, and what it left at the sink is cleared away, before another one takes its
//! place.

pub(crate) mod calendar;
mod deliver;
mod desk;
mod due;
mod error;
pub(crate) mod expected;
pub(crate) mod notice;
mod parcel;
mod plan;
mod rebuild;
pub(crate) mod record;
mod repair;
pub(crate) mod retention;
mod session;
mod setup;
pub(crate) mod storage;
mod through;
mod verify;

pub use calendar::{
    AccountFacts, Asked, AskedAt, CalendarError, CalendarSlot, Calendars, FILE_BYTES_MAX, FileError,
    Followed, Moment, MonthRange, Months, Profile, TimeOfDay, Why, WhyNot,
};
pub use desk::{Destination, Meter, NoMeter, Seal, SignManifest, Ways};
pub use due::{DueAt, DueItem};
pub use error::DeliveryError;
pub use expected::{BillFiles, Double, Expectation, PendingFile, ReceivedFile, Verdict};
pub use notice::{
    Notice, NoticeError, NoticeEvent, Notifier, Notify, NotifyBy, NotifyError, SchedulerStop, Sent,
};
pub use rebuild::{NOT_AT_ANY_SINK, Rebuilt, RebuiltAmount};
pub use record::{Abandoned, Delivery, DeliveryProgress, Failure, FailureKind, Receipt, RemovedAt, Upload};
pub use repair::Repaired;
pub use retention::{KeptItem, Removal, Removals, RemovedItems, RetentionError, Rules};
pub use setup::Setup;
pub use storage::{
    After, Consent, Enable, Grant, PayerLines, Probe, SINK_OPTIONS, SinkOptions, SinkPlaces, SinkRecord,
    Statement, Stop, StorageAccount, StorageError, StorageStep, StorageSteps, Switch, Target,
};

pub use verify::{SinkFinding, VerifyDepth, What};

pub(crate) use desk::Desk;

pub(crate) use record::{get, put};
