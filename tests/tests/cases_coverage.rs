//! Which days and which month a file is for, and files that differ from the bill in their form alone.

use std::path::PathBuf;

use crate::support::console::Served;
use crate::support::decimal::exact;
use crate::support::{Home, MARCH, PAYER, STEM};

/// A bill of three lines as columns and rows, so that a test can write it in other forms.
struct Sheet {
    headers: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Sheet {
    fn march() -> Sheet {
        let text = |cells: &[&str]| cells.iter().map(ToString::to_string).collect::<Vec<_>>();
        let headers = text(&[
            "PayerAccountID",
            "OwnerAccountID",
            "ProductName",
            "InstanceName",
            "UsageStartTime",
            "Currency",
            "TotalCost",
            "tag_key:env",
        ]);
        let row = |owner: &str, name: &str, day: u32, total: &str, tag: &str| {
            text(&[PAYER, owner, "CVM", name, &format!("2021-03-{day:02} 10:00:00"), "USD", total, tag])
        };
        let rows = vec![
            row("200000003412", "web, \"one\"", 1, "1.25000000", "prod"),
            row("300002269100", "line\nend", 2, "-0.50000000", ""),
            row("200000003412", "", 4, "10.00", "-"),
        ];
        Sheet { headers, rows }
    }

    fn column(mut self, header: &str, cells: [&str; 3]) -> Sheet {
        self.headers.push(header.to_owned());
        self.rows.iter_mut().zip(cells).for_each(|(row, cell)| row.push(cell.to_owned()));
        self
    }

    fn without(mut self, header: &str) -> Sheet {
        let at = self.headers.iter().position(|h| h == header).unwrap();
        self.headers.remove(at);
        self.rows.iter_mut().for_each(|row| drop(row.remove(at)));
        self
    }

    fn reversed(mut self) -> Sheet {
        self.headers.reverse();
        self.rows.iter_mut().for_each(|row| row.reverse());
        self
    }

    fn csv(&self) -> Vec<u8> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(&self.headers).unwrap();
        self.rows.iter().for_each(|row| writer.write_record(row).unwrap());
        writer.into_inner().unwrap()
    }
}

fn digest(home: &Home) -> String {
    home.bill_text("digest")
}

/// Imports the sheet of March, and then a second form of it under a copy's name.
fn again(home: &Home, second: &Sheet) -> PathBuf {
    home.import([home.write(&format!("{STEM}.csv"), &Sheet::march().csv())]);
    home.write(&format!("{STEM} (1).csv"), &second.csv())
}

#[test]
fn another_order_of_columns_changes_nothing() {
    let home = Home::new();
    let file = again(&home, &Sheet::march().reversed());
    let before = digest(&home);
    home.import([file]).says(0, &["nothing was changed", "columns in another order"]);
    assert_eq!(digest(&home), before);
    assert_eq!(home.json(["bill", "revisions", MARCH])["rows"].as_array().unwrap().len(), 1);
}

#[test]
fn an_empty_new_column_changes_no_digest_and_no_confirmation_and_makes_no_late_file() {
    let home = Home::new();
    let file = again(&home, &Sheet::march().column("tag_key:team", ["", " ", "-"]));
    let before = digest(&home);
    home.import([&file]).says(0, &["nothing was changed", "`tag_key:team`"]);
    home.ok(["bill", "confirm", MARCH, "--digest", &before]);
    // Other bytes, the same lines: the bill is confirmed by now.
    let file = Sheet::march().reversed().column("Remark", ["", "", ""]);
    let file = home.write(&format!("{STEM} (2).csv"), &file.csv());
    home.import([file]).says(0, &["nothing was changed", "`Remark`"]);
    assert_eq!(home.json(["late", "list"])["rows"].as_array().unwrap().len(), 0);
    assert_eq!(home.bill()["state"], "confirmed");
    home.ok(["store", "check"]);
}

#[test]
fn a_column_that_was_empty_and_is_gone_changes_nothing() {
    let home = Home::new();
    let first = Sheet::march().column("Remark", ["", "", ""]);
    home.import([home.write(&format!("{STEM}.csv"), &first.csv())]);
    let before = digest(&home);
    let file = home.write(&format!("{STEM} (1).csv"), &Sheet::march().csv());
    home.import([file]).says(0, &["nothing was changed", "absent columns taken as empty: `Remark`"]);
    assert_eq!(digest(&home), before);
}

