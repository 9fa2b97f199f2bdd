//! Five weeks of daily files become the bills that the calendar asks for, once, and stay as they were delivered.

use std::fs;
use std::path::{Path, PathBuf};

use billkeep_fixtures::demo;
use serde_json::Value;

use crate::support::bucket::{self, Export};
use crate::support::figures::Figures;
use crate::support::{Home, PAYER, demo_file};

/// A store with all demo files, and a bucket for all kinds.
fn five_weeks() -> (Home, PathBuf) {
    let march = (1..=31).map(|day| demo_file(3, day));
    let files: Vec<PathBuf> = march.chain((1..=7).map(|day| demo_file(4, day))).collect();
    let home = Home::with(&files);
    home.sink("bucket", &[]);
    let folder = home.enable(PAYER, "bucket", "daily,monthly,reseller", true);
    (home, folder)
}

/// Runs the calendar's day, and returns what is new in the bucket.
fn run(home: &Home, bucket: &Path, on: &str) -> Vec<Export> {
    let before = bucket::listing(bucket);
    home.ok(["run", "--on", on]);
    let after = bucket::listing(bucket);
    assert!(before.iter().all(|(name, bytes)| after.get(name) == Some(bytes)), "{on}: an old file changed");
    let exports = bucket::checked(bucket);
    assert_eq!(after.len(), 2 * exports.len(), "{on}: one zip and one manifest each");
    exports.into_iter().filter(|e| !before.contains_key(&e.name)).collect()
}

fn march() -> Figures {
    Figures::of(&demo::bill(3).all(), &demo::bill(3).spec)
}

fn april(day: u32) -> Figures {
    let april = demo::bill(4);
    Figures::of(&april.through(day), &april.spec)
}

/// Asserts that a name is `prefix`, 33 letters and digits, `.zip`.
#[track_caller]
fn named(export: &Export, prefix: &str) {
    let id = export.name.strip_prefix(prefix).and_then(|rest| rest.strip_suffix(".zip"));
    let id = id.unwrap_or_else(|| panic!("`{}` does not begin with `{prefix}`", export.name));
    assert!(id.len() == 33 && id.bytes().all(|b| b.is_ascii_alphanumeric()), "`{id}`");
}

#[test]
fn the_calendars_bills_cover_the_days_that_they_should() {
    let (home, bucket) = five_weeks();
    let consolidated = |date: &str| format!("{PAYER}-{date}-by_used_time-bill-details-consolidated_bill-");

    let [daily] = &run(&home, &bucket, "2021-04-01")[..] else { panic!("one bill") };
    assert_eq!((daily.kind(), daily.coverage().as_str()), ("daily", "2021-03-01..2021-03-30"));
    named(daily, &consolidated("2021-03-30"));
    assert_eq!(daily.figures(), march().through("2021-03-30"));

    let exports = run(&home, &bucket, "2021-04-02");
    let mut kinds: Vec<&str> = exports.iter().map(Export::kind).collect();
    kinds.sort_unstable();
    assert_eq!(kinds, ["daily", "monthly"]);
    for export in &exports {
        assert_eq!(export.coverage(), "2021-03-01..2021-03-31");
        assert_eq!(export.figures(), march());
        match export.kind() {
            "daily" => named(export, &consolidated("2021-03-31")),
            _ => named(export, &format!("{PAYER}-202103-by_used_time-bill_details-")),
        }
    }

    for (on, last) in [("2021-04-06", 4), ("2021-04-08", 6)] {
        let [daily] = &run(&home, &bucket, on)[..] else { panic!("one bill on {on}") };
        assert_eq!((daily.kind(), daily.coverage()), ("daily", format!("2021-04-01..2021-04-0{last}")));
        named(daily, &consolidated(&format!("2021-04-0{last}")));
        assert_eq!(daily.figures(), april(last), "{on}");
    }

    // On the 9th the customers' bill is due, but not before the month is confirmed.
    let [daily] = &run(&home, &bucket, "2021-04-09")[..] else { panic!("one bill") };
    assert_eq!(daily.figures(), april(7));
    home.confirm();
    let [reseller] = &run(&home, &bucket, "2021-04-09")[..] else { panic!("one bill") };
    assert_eq!((reseller.kind(), reseller.coverage().as_str()), ("reseller", "2021-03-01..2021-03-31"));
    named(reseller, "100010445724-2021-03--by_used_time-bill-details-consolidated_bill-");
    let customers = march().only(|(owner, ..)| owner != PAYER);
    assert!(customers.lines() < march().lines());
    assert_eq!(reseller.figures(), customers);
    assert_eq!(
        (&reseller.manifest["final"], &reseller.manifest["scope"]),
        (&true.into(), &"customers".into())
    );
    home.ok(["delivery", "verify"]);
}

