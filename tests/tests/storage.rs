//! Bill storage is allowed, authorised and enabled, in that order; taking a step back stops what is new.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::support::bucket::{checked, entries, zips};
use crate::support::sheet::Sheet;
use crate::support::{CUSTOMER, Home, PAYER, bill_file, demo_file};
use billkeep_core::deliveries::{
    Consent, Delivery, DeliveryError, Destination, DueItem, NoMeter, SinkRecord, Statement, Ways,
};

use billkeep_core::engine::{Access, Actor, OpenOptions, Store};
use billkeep_core::exports::RenderSettings;
use billkeep_core::values::{Basis, Day};

fn add_sink(home: &Home, name: &str, more: &[&str]) {
    let url = format!("file://{}", home.path(name).display());
    home.ok(["sink", "add", name, &url].iter().chain(more));
}

#[test]
fn each_step_is_refused_before_the_one_that_it_needs() {
    let home = Home::new();
    add_sink(&home, "bucket", &[]);
    let enable = ["storage", "enable", PAYER, "--sink", "bucket"];
    let steps = [
        (vec!["storage", "authorize", PAYER], format!("billkeep storage allow {PAYER}")),
        (enable.to_vec(), format!("billkeep storage allow {PAYER}")),
    ];
    for (command, next) in steps {
        let before = home.seen();
        home.run(command).says(3, &["not on the allowlist", "hint: ", &next]);
        assert_eq!(home.seen(), before);
    }
    home.ok(["storage", "allow", PAYER]);
    home.run(enable).says(3, &["not authorised", "hint: ", &format!("billkeep storage authorize {PAYER}")]);
    home.ok(["storage", "authorize", PAYER]);
    home.run(["storage", "disable", PAYER, "--yes"]).says(3, &["not enabled", "billkeep storage enable"]);
    home.ok(enable);
    let status = home.json(["storage", "status"]);
    let rows = status["rows"].as_array().unwrap();
    let of =
        |row: &Value| ["kind", "allowed", "authorised", "sink"].map(|n| row[n].as_str().unwrap().to_owned());
    assert_eq!(of(&rows[0]), ["daily", "yes", "yes", "bucket"]);
    assert_eq!(of(&rows[1]), ["monthly", "yes", "yes", "bucket"]);
    assert_eq!(of(&rows[2]), ["reseller", "yes", "yes", "-"]);
    assert!(rows[2]["next"].as_str().unwrap().contains("storage enable"));
}

#[test]
fn the_same_enable_again_keeps_the_days_of_a_binding_and_reseller_bills_wait_for_the_confirmation() {
    let home = Home::new();
    home.sink("bucket", &[]);
    let enable = |more: &[&str]| {
        let args =
            ["storage", "enable", PAYER, "--sink", "bucket", "--kinds", "daily,reseller", "--custom-bills"];
        home.ok(args.iter().chain(more))
    };
    let bindings = || {
        let all = home.json(["storage", "history", PAYER]);
        all["rows"].as_array().unwrap().iter().filter(|row| row["what"] == "binding").count()
    };
    home.enable(PAYER, "bucket", "daily,reseller", true);
    let before = (bindings(), home.json(["storage", "status", PAYER])["rows"].clone());
    let again = enable(&[]);
    assert!(again.stderr.contains("go to sink `bucket`: daily, reseller."), "{}", again.stderr);
    assert_eq!((bindings(), home.json(["storage", "status", PAYER])["rows"].clone()), before);
    let after = |kind: &str| {
        let status = home.json(["storage", "status", PAYER]);
        let row = status["rows"].as_array().unwrap().iter().find(|row| row["kind"] == kind).unwrap();
        row["after"].as_str().unwrap().to_owned()
    };
    assert_eq!((after("daily"), after("reseller")), ("issue".to_owned(), "confirmation".to_owned()));
    // Something else is a change, from today on.
    enable(&["--after", "confirmation"]);
    assert_eq!((bindings(), after("daily")), (before.0 + 2, "confirmation".to_owned()));
}

