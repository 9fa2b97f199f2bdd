//! Imports a bill file: bytes → recognised kind → segments → a new revision, in one atomic step.
//!
//! The file is read once. One thread cuts it into stretches of whole records ([`split`]), workers turn each into
//! a segment ([`segment`]; [`lines`] checks the cells), and the calling thread, which holds the write transaction, puts them into the store
//! in the file's order. Memory is bounded by `segment_bytes` and the number of threads, not by the file. If
//! anything is wrong anywhere, the transaction is dropped, and nothing has happened.

mod align;
mod archive;
mod begin;
mod cells;
mod check;
mod column;
mod compare;
mod container;
#[cfg(test)]
mod container_tests;
mod control;
mod copies;
mod encode;
mod error;
mod faults;
mod forms;
mod input;
mod known;
mod lines;
mod load;
mod marks;
mod order;
mod recognise;
mod segment;
mod source;
mod split;
mod white;

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use crossbeam_channel::{Receiver, Sender};

pub use align::Aligned;
pub use archive::is_junk;
pub use container::Foreign;
pub(crate) use container::must_be_csv;
pub use control::{Control, ControlTotal, Mismatch};
pub use error::{Cause, Fault, ImportError, Place, Skipped, WhySkipped, grouped};
pub use faults::{FaultGroup, Faults};
pub use input::Input;
pub use lines::Taken;
pub use load::{Elsewhere, Outcome, Report};
pub use white::WhiteSpace;

use crate::bills::{BillKey, BlockUse, Mode, Segment, SegmentUse, SourceEntry};
use crate::engine::block::{Sums, ZSTD_LEVEL, merge_sums};
use crate::engine::journal::Actor;
use crate::engine::parted::{self, Parted};
use crate::engine::rollup::Overflow;
use crate::engine::settings::StoreSettings;
use crate::engine::store::{Large, Read, Store, StoreError, Table, Writer};
use crate::formats::text::Detection;
use crate::values::digest::{Digest, lines_counted};
use crate::values::period::{Basis, BillMonth, Coverage, Day};
use crate::values::uin::Uin;

/// Reads an account id as people write it, with what keeps a spreadsheet from reading a number.
///
/// # Errors
/// Why it is none, where that is known.
pub(crate) fn read_uin(cell: &[u8]) -> Result<Uin, Option<Cause>> {
    forms::uin(cell).map(|(uin, _)| uin)
}

/// Reads the CSVs of a zip that this program made, one after another, to the end and with their checksums.
///
/// # Errors
/// What is wrong with it, in words, or what `visit` says.
pub(crate) fn each_csv(
    path: &Path,
    visit: &mut dyn FnMut(&str, &mut dyn std::io::Read) -> Result<(), String>,
) -> Result<(), String> {
    // What it holds was counted when it was written: no bound is needed.
    let limits = Limits {
        zip_entries_max: usize::MAX,
        zip_ratio_max: u64::MAX,
        zip_bytes_max: u64::MAX,
        ..Limits::default()
    };
    let file = std::fs::File::open(path).map_err(|e| e.to_string())?;
    let mut zip = archive::open(file, &limits)?;
    for csv in std::mem::take(&mut zip.csvs) {
        let mut entry = zip.entry(&csv, &limits)?;
        visit(&csv.name, &mut entry)?;
        std::io::copy(&mut entry, &mut std::io::sink()).map_err(|e| format!("entry `{}`: {e}", csv.name))?;
    }
    Ok(())
}

