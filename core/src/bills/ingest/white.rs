//! White space at the ends of cells: what a spreadsheet or a program put beside a text, which nobody sees.
//!
//! It is no reason to refuse a file, and it stays in the cell. Sums, filters and checks pass over what [`Amount::trim_cell`] does. Other
//! white space, such as a full-width space, is part of the text: sums have two rows that look alike. Around amounts, times and
//! codes no white space says anything, and it is not looked for.

use crate::formats::schema::{Column, ColumnClass};
use crate::values::money::is_blank;

use super::cells::CellSpan;
use crate::values::Amount;

/// Cells of a column that begin or end with white space.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WhiteSpace {
    /// The header of the column.
    pub column: String,
    /// How many cells.
    pub cells: u64,
    /// The first of them.
    pub first: String,
    /// Whether sums, filters and checks pass over it; otherwise it is part of the text.
    pub is_passed_over: bool,
}

impl WhiteSpace {
    /// Adds others to a list, one entry for each column and kind.
    pub(super) fn merge(all: &mut Vec<WhiteSpace>, more: &WhiteSpace) {
        let is_same =
            |one: &&mut WhiteSpace| one.column == more.column && one.is_passed_over == more.is_passed_over;
        match all.iter_mut().find(is_same) {
            Some(white) => white.cells += more.cells,
            None => all.push(more.clone()),
        }
    }
}

/// Says whether white space at the ends of a column's cells is looked for.
pub(super) fn is_looked_for(column: Option<Column>) -> bool {
    matches!(column.map_or(ColumnClass::Text, Column::class), ColumnClass::Uin | ColumnClass::Text)
}

/// What is found of white space in a column that is being read.
#[derive(Default)]
pub(super) struct White {
    passed_over: WhiteCells,
    in_text: WhiteCells,
}

/// Cells with white space of one kind.
#[derive(Default)]
struct WhiteCells {
    /// The codes of the distinct texts with it, ascending.
    codes: Vec<u32>,
    cells: u64,
    first: Option<CellSpan>,
}

impl White {
    /// Returns where a cell is counted, if it has white space at its ends.
    fn found(&mut self, cell: &[u8]) -> Option<&mut WhiteCells> {
        match has_white_ends(cell) {
            false => None,
            true if has_white_ends(Amount::trim_cell(cell)) => Some(&mut self.in_text),
            true => Some(&mut self.passed_over),
        }
    }

    /// Looks at a cell.
    pub(super) fn look(&mut self, cell: &[u8], span: CellSpan) {
        if let Some(found) = self.found(cell) {
            found.cells += 1;
            found.first.get_or_insert(span);
        }
    }

    /// Looks at a distinct text. Its cells are counted by its code, which is larger than those before.
    pub(super) fn look_at_text(&mut self, cell: &[u8], code: u32, span: CellSpan) {
        if let Some(found) = self.found(cell) {
            found.codes.push(code);
            found.first.get_or_insert(span);
        }
    }

    /// Counts cells by the codes of their texts.
    pub(super) fn count(&mut self, codes: &[u32]) {
        for found in [&mut self.passed_over, &mut self.in_text] {
            if !found.codes.is_empty() {
                let cells = codes.iter().filter(|code| found.codes.binary_search(code).is_ok());
                found.cells += cells.count() as u64;
            }
        }
    }

    /// Returns for each kind that was found whether it is passed over, how many cells have it, and the first.
    pub(super) fn all(&self) -> impl Iterator<Item = (bool, u64, CellSpan)> {
        let kinds = [(true, &self.passed_over), (false, &self.in_text)];
        kinds
            .into_iter()
            .filter_map(|(is_passed_over, found)| Some((is_passed_over, found.cells, found.first?)))
    }
}

/// Says whether a cell that shows something begins or ends with white space of any kind.
pub(super) fn has_white_ends(cell: &[u8]) -> bool {
    let ([first, ..], [.., last]) = (cell, cell) else { return false };
    if first.is_ascii_graphic() && last.is_ascii_graphic() {
        return false;
    }
    let is_white = |bytes: &[u8]| std::str::from_utf8(bytes).is_ok_and(|text| text.trim().is_empty());
    let has_end = |bytes: usize| {
        let end = cell.len().checked_sub(bytes).and_then(|at| cell.get(at..));
        cell.get(..bytes).is_some_and(is_white) || end.is_some_and(is_white)
    };
    // No white space has more than three bytes.
    (1..=3).any(has_end) && !is_blank(cell)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_of_any_kind_is_found_at_the_ends_alone() {
        for white in [" ", "\t", "\u{a0}", "\u{3000}", "\u{2003}", "\n", " \u{a0}"] {
            for text in ["CVM", "云服务器", "x"] {
                assert!(has_white_ends(format!("{white}{text}").as_bytes()), "{white:?} {text}");
                assert!(has_white_ends(format!("{text}{white}").as_bytes()), "{white:?} {text}");
                assert!(!has_white_ends(format!("{text}{white}{text}").as_bytes()), "{white:?} {text}");
            }
        }
        // Nothing is shown, or no white space is at the ends.
        for cell in ["", " ", "\u{a0}-", "CVM", "云", "é", "-"] {
            assert!(!has_white_ends(cell.as_bytes()), "{cell:?}");
        }
        assert!(!has_white_ends(b"\xff\xfe"));
    }
}
