//! Exports of many accounts at once: one zip each, from a few passes over the bill.
//!
//! Blocks hold a day's lines sorted by owner. A pass takes as many accounts as fit into memory, neighbours by id,
//! and reads of each day only the blocks that hold them; so all passes together read each block little more than
//! once. Chunks that are in the cache are not made again, and where a pass has all of them no block is read. Threads take
//! passes as they come. The bytes are those that exporting each account alone would give.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Mutex;

use crate::bill::{
    BillError, BillView, Filter, OwnerDay, Owners, ReadBlock, WantedLines, walk, wanted_lines,
};
use crate::block::Sums;
use crate::rollup::Overflow;
use crate::sink::{Sink, SinkError};
use crate::store::{ChunkCache, Read};
use crate::uin::Uin;

use super::ExportError;
use super::archive::{self, Deflater, Piece};
use super::chunks::{Chunk, Csv, Namer, cut};
use super::compose::{Composer, Made};
use super::csv::Columns;
use super::form::Audience;
use super::kept::{keep, kept};
use super::place::{Stage, place_held, put};
use super::plan::{Naming, Plan, Scope, Wanted, coverage_last_day};
use super::render::{
    CACHE_LINES_MIN, CsvNames, Figures, Hashing, RenderSettings, covers, must_tie, owner_numbers,
};
use super::shape::is_shaped;

/// Lines in a pass, whose compressed text is kept in memory: some 20 MiB of it, for each thread.
const PASS_LINES: u64 = 262_144;
/// Accounts of a pass that are put in their places at once. They mostly wait for the disk, which flushes several files in
/// hardly more time than one.
const PUTS: usize = 8;

/// What was exported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Exported {
    /// How many zips.
    pub files: u64,
    /// How many lines in them.
    pub rows: u64,
}

/// Exports accounts' lines into a sink, a zip and a manifest for each account that has any.
///
/// `wanted` says all but whose lines: its account and scope are replaced. Without `customers_only`, the payer's own
/// account is among the accounts.
///
/// # Errors
/// [`ExportError`]; what is in the sink by then is whole, and running again goes on.
#[expect(clippy::too_many_arguments, reason = "one export: from where, what, whereto, how")]
pub fn export_each(
    store: &(impl Read + Sync),
    view: &BillView,
    wanted: Wanted,
    customers_only: bool,
    naming: &Naming,
    sink_name: &str,
    sink: &dyn Sink,
    settings: &RenderSettings<'_>,
) -> Result<Exported, ExportError> {
    if is_shaped(wanted.form) {
        let name = format!("an export for each account of {}", wanted.bill);
        let why = "accounts get whole lines, each in a zip of its own";
        return Err(ExportError::Form { name, form: wanted.form, why });
    }
    let last_day = coverage_last_day(wanted.coverage);
    // The payer is no customer.
    let customers_only = customers_only || wanted.form.audience == Audience::Customer;
    let accounts = accounts(store, view, &wanted, customers_only)?;
    let found = wanted_lines(store, view, &Owners::of(accounts.keys().copied()).into(), last_day)?;
    let columns = Columns::through(view, last_day).in_dialect(wanted.form.dialect);
    let passes = passes(&accounts);
    let rows = accounts.values().flatten().map(|s| s.lines).sum();
    let job = Job {
        view,
        wanted,
        naming,
        sink_name,
        sink,
        cache: settings.cache.filter(|_| rows >= CACHE_LINES_MIN),
        namer: Namer::new(wanted.bill, columns.headers(), wanted.form),
        columns,
        found: &found,
    };
    let exported = Exported { files: accounts.len() as u64, rows };
    let hold = sink.hold().map_err(|error| job.sink_error(error))?;
    // Accounts that are a pass of their own go first, one after another: each uses all threads. So do customers, of whom each
    // has other columns and prices.
    let for_customers = wanted.form.audience == Audience::Customer;
    let (alone, together): (Vec<_>, Vec<_>) = passes.into_iter().partition(|pass| match pass.as_slice() {
        _ if for_customers => true,
        [owner] => lines(&accounts, *owner) > PASS_LINES,
        _ => false,
    });
    for owner in alone.into_iter().flatten() {
        let plan = Plan::new(store, view, job.wanted_of(owner)?, naming)?;
        place_held(store, view, &plan, sink_name, sink, settings)?;
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
        let workers: Vec<_> = (0..settings.threads.clamp(1, 64)).map(|_| scope.spawn(worker)).collect();
        workers.into_iter().map(|w| w.join().unwrap_or_else(|_| Err(thread_failed()))).collect()
    });
    drop(hold);
    results.into_iter().collect::<Result<(), _>>()?;
    Ok(exported)
}

