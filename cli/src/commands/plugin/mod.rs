//! `plugin`: sinks that somebody else has written.

mod doctor;
mod project;
mod temporary_folder;
mod test;
mod tools;

use std::path::{Path, PathBuf};

use billkeep_core::error::Kind;

use billkeep_sinks::Options;
use billkeep_sinks::wasm::{ChildCompiler, Declared, Form, Takes, UnreadPlugin};

use self::temporary_folder::temporary_folder;
use crate::args::{GrantArgs, Plugin as Command};
use crate::context::Context;
use crate::error::CommandError;
use crate::out_file::{For, OutFile};
use crate::output::{self, Table, columns};

use super::open_sink;
use super::plugin_grants::{absolute, compiling, grant, grant_to, grants, read, show_before_trusting};
use billkeep_core::deliveries::SinkRecord;
use billkeep_core::engine::OutsideFile;
use billkeep_core::engine::SETTINGS_BYTES_MAX;
use billkeep_core::exports::Audience;
use billkeep_core::values::hex;

pub(crate) fn run(context: &Context, command: Command) -> Result<(), CommandError> {
    match command {
        Command::New { name, lang } => project::new(context, &name, lang),
        Command::Doctor { dir, lang } => doctor::doctor(context, dir.as_deref(), lang),
        Command::Build { dir } => project::build(context, &dir).map(drop),
        Command::Inspect { file } => inspect(context, &file),
        Command::Test { file, grants, junit, only } => {
            test::test(context, &file, &grants, junit.as_deref(), only.as_deref())
        }
        Command::Run { file, grants } => through(context, &file, &grants),
        Command::List { lock, check } => list(context, lock.as_deref(), check.as_deref()),
        Command::Trust { sink, grants, yes } => trust(context, &sink, &grants, yes),
        Command::Compile => compile(),
    }
}

/// Has plugins compiled by this program in a process of its own, which has limits and can be ended.
pub(crate) fn compile_apart() {
    // The program may have been replaced by a newer one meanwhile, which this name does not mind.
    let own = Path::new("/proc/self/exe");
    let program = if own.exists() { Ok(own.to_owned()) } else { std::env::current_exe() };
    // Without its own path, nothing could be started; each plugin then says so.
    let program = program.unwrap_or_else(|_| PathBuf::from("billkeep"));
    let compiler = ChildCompiler::new(program, &["plugin", "compile"], crate::stop::is_asked);
    billkeep_sinks::wasm::compile_with(compiler);
}

/// Is that process.
fn compile() -> Result<(), CommandError> {
    let gone = || std::process::exit(1);
    Ok(billkeep_sinks::wasm::compile_for_parent(std::io::stdin(), std::io::stdout(), gone)?)
}

fn inspect(context: &Context, path: &Path) -> Result<(), CommandError> {
    let file = read(path)?;
    let columns = columns("what value");
    let mut table = Table::new("billkeep.plugin.inspect/1", columns);
    let mut row = |what: &str, value: String| table.rows.push(vec![what.to_owned(), value]);
    row("file", path.display().to_string());
    row("sha256", hex(&file.sha256));
    row("bytes", file.bytes.to_string());
    row("form", if file.form == Form::Component { "component" } else { "module" }.to_owned());
    row("interface", format!("billkeep:sink {}", file.interface));
    row("looks", if file.is_readable() { "yes" } else { "no" }.to_owned());
    if let Some(declared) = &file.declared {
        for (what, value) in words(declared) {
            row(what, value);
        }
    }
    file.imports.iter().for_each(|name| row("imports", name.clone()));
    file.exports.iter().for_each(|name| row("exports", name.clone()));
    context.print(&table)?;
    if file.declared.is_none() {
        context.say("It declares nothing: what it needs is known from its documentation alone.");
    }
    Ok(())
}

/// Tells what a plugin declares.
fn words(declared: &Declared) -> Vec<(&'static str, String)> {
    let takes = if declared.takes == Takes::Whole { "every byte" } else { "makes something else of it" };
    vec![
        ("id", declared.id.clone()),
        ("version", declared.version.clone()),
        ("about", declared.about.clone()),
        ("wants hosts", declared.hosts.join(", ")),
        ("wants secrets", declared.secrets.join(", ")),
        ("wants state", format!("{} bytes", declared.state_bytes)),
        (
            "wants memory",
            if declared.memory_bytes == 0 {
                "as usual".into()
            } else {
                format!("{} bytes", declared.memory_bytes)
            },
        ),
        ("takes", takes.to_owned()),
        ("license", declared.license.clone()),
        ("docs", declared.docs.clone()),
    ]
}

/// Delivers bundled bills through a plugin, from a store that is gone afterwards.
fn through(context: &Context, path: &Path, given: &GrantArgs) -> Result<(), CommandError> {
    open_sink::show_all_plugin_lines();
    let url = absolute(&format!("wasm:{}", path.display()))?;
    let mut options = Options::new();
    let file = grant(&url, given, &mut options)?;
    let record = open_sink::record(context, "plugin".into(), url, options, Audience::Partner)?;
    if let Some(file) = &file {
        show_before_trusting(context, file, &record)?;
        // Compiled now, since this is where somebody waits for it.
        let _waiting = compiling(context, file);
        open_sink::opened(&record, Some(file)).map_err(|e| CommandError::user(e.to_string()))?;
    }
    // A new folder for its owner alone, whatever others have put there; it goes at the end.
    let dir = temporary_folder("billkeep-plugin-run-")?;
    super::demo::through(context, dir.path(), &record)
}

