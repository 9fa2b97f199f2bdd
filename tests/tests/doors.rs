//! Each named package stands behind one door, dependencies run one way, and core touches nothing around it.
//! A rule that only a document states is broken by the second change; these fail with file and line.
//!
//! The sources are read as text, without comments and literals: what a macro builds is not seen.

use std::fs;
use std::path::{Path, PathBuf};

mod source;

/// The packages whose sources and manifests are looked at, from the ground up.
const PACKAGES: [(&str, &str); 3] =
    [("core", "billkeep-core"), ("sinks", "billkeep-sinks"), ("cli", "billkeep")];

/// A place that may name a crate; nearly all have one.
struct Door {
    krate: &'static str,
    /// A file without its `.rs`, with the files below it; or a folder, ending in `/`. From the top of the workspace.
    place: &'static str,
}

const DOORS: [Door; 34] = [
    Door { krate: "redb", place: "core/src/engine/store/" },
    Door { krate: "bincode", place: "core/src/engine/codec" },
    Door { krate: "encoding_rs", place: "core/src/formats/text/" },
    Door { krate: "wide", place: "core/src/bills/ingest/marks" },
    // Two doors: one reads what others packed, the other writes what we pack.
    Door { krate: "rawzip", place: "core/src/exports/archive" },
    Door { krate: "rawzip", place: "core/src/formats/archive" },
    Door { krate: "flate2", place: "core/src/exports/archive" },
    Door { krate: "flate2", place: "core/src/formats/archive" },
    Door { krate: "bzip2", place: "core/src/formats/archive" },
    Door { krate: "deflate64", place: "core/src/formats/archive" },
    Door { krate: "lzma_rust2", place: "core/src/formats/archive" },
    Door { krate: "zstd", place: "core/src/engine/block/" },
    Door { krate: "zstd", place: "core/src/formats/archive" },
    // Its tests pack files as others do.
    Door { krate: "rawzip", place: "core/src/bills/ingest/container_tests" },
    Door { krate: "flate2", place: "core/src/bills/ingest/container_tests" },
    Door { krate: "bzip2", place: "core/src/bills/ingest/container_tests" },
    Door { krate: "zstd", place: "core/src/bills/ingest/container_tests" },
    Door { krate: "toml", place: "core/src/deliveries/calendar/file" },
    Door { krate: "object_store", place: "sinks/src/object" },
    Door { krate: "age", place: "sinks/src/seal_and_sign" },
    Door { krate: "reqwest", place: "sinks/src/http" },
    Door { krate: "aho_corasick", place: "sinks/src/redact" },
    Door { krate: "wasmtime", place: "sinks/src/wasm" },
    Door { krate: "wasmtime_wasi", place: "sinks/src/wasm" },
    Door { krate: "wit_component", place: "sinks/src/wasm" },
    Door { krate: "wasmparser", place: "sinks/src/wasm" },
    Door { krate: "rustix", place: "sinks/src/wasm" },
    Door { krate: "clap", place: "cli/src/" },
    Door { krate: "comfy_table", place: "cli/src/" },
    Door { krate: "axum", place: "cli/src/console/" },
    Door { krate: "cookie", place: "cli/src/console/" },
    Door { krate: "hyper", place: "cli/src/console/" },
    Door { krate: "maud", place: "cli/src/console/" },
    Door { krate: "tokio_rustls", place: "cli/src/console/" },
];

impl Door {
    fn lets_in(&self, file: &str) -> bool {
        match file.strip_prefix(self.place) {
            Some(rest) => self.place.ends_with('/') || rest == ".rs" || rest.starts_with('/'),
            None => false,
        }
    }

    /// The folder of the package that may depend on the crate.
    fn package(&self) -> &str {
        self.place.split('/').next().unwrap()
    }
}

/// What core may not say outside of its tests: it has no output, no environment and no clock of its own.
const NOT_IN_CORE: [&str; 8] =
    ["println!", "eprintln!", "print!", "eprint!", "std::env", "env::var", "SystemTime::now", "Utc::now"];

