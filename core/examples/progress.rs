//! Progress and cancellation of an import. A cancelled import changes nothing.

#![expect(clippy::print_stdout, reason = "an example shows what it did")]

use std::error::Error;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use billkeep_core::bills::{Bill, Import, ImportError, ImportProgress};

use billkeep_core::deliveries::Setup;
use billkeep_core::engine::{Actor, Store};

/// Prints how far the import is, and cancels it when asked.
struct Shown {
    cancel: AtomicBool,
}

impl ImportProgress for Shown {
    fn read(&self, done: u64, total: u64) {
        println!("{done} of {total} bytes");
    }

    fn stopped(&self) -> bool {
        self.cancel.load(Ordering::Relaxed)
    }
}

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let actor = Actor { name: "ann".into(), at_unix_s: 1_617_235_200 };
    let setup = Setup::new("100010445724".parse()?, "+08:00".parse()?);
    let store = Store::create(&folder.path().join("bills.redb"), &setup, &actor)?;
    let name = "100010445724-202103-by_used_time-bill_details.csv";
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/bills/english").join(name);
    let progress = Shown { cancel: AtomicBool::new(true) };
    let how = Import { progress: &progress, ..Import::by(&actor) };
    let cancelled = store.import(&file, &how);
    assert!(matches!(cancelled, Err(ImportError::Cancelled { .. })));
    assert!(Bill::list(&store.read()?)?.is_empty());
    progress.cancel.store(false, Ordering::Relaxed);
    store.import(&file, &how)?;
    assert_eq!(Bill::list(&store.read()?)?.len(), 1);
    Ok(())
}
