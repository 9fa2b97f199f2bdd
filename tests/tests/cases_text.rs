//! Bills and lists as people's programs save them: other encodings and separators, title lines, cells of spreadsheets. Each comes in
//! as the plain file would, or is refused with what is wrong, where, and what to do. The numbers are those of the handed cases.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::process::Stdio;

use crate::support::sheet::Sheet;
use crate::support::{Home, MARCH, Output, STEM};

const ENGLISH: &str = "PayerAccountID,OwnerAccountID,ProductName,SubproductName,BillingMode,ProjectName,Region,InstanceID,InstanceName,\
    TransactionType,TransactionID,TransactionTime,UsageStartTime,UsageEndTime,ComponentType,ComponentName,ComponentListPrice,\
    ComponentUsage,UsageDuration,OriginalCost,DiscountRate,Currency,VoucherDeduction,TotalCost,BillMonth";
const CHINESE: &str = "支付者UIN,使用者UIN,产品名称,交易ID,开始使用时间,组件名称,优惠后总价(元)";

fn english_line(number: u32, owner: &str, day: u32, total: &str) -> String {
    format!(
        "100010445724,{owner},CVM,CVM S5,Pay-as-you-go,default,Singapore,ins-{number},web-{number},Hourly settlement,202103000000000{number},\
         2021-03-{day:02} 01:10:00,2021-03-{day:02} 00:00:00,2021-03-{day:02} 00:59:59,CPU,CPU S5,1.25,1,1,1.25,1,USD,0,{total},2021-03\n"
    )
}

fn english() -> String {
    [
        ENGLISH.to_owned() + "\n",
        english_line(1, "200000003412", 1, "1.25000000"),
        english_line(2, "300002269100", 2, "-0.50000000"),
        english_line(3, "200000036222", 31, "10"),
    ]
    .concat()
}

fn chinese() -> String {
    let line = |number: u32, name: &str, total: &str| {
        format!(
            "100010445724,200000003412,云服务器,20210300000{number},2021-03-0{number} 00:00:00,{name},{total}\n"
        )
    };
    [
        CHINESE.to_owned() + "\n",
        line(1, "标准型S5", "1.25"),
        line(2, "一二三", "-0.5"),
        line(3, "\"网站, 喆\"", "1.25"),
    ]
    .concat()
}

fn gb18030(text: &str) -> Vec<u8> {
    encoding_rs::GB18030.encode(text).0.into_owned()
}

fn utf16(text: &str, big: bool, mark: bool) -> Vec<u8> {
    let mark = if mark { "\u{feff}" } else { "" };
    let units = mark.encode_utf16().chain(text.encode_utf16()).collect::<Vec<_>>();
    units.iter().flat_map(|unit| if big { unit.to_be_bytes() } else { unit.to_le_bytes() }).collect()
}

/// Imports a bill of the month into a new store.
fn import(bytes: &[u8]) -> (Home, Output) {
    let home = Home::new();
    let file = home.write(&format!("{STEM}.csv"), bytes);
    let output = home.run(["import".as_ref(), file.as_os_str()]);
    (home, output)
}

/// What a bill became: its digest, its totals, and what was said.
#[derive(Clone)]
struct Taken {
    digest: String,
    totals: String,
    told: String,
}

#[track_caller]
fn taken(bytes: &[u8]) -> Taken {
    let home = Home::new();
    let file = home.write(&format!("{STEM}.csv"), bytes);
    // Some of these months end early, which is not what they are about.
    let output = home.run(["--format", "json", "import", "--accept-smaller", file.to_str().unwrap()]);
    assert_eq!(output.code, 0, "{}", output.stderr);
    let report = &output.json()["files"][0];
    Taken { digest: report["digest"].to_string(), totals: report["totals"].to_string(), told: output.stderr }
}

/// Returns what a plain bill becomes, which most tests of a thread ask for again and again.
fn plainly(text: &str) -> Taken {
    thread_local! {
        static KNOWN: RefCell<HashMap<String, Taken>> = RefCell::default();
    }
    if let Some(known) = KNOWN.with_borrow(|known| known.get(text).cloned()) {
        return known;
    }
    let new = taken(text.as_bytes());
    KNOWN.with_borrow_mut(|known| known.insert(text.to_owned(), new.clone()));
    new
}

