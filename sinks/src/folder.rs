//! A folder as a sink: whole files or none.
//!
//! A file is written under a temporary name in a hidden folder beside the others, flushed to disk, renamed, and
//! then the folder is flushed, so that a reader sees it whole or not at all, and a crash keeps it so. A part that
//! is staged in the hidden folder already is renamed from there.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use billkeep_core::bounded::{self, BoundedError};
use billkeep_core::sink::{Held, Hold, Sink, SinkError, Staged, Watch};

/// The hidden folder for files that are not finished.
const STAGE: &str = ".billkeep-staging";
/// In the hidden folder: locked by the program that delivers.
const LOCK: &str = "lock";

/// A folder.
pub struct Folder {
    path: PathBuf,
    stage: PathBuf,
}

fn setup(what: &Path, e: &io::Error) -> SinkError {
    let text = format!("`{}`: {e}", what.display());
    match e.kind() {
        io::ErrorKind::Interrupted | io::ErrorKind::TimedOut => SinkError::Passing(text),
        _ => SinkError::Setup(text),
    }
}

impl Folder {
    /// Opens a folder, making it if there is none.
    ///
    /// # Errors
    /// [`SinkError::Setup`] when it cannot be made.
    pub fn open(path: &Path) -> Result<Folder, SinkError> {
        let stage = path.join(STAGE);
        fs::create_dir_all(&stage).map_err(|e| setup(&stage, &e))?;
        Ok(Folder { path: path.to_owned(), stage })
    }

    /// Takes a folder away that holds no object.
    pub(crate) fn remove_empty(path: &Path) {
        let is_empty = |path: &Path| {
            fs::read_dir(path).is_ok_and(|entries| entries.flatten().all(|e| e.file_name() == STAGE))
        };
        if is_empty(path) {
            let _ = fs::remove_dir_all(path.join(STAGE));
            let _ = fs::remove_dir(path);
        }
    }

    fn at(&self, name: &str) -> Result<PathBuf, SinkError> {
        // Names are rendered by us, but a sink takes no path for a name from anybody.
        if name.is_empty() || name.starts_with('.') || name.contains(['/', '\\', '\0']) {
            return Err(SinkError::Setup(format!("`{name}` is not a name for a file")));
        }
        Ok(self.path.join(name))
    }

    /// Returns where something is staged that nobody else stages at the same time.
    fn staged(&self) -> PathBuf {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        self.stage.join(format!("{}.{number}", std::process::id()))
    }

    fn flush_folder(&self) -> Result<(), SinkError> {
        File::open(&self.path).and_then(|f| f.sync_all()).map_err(|e| setup(&self.path, &e))
    }
}

/// What could not be written whole is removed: on a full disk it would be in everybody's way.
fn or_removed(path: &Path, written: io::Result<()>) -> Result<(), SinkError> {
    written.map_err(|e| {
        let _ = fs::remove_file(path);
        setup(path, &e)
    })
}

impl Sink for Folder {
    fn location(&self, name: &str) -> String {
        self.path.join(name).display().to_string()
    }

    fn stage_folder(&self) -> Option<&Path> {
        Some(&self.stage)
    }

    fn hold(&self) -> Result<Hold, SinkError> {
        Hold::of_file(&self.stage.join(LOCK), &format!("`{}`", self.path.display()))
    }

    fn put(&self, name: &str, part: &Staged, watch: &dyn Watch) -> Result<Held, SinkError> {
        let target = self.at(name)?;
        let mut from = part.path.clone();
        if part.path.parent() != Some(&self.stage) {
            from = self.staged();
            or_removed(&from, fs::copy(&part.path, &from).map(drop))?;
        }
        File::open(&from).and_then(|f| f.sync_all()).map_err(|e| setup(&from, &e))?;
        fs::rename(&from, &target).map_err(|e| setup(&target, &e))?;
        self.flush_folder()?;
        watch.sent(part.bytes);
        Ok(Held { bytes: part.bytes, tag: None })
    }

