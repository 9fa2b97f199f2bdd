//! Reads the lines of chunks that follow one another, and makes the chunks.

use std::collections::HashSet;

use crate::bills::{BillView, OwnerDay, walk_owner_days};
use crate::engine::store::Records;
use crate::values::reason::Reason;

use super::ExportError;
use super::archive::Deflater;
use super::chunks::LineChunk;
use super::compose::{Composer, RenderedChunk};
use super::csv::Columns;

/// What chunks are made of.
#[derive(Clone, Copy)]
pub(super) struct ChunkLines<'a, R> {
    pub(super) store: &'a R,
    pub(super) view: &'a BillView,
    /// The owner-days of the export.
    pub(super) days: &'a [OwnerDay],
    /// The blocks that hold them.
    pub(super) blocks: &'a HashSet<u64>,
    pub(super) columns: &'a Columns,
}

impl<R: Records> ChunkLines<'_, R> {
    /// Makes chunks of which each begins where the one before ends; stops when nobody takes them.
    pub(super) fn make(
        &self,
        chunks: &[&LineChunk],
        deflater: &mut Deflater,
        give: &mut dyn FnMut(RenderedChunk) -> bool,
    ) -> Result<(), ExportError> {
        let (Some(first), Some(last)) = (chunks.first(), chunks.last()) else { return Ok(()) };
        let days = self.days.get(first.days.start..last.days.end).unwrap_or_default();
        let mut left = chunks.iter();
        let mut wanted = left.next().map(|c| c.rows);
        let mut skip = first.skip;
        let mut composer = Composer::default();
        walk_owner_days::<ExportError>(self.store, self.view, days, self.blocks, &mut |slice| {
            let passed = skip.min(slice.rows.len() as u64);
            skip -= passed;
            let mut from = slice.rows.start + passed as usize;
            while let Some(rows) = wanted.filter(|_| from < slice.rows.end) {
                let room = usize::try_from(rows - composer.rows()).unwrap_or(usize::MAX);
                let to = slice.rows.end.min(from.saturating_add(room));
                composer.write(self.columns, slice.block, from..to)?;
                from = to;
                if composer.rows() == rows {
                    let made = composer.finish(deflater).map_err(ExportError::Write)?;
                    wanted = if give(made) { left.next().map(|c| c.rows) } else { None };
                }
            }
            Ok(())
        })
    }

    /// Makes one chunk, here and now.
    pub(super) fn make_one(
        &self,
        chunk: &LineChunk,
        deflater: &mut Deflater,
    ) -> Result<RenderedChunk, Reason> {
        let mut made = None;
        let mut give = |m| {
            made = Some(m);
            false
        };
        self.make(&[chunk], deflater, &mut give).map_err(Reason::of)?;
        made.ok_or_else(|| "lines are missing from the blocks".into())
    }
}
