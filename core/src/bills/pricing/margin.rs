//! What the partner keeps: its cost, the customers' prices, and the difference, line by line and exact.

use std::collections::BTreeMap;

use crate::bills::{BillError, BillView, Currencies, LineFilter};
use crate::engine::rollup::Overflow;
use crate::engine::store::Records;
use crate::values::money::Amount;
use crate::values::period::Coverage;

use super::block::PricedBlock;
use crate::engine::block::Sums;
use crate::partners::price::PriceBook;
use crate::partners::price::Terms;

/// Stands for an account's monthly fee among its products.
const FEE: &str = "(monthly fee)";

/// The margin of a month.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Margin {
    /// By owner, product and currency.
    pub rows: Vec<MarginRow>,
    /// All rows together, by currency.
    pub totals: Vec<MarginRow>,
    /// The rules that were applied, by account.
    pub books: Vec<PriceBook>,
}

/// What the partner keeps of some lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MarginRow {
    /// Whose; empty where owners are not told apart.
    pub owner: String,
    /// Of which product; empty where products are not told apart.
    pub product: String,
    /// In which currency.
    pub currency: String,
    /// How many lines.
    pub lines: u64,
    /// How many of them have no price.
    pub unpriced_lines: u64,
    /// What the partner pays for all of them.
    pub cost: Amount,
    /// What of it is for lines without a price.
    pub unpriced_cost: Amount,
    /// What customers pay.
    pub price: Amount,
    /// The price, less the cost of all lines: the partner pays for those without a price as well.
    pub margin: Amount,
}

/// The group that a sum is of, and the sum.
type Groups = BTreeMap<(String, String, String), MarginRow>;

impl BillView {
    /// Previews a month's margin, by owner, by product, by both or by neither.
    ///
    /// Lines without a price cost the partner as much as others: their cost lowers the margin. So costs, prices and margins of the rows
    /// add up to those of the bill.
    ///
    /// # Errors
    /// [`BillError::DoNotTie`] when the lines' costs are not the bill's total (I1); [`BillError`] when the store is damaged.
    pub fn margin(
        &self,
        store: &impl Records,
        by_owner: bool,
        by_product: bool,
    ) -> Result<Margin, BillError> {
        let month = self.bill.key.month;
        let coverage = Coverage::month(month);
        let mut books: BTreeMap<u64, PriceBook> = Terms::list(store)?
            .iter()
            .map(|terms| (terms.uin.number(), PriceBook::of(terms, coverage)))
            .filter(|(_, book)| !book.is_empty())
            .collect();
        let mut groups = Groups::new();
        let mut seen: BTreeMap<u64, bool> = books.keys().map(|owner| (*owner, false)).collect();
        self.walk::<BillError>(store, &LineFilter::all(), &mut |slice| {
            let block = slice.block;
            let (prepared, currencies) = block
                .prepared(|block| Ok::<_, BillError>((PricedBlock::new(block)?, Currencies::read(block)?)))?;
            let owners = block.owners()?;
            for row in slice.rows.clone() {
                let owner = owners.get(row).copied().unwrap_or(0);
                let book = books.get(&owner);
                let price = match book {
                    None => None,
                    Some(book) => prepared.price(book, block, row)?.total,
                };
                if let Some(seen) = seen.get_mut(&owner) {
                    *seen = true;
                }
                let owner = if by_owner { owner_text(owner) } else { String::new() };
                let product = if by_product { prepared.product(block, row)? } else { String::new() };
                let currency = currencies.of(row).to_owned();
                let group = group(&mut groups, owner, product, currency);
                group.add(prepared.cost(block, row)?, price).ok_or(Overflow)?;
            }
            Ok(())
        })?;
        let costs = costs(&groups).ok_or(Overflow)?;
        let told = self.revision.sums.iter().filter(|s| s.lines > 0).map(|s| (s.currency.clone(), s.total()));
        if costs != told.collect() {
            let text = |costs: &BTreeMap<String, Amount>| {
                costs
                    .iter()
                    .map(|(currency, cost)| format!("{cost} {currency}"))
                    .collect::<Vec<_>>()
                    .join(", ")
            };
            let bill = Sums::totals_text(&self.revision.sums);
            let what = "costs of lines and bill";
            return Err(BillError::DoNotTie { bill: self.bill.key, what, one: text(&costs), other: bill });
        }
        // A fee is for a month in which there is something.
        books.retain(|owner, _| seen.get(owner).copied().unwrap_or(false));
        for (owner, book) in &books {
            let Some(fee) = &book.fee else { continue };
            let owner = if by_owner { owner_text(*owner) } else { String::new() };
            let product = if by_product { FEE.to_owned() } else { String::new() };
            let group = group(&mut groups, owner, product, fee.currency.clone());
            group.price = group.price.checked_add(fee.amount).ok_or(Overflow)?;
        }
        let mut rows: Vec<MarginRow> = groups.into_values().collect();
        let mut totals = Groups::new();
        for row in &rows {
            group(&mut totals, String::new(), String::new(), row.currency.clone())
                .join(row)
                .ok_or(Overflow)?;
        }
        let mut totals: Vec<MarginRow> = totals.into_values().collect();
        for row in rows.iter_mut().chain(&mut totals) {
            row.finish().ok_or(Overflow)?;
        }
        Ok(Margin { rows, totals, books: books.into_values().collect() })
    }
}

fn owner_text(owner: u64) -> String {
    if owner == 0 { "-".to_owned() } else { owner.to_string() }
}

fn group(groups: &mut Groups, owner: String, product: String, currency: String) -> &mut MarginRow {
    let zero = Amount::ZERO.with_sum_scale();
    groups.entry((owner.clone(), product.clone(), currency.clone())).or_insert(MarginRow {
        owner,
        product,
        currency,
        lines: 0,
        unpriced_lines: 0,
        cost: zero,
        unpriced_cost: zero,
        price: zero,
        margin: zero,
    })
}

/// Returns the costs by currency.
fn costs(groups: &Groups) -> Option<BTreeMap<String, Amount>> {
    let mut costs: BTreeMap<String, Amount> = BTreeMap::new();
    for row in groups.values() {
        let cost = costs.entry(row.currency.clone()).or_default();
        *cost = cost.checked_add(row.cost)?;
    }
    Some(costs)
}

impl MarginRow {
    fn add(&mut self, cost: Amount, price: Option<Amount>) -> Option<()> {
        self.lines += 1;
        self.cost = self.cost.checked_add(cost)?;
        match price {
            Some(price) => self.price = self.price.checked_add(price)?,
            None => {
                self.unpriced_lines += 1;
                self.unpriced_cost = self.unpriced_cost.checked_add(cost)?;
            }
        }
        Some(())
    }

    /// Adds another row's lines and amounts.
    fn join(&mut self, other: &MarginRow) -> Option<()> {
        self.lines += other.lines;
        self.unpriced_lines += other.unpriced_lines;
        self.cost = self.cost.checked_add(other.cost)?;
        self.unpriced_cost = self.unpriced_cost.checked_add(other.unpriced_cost)?;
        self.price = self.price.checked_add(other.price)?;
        Some(())
    }

    fn finish(&mut self) -> Option<()> {
        self.margin = self.price.checked_sub(self.cost)?.with_sum_scale();
        self.cost = self.cost.with_sum_scale();
        self.unpriced_cost = self.unpriced_cost.with_sum_scale();
        self.price = self.price.with_sum_scale();
        Some(())
    }
}
