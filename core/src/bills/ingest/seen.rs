//! The files that a bill has.

use crate::bills::BillKey;
use crate::engine::store::{Records, StoreError, Table};

/// Returns the load that a file of this content became in this bill, if it was imported before.
pub(crate) fn file_seen(
    store: &impl Records,
    bill: BillKey,
    sha256: &[u8; 32],
) -> Result<Option<crate::bills::FileSeen>, StoreError> {
    store.get(Table::Files, &file_key(bill, sha256))
}

pub(super) fn file_key(bill: BillKey, sha256: &[u8; 32]) -> Vec<u8> {
    let mut key = bill.bytes();
    key.extend_from_slice(sha256);
    key
}
