//! Exports: plan → rendered, split, zipped parts → manifest. Knows the [`Sink`] trait, no sink.

mod archive;
mod chunks;
mod compose;
mod csv;
mod customer;
mod each;
pub(crate) mod evidence;
mod form;
pub(crate) mod guard;
mod job;
mod kept;
mod line_headers;
mod manifest;
mod place;
mod plan;
mod preflight;
mod render;
mod rendered;
mod settings;
pub(crate) mod shape;
pub(crate) mod sink;
mod spill;
mod totals;
mod wanted;
mod whose;

pub use compose::PriceSum;
pub use csv::Columns;
pub use each::{ExportEach, Exported};
pub use evidence::{EvidenceError, Packed};
pub use form::{Audience, ExportForm};
pub use guard::GuardError;
pub use line_headers::LineHeaders;
pub use plan::{Naming, Plan, ROWS_PER_FILE};
pub use preflight::preflight;
pub use rendered::{CustomerFigures, Rendered};
pub use settings::RenderSettings;
pub use shape::{Shaped, Tie};
pub use sink::{Hold, Memory, ObjectMeta, SMALL_BYTES_MAX, Sink, SinkError, Staged, Unwatched, Watch};
pub use totals::{Charged, CustomerTotal, Totals};
pub use wanted::{Scope, WantedExport};

pub(crate) use crate::formats::dialect::Dialect;
pub(crate) use archive::write_small;
pub(crate) use form::{Per, Shape};
pub(crate) use line_headers::{guessed_line_headers, separate};
pub(crate) use manifest::{Manifest, ManifestSealed, ManifestTotals};

pub(crate) use place::stage_part;
pub(crate) use plan::{MANIFEST_ENDING, PlannedLines};

pub(crate) use rendered::{HashingWriter, expected_sums};

use crate::bills::BillError;
use crate::engine::store::StoreError;
use crate::values::error::codes;
use crate::values::reason::Reason;

/// A CSV as it was rendered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RenderedFile {
    /// Its name in the zip.
    pub name: String,
    /// How many lines, without the header.
    pub rows: u64,
    /// Its length, unpacked.
    pub bytes: u64,
    /// Its CRC-32.
    pub crc32: u32,
}

/// Why an export could not be made or delivered.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// The bill cannot be read.
    #[error(transparent)]
    Bill(#[from] BillError),
    /// A part cannot be written.
    #[error("the export cannot be written: {0}")]
    Write(#[source] Reason),
    /// The sums of the export are not those of the bill (I1, I7).
    #[error("`{name}`: the sums of export and roll-ups do not tie{}", sides_text(.sides.as_ref()))]
    DoNotTie {
        /// The part.
        name: String,
        /// What the lines add up to, and what the roll-ups state. `None` for a customer's export: both are the partner's cost.
        sides: Option<(String, String)>,
    },
    /// The lines of the export are others than when it was planned: whose they are has changed since.
    #[error("`{name}` was planned for other lines; run again, and it is planned anew")]
    Stale {
        /// The part.
        name: String,
    },
    /// The export's form is none that can be rendered.
    #[error("`{name}` cannot be rendered as {form}: {why}")]
    Form {
        /// The part.
        name: String,
        /// The form.
        form: ExportForm,
        /// What stands against it.
        why: &'static str,
    },
    /// It would show a customer what is not the customer's.
    #[error(transparent)]
    Guard(#[from] GuardError),
    /// The prices are not those that the export was planned with.
    #[error("`{name}` was planned with other prices than the account has now")]
    Prices {
        /// The part.
        name: String,
    },
    /// The sink cannot do it.
    #[error("sink `{sink}`: {error}")]
    Sink {
        /// Its name.
        sink: String,
        /// Why.
        #[source]
        error: SinkError,
    },
}

fn sides_text(sides: Option<&(String, String)>) -> String {
    sides.map_or_else(String::new, |(one, other)| format!(": {one} and {other}"))
}

impl From<StoreError> for ExportError {
    fn from(e: StoreError) -> Self {
        ExportError::Bill(e.into())
    }
}

codes!(ExportError {
    own {
        Self::Write(why) => Internal "export.write" { why: why },
        Self::DoNotTie { name, sides } => Damaged "export.do-not-tie" { name: name, sides: sides_text(sides.as_ref()) },
        Self::Stale { name } => Transient "export.stale" { name: name },
        Self::Form { name, form, why } => Refused "export.form" { name: name, form: form, why: why },
        Self::Prices { name } => Refused "export.prices" { name: name },
    }
    within {
        Self::Bill(e) => e, {},
        Self::Guard(e) => e, {},
        Self::Sink { sink, error } => error, { sink: sink },
    }
});
