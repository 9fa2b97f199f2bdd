//! Merges cells of many parts into groups.
//!
//! Cells are not looked up one by one. Each cell is told its group ([`order`]), and then column after column is added
//! up. So what is unpacked at a time is one column of one part for each thread.

use crate::engine::block::{Sums, merge_sums};
use crate::engine::rollup::Overflow;
use crate::formats::schema::Column;
use crate::values::money::Amount;

use super::cells::{ColumnCells, Stack, Summed};
use super::dictionary::Dictionary;
use super::field::BillField;
use super::grouped::Grouped;
use super::order::order;
use super::sums::ColumnSums;
use crate::bills::BillError;
use crate::bills::threads::each;

/// Merges what the threads read; returns the groups, and the sums over all of them, one entry for each currency.
pub(super) fn merge<C: ColumnCells>(
    stacks: Vec<Stack<C>>,
    fields: &[BillField],
    columns: Vec<Column>,
    threads: usize,
) -> Result<(Grouped, Vec<Sums>), BillError> {
    let ranked = (0..=fields.len()).map(|at| {
        let of_field = stacks.iter().filter_map(|stack| stack.dictionaries.get(at));
        Dictionary::ranked(of_field)
    });
    let (values, ranks): (Vec<_>, Vec<_>) = ranked.unzip();
    let ordered = order(&stacks, &values, &ranks, threads)?;
    let cells: Vec<C> = stacks.into_iter().flat_map(|stack| stack.parts).collect();
    let currencies = values.last().map_or(&[][..], Vec::as_slice);
    let wanted: Vec<Summed> = columns.iter().copied().map(Summed::Column).chain([Summed::Lines]).collect();
    let summed = each(threads, wanted.len(), |at| {
        let summed = wanted.get(at).copied().unwrap_or(Summed::Lines);
        let scale = cells.iter().filter_map(|cells| cells.scale(summed)).max().unwrap_or(0);
        let mut sums = ColumnSums::new(ordered.groups.len(), scale);
        for (cells, groups) in cells.iter().zip(&ordered.of_cells) {
            cells.add(summed, groups, &mut sums)?;
        }
        let totals = sums.totals(|group| ordered.groups.rank(group, fields.len()), currencies.len())?;
        Ok((sums, totals))
    })?;
    let (mut amounts, mut totals): (Vec<ColumnSums>, Vec<Vec<Amount>>) = summed.into_iter().unzip();
    let lines = amounts.pop().unwrap_or_else(|| ColumnSums::new(0, 0));
    let lines_total = totals.pop().unwrap_or_default();
    let mut all = Vec::new();
    for (at, currency) in currencies.iter().enumerate() {
        let amount = |totals: &Vec<Amount>| totals.get(at).copied().unwrap_or(Amount::ZERO);
        let lines =
            lines_total.get(at).and_then(|lines| u64::try_from(lines.mantissa()).ok()).ok_or(Overflow)?;
        let amounts = columns.iter().copied().zip(totals.iter().map(amount)).collect();
        merge_sums(&mut all, &[Sums { currency: currency.clone(), lines, amounts }]).ok_or(Overflow)?;
    }
    all.retain(|sums| sums.lines > 0);
    let groups = ordered.groups;
    let grouped = Grouped { fields: fields.to_vec(), columns, groups, values, lines, amounts };
    Ok((grouped, all))
}
