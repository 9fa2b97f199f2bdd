use super::entry::EntryV2;
use super::*;
use crate::engine::store::{OpenOptions, Store};

fn new_store(folder: &tempfile::TempDir) -> Store {
    Store::create_with(&folder.path().join("a"), &OpenOptions::default(), |_| Ok(())).unwrap()
}

fn ann(at_unix_s: i64) -> Actor {
    Actor { name: "ann".into(), at_unix_s }
}

/// Writes an entry as the first programs did.
fn append_first_layout(writer: &Transaction, detail: &str) {
    append_former(writer, 1, EntryChange { detail, ..EntryChange::new("import", "2021-03", "") });
}

/// Writes an entry in a layout of before.
fn append_former(writer: &Transaction, layout: u8, change: EntryChange<'_>) {
    let number = writer.next_id(SERIES).unwrap();
    let previous = if number == 1 { [0; 32] } else { get(writer, number - 1).unwrap().hash };
    let (actor, at_unix_s) = if layout == 1 { ("lin", 1_617_638_400_i64) } else { ("ann", 1_617_700_000) };
    let mut entry = JournalEntry {
        layout,
        number,
        at_unix_s,
        actor: actor.into(),
        action: change.action.into(),
        subject: change.subject.into(),
        detail: change.detail.into(),
        before: change.before,
        after: change.after,
        reason: change.reason.map(str::to_owned),
        state: Vec::new(),
        previous,
        hash: [0; 32],
    };
    entry.hash = entry.expected_hash();
    let e = &entry;
    let first = (e.number, e.at_unix_s, &e.actor, &e.action, &e.subject, &e.detail);
    match layout {
        1 => writer.put(Table::Journal, &number.to_be_bytes(), &(first, e.previous, e.hash)),
        _ => {
            let second = (e.before, e.after, &e.reason, e.previous, e.hash);
            writer.put_as(2, Table::Journal, &number.to_be_bytes(), &(first, second))
        }
    }
    .unwrap();
}

/// A writer with two entries of the first layout, one of the second, and two of today's: with some fields, with none.
fn five(store: &Store) -> Transaction {
    let writer = store.write().unwrap();
    append_first_layout(&writer, "450 lines");
    append_first_layout(&writer, "");
    let all = EntryChange {
        before: Some([1; 32]),
        after: Some([2; 32]),
        reason: Some("the channel manager corrected it"),
        ..EntryChange::new("reopen", "2021-03", "revision 2")
    };
    append_former(&writer, 2, all);
    let some =
        EntryChange { after: Some([3; 32]), ..EntryChange::new("storage enable", "100010445724", "daily") };
    append_change(&writer, &ann(1_617_800_000), some).unwrap();
    append(&writer, &ann(1_617_900_000), "confirm", "2021-03 by pay time", "").unwrap();
    let mut last = get(&writer, 5).unwrap();
    last.state = vec![
        PartState { part: "bills".into(), gap: false, digest: [4; 32] },
        PartState { part: "steps".into(), gap: true, digest: [5; 32] },
    ];
    super::put(&writer, &mut last).unwrap();
    writer
}

/// Puts an entry in the layout that it says it has, with the hash that it says.
fn put_entry(writer: &Transaction, entry: &JournalEntry) {
    let second = EntryV2::of(entry);
    match entry.layout {
        2 => writer.put_as(2, Table::Journal, &entry.number.to_be_bytes(), &second).unwrap(),
        _ => writer.put_as(3, Table::Journal, &entry.number.to_be_bytes(), entry).unwrap(),
    }
}

fn bytes_of(writer: &Transaction, number: u64) -> Vec<u8> {
    writer.get_bytes(Table::Journal, &number.to_be_bytes()).unwrap().unwrap()
}

fn put(writer: &Transaction, number: u64, bytes: Vec<u8>) {
    writer.put_encoded(Table::Journal, &number.to_be_bytes(), Ok(bytes)).unwrap();
}

/// What `verify` says of a journal that is not what was written.
#[track_caller]
fn broken(writer: &Transaction, words: &[&str]) {
    let text = Proof::verify(writer).unwrap_err().to_string();
    for word in words {
        assert!(text.contains(word), "`{word}` is not in: {text}");
    }
}

