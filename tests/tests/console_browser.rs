//! The console in a real browser, and asked by a program that makes up requests.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::support::console::Served;
use crate::support::{Home, MARCH, PAYER, demo_file, python, top};

/// Finds the packages and the browser that the scripts want.
fn modules() -> Option<PathBuf> {
    let modules = PathBuf::from(std::env::var_os("BILLKEEP_TEST_BROWSER_MODULES")?);
    let has = |name: &str| modules.join(name).join("package.json").exists();
    let starts =
        |program: &str| Command::new(program).arg("--version").output().is_ok_and(|o| o.status.success());
    (has("playwright-core") && has("axe-core") && starts("node") && browser().exists()).then_some(modules)
}

fn browser() -> PathBuf {
    std::env::var_os("BILLKEEP_TEST_CHROMIUM").map_or_else(|| "/usr/bin/chromium".into(), PathBuf::from)
}

/// Runs a script of `support/console`; says whether there was a browser to run it in.
fn runs(test: &str, script: &str, input: &Value) -> bool {
    let Some(modules) = modules() else {
        python::skip(
            test,
            "chromium, and `playwright-core` and `axe-core` in the folder BILLKEEP_TEST_BROWSER_MODULES",
        );
        return false;
    };
    let output = Command::new("node")
        .arg(top().join("tests/tests/support/console").join(script))
        .arg(input.to_string())
        .env("BILLKEEP_TEST_BROWSER_MODULES", modules)
        .env("BILLKEEP_TEST_CHROMIUM", browser())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    true
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A store with March and the first days of April, and people.
fn filled() -> Home {
    let home = Home::new();
    home.import((1..=31).map(|day| demo_file(3, day)));
    home.import((1..=7).map(|day| demo_file(4, day)));
    home
}

#[test]
fn the_steps_of_the_starting_document_are_walked_in_a_browser() {
    let home = filled();
    let march = home.write("march.csv", &home.ok(["bill", "csv", MARCH]).stdout);
    let name = format!("{PAYER}-20210408-by_used_time-bill_details.csv");
    let next = home.write(&name, &home.ok(["bill", "csv", "2021-04"]).stdout);
    let buckets = ["one", "two"].map(|name| home.path(name));
    buckets.iter().for_each(|bucket| std::fs::create_dir(bucket).unwrap());
    home.ok(["user", "set", "ann", "--role", "admin"]);
    // Admins may add folders below this one from the console.
    let folder = home.path("");
    let served = Served::start_as(&home, "2021-04-07T03:00:00Z", "ann", &["--sink-folder", text(&folder)]);
    let url = format!("http://{}", served.host);
    let program = crate::support::billkeep();
    let store = home.store();
    let again = [text(program), "--store", text(&store), "--as", "ann", "user", "link", "ann", "--at", &url];
    let input = json!({
        "link": served.link, "again": again, "expectedCsv": text(&march), "clock": text(&served.clock),
        "bucket": text(&buckets[0]), "bucket2": text(&buckets[1]), "month": MARCH, "payer": PAYER, "nextFile": text(&next),
    });
    if runs("the_steps_of_the_starting_document_are_walked_in_a_browser", "walk.mjs", &input) {
        home.ok(["--as", "ann", "store", "check"]);
    }
}

#[test]
fn a_confirmation_of_what_has_changed_is_refused_in_the_browser_with_the_difference() {
    let home = filled();
    let csv = home.ok(["bill", "csv", MARCH]);
    let lines: Vec<&str> = csv.text().split_inclusive('\n').collect();
    let name = format!("{PAYER}-20210331-by_used_time-bill_details.csv");
    // One line more: a file with fewer would wait for a decision.
    let changed = home.write(&name, (csv.text().to_owned() + lines[lines.len() - 1]).as_bytes());
    home.ok(["user", "set", "ann", "--role", "admin"]);
    home.ok(["--as", "ann", "user", "set", "bob", "--role", "operator"]);
    let served = Served::start_as(&home, "2021-04-07T03:00:00Z", "ann", &["--no-scheduler"]);
    let url = format!("http://{}", served.host);
    let bob = home.ok(["--as", "ann", "user", "link", "bob", "--at", &url]);
    let input = json!({ "linkA": served.link, "linkB": bob.text().trim(), "month": MARCH, "importFile": text(&changed) });
    runs(
        "a_confirmation_of_what_has_changed_is_refused_in_the_browser_with_the_difference",
        "two.mjs",
        &input,
    );
}

/// A store with one of everything: people, disputes, a late file, deliveries that went and one that failed.
fn rich() -> Home {
    let home = filled();
    let csv = home.ok(["bill", "csv", MARCH]);
    let lines: Vec<&str> = csv.text().split_inclusive('\n').collect();
    home.sink("finance", &[]);
    home.enable(PAYER, "finance", "daily,monthly,reseller", true);
    home.ok(["sink", "add", "archive", &format!("file://{}", home.path("archive").display())]);
    for day in ["2021-04-01", "2021-04-02"] {
        home.run(["run", "--on", day]);
    }
    home.ok(["bill", "confirm", MARCH, "--digest", &digest(&home, 0)]);
    let late = format!("{PAYER}-20210331-by_used_time-bill_details.csv");
    let late = home.write(&late, lines[..lines.len() - 2].concat().as_bytes());
    home.run(["import", text(&late)]).says(7, &["waits for a decision"]);
    home.ok(["bill", "issue", "2021-04"]);
    for owner in ["200000003412", "200000036222"] {
        let filter = format!("owner={owner}");
        let words = [
            "dispute",
            "open",
            "2021-04",
            "--where",
            &filter,
            "--direction",
            "over",
            "--amount",
            "2",
            "--reason",
            "twice",
        ];
        home.ok(words);
    }
    home.ok(["account", "add", "200000003412", "--name", "One", "--role", "reseller"]);
    home.ok(["account", "price", "set", "200000036222", "--discount", "0.9", "--yes"]);
    home.ok(["retention", "set", "--revisions", "--days", "90"]);
    for (name, role) in [("ann", "admin"), ("vic", "viewer")] {
        home.ok(["--as", "ann", "user", "set", name, "--role", role]);
    }
    home
}

fn digest(home: &Home, at: usize) -> String {
    home.json(["bill", "list"])["rows"][at]["digest"].as_str().unwrap().to_owned()
}

#[test]
fn no_page_keeps_anybody_out() {
    let home = rich();
    let served = Served::start_as(&home, "2021-04-08T03:00:00Z", "ann", &["--no-scheduler"]);
    let (storage, owner) = (format!("/storage/{PAYER}"), "200000003412");
    let pages = [
        "/".to_owned(),
        "/bills".into(),
        "/bills/2021-03".into(),
        "/bills/2021-04?by=owner&then=product&sort=-key".into(),
        "/bills/2021-03?ask=reopen".into(),
        format!("/bills/2021-04/lines?field=owner&value={owner}"),
        "/bills/2021-04/lines?text=nowhere-to-be-found".into(),
        "/bills/2021-04/diff".into(),
        "/bills/2021-04/lint".into(),
        "/bills/2021-03/revisions".into(),
        format!("/bills/2021-04/dispute?filter=owner%3D{owner}"),
        "/import".into(),
        "/disputes".into(),
        "/disputes/1".into(),
        "/late".into(),
        "/late/1".into(),
        "/storage".into(),
        storage.clone(),
        format!("{storage}?ask=disable"),
        "/storage/300000000001".into(),
        "/deliveries".into(),
        "/deliveries/1".into(),
        "/journal?verify=yes".into(),
        "/settings".into(),
        "/sign-in?link=abc".into(),
        "/sign-in?failed=link".into(),
    ];
    let mut input =
        json!({ "link": served.link, "pages": pages, "errors": ["/nowhere", "/bills/2021-99"], "few": true });
    if let Some(out) = std::env::var_os("BILLKEEP_TEST_SHOTS") {
        // Pictures to look at, where somebody wants them.
        input["out"] = json!(out.to_str().unwrap());
        let again =
            home.ok(["--as", "ann", "user", "link", "ann", "--at", &format!("http://{}", served.host)]);
        let mut shots = input.clone();
        shots["link"] = json!(again.text().trim());
        runs("no_page_keeps_anybody_out", "shots.mjs", &shots);
    }
    runs("no_page_keeps_anybody_out", "axe.mjs", &input);
}

#[test]
fn no_request_that_a_program_makes_up_is_answered_with_an_error_of_the_server() {
    const TEST: &str = "no_request_that_a_program_makes_up_is_answered_with_an_error_of_the_server";
    let program = std::env::var_os("BILLKEEP_TEST_PYTHON")
        .map(|python| Path::new(&python).with_file_name("schemathesis"));
    let Some(program) = program.filter(|program| program.exists()) else {
        return python::skip(TEST, "schemathesis beside the Python of BILLKEEP_TEST_PYTHON");
    };
    let home = rich();
    let token = home.ok(["--as", "ann", "user", "token", "ann", "--label", "test"]);
    let served = Served::start_as(&home, "2021-04-08T03:00:00Z", "ann", &["--no-scheduler"]);
    let checks = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,\
                  response_headers_conformance,ignored_auth";
    let output = Command::new(program)
        .arg("--config-file")
        .arg(top().join("tests/tests/support/console/schemathesis.toml"))
        .args(["run", &format!("http://{}/api/v1/openapi.json", served.host), "-H"])
        .arg(format!("Authorization: Bearer {}", token.text().trim()))
        .args(["--phases", "coverage,fuzzing", "-n", "10", "--generation-deterministic", "--no-shrink"])
        .args(["--continue-on-failure", "-w", "1", "--no-color", "-c", checks])
        .current_dir(home.path("."))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    // Long values are cut: what counts is what was asked for, and what is wrong with the answer.
    let cut = |line: &str| line.chars().take(300).collect::<String>();
    let mut tail: Vec<String> = said.lines().rev().take(160).map(cut).collect();
    tail.reverse();
    let tail = tail.join("\n");
    assert!(output.status.success(), "{tail}\n{}", String::from_utf8_lossy(&output.stderr));
    // "3638 generated, 3638 passed": the issue wants 2,000.
    let cases = tail.lines().find_map(|line| {
        line.split_once(" generated")?.0.rsplit(' ').next()?.replace(',', "").parse::<u64>().ok()
    });
    assert!(cases.is_some_and(|cases| cases >= 2_000), "{tail}");
    home.ok(["--as", "ann", "store", "check"]);
}
