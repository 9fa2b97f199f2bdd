//! `name`: the profiles, what a template gives, and what a name says. No store is needed.

use serde_json::Value;

use crate::support::{Home, demo_file};

/// The names of a table, `profile kind shape per scope name` each.
fn names(shown: &Value) -> Vec<String> {
    let columns = ["profile", "kind", "shape", "per", "scope", "name"];
    let rows = shown["rows"].as_array().unwrap().iter();
    rows.map(|row| columns.map(|column| row[column].as_str().unwrap().to_owned()).join(" ")).collect()
}

/// What a name says, `what=value` each.
fn said(home: &Home, args: &[&str]) -> Vec<String> {
    let shown = home.json([&["name", "parse"], args].concat());
    assert_eq!(shown["format"], "billkeep.name.parse/1");
    let rows = shown["rows"].as_array().unwrap().iter();
    rows.map(|row| format!("{}={}", row["what"].as_str().unwrap(), row["value"].as_str().unwrap())).collect()
}

#[test]
fn the_list_has_a_sample_of_each_kind_in_each_profile_and_each_says_what_it_is() {
    let home = Home::empty();
    let shown = home.json(["name", "list"]);
    assert_eq!(shown["format"], "billkeep.name.list/1");
    let rows = names(&shown);
    for profile in ["seed-2021", "current", "partner-download", "focus", "zh"] {
        for kind in ["daily", "monthly", "reseller"] {
            let begin = format!("{profile} {kind} l3 consolidated ");
            assert_eq!(rows.iter().filter(|row| row.starts_with(&begin)).count(), 1, "{begin}");
        }
    }
    assert!(rows.iter().any(|row| row.starts_with(
        "seed-2021 daily l3 consolidated payer 100010445724-2021-04-04-by_used_time-bill-details-consolidated_bill-"
    )));
    for row in shown["rows"].as_array().unwrap() {
        let name = row["name"].as_str().unwrap();
        let told = said(&home, &[name, "--naming", row["profile"].as_str().unwrap()]);
        for what in ["kind", "shape", "per"] {
            let expected = format!("{what}={}", row[what].as_str().unwrap());
            assert!(told.contains(&expected), "{name}: {expected}: {told:?}");
        }
        // The importer's reading knows it as well.
        assert!(said(&home, &[name]).iter().any(|told| told.starts_with("form=")), "{name}");
    }
}

#[test]
fn a_template_is_shown_at_work_or_refused_with_the_reason() {
    let home = Home::empty();
    let rows = names(&home.json(["name", "check", "{uin}_{day_compact}_{kind}_{id}"]));
    assert_eq!(rows.len(), 6);
    assert!(rows[0].contains(" 100010445724_20210404_daily_") && rows[0].ends_with(".zip"), "{rows:?}");
    assert_eq!(names(&home.json(["name", "check", "zh"])).len(), 6);
    for (template, word) in [
        ("{uin}-{month}", "`{id}` is missing"),
        ("../{uin}-{id}", "the character `/` (U+002F) may not stand in a name"),
        ("{uin}-{id", "has no `}`"),
        ("{account}-{id}", "`{account}` is not a field; the fields are `{uin}`"),
        ("CON.{id}", "is a device on Windows"),
        ("{uin}{payer}{id}", "where `{uin}` ends"),
        ("\u{202e}{id}", "\\u{202e}"),
        ("monthly", "is not a profile of names"),
    ] {
        let refused = home.run(["name", "check", template]).says(1, &[word, "hint: "]);
        assert!(refused.stdout.is_empty() && !refused.stderr.contains('\u{202e}'), "{template}");
    }
}

#[test]
fn a_name_says_what_it_says_and_no_more() {
    let home = Home::empty();
    assert_eq!(
        said(
            &home,
            &[
                "100010445724-2021-03--by_used_time-bill-details-consolidated_bill-61121cbd9017a16285769571173521960.zip"
            ]
        ),
        [
            "profile=seed-2021",
            "form=consolidated bill of a month",
            "uin=100010445724",
            "month=2021-03",
            "kind=reseller",
            "basis=used",
            "shape=l3",
            "per=consolidated",
            "id=61121cbd9017a16285769571173521960",
        ]
    );
    assert_eq!(
        said(&home, &["L2-bill_by_Instance-800000425835-202412-xx-test.csv"]),
        ["form=download of one account", "level=L2", "uin=800000425835", "month=2024-12"]
    );
    let template = "{payer}.{uin}.{first_day}+{last_day}.{scope}.{id}";
    let name = "100010445724.100010445724.2021-03-01+2021-03-31.self.61121cbd9017a16285769571173521960.manifest.json";
    assert_eq!(
        said(&home, &[name, "--naming", template]),
        [
            "profile={payer}.{uin}.{first_day}+{last_day}.{scope}.{id}",
            "uin=100010445724",
            "payer=100010445724",
            "month=2021-03",
            "first_day=2021-03-01",
            "last_day=2021-03-31",
            "scope=self",
            "id=61121cbd9017a16285769571173521960",
        ]
    );
    home.run(["name", "parse", name]).says(1, &["has none of the forms that are known"]);
    home.run(["name", "parse", name, "--naming", "zh"]).says(1, &["is not a name that `zh` gives"]);
    home.run(["name", "parse", name, "--naming", "{id"]).says(2, &["has no `}`"]);
    home.run(["name", "parse", "a\u{1b}[31mb.zip"]).says(1, &["`a\\u{1b}[31mb.zip`"]);
    home.run(["name", "parse", "../x.zip"]).says(1, &["has none of the forms"]);
}

#[test]
fn what_is_imported_under_a_name_of_ours_is_taken_for_what_it_is() {
    let home = Home::new();
    let shown = home.json(["name", "list"]);
    let rows = shown["rows"].as_array().unwrap();
    let current = rows.iter().find(|row| row["profile"] == "current" && row["kind"] == "daily").unwrap();
    let bill = home.write(current["name"].as_str().unwrap(), &std::fs::read(demo_file(4, 4)).unwrap());
    home.import([bill]);
    assert_eq!(home.bill_text("month"), "2021-04");
    // A summary and a pack are told from bills by their names.
    for (what, word) in [("bill_summary", "it is a summary"), ("bill_pack", "it is a pack")] {
        let name = format!("100010445724-202104-by_used_time-{what}-61121cbd9017a16285769571173521960.zip");
        let file = home.write(&name, &std::fs::read(demo_file(4, 4)).unwrap());
        home.import_as(None, [file]).says(1, &[word]);
    }
}
