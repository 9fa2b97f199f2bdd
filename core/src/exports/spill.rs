//! Chunks that wait until the zip that they belong to is put together.
//!
//! Some are kept in memory. The others lie in a file that has no name, so that it is gone with whoever made it, however that
//! ends. What a chunk adds up to stays in memory.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use crate::values::reason::Reason;

use super::compose::RenderedChunk;

/// Where chunks wait.
pub(super) struct Spill {
    folder: PathBuf,
    /// So many more bytes are kept in memory.
    room: usize,
    file: Option<File>,
    end: u64,
}

/// A chunk that waits.
pub(super) struct Waiting {
    made: RenderedChunk,
    /// Where its compressed text lies in the file, and how long it is.
    place: Option<(u64, usize)>,
}

impl Spill {
    /// Keeps up to `room` bytes in memory, and the others in a file in this folder.
    pub(super) fn new(folder: &Path, room: usize) -> Spill {
        Spill { folder: folder.to_owned(), room, file: None, end: 0 }
    }

    fn failed(&self, e: std::io::Error) -> Reason {
        Reason::new(format!("a file for compressed lines in `{}`: {e}", self.folder.display()), e)
    }

    /// Takes a chunk that has been made.
    ///
    /// # Errors
    /// In words, when there is no room for it on the disk.
    pub(super) fn keep(&mut self, mut made: RenderedChunk) -> Result<Waiting, Reason> {
        let length = made.chunk.deflated.len();
        if let Some(room) = self.room.checked_sub(length) {
            self.room = room;
            // It was made with room to grow.
            made.chunk.deflated.shrink_to_fit();
            return Ok(Waiting { made, place: None });
        }
        self.write(&made.chunk.deflated).map_err(|e| self.failed(e))?;
        made.chunk.deflated = Vec::new();
        let place = Some((self.end, length));
        self.end += length as u64;
        Ok(Waiting { made, place })
    }

    fn write(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            None => self.file.insert(tempfile::tempfile_in(&self.folder)?),
        };
        // It is only read after all was written: it stands at its end.
        file.write_all(bytes)
    }

    /// Gives a chunk back.
    ///
    /// # Errors
    /// In words, when it cannot be read.
    pub(super) fn take(&self, waiting: Waiting) -> Result<RenderedChunk, Reason> {
        let Waiting { mut made, place } = waiting;
        if let Some((from, length)) = place {
            made.chunk.deflated = self.read(from, length).map_err(|e| self.failed(e))?;
        }
        Ok(made)
    }

    fn read(&self, from: u64, length: usize) -> std::io::Result<Vec<u8>> {
        let file = self.file.as_ref().ok_or_else(|| std::io::Error::other("it is lost"))?;
        let mut bytes = vec![0; length];
        read_at(file, from, &mut bytes)?;
        Ok(bytes)
    }
}

/// Reads what lies at a place of a file; several threads may at once.
#[cfg(unix)]
fn read_at(file: &File, from: u64, bytes: &mut [u8]) -> std::io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, bytes, from)
}

/// Reads what lies at a place of a file; where that is two steps, one thread after another.
#[cfg(not(unix))]
fn read_at(mut file: &File, from: u64, bytes: &mut [u8]) -> std::io::Result<()> {
    use std::io::{Read as _, Seek as _};

    static TURN: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let _turn = TURN.lock().map_err(|_| std::io::Error::other("a thread failed"))?;
    file.seek(std::io::SeekFrom::Start(from))?;
    file.read_exact(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exports::archive::CompressedChunk;
    use crate::exports::compose::PriceSums;
    use proptest::prelude::*;

    fn made(deflated: Vec<u8>) -> RenderedChunk {
        let chunk = CompressedChunk { crc: crc32fast::hash(&deflated), bytes: 7, deflated };
        RenderedChunk { chunk, rows: 3, sums: Vec::new(), priced: PriceSums::default() }
    }

    proptest! {
        #[test]
        fn chunks_come_back_from_memory_and_file(
            chunks in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..300), 0..20),
            room in 0_usize..3_000,
        ) {
            let folder = tempfile::tempdir().unwrap();
            let mut spill = Spill::new(folder.path(), room);
            let waiting: Vec<_> = chunks.iter().map(|c| spill.keep(made(c.clone())).unwrap()).collect();
            // It has no name, so that nobody need take it away.
            prop_assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
            let held: usize = waiting.iter().map(|w| w.made.chunk.deflated.len()).sum();
            prop_assert!(held <= room);
            for (waiting, chunk) in waiting.into_iter().zip(chunks).rev() {
                prop_assert_eq!(spill.take(waiting).unwrap(), made(chunk));
            }
        }
    }

    #[test]
    fn a_folder_that_is_not_there_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let mut spill = Spill::new(&folder.path().join("none"), 1);
        assert!(spill.keep(made(vec![1])).is_ok());
        assert!(spill.keep(made(vec![1])).is_err_and(|why| why.contains("none")));
    }
}
