//! What the store keeps of bills: the bill, its revisions, its loads and their segments.
//!
//! A *load* is one import of one file. Its lines lie in *segments*: contiguous stretches of the file, each with
//! its blocks, its roll-up, and the order in which its lines came. A segment never changes and is found again
//! by the hash of its text, so that the daily file of a growing month stores only what is new. A *revision* is
//! a list of loads.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::engine::block::Sums;
use crate::formats::schema::BillLevel;
use crate::values::digest::Digest;
use crate::values::money::Amount;
use crate::values::near::no_word;
use crate::values::period::{Basis, BillMonth, Coverage, Day};
use crate::values::uin::Uin;

/// Which bill: payer, month and basis.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct BillKey {
    /// Who owes the money.
    pub payer: Uin,
    /// For which month.
    pub month: BillMonth,
    /// By which date lines are put into months.
    pub basis: Basis,
}

impl BillKey {
    /// Returns the key's bytes in the store: they sort as the keys do.
    pub fn bytes(self) -> Vec<u8> {
        let mut key = self.payer.number().to_be_bytes().to_vec();
        key.extend(self.month.year().to_be_bytes());
        key.extend(self.month.month().to_be_bytes());
        key.push(match self.basis {
            Basis::Used => 0,
            Basis::Paid => 1,
        });
        key
    }

    /// Returns month and basis without the payer, who is one in a store: `2021-03`, `2021-03 by pay time`.
    ///
    /// Journal entries, keys of deliveries, corrections and cells of tables have this text, whose bytes never change.
    pub fn subject(self) -> String {
        match self.basis {
            Basis::Used => self.month.to_string(),
            Basis::Paid => format!("{} by pay time", self.month),
        }
    }
}

/// For sentences and errors, which name whose bill it is: `2021-03 of payer 100010445724`.
impl fmt::Display for BillKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of payer {}", self.subject(), self.payer)
    }
}

/// How a file relates to what the bill holds already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ImportMode {
    /// Month to date: replaces what an earlier cumulative file held.
    Cumulative,
    /// The lines of one day.
    Day,
    /// The complete month.
    Monthly,
    /// Lines that are only added.
    Adjustment,
}

impl ImportMode {
    /// Every mode.
    pub const ALL: [ImportMode; 4] =
        [ImportMode::Cumulative, ImportMode::Day, ImportMode::Monthly, ImportMode::Adjustment];

    /// Returns the word for it.
    pub fn word(self) -> &'static str {
        match self {
            ImportMode::Cumulative => "cumulative",
            ImportMode::Day => "day",
            ImportMode::Monthly => "monthly",
            ImportMode::Adjustment => "adjustment",
        }
    }
}

impl fmt::Display for ImportMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl FromStr for ImportMode {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = ImportMode::ALL.iter().copied().find(|mode| mode.word() == text);
        found.ok_or_else(|| no_word(text, "a mode", &ImportMode::ALL.map(ImportMode::word)))
    }
}

/// The state of a bill.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum BillState {
    /// The month is not complete.
    Open,
    /// The complete month is in.
    Issued,
    /// Somebody confirmed what they saw.
    Confirmed,
    /// It is issued, and a dispute about it is not settled.
    Disputed,
}

impl fmt::Display for BillState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            BillState::Open => "open",
            BillState::Issued => "issued",
            BillState::Confirmed => "confirmed",
            BillState::Disputed => "disputed",
        })
    }
}

/// Who confirmed which revision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confirmation {
    /// The revision's number.
    pub revision: u32,
    /// Who.
    pub actor: String,
    /// When, in Unix seconds.
    pub at_unix_s: i64,
    /// Their note.
    pub note: Option<String>,
}

/// A bill.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bill {
    /// Which one.
    pub key: BillKey,
    /// The number of the revision that is looked at and exported.
    pub revision: u32,
    /// Its state.
    pub state: BillState,
    /// Present exactly while the state is confirmed.
    pub confirmation: Option<Confirmation>,
}

/// An immutable state of a bill.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revision {
    /// Counted from 1 within the bill.
    pub number: u32,
    /// The revision before (I3); 0 for the first.
    pub previous: u32,
    /// The digest of its lines.
    pub digest: Digest,
    /// The sums of its lines, one entry for each currency.
    pub sums: Vec<Sums>,
    /// The loads that it is made of, ascending.
    pub loads: Vec<u64>,
    /// Through which day the month is in, without a gap from the first day on.
    pub through: Option<Day>,
    /// Days that no file covered, before the last one covered.
    pub missing: Vec<Day>,
    /// Says whether the complete month is in.
    pub complete: bool,
    /// When it was made, in Unix seconds.
    pub at_unix_s: i64,
    /// Who made it.
    pub actor: String,
}

impl Revision {
    /// Returns how many lines it has.
    pub fn lines(&self) -> u64 {
        self.digest.lines()
    }

