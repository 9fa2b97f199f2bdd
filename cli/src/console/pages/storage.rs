//! Bill Storage: whose bills go where; what was delivered when, what is due, what failed.

use std::collections::BTreeMap;

use billkeep_core::calendar::{Calendars, Kind};
use billkeep_core::delivery::{self, Delivery, DueItem};
use billkeep_core::people::Role;
use billkeep_core::period::{BillMonth, Day};
use billkeep_core::settings::StoreSettings;
use billkeep_core::storage::{self, Account, After, Consent, Target};
use billkeep_core::store::Snapshot;
use billkeep_core::uin::Uin;
use maud::{Markup, html};

use super::super::html::{View, dialog, filled, foreign, input, no_links, select, with_query};
use super::super::{Answer, Ask, Console};
use super::{answer, drop_columns, parsed, said, table};
use crate::error::CommandError;

/// Today, in the calendar's zone.
fn today(console: &Console, reader: &Snapshot) -> Result<Day, CommandError> {
    Ok(console.context.moment(&Calendars::load(reader)?)?.day)
}

pub(in super::super) fn kinds_of(account: &Account, payer: Uin, on: Day) -> Vec<Kind> {
    let may =
        |kind: &Kind| account.facts(*kind, on).allowed && (*kind != Kind::Reseller || account.uin == payer);
    Kind::ALL.into_iter().filter(may).collect()
}

pub(in super::super) fn list(console: &Console, ask: &Ask) -> Result<Answer, CommandError> {
    let view = View::of(ask);
    let words = view.words;
    let reader = console.store.read()?;
    let payer = StoreSettings::of(&reader)?.payer;
    if let Some(uin) = ask.get("uin") {
        let uin: Uin = parsed(uin)?;
        return Ok(Answer::see(&format!("/storage/{uin}")));
    }
    let today = today(console, &reader)?;
    let accounts = storage::accounts(&reader)?;
    let allowed: Vec<(&Account, Vec<Kind>)> = accounts
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
        @if view.may(Role::Admin) {
            @if allowed.iter().all(|(account, _)| account.uin != payer) {
                form.inline method="post" action=(format!("/storage/{payer}/allow")) {
                    (view.token("/storage"))
                    button type="submit" { (words.allow) " " (payer.to_string()) }
                }
            }
        }
    };
    answer(console, ask, words.storage, "/storage", content)
}

fn sinks_of(account: &Account, kinds: &[Kind], on: Day) -> Vec<String> {
    let mut sinks: Vec<String> =
        kinds.iter().filter_map(|kind| account.facts(*kind, on).sink).map(str::to_owned).collect();
    sinks.dedup();
    sinks
}

