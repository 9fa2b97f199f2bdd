//! Files that wait for a decision.

use maud::{Markup, html};

use super::common::{answer, bill_of_row, bill_path, drop_columns, parsed, said, table};
use crate::console::answer::Answer;
use crate::console::html::{View, fact, foreign, input, no_links};
use crate::console::state::{Console, Request};
use crate::console::words::filled;
use crate::error::CommandError;
use crate::output::{Table, columns};
use billkeep_core::bills::{LateCause, LateFile, LateState};
use billkeep_core::partners::PersonRole;
use billkeep_core::values;

pub(crate) fn list(console: &Console, request: &Request) -> Result<Answer, CommandError> {
    let view = View::of(request);
    let words = view.words;
    let mut all = table(console, request, said(&["late", "list"], &[], &[])?)?;
    let known = LateFile::list(&console.store.read()?)?;
    for (row, file) in all.rows.iter_mut().zip(&known) {
        if let Some(cell) = row.get_mut(1) {
            *cell = state(&view, &file.state);
        }
    }
    let first = all.columns.first().map(|column| column.name.clone()).unwrap_or_default();
    // These are on the page of the file.
    drop_columns(&mut all, &["sha256", "load", "revision"]);
    let link = |name: &str, row: &[String], cell: &str| match name {
        name if name == first => Some(format!("/late/{cell}")),
        "month" => Some(bill_of_row(&all, row, cell)),
        _ => None,
    };
    let content = html! {
        @if all.rows.is_empty() { p { (words.no_late) } } @else { (view.table(words.late, &all, &link)) }
    };
    answer(console, request, words.late, "/late", content)
}

/// What became of a file.
fn state(view: &View<'_>, state: &LateState) -> String {
    let words = view.words;
    match state {
        LateState::Accepted { revision } => filled(words.late_accepted, &[&revision.to_string()]),
        LateState::Carried { to, load } => {
            filled(words.late_carried, &[&to.month.to_string(), &load.to_string()])
        }
        LateState::Superseded { load } => filled(words.late_superseded, &[&load.to_string()]),
        state => view.value(&state.to_string()).to_owned(),
    }
}

/// Says why a file waits, in words of the page.
fn why(view: &View<'_>, file: &LateFile) -> Vec<&'static str> {
    let (words, smaller) = (view.words, &file.smaller);
    let all = [
        (file.cause == LateCause::Confirmed, words.for_confirmed),
        (!smaller.days.is_empty(), words.takes_away),
        (!smaller.dropped.is_empty(), words.lacks_csvs),
        (smaller.early_end.is_some(), words.ends_early),
        (smaller.far_below.is_some(), words.month_far_below),
    ];
    all.into_iter().filter_map(|(holds, why)| holds.then_some(why)).collect()
}

/// Returns what a file takes away, by day and account.
fn gone(file: &LateFile) -> Table {
    let columns = columns("day owner currency lines:count amount:amount");
    let mut table = Table::new("billkeep.late.show/1", columns);
    for loss in &file.smaller.losses {
        table.rows.push(vec![
            loss.day.to_string(),
            if loss.owner.is_empty() { "-".to_owned() } else { loss.owner.clone() },
            loss.currency.clone(),
            loss.lines.to_string(),
            loss.amount.to_string(),
        ]);
    }
    table
}

pub(crate) fn one(console: &Console, request: &Request) -> Result<Answer, CommandError> {
    let view = View::of(request);
    let words = view.words;
    let number = request.get("number").unwrap_or_default();
    let file = LateFile::get(&console.store.read()?, parsed(number)?)?;
    let effects = table(console, request, said(&["late", "show"], &["number"], &[("number", number)])?)?;
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
    let (month, basis) = (file.bill.month.to_string(), file.bill.basis.to_string());
    let net = file.difference_text();
    let content = html! {
        dl.facts {
            (fact(words.state, html! { (state(&view, &file.state)) }))
            (fact(words.month, html! { a href=(bill_path(&month, &basis)) { (month) } }))
            (fact(words.basis, html! { (view.value(&basis)) }))
            (fact(words.revision, html! { (file.revision) }))
            (fact(words.lines, html! { (values::grouped(file.lines)) }))
            (fact(view.name("file"), foreign(&file.file)))
            (fact(words.net, view.amounts(&net).unwrap_or_else(|| foreign(&net))))
            (fact(view.name("cause"), html! { (view.language.value_of("late", file.cause.word())) }))
            @if let Some(reason) = &file.reason { (fact(words.reason, foreign(reason))) }
        }
        ul { @for why in why(&view, &file) { li { (why) } } }
        @if file.state == LateState::Waiting && view.may(PersonRole::Approver) {
            div.forms {
                @if file.cause == LateCause::Confirmed {
                    (decide("accept", "reopen", words.accept_reopen, "reopen-reason"))
                    (decide("accept", "carry_forward", words.accept_carry, "carry-reason"))
                } @else {
                    (decide("accept", "", words.accept_smaller, "accept-reason"))
                }
                (decide("discard", "", words.discard, "discard-reason"))
            }
        }
        @if !file.smaller.losses.is_empty() { (view.table(words.gone, &gone(&file), &no_links)) }
        (view.table(words.differences, &effects, &no_links))
    };
    answer(console, request, &format!("{} {number}", words.late_file), "/late", content)
}
