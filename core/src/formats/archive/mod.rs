//! Reading zips and gzip files: the door to `rawzip` and to the packers.
//!
//! Nothing is ever extracted, so paths cannot do harm; they are refused all the same, since a bill's zip has
//! none. The directory at the end says what there is, and [`layout`] holds the rest of the file against it.

mod layout;
mod names;
pub(crate) mod second;

/// Reads the CSVs of a zip that this program made, one after another, to the end and with their checksums.
///
/// # Errors
/// What is wrong with it, in words, or what `visit` says.
pub(crate) fn each_csv(
    path: &Path,
    visit: &mut dyn FnMut(&str, &mut dyn Read) -> Result<(), String>,
) -> Result<(), String> {
    // What it holds was counted when it was written: no bound is needed.
    let limits = Limits {
        zip_entries_max: usize::MAX,
        zip_ratio_max: u64::MAX,
        zip_bytes_max: u64::MAX,
        ..Limits::default()
    };
    let file = File::open(path).map_err(|e| e.to_string())?;
    let mut zip = open(file, &limits)?;
    for csv in std::mem::take(&mut zip.csvs) {
        let mut entry = zip.entry(&csv, &limits)?;
        visit(&csv.name, &mut entry)?;
        std::io::copy(&mut entry, &mut std::io::sink()).map_err(|e| format!("entry `{}`: {e}", csv.name))?;
    }
    Ok(())
}

mod unpack;

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufReader, Read};
use std::ops::Range;
use std::path::Path;

use rawzip::{
    CompressionMethod, ErrorKind, FileReader, MAX_CENTRAL_DIRECTORY_RECORD_SIZE, ReaderAt, ZipArchive,
    ZipArchiveEntryWayfinder, ZipFileHeaderRecord,
};

pub use names::is_junk;

use super::limits::Limits;
use layout::Run;
use second::SecondReading;
use unpack::{Bounded, CountedRead, Whole};

/// How much is read of packed data at once.
const READ_BYTES: usize = 64 << 10;
/// What the name of an entry may have: a path of a few folders.
const NAME_BYTES_MAX: usize = 1 << 10;
/// The signature of a directory's end. Where an entry is expected, it is that of another zip's directory.
const DIRECTORY_END: u32 = u32::from_le_bytes(*b"PK\x05\x06");
/// What the fixed part of an entry in the directory has.
const RECORD_BYTES: u64 = 46;

/// An opened zip whose entries have been looked over.
pub(crate) struct Zip {
    archive: ZipArchive<FileReader>,
    /// The CSVs, in the directory's order.
    pub(crate) csvs: Vec<ArchiveEntry>,
    /// The names of entries that belong to no bill.
    pub(crate) junk: Vec<String>,
    /// How much more all entries together may unpack to.
    left: u64,
}

/// A CSV in a zip.
#[derive(Clone)]
pub(crate) struct ArchiveEntry {
    pub(crate) name: String,
    place: ZipArchiveEntryWayfinder,
    method: CompressionMethod,
    /// Whether its data has a mark at its end, if its method is LZMA.
    marked_end: bool,
}

