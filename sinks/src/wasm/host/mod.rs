//! What a guest can ask of its host.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Instant, SystemTime};

use ring::hmac;
use ring::rand::{SecureRandom as _, SystemRandom};
use wasmtime::component::{Resource, ResourceTable};
use wasmtime_wasi::p2::pipe::MemoryOutputPipe;
use wasmtime_wasi::{WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};

use super::access::HttpAccess;
use super::bindings::billkeep::sink::{data, host, secrets, state, types};
use super::blob::Blob;
use super::hasher::Hasher;
use super::limits::Limits;
use super::rule::HostRule;
use super::secrets::Secrets;
use super::taken::Coverage;
use super::text::plain;
use billkeep_core::exports::Memory;

/// The most that one read gives.
const READ_BYTES_MAX: u32 = 16 << 20;
const RANDOM_BYTES_MAX: u32 = 64 << 10;
/// What is kept of what a guest says in a call.
const LOG_BYTES_MAX: usize = 64 << 10;
const LINE_BYTES_MAX: usize = 4 << 10;
const STDERR_BYTES_MAX: usize = 64 << 10;
/// Views of objects that a guest may hold at a time.
const HANDLES_MAX: usize = 1_024;
/// What names of remembered values begin with, in the sink's memory.
pub(crate) const STATE: &str = "state/";
const STATE_KEY_BYTES_MAX: usize = 1_024;

/// A line that a guest has written to its log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// How much it matters: `trace`, `debug`, `info`, `warn`, `error`.
    pub level: &'static str,
    /// What it said, with its fields; secrets taken out.
    pub text: String,
}

/// Is told what a guest says.
pub type Listener = Arc<dyn Fn(&LogLine) + Send + Sync>;

/// What a guest and whoever waits for it tell each other while a call runs.
#[derive(Debug, Default)]
pub(super) struct Signals {
    /// Somebody wants it to end, or there is little time left.
    pub(super) cancelled: AtomicBool,
    /// How many bytes of the object have been taken.
    pub(super) taken: AtomicU64,
}

/// What all calls of a plugin share.
pub(super) struct Shared {
    pub(super) secrets: Secrets,
    pub(super) web: HttpAccess,
    pub(super) state_bytes_max: u64,
    pub(super) memory_bytes_max: u64,
    pub(super) listener: Option<Listener>,
}

/// The host of one call.
pub(super) struct Host {
    wasi: WasiCtx,
    pub(super) table: ResourceTable,
    pub(super) limits: Limits,
    pub(super) shared: Arc<Shared>,
    pub(super) signals: Arc<Signals>,
    pub(super) taken: Coverage,
    /// The memory as it will be if the call ends by itself.
    state: BTreeMap<String, Vec<u8>>,
    /// The keys that were remembered before this call.
    before: BTreeSet<String>,
    /// What of it this call has changed: another one may run at the same time.
    changed: BTreeSet<String>,
    said: Vec<LogLine>,
    said_bytes: usize,
    stderr: MemoryOutputPipe,
    pub(super) ends: Instant,
    /// How many requests were sent.
    pub(super) requests: u32,
}

impl WasiView for Host {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl Host {
    pub(super) fn new(shared: Arc<Shared>, signals: Arc<Signals>, memory: &Memory, ends: Instant) -> Host {
        let stderr = MemoryOutputPipe::new(STDERR_BYTES_MAX);
        // Nothing of the machine but a clock and chance: no arguments, environment, folders or network.
        let wasi = WasiCtxBuilder::new()
            .stderr(stderr.clone())
            .stdout(stderr.clone())
            .allow_tcp(false)
            .allow_udp(false)
            .max_random_size(u64::from(RANDOM_BYTES_MAX))
            .build();
        let mut table = ResourceTable::new();
        table.set_max_capacity(HANDLES_MAX);
        let own = |(name, value): (String, Vec<u8>)| Some((name.strip_prefix(STATE)?.to_owned(), value));
        let state: BTreeMap<String, Vec<u8>> = memory.of(STATE).into_iter().filter_map(own).collect();
        Host {
            wasi,
            table,
            limits: Limits::new(shared.memory_bytes_max),
            shared,
            signals,
            taken: Coverage::default(),
            before: state.keys().cloned().collect(),
            state,
            changed: BTreeSet::new(),
            said: Vec::new(),
            said_bytes: 0,
            stderr,
            ends,
            requests: 0,
        }
    }

    /// Has the sink remember what the guest has set.
    pub(super) fn remember(&self, memory: &Memory) {
        for name in &self.changed {
            memory.set(&format!("{STATE}{name}"), self.state.get(name).cloned());
        }
    }