#[test]
fn a_value_in_a_new_column_is_kept_wherever_it_stands() {
    let home = Home::new();
    let file = again(&home, &Sheet::march().column("tag_key:team", ["", "", "blue"]));
    let before = digest(&home);
    home.import([file]).says(0, &["revision 2"]);
    assert_ne!(digest(&home), before);
    let tags = home.json(["bill", "show", MARCH, "--by", "tag:team"]);
    let blue = tags["rows"].as_array().unwrap().iter().find(|row| row["tag:team"] == "blue").unwrap();
    assert_eq!(exact(blue["total"].as_str().unwrap()), exact("10.00"), "{tags}");
}

#[test]
fn the_next_day_under_another_order_of_columns_shows_the_new_lines_alone() {
    let home = Home::new();
    let name = |day: u32| format!("{PAYER}-202103{day:02}-by_used_time-bill_details.csv");
    home.import([home.write(&name(4), &Sheet::march().csv())]);
    let mut next = Sheet::march();
    next.rows.push(next.rows[0].clone());
    next.rows[3][4] = "2021-03-05 10:00:00".into();
    home.import([home.write(&name(5), &next.reversed().csv())]).says(0, &["columns in another order"]);
    let diff = home.json(["bill", "diff", MARCH]);
    let rows = diff["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 1, "{diff}");
    home.ok(["store", "check"]);
    // Where a line stands in its file is as it was: a cell of the line before it holds a line end.
    let explained = home.json(["bill", "explain", MARCH, "--owner", "200000003412", "--day", "2021-03-05"]);
    assert!(explained.to_string().contains("\"text_line\":6"), "{explained}");
}

#[test]
fn a_fault_in_a_file_of_another_order_is_reported_on_its_line() {
    let home = Home::new();
    let mut second = Sheet::march();
    second.rows[2][6] = "10,0.0.1".into();
    let file = again(&home, &second.without("tag_key:env").reversed());
    home.import_as(None, [file]).says(1, &["line 5", "TotalCost"]);
}

fn day_name(month: u32, day: u32) -> String {
    format!("{PAYER}-2021{month:02}{day:02}-by_used_time-bill_details.csv")
}

#[test]
fn the_same_bytes_under_the_next_days_name_extend_the_coverage() {
    let home = Home::new();
    home.month_to_date(3, 4);
    let (digest, file) = (digest(&home), home.path(&day_name(3, 4)));
    let quiet = home.path(&day_name(3, 5));
    std::fs::copy(&file, &quiet).unwrap();
    home.import([&quiet]).says(0, &["2021-03-01 to 2021-03-05"]);
    let bill = home.bill();
    assert_eq!((bill["through"].as_str(), bill["digest"].as_str()), (Some("2021-03-05"), Some(&*digest)));
    // Once more it changes nothing, and neither does the file of the day before.
    home.import([&quiet]).says(0, &["nothing was changed"]);
    home.import([&file]).says(0, &["nothing was changed"]);
    assert_eq!(home.bill_text("through"), "2021-03-05");
    home.ok(["store", "check"]);
}

#[test]
fn an_old_file_under_the_name_of_a_much_later_day_waits() {
    let home = Home::new();
    home.month_to_date(3, 10);
    let late = home.path(&day_name(3, 30));
    std::fs::copy(home.path(&day_name(3, 10)), &late).unwrap();
    home.import_as(None, [&late]).says(7, &["0 lines for 2021-03-11 to 2021-03-30", "pending file 1"]);
    assert_eq!(home.bill_text("through"), "2021-03-10");
    // Whoever knows that nothing was used says so.
    home.ok(["pending", "accept", "1", "--reason", "nothing was used"]);
    assert_eq!(home.bill_text("through"), "2021-03-30");
}

#[test]
fn a_month_that_ends_with_a_quiet_day_is_issued() {
    let home = Home::new();
    home.month_to_date(3, 30);
    let quiet = home.path(&day_name(3, 31));
    std::fs::copy(home.path(&day_name(3, 30)), &quiet).unwrap();
    home.import([quiet]);
    assert_eq!(home.bill_text("state"), "issued");
}

#[test]
fn the_same_lines_of_a_later_day_are_no_late_file_of_a_confirmed_bill() {
    let home = Home::new();
    home.month_to_date(3, 30);
    home.ok(["bill", "issue", MARCH]);
    home.confirm();
    let quiet = home.path(&day_name(3, 31));
    std::fs::copy(home.path(&day_name(3, 30)), &quiet).unwrap();
    home.import([quiet]).says(0, &["nothing was changed"]);
    assert_eq!(home.bill_text("state"), "confirmed");
}

fn empty_day(home: &Home, day: &str, more: &[&str]) -> crate::support::Output {
    let args = ["bill", "empty-day", MARCH, "--day", day, "--reason", "nothing was used"];
    home.run(args.iter().chain(more))
}

#[test]
fn a_day_without_a_file_can_be_declared_empty() {
    let home = Home::new();
    home.month_to_date(3, 29);
    let before = digest(&home);
    empty_day(&home, "2021-03-30", &["--through", "2021-03-31"]).says(0, &["revision 2", "2021-03-31"]);
    let bill = home.bill();
    assert_eq!((bill["state"].as_str(), bill["digest"].as_str()), (Some("issued"), Some(&*before)));
    let journal = home.json(["audit", "list", "--action", "declare empty"]).to_string();
    assert!(journal.contains("nothing was used"), "{journal}");
    home.ok(["expected", "--on", "2021-04-05"]);
    home.ok(["bill", "revisions", MARCH]);
    home.ok(["bill", "lint", MARCH]);
    home.ok(["store", "check"]);
    home.ok(["audit", "verify"]);
    home.ok(["export", MARCH, "-o", "out"]);
}

#[test]
fn a_file_of_a_declared_day_takes_its_place() {
    let home = Home::new();
    home.month_to_date(3, 4);
    empty_day(&home, "2021-03-05", &["--through", "2021-03-06"]).says(0, &[]);
    home.month_to_date(3, 5);
    let bill = home.bill();
    assert_eq!((bill["lines"].as_u64(), bill["through"].as_str()), (Some(10), Some("2021-03-06")));
    home.month_to_date(3, 6);
    let bill = home.bill();
    assert_eq!((bill["lines"].as_u64(), bill["through"].as_str()), (Some(12), Some("2021-03-06")));
    home.ok(["store", "check"]);
}

#[test]
fn a_whole_month_without_use_can_be_declared_and_delivered() {
    let home = Home::new();
    empty_day(&home, "2021-03-01", &["--through", "2021-03-31"]).says(0, &[]);
    assert_eq!(home.bill_text("state"), "issued");
    home.ok(["bill", "show", MARCH]);
    home.ok(["bill", "lines", MARCH]);
    home.ok(["store", "check"]);
}

#[test]
fn a_day_that_a_file_covers_or_that_is_none_of_the_month_is_not_declared_empty() {
    let home = Home::new();
    home.month_to_date(3, 4);
    empty_day(&home, "2021-03-04", &[]).says(3, &["2021-03-04", "load 1"]);
    empty_day(&home, "2021-04-01", &[]).says(3, &["not a day of 2021-03"]);
    empty_day(&home, "2021-03-08", &["--through", "2021-03-07"]).says(3, &["2021-03-07"]);
    assert_eq!(home.bill()["revision"], 1);
}

/// A Chinese bill has no column for the month: only its times tell.
fn without_month(day: &str) -> Vec<u8> {
    let header = "支付者UIN,使用者UIN,产品名称,组件名称,开始使用时间,优惠后总价(元)";
    format!("{header}\n{PAYER},200000003412,CVM,CPU,{day} 10:00:00,1.25\n").into_bytes()
}

#[test]
fn a_file_of_which_no_line_is_of_the_month_is_refused_in_every_mode() {
    let april = format!("{PAYER}-202104-by_used_time-bill_details.csv");
    for mode in ["monthly", "cumulative", "day", "adjustment"] {
        let home = Home::new();
        let file = home.write("x.csv", &without_month("2021-03-04"));
        let args = ["import", "--as", mode, "--month", "2021-04", file.to_str().unwrap()];
        let output = home.run(args);
        assert!(matches!(output.code, 1 | 3), "{mode}: {}", output.stderr);
        assert!(output.stderr.contains("2021-03-04"), "{mode}: {}", output.stderr);
        assert_eq!(home.json(["bill", "list"])["rows"].as_array().unwrap().len(), 0);
    }
    let home = Home::new();
    let file = home.write(&april, &without_month("2021-03-04"));
    home.import_as(None, [&file]).says(3, &["no line is of 2021-04", "--month 2021-03", "--accept-outside"]);
    home.run(["import", "--accept-outside", file.to_str().unwrap()]).says(0, &["2021-04"]);
}

#[test]
fn lines_on_both_sides_of_the_month_with_none_in_it_are_refused() {
    let home = Home::new();
    let mut text = without_month("2021-03-04");
    let line = String::from_utf8(without_month("2021-05-04")).unwrap();
    text.extend(line.lines().nth(1).unwrap().bytes().chain(*b"\n"));
    let file = home.write("x.csv", &text);
    let args = ["import", "--as", "monthly", "--month", "2021-04", file.to_str().unwrap()];
    home.run(args).says(3, &["no line is of 2021-04"]);
    text.extend(line.lines().nth(1).unwrap().replace("2021-05", "2021-04").bytes().chain(*b"\n"));
    home.write("x.csv", &text);
    home.run(args).says(0, &["3 lines"]);
}

#[test]
fn the_same_lines_in_a_second_month_or_basis_are_reported() {
    let home = Home::new();
    let file = home.write("x.csv", &without_month("2021-03-31"));
    let file = file.to_str().unwrap();
    home.ok(["import", "--as", "monthly", "--month", MARCH, file]);
    let second = ["import", "--as", "monthly", "--month", "2021-04", "--accept-outside", file];
    home.run(second).says(0, &["warning", "2021-03", "load 1", "counted twice"]);
    // In another packing: the same lines count, not the same bytes.
    let crlf = String::from_utf8(without_month("2021-03-31")).unwrap().replace('\n', "\r\n");
    let third = home.write("y.csv", crlf.as_bytes());
    let third = ["import", "--as", "monthly", "--month", MARCH, "--basis", "paid", third.to_str().unwrap()];
    let report = home.json(third);
    assert_eq!(report["files"][0]["elsewhere"].as_array().unwrap().len(), 2, "{report}");
    assert_eq!(report["files"][0]["elsewhere"][0]["basis"], "used", "{report}");
}

#[test]
fn lines_of_an_adjustment_that_the_bill_has_already_are_reported() {
    let home = Home::new();
    let march = Sheet::march();
    home.import([home.write(&format!("{STEM}.csv"), &march.csv())]);
    // On one account and day: a line that is there, the same once more, and a new one.
    let mut more = Sheet::march();
    more.rows.truncate(1);
    more.rows.push(more.rows[0].clone());
    more.rows.push(more.rows[0].clone());
    more.rows[2][6] = "0.75".into();
    let file = home.write("more.csv", &more.csv());
    let import = |dry: &[&str]| {
        let args =
            ["--format", "json", "import", "--as", "adjustment", "--month", MARCH, file.to_str().unwrap()];
        home.run(args.iter().chain(dry))
    };
    for dry in [&["--dry-run"][..], &[]] {
        let output = import(dry).says(0, &["1 of 3 lines in this file are in the bill already"]);
        assert_eq!(output.json()["files"][0]["repeated"], 1);
    }
    assert_eq!(exact(&home.bill_text("total")), exact("14.00"));
    // An adjustment of other lines has none.
    let mut other = Sheet::march();
    other.rows.truncate(1);
    other.rows[0][6] = "9.00".into();
    let other = home.write("other.csv", &other.csv());
    let report = home.json(["import", "--as", "adjustment", "--month", MARCH, other.to_str().unwrap()]);
    assert_eq!(report["files"][0]["repeated"], 0, "{report}");
}

#[test]
fn the_http_interface_reports_lines_that_the_bill_has_each_line_of_the_bill_once() {
    let home = Home::new();
    home.import([home.write(&format!("{STEM}.csv"), &Sheet::march().csv())]);
    home.ok(["user", "set", "ann", "--role", "admin"]);
    let token = home.ok(["user", "token", "ann", "--label", "test"]).text().trim().to_owned();
    let served = Served::start_as(&home, "2021-04-06T03:00:00Z", "ann", &["--no-scheduler"]);
    let bearer = format!("Bearer {token}");
    let headers = [("Authorization", bearer.as_str()), ("Content-Type", "application/octet-stream")];
    // A charge and a refund that the bill has, the charge once more, and a line of which one cell is another.
    let mut more = Sheet::march();
    more.rows.truncate(2);
    more.rows.push(more.rows[0].clone());
    more.rows.push(more.rows[0].clone());
    more.rows[3][3] = "web".into();
    let import = |target: &str| {
        let target = format!("/api/v1/imports?name=more.csv&mode=adjustment&month={MARCH}{target}");
        let told = served.ask("POST", &target, &headers, &more.csv()).is(200).json();
        let file = told["data"]["files"][0].clone();
        (file["outcome"].as_str().unwrap().to_owned(), file["repeated"].clone(), file["lines"].clone())
    };
    assert_eq!(import("&dry_run=true"), ("dry-run".into(), 2.into(), 4.into()));
    assert_eq!(import(""), ("imported".into(), 2.into(), 4.into()));
    // Nothing is added a second time, so nothing is repeated.
    assert_eq!(import(""), ("unchanged".into(), 0.into(), 4.into()));
}
