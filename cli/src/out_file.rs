//! A file that the user names with `-o`, `--metrics` and the like.
//!
//! A regular file is replaced whole or not at all, and keeps its mode. What is no regular file (a pipe, a device, the program's
//! own stdout by whatever name) is written through, and never replaced; a link stays a link. `-` is stdout. No store is written
//! over, and nothing that lies beside the store of this command.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};

use crate::context::Context;
use crate::error::CommandError;

use billkeep_core::engine::Beside;

/// Links that are followed, at most.
const LINKS_MAX: usize = 40;

/// For whom a new file is. The umask may allow less.
#[derive(Clone, Copy)]
pub(crate) enum For {
    /// Its owner alone: evidence.
    Owner,
    /// Its owner and group: bills.
    Group,
    /// Everybody on the machine: figures for monitoring, reports of tests.
    All,
}

impl For {
    #[cfg(unix)]
    fn mode(self) -> u32 {
        match self {
            For::Owner => 0o600,
            For::Group => 0o640,
            For::All => 0o644,
        }
    }
}

/// An output file that is being written. Nothing is replaced before [`OutFile::finish`].
pub(crate) struct OutFile {
    path: PathBuf,
    to: Channel,
}

enum Channel {
    /// The program's own stdout, or whoever has the output instead.
    Stdout(Box<dyn Write + Send>),
    /// A pipe or a device, or a file that cannot be replaced.
    Through(BufWriter<File>),
    /// A new file that takes the place of `target`.
    Beside { file: BufWriter<File>, path: tempfile::TempPath, target: PathBuf },
}

/// What a path leads to.
enum PathKind {
    Stdout,
    Through(PathBuf),
    File(PathBuf),
}

impl OutFile {
    /// Opens a file to write.
    pub(crate) fn create(context: &Context, path: &Path, readers: For) -> Result<OutFile, CommandError> {
        let failed = |e: &io::Error| error(path, e);
        let place = place(path).map_err(|e| failed(&e))?;
        match &place {
            // `>> STORE`
            PathKind::Stdout if context.is_terminal() => {
                must_not_be_a_store(context, path, Path::new("/dev/stdout"))?;
            }
            PathKind::Stdout => {}
            PathKind::Through(target) | PathKind::File(target) => must_not_be_a_store(context, path, target)?,
        }
        let to = match place {
            PathKind::Stdout => Channel::Stdout(context.writer()),
            PathKind::Through(target) => {
                let file = OpenOptions::new().append(true).open(target).map_err(|e| failed(&e))?;
                Channel::Through(BufWriter::new(file))
            }
            PathKind::File(target) => beside(path, target, readers)?,
        };
        Ok(OutFile { path: path.to_owned(), to })
    }

    /// Writes a file at once.
    pub(crate) fn write_all_to(
        context: &Context,
        path: &Path,
        readers: For,
        bytes: &[u8],
    ) -> Result<(), CommandError> {
        let mut file = OutFile::create(context, path, readers)?;
        file.write_all(bytes).map_err(|e| error(path, &e))?;
        file.finish()
    }

    /// Says whether it goes to stdout, so that no words about a file are needed.
    pub(crate) fn is_stdout(&self) -> bool {
        matches!(self.to, Channel::Stdout(_))
    }

    /// Puts the file in its place.
    pub(crate) fn finish(self) -> Result<(), CommandError> {
        let OutFile { path, to } = self;
        let failed = |e: &io::Error| error(&path, e);
        match to {
            Channel::Stdout(mut out) => Ok(out.flush()?),
            Channel::Through(mut file) => file.flush().map_err(|e| failed(&e)),
            Channel::Beside { file, path: new, target } => {
                let file = file.into_inner().map_err(|e| failed(e.error()))?;
                file.sync_all().map_err(|e| failed(&e))?;
                new.persist(target).map_err(|e| failed(&e.error))
            }
        }
    }
}

impl Write for OutFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = match &mut self.to {
            Channel::Stdout(out) => return out.write(bytes),
            Channel::Through(file) => file.write(bytes),
            Channel::Beside { file, .. } => file.write(bytes),
        };
        // Whoever only hears of the error knows which file it was.
        written.map_err(|e| io::Error::new(e.kind(), format!("`{}`: {e}", self.path.display())))
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.to {
            Channel::Stdout(out) => out.flush(),
            Channel::Through(file) => file.flush(),
            Channel::Beside { file, .. } => file.flush(),
        }
    }
}

