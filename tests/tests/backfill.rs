//! A backfill delivers what was due for earlier months, in order and once, however often it is cut off.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use billkeep_fixtures::Rng;
use serde_json::Value;

use crate::support::{Home, MARCH, PAYER, bucket, demo_file};

const BOTH: &str = "2021-03..2021-04";

fn rows(home: &Home, args: &[&str]) -> Vec<Value> {
    home.json(args)["rows"].as_array().unwrap().clone()
}

fn text<'a>(row: &'a Value, name: &str) -> &'a str {
    row[name].as_str().unwrap()
}

/// What was delivered, in order.
fn delivered(home: &Home) -> Vec<String> {
    let of = |r: &Value| format!("{} {} {}", text(r, "kind"), text(r, "last_day"), text(r, "sink"));
    rows(home, &["delivery", "list"]).iter().map(of).collect()
}

/// What is to be delivered of March and of the first week of April: each daily bill, then March, then its resellers'.
fn all_of_march_and_april() -> Vec<String> {
    let mut want: Vec<String> = (1..=31).map(|d| format!("daily 2021-03-{d:02} bucket")).collect();
    want.push("monthly 2021-03-31 bucket".into());
    // On 3 April the first of April is covered, and so on; on the 9th the seventh, and the resellers' bill is due.
    want.extend((1..=7).map(|d| format!("daily 2021-04-{d:02} bucket")));
    want.push("reseller 2021-03-31 bucket".into());
    want
}

fn stored(files: &[PathBuf]) -> (Home, PathBuf) {
    let home = Home::new();
    if !files.is_empty() {
        home.import(files);
    }
    let bucket = home.sink("bucket", &[]);
    home.enable(PAYER, "bucket", "daily,monthly,reseller", true);
    (home, bucket)
}

#[test]
fn a_backfill_delivers_every_bill_of_its_months_in_order_and_once() {
    let (home, bucket) = stored(&[demo_file(3, 31), demo_file(4, 7)]);
    home.confirm();
    let before = home.seen();
    let dry = rows(&home, &["run", "--backfill", BOTH, "--dry-run"]);
    assert_eq!(home.seen(), before);
    let told: Vec<String> = dry
        .iter()
        .map(|r| {
            let words = ["month", "kind", "from_through", "to_through", "state", "sink"].map(|n| text(r, n));
            format!("{} {}", words.join(" "), r["files"])
        })
        .collect();
    assert_eq!(
        told,
        [
            "2021-03 daily 2021-03-01 2021-03-31 due bucket 31",
            "2021-03 monthly 2021-03-31 2021-03-31 due bucket 1",
            "2021-03 reseller 2021-03-31 2021-03-31 due bucket 1",
            "2021-04 daily 2021-04-01 2021-04-07 due bucket 7",
            "2021-04 daily 2021-04-08 2021-04-30 no bucket 23",
            "2021-04 monthly 2021-04-30 2021-04-30 no bucket 1",
            "2021-04 reseller 2021-04-30 2021-04-30 no bucket 1",
        ]
    );
    home.ok(["run", "--backfill", BOTH]).says(0, &["40 files delivered, 0 there before, 25 not due"]);
    assert_eq!(delivered(&home), all_of_march_and_april());
    let exports = bucket::checked(&bucket);
    assert_eq!(exports.len(), 40);
    for export in &exports {
        let last = export.coverage().split_once("..").unwrap().1.to_owned();
        if export.kind() == "daily" {
            let (month, day) = (last[5..7].parse().unwrap(), last[8..].parse().unwrap());
            let want = billkeep_fixtures::demo::bill(month).through(day).len();
            assert_eq!(export.sheet.rows.len(), want, "{last}");
        }
    }
    home.ok(["run", "--backfill", BOTH]).says(0, &["0 files delivered, 40 there before, 25 not due"]);
    assert_eq!(delivered(&home).len(), 40);
    home.ok(["delivery", "verify"]);
    home.ok(["audit", "verify"]);
}

#[test]
fn only_the_kinds_that_are_named_are_backfilled() {
    let (home, _) = stored(&[demo_file(3, 31), demo_file(4, 7)]);
    home.confirm();
    home.ok(["run", "--backfill", MARCH, "--kind", "reseller,monthly"]).says(0, &["2021-03: 2 files"]);
    assert_eq!(delivered(&home), ["monthly 2021-03-31 bucket", "reseller 2021-03-31 bucket"]);
}

#[test]
fn many_files_are_asked_about_first() {
    let (home, _) = stored(&[demo_file(3, 31), demo_file(4, 7)]);
    home.sink("customers", &[]);
    home.enable("100020001689", "customers", "daily,monthly", false);
    let before = home.seen();
    home.run(["run", "--backfill", BOTH]).says(3, &["78 files", "nothing was", "--dry-run", "--yes"]);
    assert_eq!(home.seen(), before);
    home.ok(["run", "--backfill", BOTH, "--yes"]).says(0, &["78 files delivered"]);
    // By day, then kind, whatever the account.
    let order: Vec<(String, String)> = rows(&home, &["delivery", "list"])
        .iter()
        .filter(|r| r["kind"] == "daily")
        .map(|r| (text(r, "last_day").to_owned(), text(r, "uin").to_owned()))
        .collect();
    assert!(order.is_sorted() && order.len() == 76, "{order:?}");
    for wrong in [
        &["--kind", "daily"][..],
        &["--yes"],
        &["--backfill", "2021-04..2021-03"],
        &["--backfill", "2021"],
        &["--backfill", MARCH, "--on", "2021-04-02"],
    ] {
        assert_eq!(home.run([&["run"], wrong].concat()).code, 2, "{wrong:?}");
    }
}

