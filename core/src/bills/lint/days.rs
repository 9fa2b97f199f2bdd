//! Rules about a line's day, owner and discount: lines outside of the month, of unknown accounts, above their contract.

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;

use crate::bills::{BillError, BillView, ReadBlock, map_cells};
use crate::engine::rollup::Overflow;
use crate::formats::schema::Column;
use crate::partners::contract::Contract;
use crate::values::money::Amount;
use crate::values::period::Day;
use crate::values::uin::Uin;

use super::cells::{Numbers, is_precision, text};
use super::drive::BlockPlace;
use super::exact::times;
use super::found::LintFindings;
use super::rule::Rule;
use super::settings::LintSettings;

/// The contracts, by account and product.
pub(super) struct Rates<'a>(FxHashMap<u64, BTreeMap<&'a str, &'a Contract>>);

impl<'a> Rates<'a> {
    pub(super) fn new(contracts: &'a [Contract]) -> Rates<'a> {
        let mut rates: FxHashMap<u64, BTreeMap<&str, &Contract>> = FxHashMap::default();
        for contract in contracts {
            rates.entry(contract.uin.number()).or_default().insert(&contract.product, contract);
        }
        Rates(rates)
    }
}

/// Tells lines whose own day is before or after the month.
///
/// The day is the one that imports put a line under: the billing day, else by used time when usage began, else when it was
/// charged; by pay time the other way round. A line without any day is not outside.
pub(super) fn check_outside(
    block: &ReadBlock,
    place: &BlockPlace<'_>,
    view: &BillView,
    found: &mut LintFindings,
) -> Result<(), BillError> {
    let month = view.bill.key.month;
    found.checked(Rule::Outside, block.rows() as u64);
    // Such lines are covered by the first or the last day: all other blocks can be passed by.
    if place
        .segment
        .record
        .own_days
        .is_none_or(|d| month.first_day() <= d.first && d.last <= month.last_day())
    {
        return Ok(());
    }
    let totals = Numbers::at(block, block.schema().total_index())?;
    for (row, day) in block.own_days()?.into_iter().enumerate() {
        let Some(day) = day.filter(|day| day.month() != month) else { continue };
        let what = format!("the line is of {day}, and the bill is of {month}");
        let stake = totals.get(row).unwrap_or_default();
        found.add_line(Rule::Outside, block, place.line(row), stake, what)?;
    }
    Ok(())
}

/// Tells lines of accounts that are not known, where the known ones are given. The payer is known.
///
/// The precision difference is the month's own and is left out.
pub(super) fn check_owners(
    block: &ReadBlock,
    place: &BlockPlace<'_>,
    view: &BillView,
    settings: &LintSettings,
    found: &mut LintFindings,
) -> Result<(), BillError> {
    if settings.known_accounts.is_empty() {
        return Ok(());
    }
    found.checked(Rule::UnknownOwner, block.rows() as u64);
    let payer = view.bill.key.payer;
    let known = |cell: &[u8]| {
        Uin::parse(Amount::trim_cell(cell))
            .is_some_and(|uin| uin == payer || settings.known_accounts.contains(&uin))
    };
    let Some(index) = block.schema().index_of(Column::OwnerUin) else { return Ok(()) };
    let known = map_cells(block.column(index)?, block.rows(), known);
    if known.iter().all(|known| *known) {
        return Ok(());
    }
    let precision = match block.schema().index_of(Column::TransactionType) {
        Some(index) => map_cells(block.column(index)?, block.rows(), is_precision),
        None => Vec::new(),
    };
    let totals = Numbers::at(block, block.schema().total_index())?;
    for (row, _) in known.iter().enumerate().filter(|(_, known)| !**known) {
        if precision.get(row).copied().unwrap_or(false) {
            continue;
        }
        let owner = text(block, Column::OwnerUin, row)?;
        let what = format!("account `{owner}` is neither the payer nor a known one");
        let stake = totals.get(row).unwrap_or_default();
        found.add_line(Rule::UnknownOwner, block, place.line(row), stake, what)?;
    }
    Ok(())
}

/// Tells lines with a discount above the one that their owner has been promised for the product on that day.
///
/// At stake is the difference, times what the discount is taken from. A lower discount than promised costs nobody anything.
/// A line without a day is held against the month's last one, under which exports have it.
pub(super) fn check_contracts(
    block: &ReadBlock,
    place: &BlockPlace<'_>,
    view: &BillView,
    rates: &Rates<'_>,
    found: &mut LintFindings,
) -> Result<(), BillError> {
    let header = block.header();
    if !rates.0.keys().any(|owner| (header.owner_min..=header.owner_max).contains(owner)) {
        return Ok(());
    }
    let discounts = Numbers::of(block, Column::Discount)?;
    if discounts.shows_none() {
        return Ok(());
    }
    let original = Numbers::of(block, Column::OriginalCost)?;
    let less = [Numbers::of(block, Column::RiDeductCost)?, Numbers::of(block, Column::SpDeductCost)?];
    let days = block.own_days()?;
    let mut checked = 0;
    for (row, owner) in block.owners()?.iter().enumerate() {
        let (Some(products), Some(discount)) = (rates.0.get(owner), discounts.get(row)) else { continue };
        let product = text(block, Column::ProductName, row)?;
        let day: Day = days.get(row).copied().flatten().unwrap_or(view.bill.key.month.last_day());
        let Some(rate) = products.get(product.as_str()).and_then(|c| c.discount_on(day)) else { continue };
        checked += 1;
        if discount <= rate {
            continue;
        }
        let stake = || {
            let mut base = original.get(row).unwrap_or_default();
            for number in &less {
                base = base.checked_sub(number.get(row).unwrap_or_default())?;
            }
            times(base, discount.checked_sub(rate)?)
        };
        let stake: Amount = stake().ok_or(Overflow)?;
        let what = format!("account {owner} has {discount}, and {rate} by contract on {day}");
        found.add_line(Rule::Contract, block, place.line(row), stake, what)?;
    }
    found.checked(Rule::Contract, checked);
    Ok(())
}
