//! What can be wrong with a file, and where.

use crate::bills::CombineError;
use crate::bills::late::LateError;
use crate::bills::lint::LintFinding;
use crate::engine::block::{BlockError, Sums};
use crate::engine::rollup::Overflow;
use crate::engine::store::StoreError;
use crate::values::digest::lines_counted;
use crate::values::error::codes;
use crate::values::period::{BillMonth, Day};
use crate::values::reason::Reason;

use super::fault::{FaultPlace, ImportFault};
use super::faults::Faults;

use super::control::Mismatch;

fn of_text(of: Option<(u64, Day)>) -> String {
    match of {
        None => String::new(),
        Some((0, day)) => format!(" without an account on {day}"),
        Some((owner, day)) => format!(" of account {owner} on {day}"),
    }
}

/// Why a file was not imported; the store is as before.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// The file cannot be read.
    #[error("`{file}` cannot be read: {why}")]
    Read {
        /// Its name.
        file: String,
        /// What the system says.
        #[source]
        why: Reason,
    },
    /// Whoever observes the import has cancelled it.
    #[error("the import of `{file}` was cancelled")]
    Cancelled {
        /// Its name.
        file: String,
    },
    /// The zip is damaged, hostile, or holds something else than CSVs.
    #[error("`{file}`: {why}")]
    Zip {
        /// Its name.
        file: String,
        /// What is wrong.
        why: String,
    },
    /// Two CSVs of a zip hold the same lines, of an account and a day or all of them; they would count twice.
    #[error(
        "`{file}`: its entries `{first}` and `{second}` hold the same lines{}, which would count twice: make a zip with one of them",
        of_text(*of)
    )]
    Twice {
        /// The zip's name.
        file: String,
        /// The first entry.
        first: String,
        /// The second entry.
        second: String,
        /// An account and a day of which both have the same lines, where they differ otherwise; account 0 is none.
        of: Option<(u64, Day)>,
    },
    /// Something is wrong at a place, or at several; never empty.
    #[error("{0}")]
    Faults(Faults),
    /// What the file is cannot be told, or its name, its content and the user disagree.
    #[error("`{file}`: {why}")]
    Unclear {
        /// Its name.
        file: String,
        /// What cannot be told, or who says what.
        why: WhyUnclear,
    },
    /// The file comes to other figures than were stated.
    #[error("`{file}` is not the file that was expected: {}", mismatches_text(.mismatches))]
    Control {
        /// The file's name.
        file: String,
        /// The figures that differ.
        mismatches: Vec<Mismatch>,
    },
    /// No line of the file is of the month that it is imported for.
    #[error("`{file}`: no line is of {month}: its lines are of {first} to {last}")]
    OtherMonth {
        /// The file's name.
        file: String,
        /// The month.
        month: BillMonth,
        /// The first day of its lines.
        first: Day,
        /// The last day.
        last: Day,
    },
    /// The bill does not read.
    #[error(transparent)]
    Bill(#[from] crate::bills::BillError),
    /// The bill cannot take it.
    #[error(transparent)]
    Combine(#[from] CombineError),
    /// The file waits for a decision, and cannot be accepted.
    #[error(transparent)]
    Late(#[from] LateError),
    /// A strict import found something.
    #[error("`{file}` contradicts itself:{}", findings_text(.findings))]
    Lint {
        /// The file's name.
        file: String,
        /// What was found.
        findings: Vec<LintFinding>,
    },
    /// Sums that must be equal are not (I1): a fault of this program or of the machine.
    #[error("{what} do not tie: {one} and {other}")]
    DoNotTie {
        /// Which figures.
        what: &'static str,
        /// The first.
        one: String,
        /// The second.
        other: String,
    },
    /// The lines are not those that they have to be.
    #[error("`{file}`: {why}")]
    Unlike {
        /// The file's name.
        file: String,
        /// What differs.
        why: String,
    },
    /// More digits than any bill has.
    #[error(transparent)]
    Overflow(#[from] Overflow),
    /// A block could not be made.
    #[error(transparent)]
    Block(#[from] BlockError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why nobody can tell which bill a file is for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WhyUnclear {
    /// Its mode is not known.
    #[error("its name does not tell what it holds")]
    Mode,
    /// Its month is not known.
    #[error("neither its name nor its lines tell the month")]
    Month,
    /// It is no bill by its name, or two sources contradict each other.
    #[error("{0}")]
    Contradiction(String),
}

codes!(WhyUnclear {
    own {
        Self::Mode => User "import.no-mode" {},
        Self::Month => User "import.no-month" {},
        Self::Contradiction(why) => User "import.unclear" { why: why },
    }
    within {}
});

impl From<String> for WhyUnclear {
    fn from(why: String) -> Self {
        WhyUnclear::Contradiction(why)
    }
}

impl From<&str> for WhyUnclear {
    fn from(why: &str) -> Self {
        WhyUnclear::Contradiction(why.to_owned())
    }
}

/// Findings that an error tells; `bill lint` tells all.
const FINDINGS_TOLD: usize = 10;

fn mismatches_text(mismatches: &[Mismatch]) -> String {
    mismatches.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

fn findings_text(findings: &[LintFinding]) -> String {
    let told = findings.iter().take(FINDINGS_TOLD).map(|finding| format!("\n  {finding}"));
    let more = findings.len().saturating_sub(FINDINGS_TOLD);
    let more = (more > 0).then(|| format!("\n  and {more} more"));
    told.chain(more).collect()
}

codes!(ImportError {
    own {
        Self::Read { file, why } => User "import.read" { file: file, why: why },
        Self::Cancelled { file } => Refused "import.cancelled" { file: file },
        Self::Zip { file, why } => User "import.container" { file: file, why: why },
        Self::Twice { file, first, second, of } => User "import.twice" {
            file: file, first: first, second: second, of: of_text(*of),
        },
        Self::Control { file, mismatches } => Refused "import.control" { file: file, why: mismatches_text(mismatches) },
        Self::OtherMonth { file, month, first, last } => Refused "import.other-month" {
            file: file, month: month, first: first, last: last, of_month: first.month(),
        },
        Self::Lint { file, findings } => Refused "import.findings" { file: file, findings: findings_text(findings) },
        Self::DoNotTie { what, one, other } => Damaged "import.do-not-tie" { what: what, one: one, other: other },
        Self::Unlike { file, why } => Damaged "import.unlike" { file: file, why: why },
        Self::Block(error) => Internal "import.block" { why: error },
    }
    within {
        Self::Unclear { file, why } => why, { file: file },
        Self::Faults(e) => e, {},
        Self::Bill(e) => e, {},
        Self::Combine(e) => e, {},
        Self::Late(e) => e, {},
        Self::Overflow(e) => e, {},
        Self::Store(e) => e, {},
    }
});

impl ImportError {
    /// Makes the error of one fault.
    pub fn fault(place: FaultPlace, fault: impl Into<ImportFault>) -> ImportError {
        let mut faults = Faults::default();
        faults.add(fault.into(), || place);
        ImportError::Faults(faults)
    }
}

/// Compares sums that must be equal (I1, I2).
pub(super) fn must_tie(what: &'static str, one: &[Sums], other: &[Sums]) -> Result<(), ImportError> {
    if one == other {
        return Ok(());
    }
    let text = |sums: &[Sums]| {
        let lines: u64 = sums.iter().map(|s| s.lines).sum();
        format!("{} in {}", Sums::totals_text(sums), lines_counted(lines))
    };
    Err(ImportError::DoNotTie { what, one: text(one), other: text(other) })
}
