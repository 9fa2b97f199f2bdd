//! Compiled plugins, kept on disk from one run of the program to the next.
//!
//! Loading one runs machine code, so only code that this program wrote may be loaded. The folder belongs to its owner alone, and
//! each file ends in a code that only the key in that folder can make. Every other file is ignored, and the plugin is compiled again.
//! `docs/decisions/0030-compiled-plugins.md` compares this with the cache of wasmtime.
//!
//! A file is an ELF image as wasmtime writes it. Its code and a magic number stand **behind** the image, so that the file can be
//! mapped as it is. A plugin with an interpreter has 35 MB of machine code: mapping reads only what runs.
//!
//! # Why the checked bytes are the bytes that run
//!
//! A mapped file must not change between the check and the end of the program. This holds for every program and library of a
//! machine, and the same rule ensures it here: who may write.
//!
//! - Only the owner of the folder can write there or replace a file, and the owner is the user who runs this program. Owner and
//!   rights are checked each time. A program that root runs in another user's environment does not use that user's folder. The
//!   owner can read or replace the key, and needs no race to have something run.
//! - This program never changes such a file. It writes a new one beside it and renames that; a program that has mapped the old
//!   one keeps it. If another run does so between check and mapping, the mapped file is as good.
//! - The files are read-only (mode 400), against writes by mistake. A file whose time or length changed since it was opened for
//!   the check is not used.
//!
//! # What is removed
//!
//! Beside each file is an empty one that is written at each use. When a plugin was compiled, files that nobody used for 90 days are
//! removed. Then the least recently used go until 1 GiB is left. All times are those of files, so no clock is read.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use ring::rand::{SecureRandom as _, SystemRandom};
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::files;
use crate::options::Env;

use super::compiler::{self, CompileError};
use super::file::PluginFile;
use billkeep_core::engine::OutsideFile;
use billkeep_core::exports::SinkError;
use billkeep_core::values::hex;

/// The end of each file, with the layout's version. Files of another one are compiled anew.
const MAGIC: &[u8; 4] = b"BKC2";
const CODE_BYTES: usize = blake3::OUT_LEN;
/// The bytes behind the image.
const TAIL_BYTES: usize = CODE_BYTES + MAGIC.len();
const KEY: &str = "key";
/// The extension of a file's mark. The mark is written when the file is used.
const USED: &str = "used";
/// Files that nobody used for this long are removed.
const UNUSED: Duration = Duration::from_hours(90 * 24);
/// The size limit: 27 plugins with an interpreter, or some thousand others.
const KEPT_BYTES: u64 = 1 << 30;

/// Where a component came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CodeOrigin {
    /// From the folder of compiled plugins.
    Kept,
    /// The compiler.
    Compiled,
}

/// A folder of compiled plugins.
pub(super) struct CodeFolder {
    folder: PathBuf,
    key: [u8; blake3::KEY_LEN],
}

impl CodeFolder {
    /// Opens the folder that the environment names: `BILLKEEP_PLUGIN_CACHE`, or one in the user's cache folder.
    pub(super) fn find(env: Env<'_>) -> Option<CodeFolder> {
        let below = |name: &str, rest: &str| {
            env(name).filter(|path| !path.is_empty()).map(|path| Path::new(&path).join(rest))
        };
        let folder = below("BILLKEEP_PLUGIN_CACHE", "")
            .or_else(|| below("XDG_CACHE_HOME", "billkeep/plugins"))
            .or_else(|| below("LOCALAPPDATA", "billkeep/plugins"))
            .or_else(|| below("HOME", ".cache/billkeep/plugins"))
            .filter(|folder| folder.is_absolute())?;
        // Without a folder, plugins are compiled each time.
        CodeFolder::open(&folder).ok()
    }