/// The only files with unsafe code: each says why, and what makes it safe.
const UNSAFE: [&str; 1] = ["sinks/src/wasm/compiled.rs"];

/// A Rust file: its path from the top of the workspace, with `/`, and its text.
struct File {
    path: String,
    text: String,
}

fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn rust_files(package: &str) -> Vec<File> {
    let mut files = Vec::new();
    let mut folders = vec![package.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(top().join(&folder)).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            let path = format!("{folder}/{name}");
            if entry.file_type().unwrap().is_dir() {
                if name != "target" {
                    folders.push(path);
                }
            } else if name.ends_with(".rs") {
                let text = fs::read_to_string(entry.path()).unwrap();
                files.push(File { path, text });
            }
        }
    }
    assert!(!files.is_empty(), "{package} has no sources");
    files.sort_by(|a, b| a.path.cmp(&b.path));
    files
}

/// Returns the files that name a crate though they are not its door, one line each.
fn past_the_doors(files: &[File]) -> Vec<String> {
    let mut found = Vec::new();
    for File { path, text } in files {
        let code = source::code(text);
        for (number, line) in (1..).zip(code.lines()) {
            let lets_in = |krate| DOORS.iter().any(|door| door.krate == krate && door.lets_in(path));
            for door in
                DOORS.iter().filter(|door| !lets_in(door.krate) && source::names_crate(line, door.krate))
            {
                let Door { krate, place } = door;
                found.push(format!("{path}:{number}: names `{krate}`, whose only door is {place}"));
            }
        }
    }
    found
}

/// Returns the lines of core that print, or ask for the environment or the time.
fn sayings_of_core(files: &[File]) -> Vec<String> {
    let mut found = Vec::new();
    for File { path, text } in files {
        if path.ends_with("/tests.rs") || path.contains("/tests/") || path.contains("/examples/") {
            continue;
        }
        let code = source::without_test_modules(&source::code(text));
        for (number, line) in (1..).zip(code.lines()) {
            if let Some(word) = NOT_IN_CORE.iter().find(|word| source::has_word(line, word)) {
                found.push(format!(
                    "{path}:{number}: `{word}`, but core has no printing, no environment and no wall clock: \
                     take it as a value, or leave it to cli"
                ));
            }
        }
    }
    found
}

/// Returns the lines that are unsafe outside of the places that may be.
fn unsafe_elsewhere(files: &[File]) -> Vec<String> {
    let mut found = Vec::new();
    for File { path, text } in files.iter().filter(|file| !UNSAFE.contains(&file.path.as_str())) {
        for (number, line) in (1..).zip(source::code(text).lines()) {
            if source::has_word(line, "unsafe") {
                found.push(format!(
                    "{path}:{number}: unsafe code, which may stand in {} only",
                    UNSAFE.join(", ")
                ));
            }
        }
    }
    found
}

/// What a sentence of the libraries does not name: commands, options and settings of the program, and addresses of its pages.
const OF_THE_PROGRAM: [&str; 4] = ["`billkeep ", "--", "BILLKEEP_", "`/"];
/// Names that are no sentence: what a notifier's command is given, and what the caller is asked for by a name.
const NAMES_GIVEN: [&str; 3] = ["BILLKEEP_EVENT", "BILLKEEP_NOTICE", "BILLKEEP_PLUGIN_CACHE"];

/// Returns the literals of the libraries that name something of the program.
fn words_of_the_program(files: &[File]) -> Vec<String> {
    let mut found = Vec::new();
    for File { path, text } in files {
        if !path.contains("/src/") || path.ends_with("tests.rs") || path.contains("tests/") {
            continue;
        }
        let text = text.replace("#[cfg(all(test, unix))]", "#[cfg(test)]");
        for (number, line) in (1..).zip(source::literals(&text)) {
            let line = NAMES_GIVEN.iter().fold(line, |line, name| line.replace(name, ""));
            let names = |word: &&&str| {
                line.split(**word).skip(1).any(|rest| rest.starts_with(|c: char| c.is_ascii_alphabetic()))
            };
            if let Some(word) = OF_THE_PROGRAM.iter().find(names) {
                found.push(format!(
                    "{path}:{number}: `{word}` of the program: state the fact, and say in cli/src/text what to do"
                ));
            }
        }
    }
    found
}

