//! `plugin doctor`: which tools there are for building plugins.

use std::path::Path;
use std::process::{Command, Stdio};

use super::project;
use super::tools::{TARGET, componentize_py, python, zig};
use crate::args::Lang;
use crate::context::Context;
use crate::error::CommandError;
use crate::output::{Column, Table};

/// Says which package of a project is missing, without loading it.
const JS_LOOK: &str = "
import.meta.resolve('@bytecodealliance/componentize-js');
console.log('there');
";

/// Something that building needs.
struct Need {
    lang: Lang,
    what: &'static str,
    /// The first line that it says of itself.
    there: Option<String>,
    how: &'static str,
}

/// Lists what there is for building plugins, and how to get what is missing. Fails when the language of a project, or the one that
/// was named, lacks something; without either, when none can be built in.
pub(super) fn doctor(context: &Context, dir: Option<&Path>, lang: Option<Lang>) -> Result<(), CommandError> {
    let of_project = dir.map(project::language).transpose()?;
    let asked = lang.or(of_project);
    let mut needs = needs(dir.unwrap_or(Path::new(".")), asked);
    needs.retain(|need| asked.is_none_or(|lang| lang == need.lang));
    let columns = ["language", "needs", "there", "how to get it"].map(Column::text);
    let mut table = Table::new("billkeep.plugin.doctor/1", columns.to_vec());
    for Need { lang, what, there, how } in &needs {
        let (there, how) = match there {
            Some(there) => (there.as_str(), ""),
            None => ("no", *how),
        };
        table.rows.push([word(*lang), what, there, how].map(str::to_owned).to_vec());
    }
    context.print(&table)?;
    let is_whole =
        |lang: Lang| needs.iter().filter(|need| need.lang == lang).all(|need| need.there.is_some());
    let complete: Vec<&str> = [Lang::Rust, Lang::C, Lang::Python, Lang::Js]
        .into_iter()
        .filter(|l| is_whole(*l))
        .map(word)
        .collect();
    match asked {
        Some(lang) if is_whole(lang) => context.say(&format!("Plugins in {} can be built.", word(lang))),
        Some(lang) => {
            return Err(CommandError::user(format!("plugins in {} cannot be built here", word(lang)))
                .hint("install what the table says is missing"));
        }
        None if complete.is_empty() => {
            return Err(CommandError::user("plugins can be built in no language here")
                .hint("install what the language of your choice needs"));
        }
        None => context.say(&format!("Plugins can be built in: {}.", complete.join(", "))),
    }
    Ok(())
}

fn word(lang: Lang) -> &'static str {
    match lang {
        Lang::Rust => "rust",
        Lang::C => "c",
        Lang::Python => "python",
        Lang::Js => "js",
    }
}

/// Looks for everything; what a language alone needs of a project is looked for in its folder.
fn needs(dir: &Path, asked: Option<Lang>) -> Vec<Need> {
    let library = said("rustc", &["--print", "target-libdir", "--target", TARGET], dir);
    let python = python();
    let zig = zig(&python)
        .into_iter()
        .find_map(|(program, before)| said(program, &[before, &["version"]].concat(), dir));
    let need = |lang, what, there, how| Need { lang, what, there, how };
    let mut needs = vec![
        need(Lang::Rust, "cargo", said("cargo", &["--version"], dir), "install Rust with rustup"),
        need(
            Lang::Rust,
            "target wasm32-unknown-unknown",
            library.filter(|path| Path::new(path).is_dir()),
            "rustup target add wasm32-unknown-unknown",
        ),
        need(Lang::C, "zig", zig, "pip install ziglang"),
        need(
            Lang::Python,
            "componentize-py",
            said(&componentize_py(), &["--version"], dir),
            "pip install componentize-py",
        ),
        need(Lang::Js, "node", said("node", &["--version"], dir), "install Node.js 20 or later"),
    ];
    // A package of Node.js belongs to a project. Elsewhere, there is nothing to look into.
    if asked == Some(Lang::Js) || dir.join("plugin.js").exists() {
        let there = said("node", &["--input-type=module", "-e", JS_LOOK], dir);
        needs.push(need(Lang::Js, "componentize-js", there, "`npm install` in the project's folder"));
    }
    needs
}

/// Returns the first line that a program writes, if it can be run.
fn said(program: &str, args: &[&str], dir: &Path) -> Option<String> {
    let output = Command::new(program)
        .args(args)
        .current_dir(dir)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()
        .filter(|output| output.status.success())?;
    String::from_utf8_lossy(&output.stdout).lines().next().map(|line| line.trim().to_owned())
}
