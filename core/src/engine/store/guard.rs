//! Panics of redb as errors: it trusts the structure of its pages, and panics where that is broken, or where it is itself.
//!
//! A panic while pages are read is a damaged page: nothing was changed. A panic while they are changed may have any cause, and leaves
//! the transaction half done. It is never committed then, and the store writes nothing more.

use std::any::Any;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};

use super::error::StoreError;

thread_local! {
    static GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// Says whether a panic on this thread, right now, is one that the store returns as an error.
///
/// For a program's panic hook, so that nothing is said twice.
pub fn reads_a_page() -> bool {
    GUARDED.get()
}

/// Reads pages; what `read` panics with becomes [`StoreError::Damaged`]. It runs redb's code only, never a caller's.
pub(super) fn guarded<T>(read: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
    caught(read).unwrap_or_else(|_| Err(StoreError::damaged("a page", "its structure is broken")))
}

/// Changes pages; what `write` panics with becomes [`StoreError::BrokenOff`], and `broken_off` is set, so that nothing is written any
/// more. It runs redb's code only, never a caller's.
pub(super) fn guarded_write<T>(
    broken_off: &AtomicBool,
    write: impl FnOnce() -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    must_be_sound(broken_off)?;
    caught(write).unwrap_or_else(|panic| {
        broken_off.store(true, Ordering::Relaxed);
        Err(StoreError::BrokenOff(words(panic.as_ref()).into()))
    })
}

/// Refuses to go on writing where a write has broken off.
pub(super) fn must_be_sound(broken_off: &AtomicBool) -> Result<(), StoreError> {
    match broken_off.load(Ordering::Relaxed) {
        true => Err(StoreError::BrokenOff("an earlier write broke off".into())),
        false => Ok(()),
    }
}

fn caught<T>(work: impl FnOnce() -> T) -> Result<T, Box<dyn Any + Send>> {
    GUARDED.set(true);
    // What is half done is never looked at again: a read changes nothing, and a transaction that has broken off is dropped.
    let result = catch_unwind(AssertUnwindSafe(work));
    GUARDED.set(false);
    result
}

fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
    let line = text.lines().next().unwrap_or_default();
    line.chars().filter(|c| !c.is_control()).take(200).collect()
}
