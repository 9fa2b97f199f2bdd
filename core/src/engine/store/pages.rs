//! Large values, cut so that they fill redb's pages.
//!
//! redb keeps a value in a run of 2^k pages of 4 KiB: a value one byte too long takes twice the room. A value
//! is therefore cut into pieces that fill such a run to the last byte, the largest first, under the keys
//! `id × 4096 + piece`. The first piece begins with the value's length, so that a lost piece is noticed, and a checksum:
//!
//! ```text
//! length with the highest bit set, u64 LE | crc32 of table, id and value, u32 LE | value
//! ```
//!
//! Values of stores of format 1 have the length alone, without that bit.

use redb::ReadableTable;

use super::error::StoreError;
use super::state::Lanes;
use super::tables::Large;

const PAGE_BYTES: usize = 4096;
/// What redb needs in a leaf beside the value: 12 bytes, and 8 of the key.
const LEAF_BYTES: usize = 20;
const PIECES_BITS: u32 = 12;
/// Set in the length of a value that has a checksum.
const SEALED: u64 = 1 << 63;
/// The largest piece takes 2^8 pages, 1 MiB.
const PIECE_EXPONENT_MAX: u32 = 8;

fn key(id: u64, piece: usize) -> Result<u64, StoreError> {
    let piece = u64::try_from(piece).ok().filter(|p| *p < 1 << PIECES_BITS);
    match (id.checked_mul(1 << PIECES_BITS), piece) {
        (Some(base), Some(piece)) => Ok(base + piece),
        _ => Err(StoreError::Io("a value is too large for the store".into())),
    }
}

/// Returns the length of the next piece of a value of which `left` bytes are left.
fn piece_bytes(left: usize) -> usize {
    (0..=PIECE_EXPONENT_MAX)
        .rev()
        .map(|k| (PAGE_BYTES << k) - LEAF_BYTES)
        .find(|size| *size <= left)
        .unwrap_or(left)
}

fn checksum(large: Large, id: u64, bytes: &[u8]) -> [u8; 4] {
    let mut crc = crc32fast::Hasher::new();
    crc.update(large.name().as_bytes());
    crc.update(&id.to_le_bytes());
    crc.update(bytes);
    crc.finalize().to_le_bytes()
}

pub(super) fn put(
    table: &mut redb::Table<'_, u64, &'static [u8]>,
    large: Large,
    id: u64,
    bytes: &[u8],
    sums: &mut Lanes,
) -> Result<(), StoreError> {
    let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    let mut value = Vec::with_capacity(bytes.len() + 12);
    value.extend_from_slice(&(length | SEALED).to_le_bytes());
    value.extend_from_slice(&checksum(large, id, bytes));
    value.extend_from_slice(bytes);
    let mut rest = value.as_slice();
    let mut piece = 0;
    while !rest.is_empty() {
        let (head, tail) = rest.split_at_checked(piece_bytes(rest.len())).unwrap_or((rest, &[]));
        let at = key(id, piece)?;
        if let Some(before) = table.insert(at, head)? {
            sums.take(large.name(), &at.to_le_bytes(), before.value());
        }
        sums.put(large.name(), &at.to_le_bytes(), head);
        rest = tail;
        piece += 1;
    }
    Ok(())
}

pub(super) fn get(
    table: &impl ReadableTable<u64, &'static [u8]>,
    large: Large,
    id: u64,
) -> Result<Vec<u8>, StoreError> {
    let lost = || StoreError::Lost(format!("value {id} of `{}`", large.name()));
    let mut bytes: Vec<u8> = Vec::new();
    let (mut length, mut sum) = (None, None);
    for (piece, entry) in table.range(key(id, 0)?..key(id + 1, 0)?)?.enumerate() {
        let (at, value) = entry?;
        if at.value() != key(id, piece)? {
            return Err(lost());
        }
        let mut value = value.value();
        if piece == 0 {
            let (head, rest) = value.split_first_chunk::<8>().ok_or_else(lost)?;
            let head = u64::from_le_bytes(*head);
            length = usize::try_from(head & !SEALED).ok();
            bytes.reserve_exact(length.unwrap_or(0).min(1 << 30));
            value = rest;
            if head & SEALED != 0 {
                let (head, rest) = value.split_first_chunk::<4>().ok_or_else(lost)?;
                (sum, value) = (Some(*head), rest);
            }
        }
        bytes.extend_from_slice(value);
    }
    if length != Some(bytes.len()) {
        return Err(lost());
    }
    if sum.is_some_and(|sum| sum != checksum(large, id, &bytes)) {
        let what = format!("value {id} of `{}`", large.name());
        return Err(StoreError::damaged(what, "its checksum is that of something else"));
    }
    Ok(bytes)
}

/// Takes a value away, piece by piece.
pub(super) fn delete(
    table: &mut redb::Table<'_, u64, &'static [u8]>,
    large: Large,
    id: u64,
    sums: &mut Lanes,
) -> Result<(), StoreError> {
    table.retain_in(key(id, 0)?..key(id + 1, 0)?, |at, piece| {
        sums.take(large.name(), &at.to_le_bytes(), piece);
        false
    })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_fill_runs_of_pages() {
        let cut = |mut left: usize| {
            let mut pieces = Vec::new();
            while left > 0 {
                pieces.push(piece_bytes(left));
                left -= piece_bytes(left);
            }
            pieces
        };
        assert_eq!(cut(100), [100]);
        assert_eq!(cut(65_516), [65_516]);
        assert_eq!(cut(65_517), [65_516, 1]);
        assert_eq!(cut(150_000), [131_052, 16_364, 2_584]);
    }
}
