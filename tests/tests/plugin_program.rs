//! Plugins as people use them: looked at, trusted, delivered through, changed, and written.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use billkeep_sinks::wasm::PluginFile;
use serde_json::Value;

use crate::support::script::{Asked, Reply, Script};
use crate::support::{Home, Output, PAYER, demo_file, python};

const KEY: &str = "upload-key-5f3a";

fn golden(name: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/plugins")).join(format!("{name}.wasm"))
}

fn rows(shown: &Value) -> &Vec<Value> {
    shown["rows"].as_array().unwrap()
}

/// A store with March's bills, and a copy of a plugin beside it.
fn home(name: &str) -> (Home, String) {
    let home = Home::with(&[demo_file(3, 31)]);
    let plugin = home.path(&format!("{name}.wasm"));
    std::fs::copy(golden(name), &plugin).unwrap();
    let plugin = plugin.to_str().unwrap().to_owned();
    (home, plugin)
}

#[test]
fn what_a_plugin_lacks_while_it_runs_is_named_with_the_option_that_grants_it() {
    let home = Home::new();
    let plugin = golden("tester");
    let plugin = plugin.to_str().unwrap();
    for (setting, fact, option) in [
        ("mode=secret@put", "secret `OTHER` was not granted", "--allow-secret NAME"),
        ("mode=memory@put", "it has hit its 64 MiB of memory", "--allow-memory SIZE"),
        ("url=http://127.0.0.1:9/x", "was not granted (HTTP-DENIED)", "--allow-host HOST:PORT"),
    ] {
        let grants = ["--allow-host", "http://127.0.0.1:1", "--allow-state", "1MiB", "--set", setting];
        home.run(["plugin", "run", plugin].iter().chain(&grants)).says(1, &[fact, "hint: ", option]);
    }
}

#[test]
fn a_plugin_is_shown_trusted_and_delivered_through_and_another_file_is_not() {
    let (home, plugin) = home("tester");
    let url = format!("wasm:{plugin}");
    home.run(["plugin", "inspect", &plugin]).says(0, &[]);
    let add = ["sink", "add", "erp", &url];
    home.run(add).says(1, &["needs more than it is given", "--allow-state 1048576", "--allow-host"]);
    let given = ["--allow-host", "http://127.0.0.1:1", "--allow-state", "1MiB"];
    let wrong: Vec<&str> = add.iter().chain(&given).chain(&["--set", "n=three"]).copied().collect();
    home.run(wrong).says(1, &["setting `n` has to be a JSON integer"]);
    let right: Vec<&str> = add.iter().chain(&given).copied().collect();
    home.run(right).says(0, &["may do this and nothing else", "http://127.0.0.1:1", "Added sink `erp`"]);
    home.enable(PAYER, "erp", "daily,monthly", false);
    home.run(["run", "--on", "2021-04-02"])
        .says(0, &["Delivered the daily bill", "Delivered the monthly bill"]);
    home.run(["run", "--on", "2021-04-02"]).says(0, &["Nothing was due"]);
    home.run(["delivery", "verify", "--read-data"]).says(0, &["All 4 delivered files"]);
    home.run(["sink", "test", "erp"]).says(0, &["does what every sink must"]);
    home.run(["delivery", "verify", "--read-data"]).says(0, &["All 4 delivered files"]);
    home.run(["store", "check"]).says(0, &[]);

    let list = home.json(["plugin", "list"]);
    assert_eq!(
        (rows(&list)[0]["id"].as_str(), rows(&list)[0]["now"].as_str()),
        (Some("tester"), Some("trusted"))
    );
    let lock = home.path("plugins.lock");
    let lock = lock.to_str().unwrap();
    home.run(["plugin", "list", "--lock", lock]).says(0, &["1 plugins"]);
    home.run(["plugin", "list", "--check", lock]).says(0, &["All 1 plugins are those"]);

    // Somebody has put another file there: the old one with a section more.
    let mut bytes = std::fs::read(&plugin).unwrap();
    bytes.extend(b"\0\x05\x01xabc");
    std::fs::write(&plugin, &bytes).unwrap();
    home.run(["run", "--on", "2021-05-02"]).says(0, &[]);
    home.ok(["import", demo_file(4, 7).to_str().unwrap()]);
    home.run(["run", "--on", "2021-04-08"])
        .says(1, &["is another file than the one that was trusted", "plugin trust"]);
    let list = home.json(["plugin", "list"]);
    assert_eq!(rows(&list)[0]["now"], "changed");
    home.run(["plugin", "trust", "erp"])
        .says(1, &["sha256 was", "declares what it declared before", "nothing was changed"]);
    home.run(["plugin", "trust", "erp", "--yes"]).says(0, &["Sink `erp` trusts the plugin"]);
    home.run(["plugin", "trust", "erp", "--yes"]).says(0, &["trusted already"]);
    home.run(["plugin", "trust", "erp", "--yes", "--allow-host", "api.example.com:443"])
        .says(0, &["http://127.0.0.1:1, api.example.com:443", "trusts the plugin"]);
    home.run(["plugin", "list", "--check", lock]).says(3, &["the plugins are not those"]);
    home.run(["delivery", "retry", "3"]).says(0, &["Delivered"]);
    home.run(["audit", "verify"]).says(0, &[]);
    std::fs::remove_file(&plugin).unwrap();
    let list = home.json(["plugin", "list"]);
    assert!(rows(&list)[0]["now"].as_str().unwrap().contains("No such file"), "{list}");
}