    fn put_new(&self, name: &str, bytes: &[u8]) -> Result<bool, SinkError> {
        let target = self.at(name)?;
        if target.exists() {
            return Ok(false);
        }
        let staged = self.staged();
        let write = |path: &Path| -> io::Result<()> {
            let mut file = File::create(path)?;
            file.write_all(bytes)?;
            file.sync_all()
        };
        or_removed(&staged, write(&staged))?;
        // A link fails where a file is; a rename would replace it.
        let created = match fs::hard_link(&staged, &target) {
            Ok(()) => true,
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => false,
            // A file system without links: the check above is what there is.
            Err(_) => {
                fs::rename(&staged, &target).map_err(|e| setup(&target, &e))?;
                self.flush_folder()?;
                return Ok(true);
            }
        };
        fs::remove_file(&staged).map_err(|e| setup(&staged, &e))?;
        self.flush_folder()?;
        Ok(created)
    }

    fn head(&self, name: &str) -> Result<Option<Held>, SinkError> {
        let path = self.at(name)?;
        match fs::metadata(&path) {
            Ok(metadata) => Ok(Some(Held { bytes: metadata.len(), tag: None })),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(setup(&path, &e)),
        }
    }

    fn read(&self, name: &str) -> Result<Option<Box<dyn Read + Send>>, SinkError> {
        let path = self.at(name)?;
        match bounded::open_file(&path) {
            Ok((file, _)) => Ok(Some(Box::new(file))),
            Err(BoundedError::Io(e)) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(SinkError::Setup(format!("`{}`: {e}", path.display()))),
        }
    }

    fn remove(&self, name: &str) -> Result<(), SinkError> {
        let path = self.at(name)?;
        match fs::remove_file(&path) {
            Ok(()) => self.flush_folder(),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(e) => Err(setup(&path, &e)),
        }
    }

    fn list(&self) -> Result<Vec<String>, SinkError> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.path).map_err(|e| setup(&self.path, &e))? {
            let entry = entry.map_err(|e| setup(&self.path, &e))?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let is_file = entry.file_type().map_err(|e| setup(&entry.path(), &e))?.is_file();
            if is_file && !name.starts_with('.') {
                names.push(name);
            }
        }
        names.sort();
        Ok(names)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use billkeep_core::export::preflight;
    use billkeep_core::sink::Unwatched;

    fn folder() -> (tempfile::TempDir, Folder) {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::open(&dir.path().join("bucket")).unwrap();
        (dir, folder)
    }

    #[test]
    fn a_part_is_there_whole_and_leaves_nothing_behind() {
        let (dir, folder) = folder();
        for path in [folder.stage_folder().unwrap().join("a.zip"), dir.path().join("elsewhere")] {
            fs::write(&path, b"bytes").unwrap();
            let staged = Staged { path, bytes: 5, sha256: [0; 32], tags: Vec::new() };
            folder.put("a.zip", &staged, &Unwatched).unwrap();
            assert_eq!(folder.head("a.zip").unwrap(), Some(Held { bytes: 5, tag: None }));
        }
        assert_eq!(folder.list().unwrap(), ["a.zip"]);
        assert_eq!(fs::read_dir(folder.stage_folder().unwrap()).unwrap().count(), 0);
    }

    #[test]
    fn a_manifest_is_put_once() {
        let (_dir, folder) = folder();
        assert_eq!(folder.head("m").unwrap(), None);
        assert!(folder.put_new("m", b"one").unwrap());
        assert!(!folder.put_new("m", b"two").unwrap());
        let mut text = String::new();
        folder.read("m").unwrap().unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(text, "one");
    }

    #[test]
    fn a_probe_comes_and_goes() {
        let (_dir, folder) = folder();
        preflight(&folder, "1").unwrap();
        assert_eq!(folder.list().unwrap(), Vec::<String>::new());
        folder.remove("none").unwrap();
        // What is there instead of a probe is not taken for one.
        fs::create_dir(folder.path.join("billkeep-probe-2.txt")).unwrap();
        assert!(matches!(preflight(&folder, "2"), Err(SinkError::Setup(_))));
    }

    #[test]
    fn a_path_is_no_name() {
        let (_dir, folder) = folder();
        for name in ["../x", "a/b", "", ".hidden", "a\\b"] {
            assert!(folder.put_new(name, b"").is_err(), "{name}");
        }
    }
}
