//! What a plugin makes of a server at which everything goes wrong.

use std::time::{Duration, Instant};

use super::super::grants::Grants;
use super::server::Behaviour;
use super::under_test::PluginUnderTest;
use crate::suite::{PART, Suite, skipped, so, words};
use billkeep_core::exports::{Sink as _, SinkError, Watch};

/// Stops soon after it has begun.
struct StopsSoon(Instant);

impl Watch for StopsSoon {
    fn begun(&self, _token: &str) -> Result<(), SinkError> {
        Ok(())
    }

    fn sent(&self, _bytes: u64) {}

    fn stopped(&self) -> bool {
        self.0.elapsed() > Duration::from_millis(300)
    }
}

pub(super) fn faults(suite: &mut Suite<'_>, tried: &PluginUnderTest<'_>) {
    answers(suite, tried);
    waits(suite, tried);
    lost_answer(suite, tried);
    cancel(suite, tried);
}

/// Kinds of errors that no retry repairs.
const PERMANENT: &[&str] = &["config", "fatal", "rejected"];

/// Checks which kind of error the plugin makes of each answer.
fn answers(suite: &mut Suite<'_>, tried: &PluginUnderTest<'_>) {
    let date = "Fri, 31 Dec 2100 00:00:00 GMT".to_owned();
    let status = |status: u16| Behaviour::Answers(status, None);
    let with = |status: u16, name: &'static str, value: &str| {
        Behaviour::Answers(status, Some((name, value.to_owned())))
    };
    for (name, what, does, kinds) in [
        ("fault.401", "401 is told as credentials", status(401), &["auth"][..]),
        ("fault.403", "403 is told as credentials", status(403), &["auth"]),
        ("fault.404", "404 is told as a wrong setting, or a refusal", status(404), PERMANENT),
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
            PERMANENT,
        ),
        ("fault.cut", "a line that is cut may pass", Behaviour::Cuts, &["transient"]),
        ("fault.babble", "an answer that is not HTTP may pass", Behaviour::Babbles, &["transient", "fatal"]),
        ("fault.breaks-off", "an answer that breaks off may pass", Behaviour::BreaksOff, &["transient"]),
        (
            "fault.flood",
            "an answer without an end is no success",
            Behaviour::Floods,
            &["transient", "fatal", "config", "rejected"],
        ),
    ] {
        suite.check(name, what, |suite| {
            if !tried.sends() {
                return skipped("it sends nothing");
            }
            let sink = tried.sink()?;
            tried.server.does(does);
            let put = suite.send(&sink);
            if tried.server.asked().is_empty() {
                return skipped("it sends nothing when an object is put");
            }
            let kind = sink.plugin().last_kind();
            so(put.is_err() && kind.is_some_and(|kind| kinds.contains(&kind)), || {
                format!("{} was expected; it said {kind:?}: {put:?}", kinds.join(" or "))
            })
        });
    }
}

/// Checks how long the plugin waits, and what it does with a host that was not granted.
fn waits(suite: &mut Suite<'_>, tried: &PluginUnderTest<'_>) {
    suite.check("fault.429-seconds", "how long to wait is taken from the answer", |suite| {
        if !tried.sends() {
            return skipped("it sends nothing");
        }
        let sink = tried.sink()?;
        tried.server.does(Behaviour::Answers(429, Some(("retry-after", "77".to_owned()))));
        let put = suite.send(&sink);
        so(matches!(put, Err(SinkError::Throttled { wait_s: 77, .. })), || format!("{put:?}"))
    });
    suite.check(
        "fault.denied",
        "a host that was not granted is a wrong setting, and nothing to try again",
        |suite| {
            if !tried.sends() {
                return skipped("it sends nothing");
            }
            let grants = Grants { hosts: Vec::new(), ..tried.grants.clone() };
            let sink = tried.sink_with(&grants)?;
            let put = suite.send(&sink);
            let kind = sink.plugin().last_kind();
            so(put.is_err() && kind.is_some_and(|kind| PERMANENT.contains(&kind)), || {
                format!("it said {kind:?}: {put:?}")
            })
        },
    );
    suite.check("fault.stall", "a server that never answers does not hold it up for ever", |suite| {
        if !tried.sends() {
            return skipped("it sends nothing");
        }
        let grants = Grants { timeout: Duration::from_secs(3), ..tried.grants.clone() };
        let sink = tried.sink_with(&grants)?;
        tried.server.does(Behaviour::Stalls);
        // Its own time is over after three seconds, however busy the machine is: it has to fail, and not to wait for the answer.
        let put = suite.send(&sink);
        so(put.is_err(), || format!("{put:?}"))
    });
}

fn lost_answer(suite: &mut Suite<'_>, tried: &PluginUnderTest<'_>) {
    suite.check("again.lost", "an object whose answer was lost is put again, and is there once", |suite| {
        if !tried.sends() {
            return skipped("it sends nothing");
        }
        let sink = tried.sink()?;
        tried.server.does(Behaviour::KeepsAndCuts);
        let first = suite.send(&sink);
        tried.server.does(Behaviour::Keeps);
        suite.send(&sink).map_err(words)?;
        so(matches!(first, Err(SinkError::Transient(_))) && tried.server.objects().len() <= 1, || {
            format!("{first:?}, {:?}", tried.server.objects().keys())
        })
    });
}

fn cancel(suite: &mut Suite<'_>, tried: &PluginUnderTest<'_>) {
    suite.check("run.cancel", "it comes to an end within two seconds when somebody wants to stop", |suite| {
        if !tried.sends() {
            return skipped("it sends nothing");
        }
        let sink = tried.sink()?;
        tried.server.does(Behaviour::Stalls);
        let staged = suite.staged(if tried.is_whole() { b"bytes" } else { PART })?;
        let start = Instant::now();
        let put = sink.put("a.zip", &staged, &StopsSoon(start));
        if tried.server.asked().is_empty() {
            return skipped("it sends nothing when a part is put");
        }
        // The server never answers: without an end, this would take as long as a call may.
        so(put.is_err(), || format!("{put:?}"))
    });
}
