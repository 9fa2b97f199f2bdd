//! What is kept of a dispute, and the states that it goes through.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::engine::journal::Actor;
use crate::values::money::Amount;
use crate::values::near::no_word;

use super::super::records::BillKey;

/// A line of a bill: its load, and its place in it, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct LineId {
    /// The load's number.
    pub load: u64,
    /// The line's place among the lines of the load, as they were imported.
    pub line: u64,
}

impl fmt::Display for LineId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.load, self.line)
    }
}

impl FromStr for LineId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts =
            text.split_once('-').and_then(|(load, line)| Some((load.parse().ok()?, line.parse().ok()?)));
        let (load, line) = parts.filter(|(load, line)| *load > 0 && *line > 0).ok_or_else(|| {
            format!("`{text}` is not a line: write it as `bill lines` shows it, such as `1-17`")
        })?;
        Ok(LineId { load, line })
    }
}

/// Which way lines are wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Direction {
    /// The bill is too high.
    Over,
    /// The bill is too low.
    Under,
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Direction::Over => "over",
            Direction::Under => "under",
        })
    }
}

impl FromStr for Direction {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "over" => Ok(Direction::Over),
            "under" => Ok(Direction::Under),
            _ => Err(no_word(text, "a direction", &["over", "under"])),
        }
    }
}

/// How far a dispute has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DisputeState {
    /// It was opened.
    Open,
    /// The provider has it.
    Sent,
    /// The provider agrees; its correction is waited for.
    Accepted,
    /// The correction has come.
    Settled,
    /// The provider does not agree.
    Rejected,
    /// It was taken back.
    Withdrawn,
}

impl fmt::Display for DisputeState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            DisputeState::Open => "open",
            DisputeState::Sent => "sent",
            DisputeState::Accepted => "accepted",
            DisputeState::Settled => "settled",
            DisputeState::Rejected => "rejected",
            DisputeState::Withdrawn => "withdrawn",
        })
    }
}

impl DisputeState {
    /// Says whether a dispute may come from this state to another.
    pub fn may_become(self, next: DisputeState) -> bool {
        use DisputeState::{Accepted, Open, Rejected, Sent, Settled, Withdrawn};
        match self {
            Open => matches!(next, Sent | Withdrawn),
            Sent => matches!(next, Accepted | Rejected | Withdrawn),
            Accepted => matches!(next, Settled),
            Settled | Rejected | Withdrawn => false,
        }
    }

    /// Says whether nothing more comes of it.
    pub fn is_end(self) -> bool {
        matches!(self, DisputeState::Settled | DisputeState::Rejected | DisputeState::Withdrawn)
    }
}

/// Something that was done to a dispute.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DisputeStep {
    /// When, in Unix seconds.
    pub at_unix_s: i64,
    /// Who did it.
    pub actor: String,
    /// What it has been since.
    pub state: DisputeState,
    /// What was said to it.
    pub note: String,
}

/// A dispute.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dispute {
    /// Counted from 1 within the store.
    pub number: u64,
    /// About which bill.
    pub bill: BillKey,
    /// At which revision it was opened.
    pub revision: u32,
    /// The lines, ascending.
    pub lines: Vec<LineId>,
    /// Accounts and products of the lines.
    pub cells: BTreeSet<(String, String)>,
    /// The lines' currency.
    pub currency: String,
    /// What the lines add up to.
    pub lines_total: Amount,
    /// Which way they are wrong.
    pub direction: Direction,
    /// By how much; never negative.
    pub amount: Amount,
    /// Why.
    pub reason: String,
    /// How far it has come.
    pub state: DisputeState,
    /// Why it is not in the way of confirming the bill, where somebody decided so.
    pub set_aside: Option<String>,
    /// The load that brought the correction.
    pub settled_by: Option<u64>,
    /// What was done, oldest first.
    pub history: Vec<DisputeStep>,
}

impl Dispute {
    /// Says whether it keeps its bill from being confirmed.
    pub fn blocks(&self) -> bool {
        !self.state.is_end() && self.set_aside.is_none()
    }

    /// Returns what the correction has to be: negative where too much was charged.
    pub fn correction(&self) -> Amount {
        match self.direction {
            Direction::Over => Amount::new(-self.amount.mantissa(), self.amount.scale()),
            Direction::Under => self.amount,
        }
    }

    pub(super) fn step(&mut self, state: DisputeState, note: &str, actor: &Actor) {
        self.state = state;
        let step = DisputeStep {
            at_unix_s: actor.at_unix_s,
            actor: actor.name.clone(),
            state,
            note: note.to_owned(),
        };
        self.history.push(step);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_disputes() {
        use DisputeState::{Accepted, Open, Rejected, Sent, Settled, Withdrawn};
        let all = [Open, Sent, Accepted, Settled, Rejected, Withdrawn];
        let allowed = [
            (Open, Sent),
            (Open, Withdrawn),
            (Sent, Accepted),
            (Sent, Rejected),
            (Sent, Withdrawn),
            (Accepted, Settled),
        ];
        for from in all {
            for to in all {
                assert_eq!(from.may_become(to), allowed.contains(&(from, to)), "{from} to {to}");
            }
            assert_eq!(from.is_end(), !all.iter().any(|to| from.may_become(*to)));
        }
    }

    #[test]
    fn a_line_is_written_as_it_is_shown() {
        let line: LineId = "12-340".parse().unwrap();
        assert_eq!((line.load, line.line, line.to_string().as_str()), (12, 340, "12-340"));
        for wrong in ["12", "0-1", "1-0", "1-", "-1", "1-2-3", "a-1"] {
            assert!(wrong.parse::<LineId>().is_err(), "{wrong}");
        }
    }
}
