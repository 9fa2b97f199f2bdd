//! What can be wrong with a file, and where.

use std::fmt;

use crate::bills::CombineError;
use crate::bills::late::LateError;
use crate::bills::lint::Finding;
use crate::engine::block::BlockError;
use crate::engine::rollup::Overflow;
use crate::engine::store::StoreError;
use crate::formats::schema::SchemaError;
use crate::formats::text::Encoding;
use crate::values::error::Kind;
use crate::values::money::{DIGITS_MAX, SCALE_MAX};
use crate::values::period::{BillMonth, Day};

use super::faults::Faults;

use super::container::Foreign;
use super::control::Mismatch;

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
    crate::values::money::Amount::new(i128::from(n), 0).grouped()
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
    /// Something else than a table: a page, or data in another form.
    #[error("it is {what}, not a CSV{}", if *.page { ": a login or error page was saved under the name of the bill" } else { "" })]
    OtherForm {
        /// What it is.
        what: &'static str,
        /// Whether it is a page of the web.
        page: bool,
    },
    /// Lines of a bill and no header above them.
    #[error("it begins with lines of a bill and has no header: it is a later part of a bill that was split")]
    HeaderAbsent,
    /// Lines above the header that are no title.
    #[error("the header is in line {}, and the lines above it look like lines of a bill", grouped(*.header))]
    LinesAbove {
        /// The line of the header.
        header: u64,
    },
    /// Bytes that are no text in the file's encoding.
    #[error("{}the bytes {} are not {encoding}, and the text before them is", in_column(.column.as_ref()), hex_text(.bytes))]
    NotText {
        /// The header of the column.
        column: Option<String>,
        /// The file's encoding.
        encoding: Encoding,
        /// The first bytes that do not fit.
        bytes: Vec<u8>,
    },
    /// A zero byte.
    #[error("it holds a zero byte, which no CSV does")]
    Nul,
    /// Nothing but zero bytes to the end.
    #[error("the file ends in zero bytes, as after a crash or an interrupted download: download it again")]
    NulTail,
    /// A record with more or fewer cells than the header.
    #[error("the line has {cells} cells, and the header {headers}{}", if *open { "; it ends in a comma too many" } else { "" })]
    Ragged {
        /// How many it has.
        cells: usize,
        /// How many it should have.
        headers: usize,
        /// Whether it has one more, which is empty.
        open: bool,
    },
    /// A record without values.
    #[error("the line has no values: remove it")]
    EmptyLine,
    /// The header once more.
    #[error("this is the header again: several files were put together; import each of them")]
    HeaderAgain,
    /// A line that adds up others.
    #[error(
        "`{text}`: this is a total row, whose amount would count twice; remove it or import the original file"
    )]
    TotalRow {
        /// The cell that says so.
        text: String,
    },
    /// A cell that cannot be read.
    #[error("column `{column}`: `{text}` is not {expected}{}", cause_text(.cause.as_ref()))]
    Cell {
        /// The header of the column.
        column: String,
        /// The cell, shortened.
        text: String,
        /// What was expected.
        expected: &'static str,
        /// Why it is not, where that is known.
        cause: Option<Cause>,
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
    /// A quote that closes in another line, with whole lines of the bill in between.
    #[error(
        "column `{column}` opens a quote that closes {lines} line{} further down, so whole lines of the bill would be \
         read as one cell: put the cell in quotes, and write each quote in it twice",
        if *lines == 1 { "" } else { "s" }
    )]
    Swallowed {
        /// The header of the column.
        column: String,
        /// How many lines further down it closes.
        lines: usize,
    },
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

