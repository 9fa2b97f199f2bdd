//! What customers pay, worked out again beside billkeep, and what the partner keeps.

use std::collections::BTreeMap;
use std::fs;

use crate::audience::{CUSTOMER, for_customer, only};
use crate::support::decimal::{exact, written};
use crate::support::sheet::Sheet;
use crate::support::{Home, MARCH, STEM, bill_file, bucket};

const PRICE: &str = "Customer Price";
const TOTAL: &str = "Total Cost (Customer)";

/// An amount that may not be shown, in 1e-8.
fn shown(cell: &str) -> Option<i128> {
    (!matches!(cell, "" | "-" | "--")).then(|| exact(cell))
}

/// Divides, rounding half away from zero.
fn half_up(value: i128, by: i128) -> i128 {
    let (whole, rest) = (value / by, value % by);
    if rest.abs() * 2 >= by { whole + value.signum() } else { whole }
}

/// The fixture's lines of an account by their transactions and components, each with a column's amounts.
fn bill() -> Sheet {
    Sheet::parse(&fs::read(bill_file("english")).unwrap())
}

/// What the customer pays for each of its lines, sorted, in 1e-8, as worked out by `of` from original cost, RI and total.
fn expected(uin: &str, of: impl Fn(&Sheet, usize) -> Option<i128>) -> Vec<Option<i128>> {
    let bill = bill();
    let mut prices: Vec<Option<i128>> = (0..bill.rows.len())
        .filter(|row| bill.cell(*row, "OwnerAccountID") == uin)
        .map(|row| of(&bill, row))
        .collect();
    prices.sort();
    prices
}

fn discounted(bill: &Sheet, row: usize, hundredths: i128) -> Option<i128> {
    let original = shown(bill.cell(row, "OriginalCost"))?;
    let ri = shown(bill.cell(row, "RIDeduction(Cost)")).unwrap_or(0);
    Some(half_up((original - ri) * hundredths, 100))
}

fn given(sheet: &Sheet, column: &str) -> Vec<Option<i128>> {
    let mut prices: Vec<Option<i128>> =
        (0..sheet.rows.len()).map(|row| shown(sheet.cell(row, column))).collect();
    prices.sort();
    prices
}

#[test]
fn a_discount_on_the_list_price_is_exact_line_by_line() {
    let home = Home::with(&[bill_file("english")]);
    home.ok(["account", "price", "set", CUSTOMER, "--discount", "0.93", "--yes"]);
    let (folder, said) = for_customer(&home, CUSTOMER, "out", &[]);
    assert!(!said.contains("no price"), "{said}");
    let (sheet, manifest) = only(&folder);
    let want = expected(CUSTOMER, |bill, row| discounted(bill, row, 93));
    assert_eq!(given(&sheet, PRICE), want);
    assert_eq!(given(&sheet, TOTAL), want, "there is no voucher");
    let mut totals: BTreeMap<String, i128> = BTreeMap::new();
    for row in 0..sheet.rows.len() {
        *totals.entry(sheet.cell(row, "Currency").to_owned()).or_default() +=
            shown(sheet.cell(row, TOTAL)).unwrap_or(0);
    }
    for told in manifest["totals"].as_array().unwrap() {
        let total = totals[told["currency"].as_str().unwrap()];
        assert_eq!(told["total"], written(total).as_str());
        assert_eq!(told["amounts"]["customer_total"], written(total).as_str());
    }
    let rounding = &manifest["prices"]["rounding"][0];
    assert_eq!((&rounding["decimals"], &rounding["mode"]), (&8.into(), &"half-up".into()));
    assert_eq!(rounding["product"], "*");
    assert!(!manifest.to_string().contains("0.93"), "how a price came about is the partner's");
}

