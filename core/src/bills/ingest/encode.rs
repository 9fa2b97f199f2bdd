//! Hands the columns of a stretch to the block engine, block by block, in the form in which they were read.

use crate::engine::block::BlockError;
use crate::engine::block::encode::{CellsToEncode, entries_max};

use super::cells::ChunkCells as StretchCells;
use super::column::{Data, ReadColumn, exception};
use super::known::KnownTexts;

/// Stands for a text that has no code in the block yet.
const NO_CODE: u32 = u32::MAX;

/// What is used again for each column of each block.
#[derive(Default)]
pub(super) struct ColumnScratch {
    /// For each text of the column its code in the block at hand.
    local: Vec<u32>,
    codes: Vec<u32>,
    values: Vec<i64>,
}

/// A column of a stretch, while blocks of it are encoded.
pub(super) struct BlockColumn<'a> {
    cells: &'a StretchCells<'a>,
    column: &'a ReadColumn,
    scratch: &'a mut ColumnScratch,
}

impl<'a> BlockColumn<'a> {
    pub(super) fn new(
        cells: &'a StretchCells<'a>,
        column: &'a ReadColumn,
        scratch: &'a mut ColumnScratch,
    ) -> BlockColumn<'a> {
        scratch.local.clear();
        if let Data::Coded { entries, .. } = &column.data {
            scratch.local.resize(entries.len(), NO_CODE);
        }
        BlockColumn { cells, column, scratch }
    }

    /// Encodes the lines of a block; returns the codec's number.
    pub(super) fn encode(&mut self, rows: &[u32], out: &mut Vec<u8>) -> Result<u8, BlockError> {
        let ColumnScratch { local, codes: of_rows, values: integers } = &mut *self.scratch;
        match &self.column.data {
            Data::Coded { entries, codes, .. } => {
                if let [one] = entries.as_slice() {
                    // The same in all of the stretch.
                    return CellsToEncode::Coded { entries: &[self.cells.at(*one)], codes: &[0] }.encode(out);
                }
                of_rows.clear();
                let mut of_block: Vec<u32> = Vec::new();
                of_rows.extend(rows.iter().map(|row| {
                    let code = codes.get(*row as usize).copied().unwrap_or(0);
                    match local.get_mut(code as usize) {
                        Some(slot) if *slot != NO_CODE => *slot,
                        Some(slot) => {
                            *slot = of_block.len() as u32;
                            of_block.push(code);
                            *slot
                        }
                        None => 0,
                    }
                }));
                let text = |code: &u32| entries.get(*code as usize).map_or(&b""[..], |s| self.cells.at(*s));
                let texts: Vec<&[u8]> = of_block.iter().map(text).collect();
                let codec = CellsToEncode::Coded { entries: &texts, codes: of_rows }.encode(out);
                for code in of_block {
                    if let Some(slot) = local.get_mut(code as usize) {
                        *slot = NO_CODE;
                    }
                }
                codec
            }
            Data::Integers { form, values, exceptions } => {
                integers.clear();
                integers.extend(rows.iter().map(|row| values.get(*row as usize).copied().unwrap_or(0)));
                let mut others: Vec<(u32, &[u8])> = Vec::new();
                if !exceptions.is_empty() {
                    let mut last = 0;
                    for (at, row) in rows.iter().enumerate() {
                        let Some(slot) = integers.get_mut(at) else { continue };
                        let other = exception(exceptions, *row as usize).and_then(|at| exceptions.get(at));
                        if let Some((_, other)) = other {
                            others.push((at as u32, self.cells.at(other.span)));
                            *slot = last;
                        }
                        last = *slot;
                    }
                }
                CellsToEncode::Integers { form: *form, values: integers, exceptions: &others }.encode(out)
            }
            Data::Texts(texts) => {
                of_rows.clear();
                let mut known = KnownTexts::default();
                let mut entries: Vec<&[u8]> = Vec::new();
                for text in rows.iter().filter_map(|row| texts.get(*row as usize)) {
                    let code = known.code(text.name(self.cells), entries.len() as u32);
                    if code as usize == entries.len() {
                        entries.push(text.at(self.cells));
                    }
                    of_rows.push(code);
                    if entries.len() > entries_max(rows.len()) {
                        let texts = rows.iter().filter_map(|row| texts.get(*row as usize));
                        return CellsToEncode::Different(
                            &texts.map(|t| t.at(self.cells)).collect::<Vec<_>>(),
                        )
                        .encode(out);
                    }
                }
                CellsToEncode::Coded { entries: &entries, codes: of_rows }.encode(out)
            }
        }
    }
}
