//! The on-disk block: some thousand lines of one day, column by column.
//!
//! A block never changes once written, and its bytes depend on its lines alone, so that revisions can share it.
//! Its lines are of one day of coverage and sorted by owner, then time, then content
//! (docs/FORMAT.md has the byte layout).
//!
//! ```text
//! magic "BKBL" | version u8 | coverage day u8 | columns u16 | rows u32 | owner min u64 | owner max u64
//! sums: u16 × { currency | lines u64 | u8 × { column u16, scale u8, sum i128 } }
//! directory: columns × { codec u8, packed u8, bytes u32, stored bytes u32 }
//! the columns' bytes | crc32 u32 of all before
//! ```
//!
//! Invariant: the sums in the header are those of the lines (I1); they are checked when a block is written and
//! by `store check` when it is read.

pub(crate) mod bytes;
mod column;
pub(crate) mod encode;
mod error;
pub(crate) mod ints;
pub(crate) mod text;

pub use column::{BlockTexts, ColumnData, IntegerForm};
pub use error::BlockError;

use std::cell::RefCell;
use std::ops::Range;

use crate::formats::schema::Column;
use crate::values::money::Amount;
use bytes::{Put, Take};
use error::VERSION;

const MAGIC: &[u8; 4] = b"BKBL";
/// Level 1 beats level 3 on column chunks in ratio and in speed.
pub(crate) const ZSTD_LEVEL: i32 = 1;
/// Columns shorter than this are not worth a zstd frame.
const PACK_BYTES_MIN: usize = 48;
/// The most bytes one decoded column may have.
const COLUMN_BYTES_MAX: usize = 1 << 30;

/// The sums of the lines of one currency.
///
/// Equal where every amount is; a column that is not there counts as zero.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
pub struct Sums {
    /// ISO 4217 code as in the file.
    pub currency: String,
    /// How many lines.
    pub lines: u64,
    /// Each money column that there is, in the order of [`Column::SUMMED`].
    pub amounts: Vec<(Column, Amount)>,
}

impl PartialEq for Sums {
    fn eq(&self, other: &Self) -> bool {
        self.currency == other.currency
            && self.lines == other.lines
            && Column::SUMMED.iter().all(|c| self.amount(*c) == other.amount(*c))
    }
}

impl Eq for Sums {}

impl Sums {
    /// Makes sums of no lines.
    pub fn new(currency: &str) -> Sums {
        Sums { currency: currency.to_owned(), lines: 0, amounts: Vec::new() }
    }

    /// Returns the sum of a column as it is shown, zero if there is none.
    pub fn amount(&self, column: Column) -> Amount {
        let found = self.amounts.iter().find(|(c, _)| *c == column);
        found.map_or(Amount::ZERO, |(_, a)| *a).with_sum_scale()
    }

    /// Returns the total.
    pub fn total(&self) -> Amount {
        self.amount(Column::Total)
    }

    /// Adds an amount to a column; `None` beyond 128 bits.
    pub fn add(&mut self, column: Column, amount: Amount) -> Option<()> {
        match self.amounts.iter_mut().find(|(c, _)| *c == column) {
            Some((_, sum)) => *sum = sum.checked_add(amount)?,
            None => {
                let order = |c: &Column| Column::SUMMED.iter().position(|s| s == c);
                let at = self.amounts.partition_point(|(c, _)| order(c) < order(&column));
                self.amounts.insert(at, (column, amount));
            }
        }
        Some(())
    }

    /// Adds sums of the same currency; `None` beyond 128 bits.
    pub fn merge(&mut self, other: &Sums) -> Option<()> {
        self.lines = self.lines.checked_add(other.lines)?;
        other.amounts.iter().try_for_each(|(column, amount)| self.add(*column, *amount))
    }
}

/// Adds sums to a list with one entry for each currency, sorted by it; `None` beyond 128 bits.
pub fn merge_sums(into: &mut Vec<Sums>, other: &[Sums]) -> Option<()> {
    for sums in other {
        match into.binary_search_by(|s| s.currency.cmp(&sums.currency)) {
            Ok(at) => into.get_mut(at)?.merge(sums)?,
            Err(at) => into.insert(at, sums.clone()),
        }
    }
    Some(())
}

/// What a block says of itself before any column is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// The day of the month under which exports cover these lines, 1 to 31.
    pub coverage_day: u8,
    /// How many lines.
    pub rows: u32,
    /// The smallest owner, as a number; 0 for lines without one.
    pub owner_min: u64,
    /// The largest owner.
    pub owner_max: u64,
    /// The sums, one entry for each currency.
    pub sums: Vec<Sums>,
}

/// Compresses bytes that stand beside the blocks (roll-ups, line orders).
pub(crate) fn squeeze(raw: &[u8]) -> Result<Vec<u8>, BlockError> {
    zstd::bulk::compress(raw, ZSTD_LEVEL).map_err(|e| BlockError::Zstd(e.to_string()))
}

