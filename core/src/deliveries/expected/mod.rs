//! Which files should have come in by a day, and what became of each. Pure.
//!
//! The provider writes a month-to-date file every day and the complete month once it is over; the calendar says when
//! (docs/DOMAIN.md#life-of-a-month). One expectation is made for each month from the first that the store has, and for
//! each basis that the store keeps, and is judged by the files that came. Files of accounts below the payer are not
//! expected: their bills are made of the payer's.

mod double;
mod facts;

use std::fmt;

use crate::bills::{BillState, ImportMode};
use crate::deliveries::calendar::{BillKind, Profile};
use crate::values::period::{Basis, BillMonth, Day};

pub use double::Double;
pub use facts::{BillFiles, PendingFile, ReceivedFile};

/// What came of an expectation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Every day is in.
    Arrived {
        /// The file that brought the last day; none where somebody declared the month complete without it.
        file: Option<String>,
    },
    /// What lacks should come on this very day.
    Due,
    /// What lacks should have come before.
    Late {
        /// How many days ago.
        days: u32,
    },
    /// Later days or months are in, and these days are not.
    Missing {
        /// Which.
        days: Vec<Day>,
    },
    /// A file has come, and waits for a decision.
    Pending {
        /// The number of the pending file.
        number: u64,
        /// Its name.
        file: String,
    },
    /// Two files where one is expected.
    Double(Double),
    /// The month is there by the other basis only.
    WrongBasis {
        /// By which.
        has: Basis,
    },
}

impl Verdict {
    /// Returns the word for it.
    pub fn word(&self) -> &'static str {
        match self {
            Verdict::Arrived { .. } => "arrived",
            Verdict::Due => "due",
            Verdict::Late { .. } => "late",
            Verdict::Missing { .. } => "missing",
            Verdict::Pending { .. } => "pending",
            Verdict::Double(_) => "double",
            Verdict::WrongBasis { .. } => "wrong-basis",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Verdict::Arrived { file: Some(file) } => write!(f, "all days are in, the last one with `{file}`"),
            Verdict::Arrived { file: None } => f.write_str("the month was declared complete"),
            Verdict::Due => f.write_str("it should come on this day"),
            Verdict::Late { days: 1 } => f.write_str("it should have come the day before"),
            Verdict::Late { days } => write!(f, "it should have come {days} days before"),
            Verdict::Missing { days } => {
                write!(f, "no file brought {}, though later ones are in", Day::ranges(days))
            }
            Verdict::Pending { number, file } => {
                write!(f, "`{file}` has come, and waits for a decision as pending file {number}")
            }
            Verdict::Double(double) => double.fmt(f),
            Verdict::WrongBasis { has: Basis::Paid } => {
                f.write_str("the bill is by pay time, and those of the other months are by used time")
            }
            Verdict::WrongBasis { has: Basis::Used } => {
                f.write_str("the bill is by used time, and those of the other months are by pay time")
            }
        }
    }
}

/// What the calendar lets expect of a month, and what came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expectation {
    /// Of which month.
    pub month: BillMonth,
    /// By which basis.
    pub basis: Basis,
    /// The month-to-date file, or the complete month.
    pub kind: BillKind,
    /// Through which day lines are expected.
    pub last_day: Day,
    /// By which day they should have come; where some lack, the first of these.
    pub due: Day,
    /// Through which day the bill is in without a gap.
    pub through: Option<Day>,
    /// How the file came that covers the last day that is in.
    pub mode: Option<ImportMode>,
    /// The bill's state, if there is a bill.
    pub state: Option<BillState>,
    /// Which days the verdict finds not to be in.
    pub lacking: Vec<Day>,
    /// What came of it.
    pub verdict: Verdict,
}

impl Expectation {
    /// Returns what came of it in words, with the days that are not in.
    pub fn text(&self) -> String {
        let are = if self.lacking.len() == 1 { "is" } else { "are" };
        let days = Day::ranges(&self.lacking);
        match &self.verdict {
            Verdict::Late { days: 1 } => format!("{days} {are} not in, 1 day late"),
            Verdict::Late { days: late } => format!("{days} {are} not in, {late} days late"),
            Verdict::Due => format!("{days} {are} not in, and should come on this day"),
            verdict => verdict.to_string(),
        }
    }

    /// Tells what should have come in by a day, and what did; by month, then basis.
    pub fn list(profile: &Profile, on: Day, bills: &[BillFiles]) -> Vec<Expectation> {
        let Some(covered) = on.minus_days(profile.lag_days) else { return Vec::new() };
        let mut all = Vec::new();
        let kept = kept(bills);
        for basis in kept.iter().copied() {
            // A month that is there by a basis that is not kept counts from its month on as well.
            let counts = |bill: &&BillFiles| bill.basis == basis || !kept.contains(&bill.basis);
            let first = bills.iter().filter(counts).map(|b| b.month).min();
            let mut month = Some(covered.month());
            while let Some(of) = month.filter(|m| first.is_some_and(|first| first <= *m)) {
                let slot = ExpectedSlot::of(profile, on, covered, of, basis);
                all.extend(slot.judge(profile, on, bills, &kept));
                month = of.previous();
            }
        }
        all.sort_by_key(|e| (e.month, e.basis));
        all
    }
}

