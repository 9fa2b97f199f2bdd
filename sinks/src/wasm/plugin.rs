//! A plugin that is ready, and calls into it: each in an instance of its own, with an end in time.

use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use billkeep_core::error::Reason;

use tokio::runtime::Runtime;
use wasmtime::component::{Linker, Resource, ResourceAny};
use wasmtime::{Store, Trap};

use crate::options::Env;

use super::access::HttpAccess;
use super::bindings::exports::billkeep::sink::{sink, verify};
use super::bindings::{VerifiedSinkPlugin, billkeep::sink::types};
use super::blob::Blob;
use super::compiled::{self, CodeFolder, CodeOrigin};
use super::engine::engine;
use super::file::{PluginFile, must_be};
use super::grants::Grants;
use super::host::{Host, Listener, Shared, Signals};
use super::secrets::Secrets;
use super::taken::Coverage;
use super::text::plain;
use billkeep_core::exports::{Memory, SinkError, Unwatched, Watch};

/// How long somebody who wants to stop waits for a guest that goes on.
const GRACE: Duration = Duration::from_secs(2);
/// How often it is looked whether somebody wants to stop.
const LOOK: Duration = Duration::from_millis(20);
/// How long a call may take that sends nothing.
const QUICK: Duration = Duration::from_secs(10);
/// What a call may bring into the host's memory, whatever its lists claim.
const LIFTED_BYTES_MAX: usize = 64 << 20;

/// What is told of settings, at most.
const PROBLEMS_MAX: usize = 100;
const PROBLEM_CHARS_MAX: usize = 1_000;

/// Why a call came to nothing.
#[derive(Debug)]
pub(super) enum CallError {
    /// The plugin has said so.
    Said(types::Error),
    /// It broke off, was too slow, or did something that nobody may.
    Broke(String),
    /// Somebody asked to stop.
    Stopped,
}

/// What a call has left beside its answer.
pub(super) struct Left {
    pub(super) taken: Coverage,
}

/// A plugin that is ready to be called.
pub struct Plugin {
    name: String,
    linked: wasmtime::component::InstancePre<Host>,
    sink: sink::GuestIndices,
    verify: Option<verify::GuestIndices>,
    shared: Arc<Shared>,
    timeout: Duration,
    runtime: Option<Runtime>,
    origin: CodeOrigin,
    /// Which kind of error it has said last.
    last: Mutex<Option<&'static str>>,
}

impl Drop for Plugin {
    fn drop(&mut self) {
        // What still runs in it is nothing that somebody waits for.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// What a plugin says of itself when it is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// JSON Schema of its settings.
    pub schema: String,
    /// How it writes: `create-only`, `overwrite`, `idempotent-put`.
    pub write_modes: Vec<&'static str>,
    /// The largest object that it takes.
    pub object_bytes_max: Option<u64>,
    /// How many it takes at a time.
    pub at_once: u32,
    /// Where its documentation is.
    pub docs: String,
}

/// One thing that is wrong with settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// A JSON pointer to it, if it is at one place.
    pub field: Option<String>,
    /// What is wrong.
    pub message: String,
}

