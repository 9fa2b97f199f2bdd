//! Benchmarks of single steps, on one thread: what a line costs on its way in and out.
//!
//! ```text
//! cargo bench -p billkeep-tests --bench steps
//! ```
//!
//! Bill lines are generated; bytes are those of the CSV. Whole programs beside their peers: run.py.

use std::path::PathBuf;
use std::sync::OnceLock;

use billkeep_core::bills::{
    BillError, BillField, BillKey, BillView, Import, ImportRequest, ImportSettings, LineFilter, Owners,
};
use billkeep_core::deliveries::Setup;
use billkeep_core::engine::{Actor, Store};
use billkeep_core::exports::{ExportForm, Plan, RenderSettings, Scope, WantedExport};
use billkeep_core::formats::BillKind;
use billkeep_core::values::{Amount, Basis, BillMonth, Coverage, LineHasher, TimeZone, Uin};
use billkeep_fixtures::{CsvText, Format, Generator, Headers, Spec};
use divan::Bencher;
use divan::counter::{BytesCount, ItemsCount};

const LINES: usize = 60_000;
const PAYER: &str = "100010445724";

fn main() {
    divan::main();
}

/// A generated month as CSV, and a store that holds it; made once.
struct Month {
    folder: tempfile::TempDir,
    text: Vec<u8>,
    store: Store,
    key: BillKey,
}

fn payer() -> Uin {
    PAYER.parse().unwrap()
}

fn zone() -> TimeZone {
    "+08:00".parse().unwrap()
}

impl Month {
    fn get() -> &'static Month {
        static MONTH: OnceLock<Month> = OnceLock::new();
        MONTH.get_or_init(|| {
            let spec = Spec { lines: LINES, customers: 200, ..Spec::new(7, payer().number(), 2021, 3) };
            let format = Format { headers: Headers::English, bom: false, crlf: false };
            let mut text = CsvText::new(&spec, &format);
            Generator::new(spec.clone()).for_each(|line| text.push(&line));
            let text = text.take();
            let folder = tempfile::tempdir().unwrap();
            std::fs::write(file(&folder), &text).unwrap();
            let store = new_store(&folder, "kept.redb");
            import(&store, &folder);
            let month = BillMonth::new(2021, 3).unwrap();
            Month { folder, text, store, key: BillKey { payer: payer(), month, basis: Basis::Used } }
        })
    }

    fn bytes(&self) -> BytesCount {
        BytesCount::new(self.text.len())
    }
}

fn file(folder: &tempfile::TempDir) -> PathBuf {
    folder.path().join(format!("{PAYER}-202103-by_used_time-bill_details.csv"))
}

fn new_store(folder: &tempfile::TempDir, name: &str) -> Store {
    let path = folder.path().join(name);
    // It is there only if the step was repeated.
    let _ = std::fs::remove_file(&path);
    let actor = Actor { name: "bench".into(), at_unix_s: 0 };
    Store::create(&path, &Setup::new(payer(), zone()), &actor).unwrap()
}

fn import(store: &Store, folder: &tempfile::TempDir) {
    let actor = Actor { name: "bench".into(), at_unix_s: 0 };
    let settings = ImportSettings { threads: 1, ..ImportSettings::default() };
    let request = ImportRequest::default();
    store
        .import(
            &file(folder),
            &Import { request: request.clone(), settings: settings.clone(), ..Import::by(&actor) },
        )
        .unwrap();
}

fn cells(text: &[u8]) -> Vec<Vec<Vec<u8>>> {
    let mut reader = csv::Reader::from_reader(text);
    reader.byte_records().map(|r| r.unwrap().iter().map(<[u8]>::to_vec).collect()).collect()
}

/// The text of a file → segments in the store, durably: cells, checks, sorting, blocks, sums, digests, commit.
#[divan::bench(sample_count = 10, sample_size = 1)]
fn import_of_a_file(bencher: Bencher<'_, '_>) {
    let month = Month::get();
    bencher
        .counter(month.bytes())
        .counter(ItemsCount::new(LINES))
        .with_inputs(|| new_store(&month.folder, "new.redb"))
        .bench_local_values(|store| import(&store, &month.folder));
}

