//! `due` tells what the calendar asks for, and the first thing in the way of it.

use serde_json::Value;

use crate::support::{Home, PAYER, demo_file};

const CUSTOMER: &str = "100020001689";

/// What `due` says of one kind for an account: `yes`, or why not, and the days.
fn due(home: &Home, on: &str, uin: &str, kind: &str) -> (bool, String, String) {
    let shown = home.json(["due", "--on", on]);
    assert_eq!(shown["on"], on);
    let rows: Vec<&Value> =
        shown["rows"].as_array().unwrap().iter().filter(|r| r["uin"] == uin && r["kind"] == kind).collect();
    let [row] = rows[..] else { panic!("{kind} of {uin}: {shown}") };
    let text = |name: &str| row[name].as_str().unwrap();
    (text("due") == "yes", text("why").to_owned(), format!("{}..{}", text("first_day"), text("last_day")))
}

#[track_caller]
fn not_due(home: &Home, on: &str, kind: &str, why: &str) {
    let (due, told, _) = due(home, on, PAYER, kind);
    assert!(!due && told.contains(why), "{kind}, not `{why}`: {told}");
}

#[test]
fn the_first_thing_in_the_way_is_told_until_nothing_is() {
    let home = Home::new();
    home.sink("bucket", &[]);
    let (on, kinds) = ("2021-04-09", ["daily", "monthly", "reseller"]);
    let all_not_due = |why: &str| kinds.iter().for_each(|kind| not_due(&home, on, kind, why));
    all_not_due("not allowed");
    home.ok(["storage", "allow", PAYER]);
    all_not_due("not authorised");
    home.ok(["storage", "authorize", PAYER]);
    all_not_due("not enabled");
    home.ok(["storage", "enable", PAYER, "--sink", "bucket", "--kinds", "daily,monthly,reseller"]);
    not_due(&home, on, "daily", "no bill");
    not_due(&home, on, "monthly", "no bill");
    not_due(&home, on, "reseller", "custom bills");
    home.enable(PAYER, "bucket", "daily,monthly,reseller", true);
    all_not_due("no bill");

    // April through the 6th, and March through the 30th: what is asked for is the 7th and the 31st.
    home.import([demo_file(4, 6), demo_file(3, 30)]);
    not_due(&home, on, "daily", "not complete: lines are in through 2021-04-06");
    not_due(&home, on, "monthly", "not complete: lines are in through 2021-03-30");
    not_due(&home, on, "reseller", "not complete: lines are in through 2021-03-30");
    home.import([demo_file(4, 7), demo_file(3, 31)]);
    not_due(&home, on, "reseller", "not confirmed: the bill is issued");
    home.confirm();
    for (kind, days) in [
        ("daily", "2021-04-01..2021-04-07"),
        ("monthly", "2021-03-01..2021-03-31"),
        ("reseller", "2021-03-01..2021-03-31"),
    ] {
        let (due, why, covered) = due(&home, on, PAYER, kind);
        assert!(due && covered == days, "{kind}: {why}, {covered}");
    }
    // A dry run says the same and delivers nothing.
    assert_eq!(home.json(["run", "--dry-run", "--on", on]), home.json(["due", "--on", on]));
    assert_eq!(home.json(["delivery", "list"])["rows"].as_array().unwrap().len(), 0);
    home.ok(["run", "--on", on]);
    all_not_due("already delivered");
}

