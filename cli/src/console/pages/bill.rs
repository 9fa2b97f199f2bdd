//! A month's bill: totals, state, roll-up, charts; CSV File, Refresh, Confirm.

use maud::{Markup, html};

use super::bills::state;
use super::common::{answer, basis_query, bill_key, said, table};
use super::decisions::{Decision, actions};
use super::rollup::rollup;
use crate::console::answer::Answer;
use crate::console::charts::{Mark, bars, line};
use crate::console::html::{View, fact, foreign};
use crate::console::links::{path, with_query};
use crate::console::state::{Console, Request};
use crate::console::words::filled;
use crate::error::CommandError;
use crate::text::short;
use billkeep_core::bills::{Bill, BillField, BillView, Comparison, Diff, GroupRow, Revision, Standing};
use billkeep_core::deliveries::Calendars;
use billkeep_core::engine::Snapshot;
use billkeep_core::formats::Column;
use billkeep_core::partners::Policy;
use billkeep_core::values;
use billkeep_core::values::Amount;

/// How many rows of a difference a page has.
const ROWS: usize = 200;
/// How many bars a chart has.
const BARS: usize = 10;

pub(crate) fn page(console: &Console, request: &Request) -> Result<Answer, CommandError> {
    let view = View::of(request);
    let reader = console.store.read()?;
    let key = bill_key(console, &reader, request)?;
    let shown = console.rollups.view(&reader, key)?;
    let (bill, revision) = (&shown.bill, &shown.revision);
    let basis = basis_query(bill);
    let here = path(&format!("/bills/{}", key.month), &[("basis", basis)]);
    let decision = Decision {
        bill,
        revision,
        standing: &Standing::of(&reader, key)?,
        four_eyes: Policy::of(&reader)?.four_eyes,
        today: console.context.moment(&Calendars::load(&reader)?)?.day,
        here: &here,
    };
    let content = html! {
        (menu(&view, bill, ""))
        @if let Some(seen) = request.get("seen") { (since_seen(console, &view, &reader, &shown, seen)?) }
        (head(&view, bill, revision))
        (actions(&view, request, &decision))
        (charts(console, &view, &reader, &shown, &here)?)
        (rollup(console, &view, &reader, request, &shown)?)
    };
    answer(console, request, &view.bill_title(&key, ""), "/bills", content)
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
            (fact(words.basis, html! { (view.value(&bill.key.basis.to_string())) }))
            (fact(words.revision, html! { (revision.number) }))
            (fact(words.through, html! { (revision.through.map_or_else(|| "-".to_owned(), |day| day.to_string())) }))
            (fact(words.digest, html! { code title=(revision.digest.hex()) { (short(&revision.digest.hex())) } }))
        }
        dl.totals {
            @for sums in &revision.sums {
                div {
                    dt { (words.total) " " (foreign(&sums.currency)) }
                    dd { span.big { (view.amount(sums.total())) } span.label { (filled(words.lines_count, &[&values::grouped(sums.lines)])) } }
                }
            }
        }
    }
}

/// What was changed since somebody looked: at another digest, or at this one.
fn since_seen(
    console: &Console,
    view: &View<'_>,
    reader: &Snapshot,
    shown: &BillView,
    seen: &str,
) -> Result<Markup, CommandError> {
    let words = view.words;
    if seen == shown.revision.digest.hex() {
        return Ok(html! { div.notice.good role="status" { p { (words.unchanged) } } });
    }
    let key = shown.bill.key;
    let known = Revision::list(reader, key)?.into_iter().rev().find(|revision| revision.digest.hex() == seen);
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
            Err(error) => p { (foreign(&CommandError::from(error).told(view.language).0)) },
            Ok(before) => (difference(console, view, reader, &before, shown)?),
        }
    })
}

/// The difference of two revisions, by account and product.
pub(super) fn difference(
    console: &Console,
    view: &View<'_>,
    reader: &Snapshot,
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
                @for (name, count) in counts { (fact(name, html! { (values::grouped(count)) })) }
            }
            div.scroll tabindex="0" role="group" aria-label=(words.differences) {
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

fn charts(
    console: &Console,
    view: &View<'_>,
    reader: &Snapshot,
    shown: &BillView,
    here: &str,
) -> Result<Markup, CommandError> {
    let words = view.words;
    let threads = console.context.thread_count();
    // A chart is of one currency: the one with most lines.
    let Some(main) = shown.revision.sums.iter().max_by_key(|sums| sums.lines) else { return Ok(html! {}) };
    let of = |field: BillField| -> Result<Vec<(String, Amount)>, CommandError> {
        let grouped = console.rollups.of(reader, shown, &[field], threads)?;
        let total = grouped.columns.iter().position(|column| *column == Column::Total);
        let row = |group: GroupRow<'_>| {
            let amount = total.and_then(|at| group.amounts().nth(at)).unwrap_or_default();
            (group.keys().next().unwrap_or_default().to_owned(), amount)
        };
        Ok(grouped.rows().filter(|group| group.currency() == main.currency).map(row).collect())
    };
    let mut products = of(BillField::Column(Column::ProductName))?;
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
    let days: Vec<Mark> = of(BillField::Day)?
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

/// All revisions of a bill.
pub(crate) fn revisions(console: &Console, request: &Request) -> Result<Answer, CommandError> {
    let view = View::of(request);
    let reader = console.store.read()?;
    let key = bill_key(console, &reader, request)?;
    let bill = Bill::get(&reader, key)?;
    drop(reader);
    let (month, basis) = (key.month.to_string(), key.basis.to_string());
    let command = said(&["bill", "revisions"], &["month", "basis"], &[("month", &month), ("basis", &basis)])?;
    let all = table(console, request, command)?;
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
    answer(console, request, &view.bill_title(&key, view.words.revisions), "/bills", content)
}
