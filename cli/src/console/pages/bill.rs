//! A month's bill: totals, state, roll-up, charts; CSV File, Refresh, Confirm.

use std::collections::BTreeMap;

use billkeep_core::bill::{self, Bill, BillView, Comparison, Diff, Field, Group, Grouped, Revision, State};
use billkeep_core::money::Amount;
use billkeep_core::people::Role;
use billkeep_core::store::Reader;
use maud::{Markup, html};

use super::super::html::{
    Mark, View, bars, dialog, fact, filled, foreign, grouped, input, line, path, with_query,
};
use super::super::{Answer, Ask, Console};
use super::bills::state;
use super::{answer, bill_key, parsed, said, table};
use crate::error::{CommandError, short};

/// How many rows of a roll-up a page has.
const ROWS: usize = 200;
/// How many bars a chart has.
const BARS: usize = 10;
/// By what a roll-up can be grouped, besides tags and other columns.
const FIELDS: [&str; 8] =
    ["product", "owner", "day", "region", "project", "billing_mode", "subproduct", "component"];

pub(in super::super) fn page(console: &Console, ask: &Ask) -> Result<Answer, CommandError> {
    let view = View::of(ask);
    let reader = console.store.read()?;
    let key = bill_key(console, &reader, ask)?;
    let shown = console.rollups.view(&reader, key)?;
    let (bill, revision) = (&shown.bill, &shown.revision);
    let digest = revision.digest.hex();
    let basis = basis_query(bill);
    let here = path(&format!("/bills/{}", key.month), &[("basis", basis)]);
    let title = format!("{} {}", view.words.bills, key.month);
    let content = html! {
        (menu(&view, bill, ""))
        @if let Some(seen) = ask.get("seen") { (since_seen(console, &view, &reader, &shown, seen)?) }
        (head(&view, bill, revision))
        (actions(&view, ask, bill, revision, &here, &digest))
        (charts(console, &view, &reader, &shown, &here)?)
        (rollup(console, &view, &reader, ask, &shown)?)
    };
    answer(console, ask, &title, "/bills", content)
}

fn basis_query(bill: &Bill) -> &'static str {
    if bill.key.basis == billkeep_core::period::Basis::Paid { "paid" } else { "" }
}

/// The pages of one bill.
pub(super) fn menu(view: &View<'_>, bill: &Bill, current: &str) -> Markup {
    let words = view.words;
    let basis = basis_query(bill);
    let entries = [
        ("", words.overview),
        ("/lines", words.lines),
        ("/diff", words.differences),
        ("/lint", words.lint),
        ("/revisions", words.revisions),
    ];
    html! {
        nav.tabs aria-label=(bill.key.month.to_string()) {
            ul {
                @for (to, name) in entries {
                    @let href = path(&format!("/bills/{}{to}", bill.key.month), &[("basis", basis)]);
                    li { a href=(href) aria-current=[(to == current).then_some("page")] { (name) } }
                }
            }
        }
    }
}

fn head(view: &View<'_>, bill: &Bill, revision: &Revision) -> Markup {
    let words = view.words;
    html! {
        dl.facts {
            (fact(words.state, state(view, &bill.state.to_string())))
            (fact(words.payer, html! { (bill.key.payer.to_string()) }))
            (fact(words.basis, html! { (view.term(&bill.key.basis.to_string())) }))
            (fact(words.revision, html! { (revision.number) }))
            (fact(words.through, html! { (revision.through.map_or_else(|| "-".to_owned(), |day| day.to_string())) }))
            (fact(words.digest, html! { code title=(revision.digest.hex()) { (short(&revision.digest.hex())) } }))
        }
        dl.totals {
            @for sums in &revision.sums {
                div {
                    dt { (words.total) " " (foreign(&sums.currency)) }
                    dd { span.big { (view.amount(sums.total())) } span.label { (billkeep_core::ingest::grouped(sums.lines)) " " (words.lines) } }
                }
            }
        }
    }
}