#[test]
fn a_sink_is_added_once_and_is_a_folder_that_can_be() {
    let home = Home::new();
    add_sink(&home, "bucket", &[]);
    let url = format!("file://{}", home.path("bucket").display());
    home.run(["sink", "add", "bucket", &url]).says(1, &["already"]);
    for url in ["/no/scheme", "file://relative", "gs://bucket/x", "s3:///x", "https://example.com"] {
        home.run(["sink", "add", "other", url]).says(1, &[url]);
    }
    home.run(["sink", "add", "other", &url, "--option", "rows_per_file=0"]).says(1, &["rows_per_file=0"]);
    home.run(["sink", "add", "other", &url, "--option", "colour=red"]).says(1, &["rows_per_file=N"]);
    let file = home.write("file", b"");
    home.run(["sink", "add", "other", &format!("file://{}", file.display())])
        .says(1, &[file.to_str().unwrap()]);
    let sinks = home.json(["sink", "list"]);
    assert_eq!(sinks["rows"].as_array().unwrap().len(), 1, "{sinks}");
}

#[test]
fn all_steps_are_taken_in_one_command_or_none_and_each_has_its_entry() {
    let home = Home::new();
    add_sink(&home, "bucket", &[]);
    home.ok(["user", "set", "ann", "--role", "admin"]);
    home.ok(["user", "set", "olga", "--role", "operator"]);
    let before = home.seen();
    let enable = |more: &[&str]| {
        let args = ["storage", "enable", PAYER, "--kinds", "monthly", "--reason", "first bills"];
        home.run(args.iter().chain(more))
    };
    enable(&["--sink", "bucket", "--allow"]).says(3, &["not authorised"]);
    enable(&["--sink", "bucket", "--authorize"]).says(3, &["not on the allowlist"]);
    enable(&["--sink", "none", "--allow", "--authorize"]).says(1, &["no sink `none`"]);
    enable(&["--sink", "bucket", "--allow", "--authorize", "--as", "olga"]).says(3, &["`olga`", "admin"]);
    assert_eq!(home.seen(), before);

    let steps = |home: &Home| -> Vec<String> {
        let listed = home.json(["audit", "list", "--action", "storage"]);
        let rows = listed["rows"].as_array().unwrap().iter();
        rows.map(|row| format!("{}: {}", row["action"].as_str().unwrap(), row["reason"].as_str().unwrap()))
            .collect()
    };
    enable(&["--sink", "bucket", "--allow", "--authorize"])
        .says(0, &["is on the allowlist and authorised", "go to sink `bucket`: monthly"]);
    let all = ["allow", "authorize", "enable"].map(|step| format!("storage {step}: first bills"));
    assert_eq!(steps(&home), all);
    // Steps that were taken are not taken again.
    enable(&["--sink", "bucket", "--allow", "--authorize"]).says(0, &[]);
    assert_eq!(steps(&home).len(), 4);
    enable(&["--sink", "bucket", "--as", "olga"]).says(0, &[]);
    home.ok(["audit", "verify"]);
    let status = home.json(["storage", "status", PAYER]);
    let rows = status["rows"].as_array().unwrap();
    let allowed = |row: &&Value| row["allowed"] == "yes";
    assert_eq!(rows.iter().filter(allowed).count(), 1, "only the kinds that were named: {status}");
}

#[test]
fn a_sink_in_use_is_not_removed() {
    let home = Home::new();
    add_sink(&home, "bucket", &[]);
    home.ok(["storage", "allow", PAYER]);
    home.ok(["storage", "authorize", PAYER]);
    home.run(["storage", "enable", PAYER, "--sink", "none"]).says(1, &["no sink `none`", "sink list"]);
    home.ok(["storage", "enable", PAYER, "--sink", "bucket"]);
    home.run(["sink", "remove", "bucket"]).says(3, &[PAYER, "storage disable"]);
    home.run(["storage", "disable", PAYER]).says(3, &["--yes"]);
    home.ok(["storage", "disable", PAYER, "--yes"]);
    home.ok(["sink", "remove", "bucket"]);
    home.run(["sink", "remove", "bucket"]).says(1, &["no sink"]);
}

