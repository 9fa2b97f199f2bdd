//! Renders an export: lines in order → CSVs of so many rows → chunks, deflated on several threads → one zip.
//!
//! Deterministic: order, cuts, level and names come from the plan and the lines. A new chunk begins at 1 MiB of
//! text, and with a new day once there is enough text for a chunk to stand alone; so the file through day N + 1
//! begins with the chunks of the file through day N.
//!
//! While lines are written their amounts are added up again, and compared with the roll-ups (I1, I7).

use std::collections::BTreeMap;
use std::io::Write;

use sha2::{Digest as _, Sha256};

use crate::bill::{BillError, BillView, Filter, ReadBlock, column_amounts, totals_text, walk};
use crate::block::{Sums, merge_sums};
use crate::money::Amount;
use crate::period::Day;
use crate::rollup::{Names, Overflow};
use crate::schema::Column;
use crate::store::Read;
use crate::uin::Uin;

use super::archive::{self, Deflater, Piece};
use super::csv::{BlockWriter, Columns, write_record};
use super::plan::{Plan, coverage_last_day};
use super::{ExportError, RenderedFile};

/// Text in a chunk, roughly: large enough that cutting costs no ratio.
const CHUNK_BYTES: usize = 1 << 20;
/// With less text than this, a chunk goes on over the end of a day.
const CHUNK_BYTES_MIN: usize = 128 << 10;

/// How the work is done; it does not change the bytes.
#[derive(Clone, Copy, Debug)]
pub struct RenderSettings {
    /// Threads that compress.
    pub threads: usize,
}

impl Default for RenderSettings {
    fn default() -> Self {
        RenderSettings { threads: 2 }
    }
}

/// A part as it was rendered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    /// Its length.
    pub bytes: u64,
    /// Its SHA-256.
    pub sha256: [u8; 32],
    /// Its CSVs.
    pub files: Vec<RenderedFile>,
    /// The columns.
    pub headers: Vec<String>,
    /// The sums of its lines.
    pub sums: Vec<Sums>,
}

enum ToDeflate {
    Begin(String),
    Text(Vec<u8>),
}

/// Renders the part of a plan into `out`.
///
/// # Errors
/// [`ExportError::DoNotTie`] when the lines' sums are not the roll-ups'; [`ExportError`] when reading or writing
/// fails.
pub fn render(
    store: &impl Read,
    view: &BillView,
    plan: &Plan,
    settings: &RenderSettings,
    out: impl Write + Send,
) -> Result<Rendered, ExportError> {
    let columns = Columns::of(view);
    let threads = settings.threads.clamp(1, 64);
    let (text_in, text) = crossbeam_channel::bounded::<(u64, ToDeflate)>(threads);
    let (piece_in, pieces) = crossbeam_channel::bounded::<(u64, Result<Piece, String>)>(threads);
    let mut hashing = Hashing { out, hasher: Sha256::new(), bytes: 0 };
    let (written, made) = std::thread::scope(|scope| {
        for _ in 0..threads {
            let (text, piece_in) = (text.clone(), piece_in.clone());
            scope.spawn(move || {
                let mut deflater = Deflater::new();
                for (number, item) in text {
                    let piece = match item {
                        ToDeflate::Begin(name) => Ok(Piece::Begin(name)),
                        ToDeflate::Text(text) => deflater.chunk(&text).map(Piece::Chunk),
                    };
                    if piece_in.send((number, piece)).is_err() {
                        return;
                    }
                }
            });
        }
        drop((text, piece_in));
        let hashing = &mut hashing;
        let writer = scope.spawn(move || archive::write(hashing, InOrder::new(pieces)));
        let mut composer = Composer {
            plan,
            columns: &columns,
            send: Box::new(move |item| text_in.send(item).is_ok()),
            number: 0,
            text: Vec::new(),
            rows: Vec::new(),
            sums: BTreeMap::new(),
            day: 0,
            gone: false,
        };
        let made = composer.compose(store, view);
        let (rows, sums) = (std::mem::take(&mut composer.rows), std::mem::take(&mut composer.sums));
        // Without its sender, the workers end, and then the writer.
        drop(composer);
        let written = writer.join().unwrap_or_else(|_| Err("the writing thread failed".into()));
        (written, made.map(|()| (rows, sums)))
    });
    let (rows, sums) = made?;
    let entries = written.map_err(ExportError::Write)?;
    let sums: Vec<Sums> = sums.into_values().collect();
    let expected = expected_sums(store, view, plan)?;
    if sums != expected {
        return Err(ExportError::DoNotTie {
            name: plan.part_name(),
            one: totals_text(&sums),
            other: totals_text(&expected),
        });
    }
    let total = rows.len();
    let files = entries
        .iter()
        .zip(rows)
        .enumerate()
        .map(|(i, (entry, rows))| RenderedFile {
            name: csv_name(plan, i, total),
            rows,
            bytes: entry.bytes,
            crc32: entry.crc,
        })
        .collect();
    let headers = columns.headers().to_vec();
    Ok(Rendered { bytes: hashing.bytes, sha256: hashing.hasher.finalize().into(), files, headers, sums })
}

