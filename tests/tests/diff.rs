//! `bill diff`: what two revisions differ in, to the line, and to the last decimal of the net effect.

use billkeep_fixtures::{Bill, Column, Format, Headers, Spec, demo, position, records, render};
use serde_json::Value;

use crate::support::decimal::{exact, written};
use crate::support::figures::Figures;
use crate::support::sheet::Sheet;
use crate::support::{Home, MARCH, PAYER, STEM, bill_file, demo_file};

/// Asserts that no line of a table is wider than a screen; letters of other scripts than Latin may take two columns.
#[track_caller]
fn fits_a_screen(table: &str) {
    for line in table.lines() {
        let width: usize = line.chars().map(|c| if c < '\u{1100}' { 1 } else { 2 }).sum();
        assert!(width <= 80, "{width} columns: {line}");
    }
}

#[track_caller]
fn count(value: &Value, name: &str) -> u64 {
    value[name].as_u64().unwrap_or_else(|| panic!("no `{name}` in {value}"))
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_else(|| panic!("no `{name}` in {value}"))
}

fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value[name].as_array().unwrap_or_else(|| panic!("no `{name}` in {value}"))
}

/// Asserts that the groups and the lines of a diff add up to a difference of totals.
#[track_caller]
fn adds_up(diff: &Value, want: i128) {
    let sum = |rows: &[Value]| rows.iter().map(|row| exact(text(row, "total"))).sum::<i128>();
    assert_eq!(sum(list(diff, "net")), want);
    assert_eq!(sum(list(diff, "groups")), want);
    let sign = |row: &Value| if matches!(text(row, "kind"), "added" | "changed-to") { 1 } else { -1 };
    let lines: i128 = list(diff, "rows").iter().map(|row| sign(row) * exact(text(row, "total"))).sum();
    assert_eq!(lines, want);
}

#[test]
fn the_next_days_file_adds_the_lines_of_its_day() {
    let march = demo::bill(3);
    let home = Home::with(&[demo_file(3, 4), demo_file(3, 5)]);
    let day = Figures::of(&march.on(5), &march.spec);
    let diff = home.json(["bill", "diff", MARCH]);
    assert_eq!(
        (count(&diff, "added"), count(&diff, "removed"), count(&diff, "changed")),
        (day.lines(), 0, 0)
    );
    assert_eq!((count(&diff["from"], "revision"), count(&diff["to"], "revision")), (1, 2));
    adds_up(&diff, day.total());
    // Backwards, all signs turn.
    let back = home.json(["bill", "diff", MARCH, "--from", "2", "--to", "1"]);
    assert_eq!((count(&back, "added"), count(&back, "removed")), (0, day.lines()));
    adds_up(&back, -day.total());

    let table = home.ok(["bill", "diff", MARCH, "--limit", "3"]);
    fits_a_screen(table.text());
    let plain = table.text().replace(',', "");
    assert!(plain.contains(&written(day.total())) && plain.contains("others"), "{plain}");
}

#[test]
fn there_is_nothing_before_the_first_revision() {
    let home = Home::with(&[demo_file(3, 4)]);
    home.run(["bill", "diff", MARCH]).says(1, &["no revision before 1", "2021-03"]);
    home.run(["bill", "diff", MARCH, "--from", "1", "--to", "7"]).says(1, &["no revision 7"]);
    let same = home.json(["bill", "diff", MARCH, "--from", "1", "--to", "1"]);
    assert_eq!((list(&same, "rows").len(), list(&same, "groups").len()), (0, 0));
    adds_up(&same, 0);
}

/// A month of which some lines are changed, one is taken out, and one stands twice.
struct Corrected {
    before: Vec<Vec<String>>,
    after: Vec<Vec<String>>,
    spec: Spec,
}