#[test]
fn reseller_bills_are_the_payers_alone_and_a_customers_sink_gets_none() {
    let home = Home::new();
    add_sink(&home, "bucket", &[]);
    add_sink(&home, "theirs", &["--audience", "customer"]);
    let other = "100020001689";
    for uin in [PAYER, other] {
        home.ok(["storage", "allow", uin]);
        home.ok(["storage", "authorize", uin]);
    }
    let enable = |uin: &str, sink: &str, kinds: &str| {
        home.run(["storage", "enable", uin, "--sink", sink, "--kinds", kinds])
    };
    enable(other, "bucket", "reseller").says(3, &[other, PAYER]);
    enable(PAYER, "theirs", "daily").says(3, &["theirs", "customer"]);
    enable(PAYER, "bucket", "weekly").says(2, &["weekly"]);
}

#[test]
fn a_step_taken_back_stops_what_is_new() {
    for back in [["storage", "deny", PAYER], ["storage", "revoke", PAYER]] {
        let home = Home::with(&[demo_file(4, 4)]);
        add_sink(&home, "bucket", &[]);
        for step in ["allow", "authorize"] {
            home.ok(["storage", step, PAYER]);
        }
        home.ok(["storage", "enable", PAYER, "--sink", "bucket"]);
        home.ok(["run", "--on", "2021-04-06"]).says(0, &["Delivered"]);
        let before = home.json(["delivery", "list"]);
        home.ok(back);
        home.import([demo_file(4, 5)]);
        home.ok(["run", "--on", "2021-04-07"]).says(0, &["Nothing was due"]);
        assert_eq!(home.json(["delivery", "list"]), before);
        home.ok(["delivery", "verify"]);
    }
}

/// April 2021, month to date through a day.
fn april(home: &Home, through: u32) {
    home.month_to_date(4, through);
}

fn daily_through(day: u32) -> String {
    format!("daily 2021-04-01..2021-04-{day:02}")
}

/// A store whose payer's bills go to `old`, with April through the 10th, that is switched to `new` on the 10th.
fn switched_on_the_10th() -> Home {
    let home = Home::new();
    april(&home, 10);
    home.sink("old", &[]);
    home.enable(PAYER, "old", "daily,monthly", false);
    let url = format!("file://{}", home.path("new").display());
    home.ok(["storage", "switch", PAYER, "--sink", "new", "--create", &url, "--on", "2021-04-10"])
        .says(0, &["from 2021-04-11 on", "through 2021-04-10 stays"]);
    home
}

#[test]
fn after_a_switch_on_10_april_each_bill_lies_on_its_side() {
    let home = switched_on_the_10th();
    for on in ["2021-04-10", "2021-04-11", "2021-04-12"] {
        home.ok(["run", "--on", on]);
    }
    assert_eq!(home.lies("old"), [daily_through(8)]);
    assert_eq!(home.lies("new"), [daily_through(10), daily_through(9)].into_iter().rev().collect::<Vec<_>>());
    home.ok(["delivery", "verify"]);
}

