//! A plugin as a sink: what it answers for is compared with what it was handed, and remembered.

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use billkeep_core::error::Reason;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::bindings::billkeep::sink::types;
use super::blob::{Blob, Source};
use super::declared::Takes;
use super::file::{PluginFile, UnreadPlugin};
use super::grants::Grants;
use super::host::Listener;
use super::plugin::{CallError, Description, Left, Plugin, lend};
use super::settings;
use super::taken::Coverage;
use super::upload::{MANIFEST, Upload, compare, content_type, idempotency_key, run_of};
use crate::names::is_object_name;
use crate::options::{Env, Options, UrlError};
use billkeep_core::exports::{Memory, ObjectMeta, Sink, SinkError, Staged, Unwatched, Watch};
use billkeep_core::values::hex;

/// What names of receipts begin with, in the sink's memory.
const RECEIPT: &str = "receipt/";
/// Small objects are remembered whole, since they are compared before they are believed; under these names.
const CONTENT: &str = "content/";
const SMALL_BYTES_MAX: usize = 1 << 20;
/// How much of an object a plugin is asked for at a time.
const READ_BYTES: u32 = 1 << 20;
const LOCATION_CHARS_MAX: usize = 500;

/// What is remembered of an object that a plugin has taken.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct RememberedObject {
    bytes: u64,
    sha256: String,
    /// Where the plugin says it is; empty as long as it has not taken all of it.
    location: String,
    checksum: Option<String>,
    /// Which stretches of it have been taken, of an attempt that came to nothing.
    taken: Vec<(u64, u64)>,
    attempts: u32,
    /// Says whether the run that it closes has been committed.
    committed: bool,
}

impl RememberedObject {
    fn is_there(&self) -> bool {
        !self.location.is_empty()
    }
}

/// A sink that somebody else has written.
pub struct WasmSink {
    plugin: Plugin,
    described: Description,
    takes: Takes,
    config: String,
    /// What keys begin with, so that a probe is apart from bills.
    prefix: String,
    memory: Memory,
}

impl WasmSink {
    /// Opens the plugin that a URL names.
    ///
    /// # Errors
    /// [`SinkError::Setup`] when it is not what was trusted, or its settings are wrong; [`SinkError::Credentials`] when a
    /// secret is missing.
    pub fn open(url: &str, options: &Options, env: Env<'_>) -> Result<WasmSink, SinkError> {
        WasmSink::open_with_listener(url, options, None, env)
    }

    /// Opens it, and has somebody told what it says.
    ///
    /// # Errors
    /// As [`WasmSink::open`].
    pub fn open_with_listener(
        url: &str,
        options: &Options,
        listener: Option<Listener>,
        env: Env<'_>,
    ) -> Result<WasmSink, SinkError> {
        let setup = |e: UrlError| SinkError::Setup(e.to_string().into());
        let (path, prefix) = place(url).map_err(setup)?;
        let grants = Grants::of(options).map_err(setup)?;
        let file = UnreadPlugin::read(&path)?;
        if let Some(trusted) = &grants.sha256 {
            file.must_be(trusted)?;
        }
        let file = file.look()?;
        WasmSink::of(&file, &grants, prefix, listener, env)
    }

    /// Makes a sink of a file that was read.
    ///
    /// # Errors
    /// As [`WasmSink::open`].
    pub fn of(
        file: &PluginFile,
        grants: &Grants,
        prefix: &str,
        listener: Option<Listener>,
        env: Env<'_>,
    ) -> Result<WasmSink, SinkError> {
        let plugin = Plugin::load(file, grants, listener, env)?;
        let described = plugin.describe()?;
        let config = settings::config(&described.schema, &grants.settings);
        let config =
            config.map_err(|why| SinkError::Setup(format!("plugin `{}`: {why}", file.name()).into()))?;
        let problems = plugin.validate(&config)?;
        if !problems.is_empty() {
            let words: Vec<String> = problems
                .iter()
                .map(|p| format!("`{}`: {}", p.field.as_deref().unwrap_or("/"), p.message))
                .collect();
            return Err(SinkError::Setup(
                format!("plugin `{}` does not accept its settings: {}", file.name(), words.join("; ")).into(),
            ));
        }
        let takes = file.declared.as_ref().map_or(Takes::Whole, |declared| declared.takes);
        let prefix = if prefix.is_empty() { String::new() } else { format!("{prefix}-") };
        Ok(WasmSink { plugin, described, takes, config, prefix, memory: Memory::default() })
    }

