//! Finds lines that two CSVs of one zip have in common: a copy beside the original, or files of single accounts beside the file of all.
//!
//! Two CSVs are copies, and refused, if all accounts and days of one have the same lines in the other one, or two of them have. One alone
//! says nothing: a bill that is cut into parts may be cut between equal lines. These are counted, as are single equal lines, which
//! providers write now and then; a check of the bill reports each.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::bills::{Load, owner_days, segment_views};
use crate::engine::store::Records;
use crate::values::digest::Digest;

use super::error::ImportError;

/// So many accounts and days with the same lines are no coincidence: parts meet in one at most.
const SURE_DAYS: u64 = 2;

/// Returns how many lines of a load are in an earlier CSV of the same file, too: they count twice.
///
/// # Errors
/// [`ImportError::Twice`] where two CSVs hold the same lines of an account and a day; [`ImportError`] when the store is damaged.
pub(super) fn find(store: &impl Records, load: &Load, shown: &str) -> Result<u64, ImportError> {
    let csvs: BTreeSet<u32> = load.segments.iter().map(|used| used.entry).collect();
    if csvs.len() < 2 {
        return Ok(0);
    }
    let segments = segment_views(store, load)?;
    let mut digests: BTreeMap<(u8, u64), BTreeMap<u32, Digest>> = BTreeMap::new();
    for (used, segment) in load.segments.iter().zip(&segments) {
        for one in owner_days::of_segment(store, segment, load.bill.basis)? {
            let by_csv = digests.entry((one.coverage_day, one.owner)).or_default();
            by_csv.entry(used.entry).or_default().merge(&one.digest);
        }
    }
    let mut days_of: BTreeMap<u32, u64> = BTreeMap::new();
    digests.values().flat_map(BTreeMap::keys).for_each(|entry| *days_of.entry(*entry).or_default() += 1);
    // Accounts and days of one CSV alone have nothing in common with others: nearly all, as providers cut bills.
    digests.retain(|_, by_csv| by_csv.len() > 1);
    let mut same: HashMap<(u32, u32), u64> = HashMap::new();
    for ((day, owner), by_csv) in &digests {
        let mut seen: HashMap<Digest, u32> = HashMap::new();
        for (entry, digest) in by_csv {
            let Some(first) = seen.insert(*digest, *entry) else { continue };
            let days = same.entry((first, *entry)).or_default();
            *days += 1;
            if *days == SURE_DAYS || [first, *entry].iter().any(|one| days_of.get(one) == Some(days)) {
                let name = |entry: u32| {
                    load.file.entries.get(entry as usize).map(|entry| entry.name.clone()).unwrap_or_default()
                };
                return Err(ImportError::Twice {
                    file: shown.to_owned(),
                    first: name(first),
                    second: name(*entry),
                    of: load.bill.month.day((*day).into()).map(|day| (*owner, day)),
                });
            }
        }
    }
    // One day at a time: what is held of it is a hash for each line.
    let days: BTreeSet<u8> = digests.keys().map(|(day, _)| *day).collect();
    let mut common = 0;
    for day in days {
        let mut first: HashMap<[u8; 32], u32> = HashMap::new();
        let wanted = |owner| digests.contains_key(&(day, owner));
        for (used, segment) in load.segments.iter().zip(&segments) {
            owner_days::hashes(store, segment, load.bill.basis, day, wanted, &mut |hash| {
                common += u64::from(*first.entry(hash).or_insert(used.entry) != used.entry);
            })?;
        }
    }
    Ok(common)
}
