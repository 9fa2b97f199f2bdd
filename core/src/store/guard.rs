//! A damaged page told as damage: redb trusts the structure of its pages while it reads, and panics where that is broken.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::StoreError;

thread_local! {
    static READING: Cell<bool> = const { Cell::new(false) };
}

/// Says whether a panic on this thread, right now, is that of a damaged page, which the store returns as an error.
///
/// For a program's panic hook, so that nothing is said twice.
pub fn reads_a_page() -> bool {
    READING.get()
}

/// Reads pages; what `read` panics with becomes [`StoreError::Damaged`]. It runs redb's code only, never a caller's.
pub(super) fn guarded<T>(read: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
    READING.set(true);
    // Nothing that is seen afterwards can be half done: reading changes nothing.
    let result = catch_unwind(AssertUnwindSafe(read));
    READING.set(false);
    result.unwrap_or_else(|_| Err(StoreError::damaged("a page", "its structure is broken")))
}
