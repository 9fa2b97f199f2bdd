//! What is wrong at a place of a file.

use crate::values::error::codes;
use std::fmt;

use crate::formats::container::Foreign;
use crate::formats::forms::CellCause;
use crate::formats::schema::SchemaError;
use crate::formats::text::Encoding;
use crate::values::money::grouped;

/// A place in an imported file.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct FaultPlace {
    /// The file's name.
    pub file: String,
    /// The entry of the zip, if it is one.
    pub entry: Option<String>,
    /// The line of text, counted from 1; 0 where the whole file is meant.
    pub line: u64,
}

impl fmt::Display for FaultPlace {
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

/// What is wrong at a place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ImportFault {
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
        cause: Option<CellCause>,
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

codes!(ImportFault {
    own {
        Self::Foreign(foreign) => User "file.foreign" { what: foreign },
        Self::Empty => User "file.empty" {},
        Self::NoLines => User "file.no-lines" {},
        Self::OtherForm { what, page } => User "file.other-form" { what: what, page: page },
        Self::HeaderAbsent => User "file.no-header" {},
        Self::LinesAbove { header } => User "file.lines-above" { header: header },
        Self::NotText { column, encoding, bytes } => User "file.not-text" {
            column: column.as_deref().unwrap_or_default(), encoding: encoding, bytes: hex_text(bytes),
        },
        Self::Nul => User "file.nul" {},
        Self::NulTail => User "file.nul-tail" {},
        Self::Ragged { cells, headers, open } => User "file.ragged" { cells: cells, headers: headers, open: open },
        Self::EmptyLine => User "file.empty-line" {},
        Self::HeaderAgain => User "file.header-again" {},
        Self::TotalRow { text } => User "file.total-row" { text: text },
        Self::Cell { column, text, expected, cause } => User "file.cell" {
            column: column, text: text, expected: expected, cause: cause_text(cause.as_ref()).trim_start_matches(": "),
        },
        Self::Differs { column, text, other } => User "file.differs" { column: column, text: text, other: other },
        Self::UnclosedQuote => User "file.unclosed-quote" {},
        Self::Swallowed { column, lines } => User "file.swallowed-lines" { column: column, lines: lines },
        Self::Unterminated => User "file.unterminated" {},
        Self::LongCell { column, bytes, max } => User "file.long-cell" { column: column, bytes: bytes, max: max },
        Self::LongRecord { max } => User "file.long-line" { max: max },
        Self::Outside { column, day, coverage } => User "file.outside" { column: column, day: day, coverage: coverage },
    }
    within { Self::Header(e) => e, {}, }
});

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

fn in_column(column: Option<&String>) -> String {
    column.map_or_else(String::new, |column| format!("column `{column}`: "))
}

fn cause_text(cause: Option<&CellCause>) -> String {
    cause.map_or_else(String::new, |cause| format!(": {cause}"))
}

fn hex_text(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ")
}

impl ImportFault {
    /// Returns the header of the column that it is in, if it is in one.
    pub fn column(&self) -> Option<&str> {
        match self {
            ImportFault::Cell { column, .. }
            | ImportFault::Differs { column, .. }
            | ImportFault::Swallowed { column, .. }
            | ImportFault::LongCell { column, .. }
            | ImportFault::Outside { column, .. } => Some(column),
            ImportFault::NotText { column, .. } => column.as_deref(),
            _ => None,
        }
    }

    /// Says whether the same is wrong, whatever the cell.
    pub fn is_alike(&self, other: &ImportFault) -> bool {
        let same_cause = match (self, other) {
            (ImportFault::Cell { cause: one, .. }, ImportFault::Cell { cause: other, .. }) => {
                match (one, other) {
                    (Some(one), Some(other)) => std::mem::discriminant(one) == std::mem::discriminant(other),
                    (one, other) => one.is_none() == other.is_none(),
                }
            }
            _ => std::mem::discriminant(self) == std::mem::discriminant(other),
        };
        same_cause && self.column() == other.column()
    }

    /// Returns the character that does not belong into the cell, if that is the cause.
    pub fn character(&self) -> Option<char> {
        match self {
            ImportFault::Cell { cause: Some(CellCause::Character(character)), .. } => Some(*character),
            _ => None,
        }
    }
}
