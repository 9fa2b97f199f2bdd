//! What happens to a delivery while it is on its way.

use std::fs;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use billkeep_core::delivery::{self, Destination, NoMeter, Progress, Ways};
use billkeep_core::export::RenderSettings;
use billkeep_core::journal::Actor;
use billkeep_core::period::{Basis, Day};
use billkeep_core::sink::{Held, Hold, Sink, SinkError, Staged, Watch};
use billkeep_core::storage;
use billkeep_core::store::{Access, OpenOptions, Store};
use billkeep_sinks::Folder;

use crate::support::{Home, PAYER, bucket};

/// A folder; while a part is put there, somebody else gives the delivery up.
struct GivenUp {
    folder: Folder,
    store: Arc<Store>,
    number: u64,
}

fn actor() -> Actor {
    Actor { name: "ann".into(), at_unix_s: 1 }
}

fn ways(stage: &Path) -> Ways<'_> {
    let render = RenderSettings { threads: 1, cache: None };
    Ways { render, stage, meter: &NoMeter, at_once: false }
}

impl Sink for GivenUp {
    fn location(&self, name: &str) -> String {
        self.folder.location(name)
    }

    fn stage_folder(&self) -> Option<&Path> {
        self.folder.stage_folder()
    }

    fn hold(&self) -> Result<Hold, SinkError> {
        self.folder.hold()
    }

    fn put(&self, name: &str, part: &Staged, watch: &dyn Watch) -> Result<Held, SinkError> {
        let nowhere = ways(Path::new("/nowhere"));
        delivery::abandon(&self.store, None, self.number, "not wanted", &nowhere, &actor()).unwrap();
        self.folder.put(name, part, watch)
    }

    fn put_new(&self, name: &str, bytes: &[u8]) -> Result<bool, SinkError> {
        self.folder.put_new(name, bytes)
    }

    fn head(&self, name: &str) -> Result<Option<Held>, SinkError> {
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
    let record = storage::sink(&store.read().unwrap(), "bucket").unwrap();
    let folder = Folder::create(&home.path("bucket")).unwrap();
    let sink = GivenUp { folder, store: store.clone(), number: 1 };
    let to = Destination::plain(record, Box::new(sink));
    let items = delivery::due(&store.read().unwrap(), on, Basis::Used).unwrap();
    let wanted = items.into_iter().find_map(|item| item.verdict.ok()).unwrap();
    let stage = home.path("staging");
    let delivery = delivery::deliver(&store, &to, wanted, on, &ways(&stage), &actor()).unwrap();
    let Progress::Abandoned(abandoned) = &delivery.progress else { panic!("{:?}", delivery.progress) };
    assert_eq!(abandoned.why, "not wanted");
    let now = delivery::find(&store.read().unwrap(), 1).unwrap().unwrap();
    assert_eq!(now, delivery);
    // The part that was on its way has no manifest, and is told as left over.
    let held = bucket::listing(&home.path("bucket"));
    assert_eq!(held.keys().filter(|name| name.ends_with(".manifest.json")).count(), 0);
    let plain = Destination::plain(
        storage::sink(&store.read().unwrap(), "bucket").unwrap(),
        Box::new(Folder::create(&home.path("bucket")).unwrap()),
    );
    let findings = delivery::verify(&store.read().unwrap(), &plain, delivery::How::ReadData).unwrap();
    let what: Vec<_> = findings.iter().map(|f| (f.delivery, f.what)).collect();
    assert_eq!(what, [(Some(1), delivery::What::Stale)]);
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