    pub(super) fn open(folder: &Path) -> Result<CodeFolder, String> {
        make_private(folder).map_err(|e| e.to_string())?;
        only_ours(folder)?;
        let path = folder.join(KEY);
        let read = || -> Option<[u8; blake3::KEY_LEN]> {
            only_ours(&path).ok()?;
            OutsideFile::read(&path, blake3::KEY_LEN as u64).ok()?.try_into().ok()
        };
        let key = match read() {
            Some(key) => key,
            None => {
                let mut key = [0; blake3::KEY_LEN];
                SystemRandom::new().fill(&mut key).map_err(|_| "no random bytes")?;
                write_private(&path, 0o600, &[&key]).map_err(|e| e.to_string())?;
                key
            }
        };
        Ok(CodeFolder { folder: folder.to_owned(), key })
    }

    fn path(&self, engine: &Engine, file: &PluginFile) -> PathBuf {
        let mut hasher = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut hasher);
        self.folder.join(format!("{}-{:016x}", hex(&file.sha256), hasher.finish()))
    }

    /// Begins a file's code: a hash of its image, with a key that is made of this one for the file's name.
    fn code(&self, path: &Path) -> blake3::Hasher {
        let name = path.file_name().unwrap_or_default().as_encoded_bytes();
        blake3::Hasher::new_keyed(blake3::keyed_hash(&self.key, name).as_bytes())
    }

    fn load(&self, engine: &Engine, path: &Path) -> Option<Component> {
        only_ours(path).ok()?;
        let file = File::open(path).ok()?;
        let opened = file.metadata().ok()?;
        let mut code = self.code(path);
        code.update_reader((&file).take(opened.len().checked_sub(TAIL_BYTES as u64)?)).ok()?;
        let mut tail = [0; TAIL_BYTES];
        (&file).read_exact(&mut tail).ok()?;
        let (expected, magic) = tail.split_first_chunk::<CODE_BYTES>()?;
        // Hashes are compared in constant time, though nobody is there to measure it.
        (magic == MAGIC && code.finalize() == *expected).then_some(())?;
        let component = map_machine_code(engine, path)?;
        let now = fs::metadata(path).ok()?;
        let same = now.len() == opened.len() && now.modified().ok()? == opened.modified().ok()?;
        same.then_some(())?;
        mark_used(path);
        Some(component)
    }

    fn keep(&self, path: &Path, image: &[u8]) -> std::io::Result<()> {
        let code = self.code(path).update(image).finalize();
        write_private(path, 0o400, &[image, code.as_bytes(), MAGIC])?;
        mark_used(path);
        self.remove_unused(path)
    }

    /// Removes what was last used long before a file was, and what goes beyond [`KEPT_BYTES`]; never that file.
    fn remove_unused(&self, newest: &Path) -> std::io::Result<()> {
        let now = fs::metadata(newest)?.modified()?;
        let mut plugins: BTreeMap<String, Entry> = BTreeMap::new();
        for file in fs::read_dir(&self.folder)? {
            let path = file?.path();
            // A half-written file, and a mark whose file is gone, have the same stem.
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let stem = name.split('.').next().unwrap_or_default();
            if !is_stem(stem) || newest.file_name() == Some(stem.as_ref()) {
                continue;
            }
            // Another program may have removed it since.
            let Ok(metadata) = fs::metadata(&path) else { continue };
            let entry = plugins.entry(stem.to_owned()).or_default();
            entry.last_used = entry.last_used.max(metadata.modified().ok());
            entry.bytes += metadata.len();
            entry.paths.push(path);
        }
        let mut plugins: Vec<Entry> = plugins.into_values().collect();
        plugins.sort_by_key(|entry| std::cmp::Reverse(entry.last_used));
        let mut kept_bytes = fs::metadata(newest)?.len();
        for entry in plugins {
            let ago = entry.last_used.and_then(|last| now.duration_since(last).ok());
            kept_bytes += entry.bytes;
            if ago.is_some_and(|ago| ago > UNUSED) || kept_bytes > KEPT_BYTES {
                entry.paths.iter().try_for_each(fs::remove_file)?;
            }
        }
        Ok(())
    }
}

