//! The prices of a block's lines.

use crate::bills::{BillError, ReadBlock};
use crate::engine::rollup::Overflow;
use crate::formats::schema::Column;
use crate::values::money::Amount;
use crate::values::period::Day;

use crate::partners::price::{Method, PriceBook, PriceRule};

/// What a customer pays for a line; `None` where no rule holds, or the bill does not show what it is worked out from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Price {
    /// The price, rounded.
    pub(crate) price: Option<Amount>,
    /// The price less the customer's voucher.
    pub(crate) total: Option<Amount>,
}

/// Where a block has what prices are worked out from.
pub(crate) struct PricedBlock {
    product: Option<usize>,
    original: Option<usize>,
    ri: Option<usize>,
    cost: Option<usize>,
    voucher: Option<usize>,
    days: Vec<Option<Day>>,
}

impl PricedBlock {
    pub(crate) fn new(block: &ReadBlock) -> Result<PricedBlock, BillError> {
        let schema = block.schema();
        Ok(PricedBlock {
            product: schema.index_of(Column::ProductName),
            original: schema.index_of(Column::OriginalCost),
            ri: schema.index_of(Column::RiDeductCost),
            cost: schema.total_index(),
            voucher: schema.index_of(Column::CustomerVoucher),
            days: block.own_days()?,
        })
    }

    /// Works out a line's price.
    pub(crate) fn price(&self, book: &PriceBook, block: &ReadBlock, row: usize) -> Result<Price, BillError> {
        let mut scratch = Vec::new();
        let rule = match self.product {
            None => self.rule(book, b"", row),
            Some(index) => {
                let cell = block.column(index)?.cell(row, &mut scratch);
                self.rule(book, Amount::trim_cell(cell), row)
            }
        };
        let Some(rule) = rule else { return Ok(Price::default()) };
        let base = match rule.method {
            Method::CostPlus(_) => amount(block, self.cost, row)?,
            Method::Discount(_) => match amount(block, self.original, row)? {
                None => None,
                Some(original) => {
                    let ri = amount(block, self.ri, row)?.unwrap_or(Amount::ZERO);
                    Some(original.checked_sub(ri).ok_or(Overflow)?)
                }
            },
        };
        let Some(base) = base else { return Ok(Price::default()) };
        let price = rule.method.apply(base).and_then(|exact| rule.rounding.round(exact)).ok_or(Overflow)?;
        let voucher = amount(block, self.voucher, row)?;
        let total = price.checked_sub(voucher.unwrap_or(Amount::ZERO)).ok_or(Overflow)?;
        Ok(Price { price: Some(price), total: Some(total) })
    }

    fn rule<'b>(&self, book: &'b PriceBook, product: &[u8], row: usize) -> Option<&'b PriceRule> {
        book.rule(product, self.days.get(row).copied().flatten())
    }

    /// Returns what the partner pays for a line.
    pub(super) fn cost(&self, block: &ReadBlock, row: usize) -> Result<Amount, BillError> {
        Ok(amount(block, self.cost, row)?.unwrap_or(Amount::ZERO))
    }

    /// Returns a line's product as sums by product have it.
    pub(super) fn product(&self, block: &ReadBlock, row: usize) -> Result<String, BillError> {
        let Some(index) = self.product else { return Ok("-".to_owned()) };
        let mut scratch = Vec::new();
        let cell = Amount::trim_cell(block.column(index)?.cell(row, &mut scratch));
        Ok(if cell.is_empty() { "-".to_owned() } else { String::from_utf8_lossy(cell).into_owned() })
    }
}

fn amount(block: &ReadBlock, index: Option<usize>, row: usize) -> Result<Option<Amount>, BillError> {
    let Some(index) = index else { return Ok(None) };
    let mut scratch = Vec::new();
    Ok(Amount::imported(block.column(index)?.cell(row, &mut scratch)))
}
