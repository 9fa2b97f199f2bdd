//! Whatever a destination does at any call, what it holds in the end is what was planned, once, and adds up to the store.
//!
//! A case that fails names itself; `BILLKEEP_TEST_SINK_FAULT=NAME` runs that one alone. `BILLKEEP_TEST_SINK_SEEDS=N` tries
//! more random ones.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use billkeep_fixtures::Rng;
use billkeep_sinks::Bucket;
use object_store::ObjectStore;
use object_store::memory::InMemory;
use object_store::multipart::MultipartStore;

use crate::support::bucket::{objects, without_entries};
use crate::support::faulty_store::{Fault, FaultyStore, Uploads, When};
use crate::support::{Home, PAYER, bucket};
use billkeep_core::deliveries::{
    Delivery, DeliveryProgress, Destination, DueItem, NoMeter, SinkRecord, VerifyDepth, Ways, What,
};

use billkeep_core::engine::{Access, Actor, OpenOptions, Proof, Store};
use billkeep_core::exports::RenderSettings;
use billkeep_core::values::{Basis, Day};

/// How much longer than the longest wait each attempt comes after the one before.
const LATER_S: i64 = 7_200;

/// A store in which a daily and a monthly bill are due, and what they are once they were delivered.
struct Scene {
    home: Home,
    template: PathBuf,
    on: Day,
    /// Parts go in pieces of so many bytes, or whole.
    piece_bytes: Option<u64>,
    wanted: BTreeMap<String, Vec<u8>>,
}

/// The destination of a case.
#[derive(Default)]
struct There {
    objects: Arc<InMemory>,
    uploads: Arc<Mutex<Uploads>>,
}

/// A case: a fault, or a seed for several.
#[derive(Clone, Copy, Debug)]
enum Case {
    One { number: u64, fault: Fault, after: bool },
    Seed(u64),
}

impl Case {
    fn name(self) -> String {
        match self {
            Case::One { number, fault, after } => {
                format!("{number}-{fault:?}-{}", if after { "after" } else { "before" })
            }
            Case::Seed(seed) => format!("seed-{seed}"),
        }
    }

    fn when(self) -> When {
        match self {
            Case::One { number, fault, after } => When::Call { number, fault, after },
            Case::Seed(seed) => When::Chance { percent: 20, rng: Mutex::new(Rng::new(seed)) },
        }
    }
}

impl Scene {
    fn new() -> Scene {
        let home = Home::new();
        home.month_to_date(3, 31);
        home.sink("bucket", &["check=read"]);
        home.enable(PAYER, "bucket", "daily,monthly", false);
        let template = home.path("template.redb");
        std::fs::copy(home.store(), &template).unwrap();
        let (on, wanted) = ("2021-04-02".parse().unwrap(), BTreeMap::new());
        let mut scene = Scene { home, template, on, piece_bytes: None, wanted };
        let there = There::default();
        let store = scene.store("clean");
        assert_eq!(scene.attempt(&store, &there, When::Never, 0).1, 0);
        scene.wanted = without_entries(objects(&there.objects));
        assert_eq!(scene.wanted.len(), 4);
        scene
    }

    /// A scene whose largest part goes in six pieces, some of them at a time.
    fn in_pieces() -> Scene {
        let scene = Scene::new();
        let largest = scene.wanted.values().map(|bytes| bytes.len() as u64).max().unwrap();
        Scene { piece_bytes: Some(largest.div_ceil(6)), ..scene }
    }

    fn bucket(&self, store: Arc<impl ObjectStore + MultipartStore>) -> Bucket {
        let bucket = Bucket::over(store, "", "s3://bills").unwrap();
        match self.piece_bytes {
            Some(bytes) => bucket.in_pieces_of(bytes),
            None => bucket,
        }
    }

    fn store(&self, name: &str) -> Store {
        let path = self.home.path(&format!("{name}.redb"));
        std::fs::copy(&self.template, &path).unwrap();
        Store::open(&path, &OpenOptions::default(), Access::Write).unwrap()
    }

