//! Checks of a sink: what each comes to, and what they are made with.

use std::collections::BTreeMap;
use std::fs;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use sha2::{Digest as _, Sha256};

use crate::conformance;
use billkeep_core::exports::{Sink, SinkError, Staged, Unwatched};

/// What a check came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is as it must be.
    Passed,
    /// It is not: what was seen.
    Failed(String),
    /// It makes no sense for this sink.
    Skipped(String),
}

/// A check that was made.
#[derive(Clone, Debug)]
pub struct Check {
    /// Its name, for machines.
    pub name: String,
    /// What is asked, for people.
    pub what: &'static str,
    /// What came of it.
    pub outcome: Outcome,
    /// How long it took.
    pub took: Duration,
}

/// A destination, seen from outside the sink.
pub trait Destination: Sync {
    /// Returns what has arrived, under the destination's own names; nothing where nobody can see it.
    fn objects(&self) -> Option<BTreeMap<String, Vec<u8>>>;

    /// Empties it.
    fn clear(&self);
}

/// Has settings looked at, each a name and a value in JSON; right or wrong, whoever looks has to say so and go on.
pub type LookAt<'a> = &'a (dyn Fn(&[(String, &str)]) -> Result<(), String> + Sync);

/// Settings of a sink.
pub struct SuiteSettings<'a> {
    /// Those that it knows.
    pub names: Vec<String>,
    /// Looks at some.
    pub look_at: LookAt<'a>,
}

/// The sink that is tried, and what there is to try it with.
pub struct SuiteSubject<'a> {
    /// How it is opened, each time as by another program; and what the cases of the suite need.
    pub sink: conformance::Subject<'a>,
    /// Where it puts objects.
    pub destination: &'a dyn Destination,
    /// Says whether objects arrive as they are; if not, it makes something of bills, and takes nothing else.
    pub is_whole: bool,
    /// Says whether an object has to be there as soon as it was put, and not only when its run is committed.
    pub is_at_once: bool,
    /// The largest object that it takes, if there is one.
    pub object_bytes_max: Option<u64>,
    /// What those of its memory's names begin with that all programs know.
    pub shared_memory: &'a str,
    /// What no message may hold.
    pub secrets: Vec<String>,
    /// Its settings, if they can be tried.
    pub settings: Option<SuiteSettings<'a>>,
    /// Runs this check alone.
    pub only: Option<&'a str>,
}

pub(crate) type CheckResult = Result<Outcome, String>;

/// A bill as it is delivered, for sinks that make something of it.
pub(crate) const PART: &[u8] = include_bytes!("../../../fixtures/plugins/part.zip");
pub(crate) const MANIFEST: &[u8] = include_bytes!("../../../fixtures/plugins/part.manifest.json");

/// The checks that are being made.
pub(crate) struct Suite<'a> {
    pub(crate) subject: &'a SuiteSubject<'a>,
    checked: Vec<Check>,
}

pub(crate) fn so(is: bool, seen: impl FnOnce() -> String) -> CheckResult {
    Ok(if is { Outcome::Passed } else { Outcome::Failed(seen()) })
}

pub(crate) fn skipped(why: &str) -> CheckResult {
    Ok(Outcome::Skipped(why.to_owned()))
}

pub(crate) fn words(error: SinkError) -> String {
    error.to_string()
}

/// Has one program's sink know what was remembered in another's, under names that begin so.
pub(crate) fn remind(sink: &dyn Sink, of: &dyn Sink, beginning: &str) {
    if let (Some(from), Some(to)) = (of.memory(), sink.memory()) {
        from.of(beginning).into_iter().for_each(|(name, value)| to.set(&name, Some(value)));
    }
}

impl<'a> Suite<'a> {
    pub(crate) fn new(subject: &'a SuiteSubject<'a>) -> Suite<'a> {
        Suite { subject, checked: Vec::new() }
    }

    pub(crate) fn checked(self) -> Vec<Check> {
        self.checked
    }

    pub(crate) fn check(
        &mut self,
        name: &str,
        what: &'static str,
        ask: impl FnOnce(&Suite<'a>) -> CheckResult,
    ) {
        if self.subject.only.is_some_and(|only| only != name) {
            return;
        }
        self.subject.destination.clear();
        let start = Instant::now();
        let outcome = ask(self).unwrap_or_else(Outcome::Failed);
        self.checked.push(Check { name: name.to_owned(), what, outcome, took: start.elapsed() });
    }

    /// Opens the sink as another program does.
    pub(crate) fn open(&self) -> Result<Box<dyn Sink>, String> {
        (self.subject.sink.open)().map_err(words)
    }

    pub(crate) fn staged(&self, bytes: &[u8]) -> Result<Staged, String> {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = self.subject.sink.stage.join(format!("object-{number}"));
        fs::write(&path, bytes).map_err(|e| format!("`{}`: {e}", path.display()))?;
        let tags = [("object", "part"), ("kind", "monthly"), ("month", "2021-03"), ("a-later-tag", "x")];
        let tags = tags.map(|(name, value)| (name, value.to_owned())).to_vec();
        Ok(Staged { path, bytes: bytes.len() as u64, sha256: Sha256::digest(bytes).into(), tags })
    }

    /// Puts an object; the sink has to answer for as many bytes as it was given.
    pub(crate) fn put(&self, sink: &dyn Sink, name: &str, bytes: &[u8]) -> Result<(), SinkError> {
        let staged = self.staged(bytes).map_err(|why| SinkError::Setup(why.into()))?;
        let put = sink.put(name, &staged, &Unwatched);
        // A folder has moved it.
        let _ = fs::remove_file(&staged.path);
        let held = put?;
        if self.subject.is_whole && held.bytes != staged.bytes {
            let why =
                format!("it answers for {} bytes of `{name}`, and {} were put", held.bytes, staged.bytes);
            return Err(SinkError::Damaged(why.into()));
        }
        Ok(())
    }

    /// Puts something that the sink sends on: a few bytes, or a whole bill if it makes something of bills.
    pub(crate) fn send(&self, sink: &dyn Sink) -> Result<(), SinkError> {
        if self.subject.is_whole {
            return self.put(sink, "a.zip", b"bytes");
        }
        self.put(sink, "a-202103.zip", PART)?;
        sink.put_new("a-202103.manifest.json", MANIFEST).map(drop)
    }

    /// Puts a manifest that has to be new.
    pub(crate) fn manifest(&self, sink: &dyn Sink) -> Result<(), SinkError> {
        let bytes = if self.subject.is_whole { b"{}" } else { MANIFEST };
        sink.put_new("a-202103.manifest.json", bytes).map(drop)
    }

    /// Names what has arrived.
    pub(crate) fn arrived(&self) -> Vec<String> {
        self.subject.destination.objects().unwrap_or_default().into_keys().collect()
    }
}