impl Plugin {
    /// Gets a plugin ready with what was granted. Its hash is compared with the one that is trusted, if there is one.
    ///
    /// # Errors
    /// [`SinkError::Setup`] when it is another file than was trusted, or cannot be linked; [`SinkError::Credentials`] when a
    /// secret is missing.
    pub fn load(
        file: &PluginFile,
        grants: &Grants,
        listener: Option<Listener>,
        env: Env<'_>,
    ) -> Result<Plugin, SinkError> {
        let at = |path: &Path| path.display().to_string();
        if let Some(trusted) = &grants.sha256 {
            must_be(&file.path, trusted, &file.sha256)?;
        }
        let engine = engine()?;
        let (component, origin) = compiled::ready(engine, CodeFolder::find(env).as_ref(), file)?;
        let failed =
            |e: wasmtime::Error| SinkError::Setup(format!("plugin `{}`: {e:#}", at(&file.path)).into());
        let mut linker = Linker::<Host>::new(engine);
        wasmtime_wasi::p2::add_to_linker_async(&mut linker).map_err(failed)?;
        VerifiedSinkPlugin::add_to_linker::<_, wasmtime::component::HasSelf<Host>>(&mut linker, |host| host)
            .map_err(failed)?;
        let linked = linker.instantiate_pre(&component).map_err(failed)?;
        let sink = sink::GuestIndices::new(&linked).map_err(failed)?;
        // Whether it can look is found among its exports.
        let verify =
            if file.is_readable() { Some(verify::GuestIndices::new(&linked).map_err(failed)?) } else { None };
        let shared = Arc::new(Shared {
            secrets: Secrets::find(grants, env)?,
            web: HttpAccess { rules: grants.hosts.clone(), ca: grants.ca.clone() },
            state_bytes_max: grants.state_bytes,
            memory_bytes_max: grants.memory_bytes,
            listener,
        });
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("billkeep-plugin")
            .enable_all()
            .build()
            .map_err(|e| {
                SinkError::Setup(Reason::new(format!("no thread for plugins can be started: {e}"), e))
            })?;
        let (timeout, runtime) = (grants.timeout, Some(runtime));
        Ok(Plugin {
            name: file.name(),
            linked,
            sink,
            verify,
            shared,
            timeout,
            runtime,
            origin,
            last: Mutex::default(),
        })
    }

    /// Returns whether it had to be compiled.
    pub fn origin(&self) -> CodeOrigin {
        self.origin
    }

