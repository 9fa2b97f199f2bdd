//! What goes wrong elsewhere, each as a test of its own: the eleven failures that billkeep is there to end.

use std::fs;

use billkeep_fixtures::{Format, Headers, csv, demo, zip};

use crate::confirm::adjustment;
use crate::support::decimal::exact;
use crate::support::figures::Figures;
use crate::support::{Home, MARCH, PAYER, STEM, bill_file, bucket, demo_file};

fn total(home: &Home) -> i128 {
    exact(&home.bill_text("total"))
}

fn march_total() -> i128 {
    let march = demo::bill(3);
    Figures::of(&march.all(), &march.spec).total()
}

/// March through a day, as one month-to-date file under a name.
fn march_through(home: &Home, day: u32, name: &str) -> std::path::PathBuf {
    let march = demo::bill(3);
    home.write(name, &csv(&march.through(day), &march.spec, &Format::plain(Headers::English)))
}

#[test]
fn a_month_to_date_file_is_not_counted_on_top_of_the_earlier_ones() {
    let home = Home::new();
    home.import((1..=31).map(|day| demo_file(3, day)));
    assert_eq!(total(&home), march_total());
    home.import((1..=31).map(|day| demo_file(3, day)));
    assert_eq!(total(&home), march_total());
}

#[test]
fn every_csv_of_a_zip_is_read() {
    let march = demo::bill(3);
    let all = march.all();
    let format = Format::plain(Headers::English);
    let entries: Vec<(String, Vec<u8>)> = all
        .chunks(all.len() / 3 + 1)
        .enumerate()
        .map(|(i, lines)| (format!("{STEM}-{}.csv", i + 1), csv(lines, &march.spec, &format)))
        .collect();
    assert_eq!(entries.len(), 3);
    let home = Home::new();
    let file = home.write(&format!("{STEM}.zip"), &zip(&entries));
    home.import([file]);
    assert_eq!((total(&home), home.bill()["lines"].as_u64()), (march_total(), Some(all.len() as u64)));
}

#[test]
fn two_equal_lines_stay_two_and_come_no_second_time() {
    let march = demo::bill(3);
    let all = march.all();
    let twice = [all[7], all[7]];
    let home = Home::with(&[demo_file(3, 31)]);
    let file = home.write("twice.csv", &csv(&twice, &march.spec, &Format::plain(Headers::English)));
    let sum = Figures::of(&twice, &march.spec).total();
    for _ in 0..3 {
        home.import_as(Some("adjustment"), [&file]).says(0, &[]);
        assert_eq!(total(&home), march_total() + sum);
        assert_eq!(home.bill()["lines"], all.len() + 2);
    }
}

#[test]
fn an_amount_that_cannot_be_read_is_never_zero() {
    let march = demo::bill(3);
    let text = csv(&march.all(), &march.spec, &Format::plain(Headers::English));
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(text.as_slice());
    let records: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    let at = records[0].iter().position(|h| h.trim_start_matches('\u{feff}') == "TotalCost").unwrap();
    let home = Home::new();
    for wrong in ["1,2,3", "12,3", "1.2.3", "n/a", "0x10", "1 000"] {
        let mut out = csv::Writer::from_writer(Vec::new());
        for (row, record) in records.iter().enumerate() {
            let cell = |(column, cell)| if (row, column) == (1, at) { wrong } else { cell };
            out.write_record(record.iter().enumerate().map(cell)).unwrap();
        }
        let file = home.write(&format!("{STEM}.csv"), &out.into_inner().unwrap());
        home.import_as(None, [&file]).says(1, &[&format!("`{wrong}`"), "line 2", "TotalCost"]);
    }
    assert_eq!(home.json(["bill", "list"])["rows"].as_array().unwrap().len(), 0);
}

