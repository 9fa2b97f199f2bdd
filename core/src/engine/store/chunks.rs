//! The chunk cache: deflated chunks of exports, so that none is deflated twice.
//!
//! A file beside the store that may be deleted at any time: whatever is not in it is made anew. A chunk's name tells its
//! lines, so nothing in it is ever changed: chunks are only added at the end, followed by a list of all of them. One
//! program at a time adds; others read what was there when they came. Every value and the list carry a checksum, so damage
//! is the same as not being there. It is not a redb file, as redb takes the pages of a file for what it has written.
//!
//! ```text
//! values, one after another | list: entries × { name, 32 bytes; offset u64; bytes u32; crc32 of the value u32 }
//! | entries u64 | crc32 of list and entries u32 | "BKCHUNK1"
//! ```

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock};

use super::beside::Beside;
use crate::engine::own_folder::own_file_options;

const MAGIC: &[u8; 8] = b"BKCHUNK1";
const ENTRY_BYTES: usize = 48;
const FOOT_BYTES: usize = 20;
/// What is read at once where values are asked for in the order of their places. A value of an account's day has some KB.
const AHEAD_BYTES: u64 = 256 << 10;

/// A chunk cache; its file is opened when it is first asked for something.
pub struct ChunkCache {
    path: PathBuf,
    bytes_max: u64,
    open: OnceLock<OpenCache>,
}

struct OpenCache {
    /// What was there when the file was opened.
    known: HashMap<[u8; 32], CachedChunk>,
    reader: Option<Mutex<Reader>>,
    adding: Mutex<Adding>,
}

#[derive(Clone, Copy)]
struct CachedChunk {
    offset: u64,
    bytes: u32,
    crc: u32,
}

enum Adding {
    /// Nothing was put yet.
    Idle,
    Begun(Adder),
    /// Another program adds, or the file cannot be written.
    Closed,
}

/// The end of the file, held by this program alone.
struct Adder {
    out: BufWriter<File>,
    /// All values of the file, in the order of their places.
    entries: Vec<([u8; 32], CachedChunk)>,
    end: u64,
    bytes_max: u64,
}

/// Reads the list at the end of a cache; `None` where there is none to be believed.
fn read_list(file: &mut File) -> Option<Vec<([u8; 32], CachedChunk)>> {
    let length = file.seek(SeekFrom::End(0)).ok()?;
    let foot_at = length.checked_sub(FOOT_BYTES as u64)?;
    let mut foot = [0; FOOT_BYTES];
    file.seek(SeekFrom::Start(foot_at)).ok()?;
    file.read_exact(&mut foot).ok()?;
    let (count, rest) = foot.split_first_chunk::<8>()?;
    let (crc, magic) = rest.split_first_chunk::<4>()?;
    let list_bytes = u64::from_le_bytes(*count).checked_mul(ENTRY_BYTES as u64)?;
    let list_at = foot_at.checked_sub(list_bytes).filter(|_| magic == MAGIC)?;
    file.seek(SeekFrom::Start(list_at)).ok()?;
    let mut list = vec![0; usize::try_from(list_bytes).ok()?];
    file.read_exact(&mut list).ok()?;
    if list_crc(&list, *count) != u32::from_le_bytes(*crc) {
        return None;
    }
    let mut entries = Vec::with_capacity(list.len() / ENTRY_BYTES);
    for entry in list.as_chunks::<ENTRY_BYTES>().0 {
        let (name, rest) = entry.split_first_chunk::<32>()?;
        let (offset, rest) = rest.split_first_chunk::<8>()?;
        let (bytes, crc) = rest.split_first_chunk::<4>()?;
        let entry = CachedChunk {
            offset: u64::from_le_bytes(*offset),
            bytes: u32::from_le_bytes(*bytes),
            crc: u32::from_le_bytes(crc.try_into().ok()?),
        };
        // A value that would reach into the list is none.
        if entry.offset.checked_add(u64::from(entry.bytes)).is_none_or(|end| end > list_at) {
            return None;
        }
        entries.push((*name, entry));
    }
    Some(entries)
}

