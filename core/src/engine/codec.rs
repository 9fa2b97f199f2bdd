//! The one door to bincode: small records to bytes and back.
//!
//! Records only, never bill lines. Every record starts with a version byte; what follows is bincode's legacy
//! layout (fixed-width little-endian integers, 64-bit lengths), which other crates read as well, so the format
//! outlives the crate. Decoding has a size limit and wants every byte used.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::values::error::codes;

/// The version byte of records whose layout has never changed.
const VERSION: u8 = 1;
/// The most bytes a record may claim to have: a hostile length cannot allocate more.
const RECORD_BYTES_MAX: usize = 256 * 1024 * 1024;

/// A record whose bytes cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// The version byte is not one that this program knows.
    #[error("record has format version {0}, which this program does not know")]
    Version(u8),
    /// The bytes end early, go on too long, or make no sense.
    #[error("record is damaged: {0}")]
    Damaged(String),
}

codes!(CodecError {
    own {
        Self::Version(version) => Damaged "record.version" { version: version },
        Self::Damaged(why) => Damaged "record.damaged" { why: why },
    }
    within {}
});

fn config() -> impl bincode::config::Config {
    bincode::config::legacy().with_limit::<RECORD_BYTES_MAX>()
}

/// Encodes a record.
///
/// # Errors
/// [`CodecError::Damaged`] for a record beyond 256 MiB.
pub fn encode<T: Serialize>(record: &T) -> Result<Vec<u8>, CodecError> {
    encode_as(VERSION, record)
}

/// Encodes a record in a layout with a version of its own.
///
/// # Errors
/// [`CodecError::Damaged`] for a record beyond 256 MiB.
pub fn encode_as<T: Serialize>(version: u8, record: &T) -> Result<Vec<u8>, CodecError> {
    let mut bytes = vec![version];
    bincode::serde::encode_into_std_write(record, &mut bytes, config())
        .map_err(|e| CodecError::Damaged(e.to_string()))?;
    Ok(bytes)
}

/// Decodes a record, all of its bytes.
///
/// # Errors
/// [`CodecError`] when the version is unknown or the bytes are not exactly one record.
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, CodecError> {
    decode_as(VERSION, bytes)
}

/// Tells the version of a record's layout, for those that have several.
///
/// # Errors
/// [`CodecError::Damaged`] when there are no bytes.
pub fn version(bytes: &[u8]) -> Result<u8, CodecError> {
    bytes.first().copied().ok_or_else(|| CodecError::Damaged("no bytes".into()))
}

/// Decodes a record of the layout with this version, all of its bytes.
///
/// # Errors
/// [`CodecError`] when the version is another one or the bytes are not exactly one record.
pub fn decode_as<T: DeserializeOwned>(wanted: u8, bytes: &[u8]) -> Result<T, CodecError> {
    let (version, body) = bytes.split_first().ok_or_else(|| CodecError::Damaged("no bytes".into()))?;
    if *version != wanted {
        return Err(CodecError::Version(*version));
    }
    let (record, used) =
        bincode::serde::decode_from_slice(body, config()).map_err(|e| CodecError::Damaged(e.to_string()))?;
    if used != body.len() {
        return Err(CodecError::Damaged(format!("{} bytes too many", body.len() - used)));
    }
    Ok(record)
}

/// A record whose layout has changed since it was first written: it is written in the newest, and read in all.
pub trait Layouts: Serialize + Sized {
    /// The version of the layout that is written; what is serialized is that layout.
    const NEWEST: u8;

    /// Decodes the record in whichever layout it was written.
    ///
    /// # Errors
    /// [`CodecError`] when the layout is none that there was, or the bytes are not exactly one record.
    fn decode(bytes: &[u8]) -> Result<Self, CodecError>;
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_layout_is_the_documented_one() {
        let bytes = encode(&(7_u32, "ab".to_owned(), Some(-1_i64))).unwrap();
        let mut want = vec![1, 7, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, b'a', b'b', 1];
        want.extend([0xff; 8]);
        assert_eq!(bytes, want);
    }

    #[test]
    fn other_versions_and_trailing_bytes_are_errors() {
        let mut bytes = encode(&7_u32).unwrap();
        assert_eq!(decode::<u32>(&bytes), Ok(7));
        bytes.push(0);
        assert!(matches!(decode::<u32>(&bytes), Err(CodecError::Damaged(_))));
        assert_eq!(decode::<u32>(&[9, 7, 0, 0, 0]), Err(CodecError::Version(9)));
        assert!(decode::<String>(&[1, 255, 255, 255, 255, 255, 255, 255, 255]).is_err());
    }

    #[test]
    fn a_layout_of_its_own_version_is_not_taken_for_another() {
        let bytes = encode_as(2, &(7_u32, true)).unwrap();
        assert_eq!(bytes, [2, 7, 0, 0, 0, 1]);
        assert_eq!((version(&bytes), decode_as(2, &bytes)), (Ok(2), Ok((7_u32, true))));
        assert_eq!(decode::<(u32, bool)>(&bytes), Err(CodecError::Version(2)));
        assert_eq!(decode_as::<u32>(2, &encode(&7_u32).unwrap()), Err(CodecError::Version(1)));
        assert!(version(&[]).is_err());
    }

    proptest! {
        #[test]
        fn hostile_bytes_never_panic(mut bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            bytes.insert(0, VERSION);
            let _ = decode::<(String, Vec<u64>, Option<Vec<String>>)>(&bytes);
        }
    }
}
