//! Rules, people, buckets.

use billkeep_core::people::{self, Role};
use billkeep_core::policy::Policy;
use billkeep_core::storage;
use maud::{Markup, html};

use super::super::html::{View, dialog, foreign, input, no_links, select, with_query};
use super::super::{Answer, Ask, Console};
use super::{answer, said, table};
use crate::error::CommandError;

pub(in super::super) fn page(console: &Console, ask: &Ask) -> Result<Answer, CommandError> {
    let view = View::of(ask);
    let words = view.words;
    let settings = table(console, ask, said(&["settings", "show"], &[], &[])?)?;
    let calendars = table(console, ask, said(&["calendar", "list"], &[], &[])?)?;
    let retention = table(console, ask, said(&["retention", "show"], &[], &[])?)?;
    let reader = console.store.read()?;
    let (policy, all, sinks) = (Policy::of(&reader)?, people::list(&reader)?, storage::sinks(&reader)?);
    drop(reader);
    let admin = view.may(Role::Admin);
    let roles: Vec<(String, String)> =
        Role::ALL.iter().map(|role| (role.word().to_owned(), view.term(role.word()).to_owned())).collect();
    let name = ask.get("name").unwrap_or_default();
    let removes = |kind: &str, path: &str| -> Markup {
        let title = format!("{} {name}?", words.remove);
        dialog(
            &view,
            &format!("remove-{kind}"),
            &title,
            ask.get("ask") == Some(kind) && admin,
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
            p { (words.four_eyes) ": " strong { (view.term(if policy.four_eyes { "yes" } else { "no" })) } }
            @if admin {
                form method="post" action="/settings/four-eyes" {
                    (view.token("/settings"))
                    input type="hidden" name="value" value=(if policy.four_eyes { "off" } else { "on" });
                    button type="submit" { (if policy.four_eyes { words.turn_off } else { words.turn_on }) }
                }
            }
        }
        section.card aria-labelledby="sinks" {
            h2 id="sinks" { (words.sinks) }
            @if sinks.is_empty() { p { (words.no_sinks) } }
            ul.todo {
                @for sink in &sinks {
                    li {
                        span.subject { (foreign(&sink.name)) }
                        span.text { (foreign(&sink.url)) " · " (view.term(&sink.audience.to_string())) }
                        @if view.may(Role::Operator) {
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
            @if all.is_empty() { p { (words.no_people) } }
            ul.todo {
                @for person in &all {
                    li {
                        span.subject { (foreign(&person.name)) }
                        span.text { (view.term(person.role.word())) }
                        @if admin {
                            a.button href=(with_query("/settings?ask=person", "name", Some(&person.name))) { (words.remove) span.unseen { " " (foreign(&person.name)) } }
                        }
                    }
                }
            }
            @if admin {
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
    answer(console, ask, words.settings, "/settings", content)
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
