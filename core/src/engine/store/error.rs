//! Why the store could not do it, in billkeep's words.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::values::error::codes;
use crate::values::reason::Reason;

use super::beside::Beside;
use super::format::STORE_FORMAT;

/// Why the store could not do it.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// No file.
    #[error("there is no store at `{0}`")]
    Missing(PathBuf),
    /// No folder for it.
    #[error("there is no store at `{path}`: the folder `{folder}` does not exist")]
    NoFolder {
        /// Where the store would be.
        path: PathBuf,
        /// The folder that is missing.
        folder: PathBuf,
    },
    /// A link that leads nowhere.
    #[error("there is no store at `{path}`: it is a link to `{target}`, which does not exist")]
    Dangling {
        /// The link.
        path: PathBuf,
        /// What it names.
        target: PathBuf,
    },
    /// A file is there already.
    #[error("there is a store at `{0}` already")]
    Exists(PathBuf),
    /// The file is something else.
    #[error("`{path}` is not a billkeep store: {why}")]
    NotAStore {
        /// Where.
        path: PathBuf,
        /// What was found.
        why: String,
    },
    /// Written by a later version.
    #[error("the store has format {0}, and this program knows {STORE_FORMAT}")]
    Format(u32),
    /// Another program is writing.
    #[error("another program is writing to the store")]
    Busy,
    /// A record does not read back.
    #[error("the store is damaged: {what}: {why}")]
    Damaged {
        /// Which record.
        what: String,
        /// What is wrong with it.
        why: String,
    },
    /// The store is not what its journal records.
    #[error("the store is damaged: it is not what its journal records: {}", .0.join("; "))]
    Altered(Vec<String>),
    /// A record that others refer to is not there.
    #[error("the store is damaged: {0} is missing")]
    Lost(String),
    /// The file, or its folder, is not for this user, or may not be changed.
    #[error("the store cannot be read or written: {0}")]
    Denied(#[source] Reason),
    /// There is no room left.
    #[error("the store cannot be written: {0}")]
    Full(#[source] Reason),
    /// The disk failed.
    #[error("the store cannot be read or written: {0}")]
    Io(#[source] Reason),
    /// The storage engine broke off while it wrote. Nothing of that transaction is kept, and this handle writes nothing more.
    #[error(
        "writing to the store broke off, and nothing of it was kept ({0}); the store has to be opened again"
    )]
    BrokenOff(#[source] Reason),
    /// It failed before, which was reported then.
    #[error(
        "an earlier read or write of the store failed; nothing more is done with it until it is opened again"
    )]
    Failed,
}

codes!(StoreError {
    own {
        Self::Missing(path) => User "store.missing" { path: path.display() },
        Self::NoFolder { path, folder } => User "store.no-folder" { path: path.display(), folder: folder.display() },
        Self::Dangling { path, target } => User "store.dangling-link" { path: path.display(), target: target.display() },
        Self::Exists(path) => User "store.exists" { path: path.display() },
        Self::NotAStore { path, why } => User "store.not-a-store" { path: path.display(), why: why },
        Self::Format(format) => User "store.format" { format: format, known: STORE_FORMAT },
        Self::Busy => Transient "store.busy" {},
        Self::Damaged { what, why } => Damaged "store.damaged" { what: what, why: why },
        Self::Altered(what) => Damaged "store.altered" { what: what.join("; ") },
        Self::Lost(what) => Damaged "store.lost" { what: what },
        Self::Denied(why) => User "store.denied" { why: why },
        Self::Full(why) => Internal "store.full" { why: why },
        Self::Io(why) => Internal "store.io" { why: why },
        Self::BrokenOff(why) => Internal "store.broken-off" { why: why },
        Self::Failed => Internal "store.failed-before" {},
    }
    within {}
});

impl StoreError {
    pub(crate) fn damaged(what: impl Into<String>, why: impl ToString) -> StoreError {
        StoreError::Damaged { what: what.into(), why: why.to_string() }
    }
}

impl From<redb::StorageError> for StoreError {
    fn from(e: redb::StorageError) -> Self {
        match e {
            redb::StorageError::Corrupted(why) => StoreError::damaged("a page", why),
            redb::StorageError::PreviousIo => StoreError::Failed,
            redb::StorageError::Io(e) => of_kind(e.kind(), Reason::of(e)),
            e => StoreError::Io(Reason::of(e)),
        }
    }
}

impl From<redb::TableError> for StoreError {
    fn from(e: redb::TableError) -> Self {
        match e {
            redb::TableError::Storage(e) => e.into(),
            e => StoreError::damaged("a table", e),
        }
    }
}

impl From<redb::TransactionError> for StoreError {
    fn from(e: redb::TransactionError) -> Self {
        match e {
            redb::TransactionError::Storage(e) => e.into(),
            redb::TransactionError::WouldBlock => StoreError::Busy,
            e => StoreError::Io(Reason::of(e)),
        }
    }
}

impl From<redb::CommitError> for StoreError {
    fn from(e: redb::CommitError) -> Self {
        match e {
            redb::CommitError::Storage(e) => e.into(),
            e => StoreError::Io(Reason::of(e)),
        }
    }
}

/// Makes an error of what the system says of a file.
pub(super) fn of_file(path: &Path, e: std::io::Error) -> StoreError {
    of_kind(e.kind(), Reason::at(path, e))
}

fn of_kind(kind: ErrorKind, text: Reason) -> StoreError {
    match kind {
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => StoreError::Denied(text),
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => StoreError::Full(text),
        // The file's own pages say how long it is.
        ErrorKind::UnexpectedEof => StoreError::damaged("the file", "it is shorter than it was: it is cut"),
        _ => StoreError::Io(text),
    }
}

/// Says why there is no file at a path.
pub(super) fn missing(path: &Path) -> StoreError {
    if let Ok(target) = std::fs::read_link(path) {
        return StoreError::Dangling { path: path.to_owned(), target };
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    match folder.filter(|folder| !folder.exists()) {
        Some(folder) => StoreError::NoFolder { path: path.to_owned(), folder: folder.to_owned() },
        None => StoreError::Missing(path.to_owned()),
    }
}

/// Tells why a file cannot be opened.
pub(super) fn open_error(path: &Path, e: redb::DatabaseError) -> StoreError {
    match e {
        redb::DatabaseError::DatabaseAlreadyOpen | redb::DatabaseError::LockProtocolMismatch => {
            StoreError::Busy
        }
        redb::DatabaseError::Storage(redb::StorageError::Io(e)) => match e.kind() {
            ErrorKind::NotFound => missing(path),
            ErrorKind::InvalidData if Beside::is_a_store(path) => StoreError::damaged("the file", e),
            ErrorKind::UnexpectedEof if !Beside::is_a_store(path) => {
                StoreError::NotAStore { path: path.to_owned(), why: "it is too short".into() }
            }
            ErrorKind::InvalidData => StoreError::NotAStore { path: path.to_owned(), why: e.to_string() },
            _ => of_file(path, e),
        },
        redb::DatabaseError::Storage(e) => e.into(),
        e => StoreError::NotAStore { path: path.to_owned(), why: e.to_string() },
    }
}
