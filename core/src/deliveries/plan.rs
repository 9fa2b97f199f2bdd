//! Plans a delivery: what it holds, under which name, and what it takes the place of. One transaction.

use crate::bills::late;
use crate::bills::{Bill, BillKey, BillView, Revision, must_be_recorded};
use crate::deliveries::calendar::{BillFacts, CalendarSlot, WhyNot, judge};
use crate::deliveries::storage::{self, SinkRecord};
use crate::engine::journal::Actor;
use crate::engine::settings::StoreSettings;
use crate::engine::store::{Records, Store, StoreError, Table, Transaction};
use crate::exports::{Naming, Plan, WantedExport};
use crate::values::period::{Coverage, Day, TimeZone};

use super::DeliveryError;
use super::record::{Delivery, DeliveryProgress, get, put};
use crate::deliveries::storage::StorageAccount;

/// What came of planning.
pub(super) enum Planned {
    /// The delivery, new or found.
    Delivery(Box<Delivery>),
    /// Another one of the same bill and days was begun, and would not say what is true now: it has to be settled first.
    Before(Box<Delivery>, Outdated),
}

/// Why a delivery that was begun is not gone on with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outdated {
    /// Its lines are other ones by now.
    Lines,
    /// Its manifest says whether the bill is confirmed, and that has changed.
    Final,
}

impl Outdated {
    /// Says so in words, for the record of what was given up.
    pub(super) fn why(self) -> &'static str {
        match self {
            Outdated::Lines => "its lines have changed since it was planned",
            Outdated::Final => "the bill was confirmed or opened again since it was planned",
        }
    }
}

/// Under which key a plan for a sink is found: its name is determined by its content.
pub(super) fn plan_key(sink: &SinkRecord, stem: &str) -> Vec<u8> {
    format!("{}\0{}\0{stem}", sink.name, sink.url).into_bytes()
}

/// Under which key the last delivery of a bill's days in a form to a sink is found.
pub(super) fn slot_key(sink: &SinkRecord, wanted: &WantedExport) -> Vec<u8> {
    let WantedExport { uin, kind, bill, coverage, scope, rows_per_file: _, form } = wanted;
    let (bill, scope) = (bill.subject(), scope.words());
    format!("{}\0{}\0{uin}\0{kind}\0{bill}\0{coverage}\0{scope}\0{form}", sink.name, sink.url).into_bytes()
}

/// Finds the delivery of a plan's content to a sink. One that an earlier version has made counts, if it has a receipt; one that
/// was given up does not.
pub(super) fn found(
    store: &impl Records,
    sink: &SinkRecord,
    view: &BillView,
    plan: &Plan,
    zone: TimeZone,
) -> Result<Option<Delivery>, StoreError> {
    let of = |stem: &str| match store.get::<u64>(Table::DeliveryKeys, &plan_key(sink, stem))? {
        Some(number) => Ok(Some(get(store, number)?)),
        None => Ok::<_, StoreError>(None),
    };
    if let Some(delivery) = of(&plan.stem)?.filter(|d| !matches!(d.progress, DeliveryProgress::Abandoned(_)))
    {
        return Ok(Some(delivery));
    }
    for stem in plan.former_stems(view, zone) {
        if let Some(delivery) = of(&stem)?.filter(|d| d.progress.is_delivered()) {
            return Ok(Some(delivery));
        }
    }
    Ok(None)
}

impl Delivery {
    /// Returns what keeps a bill that was due on a day from being written to a sink as things stand now: what [`crate::deliveries::DueItem::on`] asks,
    /// but whether it is delivered.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read.
    pub fn in_the_way(
        store: &impl Records,
        record: &SinkRecord,
        wanted: &WantedExport,
        on: Day,
    ) -> Result<Option<WhyNot>, StoreError> {
        let account = StorageAccount::get(store, wanted.uin)?;
        let facts = bill_facts(store, wanted.bill)?;
        let facts = match facts {
            Some(facts) => {
                Some(BillFacts { pending: pending(store, wanted.bill, wanted.coverage)?, ..facts })
            }
            None => None,
        };
        let slot = CalendarSlot { kind: wanted.kind, coverage: wanted.coverage };
        let judged = judge(slot, account.facts(wanted.kind, on), facts, |sink| {
            if sink != record.name {
                return Ok::<_, StoreError>(Some(WhyNot::NotEnabled));
            }
            Ok(facts
                .and_then(|facts| storage::may_leave(&account, wanted.kind, on, record, facts.state).err()))
        })?;
        Ok(judged.err().map(|(_, why)| why))
    }
}

