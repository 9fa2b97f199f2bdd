//! What spreadsheets are given: they lose no digit of it and run none of it, and what was done for them can be undone.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use crate::audience::{CUSTOMER, for_customer};
use crate::support::sheet::Sheet;
use crate::support::{Home, MARCH, STEM, bill_file, bucket, python};

/// Texts that begin as formulas do.
const FORMULAS: [&str; 6] =
    ["=HYPERLINK(\"\"http://x\"\")", "+1 800", "-2+3", "@SUM(A1)", "\tnew", "'quoted"];

/// Reads a CSV, checks what a spreadsheet needs, undoes it, and writes JSON.
const SCRIPT: &str = r#"
import csv, json, re, sys
raw = open(sys.argv[1], 'rb').read()
assert raw.startswith(b'\xef\xbb\xbf'), 'no byte order mark'
assert raw.endswith(b'\r\n'), 'no CRLF'
rows = list(csv.reader(open(sys.argv[1], encoding='utf-8-sig', newline='')))
header = rows[0]
for row in rows[1:]:
    assert len(row) == len(header)
    for name, cell in zip(header, row):
        number = re.fullmatch(r'-?[0-9]+(\.[0-9]+)?', cell)
        assert cell in ('', '-', '--') or number or cell[0] not in '=+-@\t\r', (name, cell)
        # What a spreadsheet takes for a number has few enough digits.
        if number and not re.search('(?i)cost|price|usage|rate|amount|deduction|multiplier|duration', name):
            assert len(cell) < 12, (name, cell)
        if re.search('(?i)account|transactionid', name) and cell not in ('', '-'):
            assert cell.endswith('\t'), (name, cell)
def undo(cell):
    cell = cell[1:] if cell.startswith("'") else cell
    return cell[:-1] if cell.endswith('\t') else cell
print(json.dumps([[undo(cell) for cell in row] for row in rows]))
"#;

/// A store with the fixture's bill, in which some instances have names like formulas.
fn home() -> Home {
    let bill = Sheet::parse(&fs::read(bill_file("english")).unwrap());
    let name = bill.column("InstanceName");
    let mut text = csv::Writer::from_writer(Vec::new());
    text.write_record(&bill.header).unwrap();
    for (n, row) in bill.rows.iter().enumerate() {
        let mut row = row.clone();
        if let Some(formula) = FORMULAS.get(n % 9) {
            row[name] = formula.replace("\"\"", "\"");
        }
        text.write_record(&row).unwrap();
    }
    let home = Home::new();
    let file = home.write(&format!("{STEM}.csv"), &text.into_inner().unwrap());
    home.import([file]);
    home
}

fn undone(python: &PathBuf, file: &Path) -> Vec<Vec<String>> {
    serde_json::from_str(&python::run(python, SCRIPT, &[OsStr::new(file)])).unwrap()
}

/// Asserts that two sheets are equal, but for white space around ids and amounts.
#[track_caller]
fn same(undone: &[Vec<String>], plain: &Sheet) {
    assert_eq!(undone[0], plain.header);
    assert_eq!(undone.len() - 1, plain.rows.len());
    let texts =
        ["InstanceName", "Region", "ProjectName", "ProductName", "ComponentName", "Site", "tag_key:env"];
    let mut exact = 0;
    for (one, other) in undone[1..].iter().zip(&plain.rows) {
        for ((header, one), other) in plain.header.iter().zip(one).zip(other) {
            if texts.contains(&header.as_str()) {
                assert_eq!(one, other, "{header}");
                exact += 1;
            } else {
                assert_eq!(one.trim(), other.trim(), "{header}");
            }
        }
    }
    assert_eq!(exact, plain.rows.len() * texts.len());
}

#[test]
fn python_reads_a_spreadsheets_csv_and_undoes_it() {
    let Some(python) = python::python() else {
        return python::skip("python_reads_a_spreadsheets_csv_and_undoes_it", "python3");
    };
    let home = home();
    let plain = Sheet::parse(&home.ok(["bill", "csv", MARCH]).stdout);
    let sheet = home.path("sheet.csv");
    home.ok(["bill", "csv", MARCH, "--spreadsheet", "-o", sheet.to_str().unwrap()]);
    same(&undone(&python, &sheet), &plain);

    // The same for an export, in several CSVs.
    let unpacked = |more: &[&str], folder: &str| -> Vec<PathBuf> {
        let out = home.path(folder);
        let args = ["export", MARCH, "--rows-per-file", "60", "-o", out.to_str().unwrap()];
        home.ok(args.iter().chain(more));
        let zips = bucket::zips(&out);
        let entries = zips.values().flat_map(|zip| bucket::entries(zip));
        entries.map(|(name, _, bytes)| home.write(&format!("{folder}-{name}"), &bytes)).collect()
    };
    let (plain, sheets) = (unpacked(&[], "plain"), unpacked(&["--spreadsheet"], "sheets"));
    assert_eq!((plain.len(), sheets.len()), (3, 3));
    for (plain, sheet) in plain.iter().zip(&sheets) {
        same(&undone(&python, sheet), &Sheet::parse(&fs::read(plain).unwrap()));
    }
}

