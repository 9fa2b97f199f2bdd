//! What a zip consists of: every byte belongs to one entry or to the directory.
//!
//! Readers find entries from the front, or from the directory at the end. Where both see the same, nothing hides between
//! entries, nothing is read twice, and no second archive lies before or behind the first.

use rawzip::{ReaderAt, ZipArchive};

/// The bytes of an entry: its header and its data, without what describes the data behind it.
pub(super) struct Run {
    pub(super) name: String,
    pub(super) from: u64,
    pub(super) to: u64,
    /// How long its data is, and the checksum of what it unpacks to.
    pub(super) packed: u64,
    pub(super) crc: u32,
    /// Whether its own header says the same as the directory.
    pub(super) agrees: bool,
    /// Whether sizes and checksum may follow the data.
    pub(super) described: bool,
}

/// The signature with which sizes and checksum behind the data may begin.
const DESCRIPTOR: [u8; 4] = *b"PK\x07\x08";
/// How long they are: with and without signature, in 32 and 64 bits.
const DESCRIPTOR_BYTES: [u64; 4] = [12, 16, 20, 24];
/// Signatures that no comment holds: of an entry, of a directory's entry, and of its end.
const IN_NO_COMMENT: [[u8; 4]; 3] = [*b"PK\x03\x04", *b"PK\x01\x02", *b"PK\x05\x06"];
pub(super) const TWO: &str = "the file holds two zips, one behind the other";
/// The fixed part of the directory's end.
const END_BYTES: u64 = 22;

/// Refuses a zip of which some bytes belong to no entry, or to several.
pub(super) fn must_tile<R: ReaderAt>(
    archive: &ZipArchive<R>,
    mut runs: Vec<Run>,
    directory: std::ops::Range<u64>,
    file_bytes: u64,
) -> Result<(), String> {
    let other = runs.iter().find(|run| !run.agrees).map(|run| run.name.clone());
    runs.sort_by_key(|run| (run.from, run.to));
    let mut at = 0;
    let mut before: Option<Run> = None;
    let ends = runs.iter().skip(1).map(|run| run.from).chain([directory.start]).collect::<Vec<_>>();
    for (run, next) in runs.into_iter().zip(ends) {
        match &before {
            None if run.from > 0 => return Err(prelude_text(archive, run.from)),
            Some(before) if run.from < before.to => {
                return Err(format!("its entries `{}` and `{}` overlap", before.name, run.name));
            }
            Some(before) if run.from > at => return Err(gap_text(run.from - at, &before.name)),
            _ => {}
        }
        at = run.to;
        if let Some(behind) = next.checked_sub(run.to).filter(|behind| *behind > 0)
            && run.described
            && is_descriptor(archive, &run, behind)
        {
            at = next;
        }
        before = Some(run);
    }
    match &before {
        None if directory.start > 0 => return Err(prelude_text(archive, directory.start)),
        Some(last) if directory.start < last.to => {
            return Err(format!("its entry `{}` reaches into the directory", last.name));
        }
        Some(last) if directory.start > at => return Err(gap_text(directory.start - at, &last.name)),
        _ => {}
    }
    end(archive, directory.end, file_bytes)?;
    match other {
        Some(name) => {
            Err(format!("its entry `{name}` is called or packed otherwise than the directory says"))
        }
        None => Ok(()),
    }
}

fn gap_text(bytes: u64, before: &str) -> String {
    format!("{bytes} bytes behind its entry `{before}` belong to no entry")
}

fn prelude_text<R: ReaderAt>(archive: &ZipArchive<R>, bytes: u64) -> String {
    let mut signature = [0; 4];
    let read = archive.get_ref().read_exact_at(&mut signature, 0);
    if read.is_ok() && IN_NO_COMMENT.contains(&signature) {
        return TWO.into();
    }
    format!("{bytes} bytes before its first entry belong to no entry")
}

/// Says whether the bytes behind an entry's data are its checksum and its sizes.
fn is_descriptor<R: ReaderAt>(archive: &ZipArchive<R>, run: &Run, bytes: u64) -> bool {
    let mut buffer = [0; 24];
    let Some(text) = usize::try_from(bytes)
        .ok()
        .filter(|_| DESCRIPTOR_BYTES.contains(&bytes))
        .and_then(|bytes| buffer.get_mut(..bytes))
    else {
        return false;
    };
    if archive.get_ref().read_exact_at(text, run.to).is_err() {
        return false;
    }
    let rest = if matches!(bytes, 16 | 24) { text.strip_prefix(&DESCRIPTOR) } else { Some(&*text) };
    let Some((crc, sizes)) = rest.and_then(|rest| rest.split_first_chunk::<4>()) else { return false };
    let packed = match sizes.len() {
        8 => sizes.first_chunk::<4>().map(|size| u64::from(u32::from_le_bytes(*size))),
        _ => sizes.first_chunk::<8>().map(|size| u64::from_le_bytes(*size)),
    };
    u32::from_le_bytes(*crc) == run.crc && packed == Some(run.packed)
}

/// Looks at what stands behind the directory: its end, in one of two forms, a comment, and nothing else.
fn end<R: ReaderAt>(archive: &ZipArchive<R>, directory_end: u64, file_bytes: u64) -> Result<(), String> {
    let end = archive.eocd_offset();
    let between = end.checked_sub(directory_end).ok_or("its directory is longer than there is room for")?;
    if between > 0 && !is_long_end(archive, directory_end, between) {
        return Err(format!("{between} bytes behind its directory belong to nothing"));
    }
    let behind = file_bytes.saturating_sub(archive.end_offset());
    if behind > 0 {
        return Err(format!("{behind} bytes behind its end belong to nothing"));
    }
    let comment = archive.end_offset().saturating_sub(end + END_BYTES);
    let mut text = vec![0; usize::try_from(comment).unwrap_or(0)];
    archive.get_ref().read_exact_at(&mut text, end + END_BYTES).map_err(|e| e.to_string())?;
    if text.windows(4).any(|part| IN_NO_COMMENT.iter().any(|signature| part == signature)) {
        return Err("its comment holds another zip".into());
    }
    Ok(())
}

/// Says whether the bytes before the end are its 64-bit form and what points to that.
fn is_long_end<R: ReaderAt>(archive: &ZipArchive<R>, at: u64, bytes: u64) -> bool {
    const LOCATOR_BYTES: u64 = 20;
    let (mut head, mut locator) = ([0; 12], [0; 4]);
    let Some(record) = bytes.checked_sub(LOCATOR_BYTES).filter(|bytes| *bytes >= 56) else { return false };
    let reader = archive.get_ref();
    if reader.read_exact_at(&mut head, at).is_err()
        || reader.read_exact_at(&mut locator, at + record).is_err()
    {
        return false;
    }
    let size = head.get(4..).and_then(|size| size.first_chunk::<8>()).map(|size| u64::from_le_bytes(*size));
    head.starts_with(b"PK\x06\x06") && locator == *b"PK\x06\x07" && size == Some(record - 12)
}