#[test]
fn what_a_plugin_cannot_look_at_is_delivered_once_and_said_to_be_unseen() {
    let (home, plugin) = home("upload");
    let held = Arc::new(Mutex::new(Vec::<(String, Vec<u8>)>::new()));
    let kept = held.clone();
    let fails = Arc::new(std::sync::atomic::AtomicU32::new(2));
    let left = fails.clone();
    let server = Script::start(move |asked: &Asked| {
        use std::sync::atomic::Ordering;
        if asked.method == "PUT"
            && left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1)).is_ok()
        {
            return Reply::with(503, "retry-after", "120");
        }
        if asked.method == "PUT" {
            kept.lock().unwrap().push((asked.path.clone(), asked.body.clone()));
        }
        Reply::status(200)
    });
    let with_key = |args: &[&str]| {
        let output = home.command(args).env("UPLOAD_KEY", KEY).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!said.contains(KEY), "{said}");
        (output.status.code(), String::from_utf8(output.stdout).unwrap(), said)
    };
    let (host, url) = (format!("http://{}", server.address), format!("url={}/in", server.url()));
    let plugin = format!("wasm:{plugin}");
    let add = [
        "sink",
        "add",
        "erp",
        &plugin,
        "--allow-host",
        &host,
        "--allow-secret",
        "UPLOAD_KEY",
        "--allow-state",
        "64KiB",
        "--set",
        &url,
    ];
    let (code, _, said) = with_key(&add);
    assert_eq!(code, Some(0), "{said}");
    for args in [
        &["storage", "allow", PAYER][..],
        &["storage", "authorize", PAYER],
        &["storage", "enable", PAYER, "--sink", "erp", "--kinds", "monthly"],
    ] {
        let (code, _, said) = with_key(args);
        assert_eq!(code, Some(0), "{args:?}: {said}");
    }
    let (code, _, said) = with_key(&["run", "--on", "2021-04-02"]);
    assert!(code == Some(5) && said.contains("asks to wait 120 s"), "{said}");
    let (code, _, said) = with_key(&["run", "--on", "2021-04-02"]);
    assert!(code == Some(5) && said.contains("is tried again in 1"), "{said}");
    let (code, _, said) = with_key(&["delivery", "retry", "1"]);
    assert_eq!(code, Some(5), "{said}");
    let (code, _, said) = with_key(&["delivery", "retry", "1"]);
    assert_eq!(code, Some(0), "{said}");
    let (_, shown, _) = with_key(&["--format", "json", "delivery", "show", "1"]);
    assert!(shown.contains(&format!("{}/in/", server.url())), "{shown}");
    let (code, shown, said) = with_key(&["--format", "json", "delivery", "verify"]);
    assert!(code == Some(0) && shown.matches("\"unseen\"").count() == 2, "{shown}{said}");
    assert!(
        said.contains("2 delivered files cannot be looked at") && !said.contains("Nothing was"),
        "{said}"
    );
    // Part and manifest are there, each once, and the manifest tells of the part.
    let held = held.lock().unwrap().clone();
    assert_eq!(held.len(), 2);
    let manifest: Value = serde_json::from_slice(&held[1].1).unwrap();
    assert_eq!(manifest["parts"][0]["bytes"].as_u64(), Some(held[0].1.len() as u64));
    let store = std::fs::read(home.store()).unwrap();
    assert!(!store.windows(KEY.len()).any(|w| w == KEY.as_bytes()));
    let (code, _, said) = with_key(&["run", "--on", "2021-04-02"]);
    assert!(code == Some(0) && said.contains("Nothing was due"), "{said}");
    let (code, _, said) = with_key(&["sink", "test", "erp"]);
    assert!(code == Some(0) && said.contains("cannot look at what it holds"), "{said}");
    // A secret that is not there is told by its name.
    home.run(["delivery", "retry", "1"]).says(1, &["secret `UPLOAD_KEY` is not in the environment"]);
}