#[test]
fn a_percentage_on_the_cost_is_rounded_as_the_rule_says() {
    let home = Home::with(&[bill_file("english")]);
    let set = ["account", "price", "set", CUSTOMER, "--cost-plus", "12.5", "--decimals", "2"];
    home.ok(set.iter().chain(&["--rounding", "down"]));
    let (sheet, manifest) = only(&for_customer(&home, CUSTOMER, "out", &[]).0);
    let cent = 1_000_000;
    let want = expected(CUSTOMER, |bill, row| {
        let cost = shown(bill.cell(row, "TotalCost"))?;
        Some(cost * 1125 / (1000 * cent) * cent)
    });
    assert_eq!(given(&sheet, PRICE), want);
    assert!(sheet.rows.iter().all(|row| {
        let cell = &row[sheet.column(PRICE)];
        cell.is_empty() || cell.split_once('.').unwrap().1.len() == 2
    }));
    assert_eq!(manifest["prices"]["rounding"][0]["mode"], "down");
}

#[test]
fn a_price_holds_for_its_product_and_days_alone() {
    let home = Home::with(&[bill_file("english")]);
    let bill = bill();
    let row = (0..bill.rows.len()).find(|row| bill.cell(*row, "OwnerAccountID") == CUSTOMER).unwrap();
    let product = bill.cell(row, "ProductName").to_owned();
    home.ok(["account", "price", "set", CUSTOMER, "--discount", "0.5", "--yes", "--product", &product]);
    let of_all = ["account", "price", "set", CUSTOMER, "--discount", "0.9", "--yes", "--from", "2021-03-10"];
    home.ok(of_all.iter().chain(&["--to", "2021-03-20"]));
    let (sheet, manifest) = only(&for_customer(&home, CUSTOMER, "out", &[]).0);
    let want = expected(CUSTOMER, |bill, row| {
        if bill.cell(row, "ProductName") == product {
            return discounted(bill, row, 50);
        }
        let day = bill.cell(row, "UsageStartTime").get(..10).unwrap_or("2021-03-31");
        ("2021-03-10".."2021-03-21").contains(&day).then(|| discounted(bill, row, 90)).flatten()
    });
    assert_eq!(given(&sheet, PRICE), want);
    let unpriced = want.iter().filter(|price| price.is_none()).count();
    assert!(unpriced > 0 && unpriced < want.len());
    assert_eq!(manifest["prices"]["unpriced_lines"], unpriced);
}

#[test]
fn other_prices_are_another_export_and_the_same_ones_the_same() {
    let home = Home::with(&[bill_file("english")]);
    let names = |folder: &str| -> Vec<String> {
        bucket::zips(&for_customer(&home, CUSTOMER, folder, &[]).0).into_keys().collect()
    };
    let set = |factor: &str| home.ok(["account", "price", "set", CUSTOMER, "--discount", factor, "--yes"]);
    let none = names("a");
    set("0.9");
    let ninety = names("b");
    assert_ne!(none, ninety);
    set("0.8");
    assert_ne!(names("c"), ninety);
    set("0.90");
    assert_eq!(names("d"), ninety);
    // What begins later is nothing to March.
    home.ok(["account", "price", "set", CUSTOMER, "--discount", "0.1", "--from", "2021-04-01"]);
    assert_eq!(names("e"), ninety);
}

