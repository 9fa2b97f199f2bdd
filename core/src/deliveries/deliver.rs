//! Takes a delivery from where it stands to its receipt, a committed step at a time.
//!
//! Whoever calls holds the sink ([`Desk`]), so nobody else is at the same delivery. What a step did before it was killed is
//! found, and not done twice: parts are named after their content, and the manifest is compared before it is believed.

use std::fs;

use sha2::{Digest as _, Sha256};

use crate::bills::must_be_recorded;
use crate::deliveries::notice::{self, NoticeFacts};
use crate::deliveries::storage::SinkRecord;
use crate::engine::journal::{Actor, EntryChange, append_change};
use crate::engine::store::{Records, Store, StoreError};
use crate::exports::WantedExport;
use crate::exports::sink::{SinkError, Watch};
use crate::values::error::Kind;
use crate::values::period::Day;

use super::DeliveryError;
use super::desk::{Destination, Ways};
use super::parcel::Parcel;
use super::plan::{self, Outdated, Planned};
use super::record::{self, Abandoned, Delivery, DeliveryProgress, Failure, FailureKind, Receipt, Upload};
use super::session::DeliverySession;
use crate::exports::ObjectMeta;

impl Store {
    /// Delivers an export that was due on a day to a sink, or finishes a delivery that was begun; one that has a receipt is returned as is.
    ///
    /// # Errors
    /// [`DeliveryError`]; the delivery remembers how the attempt failed, and running again goes on where this run ended.
    pub fn deliver(
        &self,
        to: &Destination,
        wanted: WantedExport,
        on: Day,
        ways: &Ways<'_>,
        actor: &Actor,
    ) -> Result<Delivery, DeliveryError> {
        DeliverySession::new(self, to, ways, actor)?.deliver(wanted, on)
    }

    /// Goes on with a delivery at once, whatever it waits for.
    ///
    /// # Errors
    /// [`DeliveryError`]; [`DeliveryError::State`] when there is nothing to go on with.
    pub fn retry_delivery(
        &self,
        to: &Destination,
        number: u64,
        ways: &Ways<'_>,
        actor: &Actor,
    ) -> Result<Delivery, DeliveryError> {
        let ways = Ways { at_once: true, ..*ways };
        let at = DeliverySession::new(self, to, &ways, actor)?;
        let reader = self.read()?;
        let delivery = pending(&reader, number)?;
        drop(reader);
        match delivery.on {
            // What was wanted then, of the lines that there are now, if they may leave.
            Some(on) => at.deliver(delivery.plan.wanted, on),
            None => at.attempt(delivery),
        }
    }

    /// Notes that what is due cannot even be begun, since its sink cannot be used: it is planned, and has failed.
    ///
    /// # Errors
    /// [`DeliveryError`] when that cannot be noted.
    pub fn record_cannot_deliver(
        &self,
        to: &SinkRecord,
        wanted: WantedExport,
        on: Day,
        error: &DeliveryError,
        actor: &Actor,
    ) -> Result<(), DeliveryError> {
        let Some(kind) = error.failure() else { return Ok(()) };
        let number = match plan::plan(self, to, wanted, on, actor)? {
            Planned::Delivery(delivery) => delivery.number,
            Planned::Before(before, _) => before.number,
        };
        remember(self, None, number, (kind, error.to_string(), 0), actor)
    }

    /// Gives a delivery up. Without a sink, what may lie there of it stays.
    ///
    /// # Errors
    /// [`DeliveryError::State`] when it is delivered, or was given up; [`DeliveryError::Sink`] when its traces cannot be removed.
    pub fn abandon_delivery(
        &self,
        to: Option<&Destination>,
        number: u64,
        why: &str,
        ways: &Ways<'_>,
        actor: &Actor,
    ) -> Result<Delivery, DeliveryError> {
        let Some(to) = to else {
            let delivery = pending(&self.read()?, number)?;
            let part = delivery.progress.begun().map(|begun| begun.part.clone());
            return give_up(self, delivery, why, part, actor);
        };
        let at = DeliverySession::new(self, to, ways, actor)?;
        let delivery = pending(&self.read()?, number)?;
        if at.has_arrived(&delivery)? {
            at.remembering(number, at.steps(delivery))
        } else {
            at.clear(&delivery)?;
            give_up(self, delivery, why, None, actor)
        }
    }
}

/// Returns a delivery with which there is still something to do.
fn pending(store: &impl Records, number: u64) -> Result<Delivery, DeliveryError> {
    let delivery = Delivery::find(store, number)?.ok_or(DeliveryError::None(number))?;
    if delivery.progress.is_pending() {
        Ok(delivery)
    } else {
        Err(DeliveryError::State { number, state: delivery.progress.word() })
    }
}

