//! Which account's bills go to which sink from which day on: enable, disable, switch. Never overwritten.

use crate::bills::BillView;
use crate::deliveries::calendar::BillKind;
use crate::deliveries::record;
use crate::engine::settings::StoreSettings;
use crate::engine::store::{Records, Store, Table, Transaction};
use crate::engine::timeline::Timeline;
use crate::exports::guard::check_scope;
use crate::exports::{Columns, Scope};
use crate::partners::accounts::{AccountRole, Tree};
use crate::values::period::Day;
use crate::values::uin::Uin;

use super::account::stopped;
use super::place::alone;
use super::{
    After, Audience, Consent, PayerLines, SinkPlaces, SinkRecord, Statement, StorageAccount, StorageError,
    StorageStep, Target, allow_in, authorise_in, not_allowed, save, words,
};
use crate::bills::Bill;

/// What is to be enabled.
#[derive(Clone, Debug)]
pub struct Enable {
    /// Whose bills.
    pub uin: Uin,
    /// To which sink.
    pub sink: String,
    /// Which kinds.
    pub kinds: Vec<BillKind>,
    /// Which of the payer's lines.
    pub lines: PayerLines,
    /// What bills wait for; without it, what is the default for whoever reads the sink.
    pub after: Option<After>,
    /// Where sinks are. A customer's place has no other account's bills.
    pub places: SinkPlaces,
    /// Accepts bills of other accounts at a customer's place.
    pub shared: bool,
    /// Agrees to store the customers' consolidated bills as well.
    pub custom_bills: bool,
    /// The first day; without one, all days if bills of that kind never went anywhere, else today.
    pub from: Option<Day>,
}

/// Tells from which day on each kind would go to the sink, or why it may not.
///
/// # Errors
/// As [`Transaction::enable_storage`].
pub(super) fn may_enable(
    store: &impl Records,
    wanted: &Enable,
    create: Option<&SinkRecord>,
    today: Day,
) -> Result<Vec<(BillKind, Option<Day>)>, StorageError> {
    let Enable { uin, sink: name, kinds, lines, custom_bills, from, .. } = wanted;
    let uin = *uin;
    let account = StorageAccount::get(store, uin)?;
    let record = ready(store, &account, kinds, name, create, from.unwrap_or(today))?;
    if !wanted.shared {
        alone(store, uin, &record, &wanted.places)?;
    }
    let payer = StoreSettings::of(store)?.payer;
    if uin != payer && (kinds.contains(&BillKind::Reseller) || *custom_bills || *lines == PayerLines::SelfUse)
    {
        return Err(StorageError::NotThePayer { uin, payer });
    }
    let mut begun = Vec::new();
    for kind in kinds.iter().copied() {
        let line = account.bindings.get(&kind).filter(|line| !line.is_empty());
        let from = from.or(line.map(|_| today));
        for span in line.map(Timeline::spans).unwrap_or_default() {
            let other = span.change.value.sink().filter(|sink| sink != name);
            let meets = span.until.is_none_or(|until| from.is_none_or(|from| until >= from));
            if let Some(sink) = other.filter(|_| meets) {
                let sink = sink.to_owned();
                return Err(StorageError::Bound { uin, kind, sink, from: span.from, until: span.until });
            }
        }
        begun.push((kind, from));
    }
    Ok(begun)
}

