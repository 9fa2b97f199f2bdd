//! Whether a bill is what the journal records of it.

use crate::engine::store::{Records, StoreError, Table};

use super::error::BillError;
use super::records::{BillKey, Revision};

use crate::bills::Bill;
use crate::engine::journal::Recorded;

/// Refuses a bill whose lines are not those that the journal recorded last.
///
/// One look-up. A bill of which no entry tells a digest passes: the first programs wrote none.
///
/// # Errors
/// [`StoreError::Damaged`] with both digests.
pub(crate) fn must_be_recorded(store: &impl Records, key: BillKey) -> Result<(), BillError> {
    let current: Revision =
        store.need(Table::Revisions, &Revision::key_bytes(key, Bill::get(store, key)?.revision))?;
    match Recorded::find(store, &key.subject())? {
        Some(recorded) if recorded.digest != current.digest.bytes() => Err(StoreError::Damaged {
            what: format!("the bill for {key}"),
            why: format!(
                "its digest is {}, and entry {} of the journal records {}",
                current.digest.hex(),
                recorded.entry,
                crate::values::digest::hex(&recorded.digest)
            ),
        }
        .into()),
        _ => Ok(()),
    }
}