    /// Returns the plugin.
    pub fn plugin(&self) -> &Plugin {
        &self.plugin
    }

    /// Returns what the plugin says of itself.
    pub fn described(&self) -> &Description {
        &self.described
    }

    fn kept(&self, name: &str) -> Option<RememberedObject> {
        serde_json::from_slice(&self.memory.get(&format!("{RECEIPT}{name}"))?).ok()
    }

    /// What is remembered of the objects of a run.
    fn of_run(&self, run: &str) -> impl Iterator<Item = RememberedObject> + use<> {
        let all = self.memory.of(&format!("{RECEIPT}{run}"));
        all.into_iter().filter_map(|(_, bytes)| serde_json::from_slice(&bytes).ok())
    }

    fn keep(&self, name: &str, kept: Option<&RememberedObject>) {
        // Its fields are texts and numbers: there is nothing in it that cannot be written.
        self.memory.set(&format!("{RECEIPT}{name}"), kept.and_then(|kept| serde_json::to_vec(kept).ok()));
        if kept.is_none() {
            self.memory.set(&format!("{CONTENT}{name}"), None);
        }
    }

    /// Says which key a name has; what could be a path is none.
    fn key(&self, name: &str) -> Result<String, SinkError> {
        if !is_object_name(name) {
            return Err(SinkError::Setup(format!("`{name}` is not a name for an object").into()));
        }
        Ok(format!("{}{name}", self.prefix))
    }

    /// Has the plugin put an object, and compares what it answers with what it was handed.
    fn put_object(
        &self,
        name: &str,
        put: &Upload<'_>,
        watch: &dyn Watch,
    ) -> Result<RememberedObject, SinkError> {
        if let Some(max) = self.described.object_bytes_max.filter(|max| put.bytes > *max) {
            return Err(SinkError::Setup(
                format!(
                    "`{name}` has {} bytes, and plugin `{}` takes {max}; split exports by `rows_per_file`",
                    put.bytes,
                    self.plugin.name()
                )
                .into(),
            ));
        }
        let before = self.kept(name).filter(|kept| kept.sha256 == put.sha256 && !kept.is_there());
        let before = before.unwrap_or_default();
        let attempts = before.attempts.saturating_add(1);
        let object = types::Object {
            key: self.key(name)?,
            content_type: put.content_type.to_owned(),
            size: put.bytes,
            sha256: put.sha256.clone(),
            idempotency_key: idempotency_key(&self.prefix, name, &put.sha256),
            attempt: attempts,
            mode: put.mode,
            tags: put.tags.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect(),
        };
        let blob = Blob { source: put.source.clone(), from: 0, len: put.bytes };
        let (taken_before, mut taken) = (before.taken.clone(), None);
        let seen = &mut taken;
        let answered = self.plugin.session(
            ("put", &self.config),
            &self.memory,
            put.bytes,
            watch,
            async |store, guest, session| {
                taken_before.iter().for_each(|(from, len)| store.data_mut().took(*from, *len));
                let blob = lend(store, blob)?;
                let answer = guest.session().call_put(&mut *store, session, &object, blob).await?;
                *seen = Some(store.data().taken.clone());
                Ok(answer)
            },
        );
        let seen = || taken.as_ref().map(|taken| taken.stretches().collect::<Vec<_>>()).unwrap_or_default();
        let (receipt, Left { taken }) = match answered {
            Ok(answered) => answered,
            Err(error) => {
                self.remember_attempt(name, put, &error, seen(), attempts);
                return Err(self.plugin.error(name, error));
            }
        };
        self.check_receipt(name, put, &receipt, &taken)?;
        let location: String =
            self.plugin.redacted(&receipt.location).chars().take(LOCATION_CHARS_MAX).collect();
        let location =
            if location.is_empty() { format!("wasm:{}/{name}", self.plugin.name()) } else { location };
        let kept = RememberedObject {
            bytes: put.bytes,
            sha256: put.sha256.clone(),
            location,
            checksum: receipt.remote_checksum.map(|checksum| self.plugin.redacted(&checksum)),
            taken: Vec::new(),
            attempts,
            committed: false,
        };
        self.keep(name, Some(&kept));
        if let Some(content) = put.content {
            self.memory.set(&format!("{CONTENT}{name}"), Some(content.to_vec()));
        }
        Ok(kept)
    }

