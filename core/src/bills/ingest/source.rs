//! Reads the bytes of a file, once: recognises what it is and hands out stretches.

use std::collections::HashMap;
use std::fs::File;
use std::io::{Cursor, ErrorKind, Read, Seek, SeekFrom, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crossbeam_channel::Receiver;
use sha2::{Digest as _, Sha256};

use crate::bills::{BillKey, ImportMode};
use crate::engine::store::StoreError;
use crate::formats::line_ends::line_ends;
use crate::formats::schema::{BillLevel, Column, Schema};
use crate::formats::text::{CsvReading, first_record};
use crate::values::money::is_blank;
use crate::values::uin::Uin;

use super::align::{Aligned, Alignment, Misfit};
use super::begin::{Failed, begin};
use super::check::{no_line, ragged};
use super::chunk::{ChunkJob, TextSource};
use super::error::ImportError;
use super::fault::{FaultPlace, ImportFault, Skipped, WhySkipped};
use super::faults::Faults;
use super::input::{Input, head_of};
use super::recognise::{Recognised, other_file, recognise};
use super::request::{ImportProgress, ImportRequest, ImportSettings};
use super::split::{SplitError, Splitter};
use crate::formats::archive;
use crate::formats::container::{self, Foreign, Packing};
use crate::formats::limits::Limits;
use crate::formats::naming::ParsedName;
use crate::values::reason::Reason;

/// What was learned of a file while it was read.
pub(super) struct ReadFile {
    pub(super) name: String,
    /// How it is called in errors.
    pub(super) shown: String,
    pub(super) sha256: [u8; 32],
    pub(super) bytes: u64,
    /// The names of its CSVs.
    pub(super) entries: Vec<String>,
    /// What was in the zip and is no part of the bill.
    pub(super) skipped: Vec<Skipped>,
    /// How each was read.
    pub(super) readings: Vec<CsvReading>,
    pub(super) recognised: Recognised,
    pub(super) level: BillLevel,
    /// The CSVs that were read under a header of the bill.
    pub(super) aligned: Vec<Aligned>,
    /// Whether every line states the month.
    pub(super) states_month: bool,
}

/// Why reading ended early.
pub(super) enum Stopped {
    Failed(ImportError),
    /// A new column, which was taken to be empty, holds a value: the file has to be read again under its own header.
    Misaligned,
}

impl From<ImportError> for Stopped {
    fn from(error: ImportError) -> Stopped {
        Stopped::Failed(error)
    }
}

struct Feed<'a> {
    name: String,
    shown: String,
    request: &'a ImportRequest,
    store_payer: Uin,
    settings: &'a ImportSettings,
    limits: &'a Limits,
    stop: &'a AtomicBool,
    spare: &'a Receiver<Vec<u8>>,
    send: &'a mut dyn FnMut(ChunkJob) -> bool,
    recognised: Option<Recognised>,
    level: Option<BillLevel>,
    jobs: u64,
    entries: Vec<String>,
    align: AlignBy<'a>,
    aligned: Vec<Aligned>,
    /// The headers that CSVs before this one were read under, with their hashes.
    schemas: Vec<([u8; 32], Arc<Schema>)>,
    states_month: bool,
    /// The CSVs with lines, by the SHA-256 of their text.
    texts: HashMap<[u8; 32], String>,
    skipped: Vec<Skipped>,
    readings: Vec<CsvReading>,
    /// What is wrong with the file besides its lines, in a dry run.
    faults: Faults,
}

/// Returns how a file of a bill is read under a header that the bill holds.
pub(super) type AlignBy<'a> = &'a (dyn Fn(BillKey, &Schema) -> Result<Option<Alignment>, StoreError> + Sync);

