//! Whatever the disk under the store does, nothing that was promised is lost, nothing is believed that was not written, and the
//! journey ends where it would have ended.
//!
//! A case that fails names itself; `BILLKEEP_TEST_DISK_FAULT=NAME` runs that one alone. `BILLKEEP_TEST_DISK_IMAGES=N` and
//! `BILLKEEP_TEST_DISK_DAMAGES=N` try more of those that there is no end of.

mod scene;

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use billkeep_core::error::{Error, Kind};

use billkeep_core::testing::{Large, RawStore as _, Table};
use billkeep_fixtures::Rng;

use crate::support::faulty_disk::{Fault, FaultyDisk, Left, Op, Platter};
use billkeep_core::audit::StoreCheck;
use billkeep_core::bills::{Bill, BillField, BillView};
use billkeep_core::engine::{Access, OpenOptions, Records, Store};
use scene::{End, Event, FIRST_UNIX_S, LATER_S, Machine, Objects, Scene};

const SEED: u64 = 6;

fn thorough() -> bool {
    std::env::var_os("BILLKEEP_TEST_ALL").is_some()
}

/// How many are tried of cases that there is no end of.
fn settable(variable: &str, in_ci: usize, otherwise: usize) -> usize {
    let set = std::env::var(variable).ok().map(|n| n.parse().unwrap());
    set.unwrap_or(if thorough() { in_ci } else { otherwise })
}

fn only() -> Option<String> {
    std::env::var("BILLKEEP_TEST_DISK_FAULT").ok()
}

