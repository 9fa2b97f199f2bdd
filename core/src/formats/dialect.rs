//! How cells are written for programs and for spreadsheets, and how what was done for spreadsheets is undone.
//!
//! A spreadsheet takes what looks like a number for one, and shows 100010445724 as 1E+11; it takes what begins like a formula for
//! one, and runs it. So in its dialect
//!
//! * a cell that would lose digits has a tab behind it: an account id, order id, month, any number that begins in a column of
//!   ids, and elsewhere digits that are many or begin with 0. Excel and LibreOffice then keep it as text, the tab cannot be
//!   seen, and readers that pass over white space, imports here among them, read the same id;
//! * a text that begins like a formula has an apostrophe before it;
//! * amounts are as they are, negative ones too;
//! * white space around ids and amounts goes: it would make two of one id, and a text of a number.
//!
//! Not `="100010445724"`: that is a formula, which other readers take for the text that it is, and which no filter of formulas
//! lets pass.
//!
//! To undo it: take one apostrophe off the front of a cell, if there is one, and one tab off its end, if there is one
//! ([`restore`]). That gives back every cell to the byte, but for the white space around ids and amounts.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::formats::schema::{Column, ColumnClass};
use crate::values::money::Amount;

use super::naming::words;

/// How a CSV is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Dialect {
    /// For programs: cells as they are, records that end in LF.
    #[default]
    Plain,
    /// For spreadsheets: a byte order mark, CRLF, ids as text, and text that cannot be taken for a formula.
    Spreadsheet,
}

words!(Dialect, "a dialect", Plain = "plain", Spreadsheet = "spreadsheet");

/// What stands before a text that begins like a formula.
const MARK: u8 = b'\'';
/// What stands behind a text that would be taken for a number.
const AS_TEXT: u8 = b'\t';
/// Digits from which on a spreadsheet shows a number with an exponent.
const DIGITS_SHOWN: usize = 12;
/// First characters that make a text a formula, in some spreadsheet or language; full-width ones are in UTF-8.
const BEGINNINGS: [&[u8]; 11] = [
    b"=",
    b"+",
    b"-",
    b"@",
    b"\t",
    b"\r",
    b"\n",
    "＝".as_bytes(),
    "＋".as_bytes(),
    "－".as_bytes(),
    "＠".as_bytes(),
];

/// What a spreadsheet is to take the cells of a column for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CellKind {
    /// Names, whatever their characters: account ids, order ids, months.
    Id,
    /// Text, or what is not known.
    Text,
    /// Numbers.
    Number,
}

impl CellKind {
    /// Returns the kind of a column's cells; unknown columns and tags are text.
    pub fn of(column: Option<Column>) -> CellKind {
        let Some(column) = column else { return CellKind::Text };
        match column {
            Column::OperatorUin
            | Column::ResellerUin
            | Column::InstanceId
            | Column::TransactionId
            | Column::OrderId => CellKind::Id,
            _ => match column.class() {
                ColumnClass::Uin | ColumnClass::Month => CellKind::Id,
                ColumnClass::Number | ColumnClass::Money => CellKind::Number,
                ColumnClass::Text | ColumnClass::Time | ColumnClass::Day | ColumnClass::Currency => {
                    CellKind::Text
                }
            },
        }
    }
}

impl Dialect {
    /// Returns what a file begins with.
    pub fn begin(self) -> &'static [u8] {
        match self {
            Dialect::Plain => b"",
            Dialect::Spreadsheet => "\u{feff}".as_bytes(),
        }
    }

    /// Returns what a record ends with.
    pub fn line_end(self) -> &'static [u8] {
        match self {
            Dialect::Plain => b"\n",
            Dialect::Spreadsheet => b"\r\n",
        }
    }

    /// Appends a cell, quoted if it must be.
    pub fn write_cell(self, kind: CellKind, cell: &[u8], out: &mut Vec<u8>) {
        match self {
            Dialect::Plain => Dialect::write_quoted(cell, out),
            Dialect::Spreadsheet => {
                let shown = present(kind, cell);
                // A program that takes another mark for the comma must not find one in a cell either.
                if shown.iter().any(|b| matches!(b, b';' | b'\t')) {
                    write_in_quotes(&shown, out);
                } else {
                    Dialect::write_quoted(&shown, out);
                }
            }
        }
    }

    /// Appends a record of cells, with its end.
    pub fn write_cells<C: AsRef<[u8]>>(
        self,
        cells: impl IntoIterator<Item = (CellKind, C)>,
        out: &mut Vec<u8>,
    ) {
        for (i, (kind, cell)) in cells.into_iter().enumerate() {
            if i > 0 {
                out.push(b',');
            }
            self.write_cell(kind, cell.as_ref(), out);
        }
        out.extend_from_slice(self.line_end());
    }

    /// Appends the texts of a header record, with what a file begins with before them.
    pub fn write_header(self, headers: &[String], out: &mut Vec<u8>) {
        out.extend_from_slice(self.begin());
        self.write_cells(headers.iter().map(|header| (CellKind::Text, header)), out);
    }

    /// Undoes what was done to a cell that has been read.
    pub fn read_cell(self, cell: &[u8]) -> &[u8] {
        match self {
            Dialect::Plain => cell,
            Dialect::Spreadsheet => restore(cell),
        }
    }

    /// Appends a cell, quoted if it must be.
    pub fn write_quoted(cell: &[u8], out: &mut Vec<u8>) {
        if cell.iter().any(|b| matches!(b, b',' | b'"' | b'\n' | b'\r')) {
            write_in_quotes(cell, out);
        } else {
            out.extend_from_slice(cell);
        }
    }
}

