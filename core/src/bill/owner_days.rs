//! The owner-days of a segment: the lines of one owner on one day of coverage, which lie side by side.
//!
//! Of each it is known how many lines it has, how much text, and their digest. So what an export will hold, and
//! what it will be named, is known before a single line is read; and where an account has no lines, no block is read.
//!
//! ```text
//! version u8 | bytes unpacked u32 | bytes packed u32
//! | zstd of: owner-days u32 | packed days, owners, rows, text bytes
//! | owner-days × the digest's sum, 32 bytes | crc32 u32 of all before
//! ```

use std::collections::{BTreeMap, HashSet};

use crate::block::bytes::{Put, Take};
use crate::block::{BlockError, ints, squeeze, unsqueeze};
use crate::digest::{Digest, LineHasher};
use crate::period::Basis;
use crate::store::{Large, Read, StoreError};

use super::error::BillError;
use super::lines::{Filter, Owners, OwnersByDay, ReadBlock, Slice, walk};
use super::view::{BillView, SegmentView};

const VERSION: u8 = 1;
const BYTES_MAX: usize = 1 << 30;

/// The lines of one owner on one day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OwnerDay {
    /// The day of coverage.
    pub coverage_day: u8,
    /// The owner as a number; 0 for lines without one.
    pub owner: u64,
    /// The bytes of all cells, and one for each cell: about what the lines take as CSV.
    pub text_bytes: u64,
    /// The digest of the lines, with their number.
    pub digest: Digest,
}

impl OwnerDay {
    /// Returns the digest of the lines of all of some owner-days.
    pub(crate) fn digest_of(days: &[OwnerDay]) -> Digest {
        let mut digest = Digest::EMPTY;
        days.iter().for_each(|day| digest.merge(&day.digest));
        digest
    }

    /// Returns how many lines there are.
    pub fn rows(&self) -> u64 {
        self.digest.lines()
    }
}

/// Encodes the owner-days of a segment, sorted by day and owner.
///
/// # Errors
/// [`BlockError::TooLarge`] for more than the layout can count.
pub(crate) fn encode(list: &[OwnerDay]) -> Result<Vec<u8>, BlockError> {
    let mut raw = Vec::new();
    Put(&mut raw).u32(u32::try_from(list.len()).map_err(|_| BlockError::TooLarge)?);
    let fields: [fn(&OwnerDay) -> u64; 4] =
        [|one| u64::from(one.coverage_day), |one| one.owner, OwnerDay::rows, |one| one.text_bytes];
    for field in fields {
        ints::pack(&list.iter().map(|one| field(one).cast_signed()).collect::<Vec<_>>(), &mut raw);
    }
    let packed = squeeze(&raw)?;
    let mut out = vec![VERSION];
    let mut put = Put(&mut out);
    put.u32(u32::try_from(raw.len()).map_err(|_| BlockError::TooLarge)?);
    put.u32(u32::try_from(packed.len()).map_err(|_| BlockError::TooLarge)?);
    out.extend_from_slice(&packed);
    for one in list {
        out.extend_from_slice(&one.digest.sum_bytes());
    }
    let crc = crc32fast::hash(&out);
    Put(&mut out).u32(crc);
    Ok(out)
}

/// Decodes the owner-days of a segment.
///
/// # Errors
/// [`BlockError`] when the bytes are not those of owner-days, to the last bit.
pub(crate) fn decode(bytes: &[u8]) -> Result<Vec<OwnerDay>, BlockError> {
    let mut take = Take::checked(bytes, VERSION)?;
    let raw_bytes = take.count(BYTES_MAX)?;
    let packed_bytes = take.count(BYTES_MAX)?;
    let raw = unsqueeze(take.bytes(packed_bytes)?, raw_bytes)?;
    let sums = take.0.as_chunks::<32>();
    let mut take = Take(&raw);
    let n = take.count(BYTES_MAX)?;
    if sums.0.len() != n || !sums.1.is_empty() {
        return Err(BlockError::Damaged("it has not as many digests as owner-days"));
    }
    let mut field = || ints::unpack(&mut take, n);
    let (days, owners, rows, text_bytes) = (field()?, field()?, field()?, field()?);
    let mut list = Vec::with_capacity(n);
    for ((((day, owner), rows), text_bytes), sum) in
        days.into_iter().zip(owners).zip(rows).zip(text_bytes).zip(sums.0)
    {
        list.push(OwnerDay {
            coverage_day: u8::try_from(day).map_err(|_| BlockError::Damaged("a day is none"))?,
            owner: owner.cast_unsigned(),
            text_bytes: text_bytes.cast_unsigned(),
            digest: Digest::of_sum(sum, rows.cast_unsigned()),
        });
    }
    Ok(list)
}

/// Reads the owner-days of a segment; stores of format 1 have none, and then they are worked out from the lines.
pub(super) fn of_segment(
    store: &impl Read,
    segment: &SegmentView,
    basis: Basis,
) -> Result<Vec<OwnerDay>, BillError> {
    let damaged = |why: String| StoreError::Damaged {
        what: format!("the owner-days of segment {}", segment.number),
        why,
    };
    let list = match store.get_large(Large::OwnerDays, segment.number) {
        Err(StoreError::Lost(_)) => of_lines(store, segment, basis)?,
        bytes => decode(&bytes?).map_err(|e| damaged(e.to_string()))?,
    };
    let lines: u64 = list.iter().map(OwnerDay::rows).sum();
    if lines == u64::from(segment.record.rows) {
        Ok(list)
    } else {
        Err(damaged(format!("they have {lines} lines, and the segment {}", segment.record.rows)).into())
    }
}

