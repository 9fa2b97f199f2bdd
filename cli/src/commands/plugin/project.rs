//! Projects of plugins: made, built, and what that needs.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use billkeep_core::digest::hex;
use billkeep_sinks::wasm::{Declared, PluginFile, SECTION};
use serde_json::Value;

use crate::args::Lang;
use crate::context::Context;
use crate::error::CommandError;
use crate::output::{Column, Table};

/// The target that guests in Rust are built for.
const TARGET: &str = "wasm32-unknown-unknown";
const DECLARED: &str = "plugin.json";

/// The linker writes addresses as short as they are, instead of five bytes each: a twelfth of a plugin. It cannot do so beside tables
/// for debuggers, which nothing here reads.
const SMALLER: [&str; 2] = ["-Clink-arg=--strip-debug", "-Clink-arg=--compress-relocations"];

/// The guest crate, which goes with each project: it has to be that of this program.
const SDK: [(&str, &str); 8] = [
    ("src/lib.rs", include_str!("../../../../plugins/sdk/src/lib.rs")),
    ("src/rt.rs", include_str!("../../../../plugins/sdk/src/rt.rs")),
    ("src/error.rs", include_str!("../../../../plugins/sdk/src/error.rs")),
    ("src/http.rs", include_str!("../../../../plugins/sdk/src/http.rs")),
    ("src/json.rs", include_str!("../../../../plugins/sdk/src/json.rs")),
    ("src/settings.rs", include_str!("../../../../plugins/sdk/src/settings.rs")),
    ("src/bindings/plain.rs", include_str!("../../../../plugins/sdk/src/bindings/plain.rs")),
    ("src/bindings/verified.rs", include_str!("../../../../plugins/sdk/src/bindings/verified.rs")),
];

/// The interface, for tools that make bindings of it.
const WIT: &str = include_str!("../../../../plugins/wit/0.1/sink.wit");
const C_SOURCE: &str = include_str!("../../../../plugins/examples/index/plugin.c");
const C_BINDINGS: [(&str, &[u8]); 3] = [
    ("sink_plugin.c", include_bytes!("../../../../plugins/c/sink_plugin.c")),
    ("sink_plugin.h", include_bytes!("../../../../plugins/c/sink_plugin.h")),
    ("sink_plugin_component_type.o", include_bytes!("../../../../plugins/c/sink_plugin_component_type.o")),
];
const JS_SOURCE: &str = include_str!("../../../../plugins/examples/chat/plugin.js");
const JS_PACKAGE: &str = include_str!("../../../../plugins/examples/chat/package.json");
/// Makes a component of `plugin.js`, with the package of the project's own folder.
const JS_BUILD: &str = "
import { writeFile } from 'node:fs/promises';
import { componentize } from '@bytecodealliance/componentize-js';
const made = await componentize({
  sourcePath: 'plugin.js', witPath: process.argv[1], worldName: 'sink-plugin', disableFeatures: ['http', 'fetch-event'],
});
await writeFile('target/plugin.wasm', made.component);
";
const PYTHON_SOURCE: &str = include_str!("../../../../plugins/python/plugin.py");
const PYTHON_SHARED: &str = include_str!("../../../../plugins/python/billkeep_plugin.py");

const SDK_MANIFEST: &str = r#"[package]
name = "billkeep-plugin"
version = "0.1.0"
edition = "2024"
publish = false

[features]
verify = []
"#;

const MANIFEST: &str = r#"[package]
name = "@NAME@"
version = "0.1.0"
edition = "2024"
publish = false

[lib]
crate-type = ["cdylib"]

[dependencies]
billkeep-plugin = { path = "sdk" }

[workspace]

[profile.release]
opt-level = "z"
lto = true
codegen-units = 1
panic = "abort"
strip = true
"#;

const SOURCE: &str = r##"//! Sends bills to a server: `PUT {url}/{key}`.

use billkeep_plugin::*;

struct Target {
    url: String,
}

impl Sink for Target {
    const ABOUT: About = About {
        name: "@NAME@",
        version: env!("CARGO_PKG_VERSION"),
        schema: r#"{"type": "object", "required": ["url"], "properties": {"url": {"type": "string", "x-host": true}}}"#,
        ..About::DEFAULT
    };