/// Decimal texts → amounts.
#[divan::bench]
fn amounts_from_cells(bencher: Bencher<'_, '_>) {
    let texts: Vec<String> =
        (0..10_000_u64).map(|i| format!("{}.{:08}", i % 977, i * 7_919 % 100_000_000)).collect();
    bencher.counter(ItemsCount::new(texts.len())).bench_local(|| {
        let parsed = texts.iter().filter(|t| matches!(Amount::parse_cell(t.as_bytes()), Ok(Some(_))));
        parsed.count()
    });
}

/// Cells → the hash of their line.
#[divan::bench(sample_count = 20)]
fn hashes_of_lines(bencher: Bencher<'_, '_>) {
    let month = Month::get();
    let lines = cells(&month.text);
    let mut hasher = LineHasher::new(&[7; 32]);
    bencher.counter(month.bytes()).counter(ItemsCount::new(LINES)).bench_local(|| {
        lines.iter().fold(0_u8, |all, line| all ^ hasher.hash(line.iter().map(Vec::as_slice))[0])
    });
}

/// Blocks → the cells of every column.
#[divan::bench(sample_count = 20)]
fn cells_from_blocks(bencher: Bencher<'_, '_>) {
    let month = Month::get();
    let reader = month.store.read().unwrap();
    let view = BillView::open(&reader, month.key, None).unwrap();
    let filter = LineFilter { first_day: 0, last_day: 31, owners: Owners::all(), blocks: None };
    bencher.counter(month.bytes()).counter(ItemsCount::new(LINES)).bench_local(|| {
        let (mut text, mut bytes) = (Vec::new(), 0);
        view.walk::<BillError>(&reader, &filter, &mut |slice| {
            for column in 0..slice.block.schema().headers().len() {
                let data = slice.block.column(column)?;
                for row in slice.rows.clone() {
                    bytes += data.cell(row, &mut text).len();
                }
            }
            Ok(())
        })
        .unwrap();
        bytes
    });
}

/// Stored roll-ups → sums by account, product and day.
#[divan::bench(sample_count = 50)]
fn sums_from_rollups(bencher: Bencher<'_, '_>) {
    grouped(bencher, "owner,product,day");
}

/// Blocks → sums by region and project.
#[divan::bench(sample_count = 50)]
fn sums_from_blocks(bencher: Bencher<'_, '_>) {
    grouped(bencher, "region,project");
}

fn grouped(bencher: Bencher<'_, '_>, by: &str) {
    let month = Month::get();
    let reader = month.store.read().unwrap();
    let view = BillView::open(&reader, month.key, None).unwrap();
    let fields: Vec<BillField> = by.split(',').map(|f| f.parse().unwrap()).collect();
    bencher
        .counter(ItemsCount::new(LINES))
        .bench_local(|| view.show(&reader, &fields, 1).unwrap().rows().count());
}

/// Blocks → CSV text → deflated chunks → a zip, without the chunk cache.
#[divan::bench(sample_count = 5, sample_size = 1)]
fn export_of_a_month(bencher: Bencher<'_, '_>) {
    let month = Month::get();
    let reader = month.store.read().unwrap();
    let view = BillView::open(&reader, month.key, None).unwrap();
    let wanted = WantedExport {
        uin: payer(),
        kind: BillKind::Monthly,
        bill: month.key,
        coverage: Coverage::month(month.key.month),
        scope: Scope::Payer,
        rows_per_file: 1_048_575,
        form: ExportForm::default(),
    };
    let plan = Plan::new(&reader, &view, wanted, &zone().into()).unwrap();
    let settings = RenderSettings { threads: 1, cache: None };
    bencher
        .counter(month.bytes())
        .counter(ItemsCount::new(LINES))
        .bench_local(|| view.render(&reader, &plan, &settings, std::io::sink()).unwrap().bytes);
}
