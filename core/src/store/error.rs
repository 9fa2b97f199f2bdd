//! Why the store could not do it, in billkeep's words.

use std::path::{Path, PathBuf};

use crate::error::Kind;

use super::STORE_FORMAT;

/// Why the store could not do it.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// No file.
    #[error("there is no store at `{0}`")]
    Missing(PathBuf),
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
    /// The disk failed.
    #[error("the store cannot be read or written: {0}")]
    Io(String),
    /// The storage engine broke off while it wrote. Nothing of that transaction is kept, and this handle writes nothing more.
    #[error(
        "writing to the store broke off, and nothing of it was kept ({0}); the store has to be opened again"
    )]
    BrokenOff(String),
}

impl StoreError {
    /// Returns the kind.
    pub fn kind(&self) -> Kind {
        match self {
            StoreError::Missing(_) | StoreError::Exists(_) | StoreError::NotAStore { .. } => Kind::User,
            StoreError::Format(_) => Kind::User,
            StoreError::Busy => Kind::Passing,
            StoreError::Damaged { .. } | StoreError::Lost(_) | StoreError::Altered(_) => Kind::Damaged,
            StoreError::Io(_) | StoreError::BrokenOff(_) => Kind::Internal,
        }
    }

    pub(crate) fn damaged(what: impl Into<String>, why: impl ToString) -> StoreError {
        StoreError::Damaged { what: what.into(), why: why.to_string() }
    }
}

impl From<redb::StorageError> for StoreError {
    fn from(e: redb::StorageError) -> Self {
        match e {
            redb::StorageError::Corrupted(why) => StoreError::damaged("a page", why),
            redb::StorageError::PreviousIo => StoreError::Io(
                "an earlier read or write failed, and nothing more is done with the file until it is opened again".into(),
            ),
            e => StoreError::Io(e.to_string()),
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
            e => StoreError::Io(e.to_string()),
        }
    }
}

impl From<redb::CommitError> for StoreError {
    fn from(e: redb::CommitError) -> Self {
        match e {
            redb::CommitError::Storage(e) => e.into(),
            e => StoreError::Io(e.to_string()),
        }
    }
}

/// Tells why a file cannot be opened.
pub(super) fn open_error(path: &Path, e: redb::DatabaseError) -> StoreError {
    match e {
        redb::DatabaseError::DatabaseAlreadyOpen | redb::DatabaseError::LockProtocolMismatch => {
            StoreError::Busy
        }
        redb::DatabaseError::Storage(redb::StorageError::Io(e)) => match e.kind() {
            std::io::ErrorKind::NotFound => StoreError::Missing(path.to_owned()),
            std::io::ErrorKind::InvalidData => {
                StoreError::NotAStore { path: path.to_owned(), why: e.to_string() }
            }
            _ => StoreError::Io(format!("`{}`: {e}", path.display())),
        },
        redb::DatabaseError::Storage(e) => e.into(),
        e => StoreError::NotAStore { path: path.to_owned(), why: e.to_string() },
    }
}