    fn open(settings: &Settings) -> Result<Target, Error> {
        let url = settings.text("url")?;
        if !url.starts_with("http") {
            return Err(Error::setting("url", "it has to begin with `https://`"));
        }
        Ok(Target { url: url.trim_end_matches('/').to_owned() })
    }

    fn check(&self) -> Result<(), Error> {
        Request::new("HEAD", &format!("{}/", self.url)).send()?.accepted().map(drop)
    }

    fn put(&self, object: &Object, data: &Blob) -> Result<Receipt, Error> {
        let url = format!("{}/{}", self.url, in_url(&object.key));
        let mut request = Request::put(&url).header("idempotency-key", &object.idempotency_key);
        if object.mode == WriteMode::CreateOnly {
            request = request.header("if-none-match", "*");
        }
        // It goes from billkeep's disk to the network, and never through here.
        request.send_blob(data)?.accepted()?;
        Ok(Receipt::of(object, url))
    }
}

billkeep_plugin::export!(Target);
"##;

const DECLARES: &str = r#"{
  "id": "@NAME@",
  "version": "0.1.0",
  "about": "Sends bills to a server",
  "hosts": ["*"],
  "secrets": [],
  "state-bytes": 0,
  "takes": "whole",
  "license": "LicenseRef-Proprietary",
  "docs": "README.md"
}
"#;

const README: &str = r#"# @NAME@

```sh
billkeep plugin build .
billkeep plugin test @NAME@.wasm --set url={target}
billkeep plugin run @NAME@.wasm --allow-host bills.example.com:443 --set url=https://bills.example.com/in
```

`plugin.json` is what it says of itself before anybody trusts it, `wit/` the interface.
"#;

fn failed(path: &Path, e: &io::Error) -> CommandError {
    CommandError::user(format!("`{}`: {e}", path.display()))
}

/// Makes a project.
pub(super) fn new(context: &Context, name: &str, lang: Lang) -> Result<(), CommandError> {
    let folder = Path::new(name);
    let id = folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let fits = id.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    if !fits || !id.starts_with(|c: char| c.is_ascii_lowercase()) {
        return Err(CommandError::user(format!(
            "`{id}` is no name for a plugin: small letters, digits and `-`"
        )));
    }
    if folder.exists() {
        return Err(CommandError::user(format!("`{}` is there already", folder.display())));
    }
    let text = |path: &str, text: &str| (path.to_owned(), text.replace("@NAME@", &id).into_bytes());
    let mut files = vec![
        text("README.md", README),
        text(".gitignore", "target\n*.wasm\n"),
        ("wit/sink.wit".to_owned(), WIT.as_bytes().to_vec()),
    ];
    match lang {
        Lang::Rust => {
            files.extend([
                text("Cargo.toml", MANIFEST),
                text("src/lib.rs", SOURCE),
                text(DECLARED, DECLARES),
            ]);
            files.push(text("sdk/Cargo.toml", SDK_MANIFEST));
            files.extend(SDK.iter().map(|(path, text)| (format!("sdk/{path}"), text.as_bytes().to_vec())));
        }
        Lang::C => {
            let declares =
                DECLARES.replace("\"state-bytes\": 0", "\"state-bytes\": 65536").replace("whole", "derived");
            files.extend([text("plugin.c", C_SOURCE), text(DECLARED, &declares)]);
            files.extend(C_BINDINGS.iter().map(|(name, bytes)| ((*name).to_owned(), bytes.to_vec())));
        }
        Lang::Js => {
            let memory = format!("\"state-bytes\": 0,\n  \"memory-bytes\": {}", 256_u32 << 20);
            let declares = DECLARES.replace("\"state-bytes\": 0", &memory).replace("whole", "derived");
            files.extend([
                text("plugin.js", JS_SOURCE),
                text("package.json", JS_PACKAGE),
                text(DECLARED, &declares),
            ]);
        }
        Lang::Python => {
            let memory = format!("\"state-bytes\": 0,\n  \"memory-bytes\": {}", 256_u32 << 20);
            let declares = DECLARES.replace("\"state-bytes\": 0", &memory);
            files.extend([text("plugin.py", PYTHON_SOURCE), text(DECLARED, &declares)]);
            files.push(text("billkeep_plugin.py", PYTHON_SHARED));
        }
    }
    for (path, bytes) in files {
        let path = folder.join(path);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(|e| failed(parent, &e))?;
        }
        fs::write(&path, bytes).map_err(|e| failed(&path, &e))?;
    }
    context.say(&format!("Made `{0}`. Build it with `billkeep plugin build {0}`.", folder.display()));
    Ok(())
}

