//! The store's file: made, opened, closed.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use redb::ReadableDatabase;

use super::beside::Beside;
use super::disk::{self, Disk};
use super::error::{self, StoreError, open_error};
use super::format::{STORE_FORMAT, SUMLESS_FORMAT, UNSEALED_FORMAT};
use super::guard::{guarded, guarded_write, must_be_sound};
use super::options::{Access, OpenOptions};
use super::records::format_of;
use super::snapshot::Snapshot;
use super::tables::{Large, Table};
use super::transaction::Transaction;
use crate::engine::bounded;
use crate::engine::own_folder::own_file_options;
use crate::values::reason::Reason;

/// How long opening may take before another writer is taken to be the cause.
const OPEN_WAIT_MIN: Duration = Duration::from_millis(500);
/// Once so much was put, closing the store gives back the room in its file that is not used.
const COMPACT_BYTES_MIN: u64 = 8 << 20;
/// How long a writer sleeps before it asks again for the lock.
const WAIT_STEP: Duration = Duration::from_millis(20);

/// A database that is closed without a panic: one that has broken off panics once more when it is dropped.
struct OpenDatabase(Option<redb::Database>);

impl OpenDatabase {
    fn db(&self) -> Result<&redb::Database, StoreError> {
        self.0.as_ref().ok_or_else(|| StoreError::Io("the store was closed".into()))
    }
}

impl Drop for OpenDatabase {
    fn drop(&mut self) {
        let db = self.0.take();
        let _ = guarded(|| {
            drop(db);
            Ok(())
        });
    }
}

enum Handle {
    Writable(OpenDatabase),
    ReadOnly(redb::ReadOnlyDatabase),
}

/// The store's file, open.
pub struct Store {
    handle: Handle,
    path: PathBuf,
    /// What it lies on, where that is not the file at `path`.
    disk: Option<Arc<dyn Disk>>,
    wait: Duration,
    /// Says whether its file still told that it is of format 1 when it was opened.
    unsealed: AtomicBool,
    /// Bytes of large values that were committed since the store was opened.
    put_bytes: Arc<AtomicU64>,
    /// Says whether a write has broken off: then nothing is written any more.
    broken_off: Arc<AtomicBool>,
}

impl Store {
    fn builder(options: &OpenOptions) -> redb::Builder {
        let mut builder = redb::Database::builder();
        builder.set_cache_size(options.cache_bytes);
        builder.set_concurrency_mode(redb::ConcurrencyMode::MultiWriter);
        builder
    }

