//! The same lines give the same bytes, however they came; and any program reads them to the last decimal.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use billkeep_fixtures::{Format, Headers, csv, demo};

use crate::support::bucket::{self, Export, listing};
use crate::support::figures::Figures;
use crate::support::{Home, MARCH, PAYER, STEM, bill_file, demo_file, fixture, python};
use billkeep_core::bills::{Import, ImportMode, ImportRequest, ImportSettings};
use billkeep_core::engine::{Access, Actor, OpenOptions, Store};

/// Exports March into a folder, and returns the folder.
fn export(home: &Home, folder: &str, more: &[&str]) -> PathBuf {
    let path = home.path(folder);
    home.ok(["export", MARCH, "-o", path.to_str().unwrap()].iter().chain(more));
    path
}

/// All kinds of exports of March, in one folder each.
fn all_kinds(home: &Home) -> BTreeMap<String, Vec<u8>> {
    let kinds: [&[&str]; 5] = [
        &["--kind", "daily", "--through", "2021-03-17"],
        &["--kind", "daily"],
        &["--kind", "monthly", "--rows-per-file", "40"],
        &["--kind", "reseller"],
        &["--kind", "monthly", "--per", "customer"],
    ];
    let mut zips = BTreeMap::new();
    for (number, kind) in kinds.iter().enumerate() {
        let folder = export(home, &format!("out-{number}"), kind);
        assert!(!bucket::checked(&folder).is_empty());
        zips.extend(bucket::zips(&folder));
    }
    assert!(zips.len() > 5);
    zips
}

/// Asserts that two stores export the same bytes under the same names.
#[track_caller]
fn same(one: &BTreeMap<String, Vec<u8>>, other: &BTreeMap<String, Vec<u8>>, how: &str) {
    let names = |zips: &BTreeMap<String, Vec<u8>>| zips.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(one), names(other), "{how}: names");
    let differ: Vec<&String> =
        one.iter().filter(|(name, bytes)| other[*name] != **bytes).map(|(n, _)| n).collect();
    assert!(differ.is_empty(), "{how}: other bytes in {differ:?}");
}

#[test]
fn the_order_in_which_lines_came_does_not_change_an_export() {
    let english = all_kinds(&Home::with(&[bill_file("english")]));
    same(&english, &all_kinds(&Home::with(&[bill_file("shuffled")])), "shuffled");
}

#[test]
fn the_files_in_which_lines_came_do_not_change_an_export() {
    let march = demo::bill(3);
    let daily = all_kinds(&Home::with(&(1..=31).map(|day| demo_file(3, day)).collect::<Vec<_>>()));
    same(&daily, &all_kinds(&Home::with(&[demo_file(3, 31)])), "the last file alone");

    let format = Format { headers: Headers::English, bom: true, crlf: true };
    let month = Home::new();
    let file = month.write(&format!("{STEM}.csv"), &csv(&march.all(), &march.spec, &format));
    month.import_as(Some("cumulative"), [file]).says(0, &["Imported 450"]);
    same(&daily, &all_kinds(&month), "one monthly file");

    let days = Home::new();
    for day in 1..=31 {
        let mut lines = march.on(day);
        // The precision difference comes with the last day.
        lines.extend(march.lines.iter().filter(|line| day == 31 && line.day.is_none()));
        let name = format!("{PAYER}-202103{day:02}-by_used_time-bill_details.csv");
        let file = days.write(&name, &csv(&lines, &march.spec, &format));
        days.import_as(Some("day"), [file]).says(0, &["Imported"]);
    }
    assert_eq!(days.bill_text("state"), "issued");
    same(&daily, &all_kinds(&days), "31 files of a day each");
}

