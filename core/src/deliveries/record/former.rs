//! The layouts that deliveries were stored in before.

use serde::{Deserialize, Serialize};

use crate::bills::BillKey;
use crate::engine::block::Sums;
use crate::engine::codec::{self, CodecError, Layouts};
use crate::exports::{Audience, ExportForm, Plan, PlannedLines, Scope, Totals, WantedExport};
use crate::formats::naming::{BillKind, NameProfile};
use crate::values::digest::Digest;
use crate::values::period::{Coverage, Day};
use crate::values::uin::Uin;

use super::{Abandoned, Delivery, DeliveryProgress, Failure, Receipt, RemovedAt, Upload};

/// The layout in which every export had one form.
const FIRST_LAYOUT: u8 = 1;
/// The layout in which a delivery was planned, or was there.
const SECOND_LAYOUT: u8 = 2;
/// The layout in which a receipt had the sums of the lines, whoever it was for.
const THIRD_LAYOUT: u8 = 3;

#[derive(Serialize, Deserialize)]
struct ThirdReceipt {
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
    tag: Option<String>,
    zip: Option<(u64, [u8; 32])>,
    signature: Option<(String, [u8; 32])>,
}

#[derive(Serialize, Deserialize)]
enum ThirdProgress {
    Planned,
    Delivered(Box<ThirdReceipt>),
    Removing(Box<ThirdReceipt>),
    Removed(Box<ThirdReceipt>, RemovedAt),
    Uploading(Box<ThirdReceipt>, Upload),
    Uploaded(Box<ThirdReceipt>),
    Checked(Box<ThirdReceipt>),
    Abandoned(Box<Abandoned>),
}

#[derive(Serialize, Deserialize)]
struct Third {
    number: u64,
    sink: String,
    url: String,
    plan: Plan,
    progress: ThirdProgress,
    at_unix_s: i64,
    on: Option<Day>,
    supersedes: Option<u64>,
    failure: Option<Failure>,
}

impl ThirdReceipt {
    /// The sums are the partner's cost: a customer's receipt is read without amounts.
    fn newest(self, audience: Audience) -> Box<Receipt> {
        Box::new(Receipt {
            location: self.location,
            part: self.part,
            bytes: self.bytes,
            sha256: self.sha256,
            rows: self.rows,
            totals: Totals::of_sums(audience, self.sums),
            manifest: self.manifest,
            manifest_sha256: self.manifest_sha256,
            at_unix_s: self.at_unix_s,
            actor: self.actor,
            tag: self.tag,
            zip: self.zip,
            signature: self.signature,
        })
    }
}

impl ThirdProgress {
    fn newest(self, audience: Audience) -> DeliveryProgress {
        match self {
            ThirdProgress::Planned => DeliveryProgress::Planned,
            ThirdProgress::Delivered(receipt) => DeliveryProgress::Delivered(receipt.newest(audience)),
            ThirdProgress::Removing(receipt) => DeliveryProgress::Removing(receipt.newest(audience)),
            ThirdProgress::Removed(receipt, at) => DeliveryProgress::Removed(receipt.newest(audience), at),
            ThirdProgress::Uploading(receipt, upload) => {
                DeliveryProgress::Uploading(receipt.newest(audience), upload)
            }
            ThirdProgress::Uploaded(receipt) => DeliveryProgress::Uploaded(receipt.newest(audience)),
            ThirdProgress::Checked(receipt) => DeliveryProgress::Checked(receipt.newest(audience)),
            ThirdProgress::Abandoned(abandoned) => DeliveryProgress::Abandoned(abandoned),
        }
    }
}

impl From<Third> for Delivery {
    fn from(third: Third) -> Delivery {
        let Third { number, sink, url, plan, progress, at_unix_s, on, supersedes, failure } = third;
        let progress = progress.newest(plan.wanted.form.audience);
        Delivery { number, sink, url, plan, progress, at_unix_s, on, supersedes, failure }
    }
}

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
struct DeliveryV2 {
    number: u64,
    sink: String,
    url: String,
    plan: Plan,
    progress: SecondProgress,
    at_unix_s: i64,
    on: Option<Day>,
}

impl From<SecondReceipt> for Box<ThirdReceipt> {
    fn from(second: SecondReceipt) -> Box<ThirdReceipt> {
        let SecondReceipt { location, part, bytes, sha256, rows, sums, manifest, manifest_sha256, .. } =
            second;
        Box::new(ThirdReceipt {
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

impl From<SecondProgress> for ThirdProgress {
    fn from(second: SecondProgress) -> ThirdProgress {
        match second {
            SecondProgress::Planned => ThirdProgress::Planned,
            SecondProgress::Delivered(receipt) => ThirdProgress::Delivered((*receipt).into()),
            SecondProgress::Removing(receipt) => ThirdProgress::Removing((*receipt).into()),
            SecondProgress::Removed(receipt, at) => ThirdProgress::Removed((*receipt).into(), at),
        }
    }
}

impl From<DeliveryV2> for Delivery {
    fn from(second: DeliveryV2) -> Delivery {
        let DeliveryV2 { number, sink, url, plan, progress, at_unix_s, on } = second;
        let progress = progress.into();
        Third { number, sink, url, plan, progress, at_unix_s, on, supersedes: None, failure: None }.into()
    }
}

#[derive(Serialize, Deserialize)]
struct FirstWanted {
    uin: Uin,
    kind: BillKind,
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
struct DeliveryV1 {
    number: u64,
    sink: String,
    url: String,
    plan: FirstPlan,
    progress: SecondProgress,
    at_unix_s: i64,
}

impl From<DeliveryV1> for Delivery {
    fn from(first: DeliveryV1) -> Delivery {
        let FirstPlan { wanted, revision, revision_digest, content, is_final, stem } = first.plan;
        let FirstWanted { uin, kind, bill, coverage, scope, rows_per_file } = wanted;
        let wanted =
            WantedExport { uin, kind, bill, coverage, scope, rows_per_file, form: ExportForm::default() };
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
                found: PlannedLines::default(),
            },
            // Every export was the partner's.
            progress: ThirdProgress::from(first.progress).newest(Audience::Partner),
            at_unix_s: first.at_unix_s,
            on: None,
            supersedes: None,
            failure: None,
        }
    }
}

impl Layouts for Delivery {
    const NEWEST: u8 = 4;

    fn decode(bytes: &[u8]) -> Result<Delivery, CodecError> {
        match codec::version(bytes)? {
            FIRST_LAYOUT => codec::decode_as::<DeliveryV1>(FIRST_LAYOUT, bytes).map(Delivery::from),
            SECOND_LAYOUT => codec::decode_as::<DeliveryV2>(SECOND_LAYOUT, bytes).map(Delivery::from),
            THIRD_LAYOUT => codec::decode_as::<Third>(THIRD_LAYOUT, bytes).map(Delivery::from),
            _ => codec::decode_as(Self::NEWEST, bytes),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deliveries_of_earlier_layouts_are_read_as_what_they_were() {
        let bill = BillKey {
            payer: "100010445724".parse().unwrap(),
            month: "2021-03".parse().unwrap(),
            basis: crate::values::period::Basis::Used,
        };
        let first = DeliveryV1 {
            number: 7,
            sink: "bucket".into(),
            url: "file:///srv/bucket".into(),
            plan: FirstPlan {
                wanted: FirstWanted {
                    uin: bill.payer,
                    kind: BillKind::Daily,
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
            (7, ExportForm::default(), 5)
        );
        let second = DeliveryV2 {
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
