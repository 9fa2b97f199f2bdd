//! Compares what a sink holds with what was delivered.

use std::collections::BTreeMap;

use sha2::{Digest as _, Sha256};

use crate::engine::store::Records;
use crate::exports::sink::{Sink, SinkError};
use crate::values::digest::hex;

use super::DeliveryError;
use super::desk::Destination;
use super::record::{DeliveryProgress, Receipt};
use crate::deliveries::Delivery;
use crate::exports::ObjectMeta;

/// How closely a sink is looked at. Manifests and signatures are always read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VerifyDepth {
    /// The sink is asked for each part's length, and its mark of the content if it has one.
    Head,
    /// Every byte is read.
    ReadData,
    /// Every byte is read of about so many parts in a hundred: those whose names the salt picks.
    Sample {
        /// How many in a hundred.
        percent: u8,
        /// Another salt picks others.
        salt: u64,
    },
}

impl VerifyDepth {
    fn reads(self, part: &str) -> bool {
        match self {
            VerifyDepth::Head => false,
            VerifyDepth::ReadData => true,
            VerifyDepth::Sample { percent, salt } => {
                let hash = Sha256::digest(format!("{salt}\0{part}"));
                let draw = hash.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
                draw % 100 < u64::from(percent)
            }
        }
    }
}

/// What was found of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum What {
    /// It is what was delivered.
    Ok,
    /// It was delivered, and is not there.
    Missing,
    /// It is something else than what was delivered.
    Altered,
    /// It is there, and cannot be read.
    Unreadable,
    /// It was delivered, and nobody can look.
    Unseen,
    /// It belongs to a delivery that was not finished, or was given up: no manifest tells of it.
    Stale,
    /// No delivery of this store put it there.
    Extra,
}

impl What {
    /// Returns the word for it.
    pub fn word(self) -> &'static str {
        match self {
            What::Ok => "ok",
            What::Missing => "missing",
            What::Altered => "altered",
            What::Unreadable => "unreadable",
            What::Unseen => "unseen",
            What::Stale => "stale",
            What::Extra => "extra",
        }
    }

    /// Says whether something that was delivered is not as it was.
    pub fn is_damage(self) -> bool {
        matches!(self, What::Missing | What::Altered | What::Unreadable)
    }
}

/// What a check of a sink found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SinkFinding {
    /// The delivery, unless the object belongs to none.
    pub delivery: Option<u64>,
    /// The object's name.
    pub name: String,
    /// What was found.
    pub what: What,
    /// What there is to say.
    pub detail: String,
}

impl Destination {
    /// Compares what a sink holds with the receipts.
    ///
    /// # Errors
    /// [`DeliveryError`] when the store cannot be read, or the sink as a whole; differences are findings, not errors.
    pub fn verify(&self, store: &impl Records, how: VerifyDepth) -> Result<Vec<SinkFinding>, DeliveryError> {
        let sink = self.sink.as_ref();
        self.recall(store)?;
        let mut findings = Vec::new();
        // The objects that a delivery accounts for, and those that are left of deliveries that were not finished.
        let mut known: BTreeMap<String, Option<u64>> = BTreeMap::new();
        for delivery in Delivery::list(store)? {
            if delivery.sink != self.record.name || delivery.url != self.record.url {
                continue;
            }
            let number = delivery.number;
            match &delivery.progress {
                DeliveryProgress::Delivered(receipt) => {
                    known.extend(receipt.objects().map(|(name, ..)| (name.to_owned(), None)));
                    for (name, bytes, sha256) in receipt.objects() {
                        if !sink.looks() {
                            let detail =
                                "the sink has said that it is there, and cannot look again".to_owned();
                            let (name, what) = (name.to_owned(), What::Unseen);
                            findings.push(SinkFinding { delivery: Some(number), name, what, detail });
                            continue;
                        }
                        let (what, detail) = look(sink, receipt, how, (name, bytes, sha256))
                            .or_else(|error| unreadable(sink, error))
                            .map_err(|e| self.error(e))?;
                        findings.push(SinkFinding {
                            delivery: Some(number),
                            name: name.to_owned(),
                            what,
                            detail,
                        });
                    }
                }
                DeliveryProgress::Removing(receipt) => {
                    known.extend(receipt.objects().map(|(name, ..)| (name.to_owned(), Some(number))));
                }
                DeliveryProgress::Removed(..) => {}
                _ => {
                    for name in [delivery.plan.part_name(), delivery.plan.manifest_name()] {
                        known.entry(name).or_insert(Some(number));
                    }
                    if let Some(receipt) = delivery.progress.begun() {
                        for (name, ..) in receipt.objects() {
                            known.entry(name.to_owned()).or_insert(Some(number));
                        }
                    }
                    if let DeliveryProgress::Abandoned(abandoned) = &delivery.progress
                        && let Some(part) = &abandoned.part
                    {
                        known.entry(part.clone()).or_insert(Some(number));
                    }
                }
            }
        }
        for name in sink.list().map_err(|e| self.error(e))? {
            match known.get(&name) {
                Some(None) => {}
                Some(Some(number)) => findings.push(SinkFinding {
                    delivery: Some(*number),
                    name,
                    what: What::Stale,
                    detail: "its delivery was not finished, or is not to be there any more".to_owned(),
                }),
                None => findings.push(SinkFinding {
                    delivery: None,
                    name,
                    what: What::Extra,
                    detail: "no delivery of this store put it there".to_owned(),
                }),
            }
        }
        Ok(findings)
    }
}