impl Transaction {
    /// Sends an account's bills of some kinds to a sink; returns from which day on each goes. A sink that `create` describes is
    /// made in the same step.
    ///
    /// # Errors
    /// [`StorageError::NotYet`] and [`StorageError::NotAllowed`] unless the account is allowed and has authorised;
    /// [`StorageError::NoSink`], [`StorageError::Audience`] or [`StorageError::NotThePayer`] where the bills may not go;
    /// [`StorageError::Bound`] where they go elsewhere on any of the days.
    pub fn enable_storage(
        &self,
        wanted: &Enable,
        create: Option<&SinkRecord>,
        today: Day,
        said: Statement<'_>,
    ) -> Result<Vec<(BillKind, Option<Day>)>, StorageError> {
        let mut begun = may_enable(self, wanted, create, today)?;
        let mut account = StorageAccount::get(self, wanted.uin)?;
        let Enable { sink: name, lines, custom_bills, after, .. } = wanted;
        for (kind, from) in &mut begun {
            let target = Target::Sink { sink: name.clone(), lines: *lines, after: *after };
            let line = account.bindings.entry(*kind).or_default();
            match held_since(line, *from, &target) {
                Some(since) => *from = since,
                None => line.record(*from, target, said.actor, said.reason),
            }
        }
        if *custom_bills {
            account.consent(Consent::CustomBills, None, true, said.actor, said.reason);
        }
        let day = |(kind, from): &(BillKind, Option<Day>)| {
            from.map_or_else(|| kind.to_string(), |from| format!("{kind} from {from}"))
        };
        let detail = format!(
            "{} to sink `{name}`{}{}{}",
            words(begun.iter().map(day)),
            after_text(*after),
            if *lines == PayerLines::SelfUse { ", the payer's own lines" } else { "" },
            if *custom_bills { ", with custom bills" } else { "" },
        );
        if let Some(record) = create {
            super::sinks::put_sink(self, record, said.actor)?;
        }
        save(self, &account, "storage enable", &detail, said)?;
        Ok(begun)
    }
}

/// The steps before [`Transaction::enable_storage`] that are taken with it, where they are missing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StorageSteps {
    /// Puts the account on the allowlist for the kinds.
    pub allow: bool,
    /// Grants the storing role, for all sinks.
    pub authorise: bool,
}

/// Takes steps before [`Transaction::enable_storage`] that are missing, as [`Transaction::allow_kinds`] and [`Transaction::authorize_storage`] take them.
fn take(
    writer: &Transaction,
    wanted: &Enable,
    steps: StorageSteps,
    today: Day,
    said: Statement<'_>,
) -> Result<(), StorageError> {
    let uin = wanted.uin;
    let before = StorageAccount::get(writer, uin)?;
    let on = wanted.from.unwrap_or(today);
    let missing: Vec<BillKind> =
        wanted.kinds.iter().copied().filter(|kind| !before.allows(*kind, on)).collect();
    if steps.allow && !missing.is_empty() {
        allow_in(writer, uin, &missing, None, said)?;
    }
    if steps.authorise && !before.grants(Consent::Storing, &wanted.sink) {
        authorise_in(writer, uin, Consent::Storing, None, on, said)?;
    }
    Ok(())
}

impl Store {
    /// Tells what [`Transaction::enable_storage_from_start`] would do, or why it may not. Nothing is recorded.
    ///
    /// # Errors
    /// As [`Transaction::enable_storage_from_start`].
    pub fn may_enable_storage_from_start(
        &self,
        wanted: &Enable,
        steps: StorageSteps,
        create: Option<&SinkRecord>,
        today: Day,
        said: Statement<'_>,
    ) -> Result<Vec<(BillKind, Option<Day>)>, StorageError> {
        let tx = self.write()?;
        take(&tx, wanted, steps, today, said)?;
        let begun = may_enable(&tx, wanted, create, today)?;
        tx.abort()?;
        Ok(begun)
    }
}

impl Transaction {
    /// Takes the steps before that are missing, and sends the bills to the sink: all of it is recorded, or nothing. Each step
    /// has its own entry in the journal.
    ///
    /// # Errors
    /// As [`Transaction::enable_storage`], [`Transaction::allow_kinds`] and [`Transaction::authorize_storage`].
    pub fn enable_storage_from_start(
        &self,
        wanted: &Enable,
        steps: StorageSteps,
        create: Option<&SinkRecord>,
        today: Day,
        said: Statement<'_>,
    ) -> Result<Vec<(BillKind, Option<Day>)>, StorageError> {
        self.whole(|| {
            take(self, wanted, steps, today, said)?;
            self.enable_storage(wanted, create, today, said)
        })
    }
}

/// Returns since when a binding is what it would be from a day on, if it is: then nothing is recorded, and no span is divided.
fn held_since(line: &Timeline<Target>, from: Option<Day>, target: &Target) -> Option<Option<Day>> {
    let spans = line.spans();
    let last = spans.last()?;
    let begun = last.from.is_none_or(|begun| from.is_some_and(|from| begun <= from));
    (last.until.is_none() && last.change.value == *target && begun).then_some(last.from)
}

fn after_text(after: Option<After>) -> String {
    after.map_or_else(String::new, |after| format!(", after {after}"))
}

