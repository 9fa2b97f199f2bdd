//! What is needed of the place that exports go to. Core knows this trait, and no sink.
//!
//! A sink holds **objects** under names without a slash. What it must do, `billkeep_sinks::conformance` checks, for every
//! sink there is and for a user's real destination.

mod memory;

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest as _, Sha256};

use crate::engine::bounded::{self, BoundedError};
use crate::values::error::codes;
use crate::values::reason::Reason;

use crate::engine::OutsideFile;
pub use memory::Memory;
pub(crate) use memory::MemoryPlace;

/// A part that lies in a file of ours and is ready to go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Staged {
    /// Where the file is; the sink may move it away.
    pub path: PathBuf,
    /// Its length.
    pub bytes: u64,
    /// Its SHA-256.
    pub sha256: [u8; 32],
    /// What programs at the destination may want to know of it: words, by name, and no amounts.
    pub tags: Vec<(&'static str, String)>,
}

/// What a sink says it holds under a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectMeta {
    /// The length.
    pub bytes: u64,
    /// A mark of the content, if the sink has one (an object store's ETag): the same content may have several, but another
    /// content has another one.
    pub tag: Option<String>,
}

/// A sink that is held; dropping it lets go, and so does the end of the program.
#[derive(Debug, Default)]
pub struct Hold(pub Option<File>);

/// How often, and how long, to wait for another program that holds a sink.
const WAIT_STEPS: u32 = 600;
const WAIT_STEP: Duration = Duration::from_millis(50);

impl Hold {
    /// Holds what a lock file stands for; the system lets go of it when the program ends.
    ///
    /// # Errors
    /// [`SinkError::Transient`] when another program holds it for longer than half a minute; [`SinkError::Setup`] when there can
    /// be no such file.
    pub fn of_file(path: &Path, what: &str) -> Result<Hold, SinkError> {
        let setup = |e: std::io::Error| SinkError::Setup(Reason::at(path, e));
        let file = File::create(path).map_err(setup)?;
        for _ in 0..WAIT_STEPS {
            match file.try_lock() {
                Ok(()) => return Ok(Hold(Some(file))),
                Err(fs::TryLockError::WouldBlock) => std::thread::sleep(WAIT_STEP),
                Err(fs::TryLockError::Error(e)) => return Err(setup(e)),
            }
        }
        let s = (WAIT_STEP * WAIT_STEPS).as_secs();
        Err(SinkError::Transient(
            format!("another program has been delivering to {what} for {s} seconds").into(),
        ))
    }
}

/// Why a sink could not do it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SinkError {
    /// It is not set up as it must be, or refuses: a person has to look.
    #[error(transparent)]
    Setup(Reason),
    /// The place that it is to be at is not there: a disk that is not mounted, a folder that was renamed or removed.
    #[error(transparent)]
    Absent(Reason),
    /// It does not accept who we say we are, or what we may do.
    #[error(transparent)]
    Credentials(Reason),
    /// A fault that may pass.
    #[error(transparent)]
    Transient(Reason),
    /// The destination is busy, and has said how long to wait.
    #[error("{why}; it asks to wait {wait_s} s")]
    Throttled {
        /// What it said.
        why: Reason,
        /// How long.
        wait_s: u64,
    },
    /// Something else is there under that name.
    #[error("`{name}` is there already with other content")]
    Conflict {
        /// The name.
        name: String,
    },
    /// It holds, or gave back, something else than was put.
    #[error(transparent)]
    Damaged(Reason),
    /// Somebody asked to stop, and it was safe to.
    #[error("stopped as asked")]
    Stopped,
}

codes!(SinkError {
    own {
        Self::Setup(why) => User "sink.setup" { why: why },
        Self::Absent(why) => User "sink.absent" { why: why },
        Self::Credentials(why) => User "sink.credentials" { why: why },
        Self::Transient(why) => Transient "sink.transient" { why: why },
        Self::Throttled { why, wait_s } => Transient "sink.throttled" { why: why, wait_s: wait_s },
        Self::Conflict { name } => Refused "sink.conflict" { name: name },
        Self::Damaged(why) => Damaged "sink.damaged" { why: why },
        Self::Stopped => Transient "sink.stopped" {},
    }
    within {}
});

/// Is told of a part on its way, and may stop it.
pub trait Watch: Sync {
    /// An upload has begun that leaves something behind unless it ends. The token is kept until then, so that
    /// [`Sink::abandon`] can clear away what a killed program left.
    ///
    /// # Errors
    /// [`SinkError`] when the token cannot be kept; nothing is sent then.
    fn begun(&self, token: &str) -> Result<(), SinkError>;

    /// So many more bytes have arrived.
    fn sent(&self, bytes: u64);

    /// Says whether to end at the next point at which that is safe, with [`SinkError::Stopped`].
    fn stopped(&self) -> bool;
}

/// Nobody watches.
pub struct Unwatched;

impl Watch for Unwatched {
    fn begun(&self, _token: &str) -> Result<(), SinkError> {
        Ok(())
    }

    fn sent(&self, _bytes: u64) {}