/// Ways to read something whole, however long it is.
const WHOLE: [&str; 7] = [
    "read_to_end(",
    "read_to_string(",
    "fs::read(",
    "read_line(",
    "read_until(",
    ".bytes().await",
    ".text().await",
];
/// The one place that reads something whole, up to a limit; and a helper of tests that stands beside what it tests.
const BOUNDED: [&str; 2] = ["core/src/engine/bounded.rs", "core/src/exports/archive.rs"];

/// Returns the lines that read something whole without a limit: `take` stands right before those that have one.
fn unbounded_reads(files: &[File]) -> Vec<String> {
    let mut found = Vec::new();
    for File { path, text } in files {
        if BOUNDED.contains(&path.as_str()) || path.ends_with("/tests.rs") || path.contains("/tests/") {
            continue;
        }
        let text = text.replace("#[cfg(all(test, unix))]", "#[cfg(test)]");
        let code = source::without_test_modules(&source::code(&text));
        let lines: Vec<&str> = code.lines().collect();
        for (at, line) in lines.iter().enumerate() {
            let Some(way) = WHOLE.iter().find(|way| line.contains(*way)) else { continue };
            let has_limit = lines[at.saturating_sub(2)..=at].iter().any(|line| line.contains(".take("));
            if !has_limit {
                found.push(format!(
                    "{path}:{}: `{way}` reads as much as there is: use `bounded`, or `take` right before",
                    at + 1
                ));
            }
        }
    }
    found
}

/// Ways to make a temporary folder that leave its mode to the umask, or its name to whoever guesses it.
const TEMPORARY: [&str; 5] = ["tempdir(", "tempdir_in(", "TempDir::new(", "with_prefix", "temp_dir().join"];
/// The one place that makes temporary folders.
const OWN_FOLDER: &str = "core/src/engine/own_folder.rs";

/// Returns the lines that make a temporary folder of their own.
fn temporary_folders(files: &[File]) -> Vec<String> {
    let mut found = Vec::new();
    for File { path, text } in files {
        if path == OWN_FOLDER
            || path.ends_with("tests.rs")
            || path.contains("tests/")
            || path.contains("/examples/")
        {
            continue;
        }
        let text = text.replace("#[cfg(all(test, unix))]", "#[cfg(test)]");
        let code = source::without_test_modules(&source::code(&text));
        for (number, line) in (1..).zip(code.lines()) {
            if let Some(way) = TEMPORARY.iter().find(|way| line.contains(*way)) {
                found.push(format!("{path}:{number}: `{way}`: use `own_folder::temporary_folder`"));
            }
        }
    }
    found
}

/// Returns the dependencies that a package's manifest must not have.
fn wrong_dependencies(package: &str, manifest: &str) -> Vec<String> {
    let mut found = Vec::new();
    let below = PACKAGES.iter().take_while(|(folder, _)| *folder != package);
    let allowed: Vec<&str> = below.map(|(_, name)| *name).collect();
    for (number, name) in source::dependencies(manifest) {
        let place = format!("{package}/Cargo.toml:{number}");
        let own = PACKAGES.iter().any(|(_, own)| *own == name);
        if own && !allowed.contains(&name.as_str()) {
            found.push(format!("{place}: `{name}`, but dependencies run one way: core <- sinks <- cli"));
        }
        let crate_name = name.replace('-', "_");
        for door in DOORS.iter().filter(|door| door.krate == crate_name && door.package() != package) {
            found.push(format!("{place}: `{name}`, whose only door is {}", door.place));
        }
    }
    found
}

fn assert_none(found: &[String]) {
    assert!(found.is_empty(), "\n{}\n", found.join("\n"));
}

#[test]
fn each_package_is_named_behind_its_door_only() {
    let found: Vec<String> =
        PACKAGES.iter().flat_map(|(folder, _)| past_the_doors(&rust_files(folder))).collect();
    assert_none(&found);
}

