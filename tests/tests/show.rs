//! Sums of a bill by any fields are those of its lines, on however many threads and from however many segments.

use std::collections::BTreeMap;
use std::path::Path;

use crate::support::decimal::{exact, written};
use crate::support::sheet::Sheet;
use crate::support::{Home, MARCH, PAYER, bill_file};
use billkeep_core::bills::{BillField, BillKey, BillView, Import, ImportSettings};
use billkeep_core::engine::{Access, Actor, OpenOptions, Store};
use billkeep_core::values::{Basis, BillMonth};

/// Fields, and the headers of a bill in English whose cells they are.
const BY: [(&str, &[&str]); 4] = [
    ("product", &["ProductName"]),
    ("region,project", &["Region", "ProjectName"]),
    ("owner,billing_mode", &["OwnerAccountID", "BillingMode"]),
    ("instance,component,product", &["InstanceID", "ComponentName", "ProductName"]),
];

/// Keys, lines, total: what is shown, without the other amounts.
type Rows = Vec<(Vec<String>, u64, String)>;

/// Adds lines up by some of their cells.
fn folded(bill: &Sheet, headers: &[&str]) -> Rows {
    let mut groups: BTreeMap<Vec<String>, (u64, i128)> = BTreeMap::new();
    for row in 0..bill.rows.len() {
        let keys = headers.iter().map(|header| bill.cell(row, header).to_owned()).collect();
        let (lines, total) = groups.entry(keys).or_default();
        *lines += 1;
        *total += exact(bill.cell(row, "TotalCost"));
    }
    groups.into_iter().map(|(keys, (lines, total))| (keys, lines, written(total))).collect()
}

#[test]
fn what_is_shown_by_any_fields_is_what_the_lines_add_up_to() {
    let home = Home::with(&[bill_file("english")]);
    let imported = Sheet::parse(&std::fs::read(bill_file("english")).unwrap());
    for (by, headers) in BY {
        let want = folded(&imported, headers);
        for threads in ["1", "2", "7"] {
            let args = ["--threads", threads, "--format", "csv", "bill", "show", MARCH, "--by", by];
            let shown = Sheet::parse(&home.ok(args).stdout);
            let row = |row: usize| {
                let keys = shown.rows[row][..headers.len()].to_vec();
                (keys, shown.cell(row, "lines").parse().unwrap(), shown.cell(row, "total").to_owned())
            };
            let rows: Rows = (0..shown.rows.len()).map(row).collect();
            assert_eq!(rows, want, "by {by} on {threads} threads");
        }
    }
}

#[test]
fn an_unknown_field_is_refused_with_the_nearest_one_and_where_all_are_listed() {
    let home = Home::with(&[bill_file("english")]);
    let hint = "hint: `billkeep bill show --help` lists all fields";
    for (args, meant) in [
        (["bill", "show", MARCH, "--by", "product,ownr"], "did you mean `owner`?"),
        (["bill", "lines", MARCH, "--where", "instanceid=x"], "did you mean `instance`?"),
        (["bill", "lines", MARCH, "--where", "transaction-type=x"], "did you mean `transaction_type`?"),
        (["bill", "show", MARCH, "--by", "colour"], "`colour` is not a field"),
    ] {
        home.run(args).says(1, &[meant, hint]);
    }
    home.run(["delivery", "list", "--where", "sinks=a"]).says(1, &["did you mean `sink`?"]);
    home.run(["import", "x.csv", "--as", "montly"]).says(2, &["did you mean `monthly`?"]);
    home.run(["export", MARCH, "-o", "x", "--kind", "dayly"]).says(2, &["did you mean `daily`?"]);

    let help = home.ok(["bill", "show", "--help"]);
    for field in BillField::names().chain(["tag:KEY"]) {
        assert!(help.text().split([' ', ',', '\n']).any(|word| word == field), "{field}: {}", help.text());
    }
}

#[test]
fn a_thousand_rows_and_more_come_out_in_one_order_on_any_number_of_threads() {
    let home = Home::new();
    let (file, _) = crate::support::large::place(home.store().parent().unwrap());
    home.import([file]);
    for by in
        ["owner,product,day", "instance,day", "owner,operator,instance,subproduct,component,project,day"]
    {
        let shown = |threads: &str| {
            let args = ["--threads", threads, "--format", "csv", "bill", "show", MARCH, "--by", by];
            home.ok(args).stdout
        };
        let one = shown("1");
        assert!(one.iter().filter(|b| **b == b'\n').count() > 3_000, "by {by}");
        assert!(shown("2") == one && shown("5") == one, "by {by}");
    }
}

/// Imports a bill with so much text in a segment, and returns what is shown of it by some fields on some threads.
fn shown_of(file: &Path, segment_bytes: usize, by: &str, threads: usize) -> (usize, Rows) {
    let home = Home::new();
    let store = Store::open(&home.store(), &OpenOptions::default(), Access::Write).unwrap();
    let settings = ImportSettings { segment_bytes, block_rows: 16, threads: 2, ..ImportSettings::default() };
    let actor = Actor { name: "ann".into(), at_unix_s: 0 };
    store.import(file, &Import { settings: settings.clone(), ..Import::by(&actor) }).unwrap();
    let reader = store.read().unwrap();
    let month = BillMonth::parse(MARCH.as_bytes()).unwrap();
    let key = BillKey { payer: PAYER.parse().unwrap(), month, basis: Basis::Used };
    let view = BillView::open(&reader, key, None).unwrap();
    let fields: Vec<BillField> = by.split(',').map(|field| field.parse().unwrap()).collect();
    let grouped = view.show(&reader, &fields, threads).unwrap();
    let rows = grouped.rows().map(|group| {
        let amounts: Vec<String> = group.amounts().map(|a| a.to_string()).collect();
        let keys = group.keys().chain([group.currency()]).map(str::to_owned).collect();
        (keys, group.lines(), amounts.join(" "))
    });
    (view.segments().count(), rows.collect())
}

#[test]
fn sums_do_not_depend_on_how_lines_were_split_over_segments() {
    for by in ["owner,product,day", "day", "product", "region,project", "transaction_type,day"] {
        for shape in ["english", "chinese", "several"] {
            let file = bill_file(shape);
            let (_, whole) = shown_of(&file, 16 << 20, by, 1);
            let (segments, split) = shown_of(&file, 4_000, by, 3);
            assert!(segments > 5, "{segments} segments of {shape}");
            assert_eq!(split, whole, "by {by} of {shape}");
        }
    }
}