#[track_caller]
fn comes_in_as(bytes: &[u8], plain: &str, words: &[&str]) {
    let (plain, Taken { digest, totals, told }) = (plainly(plain), taken(bytes));
    assert_eq!((digest, totals), (plain.digest, plain.totals), "{told}");
    for word in words {
        assert!(told.contains(word), "`{word}` is not in: {told}");
    }
}

#[track_caller]
fn is_refused(bytes: &[u8], words: &[&str]) {
    let (_, output) = import(bytes);
    assert!(output.code == 1, "{output:?}");
    for word in words {
        assert!(output.stderr.contains(word), "`{word}` is not in: {}", output.stderr);
    }
}

/// Puts another text in the place of the only one.
#[track_caller]
fn with(text: &str, from: &str, to: &str) -> String {
    assert!(text.contains(from), "{from}");
    text.replacen(from, to, 1)
}

#[test]
fn a_bill_in_another_encoding_has_the_digest_of_the_same_bill_in_utf_8() {
    let plain = chinese();
    // 001, 002
    comes_in_as(&gb18030(&plain), &plain, &["GB18030"]);
    comes_in_as(
        &utf16(&plain.replace(',', "\t").replace("\"网站\t 喆\"", "\"网站, 喆\""), false, true),
        &plain,
        &["UTF-16LE", "tabs"],
    );
    comes_in_as(&utf16(&plain, true, false), &plain, &["UTF-16BE"]);
    comes_in_as(&utf16(&plain, false, false), &plain, &["UTF-16LE"]);
}

#[test]
fn chinese_far_behind_a_beginning_of_ascii_is_read_as_what_it_is() {
    let mut plain = ENGLISH.to_owned() + "\n";
    for day in (1..=28).cycle().take(400) {
        plain += &english_line(1, "200000003412", day, "1");
    }
    for name in ["订单服务", "网站"] {
        plain += &with(&english_line(2, "300002269100", 2, "-0.5"), "web-2", name);
    }
    assert!(plain.len() > 80 << 10);
    comes_in_as(&gb18030(&plain), &plain, &["GB18030"]);
}

#[test]
fn one_damaged_cell_is_named_with_line_column_and_bytes() {
    // 004
    let at = english().find("web-2").unwrap();
    let mut bytes = english().into_bytes();
    bytes.splice(at..at + 5, gb18030("网站"));
    let (_, output) = import(&bytes);
    let told = output.says(1, &["line 3", "`InstanceName`", "cd f8 d5 be", "UTF-8", "--encoding"]).stderr;
    assert!(!told.contains("save it as UTF-8"), "{told}");
    // The same bytes, where somebody says what they are.
    let home = Home::new();
    let file = home.write(&format!("{STEM}.csv"), &bytes);
    home.run(["import".as_ref(), file.as_os_str(), "--encoding".as_ref(), "gbk".as_ref()])
        .says(0, &["GB18030"]);
    let mut cut = gb18030(&chinese());
    let at = cut.len() - 6;
    cut.splice(at..at, *b"\x81 ");
    is_refused(&cut, &["line 4", "the bytes 81 are not GB18030"]);
}

#[test]
fn lines_and_evidence_point_into_the_file_as_it_is() {
    // 013
    let titles = format!("腾讯云账单明细\n账期：2021-03\n\n{}", chinese());
    comes_in_as(titles.as_bytes(), &chinese(), &["header found in line 4"]);
    for bytes in [titles.clone().into_bytes(), gb18030(&titles), utf16(&titles, false, true)] {
        let (home, output) = import(&bytes);
        output.says(0, &["line 4"]);
        let explained = home.ok(["--format", "csv", "bill", "explain", MARCH]).stdout;
        let sheet = Sheet::parse(&explained);
        let mut lines: Vec<&str> = (0..sheet.rows.len()).map(|row| sheet.cell(row, "text_line")).collect();
        lines.sort_unstable();
        assert_eq!(lines, ["5", "6", "7"]);
        home.ok(["store", "check"]);
    }
    is_refused(with(&titles, "-0.5", "x").as_bytes(), &["line 6"]);
    let part = format!("{}{}", english_line(1, "200000003412", 1, "1"), english());
    is_refused(part.as_bytes(), &["the header is in line 2", "lines of a bill"]);
    is_refused(english_line(1, "200000003412", 1, "1").as_bytes(), &["has no header", "later part"]);
}

