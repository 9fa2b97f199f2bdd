//! Objects that a guest reads.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

/// Bytes that a guest reads.
#[allow(unreachable_pub, reason = "the bindings name it")]
pub enum Source {
    File(Mutex<File>),
    Bytes(Vec<u8>),
}

impl Source {
    pub(super) fn file(path: &Path) -> io::Result<Source> {
        Ok(Source::File(Mutex::new(File::open(path)?)))
    }

    /// Reads so many bytes.
    pub(super) fn read(&self, at: u64, len: usize) -> io::Result<Vec<u8>> {
        match self {
            Source::Bytes(bytes) => {
                let from = usize::try_from(at).unwrap_or(usize::MAX);
                let found = from.checked_add(len).and_then(|to| bytes.get(from..to));
                found.map(<[u8]>::to_vec).ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
            }
            Source::File(file) => {
                let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
                file.seek(SeekFrom::Start(at))?;
                // Not filled with zeros first: it is a tenth of the time.
                let mut bytes = Vec::with_capacity(len);
                (&mut *file).take(len as u64).read_to_end(&mut bytes)?;
                if bytes.len() == len { Ok(bytes) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
            }
        }
    }
}

/// A view of an object.
#[allow(unreachable_pub, reason = "the bindings name it")]
#[derive(Clone)]
pub struct Blob {
    pub(super) source: Arc<Source>,
    /// From which byte of the object.
    pub(super) from: u64,
    pub(super) len: u64,
}