/// What was changed since somebody looked: at another digest, or at this one.
fn since_seen(
    console: &Console,
    view: &View<'_>,
    reader: &Reader,
    shown: &BillView,
    seen: &str,
) -> Result<Markup, CommandError> {
    let words = view.words;
    if seen == shown.revision.digest.hex() {
        return Ok(html! { div.notice.good role="status" { p { (words.unchanged) } } });
    }
    let key = shown.bill.key;
    let known =
        bill::revisions(reader, key)?.into_iter().rev().find(|revision| revision.digest.hex() == seen);
    let Some(known) = known else {
        return Ok(html! { div.notice.warn role="alert" { p { (words.changed) } } });
    };
    let (from, to) = (known.number.to_string(), shown.revision.number.to_string());
    let before = BillView::open(reader, key, Some(known.number));
    Ok(html! {
        div.notice.warn role="alert" {
            p { strong { (words.changed) } " " (filled(words.changed_from_to, &[&from, &to])) }
        }
        @match before {
            // What was kept of it is gone; the sums are still there.
            Err(error) => p { (foreign(CommandError::from(error).message())) },
            Ok(before) => (difference(console, view, reader, &before, shown)?),
        }
    })
}

/// The difference of two revisions, by account and product.
pub(super) fn difference(
    console: &Console,
    view: &View<'_>,
    reader: &Reader,
    from: &BillView,
    to: &BillView,
) -> Result<Markup, CommandError> {
    let words = view.words;
    let comparison = Comparison::new(reader, from, to)?;
    let diff: Diff =
        comparison.run::<CommandError>(reader, console.context.thread_count(), &mut |_| Ok(()))?;
    let rows = diff.groups.iter().take(ROWS);
    let counts =
        [(words.added, diff.added), (words.removed, diff.removed), (words.changed_lines, diff.changed)];
    Ok(html! {
        @if diff.added + diff.removed + diff.changed == 0 {
            p { (words.no_difference) }
        } @else {
            dl.facts {
                @for net in &diff.net {
                    (fact(&format!("{} {}", words.net, net.currency), html! { strong { (view.amount(net.total())) } }))
                }
                @for (name, count) in counts { (fact(name, html! { (billkeep_core::ingest::grouped(count)) })) }
            }
            div.scroll tabindex="0" role="region" aria-label=(words.differences) {
                table #difference {
                    caption { (words.differences) " " (from.revision.number) " → " (to.revision.number) }
                    thead { tr {
                        th scope="col" { (words.owner) }
                        th scope="col" { (words.product) }
                        th.num scope="col" { (words.added) }
                        th.num scope="col" { (words.removed) }
                        th.num scope="col" { (words.changed_lines) }
                        th.num scope="col" { (words.net) }
                        th scope="col" { (words.currency) }
                    } }
                    tbody {
                        @for group in rows {
                            tr {
                                th scope="row" { (foreign(&group.owner)) }
                                td { (foreign(&group.product)) }
                                td.num { (group.added) }
                                td.num { (group.removed) }
                                td.num { (group.changed) }
                                td.num { (view.amount(group.net())) }
                                td { (foreign(&group.currency)) }
                            }
                        }
                    }
                }
            }
            p { (view.decimals_switch()) }
            @if diff.groups.len() > ROWS { p { (filled(words.rows_of, &["1", &ROWS.to_string(), &diff.groups.len().to_string()])) } }
        }
    })
}

