//! Reads the lines of a stretch: finds the cells, and checks every cell that has a meaning.
//!
//! A cell is checked by its column's class. What is kept is the text as it came; what the checks learn besides
//! (amounts, day, owner, currency) is what lines are sorted and summed by.

use std::ops::Range;

use crate::formats::forms::CellCause;
use crate::formats::limits::Limits;
use crate::formats::schema::{Column, ColumnClass};
use crate::formats::text::{Encoding, bad_bytes};
use crate::values::digest::{LineHasher, lay_out};
use crate::values::period::{Coverage, Day};

use super::cells::{ChunkCells, Ragged};
use super::check::{check_cell, no_line, ragged, shortened, swallowed};
use super::chunk::TextSource;
use super::column::{Amounts, CheckedCell, ColumnReader, Disguise, Fact, ReadColumn, Replaced};
use super::error::ImportError;
use super::fault::{FaultPlace, ImportFault};
use super::faults::Faults;
use super::white::{White, WhiteSpace, is_looked_for};

/// What a line is sorted by; its cells decide among equals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct SortKey {
    pub(super) coverage_day: u8,
    pub(super) owner: u64,
    pub(super) time: i64,
}

/// What the checked cells of a line tell together.
#[derive(Clone, Copy, Debug)]
pub(super) struct LineFacts {
    pub(super) key: SortKey,
    /// Which of the currencies.
    pub(super) currency: u32,
    pub(super) own_day: Option<Day>,
}

/// The lines of a stretch, read and checked, in the order in which they came.
pub(super) struct CheckedLines<'a> {
    pub(super) cells: ChunkCells<'a>,
    /// The columns, in the header's order.
    pub(super) columns: Vec<ReadColumn>,
    pub(super) rows: Vec<LineFacts>,
    /// For each line its hash, and the bytes of its text in an export.
    pub(super) hashes: Vec<([u8; 32], u32)>,
    /// Which columns are summed, and where they are.
    pub(super) summed: Vec<(Column, usize)>,
    /// The amounts of each of them.
    pub(super) amounts: Vec<Amounts>,
    pub(super) currencies: Vec<String>,
    /// Cells for which a plain one was put, by column.
    pub(super) taken: Vec<Taken>,
    /// Cells with white space around their text, by column.
    pub(super) white: Vec<WhiteSpace>,
}

/// Cells of a column that said one thing in an unusual way, and were read as the plain cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    /// The header of the column.
    pub column: String,
    /// How many cells.
    pub cells: u64,
    /// The first of them.
    pub first: String,
    /// What it was read as.
    pub as_plain: String,
}

impl Taken {
    /// Adds others to a list, one entry for each column.
    pub(super) fn merge(all: &mut Vec<Taken>, more: Taken) {
        match all.iter_mut().find(|taken| taken.column == more.column) {
            Some(taken) => taken.cells += more.cells,
            None => all.push(more),
        }
    }
}

impl CheckedLines<'_> {
    /// Returns a cell, in `scratch` where it has to be written first.
    pub(super) fn cell<'c>(&'c self, row: usize, column: usize, scratch: &'c mut Vec<u8>) -> &'c [u8] {
        self.columns.get(column).map_or(b"", |c| c.cell(&self.cells, row, scratch))
    }
}

/// Says whether a text, which ends where a character does, has a NUL, unless it is known to have none, or what is not UTF-8; where.
fn odd_text(text: &[u8], may_hold_nul: bool) -> Option<usize> {
    let nul = if may_hold_nul { memchr::memchr(0, text) } else { None };
    nul.or_else(|| simdutf8::compat::from_utf8(text).err().map(|e| e.valid_up_to()))
}

