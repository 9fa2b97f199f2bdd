//! Damaged files are refused with the place named, and nothing happens; a damaged store is told, never believed.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use billkeep_core::error::Kind;

use billkeep_fixtures::{Bill, CLASSES, Damaged, Format, Headers, Rng, Spec, csv, damaged};

use crate::support::figures::Figures;
use crate::support::{Home, MARCH, PAYER, STEM, bill_file, demo_file, fixture};

use billkeep_core::bills::{Import, ImportError, ImportReport, ImportSettings};
use billkeep_core::engine::{Access, Actor, JournalEntry, OpenOptions, Store};
use billkeep_core::formats::Limits;

const SEED: u64 = 11;

/// Everything in the store that a load could change, read by the library.
fn contents(store: &Store) -> String {
    let reader = store.read().unwrap();
    let bills = billkeep_core::bills::Bill::list(&reader).unwrap();
    format!("{bills:?}\n{:?}", JournalEntry::list(&reader).unwrap())
}

fn import(store: &Store, path: &Path) -> Result<ImportReport, ImportError> {
    let actor = Actor { name: "ann".to_owned(), at_unix_s: 0 };
    let (settings, limits) = (ImportSettings::default(), Limits::default());
    store.import(path, &Import { settings: settings.clone(), limits: limits.clone(), ..Import::by(&actor) })
}

/// The line of text at which a record begins, counted from 1; the header is record 1.
fn line_of(bytes: &[u8], record: usize) -> u64 {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(bytes);
    reader.records().nth(record - 1).unwrap().unwrap().position().unwrap().line()
}

/// What a message must say, where the damage is in one record: `record 7, …`, `record 7: …`.
fn place(file: &Damaged) -> Option<(u64, Option<&str>)> {
    let rest = file.what.strip_prefix("record ")?;
    let end = rest.find(|c: char| !c.is_ascii_digit())?;
    let record = rest[..end].parse().ok()?;
    if file.name.ends_with(".zip") || !matches!(file.class, "bad-cell" | "ragged") {
        return None;
    }
    let column = (file.class == "bad-cell").then(|| file.what.split('`').nth(1)).flatten();
    Some((line_of(&file.bytes, record), column))
}

/// Imports a damaged file, and tells what is wrong with the answer.
fn refused(
    store: &Store,
    path: &Path,
    file: &Damaged,
    placed: &mut BTreeMap<&str, u32>,
) -> Result<(), String> {
    let error = match import(store, path) {
        Ok(report) => return Err(format!("imported, {:?}", report.outcome)),
        Err(error) => error,
    };
    let text = error.to_string();
    if error.kind() != Kind::User {
        return Err(format!("{:?}: {text}", error.kind()));
    }
    if !text.contains(&file.name) {
        return Err(format!("the file is not named: {text}"));
    }
    if let Some((line, column)) = place(file) {
        // The first line tells what the file is, before any line is read: there is no place to name then.
        if line == 2 && text.contains("its lines say") && text.contains("its name says") {
            return Ok(());
        }
        if !text.contains(&format!(", line {line}: "))
            || column.is_some_and(|c| !text.contains(&format!("`{c}`")))
        {
            return Err(format!("not line {line}, column {column:?}: {text}"));
        }
        *placed.entry(file.class).or_insert(0) += 1;
    }
    Ok(())
}

#[test]
fn every_damaged_file_is_refused_with_its_place_and_changes_nothing() {
    let home = Home::with(&[demo_file(3, 4)]);
    let store = Store::open(&home.store(), &OpenOptions::default(), Access::Write).unwrap();
    let before = contents(&store);
    let files = damaged(SEED);
    assert!(files.len() >= 200, "{}", files.len());
    let (mut placed, mut wrong) = (BTreeMap::new(), Vec::new());
    for file in &files {
        let path = home.write(&format!("{}/{}", file.dir, file.name), &file.bytes);
        if let Err(why) = refused(&store, &path, file, &mut placed) {
            wrong.push(format!("{}, {}: {why}", file.dir, file.what));
        }
        fs::remove_file(&path).unwrap();
        if wrong.is_empty() {
            assert_eq!(contents(&store), before, "{}, {}", file.dir, file.what);
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), files.len(), wrong.join("\n"));
    assert!(placed["bad-cell"] >= 50 && placed["ragged"] >= 10, "{placed:?}");

    // The bill that all of these were made of is a sound one.
    let spec = Spec { customers: 5, lines: 40, ..Spec::new(SEED, PAYER.parse().unwrap(), 2021, 3) };
    let bill = Bill::generate(spec);
    let sound = csv(&bill.all(), &bill.spec, &Format::plain(Headers::English));
    let path = home.write(&files[0].name.replace(".zip", ".csv"), &sound);
    assert_eq!(import(&store, &path).unwrap().digest.lines(), 40);
    store.close().unwrap();
    home.ok(["store", "check"]);
}

