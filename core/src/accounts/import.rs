//! Accounts from a CSV: all of them or none.
//!
//! The columns are found by their headers, without regard to case: `uin`, `name`, `role`, `parent` (empty: the payer), `from`
//! (empty: all days), `reason`. Only `uin` and `name` must be there. A row says the same as `account add`.

use std::collections::BTreeMap;

use crate::journal::Actor;
use crate::period::Day;
use crate::store::Writer;
use crate::uin::Uin;

use super::{AccountError, Known, Role, Tree, save};

/// What is wrong with a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportFault {
    /// In which line of the file; 0 for the file as a whole.
    pub line: u64,
    /// What.
    pub what: String,
}

/// What was imported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    /// Rows that said something new.
    pub changed: u64,
    /// Rows that said what was known.
    pub unchanged: u64,
}

/// Faults that are listed; the others are counted.
const FAULTS_SHOWN: usize = 20;

pub(super) fn faults_text(faults: &[ImportFault]) -> String {
    let mut text = String::new();
    for fault in faults.iter().take(FAULTS_SHOWN) {
        if !text.is_empty() {
            text.push_str("; ");
        }
        if fault.line > 0 {
            text.push_str(&format!("line {}: ", fault.line));
        }
        text.push_str(&fault.what);
    }
    if faults.len() > FAULTS_SHOWN {
        text.push_str(&format!("; and {} more", faults.len() - FAULTS_SHOWN));
    }
    text
}

/// A row of the file.
struct Row {
    line: u64,
    uin: Uin,
    known: Known,
    from: Option<Day>,
    reason: Option<String>,
}

const COLUMNS: [&str; 6] = ["uin", "name", "role", "parent", "from", "reason"];

/// Imports accounts; with `dry_run`, only tells what it would do.
///
/// # Errors
/// [`AccountError::Import`] with every fault of the file; nothing has changed then.
pub fn import(writer: Writer, bytes: &[u8], dry_run: bool, actor: &Actor) -> Result<Imported, AccountError> {
    let mut tree = Tree::load(&writer)?;
    let (rows, mut faults) = parse(bytes, tree.payer());
    let mut imported = Imported::default();
    let mut changed: BTreeMap<Uin, (u64, Option<Day>, Option<String>)> = BTreeMap::new();
    for Row { line, uin, known, from, reason } in rows {
        match tree.set(uin, Some(known), from, reason.as_deref(), actor) {
            Ok(true) => {
                imported.changed += 1;
                changed.insert(uin, (line, from, reason));
            }
            Ok(false) => imported.unchanged += 1,
            Err(e) => faults.push(ImportFault { line, what: e.to_string() }),
        }
    }
    // Parents may come after their children, so the tree is looked at once all rows are in.
    for (uin, (line, ..)) in &changed {
        if let Err(e) = tree.check(*uin) {
            faults.push(ImportFault { line: *line, what: e.to_string() });
        }
    }
    if !faults.is_empty() {
        faults.sort_by_key(|fault| fault.line);
        return Err(AccountError::Import(faults));
    }
    if dry_run || changed.is_empty() {
        writer.abort()?;
        return Ok(imported);
    }
    for (uin, (_, from, reason)) in &changed {
        save(&writer, &tree, *uin, "account import", *from, reason.as_deref(), actor)?;
    }
    writer.commit()?;
    Ok(imported)
}

fn parse(bytes: &[u8], payer: Uin) -> (Vec<Row>, Vec<ImportFault>) {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(bytes);
    let whole = |what: String| (Vec::new(), vec![ImportFault { line: 0, what }]);
    let headers = match reader.headers() {
        Ok(headers) => headers.clone(),
        Err(e) => return whole(e.to_string()),
    };
    let mut places = BTreeMap::new();
    for (i, header) in headers.iter().enumerate() {
        let header = header.to_lowercase();
        let Some(name) = COLUMNS.iter().find(|name| **name == header) else {
            return whole(format!(
                "`{header}` is not a column of accounts: there are {}",
                COLUMNS.join(", ")
            ));
        };
        if places.insert(*name, i).is_some() {
            return whole(format!("the column `{name}` is there twice"));
        }
    }
    for needed in ["uin", "name"] {
        if !places.contains_key(needed) {
            return whole(format!("the column `{needed}` is missing; the first line has the headers"));
        }
    }
    let (mut rows, mut faults) = (Vec::new(), Vec::new());
    for record in reader.records() {
        let record = match record {
            Ok(record) => record,
            Err(e) => {
                let line = e.position().map_or(0, csv::Position::line);
                faults.push(ImportFault { line, what: e.to_string() });
                continue;
            }
        };
        let line = record.position().map_or(0, csv::Position::line);
        let cell = |name: &str| {
            let cell = places.get(name).and_then(|at| record.get(*at)).unwrap_or_default();
            (!cell.is_empty()).then_some(cell)
        };
        match row(line, payer, &cell) {
            Ok(row) => rows.push(row),
            Err(what) => faults.push(ImportFault { line, what }),
        }
    }
    if rows.is_empty() && faults.is_empty() {
        return whole("it has no rows".into());
    }
    (rows, faults)
}

fn row<'a>(line: u64, payer: Uin, cell: &impl Fn(&str) -> Option<&'a str>) -> Result<Row, String> {
    let uin = |text: &str| -> Result<Uin, String> {
        Uin::parse(text.as_bytes()).ok_or_else(|| format!("`{text}` is not an account id: 9 to 12 digits"))
    };
    let id = uin(cell("uin").ok_or("the account id is empty")?)?;
    let name = cell("name").ok_or_else(|| format!("account {id} has no name"))?.to_owned();
    let role = match cell("role") {
        Some(text) => text.parse()?,
        None if id == payer => Role::Payer,
        None => Role::Customer,
    };
    let parent = match cell("parent") {
        Some(text) => Some(uin(text)?),
        None => (id != payer).then_some(payer),
    };
    let from = cell("from").map(|text| text.parse::<Day>().map_err(|e| e.to_string())).transpose()?;
    let reason = cell("reason").map(str::to_owned);
    Ok(Row { line, uin: id, known: Known { name, role, parent }, from, reason })
}
