//! `account price` and `account column`: what customers pay and see.

use billkeep_core::error::Kind;

use crate::args::{FurtherColumn, Price, PriceOf};
use crate::context::Context;
use crate::error::CommandError;
use crate::output::{Column, Table};

use billkeep_core::bills::Doubt;
use billkeep_core::partners::{Contract, Fee, Method, PriceRule, Rounding, RoundingMode, Terms};
use billkeep_core::values::{Amount, Day};

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
        (Some(factor), ..) => {
            let found = amount(factor).map_err(|error| meant(error, factor))?;
            Ok(Asked::Method(Method::Discount(found)))
        }
        (_, Some(percent), _) => {
            let found = amount(percent).map_err(|error| match number_before(percent, &["%", "％"]) {
                Some(figure) => {
                    error.hint(format!("percents are written without a sign: `--cost-plus {figure}`"))
                }
                None => error,
            })?;
            Ok(Asked::Method(Method::CostPlus(found)))
        }
        (.., Some(fee)) => Ok(Asked::Fee(amount(fee)?)),
        // The command line asks for one of them.
        _ => Err(CommandError::user("say a price with `--discount`, `--cost-plus` or `--fee`")),
    }
}

/// Returns the number before one of some signs.
fn number_before(text: &str, signs: &[&str]) -> Option<Amount> {
    let text = text.trim();
    let number = signs.iter().find_map(|sign| text.strip_suffix(sign))?;
    Amount::parse_cell(number.trim().as_bytes()).ok().flatten()
}

/// Returns a number so many times smaller, in its shortest form.
fn shifted(amount: Amount, decimals: u8) -> Option<Amount> {
    Some(Amount::new(amount.mantissa(), amount.scale().checked_add(decimals)?).shortest())
}

/// Names the factor that somebody meant who wrote it as percents (`92%`), as percents off (`8% off`) or in tenths (`9折`).
fn meant(error: CommandError, text: &str) -> CommandError {
    const TENTHS: [&str; 10] = ["零", "一", "二", "三", "四", "五", "六", "七", "八", "九"];
    let folded = text.trim().to_lowercase();
    let off = folded.strip_suffix("off").map(str::trim).or_else(|| folded.strip_prefix('-'));
    let whole = Amount::new(100, 0);
    let factor = match (off, folded.strip_suffix('折')) {
        (Some(off), _) => number_before(off, &["%", "％"])
            .and_then(|percent| whole.checked_sub(percent))
            .and_then(|rest| shifted(rest, 2)),
        (None, Some(tenths)) => match Amount::parse_cell(tenths.trim().as_bytes()).ok().flatten() {
            // `92折` is 0.92, `9折` and `9.2折` are in tenths.
            Some(figure) if figure > Amount::new(10, 0) => shifted(figure, 2),
            Some(figure) => shifted(figure, 1),
            None => {
                let digits: Option<String> = tenths
                    .trim()
                    .chars()
                    .map(|c| TENTHS.iter().position(|t| t.starts_with(c)).map(|digit| digit.to_string()))
                    .collect();
                let digits = digits.filter(|digits| !digits.is_empty() && digits.len() <= 2);
                digits.and_then(|digits| Amount::parse_cell(format!("0.{digits}").as_bytes()).ok().flatten())
            }
        },
        (None, None) => number_before(&folded, &["%", "％"]).and_then(|percent| shifted(percent, 2)),
    };
    match factor {
        Some(factor) => error
            .hint(format!("a factor is meant: `--discount {factor}` makes 100.00 to {}", hundred(factor))),
        None => error.hint("a factor is meant: `--discount 0.92` takes 8 % off"),
    }
}

/// Writes what 100.00 becomes by a factor.
fn hundred(factor: Amount) -> String {
    Method::Discount(factor)
        .of_hundred(Rounding { decimals: 8, mode: RoundingMode::HalfUp })
        .map_or_else(String::new, shown)
}

/// Writes an amount with two decimals, or with as many more as it needs.
fn shown(amount: Amount) -> String {
    let short = amount.shortest();
    let scale = short.scale().max(2);
    short.rescaled(scale).map_or(short, |mantissa| Amount::new(mantissa, scale)).grouped()
}

/// Writes what a rule makes of 100.00.
fn example(rule: &PriceRule) -> String {
    let of = if matches!(rule.method, Method::CostPlus(_)) { "a cost of 100.00" } else { "100.00" };
    let becomes = rule.method.of_hundred(rule.rounding).map(shown);
    becomes.map_or_else(String::new, |becomes| format!("; {of} becomes {becomes}"))
}

