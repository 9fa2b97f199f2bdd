//! Calendars are data: a user's own is checked, kept in the store and followed from its day on; hours count where the
//! clock does.

use std::ffi::OsStr;

use billkeep_fixtures::{Format, Headers, csv, demo};
use serde_json::Value;

use crate::support::{Home, PAYER, demo_file, python};

fn rows(home: &Home, args: &[&str]) -> Vec<Value> {
    home.json(args)["rows"].as_array().unwrap().clone()
}

fn text<'a>(row: &'a Value, name: &str) -> &'a str {
    row[name].as_str().unwrap()
}

/// A store with a bucket to which the payer's bills go.
fn stored(files: &[std::path::PathBuf]) -> Home {
    let home = Home::new();
    if !files.is_empty() {
        home.import(files);
    }
    home.sink("bucket", &[]);
    home.enable(PAYER, "bucket", "daily,monthly,reseller", true);
    home
}

/// Adds a calendar of this file's text, and lets all days follow it.
fn follow(home: &Home, name: &str, text: &str) {
    let file = home.write(&format!("{name}.toml"), text.as_bytes());
    home.ok([OsStr::new("calendar"), OsStr::new("add"), file.as_os_str()]);
    std::fs::remove_file(file).unwrap();
    home.ok(["settings", "calendar", name, "--from", "1970-01-02"]);
}

/// What a program that shares nothing with billkeep says of the same days: Python's own calendar.
const COVERAGE: &str = r#"
import sys
from datetime import date, timedelta
year, lag, reseller = int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
day, one = date(year, 1, 1), timedelta(days=1)
while day.year == year:
    last = day - lag * one
    print(day, "daily", last.replace(day=1), last)
    end = day.replace(day=1) - one
    for kind, of in [("monthly", 2), ("reseller", reseller)]:
        if day.day == of:
            print(day, kind, end.replace(day=1), end)
    day += one
"#;

#[test]
fn the_days_of_2020_to_2030_are_covered_as_python_counts_them_by_both_bases() {
    let Some(python) = python::python() else {
        return python::skip("the_days_of_2020_to_2030_are_covered_as_python_counts_them", "python3");
    };
    for (calendar, lag, reseller) in [("seed-2021", "2", "9"), ("current-2024", "1", "5")] {
        let home = Home::empty();
        home.ok(["init", "--payer", PAYER, "--calendar", calendar]);
        for year in 2020..=2030 {
            let year = year.to_string();
            let want = python::run(&python, COVERAGE, &[&year, lag, reseller].map(OsStr::new));
            assert!(want.lines().count() > 365 + 12 + 12 - 1, "{want}");
            let (from, to) = (format!("{year}-01-01"), format!("{year}-12-31"));
            for basis in ["used", "paid"] {
                let shown = home.json(["due", "--from", &from, "--to", &to, "--basis", basis]);
                assert_eq!(shown["format"], "billkeep.due.days/1");
                let told: String = shown["rows"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|r| {
                        ["on", "kind", "first_day", "last_day"].map(|name| text(r, name)).join(" ") + "\n"
                    })
                    .collect();
                assert_eq!(told, want, "{calendar}, {basis}");
            }
        }
    }
}

