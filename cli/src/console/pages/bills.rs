//! All bills.

use maud::html;

use super::common::{answer, bill_path};
use crate::console::answer::Answer;
use crate::console::html::{View, foreign};
use crate::console::state::{Console, Request};
use crate::error::CommandError;
use billkeep_core::bills::Bill;
use billkeep_core::values;

pub(crate) fn list(console: &Console, request: &Request) -> Result<Answer, CommandError> {
    let view = View::of(request);
    let words = view.words;
    let bills = Bill::list(&console.store.read()?)?;
    let content = html! {
        @if bills.is_empty() {
            p { (words.no_bills) }
            p { a.button.primary href="/import" { (words.import_first) } }
        } @else {
            p { (words.choose_month) }
            div.scroll tabindex="0" role="group" aria-label=(words.bills) {
                table {
                    caption { (words.bills) }
                    thead { tr {
                        th scope="col" { (words.month) }
                        th scope="col" { (words.basis) }
                        th scope="col" { (words.state) }
                        th.num scope="col" { (words.total) }
                        th scope="col" { (words.currency) }
                        th.num scope="col" { (words.lines) }
                        th scope="col" { (words.through) }
                        th.num scope="col" { (words.revision) }
                    } }
                    tbody {
                        @for (bill, revision) in bills.iter().rev() {
                            @let basis = bill.key.basis.to_string();
                            @let to = bill_path(&bill.key.month.to_string(), &basis);
                            @for (at, sums) in revision.sums.iter().enumerate() {
                                tr {
                                    th.whole scope="row" { @if at == 0 { a href=(to) { (bill.key.month.to_string()) } } }
                                    td.whole { @if at == 0 { (view.value(&basis)) } }
                                    td { @if at == 0 { (state(&view, &bill.state.to_string())) } }
                                    td.num { (view.amount(sums.total())) }
                                    td { (foreign(&sums.currency)) }
                                    td.num { (values::grouped(sums.lines)) }
                                    td.whole { @if at == 0 { (revision.through.map_or_else(|| "-".to_owned(), |day| day.to_string())) } }
                                    td.num { @if at == 0 { (revision.number) } }
                                }
                            }
                        }
                    }
                }
            }
            p { (view.decimals_switch()) }
        }
    };
    answer(console, request, words.bills, "/bills", content)
}

/// A state, as a badge: its word tells it, the colour only repeats it.
pub(super) fn state(view: &View<'_>, word: &str) -> maud::Markup {
    html! { span class=(format!("badge {word}")) { (view.value(word)) } }
}
