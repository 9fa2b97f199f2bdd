//! Keys of groups, from the ranks of their values: they sort as the values do.

use super::field::FIELDS_MAX;

/// A rank for each field, then the currency's, in one value that sorts as they do one after another.
pub(super) trait PackedRanks: Copy + Ord + Default + Send + Sync {
    /// Adds the rank of the next field, which has `width` bits.
    fn push(&mut self, field: usize, width: u32, rank: u32);

    /// Returns the rank of a field of `width` bits that has `below` bits after it.
    fn rank(self, field: usize, below: u32, width: u32) -> u32;

    /// Makes a list of keys.
    fn list(keys: Vec<Self>) -> List;
}

macro_rules! packed {
    ($($integer:ty, $list:ident);*) => {$(
        /// Ranks that have at most this many bits together.
        impl PackedRanks for $integer {
            fn push(&mut self, _: usize, width: u32, rank: u32) {
                *self = self.wrapping_shl(width) | <$integer>::from(rank);
            }

            #[inline]
            fn rank(self, _: usize, below: u32, width: u32) -> u32 {
                let mask = u32::MAX.checked_shr(u32::BITS - width).unwrap_or(0);
                (self.checked_shr(below).unwrap_or(0) as u32) & mask
            }

            fn list(keys: Vec<$integer>) -> List {
                List::$list(keys)
            }
        }
    )*};
}

packed!(u32, Small; u64, Packed);

/// Any ranks.
impl PackedRanks for Wide {
    fn push(&mut self, field: usize, _: u32, rank: u32) {
        if let Some(slot) = self.get_mut(field) {
            *slot = rank;
        }
    }

    fn rank(self, field: usize, _: u32, _: u32) -> u32 {
        self.get(field).copied().unwrap_or(0)
    }

    fn list(keys: Vec<Wide>) -> List {
        List::Wide(keys)
    }
}

/// Keys that have room for any ranks.
pub(super) type Wide = [u32; FIELDS_MAX + 1];

/// The keys of all groups, in their order.
#[derive(Debug)]
pub(super) struct GroupKeys {
    list: List,
    /// For each field, then for the currency: how many bits its rank has, and how many come after it.
    widths: Vec<(u32, u32)>,
}

#[derive(Debug)]
pub(super) enum List {
    Small(Vec<u32>),
    Packed(Vec<u64>),
    Wide(Vec<Wide>),
}

impl GroupKeys {
    pub(super) fn new(list: List, widths: &[u32]) -> GroupKeys {
        let below = |field: usize| widths.iter().skip(field + 1).sum();
        let widths = widths.iter().enumerate().map(|(field, width)| (*width, below(field))).collect();
        GroupKeys { list, widths }
    }

    /// Returns how many groups there are.
    pub(super) fn len(&self) -> usize {
        match &self.list {
            List::Small(keys) => keys.len(),
            List::Packed(keys) => keys.len(),
            List::Wide(keys) => keys.len(),
        }
    }

    /// Returns the rank of a group's value of each field, and then of its currency.
    pub(super) fn ranks(&self, group: usize) -> impl Iterator<Item = u32> {
        (0..self.widths.len()).map(move |field| self.rank(group, field))
    }

    /// Returns the rank of a group's value of a field, or behind the fields of its currency.
    #[inline]
    pub(super) fn rank(&self, group: usize, field: usize) -> u32 {
        let Some((width, below)) = self.widths.get(field).copied() else { return 0 };
        match &self.list {
            List::Small(keys) => keys.get(group).map_or(0, |key| key.rank(field, below, width)),
            List::Packed(keys) => keys.get(group).map_or(0, |key| key.rank(field, below, width)),
            List::Wide(keys) => keys.get(group).map_or(0, |key| key.rank(field, below, width)),
        }
    }
}

/// Returns how many bits the ranks of so many values have.
pub(super) fn width(values: usize) -> u32 {
    (usize::BITS - values.saturating_sub(1).leading_zeros()).min(u32::BITS)
}

/// Returns where a key is in a sorted list, beginning the search at the place of the key before.
///
/// Keys of a roll-up come in their order or nearly so: the next one is mostly a few places on.
pub(super) fn find<K: PackedRanks>(sorted: &[K], from: usize, key: K) -> usize {
    let (mut low, mut high) = (0, sorted.len());
    if sorted.get(from).is_some_and(|k| *k <= key) {
        low = from;
        let mut step = 1;
        while let Some(k) = sorted.get(low + step) {
            if *k > key {
                high = low + step;
                break;
            }
            low += step;
            step *= 2;
        }
    } else {
        high = high.min(from);
    }
    let between = sorted.get(low..high).unwrap_or_default();
    low + between.partition_point(|k| *k < key)
}
