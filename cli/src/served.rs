//! What a console that runs leaves beside the store: where it is, in whose name it delivers, and how its scheduler is.
//!
//! The file is `STORE.console`. The console that runs holds a lock on it; one without a lock is of a console that has ended
//! without a word. It has no secret.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use billkeep_core::engine::Beside;
use serde::{Deserialize, Serialize};

/// The largest file of this kind that is read.
const BYTES_MAX: u64 = 1 << 16;

/// A console.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Served {
    /// Where browsers find it.
    pub(crate) url: String,
    /// In whose name it delivers.
    pub(crate) actor: String,
    /// Whether it has a scheduler.
    pub(crate) has_scheduler: bool,
    /// Why the scheduler delivers nothing, if it does not.
    pub(crate) stopped: Option<String>,
    /// How often the scheduler has looked: whoever watches it sees that it goes on.
    pub(crate) looks: u64,
    /// Says whether it runs; known by the file's lock.
    #[serde(skip)]
    pub(crate) runs: bool,
}

impl Served {
    /// Returns why the scheduler delivers nothing; `None` if it delivers, or if there is none.
    pub(crate) fn why_stopped(&self) -> Option<String> {
        match self.runs {
            _ if !self.has_scheduler => None,
            false => Some(format!("the console at {} ended and does not run", self.url)),
            true => self.stopped.clone(),
        }
    }
}

/// Returns the console over a store, if one has left word.
pub(crate) fn find(store: &Path) -> Option<Served> {
    let file = File::open(Beside::Console.path_of(store)).ok()?;
    let mut text = String::new();
    (&file).take(BYTES_MAX).read_to_string(&mut text).ok()?;
    let served: Served = serde_json::from_str(&text).ok()?;
    let runs = matches!(file.try_lock_shared(), Err(std::fs::TryLockError::WouldBlock));
    Some(Served { runs, ..served })
}

/// The word that a console leaves; it is gone when this is dropped.
pub(crate) struct ServedFile {
    path: PathBuf,
    file: Mutex<(File, Served)>,
}

impl ServedFile {
    /// Leaves word; none where another console over the same store has.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(crate) fn leave(store: &Path, served: Served) -> std::io::Result<Option<ServedFile>> {
        let path = Beside::Console.path_of(store);
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(&path)?;
        if file.try_lock().is_err() {
            return Ok(None);
        }
        let word = ServedFile { path, file: Mutex::new((file, Served::default())) };
        word.change(|known| *known = served)?;
        Ok(Some(word))
    }

    /// Changes what it says.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(crate) fn change(&self, change: impl FnOnce(&mut Served)) -> std::io::Result<()> {
        let mut held = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let (file, served) = &mut *held;
        let before = served.clone();
        change(served);
        if *served == before {
            return Ok(());
        }
        let text = serde_json::to_vec(served)?;
        file.seek(SeekFrom::Start(0))?;
        file.write_all(&text)?;
        file.set_len(text.len() as u64)
    }
}

impl Drop for ServedFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}
