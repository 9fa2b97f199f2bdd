//! Writes zips of deflated chunks: the one door to `rawzip` and `flate2`.
//!
//! A CSV is compressed in chunks that stand on their own: each is raw deflate that ends in a sync flush, so
//! chunks are made on several threads and joined in order, with their CRCs combined. Chunks of about 1 MiB
//! cost no ratio. The bytes depend on the text, the cuts and the level alone: no times, no machine.

use std::io::Write;

use flate2::{Compress, Compression, FlushCompress, Status};
use rawzip::time::UtcDateTime;

use crate::values::reason::Reason;

/// The level at which CSVs are deflated; part of the export format.
pub(super) const LEVEL: u32 = 5;
/// An empty last block of deflate, which ends a stream of sync-flushed chunks.
const LAST_BLOCK: [u8; 2] = [0x03, 0x00];

/// The time that every entry has: the earliest that a zip can tell.
const FIXED_TIME: UtcDateTime = match UtcDateTime::from_components(1980, 1, 1, 0, 0, 0, 0) {
    Some(time) => time,
    None => unreachable!(),
};

/// Writes a zip of a few entries that are in memory.
///
/// # Errors
/// In words, when writing fails.
pub(crate) fn write_small(out: impl Write, entries: &[(&str, Vec<u8>)]) -> Result<(), Reason> {
    let mut deflater = Deflater::new();
    let mut pieces = Vec::new();
    for (name, bytes) in entries {
        pieces.push(Ok(ZipPiece::Begin((*name).to_owned())));
        pieces.push(deflater.chunk(bytes).map(ZipPiece::Chunk));
    }
    write(out, pieces.into_iter()).map(|_| ())
}

/// A compressed chunk of a CSV.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CompressedChunk {
    pub(super) deflated: Vec<u8>,
    pub(super) crc: u32,
    pub(super) bytes: u64,
}

/// Compresses chunks, reusing its state.
pub(super) struct Deflater {
    state: Compress,
}

impl Deflater {
    pub(super) fn new() -> Deflater {
        Deflater { state: Compress::new(Compression::new(LEVEL), false) }
    }

    /// Compresses a chunk on its own.
    pub(super) fn chunk(&mut self, text: &[u8]) -> Result<CompressedChunk, Reason> {
        self.state.reset();
        let mut deflated = Vec::with_capacity(text.len() / 4 + 64);
        let mut rest = text;
        loop {
            if deflated.capacity() - deflated.len() < 64 {
                deflated.reserve(deflated.len().max(4096));
            }
            let before = self.state.total_in();
            let status = self
                .state
                .compress_vec(rest, &mut deflated, FlushCompress::Sync)
                .map_err(|e| format!("deflate failed: {e}"))?;
            let taken = usize::try_from(self.state.total_in() - before).unwrap_or(usize::MAX);
            rest = rest.get(taken..).unwrap_or_default();
            // Done once all is taken and the flush had room to end.
            if rest.is_empty() && deflated.len() < deflated.capacity() {
                break;
            }
            if status == Status::StreamEnd {
                return Err("deflate ended early".into());
            }
        }
        Ok(CompressedChunk { deflated, crc: crc32fast::hash(text), bytes: text.len() as u64 })
    }
}

/// What an entry came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ZipEntry {
    pub(super) bytes: u64,
    pub(super) crc: u32,
}

/// What goes into a zip, in order.
pub(super) enum ZipPiece {
    /// A CSV begins.
    Begin(String),
    /// A chunk of it.
    Chunk(CompressedChunk),
}

