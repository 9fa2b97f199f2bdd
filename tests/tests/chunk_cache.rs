//! The chunk cache makes exports faster, and nothing else.

use std::fs;
use std::path::PathBuf;

use crate::support::{Home, MARCH, bucket, large};

/// The exports that share chunks: the month in several CSVs, a day, and each customer's.
const EXPORTS: [&[&str]; 3] = [
    &["--kind", "monthly", "--rows-per-file", "7000"],
    &["--kind", "daily", "--through", "2021-03-09"],
    &["--kind", "monthly", "--per", "customer"],
];

fn cache_file(home: &Home) -> PathBuf {
    let mut name = home.store().into_os_string();
    name.push(".chunks");
    PathBuf::from(name)
}

/// Exports all of [`EXPORTS`], and returns every zip's bytes.
fn exported(home: &Home, folder: &str, cache_mib: &str) -> Vec<(String, Vec<u8>)> {
    let mut all = Vec::new();
    for (i, kind) in EXPORTS.iter().enumerate() {
        let out = home.path(&format!("{folder}-{i}"));
        let mut args = vec!["--chunk-cache-mib", cache_mib, "export", MARCH, "-o", out.to_str().unwrap()];
        args.extend_from_slice(kind);
        home.ok(args);
        all.extend(bucket::zips(&out));
    }
    all
}

#[test]
fn exports_are_the_same_with_a_cache_without_one_and_with_a_damaged_one() {
    let home = Home::new();
    let (file, _) = large::place(&home.path("."));
    home.ok(["import", file.to_str().unwrap(), "--as", "monthly"]);
    let plain = exported(&home, "plain", "0");
    assert!(!cache_file(&home).exists(), "none was wanted");
    assert!(plain.len() > 100, "{} zips", plain.len());
    assert!(exported(&home, "first", "64") == plain, "while the cache is filled");
    let full = fs::metadata(cache_file(&home)).unwrap().len();
    assert!(full > 1 << 20, "{full} bytes are no chunks");
    assert!(exported(&home, "again", "64") == plain, "from the cache");

    let mut bytes = fs::read(cache_file(&home)).unwrap();
    for at in (16_384..bytes.len()).step_by(9_973) {
        bytes[at] ^= 0x40;
    }
    fs::write(cache_file(&home), &bytes).unwrap();
    assert!(exported(&home, "damaged", "64") == plain, "a damaged cache");
    fs::write(cache_file(&home), b"no cache at all").unwrap();
    assert!(exported(&home, "replaced", "64") == plain, "a file that is no cache");
    fs::remove_file(cache_file(&home)).unwrap();
    assert!(exported(&home, "small", "1") == plain, "a cache that is too small");
}