/// Returns the bases that the store keeps bills by.
///
/// Where a month is there by both, both are kept. Else the one that more months have, or on a tie the one of the first
/// month: the others came by the wrong one.
fn kept(bills: &[BillFiles]) -> Vec<Basis> {
    let months = |basis: Basis| bills.iter().filter(move |b| b.basis == basis).map(|b| b.month);
    let both = months(Basis::Used).any(|month| months(Basis::Paid).any(|other| other == month));
    let (used, paid) = (months(Basis::Used).count(), months(Basis::Paid).count());
    match (both, used, paid) {
        (_, 0, 0) => vec![],
        (true, ..) => vec![Basis::Used, Basis::Paid],
        _ if used > paid || (used == paid && months(Basis::Used).min() < months(Basis::Paid).min()) => {
            vec![Basis::Used]
        }
        _ => vec![Basis::Paid],
    }
}

/// What is expected of a month.
struct ExpectedSlot {
    month: BillMonth,
    basis: Basis,
    kind: BillKind,
    last_day: Day,
    due: Day,
}

impl ExpectedSlot {
    fn of(profile: &Profile, on: Day, covered: Day, month: BillMonth, basis: Basis) -> ExpectedSlot {
        let end = month.last_day();
        let complete = profile.due_day(BillKind::Monthly, month);
        match complete.filter(|due| *due <= on) {
            Some(due) => ExpectedSlot { month, basis, kind: BillKind::Monthly, last_day: end, due },
            None => ExpectedSlot { month, basis, kind: BillKind::Daily, last_day: covered.min(end), due: on },
        }
    }

    fn judge(&self, profile: &Profile, on: Day, bills: &[BillFiles], kept: &[Basis]) -> Vec<Expectation> {
        let of = |month, basis| bills.iter().find(|b| b.month == month && b.basis == basis);
        let bill = of(self.month, self.basis);
        let through = bill.and_then(|b| b.completeness().through);
        let make = |due, lacking, verdict| Expectation {
            month: self.month,
            basis: self.basis,
            kind: self.kind,
            last_day: self.last_day,
            due,
            through,
            mode: bill.and_then(BillFiles::last_file).map(|file| file.mode),
            state: bill.map(|b| b.state),
            lacking,
            verdict,
        };
        let other = bills.iter().find(|b| b.month == self.month && b.basis != self.basis);
        if let (None, Some(other)) = (bill, other)
            && !kept.contains(&other.basis)
        {
            return vec![make(self.due, vec![], Verdict::WrongBasis { has: other.basis })];
        }
        let days = (1..=31).filter_map(|d| self.month.day(d)).filter(|day| *day <= self.last_day);
        let pending = bill.map(|bill| bill.pending.as_slice()).unwrap_or_default();
        let mut found: Vec<Expectation> = pending
            .iter()
            .map(|one| {
                make(self.due, vec![], Verdict::Pending { number: one.number, file: one.name.clone() })
            })
            .collect();
        let waits = |day: Day| {
            pending.iter().filter_map(|one| one.coverage).any(|of| of.first <= day && day <= of.last)
        };
        let lacks = |day: &Day| bill.is_none_or(|b| b.covering(*day).is_none()) && !waits(*day);
        let lacking: Vec<Day> = days.filter(lacks).collect();
        let declared = bill.is_some_and(|b| b.state != BillState::Open);
        if !pending.is_empty() && lacking.is_empty() {
            // What has come is told; whether all is in depends on the decision.
        } else if declared || lacking.is_empty() {
            let file = bill.and_then(|b| b.covering(self.last_day)).map(|file| file.name.clone());
            found.push(make(self.due, vec![], Verdict::Arrived { file }));
        } else {
            // What later days or months have passed over is missing; what nothing has come after may still come.
            let passed = bills.iter().any(|b| b.basis == self.basis && b.month > self.month);
            let last_in = bill.and_then(BillFiles::last_file).and_then(|file| file.coverage).map(|c| c.last);
            let (gone, open): (Vec<Day>, Vec<Day>) =
                lacking.into_iter().partition(|day| passed || last_in.is_some_and(|last| *day < last));
            let due = |first: Day| match self.kind {
                BillKind::Daily => Day::from_epoch_days(
                    first.epoch_days().saturating_add(i32::try_from(profile.lag_days).unwrap_or(0)),
                )
                .unwrap_or(self.due),
                _ => self.due,
            };
            if let Some(first) = gone.first().copied() {
                found.push(make(due(first), gone.clone(), Verdict::Missing { days: gone }));
            }
            if let Some(first) = open.first().copied() {
                let due = due(first);
                let days = u32::try_from(on.epoch_days().saturating_sub(due.epoch_days())).unwrap_or(0);
                let verdict = if days == 0 { Verdict::Due } else { Verdict::Late { days } };
                found.push(make(due, open, verdict));
            }
        }
        let doubles = bill.map_or_else(Vec::new, double::doubles);
        found.extend(doubles.into_iter().map(|double| make(self.due, vec![], Verdict::Double(double))));
        found
    }
}

#[cfg(test)]
mod tests;
