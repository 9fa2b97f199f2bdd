//! Settings: accepted or refused with words, and nothing is sent meanwhile.

use super::super::plugin::Plugin;
use super::under_test::PluginUnderTest;
use crate::suite::{Outcome, Suite, so, words};

/// Names the settings of a schema.
pub(super) fn names(schema: &str) -> Vec<String> {
    let schema: serde_json::Value = serde_json::from_str(schema).unwrap_or_default();
    schema["properties"].as_object().map(|p| p.keys().cloned().collect()).unwrap_or_default()
}

/// Has a plugin look at settings, whatever it says of them.
pub(super) fn look_at(plugin: &Plugin, some: &[(String, &str)]) -> Result<(), String> {
    let field = |(name, value): &(String, &str)| -> Result<String, serde_json::Error> {
        Ok(format!("{}:{value}", serde_json::to_string(name)?))
    };
    let fields: Result<Vec<String>, _> = some.iter().map(field).collect();
    let fields = fields.map_err(|e| e.to_string())?.join(",");
    plugin.validate(&format!("{{{fields}}}")).map(drop).map_err(words)
}

pub(super) fn settings(suite: &mut Suite<'_>, tried: &PluginUnderTest<'_>) {
    suite.check("settings.given", "it accepts the settings that were given", |_| {
        tried.sink().map(|_| Outcome::Passed)
    });
    suite.check("settings.none", "without settings it says what is missing, and does not break off", |_| {
        tried.plugin()?.validate("{}").map(|_| Outcome::Passed).map_err(words)
    });
    suite.check("settings.fields", "it says of each wrong setting where it is", |_| {
        let problems = tried.plugin()?.validate("{}").map_err(words)?;
        let nowhere: Vec<&str> = problems
            .iter()
            .filter(|p| p.field.as_deref().is_none_or(|f| !f.starts_with('/')))
            .map(|p| p.message.as_str())
            .collect();
        so(nowhere.is_empty(), || format!("problems without a JSON pointer: {nowhere:?}"))
    });
    suite.check("settings.no-json", "settings that are no JSON object are a problem, and not an end", |_| {
        let plugin = tried.plugin()?;
        for text in ["", "null", "[]", "{", "\"x\"", "{\"a\":1e999}"] {
            let problems = plugin.validate(text).map_err(words)?;
            if problems.is_empty() && text != "{\"a\":1e999}" {
                return Ok(Outcome::Failed(format!("`{text}` was accepted")));
            }
        }
        Ok(Outcome::Passed)
    });
    suite.check("settings.quiet", "looking at settings sends nothing", |_| {
        tried.sink()?;
        so(tried.server.asked().is_empty(), || format!("{} requests were sent", tried.server.asked().len()))
    });
}
