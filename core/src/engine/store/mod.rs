//! The one file that holds everything, and the one door to redb.
//!
//! A [`Store`] hands out read transactions ([`Reader`]), which see one moment of the store and never wait, and
//! one write transaction at a time ([`Writer`]), which is all or nothing. Other processes may have the file
//! open as well; a second writer waits for a bounded time.
//!
//! Records are [`crate::engine::codec`] bytes under byte keys; large values (blocks, roll-ups, line orders) are cut to
//! page sizes by [`pages`](self). Every commit is durable and leaves a file that opens at once after a crash.

mod beside;
mod chunks;
mod disk;
mod error;
mod guard;
mod pages;
mod sealed;
mod settle;
mod state;
mod tables;

use std::cell::{Cell, RefCell};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use redb::{ReadableDatabase, ReadableTable, TableHandle as _};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::engine::bounded;
use crate::engine::codec::{self, CodecError, Layouts};
use crate::engine::own_folder::own_file_options;
pub use beside::{Beside, is_a_store, is_of_store};
pub use chunks::ChunkCache;
pub use disk::Disk;
pub use error::StoreError;
use error::open_error;
pub use guard::reads_a_page;
use guard::{guarded, guarded_write, must_be_sound};
use settle::Settling;
#[cfg(test)]
pub(crate) use settle::behind;
pub use state::{Moved, STEPS, Since, Sum, Sums, empty as empty_part};
pub use tables::{Large, Table};

/// The number that marks the layout of tables and keys. Format 1 had records without checksums; one of its stores becomes one of
/// format 2 when it is first written to. Format 2 had no sums; one of its stores becomes one of format 3 with the first commit
/// that has an entry in the journal.
const STORE_FORMAT: u32 = 3;
const SUMLESS_FORMAT: u32 = 2;
const UNSEALED_FORMAT: u32 = 1;
const FORMAT_KEY: &[u8] = b"format";
/// How long opening may take before another writer is taken to be the cause.
const OPEN_WAIT_MIN: Duration = Duration::from_millis(500);
/// Once so much was put, closing the store gives back the room in its file that is not used.
const COMPACT_BYTES_MIN: u64 = 8 << 20;
/// How long a writer sleeps before it asks again for the lock.
const WAIT_STEP: Duration = Duration::from_millis(20);

/// How a store is opened.
#[derive(Clone, Debug)]
pub struct OpenOptions {
    /// Memory for pages, in bytes. The system keeps the file's pages as well, so more is mostly memory that is filled once.
    pub cache_bytes: usize,
    /// How long a writer waits for another one to finish, at most.
    pub wait: Duration,
}

impl Default for OpenOptions {
    fn default() -> Self {
        OpenOptions { cache_bytes: 4 << 20, wait: Duration::from_secs(30) }
    }
}

/// What a store is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// To look: never waits for a writer, and never keeps one waiting.
    Read,
    /// To look and to change.
    Write,
}

/// A database that is closed without a panic: one that has broken off panics once more when it is dropped.
struct Held(Option<redb::Database>);

impl Held {
    fn db(&self) -> Result<&redb::Database, StoreError> {
        self.0.as_ref().ok_or_else(|| StoreError::Io("the store was closed".into()))
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let db = self.0.take();
        let _ = guarded(|| {
            drop(db);
            Ok(())
        });
    }
}