fn write_in_quotes(cell: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    for b in cell {
        if *b == b'"' {
            out.push(b'"');
        }
        out.push(*b);
    }
    out.push(b'"');
}

/// Returns a cell as a spreadsheet is to get it.
pub(crate) fn present(kind: CellKind, cell: &[u8]) -> Cow<'_, [u8]> {
    let cell = match kind {
        CellKind::Number if Amount::parse_cell(cell).is_ok() => {
            return Cow::Borrowed(Amount::trim_cell(cell));
        }
        CellKind::Id => Amount::trim_cell(cell),
        CellKind::Number | CellKind::Text => cell,
    };
    let mark = cell.first() == Some(&MARK) || begins_formula(kind, cell);
    // What ends in a tab gets another one, so that taking one off gives back what there was.
    let tab = cell.last() == Some(&AS_TEXT) || loses_digits(kind, cell);
    if !mark && !tab {
        return Cow::Borrowed(cell);
    }
    let mut shown = Vec::with_capacity(cell.len() + 2);
    shown.extend(mark.then_some(MARK));
    shown.extend_from_slice(cell);
    shown.extend(tab.then_some(AS_TEXT));
    Cow::Owned(shown)
}

impl Dialect {
    /// Returns a cell that no spreadsheet takes for a formula, with as little changed as that needs: an apostrophe stands before it
    /// then. Numbers and `-` are as they are.
    pub fn no_formula(cell: &[u8]) -> Cow<'_, [u8]> {
        if cell.first() != Some(&MARK) && !begins_formula(CellKind::Text, cell) {
            return Cow::Borrowed(cell);
        }
        let mut shown = Vec::with_capacity(cell.len() + 1);
        shown.push(MARK);
        shown.extend_from_slice(cell);
        Cow::Owned(shown)
    }
}

/// Returns what [`present`] was given, without the white space around ids and amounts.
pub(crate) fn restore(cell: &[u8]) -> &[u8] {
    let cell = cell.strip_prefix(&[MARK]).unwrap_or(cell);
    cell.strip_suffix(&[AS_TEXT]).unwrap_or(cell)
}

/// Says whether a text begins as a formula does. What is not shown (`-`) is none, nor is a negative number where it is no id.
fn begins_formula(kind: CellKind, cell: &[u8]) -> bool {
    let is_number = kind != CellKind::Id && cell.strip_prefix(b"-").is_some_and(is_decimal);
    BEGINNINGS.iter().any(|begin| cell.starts_with(begin)) && !matches!(cell, b"-" | b"--") && !is_number
}

/// Says whether a spreadsheet would take a text for a number and not show it as it is.
fn loses_digits(kind: CellKind, cell: &[u8]) -> bool {
    // It does so with white space around it too.
    let text = Amount::trim_cell(cell);
    match kind {
        CellKind::Id => text.first().is_some_and(u8::is_ascii_digit),
        CellKind::Number => false,
        CellKind::Text => {
            let digits = text.strip_prefix(b"-").unwrap_or(text);
            let whole = digits.iter().take_while(|b| b.is_ascii_digit()).count();
            let all_digits = whole == digits.len();
            let leading_zero = digits.len() > 1 && all_digits && digits.first() == Some(&b'0');
            let exponent = whole > 0
                && digits.iter().any(|b| matches!(b, b'e' | b'E'))
                && digits.iter().all(|b| b.is_ascii_digit() || matches!(b, b'e' | b'E' | b'.' | b'+' | b'-'));
            (all_digits && whole >= DIGITS_SHOWN) || leading_zero || exponent
        }
    }
}

