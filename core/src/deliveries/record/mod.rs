//! The record of a delivery.

mod former;

use serde::{Deserialize, Serialize};

use crate::engine::store::{Records, StoreError, Table, Transaction};
use crate::exports::{Manifest, Plan, Totals};
use crate::formats::naming::BillKind;
use crate::values::digest::hex;
use crate::values::period::Day;
use crate::values::uin::Uin;

impl Delivery {
    /// Returns all deliveries, oldest first.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read.
    pub fn list(store: &impl Records) -> Result<Vec<Delivery>, StoreError> {
        store.list_of(Table::Deliveries)
    }

    /// Returns a delivery by its number, if there is one.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read.
    pub fn find(store: &impl Records, number: u64) -> Result<Option<Delivery>, StoreError> {
        store.get_of(Table::Deliveries, &number.to_be_bytes())
    }
}

/// Returns a delivery that must be there.
pub(crate) fn get(store: &impl Records, number: u64) -> Result<Delivery, StoreError> {
    store.need_of(Table::Deliveries, &number.to_be_bytes())
}

/// Puts a delivery's record.
pub(crate) fn put(writer: &Transaction, delivery: &Delivery) -> Result<(), StoreError> {
    writer.put_of(Table::Deliveries, &delivery.number.to_be_bytes(), delivery)
}

impl Delivery {
    /// Returns a delivery's manifest as it is at the sink, or is to be; those of earlier versions were not kept.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read.
    pub fn manifest(store: &impl Records, number: u64) -> Result<Option<Vec<u8>>, StoreError> {
        store.get(Table::Manifests, &number.to_be_bytes())
    }

    /// Returns the totals of a receipt. An earlier version recorded no customer's totals: those are in the manifest that was kept.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read.
    pub fn totals(store: &impl Records, number: u64, receipt: &Receipt) -> Result<Totals, StoreError> {
        if !receipt.totals.is_unknown() {
            return Ok(receipt.totals.clone());
        }
        // An encrypted manifest tells nothing.
        let kept = Delivery::manifest(store, number)?.and_then(|bytes| Manifest::from_bytes(&bytes).ok());
        Ok(kept.map_or_else(|| receipt.totals.clone(), |kept| Totals::of_customer_manifest(&kept)))
    }
}

/// Keeps a delivery's manifest.
pub(crate) fn put_manifest(writer: &Transaction, number: u64, bytes: &Vec<u8>) -> Result<(), StoreError> {
    writer.put(Table::Manifests, &number.to_be_bytes(), bytes)
}

/// Returns the last day for which a bill of a kind was delivered to another sink than this one, from a day on.
pub(crate) fn last_to_another(
    store: &impl Records,
    uin: Uin,
    kind: BillKind,
    sink: &str,
    from: Day,
) -> Result<Option<(Day, String)>, StoreError> {
    let of = |d: Delivery| {
        let wanted = &d.plan.wanted;
        let on = d.on.filter(|on| *on >= from)?;
        let elsewhere = wanted.uin == uin && wanted.kind == kind && d.sink != sink;
        (elsewhere && d.progress.is_delivered()).then_some((on, d.sink))
    };
    Ok(Delivery::list(store)?.into_iter().filter_map(of).max())
}

/// Where a delivery stands. Each step is a commit of its own.
///
/// ```text
/// planned → uploading → uploaded → checked → delivered → removing → removed
///    └──────────┴───────────┴──────────┴───→ abandoned
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DeliveryProgress {
    /// Its content and name are fixed; nothing is at the sink.
    Planned,
    /// All of it is there.
    Delivered(Box<Receipt>),
    /// Somebody has decided to remove it; part and manifest may or may not be there any more.
    Removing(Box<Receipt>),
    /// It was there, and was removed.
    Removed(Box<Receipt>, RemovedAt),
    /// The part is on its way, and the manifest is kept in the store; the part may or may not be there.
    Uploading(Box<Receipt>, Upload),
    /// The sink has taken the part.
    Uploaded(Box<Receipt>),
    /// The sink was asked for the part, and has it. The manifest may or may not be there.
    Checked(Box<Receipt>),
    /// It will not be delivered.
    Abandoned(Box<Abandoned>),
}

