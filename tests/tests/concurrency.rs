//! Several programs work on one store: readers are never refused, writers wait for each other, for a bounded time.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use billkeep_core::testing::{RawStore as _, RawTransaction as _};

use crate::support::{Home, MARCH, Output, bill_file, demo_file, large};
use billkeep_core::engine::{Access, OpenOptions, Store};

#[cfg(unix)]
#[test]
fn a_reader_is_not_refused_while_an_import_runs_and_sees_all_of_it_or_nothing() {
    let home = Home::with(&[demo_file(4, 7)]);
    let (file, _) = large::place(&home.path(""));
    let mut import = home.command(["import", file.to_str().unwrap()]);
    let mut import = import.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let reader = || {
        let mut command = home.command(["--format", "json", "--wait-s", "0", "bill", "list"]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let check = |reader: Child| {
        let list = Output::of(reader.wait_with_output().unwrap()).says(0, &[]).json();
        let rows = list["rows"].as_array().unwrap();
        assert!(rows.iter().any(|r| r["month"] == "2021-04"), "{list}");
        assert!(rows.iter().all(|r| r["month"] != MARCH || r["lines"] == large::LINES), "{list}");
    };
    let signal = |name: &str| {
        Command::new("kill").args([name, &import.id().to_string()]).status().unwrap();
    };
    // However fast the machine is: readers come while the import stands still, wherever that is.
    for _ in 0..4 {
        signal("-STOP");
        let mut reader = reader();
        // Where it stands still in the moment in which the file's head is locked, the reader ends after that.
        for _ in 0..20 {
            if reader.try_wait().unwrap().is_some() {
                break;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        signal("-CONT");
        check(reader);
    }
    while import.try_wait().unwrap().is_none() {
        check(reader());
    }
    assert!(import.wait().unwrap().success());
    assert_eq!(home.json(["bill", "list"])["rows"].as_array().unwrap().len(), 2);
}

#[test]
fn two_imports_at_once_both_come_in() {
    let home = Home::new();
    let (file, _) = large::place(&home.path(""));
    let spawn = |file: &std::path::Path| {
        // Whichever comes second is far smaller or larger than the month of the first.
        let mut command = home.command(["import", "--accept-smaller", file.to_str().unwrap()]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let both = [spawn(&file), spawn(&demo_file(4, 7))];
    for import in both {
        Output::of(import.wait_with_output().unwrap()).says(0, &["Imported"]);
    }
    let list = home.json(["bill", "list"]);
    let lines: Vec<u64> =
        list["rows"].as_array().unwrap().iter().map(|r| r["lines"].as_u64().unwrap()).collect();
    let april = billkeep_fixtures::demo::bill(4).through(7).len() as u64;
    assert_eq!(lines, [large::LINES, april]);
    home.ok(["store", "check"]).says(0, &["2 bills"]);
    home.ok(["audit", "verify"]).says(0, &["3 entries"]);
}

#[test]
fn a_writer_gives_up_after_its_bound_and_says_try_again() {
    let home = Home::with(&[bill_file("english")]);
    let store = Store::open(&home.store(), &OpenOptions::default(), Access::Write).unwrap();
    let writer = store.write().unwrap();
    let digest = home.bill_text("digest");
    for wait in ["0", "1"] {
        let import = home.run(["--wait-s", wait, "import", demo_file(4, 7).to_str().unwrap()]);
        import.says(5, &["another program is writing", "try again"]);
        let confirm = home.run(["--wait-s", wait, "bill", "confirm", MARCH, "--digest", &digest]);
        confirm.says(5, &["another program is writing"]);
        // Readers are not kept from anything.
        home.ok(["--wait-s", wait, "bill", "show", MARCH]);
        // Except the one that compares all pages: they are those of one moment.
        home.run(["--wait-s", wait, "store", "check"]).says(5, &["another program is writing"]);
    }
    assert_eq!(home.bill_text("state"), "issued");
    writer.abort().unwrap();
    store.close().unwrap();
    home.ok(["--wait-s", "5", "import", demo_file(4, 7).to_str().unwrap()]);
}

#[test]
fn a_writer_that_does_not_wait_works_where_nobody_else_writes() {
    let home = Home::new();
    for day in 1..=3 {
        let import = home.run(["--wait-s", "0", "import", demo_file(4, day).to_str().unwrap()]);
        import.says(0, &["Imported"]);
    }
}

/// Two people confirm and a file comes in, as three programs at once. Whoever confirmed anything confirmed what they
/// saw, and a file that came too late waits.
#[test]
fn two_confirmers_and_an_importer_racing_confirm_what_was_seen() {
    let races = if std::env::var_os("BILLKEEP_TEST_ALL").is_some() { 200 } else { 12 };
    let mut outcomes = std::collections::BTreeMap::new();
    for race in 0..races {
        let home = Home::with(&[demo_file(3, 31)]);
        let seen = home.bill_text("digest");
        let (file, _) = crate::confirm::adjustment(&home);
        let spawn = |args: &[&str]| {
            let mut command = home.command(args);
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
        };
        let confirm = ["bill", "confirm", MARCH, "--digest", &seen];
        let import = ["import", "--as", "adjustment", file.to_str().unwrap()];
        // Each of them goes first in a third of the races.
        let mut commands: [&[&str]; 3] = [&confirm, &confirm, &import];
        commands.rotate_left(race % 3);
        let children = commands.map(spawn);
        let codes: Vec<i32> =
            children.into_iter().map(|c| Output::of(c.wait_with_output().unwrap()).code).collect();
        let importer = commands.iter().position(|c| c[0] == "import").unwrap();
        let confirmed = (0..3).filter(|at| *at != importer && codes[*at] == 0).count();
        let bill = home.bill();
        match codes[importer] {
            // The file came first, and nobody has confirmed what they did not see.
            0 => {
                assert_eq!((confirmed, &bill["state"], &bill["revision"]), (0, &"issued".into(), &2.into()));
            }
            // It came after the confirmation of what was there before, and waits.
            7 => {
                assert_eq!(
                    (confirmed, &bill["state"], &bill["digest"]),
                    (1, &"confirmed".into(), &seen.as_str().into())
                );
                assert_eq!(home.json(["late", "list"])["rows"][0]["state"], "waiting");
            }
            code => panic!("the import ended with {code}"),
        }
        *outcomes.entry(codes[importer]).or_insert(0) += 1;
        home.ok(["audit", "verify"]);
    }
    assert_eq!(outcomes.values().sum::<usize>(), races);
}
