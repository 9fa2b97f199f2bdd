//! What may be removed when: shown first, then removed by the digest that was shown; evidence only if that is said.

use crate::support::{CUSTOMER, Home, MARCH, PAYER};

fn plan(home: &Home, on: &str, more: &[&str]) -> (Vec<(String, String)>, String) {
    let args = ["retention", "plan", "--on", on];
    let plan = home.json(args.iter().chain(more));
    let row = |r: &serde_json::Value| {
        (r["verdict"].as_str().unwrap().to_owned(), r["what"].as_str().unwrap().to_owned())
    };
    let rows = plan["rows"].as_array().unwrap().iter().map(row).collect();
    (rows, plan["digest"].as_str().unwrap()[..12].to_owned())
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
    home
}

#[test]
fn old_bills_go_from_a_sink_once_they_were_shown_and_are_not_delivered_again() {
    let home = delivered();
    assert_eq!(home.lies("bucket").len(), 4);
    home.ok(["retention", "plan", "--on", "2022-01-01"]).says(0, &["Nothing may be removed"]);
    home.run(["retention", "set", "--sink", "none", "--kind", "daily", "--days", "30"])
        .says(1, &["no sink `none`"]);
    home.ok(["retention", "set", "--sink", "bucket", "--kind", "daily", "--days", "30"])
        .says(0, &["daily bills in sink `bucket` are kept for 30 days"]);
    let (rows, _) = plan(&home, "2021-04-28", &[]);
    assert!(rows.is_empty(), "29 March is 30 days ago: {rows:?}");
    let (rows, early) = plan(&home, "2021-04-29", &[]);
    assert_eq!(rows.len(), 1, "{rows:?}");
    let (rows, digest) = plan(&home, "2021-06-01", &[]);
    assert_eq!(rows.len(), 3, "{rows:?}");
    let before = home.lies("bucket");
    home.run(["retention", "apply", "--plan", &early, "--on", "2021-06-01"])
        .says(3, &["has changed", "the same `--on DAY`", "retention plan"]);
    home.run(["retention", "apply", "--plan", &digest[..5], "--on", "2021-06-01"]).says(3, &["has changed"]);
    assert_eq!(home.lies("bucket"), before);
    home.ok(["retention", "apply", "--plan", &digest, "--on", "2021-06-01"])
        .says(0, &["Removed 3 delivered bills"]);
    assert_eq!(home.lies("bucket"), ["monthly 2021-03-01..2021-03-31"]);
    home.ok(["run", "--on", "2021-04-02"]).says(0, &["Nothing was due"]);
    home.ok(["delivery", "verify"]).says(0, &["All 2 delivered files", "beside them: 0"]);
    let list = home.json(["delivery", "list", "--where", "state=removed"]);
    assert_eq!(list["rows"].as_array().unwrap().len(), 3);
    let entries = home.json(["audit", "list", "--action", "retention remove"]);
    assert_eq!(entries["rows"].as_array().unwrap().len(), 3);
    home.ok(["store", "check"]);
}

#[test]
fn evidence_of_a_confirmed_bill_goes_only_if_that_is_said() {
    let home = delivered();
    home.confirm();
    home.ok(["retention", "set", "--sink", "bucket", "--kind", "monthly", "--days", "0"]);
    let (rows, _) = plan(&home, "2030-01-01", &[]);
    assert_eq!((rows.len(), rows[0].0.as_str()), (1, "kept"));
    let (rows, digest) = plan(&home, "2030-01-01", &["--confirmed"]);
    assert_eq!((rows.len(), rows[0].0.as_str()), (1, "may go"));
    let apply = ["retention", "apply", "--plan", &digest, "--on", "2030-01-01"];
    home.run(apply.iter().chain(&["--confirmed"])).says(3, &["2030-01-01 is after today", "--yes"]);
    home.run(apply.iter().chain(&["--yes"])).says(3, &["has changed"]);
    home.ok(apply.iter().chain(&["--yes", "--confirmed"]));
    assert_eq!(home.lies("bucket").len(), 3);
    home.ok(["retention", "set", "--sink", "bucket", "--kind", "monthly", "--forever"]);
    assert_eq!(home.json(["retention", "show"])["rows"].as_array().unwrap().len(), 1);
}