/// Builds a project, and returns where the plugin is.
pub(super) fn build(context: &Context, dir: &Path) -> Result<PathBuf, CommandError> {
    let declared = dir.join(DECLARED);
    let text = fs::read(&declared).map_err(|e| failed(&declared, &e))?;
    let wrong = |why: String| CommandError::user(format!("`{}`: {why}", declared.display()));
    let says: Declared = serde_json::from_slice(&text).map_err(|e| wrong(e.to_string()))?;
    if says.id.is_empty() {
        return Err(wrong("`id` is missing".into()));
    }
    // Written anew, so that what is in the plugin is what this program reads, and no more.
    let section = serde_json::to_vec(&says).map_err(|e| wrong(e.to_string()))?;
    let has = |name: &str| dir.join(name).exists();
    let built = match ["Cargo.toml", "plugin.c", "plugin.py", "plugin.js"].map(has) {
        [true, ..] => cargo(context, dir)?,
        [_, true, ..] => c(dir)?,
        [_, _, true, _] => python(dir)?,
        [.., true] => js(dir)?,
        _ => {
            return Err(CommandError::user(format!(
                "`{}` has none of `Cargo.toml`, `plugin.c`, `plugin.py` and `plugin.js`",
                dir.display()
            )));
        }
    };
    let mut bytes = fs::read(&built).map_err(|e| failed(&built, &e))?;
    append_section(&mut bytes, SECTION, &section);
    let path = dir.join(format!("{}.wasm", says.id));
    let file = PluginFile::of(&path, &bytes)
        .map_err(|why| CommandError::user(format!("`{}`: {why}", built.display())))?;
    fs::write(&path, &bytes).map_err(|e| failed(&path, &e))?;
    context.say(&format!("Built `{}`: {} bytes, sha256 {}.", path.display(), bytes.len(), hex(&file.sha256)));
    Ok(path)
}

/// Has cargo build a project, and finds what it made.
fn cargo(context: &Context, dir: &Path) -> Result<PathBuf, CommandError> {
    let no_cargo = |e: io::Error| {
        CommandError::user(format!("`cargo` cannot be started: {e}")).hint("see `billkeep plugin doctor`")
    };
    let metadata = Command::new("cargo")
        .args(["metadata", "--no-deps", "--format-version", "1"])
        .current_dir(dir)
        .stderr(Stdio::inherit())
        .output()
        .map_err(no_cargo)?;
    if !metadata.status.success() {
        return Err(CommandError::user(format!("`cargo metadata` failed in `{}`", dir.display())));
    }
    let odd = || {
        CommandError::user("`cargo metadata` says nothing of a `cdylib`: the plugin's `Cargo.toml` needs one")
    };
    let metadata: Value = serde_json::from_slice(&metadata.stdout).map_err(|_| odd())?;
    let here = fs::canonicalize(dir.join("Cargo.toml")).map_err(|e| failed(dir, &e))?;
    let texts = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let package = texts(&metadata["packages"])
        .into_iter()
        .find(|p| p["manifest_path"].as_str().is_some_and(|path| Path::new(path) == here))
        .ok_or_else(odd)?;
    let target = texts(&package["targets"])
        .into_iter()
        .find(|t| texts(&t["crate_types"]).iter().any(|kind| kind == "cdylib"))
        .ok_or_else(odd)?;
    let (Some(name), Some(folder)) = (target["name"].as_str(), metadata["target_directory"].as_str()) else {
        return Err(odd());
    };
    let mut build = Command::new("cargo");
    build.args(["build", "--release", "--target", TARGET]).current_dir(dir);
    let flags: Vec<String> = without_paths(folder).into_iter().chain(SMALLER.map(str::to_owned)).collect();
    build.env("CARGO_ENCODED_RUSTFLAGS", flags.join("\u{1f}"));
    if context.quiet {
        build.arg("--quiet");
    }
    // What it writes is for people.
    build.stdout(Stdio::null());
    if !build.status().map_err(no_cargo)?.success() {
        return Err(CommandError::user("the plugin does not build").hint(format!(
            "if the target is missing: `rustup target add {TARGET}`; `billkeep plugin doctor` says what else is needed"
        )));
    }
    Ok(Path::new(folder).join(TARGET).join("release").join(format!("{}.wasm", name.replace('-', "_"))))
}