    /// Returns the last words of a guest that has broken off; whoever listens hears all that it wrote to its output.
    pub(super) fn last_words(&self) -> Option<String> {
        let stderr = self.stderr.contents();
        let text = self.shared.secrets.redacted(&String::from_utf8_lossy(&stderr));
        let lines: Vec<String> = text.lines().map(plain).filter(|line| !line.trim().is_empty()).collect();
        if let Some(listener) = &self.shared.listener {
            lines.iter().for_each(|line| listener(&LogLine { level: "error", text: line.clone() }));
        }
        // A panic says where on one line, and why on the next; what a Python exception says stands before the runtime's own panic.
        let at = lines.iter().position(|line| line.contains("panicked at"));
        let is_python = lines.iter().any(|line| line.starts_with("Traceback"));
        let said = match at {
            Some(at) if is_python && at > 0 => lines.get(at - 1).cloned(),
            Some(at) => Some(lines.iter().skip(at).take(2).map(String::as_str).collect::<Vec<_>>().join(" ")),
            None => lines.iter().rev().find(|line| !line.starts_with("note: ")).cloned(),
        };
        let said = said.or_else(|| Some(self.said.last()?.text.clone()))?;
        Some(said.chars().take(500).collect())
    }

    /// Notes that bytes of the object have been taken.
    pub(super) fn took(&mut self, from: u64, len: u64) {
        self.taken.add(from, len);
        self.signals.taken.store(self.taken.bytes(), Ordering::Relaxed);
    }
}

/// Makes an error of the host's own.
pub(super) fn error(kind: types::ErrorKind, code: &str, message: impl Into<String>) -> types::Error {
    types::Error {
        kind,
        code: code.to_owned(),
        message: message.into(),
        retry_after_ms: None,
        field: None,
        http_status: None,
    }
}

impl types::Host for Host {}

impl data::Host for Host {}

impl data::HostBlob for Host {
    async fn size(&mut self, blob: Resource<Blob>) -> wasmtime::Result<u64> {
        Ok(self.table.get(&blob)?.len)
    }

    async fn read(
        &mut self,
        blob: Resource<Blob>,
        offset: u64,
        len: u32,
    ) -> wasmtime::Result<Result<Vec<u8>, types::Error>> {
        let blob = self.table.get(&blob)?.clone();
        let len = u64::from(len.min(READ_BYTES_MAX)).min(blob.len.saturating_sub(offset));
        if len == 0 {
            return Ok(Ok(Vec::new()));
        }
        let at = blob.from.saturating_add(offset);
        Ok(match blob.source.read(at, usize::try_from(len).unwrap_or(0)) {
            Ok(bytes) => {
                self.took(at, len);
                Ok(bytes)
            }
            Err(e) => Err(error(
                types::ErrorKind::Transient,
                "HOST-READ",
                format!("the staged object cannot be read: {e}"),
            )),
        })
    }

    async fn slice(
        &mut self,
        blob: Resource<Blob>,
        offset: u64,
        len: u64,
    ) -> wasmtime::Result<Result<Resource<Blob>, types::Error>> {
        let whole = self.table.get(&blob)?.clone();
        if offset.checked_add(len).is_none_or(|end| end > whole.len) {
            let why = format!("a slice of {len} bytes at {offset} goes beyond {} bytes", whole.len);
            return Ok(Err(error(types::ErrorKind::Fatal, "HOST-SLICE", why)));
        }
        let slice = Blob { from: whole.from.saturating_add(offset), len, ..whole };
        Ok(match self.table.push(slice) {
            Ok(slice) => Ok(slice),
            Err(_) => {
                let why = format!("more than {HANDLES_MAX} slices are held at a time; drop some");
                Err(error(types::ErrorKind::Fatal, "HOST-HANDLES", why))
            }
        })
    }

    async fn digest(
        &mut self,
        blob: Resource<Blob>,
        algorithm: String,
    ) -> wasmtime::Result<Result<Vec<u8>, types::Error>> {
        let blob = self.table.get(&blob)?.clone();
        let Some(mut hasher) = Hasher::of(&algorithm) else {
            let why = format!("`{algorithm}`: there is sha256, sha512, sha1, md5, crc32");
            return Ok(Err(error(types::ErrorKind::Fatal, "HOST-DIGEST", plain(&why))));
        };
        let mut at = 0;
        while at < blob.len {
            let len = (blob.len - at).min(1 << 20);
            match blob.source.read(blob.from.saturating_add(at), usize::try_from(len).unwrap_or(0)) {
                Ok(bytes) => hasher.update(&bytes),
                Err(e) => return Ok(Err(error(types::ErrorKind::Transient, "HOST-READ", e.to_string()))),
            }
            at += len;
            tokio::task::yield_now().await;
        }
        Ok(Ok(hasher.end()))
    }