#[test]
fn other_separators_are_read_and_reported() {
    // 010, 011, 012
    comes_in_as(english().replace(',', "\t").as_bytes(), &english(), &["tabs"]);
    comes_in_as(english().replace(',', ";").as_bytes(), &english(), &["semicolons"]);
    comes_in_as(format!("sep=,\r\n{}", english()).as_bytes(), &english(), &["header found in line 2"]);
    comes_in_as(
        format!("sep=;\n{}", english().replace(',', ";")).as_bytes(),
        &english(),
        &["semicolons", "line 2"],
    );
    let cell = with(&english(), "web-1", "\"a, b; c\"");
    comes_in_as(cell.replace(',', ";").replace("a; b; c", "a, b; c").as_bytes(), &cell, &["semicolons"]);
}

#[test]
fn what_stands_between_files_that_were_put_together_is_known() {
    // 196, 027
    let marked = with(&english(), "\n100010445724,300002269100", "\n\u{feff}100010445724,300002269100");
    comes_in_as(marked.as_bytes(), &english(), &[]);
    comes_in_as(format!("{}\u{1a}", english()).as_bytes(), &english(), &[]);
    // 016
    let whole = english();
    let lines: Vec<&str> = whole.split_inclusive('\n').collect();
    let again = [lines[0], lines[1], lines[2], lines[0], lines[3]].concat();
    is_refused(again.as_bytes(), &["line 4", "header again"]);
    is_refused(with(&again, "\nPayer", "\n\u{feff}Payer").as_bytes(), &["line 4", "header again"]);
    // 021
    is_refused(
        &[english().into_bytes(), vec![0; 4096]].concat(),
        &["line 5", "ends in zero bytes", "download it again"],
    );
    is_refused(with(&english(), "web-2", "we\0b").as_bytes(), &["line 3", "zero byte"]);
}

#[test]
fn total_rows_are_named_and_never_counted() {
    // 014
    let total = format!("{}合计,,,,,,2.00\n", chinese());
    is_refused(total.as_bytes(), &["line 5", "合计", "total row", "twice", "remove"]);
    for row in [
        "合计：2.00元\n",
        "Grand Total,,,,,,2.00\n",
        ",,小计,,,,2.00",
        "200000003412 汇总,,,,,,2\n",
        "总计\t,,,,,,2\n",
    ] {
        is_refused(format!("{}{row}", chinese()).as_bytes(), &["line 5", "total row"]);
    }
    // Every cell of it reads.
    let subtotal = with(&chinese(), ",云服务器,202103000003", ",小计,");
    is_refused(subtotal.as_bytes(), &["line 4", "小计", "total row"]);
}

#[test]
fn what_is_no_table_or_no_bill_of_the_provider_is_named() {
    // 032, 033, 034
    is_refused(b"<!DOCTYPE html>\n<html><body>Sign in</body></html>\n", &["web page", "login"]);
    is_refused(b"<?xml version=\"1.0\"?>\n<Error><Code>AccessDenied</Code></Error>\n", &["XML"]);
    is_refused(b"{\"Bill\": [1, 2]}\n", &["JSON"]);
    // 163, 165, 166
    is_refused(b"BilledCost,BillingAccountId,ServiceName\n1,2,3\n", &["FOCUS", "bill_details.csv"]);
    is_refused(
        b"identity/LineItemId,bill/PayerAccountId,lineItem/UnblendedCost\nx,1,2\n",
        &["AWS", "`owner_uin`", "`total`"],
    );
    is_refused(
        "账期,账号ID,产品,消费时间,应付金额,币种\n2021-03,1,ECS,x,0.1,CNY\n".as_bytes(),
        &["Alibaba", "`product_name`"],
    );
    let home = Home::new();
    let focus =
        home.write("FOCUS-bill_details-100010445724-202512.CSV", b"BilledCost,BillingAccountId\n1,2\n");
    home.run(["import".as_ref(), focus.as_os_str()]).says(1, &["FOCUS", "bill_details.csv"]);
    let summary =
        home.write("100010445724-202103-by_used_time-L1_bill.csv", b"BillMonth,TotalCost\n2021-03,1\n");
    assert_ne!(home.run(["import".as_ref(), summary.as_os_str()]).code, 0);
}

