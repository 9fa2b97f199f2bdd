//! Control figures: a file that was cut at a line end is found by what its sender states of it.

use std::fs;

use crate::support::sha256::sha256;
use crate::support::{Home, STEM, bill_file};

/// March of the fixtures: 150 lines, 82,500.34727189 USD.
const TOTAL: &str = "82500.34727189";

#[test]
fn a_file_with_the_figures_that_were_stated_is_imported() {
    let home = Home::new();
    let bytes = fs::read(bill_file("english")).unwrap();
    let file = home.write(&format!("{STEM}.csv"), &bytes);
    let hash = sha256(&bytes);
    let total = format!("{TOTAL} USD");
    let args = ["import", "--expect-lines", "150", "--expect-total", &total, "--expect-sha256", &hash];
    home.run(args.iter().copied().chain([file.to_str().unwrap()])).says(0, &["Imported 150 lines"]);
    // The figure of an invoice has two decimals.
    home.ok(["import", "--expect-total", "82,500.35", file.to_str().unwrap()]);
}

#[test]
fn a_cut_file_is_refused_by_each_figure_and_both_are_named() {
    let home = Home::new();
    let whole = fs::read(bill_file("english")).unwrap();
    let text = String::from_utf8(whole.clone()).unwrap();
    let cut: String = text.split_inclusive('\n').take(20).collect();
    let file = home.write(&format!("{STEM}.csv"), cut.as_bytes());
    let hash = sha256(&whole);
    for (option, stated, word) in [
        ("--expect-lines", "150", "150 was expected, and the file has 13"),
        ("--expect-total", "82500.35", "82,500.35 was expected"),
        ("--expect-sha256", hash.as_str(), hash.as_str()),
    ] {
        for dry in [&["--dry-run"][..], &[]] {
            let args = ["import", option, stated, file.to_str().unwrap()];
            home.run(args.iter().chain(dry)).says(3, &["is not the file that was expected", word]);
        }
    }
    assert_eq!(home.json(["bill", "list"])["rows"].as_array().unwrap().len(), 0);
    home.run(["import", "--expect-total", "much", file.to_str().unwrap()]).says(2, &["not an amount"]);
    home.run(["import", "--expect-lines", "1", file.to_str().unwrap(), file.to_str().unwrap()])
        .says(1, &["of one file"]);
}

#[test]
fn a_side_file_is_compared_without_being_asked_for() {
    let home = Home::new();
    let bytes = fs::read(bill_file("english")).unwrap();
    let name = format!("{STEM}.csv");
    let file = home.write(&name, &bytes);
    let (hash, other) = (sha256(&bytes), sha256(b"other"));
    let side = format!("{name}.sha256");
    for wrong in [format!("{other}  {name}\n"), format!("{other} *{name}\n"), other.clone()] {
        home.write(&side, wrong.as_bytes());
        home.import_as(None, [&file]).says(3, &[&side, &other, &hash]);
    }
    for unusable in ["", "no digits", &format!("{hash}  another.csv\n{hash}  third.csv\n"), &hash[1..]] {
        home.write(&side, unusable.as_bytes());
        home.import_as(None, [&file]).says(1, &[&side, "states no SHA-256"]);
    }
    // Two lines that contradict one another: none of them is taken for the right one.
    for both in [format!("{hash}  {name}\n{other}  {name}\n"), format!("{other}  {name}\n{hash} *{name}\n")] {
        home.write(&side, both.as_bytes());
        home.import_as(None, [&file]).says(1, &[&side, "states more than one SHA-256", &name]);
    }
    for right in [
        format!("{hash}  {name}\n{hash} *{name}\n"),
        format!("{hash}  {name}\n"),
        format!("{} *folder/{name}\r\n", hash.to_uppercase()),
        format!("{other}  another.csv\n{hash}  {name}\n"),
        hash.clone(),
    ] {
        let home = Home::new();
        let file = home.write(&name, &bytes);
        home.write(&side, right.as_bytes());
        home.import([file]).says(0, &["Imported 150 lines"]);
    }
    // In a folder the side file is no bill, and keeps a wrong file out.
    let home = Home::new();
    home.write(&format!("in/{name}"), &bytes);
    home.write(&format!("in/{side}"), other.as_bytes());
    home.run(["import", home.path("in").to_str().unwrap()]).says(3, &[&other]);
}
