//! The engine: one file, its tables and pages, blocks of lines, roll-ups, and the journal. It knows no bill.

pub mod block;
pub mod bounded;
pub mod codec;
pub mod journal;
pub mod own_folder;
pub(crate) mod parted;
pub mod requests;
pub mod rollup;
pub mod settings;
pub mod store;
#[cfg(feature = "testing")]
pub mod testing;
pub mod timeline;
