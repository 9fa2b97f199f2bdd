//! Plugins that were made to do harm: to whoever looks at them, compiles them, trusts them, or delivers beside them.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use billkeep_sinks::wasm::PluginFile;

use crate::plugin_raw::Guest;
use crate::support::{Home, Output, PAYER, demo_file, top};

fn number(mut n: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = u8::try_from(n & 0x7f).unwrap();
        n >>= 7;
        bytes.push(if n == 0 { low } else { low | 0x80 });
        if n == 0 {
            return bytes;
        }
    }
}

fn section(id: u8, content: &[u8]) -> Vec<u8> {
    [&[id][..], &number(content.len()), content].concat()
}

fn custom(name: &str, data: &[u8]) -> Vec<u8> {
    section(0, &[&number(name.len()), name.as_bytes(), data].concat())
}

/// A component with types of instances, so many within one another.
fn nested(deep: usize) -> Vec<u8> {
    let types = [vec![1], [0x42, 1, 1].repeat(deep), vec![0x70, 0x73]].concat();
    [b"\0asm\x0d\0\x01\0".to_vec(), section(7, &types)].concat()
}

/// A plugin that is one, with such types in a section of its own.
fn deep() -> Vec<u8> {
    [Guest::default().module(), custom("component-type:evil", &nested(5_000))].concat()
}

fn tester() -> PathBuf {
    top().join("fixtures/plugins/tester.wasm")
}

/// The tester, declaring what is said.
fn declaring(declared: &str) -> Vec<u8> {
    [std::fs::read(tester()).unwrap(), custom("billkeep:plugin", declared.as_bytes())].concat()
}

/// A function that is expensive to compile: so many locals, each of which may come from any of so many loops.
fn expensive(locals: usize, loops: usize) -> String {
    let mut text = format!("(func (param i32) (local {})", "i32 ".repeat(locals));
    text.push_str(&"loop ".repeat(loops));
    for at in 0..loops {
        let [a, b, c] = [at, at * 7 + 1, at * 13 + 5].map(|local| local % locals);
        text.push_str(&format!(
            "local.get {a} local.get {b} i32.add local.set {c} local.get {a} br_if 0 end "
        ));
    }
    text.push(')');
    text
}

const RUN: [&str; 4] = ["--allow-host", "http://127.0.0.1:1", "--set", "a=x"];

#[test]
fn types_within_types_are_refused_and_the_program_goes_on() {
    let home = Home::new();
    let module = home.write("module.wasm", &deep());
    let component = home.write("component.wasm", &nested(5_000));
    for path in [module, component] {
        let path = path.to_str().unwrap();
        home.run(["plugin", "inspect", path]).says(1, &["within one another more than 100 deep"]);
        home.run(["plugin", "run", path].iter().chain(&RUN)).says(1, &["more than 100 deep"]);
    }
    // A machine has a stack for each thread, the program's first one a larger than others.
    let looked = std::thread::Builder::new()
        .stack_size(256 << 10)
        .spawn(|| PluginFile::of(Path::new("deep.wasm"), nested(1_000_000)).unwrap_err());
    assert!(looked.unwrap().join().unwrap().contains("more than 100 deep"));
}

#[test]
fn a_hostile_file_in_a_trusted_ones_place_is_not_looked_into_and_stops_no_other_delivery() {
    let home = Home::with(&[demo_file(3, 31)]);
    let plugin = home.path("erp.wasm");
    std::fs::copy(tester(), &plugin).unwrap();
    let url = format!("wasm:{}", plugin.display());
    let given = ["--allow-host", "http://127.0.0.1:1", "--allow-state", "1MiB"];
    home.run(["sink", "add", "a-erp", &url].iter().chain(&given)).says(0, &[]);
    let folder = home.path("out");
    std::fs::create_dir(&folder).unwrap();
    home.ok(["sink", "add", "folder", &format!("file://{}", folder.display())]);
    home.enable(PAYER, "a-erp", "daily", false);
    home.enable(PAYER, "folder", "monthly", false);
    std::fs::write(&plugin, deep()).unwrap();
    let list = home.json(["plugin", "list"]);
    assert_eq!(list["rows"][0]["now"], "changed");
    home.run(["run", "--on", "2021-04-02"])
        .says(1, &["is another file than the one that was trusted", "Delivered the monthly bill"]);
    let delivered = std::fs::read_dir(&folder)
        .unwrap()
        .filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().ends_with(".manifest.json"));
    assert_eq!(delivered.count(), 1);
    let verified = home.run(["delivery", "verify"]);
    assert!(verified.stderr.contains("files") || verified.code != 0, "{verified:?}");
    // Whoever asks to trust it is told what it is.
    home.run(["plugin", "trust", "a-erp", "--yes"]).says(1, &["more than 100 deep"]);
}

