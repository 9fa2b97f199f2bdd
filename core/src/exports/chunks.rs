//! Where the text of an export is cut: into CSVs of so many rows, and into chunks that are deflated on their own.
//!
//! The cuts depend on how many lines and how much text each owner has on each day, so they are known before a line is read,
//! and do not depend on threads, segments, or what else is exported. An owner-day of some size is a chunk of its own (or
//! several): the bill of all and the bill of that owner share it, and so do the files through day N and N + 1. Small ones
//! share a chunk with their neighbours.

use std::ops::Range;

use sha2::{Digest as _, Sha256};

use crate::bills::{BillKey, OwnerDay};

use super::form::{Audience, ExportForm};
use super::plan::EXPORT_FORMAT;
use crate::formats::dialect::Dialect;

/// From so much text on an owner-day is a chunk of its own.
const ALONE_BYTES: u64 = 8 << 10;
/// Text in a chunk that small owner-days share.
const SHARED_BYTES: u64 = 128 << 10;
/// With less text than this, a chunk goes on over the end of a day.
pub(super) const DAY_BYTES_MIN: u64 = 32 << 10;
/// The most text in a chunk, roughly: large enough that cutting costs no ratio.
const CHUNK_BYTES: u64 = 1 << 20;

/// Lines that are deflated together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct LineChunk {
    /// Which owner-days it has lines of.
    pub(super) days: Range<usize>,
    /// How many lines of the first of them come before.
    pub(super) skip: u64,
    /// How many lines it has.
    pub(super) rows: u64,
    /// About how much text.
    pub(super) text_bytes: u64,
}

/// A CSV in a zip.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Csv {
    pub(super) rows: u64,
    pub(super) chunks: Vec<LineChunk>,
}

struct Cutter {
    rows_per_file: u64,
    csvs: Vec<Csv>,
    open: Option<LineChunk>,
}

/// Cuts owner-days, sorted by day and owner, into CSVs and chunks; there is one CSV at least.
pub(super) fn cut(days: &[OwnerDay], rows_per_file: u64) -> Vec<Csv> {
    let mut cutter = Cutter { rows_per_file: rows_per_file.max(1), csvs: vec![Csv::default()], open: None };
    let mut before: Option<u8> = None;
    for (at, day) in days.iter().enumerate() {
        let new_day = before.replace(day.coverage_day) != Some(day.coverage_day);
        if new_day && cutter.open.as_ref().is_some_and(|open| open.text_bytes >= DAY_BYTES_MIN) {
            cutter.close();
        }
        if day.text_bytes >= ALONE_BYTES {
            cutter.close();
            let parts = day.text_bytes.div_ceil(CHUNK_BYTES);
            let rows_max = day.rows().div_ceil(parts).max(1);
            cutter.add(at, day, rows_max);
            cutter.close();
        } else {
            cutter.add(at, day, u64::MAX);
            if cutter.open.as_ref().is_some_and(|open| open.text_bytes >= SHARED_BYTES) {
                cutter.close();
            }
        }
    }
    cutter.close();
    cutter.csvs
}

impl Cutter {
    fn add(&mut self, at: usize, day: &OwnerDay, rows_max: u64) {
        let mut done = 0;
        while done < day.rows() {
            let room = self.room();
            if room == 0 {
                self.close();
                self.csvs.push(Csv::default());
                continue;
            }
            let rows = (day.rows() - done).min(room).min(rows_max);
            let open =
                self.open.get_or_insert(LineChunk { days: at..at, skip: done, rows: 0, text_bytes: 0 });
            open.days.end = at + 1;
            open.rows += rows;
            open.text_bytes += (day.text_bytes / day.rows().max(1)).max(1) * rows;
            done += rows;
            if rows == rows_max || done < day.rows() {
                self.close();
            }
        }
    }

    /// Returns how many rows still fit into the CSV at hand.
    fn room(&self) -> u64 {
        let rows = self.csvs.last().map_or(0, |csv| csv.rows) + self.open.as_ref().map_or(0, |o| o.rows);
        self.rows_per_file - rows.min(self.rows_per_file)
    }

    fn close(&mut self) {
        if let (Some(chunk), Some(csv)) = (self.open.take(), self.csvs.last_mut()) {
            csv.rows += chunk.rows;
            csv.chunks.push(chunk);
        }
    }
}

/// Names chunks by all that their bytes depend on.
pub(super) struct Namer(Sha256);

impl Namer {
    /// Makes names for the chunks of a bill's exports under these headers, in a form.
    pub(super) fn new(bill: BillKey, headers: &[String], form: ExportForm) -> Namer {
        let mut hasher = Sha256::new();
        hasher.update(b"billkeep chunk\n");
        hasher.update(EXPORT_FORMAT.to_le_bytes());
        hasher.update(bill.bytes());
        for header in headers {
            hasher.update((header.len() as u64).to_le_bytes());
            hasher.update(header);
        }
        // Chunks were of one form once: their names stay.
        let cells = (form.dialect, form.audience);
        if cells != <(Dialect, Audience)>::default() {
            hasher.update(format!("cells {} {}\n", form.dialect, form.audience));
        }
        Namer(hasher)
    }

