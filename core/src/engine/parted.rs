//! Values of a segment that are cut by owner, so that one owner's part is read alone.
//!
//! Of few owners a value is stored whole, under its segment's number, as by programs that knew nothing else. Of more owners it is
//! cut: each part is a value of the same layout that holds some neighbouring owners, and under the segment's number it is said whom
//! each part holds, and how many lines:
//!
//! ```text
//! version u8, which is 2 | parts u32 | packed smallest owners, largest owners, lines | crc32 u32 of all before
//! ```

use std::ops::RangeInclusive;

use crate::engine::block::bytes::{Put, Take, checksummed};
use crate::engine::block::{BlockError, ints};
use crate::engine::store::{Large, Records, StoreError, Transaction};

const VERSION: u8 = 2;
/// A part's number is a segment's number times this, and its place.
const PARTS_MAX: u64 = 1 << 16;

/// Which value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Parted {
    Rollup,
    OwnerDays,
}

impl Parted {
    /// All of them.
    pub(crate) const ALL: [Parted; 2] = [Parted::Rollup, Parted::OwnerDays];

    fn whole(self) -> Large {
        match self {
            Parted::Rollup => Large::Rollups,
            Parted::OwnerDays => Large::OwnerDays,
        }
    }

    fn parts(self) -> Large {
        match self {
            Parted::Rollup => Large::RollupParts,
            Parted::OwnerDays => Large::OwnerDayParts,
        }
    }

    /// Tells people which value of a segment it is.
    pub(crate) fn what(self, segment: u64) -> String {
        match self {
            Parted::Rollup => format!("the roll-up of segment {segment}"),
            Parted::OwnerDays => format!("the owner-days of segment {segment}"),
        }
    }
}

/// A part to be stored.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NewPart {
    /// The smallest and the largest owner in it.
    pub(crate) owners: RangeInclusive<u64>,
    pub(crate) lines: u64,
    pub(crate) bytes: Vec<u8>,
}

/// What is said of a part.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Listed {
    owners: RangeInclusive<u64>,
    lines: u64,
}

/// A part that was read.
pub(crate) struct StoredPart {
    /// How many lines it must have.
    pub(crate) lines: u64,
    pub(crate) bytes: Vec<u8>,
}

/// Returns after which of neighbours that have an owner each a value is cut: after `target` of them, where the owner changes.
pub(crate) fn cuts<T: PartialEq>(owners: &[T], target: usize) -> Vec<usize> {
    let mut cuts = Vec::new();
    let mut from = 0;
    // A last part of less than half is none of its own.
    while owners.len() - from > target + target / 2 {
        let at = from + target.max(1);
        let last = owners.get(at - 1);
        let same = owners.get(at..).unwrap_or_default().iter().take_while(|owner| Some(*owner) == last);
        from = at + same.count();
        cuts.push(from);
    }
    cuts.pop_if(|last| *last == owners.len());
    cuts.push(owners.len());
    cuts
}

/// Puts a value, of one part or several.
///
/// # Errors
/// [`StoreError`] when it cannot be written.
pub(crate) fn put(
    writer: &Transaction,
    which: Parted,
    segment: u64,
    parts: &[NewPart],
) -> Result<(), StoreError> {
    if let [whole] = parts {
        return writer.put_large(which.whole(), segment, &whole.bytes);
    }
    let list = encode(parts).map_err(|e| StoreError::damaged(which.what(segment), e))?;
    writer.put_large(which.whole(), segment, &list)?;
    for (place, part) in parts.iter().enumerate() {
        writer.put_large(which.parts(), id(which, segment, place)?, &part.bytes)?;
    }
    Ok(())
}

/// Takes a value away, with its parts.
///
/// # Errors
/// [`StoreError`] when the store cannot be read or written.
pub(crate) fn delete(writer: &Transaction, which: Parted, segment: u64) -> Result<(), StoreError> {
    // A list that cannot be read leaves parts that nobody finds; the lines are to go all the same.
    let listed =
        writer.get_large(which.whole(), segment).ok().and_then(|value| decode(&value).ok().flatten());
    for place in 0..listed.map_or(0, |listed| listed.len()) {
        writer.delete_large(which.parts(), id(which, segment, place)?)?;
    }
    writer.delete_large(which.whole(), segment)
}

