//! The documents say what is so: the README's example is run, and its output is the program's own.
//!
//! The example is the README's only block marked `console`. Each line that begins with `$ billkeep ` is run, in order,
//! in a folder of its own that holds `fixtures/bills` and `fixtures/demo`; below it stands what it wrote to stdout,
//! then what it wrote to stderr. The README shows that folder as `/home/lin/bills`, and the actor is `lin`.
//! `BILLKEEP_TEST_BLESS=1` writes the block anew.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::support::{Home, MARCH, Output, bill_file, program, python, top};
use billkeep_core::bills::BillField;

/// How the README shows the folder in which the example is run.
const SHOWN_FOLDER: &str = "/home/lin/bills";
const FENCE: &str = "```";

fn document(name: &str) -> String {
    fs::read_to_string(top().join(name)).unwrap_or_else(|e| panic!("`{name}`: {e}"))
}

/// The text between the line of this fence and the closing one, with where it begins.
fn block<'a>(document: &'a str, fence: &str) -> (usize, &'a str) {
    let opening = format!("\n{FENCE}{fence}\n");
    assert_eq!(document.matches(&opening).count(), 1, "there is one block marked `{fence}`");
    let from = document.find(&opening).unwrap() + opening.len();
    let bytes = document[from..].find(&format!("\n{FENCE}\n")).expect("the block is closed") + 1;
    (from, &document[from..from + bytes])
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Runs the commands of an example; returns it with what they wrote now.
fn run_example(example: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path().canonicalize().unwrap();
    for name in ["fixtures/bills", "fixtures/demo"] {
        copy_folder(&top().join(name), &here.join(name));
    }
    let here_text = here.to_str().unwrap();
    let mut written = String::new();
    for line in example.lines().filter_map(|line| line.strip_prefix("$ ")) {
        let words: Vec<String> =
            line.split_whitespace().map(|word| word.replace(SHOWN_FOLDER, here_text)).collect();
        assert!(!line.contains(['\'', '"', '\\', '|', '>', '*']), "a shell would read `{line}` otherwise");
        assert_eq!(words[0], "billkeep", "`{line}`");
        let mut command = program();
        command.env("BILLKEEP_ACTOR", "lin").current_dir(&here).args(&words[1..]);
        let output = Output::of(command.output().unwrap()).says(0, &[]);
        let text = format!("{}{}", output.text(), output.stderr).replace(here_text, SHOWN_FOLDER);
        assert!(text.lines().all(|line| !line.starts_with("$ ")), "{text}");
        written.push_str(&format!("$ {line}\n{text}"));
        if !text.is_empty() && !text.ends_with('\n') {
            written.push('\n');
        }
    }
    written
}

#[test]
fn the_example_of_the_readme_is_what_the_program_writes() {
    let readme = document("README.md");
    let (from, example) = block(&readme, "console");
    let commands = |text: &str| text.lines().filter(|line| line.starts_with("$ ")).count();
    assert!(commands(example) > 5, "{example}");
    let written = run_example(example);
    assert_eq!(commands(&written), commands(example));
    if std::env::var_os("BILLKEEP_TEST_BLESS").is_some_and(|bless| bless == "1") {
        let blessed = format!("{}{written}{}", &readme[..from], &readme[from + example.len()..]);
        if blessed != readme {
            fs::write(top().join("README.md"), blessed).unwrap();
        }
        return;
    }
    for (number, (said, is)) in (1..).zip(example.lines().zip(written.lines())) {
        assert_eq!(
            said, is,
            "line {number} of the example; `BILLKEEP_TEST_BLESS=1` writes it anew\n{written}"
        );
    }
    assert_eq!(example, written);
}

/// The commands among the lines of a text, without what only a machine needs: settings before, `--locked`, where to.
fn cargo_commands(text: &str) -> BTreeSet<String> {
    let command = |line: &str| {
        let line = line.trim().strip_prefix("BILLKEEP_TEST_ALL=1 ").unwrap_or(line.trim());
        let line = line.split([';', '|', '>', '#']).next().unwrap_or(line).trim().replace(" --locked", "");
        let wanted = ["cargo run ", "cargo test "].iter().any(|start| line.starts_with(start));
        let line = line.trim_end_matches("2").trim().trim_end_matches("\"$scratch/demo\"").trim();
        wanted.then(|| line.to_owned())
    };
    text.lines().filter_map(command).collect()
}

#[test]
fn the_readmes_two_commands_are_those_that_must_pass_before_a_change() {
    let readme = document("README.md");
    let (_, commands) = block(&readme, "sh");
    let commands = cargo_commands(commands);
    assert_eq!(commands.len(), 2, "{commands:?}");
    assert_eq!(commands, cargo_commands(&document(".ci/run")));
}

fn documents() -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = [
        "README.md",
        "ARCHITECTURE.md",
        "CHANGELOG.md",
        "CONTRIBUTING.md",
        "SECURITY.md",
        "fixtures/README.md",
    ]
    .map(|name| top().join(name))
    .into();
    let mut folders = vec![top().join("docs")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "md") {
                found.push(path);
            }
        }
    }
    assert!(found.len() > 5, "{found:?}");
    found
}

