//! A command, killed at many moments, and what must hold after each.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant, SystemTime};

use billkeep_fixtures::Rng;
use serde_json::Value;

use crate::support::{Home, bucket};
use billkeep_core::bills::Bill;
use billkeep_core::engine::{Access, OpenOptions, Store};

/// How often each command is killed, unless `BILLKEEP_TEST_KILLS` says another number.
const KILLS: u64 = 20;
/// How often a command is started for each kill: one that has ended before it is killed does not count.
const STARTS_PER_KILL: u64 = 10;
/// How often it is looked whether the command has written.
const LOOK: Duration = Duration::from_micros(200);

/// A command, and the store and the bucket that it is run on.
pub(super) struct Scene {
    pub(super) home: Home,
    bucket: PathBuf,
    command: Vec<String>,
    kind: Kind,
    /// The store and the bucket before the command.
    store_before: Vec<u8>,
    bucket_before: BTreeMap<String, Vec<u8>>,
    journal_before: Vec<Value>,
    /// Where an unkilled run ends, how long it takes, and how much of that after it has first written.
    pub(super) wanted: End,
    takes: Duration,
    writes: Duration,
}

/// What is expected of a command.
pub(super) struct Kind {
    /// It makes one commit: after a kill, its entries are all in the journal, or none is.
    pub(super) is_atomic: bool,
    /// The bucket may have other files than whole bills after a kill, which the next run mends or removes.
    pub(super) mends: bool,
    /// Runs the command again after a kill, as somebody does who does not know how far it came.
    pub(super) again: Again,
    /// What else is shown of the store and has to end as without a kill.
    pub(super) shown: &'static [&'static [&'static str]],
}

/// Runs a command again after a kill.
pub(super) type Again = Box<dyn Fn(&Home, &[String])>;

/// Goes on by the same command, which succeeds, or is refused because it was done before.
pub(super) fn same_command(is_done: impl Fn(&Home) -> bool + 'static) -> Again {
    Box::new(move |home, command| {
        let code = if is_done(home) { 3 } else { 0 };
        home.run(command).says(code, &[]);
    })
}

/// Where a run ends: what bills and deliveries are there, and the bucket's files.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct End {
    pub(super) bills: Value,
    deliveries: Value,
    shown: Vec<Value>,
    bucket: BTreeMap<String, Vec<u8>>,
    entries: usize,
}

impl End {
    fn of(home: &Home, bucket: &Path, kind: &Kind) -> End {
        End {
            bills: home.json(["bill", "list"]),
            deliveries: home.json(["delivery", "list"]),
            shown: kind.shown.iter().map(|args| without_times(home.json(args.iter()))).collect(),
            bucket: bucket::without_entries(bucket::listing(bucket)),
            entries: acknowledged(home).len(),
        }
    }

    #[track_caller]
    fn is(&self, wanted: &End, what: &str) {
        assert_eq!(self.bills, wanted.bills, "{what}");
        assert_eq!(self.deliveries, wanted.deliveries, "{what}");
        assert_eq!(self.shown, wanted.shown, "{what}");
        let names = |end: &End| end.bucket.keys().cloned().collect::<Vec<_>>();
        assert_eq!(names(self), names(wanted), "{what}");
        assert!(self.bucket == wanted.bucket, "{what}: other bytes in the bucket");
    }
}

/// Takes the moments out of a table.
fn without_times(mut table: Value) -> Value {
    for row in table["rows"].as_array_mut().unwrap() {
        row.as_object_mut().unwrap().retain(|column, _| column != "time" && column != "at");
    }
    table
}

/// The journal, entry by entry: what was acknowledged is there, first and as it was.
fn acknowledged(home: &Home) -> Vec<Value> {
    home.json(["audit", "list"])["rows"].as_array().unwrap().clone()
}

/// When the command is killed.
#[derive(Clone, Copy, Debug)]
enum Moment {
    /// So many microseconds after its start.
    AfterStart(u64),
    /// So many after it has first written to the store or the bucket.
    AfterWrite(u64),
}

impl Scene {
    /// Runs the command on the store and the folder as they are now, once to its end.
    pub(super) fn new(home: Home, bucket: &str, command: &[&str], kind: Kind) -> Scene {
        let bucket = home.path(bucket);
        fs::create_dir_all(&bucket).unwrap();
        let mut scene = Scene {
            store_before: fs::read(home.store()).unwrap(),
            bucket_before: bucket::listing(&bucket),
            journal_before: acknowledged(&home),
            command: command.iter().map(|word| (*word).to_owned()).collect(),
            wanted: End::of(&home, &bucket, &kind),
            takes: Duration::ZERO,
            writes: Duration::ZERO,
            home,
            bucket,
            kind,
        };
        scene.reset();
        let (begun, written) = (Instant::now(), scene.written());
        let mut child = scene.start();
        scene.wait_for_write(&mut child, written);
        let first_write = begun.elapsed();
        assert!(child.wait().unwrap().success(), "{command:?}");
        scene.takes = begun.elapsed();
        scene.writes = scene.takes - first_write;
        scene.wanted = End::of(&scene.home, &scene.bucket, &scene.kind);
        scene
    }