#[test]
fn entries_of_all_layouts_make_one_chain_and_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let store = new_store(&folder);
    let writer = five(&store);
    let entries = JournalEntry::list(&writer).unwrap();
    assert_eq!(Proof::verify(&writer).unwrap(), Proof { entries: 5, last: entries[4].hash });
    assert_eq!(entries.iter().map(|e| e.layout).collect::<Vec<_>>(), [1, 1, 2, 3, 3]);
    assert_eq!((entries[2].before, entries[2].after), (Some([1; 32]), Some([2; 32])));
    assert_eq!(entries[2].reason.as_deref(), Some("the channel manager corrected it"));
    assert_eq!((entries[4].before, entries[4].after, &entries[4].reason), (None, None, &None));
    assert_eq!(JournalEntry::number_of(&writer, &entries[3].hash).unwrap(), Some(4));
    assert_eq!(JournalEntry::number_of(&writer, &[7; 32]).unwrap(), None);
    assert_eq!(record_digest(&writer, Table::Journal, b"?").unwrap(), None);
    let empty = tempfile::tempdir().unwrap();
    let store = new_store(&empty);
    assert_eq!(Proof::verify(&store.read().unwrap()).unwrap(), Proof { entries: 0, last: [0; 32] });
}

#[test]
fn every_bit_of_every_entry_that_is_flipped_is_found_with_its_number() {
    let folder = tempfile::tempdir().unwrap();
    let store = new_store(&folder);
    let writer = five(&store);
    for number in 1..=5 {
        let sound = bytes_of(&writer, number);
        for (at, bit) in (0..sound.len()).flat_map(|at| (0..8).map(move |bit| (at, bit))) {
            let mut bytes = sound.clone();
            bytes[at] ^= 1 << bit;
            put(&writer, number, bytes);
            let error = Proof::verify(&writer).map_err(|e| e.to_string());
            let named = error.as_ref().is_err_and(|e| e.contains(&format!("entry {number} of the journal")));
            assert!(named, "bit {bit} of byte {at} of entry {number}: {error:?}");
        }
        for cut in 0..sound.len() {
            put(&writer, number, sound[..cut].to_vec());
            broken(&writer, &[&format!("entry {number} "), "cannot be read"]);
        }
        put(&writer, number, [sound.as_slice(), &[0]].concat());
        broken(&writer, &[&format!("entry {number} "), "1 bytes too many"]);
        put(&writer, number, sound);
    }
    assert_eq!(Proof::verify(&writer).unwrap().entries, 5);
}

#[test]
fn an_entry_that_is_missing_is_found_wherever_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let store = new_store(&folder);
    let writer = five(&store);
    let without = |number: u64, words: &[&str]| {
        let bytes = bytes_of(&writer, number);
        writer.delete(Table::Journal, &number.to_be_bytes()).unwrap();
        broken(&writer, words);
        put(&writer, number, bytes);
        Proof::verify(&writer).unwrap();
    };
    without(1, &["entry 1 of the journal", "it is not there, and the next one that is has number 2"]);
    without(3, &["entry 3 of the journal", "it is not there, and the next one that is has number 4"]);
    without(5, &["entry 5 of the journal", "neither is any after it, though 5 were written"]);
    for number in 1..=5 {
        writer.delete(Table::Journal, &u64::to_be_bytes(number)).unwrap();
    }
    broken(&writer, &["entry 1 of the journal", "though 5 were written"]);
    // Nothing is chained to an end that is not the one that was written last.
    let error = append(&writer, &ann(0), "confirm", "2021-03", "").unwrap_err();
    assert!(error.to_string().contains("entry 5 of the journal is missing"), "{error}");
}

#[test]
fn entries_that_changed_places_or_numbers_are_found() {
    let folder = tempfile::tempdir().unwrap();
    let store = new_store(&folder);
    let writer = five(&store);
    let all: Vec<Vec<u8>> = (1..=5).map(|number| bytes_of(&writer, number)).collect();
    for (one, other) in [(1, 2), (2, 3), (1, 5), (4, 5)] {
        put(&writer, one, all[other as usize - 1].clone());
        put(&writer, other, all[one as usize - 1].clone());
        broken(&writer, &[&format!("entry {one} "), &format!("says that it is entry {other}")]);
        put(&writer, one, all[one as usize - 1].clone());
        put(&writer, other, all[other as usize - 1].clone());
    }
    // A key of another length, and entries after the last one that was written.
    writer.put_encoded(Table::Journal, &[0; 9], Ok(all[0].clone())).unwrap();
    broken(&writer, &["entry 1 ", "its key has 9 bytes"]);
    writer.delete(Table::Journal, &[0; 9]).unwrap();
    writer.put(Table::Meta, b"next/journal", &3_u64).unwrap();
    broken(&writer, &["entry 4 ", "though only 3 were written"]);
    let error = append(&writer, &ann(0), "confirm", "2021-03", "").unwrap_err();
    assert!(error.to_string().contains("entry 4 of the journal: it is there"), "{error}");
}

