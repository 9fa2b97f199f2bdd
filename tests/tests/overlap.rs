//! Files that would count lines twice, lose days or add currencies up are refused or kept apart; a dry run does nothing.

use billkeep_fixtures::{Bill, Column, Format, Headers, Spec, csv, demo, position, records, render};

use crate::support::decimal::{exact, written};
use crate::support::figures::Figures;
use crate::support::{Home, MARCH, PAYER, STEM, bill_file, demo_file, fixture};

fn plain(headers: Headers) -> Format {
    Format::plain(headers)
}

fn day_name(day: u32) -> String {
    format!("{PAYER}-202103{day:02}-by_used_time-bill_details")
}

/// Imports a file that must be refused, and asserts that nothing else happened.
fn refused(home: &Home, mode: Option<&str>, file: &std::path::Path, words: &[&str]) {
    let before = home.seen();
    home.import_as(mode, [file]).says(3, words);
    assert_eq!(home.seen(), before);
    home.ok(["store", "check"]);
}

#[test]
fn a_file_that_ends_earlier_is_refused_and_the_hint_asks_for_nothing_that_nobody_can_do() {
    let home = Home::with(&[demo_file(3, 5)]);
    refused(
        &home,
        None,
        &demo_file(3, 4),
        &["days would be lost", "hint: nothing was imported, and nothing is missing"],
    );
}

#[test]
fn a_day_that_a_month_to_date_file_covers_is_refused_with_both_files_named() {
    let march = demo::bill(3);
    let home = Home::with(&[demo_file(3, 4)]);
    let day = home
        .write(&format!("{}.csv", day_name(3)), &csv(&march.on(3), &march.spec, &plain(Headers::English)));
    let (old, new) = (format!("{}.zip", day_name(4)), format!("{}.csv", day_name(3)));
    refused(&home, Some("day"), &day, &[&old, &new, "hint: "]);
    // The day after is not covered, and joins.
    let name = format!("{}.csv", day_name(5));
    let day = home.write(&name, &csv(&march.on(5), &march.spec, &plain(Headers::English)));
    home.import_as(Some("day"), [day]).says(0, &["Imported"]);
    assert_eq!(home.bill_text("through"), "2021-03-05");
    assert_eq!(exact(&home.bill_text("total")), Figures::of(&march.through(5), &march.spec).total());
}

#[test]
fn an_older_month_to_date_file_is_refused() {
    let home = Home::with(&[demo_file(3, 5)]);
    let (old, new) = (day_name(5), day_name(4));
    refused(&home, None, &demo_file(3, 4), &[&old, &new, "days would be lost"]);
}

#[test]
fn a_monthly_file_over_month_to_date_is_refused_and_the_hint_works() {
    let march = demo::bill(3);
    let home = Home::with(&[demo_file(3, 30)]);
    let bytes = csv(&march.all(), &march.spec, &plain(Headers::English));
    let month = home.write(&format!("{STEM}.csv"), &bytes);
    refused(&home, None, &month, &["hint: ", "--mode cumulative", &day_name(30), STEM]);
    home.import_as(Some("cumulative"), [&month]).says(0, &["Imported 450 lines"]);
    let daily = Home::with(&[demo_file(3, 31)]);
    assert_eq!(home.bill_text("digest"), daily.bill_text("digest"));
    assert_eq!(home.bill_text("state"), "issued");
}

#[test]
fn a_name_that_says_otherwise_than_the_user_is_refused() {
    let home = Home::new();
    let before = home.seen();
    for (mode, file) in [("monthly", demo_file(3, 4)), ("day", bill_file("english"))] {
        home.import_as(Some(mode), [file]).says(1, &["its name", &format!("mode `{mode}`")]);
    }
    home.ok(["import", "--dry-run", bill_file("english").to_str().unwrap()]);
    let args = ["import", "--month", "2021-04", bill_file("english").to_str().unwrap()].map(str::to_owned);
    home.run(args).says(1, &["2021-03", "2021-04"]);
    let args =
        ["import", "--payer", "100010445725", bill_file("english").to_str().unwrap()].map(str::to_owned);
    home.run(args).says(1, &["100010445724", "100010445725"]);
    assert_eq!(home.seen(), before);
}

#[test]
fn a_dry_run_tells_what_would_become_of_the_bill_and_changes_nothing() {
    let home = Home::with(&[demo_file(3, 4)]);
    let before = home.seen();
    let march = demo::bill(3);
    let total = written(Figures::of(&march.through(5), &march.spec).total());
    let file = demo_file(3, 5);
    let said = home.ok(["import", "--dry-run", file.to_str().unwrap()]);
    assert!(said.stderr.replace(',', "").contains(&total), "{}", said.stderr);
    assert!(said.stderr.contains("revision 2") && said.stderr.contains("nothing was changed"));
    assert_eq!(home.seen(), before);
    // And so it becomes.
    home.import([&file]).says(0, &["as revision 2"]);
    assert_eq!(exact(&home.bill_text("total")), exact(&total));
}

