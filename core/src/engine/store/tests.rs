use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::format::FORMAT_KEY;
use super::*;

fn options() -> OpenOptions {
    OpenOptions { wait: Duration::from_millis(60), ..OpenOptions::default() }
}

fn new_store(folder: &Path) -> Store {
    Store::create_with(&folder.join("a.redb"), &options(), |_| Ok(())).unwrap()
}

#[test]
fn a_store_of_the_first_format_is_read_and_becomes_one_of_this_when_it_is_written_to() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.redb");
    let store = new_store(folder.path());
    let writer = store.write().unwrap();
    let put = |table: Table, key: &[u8], bytes: &[u8]| {
        writer.open(table).unwrap().insert(key, bytes).unwrap();
    };
    put(Table::Meta, FORMAT_KEY, &[1, 1, 0, 0, 0]);
    put(Table::Bills, b"old", &[1, 7, 0, 0, 0]);
    drop(writer.commit());
    store.close().unwrap();
    let format = |store: &Store| store.read().unwrap().get::<u32>(Table::Meta, FORMAT_KEY).unwrap();

    let store = Store::open(&path, &options(), Access::Write).unwrap();
    drop(store.write().unwrap());
    assert_eq!(
        (format(&store), store.read().unwrap().get::<u32>(Table::Bills, b"old").unwrap()),
        (Some(1), Some(7))
    );
    let writer = store.write().unwrap();
    writer.put(Table::Bills, b"new", &8_u32).unwrap();
    writer.commit().unwrap();
    assert_eq!(format(&store), Some(2));
    let bills = store.read().unwrap().list::<u32>(Table::Bills, b"").unwrap();
    assert_eq!(bills, [(b"new".to_vec(), 8), (b"old".to_vec(), 7)]);
    store.close().unwrap();
    Store::check_pages(&path, &options()).unwrap();
}

#[test]
fn records_and_large_values_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let store = new_store(folder.path());
    let writer = store.write().unwrap();
    writer.put(Table::Bills, b"ab1", &1_u64).unwrap();
    writer.put(Table::Bills, b"ab2", &2_u64).unwrap();
    writer.put(Table::Bills, b"b", &3_u64).unwrap();
    let values: Vec<Vec<u8>> = [0, 1, 4_067, 4_068, 4_069, 70_000, 3_000_000]
        .map(|n| (0..n).map(|i: u32| (i % 251) as u8).collect())
        .to_vec();
    for (id, value) in values.iter().enumerate() {
        writer.put_large(Large::Blocks, id as u64, value).unwrap();
    }
    assert_eq!(writer.last_id("x").unwrap(), 0);
    assert_eq!((writer.next_id("x").unwrap(), writer.next_id("x").unwrap()), (1, 2));
    writer.put_as(2, Table::Loads, b"a", &7_u32).unwrap();
    writer.commit().unwrap();
    store.close().unwrap();

    let store = Store::open(&folder.path().join("a.redb"), &options(), Access::Read).unwrap();
    let reader = store.read().unwrap();
    let found: Vec<(Vec<u8>, u64)> = reader.list(Table::Bills, b"ab").unwrap();
    assert_eq!(found, [(b"ab1".to_vec(), 1), (b"ab2".to_vec(), 2)]);
    for (id, value) in values.iter().enumerate() {
        assert_eq!(&reader.get_large(Large::Blocks, id as u64).unwrap(), value, "{id}");
    }
    assert_eq!(reader.last_id("x").unwrap(), 2);
    assert_eq!(reader.get_bytes(Table::Loads, b"a").unwrap().unwrap(), [2, 7, 0, 0, 0]);
    assert!(matches!(reader.get::<u32>(Table::Loads, b"a"), Err(StoreError::Damaged { .. })));
    assert!(matches!(reader.get_large(Large::Blocks, 99), Err(StoreError::Lost(_))));
}

#[test]
fn an_aborted_write_leaves_nothing_and_a_second_writer_is_told_to_wait() {
    let folder = tempfile::tempdir().unwrap();
    let store = new_store(folder.path());
    let writer = store.write().unwrap();
    writer.put(Table::Bills, b"a", &1_u64).unwrap();
    assert!(matches!(store.write(), Err(StoreError::Busy)));
    // Another handle, as another process would have it: reading goes on, writing waits.
    let other = Store::open(store.path(), &options(), Access::Read).unwrap();
    assert_eq!(other.read().unwrap().get::<u64>(Table::Bills, b"a").unwrap(), None);
    assert!(matches!(Store::open(store.path(), &options(), Access::Write), Err(StoreError::Busy)));
    drop(writer);
    let other = Store::open(store.path(), &options(), Access::Write).unwrap();
    assert_eq!(other.write().unwrap().get::<u64>(Table::Bills, b"a").unwrap(), None);
}

#[test]
fn what_is_no_store_is_said_to_be_none() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x");
    assert!(matches!(Store::open(&path, &options(), Access::Read), Err(StoreError::Missing(_))));
    std::fs::write(&path, b"Payer Account ID,Owner Account ID\n").unwrap();
    let error = Store::open(&path, &options(), Access::Read).err().unwrap();
    assert!(matches!(error, StoreError::NotAStore { .. }), "{error}");
    std::fs::write(&path, b"").unwrap();
    let error = Store::open(&path, &options(), Access::Read).err().unwrap();
    assert!(matches!(error, StoreError::NotAStore { .. }), "{error}");
    // Making a store finds there what opening one does.
    let made = Store::create_with(&path, &options(), |_| Ok(()));
    assert!(matches!(made, Err(StoreError::NotAStore { .. })));
    std::fs::remove_file(&path).unwrap();
    Store::create_with(&path, &options(), |_| Ok(())).unwrap().close().unwrap();
    assert!(matches!(Store::create_with(&path, &options(), |_| Ok(())), Err(StoreError::Exists(_))));
}