#[test]
fn the_examples_and_the_tester_pass_the_authors_kit() {
    let home = Home::new();
    for (name, more) in
        [("upload", &["--set", "piece_mib=1"][..]), ("tester", &["--allow-state", "1GiB"]), ("index", &[])]
    {
        let plugin = golden(name);
        let junit = home.path("junit.xml");
        let mut args = vec![
            "--format",
            "json",
            "plugin",
            "test",
            plugin.to_str().unwrap(),
            "--set",
            "url={target}",
            "--junit",
        ];
        args.push(junit.to_str().unwrap());
        args.extend(more);
        let output = home.command(&args).output().unwrap();
        let shown: Value = serde_json::from_slice(&output.stdout).unwrap();
        let failed: Vec<&Value> = rows(&shown).iter().filter(|row| row["result"] == "FAILED").collect();
        assert!(output.status.success() && failed.is_empty(), "{name}: {failed:#?}");
        assert!(rows(&shown).len() >= 55, "{}", rows(&shown).len());
        let xml = std::fs::read_to_string(&junit).unwrap();
        assert!(
            xml.contains("failures=\"0\"") && xml.matches("<testcase ").count() == rows(&shown).len(),
            "{xml}"
        );
    }
    // One that is not as it must be is told, with how to try again.
    let plugin = golden("tester");
    home.run(["plugin", "test", plugin.to_str().unwrap(), "--set", "mode=nothing-read", "--only", "put.one"])
        .says(1, &["0 checks passed, 1 failed", "--only put.one"]);
    home.run(["plugin", "test", plugin.to_str().unwrap(), "--only", "no.such"])
        .says(1, &["there is no check `no.such`"]);
}

#[test]
fn bundled_bills_run_through_a_plugin_and_what_it_says_is_shown() {
    let home = Home::new();
    let plugin = golden("tester");
    let args = [
        "plugin",
        "run",
        plugin.to_str().unwrap(),
        "--allow-host",
        "http://127.0.0.1:1",
        "--allow-state",
        "1MiB",
    ];
    home.run(args).says(0, &["plugin, info: committed", "Delivered the monthly bill"]);
    let home = Home::new();
    let broken: Vec<&str> = args.into_iter().chain(["--set", "mode=trap@put"]).collect();
    home.run(broken).says(1, &["broke off in `put`"]);
}