    /// Creates a store where there is no file.
    ///
    /// The file is made under a temporary name beside it, so that a crash never leaves half a store.
    ///
    /// # Errors
    /// [`StoreError::Exists`] when there is a file; [`StoreError::Io`] when it cannot be made.
    pub(crate) fn create_with(
        path: &Path,
        options: &OpenOptions,
        fill: impl FnOnce(&Transaction) -> Result<(), StoreError>,
    ) -> Result<Store, StoreError> {
        // What opening it would find is what is there: the two never disagree.
        match Store::open(path, options, Access::Read) {
            Err(StoreError::Missing(_)) => {}
            Ok(_) | Err(StoreError::Busy) => return Err(StoreError::Exists(path.to_owned())),
            Err(e) => return Err(e),
        }
        let temporary = Beside::New.path_of(path);
        let io = |e: std::io::Error| error::of_file(&temporary, e);
        match std::fs::remove_file(&temporary) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(io(e)),
            _ => {}
        }
        // Bills are nobody else's business on this machine, whatever the umask is.
        own_file_options().create_new(true).open(&temporary).map_err(io)?;
        let placed = Store::make(&temporary, path, options, fill);
        if placed.is_err() {
            let _ = std::fs::remove_file(&temporary);
        }
        placed?;
        if let Some(folder) = path.parent() {
            let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
            std::fs::File::open(folder).and_then(|f| f.sync_all()).map_err(io)?;
        }
        Store::open(path, options, Access::Write)
    }

    /// Makes a store in an empty file of another name, and gives it its own name once it is whole.
    fn make(
        temporary: &Path,
        path: &Path,
        options: &OpenOptions,
        fill: impl FnOnce(&Transaction) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let io = |e: std::io::Error| error::of_file(temporary, e);
        let db = Self::builder(options).create(temporary).map_err(|e| open_error(temporary, e))?;
        let made = Store::over(Handle::Writable(OpenDatabase(Some(db))), temporary, options);
        made.fill(fill)?;
        made.close()?;
        // A hard link fails if another process was faster, where a rename would replace its store.
        match std::fs::hard_link(temporary, path) {
            Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => {
                Err(StoreError::Exists(path.to_owned()))
            }
            Err(_) => std::fs::rename(temporary, path).map_err(io),
            Ok(()) => std::fs::remove_file(temporary).map_err(io),
        }
    }

    /// Creates a store on a disk with nothing on it; `name` is how messages call it.
    ///
    /// A crash may leave half a store there, which [`Store::open_on`] refuses.
    ///
    /// # Errors
    /// As [`Store::create_with`].
    #[cfg(any(test, feature = "testing"))]
    pub(crate) fn create_on(
        disk: Arc<dyn Disk>,
        name: &Path,
        options: &OpenOptions,
        fill: impl FnOnce(&Transaction) -> Result<(), StoreError>,
    ) -> Result<Store, StoreError> {
        if disk.bytes().map_err(|e| StoreError::Io(Reason::of(e)))? > 0 {
            return Err(StoreError::Exists(name.to_owned()));
        }
        let made = Store::on(disk, name, options)?;
        made.fill(fill)?;
        Ok(made)
    }

    /// Opens a store that lies on a disk, to look and to change.
    ///
    /// # Errors
    /// As [`Store::open`].
    #[cfg(any(test, feature = "testing"))]
    pub(crate) fn open_on(
        disk: Arc<dyn Disk>,
        name: &Path,
        options: &OpenOptions,
    ) -> Result<Store, StoreError> {
        if disk.bytes().map_err(|e| StoreError::Io(Reason::of(e)))? == 0 {
            return Err(StoreError::NotAStore { path: name.to_owned(), why: "it is empty".into() });
        }
        Store::on(disk, name, options)?.of_our_format()
    }

    #[cfg(any(test, feature = "testing"))]
    fn on(disk: Arc<dyn Disk>, name: &Path, options: &OpenOptions) -> Result<Store, StoreError> {
        let backend = disk::Owned(disk.clone());
        let db =
            guarded(|| Self::builder(options).create_with_backend(backend).map_err(|e| open_error(name, e)))?;
        Ok(Store { disk: Some(disk), ..Store::over(Handle::Writable(OpenDatabase(Some(db))), name, options) })
    }

    fn over(handle: Handle, path: &Path, options: &OpenOptions) -> Store {
        Store {
            handle,
            path: path.to_owned(),
            disk: None,
            wait: options.wait,
            unsealed: AtomicBool::new(false),
            put_bytes: Arc::default(),
            broken_off: Arc::default(),
        }
    }

    /// Makes the first tables, and what a caller wants in a new store.
    fn fill(&self, fill: impl FnOnce(&Transaction) -> Result<(), StoreError>) -> Result<(), StoreError> {
        let writer = self.begin()?;
        writer.sound.borrow_mut().extend_from_slice(Table::AT_FIRST);
        for table in Table::AT_FIRST {
            writer.open(*table)?;
        }
        for large in Large::ALL {
            writer.open_large(*large)?;
        }
        writer.put_format(STORE_FORMAT)?;
        writer.settling.borrow_mut().keeps_sums = true;
        fill(&writer)?;
        writer.commit()
    }

    /// Refuses what is no store of the format that this program knows.
    fn of_our_format(self) -> Result<Store, StoreError> {
        let format: u32 = match format_of(&self.read()?) {
            Ok(Some(format)) => format,
            Ok(None) | Err(StoreError::Damaged { .. } | StoreError::Lost(_)) => {
                return Err(StoreError::NotAStore {
                    path: self.path.clone(),
                    why: "it is a redb file without billkeep's tables".into(),
                });
            }
            Err(e) => return Err(e),
        };
        self.unsealed.store(format == UNSEALED_FORMAT, Ordering::Relaxed);
        if [STORE_FORMAT, SUMLESS_FORMAT, UNSEALED_FORMAT].contains(&format) {
            Ok(self)
        } else {
            Err(StoreError::Format(format))
        }
    }

    /// Reads every page of a store's file and compares it with its checksum. The file is not changed; nobody writes to it
    /// meanwhile.
    ///
    /// What the pages say is not looked at: that is for [`crate::audit::StoreCheck::run`].
    ///
    /// # Errors
    /// As [`Store::open`]; [`StoreError::Damaged`] when a page is not what was written.
    pub fn check_pages(path: &Path, options: &OpenOptions) -> Result<(), StoreError> {
        file_bytes(path)?;
        let io = |e: std::io::Error| error::of_file(path, e);
        let to_write = std::fs::OpenOptions::new().read(true).write(true).open(path);
        let may_write = to_write.is_ok();
        let file = to_write.or_else(|_| std::fs::File::open(path)).map_err(io)?;
        let overlay = disk::Overlay::new(file, may_write).map_err(|e| open_error(path, e))?;
        let (at, builder_options) = (path.to_owned(), options.clone());
        let db = within(options, move || {
            let mut builder = Self::builder(&builder_options);
            builder.set_check_integrity_on_open(true);
            builder.create_with_backend(overlay).map_err(|e| open_error(&at, e))
        })?;
        guarded(|| db.close().map_err(|e| open_error(path, e)))
    }

    /// Opens a store.
    ///
    /// # Errors
    /// [`StoreError::Missing`], [`StoreError::NotAStore`] or [`StoreError::Format`] when there is none that can
    /// be read; [`StoreError::Busy`] when it is opened to change and another program is doing so for longer
    /// than the bound; [`StoreError::Damaged`] when the file was altered.
    pub fn open(path: &Path, options: &OpenOptions, access: Access) -> Result<Store, StoreError> {
        if file_bytes(path)? == 0 {
            return Err(StoreError::NotAStore { path: path.to_owned(), why: "it is empty".into() });
        }
        let read_only = match access {
            Access::Write => None,
            // A file that a crash left is refused here: it is mended by opening it to write.
            Access::Read => guarded(|| Ok(Self::builder(options).open_read_only(path).ok()))?,
        };
        let handle = match read_only {
            Some(db) => Handle::ReadOnly(db),
            None => Handle::Writable(OpenDatabase(Some(open_writable(path, options)?))),
        };
        Store::over(handle, path, options).of_our_format()
    }

    /// Returns where the file is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Begins to read: sees the last commit, and nothing after it.
    ///
    /// # Errors
    /// [`StoreError::Io`] when the file cannot be read.
    pub fn read(&self) -> Result<Snapshot, StoreError> {
        guarded(|| {
            Ok(Snapshot {
                txn: match &self.handle {
                    Handle::Writable(held) => held.db()?.begin_read()?,
                    Handle::ReadOnly(db) => db.begin_read()?,
                },
            })
        })
    }

    /// Makes several changes in one commit: all of them are durable when this returns, or none is there.
    ///
    /// Nothing is written where `change` changes nothing.
    ///
    /// # Errors
    /// What `change` returns, and nothing is changed then. [`StoreError::Busy`] when another writer takes longer than the bound;
    /// [`StoreError::BrokenOff`] after a write has broken off.
    pub fn transact<T, E: From<StoreError>>(
        &self,
        change: impl FnOnce(&Transaction) -> Result<T, E>,
    ) -> Result<T, E> {
        let tx = self.write()?;
        let value = change(&tx)?;
        if tx.changed.get() {
            tx.commit()?;
        }
        Ok(value)
    }

    /// Begins to write, waiting for another writer up to the bound.
    ///
    /// # Errors
    /// [`StoreError::Busy`] when the other one takes longer; [`StoreError::BrokenOff`] after a write has broken off.
    pub(crate) fn write(&self) -> Result<Transaction, StoreError> {
        let writer = self.begin()?;
        // Another program may have written to the store since it was opened.
        let format = format_of(&writer)?;
        writer.settling.borrow_mut().keeps_sums = format == Some(STORE_FORMAT);
        if format == Some(UNSEALED_FORMAT) && self.unsealed.load(Ordering::Relaxed) {
            writer.put_format(SUMLESS_FORMAT)?;
        }
        Ok(writer)
    }

    fn begin(&self) -> Result<Transaction, StoreError> {
        let Handle::Writable(held) = &self.handle else {
            return Err(StoreError::Io("the store was opened to read only".into()));
        };
        let db = held.db()?;
        let steps = self.wait.as_millis() / WAIT_STEP.as_millis();
        for _ in 0..steps {
            match guarded_write(&self.broken_off, || Ok(db.try_begin_write()))? {
                Ok(txn) => return Ok(Transaction::new(txn, &self.put_bytes, &self.broken_off)),
                Err(redb::TransactionError::WouldBlock) => std::thread::sleep(WAIT_STEP),
                Err(e) => return Err(e.into()),
            }
        }
        let txn = guarded_write(&self.broken_off, || Ok(db.try_begin_write()?))?;
        Ok(Transaction::new(txn, &self.put_bytes, &self.broken_off))
    }

    /// Closes the file, telling what dropping would swallow; after much was put, gives back the room that is not used.
    ///
    /// # Errors
    /// [`StoreError::Io`] when the last write failed.
    pub fn close(self) -> Result<(), StoreError> {
        match self.handle {
            Handle::Writable(mut held) => {
                // What a write has left half done is not looked through, and is not on the disk.
                must_be_sound(&self.broken_off)?;
                // The file has grown by doubling. Looking through it costs the more the larger it is, so what was put has to be
                // worth that. While somebody reads, it cannot be done, and does no harm to leave.
                let put_bytes = self.put_bytes.load(Ordering::Relaxed);
                let file_bytes = match &self.disk {
                    Some(disk) => disk.bytes().unwrap_or(u64::MAX),
                    None => std::fs::metadata(&self.path).map_or(u64::MAX, |m| m.len()),
                };
                if put_bytes >= COMPACT_BYTES_MIN && put_bytes >= file_bytes / 8 {
                    guarded_write(&self.broken_off, || {
                        let _ = held.0.as_mut().map(redb::Database::compact);
                        Ok(())
                    })?;
                }
                let Some(db) = held.0.take() else { return Ok(()) };
                guarded_write(&self.broken_off, || db.close().map_err(|e| open_error(&self.path, e)))
            }
            Handle::ReadOnly(db) => guarded(|| db.close().map_err(|e| open_error(&self.path, e))),
        }
    }
}