    /// Remembers which bytes an attempt that failed has brought there: a plugin that can go on does not send them again.
    fn remember_attempt(
        &self,
        name: &str,
        put: &Upload<'_>,
        error: &CallError,
        seen: Vec<(u64, u64)>,
        attempts: u32,
    ) {
        let taken = match error {
            CallError::Said(e) if e.kind == types::ErrorKind::Conflict => return,
            CallError::Said(e) if e.kind != types::ErrorKind::Corrupt => seen,
            _ => Vec::new(),
        };
        let object = RememberedObject {
            bytes: put.bytes,
            sha256: put.sha256.clone(),
            taken,
            attempts,
            ..RememberedObject::default()
        };
        self.keep(name, Some(&object));
    }

    /// Compares a receipt with what the plugin was handed.
    fn check_receipt(
        &self,
        name: &str,
        put: &Upload<'_>,
        receipt: &types::Receipt,
        taken: &Coverage,
    ) -> Result<(), SinkError> {
        let failed =
            |why: String| SinkError::Damaged(format!("plugin `{}` {why}", self.plugin.name()).into());
        if self.takes == Takes::Whole {
            if receipt.bytes_written != put.bytes {
                let written = receipt.bytes_written;
                return Err(failed(format!(
                    "answers for {written} bytes of `{name}`, which has {}",
                    put.bytes
                )));
            }
            if taken.bytes() != put.bytes {
                return Err(failed(format!(
                    "answers for `{name}`, of which it has read or sent {} of {} bytes; if it makes something else of it, it has \
                     to declare `takes = \"derived\"`",
                    taken.bytes(),
                    put.bytes
                )));
            }
        }
        if let Some(checksum) = &receipt.remote_checksum {
            compare(checksum, put).map_err(|why| failed(format!("says of `{name}` that {why}")))?;
        }
        Ok(())
    }

    /// Tells the plugin that all objects of a run are there: those that a manifest closes.
    fn commit(&self, manifest: &str) -> Result<(), SinkError> {
        let Some(closing) = self.kept(manifest) else { return Ok(()) };
        if closing.committed {
            return Ok(());
        }
        let run = run_of(manifest);
        let receipts: Vec<types::Receipt> = self
            .of_run(run)
            .filter(RememberedObject::is_there)
            .map(|kept| types::Receipt {
                location: kept.location,
                bytes_written: kept.bytes,
                remote_checksum: kept.checksum,
                tags: vec![("sha256".into(), kept.sha256)],
            })
            .collect();
        self.in_session("commit", async |store, guest, session| {
            guest.session().call_commit(store, session, run, &receipts).await
        })
        .map_err(|e| self.plugin.error(manifest, e))?;
        self.keep(manifest, Some(&RememberedObject { committed: true, ..closing }));
        Ok(())
    }

    /// Has the plugin clear away what a run has left.
    fn abort(&self, run: &str) -> Result<(), SinkError> {
        self.in_session("abort", async |store, guest, session| {
            guest.session().call_abort(store, session, run).await
        })
        .map_err(|e| self.plugin.error(run, e))
    }

    fn in_session(
        &self,
        what: &str,
        work: impl AsyncFnOnce(
            &mut wasmtime::Store<super::host::Host>,
            &super::bindings::exports::billkeep::sink::sink::Guest,
            wasmtime::component::ResourceAny,
        ) -> wasmtime::Result<Result<(), types::Error>>,
    ) -> Result<(), CallError> {
        self.plugin.session((what, &self.config), &self.memory, 0, &Unwatched, work).map(drop)
    }
}

