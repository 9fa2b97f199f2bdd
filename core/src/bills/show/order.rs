//! Which groups there are, in the order of rows, and which one each cell belongs to.
//!
//! The ranks of a cell's values make a key that sorts as the rows do. Where there could not be many more keys than
//! there are cells, a bit for each key tells which ones there are, and bits before a key's its group. Otherwise the keys
//! of all parts are sorted.

use super::cells::{ColumnCells, Stack};
use super::dense::Bits;
use super::key::{GroupKeys, PackedRanks, Wide, find, width};
use crate::bills::BillError;
use crate::bills::threads::{each, each_mut};

/// The most bits that there may be for each cell: so the bits of a thread take less than the cells.
const BITS_A_CELL: usize = 16;

/// Fewer cells than this are told their groups by one thread.
const CELLS_A_THREAD: usize = 1 << 20;

/// The groups, in the order of their keys.
pub(super) struct Ordered {
    pub(super) groups: GroupKeys,
    /// For each part: the group of each cell.
    pub(super) of_cells: Vec<Vec<u32>>,
}

/// Finds the groups. For each field and then the currency, `values` are those there are, and `ranks` the ranks of each
/// stack's numbers.
pub(super) fn order<C: ColumnCells>(
    stacks: &[Stack<C>],
    values: &[Vec<String>],
    ranks: &[Vec<Vec<u32>>],
    threads: usize,
) -> Result<Ordered, BillError> {
    let widths: Vec<u32> = values.iter().map(|values| width(values.len())).collect();
    let numbered = stacks.iter().enumerate().flat_map(|(at, stack)| stack.parts.iter().map(move |p| (at, p)));
    let parts = Parts { stacks, parts: numbered.collect(), ranks, widths };
    let bits: u32 = parts.widths.iter().sum();
    let cells: usize = stacks.iter().flat_map(|stack| &stack.parts).map(ColumnCells::len).sum();
    if bits < u32::BITS && 1_usize.checked_shl(bits).is_some_and(|keys| keys <= BITS_A_CELL * cells) {
        dense(&parts, bits, threads)
    } else if bits <= u64::BITS {
        sorted::<u64, C>(&parts, threads)
    } else {
        sorted::<Wide, C>(&parts, threads)
    }
}

struct Parts<'a, C> {
    stacks: &'a [Stack<C>],
    /// Each part, with the place of its stack.
    parts: Vec<(usize, &'a C)>,
    ranks: &'a [Vec<Vec<u32>>],
    widths: Vec<u32>,
}

impl<C: ColumnCells> Parts<'_, C> {
    /// Returns the key of each cell of a part.
    fn keys<K: PackedRanks>(&self, at: usize) -> Result<Vec<K>, BillError> {
        let mut keys = Vec::new();
        let Some((stack_at, part)) = self.parts.get(at) else { return Ok(keys) };
        let dictionaries = self.stacks.get(*stack_at).into_iter().flat_map(|stack| &stack.dictionaries);
        keys.resize(part.len(), K::default());
        for (field, ((dictionary, ranks), width)) in
            dictionaries.zip(self.ranks).zip(&self.widths).enumerate()
        {
            // All have the one value that there is.
            if *width == 0 {
                continue;
            }
            let ranks = ranks.get(*stack_at).map_or(&[][..], Vec::as_slice);
            for (key, number) in keys.iter_mut().zip(part.numbers(field, dictionary)?) {
                key.push(field, *width, ranks.get(number as usize).copied().unwrap_or(0));
            }
        }
        Ok(keys)
    }
}

fn dense<C: ColumnCells>(parts: &Parts<'_, C>, bits: u32, threads: usize) -> Result<Ordered, BillError> {
    let (mut of_cells, found) = Bits::collect(threads, bits, parts.parts.len(), |at| parts.keys(at))?;
    // A thread takes longer to start than this takes for some cells.
    let cells: usize = of_cells.iter().map(Vec::len).sum();
    each_mut(if cells < CELLS_A_THREAD { 1 } else { threads }, &mut of_cells, |keys: &mut Vec<u32>| {
        keys.iter_mut().for_each(|key| *key = found.before(*key));
    })?;
    Ok(Ordered { groups: GroupKeys::new(u32::list(found.keys()), &parts.widths), of_cells })
}

fn sorted<K: PackedRanks, C: ColumnCells>(
    parts: &Parts<'_, C>,
    threads: usize,
) -> Result<Ordered, BillError> {
    let keys: Vec<Vec<K>> = each(threads, parts.parts.len(), |at| parts.keys(at))?;
    let groups = distinct(&keys, threads)?;
    let of_cells = each(threads, keys.len(), |at| {
        let mut place = 0;
        let group = |key: &K| {
            place = find(&groups, place, *key);
            place as u32
        };
        Ok(keys.get(at).map_or_else(Vec::new, |keys| keys.iter().map(group).collect()))
    })?;
    drop(keys);
    Ok(Ordered { groups: GroupKeys::new(K::list(groups), &parts.widths), of_cells })
}

/// Returns the keys of all lists, sorted and each once.
///
/// Lists that are sorted in themselves, as those of roll-ups are, take few comparisons.
fn distinct<K: PackedRanks>(lists: &[Vec<K>], threads: usize) -> Result<Vec<K>, BillError> {
    let together = lists.len().div_ceil(threads.max(1)).max(2);
    let mut merged = each(threads, lists.len().div_ceil(together), |at| {
        let mut all: Vec<K> = lists.chunks(together).nth(at).unwrap_or_default().concat();
        all.sort();
        all.dedup();
        Ok(all)
    })?;
    match merged.len() {
        0 | 1 => Ok(merged.pop().unwrap_or_default()),
        _ => distinct(&merged, threads.min(merged.len() / 2)),
    }
}