/// Tells what is wrong with a text that is not all of it.
fn text_fault(text: &[u8], column: Option<&String>, encoding: Encoding) -> Option<ImportFault> {
    if memchr::memchr(0, text).is_some() {
        return Some(if text.iter().all(|b| *b == 0) { ImportFault::NulTail } else { ImportFault::Nul });
    }
    let at = std::str::from_utf8(text).err()?.valid_up_to();
    let bytes = bad_bytes(text.get(at..).unwrap_or_default(), encoding);
    Some(ImportFault::NotText { column: column.cloned(), encoding, bytes })
}

/// Lines that are found, looked at column by column, and hashed, while their text is in the processor's own cache.
const BATCH_ROWS: usize = 128;

/// Ragged lines that are told of at once.
const RAGGED_MAX: usize = 1_024;

/// Reads all lines of a stretch.
///
/// # Errors
/// The faults of the first lines that have any; with `all`, those of every line.
pub(super) fn read<'a>(
    source: &'a TextSource,
    limits: &Limits,
    all: bool,
) -> Result<CheckedLines<'a>, ImportError> {
    let schema = source.schema.as_ref();
    let failed = |why: String| ImportError::Read { file: source.place.file.clone(), why: why.into() };
    let mut cells = ChunkCells::new(&source.bytes, schema.headers().len()).map_err(failed)?;
    let columns = schema.columns().iter().enumerate();
    let mut reader = LinesReader {
        source,
        limits,
        columns: columns
            .map(|(i, column)| ColumnReader::new(i, disguise(*column), is_looked_for(*column)))
            .collect(),
        rows: Vec::new(),
        hasher: LineHasher::new(&source.schema_hash),
        hashes: Vec::new(),
        currencies: schema.implied_currency().map(str::to_owned).into_iter().collect(),
        times: Column::of_time(source.bill.basis).map(|column| schema.index_of(column)),
        owner: schema.index_of(Column::OwnerUin),
        bill_day: schema.index_of(Column::BillDay),
        currency: schema.index_of(Column::Currency),
        month: Coverage::month(source.bill.month),
        last_day: None,
        taken: Vec::new(),
    };
    let mut found = Faults::default();
    let mut ragged = Vec::new();
    let mut checked = 0;
    while cells.found() < source.bytes.len() && (all || found.is_empty()) {
        let from = cells.rows();
        cells.find(BATCH_ROWS, if all { RAGGED_MAX } else { 1 }, &mut ragged).map_err(failed)?;
        let to = cells.found().min(source.bytes.len());
        let text = source.bytes.get(checked..to).unwrap_or_default();
        let odd = odd_text(text, cells.may_hold_nul()).map(|at| checked + at);
        checked = to;
        if from == 0 {
            reader.expect(cells.expect_the_rest());
        }
        let mut faults = Vec::new();
        let rows = from..cells.rows();
        reader.read_batch(&mut cells, rows.clone(), odd.is_some(), &mut faults);
        if faults.is_empty() && ragged.is_empty() && odd.is_none() {
            continue;
        }
        reader.tell(&cells, rows, faults, &mut ragged, odd, &mut found);
    }
    if !found.is_empty() {
        return Err(ImportError::Faults(found));
    }
    let white = reader.white(&cells);
    let columns: Vec<ReadColumn> = reader.columns.into_iter().map(ColumnReader::finish).collect();
    let summed = schema.summed();
    let of = |(_, index): &(Column, usize)| columns.get(*index).map(|c| Amounts::of(c, cells.rows()));
    let amounts = summed.iter().filter_map(of).collect();
    let LinesReader { rows, hashes, currencies, taken, .. } = reader;
    Ok(CheckedLines { cells, columns, rows, hashes, summed, amounts, currencies, taken, white })
}

/// Returns which integers may stand for the cells of a column.
fn disguise(column: Option<Column>) -> Disguise {
    match column.map_or(ColumnClass::Text, Column::class) {
        // Roll-ups are by product, by the codes of its texts.
        ColumnClass::Text if column == Some(Column::ProductName) => Disguise::Never,
        ColumnClass::Text => Disguise::Any,
        ColumnClass::Money | ColumnClass::Number => Disguise::Amounts,
        ColumnClass::Time => Disguise::Times,
        ColumnClass::Uin | ColumnClass::Day | ColumnClass::Month | ColumnClass::Currency => Disguise::Never,
    }
}

