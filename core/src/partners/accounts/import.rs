//! Accounts from a CSV: all of them or none.
//!
//! The columns are found by their headers, without regard to case: `uin`, `name`, `role`, `parent` (empty: the payer), `from`
//! (empty: all days), `reason`. Only `uin` and `name` must be there. A row says the same as `account add`.

use std::collections::BTreeMap;

use crate::engine::journal::Actor;
use crate::engine::store::Transaction;
use crate::formats::container::must_be_csv;
use crate::formats::forms::read_uin;
use crate::formats::line_ends::line_ends;
use crate::formats::schema::fold_header;
use crate::formats::text::{
    CsvReading, Detection, Encoding, HeadFault, bad_bytes, detect, find_head, in_full,
};
use crate::values::period::Day;
use crate::values::uin::Uin;

use super::record::AccountsFault;
use super::{AccountDetails, AccountError, AccountRole, Tree, save};

/// What was imported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    /// Rows that said something new.
    pub changed: u64,
    /// Rows that said what was known.
    pub unchanged: u64,
    /// How the file was read.
    pub reading: CsvReading,
}

/// A row of the file.
struct AccountRow {
    line: u64,
    uin: Uin,
    known: AccountDetails,
    from: Option<Day>,
    reason: Option<String>,
}

const COLUMNS: [&str; 6] = ["uin", "name", "role", "parent", "from", "reason"];

impl Transaction {
    /// Imports accounts; with `dry_run`, only tells what it would do.
    ///
    /// # Errors
    /// [`AccountError::Import`] with every fault of the file; nothing has changed then.
    pub fn import_accounts(
        &self,
        bytes: &[u8],
        detection: Detection,
        dry_run: bool,
        actor: &Actor,
    ) -> Result<Imported, AccountError> {
        let mut tree = Tree::load(self)?;
        let (rows, mut faults, reading) = parse(bytes, detection, tree.payer());
        let mut imported = Imported { reading, ..Imported::default() };
        let mut changed: BTreeMap<Uin, (u64, Option<Day>, Option<String>)> = BTreeMap::new();
        for AccountRow { line, uin, known, from, reason } in rows {
            match tree.set(uin, Some(known), from, reason.as_deref(), actor) {
                Ok(true) => {
                    imported.changed += 1;
                    changed.insert(uin, (line, from, reason));
                }
                Ok(false) => imported.unchanged += 1,
                Err(e) => faults.push(AccountsFault { line, what: e.to_string() }),
            }
        }
        // Parents may come after their children, so the tree is looked at once all rows are in.
        for (uin, (line, ..)) in &changed {
            if let Err(e) = tree.check(*uin) {
                faults.push(AccountsFault { line: *line, what: e.to_string() });
            }
        }
        if !faults.is_empty() {
            faults.sort_by_key(|fault| fault.line);
            return Err(AccountError::Import(faults));
        }
        if dry_run || changed.is_empty() {
            return Ok(imported);
        }
        for (uin, (_, from, reason)) in &changed {
            save(self, &tree, *uin, "account import", *from, reason.as_deref(), actor)?;
        }
        Ok(imported)
    }
}

/// Where each column is in the file.
type AccountColumns = BTreeMap<&'static str, usize>;

/// Finds the columns by a header; or says what is wrong with it, and how many of them it has.
fn places(header: &csv::ByteRecord) -> Result<AccountColumns, (String, usize)> {
    let mut places = AccountColumns::new();
    let mut wrong = None;
    for (i, cell) in header.iter().enumerate() {
        let header = fold_header(&String::from_utf8_lossy(cell));
        match COLUMNS.iter().find(|name| **name == header) {
            None => {
                wrong.get_or_insert_with(|| {
                    format!("`{header}` is not a column of accounts: there are {}", COLUMNS.join(", "))
                });
            }
            Some(name) => {
                if places.insert(*name, i).is_some() {
                    wrong.get_or_insert_with(|| format!("the column `{name}` is there twice"));
                }
            }
        }
    }
    let missing = ["uin", "name"].iter().find(|needed| !places.contains_key(*needed));
    let missing =
        || missing.map(|name| format!("the column `{name}` is missing; the first line has the headers"));
    match wrong.or_else(missing) {
        Some(wrong) => Err((wrong, places.len())),
        None => Ok(places),
    }
}

