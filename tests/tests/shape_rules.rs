//! Exports in all shapes, read strictly by a second implementation of the rules in Python: to the letter, in order, with files and ties.
//!
//! `shapes.rs` compares by value; here `0.80` is not `0.8`, `-` is not empty, and a row in the wrong place is wrong. The lines are drawn
//! from few values, so that groups are large, and each value is there because some rule speaks of it.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::io::{Cursor, Write as _};
use std::path::Path;
use std::process::Command;

use crate::support::bucket::{entries, zips};
use crate::support::forms::{self, FORMS};
use crate::support::python::{python, skip};
use crate::support::{CUSTOMER, Home, PAYER, STEM, bill_file};

const ORACLE: &str = include_str!("support/shape_rules.py");

const ENGLISH: &str = "Bill Month,PayerAccountID,OwnerAccountID,Reseller Account ID,ProductName,Subproduct Name,BillingMode,\
Project Name,Region,InstanceID,TransactionType,TransactionID,TransactionTime,Order ID,UsageStartTime,UsageEndTime,\
ComponentType,ComponentName,Component List Price,Component Contracted Price,Component Price Measurement Unit,Component Usage,\
Component Usage Unit,Usage Duration,Duration Unit,OriginalCost,RI Deduction (Duration),RI Deduction (Cost),SP Deduction,\
SP Deduction Rate,SP Deduction(Cost),DiscountRate,Blended Discount Multiplier,Currency,\
Total Amount After Discount (Excluding Tax),Voucher Deduction,Amount Before Tax,TaxRate,TaxAmount,Total Amount Before Voucher,\
Customer Voucher Deduction,Total Cost (Including Tax),Extended Field 1,tag_key:env,Tag Key: Cost Center";
const CHINESE: &str = "支付者UIN,使用者UIN,产品名称,子产品名称,计费模式,项目名称,地域,资源ID,交易类型,交易ID,扣费时间,订单ID,\
开始使用时间,结束使用时间,组件类型,组件名称,组件刊例价,组件单价,组件价格单位,组件用量,组件用量单位,使用时长,时长单位,组件原价,折扣率,\
优惠后总价(元),代金券支出(元),赠送账户支出(元),现金账户支出(元),分成账户支出(元),标签键:env";

/// Ties of half a cent, refunds, what is not shown, other spellings, three decimals, more than eight whole digits.
const AMOUNTS: [&str; 19] = [
    "0.005",
    "-0.005",
    "0.015",
    "-0.015",
    "0.004",
    "1.23456789",
    "-3.10000001",
    "0",
    "-",
    "",
    " 12 ",
    "1e-7",
    "0.00000001",
    "\"1,234.56\"",
    "-0.00",
    "0.125",
    "7.995",
    "99999999999.99999999",
    "-4.005",
];
const NUMBERS: [&str; 8] = ["0.8", "0.80", " 0.8 ", "0.800", "-", "", "1", "1.0"];

/// A few values again and again: the same for the same seed.
struct Draw(u64);