#[test]
fn headers_are_read_whatever_is_invisible_in_them_and_near_ones_are_named() {
    // 167
    let spelled =
        with(&with(&english(), "OwnerAccountID", "\u{200b}OwnerAccountID"), "TotalCost", "\u{200b}TotalCost");
    comes_in_as(spelled.as_bytes(), &english(), &[]);
    let cased =
        with(&with(&english(), "OwnerAccountID", "OWNER ACCOUNT ID"), "ProductName", "\u{a0}Product Name\t");
    assert_eq!(import(cased.as_bytes()).1.code, 0);
    // 169
    is_refused(
        with(&english(), "TotalCost", "TotalCosts").as_bytes(),
        &["`total`", "`TotalCosts`", "`TotalCost`", "`优惠后总价(元)`"],
    );
}

#[test]
fn a_cell_with_one_reading_makes_the_digest_of_the_plain_cell() {
    let plain = english();
    for (from, to, words) in [
        // 044, 045, 049
        (
            "\n100010445724,200000003412",
            "\n'100010445724,'200000003412",
            &["`'200000003412` as `200000003412`"][..],
        ),
        ("200000003412", "\"=\"\"200000003412\"\"\"", &[]),
        ("200000003412", "200000003412.0", &["`OwnerAccountID`"]),
        ("200000003412", "２０００００００３４１２", &[]),
        // 050, 051, 053, 061, 066
        ("-0.50000000", "-0.５０００００００", &["`TotalCost`"]),
        ("-0.50000000", "\u{2212}0.50000000", &[]),
        ("-0.50000000", "(0.50000000)", &[]),
        ("-0.50000000", "-$0.50000000", &[]),
        ("-0.50000000", "-.50000000", &[]),
        // 072
        (",USD,", ",usd,", &["`usd` as `USD`"]),
        // 084
        ("2021-03-01 00:00:00", "2021-03-01 00:00", &["`UsageStartTime`"]),
        ("2021-03-01 00:00:00", "2021/3/1 0:00:00", &[]),
        ("2021030000000001", "'2021030000000001", &["`TransactionID`"]),
        (",2021-03\n", ",2021/3\n", &[]),
    ] {
        comes_in_as(with(&plain, from, to).as_bytes(), &plain, words);
    }
    // 080
    let end = with(&plain, "2021-03-01 00:59:59", "2021-03-01 24:00:00");
    comes_in_as(end.as_bytes(), &with(&plain, "2021-03-01 00:59:59", "2021-03-02 00:00:00"), &[]);
    // 072
    let yuan = with(&with(&plain, ",USD,", ",人民币,"), "1.25000000", "￥1.25000000");
    comes_in_as(yuan.as_bytes(), &with(&plain, ",USD,", ",CNY,"), &[]);
}

#[test]
fn a_cell_with_two_readings_or_none_is_refused_with_its_column_and_cause() {
    let plain = english();
    for (from, to, words) in [
        // 040, 041
        ("\n100010445724", "\n1.00010E+11", &["`PayerAccountID`", "spreadsheet", "original"][..]),
        ("2021030000000002", "2.02103E+15", &["line 3", "`TransactionID`", "spreadsheet", "original"]),
        // 042, 091, 058
        ("2021-03-01 00:00:00", "2021/3/1 0:00", &["`UsageStartTime`", "spreadsheet", "original"]),
        ("2021-03-01 00:00:00", "44256.0", &["`UsageStartTime`", "day number"]),
        ("web-1", "#REF!", &["`InstanceName`", "spreadsheet"]),
        (",2021-03\n", ",Mar-21\n", &["`BillMonth`", "spreadsheet"]),
        // 068, 069
        ("1.25000000", "123456789012345678901234567", &["`TotalCost`", "27 digits", "26"]),
        ("1.25000000", "0.1234567890123456789", &["`TotalCost`", "19 decimals", "18"]),
        ("1.25000000", "\u{2013}1.25", &["`TotalCost`", "U+2013"]),
        ("1.25000000", "￥1.25", &["`TotalCost`", "`¥`", "currency"]),
        ("1.25000000", "\"1,25\"", &["`TotalCost`", "comma"]),
        // 086
        ("2021-03-01 00:00:00", "2021-02-29 00:00:00", &["`UsageStartTime`", "no such day"]),
        ("2021-03-01 00:00:00", "2021-03-01 24:00:00", &["`UsageStartTime`", "no such time"]),
    ] {
        is_refused(with(&plain, from, to).as_bytes(), words);
    }
}

