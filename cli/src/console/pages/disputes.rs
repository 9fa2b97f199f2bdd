//! Disputes: all, one with what can be done about it, and a new one.

use maud::{Markup, html};

use super::bill;
use super::common::{answer, bill_key, bill_of_row, bill_path, parsed, said, table};
use crate::console::answer::Answer;
use crate::console::html::{View, fact, foreign, input, no_links, select};
use crate::console::links::path;
use crate::console::state::{Console, Request};
use crate::error::CommandError;

use billkeep_core::bills::{Bill, BillState, Dispute, DisputeState};
use billkeep_core::partners::PersonRole;

pub(crate) fn list(console: &Console, request: &Request) -> Result<Answer, CommandError> {
    let view = View::of(request);
    let words = view.words;
    let all = table(console, request, said(&["dispute", "list"], &[], &[])?)?;
    let link = |name: &str, row: &[String], cell: &str| match name {
        "dispute" => Some(format!("/disputes/{cell}")),
        "month" => Some(bill_of_row(&all, row, cell)),
        _ => None,
    };
    let content = html! {
        @if all.rows.is_empty() {
            p { (words.no_disputes) }
            p { a href="/bills" { (words.bills) } }
        } @else { (view.table(words.disputes, &all, &link)) }
    };
    answer(console, request, words.disputes, "/disputes", content)
}

/// What can be done about a dispute in a state, and whether a reason or a note goes with it.
fn steps(state: DisputeState) -> &'static [(&'static str, &'static str)] {
    match state {
        DisputeState::Open => &[("send", "note"), ("withdraw", "reason")],
        DisputeState::Sent => &[("accept", "note"), ("reject", "reason"), ("withdraw", "reason")],
        DisputeState::Accepted => &[("settle", "reason"), ("withdraw", "reason")],
        _ => &[],
    }
}

pub(crate) fn one(console: &Console, request: &Request) -> Result<Answer, CommandError> {
    let view = View::of(request);
    let words = view.words;
    let number = request.get("number").unwrap_or_default();
    let dispute = Dispute::get(&console.store.read()?, parsed(number)?)?;
    let history = table(console, request, said(&["dispute", "show"], &["number"], &[("number", number)])?)?;
    let here = format!("/disputes/{number}");
    let name = |step: &str| match step {
        "send" => words.send,
        "accept" => words.accept,
        "reject" => words.reject,
        "withdraw" => words.withdraw,
        "settle" => words.settle,
        _ => words.set_aside,
    };
    let form = |step: &str, field: &str| -> Markup {
        let label = if field == "note" { words.note } else { words.reason };
        html! {
            form.card method="post" action=(format!("/disputes/{number}/{step}")) {
                (view.token(&here))
                (input(&format!("{step}-{field}"), field, label, "text", "", field == "reason"))
                button type="submit" { (name(step)) }
            }
        }
    };
    let lines: Vec<String> = dispute.lines.iter().take(20).map(ToString::to_string).collect();
    let (month, basis) = (dispute.bill.month.to_string(), dispute.bill.basis.to_string());
    let content = html! {
        dl.facts {
            (fact(words.state, html! { (view.language.value_of("dispute", &dispute.state.to_string())) @if dispute.set_aside.is_some() { ", " (words.set_aside) } }))
            (fact(words.month, html! { a href=(bill_path(&month, &basis)) { (month) } }))
            (fact(words.basis, html! { (view.value(&basis)) }))
            (fact(words.amount, html! { (view.amount(dispute.amount)) " " (foreign(&dispute.currency)) }))
            (fact(words.direction, html! { (view.value(&dispute.direction.to_string())) }))
            (fact(words.lines, html! { (dispute.lines.len()) ": " (lines.join(", ")) @if dispute.lines.len() > 20 { " …" } }))
            (fact(words.reason, html! { (foreign(&dispute.reason)) }))
        }
        (view.table(words.history, &history, &no_links))
        @if view.may(PersonRole::Operator) {
            div.forms {
                @for (step, field) in steps(dispute.state) {
                    @if view.may(if *step == "send" { PersonRole::Operator } else { PersonRole::Approver }) { (form(step, field)) }
                }
                @if !dispute.state.is_end() && dispute.set_aside.is_none() && view.may(PersonRole::Approver) { (form("set-aside", "reason")) }
            }
        }
    };
    answer(console, request, &format!("{} {number}", words.dispute), "/disputes", content)
}

/// Says whether a bill is in a state in which lines of it can be disputed.
pub(super) fn is_open_to(bill: &Bill) -> bool {
    matches!(bill.state, BillState::Issued | BillState::Disputed)
}

/// A new dispute, about the lines that somebody has looked at.
pub(crate) fn open(console: &Console, request: &Request) -> Result<Answer, CommandError> {
    let view = View::of(request);
    let words = view.words;
    let reader = console.store.read()?;
    let key = bill_key(console, &reader, request)?;
    let shown = console.rollups.view(&reader, key)?;
    let values = |name: &str| request.fields.get(name).cloned().unwrap_or_default();
    let (lines, filters) = (values("lines"), values("filter"));
    let basis = request.get("basis").unwrap_or("");
    let directions =
        [("over".to_owned(), words.over.to_owned()), ("under".to_owned(), words.under.to_owned())];
    let whole = bill_path(&key.month.to_string(), basis);
    let choose = path(&format!("{}/lines", bill_path(&key.month.to_string(), "")), &[("basis", basis)]);
    let content = html! {
        (bill::menu(&view, &shown.bill, "/lines"))
        @if !view.may(PersonRole::Operator) { (view.may_not()) }
        @else if !is_open_to(&shown.bill) {
            div.notice.warn role="status" { p { (words.dispute_state) " " (words.state) ": " (view.value(&shown.bill.state.to_string())) } }
            p { a.button href=(whole) { (words.overview) } }
        } @else if lines.is_empty() && filters.is_empty() {
            div.notice.warn role="status" { p { (words.dispute_choose) } }
            p { a.button.primary href=(choose) { (words.lines) } }
        } @else {
            form.card method="post" action=(format!("/bills/{}/disputes", key.month)) {
                (view.token("/disputes"))
                input type="hidden" name="failed" value=(view.here());
                @if !basis.is_empty() { input type="hidden" name="basis" value=(basis); }
                dl.facts {
                    (fact(words.lines, html! {
                        @for line in &lines { code { (foreign(line)) } " " input type="hidden" name="lines" value=(line); }
                        @for filter in &filters { (condition(&view, filter)) " " input type="hidden" name="filter" value=(filter); }
                    }))
                }
                (select("direction", "direction", words.direction, &directions, "over"))
                div.field {
                    label for="amount" { (words.amount) }
                    input id="amount" name="amount" inputmode="decimal" required;
                }
                (input("reason", "reason", words.reason, "text", "", true))
                button.primary type="submit" { (words.open_dispute) }
                " "
                a href=(whole) { (words.cancel) }
            }
        }
    };
    answer(console, request, &view.bill_title(&key, words.open_dispute), "/disputes", content)
}

/// A condition on lines, as `owner=200000003412`, in the words of the page.
fn condition(view: &View<'_>, filter: &str) -> Markup {
    match filter.split_once('=') {
        Some((field, value)) => html! { (foreign(view.name(field))) ": " (foreign(value)) },
        None => foreign(filter),
    }
}
