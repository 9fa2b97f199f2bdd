//! You confirm what you saw; what is confirmed does not change; the journal tells who did what.

use billkeep_fixtures::{Bill, Format, Headers, Spec, csv};
use serde_json::Value;

use crate::support::decimal::written;
use crate::support::figures::Figures;
use crate::support::{Home, MARCH, Output, PAYER, STEM, bill_file, demo_file, fixture};

/// Sixteen lines that come in addition, and their total in 1e-8.
pub fn adjustment(home: &Home) -> (std::path::PathBuf, i128) {
    let spec = Spec { lines: 16, days: 9, ..Spec::new(9, PAYER.parse().unwrap(), 2021, 3) };
    let bill = Bill::generate(spec);
    let total = Figures::of(&bill.all(), &bill.spec).total();
    (home.write("later.csv", &csv(&bill.all(), &bill.spec, &Format::plain(Headers::English))), total)
}

fn english_total() -> i128 {
    Figures::read(&fixture(&format!("bills/english/{STEM}.expected.csv"))).total()
}

fn confirm(home: &Home, digest: &str) -> Output {
    home.run(["bill", "confirm", MARCH, "--digest", digest])
}

/// Asserts that totals are told, written in any way.
#[track_caller]
fn tells(output: &Output, totals: &[i128]) {
    let plain = output.stderr.replace(',', "");
    for total in totals {
        assert!(plain.contains(&written(*total)), "{} is not in: {}", written(*total), output.stderr);
    }
}

/// The journal as (actor, action, detail).
fn journal(home: &Home) -> Vec<(String, String, String)> {
    let list = home.json(["audit", "list"]);
    let text = |row: &Value, name: &str| row[name].as_str().unwrap().to_owned();
    let rows = list["rows"].as_array().unwrap();
    rows.iter().map(|r| (text(r, "actor"), text(r, "action"), text(r, "detail"))).collect()
}

#[test]
fn a_bill_is_open_until_the_month_is_in_then_issued_then_confirmed() {
    let home = Home::with(&[demo_file(3, 30)]);
    assert_eq!(home.bill_text("state"), "open");
    home.import([demo_file(3, 31)]);
    assert_eq!(home.bill_text("state"), "issued");
    let digest = home.bill_text("digest");
    confirm(&home, &digest[..12]).says(0, &["Confirmed", "revision 2", "450 lines", &digest[..12]]);
    assert_eq!((home.bill_text("state").as_str(), home.bill_text("digest")), ("confirmed", digest));
}

#[test]
fn an_open_bill_is_not_confirmed_before_it_is_declared_complete() {
    let home = Home::with(&[demo_file(3, 4)]);
    let digest = home.bill_text("digest");
    let before = home.seen();
    confirm(&home, &digest).says(3, &["not complete", "2021-03-04", "billkeep bill issue 2021-03"]);
    assert_eq!(home.seen(), before);
    home.ok(["bill", "issue", MARCH]);
    assert_eq!(home.bill_text("state"), "issued");
    home.run(["bill", "issue", MARCH]).says(3, &["issued"]);
    confirm(&home, &digest).says(0, &["Confirmed"]);
}

#[test]
fn a_stale_digest_is_refused_and_shows_the_difference() {
    let home = Home::with(&[bill_file("english")]);
    let seen = home.bill_text("digest");
    let (file, more) = adjustment(&home);
    home.import_as(Some("adjustment"), [file]).says(0, &["Imported 16 lines", "issued"]);
    let now = home.bill_text("digest");
    assert_ne!(now, seen);
    let before = home.seen();
    let next = format!("billkeep bill confirm 2021-03 --digest {}", &now[..12]);
    let refused = confirm(&home, &seen[..12]).says(3, &["revision 1", "revision 2", "changed", &next]);
    tells(&refused, &[english_total(), english_total() + more, more]);
    assert_eq!(home.seen(), before);
    // The command that the hint names is the one that works.
    home.ok(next.split(' ').skip(1));
    assert_eq!(home.bill_text("state"), "confirmed");
}

#[test]
fn a_digest_that_no_revision_has_is_refused() {
    let home = Home::with(&[bill_file("english")]);
    let digest = home.bill_text("digest");
    let other: String = digest.chars().map(|c| if c == '0' { '1' } else { '0' }).take(12).collect();
    let refused = confirm(&home, &other).says(3, &["no revision", &other]);
    tells(&refused, &[english_total()]);
    assert_eq!(home.bill_text("state"), "issued");
}

#[test]
fn a_digest_that_could_be_anybodys_is_not_taken() {
    let home = Home::with(&[bill_file("english")]);
    let digest = home.bill_text("digest");
    for prefix in ["", &digest[..5], "not-hex", "zzzzzzzzzzzz"] {
        confirm(&home, prefix).says(1, &["at least 6 digits"]);
    }
    assert_eq!(home.bill_text("state"), "issued");
    confirm(&home, &digest[..6]).says(0, &[]);
}

#[test]
fn a_confirmed_bill_is_not_confirmed_twice() {
    let home = Home::with(&[bill_file("english")]);
    home.confirm();
    let before = home.seen();
    confirm(&home, &home.bill_text("digest")).says(3, &["confirmed"]);
    assert_eq!(home.seen(), before);
}