#[test]
fn an_entry_that_was_replaced_with_its_hash_breaks_the_link_of_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let store = new_store(&folder);
    let writer = five(&store);
    let noted = Proof::verify(&writer).unwrap().last;
    let mut forged = get(&writer, 3).unwrap();
    forged.reason = None;
    put_entry(&writer, &forged);
    broken(&writer, &["entry 3 ", "it was altered"]);
    forged.hash = forged.expected_hash();
    put_entry(&writer, &forged);
    broken(&writer, &["entry 4 ", "one of the two was replaced"]);
    // Written anew to the end, the chain is whole, and only a hash that was noted tells.
    for number in 4..=5 {
        let mut next = get(&writer, number).unwrap();
        next.previous = get(&writer, number - 1).unwrap().hash;
        next.hash = next.expected_hash();
        put_entry(&writer, &next);
    }
    assert_ne!(Proof::verify(&writer).unwrap().last, noted);
    assert_eq!(JournalEntry::number_of(&writer, &noted).unwrap(), None);
}

#[test]
fn no_two_entries_have_the_same_bytes_to_be_hashed() {
    let none = JournalEntry {
        layout: 3,
        number: 1,
        at_unix_s: 0,
        actor: String::new(),
        action: String::new(),
        subject: String::new(),
        detail: String::new(),
        before: None,
        after: None,
        reason: None,
        state: Vec::new(),
        previous: [0; 32],
        hash: [0; 32],
    };
    let change = |change: &dyn Fn(&mut JournalEntry)| {
        let mut entry = none.clone();
        change(&mut entry);
        entry.expected_hash()
    };
    let hashes = [
        change(&|_| {}),
        change(&|e| e.layout = 1),
        change(&|e| e.layout = 2),
        change(&|e| e.state = vec![PartState { part: String::new(), gap: false, digest: [0; 32] }]),
        change(&|e| e.state = vec![PartState { part: String::new(), gap: true, digest: [0; 32] }]),
        change(&|e| e.state = vec![PartState { part: "a".into(), gap: false, digest: [0; 32] }]),
        change(&|e| e.number = 2),
        change(&|e| e.at_unix_s = 1),
        change(&|e| e.actor = "a".into()),
        change(&|e| e.action = "a".into()),
        change(&|e| e.subject = "a".into()),
        change(&|e| e.detail = "a".into()),
        change(&|e| e.before = Some([0; 32])),
        change(&|e| e.after = Some([0; 32])),
        change(&|e| e.reason = Some(String::new())),
        change(&|e| e.reason = Some("a".into())),
        change(&|e| e.previous = [1; 32]),
    ];
    let distinct: std::collections::HashSet<_> = hashes.iter().collect();
    assert_eq!(distinct.len(), hashes.len());
}

#[test]
fn what_is_asked_for_is_found_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let store = new_store(&folder);
    let writer = five(&store);
    let numbers = |filter: EntryFilter| -> Vec<u64> {
        JournalEntry::select(&writer, &filter).unwrap().iter().map(|e| e.number).collect()
    };
    let text = |text: &str| Some(text.to_owned());
    let all = EntryFilter::default;
    assert_eq!(numbers(all()), [1, 2, 3, 4, 5]);
    assert_eq!(numbers(EntryFilter { actor: text("lin"), ..all() }), [1, 2]);
    assert_eq!(numbers(EntryFilter { actor: text("li"), ..all() }), [0; 0]);
    assert_eq!(numbers(EntryFilter { action: text("storage"), ..all() }), [4]);
    assert_eq!(numbers(EntryFilter { action: text("storage enable"), ..all() }), [4]);
    assert_eq!(numbers(EntryFilter { action: text("stor"), ..all() }), [0; 0]);
    assert_eq!(numbers(EntryFilter { subject: text("2021-03"), ..all() }), [1, 2, 3, 5]);
    assert_eq!(numbers(EntryFilter { subject: text("2021-03 by"), ..all() }), [5]);
    assert_eq!(numbers(EntryFilter { since_unix_s: Some(1_617_700_000), ..all() }), [3, 4, 5]);
    assert_eq!(numbers(EntryFilter { until_unix_s: Some(1_617_700_000), ..all() }), [1, 2]);
    assert_eq!(numbers(EntryFilter { newest: Some(2), ..all() }), [4, 5]);
    assert_eq!(numbers(EntryFilter { newest: Some(0), ..all() }), [0; 0]);
    assert_eq!(numbers(EntryFilter { actor: text("lin"), newest: Some(1), ..all() }), [2]);
}