#[test]
fn late_runs_for_the_days_around_a_switch_put_each_bill_on_its_side() {
    // All runs happen on the 14th, and the youngest day comes first.
    let home = switched_on_the_10th();
    for on in ["2021-04-12", "2021-04-10", "2021-04-11"] {
        home.ok(["run", "--on", on]);
    }
    assert_eq!(home.lies("old"), [daily_through(8)]);
    assert_eq!(home.lies("new").len(), 2);
    let list = home.json(["delivery", "list", "--where", "sink=old"]);
    let rows = list["rows"].as_array().unwrap();
    assert_eq!((rows.len(), &rows[0]["due_on"]), (1, &"2021-04-10".into()));
    assert!(rows[0]["location"].as_str().unwrap().starts_with(home.path("old").to_str().unwrap()));
    let spans: Vec<Value> = home.json(["storage", "history", PAYER])["rows"].as_array().unwrap().clone();
    let daily: Vec<_> = spans.iter().filter(|r| r["what"] == "binding" && r["kind"] == "daily").collect();
    let of = |row: &Value| ["sink", "from", "until"].map(|n| row[n].as_str().unwrap().to_owned());
    assert_eq!(of(daily[0]), ["old", "-", "2021-04-10"]);
    assert_eq!(of(daily[1]), ["new", "2021-04-11", "-"]);
    assert_eq!((&daily[0]["delivered"], &daily[1]["delivered"]), (&1.into(), &2.into()));
}

#[test]
fn a_month_that_lies_in_the_old_sink_is_not_sent_to_the_new_one_again() {
    let home = Home::with(&[demo_file(3, 31)]);
    home.sink("old", &[]);
    home.sink("new", &["rows_per_file=5"]);
    home.enable(PAYER, "old", "monthly", false);
    home.ok(["run", "--on", "2021-04-02"]).says(0, &["Delivered the monthly bill"]);
    home.ok(["storage", "switch", PAYER, "--sink", "new", "--on", "2021-04-10"]);
    home.ok(["run", "--on", "2021-04-12"]).says(0, &["Nothing was due"]);
    assert_eq!((home.lies("old").len(), home.lies("new").len()), (1, 0));
    // What has gone to the old sink for a later day cannot be said to belong to the new one.
    home.run(["storage", "switch", PAYER, "--sink", "old", "--on", "2021-04-20"]).says(0, &["2021-04-21"]);
    let home = Home::with(&[demo_file(3, 31)]);
    home.sink("old", &[]);
    home.sink("new", &[]);
    home.enable(PAYER, "old", "daily", false);
    home.ok(["run", "--on", "2021-03-20"]).says(0, &["Delivered the daily bill"]);
    home.run(["storage", "switch", PAYER, "--sink", "new", "--on", "2021-03-19"])
        .says(3, &["2021-03-20", "old", "--on 2021-03-20"]);
    home.run(["storage", "enable", PAYER, "--sink", "new", "--kinds", "daily"])
        .says(3, &["sink `old`", "storage switch"]);
    home.run(["storage", "switch", PAYER, "--sink", "old", "--on", "2021-03-20"]).says(3, &["already"]);
    home.run(["storage", "switch", PAYER, "--sink", "new", "--kinds", "reseller"]).says(3, &["not enabled"]);
}

#[test]
fn disabling_stops_every_day_and_enabling_again_leaves_the_old_days_where_they_were() {
    let home = Home::new();
    april(&home, 6);
    home.sink("bucket", &[]);
    home.sink("other", &[]);
    home.enable(PAYER, "bucket", "daily", false);
    home.ok(["run", "--on", "2021-04-06"]).says(0, &["Delivered"]);
    home.run(["storage", "disable", PAYER]).says(3, &["--yes"]);
    home.ok(["storage", "disable", PAYER, "--yes", "--reason", "they moved"]).says(0, &["stays"]);
    home.ok(["run", "--on", "2021-04-07"]).says(0, &["Nothing was due"]);
    assert!(home.why("2021-04-07", "daily").contains("storing was disabled on"));
    home.run(["storage", "disable", PAYER, "--yes"]).says(3, &["not enabled"]);
    assert_eq!(home.lies("bucket"), [daily_through(4)]);
    home.ok(["storage", "enable", PAYER, "--sink", "other", "--kinds", "daily"]).says(0, &["daily from 20"]);
    home.ok(["run", "--on", "2021-04-07"]).says(0, &["to sink `bucket`"]);
    assert_eq!(home.lies("other"), Vec::<String>::new());
    let history = home.ok(["storage", "history", PAYER]).stdout;
    assert!(String::from_utf8(history).unwrap().contains("they moved"));
}