/// Runs cases on all cores, each of which says what is wrong; a panic is wrong as well. Tells all that failed.
fn all_hold<C: Sync>(
    cases: &[C],
    name: impl Fn(&C) -> String + Sync,
    run: impl Fn(&C) -> Result<(), String> + Sync,
) {
    let only = only();
    let failed = Mutex::new(Vec::new());
    let next = AtomicUsize::new(0);
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let name = name(case);
                    if only.as_ref().is_some_and(|only| *only != name) {
                        continue;
                    }
                    let result = catch_unwind(AssertUnwindSafe(|| run(case)));
                    if let Err(why) = result.unwrap_or_else(|_| Err("a panic".to_owned())) {
                        failed.lock().unwrap().push(format!(
                            "{why}\n  BILLKEEP_TEST_DISK_FAULT={name} cargo test -p billkeep-tests --test billkeep -- disk_faults"
                        ));
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap();
    let shown = &failed[..failed.len().min(20)];
    assert!(failed.is_empty(), "{} of {} cases:\n{}", failed.len(), cases.len(), shown.join("\n"));
}

/// What must be so once the power is back, and what must come of it.
fn recovers(scene: &Scene, bytes: Vec<u8>, held: &Objects, promised: usize) -> Result<(), String> {
    let mut machine = Machine::with(FaultyDisk::of(bytes), held, FIRST_UNIX_S + LATER_S);
    match scene.end(&machine) {
        Ok(found) if !scene.clean.journal.starts_with(&found.journal) => {
            return Err(format!("the journal is another one: {:?}", found.journal));
        }
        Ok(found) if found.journal.len() < promised => {
            return Err(format!("{promised} entries were promised, and {} are there", found.journal.len()));
        }
        Ok(_) => {}
        // A store that is not made yet is made under another name, and so made anew.
        Err(_) if promised == 0 => {
            machine = Machine::with(FaultyDisk::default(), held, FIRST_UNIX_S + LATER_S);
        }
        Err(why) => return Err(format!("after the loss: {why}")),
    }
    scene.run(&machine).map_err(|why| format!("going on: {why}"))?;
    same(scene, &scene.end(&machine)?)?;
    // And once more, for nothing.
    scene.run(&machine)?;
    same(scene, &scene.end(&machine)?)
}

/// Says what differs from the end of a journey that nothing disturbed.
fn same(scene: &Scene, end: &End) -> Result<(), String> {
    let End { bills, held, journal } = &scene.clean;
    if end.bills != *bills {
        return Err(format!("the bills are others: {:?}", end.bills));
    }
    if end.held != *held {
        return Err(format!("the sink holds {:?}", end.held.keys()));
    }
    if end.journal != *journal {
        return Err(format!("the journal is another one: {:?}", end.journal));
    }
    Ok(())
}

/// What a loss of power after so many events would leave.
struct Image {
    event: usize,
    left: Left,
    seed: u64,
    bytes: Vec<u8>,
    held: usize,
    promised: usize,
}

#[test]
fn what_is_delivered_adds_up_to_what_was_imported() {
    let scene = Scene::new();
    scene.auditor(&scene.clean.held);
    assert_eq!(scene.clean.held.len(), 4);
}

#[test]
fn a_loss_of_power_at_any_moment_loses_nothing_that_was_promised() {
    let scene = Scene::new();
    let events = &scene.events;
    let moments = events.iter().filter(|e| !matches!(e, Event::Returned)).count();
    let wanted = settable("BILLKEEP_TEST_DISK_IMAGES", 3_600, 400);
    // Of what may be left in several ways, so many ways that there are enough.
    let ways = (wanted.div_ceil(moments).saturating_sub(2)).div_ceil(2).max(1);
    let step = if wanted < moments * Left::ALL.len() { moments * Left::ALL.len() / wanted } else { 1 };
    let empty = Objects::new();
    let mut sinks = vec![&empty];
    sinks.extend(events.iter().filter_map(|e| if let Event::Sink(held) = e { Some(held) } else { None }));
    let (mut images, mut seen, mut number, mut tried) = (Vec::new(), HashSet::new(), 0, 0);
    let (mut platter, mut held, mut promised) = (Platter::default(), 0, 0);
    for (event, happened) in events.iter().enumerate() {
        match happened {
            Event::Disk(op) => platter.apply(op),
            Event::Sink(_) => held += 1,
            Event::Returned => promised += 1,
        }
        for left in Left::ALL {
            for seed in 0..if matches!(left, Left::Some | Left::Torn) { ways as u64 } else { 1 } {
                number += 1;
                if number % step != 0 && only().is_none() {
                    continue;
                }
                tried += 1;
                let bytes = platter.after_power_loss(left, &mut Rng::of(&[SEED, event as u64, seed]));
                let mut hasher = DefaultHasher::new();
                (&bytes, held, promised).hash(&mut hasher);
                // What is the same to the last bit, ends the same.
                if seen.insert(hasher.finish()) {
                    images.push(Image { event, left, seed, bytes, held, promised });
                }
            }
        }
        // What waits for a run is kept small.
        if images.len() >= 500 || event + 1 == events.len() {
            all_hold(
                &images,
                |i| format!("image-{}-{:?}-{}", i.event, i.left, i.seed),
                |i| recovers(&scene, i.bytes.clone(), sinks[i.held], scene.promised[i.promised]),
            );
            images.clear();
        }
    }
    assert!(tried >= wanted, "{tried} images");
    println!("{tried} images of {moments} moments, {} of them different", seen.len());
}

/// That the other tests here can fail: a disk that says it has synced, and has not, loses what was promised.
#[test]
fn a_disk_that_lies_is_noticed() {
    let scene = Scene::new();
    let mut platter = Platter::default();
    let mut promised = 0;
    for event in &scene.events {
        match event {
            // Half of the journey is synced, and then nothing any more.
            Event::Disk(Op::Sync) if promised > scene.promised.len() / 2 => {}
            Event::Disk(op) => platter.apply(op),
            Event::Sink(_) => {}
            Event::Returned => promised += 1,
        }
    }
    let bytes = platter.after_power_loss(Left::Nothing, &mut Rng::new(SEED));
    let why = recovers(&scene, bytes, &scene.clean.held, scene.promised[promised]).unwrap_err();
    assert!(why.contains("were promised"), "{why}");
}

#[test]
fn an_error_of_the_disk_at_any_call_is_told_and_loses_nothing() {
    let scene = Scene::new();
    let counted = Machine::with(FaultyDisk::default(), &Objects::new(), FIRST_UNIX_S);
    scene.run(&counted).unwrap();
    let mut cases: Vec<(Fault, u64)> = Vec::new();
    for fault in Fault::ALL {
        let calls = counted.disk.calls(fault);
        assert!(calls > 50, "{fault:?}: {calls}");
        cases.extend((1..=calls).map(|number| (fault, number)));
    }
    if !thorough() && only().is_none() {
        cases = cases.into_iter().step_by(9).collect();
    }
    let told = AtomicUsize::new(0);
    all_hold(
        &cases,
        |(fault, number)| format!("{fault:?}-{number}"),
        |(fault, number)| {
            let disk = FaultyDisk::failing(Vec::new(), *fault, *number);
            let machine = Machine::with(disk, &Objects::new(), FIRST_UNIX_S);
            match scene.run(&machine) {
                Ok(()) => same(&scene, &scene.end(&machine)?)?,
                Err(why)
                    if !why.contains("injected")
                        && !why.contains("an earlier read or write of the store failed") =>
                {
                    return Err(format!("it says only: {why}"));
                }
                Err(_) => {
                    told.fetch_add(1, Ordering::Relaxed);
                }
            }
            let returned = machine.returned.load(Ordering::Relaxed);
            // The program has ended; what it wrote is there, but for what a failed sync has lost.
            let bytes = match fault {
                Fault::SyncError => machine.disk.after_power_loss(Left::Some, &mut Rng::of(&[SEED, *number])),
                _ => machine.disk.bytes(),
            };
            let held = crate::support::bucket::objects(&machine.sink);
            recovers(&scene, bytes, &held, scene.promised[returned])
        },
    );
    if only().is_none() {
        assert!(told.into_inner() * 2 > cases.len(), "most faults are noticed");
    }
}

/// What is done to bytes that nobody writes to.
#[derive(Clone, Copy, Debug)]
enum Damage {
    Flip,
    Cut,
    ZeroPage,
    SwapPages,
    SwapRecords,
}

const PAGE_BYTES: usize = 4096;

impl Damage {
    const ALL: [Damage; 5] =
        [Damage::Flip, Damage::Cut, Damage::ZeroPage, Damage::SwapPages, Damage::SwapRecords];

    fn done_to(self, sound: &[u8], rng: &mut Rng) -> Vec<u8> {
        let mut bytes = sound.to_vec();
        let written: Vec<usize> = (0..sound.len() / PAGE_BYTES)
            .filter(|page| sound[page * PAGE_BYTES..(page + 1) * PAGE_BYTES].iter().any(|b| *b != 0))
            .collect();
        let page = |rng: &mut Rng| rng.pick(&written) * PAGE_BYTES;
        match self {
            Damage::Flip => {
                // One in four in the head, which says where everything else is.
                let at = if rng.below(4) == 0 { rng.index(512) } else { page(rng) + rng.index(PAGE_BYTES) };
                bytes[at] ^= 1 << rng.below(8);
            }
            Damage::Cut => bytes.truncate(rng.index(sound.len())),
            Damage::ZeroPage => {
                let at = page(rng);
                bytes[at..at + PAGE_BYTES].fill(0);
            }
            Damage::SwapPages => {
                let (one, other) = (page(rng), page(rng));
                for at in 0..PAGE_BYTES {
                    bytes.swap(one + at, other + at);
                }
            }
            // Two stretches of one page, of the length of a small record.
            Damage::SwapRecords => {
                let at = page(rng);
                let length = 8 + rng.index(56);
                let (one, other) =
                    (rng.index(PAGE_BYTES / 2 - length), PAGE_BYTES / 2 + rng.index(PAGE_BYTES / 2 - length));
                for i in 0..length {
                    bytes.swap(at + one + i, at + other + i);
                }
            }
        }
        bytes
    }
}

/// A record or a large value: its table, its key, itself.
type Content = (&'static str, Vec<u8>, Vec<u8>);

/// Every record and every large value.
fn contents(store: &Store) -> Result<Vec<Content>, String> {
    let reader = store.read().map_err(|e| e.to_string())?;
    let mut all = Vec::new();
    for table in Table::ALL {
        reader
            .scan_bytes(*table, &[], &mut |key, value| {
                all.push((table.name(), key.to_vec(), value.to_vec()));
                Ok(true)
            })
            .map_err(|e| e.to_string())?;
    }
    for large in Large::ALL {
        // Numbers are given out in order, and some more were never given out.
        for id in 1..100 {
            if let Ok(value) = reader.get_large(*large, id) {
                all.push((large.name(), vec![id as u8], value));
            }
        }
    }
    Ok(all)
}

/// What a person is shown.
fn shown(store: &Store) -> Result<String, String> {
    let reader = store.read().map_err(|e| e.to_string())?;
    let mut all = String::new();
    for (found, revision) in Bill::list(&reader).map_err(|e| e.to_string())? {
        let view = BillView::open(&reader, found.key, None).map_err(|e| e.to_string())?;
        let fields: Vec<BillField> = ["owner", "product", "day"].map(|f| f.parse().unwrap()).into();
        let groups = view.show(&reader, &fields, 1).map_err(|e| e.to_string())?;
        all.push_str(&format!("{found:?} {:?} {groups:?}\n", revision.sums));
    }
    Ok(all)
}

#[test]
fn damage_at_rest_is_found_or_harmless_and_never_believed() {
    let scene = Scene::new();
    let machine = Machine::with(FaultyDisk::default(), &Objects::new(), FIRST_UNIX_S);
    scene.run(&machine).unwrap();
    let sound = machine.disk.bytes();
    let store = machine.open().unwrap();
    let (wanted, wanted_shown) = (contents(&store).unwrap(), shown(&store).unwrap());
    assert!(wanted.len() > 60, "{}", wanted.len());
    store.close().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let wanted_cases = settable("BILLKEEP_TEST_DISK_DAMAGES", 1_000, 200);
    let cases: Vec<(Damage, u64)> =
        (0..wanted_cases as u64).map(|n| (Damage::ALL[n as usize % 5], n)).collect();
    let (found, harmless) = (AtomicUsize::new(0), AtomicUsize::new(0));
    all_hold(
        &cases,
        |(damage, seed)| format!("{damage:?}-{seed}"),
        |(damage, seed)| {
            let bytes = damage.done_to(&sound, &mut Rng::of(&[SEED, *seed]));
            if bytes == sound {
                return Ok(());
            }
            let path = folder.path().join(format!("{damage:?}-{seed}.redb"));
            std::fs::write(&path, &bytes).unwrap();
            let told = checked(&path);
            let options = OpenOptions::default();
            let opened = Store::open(&path, &options, Access::Read);
            let seen = opened.as_ref().map_err(|e| e.to_string()).and_then(shown);
            let there = opened.as_ref().map_err(|e| e.to_string()).and_then(contents);
            drop(opened);
            std::fs::remove_file(&path).unwrap();
            if let Ok(seen) = seen
                && seen != wanted_shown
            {
                return Err(format!("a person is shown something else: {seen}"));
            }
            match told {
                Err(_) => found.fetch_add(1, Ordering::Relaxed),
                Ok(()) if there.as_ref() == Ok(&wanted) => harmless.fetch_add(1, Ordering::Relaxed),
                Ok(()) => return Err("nothing is told, and something else is there".into()),
            };
            Ok(())
        },
    );
    let (found, harmless) = (found.into_inner(), harmless.into_inner());
    println!("{found} found, {harmless} in places that nothing refers to");
    if only().is_none() {
        assert!(found > cases.len() / 4 && harmless > 0, "{found} found, {harmless} harmless");
    }
}

/// What `store check` does.
fn checked(path: &Path) -> Result<(), String> {
    let options = OpenOptions::default();
    let said = |kind: Kind, text: String| {
        assert!([Kind::Damaged, Kind::User, Kind::Internal].contains(&kind), "{kind:?}: {text}");
        text
    };
    let before = std::fs::read(path).unwrap();
    let pages = Store::check_pages(path, &options).map_err(|e| said(e.kind(), e.to_string()));
    assert!(std::fs::read(path).unwrap() == before, "looking at it has changed it");
    pages?;
    let store = Store::open(path, &options, Access::Read).map_err(|e| said(e.kind(), e.to_string()))?;
    let reader = store.read().map_err(|e| e.to_string())?;
    StoreCheck::run(&reader, 1).map(|_| ()).map_err(|e| said(e.kind(), e.to_string()))
}

#[test]
fn a_full_disk_can_be_told_from_other_faults() {
    let kind_below = |fault| {
        let disk = Arc::new(FaultyDisk::failing(Vec::new(), fault, 1));
        let made = Store::create_on(disk, Path::new("the store"), &OpenOptions::default(), |_| Ok(()));
        let error = Error::from(made.err().unwrap());
        let below = std::iter::successors(Some(&error as &dyn std::error::Error), |error| error.source());
        below.filter_map(|error| error.downcast_ref::<io::Error>()).map(io::Error::kind).last()
    };
    assert_eq!(kind_below(Fault::Full), Some(io::ErrorKind::StorageFull));
    assert_eq!(kind_below(Fault::WriteError), Some(io::ErrorKind::Other));
}
