//! The record of a delivery, and the layouts that it was stored in.

use serde::{Deserialize, Serialize};

use crate::bill::BillKey;
use crate::block::Sums;
use crate::codec::{self, CodecError, Layouts};
use crate::digest::Digest;
use crate::export::{Form, Plan, Scope, Wanted};
use crate::naming::{Kind, NameProfile};
use crate::period::{Coverage, Day};
use crate::uin::Uin;

/// Where a delivery stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Progress {
    /// Planned; parts may or may not be there.
    Planned,
    /// All of it is there.
    Delivered(Box<Receipt>),
    /// Somebody has decided to remove it; part and manifest may or may not be there any more.
    Removing(Box<Receipt>),
    /// It was there, and was removed.
    Removed(Box<Receipt>, RemovedAt),
}

impl Progress {
    /// Returns what was delivered, whether or not it is still there.
    pub fn receipt(&self) -> Option<&Receipt> {
        match self {
            Progress::Planned => None,
            Progress::Delivered(receipt) | Progress::Removing(receipt) | Progress::Removed(receipt, _) => {
                Some(receipt)
            }
        }
    }

    /// Returns the word for it.
    pub fn word(&self) -> &'static str {
        match self {
            Progress::Planned => "planned",
            Progress::Delivered(_) => "delivered",
            Progress::Removing(_) => "removing",
            Progress::Removed(..) => "removed",
        }
    }
}

/// When a delivery was removed from its sink, and by whom.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemovedAt {
    /// When, in Unix seconds.
    pub at_unix_s: i64,
    /// Who.
    pub actor: String,
}

/// What was delivered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// Where people find the part.
    pub location: String,
    /// The part's name.
    pub part: String,
    /// Its length.
    pub bytes: u64,
    /// Its SHA-256.
    pub sha256: [u8; 32],
    /// How many lines.
    pub rows: u64,
    /// Their sums.
    pub sums: Vec<Sums>,
    /// The manifest's name.
    pub manifest: String,
    /// The manifest's SHA-256, as it is at the sink.
    pub manifest_sha256: [u8; 32],
    /// When, in Unix seconds.
    pub at_unix_s: i64,
    /// Who ran it.
    pub actor: String,
}

impl Receipt {
    /// Returns what lies at the sink: part and manifest, each with its name, its length where that is known, and its SHA-256.
    pub(crate) fn objects(&self) -> [(&str, Option<u64>, [u8; 32]); 2] {
        [(&self.part, Some(self.bytes), self.sha256), (&self.manifest, None, self.manifest_sha256)]
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
}

/// The layout before, in which every export had one form.
const FIRST_LAYOUT: u8 = 1;

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
    progress: Progress,
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
            progress: first.progress,
            at_unix_s: first.at_unix_s,
            on: None,
        }
    }
}

impl Layouts for Delivery {
    const NEWEST: u8 = 2;

    fn decode(bytes: &[u8]) -> Result<Delivery, CodecError> {
        match codec::version(bytes)? {
            FIRST_LAYOUT => codec::decode_as::<First>(FIRST_LAYOUT, bytes).map(Delivery::from),
            _ => codec::decode_as(Self::NEWEST, bytes),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delivery_of_the_first_layout_is_read_as_one_of_the_default_form() {
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
            progress: Progress::Planned,
            at_unix_s: 9,
        };
        let bytes = codec::encode(&first).unwrap();
        let read = Delivery::decode(&bytes).unwrap();
        assert_eq!(
            (read.number, read.plan.wanted.form, read.plan.wanted.rows_per_file),
            (7, Form::default(), 5)
        );
        let newest = codec::encode_as(Delivery::NEWEST, &read).unwrap();
        assert_eq!(Delivery::decode(&newest), Ok(read));
        assert_eq!(Delivery::decode(&[9, 1, 2]), Err(CodecError::Version(9)));
    }
}
