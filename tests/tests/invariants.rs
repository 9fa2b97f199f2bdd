//! Each invariant (core's I1 to I8) is broken on purpose, behind the program's back, and the program says so.

use std::fs;

use billkeep_core::testing::{RawStore as _, RawTransaction as _, Table};
use serde_json::Value;

use crate::confirm::adjustment;
use crate::support::{Home, MARCH, PAYER, bill_file, bucket};
use billkeep_core::bills::{Bill, BillKey, BillState, Confirmation, Load, Revision, Segment};
use billkeep_core::engine::{Access, OpenOptions, Records, Store, Transaction};
use billkeep_core::formats::Column;
use billkeep_core::values::{Amount, Basis, BillMonth};

fn key() -> BillKey {
    let month = BillMonth::new(2021, 3).unwrap();
    BillKey { payer: PAYER.parse().unwrap(), month, basis: Basis::Used }
}

/// Changes records as no command would.
pub fn meddle(home: &Home, change: impl FnOnce(&Transaction)) {
    let store = Store::open(&home.store(), &OpenOptions::default(), Access::Write).unwrap();
    let writer = store.write().unwrap();
    change(&writer);
    writer.commit().unwrap();
    store.close().unwrap();
}

fn change_revision(home: &Home, number: u32, change: impl FnOnce(&mut Revision)) {
    meddle(home, |writer| {
        let place = Revision::key_bytes(key(), number);
        let mut revision: Revision = writer.need(Table::Revisions, &place).unwrap();
        change(&mut revision);
        writer.put(Table::Revisions, &place, &revision).unwrap();
    });
}

fn change_bill(home: &Home, change: impl FnOnce(&mut Bill)) {
    meddle(home, |writer| {
        let mut bill: Bill = writer.need(Table::Bills, &key().bytes()).unwrap();
        change(&mut bill);
        writer.put(Table::Bills, &key().bytes(), &bill).unwrap();
    });
}

/// The store is damaged, and nobody can confirm what it tells.
fn is_found(home: &Home, words: &str) {
    home.run(["store", "check"]).says(4, &["damaged", words, "copy of the store's file"]);
}

fn two_revisions() -> Home {
    let home = Home::with(&[bill_file("english")]);
    let (file, _) = adjustment(&home);
    home.import_as(Some("adjustment"), [file]).says(0, &[]);
    home.ok(["store", "check"]);
    home
}

#[test]
fn i1_a_total_that_is_not_the_sum_of_its_lines() {
    let home = Home::with(&[bill_file("english")]);
    change_revision(&home, 1, |r| r.sums[0].add(Column::Total, Amount::new(1, 8)).unwrap());
    is_found(&home, "not the sum of its loads");
    home.run(["bill", "show", MARCH]).says(4, &["do not tie"]);
    let digest = home.bill_text("digest");
    home.run(["bill", "confirm", MARCH, "--digest", &digest]).says(4, &["do not tie"]);
    assert_eq!(home.bill_text("state"), "issued");
}

#[test]
fn i1_a_segment_whose_sums_are_another_ones() {
    let home = Home::with(&[bill_file("english")]);
    for table in [Table::Loads, Table::Revisions] {
        // Revision and load agree, and the lines say otherwise.
        meddle(&home, |writer| match table {
            Table::Loads => {
                let mut load: Load = writer.need(table, &1_u64.to_be_bytes()).unwrap();
                load.sums[0].add(Column::Total, Amount::new(5, 8)).unwrap();
                writer.put(table, &1_u64.to_be_bytes(), &load).unwrap();
            }
            _ => {
                let place = Revision::key_bytes(key(), 1);
                let mut revision: Revision = writer.need(table, &place).unwrap();
                revision.sums[0].add(Column::Total, Amount::new(5, 8)).unwrap();
                writer.put(table, &place, &revision).unwrap();
            }
        });
    }
    is_found(&home, "do not tie");
}

#[test]
fn i2_lines_that_are_not_as_many_as_is_told() {
    let home = Home::with(&[bill_file("english")]);
    meddle(&home, |writer| {
        let place = 1_u64.to_be_bytes();
        let mut segment: Segment = writer.need(Table::Segments, &place).unwrap();
        segment.blocks.pop();
        writer.put(Table::Segments, &place, &segment).unwrap();
    });
    home.run(["store", "check"]).says(4, &["damaged"]);
}

