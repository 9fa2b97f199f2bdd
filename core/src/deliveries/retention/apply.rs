//! Removes what was seen. Each delivery is marked before anything of it goes, so that a stop in between is found and finished.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::bills::{BillKey, Load, PrunedLoad, Segment};
use crate::deliveries::storage::SinkRecord;
use crate::deliveries::{
    self, Delivery, DeliveryError, DeliveryProgress, Desk, Destination, Receipt, RemovedAt,
};
use crate::engine::journal::{Actor, EntryChange, append_change};
use crate::engine::parted::{self, Parted};
use crate::engine::store::{Large, Records, Store, Table, Transaction};
use crate::exports::sink::SinkError;
use crate::values::digest::{hex, lines_counted};
use crate::values::period::Day;

use super::RetentionError;
use super::plan::Removal;
use crate::deliveries::retention::Removals;
use crate::exports::ObjectMeta;

/// What was removed.
#[derive(Debug, Default)]
pub struct RemovedItems {
    /// Deliveries, with part and manifest.
    pub deliveries: u64,
    /// Loads, with their lines.
    pub loads: u64,
    /// Their lines.
    pub lines: u64,
    /// Sinks that could not be used: their deliveries are there as before, and so are all lines.
    pub unreachable: BTreeMap<String, DeliveryError>,
}

/// Opens a sink.
pub(super) type Opener<'a> = &'a dyn Fn(SinkRecord) -> Result<Destination, DeliveryError>;

