//! Manifests and notices that left the store: each names an entry of the journal, which the journal must still have.

use std::path::{Path, PathBuf};

use billkeep_core::error::Kind;

use serde::Deserialize;

use crate::error::CommandError;

use billkeep_core::engine::OutsideFile;
use billkeep_core::engine::{JournalEntry, Records};
use billkeep_core::exports::SMALL_BYTES_MAX;
use billkeep_core::values::from_hex;

/// How the name of a manifest ends.
const MANIFEST: &str = ".manifest.json";

/// What the witnesses name.
#[derive(Default)]
pub(super) struct WitnessReport {
    /// How many name an entry.
    pub(super) count: usize,
    /// The last of the entries that are named.
    pub(super) last: u64,
    /// How many name none.
    pub(super) silent: usize,
}

#[derive(Deserialize)]
struct Witness {
    format: String,
    journal: Option<Named>,
}

#[derive(Deserialize)]
struct Named {
    entry: u64,
    hash: String,
}

/// Looks for the entry that each witness names.
pub(super) fn ask(store: &impl Records, paths: &[PathBuf]) -> Result<WitnessReport, CommandError> {
    let mut report = WitnessReport::default();
    for path in paths {
        for file in files(path)? {
            let Some(Named { entry, hash }) = read(&file)?.journal else {
                report.silent += 1;
                continue;
            };
            let found = match from_hex(&hash) {
                Some(hash) => JournalEntry::number_of(store, &hash)?,
                None => None,
            };
            if found != Some(entry) {
                let text = format!(
                    "`{}` names entry {entry} of the journal with the hash `{hash}`, and the journal has no such entry: it was \
                     written anew after that, or the file is of another store",
                    file.display()
                );
                return Err(CommandError::new(Kind::Damaged, text)
                    .hint("restore a copy of the store's file from before, and look for who could write to it since"));
            }
            report.count += 1;
            report.last = report.last.max(entry);
        }
    }
    Ok(report)
}

/// Returns the files that a path stands for: itself, or the manifests in a folder.
fn files(path: &Path) -> Result<Vec<PathBuf>, CommandError> {
    let failed = |e: std::io::Error| CommandError::user(format!("`{}` cannot be read: {e}", path.display()));
    if !std::fs::metadata(path).map_err(failed)?.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut found = Vec::new();
    for entry in std::fs::read_dir(path).map_err(failed)? {
        let file = entry.map_err(failed)?.path();
        if file.file_name().is_some_and(|name| name.to_string_lossy().ends_with(MANIFEST)) {
            found.push(file);
        }
    }
    if found.is_empty() {
        return Err(CommandError::user(format!(
            "`{}` has no file that ends in `{MANIFEST}`",
            path.display()
        )));
    }
    found.sort();
    Ok(found)
}

fn read(path: &Path) -> Result<Witness, CommandError> {
    let failed = |why: String| CommandError::user(format!("`{}` cannot be read: {why}", path.display()));
    let bytes = OutsideFile::read(path, SMALL_BYTES_MAX).map_err(|e| failed(e.to_string()))?;
    let witness: Witness = serde_json::from_slice(&bytes)
        .map_err(|e| failed(format!("it is neither a manifest nor a notice: {e}")))?;
    if ["billkeep.manifest/1", "billkeep.notice/1"].contains(&witness.format.as_str()) {
        Ok(witness)
    } else {
        Err(failed(format!("its format is `{}`, which is neither a manifest nor a notice", witness.format)))
    }
}