/// Returns the name of a CSV in the zip: numbered where there are several.
fn csv_name(plan: &Plan, index: usize, total: usize) -> String {
    if total <= 1 { format!("{}.csv", plan.stem) } else { format!("{}-{:03}.csv", plan.stem, index + 1) }
}

struct Composer<'a> {
    plan: &'a Plan,
    columns: &'a Columns,
    send: Box<dyn FnMut((u64, ToDeflate)) -> bool + 'a>,
    number: u64,
    text: Vec<u8>,
    /// Rows of each CSV begun so far.
    rows: Vec<u64>,
    sums: BTreeMap<String, Sums>,
    day: u8,
    /// Says whether the writer has gone: it tells why itself.
    gone: bool,
}

impl Composer<'_> {
    fn compose(&mut self, store: &impl Read, view: &BillView) -> Result<(), ExportError> {
        let wanted = &self.plan.wanted;
        let filter = Filter {
            last_day: coverage_last_day(wanted.coverage),
            owners: wanted.scope.owners(wanted.bill.payer),
        };
        let lines = self.plan.content.lines();
        let files = usize::try_from(lines.div_ceil(wanted.rows_per_file.max(1)).max(1)).unwrap_or(usize::MAX);
        self.begin(files);
        let mut scratch = Vec::new();
        walk::<ExportError>(store, view, &filter, &mut |slice| {
            if self.gone {
                return Err(ExportError::Write("the writer has gone".into()));
            }
            let day = slice.block.header().coverage_day;
            if day != self.day && self.text.len() >= CHUNK_BYTES_MIN {
                self.flush();
            }
            self.day = day;
            let columns = self.columns;
            let prepared = slice.block.prepared(|block| Prepared::new(columns, block))?;
            prepared.add_sums(slice.rows.clone(), &mut self.sums)?;
            let cells = prepared.writer.columns(slice.block)?;
            for row in slice.rows {
                if self.rows.last().is_some_and(|rows| *rows >= self.plan.wanted.rows_per_file) {
                    self.flush();
                    self.begin(files);
                }
                write_record(&cells, row, &mut scratch, &mut self.text);
                if let Some(rows) = self.rows.last_mut() {
                    *rows += 1;
                }
                if self.text.len() >= CHUNK_BYTES {
                    self.flush();
                }
            }
            Ok(())
        })?;
        self.flush();
        Ok(())
    }

    fn begin(&mut self, files: usize) {
        let name = csv_name(self.plan, self.rows.len(), files);
        self.give(ToDeflate::Begin(name));
        self.rows.push(0);
        self.columns.write_header(&mut self.text);
    }

    fn flush(&mut self) {
        if !self.text.is_empty() {
            let text = std::mem::replace(&mut self.text, Vec::with_capacity(CHUNK_BYTES + 4096));
            self.give(ToDeflate::Text(text));
        }
    }

    fn give(&mut self, item: ToDeflate) {
        self.gone |= !(self.send)((self.number, item));
        self.number += 1;
    }
}

/// What is made of a block once, however many pieces its lines are told in.
struct Prepared {
    writer: BlockWriter,
    /// The currencies' names, and which one each row has; `None` where all have the first.
    currencies: Vec<String>,
    currency_of: Option<Vec<u32>>,
    /// Each money column with its scale and its sums before each row, and after the last.
    running: Vec<(Column, u8, Vec<i128>)>,
}