/// Writes a zip of the pieces; returns what each CSV came to.
pub(super) fn write(
    out: impl Write,
    mut pieces: impl Iterator<Item = Result<ZipPiece, Reason>>,
) -> Result<Vec<ZipEntry>, Reason> {
    let failed = |e: rawzip::Error| Reason::new(format!("the zip cannot be written: {e}"), e);
    let mut archive = rawzip::ZipArchiveWriter::new(out);
    let mut entries = Vec::new();
    let mut begin = match pieces.next().transpose()? {
        Some(ZipPiece::Begin(name)) => Some(name),
        Some(ZipPiece::Chunk(_)) => return Err("a chunk came before its CSV".into()),
        None => None,
    };
    while let Some(name) = begin.take() {
        let (mut entry, _config) = archive
            .new_file(&name)
            .compression_method(rawzip::CompressionMethod::DEFLATE)
            .last_modified(FIXED_TIME)
            .start()
            .map_err(failed)?;
        let mut crc = crc32fast::Hasher::new();
        let mut bytes = 0;
        for piece in pieces.by_ref() {
            match piece? {
                ZipPiece::Begin(name) => {
                    begin = Some(name);
                    break;
                }
                ZipPiece::Chunk(chunk) => {
                    entry.write_all(&chunk.deflated).map_err(Reason::of)?;
                    crc.combine(&crc32fast::Hasher::new_with_initial_len(chunk.crc, chunk.bytes));
                    bytes += chunk.bytes;
                }
            }
        }
        entry.write_all(&LAST_BLOCK).map_err(Reason::of)?;
        let crc = crc.finalize();
        entry.finish(rawzip::DataDescriptorOutput::new(crc, bytes)).map_err(failed)?;
        entries.push(ZipEntry { bytes, crc });
    }
    archive.finish().map_err(failed)?.flush().map_err(Reason::of)?;
    Ok(entries)
}

/// Returns the entries of a zip, with their names, checked against their lengths and CRCs.
#[cfg(test)]
pub(super) fn read_all(zip: &[u8]) -> Vec<(String, Vec<u8>)> {
    use std::io::Read as _;

    let archive = rawzip::ZipArchive::from_slice(zip).unwrap();
    let (mut entries, mut all) = (archive.entries(), Vec::new());
    while let Some(entry) = entries.next_entry().unwrap() {
        let name = entry.file_path().try_normalize().unwrap().as_ref().to_owned();
        let packed = archive.get_entry(entry.wayfinder()).unwrap();
        let mut text = Vec::new();
        let inflater = flate2::bufread::DeflateDecoder::new(packed.data());
        packed.verifying_reader(inflater).read_to_end(&mut text).unwrap();
        all.push((name, text));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(csvs: &[(&str, &[&[u8]])]) -> Vec<Result<ZipPiece, Reason>> {
        let mut deflater = Deflater::new();
        let mut all = Vec::new();
        for (name, texts) in csvs {
            all.push(Ok(ZipPiece::Begin((*name).to_owned())));
            all.extend(texts.iter().map(|t| deflater.chunk(t).map(ZipPiece::Chunk)));
        }
        all
    }

    #[test]
    fn joined_chunks_unpack_to_the_joined_text() {
        let large: Vec<u8> = (0..2_000_000_u32).flat_map(|i| (i / 7).to_le_bytes()).collect();
        let csvs: [(&str, &[&[u8]]); 3] =
            [("a.csv", &[b"head\n", &large, b"", b"tail\n"]), ("b.csv", &[]), ("c.csv", &[b"x"])];
        let mut bytes = Vec::new();
        let entries = write(&mut bytes, pieces(&csvs).into_iter()).unwrap();
        assert_eq!(entries.iter().map(|e| e.bytes).collect::<Vec<_>>(), [8_000_010, 0, 1]);
        let found = read_all(&bytes);
        let want = csvs.map(|(name, texts)| (name.to_owned(), texts.concat()));
        assert_eq!(found, want);
    }

    #[test]
    fn a_chunk_is_the_same_whatever_was_compressed_before() {
        let mut used = Deflater::new();
        used.chunk(b"something else entirely").unwrap();
        assert_eq!(used.chunk(b"text,text,text").unwrap(), Deflater::new().chunk(b"text,text,text").unwrap());
    }
}
