//! A bill's sums, grouped by one field or two.

use std::collections::BTreeMap;

use maud::{Markup, html};

use super::common::{ROWS, basis_query, pager, parsed};
use crate::console::html::{View, foreign};
use crate::console::links::{path, with_query};
use crate::console::state::{Console, Request};
use crate::console::words::filled;
use crate::error::CommandError;
use billkeep_core::bills::{BillField, BillView, GroupRow, Grouped};
use billkeep_core::engine::Snapshot;
use billkeep_core::formats::Column;
use billkeep_core::values;
use billkeep_core::values::Amount;

/// By what a roll-up can be grouped, besides tags and other columns.
const FIELDS: [&str; 8] =
    ["product", "owner", "day", "region", "project", "billing_mode", "subproduct", "component"];

/// The order of a roll-up's rows: by which column, and which way.
fn order(request: &Request) -> (String, bool) {
    let text = request.get("sort").unwrap_or("");
    let (name, down) = text.strip_prefix('-').map_or((text, false), |name| (name, true));
    (name.to_owned(), down)
}

/// The roll-up of a bill, with the form that chooses its fields.
pub(super) fn rollup(
    console: &Console,
    view: &View<'_>,
    reader: &Snapshot,
    request: &Request,
    shown: &BillView,
) -> Result<Markup, CommandError> {
    let words = view.words;
    let (by, then) = (request.get("by").unwrap_or("product"), request.get("then").unwrap_or(""));
    let mut fields: Vec<BillField> = vec![parsed(by)?];
    if !then.is_empty() && then != by {
        fields.push(parsed(then)?);
    }
    let found = console.rollups.of(reader, shown, &fields, console.context.thread_count());
    let grouped = match found {
        Ok(grouped) => grouped,
        Err(error) => {
            return Ok(
                html! { (chooser(view, request, shown, by, then)) (crate::console::html::error(view, &error, None)) },
            );
        }
    };
    let total = grouped.columns.iter().position(|column| *column == Column::Total);
    let (sort, down) = order(request);
    let at = request.get("row").and_then(|text| text.parse().ok()).unwrap_or(0_usize);
    // Rows are sorted by their keys already; subtotals need them so.
    let mut rows: Vec<GroupRow<'_>> = grouped.rows().collect();
    match sort.as_str() {
        "total" => rows.sort_by_key(|group| amount_of(group, total)),
        "lines" => rows.sort_by_key(GroupRow::lines),
        _ => {}
    }
    if down {
        rows.reverse();
    }
    let sorts_keys = !matches!(sort.as_str(), "total" | "lines");
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
    let shown_rows = ShownRows {
        shown,
        fields: &fields,
        window: rows.get(at.min(rows.len())..).map_or(&[][..], |rest| rest.get(..ROWS).unwrap_or(rest)),
        total,
        subtotals: several.then(|| subtotals(&grouped, total)),
    };
    let names = match fields.len() {
        0 | 1 => view.name(by).to_owned(),
        _ => format!("{} · {}", view.name(by), view.name(then)),
    };
    let title = filled(words.grouped_by, &[&names]);
    Ok(html! {
        section.card aria-labelledby="rollup" {
            h2 id="rollup" { (foreign(&title)) }
            (chooser(view, request, shown, by, then))
            div.scroll tabindex="0" role="group" aria-labelledby="rollup" {
                table {
                    thead { tr {
                        @for (at, field) in fields.iter().enumerate() {
                            @if at == 0 { (heading("key", view.name(&field.to_string()), false)) }
                            @else { th scope="col" { (foreign(view.name(&field.to_string()))) } }
                        }
                        (heading("lines", words.lines, true))
                        (heading("total", words.total, true))
                        th scope="col" { (words.currency) }
                    } }
                    (body(view, &shown_rows))
                    (totals(view, shown, fields.len()))
                }
            }
            (pager(view, at, rows.len(), here))
            p { (view.decimals_switch()) }
        }
    })
}

/// The rows of a page, and what they are drawn with.
struct ShownRows<'a> {
    shown: &'a BillView,
    fields: &'a [BillField],
    window: &'a [GroupRow<'a>],
    /// Which of the sums is the total.
    total: Option<usize>,
    /// Sums of the first field's values, where rows are in its order.
    subtotals: Option<Subtotals<'a>>,
}

/// Lines and total for each value of the first field and currency.
type Subtotals<'a> = BTreeMap<(&'a str, &'a str), (u64, Amount)>;

