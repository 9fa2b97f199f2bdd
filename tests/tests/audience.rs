//! What a customer is given holds neither the partner's cost nor other customers.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::sheet::Sheet;
use crate::support::{Home, MARCH, PAYER, STEM, bill_file, bucket};

/// A customer of the fixture with 20 lines, and another one.
pub const CUSTOMER: &str = "200000036222";
const OTHER: &str = "200000003412";

/// The columns of the English fixture that a customer may see, as docs/AUDIENCE.md has them.
const CONTRACT: &str = "PayerAccountID,OwnerAccountID,OperatorAccountID,ProductName,SubproductName,BillingMode,ProjectName,\
    Region,AvailabilityZone,InstanceID,InstanceName,InstanceType,TransactionType,TransactionID,TransactionTime,\
    UsageStartTime,UsageEndTime,ComponentType,ComponentName,ComponentListPrice,ComponentPriceMeasurementUnit,\
    ComponentUsage,ComponentUsageUnit,UsageDuration,DurationUnit,OriginalCost,Currency,BillMonth,tag_key:env,\
    tag_key:Cost Center,tag_key:负责人";

/// Exports March for an account as a customer, and returns the folder and what was said.
#[track_caller]
pub fn for_customer(home: &Home, uin: &str, folder: &str, more: &[&str]) -> (PathBuf, String) {
    let path = home.path(folder);
    let args = ["export", MARCH, "--owner", uin, "--audience", "customer", "-o", path.to_str().unwrap()];
    let output = home.ok(args.iter().chain(more));
    (path, output.stderr)
}

/// The only export in a folder: its CSV's lines, and its manifest.
#[track_caller]
pub fn only(folder: &Path) -> (Sheet, Value) {
    let listing = bucket::listing(folder);
    let of = |ending: &str| {
        let found: Vec<&Vec<u8>> =
            listing.iter().filter(|(name, _)| name.ends_with(ending)).map(|(_, bytes)| bytes).collect();
        assert_eq!(found.len(), 1, "{:?}", listing.keys());
        found[0].clone()
    };
    let entries = bucket::entries(&of(".zip"));
    let sheet = Sheet::joined(entries.iter().map(|(.., bytes)| bytes.as_slice()));
    (sheet, serde_json::from_slice(&of(".json")).unwrap())
}

/// All bytes that lie in a folder, hidden files too, zips unpacked, as one text.
pub fn everything(folder: &Path) -> String {
    let mut text = String::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        text += &format!("{}\n", path.file_name().unwrap().display());
        if path.is_dir() {
            text += &everything(&path);
            continue;
        }
        let bytes = fs::read(&path).unwrap();
        if path.extension().is_some_and(|e| e == "zip") {
            bucket::entries(&bytes).iter().for_each(|(name, _, csv)| {
                text += name;
                text += &String::from_utf8_lossy(csv);
            });
        }
        text += &String::from_utf8_lossy(&bytes);
    }
    text
}

/// The fixture's bill.
fn sheet() -> Sheet {
    Sheet::parse(&fs::read(bill_file("english")).unwrap())
}

/// A store with the fixture's bill, in which a text was replaced.
fn with_text(from: &str, to: &str) -> Home {
    let text = fs::read_to_string(bill_file("english")).unwrap();
    assert!(text.contains(from));
    let home = Home::new();
    let file = home.write(&format!("{STEM}.csv"), text.replace(from, to).as_bytes());
    home.import([file]);
    home
}

#[test]
fn a_customer_gets_the_columns_of_the_contract_and_nobody_elses_lines() {
    let home = Home::with(&[bill_file("english")]);
    let (folder, said) = for_customer(&home, CUSTOMER, "out", &[]);
    assert!(said.contains("has no price"), "{said}");
    let (given, manifest) = only(&folder);
    assert_eq!(given.header.join(","), CONTRACT);
    // Every cell is the bill's own.
    let bill = sheet();
    let owner = bill.column("OwnerAccountID");
    let mut theirs: Vec<Vec<&str>> = bill
        .rows
        .iter()
        .filter(|row| row[owner].trim() == CUSTOMER)
        .map(|row| given.header.iter().map(|h| row[bill.column(h)].as_str()).collect())
        .collect();
    let mut got: Vec<Vec<&str>> = given.rows.iter().map(|r| r.iter().map(String::as_str).collect()).collect();
    theirs.sort();
    got.sort();
    assert_eq!(got, theirs);
    assert_eq!(manifest["audience"], "customer");
    assert_eq!(manifest["rows"], got.len());
}

#[test]
fn nothing_that_lies_in_a_customers_folder_tells_a_cost_or_another_account() {
    let home = Home::with(&[bill_file("english")]);
    let (folder, _) = for_customer(&home, CUSTOMER, "out", &[]);
    let text = everything(&folder);
    let bill = sheet();
    let mut others = BTreeSet::new();
    for row in 0..bill.rows.len() {
        others.insert(bill.cell(row, "OwnerAccountID").to_owned());
        if bill.cell(row, "OwnerAccountID") != CUSTOMER {
            continue;
        }
        for cost in ["TotalAmountAfterDiscount(ExcludingTax)", "AmountBeforeTax", "TotalCost"] {
            let cell = bill.cell(row, cost);
            // Without a discount, the cost is the list price.
            if cell.len() > 6 && cell != bill.cell(row, "OriginalCost") {
                assert!(!text.contains(cell), "{cost} {cell}");
            }
        }
    }
    others.remove(CUSTOMER);
    others.remove(PAYER);
    assert!(others.len() > 5);
    for other in others {
        assert!(!text.contains(&other), "{other}");
    }
    let (_, manifest) = only(&folder);
    for digest in ["digest", "content_digest"] {
        assert_eq!(manifest[digest], "-", "a digest is something to guess costs against");
    }
    let totals = manifest["totals"].as_array().unwrap();
    assert!(!totals.is_empty());
    for totals in totals {
        assert_eq!(totals["total"], "-");
        let amounts: Vec<&String> = totals["amounts"].as_object().unwrap().keys().collect();
        assert_eq!(amounts, ["original_cost"]);
    }
}

