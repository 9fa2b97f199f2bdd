//! What the calendar asks for in a month of one account, day by day.

use std::collections::BTreeMap;

use maud::{Markup, html};

use super::common::parsed;
use crate::console::html::{View, foreign};
use crate::console::links::with_query;
use crate::console::state::Request;
use crate::console::words::Language;
use crate::error::CommandError;
use billkeep_core::deliveries::{Calendars, Delivery, DueItem};
use billkeep_core::engine::Snapshot;
use billkeep_core::partners::PersonRole;
use billkeep_core::values::{BillMonth, Day, Uin};

/// A day without its year, where there is little room.
fn short_day(day: Day) -> String {
    format!("{:02}-{:02}", day.month().month(), day.day_of_month())
}

/// What bills of a calendar are drawn with.
struct SlotView<'a> {
    view: &'a View<'a>,
    /// The account's deliveries.
    known: &'a [Delivery],
    today: Day,
    here: &'a str,
}

impl SlotView<'_> {
    /// Draws how a bill stands that the calendar asks for on a day.
    fn draw(&self, item: &DueItem, on: Day) -> Markup {
        let words = self.view.words;
        // What was delivered stays told, whatever became of the storing since.
        let of = |d: &&Delivery| {
            let wanted = &d.plan.wanted;
            (wanted.kind, wanted.coverage) == (item.slot.kind, item.slot.coverage)
        };
        let delivered = self.known.iter().rfind(|d| of(d) && d.progress.is_delivered());
        let pending = self.known.iter().rfind(|d| of(d) && d.progress.is_pending());
        let kind = self.view.value(item.slot.kind.word());
        html! {
            li {
                @match (&item.verdict, pending, delivered) {
                    (_, Some(pending), _) => {
                        a href=(format!("/deliveries/{}", pending.number)) {
                            span.badge.bad { (kind) ": " (if pending.failure.is_some() { words.has_failed } else { self.view.value(pending.progress.word()) }) }
                        }
                        @if let Some(failure) = &pending.failure { span.why { (foreign(&failure.why)) } }
                        @if self.view.may(PersonRole::Operator) {
                            form method="post" action=(format!("/deliveries/{}/retry", pending.number)) {
                                (self.view.token(self.here))
                                button.quiet type="submit" { (words.retry) span.unseen { " " (pending.number) } }
                            }
                        }
                    }
                    (verdict, None, Some(delivered)) => {
                        a href=(format!("/deliveries/{}", delivered.number)) { span.badge.good { (kind) ": " (words.delivered) } }
                        span.why { (foreign(&delivered.sink)) }
                        @if verdict.is_ok() && on <= self.today { span.badge.warn { (kind) ": " (words.is_due) } }
                    }
                    (Ok(_), None, None) if on <= self.today => {
                        span .badge .warn[on == self.today] .dim[on != self.today] { (kind) ": " (if on == self.today { words.is_due } else { words.not_delivered }) }
                        @if self.view.may(PersonRole::Operator) {
                            form method="post" action="/run" {
                                (self.view.token(self.here))
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
    }
}

/// What the calendar asks for in a month, and how each stands.
pub(super) fn month(
    view: &View<'_>,
    request: &Request,
    reader: &Snapshot,
    uin: Uin,
    today: Day,
    here: &str,
) -> Result<Markup, CommandError> {
    let words = view.words;
    let month: BillMonth = request.get("month").map_or_else(|| Ok(today.month()), parsed)?;
    let calendars = Calendars::load(reader)?;
    let (first, last) = (month.first_day(), month.last_day());
    let known: Vec<Delivery> =
        Delivery::list(reader)?.into_iter().filter(|d| d.plan.wanted.uin == uin).collect();
    let mut days: BTreeMap<i32, Vec<DueItem>> = BTreeMap::new();
    for day in (first.epoch_days()..=last.epoch_days()).filter_map(Day::from_epoch_days) {
        let basis = calendars.on(day).basis;
        let items = DueItem::of_accounts(reader, basis, &calendars.new_on(day), |account| account == uin)?;
        days.insert(day.epoch_days(), items);
    }
    let slots = SlotView { view, known: &known, today, here };
    let shift = |to: Option<BillMonth>| to.map(|to| with_query(here, "month", Some(&to.to_string())));
    let weekday = (first.epoch_days() + 3).rem_euclid(7);
    let cells: Vec<Option<i32>> =
        (0..weekday).map(|_| None).chain((first.epoch_days()..=last.epoch_days()).map(Some)).collect();
    let names = match view.language {
        Language::English => ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"],
        Language::Chinese => ["周一", "周二", "周三", "周四", "周五", "周六", "周日"],
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
                                            ul { @for item in days.get(&day.epoch_days()).into_iter().flatten() { (slots.draw(item, day)) } }
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
