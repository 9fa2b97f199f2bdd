//! Turns a stretch of text into a segment: checked lines, sorted, in blocks, with sums, digests and a roll-up.
//!
//! Pure: text in, values out, on any thread. Each figure is made in two ways and compared (I1, I2): the sums of
//! the lines as they were read, of the blocks, and of the roll-up.

use crate::bill::{DayDigest, OwnerDay, owner_days};
use crate::block::{EncodedColumns, Encoder, Header, Sums, ints, merge_sums, squeeze};
use crate::digest::Digest;
use crate::period::{Coverage, Day};
use crate::rollup::{CellKey, Names, Overflow, Rollup};
use crate::schema::Column;

use super::column::Sum;
use super::encode::{BlockColumn, ColumnScratch};
use super::error::ImportError;
use super::lines::{Lines, Row, SortKey, Source, read};
use super::order::order;
use super::{Limits, Settings};

/// A segment that is not in the store yet.
pub(super) struct Built {
    pub(super) rows: u32,
    pub(super) blocks: Vec<(Header, Vec<u8>)>,
    pub(super) order: Vec<u8>,
    pub(super) rollup: Vec<u8>,
    pub(super) owner_days: Vec<u8>,
    pub(super) sums: Vec<Sums>,
    pub(super) days: Vec<DayDigest>,
    pub(super) own_days: Option<Coverage>,
}

/// Reads a stretch into a segment.
///
/// # Errors
/// The first `faults_max` faults, in the file's order.
pub(super) fn build(
    source: &Source,
    settings: &Settings,
    limits: &Limits,
    faults_max: usize,
) -> Result<Built, ImportError> {
    let lines = read(source, limits, faults_max)?;
    let order = order(&lines);
    let blocks = encode_blocks(&lines, &order, settings)?;
    let owner_days = owner_days_of(&lines, &order);
    let rollup = rollup_of(source, &lines, &order)?;

    let sums = sums_of(&lines, 0..lines.rows.len())?;
    let mut in_blocks = Vec::new();
    for (header, _) in &blocks {
        merge_sums(&mut in_blocks, &header.sums).ok_or(Overflow)?;
    }
    super::must_tie("the sums of lines and blocks", &sums, &in_blocks)?;
    super::must_tie("the sums of lines and roll-up", &sums, &rollup.sums()?)?;
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
        rollup: rollup.encode()?,
        days: days_of(source, &owner_days),
        owner_days: owner_days::encode(&owner_days)?,
        sums,
        own_days,
    })
}

/// Adds up lines: one entry for each currency.
fn sums_of(lines: &Lines<'_>, rows: impl Iterator<Item = usize>) -> Result<Vec<Sums>, Overflow> {
    let mut by_currency: Vec<Vec<usize>> = vec![Vec::new(); lines.currencies.len().max(1)];
    for row in rows {
        let currency = lines.rows.get(row).map_or(0, |r| r.currency as usize);
        if let Some(of_currency) = by_currency.get_mut(currency) {
            of_currency.push(row);
        }
    }
    let mut all = Vec::new();
    for (number, rows) in by_currency.iter().enumerate().filter(|(_, rows)| !rows.is_empty()) {
        let mut amounts = Vec::with_capacity(lines.amounts.len());
        for (of, (column, _)) in lines.amounts.iter().zip(&lines.summed) {
            amounts.push((*column, of.sum_of(rows).ok_or(Overflow)?));
        }
        let currency = lines.currencies.get(number).cloned().unwrap_or_default();
        all.push(Sums { currency, lines: rows.len() as u64, amounts });
    }
    all.sort_unstable_by(|a, b| a.currency.cmp(&b.currency));
    Ok(all)
}

/// Splits sorted lines into runs of which all have the same of something.
fn runs<'o, K: PartialEq>(
    lines: &Lines<'_>,
    order: &'o [u32],
    key: impl Fn(&Row) -> K,
) -> impl Iterator<Item = &'o [u32]> {
    let of = move |row: &u32| lines.rows.get(*row as usize).map(&key);
    order.chunk_by(move |a, b| of(a) == of(b))
}

fn owner_days_of(lines: &Lines<'_>, order: &[u32]) -> Vec<OwnerDay> {
    let of_run = |run: &[u32]| {
        let key = run.first().and_then(|row| lines.rows.get(*row as usize)).map(|r| r.key);
        let mut one = OwnerDay {
            coverage_day: key.map_or(0, |k| k.coverage_day),
            owner: key.map_or(0, |k| k.owner),
            text_bytes: 0,
            digest: Digest::EMPTY,
        };
        for (hash, bytes) in run.iter().filter_map(|row| lines.hashes.get(*row as usize)) {
            one.digest.add_line(hash);
            one.text_bytes += u64::from(*bytes);
        }
        one
    };
    runs(lines, order, |r| (r.key.coverage_day, r.key.owner)).map(of_run).collect()
}