impl Draw {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % end
    }

    fn of(&mut self, values: &[&'static str]) -> &'static str {
        values[self.below(values.len())]
    }

    /// A cell of a column, by its header.
    fn cell(&mut self, header: &str, n: usize, day: usize, hour: usize) -> String {
        let value = match header {
            "Bill Month" => "2021-03",
            "PayerAccountID" | "支付者UIN" => PAYER,
            "OwnerAccountID" | "使用者UIN" => {
                self.of(&[PAYER, CUSTOMER, "300000000003", "300000000003 ", "90961940012"])
            }
            "Reseller Account ID" => self.of(&["800000000001", "800000000002", "-", "", " 800000000001"]),
            "ProductName" | "产品名称" => self.of(&["CVM", "CVM\t", "\"云服务器, CVM\""]),
            "Subproduct Name" | "子产品名称" => self.of(&["S", "\"S\n2\""]),
            "BillingMode" | "计费模式" => self.of(&["pay", "sub"]),
            "Project Name" | "项目名称" => self.of(&["p1", "\"p\"\"2\"\"\"", "-", ""]),
            "Region" | "地域" => self.of(&["ap", "ap\u{a0}", "eu"]),
            "InstanceID" | "资源ID" => self.of(&["ins-1", "007", "7"]),
            "TransactionType" => self.of(&[
                "Hourly settlement",
                " daily  settlement",
                "Daily settlement",
                "Spot",
                "Hourly RI fee",
                "Hourly Savings Plan fee",
                "Refund",
                "Monthly settlement",
                "billVirtualId",
                "adjust-CR",
            ]),
            "交易类型" => self.of(&[
                "按量计费小时结",
                "按量计费日结",
                "竞价实例小时结",
                "小时费用",
                "日结 ",
                "月结",
                "包年包月退款",
                "月度计费精度差异",
            ]),
            "TransactionID" | "交易ID" => return format!("t-{n}"),
            "Order ID" | "订单ID" => {
                return if self.below(2) == 0 { "-".to_owned() } else { format!("o-{n}") };
            }
            "UsageStartTime" | "开始使用时间" => return format!("2021-03-{day:02} {hour:02}:00:00"),
            "UsageEndTime" | "结束使用时间" | "TransactionTime" | "扣费时间" => {
                return format!("2021-03-{day:02} {hour:02}:59:59");
            }
            "ComponentName" | "组件名称" => self.of(&[
                "CPU",
                " CPU ",
                "Outbound Traffic",
                "BANDWIDTH peak",
                "API times",
                "\"Storage, standard\"",
                "内存",
                "外网流量",
                "带宽",
                "存储容量",
                "请求次数",
            ]),
            "Currency" => self.of(&["USD", "CNY", " USD"]),
            "TaxRate" => self.of(&["0.06", "0.060", "-"]),
            "Extended Field 1" => self.of(&["same", "other", "same "]),
            "tag_key:env" | "Tag Key: Cost Center" | "标签键:env" => self.of(&["prod", "", "test", "-"]),
            "Component List Price"
            | "Component Contracted Price"
            | "Component Usage"
            | "Usage Duration"
            | "RI Deduction (Duration)"
            | "SP Deduction"
            | "SP Deduction Rate"
            | "DiscountRate"
            | "Blended Discount Multiplier"
            | "组件刊例价"
            | "组件单价"
            | "组件用量"
            | "使用时长"
            | "折扣率" => self.of(&NUMBERS),
            "ComponentType" | "组件类型" => "c",
            unit if unit.ends_with("Unit") || unit.ends_with("单位") => "u",
            _ => self.of(&AMOUNTS),
        };
        value.to_owned()
    }
}

/// A day and a line of that day.
type Line = (usize, String);

/// Columns in which most lines are like one of the first few, so that groups have many lines.
fn is_alike(header: &str) -> bool {
    let own = ["Order ID", "订单ID", "UsageStartTime", "开始使用时间", "UsageEndTime", "结束使用时间"];
    let money = [
        "OriginalCost",
        "Cost",
        "Amount",
        "Voucher",
        "TaxAmount",
        "原价",
        "总价",
        "支出",
        "Extended",
        "tag_key",
    ];
    !own.contains(&header)
        && !["Transaction", "交易ID", "扣费"]
            .iter()
            .any(|word| header.contains(word) && header != "TransactionType")
        && !money.iter().any(|word| header.contains(word))
}

/// The lines of a seed: three in four take up the key of one of the first eight, with its numbers and texts spelled in another way.
fn lines(header: &str, seed: u64, count: usize) -> Vec<Line> {
    let mut draw = Draw(seed);
    let columns: Vec<&str> = header.split(',').collect();
    let mut first: Vec<Vec<String>> = Vec::new();
    let mut lines = Vec::new();
    for n in 0..count {
        let (day, hour) = (1 + draw.below(31), draw.below(24));
        let mut cells: Vec<String> = columns.iter().map(|column| draw.cell(column, n, day, hour)).collect();
        if n < 8 {
            first.push(cells.clone());
        } else if draw.below(4) > 0 {
            let like = &first[draw.below(8)];
            // One number differs now and then, so that a key without it would join too many lines.
            let other = draw.below(columns.len() * 2);
            for at in (0..columns.len()).filter(|at| is_alike(columns[*at]) && *at != other) {
                cells[at] = match like[at].trim() {
                    "0.8" | "0.80" | "0.800" => draw.of(&["0.8", "0.80", " 0.8 ", "0.800"]).to_owned(),
                    "1" | "1.0" => draw.of(&["1", "1.0"]).to_owned(),
                    text if !text.ends_with('"') && draw.below(4) == 0 => format!("{text} "),
                    text => text.to_owned(),
                };
            }
        }
        lines.push((day, cells.join(",")));
    }
    lines
}

fn text<'a>(header: &str, lines: impl IntoIterator<Item = &'a Line>) -> String {
    lines.into_iter().fold(format!("{header}\n"), |mut text, (_, line)| {
        writeln!(text, "{line}").unwrap();
        text
    })
}

