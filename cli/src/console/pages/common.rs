//! What pages share: how they are framed, and how they ask commands.

use billkeep_core::error::Kind;

use maud::{Markup, html};
use serde_json::Value;

use crate::args::{Command, Format};
use crate::console::answer::{Answer, status_of};
use crate::console::command_map::CommandSpec;
use crate::console::execute::run_for;
use crate::console::fields::Fields;
use crate::console::html::{Page, View, error, frame, grouped};
use crate::console::links::{path, with_query};
use crate::console::state::{Console, Request};
use crate::console::words::filled;
use crate::error::CommandError;
use crate::output::{Captured, Table};
use billkeep_core::bills::{Bill, BillKey};
use billkeep_core::engine::Snapshot;
use billkeep_core::values::{Basis, BillMonth};

/// How many rows of a table a page has.
pub(super) const ROWS: usize = 200;

/// Frames what a page shows.
pub(super) fn answer(
    console: &Console,
    request: &Request,
    title: &str,
    menu: &str,
    content: Markup,
) -> Result<Answer, CommandError> {
    Ok(Answer::html(200, frame(console, request, Page { title, menu, content })))
}

/// A page that tells an error.
pub(crate) fn failed(console: &Console, request: &Request, why: &CommandError) -> Answer {
    let view = View::of(request);
    let content = error(&view, why, request.back.as_deref());
    let title = if why.is_absent() { view.words.not_found } else { view.words.went_wrong };
    Answer::html(status_of(why), frame(console, request, Page { title, menu: "", content }))
}

/// There is nothing at a path.
pub(crate) fn nothing(console: &Console, request: &Request) -> Result<Answer, CommandError> {
    let view = View::of(request);
    let content = html! { p { a href="/" { (view.words.status) } } };
    let page = Page { title: view.words.not_found, menu: "", content };
    Ok(Answer::html(404, frame(console, request, page)))
}

/// Which bill a page is of.
pub(super) fn bill_key(
    console: &Console,
    reader: &Snapshot,
    request: &Request,
) -> Result<BillKey, CommandError> {
    let month: BillMonth = parsed(request.get("month").unwrap_or_default())?;
    let basis: Basis = parsed(request.get("basis").unwrap_or("used"))?;
    console.context.bill_key(reader, month, basis)
}

/// Where the bill of a table's row is: its month, and its basis where the table has one.
pub(super) fn bill_of_row(table: &Table, row: &[String], month: &str) -> String {
    let at = table.columns.iter().position(|column| column.name == "basis");
    let basis = at.and_then(|at| row.get(at)).map_or("", String::as_str);
    bill_path(month, basis)
}

/// Where a bill is; the usual basis is not named.
pub(super) fn bill_path(month: &str, basis: &str) -> String {
    path(&format!("/bills/{month}"), &[("basis", if basis == "paid" { basis } else { "" })])
}

/// Reads a value of a page's query. A wrong value is an error of the user.
pub(crate) fn parsed<T: std::str::FromStr>(text: &str) -> Result<T, CommandError>
where
    T::Err: std::fmt::Display,
{
    text.parse().map_err(|e| CommandError::user(format!("{e}")))
}

/// What a command gives, as tables.
pub(super) fn tables(
    console: &Console,
    request: &Request,
    command: Command,
) -> Result<Vec<Table>, CommandError> {
    let kept = Captured::tables();
    run_for(console, request.visitor()?, Format::Csv, &kept, command)?;
    Ok(kept.take_tables())
}

/// What a command gives, as the one table that it is.
pub(super) fn table(console: &Console, request: &Request, command: Command) -> Result<Table, CommandError> {
    let none = || CommandError::new(Kind::Internal, "the command has given no table");
    tables(console, request, command)?.into_iter().next().ok_or_else(none)
}

/// Leaves columns out that are not for people.
pub(super) fn drop_columns(table: &mut Table, names: &[&str]) {
    let kept: Vec<bool> = table.columns.iter().map(|column| !names.contains(&column.name.as_str())).collect();
    let mut at = kept.iter();
    table.columns.retain(|_| at.next().copied().unwrap_or(true));
    for row in &mut table.rows {
        let mut at = kept.iter();
        row.retain(|_| at.next().copied().unwrap_or(true));
    }
}

/// What a command gives, as JSON.
pub(super) fn json(console: &Console, request: &Request, command: Command) -> Result<Value, CommandError> {
    let kept = Captured::default();
    run_for(console, request.visitor()?, Format::Json, &kept, command)?;
    serde_json::from_slice(&kept.take_data())
        .map_err(|e| CommandError::new(Kind::Internal, format!("the command has given no JSON: {e}")))
}

/// Makes a command of words and of values that this page asks for.
pub(super) fn said(
    words: &'static [&'static str],
    args: &'static [&'static str],
    fields: &[(&str, &str)],
) -> Result<Command, CommandError> {
    let fields: Fields = fields
        .iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| ((*name).to_owned(), vec![(*value).to_owned()]))
        .collect();
    CommandSpec { words, args, always: &[] }.command(&fields)
}

/// A text of a JSON object.
pub(super) fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// The basis of a bill, for a path; none where it is the usual one.
pub(super) fn basis_query(bill: &Bill) -> &'static str {
    if bill.key.basis == Basis::Paid { "paid" } else { "" }
}

/// Links to other rows.
pub(super) fn pager(view: &View<'_>, at: usize, rows: usize, here: &str) -> Markup {
    let words = view.words;
    let last = at.saturating_add(ROWS).min(rows);
    let to = |row: usize| with_query(here, "row", Some(&row.to_string()));
    html! {
        @if rows > ROWS {
            nav.pager aria-label=(words.lines) {
                @if at > 0 { a href=(to(at.saturating_sub(ROWS))) rel="prev" { (words.previous) } }
                span { (filled(words.rows_of, &[&grouped(&(at + 1).to_string()), &grouped(&last.to_string()), &grouped(&rows.to_string())])) }
                @if last < rows { a href=(to(last)) rel="next" { (words.next) } }
            }
        }
    }
}