fn actions(view: &View<'_>, ask: &Ask, bill: &Bill, revision: &Revision, here: &str, digest: &str) -> Markup {
    let words = view.words;
    let month = bill.key.month;
    let basis = basis_query(bill);
    let csv = path(&format!("/api/v1/bills/{month}/csv"), &[("basis", basis)]);
    let spreadsheet = with_query(&csv, "spreadsheet", Some("true"));
    let asks = ask.get("ask").unwrap_or_default();
    let at = |what: &str| format!("/bills/{month}/{what}");
    let opens = |what: &str| with_query(here, "ask", Some(what));
    let approves = view.may(Role::Approver);
    let stale = with_query(here, "seen", Some(digest));
    html! {
        div.actions {
            a.button href=(spreadsheet) download="" aria-describedby="csv-text" { (words.csv_file) }
            a.button href=(csv) download="" aria-describedby="csv-text" { (words.csv_exact) }
            a.button href=(with_query(here, "seen", Some(digest))) { (words.refresh) }
            @if approves {
                @if bill.state == State::Issued {
                    a.button.primary href=(opens("confirm")) data-dialog="confirm" { (words.confirm) }
                    a.button href=(opens("defer")) { (words.defer) }
                }
                @if bill.state == State::Open { a.button href=(opens("issue")) { (words.issue) } }
                @if bill.state == State::Confirmed { a.button href=(opens("reopen")) { (words.reopen) } }
            }
        }
        p.label id="csv-text" { (words.csv_text) }
        @if bill.state == State::Confirmed { p.label { (words.confirmed_text) } }
        @if bill.state == State::Disputed { p { (words.disputed_text) " " a href="/disputes" { (words.disputes) } } }
        (dialog(view, "confirm", words.confirm_title, asks == "confirm" && approves && bill.state == State::Issued, here, &html! {
            p { (words.confirm_text) }
            dl.facts {
                (fact(words.month, html! { (month.to_string()) }))
                (fact(words.revision, html! { (revision.number) }))
                @for sums in &revision.sums {
                    (fact(&format!("{} {}", words.total, sums.currency), html! { strong { (view.amount(sums.total())) } }))
                }
                (fact(words.digest, html! { code { (short(digest)) } }))
            }
            form method="post" action=(at("confirm")) {
                (view.token(here))
                input type="hidden" name="failed" value=(stale);
                input type="hidden" name="digest" value=(digest);
                @if !basis.is_empty() { input type="hidden" name="basis" value=(basis); }
                (input("note", "note", words.note, "text", "", false))
                button.primary type="submit" { (words.confirm) }
            }
        }))
        @if approves { (decisions(view, asks, bill, revision, here, &at)) }
    }
}

/// The dialogs of what is decided besides confirming: each tells the facts and what follows.
fn decisions(
    view: &View<'_>,
    asks: &str,
    bill: &Bill,
    revision: &Revision,
    here: &str,
    at: &dyn Fn(&str) -> String,
) -> Markup {
    let words = view.words;
    let month = bill.key.month.to_string();
    let basis = basis_query(bill);
    let (days, of) =
        (days_in(bill, revision), i32::try_from(bill.key.month.last_day().day_of_month()).unwrap_or(31));
    let through = revision.through.map_or_else(|| "-".to_owned(), |day| day.to_string());
    let facts = filled(words.issue_facts, &[&days.to_string(), &of.to_string(), &through]);
    let needs_typing = days < of;
    let all = [
        ("issue", State::Open, words.issue, words.issue_title, words.issue_text),
        ("reopen", State::Confirmed, words.reopen, words.reopen_title, words.reopen_text),
        ("defer", State::Issued, words.defer, words.defer_title, words.defer_text),
    ];
    html! {
        @for (what, state, name, title, text) in all {
            (dialog(view, what, &filled(title, &[&month]), asks == what && bill.state == state, here, &html! {
                dl.facts {
                    @for sums in &revision.sums {
                        (fact(&format!("{} {}", words.total_now, sums.currency), html! { strong { (view.amount(sums.total())) } }))
                    }
                    (fact(words.lines, html! { (billkeep_core::ingest::grouped(revision.lines())) }))
                }
                p { (facts) }
                p { (text) }
                @if what == "issue" && needs_typing { p { strong { (words.issue_missing) } } }
                form method="post" action=(at(what)) {
                    (view.token(here))
                    input type="hidden" name="basis" value=(if basis.is_empty() { "used" } else { basis });
                    @if what != "issue" { (input(&format!("{what}-reason"), "reason", words.reason, "text", "", true)) }
                    @else if needs_typing { (input("typed", "typed", &filled(words.issue_typed, &[&month]), "text", "", true)) }
                    button.primary type="submit" { (name) }
                }
            }))
        }
    }
}

