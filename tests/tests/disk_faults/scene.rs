//! One whole journey in small: a store is made, fed, disputed, confirmed and delivered from, each step by a program of its own.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use billkeep_core::testing::{RawStore as _, RawTransaction as _, Table};

use billkeep_sinks::Bucket;
use object_store::memory::InMemory;

use crate::support::bucket::{checked, fill, objects};
use crate::support::faulty_disk::{FaultyDisk, Op, Platter};
use crate::support::{CUSTOMER, PAYER, decimal};
use billkeep_core::audit::StoreCheck;
use billkeep_core::bills::{Bill, BillKey, Claim, Direction, Import, ImportSettings, LineId, Revision};
use billkeep_core::deliveries::{
    Consent, Delivery, Destination, DueItem, Enable, NoMeter, PayerLines, SinkPlaces, SinkRecord, Statement,
    VerifyDepth, Ways, What,
};
use billkeep_core::engine;
use billkeep_core::engine::{
    Actor, EntryChange, JournalEntry, OpenOptions, Store, StoreError, StoreSettings, Transaction,
};
use billkeep_core::exports::{Audience, ObjectMeta, RenderSettings, Sink, SinkError, Staged, Watch};
use billkeep_core::formats::{BillKind, Limits};
use billkeep_core::values::{Amount, Basis, Day, Uin};

/// Objects by name.
pub type Objects = BTreeMap<String, Vec<u8>>;

/// What happened, in order.
#[derive(Debug)]
pub enum Event {
    Disk(Op),
    /// What the sink holds has become this.
    Sink(Objects),
    /// A step has returned.
    Returned,
}

/// What happens on a machine, as it happens.
pub struct Record {
    disk: FaultyDisk,
    events: Mutex<Vec<Event>>,
}

impl Record {
    fn add(&self, event: Event) {
        let mut events = self.events.lock().unwrap();
        events.extend(self.disk.take_log().into_iter().map(Event::Disk));
        events.push(event);
    }

    pub fn take(&self) -> Vec<Event> {
        self.events.lock().unwrap().drain(..).collect()
    }
}

/// The journey's files, and what it comes to when nothing disturbs it.
pub struct Scene {
    folder: tempfile::TempDir,
    /// What there is in the end.
    pub clean: End,
    /// All that happens.
    pub events: Vec<Event>,
    /// How long the journal is after so many programs.
    pub promised: Vec<usize>,
}

/// What there is in the end.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct End {
    pub bills: Vec<String>,
    pub held: Objects,
    /// Without the attempts to deliver that failed.
    pub journal: Vec<String>,
}

/// A machine with a disk, and the sink that it delivers to.
pub struct Machine {
    pub disk: FaultyDisk,
    pub sink: Arc<InMemory>,
    pub now_unix_s: i64,
    pub record: Option<Arc<Record>>,
    /// How many programs have ended well.
    pub returned: AtomicUsize,
}

type Done = fn(&[JournalEntry]) -> bool;
type Act = fn(&Scene, &Store, &Site<'_>) -> Result<(), String>;

/// A step of the journey: whether it needs no doing any more, and the doing.
struct Step {
    done: Done,
    act: Act,
}

/// Where a step happens.
struct Site<'a> {
    machine: &'a Machine,
    actor: Actor,
}

impl Site<'_> {
    /// Opens the store, as a program does, does something, and closes it.
    fn program(&self, act: impl FnOnce(&Store) -> Result<(), String>) -> Result<(), String> {
        let store = self.machine.open().map_err(text)?;
        act(&store)?;
        store.close().map_err(text)?;
        self.returned();
        Ok(())
    }

    fn returned(&self) {
        self.machine.returned.fetch_add(1, Ordering::Relaxed);
        if let Some(record) = &self.machine.record {
            record.add(Event::Returned);
        }
    }
}

/// When the journey begins, and how much longer than the longest wait a program comes after one that failed.
pub const FIRST_UNIX_S: i64 = 1_000;
pub const LATER_S: i64 = 7_200;
/// So little that pages are read again.
const CACHE_BYTES: usize = 1 << 20;
const SINK: &str = "bucket";
const DISPUTED: LineId = LineId { load: 2, line: 7 };

