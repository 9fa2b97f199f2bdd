//! Several changes in one commit: all of them are there, or none is.

use std::error::Error;
use std::fs;

use billkeep_core::audit;

use crate::support::{PAYER, bill_file};
use billkeep_core::bills::{Bill, BillKey, BillState, Import};

use billkeep_core::audit::StoreCheck;
use billkeep_core::deliveries::Setup;
use billkeep_core::engine::{Actor, JournalEntry, Store};
use billkeep_core::partners::{PeopleError, Person, PersonRole};
use billkeep_core::values::Basis;

#[test]
fn a_bill_is_confirmed_and_a_person_added_in_one_commit_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.redb");
    let setup = Setup::new(PAYER.parse().unwrap(), "+08:00".parse().unwrap());
    let actor = Actor { name: "ann".into(), at_unix_s: 1_617_235_200 };
    let store = Store::create(&path, &setup, &actor).unwrap();
    let report = store.import(&bill_file("english"), &Import::by(&actor)).unwrap();
    let key = BillKey { payer: setup.payer, month: "2021-03".parse().unwrap(), basis: Basis::Used };
    let digest = report.bill_digest.hex();
    let both = |name: &str| {
        store.transact(|tx| {
            tx.confirm_bill(key, &digest, Some("with its reviewer"), &actor)?;
            Ok::<_, Box<dyn Error>>(tx.set_person(name, PersonRole::Admin, &actor)?)
        })
    };
    let entries = || JournalEntry::list(&store.read().unwrap()).unwrap();
    let (before, bytes) = (entries().len(), fs::read(&path).unwrap());

    // The second is refused: nothing is written, not even the first.
    assert!(both("no\nname").unwrap_err().is::<PeopleError>());
    assert_eq!((entries().len(), fs::read(&path).unwrap()), (before, bytes));
    assert_ne!(Bill::get(&store.read().unwrap(), key).unwrap().state, BillState::Confirmed);

    both("ann").unwrap();
    let snapshot = store.read().unwrap();
    assert_eq!(Bill::get(&snapshot, key).unwrap().state, BillState::Confirmed);
    assert_eq!(Person::list(&snapshot).unwrap().len(), 1);
    // Two entries in a row; the last one records the sums of both changes.
    let new = entries().split_off(before);
    assert_eq!(new.iter().map(|e| e.action.as_str()).collect::<Vec<_>>(), ["confirm", "user set"]);
    assert_eq!(new[1].number, new[0].number + 1);
    assert!(new[0].state.is_empty());
    let parts: Vec<&str> = new[1].state.iter().map(|s| s.part.as_str()).collect();
    assert!(parts.contains(&"bills") && parts.contains(&"people"), "{parts:?}");
    audit::verify(&snapshot).unwrap();
    StoreCheck::run(&snapshot, 1).unwrap();
}
