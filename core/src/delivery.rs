//! The outbox: what is due, and how it gets to a sink exactly once.
//!
//! ```text
//! plan (committed) → render into a staged file → put the part → check it → put the manifest, create-only
//!                  → receipt (committed)
//! ```
//!
//! A kill between any two steps leaves a plan without a receipt. The next run finds it, renders the same bytes
//! from the same revision, and puts only what is not there. Once there is a receipt, nothing is put again.

mod record;

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use crate::accounts::{Role, Tree};
use crate::bill::{self, Bill, BillKey, BillView, Revision};
use crate::calendar::{Asked, BillFacts, Calendars, Kind, Moment, Slot, Why, WhyNot, judge};
use crate::digest::hex;
use crate::export::{
    ExportError, Form, Naming, Plan, ROWS_PER_FILE, RenderSettings, Scope, Wanted, place, read_hash,
};
use crate::journal::{Actor, Change, append_change};
use crate::period::{Basis, Day, TimeZone};
use crate::settings::StoreSettings;
use crate::sink::{Sink, SinkError};
use crate::storage::{self, Account, Lines, SinkOptions, SinkRecord, StorageError, Target};
use crate::store::{Read, Store, StoreError, Table, Writer};
use crate::timeline::Timeline;
use crate::uin::Uin;

pub use record::{Delivery, Progress, Receipt, RemovedAt};

/// A slot of the calendar for one account, judged.
#[derive(Clone, Debug)]
pub struct DueItem {
    /// Whose bill.
    pub uin: Uin,
    /// Which kind and days.
    pub slot: Slot,
    /// How the calendar asks for it; bindings as of its day decide.
    pub asked: Asked,
    /// To which sink, if one is set.
    pub sink: Option<String>,
    /// What is to be exported, if it is due.
    pub verdict: Result<Wanted, WhyNot>,
}

/// Returns all deliveries, oldest first.
///
/// # Errors
/// [`StoreError`] when the store cannot be read.
pub fn list(store: &impl Read) -> Result<Vec<Delivery>, StoreError> {
    store.list_of(Table::Deliveries)
}

/// Returns a delivery by its number.
pub(crate) fn get(store: &impl Read, number: u64) -> Result<Delivery, StoreError> {
    store.need_of(Table::Deliveries, &number.to_be_bytes())
}

/// Puts a delivery's record.
pub(crate) fn put(writer: &Writer, delivery: &Delivery) -> Result<(), StoreError> {
    writer.put_of(Table::Deliveries, &delivery.number.to_be_bytes(), delivery)
}

/// Under which key a plan for a sink is found: its name is determined by its content.
fn plan_key(sink: &SinkRecord, stem: &str) -> Vec<u8> {
    format!("{}\0{}\0{stem}", sink.name, sink.url).into_bytes()
}

/// What is due at a moment, and what will be later on the same day.
#[derive(Clone, Debug, Default)]
pub struct DueAt {
    /// Due, or not, and why.
    pub now: Vec<DueItem>,
    /// What the calendar asks for at a later time of the day, judged as if it had come.
    pub later: Vec<DueItem>,
}

/// Tells what is due on a day, and why not where it is not: every account and every slot of the calendar. The whole day
/// counts, whatever the hours that the calendar names.
///
/// # Errors
/// [`ExportError`] when the store cannot be read.
pub fn due(store: &impl Read, on: Day, basis: Basis) -> Result<Vec<DueItem>, ExportError> {
    let calendars = Calendars::load(store)?;
    let mut asked = calendars.on(on).asked(on);
    asked.extend(overdue(store, &calendars, on, basis)?);
    due_of(store, basis, &asked)
}

/// Tells what is due at a moment, in the zone of the calendar, and what will be later on that day.
///
/// # Errors
/// [`ExportError`] when the store cannot be read.
pub fn due_at(store: &impl Read, moment: Moment, basis: Basis) -> Result<DueAt, ExportError> {
    let calendars = Calendars::load(store)?;
    let mut asked = calendars.asked_at(moment);
    asked.now.extend(overdue(store, &calendars, moment.day, basis)?);
    Ok(DueAt { now: due_of(store, basis, &asked.now)?, later: due_of(store, basis, &asked.later)? })
}