fn thread_failed() -> ExportError {
    ExportError::Write("an exporting thread failed".into())
}

/// Returns the accounts that have lines in what is covered, with the sums that the roll-ups tell for each.
fn accounts(
    store: &impl Read,
    view: &BillView,
    wanted: &Wanted,
    customers_only: bool,
) -> Result<BTreeMap<u64, Vec<Sums>>, ExportError> {
    let last_day = coverage_last_day(wanted.coverage);
    let mut accounts: BTreeMap<u64, Vec<Sums>> = BTreeMap::new();
    for segment in view.segments() {
        let rollup = segment.rollup(store)?;
        let owners = owner_numbers(&rollup);
        for cell in rollup.cells().filter(|cell| covers(wanted.bill.month, last_day, cell)) {
            let owner = owners.get(cell.key.owner as usize).copied().unwrap_or(0);
            if owner == 0 || (customers_only && owner == wanted.bill.payer.number()) {
                continue;
            }
            rollup.add_cell(&cell, accounts.entry(owner).or_default()).map_err(BillError::from)?;
        }
    }
    Ok(accounts)
}

fn lines(accounts: &BTreeMap<u64, Vec<Sums>>, owner: u64) -> u64 {
    accounts.get(&owner).into_iter().flatten().map(|s| s.lines).sum()
}

/// Puts accounts together, ascending, so that no pass of several has more lines than fit.
fn passes(accounts: &BTreeMap<u64, Vec<Sums>>) -> Vec<Vec<u64>> {
    let mut passes: Vec<Vec<u64>> = Vec::new();
    let mut room = 0;
    for owner in accounts.keys() {
        let needed = lines(accounts, *owner);
        match passes.last_mut() {
            Some(pass) if needed <= room => {
                pass.push(*owner);
                room -= needed;
            }
            _ => {
                passes.push(vec![*owner]);
                room = PASS_LINES.saturating_sub(needed);
            }
        }
    }
    passes
}

struct Job<'a> {
    view: &'a BillView,
    wanted: Wanted,
    naming: &'a Naming,
    sink_name: &'a str,
    sink: &'a dyn Sink,
    cache: Option<&'a ChunkCache>,
    namer: Namer,
    columns: Columns,
    found: &'a WantedLines,
}

/// One account's export, being made.
struct Account {
    days: Vec<OwnerDay>,
    csvs: Vec<Csv>,
    /// For each chunk its name, and the rows of the account that it has.
    chunks: Vec<([u8; 32], Range<u64>)>,
    made: Vec<Option<Made>>,
    /// The chunk that is being written, the text of it, and how many of the account's rows have come by.
    at: usize,
    composer: Composer,
    rows: u64,
}

