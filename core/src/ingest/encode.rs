//! Hands the columns of a stretch to the block engine, block by block, in the form in which they were read.

use crate::block::BlockError;
use crate::block::encode::Cells;

use super::column::{Data, exception};
use super::lines::Lines;

/// Stands for a text that has no code in the block yet.
const NO_CODE: u32 = u32::MAX;

/// What is used again for each column of each block.
pub(super) struct BlockColumns {
    /// For each column and text of the stretch its code in the block at hand.
    local: Vec<Vec<u32>>,
    codes: Vec<u32>,
    values: Vec<i64>,
}

impl BlockColumns {
    pub(super) fn new(lines: &Lines<'_>) -> BlockColumns {
        let texts = |data: &Data| match data {
            Data::Coded { entries, .. } => entries.len(),
            Data::Integers { .. } | Data::Texts => 0,
        };
        let local = lines.columns.iter().map(|c| vec![NO_CODE; texts(&c.data)]).collect();
        BlockColumns { local, codes: Vec::new(), values: Vec::new() }
    }

    /// Encodes one column of the lines of a block; returns the codec's number.
    pub(super) fn encode(
        &mut self,
        lines: &Lines<'_>,
        column: usize,
        rows: &[u32],
        out: &mut Vec<u8>,
    ) -> Result<u8, BlockError> {
        let (Some(read), Some(local)) = (lines.columns.get(column), self.local.get_mut(column)) else {
            return Err(BlockError::TooLarge);
        };
        match &read.data {
            Data::Coded { entries, codes, .. } => {
                if let [one] = entries.as_slice() {
                    // The same in all of the stretch.
                    return Cells::Coded { entries: &[lines.cells.at(*one)], codes: &[0] }.encode(out);
                }
                self.codes.clear();
                let mut of_block: Vec<u32> = Vec::new();
                self.codes.extend(rows.iter().map(|row| {
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
                let text = |code: &u32| entries.get(*code as usize).map_or(&b""[..], |s| lines.cells.at(*s));
                let texts: Vec<&[u8]> = of_block.iter().map(text).collect();
                let codec = Cells::Coded { entries: &texts, codes: &self.codes }.encode(out);
                for code in of_block {
                    if let Some(slot) = local.get_mut(code as usize) {
                        *slot = NO_CODE;
                    }
                }
                codec
            }
            Data::Integers { form, values, exceptions } => {
                self.values.clear();
                self.values.extend(rows.iter().map(|row| values.get(*row as usize).copied().unwrap_or(0)));
                let mut others: Vec<(u32, &[u8])> = Vec::new();
                if !exceptions.is_empty() {
                    let mut last = 0;
                    for (at, row) in rows.iter().enumerate() {
                        let Some(slot) = self.values.get_mut(at) else { continue };
                        if exception(exceptions, *row as usize).is_some() {
                            others.push((at as u32, lines.cells.get(*row as usize, column)));
                            *slot = last;
                        }
                        last = *slot;
                    }
                }
                Cells::Integers { form: *form, values: &self.values, exceptions: &others }.encode(out)
            }
            Data::Texts => {
                let texts: Vec<&[u8]> =
                    rows.iter().map(|row| lines.cells.get(*row as usize, column)).collect();
                Cells::Texts(&texts).encode(out)
            }
        }
    }
}
