//! What is decided about a bill: files to take away, Refresh, Confirm, and the dialogs of it.

use maud::{Markup, html};

use super::common::basis_query;
use crate::console::html::{View, dialog, fact, foreign, input};
use crate::console::links::{path, with_query};
use crate::console::state::Request;
use crate::console::words::filled;
use crate::text::short;

use billkeep_core::bills::{Bill, BillState, Revision, Signature, Signed, Standing};
use billkeep_core::partners::{PersonRole, Policy};
use billkeep_core::values;
use billkeep_core::values::Day;

/// The bill that somebody decides about, and what stands beside it.
pub(super) struct Decision<'a> {
    pub(super) bill: &'a Bill,
    pub(super) revision: &'a Revision,
    pub(super) standing: &'a Standing,
    /// Says whether two people have to confirm.
    pub(super) four_eyes: bool,
    pub(super) today: Day,
    /// The page of the bill.
    pub(super) here: &'a str,
}

impl Decision<'_> {
    /// Returns who has signed first, if somebody has.
    fn first(&self, what: Signed) -> Option<&Signature> {
        self.standing.signature_on(what, &self.revision.digest).filter(|_| self.four_eyes)
    }

    /// Says whether whoever looks has signed, and cannot be the second person.
    fn has_signed(&self, view: &View<'_>, what: Signed) -> bool {
        let me = view.visitor.map_or("", |visitor| visitor.name.as_str());
        self.first(what).is_some_and(|first| Policy::same_person(&first.actor, me))
    }
}

/// What can be done with a bill on its page.
pub(super) fn actions(view: &View<'_>, request: &Request, of: &Decision<'_>) -> Markup {
    let words = view.words;
    let Decision { bill, revision, here, .. } = *of;
    let month = bill.key.month;
    let basis = basis_query(bill);
    let digest = revision.digest.hex();
    let csv = path(&format!("/api/v1/bills/{month}/csv"), &[("basis", basis)]);
    let spreadsheet = with_query(&csv, "spreadsheet", Some("true"));
    let asks = request.get("ask").unwrap_or_default();
    let opens = |what: &str| with_query(here, "ask", Some(what));
    let approves = view.may(PersonRole::Approver);
    let stale = with_query(here, "seen", Some(&digest));
    let confirms = bill.state == BillState::Issued && !of.has_signed(view, Signed::Confirm);
    let reopens = bill.state == BillState::Confirmed && !of.has_signed(view, Signed::Reopen);
    let defers = bill.state == BillState::Issued && of.standing.deferred.is_none();
    html! {
        div.actions {
            a.button href=(spreadsheet) download="" aria-describedby="csv-text" { (words.csv_file) }
            a.button href=(csv) download="" aria-describedby="csv-text" { (words.csv_exact) }
            a.button href=(stale) { (words.refresh) }
            @if approves {
                @if confirms { a.button.primary href=(opens("confirm")) data-dialog="confirm" { (words.confirm) } }
                @if defers { a.button href=(opens("defer")) { (words.defer) } }
                @if bill.state == BillState::Open { a.button href=(opens("issue")) { (words.issue) } }
                @if reopens { a.button href=(opens("reopen")) { (words.reopen) } }
            }
        }
        p.label id="csv-text" { (words.csv_text) }
        (standing(view, of))
        (dialog(view, "confirm", words.confirm_title, asks == "confirm" && approves && confirms, here, &html! {
            p { (words.confirm_text) }
            @if of.four_eyes { p { (words.confirm_two) } }
            dl.facts {
                (fact(words.month, html! { (month.to_string()) }))
                (fact(words.basis, html! { (view.value(&bill.key.basis.to_string())) }))
                (fact(words.revision, html! { (revision.number) }))
                @for sums in &revision.sums {
                    (fact(&format!("{} {}", words.total, sums.currency), html! { strong { (view.amount(sums.total())) } }))
                }
                (fact(words.digest, html! { code { (short(&digest)) } }))
            }
            form method="post" action=(format!("/bills/{month}/confirm")) {
                (view.token(here))
                input type="hidden" name="failed" value=(stale);
                input type="hidden" name="digest" value=(digest);
                @if !basis.is_empty() { input type="hidden" name="basis" value=(basis); }
                (input("note", "note", words.note, "text", "", false))
                button.primary type="submit" { (words.confirm) }
            }
        }))
        @if approves {
            @for (what, is_open) in [
                ("issue", bill.state == BillState::Open),
                ("reopen", reopens),
                ("defer", defers),
            ] {
                @if is_open && asks == what { (further(view, what, of)) }
            }
        }
    }
}

