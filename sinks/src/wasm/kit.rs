//! The author's kit: what a plugin must do, tried at a server of its own, and what it does when everything goes wrong there.
//!
//! Each check has a name, says what is asked, and why. Settings name the server by `{target}`.

mod target;

use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use billkeep_core::sink::{Sink, SinkError, Staged, Unwatched, Watch, read_all};
use sha2::{Digest as _, Sha256};

use super::declared::Takes;
use super::file::PluginFile;
use super::grants::Grants;
use super::host::{Listener, STATE};
use super::plugin::Plugin;
use super::sink::WasmSink;
use target::{Does, Target};

/// What a check came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is as it must be.
    Passed,
    /// It is not: what was seen.
    Failed(String),
    /// It makes no sense for this plugin.
    Skipped(String),
}

/// A check that was made.
#[derive(Clone, Debug)]
pub struct Checked {
    /// Its name, for machines.
    pub name: String,
    /// What is asked, for people.
    pub what: &'static str,
    /// What came of it.
    pub outcome: Outcome,
    /// How long it took.
    pub took: Duration,
}

/// A plugin, and what it is tried with.
pub struct Subject<'a> {
    /// The plugin's file.
    pub file: &'a PluginFile,
    /// What is granted, without the server; settings with `{target}` where the server is meant.
    pub grants: &'a Grants,
    /// Runs this check alone.
    pub only: Option<&'a str>,
    /// A folder for objects.
    pub stage: &'a Path,
}

type Answered = Result<Outcome, String>;

/// What stands in for a secret: it must be nowhere but in headers.
const CANARY: &str = "canary-c0ffee-5ec2e7";
/// A bill as it is delivered, for plugins that make something of it.
const PART: &[u8] = include_bytes!("../../../fixtures/plugins/part.zip");
const MANIFEST: &[u8] = include_bytes!("../../../fixtures/plugins/part.manifest.json");
/// An object that goes through a guest with less memory than that.
const LARGE_BYTES: usize = 96 << 20;
/// How many settings by chance are tried.
const FUZZED: u64 = 1_000;

struct Kit<'a> {
    subject: &'a Subject<'a>,
    target: Target,
    grants: Grants,
    said: Arc<Mutex<String>>,
    checked: Vec<Checked>,
}

/// Makes all checks.
///
/// # Errors
/// Why none can be made.
pub fn run(subject: &Subject<'_>) -> Result<Vec<Checked>, String> {
    let target = Target::start().map_err(|e| format!("no server can be started: {e}"))?;
    let place = format!("http://{}", target.address);
    let mut grants = subject.grants.clone();
    grants.hosts.push(place.parse().map_err(|why| format!("{place}: {why}"))?);
    grants.sha256 = None;
    for value in grants.settings.values_mut() {
        *value = value.replace("{target}", &place);
    }
    if let Some(declared) = &subject.file.declared {
        for name in &declared.secrets {
            grants.secrets.entry(name.clone()).or_insert(None);
        }
        grants.state_bytes = grants.state_bytes.max(declared.state_bytes);
        grants.memory_bytes = grants.memory_bytes.max(declared.memory_bytes);
    }
    let mut kit = Kit { subject, target, grants, said: Arc::default(), checked: Vec::new() };
    kit.file();
    kit.settings();
    kit.objects();
    kit.again();
    kit.faults();
    kit.runs();
    kit.safety();
    kit.looking();
    Ok(kit.checked)
}

fn so(is: bool, seen: impl FnOnce() -> String) -> Answered {
    Ok(if is { Outcome::Passed } else { Outcome::Failed(seen()) })
}

fn words(error: SinkError) -> String {
    error.to_string()
}

/// Has one program's sink know what the plugin has remembered in another's.
fn remind(sink: &WasmSink, of: &WasmSink) {
    if let (Some(from), Some(to)) = (of.memory(), sink.memory()) {
        from.of(STATE).into_iter().for_each(|(name, value)| to.set(&name, Some(value)));
    }
}

/// Stops at once.
struct Stops(Instant);

impl Watch for Stops {
    fn begun(&self, _token: &str) -> Result<(), SinkError> {
        Ok(())
    }

    fn sent(&self, _bytes: u64) {}

    fn stopped(&self) -> bool {
        self.0.elapsed() > Duration::from_millis(300)
    }
}

