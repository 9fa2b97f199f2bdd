//! A bill's lines: searched and paged.

use maud::{Markup, html};

use super::bill;
use super::common::{answer, bill_key, parsed};
use crate::console::answer::Answer;
use crate::console::html::{View, foreign, input, select};
use crate::console::links::{path, with_query};
use crate::console::state::{Console, Request};
use crate::console::words::filled;
use crate::error::CommandError;
use billkeep_core::bills::{BillField, PagePlace, ReadBlock, WantedPage};
use billkeep_core::formats::Column;
use billkeep_core::partners::PersonRole;
use billkeep_core::values::{Amount, BillMonth, grouped};

/// Lines on a page.
const LINES: usize = 50;
/// Lines that are looked through for one page, at most: so many take a fraction of a second.
const LOOK_MAX: u64 = 200_000;
/// By which fields lines are looked for.
const FIELDS: [&str; 8] =
    ["owner", "product", "day", "region", "project", "billing_mode", "instance", "currency"];
/// What tells a line.
const SHOWN: [Column; 5] =
    [Column::OwnerUin, Column::ProductName, Column::InstanceId, Column::Region, Column::UsageStart];

/// A line's id, the cells of [`SHOWN`], its total and its currency.
type ShownLine = (String, Vec<String>, Option<Amount>, String);

pub(crate) fn page(console: &Console, request: &Request) -> Result<Answer, CommandError> {
    let view = View::of(request);
    let words = view.words;
    let reader = console.store.read()?;
    let shown = console.rollups.view(&reader, bill_key(console, &reader, request)?)?;
    let all = shown.revision.lines();
    let mut cells = Vec::new();
    for (field, value) in [("field", "value"), ("field2", "value2")] {
        if let (Some(field), Some(value)) = (request.get(field), request.get(value)) {
            cells.push((parsed::<BillField>(field)?, value.to_owned()));
        }
    }
    let filtered = !cells.is_empty() || request.get("text").is_some();
    let from = match (request.get("after"), request.get("line")) {
        (Some(after), _) => place(after)?,
        (None, Some(line)) => PagePlace::of_line(&shown, parsed::<u64>(line)?.saturating_sub(1)),
        (None, None) => PagePlace::default(),
    };
    let wanted = WantedPage {
        cells,
        text: request.get("text").map(str::to_owned),
        from,
        limit: LINES,
        look_max: LOOK_MAX,
    };
    let mut rows: Vec<ShownLine> = Vec::new();
    let mut scratch = Vec::new();
    let found = shown.page::<CommandError>(&reader, &wanted, &mut |id, block, row| {
        let cells =
            SHOWN.iter().map(|column| text(block, *column, row, &mut scratch)).collect::<Result<_, _>>()?;
        let total = match block.schema().total_index() {
            Some(index) => Amount::parse_cell(block.column(index)?.cell(row, &mut scratch)).ok().flatten(),
            None => None,
        };
        let implied = block.schema().implied_currency().unwrap_or("");
        let currency = text(block, Column::Currency, row, &mut scratch)?;
        let currency = if currency.is_empty() { implied.to_owned() } else { currency };
        rows.push((id.to_string(), cells, total, currency));
        Ok(())
    })?;
    let month = shown.bill.key.month;
    let before = from.lines_before(&shown);
    let fields: Vec<(String, String)> =
        FIELDS.iter().map(|name| ((*name).to_owned(), view.name(name).to_owned())).collect();
    let clean = ["after", "line"].iter().fold(view.here().to_owned(), |to, name| with_query(&to, name, None));
    let next = found.next.map(|next| {
        with_query(&clean, "after", Some(&format!("{}.{}.{}", next.segment, next.block, next.row)))
    });
    let conditions: Vec<String> =
        wanted.cells.iter().map(|(field, value)| format!("{field}={value}")).collect();
    let dispute = conditions.iter().fold(
        path(&format!("/bills/{month}/dispute"), &[("basis", request.get("basis").unwrap_or(""))]),
        |to, condition| {
            format!("{to}{}filter={}", if to.contains('?') { "&" } else { "?" }, encoded(condition))
        },
    );
    let content = html! {
        (bill::menu(&view, &shown.bill, "/lines"))
        form.inline method="get" action=(format!("/bills/{month}/lines")) role="search" {
            @if let Some(basis) = request.get("basis") { input type="hidden" name="basis" value=(basis); }
            (select("field", "field", words.field, &fields, request.get("field").unwrap_or("owner")))
            (input("value", "value", words.value, "search", request.get("value").unwrap_or(""), false))
            @if let (Some(field), Some(value)) = (request.get("field2"), request.get("value2")) {
                input type="hidden" name="field2" value=(field);
                (input("value2", "value2", view.name(field), "search", value, false))
            }
            (input("text", "text", words.contains, "search", request.get("text").unwrap_or(""), false))
            button type="submit" { (words.search) }
        }
        @if !conditions.is_empty() && view.may(PersonRole::Operator) && super::disputes::is_open_to(&shown.bill) {
            p { a.button href=(dispute) { (words.dispute_these) } }
        }
        @if rows.is_empty() && found.next.is_none() { p role="status" { (words.no_lines) } }
        @if !rows.is_empty() { (table_of(&view, month, &rows)) }
        nav.pager aria-label=(words.lines) {
            @if from != PagePlace::default() { a href=(clean) { (words.first_page) } }
            @if filtered {
                @let through = found.next.map_or(all, |next| next.lines_before(&shown));
                span role="status" { (filled(words.looked_at, &[&grouped(through), &grouped(all)])) }
            } @else if !rows.is_empty() {
                @if before >= LINES as u64 {
                    a href=(with_query(&clean, "line", Some(&(before + 1 - LINES as u64).to_string()))) rel="prev" { (words.previous) }
                }
                span { (filled(words.rows_of, &[&grouped(before + 1), &grouped(before + rows.len() as u64), &grouped(all)])) }
            }
            @if let Some(next) = &next {
                a href=(next) rel="next" { (if found.cut { words.go_on } else { words.next }) }
            }
        }
        p { (view.decimals_switch()) }
    };
    answer(console, request, &view.bill_title(&shown.bill.key, words.lines), "/bills", content)
}