impl Corrected {
    fn new() -> Corrected {
        let bill = Bill::generate(Spec { lines: 200, ..Spec::new(5, PAYER.parse().unwrap(), 2021, 3) });
        let before = records(&bill.all(), &bill.spec, Headers::English);
        let mut after = before.clone();
        let place = |column| position(&bill.spec, Headers::English, column).unwrap();
        after[7][place(Column::Total)] = "1,000.5".into();
        after[90][place(Column::Region)] = "Moon".into();
        let gone = after.remove(120);
        assert_eq!(before.iter().filter(|line| **line == gone).count(), 1);
        let twice = after[60].clone();
        after.push(twice);
        Corrected { before, after, spec: bill.spec }
    }

    fn home(&self) -> Home {
        let home = Home::new();
        for (at, records) in [&self.before, &self.after].into_iter().enumerate() {
            let text = render(records, &Format::plain(Headers::English));
            let file = home.write(&format!("{at}/{STEM}.csv"), &text);
            home.ok(["import", "--accept-smaller", file.to_str().unwrap()]);
        }
        home
    }

    fn total(&self, line: &[String]) -> i128 {
        let cell = line[position(&self.spec, Headers::English, Column::Total).unwrap()].trim();
        if cell == "1e-7" { 10 } else { exact(cell) }
    }
}

#[test]
fn a_corrected_month_shows_each_line_that_was_added_removed_and_changed() {
    let corrected = Corrected::new();
    let home = corrected.home();
    let diff = home.json(["bill", "diff", MARCH]);
    assert_eq!((count(&diff, "added"), count(&diff, "removed"), count(&diff, "changed")), (1, 1, 2));
    let want = corrected.total(&corrected.after[7])
        - corrected.total(&corrected.before[7])
        - corrected.total(&corrected.before[120])
        + corrected.total(&corrected.before[60]);
    adds_up(&diff, want);
    let kinds: Vec<&str> = list(&diff, "rows").iter().map(|row| text(row, "kind")).collect();
    let later = || list(&diff, "rows").iter().filter(|row| text(row, "kind") == "changed-to");
    assert_eq!(kinds.len(), 6);
    let columns: Vec<String> = later().map(|row| row["columns"].to_string()).collect();
    assert!(columns.contains(&r#"["TotalCost"]"#.to_owned()), "{columns:?}");
    assert!(columns.contains(&r#"["Region"]"#.to_owned()), "{columns:?}");
    let by: Vec<&str> = later().map(|row| text(row, "by")).collect();
    assert!(by.contains(&"texts") && by.contains(&"transaction"), "{by:?}");

    // CSV has the same lines, cells as imported.
    let csv = Sheet::parse(&home.ok(["--format", "csv", "bill", "diff", MARCH]).stdout);
    let kind = |row: usize| csv.cell(row, "kind").to_owned();
    assert_eq!((0..csv.rows.len()).map(kind).collect::<Vec<_>>(), kinds);
    let cells = |row: usize| csv.rows[row][6..].to_vec();
    for (kind, want) in [("removed", &corrected.before[120]), ("added", &corrected.before[60])] {
        let row = kinds.iter().position(|k| *k == kind).unwrap();
        assert_eq!(&cells(row), want);
    }
    let to = (0..csv.rows.len()).find(|row| csv.cell(*row, "columns") == "TotalCost").unwrap();
    assert_eq!((csv.cell(to, "kind"), cells(to)), ("changed-from", corrected.before[7].clone()));
    assert_eq!((csv.cell(to + 1, "kind"), cells(to + 1)), ("changed-to", corrected.after[7].clone()));
    assert_eq!(csv.cell(to, "change"), csv.cell(to + 1, "change"));
    fits_a_screen(home.ok(["bill", "diff", MARCH]).text());
}

#[test]
fn the_same_lines_in_another_order_and_under_other_spellings_are_no_difference() {
    let home = Home::new();
    home.import([bill_file("english")]);
    let before = home.bill();
    home.import([bill_file("english-spaced")]).says(0, &["nothing was changed", "another spelling"]);
    assert_eq!(home.bill(), before);
}

#[test]
fn threads_do_not_change_what_is_told() {
    let corrected = Corrected::new();
    let home = corrected.home();
    let on =
        |threads: &str| home.ok(["--threads", threads, "--format", "json", "bill", "diff", MARCH]).stdout;
    assert!(on("1") == on("2") && on("1") == on("5"));
}
