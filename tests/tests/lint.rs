//! `bill lint` tells what in a bill contradicts itself, with file and line; `import --strict` does not let it in.

use std::collections::BTreeMap;
use std::fs;

use serde_json::Value;

use crate::support::decimal::{exact, written};
use crate::support::sheet::Sheet;
use crate::support::{Home, MARCH, Output, PAYER, STEM, bill_file, demo_file, fixture};

/// Done, but look.
const FINDINGS: i32 = 6;

fn lint(home: &Home, more: &[&str]) -> Output {
    home.run(["--format", "json", "bill", "lint", MARCH].iter().chain(more))
}

/// Asserts that there are findings to be looked at, which are no failure, and that these words were said of them.
#[track_caller]
fn look(out: Output, words: &str) -> Output {
    assert_eq!(out.code, FINDINGS, "{}", out.stderr);
    assert!(out.stderr.contains(words) && !out.stderr.contains("error: "), "{}", out.stderr);
    out
}

/// Returns rule, severity, count and stake of each finding.
fn brief(lint: &Value) -> Vec<(String, String, u64, String)> {
    let text = |row: &Value, name: &str| row[name].as_str().unwrap().to_owned();
    let rows = lint["rows"].as_array().unwrap();
    let one =
        |r: &Value| (text(r, "rule"), text(r, "severity"), r["count"].as_u64().unwrap(), text(r, "stake"));
    rows.iter().map(one).collect()
}

/// Returns the findings that are not notices.
fn grave(lint: &Value) -> Vec<(String, u64, String)> {
    let all = brief(lint).into_iter();
    all.filter(|f| f.1 != "notice").map(|(rule, _, count, stake)| (rule, count, stake)).collect()
}

/// Returns the accounts below zero, the precision difference left out, with the sum of what they are below it.
fn below_zero(bill: &Sheet) -> Vec<(String, u64, String)> {
    let mut sums = BTreeMap::new();
    for ((owner, product, ..), (_, total)) in bill.figures().0 {
        if product != "-" {
            *sums.entry(owner).or_insert(0_i128) += total;
        }
    }
    let below: Vec<i128> = sums.into_values().filter(|total| *total < 0).collect();
    if below.is_empty() {
        return Vec::new();
    }
    vec![("negative-owner".to_owned(), below.len() as u64, written(-below.iter().sum::<i128>()))]
}

/// The bundled bills have what every month has: two equal lines, and a precision difference, which the generator draws by
/// chance and which so does not bring the month to cents. Both are notices. Some small customers got more back than they paid.
#[test]
fn the_bundled_bills_break_no_rule() {
    for shape in ["english", "english-spaced", "shuffled", "chinese", "several"] {
        let home = Home::with(&[bill_file(shape)]);
        let out = lint(&home, &[]);
        let report = out.json();
        let (bundled, lines) = (brief(&report), report["lines"].as_u64().unwrap());
        assert!(bundled.iter().all(|f| f.1 != "error"), "{shape}: {bundled:?}");
        let notices: Vec<_> =
            bundled.iter().filter(|f| f.1 == "notice").map(|f| (f.0.as_str(), f.2)).collect();
        assert_eq!(notices, [("precision-gap", 1), ("repeated", 1)], "{shape}");
        if shape == "english" {
            let want = below_zero(&Sheet::parse(&fs::read(bill_file(shape)).unwrap()));
            assert_eq!(grave(&report), want);
            assert_eq!(out.code, FINDINGS);
        }
        // Nearly every line could be checked: a rule that looks at nothing finds nothing.
        for (rule, least) in [("original", 9), ("after-discount", 9), ("duplicate", 10), ("outside", 10)] {
            let checked = report["checked"].as_array().unwrap().iter().find(|c| c["rule"] == rule).unwrap();
            assert!(checked["lines"].as_u64().unwrap() >= lines * least / 10, "{shape}: {checked}");
        }
    }
    let home = Home::new();
    let days: Vec<_> = (1..=31).map(|day| demo_file(3, day)).collect();
    home.ok(["import", "--strict"]
        .map(std::ffi::OsString::from)
        .into_iter()
        .chain(days.into_iter().map(Into::into)));
    assert_eq!(lint(&home, &[]).says(0, &["2 notices"]).json()["rows"].as_array().unwrap().len(), 2);
}

/// The lines of the bundled bill, to be changed: header, records as text, with their line ends.
struct Text {
    header: String,
    records: Vec<String>,
}