struct LinesReader<'s> {
    source: &'s TextSource,
    limits: &'s Limits,
    columns: Vec<ColumnReader>,
    rows: Vec<LineFacts>,
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
    taken: Vec<Taken>,
}

impl LinesReader<'_> {
    /// Makes room for so many lines: growing bit by bit copies all of them several times.
    fn expect(&mut self, rows: usize) {
        self.rows.reserve(rows);
        self.hashes.reserve(rows);
        self.columns.iter_mut().for_each(|column| column.expect(rows));
    }

    /// Reads the lines that were found last. With `odd`, cells that are no text are told of as well.
    fn read_batch(
        &mut self,
        cells: &mut ChunkCells<'_>,
        rows: Range<usize>,
        odd: bool,
        faults: &mut Vec<(usize, ImportFault)>,
    ) {
        let schema = self.source.schema.as_ref();
        let max = self.limits.cell_bytes_max;
        // Our own exports are read as they are.
        for &row in cells.broken().iter().filter(|_| !self.source.verbatim) {
            let cells = cells.record(row).zip(schema.headers());
            let (columns, separator) = (schema.headers().len(), self.source.separator);
            let faulty = cells.filter_map(|(cell, header)| swallowed(cell, header, columns, separator));
            faults.extend(faulty.map(|fault| (row, fault)));
        }
        for row in rows.clone() {
            // A record within the limit has no cell beyond it.
            if cells.offset(row + 1) - cells.offset(row) > max {
                let long = cells.record(row).zip(schema.headers()).filter(|(cell, _)| cell.len() > max);
                faults.extend(long.map(|(cell, header)| {
                    (row, ImportFault::LongCell { column: header.clone(), bytes: cell.len(), max })
                }));
            }
            if odd {
                let found = cells.record(row).zip(schema.headers());
                let faulty =
                    found.filter_map(|(cell, header)| text_fault(cell, Some(header), self.source.encoding));
                faults.extend(faulty.map(|fault| (row, fault)));
            }
        }
        let (source, currencies) = (self.source, &mut self.currencies);
        let mut replaced = Vec::new();
        for (reader, (column, header)) in
            self.columns.iter_mut().zip(schema.columns().iter().zip(schema.headers()))
        {
            let mut check = |cell: &[u8]| match column {
                Some(column) => check_cell(source, *column, header, cell, currencies),
                None => Ok(CheckedCell::TEXT),
            };
            reader.read(cells, rows.clone(), &mut check, faults, &mut replaced);
        }
        for row in rows.clone() {
            let row_facts = self.row(row);
            if let Some(fault) = outside(self.source, row_facts.own_day) {
                faults.push((row, fault));
            }
            self.rows.push(row_facts);
        }
        for cell in replaced {
            self.take(cells, &cell, faults);
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

    /// Notes a cell that was read as a plain one, unless it is an amount with the sign of another currency.
    fn take(&mut self, cells: &ChunkCells<'_>, cell: &Replaced, faults: &mut Vec<(usize, ImportFault)>) {
        let header = self.source.schema.headers().get(cell.column).cloned().unwrap_or_default();
        let was = shortened(cells.at(cell.was));
        if let Some(sign) = cell.sign {
            let currency = match self.fact(self.currency, cell.row) {
                Fact::Currency(number) => self.currencies.get(number as usize),
                _ => self.currencies.first().filter(|_| self.currency.is_none()),
            };
            if !currency.is_some_and(|currency| sign.currencies.contains(&currency.as_str())) {
                let cause = Some(CellCause::Sign(sign.text));
                faults.push((
                    cell.row,
                    ImportFault::Cell { column: header, text: was, expected: "an amount", cause },
                ));
                return;
            }
        }
        let plain = cells.spans_of(cell.row).get(cell.column).map_or(&b""[..], |span| cells.at(*span));
        Taken::merge(
            &mut self.taken,
            Taken { column: header, cells: 1, first: was, as_plain: shortened(plain) },
        );
    }

    /// Returns the cells with white space around their text, by column.
    fn white(&self, cells: &ChunkCells<'_>) -> Vec<WhiteSpace> {
        let schema = self.source.schema.as_ref();
        let columns = self.columns.iter().zip(schema.headers());
        let found = columns.filter_map(|(reader, header)| Some((reader.white()?, header)));
        let of_column = |(white, column): (&White, &String)| {
            let all = white.all().map(|(is_passed_over, count, first)| WhiteSpace {
                column: column.clone(),
                cells: count,
                first: shortened(cells.at(first)),
                is_passed_over,
            });
            all.collect::<Vec<_>>()
        };
        found.flat_map(of_column).collect()
    }

    /// Adds what is wrong with the lines that were found last, in the file's order.
    fn tell(
        &self,
        cells: &ChunkCells<'_>,
        rows: Range<usize>,
        mut faults: Vec<(usize, ImportFault)>,
        ragged_lines: &mut Vec<Ragged>,
        odd: Option<usize>,
        found: &mut Faults,
    ) {
        let schema = self.source.schema.as_ref();
        let text = &self.source.bytes;
        let mut all: Vec<(usize, ImportFault)> = Vec::new();
        faults.sort_by_key(|(row, _)| *row);
        for line in faults.chunk_by(|(one, _), (other, _)| one == other) {
            let Some((row, _)) = line.first() else { continue };
            let row = *row;
            match no_line(cells.record(row), schema).filter(|_| rows.contains(&row)) {
                // What its cells are does not matter.
                Some(fault) => all.push((cells.offset(row), fault)),
                None => all.extend(line.iter().map(|(_, fault)| (cells.offset(row), fault.clone()))),
            }
        }
        for line in ragged_lines.drain(..) {
            let rest = text.get(line.offset as usize..).unwrap_or_default();
            all.push((line.offset as usize, ragged(rest, line.cells, schema)));
        }
        if let Some(at) = odd.filter(|_| all.is_empty()) {
            let rest = text.get(at..).unwrap_or_default();
            // What was found is at the beginning of the rest, or the rest is zeros to the end.
            let here = match rest {
                [0, after @ ..] if after.iter().any(|b| *b != 0) => &[0, b','][..],
                [0, ..] => rest,
                _ => rest.get(..rest.len().min(32)).unwrap_or_default(),
            };
            all.extend(text_fault(here, None, self.source.encoding).map(|fault| (at, fault)));
        }
        all.sort_by_key(|(offset, _)| *offset);
        for (offset, fault) in all {
            found
                .add(fault, || FaultPlace { line: self.source.line_of(offset), ..self.source.place.clone() });
        }
    }

    fn fact(&self, column: Option<usize>, row: usize) -> Fact {
        column.and_then(|c| self.columns.get(c)).map_or(Fact::Blank, |c| c.fact(row))
    }

    fn row(&mut self, row: usize) -> LineFacts {
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
        LineFacts { key, currency, own_day }
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

fn outside(source: &TextSource, own_day: Option<Day>) -> Option<ImportFault> {
    let (last, day) = (source.last_day?, own_day?);
    if source.covers(day) {
        return None;
    }
    let column = Column::of_time(source.bill.basis)
        .into_iter()
        .find_map(|c| source.schema.index_of(c))
        .and_then(|i| source.schema.headers().get(i));
    let coverage = if source.only_day { last.to_string() } else { Coverage::month_to_date(last).to_string() };
    Some(ImportFault::Outside { column: column.cloned().unwrap_or_default(), day: day.to_string(), coverage })
}