/// Reads what [`judge`] needs to know of a bill, but which file waits.
pub(super) fn bill_facts(store: &impl Records, key: BillKey) -> Result<Option<BillFacts>, StoreError> {
    let Some(bill) = store.get::<Bill>(Table::Bills, &key.bytes())? else { return Ok(None) };
    let revision: Revision = store.need(Table::Revisions, &Revision::key_bytes(key, bill.revision))?;
    Ok(Some(BillFacts { state: bill.state, through: revision.through, pending: None }))
}

/// Returns the file that waits and takes lines of some days of a bill away.
fn pending(store: &impl Records, key: BillKey, days: Coverage) -> Result<Option<u64>, StoreError> {
    let waiting = late::smaller_of(store, key)?;
    Ok(waiting.iter().find(|late| late.smaller.touches(days.first, days.last)).map(|late| late.number))
}

/// Asks once more, in the transaction that plans: what was due may have been taken back or disputed meanwhile.
pub(super) fn may_write(
    store: &impl Records,
    record: &SinkRecord,
    wanted: &WantedExport,
    on: Day,
) -> Result<(), DeliveryError> {
    match Delivery::in_the_way(store, record, wanted, on)? {
        None => Ok(()),
        Some(why) => {
            Err(DeliveryError::Withdrawn { sink: record.name.clone(), uin: wanted.uin, why: why.to_string() })
        }
    }
}

/// Plans what is wanted for a day, or finds its delivery.
pub(super) fn plan(
    store: &Store,
    record: &SinkRecord,
    wanted: WantedExport,
    on: Day,
    actor: &Actor,
) -> Result<Planned, DeliveryError> {
    let writer = store.write()?;
    may_write(&writer, record, &wanted, on)?;
    let zone = StoreSettings::of(&writer)?.zone;
    let view = BillView::open(&writer, wanted.bill, None)?;
    must_be_recorded(&writer, wanted.bill)?;
    let naming = Naming { zone, profile: record.options()?.naming };
    let plan = Plan::new(&writer, &view, wanted, &naming)?;
    let slot = slot_key(record, &wanted);
    let before = match writer.get::<u64>(Table::DeliverySlots, &slot)? {
        Some(number) => Some(get(&writer, number)?),
        None => None,
    };
    if let Some(delivery) = found(&writer, record, &view, &plan, zone)? {
        return go_on(writer, delivery, before, plan);
    }
    let supersedes = match before {
        Some(before) if before.progress.is_pending() => {
            writer.abort()?;
            return Ok(Planned::Before(Box::new(before), Outdated::Lines));
        }
        Some(Delivery {
            progress: DeliveryProgress::Delivered(_) | DeliveryProgress::Removing(_),
            number,
            ..
        }) => Some(number),
        Some(Delivery { progress: DeliveryProgress::Abandoned(_), supersedes, .. }) => supersedes,
        _ => None,
    };
    let number = writer.next_id("delivery")?;
    let key = plan_key(record, &plan.stem);
    let delivery = Delivery {
        number,
        sink: record.name.clone(),
        url: record.url.clone(),
        plan,
        progress: DeliveryProgress::Planned,
        at_unix_s: actor.at_unix_s,
        on: Some(on),
        supersedes,
        failure: None,
    };
    put(&writer, &delivery)?;
    writer.put(Table::DeliveryKeys, &key, &number)?;
    writer.put(Table::DeliverySlots, &slot, &number)?;
    writer.commit()?;
    Ok(Planned::Delivery(Box::new(delivery)))
}

/// Goes on with the delivery of the lines that there are now, if what it would say of them is still true.
fn go_on(
    writer: Transaction,
    found: Delivery,
    last: Option<Delivery>,
    plan: Plan,
) -> Result<Planned, DeliveryError> {
    // The lines changed and came back: what was begun in between is of lines that are not there.
    if let Some(last) = last.filter(|last| last.number != found.number && last.progress.is_pending()) {
        writer.abort()?;
        return Ok(Planned::Before(Box::new(last), Outdated::Lines));
    }
    if found.progress == DeliveryProgress::Planned && found.plan != plan {
        // Nothing was sent: the same lines are delivered from the revision that there is now.
        let delivery = Delivery { plan, ..found };
        put(&writer, &delivery)?;
        writer.commit()?;
        return Ok(Planned::Delivery(Box::new(delivery)));
    }
    writer.abort()?;
    if found.progress.is_pending() && found.plan.is_final != plan.is_final {
        return Ok(Planned::Before(Box::new(found), Outdated::Final));
    }
    Ok(Planned::Delivery(Box::new(found)))
}
