//! Reads the lines of a stretch: finds the cells, and checks every cell that has a meaning.
//!
//! A cell is checked by its column's class. What is kept is the text as it came; what the checks learn besides
//! (amounts, day, owner, currency) is what lines are sorted and summed by.

use std::ops::Range;
use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use crate::bill::BillKey;
use crate::block::text::read_time;
use crate::digest::{LineHasher, lay_out};
use crate::line_ends::line_ends;
use crate::money::{Amount, is_blank, trim_cell};
use crate::period::{BillMonth, Coverage, Day};
use crate::schema::{Class, Column, Schema};
use crate::uin::Uin;

use super::cells::Cells;
use super::column::{Amounts, ColumnReader, Disguise, Fact, ReadColumn};
use super::error::{Fault, ImportError, Place};
use super::{Limits, Settings};

/// A stretch of text with all that is needed to read it.
pub(super) struct Source {
    pub(super) bytes: Vec<u8>,
    /// The SHA-256 of its CSV's text from the beginning to the end of this stretch.
    pub(super) text_hash: [u8; 32],
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
    ///
    /// It covers all text up to the end of the stretch. A text that grows at its end is cut as before, so its stretches are
    /// found; where anything before one differs, it would hardly be cut at the same places.
    pub(super) fn key(&self, settings: &Settings) -> [u8; 32] {
        let mut hasher = Sha256::new();
        hasher.update(b"billkeep segment 2\n");
        hasher.update(self.schema_hash);
        hasher.update(self.bill.bytes());
        hasher.update(settings.block_rows.to_le_bytes());
        hasher.update((self.bytes.len() as u64).to_le_bytes());
        hasher.update(self.text_hash);
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
        self.place.line + line_ends(before)
    }
}

/// What a line is sorted by; its cells decide among equals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct SortKey {
    pub(super) coverage_day: u8,
    pub(super) owner: u64,
    pub(super) time: i64,
}

/// What the checked cells of a line tell together.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    pub(super) key: SortKey,
    /// Which of the currencies.
    pub(super) currency: u32,
    pub(super) own_day: Option<Day>,
}

/// The lines of a stretch, read and checked, in the order in which they came.
pub(super) struct Lines<'a> {
    pub(super) cells: Cells<'a>,
    /// The columns, in the header's order.
    pub(super) columns: Vec<ReadColumn>,
    pub(super) rows: Vec<Row>,
    /// For each line its hash, and the bytes of its text in an export.
    pub(super) hashes: Vec<([u8; 32], u32)>,
    /// Which columns are summed, and where they are.
    pub(super) summed: Vec<(Column, usize)>,
    /// The amounts of each of them.
    pub(super) amounts: Vec<Amounts>,
    pub(super) currencies: Vec<String>,
}

impl Lines<'_> {
    /// Returns a cell, in `scratch` where it has to be written first.
    pub(super) fn cell<'c>(&'c self, row: usize, column: usize, scratch: &'c mut Vec<u8>) -> &'c [u8] {
        self.columns.get(column).map_or(b"", |c| c.cell(&self.cells, row, scratch))
    }
}

/// Checks that a text, which ends where a character does, has neither NUL, unless it is known to have none, nor what is not UTF-8; tells
/// where.
fn check_text(text: &[u8], may_hold_nul: bool) -> Result<(), (usize, Fault)> {
    if may_hold_nul && let Some(at) = memchr::memchr(0, text) {
        return Err((at, Fault::Nul));
    }
    simdutf8::compat::from_utf8(text).map(|_| ()).map_err(|e| {
        let at = e.valid_up_to();
        (at, Fault::NotUtf8 { byte: text.get(at).copied().unwrap_or(0) })
    })
}

/// Lines that are found, looked at column by column, and hashed, while their text is in the processor's own cache.
const BATCH_ROWS: usize = 128;