/// Says whether a text is digits, with a point and more of them or without.
fn is_decimal(text: &[u8]) -> bool {
    let mut parts = text.splitn(2, |b| *b == b'.');
    let digits = |part: &[u8]| !part.is_empty() && part.iter().all(u8::is_ascii_digit);
    parts.next().is_some_and(digits) && parts.next().is_none_or(digits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shown(kind: CellKind, cell: &str) -> String {
        String::from_utf8(present(kind, cell.as_bytes()).into_owned()).unwrap()
    }

    #[test]
    fn ids_are_text_and_formulas_are_none() {
        for (kind, cell, want) in [
            (CellKind::Id, "100010445724", "100010445724\t"),
            (CellKind::Id, "909619400", "909619400\t"),
            (CellKind::Id, "2021-03", "2021-03\t"),
            (CellKind::Id, "ins-1a2b", "ins-1a2b"),
            (CellKind::Id, "-", "-"),
            (CellKind::Id, "-5", "'-5"),
            (CellKind::Id, "\t909619400\u{a0}", "909619400\t"),
            (CellKind::Text, "\t909619400\t", "'\t909619400\t\t"),
            (CellKind::Text, "202103000000000006", "202103000000000006\t"),
            (CellKind::Text, "007", "007\t"),
            (CellKind::Text, "1E5", "1E5\t"),
            (CellKind::Text, "12", "12"),
            (CellKind::Text, "-12.50", "-12.50"),
            (CellKind::Text, "--", "--"),
            (CellKind::Text, "=HYPERLINK(\"x\")", "'=HYPERLINK(\"x\")"),
            (CellKind::Text, "+86 10", "'+86 10"),
            (CellKind::Text, "-1+1", "'-1+1"),
            (CellKind::Text, "@SUM(A1)", "'@SUM(A1)"),
            (CellKind::Text, "\rx", "'\rx"),
            (CellKind::Text, "＝1", "'＝1"),
            (CellKind::Text, "'quoted", "''quoted"),
            (CellKind::Number, "-0.00000285", "-0.00000285"),
            (CellKind::Number, "\u{a0}-1.50\t", "-1.50"),
            (CellKind::Number, "-", "-"),
            (CellKind::Number, "\t", ""),
            (CellKind::Number, "-1+1", "'-1+1"),
        ] {
            assert_eq!(shown(kind, cell), want, "{cell:?}");
        }
    }

    #[test]
    fn a_table_for_people_has_no_formula_and_ids_as_they_are() {
        for (cell, want) in [
            ("=1+1", "'=1+1"),
            ("＝1+1", "'＝1+1"),
            ("\t=1+1", "'\t=1+1"),
            ("'x", "''x"),
            ("100010445724", "100010445724"),
            ("-12.50", "-12.50"),
            ("-", "-"),
            ("", ""),
        ] {
            assert_eq!(Dialect::no_formula(cell.as_bytes()), want.as_bytes(), "{cell:?}");
        }
    }

    #[test]
    fn what_another_separator_would_cut_is_quoted() {
        let mut out = Vec::new();
        Dialect::Spreadsheet.write_cell(CellKind::Text, b"a;=1+1", &mut out);
        out.push(b',');
        Dialect::Spreadsheet.write_cell(CellKind::Id, b"100010445724", &mut out);
        assert_eq!(out, b"\"a;=1+1\",\"100010445724\t\"");
    }

    proptest! {
        #[test]
        fn what_was_done_can_be_undone(
            cell in r#"['=+\-@\t\r\n0-9a-zA-Z.＝ é]{0,12}"#, kind in 0_usize..2,
        ) {
            let kind = [CellKind::Id, CellKind::Text][kind];
            let shown = present(kind, cell.as_bytes());
            let want = if kind == CellKind::Id { Amount::trim_cell(cell.as_bytes()) } else { cell.as_bytes() };
            prop_assert_eq!(restore(&shown), want);
            // No formula is left: it does not begin like one, or it is a number or a mark for nothing.
            let text = std::str::from_utf8(&shown).unwrap();
            let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝']);
            let harmless = text.is_empty() || text == "-" || text == "--" || text.trim_end().parse::<f64>().is_ok();
            prop_assert!(!formula || harmless, "{text:?}");
        }

        #[test]
        fn numbers_are_undone_but_for_white_space_around_them(cell in r"[ \t]{0,2}[-=+']{0,2}[0-9]{1,9}(\.[0-9]{1,8})?[ \t]{0,2}") {
            let shown = present(CellKind::Number, cell.as_bytes());
            match Amount::parse_cell(cell.as_bytes()) {
                Ok(Some(amount)) => {
                    prop_assert_eq!(Amount::parse_cell(&shown), Ok(Some(amount)));
                    prop_assert_eq!(restore(&shown), Amount::trim_cell(cell.as_bytes()));
                }
                _ => prop_assert_eq!(restore(&shown), cell.as_bytes()),
            }
        }
    }
}
