//! A program that is killed at any moment leaves a store that opens at once with all that was acknowledged, a bucket
//! without half files, and a command that ends as if nothing had happened when it is run again.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use billkeep_fixtures::Rng;

use crate::confirm::adjustment;
use crate::support::decimal::exact;
use crate::support::{CUSTOMER, Home, MARCH, PAYER, bill_file, bucket, demo_file, large};

mod scene;

use scene::{Kind, Scene, same_command};

/// A command that writes once.
fn atomic(is_done: impl Fn(&Home) -> bool + 'static) -> Kind {
    Kind { is_atomic: true, mends: false, again: same_command(is_done), shown: &[] }
}

/// A command that may be run any number of times.
fn repeatable() -> Kind {
    Kind { is_atomic: false, ..atomic(|_| false) }
}

/// A store that holds April through the 7th, and the large bill's file beside it.
fn april() -> (Home, PathBuf, i128) {
    let home = Home::with(&[demo_file(4, 7)]);
    let (file, total) = large::place(&home.path(""));
    (home, file, total)
}

#[test]
fn an_import_that_is_killed_happened_or_did_not() {
    let (home, file, total) = april();
    let scene = Scene::new(home, "bucket", &["import", file.to_str().unwrap()], atomic(|_| false));
    let march = scene.wanted.bills["rows"].as_array().unwrap().iter().find(|r| r["month"] == MARCH).unwrap();
    assert_eq!((&march["lines"], &march["revision"]), (&large::LINES.into(), &1.into()));
    assert_eq!(exact(march["total"].as_str().unwrap()), total);
    scene.survives_kills(1);
}

#[test]
fn a_confirmation_that_is_killed_stands_or_does_not() {
    let (home, file, _) = april();
    home.import([file]);
    let digest = home.bill_of(MARCH)["digest"].as_str().unwrap().to_owned();
    // A confirmation that stood before the kill is refused the second time.
    let kind = atomic(|home| home.bill_of(MARCH)["state"] == "confirmed");
    Scene::new(home, "bucket", &["bill", "confirm", MARCH, "--digest", &digest], kind).survives_kills(2);
}

#[test]
fn a_run_that_is_killed_goes_on_and_the_bucket_never_holds_half_a_file() {
    let (home, file, total) = april();
    home.import([file]);
    home.confirm();
    home.sink("bucket", &["rows_per_file=9000"]);
    let bucket = home.enable(PAYER, "bucket", "daily,monthly,reseller", true);
    let scene = Scene::new(home, "bucket", &["run", "--on", "2021-04-09"], repeatable());
    let exports = bucket::checked(&bucket);
    assert_eq!(exports.len(), 3);
    let monthly = exports.iter().find(|e| e.kind() == "monthly").unwrap();
    assert_eq!((monthly.sheet.rows.len() as u64, monthly.figures().total()), (large::LINES, total));
    scene.survives_kills(3);
}

/// A store with a late file for March, which is confirmed, and with April, which is not.
fn late() -> Home {
    let home = Home::with(&[bill_file("english"), demo_file(4, 7)]);
    home.confirm();
    let (file, _) = adjustment(&home);
    home.import_as(Some("adjustment"), [file]).says(7, &[]);
    home
}

fn is_decided(home: &Home) -> bool {
    home.json(["late", "list"])["rows"][0]["state"] != "waiting"
}

#[test]
fn a_decision_about_a_late_file_that_is_killed_is_made_or_is_not() {
    let shown: &[&[&str]] = &[&["late", "list"], &["bill", "revisions", MARCH]];
    let decide = |seed: u64, is_atomic: bool, more: &[&str]| {
        let command = [&["late"], more, &["--reason", "it is right"]].concat();
        let kind = Kind { is_atomic, shown, ..atomic(is_decided) };
        Scene::new(late(), "bucket", &command, kind).survives_kills(seed);
    };
    decide(4, true, &["accept", "1", "--reopen"]);
    decide(5, true, &["discard", "1"]);
    // It books the difference, and then notes where.
    decide(6, false, &["accept", "1", "--carry-forward"]);
}

#[test]
fn a_declaration_of_empty_days_that_is_killed_stands_or_does_not() {
    let home = late();
    let kind = atomic(|home| {
        home.json(["bill", "list"])["rows"].as_array().unwrap().iter().any(|row| row["month"] == "2021-05")
    });
    let days = ["--day", "2021-05-01", "--through", "2021-05-31", "--reason", "no file comes"];
    let command = [&["bill", "empty-day", "2021-05"][..], &days].concat();
    Scene::new(home, "bucket", &command, kind).survives_kills(7);
}

#[test]
fn settings_that_are_killed_hold_or_do_not() {
    let home = late();
    home.sink("bucket", &[]);
    home.ok(["storage", "allow", PAYER]);
    home.ok(["storage", "authorize", PAYER]);
    let enable = ["storage", "enable", PAYER, "--sink", "bucket", "--kinds", "daily,monthly"];
    let shown: &[&[&str]] = &[&["storage", "status"]];
    // Enabled again, an account has a second binding from that day on: whoever comes back looks first.
    let again = |home: &Home, command: &[String]| {
        if home.json(["storage", "status"])["rows"][0]["sink"] == "-" {
            home.ok(command);
        }
    };
    // A probe that lies there is removed by the next one.
    let kind = Kind { shown, mends: true, again: Box::new(again), ..atomic(|_| false) };
    Scene::new(home, "bucket", &enable, kind).survives_kills(8);

    let shown: &[&[&str]] = &[&["account", "price", "list"]];
    let set = ["account", "price", "set", CUSTOMER, "--discount", "0.9"];
    Scene::new(late(), "bucket", &set, Kind { shown, ..atomic(|_| false) }).survives_kills(9);

    let home = late();
    let rows: String = (0..200).map(|n| format!("20000{n:07},Customer {n}\n")).collect();
    let file = home.write("accounts.csv", format!("uin,name\n{rows}").as_bytes());
    let shown: &[&[&str]] = &[&["account", "list"]];
    let import = ["account", "import", file.to_str().unwrap()];
    Scene::new(home, "bucket", &import, Kind { shown, ..atomic(|_| false) }).survives_kills(10);
}

