//! Reads from outside that end: each has a limit, and what is longer is an error.
//!
//! A file's length is only what its metadata claims, and a device or a server has none. So each read stops one byte after its
//! limit, whatever was claimed before. `tests/tests/doors.rs` refuses every other way to read something whole.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use crate::values::error::codes;

/// A file from outside, which is read up to a bound.
#[derive(Debug)]
pub struct OutsideFile;

/// The largest manifest. One for a month of a million lines has some kilobytes.
pub const MANIFEST_BYTES_MAX: u64 = 16 << 20;
/// The largest file of keys, certificates or settings. The certificates that systems trust have 250 KB.
pub const SETTINGS_BYTES_MAX: u64 = 4 << 20;
/// The largest list of accounts: two million of them.
pub const ACCOUNTS_BYTES_MAX: u64 = 256 << 20;

/// Why something was not read whole.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BoundedError {
    /// It is longer than anything of its kind.
    #[error("it has more than {bytes_max} bytes, the most that is read of such a file")]
    TooLong {
        /// The limit.
        bytes_max: u64,
    },
    /// It is a folder, a device or a pipe.
    #[error("it is {0}, and not a regular file")]
    NotAFile(&'static str),
    /// It is text of another encoding.
    #[error("it is not UTF-8 text")]
    NotText,
    /// The system refused.
    #[error(transparent)]
    Io(#[from] io::Error),
}

codes!(BoundedError {
    own {
        Self::TooLong { bytes_max } => User "read.too-long" { max: bytes_max },
        Self::NotAFile(what) => User "read.not-a-file" { what: what },
        Self::NotText => User "read.not-text" {},
        Self::Io(why) => Internal "read.io" { why: why },
    }
    within {}
});

impl OutsideFile {
    /// Reads everything that comes, which may be `bytes_max` bytes.
    ///
    /// # Errors
    /// [`BoundedError::TooLong`] after one byte more.
    pub fn read_from(from: impl Read, bytes_max: u64) -> Result<Vec<u8>, BoundedError> {
        read_sized(from, 0, bytes_max)
    }

    /// Reads a regular file whole. Devices and pipes are refused before they are opened, since opening a pipe can wait for ever.
    ///
    /// # Errors
    /// [`BoundedError`].
    pub fn read(path: &Path, bytes_max: u64) -> Result<Vec<u8>, BoundedError> {
        let (file, bytes) = OutsideFile::open(path)?;
        if bytes > bytes_max {
            return Err(BoundedError::TooLong { bytes_max });
        }
        read_sized(file, bytes, bytes_max)
    }

    /// Reads a regular file of text whole.
    ///
    /// # Errors
    /// [`BoundedError`].
    pub fn read_text(path: &Path, bytes_max: u64) -> Result<String, BoundedError> {
        String::from_utf8(OutsideFile::read(path, bytes_max)?).map_err(|_| BoundedError::NotText)
    }

    /// Reads a file that people may also hand over as a pipe, as a shell's `<(…)` does.
    ///
    /// # Errors
    /// [`BoundedError`].
    pub fn read_or_pipe(path: &Path, bytes_max: u64) -> Result<Vec<u8>, BoundedError> {
        OutsideFile::read_from(File::open(path)?, bytes_max)
    }

    /// Opens a regular file, and returns its length.
    ///
    /// # Errors
    /// [`BoundedError::NotAFile`] for anything else.
    pub fn open(path: &Path) -> Result<(File, u64), BoundedError> {
        let regular = |metadata: &std::fs::Metadata| match kind(metadata.file_type()) {
            None => Ok(()),
            Some(kind) => Err(BoundedError::NotAFile(kind)),
        };
        regular(&std::fs::metadata(path)?)?;
        let file = File::open(path)?;
        // Another one may have been put there meanwhile.
        let metadata = file.metadata()?;
        regular(&metadata)?;
        Ok((file, metadata.len()))
    }
}

fn read_sized(from: impl Read, expected_bytes: u64, bytes_max: u64) -> Result<Vec<u8>, BoundedError> {
    let room = usize::try_from(expected_bytes.min(bytes_max)).unwrap_or(0);
    let mut bytes = Vec::with_capacity(room);
    from.take(bytes_max.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > bytes_max {
        return Err(BoundedError::TooLong { bytes_max });
    }
    Ok(bytes)
}

/// Names what is no regular file.
pub(crate) fn kind(of: std::fs::FileType) -> Option<&'static str> {
    if of.is_file() {
        return None;
    }
    if of.is_dir() {
        return Some("a folder");
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt as _;
        if of.is_fifo() {
            return Some("a pipe");
        }
        if of.is_socket() {
            return Some("a socket");
        }
    }
    Some("a device")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_read_ends_one_byte_after_its_limit() {
        assert_eq!(OutsideFile::read_from(&b"12345"[..], 5).unwrap(), b"12345");
        assert!(matches!(
            OutsideFile::read_from(&b"123456"[..], 5),
            Err(BoundedError::TooLong { bytes_max: 5 })
        ));
        assert!(matches!(OutsideFile::read_from(io::repeat(7), 1 << 20), Err(BoundedError::TooLong { .. })));
    }

    #[test]
    fn a_file_is_read_whole_or_refused_with_its_limit() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        std::fs::write(&path, "text").unwrap();
        assert_eq!(OutsideFile::read_text(&path, 4).unwrap(), "text");
        let error = OutsideFile::read(&path, 3).unwrap_err().to_string();
        assert!(error.contains("more than 3 bytes"), "{error}");
        std::fs::write(&path, b"\xff").unwrap();
        assert!(matches!(OutsideFile::read_text(&path, 4), Err(BoundedError::NotText)));
        assert!(matches!(OutsideFile::read(&folder.path().join("b"), 4), Err(BoundedError::Io(_))));
        assert!(matches!(OutsideFile::read(folder.path(), 4), Err(BoundedError::NotAFile("a folder"))));
    }

    #[cfg(unix)]
    #[test]
    fn a_device_or_a_pipe_is_no_file() {
        let zero = Path::new("/dev/zero");
        assert!(matches!(OutsideFile::read(zero, 4), Err(BoundedError::NotAFile("a device"))));
        assert!(matches!(OutsideFile::read_or_pipe(zero, 4), Err(BoundedError::TooLong { .. })));
        // Nobody writes into it: opening it would wait for ever.
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status();
        if made.is_ok_and(|status| status.success()) {
            assert!(matches!(OutsideFile::read(&pipe, 4), Err(BoundedError::NotAFile("a pipe"))));
        }
    }
}
