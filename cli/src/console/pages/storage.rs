//! Bill Storage: whose bills go where; what was delivered when, what is due, what failed.

use maud::{Markup, html};

use super::common::{answer, drop_columns, parsed, said, table};
use super::storage_calendar;
use crate::console::answer::Answer;
use crate::console::html::{View, dialog, foreign, input, no_links, select};
use crate::console::links::with_query;
use crate::console::state::{Console, Request};
use crate::console::words::filled;
use crate::error::CommandError;

use billkeep_core::deliveries::{After, Calendars, Consent, SinkRecord, StorageAccount, Target};
use billkeep_core::engine::{Snapshot, StoreSettings};
use billkeep_core::formats::BillKind;
use billkeep_core::partners::PersonRole;
use billkeep_core::values::{Day, Uin};

/// Today, in the calendar's zone.
fn today(console: &Console, reader: &Snapshot) -> Result<Day, CommandError> {
    Ok(console.context.moment(&Calendars::load(reader)?)?.day)
}

pub(crate) fn kinds_of(account: &StorageAccount, payer: Uin, on: Day) -> Vec<BillKind> {
    let may = |kind: &BillKind| {
        account.facts(*kind, on).allowed && (*kind != BillKind::Reseller || account.uin == payer)
    };
    BillKind::ALL.into_iter().filter(may).collect()
}

pub(crate) fn list(console: &Console, request: &Request) -> Result<Answer, CommandError> {
    let view = View::of(request);
    let words = view.words;
    let reader = console.store.read()?;
    let payer = StoreSettings::of(&reader)?.payer;
    if let Some(uin) = request.get("uin") {
        let uin: Uin = parsed(uin)?;
        return Ok(Answer::see(&format!("/storage/{uin}")));
    }
    let today = today(console, &reader)?;
    let accounts = StorageAccount::list(&reader)?;
    let allowed: Vec<(&StorageAccount, Vec<BillKind>)> = accounts
        .iter()
        .map(|account| (account, kinds_of(account, payer, today)))
        .filter(|(_, kinds)| !kinds.is_empty())
        .collect();
    let content = html! {
        @if allowed.is_empty() { p { (words.no_storage) } } @else {
            div.scroll tabindex="0" role="group" aria-label=(words.storage) {
                table {
                    caption { (words.storage) }
                    thead { tr {
                        th scope="col" { (words.sub_account) }
                        th scope="col" { (words.kinds) }
                        th scope="col" { (words.bucket) }
                    } }
                    tbody {
                        @for (account, kinds) in &allowed {
                            tr {
                                th scope="row" { a href=(format!("/storage/{}", account.uin)) { (account.uin.to_string()) } @if account.uin == payer { " (" (words.payer) ")" } }
                                td { @for kind in kinds { (view.value(kind.word())) " " } }
                                td { @for sink in sinks_of(account, kinds, today) { (foreign(&sink)) " " } }
                            }
                        }
                    }
                }
            }
        }
        form.inline method="get" action="/storage" {
            (input("uin", "uin", words.sub_account, "text", "", true))
            button type="submit" { (words.open_account) }
        }
        @if view.may(PersonRole::Admin) {
            @if allowed.iter().all(|(account, _)| account.uin != payer) {
                form.inline method="post" action=(format!("/storage/{payer}/allow")) {
                    (view.token("/storage"))
                    button type="submit" { (words.allow) " " (payer.to_string()) }
                }
            }
        }
    };
    answer(console, request, words.storage, "/storage", content)
}

fn sinks_of(account: &StorageAccount, kinds: &[BillKind], on: Day) -> Vec<String> {
    let mut sinks: Vec<String> =
        kinds.iter().filter_map(|kind| account.facts(*kind, on).sink).map(str::to_owned).collect();
    sinks.dedup();
    sinks
}

