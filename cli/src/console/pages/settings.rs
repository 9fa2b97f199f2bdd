//! Rules, people, buckets.

use maud::{Markup, html};

use super::common::{answer, drop_columns, said, table};
use crate::console::answer::Answer;
use crate::console::html::{View, dialog, foreign, input, no_links, select};
use crate::console::links::with_query;
use crate::console::state::{Console, Request};
use crate::console::words::filled;
use crate::error::CommandError;

use billkeep_core::deliveries::DueAt;
use billkeep_core::deliveries::SinkRecord;
use billkeep_core::partners::{Person, PersonRole, Policy};

pub(crate) fn page(console: &Console, request: &Request) -> Result<Answer, CommandError> {
    let view = View::of(request);
    let words = view.words;
    let mut settings = table(console, request, said(&["settings", "show"], &[], &[])?)?;
    // Which command changes it is for the command line; four eyes have a line of their own.
    drop_columns(&mut settings, &["changed_by"]);
    settings.rows.retain(|row| row.first().is_none_or(|name| name != "four_eyes"));
    let calendars = table(console, request, said(&["calendar", "list"], &[], &[])?)?;
    let retention = table(console, request, said(&["retention", "show"], &[], &[])?)?;
    let reader = console.store.read()?;
    let (policy, all, sinks) = (Policy::of(&reader)?, Person::list(&reader)?, SinkRecord::list(&reader)?);
    drop(reader);
    let admin = view.may(PersonRole::Admin);
    let name = request.get("name").unwrap_or_default();
    let removes = |kind: &str, path: &str| -> Markup {
        let title = format!("{} {name}?", words.remove);
        dialog(
            &view,
            &format!("remove-{kind}"),
            &title,
            request.get("ask") == Some(kind) && admin,
            "/settings",
            &html! {
                form method="post" action=(format!("/{path}/{}/remove", encoded(name))) {
                    (view.token("/settings"))
                    button.primary type="submit" { (words.remove) }
                }
            },
        )
    };
    let content = html! {
        (removes("sink", "sinks"))
        (removes("person", "users"))
        section.card aria-labelledby="rules" {
            h2 id="rules" { (words.rules) }
            (view.table(words.rules, &settings, &no_links))
            (four_eyes(&view, request, &policy, &all))
            p { (words.scheduler) ": " (scheduler(console, &view)?) }
        }
        section.card aria-labelledby="sinks" {
            h2 id="sinks" { (words.sinks) }
            @if sinks.is_empty() { p { (words.no_sinks) } }
            ul.todo {
                @for sink in &sinks {
                    li {
                        span.subject { (foreign(&sink.name)) }
                        span.text { (foreign(&sink.url)) " · " (view.value(&sink.audience.to_string())) }
                        @if view.may(PersonRole::Operator) {
                            form method="post" action=(format!("/sinks/{}/test", encoded(&sink.name))) {
                                (view.token("/settings"))
                                button type="submit" { (words.test) span.unseen { " " (foreign(&sink.name)) } }
                            }
                        }
                        @if admin {
                            a.button href=(with_query("/settings?ask=sink", "name", Some(&sink.name))) { (words.remove) span.unseen { " " (foreign(&sink.name)) } }
                        }
                    }
                }
            }
            @if admin {
                (super::storage::new_bucket(&view, "/settings"))
            }
        }
        section.card aria-labelledby="people" {
            h2 id="people" { (words.people) }
            (people_section(&view, &all))
        }
        section.card aria-labelledby="calendars" {
            h2 id="calendars" { (words.calendars) }
            (view.table(words.calendars, &calendars, &no_links))
        }
        @if !retention.rows.is_empty() {
            section.card aria-labelledby="retention" {
                h2 id="retention" { (words.retention) }
                (view.table(words.retention, &retention, &no_links))
            }
        }
    };
    answer(console, request, words.settings, "/settings", content)
}

