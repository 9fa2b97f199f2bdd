//! A program that is killed at any moment leaves a store that opens at once with all that was acknowledged, a bucket
//! without half files, and a command that ends as if nothing had happened when it is run again.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use billkeep_core::store::{Access, OpenOptions, Store};
use billkeep_fixtures::Rng;
use serde_json::Value;

use crate::support::decimal::exact;
use crate::support::{Home, MARCH, PAYER, bucket, demo_file, large};

/// How often each command is killed, unless `BILLKEEP_TEST_KILLS` says another number.
const KILLS: u64 = 20;
/// How often a command is started for each kill: one that has ended before it is killed does not count.
const STARTS_PER_KILL: u64 = 10;

/// A command, and the store that it is run on.
struct Scene {
    home: Home,
    bucket: PathBuf,
    template: PathBuf,
    command: Vec<String>,
    /// What an unkilled run ends with, and how long it takes.
    wanted: End,
    takes: Duration,
}

/// Where a run ends: what bills and deliveries are there, and the bucket's files.
#[derive(PartialEq, Eq)]
struct End {
    bills: Value,
    deliveries: Value,
    bucket: BTreeMap<String, Vec<u8>>,
}

impl End {
    fn of(home: &Home, bucket: &Path) -> End {
        End {
            bills: home.json(["bill", "list"]),
            deliveries: home.json(["delivery", "list"]),
            bucket: bucket::without_entries(bucket::listing(bucket)),
        }
    }
}

impl Scene {
    /// Runs the command on the store as it is now, once to its end.
    fn new(home: Home, command: Vec<String>) -> Scene {
        let (bucket, template) = (home.path("bucket"), home.path("template.redb"));
        fs::create_dir_all(&bucket).unwrap();
        fs::copy(home.store(), &template).unwrap();
        let begun = Instant::now();
        home.ok(&command);
        let takes = begun.elapsed();
        let wanted = End::of(&home, &bucket);
        Scene { home, bucket, template, command, wanted, takes }
    }

    fn reset(&self) {
        fs::copy(&self.template, self.home.store()).unwrap();
        // With the chunks of the run before, a run would end before it is killed.
        let mut chunks = self.home.store().into_os_string();
        chunks.push(".chunks");
        let _ = fs::remove_file(chunks);
        fs::remove_dir_all(&self.bucket).unwrap();
        fs::create_dir_all(&self.bucket).unwrap();
    }

    /// Kills the command after a while; tells whether it was still running.
    fn kill_after(&self, delay: Duration) -> bool {
        let mut command = self.home.command(&self.command);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(delay);
        // SIGKILL: nothing of the program runs any more.
        child.kill().unwrap();
        child.wait().unwrap().code().is_none()
    }

    /// Kills the command at many moments, and checks everything that must hold after each.
    fn survives_kills(&self, seed: u64, done_before: impl Fn(&Home) -> bool) {
        let kills = std::env::var("BILLKEEP_TEST_KILLS").map_or(KILLS, |n| n.parse().unwrap());
        let mut rng = Rng::new(seed);
        let (mut killed, mut starts) = (0, 0);
        // Where the machine is faster by now than when the command was timed, kills come earlier.
        let mut takes_us = self.takes.as_micros() as u64;
        while killed < kills {
            // A test that kills nothing tests nothing.
            assert!(starts < kills * STARTS_PER_KILL, "only {killed} of {starts} starts were killed");
            self.reset();
            let acknowledged = acknowledged(&self.home);
            let delay_us = rng.below(takes_us.max(1));
            starts += 1;
            if self.kill_after(Duration::from_micros(delay_us)) {
                killed += 1;
            } else {
                takes_us = delay_us;
            }
            let what = format!("start {starts} with seed {seed}, killed after {delay_us} of {takes_us} us");

            self.opens(&what);
            let now = self::acknowledged(&self.home);
            assert!(now.starts_with(&acknowledged), "{what}: {acknowledged:?}, now {now:?}");
            self.home.ok(["audit", "verify"]);
            self.home.ok(["store", "check"]);
            bucket::checked(&self.bucket);

            let code = if done_before(&self.home) { 3 } else { 0 };
            self.home.run(&self.command).says(code, &[]);
            let end = End::of(&self.home, &self.bucket);
            assert_eq!(end.bills, self.wanted.bills, "{what}");
            assert_eq!(end.deliveries, self.wanted.deliveries, "{what}");
            assert!(end.bucket == self.wanted.bucket, "{what}: other files in the bucket");
            self.home.ok(["store", "check"]);
        }
    }

    /// Opens the store as the kill left it, for reading alone: nothing has to be mended first.
    fn opens(&self, what: &str) {
        let copy = self.home.path("copy.redb");
        fs::copy(self.home.store(), &copy).unwrap();
        let store = Store::open(&copy, &OpenOptions::default(), Access::Read);
        let store = store.unwrap_or_else(|e| panic!("{what}: {e}"));
        billkeep_core::bill::list(&store.read().unwrap()).unwrap();
    }
}

/// The journal, entry by entry: what was acknowledged is there, first and as it was.
fn acknowledged(home: &Home) -> Vec<Value> {
    home.json(["audit", "list"])["rows"].as_array().unwrap().clone()
}

/// A store that holds April through the 7th, and the large bill's file beside it.
fn april() -> (Home, PathBuf, i128) {
    let home = Home::with(&[demo_file(4, 7)]);
    let (file, total) = large::place(&home.path(""));
    (home, file, total)
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

#[test]
fn an_import_that_is_killed_happened_or_did_not() {
    let (home, file, total) = april();
    let scene = Scene::new(home, words(&["import", file.to_str().unwrap()]));
    let march = &scene.wanted.bills["rows"].as_array().unwrap().iter().find(|r| r["month"] == MARCH).unwrap();
    assert_eq!((&march["lines"], &march["revision"]), (&large::LINES.into(), &1.into()));
    assert_eq!(exact(march["total"].as_str().unwrap()), total);
    scene.survives_kills(1, |_| false);
}

#[test]
fn a_confirmation_that_is_killed_stands_or_does_not() {
    let (home, file, _) = april();
    home.import([file]);
    let list = home.json(["bill", "list"]);
    let march = list["rows"].as_array().unwrap().iter().find(|r| r["month"] == MARCH).unwrap();
    let digest = march["digest"].as_str().unwrap().to_owned();
    let scene = Scene::new(home, words(&["bill", "confirm", MARCH, "--digest", &digest]));
    // A confirmation that stood before the kill is refused the second time.
    scene.survives_kills(2, |home| {
        let list = home.json(["bill", "list"]);
        list["rows"].as_array().unwrap().iter().any(|r| r["month"] == MARCH && r["state"] == "confirmed")
    });
}

#[test]
fn a_run_that_is_killed_goes_on_and_the_bucket_never_holds_half_a_file() {
    let (home, file, total) = april();
    home.import([file]);
    home.confirm();
    home.sink("bucket", &["rows_per_file=9000"]);
    let bucket = home.enable(PAYER, "bucket", "daily,monthly,reseller", true);
    let scene = Scene::new(home, words(&["run", "--on", "2021-04-09"]));
    let exports = bucket::checked(&bucket);
    assert_eq!(exports.len(), 3);
    let monthly = exports.iter().find(|e| e.kind() == "monthly").unwrap();
    assert_eq!((monthly.sheet.rows.len() as u64, monthly.figures().total()), (large::LINES, total));
    scene.survives_kills(3, |_| false);
}
