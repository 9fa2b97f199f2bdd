//! Benchmarks of plugins: what the boundary costs.
//!
//! ```text
//! cargo bench -p billkeep-tests --bench plugins
//! ```
//!
//! The guests are those of `fixtures/plugins`; `index` is 13 KB of C, `tester` 109 KB of Rust. A guest that reads every byte sums them up.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};

use billkeep_core::exports::{Sink, Staged, Unwatched};
use billkeep_sinks::Folder;
use billkeep_sinks::wasm::{Grants, Plugin, PluginFile, WasmSink};
use divan::Bencher;
use divan::counter::BytesCount;
use sha2::{Digest as _, Sha256};

const PART_BYTES: usize = 256 << 20;

fn main() {
    divan::main();
}

fn golden(name: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/plugins")).join(format!("{name}.wasm"))
}

fn grants(options: &[(&str, &str)]) -> Grants {
    let options: BTreeMap<String, String> =
        options.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Grants::of(&options).unwrap()
}

fn part(folder: &Path) -> Staged {
    let bytes: Vec<u8> = (0..PART_BYTES).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let path = folder.join("part");
    std::fs::write(&path, &bytes).unwrap();
    let sha256 = Sha256::digest(&bytes).into();
    Staged { path, bytes: PART_BYTES as u64, sha256, tags: Vec::new() }
}

/// From bytes of WebAssembly to machine code, and the first call.
#[divan::bench(args = ["index", "tester"])]
fn compile(bencher: Bencher<'_, '_>, name: &str) {
    let file = PluginFile::read(&golden(name)).unwrap();
    bencher.bench(|| Plugin::load(&file, &grants(&[]), None, &|_| None).unwrap());
}

/// From the kept file.
#[divan::bench(args = ["index", "tester"])]
fn load(bencher: Bencher<'_, '_>, name: &str) {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("plugins").to_str().unwrap().to_owned();
    let env = move |name: &str| (name == "BILLKEEP_PLUGIN_CACHE").then(|| place.clone());
    let file = PluginFile::read(&golden(name)).unwrap();
    Plugin::load(&file, &grants(&[]), None, &env).unwrap();
    bencher.bench(|| Plugin::load(&file, &grants(&[]), None, &env).unwrap());
}

/// The same of a plugin that `BILLKEEP_BENCH_PLUGIN` names: one in Python, say, with its interpreter.
#[divan::bench(sample_count = 100)]
fn load_named(bencher: Bencher<'_, '_>) {
    let Some(path) = std::env::var_os("BILLKEEP_BENCH_PLUGIN") else { return };
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("plugins").to_str().unwrap().to_owned();
    let env = move |name: &str| (name == "BILLKEEP_PLUGIN_CACHE").then(|| place.clone());
    let file = PluginFile::read(Path::new(&path)).unwrap();
    let granted = grants(&[("memory", "512MiB")]);
    Plugin::load(&file, &granted, None, &env).unwrap();
    bencher.bench(|| Plugin::load(&file, &granted, None, &env).unwrap().describe().unwrap());
}

/// Its file before that: read, hashed to see whether it is the one that is trusted, and looked at.
#[divan::bench(sample_count = 100)]
fn look_at_named(bencher: Bencher<'_, '_>) {
    let Some(path) = std::env::var_os("BILLKEEP_BENCH_PLUGIN") else { return };
    bencher.bench(|| PluginFile::read(Path::new(&path)).unwrap());
}

/// An instance of its own, a call, and the end of both.
#[divan::bench(args = ["index", "tester"])]
fn call(bencher: Bencher<'_, '_>, name: &str) {
    let file = PluginFile::read(&golden(name)).unwrap();
    let plugin = Plugin::load(&file, &grants(&[]), None, &|_| None).unwrap();
    bencher.bench(|| plugin.describe().unwrap());
}

fn put(bencher: Bencher<'_, '_>, options: &[(&str, &str)]) {
    let folder = tempfile::tempdir().unwrap();
    let staged = part(folder.path());
    let file = PluginFile::read(&golden("tester")).unwrap();
    let sink = WasmSink::of(&file, &grants(options), "", None, &|_| None).unwrap();
    bencher.counter(BytesCount::new(PART_BYTES)).bench(|| sink.put("part", &staged, &Unwatched).unwrap());
}

/// The guest reads every byte, 256 KiB at a time.
#[divan::bench(sample_count = 10)]
fn read_every_byte(bencher: Bencher<'_, '_>) {
    put(bencher, &[("set.mode", "reads-every-byte")]);
}

/// The host hashes, and the guest is told.
#[divan::bench(sample_count = 10)]
fn digests_by_the_host(bencher: Bencher<'_, '_>) {
    let folder = tempfile::tempdir().unwrap();
    let staged = part(folder.path());
    let file = PluginFile::read(&golden("tester")).unwrap();
    let sink = WasmSink::of(&file, &grants(&[("set.mode", "digests")]), "", None, &|_| None).unwrap();
    bencher
        .counter(BytesCount::new(5 * PART_BYTES))
        .bench(|| sink.put("part", &staged, &Unwatched).unwrap_err());
}

/// A server that takes bodies and throws them away.
fn server() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || {
                let mut stream = stream;
                let mut buffer = vec![0; 1 << 20];
                let (mut head, mut left) = (Vec::new(), None);
                loop {
                    let Ok(n @ 1..) = stream.read(&mut buffer) else { return };
                    let mut body = n;
                    if left.is_none() {
                        head.extend_from_slice(&buffer[..n]);
                        let Some(end) = head.windows(4).position(|w| w == b"\r\n\r\n") else { continue };
                        let text = String::from_utf8_lossy(&head[..end]).to_ascii_lowercase();
                        let length = text.split("content-length: ").nth(1).and_then(|t| t.split('\r').next());
                        left = Some(length.and_then(|n| n.parse::<usize>().ok()).unwrap_or(0));
                        body = head.len() - end - 4;
                    }
                    left = left.map(|left| left.saturating_sub(body));
                    if left == Some(0) {
                        let _ = stream
                            .write_all(b"HTTP/1.1 200 X\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
                        return;
                    }
                }
            });
        }
    });
    format!("http://{address}")
}

/// A part goes to a server without passing through the guest.
#[divan::bench(sample_count = 10)]
fn over_http(bencher: Bencher<'_, '_>) {
    let url = server();
    put(bencher, &[("set.url", &url), ("allow_hosts", &url), ("allow_state", "64KiB")]);
}

/// The same part to a folder, for comparison: a copy, and a flush to disk.
#[divan::bench(sample_count = 5)]
fn to_a_folder(bencher: Bencher<'_, '_>) {
    let folder = tempfile::tempdir().unwrap();
    let staged = part(folder.path());
    let sink = Folder::create(&folder.path().join("bucket")).unwrap();
    bencher.counter(BytesCount::new(PART_BYTES)).bench(|| sink.put("part", &staged, &Unwatched).unwrap());
}
