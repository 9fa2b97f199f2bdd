//! The first page: what needs somebody today.

use maud::{Markup, html};
use serde_json::Value;

use super::common::{answer, json, said, text};
use crate::console::answer::Answer;
use crate::console::html::{View, foreign};
use crate::console::state::{Console, Request};
use crate::error::CommandError;

use billkeep_core::engine::StoreSettings;
use billkeep_core::partners::{Person, PersonRole};

/// How many of a kind are shown; the others open.
const SHOWN: usize = 8;

pub(crate) fn page(console: &Console, request: &Request) -> Result<Answer, CommandError> {
    let view = View::of(request);
    let words = view.words;
    let status = json(console, request, said(&["status"], &[], &[])?)?;
    let reader = console.store.read()?;
    let (settings, is_alone) = (StoreSettings::of(&reader)?, Person::list(&reader)?.is_empty());
    drop(reader);
    let rows = status.get("rows").and_then(|rows| rows.as_array()).cloned().unwrap_or_default();
    let sections = [
        ("decide", words.decide),
        ("files", words.files),
        ("failed", words.failed),
        ("due", words.due),
        ("months", words.months),
    ];
    let needs = rows.iter().any(|row| text(row, "section") != "months");
    let content = html! {
        p.lead { (words.today) " " strong { (text(&status, "on")) } " · " (words.payer) " " strong { (settings.payer.to_string()) } }
        @if rows.is_empty() {
            p { (words.no_bills) }
            @if is_alone { p { (words.first_steps) } }
            p.actions {
                a.button.primary href="/import" { (words.import_first) }
                @if is_alone { a.button href="/settings#people" { (words.enter_people) } }
            }
        } @else if !needs {
            div.notice.good role="status" { p { (words.nothing_to_do) } }
        }
        @for (section, title) in sections {
            @let of: Vec<_> = rows.iter().filter(|row| text(row, "section") == section).collect();
            @if !of.is_empty() {
                section.card aria-labelledby=(section) {
                    h2 id=(section) { (title) " " span.count { (of.len()) } }
                    @let (first, rest) = of.split_at(of.len().min(SHOWN));
                    ul.todo {
                        @for row in first {
                            (item(&view, section, row))
                        }
                    }
                    @if !rest.is_empty() {
                        details {
                            summary { (rest.len()) " " (words.others) }
                            ul.todo { @for row in rest { (item(&view, section, row)) } }
                        }
                    }
                    @if section == "due" && view.may(PersonRole::Operator) {
                        div.actions {
                            @for (basis, flag) in [("used", false), ("paid", true)] {
                                @if of.iter().any(|row| delivers(row, flag)) {
                                    form method="post" action="/run" {
                                        (view.token("/"))
                                        input type="hidden" name="basis" value=(basis);
                                        button.primary type="submit" { (words.run_now) @if flag { " · " (view.value(basis)) } }
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    };
    answer(console, request, words.status, "/", content)
}

/// Says whether a row is of a bill that is due, by this basis: a run delivers one basis.
fn delivers(row: &Value, paid: bool) -> bool {
    let next = text(row, "next");
    next.split(' ').nth(1) == Some("run") && next.contains("--basis paid") == paid
}

fn item(view: &View<'_>, section: &str, row: &Value) -> Markup {
    html! {
        li {
            span.subject { (foreign(text(row, "subject"))) }
            span.text { (foreign(text(row, "text"))) }
            @if let Some(to) = place(section, text(row, "subject"), text(row, "next")) {
                a.button href=(to) { (view.words.query) span.unseen { " " (foreign(text(row, "subject"))) } }
            }
        }
    }
}

/// Where something is looked at and decided: the page of the command that `status` names.
fn place(section: &str, subject: &str, next: &str) -> Option<String> {
    let words: Vec<&str> = next.split(' ').skip(1).collect();
    let month =
        subject.split_whitespace().find(|word| word.len() == 7 && word.as_bytes().get(4) == Some(&b'-'));
    let basis = if next.contains("--basis paid") || subject.contains("paid") { "?basis=paid" } else { "" };
    Some(match words.as_slice() {
        ["bill", "show" | "reopen", month, ..] => format!("/bills/{month}{basis}"),
        ["late" | "pending", "show", number, ..] => format!("/late/{number}"),
        ["dispute", "list", ..] => "/disputes".to_owned(),
        ["dispute", "show", number, ..] => format!("/disputes/{number}"),
        ["storage", "authorize", uin, ..] => format!("/storage/{uin}"),
        ["user", "set", ..] => "/settings".to_owned(),
        ["delivery", "show", number, ..] => format!("/deliveries/{number}"),
        ["settings" | "notify", ..] => "/settings".to_owned(),
        ["import", ..] => "/import".to_owned(),
        ["run", ..] if section == "failed" => "/deliveries".to_owned(),
        ["run", ..] => "/storage".to_owned(),
        _ if section == "months" || (section == "due" && month.is_some()) => {
            format!("/bills/{}{basis}", month?)
        }
        _ if section == "files" => "/import".to_owned(),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::place;

    #[test]
    fn what_the_command_line_names_has_a_page() {
        let to = |section, subject, next| place(section, subject, next).unwrap_or_default();
        assert_eq!(to("decide", "2021-03", "billkeep bill show 2021-03"), "/bills/2021-03");
        assert_eq!(
            to("decide", "2021-03", "billkeep bill show 2021-03 --basis paid"),
            "/bills/2021-03?basis=paid"
        );
        assert_eq!(to("decide", "2021-03", "billkeep late show 7"), "/late/7");
        assert_eq!(to("decide", "2021-03", "billkeep pending show 7"), "/late/7");
        assert_eq!(to("months", "2021-03", ""), "/bills/2021-03");
        assert_eq!(to("due", "finance", "billkeep run --on 2021-04-06"), "/storage");
        let waits = "billkeep storage enable UIN --sink NAME --kinds daily --after issue";
        assert_eq!(to("due", "2021-04", waits), "/bills/2021-04");
        assert_eq!(to("failed", "finance", "billkeep delivery show 3"), "/deliveries/3");
    }
}