#[test]
fn a_file_for_a_confirmed_bill_is_held_with_its_effect() {
    let home = Home::with(&[bill_file("english")]);
    home.confirm();
    let (file, more) = adjustment(&home);
    let before = home.bill();
    let held = home.import_as(Some("adjustment"), [&file]);
    let held =
        held.says(7, &["later.csv", "confirmed at revision 1", "late file 1", "late accept 1 --reopen"]);
    tells(&held, &[more]);
    assert_eq!(home.bill(), before);
    // The file that the bill was made of changes nothing, and may come again; so may the one that waits.
    home.import([bill_file("english")]).says(0, &["nothing was changed"]);
    home.import_as(Some("adjustment"), [&file]).says(7, &["came before, as late file 1, which is waiting"]);

    home.ok(["late", "accept", "1", "--reopen", "--reason", "the supplier sent a correction"]);
    assert_eq!(home.bill_text("state"), "issued");
    assert_eq!(home.bill_text("total"), written(english_total() + more));
    home.import_as(Some("adjustment"), [&file]).says(0, &["was imported before, as load 2"]);
    // The revision that was confirmed is still there as it was.
    let args = ["--format", "csv", "bill", "show", MARCH, "--by", "owner,product,day", "--revision", "1"];
    let expected = Figures::read(&fixture(&format!("bills/english/{STEM}.expected.csv")));
    assert_eq!(Figures::parse(&home.ok(args).stdout), expected);
}

#[test]
fn only_a_confirmed_bill_is_reopened_and_only_with_a_reason() {
    let home = Home::with(&[bill_file("english")]);
    home.run(["bill", "reopen", MARCH, "--reason", "why not"]).says(3, &["issued"]);
    home.confirm();
    home.run(["bill", "reopen", MARCH]).says(2, &["--reason"]);
    assert_eq!(home.bill_text("state"), "confirmed");
}

#[test]
fn sentences_and_errors_name_the_payer_and_the_journal_names_the_bill_as_before() {
    let home = Home::new();
    let named = format!("2021-03 of payer {PAYER}");
    home.run(["bill", "show", MARCH]).says(1, &[&format!("there is no bill for {named}")]);
    home.import([bill_file("english")]).says(0, &[&format!("Imported 150 lines for {named} as revision 1")]);
    home.run(["bill", "show", MARCH]).says(0, &[&format!("{named}, revision 1")]);
    home.confirm().says(0, &[&format!("Confirmed {named} at revision 1")]);
    home.run(["bill", "show", MARCH, "--revision", "2"]).says(1, &[&format!("{named} has no revision 2")]);
    let rows = home.json(["audit", "list"])["rows"].clone();
    let of_bills = rows.as_array().unwrap().iter().filter(|row| row["action"] != "init");
    assert_eq!(of_bills.map(|row| row["subject"].as_str().unwrap()).collect::<Vec<_>>(), [MARCH, MARCH]);
}

#[test]
fn what_is_not_there_is_told() {
    let home = Home::with(&[bill_file("english")]);
    home.run(["bill", "show", "2021-04"]).says(1, &["no bill for", "2021-04", "billkeep bill list"]);
    home.run(["bill", "confirm", "2021-04", "--digest", "abcdef"]).says(1, &["no bill for"]);
    home.run(["bill", "show", MARCH, "--revision", "2"]).says(1, &["no revision 2", "1"]);
    home.run(["bill", "show", MARCH, "--by", "weather"]).says(1, &["weather"]);
    home.run(["bill", "show", "March"]).says(2, &["March"]);
    let nowhere = Home::empty();
    nowhere.run(["bill", "list"]).says(1, &["no store", "init --payer"]);
    assert!(!nowhere.store().exists());
    home.run(["init", "--payer", PAYER]).says(1, &["already"]);
}

#[test]
fn the_journal_tells_who_did_what_and_why() {
    let home = Home::with(&[bill_file("english")]);
    let digest = home.bill_text("digest");
    home.ok(["--as", "bo", "bill", "confirm", MARCH, "--digest", &digest, "--note", "ties with the invoice"]);
    home.ok(["--as", "cy", "bill", "reopen", MARCH, "--reason", "a customer objects"]);
    let entries = journal(&home);
    let actions: Vec<(&str, &str)> =
        entries.iter().map(|(who, what, _)| (who.as_str(), what.as_str())).collect();
    assert_eq!(actions, [("ann", "init"), ("ann", "import"), ("bo", "confirm"), ("cy", "reopen")]);
    let details: Vec<&str> = entries.iter().map(|(.., detail)| detail.as_str()).collect();
    assert!(details[1].contains(STEM) && details[1].contains("150 lines"), "{details:?}");
    assert!(details[2].contains(&digest), "{details:?}");
    let list = home.json(["audit", "list"]);
    let rows = list["rows"].as_array().unwrap();
    assert_eq!(
        (&rows[2]["reason"], &rows[2]["after"]),
        (&"ties with the invoice".into(), &digest.as_str().into())
    );
    assert_eq!(
        (&rows[3]["reason"], &rows[3]["before"]),
        (&"a customer objects".into(), &digest.as_str().into())
    );
    assert_eq!((&rows[1]["before"], &rows[1]["after"]), (&"".into(), &digest.as_str().into()), "{list}");
    home.ok(["audit", "verify"]).says(0, &["4 entries"]);
    home.ok(["store", "check"]);
}
