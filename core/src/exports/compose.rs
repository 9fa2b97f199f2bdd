//! Writes the lines of a chunk as CSV text, and adds their amounts up again.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::bills::pricing::{Price, PricedBlock};
use crate::bills::{BillError, Currencies, ReadBlock, column_amounts};
use crate::engine::block::Sums;
use crate::engine::rollup::Overflow;
use crate::formats::schema::Column;
use crate::values::money::Amount;
use crate::values::reason::Reason;

use super::archive::{self, Deflater};
use super::csv::{BlockWriter, Columns};

/// A chunk of a CSV: its compressed text, and what its lines add up to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RenderedChunk {
    pub(super) chunk: archive::CompressedChunk,
    pub(super) rows: u64,
    pub(super) sums: Vec<Sums>,
    /// What customers pay, where the columns have prices.
    pub(super) priced: PriceSums,
}

/// What a customer pays, by currency.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct PriceSums(BTreeMap<String, PriceSum>);

/// What a customer pays in one currency.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PriceSum {
    /// How many lines have a price.
    pub priced_lines: u64,
    /// How many have none.
    pub unpriced_lines: u64,
    /// The prices.
    pub price: Amount,
    /// The prices less vouchers.
    pub total: Amount,
}

impl PriceSums {
    fn of(&mut self, currency: &str) -> &mut PriceSum {
        self.0.entry(currency.to_owned()).or_default()
    }

    fn add(&mut self, currency: &str, price: Price) -> Option<()> {
        let sum = self.of(currency);
        match (price.price, price.total) {
            (Some(price), Some(total)) => {
                sum.priced_lines += 1;
                sum.price = sum.price.checked_add(price)?;
                sum.total = sum.total.checked_add(total)?;
            }
            _ => sum.unpriced_lines += 1,
        }
        Some(())
    }

    /// Adds sums of other lines; `None` beyond 128 bits.
    pub(super) fn merge(&mut self, other: &PriceSums) -> Option<()> {
        for (currency, more) in &other.0 {
            let sum = self.of(currency);
            sum.priced_lines += more.priced_lines;
            sum.unpriced_lines += more.unpriced_lines;
            sum.price = sum.price.checked_add(more.price)?;
            sum.total = sum.total.checked_add(more.total)?;
        }
        Some(())
    }

    /// Returns the sums by currency.
    pub(super) fn into_map(self) -> BTreeMap<String, PriceSum> {
        self.0
    }
}

impl RenderedChunk {
    /// Makes the chunk of a header.
    pub(super) fn header(columns: &Columns, deflater: &mut Deflater) -> Result<RenderedChunk, Reason> {
        let mut text = Vec::new();
        columns.write_header(&mut text);
        Ok(RenderedChunk {
            chunk: deflater.chunk(&text)?,
            rows: 0,
            sums: Vec::new(),
            priced: PriceSums::default(),
        })
    }
}

/// The text of a chunk, being written.
#[derive(Default)]
pub(super) struct Composer {
    text: Vec<u8>,
    rows: u64,
    sums: BTreeMap<String, Sums>,
    priced: PriceSums,
}

impl Composer {
    /// Writes some lines of a block.
    pub(super) fn write(
        &mut self,
        columns: &Columns,
        block: &ReadBlock,
        rows: Range<usize>,
    ) -> Result<(), BillError> {
        let prepared = block.prepared(|block| Prepared::new(columns, block))?;
        prepared.add_sums(rows.clone(), &mut self.sums)?;
        self.rows += rows.len() as u64;
        let mut scratch = Vec::new();
        for row in rows {
            let mut price = Price::default();
            if let (Some(prices), Some(of)) = (&columns.prices, &prepared.prices) {
                price = of.price(prices, block, row)?;
                self.priced.add(prepared.currencies.of(row), price).ok_or(Overflow)?;
            }
            prepared.writer.write_record(row, price, &mut scratch, &mut self.text);
            self.text.extend_from_slice(columns.dialect.line_end());
        }
        Ok(())
    }

    /// Returns how many lines have been written.
    pub(super) fn rows(&self) -> u64 {
        self.rows
    }

    /// Gives back memory that the text does not need: of many that wait for more lines, few will soon need it.
    pub(super) fn give_back_room(&mut self) {
        self.text.shrink_to_fit();
    }

    /// Compresses what was written, and begins anew.
    pub(super) fn finish(&mut self, deflater: &mut Deflater) -> Result<RenderedChunk, Reason> {
        let chunk = deflater.chunk(&self.text)?;
        self.text.clear();
        let sums = std::mem::take(&mut self.sums).into_values().collect();
        Ok(RenderedChunk {
            chunk,
            rows: std::mem::take(&mut self.rows),
            sums,
            priced: std::mem::take(&mut self.priced),
        })
    }
}

/// What is made of a block once, however many pieces its lines are told in.
struct Prepared {
    writer: BlockWriter,
    currencies: Currencies,
    /// Each money column with its scale and its sums before each row, and after the last; no sums where all are zero.
    running: Vec<(Column, u8, Vec<i128>)>,
    prices: Option<PricedBlock>,
}

impl Prepared {
    fn new(columns: &Columns, block: &ReadBlock) -> Result<Prepared, BillError> {
        let schema = block.schema().clone();
        let mut running = Vec::new();
        for (column, index) in schema.summed() {
            let amounts = column_amounts(block.column(index)?, block.rows());
            let scale = amounts.iter().map(|a| a.scale()).max().unwrap_or(0);
            if amounts.iter().all(|amount| amount.mantissa() == 0) {
                running.push((column, scale, Vec::new()));
                continue;
            }
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
        Ok(Prepared {
            writer: BlockWriter::new(columns, block)?,
            currencies: Currencies::read(block)?,
            running,
            prices: columns.prices.as_ref().map(|_| PricedBlock::new(block)).transpose()?,
        })
    }

    /// Adds the amounts of some rows to the sums of their currencies, a run of one currency at once.
    fn add_sums(&self, rows: Range<usize>, sums: &mut BTreeMap<String, Sums>) -> Result<(), BillError> {
        let mut from = rows.start;
        while from < rows.end {
            let to = self.currencies.run_end(from..rows.end);
            let name = self.currencies.of(from);
            let all = match sums.get_mut(name) {
                Some(all) => all,
                None => sums.entry(name.to_owned()).or_insert_with(|| Sums::new(name)),
            };
            all.lines += (to - from) as u64;
            for (column, scale, before) in &self.running {
                let at = |row: usize| before.get(row).copied().unwrap_or(0);
                all.add(*column, Amount::new(at(to) - at(from), *scale)).ok_or(Overflow)?;
            }
            from = to;
        }
        Ok(())
    }
}