enum Handle {
    Writable(Held),
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
    pub fn create(
        path: &Path,
        options: &OpenOptions,
        fill: impl FnOnce(&Writer) -> Result<(), StoreError>,
    ) -> Result<Store, StoreError> {
        // What opening it would find is what is there: the two never disagree.
        match Store::open(path, options, Access::Read) {
            Err(StoreError::Missing(_)) => {}
            Ok(_) | Err(StoreError::Busy) => return Err(StoreError::Exists(path.to_owned())),
            Err(e) => return Err(e),
        }
        let temporary = Beside::New.path_of(path);
        let io = |e: std::io::Error| error::of_file(&temporary, &e);
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
        fill: impl FnOnce(&Writer) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let io = |e: std::io::Error| error::of_file(temporary, &e);
        let db = Self::builder(options).create(temporary).map_err(|e| open_error(temporary, e))?;
        let made = Store::over(Handle::Writable(Held(Some(db))), temporary, options);
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
    /// As [`Store::create`].
    pub fn create_on(
        disk: Arc<dyn Disk>,
        name: &Path,
        options: &OpenOptions,
        fill: impl FnOnce(&Writer) -> Result<(), StoreError>,
    ) -> Result<Store, StoreError> {
        if disk.bytes().map_err(|e| StoreError::Io(e.to_string()))? > 0 {
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
    pub fn open_on(disk: Arc<dyn Disk>, name: &Path, options: &OpenOptions) -> Result<Store, StoreError> {
        if disk.bytes().map_err(|e| StoreError::Io(e.to_string()))? == 0 {
            return Err(StoreError::NotAStore { path: name.to_owned(), why: "it is empty".into() });
        }
        Store::on(disk, name, options)?.of_our_format()
    }

    fn on(disk: Arc<dyn Disk>, name: &Path, options: &OpenOptions) -> Result<Store, StoreError> {
        let backend = disk::Owned(disk.clone());
        let db =
            guarded(|| Self::builder(options).create_with_backend(backend).map_err(|e| open_error(name, e)))?;
        Ok(Store { disk: Some(disk), ..Store::over(Handle::Writable(Held(Some(db))), name, options) })
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
    fn fill(&self, fill: impl FnOnce(&Writer) -> Result<(), StoreError>) -> Result<(), StoreError> {
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
    /// What the pages say is not looked at: that is for [`crate::audit::check`].
    ///
    /// # Errors
    /// As [`Store::open`]; [`StoreError::Damaged`] when a page is not what was written.
    pub fn check_pages(path: &Path, options: &OpenOptions) -> Result<(), StoreError> {
        file_bytes(path)?;
        let io = |e: std::io::Error| error::of_file(path, &e);
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
            None => Handle::Writable(Held(Some(open_writable(path, options)?))),
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
    pub fn read(&self) -> Result<Reader, StoreError> {
        guarded(|| {
            Ok(Reader {
                txn: match &self.handle {
                    Handle::Writable(held) => held.db()?.begin_read()?,
                    Handle::ReadOnly(db) => db.begin_read()?,
                },
            })
        })
    }

    /// Begins to write, waiting for another writer up to the bound.
    ///
    /// # Errors
    /// [`StoreError::Busy`] when the other one takes longer; [`StoreError::BrokenOff`] after a write has broken off.
    pub fn write(&self) -> Result<Writer, StoreError> {
        let writer = self.begin()?;
        // Another program may have written to the store since it was opened.
        let format = format_of(&writer)?;
        writer.settling.borrow_mut().keeps_sums = format == Some(STORE_FORMAT);
        if format == Some(UNSEALED_FORMAT) && self.unsealed.load(Ordering::Relaxed) {
            writer.put_format(SUMLESS_FORMAT)?;
        }
        Ok(writer)
    }

    fn begin(&self) -> Result<Writer, StoreError> {
        let Handle::Writable(held) = &self.handle else {
            return Err(StoreError::Io("the store was opened to read only".into()));
        };
        let db = held.db()?;
        let steps = self.wait.as_millis() / WAIT_STEP.as_millis();
        for _ in 0..steps {
            match guarded_write(&self.broken_off, || Ok(db.try_begin_write()))? {
                Ok(txn) => return Ok(Writer::new(txn, &self.put_bytes, &self.broken_off)),
                Err(redb::TransactionError::WouldBlock) => std::thread::sleep(WAIT_STEP),
                Err(e) => return Err(e.into()),
            }
        }
        let txn = guarded_write(&self.broken_off, || Ok(db.try_begin_write()?))?;
        Ok(Writer::new(txn, &self.put_bytes, &self.broken_off))
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
        Err(e) => Err(error::of_file(path, &e)),
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

/// Is shown keys and values, and says whether it wants more.
pub type Visit<'a> = dyn FnMut(&[u8], &[u8]) -> Result<bool, StoreError> + 'a;

/// What can be asked of a transaction of either sort.
pub trait Read {
    /// Returns the bytes under a key.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be read.
    fn get_bytes(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError>;

    /// Visits the entries whose keys begin with `prefix`, in order, until `visit` returns `false`.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be read, or what `visit` returns.
    fn scan_bytes(&self, table: Table, prefix: &[u8], visit: &mut Visit<'_>) -> Result<(), StoreError>;

    /// Returns a large value.
    ///
    /// # Errors
    /// [`StoreError::Lost`] when it is not there.
    fn get_large(&self, table: Large, id: u64) -> Result<Vec<u8>, StoreError>;

    /// Adds up all records and compares with what was kept. Reads the whole file.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be read.
    fn sums(&self) -> Result<Sums, StoreError>;

    /// Returns how many entries of the journal this transaction has written; nobody else sees them yet.
    fn uncommitted_entries(&self) -> u64 {
        0
    }

    /// Returns what was committed since the journal's last entry; none in stores of earlier formats.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be read.
    fn since(&self) -> Result<Option<Since>, StoreError> {
        self.get(Table::State, state::SINCE)
    }

    /// Says whether the store keeps sums; stores of earlier formats do not.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be read.
    fn keeps_sums(&self) -> Result<bool, StoreError> {
        Ok(format_of(self)?.is_some_and(|format| format >= STORE_FORMAT))
    }

    /// Returns a record.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] when it does not decode.
    fn get<T: DeserializeOwned>(&self, table: Table, key: &[u8]) -> Result<Option<T>, StoreError> {
        self.get_bytes(table, key)?.map(|bytes| decode(table, &bytes)).transpose()
    }

    /// Returns a record that must be there.
    ///
    /// # Errors
    /// [`StoreError::Lost`] when it is not.
    fn need<T: DeserializeOwned>(&self, table: Table, key: &[u8]) -> Result<T, StoreError> {
        self.get(table, key)?.ok_or_else(|| StoreError::Lost(format!("a record of `{}`", table.name())))
    }

    /// Returns the last number of a series that was given out, 0 before the first.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] when it does not decode.
    fn last_id(&self, series: &str) -> Result<u64, StoreError> {
        Ok(self.get(Table::Meta, series_key(series).as_bytes())?.unwrap_or(0))
    }

    /// Returns all records whose keys begin with `prefix`, in order, with their keys.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] when one does not decode.
    fn list<T: DeserializeOwned>(
        &self,
        table: Table,
        prefix: &[u8],
    ) -> Result<Vec<(Vec<u8>, T)>, StoreError> {
        let mut found = Vec::new();
        self.scan_bytes(table, prefix, &mut |key, bytes| {
            found.push((key.to_vec(), decode(table, bytes)?));
            Ok(true)
        })?;
        Ok(found)
    }

    /// Returns the records of a table that have these bytes in them, without decoding the others. Hashes and sums lie in records as
    /// they are; whether it is the right field is left to the caller.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] when one does not decode.
    fn list_with<T: DeserializeOwned>(&self, table: Table, bytes: &[u8]) -> Result<Vec<T>, StoreError> {
        let wanted = memchr::memmem::Finder::new(bytes);
        let mut found = Vec::new();
        self.scan_bytes(table, &[], &mut |_, record| {
            if wanted.find(record).is_some() {
                found.push(decode(table, record)?);
            }
            Ok(true)
        })?;
        Ok(found)
    }

    /// Returns a record that has several layouts.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] when it does not decode.
    fn get_of<T: Layouts>(&self, table: Table, key: &[u8]) -> Result<Option<T>, StoreError> {
        self.get_bytes(table, key)?.map(|bytes| decode_of(table, &bytes)).transpose()
    }

    /// Returns a record that has several layouts, and must be there.
    ///
    /// # Errors
    /// [`StoreError::Lost`] when it is not.
    fn need_of<T: Layouts>(&self, table: Table, key: &[u8]) -> Result<T, StoreError> {
        self.get_of(table, key)?.ok_or_else(|| StoreError::Lost(format!("a record of `{}`", table.name())))
    }

    /// Returns all records of a table whose records have several layouts, in the order of their keys.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] when one does not decode.
    fn list_of<T: Layouts>(&self, table: Table) -> Result<Vec<T>, StoreError> {
        let mut found = Vec::new();
        self.scan_bytes(table, &[], &mut |_, bytes| {
            found.push(decode_of(table, bytes)?);
            Ok(true)
        })?;
        Ok(found)
    }
}

fn decode_of<T: Layouts>(table: Table, bytes: &[u8]) -> Result<T, StoreError> {
    T::decode(bytes).map_err(|e| StoreError::damaged(format!("a record of `{}`", table.name()), e))
}

fn decode<T: DeserializeOwned>(table: Table, bytes: &[u8]) -> Result<T, StoreError> {
    codec::decode(bytes).map_err(|e| StoreError::damaged(format!("a record of `{}`", table.name()), e))
}

/// Returns the store's format.
fn format_of(store: &(impl Read + ?Sized)) -> Result<Option<u32>, StoreError> {
    store.get(Table::Meta, FORMAT_KEY)
}

/// Under which key the last number of a series lies in [`Table::Meta`].
fn series_key(series: &str) -> String {
    format!("next/{series}")
}

/// Under which key it lies in [`Table::Meta`] that a table was made, for those that a new store has not.
fn made_key(table: Table) -> String {
    format!("table/{}", table.name())
}

fn get_record(
    open: &impl ReadableTable<&'static [u8], &'static [u8]>,
    table: Table,
    key: &[u8],
) -> Result<Option<Vec<u8>>, StoreError> {
    let Some(found) = open.get(key)? else { return Ok(None) };
    Ok(Some(sealed::unseal(table, key, found.value())?.to_vec()))
}

fn scan_table(
    open: &impl ReadableTable<&'static [u8], &'static [u8]>,
    table: Table,
    prefix: &[u8],
    visit: &mut Visit<'_>,
) -> Result<(), StoreError> {
    let mut range = guarded(|| Ok(open.range(prefix..)?))?;
    while let Some((key, value)) = guarded(|| Ok(range.next().transpose()?))? {
        let (key, value) = guarded(|| Ok((key.value(), value.value())))?;
        if !key.starts_with(prefix) || !visit(key, sealed::unseal(table, key, value)?)? {
            break;
        }
    }
    Ok(())
}

/// A read transaction.
pub struct Reader {
    txn: redb::ReadTransaction,
}

impl Reader {
    /// Says that a table that is not there was not made yet.
    ///
    /// # Errors
    /// [`StoreError::Lost`] when it was.
    fn never_made(&self, table: Table) -> Result<(), StoreError> {
        let lost = || Err(StoreError::Lost(format!("the table `{}`", table.name())));
        if Table::AT_FIRST.contains(&table) {
            return lost();
        }
        let meta = self.txn.open_table(Table::Meta.definition())?;
        match get_record(&meta, Table::Meta, made_key(table).as_bytes())? {
            Some(_) => lost(),
            None => Ok(()),
        }
    }
}

impl Read for Reader {
    fn get_bytes(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        guarded(|| match self.txn.open_table(table.definition()) {
            Ok(open) => get_record(&open, table, key),
            Err(redb::TableError::TableDoesNotExist(_)) => self.never_made(table).map(|()| None),
            Err(e) => Err(e.into()),
        })
    }

    fn scan_bytes(&self, table: Table, prefix: &[u8], visit: &mut Visit<'_>) -> Result<(), StoreError> {
        let open = guarded(|| match self.txn.open_table(table.definition()) {
            Ok(table) => Ok(Some(table)),
            Err(redb::TableError::TableDoesNotExist(_)) => self.never_made(table).map(|()| None),
            Err(e) => Err(e.into()),
        })?;
        open.map_or(Ok(()), |open| scan_table(&open, table, prefix, visit))
    }

    fn get_large(&self, table: Large, id: u64) -> Result<Vec<u8>, StoreError> {
        guarded(|| match self.txn.open_table(table.definition()) {
            Ok(open) => pages::get(&open, table, id),
            // A store that was made before there was such a table.
            Err(redb::TableError::TableDoesNotExist(_)) => {
                Err(StoreError::Lost(format!("value {id} of `{}`", table.name())))
            }
            Err(e) => Err(e.into()),
        })
    }

    fn sums(&self) -> Result<Sums, StoreError> {
        settle::sums(self)
    }
}

type Records<'a> = redb::Table<'a, &'static [u8], &'static [u8]>;
type Larges<'a> = redb::Table<'a, u64, &'static [u8]>;

/// The write transaction: nothing of it is there until [`Writer::commit`], and dropping it takes all back.
pub struct Writer {
    /// None once it has ended.
    txn: Option<redb::WriteTransaction>,
    put_bytes: Cell<u64>,
    of_store: Arc<AtomicU64>,
    broken_off: Arc<AtomicBool>,
    /// Tables that are there, or were never made.
    sound: RefCell<Vec<Table>>,
    /// Tables of which it is noted that they were made.
    made: RefCell<Vec<Table>>,
    settling: RefCell<Settling>,
}

impl Drop for Writer {
    fn drop(&mut self) {
        // Taking back reads pages as well.
        let txn = self.txn.take();
        let _ = guarded(|| {
            drop(txn);
            Ok(())
        });
    }
}

impl Writer {
    fn new(
        mut txn: redb::WriteTransaction,
        of_store: &Arc<AtomicU64>,
        broken_off: &Arc<AtomicBool>,
    ) -> Writer {
        txn.set_quick_repair(true);
        Writer {
            txn: Some(txn),
            put_bytes: Cell::new(0),
            of_store: of_store.clone(),
            broken_off: broken_off.clone(),
            sound: RefCell::default(),
            made: RefCell::default(),
            settling: RefCell::default(),
        }
    }

    /// Changes something. Where that breaks off, the transaction is never committed.
    fn change<T>(&self, write: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
        guarded_write(&self.broken_off, write)
    }

    fn txn(&self) -> Result<&redb::WriteTransaction, StoreError> {
        self.txn.as_ref().ok_or_else(|| StoreError::Io("the transaction has ended".into()))
    }

    fn open(&self, table: Table) -> Result<Records<'_>, StoreError> {
        self.must_not_be_lost(table)?;
        guarded(|| Ok(self.txn()?.open_table(table.definition())?))
    }

    /// Opening a table makes it; one that was there and is gone is not to be made anew.
    fn must_not_be_lost(&self, table: Table) -> Result<(), StoreError> {
        if self.sound.borrow().contains(&table) {
            return Ok(());
        }
        let name = table.name();
        let is_there = guarded(|| Ok(self.txn()?.list_tables()?.any(|found| found.name() == name)))?;
        let was_made = || -> Result<bool, StoreError> {
            let note = made_key(table);
            Ok(Table::AT_FIRST.contains(&table) || self.get_bytes(Table::Meta, note.as_bytes())?.is_some())
        };
        if !is_there && was_made()? {
            return Err(StoreError::Lost(format!("the table `{name}`")));
        }
        self.sound.borrow_mut().push(table);
        Ok(())
    }

    fn open_large(&self, table: Large) -> Result<Larges<'_>, StoreError> {
        guarded(|| Ok(self.txn()?.open_table(table.definition())?))
    }

    /// Puts the format, without a checksum: programs that know only the first format are to read it.
    fn put_format(&self, format: u32) -> Result<(), StoreError> {
        let bytes = codec::encode(&format).map_err(|e| StoreError::damaged("the format", e))?;
        let mut open = self.open(Table::Meta)?;
        self.change(|| Ok(open.insert(FORMAT_KEY, bytes.as_slice()).map(|_| ())?))
    }

    /// Puts a record under a key.
    ///
    /// # Errors
    /// [`StoreError::Io`] when the file cannot be written.
    pub fn put<T: Serialize>(&self, table: Table, key: &[u8], record: &T) -> Result<(), StoreError> {
        self.put_encoded(table, key, codec::encode(record))
    }

    /// Puts a record whose layout has a version of its own under a key.
    ///
    /// # Errors
    /// [`StoreError::Io`] when the file cannot be written.
    pub fn put_as<T: Serialize>(
        &self,
        version: u8,
        table: Table,
        key: &[u8],
        record: &T,
    ) -> Result<(), StoreError> {
        self.put_encoded(table, key, codec::encode_as(version, record))
    }

    /// Puts a record that has several layouts under a key, in the newest.
    ///
    /// # Errors
    /// [`StoreError::Io`] when the file cannot be written.
    pub fn put_of<T: Layouts>(&self, table: Table, key: &[u8], record: &T) -> Result<(), StoreError> {
        self.put_as(T::NEWEST, table, key, record)
    }

    pub(crate) fn put_encoded(
        &self,
        table: Table,
        key: &[u8],
        record: Result<Vec<u8>, CodecError>,
    ) -> Result<(), StoreError> {
        let bytes = record.map_err(|e| StoreError::damaged(format!("a record of `{}`", table.name()), e))?;
        let sealed = sealed::seal(table, key, &bytes);
        let mut open = self.open(table)?;
        self.note_made(table)?;
        let mut settling = self.settling.borrow_mut();
        self.change(|| {
            let before = open.insert(key, sealed.as_slice())?;
            settling.counts(table, key, before.as_ref().map(|before| before.value()), Some(&sealed));
            Ok(())
        })
    }

    /// Notes that a table is made, with its first record.
    fn note_made(&self, table: Table) -> Result<(), StoreError> {
        if Table::AT_FIRST.contains(&table) || self.made.borrow().contains(&table) {
            return Ok(());
        }
        let key = made_key(table);
        if self.get_bytes(Table::Meta, key.as_bytes())?.is_none() {
            self.put(Table::Meta, key.as_bytes(), &())?;
        }
        self.made.borrow_mut().push(table);
        Ok(())
    }

    /// Takes a record away.
    ///
    /// # Errors
    /// [`StoreError::Io`] when the file cannot be written.
    pub fn delete(&self, table: Table, key: &[u8]) -> Result<(), StoreError> {
        let mut open = self.open(table)?;
        let mut settling = self.settling.borrow_mut();
        self.change(|| {
            let before = open.remove(key)?;
            settling.counts(table, key, before.as_ref().map(|before| before.value()), None);
            Ok(())
        })
    }

    /// Takes a large value away; nothing there is no error.
    ///
    /// # Errors
    /// [`StoreError::Io`] when the file cannot be written.
    pub fn delete_large(&self, table: Large, id: u64) -> Result<(), StoreError> {
        let mut open = self.open_large(table)?;
        let mut settling = self.settling.borrow_mut();
        self.change(|| pages::delete(&mut open, table, id, settling.of(table.name())))
    }

    /// Puts a large value under an id that must be new.
    ///
    /// # Errors
    /// [`StoreError::Io`] when the file cannot be written.
    pub fn put_large(&self, table: Large, id: u64, bytes: &[u8]) -> Result<(), StoreError> {
        self.put_bytes.set(self.put_bytes.get() + bytes.len() as u64);
        let mut open = self.open_large(table)?;
        let mut settling = self.settling.borrow_mut();
        self.change(|| pages::put(&mut open, table, id, bytes, settling.of(table.name())))
    }

    /// Returns the next number of a series, starting at 1.
    ///
    /// # Errors
    /// [`StoreError::Io`] when the file cannot be written.
    pub fn next_id(&self, series: &str) -> Result<u64, StoreError> {
        let last = self.last_id(series)?;
        let id = last
            .checked_add(1)
            .ok_or_else(|| StoreError::damaged(series_key(series), "no number is left"))?;
        self.put(Table::Meta, series_key(series).as_bytes(), &id)?;
        Ok(id)
    }

    /// Makes everything that was put durable, at once, with what the tables add up to and the entry that records it.
    ///
    /// # Errors
    /// [`StoreError::Io`] when it cannot; the store is then as before.
    pub fn commit(mut self) -> Result<(), StoreError> {
        self.settle()?;
        if let Some(txn) = self.txn.take() {
            guarded_write(&self.broken_off, || Ok(txn.commit()?))?;
        }
        self.of_store.fetch_add(self.put_bytes.get(), Ordering::Relaxed);
        Ok(())
    }

    /// Takes everything back.
    ///
    /// # Errors
    /// [`StoreError::Io`] when the file cannot be written.
    pub fn abort(mut self) -> Result<(), StoreError> {
        match self.txn.take() {
            Some(txn) => guarded(|| Ok(txn.abort()?)),
            None => Ok(()),
        }
    }
}

impl Read for Writer {
    fn get_bytes(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let open = self.open(table)?;
        guarded(|| get_record(&open, table, key))
    }

    fn scan_bytes(&self, table: Table, prefix: &[u8], visit: &mut Visit<'_>) -> Result<(), StoreError> {
        scan_table(&self.open(table)?, table, prefix, visit)
    }

    fn get_large(&self, table: Large, id: u64) -> Result<Vec<u8>, StoreError> {
        let open = self.open_large(table)?;
        guarded(|| pages::get(&open, table, id))
    }

    fn sums(&self) -> Result<Sums, StoreError> {
        settle::sums(self)
    }

    fn uncommitted_entries(&self) -> u64 {
        self.settling.borrow().entries
    }
}

#[cfg(test)]
mod tests;
