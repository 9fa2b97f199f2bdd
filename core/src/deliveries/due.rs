//! What is due on a day, and why not where it is not.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use crate::bills::late::LateFile;
use crate::bills::{BillKey, BillView};
use crate::deliveries::calendar::{
    Asked, BillFacts, BillKind, CalendarSlot, Calendars, Moment, Why, WhyNot, judge,
};
use crate::deliveries::storage::{
    self, PayerLines, SinkOptions, SinkRecord, StorageAccount, StorageError, Target,
};
use crate::engine::settings::StoreSettings;
use crate::engine::store::{Records, StoreError};
use crate::engine::timeline::Timeline;
use crate::exports::{ExportForm, Naming, Plan, ROWS_PER_FILE, Scope, WantedExport};
use crate::partners::accounts::{AccountRole, Tree};
use crate::values::period::{Basis, Day, TimeZone};
use crate::values::uin::Uin;

use super::DeliveryError;
use super::plan::{bill_facts, found};
use crate::bills::Bill;

/// A slot of the calendar for one account, judged.
#[derive(Clone, Debug)]
pub struct DueItem {
    /// Whose bill.
    pub uin: Uin,
    /// Which kind and days.
    pub slot: CalendarSlot,
    /// How the calendar asks for it; bindings as of its day decide.
    pub asked: Asked,
    /// To which sink, if one is set.
    pub sink: Option<String>,
    /// What is to be exported, if it is due.
    pub verdict: Result<WantedExport, WhyNot>,
}

/// What is due at a moment, and what will be later on the same day.
#[derive(Clone, Debug, Default)]
pub struct DueAt {
    /// Due, or not, and why.
    pub now: Vec<DueItem>,
    /// What the calendar asks for at a later time of the day, judged as if it had come.
    pub later: Vec<DueItem>,
}

impl DueItem {
    /// Tells what is due on a day, and why not where it is not: every account and every slot of the calendar. The whole day
    /// counts, whatever the hours that the calendar names.
    ///
    /// # Errors
    /// [`DeliveryError`] when the store cannot be read.
    pub fn on(store: &impl Records, on: Day, basis: Basis) -> Result<Vec<DueItem>, DeliveryError> {
        let calendars = Calendars::load(store)?;
        let mut asked = calendars.on(on).asked(on);
        asked.extend(overdue(store, &calendars, on, basis)?);
        DueItem::of(store, basis, &asked)
    }
}

impl DueAt {
    /// Tells what is due at a moment, in the zone of the calendar, and what will be later on that day.
    ///
    /// # Errors
    /// [`DeliveryError`] when the store cannot be read.
    pub fn at(store: &impl Records, moment: Moment, basis: Basis) -> Result<DueAt, DeliveryError> {
        let calendars = Calendars::load(store)?;
        let mut asked = calendars.asked_at(moment);
        asked.now.extend(overdue(store, &calendars, moment.day, basis)?);
        Ok(DueAt {
            now: DueItem::of(store, basis, &asked.now)?,
            later: DueItem::of(store, basis, &asked.later)?,
        })
    }
}

/// Returns what earlier months' bills the calendar still asks for.
fn overdue(
    store: &impl Records,
    calendars: &Calendars,
    on: Day,
    basis: Basis,
) -> Result<Vec<Asked>, DeliveryError> {
    let of_basis = Bill::list(store)?.into_iter().filter(|(b, _)| b.key.basis == basis);
    Ok(calendars.on(on).overdue(on, of_basis.map(|(b, _)| b.key.month)))
}

impl DueItem {
    /// Tells what of the slots that are asked for is due, for every account: account by account, in the order of the slots.
    ///
    /// # Errors
    /// [`DeliveryError`] when the store cannot be read.
    pub fn of(store: &impl Records, basis: Basis, asked: &[Asked]) -> Result<Vec<DueItem>, DeliveryError> {
        DueItem::of_accounts(store, basis, asked, |_| true)
    }