impl DeliverySession<'_> {
    /// Delivers what is wanted, as things stand now; what was begun for it and would not be true any more is settled first.
    fn deliver(&self, wanted: WantedExport, on: Day) -> Result<Delivery, DeliveryError> {
        loop {
            match plan::plan(self.store, &self.to.record, wanted, on, self.actor)? {
                Planned::Delivery(delivery) => return self.attempt(*delivery),
                Planned::Before(before, why) => {
                    self.remembering(before.number, self.settle(*before, why))?;
                }
            }
        }
    }

    /// Tries to get a delivery to its end, unless it is to wait; remembers how it failed.
    fn attempt(&self, delivery: Delivery) -> Result<Delivery, DeliveryError> {
        let number = delivery.number;
        if let Some(Failure { attempts, why, next_unix_s: Some(next), .. }) = &delivery.failure
            && *next > self.actor.at_unix_s
            && !self.ways.at_once
            && delivery.progress.is_pending()
        {
            let (attempts, wait_s, why) = (*attempts, next - self.actor.at_unix_s, why.clone());
            return Err(DeliveryError::Waits { number, attempts, wait_s, why });
        }
        self.remembering(number, self.steps(delivery))
    }

    /// Has the delivery remember how what was tried has failed, if it has.
    fn remembering<T>(&self, number: u64, result: Result<T, DeliveryError>) -> Result<T, DeliveryError> {
        if let Err(error) = &result
            && let Some(kind) = error.failure()
        {
            let (why, later_s) = (error.to_string(), error.asks_to_wait_s());
            match remember(self.store, Some(self.to), number, (kind, why, later_s), self.actor) {
                // The store may be on the disk that is full: what has failed first is reported.
                Err(_) if error.kind() == Kind::Internal => {}
                remembered => remembered?,
            }
        }
        result
    }

    fn steps(&self, mut delivery: Delivery) -> Result<Delivery, DeliveryError> {
        loop {
            delivery = match &delivery.progress {
                DeliveryProgress::Planned => self.upload(&delivery, None)?,
                DeliveryProgress::Uploading(_, Upload { token }) => {
                    self.upload(&delivery, token.as_deref())?
                }
                DeliveryProgress::Uploaded(receipt) => self.check(&delivery, receipt)?,
                DeliveryProgress::Checked(receipt) => self.finish(&delivery, receipt)?,
                _ => return Ok(delivery),
            };
        }
    }

    /// Commits the next step, unless the delivery has been changed by somebody else; then it is returned as they left it.
    fn step(&self, delivery: &Delivery, progress: DeliveryProgress) -> Result<Delivery, DeliveryError> {
        self.step_with(delivery, progress, None, None)
    }

    pub(super) fn step_with(
        &self,
        delivery: &Delivery,
        progress: DeliveryProgress,
        manifest: Option<&Vec<u8>>,
        change: Option<EntryChange<'_>>,
    ) -> Result<Delivery, DeliveryError> {
        let writer = self.store.write()?;
        let now = record::get(&writer, delivery.number)?;
        if now.progress != delivery.progress {
            writer.abort()?;
            return Ok(now);
        }
        let failure =
            if matches!(progress, DeliveryProgress::Delivered(_)) { None } else { now.failure.clone() };
        let next = Delivery { progress, failure, ..now };
        record::put(&writer, &next)?;
        if let DeliveryProgress::Delivered(receipt) = &next.progress
            && !delivery.progress.is_delivered()
        {
            notice::tell(&writer, NoticeFacts::Delivered(&next, receipt), self.actor.at_unix_s)?;
        }
        if let Some(bytes) = manifest {
            record::put_manifest(&writer, next.number, bytes)?;
        }
        if let Some(change) = change {
            append_change(&writer, self.actor, change)?;
        }
        self.to.commit(writer)?;
        Ok(next)
    }

    /// Renders the part, and puts it.
    fn upload(&self, delivery: &Delivery, token: Option<&str>) -> Result<Delivery, DeliveryError> {
        let failed = |e| self.to.error(e);
        if self.ways.meter.stopped() {
            return Err(failed(SinkError::Stopped));
        }
        let plan = &delivery.plan;
        let part = self.part_name(plan);
        if let Some(token) = token {
            self.abandon(&part, token)?;
        }
        let (staged, rendered) = self.render(plan)?;
        let mut manifest = self.manifest(&self.store.read()?, delivery, &rendered)?;
        let parcel = self.sealed(&staged, &part, &rendered)?;
        self.tell_sealed(&mut manifest, &part, parcel.bytes, &parcel.sha256);
        let name = self.manifest_name(plan);
        let found = ObjectMeta::read_small(self.sink(), &name).map_err(failed)?;
        let (receipt, bytes) = match found {
            None => {
                let bytes = self.manifest_bytes(&manifest)?;
                (self.receipt(plan, &rendered, &parcel, &bytes), bytes)
            }
            // A manifest that tells of something else is somebody else's: its parts are not touched.
            Some(bytes) => {
                let theirs = manifest.told_by(&bytes).ok_or_else(|| failed(SinkError::Conflict { name }))?;
                let mut receipt = self.receipt(plan, &rendered, &parcel, &bytes);
                if let Some(sealed) = theirs.parts.first().and_then(|part| part.sealed.as_ref()) {
                    receipt.bytes = sealed.bytes;
                    receipt.sha256 = crate::values::digest::from_hex(&sealed.sha256).unwrap_or_default();
                }
                (receipt, bytes)
            }
        };
        let progress = DeliveryProgress::Uploading(Box::new(receipt.clone()), Upload::default());
        let uploading = self.step_with(delivery, progress.clone(), Some(&bytes), None)?;
        if uploading.progress != progress {
            return Ok(uploading);
        }
        let tag = self.put(delivery, &receipt, &parcel)?;
        // A sink may know better where it is once it is there.
        let location = self.sink().location(&receipt.part);
        // What was moved away is not there any more; what was found in place is not needed.
        for path in [&staged, &parcel.path] {
            let _ = fs::remove_file(path);
        }
        // The token may have been written down meanwhile; or somebody has given the delivery up, and that stands.
        let now = record::get(&self.store.read()?, delivery.number)?;
        match now.progress {
            DeliveryProgress::Uploading(..) => {
                self.step(&now, DeliveryProgress::Uploaded(Box::new(Receipt { tag, location, ..receipt })))
            }
            _ => Ok(now),
        }
    }

    /// Puts a part, unless it is there already.
    fn put(
        &self,
        delivery: &Delivery,
        receipt: &Receipt,
        parcel: &Parcel,
    ) -> Result<Option<String>, DeliveryError> {
        let (sink, failed) = (self.sink(), |e| self.to.error(e));
        let name = &receipt.part;
        if let Some(held) = sink.head(name).map_err(failed)?
            && held.bytes == receipt.bytes
            && ObjectMeta::read_hash(sink, name).map_err(failed)? == Some((receipt.bytes, receipt.sha256))
        {
            return Ok(held.tag);
        }
        if (parcel.bytes, parcel.sha256) != (receipt.bytes, receipt.sha256) {
            return Err(failed(SinkError::Damaged(
                format!("the manifest of `{name}` is there, and what it tells of is not").into(),
            )));
        }
        let staged = parcel.staged(&delivery.plan);
        self.ways.meter.begin(parcel.bytes);
        let watch = Watching { at: self, number: delivery.number, receipt };
        let put = sink.put(name, &staged, &watch).map_err(failed);
        self.ways.meter.end();
        Ok(put?.tag)
    }

    /// Asks the sink for the part.
    fn check(&self, delivery: &Delivery, receipt: &Receipt) -> Result<Delivery, DeliveryError> {
        let (sink, failed) = (self.sink(), |e| self.to.error(e));
        if self.ways.meter.stopped() {
            return Err(failed(SinkError::Stopped));
        }
        let name = &receipt.part;
        let head = sink.head(name).map_err(failed)?;
        let wrong = match &head {
            None => Some("and it is not there".to_owned()),
            Some(held) if held.bytes != receipt.bytes => Some(format!("and {} bytes are there", held.bytes)),
            Some(_) if self.to.record.options()?.reads_back => {
                if !sink.looks() {
                    let why = "`check=read` was said, and it cannot read back what it holds".to_owned();
                    return Err(failed(SinkError::Setup(why.into())));
                }
                let found = ObjectMeta::read_hash(sink, name).map_err(failed)?;
                (found != Some((receipt.bytes, receipt.sha256)))
                    .then(|| "and what is read back is something else".to_owned())
            }
            Some(_) => None,
        };
        if let Some(wrong) = wrong {
            // The next attempt puts it again.
            self.step(delivery, DeliveryProgress::Planned)?;
            let location = sink.location(name);
            return Err(failed(SinkError::Damaged(
                format!("{location}: {} bytes were put, {wrong}", receipt.bytes).into(),
            )));
        }
        let tag = head.and_then(|held| held.tag);
        self.step(delivery, DeliveryProgress::Checked(Box::new(Receipt { tag, ..receipt.clone() })))
    }

    /// Puts signature and manifest, and writes the receipt.
    fn finish(&self, delivery: &Delivery, receipt: &Receipt) -> Result<Delivery, DeliveryError> {
        let (sink, failed) = (self.sink(), |e| self.to.error(e));
        // What is signed is what the journal records.
        must_be_recorded(&self.store.read()?, delivery.plan.wanted.bill)?;
        let name = &receipt.manifest;
        let kept = self.kept_manifest(delivery.number)?;
        let mut bytes = ObjectMeta::read_small(sink, name).map_err(failed)?.unwrap_or_else(|| kept.clone());
        self.must_be_the_same(name, &kept, &bytes)?;
        let mut signature = self.sign(name, &bytes)?;
        sink.put_new(name, &bytes).map_err(failed)?;
        // Not every destination tells that a name was taken: it is read before it is believed.
        let held = ObjectMeta::read_small(sink, name).map_err(failed)?;
        let held = held.ok_or_else(|| {
            failed(SinkError::Damaged(format!("{} was put, and is not there", sink.location(name)).into()))
        })?;
        if held != bytes {
            self.must_be_the_same(name, &kept, &held)?;
            signature = self.sign(name, &held)?;
            bytes = held;
        }
        let receipt = Receipt {
            manifest_sha256: Sha256::digest(&bytes).into(),
            signature,
            at_unix_s: self.actor.at_unix_s,
            actor: self.actor.name.clone(),
            ..receipt.clone()
        };
        let detail = receipt.told(delivery.number, "to", &self.to.record.name);
        // What is delivered is the lines that were planned: their digest, which the manifest has too.
        let (subject, after) = (delivery.plan.wanted.bill.subject(), Some(delivery.plan.content.bytes()));
        let change = EntryChange { after, ..EntryChange::new("deliver", &subject, &detail) };
        self.step_with(delivery, DeliveryProgress::Delivered(Box::new(receipt)), Some(&bytes), Some(change))
    }

    /// Puts the signature of a manifest, and returns its name and hash.
    pub(super) fn sign(
        &self,
        manifest: &str,
        bytes: &[u8],
    ) -> Result<Option<(String, [u8; 32])>, DeliveryError> {
        let Some(sign) = &self.to.sign else { return Ok(None) };
        let (sink, failed) = (self.sink(), |e| self.to.error(e));
        let (name, signature) = (format!("{manifest}{}", sign.suffix()), sign.sign(bytes));
        if ObjectMeta::read_small(sink, &name).map_err(failed)?.as_ref() != Some(&signature) {
            // One that is there is of a manifest that never was, or was signed with another key.
            sink.remove(&name).map_err(failed)?;
            sink.put_new(&name, &signature).map_err(failed)?;
        }
        let hash = Sha256::digest(&signature).into();
        Ok(Some((name, hash)))
    }

    /// Gets a delivery out of the way that would not be true any more. If all of it but the receipt is at the
    /// sink, then it was delivered.
    fn settle(&self, before: Delivery, why: Outdated) -> Result<(), DeliveryError> {
        if self.has_arrived(&before)? {
            self.steps(before)?;
        } else {
            self.clear(&before)?;
            give_up(self.store, before, why.why(), None, self.actor)?;
        }
        Ok(())
    }

    /// Returns the manifest of a delivery that was begun: it was written down before anything was sent.
    fn kept_manifest(&self, number: u64) -> Result<Vec<u8>, DeliveryError> {
        let kept = Delivery::manifest(&self.store.read()?, number)?;
        Ok(kept.ok_or_else(|| StoreError::Lost(format!("the manifest of delivery {number}")))?)
    }

    /// Says whether a delivery's manifest is at the sink: then everything is.
    fn has_arrived(&self, delivery: &Delivery) -> Result<bool, DeliveryError> {
        let DeliveryProgress::Checked(receipt) = &delivery.progress else { return Ok(false) };
        let Some(bytes) =
            ObjectMeta::read_small(self.sink(), &receipt.manifest).map_err(|e| self.to.error(e))?
        else {
            return Ok(false);
        };
        let kept = self.kept_manifest(delivery.number)?;
        Ok(self.must_be_the_same(&receipt.manifest, &kept, &bytes).is_ok())
    }

    /// Clears away what an upload left. A server that does not know it any more has words of its own for that: what does not pass
    /// by itself is nothing to wait for.
    fn abandon(&self, part: &str, token: &str) -> Result<(), DeliveryError> {
        match self.sink().abandon(part, token) {
            Err(e @ SinkError::Transient(_)) => Err(self.to.error(e)),
            _ => Ok(()),
        }
    }

    /// Removes what is at the sink of a delivery that never got its manifest.
    fn clear(&self, delivery: &Delivery) -> Result<(), DeliveryError> {
        let failed = |e| self.to.error(e);
        let Some(receipt) = delivery.progress.begun() else { return Ok(()) };
        if let DeliveryProgress::Uploading(_, Upload { token: Some(token) }) = &delivery.progress {
            self.abandon(&receipt.part, token)?;
        }
        // Somebody else's manifest may tell of the same part: then it is theirs.
        if self.sink().head(&receipt.manifest).map_err(failed)?.is_none() {
            self.sink().remove(&receipt.part).map_err(failed)?;
            if let Some(sign) = &self.to.sign {
                let name = format!("{}{}", receipt.manifest, sign.suffix());
                self.sink().remove(&name).map_err(failed)?;
            }
        }
        Ok(())
    }
}