/// Checks that bills may go to a sink that is there, or to be made, and returns it.
fn ready(
    store: &impl Records,
    account: &StorageAccount,
    kinds: &[BillKind],
    name: &str,
    create: Option<&SinkRecord>,
    on: Day,
) -> Result<SinkRecord, StorageError> {
    let uin = account.uin;
    if !BillKind::ALL.iter().any(|kind| account.allows(*kind, on)) {
        return Err(not_allowed(uin));
    }
    if let Some(kind) = kinds.iter().copied().find(|kind| !account.allows(*kind, on)) {
        return Err(StorageError::NotAllowed { uin, kind, on });
    }
    if !account.grants(Consent::Storing, name) {
        let any = account.grants_any(Consent::Storing);
        let of = if any { format!(" for sink `{name}`") } else { String::new() };
        return Err(StorageError::NotYet {
            uin,
            missing: format!("authorised{of}"),
            step: StorageStep::Authorize,
            sink: None,
        });
    }
    let record = match create {
        Some(record) => {
            record.options()?;
            if store.get_bytes(Table::Sinks, name.as_bytes())?.is_some() {
                return Err(StorageError::SinkExists(name.to_owned()));
            }
            record.clone()
        }
        None => SinkRecord::get(store, name)?,
    };
    if record.audience == Audience::Partner {
        return Ok(record);
    }
    let tree = Tree::load(store)?;
    let scope = match tree.on(uin, on).map(|known| known.role) {
        Some(AccountRole::Payer) => Scope::Payer,
        Some(AccountRole::Reseller) => Scope::Reseller(uin),
        _ => Scope::Owner(uin),
    };
    // The columns that would stand against it are those of the newest bill there is.
    let newest = Bill::list(store)?.into_iter().map(|(bill, _)| bill.key).max_by_key(|key| key.month);
    let view = newest.map(|key| BillView::open(store, key, None)).transpose();
    let headers = view.ok().flatten().map(|view| Columns::of(&view).headers().to_vec()).unwrap_or_default();
    let refused = |why| StorageError::Audience { sink: name.to_owned(), why };
    check_scope(scope, uin, tree.payer(), &headers).map_err(refused)?;
    Ok(record)
}

/// When an account's bills stop being stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// At once: nothing is written any more, whichever day is asked for.
    AtOnce {
        /// Today.
        today: Day,
    },
    /// From a day on; bills that were due before may still be delivered.
    From(Day),
}

impl Transaction {
    /// Ends an account's storage of some kinds, or of all. What was delivered stays.
    ///
    /// # Errors
    /// [`StorageError::NotYet`] when there is nothing to end.
    pub fn disable_storage(
        &self,
        uin: Uin,
        kinds: Option<&[BillKind]>,
        stop: Stop,
        said: Statement<'_>,
    ) -> Result<Vec<BillKind>, StorageError> {
        let mut account = StorageAccount::get(self, uin)?;
        let (from, target) = match stop {
            Stop::AtOnce { today } => (today, Target::Stopped),
            Stop::From(day) => (day, Target::Off),
        };
        let mut ended = Vec::new();
        for (kind, line) in &mut account.bindings {
            let wanted = kinds.is_none_or(|kinds| kinds.contains(kind));
            let goes_on = line.spans().iter().any(|span| {
                span.change.value.sink().is_some()
                    && (target == Target::Stopped || span.until.is_none_or(|until| until >= from))
            });
            if wanted && stopped(line).is_none() && goes_on {
                line.record(Some(from), target.clone(), said.actor, said.reason);
                ended.push(*kind);
            }
        }
        if ended.is_empty() {
            return Err(StorageError::NotYet {
                uin,
                missing: "enabled".into(),
                step: StorageStep::Enable,
                sink: None,
            });
        }
        let days = match stop {
            Stop::AtOnce { .. } => "at once".to_owned(),
            Stop::From(day) => format!("from {day}"),
        };
        save(self, &account, "storage disable", &format!("{}, {days}", words(&ended)), said)?;
        Ok(ended)
    }
}

