//! The journal: who did what, found again, and whether it is all there as it was written.

use std::fs;

use billkeep_core::testing::Table;
use serde_json::Value;

use crate::support::{Home, MARCH, PAYER, bill_file, demo_file};

use billkeep_core::engine::{Access, OpenOptions, Proof, Records, Store};

/// How the store's file is cut.
const PAGE_BYTES: usize = 4096;

/// A store with six entries, of three actors.
fn audited() -> Home {
    let home = Home::with(&[bill_file("english")]);
    home.confirm();
    home.ok(["--as", "lin", "bill", "reopen", MARCH, "--reason", "the channel manager corrected a rate"]);
    home.ok(["--as", "wang", "storage", "allow", PAYER]);
    home.ok(["--as", "wang", "storage", "authorize", PAYER]);
    home
}

fn rows(home: &Home, options: &[&str]) -> Vec<Value> {
    let args = ["audit", "list"].iter().chain(options);
    home.json(args)["rows"].as_array().unwrap().clone()
}

fn numbers(home: &Home, options: &[&str]) -> Vec<u64> {
    rows(home, options).iter().map(|row| row["entry"].as_u64().unwrap()).collect()
}

#[test]
fn entries_are_found_by_who_did_what_to_what_and_when() {
    let home = audited();
    assert_eq!(numbers(&home, &[]), [1, 2, 3, 4, 5, 6]);
    assert_eq!(numbers(&home, &["--actor", "wang"]), [5, 6]);
    assert_eq!(numbers(&home, &["--action", "storage"]), [5, 6]);
    assert_eq!(numbers(&home, &["--action", "storage allow"]), [5]);
    assert_eq!(numbers(&home, &["--subject", "2021"]), [2, 3, 4]);
    assert_eq!(numbers(&home, &["--subject", "2021-04"]), [0; 0]);
    assert_eq!(numbers(&home, &["--limit", "2"]), [5, 6]);
    assert_eq!(numbers(&home, &["--actor", "ann", "--subject", MARCH, "--limit", "1"]), [3]);

    // Days are those of the store's zone: the entry's own day has it, the days beside have not.
    let zone = chrono::FixedOffset::east_opt(8 * 3600).unwrap();
    let at: chrono::DateTime<chrono::Utc> = rows(&home, &[])[0]["at"].as_str().unwrap().parse().unwrap();
    let day = at.with_timezone(&zone).date_naive();
    let text = |day: chrono::NaiveDate| day.to_string();
    let (before, on) = (text(day.pred_opt().unwrap()), text(day));
    assert_eq!(numbers(&home, &["--since", &on])[0], 1);
    assert_eq!(numbers(&home, &["--until", &on])[0], 1);
    assert_eq!(numbers(&home, &["--until", &before]), [0; 0]);
    let later = text(day + chrono::Days::new(2));
    assert_eq!(numbers(&home, &["--since", &later]), [0; 0]);
}

#[test]
fn who_acts_is_stated_before_or_after_the_command() {
    let home = Home::new();
    let file = bill_file("english");
    let file = file.to_str().unwrap();
    // The journal has another actor than the environment names.
    home.ok(["storage", "allow", PAYER, "--as", "wang"]);
    home.ok(["storage", "--as", "lin", "authorize", PAYER]);
    home.run(["import", file, "--as", "zoe"]).says(2, &["`zoe` is not a mode", "`--actor NAME`"]);
    let imported = home.json(["--as", "lin", "import", "--as", "cumulative", file]);
    assert_eq!(imported["files"][0]["mode"], "cumulative");
    let who = |options: &[&str]| -> Vec<String> {
        rows(&home, options).iter().map(|row| row["actor"].as_str().unwrap().to_owned()).collect()
    };
    let april = demo_file(4, 4);
    home.ok(["import", april.to_str().unwrap(), "--actor", "zoe"]);
    assert_eq!(who(&[]), ["ann", "wang", "lin", "lin", "zoe"]);
    assert_eq!(who(&["--actor", "wang", "--as", "zoe"]), ["wang"]);
}

