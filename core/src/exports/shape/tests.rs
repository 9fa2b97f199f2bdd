//! Rows depend on the lines alone: not on their order, files, segments, blocks, threads, or how much may be held. And whatever
//! the shape, they add up to the lines.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::bills::ingest::{self, Import, ImportRequest};
use crate::bills::{BillKey, ImportMode};
use crate::engine::journal::Actor;
use crate::engine::settings::StoreSettings;
use crate::engine::store::{OpenOptions, Store, Table};
use crate::exports::archive::read_all;
use crate::exports::{Dialect, Naming, Scope, WantedExport};
use crate::formats::naming::BillKind;
use crate::values::money::Amount;
use crate::values::period::{Basis, BillMonth, Coverage, TimeZone};

const PAYER: &str = "100010445724";
const STEM: &str = "100010445724-202103-by_used_time-bill_details";
const HEADER: &str = "BillMonth,PayerAccountID,OwnerAccountID,Reseller Account ID,ProductName,InstanceID,TransactionType,\
UsageStartTime,UsageEndTime,ComponentName,ComponentUsage,UsageDuration,OriginalCost,VoucherDeduction,DiscountRate,TotalCost,\
Currency,TransactionID,tag_key:env\n";

/// Where the header has what the tests look at.
const OWNER: usize = 2;
const CURRENCY: usize = 16;

/// What is worked on at a time: as usual, and so little that everything is read many times.
const FEW: [ShapeBounds; 3] = [
    BOUNDS,
    ShapeBounds { lines_bytes: 1, groups_bytes: 1, held_bytes: 1 },
    ShapeBounds { lines_bytes: 1 << 20, groups_bytes: 1 << 20, held_bytes: 6_000 },
];

const FORMS: [(Shape, Per); 9] = [
    (Shape::L3Monthly, Per::Consolidated),
    (Shape::L3Monthly, Per::Customer),
    (Shape::L3Monthly, Per::Reseller),
    (Shape::L2, Per::Consolidated),
    (Shape::L2, Per::Customer),
    (Shape::L2, Per::Reseller),
    (Shape::L3, Per::Customer),
    (Shape::L1, Per::Consolidated),
    (Shape::Pack, Per::Consolidated),
];

/// A line, by what is chosen for its cells.
type Chosen = [u8; 12];

fn line(n: usize, chosen: &Chosen) -> String {
    let pick = |at: usize, of: &[&str]| of[chosen[at] as usize % of.len()].to_owned();
    let owner = pick(0, &[PAYER, "200000003412", "200000003413"]);
    let reseller = pick(1, &["", "800000000001", "-"]);
    let kind = pick(2, &["Hourly settlement", "Refund", "Daily settlement"]);
    let start = pick(3, &["2021-03-05 01:00:00", "2021-03-04 23:00:00", "", "-", "--"]);
    let end = pick(4, &["2021-03-05 02:00:00", "-", "", "--", "2021-03-06 00:00:00"]);
    let component = pick(5, &["CPU", "Outbound traffic"]);
    let usage = pick(6, &["1", "1.0", "-", "", "2.5"]);
    let duration = pick(7, &["1", "--", "", "3.25", "1.00"]);
    let cost = pick(8, &["-", "", "--", "0.005", "-1.23456789", "7"]);
    let total = pick(9, &["0.005", "-0.005", "1.23456789", "1e-7", "-", "", "3", "0.00500001"]);
    let currency = pick(10, &["USD", "CNY", "USD"]);
    let tag = pick(11, &["", "a", "b"]);
    format!(
        "2021-03,{PAYER},{owner},{reseller},CVM,ins-{},{kind},{start},{end},{component},{usage},{duration},{cost},-,{},{total},\
         {currency},t{n},{tag}\n",
        chosen[0] % 2,
        pick(6, &["0.8", "0.80", "1"]),
    )
}

/// A store with lines.
struct Stored {
    _folder: tempfile::TempDir,
    store: Store,
}

