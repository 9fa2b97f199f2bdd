//! Exact sums of one column, by group.
//!
//! Nearly all sums fit 64 bits at the column's scale, which is half the memory and a third of the time. The first
//! one that does not makes all of them wide.

use crate::engine::rollup::Overflow;
use crate::values::money::Amount;

/// The sums of one column, one for each group.
#[derive(Clone, Debug)]
pub(super) struct ColumnSums {
    groups: usize,
    scale: u8,
    values: Values,
}

#[derive(Clone, Debug)]
enum Values {
    /// All are zero: of the columns of a bill, some are never used.
    Zero,
    Narrow(Vec<i64>),
    Wide(Vec<i128>),
}

/// Returns by what mantissas of one scale are multiplied to be of a larger one.
fn factor(from: u8, to: u8) -> Result<i128, Overflow> {
    let by = to.checked_sub(from).ok_or(Overflow)?;
    10_i128.checked_pow(u32::from(by)).ok_or(Overflow)
}

impl ColumnSums {
    /// Makes sums of nothing.
    pub(super) fn new(groups: usize, scale: u8) -> ColumnSums {
        ColumnSums { groups, scale, values: Values::Zero }
    }

    /// Returns the number of decimals.
    pub(super) fn scale(&self) -> u8 {
        self.scale
    }

    /// Returns the sum of a group, zero for one that is not there.
    #[inline]
    pub(super) fn mantissa(&self, group: usize) -> i128 {
        match &self.values {
            Values::Zero => 0,
            Values::Narrow(values) => values.get(group).copied().map_or(0, i128::from),
            Values::Wide(values) => values.get(group).copied().unwrap_or(0),
        }
    }

    /// Returns the sum of a group.
    #[inline]
    pub(super) fn get(&self, group: usize) -> Amount {
        Amount::new(self.mantissa(group), self.scale)
    }

    /// Adds all groups up, by the currency that each has.
    pub(super) fn totals(
        &self,
        currency_of: impl Fn(usize) -> u32,
        currencies: usize,
    ) -> Result<Vec<Amount>, Overflow> {
        let mut totals = vec![0_i128; currencies];
        match (&self.values, totals.as_mut_slice()) {
            // So many as there is memory for stay below 128 bits.
            (Values::Narrow(values), [total]) => *total = values.iter().copied().map(i128::from).sum(),
            (_, totals) => {
                for group in 0..self.groups {
                    if let Some(total) = totals.get_mut(currency_of(group) as usize) {
                        *total = total.checked_add(self.mantissa(group)).ok_or(Overflow)?;
                    }
                }
            }
        }
        Ok(totals.into_iter().map(|total| Amount::new(total, self.scale)).collect())
    }

    /// Makes room for groups.
    pub(super) fn grow(&mut self, groups: usize) {
        self.groups = groups;
        match &mut self.values {
            Values::Zero => {}
            Values::Narrow(values) => values.resize(groups, 0),
            Values::Wide(values) => values.resize(groups, 0),
        }
    }

    /// Makes room for sums that are not zero.
    #[expect(
        clippy::slow_vector_initialization,
        reason = "zeros that are written cost a fault a page; those of `vec!` one at the first read, one at the first write"
    )]
    fn fill(&mut self) {
        if let Values::Zero = self.values {
            let mut values = Vec::with_capacity(self.groups);
            values.resize(self.groups, 0);
            self.values = Values::Narrow(values);
        }
    }

    /// Goes over to at least so many decimals.
    pub(super) fn raise(&mut self, scale: u8) -> Result<(), Overflow> {
        if scale <= self.scale {
            return Ok(());
        }
        let factor = factor(self.scale, scale)?;
        let raised = |v: i128| v.checked_mul(factor).ok_or(Overflow);
        let values: Vec<i128> = match &self.values {
            Values::Zero => {
                self.scale = scale;
                return Ok(());
            }
            Values::Narrow(values) => {
                values.iter().map(|v| raised(i128::from(*v))).collect::<Result<_, _>>()?
            }
            Values::Wide(values) => values.iter().map(|v| raised(*v)).collect::<Result<_, _>>()?,
        };
        let narrow: Result<Vec<i64>, _> = values.iter().map(|v| i64::try_from(*v)).collect();
        self.values = narrow.map_or(Values::Wide(values), Values::Narrow);
        self.scale = scale;
        Ok(())
    }

    /// Adds a mantissa of the sums' own scale to a group.
    pub(super) fn add(&mut self, group: u32, mantissa: i128) -> Result<(), Overflow> {
        if mantissa == 0 {
            return Ok(());
        }
        self.fill();
        if let Values::Narrow(values) = &mut self.values {
            let Some(sum) = values.get_mut(group as usize) else { return Ok(()) };
            let new = i128::from(*sum).checked_add(mantissa).ok_or(Overflow)?;
            if let Ok(new) = i64::try_from(new) {
                *sum = new;
                return Ok(());
            }
            self.values = Values::Wide(values.iter().copied().map(i128::from).collect());
        }
        if let Values::Wide(values) = &mut self.values
            && let Some(sum) = values.get_mut(group as usize)
        {
            *sum = sum.checked_add(mantissa).ok_or(Overflow)?;
        }
        Ok(())
    }

    /// Adds mantissas of a scale, which must not be larger than the sums', each to the group beside it.
    pub(super) fn add_narrow(
        &mut self,
        groups: &[u32],
        mantissas: &[i64],
        scale: u8,
    ) -> Result<(), Overflow> {
        let factor = factor(scale, self.scale)?;
        self.fill();
        let pairs = groups.iter().zip(mantissas);
        let mut added = 0;
        if let (Values::Narrow(values), Ok(factor)) = (&mut self.values, i64::try_from(factor)) {
            for (group, mantissa) in pairs.clone() {
                if let Some(sum) = values.get_mut(*group as usize) {
                    match mantissa.checked_mul(factor).and_then(|m| sum.checked_add(m)) {
                        Some(new) => *sum = new,
                        None => break,
                    }
                }
                added += 1;
            }
        }
        pairs.skip(added).try_for_each(|(group, mantissa)| {
            self.add(*group, i128::from(*mantissa).checked_mul(factor).ok_or(Overflow)?)
        })
    }

    /// Adds mantissas of a scale, which must not be larger than the sums', each to the group beside it.
    pub(super) fn add_wide(
        &mut self,
        groups: &[u32],
        mantissas: impl Iterator<Item = i128>,
        scale: u8,
    ) -> Result<(), Overflow> {
        let factor = factor(scale, self.scale)?;
        groups
            .iter()
            .zip(mantissas)
            .try_for_each(|(group, mantissa)| self.add(*group, mantissa.checked_mul(factor).ok_or(Overflow)?))
    }
}