#[test]
fn figures_for_monitoring_are_written_whether_a_run_fails_or_not() {
    let (home, bucket) = five_weeks();
    let file = home.path("billkeep.prom");
    let figures = || -> std::collections::BTreeMap<String, i64> {
        let text = fs::read_to_string(&file).unwrap();
        let rows = text.lines().filter(|line| !line.starts_with('#'));
        rows.map(|row| row.rsplit_once(' ').unwrap())
            .map(|(n, v)| (n.to_owned(), v.parse().unwrap()))
            .collect()
    };
    let run = ["run", "--on", "2021-04-02", "--metrics", file.to_str().unwrap()];
    home.ok(run);
    let told = figures();
    assert_eq!(told["billkeep_deliveries{sink=\"bucket\",state=\"delivered\"}"], 2);
    let zips: usize = bucket::zips(&bucket).values().map(Vec::len).sum();
    assert_eq!(told["billkeep_delivered_bytes{sink=\"bucket\"}"], zips as i64);
    assert_eq!(
        (told["billkeep_bills{state=\"issued\"}"], told["billkeep_bills{state=\"confirmed\"}"]),
        (1, 0)
    );
    assert!(!told.keys().any(|name| name.starts_with("billkeep_deliveries_failing")));

    // Somebody else's manifest is in the way of the next one.
    let manifest = home.json(["run", "--on", "2021-04-01", "--dry-run"]);
    assert!(manifest["rows"].as_array().unwrap().iter().any(|row| row["due"] == "yes"), "{manifest}");
    let (other, elsewhere) = five_weeks();
    other.ok(["run", "--on", "2021-04-01"]);
    let exports = bucket::checked(&elsewhere);
    fs::write(bucket.join(exports[0].name.replace(".zip", ".manifest.json")), "{}").unwrap();
    home.run(["run", "--on", "2021-04-01", "--metrics", file.to_str().unwrap()]).says(3, &["manifest"]);
    assert_eq!(figures()["billkeep_deliveries_failing{sink=\"bucket\",kind=\"refused\"}"], 1);
}

#[test]
fn what_was_delivered_is_not_delivered_again() {
    let (home, bucket) = five_weeks();
    home.confirm();
    let on = "2021-04-09";
    assert_eq!(run(&home, &bucket, on).len(), 3);
    let (files, seen) = (bucket::listing(&bucket), home.seen());
    home.ok(["run", "--on", on]).says(0, &["Nothing was due"]);
    assert_eq!(bucket::listing(&bucket), files);
    assert_eq!(home.seen(), seen);
    let list = home.json(["delivery", "list"]);
    for row in list["rows"].as_array().unwrap() {
        assert_eq!(row["state"], "delivered");
        let bytes = &files[row["part"].as_str().unwrap()];
        assert_eq!(row["bytes"], bytes.len());
        assert_eq!(row["sha256"], crate::support::sha256::sha256(bytes).as_str());
    }
}

#[test]
fn a_correction_is_delivered_beside_what_was_delivered_before() {
    let (home, bucket) = five_weeks();
    let first = run(&home, &bucket, "2021-04-02");
    let march = demo::bill(3);
    let more = march.on(9);
    let format = billkeep_fixtures::Format::plain(billkeep_fixtures::Headers::English);
    let file = home.write("more.csv", &billkeep_fixtures::csv(&more, &march.spec, &format));
    home.import_as(Some("adjustment"), [file]).says(0, &["Imported"]);
    let second = run(&home, &bucket, "2021-04-02");
    assert_eq!((first.len(), second.len()), (2, 2));
    let mut expected = self::march();
    for (key, (lines, total)) in Figures::of(&more, &march.spec).0 {
        expected.add(key, lines, total);
    }
    second.iter().for_each(|export| assert_eq!(export.figures(), expected));
    home.ok(["delivery", "verify"]);
}

