//! Handed cases about sinks that are not there, and about what goes on without them.

use std::fs;

use serde_json::Value;

use crate::support::{Home, MARCH, PAYER, bill_file, bucket};

/// A store with March delivered to its folder `s`, and a sink `away` that nobody answers for.
fn with_one_away() -> Home {
    let home = Home::with(&[bill_file("english")]);
    home.sink("s", &[]);
    home.enable(PAYER, "s", "monthly", false);
    home.confirm();
    home.ok(["run", "--on", "2021-04-02"]);
    let away = ["sink", "add", "away", "s3://bucket/x", "--option", "endpoint=http://127.0.0.1:9"];
    let options = ["--option", "allow_http=yes", "--option", "timeout_s=2"];
    with_keys(&home, &[&away[..], &options[..]].concat()).says(0, &[]);
    home
}

fn with_keys(home: &Home, args: &[&str]) -> crate::support::Output {
    let mut command = home.command(args);
    command.env("AWS_ACCESS_KEY_ID", "a").env("AWS_SECRET_ACCESS_KEY", "b");
    crate::support::Output::of(command.output().unwrap())
}

fn found<'a>(verified: &'a Value, sink: &str) -> Vec<&'a str> {
    let rows = verified["rows"].as_array().unwrap().iter();
    rows.filter(|row| row["sink"] == sink).map(|row| row["found"].as_str().unwrap()).collect()
}

/// Operations F8.
#[test]
fn verify_goes_on_past_a_sink_that_cannot_be_reached() {
    let home = with_one_away();
    let verified = with_keys(&home, &["--format", "json", "delivery", "verify"]);
    let verified = verified.says(5, &["`away`", "At the other sinks, all 2 delivered files"]).json();
    assert_eq!(found(&verified, "s"), ["ok", "ok"]);
    assert_eq!(found(&verified, "away"), ["unreachable"]);
}

#[test]
fn damage_counts_more_than_a_sink_that_cannot_be_reached() {
    let home = with_one_away();
    let part = bucket::zips(&home.path("s")).into_keys().next().unwrap();
    fs::write(home.path("s").join(&part), "x").unwrap();
    with_keys(&home, &["delivery", "verify"]).says(4, &["1 of 2 delivered files", "`away`"]);
    with_keys(&home, &["delivery", "repair"]).says(5, &["Repaired 1 files", "`away`"]);
    home.ok(["delivery", "verify", "--sink", "s"]);
}

/// Operations F9.
#[test]
fn a_correction_that_is_carried_forward_settles_its_dispute() {
    let home = Home::with(&[bill_file("english")]);
    let open = ["dispute", "open", MARCH, "--line", "1-1", "--direction", "over", "--amount", "0.10"];
    home.ok(open.iter().chain(&["--reason", "x"]));
    home.ok(["dispute", "send", "1"]);
    home.ok(["dispute", "accept", "1"]);
    home.ok(["dispute", "set-aside", "1", "--reason", "y"]);
    home.confirm();
    let bytes = fs::read(bill_file("english")).unwrap();
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(text);
    let mut records = reader.records();
    let header = records.next().unwrap().unwrap();
    let line = records.next().unwrap().unwrap();
    let total = header.iter().position(|h| h == "TotalCost").unwrap();
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(&header).unwrap();
    let cell = |(at, cell): (usize, &str)| if at == total { "-0.10".to_owned() } else { cell.to_owned() };
    writer.write_record(line.iter().enumerate().map(cell)).unwrap();
    home.import_as(Some("adjustment"), [home.write("a.csv", &writer.into_inner().unwrap())]);
    home.ok(["late", "accept", "1", "--carry-forward", "--reason", "z"])
        .says(0, &["Dispute 1 is settled by it."]);
    let disputes = home.json(["dispute", "list"]);
    assert_eq!(disputes["rows"][0]["state"], "settled", "{disputes}");
    // The bill that was confirmed stays as it was.
    assert_eq!(home.bill_of(MARCH)["state"], "confirmed");
    home.ok(["store", "check"]);
}
