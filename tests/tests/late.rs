//! Files for confirmed bills wait until somebody decides; nothing is skipped, and nothing changes by itself.

use std::path::PathBuf;

use billkeep_core::testing::{RawStore as _, RawTransaction as _, Table};
use billkeep_fixtures::{Format, Headers, csv, demo};

use crate::confirm::adjustment;
use crate::support::decimal::{exact, written};
use crate::support::{CUSTOMER, Home, MARCH, PAYER, STEM, bill_file, demo_file};

use billkeep_core::bills::{LateFile, LateState};
use billkeep_core::engine::{Access, OpenOptions, Store};

/// March with its last line missing, as a month that was delivered once more.
fn march_again(home: &Home) -> PathBuf {
    let march = demo::bill(3);
    let all = march.all();
    let bytes = csv(&all[..all.len() - 1], &march.spec, &Format::plain(Headers::English));
    home.write(&format!("{STEM}.csv"), &bytes)
}

fn accept(home: &Home, number: &str) -> crate::support::Output {
    home.run(["late", "accept", number, "--reopen", "--reason", "it is right"])
}

#[test]
fn what_a_late_file_would_change_is_told_for_each_account_and_adds_up() {
    let home = Home::with(&[bill_file("english")]);
    home.confirm();
    let (file, more) = adjustment(&home);
    home.import_as(Some("adjustment"), [file]).says(7, &[]);
    let show = home.json(["late", "show", "1"]);
    let rows = show["rows"].as_array().unwrap();
    assert!(rows.len() > 1, "{show}");
    let sum: i128 = rows.iter().map(|r| exact(r["difference"].as_str().unwrap())).sum();
    let lines: i64 = rows.iter().map(|r| r["lines"].as_i64().unwrap()).sum();
    assert_eq!((sum, lines), (more, 16));
    let list = home.json(["late", "list"]);
    assert_eq!(list["rows"][0]["state"], "waiting", "{list}");
    home.ok(["audit", "verify"]);
    home.ok(["store", "check"]);
}

#[test]
fn a_file_that_replaces_a_confirmed_month_shows_the_difference_alone() {
    let home = Home::with(&[demo_file(3, 31)]);
    home.confirm();
    let before = exact(&home.bill_text("total"));
    let file = march_again(&home);
    home.import_as(Some("cumulative"), [&file]).says(7, &["for 1 account"]);
    let show = home.json(["late", "show", "1"]);
    let change = exact(show["rows"][0]["difference"].as_str().unwrap());
    assert_eq!(show["rows"][0]["lines"], -1, "{show}");
    accept(&home, "1").says(0, &["revision 2", "issued"]);
    assert_eq!(exact(&home.bill_text("total")), before + change);
    home.ok(["store", "check"]);
}

#[test]
fn two_late_copies_of_an_adjustment_count_once() {
    let home = Home::with(&[bill_file("english")]);
    home.confirm();
    let (file, more) = adjustment(&home);
    let before = exact(&home.bill_text("total"));
    let text = std::fs::read_to_string(&file).unwrap();
    // The same lines in other bytes: with a byte order mark.
    let copy = home.write("copy.csv", format!("\u{feff}{text}").as_bytes());
    home.import_as(Some("adjustment"), [&file]).says(7, &["late file 1"]);
    home.import_as(Some("adjustment"), [&copy]).says(7, &["late file 2"]);
    accept(&home, "1").says(0, &["revision 2"]);
    accept(&home, "2").says(3, &["the very lines of `later.csv`", "count twice", "pending discard 2"]);
    assert_eq!(exact(&home.bill_text("total")), before + more);
    home.ok(["pending", "discard", "2", "--reason", "a copy"]);
}

#[test]
fn a_late_adjustment_that_holds_another_one_is_reported_when_it_is_accepted() {
    let home = Home::with(&[bill_file("english")]);
    home.confirm();
    let (file, _) = adjustment(&home);
    let bytes = std::fs::read(&file).unwrap();
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(&bytes[..]);
    let records: Vec<csv::ByteRecord> = reader.byte_records().map(Result::unwrap).collect();
    let mut writer = csv::Writer::from_writer(Vec::new());
    records[..5].iter().for_each(|record| writer.write_byte_record(record).unwrap());
    let part = home.write("part.csv", &writer.into_inner().unwrap());
    home.import_as(Some("adjustment"), [&part]).says(7, &[]);
    home.import_as(Some("adjustment"), [&file]).says(7, &[]);
    accept(&home, "1").says(0, &["revision 2"]);
    accept(&home, "2")
        .says(0, &["warning: 4 of 16 lines in this file are in the bill already, and count twice"]);
}

