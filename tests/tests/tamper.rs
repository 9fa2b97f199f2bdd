//! A store whose file somebody changed behind the program's back, checksums and all, without touching the journal.

use std::fs;

use crate::support::behind::{graft, substitute};
use crate::support::{CUSTOMER, Home, MARCH, PAYER, STEM, bill_file, demo_file, fixture};

/// All that makes a bill.
const OF_BILLS: [&str; 14] = [
    "bills",
    "revisions",
    "loads",
    "files",
    "segments",
    "segment_keys",
    "schemas",
    "blocks",
    "rollups",
    "orders",
    "owner_days",
    "rollup_parts",
    "owner_day_parts",
    "standings",
];

/// The same month with another last line.
fn other_march() -> Home {
    let home = Home::new();
    let mut text = String::from_utf8(fs::read(bill_file("english")).unwrap()).unwrap();
    let transaction = "2021030000000150";
    assert!(text.contains(transaction));
    text = text.replace(transaction, "2021030000000159");
    home.import([home.write(&format!("{STEM}.csv"), text.as_bytes())]);
    home.confirm();
    home
}

fn last_hash(home: &Home) -> String {
    home.json(["audit", "verify"])["rows"][0]["last_hash"].as_str().unwrap().to_owned()
}

/// Both checks find it, and name it.
#[track_caller]
fn is_found(home: &Home, noted: &str, words: &[&str]) {
    home.run(["audit", "verify", "--expect", noted]).says(4, words);
    home.run(["audit", "verify"]).says(4, words);
    home.run(["store", "check"]).says(4, words);
}

#[test]
fn a_bill_of_another_store_is_found_and_neither_exported_confirmed_nor_delivered() {
    let home = Home::with(&[bill_file("english")]);
    home.confirm();
    home.sink("bucket", &[]);
    home.enable(PAYER, "bucket", "monthly", false);
    let noted = last_hash(&home);
    home.ok(["audit", "verify", "--expect", &noted]);
    let other = other_march();
    graft(&home.store(), &other.store(), &OF_BILLS);
    is_found(
        &home,
        &noted,
        &[
            "the lines of the bill for 2021-03 of payer 100010445724",
            "records digest",
            "`revisions`: its records are not those",
        ],
    );
    let refused = ["the bill for 2021-03 of payer 100010445724", "its digest is", "of the journal records"];
    home.run(["export", MARCH, "-o", "out"]).says(4, &refused);
    home.run(["run", "--on", "2021-04-02"]).says(4, &refused);
    assert_eq!(home.lies("bucket"), [""; 0]);
    // Nor can the forged figure be confirmed after the confirmation is taken back.
    home.run(["bill", "reopen", MARCH, "--reason", "a look"]);
    let digest = other.bill_text("digest");
    home.run(["bill", "confirm", MARCH, "--digest", &digest]).says(4, &refused);
}

#[test]
fn a_store_of_an_earlier_format_whose_bill_was_replaced_is_found_by_what_its_journal_tells() {
    let home = Home::empty();
    fs::copy(fixture("stores/v2-people.redb"), home.store()).unwrap();
    let noted = last_hash(&home);
    graft(&home.store(), &other_march().store(), &OF_BILLS);
    is_found(&home, &noted, &["the lines of the bill for 2021-03 of payer 100010445724"]);
    home.run(["export", MARCH, "-o", "out"]).says(4, &["its digest is"]);
}

#[test]
fn a_price_a_sink_a_role_and_a_rule_that_were_changed_are_found_and_named() {
    let home = Home::new();
    home.month_to_date(4, 3);
    home.ok(["account", "price", "set", CUSTOMER, "--discount", "0.9"]);
    home.sink("bucket", &[]);
    home.ok(["user", "set", "ann", "--role", "admin"]);
    home.ok(["user", "set", "eve", "--role", "viewer"]);
    home.ok(["retention", "set", "--revisions", "--days", "77"]);
    home.ok(["account", "contract", "set", CUSTOMER, "--product", "CVM", "--discount", "0.7"]);
    home.ok(["notify", "add", "well", "--", "true"]);
    let noted = last_hash(&home);
    let sound = fs::read(home.store()).unwrap();
    let decimal = |mantissa: i128, scale: u8| [&mantissa.to_le_bytes()[..], &[scale]].concat();
    let text = |text: &str| [&(text.len() as u64).to_le_bytes()[..], text.as_bytes()].concat();
    let role = |role: u32| [text("eve"), role.to_le_bytes().to_vec()].concat();
    let customer = format!("the prices of account {CUSTOMER} in `terms`");
    for (table, from, to, words) in [
        ("terms", decimal(9, 1), decimal(9, 2), customer.as_str()),
        ("sinks", b"/bucket".to_vec(), b"/bicket".to_vec(), "sink `bucket` in `sinks`"),
        ("people", role(0), role(3), "person `eve` in `people`"),
        (
            "meta",
            77_u32.to_le_bytes().to_vec(),
            1_u32.to_le_bytes().to_vec(),
            "the retention rules in `meta`",
        ),
        ("contracts", decimal(7, 1), decimal(1, 1), "`contracts`"),
        ("notifiers", b"true".to_vec(), b"evil".to_vec(), "notifier `well` in `notifiers`"),
    ] {
        substitute(&home.store(), table, &from, &to);
        is_found(&home, &noted, &[words]);
        fs::write(home.store(), &sound).unwrap();
    }
    is_whole(&home, &noted);
}

