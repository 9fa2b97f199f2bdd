//! Secrets, headers, state and log: that it keeps within what it was granted.

use super::super::host::STATE;
use super::under_test::{CANARY, PluginUnderTest};
use crate::suite::{Outcome, Suite, so};
use billkeep_core::exports::Sink as _;

pub(super) fn safety(suite: &mut Suite<'_>, tried: &PluginUnderTest<'_>) {
    suite.check("safe.secrets", "secrets are nowhere but in headers", |suite| {
        if tried.grants.secrets.is_empty() {
            return Ok(Outcome::Skipped("it uses none".into()));
        }
        let sink = tried.sink()?;
        let put = suite.send(&sink);
        let is_in = |bytes: &[u8]| memchr::memmem::find(bytes, CANARY.as_bytes()).is_some();
        let asked = tried.server.asked();
        let leaks = asked.iter().any(|asked| is_in(asked.line.as_bytes()) || is_in(&asked.body));
        let kept = sink.memory().map(|memory| memory.of("")).unwrap_or_default();
        let said = tried.said();
        let leaks = leaks || kept.iter().any(|(name, value)| is_in(name.as_bytes()) || is_in(value));
        so(!leaks && !is_in(said.as_bytes()) && !is_in(format!("{put:?}").as_bytes()), || {
            "a secret is in a URL, a body, the state, the log or an error".into()
        })
    });
    suite.check("safe.headers", "it sends no header twice, and none without a value", |suite| {
        let sink = tried.sink()?;
        let _ = suite.send(&sink);
        let mut odd = Vec::new();
        for asked in tried.server.asked() {
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
    suite.check("safe.state", "it remembers no more than it declares", |suite| {
        let sink = tried.sink()?;
        let _ = suite.send(&sink);
        let kept: usize = sink
            .memory()
            .map(|m| m.of(STATE))
            .unwrap_or_default()
            .iter()
            .map(|(n, v)| n.len() + v.len())
            .sum();
        so(kept as u64 <= tried.grants.state_bytes.max(1), || {
            format!("{kept} bytes; {} were declared", tried.grants.state_bytes)
        })
    });
    suite.check("safe.log", "it says less than 16 KB for an object", |suite| {
        let before = tried.said().len();
        let sink = tried.sink()?;
        let _ = suite.send(&sink);
        let said = tried.said().len() - before;
        so(said < 16_000, || format!("{said} bytes"))
    });
}
