//! Handed cases about restoring a store: nothing is kept that its manifest does not describe, and nothing is delivered twice.

use std::fs;
use std::io::{Cursor, Read as _, Write as _};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::support::{CUSTOMER, Home, MARCH, PAYER, bill_file, bucket, demo_file, sha256::sha256};

/// The header and the first line of a fixture's CSV.
fn first_line(shape: &str) -> (Vec<String>, Vec<String>) {
    let bytes = fs::read(bill_file(shape)).unwrap();
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(text);
    let mut records = reader.records().map(|r| r.unwrap().iter().map(str::to_owned).collect());
    (records.next().unwrap(), records.next().unwrap())
}

fn adjustment(home: &Home, name: &str, header: &[String], line: &[String]) -> PathBuf {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(header).unwrap();
    writer.write_record(line).unwrap();
    home.write(name, &writer.into_inner().unwrap())
}

/// An empty store of the same payer, with the same folder as its sink `s`.
fn empty(folder: &Path) -> Home {
    let home = Home::new();
    home.ok(["sink", "add", "s", &format!("file://{}", folder.display())]);
    home
}

/// Enables the payer's monthly bills at a store's sink `s`.
fn enable(home: &Home) {
    home.enable(PAYER, "s", "monthly", false);
}

/// The name and text of each CSV in a zip.
fn unzipped(bytes: &[u8]) -> Vec<(String, String)> {
    let mut zip = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
    let names: Vec<String> =
        (0..zip.len()).map(|i| zip.by_index(i).unwrap().name().unwrap().into_owned()).collect();
    let read = |name: &String| {
        let mut text = String::new();
        zip.by_name(name).unwrap().read_to_string(&mut text).unwrap();
        (name.clone(), text)
    };
    names.iter().map(read).collect()
}