#[test]
fn threads_and_block_sizes_do_not_change_an_export() {
    let plain = all_kinds(&Home::with(&[bill_file("english")]));
    for threads in ["1", "4"] {
        let home = Home::new();
        home.ok(["--threads", threads, "import", bill_file("english").to_str().unwrap()]);
        same(&plain, &all_kinds(&home), &format!("{threads} threads"));
        let folder =
            export(&home, "again", &["--kind", "monthly", "--rows-per-file", "40", "--threads", threads]);
        let again = bucket::zips(&folder);
        assert!(again.iter().all(|(name, bytes)| plain.get(name) == Some(bytes)), "{threads} threads");
    }
    let home = Home::new();
    let store = Store::open(&home.store(), &OpenOptions::default(), Access::Write).unwrap();
    let settings =
        ImportSettings { segment_bytes: 5_000, block_rows: 3, threads: 3, ..ImportSettings::default() };
    let actor = Actor { name: "ann".to_owned(), at_unix_s: 0 };
    let request = ImportRequest { mode: Some(ImportMode::Monthly), ..ImportRequest::default() };
    let file = bill_file("english");
    store
        .import(&file, &Import { request: request.clone(), settings: settings.clone(), ..Import::by(&actor) })
        .unwrap();
    store.close().unwrap();
    same(&plain, &all_kinds(&home), "many small segments and blocks");
}

#[test]
fn a_run_and_an_export_make_the_same_files() {
    let home = Home::with(&[demo_file(3, 31)]);
    home.sink("bucket", &[]);
    let delivered = home.enable(PAYER, "bucket", "monthly", false);
    home.ok(["run", "--on", "2021-04-03"]);
    let exported = export(&home, "exported", &["--kind", "monthly"]);
    let listing = |folder| bucket::without_entries(bucket::listing(folder));
    assert_eq!(listing(&exported), listing(&delivered));
    let once = bucket::listing(&exported);
    export(&home, "exported", &["--kind", "monthly"]);
    assert_eq!(bucket::listing(&exported), once, "exported twice");
}

#[test]
fn a_long_bill_is_split_into_several_csvs_with_a_header_each() {
    let home = Home::with(&[demo_file(3, 31)]);
    home.sink("bucket", &["rows_per_file=100"]);
    let folder = home.enable(PAYER, "bucket", "monthly", false);
    home.ok(["run", "--on", "2021-04-03"]);
    let [whole] = &bucket::checked(&folder)[..] else { panic!("one export") };
    let rows: Vec<usize> = whole.files.iter().map(|file| file.rows.len()).collect();
    // 450 lines; that every file has the header was checked with the manifest.
    assert_eq!(rows, [100, 100, 100, 100, 50]);
    let march = demo::bill(3);
    assert_eq!(whole.figures(), Figures::of(&march.all(), &march.spec));

    let exact = bucket::checked(&export(&home, "exact", &["--kind", "monthly", "--rows-per-file", "450"]));
    assert_eq!(exact[0].files.len(), 1);
    assert_eq!(exact[0].sheet, whole.sheet);
    assert_ne!(exact[0].name, whole.name);
}

#[test]
fn the_customers_files_add_up_to_the_bill() {
    let home = Home::with(&[bill_file("english")]);
    let expected = Figures::read(&fixture(&format!("bills/english/{STEM}.expected.csv")));
    for (kind, own) in [("monthly", true), ("reseller", false)] {
        let exports = bucket::checked(&export(&home, kind, &["--kind", kind, "--per", "customer"]));
        let mut sum = Figures::default();
        for export in &exports {
            let uin = export.manifest["uin"].as_str().unwrap();
            assert!(export.name.starts_with(&format!("{uin}-")), "{}", export.name);
            for (key, (lines, total)) in export.figures().0 {
                assert_eq!(key.0, uin, "{}: another customer's line", export.name);
                sum.add(key, lines, total);
            }
        }
        assert_eq!(sum, expected.only(|(owner, ..)| own || owner != PAYER), "{kind}");
    }
}

#[test]
fn an_export_that_the_bill_cannot_give_is_refused() {
    let home = Home::with(&[demo_file(3, 30)]);
    let folder = home.path("out");
    let out = folder.to_str().unwrap();
    let export = |more: &[&str]| home.run(["export", MARCH, "-o", out].iter().chain(more));
    export(&["--kind", "daily", "--through", "2021-04-01"]).says(1, &["2021-04-01", MARCH]);
    export(&["--kind", "monthly", "--through", "2021-03-10"]).says(1, &["--through"]);
    export(&["--kind", "daily", "--rows-per-file", "0"]).says(2, &["rows-per-file"]);
    home.run(["export", "2021-05", "--kind", "daily", "-o", out]).says(1, &["no bill"]);
    let owner = ["--owner", "999999999999"];
    export(&owner).says(1, &["no line of account"]);
    assert!(!folder.exists(), "a refused export leaves no folder of its own");
    std::fs::create_dir(&folder).unwrap();
    export(&owner).says(1, &["no line of account"]);
    assert!(folder.exists(), "a folder that was there stays");
}

