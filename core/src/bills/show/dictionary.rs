//! What the numbers in keys stand for: first in the order in which a thread came upon them, then ranked.

use rustc_hash::FxHashMap;

use crate::engine::rollup::Names;
use crate::values::period::Day;

use super::field::BillField;

/// The values of one field that a thread came upon, numbered as they came.
#[derive(Debug)]
pub(super) enum Dictionary {
    Names(Names),
    Days(Days),
}

/// Days, numbered as they came.
#[derive(Debug, Default)]
pub(super) struct Days {
    known: FxHashMap<u32, u32>,
    list: Vec<u32>,
}

impl Days {
    /// Returns the number of a day, in days since 1970-01-01.
    pub(super) fn number(&mut self, day: Option<i32>) -> u32 {
        let order = day_order(day);
        *self.known.entry(order).or_insert_with(|| {
            self.list.push(order);
            (self.list.len() - 1) as u32
        })
    }

    /// Returns the number that a day was given.
    pub(super) fn known(&self, day: Option<i32>) -> u32 {
        self.known.get(&day_order(day)).copied().unwrap_or(u32::MAX)
    }
}

impl Dictionary {
    /// Makes an empty dictionary for a field.
    pub(super) fn of(field: &BillField) -> Dictionary {
        match field {
            BillField::Day => Dictionary::Days(Days::default()),
            _ => Dictionary::names(),
        }
    }

    /// Makes an empty dictionary of names.
    pub(super) fn names() -> Dictionary {
        Dictionary::Names(Names::default())
    }

    fn len(&self) -> usize {
        match self {
            Dictionary::Names(names) => names.len(),
            Dictionary::Days(days) => days.list.len(),
        }
    }

    /// Returns the texts of all values in their order, and for each dictionary the rank of each of its numbers.
    pub(super) fn ranked<'a>(
        dictionaries: impl Iterator<Item = &'a Dictionary>,
    ) -> (Vec<String>, Vec<Vec<u32>>) {
        let (mut names, mut days, mut ranks) = (Vec::new(), Vec::new(), Vec::new());
        for (which, dictionary) in dictionaries.enumerate() {
            ranks.push(vec![0; dictionary.len()]);
            match dictionary {
                Dictionary::Names(list) => {
                    names.extend(list.iter().enumerate().map(|(number, name)| (name, which, number)));
                }
                Dictionary::Days(days_of) => {
                    let list = days_of.list.iter().enumerate();
                    days.extend(list.map(|(number, order)| (*order, which, number)));
                }
            }
        }
        let mut texts = rank(names, &mut ranks, |name| String::from_utf8_lossy(name).into_owned());
        texts.extend(rank(days, &mut ranks, day_text));
        (texts, ranks)
    }
}

/// Sorts values that each dictionary has a number for, and sets their ranks; returns their texts.
fn rank<T: Ord + Copy>(
    mut values: Vec<(T, usize, usize)>,
    ranks: &mut [Vec<u32>],
    text: impl Fn(T) -> String,
) -> Vec<String> {
    values.sort_unstable();
    let mut texts = Vec::new();
    for same in values.chunk_by(|a, b| a.0 == b.0) {
        for (_, which, number) in same {
            if let Some(slot) = ranks.get_mut(*which).and_then(|ranks| ranks.get_mut(*number)) {
                *slot = texts.len() as u32;
            }
        }
        texts.extend(same.first().map(|(value, ..)| text(*value)));
    }
    texts
}

/// No day comes first, as `-` does; days before 1970 do not occur in bills.
fn day_order(day: Option<i32>) -> u32 {
    day.map_or(0, |day| day.cast_unsigned().wrapping_add(1))
}

fn day_text(order: u32) -> String {
    let day = order.checked_sub(1).and_then(|days| Day::from_epoch_days(days.cast_signed()));
    day.map_or_else(|| "-".to_owned(), |day| day.to_string())
}