fn zipped(entries: &[(String, String)]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, text) in entries {
        zip.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(text.as_bytes()).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// Changes the only part of a folder as somebody may who can write there, and makes length and hash in its manifest fit.
fn alter_part(folder: &Path, change: impl Fn(String) -> String) {
    let name = bucket::zips(folder).into_keys().next().unwrap();
    let entries = unzipped(&fs::read(folder.join(&name)).unwrap());
    let entries: Vec<_> = entries.into_iter().map(|(name, text)| (name, change(text))).collect();
    let bytes = zipped(&entries);
    fs::write(folder.join(&name), &bytes).unwrap();
    alter_manifest(folder, |manifest| {
        manifest["parts"][0]["bytes"] = json!(bytes.len());
        manifest["parts"][0]["sha256"] = json!(sha256(&bytes));
    });
}

fn alter_manifest(folder: &Path, change: impl Fn(&mut Value)) {
    for (name, bytes) in bucket::listing(folder).iter().filter(|(n, _)| n.ends_with(".manifest.json")) {
        let mut manifest: Value = serde_json::from_slice(bytes).unwrap();
        change(&mut manifest);
        fs::write(folder.join(name), serde_json::to_vec_pretty(&manifest).unwrap()).unwrap();
    }
}

/// A store with March and an adjustment that has one more column, delivered to its folder `s`.
fn with_another_column() -> Home {
    let home = Home::with(&[bill_file("english")]);
    let (mut header, mut line) = first_line("english");
    header.push("New".to_owned());
    line.push("x".to_owned());
    home.import_as(Some("adjustment"), [adjustment(&home, "adj.csv", &header, &line)]).says(0, &[]);
    home.sink("s", &[]);
    enable(&home);
    home.confirm();
    home.ok(["run", "--on", "2021-04-02"]);
    home
}

/// Restores from a store's folder, and asserts that the bill is as it was and that nothing is delivered again.
#[track_caller]
fn restores_all_of(lost: &Home, month: &str, on: &str) {
    let folder = lost.path("s");
    let before = bucket::listing(&folder);
    let home = empty(&folder);
    home.ok(["delivery", "rebuild", "--sink", "s"]).says(0, &["Rebuilt 1 bill and 1 delivery"]);
    for column in ["digest", "lines", "total"] {
        assert_eq!(home.bill_of(month)[column], lost.bill_of(month)[column], "{column}");
    }
    home.ok(["store", "check"]);
    home.ok(["delivery", "verify", "--read-data"]);
    enable(&home);
    home.ok(["run", "--on", on]);
    assert_eq!(bucket::listing(&folder), before);
}

#[test]
fn a_bill_whose_csvs_were_cut_between_equal_lines_is_restored() {
    let home = Home::new();
    let (header, line) = first_line("english");
    // Each line of the fixture's account and day twice: with an odd number of rows, CSVs end between the two.
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(&header).unwrap();
    let instance = header.iter().position(|name| name == "InstanceID").unwrap();
    for id in 0..20 {
        let line: Vec<String> = line
            .iter()
            .enumerate()
            .map(|(i, cell)| if i == instance { format!("ins-{id:02}") } else { cell.clone() })
            .collect();
        writer.write_record(&line).unwrap();
        writer.write_record(&line).unwrap();
    }
    let name = format!("{PAYER}-202103-by_used_time-bill_details.csv");
    let file = home.write(&name, &writer.into_inner().unwrap());
    home.import([file]);
    let folder = home.sink("s", &["rows_per_file=3"]);
    enable(&home);
    home.ok(["run", "--on", "2021-04-03"]);
    let fresh = Home::new();
    fresh.ok(["sink", "add", "s", &format!("file://{}", folder.display()), "--option", "rows_per_file=3"]);
    fresh.ok(["delivery", "rebuild", "--sink", "s"]);
    assert_eq!(fresh.bill_of(MARCH)["digest"], home.bill_of(MARCH)["digest"]);
    assert_eq!(fresh.bill_of(MARCH)["lines"], 40);
}

#[test]
fn a_bill_of_files_with_different_headers_is_restored_and_not_delivered_twice() {
    restores_all_of(&with_another_column(), MARCH, "2021-04-02");
}

#[test]
fn a_manifest_that_does_not_list_the_headers_of_lines_restores_such_a_bill_as_well() {
    let lost = with_another_column();
    alter_manifest(&lost.path("s"), |manifest| {
        let listed = manifest.as_object_mut().unwrap().remove("line_headers").unwrap();
        assert_eq!(listed["headers"].as_array().unwrap().len(), 2);
    });
    let folder = lost.path("s");
    let home = empty(&folder);
    home.ok(["delivery", "rebuild", "--sink", "s"]).says(0, &["Rebuilt 1 bill and 1 delivery"]);
    assert_eq!(home.bill()["digest"], lost.bill()["digest"]);
    enable(&home);
    home.ok(["run", "--on", "2021-04-02"]);
    assert_eq!(bucket::zips(&folder).len(), 1);
}

#[test]
fn corrections_that_were_carried_forward_are_restored() {
    let lost = Home::new();
    lost.month_to_date(3, 31);
    lost.month_to_date(4, 30);
    lost.confirm();
    let line = format!("{PAYER},{CUSTOMER},CVM,2021-03-05 11:00:00,-0.25,USD\n");
    let header = "PayerAccountID,OwnerAccountID,ProductName,UsageStartTime,TotalCost,Currency\n";
    let late = lost.write("late.csv", format!("{header}{line}").as_bytes());
    lost.import_as(Some("adjustment"), [late]);
    lost.ok(["late", "accept", "1", "--carry-forward", "--reason", "agreed"]);
    lost.sink("s", &[]);
    lost.enable(PAYER, "s", "monthly", false);
    lost.ok(["run", "--on", "2021-05-02"]);
    let folder = lost.path("s");
    let before = bucket::listing(&folder);
    let home = empty(&folder);
    home.ok(["delivery", "rebuild", "--sink", "s"]);
    assert_eq!(home.bill_of("2021-04")["digest"], lost.bill_of("2021-04")["digest"]);
    enable(&home);
    home.ok(["run", "--on", "2021-05-02"]);
    assert_eq!(bucket::listing(&folder), before);
}

/// A store with March, delivered to its folder `s`.
fn delivered() -> Home {
    let home = Home::with(&[bill_file("english")]);
    home.sink("s", &[]);
    enable(&home);
    home.confirm();
    home.ok(["run", "--on", "2021-04-02"]);
    home
}

/// Security case 25.
#[test]
fn a_part_with_another_amount_is_not_kept_although_its_manifest_has_its_hash() {
    let lost = delivered();
    let folder = lost.path("s");
    alter_part(&folder, |text| text.replacen("0.", "9.", 1));
    let home = empty(&folder);
    home.run(["delivery", "rebuild", "--sink", "s"])
        .says(4, &["Rebuilt 0 bills and 0 deliveries", "Damaged, nothing of them was kept: 1 bill and"]);
    assert_eq!(home.json(["bill", "list"])["rows"], json!([]));
    assert_eq!(home.json(["delivery", "list"])["rows"], json!([]));
    home.ok(["store", "check"]);
}

#[test]
fn a_part_with_another_text_is_not_kept_although_all_sums_are_right() {
    let lost = delivered();
    let folder = lost.path("s");
    alter_part(&folder, |text| text.replacen("2021-03", "2021-03 ", 1));
    let home = empty(&folder);
    home.run(["delivery", "rebuild", "--sink", "s"]).says(4, &["not match"]);
    assert_eq!(home.json(["bill", "list"])["rows"], json!([]));
}

#[test]
fn headers_of_lines_that_do_not_fit_are_damage() {
    for change in [
        (|listed| listed["lines"] = json!("0*1")) as fn(&mut Value),
        |listed| listed["lines"] = json!("7*1"),
        |listed| listed["headers"][0][0] = json!("Nobody"),
        |listed| listed["lines"] = json!("1*151"),
        |listed| listed["lines"] = json!("0*9999999"),
    ] {
        let lost = with_another_column();
        let folder = lost.path("s");
        alter_manifest(&folder, |manifest| change(&mut manifest["line_headers"]));
        let home = empty(&folder);
        home.run(["delivery", "rebuild", "--sink", "s"]).says(4, &["Rebuilt 0 bills"]);
        assert_eq!(home.json(["bill", "list"])["rows"], json!([]));
    }
}

/// Security case 23.
#[test]
fn a_manifest_of_gigabytes_is_reported_as_damaged_and_not_read() {
    let lost = delivered();
    let folder = lost.path("s");
    let huge =
        "100010445724-202102-by_used_time-bill_details-60649c80bc81516172064002915022031.manifest.json";
    fs::File::create(folder.join(huge)).unwrap().set_len(6 << 30).unwrap();
    let home = empty(&folder);
    let rebuilt = home.run(["--format", "json", "delivery", "rebuild", "--sink", "s"]);
    let rows = rebuilt.says(4, &[]).json()["rows"].clone();
    let row = rows.as_array().unwrap().iter().find(|row| row["name"] == huge).unwrap();
    assert_eq!(row["state"], "damaged");
    assert!(row["detail"].as_str().unwrap().contains("16 MiB"), "{row}");
    // What is whole is restored all the same.
    assert_eq!(home.bill()["digest"], lost.bill()["digest"]);
}

#[test]
fn a_delivered_manifest_that_has_grown_to_gigabytes_is_found_without_reading_it() {
    let home = delivered();
    let folder = home.path("s");
    let name = bucket::listing(&folder).into_keys().find(|n| n.ends_with(".manifest.json")).unwrap();
    fs::OpenOptions::new().write(true).open(folder.join(name)).unwrap().set_len(6 << 30).unwrap();
    let found = home.run(["--format", "json", "delivery", "verify"]).says(4, &[]).json();
    assert!(found.to_string().contains("larger than 16 MiB"), "{found}");
    home.ok(["delivery", "repair"]);
    home.ok(["delivery", "verify"]);
}

#[test]
fn what_a_sink_does_not_hold_whole_ends_with_code_6() {
    let only = Home::with(&[demo_file(3, 31)]);
    only.sink("theirs", &[]);
    only.enable(CUSTOMER, "theirs", "monthly", false);
    only.ok(["run", "--on", "2021-04-02"]);
    let home = empty(&only.path("theirs"));
    let rebuilt = home.run(["delivery", "rebuild", "--sink", "s"]);
    assert_eq!(rebuilt.code, 6, "{}", rebuilt.stderr);
    assert!(rebuilt.stderr.contains("Not rebuilt: 1 bill and 1 delivery"), "{}", rebuilt.stderr);
}

#[test]
fn a_manifest_that_cannot_be_followed_is_damaged_and_keeps_no_other_out() {
    let lost = Home::with(&[bill_file("english")]);
    lost.sink("s", &[]);
    enable(&lost);
    lost.ok(["run", "--on", "2021-04-02"]);
    let folder = lost.path("s");
    let manifest =
        bucket::listing(&folder).keys().find(|name| name.ends_with(".manifest.json")).unwrap().clone();
    let text = fs::read_to_string(folder.join(&manifest)).unwrap();
    let good: Value = serde_json::from_str(&text).unwrap();
    let part = good["parts"][0]["name"].as_str().unwrap();
    // What is no name, and what is a folder at the sink.
    fs::create_dir(folder.join("folder.zip")).unwrap();
    for (n, name) in ["../x", "", ".hidden", "folder.zip"].iter().enumerate() {
        let bad = text.replace(&format!("\"{part}\""), &format!("\"{name}\""));
        // Before and behind the good one, in the order of names.
        let prefix = if n % 2 == 0 { "0" } else { "9" };
        fs::write(folder.join(format!("{prefix}{n}.manifest.json")), bad).unwrap();
    }
    let home = empty(&folder);
    let output = home.run(["--format", "json", "delivery", "rebuild", "--sink", "s"]);
    assert_eq!(output.code, 4, "{}", output.stderr);
    let rebuilt = output.json();
    let rows = rebuilt["rows"].as_array().unwrap();
    let states = |what: &str, state: &str| {
        rows.iter().filter(|row| row["what"] == what && row["state"] == state).count()
    };
    assert_eq!((states("bill", "rebuilt"), states("delivery", "rebuilt")), (1, 1), "{rebuilt}");
    assert_eq!(states("delivery", "damaged"), 4, "{rebuilt}");
    assert!(rows.iter().any(|row| row["detail"].as_str().unwrap().contains("`../x`")), "{rebuilt}");
    assert_eq!(home.bill_of(MARCH)["total"], lost.bill_of(MARCH)["total"]);
}