#[test]
fn core_prints_nothing_and_asks_for_neither_environment_nor_time() {
    assert_none(&sayings_of_core(&rust_files("core")));
}

#[test]
fn dependencies_run_one_way_and_stand_in_their_doors_package() {
    let mut found = Vec::new();
    for (folder, name) in PACKAGES {
        let manifest = fs::read_to_string(top().join(folder).join("Cargo.toml")).unwrap();
        assert!(manifest.contains(&format!("name = \"{name}\"")), "{folder}/Cargo.toml is not {name}'s");
        assert!(!source::dependencies(&manifest).is_empty(), "{folder}/Cargo.toml: no dependency was found");
        found.extend(wrong_dependencies(folder, &manifest));
    }
    assert_none(&found);
}

#[test]
fn unsafe_code_is_in_named_files_only() {
    for (folder, _) in PACKAGES {
        assert_none(&unsafe_elsewhere(&rust_files(folder)));
    }
}

#[test]
fn nothing_from_outside_is_read_whole_without_a_limit() {
    for (folder, _) in PACKAGES {
        let files: Vec<File> =
            rust_files(folder).into_iter().filter(|file| file.path.contains("/src/")).collect();
        assert_none(&unbounded_reads(&files));
    }
}

#[test]
fn temporary_folders_are_made_in_one_way() {
    for (folder, _) in PACKAGES {
        assert_none(&temporary_folders(&rust_files(folder)));
    }
}

#[test]
fn no_sentence_of_the_libraries_names_a_command_an_option_or_a_page() {
    for folder in ["core", "sinks"] {
        assert_none(&words_of_the_program(&rust_files(folder)));
    }
}

#[test]
fn a_sentence_that_names_a_command_is_found_with_its_line() {
    let file = |path: &str, text: &str| File { path: path.to_owned(), text: text.to_owned() };
    let found = words_of_the_program(&[
        file(
            "core/src/a.rs",
            "// `billkeep due`, --on\nconst A: &str = \"a bill\n  by `billkeep due`\"; // \"--on\"\n",
        ),
        file("core/src/b.rs", "#[error(\"say --month\")]\nfn f() { x = y --z }\n"),
        file(
            "sinks/src/c.rs",
            "f(\"set BILLKEEP_STORE\"); f(\"BILLKEEP_EVENT\"); f(\"a -- b\"); f(\"at `/bills`\");\n",
        ),
        file(
            "sinks/src/d.rs",
            "#[cfg(test)]\nmod tests {\n    const A: &str =\n        \"--on\";\n}\nconst B: &str = \"--on\";\n",
        ),
    ]);
    let places: Vec<&str> = found.iter().filter_map(|line| line.split(" of the program").next()).collect();
    assert_eq!(
        places,
        [
            "core/src/a.rs:3: ``billkeep `",
            "core/src/b.rs:1: `--`",
            "sinks/src/c.rs:1: `BILLKEEP_`",
            "sinks/src/d.rs:6: `--`",
        ]
    );
}

