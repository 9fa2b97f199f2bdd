use std::path::PathBuf;

use super::*;
use crate::engine::journal::JournalEntry;
use crate::engine::journal::{Actor, JournalHead, append};
use crate::engine::store::{Access, Large, OpenOptions, Store, Transaction, behind};

/// Copies a golden store, and makes a change, so that it is one of today's format.
fn of_golden(folder: &tempfile::TempDir, name: &str) -> Store {
    of_golden_with(folder, name, |_| false)
}

/// Likewise, with a record in those empty tables that are wanted.
fn of_golden_with(folder: &tempfile::TempDir, name: &str, wanted: impl Fn(Table) -> bool) -> Store {
    let from = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("../fixtures/stores/{name}.redb"));
    let to = folder.path().join(format!("{name}.redb"));
    std::fs::copy(from, &to).unwrap();
    let store = Store::open(&to, &OpenOptions::default(), Access::Write).unwrap();
    let writer = store.write().unwrap();
    append(&writer, &Actor { name: "ann".into(), at_unix_s: 1 }, "test", "a", "").unwrap();
    for table in Table::ALL.iter().filter(|table| wanted(**table)) {
        let mut is_empty = true;
        let mut visit = |_: &[u8], _: &[u8]| {
            is_empty = false;
            Ok(false)
        };
        writer.scan_bytes(*table, &[], &mut visit).unwrap();
        if is_empty {
            writer.put(*table, b"a record", &name.to_owned()).unwrap();
        }
    }
    writer.commit().unwrap();
    store
}

/// Says whether what `audit verify --expect` asks finds something wrong.
fn is_found(writer: &Transaction, noted: JournalHead) -> bool {
    match verify(writer) {
        Err(_) => true,
        Ok(_) => JournalEntry::number_of(writer, &noted.hash).unwrap() != Some(noted.entry),
    }
}

/// The records of some tables are many and alike: of each table so many are tried.
const EACH_TABLE: usize = 12;

/// Says whether a table that is empty gets a record. The others are written with each commit, or read by what compares.
fn may_be_filled(table: Table) -> bool {
    ![Table::Journal, Table::State, Table::BillEntries].contains(&table)
}

fn few(all: &[behind::Value]) -> Vec<&behind::Value> {
    let mut kept: Vec<&behind::Value> = Vec::new();
    for value in all {
        if kept.iter().filter(|other| other.0 == value.0).count() < EACH_TABLE {
            kept.push(value);
        }
    }
    kept
}

/// Replaces each record by one of another store, takes each away, and adds each of the other's, one at a time.
fn every_change_is_found(victim: &str, donor: &str) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let (store, other) =
        (of_golden_with(&folder, victim, may_be_filled), of_golden_with(&folder, donor, may_be_filled));
    let noted = JournalHead::last(&store.read().unwrap()).unwrap().unwrap();
    let (writer, other) = (store.write().unwrap(), other.write().unwrap());
    assert!(!is_found(&writer, noted), "{victim}: {:?}", verify(&writer));
    let (ours, theirs) = (behind::all(&writer), behind::all(&other));
    let mut tables = Vec::new();
    let mut tried = 0;
    let mut try_it =
        |what: &str, (name, key, bytes): &behind::Value, new: Option<&[u8]>, before: Option<&[u8]>| {
            behind::put(&writer, name, key, new).unwrap();
            let found = is_found(&writer, noted);
            behind::put(&writer, name, key, before).unwrap();
            assert!(found, "{victim}: {what} {key:?} of `{name}`, {} bytes", bytes.len());
            tried += 1;
        };
    for value in few(&ours) {
        let (name, key, bytes) = value;
        let same_key = theirs.iter().find(|other| other.0 == *name && other.1 == *key && other.2 != *bytes);
        let any = theirs.iter().find(|other| other.0 == *name && other.2.get(5..) != bytes.get(5..));
        if let Some((.., new)) = same_key.or(any) {
            try_it("replaced", value, Some(new), Some(bytes));
            tables.push(name.clone());
        }
        if key != b"format" {
            try_it("removed", value, None, Some(bytes));
        }
    }
    for value in few(&theirs).into_iter().filter(|v| !ours.iter().any(|our| our.0 == v.0 && our.1 == v.1)) {
        try_it("added", value, Some(&value.2), None);
        tables.push(value.0.clone());
    }
    assert!(tried > 150 && !is_found(&writer, noted), "{tried}");
    tables.sort();
    tables.dedup();
    tables
}

#[test]
fn a_record_of_any_table_from_another_store_is_found_and_so_is_one_that_is_gone() {
    let mut tables = every_change_is_found("v1-storage", "v2");
    tables.extend(every_change_is_found("v2", "v1-outbox"));
    tables.extend(every_change_is_found("v2-people", "v1-storage"));
    tables.extend(every_change_is_found("v2-parts", "v2-people"));
    tables.extend(every_change_is_found("v2-people", "v2-parts"));
    tables.sort();
    tables.dedup();
    for name in Table::ALL.iter().map(|table| table.name()).chain(Large::ALL.iter().map(|large| large.name()))
    {
        assert!(tables.iter().any(|tried| tried == name), "`{name}` was not tried");
    }
}

#[test]
fn sums_that_were_made_anew_do_not_hide_a_change_and_neither_does_the_next_command() {
    let folder = tempfile::tempdir().unwrap();
    let (store, other) = (of_golden(&folder, "v1-storage"), of_golden(&folder, "v2"));
    let donor = other.write().unwrap();
    let (name, key, _) = behind::all(&donor).into_iter().find(|value| value.0 == "notifiers").unwrap();
    let bytes = behind::all(&donor).into_iter().find(|value| value.0 == name && value.1 == key).unwrap().2;
    let writer = store.write().unwrap();
    behind::put(&writer, &name, &key, Some(&bytes)).unwrap();
    behind::forge_sums(&writer, &name);
    writer.commit().unwrap();
    let error = verify(&store.read().unwrap()).unwrap_err();
    assert!(error.to_string().contains("`notifiers`"), "{error}");
    // Whoever changes the table next builds on what was forged, and says so.
    let actor = Actor { name: "ann".into(), at_unix_s: 2 };
    let writer = store.write().unwrap();
    writer.put(Table::Notifiers, b"new", &1_u64).unwrap();
    append(&writer, &actor, "notify add", "new", "").unwrap();
    writer.commit().unwrap();
    let error = verify(&store.read().unwrap()).unwrap_err();
    assert!(error.to_string().contains("`notifiers`: it was changed before entry"), "{error}");
}

#[test]
fn a_store_of_an_earlier_format_says_from_which_entry_on_it_is_proven() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["v1", "v1-storage", "v1-outbox", "v2", "v2-people", "v2-parts"] {
        let from = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("../fixtures/stores/{name}.redb"));
        let to = folder.path().join("old.redb");
        std::fs::copy(from, &to).unwrap();
        let store = Store::open(&to, &OpenOptions::default(), Access::Write).unwrap();
        let (before, covered) = verify(&store.read().unwrap()).unwrap();
        assert_eq!(covered, Covered { from_entry: None, commits_since: 0 }, "{name}");
        store.close().unwrap();
        let store = of_golden(&folder, name);
        let (after, covered) = verify(&store.read().unwrap()).unwrap();
        let baseline = before.entries + 1;
        assert_eq!((after.entries, covered.from_entry), (baseline + 1, Some(baseline)), "{name}");
    }
}