/// Draws lines as a table.
fn table_of(view: &View<'_>, month: BillMonth, rows: &[ShownLine]) -> Markup {
    html! {
        div.scroll tabindex="0" role="group" aria-label=(view.words.lines) {
            table {
                caption { (view.words.lines) " · " (month.to_string()) }
                thead { tr {
                    th scope="col" { (view.words.lines) }
                    @for column in SHOWN { th scope="col" { (view.name(&BillField::Column(column).to_string())) } }
                    th.num scope="col" { (view.words.total) }
                    th scope="col" { (view.words.currency) }
                } }
                tbody {
                    @for (id, cells, total, currency) in rows {
                        tr {
                            th scope="row" { (id) }
                            @for cell in cells { td { (foreign(cell)) } }
                            td.num { @if let Some(total) = total { (view.amount(*total)) } }
                            td { (foreign(currency)) }
                        }
                    }
                }
            }
        }
    }
}

fn encoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

fn text(
    block: &ReadBlock,
    column: Column,
    row: usize,
    scratch: &mut Vec<u8>,
) -> Result<String, CommandError> {
    Ok(match block.schema().index_of(column) {
        Some(index) => {
            String::from_utf8_lossy(Amount::trim_cell(block.column(index)?.cell(row, scratch))).into_owned()
        }
        None => String::new(),
    })
}

fn place(text: &str) -> Result<PagePlace, CommandError> {
    let numbers: Option<Vec<u32>> = text.split('.').map(|number| number.parse().ok()).collect();
    match numbers.as_deref() {
        Some([segment, block, row]) => Ok(PagePlace { segment: *segment, block: *block, row: *row }),
        _ => Err(CommandError::user(format!("`{text}` is not a place among lines"))),
    }
}
