//! Whose lines are wanted.

use std::ops::{Range, RangeInclusive};

use crate::values::uin::Uin;

/// Whose lines are wanted, as ascending ranges of owners' numbers; 0 stands for lines without an owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owners(pub(super) Vec<(u64, u64)>);

impl Owners {
    /// Everybody's.
    pub fn all() -> Owners {
        Owners(vec![(0, u64::MAX)])
    }

    /// One account's.
    pub fn one(uin: Uin) -> Owners {
        Owners(vec![(uin.number(), uin.number())])
    }

    /// The customers': neither the payer's own nor those without an owner.
    pub fn customers(payer: Uin) -> Owners {
        Owners(vec![(1, payer.number() - 1), (payer.number() + 1, u64::MAX)])
    }

    /// Says whether an owner is among them.
    pub fn contains(&self, owner: u64) -> bool {
        self.next_from(owner) == Some(owner)
    }

    /// Those of these accounts, which come in ascending order.
    pub fn of(owners: impl Iterator<Item = u64>) -> Owners {
        Owners(owners.map(|owner| (owner, owner)).collect())
    }

    /// Returns the first of them from a number on.
    pub(super) fn next_from(&self, owner: u64) -> Option<u64> {
        let at = self.0.partition_point(|(_, last)| *last < owner);
        self.0.get(at).map(|(first, _)| owner.max(*first))
    }

    /// Returns the last of them up to a number.
    fn last_to(&self, owner: u64) -> Option<u64> {
        let at = self.0.partition_point(|(first, _)| *first <= owner);
        self.0.get(at.checked_sub(1)?).map(|(_, last)| owner.min(*last))
    }

    /// Returns the rows from the first to the last that they own, of rows whose owners ascend.
    pub(super) fn rows_in(&self, owners: &[u64]) -> Range<usize> {
        let (mut from, mut to) = (0, owners.len());
        while let Some(owner) = owners.get(from) {
            match self.next_from(*owner) {
                Some(next) if next == *owner => break,
                Some(next) => from += owners.get(from..).unwrap_or_default().partition_point(|o| *o < next),
                None => return 0..0,
            }
        }
        while let Some(owner) = to.checked_sub(1).filter(|_| to > from).and_then(|last| owners.get(last)) {
            match self.last_to(*owner) {
                Some(last) if last == *owner => break,
                Some(last) => to = owners.partition_point(|o| *o <= last),
                None => return 0..0,
            }
        }
        from..to.max(from)
    }

    pub(super) fn touch(&self, of: &RangeInclusive<u64>) -> bool {
        self.next_from(*of.start()).is_some_and(|owner| owner <= *of.end())
    }
}

/// Owners of lines, which may be others on other days of coverage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnersByDay(Vec<(u8, u8, Owners)>);

impl From<Owners> for OwnersByDay {
    fn from(owners: Owners) -> Self {
        OwnersByDay(vec![(0, u8::MAX, owners)])
    }
}

impl OwnersByDay {
    /// Those of spans of days, each with its first and last day.
    pub fn of(spans: Vec<(u8, u8, Owners)>) -> OwnersByDay {
        OwnersByDay(spans)
    }

    /// Returns the first of those of a day from a number on.
    pub(super) fn next_from(&self, coverage_day: u8, owner: u64) -> Option<u64> {
        let of_day = |(first, last, _): &&(u8, u8, Owners)| (*first..=*last).contains(&coverage_day);
        self.0.iter().filter(of_day).filter_map(|(_, _, owners)| owners.next_from(owner)).min()
    }

    /// Says whether an owner is among them on any day.
    pub(crate) fn touch(&self, owner: u64) -> bool {
        self.touch_any(&(owner..=owner))
    }

    /// Says whether any of neighbouring owners is among them on any day.
    pub(crate) fn touch_any(&self, of: &RangeInclusive<u64>) -> bool {
        self.0.iter().any(|(_, _, owners)| owners.touch(of))
    }

    /// Says whether an owner is among them on a day.
    pub fn contains(&self, coverage_day: u8, owner: u64) -> bool {
        let of_day = |(first, last, _): &&(u8, u8, Owners)| (*first..=*last).contains(&coverage_day);
        self.0.iter().filter(of_day).any(|(_, _, owners)| owners.contains(owner))
    }
}