#[track_caller]
fn is_whole(home: &Home, noted: &str) {
    home.ok(["audit", "verify", "--expect", noted]).says(0, &["The store is what the journal records"]);
    home.ok(["store", "check"]);
}

#[test]
fn deliveries_and_their_files_of_another_store_are_found() {
    let delivered = |lines: &[std::path::PathBuf]| {
        let home = Home::with(lines);
        home.sink("bucket", &[]);
        home.enable(PAYER, "bucket", "daily", false);
        home.ok(["run", "--on", "2021-04-06"]);
        home
    };
    let home = delivered(&[demo_file(4, 4)]);
    let noted = last_hash(&home);
    is_whole(&home, &noted);
    let other = delivered(&[demo_file(4, 3)]);
    let sound = fs::read(home.store()).unwrap();
    for table in ["deliveries", "manifests", "delivery_keys", "delivery_slots"] {
        graft(&home.store(), &other.store(), &[table]);
        home.run(["audit", "verify", "--expect", &noted]).says(4, &[]);
        home.run(["store", "check"]).says(4, &[]);
        fs::write(home.store(), &sound).unwrap();
    }
}

/// What the journal records grows with what a command does, and is the same whatever the command: none can forget it.
#[test]
fn a_store_that_went_through_a_month_of_work_is_what_its_journal_records() {
    let home = Home::with(&[demo_file(3, 31), demo_file(4, 3), demo_file(4, 4)]);
    home.confirm();
    home.sink("bucket", &[]);
    home.enable(PAYER, "bucket", "daily,monthly", false);
    home.ok(["notify", "add", "well", "--", "true"]);
    home.ok(["run", "--on", "2021-04-06"]);
    home.ok(["account", "add", CUSTOMER, "--name", "Customer"]);
    home.ok(["retention", "set", "--revisions", "--days", "1"]);
    let plan = home.json(["retention", "plan", "--on", "2021-09-01"]);
    if let Some(digest) = plan["digest"].as_str() {
        home.ok(["retention", "apply", "--plan", digest, "--on", "2021-09-01"]);
    }
    home.ok(["bill", "reopen", MARCH, "--reason", "a correction"]);
    is_whole(&home, &last_hash(&home));
}

#[test]
fn every_manifest_notice_and_metrics_file_names_an_entry_that_the_journal_must_still_have() {
    let home = Home::with(&[demo_file(4, 4)]);
    home.sink("bucket", &[]);
    home.enable(PAYER, "bucket", "daily", false);
    let told = home.path("told");
    home.ok(["notify", "add", "told", "--", "tee", told.to_str().unwrap()]);
    home.ok(["run", "--on", "2021-04-06", "--metrics", "metrics"]);
    let list = home.json(["audit", "list"]);
    let entries = list["rows"].as_array().unwrap();
    let is_entry = |journal: &serde_json::Value| {
        let number = journal["entry"].as_u64().unwrap() as usize;
        assert_eq!(entries[number - 1]["hash"], journal["hash"], "{journal}");
        number
    };
    let json = |path: &std::path::Path| -> serde_json::Value {
        serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
    };
    let bucket = home.path("bucket");
    let files = crate::support::bucket::listing(&bucket);
    let name = files.into_keys().find(|name| name.ends_with(".manifest.json")).unwrap();
    let manifest = json(&bucket.join(&name));
    crate::support::bucket::follows_the_schema(&name, &manifest);
    let delivered = entries.iter().position(|entry| entry["action"] == "deliver").unwrap() + 1;
    // What was planned and what was told name the entry before the one that the delivery got.
    assert_eq!(
        (is_entry(&manifest["journal"]), is_entry(&json(&told)["journal"])),
        (delivered - 1, delivered - 1)
    );
    let metrics = fs::read_to_string(home.path("metrics")).unwrap();
    let last = entries.last().unwrap();
    let line =
        format!("billkeep_journal_entry{{hash=\"{}\"}} {}", last["hash"].as_str().unwrap(), entries.len());
    assert!(metrics.lines().any(|found| found == line), "{metrics}");

    let witnesses = ["audit", "verify", "--witness", "bucket", "--witness", "told"];
    home.ok(witnesses).says(0, &["Witnesses: 2.", &format!("is entry {}", delivered - 1)]);
    let other = Home::with(&[demo_file(4, 4)]);
    let path = bucket.join(&name);
    other.run(["audit", "verify", "--witness", path.to_str().unwrap()]).says(4, &["no such entry", &name]);
    home.run(["audit", "verify", "--witness", "metrics"]).says(1, &["neither a manifest nor a notice"]);
    // Nobody writes to the pipe: opening it would wait for ever.
    let made = std::process::Command::new("mkfifo").arg(home.path("fifo")).status();
    if made.is_ok_and(|status| status.success()) {
        home.run(["audit", "verify", "--witness", "fifo"]).says(1, &["fifo", "it is a pipe"]);
        home.run(["audit", "verify", "--witness", "/dev/zero"]).says(1, &["it is a device"]);
    }

    // Another journal head does not make another export of it.
    home.ok(["account", "add", CUSTOMER, "--name", "Customer"]);
    home.ok(["run", "--on", "2021-04-06"]).says(0, &["Nothing was due"]);
    home.ok(["delivery", "verify", "--read-data"]);
    home.ok(["export", "2021-04", "--kind", "daily", "-o", "out"]);
    home.ok(["account", "end", CUSTOMER, "--from", "2021-05-01"]);
    home.ok(["export", "2021-04", "--kind", "daily", "-o", "out"]);
}
