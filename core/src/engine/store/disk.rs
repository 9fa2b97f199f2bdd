//! What a store may lie on besides a file of its own: a [`Disk`], which is what a test puts between the engine and its bytes;
//! and a file as it would be if it were changed, for looking at it whole without touching it.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::Result as IoResult;
use std::ops::Bound;
use std::sync::{Arc, Mutex, PoisonError};

use redb::backends::FileBackend;
use redb::{BackendError, StorageBackend};

/// Bytes that survive the program, of one program alone.
///
/// What was written is there for the next read at once, and outlives a loss of power once [`Disk::sync`] has returned.
pub trait Disk: fmt::Debug + Send + Sync + 'static {
    /// Returns how many bytes there are.
    ///
    /// # Errors
    /// What the disk says.
    fn bytes(&self) -> IoResult<u64>;

    /// Reads exactly so many bytes from an offset.
    ///
    /// # Errors
    /// What the disk says; beyond the end there is nothing to read.
    fn read(&self, offset: u64, bytes: &mut [u8]) -> IoResult<()>;

    /// Writes bytes at an offset.
    ///
    /// # Errors
    /// What the disk says; any part of the bytes may have been written then.
    fn write(&self, offset: u64, bytes: &[u8]) -> IoResult<()>;

    /// Cuts, or grows with zeros.
    ///
    /// # Errors
    /// What the disk says.
    fn set_len(&self, bytes: u64) -> IoResult<()>;

    /// Makes all that was written before durable.
    ///
    /// # Errors
    /// What the disk says; nothing is known then of what was written since the last time.
    fn sync(&self) -> IoResult<()>;
}

/// A disk as redb wants to see it. Nobody else has it, so that every lock is granted.
#[derive(Debug)]
pub(super) struct Owned(pub(super) Arc<dyn Disk>);

impl StorageBackend for Owned {
    fn len(&self) -> IoResult<u64> {
        self.0.bytes()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> IoResult<()> {
        self.0.read(offset, out)
    }

    fn set_len(&self, len: u64) -> IoResult<()> {
        self.0.set_len(len)
    }

    fn sync_data(&self) -> IoResult<()> {
        self.0.sync()
    }

    fn write(&self, offset: u64, data: &[u8]) -> IoResult<()> {
        self.0.write(offset, data)
    }

    fn try_lock_range(&self, _: Bound<u64>, _: Bound<u64>) -> Result<bool, BackendError> {
        Ok(true)
    }

    fn try_lock_shared_range(&self, _: Bound<u64>, _: Bound<u64>) -> Result<bool, BackendError> {
        Ok(true)
    }

    fn lock_range(&self, _: Bound<u64>, _: Bound<u64>) -> Result<(), BackendError> {
        Ok(())
    }

    fn lock_shared_range(&self, _: Bound<u64>, _: Bound<u64>) -> Result<(), BackendError> {
        Ok(())
    }

    fn unlock_range(&self, _: Bound<u64>, _: Bound<u64>) -> Result<(), BackendError> {
        Ok(())
    }

    fn query_lock_range(&self, _: Bound<u64>, _: Bound<u64>) -> Result<bool, BackendError> {
        Ok(false)
    }
}

const SHEET_BYTES: usize = 4096;

/// The sheets that were written over a file.
#[derive(Debug, Default)]
struct DiskSheets {
    len: u64,
    /// So much of the file below is still to be seen: beyond lies what was cut off once.
    file_len: u64,
    written: BTreeMap<u64, Box<[u8; SHEET_BYTES]>>,
}

/// A file that is read, and changed in memory only. The locks are those of the file.
pub(super) struct Overlay {
    file: FileBackend,
    /// A file that may only be read cannot be locked against other readers; a shared lock keeps writers out just as well.
    may_write: bool,
    sheets: Mutex<DiskSheets>,
}

impl fmt::Debug for Overlay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Overlay")
    }
}

