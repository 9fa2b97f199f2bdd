//! Sorts the lines of a stretch as exports have them: day of coverage, owner, time, then the cells one after
//! another as bytes, then the lengths of the cells. Equal lines stay in the order in which they came.

use std::borrow::Cow;
use std::cmp::Ordering;

use super::cells::CellSpan;
use super::column::{Data, ReadColumn, exception};
use super::lines::{CheckedLines, LineFacts};

/// A line with what it is sorted by first: day, owner and time, and then the ranks of its first cells.
type Keyed = (u128, u64, u32);

/// Returns the lines' numbers, sorted.
pub(super) fn order(lines: &CheckedLines<'_>) -> Vec<u32> {
    let (ranks, ranked) = ranks_of_lines(lines);
    let keyed = |((row, r), rank): ((usize, &LineFacts), &u64)| (key(r), *rank, row as u32);
    let mut keys: Vec<Keyed> = lines.rows.iter().enumerate().zip(&ranks).map(keyed).collect();
    keys.sort_unstable();
    let mut rest = keys.as_mut_slice();
    while let Some((key, rank, _)) = rest.first().copied() {
        let equal = rest.iter().take_while(|(k, r, _)| (*k, *r) == (key, rank)).count();
        let (group, others) = rest.split_at_mut(equal);
        by_cells(lines, group, ranked);
        rest = others;
    }
    keys.into_iter().map(|(_, _, row)| row).collect()
}

/// Returns, for each line, a number by which lines sort as by their cells in the first columns, and how many columns these
/// are: as far as their cells have ranks, and 64 bits reach.
fn ranks_of_lines(lines: &CheckedLines<'_>) -> (Vec<u64>, usize) {
    let mut ranks = vec![0_u64; lines.rows.len()];
    let mut left = u64::BITS;
    let mut columns = 0;
    for column in &lines.columns {
        let Some((bits, of_lines)) = ranks_of_column(lines, column, left) else { break };
        for (rank, of_line) in ranks.iter_mut().zip(of_lines) {
            *rank = rank.checked_shl(bits).unwrap_or(0) | of_line;
        }
        left -= bits;
        columns += 1;
    }
    (ranks, columns)
}

/// Returns, for each line, where its cell of a column comes among all, and how many bits that takes; `None` for more bits than are
/// left, and for columns of many texts, or of texts of which one goes on from another.
fn ranks_of_column(lines: &CheckedLines<'_>, column: &ReadColumn, left: u32) -> Option<(u32, Vec<u64>)> {
    let bits_for = |largest: u64| Some(u64::BITS - largest.leading_zeros()).filter(|bits| *bits <= left);
    if let Data::Coded { entries, codes, .. } = &column.data {
        let bits = bits_for(entries.len().saturating_sub(1) as u64)?;
        let of_texts = ranks_of_texts(lines, entries)?;
        return Some((bits, codes.iter().map(|c| of_texts.get(*c as usize).copied().unwrap_or(0)).collect()));
    }
    let values = sorted_integers(column)?;
    let least = values.iter().copied().min()?;
    let bits = bits_for(values.iter().copied().max()?.abs_diff(least))?;
    Some((bits, values.iter().map(|value| value.abs_diff(least)).collect()))
}

/// Returns the integers of a column, if its cells are all as long as each other, so that they sort as their numbers do.
fn sorted_integers(column: &ReadColumn) -> Option<&[i64]> {
    match &column.data {
        Data::Integers { form, values, exceptions } if form.sorts_as_text() && exceptions.is_empty() => {
            Some(values)
        }
        _ => None,
    }
}

/// Returns where each text comes among all; `None` if one of them goes on where another one ends.
fn ranks_of_texts(lines: &CheckedLines<'_>, entries: &[CellSpan]) -> Option<Vec<u64>> {
    let of = |(code, span): (usize, &CellSpan)| SortedCell::of(lines, *span, code as u32);
    let mut cells: Vec<SortedCell<'_>> = entries.iter().enumerate().map(of).collect();
    cells.sort_unstable();
    if cells.array_windows().any(SortedCell::goes_on) {
        return None;
    }
    let mut ranks = vec![0; entries.len()];
    for (rank, cell) in cells.iter().enumerate() {
        if let Some(slot) = ranks.get_mut(cell.row as usize) {
            *slot = rank as u64;
        }
    }
    Some(ranks)
}

/// Sorts lines that are equal so far by their cells from a column on.
///
/// The cells of the first column in which they differ are fetched once for each line; comparing pairs would fetch them again
/// and again, from all over the text. Equal lines are given, and stay, in the order in which they came.
fn by_cells(lines: &CheckedLines<'_>, group: &mut [Keyed], from: usize) {
    if group.len() < 2 {
        return;
    }
    let rows = || group.iter().map(|(_, _, row)| *row as usize);
    let first = rows().next().unwrap_or(0);
    let columns = lines.columns.get(from..).unwrap_or_default();
    let different = |column: &&ReadColumn| rows().any(|row| !same(column, first, row));
    let Some(column) = columns.iter().find(different) else { return };
    let mut cells: Vec<SortedCell<'_>> = rows().map(|row| SortedCell::of_line(lines, column, row)).collect();
    cells.sort_unstable();
    if cells.array_windows().any(SortedCell::goes_on) {
        return compare_pairs(lines, group, column.index);
    }
    for ((_, _, row), cell) in group.iter_mut().zip(&cells) {
        *row = cell.row;
    }
    let mut rest = group;
    for equal in cells.chunk_by(SortedCell::is) {
        let (run, others) = rest.split_at_mut(equal.len());
        by_cells(lines, run, column.index + 1);
        rest = others;
    }
}

