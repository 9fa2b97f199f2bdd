//! Turns a stretch of text into a segment: checked lines, sorted, in blocks, with sums, digests and a roll-up.
//!
//! Pure: text in, values out, on any thread. Each figure is made in two ways and compared (I1, I2): the sums of
//! the lines as they were read, of the blocks, and of the roll-up.

use std::ops::Range;

use crate::bills::{DayDigest, OwnerDay, owner_days};
use crate::engine::block::{EncodedColumns, Encoder, Header, Sums, ints, merge_sums, squeeze};
use crate::engine::parted::NewPart;
use crate::engine::rollup::{CellKey, Names, Overflow, Rollup};
use crate::formats::schema::Column;
use crate::values::digest::Digest;
use crate::values::period::{Coverage, Day};

use super::chunk::TextSource;
use super::column::{Amounts, ColumnSum};
use super::encode::{BlockColumn, ColumnScratch};
use super::error::{ImportError, must_tie};
use super::lines::{CheckedLines, LineFacts, Taken, read};
use super::order::order;
use super::request::ImportSettings;
use super::white::WhiteSpace;
use crate::formats::limits::Limits;

/// A segment that is not in the store yet.
pub(super) struct Built {
    pub(super) rows: u32,
    pub(super) blocks: Vec<(Header, Vec<u8>)>,
    pub(super) order: Vec<u8>,
    pub(super) rollup: Vec<NewPart>,
    pub(super) owner_days: Vec<NewPart>,
    pub(super) sums: Vec<Sums>,
    pub(super) days: Vec<DayDigest>,
    pub(super) own_days: Option<Coverage>,
    pub(super) taken: Vec<Taken>,
    pub(super) white: Vec<WhiteSpace>,
}

/// Reads a stretch into a segment.
///
/// # Errors
/// Its faults: those of the first lines that have any, or all of them.
pub(super) fn build(
    source: &TextSource,
    settings: &ImportSettings,
    limits: &Limits,
    all_faults: bool,
) -> Result<Built, ImportError> {
    let mut lines = read(source, limits, all_faults)?;
    let (taken, white) = (std::mem::take(&mut lines.taken), std::mem::take(&mut lines.white));
    let order = order(&lines);
    let sorted = Sorted::new(&lines, &order);
    let blocks = encode_blocks(&sorted, settings)?;
    let owner_days = owner_days_of(&sorted);
    let rollup = rollup_of(source, &sorted)?;

    let sums = sums_of(&lines, &lines.rows, &lines.amounts, 0..lines.rows.len())?;
    let mut in_blocks = Vec::new();
    for (header, _) in &blocks {
        merge_sums(&mut in_blocks, &header.sums).ok_or(Overflow)?;
    }
    must_tie("the sums of lines and blocks", &sums, &in_blocks)?;
    must_tie("the sums of lines and roll-up", &sums, &rollup.sums()?)?;
    let mut packed = Vec::new();
    ints::pack(&order.iter().map(|o| i64::from(*o)).collect::<Vec<_>>(), &mut packed);
    let mut stored = (packed.len() as u64).to_le_bytes().to_vec();
    stored.extend(squeeze(&packed)?);
    let own_days = lines.rows.iter().filter_map(|r| r.own_day).fold(None, |days: Option<Coverage>, day| {
        let days = days.unwrap_or(Coverage { first: day, last: day });
        Some(Coverage { first: days.first.min(day), last: days.last.max(day) })
    });
    Ok(Built {
        rows: lines.rows.len() as u32,
        blocks,
        order: stored,
        rollup: rollup.encode_parts()?,
        days: days_of(source, &owner_days),
        owner_days: owner_days::encode_parts(&owner_days)?,
        sums,
        own_days,
        taken,
        white,
    })
}

/// The lines of a stretch as they are sorted. What each step asks of every line is put in order once.
struct Sorted<'a> {
    lines: &'a CheckedLines<'a>,
    /// Which line has each place.
    order: &'a [u32],
    rows: Vec<LineFacts>,
    amounts: Vec<Amounts>,
}