/// A store with a whole month.
fn month(header: &str, lines: &[Line]) -> Home {
    let home = Home::new();
    home.import([home.write(&format!("{STEM}.csv"), text(header, lines).as_bytes())]);
    home
}

/// Exports March in a form, into a folder of the home that is named after it.
fn export(home: &Home, form: &str, more: &[&str]) -> OsString {
    let folder = format!("out-{}", form.replace('/', "-"));
    forms::export(home, form, &folder, more);
    home.path(&folder).into()
}

/// What the oracle has to say about exports in forms, beside the lines of a base: nothing, if they are right.
fn said(python: &Path, base: &OsString, rows: &str, forms: &[(&str, OsString)]) -> (bool, String) {
    let mut command = Command::new(python);
    command.args(["-X", "utf8", "-c", ORACLE]).arg(base).arg(rows);
    for (form, folder) in forms {
        command.arg(form).arg(folder);
    }
    let output = command.output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(errors.is_empty(), "{errors}");
    (output.status.success(), String::from_utf8(output.stdout).unwrap())
}

/// Holds every form of March against the rules.
#[track_caller]
fn check(home: &Home, what: &str, more: &[&str]) {
    let Some(python) = python() else { return skip("shape_rules", "python3") };
    let rows = more.iter().skip_while(|arg| **arg != "--rows-per-file").nth(1).unwrap_or(&"0");
    let base = export(home, "l3", more);
    let forms: Vec<_> = FORMS.iter().map(|form| (*form, export(home, form, more))).collect();
    assert_eq!(said(&python, &base, rows, &forms), (true, String::new()), "{what} {more:?}");
}

#[test]
fn every_form_of_every_fixture_is_right_to_the_letter() {
    for bill in ["english", "english-spaced", "chinese", "several", "shuffled"] {
        check(&Home::with(&[bill_file(bill)]), bill, &[]);
    }
}

#[test]
fn nasty_lines_in_english_and_chinese_are_right_to_the_letter() {
    for seed in 1..=3 {
        check(&month(ENGLISH, &lines(ENGLISH, seed, 160)), &format!("english {seed}"), &[]);
        check(&month(CHINESE, &lines(CHINESE, seed, 160)), &format!("chinese {seed}"), &[]);
    }
}

#[test]
fn parts_of_a_month_are_right_to_the_letter() {
    let parts: [&[&str]; 6] = [
        &["--owner", CUSTOMER],
        &["--kind", "daily", "--through", "2021-03-09"],
        &["--kind", "daily"],
        &["--kind", "reseller"],
        &["--rows-per-file", "1"],
        &["--kind", "daily", "--through", "2021-03-20", "--rows-per-file", "17"],
    ];
    for (seed, part) in (11..).zip(parts) {
        check(&month(ENGLISH, &lines(ENGLISH, seed, 120)), &format!("english {seed}"), part);
    }
}

