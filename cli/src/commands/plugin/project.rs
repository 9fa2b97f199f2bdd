//! Projects of plugins: made, built, and what that needs.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use billkeep_sinks::wasm::{Declared, PluginFile, SECTION, is_id};
use serde_json::Value;

use crate::args::Lang;
use crate::context::Context;
use crate::error::CommandError;
use crate::out_file::{For, OutFile};

use super::tools::{self, TARGET};
use billkeep_core::engine::OutsideFile;
use billkeep_core::engine::SETTINGS_BYTES_MAX;
use billkeep_core::values::hex;

const DECLARED: &str = "plugin.json";
/// No larger plugin is loaded.
const BUILT_BYTES_MAX: u64 = 64 << 20;

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
const C_SOURCE: &str = include_str!("../../../../plugins/c/plugin.c");
const C_BINDINGS: [(&str, &[u8]); 3] = [
    ("sink_plugin.c", include_bytes!("../../../../plugins/c/sink_plugin.c")),
    ("sink_plugin.h", include_bytes!("../../../../plugins/c/sink_plugin.h")),
    ("sink_plugin_component_type.o", include_bytes!("../../../../plugins/c/sink_plugin_component_type.o")),
];
const JS_SOURCE: &str = include_str!("../../../../plugins/js/plugin.js");
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

/// What an interpreter needs.
const INTERPRETER_BYTES: u64 = 256 << 20;

const DECLARES: &str = r#"{
  "id": "@NAME@",
  "version": "0.1.0",
  "about": "Sends bills to a server",
  "hosts": ["*"],
  "secrets": [],
  "state-bytes": 0,
  "memory-bytes": @BYTES@,
  "takes": "whole",
  "license": "LicenseRef-Proprietary",
  "docs": "README.md"
}
"#;

const README: &str = r#"# @NAME@

```sh
billkeep plugin build .
billkeep plugin test @NAME@.wasm --set url={target}
billkeep plugin run @NAME@.wasm --allow-host bills.example.com:443@MEMORY@ --set url=https://bills.example.com/in
```

Each object is sent by `PUT URL/NAME`. The setting `url` has `"x-host": true` in its schema: people who read it know that the plugin
sends there, so that they grant that host.

`plugin.json` is what it says of itself before anybody trusts it, `wit/` the interface.
"#;

fn failed(path: &Path, e: &io::Error) -> CommandError {
    CommandError::user(format!("`{}`: {e}", path.display()))
}

/// Makes a project.
pub(super) fn new(context: &Context, name: &str, lang: Lang) -> Result<(), CommandError> {
    let folder = Path::new(name);
    let id = folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    if !is_id(&id) || !id.starts_with(|c: char| c.is_ascii_lowercase()) {
        return Err(CommandError::user(format!(
            "`{id}` is no name for a plugin: small letters, digits and `-`, at most 64"
        )));
    }
    if folder.exists() {
        return Err(CommandError::user(format!("`{}` is there already", folder.display())));
    }
    // Interpreters need more than a plugin is let use where nothing is said.
    let memory_bytes = if matches!(lang, Lang::Js | Lang::Python) { INTERPRETER_BYTES } else { 0 };
    let granted = match memory_bytes {
        0 => String::new(),
        bytes => format!(" --allow-memory {}MiB", bytes >> 20),
    };
    let text = |path: &str, text: &str| {
        let text = text.replace("@NAME@", &id).replace("@MEMORY@", &granted);
        (path.to_owned(), text.replace("@BYTES@", &memory_bytes.to_string()).into_bytes())
    };
    let mut files = vec![
        text("README.md", README),
        text(".gitignore", "target\nnode_modules\n*.wasm\n"),
        text(DECLARED, DECLARES),
        ("wit/sink.wit".to_owned(), WIT.as_bytes().to_vec()),
    ];
    match lang {
        Lang::Rust => {
            files.extend([text("Cargo.toml", MANIFEST), text("src/lib.rs", SOURCE)]);
            files.push(text("sdk/Cargo.toml", SDK_MANIFEST));
            files.extend(SDK.iter().map(|(path, text)| (format!("sdk/{path}"), text.as_bytes().to_vec())));
        }
        Lang::C => {
            files.push(text("plugin.c", C_SOURCE));
            files.extend(C_BINDINGS.iter().map(|(name, bytes)| ((*name).to_owned(), bytes.to_vec())));
        }
        Lang::Js => {
            files.extend([text("plugin.js", JS_SOURCE), text("package.json", JS_PACKAGE)]);
        }
        Lang::Python => {
            files.push(text("plugin.py", PYTHON_SOURCE));
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
    let text = OutsideFile::read(&declared, SETTINGS_BYTES_MAX)
        .map_err(|e| CommandError::user(format!("`{}`: {e}", declared.display())))?;
    let wrong = |why: String| CommandError::user(format!("`{}`: {why}", declared.display()));
    let says: Declared = serde_json::from_slice(&text).map_err(|e| wrong(e.to_string()))?;
    if !is_id(&says.id) {
        return Err(wrong(format!(
            "`id` has to be small letters, digits and `-`, at most 64, and is {:?}",
            says.id
        )));
    }
    // Written anew, so that what is in the plugin is what this program reads, and no more.
    let section = serde_json::to_vec(&says).map_err(|e| wrong(e.to_string()))?;
    let built = match language(dir)? {
        Lang::Rust => cargo(context, dir)?,
        Lang::C => c(dir)?,
        Lang::Python => python(dir)?,
        Lang::Js => js(dir)?,
    };
    let mut bytes = OutsideFile::read(&built, BUILT_BYTES_MAX)
        .map_err(|e| CommandError::user(format!("`{}`: {e}", built.display())))?;
    append_section(&mut bytes, SECTION, &section);
    let path = dir.join(format!("{}.wasm", says.id));
    let file = PluginFile::of(&path, &bytes)
        .map_err(|why| CommandError::user(format!("`{}`: {why}", built.display())))?;
    OutFile::write_all_to(context, &path, For::All, &bytes)?;
    context.say(&format!("Built `{}`: {} bytes, sha256 {}.", path.display(), bytes.len(), hex(&file.sha256)));
    Ok(path)
}

/// Finds out in which language a project is.
pub(super) fn language(dir: &Path) -> Result<Lang, CommandError> {
    let files = [
        ("Cargo.toml", Lang::Rust),
        ("plugin.c", Lang::C),
        ("plugin.py", Lang::Python),
        ("plugin.js", Lang::Js),
    ];
    let found = files.iter().find(|(name, _)| dir.join(name).exists()).map(|(_, lang)| *lang);
    found.ok_or_else(|| {
        CommandError::user(format!(
            "`{}` has none of `Cargo.toml`, `plugin.c`, `plugin.py` and `plugin.js`",
            dir.display()
        ))
    })
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
    let named = tools::python();
    first_of(
        &tools::zig(&named),
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
    let named = tools::componentize_py();
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
