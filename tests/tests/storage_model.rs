//! Bill storage against a plain model: random allowing, granting, enabling, switching, confirming and passing days.
//!
//! The model keeps, for each kind of bill, an array with the sink of every day. After each run, the objects in every sink
//! are those that the model says, so nothing is written after disabling, without a grant, or to the wrong side of a switch.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use proptest::prelude::*;
use proptest::test_runner::Config;

use crate::support::{PAYER, seed};
use billkeep_core::bills::{Bill, BillKey, Import, ImportRequest};
use billkeep_core::deliveries::{
    Consent, Destination, DueItem, Enable, NoMeter, PayerLines, Setup, SinkPlaces, SinkRecord, Statement,
    Stop, StorageError, Switch, Ways,
};

use billkeep_core::engine::{Access, Actor, OpenOptions, Store};
use billkeep_core::exports::{Audience, RenderSettings};
use billkeep_core::formats::{BillKind, NameForm, ParsedName};
use billkeep_core::values::{Basis, Day, Uin};

/// The first day of the model, 2021-02-20, and how many it has.
const FIRST: (i32, u32, u32) = (2021, 2, 20);
const DAYS: usize = 70;
/// The lengths of the months from January 2021 on.
const MONTHS: [u32; 5] = [31, 28, 31, 30, 31];
const SINKS: [&str; 3] = ["a", "b", "c"];

#[derive(Clone, Copy, Debug)]
enum Op {
    Allow { kinds: usize, days: Option<usize> },
    Deny { kinds: usize },
    Consent { custom: bool, sink: Option<usize>, given: bool },
    Enable { sink: usize, kinds: usize, custom: bool },
    Disable { kinds: usize, at_once: bool },
    Switch { sink: usize, kinds: Option<usize> },
    Confirm { month: usize },
    Pass { days: usize },
    Run { back: usize },
}

/// Sets of kinds, by number.
fn kinds(set: usize) -> Vec<BillKind> {
    let sets: [&[BillKind]; 5] = [
        &BillKind::ALL,
        &[BillKind::Daily],
        &[BillKind::Monthly],
        &[BillKind::Reseller],
        &[BillKind::Daily, BillKind::Monthly],
    ];
    sets[set % sets.len()].to_vec()
}

fn ops() -> impl Strategy<Value = Op> {
    let set = || prop_oneof![3 => Just(0_usize), 1 => 1..5_usize];
    let sink = || 0..SINKS.len();
    let maybe_sink = proptest::option::weighted(0.3, sink());
    prop_oneof![
        3 => (set(), proptest::option::weighted(0.2, 0..9_usize)).prop_map(|(kinds, days)| Op::Allow { kinds, days }),
        1 => set().prop_map(|kinds| Op::Deny { kinds }),
        4 => (any::<bool>(), maybe_sink, prop::bool::weighted(0.8))
            .prop_map(|(custom, sink, given)| Op::Consent { custom, sink, given }),
        5 => (sink(), set(), any::<bool>()).prop_map(|(sink, kinds, custom)| Op::Enable { sink, kinds, custom }),
        1 => (set(), any::<bool>()).prop_map(|(kinds, at_once)| Op::Disable { kinds, at_once }),
        3 => (sink(), proptest::option::weighted(0.4, 0..5_usize)).prop_map(|(sink, kinds)| Op::Switch { sink, kinds }),
        2 => (0..2_usize).prop_map(|month| Op::Confirm { month }),
        4 => (1..6_usize).prop_map(|days| Op::Pass { days }),
        10 => prop_oneof![3 => Just(0_usize), 2 => 1..6_usize].prop_map(|back| Op::Run { back }),
    ]
}

/// Days since 1 January 2021, counted by hand, and back.
fn ordinal(month: u32, day: u32) -> usize {
    (MONTHS[..month as usize - 1].iter().sum::<u32>() + day - 1) as usize
}

fn date(ordinal: usize) -> (u32, u32) {
    let mut left = ordinal as u32;
    for (i, length) in MONTHS.iter().enumerate() {
        if left < *length {
            return (i as u32 + 1, left + 1);
        }
        left -= length;
    }
    panic!("beyond the model's days")
}

fn day(ordinal: usize) -> Day {
    let (month, day) = date(ordinal);
    Day::new(2021, month, day).unwrap()
}

/// A bill of the model: its kind, and the month and last day that it covers.
type Object = (BillKind, u32, u32);

#[derive(Clone, Default)]
struct OfKind {
    /// On which days it is on the allowlist.
    allowed: Vec<bool>,
    /// The sink of each day.
    sink: Vec<Option<usize>>,
    ever: bool,
    stopped: bool,
}

