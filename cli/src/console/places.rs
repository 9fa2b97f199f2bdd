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
pub(super) struct Places(Mutex<Counts>);

#[derive(Default)]
struct Counts {
    /// The oldest first.
    strangers: Vec<Arc<Place>>,
    known: usize,
}

/// One connection's place.
#[derive(Default)]
pub(super) struct Place {
    leave: Notify,
    known: AtomicBool,
}

impl Place {
    /// Waits until it has to make room.
    pub(super) async fn is_wanted(&self) {
        self.leave.notified().await;
    }
}

/// A place that is held; it is free again when this is dropped.
#[derive(Clone)]
pub(super) struct Held(Arc<Holding>);

struct Holding {
    places: Arc<Places>,
    place: Arc<Place>,
}

impl Drop for Holding {
    fn drop(&mut self) {
        let mut counts = self.places.counts();
        let before = counts.strangers.len();
        counts.strangers.retain(|place| !Arc::ptr_eq(place, &self.place));
        // One that was asked to leave is counted nowhere; it is known only if it was made so.
        if counts.strangers.len() == before && self.place.known.load(Ordering::Relaxed) {
            counts.known = counts.known.saturating_sub(1);
        }
    }
}

impl Places {
    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives a new connection a place; the oldest stranger makes room where there is none.
    pub(super) fn enter(self: &Arc<Self>) -> Held {
        let place = Arc::new(Place::default());
        let mut counts = self.counts();
        if counts.strangers.len() >= STRANGERS_MAX {
            counts.strangers.remove(0).leave.notify_one();
        }
        counts.strangers.push(place.clone());
        drop(counts);
        Held(Arc::new(Holding { places: self.clone(), place }))
    }
}

impl Held {
    pub(super) fn place(&self) -> &Arc<Place> {
        &self.0.place
    }

    /// Notes that whoever is there has shown who they are.
    pub(super) fn is_of_somebody(&self) {
        let mut counts = self.0.places.counts();
        let at = counts.strangers.iter().position(|place| Arc::ptr_eq(place, &self.0.place));
        if let Some(at) = at.filter(|_| counts.known < KNOWN_MAX) {
            counts.strangers.remove(at);
            counts.known += 1;
            self.0.place.known.store(true, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(held: &Held) -> bool {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let soon = std::time::Duration::from_millis(1);
        runtime.block_on(async { tokio::time::timeout(soon, held.place().is_wanted()).await }).is_ok()
    }

    #[test]
    fn strangers_make_room_for_each_other_and_those_who_are_known_stay() {
        let places = Arc::new(Places::default());
        let known = places.enter();
        known.is_of_somebody();
        let strangers: Vec<Held> = (0..STRANGERS_MAX).map(|_| places.enter()).collect();
        assert!(!wanted(&known) && !wanted(&strangers[0]));
        let next = places.enter();
        assert!(wanted(&strangers[0]) && !wanted(&strangers[1]) && !wanted(&known) && !wanted(&next));
        drop((known, strangers, next));
        let counts = places.counts();
        assert_eq!((counts.strangers.len(), counts.known), (0, 0));
    }
}
