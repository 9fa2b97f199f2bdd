//! A diff is that of a plain comparison of two lists of lines, however they were split and whoever read them.

use std::collections::BTreeMap;
use std::path::Path;

use proptest::prelude::*;

use super::pair::Identity;
use super::{Comparison, Diff, DiffLine, LineChange, Window};
use crate::bills::ingest::{Import, ImportRequest, ImportSettings};
use crate::bills::{BillError, BillKey, BillView, ImportMode};
use crate::engine::journal::Actor;
use crate::engine::settings::StoreSettings;
use crate::engine::store::{Access, OpenOptions, Store, Table};
use crate::values::money::Amount;
use crate::values::period::{Basis, BillMonth, TimeZone};

const PAYER: &str = "100010445724";

/// Owner, product, instance, component, transaction id, start of usage, usage, total, remark.
type Cells = [String; 9];

const ENGLISH: [&str; 9] = [
    "OwnerAccountID",
    "ProductName",
    "InstanceID",
    "ComponentName",
    "TransactionID",
    "UsageStartTime",
    "ComponentUsage",
    "TotalCost",
    "Remark",
];
const SPACED: [&str; 9] = [
    "Owner Account ID",
    "Product Name",
    "Instance ID",
    "Component Name",
    "Transaction ID",
    "Usage Start Time",
    "Component Usage",
    "Total Cost",
    "Remark",
];

/// How a file writes its lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    Plain,
    /// Other spellings, in the opposite order, with a column more that is empty.
    Other,
}

fn csv(lines: &[Cells], shape: Shape) -> String {
    let quoted = |cell: &String| format!("\"{}\"", cell.replace('"', "\"\""));
    let mut text = match shape {
        Shape::Plain => format!("{},Currency\n", ENGLISH.join(",")),
        Shape::Other => {
            format!("Site,Currency,{}\n", SPACED.iter().rev().copied().collect::<Vec<_>>().join(","))
        }
    };
    for line in lines {
        let mut cells: Vec<String> = line.iter().map(quoted).collect();
        match shape {
            Shape::Plain => cells.push("USD".into()),
            Shape::Other => {
                cells.extend(["USD".into(), String::new()]);
                cells.reverse();
            }
        }
        text.push_str(&cells.join(","));
        text.push('\n');
    }
    text
}

fn key() -> BillKey {
    let month = BillMonth::parse(b"2021-03").unwrap();
    BillKey { payer: PAYER.parse().unwrap(), month, basis: Basis::Used }
}

fn store(folder: &Path) -> Store {
    let payer = PAYER.parse().unwrap();
    let zone: TimeZone = "+08:00".parse().unwrap();
    let settings = StoreSettings { payer, calendar: "seed-2021".into(), zone };
    let put =
        |writer: &crate::engine::store::Transaction| writer.put(Table::Meta, StoreSettings::KEY, &settings);
    Store::create_with(&folder.join("s.redb"), &OpenOptions::default(), put).unwrap().close().unwrap();
    Store::open(&folder.join("s.redb"), &OpenOptions::default(), Access::Write).unwrap()
}

/// Imports lines in small segments and blocks.
fn import(store: &Store, folder: &Path, name: &str, text: &str, mode: ImportMode, segment_bytes: usize) {
    let file = folder.join(name);
    std::fs::write(&file, text).unwrap();
    let request = ImportRequest {
        mode: Some(mode),
        month: Some(key().month),
        accept_smaller: true,
        ..ImportRequest::default()
    };
    let settings = ImportSettings { segment_bytes, block_rows: 3, threads: 1, ..ImportSettings::default() };
    let actor = Actor { name: "ann".into(), at_unix_s: 0 };
    store
        .import(&file, &Import { request: request.clone(), settings: settings.clone(), ..Import::by(&actor) })
        .unwrap();
}