/// The targets of a document's links, outside of its blocks of code.
fn links(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut in_code = false;
    for line in text.lines() {
        if line.starts_with(FENCE) {
            in_code = !in_code;
        }
        let targets = line.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
        if !in_code {
            found.extend(targets.map(|(target, _)| target.to_owned()));
        }
    }
    found
}

/// The anchors of a document's headings, as web pages of repositories make them.
fn anchors(text: &str) -> Vec<String> {
    let headings = text.lines().filter_map(|line| line.strip_prefix('#'));
    headings
        .map(|heading| {
            let heading = heading.trim_start_matches('#').trim().to_lowercase();
            let kept = heading.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
            kept.map(|c| if c == ' ' { '-' } else { c }).collect()
        })
        .collect()
}

#[test]
fn every_relative_link_leads_to_a_file_and_a_section_of_it() {
    let (mut broken, mut followed) = (Vec::new(), 0);
    for path in documents() {
        for link in links(&fs::read_to_string(&path).unwrap()) {
            if link.contains("://") {
                continue;
            }
            followed += 1;
            let (target, anchor) = link.split_once('#').unwrap_or((&link, ""));
            let target = if target.is_empty() { path.clone() } else { path.parent().unwrap().join(target) };
            let leads = target.exists()
                && (anchor.is_empty()
                    || anchors(&fs::read_to_string(&target).unwrap()).iter().any(|a| a == anchor));
            if !leads {
                broken.push(format!("{}: `{link}`", path.strip_prefix(top()).unwrap().display()));
            }
        }
    }
    assert!(broken.is_empty(), "\n{}", broken.join("\n"));
    assert!(followed > 5);
}

#[test]
fn every_section_of_a_document_that_a_source_names_is_there() {
    let mut files = Vec::new();
    for folder in ["core/src", "sinks/src", "cli/src", "tests/tests"] {
        sources(&top().join(folder), &mut files);
    }
    let (mut broken, mut followed) = (Vec::new(), 0);
    for path in files {
        for (i, line) in fs::read_to_string(&path).unwrap().lines().enumerate() {
            let Some((document, rest)) = named_section(line) else { continue };
            followed += 1;
            let anchor: String =
                rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '-').collect();
            let text = fs::read_to_string(top().join("docs").join(document)).unwrap_or_default();
            if !anchors(&text).contains(&anchor) {
                let file = path.strip_prefix(top()).unwrap().display();
                broken.push(format!("{file}:{}: `docs/{document}#{anchor}`", i + 1));
            }
        }
    }
    assert!(broken.is_empty(), "\n{}", broken.join("\n"));
    assert!(followed > 20, "{followed}");
}