fn compare_pairs(lines: &CheckedLines<'_>, group: &mut [Keyed], from: usize) {
    group.sort_unstable_by(|(_, _, a), (_, _, b)| {
        compare(lines, from, *a as usize, *b as usize).then_with(|| a.cmp(b))
    });
}

/// A cell, while lines or texts are sorted by it.
struct SortedCell<'a> {
    /// Its first 16 bytes, as a number that sorts as they do. No cell holds a NUL, so the zeros after a short one sort before
    /// whatever goes on.
    begins: u128,
    /// What follows them.
    rest: Cow<'a, [u8]>,
    bytes: usize,
    row: u32,
}

impl<'a> SortedCell<'a> {
    fn new(begins: u128, text: &'a [u8], row: u32) -> SortedCell<'a> {
        let rest = Cow::Borrowed(text.get(16..).unwrap_or_default());
        SortedCell { begins, rest, bytes: text.len(), row }
    }

    fn of(lines: &'a CheckedLines<'_>, span: CellSpan, row: u32) -> SortedCell<'a> {
        let (from, bytes) = span.place();
        SortedCell::new(lines.cells.word(from, bytes).swap_bytes(), lines.cells.at(span), row)
    }

    fn of_line(lines: &'a CheckedLines<'_>, column: &'a ReadColumn, row: usize) -> SortedCell<'a> {
        let place = row as u32;
        if let Some(values) = sorted_integers(column) {
            let value = i128::from(values.get(row).copied().unwrap_or(0));
            let begins = (value - i128::from(i64::MIN)).cast_unsigned();
            return SortedCell { begins, rest: Cow::Borrowed(b""), bytes: 16, row: place };
        }
        if let Data::Texts(texts) = &column.data {
            // The first bytes are at hand, wherever in the file's text the cell lies.
            return texts.get(row).map_or(SortedCell::new(0, b"", place), |text| {
                SortedCell::new(u128::from_be_bytes(text.begins), text.at(&lines.cells), place)
            });
        }
        match column.data.span(row) {
            Some(span) => SortedCell::of(lines, span, place),
            None => {
                let mut text = Vec::new();
                let bytes = column.cell(&lines.cells, row, &mut text).len();
                let rest = text.get(16..).unwrap_or_default().to_vec();
                text.resize(16, 0);
                let begins = text.first_chunk().map_or(0, |word| u128::from_be_bytes(*word));
                SortedCell { begins, rest: Cow::Owned(rest), bytes, row: place }
            }
        }
    }

    /// Says whether the second of two neighbours goes on where the first one ends: what follows in their lines decides then.
    fn goes_on([one, other]: &[SortedCell<'_>; 2]) -> bool {
        let alike = (one.begins ^ other.begins).leading_zeros() as usize / 8;
        alike >= one.bytes.min(16) && other.bytes > one.bytes && other.rest.starts_with(&one.rest)
    }

    fn is(one: &SortedCell<'_>, other: &SortedCell<'_>) -> bool {
        one.begins == other.begins && one.compare_rest(other) == Ordering::Equal
    }

    /// Compares what follows the first bytes: mostly nothing.
    fn compare_rest(&self, other: &SortedCell<'_>) -> Ordering {
        if self.bytes <= 16 && other.bytes <= 16 { Ordering::Equal } else { self.rest.cmp(&other.rest) }
    }
}

impl Ord for SortedCell<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        let begins = self.begins.cmp(&other.begins).then_with(|| self.compare_rest(other));
        begins.then_with(|| (self.bytes, self.row).cmp(&(other.bytes, other.row)))
    }
}

impl PartialOrd for SortedCell<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for SortedCell<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for SortedCell<'_> {}

/// Says whether two lines are known to have the same cell in a column, without a look at their texts.
fn same(column: &ReadColumn, a: usize, b: usize) -> bool {
    match &column.data {
        Data::Coded { codes, .. } => codes.get(a) == codes.get(b),
        Data::Integers { values, exceptions, .. } => {
            values.get(a) == values.get(b)
                && exception(exceptions, a).is_none()
                && exception(exceptions, b).is_none()
        }
        Data::Texts(_) => false,
    }
}

/// Packs day, owner and time so that they sort as one number.
fn key(row: &LineFacts) -> u128 {
    // Times of a calendar have less than 2^40 seconds; "none" comes last.
    const MIDDLE: i64 = 1 << 54;
    let time = row.key.time.clamp(-MIDDLE, MIDDLE) + MIDDLE;
    u128::from(row.key.coverage_day) << 120
        | u128::from(row.key.owner) << 56
        | u128::from(time.cast_unsigned())
}

