//! The file, and what the plugin says of itself.

use super::under_test::PluginUnderTest;
use crate::suite::{Outcome, Suite, so};

pub(super) fn file(suite: &mut Suite<'_>, tried: &PluginUnderTest<'_>) {
    suite.check("file.interface", "it was built for an interface that this program speaks", |_| {
        Ok(Outcome::Passed)
    });
    suite.check(
        "file.declares",
        "it declares id, version and licence, so that people know what they trust",
        |_| {
            let Some(declared) = &tried.file.declared else {
                return Ok(Outcome::Failed("it declares nothing".into()));
            };
            let all = [("id", &declared.id), ("version", &declared.version), ("license", &declared.license)];
            let missing: Vec<&str> =
                all.iter().filter(|(_, value)| value.is_empty()).map(|(name, _)| *name).collect();
            so(missing.is_empty(), || format!("`plugin.json` lacks {}", missing.join(", ")))
        },
    );
    suite.check("file.hosts", "it declares the hosts that it sends to, if it sends", |suite| {
        let sink = tried.sink()?;
        let _ = suite.send(&sink);
        let hosts = tried.file.declared.as_ref().map(|declared| declared.hosts.is_empty());
        so(tried.server.asked().is_empty() || hosts == Some(false), || {
            "it sends, and declares no `hosts`".into()
        })
    });
    suite.check("file.size", "it has less than 64 MiB", |_| {
        so(tried.file.bytes < 64 << 20, || format!("it has {} bytes", tried.file.bytes))
    });
    suite.check(
        "describe.whole",
        "it says its name, version, ways of writing and how many at a time",
        |_| {
            let sink = tried.sink()?;
            let d = sink.described();
            so(
                !d.name.is_empty() && !d.version.is_empty() && !d.write_modes.is_empty() && d.at_once > 0,
                || format!("{d:?}"),
            )
        },
    );
    suite.check("describe.schema", "its schema of settings is JSON, and of an object", |_| {
        let sink = tried.sink()?;
        let schema: Result<serde_json::Value, _> = serde_json::from_str(&sink.described().schema);
        match schema {
            Ok(schema) => so(schema.get("type").is_some_and(|t| t == "object"), || {
                "the schema does not say `\"type\": \"object\"`".into()
            }),
            Err(e) => Ok(Outcome::Failed(format!("the schema is no JSON: {e}"))),
        }
    });
    suite.check("describe.same", "it says the same each time", |_| {
        let (a, b) = (tried.sink()?, tried.sink()?);
        so(a.described() == b.described(), || format!("{:?}, {:?}", a.described(), b.described()))
    });
}