    /// Returns what people call it.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn is_readable(&self) -> bool {
        self.verify.is_some()
    }

    /// Returns which kind of error it has said last.
    pub fn last_kind(&self) -> Option<&'static str> {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn redacted(&self, text: &str) -> String {
        plain(&self.shared.secrets.redacted(text))
    }

    /// Calls into an instance of its own, and ends it whatever happens.
    fn run<T>(
        &self,
        what: &str,
        memory: &Memory,
        time: Duration,
        watch: &dyn Watch,
        call: impl AsyncFnOnce(&mut Store<Host>, wasmtime::component::Instance) -> wasmtime::Result<T>,
    ) -> Result<(T, Left), CallError> {
        let signals = Arc::new(Signals::default());
        let host = Host::new(self.shared.clone(), signals.clone(), memory, Instant::now() + time);
        let mut store = Store::new(self.linked.engine(), host);
        store.limiter(|host| &mut host.limits);
        store.set_hostcall_fuel(LIFTED_BYTES_MAX);
        store.epoch_deadline_async_yield_and_update(1);
        let Some(runtime) = &self.runtime else { return Err(CallError::Stopped) };
        let ended = runtime.block_on(async {
            let calls = async {
                let instance = self.linked.instantiate_async(&mut store).await?;
                call(&mut store, instance).await
            };
            tokio::select! {
                ended = calls => CallEnd::By(ended),
                ended = ends(&signals, time, watch) => ended,
            }
        });
        match ended {
            CallEnd::By(Ok(value)) => {
                store.data().remember(memory);
                Ok((value, Left { taken: store.data().taken.clone() }))
            }
            CallEnd::By(Err(error)) => Err(CallError::Broke(self.broke(what, &error, store.data()))),
            CallEnd::Late => {
                let words = store
                    .data()
                    .last_words()
                    .map_or(String::new(), |words| format!("; it said last: {words}"));
                let s = time.as_secs();
                Err(CallError::Broke(format!(
                    "plugin `{}` did not end `{what}` within {s} s{words}",
                    self.name
                )))
            }
            CallEnd::Stopped => Err(CallError::Stopped),
        }
    }

    fn broke(&self, what: &str, error: &wasmtime::Error, host: &Host) -> String {
        let reason = match (host.limits.hit(), error.downcast_ref::<Trap>()) {
            (Some(limit), _) => format!("it has hit {limit}"),
            (None, Some(Trap::StackOverflow)) => "it called itself too often (its stack is full)".to_owned(),
            (None, Some(trap)) => trap.to_string(),
            (None, None) => error.root_cause().to_string(),
        };
        let words = host.last_words().map_or(String::new(), |words| format!("; it said last: {words}"));
        let reason: String = self.redacted(&reason).chars().take(500).collect();
        format!("plugin `{}` broke off in `{what}`: {reason}{words}", self.name)
    }

    /// Calls a function of the sink's interface that needs no session.
    fn ask<T>(
        &self,
        what: &str,
        call: impl AsyncFnOnce(&mut Store<Host>, &sink::Guest) -> wasmtime::Result<T>,
    ) -> Result<T, CallError> {
        let indices = &self.sink;
        let time = QUICK.min(self.timeout);
        let (answer, _) = self.run(what, &Memory::default(), time, &Unwatched, async |store, instance| {
            let guest = indices.load(&mut *store, &instance)?;
            call(store, &guest).await
        })?;
        Ok(answer)
    }

    /// Asks what it is.
    ///
    /// # Errors
    /// [`SinkError::Setup`] when it breaks off.
    pub fn describe(&self) -> Result<Description, SinkError> {
        let told = self.ask("describe", async |store, guest| guest.call_describe(store).await);
        let told = told.map_err(|e| self.error("", e))?;
        let mode = |mode: &sink::WriteMode| match mode {
            sink::WriteMode::CreateOnly => "create-only",
            sink::WriteMode::Overwrite => "overwrite",
            sink::WriteMode::IdempotentPut => "idempotent-put",
        };
        Ok(Description {
            name: self.redacted(&told.name),
            version: self.redacted(&told.version),
            schema: told.config_schema,
            write_modes: told.write_modes.iter().map(mode).collect(),
            object_bytes_max: told.max_object_size,
            at_once: told.max_concurrency,
            docs: self.redacted(&told.docs_url),
        })
    }

    /// Asks for all that is wrong with settings, a JSON object.
    ///
    /// # Errors
    /// [`SinkError::Setup`] when it breaks off.
    pub fn validate(&self, config: &str) -> Result<Vec<Problem>, SinkError> {
        let told = self.ask("validate", async |store, guest| guest.call_validate(store, config).await);
        let told = told.map_err(|e| self.error("", e))?;
        let cut = |text: &str| self.redacted(text).chars().take(PROBLEM_CHARS_MAX).collect::<String>();
        let problem =
            |e: types::Error| Problem { field: e.field.map(|field| cut(&field)), message: cut(&e.message) };
        Ok(told.into_iter().take(PROBLEMS_MAX).map(problem).collect())
    }

    /// Opens a session with settings, and does something in it.
    pub(super) fn session<T>(
        &self,
        (what, config): (&str, &str),
        memory: &Memory,
        bytes: u64,
        watch: &dyn Watch,
        work: impl AsyncFnOnce(
            &mut Store<Host>,
            &sink::Guest,
            ResourceAny,
        ) -> wasmtime::Result<Result<T, types::Error>>,
    ) -> Result<(T, Left), CallError> {
        let indices = &self.sink;
        let time = self.timeout + Duration::from_secs(bytes >> 20);
        let (answer, left) = self.run(what, memory, time, watch, async |store, instance| {
            let guest = indices.load(&mut *store, &instance)?;
            let session = match guest.call_open(&mut *store, config).await? {
                Ok(session) => session,
                Err(error) => return Ok(Err(error)),
            };
            let answer = work(store, &guest, session).await?;
            session.resource_drop_async(&mut *store).await?;
            Ok(answer)
        })?;
        Ok((answer.map_err(CallError::Said)?, left))
    }

    /// Calls a function of the interface for looking.
    pub(super) fn look<T>(
        &self,
        what: &str,
        memory: &Memory,
        call: impl AsyncFnOnce(&mut Store<Host>, &verify::Guest) -> wasmtime::Result<Result<T, types::Error>>,
    ) -> Result<T, CallError> {
        let Some(indices) = &self.verify else {
            return Err(CallError::Broke(format!("plugin `{}` cannot look at what it holds", self.name)));
        };
        let (answer, _) = self.run(what, memory, self.timeout, &Unwatched, async |store, instance| {
            let guest = indices.load(&mut *store, &instance)?;
            call(store, &guest).await
        })?;
        answer.map_err(CallError::Said)
    }

    /// Says in the host's words what went wrong with an object.
    pub(super) fn error(&self, key: &str, error: CallError) -> SinkError {
        let said = match error {
            CallError::Broke(why) => return SinkError::Setup(why.into()),
            CallError::Stopped => return SinkError::Stopped,
            CallError::Said(said) => said,
        };
        let cut = |text: &str, chars: usize| self.redacted(text).chars().take(chars).collect::<String>();
        let status = said.http_status.map_or(String::new(), |status| format!(", status {status}"));
        let why = format!("{}: {} ({}{status})", self.name, cut(&said.message, 1_000), cut(&said.code, 64));
        use types::ErrorKind as Kind;
        let word = match said.kind {
            Kind::Transient => "transient",
            Kind::Throttled => "throttled",
            Kind::Corrupt => "corrupt",
            Kind::Rejected => "rejected",
            Kind::Conflict => "conflict",
            Kind::Auth => "auth",
            Kind::Config => "config",
            Kind::Fatal => "fatal",
        };
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(word);
        match said.kind {
            Kind::Transient => SinkError::Transient(why.into()),
            Kind::Throttled => SinkError::Throttled {
                why: why.into(),
                wait_s: said.retry_after_ms.unwrap_or(0).div_ceil(1_000),
            },
            Kind::Corrupt => SinkError::Damaged(why.into()),
            Kind::Conflict => SinkError::Conflict { name: key.to_owned() },
            Kind::Auth => SinkError::Credentials(why.into()),
            Kind::Rejected => SinkError::Setup(format!("{why}; it will never be accepted as it is").into()),
            Kind::Config => {
                let field = said.field.map_or(String::new(), |field| format!(" at `{}`", cut(&field, 100)));
                SinkError::Setup(format!("a setting is wrong{field}: {why}").into())
            }
            Kind::Fatal => SinkError::Setup(why.into()),
        }
    }
}

