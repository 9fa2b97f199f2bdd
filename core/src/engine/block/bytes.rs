//! Reading and writing little-endian fields, with every read checked.

use super::error::BlockError;

/// Appends fields to a buffer.
pub(crate) struct Put<'a>(pub(crate) &'a mut Vec<u8>);

impl Put<'_> {
    pub(crate) fn u8(&mut self, v: u8) {
        self.0.push(v);
    }
    pub(crate) fn u16(&mut self, v: u16) {
        self.0.extend_from_slice(&v.to_le_bytes());
    }
    pub(crate) fn u32(&mut self, v: u32) {
        self.0.extend_from_slice(&v.to_le_bytes());
    }
    pub(crate) fn u64(&mut self, v: u64) {
        self.0.extend_from_slice(&v.to_le_bytes());
    }
    pub(crate) fn i128(&mut self, v: i128) {
        self.0.extend_from_slice(&v.to_le_bytes());
    }
    /// A length in 32 bits, then the bytes.
    pub(crate) fn text(&mut self, v: &[u8]) -> Result<(), BlockError> {
        self.u32(u32::try_from(v.len()).map_err(|_| BlockError::TooLarge)?);
        self.0.extend_from_slice(v);
        Ok(())
    }
}

/// Ends a value with the CRC-32 of all before, which [`Take::checked`] compares.
pub(crate) fn checksummed(mut value: Vec<u8>) -> Vec<u8> {
    let crc = crc32fast::hash(&value);
    Put(&mut value).u32(crc);
    value
}

/// Takes fields from the front of a slice.
pub(crate) struct Take<'a>(pub(crate) &'a [u8]);

impl<'a> Take<'a> {
    /// Begins to take the fields of a value that has its version in front and its CRC-32 behind; both are checked.
    pub(crate) fn checked(bytes: &'a [u8], version: u8) -> Result<Take<'a>, BlockError> {
        let (body, crc) = bytes.split_last_chunk::<4>().ok_or(BlockError::Damaged("it ends early"))?;
        if crc32fast::hash(body) != u32::from_le_bytes(*crc) {
            return Err(BlockError::Damaged("its checksum differs"));
        }
        let mut take = Take(body);
        match take.u8()? {
            found if found == version => Ok(take),
            other => Err(BlockError::Version(other)),
        }
    }
    pub(crate) fn bytes(&mut self, n: usize) -> Result<&'a [u8], BlockError> {
        let (head, rest) = self.0.split_at_checked(n).ok_or(BlockError::Damaged("it ends early"))?;
        self.0 = rest;
        Ok(head)
    }
    fn array<const N: usize>(&mut self) -> Result<[u8; N], BlockError> {
        let (head, rest) = self.0.split_first_chunk::<N>().ok_or(BlockError::Damaged("it ends early"))?;
        self.0 = rest;
        Ok(*head)
    }
    pub(crate) fn u8(&mut self) -> Result<u8, BlockError> {
        Ok(u8::from_le_bytes(self.array()?))
    }
    pub(crate) fn u16(&mut self) -> Result<u16, BlockError> {
        Ok(u16::from_le_bytes(self.array()?))
    }
    pub(crate) fn u32(&mut self) -> Result<u32, BlockError> {
        Ok(u32::from_le_bytes(self.array()?))
    }
    pub(crate) fn u64(&mut self) -> Result<u64, BlockError> {
        Ok(u64::from_le_bytes(self.array()?))
    }
    pub(crate) fn i64(&mut self) -> Result<i64, BlockError> {
        Ok(i64::from_le_bytes(self.array()?))
    }
    pub(crate) fn i128(&mut self) -> Result<i128, BlockError> {
        Ok(i128::from_le_bytes(self.array()?))
    }
    /// A 32-bit count that must not exceed `max`.
    pub(crate) fn count(&mut self, max: usize) -> Result<usize, BlockError> {
        let n = usize::try_from(self.u32()?).map_err(|_| BlockError::TooLarge)?;
        if n > max { Err(BlockError::Damaged("a count is too large")) } else { Ok(n) }
    }
    pub(crate) fn text(&mut self) -> Result<&'a [u8], BlockError> {
        let n = self.count(self.0.len())?;
        self.bytes(n)
    }
}