impl Kit<'_> {
    fn check(&mut self, name: &str, what: &'static str, ask: impl FnOnce(&Kit<'_>) -> Answered) {
        if self.subject.only.is_some_and(|only| only != name) {
            return;
        }
        self.target.clear();
        let start = Instant::now();
        let outcome = ask(self).unwrap_or_else(Outcome::Failed);
        self.checked.push(Checked { name: name.to_owned(), what, outcome, took: start.elapsed() });
    }

    fn sink(&self) -> Result<WasmSink, String> {
        self.sink_with(&self.grants)
    }

    fn sink_with(&self, grants: &Grants) -> Result<WasmSink, String> {
        let said = self.said.clone();
        let listener: Listener = Arc::new(move |line| {
            let mut said = said.lock().unwrap_or_else(PoisonError::into_inner);
            said.push_str(&line.text);
            said.push('\n');
        });
        let secret = |_: &str| Some(CANARY.to_owned());
        WasmSink::of(self.subject.file, grants, "", Some(listener), &self.env(&secret)).map_err(words)
    }

    /// Secrets are canaries; what is compiled is kept where the surroundings say, so that this is quick.
    fn env<'e>(&self, secret: &'e dyn Fn(&str) -> Option<String>) -> impl Fn(&str) -> Option<String> + 'e {
        let names: Vec<String> = self.grants.secrets.keys().cloned().collect();
        let cache = self.subject.stage.join("compiled").to_string_lossy().into_owned();
        move |name| match name {
            "BILLKEEP_PLUGIN_CACHE" => Some(cache.clone()),
            name if names.iter().any(|n| n == name) => secret(name),
            _ => None,
        }
    }

    fn staged(&self, bytes: &[u8]) -> Result<Staged, String> {
        static NUMBER: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let path = self.subject.stage.join(format!("object-{number}"));
        fs::write(&path, bytes).map_err(|e| format!("`{}`: {e}", path.display()))?;
        let tags = [("object", "part"), ("kind", "monthly"), ("month", "2021-03"), ("a-later-tag", "x")];
        let tags = tags.map(|(name, value)| (name, value.to_owned())).to_vec();
        Ok(Staged { path, bytes: bytes.len() as u64, sha256: Sha256::digest(bytes).into(), tags })
    }

    fn put(&self, sink: &WasmSink, name: &str, bytes: &[u8]) -> Result<(), SinkError> {
        let staged = self.staged(bytes).map_err(SinkError::Setup)?;
        let put = sink.put(name, &staged, &Unwatched);
        let _ = fs::remove_file(&staged.path);
        put.map(drop)
    }

    /// Puts something that the plugin sends on: a few bytes, or a whole bill if it makes something of bills.
    fn send(&self, sink: &WasmSink) -> Result<(), SinkError> {
        if self.is_whole() {
            return self.put(sink, "a.zip", b"bytes");
        }
        self.put(sink, "a-202103.zip", PART)?;
        sink.put_new("a-202103.manifest.json", MANIFEST).map(drop)
    }

    /// Puts a manifest that has to be new.
    fn manifest(&self, sink: &WasmSink) -> Result<(), SinkError> {
        let bytes = if self.is_whole() { b"{}" } else { MANIFEST };
        sink.put_new("a-202103.manifest.json", bytes).map(drop)
    }

    fn sends(&self) -> bool {
        self.subject.file.wants("http")
    }

    fn is_whole(&self) -> bool {
        self.subject.file.declared.as_ref().is_none_or(|declared| declared.takes == Takes::Whole)
    }

    /// Says whether the server has an object of these bytes, if the plugin sends objects there.
    fn arrived(&self, bytes: &[u8]) -> Answered {
        let objects = self.target.objects();
        if !self.sends() || !self.is_whole() || objects.is_empty() {
            return Ok(Outcome::Passed);
        }
        so(objects.values().any(|held| held == bytes), || {
            let lengths: Vec<usize> = objects.values().map(Vec::len).collect();
            format!("{} bytes were put, and the server has objects of {lengths:?} bytes", bytes.len())
        })
    }

    fn file(&mut self) {
        self.check("file.interface", "it was built for an interface that this program speaks", |_| {
            Ok(Outcome::Passed)
        });
        self.check(
            "file.declares",
            "it declares id, version and licence, so that people know what they trust",
            |kit| {
                let Some(declared) = &kit.subject.file.declared else {
                    return Ok(Outcome::Failed(
                        "it declares nothing: build it with `billkeep plugin build`".into(),
                    ));
                };
                let all =
                    [("id", &declared.id), ("version", &declared.version), ("license", &declared.license)];
                let missing: Vec<&str> =
                    all.iter().filter(|(_, value)| value.is_empty()).map(|(name, _)| *name).collect();
                so(missing.is_empty(), || format!("`plugin.json` lacks {}", missing.join(", ")))
            },
        );
        self.check("file.hosts", "it declares the hosts that it sends to, if it sends", |kit| {
            let sink = kit.sink()?;
            let _ = kit.send(&sink);
            let hosts = kit.subject.file.declared.as_ref().map(|declared| declared.hosts.is_empty());
            so(kit.target.asked().is_empty() || hosts == Some(false), || {
                "it sends, and declares no `hosts`".into()
            })
        });
        self.check("file.size", "it has less than 64 MiB", |kit| {
            so(kit.subject.file.bytes < 64 << 20, || format!("it has {} bytes", kit.subject.file.bytes))
        });
        self.check(
            "describe.whole",
            "it says its name, version, ways of writing and how many at a time",
            |kit| {
                let sink = kit.sink()?;
                let d = sink.described();
                so(
                    !d.name.is_empty() && !d.version.is_empty() && !d.write_modes.is_empty() && d.at_once > 0,
                    || format!("{d:?}"),
                )
            },
        );
        self.check("describe.schema", "its schema of settings is JSON, and of an object", |kit| {
            let sink = kit.sink()?;
            let schema: Result<serde_json::Value, _> = serde_json::from_str(&sink.described().schema);
            match schema {
                Ok(schema) => so(schema.get("type").is_some_and(|t| t == "object"), || {
                    "the schema does not say `\"type\": \"object\"`".into()
                }),
                Err(e) => Ok(Outcome::Failed(format!("the schema is no JSON: {e}"))),
            }
        });
        self.check("describe.same", "it says the same each time", |kit| {
            let (a, b) = (kit.sink()?, kit.sink()?);
            so(a.described() == b.described(), || format!("{:?}, {:?}", a.described(), b.described()))
        });
    }

    fn plugin(&self) -> Result<Plugin, String> {
        let secret = |_: &str| Some(CANARY.to_owned());
        Plugin::load(self.subject.file, &self.grants, None, &self.env(&secret)).map_err(words)
    }

    fn settings(&mut self) {
        self.check("settings.given", "it accepts the settings that were given", |kit| {
            kit.sink().map(|_| Outcome::Passed)
        });
        self.check(
            "settings.none",
            "without settings it says what is missing, and does not break off",
            |kit| kit.plugin()?.validate("{}").map(|_| Outcome::Passed).map_err(words),
        );
        self.check("settings.fields", "it says of each wrong setting where it is", |kit| {
            let problems = kit.plugin()?.validate("{}").map_err(words)?;
            let nowhere: Vec<&str> = problems
                .iter()
                .filter(|p| p.field.as_deref().is_none_or(|f| !f.starts_with('/')))
                .map(|p| p.message.as_str())
                .collect();
            so(nowhere.is_empty(), || format!("problems without a JSON pointer: {nowhere:?}"))
        });
        self.check(
            "settings.no-json",
            "settings that are no JSON object are a problem, and not an end",
            |kit| {
                let plugin = kit.plugin()?;
                for text in ["", "null", "[]", "{", "\"x\"", "{\"a\":1e999}"] {
                    let problems = plugin.validate(text).map_err(words)?;
                    if problems.is_empty() && text != "{\"a\":1e999}" {
                        return Ok(Outcome::Failed(format!("`{text}` was accepted")));
                    }
                }
                Ok(Outcome::Passed)
            },
        );
        self.check("settings.chance", "a thousand settings by chance never make it break off", |kit| {
            let plugin = kit.plugin()?;
            let schema = plugin.describe().map_err(words)?.schema;
            let schema: serde_json::Value = serde_json::from_str(&schema).unwrap_or_default();
            let mut names: Vec<String> =
                schema["properties"].as_object().map(|p| p.keys().cloned().collect()).unwrap_or_default();
            names.extend(["url".to_owned(), "\u{0}".to_owned()]);
            let values = [
                "null",
                "true",
                "-1",
                "0",
                "1e300",
                "18446744073709551616",
                "\"\"",
                "\"x\"",
                "\"https://\"",
                "\"\\u0000\"",
                "[]",
                "{}",
                "[[[[1]]]]",
                "\"${secret:X}\"",
                "\"\u{1f4a9}\"",
            ];
            let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
            let mut draw = |of: usize| {
                seed ^= seed << 13;
                seed ^= seed >> 7;
                seed ^= seed << 17;
                usize::try_from(seed % of.max(1) as u64).unwrap_or(0)
            };
            for _ in 0..FUZZED {
                let fields: Vec<String> = (0..draw(5))
                    .filter_map(|_| {
                        let name = serde_json::to_string(names.get(draw(names.len()))?).ok()?;
                        Some(format!("{name}:{}", values.get(draw(values.len()))?))
                    })
                    .collect();
                let text = format!("{{{}}}", fields.join(","));
                plugin.validate(&text).map_err(|e| format!("with `{text}`: {e}"))?;
            }
            Ok(Outcome::Passed)
        });
        self.check("settings.quiet", "looking at settings sends nothing", |kit| {
            kit.sink()?;
            so(kit.target.asked().is_empty(), || format!("{} requests were sent", kit.target.asked().len()))
        });
    }

    fn objects(&mut self) {
        self.check("check.there", "it finds the target there", |kit| {
            kit.sink()?.check().map(|()| Outcome::Passed).map_err(words)
        });
        self.check("check.nothing-left", "looking whether it is there leaves nothing", |kit| {
            kit.sink()?.check().map_err(words)?;
            so(kit.target.objects().is_empty(), || format!("{:?}", kit.target.objects().keys()))
        });
        for (name, what, bytes) in [
            ("put.empty", "an object without bytes arrives", 0),
            ("put.one", "an object of one byte arrives", 1),
            ("put.usual", "an object of 100 KB arrives whole", 100_000),
            ("put.odd", "an object of 1 MiB and 1 byte arrives whole", (1 << 20) + 1),
            (
                "put.large",
                "an object of 96 MiB arrives whole, though the plugin has less memory",
                LARGE_BYTES,
            ),
        ] {
            self.check(name, what, |kit| {
                if !kit.is_whole() {
                    return Ok(Outcome::Skipped("it makes something of bills, and this is none".into()));
                }
                let sink = kit.sink()?;
                if sink.described().object_bytes_max.is_some_and(|max| max < bytes as u64) {
                    return Ok(Outcome::Skipped("it says that it does not take so much".into()));
                }
                let bytes: Vec<u8> =
                    (0..bytes).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
                kit.put(&sink, "a-2021-03.zip", &bytes).map_err(words)?;
                kit.arrived(&bytes)
            });
        }
        self.check("put.bill", "a monthly bill arrives, part and manifest", |kit| {
            let sink = kit.sink()?;
            kit.put(&sink, "a-202103.zip", PART).map_err(words)?;
            sink.put_new("a-202103.manifest.json", MANIFEST).map_err(words)?;
            so(!kit.sends() || !kit.target.objects().is_empty(), || {
                "nothing has arrived at the server".into()
            })
        });
        self.check("put.keys", "odd names arrive, each as its own object", |kit| {
            if !kit.is_whole() {
                return Ok(Outcome::Skipped("it makes something of bills, and these are none".into()));
            }
            let sink = kit.sink()?;
            let names = [
                "a b.zip",
                "a+b.zip",
                "a%20b.zip",
                "a&b=c.zip",
                "a#b?.zip",
                "账单-2021-03.zip",
                "a'\"b.zip",
                "A.zip",
                "a.zip",
            ];
            for name in names {
                kit.put(&sink, name, name.as_bytes()).map_err(|e| format!("`{name}`: {e}"))?;
            }
            let held = kit.target.objects();
            so(!kit.sends() || !kit.is_whole() || held.is_empty() || held.len() == names.len(), || {
                format!("{} names came to {} objects: {:?}", names.len(), held.len(), held.keys())
            })
        });
        self.check("put.location", "its receipt says where people find the object", |kit| {
            let sink = kit.sink()?;
            kit.put(&sink, "a.zip", if kit.is_whole() { b"x" } else { PART }).map_err(words)?;
            so(!sink.location("a.zip").starts_with("wasm:"), || "the location is empty".into())
        });
    }

    fn again(&mut self) {
        self.check("again.same", "the same object twice is there once", |kit| {
            let sink = kit.sink()?;
            kit.send(&sink).map_err(words)?;
            let once = kit.target.objects();
            kit.send(&sink).map_err(words)?;
            so(kit.target.objects() == once, || format!("{:?}", kit.target.objects().keys()))
        });
        self.check(
            "again.created",
            "what must be new and is there with the same content is a success",
            |kit| {
                // Two programs, of which neither knows what the other did.
                let sink = kit.sink()?;
                let other = kit.sink()?;
                kit.manifest(&sink).map_err(words)?;
                remind(&other, &sink);
                kit.manifest(&other).map(|()| Outcome::Passed).map_err(words)
            },
        );
        self.check("again.other", "what must be new and is there with other content is a conflict", |kit| {
            if !kit.is_whole() {
                return Ok(Outcome::Skipped("it makes something of its own of each object".into()));
            }
            let (sink, other) = (kit.sink()?, kit.sink()?);
            sink.put_new("a.manifest.json", b"{}").map_err(words)?;
            remind(&other, &sink);
            match other.put_new("a.manifest.json", b"{\"other\":1}") {
                Ok(false) | Err(SinkError::Conflict { .. }) => Ok(Outcome::Passed),
                other => Ok(Outcome::Failed(format!("{other:?}"))),
            }
        });
        self.check("again.lost", "an object whose answer was lost is put again, and is there once", |kit| {
            if !kit.sends() {
                return Ok(Outcome::Skipped("it sends nothing".into()));
            }
            let sink = kit.sink()?;
            kit.target.does(Does::KeepsAndCuts);
            let first = kit.send(&sink);
            kit.target.does(Does::Keeps);
            kit.send(&sink).map_err(words)?;
            so(matches!(first, Err(SinkError::Passing(_))) && kit.target.objects().len() <= 1, || {
                format!("{first:?}, {:?}", kit.target.objects().keys())
            })
        });
    }

    fn faults(&mut self) {
        let date = "Fri, 31 Dec 2100 00:00:00 GMT".to_owned();
        let status = |status: u16| Does::Answers(status, None);
        let with = |status: u16, name: &'static str, value: &str| {
            Does::Answers(status, Some((name, value.to_owned())))
        };
        let any = &["config", "fatal", "rejected"][..];
        for (name, what, does, kinds) in [
            ("fault.401", "401 is told as credentials", status(401), &["auth"][..]),
            ("fault.403", "403 is told as credentials", status(403), &["auth"]),
            ("fault.404", "404 is told as a wrong setting, or a refusal", status(404), any),
            ("fault.409", "409 is told as a conflict", status(409), &["conflict"]),
            ("fault.412", "412 is told as a conflict", status(412), &["conflict"]),
            ("fault.413", "413 is told as a refusal", status(413), &["rejected"]),
            ("fault.422", "422 is told as a refusal", status(422), &["rejected"]),
            ("fault.429", "429 is told as throttling", with(429, "retry-after", "77"), &["throttled"]),
            (
                "fault.429-date",
                "429 with a date is told as throttling until then",
                with(429, "retry-after", &date),
                &["throttled"],
            ),
            ("fault.500", "500 may pass", status(500), &["transient"]),
            ("fault.502", "502 may pass", status(502), &["transient"]),
            ("fault.503", "503 may pass", status(503), &["transient", "throttled"]),
            ("fault.504", "504 may pass", status(504), &["transient"]),
            (
                "fault.redirect",
                "a redirect is not followed, and no success",
                with(302, "location", "http://127.0.0.1:1/"),
                any,
            ),
            ("fault.cut", "a line that is cut may pass", Does::Cuts, &["transient"]),
            ("fault.babble", "an answer that is not HTTP may pass", Does::Babbles, &["transient", "fatal"]),
            ("fault.breaks-off", "an answer that breaks off may pass", Does::BreaksOff, &["transient"]),
            (
                "fault.flood",
                "an answer without an end is no success",
                Does::Floods,
                &["transient", "fatal", "config", "rejected"],
            ),
        ] {
            self.check(name, what, |kit| {
                if !kit.sends() {
                    return Ok(Outcome::Skipped("it sends nothing".into()));
                }
                let sink = kit.sink()?;
                kit.target.does(does);
                let put = kit.send(&sink);
                if kit.target.asked().is_empty() {
                    return Ok(Outcome::Skipped("it sends nothing when an object is put".into()));
                }
                let kind = sink.plugin().last_kind();
                so(put.is_err() && kind.is_some_and(|kind| kinds.contains(&kind)), || {
                    format!("{} was expected; it said {kind:?}: {put:?}", kinds.join(" or "))
                })
            });
        }
        self.check("fault.429-seconds", "how long to wait is taken from the answer", |kit| {
            if !kit.sends() {
                return Ok(Outcome::Skipped("it sends nothing".into()));
            }
            let sink = kit.sink()?;
            kit.target.does(Does::Answers(429, Some(("retry-after", "77".to_owned()))));
            let put = kit.send(&sink);
            so(matches!(put, Err(SinkError::Throttled { wait_s: 77, .. })), || format!("{put:?}"))
        });
        self.check(
            "fault.denied",
            "a host that was not granted is a wrong setting, and nothing to try again",
            |kit| {
                if !kit.sends() {
                    return Ok(Outcome::Skipped("it sends nothing".into()));
                }
                let grants = Grants { hosts: Vec::new(), ..kit.grants.clone() };
                let sink = kit.sink_with(&grants)?;
                let put = kit.send(&sink);
                let kind = sink.plugin().last_kind();
                so(put.is_err() && kind.is_some_and(|kind| any.contains(&kind)), || {
                    format!("it said {kind:?}: {put:?}")
                })
            },
        );
        self.check("fault.stall", "a server that never answers does not hold it up for ever", |kit| {
            if !kit.sends() {
                return Ok(Outcome::Skipped("it sends nothing".into()));
            }
            let grants = Grants { timeout: Duration::from_secs(3), ..kit.grants.clone() };
            let sink = kit.sink_with(&grants)?;
            kit.target.does(Does::Stalls);
            let start = Instant::now();
            let put = kit.send(&sink);
            so(put.is_err() && start.elapsed() < Duration::from_secs(8), || {
                format!("{put:?} after {:?}", start.elapsed())
            })
        });
    }

    fn runs(&mut self) {
        let bytes: &[u8] = if self.is_whole() { b"bytes" } else { PART };
        self.check("run.commit", "a run of part and manifest is committed", |kit| {
            let sink = kit.sink()?;
            kit.send(&sink).map_err(words)?;
            kit.manifest(&sink).map(|()| Outcome::Passed).map_err(words)
        });
        self.check("run.commit-twice", "the same run twice is committed once", |kit| {
            let sink = kit.sink()?;
            kit.manifest(&sink).map_err(words)?;
            let once = kit.target.objects();
            let other = kit.sink()?;
            remind(&other, &sink);
            kit.manifest(&other).map_err(words)?;
            so(kit.target.objects() == once, || format!("{:?}", kit.target.objects().keys()))
        });
        self.check(
            "run.abort",
            "a run that was begun is given up, twice, and one that never was as well",
            |kit| {
                let sink = kit.sink()?;
                kit.put(&sink, "a.zip", bytes).map_err(words)?;
                for name in ["a.zip", "a.zip", "never.zip"] {
                    sink.remove(name).map_err(|e| format!("`{name}`: {e}"))?;
                }
                Ok(Outcome::Passed)
            },
        );
        self.check(
            "run.cancel",
            "it comes to an end within two seconds when somebody wants to stop",
            |kit| {
                if !kit.sends() {
                    return Ok(Outcome::Skipped("it sends nothing".into()));
                }
                let sink = kit.sink()?;
                kit.target.does(Does::Stalls);
                let staged = kit.staged(bytes)?;
                let start = Instant::now();
                let put = sink.put("a.zip", &staged, &Stops(start));
                if kit.target.asked().is_empty() {
                    return Ok(Outcome::Skipped("it sends nothing when a part is put".into()));
                }
                so(put.is_err() && start.elapsed() < Duration::from_millis(3_500), || {
                    format!("{put:?} after {:?}", start.elapsed())
                })
            },
        );
        self.check("run.at-once", "four objects at the same time arrive", |kit| {
            let sink = kit.sink()?;
            let failed = std::thread::scope(|scope| {
                let puts: Vec<_> = (0..4)
                    .map(|n| (n, &sink))
                    .map(|(n, sink)| scope.spawn(move || kit.put(sink, &format!("{n}.zip"), bytes)))
                    .collect();
                puts.into_iter().filter_map(|put| put.join().ok()?.err()).map(words).collect::<Vec<_>>()
            });
            so(failed.is_empty(), || failed.join("; "))
        });
    }

    fn safety(&mut self) {
        self.check("safe.secrets", "secrets are nowhere but in headers", |kit| {
            if kit.grants.secrets.is_empty() {
                return Ok(Outcome::Skipped("it uses none".into()));
            }
            let sink = kit.sink()?;
            let put = kit.send(&sink);
            let is_in = |bytes: &[u8]| memchr::memmem::find(bytes, CANARY.as_bytes()).is_some();
            let asked = kit.target.asked();
            let leaks = asked.iter().any(|asked| is_in(asked.line.as_bytes()) || is_in(&asked.body));
            let kept = sink.memory().map(|memory| memory.of("")).unwrap_or_default();
            let said = kit.said.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let leaks = leaks || kept.iter().any(|(name, value)| is_in(name.as_bytes()) || is_in(value));
            so(!leaks && !is_in(said.as_bytes()) && !is_in(format!("{put:?}").as_bytes()), || {
                "a secret is in a URL, a body, the state, the log or an error".into()
            })
        });
        self.check("safe.headers", "it sends no header twice, and none without a value", |kit| {
            let sink = kit.sink()?;
            let _ = kit.send(&sink);
            let mut odd = Vec::new();
            for asked in kit.target.asked() {
                let mut names: Vec<&str> = asked.headers.iter().map(|(name, _)| name.as_str()).collect();
                names.sort_unstable();
                odd.extend(
                    names
                        .windows(2)
                        .filter(|pair| pair.first() == pair.last())
                        .filter_map(|p| Some((*p.first()?).to_owned())),
                );
                odd.extend(
                    asked.headers.iter().filter(|(_, value)| value.is_empty()).map(|(name, _)| name.clone()),
                );
            }
            so(odd.is_empty(), || odd.join(", "))
        });
        self.check("safe.state", "it remembers no more than it declares", |kit| {
            let sink = kit.sink()?;
            let _ = kit.send(&sink);
            let kept: usize = sink
                .memory()
                .map(|m| m.of(STATE))
                .unwrap_or_default()
                .iter()
                .map(|(n, v)| n.len() + v.len())
                .sum();
            so(kept as u64 <= kit.grants.state_bytes.max(1), || {
                format!("{kept} bytes; {} were declared", kit.grants.state_bytes)
            })
        });
        self.check("safe.log", "it says less than 16 KB for an object", |kit| {
            let before = kit.said.lock().unwrap_or_else(PoisonError::into_inner).len();
            let sink = kit.sink()?;
            let _ = kit.send(&sink);
            let said = kit.said.lock().unwrap_or_else(PoisonError::into_inner).len() - before;
            so(said < 16_000, || format!("{said} bytes"))
        });
    }

    fn looking(&mut self) {
        if !self.subject.file.looks() {
            return;
        }
        self.check("look.stat", "it tells an object's length", |kit| {
            let sink = kit.sink()?;
            kit.put(&sink, "a.zip", b"bytes").map_err(words)?;
            let held = sink.head("a.zip").map_err(words)?;
            so(held.as_ref().is_some_and(|held| held.bytes == 5), || format!("{held:?}"))
        });
        self.check("look.none", "it tells that an object is not there", |kit| {
            let held = kit.sink()?.head("never.zip").map_err(words)?;
            so(held.is_none(), || format!("{held:?}"))
        });
        self.check("look.read", "it gives back what was put", |kit| {
            let sink = kit.sink()?;
            kit.put(&sink, "a.zip", b"bytes").map_err(words)?;
            let read = read_all(&sink, "a.zip").map_err(words)?;
            so(read.as_deref() == Some(b"bytes"), || format!("{read:?}"))
        });
        self.check("look.list", "it lists what was put", |kit| {
            let sink = kit.sink()?;
            kit.put(&sink, "a.zip", b"bytes").map_err(words)?;
            let names = sink.list().map_err(words)?;
            so(names.iter().any(|name| name == "a.zip"), || format!("{names:?}"))
        });
        self.check("look.delete", "it removes an object, and once more", |kit| {
            let sink = kit.sink()?;
            kit.put(&sink, "a.zip", b"bytes").map_err(words)?;
            sink.remove("a.zip").map_err(words)?;
            sink.remove("a.zip").map_err(words)?;
            let held = sink.head("a.zip").map_err(words)?;
            so(held.is_none(), || format!("{held:?}"))
        });
    }
}