/// Reads those parts of a value that can hold wanted owners, of whom `wants` is told the smallest and the largest; a value that was
/// never cut is one part of everybody. All parts together must have the lines of the segment, which are `rows`. `None` when there is
/// no value.
///
/// # Errors
/// [`StoreError`] when the store is damaged.
pub(crate) fn read(
    store: &impl Records,
    which: Parted,
    segment: u64,
    rows: u32,
    wants: impl Fn(&RangeInclusive<u64>) -> bool,
) -> Result<Option<Vec<StoredPart>>, StoreError> {
    let value = match store.get_large(which.whole(), segment) {
        Err(StoreError::Lost(_)) => return Ok(None),
        value => value?,
    };
    let lines = u64::from(rows);
    let listed = decode(&value).map_err(|e| StoreError::damaged(which.what(segment), e))?;
    let Some(listed) = listed else { return Ok(Some(vec![StoredPart { lines, bytes: value }])) };
    let found = listed.iter().fold(0_u64, |sum, part| sum.saturating_add(part.lines));
    if found != lines {
        let why = format!("its parts have {found} lines, and the segment {lines}");
        return Err(StoreError::damaged(which.what(segment), why));
    }
    let wanted = listed.iter().enumerate().filter(|(_, part)| wants(&part.owners));
    wanted
        .map(|(place, part)| {
            let bytes = store.get_large(which.parts(), id(which, segment, place)?)?;
            Ok(StoredPart { lines: part.lines, bytes })
        })
        .collect::<Result<_, _>>()
        .map(Some)
}

fn id(which: Parted, segment: u64, place: usize) -> Result<u64, StoreError> {
    let place = u64::try_from(place).ok().filter(|place| *place < PARTS_MAX);
    segment.checked_mul(PARTS_MAX).and_then(|base| base.checked_add(place?)).ok_or_else(|| {
        StoreError::Io(format!("{} has too many parts for the store", which.what(segment)).into())
    })
}

fn encode(parts: &[NewPart]) -> Result<Vec<u8>, BlockError> {
    let mut out = vec![VERSION];
    Put(&mut out).u32(u32::try_from(parts.len()).map_err(|_| BlockError::TooLarge)?);
    let fields: [fn(&NewPart) -> u64; 3] =
        [|part| *part.owners.start(), |part| *part.owners.end(), |part| part.lines];
    for field in fields {
        ints::pack(&parts.iter().map(|part| field(part).cast_signed()).collect::<Vec<_>>(), &mut out);
    }
    Ok(checksummed(out))
}

/// Returns what is said of a value's parts, `None` for a value that is whole.
fn decode(value: &[u8]) -> Result<Option<Vec<Listed>>, BlockError> {
    if value.first() != Some(&VERSION) {
        return Ok(None);
    }
    let mut take = Take::checked(value, VERSION)?;
    let n = take.count(PARTS_MAX as usize)?;
    let mut field = || ints::unpack(&mut take, n);
    let (first, last, lines) = (field()?, field()?, field()?);
    let number = i64::cast_unsigned;
    let listed = first.into_iter().zip(last).zip(lines);
    Ok(Some(
        listed
            .map(|((first, last), lines)| Listed {
                owners: number(first)..=number(last),
                lines: number(lines),
            })
            .collect(),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn cuts_are_where_owners_change_and_leave_nothing_out(
            runs in proptest::collection::vec(1_usize..9, 0..40),
            target in 1_usize..20,
        ) {
            let owners: Vec<usize> =
                runs.iter().enumerate().flat_map(|(owner, n)| std::iter::repeat_n(owner, *n)).collect();
            let cuts = cuts(&owners, target);
            prop_assert_eq!(cuts.last(), Some(&owners.len()));
            let mut from = 0;
            for cut in &cuts {
                // Not more than an owner too few or too many.
                prop_assert!(cuts.len() == 1 || cut - from + 8 > target / 2);
                prop_assert!(cut - from <= target + target / 2 + 8);
                prop_assert!(*cut == owners.len() || owners[*cut] != owners[cut - 1]);
                from = *cut;
            }
        }

        #[test]
        fn what_is_said_of_parts_comes_back_and_damage_is_found(
            said in proptest::collection::vec((any::<u64>(), any::<u64>(), any::<u64>()), 0..20),
            at in any::<proptest::sample::Index>(),
        ) {
            let part = |(first, last, lines)| NewPart { owners: first..=last, lines, bytes: Vec::new() };
            let parts: Vec<NewPart> = said.into_iter().map(part).collect();
            let mut bytes = encode(&parts).unwrap();
            let back: Vec<_> = decode(&bytes).unwrap().unwrap();
            let said = parts.iter().map(|part| Listed { owners: part.owners.clone(), lines: part.lines });
            prop_assert_eq!(back, said.collect::<Vec<_>>());
            let at = at.index(bytes.len() - 1) + 1;
            bytes[at] ^= 0x10;
            prop_assert!(decode(&bytes).is_err());
        }
    }
}