/// The files of one plugin: its image, its mark, and files that were left half-written.
#[derive(Default)]
struct Entry {
    last_used: Option<SystemTime>,
    bytes: u64,
    paths: Vec<PathBuf>,
}

/// Returns whether a name begins as those of a plugin's files do: with two hashes.
fn is_stem(stem: &str) -> bool {
    stem.len() == 64 + 1 + 16 && stem.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-')
}

/// Marks a file as used. Where that fails, the plugin is compiled again some day.
fn mark_used(path: &Path) {
    let _ = File::create(path.with_extension(USED));
}

/// Sees that a file or folder is of whoever runs this program, and of nobody else.
fn only_ours(path: &Path) -> Result<(), String> {
    files::only_ours(path)?;
    #[cfg(unix)]
    {
        let owner = std::os::unix::fs::MetadataExt::uid(&fs::metadata(path).map_err(|e| e.to_string())?);
        if owner != rustix::process::geteuid().as_raw() {
            return Err("it is another user's".to_owned());
        }
    }
    Ok(())
}

#[allow(
    unsafe_code,
    reason = "the one way to load a component that was compiled before; see the module's words"
)]
fn map_machine_code(engine: &Engine, path: &Path) -> Option<Component> {
    // SAFETY: the file's image is what `Component::serialize` gave to this program's own `keep`: its code was just checked with a
    // key that only the owner of this program can read. It stays as it is while it is mapped: the module says why.
    unsafe { Component::deserialize_file(engine, path) }.ok()
}

/// Gets a plugin ready: from what was kept, or by compiling it.
///
/// # Errors
/// [`SinkError::Setup`] when it does not compile.
pub(super) fn ready(
    engine: &Engine,
    kept: Option<&CodeFolder>,
    file: &PluginFile,
) -> Result<(Component, CodeOrigin), SinkError> {
    let place = kept.map(|kept| (kept, kept.path(engine, file)));
    if let Some((kept, path)) = &place
        && let Some(component) = kept.load(engine, path)
    {
        return Ok((component, CodeOrigin::Kept));
    }
    let failed = |why: String| SinkError::Setup(format!("plugin `{}`: {why}", file.path.display()).into());
    let image = compiler::compile(&file.component).map_err(|e| match e {
        CompileError::Refused(why) => failed(why),
        CompileError::Stopped => SinkError::Stopped,
    })?;
    // A disk without room for it is no reason not to go on.
    let mapped = place.and_then(|(kept, path)| {
        kept.keep(&path, &image).ok()?;
        kept.load(engine, &path)
    });
    let component = match mapped {
        Some(component) => component,
        None => copy_machine_code(engine, &image).map_err(|e| failed(format!("{e:#}")))?,
    };
    Ok((component, CodeOrigin::Compiled))
}

#[allow(unsafe_code, reason = "the one way to load a component that another process has compiled")]
fn copy_machine_code(engine: &Engine, image: &[u8]) -> wasmtime::Result<Component> {
    // SAFETY: the image came just now from whoever compiles for this program: this process, or one that this process has started
    // from the program's own file, by a pipe that nobody else has. An embedder that names another compiler answers for it.
    unsafe { Component::deserialize(engine, image) }
}

fn make_private(folder: &Path) -> std::io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// Writes a file that only its owner can read. It is there whole or not at all.
fn write_private(path: &Path, mode: u32, pieces: &[&[u8]]) -> std::io::Result<()> {
    let (Some(folder), Some(stem)) = (path.parent(), path.file_stem()) else {
        return Err(std::io::ErrorKind::InvalidInput.into());
    };
    let mut prefix = stem.to_owned();
    prefix.push(".");
    let mut builder = tempfile::Builder::new();
    builder.prefix(&prefix);
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(mode));
    #[cfg(not(unix))]
    let _ = mode;
    let mut file = builder.tempfile_in(folder)?;
    pieces.iter().try_for_each(|piece| file.write_all(piece))?;
    file.persist(path).map(drop).map_err(|e| e.error)
}
