//! What was delivered: parts, receipts, manifests.

use maud::html;

use super::common::{ROWS, answer, drop_columns, parsed, said, table};
use crate::console::answer::Answer;
use crate::console::html::{View, foreign, input, no_links};
use crate::console::links::with_query;
use crate::console::state::{Console, Request};
use crate::error::CommandError;
use billkeep_core::deliveries::{Delivery, DeliveryError};
use billkeep_core::partners::PersonRole;

/// What there is room for on a screen; the page of a delivery has all.
const SHOWN: [&str; 10] =
    ["delivery", "state", "sink", "uin", "kind", "first_day", "last_day", "rows", "bytes", "due_on"];

pub(crate) fn list(console: &Console, request: &Request) -> Result<Answer, CommandError> {
    let view = View::of(request);
    let words = view.words;
    let mut all = table(console, request, said(&["delivery", "list"], &[], &[])?)?;
    let hidden: Vec<String> =
        all.columns.iter().map(|c| c.name.clone()).filter(|c| !SHOWN.contains(&c.as_str())).collect();
    drop_columns(&mut all, &hidden.iter().map(String::as_str).collect::<Vec<_>>());
    let failed: Vec<String> = Delivery::list(&console.store.read()?)?
        .iter()
        .filter(|delivery| delivery.progress.is_pending() && delivery.failure.is_some())
        .map(|delivery| delivery.number.to_string())
        .collect();
    for row in all.rows.iter_mut().filter(|row| row.first().is_some_and(|number| failed.contains(number))) {
        // How far it came is on its own page.
        if let Some(state) = row.get_mut(1) {
            "failed".clone_into(state);
        }
    }
    all.rows.reverse();
    let rows = all.rows.len();
    let at = request.get("row").and_then(|text| text.parse().ok()).unwrap_or(0_usize);
    all.rows = all.rows.into_iter().skip(at).take(ROWS).collect();
    let link =
        |name: &str, _: &[String], cell: &str| (name == "delivery").then(|| format!("/deliveries/{cell}"));
    let content = html! {
        @if all.rows.is_empty() { p { (words.no_deliveries) } p { a href="/storage" { (words.storage) } } } @else {
            form.inline method="post" action="/deliveries/verify" {
                (view.token("/deliveries"))
                button type="submit" { (words.verify) }
            }
            (view.table(words.deliveries, &all, &link))
            (super::common::pager(&view, at, rows, view.here()))
        }
    };
    answer(console, request, words.deliveries, "/deliveries", content)
}

pub(crate) fn one(console: &Console, request: &Request) -> Result<Answer, CommandError> {
    let view = View::of(request);
    let words = view.words;
    let number = request.get("number").unwrap_or_default();
    let reader = console.store.read()?;
    let found = Delivery::find(&reader, parsed(number)?)?.ok_or(DeliveryError::None(parsed(number)?))?;
    let manifest = Delivery::manifest(&reader, found.number)?;
    drop(reader);
    let facts = table(console, request, said(&["delivery", "show"], &["number"], &[("number", number)])?)?;
    let here = format!("/deliveries/{number}");
    let opens = with_query(&here, "ask", Some("abandon"));
    let content = html! {
        @if let Some(failure) = found.failure.as_ref().filter(|_| found.progress.is_pending()) {
            div.notice.bad role="status" {
                p { strong { (view.value("failed")) ": " } (foreign(&failure.why)) }
                p { (words.delivery_failed) }
            }
        }
        div.actions {
            form method="post" action="/deliveries/verify" {
                (view.token(&here))
                input type="hidden" name="sink" value=(found.sink);
                button type="submit" { (words.verify) }
            }
            @if found.progress.is_pending() && view.may(PersonRole::Operator) {
                form method="post" action=(format!("{here}/retry")) {
                    (view.token(&here))
                    button.primary type="submit" { (words.retry) }
                }
                a.button href=(opens) { (words.give_up) }
            }
        }
        (crate::console::html::dialog(&view, "abandon", words.give_up, request.get("ask") == Some("abandon"), &here, &html! {
            form method="post" action=(format!("{here}/abandon")) {
                (view.token(&here))
                (input("abandon-reason", "reason", words.reason, "text", "", true))
                button.primary type="submit" { (words.give_up) }
            }
        }))
        (view.table(words.receipt, &facts, &no_links))
        @if let Some(manifest) = manifest {
            section.card aria-labelledby="manifest" {
                h2 id="manifest" { (words.manifest) }
                pre tabindex="0" { (foreign(&String::from_utf8_lossy(&manifest))) }
            }
        }
    };
    answer(console, request, &format!("{} {number}", words.delivery), "/deliveries", content)
}