#[test]
fn the_allowlist_is_by_kind_and_may_end() {
    let home = Home::new();
    april(&home, 6);
    home.sink("bucket", &[]);
    let allow =
        ["storage", "allow", PAYER, "--kinds", "daily", "--until", "2021-04-06", "--reason", "a trial"];
    home.ok(allow).says(0, &["daily bills until 2021-04-06"]);
    let status = home.json(["storage", "status", PAYER, "--on", "2021-04-07"]);
    // The console shows no way to enable to whoever is not on the list.
    for row in status["rows"].as_array().unwrap() {
        assert_eq!((&row["allowed"], &row["next"]), (&"no".into(), &"-".into()));
    }
    home.run(["storage", "authorize", PAYER]).says(3, &["not on the allowlist"]);
    home.ok(["storage", "allow", PAYER, "--kinds", "daily,monthly"]);
    home.ok(["storage", "authorize", PAYER]);
    home.run(["storage", "enable", PAYER, "--sink", "bucket", "--kinds", "reseller"])
        .says(3, &["not on the allowlist for reseller bills", "--kinds reseller"]);
    home.ok(["storage", "enable", PAYER, "--sink", "bucket"]);
    home.ok(["storage", "allow", PAYER, "--kinds", "daily", "--until", "2021-04-06"]);
    assert!(home.why("2021-04-07", "daily").contains("not allowed"));
    home.ok(["run", "--on", "2021-04-06"]).says(0, &["Delivered the daily bill"]);
    home.ok(["run", "--on", "2021-04-07"]).says(0, &["Nothing was due"]);
}

#[test]
fn a_consent_may_be_for_one_sink_and_custom_bills_are_a_second_one() {
    let home = Home::with(&[demo_file(3, 31)]);
    home.sink("bucket", &[]);
    home.sink("other", &[]);
    home.ok(["storage", "allow", PAYER]);
    home.run(["storage", "authorize", PAYER, "--sink", "none"]).says(1, &["no sink `none`"]);
    home.ok(["storage", "authorize", PAYER, "--sink", "bucket"]).says(0, &["for sink `bucket`"]);
    let enable =
        |sink: &str| home.run(["storage", "enable", PAYER, "--sink", sink, "--kinds", "monthly,reseller"]);
    enable("other").says(3, &["not authorised for sink `other`"]);
    enable("bucket").says(0, &[]);
    home.run(["storage", "switch", PAYER, "--sink", "other"]).says(3, &["not authorised for sink `other`"]);
    home.confirm();
    let why = |on: &str, kind: &str| home.why(on, kind);
    assert!(why("2021-04-09", "reseller").contains("custom bills are not agreed to"));
    home.ok(["storage", "authorize", PAYER, "--custom-bills"]).says(0, &["custom bills"]);
    assert!(why("2021-04-09", "reseller").contains("the calendar asks for it"));
    home.ok(["storage", "revoke", PAYER, "--custom-bills"]);
    assert!(why("2021-04-09", "reseller").contains("custom bills are not agreed to"));
    home.ok(["storage", "revoke", PAYER]);
    assert!(why("2021-04-09", "monthly").contains("not authorised"));
    home.run(["storage", "authorize", CUSTOMER, "--custom-bills"]).says(3, &["not on the allowlist"]);
    home.ok(["storage", "allow", CUSTOMER]);
    home.run(["storage", "authorize", CUSTOMER, "--custom-bills"]).says(3, &[CUSTOMER, "not the payer"]);
}