/// The rule of four eyes: it cannot be turned on before two people could follow it.
fn four_eyes(view: &View<'_>, request: &Request, policy: &Policy, all: &[Person]) -> Markup {
    let (words, is_on) = (view.words, policy.four_eyes);
    let approvers = all.iter().filter(|person| person.role >= PersonRole::Approver).count();
    let asks = request.get("ask") == Some("four-eyes") && view.may(PersonRole::Admin);
    let name = if is_on { words.turn_off } else { words.turn_on };
    html! {
        p { (words.four_eyes) ": " strong { (view.value(if is_on { "yes" } else { "no" })) } }
        @if let Some(actor) = policy.off_asked_by.as_ref().filter(|_| is_on) {
            div.notice.warn role="status" { p { (foreign(&filled(words.four_eyes_off_asked, &[actor]))) } }
        }
        @if view.may(PersonRole::Admin) {
            @if is_on || approvers >= 2 {
                p { a.button href="/settings?ask=four-eyes" { (name) } }
            } @else {
                button type="button" disabled aria-describedby="few" { (name) }
                p.label id="few" { (words.four_eyes_few) }
            }
        }
        (dialog(view, "four-eyes", words.four_eyes, asks && (is_on || approvers >= 2), "/settings", &html! {
            p { (if is_on { words.four_eyes_off_text } else { words.four_eyes_on_text }) }
            form method="post" action="/settings/four-eyes" {
                (view.token("/settings"))
                input type="hidden" name="value" value=(if is_on { "off" } else { "on" });
                button.primary type="submit" { (name) }
            }
        }))
    }
}

/// How the scheduler of this console is.
fn scheduler(console: &Console, view: &View<'_>) -> Result<Markup, CommandError> {
    let words = view.words;
    let served = crate::served::find(&console.context.store).filter(|served| served.has_scheduler);
    let Some(served) = served else { return Ok(html! { (words.scheduler_none) }) };
    let through = DueAt::scheduled_through(&console.store.read()?)?;
    let through = through.map_or_else(|| "-".to_owned(), |day| day.to_string());
    Ok(match &served.stopped {
        None => foreign(&filled(words.scheduler_well, &[&through, &served.actor])),
        Some(why) => {
            html! { span.badge.bad { (foreign(&filled(words.scheduler_stopped, &[&served.actor, why]))) } }
        }
    })
}

/// People: whoever is first enters themselves, and each gets links and tokens here.
fn people_section(view: &View<'_>, all: &[Person]) -> Markup {
    let words = view.words;
    let admin = view.may(PersonRole::Admin);
    let roles: Vec<(String, String)> = PersonRole::ALL
        .iter()
        .map(|role| (role.word().to_owned(), view.value(role.word()).to_owned()))
        .collect();
    let me = view.visitor.map_or("", |visitor| visitor.name.as_str());
    html! {
        @if all.is_empty() {
            p { (words.no_people) }
            p { (words.first_person) }
            form method="post" action="/people/first" {
                (view.token("/settings"))
                (input("me", "name", words.you_are, "text", me, true))
                button.primary type="submit" { (words.enter_me) }
            }
        }
        ul.todo {
            @for person in all {
                li {
                    span.subject { (foreign(&person.name)) }
                    span.text { (view.value(person.role.word())) }
                    @if admin {
                        form method="post" action=(format!("/people/{}/link", encoded(&person.name))) {
                            (view.token("/settings"))
                            button type="submit" { (words.new_link) span.unseen { " " (foreign(&person.name)) } }
                        }
                        form.inline method="post" action=(format!("/people/{}/token", encoded(&person.name))) {
                            (view.token("/settings"))
                            input name="label" required size="12" aria-label=(words.token_label) placeholder=(words.token_label);
                            button type="submit" { (words.new_token) span.unseen { " " (foreign(&person.name)) } }
                        }
                        a.button href=(with_query("/settings?ask=person", "name", Some(&person.name))) { (words.remove) span.unseen { " " (foreign(&person.name)) } }
                    }
                }
            }
        }
        @if admin && !all.is_empty() {
            form method="post" action="/users" {
                (view.token("/settings"))
                div.row {
                    (input("person", "name", words.name, "text", "", true))
                    (select("role", "role", words.role, &roles, "viewer"))
                }
                button type="submit" { (words.enter_person) }
            }
        }
    }
}

fn encoded(name: &str) -> String {
    let mut text = String::new();
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text
}
