//! What came of an import.

use crate::bills::late::{CarriedBefore, LateFile};
use crate::bills::life::{BillEvent, next};
use crate::bills::smaller::{DayLoss, Smaller};
use crate::bills::{Bill, BillKey, BillState, ImportMode, Revision, SourceFile};
use crate::engine::block::Sums;
use crate::formats::text::CsvReading;
use crate::values::digest::Digest;
use crate::values::period::{Coverage, Day};

use super::align::Aligned;
use super::fault::Skipped;
use super::lines::Taken;
use super::white::WhiteSpace;

/// What came of an import.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The bill has a new revision.
    Imported {
        /// The load's number.
        load: u64,
        /// The revision's number.
        revision: u32,
    },
    /// The bill holds these lines already; nothing was changed.
    Unchanged {
        /// The load that holds them.
        load: u64,
        /// The name that its file had.
        file: String,
        /// Says whether it is these very bytes, and not just the same lines.
        same_file: bool,
        /// Says whether a later file has replaced that load.
        replaced: bool,
    },
    /// The bill is confirmed, or the file takes lines away: it waits until somebody decides, and the bill is as before.
    Held {
        /// The file that waits, with its effect and the cause. Its number is 0 in a dry run.
        late: Box<LateFile>,
        /// Says whether it was held before, when these very bytes came for the first time.
        before: bool,
    },
    /// A dry run: what would have become of it.
    DryRun {
        /// The number that the revision would have had.
        revision: u32,
    },
}

/// What was imported, and what became of the bill.
#[derive(Clone, Debug)]
pub struct ImportReport {
    /// Which bill.
    pub bill: BillKey,
    /// How the file was taken.
    pub mode: ImportMode,
    /// The days it covers.
    pub coverage: Option<Coverage>,
    /// The file with its control totals.
    pub file: SourceFile,
    /// The digest of its lines.
    pub digest: Digest,
    /// The sums of its lines.
    pub sums: Vec<Sums>,
    /// What came of it.
    pub outcome: Outcome,
    /// The bill's sums before, unless it is new.
    pub before: Option<Vec<Sums>>,
    /// The bill's sums now.
    pub after: Vec<Sums>,
    /// The bill's digest now.
    pub bill_digest: Digest,
    /// The bill's state now.
    pub state: BillState,
    /// Days that no file covers, before the last one covered.
    pub missing: Vec<Day>,
    /// How many of the file's segments the store held already.
    pub segments_shared: u64,
    /// The disputes that its lines settled.
    pub settled: Vec<u64>,
    /// What was in the zip and is no part of the bill.
    pub skipped: Vec<Skipped>,
    /// The CSVs that were read under a header that the bill holds already.
    pub aligned: Vec<Aligned>,
    /// How many lines of an adjustment the bill has already: they count twice.
    pub repeated: u64,
    /// What of it was carried forward into a later bill before.
    pub carried: CarriedBefore,
    /// The pending files that it made pointless.
    pub superseded: Vec<u64>,
    /// How many lines are in an earlier CSV of the same file, too: they count twice.
    pub copied: u64,
    /// Loads of other bills with the same lines: the money is counted there as well.
    pub elsewhere: Vec<Elsewhere>,
    /// How each of its CSVs was read, in the order of the file's.
    pub readings: Vec<CsvReading>,
    /// Cells that were read as plain ones, by column. Segments that the store held already are not in them.
    pub taken: Vec<Taken>,
    /// Cells with white space around their text, by column, which is no reason to refuse them. Segments that the store held
    /// already are not in them.
    pub white: Vec<WhiteSpace>,
    /// What the file takes away, although it was taken.
    pub smaller: Smaller,
    /// What charges that were rated again cost less, by day and currency: too little to need a decision.
    pub rated_again: Vec<DayLoss>,
}

/// A load of another month or basis that has the same lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Elsewhere {
    /// The bill that it is in.
    pub bill: BillKey,
    /// Its number.
    pub load: u64,
    /// The name that its file had.
    pub file: String,
}

impl ImportReport {
    /// Tells what the bill becomes by a revision.
    pub(super) fn preview(&mut self, bill: Option<&Bill>, revision: &Revision, disputed: bool) {
        let event = BillEvent::Load {
            complete: revision.complete,
            adjustment: self.mode == ImportMode::Adjustment,
            disputed,
        };
        let state = bill.map_or(BillState::Open, |b| b.state);
        // A confirmed bill was dealt with before.
        self.state = next(state, event).unwrap_or(state);
        self.after.clone_from(&revision.sums);
        self.bill_digest = revision.digest;
        self.missing.clone_from(&revision.missing);
    }
}

/// Decides whether what an import comes to is kept; returns why not, in words.
pub(crate) type Accept<'a> = &'a dyn Fn(&ImportReport) -> Result<(), String>;
