//! The one file that holds everything, and the one door to redb.
//!
//! A [`Store`] hands out read transactions ([`Snapshot`]), which see one moment of the store and never wait, and
//! one write transaction at a time ([`Transaction`]), which is all or nothing. Other processes may have the file
//! open as well; a second writer waits for a bounded time.
//!
//! Records are [`crate::engine::codec`] bytes under byte keys; large values (blocks, roll-ups, line orders) are cut to
//! page sizes by [`pages`](self). Every commit is durable and leaves a file that opens at once after a crash.

#[cfg(test)]
pub(crate) mod behind;
mod beside;
mod chunks;
mod commit;
// Only tests have other disks than a file.
#[cfg_attr(not(feature = "testing"), allow(dead_code, unreachable_pub))]
mod disk;
mod error;
mod file;
mod format;
mod found;
mod guard;
mod options;
mod pages;
mod records;
mod sealed;
mod settling;
mod snapshot;
mod state;
mod tables;
#[cfg(test)]
mod tests;
mod transaction;

pub use beside::Beside;
pub use chunks::ChunkCache;
pub use error::StoreError;
pub use file::Store;
pub use guard::reads_a_page;

pub use options::{Access, OpenOptions};
pub use records::{Records, Visit};
pub use snapshot::Snapshot;
pub use state::{Moved, STEPS, Since, StoreSums, TableSum, empty as empty_part};
pub use transaction::Transaction;

#[cfg(all(test, not(feature = "testing")))]
pub(crate) use disk::Disk;
#[cfg(not(feature = "testing"))]
pub(crate) use tables::{Large, Table};
#[cfg(feature = "testing")]
pub use {
    disk::Disk,
    tables::{Large, Table},
};
