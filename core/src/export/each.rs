//! Exports of many accounts at once: one zip each, from a few passes over the bill.
//!
//! Blocks hold a day's lines sorted by owner. A pass takes as many accounts as fit into memory, neighbours by id,
//! and reads of each day only the blocks that hold them; so all passes together read each block little more than
//! once. Threads take passes as they come: one reads, writes, compresses and puts all accounts of its pass. The bytes
//! are those that exporting each account alone would give.

use std::collections::BTreeMap;

use crate::bill::{BillError, BillView, Filter, Owners, walk};
use crate::block::Sums;
use crate::digest::{Digest, LineHasher};
use crate::period::TimeZone;
use crate::rollup::Overflow;
use crate::store::Read;
use crate::uin::Uin;

use super::archive::{self, Deflater};
use super::compose::{Composed, Composer, Cut};
use super::csv::Columns;
use super::place::{place_held, put, staged_path};
use super::plan::{Plan, Scope, Wanted, coverage_last_day};
use super::render::{CsvNames, Hashing, RenderSettings, covers, must_tie, owner_numbers};
use super::{ExportError, Sink, SinkError};

/// Lines in a pass, whose text is kept in memory: some 64 MiB of it, for each thread.
const PASS_LINES: u64 = 131_072;

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
    zone: TimeZone,
    sink_name: &str,
    sink: &dyn Sink,
    settings: &RenderSettings,
) -> Result<Exported, ExportError> {
    let last_day = coverage_last_day(wanted.coverage);
    let accounts = accounts(store, view, &wanted, customers_only)?;
    let job = Job { view, wanted, zone, sink_name, sink, columns: Columns::through(view, last_day) };
    let passes = passes(&accounts);
    let rows = accounts.values().flatten().map(|s| s.lines).sum();
    let exported = Exported { files: accounts.len() as u64, rows };
    let hold = sink.hold().map_err(|error| job.sink_error(error))?;
    // Accounts that are a pass of their own go first, one after another: each uses all threads.
    let (alone, together): (Vec<_>, Vec<_>) = passes.into_iter().partition(|pass| match pass.as_slice() {
        [owner] => lines(&accounts, *owner) > PASS_LINES,
        _ => false,
    });
    for owner in alone.into_iter().flatten() {
        let plan = Plan::new(store, view, job.wanted_of(owner)?, zone)?;
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
        let failed = || Err(ExportError::Write("an exporting thread failed".into()));
        workers.into_iter().map(|w| w.join().unwrap_or_else(|_| failed())).collect()
    });
    drop(hold);
    results.into_iter().collect::<Result<(), _>>()?;
    Ok(exported)
}

/// Returns the accounts that have lines in what is covered, with the sums that the roll-ups tell for each.
fn accounts(
    store: &impl Read,
    view: &BillView,
    wanted: &Wanted,
    customers_only: bool,
) -> Result<BTreeMap<u64, Vec<Sums>>, ExportError> {
    let overflow = || BillError::from(Overflow);
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
            let sums = accounts.entry(owner).or_default();
            let currency = rollup.currencies().get(cell.key.currency);
            let at = match sums.iter().position(|s| s.currency.as_bytes() == currency) {
                Some(at) => at,
                None => {
                    let new = Sums::new(&rollup.currencies().text(cell.key.currency));
                    let at = sums.partition_point(|s| s.currency < new.currency);
                    sums.insert(at, new);
                    at
                }
            };
            let Some(sums) = sums.get_mut(at) else { continue };
            sums.lines += cell.lines;
            for (column, amount) in rollup.columns().iter().zip(cell.amounts) {
                sums.add(*column, *amount).ok_or_else(overflow)?;
            }
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
    zone: TimeZone,
    sink_name: &'a str,
    sink: &'a dyn Sink,
    columns: Columns,
}

/// One account's export, being written in memory.
struct Account {
    composer: Composer,
    cuts: Vec<Cut>,
    digest: Digest,
}

