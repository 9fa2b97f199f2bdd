//! Bills: their revisions, states and lines.

mod combine;
mod confirm;
mod error;
mod lines;
mod records;
mod show;
mod view;

pub use combine::{CombineError, Completeness, Piece, combine, completeness};
pub use confirm::{confirm, difference, issue, may_confirm, reopen};
pub use error::{BillError, Stale};
pub use lines::{Filter, Owners, ReadBlock, Slice, walk, walk_imported};
pub use records::*;
pub(crate) use show::column_amounts;
pub use show::{FIELDS_MAX, Field, Group, Grouped, cell_is, check, show};
pub use view::{BillView, SegmentView, bill, list, revisions};
