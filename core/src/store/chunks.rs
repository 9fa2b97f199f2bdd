//! The chunk cache: deflated chunks of exports, so that none is deflated twice.
//!
//! A file beside the store that may be deleted at any time: whatever is not in it is made anew. It is bounded, and
//! what was put first goes first. A chunk's name tells its lines, so nothing in it ever has to be changed, and each
//! value carries a checksum, so damage is the same as not being there. One program at a time puts chunks; another
//! one that exports meanwhile goes without.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock};

use redb::{ReadableDatabase, ReadableTable, TableDefinition};

use super::{Large, StoreError, pages};

/// From a chunk's name to the number of its value.
const NAMES: TableDefinition<'static, &'static [u8], u64> = TableDefinition::new("chunk_names");
/// From the number of a value to the chunk's name: the smallest is the oldest.
const AGES: TableDefinition<'static, u64, &'static [u8]> = TableDefinition::new("chunk_ages");
/// The bytes of all values under `bytes`, the last number given out under `next`.
const FACTS: TableDefinition<'static, &'static str, u64> = TableDefinition::new("chunk_facts");
const MEMORY_BYTES: usize = 16 << 20;

/// A chunk cache; its file is opened when it is first asked for something.
pub struct ChunkCache {
    path: PathBuf,
    bytes_max: u64,
    open: OnceLock<Open>,
}

struct Open {
    db: Option<redb::Database>,
    reader: Option<redb::ReadTransaction>,
    writer: Mutex<Put>,
}

enum Put {
    /// Nobody has put anything yet.
    Idle,
    Open(Box<redb::WriteTransaction>),
    /// Another program puts, or the file cannot be written.
    Closed,
}

fn open(path: &Path) -> Open {
    let builder = || {
        let mut builder = redb::Database::builder();
        builder.set_cache_size(MEMORY_BYTES);
        builder.set_concurrency_mode(redb::ConcurrencyMode::MultiWriter);
        builder
    };
    let mut db = builder().create(path).ok();
    if db.is_none() {
        // Whatever it is, it is no cache, or a damaged one.
        db = std::fs::remove_file(path).ok().and_then(|()| builder().create(path).ok());
    }
    let reader = db.as_ref().and_then(|db| db.begin_read().ok());
    Open { db, reader, writer: Mutex::new(Put::Idle) }
}

impl ChunkCache {
    /// Returns where the cache of a store is.
    pub fn path_of(store: &Path) -> PathBuf {
        let mut name = store.file_name().unwrap_or_default().to_owned();
        name.push(".chunks");
        store.with_file_name(name)
    }

    /// Makes a cache of at most so many bytes. A file that is no cache is replaced.
    ///
    /// Without one, exports just take longer: whatever goes wrong leaves a cache that holds and takes nothing.
    pub fn new(path: &Path, bytes_max: u64) -> ChunkCache {
        ChunkCache { path: path.to_owned(), bytes_max, open: OnceLock::new() }
    }

    fn open(&self) -> &Open {
        self.open.get_or_init(|| open(&self.path))
    }

    fn number(&self, name: &[u8; 32]) -> Option<u64> {
        let names = self.open().reader.as_ref()?.open_table(NAMES).ok()?;
        Some(names.get(name.as_slice()).ok()??.value())
    }

    /// Says whether a chunk was there when the cache was opened; it may yet turn out to be damaged.
    pub fn has(&self, name: &[u8; 32]) -> bool {
        self.number(name).is_some()
    }

    /// Returns a chunk, if it was there when the cache was opened and is undamaged.
    pub fn get(&self, name: &[u8; 32]) -> Option<Vec<u8>> {
        let number = self.number(name)?;
        let table = self.open().reader.as_ref()?.open_table(Large::Blocks.definition()).ok()?;
        let mut bytes = pages::get(&table, Large::Blocks, number).ok()?;
        let crc = bytes.split_off(bytes.len().checked_sub(4)?);
        (crc == crc32fast::hash(&bytes).to_le_bytes()).then_some(bytes)
    }

    /// Puts a chunk under its name. It is there for good, or not at all, after [`ChunkCache::close`].
    pub fn put(&self, name: &[u8; 32], chunk: &[u8]) {
        let open = self.open();
        let Ok(mut put) = open.writer.lock() else { return };
        if matches!(*put, Put::Idle) {
            *put = match open.db.as_ref().map(redb::Database::try_begin_write) {
                Some(Ok(mut txn)) => {
                    txn.set_quick_repair(true);
                    Put::Open(Box::new(txn))
                }
                Some(Err(_)) | None => Put::Closed,
            };
        }
        if let Put::Open(txn) = &*put
            && insert(txn, name, chunk).is_err()
        {
            *put = Put::Closed;
        }
    }