impl Job<'_> {
    fn wanted_of(&self, owner: u64) -> Result<Wanted, ExportError> {
        let uin = Uin::parse(owner.to_string().as_bytes())
            .ok_or_else(|| ExportError::Write(format!("{owner} is no account")))?;
        Ok(Wanted { uin, scope: Scope::Owner(uin), ..self.wanted })
    }

    fn pass(
        &self,
        store: &impl Read,
        owners: &[u64],
        accounts: &BTreeMap<u64, Vec<Sums>>,
        deflater: &mut Deflater,
    ) -> Result<(), ExportError> {
        let (Some(first), Some(last)) = (owners.first(), owners.last()) else { return Ok(()) };
        for (owner, account) in self.write(store, *first, *last, accounts)? {
            let mut cuts = account.cuts;
            let composed = account.composer.finish(&mut |cut| cuts.push(cut));
            let plan = Plan::of_content(self.view, self.wanted_of(owner)?, self.zone, account.digest);
            must_tie(&plan, &composed.sums, accounts.get(&owner).map_or(&[], Vec::as_slice))?;
            self.put(plan, cuts, composed, deflater)?;
        }
        Ok(())
    }

    fn sink_error(&self, error: SinkError) -> ExportError {
        ExportError::Sink { sink: self.sink_name.to_owned(), error }
    }

    /// Writes the lines of all accounts of a pass, each into its own text.
    fn write(
        &self,
        store: &impl Read,
        first: u64,
        last: u64,
        accounts: &BTreeMap<u64, Vec<Sums>>,
    ) -> Result<BTreeMap<u64, Account>, ExportError> {
        let filter = Filter {
            last_day: coverage_last_day(self.wanted.coverage),
            owners: Owners::between(first, last),
        };
        let mut written: BTreeMap<u64, Account> = BTreeMap::new();
        let (mut cells, mut ends) = (Vec::new(), Vec::new());
        walk::<ExportError>(store, self.view, &filter, &mut |slice| {
            let owners = slice.block.owners()?;
            let mut hasher = LineHasher::new(slice.block.schema_hash());
            let mut from = slice.rows.start;
            while from < slice.rows.end {
                let owner = owners.get(from).copied().unwrap_or(0);
                let run = owners.get(from..slice.rows.end).unwrap_or_default();
                let to = from + run.partition_point(|o| *o <= owner).max(1);
                if accounts.contains_key(&owner) {
                    let account = written.entry(owner).or_insert_with(|| {
                        let mut cuts = Vec::new();
                        let rows_per_file = self.wanted.rows_per_file;
                        let composer = Composer::new(&self.columns, rows_per_file, &mut |cut| cuts.push(cut));
                        Account { composer, cuts, digest: Digest::EMPTY }
                    });
                    for row in from..to {
                        slice.block.cells(row, &mut cells, &mut ends)?;
                        account.digest.add_line(&hasher.hash(&cells, ends.iter().copied()));
                    }
                    let cuts = &mut account.cuts;
                    account
                        .composer
                        .write(&self.columns, slice.block, from..to, &mut |cut| cuts.push(cut))?;
                }
                from = to;
            }
            Ok(())
        })?;
        Ok(written)
    }

    /// Compresses one account's export and puts it.
    fn put(
        &self,
        plan: Plan,
        cuts: Vec<Cut>,
        composed: Composed,
        deflater: &mut Deflater,
    ) -> Result<(), ExportError> {
        let names = CsvNames::new(&plan);
        let mut hashing = Hashing::new(Vec::new());
        let pieces = cuts.into_iter().map(|cut| deflater.piece(cut, names));
        let entries = archive::write(&mut hashing, pieces).map_err(ExportError::Write)?;
        let path = staged_path(self.sink_name, self.sink, &plan)?;
        std::fs::write(&path, &hashing.out)
            .map_err(|e| ExportError::Write(format!("`{}`: {e}", path.display())))?;
        let rendered = hashing.rendered(names, &entries, composed, &self.columns);
        put(self.sink_name, self.sink, &plan, rendered, &path)?;
        Ok(())
    }
}