/// Reads a file to its end and sends its stretches; ends early when nobody takes them. The memory of those that come back through
/// `spare` is used again.
#[expect(clippy::too_many_arguments, reason = "the parts of one import, each with its own owner")]
pub(super) fn read(
    input: &Input,
    request: &ImportRequest,
    store_payer: Uin,
    settings: &ImportSettings,
    limits: &Limits,
    progress: &dyn ImportProgress,
    stop: &AtomicBool,
    spare: &Receiver<Vec<u8>>,
    align: AlignBy<'_>,
    send: &mut dyn FnMut(ChunkJob) -> bool,
) -> Result<ReadFile, Stopped> {
    let (name, shown) = (input.name().to_owned(), input.shown().to_owned());
    let (file, head, total) = input.begin()?;
    let packing = container::packing(&head).map_err(|foreign| {
        ImportError::fault(FaultPlace { file: shown.clone(), ..FaultPlace::default() }, foreign)
    })?;
    let mut feed = Feed {
        name: name.clone(),
        shown: shown.clone(),
        request,
        store_payer,
        settings,
        limits,
        stop,
        spare,
        send,
        recognised: None,
        level: None,
        jobs: 0,
        entries: Vec::new(),
        align,
        aligned: Vec::new(),
        schemas: Vec::new(),
        states_month: true,
        texts: HashMap::new(),
        skipped: Vec::new(),
        readings: Vec::new(),
        faults: Faults::default(),
    };
    let failed = |e: std::io::Error| ImportError::Read { file: shown.clone(), why: Reason::of(e) };
    let zip_error = |why: String| ImportError::Zip { file: shown.clone(), why };
    let (sha256, bytes) = match packing {
        Packing::Zip => {
            let facts = hash(file, total, progress).map_err(failed)?;
            let mut zip = archive::open(file.try_clone().map_err(failed)?, limits).map_err(zip_error)?;
            let junk = std::mem::take(&mut zip.junk).into_iter();
            feed.skipped.extend(junk.map(|name| Skipped { name, why: WhySkipped::Junk }));
            for entry in std::mem::take(&mut zip.csvs) {
                let reader = zip.entry(&entry, limits).map_err(zip_error)?;
                feed.csv(reader, Some(entry.name.clone()))?;
            }
            facts
        }
        Packing::Gzip => {
            let facts = hash(file, total, progress).map_err(failed)?;
            let mut left = 0;
            feed.csv(archive::gunzip(file, total, &mut left, limits), None)?;
            facts
        }
        Packing::None => {
            if !container::is_text(&head)
                && container::is_later_part(&name, &tail(file, total).map_err(failed)?)
            {
                return Err(zip_error(Foreign::SplitZip.to_string()).into());
            }
            let lower = name.to_ascii_lowercase();
            let named_packed = [".zip", ".gz"].iter().any(|ending| lower.ends_with(ending));
            if named_packed && !container::is_text(&head) {
                let why = "it begins like neither a zip nor a CSV, so it is damaged; download it again";
                return Err(zip_error(why.into()).into());
            }
            feed.csv(Watched { file, bytes: 0, total, progress }, None)?
        }
    };
    let (Some(recognised), Some(level)) = (feed.recognised, feed.level) else {
        return Err(ImportError::fault(
            FaultPlace { file: shown, ..FaultPlace::default() },
            ImportFault::NoLines,
        )
        .into());
    };
    if !feed.faults.is_empty() {
        return Err(ImportError::Faults(feed.faults).into());
    }
    let Feed { entries, readings, skipped, aligned, states_month, .. } = feed;
    Ok(ReadFile {
        name,
        shown,
        sha256,
        bytes,
        entries,
        readings,
        skipped,
        recognised,
        level,
        aligned,
        states_month,
    })
}

/// Returns the last bytes of a file, as many as the end of a zip's directory may have; leaves it at its beginning.
fn tail(mut file: &File, total: u64) -> std::io::Result<Vec<u8>> {
    const TAIL_BYTES: u64 = 22 + (1 << 16);
    let mut tail = Vec::new();
    file.seek(SeekFrom::Start(total.saturating_sub(TAIL_BYTES)))?;
    file.take(TAIL_BYTES).read_to_end(&mut tail)?;
    file.rewind()?;
    Ok(tail)
}

/// Returns SHA-256 and length of a file; leaves it at its beginning.
fn hash(mut file: &File, total: u64, progress: &dyn ImportProgress) -> std::io::Result<([u8; 32], u64)> {
    let mut hashing = SourceHasher(Sha256::new());
    let bytes = std::io::copy(&mut Watched { file, bytes: 0, total, progress }, &mut hashing)?;
    file.rewind()?;
    Ok((hashing.0.finalize().into(), bytes))
}

