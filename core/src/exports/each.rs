//! Exports of many accounts at once: one zip each, from a few passes over the bill.
//!
//! Blocks hold a day's lines sorted by owner. A pass takes many accounts, neighbours by id, and reads of each day only the
//! blocks that hold them; so all passes together read each block little more than once. How many passes there are depends on
//! the threads and the accounts, not on the lines: of a pass, the text of chunks that go on over the end of a day is in memory,
//! and compressed chunks wait in a [`Spill`]. Chunks that are in the cache are not made again, and where a pass has all of them
//! no block is read. Threads take passes as they come. The bytes are those that exporting each account alone would give.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::BufWriter;
use std::ops::Range;
use std::sync::Mutex;

use crate::bills::{
    BillView, LineFilter, OwnerDay, Owners, ReadBlock, WantedLines, must_be_recorded, sums_by_owner,
    wanted_lines,
};
use crate::engine::block::Sums;
use crate::engine::rollup::Overflow;
use crate::engine::store::{ChunkCache, Records};
use crate::exports::sink::{Sink, SinkError};
use crate::values::reason::Reason;
use crate::values::uin::Uin;

use super::ExportError;
use super::archive::{self, Deflater, ZipPiece};
use super::chunks::{Csv, DAY_BYTES_MIN, LineChunk, Namer, cut};
use super::compose::{Composer, RenderedChunk};
use super::csv::Columns;
use super::form::Audience;
use super::job::ChunkLines;
use super::kept::{keep, kept};
use super::place::{Stage, place_held, put, stage_folder};
use super::plan::{Naming, Plan};
use super::render::CACHE_LINES_MIN;
use super::rendered::{CsvNames, CustomerFigures, Figures, HashingWriter, must_tie};
use super::settings::RenderSettings;
use super::shape::is_shaped;
use super::spill::{Spill, Waiting};
use super::wanted::{Scope, WantedExport, coverage_last_day};
use crate::engine::journal::JournalHead;

/// Passes for each thread: the fewer, the fewer blocks are read twice; the more, the less time a thread waits for the others.
const PASSES_A_THREAD: u64 = 2;
/// Lines that a pass may have in any case.
const PASS_LINES: u64 = 262_144;
/// Text that a pass may have in memory at the end of a day.
const PASS_TEXT_BYTES: u64 = 14 << 20;
/// Compressed text of a pass that is kept in memory; more goes into a file.
const PASS_DEFLATED_BYTES: usize = 8 << 20;
/// Accounts of a pass that are put in their places at once. They mostly wait for the disk, which flushes several files in
/// hardly more time than one.
const PUTS: usize = 8;
/// What is written of a zip at once.
const ZIP_BUFFER_BYTES: usize = 128 << 10;

/// What was exported.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exported {
    /// How many zips.
    pub files: u64,
    /// How many lines in them.
    pub rows: u64,
    /// What the customers pay, account by account, where these are their exports.
    pub customers: Vec<CustomerFigures>,
}

/// An export of a zip for each account.
#[derive(Clone, Copy)]
pub struct ExportEach<'a> {
    /// What to export. Its account and scope are replaced by each account's.
    pub wanted: WantedExport,
    /// Whether the payer's own account gets none.
    pub customers_only: bool,
    /// How the objects are named.
    pub naming: &'a Naming,
    /// The sink's name, for errors.
    pub sink_name: &'a str,
    /// Where the objects go.
    pub sink: &'a dyn Sink,
    /// How the work is done.
    pub settings: &'a RenderSettings<'a>,
}

