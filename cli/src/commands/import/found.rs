//! What an import takes: files that were named, files in folders, and what comes through pipes.

use std::path::{Path, PathBuf};

use crate::context::Context;
use crate::error::CommandError;

use billkeep_core::bills::{Import, ImportError, Input};
use billkeep_core::engine::OutsideFile;
use billkeep_core::formats;
use billkeep_core::formats::{Limits, ParsedName};
use billkeep_core::values::{BillMonth, Day, from_hex};

/// How the name of a side file ends that states the SHA-256 of the file beside it.
const SIDE_ENDING: &str = ".sha256";
/// A side file may list all files of a folder.
const SIDE_BYTES_MAX: u64 = 1 << 20;

/// Finds the SHA-256 of a file, or several that contradict one another, in what `sha256sum` writes: digits, and a name after a space and a space or `*`; or digits alone.
fn stated_in(text: &str, name: &str) -> Vec<[u8; 32]> {
    let text = text.trim_start_matches('\u{feff}');
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let found = lines.iter().filter_map(|line| {
        // A backslash stands before the digits where the name has escapes.
        let (digits, of) = line.trim_start_matches('\\').split_once([' ', '\t'])?;
        let of = of.trim_start().trim_start_matches('*').trim_start_matches("./");
        let of = of.rsplit(['/', '\\']).next()?;
        (of == name).then(|| from_hex(digits)).flatten()
    });
    let mut found: Vec<[u8; 32]> = found.collect();
    if let ([], [alone]) = (found.as_slice(), lines.as_slice()) {
        found.extend(from_hex(alone));
    }
    found.sort_unstable();
    found.dedup();
    found
}

/// What stands for standard input.
const STDIN: &str = "-";
/// How many files of a folder are looked at.
const FILES_MAX: usize = 10_000;
/// How many names of files that are passed over are told.
const NAMES_TOLD: usize = 10;

/// One thing to import.
pub(super) enum Source {
    File(PathBuf),
    /// What came through a pipe, to its end.
    Piped(Input),
    /// What could not be read to its end.
    Broken(String, ImportError),
}

impl Source {
    /// Returns how whoever imports it has called it.
    pub(super) fn shown(&self) -> String {
        match self {
            Source::File(path) => path.display().to_string(),
            Source::Piped(input) => input.shown().to_owned(),
            Source::Broken(shown, _) => shown.clone(),
        }
    }

    /// Returns the SHA-256 that a side file `FILE.sha256` states of the file, if there is one.
    pub(super) fn stated_hash(&self) -> Result<Option<([u8; 32], String)>, CommandError> {
        let Source::File(path) = self else { return Ok(None) };
        let mut side = path.clone().into_os_string();
        side.push(SIDE_ENDING);
        let side = PathBuf::from(side);
        if side.symlink_metadata().is_err() {
            return Ok(None);
        }
        let shown = side.display().to_string();
        let text = OutsideFile::read_text(&side, SIDE_BYTES_MAX)
            .map_err(|e| CommandError::user(format!("`{shown}` cannot be read: {e}")))?;
        match stated_in(&text, &self.name()).as_slice() {
            [hash] => Ok(Some((*hash, shown))),
            [_, _, ..] => Err(CommandError::user(format!(
                "`{shown}` states more than one SHA-256 of `{}`",
                self.name()
            ))
            .hint("nothing was imported; keep the line that is right, or remove the file")),
            [] => Err(CommandError::user(format!("`{shown}` states no SHA-256 of `{}`", self.name()))
                .hint("it holds 64 hexadecimal digits, alone or with the file's name behind, as `sha256sum` writes it; or remove it")),
        }
    }

    fn name(&self) -> String {
        match self {
            Source::File(path) => {
                path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned())
            }
            Source::Piped(input) => input.name().to_owned(),
            Source::Broken(shown, _) => shown.clone(),
        }
    }

    /// Returns what files are ordered by, if the name tells it: the complete month comes after its days.
    fn key(&self) -> Option<(BillMonth, bool, Option<Day>)> {
        let name = ParsedName::parse(&self.name())?;
        Some((name.month?, name.day.is_none(), name.day))
    }
}