impl Feed<'_> {
    /// Reads one CSV to its end; returns SHA-256 and length of its text.
    fn csv(&mut self, mut reader: impl Read, entry: Option<String>) -> Result<([u8; 32], u64), Stopped> {
        let place = FaultPlace { file: self.shown.clone(), entry: entry.clone(), line: 0 };
        let number = self.entries.len() as u32;
        self.entries.push(entry.unwrap_or_else(|| self.name.clone()));
        let failed = |e: std::io::Error| {
            let why = match e.kind() {
                ErrorKind::UnexpectedEof => "its packed data is cut; download it again".to_owned(),
                _ => e.to_string(),
            };
            match &place.entry {
                Some(entry) => {
                    ImportError::Zip { file: place.file.clone(), why: format!("entry `{entry}`: {why}") }
                }
                None => ImportError::Read { file: place.file.clone(), why: why.into() },
            }
        };
        let split_error = |e: SplitError| match e {
            SplitError::Io(e) => failed(e),
            SplitError::Fault(fault, line) => ImportError::fault(FaultPlace { line, ..place.clone() }, fault),
        };
        let head = head_of(&mut reader).map_err(failed)?;
        container::must_be_csv(&head).map_err(|foreign| ImportError::fault(place.clone(), foreign))?;
        // What follows is the text of one CSV, whatever it was packed in.
        let reader = Cursor::new(head).chain(reader);
        let (stretch, record) = (self.settings.segment_bytes.max(1), self.limits.record_bytes_max);
        let (schema, text, facts) = match begin(reader, self.request.detection, record) {
            Ok(begun) => begun,
            Err(Failed::Io(e)) => return Err(split_error(SplitError::Io(e)).into()),
            Err(Failed::Empty) => return Err(ImportError::fault(place, ImportFault::Empty).into()),
            Err(Failed::Fault(fault, line)) => {
                return Err(self.no_header(fault, FaultPlace { line, ..place.clone() }).into());
            }
        };
        let splitter = Splitter::new(text, stretch, record, self.spare.clone());
        let mut splitter = splitter.below(facts.reading().above);
        splitter.header().map_err(split_error)?;
        let schema = Arc::new(schema);
        let schema_hash = schema.hash();
        let mut alignment = None;
        let mut lines = false;
        while let Some(mut stretch) = splitter.next().map_err(split_error)? {
            if self.stop.load(Ordering::Relaxed) {
                break;
            }
            cut_end_mark(&mut stretch.bytes);
            if stretch.bytes.is_empty() {
                continue;
            }
            if !lines && stretch.bytes.iter().all(|b| matches!(b, b'\r' | b'\n')) {
                continue;
            }
            let first = !std::mem::replace(&mut lines, true);
            if *self.level.get_or_insert(schema.level()) != schema.level() {
                return Err(ImportError::Zip {
                    file: self.shown.clone(),
                    why: "its CSVs are of different levels (L2 and L3), which hold the same money".into(),
                }
                .into());
            }
            let at = |line| FaultPlace { line, ..place.clone() };
            let ends_in_return = stretch.bytes.ends_with(b"\r") && !splitter.is_crlf();
            let ends = stretch.bytes.ends_with(b"\n") || ends_in_return;
            if splitter.is_at_end() && !ends && !self.request.accept_unterminated {
                let text = stretch.bytes.strip_suffix(b"\r").unwrap_or(&stretch.bytes);
                self.unterminated(text, &schema, at(stretch.first_line + line_ends(text)))?;
            }
            let recognised = self.recognise(&stretch.bytes, &schema)?;
            if first {
                self.states_month &= states_month(&stretch.bytes, &schema);
                alignment = match (self.align)(recognised.bill, &schema).map_err(ImportError::from)? {
                    None => self.as_before(&schema, schema_hash),
                    of_bill => of_bill,
                };
                let name = place.entry.as_deref().unwrap_or(&self.name);
                self.aligned.extend(alignment.as_ref().map(|a| a.report(name, &schema)));
            }
            let (bytes, schema, schema_hash) = match &alignment {
                None => (stretch.bytes, schema.clone(), schema_hash),
                Some(alignment) => match alignment.apply(&stretch.bytes) {
                    Ok(bytes) => (bytes, alignment.schema.clone(), alignment.schema_hash),
                    // What is wrong with a line is told when it is read under its own header.
                    Err(_) if alignment.is_reordering() => (stretch.bytes, schema.clone(), schema_hash),
                    Err(Misfit::Filled | Misfit::Ragged) => return Err(Stopped::Misaligned),
                },
            };
            let source = TextSource {
                bytes,
                text_hash: stretch.text_hash,
                place: at(stretch.first_line),
                schema,
                schema_hash,
                bill: recognised.bill,
                last_day: recognised.last_day,
                only_day: recognised.mode == ImportMode::Day,
                encoding: facts.reading().encoding,
                separator: u8::try_from(facts.reading().separator).unwrap_or(b','),
                verbatim: self.request.verbatim,
            };
            let job = ChunkJob { number: self.jobs, entry: number, source };
            self.jobs += 1;
            if !(self.send)(job) {
                break;
            }
        }
        self.readings.push(facts.reading());
        if lines {
            let text = splitter.finish();
            let name = place.entry.unwrap_or_default();
            match self.texts.insert(text.0, name.clone()) {
                Some(first) => {
                    Err(ImportError::Twice { file: place.file, first, second: name, of: None }.into())
                }
                None => Ok(facts.raw().unwrap_or(text)),
            }
        } else if self.stop.load(Ordering::Relaxed) {
            // Another thread has found what is wrong.
            Ok(([0; 32], 0))
        } else if let Some(name) = place.entry {
            // What is kept of the CSVs is only of those with lines, under their numbers.
            self.entries.pop();
            self.readings.pop();
            self.skipped.push(Skipped { name, why: WhySkipped::NoLines });
            Ok(([0; 32], 0))
        } else {
            Err(ImportError::fault(place, ImportFault::NoLines).into())
        }
    }

    /// Returns how a CSV is read whose header has the columns of an earlier CSV's in another order. A new header is noted.
    fn as_before(&mut self, schema: &Arc<Schema>, hash: [u8; 32]) -> Option<Alignment> {
        if self.schemas.iter().any(|(known, _)| *known == hash) {
            return None;
        }
        let found = self.schemas.iter().find_map(|(hash, known)| Alignment::reordering(schema, known, *hash));
        if found.is_none() {
            self.schemas.push((hash, schema.clone()));
        }
        found
    }

    /// Says what a file is that has no bill's header; its name may tell.
    fn no_header(&self, fault: ImportFault, place: FaultPlace) -> ImportError {
        match (&fault, ParsedName::parse(&self.name).and_then(|name| other_file(name.form))) {
            (ImportFault::Header(_), Some(why)) => {
                ImportError::Unclear { file: self.name.clone(), why: why.into() }
            }
            _ => ImportError::fault(place, fault),
        }
    }

    /// A last line without its end is a sign of a cut file. Say what is wrong with the line itself, if anything is.
    fn unterminated(&mut self, bytes: &[u8], schema: &Schema, place: FaultPlace) -> Result<(), ImportError> {
        let last = memchr::memrchr2(b'\n', b'\r', bytes);
        let last = last.map_or(bytes, |at| bytes.get(at + 1..).unwrap_or(bytes));
        let record = first_record(last, b',');
        let fault = if record.len() < schema.headers().len() {
            ragged(last, record.len(), schema)
        } else {
            no_line(record.iter(), schema).unwrap_or(ImportFault::Unterminated)
        };
        if !self.request.dry_run {
            return Err(ImportError::fault(place, fault));
        }
        // What is wrong with the line itself is found with that of all others.
        if fault == ImportFault::Unterminated {
            self.faults.add(fault, || place);
        }
        Ok(())
    }

    fn recognise(&mut self, bytes: &[u8], schema: &Schema) -> Result<Recognised, ImportError> {
        if let Some(recognised) = &self.recognised {
            return Ok(recognised.clone());
        }
        let record = first_record(bytes, b',');
        let cells: Vec<&[u8]> = record.iter().collect();
        let recognised = recognise(&self.name, schema, &cells, self.request, self.store_payer)
            .map_err(|why| ImportError::Unclear { file: self.shown.clone(), why })?;
        Ok(self.recognised.insert(recognised).clone())
    }
}