/// How many days of its month a bill has files for.
fn days_in(bill: &Bill, revision: &Revision) -> i32 {
    let first = bill.key.month.first_day().epoch_days();
    revision.through.map_or(0, |through| (through.epoch_days() - first + 1).max(0))
}

fn charts(
    console: &Console,
    view: &View<'_>,
    reader: &Reader,
    shown: &BillView,
    here: &str,
) -> Result<Markup, CommandError> {
    let words = view.words;
    let threads = console.context.thread_count();
    // A chart is of one currency: the one with most lines.
    let Some(main) = shown.revision.sums.iter().max_by_key(|sums| sums.lines) else { return Ok(html! {}) };
    let of = |field: Field| -> Result<Vec<(String, Amount)>, CommandError> {
        let grouped = console.rollups.of(reader, shown, &[field], threads)?;
        let total = grouped.columns.iter().position(|column| *column == billkeep_core::schema::Column::Total);
        let row = |group: Group<'_>| {
            let amount = total.and_then(|at| group.amounts().nth(at)).unwrap_or_default();
            (group.keys().next().unwrap_or_default().to_owned(), amount)
        };
        Ok(grouped.rows().filter(|group| group.currency() == main.currency).map(row).collect())
    };
    let mut products = of(Field::Column(billkeep_core::schema::Column::ProductName))?;
    products.sort_by(|(_, a), (_, b)| b.cmp(a));
    let rest = products.split_off(products.len().min(BARS));
    let lines = |product: &str| {
        Some(path(
            &format!("/bills/{}/lines", shown.bill.key.month),
            &[("basis", basis_query(&shown.bill)), ("field", "product"), ("value", product)],
        ))
    };
    let mut marks: Vec<Mark> =
        products.into_iter().map(|(name, amount)| Mark { to: lines(&name), name, amount }).collect();
    if !rest.is_empty() {
        let sum = rest.iter().try_fold(Amount::ZERO, |sum, (_, amount)| sum.checked_add(*amount));
        let name = match rest.as_slice() {
            [(name, _)] => name.clone(),
            rest => format!("{} {}", rest.len(), words.others),
        };
        marks.push(Mark {
            name,
            amount: sum.unwrap_or_default(),
            to: Some(with_query(here, "by", Some("product"))),
        });
    }
    let days: Vec<Mark> = of(Field::Day)?
        .into_iter()
        .filter(|(day, _)| day != "-")
        .map(|(name, amount)| Mark { name, amount, to: None })
        .collect();
    Ok(html! {
        div.charts {
            (bars(view, &format!("{}, {}", words.by_product, main.currency), &marks))
            @if days.len() > 1 { (line(view, &format!("{}, {}", words.by_day, main.currency), &days)) }
        }
    })
}

/// The order of a roll-up's rows: by which column, and which way.
fn order(ask: &Ask) -> (String, bool) {
    let text = ask.get("sort").unwrap_or("");
    let (name, down) = text.strip_prefix('-').map_or((text, false), |name| (name, true));
    (name.to_owned(), down)
}

