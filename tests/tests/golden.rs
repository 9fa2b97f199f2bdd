//! Stores that earlier versions wrote are read as they were (tests/README.md tells how they are made).

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use crate::support::decimal::exact;
use crate::support::figures::Figures;
use crate::support::{Home, MARCH, STEM, fixture};

/// The stores under `fixtures/stores/`.
fn stores() -> Vec<PathBuf> {
    let folder = fixture("stores");
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let stores: Vec<PathBuf> = files.filter(|path| path.extension().is_some_and(|e| e == "redb")).collect();
    assert!(!stores.is_empty());
    stores
}

/// A copy of a store, since opening it to write may change it.
fn copied(store: &PathBuf) -> Home {
    let home = Home::empty();
    fs::copy(store, home.store()).unwrap();
    home
}

#[test]
fn every_earlier_versions_store_is_whole_and_says_what_it_said() {
    for store in stores() {
        let home = copied(&store);
        home.ok(["store", "check"]).says(0, &["The store is whole"]);
        home.ok(["audit", "verify"]);
        let bytes = fs::read(store.with_extension("expected.json")).unwrap();
        let expected: Value = serde_json::from_slice(&bytes).unwrap();
        for (what, wanted) in expected.as_object().unwrap() {
            // `bill` is `bill list`; others are commands in full.
            let words: Vec<&str> =
                if what.contains(' ') { what.split(' ').collect() } else { vec![what.as_str(), "list"] };
            let output = home.json(words);
            // A list is of rows; an object has members of the output.
            let output = if wanted.is_array() { &output["rows"] } else { &output };
            holds(output, wanted, &format!("{}: {what}", store.display()));
        }
    }
}

/// Asserts that an output has what an earlier version told. Later versions may tell more; what was told then is told still.
fn holds(output: &Value, wanted: &Value, place: &str) {
    match wanted {
        Value::Object(members) => {
            members
                .iter()
                .for_each(|(name, value)| holds(&output[name], value, &format!("{place}, `{name}`")));
        }
        Value::Array(all) => {
            let found = output.as_array().unwrap_or_else(|| panic!("{place}: {output}"));
            assert_eq!(found.len(), all.len(), "{place}");
            found.iter().zip(all).for_each(|(one, wanted)| holds(one, wanted, place));
        }
        _ => assert_eq!(output, wanted, "{place}"),
    }
}

/// Whatever the expected file says: every golden store holds the bill of `fixtures/bills/english`, confirmed.
#[test]
fn every_earlier_versions_store_gives_its_lines_back() {
    let wanted = Figures::read(&fixture(&format!("bills/english/{STEM}.expected.csv")));
    for store in stores() {
        let home = copied(&store);
        let args = ["--format", "csv", "bill", "show", MARCH, "--by", "owner,product,day"];
        assert_eq!(Figures::parse(&home.ok(args).stdout), wanted, "{}", store.display());
        let back = crate::support::sheet::Sheet::parse(&home.ok(["bill", "csv", MARCH]).stdout);
        let imported = fs::read(crate::support::bill_file("english")).unwrap();
        assert_eq!(back, crate::support::sheet::Sheet::parse(&imported), "{}", store.display());
        let list = home.json(["bill", "list"]);
        let march = list["rows"].as_array().unwrap().iter().find(|r| r["month"] == MARCH).unwrap();
        assert_eq!(march["state"], "confirmed");
        assert_eq!(exact(march["total"].as_str().unwrap()), wanted.total());
        // And it can be gone on with.
        home.ok(["bill", "reopen", MARCH, "--reason", "a golden test"]);
        home.import([crate::support::bill_file("shuffled")]).says(0, &["nothing was changed"]);
    }
}
