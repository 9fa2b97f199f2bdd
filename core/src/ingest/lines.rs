//! Reads the lines of a stretch: parses the CSV, checks every cell that has a meaning, and keeps the text.
//!
//! A cell is checked by its column's class. What is kept is the text as it came; what the checks learn besides
//! (amounts, day, owner, currency) is what lines are sorted and summed by.

use std::ops::Range;
use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use crate::bill::BillKey;
use crate::block::text::read_time;
use crate::money::{Amount, trim_cell};
use crate::period::{BillMonth, Coverage, Day};
use crate::schema::{Class, Column, Schema};
use crate::uin::Uin;

use super::error::{Fault, ImportError, Place};
use super::recognise::is_blank;
use super::{Limits, Settings};

/// A stretch of text with all that is needed to read it.
pub(super) struct Source {
    pub(super) bytes: Vec<u8>,
    pub(super) place: Place,
    pub(super) schema: Arc<Schema>,
    pub(super) schema_hash: [u8; 32],
    pub(super) bill: BillKey,
    /// The last day that lines may have, where the file's name tells it.
    pub(super) last_day: Option<Day>,
    /// The only day that lines may have, in a file of one day.
    pub(super) only_day: bool,
}

impl Source {
    /// Returns the hash by which a segment of the same text and meaning is found again.
    pub(super) fn key(&self, settings: &Settings) -> [u8; 32] {
        let mut hasher = Sha256::new();
        hasher.update(b"billkeep segment 1\n");
        hasher.update(self.schema_hash);
        hasher.update(self.bill.bytes());
        hasher.update(settings.block_rows.to_le_bytes());
        hasher.update(&self.bytes);
        hasher.finalize().into()
    }

    /// Says whether a line of this day may stand in the file, as far as its name tells.
    ///
    /// Days before the month belong to its first day; days after it only to the complete month.
    pub(super) fn covers(&self, day: Day) -> bool {
        match self.last_day {
            None => true,
            Some(last) if self.only_day => day == last,
            Some(last) => day <= last || last == self.bill.month.last_day(),
        }
    }

    /// Returns the line of text at an offset.
    pub(super) fn line_of(&self, offset: usize) -> u64 {
        let before = self.bytes.get(..offset).unwrap_or_default();
        self.place.line + memchr::memchr_iter(b'\n', before).count() as u64
    }
}

/// What a line is sorted by; its cells decide among equals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct SortKey {
    pub(super) coverage_day: u8,
    pub(super) owner: u64,
    pub(super) time: i64,
}

pub(super) struct Row {
    pub(super) key: SortKey,
    /// Which of the currencies.
    pub(super) currency: u32,
    pub(super) own_day: Option<Day>,
    cells_from: usize,
}

/// The lines of a stretch, read and checked, in the order in which they came.
pub(super) struct Lines {
    pub(super) columns: usize,
    cells: Vec<u8>,
    /// The ends of each line's cells, relative to the line's first byte.
    ends: Vec<u32>,
    pub(super) rows: Vec<Row>,
    /// The summed amounts of each line.
    amounts: Vec<Amount>,
    /// Which columns are summed, and where they are.
    pub(super) summed: Vec<(Column, usize)>,
    pub(super) currencies: Vec<String>,
}

impl Lines {
    pub(super) fn ends_of(&self, row: usize) -> &[u32] {
        self.ends.get(row * self.columns..(row + 1) * self.columns).unwrap_or_default()
    }

    fn range_of(&self, row: usize) -> Range<usize> {
        let from = self.rows.get(row).map_or(0, |r| r.cells_from);
        from..from + self.ends_of(row).last().map_or(0, |e| *e as usize)
    }

    pub(super) fn cells_of(&self, row: usize) -> &[u8] {
        self.cells.get(self.range_of(row)).unwrap_or_default()
    }

    pub(super) fn cell(&self, row: usize, column: usize) -> &[u8] {
        let ends = self.ends_of(row);
        let from = column.checked_sub(1).and_then(|c| ends.get(c)).map_or(0, |e| *e as usize);
        let to = ends.get(column).map_or(from, |e| *e as usize);
        let start = self.rows.get(row).map_or(0, |r| r.cells_from);
        self.cells.get(start + from..start + to).unwrap_or_default()
    }

    pub(super) fn amounts_of(&self, row: usize) -> &[Amount] {
        let n = self.summed.len();
        self.amounts.get(row * n..(row + 1) * n).unwrap_or_default()
    }

    /// Appends each cell of a line to its column.
    pub(super) fn push_cells<'a>(&'a self, row: usize, columns: &mut [Vec<&'a [u8]>]) {
        let line = self.cells_of(row);
        let mut from = 0;
        for (column, end) in columns.iter_mut().zip(self.ends_of(row)) {
            let end = *end as usize;
            column.push(line.get(from..end).unwrap_or_default());
            from = end;
        }
    }

    pub(super) fn currency_of(&self, row: usize) -> &str {
        let number = self.rows.get(row).map_or(0, |r| r.currency as usize);
        self.currencies.get(number).map_or("", String::as_str)
    }
}