/// Opens a zip and refuses what no bill's zip has.
pub(crate) fn open(file: File, limits: &Limits) -> Result<Zip, String> {
    let damaged = |e: &dyn std::fmt::Display| format!("the zip is damaged: {e}; download it again");
    let bytes = file.metadata().map_err(|e| damaged(&e))?.len();
    let of_parts = file.try_clone().map_err(|e| damaged(&e))?;
    let again = file.try_clone().map_err(|e| damaged(&e))?;
    let mut buffer = vec![0; MAX_CENTRAL_DIRECTORY_RECORD_SIZE];
    let archive =
        ZipArchive::from_file(file, &mut buffer).map_err(|e| match (e.kind(), e.eocd_offset()) {
            (ErrorKind::MissingEndOfCentralDirectory, _) => {
                "the zip has no directory at its end, so it is cut; download it again".to_owned()
            }
            (_, Some(end)) if is_of_several(&FileReader::from(of_parts), end) => SEVERAL.to_owned(),
            _ => damaged(&e),
        })?;
    if is_of_several(archive.get_ref(), archive.eocd_offset()) {
        return Err(SEVERAL.into());
    }
    let mut zip = Zip {
        csvs: Vec::new(),
        junk: Vec::new(),
        left: unpack::room(bytes, limits.zip_ratio_max, limits.zip_bytes_max),
        archive,
    };
    let (mut runs, mut listed) = (Vec::new(), Vec::new());
    let mut local = vec![0; 2 << 16];
    let mut found: BTreeSet<String> = BTreeSet::new();
    let mut directory: Range<u64> = zip.archive.directory_offset()..zip.archive.directory_offset();
    let mut entries = zip.archive.entries(&mut buffer);
    let mut claimed = 0_u64;
    let unlisted = |e: rawzip::Error| match e.kind() {
        ErrorKind::InvalidSignature { actual: DIRECTORY_END, .. } => layout::TWO.to_owned(),
        _ => damaged(&e),
    };
    while let Some(header) = entries.next_entry().map_err(unlisted)? {
        if runs.len() >= limits.zip_entries_max {
            return Err(format!("the zip has more than {} entries", limits.zip_entries_max));
        }
        let extra = header.extra_fields().remaining_bytes().len() as u64;
        let texts = header.file_path().len() as u64 + extra + header.comment().as_bytes().len() as u64;
        directory.end = header.central_directory_offset() + RECORD_BYTES + texts;
        let name = name_of(&header, runs.len() + 1)?;
        let before = claimed;
        claimed = claimed.saturating_add(header.uncompressed_size_hint());
        let (run, entry) = look_at(&zip.archive, &header, &name, &mut local)?;
        runs.push(run);
        listed.push(entry);
        if !found.insert(name.clone()) {
            return Err(format!("two entries have the same name: `{name}`"));
        }
        if header.is_dir() || name.ends_with('/') {
            if claimed > before {
                return Err(format!(
                    "entry `{name}` is a folder by its name, and holds data: unzip it, and import the CSVs"
                ));
            }
            continue;
        }
        if is_junk(&name) {
            zip.junk.push(name);
            continue;
        }
        must_be_csv(&name)?;
        if header.flags().is_encrypted() {
            return Err(format!(
                "entry `{name}` is encrypted: unzip it with its password, and import the CSV"
            ));
        }
        zip.csvs.push(ArchiveEntry {
            name,
            place: header.wayfinder(),
            method: header.compression_method(),
            marked_end: header.flags().bits() & 2 != 0,
        });
    }
    if zip.archive.entries_hint() != runs.len() as u64 {
        let told = zip.archive.entries_hint();
        return Err(damaged(&format!("its directory tells of {told} entries and has {}", runs.len())));
    }
    layout::must_tile(&zip.archive, runs, directory, bytes)
        .and_then(|()| second::must_agree(again, &listed))
        .map_err(|why| format!("{why}; unzip it, make a new zip of the CSVs, and import that"))?;
    if claimed > zip.left {
        return Err("it unpacks to far more than a bill does, as a zip bomb would".into());
    }
    if zip.csvs.is_empty() {
        return Err("the zip holds no CSV".into());
    }
    Ok(zip)
}

const SEVERAL: &str =
    "it is one part of a zip that was split: put the parts together, and import the whole zip";

/// Says whether the directory's end, which stands at an offset, is that of a zip in several parts.
fn is_of_several<R: ReaderAt>(reader: &R, end: u64) -> bool {
    let mut fixed = [0; 8];
    // The number of this part, and of the part where the directory begins; 0xffff where the 64-bit form tells.
    reader.read_exact_at(&mut fixed, end).is_ok()
        && matches!(fixed, [b'P', b'K', 5, 6, a, b, c, d] if ![[0, 0, 0, 0], [255; 4]].contains(&[a, b, c, d]))
}

/// Returns the name of an entry, with `/` between its parts.
fn name_of(header: &ZipFileHeaderRecord<'_>, number: usize) -> Result<String, String> {
    if header.file_path().len() > NAME_BYTES_MAX {
        return Err(format!("the name of entry {number} is longer than {NAME_BYTES_MAX} bytes"));
    }
    let name = names::decoded(header)
        .ok_or_else(|| format!("the name of entry {number} is damaged: it is no text"))?
        .replace('\\', "/");
    if names::is_hostile(&name) {
        return Err(format!("entry `{}` has a path that leads elsewhere", name.escape_debug()));
    }
    Ok(name)
}