/// Works the owner-days of a segment out from its lines.
///
/// # Errors
/// [`BillError`] when its blocks are damaged.
pub(super) fn of_lines(
    store: &impl Read,
    segment: &SegmentView,
    basis: Basis,
) -> Result<Vec<OwnerDay>, BillError> {
    let mut all: Vec<OwnerDay> = Vec::new();
    let mut hasher = LineHasher::new(&segment.record.schema);
    for used in &segment.record.blocks {
        let block = ReadBlock::read(store, segment, used, basis)?;
        for (row, owner) in block.owners()?.iter().enumerate() {
            if all.last().is_none_or(|l| (l.coverage_day, l.owner) != (used.coverage_day, *owner)) {
                let coverage_day = used.coverage_day;
                all.push(OwnerDay { coverage_day, owner: *owner, text_bytes: 0, digest: Digest::EMPTY });
            }
            if let Some(last) = all.last_mut() {
                let (hash, text_bytes) = block.hash(row, &mut hasher)?;
                last.text_bytes += text_bytes;
                last.digest.add_line(&hash);
            }
        }
    }
    Ok(all)
}

/// Works out every owner-day of a bill from its lines and checks those that are stored; returns the digest of all lines.
///
/// # Errors
/// [`StoreError::Damaged`] at the first segment that has others; [`BillError`] when blocks are damaged.
pub(super) fn check(store: &impl Read, view: &BillView) -> Result<Digest, BillError> {
    let mut digest = Digest::EMPTY;
    for segment in view.segments() {
        let found = of_lines(store, segment, view.bill.key.basis)?;
        digest.merge(&OwnerDay::digest_of(&found));
        if of_segment(store, segment, view.bill.key.basis)? != found {
            return Err(StoreError::Damaged {
                what: format!("the owner-days of segment {}", segment.number),
                why: "they are not those of its lines".into(),
            }
            .into());
        }
    }
    Ok(digest)
}

/// The owner-days of some lines of a bill, and in which of its blocks these lie.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Sorted by day and owner.
    pub days: Vec<OwnerDay>,
    /// The numbers of the blocks that hold any of these lines.
    pub blocks: HashSet<u64>,
}

/// Finds which lines of a bill some owners have through a day of coverage.
///
/// # Errors
/// [`BillError`] when the store is damaged.
pub fn owner_days(
    store: &impl Read,
    view: &BillView,
    owners: &OwnersByDay,
    last_day: u8,
) -> Result<Wanted, BillError> {
    let mut all: BTreeMap<(u8, u64), OwnerDay> = BTreeMap::new();
    let mut blocks = HashSet::new();
    for segment in view.segments() {
        let (mut row, mut block, mut block_end) = (0_u64, 0, 0_u64);
        for one in of_segment(store, segment, view.bill.key.basis)? {
            let end = row + one.rows();
            if one.coverage_day <= last_day && owners.contains(one.coverage_day, one.owner) {
                // Blocks and owner-days lie in the same order: those that meet this one's lines hold them.
                let mut at = block_end;
                for used in segment.record.blocks.get(block..).unwrap_or_default() {
                    if at < end && at + u64::from(used.rows) > row {
                        blocks.insert(used.block);
                    }
                    if at >= end {
                        break;
                    }
                    at += u64::from(used.rows);
                }
                match all.get_mut(&(one.coverage_day, one.owner)) {
                    Some(sum) => {
                        sum.text_bytes += one.text_bytes;
                        sum.digest.merge(&one.digest);
                    }
                    None => {
                        all.insert((one.coverage_day, one.owner), one);
                    }
                }
            }
            row = end;
            while let Some(used) = segment.record.blocks.get(block)
                && block_end + u64::from(used.rows) <= row
            {
                block_end += u64::from(used.rows);
                block += 1;
            }
        }
    }
    Ok(Wanted { days: all.into_values().collect(), blocks })
}

/// Visits the lines of owner-days, which are sorted by day, in the order of exports; `blocks` are those that can hold them.
///
/// # Errors
/// [`BillError`] when the store is damaged, or what `visit` returns.
pub fn walk_owner_days<E: From<BillError>>(
    store: &impl Read,
    view: &BillView,
    days: &[OwnerDay],
    blocks: &HashSet<u64>,
    visit: &mut dyn FnMut(Slice<'_>) -> Result<(), E>,
) -> Result<(), E> {
    for day in days.chunk_by(|a, b| a.coverage_day == b.coverage_day) {
        let coverage_day = day.first().map_or(0, |d| d.coverage_day);
        let filter = Filter {
            first_day: coverage_day,
            last_day: coverage_day,
            owners: Owners::of(day.iter().map(|d| d.owner)),
            blocks: Some(blocks),
        };
        walk(store, view, &filter, visit)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn owner_days_come_back_and_damage_is_found(
            some in proptest::collection::vec((1_u8..32, any::<u64>(), 1_u64..1_000, any::<[u8; 32]>()), 0..50),
            at in any::<proptest::sample::Index>(),
        ) {
            let list: Vec<OwnerDay> = some
                .into_iter()
                .map(|(coverage_day, owner, rows, sum)| OwnerDay {
                    coverage_day,
                    owner,
                    text_bytes: rows * 400,
                    digest: Digest::of_sum(&sum, rows),
                })
                .collect();
            let mut bytes = encode(&list).unwrap();
            prop_assert_eq!(decode(&bytes).unwrap(), list);
            let at = at.index(bytes.len());
            bytes[at] ^= 0x10;
            prop_assert!(decode(&bytes).is_err());
        }
    }
}