/// Returns what earlier months' bills the calendar still asks for.
fn overdue(
    store: &impl Read,
    calendars: &Calendars,
    on: Day,
    basis: Basis,
) -> Result<Vec<Asked>, ExportError> {
    let of_basis = bill::list(store)?.into_iter().filter(|(b, _)| b.key.basis == basis);
    Ok(calendars.on(on).overdue(on, of_basis.map(|(b, _)| b.key.month)))
}

/// Tells what of the slots that are asked for is due, for every account: account by account, in the order of the slots.
///
/// # Errors
/// [`ExportError`] when the store cannot be read.
pub fn due_of(store: &impl Read, basis: Basis, asked: &[Asked]) -> Result<Vec<DueItem>, ExportError> {
    let settings = StoreSettings::of(store)?;
    let tree = Tree::load(store)?;
    let mut accounts = storage::accounts(store)?;
    if !accounts.iter().any(|a| a.uin == settings.payer) {
        accounts.insert(0, storage::account(store, settings.payer)?);
    }
    let mut bills = Bills { store, facts: BTreeMap::new(), views: BTreeMap::new() };
    let mut items = Vec::new();
    for account in &accounts {
        for asked in asked.iter().copied() {
            let Asked { slot, on, .. } = asked;
            // Reseller bills are the payer's alone.
            if slot.kind == Kind::Reseller && account.uin != settings.payer {
                continue;
            }
            let bill_key = BillKey { payer: settings.payer, month: slot.coverage.first.month(), basis };
            let lines = match account.target(slot.kind, on) {
                Some(Target::Sink { lines, .. }) => *lines,
                _ => Lines::All,
            };
            let mut wanted = Wanted {
                uin: account.uin,
                kind: slot.kind,
                bill: bill_key,
                coverage: slot.coverage,
                scope: scope(&tree, slot, account.uin, lines),
                rows_per_file: ROWS_PER_FILE,
                form: Form::default(),
            };
            let facts = bills.facts(bill_key)?;
            let judged = judge(slot, account.facts(slot.kind, on), facts, |sink| {
                let record = match storage::sink(store, sink) {
                    Err(StorageError::NoSink(_)) => return Ok(Some(WhyNot::NoSink)),
                    record => record?,
                };
                let (at_sink, naming) = at_sink(wanted, &record, settings.zone)?;
                wanted = at_sink;
                let view = bills.view(bill_key)?;
                let delivered = delivered(store, account, view, (wanted, &naming), &record)?;
                Ok::<_, ExportError>(delivered.map(|delivery| WhyNot::Delivered { delivery }))
            })?;
            let (sink, verdict) = match judged {
                Ok(sink) => (Some(sink), Ok(wanted)),
                Err((sink, why)) => (sink, Err(why)),
            };
            // Of earlier months only what is still to be done is worth a line.
            if asked.why == Why::Overdue && verdict.is_err() {
                continue;
            }
            items.push(DueItem { uin: account.uin, slot, asked, sink, verdict });
        }
    }
    Ok(items)
}

/// The bills that slots ask for, each read once.
struct Bills<'a, R> {
    store: &'a R,
    facts: BTreeMap<BillKey, Option<BillFacts>>,
    views: BTreeMap<BillKey, BillView>,
}

impl<R: Read> Bills<'_, R> {
    fn facts(&mut self, key: BillKey) -> Result<Option<BillFacts>, StoreError> {
        if let Some(facts) = self.facts.get(&key) {
            return Ok(*facts);
        }
        let facts = match self.store.get::<Bill>(Table::Bills, &key.bytes())? {
            None => None,
            Some(bill) => {
                let key = Revision::key_bytes(key, bill.revision);
                let revision: Revision = self.store.need(Table::Revisions, &key)?;
                Some(BillFacts { state: bill.state, through: revision.through })
            }
        };
        self.facts.insert(key, facts);
        Ok(facts)
    }

    fn view(&mut self, key: BillKey) -> Result<&BillView, ExportError> {
        Ok(match self.views.entry(key) {
            Entry::Occupied(view) => view.into_mut(),
            Entry::Vacant(place) => place.insert(BillView::open(self.store, key, None)?),
        })
    }
}

