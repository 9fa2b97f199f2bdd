//! `plugin`: sinks that somebody else has written.

mod project;
mod test;
mod tools;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use billkeep_core::bounded::{self, SETTINGS_BYTES_MAX};
use billkeep_core::digest::hex;
use billkeep_core::error::Kind;
use billkeep_core::export::Audience;
use billkeep_core::own_folder;
use billkeep_core::storage::{self, SinkRecord};
use billkeep_sinks::Options;
use billkeep_sinks::wasm::{
    ChildCompiler, Declared, Form, Grants, Listener, PluginFile, Takes, UnreadPlugin,
};

use crate::args::{GrantArgs, Plugin as Command};
use crate::context::Context;
use crate::error::CommandError;
use crate::out_file::{For, OutFile};
use crate::output::{self, Column, Table};
use crate::progress::Waiting;

use super::sink;

pub(crate) fn run(context: &Context, command: Command) -> Result<(), CommandError> {
    match command {
        Command::New { name, lang } => project::new(context, &name, lang),
        Command::Doctor { dir, lang } => tools::doctor(context, dir.as_deref(), lang),
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

/// Smaller plugins are compiled before anybody notices.
const COMPILED_AT_ONCE_BYTES: u64 = 2 << 20;

/// Says whether all that plugins say is shown, or only what matters.
static HEARD: AtomicBool = AtomicBool::new(false);

/// Shows people what a plugin says.
pub(crate) fn listener() -> Option<Listener> {
    Some(Arc::new(|line| {
        if HEARD.load(Ordering::Relaxed) || ["warn", "error"].contains(&line.level) {
            output::words(&format!("  plugin, {}: {}", line.level, line.text));
        }
    }))
}

/// Makes the path in a `wasm:` URL absolute; leaves other URLs as they are.
pub(crate) fn absolute(url: &str) -> Result<String, CommandError> {
    let Some(path) = url.strip_prefix("wasm:") else { return Ok(url.to_owned()) };
    let path = path.strip_prefix("//").unwrap_or(path);
    let path = std::path::absolute(path).map_err(|e| CommandError::user(format!("`{path}`: {e}")))?;
    Ok(format!("wasm:{}", path.display()))
}

/// Adds what is granted to a sink's options; of a plugin, the hash of its file and what it declares as well. Returns the file, so that
/// what is looked at, shown and opened is one and the same.
pub(crate) fn grant(
    url: &str,
    grants: &GrantArgs,
    options: &mut Options,
) -> Result<Option<PluginFile>, CommandError> {
    let Some(path) = url.strip_prefix("wasm:") else {
        let GrantArgs { hosts, secrets, state, memory, settings } = grants;
        let none = hosts.is_empty() && secrets.is_empty() && state.is_none() && memory.is_none();
        if none && settings.is_empty() {
            return Ok(None);
        }
        return Err(CommandError::user(
            "`--allow-host`, `--allow-secret`, `--allow-state`, `--allow-memory` and `--set` are for plugins (`wasm:` URLs)",
        ));
    };
    let file = read(Path::new(path))?;
    grant_to(&file, grants, options)?;
    Ok(Some(file))
}

/// Adds what is granted to a file that was read, which is looked at once only.
fn grant_to(file: &PluginFile, grants: &GrantArgs, options: &mut Options) -> Result<(), CommandError> {
    pin(file, options);
    let mut add = |name: &str, words: &[String]| {
        let granted = options.get(name).cloned().unwrap_or_default();
        let mut all: Vec<&str> = granted.split_whitespace().collect();
        all.extend(
            words.iter().map(String::as_str).filter(|word| !granted.split_whitespace().any(|w| w == *word)),
        );
        if !all.is_empty() {
            options.insert(name.to_owned(), all.join(" "));
        }
    };
    add("allow_hosts", &grants.hosts);
    add("allow_secrets", &grants.secrets);
    if let Some(state) = &grants.state {
        options.insert("allow_state".to_owned(), state.clone());
    }
    if let Some(memory) = &grants.memory {
        options.insert("memory".to_owned(), memory.clone());
    }
    for setting in &grants.settings {
        let (name, value) = setting
            .split_once('=')
            .ok_or_else(|| CommandError::user(format!("`--set {setting}`: write a setting as NAME=VALUE")))?;
        options.insert(format!("set.{name}"), value.to_owned());
    }
    Ok(())
}

/// Notes which file is trusted, and what it said of itself.
fn pin(file: &PluginFile, options: &mut Options) {
    options.insert("sha256".to_owned(), hex(&file.sha256));
    match file.declared.as_ref().and_then(|declared| serde_json::to_string(declared).ok()) {
        Some(declared) => options.insert("declared".to_owned(), declared),
        None => options.remove("declared"),
    };
}

fn read(path: &Path) -> Result<PluginFile, CommandError> {
    PluginFile::read(path).map_err(|e| CommandError::user(e.to_string()))
}

fn grants(record: &SinkRecord) -> Result<Grants, CommandError> {
    Grants::of(&record.options()?.of_sink).map_err(|e| CommandError::user(e.to_string()))
}

/// Shows what a plugin asks for and what it is given; refuses one that declares more than it is given.
pub(crate) fn show_before_trusting(
    context: &Context,
    file: &PluginFile,
    record: &SinkRecord,
) -> Result<(), CommandError> {
    let granted = grants(record)?;
    context.say(&format!(
        "Plugin `{}`, sha256 {}, may do this and nothing else:",
        file.name(),
        hex(&file.sha256)
    ));
    let hosts: Vec<String> = granted.hosts.iter().map(ToString::to_string).collect();
    let secret = |(name, host): (&String, &Option<String>)| match host {
        Some(host) => format!("{name} (for {host} only)"),
        None => name.clone(),
    };
    let secrets: Vec<String> = granted.secrets.iter().map(secret).collect();
    for (what, words) in [
        ("send to", hosts.join(", ")),
        ("use secrets", secrets.join(", ")),
        (
            "remember",
            if granted.state_bytes > 0 { format!("{} bytes", granted.state_bytes) } else { String::new() },
        ),
        ("use memory", format!("{} MiB", granted.memory_bytes >> 20)),
    ] {
        context.say(&format!("  {what:<12} {}", if words.is_empty() { "-" } else { &words }));
    }
    let Some(declared) = &file.declared else {
        context.say("It does not declare what it needs (`billkeep plugin inspect` shows what it imports).");
        return Ok(());
    };
    if declared.takes == Takes::Derived {
        context.say("It makes something of its own of each object: nobody can tell from outside whether that is whole.");
    }
    let mut lacks = Vec::new();
    let granted_of =
        |want: &String| granted.hosts.iter().any(|host| want.parse().is_ok_and(|want| *host == want));
    lacks.extend(
        declared
            .hosts
            .iter()
            .filter(|host| *host != "*" && !granted_of(host))
            .map(|host| format!("--allow-host {host}")),
    );
    if declared.hosts.iter().any(|host| host == "*") && granted.hosts.is_empty() {
        lacks.push("--allow-host HOST:PORT (the one that its settings name)".to_owned());
    }
    lacks.extend(
        declared
            .secrets
            .iter()
            .filter(|name| !granted.secrets.contains_key(*name))
            .map(|n| format!("--allow-secret {n}")),
    );
    if declared.state_bytes > granted.state_bytes {
        lacks.push(format!("--allow-state {}", declared.state_bytes));
    }
    if declared.memory_bytes > granted.memory_bytes {
        lacks.push(format!("--allow-memory {}MiB", declared.memory_bytes.div_ceil(1 << 20)));
    }
    if lacks.is_empty() {
        return Ok(());
    }
    Err(CommandError::user(format!("plugin `{}` needs more than it is given", file.name()))
        .hint(format!("if you want that, add {}", lacks.join(" "))))
}

/// Shows that something goes on while a large plugin is compiled, which it is when it is first used; until the value is dropped.
pub(crate) fn compiling(context: &Context, file: &PluginFile) -> Waiting {
    let words = format!("compiling `{}`, if this is the first time that it is used here", file.name());
    let large = file.bytes > COMPILED_AT_ONCE_BYTES;
    let shown = large && context.shows_progress();
    if large && !shown {
        context.say("The first time that it is used here, it is compiled; that takes some seconds.");
    }
    Waiting::new(shown, words)
}

fn inspect(context: &Context, path: &Path) -> Result<(), CommandError> {
    let file = read(path)?;
    let columns = ["what", "value"].map(Column::text);
    let mut table = Table::new("billkeep.plugin.inspect/1", columns.to_vec());
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
    table.print(context)?;
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
    HEARD.store(true, Ordering::Relaxed);
    let url = absolute(&format!("wasm:{}", path.display()))?;
    let mut options = Options::new();
    let file = grant(&url, given, &mut options)?;
    let record = sink::record(context, "plugin".into(), url, options, Audience::Partner)?;
    if let Some(file) = &file {
        show_before_trusting(context, file, &record)?;
        // Compiled now, since this is where somebody waits for it.
        let _waiting = compiling(context, file);
        sink::opened(&record, Some(file)).map_err(|e| CommandError::user(e.to_string()))?;
    }
    // A new folder for its owner alone, whatever others have put there; it goes at the end.
    let dir = temporary_folder("billkeep-plugin-run-")?;
    super::demo::through(context, dir.path(), &record)
}

/// Makes a new folder among the temporary files.
fn temporary_folder(prefix: &str) -> Result<tempfile::TempDir, CommandError> {
    let folder = own_folder::temporary_folder(&std::env::temp_dir(), prefix);
    folder.map_err(|e| CommandError::user(format!("no temporary folder can be made: {e}")))
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
    for record in storage::sinks(&store.read()?)? {
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
        let pinned = bounded::read_file_or_pipe(path, SETTINGS_BYTES_MAX)
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
    let columns = ["sink", "id", "version", "sha256", "now", "file"].map(Column::text);
    let mut table = Table::new("billkeep.plugin.list/1", columns.to_vec());
    for pinned in all {
        let Pinned { sink, path, id, version, sha256, now } = pinned;
        table.rows.push(vec![sink, id, version, sha256, now, path.display().to_string()]);
    }
    table.print(context)
}

fn trust(context: &Context, name: &str, given: &GrantArgs, yes: bool) -> Result<(), CommandError> {
    let store = context.write()?;
    let record = storage::sink(&store.read()?, name)?;
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
    sink::opened(&changed, Some(&file)).map_err(|e| CommandError::user(e.to_string()))?;
    drop(waiting);
    if !yes && !output::agreed(&format!("Trust this file for sink `{name}`?"))? {
        return Err(CommandError::user("nothing was changed").hint("say yes at a terminal, or `--yes`"));
    }
    let why = format!("plugin trusted: sha256 {now}, was {then}");
    storage::change_sink(store.write()?, name, changed.options, &why, &context.actor())?;
    context.say(&format!("Sink `{name}` trusts the plugin with sha256 {now}."));
    Ok(store.close()?)
}