    /// Delivers all that is due, as a run does; returns how many calls were made, and how many deliveries failed.
    fn attempt(&self, store: &Store, there: &There, when: When, at_unix_s: i64) -> (u64, usize) {
        let faulty = Arc::new(FaultyStore::new(there.objects.clone(), when, there.uploads.clone()));
        let record = SinkRecord::get(&store.read().unwrap(), "bucket").unwrap();
        let to = Destination::plain(record, Box::new(self.bucket(faulty.clone())));
        let stage = store.path().with_extension("staging");
        let render = RenderSettings { threads: 1, cache: None };
        let ways = Ways { render, stage: &stage, meter: &NoMeter, at_once: false };
        let actor = Actor { name: "ann".into(), at_unix_s };
        let mut failed = 0;
        for item in DueItem::on(&store.read().unwrap(), self.on, Basis::Used).unwrap() {
            let Ok(wanted) = item.verdict else { continue };
            failed += usize::from(store.deliver(&to, wanted, self.on, &ways, &actor).is_err());
        }
        (faulty.calls(), failed)
    }

    /// Runs a case, and everything that must hold after it.
    fn run(&self, case: Case) -> Result<(), String> {
        let store = self.store(&case.name());
        let there = There::default();
        let mut at_unix_s = 1_000;
        self.attempt(&store, &there, case.when(), at_unix_s);
        // Nobody sees a manifest whose part is not there and whole, at any time.
        self.sees_whole_exports(&there.objects)?;
        at_unix_s += LATER_S;
        let (_, failed) = self.attempt(&store, &there, When::Never, at_unix_s);
        let held = without_entries(objects(&there.objects));
        // An upload in pieces that was left is invisible and is paid for.
        let left = there.uploads.lock().unwrap().len();
        if left > 0 {
            return Err(format!("{left} uploads were left without an end"));
        }
        let same = held == self.wanted;
        let names: Vec<&String> = held.keys().collect();
        let deliveries = Delivery::list(&store.read().unwrap()).unwrap();
        let states: Vec<&str> = deliveries.iter().map(|d| d.progress.word()).collect();
        if failed > 0 || !same || states != ["delivered", "delivered"] {
            return Err(format!("{failed} failed, {states:?}, the same objects: {same}: {names:?}"));
        }
        let delivered = deliveries
            .iter()
            .all(|d| matches!(d.progress, DeliveryProgress::Delivered(_)) && d.failure.is_none());
        let (calls, failed) = self.attempt(&store, &there, When::Never, at_unix_s + LATER_S);
        if !delivered || calls > 0 || failed > 0 {
            return Err(format!("a further run made {calls} calls"));
        }
        self.auditor(&store, &there.objects)?;
        Proof::verify(&store.read().unwrap()).map_err(|e| e.to_string())?;
        store.close().map_err(|e| e.to_string())
    }

    fn sees_whole_exports(&self, memory: &InMemory) -> Result<(), String> {
        let held = without_entries(objects(memory));
        for (name, bytes) in held.iter().filter(|(name, _)| name.ends_with(".manifest.json")) {
            let part = name.replace(".manifest.json", ".zip");
            if held.get(&part) != self.wanted.get(&part) || self.wanted.get(name) != Some(bytes) {
                return Err(format!("`{name}` is there, and its part is not, or not whole"));
            }
        }
        Ok(())
    }

    /// What the manifests and parts add up to is what the store says, and `verify` says the same.
    fn auditor(&self, store: &Store, memory: &Arc<InMemory>) -> Result<(), String> {
        let reader = store.read().unwrap();
        let record = SinkRecord::get(&reader, "bucket").unwrap();
        let to = Destination::plain(record, Box::new(self.bucket(memory.clone())));
        let findings = to.verify(&reader, VerifyDepth::ReadData).unwrap();
        if findings.len() != 4 || findings.iter().any(|f| f.what != What::Ok) {
            return Err(format!("{findings:?}"));
        }
        Ok(())
    }
}