impl Text {
    fn read() -> Text {
        let text = fs::read_to_string(bill_file("english")).unwrap();
        let (mut records, mut from, mut quoted) = (Vec::new(), 0, false);
        for (at, byte) in text.bytes().enumerate() {
            quoted ^= byte == b'"';
            if byte == b'\n' && !quoted {
                records.push(text[from..=at].to_owned());
                from = at + 1;
            }
        }
        let header = records.remove(0);
        Text { header, records }
    }

    /// Changes a cell of a record, and returns the line of text on which the record begins.
    fn change(&mut self, record: usize, header: &str, cell: &str) -> u64 {
        let column =
            self.header.trim_start_matches('\u{feff}').trim_end().split(',').position(|h| h == header);
        let mut reader =
            csv::ReaderBuilder::new().has_headers(false).from_reader(self.records[record].as_bytes());
        let mut cells: Vec<String> =
            reader.records().next().unwrap().unwrap().iter().map(str::to_owned).collect();
        cells[column.unwrap()] = cell.to_owned();
        let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
        writer.write_record(&cells).unwrap();
        self.records[record] = String::from_utf8(writer.into_inner().unwrap()).unwrap();
        1 + (self.header.clone() + &self.records[..record].concat()).matches('\n').count() as u64
    }

    fn cell(&self, record: usize, header: &str) -> String {
        let text = self.header.clone() + &self.records[record];
        Sheet::parse(text.as_bytes()).cell(0, header).to_owned()
    }

    /// Returns the first record from one on that is plain use by a customer, with every figure shown.
    fn plain(&self, from: usize) -> usize {
        (from..self.records.len())
            .find(|r| {
                self.cell(*r, "TransactionType") == "Daily settlement"
                    && self.cell(*r, "OwnerAccountID") != PAYER
                    && ["ComponentListPrice", "ComponentUsage"]
                        .iter()
                        .all(|h| exact_or_none(&self.cell(*r, h)).is_some())
                    && exact(&self.cell(*r, "TotalCost")) > 100_000
            })
            .unwrap()
    }

    fn bytes(&self) -> Vec<u8> {
        (self.header.clone() + &self.records.concat()).into_bytes()
    }
}

fn exact_or_none(text: &str) -> Option<i128> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    digits.then(|| exact(text))
}

#[test]
fn a_wrong_line_is_told_with_its_rule_its_money_and_its_line_and_is_refused_by_a_strict_import() {
    let more = |text: &str, units: i128| written(exact(text) + units);
    // Line breaks stand in cells before it, so that lines and records differ.
    for (header, rule) in [
        ("ComponentUsage", "original"),
        ("DiscountRate", "after-discount"),
        ("AmountBeforeTax", "before-tax"),
        ("TaxAmount", "tax"),
        ("TotalCost", "total"),
        ("BlendedDiscountMultiplier", "blended"),
        ("UsageStartTime", "outside"),
    ] {
        let mut text = Text::read();
        let record = text.plain(90);
        let cell = match header {
            "UsageStartTime" => "2021-04-02 00:00:00".to_owned(),
            header => more(&text.cell(record, header), 1_000_000),
        };
        let line = text.change(record, header, &cell);
        assert!(line > record as u64 + 2, "{line} proves nothing");
        let home = Home::new();
        let file = home.write(&format!("{STEM}.csv"), &text.bytes());
        let before = home.seen();
        let path = file.to_str().unwrap();
        home.run(["import", "--strict", path])
            .says(3, &[rule, &format!("line {line}"), "nothing was imported"]);
        home.run(["import", "--strict", "--dry-run", path]).says(3, &[rule]);
        assert_eq!(home.seen(), before);
        home.import([&file]);
        let out = look(lint(&home, &[]), "error");
        let report = out.json();
        let row = report["rows"].as_array().unwrap().iter().find(|r| r["rule"] == rule).unwrap();
        assert_eq!((&row["severity"], &row["count"]), (&"error".into(), &1.into()), "{report}");
        let at = &row["examples"][0]["at"];
        assert_eq!((&at["line"], &at["record"]), (&line.into(), &(record + 1).into()));
        assert_eq!((&at["file"], &at["entry"]), (&format!("{STEM}.csv").into(), &Value::Null));
        assert_eq!(at["place"], format!("1-{}", record + 1));
        assert_eq!(row["examples"][0]["cells"]["owner_uin"], text.cell(record, "OwnerAccountID"));
        if matches!(header, "TotalCost" | "AmountBeforeTax" | "TaxAmount") {
            assert_eq!(row["stake"], "0.01000000");
        }
    }
}