/// Undoes [`squeeze`]; the result has exactly `bytes` bytes.
pub(crate) fn unsqueeze(packed: &[u8], bytes: usize) -> Result<Vec<u8>, BlockError> {
    thread_local! {
        // Making a context takes as long as unpacking a small column.
        static CONTEXT: RefCell<Option<zstd::bulk::Decompressor<'static>>> = const { RefCell::new(None) };
    }
    let raw = CONTEXT.with_borrow_mut(|context| {
        let context = match context {
            Some(context) => context,
            None => context.insert(zstd::bulk::Decompressor::new()?),
        };
        context.decompress(packed, bytes)
    });
    let raw = raw.map_err(|_| BlockError::Damaged("it does not unpack"))?;
    if raw.len() == bytes { Ok(raw) } else { Err(BlockError::Damaged("it unpacks to another length")) }
}

/// Encodes blocks, reusing its compressor.
pub struct Encoder {
    zstd: zstd::bulk::Compressor<'static>,
    raw: Vec<u8>,
}

/// The columns of a block that have been encoded.
#[derive(Clone, Default)]
pub(crate) struct EncodedColumns {
    count: u16,
    directory: Vec<u8>,
    body: Vec<u8>,
}

impl Encoder {
    /// Makes an encoder that compresses columns at a level of zstd's.
    ///
    /// # Errors
    /// [`BlockError::Zstd`] when there is no memory for it.
    pub fn new(level: i32) -> Result<Encoder, BlockError> {
        let zstd = zstd::bulk::Compressor::new(level).map_err(|e| BlockError::Zstd(e.to_string()))?;
        Ok(Encoder { zstd, raw: Vec::new() })
    }

    /// Adds a column to a block's: `put` puts the cells of all its lines into the buffer it is given, and returns the number of
    /// their codec.
    ///
    /// # Errors
    /// [`BlockError::TooLarge`] for more than the layout can count.
    pub(crate) fn add(
        &mut self,
        columns: &mut EncodedColumns,
        put: impl FnOnce(&mut Vec<u8>) -> Result<u8, BlockError>,
    ) -> Result<(), BlockError> {
        self.raw.clear();
        let codec = put(&mut self.raw)?;
        let packed = if self.raw.len() >= PACK_BYTES_MIN {
            let packed = self.zstd.compress(&self.raw).map_err(|e| BlockError::Zstd(e.to_string()))?;
            (packed.len() < self.raw.len()).then_some(packed)
        } else {
            None
        };
        let stored = packed.as_deref().unwrap_or(&self.raw);
        columns.count = columns.count.checked_add(1).ok_or(BlockError::TooLarge)?;
        let mut put = Put(&mut columns.directory);
        put.u8(codec);
        put.u8(u8::from(packed.is_some()));
        put.u32(u32::try_from(self.raw.len()).map_err(|_| BlockError::TooLarge)?);
        put.u32(u32::try_from(stored.len()).map_err(|_| BlockError::TooLarge)?);
        columns.body.extend_from_slice(stored);
        Ok(())
    }
}

impl EncodedColumns {
    /// Makes a block of the columns, all of which have `header.rows` lines.
    ///
    /// # Errors
    /// [`BlockError::TooLarge`] for more than the layout can count.
    pub(crate) fn finish(self, header: &Header) -> Result<Vec<u8>, BlockError> {
        let mut out = Vec::with_capacity(self.directory.len() + self.body.len() + 256);
        let mut put = Put(&mut out);
        put.0.extend_from_slice(MAGIC);
        put.u8(VERSION);
        put.u8(header.coverage_day);
        put.u16(self.count);
        put.u32(header.rows);
        put.u64(header.owner_min);
        put.u64(header.owner_max);
        put.u16(u16::try_from(header.sums.len()).map_err(|_| BlockError::TooLarge)?);
        for sums in &header.sums {
            put.text(sums.currency.as_bytes())?;
            put.u64(sums.lines);
            put.u8(u8::try_from(sums.amounts.len()).map_err(|_| BlockError::TooLarge)?);
            for (column, amount) in &sums.amounts {
                put.u16(column.code());
                put.u8(amount.scale());
                put.i128(amount.mantissa());
            }
        }
        out.extend_from_slice(&self.directory);
        out.extend_from_slice(&self.body);
        Ok(bytes::checksummed(out))
    }
}

/// A block whose bytes have been checked; columns are decoded when asked for.
pub struct Block {
    header: Header,
    bytes: Vec<u8>,
    columns: Vec<BlockOffset>,
}

struct BlockOffset {
    codec: u8,
    packed: bool,
    bytes: usize,
    from: usize,
    to: usize,
}

