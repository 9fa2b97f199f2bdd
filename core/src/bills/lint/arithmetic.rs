//! The published arithmetic (docs/DOMAIN.md#arithmetic), recomputed for every line that shows all of an equation's figures.
//!
//! A figure that is not shown (`-`, nothing, no such column) means "not shown", and its equations are not checked on that
//! line. Only what is taken away counts as none where it is not shown: deductions by reserved instances and savings plans,
//! and vouchers, since bills write `-` there for "none".
//!
//! Every result is rounded by the provider: to 8 decimals in L3, to 2 in L2. It is right within one unit of that decimal
//! (a setting), since the figures that it is made of may have been rounded too. A line of an L3 bill that was aggregated by
//! month, which has no transaction id, is a sum of rounded lines: up to one an hour, so its tolerance is 744 times as large.

use crate::bills::{BillError, ReadBlock, map_cells};
use crate::formats::schema::{BillLevel, Column};
use crate::values::money::{Amount, is_blank};

use super::cells::Numbers;
use super::drive::BlockPlace;
use super::exact::{ExactComparison, compare, rounded, short, size, times};
use super::found::LintFindings;
use super::rule::Rule;
use super::settings::LintSettings;

/// The most lines that one of a bill aggregated by month is made of: the hours of a month.
const MERGED_LINES_MAX: i128 = 744;

/// The most figures that an equation is made of.
const FIGURES_MAX: usize = 4;

/// An equation, but for the blended discount, which is a quotient.
struct Equation {
    rule: Rule,
    /// What it gives.
    result: Column,
    /// Must be shown.
    needs: &'static [Column],
    /// Count as zero where they are not shown.
    less: &'static [Column],
    /// The right side, in the columns' words.
    words: &'static str,
    /// Works it out from what is needed and then what is taken away; `None` beyond 128 bits.
    value: fn([Amount; FIGURES_MAX]) -> Option<Amount>,
}

const EQUATIONS: &[Equation] = &[
    Equation {
        rule: Rule::Original,
        result: Column::OriginalCost,
        needs: &[Column::ListPrice, Column::Usage, Column::Duration],
        less: &[],
        words: "list_price × usage × duration",
        value: |[price, usage, duration, _]| times(times(price, usage)?, duration),
    },
    Equation {
        rule: Rule::AfterDiscount,
        result: Column::AfterDiscount,
        needs: &[Column::OriginalCost, Column::Discount],
        less: &[Column::RiDeductCost, Column::SpDeductCost],
        words: "(original_cost − ri_deduct_cost − sp_deduct_cost) × discount",
        value: |[original, discount, ri, sp]| times(original.checked_sub(ri)?.checked_sub(sp)?, discount),
    },
    Equation {
        rule: Rule::BeforeTax,
        result: Column::BeforeTax,
        needs: &[Column::AfterDiscount],
        less: &[Column::Voucher],
        words: "after_discount − voucher",
        value: |[after, voucher, ..]| after.checked_sub(voucher),
    },
    Equation {
        rule: Rule::Tax,
        result: Column::TaxAmount,
        needs: &[Column::BeforeTax, Column::TaxRate],
        less: &[],
        words: "before_tax × tax_rate",
        value: |[before, rate, ..]| times(before, rate),
    },
    Equation {
        rule: Rule::Total,
        result: Column::Total,
        needs: &[Column::BeforeTax, Column::TaxAmount],
        less: &[],
        words: "before_tax + tax_amount",
        value: |[before, tax, ..]| before.checked_add(tax),
    },
    Equation {
        rule: Rule::CustomerTotal,
        result: Column::Total,
        needs: &[Column::OriginalCost, Column::CustomerDiscountRate],
        less: &[Column::RiDeductCost, Column::CustomerVoucher],
        words: "(original_cost − ri_deduct_cost) × customer_discount_rate − customer_voucher",
        value: |[original, rate, ri, voucher]| times(original.checked_sub(ri)?, rate)?.checked_sub(voucher),
    },
];

/// How exact the lines of a block have to be.
pub(super) struct LinePrecision {
    /// The decimals that amounts are rounded to.
    decimals: u8,
    units: i128,
    /// Which lines stand for many; empty where none does.
    merged: Vec<bool>,
}