#[test]
fn a_function_that_is_expensive_to_compile_is_refused_before_it_is_compiled() {
    let home = Home::new();
    for (locals, loops, words) in
        [(50_000, 3_000, "50000 local variables, more than 10000"), (9_000, 20_000, "too long to compile")]
    {
        let bomb = Guest { more: &expensive(locals, loops), ..Guest::default() }.module();
        let path = home.write("bomb.wasm", &bomb);
        let path = path.to_str().unwrap();
        home.run(["plugin", "inspect", path]).says(1, &[words]);
        home.run(["plugin", "run", path].iter().chain(&RUN)).says(1, &[words]);
    }
}

/// Below all limits of a file, and still more than a file of its length may cost.
fn bomb() -> Vec<u8> {
    let more: String = (0..40).map(|_| expensive(9_000, 5_000)).collect();
    Guest { more: &more, ..Guest::default() }.module()
}

#[test]
fn compiling_ends_where_its_time_or_memory_does() {
    let home = Home::new();
    let path = home.write("bomb.wasm", &bomb());
    let mut command = home.command(["plugin", "run", path.to_str().unwrap()]);
    command.args(RUN).env("BILLKEEP_PLUGIN_CACHE", home.path("compiled"));
    Output::of(command.output().unwrap()).says(1, &["compiling it takes more than"]);
}

#[cfg(unix)]
#[test]
fn ctrl_c_ends_compiling_and_the_process_that_compiles() {
    let home = Home::new();
    let path = home.write("bomb.wasm", &bomb());
    let mut command = home.command(["plugin", "run", path.to_str().unwrap()]);
    command.args(RUN).env("BILLKEEP_PLUGIN_CACHE", home.path("compiled"));
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let parent = child.id();
    let compiler = (0..600).find_map(|_| {
        std::thread::sleep(Duration::from_millis(50));
        let found = Command::new("pgrep").args(["-P", &parent.to_string()]).output().unwrap();
        String::from_utf8(found.stdout).unwrap().trim().parse::<u32>().ok()
    });
    let compiler = compiler.expect("it compiles in a process of its own");
    // To it alone, as a supervisor does.
    assert!(Command::new("kill").args(["-INT", &parent.to_string()]).status().unwrap().success());
    assert!(!child.wait().unwrap().success());
    let is_there = || Path::new(&format!("/proc/{compiler}")).exists();
    let gone = (0..600).any(|_| {
        std::thread::sleep(Duration::from_millis(50));
        !is_there()
    });
    assert!(gone || !Path::new("/proc").exists(), "the process that compiles goes on");
}

