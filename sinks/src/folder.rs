//! A folder as a sink: whole files or none.
//!
//! A file is written under a temporary name in a hidden folder beside the others, flushed to disk, renamed, and
//! then the folder is flushed, so that a reader sees it whole or not at all, and a crash keeps it so. A part that
//! is staged in the hidden folder already is renamed from there.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use billkeep_core::error::Reason;

use crate::names::is_object_name;
use billkeep_core::engine::OutsideFile;
use billkeep_core::engine::{Beside, BoundedError, own_folder};
use billkeep_core::exports::{Hold, ObjectMeta, Sink, SinkError, Staged, Watch};

/// The hidden folder for files that are not finished.
const STAGE: &str = ".billkeep-staging";
/// In the hidden folder: locked by the program that delivers.
const LOCK: &str = "lock";

/// A folder.
pub struct Folder {
    path: PathBuf,
    stage: PathBuf,
    mode: Option<u32>,
}

/// Who reads what lies in a folder, unless it is set: its owner and group.
const MODE: u32 = 0o640;

fn setup(what: &Path, e: io::Error) -> SinkError {
    match e.kind() {
        io::ErrorKind::Interrupted | io::ErrorKind::TimedOut => SinkError::Transient(Reason::at(what, e)),
        _ => SinkError::Setup(Reason::at(what, e)),
    }
}

impl Folder {
    /// Opens a folder that is there.
    ///
    /// # Errors
    /// [`SinkError::Absent`] when it is not there: it is not made, since its disk may just not be mounted. [`SinkError::Setup`]
    /// when it is no folder, or its staging folder is a link or belongs to somebody else.
    pub fn open(path: &Path) -> Result<Folder, SinkError> {
        match fs::metadata(path) {
            Ok(found) if found.is_dir() => {}
            Ok(_) => return Err(SinkError::Setup(format!("`{}` is not a folder", path.display()).into())),
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                return Err(SinkError::Absent(
                    format!("the folder `{}` does not exist", path.display()).into(),
                ));
            }
            Err(e) => return Err(setup(path, e)),
        }
        let stage = path.join(STAGE);
        match own_folder(&stage) {
            // What can be read can be checked. Who wants to write finds out soon enough.
            Err(e) if e.kind() == io::ErrorKind::ReadOnlyFilesystem => {}
            made => made.map_err(|e| setup(&stage, e))?,
        }
        Ok(Folder { path: path.to_owned(), stage, mode: None })
    }

    /// Opens a folder, making it, and those above it, if there is none.
    ///
    /// # Errors
    /// [`SinkError::Setup`] when it cannot be made.
    pub fn create(path: &Path) -> Result<Folder, SinkError> {
        if fs::metadata(path).is_err() {
            fs::create_dir_all(path).map_err(|e| setup(path, e))?;
        }
        Folder::open(path)
    }

    /// Gives every file exactly this mode, whatever the umask is.
    #[must_use]
    pub fn with_mode(self, mode: u32) -> Folder {
        Folder { mode: Some(mode), ..self }
    }

    /// Gives a file its mode before it can be seen.
    fn set_mode(&self, path: &Path) -> Result<(), SinkError> {
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let now = fs::metadata(path).map_err(|e| setup(path, e))?.permissions().mode();
            let wanted = self.mode.unwrap_or(now & MODE);
            if now & 0o777 != wanted {
                fs::set_permissions(path, fs::Permissions::from_mode(wanted)).map_err(|e| setup(path, e))?;
            }
        }
        #[cfg(not(unix))]
        let _ = path;
        Ok(())
    }

    /// Takes a folder away that holds no object.
    pub fn remove_empty(path: &Path) {
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
        if !is_object_name(name) {
            return Err(SinkError::Setup(format!("`{name}` is not a name for a file").into()));
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
        File::open(&self.path).and_then(|f| f.sync_all()).map_err(|e| setup(&self.path, e))
    }
}