#[test]
fn a_late_file_is_decided_on_once() {
    let home = Home::with(&[bill_file("english")]);
    home.confirm();
    let (file, _) = adjustment(&home);
    home.import_as(Some("adjustment"), [&file]).says(7, &[]);
    home.run(["late", "accept", "1", "--reason", "how?"]).says(3, &["--reopen", "--carry-forward"]);
    home.run(["late", "discard", "7", "--reason", "none"]).says(1, &["no late file 7", "late list"]);
    let before = home.bill();
    home.ok(["late", "discard", "1", "--reason", "sent to us by mistake"]);
    home.run(["late", "discard", "1", "--reason", "again"]).says(3, &["discarded", "decided on before"]);
    assert_eq!(home.bill(), before);
    let after_all = "late accept 1 --reopen --reason TEXT` takes it after all";
    home.import_as(Some("adjustment"), [&file]).says(3, &["late file 1, which is discarded", after_all]);
    let journal = home.json(["audit", "list"]).to_string();
    assert!(journal.contains("sent to us by mistake"), "{journal}");
    // Its lines were kept: who changes their mind takes them, once.
    accept(&home, "1").says(0, &["revision 2"]);
    accept(&home, "1").says(3, &["accepted as revision 2", "decided on before"]);
}

#[test]
fn a_dry_run_tells_what_a_late_file_would_do_and_holds_nothing() {
    let home = Home::with(&[bill_file("english")]);
    home.confirm();
    let (file, more) = adjustment(&home);
    let before = home.seen();
    let run = home.run(["import", "--dry-run", "--as", "adjustment", file.to_str().unwrap()]);
    let told = run.says(0, &["confirmed at revision 1"]).stderr.replace(',', "");
    assert!(told.contains(&written(more)), "{told}");
    assert_eq!(home.seen(), before);
    assert_eq!(home.json(["late", "list"])["rows"].as_array().unwrap().len(), 0);
}

#[test]
fn files_after_a_late_one_are_imported_all_the_same() {
    let home = Home::with(&[demo_file(3, 31)]);
    home.confirm();
    let file = march_again(&home);
    let april = demo_file(4, 7);
    home.import_as(Some("cumulative"), [&file, &april]).says(7, &["Imported", "late file 1"]);
    assert_eq!(home.json(["bill", "list"])["rows"].as_array().unwrap().len(), 2);
}

#[test]
fn accepting_a_late_file_needs_two_people_where_reopening_does() {
    let home = Home::with(&[bill_file("english")]);
    home.confirm();
    let (file, more) = adjustment(&home);
    home.import_as(Some("adjustment"), [&file]).says(7, &[]);
    home.ok(["settings", "four-eyes", "on"]);
    let before = exact(&home.bill_text("total"));
    accept(&home, "1").says(0, &["second person"]);
    assert_eq!(home.bill_text("state"), "confirmed");
    accept(&home, "1").says(3, &["another person"]);
    home.ok(["--as", "bob", "late", "accept", "1", "--reopen", "--reason", "it is right"]);
    assert_eq!(exact(&home.bill_text("total")), before + more);
    assert_eq!(home.bill_text("state"), "issued");
    home.run(["bill", "confirm", MARCH, "--digest", &home.bill_text("digest")]).says(0, &["second person"]);
}

