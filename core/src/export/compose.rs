//! Writes lines as CSV text and cuts it: into CSVs of so many rows, and into chunks.
//!
//! The cuts depend on the text and the days alone, so that whoever renders the same lines, alone or beside others,
//! gets the same bytes. A new chunk begins at 1 MiB of text, and with a new day once there is enough text for a
//! chunk to stand alone; so the file through day N + 1 begins with the chunks of the file through day N.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::bill::{BillError, ReadBlock, column_amounts};
use crate::block::Sums;
use crate::money::Amount;
use crate::rollup::{Names, Overflow};
use crate::schema::Column;

use super::csv::{BlockWriter, Columns, write_record};

/// Text in a chunk, roughly: large enough that cutting costs no ratio.
const CHUNK_BYTES: usize = 1 << 20;
/// With less text than this, a chunk goes on over the end of a day.
const CHUNK_BYTES_MIN: usize = 128 << 10;

/// What a zip is made of, in order.
pub(super) enum Cut {
    /// A CSV begins; counted from 0.
    Begin(usize),
    /// A chunk of its text.
    Text(Vec<u8>),
}

/// Text being written, with its rows and sums.
pub(super) struct Composer {
    rows_per_file: u64,
    text: Vec<u8>,
    /// Rows of each CSV begun so far.
    rows: Vec<u64>,
    sums: BTreeMap<String, Sums>,
    day: u8,
}

/// What was written.
pub(super) struct Composed {
    /// Rows of each CSV.
    pub(super) rows: Vec<u64>,
    /// The sums of all lines, one entry for each currency.
    pub(super) sums: Vec<Sums>,
}

impl Composer {
    /// Begins the first CSV.
    pub(super) fn new(columns: &Columns, rows_per_file: u64, give: &mut dyn FnMut(Cut)) -> Composer {
        let mut composer =
            Composer { rows_per_file, text: Vec::new(), rows: Vec::new(), sums: BTreeMap::new(), day: 0 };
        composer.begin(columns, give);
        composer
    }

    /// Writes some lines of a block.
    pub(super) fn write(
        &mut self,
        columns: &Columns,
        block: &ReadBlock,
        rows: Range<usize>,
        give: &mut dyn FnMut(Cut),
    ) -> Result<(), BillError> {
        let day = block.header().coverage_day;
        if day != self.day && self.text.len() >= CHUNK_BYTES_MIN {
            self.flush(give);
        }
        self.day = day;
        let prepared = block.prepared(|block| Prepared::new(columns, block))?;
        prepared.add_sums(rows.clone(), &mut self.sums)?;
        let cells = prepared.writer.columns(block)?;
        let mut scratch = Vec::new();
        for row in rows {
            if self.rows.last().is_some_and(|rows| *rows >= self.rows_per_file) {
                self.flush(give);
                self.begin(columns, give);
            }
            write_record(&cells, row, &mut scratch, &mut self.text);
            if let Some(rows) = self.rows.last_mut() {
                *rows += 1;
            }
            if self.text.len() >= CHUNK_BYTES {
                self.flush(give);
            }
        }
        Ok(())
    }

    /// Ends the last CSV.
    pub(super) fn finish(mut self, give: &mut dyn FnMut(Cut)) -> Composed {
        self.flush(give);
        Composed { rows: self.rows, sums: self.sums.into_values().collect() }
    }

    fn begin(&mut self, columns: &Columns, give: &mut dyn FnMut(Cut)) {
        give(Cut::Begin(self.rows.len()));
        self.rows.push(0);
        columns.write_header(&mut self.text);
    }

    fn flush(&mut self, give: &mut dyn FnMut(Cut)) {
        if !self.text.is_empty() {
            // Who filled a chunk will fill another.
            let room = if self.text.len() >= CHUNK_BYTES { CHUNK_BYTES + CHUNK_BYTES / 64 } else { 0 };
            give(Cut::Text(std::mem::replace(&mut self.text, Vec::with_capacity(room))));
        }
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
    fn add_sums(&self, rows: Range<usize>, sums: &mut BTreeMap<String, Sums>) -> Result<(), BillError> {
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
