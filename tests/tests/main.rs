//! The one test binary of billkeep: a module per subject.

mod accounts;
mod api;
mod audience;
mod audit;
mod backfill;
mod calendar;
mod cases_console;
mod cases_console_pages;
mod cases_console_text;
mod cases_containers;
mod cases_control;
mod cases_coverage;
mod cases_files;
mod cases_plugins;
mod cases_rebuild;
mod cases_shrink;
mod cases_sinks;
mod cases_text;
mod chunk_cache;
mod concurrency;
mod confirm;
mod console;
mod console_browser;
mod crash;
mod customers;
mod damage;
mod delivery;
mod diff;
mod disk_faults;
mod doors;
mod due;
mod examples;
mod expected;
mod explain;
mod export;
mod failures;
mod golden;
mod invariants;
mod journey;
mod late;
mod layers;
mod life;
mod lines_page;
mod lint;
mod many_owners;
mod memory;
mod model;
mod names;
mod notify;
mod object;
mod outbox;
mod overlap;
mod partner_guide;
mod plugin;
mod plugin_program;
mod plugin_raw;
mod price;
mod readme;
mod rebuild;
mod retention;
mod sealed;
mod shape_rules;
mod shapes;
mod show;
mod sink_faults;
mod sink_kit;
mod spreadsheet;
mod storage;
mod storage_model;
mod support;
mod tamper;
mod transact;

/// A module file that `main.rs` does not name would compile nowhere and fail never.
#[test]
fn no_module_file_is_forgotten() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests");
    let named: Vec<&str> = include_str!("main.rs")
        .lines()
        .filter_map(|line| line.trim().strip_prefix("mod ")?.strip_suffix(';'))
        .collect();
    let mut forgotten = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let file_name = entry.file_name().into_string().unwrap();
        // A folder is a module if it has a `mod.rs`; else it belongs to the file beside it, or to no module at all.
        let module = match file_name.strip_suffix(".rs") {
            Some("main") => continue,
            Some(module) => module,
            None if entry.path().join("mod.rs").exists() => &file_name,
            None => continue,
        };
        if !named.contains(&module) {
            forgotten.push(format!("tests/tests/{file_name}: add `mod {module};` to tests/tests/main.rs"));
        }
    }
    assert!(forgotten.is_empty(), "\n{}", forgotten.join("\n"));
}