#[test]
fn a_spreadsheets_amounts_are_the_bills_to_the_last_decimal() {
    let home = home();
    let out = home.path("out");
    home.ok(["export", MARCH, "--spreadsheet", "-o", out.to_str().unwrap()]);
    // The harness adds up what it reads and compares it with the manifest.
    let [export] = &bucket::checked(&out)[..] else { panic!("one export") };
    assert_eq!(export.manifest["dialect"], "spreadsheet");
    let plain = home.path("plain");
    home.ok(["export", MARCH, "-o", plain.to_str().unwrap()]);
    let [other] = &bucket::checked(&plain)[..] else { panic!("one export") };
    assert!(other.manifest.get("dialect").is_none());
    assert_eq!(export.manifest["totals"], other.manifest["totals"]);
    assert_ne!(export.name, other.name, "other bytes have another name");
}

#[test]
fn a_sink_may_be_for_spreadsheets() {
    let home = home();
    home.sink("sheets", &["dialect=spreadsheet"]);
    let folder = home.enable(crate::support::PAYER, "sheets", "monthly", false);
    home.ok(["run", "--on", "2021-04-03"]);
    let [export] = &bucket::checked(&folder)[..] else { panic!("one export") };
    assert_eq!(export.manifest["dialect"], "spreadsheet");
    home.ok(["delivery", "verify"]);
}

#[test]
fn a_customer_may_get_a_spreadsheet() {
    let home = home();
    home.ok(["account", "price", "set", CUSTOMER, "--discount", "0.9", "--yes"]);
    let (folder, _) = for_customer(&home, CUSTOMER, "out", &["--spreadsheet"]);
    let zips = bucket::zips(&folder);
    let entries = bucket::entries(zips.values().next().unwrap());
    assert!(entries[0].2.starts_with(b"\xef\xbb\xbf"));
    let sheet = Sheet::parse(&entries[0].2);
    assert_eq!(sheet.header.last().unwrap(), "Total Cost (Customer)");
    let owner = sheet.column("OwnerAccountID");
    assert!(sheet.rows.iter().all(|row| row[owner] == format!("{CUSTOMER}\t")));
}

#[test]
fn billkeep_reads_back_the_ids_that_it_wrote_for_a_spreadsheet() {
    let home = Home::with(&[bill_file("english")]);
    let name = format!("again/{STEM}.csv");
    fs::create_dir_all(home.path("again")).unwrap();
    home.ok(["bill", "csv", MARCH, "--spreadsheet", "-o", home.path(&name).to_str().unwrap()]);
    let again = Home::with(&[home.path(&name)]);
    let owners = |home: &Home| home.json(["bill", "show", MARCH, "--by", "owner"])["rows"].clone();
    assert_eq!(owners(&again), owners(&home));
}

#[test]
fn libreoffice_takes_ids_for_text_and_amounts_for_numbers() {
    let office = ["soffice", "libreoffice"].into_iter().find(|name| {
        std::process::Command::new(name).arg("--version").output().is_ok_and(|o| o.status.success())
    });
    // It is large, and tested with only where it is there.
    let Some(office) = office else { return };
    let home = home();
    let sheet = home.path("sheet.csv");
    home.ok(["bill", "csv", MARCH, "--spreadsheet", "-o", sheet.to_str().unwrap()]);
    let status = std::process::Command::new(office)
        .args(["--headless", "--convert-to", "fods", "--outdir"])
        .arg(home.path("."))
        .arg(&sheet)
        .arg(format!("-env:UserInstallation=file://{}", home.path("office").display()))
        .output()
        .unwrap();
    assert!(status.status.success());
    let text = fs::read_to_string(home.path("sheet.fods")).unwrap();
    assert!(!text.contains("table:formula"), "a formula");
    assert!(!text.contains("office:value=\"100010445724\""), "an id as a number");
    assert!(text.contains("office:value-type=\"float\""), "no amount is a number");
}