#[test]
fn a_sink_is_tried_before_bills_go_there() {
    let home = Home::new();
    home.sink("bucket", &[]);
    // What several cases were not tried for stands in one sentence, and as data in each row.
    let why = "large parts were left out";
    let tried = home.ok(["sink", "test", "bucket"]).says(0, &["does what every sink must"]);
    assert_eq!((tried.text().matches(why).count(), tried.stderr.matches(why).count()), (0, 1));
    let rows = home.json(["sink", "test", "bucket"])["rows"].clone();
    let left_out = rows.as_array().unwrap().iter().filter(|row| row["seen"] == why).count();
    assert!(left_out > 1 && tried.stderr.contains(&format!("{left_out} cases were not tried: {why}.")));
    home.ok(["storage", "allow", PAYER]);
    home.ok(["storage", "authorize", PAYER]);
    let file = home.write("file", b"");
    let url = format!("file://{}/in", file.display());
    home.run(["storage", "enable", PAYER, "--sink", "new", "--create", &url]).says(1, &["file"]);
    assert!(home.json(["sink", "list"])["rows"].as_array().unwrap().len() == 1);
    // A folder in the place of the probe, and a folder that is not there any more.
    std::fs::remove_dir_all(home.path("bucket")).unwrap();
    std::fs::write(home.path("bucket"), b"").unwrap();
    home.run(["sink", "test", "bucket"]).says(1, &["bucket"]);
    home.run(["storage", "enable", PAYER, "--sink", "bucket"]).says(1, &["bucket"]);
    assert!(
        home.json(["storage", "history", PAYER])["rows"]
            .as_array()
            .unwrap()
            .iter()
            .all(|r| r["what"] != "binding")
    );
}

#[test]
fn self_use_bills_hold_the_payers_own_lines_and_a_resellers_those_below_it() {
    let home = Home::new();
    april(&home, 6);
    for sink in ["own", "theirs"] {
        home.sink(sink, &[]);
    }
    let reseller = "200000000099";
    home.ok(["account", "add", reseller, "--name", "Wang", "--role", "reseller"]);
    home.ok(["account", "add", CUSTOMER, "--name", "Lin", "--parent", reseller, "--from", "2021-04-03"]);
    for (uin, sink, more) in [(PAYER, "own", vec!["--lines", "self"]), (reseller, "theirs", vec![])] {
        home.ok(["storage", "allow", uin]);
        home.ok(["storage", "authorize", uin]);
        let enable = ["storage", "enable", uin, "--sink", sink, "--kinds", "daily"];
        home.ok(enable.iter().copied().chain(more));
    }
    home.run(["storage", "enable", reseller, "--sink", "own", "--kinds", "monthly", "--lines", "self"])
        .says(3, &["not the payer"]);
    home.ok(["run", "--on", "2021-04-08"]);
    let lines = |sink: &str| -> BTreeMap<String, usize> {
        let export = checked(&home.path(sink)).into_iter().next().unwrap();
        let mut by_owner = BTreeMap::new();
        for key in export.figures().0.keys() {
            *by_owner.entry(key.0.clone()).or_insert(0) += 1;
        }
        by_owner
    };
    assert_eq!(lines("own"), [(PAYER.to_owned(), 6)].into());
    // The customer's lines from the day on from which it stands below the reseller: 3 to 6 April.
    assert_eq!(lines("theirs"), [(CUSTOMER.to_owned(), 4)].into());
}

