//! What two revisions of a bill differ in.

use maud::html;

use super::bill as bill_page;
use super::common::{answer, bill_key, parsed};
use crate::console::answer::Answer;
use crate::console::html::{View, rounded, select};
use crate::console::links::path;
use crate::console::state::{Console, Request};
use crate::error::CommandError;
use billkeep_core::bills::{BillView, Revision};
use billkeep_core::engine::Sums;

pub(crate) fn page(console: &Console, request: &Request) -> Result<Answer, CommandError> {
    let view = View::of(request);
    let words = view.words;
    let reader = console.store.read()?;
    let key = bill_key(console, &reader, request)?;
    let shown = console.rollups.view(&reader, key)?;
    let number = |name: &str| request.get(name).map(parsed::<u32>).transpose();
    let to = number("to")?.unwrap_or(shown.bill.revision);
    let from = number("from")?.unwrap_or_else(|| to.saturating_sub(1));
    let all: Vec<(String, String)> = Revision::list(&reader, key)?
        .iter()
        .map(|r| (r.number.to_string(), format!("{} · {}", r.number, totals(&r.sums))))
        .collect();
    let basis = request.get("basis").unwrap_or("");
    let content = html! {
        (bill_page::menu(&view, &shown.bill, "/diff"))
        @if all.len() < 2 {
            p { (words.one_revision) }
            p { a href=(path(&format!("/bills/{}", key.month), &[("basis", basis)])) { (words.back) } }
        } @else {
            form.inline method="get" action=(format!("/bills/{}/diff", key.month)) {
                @if !basis.is_empty() { input type="hidden" name="basis" value=(basis); }
                (select("from", "from", words.from, &all, &from.to_string()))
                (select("to", "to", words.to, &all, &to.to_string()))
                button type="submit" { (words.compare) }
            }
            @let views = (BillView::open(&reader, key, Some(from.max(1))), BillView::open(&reader, key, Some(to)));
            @match views {
                (Ok(from), Ok(to)) => (bill_page::difference(console, &view, &reader, &from, &to)?),
                (Err(error), _) | (_, Err(error)) => (crate::console::html::error(&view, &error.into(), None)),
            }
        }
    };
    answer(console, request, &view.bill_title(&key, words.differences), "/bills", content)
}

/// The totals of a revision, short enough for a list to choose from.
fn totals(sums: &[Sums]) -> String {
    let one = |sums: &Sums| format!("{} {}", rounded(sums.total()), sums.currency);
    sums.iter().map(one).collect::<Vec<_>>().join(", ")
}