#[derive(Default)]
struct Model {
    kinds: BTreeMap<BillKind, OfKind>,
    /// Storing role and custom bills: for each sink.
    granted: BTreeMap<(bool, usize), bool>,
    /// What was said of all sinks, for those that nobody has named.
    granted_to_all: BTreeMap<bool, bool>,
    confirmed: BTreeSet<u32>,
    today: usize,
    there: BTreeSet<(usize, Object)>,
}

impl Model {
    fn new() -> Model {
        let mut model = Model { today: ordinal(FIRST.1, FIRST.2), ..Model::default() };
        for kind in BillKind::ALL {
            let days = ordinal(5, 31);
            let of = OfKind { allowed: vec![false; days], sink: vec![None; days], ..OfKind::default() };
            model.kinds.insert(kind, of);
        }
        model
    }

    fn grants(&self, custom: bool, sink: usize) -> bool {
        let to_all = self.granted_to_all.get(&custom).copied().unwrap_or(false);
        self.granted.get(&(custom, sink)).copied().unwrap_or(to_all)
    }

    fn consent(&mut self, custom: bool, sink: Option<usize>, given: bool) {
        match sink {
            Some(sink) => {
                self.granted.insert((custom, sink), given);
            }
            None => {
                self.granted_to_all.insert(custom, given);
                self.granted.iter_mut().filter(|((of, _), _)| *of == custom).for_each(|(_, is)| *is = given);
            }
        }
    }

    fn allowed_at_all(&self, on: usize) -> bool {
        self.kinds.values().any(|of| of.allowed[on])
    }

    fn ready(&self, sink: usize, wanted: &[BillKind], on: usize) -> bool {
        wanted.iter().all(|kind| self.kinds[kind].allowed[on]) && self.grants(false, sink)
    }

    fn enable(&mut self, sink: usize, wanted: &[BillKind], custom: bool) -> bool {
        if !self.ready(sink, wanted, self.today) {
            return false;
        }
        let from = |of: &OfKind, today| if of.ever { today } else { 0 };
        for kind in wanted {
            let of = &self.kinds[kind];
            if of.sink[from(of, self.today)..].iter().flatten().any(|other| *other != sink) {
                return false;
            }
        }
        for kind in wanted {
            let today = self.today;
            let of = self.kinds.get_mut(kind).unwrap();
            let from = from(of, today);
            of.sink[from..].fill(Some(sink));
            (of.ever, of.stopped) = (true, false);
        }
        if custom {
            self.consent(true, None, true);
        }
        true
    }

    fn disable(&mut self, wanted: &[BillKind], at_once: bool) -> bool {
        let today = self.today;
        let mut ended = false;
        for kind in wanted {
            let of = self.kinds.get_mut(kind).unwrap();
            let goes = if at_once { &of.sink[..] } else { &of.sink[today..] }.iter().any(Option::is_some);
            if !of.stopped && goes {
                of.sink[today..].fill(None);
                of.stopped = at_once;
                ended = true;
            }
        }
        ended
    }

    fn switch(&mut self, sink: usize, wanted: Option<Vec<BillKind>>) -> bool {
        let today = self.today;
        let goes = |of: &OfKind| of.sink[today].filter(|_| !of.stopped);
        let all: Vec<BillKind> = match &wanted {
            Some(wanted) => wanted.clone(),
            None => BillKind::ALL.into_iter().filter(|kind| goes(&self.kinds[kind]).is_some()).collect(),
        };
        let old: Vec<Option<usize>> = all.iter().map(|kind| goes(&self.kinds[kind])).collect();
        if all.is_empty()
            || old.iter().any(|old| old.is_none_or(|old| old == sink))
            || !self.ready(sink, &all, today)
        {
            return false;
        }
        for kind in all {
            self.kinds.get_mut(&kind).unwrap().sink[today + 1..].fill(Some(sink));
        }
        true
    }

    /// What the calendar asks for on a day (docs/DOMAIN.md#calendars, `seed-2021`).
    fn asked(&self, on: usize) -> Vec<Object> {
        let (month, of_month) = date(on);
        let (last_month, last_day) = date(on - 2);
        let mut asked = vec![(BillKind::Daily, last_month, last_day)];
        let whole = |kind, month: u32| (kind, month, MONTHS[month as usize - 1]);
        if of_month >= 2 {
            asked.push(whole(BillKind::Monthly, month - 1));
        }
        for earlier in 1..month {
            if (earlier < month - 1 || of_month >= 9) && self.confirmed.contains(&earlier) {
                asked.push(whole(BillKind::Reseller, earlier));
            }
        }
        asked
    }

