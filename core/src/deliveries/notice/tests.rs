use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::deliveries::FailureKind;
use crate::engine::journal::Actor;
use crate::engine::settings::StoreSettings;
use crate::engine::store::Transaction;
use crate::engine::store::{OpenOptions, Store, Table};

fn ann(at_unix_s: i64) -> Actor {
    Actor { name: "ann".into(), at_unix_s }
}

fn new_store(folder: &std::path::Path) -> Store {
    Store::create_with(&folder.join("a.redb"), &OpenOptions::default(), |writer| {
        let settings = StoreSettings {
            payer: "100010445724".parse().unwrap(),
            calendar: "seed-2021".into(),
            zone: "+08:00".parse().unwrap(),
        };
        writer.put(Table::Meta, StoreSettings::KEY, &settings)
    })
    .unwrap()
}

fn notifier(name: &str) -> Notifier {
    let how = NotifyBy::Webhook("https://example.com/hook".into());
    Notifier { name: name.into(), how, events: BTreeSet::from([NoticeEvent::Test]), options: BTreeMap::new() }
}

thread_local! {
    static HEARD: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
    static ANSWERS: RefCell<Vec<Result<(), NotifyError>>> = const { RefCell::new(Vec::new()) };
}

struct Ear;

impl Notify for Ear {
    fn notify(&self, _event: NoticeEvent, id: &str, body: &str) -> Result<(), NotifyError> {
        let told: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!(told["id"], id);
        HEARD.with_borrow_mut(|heard| heard.push(id.to_owned()));
        ANSWERS.with_borrow_mut(|answers| if answers.is_empty() { Ok(()) } else { answers.remove(0) })
    }
}

fn heard() -> Vec<String> {
    HEARD.take()
}

fn send_at(store: &Store, at_unix_s: i64, at_once: bool) -> Sent {
    store.send_notices(&|_| Ok(Box::new(Ear)), at_once, &|| false, &ann(at_unix_s)).unwrap()
}

fn happens(store: &Store, at_unix_s: i64) {
    let writer = store.write().unwrap();
    tell(&writer, NoticeFacts::Test, at_unix_s).unwrap();
    writer.commit().unwrap();
}

#[test]
fn what_was_taken_back_is_not_told_and_what_happened_is_told_once() {
    let folder = tempfile::tempdir().unwrap();
    let store = new_store(folder.path());
    happens(&store, 1);
    store.transact(|tx| tx.add_notifier(&notifier("one"), &ann(2))).unwrap();
    assert!(matches!(
        store.transact(|tx| Transaction::add_notifier(tx, &notifier("one"), &ann(2))),
        Err(NoticeError::Exists(name)) if name == "one"
    ));
    let writer = store.write().unwrap();
    tell(&writer, NoticeFacts::Test, 3).unwrap();
    writer.abort().unwrap();
    happens(&store, 4);
    assert_eq!(send_at(&store, 5, false).arrived, 1);
    assert_eq!(heard(), ["billkeep-100010445724-1"]);
    assert_eq!(send_at(&store, 6, true).arrived, 0);
    assert!(heard().is_empty());
    let [notice] = &Notice::list(&store.read().unwrap()).unwrap()[..] else { panic!("one notice") };
    assert_eq!((notice.at_unix_s, notice.sent_unix_s, notice.body.as_str()), (4, Some(5), ""));
}

#[test]
fn whoever_is_down_is_told_later_in_order_and_nobody_else_waits_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let store = new_store(folder.path());
    store.transact(|tx| tx.add_notifier(&notifier("one"), &ann(0))).unwrap();
    store.transact(|tx| tx.add_notifier(&notifier("two"), &ann(0))).unwrap();
    happens(&store, 1);
    happens(&store, 2);
    // To one, to two, to one, to two.
    ANSWERS.set(vec![Err(NotifyError::passing("time-out"))]);
    let sent = send_at(&store, 10, false);
    assert_eq!((sent.arrived, sent.failed.len(), sent.left), (2, 1, 1));
    let failure = sent.failed[0].failure.as_ref().unwrap();
    assert_eq!((failure.attempts, failure.next_unix_s), (1, Some(70)));
    assert_eq!(heard().len(), 3);
    assert_eq!(send_at(&store, 69, false).left, 2);
    assert!(heard().is_empty());
    // Somebody who cannot wait.
    ANSWERS.set(vec![Err(NotifyError::passing("time-out"))]);
    assert_eq!(send_at(&store, 69, true).failed[0].failure.as_ref().unwrap().attempts, 2);
    assert_eq!(heard(), ["billkeep-100010445724-1"]);
    assert_eq!(send_at(&store, 200, false).arrived, 2);
    assert_eq!(heard(), ["billkeep-100010445724-1", "billkeep-100010445724-3"]);
}