fn amount_of(group: &GroupRow<'_>, total: Option<usize>) -> Amount {
    total.and_then(|at| group.amounts().nth(at)).unwrap_or_default()
}

fn body(view: &View<'_>, rows: &ShownRows<'_>) -> Markup {
    let words = view.words;
    let mut previous: Option<&str> = None;
    html! {
        tbody {
            @for group in rows.window {
                @let keys: Vec<&str> = group.keys().collect();
                @if rows.subtotals.is_some() && previous != Some(first(group)) {
                    @for ((_, currency), (lines, sum)) in rows.subtotals.iter().flat_map(|sums| sums.range((first(group), "")..).take_while(|((key, _), _)| *key == first(group))) {
                        tr.subtotal {
                            th scope="row" { (foreign(first(group))) }
                            td { (words.subtotal) }
                            td.num { (values::grouped(*lines)) }
                            td.num { (view.amount(*sum)) }
                            td { (foreign(currency)) }
                        }
                    }
                }
                @let _seen = previous.replace(first(group));
                tr {
                    @for (at, key) in keys.iter().enumerate() {
                        @let to = lines_of(rows.shown, rows.fields, &keys, at);
                        @if at == 0 { th scope="row" { a href=(to) { (foreign(key)) } } } @else { td { a href=(to) { (foreign(key)) } } }
                    }
                    td.num { (values::grouped(group.lines())) }
                    td.num { (view.amount(amount_of(group, rows.total))) }
                    td { (foreign(group.currency())) }
                }
            }
        }
    }
}

/// The bill's own sums, below all rows.
fn totals(view: &View<'_>, shown: &BillView, fields: usize) -> Markup {
    html! {
        tfoot {
            @for sums in &shown.revision.sums {
                tr {
                    th scope="row" colspan=(fields) { (view.words.grand_total) }
                    td.num { (values::grouped(sums.lines)) }
                    td.num { (view.amount(sums.total())) }
                    td { (foreign(&sums.currency)) }
                }
            }
        }
    }
}

/// The value of the first field.
fn first<'a>(group: &GroupRow<'a>) -> &'a str {
    group.keys().next().unwrap_or_default()
}

/// The lines of a row, as a link.
fn lines_of(shown: &BillView, fields: &[BillField], keys: &[&str], through: usize) -> String {
    let base =
        path(&format!("/bills/{}/lines", shown.bill.key.month), &[("basis", basis_query(&shown.bill))]);
    let pairs = fields.iter().zip(keys).take(through + 1);
    pairs.zip([("field", "value"), ("field2", "value2")]).fold(base, |to, ((field, key), (name, value))| {
        with_query(&with_query(&to, name, Some(&field.to_string())), value, Some(key))
    })
}

/// Lines and total for each value of the first field and currency.
fn subtotals(grouped: &Grouped, total: Option<usize>) -> Subtotals<'_> {
    let mut sums = Subtotals::new();
    for group in grouped.rows() {
        let amount = amount_of(&group, total);
        let of = sums.entry((first(&group), group.currency())).or_default();
        *of = (of.0 + group.lines(), of.1.checked_add(amount).unwrap_or(of.1));
    }
    sums
}

fn chooser(view: &View<'_>, request: &Request, shown: &BillView, by: &str, then: &str) -> Markup {
    let words = view.words;
    let has = |name: &&&str| {
        name.parse::<BillField>().is_ok_and(|field| {
            field == BillField::Day
                || shown.segments().any(|segment| field.index_in(&segment.schema).is_some())
        })
    };
    let mut values: Vec<(String, String)> =
        FIELDS.iter().filter(has).map(|name| ((*name).to_owned(), view.name(name).to_owned())).collect();
    for known in [by, then].into_iter().filter(|known| !known.is_empty()) {
        if !values.iter().any(|(name, _)| name == known) {
            values.push((known.to_owned(), view.name(known).to_owned()));
        }
    }
    let mut second = vec![(String::new(), words.none.to_owned())];
    second.extend(values.iter().cloned());
    html! {
        form.inline method="get" action=(format!("/bills/{}", shown.bill.key.month)) {
            @if let Some(basis) = request.get("basis") { input type="hidden" name="basis" value=(basis); }
            @if view.decimals { input type="hidden" name="decimals" value="all"; }
            (crate::console::html::select("by", "by", words.group_by, &values, by))
            (crate::console::html::select("then", "then", words.then_by, &second, then))
            button type="submit" { (words.show) }
        }
    }
}