#[test]
fn i3_a_revision_that_does_not_follow_the_one_before() {
    let home = two_revisions();
    change_revision(&home, 2, |r| r.previous = 7);
    is_found(&home, "revision 2 is told as 2 after 7");

    let home = two_revisions();
    meddle(&home, |writer| writer.delete(Table::Revisions, &Revision::key_bytes(key(), 1)).unwrap());
    is_found(&home, "revision 1 is told as 2");
}

#[test]
fn i4_a_confirmation_of_something_else() {
    let confirmation =
        |revision| Some(Confirmation { revision, actor: "nobody".into(), at_unix_s: 0, note: None });
    let home = two_revisions();
    home.confirm();
    change_bill(&home, |bill| bill.confirmation = confirmation(1));
    is_found(&home, "revision 1 was confirmed");
    change_bill(&home, |bill| bill.confirmation = None);
    is_found(&home, "confirmed by nobody");
    change_bill(&home, |bill| bill.state = BillState::Issued);
    // Nothing contradicts itself now; but the bill is not what the journal records.
    is_found(&home, "no entry records that");
    change_bill(&home, |bill| bill.confirmation = confirmation(2));
    is_found(&home, "it is issued, and has a confirmation");
}

#[test]
fn i5_a_sum_in_another_currency() {
    let home = Home::with(&[bill_file("english")]);
    change_revision(&home, 1, |r| r.sums[0].currency = "EUR".into());
    is_found(&home, "not the sum of its loads");
    home.run(["bill", "show", MARCH]).says(4, &["EUR", "USD"]);
}

#[test]
fn i6_arithmetic_that_does_not_come_out_is_flagged_and_kept() {
    let home = Home::with(&[bill_file("english")]);
    let csv = home.ok(["bill", "csv", MARCH]).stdout;
    let mut reader = csv::Reader::from_reader(csv.as_slice());
    let headers = reader.headers().unwrap().clone();
    let record = reader.records().nth(3).unwrap().unwrap();
    let mut out = csv::Writer::from_writer(Vec::new());
    out.write_record(&headers).unwrap();
    let cells = headers.iter().zip(&record).map(|(h, c)| if h == "TotalCost" { "4711.00000001" } else { c });
    out.write_record(cells).unwrap();
    let file = home.write("wrong.csv", &out.into_inner().unwrap());
    home.run(["import", "--strict", "--as", "adjustment", file.to_str().unwrap()])
        .says(3, &["4711.00000001"]);
    home.import_as(Some("adjustment"), [file]).says(0, &[]);
    let lint = home.run(["bill", "lint", MARCH]);
    assert_eq!(lint.code, 6, "{}", lint.stderr);
    let lines = home.json(["bill", "lines", MARCH, "--limit", "1000"]).to_string();
    assert!(lines.contains("4711.00000001"), "what was billed is kept to the letter");
}

#[test]
fn i7_a_manifest_with_other_totals() {
    let home = Home::with(&[bill_file("english")]);
    home.sink("bucket", &[]);
    let folder = home.enable(PAYER, "bucket", "monthly", false);
    home.ok(["run", "--on", "2021-04-03"]);
    let listing = bucket::listing(&folder);
    let name = listing.keys().find(|name| name.ends_with(".json")).unwrap();
    let mut manifest: Value = serde_json::from_slice(&listing[name]).unwrap();
    manifest["totals"][0]["total"] = "1.00000000".into();
    fs::write(folder.join(name), serde_json::to_vec(&manifest).unwrap()).unwrap();
    let verify = home.run(["delivery", "verify"]).says(4, &["1 of 2 delivered files"]);
    assert!(verify.text().contains(name.as_str()), "{}", verify.text());
}

#[test]
fn i8_the_same_bytes_change_nothing_even_where_the_file_is_forgotten() {
    let home = Home::with(&[bill_file("english")]);
    let seen = home.bill();
    meddle(&home, |writer| {
        let mut keys = Vec::new();
        writer
            .scan_bytes(Table::Files, &[], &mut |key, _| {
                keys.push(key.to_vec());
                Ok(true)
            })
            .unwrap();
        assert_eq!(keys.len(), 1);
        writer.delete(Table::Files, &keys[0]).unwrap();
    });
    home.import([bill_file("english")]).says(0, &["holds the same lines as load 1"]);
    home.import([bill_file("english")]).says(0, &["nothing was changed"]);
    assert_eq!(home.bill(), seen);
}
