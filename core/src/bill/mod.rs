//! Bills: their revisions, states and lines.

mod combine;
mod confirm;
mod diff;
mod error;
mod explain;
mod lines;
pub mod origin;
pub(crate) mod owner_days;
mod records;
mod show;
mod view;

pub use combine::{CombineError, Completeness, Piece, combine, completeness};
pub use confirm::{confirm, difference, issue, may_confirm, reopen};
pub use diff::{Change, Comparison, Diff, DiffGroup, DiffLine, Identity, Net};
pub use error::{BillError, Stale};
pub use explain::{Explained, PlacedLine, Shown, explain};
pub use lines::{Filter, Owners, ReadBlock, Slice, walk, walk_imported};
pub use owner_days::{OwnerDay, Wanted as WantedLines, owner_days as wanted_lines};
pub use records::*;
pub(crate) use show::column_amounts;
pub use show::{FIELDS_MAX, Field, Group, Grouped, cell_is, check, show};
pub use view::{BillView, SegmentView, bill, list, revisions};