#[test]
fn the_margin_is_what_customers_pay_less_what_the_partner_pays() {
    let home = Home::with(&[bill_file("english")]);
    home.ok(["account", "price", "set", CUSTOMER, "--discount", "0.95", "--yes"]);
    home.ok(["account", "price", "set", CUSTOMER, "--fee", "25.5", "--currency", "USD"]);
    let margin = home.json(["bill", "margin", MARCH, "--by", "owner"]);
    let text = |row: &serde_json::Value, name: &str| row[name].as_str().unwrap().to_owned();
    let rows = margin["rows"].as_array().unwrap();
    let bill = bill();
    // The costs are the bill's, all of them.
    let cost: i128 = rows.iter().map(|row| exact(&text(row, "cost"))).sum();
    assert_eq!(cost, (0..bill.rows.len()).map(|row| exact(bill.cell(row, "TotalCost"))).sum::<i128>());
    let theirs: Vec<_> = rows.iter().filter(|row| row["owner"] == CUSTOMER).collect();
    let price: i128 = theirs.iter().map(|row| exact(&text(row, "price"))).sum();
    let lines = expected(CUSTOMER, |bill, row| discounted(bill, row, 95));
    let fee = 2_550_000_000;
    assert_eq!(price, lines.iter().flatten().sum::<i128>() + fee);
    for row in rows {
        let of = |name: &str| exact(&text(row, name));
        assert_eq!(of("margin"), of("price") - of("cost"));
        if row["owner"] != CUSTOMER {
            assert_eq!((row["lines"].as_u64(), of("price")), (row["unpriced_lines"].as_u64(), 0));
        }
    }
    let total = &margin["totals"][0];
    assert_eq!((exact(&text(total, "cost")), exact(&text(total, "price"))), (cost, price));
    assert_eq!(exact(&text(total, "margin")), price - cost);
    let table = home.run(["bill", "margin", MARCH, "--by", "owner"]);
    let last = table.text().lines().find(|line| line.starts_with("total")).unwrap().replace(',', "");
    assert!(last.contains(&written(price - cost)), "{last}");
    assert_eq!(margin["rules"][0]["rounding"], "half-up");
    assert_eq!(margin["rules"][0]["decimals"], 8);
    // However it is grouped, it is the same money.
    for by in ["product", "owner,product"] {
        let other = home.json(["bill", "margin", MARCH, "--by", by]);
        let sum = |name: &str| -> i128 {
            other["rows"].as_array().unwrap().iter().map(|row| exact(&text(row, name))).sum()
        };
        assert_eq!((sum("cost"), sum("price")), (cost, price), "{by}");
    }
    // The customer's export has the prices of the lines, and tells the fee beside them.
    let (sheet, manifest) = only(&for_customer(&home, CUSTOMER, "out", &[]).0);
    assert_eq!(given(&sheet, TOTAL).iter().flatten().sum::<i128>(), price - fee);
    assert_eq!(manifest["prices"]["fee"]["amount"], "25.5");
}

#[test]
fn a_price_of_the_files_own_goes_until_there_is_a_rule() {
    let mut bill = bill();
    bill.header.extend(["Customer Discount Rate", "Customer Voucher Deduction"].map(str::to_owned));
    for (n, row) in bill.rows.iter_mut().enumerate() {
        row.extend(["0.97".to_owned(), if n % 2 == 0 { "0.125".to_owned() } else { "-".to_owned() }]);
    }
    let mut text = csv::Writer::from_writer(Vec::new());
    text.write_record(&bill.header).unwrap();
    bill.rows.iter().for_each(|row| text.write_record(row).unwrap());
    let home = Home::new();
    let file = home.write(&format!("{STEM}.csv"), &text.into_inner().unwrap());
    home.import([file]);

    let (sheet, manifest) = only(&for_customer(&home, CUSTOMER, "file", &[]).0);
    assert_eq!(sheet.cell(0, "Customer Discount Rate"), "0.97");
    assert!(!sheet.header.contains(&PRICE.to_owned()));
    assert!(manifest["totals"][0]["amounts"].get("customer_voucher").is_some());

    home.ok(["account", "price", "set", CUSTOMER, "--discount", "0.9", "--yes"]);
    let (sheet, _) = only(&for_customer(&home, CUSTOMER, "rule", &[]).0);
    assert!(!sheet.header.contains(&"Customer Discount Rate".to_owned()), "two prices are one too many");
    for row in 0..sheet.rows.len() {
        let cell = |name: &str| shown(sheet.cell(row, name));
        let Some(price) = cell(PRICE) else { continue };
        assert_eq!(cell(TOTAL), Some(price - cell("Customer Voucher Deduction").unwrap_or(0)));
    }
}

