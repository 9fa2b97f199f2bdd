//! A chunk of a file's text with all that is needed to read it.

use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use crate::bills::BillKey;
use crate::formats::line_ends::line_ends;
use crate::formats::schema::Schema;
use crate::formats::text::Encoding;
use crate::values::period::Day;

use super::fault::FaultPlace;
use super::request::ImportSettings;

/// A stretch of text with all that is needed to read it.
pub(super) struct TextSource {
    pub(super) bytes: Vec<u8>,
    /// The SHA-256 of its CSV's text from the beginning to the end of this stretch.
    pub(super) text_hash: [u8; 32],
    pub(super) place: FaultPlace,
    pub(super) schema: Arc<Schema>,
    pub(super) schema_hash: [u8; 32],
    pub(super) bill: BillKey,
    /// The last day that lines may have, where the file's name tells it.
    pub(super) last_day: Option<Day>,
    /// The only day that lines may have, in a file of one day.
    pub(super) only_day: bool,
    /// The encoding that the text had in the file.
    pub(super) encoding: Encoding,
    /// What stood between the cells in the file.
    pub(super) separator: u8,
    /// Whether texts are taken to the letter.
    pub(super) verbatim: bool,
}

impl TextSource {
    /// Returns the hash by which a segment of the same text and meaning is found again.
    ///
    /// It covers all text up to the end of the stretch. A text that grows at its end is cut as before, so its stretches are
    /// found; where anything before one differs, it would hardly be cut at the same places.
    pub(super) fn key(&self, settings: &ImportSettings) -> [u8; 32] {
        let mut hasher = Sha256::new();
        hasher.update(b"billkeep segment 2\n");
        hasher.update(self.schema_hash);
        hasher.update(self.bill.bytes());
        hasher.update(settings.block_rows.to_le_bytes());
        hasher.update((self.bytes.len() as u64).to_le_bytes());
        hasher.update(self.text_hash);
        if self.verbatim {
            hasher.update(b"verbatim");
        }
        hasher.finalize().into()
    }

    /// Says whether a line of this day may stand in the file, as far as its name tells.
    ///
    /// Days before the month belong to its first day; days after it only to the complete month.
    pub(super) fn covers(&self, day: Day) -> bool {
        match self.last_day {
            None => true,
            Some(last) if self.only_day => day == last,
            Some(last) => day <= last || last == self.bill.month.last_day(),
        }
    }

    /// Returns the line of text at an offset.
    pub(super) fn line_of(&self, offset: usize) -> u64 {
        let before = self.bytes.get(..offset).unwrap_or_default();
        self.place.line + line_ends(before)
    }
}

/// A stretch on its way to a worker.
pub(super) struct ChunkJob {
    pub(super) number: u64,
    pub(super) entry: u32,
    pub(super) source: TextSource,
}
