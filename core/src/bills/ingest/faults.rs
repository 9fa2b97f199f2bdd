//! Many faults, counted: what is wrong in each column, how often, and where first.

use std::fmt;

use crate::formats::text::Encoding;

use crate::values::error::{Coded, ErrorField, Kind};
use crate::values::money::grouped;

use super::fault::{FaultPlace, ImportFault};

/// Places that are kept of one fault.
const PLACES_KEPT: usize = 3;
/// Different faults that are kept; more are counted only.
const GROUPS_MAX: usize = 1_000;

/// The faults of a file. Memory depends on how many different ones there are, not on how often they occur.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    total: u64,
    groups: Vec<FaultGroup>,
}

/// The same fault in the same column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FaultGroup {
    /// How often it occurs.
    pub count: u64,
    /// The first ones, in the file's order.
    pub first: Vec<(FaultPlace, ImportFault)>,
}

impl Faults {
    /// Returns how many there are.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// Says whether there are none.
    pub fn is_empty(&self) -> bool {
        self.total == 0
    }

    /// Returns them, grouped by column and cause, in the order in which each first occurs.
    pub fn groups(&self) -> &[FaultGroup] {
        &self.groups
    }

    /// Returns the first fault of the file.
    pub fn first(&self) -> Option<&(FaultPlace, ImportFault)> {
        self.groups.first()?.first.first()
    }

    /// Says whether there is text in them that is not UTF-8.
    pub(super) fn has_foreign_text(&self) -> bool {
        let of_utf8 =
            |fault: &ImportFault| matches!(fault, ImportFault::NotText { encoding: Encoding::Utf8, .. });
        self.groups.iter().any(|group| group.first.first().is_some_and(|(_, fault)| of_utf8(fault)))
    }

    /// Adds a fault that comes after those that were added before.
    pub(super) fn add(&mut self, fault: ImportFault, place: impl FnOnce() -> FaultPlace) {
        self.total += 1;
        let room = self.groups.len() < GROUPS_MAX;
        match self.place_of(&fault).and_then(|at| self.groups.get_mut(at)) {
            Some(group) => {
                group.count += 1;
                if group.first.len() < PLACES_KEPT {
                    group.first.push((place(), fault));
                }
            }
            None if room => {
                self.groups.push(FaultGroup { count: 1, first: vec![(place(), fault)] });
            }
            None => {}
        }
    }

    fn place_of(&self, fault: &ImportFault) -> Option<usize> {
        self.groups
            .iter()
            .position(|group| group.first.first().is_some_and(|(_, first)| first.is_alike(fault)))
    }

    /// Adds the faults of a later part of the file.
    pub(super) fn merge(&mut self, later: Faults) {
        self.total += later.total;
        for group in later.groups {
            let Some((_, fault)) = group.first.first() else { continue };
            let room = self.groups.len() < GROUPS_MAX;
            match self.place_of(fault).and_then(|at| self.groups.get_mut(at)) {
                Some(known) => {
                    known.count += group.count;
                    let room = PLACES_KEPT.saturating_sub(known.first.len());
                    known.first.extend(group.first.into_iter().take(room));
                }
                None if room => self.groups.push(group),
                None => {}
            }
        }
    }
}

/// Its kind, code and fields are the first fault's; an import adds where it is, and how many others there are.
impl Faults {
    pub(super) fn kind(&self) -> Kind {
        Kind::User
    }

    pub(super) fn code(&self) -> &'static str {
        self.first().map_or("file.empty", |(_, fault)| fault.code())
    }

    pub(super) fn fields(&self) -> Vec<ErrorField> {
        let Some((place, fault)) = self.first() else { return Vec::new() };
        let entry = place.entry.clone().unwrap_or_default();
        let line = if place.line > 0 { grouped(place.line) } else { String::new() };
        let more = if self.total > 1 { grouped(self.total - 1) } else { String::new() };
        let mut fields = vec![("file", place.file.clone()), ("entry", entry), ("line", line), ("more", more)];
        fields.extend(fault.fields());
        fields
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.first() {
            None => f.write_str("no fault"),
            Some((place, fault)) => {
                write!(f, "{place}: {fault}")?;
                match self.total {
                    1 => Ok(()),
                    n => write!(f, " (and {} more)", grouped(n - 1)),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(line: u64) -> FaultPlace {
        FaultPlace { file: "a.csv".into(), entry: None, line }
    }

    fn long(column: &str, bytes: usize) -> ImportFault {
        ImportFault::LongCell { column: column.into(), bytes, max: 10 }
    }

    #[test]
    fn faults_are_grouped_and_counted_and_the_first_places_are_kept() {
        let (mut all, mut later) = (Faults::default(), Faults::default());
        for line in 2..10 {
            all.add(long("a", 11), || at(line));
            later.add(long("b", 12), || at(line + 10));
            later.add(long("a", 13), || at(line + 10));
        }
        all.merge(later);
        assert_eq!(all.total(), 24);
        let shown: Vec<(u64, Vec<u64>)> =
            all.groups().iter().map(|g| (g.count, g.first.iter().map(|(p, _)| p.line).collect())).collect();
        assert_eq!(shown, [(16, vec![2, 3, 4]), (8, vec![12, 13, 14])]);
        assert_eq!(all.to_string(), "`a.csv`, line 2: column `a` has 11 bytes, more than 10 (and 23 more)");
    }
}
