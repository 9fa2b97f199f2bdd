//! Exports in all shapes, held against an implementation of the published rules in Python that shares nothing with billkeep.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;

use crate::support::bucket::{entries, listing};
use crate::support::decimal::exact;
use crate::support::forms::{FORMS, export};
use crate::support::python::{python, run, skip};
use crate::support::{CUSTOMER, Home, MARCH, PAYER, bill_file};

const ORACLE: &str = include_str!("support/shapes.py");

/// Compares every shape of March with its lines.
fn compare(home: &Home, more: &[&str]) {
    let Some(python) = python() else { return skip("shapes", "python3") };
    let mut args: Vec<OsString> = vec![home.path("lines").into()];
    export(home, "l3", "lines", more);
    for shape in FORMS {
        let folder = shape.replace('/', "-");
        export(home, shape, &folder, more);
        args.extend([shape.into(), home.path(&folder).into()]);
    }
    let args: Vec<_> = args.iter().map(OsString::as_os_str).collect();
    assert_eq!(run(&python, ORACLE, &args), "");
}

#[test]
fn every_shape_of_every_fixture_is_what_the_published_rules_say() {
    for bill in ["english", "english-spaced", "chinese", "several", "shuffled"] {
        let home = Home::with(&[bill_file(bill)]);
        compare(&home, &[]);
    }
}

const HEADER: &str = "Bill Month,PayerAccountID,OwnerAccountID,Reseller Account ID,ProductName,Subproduct Name,\
BillingMode,Project Name,Region,InstanceID,Instance Name,TransactionType,TransactionID,TransactionTime,Order ID,\
UsageStartTime,UsageEndTime,ComponentType,ComponentName,Component List Price,Component Price Measurement Unit,\
Component Usage,Component Usage Unit,Usage Duration,Duration Unit,OriginalCost,DiscountRate,\
Total Amount After Discount (Excluding Tax),Voucher Deduction,Amount Before Tax,TaxRate,TaxAmount,\
Total Cost (Including Tax),Currency,Extended Field 1,tag_key:env\n";

/// Lines with all that is nasty.
fn nasty() -> Vec<String> {
    let mut lines = Vec::new();
    let components = [
        ("CPU", "cores", "2", "1"),
        ("Outbound Traffic", "traffic", "1.5", "3600"),
        ("Bandwidth", "bandwidth", "10", "1"),
        ("API times", "requests", "7", "-"),
        ("Storage, standard", "storage", "100", ""),
    ];
    let types = [
        "Hourly settlement",
        " daily  settlement",
        "Spot",
        "Hourly RI fee",
        "Hourly Savings Plan fee",
        "Refund",
        "Monthly settlement",
        "竞价实例小时结",
        "月结",
    ];
    let totals =
        ["0.005", "-0.005", "1.23456789", "-3.10000001", "0", "-", "", "12", "0.015", "1e-7", "0.00000001"];
    let (mut n, mut total) = (0, 0);
    for owner in [PAYER, CUSTOMER, "300000000003"] {
        for kind in types {
            for (component, word, usage, duration) in components {
                for copy in 0..3 {
                    n += 1;
                    total = (total + 1) % totals.len();
                    let amount = if kind == "Refund" { "-4.00500000" } else { totals[total] };
                    let discount = ["0.8", "0.80", " 0.8 "][copy % 3];
                    let currency = if n % 7 == 0 { "CNY" } else { "USD" };
                    let reseller = ["800000000001", "800000000002", "-", ""][(owner.len() + n / 60) % 4];
                    let (day, hour) = (1 + n % 31, n % 24);
                    let duration = if copy == 1 && word == "cores" { "2.0" } else { duration };
                    lines.push(format!(
                        "2021-03,{PAYER},{owner},{reseller},CVM,\"S, {word}\",pay,{},ap,ins-{},\"name \"\"{copy}\"\"\",{kind},\
                         t-{n},2021-03-{day:02} {hour:02}:59:59,o-{n},2021-03-{day:02} {hour:02}:00:00,\
                         2021-03-{day:02} {hour:02}:59:59,{word},\"{component}\",0.1{},u,{usage},gb,{duration},h,{amount},{discount},\
                         {amount},0,{amount},0.06,-,{amount},{currency},{},{}\n",
                        ["p1", "p2"][n % 2],
                        n % 2,
                        ["", "0"][copy % 2],
                        ["same", "other"][copy / 2],
                        ["prod", "", "test"][n % 3],
                    ));
                }
            }
        }
    }
    lines
}

fn import(home: &Home, lines: &[String], through: u32) {
    let name = format!("{PAYER}-202103{through:02}-by_used_time-bill_details.csv");
    home.import([home.write(&name, format!("{HEADER}{}", lines.concat()).as_bytes())]);
}

#[test]
fn nasty_lines_are_aggregated_as_the_published_rules_say() {
    let home = Home::new();
    import(&home, &nasty(), 31);
    compare(&home, &[]);
    for more in [["--owner", CUSTOMER].as_slice(), &["--kind", "daily", "--through", "2021-03-09"]] {
        let home = Home::new();
        import(&home, &nasty(), 31);
        compare(&home, more);
    }
}