const STEPS: [Step; 9] = [
    Step {
        done: |journal| has(journal, "import", 1),
        act: |scene, store, site| scene.import(store, 15, site),
    },
    Step { done: |journal| has(journal, "sink add", 1), act: add_sink },
    Step { done: |journal| has(journal, "storage allow", 1), act: allow },
    Step { done: |journal| has(journal, "storage authorize", 1), act: authorise },
    Step { done: |journal| has(journal, "storage enable", 1), act: enable },
    Step {
        done: |journal| has(journal, "import", 2),
        act: |scene, store, site| scene.import(store, 31, site),
    },
    Step { done: |journal| journal.iter().any(|e| e.action.starts_with("dispute ")), act: dispute },
    Step { done: |journal| has(journal, "dispute set aside", 1), act: set_aside },
    Step { done: |journal| has(journal, "confirm", 1), act: confirm },
];

fn has(journal: &[JournalEntry], action: &str, times: usize) -> bool {
    journal.iter().filter(|entry| entry.action == action).count() >= times
}

fn text(e: impl std::fmt::Display) -> String {
    e.to_string()
}

fn payer() -> Uin {
    PAYER.parse().unwrap()
}

fn march() -> BillKey {
    BillKey { payer: payer(), month: "2021-03".parse().unwrap(), basis: Basis::Used }
}

fn today() -> Day {
    "2021-04-02".parse().unwrap()
}

fn add_sink(_: &Scene, store: &Store, site: &Site<'_>) -> Result<(), String> {
    let options = BTreeMap::from([("check".to_owned(), "read".to_owned())]);
    let record = SinkRecord {
        name: SINK.to_owned(),
        url: "s3://bills".to_owned(),
        audience: Audience::Partner,
        options,
    };
    store.transact(|tx| tx.add_sink(&record, &site.actor)).map_err(text)
}

fn allow(_: &Scene, store: &Store, site: &Site<'_>) -> Result<(), String> {
    let said = Statement { actor: &site.actor, reason: Some("the contract") };
    store.transact(|tx| tx.allow_kinds(payer(), &BillKind::ALL, None, said)).map_err(text)
}

fn authorise(_: &Scene, store: &Store, site: &Site<'_>) -> Result<(), String> {
    let said = Statement { actor: &site.actor, reason: None };
    store.transact(|tx| tx.authorize_storage(payer(), Consent::Storing, None, today(), said)).map_err(text)
}

fn enable(_: &Scene, store: &Store, site: &Site<'_>) -> Result<(), String> {
    let wanted = Enable {
        uin: payer(),
        sink: SINK.to_owned(),
        kinds: vec![BillKind::Daily, BillKind::Monthly],
        lines: PayerLines::All,
        after: None,
        places: SinkPlaces::default(),
        shared: false,
        custom_bills: false,
        from: None,
    };
    let said = Statement { actor: &site.actor, reason: None };
    store.transact(|tx| tx.enable_storage(&wanted, None, today(), said)).map(|_| ()).map_err(text)
}

fn dispute(_: &Scene, store: &Store, site: &Site<'_>) -> Result<(), String> {
    let claim = Claim {
        lines: [DISPUTED].into(),
        direction: Direction::Over,
        amount: Amount::parse_cell(b"0.5").unwrap().unwrap(),
        reason: "the rate is wrong",
    };
    store.transact(|tx| tx.open_dispute(march(), claim, &site.actor)).map(|_| ()).map_err(text)
}

fn set_aside(_: &Scene, store: &Store, site: &Site<'_>) -> Result<(), String> {
    store.transact(|tx| tx.set_dispute_aside(1, "it was right", &site.actor)).map(|_| ()).map_err(text)
}

fn confirm(_: &Scene, store: &Store, site: &Site<'_>) -> Result<(), String> {
    store
        .transact(|tx| {
            let digest = Revision::list(tx, march())?.last().unwrap().digest.hex();
            tx.confirm_bill(march(), &digest, None, &site.actor)
        })
        .map(|_| ())
        .map_err(text)
}

/// A bucket whose every change is told.
struct Watched {
    inner: Bucket,
    memory: Arc<InMemory>,
    record: Option<Arc<Record>>,
}

impl Watched {
    fn changed(&self) {
        if let Some(record) = &self.record {
            record.add(Event::Sink(objects(&self.memory)));
        }
    }
}

impl Sink for Watched {
    fn location(&self, name: &str) -> String {
        self.inner.location(name)
    }

    fn put(&self, name: &str, part: &Staged, watch: &dyn Watch) -> Result<ObjectMeta, SinkError> {
        let held = self.inner.put(name, part, watch);
        self.changed();
        held
    }