/// A sink's plugin, as it was trusted.
struct Pinned {
    sink: String,
    path: PathBuf,
    id: String,
    version: String,
    sha256: String,
    /// `trusted`, `changed`, or why it cannot be read.
    now: String,
}

fn pinned(context: &Context) -> Result<Vec<Pinned>, CommandError> {
    let store = context.read()?;
    let mut all = Vec::new();
    for record in SinkRecord::list(&store.read()?)? {
        let Some(path) = record.url.strip_prefix("wasm:") else { continue };
        let trusted = grants(&record)?.sha256;
        let declared = declared_then(&record);
        // Only its hash is compared: whatever lies there now, nothing looks into it.
        let now = match UnreadPlugin::read(Path::new(path)) {
            Ok(file) if Some(file.sha256) == trusted => "trusted".to_owned(),
            Ok(_) => "changed".to_owned(),
            Err(e) => e.to_string(),
        };
        all.push(Pinned {
            sink: record.name.clone(),
            path: PathBuf::from(path),
            id: declared.id,
            version: declared.version,
            sha256: trusted.map(|hash| hex(&hash)).unwrap_or_default(),
            now,
        });
    }
    Ok(all)
}

fn declared_then(record: &SinkRecord) -> Declared {
    record.options.get("declared").and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
}

fn list(context: &Context, lock: Option<&Path>, check: Option<&Path>) -> Result<(), CommandError> {
    let all = pinned(context)?;
    let text: String =
        std::iter::once("# billkeep plugins, version 1: sink, id, version, sha256\n".to_owned())
            .chain(all.iter().map(|p| format!("{}\t{}\t{}\t{}\n", p.sink, p.id, p.version, p.sha256)))
            .collect();
    if let Some(path) = lock {
        OutFile::write_all_to(context, path, For::All, text.as_bytes())?;
        context.say(&format!("Wrote the hashes of {} plugins to `{}`.", all.len(), path.display()));
        return Ok(());
    }
    if let Some(path) = check {
        let pinned = OutsideFile::read_or_pipe(path, SETTINGS_BYTES_MAX)
            .map_err(|e| CommandError::user(format!("`{}`: {e}", path.display())))?;
        let pinned = String::from_utf8_lossy(&pinned).into_owned();
        if pinned == text {
            context.say(&format!("All {} plugins are those of `{}`.", all.len(), path.display()));
            return Ok(());
        }
        let odd = |a: &str, b: &str| {
            a.lines().filter(|line| !b.lines().any(|l| l == *line)).map(str::to_owned).collect::<Vec<_>>()
        };
        let (missing, more) = (odd(&pinned, &text), odd(&text, &pinned));
        let words = format!("pinned, and not so here: {missing:?}; here, and not pinned so: {more:?}");
        return Err(CommandError::new(
            Kind::Refused,
            format!("the plugins are not those of `{}`: {words}", path.display()),
        ));
    }
    let columns = columns("sink id version sha256 now file");
    let mut table = Table::new("billkeep.plugin.list/1", columns);
    for pinned in all {
        let Pinned { sink, path, id, version, sha256, now } = pinned;
        table.rows.push(vec![sink, id, version, sha256, now, path.display().to_string()]);
    }
    context.print(&table)
}

fn trust(context: &Context, name: &str, given: &GrantArgs, yes: bool) -> Result<(), CommandError> {
    let store = context.write()?;
    let record = SinkRecord::get(&store.read()?, name)?;
    let Some(path) = record.url.strip_prefix("wasm:") else {
        return Err(CommandError::user(format!("sink `{name}` is no plugin")));
    };
    let file = read(Path::new(path))?;
    let now = hex(&file.sha256);
    let then = record.options.get("sha256").cloned().unwrap_or_default();
    let mut options = record.options.clone();
    grant_to(&file, given, &mut options)?;
    if options == record.options {
        context
            .say(&format!("The plugin of sink `{name}` is the file that is trusted already, sha256 {now}."));
        return Ok(store.close()?);
    }
    context.say(&format!("sha256 was {then}\n    is now {now}"));
    let (before, after) = (words(&declared_then(&record)), words(&file.declared.clone().unwrap_or_default()));
    let mut differs = false;
    for ((what, was), (_, is)) in before.iter().zip(&after) {
        if was != is {
            differs = true;
            context.say(&format!("{what}: was `{was}`, is `{is}`"));
        }
    }
    if !differs {
        context.say("It declares what it declared before.");
    }
    let changed = SinkRecord { options, ..record };
    show_before_trusting(context, &file, &changed)?;
    // It has to accept the settings that there are, or nothing could be delivered.
    let waiting = compiling(context, &file);
    open_sink::opened(&changed, Some(&file)).map_err(|e| CommandError::user(e.to_string()))?;
    drop(waiting);
    if !yes && !output::agreed(&format!("Trust this file for sink `{name}`?"))? {
        return Err(CommandError::user("nothing was changed").hint("say yes at a terminal, or `--yes`"));
    }
    let why = format!("plugin trusted: sha256 {now}, was {then}");
    store.transact(|tx| tx.change_sink(name, changed.options, &why, &context.actor()))?;
    context.say(&format!("Sink `{name}` trusts the plugin with sha256 {now}."));
    Ok(store.close()?)
}
