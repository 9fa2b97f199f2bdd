//! What makes a price look mistyped, before a customer sees it.

use std::collections::BTreeMap;
use std::fmt;

use crate::bills::{Bill, BillError, BillView, Currencies, LineFilter, Owners, ReadBlock, Revision};
use crate::engine::rollup::Overflow;
use crate::engine::store::Records;
use crate::values::money::Amount;
use crate::values::period::{BillMonth, Coverage};
use crate::values::uin::Uin;

use super::block::PricedBlock;
use crate::partners::contract::Contract;
use crate::partners::price::{Fee, Method, PriceBook, PriceRule, Terms};
use crate::values::dated::Dated as _;

/// A factor above this one, or so many times the cost, is taken for a slip of the keyboard.
const FACTOR_DOUBTED: i128 = 2;

/// Why a price needs a second look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Doubt {
    /// The customer would pay more than twice what it is worked out from.
    High(Method),
    /// The customer would pay next to nothing on top of the cost: a factor was probably meant, not percent.
    Small(Method),
    /// The rule itself is below the partner's cost.
    BelowCost(Method),
    /// The partner itself pays a larger share of the original cost, by its contract.
    BelowContract {
        /// For which product.
        product: String,
        /// What the partner pays, as a factor.
        contract: Amount,
    },
    /// In a month that the store has, the lines would cost the partner more than the customer pays.
    Loss {
        /// The month.
        month: BillMonth,
        /// In which currency.
        currency: String,
        /// What the customer would pay.
        price: Amount,
        /// What the partner pays.
        cost: Amount,
    },
}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Doubt::High(method) => {
                write!(f, "{method} is more than {FACTOR_DOUBTED} times what it is worked out from")
            }
            Doubt::Small(method) => write!(f, "{method} is less than one percent"),
            Doubt::BelowCost(method) => write!(f, "{method} is below the partner's cost"),
            Doubt::BelowContract { product, contract } => {
                let product = Terms::product_text(product);
                write!(f, "for {product} the partner itself pays the original cost × {contract}")
            }
            Doubt::Loss { month, currency, price, cost } => write!(
                f,
                "in {month} the customer would pay {} {currency} for lines that cost the partner {}",
                price.grouped(),
                cost.grouped()
            ),
        }
    }
}

impl Doubt {
    /// Returns what a price rule would be doubted for: by its figure, by the account's contract, and by the last month that has
    /// lines of the account on days of the rule.
    ///
    /// # Errors
    /// [`BillError`] when the store cannot be read.
    pub fn of_price(
        store: &impl Records,
        uin: Uin,
        product: Option<&str>,
        rule: PriceRule,
    ) -> Result<Vec<Doubt>, BillError> {
        let product = product.unwrap_or_default().trim();
        let (two, hundred) = (Amount::new(FACTOR_DOUBTED, 0), Amount::new(100, 0));
        let mut found = Vec::new();
        match rule.method {
            Method::Discount(factor) if factor > two => found.push(Doubt::High(rule.method)),
            Method::CostPlus(percent) if percent > hundred => found.push(Doubt::High(rule.method)),
            Method::CostPlus(percent) if percent > Amount::ZERO && percent < Amount::new(1, 0) => {
                found.push(Doubt::Small(rule.method));
            }
            Method::CostPlus(percent) if percent < Amount::ZERO => found.push(Doubt::BelowCost(rule.method)),
            Method::Discount(factor) => found.extend(below_contract(store, uin, product, rule, factor)?),
            Method::CostPlus(_) => {}
        }
        if found.is_empty() {
            found.extend(losses(store, uin, product, rule)?);
        }
        Ok(found)
    }
}

fn below_contract(
    store: &impl Records,
    uin: Uin,
    product: &str,
    rule: PriceRule,
    factor: Amount,
) -> Result<Option<Doubt>, BillError> {
    for contract in Contract::list(store)?.into_iter().filter(|contract| contract.uin == uin) {
        if !product.is_empty() && contract.product != product {
            continue;
        }
        let meets = |from: Option<_>, to: Option<_>| {
            from.is_none_or(|from| rule.to.is_none_or(|to| from <= to))
                && to.is_none_or(|to| rule.from.is_none_or(|from| from <= to))
        };
        let rate = contract.rates.iter().find(|rate| meets(rate.from, rate.to) && rate.discount > factor);
        if let Some(rate) = rate {
            return Ok(Some(Doubt::BelowContract { product: contract.product, contract: rate.discount }));
        }
    }
    Ok(None)
}

/// What is done with a charge: its block and row, its currency, and what it costs the partner.
type VisitCharge<'a> = dyn FnMut(&PricedBlock, &ReadBlock, usize, &str, Amount) -> Result<(), BillError> + 'a;

