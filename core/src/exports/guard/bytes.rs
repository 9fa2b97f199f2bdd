//! Reads what was rendered for a customer as its reader would, and finds what should not be in it.

use std::collections::{BTreeSet, HashSet};
use std::io::{BufRead as _, BufReader, Read};
use std::path::Path;

use crate::exports::customer::{PRICE_HEADER, TOTAL_HEADER, goes, may_name_payer};
use crate::formats::archive::each_csv;
use crate::formats::dialect::CellKind;
use crate::formats::dialect::Dialect;
use crate::formats::schema::Column;
use crate::values::money::Amount;
use crate::values::uin::Uin;

use super::GuardError;

/// What is told of a part, at most.
const FOUND_MAX: usize = 10;

/// What an export for a customer may hold.
#[derive(Clone, Debug)]
pub(in crate::exports) struct Allowed {
    /// The customer.
    pub(in crate::exports) owner: Uin,
    /// The payer, whose id may stand in the columns that the contract says.
    pub(in crate::exports) payer: Uin,
    /// All other accounts that are known.
    pub(in crate::exports) others: HashSet<u64>,
    /// The headers that the customer was given besides the contract's.
    pub(in crate::exports) further: BTreeSet<String>,
    /// How cells were written.
    pub(in crate::exports) dialect: Dialect,
    /// How many lines each CSV has.
    pub(in crate::exports) rows: Vec<u64>,
    /// What the customer pays for all lines, whatever their currencies, where there are prices; `Some(None)` where that
    /// has too many digits.
    pub(in crate::exports) totals: Option<Option<Amount>>,
}

/// A column of a CSV, and what its cells may be.
struct GuardedColumn {
    header: String,
    column: Option<Column>,
    kind: CellKind,
    may_name_payer: bool,
    is_total: bool,
}

struct Finder<'a> {
    allowed: &'a Allowed,
    found: Vec<String>,
    more: u64,
    rows: Vec<u64>,
    total: Option<Amount>,
}

/// Reads a part again, and refuses it if it holds a column or an account that it should not.
///
/// # Errors
/// [`GuardError::Leak`] with what was found where; [`GuardError::Unreadable`].
pub(in crate::exports) fn check_bytes(path: &Path, name: &str, allowed: &Allowed) -> Result<(), GuardError> {
    let mut finder =
        Finder { allowed, found: Vec::new(), more: 0, rows: Vec::new(), total: Some(Amount::ZERO) };
    each_csv(path, &mut |entry, reader| finder.csv(entry, reader))
        .map_err(|why| GuardError::Unreadable { name: name.to_owned(), why })?;
    finder.compare();
    let Finder { found, more, .. } = finder;
    if found.is_empty() { Ok(()) } else { Err(GuardError::Leak { name: name.to_owned(), found, more }) }
}