#[test]
fn an_export_reports_rows_of_other_shapes_and_how_far_an_open_bill_goes() {
    let home = Home::with(&[demo_file(3, 30)]);
    let folder = home.path("out");
    let export = |shape: &str| home.ok(["export", MARCH, "--shape", shape, "-o", folder.to_str().unwrap()]);
    let open = "The bill is open: its lines are in through 2021-03-30.";
    let lines = export("l3").says(0, &[" lines of ", "Cells are as imported", open]);
    let rows = export("l2").says(0, &[" rows of ", open]);
    assert!(!lines.stderr.contains(" rows of ") && !rows.stderr.contains("as imported"), "{}", rows.stderr);
}

/// Reads every zip of a folder with nothing but Python's own library, and compares the sums by owner, product and
/// day with the fixtures' totals, which come as the second argument, as far as an export's coverage and scope go.
const SCRIPT: &str = r#"
import csv, hashlib, io, json, pathlib, sys, zipfile, zlib
from decimal import Decimal, getcontext
getcontext().prec = 60
bucket, payer, exports = pathlib.Path(sys.argv[1]), sys.argv[3], 0
expected = list(csv.DictReader(open(sys.argv[2], encoding="utf-8", newline="")))
for path in sorted(bucket.glob("*.manifest.json")):
    manifest = json.loads(path.read_text(encoding="utf-8"))
    last, scope, sums, rows = manifest["coverage"]["last"], manifest["scope"], {}, 0
    for part in manifest["parts"]:
        data = (bucket / part["name"]).read_bytes()
        assert hashlib.sha256(data).hexdigest() == part["sha256"], path
        archive = zipfile.ZipFile(io.BytesIO(data))
        assert archive.testzip() is None
        assert archive.namelist() == [f["name"] for f in part["files"]], path
        for told in part["files"]:
            raw = archive.read(told["name"])
            assert "%08x" % zlib.crc32(raw) == told["crc32"], told
            reader = csv.DictReader(io.StringIO(raw.decode("utf-8-sig"), newline=""), strict=True)
            count = 0
            for line in reader:
                assert None not in line and None not in line.values(), (path, line)
                clean = lambda name: line[name].strip()
                day = clean("UsageStartTime")
                key = (clean("OwnerAccountID"), clean("ProductName"), "-" if day == "-" else day[:10], clean("Currency"))
                n, total = sums.get(key, (0, Decimal(0)))
                sums[key] = (n + 1, total + Decimal(clean("TotalCost").replace(",", "")))
                count += 1
            assert count == told["rows"], told
            rows += count
    whole = last.endswith("-31")
    wanted = {}
    for line in expected:
        own = line["owner"] == payer
        if scope == "customers" and own or scope == "owner" and line["owner"] != manifest["uin"]:
            continue
        if line["day"] == "-" and not whole or line["day"] != "-" and line["day"] > last:
            continue
        key = (line["owner"], line["product"], line["day"], line["currency"])
        wanted[key] = (int(line["lines"]), Decimal(line["total"]))
    assert sums == wanted, (path, {k: (sums.get(k), wanted.get(k)) for k in sums.keys() | wanted.keys() if sums.get(k) != wanted.get(k)})
    assert rows == manifest["rows"] == sum(n for n, _ in wanted.values())
    assert [(t["currency"], t["lines"], Decimal(t["total"])) for t in manifest["totals"]] == [("USD", rows, sum(t for _, t in wanted.values()))]
    exports += 1
print(exports)
"#;

fn read_by_python(python: &PathBuf, folder: &Path, expected: &Path) -> usize {
    let args: [&OsStr; 3] = [folder.as_ref(), expected.as_ref(), PAYER.as_ref()];
    python::run(python, SCRIPT, &args).trim().parse().unwrap()
}