#[test]
fn one_line_and_lines_that_all_pass_through_are_right() {
    check(&month(ENGLISH, &lines(ENGLISH, 21, 1)), "one line", &[]);
    let passing: Vec<Line> =
        lines(ENGLISH, 22, 400).into_iter().filter(|(_, line)| line.contains("Refund")).collect();
    assert!(passing.len() > 10, "{}", passing.len());
    check(&month(ENGLISH, &passing), "refunds", &[]);
}

/// A line with few cells: those that a test changes.
fn small(cells: [&str; 7]) -> String {
    let [discount, duration, start, total, voucher, tag, kind] = cells;
    format!(
        "{PAYER},{CUSTOMER},CVM,ins-1,{kind},o-1,{start},CPU,2,{duration},{discount},{voucher},{total},USD,{tag}"
    )
}

const SMALL: &str = "PayerAccountID,OwnerAccountID,ProductName,InstanceID,TransactionType,Order ID,UsageStartTime,ComponentName,\
Component Usage,Usage Duration,DiscountRate,Voucher Deduction,Total Cost (Including Tax),Currency,tag_key:env";

#[test]
fn the_oracle_sees_every_change_of_a_line() {
    let Some(python) = python() else { return skip("shape_rules", "python3") };
    let usual = ["0.80", "1", "2021-03-02 10:00:00", "1.005", "0", "prod", "Hourly settlement"];
    let month_with = |cells: [&str; 7]| {
        let other = ["0.80", "1.0", "2021-03-02 11:00:00", "2", "0", "prod", "Hourly settlement"];
        month(SMALL, &[(2, small(cells)), (2, small(other))])
    };
    let home = month_with(usual);
    let base = export(&home, "l3", &[]);
    // The cell, what it is changed to, and the forms in which that shows.
    let changes: [(usize, &str, &[&str]); 8] = [
        (0, "0.8", &["l3-monthly", "pack"]),
        (0, "0.81", &["l3-monthly", "l3/customer"]),
        (1, "2", &["l3-monthly"]),
        (2, "2021-03-02 09:00:00", &["l3-monthly", "l2"]),
        (3, "1.00500001", &["l3-monthly", "l2", "l1", "l2/customer"]),
        (4, "0.00000001", &["l3-monthly", "l2", "l1", "l2/reseller"]),
        (5, "test", &["l3-monthly", "l2", "l1"]),
        (6, "Refund", &["l3-monthly", "l2", "l3/reseller"]),
    ];
    for (at, to, forms) in changes {
        let mut cells = usual;
        cells[at] = to;
        let other = month_with(cells);
        for form in forms {
            let folder = export(&other, form, &[]);
            let (well, words) = said(&python, &base, "0", &[(form, folder)]);
            assert!(!well && !words.is_empty(), "{form} does not show `{to}`");
        }
    }
    let mine = export(&home, "l2", &[]);
    assert_eq!(said(&python, &base, "0", &[("l2", mine)]), (true, String::new()));
}

/// The name and bytes of the zip in a folder.
fn zip(folder: &Path) -> (String, Vec<u8>) {
    let mut zips = zips(folder);
    assert_eq!(zips.len(), 1, "{:?}", zips.keys());
    zips.pop_first().unwrap()
}

