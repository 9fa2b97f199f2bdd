//! Packs a column of integers: as differences to the smallest or to the one before, in byte planes.
//!
//! ```text
//! mode u8 (0 from the smallest, 1 from the one before) | base i64 | width u8 | width planes of n bytes
//! ```
//!
//! Plane k holds byte k of every value, so that the high planes are nearly constant and zstd takes them away.

use std::ops::Range;

use super::bytes::{Put, Take};
use super::error::BlockError;

const FROM_SMALLEST: u8 = 0;
const FROM_PREVIOUS: u8 = 1;

fn zigzag(v: i64) -> u64 {
    ((v << 1) ^ (v >> 63)).cast_unsigned()
}

fn unzigzag(v: u64) -> i64 {
    (v >> 1).cast_signed() ^ -((v & 1).cast_signed())
}

fn width_of(max: u64) -> u8 {
    (64 - max.leading_zeros()).div_ceil(8) as u8
}

/// Appends the packed form of `values`.
pub(crate) fn pack(values: &[i64], out: &mut Vec<u8>) {
    let smallest = values.iter().copied().min().unwrap_or(0);
    let first = values.first().copied().unwrap_or(0);
    let from_smallest = |v: &i64| v.wrapping_sub(smallest).cast_unsigned();
    let bits = |v: u64| u64::from(64 - v.leading_zeros());
    let (mut bits_smallest, mut bits_previous) = (0_u64, 0_u64);
    let (mut all_smallest, mut all_previous) = (0_u64, 0_u64);
    let mut previous = first;
    for v in values {
        let from_previous = zigzag(v.wrapping_sub(previous));
        previous = *v;
        bits_smallest += bits(from_smallest(v));
        bits_previous += bits(from_previous);
        // As wide as the widest.
        all_smallest |= from_smallest(v);
        all_previous |= from_previous;
    }
    let by_previous = bits_previous < bits_smallest;
    let (mode, base, all) = match by_previous {
        true => (FROM_PREVIOUS, first, all_previous),
        false => (FROM_SMALLEST, smallest, all_smallest),
    };
    let width = width_of(all);
    let mut put = Put(out);
    put.u8(mode);
    put.u64(base.cast_unsigned());
    put.u8(width);
    let start = out.len();
    out.resize(start + values.len() * usize::from(width), 0);
    let planes = out.get_mut(start..).unwrap_or_default().chunks_exact_mut(values.len().max(1));
    for (k, plane) in planes.enumerate() {
        if by_previous {
            let before = std::iter::once(&first).chain(values);
            for ((to, v), before) in plane.iter_mut().zip(values).zip(before) {
                *to = (zigzag(v.wrapping_sub(*before)) >> (8 * k)) as u8;
            }
        } else {
            for (to, v) in plane.iter_mut().zip(values) {
                *to = (from_smallest(v) >> (8 * k)) as u8;
            }
        }
    }
}

/// Takes `n` packed integers.
pub(crate) fn unpack(take: &mut Take<'_>, n: usize) -> Result<Vec<i64>, BlockError> {
    unpack_part(take, n, 0..n)
}

/// Takes `n` packed integers, and returns those at some places.
pub(crate) fn unpack_part(
    take: &mut Take<'_>,
    n: usize,
    wanted: Range<usize>,
) -> Result<Vec<i64>, BlockError> {
    let mode = take.u8()?;
    let base = take.i64()?;
    let width = usize::from(take.u8()?);
    if width > 8 {
        return Err(BlockError::Damaged("an integer is wider than 8 bytes"));
    }
    let area = take.bytes(n.checked_mul(width).ok_or(BlockError::TooLarge)?)?;
    // Differences to the one before add up from the first on.
    let from = if mode == FROM_PREVIOUS { 0 } else { wanted.start };
    if wanted.start > wanted.end || wanted.end > n {
        return Err(BlockError::Damaged("it has fewer integers than are wanted"));
    }
    if !matches!(mode, FROM_SMALLEST | FROM_PREVIOUS) {
        return Err(BlockError::Damaged("unknown way of packing integers"));
    }
    let planes = area.chunks_exact(n.max(1)).map(|plane| plane.get(from..wanted.end).unwrap_or_default());
    let mut values = unpack_planes(planes, wanted.end - from, mode, base);
    values.drain(..wanted.start - from);
    Ok(values)
}

/// Puts integers together from planes of their bytes.
fn unpack_planes<'a>(planes: impl Iterator<Item = &'a [u8]>, n: usize, mode: u8, base: i64) -> Vec<i64> {
    let mut values = vec![0_i64; n];
    for (k, plane) in planes.enumerate() {
        for (value, byte) in values.iter_mut().zip(plane) {
            *value |= i64::from(*byte) << (8 * k);
        }
    }
    let mut previous = base;
    for value in &mut values {
        if mode == FROM_SMALLEST {
            *value = base.wrapping_add(*value);
        } else {
            previous = previous.wrapping_add(unzigzag(value.cast_unsigned()));
            *value = previous;
        }
    }
    values
}

/// Passes over `n` packed integers.
pub(crate) fn skip(take: &mut Take<'_>, n: usize) -> Result<(), BlockError> {
    take.bytes(9)?;
    let width = usize::from(take.u8()?);
    take.bytes(n.checked_mul(width).ok_or(BlockError::TooLarge)?)?;
    Ok(())
}

/// Returns the value that packed integers have in common, where they take no room beside it.
pub(crate) fn constant(packed: &[u8]) -> Result<Option<i64>, BlockError> {
    let mut take = Take(packed);
    take.u8()?;
    let base = take.i64()?;
    Ok((take.u8()? == 0).then_some(base))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_packed_is_unpacked(values in proptest::collection::vec(
            prop_oneof![any::<i64>(), -300_i64..300, Just(i64::MIN), Just(i64::MAX)], 0..100)) {
            let mut bytes = Vec::new();
            pack(&values, &mut bytes);
            let mut take = Take(&bytes);
            prop_assert_eq!(unpack(&mut take, values.len()).unwrap(), values);
            prop_assert!(take.0.is_empty());
        }

        #[test]
        fn a_part_is_that_of_the_whole(
            values in proptest::collection::vec(prop_oneof![any::<i64>(), -300_i64..300], 0..100),
            rises in any::<bool>(),
            ends in any::<[proptest::sample::Index; 2]>(),
        ) {
            let mut values = values;
            if rises {
                values.sort_unstable();
            }
            let mut bytes = Vec::new();
            pack(&values, &mut bytes);
            let [a, b] = ends.map(|end| end.index(values.len() + 1));
            let wanted = a.min(b)..a.max(b);
            let mut take = Take(&bytes);
            prop_assert_eq!(unpack_part(&mut take, values.len(), wanted.clone()).unwrap(), &values[wanted]);
            prop_assert!(take.0.is_empty());
            let beyond = 0..values.len() + 1;
            prop_assert!(unpack_part(&mut Take(&bytes), values.len(), beyond).is_err());
        }
    }

    #[test]
    fn rising_times_take_a_byte_each() {
        let values: Vec<i64> = (0..1_000).map(|i| 1_617_638_400 + i * 7).collect();
        let mut bytes = Vec::new();
        pack(&values, &mut bytes);
        assert_eq!(bytes.len(), 10 + 1_000);
    }
}
