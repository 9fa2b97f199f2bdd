//! The record of a delivery, and the layouts that it was stored in.

use serde::{Deserialize, Serialize};

use crate::bill::BillKey;
use crate::block::Sums;
use crate::codec::{self, CodecError, Layouts};
use crate::digest::Digest;
use crate::export::{Form, Plan, Scope, Wanted};
use crate::naming::{Kind, NameProfile};
use crate::period::{Coverage, Day};
use crate::store::{Read, StoreError, Table, Writer};
use crate::uin::Uin;

/// Returns all deliveries, oldest first.
///
/// # Errors
/// [`StoreError`] when the store cannot be read.
pub fn list(store: &impl Read) -> Result<Vec<Delivery>, StoreError> {
    store.list_of(Table::Deliveries)
}

/// Returns a delivery by its number, if there is one.
///
/// # Errors
/// [`StoreError`] when the store cannot be read.
pub fn find(store: &impl Read, number: u64) -> Result<Option<Delivery>, StoreError> {
    store.get_of(Table::Deliveries, &number.to_be_bytes())
}

/// Returns a delivery that must be there.
pub(crate) fn get(store: &impl Read, number: u64) -> Result<Delivery, StoreError> {
    store.need_of(Table::Deliveries, &number.to_be_bytes())
}

/// Puts a delivery's record.
pub(crate) fn put(writer: &Writer, delivery: &Delivery) -> Result<(), StoreError> {
    writer.put_of(Table::Deliveries, &delivery.number.to_be_bytes(), delivery)
}

/// Returns a delivery's manifest as it is at the sink, or is to be; those of earlier versions were not kept.
pub(crate) fn manifest(store: &impl Read, number: u64) -> Result<Option<Vec<u8>>, StoreError> {
    store.get(Table::Manifests, &number.to_be_bytes())
}

/// Keeps a delivery's manifest.
pub(crate) fn put_manifest(writer: &Writer, number: u64, bytes: &Vec<u8>) -> Result<(), StoreError> {
    writer.put(Table::Manifests, &number.to_be_bytes(), bytes)
}

/// Returns the last day for which a bill of a kind was delivered to another sink than this one, from a day on.
pub(crate) fn last_to_another(
    store: &impl Read,
    uin: Uin,
    kind: Kind,
    sink: &str,
    from: Day,
) -> Result<Option<(Day, String)>, StoreError> {
    let of = |d: Delivery| {
        let wanted = &d.plan.wanted;
        let on = d.on.filter(|on| *on >= from)?;
        let elsewhere = wanted.uin == uin && wanted.kind == kind && d.sink != sink;
        (elsewhere && d.progress.is_delivered()).then_some((on, d.sink))
    };
    Ok(list(store)?.into_iter().filter_map(of).max())
}

