//! `bill margin`: what the partner pays, what customers pay, and what is left.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::args::{Format, GroupBy, Margin};
use crate::context::Context;
use crate::error::CommandError;
use crate::output::{Column, Table};
use billkeep_core::bills::{BillView, MarginRow};
use billkeep_core::partners::{AppliedRule, Method, PriceBook};
use billkeep_core::values::Day;

pub(super) fn margin(context: &Context, args: &Margin) -> Result<(), CommandError> {
    let store = context.read()?;
    let reader = store.read()?;
    let key = context.bill_key(&reader, args.which.month, args.which.basis)?;
    let view = BillView::open(&reader, key, args.revision)?;
    let by = |what| args.by.contains(&what);
    let margin = view.margin(&reader, by(GroupBy::Owner), by(GroupBy::Product))?;
    let mut columns = Vec::new();
    columns.extend(by(GroupBy::Owner).then(|| Column::text("owner")));
    columns.extend(by(GroupBy::Product).then(|| Column::text("product")));
    columns.push(Column::text("currency"));
    columns.extend(["lines", "unpriced_lines"].map(Column::count));
    columns.extend(["cost", "unpriced_cost", "price", "margin"].map(Column::amount));
    let mut table = Table::new("billkeep.bill.margin/1", columns);
    table.more = vec![
        ("month", key.month.to_string().into()),
        ("basis", key.basis.to_string().into()),
        ("revision", view.revision.number.into()),
        ("digest", view.revision.digest.hex().into()),
        ("totals", margin.totals.iter().map(total_json).collect::<Vec<Value>>().into()),
        ("rules", margin.books.iter().flat_map(rules).collect::<Vec<Value>>().into()),
    ];
    // One screen shows the sum as well; programs have it beside the rows.
    let shows_total = context.format == Format::Table && (by(GroupBy::Owner) || by(GroupBy::Product));
    let total = |row: MarginRow| MarginRow { owner: "total".into(), product: "total".into(), ..row };
    let totals = margin.totals.into_iter().filter(|_| shows_total).map(total);
    for row in margin.rows.into_iter().chain(totals) {
        let mut cells = Vec::new();
        cells.extend(by(GroupBy::Owner).then_some(row.owner));
        cells.extend(by(GroupBy::Product).then_some(row.product));
        cells.push(row.currency);
        cells.extend([row.lines, row.unpriced_lines].map(|n| n.to_string()));
        cells.extend([row.cost, row.unpriced_cost, row.price, row.margin].map(|a| a.to_string()));
        table.rows.push(cells);
    }
    context.print(&table)?;
    if margin.books.is_empty() {
        context.say("No account has a price; `billkeep account price set` sets one.");
    }
    if let Some(text) = roundings(&margin.books) {
        context.say(&text);
    }
    Ok(())
}

/// The sum of all rows in a currency, for programs.
fn total_json(row: &MarginRow) -> Value {
    json!({
        "currency": row.currency,
        "lines": row.lines,
        "unpriced_lines": row.unpriced_lines,
        "cost": row.cost.to_string(),
        "unpriced_cost": row.unpriced_cost.to_string(),
        "price": row.price.to_string(),
        "margin": row.margin.to_string(),
    })
}

/// Writes in one line how many rules there are, of how many accounts, and how they round; none without rules.
fn roundings(books: &[PriceBook]) -> Option<String> {
    let mut by_rounding: BTreeMap<String, u64> = BTreeMap::new();
    for AppliedRule { rule, .. } in books.iter().flat_map(|book| &book.rules) {
        *by_rounding.entry(rule.rounding.to_string()).or_default() += 1;
    }
    let rules: u64 = by_rounding.values().sum();
    let accounts = books.iter().filter(|book| !book.rules.is_empty()).count();
    let counted = |n: u64, what: &str| if n == 1 { format!("1 {what}") } else { format!("{n} {what}s") };
    let all = by_rounding.len() > 1;
    let kinds: Vec<String> = by_rounding
        .into_iter()
        .map(|(rounding, n)| if all { format!("{rounding} ({n})") } else { rounding })
        .collect();
    (rules > 0).then(|| {
        let (rules, accounts) = (counted(rules, "rule"), counted(accounts as u64, "account"));
        let hint = "`billkeep account price list` lists the rules";
        format!("Prices by {rules} of {accounts}, rounded to {}; {hint}.", kinds.join(", "))
    })
}

/// Tells what an account's prices came from.
fn rules(book: &PriceBook) -> Vec<Value> {
    let day = |day: Option<Day>| day.map(|d| d.to_string());
    let rule = |AppliedRule { product, rule }: &AppliedRule| {
        let (name, figure) = match rule.method {
            Method::Discount(factor) => ("discount", factor),
            Method::CostPlus(percent) => ("cost-plus", percent),
        };
        json!({
            "uin": book.uin.to_string(),
            "product": if product.is_empty() { "*" } else { product },
            "rule": name,
            "figure": figure.to_string(),
            "decimals": rule.rounding.decimals,
            "rounding": rule.rounding.mode.word(),
            "from": day(rule.from),
            "to": day(rule.to),
        })
    };
    book.rules.iter().map(rule).collect()
}