impl Stored {
    /// Imports some files, the first one as the month's, the others as adjustments.
    fn new(files: &[&[String]], block_rows: u32) -> Stored {
        let folder = tempfile::tempdir().unwrap();
        let settings =
            StoreSettings { payer: PAYER.parse().unwrap(), calendar: "seed-2021".into(), zone: zone() };
        let store = Store::create_with(&folder.path().join("a"), &OpenOptions::default(), |writer| {
            writer.put(Table::Meta, StoreSettings::KEY, &settings)
        });
        let store = store.unwrap();
        for (n, lines) in files.iter().enumerate().filter(|(_, lines)| !lines.is_empty()) {
            let name = if n == 0 { format!("{STEM}.csv") } else { format!("more{n}.csv") };
            let path = folder.path().join(name);
            std::fs::write(&path, format!("{HEADER}{}", lines.concat())).unwrap();
            let mode = (n > 0).then_some(ImportMode::Adjustment);
            let request = ImportRequest { mode, month: BillMonth::new(2021, 3), ..ImportRequest::default() };
            let settings = ingest::ImportSettings { segment_bytes: 900, block_rows, ..Default::default() };
            let actor = Actor { name: "lin".into(), at_unix_s: 1 };
            store
                .import(
                    &path,
                    &Import { request: request.clone(), settings: settings.clone(), ..Import::by(&actor) },
                )
                .unwrap();
        }
        Stored { _folder: folder, store }
    }

    fn view(&self) -> BillView {
        BillView::open(&self.store.read().unwrap(), key(), None).unwrap()
    }

    fn plan(&self, (shape, per): (Shape, Per), rows_per_file: u64) -> Plan {
        let form = ExportForm { shape, per, dialect: Dialect::Plain, audience: Audience::Partner };
        let wanted = WantedExport {
            uin: PAYER.parse().unwrap(),
            kind: BillKind::Monthly,
            bill: key(),
            coverage: Coverage::month(key().month),
            scope: Scope::Payer,
            rows_per_file,
            form,
        };
        Plan::new(&self.store.read().unwrap(), &self.view(), wanted, &Naming::from(zone())).unwrap()
    }

    fn render(&self, plan: &Plan, threads: usize, bounds: ShapeBounds) -> (Vec<u8>, Rendered) {
        let mut zip = Vec::new();
        let read = self.store.read().unwrap();
        let rendered = render_within(&read, &self.view(), plan, threads, bounds, &mut zip).unwrap();
        (zip, rendered)
    }
}

fn zone() -> TimeZone {
    "+08:00".parse().unwrap()
}

fn key() -> BillKey {
    let month = BillMonth::new(2021, 3).unwrap();
    BillKey { payer: PAYER.parse().unwrap(), month, basis: Basis::Used }
}

/// Reads CSV; no cell here needs quotes.
fn rows(text: &[u8]) -> Vec<Vec<String>> {
    let text = std::str::from_utf8(text).unwrap();
    text.lines().map(|line| line.split(',').map(str::to_owned).collect()).collect()
}

/// Adds up the column of a header by currency, in units of 1e-8.
fn sums(rows: &[Vec<String>], header: &str) -> BTreeMap<String, i128> {
    let at = |header: &str| rows[0].iter().position(|h| h == header).unwrap();
    let mut sums = BTreeMap::new();
    for row in &rows[1..] {
        let amount = Amount::parse_cell(row[at(header)].as_bytes()).unwrap().unwrap_or_default();
        *sums.entry(row[at("Currency")].clone()).or_insert(0) += amount.rescaled(8).unwrap();
    }
    sums
}

fn lines(chosen: &[Chosen]) -> Vec<String> {
    chosen.iter().enumerate().map(|(n, chosen)| line(n, chosen)).collect()
}