fn parse(
    bytes: &[u8],
    detection: Detection,
    payer: Uin,
) -> (Vec<AccountRow>, Vec<AccountsFault>, CsvReading) {
    if let Err(foreign) = must_be_csv(bytes) {
        let fault = AccountsFault { line: 0, what: foreign.to_string() };
        return (Vec::new(), vec![fault], CsvReading::default());
    }
    let detected = detect(bytes, true, &|_| false);
    let encoding = match detection {
        Detection::Said(said) => said,
        Detection::Beginning | Detection::FirstForeign => detected.encoding,
    };
    let mark = if encoding == detected.encoding { detected.mark } else { 0 };
    let text = in_full(bytes.get(mark..).unwrap_or_default(), encoding);
    let mut reading = CsvReading { encoding, ..CsvReading::default() };
    let head = match find_head(&text, &places) {
        Ok(head) => head,
        Err(fault) => {
            let what = match fault {
                HeadFault::NoHeader { fault, .. } => fault,
                HeadFault::LinesAbove { header } => {
                    format!("the header is in line {header}, and the lines above it look like rows")
                }
            };
            return (Vec::new(), vec![AccountsFault { line: 0, what }], reading);
        }
    };
    (reading.separator, reading.above) = (char::from(head.separator), head.above);
    let body = text.get(head.above_bytes..).unwrap_or_default();
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .flexible(true)
        .delimiter(head.separator)
        .from_reader(body);
    let (mut rows, mut faults) = (Vec::new(), Vec::new());
    let columns = reader.byte_headers().map_or(0, csv::ByteRecord::len);
    for record in reader.byte_records() {
        let Ok(record) = record else { continue };
        let at = record.position().and_then(|p| usize::try_from(p.byte()).ok()).unwrap_or(0);
        // Line ends before a record are not part of it.
        let ends =
            body.get(at..).unwrap_or_default().iter().take_while(|b| matches!(b, b'\r' | b'\n')).count();
        let line = head.above + 1 + line_ends(body.get(..at + ends).unwrap_or_default());
        if record.iter().all(<[u8]>::is_empty) {
            continue;
        }
        match read_row(&record, line, columns, &head.header, encoding, payer) {
            Ok(row) => rows.push(row),
            Err(what) => faults.push(AccountsFault { line, what }),
        }
    }
    if rows.is_empty() && faults.is_empty() {
        faults.push(AccountsFault { line: 0, what: "it has no rows".into() });
    }
    (rows, faults, reading)
}

fn read_row(
    record: &csv::ByteRecord,
    line: u64,
    columns: usize,
    places: &AccountColumns,
    encoding: Encoding,
    payer: Uin,
) -> Result<AccountRow, String> {
    if record.len() != columns {
        return Err(format!("the row has {} cells, and the header {columns}", record.len()));
    }
    let mut texts: BTreeMap<&str, &str> = BTreeMap::new();
    for (name, at) in places {
        let cell = record.get(*at).unwrap_or_default();
        let text = std::str::from_utf8(cell).map_err(|e| {
            let bad = bad_bytes(cell.get(e.valid_up_to()..).unwrap_or_default(), encoding);
            let bad: Vec<String> = bad.iter().map(|byte| format!("{byte:02x}")).collect();
            format!(
                "column `{name}`: the bytes {} are not {encoding}, and the text before them is",
                bad.join(" ")
            )
        })?;
        texts.insert(name, text.trim_start_matches('\u{feff}'));
    }
    row(line, payer, &|name: &str| texts.get(name).copied().filter(|cell| !cell.is_empty()))
}

fn row<'a>(line: u64, payer: Uin, cell: &impl Fn(&str) -> Option<&'a str>) -> Result<AccountRow, String> {
    let uin = |text: &str| -> Result<Uin, String> {
        read_uin(text.as_bytes()).map_err(|cause| {
            let cause = cause.map_or_else(String::new, |cause| format!(": {cause}"));
            format!("`{text}` is not an account id: 9 to 12 digits{cause}")
        })
    };
    let id = uin(cell("uin").ok_or("the account id is empty")?)?;
    let name = cell("name").ok_or_else(|| format!("account {id} has no name"))?.to_owned();
    let role = match cell("role") {
        Some(text) => text.parse()?,
        None if id == payer => AccountRole::Payer,
        None => AccountRole::Customer,
    };
    let parent = match cell("parent") {
        Some(text) => Some(uin(text)?),
        None => (id != payer).then_some(payer),
    };
    let from = cell("from").map(|text| text.parse::<Day>().map_err(|e| e.to_string())).transpose()?;
    let reason = cell("reason").map(str::to_owned);
    Ok(AccountRow { line, uin: id, known: AccountDetails { name, role, parent }, from, reason })
}