#[test]
fn prices_are_listed_journalled_and_taken_back() {
    let home = Home::new();
    let set = |more: &[&str]| home.run(["account", "price", "set", CUSTOMER].iter().chain(more));
    set(&["--discount", "0.9", "--yes", "--product", "CVM"])
        .says(0, &["pays original cost × 0.9, 8 decimals half-up, for `CVM`"]);
    set(&["--cost-plus", "5", "--from", "2021-03-01"]).says(0, &["pays cost +5%"]);
    set(&["--fee", "10", "--currency", "USD"]).says(0, &["a monthly fee of 10 USD"]);
    set(&["--discount", "1000"]).says(1, &["is no price"]);
    set(&["--discount", "0.9", "--decimals", "9"]).says(1, &["9 decimals are too many"]);
    set(&["--discount", "x"]).says(1, &["`x` is not an amount"]);
    assert_eq!(set(&["--discount", "0.9", "--cost-plus", "5"]).code, 2);
    assert_eq!(set(&[]).code, 2);
    let rows = home.json(["account", "price", "list"])["rows"].as_array().unwrap().len();
    assert_eq!(rows, 3);
    home.ok(["account", "price", "remove", CUSTOMER, "--fee"]);
    home.ok(["account", "price", "remove", CUSTOMER, "--product", "CVM"]);
    home.run(["account", "price", "remove", CUSTOMER, "--product", "CVM"])
        .says(1, &["has no price for `CVM`"]);
    let list = home.json(["account", "price", "list"]);
    assert_eq!(list["rows"].as_array().unwrap().len(), 1);
    assert_eq!(list["rows"][0]["rule"], "cost-plus");
    let journal = home.json(["audit", "list", "--action", "account price"]);
    assert_eq!(journal["rows"].as_array().unwrap().len(), 5);
}

#[test]
fn a_fee_that_is_below_the_cost_is_asked_for_and_a_customer_with_a_fee_alone_is_called_that() {
    let home = Home::with(&[bill_file("english")]);
    let cost: i128 = expected(CUSTOMER, |bill, row| shown(bill.cell(row, "TotalCost")))
        .into_iter()
        .flatten()
        .filter(|cost| *cost > 0)
        .sum();
    let fee = |amount: &str| {
        ["account", "price", "set", CUSTOMER, "--fee", amount, "--currency", "USD"].map(str::to_owned)
    };
    let refused = home.run(fee("0.01")).says(3, &["would pay 0.01 USD", "--yes"]);
    assert!(
        refused.stderr.replace(',', "").contains(&written(cost)),
        "{} is not in {}",
        written(cost),
        refused.stderr
    );
    assert_eq!(home.json(["account", "price", "list"])["rows"].as_array().unwrap().len(), 0);
    home.ok(fee(&written(cost + 1)));
    home.ok(fee("0.01").into_iter().chain(["--yes".to_owned()]));
    let only = format!("Account {CUSTOMER} has a monthly fee of 0.01 USD only");
    let only = only.as_str();
    let (_, said) = for_customer(&home, CUSTOMER, "one", &[]);
    assert!(said.contains(only), "{said}");
    let each = home.path("each").display().to_string();
    let args = ["export", MARCH, "--per", "customer", "--audience", "customer", "-o", &each];
    home.ok(args).says(0, &[only, "no price"]);
    // What the partner pays for its lines lowers what is left of the fee.
    let margin = home.json(["bill", "margin", MARCH, "--by", "owner"]);
    let row = margin["rows"].as_array().unwrap().iter().find(|row| row["owner"] == CUSTOMER).unwrap();
    let of = |name: &str| exact(row[name].as_str().unwrap());
    assert_eq!(of("margin"), 1_000_000 - of("cost"));
    // So says the delivery, too.
    let url = format!("file://{}", home.path("sink").display());
    home.ok(["sink", "add", "sink", &url, "--audience", "customer"]);
    home.ok(["storage", "allow", CUSTOMER]);
    home.ok(["storage", "authorize", CUSTOMER]);
    home.ok(["storage", "enable", CUSTOMER, "--sink", "sink", "--kinds", "monthly"]);
    home.confirm();
    home.ok(["run", "--on", "2021-04-02"]).says(0, &["monthly fee 0.01 USD only"]);
}