impl BillView {
    /// Exports accounts' lines into a sink, a zip and a manifest for each account that has any.
    ///
    /// # Errors
    /// [`ExportError`]; what is in the sink by then is whole, and running again goes on.
    pub fn export_each(
        &self,
        store: &(impl Records + Sync),
        export: ExportEach<'_>,
    ) -> Result<Exported, ExportError> {
        let ExportEach { wanted, customers_only, naming, sink_name, sink, settings } = export;
        if is_shaped(wanted.form) {
            let name = format!("an export for each account of the bill for {}", wanted.bill);
            let why = "accounts get whole lines, each in a zip of its own";
            return Err(ExportError::Form { name, form: wanted.form, why });
        }
        must_be_recorded(store, wanted.bill)?;
        let last_day = coverage_last_day(wanted.coverage);
        // The payer is no customer.
        let customers_only = customers_only || wanted.form.audience == Audience::Customer;
        let payer = wanted.bill.payer.number();
        let is_wanted = |owner: u64| owner != 0 && !(customers_only && owner == payer);
        let accounts = sums_by_owner(store, self, is_wanted, last_day, settings.threads)?;
        let found = wanted_lines(store, self, &Owners::of(accounts.keys().copied()).into(), last_day)?;
        let columns = Columns::through(self, last_day).in_dialect(wanted.form.dialect);
        let rows: u64 = accounts.values().flatten().map(|s| s.lines).sum();
        let threads = settings.threads.clamp(1, 64);
        let pass_lines = rows.div_ceil(threads as u64 * PASSES_A_THREAD).max(PASS_LINES);
        let passes = passes(&accounts, &found.days, pass_lines);
        let job = AccountJob {
            view: self,
            wanted,
            naming,
            sink_name,
            sink,
            cache: settings.cache.filter(|_| rows >= CACHE_LINES_MIN),
            namer: Namer::new(wanted.bill, columns.headers(), wanted.form),
            columns,
            found: &found,
        };
        let mut exported = Exported { files: accounts.len() as u64, rows, customers: Vec::new() };
        let hold = sink.hold().map_err(|error| job.sink_error(error))?;
        // Accounts that are a pass of their own go first, one after another: each uses all threads. So do customers, of whom each
        // has other columns and prices.
        let for_customers = wanted.form.audience == Audience::Customer;
        let (alone, together): (Vec<_>, Vec<_>) =
            passes.into_iter().partition(|pass| match pass.as_slice() {
                _ if for_customers => true,
                [owner] => lines(&accounts, *owner) > pass_lines,
                _ => false,
            });
        for owner in alone.into_iter().flatten() {
            let plan = Plan::new(store, self, job.wanted_of(owner)?, naming)?;
            exported.customers.extend(place_held(store, self, &plan, sink_name, sink, settings)?.customer);
        }
        let (pass_in, queue) = crossbeam_channel::unbounded();
        together.into_iter().for_each(|pass| {
            // The receiver lives as long as this function.
            let _ = pass_in.send(pass);
        });
        drop(pass_in);
        let results: Vec<Result<(), ExportError>> = std::thread::scope(|scope| {
            let worker = || {
                let mut deflater = Deflater::new();
                queue.iter().try_for_each(|pass| job.pass(store, &pass, &accounts, &mut deflater))
            };
            let workers: Vec<_> = (0..threads).map(|_| scope.spawn(worker)).collect();
            workers.into_iter().map(|w| w.join().unwrap_or_else(|_| Err(thread_failed()))).collect()
        });
        drop(hold);
        results.into_iter().collect::<Result<(), _>>()?;
        Ok(exported)
    }
}

fn thread_failed() -> ExportError {
    ExportError::Write("an exporting thread failed".into())
}

fn lines(accounts: &BTreeMap<u64, Vec<Sums>>, owner: u64) -> u64 {
    accounts.get(&owner).into_iter().flatten().map(|s| s.lines).sum()
}

/// Puts accounts together, ascending, so that no pass of several has more lines than are wanted, or more text than fits.
fn passes(accounts: &BTreeMap<u64, Vec<Sums>>, days: &[OwnerDay], pass_lines: u64) -> Vec<Vec<u64>> {
    let mut text: BTreeMap<u64, u64> = BTreeMap::new();
    for day in days {
        *text.entry(day.owner).or_default() += day.text_bytes;
    }
    let mut passes: Vec<Vec<u64>> = Vec::new();
    let (mut lines_left, mut text_left) = (0, 0);
    for owner in accounts.keys() {
        let lines = lines(accounts, *owner);
        // All that an account has in memory over the end of a day is a chunk that goes on then.
        let text = text.get(owner).copied().unwrap_or(0).min(DAY_BYTES_MIN);
        match passes.last_mut() {
            Some(pass) if lines <= lines_left && text <= text_left => pass.push(*owner),
            _ => {
                passes.push(vec![*owner]);
                (lines_left, text_left) = (pass_lines.max(lines), PASS_TEXT_BYTES.max(text));
            }
        }
        lines_left -= lines;
        text_left -= text;
    }
    passes
}