    /// [`DueItem::of`], for some accounts only.
    ///
    /// # Errors
    /// [`DeliveryError`] when the store cannot be read.
    pub fn of_accounts(
        store: &impl Records,
        basis: Basis,
        asked: &[Asked],
        is_wanted: impl Fn(Uin) -> bool,
    ) -> Result<Vec<DueItem>, DeliveryError> {
        let settings = StoreSettings::of(store)?;
        let tree = Tree::load(store)?;
        let mut accounts = StorageAccount::list(store)?;
        if !accounts.iter().any(|a| a.uin == settings.payer) {
            accounts.insert(0, StorageAccount::get(store, settings.payer)?);
        }
        let pending: Vec<LateFile> =
            LateFile::list(store)?.into_iter().filter(LateFile::is_smaller_and_waits).collect();
        let mut bills = Bills { store, facts: BTreeMap::new(), views: BTreeMap::new() };
        let mut items = Vec::new();
        for account in accounts.iter().filter(|account| is_wanted(account.uin)) {
            for asked in asked.iter().copied() {
                let Asked { slot, on, .. } = asked;
                // Reseller bills are the payer's alone.
                if slot.kind == BillKind::Reseller && account.uin != settings.payer {
                    continue;
                }
                if asked.why == Why::Overdue
                    && slot.kind == BillKind::Monthly
                    && !storage::stays_due(store, account, asked.since, settings.zone)?
                {
                    continue;
                }
                let bill_key = BillKey { payer: settings.payer, month: slot.coverage.first.month(), basis };
                let lines = match account.target(slot.kind, on) {
                    Some(Target::Sink { lines, .. }) => *lines,
                    _ => PayerLines::All,
                };
                let mut wanted = WantedExport {
                    uin: account.uin,
                    kind: slot.kind,
                    bill: bill_key,
                    coverage: slot.coverage,
                    scope: scope(&tree, slot, account.uin, lines),
                    rows_per_file: ROWS_PER_FILE,
                    form: ExportForm::default(),
                };
                let facts = bills.facts(bill_key)?.map(|facts| BillFacts {
                    pending: pending
                        .iter()
                        .filter(|late| late.bill == bill_key)
                        .find(|late| late.smaller.touches(slot.coverage.first, slot.coverage.last))
                        .map(|late| late.number),
                    ..facts
                });
                let judged = judge(slot, account.facts(slot.kind, on), facts, |sink| {
                    let record = match SinkRecord::get(store, sink) {
                        Err(StorageError::NoSink(_)) => return Ok(Some(WhyNot::NoSink)),
                        record => record?,
                    };
                    if let Some(facts) = facts
                        && let Err(why) = storage::may_leave(account, slot.kind, on, &record, facts.state)
                    {
                        return Ok(Some(why));
                    }
                    let (at_sink, naming) = at_sink(wanted, &record, settings.zone)?;
                    wanted = at_sink;
                    let view = bills.view(bill_key)?;
                    let delivered = delivered(store, account, view, (wanted, &naming), &record)?;
                    Ok::<_, DeliveryError>(delivered.map(|delivery| WhyNot::Delivered { delivery }))
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
}

/// The bills that slots ask for, each read once.
struct Bills<'a, R> {
    store: &'a R,
    facts: BTreeMap<BillKey, Option<BillFacts>>,
    views: BTreeMap<BillKey, BillView>,
}

impl<R: Records> Bills<'_, R> {
    fn facts(&mut self, key: BillKey) -> Result<Option<BillFacts>, StoreError> {
        if let Some(facts) = self.facts.get(&key) {
            return Ok(*facts);
        }
        let facts = bill_facts(self.store, key)?;
        self.facts.insert(key, facts);
        Ok(facts)
    }

    fn view(&mut self, key: BillKey) -> Result<&BillView, DeliveryError> {
        Ok(match self.views.entry(key) {
            Entry::Occupied(view) => view.into_mut(),
            Entry::Vacant(place) => place.insert(BillView::open(self.store, key, None)?),
        })
    }
}

/// Says how what is wanted looks at a sink, and how it is named there.
fn at_sink(
    wanted: WantedExport,
    record: &SinkRecord,
    zone: TimeZone,
) -> Result<(WantedExport, Naming), DeliveryError> {
    let SinkOptions { rows_per_file, form, naming: profile, .. } = record.options()?;
    Ok((WantedExport { rows_per_file, form, ..wanted }, Naming { zone, profile }))
}

/// Finds the delivery of what is wanted: to the sink of the day, or to any other to which the account's bills of this kind ever
/// went. What lies in the old sink stays there, and is not new; what a late run has put into the new one is not owed to the old.
fn delivered(
    store: &impl Records,
    account: &StorageAccount,
    view: &BillView,
    (wanted, naming): (WantedExport, &Naming),
    record: &SinkRecord,
) -> Result<Option<u64>, DeliveryError> {
    let to =
        |record: &SinkRecord, wanted: WantedExport, naming: &Naming| -> Result<Option<u64>, DeliveryError> {
            let plan = Plan::new(store, view, wanted, naming)?;
            let found = found(store, record, view, &plan, naming.zone)?;
            Ok(found.filter(|d| d.progress.is_delivered()).map(|d| d.number))
        };
    if let Some(number) = to(record, wanted, naming)? {
        return Ok(Some(number));
    }
    let changes = account.bindings.get(&wanted.kind).map(Timeline::changes).unwrap_or_default();
    let names: BTreeSet<&str> = changes.iter().filter_map(|change| change.value.sink()).collect();
    for name in names.into_iter().filter(|name| *name != record.name) {
        let former = match SinkRecord::get(store, name) {
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

/// Returns whose lines an account's bill holds: the payer's all that it owes, a second-level reseller's those of whoever
/// stands below it, anybody else's its own.
fn scope(tree: &Tree, slot: CalendarSlot, uin: Uin, lines: PayerLines) -> Scope {
    if uin != tree.payer() {
        let reseller =
            tree.on(uin, slot.coverage.last).is_some_and(|known| known.role == AccountRole::Reseller);
        if reseller { Scope::Reseller(uin) } else { Scope::Owner(uin) }
    } else if slot.kind == BillKind::Reseller {
        Scope::Customers
    } else if lines == PayerLines::SelfUse {
        Scope::SelfUse
    } else {
        Scope::Payer
    }
}
