//! Reading zips: the one door to the `zip` crate.
//!
//! Nothing is ever extracted, so paths cannot do harm; they are refused all the same, since a bill's zip has
//! none. Sizes that the zip claims are not believed: bytes are counted as they come.

use std::fs::File;
use std::io::{BufReader, Read};

use zip::read::Config;
use zip::unstable::read::ZipIterable;

use super::Limits;

type Archive = zip::ZipArchive<BufReader<File>>;

/// Ratios are not judged before this much has come out: short texts compress without bounds.
const RATIO_FROM_BYTES: u64 = 8 << 20;

/// An opened zip whose entries have been looked over.
pub(super) struct Zip {
    archive: Archive,
    /// The places and names of the CSVs, in the archive's order.
    pub(super) entries: Vec<(usize, String)>,
}

/// Opens a zip and refuses what no bill's zip has.
pub(super) fn open(file: File, limits: &Limits) -> Result<Zip, String> {
    // The archive keeps the last entry of a name alone: what it leaves out is counted in the directory itself.
    let directory = file.try_clone().map_err(|e| e.to_string())?;
    let listed = ZipIterable::try_new(BufReader::new(directory), Config::default())
        .map_err(|e| format!("the zip is damaged: {e}"))?
        .len();
    let mut archive =
        zip::ZipArchive::new(BufReader::new(file)).map_err(|e| format!("the zip is damaged: {e}"))?;
    if archive.len() > limits.zip_entries_max {
        return Err(format!("the zip has {} entries, more than {}", archive.len(), limits.zip_entries_max));
    }
    let mut entries: Vec<(usize, String)> = Vec::new();
    for index in 0..archive.len() {
        let entry = archive.by_index_raw(index).map_err(|e| format!("the zip is damaged: {e}"))?;
        let name = entry
            .name()
            .map_err(|e| format!("the name of entry {} is damaged: {e}", index + 1))?
            .into_owned();
        if is_hostile(&name) {
            return Err(format!("entry `{}` has a path that leads elsewhere", name.escape_default()));
        }
        if entry.encrypted() {
            return Err(format!("entry `{name}` is encrypted; unzip it and import the CSV"));
        }
        if entry.is_dir() || name.starts_with("__MACOSX/") || name.ends_with(".DS_Store") {
            continue;
        }
        if !name.to_ascii_lowercase().ends_with(".csv") {
            return Err(format!("entry `{name}` is not a CSV"));
        }
        entries.push((index, name));
    }
    if listed != archive.len() {
        return Err(format!(
            "two entries have the same name: it lists {listed} entries, under {} names",
            archive.len()
        ));
    }
    if entries.is_empty() {
        return Err("the zip holds no CSV".into());
    }
    Ok(Zip { archive, entries })
}

fn is_hostile(name: &str) -> bool {
    name.starts_with('/')
        || name.contains('\\')
        || name.contains(':')
        || name.contains('\0')
        || name.split('/').any(|part| part == "..")
}

impl Zip {
    /// Opens an entry; reading it to the end checks its CRC.
    pub(super) fn entry(&mut self, index: usize, limits: &Limits) -> Result<impl Read + '_, String> {
        let entry = self.archive.by_index(index).map_err(|e| format!("the zip is damaged: {e}"))?;
        let packed = entry.compressed_size().max(1);
        let by_ratio = packed.saturating_mul(limits.zip_ratio_max).max(RATIO_FROM_BYTES);
        Ok(Bounded { inner: entry, left: by_ratio.min(limits.zip_bytes_max) })
    }
}

/// Gives an error, rather than an end, where more comes out than is allowed.
struct Bounded<R> {
    inner: R,
    left: u64,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let got = self.inner.read(buffer)?;
        self.left = self.left.checked_sub(got as u64).ok_or_else(|| {
            std::io::Error::new(
                std::io::ErrorKind::InvalidData,
                "it unpacks to far more than a bill does, as a zip bomb would",
            )
        })?;
        Ok(got)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_that_lead_elsewhere_are_hostile() {
        for name in ["../a.csv", "/a.csv", "a/../../b.csv", "C:\\a.csv", "a\\b.csv", "c:a.csv"] {
            assert!(is_hostile(name), "{name}");
        }
        for name in ["a.csv", "2021-03/a.csv", "a..b.csv", "明细账单.csv"] {
            assert!(!is_hostile(name), "{name}");
        }
    }
}