fn chosen() -> impl Strategy<Value = Vec<Chosen>> {
    // From a few choices for each cell many lines have the same key.
    proptest::collection::vec(any::<[u8; 12]>().prop_map(|some| some.map(|c| c % 8)), 1..40)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn rows_depend_on_the_lines_alone(
        chosen in chosen(), at in any::<proptest::sample::Index>(), form in proptest::sample::select(&FORMS[..]),
    ) {
        let one = lines(&chosen);
        let first = Stored::new(&[&one], 4_096);
        let plan = first.plan(form, 1_000);
        let (zip, rendered) = first.render(&plan, 1, BOUNDS);
        let mut turned = one.clone();
        turned.reverse();
        let (head, tail) = turned.split_at(at.index(turned.len()) + 1);
        for (files, block_rows, threads) in [(vec![&turned[..]], 1, 3), (vec![head, tail], 3, 2)] {
            let other = Stored::new(&files, block_rows);
            for bounds in FEW {
                let (again, told) = other.render(&other.plan(form, 1_000), threads, bounds);
                prop_assert_eq!(&told, &rendered);
                prop_assert!(again == zip);
            }
        }
    }

    #[test]
    fn every_csv_of_all_lines_adds_up_to_the_lines(chosen in chosen(), rows_per_file in 1_u64..9) {
        let lines = lines(&chosen);
        let stored = Stored::new(&[&lines], 3);
        let all = rows(format!("{HEADER}{}", lines.concat()).as_bytes());
        for form in FORMS {
            let (zip, rendered) = stored.render(&stored.plan(form, rows_per_file), 2, FEW[2]);
            let mut levels: BTreeMap<String, Vec<Vec<String>>> = BTreeMap::new();
            for (name, text) in read_all(&zip) {
                let rows = rows(&text);
                prop_assert!(rows.len() as u64 <= rows_per_file + 1);
                let mark = name.strip_prefix(&stored.plan(form, rows_per_file).stem).unwrap();
                // Files that go on, and those of owners and resellers, are parts of one level.
                let level = ["-l1-by-", "-by-", "-l2", "-l3"].iter().find(|level| mark.starts_with(**level));
                let level = match level {
                    Some(level) if level.ends_with("by-") => {
                        let by = mark.trim_start_matches(*level).trim_end_matches(".csv");
                        by.split_once("-0").filter(|_| !by.starts_with("tag")).map_or(by, |(by, _)| by).to_owned()
                    }
                    Some(level) => (*level).to_owned(),
                    None => String::new(),
                };
                let level = if level.starts_with("tag-01") { "tag-01".to_owned() } else { level };
                let into = levels.entry(level).or_insert_with(|| vec![rows[0].clone()]);
                into.extend_from_slice(&rows[1..]);
            }
            for (level, rows) in &levels {
                let summary = rows[0].contains(&"Lines".to_owned());
                for (header, canonical) in [("TotalCost", "total"), ("OriginalCost", "original_cost")] {
                    let shown = sums(rows, if summary { canonical } else { header });
                    prop_assert_eq!(shown, sums(&all, header), "{:?} {}", form, level);
                }
            }
            let shaped = rendered.shaped.unwrap();
            for tie in &shaped.ties {
                let of_currency = all[1..].iter().filter(|row| row[CURRENCY] == tie.currency);
                prop_assert_eq!(tie.lines, of_currency.count() as u64);
                prop_assert_eq!(tie.rows_total.checked_add(tie.precision), Some(tie.total));
                prop_assert_eq!(tie.total.rescaled(8), sums(&all, "TotalCost").get(&tie.currency).copied());
            }
            let counted: u64 = shaped.ties.iter().map(|tie| tie.rows).sum();
            prop_assert_eq!(counted, rendered.files.iter().map(|file| file.rows).sum::<u64>());
        }
    }

    #[test]
    fn batches_have_each_owner_day_once_and_no_owner_in_two(
        days in proptest::collection::btree_map((1_u8..32, 1_u64..20), 1_u64..100, 0..80), bytes_max in 1_u64..300,
    ) {
        let days: Vec<OwnerDay> = days
            .into_iter()
            .map(|((coverage_day, owner), text_bytes)| {
                OwnerDay { coverage_day, owner, text_bytes, digest: crate::values::digest::Digest::EMPTY }
            })
            .collect();
        let batches = batches(&days, bytes_max, |owner| owner != 7);
        let mut all = batches.concat();
        all.sort_by_key(|day| (day.coverage_day, day.owner));
        let want: Vec<OwnerDay> = days.iter().filter(|day| day.owner != 7).copied().collect();
        prop_assert_eq!(all, want);
        for (n, batch) in batches.iter().enumerate() {
            let owners: BTreeSet<u64> = batch.iter().map(|day| day.owner).collect();
            let bytes: u64 = batch.iter().map(|day| day.text_bytes).sum();
            prop_assert!(bytes <= bytes_max || owners.len() == 1);
            let later = batches.iter().skip(n + 1).flatten();
            prop_assert!(later.map(|day| day.owner).all(|owner| owners.iter().all(|o| *o < owner)));
        }
    }
}