#[test]
fn what_is_refused_is_tried_with_every_run_and_goes_with_its_notifier() {
    let folder = tempfile::tempdir().unwrap();
    let store = new_store(folder.path());
    store.transact(|tx| tx.add_notifier(&notifier("one"), &ann(0))).unwrap();
    happens(&store, 1);
    for at in 2..4 {
        ANSWERS.set(vec![Err(NotifyError::refused("404"))]);
        let sent = send_at(&store, at, false);
        assert_eq!(sent.failed[0].failure.as_ref().unwrap().kind, FailureKind::Refused);
    }
    assert_eq!(heard().len(), 2);
    assert_eq!(store.transact(|tx| tx.remove_notifier("one", &ann(5))).unwrap(), 1);
    assert!(Notice::list(&store.read().unwrap()).unwrap().is_empty());
    assert!(matches!(store.transact(|tx| tx.remove_notifier("one", &ann(5))), Err(NoticeError::None(_))));
}

#[test]
fn a_scheduler_that_delivers_nothing_is_told_once_a_day_for_each_cause_and_of_eight_causes_at_most() {
    const DAY_S: i64 = 86_400;
    // 00:00 on 1970-01-02 at +08:00, the store's zone.
    const MIDNIGHT: i64 = DAY_S - 8 * 3_600;
    let folder = tempfile::tempdir().unwrap();
    let store = new_store(folder.path());
    let wants = |name: &str, event| Notifier { events: BTreeSet::from([event]), ..notifier(name) };
    store.transact(|tx| tx.add_notifier(&wants("one", NoticeEvent::Stopped), &ann(0))).unwrap();
    store.transact(|tx| tx.add_notifier(&wants("two", NoticeEvent::Failed), &ann(0))).unwrap();
    let look = |why: &str, at| store.notify_stopped(SchedulerStop { actor: "lin", why }, &ann(at)).unwrap();
    assert_eq!(look("no role", MIDNIGHT - 60), 1);
    assert_eq!(look("no role", MIDNIGHT - 1), 0);
    // The next day has begun; and something else is in the way.
    assert_eq!(look("no role", MIDNIGHT), 1);
    assert_eq!(look("no disk", MIDNIGHT + 30), 1);
    assert_eq!((look("no role", MIDNIGHT + 60), look("no disk", MIDNIGHT + 60)), (0, 0));
    // Causes with another text each time.
    let told: usize = (0..20).map(|n| look(&format!("fault {n}"), MIDNIGHT + 90)).sum();
    assert_eq!(told, 6);
    assert_eq!(look("no role", MIDNIGHT + DAY_S), 1);
    let notices = Notice::list(&store.read().unwrap()).unwrap();
    assert_eq!(notices.len(), 1 + 8 + 1);
    assert!(notices.iter().all(|notice| notice.notifier == "one" && notice.event == NoticeEvent::Stopped));
    let body: serde_json::Value = serde_json::from_str(&notices[0].body).unwrap();
    assert_eq!(body["scheduler"], serde_json::json!({ "actor": "lin", "why": "no role" }));
    assert_eq!(body["text"], "The scheduler, which acts as `lin`, delivers nothing: no role.");
    // The keys of days that are over are gone.
    let mut keys = 0;
    let count = &mut |_: &[u8], _: &[u8]| {
        keys += 1;
        Ok(true)
    };
    crate::engine::store::Records::scan_bytes(&store.read().unwrap(), Table::NoticeKeys, b"one", count)
        .unwrap();
    assert_eq!(keys, 1);
}