/// Compares two lines by their cells from a column on, one after another as if they were one text; those before are equal.
fn compare(lines: &CheckedLines<'_>, from: usize, a: usize, b: usize) -> Ordering {
    let (mut mine, mut theirs) = (Vec::new(), Vec::new());
    for column in lines.columns.get(from..).unwrap_or_default() {
        if same(column, a, b) {
            continue;
        }
        let one = column.cell(&lines.cells, a, &mut mine);
        let other = column.cell(&lines.cells, b, &mut theirs);
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

fn compare_whole(lines: &CheckedLines<'_>, a: usize, b: usize) -> Ordering {
    let (mut scratch, mut one, mut other) = (Vec::new(), (Vec::new(), Vec::new()), (Vec::new(), Vec::new()));
    for (row, (text, ends)) in [(a, &mut one), (b, &mut other)] {
        for column in &lines.columns {
            text.extend_from_slice(column.cell(&lines.cells, row, &mut scratch));
            ends.push(text.len());
        }
    }
    one.cmp(&other)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::super::chunk::TextSource;
    use super::super::fault::FaultPlace;
    use super::super::lines::read;
    use super::*;
    use crate::bills::BillKey;
    use crate::formats::limits::Limits;
    use crate::formats::schema::Schema;
    use crate::values::period::{Basis, BillMonth};

    const HEADERS: [&str; 10] = [
        "PayerAccountID",
        "OwnerAccountID",
        "UsageStartTime",
        "ProductName",
        "Note",
        "TransactionID",
        "InstanceID",
        "TotalCost",
        "Currency",
        "Remark",
    ];

    fn source(records: &[String]) -> TextSource {
        let schema = Schema::recognise(HEADERS.iter().map(|h| h.as_bytes())).unwrap();
        let payer = "100010445724".parse().unwrap();
        TextSource {
            bytes: (records.join("\n") + "\n").into_bytes(),
            text_hash: [0; 32],
            place: FaultPlace::default(),
            schema_hash: schema.hash(),
            schema: Arc::new(schema),
            bill: BillKey { payer, month: BillMonth::new(2021, 3).unwrap(), basis: Basis::Used },
            last_day: None,
            only_day: false,
            encoding: crate::formats::text::Encoding::Utf8,
            separator: b',',
            verbatim: false,
        }
    }

    /// The rule, said plainly: day, owner, time, the cells as one text, their ends, and then as they came.
    fn plainly(lines: &CheckedLines<'_>) -> Vec<u32> {
        let mut rows: Vec<u32> = (0..lines.rows.len() as u32).collect();
        rows.sort_by_key(|row| {
            let row = *row as usize;
            let mut scratch = Vec::new();
            let cells: Vec<Vec<u8>> =
                (0..lines.columns.len()).map(|c| lines.cell(row, c, &mut scratch).to_vec()).collect();
            let ends: Vec<usize> = cells
                .iter()
                .scan(0, |end, cell| {
                    *end += cell.len();
                    Some(*end)
                })
                .collect();
            (lines.rows[row].key, cells.concat(), ends)
        });
        rows
    }

    fn is_the_rule(records: &[String]) {
        let source = source(records);
        let lines = read(&source, &Limits::default(), false).unwrap();
        assert_eq!(order(&lines), plainly(&lines));
    }

    #[test]
    fn long_columns_of_every_kind_sort_by_the_rule() {
        let mut rng =
            proptest::test_runner::TestRng::deterministic_rng(proptest::test_runner::RngAlgorithm::ChaCha);
        let mut below = |n: u32| rng.next_u32() % n;
        // So many that columns become integers and plain texts.
        let records: Vec<String> = (0..3_000)
            .map(|_| {
                let (owner, hour, product) = (below(3), below(2), below(5));
                let (digits, instance, goes_on) = (below(90_000), below(60_000), "a".repeat(below(20) as usize));
                let total = below(4);
                format!(
                    "100010445724,20000000000{owner},2021-03-0{} 0{hour}:00:00,P{product},{goes_on},2021030100{digits:07},ins-{instance},{total}.5,USD,{}",
                    owner + 1,
                    ["", "x", "xy"][below(3) as usize]
                )
            })
            .collect();
        is_the_rule(&records);
        // The same lines, all of one owner and hour.
        let tied: Vec<String> = records
            .iter()
            .map(|record| {
                let rest = record.splitn(4, ',').last().unwrap();
                format!("100010445724,200000000001,2021-03-01 00:00:00,{rest}")
            })
            .collect();
        is_the_rule(&tied);
    }

    proptest! {
        #[test]
        fn lines_sort_by_the_rule(
            cells in proptest::collection::vec(("[ab]{0,3}", "[ab]{0,3}", "[01]{2}", "[ab]{15,18}|a?"), 1..40),
        ) {
            let records: Vec<String> = cells
                .iter()
                .map(|(product, note, id, instance)| {
                    format!("100010445724,200000000001,2021-03-01 00:00:00,{product},{note},{id},{instance},1.5,USD,{note}")
                })
                .collect();
            is_the_rule(&records);
        }
    }
}