#[test]
fn a_project_is_made_built_and_passes_the_kit() {
    let target = "wasm32-unknown-unknown";
    let library =
        std::process::Command::new("rustc").args(["--print", "target-libdir", "--target", target]).output();
    let there = library.is_ok_and(|o| PathBuf::from(String::from_utf8_lossy(&o.stdout).trim()).is_dir());
    if !there {
        return python::skip("building a plugin", "`rustup target add wasm32-unknown-unknown`");
    }
    let home = Home::new();
    let project = home.path("acme-erp");
    let project = project.to_str().unwrap();
    home.run(["plugin", "new", project]).says(0, &["Made"]);
    home.run(["plugin", "new", project]).says(1, &["is there already"]);
    home.run(["plugin", "new", "Bad Name"]).says(1, &["is no name for a plugin"]);
    home.run(["plugin", "build", project]).says(0, &["Built", "acme-erp.wasm"]);
    let plugin = format!("{project}/acme-erp.wasm");
    home.run(["plugin", "test", &plugin, "--set", "url={target}"]).says(0, &["0 failed"]);
    home.run(["plugin", "doctor"]).says(0, &[]);

    // What is kept in the fixtures is what its sources come to.
    let plugins = sources(&home);
    for (folder, name) in [("guests/tester", "tester"), ("examples/upload", "upload")] {
        same_as_kept(&build(&home, &plugins.join(folder), name), name);
    }
    // Double-entry accounting, read by a program that nobody here wrote.
    let ledger = build(&home, &plugins.join("examples/ledger"), "ledger");
    passes_the_kit(&home, &ledger);
    let sent = sent_of_a_run(&home, &ledger);
    assert_eq!(sent.len(), 1);
    assert_eq!(sent[0].0, "/in/2021-03-used.beancount");
    let text = String::from_utf8(sent[0].1.clone()).unwrap();
    assert!(text.contains("  Expenses:Cloud  203171.90090043 USD\n"), "{text}");
    let Some(python) = language("beancount") else { return };
    let script = r"
import sys
from beancount import loader
opened = '2020-01-01 open Expenses:Cloud\n2020-01-01 open Liabilities:Cloud-Provider\n'
entries, errors, _ = loader.load_string(opened + sys.argv[1])
assert not errors and len(entries) == 3, errors
";
    python::run(&python, script, &[text.as_ref()]);
}

/// A copy of the sources of plugins.
fn sources(home: &Home) -> PathBuf {
    let (from, to) = (concat!(env!("CARGO_MANIFEST_DIR"), "/../plugins"), home.path("plugins"));
    let copied = std::process::Command::new("cp").arg("-r").arg(from).arg(&to).status().unwrap();
    assert!(copied.success());
    to
}

/// Has a plugin built, and returns where it is.
#[track_caller]
fn build(home: &Home, folder: &Path, name: &str) -> PathBuf {
    let mut command = home.command(["plugin", "build", folder.to_str().unwrap()]);
    if let Some(python) = std::env::var_os("BILLKEEP_TEST_PYTHON") {
        command.env("BILLKEEP_PYTHON", python);
    }
    Output::of(command.output().unwrap()).says(0, &["Built"]);
    folder.join(format!("{name}.wasm"))
}

/// What is kept in the fixtures is what its sources come to.
#[track_caller]
fn same_as_kept(built: &Path, name: &str) {
    let (built, kept) = (PluginFile::read(built).unwrap(), PluginFile::read(&golden(name)).unwrap());
    assert_eq!(built.declared, kept.declared);
    assert_eq!((built.interface, built.imports, built.exports), (kept.interface, kept.imports, kept.exports));
}

#[track_caller]
fn passes_the_kit(home: &Home, plugin: &Path) {
    home.run(["plugin", "test", plugin.to_str().unwrap(), "--set", "url={target}"]).says(0, &["0 failed"]);
}

/// What arrives at a server of bundled bills that run through a plugin: paths and bodies.
#[track_caller]
fn sent_of_a_run(home: &Home, plugin: &Path) -> Vec<(String, Vec<u8>)> {
    let server = Script::start(|_| Reply::status(200));
    let (host, url) = (server.url(), format!("url={}/in", server.url()));
    let plugin = plugin.to_str().unwrap();
    // Guests in Python and JavaScript need more memory than others.
    let grants = ["--allow-host", &host, "--allow-state", "64KiB", "--allow-memory", "512MiB", "--set", &url];
    home.run(["plugin", "run", plugin].iter().chain(&grants)).says(0, &["Delivered the monthly bill"]);
    server.asked().into_iter().map(|asked| (asked.path, asked.body)).collect()
}

