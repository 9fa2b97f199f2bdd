//! Sends again what a sink has lost or altered.

use std::collections::BTreeMap;
use std::path::PathBuf;

use sha2::{Digest as _, Sha256};

use crate::engine::journal::{Actor, EntryChange, append_change};
use crate::engine::store::Store;
use crate::exports::Rendered;
use crate::exports::sink::{SinkError, Unwatched};
use crate::values::digest::hex;

use super::DeliveryError;
use super::desk::{Destination, Ways};
use super::record::{self, Abandoned, Delivery, DeliveryProgress, Receipt};
use super::session::DeliverySession;
use super::verify::{VerifyDepth, What};
use crate::exports::ObjectMeta;

/// What came of mending a delivery.
#[derive(Debug)]
pub struct Repaired {
    /// The delivery.
    pub delivery: u64,
    /// The objects that were not as they were delivered.
    pub names: Vec<String>,
    /// Whether they are now.
    pub outcome: Result<(), DeliveryError>,
}

impl Store {
    /// Looks at a sink as [`Destination::verify`] does, and sends again what is missing, altered or unreadable, as it was; removes what deliveries
    /// left that were given up. Of one delivery, or of all.
    ///
    /// # Errors
    /// [`DeliveryError`] when store or sink as a whole cannot be read; what cannot be mended is told by delivery.
    pub fn repair_deliveries(
        &self,
        to: &Destination,
        only: Option<u64>,
        how: VerifyDepth,
        ways: &Ways<'_>,
        actor: &Actor,
    ) -> Result<Vec<Repaired>, DeliveryError> {
        let at = DeliverySession::new(self, to, ways, actor)?;
        let findings = to.verify(&self.read()?, how)?;
        let mut wrong: BTreeMap<u64, Vec<String>> = BTreeMap::new();
        for finding in findings {
            let Some(number) = finding.delivery.filter(|number| only.is_none_or(|only| only == *number))
            else {
                continue;
            };
            if finding.what.is_damage() || finding.what == What::Stale {
                wrong.entry(number).or_default().push(finding.name);
            }
        }
        let mut repaired = Vec::new();
        for (number, names) in wrong {
            if ways.meter.stopped() {
                break;
            }
            let delivery = record::get(&self.read()?, number)?;
            let outcome = match &delivery.progress {
                DeliveryProgress::Delivered(receipt) => at.mend(&delivery, receipt, &names),
                DeliveryProgress::Abandoned(abandoned) => at.clear_left(&delivery, abandoned, &names),
                // What is on its way is finished by a run, and what is to be removed by retention.
                _ => continue,
            };
            repaired.push(Repaired { delivery: number, names, outcome });
        }
        Ok(repaired)
    }
}