    /// Returns the key's bytes in the store.
    pub fn key_bytes(bill: BillKey, number: u32) -> Vec<u8> {
        let mut key = bill.bytes();
        key.extend(number.to_be_bytes());
        key
    }

    /// Returns the totals as people read them: `1,204,551.37 USD`, several currencies side by side.
    pub fn total_text(&self) -> String {
        Sums::totals_text(&self.sums)
    }
}

impl Sums {
    /// Writes totals as people read them; several currencies are never added up.
    pub fn totals_text(sums: &[Sums]) -> String {
        if sums.is_empty() {
            return Amount::ZERO.to_string();
        }
        let texts: Vec<String> =
            sums.iter().map(|s| format!("{} {}", s.total().grouped(), s.currency)).collect();
        texts.join(" + ")
    }
}

/// Writes by how much a total changes: `+12.00 USD`.
pub(super) fn change_text(amount: Amount, currency: &str) -> String {
    let sign = if amount.mantissa() > 0 { "+" } else { "" };
    format!("{sign}{} {currency}", amount.grouped())
}

/// A file that was imported.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceFile {
    /// Its name, without folders.
    pub name: String,
    /// Its SHA-256.
    pub sha256: [u8; 32],
    /// Its length.
    pub bytes: u64,
    /// Its CSVs, in the order in which they were read.
    pub entries: Vec<SourceEntry>,
}

/// A CSV in an imported file: the file itself, or an entry of the zip.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceEntry {
    /// Its name.
    pub name: String,
    /// How many lines it had: a control total.
    pub lines: u64,
    /// Its sums: control totals, one entry for each currency.
    pub sums: Vec<Sums>,
}

/// One import of one file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Load {
    /// Counted from 1 within the store.
    pub number: u64,
    /// Which bill it went to.
    pub bill: BillKey,
    /// How it relates to the others.
    pub mode: ImportMode,
    /// The days it covers; an adjustment covers none.
    pub coverage: Option<Coverage>,
    /// The level of detail.
    pub level: BillLevel,
    /// The file.
    pub file: SourceFile,
    /// The digest of its lines.
    pub digest: Digest,
    /// The sums of its lines.
    pub sums: Vec<Sums>,
    /// Its segments, in the file's order.
    pub segments: Vec<SegmentUse>,
    /// When it was imported, in Unix seconds.
    pub at_unix_s: i64,
    /// Who imported it.
    pub actor: String,
}

/// A segment in a load.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SegmentUse {
    /// The segment's number.
    pub segment: u64,
    /// Which of the file's CSVs it lies in.
    pub entry: u32,
}

/// A stretch of lines with its blocks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Segment {
    /// The hash of the schema.
    pub schema: [u8; 32],
    /// How many lines.
    pub rows: u32,
    /// Its blocks, sorted by day of coverage, then owner.
    pub blocks: Vec<BlockUse>,
    /// The sums of its lines.
    pub sums: Vec<Sums>,
    /// The digests of its lines by day of coverage, ascending.
    pub days: Vec<DayDigest>,
    /// The first and the last day that its lines have of their own, if any has one.
    pub own_days: Option<Coverage>,
}

impl Segment {
    /// Returns how many of its lines, as the blocks have them, lie before a block.
    pub(crate) fn rows_before(&self, block: usize) -> u32 {
        self.blocks.iter().take(block).map(|b| b.rows).sum()
    }
}

/// A block in a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockUse {
    /// The block's number.
    pub block: u64,
    /// The day of coverage.
    pub coverage_day: u8,
    /// How many lines.
    pub rows: u32,
    /// The smallest owner; 0 for lines without one.
    pub owner_min: u64,
    /// The largest owner.
    pub owner_max: u64,
}

/// The digests of a day's lines, by whose they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DayDigest {
    /// The day of coverage.
    pub coverage_day: u8,
    /// The payer's own lines, and those without an owner.
    pub own: Digest,
    /// The customers' lines.
    pub customers: Digest,
}

/// What became of a file's bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FileSeen {
    /// The load that holds its lines.
    pub load: u64,
    /// The name it came under.
    pub name: String,
}

/// A load whose lines were taken out of the store, by [`crate::deliveries::retention`]; its record stays.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PrunedLoad {
    /// When, in Unix seconds.
    pub at_unix_s: i64,
    /// Who.
    pub actor: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bill_is_named_with_its_payer_for_people_and_without_it_where_the_bytes_stay() {
        let of = |basis| BillKey {
            payer: "100010445724".parse().unwrap(),
            month: "2021-03".parse().unwrap(),
            basis,
        };
        assert_eq!(of(Basis::Used).to_string(), "2021-03 of payer 100010445724");
        assert_eq!(of(Basis::Paid).to_string(), "2021-03 by pay time of payer 100010445724");
        // As journals, keys of deliveries and cells of earlier versions have them.
        assert_eq!(of(Basis::Used).subject(), "2021-03");
        assert_eq!(of(Basis::Paid).subject(), "2021-03 by pay time");
    }
}
