//! Chunks as they are kept in the chunk cache.
//!
//! ```text
//! version u8 | length of the record u32 | record: crc of the text, its length, lines, sums | deflated text
//! ```

use serde::{Deserialize, Serialize};

use crate::engine::block::Sums;
use crate::engine::codec;
use crate::engine::store::ChunkCache;

use super::archive::CompressedChunk;
use super::compose::{PriceSums, RenderedChunk};

const VERSION: u8 = 1;

#[derive(Serialize, Deserialize)]
struct KeptExport {
    crc: u32,
    bytes: u64,
    rows: u64,
    sums: Vec<Sums>,
}

/// Keeps a chunk under its name.
pub(super) fn keep(cache: &ChunkCache, name: &[u8; 32], made: &RenderedChunk) {
    let record =
        KeptExport { crc: made.chunk.crc, bytes: made.chunk.bytes, rows: made.rows, sums: made.sums.clone() };
    // What cannot be kept is made again.
    let Ok(record) = codec::encode(&record) else { return };
    let Ok(length) = u32::try_from(record.len()) else { return };
    let mut value = vec![VERSION];
    value.extend_from_slice(&length.to_le_bytes());
    value.extend_from_slice(&record);
    value.extend_from_slice(&made.chunk.deflated);
    cache.put(name, &value);
}

/// Returns a chunk that was kept.
pub(super) fn kept(cache: &ChunkCache, name: &[u8; 32]) -> Option<RenderedChunk> {
    cache.get(name, |value| {
        let (&[version, length @ ..], rest) = value.split_first_chunk::<5>()?;
        let length = usize::try_from(u32::from_le_bytes(length)).ok().filter(|_| version == VERSION)?;
        let (record, deflated) = rest.split_at_checked(length)?;
        let record: KeptExport = codec::decode(record).ok()?;
        let chunk = CompressedChunk { deflated: deflated.to_vec(), crc: record.crc, bytes: record.bytes };
        // Exports with prices are made anew each time.
        Some(RenderedChunk { chunk, rows: record.rows, sums: record.sums, priced: PriceSums::default() })
    })
}