    fn run(&mut self, on: usize) {
        for object in self.asked(on) {
            let kind = object.0;
            // Bills of January were never imported.
            if object.1 < 2 {
                continue;
            }
            let of = &self.kinds[&kind];
            let Some(sink) = of.sink[on].filter(|_| !of.stopped && of.allowed[on]) else { continue };
            if !self.grants(false, sink) || (kind == BillKind::Reseller && !self.grants(true, sink)) {
                continue;
            }
            // It lies where it was sent first: what is there is neither owed to the old sink nor to the new one.
            if self.there.iter().any(|(_, there)| *there == object) {
                continue;
            }
            self.there.insert((sink, object));
        }
    }
}

struct World {
    folder: tempfile::TempDir,
    store: Store,
    payer: Uin,
}

/// A store with February to April 2021 of a payer and a customer, a line for each day.
fn prepared(at: &Path) {
    let payer: Uin = PAYER.parse().unwrap();
    let store = Store::create(at, &Setup::new(payer, "+08:00".parse().unwrap()), &actor()).unwrap();
    for month in 2..=4 {
        let mut text =
            String::from("PayerAccountID,OwnerAccountID,ProductName,UsageStartTime,TotalCost,Currency\n");
        for day in 1..=MONTHS[month - 1] {
            for owner in [PAYER, "200000000001"] {
                text.push_str(&format!(
                    "{PAYER},{owner},CVM,2021-{month:02}-{day:02} 10:00:00,1.{day:08},USD\n"
                ));
            }
        }
        let path = at.with_file_name(format!("{PAYER}-2021{month:02}-by_used_time-bill_details.csv"));
        std::fs::write(&path, text).unwrap();
        let request = ImportRequest::default();
        store.import(&path, &Import { request: request.clone(), ..Import::by(&actor()) }).unwrap();
    }
    store.close().unwrap();
}

fn actor() -> Actor {
    Actor { name: "ann".into(), at_unix_s: 1_700_000_000 }
}

impl World {
    fn new(prepared: &Path) -> World {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path().join("store.redb");
        std::fs::copy(prepared, &at).unwrap();
        let store = Store::open(&at, &OpenOptions::default(), Access::Write).unwrap();
        for name in SINKS {
            std::fs::create_dir(folder.path().join(name)).unwrap();
            let url = format!("file://{}", folder.path().join(name).display());
            let record =
                SinkRecord { name: name.into(), url, audience: Audience::Partner, options: BTreeMap::new() };
            store.transact(|tx| tx.add_sink(&record, &actor())).unwrap();
        }
        World { folder, store, payer: PAYER.parse().unwrap() }
    }

    /// The bills that lie in the sinks, by the names of their parts.
    fn there(&self) -> BTreeSet<(usize, Object)> {
        let mut there = BTreeSet::new();
        for (at, sink) in SINKS.iter().enumerate() {
            let Ok(folder) = std::fs::read_dir(self.folder.path().join(sink)) else { continue };
            for entry in folder {
                let name = entry.unwrap().file_name().into_string().unwrap();
                let Some(parsed) = ParsedName::parse(&name) else { continue };
                let month = parsed.month.unwrap();
                let (kind, day) = match parsed.form {
                    NameForm::ConsolidatedDaily => (BillKind::Daily, parsed.day.unwrap().day_of_month()),
                    NameForm::ConsolidatedMonth => (BillKind::Reseller, MONTHS[month.month() as usize - 1]),
                    NameForm::DetailsMonth => (BillKind::Monthly, MONTHS[month.month() as usize - 1]),
                    other => panic!("{other:?}: {name}"),
                };
                assert!(there.insert((at, (kind, month.month(), day))), "{name} is there twice");
            }
        }
        there
    }

    fn run(&self, on: Day) {
        for item in DueItem::on(&self.store.read().unwrap(), on, Basis::Used).unwrap() {
            let (Ok(wanted), Some(name)) = (item.verdict, item.sink) else { continue };
            let record = SinkRecord::get(&self.store.read().unwrap(), &name).unwrap();
            let sink = billkeep_sinks::open(&record.url, &Default::default(), &|_| None).unwrap();
            let render = RenderSettings { threads: 1, cache: None };
            let to = Destination::plain(record, sink);
            let ways = Ways { render, stage: Path::new("/nowhere"), meter: &NoMeter, at_once: false };
            self.store.deliver(&to, wanted, on, &ways, &actor()).unwrap();
        }
    }