pub(crate) fn account(console: &Console, request: &Request) -> Result<Answer, CommandError> {
    let view = View::of(request);
    let words = view.words;
    let reader = console.store.read()?;
    let uin: Uin = parsed(request.get("uin").unwrap_or_default())?;
    let payer = StoreSettings::of(&reader)?.payer;
    let today = today(console, &reader)?;
    let account = StorageAccount::get(&reader, uin)?;
    let kinds = kinds_of(&account, payer, today);
    let title = format!("{} {uin}", words.storage);
    let here = format!("/storage/{uin}");
    if kinds.is_empty() {
        let content = html! {
            div.notice.warn role="status" { p { (words.not_allowed) } }
            @if view.may(PersonRole::Admin) {
                form method="post" action=(format!("{here}/allow")) {
                    (view.token(&here))
                    @if uin != payer {
                        input type="hidden" name="kinds" value="daily";
                        input type="hidden" name="kinds" value="monthly";
                    }
                    button type="submit" { (words.allow) " " (uin.to_string()) }
                }
            }
        };
        return answer(console, request, &title, "/storage", content);
    }
    let authorised = kinds.iter().any(|kind| account.facts(*kind, today).authorised);
    let enabled: Vec<BillKind> =
        kinds.iter().copied().filter(|kind| account.facts(*kind, today).sink.is_some()).collect();
    let asks = request.get("ask").unwrap_or_default();
    let opens = |what: &str| with_query(&here, "ask", Some(what));
    let uin_text = uin.to_string();
    let mut status = table(console, request, said(&["storage", "status"], &["uin"], &[("uin", &uin_text)])?)?;
    drop_columns(&mut status, &["next", "uin"]);
    let history = table(console, request, said(&["storage", "history"], &["uin"], &[("uin", &uin_text)])?)?;
    let sinks: Vec<(String, String)> = SinkRecord::list(&reader)?
        .into_iter()
        .map(|sink| (sink.name.clone(), format!("{} · {}", sink.name, sink.url)))
        .collect();
    let operates = view.may(PersonRole::Operator);
    let content = html! {
        @if !authorised {
            div.notice.warn role="status" { p { (words.authorize_text) } }
            @if view.may(PersonRole::Admin) {
                p { a.button.primary href=(opens("authorize")) { (words.authorize) } }
            }
            (dialog(&view, "authorize", words.authorize_title, asks == "authorize", &here, &html! {
                p { (words.authorize_text) }
                form method="post" action=(format!("{here}/authorize")) {
                    (view.token(&here))
                    button.primary type="submit" autofocus { (words.agree) }
                }
            }))
        } @else {
            (waits(&view, &here, &account, &kinds, today))
            (settings_form(&view, &here, &sinks, &account, &kinds, today))
            @if !enabled.is_empty() && operates {
                div.actions { a.button href=(opens("disable")) { (words.disable) } }
            }
            (new_bucket_section(&view, &here, sinks.is_empty()))
            (dialog(&view, "disable", words.disable_title, asks == "disable", &here, &html! {
                p { (words.disable_text) }
                form method="post" action=(format!("{here}/disable")) {
                    (view.token(&here))
                    (input("disable-reason", "reason", words.reason, "text", "", false))
                    button.primary type="submit" { (words.disable) }
                }
            }))
        }
        (storage_calendar::month(&view, request, &reader, uin, today, &here)?)
        (view.table(words.state, &status, &no_links))
        details { summary { (words.history) } (view.table(words.history, &history, &no_links)) }
    };
    answer(console, request, &title, "/storage", content)
}

/// The form that adds a bucket.
pub(super) fn new_bucket(view: &View<'_>, back: &str) -> Markup {
    let words = view.words;
    html! {
        form method="post" action="/sinks" {
            (view.token(back))
            div.row {
                (input("name", "name", words.bucket_name, "text", "", true))
                (input("url", "url", words.bucket_url, "text", "", true))
            }
            p.label { (words.bucket_url_help) }
            div.check {
                input id="create_bucket" type="checkbox" name="create_bucket" value="true";
                label for="create_bucket" { (words.make_bucket) }
            }
            div.check {
                input id="shared-place" type="checkbox" name="shared" value="true";
                label for="shared-place" { (words.shared_place) }
            }
            button type="submit" { (words.create_bucket) }
        }
    }
}

