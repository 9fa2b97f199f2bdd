//! Bills go in as the provider writes them, and come out to the last line and decimal.

use std::fs;
use std::path::PathBuf;

use billkeep_fixtures::{Format, Headers, csv, demo, set, unzip, zip};
use serde_json::Value;

use crate::support::figures::Figures;
use crate::support::sheet::Sheet;
use crate::support::{Home, MARCH, STEM, bill_file, demo_file, fixture};

const SHAPES: [(&str, u64); 5] =
    [("english", 150), ("english-spaced", 150), ("shuffled", 150), ("chinese", 120), ("several", 300)];

fn shown(home: &Home) -> Figures {
    let args = ["--format", "csv", "bill", "show", MARCH, "--by", "owner,product,day"];
    Figures::parse(&home.ok(args).stdout)
}

/// The cells of a file of `fixtures/bills/`, in the file's order; those of a zip entry after entry.
fn sheet_of(file: &PathBuf) -> Sheet {
    let bytes = fs::read(file).unwrap();
    if file.extension().unwrap() == "zip" {
        let entries = unzip(&bytes).unwrap();
        return Sheet::joined(entries.iter().map(|(_, bytes)| bytes.as_slice()));
    }
    Sheet::parse(&bytes)
}

fn march() -> Vec<PathBuf> {
    (1..=31).map(|day| demo_file(3, day)).collect()
}

#[test]
fn every_fixtures_lines_and_totals_come_out_exactly() {
    for (shape, lines) in SHAPES {
        let home = Home::with(&[bill_file(shape)]);
        let expected = Figures::read(&fixture(&format!("bills/{shape}/{STEM}.expected.csv")));
        assert_eq!(expected.lines(), lines, "{shape}");
        assert_eq!(shown(&home), expected, "{shape}");
        let bill = home.bill();
        assert_eq!((&bill["lines"], &bill["revision"]), (&Value::from(lines), &Value::from(1)), "{shape}");
        assert_eq!((&bill["state"], &bill["through"]), (&"issued".into(), &"2021-03-31".into()), "{shape}");
        let total = crate::support::decimal::exact(bill["total"].as_str().unwrap());
        assert_eq!(total, expected.total(), "{shape}");
    }
}

#[test]
fn a_bill_comes_back_cell_for_cell_in_the_files_order() {
    for (shape, lines) in SHAPES {
        let file = bill_file(shape);
        let home = Home::with(std::slice::from_ref(&file));
        let imported = sheet_of(&file);
        assert_eq!(imported.rows.len() as u64, lines);
        let back = Sheet::parse(&home.ok(["bill", "csv", MARCH]).stdout);
        assert_eq!(back.header, imported.header, "{shape}");
        for (at, (back, imported)) in back.rows.iter().zip(&imported.rows).enumerate() {
            assert_eq!(back, imported, "{shape}, row {at}");
        }
        assert_eq!(back.rows.len(), imported.rows.len(), "{shape}");
        let written = home.path("out.csv");
        home.ok(["bill", "csv", MARCH, "-o", written.to_str().unwrap()]);
        assert_eq!(sheet_of(&written), imported, "{shape}");
    }
}

#[test]
fn one_customers_csv_holds_that_customers_lines_only() {
    let home = Home::with(&[bill_file("english")]);
    let imported = sheet_of(&bill_file("english"));
    let owner = set::bill().spec.owners()[0].to_string();
    let column = imported.column("OwnerAccountID");
    let theirs: Vec<_> = imported.rows.iter().filter(|row| row[column].trim() == owner).collect();
    assert!(theirs.len() > 1 && theirs.len() < imported.rows.len());
    let back = Sheet::parse(&home.ok(["bill", "csv", MARCH, "--owner", &owner]).stdout);
    assert_eq!(back.rows.iter().collect::<Vec<_>>(), theirs);
}

#[test]
fn importing_the_same_file_again_changes_nothing() {
    for (shape, _) in SHAPES {
        let home = Home::with(&[bill_file(shape)]);
        let before = home.bill();
        home.import([bill_file(shape)]).says(0, &["was imported before", "nothing was changed"]);
        assert_eq!(home.bill(), before, "{shape}");
    }
}

#[test]
fn the_same_lines_in_another_order_change_nothing() {
    let home = Home::with(&[bill_file("english")]);
    let before = home.bill();
    home.import([bill_file("shuffled")]).says(0, &["holds the same lines", "nothing was changed"]);
    assert_eq!(home.bill(), before);
    let other = Home::with(&[bill_file("shuffled")]);
    assert_eq!(other.bill_text("digest"), before["digest"]);
}