/// Lends an object to a guest.
pub(super) fn lend(store: &mut Store<Host>, blob: Blob) -> wasmtime::Result<Resource<Blob>> {
    let blob = store.data_mut().table.push(blob)?;
    Ok(Resource::new_borrow(blob.rep()))
}

/// How a call came to its end.
enum CallEnd<T> {
    By(wasmtime::Result<T>),
    Late,
    Stopped,
}

/// Waits for the time to run out, or for somebody who wants to stop; tells him meanwhile how far it is.
async fn ends<T>(signals: &Signals, time: Duration, watch: &dyn Watch) -> CallEnd<T> {
    let start = Instant::now();
    let mut told = 0;
    let mut stopped: Option<Instant> = None;
    loop {
        tokio::time::sleep(LOOK).await;
        let taken = signals.taken.load(Ordering::Relaxed);
        if taken > told {
            watch.sent(taken - told);
            told = taken;
        }
        if watch.stopped() && stopped.is_none() {
            stopped = Some(Instant::now());
            signals.cancelled.store(true, Ordering::Relaxed);
        }
        let gone = start.elapsed();
        if gone > time - time / 10 {
            signals.cancelled.store(true, Ordering::Relaxed);
        }
        if stopped.is_some_and(|at| at.elapsed() > GRACE) {
            return CallEnd::Stopped;
        }
        if gone > time {
            return CallEnd::Late;
        }
    }
}