impl LinePrecision {
    fn of(block: &ReadBlock, settings: &LintSettings) -> Result<LinePrecision, BillError> {
        let level = block.schema().level();
        let merged = match block.schema().index_of(Column::TransactionId) {
            Some(index) if level == BillLevel::L3 => map_cells(block.column(index)?, block.rows(), is_blank),
            _ => Vec::new(),
        };
        Ok(LinePrecision { decimals: decimals(level), units: i128::from(settings.tolerance_units), merged })
    }

    fn units(&self, row: usize) -> i128 {
        let merged = self.merged.get(row).copied().unwrap_or(false);
        self.units.saturating_mul(if merged { MERGED_LINES_MAX } else { 1 })
    }
}

/// Returns the decimals that amounts of a level have (docs/DOMAIN.md#levels).
pub(super) fn decimals(level: BillLevel) -> u8 {
    match level {
        BillLevel::L3 => 8,
        BillLevel::L2 => 2,
    }
}

/// Checks all equations on all lines of a block.
pub(super) fn check(
    block: &ReadBlock,
    place: &BlockPlace<'_>,
    settings: &LintSettings,
    found: &mut LintFindings,
) -> Result<(), BillError> {
    let precision = LinePrecision::of(block, settings)?;
    for equation in EQUATIONS {
        equation.check(block, place, &precision, found)?;
    }
    check_blended(block, place, &precision, found)
}

impl Equation {
    fn check(
        &self,
        block: &ReadBlock,
        place: &BlockPlace<'_>,
        precision: &LinePrecision,
        found: &mut LintFindings,
    ) -> Result<(), BillError> {
        let result = Numbers::of(block, self.result)?;
        let numbers = |columns: &[Column]| {
            columns.iter().map(|column| Numbers::of(block, *column)).collect::<Result<Vec<_>, _>>()
        };
        let needs = numbers(self.needs)?;
        if result.shows_none() || needs.iter().any(Numbers::shows_none) {
            return Ok(());
        }
        let less = numbers(self.less)?;
        // A customer's total is made of the customer's own discount and voucher, which the bill then shows.
        let of_customer = match self.rule {
            Rule::Total => Numbers::of(block, Column::CustomerDiscountRate)?,
            _ => Numbers::Missing,
        };
        let mut checked = 0;
        for row in 0..block.rows() {
            let Some(shown) = result.get(row) else { continue };
            let mut figures = [Amount::ZERO; FIGURES_MAX];
            let mut slots = figures.iter_mut();
            let all = needs.iter().zip(slots.by_ref()).all(|(need, slot)| match need.get(row) {
                Some(number) => {
                    *slot = number;
                    true
                }
                None => false,
            });
            if !all || of_customer.get(row).is_some() {
                continue;
            }
            for (number, slot) in less.iter().zip(slots) {
                *slot = number.get(row).unwrap_or_default();
            }
            checked += 1;
            let compared = match (self.value)(figures) {
                Some(value) => compare(value, shown, precision.decimals, precision.units(row)),
                None => ExactComparison::TooLarge,
            };
            match compared {
                ExactComparison::Equal => {}
                ExactComparison::Differs { expected, by } => {
                    let what = format!("{} is {shown}, but {} is {expected}", self.result.name(), self.words);
                    found.add_line(self.rule, block, place.line(row), by, what)?;
                }
                ExactComparison::TooLarge => too_large(block, place, row, self.words, shown, found)?,
            }
        }
        found.checked(self.rule, checked);
        Ok(())
    }
}

/// An equation on one line, worked out again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Recomputed {
    /// The rule's name.
    pub rule: &'static str,
    /// The figure that the line shows, and its column.
    pub result: (Column, Amount),
    /// What it is made of.
    pub words: &'static str,
    /// The figures that it is made of; what is taken away and not shown is zero.
    pub figures: Vec<(Column, Amount)>,
    /// What comes out, rounded as the provider does; `None` beyond 128 bits.
    pub expected: Option<Amount>,
    /// Says whether it is within the tolerance.
    pub agrees: bool,
}

