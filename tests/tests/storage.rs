//! Bill storage is allowed, authorised and enabled, in that order; taking a step back stops what is new.

use crate::support::{Home, PAYER, demo_file};

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
    let row = &status["rows"][0];
    assert_eq!((&row["allowed"], &row["authorised"]), (&"yes".into(), &"yes".into()));
    assert_eq!((&row["sink"], &row["kinds"]), (&"bucket".into(), &"daily,monthly".into()));
}

#[test]
fn a_sink_is_added_once_and_is_a_folder_that_can_be() {
    let home = Home::new();
    add_sink(&home, "bucket", &[]);
    let url = format!("file://{}", home.path("bucket").display());
    home.run(["sink", "add", "bucket", &url]).says(1, &["already"]);
    for url in ["/no/scheme", "file://relative", "s3://bucket/x", "https://example.com"] {
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
