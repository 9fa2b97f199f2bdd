use super::*;
use crate::engine::journal::JournalEntry;
use crate::engine::store::{OpenOptions, Store};

fn day(text: &str) -> Day {
    text.parse().unwrap()
}

fn own(name: &str, lag_days: u32) -> Profile {
    Profile { name: name.to_owned().into(), lag_days, ..Profile::SEED_2021 }
}

fn store(folder: &tempfile::TempDir) -> Store {
    let settings = StoreSettings {
        payer: "100010445724".parse().unwrap(),
        calendar: "seed-2021".into(),
        zone: TimeZone::CHINA,
    };
    let path = folder.path().join("a");
    Store::create_with(&path, &OpenOptions::default(), |w| w.put(Table::Meta, StoreSettings::KEY, &settings))
        .unwrap()
}

#[test]
fn each_day_has_the_calendar_that_was_set_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder);
    let actor = Actor { name: "lin".into(), at_unix_s: 1 };
    let follow = |name: &str, from: &str| store.transact(|tx| tx.follow_calendar(name, day(from), &actor));
    let on = |text: &str| Calendars::load(&store.read().unwrap()).unwrap().on(day(text)).name.to_string();
    assert!(matches!(follow("mine", "2021-05-01"), Err(CalendarError::None(_))));
    assert!(store.transact(|tx| tx.add_calendar(&own("mine", 3), &actor)).unwrap());
    assert!(!store.transact(|tx| tx.add_calendar(&own("mine", 3), &actor)).unwrap());
    assert!(matches!(
        store.transact(|tx| tx.add_calendar(&own("mine", 4), &actor)),
        Err(CalendarError::Exists(_))
    ));
    let taken = store.transact(|tx| tx.add_calendar(&own("seed-2021", 4), &actor));
    assert!(matches!(taken, Err(CalendarError::BuiltIn(_))));

    assert!(follow("mine", "2021-05-01").unwrap());
    assert!(!follow("mine", "2021-05-01").unwrap());
    assert!(follow("current-2024", "2021-06-01").unwrap());
    let days = ["2020-01-01", "2021-04-30", "2021-05-01", "2021-05-31", "2021-06-01", "2030-01-01"];
    assert_eq!(days.map(on), ["seed-2021", "seed-2021", "mine", "mine", "current-2024", "current-2024"]);
    // A calendar that days have followed stays, so that a late run for them finds it.
    let gone = store.transact(|tx| tx.remove_calendar("mine", &actor));
    assert!(matches!(gone, Err(CalendarError::InUse { from: Some(_), .. })), "{gone:?}");

    // What is set takes the place of all that was set for later days.
    assert!(follow("seed-2021", "2021-05-15").unwrap());
    assert_eq!(days.map(on), ["seed-2021", "seed-2021", "mine", "seed-2021", "seed-2021", "seed-2021"]);
    assert!(follow("seed-2021", "2021-05-01").unwrap());
    assert_eq!(days.map(on), ["seed-2021"; 6]);
    store.transact(|tx| tx.remove_calendar("mine", &actor)).unwrap();
    assert!(matches!(store.transact(|tx| tx.remove_calendar("mine", &actor)), Err(CalendarError::None(_))));
    let built_in = store.transact(|tx| tx.remove_calendar("seed-2021", &actor));
    assert!(matches!(built_in, Err(CalendarError::BuiltIn(_))));

    let reader = store.read().unwrap();
    assert_eq!(Profile::list(&reader).unwrap(), Profile::BUILT_IN);
    let told: Vec<String> = JournalEntry::list(&reader)
        .unwrap()
        .into_iter()
        .map(|e| format!("{} {}", e.action, if e.action == "settings" { &e.detail } else { &e.subject }))
        .collect();
    assert_eq!(
        told,
        [
            "calendar add mine",
            "settings mine from 2021-05-01 on",
            "settings current-2024 from 2021-06-01 on",
            "settings seed-2021 from 2021-05-15 on",
            "settings seed-2021 from 2021-05-01 on",
            "calendar remove mine",
        ]
    );
}

#[test]
fn a_change_of_the_lag_asks_for_no_bill_twice() {
    let change = vec![(day("2021-04-10"), own("mine", 3))];
    let calendars = Calendars::of(TimeZone::CHINA, Profile::SEED_2021, change);
    let new = |on: &str| -> Vec<String> {
        calendars
            .new_on(day(on))
            .iter()
            .map(|a| format!("{} {}", a.slot.kind, a.slot.coverage.last))
            .collect()
    };
    // On the 9th through the 7th; with a day more behind, the 10th asks for the same.
    assert_eq!(new("2021-04-09"), ["daily 2021-04-07", "reseller 2021-03-31"]);
    assert_eq!(new("2021-04-10"), [""; 0]);
    assert_eq!(new("2021-04-11"), ["daily 2021-04-08"]);
}

#[test]
fn the_clock_is_read_in_the_calendars_zone() {
    let zone: TimeZone = "-03:30".parse().unwrap();
    let abroad = Profile { zone: Some(zone), ..own("abroad", 2) };
    let calendars = Calendars::of(TimeZone::CHINA, Profile::SEED_2021, vec![(day("2021-04-06"), abroad)]);
    let told = |unix_s| {
        let moment = calendars.moment(unix_s).unwrap();
        format!("{} {}", moment.day, moment.time)
    };
    // 2021-04-05 16:00:00 UTC is midnight in +08:00: until then the store's zone counts.
    assert_eq!(told(1_617_638_399), "2021-04-05 23:59");
    assert_eq!(told(1_617_638_400), "2021-04-05 12:30");
}
