//! What happens to a delivery while it is on its way.

use std::fs;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use billkeep_sinks::Folder;

use crate::support::{Home, MARCH, PAYER, bucket};
use billkeep_core::deliveries::{
    Delivery, DeliveryProgress, Destination, DueItem, NoMeter, SinkRecord, VerifyDepth, Ways, What,
};

use billkeep_core::engine::{Access, Actor, OpenOptions, Store};
use billkeep_core::exports::{Hold, ObjectMeta, RenderSettings, Sink, SinkError, Staged, Watch};
use billkeep_core::values::{Basis, Day};

/// A folder in which something happens meanwhile.
struct Meddled {
    folder: Folder,
    meddle: Meddle,
}

/// What happens.
enum Meddle {
    /// While a part is put there, somebody else gives the delivery up.
    GivesUp(Arc<Store>, u64),
    /// The part arrives, and the manifest does not.
    LosesManifest,
}

fn actor() -> Actor {
    Actor { name: "ann".into(), at_unix_s: 1 }
}

fn ways(stage: &Path) -> Ways<'_> {
    let render = RenderSettings { threads: 1, cache: None };
    Ways { render, stage, meter: &NoMeter, at_once: false }
}

impl Sink for Meddled {
    fn location(&self, name: &str) -> String {
        self.folder.location(name)
    }

    fn stage_folder(&self) -> Option<&Path> {
        self.folder.stage_folder()
    }

    fn hold(&self) -> Result<Hold, SinkError> {
        self.folder.hold()
    }

    fn put(&self, name: &str, part: &Staged, watch: &dyn Watch) -> Result<ObjectMeta, SinkError> {
        if let Meddle::GivesUp(store, number) = &self.meddle {
            let nowhere = ways(Path::new("/nowhere"));
            store.abandon_delivery(None, *number, "not wanted", &nowhere, &actor()).unwrap();
        }
        self.folder.put(name, part, watch)
    }

    fn put_new(&self, name: &str, bytes: &[u8]) -> Result<bool, SinkError> {
        if matches!(self.meddle, Meddle::LosesManifest) {
            return Err(SinkError::Transient("the line is cut".into()));
        }
        self.folder.put_new(name, bytes)
    }

    fn head(&self, name: &str) -> Result<Option<ObjectMeta>, SinkError> {
        self.folder.head(name)
    }

    fn read(&self, name: &str) -> Result<Option<Box<dyn Read + Send + '_>>, SinkError> {
        self.folder.read(name)
    }

    fn remove(&self, name: &str) -> Result<(), SinkError> {
        self.folder.remove(name)
    }

    fn list(&self) -> Result<Vec<String>, SinkError> {
        self.folder.list()
    }
}

/// A store in which a daily bill is due to the sink `bucket`, on the 2nd of April.
fn due() -> Home {
    let home = Home::new();
    home.month_to_date(3, 31);
    home.sink("bucket", &[]);
    home.enable(PAYER, "bucket", "daily", false);
    home
}

#[test]
fn a_delivery_that_is_given_up_while_its_part_is_put_stays_given_up() {
    let home = due();
    let on: Day = "2021-04-02".parse().unwrap();
    let store = Arc::new(Store::open(&home.store(), &OpenOptions::default(), Access::Write).unwrap());
    let record = SinkRecord::get(&store.read().unwrap(), "bucket").unwrap();
    let folder = Folder::create(&home.path("bucket")).unwrap();
    let sink = Meddled { folder, meddle: Meddle::GivesUp(store.clone(), 1) };
    let to = Destination::plain(record, Box::new(sink));
    let items = DueItem::on(&store.read().unwrap(), on, Basis::Used).unwrap();
    let wanted = items.into_iter().find_map(|item| item.verdict.ok()).unwrap();
    let stage = home.path("staging");
    let delivery = store.deliver(&to, wanted, on, &ways(&stage), &actor()).unwrap();
    let DeliveryProgress::Abandoned(abandoned) = &delivery.progress else {
        panic!("{:?}", delivery.progress)
    };
    assert_eq!(abandoned.why, "not wanted");
    let now = Delivery::find(&store.read().unwrap(), 1).unwrap().unwrap();
    assert_eq!(now, delivery);
    // The part that was on its way has no manifest, and is told as left over.
    let held = bucket::listing(&home.path("bucket"));
    assert_eq!(held.keys().filter(|name| name.ends_with(".manifest.json")).count(), 0);
    let plain = Destination::plain(
        SinkRecord::get(&store.read().unwrap(), "bucket").unwrap(),
        Box::new(Folder::create(&home.path("bucket")).unwrap()),
    );
    let findings = plain.verify(&store.read().unwrap(), VerifyDepth::ReadData).unwrap();
    let what: Vec<_> = findings.iter().map(|f| (f.delivery, f.what)).collect();
    assert_eq!(what, [(Some(1), What::Stale)]);
}