/// Where a delivery stands. Each step is a commit of its own.
///
/// ```text
/// planned → uploading → uploaded → checked → delivered → removing → removed
///    └──────────┴───────────┴──────────┴───→ abandoned
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Progress {
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

impl Progress {
    /// Returns what was delivered, whether or not it is still there.
    pub fn receipt(&self) -> Option<&Receipt> {
        match self {
            Progress::Delivered(receipt) | Progress::Removing(receipt) | Progress::Removed(receipt, _) => {
                Some(receipt)
            }
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
            Progress::Planned | Progress::Uploading(..) | Progress::Uploaded(_) | Progress::Checked(_)
        )
    }

    /// Returns what may be at the sink under the delivery's names, of one that is or was on its way.
    pub fn begun(&self) -> Option<&Receipt> {
        match self {
            Progress::Uploading(receipt, _) | Progress::Uploaded(receipt) | Progress::Checked(receipt) => {
                Some(receipt)
            }
            _ => None,
        }
    }

    /// Returns the word for it.
    pub fn word(&self) -> &'static str {
        match self {
            Progress::Planned => "planned",
            Progress::Uploading(..) => "uploading",
            Progress::Uploaded(_) => "uploaded",
            Progress::Checked(_) => "checked",
            Progress::Delivered(_) => "delivered",
            Progress::Removing(_) => "removing",
            Progress::Removed(..) => "removed",
            Progress::Abandoned(_) => "abandoned",
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
    /// Their sums.
    pub sums: Vec<Sums>,
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

    /// Returns length and SHA-256 of the zip, encrypted or not.
    pub fn zip(&self) -> (u64, [u8; 32]) {
        self.zip.unwrap_or((self.bytes, self.sha256))
    }
}

/// What kind of failure an attempt met: what happens next depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FailureKind {
    /// It may pass: it is tried again by itself, later and later.
    Passing,
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
            FailureKind::Passing => "passing",
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

impl Failure {
    /// Notes a failure after those that were there before.
    pub(super) fn after(before: Option<&Failure>, kind: FailureKind, why: String, at_unix_s: i64) -> Failure {
        let attempts = before.map_or(0, |f| f.attempts).saturating_add(1);
        let wait_s = WAIT_S_MIN.saturating_mul(1 << attempts.saturating_sub(1).min(16)).min(WAIT_S_MAX);
        let next_unix_s = (kind == FailureKind::Passing).then(|| at_unix_s.saturating_add(wait_s));
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
    pub progress: Progress,
    /// When it was planned, in Unix seconds.
    pub at_unix_s: i64,
    /// For which day it was due; not known of those that were planned before this was kept.
    pub on: Option<Day>,
    /// The delivery of the same bill and days that this one takes the place of.
    pub supersedes: Option<u64>,
    /// The last attempt, if it failed.
    pub failure: Option<Failure>,
}

/// The layout in which every export had one form.
const FIRST_LAYOUT: u8 = 1;
/// The layout in which a delivery was planned, or was there.
const SECOND_LAYOUT: u8 = 2;

#[derive(Serialize, Deserialize)]
struct SecondReceipt {
    location: String,
    part: String,
    bytes: u64,
    sha256: [u8; 32],
    rows: u64,
    sums: Vec<Sums>,
    manifest: String,
    manifest_sha256: [u8; 32],
    at_unix_s: i64,
    actor: String,
}

#[derive(Serialize, Deserialize)]
enum SecondProgress {
    Planned,
    Delivered(Box<SecondReceipt>),
    Removing(Box<SecondReceipt>),
    Removed(Box<SecondReceipt>, RemovedAt),
}

#[derive(Serialize, Deserialize)]
struct Second {
    number: u64,
    sink: String,
    url: String,
    plan: Plan,
    progress: SecondProgress,
    at_unix_s: i64,
    on: Option<Day>,
}

impl From<SecondReceipt> for Box<Receipt> {
    fn from(second: SecondReceipt) -> Box<Receipt> {
        let SecondReceipt { location, part, bytes, sha256, rows, sums, manifest, manifest_sha256, .. } =
            second;
        Box::new(Receipt {
            location,
            part,
            bytes,
            sha256,
            rows,
            sums,
            manifest,
            manifest_sha256,
            at_unix_s: second.at_unix_s,
            actor: second.actor,
            tag: None,
            zip: None,
            signature: None,
        })
    }
}

impl From<SecondProgress> for Progress {
    fn from(second: SecondProgress) -> Progress {
        match second {
            SecondProgress::Planned => Progress::Planned,
            SecondProgress::Delivered(receipt) => Progress::Delivered((*receipt).into()),
            SecondProgress::Removing(receipt) => Progress::Removing((*receipt).into()),
            SecondProgress::Removed(receipt, at) => Progress::Removed((*receipt).into(), at),
        }
    }
}

impl From<Second> for Delivery {
    fn from(second: Second) -> Delivery {
        let Second { number, sink, url, plan, progress, at_unix_s, on } = second;
        let progress = progress.into();
        Delivery { number, sink, url, plan, progress, at_unix_s, on, supersedes: None, failure: None }
    }
}

#[derive(Serialize, Deserialize)]
struct FirstWanted {
    uin: Uin,
    kind: Kind,
    bill: BillKey,
    coverage: Coverage,
    scope: Scope,
    rows_per_file: u64,
}

#[derive(Serialize, Deserialize)]
struct FirstPlan {
    wanted: FirstWanted,
    revision: u32,
    revision_digest: String,
    content: Digest,
    is_final: bool,
    stem: String,
}

#[derive(Serialize, Deserialize)]
struct First {
    number: u64,
    sink: String,
    url: String,
    plan: FirstPlan,
    progress: SecondProgress,
    at_unix_s: i64,
}

impl From<First> for Delivery {
    fn from(first: First) -> Delivery {
        let FirstPlan { wanted, revision, revision_digest, content, is_final, stem } = first.plan;
        let FirstWanted { uin, kind, bill, coverage, scope, rows_per_file } = wanted;
        let wanted = Wanted { uin, kind, bill, coverage, scope, rows_per_file, form: Form::default() };
        Delivery {
            number: first.number,
            sink: first.sink,
            url: first.url,
            plan: Plan {
                wanted,
                revision,
                revision_digest,
                content,
                is_final,
                stem,
                profile: NameProfile::default(),
            },
            progress: first.progress.into(),
            at_unix_s: first.at_unix_s,
            on: None,
            supersedes: None,
            failure: None,
        }
    }
}

impl Layouts for Delivery {
    const NEWEST: u8 = 3;

    fn decode(bytes: &[u8]) -> Result<Delivery, CodecError> {
        match codec::version(bytes)? {
            FIRST_LAYOUT => codec::decode_as::<First>(FIRST_LAYOUT, bytes).map(Delivery::from),
            SECOND_LAYOUT => codec::decode_as::<Second>(SECOND_LAYOUT, bytes).map(Delivery::from),
            _ => codec::decode_as(Self::NEWEST, bytes),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_further_failure_waits_twice_as_long_up_to_an_hour() {
        let mut before = None;
        let mut waits = Vec::new();
        for _ in 0..9 {
            let failure = Failure::after(before.as_ref(), FailureKind::Passing, String::new(), 1_000);
            waits.push(failure.next_unix_s.unwrap() - 1_000);
            before = Some(failure);
        }
        assert_eq!(waits, [60, 120, 240, 480, 960, 1_920, 3_600, 3_600, 3_600]);
        let refused = Failure::after(before.as_ref(), FailureKind::Refused, String::new(), 1_000);
        assert_eq!((refused.attempts, refused.next_unix_s), (10, None));
    }

    #[test]
    fn deliveries_of_earlier_layouts_are_read_as_what_they_were() {
        let bill = BillKey {
            payer: "100010445724".parse().unwrap(),
            month: "2021-03".parse().unwrap(),
            basis: crate::period::Basis::Used,
        };
        let first = First {
            number: 7,
            sink: "bucket".into(),
            url: "file:///srv/bucket".into(),
            plan: FirstPlan {
                wanted: FirstWanted {
                    uin: bill.payer,
                    kind: Kind::Daily,
                    bill,
                    coverage: Coverage::month(bill.month),
                    scope: Scope::Customers,
                    rows_per_file: 5,
                },
                revision: 3,
                revision_digest: "00".into(),
                content: Digest::EMPTY,
                is_final: true,
                stem: "name".into(),
            },
            progress: SecondProgress::Planned,
            at_unix_s: 9,
        };
        let bytes = codec::encode(&first).unwrap();
        let read = Delivery::decode(&bytes).unwrap();
        assert_eq!(
            (read.number, read.plan.wanted.form, read.plan.wanted.rows_per_file),
            (7, Form::default(), 5)
        );
        let second = Second {
            number: 8,
            sink: read.sink.clone(),
            url: read.url.clone(),
            plan: read.plan.clone(),
            progress: SecondProgress::Removed(
                Box::new(SecondReceipt {
                    location: "there".into(),
                    part: "a.zip".into(),
                    bytes: 5,
                    sha256: [1; 32],
                    rows: 2,
                    sums: Vec::new(),
                    manifest: "a.manifest.json".into(),
                    manifest_sha256: [2; 32],
                    at_unix_s: 3,
                    actor: "ann".into(),
                }),
                RemovedAt { at_unix_s: 4, actor: "bob".into() },
            ),
            at_unix_s: 9,
            on: None,
        };
        let second = Delivery::decode(&codec::encode_as(SECOND_LAYOUT, &second).unwrap()).unwrap();
        let receipt = second.progress.receipt().unwrap();
        assert_eq!((receipt.zip(), receipt.objects().count()), ((5, [1; 32]), 2));
        assert_eq!((second.progress.word(), second.supersedes, second.failure), ("removed", None, None));
        let newest = codec::encode_as(Delivery::NEWEST, &read).unwrap();
        assert_eq!(Delivery::decode(&newest), Ok(read));
        assert_eq!(Delivery::decode(&[9, 1, 2]), Err(CodecError::Version(9)));
    }
}