    fn put_new(&self, name: &str, bytes: &[u8]) -> Result<bool, SinkError> {
        let put = self.inner.put_new(name, bytes);
        self.changed();
        put
    }

    fn head(&self, name: &str) -> Result<Option<ObjectMeta>, SinkError> {
        self.inner.head(name)
    }

    fn read(&self, name: &str) -> Result<Option<Box<dyn std::io::Read + Send + '_>>, SinkError> {
        self.inner.read(name)
    }

    fn remove(&self, name: &str) -> Result<(), SinkError> {
        let removed = self.inner.remove(name);
        self.changed();
        removed
    }

    fn list(&self) -> Result<Vec<String>, SinkError> {
        self.inner.list()
    }
}

impl Machine {
    pub fn with(disk: FaultyDisk, held: &Objects, now_unix_s: i64) -> Machine {
        let sink = Arc::new(InMemory::new());
        fill(&sink, held);
        Machine { disk, sink, now_unix_s, record: None, returned: AtomicUsize::new(0) }
    }

    /// A new one, that tells what happens.
    pub fn recorded() -> (Machine, Arc<Record>) {
        let machine = Machine::with(FaultyDisk::recording(Vec::new()), &Objects::new(), FIRST_UNIX_S);
        let record = Arc::new(Record { disk: machine.disk.clone(), events: Mutex::default() });
        (Machine { record: Some(record.clone()), ..machine }, record)
    }

    fn options() -> OpenOptions {
        OpenOptions { cache_bytes: CACHE_BYTES, ..OpenOptions::default() }
    }

    pub fn open(&self) -> Result<Store, StoreError> {
        Store::open_on(Arc::new(self.disk.clone()), Path::new("the store"), &Machine::options())
    }
}

impl Scene {
    pub fn new() -> Scene {
        let mut scene = Scene {
            folder: tempfile::tempdir().unwrap(),
            clean: End::default(),
            events: Vec::new(),
            promised: vec![0],
        };
        for through in [15, 31] {
            std::fs::write(scene.file(through), scene.lines(through)).unwrap();
        }
        let (machine, record) = Machine::recorded();
        scene.run(&machine).unwrap();
        scene.clean = scene.end(&machine).unwrap();
        scene.events = record.take();
        let mut platter = Platter::default();
        for event in &scene.events {
            match event {
                Event::Disk(op) => platter.apply(op),
                Event::Sink(_) => {}
                Event::Returned => {
                    let then =
                        Machine::with(FaultyDisk::of(platter.bytes.clone()), &Objects::new(), FIRST_UNIX_S);
                    let store = then.open().unwrap();
                    scene.promised.push(JournalEntry::list(&store.read().unwrap()).unwrap().len());
                }
            }
        }
        assert_eq!(scene.promised.last(), Some(&scene.clean.journal.len()));
        scene
    }

    fn file(&self, through: u32) -> PathBuf {
        self.folder.path().join(format!("{PAYER}-202103{through:02}-by_used_time-bill_details.csv"))
    }

    fn lines(&self, through: u32) -> String {
        let mut text =
            String::from("PayerAccountID,OwnerAccountID,ProductName,UsageStartTime,TotalCost,Currency\n");
        for day in 1..=through {
            for (owner, amount) in [(PAYER, 1), (CUSTOMER, 2)] {
                text.push_str(&format!(
                    "{PAYER},{owner},CVM,2021-03-{day:02} 10:00:00,{amount}.{day:08},USD\n"
                ));
            }
        }
        text
    }

    fn import(&self, store: &Store, through: u32, site: &Site<'_>) -> Result<(), String> {
        let (settings, limits) = (ImportSettings::default(), Limits::default());
        let file = self.file(through);
        store
            .import(
                &file,
                &Import { settings: settings.clone(), limits: limits.clone(), ..Import::by(&site.actor) },
            )
            .map(|_| ())
            .map_err(text)
    }

    /// Goes on with the journey from wherever it has come to, to its end.
    ///
    /// # Errors
    /// The first error that a program ends with.
    pub fn run(&self, machine: &Machine) -> Result<(), String> {
        let site = Site { machine, actor: Actor { name: "ann".into(), at_unix_s: machine.now_unix_s } };
        if machine.disk.bytes().is_empty() {
            self.make(&site)?.close().map_err(text)?;
            site.returned();
        }
        for step in &STEPS {
            site.program(|store| {
                let journal = JournalEntry::list(&store.read().map_err(text)?).map_err(text)?;
                if (step.done)(&journal) { Ok(()) } else { (step.act)(self, store, &site) }
            })?;
        }
        site.program(|store| self.deliver(store, &site))
    }