#[test]
fn what_a_file_says_of_itself_does_not_act_on_the_terminal() {
    let home = Home::new();
    let given = ["--allow-host", "http://127.0.0.1:1", "--allow-state", "1MiB"];
    let add = |declared: &str| {
        let path = home.write("evil.wasm", &declaring(declared));
        let url = format!("wasm:{}", path.display());
        let output = home.run(["sink", "add", "evil", &url].iter().chain(&given));
        let hidden = |c: char| (c.is_control() && c != '\n') || ('\u{202a}'..='\u{202e}').contains(&c);
        assert!(!output.stderr.contains(hidden), "{:?}", output.stderr);
        output
    };
    for id in [
        r"x`, sha256 0000, may do this and nothing else:\n  send to      -\nTrusted by the maintainers.\n\u001b[8m",
        r"\u202ereversed",
        "Upper",
        "two words",
        "",
    ] {
        let declared = format!(r#"{{"id": "{id}", "hosts": [], "version": "1"}}"#);
        match id {
            // Without an id, it is called by its file.
            "" => drop(add(&declared).says(0, &["Plugin `evil`"])),
            _ => drop(add(&declared).says(1, &["has an id", "small letters, digits and `-`"])),
        }
    }
    add(r#"{"id": "x", "hosts": ["a.org/$(reboot)"]}"#).says(1, &["has a host"]);
    add(r#"{"id": "x", "secrets": ["A; reboot"]}"#).says(1, &["has a secret"]);
    // A text for people is shown, without what it would do.
    let path = home.write("evil.wasm", &declaring(r#"{"id": "x", "about": "\u001b[8mhidden\u202e"}"#));
    let shown = home.run(["plugin", "inspect", path.to_str().unwrap()]).says(0, &[]);
    assert!(shown.text().contains("[8mhidden<U+202E>") && !shown.text().contains('\u{1b}'), "{shown:?}");
}

#[test]
fn memory_is_granted_and_not_taken() {
    let home = Home::new();
    let wants = home.write("wants.wasm", &declaring(r#"{"id": "wants", "memory-bytes": 268435456}"#));
    let url = format!("wasm:{}", wants.display());
    let add = ["sink", "add", "erp", &url];
    home.run(add).says(1, &["needs more than it is given", "--allow-memory 256MiB"]);
    home.run(add.iter().chain(&["--allow-memory", "256MB"])).says(1, &["memory"]);
    home.run(add.iter().chain(&["--allow-memory", "256MiB"]))
        .says(0, &["use memory   256 MiB", "Added sink"]);
    home.run(["sink", "add", "b", "file:///tmp/x", "--allow-memory", "1MiB"]).says(1, &["are for plugins"]);
}

#[cfg(unix)]
#[test]
fn a_device_or_a_pipe_is_no_plugin() {
    let home = Home::new();
    home.run(["plugin", "inspect", "/dev/zero"]).says(1, &["it is a device, and not a regular file"]);
    let pipe = home.path("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    home.run(["plugin", "inspect", pipe.to_str().unwrap()]).says(1, &["it is a pipe"]);
    home.run(["plugin", "inspect", "."]).says(1, &["it is a folder"]);
    let long = home.path("long.wasm");
    std::fs::File::create(&long).unwrap().set_len(65 << 20).unwrap();
    home.run(["plugin", "inspect", long.to_str().unwrap()]).says(1, &["more than 67108864 bytes"]);
}

#[test]
fn a_plugin_for_another_program_is_called_that() {
    let home = Home::new();
    let text = r#"(module (import "extism:host/env" "input_length" (func (result i64))))"#;
    let path = home.write("extism.wasm", &wat::parse_str(text).unwrap());
    home.run(["plugin", "inspect", path.to_str().unwrap()])
        .says(1, &["it imports `extism:host/env`: it is a plugin for Extism, and not for billkeep"]);
}

#[cfg(unix)]
#[test]
fn doctor_looks_where_build_looks_and_fails_when_what_was_asked_for_is_missing() {
    use std::os::unix::fs::PermissionsExt as _;
    let home = Home::new();
    let tool = |name: &str, script: &str| {
        let path = home.write(name, format!("#!/bin/sh\n{script}\n").as_bytes());
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        path
    };
    let python = tool("venv/bin/python", r#"[ "$*" = "-m ziglang version" ] && echo 0.13.0"#);
    tool("venv/bin/componentize-py", "echo componentize-py 0.17");
    let doctor = |args: &[&str], named: bool| {
        let mut command = home.command(["plugin", "doctor"]);
        command.args(args).env("PATH", "/nowhere").env_remove("BILLKEEP_PYTHON");
        if named {
            command.env("BILLKEEP_PYTHON", &python);
        }
        Output::of(command.output().unwrap())
    };
    for lang in ["c", "python"] {
        doctor(&["--lang", lang], true).says(0, &["can be built"]);
        doctor(&["--lang", lang], false).says(1, &["cannot be built here"]);
    }
    doctor(&[], true).says(0, &["Plugins can be built in: c, python."]);
    doctor(&[], false).says(1, &["in no language here"]);
    home.ok(["plugin", "new", "my-c", "--lang", "c"]);
    doctor(&["my-c"], true).says(0, &["Plugins in c can be built"]);
    home.ok(["plugin", "new", "my-js", "--lang", "js"]);
    doctor(&["my-js"], true).says(1, &["plugins in js cannot be built here"]);
}

#[test]
fn the_four_templates_are_one_plugin_with_its_name_filled_in() {
    let home = Home::new();
    for (lang, source) in
        [("rust", "src/lib.rs"), ("c", "plugin.c"), ("python", "plugin.py"), ("js", "plugin.js")]
    {
        let name = format!("my-{lang}");
        home.ok(["plugin", "new", &name, "--lang", lang]);
        let read = |file: &str| std::fs::read_to_string(home.path(&name).join(file)).unwrap();
        let text = read(source);
        assert!(text.contains(&name) && text.contains("PUT") && text.contains("if-none-match"), "{lang}");
        assert!(
            !text.contains("@NAME@") && !text.contains("\"index\"") && !text.contains("'chat'"),
            "{lang}"
        );
        let declared: serde_json::Value = serde_json::from_str(&read("plugin.json")).unwrap();
        let of = |field: &str| declared[field].clone();
        assert_eq!((of("id"), of("about")), (name.as_str().into(), "Sends bills to a server".into()));
        assert_eq!((of("takes"), of("state-bytes")), ("whole".into(), 0.into()));
        // The command line of its own page grants all that it declares.
        let wants = declared["memory-bytes"].as_u64().unwrap() > 64 << 20;
        assert_eq!(read("README.md").contains("--allow-memory 256MiB"), wants, "{lang}");
    }
}
