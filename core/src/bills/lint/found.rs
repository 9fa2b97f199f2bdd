//! What was found so far: groups with a count, the money at stake, and the gravest examples.
//!
//! Memory depends on the number of groups, not of lines: of a group's lines only some are kept as examples, those with
//! the most at stake. Which ones does not depend on threads, since ties go by the line's place in the store.

use rustc_hash::FxHashMap;

use crate::bills::{BillError, LineAt, ReadBlock};
use crate::engine::rollup::Overflow;
use crate::formats::schema::Column;
use crate::values::money::Amount;

use super::cells::{currency, text};
use super::exact::size;
use super::rule::Rule;

/// Products that are told apart; a bill with more is not one that a person made. The lines of the others share a group.
const GROUPS_MAX: usize = 4_096;

/// What findings are put together by.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct FindingKey {
    pub(super) rule: Rule,
    /// `None` where the rule is not about products.
    pub(super) product: Option<String>,
    pub(super) currency: String,
}

/// A line that may become an example.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Candidate {
    pub(super) stake: Amount,
    /// `None` where a whole account or month is meant.
    pub(super) at: Option<LineAt>,
    /// The line that it repeats.
    pub(super) other: Option<LineAt>,
    pub(super) what: String,
}

impl Candidate {
    /// Sorts the gravest first.
    fn rank(&self) -> (std::cmp::Reverse<Amount>, Option<LineAt>, Option<LineAt>, &str) {
        (std::cmp::Reverse(self.stake), self.at, self.other, &self.what)
    }
}

/// The findings of one group.
#[derive(Clone, Debug, Default)]
pub(super) struct FindingGroup {
    pub(super) lines: u64,
    pub(super) stake: Amount,
    /// The gravest first.
    pub(super) examples: Vec<Candidate>,
}

impl FindingGroup {
    fn offer(&mut self, candidate: Candidate, examples_max: usize) {
        let at = self.examples.partition_point(|e| e.rank() <= candidate.rank());
        if at < examples_max {
            self.examples.insert(at, candidate);
            self.examples.truncate(examples_max);
        }
    }
}

/// All findings.
pub(super) struct LintFindings {
    pub(super) groups: FxHashMap<FindingKey, FindingGroup>,
    /// How many lines each rule could be checked on.
    pub(super) checked: FxHashMap<Rule, u64>,
    examples_max: usize,
}

impl LintFindings {
    pub(super) fn new(examples_max: usize) -> LintFindings {
        LintFindings { groups: FxHashMap::default(), checked: FxHashMap::default(), examples_max }
    }

    /// Notes that a rule was checked on some more lines.
    pub(super) fn checked(&mut self, rule: Rule, lines: u64) {
        *self.checked.entry(rule).or_default() += lines;
    }

    /// Notes a finding; the stake counts without its sign.
    pub(super) fn add(&mut self, key: FindingKey, mut candidate: Candidate) -> Result<(), BillError> {
        candidate.stake = size(candidate.stake).ok_or(Overflow)?.with_sum_scale();
        let examples_max = self.examples_max;
        let group = self.group(key);
        group.lines += 1;
        group.stake = group.stake.checked_add(candidate.stake).ok_or(Overflow)?;
        group.offer(candidate, examples_max);
        Ok(())
    }

    /// Notes a finding about a line, under its product and currency.
    pub(super) fn add_line(
        &mut self,
        rule: Rule,
        block: &ReadBlock,
        at: LineAt,
        stake: Amount,
        what: String,
    ) -> Result<(), BillError> {
        let row = at.row as usize;
        let product = Some(text(block, Column::ProductName, row)?);
        let key = FindingKey { rule, product, currency: currency(block, row)? };
        self.add(key, Candidate { stake, at: Some(at), other: None, what })
    }

    /// Adds what another thread has found.
    pub(super) fn merge(&mut self, other: LintFindings) -> Result<(), BillError> {
        for (rule, lines) in other.checked {
            self.checked(rule, lines);
        }
        let examples_max = self.examples_max;
        for (key, theirs) in other.groups {
            let group = self.group(key);
            group.lines += theirs.lines;
            group.stake = group.stake.checked_add(theirs.stake).ok_or(Overflow)?;
            theirs.examples.into_iter().for_each(|example| group.offer(example, examples_max));
        }
        Ok(())
    }

    fn group(&mut self, mut key: FindingKey) -> &mut FindingGroup {
        if self.groups.len() >= GROUPS_MAX && !self.groups.contains_key(&key) {
            key.product = key.product.map(|_| "(other products)".to_owned());
        }
        self.groups.entry(key).or_default()
    }
}