/// Runs cases on two threads, and tells all that failed.
fn all_hold(scene: &Scene, cases: &[Case]) {
    let only = std::env::var("BILLKEEP_TEST_SINK_FAULT").ok();
    let cases: Vec<Case> =
        cases.iter().copied().filter(|case| only.as_ref().is_none_or(|only| *only == case.name())).collect();
    let failed = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for half in cases.chunks(cases.len().div_ceil(2).max(1)) {
            let failed = &failed;
            scope.spawn(move || {
                for case in half {
                    if let Err(why) = scene.run(*case) {
                        failed.lock().unwrap().push(format!(
                            "{why}\n  BILLKEEP_TEST_SINK_FAULT={} cargo test -p billkeep-tests --test billkeep -- sink_faults",
                            case.name()
                        ));
                    }
                    remove(&scene.home.path(&format!("{}.redb", case.name())));
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap();
    assert!(failed.is_empty(), "{} of {}:\n{}", failed.len(), cases.len(), failed.join("\n"));
}

fn remove(store: &Path) {
    let _ = std::fs::remove_file(store);
    let _ = std::fs::remove_dir_all(store.with_extension("staging"));
}

/// Runs a fault of every sort at every call, before and after its effect; some of them, where not everything is tested.
fn every_fault(scene: &Scene, cases_min: usize) {
    let (calls, _) = scene.attempt(&scene.store("counted"), &There::default(), When::Never, 0);
    let mut cases = Vec::new();
    for number in 1..=calls {
        for fault in Fault::ALL {
            cases.extend([false, true].map(|after| Case::One { number, fault, after }));
        }
    }
    let thorough = std::env::var_os("BILLKEEP_TEST_ALL").is_some();
    if !thorough && std::env::var_os("BILLKEEP_TEST_SINK_FAULT").is_none() {
        cases = cases.into_iter().step_by(7).collect();
    }
    assert!(!thorough || cases.len() >= cases_min, "{} cases of {calls} calls", cases.len());
    all_hold(scene, &cases);
}

/// Runs cases in which calls fail by chance: so many, or a twelfth of that where not everything is tested.
fn by_chance(scene: &Scene, thorough_cases: u64) {
    let thorough = std::env::var_os("BILLKEEP_TEST_ALL").is_some();
    let seeds = std::env::var("BILLKEEP_TEST_SINK_SEEDS").ok().map(|n| n.parse().unwrap());
    let seeds = seeds.unwrap_or(if thorough { thorough_cases } else { thorough_cases / 12 });
    let cases: Vec<Case> = (0..seeds).map(Case::Seed).collect();
    all_hold(scene, &cases);
}

#[test]
fn a_fault_at_any_call_changes_nothing_of_what_is_delivered_in_the_end() {
    every_fault(&Scene::new(), 350);
}

#[test]
fn a_fault_at_any_call_of_an_upload_in_pieces_changes_nothing_either_and_leaves_no_upload() {
    every_fault(&Scene::in_pieces(), 500);
}

#[test]
fn many_faults_by_chance_change_nothing_either() {
    by_chance(&Scene::new(), 500);
}

#[test]
fn many_faults_by_chance_change_nothing_of_uploads_in_pieces() {
    by_chance(&Scene::in_pieces(), 250);
}

#[test]
fn what_the_scene_delivers_adds_up_to_the_bill() {
    let scene = Scene::new();
    let folder = scene.home.path("written");
    std::fs::create_dir_all(&folder).unwrap();
    for (name, bytes) in &scene.wanted {
        std::fs::write(folder.join(name), bytes).unwrap();
    }
    let exports = bucket::checked(&folder);
    let monthly = exports.iter().find(|e| e.kind() == "monthly").unwrap();
    let bill = crate::support::decimal::exact(&scene.home.bill_text("total"));
    assert_eq!(monthly.figures().total(), bill);
}