#[test]
fn a_calendar_of_ones_own_is_kept_in_the_store_and_followed_from_its_day_on() {
    let home = stored(&[demo_file(3, 31), demo_file(4, 7)]);
    let file = home.write("own.toml", b"name = \"own\"\n[daily]\nlag_days = 4\n[monthly]\nday = 3\n");
    let add = |home: &Home| home.run([OsStr::new("calendar"), OsStr::new("add"), file.as_os_str()]);
    add(&home).says(0, &["Added the calendar `own`"]);
    add(&home).says(0, &["nothing was changed"]);
    home.write("own.toml", b"name = \"own\"\n");
    add(&home).says(1, &["there is a calendar `own` already, with other figures"]);
    std::fs::remove_file(&file).unwrap();

    let daily = |on: &str| -> String {
        let rows = rows(&home, &["due", "--on", on]);
        text(rows.iter().find(|r| r["kind"] == "daily").unwrap(), "last_day").to_owned()
    };
    home.run(["settings", "calendar", "none"]).says(1, &["there is no calendar `none`", "calendar list"]);
    home.ok(["settings", "calendar", "own", "--from", "2021-04-05"]).says(0, &["from 2021-04-05 on"]);
    home.ok(["settings", "calendar", "own", "--from", "2021-04-05"]).says(0, &["nothing was changed"]);
    // A late run for a day before asks for what was due then.
    assert_eq!([daily("2021-04-04"), daily("2021-04-05")], ["2021-04-02", "2021-04-01"]);
    home.run(["calendar", "remove", "own"]).says(3, &["in use from 2021-04-05 on"]);
    let list = rows(&home, &["calendar", "list"]);
    let followed: Vec<&str> = list.iter().map(|r| text(r, "followed")).collect();
    assert_eq!(followed, ["from the first day on", "-", "from 2021-04-05 on"]);
    let settings = rows(&home, &["settings", "show"]);
    let calendar = settings.iter().find(|r| r["setting"] == "calendar").unwrap();
    assert_eq!(text(calendar, "value"), "seed-2021; own from 2021-04-05 on");

    home.ok(["settings", "calendar", "seed-2021", "--from", "2021-04-05"]);
    assert_eq!(daily("2021-04-05"), "2021-04-03");
    home.ok(["calendar", "remove", "own"]).says(0, &["Removed the calendar `own`"]);
    home.run(["calendar", "show", "own"]).says(1, &["there is no calendar `own`"]);
    let told: Vec<String> = rows(&home, &["audit", "list"])
        .iter()
        .filter(|r| text(r, "action").starts_with("calendar") || r["subject"] == "calendar")
        .map(|r| format!("{}: {}", text(r, "action"), text(r, "detail").split(',').next().unwrap()))
        .collect();
    let want = ["calendar add: the store's zone", "settings: own from 2021-04-05 on"];
    assert_eq!(told[..2], want);
    assert_eq!(told[2..], ["settings: seed-2021 from 2021-04-05 on", "calendar remove: "]);
    home.ok(["audit", "verify"]);
}

#[test]
fn a_file_is_checked_without_a_store_and_a_wrong_one_is_refused_with_its_line() {
    let home = Home::empty();
    let check = |text: &str| {
        let file = home.write("my.toml", text.as_bytes());
        home.run([OsStr::new("calendar"), OsStr::new("check"), file.as_os_str()])
    };
    let told = check("name = \"my\"\n\n[daily]\nlate_refresh_days = 3\n").says(0, &["is the calendar `my`"]);
    assert!(told.text().contains("daily.late_refresh_days"), "{told:?}");
    check("name = \"my\"\n[daily]\nlag = 3\n")
        .says(1, &["my.toml`, line 3: unknown field `lag`", "lag_days"]);
    check("name = \"my\"\nzone = \"Beijing\"\n").says(1, &["line 2", "write it as +08:00"]);
    check("name = \"my\"\n[monthly]\nday = 32\n").says(1, &["line 3", "from 1 to 31"]);
    let absent = home.run(["calendar", "check", "absent.toml"]);
    absent.says(1, &["absent.toml"]);
}

#[test]
fn a_shown_calendar_is_a_file_to_begin_from() {
    let home = Home::new();
    let shown = home.ok(["calendar", "show", "current-2024", "--as-file"]);
    let file = home.write("own.toml", shown.text().as_bytes());
    home.ok([OsStr::new("calendar"), OsStr::new("check"), file.as_os_str()]);
    home.ok([OsStr::new("calendar"), OsStr::new("add"), file.as_os_str()]);
    let figures = |name: &str| -> Vec<Value> {
        rows(&home, &["calendar", "show", name]).into_iter().filter(|r| r["figure"] != "name").collect()
    };
    assert_eq!(figures("my-current-2024"), figures("current-2024"));
    assert_ne!(figures("my-current-2024"), figures("seed-2021"));
}

