//! The life of a month: create a store, import a bill, read its sums, confirm it by its digest, export it.

#![expect(clippy::print_stdout, reason = "an example shows what it did")]

use std::error::Error;
use std::fs::File;
use std::path::Path;

use billkeep_core::bills::{BillKey, BillView, Import};
use billkeep_core::deliveries::Setup;
use billkeep_core::engine::{Actor, Store, Sums};
use billkeep_core::exports::{ExportForm, Plan, RenderSettings, Scope, WantedExport};
use billkeep_core::formats::BillKind;
use billkeep_core::values::{Basis, Coverage};

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let actor = Actor { name: "ann".into(), at_unix_s: 1_617_235_200 };
    let setup = Setup::new("100010445724".parse()?, "+08:00".parse()?);
    let store = Store::create(&folder.path().join("bills.redb"), &setup, &actor)?;
    let name = "100010445724-202103-by_used_time-bill_details.csv";
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/bills/english").join(name);
    let report = store.import(&file, &Import::by(&actor))?;
    println!("{} lines, {}", report.digest.lines(), Sums::totals_text(&report.after));
    let (uin, month) = (setup.payer, "2021-03".parse()?);
    let key = BillKey { payer: uin, month, basis: Basis::Used };
    store.transact(|tx| tx.confirm_bill(key, &report.bill_digest.hex(), None, &actor))?;
    let (snapshot, coverage) = (store.read()?, Coverage::month(month));
    let view = BillView::open(&snapshot, key, None)?;
    let (kind, scope, form) = (BillKind::Monthly, Scope::Payer, ExportForm::default());
    let wanted = WantedExport { uin, kind, bill: key, coverage, scope, rows_per_file: 1_000_000, form };
    let plan = Plan::new(&snapshot, &view, wanted, &setup.zone.into())?;
    let out = File::create(folder.path().join("2021-03.zip"))?;
    let rendered = view.render(&snapshot, &plan, &RenderSettings { threads: 1, cache: None }, out)?;
    println!("exported {} bytes", rendered.bytes);
    Ok(())
}
