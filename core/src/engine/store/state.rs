//! What the records of a store add up to: a digest of each table that every commit keeps up to date.
//!
//! Each stored value is expanded to 1,024 numbers of 16 bits, which depend on its table, its key and its bytes. The numbers of
//! all values of a table are added, place by place, modulo 2^16 (LtHash). So the sum depends on which records there are and on
//! nothing else; a commit adds what it puts and takes off what it removes. Two different sets of records with one sum cannot be
//! found with the means there are; a plain sum of 256-bit hashes would not hold against the generalised birthday attack.
//!
//! What is between two entries of the journal (how far a delivery has come, what was sent, counters) counts as one part,
//! [`STEPS`]. All other tables are parts of their own.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::error::StoreError;
use super::format::FORMAT_KEY;
use super::tables::{Large, Table};

const LANES: usize = 1024;
const LANES_BYTES: usize = 2 * LANES;

/// The part of what changes without an entry in the journal.
pub const STEPS: &str = "steps";
/// The counters and notes in [`Table::Meta`] that change without an entry.
const COUNTERS: &str = "meta/steps";
/// How the keys of those begin.
const COUNTER_KEYS: [&[u8]; 4] = [b"next/", b"table/", b"carrying/", b"scheduler"];

/// The numbers that values add up to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Lanes(Box<[u16; LANES]>);

impl Lanes {
    pub(super) fn empty() -> Lanes {
        Lanes(Box::new([0; LANES]))
    }

    fn of_value(table: &str, key: &[u8], value: &[u8]) -> Lanes {
        let mut hasher = blake3::Hasher::new_derive_key("billkeep store state 1");
        for name in [table.as_bytes(), key] {
            hasher.update(&u64::try_from(name.len()).unwrap_or(u64::MAX).to_le_bytes());
            hasher.update(name);
        }
        hasher.update(value);
        let mut bytes = [0; LANES_BYTES];
        hasher.finalize_xof().fill(&mut bytes);
        Lanes::of_bytes(&bytes).unwrap_or_else(Lanes::empty)
    }

    /// Counts a value in.
    pub(super) fn put(&mut self, table: &str, key: &[u8], value: &[u8]) {
        self.add(&Lanes::of_value(table, key, value));
    }

    /// Takes a value off.
    pub(super) fn take(&mut self, table: &str, key: &[u8], value: &[u8]) {
        let gone = Lanes::of_value(table, key, value);
        for (sum, lane) in self.0.iter_mut().zip(gone.0.iter()) {
            *sum = sum.wrapping_sub(*lane);
        }
    }

    pub(super) fn add(&mut self, other: &Lanes) {
        for (sum, lane) in self.0.iter_mut().zip(other.0.iter()) {
            *sum = sum.wrapping_add(*lane);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.iter().all(|lane| *lane == 0)
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        self.0.iter().flat_map(|lane| lane.to_le_bytes()).collect()
    }

    pub(super) fn of_bytes(bytes: &[u8]) -> Option<Lanes> {
        let (pairs, rest) = bytes.as_chunks::<2>();
        if pairs.len() != LANES || !rest.is_empty() {
            return None;
        }
        let mut lanes = Lanes::empty();
        for (lane, pair) in lanes.0.iter_mut().zip(pairs) {
            *lane = u16::from_le_bytes(*pair);
        }
        Some(lanes)
    }

    /// Returns what the journal records of them.
    pub(super) fn digest(&self) -> [u8; 32] {
        Sha256::new().chain_update(b"billkeep state 1\n").chain_update(self.to_bytes()).finalize().into()
    }
}

/// Returns under which name a record is counted; none of what vouches for the rest: the journal, and the sums themselves.
pub(super) fn counted_as(table: Table, key: &[u8]) -> Option<&'static str> {
    match table {
        Table::Journal | Table::State => None,
        // It has no checksum, and says itself which stores have sums.
        Table::Meta if key == FORMAT_KEY => None,
        Table::Meta if COUNTER_KEYS.iter().any(|start| key.starts_with(start)) => Some(COUNTERS),
        table => Some(table.name()),
    }
}

/// Says whether what is counted under a name changes without an entry in the journal.
pub(super) fn is_step(name: &str) -> bool {
    let steps = [
        Table::Deliveries,
        Table::DeliveryKeys,
        Table::DeliverySlots,
        Table::Manifests,
        Table::SinkMemory,
        Table::Notices,
        Table::NoticeKeys,
        Table::Requests,
    ];
    name == COUNTERS || steps.iter().any(|table| table.name() == name)
}

/// The sums of one table, as they are kept in [`Table::State`] under its name.
#[derive(Serialize, Deserialize)]
pub(super) struct StoredSum {
    /// The last entry of the journal that recorded their digest; 0 before the first, and for what only [`STEPS`] covers.
    pub(super) entry: u64,
    lanes: Vec<u8>,
}