#[test]
fn before_its_hour_a_bill_is_not_due_unless_the_whole_day_is_asked_for() {
    let home = stored(&[demo_file(3, 31), demo_file(4, 7)]);
    home.ok(["settings", "calendar", "current-2024", "--from", "2021-03-01"]);
    let daily = |args: &[&str]| -> Vec<String> {
        let rows = rows(&home, &[&["due"], args].concat());
        let of = rows.iter().filter(|r| r["kind"] == "daily");
        of.map(|r| format!("{} {} {}", text(r, "last_day"), text(r, "due"), text(r, "why"))).collect()
    };
    let asked = |last: &str, on: &str| format!("{last} yes the calendar asks for it on {on}");
    let whole_march = [asked("2021-03-31", "2021-04-01")];
    assert_eq!(daily(&["--on", "2021-04-01"]), whole_march);
    let not_yet = "2021-03-31 no not yet: the calendar asks for it at 20:00";
    // The bill of the day before is offered until its hour has come again, which is before this one.
    assert_eq!(daily(&["--on", "2021-04-01", "--at", "19:59"]), [not_yet]);
    assert_eq!(daily(&["--on", "2021-04-01", "--at", "20:00"]), whole_march);
    // Who runs at four every day is offered the first's bill on the second, as well as that day's own.
    let both = [asked("2021-03-31", "2021-04-01"), asked("2021-04-01", "2021-04-02")];
    assert_eq!(daily(&["--on", "2021-04-02", "--at", "04:00"]), both);

    let status = |at: &str| -> Vec<(String, String)> {
        let status = home.json(["status", "--on", "2021-04-01", "--at", at]);
        let due = status["rows"].as_array().unwrap().iter().filter(|row| row["section"] == "due");
        due.map(|row| (text(row, "text").to_owned(), text(row, "next").to_owned()))
            .filter(|(text, _)| text.contains("2021-03-31") && text.contains("daily"))
            .collect()
    };
    let bill = format!("the daily bill of {PAYER}, 2021-03-01 to 2021-03-31");
    assert_eq!(status("19:59"), [(format!("{bill}: not yet, at 20:00"), String::new())]);
    let run = "billkeep run --on 2021-04-01 --at 20:00".to_owned();
    assert_eq!(status("20:00"), [(bill, run)]);
    home.ok(["run", "--on", "2021-04-01", "--at", "19:59"]).says(0, &["Nothing was due", "at 20:00"]);
    home.ok(["run", "--on", "2021-04-02", "--at", "04:00"]);
    let delivered: Vec<String> = rows(&home, &["delivery", "list"])
        .iter()
        .map(|r| format!("{} {}", text(r, "kind"), text(r, "last_day")))
        .collect();
    assert_eq!(delivered, ["daily 2021-03-31", "daily 2021-04-01", "monthly 2021-03-31"]);
    for wrong in ["24:00", "4"] {
        assert_eq!(home.run(["due", "--at", wrong]).code, 2, "{wrong}");
    }
}

