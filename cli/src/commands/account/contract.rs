//! `account contract`: what accounts were promised.

use crate::args::Contract;
use crate::context::Context;
use crate::error::CommandError;
use crate::output::{Column, Table};
use billkeep_core::partners::Rate;
use billkeep_core::values::{Amount, Day};

pub(super) fn run(context: &Context, command: Contract) -> Result<(), CommandError> {
    let (said, store) = match command {
        Contract::List => return list(context),
        Contract::Set { uin, product, discount, days } => {
            let amount = Amount::parse_cell(discount.as_bytes()).ok().flatten().ok_or_else(|| {
                CommandError::user(format!("`{discount}` is not a discount"))
                    .hint("write what the list price is multiplied by: `--discount 0.85` takes 15% off")
            })?;
            let rate = Rate { discount: amount, from: days.from, to: days.to };
            let store = context.write()?;
            store.transact(|tx| tx.set_contract(uin, &product, rate, &context.actor()))?;
            let days = billkeep_core::partners::Contract::days_text(days.from, days.to);
            (format!("Account {uin} has {amount} for `{}`{days}.", product.trim()), store)
        }
        Contract::Remove { uin, product, days } => {
            let store = context.write()?;
            store.transact(|tx| tx.remove_contract(uin, &product, days.from, days.to, &context.actor()))?;
            let days = billkeep_core::partners::Contract::days_text(days.from, days.to);
            (format!("Account {uin} has no contracted discount for `{}`{days}.", product.trim()), store)
        }
    };
    context.say(&said);
    Ok(store.close()?)
}

fn list(context: &Context) -> Result<(), CommandError> {
    let store = context.read()?;
    let columns = ["uin", "product", "discount", "from", "to"].map(Column::text).to_vec();
    let mut table = Table::new("billkeep.account.contract.list/1", columns);
    let day = |day: Option<Day>| day.map_or_else(|| "-".to_owned(), |d| d.to_string());
    for contract in billkeep_core::partners::Contract::list(&store.read()?)? {
        for rate in contract.rates {
            table.rows.push(vec![
                contract.uin.to_string(),
                contract.product.clone(),
                rate.discount.to_string(),
                day(rate.from),
                day(rate.to),
            ]);
        }
    }
    context.print(&table)
}