#[test]
fn a_dry_run_counts_every_fault_and_shows_the_first_of_each_kind() {
    // 228
    let mut text = ENGLISH.to_owned() + "\n";
    for day in (1..=30).cycle().take(120) {
        let line = english_line(1, "200000003412", day, "N/A");
        text += &with(&line, &format!("2021-03-{day:02} 00:00:00"), "2021/3/1");
    }
    text += "合计,2\n";
    let home = Home::new();
    let file = home.write(&format!("{STEM}.csv"), text.as_bytes());
    let arguments = ["import".as_ref(), "--dry-run".as_ref(), file.as_os_str()];
    let told = home
        .run(arguments)
        .says(1, &["241 faults of 3 kinds", "`TotalCost`", "line 2", "line 4", "117 more"])
        .stderr;
    assert!(!told.contains("line 50"), "{told}");
    let output = home.run(["--format".as_ref(), "json".as_ref()].into_iter().chain(arguments));
    let counts: Vec<u64> =
        output.json()["groups"].as_array().unwrap().iter().map(|g| g["count"].as_u64().unwrap()).collect();
    assert_eq!(counts, [120, 120, 1]);
    // Without faults, and with other lines than the last unterminated one.
    let home = Home::new();
    let cut = home.write(&format!("{STEM}.csv"), with(&english(), "200000003412", "2").trim_end().as_bytes());
    home.run(["import".as_ref(), "--dry-run".as_ref(), cut.as_os_str()]).says(1, &["2 faults", "line end"]);
}

#[test]
fn a_list_of_accounts_is_read_as_a_bill_is() {
    let list =
        "uin,name,role,parent\n200000003412,甲公司,customer,\n300002269100,\"乙公司, 上海\",customer,\n";
    let tree = |home: &Home| home.ok(["--format", "csv", "account", "list"]).text().to_owned();
    let plain = Home::new();
    let file = plain.write("a.csv", list.as_bytes());
    plain.run(["account".as_ref(), "import".as_ref(), file.as_os_str()]).says(0, &["2 rows were new"]);
    assert!(tree(&plain).contains("乙公司, 上海"));
    // 175, 177
    for (bytes, words) in [
        (gb18030(list), &["GB18030"][..]),
        (
            utf16(&list.replace(",", "\t").replace("公司\t 上", "公司, 上"), false, true),
            &["UTF-16LE", "tabs"],
        ),
        (list.replace(',', ";").replace("; 上", ", 上").into_bytes(), &["semicolons"]),
        (format!("accounts of March\n{list}").into_bytes(), &["line 2"]),
        (list.replace("200000003412", "'200000003412").into_bytes(), &[]),
    ] {
        let home = Home::new();
        let file = home.write("a.csv", &bytes);
        home.run(["account".as_ref(), "import".as_ref(), file.as_os_str()]).says(0, words);
        assert_eq!(names(&tree(&home)), names(&tree(&plain)));
    }
    // 178
    let home = Home::new();
    let cut = home.write("a.csv", list.replace("200000003412", "2.00E+11").as_bytes());
    home.run(["account".as_ref(), "import".as_ref(), cut.as_os_str()])
        .says(1, &["line 2", "2.00E+11", "spreadsheet", "original"]);
    // 179
    let mut child = home
        .command(["account", "import", "-"])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(list.as_bytes()).unwrap();
    Output::of(child.wait_with_output().unwrap()).says(0, &["2 rows were new"]);
    assert_eq!(names(&tree(&home)), names(&tree(&plain)));
}

/// Returns accounts and names of a list, without when and by whom.
fn names(list: &str) -> String {
    let mut reader = csv::Reader::from_reader(list.as_bytes());
    reader.records().fold(String::new(), |mut all, record| {
        let record = record.unwrap();
        let _ = writeln!(all, "{}:{}", &record[0], &record[1]);
        all
    })
}

