//! Where bills come from: pipes, folders, gzip, names of copies; and what an import of several files does when one is wrong.

use std::io::Write;
use std::process::Stdio;

use billkeep_fixtures::zip;

use crate::support::{Home, MARCH, Output, PAYER, STEM};

const HEADER: &str = "PayerAccountID,OwnerAccountID,ProductName,UsageStartTime,Currency,TotalCost";

/// A bill of one line for each of these days of March.
fn csv(days: &[u32]) -> String {
    let line = |day: &u32| format!("{PAYER},200000003412,CVM,2021-03-{day:02} 10:00:00,USD,1.25\n");
    format!("{HEADER}\n{}", days.iter().map(line).collect::<String>())
}

/// Runs the program with something on its standard input.
fn fed(home: &Home, args: &[&str], input: &[u8]) -> Output {
    let mut child = home
        .command(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    Output::of(child.wait_with_output().unwrap())
}

const AS_MARCH: [&str; 4] = ["--as", "monthly", "--month", MARCH];

#[test]
fn standard_input_is_imported_whatever_it_is_packed_in() {
    let text = csv(&[1, 2, 3]);
    let home = Home::new();
    let args = [&["import", "-"], &AS_MARCH[..]].concat();
    fed(&home, &args, text.as_bytes()).says(0, &["`standard input`", "3 lines"]);
    // The same bytes by another way, and the same lines in a zip, which has to be read from its end.
    let other = [&["import", "/dev/stdin"], &AS_MARCH[..]].concat();
    fed(&home, &other, text.as_bytes()).says(0, &["nothing was changed"]);
    let zipped = zip(&[("a.csv".to_owned(), text.clone().into_bytes())]);
    fed(&home, &args, &zipped).says(0, &["holds the same lines"]);
    assert_eq!(home.bill()["total"], "3.75000000");
    fed(&home, &["import", "-"], text.as_bytes()).says(1, &["`standard input`", "--mode"]);
    fed(&home, &args, b"").says(1, &["standard input", "empty"]);
    fed(&home, &args, &[0; 1_000]).says(1, &["standard input", "no CSV"]);
}

#[cfg(unix)]
#[test]
fn a_named_pipe_is_imported_under_its_name() {
    let home = Home::new();
    let path = home.path(&format!("{STEM}.csv"));
    assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
    let writer = {
        let path = path.clone();
        std::thread::spawn(move || std::fs::write(path, csv(&[1, 2])).unwrap())
    };
    home.import([&path]).says(0, &[STEM, "2 lines"]);
    writer.join().unwrap();
    let left: Vec<_> = std::fs::read_dir(home.path("")).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| !name.to_string_lossy().contains("tmp")), "{left:?}");
}

#[test]
fn a_folder_is_imported_in_the_order_of_its_days() {
    let home = Home::new();
    let name = |day: u32| format!("{PAYER}-202103{day:02}-by_used_time-bill_details");
    std::fs::create_dir_all(home.path("inbox/older")).unwrap();
    home.write(&format!("inbox/{}.csv", name(3)), csv(&[1, 2, 3]).as_bytes());
    home.write(&format!("inbox/{}.zip", name(2)), &zip(&[("a.csv".to_owned(), csv(&[1, 2]).into_bytes())]));
    home.write(&format!("inbox/{} (1).csv", name(1)), csv(&[1]).as_bytes());
    home.write("inbox/.DS_Store", b"\0");
    home.write("inbox/._x.csv", b"\0");
    home.write("inbox/notes.txt", b"hello");
    let output =
        home.import([home.path("inbox")]).says(0, &["passed over `notes.txt`, `older`", "revision 3"]);
    let places: Vec<usize> = (1..=3).map(|day| output.stderr.find(&name(day)).unwrap()).collect();
    assert!(places.is_sorted(), "{}", output.stderr);
    home.import_as(None, [home.path("inbox/older")]).says(1, &["no bill file", "older"]);
}

