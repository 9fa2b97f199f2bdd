//! Turns a stretch of text into a segment: checked lines, sorted, in blocks, with sums, digests and a roll-up.
//!
//! Pure: text in, values out, on any thread. Each figure is made in two ways and compared (I1, I2): the sums of
//! the lines as they were read, of the blocks, and of the roll-up.

use crate::bill::DayDigest;
use crate::block::{Encoder, Header, Sums, ints, merge_sums, squeeze};
use crate::digest::{Digest, LineHasher};
use crate::money::Amount;
use crate::period::Coverage;
use crate::rollup::{Overflow, Rollup};
use crate::schema::Column;

use super::error::ImportError;
use super::lines::{Lines, Source, check_text, read};
use super::{Limits, Settings};

/// A segment that is not in the store yet.
pub(super) struct Built {
    pub(super) rows: u32,
    pub(super) blocks: Vec<(Header, Vec<u8>)>,
    pub(super) order: Vec<u8>,
    pub(super) rollup: Vec<u8>,
    pub(super) sums: Vec<Sums>,
    pub(super) days: Vec<DayDigest>,
    pub(super) own_days: Option<Coverage>,
}

/// Sums being added up: for each currency its lines and amounts.
struct Tally {
    currencies: Vec<(u64, Vec<Amount>)>,
}

impl Tally {
    fn new(lines: &Lines) -> Tally {
        Tally { currencies: vec![(0, vec![Amount::ZERO; lines.summed.len()]); lines.currencies.len()] }
    }

    fn add(&mut self, lines: &Lines, row: usize) -> Result<(), Overflow> {
        let currency = lines.rows.get(row).map_or(0, |r| r.currency as usize);
        let Some((count, sums)) = self.currencies.get_mut(currency) else { return Ok(()) };
        *count += 1;
        for (sum, amount) in sums.iter_mut().zip(lines.amounts_of(row)) {
            *sum = sum.checked_add(*amount).ok_or(Overflow)?;
        }
        Ok(())
    }

    fn sums(self, lines: &Lines) -> Vec<Sums> {
        let of = |(currency, (count, amounts)): (&String, (u64, Vec<Amount>))| Sums {
            currency: currency.clone(),
            lines: count,
            amounts: lines.summed.iter().map(|(column, _)| *column).zip(amounts).collect(),
        };
        let mut all: Vec<Sums> =
            lines.currencies.iter().zip(self.currencies).map(of).filter(|s| s.lines > 0).collect();
        all.sort_unstable_by(|a, b| a.currency.cmp(&b.currency));
        all
    }
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
    check_text(source)?;
    let lines = read(source, limits, faults_max)?;
    let mut order: Vec<u32> = (0..lines.rows.len() as u32).collect();
    order.sort_unstable_by(|a, b| {
        let (a, b) = (*a as usize, *b as usize);
        let key = |row: usize| lines.rows.get(row).map(|r| r.key);
        key(a)
            .cmp(&key(b))
            .then_with(|| lines.cells_of(a).cmp(lines.cells_of(b)))
            .then_with(|| lines.ends_of(a).cmp(lines.ends_of(b)))
            .then_with(|| a.cmp(&b))
    });
    let blocks = encode_blocks(&lines, &order, settings)?;

    let mut tally = Tally::new(&lines);
    let columns: Vec<Column> = lines.summed.iter().map(|(c, _)| *c).collect();
    let mut rollup = Rollup::new(columns);
    let product = source.schema.index_of(Column::ProductName).unwrap_or(0);
    let owner = source.schema.index_of(Column::OwnerUin).unwrap_or(0);
    let mut hasher = LineHasher::new(&source.schema_hash);
    let mut days: Vec<DayDigest> = Vec::new();
    let mut own_days: Option<Coverage> = None;
    let payer = source.bill.payer.number();
    for row in order.iter().map(|r| *r as usize) {
        let Some(known) = lines.rows.get(row) else { continue };
        tally.add(&lines, row)?;
        rollup.add_line(
            lines.cell(row, owner),
            lines.cell(row, product),
            lines.currency_of(row).as_bytes(),
            known.own_day,
            lines.amounts_of(row).iter().copied(),
        )?;
        let hash = hasher.hash(lines.cells_of(row), lines.ends_of(row).iter().map(|e| *e as usize));
        if days.last().is_none_or(|d| d.coverage_day != known.key.coverage_day) {
            let coverage_day = known.key.coverage_day;
            days.push(DayDigest { coverage_day, own: Digest::EMPTY, customers: Digest::EMPTY });
        }
        if let Some(day) = days.last_mut() {
            let whose = if matches!(known.key.owner, 0) || known.key.owner == payer {
                &mut day.own
            } else {
                &mut day.customers
            };
            whose.add_line(&hash);
        }
        if let Some(day) = known.own_day {
            let days = own_days.get_or_insert(Coverage { first: day, last: day });
            days.first = days.first.min(day);
            days.last = days.last.max(day);
        }
    }
    let sums = tally.sums(&lines);
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
    Ok(Built {
        rows: lines.rows.len() as u32,
        blocks,
        order: stored,
        rollup: rollup.encode()?,
        sums,
        days,
        own_days,
    })
}

fn encode_blocks(
    lines: &Lines,
    order: &[u32],
    settings: &Settings,
) -> Result<Vec<(Header, Vec<u8>)>, ImportError> {
    let mut encoder = Encoder::new()?;
    // Column by column from here on: the cells of a block are gathered once, line by line, as they lie in memory.
    let mut columns: Vec<Vec<&[u8]>> = vec![Vec::new(); lines.columns];
    let mut blocks = Vec::new();
    let rows_target = settings.block_rows.max(1) as usize;
    let mut from = 0;
    while from < order.len() {
        let key = |at: usize| order.get(at).and_then(|row| lines.rows.get(*row as usize)).map(|r| r.key);
        let first = key(from);
        let day = |at: usize| key(at).map(|k| k.coverage_day);
        let owner = |at: usize| key(at).map(|k| k.owner);
        // A block ends with its day; past the target it ends with its owner, and at twice the target anyhow.
        let mut to = from + 1;
        while to < order.len()
            && day(to) == first.map(|k| k.coverage_day)
            && to - from < rows_target * 2
            && (to - from < rows_target || owner(to) == owner(to - 1))
        {
            to += 1;
        }
        let rows = order.get(from..to).unwrap_or_default();
        let mut tally = Tally::new(lines);
        for row in rows {
            tally.add(lines, *row as usize)?;
        }
        let header = Header {
            coverage_day: first.map_or(0, |k| k.coverage_day),
            rows: rows.len() as u32,
            owner_min: owner(from).unwrap_or(0),
            owner_max: owner(to - 1).unwrap_or(0),
            sums: tally.sums(lines),
        };
        for column in &mut columns {
            column.clear();
        }
        for row in rows {
            lines.push_cells(*row as usize, &mut columns);
        }
        let bytes = encoder.encode(&header, &columns)?;
        blocks.push((header, bytes));
        from = to;
    }
    Ok(blocks)
}
