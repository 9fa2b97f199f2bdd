//! An object that a plugin is to put, and what the host says of it.

use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use super::bindings::billkeep::sink::types;
use super::blob::Source;
use super::hasher::Hasher;
use super::text::plain;
use billkeep_core::values::hex;

/// The end of a manifest's name.
pub(super) const MANIFEST: &str = ".manifest.json";

/// An object on its way.
pub(super) struct Upload<'a> {
    pub(super) source: Arc<Source>,
    pub(super) bytes: u64,
    pub(super) sha256: String,
    pub(super) content_type: &'static str,
    pub(super) mode: types::WriteMode,
    pub(super) tags: &'a [(&'static str, String)],
    /// The object itself, if it is small.
    pub(super) content: Option<&'a [u8]>,
}

/// Names a run after its manifest, or any object of it.
pub(super) fn run_of(name: &str) -> &str {
    let name = name.find(MANIFEST).and_then(|at| name.get(..at)).unwrap_or(name);
    name.find(".zip").and_then(|at| name.get(..at)).unwrap_or(name)
}

pub(super) fn content_type(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("zip") => "application/zip",
        Some("json") => "application/json",
        _ => "application/octet-stream",
    }
}

/// The same bytes under the same name have the same key, whoever tries them, and when.
pub(super) fn idempotency_key(prefix: &str, name: &str, sha256: &str) -> String {
    hex(&<[u8; 32]>::from(Sha256::digest(format!("billkeep put\0{prefix}{name}\0{sha256}"))))
}

/// Compares what a target says it has with what was handed over.
pub(super) fn compare(checksum: &str, put: &Upload<'_>) -> Result<(), String> {
    let Some((algorithm, value)) = checksum.split_once(':') else { return Ok(()) };
    let ours = match algorithm {
        "sha256" => put.sha256.clone(),
        "md5" => {
            let Some(mut md5) = Hasher::of(algorithm) else { return Ok(()) };
            let mut at = 0;
            while at < put.bytes {
                let len = (put.bytes - at).min(1 << 20);
                let bytes =
                    put.source.read(at, usize::try_from(len).unwrap_or(0)).map_err(|e| e.to_string())?;
                md5.update(&bytes);
                at += len;
            }
            hex(&md5.end())
        }
        _ => return Ok(()),
    };
    if value.eq_ignore_ascii_case(&ours) {
        return Ok(());
    }
    let value: String = plain(value).chars().take(64).collect();
    Err(format!("the target has {algorithm} {value}, and {ours} was put"))
}