pub(super) fn check_text(source: &Source) -> Result<(), ImportError> {
    let fault = |offset: usize, fault: Fault| {
        ImportError::fault(Place { line: source.line_of(offset), ..source.place.clone() }, fault)
    };
    if let Some(at) = memchr::memchr(0, &source.bytes) {
        return Err(fault(at, Fault::Nul));
    }
    match simdutf8::compat::from_utf8(&source.bytes) {
        Ok(_) => Ok(()),
        Err(e) => {
            let at = e.valid_up_to();
            Err(fault(at, Fault::NotUtf8 { byte: source.bytes.get(at).copied().unwrap_or(0) }))
        }
    }
}

/// How the cells of one column are checked.
struct Check<'a> {
    index: usize,
    column: Column,
    header: &'a str,
    /// The place among the summed amounts.
    summed: Option<usize>,
}

/// Reads all lines of a stretch.
///
/// # Errors
/// The first `faults_max` faults, in the file's order.
pub(super) fn read(source: &Source, limits: &Limits, faults_max: usize) -> Result<Lines, ImportError> {
    let schema = source.schema.as_ref();
    let summed = schema.summed();
    let columns = schema.headers().len();
    let mut lines = Lines {
        columns,
        cells: Vec::with_capacity(source.bytes.len()),
        ends: Vec::new(),
        rows: Vec::new(),
        amounts: Vec::new(),
        summed,
        currencies: Vec::new(),
    };
    // The fallback of `total` is summed twice, under both names: only the first place is read from the cell.
    let copied: Vec<(usize, usize)> = lines
        .summed
        .iter()
        .enumerate()
        .filter_map(|(i, (_, at))| {
            let first = lines.summed.iter().position(|(_, other)| other == at)?;
            (first < i).then_some((first, i))
        })
        .collect();
    let checks: Vec<Check<'_>> = schema
        .columns()
        .iter()
        .enumerate()
        .filter_map(|(index, column)| {
            let column = (*column)?;
            (column.class() != Class::Text).then(|| Check {
                index,
                column,
                header: schema.headers().get(index).map_or("", String::as_str),
                summed: lines.summed.iter().position(|(_, at)| *at == index),
            })
        })
        .collect();
    let times = Column::of_time(source.bill.basis).map(|c| schema.index_of(c));
    let implied = schema.implied_currency().map(str::to_owned);
    if let Some(currency) = implied {
        lines.currencies.push(currency);
    }
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .buffer_capacity(1 << 16)
        .from_reader(source.bytes.as_slice());
    let mut record = csv::ByteRecord::new();
    let mut faults = Vec::new();
    while reader
        .read_byte_record(&mut record)
        .map_err(|e| ImportError::Read { file: source.place.file.clone(), why: e.to_string() })?
    {
        let line = source.place.line + record.position().map_or(1, csv::Position::line) - 1;
        match read_row(source, limits, &record, &checks, &times, &mut lines) {
            Ok(()) => {
                for (from, to) in &copied {
                    let base = lines.amounts.len() - lines.summed.len();
                    let amount = lines.amounts.get(base + from).copied();
                    if let (Some(amount), Some(slot)) = (amount, lines.amounts.get_mut(base + to)) {
                        *slot = amount;
                    }
                }
            }
            Err(found) => {
                faults.push((Place { line, ..source.place.clone() }, found));
                if faults.len() >= faults_max {
                    break;
                }
            }
        }
    }
    if faults.is_empty() { Ok(lines) } else { Err(ImportError::Faults(faults)) }
}

