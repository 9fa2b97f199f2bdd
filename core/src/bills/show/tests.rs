//! Groups are those of a plain fold over the lines, whoever read which of them, and on however many threads.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::cells::{ColumnCells, Stack, Summed};
use super::dictionary::Dictionary;
use super::merge::merge;
use super::sums::ColumnSums;
use super::{BillField, Grouped};
use crate::bills::BillError;
use crate::engine::block::Sums;
use crate::engine::rollup::Overflow;
use crate::formats::schema::Column;
use crate::values::money::Amount;

#[derive(Clone, Debug)]
struct Line {
    keys: Vec<String>,
    day: Option<i32>,
    currency: String,
    total: Amount,
}

/// Lines as cells of a part, each a cell of its own; all at the scale of the finest.
struct Lines {
    lines: Vec<Line>,
    numbers: Vec<Vec<u32>>,
}

impl ColumnCells for Lines {
    fn len(&self) -> usize {
        self.lines.len()
    }

    fn numbers(&self, field: usize, _: &Dictionary) -> Result<Vec<u32>, BillError> {
        Ok(self.numbers[field].clone())
    }

    fn scale(&self, summed: Summed) -> Option<u8> {
        match summed {
            Summed::Column(_) => self.lines.iter().map(|line| line.total.scale()).max(),
            Summed::Lines => Some(0),
        }
    }

    fn add(&self, summed: Summed, groups: &[u32], sums: &mut ColumnSums) -> Result<(), BillError> {
        for (line, group) in self.lines.iter().zip(groups) {
            match (summed, i64::try_from(line.total.mantissa())) {
                (Summed::Lines, _) => sums.add_narrow(&[*group], &[1], 0)?,
                (_, Ok(mantissa)) => sums.add_narrow(&[*group], &[mantissa], line.total.scale())?,
                (_, Err(_)) => {
                    let mantissas = [line.total.mantissa()].into_iter();
                    sums.add_wide(&[*group], mantissas, line.total.scale())?;
                }
            }
        }
        Ok(())
    }
}

/// Text fields and, last, the day.
fn fields(texts: usize) -> Vec<BillField> {
    (0..texts).map(|n| BillField::Tag(n.to_string())).chain([BillField::Day]).collect()
}

/// Deals lines out to stacks, in parts of some lines.
fn stacks(lines: &[Line], texts: usize, stacks: usize, part_lines: usize) -> Vec<Stack<Lines>> {
    let mut made: Vec<Stack<Lines>> = (0..stacks).map(|_| Stack::new(&fields(texts))).collect();
    for (at, lines) in lines.chunks(part_lines).enumerate() {
        let stack = &mut made[at % stacks];
        let number = |(field, dictionary): (usize, &mut Dictionary)| -> Vec<u32> {
            let of = |line: &Line| match dictionary {
                Dictionary::Days(days) => days.number(line.day),
                Dictionary::Names(names) => {
                    names.number(line.keys.get(field).unwrap_or(&line.currency).as_bytes())
                }
            };
            lines.iter().map(of).collect()
        };
        let numbers = stack.dictionaries.iter_mut().enumerate().map(number).collect();
        stack.parts.push(Lines { lines: lines.to_vec(), numbers });
    }
    made
}

/// A row: keys, currency, lines, total.
type Row = (Vec<String>, String, u64, String);

fn rows(grouped: &Grouped) -> Vec<Row> {
    let row = |group: super::GroupRow<'_>| {
        let keys = group.keys().map(str::to_owned).collect();
        let totals: Vec<Amount> = group.amounts().collect();
        (keys, group.currency().to_owned(), group.lines(), totals[0].to_string())
    };
    grouped.rows().map(row).collect()
}

/// The rows by a fold: of days of the twenty-first century, the order of texts is that of days.
fn folded(lines: &[Line]) -> Vec<Row> {
    let mut groups: BTreeMap<(Vec<String>, String), (u64, Amount)> = BTreeMap::new();
    for line in lines {
        let day = line.day.map_or("-".to_owned(), |day| format!("2021-03-{:02}", day - 18_686));
        let keys = line.keys.iter().cloned().chain([day]).collect();
        let (lines, total) = groups.entry((keys, line.currency.clone())).or_insert((0, Amount::ZERO));
        *lines += 1;
        *total = total.checked_add(line.total).unwrap();
    }
    let row = |((keys, currency), (lines, total)): ((Vec<String>, String), (u64, Amount))| {
        (keys, currency, lines, total.with_sum_scale().to_string())
    };
    groups.into_iter().map(row).collect()
}

fn grouped(
    lines: &[Line],
    texts: usize,
    in_stacks: usize,
    part_lines: usize,
    threads: usize,
) -> Result<(Grouped, Vec<Sums>), BillError> {
    merge(stacks(lines, texts, in_stacks, part_lines), &fields(texts), vec![Column::Total], threads)
}