struct AccountJob<'a> {
    view: &'a BillView,
    wanted: WantedExport,
    naming: &'a Naming,
    sink_name: &'a str,
    sink: &'a dyn Sink,
    cache: Option<&'a ChunkCache>,
    namer: Namer,
    columns: Columns,
    found: &'a WantedLines,
}

/// What has become of a chunk.
enum Had {
    /// The cache has it.
    Kept,
    /// It has to be made.
    Missing,
    Made(Waiting),
}

/// A part of a zip.
enum ZipPart<'a> {
    /// The CSV of this number begins.
    Begin(usize),
    Header,
    Chunk(&'a LineChunk),
}

/// One account's export, being made.
struct AccountExport {
    days: Vec<OwnerDay>,
    csvs: Vec<Csv>,
    /// For each chunk its name, and the rows of the account that it has.
    chunks: Vec<([u8; 32], Range<u64>)>,
    /// What has become of each.
    had: Vec<Had>,
    /// The chunk that is being written, the text of it, and how many of the account's rows have come by.
    at: usize,
    composer: Composer,
    rows: u64,
}

impl AccountJob<'_> {
    fn wanted_of(&self, owner: u64) -> Result<WantedExport, ExportError> {
        let uin = Uin::parse(owner.to_string().as_bytes())
            .ok_or_else(|| ExportError::Write(format!("{owner} is no account").into()))?;
        Ok(WantedExport { uin, scope: Scope::Owner(uin), ..self.wanted })
    }

    fn sink_error(&self, error: SinkError) -> ExportError {
        ExportError::Sink { sink: self.sink_name.to_owned(), error }
    }

    fn pass(
        &self,
        store: &(impl Records + Sync),
        owners: &[u64],
        accounts: &BTreeMap<u64, Vec<Sums>>,
        deflater: &mut Deflater,
    ) -> Result<(), ExportError> {
        let (Some(first), Some(last)) = (owners.first(), owners.last()) else { return Ok(()) };
        let mut by_owner: BTreeMap<u64, AccountExport> = BTreeMap::new();
        for day in self.found.days.iter().filter(|d| (*first..=*last).contains(&d.owner)) {
            by_owner.entry(day.owner).or_insert_with(AccountExport::new).days.push(*day);
        }
        for account in by_owner.values_mut() {
            account.cut(self);
        }
        let mut spill = Spill::new(stage_folder(self.sink_name, self.sink)?, PASS_DEFLATED_BYTES);
        self.make(store, &mut by_owner, deflater, &mut spill)?;
        let header = RenderedChunk::header(&self.columns, deflater).map_err(ExportError::Write)?;
        let made = Mutex::new(by_owner.into_iter());
        let next = || made.lock().ok()?.next();
        let results: Vec<Result<(), ExportError>> = std::thread::scope(|scope| {
            let puts = || {
                std::iter::from_fn(next).try_for_each(|(owner, account)| {
                    let expected = accounts.get(&owner).map_or(&[][..], Vec::as_slice);
                    self.put(store, owner, account, expected, &header, &spill)
                })
            };
            let threads: Vec<_> = (0..PUTS.min(owners.len())).map(|_| scope.spawn(puts)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap_or_else(|_| Err(thread_failed()))).collect()
        });
        results.into_iter().collect()
    }

    /// Makes the chunks that are not kept, of all accounts of a pass, day by day.
    fn make(
        &self,
        store: &impl Records,
        accounts: &mut BTreeMap<u64, AccountExport>,
        deflater: &mut Deflater,
        spill: &mut Spill,
    ) -> Result<(), ExportError> {
        let mut missing: BTreeMap<u8, BTreeSet<u64>> = BTreeMap::new();
        for (owner, account) in accounts.iter() {
            for day in account.missing_days() {
                missing.entry(day).or_default().insert(*owner);
            }
        }
        let mut idle = Composer::default();
        for (day, owners) in missing {
            let filter = LineFilter {
                first_day: day,
                last_day: day,
                owners: Owners::of(owners.iter().copied()),
                blocks: Some(&self.found.blocks),
            };
            for owner in &owners {
                if let Some(account) = accounts.get_mut(owner) {
                    account.begin_day(day);
                }
            }
            self.view.walk::<ExportError>(store, &filter, &mut |slice| {
                let owners = slice.block.owners()?;
                let mut from = slice.rows.start;
                while from < slice.rows.end {
                    let owner = owners.get(from).copied().unwrap_or(0);
                    let run = owners.get(from..slice.rows.end).unwrap_or_default();
                    let to = from + run.partition_point(|o| *o <= owner).max(1);
                    if let Some(account) = accounts.get_mut(&owner) {
                        account.write(self, slice.block, from..to, &mut idle, deflater, spill)?;
                    }
                    from = to;
                }
                Ok(())
            })?;
            for owner in &owners {
                if let Some(account) = accounts.get_mut(owner) {
                    account.composer.give_back_room();
                }
            }
        }
        Ok(())
    }

    /// Puts one account's export together, and where it is to be.
    fn put(
        &self,
        store: &impl Records,
        owner: u64,
        account: AccountExport,
        expected: &[Sums],
        header: &RenderedChunk,
        spill: &Spill,
    ) -> Result<(), ExportError> {
        let content = OwnerDay::digest_of(&account.days);
        let plan = Plan::of_content(self.view, self.wanted_of(owner)?, &self.columns, self.naming, content);
        let names = CsvNames::new(&plan);
        let mut figures = Figures::default();
        let AccountExport { days, csvs, chunks, had, .. } = account;
        let mut had = had.into_iter().zip(&chunks);
        let parts = csvs.iter().enumerate().flat_map(|(i, csv)| {
            [ZipPart::Begin(i), ZipPart::Header].into_iter().chain(csv.chunks.iter().map(ZipPart::Chunk))
        });
        let pieces = parts.map(|part| -> Result<ZipPiece, Reason> {
            let made = match part {
                ZipPart::Begin(i) => return Ok(ZipPiece::Begin(names.get(i))),
                ZipPart::Header => return Ok(ZipPiece::Chunk(header.chunk.clone())),
                ZipPart::Chunk(chunk) => match had.next() {
                    Some((Had::Made(waiting), _)) => spill.take(waiting)?,
                    Some((Had::Kept, (name, _))) => self.kept(store, chunk, name, &days)?,
                    _ => return Err(format!("lines of {owner} are missing").into()),
                },
            };
            figures.add(&made).ok_or_else(|| Overflow.to_string())?;
            Ok(ZipPiece::Chunk(made.chunk))
        });
        let stage = Stage::of(self.sink_name, self.sink, &plan)?;
        let failed = |e: std::io::Error| ExportError::Write(Reason::at(&stage.path, e));
        let mut hashing = HashingWriter::new(File::create(&stage.path).map_err(failed)?);
        let mut buffered = BufWriter::with_capacity(ZIP_BUFFER_BYTES, &mut hashing);
        let entries = archive::write(&mut buffered, pieces).map_err(ExportError::Write)?;
        drop(buffered);
        must_tie(&plan, &figures.sums, expected)?;
        let rendered = hashing.rendered(names, &entries, &csvs, figures, &self.columns);
        put(self.sink_name, self.sink, &plan, rendered, &stage, JournalHead::last(store)?)?;
        Ok(())
    }

    /// Takes a chunk from the cache; one that is damaged there is made again.
    fn kept(
        &self,
        store: &impl Records,
        chunk: &LineChunk,
        name: &[u8; 32],
        days: &[OwnerDay],
    ) -> Result<RenderedChunk, Reason> {
        if let Some(made) = self.cache.and_then(|cache| kept(cache, name)) {
            return Ok(made);
        }
        let lines =
            ChunkLines { store, view: self.view, days, blocks: &self.found.blocks, columns: &self.columns };
        lines.make_one(chunk, &mut Deflater::new())
    }
}