impl Job<'_> {
    fn wanted_of(&self, owner: u64) -> Result<Wanted, ExportError> {
        let uin = Uin::parse(owner.to_string().as_bytes())
            .ok_or_else(|| ExportError::Write(format!("{owner} is no account")))?;
        Ok(Wanted { uin, scope: Scope::Owner(uin), ..self.wanted })
    }

    fn sink_error(&self, error: SinkError) -> ExportError {
        ExportError::Sink { sink: self.sink_name.to_owned(), error }
    }

    fn pass(
        &self,
        store: &impl Read,
        owners: &[u64],
        accounts: &BTreeMap<u64, Vec<Sums>>,
        deflater: &mut Deflater,
    ) -> Result<(), ExportError> {
        let (Some(first), Some(last)) = (owners.first(), owners.last()) else { return Ok(()) };
        let mut by_owner: BTreeMap<u64, Account> = BTreeMap::new();
        for day in self.found.days.iter().filter(|d| (*first..=*last).contains(&d.owner)) {
            by_owner.entry(day.owner).or_insert_with(Account::new).days.push(*day);
        }
        for account in by_owner.values_mut() {
            account.cut(self);
        }
        self.make(store, &mut by_owner, deflater)?;
        let header = Made::header(&self.columns, deflater).map_err(ExportError::Write)?;
        let made = Mutex::new(by_owner.into_iter());
        let next = || made.lock().ok()?.next();
        let results: Vec<Result<(), ExportError>> = std::thread::scope(|scope| {
            let puts = || {
                std::iter::from_fn(next).try_for_each(|(owner, account)| {
                    let expected = accounts.get(&owner).map_or(&[][..], Vec::as_slice);
                    self.put(owner, account, expected, &header)
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
        store: &impl Read,
        accounts: &mut BTreeMap<u64, Account>,
        deflater: &mut Deflater,
    ) -> Result<(), ExportError> {
        let mut missing: BTreeMap<u8, BTreeSet<u64>> = BTreeMap::new();
        for (owner, account) in accounts.iter() {
            for day in account.missing_days() {
                missing.entry(day).or_default().insert(*owner);
            }
        }
        for (day, owners) in missing {
            let filter = Filter {
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
            walk::<ExportError>(store, self.view, &filter, &mut |slice| {
                let owners = slice.block.owners()?;
                let mut from = slice.rows.start;
                while from < slice.rows.end {
                    let owner = owners.get(from).copied().unwrap_or(0);
                    let run = owners.get(from..slice.rows.end).unwrap_or_default();
                    let to = from + run.partition_point(|o| *o <= owner).max(1);
                    if let Some(account) = accounts.get_mut(&owner) {
                        account.write(&self.columns, slice.block, from..to, deflater, self.cache)?;
                    }
                    from = to;
                }
                Ok(())
            })?;
        }
        Ok(())
    }

    /// Puts one account's export together, and where it is to be.
    fn put(&self, owner: u64, account: Account, expected: &[Sums], header: &Made) -> Result<(), ExportError> {
        let content = OwnerDay::digest_of(&account.days);
        let plan = Plan::of_content(self.view, self.wanted_of(owner)?, &self.columns, self.naming, content);
        let names = CsvNames::new(&plan);
        let mut figures = Figures::default();
        let mut pieces: Vec<Result<Piece, String>> = Vec::new();
        let mut made = account.made.into_iter();
        for (i, csv) in account.csvs.iter().enumerate() {
            pieces.push(Ok(Piece::Begin(names.get(i))));
            pieces.push(Ok(Piece::Chunk(header.chunk.clone())));
            for _ in &csv.chunks {
                let made = made.next().flatten();
                let made = made.ok_or_else(|| ExportError::Write(format!("lines of {owner} are missing")))?;
                figures.add(&made).ok_or(Overflow).map_err(BillError::from)?;
                pieces.push(Ok(Piece::Chunk(made.chunk)));
            }
        }
        must_tie(&plan, &figures.sums, expected)?;
        let mut hashing = Hashing::new(Vec::new());
        let entries = archive::write(&mut hashing, pieces.into_iter()).map_err(ExportError::Write)?;
        let stage = Stage::of(self.sink_name, self.sink, &plan)?;
        std::fs::write(&stage.path, &hashing.out)
            .map_err(|e| ExportError::Write(format!("`{}`: {e}", stage.path.display())))?;
        let rendered = hashing.rendered(names, &entries, &account.csvs, figures, &self.columns);
        put(self.sink_name, self.sink, &plan, rendered, &stage)?;
        Ok(())
    }
}

impl Account {
    fn new() -> Account {
        Account {
            days: Vec::new(),
            csvs: Vec::new(),
            chunks: Vec::new(),
            made: Vec::new(),
            at: 0,
            composer: Composer::default(),
            rows: 0,
        }
    }

    /// Cuts the account's lines into chunks, and takes those that are kept.
    fn cut(&mut self, job: &Job<'_>) {
        self.csvs = cut(&self.days, job.wanted.rows_per_file);
        let mut row = 0;
        for chunk in self.csvs.iter().flat_map(|csv| &csv.chunks) {
            let name = job.namer.name(chunk, &self.days);
            self.chunks.push((name, row..row + chunk.rows));
            row += chunk.rows;
            self.made.push(job.cache.and_then(|cache| kept(cache, &name)));
        }
    }

    /// Returns the days of which lines are in chunks that have to be made.
    fn missing_days(&self) -> impl Iterator<Item = u8> {
        let chunks = self.csvs.iter().flat_map(|csv| &csv.chunks);
        let missing = chunks.zip(&self.made).filter(|(_, made)| made.is_none()).map(|(chunk, _)| chunk);
        let days = |chunk: &Chunk| self.days.get(chunk.days.clone()).unwrap_or_default();
        missing.flat_map(days).map(|day| day.coverage_day)
    }

    /// Is told that the lines of a day come next.
    fn begin_day(&mut self, day: u8) {
        self.rows = self.days.iter().take_while(|d| d.coverage_day < day).map(OwnerDay::rows).sum();
    }

    /// Writes some of the account's lines into the chunks that want them.
    fn write(
        &mut self,
        columns: &Columns,
        block: &ReadBlock,
        rows: Range<usize>,
        deflater: &mut Deflater,
        cache: Option<&ChunkCache>,
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
            if let Some(slot) = self.made.get_mut(self.at).filter(|made| made.is_none()) {
                self.composer.write(columns, block, from..to)?;
                if self.rows == of.end {
                    let made = self.composer.finish(deflater).map_err(ExportError::Write)?;
                    if let Some(cache) = cache {
                        keep(cache, name, &made);
                    }
                    *slot = Some(made);
                }
            }
            from = to;
        }
        Ok(())
    }
}