/// Refuses a place, which has the name `path` for people, if it is the store of this command, beside it, or any other store.
pub(crate) fn must_not_be_a_store(context: &Context, path: &Path, place: &Path) -> Result<(), CommandError> {
    let what = if Beside::is_of_store(&context.store, place) {
        format!("it belongs to the store `{}`", context.store.display())
    } else if Beside::is_a_store(place) {
        "it is a store".to_owned()
    } else {
        return Ok(());
    };
    let refused = CommandError::user(format!("`{}` cannot be written: {what}", path.display()));
    Err(refused.hint("give another path"))
}

fn error(path: &Path, e: &io::Error) -> CommandError {
    CommandError::user(format!("`{}` cannot be written: {e}", path.display())).hint_of_write(e.kind())
}

/// Follows links, without losing the names of the program's own streams on the way.
fn place(path: &Path) -> io::Result<PathKind> {
    if path.as_os_str() == "-" {
        return Ok(PathKind::Stdout);
    }
    let mut at = path.to_owned();
    for _ in 0..LINKS_MAX {
        // Whatever stdout is, a file among them: it is written where it stands.
        if let Some(stream) = stream(&at) {
            return Ok(if stream == "1" { PathKind::Stdout } else { PathKind::Through(at) });
        }
        let metadata = match fs::symlink_metadata(&at) {
            Ok(metadata) => metadata,
            Err(e) if e.kind() == ErrorKind::NotFound => return missing(at),
            Err(e) => return Err(e),
        };
        if metadata.is_symlink() {
            let target = fs::read_link(&at)?;
            at = at.parent().unwrap_or(Path::new("")).join(target);
        } else if metadata.is_dir() {
            return Err(io::Error::new(ErrorKind::IsADirectory, "it is a folder; name a file"));
        } else {
            return Ok(if metadata.is_file() { PathKind::File(at) } else { PathKind::Through(at) });
        }
    }
    Err(io::Error::other("too many links lead to one another"))
}

/// A file that is not there yet, in a folder that has to be.
fn missing(path: PathBuf) -> io::Result<PathKind> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    match fs::metadata(folder) {
        Ok(metadata) if metadata.is_dir() => Ok(PathKind::File(path)),
        Ok(_) => {
            Err(io::Error::new(ErrorKind::NotADirectory, format!("`{}` is not a folder", folder.display())))
        }
        Err(e) if e.kind() == ErrorKind::NotFound => Err(io::Error::new(
            ErrorKind::NotFound,
            format!("the folder `{}` does not exist", folder.display()),
        )),
        Err(e) => Err(e),
    }
}

/// Returns the number of the program's stream that a path names: `/dev/stdout`, `/dev/fd/1`, `/proc/self/fd/1`.
fn stream(path: &Path) -> Option<&str> {
    let text = path.to_str()?;
    let number = match text {
        "/dev/stdout" => "1",
        "/dev/stderr" => "2",
        _ => {
            let own = format!("/proc/{}/fd/", std::process::id());
            text.strip_prefix("/dev/fd/")
                .or_else(|| text.strip_prefix("/proc/self/fd/"))
                .or_else(|| text.strip_prefix("/proc/thread-self/fd/"))
                .or_else(|| text.strip_prefix(own.as_str()))?
        }
    };
    number.bytes().all(|b| b.is_ascii_digit()).then_some(number)
}

/// Makes a new file beside the one whose place it takes, with its mode.
fn beside(path: &Path, target: PathBuf, readers: For) -> Result<Channel, CommandError> {
    let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    builder.prefix(".billkeep-").suffix(".part");
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(readers.mode()));
    #[cfg(not(unix))]
    let _ = readers;
    let there = fs::metadata(&target).ok();
    let file = match builder.tempfile_in(folder) {
        Ok(file) => file,
        // The folder takes no new file, but a file that is there may be one that we may write.
        Err(e) if e.kind() == ErrorKind::PermissionDenied && there.is_some() => {
            let file = OpenOptions::new().write(true).truncate(true).open(&target);
            return Ok(Channel::Through(BufWriter::new(file.map_err(|e| error(path, &e))?)));
        }
        Err(e) => return Err(error(path, &e)),
    };
    if let Some(there) = there {
        #[cfg(unix)]
        {
            // The owner first: changing it may take bits of the mode away. Only root can give a file to somebody else.
            use std::os::unix::fs::MetadataExt as _;
            let _ = std::os::unix::fs::fchown(file.as_file(), Some(there.uid()), Some(there.gid()));
        }
        file.as_file().set_permissions(there.permissions()).map_err(|e| error(path, &e))?;
    }
    // Errors of the file alone do not have the name of the new one, which nobody has given.
    let (file, new) = file.into_parts();
    Ok(Channel::Beside { file: BufWriter::new(file), path: new, target })
}