/// Puts CSVs into one zip.
fn zipped(csvs: &[String]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (n, csv) in csvs.iter().enumerate() {
        writer.start_file(format!("{n}.csv"), zip::write::SimpleFileOptions::default()).unwrap();
        writer.write_all(csv.as_bytes()).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

#[test]
fn day_by_day_turned_round_or_in_several_csvs_the_zips_are_the_same() {
    let all = lines(ENGLISH, 31, 150);
    let at_once = month(ENGLISH, &all);
    let by_day = Home::new();
    for through in [9, 20, 31] {
        let so_far = text(ENGLISH, all.iter().filter(|(day, _)| *day <= through).rev());
        let name = format!("{PAYER}-202103{through:02}-by_used_time-bill_details.csv");
        by_day.import([by_day.write(&name, so_far.as_bytes())]);
    }
    let in_one_zip = Home::new();
    let csvs: Vec<String> = all.chunks(41).rev().map(|lines| text(ENGLISH, lines)).collect();
    in_one_zip.import([in_one_zip.write(&format!("{STEM}.zip"), &zipped(&csvs))]);
    for form in FORMS {
        let want = zip(Path::new(&export(&at_once, form, &[])));
        assert_eq!(zip(Path::new(&export(&by_day, form, &[]))), want, "{form}, day by day");
        assert_eq!(zip(Path::new(&export(&in_one_zip, form, &[]))), want, "{form}, several CSVs");
    }
}

#[test]
fn a_sink_gets_the_zip_that_export_renders() {
    let all = lines(ENGLISH, 41, 80);
    for form in FORMS {
        let (shape, per) = form.split_once('/').unwrap_or((form, "consolidated"));
        let home = month(ENGLISH, &all);
        home.sink("bucket", &[&format!("shape={shape}"), &format!("per={per}")]);
        let bucket = home.enable(PAYER, "bucket", "monthly", false);
        home.ok(["run", "--on", "2021-04-02"]).says(0, &["Delivered the monthly bill"]);
        home.ok(["delivery", "verify"]);
        let (name, bytes) = zip(&bucket);
        assert_eq!((name, bytes.clone()), zip(Path::new(&export(&home, form, &[]))), "{form}");
        let owners = entries(&bytes).iter().filter(|(name, _, _)| name.contains(CUSTOMER)).count();
        assert_eq!(owners, usize::from(per == "customer"), "{form}");
        home.ok(["run", "--on", "2021-04-03"]).says(0, &["Nothing was due"]);
    }
}

#[test]
fn cells_that_show_no_amount_and_differ_give_a_dash_in_any_order() {
    // `--`, `-` and nothing all show no amount; only what is the same in all lines is shown.
    let not_shown = ["", "-", "--"];
    let mut lines = Vec::new();
    for first in not_shown {
        for second in not_shown {
            for (day, voucher) in [(1, first), (2, second)] {
                let start = format!("2021-03-{day:02} 10:00:00");
                let line = small(["0.8", "1", &start, "1", voucher, "prod", "Daily settlement"]);
                let instance = format!("ins-{}", lines.len() / 2);
                lines.push((day, line.replace("ins-1", &instance)));
            }
        }
    }
    check(&month(SMALL, &lines), "not shown", &[]);
}

#[test]
fn the_name_of_a_component_decides_what_is_in_the_key_and_what_is_summed() {
    // The words of docs/DOMAIN.md#aggregation-by-month, and names without one of them.
    let names =
        ["Traffic", "BandWidth", "storage", "Times", "流量", "带宽", "存储", "次数", "CPU", "内存", "time"];
    let mut lines = Vec::new();
    for name in names {
        for (hour, (usage, duration)) in [("2", "1"), ("2", "5"), ("3", "1")].into_iter().enumerate() {
            let start = format!("2021-03-02 {hour:02}:00:00");
            let line = small(["0.8", duration, &start, "1", "0", "prod", "Spot"]);
            lines.push((2, line.replace(",CPU,2,", &format!(",my {name} x,{usage},"))));
        }
    }
    let home = month(SMALL, &lines);
    check(&home, "components", &[]);
    let (_, bytes) = zip(Path::new(&export(&home, "l3-monthly", &[])));
    let csv = String::from_utf8(entries(&bytes)[0].2.clone()).unwrap();
    for (at, name) in names.iter().enumerate() {
        let mut rows: Vec<String> = csv
            .lines()
            .filter(|line| line.contains(&format!(",my {name} x,")))
            .map(|line| line.split(',').skip(8).take(2).collect::<Vec<_>>().join(" for "))
            .collect();
        rows.sort();
        // Two lines of a duration have their usages summed, or two of a usage their durations.
        let want = if at < 8 { ["2 for 5", "5 for 1"] } else { ["2 for 6", "3 for 1"] };
        assert_eq!(rows, want, "{name}");
    }
}