/// Finds what there is to import, in the order of months and days if all names tell them.
///
/// Pipes are read to their end here, before the store is opened: nobody has to wait for them.
pub(super) fn find(context: &Context, named: &[PathBuf]) -> Result<Vec<Source>, CommandError> {
    let limits = Limits::default();
    let folder = Import::folder_of(&context.store);
    let kept = |shown: String, input: Result<Input, ImportError>| match input {
        Ok(input) => Source::Piped(input),
        Err(error) => Source::Broken(shown, error),
    };
    let mut sources = Vec::new();
    let mut asked = false;
    for path in named {
        let metadata = std::fs::metadata(path);
        let file_type = metadata.as_ref().map(std::fs::Metadata::file_type).ok();
        let is_stdin = path.as_os_str() == STDIN;
        if file_type.is_some_and(|t| t.is_dir()) {
            sources.extend(in_folder(context, path)?);
        } else if is_stdin || file_type.is_some_and(|t| !t.is_file()) {
            // Whoever may not import, or has no store, is told so first.
            if !std::mem::replace(&mut asked, true) {
                context.read()?.close()?;
            }
            let shown = if is_stdin { "standard input".to_owned() } else { path.display().to_string() };
            let input = if is_stdin {
                Input::read(&shown, std::io::stdin().lock(), folder, &limits)
            } else {
                Input::open(path, folder, &limits)
            };
            sources.push(kept(shown, input));
        } else {
            sources.push(Source::File(path.clone()));
        }
    }
    if sources.iter().all(|source| source.key().is_some()) {
        sources.sort_by_key(Source::key);
    }
    Ok(sources)
}

/// Puts files in the order of their months and days; those whose names tell none come last.
pub(crate) fn in_order(files: &[PathBuf]) -> Vec<PathBuf> {
    let mut sources: Vec<Source> = files.iter().cloned().map(Source::File).collect();
    sources.sort_by_key(|source| (source.key().is_none(), source.key()));
    let path = |source| match source {
        Source::File(path) => Some(path),
        _ => None,
    };
    sources.into_iter().filter_map(path).collect()
}

/// Returns the bill files of a folder: those whose names tell their days in that order, then the others by name.
fn in_folder(context: &Context, folder: &Path) -> Result<Vec<Source>, CommandError> {
    let failed =
        |e: std::io::Error| CommandError::user(format!("`{}` cannot be read: {e}", folder.display()));
    let store = context.store.file_name().unwrap_or_default().to_string_lossy();
    let (mut found, mut others) = (Vec::new(), Vec::new());
    for (number, entry) in std::fs::read_dir(folder).map_err(failed)?.enumerate() {
        if number >= FILES_MAX {
            return Err(CommandError::user(format!(
                "`{}` has more than {FILES_MAX} files",
                folder.display()
            ))
            .hint("name the bill files, or move them into a folder of their own"));
        }
        let path = entry.map_err(failed)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let lower = name.to_lowercase();
        let is_bill = [".csv", ".zip", ".gz"].iter().any(|ending| lower.ends_with(ending));
        let quiet = name.starts_with('.')
            || formats::is_junk(&name)
            || lower.ends_with(".sha256")
            || (!store.is_empty() && name.starts_with(store.as_ref()));
        if quiet {
            continue;
        } else if is_bill && std::fs::metadata(&path).is_ok_and(|m| m.is_file()) {
            found.push(path);
        } else {
            others.push(name);
        }
    }
    if found.is_empty() {
        return Err(CommandError::user(format!("there is no bill file in `{}`", folder.display()))
            .hint("bill files end in .csv, .csv.gz or .zip; folders in it are not looked into"));
    }
    if !others.is_empty() {
        others.sort();
        let told: Vec<String> = others.iter().take(NAMES_TOLD).map(|name| format!("`{name}`")).collect();
        let more = match others.len() - told.len() {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        context.say(&format!("`{}`: passed over {}{more}", folder.display(), told.join(", ")));
    }
    found.sort();
    let mut sources: Vec<Source> = found.into_iter().map(Source::File).collect();
    sources.sort_by_key(|source| (source.key().is_none(), source.key()));
    Ok(sources)
}

/// Says what to do about a file that is not there.
pub(super) fn hint_of_absent(shown: &str) -> Option<String> {
    let path = Path::new(shown);
    if path.exists() || !shown.contains(['*', '?', '[', '{']) {
        return None;
    }
    let folder = Import::folder_of(path);
    Some(format!(
        "the shell found no file for this pattern, or it is in quotes; `billkeep import {}` imports all bill files of a folder",
        folder.display()
    ))
}
