//! What in a bill contradicts itself.

use maud::{Markup, html};
use serde_json::Value;

use super::bill;
use super::common::{answer, bill_key, json, said, text};
use crate::console::answer::Answer;
use crate::console::html::{View, fact, foreign, grouped};
use crate::console::links::path;
use crate::console::state::{Console, Request};
use crate::error::CommandError;
use billkeep_core::partners::PersonRole;
use billkeep_core::values::Amount;

pub(crate) fn page(console: &Console, request: &Request) -> Result<Answer, CommandError> {
    let view = View::of(request);
    let words = view.words;
    let reader = console.store.read()?;
    let shown = console.rollups.view(&reader, bill_key(console, &reader, request)?)?;
    drop(reader);
    let key = shown.bill.key;
    let (month, basis) = (key.month.to_string(), key.basis.to_string());
    let command = said(&["bill", "lint"], &["month", "basis"], &[("month", &month), ("basis", &basis)])?;
    let report = json(console, request, command)?;
    let rows = report.get("rows").and_then(Value::as_array).cloned().unwrap_or_default();
    let disputes = view.may(PersonRole::Operator) && super::disputes::is_open_to(&shown.bill);
    let dispute = |row: &Value| {
        let lines: Vec<&str> = row
            .get("examples")
            .and_then(Value::as_array)
            .map(|examples| {
                examples
                    .iter()
                    .filter_map(|example| example.get("at"))
                    .map(|at| text(at, "place"))
                    .filter(|line| !line.is_empty())
                    .collect()
            })
            .unwrap_or_default();
        let base = path(&format!("/bills/{month}/dispute"), &[("basis", request.get("basis").unwrap_or(""))]);
        (!lines.is_empty() && disputes).then(|| {
            lines.iter().fold(base, |to, line| {
                format!("{to}{}lines={line}", if to.contains('?') { "&" } else { "?" })
            })
        })
    };
    let content = html! {
        (bill::menu(&view, &shown.bill, "/lint"))
        @if rows.is_empty() { div.notice.good role="status" { p { (words.lint_clean) } } }
        @if !rows.is_empty() { p { (view.decimals_switch()) } }
        @for row in &rows {
            section.card {
                h2 { (view.language.value_of("lint", text(row, "rule"))) @if !text(row, "product").is_empty() { " · " (foreign(text(row, "product"))) } }
                dl.facts {
                    @for (name, value) in row.as_object().into_iter().flatten() {
                        @if !["rule", "product", "examples"].contains(&name.as_str()) && !value.is_null() {
                            (fact(view.name(name), figure(&view, name, &plain(value))))
                        }
                    }
                }
                @if let Some(examples) = row.get("examples").and_then(Value::as_array) {
                    ul { @for example in examples { li { (foreign(&sentence(example))) } } }
                }
                @if let Some(to) = dispute(row) { p { a.button href=(to) { (words.dispute_these) } } }
            }
        }
    };
    answer(console, request, &view.bill_title(&key, words.lint), "/bills", content)
}

/// A fact of a finding: amounts and counts as everywhere.
fn figure(view: &View<'_>, name: &str, value: &str) -> Markup {
    match name {
        "severity" => html! { (view.value(value)) },
        "count" => foreign(&grouped(value)),
        "stake" => match Amount::parse_cell(value.as_bytes()) {
            Ok(Some(amount)) => view.amount(amount),
            _ => foreign(value),
        },
        _ => foreign(value),
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// An example: what it is, where it stands, and the cells that tell it.
fn sentence(example: &Value) -> String {
    let mut parts = vec![text(example, "what").to_owned()];
    if let Some(at) = example.get("at").filter(|at| !at.is_null()) {
        let line = at.get("line").map(plain).unwrap_or_default();
        parts.push(format!("{}, {line} ({})", text(at, "file"), text(at, "place")));
    }
    let cells = example.get("cells").and_then(Value::as_object);
    parts.extend(cells.into_iter().flatten().map(|(name, value)| format!("{name} {}", plain(value))));
    parts.retain(|part| !part.is_empty());
    parts.join(" · ")
}