#[test]
fn many_rows_are_cut_into_several_csvs() {
    let home = Home::new();
    import(&home, &nasty(), 31);
    compare(&home, &["--rows-per-file", "37"]);
    let zip =
        listing(&home.path("l3-monthly")).into_iter().find(|(name, _)| name.ends_with(".zip")).unwrap().1;
    let rows: Vec<usize> =
        entries(&zip).iter().map(|(_, _, text)| String::from_utf8_lossy(text).lines().count() - 1).collect();
    assert!(rows.len() > 3 && rows[..rows.len() - 1].iter().all(|n| *n == 37), "{rows:?}");
}

/// The zips of all shapes, by shape.
fn zips(home: &Home, run: &str) -> BTreeMap<&'static str, (String, Vec<u8>)> {
    FORMS
        .into_iter()
        .map(|shape| {
            let folder = format!("{run}-{}", shape.replace('/', "-"));
            export(home, shape, &folder, &[]);
            let zip =
                listing(&home.path(&folder)).into_iter().find(|(name, _)| name.ends_with(".zip")).unwrap();
            (shape, zip)
        })
        .collect()
}

#[test]
fn the_bytes_do_not_depend_on_order_files_or_runs_and_other_lines_have_another_name() {
    let lines = nasty();
    let one = Home::new();
    import(&one, &lines, 31);
    let first = zips(&one, "a");
    assert_eq!(zips(&one, "b"), first);
    let mut turned = lines.clone();
    turned.reverse();
    let other = Home::new();
    import(&other, &turned, 31);
    assert_eq!(zips(&other, "a"), first);
    // Split over two files: what an adjustment brings is part of the month like the rest.
    let split = Home::new();
    import(&split, &lines[..200], 31);
    let text = format!("{HEADER}{}", lines[200..].concat());
    split.import_as(Some("adjustment"), [split.write("rest.csv", text.as_bytes())]).says(0, &[]);
    assert_eq!(zips(&split, "a"), first);
    let fewer = Home::new();
    import(&fewer, &lines[1..], 31);
    for (shape, (name, _)) in zips(&fewer, "a") {
        assert_ne!(name, first[shape].0, "{shape}");
    }
}

/// The totals that a manifest tells, by currency.
fn totals(folder: &Path) -> BTreeMap<String, i128> {
    let manifest = listing(folder).into_iter().find(|(name, _)| name.ends_with(".manifest.json")).unwrap().1;
    let manifest: serde_json::Value = serde_json::from_slice(&manifest).unwrap();
    let totals = manifest["totals"].as_array().unwrap().iter();
    totals
        .map(|t| (t["currency"].as_str().unwrap().to_owned(), exact(t["total"].as_str().unwrap())))
        .collect()
}

#[test]
fn all_shapes_of_a_revision_have_the_same_total() {
    let home = Home::new();
    import(&home, &nasty(), 31);
    export(&home, "l3", "lines", &[]);
    let want = totals(&home.path("lines"));
    assert_eq!(want.len(), 2);
    for shape in FORMS {
        let folder = shape.replace('/', "-");
        export(&home, shape, &folder, &[]);
        assert_eq!(totals(&home.path(&folder)), want, "{shape}");
    }
}

#[test]
fn a_sink_gets_its_shape_and_what_cannot_be_is_refused() {
    let home = Home::new();
    import(&home, &nasty(), 31);
    home.sink("bucket", &["shape=l2", "per=customer", "naming=partner-download", "dialect=spreadsheet"]);
    home.enable(PAYER, "bucket", "monthly", false);
    home.ok(["run", "--on", "2021-04-02"]).says(0, &["Delivered the monthly bill"]);
    home.ok(["run", "--on", "2021-04-03"]).says(0, &["Nothing was due"]);
    home.ok(["delivery", "verify"]).says(0, &["All 2 delivered files"]);
    let zip = listing(&home.path("bucket")).into_iter().find(|(name, _)| name.ends_with(".zip")).unwrap();
    assert!(zip.0.starts_with("L2-bill_by_Instance-"), "{}", zip.0);
    assert_eq!(entries(&zip.1).len(), 3);
    assert!(entries(&zip.1).iter().all(|(_, _, text)| text.starts_with(b"\xef\xbb\xbf")));
    let url = format!("file://{}", home.path("x").display());
    for options in [["shape=l1", "per=customer"], ["shape=pack", "per=reseller"]] {
        let args = ["sink", "add", "x", &url, "--option", options[0], "--option", options[1]];
        home.run(args).says(1, &[options[0], "cannot be divided"]);
    }
    home.run(["sink", "add", "x", &url, "--option", "naming=../{uin}-{id}"]).says(1, &["naming=../"]);
    let to = home.path("out");
    let args = ["export", MARCH, "--shape", "l1", "--divide", "customer", "-o", to.to_str().unwrap()];
    home.run(args).says(3, &["cannot be rendered"]);
    home.run(["export", MARCH, "--shape", "l4", "-o", "x"]).says(2, &["l3-monthly"]);
    home.run(["export", MARCH, "--shape", "l2", "--per", "customer", "-o", "x"]).says(2, &["--per"]);
}