/// A Python that has a module, for what is built or read with it.
fn language(module: &str) -> Option<PathBuf> {
    let python = std::env::var_os("BILLKEEP_TEST_PYTHON").map(PathBuf::from);
    let has = |python: &PathBuf| {
        let imports = std::process::Command::new(python).args(["-c", &format!("import {module}")]).output();
        imports.is_ok_and(|output| output.status.success())
    };
    let found = python.filter(has);
    if found.is_none() {
        let needs = format!("a Python with `{module}` in BILLKEEP_TEST_PYTHON");
        python::skip("plugins in other languages", &needs);
    }
    found
}

#[test]
fn a_guest_in_c_is_built_passes_the_kit_and_writes_an_index() {
    if language("ziglang").is_none() {
        return;
    }
    let home = Home::new();
    let plugin = build(&home, &sources(&home).join("examples/index"), "index");
    same_as_kept(&plugin, "index");
    passes_the_kit(&home, &plugin);
    let sent = sent_of_a_run(&home, &plugin);
    // The index of two bills: each with its part and its manifest.
    let (_, last) = sent.last().unwrap();
    let lines: Vec<&str> = std::str::from_utf8(last).unwrap().lines().collect();
    assert_eq!((sent.len(), lines.len()), (4, 4));
    let is_line =
        |line: &str| line.split_once(' ').is_some_and(|(hash, name)| hash.len() == 64 && !name.is_empty());
    assert!(lines.iter().all(|line| is_line(line)), "{lines:?}");
    let project = home.path("mine");
    home.run(["plugin", "new", project.to_str().unwrap(), "--lang", "c"]).says(0, &["Made"]);
    passes_the_kit(&home, &build(&home, &project, "mine"));
}

#[test]
fn a_guest_in_python_is_built_passes_the_kit_and_makes_spreadsheets() {
    if language("componentize_py").is_none() {
        return;
    }
    let home = Home::new();
    let plugin = build(&home, &sources(&home).join("examples/sheet"), "sheet");
    passes_the_kit(&home, &plugin);
    let sent = sent_of_a_run(&home, &plugin);
    assert_eq!(sent.len(), 1);
    let book = home.write("book.xlsx", &sent[0].1);
    let Some(python) = language("openpyxl") else { return };
    let script = "
import sys, openpyxl
from decimal import Decimal
rows = list(openpyxl.load_workbook(sys.argv[1]).active.iter_rows(values_only=True))
assert len(rows) == 451, len(rows)
at = rows[0].index('TotalCost')
total = sum(Decimal(str(row[at]).replace(',', '')) for row in rows[1:])
assert total == Decimal('203171.90090043'), total
";
    python::run(&python, script, &[book.as_os_str()]);
    let project = home.path("mine");
    home.run(["plugin", "new", project.to_str().unwrap(), "--lang", "python"]).says(0, &["Made"]);
    passes_the_kit(&home, &build(&home, &project, "mine"));
}

#[test]
fn a_guest_in_javascript_is_built_passes_the_kit_and_tells_a_chat() {
    let Some(modules) = std::env::var_os("BILLKEEP_TEST_NODE_MODULES") else {
        // Not everybody has Node.js of an age that does.
        let needs = "`componentize-js` in the folder BILLKEEP_TEST_NODE_MODULES";
        return python::cannot("a plugin in JavaScript", needs);
    };
    let home = Home::new();
    let with_modules = |project: &Path| {
        let to = project.join("node_modules");
        let copied = std::process::Command::new("cp").arg("-r").arg(&modules).arg(to).status();
        assert!(copied.unwrap().success());
    };
    let new = home.path("mine");
    home.run(["plugin", "new", new.to_str().unwrap(), "--lang", "js"]).says(0, &["Made"]);
    with_modules(&new);
    passes_the_kit(&home, &build(&home, &new, "mine"));
    let project = sources(&home).join("examples/chat");
    with_modules(&project);
    let plugin = build(&home, &project, "chat");
    passes_the_kit(&home, &plugin);
    let sent = sent_of_a_run(&home, &plugin);
    assert_eq!(sent.len(), 1);
    let said: Value = serde_json::from_slice(&sent[0].1).unwrap();
    let said = said["text"].as_str().unwrap();
    assert!(said.starts_with("Cloud bill 2021-03 (monthly"), "{said}");
    assert!(said.contains("203,171.90090043 USD in 450 lines"), "{said}");
}
