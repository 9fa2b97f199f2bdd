//! Files that came for confirmed bills.

use billkeep_core::bill::late::{self, LateState};
use billkeep_core::people::Role;
use maud::{Markup, html};

use super::super::html::{View, fact, foreign, input, no_links};
use super::super::{Answer, Ask, Console};
use super::{answer, drop_columns, parsed, said, table};
use crate::error::CommandError;

pub(in super::super) fn list(console: &Console, ask: &Ask) -> Result<Answer, CommandError> {
    let view = View::of(ask);
    let words = view.words;
    let mut all = table(console, ask, said(&["late", "list"], &[], &[])?)?;
    let first = all.columns.first().map(|column| column.name.clone()).unwrap_or_default();
    // The hash is for programs.
    drop_columns(&mut all, &["sha256"]);
    let link = |name: &str, _: &[String], cell: &str| match name {
        name if name == first => Some(format!("/late/{cell}")),
        "month" => Some(format!("/bills/{cell}")),
        _ => None,
    };
    let content = html! {
        @if all.rows.is_empty() { p { (words.no_late) } } @else { (view.table(words.late, &all, &link)) }
    };
    answer(console, ask, words.late, "/late", content)
}

pub(in super::super) fn one(console: &Console, ask: &Ask) -> Result<Answer, CommandError> {
    let view = View::of(ask);
    let words = view.words;
    let number = ask.get("number").unwrap_or_default();
    let file = late::get(&console.store.read()?, parsed(number)?)?;
    let effects = table(console, ask, said(&["late", "show"], &["number"], &[("number", number)])?)?;
    let here = format!("/late/{number}");
    let decide = |what: &str, also: &str, label: &str, id: &str| -> Markup {
        html! {
            form.card method="post" action=(format!("/late/{number}/{what}")) {
                (view.token(&here))
                @if !also.is_empty() { input type="hidden" name=(also) value="true"; }
                (input(id, "reason", words.reason, "text", "", true))
                button type="submit" { (label) }
            }
        }
    };
    let month = file.bill.month.to_string();
    let content = html! {
        dl.facts {
            (fact(words.state, html! { (view.language.term_in("late", &file.state.to_string())) }))
            (fact(words.month, html! { a href=(format!("/bills/{month}")) { (month) } }))
            (fact(words.revision, html! { (file.revision) }))
            (fact(words.lines, html! { (billkeep_core::ingest::grouped(file.lines)) }))
            (fact(view.term("file"), foreign(&file.file)))
            (fact(words.net, foreign(&file.difference_text())))
            @if let Some(reason) = &file.reason { (fact(words.reason, foreign(reason))) }
        }
        @if file.state == LateState::Waiting && view.may(Role::Approver) {
            div.forms {
                (decide("accept", "reopen", words.accept_reopen, "reopen-reason"))
                (decide("accept", "carry_forward", words.accept_carry, "carry-reason"))
                (decide("discard", "", words.discard, "discard-reason"))
            }
        }
        (view.table(words.differences, &effects, &no_links))
    };
    answer(console, ask, &format!("{} {number}", words.late_file), "/late", content)
}