/// Says how what is wanted looks at a sink, and how it is named there.
fn at_sink(wanted: Wanted, record: &SinkRecord, zone: TimeZone) -> Result<(Wanted, Naming), ExportError> {
    let SinkOptions { rows_per_file, form, naming: profile, of_sink: _ } = record.options()?;
    Ok((Wanted { rows_per_file, form, ..wanted }, Naming { zone, profile }))
}

/// Finds the delivery of what is wanted: to the sink of the day, or to any other to which the account's bills of this kind ever
/// went. What lies in the old sink stays there, and is not new; what a late run has put into the new one is not owed to the old.
fn delivered(
    store: &impl Read,
    account: &Account,
    view: &BillView,
    (wanted, naming): (Wanted, &Naming),
    record: &SinkRecord,
) -> Result<Option<u64>, ExportError> {
    let to = |record: &SinkRecord, wanted: Wanted, naming: &Naming| -> Result<Option<u64>, ExportError> {
        let plan = Plan::new(store, view, wanted, naming)?;
        let found = found(store, record, view, &plan, naming.zone)?;
        Ok(found.filter(|d| d.progress != Progress::Planned).map(|d| d.number))
    };
    if let Some(number) = to(record, wanted, naming)? {
        return Ok(Some(number));
    }
    let changes = account.bindings.get(&wanted.kind).map(Timeline::changes).unwrap_or_default();
    let names: BTreeSet<&str> = changes.iter().filter_map(|change| change.value.sink()).collect();
    for name in names.into_iter().filter(|name| *name != record.name) {
        let former = match storage::sink(store, name) {
            Err(StorageError::NoSink(_)) => continue,
            former => former?,
        };
        let (wanted, naming) = at_sink(wanted, &former, naming.zone)?;
        if let Some(number) = to(&former, wanted, &naming)? {
            return Ok(Some(number));
        }
    }
    Ok(None)
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
        (elsewhere && d.progress != Progress::Planned).then_some((on, d.sink))
    };
    Ok(list(store)?.into_iter().filter_map(of).max())
}

/// Returns whose lines an account's bill holds: the payer's all that it owes, a second-level reseller's those of whoever
/// stands below it, anybody else's its own.
fn scope(tree: &Tree, slot: Slot, uin: Uin, lines: Lines) -> Scope {
    if uin != tree.payer() {
        let reseller = tree.on(uin, slot.coverage.last).is_some_and(|known| known.role == Role::Reseller);
        if reseller { Scope::Reseller(uin) } else { Scope::Owner(uin) }
    } else if slot.kind == Kind::Reseller {
        Scope::Customers
    } else if lines == Lines::SelfUse {
        Scope::SelfUse
    } else {
        Scope::Payer
    }
}

/// Finds the delivery of a plan's content to a sink. One that an earlier version has made counts, if it has a receipt.
fn found(
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
    if let Some(delivery) = of(&plan.stem)? {
        return Ok(Some(delivery));
    }
    for stem in plan.former_stems(view, zone) {
        if let Some(delivery) = of(&stem)?.filter(|d| d.progress != Progress::Planned) {
            return Ok(Some(delivery));
        }
    }
    Ok(None)
}

/// Asks once more, in the transaction that plans: what was due may have been taken back meanwhile.
fn may_write(store: &impl Read, record: &SinkRecord, wanted: &Wanted, on: Day) -> Result<(), ExportError> {
    let why = match storage::account(store, wanted.uin)?.facts(wanted.kind, on).may_write(wanted.kind) {
        Ok(sink) if sink == record.name => return Ok(()),
        Ok(_) => WhyNot::NotEnabled,
        Err(why) => why,
    };
    Err(ExportError::Withdrawn { sink: record.name.clone(), uin: wanted.uin, why: why.to_string() })
}