#[test]
fn a_consolidated_bill_is_refused_to_a_customer_and_the_columns_are_named() {
    let home = Home::with(&[bill_file("english")]);
    let out = home.path("out");
    for (more, whose) in [
        (&["--kind", "monthly"][..], "all accounts"),
        (&["--kind", "reseller"], "all customers"),
        (&["--owner", PAYER], "the partner itself"),
    ] {
        let args = ["export", MARCH, "--audience", "customer", "-o", out.to_str().unwrap()];
        let refused = home.run(args.iter().chain(more));
        refused
            .says(3, &[whose, "`TotalCost`", "`DiscountRate`", "`ComponentContractedPrice`", "--owner UIN"]);
        assert!(!out.exists(), "a refused export leaves no folder of its own");
    }
}

#[test]
fn each_customer_gets_a_file_of_its_own_and_the_payer_none() {
    let home = Home::with(&[bill_file("english")]);
    let out = home.path("out");
    home.ok(["export", MARCH, "--per", "customer", "--audience", "customer", "-o", out.to_str().unwrap()]);
    let zips = bucket::zips(&out);
    let bill = sheet();
    let owners: BTreeSet<String> =
        (0..bill.rows.len()).map(|row| bill.cell(row, "OwnerAccountID").to_owned()).collect();
    assert_eq!(zips.len(), owners.len() - 1);
    for (name, zip) in &zips {
        let uin = name.split('-').next().unwrap();
        assert_ne!(uin, PAYER);
        let sheet = Sheet::joined(bucket::entries(zip).iter().map(|(.., bytes)| bytes.as_slice()));
        assert_eq!(sheet.header.join(","), CONTRACT);
        assert!((0..sheet.rows.len()).all(|row| sheet.cell(row, "OwnerAccountID") == uin));
    }
    // The same as alone.
    let (alone, _) = for_customer(&home, CUSTOMER, "alone", &[]);
    for (name, zip) in bucket::zips(&alone) {
        assert_eq!(zips.get(&name), Some(&zip));
    }
}

#[test]
fn a_column_goes_on_request_but_never_one_of_the_cost() {
    let home = Home::with(&[bill_file("english")]);
    home.ok(["account", "column", "add", CUSTOMER, "Site"]);
    let (folder, _) = for_customer(&home, CUSTOMER, "out", &[]);
    assert!(only(&folder).0.header.contains(&"Site".to_owned()));
    let (folder, _) = for_customer(&home, OTHER, "other", &[]);
    assert!(!only(&folder).0.header.contains(&"Site".to_owned()), "it was given to one account");
    for cost in ["TotalCost", "Discount Rate", "RIDeduction(Cost)", "代金券支出(元)"] {
        let refused = home.run(["account", "column", "add", CUSTOMER, cost]);
        refused.says(3, &["shows the partner's cost"]);
    }
    let list = home.json(["account", "column", "list"]);
    assert_eq!(list["rows"].as_array().unwrap().len(), 1);
    home.ok(["account", "column", "remove", CUSTOMER, "site"]);
    home.run(["account", "column", "remove", CUSTOMER, "site"]).says(1, &["has no further column"]);
    let journal = home.json(["audit", "list", "--action", "account column"]);
    assert_eq!(journal["rows"].as_array().unwrap().len(), 2);
}

#[test]
fn another_customers_id_in_a_cell_stops_the_export_and_leaves_nothing() {
    let bill = sheet();
    let row = (0..bill.rows.len())
        .find(|row| bill.cell(*row, "OwnerAccountID") == CUSTOMER && bill.cell(*row, "InstanceID").len() > 8)
        .unwrap();
    let instance = bill.cell(row, "InstanceID");
    let home = with_text(instance, &format!("moved-from-{OTHER}"));
    let out = home.path("out");
    let args = ["export", MARCH, "--owner", CUSTOMER, "--audience", "customer", "-o", out.to_str().unwrap()];
    home.run(args).says(3, &["row ", "column `InstanceID` holds account 200000003412", "nothing was given"]);
    assert!(!out.exists(), "a refused export leaves no folder of its own");
    // To the partner it goes as it is.
    home.ok(["export", MARCH, "--owner", CUSTOMER, "-o", out.to_str().unwrap()]);
}

#[test]
fn exports_for_the_partner_are_as_they_were() {
    let home = Home::with(&[bill_file("english")]);
    let out = home.path("out");
    home.ok(["export", MARCH, "--owner", CUSTOMER, "-o", out.to_str().unwrap()]);
    let before = bucket::listing(&out);
    home.ok(["account", "price", "set", CUSTOMER, "--discount", "0.9", "--yes"]);
    home.ok(["account", "column", "add", CUSTOMER, "Site"]);
    home.ok(["export", MARCH, "--owner", CUSTOMER, "-o", out.to_str().unwrap()]);
    assert_eq!(bucket::listing(&out), before);
    let (_, manifest) = only(&out);
    for member in ["audience", "dialect", "prices"] {
        assert!(manifest.get(member).is_none(), "{member}");
    }
}