#[test]
fn a_total_is_explained_down_to_files() {
    let home = Home::with(&[bill_file("several")]);
    let report = home.json(["bill", "revisions", MARCH]);
    assert_eq!(report["rows"][0]["sha256"].as_str().unwrap().len(), 64);
    let lines = home.json(["bill", "lines", MARCH, "--limit", "1000"]);
    let sum: i128 = lines["rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|r| exact(r["TotalCost"].as_str().unwrap().trim()))
        .sum();
    assert_eq!(sum, total(&home));
    let explained = home.json(["bill", "explain", MARCH, "--limit", "1000"]);
    let rows = explained["rows"].as_array().unwrap();
    assert_eq!(rows.len() as u64, home.bill()["lines"].as_u64().unwrap());
    assert!(rows.iter().all(|r| r["file"].as_str().is_some_and(|f| f.contains(STEM))), "{}", rows[0]);
}

#[test]
fn a_file_for_a_closed_month_is_neither_skipped_nor_taken_silently() {
    let home = Home::with(&[bill_file("english")]);
    home.confirm();
    let before = total(&home);
    let (file, more) = adjustment(&home);
    home.import_as(Some("adjustment"), [file]).says(7, &["confirmed", "late file 1"]);
    assert_eq!((total(&home), home.bill_text("state").as_str()), (before, "confirmed"));
    home.ok(["status"]).says(0, &[]).text();
    let status = String::from_utf8(home.ok(["status"]).stdout).unwrap();
    assert!(status.contains("late file `later.csv`") && status.contains("billkeep late show 1"), "{status}");
    home.ok(["late", "accept", "1", "--reopen", "--reason", "right"]);
    assert_eq!(total(&home), before + more);
}

#[test]
fn the_newest_file_is_told_by_its_coverage_and_not_by_its_name() {
    let home = Home::new();
    home.import([march_through(&home, 20, &format!("b/{PAYER}-20210320-by_used_time-bill_details.csv"))]);
    // Delivered once more with a line more, under a name that sorts before the other one.
    let march = demo::bill(3);
    let mut lines = march.through(20);
    lines.push(march.on(9)[0]);
    let again = home.write(
        &format!("a/{PAYER}-20210320-by_used_time-bill_details.csv"),
        &csv(&lines, &march.spec, &Format::plain(Headers::English)),
    );
    home.import([again]);
    assert_eq!(total(&home), Figures::of(&lines, &march.spec).total());
}

#[test]
fn what_is_confirmed_is_what_was_seen() {
    let home = Home::with(&[bill_file("english")]);
    let seen = home.bill_text("digest");
    let (file, _) = adjustment(&home);
    home.import_as(Some("adjustment"), [file]).says(0, &[]);
    home.run(["bill", "confirm", MARCH, "--digest", &seen]).says(3, &["changed since you saw it"]);
    assert_eq!(home.bill_text("state"), "issued");
}

#[test]
fn a_month_that_shrinks_leaves_no_stale_part() {
    let home = Home::with(&[demo_file(3, 31)]);
    home.sink("bucket", &["rows_per_file=200"]);
    let folder = home.enable(PAYER, "bucket", "monthly", false);
    home.ok(["run", "--on", "2021-04-03"]);
    let march = demo::bill(3);
    let all = march.all();
    let lines = &[&all[..100], &all[160..]].concat();
    let file = home.write(&format!("{STEM}.csv"), &csv(lines, &march.spec, &Format::plain(Headers::English)));
    home.ok(["import", "--accept-smaller", "--as", "cumulative", file.to_str().unwrap()]);
    home.ok(["run", "--on", "2021-04-03"]);
    // All CSVs of a bill lie in one zip, whose manifest names them: three in the first, two in the second, none beside them.
    let mut files: Vec<usize> = bucket::checked(&folder).iter().map(|export| export.files.len()).collect();
    files.sort_unstable();
    assert_eq!(files, [2, 3]);
    assert_eq!(bucket::zips(&folder).len(), 2);
    let second = bucket::checked(&folder).into_iter().find(|e| e.files.len() == 2).unwrap();
    assert_eq!(second.figures(), Figures::of(lines, &march.spec));
}

#[test]
fn a_half_written_upload_does_not_look_complete() {
    let home = Home::with(&[demo_file(3, 31)]);
    home.sink("bucket", &[]);
    let folder = home.enable(PAYER, "bucket", "monthly", false);
    home.ok(["run", "--on", "2021-04-03"]);
    let zips = bucket::zips(&folder);
    let (name, bytes) = zips.first_key_value().unwrap();
    fs::write(folder.join(name), &bytes[..bytes.len() / 2]).unwrap();
    home.run(["delivery", "verify"]).says(4, &[]);
    fs::write(folder.join(name), bytes).unwrap();
    home.ok(["delivery", "verify"]);
}

#[test]
fn the_partners_cost_never_reaches_a_customer() {
    let home = Home::with(&[bill_file("english")]);
    let folder = home.path("theirs");
    let url = format!("file://{}", folder.display());
    home.ok(["sink", "add", "theirs", &url, "--audience", "customer"]);
    home.ok(["storage", "allow", PAYER]);
    home.ok(["storage", "authorize", PAYER]);
    for kinds in ["daily", "monthly", "reseller"] {
        let enable = home.run(["storage", "enable", PAYER, "--sink", "theirs", "--kinds", kinds]);
        enable.says(3, &["theirs", "customer"]);
    }
    home.confirm();
    home.ok(["run", "--on", "2021-04-09"]);
    assert!(!folder.exists() || bucket::listing(&folder).is_empty());
}