/// Compares revisions 1 and 2.
fn compared(store: &Store, threads: usize, window: Option<Window>) -> (Vec<LineChange>, Diff, Vec<String>) {
    let reader = store.read().unwrap();
    let [from, to] = [1, 2].map(|n| BillView::open(&reader, key(), Some(n)).unwrap());
    let mut comparison = Comparison::new(&reader, &from, &to).unwrap();
    comparison.window = window.unwrap_or(comparison.window);
    let mut changes = Vec::new();
    let visit = &mut |change: &LineChange| -> Result<(), BillError> {
        changes.push(change.clone());
        Ok(())
    };
    let diff = comparison.run(&reader, threads, visit).unwrap();
    (changes, diff, comparison.headers().to_vec())
}

/// Reads a line's cells back under the English headers.
fn cells(line: &DiffLine, headers: &[String]) -> Cells {
    let fold = |header: &str| header.replace(' ', "").to_lowercase();
    let all: Vec<String> = line.cells().map(|c| String::from_utf8(c.to_vec()).unwrap()).collect();
    ENGLISH.map(|h| all[headers.iter().position(|have| fold(have) == fold(h)).unwrap()].clone())
}

/// The lines that are left when equal ones have cancelled, one against one.
fn left(lines: &[Cells], others: &[Cells]) -> Vec<Cells> {
    let mut others = others.to_vec();
    let mut left = Vec::new();
    for line in lines {
        match others.iter().position(|other| other == line) {
            Some(at) => drop(others.swap_remove(at)),
            None => left.push(line.clone()),
        }
    }
    left.sort();
    left
}

/// What only one side has, as the changes tell it.
fn told(changes: &[LineChange], headers: &[String]) -> [Vec<Cells>; 2] {
    let mut sides = [Vec::new(), Vec::new()];
    for change in changes {
        match change {
            LineChange::Added(line) => sides[1].push(cells(line, headers)),
            LineChange::Removed(line) => sides[0].push(cells(line, headers)),
            LineChange::Changed { from, to, columns, .. } => {
                let (one, other) = (cells(from, headers), cells(to, headers));
                assert!(!columns.is_empty() && one != other);
                sides[0].push(one);
                sides[1].push(other);
            }
        }
    }
    sides.iter_mut().for_each(|side| side.sort());
    sides
}

fn cents(cell: &str) -> i64 {
    let amount = Amount::parse_cell(cell.as_bytes()).unwrap().unwrap();
    i64::try_from(amount.rescaled(2).unwrap()).unwrap()
}

