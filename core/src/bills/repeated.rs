//! Lines of an adjustment that its bill has already: they count twice once it has joined.

use std::collections::BTreeSet;

use super::diff::unequal_charges;
use super::error::BillError;
use super::owner_days;
use super::records::{ImportMode, Load};
use super::revise::alone;
use crate::engine::journal::Actor;
use crate::engine::store::Records;

/// Counts the lines of an adjustment that the loads it joins have already; other files replace lines, and repeat none. Only the
/// accounts and days that the adjustment touches are read.
///
/// # Errors
/// [`BillError`] when the store is damaged.
pub(crate) fn repeated(
    store: &impl Records,
    load: &Load,
    joins: &[Load],
    actor: &Actor,
) -> Result<u64, BillError> {
    if load.mode != ImportMode::Adjustment || joins.is_empty() {
        return Ok(0);
    }
    let from = alone(store, load.bill, joins, actor)?;
    let to = alone(store, load.bill, std::slice::from_ref(load), actor)?;
    let mut touched: BTreeSet<(u8, u64)> = BTreeSet::new();
    for segment in to.segments() {
        let days = owner_days::of_segment(store, segment, load.bill.basis)?;
        touched.extend(days.iter().map(|one| (one.coverage_day, one.owner)));
    }
    let mut others = 0_u64;
    unequal_charges(
        store,
        [&from, &to],
        |day, owner| touched.contains(&(day, owner)),
        &mut |is_before, _, _| {
            others += u64::from(!is_before);
            Ok(())
        },
    )?;
    Ok(load.digest.lines().saturating_sub(others))
}
