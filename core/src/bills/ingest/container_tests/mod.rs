//! Files of every packing and with every line end come in whole, or are refused; nothing is lost or counted twice.

mod archives;
mod encodings;
mod line_ends;
mod pipes;

use std::path::{Path, PathBuf};

use super::{Import, ImportError, ImportReport, ImportRequest, ImportSettings, Outcome};
use crate::bills::{BillKey, BillView};
use crate::engine::block::Sums;
use crate::engine::journal::Actor;
use crate::engine::settings::StoreSettings;
use crate::engine::store::{OpenOptions, Store, Table};

pub(super) const STEM: &str = "100010445724-202103-by_used_time-bill_details";
pub(super) const HEADER: &str =
    "PayerAccountID,OwnerAccountID,ProductName,InstanceID,UsageStartTime,TotalCost,Currency,BillMonth";
/// What three lines of [`bill`] add up to.
pub(super) const THREE: &str = "10.75000000 USD";

/// Returns a bill's line, of an owner and an amount.
pub(super) fn line(owner: u64, id: &str, cost: &str) -> String {
    format!("100010445724,{owner},CVM,{id},2021-03-05 00:00:00,{cost},USD,2021-03")
}

/// Returns a header and three lines, each with this line end.
pub(super) fn bill(end: &str) -> String {
    let lines = [
        HEADER.to_owned(),
        line(200_000_003_412, "a", "1.25"),
        line(200_000_003_412, "b", "4.50"),
        line(200_000_003_413, "c", "5"),
    ];
    lines.map(|line| line + end).concat()
}

/// A store of one payer, and a folder for files.
pub(super) struct House {
    folder: tempfile::TempDir,
    store: Store,
}

impl House {
    pub(super) fn new() -> House {
        let folder = tempfile::tempdir().unwrap();
        let settings = StoreSettings {
            payer: "100010445724".parse().unwrap(),
            calendar: "seed-2021".into(),
            zone: "+08:00".parse().unwrap(),
        };
        let store = Store::create_with(&folder.path().join("store"), &OpenOptions::default(), |writer| {
            writer.put(Table::Meta, StoreSettings::KEY, &settings)
        });
        House { folder, store: store.unwrap() }
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(super) fn put(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }

    pub(super) fn import(&self, path: &Path, request: &ImportRequest) -> Result<ImportReport, ImportError> {
        let settings = ImportSettings { segment_bytes: 300, block_rows: 2, ..ImportSettings::default() };
        let actor = Actor { name: "lin".into(), at_unix_s: 1 };
        self.store.import(
            path,
            &Import { request: request.clone(), settings: settings.clone(), ..Import::by(&actor) },
        )
    }

    pub(super) fn view(&self, bill: BillKey) -> BillView {
        BillView::open(&self.store.read().unwrap(), bill, None).unwrap()
    }
}

/// Imports a file of this name into a new store.
pub(super) fn import_new(name: &str, bytes: &[u8]) -> Result<ImportReport, ImportError> {
    let house = House::new();
    house.import(&house.put(name, bytes), &ImportRequest::default())
}

/// Says what a file became: lines and total.
pub(super) fn taken(name: &str, bytes: &[u8]) -> (u64, String) {
    let report = import_new(name, bytes).unwrap();
    assert!(matches!(report.outcome, Outcome::Imported { .. }), "{:?}", report.outcome);
    (report.digest.lines(), Sums::totals_text(&report.sums))
}