/// A rule that finds nothing in a wrong file holds nothing.
#[test]
fn a_wrong_file_is_found_with_its_line() {
    let file = |path: &str, text: &str| File { path: path.to_owned(), text: text.to_owned() };
    let found = past_the_doors(&[
        file("core/src/bills/mod.rs", "// redb::Database\n\nfn f() { redb::f() }\n"),
        file("core/src/engine/store/tables.rs", "use redb::Database;\n"),
        file("core/src/engine/codec.rs", "use bincode::config;\n"),
        file("core/src/engine/codec/golden.rs", "use bincode::config;\n"),
        file("core/src/engine/codecs.rs", "use bincode::config;\n"),
        file("sinks/src/lib.rs", "mod object;\nextern crate object_store;\n"),
    ]);
    assert_eq!(
        found,
        [
            "core/src/bills/mod.rs:3: names `redb`, whose only door is core/src/engine/store/",
            "core/src/engine/codecs.rs:1: names `bincode`, whose only door is core/src/engine/codec",
            "sinks/src/lib.rs:2: names `object_store`, whose only door is sinks/src/object",
        ]
    );

    let test = "#[cfg(test)]\nmod tests {\n    fn f() { if true { println!() } }\n}\n";
    let found = sayings_of_core(&[
        file("core/src/a.rs", &format!("{test}fn g() {{ println!(\"}}\") }}\n")),
        file("core/src/a/tests.rs", "fn f() { std::env::temp_dir(); }"),
        file("core/src/b.rs", "fn f() { std::time::SystemTime::now(); }"),
        file("core/src/c.rs", "/// println!\nfn env() { env!(\"CARGO_PKG_VERSION\"); \"Utc::now\"; }"),
    ]);
    let places: Vec<&str> = found.iter().map(|line| line.split(',').next().unwrap()).collect();
    assert_eq!(places, ["core/src/a.rs:5: `println!`", "core/src/b.rs:1: `SystemTime::now`"]);

    let found = unsafe_elsewhere(&[
        file("sinks/src/wasm/compiled.rs", "fn f() { unsafe { g() } }"),
        file("sinks/src/wasm/compiler.rs", "#[allow(unsafe_code)] // unsafe\nfn f() {\n unsafe { g() } }"),
    ]);
    let places: Vec<&str> = found.iter().map(|line| line.split(',').next().unwrap()).collect();
    assert_eq!(places, ["sinks/src/wasm/compiler.rs:3: unsafe code"]);

    let found = unbounded_reads(&[
        file(
            "cli/src/a.rs",
            "fn f() { fs::read(p); }\n// fs::read(p)\nfn g() { fs::read_dir(p); \"fs::read(\"; }\n",
        ),
        file("cli/src/b.rs", "fn f() {\n    file\n        .take(9)\n        .read_to_end(&mut b);\n}\n"),
        file("cli/src/c.rs", "async fn f() { a.bytes().await; }\nfn g() { text.bytes(); }\n"),
        file("cli/src/d.rs", "#[cfg(test)]\nmod tests {\n    fn f() { fs::read(p); }\n}\n"),
        file("core/src/engine/bounded.rs", "fn f() { from.read_to_end(b); }\n"),
    ]);
    let places: Vec<&str> = found.iter().map(|line| line.split("` reads").next().unwrap()).collect();
    assert_eq!(places, ["cli/src/a.rs:1: `fs::read(", "cli/src/c.rs:1: `.bytes().await"]);

    let found = temporary_folders(&[
        file("core/src/engine/own_folder.rs", "fn f() { builder.tempdir_in(folder); }\n"),
        file("cli/src/a.rs", "fn f() {\n    let at = std::env::temp_dir().join(name);\n}\n"),
        file("cli/src/b.rs", "fn f() { temporary_folder(&std::env::temp_dir(), prefix); }\n"),
        file(
            "sinks/src/c.rs",
            "#[cfg(test)]\nmod tests {\n    fn f() { tempdir(); }\n}\nfn g() { tempdir(); }\n",
        ),
    ]);
    let places: Vec<&str> = found.iter().map(|line| line.split("`: ").next().unwrap()).collect();
    assert_eq!(places, ["cli/src/a.rs:2: `temp_dir().join", "sinks/src/c.rs:5: `tempdir("]);

    let manifest = "[package]\nname = \"x\"\nredb = 1\n\n[dependencies]\nbillkeep-core.workspace = true\n\
                    comfy-table = { version = \"8\" } # a table\n[dev-dependencies.billkeep]\npath = \"../cli\"\n";
    let places = |package| -> Vec<String> {
        let found = wrong_dependencies(package, manifest);
        found.iter().map(|line| line.split(',').next().unwrap().to_owned()).collect()
    };
    assert_eq!(
        places("core"),
        [
            "core/Cargo.toml:6: `billkeep-core`",
            "core/Cargo.toml:7: `comfy-table`",
            "core/Cargo.toml:8: `billkeep`",
        ]
    );
    assert_eq!(places("sinks"), ["sinks/Cargo.toml:7: `comfy-table`", "sinks/Cargo.toml:8: `billkeep`"]);
    assert_eq!(places("cli"), ["cli/Cargo.toml:8: `billkeep`"]);
}