#[test]
fn the_digest_does_not_tell_seven_files_from_one() {
    let seven = Home::with(&[bill_file("several")]);
    let bill = set::several_bill();
    let one = csv(&bill.all(), &bill.spec, &Format::plain(Headers::English));
    let packed = zip(&[(format!("{STEM}.csv"), one.clone())]);
    for (name, bytes) in [(format!("{STEM}.csv"), one), (format!("{STEM}.zip"), packed)] {
        let home = Home::new();
        let file = home.write(&name, &bytes);
        home.import([&file]);
        assert_eq!(home.bill_text("digest"), seven.bill_text("digest"), "{name}");
        assert_eq!(shown(&home), shown(&seven), "{name}");
    }
    let english = Home::with(&[bill_file("english")]);
    assert_ne!(english.bill_text("digest"), seven.bill_text("digest"));
}

#[test]
fn two_equal_real_lines_stay_two_lines() {
    let imported = sheet_of(&bill_file("english"));
    let twins: Vec<usize> =
        (1..imported.rows.len()).filter(|row| imported.rows[*row] == imported.rows[row - 1]).collect();
    let [twin] = twins[..] else { panic!("{twins:?}") };
    let id = imported.cell(twin, "TransactionID");
    let home = Home::with(&[bill_file("english")]);
    let filter = format!("transaction_id={id}");
    for _ in 0..2 {
        let found = home.json(["bill", "lines", MARCH, "--where", &filter]);
        let rows = found["rows"].as_array().unwrap();
        assert_eq!(rows.len(), 2, "{found}");
        assert_eq!(rows[0]["TotalCost"], rows[1]["TotalCost"]);
        home.import([bill_file("english")]);
        home.import([bill_file("shuffled")]);
    }
}

#[test]
fn each_days_month_to_date_file_replaces_the_one_before() {
    let home = Home::new();
    let command = home.import(march());
    assert_eq!(command.stderr.matches("Imported ").count(), 31, "{}", command.stderr);
    assert_eq!(shown(&home), Figures::read(&fixture("demo/expected-2021-03.csv")));
    let bill = home.bill();
    assert_eq!(bill["revision"], 31);
    assert_eq!((&bill["state"], &bill["through"]), (&"issued".into(), &"2021-03-31".into()));
    // Every earlier revision can still be had: that of March 10 is what the file of that day said.
    let march = demo::bill(3);
    let args = ["--format", "csv", "bill", "show", MARCH, "--by", "owner,product,day", "--revision", "10"];
    assert_eq!(Figures::parse(&home.ok(args).stdout), Figures::of(&march.through(10), &march.spec));

    let reversed = Home::new();
    reversed.import(self::march().into_iter().rev());
    assert_eq!(reversed.bill(), bill);
    assert_eq!(shown(&reversed), shown(&home));
}

#[test]
fn files_of_single_days_add_up_to_the_month() {
    let march = demo::bill(3);
    let home = Home::new();
    let write = |day: u32| {
        let name = format!("{}-202103{day:02}-by_used_time-bill_details.csv", crate::support::PAYER);
        home.write(&name, &csv(&march.on(day), &march.spec, &Format::plain(Headers::English)))
    };
    for day in [1, 2, 4] {
        home.import_as(Some("day"), [write(day)]).says(0, &["Imported"]);
    }
    // The gap is told, and filling it closes it.
    assert_eq!(home.bill_text("through"), "2021-03-02");
    home.import_as(Some("day"), [write(3)]).says(0, &["Imported"]);
    assert_eq!(home.bill_text("through"), "2021-03-04");
    assert_eq!(home.bill_text("state"), "open");
    assert_eq!(shown(&home), Figures::of(&march.through(4), &march.spec));
}

#[test]
fn a_file_that_names_a_missing_day_is_told_so() {
    let march = demo::bill(3);
    let home = Home::new();
    let day = csv(&march.on(4), &march.spec, &Format::plain(Headers::English));
    let file = home.write("100010445724-20210304-by_used_time-bill_details.csv", &day);
    home.import_as(Some("day"), [file]).says(
        0,
        &["warning", "days missing between 2021-03-01 and 2021-03-03: 3", "2021-03-01", "2021-03-03"],
    );
}
