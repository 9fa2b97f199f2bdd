//! What a plugin makes of a server at which everything goes wrong.

use std::time::{Duration, Instant};

use billkeep_core::sink::{Sink as _, SinkError, Watch};

use super::target::Does;
use super::{Grants, Tried};
use crate::kit::{Kit, PART, skipped, so, words};

/// Stops soon after it has begun.
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

pub(super) fn faults(kit: &mut Kit<'_>, tried: &Tried<'_>) {
    let date = "Fri, 31 Dec 2100 00:00:00 GMT".to_owned();
    let status = |status: u16| Does::Answers(status, None);
    let with =
        |status: u16, name: &'static str, value: &str| Does::Answers(status, Some((name, value.to_owned())));
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
        kit.check(name, what, |kit| {
            if !tried.sends() {
                return skipped("it sends nothing");
            }
            let sink = tried.sink()?;
            tried.target.does(does);
            let put = kit.send(&sink);
            if tried.target.asked().is_empty() {
                return skipped("it sends nothing when an object is put");
            }
            let kind = sink.plugin().last_kind();
            so(put.is_err() && kind.is_some_and(|kind| kinds.contains(&kind)), || {
                format!("{} was expected; it said {kind:?}: {put:?}", kinds.join(" or "))
            })
        });
    }
    kit.check("fault.429-seconds", "how long to wait is taken from the answer", |kit| {
        if !tried.sends() {
            return skipped("it sends nothing");
        }
        let sink = tried.sink()?;
        tried.target.does(Does::Answers(429, Some(("retry-after", "77".to_owned()))));
        let put = kit.send(&sink);
        so(matches!(put, Err(SinkError::Throttled { wait_s: 77, .. })), || format!("{put:?}"))
    });
    kit.check(
        "fault.denied",
        "a host that was not granted is a wrong setting, and nothing to try again",
        |kit| {
            if !tried.sends() {
                return skipped("it sends nothing");
            }
            let grants = Grants { hosts: Vec::new(), ..tried.grants.clone() };
            let sink = tried.sink_with(&grants)?;
            let put = kit.send(&sink);
            let kind = sink.plugin().last_kind();
            so(put.is_err() && kind.is_some_and(|kind| any.contains(&kind)), || {
                format!("it said {kind:?}: {put:?}")
            })
        },
    );
    kit.check("fault.stall", "a server that never answers does not hold it up for ever", |kit| {
        if !tried.sends() {
            return skipped("it sends nothing");
        }
        let grants = Grants { timeout: Duration::from_secs(3), ..tried.grants.clone() };
        let sink = tried.sink_with(&grants)?;
        tried.target.does(Does::Stalls);
        // Its own time is over after three seconds, however busy the machine is: it has to fail, and not to wait for the answer.
        let put = kit.send(&sink);
        so(put.is_err(), || format!("{put:?}"))
    });
    kit.check("again.lost", "an object whose answer was lost is put again, and is there once", |kit| {
        if !tried.sends() {
            return skipped("it sends nothing");
        }
        let sink = tried.sink()?;
        tried.target.does(Does::KeepsAndCuts);
        let first = kit.send(&sink);
        tried.target.does(Does::Keeps);
        kit.send(&sink).map_err(words)?;
        so(matches!(first, Err(SinkError::Passing(_))) && tried.target.objects().len() <= 1, || {
            format!("{first:?}, {:?}", tried.target.objects().keys())
        })
    });
    kit.check("run.cancel", "it comes to an end within two seconds when somebody wants to stop", |kit| {
        if !tried.sends() {
            return skipped("it sends nothing");
        }
        let sink = tried.sink()?;
        tried.target.does(Does::Stalls);
        let staged = kit.staged(if tried.is_whole() { b"bytes" } else { PART })?;
        let start = Instant::now();
        let put = sink.put("a.zip", &staged, &Stops(start));
        if tried.target.asked().is_empty() {
            return skipped("it sends nothing when a part is put");
        }
        // The server never answers: without an end, this would take as long as a call may.
        so(put.is_err(), || format!("{put:?}"))
    });
}