    fn make(&self, site: &Site<'_>) -> Result<Store, String> {
        let disk = Arc::new(site.machine.disk.clone());
        let fill = |writer: &Transaction| {
            let settings = StoreSettings {
                payer: payer(),
                calendar: "seed-2021".into(),
                zone: "+08:00".parse().unwrap(),
            };
            writer.put(Table::Meta, StoreSettings::KEY, &settings)?;
            engine::append_change(writer, &site.actor, EntryChange::new("init", PAYER, ""))
        };
        Store::create_on(disk, Path::new("the store"), &Machine::options(), fill).map_err(text)
    }

    fn deliver(&self, store: &Store, site: &Site<'_>) -> Result<(), String> {
        let memory = site.machine.sink.clone();
        // The staged parts of a program that a loss of power ended are gone.
        let stage = tempfile::tempdir_in(self.folder.path()).unwrap();
        let render = RenderSettings { threads: 1, cache: None };
        let ways = Ways { render, stage: stage.path(), meter: &NoMeter, at_once: false };
        let reader = store.read().map_err(text)?;
        let sink = Watched {
            inner: Bucket::over(memory.clone(), "", "s3://bills").unwrap(),
            memory,
            record: site.machine.record.clone(),
        };
        let to = Destination::plain(SinkRecord::get(&reader, SINK).map_err(text)?, Box::new(sink));
        for item in DueItem::on(&reader, today(), Basis::Used).map_err(text)? {
            if let Ok(wanted) = item.verdict {
                store.deliver(&to, wanted, today(), &ways, &site.actor).map_err(text)?;
            }
        }
        Ok(())
    }

    /// Looks at everything there is, with eyes of all sorts, and tells what it comes to.
    ///
    /// # Errors
    /// What is not as it must be at any time.
    pub fn end(&self, machine: &Machine) -> Result<End, String> {
        let store = machine.open().map_err(text)?;
        let reader = store.read().map_err(text)?;
        StoreCheck::run(&reader, 1).map_err(text)?;
        let journal = JournalEntry::list(&reader).map_err(text)?;
        let bills = Bill::list(&reader).map_err(text)?;
        let held = crate::support::bucket::without_entries(objects(&machine.sink));
        let deliveries = Delivery::list(&reader).map_err(text)?;
        if !deliveries.is_empty() && deliveries.iter().all(|d| d.progress.is_delivered()) {
            let bucket = Bucket::over(machine.sink.clone(), "", "s3://bills").unwrap();
            let to = Destination::plain(SinkRecord::get(&reader, SINK).map_err(text)?, Box::new(bucket));
            let findings = to.verify(&reader, VerifyDepth::ReadData).map_err(text)?;
            if let Some(found) = findings.iter().find(|f| f.what != What::Ok) {
                return Err(format!("verify: {found:?}"));
            }
        }
        drop(reader);
        store.close().map_err(text)?;
        let told = journal.iter().filter(|e| e.action != "deliver failed");
        let journal = told.map(|e| format!("{} {} {}", e.action, e.subject, e.detail)).collect();
        let bills = bills.into_iter().map(|(bill, revision)| {
            let Revision { number, digest, sums, loads, through, complete, .. } = revision;
            format!(
                "{} {:?}, revision {number}, {digest:?}, {sums:?}, {loads:?}, {through:?}, {complete}",
                bill.key, bill.state
            )
        });
        Ok(End { bills: bills.collect(), held, journal })
    }

    /// What all lines of a kind of export that was delivered add up to, counted by a reader who knows nothing of billkeep, is
    /// what the imported file adds up to.
    pub fn auditor(&self, held: &Objects) {
        let folder = tempfile::tempdir_in(self.folder.path()).unwrap();
        for (name, bytes) in held {
            std::fs::write(folder.path().join(name), bytes).unwrap();
        }
        let file = std::fs::read_to_string(self.file(31)).unwrap();
        let wanted = file.lines().skip(1).map(|line| decimal::exact(line.split(',').nth(4).unwrap()));
        let wanted = wanted.reduce(|a, b| a + b).unwrap();
        let exports = checked(folder.path());
        let monthly = exports.iter().find(|e| e.kind() == "monthly").unwrap();
        assert_eq!(monthly.figures().total(), wanted);
    }
}