impl<'a> Sorted<'a> {
    fn new(lines: &'a CheckedLines<'a>, order: &'a [u32]) -> Sorted<'a> {
        let row = |row: &u32| lines.rows.get(*row as usize).copied();
        Sorted {
            lines,
            order,
            rows: order.iter().filter_map(row).collect(),
            amounts: lines.amounts.iter().map(|amounts| amounts.sorted(order)).collect(),
        }
    }

    /// Splits the places into runs of lines that all have the same of something.
    fn runs<K: PartialEq>(&self, key: impl Fn(&LineFacts) -> K) -> impl Iterator<Item = Range<usize>> {
        let mut at = 0;
        self.rows.chunk_by(move |a, b| key(a) == key(b)).map(move |run| {
            at += run.len();
            at - run.len()..at
        })
    }
}

/// Adds up the lines of some places: one entry for each currency.
fn sums_of(
    lines: &CheckedLines<'_>,
    rows: &[LineFacts],
    amounts: &[Amounts],
    places: Range<usize>,
) -> Result<Vec<Sums>, Overflow> {
    let currency = |place: usize| rows.get(place).map_or(0, |r| r.currency as usize);
    let mut counts = vec![0_u64; lines.currencies.len().max(1)];
    for place in places.clone() {
        if let Some(count) = counts.get_mut(currency(place)) {
            *count += 1;
        }
    }
    let mut all = Vec::new();
    for (number, count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
        let mut sums = Vec::with_capacity(amounts.len());
        for (of, (column, _)) in amounts.iter().zip(&lines.summed) {
            let sum = if *count == places.len() as u64 {
                of.sum_of(places.clone())
            } else {
                of.sum_of(places.clone().filter(|place| currency(*place) == number))
            };
            sums.push((*column, sum.ok_or(Overflow)?));
        }
        let currency = lines.currencies.get(number).cloned().unwrap_or_default();
        all.push(Sums { currency, lines: *count, amounts: sums });
    }
    all.sort_unstable_by(|a, b| a.currency.cmp(&b.currency));
    Ok(all)
}

fn owner_days_of(sorted: &Sorted<'_>) -> Vec<OwnerDay> {
    let of_run = |run: Range<usize>| {
        let key = sorted.rows.get(run.start).map(|r| r.key);
        let mut one = OwnerDay {
            coverage_day: key.map_or(0, |k| k.coverage_day),
            owner: key.map_or(0, |k| k.owner),
            text_bytes: 0,
            digest: Digest::EMPTY,
        };
        let lines = sorted.order.get(run).unwrap_or_default();
        for (hash, bytes) in lines.iter().filter_map(|row| sorted.lines.hashes.get(*row as usize)) {
            one.digest.add_line(hash);
            one.text_bytes += u64::from(*bytes);
        }
        one
    };
    sorted.runs(|r| (r.key.coverage_day, r.key.owner)).map(of_run).collect()
}

/// Adds owner-days up to days, the payer's own apart from the customers'.
fn days_of(source: &TextSource, owner_days: &[OwnerDay]) -> Vec<DayDigest> {
    let mut days: Vec<DayDigest> = Vec::new();
    for one in owner_days {
        if days.last().is_none_or(|d| d.coverage_day != one.coverage_day) {
            let coverage_day = one.coverage_day;
            days.push(DayDigest { coverage_day, own: Digest::EMPTY, customers: Digest::EMPTY });
        }
        let Some(day) = days.last_mut() else { continue };
        let own = one.owner == 0 || one.owner == source.bill.payer.number();
        if own { &mut day.own } else { &mut day.customers }.merge(&one.digest);
    }
    days
}

fn rollup_of(source: &TextSource, sorted: &Sorted<'_>) -> Result<Rollup, Overflow> {
    let Sorted { lines, order, rows, amounts } = sorted;
    let mut rollup = Rollup::new(lines.summed.iter().map(|(column, _)| *column).collect());
    let place = |column| source.schema.index_of(column).unwrap_or(0);
    let mut owners = NamesOfSegment::new(lines, place(Column::OwnerUin));
    let mut products = NamesOfSegment::new(lines, place(Column::ProductName));
    let columns = amounts.len();
    // The cells of one run: first line, product and currency by their codes, lines, and the sums of all of them.
    let mut cells: Vec<(usize, (u32, u32), u64)> = Vec::new();
    let mut of_cell: Vec<usize> = Vec::new();
    let mut sums: Vec<ColumnSum> = Vec::new();
    for run in sorted.runs(|r| (r.key.owner, r.own_day)) {
        cells.clear();
        of_cell.clear();
        let own_day = rows.get(run.start).and_then(|r| r.own_day);
        for (known, row) in rows.iter().zip(order.iter()).skip(run.start).take(run.len()) {
            let row = *row as usize;
            let key = (products.code(row), known.currency);
            let at = match cells.iter().position(|(_, k, _)| *k == key) {
                Some(at) => at,
                None => {
                    cells.push((row, key, 0));
                    cells.len() - 1
                }
            };
            if let Some((_, _, count)) = cells.get_mut(at) {
                *count += 1;
            }
            of_cell.push(at);
        }
        sums.clear();
        sums.resize(cells.len() * columns, ColumnSum::default());
        for (of, sums) in amounts.iter().zip(sums.chunks_exact_mut(cells.len().max(1))) {
            for (place, at) in run.clone().zip(&of_cell) {
                if let Some(sum) = sums.get_mut(*at) {
                    of.add(place, sum).ok_or(Overflow)?;
                }
            }
        }
        for (at, (row, (_, currency), count)) in cells.iter().enumerate() {
            let currency = lines.currencies.get(*currency as usize).map_or("", String::as_str);
            let key = CellKey {
                owner: owners.number(*row, &mut rollup.owners),
                product: products.number(*row, &mut rollup.products),
                currency: rollup.currencies.number(currency.as_bytes()),
                day: own_day.map(Day::epoch_days),
            };
            let mut of_columns = Vec::with_capacity(columns);
            for (of, sum) in amounts.iter().zip(sums.iter().skip(at).step_by(cells.len().max(1))) {
                of_columns.push(of.sum(sum).ok_or(Overflow)?);
            }
            rollup.add(key, *count, of_columns.into_iter().enumerate())?;
        }
    }
    Ok(rollup)
}

/// A column that names something, whose texts are looked up once each: they lie all over the stretch.
struct NamesOfSegment<'a> {
    lines: &'a CheckedLines<'a>,
    column: usize,
    codes: &'a [u32],
    /// For each text its number among the names.
    numbers: Vec<Option<u32>>,
}

