//! The tree as a whole: who stands below whom on which day.

use std::collections::{BTreeMap, BTreeSet};

use crate::engine::journal::Actor;
use crate::engine::store::{Records, StoreError};
use crate::values::period::Day;
use crate::values::uin::Uin;

use super::record::{
    AccountDetails, AccountError, AccountRecord, AccountRole, NAME_CHARS_MAX, payer, records,
};

/// All accounts, on all days.
#[derive(Clone, Debug)]
pub struct Tree {
    payer: Uin,
    records: BTreeMap<Uin, AccountRecord>,
}

/// An account in the tree of a day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Its id.
    pub uin: Uin,
    /// How far below the payer, which has 0.
    pub depth: usize,
    /// What is known of it.
    pub known: AccountDetails,
}

/// A day that stands for all days before anything is dated.
const BEFORE_ALL: i32 = -600_000;

impl Tree {
    /// Reads the tree.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read.
    pub fn load(store: &impl Records) -> Result<Tree, StoreError> {
        Ok(Tree { payer: payer(store)?, records: records(store)? })
    }

    /// Returns the root.
    pub fn payer(&self) -> Uin {
        self.payer
    }

    /// Says whether no account but the payer was ever put in.
    pub fn is_empty(&self) -> bool {
        self.records.keys().all(|uin| *uin == self.payer)
    }

    /// Returns everything that was said of an account.
    pub fn record(&self, uin: Uin) -> Option<&AccountRecord> {
        self.records.get(&uin)
    }

    /// Returns all accounts of which something was said, by id.
    pub fn accounts(&self) -> impl Iterator<Item = (Uin, &AccountRecord)> {
        self.records.iter().map(|(uin, record)| (*uin, record))
    }

    /// Returns what is known of an account on a day. The payer is always known, if only by its role.
    pub fn on(&self, uin: Uin, day: Day) -> Option<AccountDetails> {
        let known = self.records.get(&uin).and_then(|record| record.known.on(day)).cloned().flatten();
        let root = AccountDetails { name: String::new(), role: AccountRole::Payer, parent: None };
        known.or_else(|| (uin == self.payer).then_some(root))
    }

    /// Returns the tree of a day from the payer down; those below one account by their ids.
    pub fn nodes(&self, day: Day) -> Vec<Node> {
        let mut below: BTreeMap<Uin, Vec<(Uin, AccountDetails)>> = BTreeMap::new();
        for uin in self.records.keys() {
            if let Some(known) = self.on(*uin, day)
                && let Some(parent) = known.parent
            {
                below.entry(parent).or_default().push((*uin, known));
            }
        }
        let mut nodes = Vec::new();
        // A stack, not a recursion; the last one pushed is taken first.
        let mut stack: Vec<(Uin, AccountDetails, usize)> =
            self.on(self.payer, day).map(|known| (self.payer, known, 0)).into_iter().collect();
        while let Some((uin, known, depth)) = stack.pop() {
            for (child, known) in below.remove(&uin).unwrap_or_default().into_iter().rev() {
                stack.push((child, known, depth + 1));
            }
            nodes.push(Node { uin, depth, known });
        }
        nodes
    }

    /// Returns an account and all that stand below it on a day.
    pub fn below(&self, uin: Uin, day: Day) -> BTreeSet<Uin> {
        let nodes = self.nodes(day);
        let own = nodes.iter().position(|node| node.uin == uin);
        let Some(at) = own else { return BTreeSet::from([uin]) };
        let depth = nodes.get(at).map_or(0, |node| node.depth);
        let after = nodes.get(at + 1..).unwrap_or_default().iter().take_while(|node| node.depth > depth);
        after.map(|node| node.uin).chain([uin]).collect()
    }

    /// Returns the days on which anything in the tree begins to be otherwise, sorted.
    pub fn turns(&self) -> BTreeSet<Day> {
        self.records.values().flat_map(|r| r.known.changes()).filter_map(|change| change.from).collect()
    }

    /// Says something about an account; `false` if it was said before. [`Tree::check`] has to follow.
    pub(super) fn set(
        &mut self,
        uin: Uin,
        known: Option<AccountDetails>,
        from: Option<Day>,
        reason: Option<&str>,
        actor: &Actor,
    ) -> Result<bool, AccountError> {
        if let Some(known) = &known {
            let chars = known.name.chars().count();
            if chars == 0 || chars > NAME_CHARS_MAX || known.name.chars().any(char::is_control) {
                return Err(AccountError::Name(uin));
            }
            match (uin == self.payer, known.role == AccountRole::Payer) {
                (true, true) if known.parent.is_none() => {}
                (true, _) => return Err(AccountError::Payer(uin)),
                (false, true) => return Err(AccountError::NotThePayer { uin, payer: self.payer }),
                (false, false) => {}
            }
        }
        let record = self.records.entry(uin).or_default();
        // Said before, with the same days, and nothing was said of these days since.
        let same = record
            .known
            .spans()
            .last()
            .is_some_and(|span| span.from == from && span.until.is_none() && span.change.value == known);
        if !same {
            record.known.record(from, known, actor, reason);
        }
        Ok(!same)
    }

    /// Checks that an account, and those below it, stand where they can on each day.
    pub(super) fn check(&self, uin: Uin) -> Result<(), AccountError> {
        self.check_one(uin)?;
        let is_parent = |record: &AccountRecord| {
            let known = record.known.changes().iter().filter_map(|change| change.value.as_ref());
            known.filter_map(|known| known.parent).any(|parent| parent == uin)
        };
        let mut children = self.records.iter().filter(|(_, record)| is_parent(record));
        children.try_for_each(|(child, _)| self.check_one(*child))
    }

    fn check_one(&self, uin: Uin) -> Result<(), AccountError> {
        let Some(record) = self.records.get(&uin) else { return Ok(()) };
        for span in record.known.spans() {
            let Some(known) = &span.change.value else { continue };
            let Some(parent) = known.parent else { continue };
            // The parent's place matters on the first day of the span and wherever it changes in it.
            let first = span.from.or(Day::from_epoch_days(BEFORE_ALL));
            let within = |day: &Day| Some(*day) > first && span.until.is_none_or(|until| *day <= until);
            let turns = self.records.get(&parent).into_iter().flat_map(|record| record.known.changes());
            let days = turns.filter_map(|change| change.from).filter(within);
            for day in first.into_iter().chain(days) {
                let Some(above) = self.on(parent, day) else {
                    let undated = span.from.is_none() && Some(day) == first;
                    let day =
                        if undated { "days before any that is named".to_owned() } else { day.to_string() };
                    return Err(AccountError::NoParent { uin, parent, day });
                };
                if above.role >= known.role {
                    let (role, parent_role) = (known.role, above.role);
                    return Err(AccountError::Rank { uin, role, parent, parent_role });
                }
            }
        }
        Ok(())
    }
}