/// Delivers an export that was due on a day to a sink, or finishes a delivery that was begun; one that has a receipt is returned as is.
///
/// # Errors
/// [`ExportError`]; running again goes on where this run ended.
pub fn deliver(
    store: &Store,
    record: &SinkRecord,
    sink: &dyn Sink,
    wanted: Wanted,
    on: Day,
    settings: &RenderSettings<'_>,
    actor: &Actor,
) -> Result<Delivery, ExportError> {
    let zone = StoreSettings::of(&store.read()?)?.zone;
    let writer = store.write()?;
    may_write(&writer, record, &wanted, on)?;
    let view = BillView::open(&writer, wanted.bill, None)?;
    let naming = Naming { zone, profile: record.options()?.naming };
    let plan = Plan::new(&writer, &view, wanted, &naming)?;
    let delivery = match found(&writer, record, &view, &plan, zone)? {
        Some(delivery) => {
            writer.abort()?;
            delivery
        }
        None => {
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
            };
            put(&writer, &delivery)?;
            writer.put(Table::DeliveryKeys, &key, &number)?;
            writer.commit()?;
            delivery
        }
    };
    if delivery.progress != Progress::Planned {
        return Ok(delivery);
    }
    // The plan may be older than this run: it is fulfilled from the revision that it was made for.
    let reader = store.read()?;
    let plan = &delivery.plan;
    let view = BillView::open(&reader, plan.wanted.bill, Some(plan.revision))?;
    let placed = place(&reader, &view, plan, &record.name, sink, settings)?;
    drop(reader);
    let receipt = Receipt {
        location: sink.location(&plan.part_name()),
        part: plan.part_name(),
        bytes: placed.rendered.bytes,
        sha256: placed.rendered.sha256,
        rows: placed.rendered.files.iter().map(|f| f.rows).sum(),
        sums: placed.rendered.sums,
        manifest: plan.manifest_name(),
        manifest_sha256: placed.manifest_sha256,
        at_unix_s: actor.at_unix_s,
        actor: actor.name.clone(),
    };
    let writer = store.write()?;
    // Another run may have finished it meanwhile: the first receipt stands.
    let now = get(&writer, delivery.number)?;
    if now.progress != Progress::Planned {
        return Ok(now);
    }
    let detail = format!(
        "delivery {}: `{}` to sink `{}`, {} lines, sha256 {}",
        delivery.number,
        receipt.part,
        record.name,
        receipt.rows,
        hex(&receipt.sha256)
    );
    let delivery = Delivery { progress: Progress::Delivered(Box::new(receipt)), ..delivery };
    put(&writer, &delivery)?;
    // What is delivered is the lines that were planned: their digest, which the manifest has too.
    let (subject, after) = (delivery.plan.wanted.bill.to_string(), Some(delivery.plan.content.bytes()));
    append_change(&writer, actor, Change { after, ..Change::new("deliver", &subject, &detail) })?;
    writer.commit()?;
    Ok(delivery)
}

/// What a check of a sink found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The delivery, unless the object belongs to none.
    pub delivery: Option<u64>,
    /// The object's name.
    pub name: String,
    /// `ok`, `missing`, `altered` or `extra`.
    pub what: &'static str,
    /// What there is to say.
    pub detail: String,
}

/// Compares what a sink holds with the receipts: every byte of every part and manifest.
///
/// # Errors
/// [`ExportError`] when store or sink cannot be read; differences are findings, not errors.
pub fn verify(store: &impl Read, record: &SinkRecord, sink: &dyn Sink) -> Result<Vec<Finding>, ExportError> {
    let sink_error = |error: SinkError| ExportError::Sink { sink: record.name.clone(), error };
    let mut findings = Vec::new();
    let mut known = Vec::new();
    for delivery in list(store)?.into_iter().filter(|d| d.sink == record.name && d.url == record.url) {
        if !matches!(delivery.progress, Progress::Removed(..)) {
            known.push(delivery.plan.part_name());
            known.push(delivery.plan.manifest_name());
        }
        let Progress::Delivered(receipt) = &delivery.progress else { continue };
        for (name, bytes, sha256) in receipt.objects() {
            let (what, detail) = match read_hash(sink, name).map_err(sink_error)? {
                None => ("missing", "it was delivered and is not there".to_owned()),
                Some((held, hash)) if hash == sha256 && bytes.is_none_or(|b| b == held) => {
                    ("ok", format!("{held} bytes, sha256 {}", hex(&hash)))
                }
                Some((held, hash)) => ("altered", format!("{held} bytes, sha256 {}", hex(&hash))),
            };
            findings.push(Finding { delivery: Some(delivery.number), name: name.to_owned(), what, detail });
        }
    }
    for name in sink.list().map_err(sink_error)? {
        if !known.contains(&name) {
            let detail = "no delivery of this store put it there".to_owned();
            findings.push(Finding { delivery: None, name, what: "extra", detail });
        }
    }
    Ok(findings)
}
