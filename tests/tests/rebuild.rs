//! A store that is lost is made again from what it had delivered; what cannot be is told.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::support::{CUSTOMER, Home, PAYER, bucket, demo_file};

/// A store with five weeks of bills, of which the calendar's were delivered on some days.
fn delivered() -> Home {
    let march = (1..=31).map(|day| demo_file(3, day));
    let files: Vec<_> = march.chain((1..=7).map(|day| demo_file(4, day))).collect();
    let home = Home::with(&files);
    home.sink("bucket", &[]);
    home.enable(PAYER, "bucket", "daily,monthly,reseller", true);
    home.confirm();
    for on in ["2021-04-01", "2021-04-02", "2021-04-06", "2021-04-09"] {
        home.ok(["run", "--on", on]);
    }
    home
}

/// An empty store of the same payer, with the same folder as its sink.
fn empty(folder: &Path) -> Home {
    let home = Home::new();
    let url = format!("file://{}", folder.display());
    home.ok(["sink", "add", "bucket", &url]);
    home
}

/// Month, lines, total and digest of each bill.
fn bills(home: &Home) -> Vec<Value> {
    let list = home.json(["bill", "list"]);
    let rows = list["rows"].as_array().unwrap().iter();
    rows.map(|row| serde_json::json!([row["month"], row["lines"], row["total"], row["digest"]])).collect()
}

fn rows<'a>(rebuilt: &'a Value, what: &str, state: &str) -> Vec<&'a Value> {
    let rows = rebuilt["rows"].as_array().unwrap().iter();
    rows.filter(|row| row["what"] == what && row["state"] == state).collect()
}

#[test]
fn bills_are_there_again_and_nothing_is_delivered_twice() {
    let lost = delivered();
    let folder = lost.path("bucket");
    let before = bucket::listing(&folder);
    let home = empty(&folder);
    let rebuilt = home.json(["delivery", "rebuild", "--sink", "bucket"]);
    // April is there as far as it was delivered.
    let month = |bills: &[Value], month: &str| bills.iter().find(|b| b[0] == month).unwrap().clone();
    assert_eq!(month(&bills(&home), "2021-03"), month(&bills(&lost), "2021-03"));
    assert_eq!(rows(&rebuilt, "bill", "rebuilt").len(), 2, "{rebuilt}");
    let deliveries = bucket::checked(&folder).len();
    assert_eq!(rows(&rebuilt, "delivery", "rebuilt").len(), deliveries, "{rebuilt}");
    home.ok(["delivery", "verify", "--read-data"])
        .says(0, &[&format!("All {} delivered files", 2 * deliveries)]);
    home.ok(["store", "check"]);
    home.ok(["audit", "verify"]);

    home.enable(PAYER, "bucket", "daily,monthly,reseller", true);
    home.confirm();
    for on in ["2021-04-01", "2021-04-02", "2021-04-06"] {
        home.ok(["run", "--on", on]).says(0, &["Nothing was due"]);
    }
    assert_eq!(bucket::listing(&folder), before);
}

#[test]
fn what_is_damaged_or_no_whole_bill_is_told_and_not_believed() {
    let lost = delivered();
    let folder = lost.path("bucket");
    let exports = bucket::checked(&folder);
    let monthly = exports.iter().find(|e| e.kind() == "monthly").unwrap();
    let path = folder.join(&monthly.name);
    let mut bytes = fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&path, bytes).unwrap();
    let home = empty(&folder);
    // The daily bill of the same day has the same lines.
    let rebuilt = home.run(["--format", "json", "delivery", "rebuild", "--sink", "bucket"]).json();
    assert_eq!(rows(&rebuilt, "bill", "rebuilt").len(), 2, "{rebuilt}");
    assert_eq!(home.bill_of("2021-03")["total"], lost.bill_of("2021-03")["total"]);
    home.run(["delivery", "rebuild", "--sink", "bucket"]).says(3, &["empty"]);

    // A sink that holds one account's lines holds no bill.
    let only = Home::with(&[demo_file(3, 31)]);
    only.sink("theirs", &[]);
    only.enable(CUSTOMER, "theirs", "monthly", false);
    only.ok(["run", "--on", "2021-04-02"]);
    let home = empty(&only.path("theirs"));
    let rebuilt = home.run(["--format", "json", "delivery", "rebuild", "--sink", "bucket"]);
    assert_eq!(rebuilt.code, 6);
    let rebuilt = rebuilt.json();
    assert!(rows(&rebuilt, "bill", "rebuilt").is_empty(), "{rebuilt}");
    assert!(bills(&home).is_empty());
}