#[test]
fn the_program_fails_with_one_error_for_each_kind_of_damage() {
    let home = Home::with(&[demo_file(3, 4)]);
    let before = home.seen();
    let files = damaged(SEED);
    let mut wrong = Vec::new();
    for class in CLASSES {
        let file = files.iter().find(|file| file.class == *class).unwrap();
        let path = home.write(&format!("{}/{}", file.dir, file.name), &file.bytes);
        let said = home.import_as(None, [&path]);
        let one = said.stderr.matches("error: ").count() == 1 && said.stderr.contains(&file.name);
        if said.code != 1 || !one || !said.stdout.is_empty() {
            wrong.push(format!("{}, {}: {said:?}", file.dir, file.what));
        } else if wrong.is_empty() {
            assert_eq!(home.seen(), before, "{class}");
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn a_bad_file_among_good_ones_takes_nothing_of_them_back() {
    let home = Home::new();
    let file = damaged(SEED).into_iter().find(|file| file.class == "truncated-zip").unwrap();
    let bad = home.write(&file.name, &file.bytes);
    home.import_as(None, [demo_file(3, 3), bad, demo_file(3, 4)])
        .says(1, &["1 of 3 files were not imported", &file.name]);
    assert_eq!(
        (home.bill_text("through").as_str(), home.bill()["revision"].as_u64()),
        ("2021-03-04", Some(2))
    );
}

#[test]
fn a_file_that_ends_without_a_line_end_is_taken_only_if_the_user_says_so() {
    let home = Home::new();
    let mut bytes = fs::read(bill_file("english")).unwrap();
    assert!(bytes.ends_with(b"\r\n"));
    bytes.truncate(bytes.len() - 2);
    let path = home.write(&format!("{STEM}.csv"), &bytes);
    home.import_as(None, [&path]).says(1, &["no line end", "--accept-unterminated"]);
    home.ok(["import", "--accept-unterminated", path.to_str().unwrap()]).says(0, &["Imported 150 lines"]);
    assert_eq!(home.bill_text("digest"), Home::with(&[bill_file("english")]).bill_text("digest"));
}

#[test]
fn a_flipped_bit_in_the_store_never_gives_wrong_figures_or_a_panic() {
    let home = Home::with(&[bill_file("english")]);
    home.confirm();
    let expected = Figures::read(&fixture(&format!("bills/english/{STEM}.expected.csv")));
    let sound = fs::read(home.store()).unwrap();
    let written: Vec<usize> = (0..sound.len()).filter(|at| sound[*at] != 0).collect();
    let mut rng = Rng::new(SEED);
    let (mut found, mut whole) = (0, 0);
    for number in 0..100 {
        // Most of a small store's file is zeros: half of the flips are where something is written.
        let at = if number % 2 == 0 { written[rng.index(written.len())] } else { rng.index(sound.len()) };
        let bit = rng.below(8);
        let mut bytes = sound.clone();
        bytes[at] ^= 1 << bit;
        fs::write(home.store(), &bytes).unwrap();
        let what = format!("bit {bit} of byte {at}");
        let wait = ["--wait-s", "5"];
        let args = ["--format", "csv", "bill", "show", MARCH, "--by", "owner,product,day"];
        let shown = home.run(wait.iter().chain(&args));
        match shown.code {
            0 => assert_eq!(Figures::parse(&shown.stdout), expected, "{what}"),
            1 | 4 => assert!(shown.stderr.contains("error: "), "{what}: {}", shown.stderr),
            code => panic!("{what}: exit code {code}: {}", shown.stderr),
        }
        let checked = home.run(wait.iter().chain(&["store", "check"]));
        match checked.code {
            0 => {
                assert_eq!(shown.code, 0, "{what}: whole, it says, and cannot be shown: {}", shown.stderr);
                whole += 1;
            }
            1 | 4 => found += 1,
            code => panic!("{what}: exit code {code}: {}", checked.stderr),
        }
    }
    assert!(found >= 10 && whole >= 10, "{found} found, {whole} whole");
}

#[test]
fn a_store_that_is_cut_or_something_else_is_told_so() {
    let home = Home::with(&[bill_file("english")]);
    let sound = fs::read(home.store()).unwrap();
    for bytes in [&sound[..sound.len() / 2], &sound[..100], b"", b"payer,owner\n1,2\n"] {
        fs::write(home.store(), bytes).unwrap();
        let said = home.run(["--wait-s", "5", "bill", "list"]);
        assert!([1, 4].contains(&said.code), "{} bytes: {said:?}", bytes.len());
        assert!(said.stderr.contains("error: "), "{}", said.stderr);
    }
}