fn line(texts: usize) -> impl Strategy<Value = Line> {
    // Sums of the largest leave 64 bits.
    let mantissa = prop_oneof![-9_i128..9, any::<i64>().prop_map(i128::from), -(1_i128 << 90)..1_i128 << 90];
    (
        proptest::collection::vec("[a-d]{0,2}", texts),
        proptest::option::of(18_687_i32..18_718),
        "USD|CNY",
        mantissa,
        0_u8..11,
    )
        .prop_map(|(keys, day, currency, mantissa, scale)| Line {
            keys,
            day,
            currency,
            total: Amount::new(mantissa, scale),
        })
}

proptest! {
    #[test]
    fn groups_are_those_of_a_fold_however_the_lines_were_dealt_out(
        lines in proptest::collection::vec(line(2), 0..80),
        in_stacks in 1_usize..4,
        part_lines in 1_usize..40,
        threads in 1_usize..4,
    ) {
        let (shown, sums) = grouped(&lines, 2, in_stacks, part_lines, threads).unwrap();
        prop_assert_eq!(rows(&shown), folded(&lines));
        for of in &sums {
            let mine: Vec<&Line> = lines.iter().filter(|line| line.currency == of.currency).collect();
            let total = mine.iter().fold(Amount::ZERO, |sum, line| sum.checked_add(line.total).unwrap());
            prop_assert_eq!((of.lines, of.total()), (mine.len() as u64, total));
        }
        prop_assert_eq!(sums.iter().map(|of| of.lines).sum::<u64>(), lines.len() as u64);
    }
}

/// Lines that all differ in every field: of so many values that keys leave first the bits, then 64 bits.
fn different(lines: usize, texts: usize) -> Vec<Line> {
    let line = |at: usize| Line {
        keys: (0..texts).map(|text| format!("{:04}", (at * 7 + text * 13) % lines)).collect(),
        day: Some(18_687),
        currency: "USD".into(),
        total: Amount::new(at as i128, 8),
    };
    (0..lines).flat_map(|at| [line(at), line(at)]).collect()
}

#[test]
fn keys_of_any_width_give_the_groups_of_a_fold() {
    for texts in [1, 2, 4, 7] {
        let lines = different(1_000, texts);
        for (in_stacks, part_lines, threads) in [(1, 5_000, 1), (3, 90, 2), (2, 7, 3)] {
            let (shown, _) = grouped(&lines, texts, in_stacks, part_lines, threads).unwrap();
            assert_eq!((shown.len(), rows(&shown)), (1_000, folded(&lines)), "{texts} texts");
        }
    }
}

#[test]
fn days_before_1970_come_last_and_no_day_first() {
    let line = |day| Line { keys: vec![], day, currency: "USD".into(), total: Amount::ZERO };
    let lines = [Some(-400), Some(0), None, Some(18_687)].map(line);
    let (shown, _) = grouped(&lines, 0, 1, 2, 1).unwrap();
    let days: Vec<&str> = shown.rows().flat_map(|group| group.keys().collect::<Vec<_>>()).collect();
    assert_eq!(days, ["-", "1970-01-01", "2021-03-01", "1968-11-27"]);
}

#[test]
fn a_sum_beyond_128_bits_is_an_error_and_not_a_number() {
    let line =
        Line { keys: vec![], day: None, currency: "USD".into(), total: Amount::new(i128::MAX / 2 + 1, 0) };
    let lines = vec![line; 2];
    for threads in [1, 2] {
        let error = grouped(&lines, 0, 2, 1, threads).map(|(shown, _)| shown.len());
        assert!(matches!(error, Err(BillError::Overflow(Overflow))), "{error:?}");
    }
}

#[test]
fn sums_of_different_scales_and_sizes_stay_exact() {
    let mut sums = ColumnSums::new(2, 2);
    sums.add_narrow(&[0, 1, 0], &[150, i64::MAX, -50], 2).unwrap();
    sums.add_narrow(&[1, 0, 1], &[1, 3, 0], 0).unwrap();
    assert_eq!(sums.get(0), Amount::new(4, 0));
    assert_eq!(sums.get(1), Amount::new(i128::from(i64::MAX) + 100, 2));
    sums.raise(4).unwrap();
    assert_eq!((sums.get(0).mantissa(), sums.get(0).scale()), (40_000, 4));
    sums.add_wide(&[1], [-100 * i128::from(i64::MAX)].into_iter(), 4).unwrap();
    assert_eq!(sums.get(1), Amount::new(1, 0));
    assert!(sums.add_narrow(&[0], &[1], 5).is_err(), "finer than the sums");
}