fn rollup(
    console: &Console,
    view: &View<'_>,
    reader: &Reader,
    ask: &Ask,
    shown: &BillView,
) -> Result<Markup, CommandError> {
    let words = view.words;
    let (by, then) = (ask.get("by").unwrap_or("product"), ask.get("then").unwrap_or(""));
    let mut fields: Vec<Field> = vec![parsed(by)?];
    if !then.is_empty() && then != by {
        fields.push(parsed(then)?);
    }
    let found = console.rollups.of(reader, shown, &fields, console.context.thread_count());
    let grouped = match found {
        Ok(grouped) => grouped,
        Err(error) => {
            return Ok(
                html! { (chooser(view, ask, shown, by, then)) (super::super::html::error(view, &error)) },
            );
        }
    };
    let total = grouped.columns.iter().position(|column| *column == billkeep_core::schema::Column::Total);
    let amount = |group: &Group<'_>| total.and_then(|at| group.amounts().nth(at)).unwrap_or_default();
    let (sort, down) = order(ask);
    let at = ask.get("row").and_then(|text| text.parse().ok()).unwrap_or(0_usize);
    // Rows are sorted by their keys already; subtotals need them so.
    let mut rows: Vec<Group<'_>> = grouped.rows().collect();
    match sort.as_str() {
        "total" => rows.sort_by_key(amount),
        "lines" => rows.sort_by_key(Group::lines),
        _ => {}
    }
    if down {
        rows.reverse();
    }
    let sorts_keys = !matches!(sort.as_str(), "total" | "lines");
    let window = rows.iter().skip(at).take(ROWS);
    let here = view.here();
    let heading = |name: &str, label: &str, number: bool| {
        let is = sort == name || (name == "key" && sorts_keys);
        let next = if is && !down { format!("-{name}") } else { name.to_owned() };
        let sorted = if !is {
            None
        } else if down {
            Some("descending")
        } else {
            Some("ascending")
        };
        let to = with_query(&with_query(here, "row", None), "sort", Some(&next));
        html! { th scope="col" .num[number] aria-sort=[sorted] { a href=(to) { (foreign(label)) } } }
    };
    let several = fields.len() > 1 && sorts_keys;
    let sums = if several { subtotals(&grouped, total) } else { BTreeMap::new() };
    let mut previous: Option<&str> = None;
    Ok(html! {
        section.card aria-labelledby="rollup" {
            h2 id="rollup" { (words.group_by) " " (foreign(view.term(by))) @if fields.len() > 1 { " · " (foreign(view.term(then))) } }
            (chooser(view, ask, shown, by, then))
            div.scroll tabindex="0" role="region" aria-labelledby="rollup" {
                table {
                    thead { tr {
                        @for (at, field) in fields.iter().enumerate() {
                            @if at == 0 { (heading("key", view.term(&field.to_string()), false)) }
                            @else { th scope="col" { (foreign(view.term(&field.to_string()))) } }
                        }
                        (heading("lines", words.lines, true))
                        (heading("total", words.total, true))
                        th scope="col" { (words.currency) }
                    } }
                    tbody {
                        @for group in window {
                            @let keys: Vec<&str> = group.keys().collect();
                            @if several && previous != Some(first(group)) {
                                @for ((_, currency), (lines, sum)) in sums.range((first(group), "")..).take_while(|((key, _), _)| *key == first(group)) {
                                    tr.subtotal {
                                        th scope="row" { (foreign(first(group))) }
                                        td { (words.subtotal) }
                                        td.num { (billkeep_core::ingest::grouped(*lines)) }
                                        td.num { (view.amount(*sum)) }
                                        td { (foreign(currency)) }
                                    }
                                }
                            }
                            @let _seen = previous.replace(first(group));
                            tr {
                                @for (at, key) in keys.iter().enumerate() {
                                    @let to = lines_of(shown, &fields, &keys, at);
                                    @if at == 0 { th scope="row" { a href=(to) { (foreign(key)) } } } @else { td { a href=(to) { (foreign(key)) } } }
                                }
                                td.num { (billkeep_core::ingest::grouped(group.lines())) }
                                td.num { (view.amount(amount(group))) }
                                td { (foreign(group.currency())) }
                            }
                        }
                    }
                    tfoot {
                        @for sums in &shown.revision.sums {
                            tr {
                                th scope="row" colspan=(fields.len()) { (words.grand_total) }
                                td.num { (billkeep_core::ingest::grouped(sums.lines)) }
                                td.num { (view.amount(sums.total())) }
                                td { (foreign(&sums.currency)) }
                            }
                        }
                    }
                }
            }
            (pager(view, at, rows.len(), here))
            p { (view.decimals_switch()) }
        }
    })
}

/// The value of the first field.
fn first<'a>(group: &Group<'a>) -> &'a str {
    group.keys().next().unwrap_or_default()
}

/// The lines of a row, as a link.
fn lines_of(shown: &BillView, fields: &[Field], keys: &[&str], through: usize) -> String {
    let base =
        path(&format!("/bills/{}/lines", shown.bill.key.month), &[("basis", basis_query(&shown.bill))]);
    let pairs = fields.iter().zip(keys).take(through + 1);
    pairs.zip([("field", "value"), ("field2", "value2")]).fold(base, |to, ((field, key), (name, value))| {
        with_query(&with_query(&to, name, Some(&field.to_string())), value, Some(key))
    })
}

