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
use std::ops::RangeInclusive;

use crate::engine::block::bytes::{Put, Take, checksummed};
use crate::engine::block::{BlockError, ints, squeeze, unsqueeze};
use crate::engine::parted::{self, NewPart, Parted};
use crate::engine::store::{Records, StoreError};
use crate::values::digest::{Digest, LineHasher};
use crate::values::period::Basis;

use super::error::BillError;
use super::lines::{LineFilter, Slice};
use super::owners::{Owners, OwnersByDay};
use super::read_block::ReadBlock;
use super::records::BlockUse;
use super::view::{BillView, SegmentView};

const VERSION: u8 = 1;
const BYTES_MAX: usize = 1 << 30;
/// Owner-days in a part, roughly. Fewer make one owner's bill cheaper, more everybody's.
const DAYS_A_PART: usize = 1_024;
/// Owners that are looked at one after another before they are searched.
const NEAR: usize = 8;

/// The lines of one owner on one day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OwnerDay {
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
    pub(crate) fn rows(&self) -> u64 {
        self.digest.lines()
    }
}

/// Encodes the owner-days of a segment, sorted by day and owner, in parts of neighbouring owners.
///
/// # Errors
/// [`BlockError::TooLarge`] for more than the layout can count.
pub(crate) fn encode_parts(list: &[OwnerDay]) -> Result<Vec<NewPart>, BlockError> {
    encode_cut(list, DAYS_A_PART)
}

fn encode_cut(list: &[OwnerDay], target: usize) -> Result<Vec<NewPart>, BlockError> {
    let mut owners: Vec<u64> = list.iter().map(|one| one.owner).collect();
    owners.sort_unstable();
    let cuts = parted::cuts(&owners, target);
    let owner = |at: usize| owners.get(at).copied().unwrap_or(0);
    let mut parts: Vec<(RangeInclusive<u64>, Vec<OwnerDay>)> = Vec::new();
    let mut from = 0;
    for to in cuts {
        parts.push((owner(from)..=owner(to.saturating_sub(1)), Vec::with_capacity(to - from)));
        from = to;
    }
    for one in list {
        let at = parts.partition_point(|(owners, _)| *owners.end() < one.owner);
        if let Some((_, part)) = parts.get_mut(at) {
            part.push(*one);
        }
    }
    let part = |(owners, list): (RangeInclusive<u64>, Vec<OwnerDay>)| {
        let lines = list.iter().map(OwnerDay::rows).sum();
        Ok(NewPart { owners, lines, bytes: encode(&list)? })
    };
    parts.into_iter().map(part).collect()
}