/// Runs the first of some programs that can be started.
fn first_of(
    programs: &[(&str, &[&str])],
    args: &[&OsStr],
    dir: &Path,
    how: &str,
) -> Result<(), CommandError> {
    for (program, before) in programs {
        let output =
            Command::new(program).args(*before).args(args).current_dir(dir).stdin(Stdio::null()).output();
        let Ok(output) = output else { continue };
        if output.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stderr);
        // A Python or Node.js without the module is as good as none.
        if said.contains("No module named") || said.contains("Cannot find package") {
            continue;
        }
        return Err(CommandError::user(format!("the plugin does not build:\n{}", said.trim())));
    }
    Err(CommandError::user("there is nothing to build the plugin with").hint(how))
}

/// Has a C compiler that knows WebAssembly build a project: zig, or its package for Python.
fn c(dir: &Path) -> Result<PathBuf, CommandError> {
    let target = dir.join("target");
    fs::create_dir_all(&target).map_err(|e| failed(&target, &e))?;
    // A project that was made here has them beside it; the examples share one.
    let bindings = if dir.join("sink_plugin.c").exists() { "." } else { "../../c" };
    let sources = ["sink_plugin.c", "sink_plugin_component_type.o"].map(|name| format!("{bindings}/{name}"));
    let include = format!("-I{bindings}");
    let mut args = vec![
        "cc",
        "-target",
        "wasm32-wasi",
        "-O2",
        "-s",
        "-mexec-model=reactor",
        &include,
        "-o",
        "target/plugin.wasm",
        "plugin.c",
    ];
    args.extend(sources.iter().map(String::as_str));
    let args: Vec<&OsStr> = args.into_iter().map(OsStr::new).collect();
    let named = std::env::var("BILLKEEP_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let programs: [(&str, &[&str]); 2] = [("zig", &[]), (&named, &["-m", "ziglang"])];
    first_of(
        &programs,
        &args,
        dir,
        "`pip install ziglang`, or put zig on the path; `billkeep plugin doctor`",
    )?;
    Ok(target.join("plugin.wasm"))
}

/// Has `componentize-py` build a project.
fn python(dir: &Path) -> Result<PathBuf, CommandError> {
    let target = dir.join("target");
    fs::create_dir_all(&target).map_err(|e| failed(&target, &e))?;
    let wit = if dir.join("wit").exists() { "wit" } else { "../../wit/0.1" };
    // A project that was made here has the module beside it; the examples share one.
    let shared = if dir.join("billkeep_plugin.py").exists() { "." } else { "../../python" };
    let args = [
        "-d",
        wit,
        "-w",
        "sink-plugin",
        "componentize",
        "-p",
        ".",
        "-p",
        shared,
        "plugin",
        "-o",
        "target/plugin.wasm",
    ];
    let args = args.map(OsStr::new);
    let named = std::env::var_os("BILLKEEP_PYTHON")
        .map(|python| Path::new(&python).with_file_name("componentize-py"));
    let named = named.unwrap_or_else(|| "componentize-py".into());
    let named = named.to_string_lossy();
    first_of(&[(&named, &[])], &args, dir, "`pip install componentize-py`; `billkeep plugin doctor`")?;
    Ok(target.join("plugin.wasm"))
}

/// Has `componentize-js` build a project.
fn js(dir: &Path) -> Result<PathBuf, CommandError> {
    let target = dir.join("target");
    fs::create_dir_all(&target).map_err(|e| failed(&target, &e))?;
    let wit = if dir.join("wit").exists() { "wit" } else { "../../wit/0.1" };
    let args = ["--input-type=module", "-e", JS_BUILD, "--", wit].map(OsStr::new);
    first_of(
        &[("node", &[])],
        &args,
        dir,
        "install Node.js 20 or later, and say `npm install` in the project's folder",
    )?;
    Ok(target.join("plugin.wasm"))
}

/// Flags that keep the paths of this machine out of the plugin, so that the same sources come to the same bytes elsewhere.
fn without_paths(target_folder: &str) -> Vec<String> {
    let mut flags: Vec<String> =
        std::env::var("RUSTFLAGS").unwrap_or_default().split_whitespace().map(str::to_owned).collect();
    let mut remap =
        |from: &Path, to: &str| flags.push(format!("--remap-path-prefix={}={to}", from.display()));
    if let Some(workspace) = Path::new(target_folder).parent() {
        remap(workspace, ".");
    }
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(Path::new(&std::env::var_os("HOME")?).join(".cargo")));
    let sources = home.map(|home| home.join("registry").join("src"));
    for registry in sources.and_then(|sources| fs::read_dir(sources).ok()).into_iter().flatten().flatten() {
        remap(&registry.path(), "crates");
    }
    flags
}