/// Works out all equations again that some lines of a block show all figures of; each with the row.
///
/// # Errors
/// [`BillError`] when the block is damaged.
pub(crate) fn recompute(
    block: &ReadBlock,
    rows: &[usize],
    settings: &LintSettings,
) -> Result<Vec<(usize, Recomputed)>, BillError> {
    let precision = LinePrecision::of(block, settings)?;
    let mut all = Vec::new();
    for equation in EQUATIONS {
        let columns = || equation.needs.iter().chain(equation.less).copied();
        let numbers = columns().map(|c| Numbers::of(block, c)).collect::<Result<Vec<_>, _>>()?;
        let result = Numbers::of(block, equation.result)?;
        let of_customer = match equation.rule {
            Rule::Total => Numbers::of(block, Column::CustomerDiscountRate)?,
            _ => Numbers::Missing,
        };
        for row in rows.iter().copied() {
            let shown = numbers.iter().take(equation.needs.len()).all(|n| n.get(row).is_some());
            let Some(result) = result.get(row).filter(|_| shown && of_customer.get(row).is_none()) else {
                continue;
            };
            let values: Vec<Amount> = numbers.iter().map(|n| n.get(row).unwrap_or_default()).collect();
            let mut figures = [Amount::ZERO; FIGURES_MAX];
            figures.iter_mut().zip(&values).for_each(|(slot, value)| *slot = *value);
            let value = (equation.value)(figures);
            let agrees = value.is_some_and(|value| {
                compare(value, result, precision.decimals, precision.units(row)) == ExactComparison::Equal
            });
            all.push((
                row,
                Recomputed {
                    rule: equation.rule.name(),
                    result: (equation.result, result),
                    words: equation.words,
                    figures: columns().zip(values).collect(),
                    expected: value.and_then(|value| rounded(value, precision.decimals)),
                    agrees,
                },
            ));
        }
    }
    Ok(all)
}

fn too_large(
    block: &ReadBlock,
    place: &BlockPlace<'_>,
    row: usize,
    words: &str,
    shown: Amount,
    found: &mut LintFindings,
) -> Result<(), BillError> {
    let what = format!("{words} has too many digits to be worked out exactly");
    found.add_line(Rule::TooLarge, block, place.line(row), shown, what)
}

/// Checks the blended discount: the discounted amount ÷ the original, without dividing.
///
/// The quotient is rounded, and so are both amounts, which counts the more the smaller they are. So blended × original may be
/// off by the rounding of the quotient, times the original; and by a unit of each amount.
fn check_blended(
    block: &ReadBlock,
    place: &BlockPlace<'_>,
    precision: &LinePrecision,
    found: &mut LintFindings,
) -> Result<(), BillError> {
    let blended = Numbers::of(block, Column::BlendedDiscount)?;
    let original = Numbers::of(block, Column::OriginalCost)?;
    let after = Numbers::of(block, Column::AfterDiscount)?;
    if [&blended, &original, &after].iter().any(|n| n.shows_none()) {
        return Ok(());
    }
    let mut checked = 0;
    for row in 0..block.rows() {
        let (Some(blended), Some(original), Some(after)) =
            (blended.get(row), original.get(row), after.get(row))
        else {
            continue;
        };
        // Nothing can be said of a share of nothing.
        if original == Amount::ZERO {
            continue;
        }
        checked += 1;
        let shown = precision.decimals.max(short(blended).scale());
        match blended_off(blended, original, after, (shown, precision.decimals), precision.units(row)) {
            None => too_large(block, place, row, "blended_discount × original_cost", after, found)?,
            Some(by) if by == Amount::ZERO => {}
            Some(by) => {
                let what = format!(
                    "blended_discount is {blended}, but after_discount ÷ original_cost is {after} ÷ {original}"
                );
                found.add_line(Rule::Blended, block, place.line(row), by, what)?;
            }
        }
    }
    found.checked(Rule::Blended, checked);
    Ok(())
}

/// Returns by how much blended × original is off, zero within the tolerance; `None` beyond 128 bits.
fn blended_off(
    blended: Amount,
    original: Amount,
    after: Amount,
    (rate_decimals, decimals): (u8, u8),
    units: i128,
) -> Option<Amount> {
    let off = size(short(times(short(blended), short(original))?).checked_sub(short(after))?)?;
    // Twice of everything, so that half a unit is a whole number.
    let rate = Amount::new(units.checked_mul(2)?.checked_add(1)?, rate_decimals);
    let of_rate = times(rate, short(size(original)?))?;
    let one = Amount::new(1, 0).checked_add(short(size(blended)?))?;
    let of_amounts = times(Amount::new(units.checked_mul(2)?, decimals), one)?;
    let allowed = of_rate.checked_add(of_amounts)?;
    if times(off, Amount::new(2, 0))? <= allowed {
        return Some(Amount::ZERO);
    }
    rounded(off, decimals.max(8))
}