impl DeliveryProgress {
    /// Returns what was delivered, whether or not it is still there.
    pub fn receipt(&self) -> Option<&Receipt> {
        match self {
            DeliveryProgress::Delivered(receipt)
            | DeliveryProgress::Removing(receipt)
            | DeliveryProgress::Removed(receipt, _) => Some(receipt),
            _ => None,
        }
    }

    /// Says whether it was delivered, whether or not it is still there.
    pub fn is_delivered(&self) -> bool {
        self.receipt().is_some()
    }

    /// Says whether there is still something to do to deliver it.
    pub fn is_pending(&self) -> bool {
        matches!(
            self,
            DeliveryProgress::Planned
                | DeliveryProgress::Uploading(..)
                | DeliveryProgress::Uploaded(_)
                | DeliveryProgress::Checked(_)
        )
    }

    /// Returns what may be at the sink under the delivery's names, of one that is or was on its way.
    pub fn begun(&self) -> Option<&Receipt> {
        match self {
            DeliveryProgress::Uploading(receipt, _)
            | DeliveryProgress::Uploaded(receipt)
            | DeliveryProgress::Checked(receipt) => Some(receipt),
            _ => None,
        }
    }

    /// Returns the word for it.
    pub fn word(&self) -> &'static str {
        match self {
            DeliveryProgress::Planned => "planned",
            DeliveryProgress::Uploading(..) => "uploading",
            DeliveryProgress::Uploaded(_) => "uploaded",
            DeliveryProgress::Checked(_) => "checked",
            DeliveryProgress::Delivered(_) => "delivered",
            DeliveryProgress::Removing(_) => "removing",
            DeliveryProgress::Removed(..) => "removed",
            DeliveryProgress::Abandoned(_) => "abandoned",
        }
    }
}

/// An upload under way.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Upload {
    /// With it the sink finds what a killed upload left; none where an upload leaves nothing.
    pub token: Option<String>,
}

/// Why a delivery was given up, and whether something of it was left at the sink.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Abandoned {
    /// In words.
    pub why: String,
    /// The part that was left at the sink, if it could not be cleared away.
    pub part: Option<String>,
    /// When, in Unix seconds.
    pub at_unix_s: i64,
    /// Who.
    pub actor: String,
}

/// When a delivery was removed from its sink, and by whom.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemovedAt {
    /// When, in Unix seconds.
    pub at_unix_s: i64,
    /// Who.
    pub actor: String,
}

/// What was delivered; of a delivery on its way, what is to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// Where people find the part.
    pub location: String,
    /// The part's name at the sink.
    pub part: String,
    /// The length of what lies there.
    pub bytes: u64,
    /// The SHA-256 of what lies there.
    pub sha256: [u8; 32],
    /// How many lines.
    pub rows: u64,
    /// What they add up to, as whoever reads the sink may know it.
    pub totals: Totals,
    /// The manifest's name at the sink.
    pub manifest: String,
    /// The SHA-256 of what lies there.
    pub manifest_sha256: [u8; 32],
    /// When, in Unix seconds.
    pub at_unix_s: i64,
    /// Who ran it.
    pub actor: String,
    /// The sink's mark of the part's content, if it has one.
    pub tag: Option<String>,
    /// Length and SHA-256 of the zip, where what lies at the sink is encrypted.
    pub zip: Option<(u64, [u8; 32])>,
    /// Name and SHA-256 of the manifest's signature at the sink, if it was signed.
    pub signature: Option<(String, [u8; 32])>,
}

impl Receipt {
    /// Returns what lies at the sink: part, manifest and signature, each with its name, its length where that is known, and its
    /// SHA-256.
    pub(crate) fn objects(&self) -> impl Iterator<Item = (&str, Option<u64>, [u8; 32])> {
        let signature = self.signature.as_ref().map(|(name, sha256)| (name.as_str(), None, *sha256));
        [
            (self.part.as_str(), Some(self.bytes), self.sha256),
            (self.manifest.as_str(), None, self.manifest_sha256),
        ]
        .into_iter()
        .chain(signature)
    }

