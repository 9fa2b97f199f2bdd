//! Bills: their revisions, states and lines.

mod combine;
mod confirm;
mod currencies;
mod diff;
pub mod dispute;
mod error;
mod explain;
pub mod late;
pub mod life;
mod lines;
pub mod origin;
pub(crate) mod owner_days;
mod owner_sums;
pub mod page;
mod records;
pub(crate) mod revise;
mod show;
mod standing;
mod view;

pub use combine::{CombineError, Completeness, Piece, combine, completeness};
pub use confirm::{Decided, confirm, defer, difference, issue, may_confirm, reopen};
pub(crate) use currencies::Currencies;
pub use diff::{Change, Comparison, Diff, DiffGroup, DiffLine, Identity, Net, Stored};
pub use error::{BillError, Stale};
pub use explain::{Explained, PlacedLine, Shown, explain};
pub(crate) use lines::map_cells;
pub use lines::{Filter, Owners, OwnersByDay, ReadBlock, Slice, walk, walk_imported};
pub use origin::{LineAt, Origin, origins};
pub use owner_days::{OwnerDay, Wanted as WantedLines, owner_days as wanted_lines, walk_owner_days};
pub(crate) use owner_sums::{owners_of, owners_sums, sums_by_owner};
pub use records::*;
pub use revise::check_history;
pub use show::{FIELDS_MAX, Field, Group, Grouped, cell_is, check, show};
pub(crate) use show::{column_amounts, share};
pub use standing::{Deferral, Signature, Signed, Standing};
pub use view::{BillView, SegmentView, bill, list, loads_of, revisions, segment_views};
