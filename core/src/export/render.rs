//! Renders an export: lines in order → text in chunks → deflated on several threads → one zip.
//!
//! Deterministic: order, cuts, level and names come from the plan and the lines. While lines are written their
//! amounts are added up again, and compared with the roll-ups (I1, I7).

use std::collections::BTreeMap;
use std::io::Write;

use sha2::{Digest as _, Sha256};

use crate::bill::{BillError, BillView, Filter, totals_text, walk};
use crate::block::{Sums, merge_sums};
use crate::period::{BillMonth, Day};
use crate::rollup::{Cell, Overflow, Rollup};
use crate::store::Read;
use crate::uin::Uin;

use super::archive::{self, Deflater, Entry, Piece};
use super::compose::{Composed, Composer, Cut};
use super::csv::Columns;
use super::plan::{Plan, coverage_last_day};
use super::{ExportError, RenderedFile};

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
    let columns = Columns::through(view, coverage_last_day(plan.wanted.coverage));
    let threads = settings.threads.clamp(1, 64);
    let (text_in, text) = crossbeam_channel::bounded::<(u64, Cut)>(threads);
    let (piece_in, pieces) = crossbeam_channel::bounded::<(u64, Result<Piece, String>)>(threads);
    let mut hashing = Hashing::new(out);
    let names = CsvNames::new(plan);
    let (written, made) = std::thread::scope(|scope| {
        for _ in 0..threads {
            let (text, piece_in) = (text.clone(), piece_in.clone());
            scope.spawn(move || {
                let mut deflater = Deflater::new();
                for (number, item) in text {
                    if piece_in.send((number, deflater.piece(item, names))).is_err() {
                        return;
                    }
                }
            });
        }
        drop((text, piece_in));
        let out = &mut hashing;
        let writer = scope.spawn(move || archive::write(out, InOrder::new(pieces)));
        let mut number = 0;
        let mut gone = false;
        let mut give = |cut: Cut| {
            // The writer, if it has gone, tells why itself.
            gone |= text_in.send((number, cut)).is_err();
            number += 1;
        };
        let made = compose(store, view, plan, &columns, &mut give);
        // Without their sender, the workers end, and then the writer.
        drop(text_in);
        let written = writer.join().unwrap_or_else(|_| Err("the writing thread failed".into()));
        (written, made)
    });
    let entries = written.map_err(ExportError::Write)?;
    let composed = made?;
    must_tie(plan, &composed.sums, &expected_sums(store, view, plan)?)?;
    Ok(hashing.rendered(names, &entries, composed, &columns))
}

fn compose(
    store: &impl Read,
    view: &BillView,
    plan: &Plan,
    columns: &Columns,
    give: &mut dyn FnMut(Cut),
) -> Result<Composed, ExportError> {
    let wanted = &plan.wanted;
    let filter = Filter {
        last_day: coverage_last_day(wanted.coverage),
        owners: wanted.scope.owners(wanted.bill.payer),
    };
    let mut composer = Composer::new(columns, wanted.rows_per_file, give);
    walk::<ExportError>(store, view, &filter, &mut |slice| {
        Ok(composer.write(columns, slice.block, slice.rows, give)?)
    })?;
    Ok(composer.finish(give))
}

/// Checks an export's sums against those that the roll-ups tell (I1, I7).
pub(super) fn must_tie(plan: &Plan, sums: &[Sums], expected: &[Sums]) -> Result<(), ExportError> {
    if sums == expected {
        return Ok(());
    }
    Err(ExportError::DoNotTie {
        name: plan.part_name(),
        one: totals_text(sums),
        other: totals_text(expected),
    })
}

/// The names of the CSVs in a part: numbered where there are several.
#[derive(Clone, Copy)]
pub(super) struct CsvNames<'a> {
    stem: &'a str,
    files: u64,
}

impl<'a> CsvNames<'a> {
    pub(super) fn new(plan: &'a Plan) -> CsvNames<'a> {
        let files = plan.content.lines().div_ceil(plan.wanted.rows_per_file.max(1));
        CsvNames { stem: &plan.stem, files }
    }

    fn get(self, index: usize) -> String {
        if self.files <= 1 {
            format!("{}.csv", self.stem)
        } else {
            format!("{}-{:03}.csv", self.stem, index + 1)
        }
    }
}

impl Deflater {
    /// Makes a cut into what goes into the zip.
    pub(super) fn piece(&mut self, cut: Cut, names: CsvNames<'_>) -> Result<Piece, String> {
        match cut {
            Cut::Begin(index) => Ok(Piece::Begin(names.get(index))),
            Cut::Text(text) => self.chunk(&text).map(Piece::Chunk),
        }
    }
}

/// Returns the sums that the roll-ups tell for what a plan covers; one segment's is in memory at a time.
fn expected_sums(store: &impl Read, view: &BillView, plan: &Plan) -> Result<Vec<Sums>, ExportError> {
    let wanted = &plan.wanted;
    let owners = wanted.scope.owners(wanted.bill.payer);
    let last = coverage_last_day(wanted.coverage);
    let mut all = Vec::new();
    for segment in view.segments() {
        let rollup = segment.rollup(store)?;
        let of = owner_numbers(&rollup);
        let sums = rollup.sums_where(|cell| {
            let owner = of.get(cell.key.owner as usize).copied().unwrap_or(0);
            covers(wanted.bill.month, last, cell) && owners.contains(owner)
        });
        merge_sums(&mut all, &sums.map_err(BillError::from)?).ok_or(Overflow).map_err(BillError::from)?;
    }
    Ok(all)
}

/// Returns a roll-up's owners as numbers, 0 for what is none.
pub(super) fn owner_numbers(rollup: &Rollup) -> Vec<u64> {
    rollup.owners().iter().map(|owner| Uin::parse(owner).map_or(0, Uin::number)).collect()
}

/// Says whether an export through a day covers a cell: as imports do, days outside of the month by its edges, no
/// day by the last one.
pub(super) fn covers(month: BillMonth, last_day: u8, cell: &Cell<'_>) -> bool {
    let day = cell.key.day.and_then(Day::from_epoch_days).unwrap_or(month.last_day());
    day.clamp(month.first_day(), month.last_day()).day_of_month() <= u32::from(last_day)
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

/// Hashes and counts what is written.
pub(super) struct Hashing<W> {
    pub(super) out: W,
    hasher: Sha256,
    bytes: u64,
}

impl<W: Write> Hashing<W> {
    pub(super) fn new(out: W) -> Hashing<W> {
        Hashing { out, hasher: Sha256::new(), bytes: 0 }
    }

    /// Tells what was written.
    pub(super) fn rendered(
        self,
        names: CsvNames<'_>,
        entries: &[Entry],
        composed: Composed,
        columns: &Columns,
    ) -> Rendered {
        let file = |(i, (entry, rows)): (usize, (&Entry, u64))| RenderedFile {
            name: names.get(i),
            rows,
            bytes: entry.bytes,
            crc32: entry.crc,
        };
        Rendered {
            bytes: self.bytes,
            sha256: self.hasher.finalize().into(),
            files: entries.iter().zip(composed.rows).enumerate().map(file).collect(),
            headers: columns.headers().to_vec(),
            sums: composed.sums,
        }
    }
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