/// Remembers that an attempt has failed; the journal, and whoever wants to know, hear of the first in a row and of another kind.
fn remember(
    store: &Store,
    to: Option<&Destination>,
    number: u64,
    (kind, why, later_s): (FailureKind, String, i64),
    actor: &Actor,
) -> Result<(), DeliveryError> {
    let writer = store.write()?;
    let delivery = record::get(&writer, number)?;
    if !delivery.progress.is_pending() {
        return Ok(writer.abort()?);
    }
    let before = delivery.failure.as_ref();
    let is_new = before.is_none_or(|before| before.kind != kind);
    if is_new {
        let subject = delivery.plan.wanted.bill.subject();
        let detail = format!("delivery {number} to sink `{}`, {}: {why}", delivery.sink, kind.word());
        append_change(&writer, actor, EntryChange::new("deliver failed", &subject, &detail))?;
    }
    let failure = Failure::after(before, kind, why, later_s, actor.at_unix_s);
    let next = Delivery { failure: Some(failure.clone()), ..delivery };
    record::put(&writer, &next)?;
    if is_new {
        notice::tell(&writer, NoticeFacts::Failed(&next, &failure), actor.at_unix_s)?;
    }
    match to {
        Some(to) => Ok(to.commit(writer)?),
        None => Ok(writer.commit()?),
    }
}

