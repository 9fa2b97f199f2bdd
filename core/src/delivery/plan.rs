//! Plans a delivery: what it holds, under which name, and what it takes the place of. One transaction.

use crate::bill::{Bill, BillView, must_be_recorded};
use crate::calendar::WhyNot;
use crate::export::{Naming, Plan, Wanted};
use crate::journal::Actor;
use crate::period::{Day, TimeZone};
use crate::settings::StoreSettings;
use crate::storage::{self, SinkRecord};
use crate::store::{Read, Store, StoreError, Table};

use super::DeliveryError;
use super::record::{Delivery, Progress, get, put};

/// What came of planning.
pub(super) enum Planned {
    /// The delivery, new or found.
    Delivery(Box<Delivery>),
    /// Another one of the same bill and days was begun for lines that have changed since: it has to be settled first.
    Before(Box<Delivery>),
}

/// Under which key a plan for a sink is found: its name is determined by its content.
pub(super) fn plan_key(sink: &SinkRecord, stem: &str) -> Vec<u8> {
    format!("{}\0{}\0{stem}", sink.name, sink.url).into_bytes()
}

/// Under which key the last delivery of a bill's days in a form to a sink is found.
pub(super) fn slot_key(sink: &SinkRecord, wanted: &Wanted) -> Vec<u8> {
    let Wanted { uin, kind, bill, coverage, scope, rows_per_file: _, form } = wanted;
    let (bill, scope) = (bill.subject(), scope.words());
    format!("{}\0{}\0{uin}\0{kind}\0{bill}\0{coverage}\0{scope}\0{form}", sink.name, sink.url).into_bytes()
}

/// Finds the delivery of a plan's content to a sink. One that an earlier version has made counts, if it has a receipt; one that
/// was given up does not.
pub(super) fn found(
    store: &impl Read,
    sink: &SinkRecord,
    view: &BillView,
    plan: &Plan,
    zone: TimeZone,
) -> Result<Option<Delivery>, StoreError> {
    let of = |stem: &str| match store.get::<u64>(Table::DeliveryKeys, &plan_key(sink, stem))? {
        Some(number) => Ok(Some(get(store, number)?)),
        None => Ok::<_, StoreError>(None),
    };
    if let Some(delivery) = of(&plan.stem)?.filter(|d| !matches!(d.progress, Progress::Abandoned(_))) {
        return Ok(Some(delivery));
    }
    for stem in plan.former_stems(view, zone) {
        if let Some(delivery) = of(&stem)?.filter(|d| d.progress.is_delivered()) {
            return Ok(Some(delivery));
        }
    }
    Ok(None)
}

/// Returns what keeps a bill that was due on a day from being written to a sink as things stand now.
///
/// # Errors
/// [`StoreError`] when the store cannot be read.
pub fn in_the_way(
    store: &impl Read,
    record: &SinkRecord,
    wanted: &Wanted,
    on: Day,
) -> Result<Option<WhyNot>, StoreError> {
    let account = storage::account(store, wanted.uin)?;
    match account.facts(wanted.kind, on).may_write(wanted.kind) {
        Ok(sink) if sink != record.name => return Ok(Some(WhyNot::NotEnabled)),
        Ok(_) => {}
        Err(why) => return Ok(Some(why)),
    }
    let Some(bill) = store.get::<Bill>(Table::Bills, &wanted.bill.bytes())? else {
        return Ok(Some(WhyNot::NoBill));
    };
    Ok(storage::may_leave(&account, wanted.kind, on, record, bill.state).err())
}

/// Asks once more, in the transaction that plans: what was due may have been taken back or disputed meanwhile.
pub(super) fn may_write(
    store: &impl Read,
    record: &SinkRecord,
    wanted: &Wanted,
    on: Day,
) -> Result<(), DeliveryError> {
    match in_the_way(store, record, wanted, on)? {
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
    wanted: Wanted,
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
    if let Some(delivery) = found(&writer, record, &view, &plan, zone)? {
        writer.abort()?;
        return Ok(Planned::Delivery(Box::new(delivery)));
    }
    let slot = slot_key(record, &wanted);
    let before = match writer.get::<u64>(Table::DeliverySlots, &slot)? {
        Some(number) => Some(get(&writer, number)?),
        None => None,
    };
    let supersedes = match before {
        Some(before) if before.progress.is_pending() => {
            writer.abort()?;
            return Ok(Planned::Before(Box::new(before)));
        }
        Some(Delivery { progress: Progress::Delivered(_) | Progress::Removing(_), number, .. }) => {
            Some(number)
        }
        Some(Delivery { progress: Progress::Abandoned(_), supersedes, .. }) => supersedes,
        _ => None,
    };
    let number = writer.next_id("delivery")?;
    let key = plan_key(record, &plan.stem);
    let delivery = Delivery {
        number,
        sink: record.name.clone(),
        url: record.url.clone(),
        plan,
        progress: Progress::Planned,
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