#[test]
fn a_customers_sink_gets_that_customers_lines_and_names_what_stands_against_any_other_bill() {
    let home = Home::with(&[bill_file("english")]);
    home.sink("bucket", &[]);
    add_sink(&home, "theirs", &["--audience", "customer"]);
    for uin in [PAYER, "100020001689"] {
        home.ok(["storage", "allow", uin]);
        home.ok(["storage", "authorize", uin]);
    }
    home.run(["storage", "enable", PAYER, "--sink", "theirs", "--kinds", "monthly,reseller"])
        .says(3, &["theirs", "read by a customer", "ComponentContractedPrice", "DiscountRate"]);
    let enable = ["storage", "enable", "100020001689", "--sink", "theirs", "--kinds", "monthly"];
    home.ok(enable.into_iter().chain(["--after", "issue"]));
    home.run(["storage", "switch", PAYER, "--sink", "theirs"]).says(3, &["not enabled"]);
    home.ok(["run", "--on", "2021-04-02"]).says(0, &["Delivered the monthly bill of 100020001689"]);
    let zip = zips(&home.path("theirs")).into_values().next().unwrap();
    let headers = Sheet::parse(&entries(&zip)[0].2).header;
    for cost in ["ComponentContractedPrice", "DiscountRate", "VoucherDeduction"] {
        assert!(!headers.iter().any(|h| h == cost), "{headers:?}");
    }
    assert!(
        headers.iter().any(|h| h.contains("ComponentUsage") || h.contains("Component Usage")),
        "{headers:?}"
    );
    home.ok(["run", "--on", "2021-04-03"]).says(0, &["Nothing was due"]);
    home.ok(["delivery", "verify"]).says(0, &["All 2 delivered files"]);
}

#[test]
fn what_was_due_is_not_written_once_a_consent_was_taken_back_in_between() {
    let home = Home::new();
    april(&home, 4);
    home.sink("bucket", &[]);
    home.enable(PAYER, "bucket", "daily", false);
    let on: Day = "2021-04-06".parse().unwrap();
    let store = Store::open(&home.store(), &OpenOptions::default(), Access::Write).unwrap();
    let due = DueItem::on(&store.read().unwrap(), on, Basis::Used).unwrap();
    let item = due.into_iter().find(|item| item.verdict.is_ok()).unwrap();
    let actor = Actor { name: "ann".into(), at_unix_s: 1 };
    let said = Statement { actor: &actor, reason: None };
    let uin = PAYER.parse().unwrap();
    store.transact(|tx| tx.revoke_storage(uin, Consent::Storing, None, said)).unwrap();
    let record = SinkRecord::get(&store.read().unwrap(), "bucket").unwrap();
    let sink = billkeep_sinks::open(&record.url, &Default::default(), &|_| None).unwrap();
    let render = RenderSettings { threads: 1, cache: None };
    let (to, stage) = (Destination::plain(record, sink), home.path("staging"));
    let ways = Ways { render, stage: &stage, meter: &NoMeter, at_once: false };
    let wanted = item.verdict.unwrap();
    let refused = store.deliver(&to, wanted, on, &ways, &actor);
    assert!(matches!(refused, Err(DeliveryError::Withdrawn { .. })), "{refused:?}");
    assert!(Delivery::list(&store.read().unwrap()).unwrap().is_empty());
    assert!(to.sink.list().unwrap().is_empty());
}

#[test]
fn what_only_an_admin_may_do_is_not_done_on_the_way_by_an_operator() {
    let home = Home::new();
    home.sink("bucket", &[]);
    home.ok(["storage", "allow", PAYER]);
    home.ok(["storage", "authorize", PAYER]);
    home.ok(["user", "set", "ada", "--role", "admin"]);
    home.ok(["--as", "ada", "user", "set", "opi", "--role", "operator"]);
    let as_opi = |args: &[&str]| home.run(["--as", "opi"].iter().chain(args));
    let enable = ["storage", "enable", PAYER, "--sink", "bucket"];
    let url = format!("file://{}", home.path("new").display());
    let custom = [&enable[..], &["--custom-bills"]].concat();
    as_opi(&custom).says(3, &["admin"]);
    as_opi(&["storage", "enable", PAYER, "--sink", "new", "--create", &url]).says(3, &["admin"]);
    as_opi(&["storage", "switch", PAYER, "--sink", "new", "--create", &url]).says(3, &["admin"]);
    assert!(!home.json(["--as", "ada", "storage", "history"]).to_string().contains("custom bills"));
    as_opi(&enable).says(0, &[]);
    home.ok(["--as", "ada"].iter().chain(&custom));
}