#[test]
fn an_entry_tells_digests_and_links_and_a_person_reads_it_in_eighty_columns() {
    let home = audited();
    let all = rows(&home, &[]);
    for pair in all.windows(2) {
        assert_eq!(pair[1]["previous"], pair[0]["hash"]);
    }
    assert_eq!(all[0]["previous"], "0".repeat(64));
    // A setting's digests: none before the first time, and what was there then is where the next change begins.
    assert_eq!((&all[4]["before"], &all[4]["after"]), (&Value::from(""), &all[5]["before"]));
    assert!(all[5]["after"].as_str().unwrap().len() == 64 && all[5]["after"] != all[5]["before"]);

    let text = home.ok(["audit", "list"]);
    assert!(text.text().contains("  lin: reopen 2021-03\n"), "{}", text.text());
    assert!(text.text().contains("corrected a rate"), "{}", text.text());
    for line in text.text().lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
    let csv = home.ok(["--format", "csv", "audit", "list", "--limit", "1"]);
    let header = "entry,at,actor,action,subject,detail,before,after,reason,previous,hash";
    assert_eq!((csv.text().lines().next().unwrap(), csv.text().lines().count()), (header, 2));
}

#[test]
fn a_hash_that_was_noted_is_found_again_unless_the_journal_is_another() {
    let home = audited();
    let proof = home.json(["audit", "verify"])["rows"][0].clone();
    let noted = proof["last_hash"].as_str().unwrap();
    assert_eq!((&proof["entries"], noted), (&Value::from(6), rows(&home, &[])[5]["hash"].as_str().unwrap()));
    home.ok(["storage", "revoke", PAYER]);
    home.ok(["audit", "verify", "--expect", &noted.to_uppercase()])
        .says(0, &["7 entries", "that of entry 6", "The last hash is "]);
    let found = home.json(["audit", "verify", "--expect", noted])["rows"][0].clone();
    assert_eq!((&found["entries"], &found["noted_entry"]), (&Value::from(7), &Value::from(6)));
    let other = Home::with(&[bill_file("english")]);
    other.run(["audit", "verify", "--expect", noted]).says(4, &[noted, "2 entries"]);
    home.run(["audit", "verify", "--expect", &noted[..60]]).says(2, &["64 digits"]);
    home.run(["audit", "verify", "--expect", &noted.replace(|c| c != '0', "x")]).says(2, &["hexadecimal"]);
}

/// The page of the store's file that holds the journal's entries, and their values.
fn page_of_the_journal(home: &Home, sound: &[u8]) -> (usize, Vec<Vec<u8>>) {
    let store = Store::open(&home.store(), &OpenOptions::default(), Access::Read).unwrap();
    let mut values = Vec::new();
    let mut keep = |_: &[u8], bytes: &[u8]| {
        values.push(bytes.to_vec());
        Ok(true)
    };
    store.read().unwrap().scan_bytes(Table::Journal, &[], &mut keep).unwrap();
    store.close().unwrap();
    let last = values.last().unwrap();
    // The entry that was written last is nowhere but in the page that counts.
    let places: Vec<usize> =
        sound.windows(last.len()).enumerate().filter(|(_, w)| w == last).map(|(at, _)| at).collect();
    let [place] = places[..] else { panic!("{places:?}") };
    (place / PAGE_BYTES * PAGE_BYTES, values)
}

/// A byte that says that there is a checksum, and the checksum, before each value.
const SEAL_BYTES: usize = 5;

#[test]
fn a_byte_of_the_journal_that_is_flipped_in_the_stores_file_is_found() {
    let home = audited();
    let sound = fs::read(home.store()).unwrap();
    let (page, values) = page_of_the_journal(&home, &sound);
    assert_eq!(values.len(), 6);
    // A page: what it is, a byte of padding, how many entries; where keys and values end; keys; values.
    let head = 4 + 2 * 4 * values.len();
    let keys: usize = 8 * values.len();
    let used = head + keys + values.iter().map(|value| SEAL_BYTES + value.len()).sum::<usize>();
    let mut starts = vec![head + keys];
    values.iter().for_each(|value| starts.push(starts.last().unwrap() + SEAL_BYTES + value.len()));
    let mut flipped = sound.clone();
    for offset in (0..used).filter(|offset| *offset != 1) {
        flipped[page + offset] ^= 0x10;
        fs::write(home.store(), &flipped).unwrap();
        flipped[page + offset] ^= 0x10;
        let open = Store::open(&home.store(), &OpenOptions::default(), Access::Read);
        let text = open.and_then(|store| Proof::verify(&store.read()?)).unwrap_err().to_string();
        if offset >= head + keys {
            let number = starts.iter().filter(|start| **start <= offset).count();
            assert!(text.contains(&format!("entry {number} of the journal")), "byte {offset}: {text}");
        }
    }
    // The program says so in its own words where the page itself is broken.
    flipped[page] ^= 0x10;
    fs::write(home.store(), &flipped).unwrap();
    home.run(["audit", "verify"]).says(4, &["the store is damaged: a page: "]);
    fs::write(home.store(), &sound).unwrap();
    home.ok(["audit", "verify"]).says(0, &["6 entries"]);
}
