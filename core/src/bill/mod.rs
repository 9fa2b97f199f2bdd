//! Bills: their revisions, states and lines.

mod combine;
mod confirm;
mod error;
mod lines;
mod origin;
pub(crate) mod owner_days;
mod records;
mod show;
mod view;

pub use combine::{CombineError, Completeness, Piece, combine, completeness};
pub use confirm::{confirm, difference, issue, may_confirm, reopen};
pub use error::{BillError, Stale};
pub(crate) use lines::map_cells;
pub use lines::{Filter, Owners, ReadBlock, Slice, walk, walk_imported};
pub use origin::{LineAt, Origin, origins};
pub use owner_days::{OwnerDay, Wanted as WantedLines, owner_days as wanted_lines};
pub use records::*;
pub use show::{FIELDS_MAX, Field, Group, Grouped, cell_is, check, show};
pub(crate) use show::{column_amounts, share};
pub use view::{BillView, SegmentView, bill, list, revisions};
