//! What a dispute's evidence is made of.

use std::collections::BTreeSet;

use crate::bills::dispute::{Dispute, LineId};
use crate::bills::lint::Recomputed;
use crate::bills::{BillView, Load, Origin, SegmentView, StoredLine};
use crate::formats::dialect::{CellKind, Dialect};
use crate::values::digest::hex;

/// A disputed line, as the evidence tells it.
pub(super) struct EvidenceLine {
    pub(super) id: LineId,
    pub(super) origin: Origin,
    pub(super) stored: StoredLine,
    /// Under the headers of [`Evidence`].
    pub(super) cells: Vec<String>,
    pub(super) arithmetic: Vec<Recomputed>,
    pub(super) earlier: Earlier,
}

/// What a line was in the revision before.
pub(super) enum Earlier {
    /// There is no revision before.
    None,
    /// The same.
    Same,
    /// It was not there.
    Missing,
    /// Other cells: columns, what they were, and what they are.
    Other(Vec<(String, String, String)>),
}

/// Writes the figures of an equation: `list_price 0.1, usage 3`.
pub(super) fn figures(one: &Recomputed) -> String {
    let texts: Vec<String> = one.figures.iter().map(|(c, a)| format!("{} {a}", c.name())).collect();
    texts.join(", ")
}

/// Everything that the entries are made of.
pub(super) struct Evidence<'a> {
    pub(super) dispute: &'a Dispute,
    pub(super) view: &'a BillView,
    pub(super) headers: Vec<String>,
    pub(super) lines: Vec<EvidenceLine>,
    /// The revision before the disputed one, if there is one.
    pub(super) before: Option<u32>,
}

impl Evidence<'_> {
    pub(super) fn lines_csv(&self) -> Vec<u8> {
        let places = ["Line", "File", "Entry", "Record", "Line Of Text"];
        let mut text = csv(places.into_iter().chain(self.headers.iter().map(String::as_str)));
        for line in &self.lines {
            let entry = line.origin.entry.clone().unwrap_or_default();
            let place = [
                line.id.to_string(),
                line.origin.file.clone(),
                entry,
                line.origin.record.to_string(),
                line.origin.line.to_string(),
            ];
            record(place.iter().chain(&line.cells).map(String::as_str), &mut text);
        }
        text
    }

    pub(super) fn arithmetic_csv(&self) -> Vec<u8> {
        let mut text = csv(["Line", "Rule", "Column", "Shown", "Made Of", "Figures", "Recomputed", "Agrees"]);
        for line in &self.lines {
            for one in &line.arithmetic {
                let cells = [
                    line.id.to_string(),
                    one.rule.to_owned(),
                    one.result.0.name().to_owned(),
                    one.result.1.to_string(),
                    one.words.to_owned(),
                    figures(one),
                    one.expected.map_or_else(|| "too many digits".to_owned(), |e| e.to_string()),
                    if one.agrees { "yes" } else { "no" }.to_owned(),
                ];
                record(cells.iter().map(String::as_str), &mut text);
            }
        }
        text
    }

    pub(super) fn earlier_csv(&self) -> Vec<u8> {
        let mut text = csv(["Line", "Revision", "What", "Column", "Was", "Is"]);
        let revision = self.before.map_or_else(String::new, |before| before.to_string());
        for line in &self.lines {
            let id = line.id.to_string();
            match &line.earlier {
                Earlier::None => {}
                Earlier::Same => record([&id, &revision, "the same", "", "", ""], &mut text),
                Earlier::Missing => record([&id, &revision, "not there", "", "", ""], &mut text),
                Earlier::Other(columns) => {
                    for (column, was, is) in columns {
                        record([&id, &revision, "other", column, was, is], &mut text);
                    }
                }
            }
        }
        text
    }

    pub(super) fn sources_csv(&self) -> Vec<u8> {
        let mut text = csv(["Load", "File", "SHA-256", "Bytes", "Lines"]);
        for (load, _) in self.sources() {
            let cells = [
                load.number.to_string(),
                load.file.name.clone(),
                hex(&load.file.sha256),
                load.file.bytes.to_string(),
                load.digest.lines().to_string(),
            ];
            record(cells.iter().map(String::as_str), &mut text);
        }
        text
    }

    /// The loads that disputed lines came with.
    pub(super) fn sources(&self) -> impl Iterator<Item = &(Load, Vec<SegmentView>)> {
        let loads: BTreeSet<u64> = self.lines.iter().map(|line| line.id.load).collect();
        self.view.loads.iter().filter(move |(load, _)| loads.contains(&load.number))
    }
}

fn record<'a>(cells: impl IntoIterator<Item = &'a str>, text: &mut Vec<u8>) {
    Dialect::Plain.write_cells(cells.into_iter().map(|cell| (CellKind::Text, cell)), text);
}

/// Begins a CSV, with the mark by which spreadsheets know UTF-8.
fn csv<'a>(headers: impl IntoIterator<Item = &'a str>) -> Vec<u8> {
    let mut text = "\u{feff}".as_bytes().to_vec();
    record(headers, &mut text);
    text
}