    /// Tells the journal of a delivery: `whereto` stands between its part and its sink.
    pub(crate) fn told(&self, number: u64, whereto: &str, sink: &str) -> String {
        let Receipt { part, rows, sha256, .. } = self;
        format!("delivery {number}: `{part}` {whereto} sink `{sink}`, {rows} lines, sha256 {}", hex(sha256))
    }

    /// Returns length and SHA-256 of the zip, encrypted or not.
    pub fn zip(&self) -> (u64, [u8; 32]) {
        self.zip.unwrap_or((self.bytes, self.sha256))
    }
}

/// What kind of failure an attempt met: what happens next depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FailureKind {
    /// It may pass: it is tried again by itself, later and later.
    #[serde(rename = "Passing")]
    Transient,
    /// The sink refuses, or the delivery may not be made: a person has to look.
    Refused,
    /// The sink does not accept who we say we are.
    Credentials,
    /// What the sink holds, or the store, is not what was written.
    Damaged,
}

impl FailureKind {
    /// Returns the word for it.
    pub fn word(self) -> &'static str {
        match self {
            FailureKind::Transient => "passing",
            FailureKind::Refused => "refused",
            FailureKind::Credentials => "credentials",
            FailureKind::Damaged => "damaged",
        }
    }
}

/// The last attempt that failed, until one succeeds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Its kind.
    pub kind: FailureKind,
    /// What happened, in words.
    pub why: String,
    /// When, in Unix seconds.
    pub at_unix_s: i64,
    /// How many attempts in a row have failed.
    pub attempts: u32,
    /// Before that time it is not tried again unless somebody asks, in Unix seconds; none where waiting does not help.
    pub next_unix_s: Option<i64>,
}

/// How long to wait after the first failure that may pass; twice as long after each further one.
const WAIT_S_MIN: i64 = 60;
/// How long to wait at most.
const WAIT_S_MAX: i64 = 3_600;
/// The longest that a destination may ask for.
const LATER_S_MAX: i64 = 86_400;

impl Failure {
    /// Notes a failure after those that were there before; what may pass waits as long as was asked for, at least.
    pub(crate) fn after(
        before: Option<&Failure>,
        kind: FailureKind,
        why: String,
        later_s: i64,
        at_unix_s: i64,
    ) -> Failure {
        let attempts = before.map_or(0, |f| f.attempts).saturating_add(1);
        let wait_s = WAIT_S_MIN
            .saturating_mul(1 << attempts.saturating_sub(1).min(16))
            .min(WAIT_S_MAX)
            .max(later_s.min(LATER_S_MAX));
        let next_unix_s = (kind == FailureKind::Transient).then(|| at_unix_s.saturating_add(wait_s));
        Failure { kind, why, at_unix_s, attempts, next_unix_s }
    }
}

/// One export to one sink.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// Counted from 1.
    pub number: u64,
    /// To which sink.
    pub sink: String,
    /// Where that sink was: another place under the same name has received nothing.
    pub url: String,
    /// What.
    pub plan: Plan,
    /// How far it has come.
    pub progress: DeliveryProgress,
    /// When it was planned, in Unix seconds.
    pub at_unix_s: i64,
    /// For which day it was due; not known of those that were planned before this was kept.
    pub on: Option<Day>,
    /// The delivery of the same bill and days that this one takes the place of.
    pub supersedes: Option<u64>,
    /// The last attempt, if it failed.
    pub failure: Option<Failure>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_further_failure_waits_twice_as_long_up_to_an_hour() {
        let mut before = None;
        let mut waits = Vec::new();
        for _ in 0..9 {
            let failure = Failure::after(before.as_ref(), FailureKind::Transient, String::new(), 0, 1_000);
            waits.push(failure.next_unix_s.unwrap() - 1_000);
            before = Some(failure);
        }
        assert_eq!(waits, [60, 120, 240, 480, 960, 1_920, 3_600, 3_600, 3_600]);
        let asked = Failure::after(None, FailureKind::Transient, String::new(), 500, 1_000);
        assert_eq!(asked.next_unix_s, Some(1_500));
        let refused = Failure::after(before.as_ref(), FailureKind::Refused, String::new(), 0, 1_000);
        assert_eq!((refused.attempts, refused.next_unix_s), (10, None));
    }
}
