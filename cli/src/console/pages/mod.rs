//! The pages. Each takes what it shows from the library or from a command, and draws it.

pub(super) mod bill;
pub(super) mod bills;
mod decisions;
pub(super) mod deliveries;
pub(super) mod diff;
pub(super) mod disputes;
pub(super) mod import;
pub(super) mod journal;
pub(super) mod late;
pub(super) mod lines;
pub(super) mod lint;
mod rollup;
pub(super) mod settings;
pub(super) mod status;
pub(super) mod storage;

use billkeep_core::bill::BillKey;
use billkeep_core::error::Kind;
use billkeep_core::period::{Basis, BillMonth};
use billkeep_core::store::Snapshot;
use maud::{Markup, html};
use serde_json::Value;

use super::html::{Page, View, error, frame, path};
use super::say::{Fields, Saying};
use super::{Answer, Ask, Console, run_for, status_of};
use crate::args::{Command, Format};
use crate::error::CommandError;
use crate::output::{Kept, Table};

/// Frames what a page shows.
fn answer(
    console: &Console,
    ask: &Ask,
    title: &str,
    menu: &str,
    content: Markup,
) -> Result<Answer, CommandError> {
    Ok(Answer::html(200, frame(console, ask, Page { title, menu, content })))
}

/// A page that tells an error.
pub(super) fn failed(console: &Console, ask: &Ask, why: &CommandError) -> Answer {
    let view = View::of(ask);
    let content = error(&view, why, ask.back.as_deref());
    let title = if why.is_absent() { view.words.not_found } else { view.words.went_wrong };
    Answer::html(status_of(why), frame(console, ask, Page { title, menu: "", content }))
}

/// There is nothing at a path.
pub(super) fn nothing(console: &Console, ask: &Ask) -> Result<Answer, CommandError> {
    let view = View::of(ask);
    let content = html! { p { a href="/" { (view.words.status) } } };
    let page = Page { title: view.words.not_found, menu: "", content };
    Ok(Answer::html(404, frame(console, ask, page)))
}

/// Which bill a page is of.
fn bill_key(console: &Console, reader: &Snapshot, ask: &Ask) -> Result<BillKey, CommandError> {
    let month: BillMonth = parsed(ask.get("month").unwrap_or_default())?;
    let basis: Basis = parsed(ask.get("basis").unwrap_or("used"))?;
    console.context.bill_key(reader, month, basis)
}

/// Where the bill of a table's row is: its month, and its basis where the table has one.
fn bill_of_row(table: &Table, row: &[String], month: &str) -> String {
    let at = table.columns.iter().position(|column| column.name == "basis");
    let basis = at.and_then(|at| row.get(at)).map_or("", String::as_str);
    bill_path(month, basis)
}

/// Where a bill is; the usual basis is not named.
fn bill_path(month: &str, basis: &str) -> String {
    path(&format!("/bills/{month}"), &[("basis", if basis == "paid" { basis } else { "" })])
}

/// Reads a value of a page's query; one that is none is told as something that is not there.
pub(super) fn parsed<T: std::str::FromStr>(text: &str) -> Result<T, CommandError>
where
    T::Err: std::fmt::Display,
{
    text.parse().map_err(|e| CommandError::user(format!("{e}")))
}

/// What a command gives, as tables.
fn tables(console: &Console, ask: &Ask, command: Command) -> Result<Vec<Table>, CommandError> {
    let kept = Kept::tables();
    run_for(console, ask.visitor()?, Format::Csv, &kept, command)?;
    Ok(kept.take_tables())
}

/// What a command gives, as the one table that it is.
fn table(console: &Console, ask: &Ask, command: Command) -> Result<Table, CommandError> {
    let none = || CommandError::new(Kind::Internal, "the command has given no table");
    tables(console, ask, command)?.into_iter().next().ok_or_else(none)
}

/// Leaves columns out that are not for people.
fn drop_columns(table: &mut Table, names: &[&str]) {
    let kept: Vec<bool> = table.columns.iter().map(|column| !names.contains(&column.name.as_str())).collect();
    let mut at = kept.iter();
    table.columns.retain(|_| at.next().copied().unwrap_or(true));
    for row in &mut table.rows {
        let mut at = kept.iter();
        row.retain(|_| at.next().copied().unwrap_or(true));
    }
}

/// What a command gives, as JSON.
fn json(console: &Console, ask: &Ask, command: Command) -> Result<Value, CommandError> {
    let kept = Kept::default();
    run_for(console, ask.visitor()?, Format::Json, &kept, command)?;
    serde_json::from_slice(&kept.take_data())
        .map_err(|e| CommandError::new(Kind::Internal, format!("the command has given no JSON: {e}")))
}

/// Makes a command of words and of values that this page asks for.
fn said(
    words: &'static [&'static str],
    args: &'static [&'static str],
    fields: &[(&str, &str)],
) -> Result<Command, CommandError> {
    let fields: Fields = fields
        .iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| ((*name).to_owned(), vec![(*value).to_owned()]))
        .collect();
    Saying { words, args, always: &[] }.command(&fields)
}

/// A text of a JSON object.
fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}
