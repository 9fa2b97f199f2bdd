//! Bills: their revisions, states and lines.

pub(crate) mod carry;
mod change;
mod combine;
mod confirm;
mod currencies;
mod diff;
pub(crate) mod dispute;
mod empty_day;
mod error;
mod explain;
pub(crate) mod ingest;
pub(crate) mod late;
pub(crate) mod life;
mod lines;
pub(crate) mod lint;
pub(crate) mod origin;
pub(crate) mod owner_days;
mod owner_sums;
mod owners;
pub(crate) mod page;
pub(crate) mod pricing;
mod read_block;
pub(crate) mod readings;
mod recorded;
mod records;
mod repeated;
pub(crate) mod revise;
mod show;
pub(crate) mod smaller;
mod standing;
mod threads;
mod unassigned;
mod view;

pub use carry::CarryError;
pub use change::Decided;
pub use combine::CombineError;
pub use diff::{Comparison, Diff, DiffGroup, DiffLine, Identity, LineChange, Net, StoredLine};
pub use dispute::{Claim, Direction, Dispute, DisputeError, DisputeState, DisputeStep, LINES_MAX, LineId};
pub use error::{BillError, Stale};
pub use explain::{Explained, PlacedLine, Shown};
pub use ingest::{
    Aligned, Control, ControlTotal, Elsewhere, FaultGroup, FaultPlace, Faults, Import, ImportError,
    ImportFault, ImportProgress, ImportReport, ImportRequest, ImportSettings, Input, Mismatch, Outcome,
    Skipped, Taken, WhiteSpace, WhySkipped, WhyUnclear,
};
pub use late::{Accepted, CarriedBefore, Effect, LateCause, LateError, LateFile, LateState};
pub use lines::{LineFilter, Slice};
pub use lint::{Example, LintFinding, LintReport, LintSettings, Rule, Severity};
pub use origin::{FileSegment, Origin};
pub use owners::{Owners, OwnersByDay};
pub use page::{Page, PagePlace, WantedPage};
pub use pricing::{Doubt, Margin, MarginRow};
pub use read_block::ReadBlock;
pub use records::{
    Bill, BillKey, BillState, BlockUse, Confirmation, DayDigest, ImportMode, Load, Revision, Segment,
    SegmentUse, SourceEntry, SourceFile,
};
pub use show::{BillField, GroupRow, Grouped};
pub use smaller::{DayLoss, EarlyEnd, FarBelow, LinesAndSums, Loss, Smaller};
pub use standing::{Deferral, Signature, Signed, Standing};
pub use unassigned::Unassigned;
pub use view::{BillView, SegmentView};

pub(crate) use combine::{Completeness, LoadPiece, combine, completeness};
pub(crate) use currencies::Currencies;
pub(crate) use diff::unequal_charges;

pub(crate) use origin::{LineAt, origins};
pub(crate) use owner_days::{
    OwnerDay, WantedOwnerDays as WantedLines, owner_days as wanted_lines, walk_owner_days,
};
pub(crate) use owner_sums::{owners_of, owners_sums, sums_by_owner};
pub(crate) use read_block::map_cells;
pub(crate) use recorded::must_be_recorded;
pub(crate) use records::*;
pub(crate) use repeated::repeated;
pub(crate) use revise::check_history;
pub(crate) use show::column_amounts;
pub(crate) use threads::share;
pub(crate) use view::segment_views;