/// What is to be switched.
#[derive(Clone, Debug)]
pub struct Switch {
    /// Whose bills.
    pub uin: Uin,
    /// To which sink.
    pub sink: String,
    /// Which kinds; all that are enabled, if not said.
    pub kinds: Option<Vec<BillKind>>,
    /// The last day that stays with the old sink.
    pub last: Day,
    /// What bills wait for. Without it, what was said for the old sink, if the same people read the new one; else the default.
    pub after: Option<After>,
    /// Where sinks are. A customer's place has no other account's bills.
    pub places: SinkPlaces,
    /// Accepts bills of other accounts at a customer's place.
    pub shared: bool,
}

/// A kind that is switched: which lines its bills hold, and what they wait for.
pub(super) type Switched = (BillKind, PayerLines, Option<After>);

impl Switch {
    /// Tells which kinds would be switched, and how, or why they may not be.
    ///
    /// # Errors
    /// As [`Transaction::switch_storage`].
    pub fn check(
        store: &impl Records,
        wanted: &Switch,
        create: Option<&SinkRecord>,
    ) -> Result<Vec<Switched>, StorageError> {
        let Switch { uin, sink: name, kinds, last, after, .. } = wanted;
        let (uin, last) = (*uin, *last);
        let account = StorageAccount::get(store, uin)?;
        let mut bound = Vec::new();
        for kind in
            account.bindings.keys().filter(|kind| kinds.as_ref().is_none_or(|kinds| kinds.contains(kind)))
        {
            if let Some(Target::Sink { sink, lines, after }) = account.target(*kind, last) {
                bound.push((*kind, sink.clone(), *lines, *after));
            }
        }
        let missing = kinds.iter().flatten().find(|kind| !bound.iter().any(|(bound, ..)| bound == *kind));
        if bound.is_empty() || missing.is_some() {
            let of = missing.map_or_else(String::new, |kind| format!(" for {kind} bills"));
            let (missing, sink) = (format!("enabled{of} on {last}"), Some(name.to_owned()));
            return Err(StorageError::NotYet { uin, missing, step: StorageStep::Enable, sink });
        }
        let all: Vec<BillKind> = bound.iter().map(|(kind, ..)| *kind).collect();
        let record = ready(store, &account, &all, name, create, last)?;
        if !wanted.shared {
            alone(store, uin, &record, &wanted.places)?;
        }
        for (kind, old, ..) in &bound {
            if old == name {
                return Err(StorageError::Same { uin, kind: *kind, sink: old.clone() });
            }
            let from = last.next().unwrap_or(last);
            if let Some((on, sink)) = record::last_to_another(store, uin, *kind, name, from)? {
                return Err(StorageError::DeliveredSince { uin, kind: *kind, on, sink });
            }
        }
        let mut switched = Vec::new();
        for (kind, old, lines, before) in bound {
            let same_readers = match SinkRecord::get(store, &old) {
                Err(StorageError::NoSink(_)) => false,
                old => old?.audience == record.audience,
            };
            switched.push((kind, lines, after.or(before.filter(|_| same_readers))));
        }
        Ok(switched)
    }
}

impl Transaction {
    /// Changes the sink: bills that are due through a day stay with the old one, the others go to the new one. Returns which
    /// kinds.
    ///
    /// # Errors
    /// As [`Transaction::enable_storage`]; [`StorageError::NotYet`] when nothing is enabled on that day; [`StorageError::DeliveredSince`] when a bill
    /// of a later day has gone to the old sink.
    pub fn switch_storage(
        &self,
        wanted: &Switch,
        create: Option<&SinkRecord>,
        said: Statement<'_>,
    ) -> Result<Vec<BillKind>, StorageError> {
        let bound = Switch::check(self, wanted, create)?;
        let mut account = StorageAccount::get(self, wanted.uin)?;
        let Some(from) = wanted.last.next() else { return Ok(Vec::new()) };
        for (kind, lines, after) in &bound {
            let target = Target::Sink { sink: wanted.sink.clone(), lines: *lines, after: *after };
            account.bindings.entry(*kind).or_default().record(Some(from), target, said.actor, said.reason);
        }
        let kinds: Vec<BillKind> = bound.into_iter().map(|(kind, ..)| kind).collect();
        let detail =
            format!("{} to sink `{}`{}, from {from}", words(&kinds), wanted.sink, after_text(wanted.after));
        if let Some(record) = create {
            super::sinks::put_sink(self, record, said.actor)?;
        }
        save(self, &account, "storage switch", &detail, said)?;
        Ok(kinds)
    }
}