#[test]
fn a_transaction_that_comes_again_is_told_with_both_lines() {
    let mut text = Text::read();
    let first = text.plain(20);
    text.records.push(text.records[first].clone());
    let line = text.change(text.records.len() - 1, "ExtendedField1", "again");
    let home = Home::new();
    let file = home.write(&format!("{STEM}.csv"), &text.bytes());
    home.run(["import", "--strict", file.to_str().unwrap()]).says(3, &["duplicate"]);
    home.import([&file]);
    let report = look(lint(&home, &[]), "").json();
    let row = report["rows"].as_array().unwrap().iter().find(|r| r["rule"] == "duplicate").unwrap();
    assert_eq!(row["stake"], written(exact(&text.cell(first, "TotalCost"))));
    let example = &row["examples"][0];
    assert_eq!((&example["at"]["line"], &example["repeats"]["record"]), (&line.into(), &(first + 1).into()));
}

#[test]
fn a_precision_difference_that_no_rounding_makes_is_refused() {
    let mut text = Text::read();
    let last = text.records.len() - 1;
    for header in ["OriginalCost", "TotalAmountAfterDiscount(ExcludingTax)", "AmountBeforeTax", "TotalCost"] {
        text.change(last, header, "-1.50000000");
    }
    let home = Home::new();
    let file = home.write(&format!("{STEM}.csv"), &text.bytes());
    home.run(["import", "--strict", file.to_str().unwrap()]).says(3, &["precision", "149 lines"]);
    // A cent a line is what rounding can make.
    for header in ["OriginalCost", "TotalAmountAfterDiscount(ExcludingTax)", "AmountBeforeTax", "TotalCost"] {
        text.change(last, header, "-1.48999999");
    }
    home.write(&format!("{STEM}.csv"), &text.bytes());
    home.ok(["import", "--strict", file.to_str().unwrap()]);
}