/// Why a cell cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Cause {
    /// A spreadsheet has cut the digits of an id.
    #[error("a spreadsheet rewrote this file and cut the digits; import the original file")]
    Scientific,
    /// A spreadsheet has written a time or a month in its own way.
    #[error("a spreadsheet rewrote this file and lost part of the time; import the original file")]
    Reformatted,
    /// A spreadsheet's number for a day.
    #[error("it is a spreadsheet's day number; a spreadsheet rewrote this file, import the original file")]
    DayNumber,
    /// A spreadsheet's error.
    #[error("it is an error of a spreadsheet, which rewrote this file; import the original file")]
    SheetError,
    /// A number that was kept as a float, whose last digits may be others.
    #[error(
        "a program rewrote this id as a number with decimals, and its last digits may be wrong; import the original file"
    )]
    Float,
    /// A character that does not belong there.
    #[error("it holds {}", character_text(*.0))]
    Character(char),
    /// More digits than the limit.
    #[error("it has {0} digits, and the limit is {DIGITS_MAX}")]
    Digits(usize),
    /// More decimals than the limit.
    #[error("it has {0} decimals, and the limit is {SCALE_MAX}")]
    Decimals(usize),
    /// A comma where a point would be.
    #[error("its comma may be a decimal mark or separate thousands; write the amount with a point")]
    DecimalComma,
    /// A sign of another currency than the line's.
    #[error("it has the sign `{0}`, which does not agree with the currency of the line")]
    Sign(&'static str),
    /// A day that the calendar does not have.
    #[error("there is no such day")]
    NoSuchDay,
    /// A time that no clock shows.
    #[error("there is no such time of day")]
    NoSuchTime,
    /// A day without a time.
    #[error("the time of day is missing")]
    NoTime,
    /// A time with a zone of its own.
    #[error("it has a time zone, and the times of a bill have none")]
    Zone,
}

fn of_text(of: Option<(u64, Day)>) -> String {
    match of {
        None => String::new(),
        Some((0, day)) => format!(" without an account on {day}"),
        Some((owner, day)) => format!(" of account {owner} on {day}"),
    }
}

fn in_column(column: Option<&String>) -> String {
    column.map_or_else(String::new, |column| format!("column `{column}`: "))
}

fn cause_text(cause: Option<&Cause>) -> String {
    cause.map_or_else(String::new, |cause| format!(": {cause}"))
}

fn hex_text(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ")
}

/// Names a character by its number, and shows it where that is safe.
fn character_text(character: char) -> String {
    let number = format!("U+{:04X}", u32::from(character));
    if character.is_alphanumeric() || character.is_ascii_punctuation() {
        format!("`{character}` ({number})")
    } else {
        number
    }
}

impl Fault {
    /// Returns the header of the column that it is in, if it is in one.
    pub fn column(&self) -> Option<&str> {
        match self {
            Fault::Cell { column, .. }
            | Fault::Differs { column, .. }
            | Fault::Swallowed { column, .. }
            | Fault::LongCell { column, .. }
            | Fault::Outside { column, .. } => Some(column),
            Fault::NotText { column, .. } => column.as_deref(),
            _ => None,
        }
    }

    /// Says whether the same is wrong, whatever the cell.
    pub fn is_alike(&self, other: &Fault) -> bool {
        let same_cause = match (self, other) {
            (Fault::Cell { cause: one, .. }, Fault::Cell { cause: other, .. }) => match (one, other) {
                (Some(one), Some(other)) => std::mem::discriminant(one) == std::mem::discriminant(other),
                (one, other) => one.is_none() == other.is_none(),
            },
            _ => std::mem::discriminant(self) == std::mem::discriminant(other),
        };
        same_cause && self.column() == other.column()
    }

    /// Returns the character that does not belong into the cell, if that is the cause.
    pub fn character(&self) -> Option<char> {
        match self {
            Fault::Cell { cause: Some(Cause::Character(character)), .. } => Some(*character),
            _ => None,
        }
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
        why: String,
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

fn mismatches_text(mismatches: &[Mismatch]) -> String {
    mismatches.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

fn findings_text(findings: &[Finding]) -> String {
    let told = findings.iter().take(FINDINGS_TOLD).map(|finding| format!("\n  {finding}"));
    let more = findings.len().saturating_sub(FINDINGS_TOLD);
    let more = (more > 0).then(|| format!("\n  and {more} more"));
    told.chain(more).collect()
}

impl ImportError {
    /// Makes the error of one fault.
    pub fn fault(place: Place, fault: impl Into<Fault>) -> ImportError {
        let mut faults = Faults::default();
        faults.add(fault.into(), || place);
        ImportError::Faults(faults)
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
            ImportError::Combine(_)
            | ImportError::Lint { .. }
            | ImportError::OtherMonth { .. }
            | ImportError::Control { .. } => Kind::Refused,
            ImportError::Bill(e) => e.kind(),
            ImportError::Late(e) => e.kind(),
            ImportError::DoNotTie { .. } | ImportError::Unlike { .. } => Kind::Damaged,
            ImportError::Block(_) => Kind::Internal,
            ImportError::Store(e) => e.kind(),
        }
    }
}
