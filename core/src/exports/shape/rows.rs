//! Writes the rows of groups, and those of what rounding leaves.

use crate::bills::BillError;
use crate::engine::rollup::Overflow;
use crate::formats::dialect::CellKind;
use crate::formats::schema::{Column, ColumnClass};
use crate::partners::price::{Rounding, RoundingMode};
use crate::values::money::Amount;
use crate::values::uin::Uin;

use super::super::ExportError;
use super::cells::{DistinctTexts, NO_VALUE};
use super::group::{LineGroup, Precisions, RoundingRest};
use super::layout::ShapeLayout;
use super::level::ShapeLevel;
use super::sheets::CsvSheets;
use super::tally::LevelTally;

/// The transaction type of a precision row (docs/DOMAIN.md#decimals-and-the-precision-difference).
const PRECISION_TYPE: &[u8] = b"billVirtualId";
/// How amounts by resource are rounded.
const CENTS: Rounding = Rounding { decimals: 2, mode: RoundingMode::HalfUp };

impl ShapeLayout {
    /// Writes the row of a group; what rounding leaves is added to its owner's.
    pub(super) fn write_group(
        &self,
        group: &LineGroup,
        texts: &DistinctTexts,
        sheets: &mut CsvSheets,
        tally: &mut LevelTally,
        precisions: &mut Precisions,
    ) -> Result<(), ExportError> {
        let overflow = || BillError::from(Overflow);
        let rounds = self.level == ShapeLevel::L2;
        let mut cells: Vec<Vec<u8>> = Vec::with_capacity(self.columns.len());
        let mut differences = vec![None; self.columns.len()];
        let held = group.cells(self, texts);
        let currency = String::from_utf8_lossy(group.currency.get(texts));
        tally.lines(&currency, group.lines);
        tally.row(&currency);
        for (i, ((_, column, _), (text, sum))) in self.columns.iter().zip(&held).enumerate() {
            let mut cell = Vec::new();
            match sum {
                Some(exact) => {
                    let shown = if rounds { CENTS.round(*exact).ok_or_else(overflow)? } else { *exact };
                    if let Some(column) = column.filter(|c| c.class() == ColumnClass::Money) {
                        self.sums_of(column).try_for_each(|sum| tally.add(&currency, sum, shown))?;
                        if let Some(slot) = differences.get_mut(i) {
                            *slot = Some(exact.checked_sub(shown).ok_or_else(overflow)?);
                        }
                    }
                    shown.write(&mut cell);
                }
                None => cell.extend_from_slice(text),
            }
            cells.push(cell);
        }
        if rounds {
            let reseller = self.columns.iter().position(|(_, c, _)| *c == Some(Column::ResellerUin));
            let reseller = reseller.and_then(|at| cells.get(at)).cloned().unwrap_or_default();
            let left = precisions.entry((currency.into_owned(), reseller)).or_insert_with(|| RoundingRest {
                texts: held.iter().map(|(text, _)| text.to_vec()).collect(),
                amounts: vec![None; self.columns.len()],
            });
            for (sum, difference) in left.amounts.iter_mut().zip(differences) {
                if let Some(difference) = difference {
                    *sum = Some(sum.unwrap_or_default().checked_add(difference).ok_or_else(overflow)?);
                }
            }
        }
        self.write_cells(&cells, sheets)
    }

    /// Writes what rounding has left of an owner's amounts, as rows of their own.
    pub(super) fn write_precisions(
        &self,
        precisions: Precisions,
        payer: Uin,
        sheets: &mut CsvSheets,
        tally: &mut LevelTally,
    ) -> Result<(), ExportError> {
        for ((currency, _), left) in precisions {
            if left.amounts.iter().flatten().any(|amount| amount.mantissa() != 0) {
                self.write_precision(&currency, &left, payer, sheets, tally)?;
            }
        }
        Ok(())
    }

    fn write_precision(
        &self,
        currency: &str,
        left: &RoundingRest,
        payer: Uin,
        sheets: &mut CsvSheets,
        tally: &mut LevelTally,
    ) -> Result<(), ExportError> {
        let mut cells: Vec<Vec<u8>> = Vec::with_capacity(self.columns.len());
        for (i, (_, column, _)) in self.columns.iter().enumerate() {
            let amount: Option<Amount> = left.amounts.get(i).copied().flatten();
            let mut cell = Vec::new();
            match (column, amount) {
                (Some(column), Some(amount)) => {
                    self.sums_of(*column).try_for_each(|sum| tally.add_precision(currency, sum, amount))?;
                    amount.write(&mut cell);
                }
                (Some(Column::TransactionType), _) => cell.extend_from_slice(PRECISION_TYPE),
                (Some(Column::PayerUin), _) => cell.extend_from_slice(payer.to_string().as_bytes()),
                (Some(Column::OwnerUin | Column::Currency | Column::ResellerUin | Column::BillMonth), _) => {
                    cell.extend_from_slice(left.texts.get(i).map_or(NO_VALUE, Vec::as_slice));
                }
                _ => cell.extend_from_slice(NO_VALUE),
            }
            cells.push(cell);
        }
        tally.row(currency);
        self.write_cells(&cells, sheets)
    }

    fn write_cells(&self, cells: &[Vec<u8>], sheets: &mut CsvSheets) -> Result<(), ExportError> {
        let kinds = self.columns.iter().map(|(_, column, _)| CellKind::of(*column));
        sheets.cells(kinds.zip(cells.iter().map(Vec::as_slice)))
    }
}