/// Lines and total for each value of the first field and currency.
fn subtotals(grouped: &Grouped, total: Option<usize>) -> BTreeMap<(&str, &str), (u64, Amount)> {
    let mut sums: BTreeMap<(&str, &str), (u64, Amount)> = BTreeMap::new();
    for group in grouped.rows() {
        let amount = total.and_then(|at| group.amounts().nth(at)).unwrap_or_default();
        let of = sums.entry((group.keys().next().unwrap_or_default(), group.currency())).or_default();
        *of = (of.0 + group.lines(), of.1.checked_add(amount).unwrap_or(of.1));
    }
    sums
}

fn chooser(view: &View<'_>, ask: &Ask, shown: &BillView, by: &str, then: &str) -> Markup {
    let words = view.words;
    let has = |name: &&&str| {
        name.parse::<Field>().is_ok_and(|field| {
            field == Field::Day || shown.segments().any(|segment| field.index_in(&segment.schema).is_some())
        })
    };
    let mut values: Vec<(String, String)> =
        FIELDS.iter().filter(has).map(|name| ((*name).to_owned(), view.term(name).to_owned())).collect();
    for known in [by, then].into_iter().filter(|known| !known.is_empty()) {
        if !values.iter().any(|(name, _)| name == known) {
            values.push((known.to_owned(), view.term(known).to_owned()));
        }
    }
    let mut second = vec![(String::new(), words.none.to_owned())];
    second.extend(values.iter().cloned());
    html! {
        form.inline method="get" action=(format!("/bills/{}", shown.bill.key.month)) {
            @if let Some(basis) = ask.get("basis") { input type="hidden" name="basis" value=(basis); }
            @if view.decimals { input type="hidden" name="decimals" value="all"; }
            (super::super::html::select("by", "by", words.group_by, &values, by))
            (super::super::html::select("then", "then", words.then_by, &second, then))
            button type="submit" { (words.show) }
        }
    }
}

/// Links to other rows.
pub(super) fn pager(view: &View<'_>, at: usize, rows: usize, here: &str) -> Markup {
    let words = view.words;
    let last = at.saturating_add(ROWS).min(rows);
    let to = |row: usize| with_query(here, "row", Some(&row.to_string()));
    html! {
        @if rows > ROWS {
            nav.pager aria-label=(words.lines) {
                @if at > 0 { a href=(to(at.saturating_sub(ROWS))) rel="prev" { (words.previous) } }
                span { (filled(words.rows_of, &[&grouped(&(at + 1).to_string()), &grouped(&last.to_string()), &grouped(&rows.to_string())])) }
                @if last < rows { a href=(to(last)) rel="next" { (words.next) } }
            }
        }
    }
}

/// All revisions of a bill.
pub(in super::super) fn revisions(console: &Console, ask: &Ask) -> Result<Answer, CommandError> {
    let view = View::of(ask);
    let reader = console.store.read()?;
    let key = bill_key(console, &reader, ask)?;
    let bill = bill::bill(&reader, key)?;
    drop(reader);
    let (month, basis) = (key.month.to_string(), key.basis.to_string());
    let command = said(&["bill", "revisions"], &["month", "basis"], &[("month", &month), ("basis", &basis)])?;
    let all = table(console, ask, command)?;
    let diff = |name: &str, _: &[String], cell: &str| {
        let earlier = cell.parse::<u32>().ok()?.checked_sub(1).filter(|earlier| *earlier > 0)?;
        (name == "revision").then(|| {
            path(
                &format!("/bills/{month}/diff"),
                &[("basis", basis_query(&bill)), ("from", &earlier.to_string()), ("to", cell)],
            )
        })
    };
    let content = html! {
        (menu(&view, &bill, "/revisions"))
        (view.table(view.words.revisions, &all, &diff))
    };
    answer(console, ask, &format!("{} {month}", view.words.revisions), "/bills", content)
}
