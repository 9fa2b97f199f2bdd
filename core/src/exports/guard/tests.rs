//! The guard, shown what leaks.

use std::collections::{BTreeSet, HashSet};
use std::fs::File;

use super::bytes::{Allowed, check_bytes};
use super::*;
use crate::bills::BillKey;
use crate::exports::archive::write_small;
use crate::exports::{Dialect, ExportForm, ROWS_PER_FILE};
use crate::formats::naming::BillKind as NameKind;
use crate::values::error::Kind;
use crate::values::money::Amount;
use crate::values::period::{Basis, Coverage};

const OWNER: &str = "200000003412";
const PAYER: &str = "100010445724";
const OTHER: &str = "200000036222";

fn uin(text: &str) -> Uin {
    text.parse().unwrap()
}

fn allowed(rows: u64) -> Allowed {
    Allowed {
        owner: uin(OWNER),
        payer: uin(PAYER),
        others: HashSet::from([uin(OTHER).number()]),
        further: BTreeSet::new(),
        dialect: Dialect::Plain,
        rows: vec![rows],
        totals: None,
    }
}

/// Checks a CSV of one entry.
fn check_named(name: &str, csv: &str, allowed: &Allowed) -> Result<(), GuardError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.zip");
    write_small(File::create(&path).unwrap(), &[(name, csv.as_bytes().to_vec())]).unwrap();
    check_bytes(&path, "a.zip", allowed)
}

fn check(csv: &str, allowed: &Allowed) -> Result<(), GuardError> {
    check_named("a.csv", csv, allowed)
}

/// Returns what was found in a CSV that has one line.
#[track_caller]
fn found(csv: &str) -> String {
    match check(csv, &allowed(1)) {
        Err(GuardError::Leak { found, more: 0, .. }) => found.join("; "),
        other => panic!("{other:?}"),
    }
}

fn wanted(scope: Scope, uin: Uin, audience: Audience) -> WantedExport {
    let month = "2021-03".parse().unwrap();
    WantedExport {
        uin,
        kind: NameKind::Monthly,
        bill: BillKey { payer: self::uin(PAYER), month, basis: Basis::Used },
        coverage: Coverage::month(month),
        scope,
        rows_per_file: ROWS_PER_FILE,
        form: ExportForm { audience, ..ExportForm::default() },
    }
}

#[test]
fn a_consolidated_bill_does_not_go_to_a_customer_and_the_columns_are_named() {
    let headers = ["OwnerAccountID", "OriginalCost", "DiscountRate", "TotalCost"].map(str::to_owned);
    for scope in [Scope::Payer, Scope::Customers, Scope::SelfUse, Scope::Owner(uin(PAYER))] {
        let error = check_wanted(&wanted(scope, uin(PAYER), Audience::Customer), &headers).unwrap_err();
        let text = error.to_string();
        assert!(text.contains("`DiscountRate`, `TotalCost`") && !text.contains("OriginalCost"), "{text}");
        assert_eq!(error.kind(), Kind::Refused);
        assert_eq!(check_wanted(&wanted(scope, uin(PAYER), Audience::Partner), &headers), Ok(()));
    }
    let without = check_wanted(&wanted(Scope::Payer, uin(PAYER), Audience::Customer), &[]).unwrap_err();
    assert!(without.to_string().contains("`contract_price`, "), "{without}");
    let own = wanted(Scope::Owner(uin(OWNER)), uin(OWNER), Audience::Customer);
    assert_eq!(check_wanted(&own, &headers), Ok(()));
    let another = wanted(Scope::Owner(uin(OTHER)), uin(OWNER), Audience::Customer);
    assert!(matches!(check_wanted(&another, &headers), Err(GuardError::Another { .. })));
}

#[test]
fn what_the_contract_has_passes() {
    let csv = format!(
        "PayerAccountID,OwnerAccountID,OperatorAccountID,OriginalCost,ComponentUsage,tag_key:env\n\
         {PAYER},\"{OWNER}\t\",{PAYER},-1.5,0.{OTHER},x-{OWNER}\n"
    );
    assert_eq!(check(&csv, &allowed(1)), Ok(()));
}