/// Says whether the lines of a CSV state their month: a cell that is not empty is checked on every line.
fn states_month(bytes: &[u8], schema: &Schema) -> bool {
    let place = schema.index_of(Column::BillMonth);
    place.is_some_and(|place| first_record(bytes, b',').get(place).is_some_and(|cell| !is_blank(cell)))
}

/// Takes away the mark that old programs put at the end of a text (Ctrl-Z).
fn cut_end_mark(bytes: &mut Vec<u8>) {
    while let [before @ .., 0x1a] = bytes.as_slice() {
        if !before.is_empty()
            && !before.ends_with(b"\n")
            && !before.ends_with(b"\r")
            && !before.ends_with(b"\x1a")
        {
            return;
        }
        bytes.truncate(before.len());
    }
}

/// Hashes what is written to it.
struct SourceHasher(Sha256);

impl Write for SourceHasher {
    fn write(&mut self, buffer: &[u8]) -> std::io::Result<usize> {
        self.0.update(buffer);
        Ok(buffer.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// A file of which it is told how far it has been read.
struct Watched<'a> {
    file: &'a File,
    bytes: u64,
    total: u64,
    progress: &'a dyn ImportProgress,
}

impl Read for Watched<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let got = self.file.read(buffer)?;
        self.bytes += got as u64;
        self.progress.read(self.bytes, self.total);
        Ok(got)
    }
}