fn list_crc(list: &[u8], count: [u8; 8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(list);
    hasher.update(&count);
    hasher.finalize()
}

/// Reads values; those that follow one another, many at once.
struct Reader {
    file: File,
    /// A piece of the file, and where it was.
    piece: Vec<u8>,
    piece_at: u64,
    /// Where the value ended that was read last.
    end: u64,
}

impl Reader {
    fn new(file: File) -> Reader {
        Reader { file, piece: Vec::new(), piece_at: 0, end: u64::MAX }
    }

    /// Returns a value; `None` where it is damaged or cannot be read.
    fn read(&mut self, entry: CachedChunk) -> Option<&[u8]> {
        let bytes = u64::from(entry.bytes);
        let piece_end = self.piece_at + self.piece.len() as u64;
        if entry.offset < self.piece_at || entry.offset + bytes > piece_end {
            let follows = entry.offset == self.end;
            let wanted = if follows { bytes.max(AHEAD_BYTES) } else { bytes };
            self.piece.clear();
            self.piece_at = entry.offset;
            self.file.seek(SeekFrom::Start(entry.offset)).ok()?;
            self.piece.reserve(usize::try_from(wanted).ok()?);
            (&self.file).take(wanted).read_to_end(&mut self.piece).ok()?;
        }
        self.end = entry.offset + bytes;
        let from = usize::try_from(entry.offset - self.piece_at).ok()?;
        let value = self.piece.get(from..from + entry.bytes as usize)?;
        (crc32fast::hash(value) == entry.crc).then_some(value)
    }
}

impl ChunkCache {
    /// Returns where the cache of a store is.
    pub fn path_of(store: &Path) -> PathBuf {
        Beside::Chunks.path_of(store)
    }

    /// Makes a cache of at most so many bytes, whose file need not be there. A file that is no cache is replaced.
    ///
    /// Without one, exports just take longer: whatever goes wrong leaves a cache that holds and takes nothing.
    pub fn new(path: &Path, bytes_max: u64) -> ChunkCache {
        ChunkCache { path: path.to_owned(), bytes_max, open: OnceLock::new() }
    }

    fn open(&self) -> &OpenCache {
        self.open.get_or_init(|| {
            let mut file = File::open(&self.path).ok();
            let known = file.as_mut().and_then(read_list).unwrap_or_default().into_iter().collect();
            let reader = file.map(|file| Mutex::new(Reader::new(file)));
            OpenCache { known, reader, adding: Mutex::new(Adding::Idle) }
        })
    }

    /// Says whether a chunk was there when the cache was opened; it may yet turn out to be damaged.
    pub fn has(&self, name: &[u8; 32]) -> bool {
        self.open().known.contains_key(name)
    }

    /// Takes a chunk, if it was there when the cache was opened and is undamaged. Others wait while it is taken.
    pub fn get<T>(&self, name: &[u8; 32], take: impl FnOnce(&[u8]) -> Option<T>) -> Option<T> {
        let open = self.open();
        let entry = *open.known.get(name)?;
        take(open.reader.as_ref()?.lock().ok()?.read(entry)?)
    }

    /// Puts a chunk under its name. It can be had from a cache that is opened after [`ChunkCache::close`].
    pub fn put(&self, name: &[u8; 32], chunk: &[u8]) {
        let open = self.open();
        let Ok(mut adding) = open.adding.lock() else { return };
        if matches!(*adding, Adding::Idle) {
            *adding = self.begin().map_or(Adding::Closed, Adding::Begun);
        }
        if let Adding::Begun(adder) = &mut *adding
            && adder.add(name, chunk).is_none()
        {
            *adding = Adding::Closed;
        }
    }

    /// Takes hold of the end of the file.
    fn begin(&self) -> Option<Adder> {
        let mut file = own_file_options().create(true).truncate(false).open(&self.path).ok()?;
        keep_to_owner(&file);
        file.try_lock().ok()?;
        // What another program has added since counts as well.
        let mut entries = read_list(&mut file).unwrap_or_default();
        let held: u64 = entries.iter().map(|(_, e)| u64::from(e.bytes)).sum();
        // Some room has to be left for what is to come.
        if held > self.bytes_max / 4 * 3 {
            entries = self.shrink(&mut file, entries)?;
        }
        let end = entries.iter().map(|(_, e)| e.offset + u64::from(e.bytes)).max().unwrap_or(0);
        // Without a list at its end the file is no cache for anybody, until there is a new one.
        file.set_len(end).ok()?;
        file.seek(SeekFrom::Start(end)).ok()?;
        Some(Adder { out: BufWriter::with_capacity(1 << 20, file), entries, end, bytes_max: self.bytes_max })
    }

    /// Lets the oldest chunks go: the newest half of what is allowed moves to the front.
    fn shrink(
        &self,
        file: &mut File,
        entries: Vec<([u8; 32], CachedChunk)>,
    ) -> Option<Vec<([u8; 32], CachedChunk)>> {
        let mut room = self.bytes_max / 2;
        let mut from = entries.len();
        while let Some((_, entry)) = from.checked_sub(1).and_then(|i| entries.get(i)) {
            let Some(left) = room.checked_sub(u64::from(entry.bytes)) else { break };
            room = left;
            from -= 1;
        }
        // Values lie one after another, so each moves to a place that was read already; a reader that comes upon one on its
        // way finds another checksum.
        let mut kept = Vec::new();
        let mut end = 0;
        let mut reader = Reader::new(file.try_clone().ok()?);
        for (name, entry) in entries.into_iter().skip(from) {
            let Some(value) = reader.read(entry) else { continue };
            file.seek(SeekFrom::Start(end)).ok()?;
            file.write_all(value).ok()?;
            kept.push((name, CachedChunk { offset: end, ..entry }));
            end += u64::from(entry.bytes);
        }
        Some(kept)
    }

    /// Keeps what was put.
    pub fn close(self) {
        let Some(open) = self.open.into_inner() else { return };
        if let Ok(Adding::Begun(adder)) = open.adding.into_inner() {
            // A cache that cannot be kept is made anew.
            let _ = adder.finish();
        }
    }
}

/// A cache that an earlier version made may be open to other users.
fn keep_to_owner(file: &File) {
    #[cfg(unix)]
    {
        // Somebody else's stays as it is.
        let _ = file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600));
    }
    #[cfg(not(unix))]
    let _ = file;
}

