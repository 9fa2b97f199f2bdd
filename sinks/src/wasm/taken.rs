//! Which bytes of an object have been taken.

use std::collections::BTreeMap;

/// What reads in more places than these is not counted: it would be the host's memory that grows.
const STRETCHES_MAX: usize = 100_000;

/// Stretches that do not touch, by where they begin, with where they end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Coverage {
    stretches: BTreeMap<u64, u64>,
}

impl Coverage {
    /// Takes a stretch.
    pub(super) fn add(&mut self, from: u64, len: u64) {
        let (mut from, mut to) = (from, from.saturating_add(len));
        if from == to {
            return;
        }
        // Those that it meets become one with it.
        while let Some((&begin, &end)) = self.stretches.range(..=to).next_back()
            && end >= from
        {
            self.stretches.remove(&begin);
            (from, to) = (from.min(begin), to.max(end));
        }
        if self.stretches.len() < STRETCHES_MAX {
            self.stretches.insert(from, to);
        }
    }

    /// Returns how many bytes they are.
    pub(super) fn bytes(&self) -> u64 {
        self.stretches.iter().map(|(from, to)| to - from).sum()
    }

    /// Returns the stretches, each as where it begins and how long it is.
    pub(super) fn stretches(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        self.stretches.iter().map(|(from, to)| (*from, to - from))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stretches_that_meet_become_one_and_bytes_count_once() {
        let mut taken = Coverage::default();
        for (from, len) in [(10, 5), (0, 3), (20, 5), (15, 5), (3, 0), (12, 1), (2, 9)] {
            taken.add(from, len);
        }
        assert_eq!(taken.stretches().collect::<Vec<_>>(), [(0, 25)]);
        assert_eq!(taken.bytes(), 25);
        taken.add(30, 1);
        assert_eq!(taken.bytes(), 26);
        taken.add(u64::MAX - 1, 10);
        assert_eq!(taken.bytes(), 27);
    }
}
