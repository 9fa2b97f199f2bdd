//! Makes the revisions of a bill.

use crate::block::merge_sums;
use crate::digest::Digest;
use crate::journal::Actor;
use crate::rollup::Overflow;

use super::combine::{Completeness, completeness};
use super::error::BillError;
use super::records::{BillKey, Load, Revision};

/// Makes the revision that these loads are (I1, I2: its sums and lines are those of its loads).
pub(crate) fn revise(
    bill: BillKey,
    current: Option<&Revision>,
    loads: &[Load],
    actor: &Actor,
) -> Result<Revision, BillError> {
    let mut digest = Digest::EMPTY;
    let mut sums = Vec::new();
    for load in loads {
        digest.merge(&load.digest);
        merge_sums(&mut sums, &load.sums).ok_or(Overflow)?;
    }
    let lines: u64 = sums.iter().map(|s| s.lines).sum();
    if lines != digest.lines() {
        return Err(BillError::DoNotTie {
            bill,
            what: "the lines of sums and digest",
            one: lines.to_string(),
            other: digest.lines().to_string(),
        });
    }
    let Completeness { through, missing, complete } =
        completeness(bill.month, loads.iter().filter_map(|l| l.coverage));
    let previous = current.map_or(0, |r| r.number);
    Ok(Revision {
        number: previous + 1,
        previous,
        digest,
        sums,
        loads: loads.iter().map(|l| l.number).collect(),
        through,
        missing,
        complete,
        at_unix_s: actor.at_unix_s,
        actor: actor.name.clone(),
    })
}