#[test]
fn what_a_late_file_changes_can_be_booked_into_the_next_open_month() {
    for again in [false, true] {
        let home = Home::with(&[demo_file(3, 31), demo_file(4, 7)]);
        home.confirm();
        let of = |month: &str| {
            let list = home.json(["bill", "list"]);
            list["rows"].as_array().unwrap().iter().find(|r| r["month"] == month).unwrap().clone()
        };
        let (march, april) = (of(MARCH), of("2021-04"));
        // A line less, and another time lines more.
        let (mode, file) =
            if again { ("cumulative", march_again(&home)) } else { ("adjustment", adjustment(&home).0) };
        home.import_as(Some(mode), [&file]).says(7, &["late file 1"]);
        let show = home.json(["late", "show", "1"]);
        let change: i128 =
            show["rows"].as_array().unwrap().iter().map(|r| exact(r["difference"].as_str().unwrap())).sum();
        let carry = ["late", "accept", "1", "--carry-forward", "--reason", "March is paid"];
        home.run(carry).says(0, &["2021-04", "as it was confirmed"]);
        assert_eq!(of(MARCH), march);
        let after = of("2021-04");
        let total = |row: &serde_json::Value| exact(row["total"].as_str().unwrap());
        assert_eq!(total(&after), total(&april) + change);
        home.run(carry).says(3, &["carried forward to 2021-04"]);
        let lines = home.json(["bill", "lines", "2021-04", "--limit", "1000"]);
        let all = lines["rows"].as_array().unwrap();
        let rows: Vec<_> = all.iter().filter(|r| r["Correction Of Month"] == MARCH).collect();
        assert_eq!(rows.len(), if again { 1 } else { 16 }, "{lines}");
        let kind = if again { "reversal" } else { "booking" };
        assert!(rows.iter().all(|r| r["Correction Kind"] == kind));
        // Each names the line that it corrects, which is there under that id.
        if again {
            let id = rows[0]["Correction Of Line"].as_str().unwrap();
            let old = home.json(["bill", "lines", MARCH, "--limit", "1000"]);
            let old = old["rows"].as_array().unwrap().iter().find(|r| r["line"] == id).unwrap().clone();
            assert_eq!(exact(old["TotalCost"].as_str().unwrap().trim()), -change, "{old}");
        }
        home.ok(["store", "check"]);
        home.ok(["audit", "verify"]);
        let left = std::fs::read_dir(home.path(""))
            .unwrap()
            .filter(|e| e.as_ref().unwrap().file_name().to_string_lossy().starts_with("correction-"));
        assert_eq!(left.count(), 0);
    }
}

#[test]
fn a_carry_that_stopped_before_its_note_books_nothing_twice_even_if_its_month_was_confirmed_meanwhile() {
    let home = Home::new();
    home.month_to_date(3, 31);
    home.confirm();
    home.month_to_date(4, 30);
    let text = format!(
        "PayerAccountID,OwnerAccountID,ProductName,UsageStartTime,TotalCost,Currency\n\
         {PAYER},{CUSTOMER},CVM,2021-03-01 10:00:00,9.00,USD\n"
    );
    let file = home.write("later.csv", text.as_bytes());
    home.import_as(Some("adjustment"), [file]).says(7, &["late file 1"]);
    let carry = ["late", "accept", "1", "--carry-forward", "--reason", "March is paid"];
    home.run(carry).says(0, &["2021-04"]);
    // As it is when the program stops between booking the corrections and noting it in the inbox.
    let store = Store::open(&home.store(), &OpenOptions::default(), Access::Write).unwrap();
    let mut late = LateFile::list(&store.read().unwrap()).unwrap().remove(0);
    let LateState::Carried { to, .. } = late.state else { panic!("{:?}", late.state) };
    late.state = LateState::Waiting;
    let writer = store.write().unwrap();
    writer.put_of(Table::Late, &1_u64.to_be_bytes(), &late).unwrap();
    writer.put(Table::Meta, b"carrying/1", &to).unwrap();
    writer.commit().unwrap();
    store.close().unwrap();
    let digest = home.json(["bill", "show", "2021-04"])["digest"].as_str().unwrap().to_owned();
    home.ok(["bill", "confirm", "2021-04", "--digest", &digest]);
    home.run(carry).says(0, &["2021-04"]);
    assert_eq!(home.json(["bill", "show", "2021-04"])["digest"], digest.as_str());
    home.run(["bill", "show", "2021-05"]).says(1, &["2021-05"]);
    home.run(carry).says(3, &["carried forward to 2021-04"]);
}

/// Late files of March of one customer, each a list of amounts: an amount tells a line.
fn late_lines(home: &Home, name: &str, amounts: &[&str]) -> PathBuf {
    let lines: Vec<String> = amounts
        .iter()
        .map(|amount| format!("{PAYER},{CUSTOMER},CVM,2021-03-01 10:00:00,{amount},USD\n"))
        .collect();
    let text = format!(
        "PayerAccountID,OwnerAccountID,ProductName,UsageStartTime,TotalCost,Currency\n{}",
        lines.concat()
    );
    home.write(name, text.as_bytes())
}