    /// Lets the oldest chunks go until the rest is within the bound, and keeps what was put.
    pub fn close(self) {
        let Some(open) = self.open.into_inner() else { return };
        drop(open.reader);
        if let Ok(Put::Open(txn)) = open.writer.into_inner()
            && shrink(&txn, self.bytes_max).is_ok()
        {
            // A cache that cannot be kept is made anew.
            let _ = txn.commit();
        }
        if let Some(db) = open.db {
            let _ = db.close();
        }
    }
}

fn fact(txn: &redb::WriteTransaction, key: &str, change: i64) -> Result<u64, StoreError> {
    let mut facts = txn.open_table(FACTS)?;
    let now = facts.get(key)?.map_or(0, |v| v.value()).saturating_add_signed(change);
    facts.insert(key, now)?;
    Ok(now)
}

fn insert(txn: &redb::WriteTransaction, name: &[u8; 32], chunk: &[u8]) -> Result<(), StoreError> {
    let mut names = txn.open_table(NAMES)?;
    let there = names.get(name.as_slice())?.map(|v| v.value());
    if there.is_some() {
        return Ok(());
    }
    let number = fact(txn, "next", 1)?;
    let mut value = chunk.to_vec();
    value.extend_from_slice(&crc32fast::hash(chunk).to_le_bytes());
    pages::put(&mut txn.open_table(Large::Blocks.definition())?, number, &value)?;
    names.insert(name.as_slice(), number)?;
    txn.open_table(AGES)?.insert(number, name.as_slice())?;
    fact(txn, "bytes", value.len() as i64)?;
    Ok(())
}

fn shrink(txn: &redb::WriteTransaction, bytes_max: u64) -> Result<(), StoreError> {
    let mut bytes = fact(txn, "bytes", 0)?;
    let (mut ages, mut names) = (txn.open_table(AGES)?, txn.open_table(NAMES)?);
    let mut values = txn.open_table(Large::Blocks.definition())?;
    while bytes > bytes_max {
        let Some((number, name)) = ages.pop_first()?.map(|(n, v)| (n.value(), v.value().to_vec())) else {
            break;
        };
        names.remove(name.as_slice())?;
        let gone = pages::delete(&mut values, number)?;
        bytes = fact(txn, "bytes", -i64::try_from(gone).unwrap_or(0))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(n: u8) -> [u8; 32] {
        [n; 32]
    }

    #[test]
    fn chunks_are_there_once_the_cache_was_closed_and_the_oldest_go_first() {
        let folder = tempfile::tempdir().unwrap();
        let path = ChunkCache::path_of(&folder.path().join("a.redb"));
        let cache = ChunkCache::new(&path, 25_000);
        for n in 0..3 {
            cache.put(&name(n), &vec![n; 10_000]);
        }
        assert_eq!(cache.get(&name(2)), None);
        cache.close();
        let cache = ChunkCache::new(&path, 25_000);
        assert_eq!(cache.get(&name(0)), None);
        assert_eq!(cache.get(&name(1)), Some(vec![1; 10_000]));
        assert_eq!(cache.get(&name(2)), Some(vec![2; 10_000]));
        cache.close();
    }

    #[test]
    fn a_file_that_is_no_cache_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.chunks");
        std::fs::write(&path, b"something else").unwrap();
        let cache = ChunkCache::new(&path, 1_000);
        cache.put(&name(1), b"text");
        cache.close();
        assert_eq!(ChunkCache::new(&path, 1_000).get(&name(1)), Some(b"text".to_vec()));
    }

    #[test]
    fn a_damaged_chunk_is_not_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.chunks");
        let cache = ChunkCache::new(&path, 1_000_000);
        cache.put(&name(1), &[0xa5; 30_000]);
        cache.close();
        let mut bytes = std::fs::read(&path).unwrap();
        let at = bytes.windows(9).position(|w| w == [0xa5; 9]).unwrap();
        bytes[at + 100] ^= 1;
        std::fs::write(&path, bytes).unwrap();
        assert_eq!(ChunkCache::new(&path, 1_000_000).get(&name(1)), None);
    }
}