/// Lines of few values, so that many are equal or nearly so.
fn line() -> impl Strategy<Value = Cells> {
    let one_of = |values: &'static [&'static str]| prop::sample::select(values).prop_map(str::to_owned);
    (
        one_of(&["200000003412", "200000003413", PAYER]),
        one_of(&["CVM", "云硬盘"]),
        one_of(&["ins-1", "ins-2", "-"]),
        one_of(&["CPU", "disk"]),
        one_of(&["t1", "t2", "t3", ""]),
        one_of(&["2021-03-01 00:00:00", "2021-03-02 00:00:00", "2021-03-31 10:00:00", ""]),
        one_of(&["1", "2"]),
        one_of(&["0.10", "2.5", "-1.00", "12"]),
        one_of(&["", "a, \"b\"\nc"]),
    )
        .prop_map(|(a, b, c, d, e, f, g, h, i)| [a, b, c, d, e, f, g, h, i])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_diff_is_that_of_two_lists_of_lines(
        before in prop::collection::vec(line(), 1..40),
        kept in prop::collection::vec(any::<bool>(), 40),
        new in prop::collection::vec(line(), 0..12),
        shape in prop::sample::select(vec![Shape::Plain, Shape::Other]),
        segment_bytes in prop::sample::select(vec![200_usize, 900, 1 << 20]),
    ) {
        let kept = before.iter().zip(&kept).filter(|(_, kept)| **kept).map(|(line, _)| line.clone());
        let mut after: Vec<Cells> = kept.chain(new).collect();
        after.reverse();
        let (removed, added) = (left(&before, &after), left(&after, &before));
        prop_assume!(!after.is_empty() && (!removed.is_empty() || !added.is_empty()));

        let folder = tempfile::tempdir().unwrap();
        let store = store(folder.path());
        import(&store, folder.path(), "a.csv", &csv(&before, Shape::Plain), ImportMode::Monthly, segment_bytes);
        import(&store, folder.path(), "b.csv", &csv(&after, shape), ImportMode::Monthly, segment_bytes);
        let (changes, diff, headers) = compared(&store, 1, None);
        prop_assert_eq!(told(&changes, &headers), [removed.clone(), added.clone()]);
        prop_assert_eq!(diff.added + diff.changed, added.len() as u64);
        prop_assert_eq!(diff.removed + diff.changed, removed.len() as u64);

        // Groups are those of a plain fold, and add up to the difference of all lines.
        let mut groups: BTreeMap<(String, String), (i64, i64)> = BTreeMap::new();
        for (lines, sign) in [(&removed, -1), (&added, 1)] {
            for line in lines {
                let group = groups.entry((line[0].clone(), line[1].clone())).or_default();
                group.0 += sign;
                group.1 += sign * cents(&line[7]);
            }
        }
        let found = diff.groups.iter().map(|g| {
            let net = i64::try_from(g.net().rescaled(8).unwrap() / 1_000_000).unwrap();
            ((g.owner.clone(), g.product.clone()), (g.lines, net))
        });
        prop_assert_eq!(found.collect::<BTreeMap<_, _>>(), groups);
        let sizes: Vec<Amount> =
            diff.groups.iter().map(|g| g.net().max(Amount::ZERO.checked_sub(g.net()).unwrap())).collect();
        prop_assert!(sizes.is_sorted_by(|a, b| a >= b));
        let all = |lines: &[Cells]| lines.iter().map(|line| cents(&line[7])).sum::<i64>();
        let net = Amount::new(i128::from(all(&after) - all(&before)), 2);
        prop_assert_eq!(diff.net[0].total(), net);

        // No two lines that agree in all but figures, or in a transaction, are told as removed and added.
        let rest = |want: fn(&LineChange) -> Option<&DiffLine>| {
            changes.iter().filter_map(want).map(|line| cells(line, &headers)).collect::<Vec<_>>()
        };
        let rest_removed = rest(|c| if let LineChange::Removed(line) = c { Some(line) } else { None });
        let rest_added = rest(|c| if let LineChange::Added(line) = c { Some(line) } else { None });
        let texts = |line: &Cells| [0, 1, 2, 3, 4, 5, 8].map(|at: usize| line[at].clone());
        for (one, other) in rest_removed.iter().flat_map(|r| rest_added.iter().map(move |a| (r, a))) {
            prop_assert_ne!(texts(one), texts(other));
            prop_assert!(one[4].is_empty() || (&one[3], &one[4]) != (&other[3], &other[4]));
        }

        // Neither threads nor the window change which lines differ; threads change nothing at all.
        let on_three = compared(&store, 3, None);
        prop_assert_eq!((&on_three.0, &on_three.1), (&changes, &diff));
        let (narrow, narrow_diff, _) = compared(&store, 2, Some(Window { lines: 1, bytes: 1 }));
        prop_assert_eq!(told(&narrow, &headers), [removed, added]);
        prop_assert_eq!(&narrow_diff.net, &diff.net);
    }
}

fn of(cells: [&str; 9]) -> Cells {
    cells.map(str::to_owned)
}

/// Imports two files, one after another, and tells what became of each line: its totals, and by what they were paired.
fn became(before: &[Cells], after: &[Cells]) -> Vec<(Option<String>, Option<String>, Option<Identity>)> {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    import(&store, folder.path(), "a.csv", &csv(before, Shape::Plain), ImportMode::Monthly, 1 << 20);
    import(&store, folder.path(), "b.csv", &csv(after, Shape::Plain), ImportMode::Monthly, 1 << 20);
    let (changes, _, headers) = compared(&store, 1, None);
    let total = |line: &DiffLine| Some(cells(line, &headers)[7].clone());
    let told = |change: &LineChange| match change {
        LineChange::Added(line) => (None, total(line), None),
        LineChange::Removed(line) => (total(line), None, None),
        LineChange::Changed { from, to, by, .. } => (total(from), total(to), Some(*by)),
    };
    changes.iter().map(told).collect()
}