#[test]
fn the_bill_says_how_it_was_read_as_data_too() {
    let home = Home::new();
    let text = format!("账单\n{}", chinese().replace(',', ";").replace("网站;", "网站,"));
    let file = home.write(&format!("{STEM}.csv"), &gb18030(&text));
    // Some of these months end early, which is not what they are about.
    let output = home.run(["--format", "json", "import", "--accept-smaller", file.to_str().unwrap()]);
    let entry = &output.json()["files"][0]["entries"][0];
    assert_eq!(
        (entry["encoding"].as_str(), entry["separator"].as_str(), entry["header_line"].as_u64()),
        (Some("GB18030"), Some(";"), Some(2))
    );
    let bytes = std::fs::read(&file).unwrap();
    assert_eq!(
        output.json()["files"][0]["bytes"].as_u64(),
        Some(bytes.len() as u64),
        "hash and length are those of the file"
    );
}

#[test]
fn white_space_at_the_ends_of_ids_and_texts_is_counted_and_what_is_part_of_a_text_is_warned_of() {
    let text = english();
    let text = with(&text, "200000003412,CVM,", "\t200000003412,CVM\u{a0},");
    let text = with(&text, "300002269100,CVM,", "\u{a0}300002269100,CVM\u{3000},");
    let text = with(&text, ",Singapore,ins-3", ",\u{2003}Singapore ,ins-3");
    // Amounts, times and the currency are the same without it.
    let text = with(&text, ",USD,0,1.25000000,", ", USD,0 ,\t1.25000000,");
    let home = Home::new();
    let file = home.write(&format!("{STEM}.csv"), text.as_bytes());
    let output = home.run(["--format", "json", "import", "--accept-smaller", file.to_str().unwrap()]);
    assert_eq!(output.code, 0, "{}", output.stderr);
    let found = |column: &str, first: &str, passed_over: bool, cells: u64| serde_json::json!({ "column": column, "cells": cells, "first": first, "passed_over": passed_over });
    assert_eq!(
        output.json()["files"][0]["cells_with_white_space"],
        serde_json::json!([
            found("OwnerAccountID", "\t200000003412", true, 2),
            found("ProductName", "CVM\u{a0}", true, 1),
            found("ProductName", "CVM\u{3000}", false, 1),
            found("Region", "\u{2003}Singapore ", false, 1),
        ])
    );
    let words = "warning: white space at the ends of 1 cell of `ProductName`, 1 cell of `Region` is part of the text, \
                 as in `CVM<U+3000>`";
    assert!(output.stderr.contains(words), "{}", output.stderr);
    // So it is: two products that look alike, one of them with the lines of both other spellings.
    let rows = home.json(["bill", "show", MARCH, "--by", "product"])["rows"].clone();
    let row = |row: &serde_json::Value| {
        (row["product"].as_str().unwrap().to_owned(), row["lines"].as_u64().unwrap())
    };
    let products: Vec<(String, u64)> = rows.as_array().unwrap().iter().map(row).collect();
    assert_eq!(products, [("CVM".to_owned(), 2), ("CVM\u{3000}".to_owned(), 1)]);
    let back = home.ok(["bill", "csv", MARCH]);
    assert!(back.text().contains("\u{2003}Singapore ") && back.text().contains("\t200000003412"));
    // What is passed over is nothing to warn of.
    let (_, output) = import(with(&english(), "200000003412,CVM,", "\t200000003412,CVM\u{a0},").as_bytes());
    assert!(!output.stderr.contains("white space"), "{}", output.stderr);
}

#[test]
fn white_space_is_counted_where_each_line_has_a_text_of_its_own() {
    // So many different texts that they are not kept as a list, or are read as numbers.
    let line = |n: u32| {
        let white = if n.is_multiple_of(100) { "\u{a0}" } else { "" };
        english_line(1, "200000003412", 1 + n % 31, "1.00000000")
            .replace("ins-1", &format!("{white}ins-{n}x"))
            .replace("2021030000000001", &format!("20210300{n:08}{white}"))
    };
    let text = (1..=3_000).fold(ENGLISH.to_owned() + "\n", |text, n| text + &line(n));
    let home = Home::new();
    let file = home.write(&format!("{STEM}.csv"), text.as_bytes());
    let report = home.json(["import", file.to_str().unwrap()]);
    let found = report["files"][0]["cells_with_white_space"].as_array().unwrap().clone();
    let found: Vec<_> =
        found.iter().map(|one| (one["column"].as_str().unwrap(), one["cells"].as_u64())).collect();
    assert_eq!(found, [("InstanceID", Some(30)), ("TransactionID", Some(30))]);
}