/// Reads all lines of a stretch.
///
/// # Errors
/// What is no text; or else the first `faults_max` faults, in the file's order.
pub(super) fn read<'a>(
    source: &'a Source,
    limits: &Limits,
    faults_max: usize,
) -> Result<Lines<'a>, ImportError> {
    let schema = source.schema.as_ref();
    let failed = |why| ImportError::Read { file: source.place.file.clone(), why };
    let mut cells = Cells::new(&source.bytes, schema.headers().len()).map_err(failed)?;
    let mut reader = LinesReader {
        source,
        limits,
        columns: schema
            .columns()
            .iter()
            .enumerate()
            .map(|(i, c)| ColumnReader::new(i, disguise(*c)))
            .collect(),
        rows: Vec::new(),
        hasher: LineHasher::new(&source.schema_hash),
        hashes: Vec::new(),
        currencies: schema.implied_currency().map(str::to_owned).into_iter().collect(),
        times: Column::of_time(source.bill.basis).map(|c| schema.index_of(c)),
        owner: schema.index_of(Column::OwnerUin),
        bill_day: schema.index_of(Column::BillDay),
        currency: schema.index_of(Column::Currency),
        month: Coverage::month(source.bill.month),
        last_day: None,
    };
    let mut faults: Vec<(usize, Fault)> = Vec::new();
    let mut ragged = Vec::new();
    let mut more = true;
    let mut checked = 0;
    let place = |offset| Place { line: source.line_of(offset), ..source.place.clone() };
    let mut check_to = |to: usize, may_hold_nul: bool| -> Result<(), ImportError> {
        let text = source.bytes.get(checked..to).unwrap_or_default();
        check_text(text, may_hold_nul)
            .map_err(|(at, fault)| ImportError::fault(place(checked + at), fault))?;
        checked = to;
        Ok(())
    };
    while more && faults.len() < faults_max {
        let from = cells.rows();
        more = cells.find(BATCH_ROWS, faults_max, &mut ragged).map_err(failed)?;
        check_to(cells.found().min(source.bytes.len()), cells.may_hold_nul())?;
        if from == 0 {
            reader.expect(cells.expect_the_rest());
        }
        reader.read_batch(&cells, from..cells.rows(), &mut faults);
    }
    check_to(source.bytes.len(), true)?;
    if !faults.is_empty() || !ragged.is_empty() {
        let found = faults.into_iter().map(|(row, fault)| (cells.offset(row), fault));
        let ragged = ragged.iter().map(|r| {
            let fault = Fault::Ragged { cells: r.cells, headers: schema.headers().len() };
            (r.offset as usize, fault)
        });
        let mut all: Vec<(usize, Fault)> = found.chain(ragged).collect();
        // A line tells its first fault only.
        all.sort_by_key(|(offset, _)| *offset);
        all.dedup_by_key(|(offset, _)| *offset);
        all.truncate(faults_max);
        return Err(ImportError::Faults(all.into_iter().map(|(at, fault)| (place(at), fault)).collect()));
    }
    let columns: Vec<ReadColumn> = reader.columns.into_iter().map(ColumnReader::finish).collect();
    let summed = schema.summed();
    let of = |(_, index): &(Column, usize)| columns.get(*index).map(|c| Amounts::of(c, cells.rows()));
    let amounts = summed.iter().filter_map(of).collect();
    let LinesReader { rows, hashes, currencies, .. } = reader;
    Ok(Lines { cells, columns, rows, hashes, summed, amounts, currencies })
}

/// Returns which integers may stand for the cells of a column.
fn disguise(column: Option<Column>) -> Disguise {
    match column.map_or(Class::Text, Column::class) {
        // Roll-ups are by product, by the codes of its texts.
        Class::Text if column == Some(Column::ProductName) => Disguise::Never,
        Class::Text => Disguise::Any,
        Class::Money | Class::Number => Disguise::Amounts,
        Class::Time => Disguise::Times,
        Class::Uin | Class::Day | Class::Month | Class::Currency => Disguise::Never,
    }
}

struct LinesReader<'s> {
    source: &'s Source,
    limits: &'s Limits,
    columns: Vec<ColumnReader>,
    rows: Vec<Row>,
    hasher: LineHasher,
    hashes: Vec<([u8; 32], u32)>,
    currencies: Vec<String>,
    times: [Option<usize>; 2],
    owner: Option<usize>,
    bill_day: Option<usize>,
    currency: Option<usize>,
    /// The days of the bill's month.
    month: Coverage,
    /// The day of the line before, by its number since 1970: most have the same.
    last_day: Option<(i64, Day)>,
}