impl Sink for WasmSink {
    fn location(&self, name: &str) -> String {
        match self.kept(name) {
            Some(kept) if kept.is_there() => kept.location,
            _ => format!("wasm:{}/{}{name}", self.plugin.name(), self.prefix),
        }
    }

    fn looks(&self) -> bool {
        self.plugin.is_readable()
    }

    fn memory(&self) -> Option<&Memory> {
        Some(&self.memory)
    }

    fn check(&self) -> Result<(), SinkError> {
        self.in_session("check", async |store, guest, session| {
            guest.session().call_check(store, session).await
        })
        .map_err(|e| self.plugin.error("", e))
    }

    fn put(&self, name: &str, part: &Staged, watch: &dyn Watch) -> Result<ObjectMeta, SinkError> {
        if watch.stopped() {
            return Err(SinkError::Stopped);
        }
        let source = Source::file(&part.path).map_err(|e| {
            SinkError::Setup(Reason::new(format!("`{}` cannot be read: {e}", part.path.display()), e))
        })?;
        let put = Upload {
            source: Arc::new(source),
            bytes: part.bytes,
            sha256: hex(&part.sha256),
            content_type: content_type(name),
            mode: types::WriteMode::IdempotentPut,
            tags: &part.tags,
            content: None,
        };
        let kept = self.put_object(name, &put, watch)?;
        Ok(ObjectMeta { bytes: kept.bytes, tag: None })
    }

    fn put_new(&self, name: &str, bytes: &[u8]) -> Result<bool, SinkError> {
        let closes = name.ends_with(MANIFEST) || name.contains(&format!("{MANIFEST}."));
        let is_signature = name.ends_with(".sig");
        let object = match (is_signature, closes) {
            (true, _) => "signature",
            (false, true) => "manifest",
            (false, false) => "probe",
        };
        let there = match self.looks() {
            true => self.head(name)?.is_some(),
            false => self.kept(name).is_some_and(|kept| kept.is_there()),
        };
        let mut new = !there;
        if !there {
            let put = Upload {
                source: Arc::new(Source::Bytes(bytes.to_vec())),
                bytes: bytes.len() as u64,
                sha256: hex(&<[u8; 32]>::from(Sha256::digest(bytes))),
                content_type: content_type(name),
                mode: types::WriteMode::CreateOnly,
                tags: &[("object", object.to_owned())],
                content: Some(bytes).filter(|bytes| bytes.len() <= SMALL_BYTES_MAX),
            };
            match self.put_object(name, &put, &Unwatched) {
                Ok(_) => {}
                // What is there can be looked at; where nobody can, it stays an error.
                Err(SinkError::Conflict { .. }) if self.looks() => new = false,
                Err(error) => return Err(error),
            }
        }
        if object == "manifest" {
            if self.kept(name).is_none() {
                // It was put by a program that was killed before it could say so.
                let sha256 = hex(&<[u8; 32]>::from(Sha256::digest(bytes)));
                let location = format!("wasm:{}/{}{name}", self.plugin.name(), self.prefix);
                let kept = RememberedObject {
                    bytes: bytes.len() as u64,
                    sha256,
                    location,
                    ..RememberedObject::default()
                };
                self.keep(name, Some(&kept));
            }
            self.commit(name)?;
        }
        Ok(new)
    }

    fn head(&self, name: &str) -> Result<Option<ObjectMeta>, SinkError> {
        if !self.looks() {
            return Ok(self
                .kept(name)
                .filter(RememberedObject::is_there)
                .map(|kept| ObjectMeta { bytes: kept.bytes, tag: None }));
        }
        let key = self.key(name)?;
        let found = self
            .plugin
            .look("stat", &self.memory, async |store, guest| guest.call_stat(store, &self.config, &key).await)
            .map_err(|e| self.plugin.error(name, e))?;
        Ok(found.map(|found| ObjectMeta {
            bytes: found.size,
            tag: found.mark.map(|mark| self.plugin.redacted(&mark)),
        }))
    }