impl AccountExport {
    fn new() -> AccountExport {
        AccountExport {
            days: Vec::new(),
            csvs: Vec::new(),
            chunks: Vec::new(),
            had: Vec::new(),
            at: 0,
            composer: Composer::default(),
            rows: 0,
        }
    }

    /// Cuts the account's lines into chunks, and sees which are kept.
    fn cut(&mut self, job: &AccountJob<'_>) {
        self.csvs = cut(&self.days, job.wanted.rows_per_file);
        let mut row = 0;
        for chunk in self.csvs.iter().flat_map(|csv| &csv.chunks) {
            let name = job.namer.name(chunk, &self.days);
            self.chunks.push((name, row..row + chunk.rows));
            row += chunk.rows;
            let is_kept = job.cache.is_some_and(|cache| cache.has(&name));
            self.had.push(if is_kept { Had::Kept } else { Had::Missing });
        }
    }

    /// Returns the days of which lines are in chunks that have to be made.
    fn missing_days(&self) -> impl Iterator<Item = u8> {
        let chunks = self.csvs.iter().flat_map(|csv| &csv.chunks);
        let missing = chunks.zip(&self.had).filter(|(_, had)| matches!(had, Had::Missing)).map(|(c, _)| c);
        let days = |chunk: &LineChunk| self.days.get(chunk.days.clone()).unwrap_or_default();
        missing.flat_map(days).map(|day| day.coverage_day)
    }