/// An entry of each layout, as docs/FORMAT.md says that they are; made by another program.
const FIRST: &str = "01010000000000000000346b600000000003000000000000006c696e0600000000000000696d706f7274070000000000\
     0000323032312d30330900000000000000343530206c696e657300000000000000000000000000000000000000000000\
     00000000000000000000cbde3e35d1159c5f76ae023d136bb3e3aa12c2ee01b05fc5cb918e3f2f6087ec";
const SECOND: &str = "020200000000000000a0246c60000000000300000000000000616e6e060000000000000072656f70656e070000000000\
     0000323032312d30330a000000000000007265766973696f6e2032010101010101010101010101010101010101010101\
     01010101010101010101010100010c00000000000000612077726f6e672072617465cbde3e35d1159c5f76ae023d136b\
     b3e3aa12c2ee01b05fc5cb918e3f2f6087ec3f5af18c01d823785999b9c883eff775a635b685be7cd59bfb21400583eb\
     0e43";

const THIRD: &str = "030300000000000000a0246c60000000000300000000000000616e6e060000000000000072656f70656e0700000000\
     000000323032312d30330a000000000000007265766973696f6e203201010101010101010101010101010101010101\
     010101010101010101010101010100010c00000000000000612077726f6e6720726174650100000000000000050000\
     000000000062696c6c730104040404040404040404040404040404040404040404040404040404040404043f5af18c\
     01d823785999b9c883eff775a635b685be7cd59bfb21400583eb0e439f652b453c625c8823929e1e1cf43cc36cb63b\
     ee40bdaa8dcdbce0ffc0d53874";

#[test]
fn all_layouts_are_the_documented_ones() {
    let bytes = |text: &str| -> Vec<u8> {
        (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
    };
    let folder = tempfile::tempdir().unwrap();
    let store = new_store(&folder);
    let writer = store.write().unwrap();
    append_first_layout(&writer, "450 lines");
    let reopen = EntryChange {
        before: Some([1; 32]),
        reason: Some("a wrong rate"),
        ..EntryChange::new("reopen", "2021-03", "revision 2")
    };
    append_former(&writer, 2, reopen);
    append_change(&writer, &ann(1_617_700_000), reopen).unwrap();
    let mut third = get(&writer, 3).unwrap();
    third.state = vec![PartState { part: "bills".into(), gap: true, digest: [4; 32] }];
    super::put(&writer, &mut third).unwrap();
    assert_eq!((bytes_of(&writer, 1), bytes_of(&writer, 2)), (bytes(FIRST), bytes(SECOND)));
    assert_eq!(bytes_of(&writer, 3), bytes(THIRD));
}

#[test]
fn an_entry_records_what_its_commit_changes_and_names_what_no_entry_recorded_before() {
    let folder = tempfile::tempdir().unwrap();
    let store = new_store(&folder);
    let commit = |action: Option<&str>, table: Table, value: u64| {
        let writer = store.write().unwrap();
        writer.put(table, b"a", &value).unwrap();
        if let Some(action) = action {
            append(&writer, &ann(1), action, "a", "").unwrap();
            writer.put(table, b"b", &value).unwrap();
        }
        writer.commit().unwrap();
    };
    let parts = |number: u64| -> Vec<(String, bool)> {
        let entry = get(&store.read().unwrap(), number).unwrap();
        entry.state.into_iter().map(|state| (state.part, state.gap)).collect()
    };
    commit(Some("one"), Table::Terms, 1);
    commit(None, Table::Deliveries, 1);
    commit(Some("two"), Table::Terms, 2);
    let sound = |gap| [("terms".to_owned(), gap), ("steps".to_owned(), false)];
    assert_eq!((parts(1), parts(2)), (sound(false).to_vec(), sound(false).to_vec()));
    commit(None, Table::Terms, 3);
    commit(Some("three"), Table::Terms, 4);
    assert_eq!(parts(3), sound(true));
    assert_eq!(Proof::verify(&store.read().unwrap()).unwrap().entries, 3);
    let writer = store.write().unwrap();
    let before = JournalHead::last(&writer).unwrap();
    append(&writer, &ann(1), "four", "a", "").unwrap();
    assert_eq!(JournalHead::last(&writer).unwrap(), before);
    writer.commit().unwrap();
    assert_eq!(JournalHead::last(&store.read().unwrap()).unwrap().map(|head| head.entry), Some(4));
}
