//! `expected` tells which files should have come in by a day, and what became of each.

use billkeep_fixtures::{Format, Headers, csv, demo};
use serde_json::Value;

use crate::support::{Home, PAYER, bill_file, demo_file};

fn rows(home: &Home, options: &[&str]) -> Vec<Value> {
    let shown = home.json(["expected"].iter().chain(options));
    assert_eq!(shown["format"], "billkeep.expected/1");
    shown["rows"].as_array().unwrap().clone()
}

/// What is told on a day: month, basis, kind, last day and verdict, then the file, late or missing days.
fn told(home: &Home, options: &[&str]) -> Vec<String> {
    let one = |row: &Value| {
        let names = ["month", "basis", "kind", "last_day", "verdict", "late_days", "missing_days"];
        let cells = names.map(|name| row[name].as_str().map_or_else(|| row[name].to_string(), str::to_owned));
        cells.join(" ").trim_end().to_owned()
    };
    rows(home, options).iter().map(one).collect()
}

/// Writes the demo bill's lines of some days of March.
fn march(home: &Home, name: &str, days: std::ops::RangeInclusive<u32>) -> std::path::PathBuf {
    let bill = demo::bill(3);
    let lines: Vec<_> = days.flat_map(|day| bill.on(day)).collect();
    home.write(name, &csv(&lines, &bill.spec, &Format::plain(Headers::English)))
}

fn name_of(file: &std::path::Path) -> &str {
    file.file_name().unwrap().to_str().unwrap()
}

#[test]
fn files_arrive_fall_due_and_are_late() {
    let home = Home::new();
    home.ok(["expected"]).says(0, &["No bill was imported yet"]);
    home.import([demo_file(3, 31), demo_file(4, 4)]);
    let march = "2021-03 used monthly 2021-03-31 arrived";
    assert_eq!(told(&home, &["--on", "2021-04-06"]), [march, "2021-04 used daily 2021-04-04 arrived"]);
    assert_eq!(told(&home, &["--on", "2021-04-07"]), [march, "2021-04 used daily 2021-04-05 due"]);
    assert_eq!(told(&home, &["--on", "2021-04-10"]), [march, "2021-04 used daily 2021-04-08 late 3"]);
    assert_eq!(told(&home, &["--on", "2021-04-10", "--month", "2021-03"]), [march]);
    let late = rows(&home, &["--on", "2021-04-10"])[1].clone();
    assert_eq!((&late["due"], &late["through"]), (&"2021-04-07".into(), &"2021-04-04".into()));
    assert_eq!(late["next"], "billkeep import --mode cumulative FILE");
    assert_eq!(rows(&home, &["--on", "2021-04-06"])[0]["file"], name_of(&demo_file(3, 31)));
    // And what is told to be run next is taken.
    home.import_as(Some("cumulative"), [demo_file(4, 7)]).says(0, &["Imported"]);
    assert_eq!(told(&home, &["--on", "2021-04-09"])[1], "2021-04 used daily 2021-04-07 arrived");
}

#[test]
fn days_and_months_that_were_passed_over_are_missing() {
    let home = Home::new();
    for day in [1, 2, 4] {
        let file = march(&home, &format!("{PAYER}-202103{day:02}-by_used_time-bill_details.csv"), day..=day);
        home.import_as(Some("day"), [file]).says(0, &["Imported"]);
    }
    assert_eq!(
        told(&home, &["--on", "2021-03-07"]),
        ["2021-03 used daily 2021-03-05 missing  2021-03-03", "2021-03 used daily 2021-03-05 due"]
    );
    assert_eq!(rows(&home, &["--on", "2021-03-07"])[0]["next"], "billkeep import --mode day FILES");
    home.import([demo_file(4, 4)]);
    let told = told(&home, &["--on", "2021-04-06"]);
    let missing = "2021-03 used monthly 2021-03-31 missing  2021-03-03, 2021-03-05..2021-03-31";
    assert_eq!(told, [missing, "2021-04 used daily 2021-04-04 arrived"]);
}

#[test]
fn a_file_that_came_twice_with_other_lines_is_told_until_somebody_confirms() {
    let home = Home::new();
    let first = march(&home, &name_of(&demo_file(3, 31)).replace(".zip", ".csv"), 1..=30);
    home.import([&first, &demo_file(3, 31)]);
    let [arrived, double] = &rows(&home, &["--on", "2021-04-02"])[..] else { panic!() };
    assert_eq!((&arrived["verdict"], &double["verdict"]), (&"arrived".into(), &"double".into()));
    assert_eq!(double["file"], name_of(&demo_file(3, 31)));
    assert_eq!(double["other_file"], name_of(&first));
    assert_eq!(double["next"], "billkeep bill show 2021-03 --revision 1");
    home.ok(double["next"].as_str().unwrap().split(' ').skip(1));
    home.confirm();
    assert_eq!(rows(&home, &["--on", "2021-04-02"]).len(), 1);
}

#[test]
fn lines_that_were_added_though_they_were_in_are_told() {
    let home = Home::with(&[demo_file(3, 31)]);
    let again = march(&home, "again.csv", 3..=5);
    home.import_as(Some("adjustment"), [again]).says(0, &["Imported"]);
    let double = rows(&home, &["--on", "2021-04-02"])[1].clone();
    assert_eq!((&double["verdict"], &double["file"]), (&"double".into(), &"again.csv".into()));
    let what = double["what"].as_str().unwrap();
    assert!(what.contains("the same lines on 2021-03-03..2021-03-05: they count twice"), "{what}");
    home.ok(double["next"].as_str().unwrap().split(' ').skip(1));
}

#[test]
fn a_month_by_the_other_basis_is_told_and_people_read_it_in_eighty_columns() {
    let home = Home::with(&[bill_file("english")]);
    let april = demo::bill(4);
    let text = csv(&april.through(4), &april.spec, &Format::plain(Headers::English));
    let file = home.write("april.csv", &text);
    home.ok(["import", "--as", "cumulative", "--basis", "paid", file.to_str().unwrap()]);
    let row = rows(&home, &["--on", "2021-04-06"])[1].clone();
    assert_eq!((&row["basis"], &row["verdict"]), (&"used".into(), &"wrong-basis".into()));
    assert_eq!(row["next"], "billkeep bill show 2021-04 --basis paid");
    let list = home.ok(["bill", "list"]);
    assert!(list.text().contains("BASIS") && list.text().contains("paid"), "{}", list.text());
    home.ok(row["next"].as_str().unwrap().split(' ').skip(1));

    let shown = home.ok(["expected", "--on", "2021-04-06"]);
    assert!(shown.text().contains("next: billkeep bill show 2021-04 --basis paid\n"), "{}", shown.text());
    for line in shown.text().lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
    let csv = home.ok(["--format", "csv", "expected", "--on", "2021-04-06"]);
    assert_eq!(csv.text().lines().count(), 3, "{}", csv.text());
    assert!(csv.text().starts_with("month,basis,kind,last_day,due,through,verdict,late_days,"));
}
