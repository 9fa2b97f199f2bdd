//! Turning pages of a bill's lines: each line once, whatever the page's length, and what conditions say.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::support::{Home, MARCH, bill_file};
use billkeep_core::bills::{Bill, BillError, BillField, BillView, Page, PagePlace, WantedPage};
use billkeep_core::engine::{Access, OpenOptions, Snapshot, Store};

/// A bill in several CSVs, cut into small blocks.
fn cut() -> Home {
    let home = Home::new();
    home.import_tuned("block_rows=64", &bill_file("several"));
    home
}

fn opened(home: &Home) -> (Store, BillView) {
    let store = Store::open(&home.store(), &OpenOptions::default(), Access::Read).unwrap();
    let reader = store.read().unwrap();
    let key = Bill::list(&reader).unwrap()[0].0.key;
    let view = BillView::open(&reader, key, None).unwrap();
    (store, view)
}

/// Turns pages until there is no next one; returns the lines of each, and what was said beside them.
fn turned(reader: &Snapshot, view: &BillView, first: WantedPage) -> Vec<(Vec<String>, Page)> {
    let mut wanted = first;
    let mut pages = Vec::new();
    loop {
        let mut lines = Vec::new();
        let told = view
            .page::<BillError>(reader, &wanted, &mut |id, _, _| {
                lines.push(id.to_string());
                Ok(())
            })
            .unwrap();
        pages.push((lines, told));
        match told.next {
            Some(next) => {
                assert!(next > wanted.from, "{next:?} after {:?}", wanted.from);
                wanted.from = next;
            }
            None => return pages,
        }
    }
}

fn all_of(pages: &[(Vec<String>, Page)]) -> BTreeSet<String> {
    let lines: Vec<&String> = pages.iter().flat_map(|(lines, _)| lines).collect();
    let all: BTreeSet<String> = lines.iter().map(|line| (*line).clone()).collect();
    assert_eq!(all.len(), lines.len(), "a line is on two pages");
    all
}

/// What the command finds, which reads lines in the order of the file.
fn found(home: &Home, conditions: &[&str]) -> BTreeSet<String> {
    let mut args = vec!["bill", "lines", MARCH, "--limit", "100000"];
    conditions.iter().for_each(|condition| args.extend(["--where", condition]));
    let rows = home.json(args)["rows"].as_array().unwrap().clone();
    rows.iter().map(|row: &Value| row["line"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn every_line_is_on_one_page_whatever_the_pages_length() {
    let home = cut();
    let (store, view) = opened(&home);
    let reader = store.read().unwrap();
    let lines = view.revision.lines();
    assert!(view.segments().map(|s| s.record.blocks.len()).sum::<usize>() > 4);
    let wanted = found(&home, &[]);
    assert_eq!(wanted.len() as u64, lines);
    for limit in [1, 7, 64, 100_000] {
        let pages = turned(&reader, &view, WantedPage { limit, look_max: u64::MAX, ..WantedPage::default() });
        assert_eq!(all_of(&pages), wanted, "{limit}");
        let full = pages.iter().rev().skip(1).all(|(lines, told)| lines.len() == limit && !told.cut);
        assert!(full, "{limit}");
    }
    // A place is found by its number, and knows it.
    let one_by_one =
        turned(&reader, &view, WantedPage { limit: 1, look_max: u64::MAX, ..WantedPage::default() });
    for (number, (line, told)) in (0..).zip(&one_by_one) {
        let place = PagePlace::of_line(&view, number);
        assert_eq!(place.lines_before(&view), number);
        let here = turned(
            &reader,
            &view,
            WantedPage { from: place, limit: 100_000, look_max: u64::MAX, ..WantedPage::default() },
        );
        assert_eq!(here[0].0[0], line[0], "{number}");
        assert!(told.next.is_none_or(|next| next == PagePlace::of_line(&view, number + 1)), "{number}");
    }
    assert_eq!(PagePlace::of_line(&view, lines).lines_before(&view), lines);
    let beyond = WantedPage {
        from: PagePlace::of_line(&view, lines + 5),
        limit: 9,
        look_max: 9,
        ..WantedPage::default()
    };
    assert_eq!(all_of(&turned(&reader, &view, beyond)).len(), 0);
}

#[test]
fn conditions_find_what_the_command_finds_however_little_is_looked_at_for_a_page() {
    let home = cut();
    let (store, view) = opened(&home);
    let reader = store.read().unwrap();
    let shown =
        home.json(["bill", "show", MARCH, "--by", "owner,product,day"])["rows"].as_array().unwrap().clone();
    let of = |name: &str| -> BTreeSet<String> {
        shown.iter().map(|row| row[name].as_str().unwrap().to_owned()).collect()
    };
    let mut tried = 0;
    for name in ["owner", "product", "day"] {
        for value in of(name).into_iter().take(5).chain(["nobody".to_owned()]) {
            // `-` is how a missing owner or product is shown, not what the line holds.
            if value == "-" && name != "day" {
                continue;
            }
            let wanted = found(&home, &[&format!("{name}={value}")]);
            for look_max in [1, 100, u64::MAX] {
                let cells = vec![(name.parse::<BillField>().unwrap(), value.clone())];
                let pages =
                    turned(&reader, &view, WantedPage { cells, limit: 5, look_max, ..WantedPage::default() });
                assert_eq!(all_of(&pages), wanted, "{name}={value}, {look_max}");
                // Each page ends where it is full, or says that it was cut.
                let ends = pages.iter().filter(|(_, told)| told.next.is_some());
                assert!(ends.into_iter().all(|(lines, told)| told.cut || lines.len() == 5));
                tried += 1;
            }
        }
    }
    assert!(tried > 30, "{tried}");
    // Two conditions hold together.
    let row = shown.iter().find(|row| row["owner"] != "-" && row["product"] != "-").unwrap();
    let (owner, product) = (row["owner"].as_str().unwrap(), row["product"].as_str().unwrap());
    let cells =
        vec![("owner".parse().unwrap(), owner.to_owned()), ("product".parse().unwrap(), product.to_owned())];
    let both =
        turned(&reader, &view, WantedPage { cells, limit: 3, look_max: u64::MAX, ..WantedPage::default() });
    assert_eq!(all_of(&both), found(&home, &[&format!("owner={owner}"), &format!("product={product}")]));
}

#[test]
fn a_text_is_found_in_any_cell() {
    let home = cut();
    let (store, view) = opened(&home);
    let reader = store.read().unwrap();
    let csv = home.ok(["bill", "csv", MARCH]);
    let mut lines = csv::ReaderBuilder::new().from_reader(csv.text().as_bytes());
    let cells: Vec<csv::StringRecord> = lines.records().map(Result::unwrap).collect();
    for text in ["CVM", "0.0", "2021-03-15", "no such text anywhere", "北京"] {
        let wanted = cells.iter().filter(|record| record.iter().any(|cell| cell.contains(text))).count();
        let asked = WantedPage { text: Some(text.into()), limit: 10, look_max: 64, ..WantedPage::default() };
        assert_eq!(all_of(&turned(&reader, &view, asked)).len(), wanted, "{text}");
    }
}
