//! All bills.

use billkeep_core::bill;
use maud::html;

use super::super::html::{View, foreign};
use super::super::{Answer, Ask, Console};
use super::{answer, bill_path};
use crate::error::CommandError;

pub(in super::super) fn list(console: &Console, ask: &Ask) -> Result<Answer, CommandError> {
    let view = View::of(ask);
    let words = view.words;
    let bills = bill::list(&console.store.read()?)?;
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
                                    td.num { (billkeep_core::ingest::grouped(sums.lines)) }
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
    answer(console, ask, words.bills, "/bills", content)
}

/// A state, as a badge: its word tells it, the colour only repeats it.
pub(super) fn state(view: &View<'_>, word: &str) -> maud::Markup {
    html! { span class=(format!("badge {word}")) { (view.value(word)) } }
}