#[test]
fn an_object_that_was_altered_is_not_removed() {
    let home = delivered();
    home.ok(["retention", "set", "--sink", "bucket", "--kind", "monthly", "--days", "1"]);
    let (_, digest) = plan(&home, "2021-06-01", &[]);
    let list = home.json(["delivery", "list", "--where", "kind=monthly"]);
    let part = home.path("bucket").join(list["rows"][0]["part"].as_str().unwrap());
    std::fs::write(&part, b"something else").unwrap();
    home.run(["retention", "apply", "--plan", &digest, "--on", "2021-06-01"])
        .says(3, &["is not what was delivered", "14 bytes"]);
    assert_eq!(std::fs::read(&part).unwrap(), b"something else");
    assert_eq!(home.json(["delivery", "list", "--where", "kind=monthly"]), list);
}

#[test]
fn lines_of_replaced_revisions_go_and_their_digests_stay() {
    let home = Home::new();
    for through in [10, 20, 31] {
        home.month_to_date(3, through);
    }
    let revisions = home.json(["bill", "revisions", MARCH]);
    let csv = home.ok(["bill", "csv", MARCH]).stdout;
    home.ok(["retention", "set", "--revisions", "--days", "10"])
        .says(0, &["replaced revisions are kept for 10 days"]);
    let (rows, digest) = plan(&home, "2021-04-20", &[]);
    assert_eq!(rows.iter().filter(|r| r.0 == "may go").count(), 2, "{rows:?}");
    home.ok(["retention", "apply", "--plan", &digest, "--on", "2021-04-20"])
        .says(0, &["60 lines of 2 loads"]);
    assert_eq!(home.json(["bill", "revisions", MARCH]), revisions);
    assert_eq!(home.ok(["bill", "csv", MARCH]).stdout, csv);
    home.run(["bill", "show", MARCH, "--revision", "2"]).says(1, &["revision 2", "removed by retention"]);
    home.run(["bill", "diff", MARCH, "--from", "1"]).says(1, &["removed by retention"]);
    home.ok(["store", "check"]);
    assert!(plan(&home, "2021-04-20", &[]).0.is_empty());
    // Its bytes are known for good.
    home.month_to_date(3, 20);
    assert_eq!(home.json(["bill", "revisions", MARCH]), revisions);
}

#[test]
fn revisions_that_are_needed_keep_their_lines() {
    let home = Home::new();
    home.month_to_date(3, 31);
    home.confirm();
    home.ok(["bill", "reopen", MARCH, "--reason", "a correction comes"]);
    let header = "PayerAccountID,OwnerAccountID,ProductName,UsageStartTime,TotalCost,Currency";
    let text = format!("{header}\n{PAYER},{CUSTOMER},CVM,2021-03-31 10:00:00,9.00,USD\n");
    let name = format!("{PAYER}-20210331-by_used_time-bill_details.csv");
    let file = home.write(&name, text.as_bytes());
    home.ok(["import", "--accept-smaller", "--as", "cumulative", file.to_str().unwrap()]);
    home.ok(["retention", "set", "--revisions", "--days", "10"]);
    let (rows, _) = plan(&home, "2022-01-01", &[]);
    assert_eq!((rows.len(), rows[0].0.as_str()), (1, "kept"), "it was confirmed once: {rows:?}");
    let (rows, _) = plan(&home, "2022-01-01", &["--confirmed"]);
    assert_eq!(rows.iter().filter(|r| r.0 == "may go").count(), 1, "{rows:?}");
}