/// Adds owner-days up to days, the payer's own apart from the customers'.
fn days_of(source: &Source, owner_days: &[OwnerDay]) -> Vec<DayDigest> {
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

fn rollup_of(source: &Source, lines: &Lines<'_>, order: &[u32]) -> Result<Rollup, Overflow> {
    let mut rollup = Rollup::new(lines.summed.iter().map(|(column, _)| *column).collect());
    let place = |column| source.schema.index_of(column).unwrap_or(0);
    let mut owners = NameColumn::new(lines, place(Column::OwnerUin));
    let mut products = NameColumn::new(lines, place(Column::ProductName));
    let columns = lines.amounts.len();
    // The cells of one run: first line, product and currency by their codes, lines, and the sums of all of them.
    let mut cells: Vec<(usize, (u32, u32), u64)> = Vec::new();
    let mut sums: Vec<Sum> = Vec::new();
    for run in runs(lines, order, |r| (r.key.owner, r.own_day)) {
        cells.clear();
        sums.clear();
        for row in run.iter().map(|row| *row as usize) {
            let Some(known) = lines.rows.get(row) else { continue };
            let key = (products.code(row), known.currency);
            let at = match cells.iter().position(|(_, k, _)| *k == key) {
                Some(at) => at,
                None => {
                    cells.push((row, key, 0));
                    sums.resize(cells.len() * columns, Sum::default());
                    cells.len() - 1
                }
            };
            if let Some((_, _, count)) = cells.get_mut(at) {
                *count += 1;
            }
            let slots = sums.get_mut(at * columns..(at + 1) * columns).unwrap_or_default();
            for (slot, amounts) in slots.iter_mut().zip(&lines.amounts) {
                amounts.add(row, slot).ok_or(Overflow)?;
            }
        }
        for ((row, (_, currency), count), sums) in cells.iter().zip(sums.chunks_exact(columns.max(1))) {
            let currency = lines.currencies.get(*currency as usize).map_or("", String::as_str);
            let key = CellKey {
                owner: owners.number(*row, &mut rollup.owners),
                product: products.number(*row, &mut rollup.products),
                currency: rollup.currencies.number(currency.as_bytes()),
                day: lines.rows.get(*row).and_then(|r| r.own_day).map(Day::epoch_days),
            };
            let mut amounts = Vec::with_capacity(columns);
            for (of, sum) in lines.amounts.iter().zip(sums) {
                amounts.push(of.sum(sum).ok_or(Overflow)?);
            }
            rollup.add(key, *count, amounts.into_iter().enumerate())?;
        }
    }
    Ok(rollup)
}

/// A column that names something, whose texts are looked up once each: they lie all over the stretch.
struct NameColumn<'a> {
    lines: &'a Lines<'a>,
    column: usize,
    codes: &'a [u32],
    /// For each text its number among the names.
    numbers: Vec<Option<u32>>,
}

impl<'a> NameColumn<'a> {
    fn new(lines: &'a Lines<'a>, column: usize) -> NameColumn<'a> {
        let codes = lines.columns.get(column).and_then(|c| c.codes()).unwrap_or_default();
        NameColumn { lines, column, codes, numbers: Vec::new() }
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
    lines: &Lines<'_>,
    order: &[u32],
    settings: &Settings,
) -> Result<Vec<(Header, Vec<u8>)>, ImportError> {
    let rows_target = settings.block_rows.max(1) as usize;
    let key = |row: &u32| lines.rows.get(*row as usize).map(|r| r.key);
    let mut blocks = Vec::new();
    let mut rest = order;
    while let Some(first) = rest.first().and_then(key) {
        let rows = rest.get(..block_rows(rest, key, rows_target)).unwrap_or(rest);
        rest = rest.get(rows.len()..).unwrap_or_default();
        let header = Header {
            coverage_day: first.coverage_day,
            rows: rows.len() as u32,
            owner_min: first.owner,
            owner_max: rows.last().and_then(key).map_or(first.owner, |k| k.owner),
            sums: sums_of(lines, rows.iter().map(|row| *row as usize))?,
        };
        blocks.push((header, rows, EncodedColumns::default()));
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
fn block_rows(order: &[u32], key: impl Fn(&u32) -> Option<SortKey>, target: usize) -> usize {
    let day = |row: &u32| key(row).map(|k| k.coverage_day);
    let owner = |row: &u32| key(row).map(|k| k.owner);
    let first_day = order.first().and_then(day);
    let longest = order.get(..target * 2).unwrap_or(order);
    let of_day = longest.partition_point(|row| day(row) == first_day);
    let last_owner = order.get(target - 1).and_then(owner);
    let of_owner = longest.get(target..).unwrap_or_default().partition_point(|row| owner(row) == last_owner);
    of_day.min(target + of_owner).max(1)
}