/// What the user says of a file.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// What it holds, where its name does not tell.
    pub mode: Option<Mode>,
    /// Who owes it.
    pub payer: Option<Uin>,
    /// For which month.
    pub month: Option<BillMonth>,
    /// By which date.
    pub basis: Option<Basis>,
    /// The last day that the file covers, where its name does not tell.
    pub through: Option<Day>,
    /// Reads and checks everything, counts all faults, and changes nothing.
    pub dry_run: bool,
    /// How the encoding of its text is found out.
    pub detection: Detection,
    /// Takes texts to the letter: this program has written them, and what an earlier version let in keeps its digest.
    pub verbatim: bool,
    /// Takes a file whose last line has no line end.
    pub accept_unterminated: bool,
    /// Takes a file of which no line is of the month.
    pub accept_outside: bool,
    /// Takes a file that takes lines or money away, or ends too early, without a decision ([`crate::bills::smaller`]).
    pub accept_smaller: bool,
    /// Refuses a file whose lines contradict themselves or each other ([`crate::bills::lint`]).
    pub strict: bool,
    /// What the file has to come to.
    pub control: Control,
}

/// What a hostile file may not exceed.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Bytes in a cell.
    pub cell_bytes_max: usize,
    /// Bytes in a record.
    pub record_bytes_max: usize,
    /// Entries in a zip.
    pub zip_entries_max: usize,
    /// How many times larger an entry, and the whole zip, may be than its packed form.
    pub zip_ratio_max: u64,
    /// Bytes that all entries of a zip, or a gzip file, unpack to together.
    pub zip_bytes_max: u64,
    /// Bytes that come from a pipe.
    pub piped_bytes_max: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            cell_bytes_max: 1 << 20,
            record_bytes_max: 8 << 20,
            zip_entries_max: 10_000,
            zip_ratio_max: 250,
            zip_bytes_max: 256 << 30,
            piped_bytes_max: 64 << 30,
        }
    }
}

/// How the work is done; none of these changes what an import or an export holds.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Text in a segment. Larger ones cluster better and take more memory: about three times this a thread.
    pub segment_bytes: usize,
    /// Lines in a block, roughly. Smaller ones make a single customer's bill cheaper, larger ones the store smaller.
    pub block_rows: u32,
    /// Threads that parse and compress.
    pub threads: usize,
    /// zstd's level for columns: 1 is the fastest, and on columns hardly larger than the next few.
    pub level: i32,
}

impl Default for Settings {
    fn default() -> Self {
        Settings { segment_bytes: 16 << 20, block_rows: 8_192, threads: 2, level: ZSTD_LEVEL }
    }
}

/// Is told how far an import has come.
pub trait Progress: Sync {
    /// `done` of `total` bytes of the file have been read.
    fn read(&self, done: u64, total: u64);
}

/// Tells nobody.
pub struct Quiet;

impl Progress for Quiet {
    fn read(&self, _done: u64, _total: u64) {}
}

/// Compares sums that must be equal (I1, I2).
fn must_tie(what: &'static str, one: &[Sums], other: &[Sums]) -> Result<(), ImportError> {
    if one == other {
        return Ok(());
    }
    let text = |sums: &[Sums]| {
        let lines: u64 = sums.iter().map(|s| s.lines).sum();
        format!("{} in {}", crate::bills::totals_text(sums), lines_counted(lines))
    };
    Err(ImportError::DoNotTie { what, one: text(one), other: text(other) })
}

/// A stretch on its way to a worker.
struct Job {
    number: u64,
    entry: u32,
    source: lines::Source,
}

/// What a worker made of a stretch.
struct Done {
    number: u64,
    entry: u32,
    key: [u8; 32],
    result: Result<Made, ImportError>,
}

enum Made {
    /// A segment of this text is in the store.
    Known(u64),
    Built {
        schema: std::sync::Arc<crate::formats::schema::Schema>,
        hash: [u8; 32],
        built: Box<segment::Built>,
    },
}

/// Everything that was read of a file, as it went into the transaction.
struct Loaded {
    segments: Vec<SegmentUse>,
    entries: BTreeMap<u32, SourceEntry>,
    digest: Digest,
    sums: Vec<Sums>,
    own_days: Option<Coverage>,
    shared: u64,
    taken: Vec<Taken>,
    white: Vec<WhiteSpace>,
}