impl Overlay {
    pub(super) fn new(file: File, may_write: bool) -> Result<Overlay, redb::DatabaseError> {
        let file = FileBackend::new(file)?;
        let len = file.len().map_err(redb::StorageError::from)?;
        Ok(Overlay {
            file,
            may_write,
            sheets: Mutex::new(DiskSheets { len, file_len: len, written: BTreeMap::new() }),
        })
    }

    fn sheets(&self) -> std::sync::MutexGuard<'_, DiskSheets> {
        self.sheets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns a sheet as it is now; what the file does not have is zeros.
    fn sheet(&self, sheets: &DiskSheets, number: u64) -> Result<Box<[u8; SHEET_BYTES]>, std::io::Error> {
        if let Some(sheet) = sheets.written.get(&number) {
            return Ok(sheet.clone());
        }
        let mut sheet = Box::new([0; SHEET_BYTES]);
        let start = number * SHEET_BYTES as u64;
        let there = usize::try_from(sheets.file_len.saturating_sub(start)).unwrap_or(SHEET_BYTES);
        if let Some(part) = sheet.get_mut(..there.min(SHEET_BYTES)).filter(|part| !part.is_empty()) {
            self.file.read(start, part)?;
        }
        Ok(sheet)
    }
}

/// Cuts a run of bytes into sheets: the number of each, where the part begins in it, and how long the part is.
fn parts(offset: u64, bytes: usize) -> impl Iterator<Item = (u64, usize, usize)> {
    let sheet_bytes = SHEET_BYTES as u64;
    let (mut at, mut left) = (offset, bytes);
    std::iter::from_fn(move || {
        let start = usize::try_from(at % sheet_bytes).unwrap_or(0);
        let length = left.min(SHEET_BYTES - start);
        let part = (at / sheet_bytes, start, length);
        at += length as u64;
        left -= length;
        (length > 0).then_some(part)
    })
}

impl StorageBackend for Overlay {
    fn len(&self) -> IoResult<u64> {
        Ok(self.sheets().len)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> IoResult<()> {
        let sheets = self.sheets();
        if offset.checked_add(out.len() as u64).is_none_or(|end| end > sheets.len) {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        let mut rest = out;
        for (number, start, length) in parts(offset, rest.len()) {
            let (part, tail) = rest.split_at_mut(length);
            part.copy_from_slice(self.sheet(&sheets, number)?.get(start..start + length).unwrap_or_default());
            rest = tail;
        }
        Ok(())
    }

    fn set_len(&self, len: u64) -> IoResult<()> {
        let mut sheets = self.sheets();
        let sheet_bytes = SHEET_BYTES as u64;
        sheets.written.split_off(&len.div_ceil(sheet_bytes));
        if let Some(last) = sheets.written.get_mut(&(len / sheet_bytes)) {
            let end = usize::try_from(len % sheet_bytes).unwrap_or(0);
            last.get_mut(end..).unwrap_or_default().fill(0);
        }
        sheets.file_len = sheets.file_len.min(len);
        sheets.len = len;
        Ok(())
    }

    fn sync_data(&self) -> IoResult<()> {
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> IoResult<()> {
        let mut sheets = self.sheets();
        let mut rest = data;
        for (number, start, length) in parts(offset, data.len()) {
            let (part, tail) = rest.split_at_checked(length).unwrap_or((rest, &[]));
            let mut sheet = self.sheet(&sheets, number)?;
            sheet.get_mut(start..start + length).unwrap_or_default().copy_from_slice(part);
            sheets.written.insert(number, sheet);
            rest = tail;
        }
        sheets.len = sheets.len.max(offset + data.len() as u64);
        Ok(())
    }

    fn close(&self) -> IoResult<()> {
        self.file.close()
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        if self.may_write {
            self.file.try_lock_range(start, end)
        } else {
            self.file.try_lock_shared_range(start, end)
        }
    }

    fn try_lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.file.try_lock_shared_range(start, end)
    }

    fn lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        if self.may_write {
            self.file.lock_range(start, end)
        } else {
            self.file.lock_shared_range(start, end)
        }
    }

    fn lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.file.lock_shared_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.file.unlock_range(start, end)
    }

    fn query_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.file.query_lock_range(start, end)
    }
}
