//! Sorts the lines of a stretch as exports have them: day of coverage, owner, time, then the cells one after
//! another as bytes, then the lengths of the cells. Equal lines stay in the order in which they came.

use std::cmp::Ordering;

use super::column::{Data, exception};
use super::lines::{Lines, Row};

/// Returns the lines' numbers, sorted.
pub(super) fn order(lines: &Lines<'_>) -> Vec<u32> {
    let mut keys: Vec<(u128, u32)> =
        lines.rows.iter().enumerate().map(|(row, r)| (key(r), row as u32)).collect();
    keys.sort_unstable();
    let mut from = 0;
    while let Some((key, _)) = keys.get(from) {
        let to = from + keys.get(from..).unwrap_or_default().partition_point(|(k, _)| k <= key);
        if to - from > 1
            && let Some(equal) = keys.get_mut(from..to)
        {
            equal.sort_unstable_by(|(_, a), (_, b)| {
                compare(lines, *a as usize, *b as usize).then_with(|| a.cmp(b))
            });
        }
        from = to.max(from + 1);
    }
    keys.into_iter().map(|(_, row)| row).collect()
}

/// Packs day, owner and time so that they sort as one number.
fn key(row: &Row) -> u128 {
    // Times of a calendar have less than 2^40 seconds; "none" comes last.
    const MIDDLE: i64 = 1 << 54;
    let time = row.key.time.clamp(-MIDDLE, MIDDLE) + MIDDLE;
    u128::from(row.key.coverage_day) << 120
        | u128::from(row.key.owner) << 56
        | u128::from(time.cast_unsigned())
}

/// Compares the cells of two lines, one after another as if they were one text.
fn compare(lines: &Lines<'_>, a: usize, b: usize) -> Ordering {
    for column in &lines.columns {
        let same = match &column.data {
            Data::Coded { codes, .. } => codes.get(a) == codes.get(b),
            Data::Integers { values, exceptions, .. } => {
                values.get(a) == values.get(b)
                    && exception(exceptions, a).is_none()
                    && exception(exceptions, b).is_none()
            }
            Data::Texts => false,
        };
        if same {
            continue;
        }
        let (one, other) = (lines.cells.get(a, column.index), lines.cells.get(b, column.index));
        let both = one.len().min(other.len());
        match one.get(..both).cmp(&other.get(..both)) {
            Ordering::Equal if one.len() == other.len() => {}
            // One cell begins as the other one goes on: what follows it decides.
            Ordering::Equal => return compare_whole(lines, a, b),
            different => return different,
        }
    }
    Ordering::Equal
}

fn compare_whole(lines: &Lines<'_>, a: usize, b: usize) -> Ordering {
    let bytes = |row| lines.cells.record(row).flatten();
    let ends = |row| {
        lines.cells.record(row).scan(0, |end, cell: &[u8]| {
            *end += cell.len();
            Some(*end)
        })
    };
    bytes(a).cmp(bytes(b)).then_with(|| ends(a).cmp(ends(b)))
}
