//! What a reader of a bucket sees, and whether the manifests tell the truth about it.

use std::collections::BTreeMap;
use std::fs;
use std::io::Cursor;
use std::path::Path;
use std::sync::LazyLock;

use object_store::memory::InMemory;
use object_store::{ObjectStore as _, ObjectStoreExt as _};
use serde_json::Value;
use zip::ZipArchive;

use super::decimal::exact;
use super::figures::Figures;
use super::sha256::sha256;
use super::sheet::Sheet;

/// Returns the visible files with their bytes.
pub fn listing(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        if !name.starts_with('.') {
            files.insert(name, fs::read(entry.path()).unwrap());
        }
    }
    files
}

/// Takes the journal's entry out of manifests: another store that delivers the same has another journal.
pub fn without_entries(mut files: BTreeMap<String, Vec<u8>>) -> BTreeMap<String, Vec<u8>> {
    for (_, bytes) in files.iter_mut().filter(|(name, _)| name.ends_with(".manifest.json")) {
        let mut manifest: serde_json::Value = serde_json::from_slice(bytes).unwrap();
        manifest.as_object_mut().unwrap().remove("journal");
        *bytes = manifest.to_string().into_bytes();
    }
    files
}

fn block_on<T>(doing: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(doing)
}

/// Returns the objects of a store in memory, by name.
pub fn objects(store: &InMemory) -> BTreeMap<String, Vec<u8>> {
    block_on(async {
        let listed = store.list_with_delimiter(None).await.unwrap();
        let mut all = BTreeMap::new();
        for object in listed.objects {
            let bytes = store.get(&object.location).await.unwrap().bytes().await.unwrap();
            all.insert(object.location.to_string(), bytes.to_vec());
        }
        all
    })
}

/// Puts objects into a store in memory.
pub fn fill(store: &InMemory, objects: &BTreeMap<String, Vec<u8>>) {
    block_on(async {
        for (name, bytes) in objects {
            store.put(&name.as_str().into(), bytes.clone().into()).await.unwrap();
        }
    });
}

/// Keeps the zips of a listing.
pub fn zips(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    listing(folder).into_iter().filter(|(name, _)| name.ends_with(".zip")).collect()
}

/// An export with its manifest.
pub struct Export {
    /// The name of the zip.
    pub name: String,
    pub manifest: Value,
    /// The CSVs in it.
    pub files: Vec<Sheet>,
    /// All their rows.
    pub sheet: Sheet,
}

impl Export {
    /// Returns `2021-04-01..2021-04-04`.
    pub fn coverage(&self) -> String {
        let day = |which: &str| self.manifest["coverage"][which].as_str().unwrap();
        format!("{}..{}", day("first"), day("last"))
    }

    pub fn kind(&self) -> &str {
        self.manifest["kind"].as_str().unwrap()
    }

    pub fn figures(&self) -> Figures {
        self.sheet.figures()
    }
}

/// The entries of a zip that is whole, with their checksums.
pub fn entries(zip: &[u8]) -> Vec<(String, u32, Vec<u8>)> {
    let files = billkeep_fixtures::unzip(zip).unwrap();
    let mut archive = ZipArchive::new(Cursor::new(zip)).unwrap();
    let crc = |at| archive.by_index(at).unwrap().crc32();
    let crcs: Vec<u32> = (0..files.len()).map(crc).collect();
    files.into_iter().zip(crcs).map(|((name, bytes), crc)| (name, crc, bytes)).collect()
}

/// Holds a manifest against the schema that users are given.
#[track_caller]
pub fn follows_the_schema(name: &str, manifest: &Value) {
    static SCHEMA: LazyLock<jsonschema::Validator> = LazyLock::new(|| {
        let text = include_str!("../../../docs/manifest.schema.json");
        jsonschema::draft202012::options().build(&serde_json::from_str(text).unwrap()).unwrap()
    });
    let faults: Vec<String> =
        SCHEMA.iter_errors(manifest).map(|e| format!("{}: {e}", e.instance_path())).collect();
    assert!(faults.is_empty(), "{name}: {faults:?}");
}

/// Checks every visible file of a bucket, and returns the exports that have a manifest, by the names of their zips.
/// Zips are whole; a manifest's part is there, and is what the manifest says, to the last decimal.
#[track_caller]
pub fn checked(folder: &Path) -> Vec<Export> {
    let listing = listing(folder);
    let mut exports = Vec::new();
    for (name, bytes) in &listing {
        if name.ends_with(".zip") {
            entries(bytes);
            continue;
        }
        let stem = name.strip_suffix(".manifest.json").unwrap_or_else(|| panic!("`{name}`"));
        let manifest: Value = serde_json::from_slice(bytes).unwrap();
        follows_the_schema(name, &manifest);
        assert_eq!(manifest["format"], "billkeep.manifest/1");
        let parts = manifest["parts"].as_array().unwrap();
        assert_eq!(parts.len(), 1);
        let zip = format!("{stem}.zip");
        assert_eq!(parts[0]["name"], zip.as_str());
        let bytes = listing.get(&zip).unwrap_or_else(|| panic!("`{name}` has no part"));
        exports.push(told_truly(zip, bytes, manifest));
    }
    exports
}

fn told_truly(name: String, zip: &[u8], manifest: Value) -> Export {
    let part = &manifest["parts"][0];
    assert_eq!(part["bytes"], zip.len(), "{name}");
    assert_eq!(part["sha256"], sha256(zip).as_str(), "{name}");
    let entries = entries(zip);
    let files: Vec<Sheet> = entries.iter().map(|(.., bytes)| Sheet::parse(bytes)).collect();
    let told = part["files"].as_array().unwrap();
    assert_eq!(told.len(), files.len(), "{name}");
    for ((told, sheet), (entry, crc, bytes)) in told.iter().zip(&files).zip(&entries) {
        assert_eq!(told["name"], entry.as_str());
        assert_eq!(told["rows"], sheet.rows.len(), "{entry}");
        assert_eq!(told["bytes"], bytes.len(), "{entry}");
        assert_eq!(told["crc32"], format!("{crc:08x}"), "{entry}");
        let header: Vec<&str> =
            manifest["columns"].as_array().unwrap().iter().map(|c| c.as_str().unwrap()).collect();
        assert_eq!(sheet.header, header, "{entry}");
    }
    let sheet = Sheet::joined(entries.iter().map(|(.., bytes)| bytes.as_slice()));
    assert_eq!(manifest["rows"], sheet.rows.len(), "{name}");
    assert_eq!(part["rows"], sheet.rows.len(), "{name}");
    let mut totals: BTreeMap<String, (u64, i128)> = BTreeMap::new();
    for ((_, _, _, currency), (lines, total)) in sheet.figures().0 {
        let sum = totals.entry(currency).or_default();
        *sum = (sum.0 + lines, sum.1 + total);
    }
    let told: BTreeMap<String, (u64, i128)> =
        manifest["totals"].as_array().unwrap().iter().map(told_total).collect();
    assert_eq!(told, totals, "{name}");
    Export { name, manifest, files, sheet }
}

fn told_total(told: &Value) -> (String, (u64, i128)) {
    let text = |name: &str| told[name].as_str().unwrap();
    (text("currency").to_owned(), (told["lines"].as_u64().unwrap(), exact(text("total"))))
}
