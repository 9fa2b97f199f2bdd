//! Imports a bill file: bytes → recognised kind → segments → a new revision, in one atomic step.
//!
//! The file is read once. One thread cuts it into stretches of whole records ([`split`]), workers turn each into
//! a segment ([`segment`]; [`lines`] checks the cells), and the calling thread, which holds the write transaction, puts them into the store
//! in the file's order. Memory is bounded by `segment_bytes` and the number of threads, not by the file. If
//! anything is wrong anywhere, the transaction is dropped, and nothing has happened.

mod align;
mod begin;
mod cells;
mod check;
mod chunk;
mod collect;
mod column;
mod compare;
#[cfg(test)]
mod container_tests;
mod control;
mod copies;
mod encode;
mod error;
mod fault;
mod faults;
mod input;
mod known;
mod lines;
mod load;
mod marks;
mod order;
mod recognise;
mod report;
mod request;
mod seen;
mod segment;
mod source;
mod split;
mod white;

use std::path::Path;
use std::sync::atomic::AtomicBool;

use crossbeam_channel::{Receiver, Sender};

pub use align::Aligned;
pub use control::{Control, ControlTotal, Mismatch};
pub use error::{ImportError, WhyUnclear};
pub use fault::{FaultPlace, ImportFault, Skipped, WhySkipped};
pub use faults::{FaultGroup, Faults};
pub use input::Input;
pub use lines::Taken;
pub(crate) use report::Accept;
pub use report::{Elsewhere, ImportReport, Outcome};
pub use request::{Import, ImportProgress, ImportRequest, ImportSettings};
pub(crate) use seen::file_seen;
pub use white::WhiteSpace;

pub(crate) use crate::formats::limits::Limits;
pub(crate) use crate::values::money::grouped;

use crate::bills::Segment;
use crate::engine::settings::StoreSettings;
use crate::engine::store::{Records, Store, StoreError, Table, Transaction};
use crate::formats::text::Detection;
use crate::values::uin::Uin;

use chunk::{ChunkJob, TextSource};
use collect::{Done, Loaded, MadeSegment, collect};

impl Store {
    /// Imports the file of a path into the bill it belongs to, as [`Store::import_input`] does.
    ///
    /// # Errors
    /// [`ImportError`]; the store is then as before.
    pub fn import(&self, path: &Path, how: &Import<'_>) -> Result<ImportReport, ImportError> {
        let input = Input::open(path, Import::folder_of(self.path()), &how.limits)?;
        self.import_input(&input, how)
    }
}

impl Import<'_> {
    /// Returns the folder in which a store lies, where what is read only once is kept while it is read.
    pub fn folder_of(store: &Path) -> &Path {
        store.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
    }
}

impl Store {
    /// Imports one file into the bill it belongs to.
    ///
    /// # Errors
    /// [`ImportError`]; the store is then as before.
    pub fn import_input(&self, input: &Input, how: &Import<'_>) -> Result<ImportReport, ImportError> {
        import_if(self, input, how, &|_| Ok(()))
    }
}

/// As [`Store::import_input`], and keeps nothing unless `accept` agrees with what the bill would be: [`ImportError::Unlike`] otherwise.
pub(crate) fn import_if(
    store: &Store,
    input: &Input,
    how: &Import<'_>,
    accept: Accept<'_>,
) -> Result<ImportReport, ImportError> {
    match import_as(store, input, how, accept) {
        // The beginning was ASCII, and what came later was not UTF-8: that may be another encoding. Looking for the first
        // such byte in every file would cost each of them a pass.
        Err(ImportError::Faults(faults))
            if how.request.detection == Detection::Beginning && faults.has_foreign_text() =>
        {
            let request = ImportRequest { detection: Detection::FirstForeign, ..how.request.clone() };
            import_as(store, input, &Import { request, ..how.clone() }, accept)
        }
        result => result,
    }
}

fn import_as(
    store: &Store,
    input: &Input,
    how: &Import<'_>,
    accept: Accept<'_>,
) -> Result<ImportReport, ImportError> {
    let store_payer: Uin = StoreSettings::of(&store.read()?)?.payer;
    let work = Work { store, how };
    // A new column may turn out to hold a value far behind: the file is then read again under its own header.
    for aligned in [true, false] {
        let writer = store.write()?;
        let read = work.read(&writer, input, store_payer, aligned);
        if how.progress.stopped() {
            return Err(ImportError::Cancelled { file: input.shown().to_owned() });
        }
        let Some((read, loaded)) = read? else {
            writer.abort()?;
            continue;
        };
        return load::commit(store, writer, read, loaded, (&how.request, accept), how.actor);
    }
    let why = "its columns do not fit".into();
    Err(ImportError::Read { file: input.shown().to_owned(), why })
}

/// One import, and how it is done.
struct Work<'a> {
    store: &'a Store,
    how: &'a Import<'a>,
}

impl Work<'_> {
    /// Reads a file into the transaction; `None` where it has to be read again under its own header.
    fn read(
        &self,
        writer: &Transaction,
        input: &Input,
        store_payer: Uin,
        aligned: bool,
    ) -> Result<Option<(source::ReadFile, Loaded)>, ImportError> {
        let &Work { store, how } = self;
        let Import { request, settings, limits, progress, .. } = how;
        let all_faults = request.dry_run;
        let stop = AtomicBool::new(false);
        let threads = settings.threads.clamp(1, 64);
        let (jobs_in, jobs) = crossbeam_channel::bounded::<ChunkJob>(0);
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
                    *progress,
                    &stop,
                    &spare,
                    &align,
                    &mut |job| !progress.stopped() && jobs_in.send(job).is_ok(),
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
    jobs: Receiver<ChunkJob>,
    done: Sender<Done>,
    spare: Sender<Vec<u8>>,
    settings: &ImportSettings,
    limits: &Limits,
    all_faults: bool,
) {
    let known = store.read();
    for ChunkJob { number, entry, source } in jobs {
        let key = source.key(settings);
        let result = match &known {
            Err(e) => Err(e.clone().into()),
            Ok(known) => match find_known(known, &key, &source) {
                Err(e) => Err(e.into()),
                Ok(Some(segment)) => Ok(MadeSegment::Known(segment)),
                Ok(None) => {
                    segment::build(&source, settings, limits, all_faults).map(|built| MadeSegment::Built {
                        schema: source.schema.clone(),
                        hash: source.schema_hash,
                        built: Box::new(built),
                    })
                }
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
fn find_known(store: &impl Records, key: &[u8; 32], source: &TextSource) -> Result<Option<u64>, StoreError> {
    let Some(number) = store.get::<u64>(Table::SegmentKeys, key)? else { return Ok(None) };
    let record: Segment = store.need(Table::Segments, &number.to_be_bytes())?;
    let covered = record.own_days.is_none_or(|days| source.covers(days.first) && source.covers(days.last));
    Ok(covered.then_some(number))
}