pub(in super::super) fn account(console: &Console, ask: &Ask) -> Result<Answer, CommandError> {
    let view = View::of(ask);
    let words = view.words;
    let reader = console.store.read()?;
    let uin: Uin = parsed(ask.get("uin").unwrap_or_default())?;
    let payer = StoreSettings::of(&reader)?.payer;
    let today = today(console, &reader)?;
    let account = storage::account(&reader, uin)?;
    let kinds = kinds_of(&account, payer, today);
    let title = format!("{} {uin}", words.storage);
    let here = format!("/storage/{uin}");
    if kinds.is_empty() {
        let content = html! {
            div.notice.warn role="status" { p { (words.not_allowed) } }
            @if view.may(Role::Admin) {
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
        return answer(console, ask, &title, "/storage", content);
    }
    let authorised = kinds.iter().any(|kind| account.facts(*kind, today).authorised);
    let enabled: Vec<Kind> =
        kinds.iter().copied().filter(|kind| account.facts(*kind, today).sink.is_some()).collect();
    let asks = ask.get("ask").unwrap_or_default();
    let opens = |what: &str| with_query(&here, "ask", Some(what));
    let uin_text = uin.to_string();
    let mut status = table(console, ask, said(&["storage", "status"], &["uin"], &[("uin", &uin_text)])?)?;
    drop_columns(&mut status, &["next", "uin"]);
    let history = table(console, ask, said(&["storage", "history"], &["uin"], &[("uin", &uin_text)])?)?;
    let sinks: Vec<(String, String)> = storage::sinks(&reader)?
        .into_iter()
        .map(|sink| (sink.name.clone(), format!("{} · {}", sink.name, sink.url)))
        .collect();
    let operates = view.may(Role::Operator);
    let content = html! {
        @if !authorised {
            div.notice.warn role="status" { p { (words.authorize_text) } }
            @if view.may(Role::Admin) {
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
        (month(&view, ask, &reader, uin, today, &here)?)
        (view.table(words.state, &status, &no_links))
        details { summary { (words.history) } (view.table(words.history, &history, &no_links)) }
    };
    answer(console, ask, &title, "/storage", content)
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
pub(in super::super) fn after_of(account: &Account, kinds: &[Kind], on: Day) -> &'static str {
    let of = |kind: &Kind| match account.target(*kind, on) {
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
fn waits(view: &View<'_>, here: &str, account: &Account, kinds: &[Kind], today: Day) -> Markup {
    let words = view.words;
    let facts = account.facts(Kind::Reseller, today);
    html! {
        @if kinds.contains(&Kind::Reseller) && facts.sink.is_some() && !facts.custom_bills {
            div.notice.warn role="status" {
                p { (words.waits_agreement) }
                p.label { (words.custom_bills_text) }
                @if view.may(Role::Admin) {
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
    account: &Account,
    kinds: &[Kind],
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
    let is_custom = kinds.contains(&Kind::Reseller);
    html! {
        @if !sinks.is_empty() {
            section.card aria-labelledby="enable" {
                h2 id="enable" { (words.storage_settings) }
                p { (words.settings_text) }
                @if view.may(Role::Operator) {
                    form method="post" action=(format!("{here}/settings")) {
                        (view.token(here))
                        @for kind in kinds {
                            @let label = filled(words.bucket_for, &[view.value(kind.word())]);
                            (select(&format!("bucket-{}", kind.word()), kind.word(), &label, &choices, account.facts(*kind, on).sink.unwrap_or("")))
                        }
                        @if is_custom && view.may(Role::Admin) {
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
        @if view.may(Role::Admin) {
            details.card open[is_open] {
                summary { (view.words.create_bucket) }
                (new_bucket(view, here))
            }
        } @else if is_open { p { (view.words.no_bucket_yet) } }
    }
}

/// A day without its year, where there is little room.
fn short_day(day: Day) -> String {
    format!("{:02}-{:02}", day.month().month(), day.day_of_month())
}

/// What the calendar asks for in a month, and how each stands.
fn month(
    view: &View<'_>,
    ask: &Ask,
    reader: &Snapshot,
    uin: Uin,
    today: Day,
    here: &str,
) -> Result<Markup, CommandError> {
    let words = view.words;
    let month: BillMonth = ask.get("month").map_or_else(|| Ok(today.month()), parsed)?;
    let calendars = Calendars::load(reader)?;
    let (first, last) = (month.first_day(), month.last_day());
    let known: Vec<Delivery> =
        delivery::list(reader)?.into_iter().filter(|d| d.plan.wanted.uin == uin).collect();
    let mut days: BTreeMap<i32, Vec<DueItem>> = BTreeMap::new();
    for day in (first.epoch_days()..=last.epoch_days()).filter_map(Day::from_epoch_days) {
        let basis = calendars.on(day).basis;
        let items =
            delivery::due_of_accounts(reader, basis, &calendars.new_on(day), |account| account == uin)?;
        days.insert(day.epoch_days(), items);
    }
    let entry = |item: &DueItem, on: Day| -> Markup {
        // What was delivered stays told, whatever became of the storing since.
        let of = |d: &&Delivery| {
            let wanted = &d.plan.wanted;
            (wanted.kind, wanted.coverage) == (item.slot.kind, item.slot.coverage)
        };
        let delivered = known.iter().rfind(|d| of(d) && d.progress.is_delivered());
        let pending = known.iter().rfind(|d| of(d) && d.progress.is_pending());
        let kind = view.value(item.slot.kind.word());
        html! {
            li {
                @match (&item.verdict, pending, delivered) {
                    (_, Some(pending), _) => {
                        a href=(format!("/deliveries/{}", pending.number)) {
                            span.badge.bad { (kind) ": " (if pending.failure.is_some() { words.has_failed } else { view.value(pending.progress.word()) }) }
                        }
                        @if let Some(failure) = &pending.failure { span.why { (foreign(&failure.why)) } }
                        @if view.may(Role::Operator) {
                            form method="post" action=(format!("/deliveries/{}/retry", pending.number)) {
                                (view.token(here))
                                button.quiet type="submit" { (words.retry) span.unseen { " " (pending.number) } }
                            }
                        }
                    }
                    (verdict, None, Some(delivered)) => {
                        a href=(format!("/deliveries/{}", delivered.number)) { span.badge.good { (kind) ": " (words.delivered) } }
                        span.why { (foreign(&delivered.sink)) }
                        @if verdict.is_ok() && on <= today { span.badge.warn { (kind) ": " (words.is_due) } }
                    }
                    (Ok(_), None, None) if on <= today => {
                        span .badge .warn[on == today] .dim[on != today] { (kind) ": " (if on == today { words.is_due } else { words.not_delivered }) }
                        @if view.may(Role::Operator) {
                            form method="post" action="/run" {
                                (view.token(here))
                                input type="hidden" name="on" value=(on.to_string());
                                button.quiet type="submit" { (words.deliver) span.unseen { " " (on.to_string()) } }
                            }
                        }
                    }
                    (Ok(_), None, None) => { span.badge { (kind) } }
                    (Err(why), None, None) => { span.badge.dim { (kind) } span.why { (foreign(&why.to_string())) } }
                }
                span.why { (short_day(item.slot.coverage.first)) " – " (short_day(item.slot.coverage.last)) }
            }
        }
    };
    let shift = |to: Option<BillMonth>| to.map(|to| with_query(here, "month", Some(&to.to_string())));
    let weekday = (first.epoch_days() + 3).rem_euclid(7);
    let cells: Vec<Option<i32>> =
        (0..weekday).map(|_| None).chain((first.epoch_days()..=last.epoch_days()).map(Some)).collect();
    let names = match view.language {
        super::super::words::Language::English => ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"],
        super::super::words::Language::Chinese => ["周一", "周二", "周三", "周四", "周五", "周六", "周日"],
    };
    Ok(html! {
        section.card aria-labelledby="month" {
            h2 id="month" { (words.calendar_of) " " (month.to_string()) }
            nav.pager aria-label=(words.calendar_of) {
                @if let Some(to) = shift(month.previous()) { a href=(to) rel="prev" { (words.previous_month) } }
                @if let Some(to) = shift(month.last_day().next().map(Day::month)) { a href=(to) rel="next" { (words.next_month) } }
            }
            div.scroll tabindex="0" role="group" aria-labelledby="month" {
                table.month {
                    thead { tr { @for name in names { th scope="col" { (name) } } } }
                    tbody {
                        @for week in cells.chunks(7) {
                            tr {
                                @for cell in week {
                                    td {
                                        @if let Some(day) = cell.and_then(Day::from_epoch_days) {
                                            span.date .today[day == today] aria-current=[(day == today).then_some("date")] { (day.day_of_month()) }
                                            ul { @for item in days.get(&day.epoch_days()).into_iter().flatten() { (entry(item, day)) } }
                                        }
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    })
}