/// What could not be written whole is removed: on a full disk it would be in everybody's way.
fn or_removed(path: &Path, written: io::Result<()>) -> Result<(), SinkError> {
    written.map_err(|e| {
        let _ = fs::remove_file(path);
        setup(path, e)
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

    fn put(&self, name: &str, part: &Staged, watch: &dyn Watch) -> Result<ObjectMeta, SinkError> {
        let target = self.at(name)?;
        // A bill that is delivered replaces a bill that was, and nothing else.
        if Beside::is_a_store(&target) {
            return Err(SinkError::Conflict { name: name.to_owned() });
        }
        let mut from = part.path.clone();
        if part.path.parent() != Some(&self.stage) {
            from = self.staged();
            or_removed(&from, fs::copy(&part.path, &from).map(drop))?;
        }
        self.set_mode(&from)?;
        File::open(&from).and_then(|f| f.sync_all()).map_err(|e| setup(&from, e))?;
        fs::rename(&from, &target).map_err(|e| setup(&target, e))?;
        self.flush_folder()?;
        watch.sent(part.bytes);
        Ok(ObjectMeta { bytes: part.bytes, tag: None })
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
        self.set_mode(&staged)?;
        // A link fails where a file is; a rename would replace it.
        let created = match fs::hard_link(&staged, &target) {
            Ok(()) => true,
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => false,
            // A file system without links: the check above is what there is.
            Err(_) => {
                fs::rename(&staged, &target).map_err(|e| setup(&target, e))?;
                self.flush_folder()?;
                return Ok(true);
            }
        };
        fs::remove_file(&staged).map_err(|e| setup(&staged, e))?;
        self.flush_folder()?;
        Ok(created)
    }

    fn head(&self, name: &str) -> Result<Option<ObjectMeta>, SinkError> {
        let path = self.at(name)?;
        match fs::metadata(&path) {
            Ok(metadata) => Ok(Some(ObjectMeta { bytes: metadata.len(), tag: None })),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(setup(&path, e)),
        }
    }

    fn read(&self, name: &str) -> Result<Option<Box<dyn Read + Send>>, SinkError> {
        let path = self.at(name)?;
        match OutsideFile::open(&path) {
            Ok((file, _)) => Ok(Some(Box::new(file))),
            Err(BoundedError::Io(e)) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(SinkError::Setup(Reason::at(&path, e))),
        }
    }

    fn remove(&self, name: &str) -> Result<(), SinkError> {
        let path = self.at(name)?;
        match fs::remove_file(&path) {
            Ok(()) => self.flush_folder(),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(e) => Err(setup(&path, e)),
        }
    }

    fn list(&self) -> Result<Vec<String>, SinkError> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.path).map_err(|e| setup(&self.path, e))? {
            let entry = entry.map_err(|e| setup(&self.path, e))?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let is_file = entry.file_type().map_err(|e| setup(&entry.path(), e))?.is_file();
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

    use billkeep_core::deliveries::Setup;
    use billkeep_core::engine::{Actor, Store};
    use billkeep_core::exports::{Unwatched, preflight};

    #[test]
    fn a_store_is_not_replaced() {
        let (dir, folder) = folder();
        let store = dir.path().join("bucket/bills.zip");
        let setup = Setup::new("100010445724".parse().unwrap(), "+08:00".parse().unwrap());
        let actor = Actor { name: "ann".into(), at_unix_s: 0 };
        Store::create(&store, &setup, &actor).unwrap().close().unwrap();
        let before = fs::read(&store).unwrap();
        let part = dir.path().join("part");
        fs::write(&part, b"bytes").unwrap();
        let staged = Staged { path: part, bytes: 5, sha256: [0; 32], tags: Vec::new() };
        let put = folder.put("bills.zip", &staged, &Unwatched);
        assert_eq!(put.unwrap_err(), SinkError::Conflict { name: "bills.zip".to_owned() });
        assert!(fs::read(&store).unwrap() == before);
    }

    fn folder() -> (tempfile::TempDir, Folder) {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::create(&dir.path().join("bucket")).unwrap();
        (dir, folder)
    }

    #[test]
    fn a_part_is_there_whole_and_leaves_nothing_behind() {
        let (dir, folder) = folder();
        for path in [folder.stage_folder().unwrap().join("a.zip"), dir.path().join("elsewhere")] {
            fs::write(&path, b"bytes").unwrap();
            let staged = Staged { path, bytes: 5, sha256: [0; 32], tags: Vec::new() };
            folder.put("a.zip", &staged, &Unwatched).unwrap();
            assert_eq!(folder.head("a.zip").unwrap(), Some(ObjectMeta { bytes: 5, tag: None }));
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
    fn a_folder_that_is_not_there_is_not_made() {
        let dir = tempfile::tempdir().unwrap();
        let away = dir.path().join("away");
        assert!(matches!(Folder::open(&away), Err(SinkError::Absent(_))));
        assert!(!away.exists());
        fs::write(&away, "").unwrap();
        assert!(matches!(Folder::open(&away), Err(SinkError::Setup(_))));
    }

    #[cfg(unix)]
    #[test]
    fn what_is_staged_goes_through_no_link() {
        let (dir, folder) = folder();
        let theirs = dir.path().join("theirs");
        fs::create_dir(&theirs).unwrap();
        fs::remove_dir_all(&folder.stage).unwrap();
        std::os::unix::fs::symlink(&theirs, &folder.stage).unwrap();
        assert!(matches!(Folder::open(&folder.path), Err(SinkError::Setup(why)) if why.contains("a link")));
        assert_eq!(fs::read_dir(&theirs).unwrap().count(), 0);
    }

    #[cfg(unix)]
    #[test]
    fn files_are_for_owner_and_group_or_have_the_mode_that_was_set() {
        use std::os::unix::fs::PermissionsExt as _;
        let (dir, folder) = folder();
        let mode = |name: &str| {
            fs::metadata(dir.path().join("bucket").join(name)).unwrap().permissions().mode() & 0o777
        };
        folder.put_new("a", b"").unwrap();
        assert_eq!(mode("a") & !MODE, 0);
        let folder = folder.with_mode(0o644);
        folder.put_new("b", b"").unwrap();
        let path = dir.path().join("elsewhere");
        fs::write(&path, b"bytes").unwrap();
        folder.put("c", &Staged { path, bytes: 5, sha256: [0; 32], tags: Vec::new() }, &Unwatched).unwrap();
        assert_eq!((mode("b"), mode("c")), (0o644, 0o644));
    }

    #[test]
    fn a_path_is_no_name() {
        let (_dir, folder) = folder();
        for name in ["../x", "a/b", "", ".hidden", "a\\b"] {
            assert!(folder.put_new(name, b"").is_err(), "{name}");
        }
    }

    #[test]
    fn an_error_of_a_folder_has_the_systems_own_below_it() {
        for kind in [io::ErrorKind::StorageFull, io::ErrorKind::TimedOut] {
            let error = setup(Path::new("/mnt/bills"), io::Error::from(kind));
            assert!(error.to_string().starts_with("`/mnt/bills`: "), "{error}");
            let below = std::error::Error::source(&error).and_then(|below| below.downcast_ref::<io::Error>());
            assert_eq!(below.map(io::Error::kind), Some(kind));
        }
    }
}
