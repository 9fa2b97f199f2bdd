//! The store of cloud bills behind billkeep: one file that imports a provider's bills, keeps every revision, and delivers
//! exports exactly once.
//!
//! **What it is.** A library without a server. A [`Store`] is one file. It takes bill files of one payer, line by line and
//! exactly. People compare, dispute and confirm bills by their digests. Exports go to anything that implements [`Sink`].
//! Every change is one durable commit and one entry in a journal that a check can prove.
//!
//! **What it is not.** It is no general database: tables hold bills and what belongs to them. It fetches nothing, reads no
//! environment and no clock, and prints nothing. The caller states who acts and when, with an [`Actor`].
//!
//! **Limits.** A bill has at most 2^32 lines in a file of at most [`ingest limits`](bills::Import). Amounts have 26 digits
//! before and 24 after the point, and are never floats. One process writes at a time; readers see a [`Snapshot`].
//! The panic strategy has to be `unwind`: a damaged page of the file is an error, not the end of the program.
//!
//! ```
//! use billkeep_core::{Actor, Import, Setup, Store, Sums};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let bills = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/bills/english");
//! let actor = Actor { name: "ann".into(), at_unix_s: 1_617_235_200 };
//! let setup = Setup::new("100010445724".parse()?, "+08:00".parse()?);
//! let store = Store::create(&folder.path().join("bills.redb"), &setup, &actor)?;
//! let file = bills.join("100010445724-202103-by_used_time-bill_details.csv");
//! let report = store.import(&file, &Import::by(&actor))?;
//! assert_eq!(Sums::totals_text(&report.after), "82,500.34727189 USD");
//! # Ok(())
//! # }
//! ```
//!
//! The root has the names for the life of a month. Each layer is a module with the rest:
//! [`values`], [`formats`], [`engine`], [`partners`], [`bills`], [`exports`], [`deliveries`], [`audit`].
//! A layer uses only those before it. [`error`] has what all errors share.

#![warn(unnameable_types)]

pub mod audit;
pub mod bills;
pub mod deliveries;
pub mod engine;
pub mod error;
pub mod exports;
pub mod formats;
pub mod partners;
pub mod values;

#[cfg(feature = "testing")]
pub use engine::testing;

pub use bills::{
    Bill, BillKey, BillState, BillView, Import, ImportProgress, ImportReport, ImportRequest, Input,
    LineFilter, Outcome, Revision,
};
pub use deliveries::{Delivery, Destination, DueItem, Setup, StorageAccount};
pub use engine::{Access, Actor, JournalEntry, OpenOptions, Records, Snapshot, Store, Sums, Transaction};
pub use error::Error;
pub use exports::{ExportForm, Plan, RenderSettings, Scope, Sink, WantedExport};
pub use formats::BillKind;
pub use partners::{Person, PersonRole, PriceRule};
pub use values::{Amount, Basis, BillMonth, Coverage, Day, TimeZone, Uin};

/// What the macro `codes!` names.
#[doc(hidden)]
pub mod coded {
    pub use crate::values::error::{Code, Coded, ErrorField, Kind};
}