/// Imports the file of a path into the bill it belongs to, as [`import_input`] does.
///
/// # Errors
/// [`ImportError`]; the store is then as before.
pub fn import(
    store: &Store,
    path: &Path,
    request: &Request,
    actor: &Actor,
    settings: &Settings,
    limits: &Limits,
    progress: &dyn Progress,
) -> Result<Report, ImportError> {
    let input = Input::open(path, folder_of(store.path()), limits)?;
    import_input(store, &input, request, actor, settings, limits, progress)
}

/// Returns the folder in which a store lies, where what is read only once is kept while it is read.
pub fn folder_of(store: &Path) -> &Path {
    store.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Imports one file into the bill it belongs to.
///
/// # Errors
/// [`ImportError`]; the store is then as before.
pub fn import_input(
    store: &Store,
    input: &Input,
    request: &Request,
    actor: &Actor,
    settings: &Settings,
    limits: &Limits,
    progress: &dyn Progress,
) -> Result<Report, ImportError> {
    import_if(store, input, request, actor, settings, (limits, progress), &|_| Ok(()))
}

/// Decides whether what an import comes to is kept; returns why not, in words.
pub(crate) type Accept<'a> = &'a dyn Fn(&Report) -> Result<(), String>;

/// As [`import_input`], and keeps nothing unless `accept` agrees with what the bill would be: [`ImportError::Unlike`] otherwise.
pub(crate) fn import_if(
    store: &Store,
    input: &Input,
    request: &Request,
    actor: &Actor,
    settings: &Settings,
    (limits, progress): (&Limits, &dyn Progress),
    accept: Accept<'_>,
) -> Result<Report, ImportError> {
    let of =
        |request: &Request| import_as(store, input, request, actor, settings, (limits, progress), accept);
    match of(request) {
        // The beginning was ASCII, and what came later was not UTF-8: that may be another encoding. Looking for the first
        // such byte in every file would cost each of them a pass.
        Err(ImportError::Faults(faults))
            if request.detection == Detection::Beginning && faults.has_foreign_text() =>
        {
            of(&Request { detection: Detection::FirstForeign, ..request.clone() })
        }
        result => result,
    }
}

fn import_as(
    store: &Store,
    input: &Input,
    request: &Request,
    actor: &Actor,
    settings: &Settings,
    (limits, progress): (&Limits, &dyn Progress),
    accept: Accept<'_>,
) -> Result<Report, ImportError> {
    let store_payer: Uin = StoreSettings::of(&store.read()?)?.payer;
    let work = Work { store, request, settings, limits, progress };
    // A new column may turn out to hold a value far behind: the file is then read again under its own header.
    for aligned in [true, false] {
        let writer = store.write()?;
        let Some((read, loaded)) = work.read(&writer, input, store_payer, aligned)? else {
            writer.abort()?;
            continue;
        };
        return load::commit(store, writer, read, loaded, (request, accept), actor);
    }
    let why = "its columns do not fit".into();
    Err(ImportError::Read { file: input.shown().to_owned(), why })
}

/// One import, and how it is done.
struct Work<'a> {
    store: &'a Store,
    request: &'a Request,
    settings: &'a Settings,
    limits: &'a Limits,
    progress: &'a dyn Progress,
}

