//! The columns of an export for a customer: those of the contract, and the customer's price.

use std::collections::BTreeSet;

use crate::bills::{BillError, BillView};
use crate::engine::store::Records;
use crate::formats::schema::{Column, ForCustomer, fold_header, header_for_customer, tag_key};
use crate::partners::price::PriceBook;

use super::csv::{Columns, CsvColumn, Priced};
use super::form::Audience;
use super::wanted::{WantedExport, coverage_last_day};
use crate::partners::price::Terms;

/// The header of a line's price for the customer.
pub(super) const PRICE_HEADER: &str = "Customer Price";
/// The header of what the customer pays for a line.
pub(super) const TOTAL_HEADER: &str = "Total Cost (Customer)";

/// Says whether a column goes to a customer who was given some further columns.
pub(super) fn goes(header: &str, further: &BTreeSet<String>) -> bool {
    match header_for_customer(header) {
        ForCustomer::Goes => true,
        ForCustomer::OnRequest => further.iter().any(|f| fold_header(f) == fold_header(header)),
        ForCustomer::Never => false,
    }
}

/// Returns the columns of an export as it is wanted: for the partner all, for a customer those of the contract.
pub(super) fn columns(
    store: &impl Records,
    view: &BillView,
    wanted: &WantedExport,
) -> Result<Columns, BillError> {
    let columns = Columns::through(view, coverage_last_day(wanted.coverage)).in_dialect(wanted.form.dialect);
    match wanted.form.audience {
        Audience::Partner => Ok(columns),
        Audience::Customer => {
            let terms = Terms::get(store, wanted.uin)?;
            Ok(for_customer(columns, PriceBook::of(&terms, wanted.coverage), &terms.columns))
        }
    }
}

/// Leaves the columns of the contract, and adds the price's where there is a rule.
///
/// The price by a rule takes the place of the one that the provider's file tells: two prices in one file would be one too many.
fn for_customer(columns: Columns, prices: PriceBook, further: &BTreeSet<String>) -> Columns {
    let priced = !prices.rules.is_empty();
    let mut kept = Columns { headers: Vec::new(), ids: Vec::new(), prices: None, ..columns };
    for (id, header) in columns.ids.into_iter().zip(columns.headers) {
        let replaced = matches!(id, CsvColumn::Known(Column::CustomerDiscountRate | Column::BeforeVoucher));
        // A file's own column of the same name would be taken for ours.
        let ours = [PRICE_HEADER, TOTAL_HEADER].iter().any(|h| fold_header(h) == fold_header(&header));
        if goes(&header, further) && !(priced && (replaced || ours)) {
            kept.ids.push(id);
            kept.headers.push(header);
        }
    }
    if priced {
        for (priced, header) in [(Priced::Price, PRICE_HEADER), (Priced::Total, TOTAL_HEADER)] {
            kept.ids.push(CsvColumn::Priced(priced));
            kept.headers.push(header.to_owned());
        }
    }
    Columns { prices: Some(prices), ..kept }
}

/// Says what a column of an export for a customer may hold of account ids: `true` where the payer's may be.
pub(super) fn may_name_payer(header: &str) -> bool {
    let column = Column::of_header(header).filter(|_| tag_key(header).is_none());
    matches!(column, Some(Column::PayerUin | Column::OperatorUin | Column::ResellerUin))
}