#[test]
fn bindings_as_of_the_day_on_which_a_bill_was_asked_for_decide() {
    let (home, _) = stored(&[demo_file(3, 31), demo_file(4, 7)]);
    home.sink("new", &[]);
    // Through 18 March on the 20th to the old one; from the 21st on to the new one, and nothing any more from 2 April on.
    home.ok(["storage", "switch", PAYER, "--sink", "new", "--on", "2021-03-20"]);
    home.ok(["storage", "disable", PAYER, "--yes", "--from", "2021-04-02"]);
    home.ok(["run", "--backfill", BOTH]).says(0, &["30 files delivered"]);
    let want: Vec<String> = (1..=30)
        .map(|d| format!("daily 2021-03-{d:02} {}", if d <= 18 { "bucket" } else { "new" }))
        .collect();
    assert_eq!(delivered(&home), want);
}

#[test]
fn a_month_that_comes_late_is_delivered_by_the_next_backfill_and_nothing_else_is() {
    let (home, _) = stored(&[demo_file(4, 7)]);
    home.ok(["run", "--backfill", BOTH, "--kind", "daily"]).says(0, &["7 files delivered", "54 not due"]);
    let dry = rows(&home, &["run", "--backfill", MARCH, "--dry-run"]);
    assert!(dry.iter().all(|r| text(r, "why").contains("no bill")), "{dry:?}");
    home.import([demo_file(3, 31)]);
    let told = home.json(["run", "--backfill", BOTH, "--kind", "daily"]);
    let states: Vec<(String, String, i64)> = told["rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|r| (text(r, "month").into(), text(r, "state").into(), r["files"].as_i64().unwrap()))
        .collect();
    let of = |month: &str, state: &str, files| (month.to_owned(), state.to_owned(), files);
    let want = [of(MARCH, "delivered", 31), of("2021-04", "there", 7), of("2021-04", "no", 23)];
    assert_eq!(states, want);
    assert_eq!(told["format"], "billkeep.backfill/1");
}

#[test]
fn a_month_that_is_not_over_is_backfilled_as_far_as_the_calendar_has_come() {
    let (home, _) = stored(&[]);
    // All of what will be asked for later is left out, and told of as nothing.
    let far = rows(&home, &["run", "--backfill", "2099-01..2099-12", "--dry-run"]);
    assert_eq!(far, [Value::Null; 0]);
}

#[test]
fn a_failure_ends_a_backfill_and_the_same_command_goes_on() {
    let (home, folder) = stored(&[demo_file(3, 31), demo_file(4, 7)]);
    home.ok(["run", "--backfill", MARCH, "--kind", "monthly"]);
    let hidden = home.path("hidden");
    std::fs::rename(&folder, &hidden).unwrap();
    std::fs::write(&folder, b"in the way").unwrap();
    let told = home.run(["run", "--backfill", BOTH]);
    assert!(told.code != 0 && told.stderr.contains("0 files delivered before"), "{told:?}");
    assert_eq!(told.stderr.matches("error: ").count(), 1, "{told:?}");
    std::fs::remove_file(&folder).unwrap();
    std::fs::rename(&hidden, &folder).unwrap();
    home.ok(["run", "--backfill", BOTH]).says(0, &["38 files delivered, 1 there before"]);
    assert_eq!(bucket::checked(&folder).len(), 39);
}

/// Where a backfill ends: the deliveries in their order, and the bucket's files.
fn end(home: &Home, bucket: &Path) -> (Vec<Value>, BTreeMap<String, Vec<u8>>) {
    (rows(home, &["delivery", "list"]), bucket::without_entries(bucket::listing(bucket)))
}

#[test]
fn a_backfill_that_is_killed_goes_on_with_exactly_the_rest() {
    let (home, folder) = stored(&[demo_file(3, 31), demo_file(4, 7)]);
    home.confirm();
    let template = home.path("template.redb");
    std::fs::copy(home.store(), &template).unwrap();
    let command = ["run", "--backfill", BOTH, "--yes"];
    let begun = Instant::now();
    home.ok(command);
    let takes = begun.elapsed();
    let want = end(&home, &folder);
    let (mut rng, mut halves) = (Rng::new(11), 0);
    for number in 0..8 {
        std::fs::copy(&template, home.store()).unwrap();
        let mut chunks = home.store().into_os_string();
        chunks.push(".chunks");
        let _ = std::fs::remove_file(chunks);
        std::fs::remove_dir_all(&folder).unwrap();
        std::fs::create_dir_all(&folder).unwrap();
        let mut child = home.command(command).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_micros(rng.below(takes.as_micros() as u64)));
        child.kill().unwrap();
        child.wait().unwrap();
        bucket::checked(&folder);
        let before = rows(&home, &["delivery", "list"]);
        let whole = before.iter().filter(|r| r["state"] == "delivered").count();
        // What is there is the beginning of what is to come, in order.
        assert_eq!(delivered(&home)[..], all_of_march_and_april()[..before.len()], "kill {number}");
        halves += u32::from(whole > 0 && whole < 40);
        let files = if whole == 39 { "file" } else { "files" };
        let rest = format!("{} {files} delivered, {whole} there before", 40 - whole);
        home.ok(command).says(0, &[&rest]);
        assert!(end(&home, &folder) == want, "kill {number}: not where an unkilled run ends");
    }
    // A test that kills nothing in the middle tests nothing.
    assert!(halves >= 2, "only {halves} of 8 were killed in the middle of {takes:?}");
    home.ok(["store", "check"]);
}
