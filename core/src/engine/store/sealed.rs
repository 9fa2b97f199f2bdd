//! Records as they lie in the file: with a checksum that binds them to their table and their key.
//!
//! ```text
//! 0x80 | crc32 of table, key and record, u32 LE | record
//! ```
//!
//! redb looks at the checksums of its pages after a crash, or when it is asked to; a bit that flips at rest is found here, by
//! whoever reads the record. Stores of format 1 have records without any of it, which begin with the version of their layout;
//! those are all below 0x80.

use super::error::StoreError;
use super::tables::Table;

const SEALED: u8 = 0x80;

fn checksum(table: Table, key: &[u8], record: &[u8]) -> [u8; 4] {
    let mut crc = crc32fast::Hasher::new();
    crc.update(table.name().as_bytes());
    crc.update(&u64::try_from(key.len()).unwrap_or(u64::MAX).to_le_bytes());
    crc.update(key);
    crc.update(record);
    crc.finalize().to_le_bytes()
}

pub(super) fn seal(table: Table, key: &[u8], record: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(5 + record.len());
    bytes.push(SEALED);
    bytes.extend_from_slice(&checksum(table, key, record));
    bytes.extend_from_slice(record);
    bytes
}

/// Returns the record.
///
/// # Errors
/// [`StoreError::Damaged`] when it is not what was put under this key of this table.
pub(super) fn unseal<'a>(table: Table, key: &[u8], bytes: &'a [u8]) -> Result<&'a [u8], StoreError> {
    let Some((&SEALED, rest)) = bytes.split_first() else { return Ok(bytes) };
    match rest.split_first_chunk::<4>() {
        Some((sum, record)) if *sum == checksum(table, key, record) => Ok(record),
        _ => Err(StoreError::damaged(table.record(key), "its checksum is that of something else")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_read_only_whole_and_in_its_place() {
        let bytes = seal(Table::Sinks, b"a", b"\x01record");
        assert_eq!(unseal(Table::Sinks, b"a", &bytes).unwrap(), b"\x01record");
        assert!(unseal(Table::Sinks, b"b", &bytes).is_err());
        assert!(unseal(Table::Probes, b"a", &bytes).is_err());
        for bit in 8..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(unseal(Table::Sinks, b"a", &flipped).is_err(), "bit {bit}");
        }
        for end in 1..bytes.len() {
            assert!(unseal(Table::Sinks, b"a", &bytes[..end]).is_err(), "{end} bytes");
        }
    }

    #[test]
    fn a_record_of_the_first_format_is_read_as_it_is() {
        assert_eq!(unseal(Table::Sinks, b"a", b"\x02record").unwrap(), b"\x02record");
    }
}
