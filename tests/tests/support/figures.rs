//! Lines and totals by owner, product, day and currency.

use std::collections::BTreeMap;
use std::path::Path;

use billkeep_fixtures::{Headers, Line, Spec};

use super::decimal::exact;
use super::sheet::Sheet;

/// Owner, product, day, currency.
pub type Key = (String, String, String, String);

/// How many lines there are, and their total in 1e-8.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Figures(pub BTreeMap<Key, (u64, i128)>);

impl Figures {
    pub fn add(&mut self, key: Key, lines: u64, total: i128) {
        let cell = self.0.entry(key).or_default();
        cell.0 += lines;
        cell.1 += total;
    }

    /// Reads `owner,product,day,lines,currency,total,…`: the fixtures' expected totals, and what `bill show` prints.
    pub fn parse(csv: &[u8]) -> Figures {
        let sheet = Sheet::parse(csv);
        let mut figures = Figures::default();
        for row in 0..sheet.rows.len() {
            let cell = |name: &str| sheet.cell(row, name).to_owned();
            let key = (cell("owner"), cell("product"), cell("day"), cell("currency"));
            assert!(!figures.0.contains_key(&key), "{key:?} stands twice");
            figures.add(key, cell("lines").parse().unwrap(), exact(&cell("total")));
        }
        assert!(!figures.0.is_empty());
        figures
    }

    /// Reads the fixtures' expected totals.
    pub fn read(path: &Path) -> Figures {
        Figures::parse(&std::fs::read(path).unwrap())
    }

    /// Sums up what lines of the fixtures' generator say.
    pub fn of(lines: &[&Line], spec: &Spec) -> Figures {
        let mut figures = Figures::default();
        for cell in billkeep_fixtures::expected(lines, spec, Headers::English) {
            let key = (cell.owner, cell.product, cell.day, spec.currency.clone());
            figures.add(key, cell.lines, exact(&cell.total));
        }
        figures
    }

    pub fn only(&self, keep: impl Fn(&Key) -> bool) -> Figures {
        Figures(self.0.iter().filter(|(key, _)| keep(key)).map(|(k, v)| (k.clone(), *v)).collect())
    }

    /// What a month-to-date bill through a day holds, short of the month's end: days, and no precision difference.
    pub fn through(&self, day: &str) -> Figures {
        self.only(|(_, _, of, _)| of != "-" && of.as_str() <= day)
    }

    pub fn lines(&self) -> u64 {
        self.0.values().map(|(lines, _)| lines).sum()
    }

    pub fn total(&self) -> i128 {
        self.0.values().map(|(_, total)| total).sum()
    }
}