#[test]
fn the_calendar_asks_for_each_kind_from_its_day_on() {
    let home = Home::with(&[demo_file(3, 31), demo_file(4, 7)]);
    home.sink("bucket", &[]);
    home.enable(PAYER, "bucket", "daily,monthly,reseller", true);
    let kinds = |on: &str| -> Vec<String> {
        let shown = home.json(["due", "--on", on]);
        let rows = shown["rows"].as_array().unwrap().iter();
        rows.map(|r| r["kind"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(kinds("2021-04-01"), ["daily"]);
    assert_eq!(kinds("2021-04-02"), ["daily", "monthly"]);
    assert_eq!(kinds("2021-04-08"), ["daily", "monthly"]);
    assert_eq!(kinds("2021-04-09"), ["daily", "monthly", "reseller"]);
}

#[test]
fn a_store_made_for_the_newer_calendar_follows_it() {
    let home = Home::empty();
    home.ok(["init", "--payer", PAYER, "--calendar", "current-2024"]);
    home.import([demo_file(4, 5)]);
    home.sink("bucket", &[]);
    home.enable(PAYER, "bucket", "daily,monthly", false);
    let (due, why, days) = due(&home, "2021-04-06", PAYER, "daily");
    assert!(due && days == "2021-04-01..2021-04-05", "{why}, {days}");
}

#[test]
fn a_sub_account_is_asked_for_once_it_is_enabled_and_never_for_reseller_bills() {
    let home = Home::with(&[demo_file(3, 31)]);
    home.sink("bucket", &[]);
    home.enable(CUSTOMER, "bucket", "daily,monthly", false);
    let (now, why, _) = due(&home, "2021-04-09", CUSTOMER, "monthly");
    assert!(now, "{why}");
    let shown = home.json(["due", "--on", "2021-04-09"]);
    let reseller = |r: &&Value| r["uin"] == CUSTOMER && r["kind"] == "reseller";
    assert_eq!(shown["rows"].as_array().unwrap().iter().filter(reseller).count(), 0, "{shown}");
}

#[test]
fn a_binding_holds_from_its_day_to_its_last() {
    let home = Home::with(&[demo_file(4, 7)]);
    home.sink("bucket", &[]);
    home.ok(["storage", "allow", PAYER]);
    home.ok(["storage", "authorize", PAYER]);
    home.ok(["storage", "enable", PAYER, "--sink", "bucket", "--from", "2021-04-05"]);
    home.ok(["storage", "disable", PAYER, "--yes", "--from", "2021-04-08"]);
    let daily = |on: &str| due(&home, on, PAYER, "daily").0;
    assert_eq!(
        ["2021-04-04", "2021-04-05", "2021-04-07", "2021-04-08"].map(daily),
        [false, true, true, false]
    );
}

#[test]
fn a_month_that_is_confirmed_late_still_reaches_its_resellers_once() {
    let home = Home::with(&[demo_file(3, 31)]);
    home.sink("bucket", &[]);
    home.ok(["storage", "allow", PAYER]);
    home.ok(["storage", "authorize", PAYER]);
    home.enable(PAYER, "bucket", "reseller", true);
    let march = |on: &str| -> Vec<String> {
        let shown = home.json(["due", "--on", on]);
        let rows = shown["rows"].as_array().unwrap().iter();
        rows.filter(|r| r["last_day"] == "2021-03-31")
            .map(|r| r["due"].as_str().unwrap().to_owned())
            .collect()
    };
    assert!(march("2021-06-03").is_empty());
    home.confirm();
    assert_eq!(march("2021-06-03"), ["yes"]);
    home.ok(["run", "--on", "2021-06-03"]).says(0, &["Delivered the reseller bill"]);
    assert!(march("2021-06-04").is_empty());
    home.ok(["run", "--on", "2021-06-04"]).says(0, &["Nothing was due"]);
}

#[test]
fn a_sink_of_the_same_name_in_another_place_has_received_nothing() {
    let home = Home::with(&[demo_file(3, 31)]);
    home.sink("bucket", &[]);
    home.ok(["storage", "allow", PAYER]);
    home.ok(["storage", "authorize", PAYER]);
    home.enable(PAYER, "bucket", "monthly", false);
    home.ok(["run", "--on", "2021-04-02"]).says(0, &["Delivered the monthly bill"]);
    home.ok(["storage", "disable", PAYER, "--yes"]);
    home.ok(["sink", "remove", "bucket"]);
    let url = format!("file://{}", home.path("elsewhere").display());
    home.ok(["sink", "add", "bucket", &url]);
    home.enable(PAYER, "bucket", "monthly", false);
    home.ok(["delivery", "verify"]).says(0, &["Nothing was delivered"]);
    home.ok(["run", "--on", "2021-04-02"]).says(0, &["Delivered the monthly bill"]);
    home.ok(["delivery", "verify"]).says(0, &["All 2 delivered files"]);
}

#[test]
fn a_day_that_has_not_come_is_acted_on_only_where_that_is_said() {
    let home = Home::with(&[demo_file(3, 31)]);
    home.sink("bucket", &[]);
    home.enable(PAYER, "bucket", "daily", false);
    let before = home.seen();
    home.run(["run", "--on", "2099-04-02"]).says(3, &["2099-04-02 is after today", "--yes"]);
    let empty = ["bill", "empty-day", "2099-04", "--day", "2099-04-01", "--reason", "holiday"];
    home.run(empty).says(3, &["2099-04-01 is after today", "--yes"]);
    assert_eq!(home.seen(), before);
    // Asking is free, and days that have passed are no question.
    home.ok(["run", "--on", "2099-04-02", "--dry-run"]);
    home.ok(["run", "--on", "2099-04-02", "--yes"]).says(0, &["Nothing was due"]);
    home.ok(["run", "--on", "2021-04-01"]).says(0, &["Delivered the daily bill"]);
}