#[test]
fn a_column_that_is_not_in_the_contract_is_found() {
    let text = found(&format!("Owner Account ID,Total Cost,折扣率\n{OWNER},1,0.9\n"));
    assert!(text.contains("column `Total Cost`") && text.contains("column `折扣率`"), "{text}");
    assert!(found(&format!("OwnerAccountID,Site\n{OWNER},x\n")).contains("`Site`"));
    let further =
        Allowed { further: BTreeSet::from(["site".to_owned(), "TotalCost".to_owned()]), ..allowed(1) };
    assert_eq!(check(&format!("OwnerAccountID,Site\n{OWNER},x\n"), &further), Ok(()));
    // Not even a further column is one of the partner's cost.
    assert!(check(&format!("OwnerAccountID,TotalCost\n{OWNER},1\n"), &further).is_err());
    // Nor is a price that was not worked out here.
    assert!(found(&format!("OwnerAccountID,Customer Price\n{OWNER},1\n")).contains("`Customer Price`"));
}

#[test]
fn another_accounts_id_is_found_in_any_cell() {
    assert!(found(&format!("OwnerAccountID\n{OTHER}\n")).contains("row 1, column `OwnerAccountID`"));
    assert!(found("OwnerAccountID\n\"\"\n").contains("not the customer's id"));
    assert!(
        found(&format!("OwnerAccountID,PayerAccountID\n{OWNER},{OTHER}\n")).contains("not the payer's id")
    );
    for cell in [OTHER.to_owned(), format!("moved from {OTHER}/x"), format!("\t{OTHER}")] {
        for header in ["OperatorAccountID", "InstanceName", "tag_key:team", "ComponentUsage"] {
            let text = found(&format!("OwnerAccountID,{header}\n{OWNER},{cell}\n"));
            assert!(text.contains(header) && text.contains(OTHER), "{text}");
        }
    }
    // The payer's own id is for the columns that the contract says.
    assert!(found(&format!("OwnerAccountID,InstanceName\n{OWNER},{PAYER}\n")).contains(PAYER));
    // Neither a header nor the file's name.
    assert!(found(&format!("OwnerAccountID,tag_key:{OTHER}\n{OWNER},x\n")).contains(OTHER));
    let named = check_named(&format!("{OTHER}.csv"), &format!("OwnerAccountID\n{OWNER}\n"), &allowed(1));
    assert!(matches!(named, Err(GuardError::Leak { .. })));
}

#[test]
fn a_spreadsheet_is_read_as_one() {
    let sheet = Allowed { dialect: Dialect::Spreadsheet, ..allowed(1) };
    let csv = format!("\u{feff}OwnerAccountID,InstanceName\r\n\"{OWNER}\t\",'=1\r\n");
    assert_eq!(check(&csv, &sheet), Ok(()));
    assert!(check(&csv, &allowed(1)).is_err(), "a mark where none should be");
    assert!(check(&csv.replace('\u{feff}', ""), &sheet).is_err(), "no mark");
    assert!(check(&csv.replace("'=1", &format!("'{OTHER}")), &sheet).is_err());
}

#[test]
fn lines_and_prices_are_counted_again() {
    let csv = format!("OwnerAccountID,Total Cost (Customer)\n{OWNER},1.5\n{OWNER},\n{OWNER},-0.25\n");
    let priced = |total, rows| Allowed { totals: Some(Some(Amount::new(total, 2))), ..allowed(rows) };
    assert_eq!(check(&csv, &priced(125, 3)), Ok(()));
    let text = check(&csv, &priced(126, 3)).unwrap_err().to_string();
    // What was read may be the partner's cost, so neither figure is named.
    assert!(text.contains("does not add up") && !text.contains("1.25") && !text.contains("1.26"), "{text}");
    assert!(check(&csv, &priced(125, 2)).unwrap_err().to_string().contains("[3] lines"));
    assert!(check(&format!("PayerAccountID\n{PAYER}\n"), &allowed(1)).is_err(), "nobody's lines");
}

#[test]
fn of_many_leaks_some_are_told_and_the_others_counted() {
    let csv = format!("OwnerAccountID\n{}", format!("{OTHER}\n").repeat(1_500));
    let text = check(&csv, &allowed(1_500)).unwrap_err().to_string();
    assert!(
        text.contains("row 10,") && !text.contains("row 11,") && text.contains("and 1,490 more"),
        "{text}"
    );
}