fn read_row(
    source: &Source,
    limits: &Limits,
    record: &csv::ByteRecord,
    checks: &[Check<'_>],
    times: &[Option<usize>; 2],
    lines: &mut Lines,
) -> Result<(), Fault> {
    if record.len() != lines.columns {
        return Err(Fault::Ragged { cells: record.len(), headers: lines.columns });
    }
    let amounts_from = lines.amounts.len();
    let ends_from = lines.ends.len();
    let cells_from = lines.cells.len();
    let result = (|| {
        lines.amounts.resize(amounts_from + lines.summed.len(), Amount::ZERO);
        let mut facts = Facts { currency: 0, owner: 0, bill_day: None, time: [None; 2] };
        for check in checks {
            let cell = record.get(check.index).unwrap_or_default();
            let amount = check_cell(source, check, cell, times, lines, &mut facts)?;
            if let (Some(slot), Some(amount)) = (check.summed, amount)
                && let Some(slot) = lines.amounts.get_mut(amounts_from + slot)
            {
                *slot = amount;
            }
        }
        let mut from = 0;
        for index in 0..lines.columns {
            let end = record.range(index).map_or(from, |r| r.end);
            if end - from > limits.cell_bytes_max {
                let column = source.schema.headers().get(index).cloned().unwrap_or_default();
                return Err(Fault::LongCell { column, bytes: end - from, max: limits.cell_bytes_max });
            }
            from = end;
            lines.ends.push(end as u32);
        }
        Ok(facts)
    })();
    let facts = match result {
        Ok(facts) => facts,
        Err(fault) => {
            lines.amounts.truncate(amounts_from);
            lines.ends.truncate(ends_from);
            return Err(fault);
        }
    };
    lines.cells.extend_from_slice(record.as_slice());
    let time = facts.time.iter().flatten().next().copied();
    let own_day = facts.bill_day.or_else(|| day_of(time?));
    if let Some(fault) = outside(source, own_day) {
        lines.amounts.truncate(amounts_from);
        lines.ends.truncate(ends_from);
        lines.cells.truncate(cells_from);
        return Err(fault);
    }
    let key = SortKey {
        coverage_day: coverage_day(source.bill.month, own_day),
        owner: facts.owner,
        time: time.unwrap_or(i64::MAX),
    };
    lines.rows.push(Row { key, currency: facts.currency, own_day, cells_from });
    Ok(())
}

/// What the checked cells of a line tell.
struct Facts {
    currency: u32,
    owner: u64,
    bill_day: Option<Day>,
    time: [Option<i64>; 2],
}

fn check_cell(
    source: &Source,
    check: &Check<'_>,
    cell: &[u8],
    times: &[Option<usize>; 2],
    lines: &mut Lines,
    facts: &mut Facts,
) -> Result<Option<Amount>, Fault> {
    let text = trim_cell(cell);
    let bad = |expected: &'static str| Fault::Cell {
        column: check.header.to_owned(),
        text: shortened(cell),
        expected,
    };
    let differs =
        |other: String| Fault::Differs { column: check.header.to_owned(), text: shortened(cell), other };
    match check.column.class() {
        Class::Money => return Amount::parse_cell(cell).map_err(|_| bad("an amount")),
        Class::Number => {
            let number = text.strip_suffix(b"%").unwrap_or(text);
            Amount::parse_cell(number).map_err(|_| bad("a number"))?;
        }
        // Whose money it is, and who owes it, is told on every line.
        Class::Uin if is_blank(text) => return Err(bad("an account id of 9 to 12 digits")),
        Class::Uin => {
            let uin = Uin::parse(text).ok_or_else(|| bad("an account id of 9 to 12 digits"))?;
            if check.column == Column::OwnerUin {
                facts.owner = uin.number();
            } else if check.column == Column::PayerUin && uin != source.bill.payer {
                return Err(differs(format!("this is the bill of payer {}", source.bill.payer)));
            }
        }
        Class::Time if is_blank(text) => {}
        Class::Time => {
            let time = read_time(text).ok_or_else(|| bad("a time like 2021-03-31 23:59:59"))?;
            for (slot, index) in facts.time.iter_mut().zip(times) {
                if *index == Some(check.index) {
                    *slot = Some(time);
                }
            }
        }
        Class::Day if is_blank(text) => {}
        Class::Day => {
            let day = Day::parse_prefix(text).ok_or_else(|| bad("a day like 2021-03-31"))?;
            facts.bill_day = Some(day);
        }
        Class::Month if is_blank(text) => {}
        Class::Month => {
            let month = BillMonth::parse(text).ok_or_else(|| bad("a month like 2021-03"))?;
            if month != source.bill.month {
                return Err(differs(format!("this is the bill of {}", source.bill.month)));
            }
        }
        Class::Currency => {
            let known = std::str::from_utf8(text)
                .ok()
                .filter(|t| t.len() == 3 && t.bytes().all(|b| b.is_ascii_uppercase()))
                .ok_or_else(|| bad("a currency code like USD"))?;
            facts.currency = match lines.currencies.iter().position(|c| c == known) {
                Some(at) => at as u32,
                None => {
                    lines.currencies.push(known.to_owned());
                    lines.currencies.len() as u32 - 1
                }
            };
        }
        Class::Text => {}
    }
    Ok(None)
}

fn day_of(time: i64) -> Option<Day> {
    Day::from_epoch_days(i32::try_from(time.div_euclid(86_400)).ok()?)
}

fn outside(source: &Source, own_day: Option<Day>) -> Option<Fault> {
    let (last, day) = (source.last_day?, own_day?);
    if source.covers(day) {
        return None;
    }
    let column = Column::of_time(source.bill.basis)
        .into_iter()
        .find_map(|c| source.schema.index_of(c))
        .and_then(|i| source.schema.headers().get(i));
    let coverage = if source.only_day { last.to_string() } else { Coverage::month_to_date(last).to_string() };
    Some(Fault::Outside { column: column.cloned().unwrap_or_default(), day: day.to_string(), coverage })
}

/// Returns the day of the month under which exports cover a line: its own day where that lies in the month; the
/// first for earlier ones; the last for later ones and for lines without a day, so that they come when the
/// month is complete.
fn coverage_day(month: BillMonth, own_day: Option<Day>) -> u8 {
    let day = own_day.unwrap_or(month.last_day()).clamp(month.first_day(), month.last_day());
    day.day_of_month() as u8
}

fn shortened(cell: &[u8]) -> String {
    let text = String::from_utf8_lossy(cell);
    if text.chars().count() > 60 {
        text.chars().take(57).chain("...".chars()).collect()
    } else {
        text.into_owned()
    }
}