fn encode(list: &[OwnerDay]) -> Result<Vec<u8>, BlockError> {
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
    Ok(checksummed(out))
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

    /// Returns those of some owners through a day.
    fn wanted(&self, owners: &OwnersByDay, last_day: u8) -> Result<Vec<OwnerDay>, BlockError> {
        let mut wanted = Vec::new();
        let mut at = 0;
        for days in self.days.chunk_by(|a, b| a == b) {
            let end = at + days.len();
            let day = days.first().and_then(|day| u8::try_from(*day).ok());
            let day = day.ok_or(BlockError::Damaged("a day is none"))?;
            while let Some(rest) = self.owners.get(at..end).filter(|_| day <= last_day)
                && let Some(owner) = rest.first().map(|owner| owner.cast_unsigned())
                && let Some(next) = owners.next_from(day, owner)
            {
                if next == owner {
                    wanted.push(self.get(at)?);
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
pub(crate) fn of_segment(
    store: &impl Records,
    segment: &SegmentView,
    basis: Basis,
) -> Result<Vec<OwnerDay>, BillError> {
    some_of_segment(store, segment, basis, &Owners::all().into(), u8::MAX)
}

/// Reads owner-days of a segment, of some owners through a day; stores of format 1 have none, and then they are worked out from the
/// lines.
fn some_of_segment(
    store: &impl Records,
    segment: &SegmentView,
    basis: Basis,
    owners: &OwnersByDay,
    last_day: u8,
) -> Result<Vec<OwnerDay>, BillError> {
    let (number, rows) = (segment.number, segment.record.rows);
    let damaged = |why: String| StoreError::damaged(Parted::OwnerDays.what(number), why);
    let touch = |held: &RangeInclusive<u64>| owners.touch_any(held);
    let Some(parts) = parted::read(store, Parted::OwnerDays, number, rows, touch)? else {
        let mut all = of_lines(store, segment, basis)?;
        all.retain(|one| one.coverage_day <= last_day && owners.contains(one.coverage_day, one.owner));
        return Ok(all);
    };
    let mut wanted = Vec::new();
    for part in &parts {
        let unpacked = Unpacked::of(&part.bytes).map_err(|e| damaged(e.to_string()))?;
        let lines = unpacked.lines();
        if lines != part.lines {
            return Err(damaged(format!("they have {lines} lines, and are to have {}", part.lines)).into());
        }
        wanted.extend(unpacked.wanted(owners, last_day).map_err(|e| damaged(e.to_string()))?);
    }
    if parts.len() > 1 {
        // Parts come by their owners.
        wanted.sort_by_key(|one| one.coverage_day);
    }
    Ok(wanted)
}

/// Works the owner-days of a segment out from its lines.
///
/// # Errors
/// [`BillError`] when its blocks are damaged.
pub(super) fn of_lines(
    store: &impl Records,
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

/// Visits the hashes of the lines that some owners have on a day of coverage in a segment.
///
/// # Errors
/// [`BillError`] when its blocks are damaged.
pub(crate) fn hashes(
    store: &impl Records,
    segment: &SegmentView,
    basis: Basis,
    coverage_day: u8,
    wanted: impl Fn(u64) -> bool,
    visit: &mut dyn FnMut([u8; 32]),
) -> Result<(), BillError> {
    let mut hasher = LineHasher::new(&segment.record.schema);
    for used in segment.record.blocks.iter().filter(|used| used.coverage_day == coverage_day) {
        let block = ReadBlock::read(store, segment, used, basis)?;
        for (row, owner) in block.owners()?.iter().enumerate() {
            if wanted(*owner) {
                visit(block.hash(row, &mut hasher)?.0);
            }
        }
    }
    Ok(())
}

/// Works out every owner-day of a bill from its lines and checks those that are stored; returns the digest of all lines.
///
/// # Errors
/// [`StoreError::Damaged`] at the first segment that has others; [`BillError`] when blocks are damaged.
pub(super) fn check(store: &impl Records, view: &BillView) -> Result<Digest, BillError> {
    let mut digest = Digest::EMPTY;
    for segment in view.segments() {
        let found = of_lines(store, segment, view.bill.key.basis)?;
        digest.merge(&OwnerDay::digest_of(&found));
        if of_segment(store, segment, view.bill.key.basis)? != found {
            let what = Parted::OwnerDays.what(segment.number);
            return Err(StoreError::damaged(what, "they are not those of its lines").into());
        }
    }
    Ok(digest)
}

/// The owner-days of some lines of a bill, and in which of its blocks these lie.
#[derive(Clone, Debug, Default)]
pub(crate) struct WantedOwnerDays {
    /// Sorted by day and owner.
    pub days: Vec<OwnerDay>,
    /// The numbers of the blocks that hold any of these lines.
    pub blocks: HashSet<u64>,
}

/// Finds which lines of a bill some owners have through a day of coverage.
///
/// # Errors
/// [`BillError`] when the store is damaged.
pub(crate) fn owner_days(
    store: &impl Records,
    view: &BillView,
    owners: &OwnersByDay,
    last_day: u8,
) -> Result<WantedOwnerDays, BillError> {
    let mut all: BTreeMap<u8, Vec<OwnerDay>> = BTreeMap::new();
    let mut blocks = HashSet::new();
    for segment in view.segments() {
        let mut left = segment.record.blocks.as_slice();
        let found = some_of_segment(store, segment, view.bill.key.basis, owners, last_day)?;
        for one in &found {
            // Blocks and owner-days lie in the same order.
            let place = (one.coverage_day, one.owner);
            while let [used, rest @ ..] = left
                && (used.coverage_day, used.owner_max) < place
            {
                left = rest;
            }
            let holds = |used: &&BlockUse| (used.coverage_day, used.owner_min) <= place;
            blocks.extend(left.iter().take_while(holds).map(|used| used.block));
        }
        for of_day in found.chunk_by(|a, b| a.coverage_day == b.coverage_day) {
            let day = of_day.first().map_or(0, |one| one.coverage_day);
            merge(all.entry(day).or_default(), of_day);
        }
    }
    let mut days = Vec::with_capacity(all.values().map(Vec::len).sum());
    all.into_values().for_each(|of_day| days.extend(of_day));
    Ok(WantedOwnerDays { days, blocks })
}

/// Merges owner-days of one day, both sorted by owner.
fn merge(all: &mut Vec<OwnerDay>, more: &[OwnerDay]) {
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
pub(crate) fn walk_owner_days<E: From<BillError>>(
    store: &impl Records,
    view: &BillView,
    days: &[OwnerDay],
    blocks: &HashSet<u64>,
    visit: &mut dyn FnMut(Slice<'_>) -> Result<(), E>,
) -> Result<(), E> {
    for day in days.chunk_by(|a, b| a.coverage_day == b.coverage_day) {
        let coverage_day = day.first().map_or(0, |d| d.coverage_day);
        let filter = LineFilter {
            first_day: coverage_day,
            last_day: coverage_day,
            owners: Owners::of(day.iter().map(|d| d.owner)),
            blocks: Some(blocks),
        };
        view.walk(store, &filter, visit)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn decode(bytes: &[u8]) -> Result<Vec<OwnerDay>, BlockError> {
        Unpacked::of(bytes)?.wanted(&Owners::all().into(), u8::MAX)
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
        fn those_that_are_wanted_are_found_in_parts_of_any_size(
            some in proptest::collection::btree_map((1_u8..4, 0_u64..30), 1_u64..1_000, 0..60),
            spans in proptest::collection::vec((1_u8..4, proptest::collection::btree_set(0_u64..30, 0..9)), 0..4),
            last_day in 0_u8..4,
            target in 1_usize..40,
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
            let is_wanted =
                |one: &&OwnerDay| one.coverage_day <= last_day && owners.contains(one.coverage_day, one.owner);
            let wanted: Vec<OwnerDay> = list.iter().filter(is_wanted).copied().collect();
            let (mut found, mut all) = (Vec::new(), Vec::new());
            for part in encode_cut(&list, target).unwrap() {
                let of_part = decode(&part.bytes).unwrap();
                prop_assert!(of_part.iter().all(|one| part.owners.contains(&one.owner)));
                all.extend(of_part);
                let unpacked = Unpacked::of(&part.bytes).unwrap();
                prop_assert_eq!(unpacked.lines(), part.lines);
                let of_part = unpacked.wanted(&owners, last_day).unwrap();
                prop_assert!(of_part.is_empty() || owners.touch_any(&part.owners));
                found.extend(of_part);
            }
            for list in [&mut found, &mut all] {
                list.sort_by_key(|one| one.coverage_day);
            }
            prop_assert_eq!(found, wanted);
            prop_assert_eq!(all, list);
        }
    }
}