/// March through the 31st by way of the 29th and 30th, each delivered to `bucket`, and the month.
fn delivered() -> Home {
    let home = Home::new();
    home.sink("bucket", &[]);
    home.enable(PAYER, "bucket", "daily,monthly", false);
    for (through, on) in [(29, "2021-03-31"), (30, "2021-04-01"), (31, "2021-04-02")] {
        home.month_to_date(3, through);
        home.ok(["run", "--on", on]).says(0, &["Delivered"]);
    }
    home.month_to_date(4, 5);
    home.ok(["run", "--on", "2021-04-07"]).says(0, &["Delivered"]);
    home
}

#[test]
fn a_repair_that_is_killed_goes_on() {
    let home = delivered();
    let files: Vec<String> = bucket::listing(&home.path("bucket")).into_keys().collect();
    // Of five deliveries with part and manifest, every third file is gone or another one.
    for (at, name) in files.iter().enumerate().filter(|(at, _)| at % 3 == 0) {
        let path = home.path("bucket").join(name);
        if at % 2 == 0 { std::fs::remove_file(path) } else { std::fs::write(path, b"damaged") }.unwrap();
    }
    let scene = Scene::new(home, "bucket", &["delivery", "repair"], Kind { mends: true, ..repeatable() });
    scene.home.ok(["delivery", "verify", "--read-data"]).says(0, &["All 10 delivered files"]);
    scene.survives_kills(11);
}

#[test]
fn a_store_that_is_made_again_and_is_killed_meanwhile_goes_on() {
    let lost = delivered();
    let home = Home::new();
    home.sink("bucket", &[]);
    for (name, bytes) in bucket::listing(&lost.path("bucket")) {
        std::fs::write(home.path("bucket").join(name), bytes).unwrap();
    }
    // Finished, it is refused: there is nothing to make again.
    let is_done = |home: &Home| {
        let entries = home.json(["audit", "list", "--action", "delivery rebuild"]);
        entries["rows"].as_array().unwrap().iter().any(|row| row["detail"] == "finished")
    };
    let kind = Kind { is_atomic: false, ..atomic(is_done) };
    let scene = Scene::new(home, "bucket", &["delivery", "rebuild", "--sink", "bucket"], kind);
    assert_eq!(scene.wanted.bills["rows"].as_array().unwrap().len(), 2);
    scene.home.ok(["delivery", "verify", "--read-data"]).says(0, &["All 10 delivered files"]);
    scene.survives_kills(12);
}

#[test]
fn a_removal_that_is_killed_is_finished_by_the_next_one() {
    let home = delivered();
    home.ok(["retention", "set", "--sink", "bucket", "--kind", "daily", "--days", "30"]);
    let plan = |home: &Home| home.json(["retention", "plan", "--on", "2021-06-20"]);
    let digest = plan(&home)["digest"].as_str().unwrap().to_owned();
    let apply = ["retention", "apply", "--on", "2021-06-20", "--plan"];
    let again = move |home: &Home, _: &[String]| {
        // Whoever comes back looks at what may be removed now.
        let plan = plan(home);
        if !plan["rows"].as_array().unwrap().is_empty() {
            home.ok(apply.iter().chain(&[plan["digest"].as_str().unwrap()]));
        }
    };
    let kind = Kind { again: Box::new(again), ..repeatable() };
    let scene = Scene::new(home, "bucket", &[&apply[..], &[&digest]].concat(), kind);
    assert_eq!(bucket::checked(&scene.home.path("bucket")).len(), 1, "the month stays");
    scene.survives_kills(13);
}

#[test]
fn an_export_into_a_folder_that_is_killed_leaves_no_half_file_and_goes_on() {
    let home = Home::with(&[bill_file("english")]);
    let scene = Scene::new(home, "out", &["export", MARCH, "-o", "out"], repeatable());
    assert_eq!(bucket::checked(&scene.home.path("out")).len(), 1);
    scene.survives_kills(14);
}

#[test]
fn a_store_whose_making_is_killed_is_there_whole_or_is_made_anew() {
    let mut rng = Rng::new(15);
    let init = ["init", "--payer", PAYER];
    let begun = Instant::now();
    Home::new();
    let mut takes_us = begun.elapsed().as_micros() as u64;
    let (mut killed, mut starts) = (0, 0);
    while killed < 20 {
        assert!(starts < 200, "only {killed} of {starts} starts were killed");
        starts += 1;
        let home = Home::empty();
        let mut child = home.command(init).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let delay_us = rng.below(takes_us.max(1));
        std::thread::sleep(Duration::from_micros(delay_us));
        child.kill().unwrap();
        match child.wait().unwrap().code() {
            None => killed += 1,
            Some(_) => takes_us = delay_us,
        }
        if home.store().exists() {
            home.ok(["store", "check"]);
            home.run(init).says(1, &["there is a store"]);
        } else {
            home.ok(init);
        }
        home.ok(["audit", "verify"]);
        let files = std::fs::read_dir(home.path("")).unwrap().count();
        assert_eq!(files, 1, "start {starts}: something is left beside the store");
    }
}