/// What holds about a bill: who has confirmed or signed it, and until when it was put off.
fn standing(view: &View<'_>, of: &Decision<'_>) -> Markup {
    let words = view.words;
    let signed = [
        (Signed::Confirm, BillState::Issued, words.signed_confirm),
        (Signed::Reopen, BillState::Confirmed, words.signed_reopen),
    ];
    html! {
        @if let (BillState::Confirmed, Some(by)) = (of.bill.state, &of.bill.confirmation) {
            p {
                (foreign(&filled(words.confirmed_by, &[&by.actor, &crate::output::time(by.at_unix_s)])))
                @if let Some(note) = &by.note { " " (words.note) ": " (foreign(note)) }
            }
        }
        @if of.bill.state == BillState::Confirmed { p.label { (words.confirmed_text) } }
        @if of.bill.state == BillState::Disputed { p { (words.disputed_text) " " a href="/disputes" { (words.disputes) } } }
        @for (what, state, text) in signed {
            @if let Some(first) = of.first(what).filter(|_| of.bill.state == state) {
                div.notice.warn role="status" { p { (foreign(&filled(text, &[&first.actor]))) } }
            }
        }
        @if let Some(deferred) = of.standing.deferred.as_ref().filter(|_| of.bill.state != BillState::Confirmed) {
            p {
                (foreign(&filled(words.deferred, &[&deferred.until.to_string(), &deferred.actor])))
                " " (words.reason) ": " (foreign(&deferred.reason))
            }
        }
    }
}

/// The dialog of what is decided besides confirming: it shows the facts and what follows.
fn further(view: &View<'_>, what: &str, of: &Decision<'_>) -> Markup {
    let words = view.words;
    let Decision { bill, revision, here, .. } = *of;
    let month = bill.key.month.to_string();
    let basis = bill.key.basis.to_string();
    let (days, all) =
        (days_in(bill, revision), i32::try_from(bill.key.month.last_day().day_of_month()).unwrap_or(31));
    let through = revision.through.map_or_else(|| "-".to_owned(), |day| day.to_string());
    let facts = filled(words.issue_facts, &[&days.to_string(), &all.to_string(), &through]);
    let needs_typing = what == "issue" && days < all;
    let until = Standing::deferred_until(of.today).to_string();
    let (name, title, text) = match what {
        "issue" => (words.issue, words.issue_title, words.issue_text.to_owned()),
        "reopen" => (words.reopen, words.reopen_title, words.reopen_text.to_owned()),
        _ => (words.defer, words.defer_title, filled(words.defer_text, &[&until])),
    };
    dialog(
        view,
        what,
        &filled(title, &[&month]),
        true,
        here,
        &html! {
            dl.facts {
                (fact(words.basis, html! { (view.value(&basis)) }))
                @for sums in &revision.sums {
                    (fact(&format!("{} {}", words.total_now, sums.currency), html! { strong { (view.amount(sums.total())) } }))
                }
                (fact(words.lines, html! { (values::grouped(revision.lines())) }))
            }
            p { (facts) }
            p { (text) }
            @if what == "reopen" && of.four_eyes { p { (words.reopen_two) } }
            @if needs_typing { p { strong { (words.issue_missing) } } }
            form method="post" action=(format!("/bills/{month}/{what}")) {
                (view.token(here))
                input type="hidden" name="basis" value=(basis);
                @if what != "issue" { (input(&format!("{what}-reason"), "reason", words.reason, "text", "", true)) }
                @else if needs_typing { (input("typed", "typed", &filled(words.issue_typed, &[&month]), "text", "", true)) }
                button.primary type="submit" { (name) }
            }
        },
    )
}

/// How many days of its month a bill has files for.
fn days_in(bill: &Bill, revision: &Revision) -> i32 {
    let first = bill.key.month.first_day().epoch_days();
    revision.through.map_or(0, |through| (through.epoch_days() - first + 1).max(0))
}