impl LinesReader<'_> {
    /// Makes room for so many lines: growing bit by bit copies all of them several times.
    fn expect(&mut self, rows: usize) {
        self.rows.reserve(rows);
        self.hashes.reserve(rows);
        self.columns.iter_mut().for_each(|column| column.expect(rows));
    }

    fn read_batch(&mut self, cells: &Cells<'_>, rows: Range<usize>, faults: &mut Vec<(usize, Fault)>) {
        let schema = self.source.schema.as_ref();
        let max = self.limits.cell_bytes_max;
        for row in rows.clone() {
            // A record within the limit has no cell beyond it.
            if cells.offset(row + 1) - cells.offset(row) > max {
                let long = cells.record(row).zip(schema.headers()).find(|(cell, _)| cell.len() > max);
                if let Some((cell, header)) = long {
                    faults.push((row, Fault::LongCell { column: header.clone(), bytes: cell.len(), max }));
                }
            }
        }
        let (source, currencies) = (self.source, &mut self.currencies);
        for (reader, (column, header)) in
            self.columns.iter_mut().zip(schema.columns().iter().zip(schema.headers()))
        {
            let mut check = |cell: &[u8]| match column {
                Some(column) => check_cell(source, *column, header, cell, currencies),
                None => Ok(Fact::Text),
            };
            reader.read(cells, rows.clone(), &mut check, faults);
        }
        for row in rows.clone() {
            let row_facts = self.row(row);
            if let Some(fault) = outside(self.source, row_facts.own_day) {
                faults.push((row, fault));
            }
            self.rows.push(row_facts);
        }
        let mut bytes = Vec::with_capacity(rows.len());
        let hashes = self.hasher.hash_many(rows.len(), |line, text| {
            let row = rows.start + line;
            let spans = cells.spans_of(row);
            let lengths = spans.iter().map(|span| span.place().1);
            bytes.push((lengths.clone().sum::<usize>() + spans.len()) as u32);
            lay_out(text, lengths, |text| cells.append_record(row, text));
        });
        self.hashes.extend(hashes.iter().copied().zip(bytes));
    }

    fn fact(&self, column: Option<usize>, row: usize) -> Fact {
        column.and_then(|c| self.columns.get(c)).map_or(Fact::Blank, |c| c.fact(row))
    }

    fn row(&mut self, row: usize) -> Row {
        let time = self.times.iter().find_map(|column| match self.fact(*column, row) {
            Fact::Time(time) => Some(time),
            _ => None,
        });
        let own_day = match self.fact(self.bill_day, row) {
            Fact::Day(day) => Some(day),
            _ => time.and_then(|time| self.day_of(time)),
        };
        let owner = match self.fact(self.owner, row) {
            Fact::Uin(owner) => owner,
            _ => 0,
        };
        let currency = match self.fact(self.currency, row) {
            Fact::Currency(currency) => currency,
            _ => 0,
        };
        let key = SortKey { coverage_day: self.coverage_day(own_day), owner, time: time.unwrap_or(i64::MAX) };
        Row { key, currency, own_day }
    }

    fn day_of(&mut self, time: i64) -> Option<Day> {
        let days = time.div_euclid(86_400);
        match self.last_day {
            Some((last, day)) if last == days => Some(day),
            _ => {
                let day = Day::from_epoch_days(i32::try_from(days).ok()?)?;
                self.last_day = Some((days, day));
                Some(day)
            }
        }
    }

    /// Returns the day of the month under which exports cover a line: its own day where that lies in the month; the
    /// first for earlier ones; the last for later ones and for lines without a day, so that they come when the
    /// month is complete.
    fn coverage_day(&self, own_day: Option<Day>) -> u8 {
        let Coverage { first, last } = self.month;
        own_day.unwrap_or(last).clamp(first, last).day_of_month() as u8
    }
}

/// Checks a cell by its column's class.
fn check_cell(
    source: &Source,
    column: Column,
    header: &str,
    cell: &[u8],
    currencies: &mut Vec<String>,
) -> Result<Fact, Fault> {
    let text = trim_cell(cell);
    let bad =
        |expected: &'static str| Fault::Cell { column: header.to_owned(), text: shortened(cell), expected };
    let differs = |other: String| Fault::Differs { column: header.to_owned(), text: shortened(cell), other };
    match column.class() {
        Class::Money => {
            let amount = Amount::parse_cell(cell).map_err(|_| bad("an amount"))?;
            Ok(amount.map_or(Fact::Blank, Fact::Amount))
        }
        Class::Number => {
            let number = text.strip_suffix(b"%").unwrap_or(text);
            Amount::parse_cell(number).map_err(|_| bad("a number"))?;
            Ok(Fact::Text)
        }
        Class::Uin => {
            // Whose money it is, and who owes it, is told on every line.
            let uin = Uin::parse(text).ok_or_else(|| bad("an account id of 9 to 12 digits"))?;
            if column == Column::PayerUin && uin != source.bill.payer {
                return Err(differs(format!("this is the bill of payer {}", source.bill.payer)));
            }
            Ok(Fact::Uin(uin.number()))
        }
        Class::Time | Class::Day | Class::Month if is_blank(text) => Ok(Fact::Blank),
        Class::Time => {
            let time = read_time(text).ok_or_else(|| bad("a time like 2021-03-31 23:59:59"))?;
            Ok(Fact::Time(time))
        }
        Class::Day => {
            let day = Day::parse_prefix(text).ok_or_else(|| bad("a day like 2021-03-31"))?;
            Ok(Fact::Day(day))
        }
        Class::Month => {
            let month = BillMonth::parse(text).ok_or_else(|| bad("a month like 2021-03"))?;
            if month != source.bill.month {
                return Err(differs(format!("this is the bill of {}", source.bill.month)));
            }
            Ok(Fact::Text)
        }
        Class::Currency => {
            let known = std::str::from_utf8(text)
                .ok()
                .filter(|t| t.len() == 3 && t.bytes().all(|b| b.is_ascii_uppercase()))
                .ok_or_else(|| bad("a currency code like USD"))?;
            let at = currencies.iter().position(|c| c == known).unwrap_or_else(|| {
                currencies.push(known.to_owned());
                currencies.len() - 1
            });
            Ok(Fact::Currency(at as u32))
        }
        Class::Text => Ok(Fact::Text),
    }
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

fn shortened(cell: &[u8]) -> String {
    let text = String::from_utf8_lossy(cell);
    if text.chars().count() > 60 {
        text.chars().take(57).chain("...".chars()).collect()
    } else {
        text.into_owned()
    }
}