impl Work<'_> {
    /// Reads a file into the transaction; `None` where it has to be read again under its own header.
    fn read(
        &self,
        writer: &Writer,
        input: &Input,
        store_payer: Uin,
        aligned: bool,
    ) -> Result<Option<(source::ReadFile, Loaded)>, ImportError> {
        let &Work { store, request, settings, limits, progress } = self;
        let all_faults = request.dry_run;
        let stop = AtomicBool::new(false);
        let threads = settings.threads.clamp(1, 64);
        let (jobs_in, jobs) = crossbeam_channel::bounded::<Job>(0);
        // A segment has a tenth of its text. While the store's file grows, which is flushed to disk at once, workers go on.
        let (done_in, done) = crossbeam_channel::bounded::<Done>(threads + 4);
        let (spare_in, spare) = crossbeam_channel::unbounded::<Vec<u8>>();
        let align = |bill, schema: &crate::formats::schema::Schema| match aligned {
            true => align::find(&store.read()?, bill, schema),
            false => Ok(None),
        };
        let (read, loaded) = std::thread::scope(|scope| {
            let reader = scope.spawn(|| {
                let jobs_in = jobs_in;
                source::read(
                    input,
                    request,
                    store_payer,
                    settings,
                    limits,
                    progress,
                    &stop,
                    &spare,
                    &align,
                    &mut |job| jobs_in.send(job).is_ok(),
                )
            });
            for _ in 0..threads {
                let (jobs, done_in, spare_in) = (jobs.clone(), done_in.clone(), spare_in.clone());
                scope.spawn(|| work(store, jobs, done_in, spare_in, settings, limits, all_faults));
            }
            drop((jobs, done_in));
            let loaded = collect(writer, done, all_faults, &stop);
            // A reader that still has something to send finds the workers gone, and ends.
            (reader.join(), loaded)
        });
        let why = "the reading thread failed".into();
        let read =
            read.unwrap_or_else(|_| Err(ImportError::Read { file: input.shown().to_owned(), why }.into()));
        match (read, loaded) {
            (Err(source::Stopped::Misaligned), _) => Ok(None),
            // What the lines have, and what the file has besides.
            (
                Err(source::Stopped::Failed(ImportError::Faults(of_file))),
                Err(ImportError::Faults(mut faults)),
            ) if all_faults => {
                faults.merge(of_file);
                Err(ImportError::Faults(faults))
            }
            (_, Err(e)) | (Err(source::Stopped::Failed(e)), Ok(_)) => Err(e),
            (Ok(read), Ok(loaded)) => Ok(Some((read, loaded))),
        }
    }
}

/// Turns stretches into segments until there are none left; their text goes back.
fn work(
    store: &Store,
    jobs: Receiver<Job>,
    done: Sender<Done>,
    spare: Sender<Vec<u8>>,
    settings: &Settings,
    limits: &Limits,
    all_faults: bool,
) {
    let known = store.read();
    for Job { number, entry, source } in jobs {
        let key = source.key(settings);
        let result = match &known {
            Err(e) => Err(e.clone().into()),
            Ok(known) => match find_known(known, &key, &source) {
                Err(e) => Err(e.into()),
                Ok(Some(segment)) => Ok(Made::Known(segment)),
                Ok(None) => segment::build(&source, settings, limits, all_faults).map(|built| Made::Built {
                    schema: source.schema.clone(),
                    hash: source.schema_hash,
                    built: Box::new(built),
                }),
            },
        };
        // The reader may have ended.
        let _ = spare.send(source.bytes);
        if done.send(Done { number, entry, key, result }).is_err() {
            return;
        }
    }
}

/// Finds a segment of the same text, unless its lines lie outside of what this file covers: then the text is read
/// again, to tell which line does.
fn find_known(store: &impl Read, key: &[u8; 32], source: &lines::Source) -> Result<Option<u64>, StoreError> {
    let Some(number) = store.get::<u64>(Table::SegmentKeys, key)? else { return Ok(None) };
    let record: Segment = store.need(Table::Segments, &number.to_be_bytes())?;
    let covered = record.own_days.is_none_or(|days| source.covers(days.first) && source.covers(days.last));
    Ok(covered.then_some(number))
}

/// Puts segments into the transaction in the file's order.
fn collect(
    writer: &Writer,
    done: Receiver<Done>,
    all_faults: bool,
    stop: &AtomicBool,
) -> Result<Loaded, ImportError> {
    let mut loaded = Loaded {
        segments: Vec::new(),
        entries: BTreeMap::new(),
        digest: Digest::EMPTY,
        sums: Vec::new(),
        own_days: None,
        shared: 0,
        taken: Vec::new(),
        white: Vec::new(),
    };
    let mut new: HashMap<[u8; 32], u64> = HashMap::new();
    let mut waiting: BTreeMap<u64, Done> = BTreeMap::new();
    let mut next = 0;
    let mut faults = Faults::default();
    let result = (|| {
        for item in done.iter() {
            waiting.insert(item.number, item);
            while let Some(item) = waiting.remove(&next) {
                next += 1;
                match item.result {
                    Err(ImportError::Faults(found)) => {
                        faults.merge(found);
                        if !all_faults {
                            return Ok(());
                        }
                    }
                    Err(e) => return Err(e),
                    Ok(made) if faults.is_empty() => {
                        put_segment(writer, item.entry, item.key, made, &mut new, &mut loaded)?;
                    }
                    Ok(_) => {}
                }
            }
        }
        Ok(())
    })();
    stop.store(true, Ordering::Relaxed);
    // Workers must find somebody who takes what they still hold.
    done.iter().for_each(drop);
    result?;
    if faults.is_empty() { Ok(loaded) } else { Err(ImportError::Faults(faults)) }
}