/// Some lines in which everything occurs.
fn some() -> Vec<String> {
    lines(&(0_u8..60).map(|n| std::array::from_fn(|at| n / (at as u8 + 1) + n)).collect::<Vec<_>>())
}

#[test]
fn what_does_not_add_up_is_refused() {
    let stored = Stored::new(&[&some()], 3);
    let read = stored.store.read().unwrap();
    for form in FORMS {
        let plan = stored.plan(form, 1_000);
        let columns = columns(&read, &stored.view(), &plan.wanted).unwrap();
        let view = stored.view();
        let found =
            crate::bills::wanted_lines(&read, &view, &crate::bills::Owners::all().into(), 31).unwrap();
        let reading = LineSource {
            store: &read,
            view: &view,
            found: &found,
            columns: &columns,
            plan: &plan,
            bounds: BOUNDS,
        };
        let make = |sheets: &mut CsvSheets| reading.make(sheets);
        let (.., tallies) = sheets::write(Vec::new(), 1, Dialect::Plain, 9, "x", make).unwrap();
        let right = expected_sums(&read, &view, &plan).unwrap();
        all_tie(&plan, &tallies, &right).unwrap();
        for column in [Column::Total, Column::OriginalCost] {
            for level in 0..tallies.len() {
                let mut wrong: Vec<LevelTally> = Vec::new();
                for (n, tally) in tallies.iter().enumerate() {
                    let mut other = LevelTally::new("l2");
                    other.merge(tally).unwrap();
                    if n == level {
                        other.add("USD", column, Amount::new(1, 8)).unwrap();
                    }
                    wrong.push(other);
                }
                let error = all_tie(&plan, &wrong, &right).unwrap_err();
                assert!(matches!(error, ExportError::DoNotTie { .. }), "{error}");
            }
        }
        let mut fewer = right.clone();
        fewer[0].lines -= 1;
        assert!(all_tie(&plan, &tallies, &fewer).is_err());
    }
}

#[test]
fn a_row_without_one_value_shows_a_dash_whichever_line_comes_first() {
    let with = |start: &str, total: &str| {
        format!("2021-03,{PAYER},{PAYER},,CVM,i,Spot,{start},-,CPU,1,1,-,-,1,{total},USD,t,\n")
    };
    for (cells, want) in [
        ([("", "1"), ("-", "2")], ("-", "3")),
        ([("-", ""), ("", "--")], ("-", "-")),
        ([("--", "-"), ("--", "-")], ("--", "-")),
        ([("", ""), ("2021-03-02 00:00:00", "0.10")], ("2021-03-02 00:00:00", "0.10")),
    ] {
        for turned in [false, true] {
            let mut lines = cells.map(|(start, total)| with(start, total));
            if turned {
                lines.reverse();
            }
            let stored = Stored::new(&[&lines], 3);
            let plan = stored.plan((Shape::L3Monthly, Per::Consolidated), 9);
            let rows = rows(&read_all(&stored.render(&plan, 1, BOUNDS).0)[0].1);
            assert_eq!((rows.len(), rows[1][7].as_str(), rows[1][15].as_str()), (2, want.0, want.1));
            assert_eq!((rows[1][OWNER].as_str(), rows[1][11].as_str()), (PAYER, "2"));
        }
    }
}