#[test]
fn contracted_discounts_are_kept_by_day_and_held_against_lines() {
    let home = Home::with(&[bill_file("english")]);
    let bill = Sheet::parse(&fs::read(bill_file("english")).unwrap());
    let charged = |row: &usize| {
        bill.cell(*row, "OwnerAccountID") != PAYER
            && bill.cell(*row, "DiscountRate") != "-"
            && bill.cell(*row, "RIDeduction(Cost)") == "-"
    };
    let row = (0..bill.rows.len()).find(charged).unwrap();
    let (owner, product) = (bill.cell(row, "OwnerAccountID"), bill.cell(row, "ProductName"));
    let contract = |more: &[&str]| home.run(["account", "contract"].iter().chain(more));
    contract(&["set", owner, "--product", product, "--discount", "85%"]).says(1, &["85%", "0.85"]);
    contract(&["set", owner, "--product", product, "--discount", "1.2"]).says(1, &["from 0 to 1"]);
    contract(&["set", owner, "--product", " ", "--discount", "1"]).says(1, &["name"]);
    let days = ["--from", "2021-03-31", "--to", "2021-03-01"];
    contract(&[&["set", owner, "--product", product, "--discount", "0.5"], &days[..]].concat())
        .says(1, &["after"]);
    contract(&["remove", owner, "--product", product]).says(1, &[owner, "contract list"]);
    contract(&["set", owner, "--product", product, "--discount", "1"]).says(0, &[product]);
    let days = ["--from", "2021-03-01", "--to", "2021-03-15"];
    contract(&[&["set", owner, "--product", product, "--discount", "0.5"], &days[..]].concat())
        .says(0, &[owner]);
    let list = home.json(["account", "contract", "list"]);
    let rows: Vec<(&str, &str, &str)> = list["rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|r| (r["discount"].as_str().unwrap(), r["from"].as_str().unwrap(), r["to"].as_str().unwrap()))
        .collect();
    let want = [("1", "-", "2021-02-28"), ("0.5", "2021-03-01", "2021-03-15"), ("1", "2021-03-16", "-")];
    assert_eq!(rows, want);

    // Worked out from the file alone: what is above half the price, in the first half of the month.
    let (mut count, mut stake) = (0, 0);
    for row in 0..bill.rows.len() {
        let cell = |header: &str| bill.cell(row, header);
        let of = |header: &str| if cell(header) == "-" { 0 } else { exact(cell(header)) };
        if (cell("OwnerAccountID"), cell("ProductName")) != (owner, product)
            || cell("UsageStartTime") >= "2021-03-16"
        {
            continue;
        }
        let above = of("DiscountRate") - 50_000_000;
        if above > 0 {
            count += 1;
            stake += (above * (of("OriginalCost") - of("RIDeduction(Cost)"))).abs();
        }
    }
    let out = look(lint(&home, &[]), "warning");
    let report = out.json();
    let row = report["rows"].as_array().unwrap().iter().find(|r| r["rule"] == "contract").unwrap();
    assert_eq!((&row["count"], &row["product"]), (&count.into(), &product.into()));
    let shown = row["stake"].as_str().unwrap();
    let (whole, decimals) = shown.split_once('.').unwrap();
    let shown: i128 = format!("{whole}{decimals:0<16}").parse().unwrap();
    assert_eq!(shown, stake);
    contract(&["remove", owner, "--product", product]).says(0, &[]);
    assert_eq!(home.json(["account", "contract", "list"])["rows"].as_array().unwrap().len(), 0);
    let journal = home.json(["audit", "list"]).to_string();
    assert!(journal.contains("account contract set") && journal.contains("account contract remove"));
    home.ok(["audit", "verify"]);
}

#[test]
fn owners_are_unknown_only_where_it_is_said_who_is_known() {
    let home = Home::with(&[bill_file("english")]);
    let bill = Sheet::parse(&fs::read(bill_file("english")).unwrap());
    let mut owners: Vec<&str> = (0..bill.rows.len()).map(|row| bill.cell(row, "OwnerAccountID")).collect();
    owners.sort_unstable();
    owners.dedup();
    let customers: Vec<&str> = owners.iter().filter(|o| **o != PAYER).copied().collect();
    let rules = |more: &[&str]| -> Vec<String> {
        brief(&lint(&home, more).json()).into_iter().map(|f| f.0).collect()
    };
    assert!(!rules(&[]).contains(&"unknown-owner".to_owned()));
    assert!(!rules(&["--known", &customers.join(",")]).contains(&"unknown-owner".to_owned()));
    let (one, others) = customers.split_first().unwrap();
    let report = look(lint(&home, &["--known", &others.join(",")]), "").json();
    let unknown: Vec<_> =
        report["rows"].as_array().unwrap().iter().filter(|r| r["rule"] == "unknown-owner").collect();
    let count: u64 = unknown.iter().map(|r| r["count"].as_u64().unwrap()).sum();
    let lines = (0..bill.rows.len()).filter(|row| bill.cell(*row, "OwnerAccountID") == *one).count();
    assert_eq!(count, lines as u64);
    home.run(["bill", "lint", MARCH, "--known", "12"]).says(2, &["12"]);
}

#[test]
fn findings_are_told_in_every_format_and_of_every_revision() {
    let mut text = Text::read();
    let record = text.plain(10);
    let total = written(exact(&text.cell(record, "TotalCost")) + 30 * 100_000_000);
    text.change(record, "TotalCost", &total);
    let home = Home::new();
    home.import([home.write(&format!("{STEM}.csv"), &text.bytes())]);
    let table = look(home.run(["bill", "lint", MARCH]), "1 error");
    assert!(table.text().contains("total error: `") && table.text().starts_with("RULE"));
    let csv = home.run(["--format", "csv", "bill", "lint", MARCH, "--examples", "1"]);
    let sheet = Sheet::parse(&csv.stdout);
    assert_eq!(sheet.cell(0, "rule"), "total");
    assert!(sheet.cell(0, "examples").contains(&format!("total is {total}")));
    let none = lint(&home, &["--examples", "0"]).json();
    assert!(none["rows"].as_array().unwrap().iter().all(|r| r["examples"].as_array().unwrap().is_empty()));
    // 40 is more than it is off.
    let wide = brief(&lint(&home, &["--tolerance", "4000000000"]).json());
    assert_eq!(brief(&none)[0].3, "30.00000000");
    assert_eq!(wide, brief(&none)[1..]);
    home.run(["bill", "lint", MARCH, "--revision", "2"]).says(1, &["no revision 2"]);
    home.run(["bill", "lint", "2021-05"]).says(1, &["no bill"]);
}

#[test]
fn a_store_of_before_there_were_contracts_is_looked_at_and_takes_them() {
    let home = Home::empty();
    fs::copy(fixture("stores/v1.redb"), home.store()).unwrap();
    let before = brief(&lint(&home, &[]).json());
    assert!(before.iter().all(|f| f.1 != "error"), "{before:?}");
    assert_eq!(home.json(["account", "contract", "list"])["rows"].as_array().unwrap().len(), 0);
    home.ok(["account", "contract", "set", "500006276", "--product", "x", "--discount", "0.9"]);
    assert_eq!(home.json(["account", "contract", "list"])["rows"].as_array().unwrap().len(), 1);
    assert_eq!(brief(&lint(&home, &[]).json()), before);
    home.ok(["store", "check"]);
}
