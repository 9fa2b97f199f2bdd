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

pub mod calendar;
mod deliver;
mod desk;
mod due;
mod error;
pub mod expected;
pub mod notice;
mod parcel;
mod plan;
mod rebuild;
pub(crate) mod record;
mod repair;
pub mod retention;
mod session;
mod setup;
pub mod storage;
mod through;
mod verify;

pub(crate) use desk::Desk;
pub use desk::{Destination, Meter, NoMeter, Seal, SignManifest, Ways};
pub use due::{DueAt, DueItem};
pub use error::DeliveryError;

pub use rebuild::{NOT_AT_ANY_SINK, Rebuilt, RebuiltAmount};
pub use record::{Abandoned, Delivery, DeliveryProgress, Failure, FailureKind, Receipt, RemovedAt, Upload};
pub(crate) use record::{get, put};

pub use repair::Repaired;
pub use setup::Setup;
pub use through::scheduled_through;
pub use verify::{SinkFinding, VerifyDepth, What, verify};
