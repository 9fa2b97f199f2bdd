//! Where the bytes of an import come from: a file, or a pipe that is read to its end first.

use std::fs::File;
use std::io::{ErrorKind, Read, Seek, Write};
use std::path::Path;

use crate::formats::container::{self, HEAD_BYTES};
use crate::formats::limits::Limits;
use crate::values::reason::Reason;

use super::error::ImportError;

/// A file to import. It can be read again from its beginning.
#[derive(Debug)]
pub struct Input {
    name: String,
    shown: String,
    file: File,
}

impl Input {
    /// Opens the file of a path. What can be read only once, such as a named pipe, is kept in a nameless file in `folder`, so that
    /// the import waits for nobody while it holds the store.
    ///
    /// # Errors
    /// [`ImportError::Read`], with the path as it was given.
    pub fn open(path: &Path, folder: &Path, limits: &Limits) -> Result<Input, ImportError> {
        let shown = path.display().to_string();
        let failed = |e: std::io::Error| ImportError::Read { file: shown.clone(), why: Reason::of(e) };
        let file = File::open(path).map_err(failed)?;
        let metadata = file.metadata().map_err(failed)?;
        if metadata.is_dir() {
            return Err(ImportError::Read { file: shown, why: "it is a folder".into() });
        }
        let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        if metadata.is_file() {
            return Ok(Input { name, shown, file });
        }
        // A number below `/dev/fd` says nothing of a file.
        let name =
            if path.starts_with("/dev") || path.starts_with("/proc") { "pipe".to_owned() } else { name };
        Ok(Input { name, ..Input::read(&shown, file, folder, limits)? })
    }

    /// Takes what a reader gives, to its end, into a nameless file in `folder` that goes with it.
    ///
    /// # Errors
    /// [`ImportError::Read`], also where it is no bill by its first bytes, or longer than the limit.
    pub fn read(
        shown: &str,
        mut from: impl Read,
        folder: &Path,
        limits: &Limits,
    ) -> Result<Input, ImportError> {
        let wrong = |why: Reason| ImportError::Read { file: shown.to_owned(), why };
        let failed = |e: std::io::Error| wrong(Reason::of(e));
        let head = head_of(&mut from).map_err(failed)?;
        // A device that never ends is not written to the disk first.
        if let Ok(container::Packing::None) = container::packing(&head)
            && !container::is_text(&head)
        {
            return Err(wrong("it begins like no CSV, zip or gzip file".into()));
        }
        let kept = |e: std::io::Error| {
            wrong(Reason::new(
                format!("it cannot be kept in `{}` while it is read: {e}", folder.display()),
                e,
            ))
        };
        // Its owner alone can open it, and it has no name.
        let mut file = tempfile::tempfile_in(folder).map_err(kept)?;
        file.write_all(&head).map_err(kept)?;
        let room = limits.piped_bytes_max.saturating_sub(head.len() as u64);
        let copied = std::io::copy(&mut from.by_ref().take(room), &mut file);
        let copied = copied.map_err(|e| match e.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => kept(e),
            _ => failed(e),
        })?;
        let mut more = [0];
        if copied == room && from.read(&mut more).map_err(failed)? > 0 {
            let gib = limits.piped_bytes_max >> 30;
            return Err(wrong(
                format!("more than {gib} GiB come from it: put it into a file, and import that").into(),
            ));
        }
        file.rewind().map_err(kept)?;
        Ok(Input { name: shown.to_owned(), shown: shown.to_owned(), file })
    }

    /// Has errors call it by its name, where its path says nothing to whoever sent it.
    #[must_use]
    pub fn shown_by_name(self) -> Input {
        Input { shown: self.name.clone(), ..self }
    }

    /// Returns the file's name, which says what it holds and is kept with its lines.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns how it is called in errors: as whoever imports it has called it.
    pub fn shown(&self) -> &str {
        &self.shown
    }

    /// Returns the file, at its beginning, with its first bytes and its length.
    pub(super) fn begin(&self) -> Result<(&File, Vec<u8>, u64), ImportError> {
        let failed = |e: std::io::Error| ImportError::Read { file: self.shown.clone(), why: Reason::of(e) };
        let mut file = &self.file;
        file.rewind().map_err(failed)?;
        let head = head_of(&mut file).map_err(failed)?;
        file.rewind().map_err(failed)?;
        let bytes = file.metadata().map_err(failed)?.len();
        Ok((&self.file, head, bytes))
    }
}

/// Reads what tells what a file is, or all of it.
pub(super) fn head_of(from: &mut impl Read) -> std::io::Result<Vec<u8>> {
    let mut head = Vec::with_capacity(HEAD_BYTES);
    from.take(HEAD_BYTES as u64).read_to_end(&mut head)?;
    Ok(head)
}
