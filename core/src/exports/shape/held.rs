//! What is held of some owners while their lines are read: groups, and lines that pass through. It takes no more memory than
//! it may, however many lines there are.
//!
//! Rows go out by owner and, of an owner, by key. So when too much is held, what would go out last is given up, and the lines
//! are read once more from there on: [`ResumePlace`] tells from where. The rows do not depend on how often that happens.

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;

use super::super::ExportError;
use super::cells::DistinctTexts;
use super::group::{GroupedLine, LineGroup};
use super::tally::LevelTally;

/// From where on rows are to come: an owner, and the key of its first group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ResumePlace {
    pub(super) owner: u64,
    pub(super) key: Vec<u8>,
}

/// Lines that pass through, as text.
pub(super) struct Passing {
    text: Vec<u8>,
    ends: Vec<usize>,
    /// What they add up to.
    pub(super) tally: LevelTally,
}

impl Passing {
    /// Returns the records.
    pub(super) fn records(&self) -> impl Iterator<Item = &[u8]> {
        let from = std::iter::once(0).chain(self.ends.iter().copied());
        from.zip(&self.ends).map(|(from, to)| self.text.get(from..*to).unwrap_or_default())
    }
}

/// What is held of an owner.
#[derive(Default)]
pub(super) struct Owner {
    groups: FxHashMap<Vec<u8>, LineGroup>,
    /// `None` where there are none, or too many to hold.
    pub(super) passing: Option<Passing>,
    /// Lines that pass through are too many to hold: they are to be read once more.
    pub(super) passing_is_left: bool,
    bytes: usize,
}

impl Owner {
    /// Returns the groups by key.
    pub(super) fn into_groups(self) -> Vec<(Vec<u8>, LineGroup)> {
        let mut groups: Vec<_> = self.groups.into_iter().collect();
        groups.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        groups
    }
}

/// What is held of some owners.
pub(super) struct HeldOwners {
    from: ResumePlace,
    /// What lies from here on is given up.
    until: Option<ResumePlace>,
    owners: BTreeMap<u64, Owner>,
    /// The texts of all groups.
    texts: DistinctTexts,
    /// What the owners take, without the texts.
    bytes: usize,
    bytes_max: usize,
    key: Vec<u8>,
}

impl HeldOwners {
    /// Holds what lies from a place on, of so many bytes.
    pub(super) fn new(from: ResumePlace, bytes_max: usize) -> HeldOwners {
        HeldOwners {
            from,
            until: None,
            owners: BTreeMap::new(),
            texts: DistinctTexts::default(),
            bytes: 0,
            bytes_max,
            key: Vec::new(),
        }
    }

    /// Says whether anything of an owner can be held.
    pub(super) fn wants(&self, owner: u64) -> bool {
        owner >= self.from.owner
            && self.until.as_ref().is_none_or(|u| owner < u.owner || (owner == u.owner && !u.key.is_empty()))
    }

    /// Adds a line to its group.
    pub(super) fn add(&mut self, owner: u64, line: GroupedLine<'_>) -> Result<(), ExportError> {
        let accumulates_usage = line.accumulates_usage()?;
        line.write_key(accumulates_usage, &mut self.key)?;
        let before = owner == self.from.owner && self.key < self.from.key;
        let beyond = self.until.as_ref().is_some_and(|u| owner == u.owner && self.key >= u.key);
        let held = self.owners.entry(owner).or_default();
        if before || beyond {
            return Ok(());
        }
        if let Some(group) = held.groups.get_mut(&self.key) {
            group.add(line, &mut self.texts)?;
            self.shed();
            return Ok(());
        }
        let group = LineGroup::new(line, accumulates_usage, &mut self.texts)?;
        let bytes = group.bytes(&self.key);
        held.groups.insert(self.key.clone(), group);
        held.bytes += bytes;
        self.bytes += bytes;
        self.shed();
        Ok(())
    }

    /// Keeps a line that passes through; `write` writes it and adds it up.
    pub(super) fn pass(
        &mut self,
        owner: u64,
        write: impl FnOnce(&mut Vec<u8>, &mut LevelTally) -> Result<(), ExportError>,
    ) -> Result<(), ExportError> {
        let held = self.owners.entry(owner).or_default();
        // Of an owner whose groups take several passes, they come behind the last.
        held.passing_is_left |= owner == self.from.owner && !self.from.key.is_empty();
        if held.passing_is_left {
            return Ok(());
        }
        let new = || Passing { text: Vec::new(), ends: Vec::new(), tally: LevelTally::new("") };
        let passing = held.passing.get_or_insert_with(new);
        let before = passing.text.len();
        write(&mut passing.text, &mut passing.tally)?;
        passing.ends.push(passing.text.len());
        let bytes = passing.text.len() - before + size_of::<usize>();
        held.bytes += bytes;
        self.bytes += bytes;
        self.shed();
        Ok(())
    }

    /// Gives up what would go out last, if too much is held.
    fn shed(&mut self) {
        if self.bytes + self.texts.bytes() <= self.bytes_max {
            return;
        }
        self.pack();
        // Texts that no group has any more may have been all that was too much: but then it must be worth it.
        if self.bytes + self.texts.bytes() <= self.bytes_max / 4 * 3 {
            return;
        }
        let (half, all) = (self.bytes_max / 2, self.bytes + self.texts.bytes());
        // Texts are taken to be given up in the same measure as the groups that have them.
        let enough = |bytes: usize, before: usize| bytes.saturating_mul(all) / before.max(1) <= half;
        let before = self.bytes;
        while !enough(self.bytes, before) && self.owners.len() > 1 {
            let Some((owner, given_up)) = self.owners.pop_last() else { break };
            self.bytes -= given_up.bytes;
            self.until = Some(ResumePlace { owner, key: Vec::new() });
        }
        self.pack();
        if self.bytes + self.texts.bytes() > self.bytes_max / 4 * 3 {
            self.shed_last();
            self.pack();
        }
    }

    /// Gives up a part of the last owner's.
    fn shed_last(&mut self) {
        let Some(mut last) = self.owners.last_entry() else { return };
        let owner = *last.key();
        let held = last.get_mut();
        if held.passing.take().is_some() {
            held.passing_is_left = true;
            held.bytes = held.groups.iter().map(|(key, group)| group.bytes(key)).sum();
        }
        if held.bytes + self.texts.bytes() > self.bytes_max / 2 {
            let mut keys: Vec<&Vec<u8>> = held.groups.keys().collect();
            keys.sort_unstable();
            // One is held whatever it takes, so that each pass comes further.
            if let Some(key) = keys.get((keys.len() / 2).max(1)).map(|key| (*key).clone()) {
                held.groups.retain(|held, _| *held < key);
                held.groups.shrink_to_fit();
                held.bytes = held.groups.iter().map(|(key, group)| group.bytes(key)).sum();
                self.until = Some(ResumePlace { owner, key });
            }
        }
        self.bytes = self.owners.values().map(|owner| owner.bytes).sum();
    }

    /// Leaves only the texts that groups have.
    fn pack(&mut self) {
        let old = std::mem::take(&mut self.texts);
        let groups = self.owners.values_mut().flat_map(|owner| owner.groups.values_mut());
        groups.for_each(|group| group.move_to(&old, &mut self.texts));
    }

    /// Returns what is held by owner, the texts of it, and from where on lines are to be read once more.
    pub(super) fn finish(self) -> (BTreeMap<u64, Owner>, DistinctTexts, Option<ResumePlace>) {
        (self.owners, self.texts, self.until)
    }
}