impl DeliverySession<'_> {
    fn mend(&self, delivery: &Delivery, receipt: &Receipt, names: &[String]) -> Result<(), DeliveryError> {
        if receipt.signature.is_some() && self.to.sign.is_none() {
            let why = "its manifest was signed, and the sink has no key to sign with".to_owned();
            return Err(DeliveryError::NotAgain { number: delivery.number, why });
        }
        let is_wrong = |name: &str| names.iter().any(|wrong| wrong == name);
        let mut mended = receipt.clone();
        let mut rendered = None;
        if is_wrong(&receipt.part) {
            rendered = Some(self.resend(delivery, &mut mended)?);
        }
        let kept = Delivery::manifest(&self.store.read()?, delivery.number)?;
        let kept = kept.filter(|bytes| <[u8; 32]>::from(Sha256::digest(bytes)) == receipt.manifest_sha256);
        // What was encrypted anew has other bytes, of which the manifest tells.
        let sealed_anew = (mended.bytes, mended.sha256) != (receipt.bytes, receipt.sha256);
        let mut manifest = None;
        if is_wrong(&receipt.manifest) || sealed_anew {
            let bytes = match kept.filter(|_| !sealed_anew) {
                Some(bytes) => bytes,
                None => {
                    let rendered = match rendered {
                        Some(rendered) => rendered,
                        None => self.rendered_again(delivery, receipt)?.1,
                    };
                    self.manifest_anew(delivery, &rendered, &mended)?
                }
            };
            self.put_anew(&receipt.manifest, &bytes)?;
            mended.manifest_sha256 = Sha256::digest(&bytes).into();
            manifest = Some(bytes);
        }
        let signature_wrong = receipt.signature.as_ref().is_some_and(|(name, _)| is_wrong(name));
        if manifest.is_some() || signature_wrong {
            let there =
                ObjectMeta::read_small(self.sink(), &receipt.manifest).map_err(|e| self.to.error(e))?;
            let there = there.ok_or_else(|| {
                let why = format!("`{}` is not there any more", receipt.manifest);
                self.to.error(SinkError::Damaged(why.into()))
            })?;
            mended.signature = self.sign(&receipt.manifest, &there)?;
        }
        let subject = delivery.plan.wanted.bill.subject();
        let detail = format!(
            "delivery {} to sink `{}`: {} sent again, sha256 of the part {}",
            delivery.number,
            delivery.sink,
            names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", "),
            hex(&mended.sha256)
        );
        let change = EntryChange::new("delivery repair", &subject, &detail);
        let progress = DeliveryProgress::Delivered(Box::new(mended));
        self.step_with(delivery, progress, manifest.as_ref(), Some(change))?;
        Ok(())
    }

    /// Renders a delivery's part again, as it was.
    fn rendered_again(
        &self,
        delivery: &Delivery,
        receipt: &Receipt,
    ) -> Result<(PathBuf, Rendered), DeliveryError> {
        let (staged, rendered) = self.render(&delivery.plan)?;
        if (rendered.bytes, rendered.sha256) != receipt.zip() {
            let _ = std::fs::remove_file(&staged);
            let why = format!(
                "what is rendered now is not what was delivered: {} bytes, sha256 {}, and the receipt tells of {} bytes",
                rendered.bytes,
                hex(&rendered.sha256),
                receipt.zip().0
            );
            return Err(DeliveryError::NotAgain { number: delivery.number, why });
        }
        Ok((staged, rendered))
    }

    fn resend(&self, delivery: &Delivery, mended: &mut Receipt) -> Result<Rendered, DeliveryError> {
        if mended.zip.is_some() != self.to.seal.is_some() {
            let why = "it was encrypted, and the sink does not say for whom".to_owned();
            return Err(DeliveryError::NotAgain { number: delivery.number, why });
        }
        let (staged, rendered) = self.rendered_again(delivery, mended)?;
        let parcel = self.sealed(&staged, &mended.part, &rendered)?;
        let part = parcel.staged(&delivery.plan);
        let held = self.sink().put(&mended.part, &part, &Unwatched).map_err(|e| self.to.error(e))?;
        for path in [&staged, &parcel.path] {
            let _ = std::fs::remove_file(path);
        }
        (mended.bytes, mended.sha256, mended.zip) = (parcel.bytes, parcel.sha256, parcel.zip);
        mended.tag = held.tag;
        Ok(rendered)
    }

    /// Makes a delivery's manifest again.
    fn manifest_anew(
        &self,
        delivery: &Delivery,
        rendered: &Rendered,
        mended: &Receipt,
    ) -> Result<Vec<u8>, DeliveryError> {
        let mut manifest = self.manifest(&self.store.read()?, delivery, rendered)?;
        self.tell_sealed(&mut manifest, &mended.part, mended.bytes, &mended.sha256);
        self.manifest_bytes(&manifest)
    }

    /// Puts a small object in place of what is there.
    fn put_anew(&self, name: &str, bytes: &[u8]) -> Result<(), DeliveryError> {
        let failed = |e| self.to.error(e);
        self.sink().remove(name).map_err(failed)?;
        self.sink().put_new(name, bytes).map_err(failed)?;
        if ObjectMeta::read_small(self.sink(), name).map_err(failed)?.as_deref() == Some(bytes) {
            return Ok(());
        }
        Err(failed(SinkError::Conflict { name: name.to_owned() }))
    }

    /// Removes what was left at the sink of a delivery that was given up.
    fn clear_left(
        &self,
        delivery: &Delivery,
        abandoned: &Abandoned,
        names: &[String],
    ) -> Result<(), DeliveryError> {
        for name in names {
            self.sink().remove(name).map_err(|e| self.to.error(e))?;
        }
        let abandoned = Abandoned { part: None, ..abandoned.clone() };
        let next =
            Delivery { progress: DeliveryProgress::Abandoned(Box::new(abandoned)), ..delivery.clone() };
        let writer = self.store.write()?;
        record::put(&writer, &next)?;
        let subject = next.plan.wanted.bill.subject();
        let detail = format!("delivery {}: what it left at sink `{}` was removed", next.number, next.sink);
        append_change(&writer, self.actor, EntryChange::new("delivery repair", &subject, &detail))?;
        Ok(writer.commit()?)
    }
}