    /// Is told that the lines of a day come next.
    fn begin_day(&mut self, day: u8) {
        self.rows = self.days.iter().take_while(|d| d.coverage_day < day).map(OwnerDay::rows).sum();
    }

    /// Writes some of the account's lines into the chunks that want them; the idle composer has the room that another one does not
    /// need any more.
    fn write(
        &mut self,
        job: &AccountJob<'_>,
        block: &ReadBlock,
        rows: Range<usize>,
        idle: &mut Composer,
        deflater: &mut Deflater,
        spill: &mut Spill,
    ) -> Result<(), ExportError> {
        let mut from = rows.start;
        while from < rows.end {
            while self.chunks.get(self.at).is_some_and(|(_, of)| of.end <= self.rows) {
                self.at += 1;
            }
            let Some((name, of)) = self.chunks.get(self.at) else { break };
            let to =
                rows.end.min(from.saturating_add(usize::try_from(of.end - self.rows).unwrap_or(usize::MAX)));
            self.rows += (to - from) as u64;
            if let Some(had) = self.had.get_mut(self.at).filter(|had| matches!(had, Had::Missing)) {
                if self.composer.rows() == 0 {
                    std::mem::swap(&mut self.composer, idle);
                }
                self.composer.write(&job.columns, block, from..to)?;
                if self.rows == of.end {
                    let made = self.composer.finish(deflater).map_err(ExportError::Write)?;
                    if let Some(cache) = job.cache {
                        keep(cache, name, &made);
                    }
                    *had = Had::Made(spill.keep(made).map_err(ExportError::Write)?);
                    std::mem::swap(&mut self.composer, idle);
                }
            }
            from = to;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::values::digest::Digest;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn passes_have_all_accounts_in_order_and_no_more_than_fits(
            some in proptest::collection::btree_map(1_u64..9_000, (1_u64..40, 1_u64..9_000_000), 0..60),
            pass_lines in 1_u64..200,
        ) {
            let sums = |lines| vec![Sums { lines, ..Sums::default() }];
            let accounts = some.iter().map(|(owner, (lines, _))| (*owner, sums(*lines))).collect();
            let days: Vec<OwnerDay> = some
                .iter()
                .map(|(owner, (lines, text))| OwnerDay {
                    coverage_day: 1,
                    owner: *owner,
                    text_bytes: *text,
                    digest: Digest::of_sum(&[0; 32], *lines),
                })
                .collect();
            let passes = passes(&accounts, &days, pass_lines);
            prop_assert!(passes.iter().flatten().eq(accounts.keys()));
            for pass in passes.iter().filter(|pass| pass.len() > 1) {
                let of_pass = || pass.iter().filter_map(|owner| some.get(owner));
                prop_assert!(of_pass().map(|(lines, _)| lines).sum::<u64>() <= pass_lines);
                prop_assert!(of_pass().map(|(_, text)| text.min(&DAY_BYTES_MIN)).sum::<u64>() <= PASS_TEXT_BYTES);
            }
        }
    }
}
