//! What an import is asked for, and how it works.

use crate::bills::ImportMode;
use crate::engine::block::ZSTD_LEVEL;
use crate::engine::journal::Actor;
use crate::formats::limits::Limits;
use crate::formats::text::Detection;
use crate::values::period::{Basis, BillMonth, Day};
use crate::values::uin::Uin;

use super::control::Control;

/// What the user says of a file.
#[derive(Clone, Debug, Default)]
pub struct ImportRequest {
    /// What it holds, where its name does not tell.
    pub mode: Option<ImportMode>,
    /// Who owes it.
    pub payer: Option<Uin>,
    /// For which month.
    pub month: Option<BillMonth>,
    /// By which date.
    pub basis: Option<Basis>,
    /// The last day that the file covers, where its name does not tell.
    pub through: Option<Day>,
    /// Reads and checks everything, counts all faults, and changes nothing.
    pub dry_run: bool,
    /// How the encoding of its text is found out.
    pub detection: Detection,
    /// Takes texts to the letter: this program has written them, and what an earlier version let in keeps its digest.
    pub verbatim: bool,
    /// Takes a file whose last line has no line end.
    pub accept_unterminated: bool,
    /// Takes a file of which no line is of the month.
    pub accept_outside: bool,
    /// Takes a file that takes lines or money away, or ends too early, without a decision.
    pub accept_smaller: bool,
    /// Refuses a file whose lines contradict themselves or each other, as [`crate::bills::BillView::lint`] finds them.
    pub strict: bool,
    /// What the file has to come to.
    pub control: Control,
}

/// How the work is done; none of these changes what an import or an export holds.
#[derive(Clone, Debug)]
pub struct ImportSettings {
    /// Text in a segment. Larger ones cluster better and take more memory: about three times this a thread.
    pub segment_bytes: usize,
    /// Lines in a block, roughly. Smaller ones make a single customer's bill cheaper, larger ones the store smaller.
    pub block_rows: u32,
    /// Threads that parse and compress.
    pub threads: usize,
    /// zstd's level for columns: 1 is the fastest, and on columns hardly larger than the next few.
    pub level: i32,
}

impl Default for ImportSettings {
    fn default() -> Self {
        ImportSettings { segment_bytes: 16 << 20, block_rows: 8_192, threads: 2, level: ZSTD_LEVEL }
    }
}

/// One import: of what, by whom, and how the work is done.
#[derive(Clone)]
pub struct Import<'a> {
    /// What the file is, where its name and content leave that open, and what is allowed.
    pub request: ImportRequest,
    /// How the work is done.
    pub settings: ImportSettings,
    /// What a file may have at most.
    pub limits: Limits,
    /// Whom the journal names.
    pub actor: &'a Actor,
    /// Observes the import, and may cancel it.
    pub progress: &'a dyn ImportProgress,
}

impl<'a> Import<'a> {
    /// An import with defaults, which nobody observes.
    pub fn by(actor: &'a Actor) -> Import<'a> {
        let (request, settings, limits) = Default::default();
        Import { request, settings, limits, actor, progress: &Quiet }
    }
}

/// Observes an import, and may cancel it.
pub trait ImportProgress: Sync {
    /// `done` of `total` bytes of the file have been read.
    fn read(&self, done: u64, total: u64);

    /// Returns whether to cancel the import. The import asks until it commits, and leaves the store as it was when this is true:
    /// [`super::ImportError::Cancelled`].
    fn stopped(&self) -> bool {
        false
    }
}

/// Tells nobody.
pub(super) struct Quiet;

impl ImportProgress for Quiet {
    fn read(&self, _done: u64, _total: u64) {}
}