fn carry(home: &Home, number: &str) -> crate::support::Output {
    home.run(["late", "accept", number, "--carry-forward", "--reason", "March is paid"])
}

fn total_of(home: &Home, month: &str) -> i128 {
    exact(home.bill_of(month)["total"].as_str().unwrap())
}

#[test]
fn a_line_of_several_late_files_is_carried_forward_once() {
    let home = Home::new();
    home.month_to_date(3, 31);
    home.confirm();
    home.month_to_date(4, 7);
    let before = total_of(&home, "2021-04");
    home.import_as(Some("adjustment"), [late_lines(&home, "one.csv", &["9.00"])]).says(7, &[]);
    carry(&home, "1").says(0, &["9.00000000 USD", "1 line of corrections"]);
    // The second file holds the line of the first one, and two more.
    let warning = "1 line of it, 9.00000000 USD, was carried forward to 2021-04 before, with late file 1";
    let second = late_lines(&home, "two.csv", &["9.00", "0.50", "0.25"]);
    home.import_as(Some("adjustment"), [second]).says(7, &[warning]);
    home.run(["late", "show", "2"]).says(0, &[warning]);
    let told = &home.json(["late", "show", "2"])["carried_before"];
    assert_eq!((&told["lines"], &told["with"][0]), (&1.into(), &1.into()), "{told}");
    // In the bill of March it would count beside the one in April.
    accept(&home, "2")
        .says(3, &["late file 2 holds 1 line that was carried forward with late file 1", "--carry-forward"]);
    carry(&home, "2").says(0, &[warning, "not booked again", "2 lines of corrections"]);
    assert_eq!(total_of(&home, "2021-04"), before + exact("9.75000000"));
    // A third one has nothing that is new, a fourth one a second line that is equal to one of before.
    home.import_as(Some("adjustment"), [late_lines(&home, "three.csv", &["0.25", "9.00"])]).says(7, &[]);
    carry(&home, "3").says(3, &["all that late file 3 changes was carried forward with late file 1, 2"]);
    home.import_as(Some("adjustment"), [late_lines(&home, "four.csv", &["9.00", "9.00"])]).says(7, &[]);
    carry(&home, "4").says(0, &["1 line of corrections"]);
    assert_eq!(total_of(&home, "2021-04"), before + exact("18.75000000"));
    // The month that is opened again gets the lines that stand in April, and is told so.
    home.ok(["bill", "reopen", MARCH, "--reason", "all of them at once"]);
    let all = late_lines(&home, "all.csv", &["9.00", "0.50"]);
    home.import_as(Some("adjustment"), [all])
        .says(0, &["2 lines of it", "were carried forward to 2021-04", "counted twice"]);
    home.ok(["store", "check"]);
    home.ok(["audit", "verify"]);
}

#[test]
fn a_month_that_comes_late_twice_is_carried_forward_to_what_its_last_file_says() {
    let home = Home::with(&[demo_file(3, 31), demo_file(4, 7)]);
    home.confirm();
    let (march, april) = (total_of(&home, MARCH), total_of(&home, "2021-04"));
    let file = |name: &str, left_out: usize, more: usize| {
        let month = demo::bill(3);
        let all = month.all();
        let mut lines: Vec<_> = all[..all.len() - left_out].to_vec();
        lines.extend(all[..more].iter().cloned());
        home.write(name, &csv(&lines, &month.spec, &Format::plain(Headers::English)))
    };
    // The first one lacks two lines; the second one lacks the last, and has the first line twice.
    let name = format!("{STEM}.csv");
    home.import_as(Some("cumulative"), [file(&name, 2, 0)]).says(7, &[]);
    carry(&home, "1").says(0, &["2 lines of corrections"]);
    home.import_as(Some("cumulative"), [file(&name, 1, 1)]).says(7, &[]);
    let change: i128 = home.json(["late", "show", "2"])["rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| exact(row["difference"].as_str().unwrap()))
        .sum();
    // One line is reversed already; the other one comes back.
    carry(&home, "2").says(0, &["1 line of it", "not booked again", "2 lines of corrections"]);
    assert_eq!(total_of(&home, "2021-04"), april + change);
    assert_eq!(total_of(&home, MARCH), march);
    home.ok(["store", "check"]);
}