const START: &str = "2021-03-05 00:00:00";

fn changed(from: &str, to: &str, by: Identity) -> Vec<(Option<String>, Option<String>, Option<Identity>)> {
    vec![(Some(from.into()), Some(to.into()), Some(by))]
}

#[test]
fn each_identity_finds_the_line_that_the_stronger_ones_miss() {
    let before = of(["200000003412", "CVM", "ins-1", "CPU", "t1", START, "1", "1.00", ""]);
    let with = |at: usize, value: &str| {
        let mut line = before.clone();
        line[7] = "2.00".into();
        line[at] = value.into();
        line
    };
    let one = std::slice::from_ref(&before);
    assert_eq!(became(one, &[with(6, "3")]), changed("1.00", "2.00", Identity::Texts));
    assert_eq!(became(one, &[with(8, "note")]), changed("1.00", "2.00", Identity::Transaction));
    // It went to another owner, and to another day.
    assert_eq!(became(one, &[with(0, "200000003413")]), changed("1.00", "2.00", Identity::Transaction));
    assert_eq!(became(one, &[with(5, "2021-03-09 00:00:00")]), changed("1.00", "2.00", Identity::Component));
    assert_eq!(became(one, &[with(4, "")]), changed("1.00", "2.00", Identity::Usage));
    let mut later = with(4, "");
    later[5] = "2021-03-09 00:00:00".into();
    assert_eq!(became(one, &[later]), changed("1.00", "2.00", Identity::Resource));
    // Two transactions are two lines, however alike they are.
    assert_eq!(became(one, &[with(4, "t2")]).len(), 2);
}

#[test]
fn equal_lines_are_paired_one_against_one_and_the_rest_is_added() {
    let line = |total: &str| of(["200000003412", "CVM", "ins-1", "CPU", "t1", START, "1", total, ""]);
    let before = [line("1.00"), line("1.00"), line("5.00")];
    let after = [line("1.00"), line("1.50"), line("1.50"), line("1.50"), line("5.00")];
    let text = |total: &str| Some(total.to_owned());
    assert_eq!(
        became(&before, &after),
        [
            (text("1.00"), text("1.50"), Some(Identity::Texts)),
            (None, text("1.50"), None),
            (None, text("1.50"), None)
        ]
    );
}

#[test]
fn what_both_revisions_have_is_not_read() {
    let line = |at: usize| {
        let day = format!("2021-03-{:02} 00:00:00", at % 28 + 1);
        of(["200000003412", "CVM", "ins-1", "CPU", &format!("t{at}"), &day, "1", "1.00", ""])
    };
    let lines: Vec<Cells> = (0..400).map(line).collect();
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    import(&store, folder.path(), "a.csv", &csv(&lines, Shape::Plain), ImportMode::Monthly, 2_000);
    let more = csv(&[line(1_000)], Shape::Plain);
    import(&store, folder.path(), "b.csv", &more, ImportMode::Adjustment, 2_000);
    let (_, diff, _) = compared(&store, 1, None);
    assert_eq!((diff.added, diff.lines_read, diff.blocks_read), (1, 1, 1));

    // A file in which one line differs: of the other days nothing is read.
    let mut other = lines.clone();
    other[200][7] = "9.00".into();
    import(&store, folder.path(), "c.csv", &csv(&other, Shape::Plain), ImportMode::Monthly, 3_000);
    let reader = store.read().unwrap();
    let [from, to] = [2, 3].map(|n| BillView::open(&reader, key(), Some(n)).unwrap());
    let comparison = Comparison::new(&reader, &from, &to).unwrap();
    let diff = comparison.run::<BillError>(&reader, 1, &mut |_| Ok(())).unwrap();
    assert_eq!((diff.changed, diff.added, diff.removed), (1, 0, 0));
    assert!(diff.lines_read <= 2 * 400_u64.div_ceil(28), "{}", diff.lines_read);
}
