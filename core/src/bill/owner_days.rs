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
/// Owners that are looked at one after another before they are searched.
const NEAR: usize = 8;

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

/// The owner-days of a segment, unpacked column by column.
struct Unpacked<'a> {
    days: Vec<i64>,
    owners: Vec<i64>,
    rows: Vec<i64>,
    text_bytes: Vec<i64>,
    sums: &'a [[u8; 32]],
}

impl Unpacked<'_> {
    /// Unpacks them.
    ///
    /// # Errors
    /// [`BlockError`] when the bytes are not those of owner-days, to the last bit.
    fn of(bytes: &[u8]) -> Result<Unpacked<'_>, BlockError> {
        let mut take = Take::checked(bytes, VERSION)?;
        let raw_bytes = take.count(BYTES_MAX)?;
        let packed_bytes = take.count(BYTES_MAX)?;
        let raw = unsqueeze(take.bytes(packed_bytes)?, raw_bytes)?;
        let (sums, rest) = take.0.as_chunks::<32>();
        let mut take = Take(&raw);
        let n = take.count(BYTES_MAX)?;
        if sums.len() != n || !rest.is_empty() {
            return Err(BlockError::Damaged("it has not as many digests as owner-days"));
        }
        let mut field = || ints::unpack(&mut take, n);
        Ok(Unpacked { days: field()?, owners: field()?, rows: field()?, text_bytes: field()?, sums })
    }

    /// Returns one of them.
    fn get(&self, at: usize) -> Result<OwnerDay, BlockError> {
        let of = |list: &[i64]| list.get(at).copied().unwrap_or(0);
        let sum = self.sums.get(at).unwrap_or(&[0; 32]);
        Ok(OwnerDay {
            coverage_day: u8::try_from(of(&self.days)).map_err(|_| BlockError::Damaged("a day is none"))?,
            owner: of(&self.owners).cast_unsigned(),
            text_bytes: of(&self.text_bytes).cast_unsigned(),
            digest: Digest::of_sum(sum, of(&self.rows).cast_unsigned()),
        })
    }

    /// Returns those of some owners through a day, each with the segment's row that it begins at. Of the others none is looked at but
    /// their lengths.
    fn wanted(&self, owners: &OwnersByDay, last_day: u8) -> Result<Vec<(u64, OwnerDay)>, BlockError> {
        let mut wanted = Vec::new();
        let (mut at, mut row, mut counted) = (0, 0_u64, 0);
        for days in self.days.chunk_by(|a, b| a == b) {
            let end = at + days.len();
            let day = days.first().and_then(|day| u8::try_from(*day).ok());
            let day = day.ok_or(BlockError::Damaged("a day is none"))?;
            while let Some(rest) = self.owners.get(at..end).filter(|_| day <= last_day)
                && let Some(owner) = rest.first().map(|owner| owner.cast_unsigned())
                && let Some(next) = owners.next_from(day, owner)
            {
                if next == owner {
                    let before = self.rows.get(counted..at).unwrap_or_default();
                    row = before.iter().fold(row, |row, rows| row.wrapping_add(rows.cast_unsigned()));
                    counted = at;
                    wanted.push((row, self.get(at)?));
                    at += 1;
                } else {
                    at += rest.partition_point(|owner| owner.cast_unsigned() < next);
                }
            }
            at = end;
        }
        Ok(wanted)
    }

    fn lines(&self) -> u64 {
        self.rows.iter().map(|rows| rows.cast_unsigned()).fold(0, u64::wrapping_add)
    }
}

/// Reads the owner-days of a segment.
pub(super) fn of_segment(
    store: &impl Read,
    segment: &SegmentView,
    basis: Basis,
) -> Result<Vec<OwnerDay>, BillError> {
    let all = some_of_segment(store, segment, basis, &Owners::all().into(), u8::MAX)?;
    Ok(all.into_iter().map(|(_, one)| one).collect())
}

