//! Plugins made ready for this machine, kept from one program to the next.
//!
//! What is loaded is machine code, so it is run only if this program has written it: the folder is its owner's alone, and each
//! file carries a code that only a key in that folder makes. Whatever is not as it must be is compiled again.

use std::fs;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use billkeep_core::digest::hex;
use billkeep_core::sink::SinkError;
use ring::hmac;
use ring::rand::{SecureRandom as _, SystemRandom};
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::files::only_ours;
use crate::url::Env;

use super::file::PluginFile;

const MAGIC: &[u8; 4] = b"BKC1";
const CODE_BYTES: usize = 32;
const KEY: &str = "key";

/// Where a component came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum From {
    /// It was kept.
    Kept,
    /// It was compiled.
    Compiled,
}

/// A folder with what was compiled.
pub(super) struct Compiled {
    folder: PathBuf,
    key: hmac::Key,
}

impl Compiled {
    /// Finds the folder that the surroundings name: `BILLKEEP_PLUGIN_CACHE`, or one in the user's folder for such things.
    pub(super) fn find(env: Env<'_>) -> Option<Compiled> {
        let below = |name: &str, rest: &str| {
            env(name).filter(|path| !path.is_empty()).map(|path| Path::new(&path).join(rest))
        };
        let folder = below("BILLKEEP_PLUGIN_CACHE", "")
            .or_else(|| below("XDG_CACHE_HOME", "billkeep/plugins"))
            .or_else(|| below("LOCALAPPDATA", "billkeep/plugins"))
            .or_else(|| below("HOME", ".cache/billkeep/plugins"))
            .filter(|folder| folder.is_absolute())?;
        // Without a folder, it is compiled each time.
        Compiled::open(&folder).ok()
    }

    pub(super) fn open(folder: &Path) -> Result<Compiled, String> {
        make_private(folder).map_err(|e| e.to_string())?;
        only_ours(folder)?;
        let path = folder.join(KEY);
        let read = || -> Option<[u8; CODE_BYTES]> {
            only_ours(&path).ok()?;
            fs::read(&path).ok()?.try_into().ok()
        };
        let key = match read() {
            Some(key) => key,
            None => {
                let mut key = [0; CODE_BYTES];
                SystemRandom::new().fill(&mut key).map_err(|_| "no random bytes")?;
                write_private(&path, &[&key]).map_err(|e| e.to_string())?;
                key
            }
        };
        Ok(Compiled { folder: folder.to_owned(), key: hmac::Key::new(hmac::HMAC_SHA256, &key) })
    }

    fn path(&self, engine: &Engine, file: &PluginFile) -> PathBuf {
        let mut hasher = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut hasher);
        self.folder.join(format!("{}-{:016x}", hex(&file.sha256), hasher.finish()))
    }

    fn code(&self, path: &Path, body: &[u8]) -> hmac::Tag {
        let mut context = hmac::Context::with_key(&self.key);
        context.update(path.file_name().unwrap_or_default().as_encoded_bytes());
        context.update(&[0]);
        context.update(body);
        context.sign()
    }

    fn load(&self, engine: &Engine, path: &Path) -> Option<Component> {
        only_ours(path).ok()?;
        let bytes = fs::read(path).ok()?;
        let (code, body) = bytes.strip_prefix(MAGIC)?.split_at_checked(CODE_BYTES)?;
        // In constant time, though nobody is there to measure it.
        ring_equal(self.code(path, body).as_ref(), code).then_some(())?;
        load_machine_code(engine, body)
    }

    fn keep(&self, path: &Path, body: &[u8]) -> std::io::Result<()> {
        write_private(path, &[MAGIC, self.code(path, body).as_ref(), body])
    }
}

fn ring_equal(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |differs, (a, b)| differs | (a ^ b)) == 0
}

#[allow(
    unsafe_code,
    reason = "the one way to load a component that was compiled before; see the module's words"
)]
fn load_machine_code(engine: &Engine, body: &[u8]) -> Option<Component> {
    // SAFETY: the bytes are what `Component::serialize` gave to this program's own `keep`: their code was just checked with a
    // key that only the owner of this program can read, and so can a file in its folder only be written by him.
    unsafe { Component::deserialize(engine, body) }.ok()
}

/// Gets a plugin ready: from what was kept, or by compiling it.
///
/// # Errors
/// [`SinkError::Setup`] when it does not compile.
pub(super) fn ready(
    engine: &Engine,
    kept: Option<&Compiled>,
    file: &PluginFile,
) -> Result<(Component, From), SinkError> {
    let place = kept.map(|kept| (kept, kept.path(engine, file)));
    if let Some((kept, path)) = &place
        && let Some(component) = kept.load(engine, path)
    {
        return Ok((component, From::Kept));
    }
    let failed = |e: wasmtime::Error| {
        SinkError::Setup(format!("plugin `{}` does not compile: {e:#}", file.path.display()))
    };
    let component = Component::from_binary(engine, &file.component).map_err(failed)?;
    if let Some((kept, path)) = &place {
        // A disk without room for it is no reason not to go on.
        let body = component.serialize().map_err(failed)?;
        let _ = kept.keep(path, &body);
    }
    Ok((component, From::Compiled))
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

/// Writes a file that only its owner reads; it is there whole or not at all.
fn write_private(path: &Path, pieces: &[&[u8]]) -> std::io::Result<()> {
    let beside = path.with_extension(format!("{}.new", std::process::id()));
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&beside)?;
    pieces.iter().try_for_each(|piece| file.write_all(piece))?;
    drop(file);
    fs::rename(&beside, path)
}
