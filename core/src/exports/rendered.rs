//! A part as it was rendered, and what is checked of it.

use std::collections::BTreeMap;
use std::io::Write;

use sha2::{Digest as _, Sha256};

use crate::bills::{BillView, owners_sums};
use crate::engine::block::{Sums, merge_sums};
use crate::engine::store::Records;
use crate::partners::price::PriceBook;

use super::archive::ZipEntry;
use super::chunks::Csv;
use super::compose::{PriceSum, PriceSums, RenderedChunk};
use super::csv::Columns;
use super::form::Audience;
use super::line_headers::LineHeaders;
use super::plan::Plan;
use super::shape::Shaped;
use super::wanted::coverage_last_day;
use super::{ExportError, RenderedFile};

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
    /// What the customer pays, by currency; `None` where the export is the partner's.
    pub customer: Option<CustomerFigures>,
    /// What there is to tell of another shape than all lines.
    pub shaped: Option<Shaped>,
    /// Which header each line had in its file, where files had different ones.
    pub line_headers: Option<LineHeaders>,
}

/// What a customer pays for the lines of an export.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CustomerFigures {
    /// By currency.
    pub sums: BTreeMap<String, PriceSum>,
    /// The rules.
    pub prices: PriceBook,
}

/// What the chunks of an export add up to.
#[derive(Default)]
pub(super) struct Figures {
    pub(super) sums: Vec<Sums>,
    pub(super) priced: PriceSums,
}

impl Figures {
    /// Adds a chunk; `None` beyond 128 bits.
    pub(super) fn add(&mut self, made: &RenderedChunk) -> Option<()> {
        merge_sums(&mut self.sums, &made.sums)?;
        self.priced.merge(&made.priced)
    }
}

/// Checks an export's sums against those that the roll-ups tell (I1, I7).
pub(super) fn must_tie(plan: &Plan, sums: &[Sums], expected: &[Sums]) -> Result<(), ExportError> {
    if sums == expected {
        return Ok(());
    }
    // The failure of a customer's delivery is shown and sent where the customer's amounts are.
    let is_partners = plan.wanted.form.audience == Audience::Partner;
    let sides = is_partners.then(|| (Sums::totals_text(sums), Sums::totals_text(expected)));
    Err(ExportError::DoNotTie { name: plan.part_name(), sides })
}

/// The names of the CSVs in a part: numbered where there are several.
#[derive(Clone, Copy)]
pub(super) struct CsvNames<'a> {
    pub(super) stem: &'a str,
    pub(super) files: u64,
}

impl<'a> CsvNames<'a> {
    pub(super) fn new(plan: &'a Plan) -> CsvNames<'a> {
        let files = plan.content.lines().div_ceil(plan.wanted.rows_per_file.max(1));
        CsvNames { stem: &plan.stem, files }
    }

    pub(super) fn get(self, index: usize) -> String {
        if self.files <= 1 {
            format!("{}.csv", self.stem)
        } else {
            format!("{}-{:03}.csv", self.stem, index + 1)
        }
    }
}

/// Hashes and counts what is written.
pub(crate) struct HashingWriter<W> {
    pub(crate) out: W,
    pub(super) hasher: Sha256,
    pub(super) bytes: u64,
}

impl<W: Write> HashingWriter<W> {
    pub(crate) fn new(out: W) -> HashingWriter<W> {
        HashingWriter { out, hasher: Sha256::new(), bytes: 0 }
    }

    /// Returns how many bytes were written, and their SHA-256.
    pub(crate) fn finish(self) -> (u64, [u8; 32]) {
        (self.bytes, self.hasher.finalize().into())
    }

    /// Tells what was written.
    pub(super) fn rendered(
        self,
        names: CsvNames<'_>,
        entries: &[ZipEntry],
        csvs: &[Csv],
        figures: Figures,
        columns: &Columns,
    ) -> Rendered {
        let file = |(i, (entry, csv)): (usize, (&ZipEntry, &Csv))| RenderedFile {
            name: names.get(i),
            rows: csv.rows,
            bytes: entry.bytes,
            crc32: entry.crc,
        };
        Rendered {
            bytes: self.bytes,
            sha256: self.hasher.finalize().into(),
            files: entries.iter().zip(csvs).enumerate().map(file).collect(),
            headers: columns.headers().to_vec(),
            sums: figures.sums,
            customer: columns
                .prices
                .as_ref()
                .map(|prices| CustomerFigures { sums: figures.priced.into_map(), prices: prices.clone() }),
            shaped: None,
            line_headers: None,
        }
    }
}

impl<W: Write> Write for HashingWriter<W> {
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

/// Returns the sums that the roll-ups tell for what a plan covers; one segment's are in memory at a time.
pub(crate) fn expected_sums(
    store: &impl Records,
    view: &BillView,
    plan: &Plan,
) -> Result<Vec<Sums>, ExportError> {
    let wanted = &plan.wanted;
    let owners = wanted.scope.owners(store, wanted.bill)?;
    Ok(owners_sums(store, view, &owners, coverage_last_day(wanted.coverage))?)
}