    fn reset(&self) {
        fs::write(self.home.store(), &self.store_before).unwrap();
        // With the chunks of the run before, a run would end before it is killed.
        let mut chunks = self.home.store().into_os_string();
        chunks.push(".chunks");
        let _ = fs::remove_file(chunks);
        fs::remove_dir_all(&self.bucket).unwrap();
        fs::create_dir_all(&self.bucket).unwrap();
        for (name, bytes) in &self.bucket_before {
            fs::write(self.bucket.join(name), bytes).unwrap();
        }
    }

    fn start(&self) -> Child {
        let mut command = self.home.command(&self.command);
        command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    /// When the store and the bucket were last written to.
    fn written(&self) -> [SystemTime; 2] {
        [self.home.store(), self.bucket.clone()].map(|path| fs::metadata(path).unwrap().modified().unwrap())
    }

    /// Waits until a command has written to the store or the bucket, or has ended.
    fn wait_for_write(&self, child: &mut Child, written: [SystemTime; 2]) {
        while self.written() == written && child.try_wait().unwrap().is_none() {
            std::thread::sleep(LOOK);
        }
    }

    /// Kills the command at a moment; says whether it was still running.
    fn kill_at(&self, moment: Moment) -> bool {
        let written = self.written();
        let mut child = self.start();
        let delay_us = match moment {
            Moment::AfterStart(delay_us) => delay_us,
            Moment::AfterWrite(delay_us) => {
                self.wait_for_write(&mut child, written);
                delay_us
            }
        };
        std::thread::sleep(Duration::from_micros(delay_us));
        // SIGKILL: nothing of the program runs any more.
        child.kill().unwrap();
        child.wait().unwrap().code().is_none()
    }

    /// Kills the command at many moments, every other one while it writes, and checks everything that must hold after each.
    pub(super) fn survives_kills(&self, seed: u64) {
        let kills = std::env::var("BILLKEEP_TEST_KILLS").map_or(KILLS, |n| n.parse().unwrap());
        let mut rng = Rng::new(seed);
        let (mut killed, mut starts) = (0, 0);
        // Where the machine is faster by now than when the command was timed, kills come earlier.
        let [mut takes_us, mut writes_us] = [self.takes, self.writes].map(|time| time.as_micros() as u64);
        while killed < kills {
            // A test that kills nothing tests nothing.
            assert!(starts < kills * STARTS_PER_KILL, "only {killed} of {starts} starts were killed");
            self.reset();
            let moment = match killed % 2 {
                0 => Moment::AfterStart(rng.below(takes_us.max(1))),
                _ => Moment::AfterWrite(rng.below(writes_us.max(1))),
            };
            starts += 1;
            if self.kill_at(moment) {
                killed += 1;
            } else {
                match moment {
                    Moment::AfterStart(delay_us) => takes_us = delay_us,
                    Moment::AfterWrite(delay_us) => writes_us = delay_us,
                }
            }
            self.holds(&format!("start {starts} with seed {seed}, killed {moment:?} of {takes_us} us"));
        }
    }

    /// Checks the store and the bucket as a kill left them, and that the command comes to its end.
    fn holds(&self, what: &str) {
        self.opens(what);
        let (before, now) = (&self.journal_before, acknowledged(&self.home));
        assert!(now.starts_with(before), "{what}: {before:?}, now {now:?}");
        let is_whole = [before.len(), self.wanted.entries].contains(&now.len());
        assert!(is_whole || !self.kind.is_atomic, "{what}: half of a commit: {now:?}");
        self.home.ok(["audit", "verify"]);
        self.home.ok(["store", "check"]);
        if !self.kind.mends {
            bucket::checked(&self.bucket);
        }

        (self.kind.again)(&self.home, &self.command);
        let end = End::of(&self.home, &self.bucket, &self.kind);
        end.is(&self.wanted, what);
        // What was done is recorded, though it may be recorded that it was done once more. What a repair had put before the kill is
        // as it was delivered: the next one finds nothing to record.
        assert!(end.entries >= self.wanted.entries || self.kind.mends, "{what}: {} entries", end.entries);
        self.home.ok(["store", "check"]);
    }

    /// Opens the store as the kill left it, for reading alone: nothing has to be mended first.
    fn opens(&self, what: &str) {
        let copy = self.home.path("copy.redb");
        fs::copy(self.home.store(), &copy).unwrap();
        let store = Store::open(&copy, &OpenOptions::default(), Access::Read);
        let store = store.unwrap_or_else(|e| panic!("{what}: {e}"));
        Bill::list(&store.read().unwrap()).unwrap();
    }
}
