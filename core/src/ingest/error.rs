//! What can be wrong with a file, and where.

use std::fmt;

use crate::bill::CombineError;
use crate::block::BlockError;
use crate::error::Kind;
use crate::lint::Finding;
use crate::period::{BillMonth, Day};
use crate::rollup::Overflow;
use crate::schema::SchemaError;
use crate::store::StoreError;

use super::container::Foreign;

/// A place in an imported file.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The file's name.
    pub file: String,
    /// The entry of the zip, if it is one.
    pub entry: Option<String>,
    /// The line of text, counted from 1; 0 where the whole file is meant.
    pub line: u64,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`", self.file)?;
        if let Some(entry) = &self.entry {
            write!(f, ", entry `{entry}`")?;
        }
        if self.line > 0 {
            write!(f, ", line {}", grouped(self.line))?;
        }
        Ok(())
    }
}

/// Writes a count with thousands separators.
pub fn grouped(n: u64) -> String {
    crate::money::Amount::new(i128::from(n), 0).grouped()
}

/// What is wrong at a place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// A header that is no bill's.
    #[error(transparent)]
    Header(#[from] SchemaError),
    /// Something else than a CSV, by its first bytes.
    #[error(transparent)]
    Foreign(#[from] Foreign),
    /// No text in it.
    #[error("it is empty")]
    Empty,
    /// A header, and nothing below.
    #[error("it has a header and no lines")]
    NoLines,
    /// UTF-16, by its byte order mark.
    #[error("it is UTF-16; save it as UTF-8")]
    Utf16,
    /// Not UTF-8.
    #[error("it is not UTF-8 (byte 0x{byte:02x}); save it as UTF-8")]
    NotUtf8 {
        /// The first byte that does not fit.
        byte: u8,
    },
    /// A zero byte.
    #[error("it holds a zero byte, which no CSV does")]
    Nul,
    /// A record with more or fewer cells than the header.
    #[error("the line has {cells} cells, and the header {headers}")]
    Ragged {
        /// How many it has.
        cells: usize,
        /// How many it should have.
        headers: usize,
    },
    /// A cell that cannot be read.
    #[error("column `{column}`: `{text}` is not {expected}")]
    Cell {
        /// The header of the column.
        column: String,
        /// The cell, shortened.
        text: String,
        /// What was expected.
        expected: &'static str,
    },
    /// A cell that says something else than the file's name, the user, or the lines before.
    #[error("column `{column}`: `{text}`, but {other}")]
    Differs {
        /// The header of the column.
        column: String,
        /// The cell.
        text: String,
        /// What the other source says.
        other: String,
    },
    /// A quote that is never closed.
    #[error("a quote opened here is never closed: the file is cut or damaged")]
    UnclosedQuote,
    /// The last line has no line end.
    #[error("the last line has no line end, so the file may be cut")]
    Unterminated,
    /// A cell beyond the limit.
    #[error("column `{column}` has {bytes} bytes, more than {max}")]
    LongCell {
        /// The header of the column.
        column: String,
        /// Its length.
        bytes: usize,
        /// The limit.
        max: usize,
    },
    /// A record beyond the limit.
    #[error("a line is longer than {max} bytes")]
    LongRecord {
        /// The limit.
        max: usize,
    },
    /// A day outside of what the file covers.
    #[error("column `{column}`: the line is of {day}, and the file covers {coverage}")]
    Outside {
        /// The header of the column.
        column: String,
        /// The line's day.
        day: String,
        /// What the file covers.
        coverage: String,
    },
}

/// Something in a zip that is no part of the bill.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// Its name in the zip.
    pub name: String,
    /// Why it was not read.
    pub why: WhySkipped,
}

/// Why something in a zip is no part of the bill.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WhySkipped {
    /// A file that systems and people leave beside bills, by its name.
    #[error("no part of a bill")]
    Junk,
    /// A CSV of a customer without usage.
    #[error("a header and no lines")]
    NoLines,
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
        why: String,
    },
    /// The zip is damaged, hostile, or holds something else than CSVs.
    #[error("`{file}`: {why}")]
    Zip {
        /// Its name.
        file: String,
        /// What is wrong.
        why: String,
    },
    /// Two CSVs of a zip hold the same lines, which would count twice.
    #[error(
        "`{file}`: its entries `{first}` and `{second}` hold the same lines, which would count twice: make a zip with one of them"
    )]
    Twice {
        /// The zip's name.
        file: String,
        /// The first entry.
        first: String,
        /// The second entry.
        second: String,
    },
    /// Something is wrong at a place, or at several; never empty.
    #[error("{}", first_fault(.0))]
    Faults(Vec<(Place, Fault)>),
    /// What the file is cannot be told, or its name, its content and the user disagree.
    #[error("`{file}`: {why}")]
    Unclear {
        /// Its name.
        file: String,
        /// What cannot be told, or who says what.
        why: String,
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
    Bill(#[from] crate::bill::BillError),
    /// The bill cannot take it.
    #[error(transparent)]
    Combine(#[from] CombineError),
    /// A strict import found something.
    #[error("`{file}` contradicts itself:{}", findings_text(.findings))]
    Lint {
        /// The file's name.
        file: String,
        /// What was found.
        findings: Vec<Finding>,
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

/// Findings that an error tells; `bill lint` tells all.
const FINDINGS_TOLD: usize = 10;

fn findings_text(findings: &[Finding]) -> String {
    let told = findings.iter().take(FINDINGS_TOLD).map(|finding| format!("\n  {finding}"));
    let more = findings.len().saturating_sub(FINDINGS_TOLD);
    let more = (more > 0).then(|| format!("\n  and {more} more"));
    told.chain(more).collect()
}

fn first_fault(faults: &[(Place, Fault)]) -> String {
    match faults {
        [] => "no fault".into(),
        [(place, fault)] => format!("{place}: {fault}"),
        [(place, fault), more @ ..] => format!("{place}: {fault} (and {} more)", more.len()),
    }
}

impl ImportError {
    /// Makes the error of one fault.
    pub fn fault(place: Place, fault: impl Into<Fault>) -> ImportError {
        ImportError::Faults(vec![(place, fault.into())])
    }

    /// Returns the kind.
    pub fn kind(&self) -> Kind {
        match self {
            ImportError::Read { .. }
            | ImportError::Zip { .. }
            | ImportError::Twice { .. }
            | ImportError::Faults(_)
            | ImportError::Unclear { .. }
            | ImportError::Overflow(_) => Kind::User,
            ImportError::Combine(_) | ImportError::Lint { .. } | ImportError::OtherMonth { .. } => {
                Kind::Refused
            }
            ImportError::Bill(e) => e.kind(),
            ImportError::DoNotTie { .. } | ImportError::Unlike { .. } => Kind::Damaged,
            ImportError::Block(_) => Kind::Internal,
            ImportError::Store(e) => e.kind(),
        }
    }
}
