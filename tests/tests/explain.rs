//! `bill explain`: every cell of a roll-up is traced to lines, and each of these to its place in a file.

use std::collections::BTreeMap;

use billkeep_fixtures::{Bill, Format, Headers, Spec, csv};

use crate::support::decimal::exact;
use crate::support::figures::Figures;
use crate::support::sheet::Sheet;
use crate::support::{Home, MARCH, PAYER, STEM, bill_file, demo_file, fixture};

/// Everything that `explain` tells of a bill, or of a part of it.
#[track_caller]
fn explained(home: &Home, args: &[&str]) -> Sheet {
    let args = ["--format", "csv", "bill", "explain", MARCH].iter().chain(args);
    Sheet::parse(&home.ok(args).stdout)
}

#[test]
fn each_cell_of_a_roll_up_is_the_sum_of_the_lines_that_explain_it() {
    let home = Home::with(&[bill_file("english")]);
    let want = Figures::read(&fixture(&format!("bills/english/{STEM}.expected.csv")));
    // Some cells one by one, and all of them at once.
    for ((owner, product, day, currency), (lines, total)) in want.0.iter().step_by(17) {
        let args = ["--owner", owner, "--product", product, "--day", day, "--currency", currency];
        let sheet = explained(&home, &args);
        assert_eq!(sheet.rows.len() as u64, *lines, "{args:?}");
        let sum: i128 = (0..sheet.rows.len()).map(|row| exact(sheet.cell(row, "total"))).sum();
        assert_eq!(sum, *total, "{args:?}");
    }
    let all = explained(&home, &[]);
    let mut figures = Figures::default();
    for row in 0..all.rows.len() {
        let cell = |name: &str| all.cell(row, name).to_owned();
        let product = Some(cell("product")).filter(|p| !p.is_empty()).unwrap_or_else(|| "-".into());
        let key = (cell("owner"), product, cell("day"), cell("currency"));
        figures.add(key, 1, exact(&cell("total")));
    }
    assert_eq!(figures.lines(), want.lines());
    assert_eq!(figures.total(), want.total());
}

/// The record and the line of text on which each line's transaction and instance stand in a CSV.
fn places(text: &[u8]) -> BTreeMap<u64, (u64, Vec<String>)> {
    let mut reader = csv::ReaderBuilder::new().has_headers(true).from_reader(text);
    let (mut places, mut line, mut counted) = (BTreeMap::new(), 1, 0);
    for (number, record) in (1..).zip(reader.records()) {
        let record = record.unwrap();
        // The parser may stand before the line end of the record before.
        let at = usize::try_from(record.position().unwrap().byte()).unwrap();
        let begin = at + text[at..].iter().take_while(|b| matches!(b, b'\r' | b'\n')).count();
        line += text[counted..begin].iter().filter(|b| **b == b'\n').count() as u64;
        counted = begin;
        places.insert(number, (line, record.iter().map(|c| c.trim().to_owned()).collect()));
    }
    places
}

/// Asserts that each line of a sheet stands where it is said to.
#[track_caller]
fn stands_there(sheet: &Sheet, text: &[u8], entry: &str) -> usize {
    let places = places(text);
    let mut found = 0;
    for row in (0..sheet.rows.len()).filter(|row| sheet.cell(*row, "entry") == entry) {
        let (line, cells) = &places[&sheet.cell(row, "record").parse().unwrap()];
        assert_eq!(sheet.cell(row, "text_line"), line.to_string(), "{:?}", sheet.rows[row]);
        for name in ["owner", "instance", "transaction_id", "usage_start"] {
            let cell = sheet.cell(row, name).to_owned();
            assert!(cells.contains(&cell), "{name} `{cell}` is not in {cells:?}");
        }
        found += 1;
    }
    found
}

#[test]
fn a_line_is_named_by_its_file_record_and_line_of_text() {
    for segment_mib in ["1", "16"] {
        let home = Home::new();
        let file = bill_file("english");
        home.import_tuned(&format!("segment_mib={segment_mib},block_rows=64"), &file);
        let text = std::fs::read(&file).unwrap();
        let sheet = explained(&home, &[]);
        let name = format!("{STEM}.csv");
        assert_eq!(stands_there(&sheet, &text, &name), sheet.rows.len());
        assert_eq!(sheet.cell(0, "file"), name);
        let sha256 = crate::support::sha256::sha256(&text);
        assert!((0..sheet.rows.len()).all(|row| sheet.cell(row, "sha256") == sha256));
        // Of a part, the places are the same.
        let some = explained(&home, &["--day", "2021-03-17"]);
        assert!(!some.rows.is_empty());
        stands_there(&some, &text, &name);
    }
}

#[test]
fn a_large_file_in_several_segments_keeps_its_places() {
    let home = Home::new();
    let (file, _) = crate::support::large::place(home.store().parent().unwrap());
    home.import_tuned("segment_mib=1", &file);
    let text = std::fs::read(&file).unwrap();
    let sheet = explained(&home, &["--day", "2021-03-30"]);
    assert!(sheet.rows.len() > 100);
    stands_there(&sheet, &text, &format!("{STEM}.csv"));
    // A table tells the places of the lines that it shows, without reading further.
    let table = home.ok(["bill", "explain", MARCH, "--day", "2021-03-30", "--limit", "1"]);
    let row: Vec<&str> = table.text().lines().last().unwrap().split_whitespace().collect();
    assert_eq!(row[..4], [sheet.cell(0, "line"), "1", sheet.cell(0, "record"), sheet.cell(0, "text_line")]);
}

#[test]
fn the_csvs_of_a_zip_and_the_files_of_a_bill_are_told_apart() {
    let home = Home::with(&[bill_file("several")]);
    let spec = Spec { lines: 16, days: 9, ..Spec::new(9, PAYER.parse().unwrap(), 2021, 3) };
    let bill = Bill::generate(spec);
    let later = csv(&bill.all(), &bill.spec, &Format::plain(Headers::English));
    home.import_as(Some("adjustment"), [home.write("later.csv", &later)]).says(0, &["Imported"]);
    let sheet = explained(&home, &[]);
    let mut archive = zip::ZipArchive::new(std::fs::File::open(bill_file("several")).unwrap()).unwrap();
    let mut found = stands_there(&sheet, &later, "later.csv");
    assert_eq!(found, 16);
    for at in 0..archive.len() {
        let mut entry = archive.by_index(at).unwrap();
        let name = entry.name().unwrap().into_owned();
        let mut text = Vec::new();
        std::io::Read::read_to_end(&mut entry, &mut text).unwrap();
        let here = stands_there(&sheet, &text, &name);
        assert!(here > 0, "{name}");
        found += here;
    }
    assert_eq!(found, sheet.rows.len());
}

#[test]
fn a_table_fits_a_screen_and_an_empty_cell_is_no_error() {
    let home = Home::with(&[demo_file(3, 4)]);
    let table = home.ok(["bill", "explain", MARCH, "--day", "2021-03-02"]);
    for line in table.text().lines() {
        let width: usize = line.chars().map(|c| if c < '\u{1100}' { 1 } else { 2 }).sum();
        assert!(width <= 80, "{width} columns: {line}");
    }
    let none = home.json(["bill", "explain", MARCH, "--product", "nothing of this name"]);
    assert!(none["rows"].as_array().unwrap().is_empty() && none["totals"].as_array().unwrap().is_empty());
    home.run(["bill", "explain", MARCH, "--day", "soon"]).says(2, &["soon"]);
}
