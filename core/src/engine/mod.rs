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

pub use block::Sums;
pub use bounded::OutsideFile;
pub use bounded::{ACCOUNTS_BYTES_MAX, BoundedError, SETTINGS_BYTES_MAX};
pub use journal::{Actor, EntryChange, EntryFilter, JournalEntry, JournalHead, Proof, append_change};
pub use own_folder::{own_folder, temporary_folder};
pub use requests::RequestState;
pub use settings::StoreSettings;
pub use store::{
    Access, Beside, ChunkCache, OpenOptions, Records, Snapshot, Store, StoreError, Transaction, reads_a_page,
};
pub use timeline::DatedChange;