    /// Does what the model has done; both say whether it went.
    fn step(&self, model: &mut Model, op: Op) {
        let actor = actor();
        let said = Statement { actor: &actor, reason: Some("because") };
        let went = |result: Result<(), StorageError>| match result {
            Ok(()) => true,
            Err(e) if e.kind() == billkeep_core::error::Kind::Refused => false,
            Err(e) => panic!("{e}"),
        };
        let today = day(model.today);
        match op {
            Op::Allow { kinds: set, days } => {
                let until = days.map(|days| model.today + days);
                self.store
                    .transact(|tx| tx.allow_kinds(self.payer, &kinds(set), until.map(day), said))
                    .unwrap();
                for kind in kinds(set) {
                    let allowed = &mut model.kinds.get_mut(&kind).unwrap().allowed;
                    allowed.fill(true);
                    if let Some(until) = until {
                        allowed[until + 1..].fill(false);
                    }
                }
            }
            Op::Deny { kinds: set } => {
                self.store.transact(|tx| tx.deny_kinds(self.payer, &kinds(set), said)).unwrap();
                kinds(set).iter().for_each(|kind| model.kinds.get_mut(kind).unwrap().allowed.fill(false));
            }
            Op::Consent { custom, sink, given } => {
                let consent = if custom { Consent::CustomBills } else { Consent::Storing };
                let name = sink.map(|sink| SINKS[sink]);
                let may = !given || model.allowed_at_all(model.today);
                let done = if given {
                    self.store.transact(|tx| tx.authorize_storage(self.payer, consent, name, today, said))
                } else {
                    self.store.transact(|tx| tx.revoke_storage(self.payer, consent, name, said))
                };
                assert_eq!(went(done), may, "{op:?}");
                if may {
                    model.consent(custom, sink, given);
                }
            }
            Op::Enable { sink, kinds: set, custom } => {
                let wanted = Enable {
                    uin: self.payer,
                    sink: SINKS[sink].into(),
                    kinds: kinds(set),
                    lines: PayerLines::All,
                    after: None,
                    places: SinkPlaces::default(),
                    shared: false,
                    custom_bills: custom,
                    from: None,
                };
                let done = self.store.transact(|tx| tx.enable_storage(&wanted, None, today, said)).map(drop);
                assert_eq!(went(done), model.enable(sink, &kinds(set), custom), "{op:?}");
            }
            Op::Disable { kinds: set, at_once } => {
                let stop = if at_once { Stop::AtOnce { today } } else { Stop::From(today) };
                let done = self
                    .store
                    .transact(|tx| tx.disable_storage(self.payer, Some(&kinds(set)), stop, said))
                    .map(drop);
                assert_eq!(went(done), model.disable(&kinds(set), at_once), "{op:?}");
            }
            Op::Switch { sink, kinds: set } => {
                let set = set.map(kinds);
                let (name, last) = (SINKS[sink].into(), today);
                let wanted = Switch {
                    uin: self.payer,
                    sink: name,
                    kinds: set.clone(),
                    last,
                    after: None,
                    places: SinkPlaces::default(),
                    shared: false,
                };
                let done = self.store.transact(|tx| tx.switch_storage(&wanted, None, said)).map(drop);
                assert_eq!(went(done), model.switch(sink, set), "{op:?}");
            }
            Op::Confirm { month } => {
                let month = [2_u32, 3][month];
                let key = BillKey {
                    payer: self.payer,
                    month: Day::new(2021, month, 1).unwrap().month(),
                    basis: Basis::Used,
                };
                let digest = Bill::list(&self.store.read().unwrap()).unwrap();
                let digest = digest.iter().find(|(b, _)| b.key == key).unwrap().1.digest.hex();
                let done = self.store.transact(|tx| tx.confirm_bill(key, &digest, None, &actor));
                assert_eq!(done.is_ok(), model.confirmed.insert(month), "{op:?}");
            }
            Op::Pass { days } => {
                let last = ordinal(FIRST.1, FIRST.2) + DAYS - 1;
                model.today = (model.today + days).min(last - 10);
            }
            Op::Run { back } => {
                let on = model.today - back;
                self.run(day(on));
                model.run(on);
                assert_eq!(self.there(), model.there, "after a run for {}", day(on));
            }
        }
    }
}

#[test]
fn sinks_hold_what_a_plain_model_says() {
    let all = std::env::var_os("BILLKEEP_TEST_ALL").is_some();
    let cases = if all { 256 } else { 24 };
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("prepared.redb");
    prepared(&store);
    let config = Config { cases, ..Config::default() };
    let delivered = std::cell::Cell::new(0);
    seed::run("storage-model", &config, &proptest::collection::vec(ops(), 40..=60), |ops| {
        let world = World::new(&store);
        let mut model = Model::new();
        ops.into_iter().for_each(|op| world.step(&mut model, op));
        delivered.set(delivered.get() + model.there.len());
        Ok(())
    });
    // A model in which nothing ever happens would agree as well.
    assert!(delivered.get() > cases as usize, "{} bills in {cases} runs", delivered.get());
}
