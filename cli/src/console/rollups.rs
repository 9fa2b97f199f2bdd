//! Grouped bills that were looked at lately. A revision never changes, so what was added up once stays right.

use std::sync::{Arc, Mutex, PoisonError};

use crate::error::CommandError;
use billkeep_core::bills::{Bill, BillField, BillKey, BillView, Grouped};
use billkeep_core::engine::Snapshot;

/// How many groupings are kept.
const KEPT_MAX: usize = 64;
/// How many rows they have in all: some 200 bytes each.
const ROWS_MAX: usize = 200_000;
/// How many bills' records are kept.
const VIEWS_MAX: usize = 16;

/// What a grouping is of.
type Key = (BillKey, u32, Vec<String>);

#[derive(Default)]
struct CachedRollups {
    /// The one that was asked for last comes last.
    groups: Vec<(Key, Arc<Grouped>)>,
    views: Vec<(BillKey, u32, Arc<BillView>)>,
}

/// The cache.
pub(super) struct Rollups {
    kept: Mutex<CachedRollups>,
    /// Held while one is added up: others who want the same wait for it instead of adding it up as well.
    adding: Mutex<()>,
}

impl Rollups {
    pub(super) fn new() -> Rollups {
        Rollups { kept: Mutex::default(), adding: Mutex::default() }
    }

    fn with<T>(&self, f: impl FnOnce(&mut CachedRollups) -> T) -> T {
        f(&mut self.kept.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Returns a bill at its current revision. Its state is that of now.
    pub(super) fn view(&self, reader: &Snapshot, key: BillKey) -> Result<Arc<BillView>, CommandError> {
        let now = Bill::get(reader, key)?;
        let known = self.with(|kept| {
            let at = kept.views.iter().position(|(of, number, _)| *of == key && *number == now.revision)?;
            let found = kept.views.remove(at);
            let view = found.2.clone();
            kept.views.push(found);
            Some(view)
        });
        if let Some(view) = known.filter(|view| view.bill == now) {
            return Ok(view);
        }
        let view = Arc::new(BillView::open(reader, key, None)?);
        self.with(|kept| {
            kept.views.retain(|(of, ..)| *of != key);
            kept.views.push((key, view.revision.number, view.clone()));
            let over = kept.views.len().saturating_sub(VIEWS_MAX);
            kept.views.drain(..over);
        });
        Ok(view)
    }

    /// Returns a bill, grouped.
    pub(super) fn of(
        &self,
        reader: &Snapshot,
        view: &BillView,
        fields: &[BillField],
        threads: usize,
    ) -> Result<Arc<Grouped>, CommandError> {
        let key: Key =
            (view.bill.key, view.revision.number, fields.iter().map(ToString::to_string).collect());
        if let Some(grouped) = self.known(&key) {
            return Ok(grouped);
        }
        let _adding = self.adding.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(grouped) = self.known(&key) {
            return Ok(grouped);
        }
        let grouped = Arc::new(view.show(reader, fields, threads)?);
        self.with(|kept| {
            kept.groups.push((key, grouped.clone()));
            let rows =
                |kept: &CachedRollups| kept.groups.iter().map(|(_, grouped)| grouped.len()).sum::<usize>();
            while kept.groups.len() > KEPT_MAX || (rows(kept) > ROWS_MAX && kept.groups.len() > 1) {
                kept.groups.remove(0);
            }
        });
        Ok(grouped)
    }

    fn known(&self, key: &Key) -> Option<Arc<Grouped>> {
        self.with(|kept| {
            let at = kept.groups.iter().position(|(known, _)| known == key)?;
            let found = kept.groups.remove(at);
            let grouped = found.1.clone();
            kept.groups.push(found);
            Some(grouped)
        })
    }
}