#[test]
fn a_late_refresh_delivers_again_only_where_rows_came_late() {
    let april = demo::bill(4);
    let format = Format::plain(Headers::English);
    // The 4th came with a row less than it has by now.
    let mut early = april.through(5);
    let at = early.iter().rposition(|line| line.day == Some(4)).unwrap();
    early.remove(at);
    let home = stored(&[]);
    let file = home.write("early.csv", &csv(&early, &april.spec, &format));
    home.import_as(Some("cumulative"), [&file]).says(0, &[]);
    follow(&home, "own", "name = \"own\"\n[daily]\nlag_days = 1\nlate_refresh_days = 2\n");
    let run = |on: &str| -> Vec<String> {
        let before = rows(&home, &["delivery", "list"]).len();
        home.ok(["run", "--on", on]);
        let now = rows(&home, &["delivery", "list"]);
        now[before..].iter().map(|r| text(r, "last_day").to_owned()).collect()
    };
    assert_eq!(run("2021-04-05"), ["2021-04-04", "2021-04-03"]);
    assert_eq!(run("2021-04-06"), ["2021-04-05"]);
    // On the 7th the row has come: what covers the 6th is new, and what covers the 5th is offered again.
    home.import([demo_file(4, 6)]);
    let due = rows(&home, &["due", "--on", "2021-04-07"]);
    let again = due.iter().find(|r| text(r, "why").contains("once more")).unwrap();
    assert_eq!((text(again, "last_day"), text(again, "due")), ("2021-04-05", "yes"));
    assert_eq!(run("2021-04-07"), ["2021-04-06", "2021-04-05"]);
    assert_eq!(run("2021-04-07"), [""; 0]);
    // On the 8th nothing has come late, so only what is not there yet goes.
    home.import([demo_file(4, 7)]);
    assert_eq!(run("2021-04-08"), ["2021-04-07"]);
}

#[test]
fn the_calendars_basis_is_the_default() {
    let home = stored(&[demo_file(3, 31)]);
    follow(&home, "own", "name = \"own\"\nbasis = \"paid\"\n");
    let monthly = |args: &[&str]| -> String {
        let rows = rows(&home, &[&["due", "--on", "2021-04-02"], args].concat());
        text(rows.iter().find(|r| r["kind"] == "monthly").unwrap(), "due").to_owned()
    };
    assert_eq!([monthly(&[]), monthly(&["--basis", "used"])], ["no", "yes"]);
}

#[test]
fn days_are_shown_with_what_is_asked_for_first_on_each_and_how_it_stands() {
    let home = stored(&[demo_file(3, 31), demo_file(4, 5)]);
    home.ok(["run", "--on", "2021-04-02"]);
    let told: Vec<String> = rows(&home, &["due", "--from", "2021-04-01", "--to", "2021-04-09"])
        .iter()
        .map(|r| ["on", "kind", "last_day", "state", "sink"].map(|name| text(r, name)).join(" "))
        .collect();
    assert_eq!(
        told,
        [
            "2021-04-01 daily 2021-03-30 due bucket",
            "2021-04-02 daily 2021-03-31 delivered bucket",
            "2021-04-02 monthly 2021-03-31 delivered bucket",
            "2021-04-03 daily 2021-04-01 due bucket",
            "2021-04-04 daily 2021-04-02 due bucket",
            "2021-04-05 daily 2021-04-03 due bucket",
            "2021-04-06 daily 2021-04-04 due bucket",
            "2021-04-07 daily 2021-04-05 due bucket",
            "2021-04-08 daily 2021-04-06 no bucket",
            "2021-04-09 daily 2021-04-07 no bucket",
            "2021-04-09 reseller 2021-03-31 no bucket",
        ]
    );
    home.run(["due", "--from", "2021-04-02", "--to", "2021-04-01"]).says(1, &["is after"]);
    home.run(["due", "--from", "1990-01-01", "--to", "2021-04-01"]).says(1, &["more than 3660 days"]);
}

#[test]
fn a_new_store_states_when_bills_are_due_and_names_the_newer_calendar() {
    let init = |more: &[&str]| {
        let home = Home::empty();
        home.run(["init", "--payer", PAYER].iter().chain(more))
    };
    init(&[]).says(0, &["`seed-2021`: daily bills 2 days after", "--calendar current-2024"]);
    let said = init(&["--calendar", "current-2024"]);
    let said = said.says(0, &["`current-2024`: daily bills 1 day after", "reseller bills on day 5"]);
    assert!(!said.stderr.contains("hint"), "{}", said.stderr);
}