/// Returns where an entry's bytes are and whether its own header agrees with the directory, and what the
/// directory says of it.
fn look_at(
    archive: &ZipArchive<FileReader>,
    header: &ZipFileHeaderRecord<'_>,
    name: &str,
    buffer: &mut [u8],
) -> Result<(Run, SecondReading), String> {
    let damaged = |e: rawzip::Error| format!("entry `{name}` is damaged: {e}; download the zip again");
    let entry = archive.get_entry(header.wayfinder()).map_err(damaged)?;
    let local = entry.local_header(buffer).map_err(damaged)?;
    let agrees = local.file_path().as_bytes() == header.file_path().as_bytes()
        && local.compression_method() == header.compression_method()
        && local.flags().is_encrypted() == header.flags().is_encrypted();
    let (from, to) = entry.compressed_data_range();
    let run = Run {
        name: name.to_owned(),
        from: header.local_header_offset(),
        to,
        packed: header.compressed_size_hint(),
        crc: header.crc32(),
        agrees,
        described: header.flags().has_data_descriptor() || local.flags().has_data_descriptor(),
    };
    let listed = SecondReading {
        name: header.file_path().as_bytes().to_vec(),
        from,
        packed: header.compressed_size_hint(),
        unpacked: header.uncompressed_size_hint(),
        crc: header.crc32(),
    };
    Ok((run, listed))
}

/// Refuses an entry that is no CSV by its name, and says what to do with it.
fn must_be_csv(name: &str) -> Result<(), String> {
    const WORKBOOK: &str = "it is a spreadsheet's workbook: save its sheet as “CSV UTF-8”, and import that";
    let lower = name.to_lowercase();
    let ends = |endings: &[&str]| endings.iter().any(|ending| lower.ends_with(ending));
    if ends(&[".csv"]) {
        return Ok(());
    }
    // A workbook is itself a zip, of these.
    if ["[Content_Types].xml", "mimetype"].contains(&name) || lower.starts_with("xl/") {
        return Err(WORKBOOK.into());
    }
    if ends(&[".zip"]) {
        return Err(format!(
            "entry `{name}` is a zip in the zip: unzip the outer one, and import what is in it"
        ));
    }
    if ends(&[".xlsx", ".xls", ".xlsm", ".xlsb", ".ods", ".et"]) {
        return Err(format!("entry `{name}` is not a CSV: save its sheet as “CSV UTF-8”, and import that"));
    }
    if ends(&[".gz", ".tgz", ".tar", ".7z", ".rar", ".bz2", ".xz", ".zst"]) {
        return Err(format!("entry `{name}` is an archive in the zip: unzip both, and import the CSVs"));
    }
    Err(format!("entry `{name}` is not a CSV: make a zip without it, or unzip it and import the CSVs"))
}

impl Zip {
    /// Opens an entry; reading it to the end checks its length and its CRC.
    pub(crate) fn entry(&mut self, entry: &ArchiveEntry, limits: &Limits) -> Result<impl Read + '_, String> {
        let wrong = |why: &dyn std::fmt::Display| format!("entry `{}` {why}", entry.name);
        let opened = self.archive.get_entry(entry.place).map_err(|e| wrong(&format!("is damaged: {e}")))?;
        let packed = entry.place.compressed_size_hint();
        let unpacked = entry.place.uncompressed_size_hint();
        let (counted, taken) = CountedRead::new(BufReader::with_capacity(READ_BYTES, opened.reader()));
        let inner =
            unpack::unpack(entry.method, entry.marked_end, unpacked, counted).map_err(|e| wrong(&e))?;
        // LZMA reads ahead: what it leaves over is not known.
        let packed_known = (entry.method != CompressionMethod::LZMA).then_some(packed);
        let whole = Whole { inner: opened.verifying_reader(inner), taken, packed: packed_known };
        let own = unpack::room(packed, limits.zip_ratio_max, limits.zip_bytes_max);
        Ok(Bounded::new(whole, own, &mut self.left))
    }
}

/// Unpacks a gzip file of so many bytes, within the limits of zips.
pub(crate) fn gunzip<'a>(
    packed: impl Read + 'a,
    bytes: u64,
    left: &'a mut u64,
    limits: &Limits,
) -> impl Read + 'a {
    *left = unpack::room(bytes, limits.zip_ratio_max, limits.zip_bytes_max);
    Bounded::new(unpack::gunzip(BufReader::with_capacity(READ_BYTES, packed)), *left, left)
}