#[test]
fn a_table_that_was_made_and_is_gone_is_not_one_that_was_never_made() {
    let folder = tempfile::tempdir().unwrap();
    let store = new_store(folder.path());
    assert_eq!(store.read().unwrap().get::<u32>(Table::Terms, b"a").unwrap(), None);
    let writer = store.write().unwrap();
    writer.put(Table::Terms, b"a", &1_u32).unwrap();
    writer.commit().unwrap();
    let writer = store.write().unwrap();
    for table in [Table::Terms, Table::Bills] {
        writer.txn().unwrap().delete_table(table.definition()).unwrap();
    }
    writer.commit().unwrap();
    let reader = store.read().unwrap();
    for table in [Table::Terms, Table::Bills] {
        assert!(matches!(reader.get::<u32>(table, b"a"), Err(StoreError::Lost(_))));
        assert!(matches!(reader.list::<u32>(table, b""), Err(StoreError::Lost(_))));
    }
    assert_eq!(reader.list::<u32>(Table::Pruned, b"").unwrap(), []);
    let writer = store.write().unwrap();
    for table in [Table::Terms, Table::Bills] {
        assert!(matches!(writer.get::<u32>(table, b"a"), Err(StoreError::Lost(_))));
        assert!(matches!(writer.put(table, b"a", &1_u32), Err(StoreError::Lost(_))));
    }
    writer.put(Table::Pruned, b"a", &1_u32).unwrap();
    writer.commit().unwrap();
}

/// A disk in memory whose writes panic while that is asked for, as a fault of the engine would.
#[derive(Debug, Default)]
struct Panics {
    bytes: std::sync::Mutex<Vec<u8>>,
    armed: AtomicBool,
}

impl Disk for Panics {
    fn bytes(&self) -> std::io::Result<u64> {
        Ok(self.bytes.lock().unwrap().len() as u64)
    }

    fn read(&self, offset: u64, into: &mut [u8]) -> std::io::Result<()> {
        let (bytes, from) = (self.bytes.lock().unwrap(), offset as usize);
        into.copy_from_slice(&bytes[from..from + into.len()]);
        Ok(())
    }

    fn write(&self, offset: u64, from: &[u8]) -> std::io::Result<()> {
        assert!(!self.armed.load(Ordering::Relaxed), "the engine has a fault");
        self.bytes.lock().unwrap()[offset as usize..][..from.len()].copy_from_slice(from);
        Ok(())
    }

    fn set_len(&self, bytes: u64) -> std::io::Result<()> {
        self.bytes.lock().unwrap().resize(bytes as usize, 0);
        Ok(())
    }

    fn sync(&self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_panic_while_writing_is_no_damaged_page_and_nothing_is_written_after_it() {
    let disk = Arc::new(Panics::default());
    let name = Path::new("memory");
    let store = Store::create_on(disk.clone(), name, &options(), |_| Ok(())).unwrap();
    let put = |value: u32| {
        let writer = store.write()?;
        writer.put(Table::Bills, b"key", &value)?;
        writer.commit()
    };
    let held = |store: &Store| store.read().unwrap().get::<u32>(Table::Bills, b"key").unwrap();
    put(1).unwrap();
    disk.armed.store(true, Ordering::Relaxed);
    let error = put(2).unwrap_err();
    assert!(
        matches!(&error, StoreError::BrokenOff(why) if why.contains("the engine has a fault")),
        "{error}"
    );
    assert_eq!(error.kind(), crate::values::error::Kind::Internal);
    disk.armed.store(false, Ordering::Relaxed);
    assert!(matches!(put(3), Err(StoreError::BrokenOff(_))));
    assert!(matches!(store.close(), Err(StoreError::BrokenOff(_))));
    // The disk has what was committed before, and another handle goes on with that.
    let store = Store::open_on(disk, name, &options()).unwrap();
    assert_eq!(held(&store), Some(1));
}

#[test]
fn a_transaction_that_changes_nothing_or_fails_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = new_store(folder.path());
    let bytes = || std::fs::read(folder.path().join("a.redb")).unwrap();
    let before = bytes();
    store.transact(|tx| tx.get::<u64>(Table::Bills, b"a")).unwrap();
    assert_eq!(bytes(), before);
    let failed: Result<(), StoreError> = store.transact(|tx| {
        tx.put(Table::Bills, b"a", &7_u64)?;
        Err(StoreError::Failed)
    });
    assert!(matches!(failed, Err(StoreError::Failed)));
    assert_eq!(store.read().unwrap().get::<u64>(Table::Bills, b"a").unwrap(), None);
    // An error between two steps of one change is not passed over.
    let ignored = store.transact(|tx| {
        let _ = tx.whole(|| {
            tx.put(Table::Bills, b"a", &7_u64)?;
            Err::<(), _>(StoreError::Failed)
        });
        tx.put(Table::Bills, b"b", &8_u64)
    });
    assert!(ignored.is_err());
    store.transact(|tx| tx.put(Table::Bills, b"c", &9_u64)).unwrap();
    let keys: Vec<_> = store.read().unwrap().list::<u64>(Table::Bills, b"").unwrap();
    assert_eq!(keys, [(b"c".to_vec(), 9)]);
}