impl Adder {
    fn add(&mut self, name: &[u8; 32], value: &[u8]) -> Option<()> {
        let bytes = u32::try_from(value.len()).ok()?;
        if self.end + u64::from(bytes) > self.bytes_max {
            // What does not fit is made again.
            return Some(());
        }
        self.out.write_all(value).ok()?;
        self.entries.push((*name, CachedChunk { offset: self.end, bytes, crc: crc32fast::hash(value) }));
        self.end += u64::from(bytes);
        Some(())
    }

    fn finish(mut self) -> std::io::Result<()> {
        let mut list = Vec::with_capacity(self.entries.len() * ENTRY_BYTES);
        for (name, entry) in &self.entries {
            list.extend_from_slice(name);
            list.extend_from_slice(&entry.offset.to_le_bytes());
            list.extend_from_slice(&entry.bytes.to_le_bytes());
            list.extend_from_slice(&entry.crc.to_le_bytes());
        }
        let count = (self.entries.len() as u64).to_le_bytes();
        self.out.write_all(&list)?;
        self.out.write_all(&count)?;
        self.out.write_all(&list_crc(&list, count).to_le_bytes())?;
        self.out.write_all(MAGIC)?;
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(n: u8) -> [u8; 32] {
        [n; 32]
    }

    fn cache(folder: &tempfile::TempDir, bytes_max: u64) -> ChunkCache {
        ChunkCache::new(&folder.path().join("a.chunks"), bytes_max)
    }

    fn get(cache: &ChunkCache, n: u8) -> Option<Vec<u8>> {
        cache.get(&name(n), |value| Some(value.to_vec()))
    }

    #[test]
    fn chunks_are_there_once_the_cache_was_closed() {
        let folder = tempfile::tempdir().unwrap();
        for n in 0..3 {
            let cache = cache(&folder, 1 << 20);
            cache.put(&name(n), &vec![n; 10_000]);
            assert_eq!(get(&cache, n), None);
            cache.close();
        }
        let cache = cache(&folder, 1 << 20);
        for n in 0..3 {
            assert_eq!(get(&cache, n), Some(vec![n; 10_000]));
        }
        assert!(!cache.has(&name(3)));
    }

    #[test]
    fn the_oldest_chunks_go_when_there_are_too_many() {
        let folder = tempfile::tempdir().unwrap();
        for n in 0..20 {
            let cache = cache(&folder, 50_000);
            cache.put(&name(n), &vec![n; 10_000]);
            cache.close();
            assert_eq!(get(&self::cache(&folder, 50_000), n), Some(vec![n; 10_000]));
        }
        assert!(std::fs::metadata(folder.path().join("a.chunks")).unwrap().len() < 70_000);
        assert!(!cache(&folder, 50_000).has(&name(2)));
        assert_eq!(get(&cache(&folder, 50_000), 18), Some(vec![18; 10_000]));
    }

    #[test]
    fn a_cache_takes_no_more_than_its_bound() {
        let folder = tempfile::tempdir().unwrap();
        let cache_of = || cache(&folder, 50_000);
        let first = cache_of();
        (0..20).for_each(|n| first.put(&name(n), &vec![n; 10_000]));
        first.close();
        assert!(std::fs::metadata(folder.path().join("a.chunks")).unwrap().len() < 51_000);
        assert_eq!(get(&cache_of(), 4), Some(vec![4; 10_000]));
        assert!(!cache_of().has(&name(5)));
    }

    #[test]
    fn values_are_read_in_any_order() {
        let folder = tempfile::tempdir().unwrap();
        let bytes = |n: u8| (usize::from(n) * 7_919) % 100_000 * usize::from(n % 5) + usize::from(n);
        let value = |n: u8| (0..bytes(n)).map(|i| (i / 251) as u8 ^ n).collect::<Vec<u8>>();
        let first = cache(&folder, 1 << 30);
        (0..=255).for_each(|n| first.put(&name(n), &value(n)));
        first.close();
        let forth = (0..=255_u8).collect::<Vec<_>>();
        let back = (0..=255_u8).rev().collect();
        let leaps = (0..=255_u8).map(|n| n.wrapping_mul(77)).collect();
        // One after another for a while, then the one before, one far ahead, and the same one twice.
        let mixed = (0..=255_u8).flat_map(|n| [n, n.wrapping_add(1), n.wrapping_sub(1), n ^ 0x80, n ^ 0x80]);
        for order in [forth, back, leaps, mixed.collect()] {
            let cache = cache(&folder, 1 << 30);
            assert!(order.iter().all(|&n| get(&cache, n) == Some(value(n))), "{order:?}");
        }
    }

    #[test]
    fn who_comes_second_reads_and_does_not_add() {
        let folder = tempfile::tempdir().unwrap();
        let (first, second) = (cache(&folder, 1 << 20), cache(&folder, 1 << 20));
        first.put(&name(1), b"one");
        second.put(&name(2), b"two");
        first.close();
        second.close();
        let third = cache(&folder, 1 << 20);
        assert_eq!((get(&third, 1), get(&third, 2)), (Some(b"one".to_vec()), None));
    }

    #[test]
    fn whatever_is_damaged_is_not_there() {
        let folder = tempfile::tempdir().unwrap();
        let cache_of = || cache(&folder, 1 << 20);
        let path = folder.path().join("a.chunks");
        std::fs::write(&path, b"something else").unwrap();
        let first = cache_of();
        first.put(&name(1), &[0xa5; 300]);
        first.put(&name(2), &[0xa6; 300]);
        first.close();
        let whole = std::fs::read(&path).unwrap();
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x20;
            std::fs::write(&path, &bytes).unwrap();
            let cache = cache_of();
            for (n, value) in [(1, 0xa5), (2, 0xa6)] {
                assert!(get(&cache, n).is_none_or(|found| found == [value; 300]), "byte {at}");
            }
            std::fs::write(&path, &whole[..at]).unwrap();
            assert_eq!(get(&cache_of(), 1), None, "cut at {at}");
        }
    }
}