impl Finder<'_> {
    fn tell(&mut self, what: impl FnOnce() -> String) {
        if self.found.len() < FOUND_MAX {
            self.found.push(what());
        } else {
            self.more += 1;
        }
    }

    fn csv(&mut self, entry: &str, reader: &mut dyn Read) -> Result<(), String> {
        self.whose(entry);
        // A part's only CSV is named as the part is.
        let entry = if self.allowed.rows.len() == 1 { "the CSV".to_owned() } else { format!("`{entry}`") };
        let mut reader = BufReader::with_capacity(1 << 16, reader);
        let mark = self.allowed.dialect.begin();
        let begins = reader.fill_buf().map_err(|e| e.to_string())?.starts_with(Dialect::Spreadsheet.begin());
        if begins == mark.is_empty() {
            self.tell(|| format!("{entry} does not begin as the dialect says"));
        }
        if begins {
            reader.consume(Dialect::Spreadsheet.begin().len());
        }
        let mut csv = csv::ReaderBuilder::new().has_headers(false).from_reader(reader);
        let mut record = csv::ByteRecord::new();
        let wrong = |e: csv::Error| format!("{entry}: {e}");
        if !csv.read_byte_record(&mut record).map_err(wrong)? {
            return Err(format!("{entry} is empty"));
        }
        let columns: Vec<GuardedColumn> = record.iter().map(|cell| self.header(&entry, cell)).collect();
        if !columns.iter().any(|c| c.column == Some(Column::OwnerUin)) {
            self.tell(|| format!("{entry} has no column of owners"));
        }
        let mut rows = 0;
        while csv.read_byte_record(&mut record).map_err(wrong)? {
            rows += 1;
            for (column, cell) in columns.iter().zip(&record) {
                let cell = self.allowed.dialect.read_cell(cell);
                if let Some(what) = self.cell(column, cell) {
                    self.tell(|| format!("{entry}, row {rows}, column `{}` {what}", column.header));
                }
            }
        }
        self.rows.push(rows);
        Ok(())
    }

    /// Checks that a file is not named after somebody else.
    fn whose(&mut self, entry: &str) {
        if let Some(other) = self.names_another(entry.as_bytes(), false) {
            self.tell(|| format!("`{entry}` is named after account {other}"));
        }
    }

    fn header(&mut self, entry: &str, cell: &[u8]) -> GuardedColumn {
        let header = String::from_utf8_lossy(self.allowed.dialect.read_cell(cell)).into_owned();
        let ours = self.allowed.totals.is_some() && [PRICE_HEADER, TOTAL_HEADER].contains(&header.as_str());
        if !ours && !goes(&header, &self.allowed.further) {
            self.tell(|| format!("{entry} has the column `{header}`, which is not in the contract"));
        }
        if let Some(other) = self.names_another(header.as_bytes(), false) {
            self.tell(|| format!("{entry}: the column `{header}` names account {other}"));
        }
        let column = Column::of_header(&header);
        GuardedColumn {
            column,
            kind: if ours { CellKind::Number } else { CellKind::of(column) },
            may_name_payer: may_name_payer(&header),
            is_total: ours && header == TOTAL_HEADER,
            header,
        }
    }

    /// Says what is wrong with a cell, if anything is.
    fn cell(&mut self, column: &GuardedColumn, cell: &[u8]) -> Option<String> {
        let text = Amount::trim_cell(cell);
        match column.column {
            Some(Column::OwnerUin) if Uin::parse(text) != Some(self.allowed.owner) => {
                return Some(format!("holds `{}`, not the customer's id", String::from_utf8_lossy(text)));
            }
            Some(Column::PayerUin)
                if !matches!(text, b"" | b"-") && Uin::parse(text) != Some(self.allowed.payer) =>
            {
                return Some(format!("holds `{}`, not the payer's id", String::from_utf8_lossy(text)));
            }
            _ => {}
        }
        if column.is_total {
            match Amount::parse_cell(cell) {
                Ok(Some(amount)) => self.total = self.total.and_then(|total| total.checked_add(amount)),
                Ok(None) => {}
                Err(_) => return Some("is not an amount".to_owned()),
            }
        }
        // Of a number with decimals the digits are no id.
        if column.kind == CellKind::Number && text.contains(&b'.') && Amount::parse_cell(cell).is_ok() {
            return None;
        }
        let other = self.names_another(cell, column.may_name_payer)?;
        Some(format!("holds account {other}"))
    }

    /// Finds another account's id among the numbers in a text.
    fn names_another(&self, text: &[u8], payer_too: bool) -> Option<Uin> {
        let runs = text.split(|b| !b.is_ascii_digit()).filter_map(Uin::parse);
        let is_payer = |uin: &Uin| *uin == self.allowed.payer && *uin != self.allowed.owner;
        runs.into_iter()
            .find(|uin| self.allowed.others.contains(&uin.number()) || (!payer_too && is_payer(uin)))
    }

    /// Compares what was counted with what the renderer says.
    fn compare(&mut self) {
        if self.rows != self.allowed.rows {
            let (read, said) = (self.rows.clone(), self.allowed.rows.clone());
            self.tell(|| format!("it has {read:?} lines, and should have {said:?}"));
        }
        if let Some(said) = self.allowed.totals
            && (said.is_none() || self.total != said)
        {
            // What a wrong column adds up to may be the partner's cost: no figure is named.
            self.tell(|| format!("its `{TOTAL_HEADER}` does not add up to the customer's total"));
        }
    }
}