/// Reads owner-days of a segment, of some owners through a day, each with the segment's row that it begins at; stores of format 1 have
/// none, and then they are worked out from the lines.
fn some_of_segment(
    store: &impl Read,
    segment: &SegmentView,
    basis: Basis,
    owners: &OwnersByDay,
    last_day: u8,
) -> Result<Vec<(u64, OwnerDay)>, BillError> {
    let damaged = |why: String| StoreError::Damaged {
        what: format!("the owner-days of segment {}", segment.number),
        why,
    };
    let (lines, wanted) = match store.get_large(Large::OwnerDays, segment.number) {
        Err(StoreError::Lost(_)) => {
            let mut lines = 0;
            let mut wanted = Vec::new();
            for one in of_lines(store, segment, basis)? {
                if one.coverage_day <= last_day && owners.contains(one.coverage_day, one.owner) {
                    wanted.push((lines, one));
                }
                lines += one.rows();
            }
            (lines, wanted)
        }
        bytes => {
            let bytes = bytes?;
            let unpacked = Unpacked::of(&bytes).map_err(|e| damaged(e.to_string()))?;
            let wanted = unpacked.wanted(owners, last_day).map_err(|e| damaged(e.to_string()))?;
            (unpacked.lines(), wanted)
        }
    };
    if lines == u64::from(segment.record.rows) {
        Ok(wanted)
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
    let mut all: BTreeMap<u8, Vec<OwnerDay>> = BTreeMap::new();
    let mut blocks = HashSet::new();
    for segment in view.segments() {
        let mut left = segment.record.blocks.as_slice();
        let mut block_row = 0;
        let found = some_of_segment(store, segment, view.bill.key.basis, owners, last_day)?;
        for (row, one) in &found {
            // Blocks and owner-days lie in the same order: those that meet this one's lines hold them.
            while let [used, rest @ ..] = left
                && block_row + u64::from(used.rows) <= *row
            {
                block_row += u64::from(used.rows);
                left = rest;
            }
            let mut at = block_row;
            for used in left {
                if at >= row + one.rows() {
                    break;
                }
                blocks.insert(used.block);
                at += u64::from(used.rows);
            }
        }
        for of_day in found.chunk_by(|(_, a), (_, b)| a.coverage_day == b.coverage_day) {
            let day = of_day.first().map_or(0, |(_, one)| one.coverage_day);
            merge(all.entry(day).or_default(), of_day.iter().map(|(_, one)| one));
        }
    }
    let mut days = Vec::with_capacity(all.values().map(Vec::len).sum());
    all.into_values().for_each(|of_day| days.extend(of_day));
    Ok(Wanted { days, blocks })
}

/// Merges owner-days of one day, both sorted by owner.
fn merge<'a>(all: &mut Vec<OwnerDay>, more: impl Iterator<Item = &'a OwnerDay>) {
    let before = all.len();
    let mut from = 0;
    for one in more {
        let known = all.get(from..before).unwrap_or_default();
        let near = known.iter().take(NEAR).position(|known| known.owner >= one.owner);
        from += near.unwrap_or_else(|| known.partition_point(|known| known.owner < one.owner));
        match all.get_mut(from).filter(|known| from < before && known.owner == one.owner) {
            Some(sum) => {
                sum.text_bytes += one.text_bytes;
                sum.digest.merge(&one.digest);
            }
            None => all.push(*one),
        }
    }
    // Two lists that are sorted become one in a single go.
    all.sort_by_key(|one| one.owner);
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

    fn decode(bytes: &[u8]) -> Result<Vec<OwnerDay>, BlockError> {
        let all = Unpacked::of(bytes)?.wanted(&Owners::all().into(), u8::MAX)?;
        Ok(all.into_iter().map(|(_, one)| one).collect())
    }

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
            prop_assert_eq!(&decode(&bytes).unwrap(), &list);
            let at = at.index(bytes.len());
            bytes[at] ^= 0x10;
            prop_assert!(decode(&bytes).is_err());
        }

        #[test]
        fn those_that_are_wanted_are_found_with_their_rows(
            some in proptest::collection::btree_map((1_u8..4, 0_u64..30), 1_u64..1_000, 0..60),
            spans in proptest::collection::vec((1_u8..4, proptest::collection::btree_set(0_u64..30, 0..9)), 0..4),
            last_day in 0_u8..4,
        ) {
            let digest = |rows| Digest::of_sum(&[7; 32], rows);
            let list: Vec<OwnerDay> = some
                .iter()
                .map(|((coverage_day, owner), rows)| OwnerDay {
                    coverage_day: *coverage_day,
                    owner: *owner,
                    text_bytes: rows * 3,
                    digest: digest(*rows),
                })
                .collect();
            let spans = spans.into_iter().map(|(day, owners)| (day, day, Owners::of(owners.into_iter())));
            let owners = OwnersByDay::of(spans.collect());
            let (mut wanted, mut row) = (Vec::new(), 0);
            for one in &list {
                if one.coverage_day <= last_day && owners.contains(one.coverage_day, one.owner) {
                    wanted.push((row, *one));
                }
                row += one.rows();
            }
            let bytes = encode(&list).unwrap();
            let unpacked = Unpacked::of(&bytes).unwrap();
            prop_assert_eq!(unpacked.wanted(&owners, last_day).unwrap(), wanted);
            prop_assert_eq!(unpacked.lines(), row);
        }
    }
}