#[test]
fn an_altered_or_missing_file_is_found_and_named() {
    let (home, bucket) = five_weeks();
    let exports = run(&home, &bucket, "2021-04-02");
    home.ok(["delivery", "verify"]).says(0, &["All 4 delivered files"]);
    let verify = || home.run(["--format", "json", "delivery", "verify"]);
    let found = |what: &str| -> Vec<String> {
        let shown = verify().json();
        let rows = shown["rows"].as_array().unwrap().iter().filter(|r| r["found"] == what);
        rows.map(|r| r["name"].as_str().unwrap().to_owned()).collect()
    };
    let manifest = exports[1].name.replace(".zip", ".manifest.json");
    for name in [&exports[0].name, &manifest] {
        let path = bucket.join(name);
        let bytes = fs::read(&path).unwrap();
        let mut altered = bytes.clone();
        altered[bytes.len() / 2] ^= 1;
        fs::write(&path, &altered).unwrap();
        verify().says(4, &["1 of 4"]);
        assert_eq!(found("altered"), [name.as_str()]);
        fs::remove_file(&path).unwrap();
        verify().says(4, &["1 of 4"]);
        assert_eq!(found("missing"), [name.as_str()]);
        fs::write(&path, &bytes).unwrap();
    }
    fs::write(bucket.join("notes.txt"), "mine").unwrap();
    verify().says(0, &["other files beside them: 1"]);
    assert_eq!(found("extra"), ["notes.txt"]);
    assert_eq!(found("ok").len(), 4);
}

#[test]
fn a_sub_account_gets_its_own_lines_until_it_is_disabled() {
    let march = demo::bill(3);
    let uin = march.spec.owners()[0].to_string();
    let home = Home::with(&[demo_file(3, 30)]);
    home.sink("theirs", &[]);
    let bucket = home.enable(&uin, "theirs", "daily,monthly", false);
    let [daily] = &run(&home, &bucket, "2021-04-01")[..] else { panic!("one bill") };
    named(daily, &format!("{uin}-2021-03-30-by_used_time-bill-details-consolidated_bill-"));
    let own = self::march().only(|(owner, ..)| *owner == uin);
    assert!(own.lines() > 5);
    assert_eq!(daily.figures(), own.through("2021-03-30"));
    let owners = daily.sheet.rows.iter().map(|row| row[daily.sheet.column("OwnerAccountID")].trim());
    assert!(owners.into_iter().all(|owner| owner == uin));

    home.import([demo_file(3, 31)]);
    home.ok(["storage", "disable", &uin, "--yes"]);
    assert_eq!(run(&home, &bucket, "2021-04-02").len(), 0);
    home.enable(&uin, "theirs", "daily,monthly", false);
    let exports = run(&home, &bucket, "2021-04-02");
    assert_eq!(exports.len(), 2);
    exports.iter().for_each(|export| assert_eq!(export.figures(), own));
}

#[test]
fn a_file_of_somebody_elses_under_the_same_name_is_not_overwritten() {
    let (home, bucket) = five_weeks();
    let exports = run(&home, &bucket, "2021-04-01");
    let manifest = exports[0].name.replace(".zip", ".manifest.json");
    // The same store state elsewhere, before it delivered; the bucket holds another manifest of that name.
    let (other, elsewhere) = five_weeks();
    fs::write(elsewhere.join(&manifest), "{}").unwrap();
    other.run(["run", "--on", "2021-04-01"]).says(3, &[&manifest]);
    assert_eq!(fs::read(elsewhere.join(&manifest)).unwrap(), b"{}");
    let list: Value = other.json(["delivery", "list"]);
    assert_eq!(list["rows"][0]["state"], "planned", "{list}");
    // Once it is moved away, the same command goes on.
    fs::remove_file(elsewhere.join(&manifest)).unwrap();
    other.ok(["run", "--on", "2021-04-01"]).says(0, &["Delivered the daily bill"]);
    let files = |folder| bucket::without_entries(bucket::listing(folder));
    assert_eq!(files(&elsewhere), files(&bucket));
}