#[test]
fn a_file_that_is_wrong_keeps_no_later_file_out() {
    let home = Home::new();
    let name = |day: u32| format!("{PAYER}-202103{day:02}-by_used_time-bill_details.csv");
    let files = [1, 2, 3].map(|day| {
        let days: Vec<u32> = (1..=day).collect();
        let text = if day == 2 { "nonsense\n".to_owned() } else { csv(&days) };
        home.write(&name(day), text.as_bytes())
    });
    home.import_as(None, &files).says(1, &["1 of 3 files were not imported", &name(2), "revision 2"]);
    assert_eq!(home.bill()["lines"], 3);
    let output = home.command(["--format", "json", "import"]).args(&files).output().unwrap();
    let json = Output::of(output).json();
    assert_eq!(json["files"].as_array().unwrap().len(), 2);
    assert!(json["failed"][0]["file"].as_str().unwrap().ends_with(&name(2)), "{json}");
}

#[test]
fn errors_have_the_path_as_it_was_typed() {
    let home = Home::new();
    let run = |args: &[&str]| home.run(args);
    std::fs::create_dir_all(home.path("a")).unwrap();
    home.write("a/x.csv", csv(&[1]).replace("1.25", "one").as_bytes());
    run(&["import", "--as", "monthly", "a/x.csv"]).says(1, &["`a/x.csv`, line 2", "TotalCost"]);
    run(&["import", "--as", "monthly", "a/x.csv", "b/x.csv"])
        .says(1, &["`a/x.csv`, line 2", "`b/x.csv` cannot be read", "2 of 2 files"]);
    // A pattern that the shell has left as it is.
    run(&["import", "a/*.zip"]).says(1, &["`a/*.zip` cannot be read", "billkeep import a"]);
    run(&["import", "nothing.csv"]).says(1, &["`nothing.csv` cannot be read"]);
}

#[test]
fn a_copy_is_known_by_the_name_that_it_was_copied_from() {
    let home = Home::new();
    let copies = [
        " - Copy.csv",
        " - Copy (2).csv",
        " copy.csv",
        " copy 2.csv",
        " - 副本.csv",
        " - 副本 (2).csv",
        "的副本.csv",
        "（1）.csv",
        " (1).csv",
        ".csv.csv",
        ".csv.zip",
        ".CSV",
    ];
    let files = copies.map(|copy| home.write(&format!("{STEM}{copy}"), csv(&[1]).as_bytes()));
    // The first is imported, and the others are the same file again.
    let output = home.import(&files).says(0, &["Imported 1 line"]);
    assert_eq!(output.stderr.matches("nothing was changed").count(), copies.len() - 1, "{}", output.stderr);
    for other in ["_final.csv", "-1.csv", " (x).csv"] {
        let file = home.write(&format!("{STEM}{other}"), csv(&[1]).as_bytes());
        home.import_as(None, [file]).says(1, &["--mode"]);
    }
}

#[test]
fn what_a_zip_holds_besides_bills_is_told() {
    let home = Home::new();
    let entries = [
        ("march/a.csv".to_owned(), csv(&[1, 2]).into_bytes()),
        ("march/._a.csv".to_owned(), b"\0\x05\x16\x07".to_vec()),
        ("readme.txt".to_owned(), b"hello".to_vec()),
        ("march/b.csv".to_owned(), format!("{HEADER}\n").into_bytes()),
    ];
    let file = home.write(&format!("{STEM}.zip"), &zip(&entries));
    let output = home.command(["--format", "json", "import"]).arg(&file).output().unwrap();
    let output = Output::of(output).says(0, &[]);
    let skipped = &output.json()["files"][0]["skipped"];
    assert_eq!(skipped[0]["name"], "march/._a.csv", "{skipped}");
    assert_eq!(skipped[2]["why"], "no-lines", "{skipped}");
    let home = Home::new();
    home.import([file])
        .says(0, &["passed over, no part of a bill: `march/._a.csv`, `readme.txt`", "`march/b.csv`"]);
}

#[test]
fn a_csv_that_is_twice_in_a_zip_is_refused_by_default() {
    let home = Home::new();
    let entries = ["one/a.csv", "two/a.csv"].map(|name| (name.to_owned(), csv(&[1, 2]).into_bytes()));
    let file = home.write(&format!("{STEM}.zip"), &zip(&entries));
    home.import_as(None, [&file]).says(1, &["`one/a.csv`", "`two/a.csv`", "count twice"]);
    home.run(["import", "--strict", file.to_str().unwrap()]).says(1, &["count twice"]);
}