/// An object that cannot be read is a finding; a sink that cannot be reached, or does not let us in, is not.
fn unreadable(sink: &dyn Sink, error: SinkError) -> Result<(What, String), SinkError> {
    match error {
        SinkError::Setup(why) | SinkError::Damaged(why) => Ok((What::Unreadable, why.to_string())),
        // There is no line to a folder that could be down for a moment.
        SinkError::Transient(why) if sink.is_local() => Ok((What::Unreadable, why.to_string())),
        other => Err(other),
    }
}

/// Looks at an object.
fn look(
    sink: &dyn Sink,
    receipt: &Receipt,
    how: VerifyDepth,
    (name, bytes, sha256): (&str, Option<u64>, [u8; 32]),
) -> Result<(What, String), SinkError> {
    let Some(bytes) = bytes else { return read_whole(sink, name, sha256) };
    let Some(held) = sink.head(name)? else { return Ok(missing()) };
    if held.bytes != bytes {
        // Whatever it holds, it is not what was delivered: there is no need to read it.
        return Ok((What::Altered, format!("{} bytes; {bytes} were delivered", held.bytes)));
    }
    if how.reads(name) {
        return read(sink, name, sha256);
    }
    match (&held.tag, &receipt.tag) {
        // Another mark may stand for the same content: what counts is the content.
        (Some(now), Some(then)) if now != then => read(sink, name, sha256),
        (Some(tag), Some(_)) => Ok((What::Ok, format!("{} bytes, tag {tag}", held.bytes))),
        _ => Ok((What::Ok, format!("{} bytes; the content was not looked at", held.bytes))),
    }
}

/// Compares a part.
fn read(sink: &dyn Sink, name: &str, sha256: [u8; 32]) -> Result<(What, String), SinkError> {
    Ok(match ObjectMeta::read_hash(sink, name)? {
        None => missing(),
        Some((bytes, hash)) => compared(bytes, hash, sha256),
    })
}

/// Compares a manifest or a signature, which are small.
fn read_whole(sink: &dyn Sink, name: &str, sha256: [u8; 32]) -> Result<(What, String), SinkError> {
    Ok(match ObjectMeta::read_small(sink, name)? {
        None => missing(),
        Some(bytes) => compared(bytes.len() as u64, Sha256::digest(&bytes).into(), sha256),
    })
}

fn compared(bytes: u64, hash: [u8; 32], sha256: [u8; 32]) -> (What, String) {
    let what = if hash == sha256 { What::Ok } else { What::Altered };
    (what, format!("{bytes} bytes, sha256 {}", hex(&hash)))
}

fn missing() -> (What, String) {
    (What::Missing, "it was delivered and is not there".to_owned())
}
