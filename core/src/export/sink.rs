//! What an export needs of the place it goes to. Core knows this trait, and no sink.

use std::io::Read;
use std::path::{Path, PathBuf};

use crate::error::Kind;

/// A part that has been rendered into a file of ours and is ready to go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Staged {
    /// Where the file is; the sink may move it away.
    pub path: PathBuf,
    /// Its length.
    pub bytes: u64,
    /// Its SHA-256.
    pub sha256: [u8; 32],
}

/// What a sink says it holds under a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// The length.
    pub bytes: u64,
}

/// A sink that is held; dropping it lets go, and so does the end of the program.
#[derive(Debug, Default)]
pub struct Hold(pub Option<std::fs::File>);

/// Why a sink could not do it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SinkError {
    /// It cannot be reached, or is not set up as it must be: a person has to look.
    #[error("{0}")]
    Setup(String),
    /// A fault that may pass.
    #[error("{0}")]
    Passing(String),
    /// Something else is there under that name.
    #[error("`{name}` is there already with other content")]
    Conflict {
        /// The name.
        name: String,
    },
}

impl SinkError {
    /// Returns the kind.
    pub fn kind(&self) -> Kind {
        match self {
            SinkError::Setup(_) => Kind::User,
            SinkError::Passing(_) => Kind::Passing,
            SinkError::Conflict { .. } => Kind::Refused,
        }
    }
}

/// A destination of exports.
///
/// A reader of the destination never sees half an object: [`Sink::put`] and [`Sink::put_new`] show it whole or
/// not at all, and durable once they return.
pub trait Sink: Send + Sync {
    /// Returns where people find an object.
    fn location(&self, name: &str) -> String;

    /// Returns a folder in which parts are best staged, if the sink has one: moving from there is cheap.
    fn stage_folder(&self) -> Option<&Path>;

    /// Keeps other programs from delivering here until the hold is dropped.
    ///
    /// # Errors
    /// [`SinkError::Passing`] when another program does not finish in time.
    fn hold(&self) -> Result<Hold, SinkError>;

    /// Puts a part under a name that its content determines; replaces what is there.
    ///
    /// # Errors
    /// [`SinkError`].
    fn put(&self, name: &str, part: &Staged) -> Result<(), SinkError>;

    /// Puts a small object under a name that must be free; `false` if it is taken.
    ///
    /// # Errors
    /// [`SinkError`].
    fn put_new(&self, name: &str, bytes: &[u8]) -> Result<bool, SinkError>;

    /// Tells what is held under a name.
    ///
    /// # Errors
    /// [`SinkError`].
    fn head(&self, name: &str) -> Result<Option<Held>, SinkError>;

    /// Reads what is held under a name.
    ///
    /// # Errors
    /// [`SinkError`].
    fn read(&self, name: &str) -> Result<Option<Box<dyn Read>>, SinkError>;

    /// Removes what is held under a name; nothing there is no error.
    ///
    /// # Errors
    /// [`SinkError`].
    fn remove(&self, name: &str) -> Result<(), SinkError>;

    /// Lists the names of all objects, sorted.
    ///
    /// # Errors
    /// [`SinkError`].
    fn list(&self) -> Result<Vec<String>, SinkError>;
}