    fn read(&self, name: &str) -> Result<Option<Box<dyn Read + Send + '_>>, SinkError> {
        if self.looks() {
            let Some(held) = self.head(name)? else { return Ok(None) };
            return Ok(Some(Box::new(ObjectReader {
                sink: self,
                key: self.key(name)?,
                at: 0,
                bytes: held.bytes,
                got: io::Cursor::default(),
            })));
        }
        let there = self.kept(name).filter(RememberedObject::is_there);
        let content = there.and_then(|_| self.memory.get(&format!("{CONTENT}{name}")));
        Ok(content.map(|content| Box::new(io::Cursor::new(content)) as Box<dyn Read + Send>))
    }

    fn remove(&self, name: &str) -> Result<(), SinkError> {
        if self.looks() {
            let key = self.key(name)?;
            self.plugin
                .look("delete", &self.memory, async |store, guest| {
                    guest.call_delete(store, &self.config, &key).await
                })
                .map_err(|e| self.plugin.error(name, e))?;
            self.keep(name, None);
            return Ok(());
        }
        let run = run_of(name);
        let is_closed = self.of_run(run).any(|kept| kept.committed);
        if is_closed {
            return Err(SinkError::Setup(
                format!(
                    "plugin `{}` cannot remove what it has delivered: `{name}` has to be removed at {}",
                    self.plugin.name(),
                    self.location(name)
                )
                .into(),
            ));
        }
        if self.kept(name).is_some() {
            self.abort(run)?;
            self.keep(name, None);
        }
        Ok(())
    }

    fn list(&self) -> Result<Vec<String>, SinkError> {
        if !self.looks() {
            return Ok(Vec::new());
        }
        let keys = self
            .plugin
            .look("list", &self.memory, async |store, guest| guest.call_list(store, &self.config).await)
            .map_err(|e| self.plugin.error("", e))?;
        let probe = |key: &String| self.prefix.is_empty() && key.starts_with("billkeep-probe-");
        let mut names: Vec<String> = keys
            .iter()
            .filter(|key| !probe(key))
            .filter_map(|key| Some(key.strip_prefix(self.prefix.as_str())?.to_owned()))
            .collect();
        names.sort();
        Ok(names)
    }
}

/// An object that is read as it is wanted.
struct ObjectReader<'a> {
    sink: &'a WasmSink,
    key: String,
    at: u64,
    bytes: u64,
    got: io::Cursor<Vec<u8>>,
}

impl Read for ObjectReader<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let taken = self.got.read(into)?;
        if taken > 0 || into.is_empty() || self.at >= self.bytes {
            return Ok(taken);
        }
        let (sink, key, at) = (self.sink, &self.key, self.at);
        let len = u32::try_from(self.bytes - at).unwrap_or(u32::MAX).min(READ_BYTES);
        let got = sink
            .plugin
            .look("read", &sink.memory, async |store, guest| {
                guest.call_read(store, &sink.config, key, at, len).await
            })
            .map_err(|e| io::Error::other(sink.plugin.error(key, e).to_string()))?;
        if got.is_empty() || got.len() > len as usize {
            let why = format!("{} bytes came where {len} were asked for", got.len());
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, why));
        }
        self.at += got.len() as u64;
        self.got = io::Cursor::new(got);
        self.got.read(into)
    }
}

/// Reads a `wasm:` URL: the file, and what keys begin with.
pub(crate) fn place(url: &str) -> Result<(PathBuf, &str), UrlError> {
    let rest = url.strip_prefix("wasm:").ok_or_else(|| UrlError::Scheme(url.to_owned()))?;
    let (path, prefix) = rest.split_once('#').unwrap_or((rest, ""));
    let path = Path::new(path.strip_prefix("//").unwrap_or(path));
    if !path.is_absolute() {
        return Err(UrlError::Path(url.to_owned()));
    }
    Ok((path.to_owned(), prefix))
}