impl<'a> NamesOfSegment<'a> {
    fn new(lines: &'a CheckedLines<'a>, column: usize) -> NamesOfSegment<'a> {
        let codes = lines.columns.get(column).and_then(|c| c.codes()).unwrap_or_default();
        NamesOfSegment { lines, column, codes, numbers: Vec::new() }
    }

    /// Returns which of the column's texts a line has.
    fn code(&self, row: usize) -> u32 {
        self.codes.get(row).copied().unwrap_or(0)
    }

    fn number(&mut self, row: usize, names: &mut Names) -> u32 {
        let mut scratch = Vec::new();
        let name = self.lines.cell(row, self.column, &mut scratch);
        let Some(code) = self.codes.get(row).map(|code| *code as usize) else { return names.number(name) };
        if self.numbers.len() <= code {
            self.numbers.resize(code + 1, None);
        }
        self.numbers.get_mut(code).map_or(0, |known| *known.get_or_insert_with(|| names.number(name)))
    }
}

fn encode_blocks(
    sorted: &Sorted<'_>,
    settings: &ImportSettings,
) -> Result<Vec<(Header, Vec<u8>)>, ImportError> {
    let Sorted { lines, order, rows, amounts } = sorted;
    let rows_target = settings.block_rows.max(1) as usize;
    let mut blocks = Vec::new();
    let mut at = 0;
    while let Some((rest, first)) = rows.get(at..).and_then(|rest| Some((rest, rest.first()?.key))) {
        let places = at..at + block_rows(rest, rows_target);
        at = places.end;
        let header = Header {
            coverage_day: first.coverage_day,
            rows: places.len() as u32,
            owner_min: first.owner,
            owner_max: rows.get(at - 1).map_or(first.owner, |r| r.key.owner),
            sums: sums_of(lines, rows, amounts, places.clone())?,
        };
        blocks.push((header, order.get(places).unwrap_or_default(), EncodedColumns::default()));
    }
    // A column of all blocks before the next one: its codes and texts stay near.
    let mut encoder = Encoder::new(settings.level)?;
    let mut scratch = ColumnScratch::default();
    for column in &lines.columns {
        let mut of_blocks = BlockColumn::new(&lines.cells, column, &mut scratch);
        for (_, rows, encoded) in &mut blocks {
            encoder.add(encoded, |out| of_blocks.encode(rows, out))?;
        }
    }
    blocks
        .into_iter()
        .map(|(header, _, encoded)| {
            let bytes = encoded.finish(&header)?;
            Ok((header, bytes))
        })
        .collect()
}

/// Returns how many lines the next block has: it ends with its day; past the target it ends with its owner, and at
/// twice the target anyhow.
fn block_rows(rest: &[LineFacts], target: usize) -> usize {
    let day = |row: &LineFacts| row.key.coverage_day;
    let first_day = rest.first().map(day);
    let longest = rest.get(..target * 2).unwrap_or(rest);
    let of_day = longest.partition_point(|row| Some(day(row)) == first_day);
    let last_owner = rest.get(target - 1).map(|row| row.key.owner);
    let past = longest.get(target..).unwrap_or_default();
    let of_owner = past.partition_point(|row| Some(row.key.owner) == last_owner);
    of_day.min(target + of_owner).max(1)
}