#[test]
fn a_dry_run_lists_every_fault_with_line_and_column() {
    let bill = Bill::generate(Spec { lines: 60, ..Spec::new(5, PAYER.parse().unwrap(), 2021, 3) });
    let sound = records(&bill.all(), &bill.spec, Headers::English);
    let mut spoilt = sound.clone();
    let faults = [
        (7, Column::Total, "TotalCost", "1.204.5"),
        (20, Column::Owner, "OwnerAccountID", "12ab"),
        (33, Column::UsageStart, "UsageStartTime", "yesterday"),
        (48, Column::Tax, "TaxAmount", "NaN"),
    ];
    let mut words = Vec::new();
    for (record, column, heading, text) in faults {
        spoilt[record][position(&bill.spec, Headers::English, column).unwrap()] = text.to_owned();
        // The line of text: records may have line breaks in their cells.
        let above = render(&spoilt[..record], &plain(Headers::English));
        let line = 1 + above.iter().filter(|b| **b == b'\n').count();
        words.push(format!("{STEM}.csv`, line {line}: column `{heading}`: `{text}` is not "));
    }
    let home = Home::new();
    let before = home.seen();
    let file = home.write(&format!("{STEM}.csv"), &render(&spoilt, &plain(Headers::English)));
    let said = home.run(["import", "--dry-run", file.to_str().unwrap()]);
    assert_eq!(said.code, 1, "{}", said.stderr);
    let lines: Vec<&str> = said.stderr.lines().filter(|line| line.starts_with("error: ")).collect();
    assert_eq!(lines.len(), faults.len() + 1, "{}", said.stderr);
    assert!(lines[faults.len()].contains(&format!("{} faults", faults.len())), "{}", said.stderr);
    for (line, words) in lines.iter().zip(&words) {
        assert!(line.contains(words), "`{words}`: {line}");
    }
    // Without `--dry-run` the first one is told, and nothing is imported either.
    home.import_as(None, [&file]).says(1, &[&words[0], "--dry-run"]);
    assert_eq!(home.seen(), before);
}

#[test]
fn currencies_are_shown_side_by_side_and_never_added() {
    let home = Home::with(&[bill_file("english")]);
    let usd = Figures::read(&fixture(&format!("bills/english/{STEM}.expected.csv")));
    let spec =
        Spec { lines: 16, days: 9, currency: "EUR".into(), ..Spec::new(9, PAYER.parse().unwrap(), 2021, 3) };
    let bill = Bill::generate(spec);
    let eur = Figures::of(&bill.all(), &bill.spec);
    assert!(eur.total() != 0 && usd.total() != 0);
    let file = home.write("later.csv", &csv(&bill.all(), &bill.spec, &plain(Headers::English)));
    home.import_as(Some("adjustment"), [file]).says(0, &["Imported 16 lines", " USD", " EUR"]);

    let list = home.json(["bill", "list"]);
    let shown = |rows: &serde_json::Value| -> Vec<(String, u64, i128)> {
        let mut found: Vec<_> = rows
            .as_array()
            .unwrap()
            .iter()
            .map(|r| {
                let text = |name: &str| r[name].as_str().unwrap().to_owned();
                (text("currency"), r["lines"].as_u64().unwrap(), exact(&text("total")))
            })
            .collect();
        found.sort();
        found
    };
    let expected =
        [("EUR".to_owned(), eur.lines(), eur.total()), ("USD".to_owned(), usd.lines(), usd.total())];
    assert_eq!(shown(&list["rows"]), expected);
    let show = home.json(["bill", "show", MARCH, "--by", "billing_mode"]);
    assert_eq!(shown(&show["totals"]), expected);
    let args = ["--format", "csv", "bill", "show", MARCH, "--by", "owner,product,day"];
    let mut both = usd;
    eur.0.into_iter().for_each(|(key, (lines, total))| both.add(key, lines, total));
    assert_eq!(Figures::parse(&home.ok(args).stdout), both);
}

#[test]
fn lines_that_the_store_knows_are_still_held_to_the_days_that_a_name_tells() {
    let march = demo::bill(3);
    let text = csv(&march.through(31), &march.spec, &plain(Headers::English));
    let home = Home::with(&[demo_file(3, 31)]);
    home.ok(["bill", "list"]);
    // The same text, so every line is known; the name says that it ends on the 4th.
    let other = Home::new();
    let whole = other.write("march.csv", &text);
    other.import_as(Some("adjustment"), [&whole]).says(0, &["Imported 450 lines"]);
    let cut = other.write(&format!("{}.csv", day_name(4)), &[text.as_slice(), b"\r\n"].concat());
    other.import_as(None, [&cut]).says(1, &["line ", "2021-03-05", "2021-03-01..2021-03-04"]);
    // The whole month once more, to be added: the same lines are not added twice.
    let again = other.write("again.csv", &[text.as_slice(), b"\n"].concat());
    other.import_as(Some("adjustment"), [&again]).says(0, &["holds the same lines", "nothing was changed"]);
}