/// What an account's bills wait for on a day; empty where that is the default.
pub(crate) fn after_of(account: &StorageAccount, kinds: &[BillKind], on: Day) -> &'static str {
    let of = |kind: &BillKind| match account.target(*kind, on) {
        Some(Target::Sink { after, .. }) => Some(after.map_or("", After::word)),
        _ => None,
    };
    kinds.iter().find_map(of).unwrap_or("")
}

/// What bills wait for, and whether other customers' bills may lie beside them.
fn waiting(view: &View<'_>, form: &str, after: &str) -> Markup {
    let words = view.words;
    let moments = [
        ("", words.after_default),
        (After::Confirmation.word(), words.after_confirmation),
        (After::Issue.word(), words.after_issue),
    ]
    .map(|(value, text)| (value.to_owned(), text.to_owned()));
    let shared = ["no", "yes"].map(|word| (word.to_owned(), view.value(word).to_owned()));
    html! {
        (select(&format!("{form}-after"), "after", words.after, &moments, after))
        p.label { (words.after_text) }
        (select(&format!("{form}-shared"), "shared", words.shared, &shared, "no"))
    }
}

/// Reseller bills that are stored and wait for a consent.
fn waits(view: &View<'_>, here: &str, account: &StorageAccount, kinds: &[BillKind], today: Day) -> Markup {
    let words = view.words;
    let facts = account.facts(BillKind::Reseller, today);
    html! {
        @if kinds.contains(&BillKind::Reseller) && facts.sink.is_some() && !facts.custom_bills {
            div.notice.warn role="status" {
                p { (words.waits_agreement) }
                p.label { (words.custom_bills_text) }
                @if view.may(PersonRole::Admin) {
                    form method="post" action=(format!("{here}/authorize")) {
                        (view.token(here))
                        input type="hidden" name="custom_bills" value="true";
                        button.primary type="submit" { (words.agree) }
                    }
                }
            }
        }
    }
}

/// What holds of each kind of bill, and what may be changed of it: nothing is left to a default.
fn settings_form(
    view: &View<'_>,
    here: &str,
    sinks: &[(String, String)],
    account: &StorageAccount,
    kinds: &[BillKind],
    today: Day,
) -> Markup {
    let words = view.words;
    // What was changed today holds from tomorrow on.
    let on = today.next().unwrap_or(today);
    let mut choices = vec![(String::new(), words.not_stored.to_owned())];
    choices.extend(sinks.iter().cloned());
    let agreed = account.grants_any(Consent::CustomBills);
    let agrees =
        [("yes", words.custom_yes), ("no", words.custom_no)].map(|(v, t)| (v.to_owned(), t.to_owned()));
    let is_custom = kinds.contains(&BillKind::Reseller);
    html! {
        @if !sinks.is_empty() {
            section.card aria-labelledby="enable" {
                h2 id="enable" { (words.storage_settings) }
                p { (words.settings_text) }
                @if view.may(PersonRole::Operator) {
                    form method="post" action=(format!("{here}/settings")) {
                        (view.token(here))
                        @for kind in kinds {
                            @let label = filled(words.bucket_for, &[view.value(kind.word())]);
                            (select(&format!("bucket-{}", kind.word()), kind.word(), &label, &choices, account.facts(*kind, on).sink.unwrap_or("")))
                        }
                        @if is_custom && view.may(PersonRole::Admin) {
                            (select("custom", "custom_bills", words.custom_bills, &agrees, if agreed { "yes" } else { "no" }))
                            p.label { (words.custom_bills_text) }
                        } @else if is_custom {
                            p { (words.custom_bills) ": " (if agreed { words.custom_yes } else { words.custom_no }) }
                        }
                        (waiting(view, "settings", after_of(account, kinds, on)))
                        button.primary type="submit" { (words.save) }
                    }
                }
            }
        }
    }
}

/// The form that adds a bucket, closed where there is one already.
fn new_bucket_section(view: &View<'_>, here: &str, is_open: bool) -> Markup {
    html! {
        @if view.may(PersonRole::Admin) {
            details.card open[is_open] {
                summary { (view.words.create_bucket) }
                (new_bucket(view, here))
            }
        } @else if is_open { p { (view.words.no_bucket_yet) } }
    }
}