    async fn drop(&mut self, blob: Resource<Blob>) -> wasmtime::Result<()> {
        self.table.delete(blob)?;
        Ok(())
    }
}

impl secrets::Host for Host {
    async fn hmac(
        &mut self,
        secret: String,
        algorithm: String,
        message: Vec<u8>,
    ) -> wasmtime::Result<Result<Vec<u8>, types::Error>> {
        let algorithm = match algorithm.as_str() {
            "sha256" => hmac::HMAC_SHA256,
            "sha512" => hmac::HMAC_SHA512,
            "sha1" => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
            _ => {
                let why = format!("`{}`: there is sha256, sha512, sha1", plain(&algorithm));
                return Ok(Err(error(types::ErrorKind::Fatal, "HOST-HMAC", why)));
            }
        };
        let hosts = self.shared.web.rules.iter().map(HostRule::host);
        let value = match self.shared.secrets.to_sign_with(&secret, hosts) {
            Ok(value) => value,
            Err(why) => return Ok(Err(error(types::ErrorKind::Auth, "HOST-SECRET", plain(&why)))),
        };
        let key = hmac::Key::new(algorithm, value.as_bytes());
        Ok(Ok(hmac::sign(&key, &message).as_ref().to_vec()))
    }
}

impl state::Host for Host {
    async fn get(&mut self, key: String) -> wasmtime::Result<Option<Vec<u8>>> {
        Ok(self.state.get(&key).cloned())
    }

    async fn set(&mut self, key: String, value: Vec<u8>) -> wasmtime::Result<Result<(), String>> {
        let max = self.shared.state_bytes_max;
        if max == 0 {
            return Ok(Err("nothing may be remembered: no state was granted".into()));
        }
        if key.len() > STATE_KEY_BYTES_MAX {
            return Ok(Err(format!("a key has at most {STATE_KEY_BYTES_MAX} bytes")));
        }
        let others =
            self.state.iter().filter(|(k, _)| **k != key).map(|(k, v)| k.len() + v.len()).sum::<usize>();
        let total = (others + key.len() + value.len()) as u64;
        if total > max {
            return Ok(Err(format!("{total} bytes would be remembered, and {max} were granted")));
        }
        self.changed.insert(key.clone());
        self.state.insert(key, value);
        Ok(Ok(()))
    }

    async fn delete(&mut self, key: String) -> wasmtime::Result<()> {
        // A key that is not there changes nothing, so what this call has changed is never more than what may be remembered: the
        // keys that were there before, and those that are there now.
        if self.state.remove(&key).is_some() {
            match self.before.contains(&key) {
                true => self.changed.insert(key),
                false => self.changed.remove(&key),
            };
        }
        Ok(())
    }
}

impl host::Host for Host {
    async fn log(
        &mut self,
        level: host::Level,
        message: String,
        fields: Vec<(String, String)>,
    ) -> wasmtime::Result<()> {
        if self.said_bytes >= LOG_BYTES_MAX {
            return Ok(());
        }
        let level = match level {
            host::Level::Trace => "trace",
            host::Level::Debug => "debug",
            host::Level::Info => "info",
            host::Level::Warn => "warn",
            host::Level::Error => "error",
        };
        let mut text = message;
        for (name, value) in fields {
            if text.len() > LINE_BYTES_MAX {
                break;
            }
            text = format!("{text} {name}={value}");
        }
        // Cut last: a secret that is cut in two would not be found.
        let mut text = plain(&self.shared.secrets.redacted(&text));
        text.truncate(text.floor_char_boundary(LINE_BYTES_MAX));
        self.said_bytes = self.said_bytes.saturating_add(text.len() + 1);
        if self.said_bytes >= LOG_BYTES_MAX {
            text = format!("it says more than {LOG_BYTES_MAX} bytes; the rest is left out");
        }
        let line = LogLine { level, text };
        if let Some(listener) = &self.shared.listener {
            listener(&line);
        }
        self.said.push(line);
        Ok(())
    }

    async fn progress(&mut self, _done: u64, _total: u64) -> wasmtime::Result<()> {
        // The host counts for itself what was taken.
        Ok(())
    }

    async fn now_ms(&mut self) -> wasmtime::Result<u64> {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Ok(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }

    async fn random(&mut self, len: u32) -> wasmtime::Result<Vec<u8>> {
        if len > RANDOM_BYTES_MAX {
            return Err(wasmtime::format_err!(
                "{len} random bytes were asked for; there are {RANDOM_BYTES_MAX} at a time"
            ));
        }
        let mut bytes = vec![0; len as usize];
        SystemRandom::new()
            .fill(&mut bytes)
            .map_err(|_| wasmtime::format_err!("there are no random bytes"))?;
        Ok(bytes)
    }

    async fn cancelled(&mut self) -> wasmtime::Result<bool> {
        Ok(self.signals.cancelled.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests;
