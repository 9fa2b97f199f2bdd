//! A set of small keys, with a bit for each that there could be.

use crate::bills::BillError;

use crate::bills::threads::share;

/// A set of keys below a power of two.
#[derive(Clone, Debug)]
pub(super) struct Bits {
    words: Vec<u64>,
    /// How many keys there are below each word's.
    before: Vec<u32>,
}

impl Bits {
    /// Makes keys for each of `n` parts on several threads; returns them in order, and the set of all.
    pub(super) fn collect(
        threads: usize,
        bits: u32,
        n: usize,
        keys: impl Fn(usize) -> Result<Vec<u32>, BillError> + Sync,
    ) -> Result<(Vec<Vec<u32>>, Bits), BillError> {
        let empty = || (vec![0_u64; 1 << bits.saturating_sub(6)], Vec::new());
        let made = share(threads, n, empty, |(words, made), at| {
            let keys = keys(at)?;
            for key in &keys {
                if let Some(word) = words.get_mut((key >> 6) as usize) {
                    *word |= 1 << (key & 63);
                }
            }
            made.push((at, keys));
            Ok(())
        })?;
        let (mut words, mut all) = empty();
        for (theirs, mut made) in made {
            words.iter_mut().zip(theirs).for_each(|(word, theirs)| *word |= theirs);
            all.append(&mut made);
        }
        all.sort_unstable_by_key(|(at, _)| *at);
        let mut sum = 0;
        let before = |word: &u64| {
            let before = sum;
            sum += word.count_ones();
            before
        };
        let before = words.iter().map(before).collect();
        Ok((all.into_iter().map(|(_, keys)| keys).collect(), Bits { words, before }))
    }

    /// Returns how many keys of the set are smaller than this one.
    pub(super) fn before(&self, key: u32) -> u32 {
        let at = (key >> 6) as usize;
        let below = self.words.get(at).map_or(0, |word| word & ((1 << (key & 63)) - 1));
        self.before.get(at).map_or(0, |before| before + below.count_ones())
    }

    /// Returns the keys of the set, ascending.
    pub(super) fn keys(&self) -> Vec<u32> {
        let last = self.before.last().zip(self.words.last());
        let mut keys =
            Vec::with_capacity(last.map_or(0, |(before, word)| before + word.count_ones()) as usize);
        for (at, word) in (0_u32..).zip(&self.words) {
            let mut left = *word;
            while left != 0 {
                keys.push(at << 6 | left.trailing_zeros());
                left &= left - 1;
            }
        }
        keys
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_keys_place_is_the_number_of_smaller_keys(
            parts in proptest::collection::vec(proptest::collection::vec(0_u32..1 << 9, 0..40), 0..6),
            threads in 1_usize..4,
        ) {
            let (keys, bits) = Bits::collect(threads, 9, parts.len(), |at| Ok(parts[at].clone())).unwrap();
            let all: BTreeSet<u32> = parts.iter().flatten().copied().collect();
            prop_assert_eq!(&keys, &parts);
            prop_assert_eq!(bits.keys(), all.iter().copied().collect::<Vec<_>>());
            for key in 0..1 << 9 {
                prop_assert_eq!(bits.before(key) as usize, all.range(..key).count());
            }
        }
    }
}