impl Block {
    /// Checks the bytes of a block and reads its header.
    ///
    /// # Errors
    /// [`BlockError`] when the bytes are not those of a block, to the last bit.
    pub fn open(bytes: Vec<u8>) -> Result<Block, BlockError> {
        let (body, crc) = bytes.split_last_chunk::<4>().ok_or(BlockError::Damaged("it ends early"))?;
        let mut take = Take(body);
        if take.bytes(4)? != MAGIC {
            return Err(BlockError::Damaged("it does not begin as a block does"));
        }
        if crc32fast::hash(body) != u32::from_le_bytes(*crc) {
            return Err(BlockError::Damaged("its checksum differs"));
        }
        match take.u8()? {
            VERSION => {}
            version => return Err(BlockError::Version(version)),
        }
        let coverage_day = take.u8()?;
        let columns = usize::from(take.u16()?);
        let rows = take.u32()?;
        let (owner_min, owner_max) = (take.u64()?, take.u64()?);
        let mut sums = Vec::new();
        for _ in 0..take.u16()? {
            let currency = std::str::from_utf8(take.text()?)
                .map_err(|_| BlockError::Damaged("a currency is not text"))?
                .to_owned();
            let lines = take.u64()?;
            let mut amounts = Vec::new();
            for _ in 0..take.u8()? {
                let column =
                    Column::of_code(take.u16()?).ok_or(BlockError::Damaged("unknown column in the sums"))?;
                let scale = take.u8()?;
                amounts.push((column, Amount::new(take.i128()?, scale)));
            }
            sums.push(Sums { currency, lines, amounts });
        }
        let mut places = Vec::with_capacity(columns);
        let mut from = 0_usize;
        for _ in 0..columns {
            let (codec, packed) = (take.u8()?, take.u8()? == 1);
            let raw = take.count(COLUMN_BYTES_MAX)?;
            let to = from.checked_add(take.count(COLUMN_BYTES_MAX)?).ok_or(BlockError::TooLarge)?;
            places.push(BlockOffset { codec, packed, bytes: raw, from, to });
            from = to;
        }
        if take.0.len() != from {
            return Err(BlockError::Damaged("its columns do not fill it"));
        }
        let start = body.len() - from;
        for place in &mut places {
            place.from += start;
            place.to += start;
        }
        let header = Header { coverage_day, rows, owner_min, owner_max, sums };
        Ok(Block { header, bytes, columns: places })
    }

    /// Returns the header.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Returns the number of lines.
    pub fn rows(&self) -> usize {
        self.header.rows as usize
    }

    /// Returns the number of columns.
    pub fn columns(&self) -> usize {
        self.columns.len()
    }

    /// Decodes some rows of one column.
    ///
    /// # Errors
    /// [`BlockError::Damaged`] when its bytes make no sense.
    pub fn column(&self, index: usize, rows: Range<usize>) -> Result<ColumnData, BlockError> {
        let place = self.columns.get(index).ok_or(BlockError::Damaged("it lacks a column"))?;
        let stored =
            self.bytes.get(place.from..place.to).ok_or(BlockError::Damaged("a column lies outside of it"))?;
        if place.packed {
            ColumnData::decode_part(place.codec, &unsqueeze(stored, place.bytes)?, self.rows(), rows)
        } else {
            ColumnData::decode_part(place.codec, stored, self.rows(), rows)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::encode::encode_texts;
    use super::*;

    fn sample() -> Vec<u8> {
        let cells: Vec<Vec<Vec<u8>>> = (0..300)
            .map(|i| {
                vec![b"100010445724".to_vec(), format!("{i}.25").into_bytes(), format!("n{i}").into_bytes()]
            })
            .collect();
        let mut sums = Sums::new("USD");
        sums.lines = 300;
        sums.add(Column::OriginalCost, Amount::new(1, 2)).unwrap();
        sums.add(Column::Total, Amount::new(-5, 8)).unwrap();
        let header = Header { coverage_day: 4, rows: 300, owner_min: 1, owner_max: 9, sums: vec![sums] };
        let columns: Vec<Vec<&[u8]>> =
            (0..3).map(|c| cells.iter().map(|row| row[c].as_slice()).collect()).collect();
        let (mut encoder, mut encoded) = (Encoder::new(ZSTD_LEVEL).unwrap(), EncodedColumns::default());
        for cells in &columns {
            encoder.add(&mut encoded, |out| encode_texts(cells, out)).unwrap();
        }
        encoded.finish(&header).unwrap()
    }

    #[test]
    fn a_block_gives_back_its_header_and_cells() {
        let block = Block::open(sample()).unwrap();
        assert_eq!((block.rows(), block.columns(), block.header().coverage_day), (300, 3, 4));
        let sums = &block.header().sums[0];
        assert_eq!(sums.amounts[0], (Column::Total, Amount::new(-5, 8)));
        let mut scratch = Vec::new();
        assert_eq!(block.column(1, 0..300).unwrap().cell(299, &mut scratch), b"299.25");
        assert_eq!(block.column(2, 0..300).unwrap().cell(7, &mut scratch), b"n7");
        assert!(block.column(3, 0..300).is_err());
    }

    #[test]
    fn every_flipped_bit_is_found() {
        let bytes = sample();
        for i in (0..bytes.len()).step_by(7) {
            let mut damaged = bytes.clone();
            damaged[i] ^= 1 << (i % 8);
            assert!(Block::open(damaged).is_err(), "byte {i}");
        }
        for cut in [0, 3, 10, bytes.len() - 1] {
            assert!(Block::open(bytes[..cut].to_vec()).is_err(), "cut at {cut}");
        }
    }
}