/// The document below `docs` that a line names with a section, and what follows its `#`.
fn named_section(line: &str) -> Option<(&str, &str)> {
    let (_, rest) = line.split_once("docs/")?;
    let (document, rest) = rest.split_once('#')?;
    let is_name =
        document.ends_with(".md") && document.chars().all(|c| c.is_ascii_alphanumeric() || ".-/".contains(c));
    is_name.then_some((document, rest))
}

/// The help of a command and of all below it.
fn helps(command: &[String], all: &mut Vec<(String, String)>) {
    let output = program().args(command).arg("--help").output().unwrap();
    let help = String::from_utf8(output.stdout).unwrap();
    let below = help.split_once("Commands:\n").map_or("", |(_, rest)| rest);
    for line in below.lines().take_while(|line| line.starts_with("  ")) {
        let name = line.split_whitespace().next().unwrap();
        if name != "help" {
            helps(&[command, &[name.to_owned()]].concat(), all);
        }
    }
    all.push((command.join(" "), help));
}

/// All sources of the program, whose errors and pages name commands.
fn sources(folder: &Path, all: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, all);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            all.push(path);
        }
    }
}

#[test]
fn no_hint_names_a_command_that_does_not_exist() {
    let mut paths = Vec::new();
    sources(&top().join("cli/src"), &mut paths);
    let is_word =
        |word: &&str| word.bytes().all(|b| b.is_ascii_lowercase() || b == b'-') && !word.starts_with('-');
    let mut named = BTreeSet::new();
    for path in paths {
        let text = fs::read_to_string(path).unwrap().replace("\\\n", " ");
        for after in text.split("`billkeep ").skip(1) {
            let command = after.split('`').next().unwrap();
            named.insert(
                command.split_whitespace().take_while(is_word).map(str::to_owned).collect::<Vec<_>>(),
            );
        }
    }
    assert!(named.len() > 20, "{named:?}");
    let exists =
        |command: &&Vec<String>| program().args(*command).arg("--help").output().unwrap().status.success();
    let none: Vec<_> = named.iter().filter(|command| !exists(command)).collect();
    assert!(none.is_empty(), "{none:?}");
    assert!(!exists(&&vec!["store".to_owned(), "backup".to_owned()]));
}

#[test]
fn every_command_and_option_is_in_the_reference() {
    let reference = document("docs/CLI.md");
    let mut all = Vec::new();
    helps(&[], &mut all);
    assert!(all.len() > 20, "{}", all.len());
    let mut forgotten = Vec::new();
    for (command, help) in all {
        if !reference.contains(&format!("`{command}")) {
            forgotten.push(format!("`{command}`"));
        }
        for word in help.split_whitespace().filter(|word| word.starts_with("--") && word.len() > 3) {
            let option = word.trim_end_matches([',', '.', ';', ':', ']']).split(['=', '`']).next().unwrap();
            if option != "--help" && option != "--version" && !reference.contains(option) {
                forgotten.push(format!("`{command} {option}`"));
            }
        }
    }
    assert!(forgotten.is_empty(), "docs/CLI.md lacks\n{}", forgotten.join("\n"));
}

#[test]
fn every_field_is_in_the_reference() {
    let reference = document("docs/CLI.md");
    for field in BillField::names().chain(["tag:KEY"]) {
        assert!(reference.contains(&format!("`{field}`")), "docs/CLI.md lacks `{field}`");
    }
}

#[test]
fn the_digest_can_be_recomputed_as_documented() {
    let format = document("docs/FORMAT.md");
    let (_, script) = block(&format, "python");
    let Some(python) = python::python() else {
        return python::skip("the_digest_can_be_recomputed_as_documented", "python3");
    };
    for shape in ["english", "english-spaced", "shuffled", "chinese"] {
        let home = Home::with(&[bill_file(shape)]);
        let recomputed = python::run(&python, script, &[bill_file(shape).as_os_str()]);
        assert_eq!(recomputed.trim(), home.bill_text("digest"), "{shape}, {MARCH}");
    }
}