#[test]
fn what_was_to_go_elsewhere_is_neither_sent_to_the_new_place_nor_told_as_delivered() {
    let home = due();
    // Somebody else's manifest is in the way.
    let other = due();
    other.ok(["run", "--on", "2021-04-02"]);
    let exports = bucket::checked(&other.path("bucket"));
    let manifest = exports[0].name.replace(".zip", ".manifest.json");
    fs::write(home.path("bucket").join(&manifest), "{}").unwrap();
    home.run(["run", "--on", "2021-04-02"]).says(3, &[&manifest]);
    // The sink of that name is another folder by now, and has the bill.
    home.ok(["storage", "disable", PAYER, "--yes"]);
    home.ok(["sink", "remove", "bucket"]);
    let url = format!("file://{}", home.path("elsewhere").display());
    home.ok(["sink", "add", "bucket", &url]);
    home.enable(PAYER, "bucket", "daily", false);
    home.ok(["run", "--on", "2021-04-02"]).says(0, &["Delivered the daily bill"]);
    assert_eq!(bucket::checked(&home.path("elsewhere")).len(), 1);
    home.ok(["run", "--on", "2021-04-02"]).says(0, &["Nothing was due"]);
    for command in ["retry", "abandon"] {
        let mut args = vec!["delivery", command, "1"];
        args.extend(["--reason", "moved"].into_iter().filter(|_| command == "abandon"));
        home.run(args).says(3, &["--leave"]);
    }
    home.ok(["delivery", "abandon", "1", "--reason", "moved", "--leave"]);
}

/// A store whose confirmed March was planned for the sink `bucket` while its folder was away.
fn planned() -> Home {
    let home = Home::new();
    home.month_to_date(3, 31);
    home.confirm();
    home.sink("bucket", &[]);
    home.enable(PAYER, "bucket", "monthly", false);
    fs::rename(home.path("bucket"), home.path("away")).unwrap();
    fs::write(home.path("bucket"), "").unwrap();
    assert_ne!(home.run(["run", "--on", "2021-04-02"]).code, 0);
    assert_eq!(home.json(["delivery", "list"])["rows"][0]["state"], "planned");
    fs::remove_file(home.path("bucket")).unwrap();
    fs::rename(home.path("away"), home.path("bucket")).unwrap();
    home
}

#[test]
fn a_planned_delivery_waits_for_what_due_waits_for_and_says_what_is_true_when_it_leaves() {
    let home = planned();
    home.ok(["bill", "reopen", MARCH, "--reason", "something is missing"]);
    let name = format!("{PAYER}-20210331-by_used_time-bill_details.csv");
    let all = fs::read_to_string(home.path(&name)).unwrap();
    let some: String = all.split_inclusive('\n').take(40).collect();
    let smaller = home.write(&name.replace(".csv", " (1).csv"), some.as_bytes());
    home.import_as(None, [smaller]).says(7, &["pending file 1"]);
    assert!(home.why("2021-04-02", "monthly").starts_with("pending: file 1"));
    home.ok(["run", "--on", "2021-04-02"]).says(0, &["Nothing was due"]);
    home.run(["delivery", "retry", "1"]).says(3, &["pending: file 1"]);
    assert_eq!(bucket::listing(&home.path("bucket")).len(), 0);
    home.ok(["pending", "discard", "1", "--reason", "it was cut"]);
    home.ok(["run", "--on", "2021-04-02"]).says(0, &["Delivered the monthly bill"]);
    let exports = bucket::checked(&home.path("bucket"));
    assert_eq!(exports.len(), 1);
    assert_eq!(exports[0].manifest["final"], false, "{}", exports[0].manifest);
    home.ok(["run", "--on", "2021-04-02"]).says(0, &["Nothing was due"]);
    home.ok(["delivery", "verify"]);
}

#[test]
fn a_part_that_is_at_the_sink_gets_no_manifest_that_calls_an_open_bill_final() {
    let home = Home::new();
    home.month_to_date(3, 31);
    home.confirm();
    home.sink("bucket", &[]);
    home.enable(PAYER, "bucket", "monthly", false);
    let on: Day = "2021-04-02".parse().unwrap();
    let store = Store::open(&home.store(), &OpenOptions::default(), Access::Write).unwrap();
    let record = SinkRecord::get(&store.read().unwrap(), "bucket").unwrap();
    let folder = Folder::create(&home.path("bucket")).unwrap();
    let to = Destination::plain(record, Box::new(Meddled { folder, meddle: Meddle::LosesManifest }));
    let items = DueItem::on(&store.read().unwrap(), on, Basis::Used).unwrap();
    let wanted = items.into_iter().find_map(|item| item.verdict.ok()).unwrap();
    let stage = home.path("staging");
    store.deliver(&to, wanted, on, &ways(&stage), &actor()).unwrap_err();
    let begun = Delivery::find(&store.read().unwrap(), 1).unwrap().unwrap();
    assert!(matches!(begun.progress, DeliveryProgress::Checked(_)), "{:?}", begun.progress);
    drop(to);
    store.close().unwrap();
    home.ok(["bill", "reopen", MARCH, "--reason", "something is missing"]);
    home.ok(["run", "--on", "2021-04-02"]).says(0, &["Delivered the monthly bill"]);
    let rows = home.json(["delivery", "list"])["rows"].clone();
    assert_eq!((&rows[0]["state"], &rows[1]["state"]), (&"abandoned".into(), &"delivered".into()), "{rows}");
    let exports = bucket::checked(&home.path("bucket"));
    assert_eq!(exports.len(), 1);
    assert_eq!(exports[0].manifest["final"], false, "{}", exports[0].manifest);
    home.ok(["delivery", "verify"]);
    home.ok(["audit", "verify"]);
}
