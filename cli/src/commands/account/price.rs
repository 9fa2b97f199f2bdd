//! `account price` and `account column`: what customers pay and see.

use billkeep_core::contract::days_text;
use billkeep_core::money::Amount;
use billkeep_core::period::Day;
use billkeep_core::price::{self, Fee, Method, PriceRule, Rounding, product_text};

use crate::args::{FurtherColumn, Price, PriceOf};
use crate::context::Context;
use crate::error::CommandError;
use crate::output::{Column, Table};

/// What is to be set.
enum Asked {
    Method(Method),
    Fee(Amount),
}

fn asked(of: &PriceOf) -> Result<Asked, CommandError> {
    let amount = |text: &str| {
        let found = Amount::parse_cell(text.as_bytes()).ok().flatten();
        found.ok_or_else(|| CommandError::user(format!("`{text}` is not an amount")))
    };
    match (&of.discount, &of.cost_plus, &of.fee) {
        (Some(factor), ..) => Ok(Asked::Method(Method::Discount(amount(factor)?))),
        (_, Some(percent), _) => Ok(Asked::Method(Method::CostPlus(amount(percent)?))),
        (.., Some(fee)) => Ok(Asked::Fee(amount(fee)?)),
        // The command line asks for one of them.
        _ => Err(CommandError::user("say a price with `--discount`, `--cost-plus` or `--fee`")),
    }
}

pub(super) fn run(context: &Context, command: Price) -> Result<(), CommandError> {
    let (said, store) = match command {
        Price::List => return list(context),
        Price::Set { uin, of, product, currency, decimals, rounding, days } => {
            let asked = asked(&of)?;
            let store = context.write()?;
            let (writer, actor) = (store.write()?, context.actor());
            let said = match asked {
                Asked::Fee(amount) => {
                    let currency = currency.unwrap_or_default();
                    let text = format!("{amount} {currency}");
                    let fee = Fee { amount, currency, from: days.from, to: days.to };
                    price::set_fee(writer, uin, fee, &actor)?;
                    format!("a monthly fee of {text}")
                }
                Asked::Method(method) => {
                    let rounding = Rounding { decimals, mode: rounding };
                    let rule = PriceRule { method, rounding, from: days.from, to: days.to };
                    price::set_price(writer, uin, product.as_deref(), rule, &actor)?;
                    let product = product_text(product.as_deref().map_or("", str::trim));
                    format!("{method}, {rounding}, for {product}")
                }
            };
            (format!("Account {uin} pays {said}{}.", days_text(days.from, days.to)), store)
        }
        Price::Remove { uin, product, fee, days } => {
            let store = context.write()?;
            let (writer, actor) = (store.write()?, context.actor());
            let what = if fee {
                price::remove_fee(writer, uin, days.from, days.to, &actor)?;
                "monthly fee".to_owned()
            } else {
                price::remove_price(writer, uin, product.as_deref(), days.from, days.to, &actor)?;
                format!("price for {}", product_text(product.as_deref().map_or("", str::trim)))
            };
            (format!("Account {uin} has no {what}{}.", days_text(days.from, days.to)), store)
        }
    };
    context.say(&said);
    Ok(store.close()?)
}

/// Writes a day at which something begins or ends.
fn day(day: Option<Day>) -> String {
    day.map_or_else(|| "-".to_owned(), |day| day.to_string())
}

fn list(context: &Context) -> Result<(), CommandError> {
    let store = context.read()?;
    let columns = ["uin", "product", "rule", "figure", "currency", "decimals", "rounding", "from", "to"]
        .map(Column::text);
    let mut table = Table::new("billkeep.account.price.list/1", columns.to_vec());
    for terms in price::all_terms(&store.read()?)? {
        for (product, rules) in &terms.prices {
            for rule in rules {
                let (name, figure) = match rule.method {
                    Method::Discount(factor) => ("discount", factor),
                    Method::CostPlus(percent) => ("cost-plus", percent),
                };
                table.rows.push(vec![
                    terms.uin.to_string(),
                    if product.is_empty() { "*".to_owned() } else { product.clone() },
                    name.to_owned(),
                    figure.to_string(),
                    String::new(),
                    rule.rounding.decimals.to_string(),
                    rule.rounding.mode.word().to_owned(),
                    day(rule.from),
                    day(rule.to),
                ]);
            }
        }
        for fee in &terms.fees {
            table.rows.push(vec![
                terms.uin.to_string(),
                "*".to_owned(),
                "fee".to_owned(),
                fee.amount.to_string(),
                fee.currency.clone(),
                String::new(),
                String::new(),
                day(fee.from),
                day(fee.to),
            ]);
        }
    }
    table.print(context)
}

pub(super) fn column(context: &Context, command: FurtherColumn) -> Result<(), CommandError> {
    let (said, store) = match command {
        FurtherColumn::List => {
            let store = context.read()?;
            let columns = ["uin", "header"].map(Column::text).to_vec();
            let mut table = Table::new("billkeep.account.column.list/1", columns);
            for terms in price::all_terms(&store.read()?)? {
                let row = |header: &String| vec![terms.uin.to_string(), header.clone()];
                table.rows.extend(terms.columns.iter().map(row));
            }
            return table.print(context);
        }
        FurtherColumn::Add { uin, header } => {
            let store = context.write()?;
            price::set_column(store.write()?, uin, &header, true, &context.actor())?;
            (format!("Exports for account {uin} have the column `{}`.", header.trim()), store)
        }
        FurtherColumn::Remove { uin, header } => {
            let store = context.write()?;
            price::set_column(store.write()?, uin, &header, false, &context.actor())?;
            (format!("Exports for account {uin} do not have the column `{}` any more.", header.trim()), store)
        }
    };
    context.say(&said);
    Ok(store.close()?)
}
