//! Objects: put, put again, several at a time, taken back; and what is said meanwhile.

use std::sync::atomic::{AtomicU64, Ordering};

use super::checks::{CheckResult, MANIFEST, Outcome, PART, Suite, remind, skipped, so, words};
use billkeep_core::exports::{SinkError, Watch};

/// An object that goes through a guest with less memory than that.
const LARGE_BYTES: usize = 96 << 20;
/// One that goes in a few pieces.
const PIECES_BYTES: usize = 24 << 20;
/// How many settings by chance are tried.
const FUZZED: u64 = 1_000;
/// Values of settings, in JSON.
const VALUES: [&str; 15] = [
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
const NO_BILL: &str = "it makes something of bills, and this is none";

/// Stops as soon as something was sent.
#[derive(Default)]
struct StopsEarly {
    sent: AtomicU64,
}

impl Watch for StopsEarly {
    fn begun(&self, _token: &str) -> Result<(), SinkError> {
        Ok(())
    }

    fn sent(&self, bytes: u64) {
        self.sent.fetch_add(bytes, Ordering::Relaxed);
    }

    fn stopped(&self) -> bool {
        self.sent.load(Ordering::Relaxed) > 0
    }
}

/// Bytes that do not repeat themselves soon.
fn noise(bytes: usize) -> Vec<u8> {
    (0..bytes).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect()
}

impl Suite<'_> {
    /// Says whether an object of these bytes has arrived, where that can be seen.
    fn is_there(&self, bytes: &[u8]) -> CheckResult {
        let Some(objects) = self.subject.destination.objects().filter(|_| self.subject.is_whole) else {
            return Ok(Outcome::Passed);
        };
        if objects.is_empty() && !self.subject.is_at_once {
            return Ok(Outcome::Passed);
        }
        so(objects.values().any(|held| held == bytes), || {
            let lengths: Vec<usize> = objects.values().map(Vec::len).collect();
            format!("{} bytes were put, and there are objects of {lengths:?} bytes", bytes.len())
        })
    }

    fn takes(&self, bytes: usize) -> bool {
        self.subject.object_bytes_max.is_none_or(|max| max >= bytes as u64)
    }

    pub(super) fn settings_by_chance(&mut self) {
        self.check("settings.chance", "a thousand settings by chance never make it break off", |suite| {
            let Some(settings) = &suite.subject.settings else { return skipped("not here") };
            let odd = ["url".to_owned(), "\u{0}".to_owned()];
            let names: Vec<&String> = settings.names.iter().chain(&odd).collect();
            let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
            let mut draw = |of: usize| {
                seed ^= seed << 13;
                seed ^= seed >> 7;
                seed ^= seed << 17;
                usize::try_from(seed % of.max(1) as u64).unwrap_or(0)
            };
            for _ in 0..FUZZED {
                let some: Vec<(String, &str)> = (0..draw(5))
                    .filter_map(|_| {
                        Some(((*names.get(draw(names.len()))?).clone(), *VALUES.get(draw(VALUES.len()))?))
                    })
                    .collect();
                (settings.look_at)(&some).map_err(|why| format!("with {some:?}: {why}"))?;
            }
            so(suite.arrived().is_empty(), || format!("looking at settings has sent {:?}", suite.arrived()))
        });
    }

    pub(super) fn objects(&mut self) {
        self.check("check.there", "it finds the target there", |suite| {
            suite.open()?.check().map(|()| Outcome::Passed).map_err(words)
        });
        self.check("check.nothing-left", "looking whether it is there leaves nothing", |suite| {
            suite.open()?.check().map_err(words)?;
            so(suite.arrived().is_empty(), || format!("{:?}", suite.arrived()))
        });
        for (name, what, bytes) in [
            ("put.empty", "an object without bytes arrives", 0),
            ("put.one", "an object of one byte arrives", 1),
            ("put.usual", "an object of 100 KB arrives whole", 100_000),
            ("put.odd", "an object of 1 MiB and 1 byte arrives whole", (1 << 20) + 1),
            ("put.large", "an object of 96 MiB arrives whole, however little memory there is", LARGE_BYTES),
        ] {
            self.check(name, what, |suite| {
                if !suite.subject.is_whole {
                    return skipped(NO_BILL);
                }
                if !suite.takes(bytes) {
                    return skipped("it says that it does not take so much");
                }
                let bytes = noise(bytes);
                suite.put(&*suite.open()?, "a-2021-03.zip", &bytes).map_err(words)?;
                suite.is_there(&bytes)
            });
        }
        self.check("put.bill", "a monthly bill arrives, part and manifest", |suite| {
            let sink = suite.open()?;
            suite.put(&*sink, "a-202103.zip", PART).map_err(words)?;
            sink.put_new("a-202103.manifest.json", MANIFEST).map_err(words)?;
            let objects = suite.subject.destination.objects();
            so(objects.is_none_or(|objects| !objects.is_empty()), || "nothing has arrived".into())
        });
        self.check("put.keys", "odd names arrive, each as its own object", |suite| {
            if !suite.subject.is_whole {
                return skipped(NO_BILL);
            }
            let sink = suite.open()?;
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
                suite.put(&*sink, name, name.as_bytes()).map_err(|e| format!("`{name}`: {e}"))?;
            }
            let Some(held) = suite.subject.destination.objects() else { return Ok(Outcome::Passed) };
            let none_yet = held.is_empty() && !suite.subject.is_at_once;
            so(none_yet || held.len() == names.len(), || {
                format!("{} names came to {} objects: {:?}", names.len(), held.len(), held.keys())
            })
        });
        self.check("put.location", "it says where people find the object", |suite| {
            let sink = suite.open()?;
            suite.put(&*sink, "a.zip", if suite.subject.is_whole { b"x" } else { PART }).map_err(words)?;
            let location = sink.location("a.zip");
            so(!location.is_empty() && !location.starts_with("wasm:"), || "the location is empty".into())
        });
    }

    pub(super) fn again(&mut self) {
        self.check("again.same", "the same object twice is there once", |suite| {
            let sink = suite.open()?;
            suite.send(&*sink).map_err(words)?;
            let once = suite.subject.destination.objects();
            suite.send(&*sink).map_err(words)?;
            so(suite.subject.destination.objects() == once, || format!("{:?}", suite.arrived()))
        });
        self.check(
            "again.interrupted",
            "an object whose upload was stopped is put again, and is whole",
            |suite| {
                if !suite.subject.is_whole || !suite.takes(PIECES_BYTES) {
                    return skipped("it takes nothing as large");
                }
                let (sink, other, bytes) = (suite.open()?, suite.open()?, noise(PIECES_BYTES));
                let staged = suite.staged(&bytes)?;
                // A folder is done before anybody can stop it.
                let _ = sink.put("a.zip", &staged, &StopsEarly::default());
                let _ = std::fs::remove_file(&staged.path);
                remind(&*other, &*sink, "");
                suite.put(&*other, "a.zip", &bytes).map_err(words)?;
                suite.is_there(&bytes)
            },
        );
        self.check(
            "again.created",
            "what must be new and is there with the same content is a success",
            |suite| {
                // Two programs, of which neither knows what the other did; but the target's part of the memory is one.
                let (sink, other) = (suite.open()?, suite.open()?);
                suite.manifest(&*sink).map_err(words)?;
                remind(&*other, &*sink, suite.subject.shared_memory);
                suite.manifest(&*other).map(|()| Outcome::Passed).map_err(words)
            },
        );
        self.check(
            "again.other",
            "what must be new and is there with other content is a conflict",
            |suite| {
                if !suite.subject.is_whole {
                    return skipped("it makes something of its own of each object");
                }
                let (sink, other) = (suite.open()?, suite.open()?);
                sink.put_new("a.manifest.json", b"{}").map_err(words)?;
                remind(&*other, &*sink, suite.subject.shared_memory);
                match other.put_new("a.manifest.json", b"{\"other\":1}") {
                    Ok(false) | Err(SinkError::Conflict { .. }) => suite.is_there(b"{}"),
                    other => Ok(Outcome::Failed(format!("{other:?}"))),
                }
            },
        );
    }

    pub(super) fn runs(&mut self) {
        let bytes: &[u8] = if self.subject.is_whole { b"bytes" } else { PART };
        self.check("run.commit", "a run of part and manifest is committed", |suite| {
            let sink = suite.open()?;
            suite.send(&*sink).map_err(words)?;
            suite.manifest(&*sink).map(|()| Outcome::Passed).map_err(words)
        });
        self.check("run.commit-twice", "the same run twice is committed once", |suite| {
            let (sink, other) = (suite.open()?, suite.open()?);
            suite.manifest(&*sink).map_err(words)?;
            let once = suite.subject.destination.objects();
            remind(&*other, &*sink, suite.subject.shared_memory);
            suite.manifest(&*other).map_err(words)?;
            so(suite.subject.destination.objects() == once, || format!("{:?}", suite.arrived()))
        });
        self.check(
            "run.abort",
            "a run that was begun is given up, twice, and one that never was as well",
            |suite| {
                let sink = suite.open()?;
                suite.put(&*sink, "a.zip", bytes).map_err(words)?;
                for name in ["a.zip", "a.zip", "never.zip"] {
                    sink.remove(name).map_err(|e| format!("`{name}`: {e}"))?;
                }
                Ok(Outcome::Passed)
            },
        );
        self.check("run.at-once", "four objects at the same time arrive", |suite| {
            let sink = suite.open()?;
            let failed = std::thread::scope(|scope| {
                let puts: Vec<_> = (0..4)
                    .map(|n| (n, &sink))
                    .map(|(n, sink)| scope.spawn(move || suite.put(&**sink, &format!("{n}.zip"), bytes)))
                    .collect();
                puts.into_iter().filter_map(|put| put.join().ok()?.err()).map(words).collect::<Vec<_>>()
            });
            so(failed.is_empty(), || failed.join("; "))
        });
    }

    pub(super) fn words(&mut self) {
        self.check("safe.words", "secrets are in nothing that it says", |suite| {
            let secrets = &suite.subject.secrets;
            if secrets.is_empty() {
                return skipped("it uses none");
            }
            let sink = suite.open()?;
            let mut said = vec![sink.location("a.zip"), format!("{:?}", suite.send(&*sink))];
            said.extend(["../a", "", "a/b"].map(|name| format!("{:?}", suite.put(&*sink, name, b"x"))));
            said.push(format!("{:?}", sink.remove("../a")));
            if let Some(open) = suite.subject.sink.wrong_credentials {
                said.push(format!("{:?}", open().and_then(|sink| suite.send(&*sink))));
            }
            let leaks: Vec<&String> = said
                .iter()
                .filter(|said| secrets.iter().any(|secret| said.contains(secret.as_str())))
                .collect();
            // What is told of a leak is not another one.
            so(leaks.is_empty(), || format!("a secret is in {} of {} messages", leaks.len(), said.len()))
        });
    }
}
