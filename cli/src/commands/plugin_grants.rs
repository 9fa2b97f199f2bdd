//! What plugins may do: read from options, granted, shown before a file is trusted.

use std::path::Path;

use billkeep_sinks::Options;
use billkeep_sinks::wasm::{Grants, PluginFile, Takes};

use crate::args::GrantArgs;
use crate::context::Context;
use crate::error::CommandError;
use crate::progress::Waiting;
use billkeep_core::deliveries::SinkRecord;
use billkeep_core::values::hex;

/// Smaller plugins are compiled before anybody notices.
const COMPILED_AT_ONCE_BYTES: u64 = 2 << 20;

/// Makes the path in a `wasm:` URL absolute; leaves other URLs as they are.
pub(super) fn absolute(url: &str) -> Result<String, CommandError> {
    let Some(path) = url.strip_prefix("wasm:") else { return Ok(url.to_owned()) };
    let path = path.strip_prefix("//").unwrap_or(path);
    let path = std::path::absolute(path).map_err(|e| CommandError::user(format!("`{path}`: {e}")))?;
    Ok(format!("wasm:{}", path.display()))
}

/// Adds what is granted to a sink's options; of a plugin, the hash of its file and what it declares as well. Returns the file, so that
/// what is looked at, shown and opened is one and the same.
pub(super) fn grant(
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
pub(super) fn grant_to(
    file: &PluginFile,
    grants: &GrantArgs,
    options: &mut Options,
) -> Result<(), CommandError> {
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

pub(super) fn read(path: &Path) -> Result<PluginFile, CommandError> {
    PluginFile::read(path).map_err(|e| CommandError::user(e.to_string()))
}

pub(super) fn grants(record: &SinkRecord) -> Result<Grants, CommandError> {
    Grants::of(&record.options()?.of_sink).map_err(|e| CommandError::user(e.to_string()))
}

/// Shows what a plugin asks for and what it is given; refuses one that declares more than it is given.
pub(super) fn show_before_trusting(
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
pub(super) fn compiling(context: &Context, file: &PluginFile) -> Waiting {
    let words = format!("compiling `{}`, if this is the first time that it is used here", file.name());
    let large = file.bytes > COMPILED_AT_ONCE_BYTES;
    let shown = large && context.shows_progress();
    if large && !shown {
        context.say("The first time that it is used here, it is compiled; that takes some seconds.");
    }
    Waiting::new(shown, words)
}