fn put_segment(
    writer: &Writer,
    entry: u32,
    key: [u8; 32],
    made: Made,
    new: &mut HashMap<[u8; 32], u64>,
    loaded: &mut Loaded,
) -> Result<(), ImportError> {
    let known = match &made {
        Made::Known(number) => Some(*number),
        Made::Built { .. } => new.get(&key).copied(),
    };
    let (number, record) = match (known, made) {
        (Some(number), _) | (None, Made::Known(number)) => {
            loaded.shared += 1;
            (number, writer.need::<Segment>(Table::Segments, &number.to_be_bytes())?)
        }
        (None, Made::Built { schema, hash, built }) => {
            built.taken.iter().for_each(|taken| Taken::merge(&mut loaded.taken, taken.clone()));
            built.white.iter().for_each(|white| WhiteSpace::merge(&mut loaded.white, white));
            let number = writer.next_id("segment")?;
            let mut blocks = Vec::new();
            for (header, bytes) in &built.blocks {
                let block = writer.next_id("block")?;
                writer.put_large(Large::Blocks, block, bytes)?;
                blocks.push(BlockUse {
                    block,
                    coverage_day: header.coverage_day,
                    rows: header.rows,
                    owner_min: header.owner_min,
                    owner_max: header.owner_max,
                });
            }
            writer.put_large(Large::Orders, number, &built.order)?;
            parted::put(writer, Parted::Rollup, number, &built.rollup)?;
            parted::put(writer, Parted::OwnerDays, number, &built.owner_days)?;
            writer.put(Table::Schemas, &hash, schema.as_ref())?;
            let record = Segment {
                schema: hash,
                rows: built.rows,
                blocks,
                sums: built.sums,
                days: built.days,
                own_days: built.own_days,
            };
            writer.put(Table::Segments, &number.to_be_bytes(), &record)?;
            writer.put(Table::SegmentKeys, &key, &number)?;
            new.insert(key, number);
            (number, record)
        }
    };
    loaded.segments.push(SegmentUse { segment: number, entry });
    for part in record.days.iter().flat_map(|day| [&day.own, &day.customers]) {
        loaded.digest.merge(part);
    }
    merge_sums(&mut loaded.sums, &record.sums).ok_or(Overflow)?;
    let control = loaded.entries.entry(entry).or_insert_with(|| SourceEntry {
        name: String::new(),
        lines: 0,
        sums: Vec::new(),
    });
    control.lines += u64::from(record.rows);
    merge_sums(&mut control.sums, &record.sums).ok_or(Overflow)?;
    if let Some(days) = record.own_days {
        let all = loaded.own_days.get_or_insert(days);
        all.first = all.first.min(days.first);
        all.last = all.last.max(days.last);
    }
    Ok(())
}

/// Returns the load that a file of this content became in this bill, if it was imported before.
pub(crate) fn file_seen(
    store: &impl Read,
    bill: BillKey,
    sha256: &[u8; 32],
) -> Result<Option<crate::bills::FileSeen>, StoreError> {
    store.get(Table::Files, &file_key(bill, sha256))
}

fn file_key(bill: BillKey, sha256: &[u8; 32]) -> Vec<u8> {
    let mut key = bill.bytes();
    key.extend_from_slice(sha256);
    key
}