/// Writes that a delivery was given up.
fn give_up(
    store: &Store,
    delivery: Delivery,
    why: &str,
    part: Option<String>,
    actor: &Actor,
) -> Result<Delivery, DeliveryError> {
    let writer = store.write()?;
    let now = record::get(&writer, delivery.number)?;
    if now.progress != delivery.progress {
        return Err(DeliveryError::State { number: now.number, state: now.progress.word() });
    }
    let abandoned =
        Abandoned { why: why.to_owned(), part, at_unix_s: actor.at_unix_s, actor: actor.name.clone() };
    let next = Delivery { progress: DeliveryProgress::Abandoned(Box::new(abandoned)), failure: None, ..now };
    record::put(&writer, &next)?;
    let subject = next.plan.wanted.bill.subject();
    let detail =
        format!("delivery {}: `{}` to sink `{}`: {why}", next.number, next.plan.part_name(), next.sink);
    append_change(&writer, actor, EntryChange::new("delivery abandon", &subject, &detail))?;
    writer.commit()?;
    Ok(next)
}

/// Keeps the upload's token in the store, and tells the meter.
struct Watching<'a> {
    at: &'a DeliverySession<'a>,
    number: u64,
    receipt: &'a Receipt,
}

impl Watch for Watching<'_> {
    fn begun(&self, token: &str) -> Result<(), SinkError> {
        let upload = Upload { token: Some(token.to_owned()) };
        let progress = DeliveryProgress::Uploading(Box::new(self.receipt.clone()), upload);
        let write_down = || -> Result<bool, DeliveryError> {
            let now = record::get(&self.at.store.read()?, self.number)?;
            let is_ours = matches!(now.progress, DeliveryProgress::Uploading(..));
            Ok(is_ours && self.at.step(&now, progress.clone())?.progress == progress)
        };
        match write_down() {
            Ok(true) => Ok(()),
            Ok(false) => Err(SinkError::Stopped),
            Err(e) => Err(SinkError::Transient(format!("the upload could not be written down: {e}").into())),
        }
    }

    fn sent(&self, bytes: u64) {
        self.at.ways.meter.sent(bytes);
    }

    fn stopped(&self) -> bool {
        self.at.ways.meter.stopped()
    }
}