fn file_bytes(path: &Path) -> Result<u64, StoreError> {
    match std::fs::metadata(path) {
        Ok(found) => match bounded::kind(found.file_type()) {
            Some(kind) => Err(StoreError::NotAStore { path: path.to_owned(), why: format!("it is {kind}") }),
            None => Ok(found.len()),
        },
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Err(error::missing(path)),
        Err(e) => Err(error::of_file(path, e)),
    }
}

fn open_writable(path: &Path, options: &OpenOptions) -> Result<redb::Database, StoreError> {
    let (at, builder_options) = (path.to_owned(), options.clone());
    within(options, move || Store::builder(&builder_options).open(&at).map_err(|e| open_error(&at, e)))
}

/// Opens a database to write, within the bound.
///
/// redb waits for another writer without one, so the waiting is left to a thread of its own. If the bound
/// passes, that thread closes the file as soon as it gets it.
fn within(
    options: &OpenOptions,
    open: impl FnOnce() -> Result<redb::Database, StoreError> + Send + 'static,
) -> Result<redb::Database, StoreError> {
    let (send, receive) = std::sync::mpsc::sync_channel(0);
    std::thread::spawn(move || {
        // If nobody waits any more, the database is dropped, and so closed.
        let _ = send.send(guarded(open));
    });
    receive.recv_timeout(options.wait.max(OPEN_WAIT_MIN)).unwrap_or(Err(StoreError::Busy))
}