impl Prepared {
    fn new(columns: &Columns, block: &ReadBlock) -> Result<Prepared, BillError> {
        let schema = block.schema().clone();
        let mut running = Vec::new();
        for (column, index) in schema.summed() {
            let amounts = column_amounts(block.column(index)?, block.rows());
            let scale = amounts.iter().map(|a| a.scale()).max().unwrap_or(0);
            let mut sums = Vec::with_capacity(amounts.len() + 1);
            let mut sum = 0_i128;
            sums.push(sum);
            for amount in amounts {
                let amount = amount.rescaled(scale).ok_or(Overflow)?;
                sum = sum.checked_add(amount).ok_or(Overflow)?;
                sums.push(sum);
            }
            running.push((column, scale, sums));
        }
        let mut names = Names::default();
        let numbers = match schema.index_of(Column::Currency) {
            None => vec![names.number(schema.implied_currency().unwrap_or("").as_bytes())],
            Some(index) => {
                let data = block.column(index)?;
                let mut scratch = Vec::new();
                (0..block.rows()).map(|row| names.number(data.cell(row, &mut scratch))).collect()
            }
        };
        let several = numbers.iter().any(|n| *n != 0);
        let currencies = (0..=numbers.iter().copied().max().unwrap_or(0)).map(|n| names.text(n)).collect();
        Ok(Prepared {
            writer: BlockWriter::new(columns, block)?,
            currencies,
            currency_of: several.then_some(numbers),
            running,
        })
    }

    /// Adds the amounts of some rows to the sums of their currencies, a run of one currency at once.
    fn add_sums(
        &self,
        rows: std::ops::Range<usize>,
        sums: &mut BTreeMap<String, Sums>,
    ) -> Result<(), BillError> {
        let number =
            |row: usize| self.currency_of.as_ref().and_then(|of| of.get(row)).copied().unwrap_or(0) as usize;
        let mut from = rows.start;
        while from < rows.end {
            let currency = number(from);
            let to = match &self.currency_of {
                None => rows.end,
                Some(_) => (from + 1..rows.end).find(|row| number(*row) != currency).unwrap_or(rows.end),
            };
            let name = self.currencies.get(currency).map_or("", String::as_str);
            let mut run = Sums::new(name);
            run.lines = (to - from) as u64;
            for (column, scale, before) in &self.running {
                let at = |row: usize| before.get(row).copied().unwrap_or(0);
                run.add(*column, Amount::new(at(to) - at(from), *scale)).ok_or(Overflow)?;
            }
            if let Some(all) = sums.get_mut(name) {
                all.merge(&run).ok_or(Overflow)?;
            } else {
                sums.insert(name.to_owned(), run);
            }
            from = to;
        }
        Ok(())
    }
}

/// Returns the sums that the roll-ups tell for what a plan covers.
fn expected_sums(store: &impl Read, view: &BillView, plan: &Plan) -> Result<Vec<Sums>, ExportError> {
    let rollup = view.rollup(store)?;
    let wanted = &plan.wanted;
    let owners = wanted.scope.owners(wanted.bill.payer);
    let last = coverage_last_day(wanted.coverage);
    let month = wanted.bill.month;
    let owner_of = |names: &Names, n: u32| Uin::parse(names.get(n)).map_or(0, Uin::number);
    let mut all = Vec::new();
    for cell in rollup.cells() {
        // As imports cover lines: days outside of the month by its edges, no day by the last one.
        let day = cell.key.day.and_then(Day::from_epoch_days).unwrap_or(month.last_day());
        let covered = day.clamp(month.first_day(), month.last_day()).day_of_month() <= u32::from(last);
        if covered && owners.contains(owner_of(rollup.owners(), cell.key.owner)) {
            let mut sums = Sums::new(&rollup.currencies().text(cell.key.currency));
            sums.lines = cell.lines;
            for (column, amount) in rollup.columns().iter().zip(&cell.amounts) {
                sums.add(*column, *amount).ok_or(Overflow).map_err(BillError::from)?;
            }
            merge_sums(&mut all, &[sums]).ok_or(Overflow).map_err(BillError::from)?;
        }
    }
    Ok(all)
}

/// Gives what comes with numbers in their order.
struct InOrder {
    from: crossbeam_channel::Receiver<(u64, Result<Piece, String>)>,
    waiting: BTreeMap<u64, Result<Piece, String>>,
    next: u64,
}

impl InOrder {
    fn new(from: crossbeam_channel::Receiver<(u64, Result<Piece, String>)>) -> InOrder {
        InOrder { from, waiting: BTreeMap::new(), next: 0 }
    }
}

impl Iterator for InOrder {
    type Item = Result<Piece, String>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(piece) = self.waiting.remove(&self.next) {
                self.next += 1;
                return Some(piece);
            }
            let (number, piece) = self.from.recv().ok()?;
            self.waiting.insert(number, piece);
        }
    }
}

struct Hashing<W> {
    out: W,
    hasher: Sha256,
    bytes: u64,
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, buffer: &[u8]) -> std::io::Result<usize> {
        let written = self.out.write(buffer)?;
        self.hasher.update(buffer.get(..written).unwrap_or_default());
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.out.flush()
    }
}
