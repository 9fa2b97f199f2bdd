//! The tree over time: places, ranks, files, and what is not in it.

use super::*;
use crate::engine::journal::JournalEntry;
use crate::engine::settings::StoreSettings;
use crate::engine::store::{OpenOptions, Store};
use crate::formats::text::Detection;
use crate::values::period::TimeZone;

const PAYER: &str = "100010445724";
const RESELLER: &str = "200000000001";
const CUSTOMER: &str = "300000000001";
const OTHER: &str = "300000000002";

fn uin(text: &str) -> Uin {
    text.parse().unwrap()
}

fn day(text: &str) -> Day {
    text.parse().unwrap()
}

fn actor() -> Actor {
    Actor { name: "lin".into(), at_unix_s: 1 }
}

fn store() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let settings = StoreSettings {
        payer: uin(PAYER),
        calendar: "seed-2021".into(),
        zone: "+08:00".parse::<TimeZone>().unwrap(),
    };
    let store = Store::create_with(&folder.path().join("a"), &OpenOptions::default(), |writer| {
        writer.put(Table::Meta, StoreSettings::KEY, &settings)
    })
    .unwrap();
    (folder, store)
}

fn say(
    store: &Store,
    id: &str,
    role: AccountRole,
    parent: &str,
    from: Option<&str>,
) -> Result<bool, AccountError> {
    let known = AccountDetails { name: format!("name of {id}"), role, parent: Some(uin(parent)) };
    store.transact(|tx| tx.set_account(uin(id), known, from.map(day), Some("because"), &actor()))
}

fn below(store: &Store, id: &str, on: &str) -> Vec<String> {
    let tree = Tree::load(&store.read().unwrap()).unwrap();
    tree.below(uin(id), day(on)).iter().map(ToString::to_string).collect()
}

#[test]
fn an_account_that_moves_stands_where_it_stood_on_each_day() {
    let (_folder, store) = store();
    assert!(Tree::load(&store.read().unwrap()).unwrap().is_empty());
    assert!(say(&store, RESELLER, AccountRole::Reseller, PAYER, None).unwrap());
    assert!(say(&store, CUSTOMER, AccountRole::Customer, PAYER, None).unwrap());
    assert!(say(&store, CUSTOMER, AccountRole::Customer, RESELLER, Some("2021-03-15")).unwrap());
    assert!(!say(&store, CUSTOMER, AccountRole::Customer, RESELLER, Some("2021-03-15")).unwrap());
    assert_eq!(below(&store, RESELLER, "2021-03-14"), [RESELLER]);
    assert_eq!(below(&store, RESELLER, "2021-03-15"), [RESELLER, CUSTOMER]);
    let tree = Tree::load(&store.read().unwrap()).unwrap();
    let nodes: Vec<_> = tree.nodes(day("2021-03-15")).iter().map(|n| (n.uin.to_string(), n.depth)).collect();
    assert_eq!(nodes, [(PAYER.into(), 0), (RESELLER.into(), 1), (CUSTOMER.into(), 2)]);
    assert_eq!(tree.turns().into_iter().collect::<Vec<_>>(), [day("2021-03-15")]);
    store.transact(|tx| tx.end_account(uin(CUSTOMER), day("2021-04-01"), None, &actor())).unwrap();
    assert_eq!(below(&store, RESELLER, "2021-03-31"), [RESELLER, CUSTOMER]);
    assert_eq!(below(&store, RESELLER, "2021-04-01"), [RESELLER]);
    assert!(matches!(
        store.transact(|tx| tx.end_account(uin(CUSTOMER), day("2021-04-02"), None, &actor())),
        Err(AccountError::Unknown(_))
    ));
    let entries = JournalEntry::list(&store.read().unwrap()).unwrap();
    assert_eq!(entries.iter().filter(|e| e.action == "account set").count(), 3);
}