/// Prices the charges of the last month in store that the rule is for, and compares with their cost.
fn losses(store: &impl Records, uin: Uin, product: &str, rule: PriceRule) -> Result<Vec<Doubt>, BillError> {
    // Lines that have a price of their own product keep it beside a rule for all products.
    let mut others = Terms::get(store, uin)?;
    others.prices.retain(|other, _| product.is_empty() && !other.is_empty());
    let prices = BTreeMap::from([(product.to_owned(), vec![rule])]);
    let terms = Terms { prices, ..others.clone() };
    for (bill, _) in newest_first(store)? {
        let month = bill.key.month;
        let coverage = Coverage::month(month);
        let (book, others) = (PriceBook::of(&terms, coverage), PriceBook::of(&others, coverage));
        if book.rules.is_empty() {
            continue;
        }
        let view = BillView::open(store, bill.key, None)?;
        let mut sums: BTreeMap<String, (Amount, Amount)> = BTreeMap::new();
        charges(store, &view, uin, &mut |prepared, block, row, currency, cost| {
            if prepared.price(&others, block, row)?.price.is_some() {
                return Ok(());
            }
            let Some(price) = prepared.price(&book, block, row)?.total else { return Ok(()) };
            let sum = sums.entry(currency.to_owned()).or_default();
            sum.0 = sum.0.checked_add(price).ok_or(Overflow)?;
            sum.1 = sum.1.checked_add(cost).ok_or(Overflow)?;
            Ok(())
        })?;
        if sums.is_empty() {
            continue;
        }
        let loss = |(currency, (price, cost)): (String, (Amount, Amount))| {
            (price < cost).then_some(Doubt::Loss { month, currency, price, cost })
        };
        return Ok(sums.into_iter().filter_map(loss).collect());
    }
    Ok(Vec::new())
}

impl Doubt {
    /// Returns what a monthly fee would be doubted for: in the last month with lines of the account, those without a price cost the
    /// partner more than the fee.
    ///
    /// # Errors
    /// [`BillError`] when the store cannot be read.
    pub fn of_fee(store: &impl Records, uin: Uin, fee: &Fee) -> Result<Vec<Doubt>, BillError> {
        let terms = Terms::get(store, uin)?;
        for (bill, _) in newest_first(store)? {
            let month = bill.key.month;
            if !fee.holds_on(month.first_day()) {
                continue;
            }
            let view = BillView::open(store, bill.key, None)?;
            let book = PriceBook::of(&terms, Coverage::month(month));
            let mut has_lines = false;
            let mut unpriced: BTreeMap<String, Amount> = BTreeMap::new();
            charges(store, &view, uin, &mut |prepared, block, row, currency, cost| {
                has_lines = true;
                if prepared.price(&book, block, row)?.total.is_none() {
                    let sum = unpriced.entry(currency.to_owned()).or_default();
                    *sum = sum.checked_add(cost).ok_or(Overflow)?;
                }
                Ok(())
            })?;
            if !has_lines {
                continue;
            }
            let loss = |(currency, cost): (String, Amount)| {
                let price = if currency == fee.currency { fee.amount } else { Amount::ZERO };
                (price < cost).then_some(Doubt::Loss { month, currency, price, cost })
            };
            return Ok(unpriced.into_iter().filter_map(loss).collect());
        }
        Ok(Vec::new())
    }
}

/// Lists the bills of the store, the newest month first.
fn newest_first(store: &impl Records) -> Result<Vec<(Bill, Revision)>, BillError> {
    let mut bills = Bill::list(store)?;
    bills.sort_by_key(|(bill, _)| std::cmp::Reverse(bill.key.month));
    Ok(bills)
}

/// Visits the charges of an account. A refund gives back at the same rate: it says nothing of what is charged.
fn charges(
    store: &impl Records,
    view: &BillView,
    uin: Uin,
    visit: &mut VisitCharge<'_>,
) -> Result<(), BillError> {
    let filter = LineFilter { owners: Owners::one(uin), ..LineFilter::all() };
    view.walk::<BillError>(store, &filter, &mut |slice| {
        let block = slice.block;
        let (prepared, currencies) = block
            .prepared(|block| Ok::<_, BillError>((PricedBlock::new(block)?, Currencies::read(block)?)))?;
        let owners = block.owners()?;
        for row in slice.rows.clone() {
            if owners.get(row) != Some(&uin.number()) {
                continue;
            }
            let cost = prepared.cost(block, row)?;
            if cost > Amount::ZERO {
                visit(prepared, block, row, currencies.of(row), cost)?;
            }
        }
        Ok(())
    })
}