#[test]
fn python_reads_every_export_to_the_last_decimal() {
    let Some(python) = python::python() else {
        return python::skip("python_reads_every_export_to_the_last_decimal", "python3");
    };
    let home = Home::with(&[demo_file(3, 31)]);
    home.confirm();
    home.sink("bucket", &["rows_per_file=100"]);
    let bucket = home.enable(PAYER, "bucket", "daily,monthly,reseller", true);
    home.ok(["run", "--on", "2021-04-01"]);
    home.ok(["run", "--on", "2021-04-02"]);
    home.ok(["run", "--on", "2021-04-09"]);
    let expected = fixture("demo/expected-2021-03.csv");
    assert_eq!(read_by_python(&python, &bucket, &expected), 4);
    let folder = export(&home, "customers", &["--kind", "reseller", "--per", "customer"]);
    let customers: Vec<Export> = bucket::checked(&folder);
    assert_eq!(read_by_python(&python, &folder, &expected), customers.len());
}

#[test]
fn a_later_file_with_a_new_column_leaves_the_exports_of_earlier_days_as_they_were() {
    let home = Home::with(&[demo_file(4, 7)]);
    let run = |home: &Home| {
        let folder = home.path("four");
        let out = folder.display().to_string();
        home.ok(["export", "2021-04", "--kind", "daily", "--through", "2021-04-04", "-o", &out]);
        listing(&folder)
    };
    let before = run(&home);
    let line = "100010445724,200000003412,CVM,CPU,2021-04-06 00:00:00,1.5,USD,new\n";
    let text = format!(
        "PayerAccountID,OwnerAccountID,ProductName,ComponentName,UsageStartTime,TotalCost,Currency,NewColumn\n{line}"
    );
    let file = home.write("more.csv", text.as_bytes());
    home.import_as(Some("adjustment"), [&file]).says(0, &["Imported 1 line"]);
    assert_eq!(run(&home), before);
    // Where the new line is covered, the export has its column, and another name.
    let out = home.path("six").display().to_string();
    home.ok(["export", "2021-04", "--kind", "daily", "--through", "2021-04-06", "-o", &out]);
    let six = listing(&home.path("six"));
    let manifest = six.iter().find(|(name, _)| name.ends_with(".json")).unwrap().1;
    let manifest: serde_json::Value = serde_json::from_slice(manifest).unwrap();
    assert!(manifest["columns"].as_array().unwrap().iter().any(|c| c == "NewColumn"), "{manifest}");
}

#[test]
fn a_part_is_not_touched_where_somebody_elses_manifest_lies_beside_it() {
    let home = Home::with(&[demo_file(4, 7)]);
    let out = home.path("out").display().to_string();
    let export = || home.run(["export", "2021-04", "--kind", "daily", "--through", "2021-04-04", "-o", &out]);
    export().says(0, &[]);
    let names: Vec<String> = listing(&home.path("out")).into_keys().collect();
    let part = home.path("out").join(names.iter().find(|n| n.ends_with(".zip")).unwrap());
    let manifest = home.path("out").join(names.iter().find(|n| n.ends_with(".json")).unwrap());
    std::fs::write(&part, b"theirs").unwrap();
    let text = std::fs::read_to_string(&manifest).unwrap();
    std::fs::write(&manifest, text.replacen("\"rows\": 60", "\"rows\": 61", 1)).unwrap();
    export().says(3, &["is there already with other content"]);
    assert_eq!(std::fs::read(&part).unwrap(), b"theirs");
}

#[test]
fn a_part_that_cannot_be_put_does_not_stay_in_the_hidden_folder() {
    let home = Home::with(&[demo_file(4, 7)]);
    let staged = |folder: &Path| -> Vec<String> {
        let hidden = std::fs::read_dir(folder.join(".billkeep-staging")).unwrap();
        hidden.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    };
    for (number, more) in [&[][..], &["--per", "customer"]].into_iter().enumerate() {
        let (whole, blocked) =
            (home.path(&format!("whole-{number}")), home.path(&format!("blocked-{number}")));
        let export = |folder: &Path| {
            home.run(
                ["export", "2021-04", "--kind", "monthly", "-o", folder.to_str().unwrap()].iter().chain(more),
            )
        };
        export(&whole).says(0, &[]);
        assert_eq!(staged(&whole), ["lock"]);
        // Where the parts are to be, there are folders.
        for name in listing(&whole).into_keys().filter(|name| name.ends_with(".zip")) {
            std::fs::create_dir_all(blocked.join(name)).unwrap();
        }
        export(&blocked).says(1, &["it is a folder"]);
        assert_eq!(staged(&blocked), ["lock"]);
    }
}