impl Store {
    /// Removes what a plan with this digest, or its first digits, says. Sinks are opened, and held as for deliveries: `stage` is the
    /// folder that those are staged in.
    ///
    /// # Errors
    /// [`RetentionError::Changed`] when the plan is another one by now; [`RetentionError::NotOurs`] when a sink holds something
    /// else. What was removed before an error is marked as removed, and running again goes on. A sink that cannot be used is no
    /// error: see [`RemovedItems::unreachable`].
    pub fn apply_retention(
        &self,
        seen: &str,
        on: Day,
        confirmed: bool,
        (open, stage): (Opener<'_>, &Path),
        actor: &Actor,
    ) -> Result<RemovedItems, RetentionError> {
        let plan = Removals::plan(&self.read()?, on, confirmed)?;
        let now = plan.digest();
        if seen.len() < 6 || !now.starts_with(&seen.to_lowercase()) {
            return Err(RetentionError::Changed {
                seen: seen.to_owned(),
                now: now.chars().take(12).collect(),
            });
        }
        let mut applied = RemovedItems::default();
        let (mut loads, mut lines_count) = (Vec::new(), 0);
        for removal in plan.removals {
            match removal {
                Removal::Delivery { sink, .. } if applied.unreachable.contains_key(&sink) => {}
                Removal::Delivery { number, sink, .. } => {
                    match delivery_goes(self, number, (open, stage), actor) {
                        Ok(()) => applied.deliveries += 1,
                        // The other sinks are not kept waiting for this one.
                        Err(RetentionError::Delivery(e)) if e.is_of_sink() => {
                            applied.unreachable.insert(sink, e);
                        }
                        Err(e) => return Err(e),
                    }
                }
                Removal::Lines { bill, load, lines, .. } => {
                    loads.push((bill, load));
                    lines_count += lines;
                }
            }
        }
        // Deliveries that are still there may need them.
        if !loads.is_empty() && applied.unreachable.is_empty() {
            lines_go(self.write()?, &loads, actor)?;
            (applied.loads, applied.lines) = (loads.len() as u64, lines_count);
        }
        Ok(applied)
    }
}

fn delivery_goes(
    store: &Store,
    number: u64,
    (open, stage): (Opener<'_>, &Path),
    actor: &Actor,
) -> Result<(), RetentionError> {
    let reader = store.read()?;
    let to = open(SinkRecord::get(&reader, &deliveries::get(&reader, number)?.sink)?)?;
    drop(reader);
    // First the sink and then the store, as those who deliver: the other way round, two would wait for each other.
    let _desk = Desk::take(&to, stage)?;
    to.recall(&store.read()?)?;
    let delivery: Delivery = deliveries::get(&store.read()?, number)?;
    let (DeliveryProgress::Delivered(receipt) | DeliveryProgress::Removing(receipt)) = &delivery.progress
    else {
        return Ok(());
    };
    let receipt = receipt.clone();
    if !to.sink.looks() {
        let why = "it cannot look at what it holds: what is old there has to be removed there".to_owned();
        return Err(to.error(SinkError::Setup(why.into())).into());
    }
    must_be_ours(&to, &receipt)?;
    let delivery = Delivery { progress: DeliveryProgress::Removing(receipt.clone()), ..delivery };
    let writer = store.write()?;
    deliveries::put(&writer, &delivery)?;
    let subject = delivery.plan.wanted.bill.subject();
    let detail = receipt.told(number, "from", &to.record.name);
    append_change(&writer, actor, EntryChange::new("retention remove", &subject, &detail))?;
    writer.commit()?;
    // Nobody finds a manifest without its part.
    let parts = receipt.objects().map(|(name, ..)| name).filter(|name| *name != receipt.manifest);
    for name in std::iter::once(receipt.manifest.as_str()).chain(parts) {
        to.sink.remove(name).map_err(|e| to.error(e))?;
    }
    let writer = store.write()?;
    let removed = RemovedAt { at_unix_s: actor.at_unix_s, actor: actor.name.clone() };
    deliveries::put(
        &writer,
        &Delivery { progress: DeliveryProgress::Removed(receipt, removed), ..delivery },
    )?;
    writer.delete(Table::Manifests, &number.to_be_bytes())?;
    Ok(writer.commit()?)
}

/// Sees that what lies under a delivery's names is what was delivered, or nothing.
fn must_be_ours(to: &Destination, receipt: &Receipt) -> Result<(), RetentionError> {
    for (name, _, sha256) in receipt.objects() {
        if let Some((bytes, found)) =
            ObjectMeta::read_hash(to.sink.as_ref(), name).map_err(|e| to.error(e))?
            && found != sha256
        {
            let why = format!("{bytes} bytes, sha256 {}", hex(&found));
            return Err(RetentionError::NotOurs { name: name.to_owned(), sink: to.record.name.clone(), why });
        }
    }
    Ok(())
}

/// Takes the lines of loads out of the store, in one step; segments that other loads share stay.
fn lines_go(writer: Transaction, loads: &[(BillKey, u64)], actor: &Actor) -> Result<(), RetentionError> {
    let gone: BTreeSet<u64> = loads.iter().map(|(_, load)| *load).collect();
    let mut needed = BTreeSet::new();
    let mut unneeded = BTreeSet::new();
    for (_, load) in writer.list::<Load>(Table::Loads, &[])? {
        let segments = load.segments.iter().map(|used| used.segment);
        if gone.contains(&load.number) {
            unneeded.extend(segments);
        } else if writer.get_bytes(Table::Pruned, &load.number.to_be_bytes())?.is_none() {
            needed.extend(segments);
        }
    }
    unneeded.retain(|segment| !needed.contains(segment));
    let mut keys = Vec::new();
    for (key, segment) in writer.list::<u64>(Table::SegmentKeys, &[])? {
        if unneeded.contains(&segment) {
            keys.push(key);
        }
    }
    keys.iter().try_for_each(|key| writer.delete(Table::SegmentKeys, key))?;
    for number in &unneeded {
        let record: Segment = writer.need(Table::Segments, &number.to_be_bytes())?;
        for used in &record.blocks {
            writer.delete_large(Large::Blocks, used.block)?;
        }
        writer.delete_large(Large::Orders, *number)?;
        for which in Parted::ALL {
            parted::delete(&writer, which, *number)?;
        }
        writer.delete(Table::Segments, &number.to_be_bytes())?;
    }
    let pruned = PrunedLoad { at_unix_s: actor.at_unix_s, actor: actor.name.clone() };
    for (bill, load) in loads {
        writer.put(Table::Pruned, &load.to_be_bytes(), &pruned)?;
        let record: Load = writer.need(Table::Loads, &load.to_be_bytes())?;
        let detail = format!(
            "the lines of load {load}, `{}`, {}, digest {}",
            record.file.name,
            lines_counted(record.digest.lines()),
            record.digest.hex()
        );
        let subject = bill.subject();
        append_change(&writer, actor, EntryChange::new("retention remove", &subject, &detail))?;
    }
    Ok(writer.commit()?)
}