/// Adds a custom section at the end of a module or component.
fn append_section(bytes: &mut Vec<u8>, name: &str, data: &[u8]) {
    let mut content = Vec::new();
    number(&mut content, name.len());
    content.extend_from_slice(name.as_bytes());
    content.extend_from_slice(data);
    bytes.push(0);
    number(bytes, content.len());
    bytes.extend(content);
}

/// Writes a number as WebAssembly does, seven bits a byte.
fn number(bytes: &mut Vec<u8>, mut n: usize) {
    loop {
        let low = u8::try_from(n & 0x7f).unwrap_or(0);
        n >>= 7;
        bytes.push(if n == 0 { low } else { low | 0x80 });
        if n == 0 {
            return;
        }
    }
}

/// Says what there is for building plugins, and how to get what is missing.
pub(super) fn doctor(context: &Context) -> Result<(), CommandError> {
    let said = |program: &str, args: &[&str]| -> Option<String> {
        let output = Command::new(program).args(args).stderr(Stdio::null()).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let first = |text: Option<String>| text.and_then(|text| text.lines().next().map(str::to_owned));
    let library = said("rustc", &["--print", "target-libdir", "--target", TARGET]);
    let library = library.filter(|path| Path::new(path).is_dir());
    let python = |module: &str| first(said("python3", &["-c", &format!("import {module}; print('there')")]));
    let rows = [
        ("rust", "cargo", first(said("cargo", &["--version"])), "install Rust with rustup"),
        ("rust", "target wasm32-unknown-unknown", library, "rustup target add wasm32-unknown-unknown"),
        ("c", "zig", first(said("zig", &["version"])).or_else(|| python("ziglang")), "pip install ziglang"),
        (
            "js",
            "node",
            first(said("node", &["--version"])),
            "install Node.js 20 or later; `npm install` in the project",
        ),
        (
            "python",
            "componentize-py",
            first(said("componentize-py", &["--version"])),
            "pip install componentize-py",
        ),
    ];
    let columns = ["language", "needs", "there", "how to get it"].map(Column::text);
    let mut table = Table::new("billkeep.plugin.doctor/1", columns.to_vec());
    let mut missing = 0;
    for (language, needs, there, how) in rows {
        missing += usize::from(there.is_none());
        let how = if there.is_none() { how } else { "" };
        let there = there.unwrap_or_else(|| "no".to_owned());
        table.rows.push([language, needs, &there, how].map(str::to_owned).to_vec());
    }
    table.print(context)?;
    context.say(match missing {
        0 => "Everything is there.",
        _ => "Only what the language of your choice needs has to be there.",
    });
    Ok(())
}