    fn stopped(&self) -> bool {
        false
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
    fn stage_folder(&self) -> Option<&Path> {
        None
    }

    /// Says whether reading costs next to nothing, so that a check may as well read everything.
    fn is_local(&self) -> bool {
        self.stage_folder().is_some()
    }

    /// Says whether [`Sink::head`], [`Sink::read`] and [`Sink::list`] look at the destination. A sink that cannot answers from
    /// what it remembers, and has nothing to list.
    fn looks(&self) -> bool {
        true
    }

    /// Tries whether the destination is there and lets us in; leaves nothing behind.
    ///
    /// # Errors
    /// [`SinkError`].
    fn check(&self) -> Result<(), SinkError> {
        self.list().map(drop)
    }

    /// Returns what the sink remembers, if it does: it is kept in the store with each step of a delivery.
    fn memory(&self) -> Option<&Memory> {
        None
    }

    /// Keeps other programs from delivering here until the hold is dropped; a sink that cannot returns an empty hold.
    ///
    /// # Errors
    /// [`SinkError::Transient`] when another program does not finish in time.
    fn hold(&self) -> Result<Hold, SinkError> {
        Ok(Hold::default())
    }

    /// Puts a part under a name that its content determines; replaces what is there.
    ///
    /// # Errors
    /// [`SinkError`]; the object is not there then, or is as it was, or has arrived though the answer did not.
    fn put(&self, name: &str, part: &Staged, watch: &dyn Watch) -> Result<ObjectMeta, SinkError>;

    /// Clears away what an upload left that was begun with this token and never ended; nothing there is no error.
    ///
    /// # Errors
    /// [`SinkError`].
    fn abandon(&self, name: &str, token: &str) -> Result<(), SinkError> {
        let _ = (name, token);
        Ok(())
    }

    /// Puts a small object under a name that must be free; `false` if it is taken.
    ///
    /// `true` does not prove that the object is ours where the destination ignores that a name is taken: who needs to know
    /// reads it back.
    ///
    /// # Errors
    /// [`SinkError`].
    fn put_new(&self, name: &str, bytes: &[u8]) -> Result<bool, SinkError>;

    /// Tells what is held under a name.
    ///
    /// # Errors
    /// [`SinkError`].
    fn head(&self, name: &str) -> Result<Option<ObjectMeta>, SinkError>;

    /// Reads what is held under a name.
    ///
    /// # Errors
    /// [`SinkError`]; errors while reading come from the reader, as [`std::io::Error`]s.
    fn read(&self, name: &str) -> Result<Option<Box<dyn Read + Send + '_>>, SinkError>;

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

/// A sink that several hold.
impl<S: Sink + ?Sized> Sink for Arc<S> {
    fn location(&self, name: &str) -> String {
        (**self).location(name)
    }

    fn stage_folder(&self) -> Option<&Path> {
        (**self).stage_folder()
    }

    fn is_local(&self) -> bool {
        (**self).is_local()
    }

    fn looks(&self) -> bool {
        (**self).looks()
    }

    fn check(&self) -> Result<(), SinkError> {
        (**self).check()
    }

    fn memory(&self) -> Option<&Memory> {
        (**self).memory()
    }

    fn hold(&self) -> Result<Hold, SinkError> {
        (**self).hold()
    }

    fn put(&self, name: &str, part: &Staged, watch: &dyn Watch) -> Result<ObjectMeta, SinkError> {
        (**self).put(name, part, watch)
    }

    fn abandon(&self, name: &str, token: &str) -> Result<(), SinkError> {
        (**self).abandon(name, token)
    }

    fn put_new(&self, name: &str, bytes: &[u8]) -> Result<bool, SinkError> {
        (**self).put_new(name, bytes)
    }

    fn head(&self, name: &str) -> Result<Option<ObjectMeta>, SinkError> {
        (**self).head(name)
    }

    fn read(&self, name: &str) -> Result<Option<Box<dyn Read + Send + '_>>, SinkError> {
        (**self).read(name)
    }

    fn remove(&self, name: &str) -> Result<(), SinkError> {
        (**self).remove(name)
    }

    fn list(&self) -> Result<Vec<String>, SinkError> {
        (**self).list()
    }
}

/// The largest object that [`ObjectMeta::read_small`] reads: manifests and signatures are far smaller.
pub const SMALL_BYTES_MAX: u64 = bounded::MANIFEST_BYTES_MAX;

impl ObjectMeta {
    /// Reads a small object of a sink, such as a manifest.
    ///
    /// # Errors
    /// [`SinkError::Damaged`] when it is larger than [`SMALL_BYTES_MAX`], without reading more than that; [`SinkError`].
    pub fn read_small(sink: &dyn Sink, name: &str) -> Result<Option<Vec<u8>>, SinkError> {
        let Some(reader) = sink.read(name)? else { return Ok(None) };
        OutsideFile::read_from(reader, SMALL_BYTES_MAX).map(Some).map_err(|e| match e {
            BoundedError::TooLong { bytes_max } => SinkError::Damaged(
                format!("`{name}` is larger than {} MiB and was not read", bytes_max >> 20).into(),
            ),
            e => SinkError::Transient(Reason::of(e)),
        })
    }

    /// Returns length and SHA-256 of what a sink holds under a name.
    ///
    /// # Errors
    /// [`SinkError`].
    pub fn read_hash(sink: &dyn Sink, name: &str) -> Result<Option<(u64, [u8; 32])>, SinkError> {
        let Some(mut reader) = sink.read(name)? else { return Ok(None) };
        let mut hasher = Sha256::new();
        let mut buffer = vec![0; 1 << 16];
        let mut bytes = 0;
        loop {
            let got = reader.read(&mut buffer).map_err(|e| SinkError::Transient(Reason::of(e)))?;
            if got == 0 {
                return Ok(Some((bytes, hasher.finalize().into())));
            }
            hasher.update(buffer.get(..got).unwrap_or_default());
            bytes += got as u64;
        }
    }
}