/// Makes the error of a price that looks mistyped.
fn refused(example: String, doubts: &[Doubt]) -> CommandError {
    let why: Vec<String> = doubts.iter().map(ToString::to_string).collect();
    CommandError::new(Kind::Refused, format!("the price was not set{example}: {}", why.join("; ")))
}

/// Refuses a price that looks mistyped; `--yes` accepts it.
fn not_doubted(doubts: &[Doubt], rule: &PriceRule) -> Result<(), CommandError> {
    let Some(first) = doubts.first() else { return Ok(()) };
    let error = refused(example(rule), doubts);
    let meant = match (first, rule.method) {
        (Doubt::High(_), Method::Discount(factor)) if factor <= Amount::new(100, 0) => {
            shifted(factor, if factor <= Amount::new(10, 0) { 1 } else { 2 })
        }
        _ => None,
    };
    let error = match (first, meant) {
        (_, Some(factor)) => error.hint(format!("`--discount {factor}` makes 100.00 to {}", hundred(factor))),
        (Doubt::Small(_), None) => error.hint("`--cost-plus` takes percent: 8 % is `--cost-plus 8`"),
        _ => error,
    };
    Err(error.hint("`--yes` sets it as it is"))
}

pub(super) fn run(context: &Context, command: Price) -> Result<(), CommandError> {
    let (said, store) = match command {
        Price::List => return list(context),
        Price::Set { uin, of, product, currency, decimals, rounding, days, yes } => {
            let asked = asked(&of)?;
            let store = context.write()?;
            let actor = context.actor();
            let said = match asked {
                Asked::Fee(amount) => {
                    let currency = currency.unwrap_or_default();
                    let text = format!("{amount} {currency}");
                    let fee = Fee { amount, currency, from: days.from, to: days.to };
                    if !yes && amount >= Amount::ZERO {
                        let doubts = Doubt::of_fee(&store.read()?, uin, &fee)?;
                        if !doubts.is_empty() {
                            return Err(refused(String::new(), &doubts).hint("`--yes` sets it as it is"));
                        }
                    }
                    store.transact(|tx| tx.set_fee(uin, fee, &actor))?;
                    format!("a monthly fee of {text}")
                }
                Asked::Method(method) => {
                    let rounding = Rounding { decimals, mode: rounding };
                    let rule = PriceRule { method, rounding, from: days.from, to: days.to };
                    if method.is_valid() && !yes {
                        not_doubted(&Doubt::of_price(&store.read()?, uin, product.as_deref(), rule)?, &rule)?;
                    }
                    store.transact(|tx| tx.set_price(uin, product.as_deref(), rule, &actor))?;
                    let product = Terms::product_text(product.as_deref().map_or("", str::trim));
                    format!("{method}, {rounding}, for {product}{}", example(&rule))
                }
            };
            (format!("Account {uin} pays {said}{}.", Contract::days_text(days.from, days.to)), store)
        }
        Price::Remove { uin, product, fee, days } => {
            let store = context.write()?;
            let actor = context.actor();
            let what = if fee {
                store.transact(|tx| tx.remove_fee(uin, days.from, days.to, &actor))?;
                "monthly fee".to_owned()
            } else {
                store.transact(|tx| tx.remove_price(uin, product.as_deref(), days.from, days.to, &actor))?;
                format!("price for {}", Terms::product_text(product.as_deref().map_or("", str::trim)))
            };
            (format!("Account {uin} has no {what}{}.", Contract::days_text(days.from, days.to)), store)
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
    for terms in Terms::list(&store.read()?)? {
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
    context.print(&table)
}

pub(super) fn column(context: &Context, command: FurtherColumn) -> Result<(), CommandError> {
    let (said, store) = match command {
        FurtherColumn::List => {
            let store = context.read()?;
            let columns = ["uin", "header"].map(Column::text).to_vec();
            let mut table = Table::new("billkeep.account.column.list/1", columns);
            for terms in Terms::list(&store.read()?)? {
                let row = |header: &String| vec![terms.uin.to_string(), header.clone()];
                table.rows.extend(terms.columns.iter().map(row));
            }
            return context.print(&table);
        }
        FurtherColumn::Add { uin, header } => {
            let store = context.write()?;
            store.transact(|tx| tx.set_customer_column(uin, &header, true, &context.actor()))?;
            (format!("Exports for account {uin} have the column `{}`.", header.trim()), store)
        }
        FurtherColumn::Remove { uin, header } => {
            let store = context.write()?;
            store.transact(|tx| tx.set_customer_column(uin, &header, false, &context.actor()))?;
            (format!("Exports for account {uin} do not have the column `{}` any more.", header.trim()), store)
        }
    };
    context.say(&said);
    Ok(store.close()?)
}