    /// Returns the name of a chunk: other lines have another one.
    pub(super) fn name(&self, chunk: &LineChunk, days: &[OwnerDay]) -> [u8; 32] {
        let mut hasher = self.0.clone();
        hasher.update(chunk.skip.to_le_bytes());
        hasher.update(chunk.rows.to_le_bytes());
        for day in days.get(chunk.days.clone()).unwrap_or_default() {
            hasher.update(day.digest.sum_bytes());
            hasher.update(day.rows().to_le_bytes());
        }
        hasher.finalize().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::values::digest::Digest;
    use proptest::prelude::*;

    fn day(coverage_day: u8, owner: u64, rows: u64, row_bytes: u64) -> OwnerDay {
        let digest = Digest::of_sum(&[owner as u8; 32], rows);
        OwnerDay { coverage_day, owner, text_bytes: rows * row_bytes, digest }
    }

    /// Each chunk as the owner-days and rows in it.
    fn shape(csvs: &[Csv]) -> Vec<Vec<(Range<usize>, u64, u64)>> {
        let chunk = |c: &LineChunk| (c.days.clone(), c.skip, c.rows);
        csvs.iter().map(|csv| csv.chunks.iter().map(chunk).collect()).collect()
    }

    #[test]
    fn small_owner_days_share_a_chunk_and_large_ones_have_their_own() {
        let days = [day(1, 1, 2, 400), day(1, 2, 3, 400), day(1, 3, 30, 400), day(2, 1, 2, 400)];
        assert_eq!(shape(&cut(&days, 1_000)), [[(0..2, 0, 5), (2..3, 0, 30), (3..4, 0, 2)]]);
        // 3 MiB of one owner are three chunks.
        let days = [day(1, 1, 6_000, 512)];
        assert_eq!(
            shape(&cut(&days, 10_000)),
            [[(0..1, 0, 2_000), (0..1, 2_000, 2_000), (0..1, 4_000, 2_000)]]
        );
    }

    #[test]
    fn a_csv_that_is_full_cuts_a_chunk() {
        let days = [day(1, 1, 2, 400), day(1, 2, 3, 400), day(1, 3, 1, 400)];
        assert_eq!(shape(&cut(&days, 4)), [[(0..2, 0, 4)], [(1..3, 2, 2)]]);
        assert_eq!(shape(&cut(&[], 4)), [[]] as [[(Range<usize>, u64, u64); 0]; 1]);
    }

    #[test]
    fn the_name_of_a_chunk_tells_its_lines() {
        let days = [day(1, 1, 40, 400), day(1, 2, 40, 400), day(2, 1, 40, 400)];
        let bill: BillKey = BillKey {
            payer: "100010445724".parse().unwrap(),
            month: "2021-03".parse().unwrap(),
            basis: crate::values::period::Basis::Used,
        };
        let namer = Namer::new(bill, &["a".into()], ExportForm::default());
        let names: Vec<_> =
            cut(&days, 100).iter().flat_map(|c| &c.chunks).map(|c| namer.name(c, &days)).collect();
        assert_eq!(names.len(), 4);
        assert_eq!(names[0], namer.name(&cut(&days[..1], 100)[0].chunks[0], &days[..1]));
        assert_ne!(names[0], names[1]);
        let other = |header: &str, form| {
            Namer::new(bill, &[header.into()], form).name(&cut(&days, 100)[0].chunks[0], &days)
        };
        assert_ne!(names[0], other("b", ExportForm::default()));
        let spreadsheet = ExportForm { dialect: Dialect::Spreadsheet, ..ExportForm::default() };
        let customer = ExportForm { audience: Audience::Customer, ..ExportForm::default() };
        assert_eq!(names[0], other("a", ExportForm::default()));
        assert_ne!(names[0], other("a", spreadsheet));
        assert_ne!(names[0], other("a", customer));
        assert_ne!(other("a", spreadsheet), other("a", customer));
    }

    proptest! {
        #[test]
        fn every_line_is_in_one_chunk(
            some in proptest::collection::vec((1_u8..4, 1_u64..9_000, 1_u64..900), 0..30),
            rows_per_file in 1_u64..20_000,
        ) {
            let mut days: Vec<OwnerDay> =
                some.iter().enumerate().map(|(i, (d, rows, bytes))| day(*d, i as u64, *rows, *bytes)).collect();
            days.sort_by_key(|d| (d.coverage_day, d.owner));
            let csvs = cut(&days, rows_per_file);
            let (mut at, mut row) = (0, 0);
            for (i, csv) in csvs.iter().enumerate() {
                prop_assert!(csv.rows == rows_per_file || i + 1 == csvs.len());
                prop_assert_eq!(csv.rows, csv.chunks.iter().map(|c| c.rows).sum::<u64>());
                for chunk in &csv.chunks {
                    prop_assert_eq!((chunk.days.start, chunk.skip), (at, row));
                    let mut left = chunk.rows;
                    while left > 0 {
                        let step = left.min(days[at].rows() - row);
                        left -= step;
                        row += step;
                        prop_assert!(at < chunk.days.end);
                        if row == days[at].rows() {
                            (at, row) = (at + 1, 0);
                        }
                    }
                }
            }
            prop_assert_eq!((at, row), (days.len(), 0));
        }
    }
}