impl StoredSum {
    pub(super) fn new(entry: u64, lanes: &Lanes) -> StoredSum {
        StoredSum { entry, lanes: lanes.to_bytes() }
    }

    pub(super) fn lanes(&self, name: &str) -> Result<Lanes, StoreError> {
        Lanes::of_bytes(&self.lanes)
            .ok_or_else(|| StoreError::damaged(format!("the sums of `{name}`"), "they have another length"))
    }
}

/// Under which key in [`Table::State`] it lies what was committed since the journal's last entry.
pub(super) const SINCE: &[u8] = b"";

/// What was committed since the journal's last entry.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Since {
    /// How many commits without an entry.
    pub commits: u64,
    /// The digest of [`STEPS`] after the last of them.
    pub steps: [u8; 32],
}

/// How a commit moves the digest of a part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moved {
    /// A table's name, or [`STEPS`].
    pub part: String,
    /// Its digest before; none if nothing was kept of it.
    pub before: Option<[u8; 32]>,
    /// The last entry that recorded that, or 0.
    pub entry: u64,
    /// Its digest now.
    pub after: [u8; 32],
}

/// The sums of one table: as they were kept by those who wrote, and as its records are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableSum {
    /// The table's name. `meta/steps` are the counters in `meta`.
    pub name: String,
    /// Says whether it belongs to [`STEPS`].
    pub is_step: bool,
    /// The digest that was kept, if any.
    pub kept: Option<[u8; 32]>,
    /// The entry of the journal that was kept as the last one that records it, or 0.
    pub entry: u64,
    /// The digest of the records that are there.
    pub found: [u8; 32],
}

/// The sums of a whole store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreSums {
    /// Of each table that has records, or had.
    pub tables: Vec<TableSum>,
    /// The digest of [`STEPS`], of the records that are there.
    pub steps: [u8; 32],
    /// What the last commit said of it; none in a store without sums.
    pub since: Option<Since>,
    /// Tables in the file, and names of sums, that are not billkeep's.
    pub strangers: Vec<String>,
}

/// Returns the digest of a part without records.
pub fn empty() -> [u8; 32] {
    Lanes::empty().digest()
}

/// Says whether sums are kept under this name.
pub(super) fn is_counted(name: &str) -> bool {
    name == COUNTERS || is_known(name) && ![Table::Journal.name(), Table::State.name()].contains(&name)
}

/// Says whether a table of this name is billkeep's.
pub(super) fn is_known(name: &str) -> bool {
    Table::ALL.iter().any(|table| table.name() == name) || Large::ALL.iter().any(|large| large.name() == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_depend_on_which_values_there_are_and_not_on_the_way_to_them() {
        let mut one = Lanes::empty();
        one.put("terms", b"a", b"1");
        one.put("terms", b"b", b"2");
        let mut other = Lanes::empty();
        other.put("terms", b"b", b"1");
        other.put("terms", b"b", b"2");
        other.put("terms", b"a", b"1");
        other.take("terms", b"b", b"1");
        assert_eq!(one.digest(), other.digest());
        other.take("terms", b"a", b"1");
        other.take("terms", b"b", b"2");
        assert!(other.is_empty());
        assert_eq!(other.digest(), empty());
    }

    #[test]
    fn table_key_and_value_do_not_run_into_each_other() {
        let digest = |table: &str, key: &[u8], value: &[u8]| {
            let mut lanes = Lanes::empty();
            lanes.put(table, key, value);
            lanes.digest()
        };
        let all = [
            digest("a", b"bc", b"d"),
            digest("ab", b"c", b"d"),
            digest("a", b"b", b"cd"),
            digest("a", b"bcd", b""),
            digest("a", b"bc", b"e"),
        ];
        let distinct: std::collections::BTreeSet<_> = all.iter().collect();
        assert_eq!(distinct.len(), all.len());
    }

    /// Worked out by another program (Python's `blake3` and `hashlib`), as docs/FORMAT.md says.
    #[test]
    fn the_digest_is_the_documented_one() {
        let mut lanes = Lanes::empty();
        lanes.put("terms", b"a", b"1");
        lanes.put("terms", b"b", b"2");
        let bytes = lanes.to_bytes();
        assert_eq!(Lanes::of_bytes(&bytes), Some(lanes.clone()));
        assert_eq!(Lanes::of_bytes(&bytes[1..]), None);
        let wanted = "bc2a230c2e0b5c6f39a1b4899409cda05ab35013fc9b3a0b514878e273b0e9d1";
        assert_eq!(crate::values::digest::hex(&lanes.digest()), wanted);
    }
}
