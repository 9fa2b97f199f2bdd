//! `plugin test`: runs the conformance suite of plugins, and reports on it.

use std::path::Path;

use billkeep_core::error::Kind;
use billkeep_sinks::wasm::Grants;
use billkeep_sinks::wasm::suite::{self, Check, Outcome, PluginSubject};

use super::super::plugin_grants;
use super::temporary_folder::temporary_folder;
use crate::args::GrantArgs;
use crate::context::Context;
use crate::error::CommandError;
use crate::out_file::{For, OutFile};
use crate::output::{Table, columns};

pub(super) fn test(
    context: &Context,
    path: &Path,
    given: &GrantArgs,
    junit: Option<&Path>,
    only: Option<&str>,
) -> Result<(), CommandError> {
    let file = plugin_grants::read(path)?;
    let url = plugin_grants::absolute(&format!("wasm:{}", path.display()))?;
    let mut options = billkeep_sinks::Options::new();
    plugin_grants::grant(&url, given, &mut options)?;
    let grants = Grants::of(&options).map_err(|e| CommandError::user(e.to_string()))?;
    let stage = temporary_folder("billkeep-plugin-test-")?;
    let waiting = plugin_grants::compiling(context, &file);
    let checked = suite::run(&PluginSubject { file: &file, grants: &grants, only, stage: stage.path() });
    drop(waiting);
    drop(stage);
    let checked = checked.map_err(CommandError::user)?;
    let columns = columns("check result what seen");
    let mut table = Table::new("billkeep.plugin.test/1", columns);
    for Check { name, what, outcome, .. } in &checked {
        let (result, seen) = match outcome {
            Outcome::Passed => ("passed", ""),
            Outcome::Failed(seen) => ("FAILED", seen.as_str()),
            Outcome::Skipped(why) => ("skipped", why.as_str()),
        };
        table.rows.push([name, result, what, seen].map(str::to_owned).to_vec());
    }
    context.print(&table)?;
    if let Some(path) = junit {
        OutFile::write_all_to(context, path, For::All, xml(&file.name(), &checked).as_bytes())?;
    }
    let count = |is: fn(&Outcome) -> bool| checked.iter().filter(|c| is(&c.outcome)).count();
    let passed = count(|o| *o == Outcome::Passed);
    let failed: Vec<&str> =
        checked.iter().filter(|c| matches!(c.outcome, Outcome::Failed(_))).map(|c| c.name.as_str()).collect();
    let skipped = count(|o| matches!(o, Outcome::Skipped(_)));
    if checked.is_empty() {
        return Err(CommandError::user(format!("there is no check `{}`", only.unwrap_or_default())));
    }
    let sentence =
        format!("{passed} checks passed, {} failed, {skipped} make no sense for this plugin", failed.len());
    match failed.first() {
        None => {
            context.say(&format!("{sentence}."));
            Ok(())
        }
        Some(first) => Err(CommandError::new(Kind::User, sentence).hint(format!(
            "one alone: `billkeep plugin test {} --only {first}` with the same settings",
            path.display()
        ))),
    }
}

/// Writes the report as JUnit's XML.
fn xml(name: &str, checked: &[Check]) -> String {
    let text = |text: &str| {
        let plain: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        plain.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
    };
    let count = |is: fn(&Outcome) -> bool| checked.iter().filter(|c| is(&c.outcome)).count();
    let mut xml = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" skipped=\"{}\">\n",
        text(name),
        checked.len(),
        count(|o| matches!(o, Outcome::Failed(_))),
        count(|o| matches!(o, Outcome::Skipped(_)))
    );
    for Check { name, what, outcome, took } in checked {
        let (name, what, ms) = (text(name), text(what), took.as_millis());
        let inside = match outcome {
            Outcome::Passed => String::new(),
            Outcome::Failed(seen) => format!("<failure message=\"{}\"/>", text(seen)),
            Outcome::Skipped(why) => format!("<skipped message=\"{}\"/>", text(why)),
        };
        let (s, rest) = (ms / 1_000, ms % 1_000);
        xml.push_str(&format!(
            "  <testcase classname=\"{name}\" name=\"{what}\" time=\"{s}.{rest:03}\">{inside}</testcase>\n"
        ));
    }
    xml.push_str("</testsuite>\n");
    xml
}
