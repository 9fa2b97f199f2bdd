//! Finds lines that two CSVs of one zip have in common: a copy beside the original, or files of single accounts beside the file of all.
//!
//! Lines of an account and a day that are all the same in two CSVs are copies. Single equal lines are not refused: providers write
//! such lines, and a check of the bill reports them.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::bill::{Load, owner_days, segment_views};
use crate::digest::Digest;
use crate::store::Read;

use super::error::ImportError;

/// Refuses a load of which two CSVs hold the same lines of an account and a day, which would count twice.
///
/// # Errors
/// [`ImportError::Twice`]; [`ImportError`] when the store is damaged.
pub(super) fn refuse(store: &impl Read, load: &Load, shown: &str) -> Result<(), ImportError> {
    let csvs: BTreeSet<u32> = load.segments.iter().map(|used| used.entry).collect();
    if csvs.len() < 2 {
        return Ok(());
    }
    let mut digests: BTreeMap<(u8, u64, u32), Digest> = BTreeMap::new();
    for (used, segment) in load.segments.iter().zip(segment_views(store, load)?) {
        for one in owner_days::of_segment(store, &segment, load.bill.basis)? {
            digests.entry((one.coverage_day, one.owner, used.entry)).or_default().merge(&one.digest);
        }
    }
    let mut seen: HashMap<(u8, u64, Digest), u32> = HashMap::new();
    for ((day, owner, entry), digest) in digests {
        if let Some(first) = seen.insert((day, owner, digest), entry) {
            let name = |entry: u32| {
                load.file.entries.get(entry as usize).map(|entry| entry.name.clone()).unwrap_or_default()
            };
            return Err(ImportError::Twice {
                file: shown.to_owned(),
                first: name(first),
                second: name(entry),
                of: load.bill.month.day(day.into()).map(|day| (owner, day)),
            });
        }
    }
    Ok(())
}
