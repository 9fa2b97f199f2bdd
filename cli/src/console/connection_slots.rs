//! How many connections there are: some for whoever has signed in, some for everybody else.
//!
//! Nobody knows who has connected until a request has come. A connection without one that was signed is a stranger's; there are
//! so many, and the one that has been here longest makes room for the next. So strangers who send their requests slowly keep
//! nobody out, and whoever has signed in keeps their connection.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// Connections of strangers at a time.
const STRANGERS_MAX: usize = 240;
/// Connections of people and programs that are known.
const KNOWN_MAX: usize = 256;

/// All connections.
#[derive(Default)]
pub(super) struct Slots(Mutex<Counts>);

#[derive(Default)]
struct Counts {
    /// The oldest first.
    strangers: Vec<Arc<Slot>>,
    known: usize,
}

/// One connection's place.
#[derive(Default)]
pub(super) struct Slot {
    leave: Notify,
    known: AtomicBool,
}

impl Slot {
    /// Waits until it has to make room.
    pub(super) async fn is_wanted(&self) {
        self.leave.notified().await;
    }
}

/// A place that is held; it is free again when this is dropped.
#[derive(Clone)]
pub(super) struct HeldSlot(Arc<SlotOwner>);

struct SlotOwner {
    slots: Arc<Slots>,
    slot: Arc<Slot>,
}

impl Drop for SlotOwner {
    fn drop(&mut self) {
        let mut counts = self.slots.counts();
        let before = counts.strangers.len();
        counts.strangers.retain(|slot| !Arc::ptr_eq(slot, &self.slot));
        // One that was asked to leave is counted nowhere; it is known only if it was made so.
        if counts.strangers.len() == before && self.slot.known.load(Ordering::Relaxed) {
            counts.known = counts.known.saturating_sub(1);
        }
    }
}

impl Slots {
    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives a new connection a place; the oldest stranger makes room where there is none.
    pub(super) fn enter(self: &Arc<Self>) -> HeldSlot {
        let slot = Arc::new(Slot::default());
        let mut counts = self.counts();
        if counts.strangers.len() >= STRANGERS_MAX {
            counts.strangers.remove(0).leave.notify_one();
        }
        counts.strangers.push(slot.clone());
        drop(counts);
        HeldSlot(Arc::new(SlotOwner { slots: self.clone(), slot }))
    }
}

impl HeldSlot {
    pub(super) fn slot(&self) -> &Arc<Slot> {
        &self.0.slot
    }

    /// Notes that whoever is there has shown who they are.
    pub(super) fn is_of_somebody(&self) {
        let mut counts = self.0.slots.counts();
        let at = counts.strangers.iter().position(|slot| Arc::ptr_eq(slot, &self.0.slot));
        if let Some(at) = at.filter(|_| counts.known < KNOWN_MAX) {
            counts.strangers.remove(at);
            counts.known += 1;
            self.0.slot.known.store(true, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(held: &HeldSlot) -> bool {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let soon = std::time::Duration::from_millis(1);
        runtime.block_on(async { tokio::time::timeout(soon, held.slot().is_wanted()).await }).is_ok()
    }

    #[test]
    fn strangers_make_room_for_each_other_and_those_who_are_known_stay() {
        let slots = Arc::new(Slots::default());
        let known = slots.enter();
        known.is_of_somebody();
        let strangers: Vec<HeldSlot> = (0..STRANGERS_MAX).map(|_| slots.enter()).collect();
        assert!(!wanted(&known) && !wanted(&strangers[0]));
        let next = slots.enter();
        assert!(wanted(&strangers[0]) && !wanted(&strangers[1]) && !wanted(&known) && !wanted(&next));
        drop((known, strangers, next));
        let counts = slots.counts();
        assert_eq!((counts.strangers.len(), counts.known), (0, 0));
    }
}