#[test]
fn places_that_cannot_be_are_refused() {
    let (_folder, store) = store();
    assert!(matches!(
        say(&store, CUSTOMER, AccountRole::Customer, RESELLER, None),
        Err(AccountError::NoParent { .. })
    ));
    assert!(matches!(say(&store, PAYER, AccountRole::Customer, RESELLER, None), Err(AccountError::Payer(_))));
    assert!(matches!(
        say(&store, CUSTOMER, AccountRole::Payer, PAYER, None),
        Err(AccountError::NotThePayer { .. })
    ));
    say(&store, RESELLER, AccountRole::Reseller, PAYER, Some("2021-03-01")).unwrap();
    // Below an account that is not there yet, and below one of the same rank.
    assert!(matches!(
        say(&store, CUSTOMER, AccountRole::Customer, RESELLER, Some("2021-02-01")),
        Err(AccountError::NoParent { .. })
    ));
    say(&store, CUSTOMER, AccountRole::Customer, RESELLER, Some("2021-03-01")).unwrap();
    assert!(matches!(
        say(&store, OTHER, AccountRole::Customer, CUSTOMER, Some("2021-03-01")),
        Err(AccountError::Rank { .. })
    ));
    // Whoever has others below cannot go, or become less than they are.
    assert!(matches!(
        store.transact(|tx| tx.end_account(uin(RESELLER), day("2021-04-01"), None, &actor())),
        Err(AccountError::NoParent { .. })
    ));
    assert!(matches!(
        say(&store, RESELLER, AccountRole::Customer, PAYER, Some("2021-04-01")),
        Err(AccountError::Rank { .. })
    ));
    let known = AccountDetails { name: "a\nb".into(), role: AccountRole::Customer, parent: Some(uin(PAYER)) };
    let set = store.transact(|tx| tx.set_account(uin(OTHER), known, None, None, &actor()));
    assert!(matches!(set, Err(AccountError::Name(_))));
}

fn take(store: &Store, text: &str, dry_run: bool) -> Result<Imported, AccountError> {
    store.transact(|tx| tx.import_accounts(text.as_bytes(), Detection::Beginning, dry_run, &actor()))
}

#[test]
fn a_file_is_taken_whole_in_any_order_and_once() {
    let (_folder, store) = store();
    let file = format!(
        "\u{feff}UIN,Name,Role,Parent,From\r\n{CUSTOMER},\"Lin, Ltd\",,{RESELLER},\r\n{RESELLER},Wang,reseller,,\r\n"
    );
    assert_eq!(take(&store, &file, true).unwrap(), Imported { changed: 2, ..Imported::default() });
    assert!(Tree::load(&store.read().unwrap()).unwrap().is_empty());
    assert_eq!(take(&store, &file, false).unwrap(), Imported { changed: 2, ..Imported::default() });
    assert_eq!(take(&store, &file, false).unwrap(), Imported { unchanged: 2, ..Imported::default() });
    assert_eq!(below(&store, RESELLER, "2021-03-01"), [RESELLER, CUSTOMER]);
}

#[test]
fn a_file_with_faults_changes_nothing_and_all_of_them_are_told() {
    let (_folder, store) = store();
    let file = format!(
        "uin,name,role,from\n{CUSTOMER},Lin,,\n12,x,,\n{OTHER},,,\n{OTHER},y,boss,\n{OTHER},y,,March\n"
    );
    let error = take(&store, &file, false).unwrap_err();
    let text = error.to_string();
    for part in ["line 3: `12`", "line 4: ", "no name", "line 5: `boss`", "line 6: ", "March"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(Tree::load(&store.read().unwrap()).unwrap().is_empty());
    for (file, part) in [
        ("", "uin"),
        ("uin,name\n", "no rows"),
        ("uin,name,colour\n", "colour"),
        ("uin,uin,name\n", "twice"),
        ("uin,name\n123456789,a,b\n", "line 2"),
    ] {
        let text = take(&store, file, false).unwrap_err().to_string();
        assert!(text.contains(part), "{file:?}: {text}");
    }
}
