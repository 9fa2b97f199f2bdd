//! Restores a bill from an export that has all its lines.
//!
//! Nothing is kept unless lines, digest and sums are those of the manifest: the import compares them before it commits. Where
//! files of a bill had different headers, the part is separated by them first, since a line's hash covers its header.

use std::cell::Cell;
use std::fs::{self, File};
use std::io::{BufWriter, Read as _, Write as _};
use std::path::Path;

use crate::bills::ImportMode;
use crate::bills::ingest::{self, ImportError, ImportReport, ImportRequest, ImportSettings, Outcome};
use crate::engine::journal::Actor;
use crate::engine::own_folder::temporary_folder;
use crate::engine::store::Store;
use crate::exports::sink::SinkError;
use crate::exports::{HashingWriter, LineHeaders, ManifestTotals, guessed_line_headers, separate};
use crate::formats::naming::BillKind;
use crate::values::digest::{from_hex, lines_counted};

use super::super::DeliveryError;
use super::super::desk::{Desk, Destination, stage_error};
use super::made::{FoundManifest, RebuiltAmount};
use crate::bills::ingest::Import;
use crate::engine::block::Sums;

/// What came of restoring a bill from an export.
pub(super) struct Tried {
    pub(super) made: RebuiltAmount,
    pub(super) detail: String,
    /// Sums and lines are those of the manifest, and the digest is not: the lines may have had other headers.
    other_digest: bool,
}

impl Tried {
    pub(super) fn damaged(why: String) -> Tried {
        Tried::refused(RebuiltAmount::Damaged, why)
    }

    fn refused(made: RebuiltAmount, why: impl Into<String>) -> Tried {
        Tried { made, detail: why.into(), other_digest: false }
    }
}

/// Imports a bill from a part, if the part and its lines are those that its manifest describes.
pub(super) fn restore(
    store: &Store,
    to: &Destination,
    desk: &Desk,
    found: &FoundManifest,
    settings: &ImportSettings,
    actor: &Actor,
) -> Result<Tried, DeliveryError> {
    let Some(part) = found.manifest.parts.first() else {
        return Ok(Tried::refused(RebuiltAmount::Damaged, format!("`{}` names no part", found.name)));
    };
    let path = desk.rendered(&part.name);
    let fetched = fetch(to, &part.name, part.bytes, &path);
    let tried = match fetched {
        Ok(facts) if facts == Some((part.bytes, from_hex(&part.sha256).unwrap_or_default())) => {
            lines(store, found, &path, settings, actor)
        }
        Ok(_) => {
            let detail =
                format!("`{}` is missing, or is not the part that its manifest describes", part.name);
            Ok(Tried::refused(RebuiltAmount::Damaged, detail))
        }
        Err(e) => Err(e),
    };
    let _ = fs::remove_file(&path);
    tried
}

/// Imports the lines of a part; tries the headers that its lines may have had.
fn lines(
    store: &Store,
    found: &FoundManifest,
    path: &Path,
    settings: &ImportSettings,
    actor: &Actor,
) -> Result<Tried, DeliveryError> {
    let manifest = &found.manifest;
    if let Some(of_lines) = &manifest.line_headers {
        return separated(store, found, path, of_lines, settings, actor);
    }
    let first = import(store, found, path, settings, actor)?;
    if !first.other_digest {
        return Ok(first);
    }
    // An older manifest does not list the headers. What is tried is compared with its digest.
    let guesses = guessed_line_headers(path, &manifest.columns).unwrap_or_default();
    for guess in &guesses {
        let tried = separated(store, found, path, guess, settings, actor)?;
        if tried.made == RebuiltAmount::Whole {
            return Ok(tried);
        }
    }
    Ok(first)
}

/// Imports the lines of a part, each under its own header.
fn separated(
    store: &Store,
    found: &FoundManifest,
    path: &Path,
    of_lines: &LineHeaders,
    settings: &ImportSettings,
    actor: &Actor,
) -> Result<Tried, DeliveryError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let own = temporary_folder(folder, "rebuild-").map_err(|e| stage_error(folder, e))?;
    // The file has the part's name, which the load keeps.
    let into = own.path().join(path.file_name().unwrap_or_default());
    let file = File::create(&into).map_err(|e| stage_error(&into, e))?;
    let columns = &found.manifest.columns;
    if let Err(why) = separate(path, columns, of_lines, own.path(), file) {
        return Ok(Tried::refused(RebuiltAmount::Damaged, format!("`{}`: {why}", found.name)));
    }
    import(store, found, &into, settings, actor)
}

/// Imports a file, if what it comes to is what the manifest describes.
fn import(
    store: &Store,
    found: &FoundManifest,
    path: &Path,
    settings: &ImportSettings,
    actor: &Actor,
) -> Result<Tried, DeliveryError> {
    let FoundManifest { manifest, bill, coverage, name, .. } = found;
    let is_month = manifest.kind == BillKind::Monthly.to_string();
    let request = ImportRequest {
        mode: Some(if is_month { ImportMode::Monthly } else { ImportMode::Cumulative }),
        payer: Some(bill.payer),
        month: Some(bill.month),
        basis: Some(bill.basis),
        through: (!is_month).then_some(coverage.last),
        verbatim: true,
        // It was taken before it was delivered.
        accept_smaller: true,
        ..ImportRequest::default()
    };
    let other_digest = Cell::new(false);
    let accept = |report: &ImportReport| {
        let totals: Vec<ManifestTotals> = report.after.iter().map(ManifestTotals::from).collect();
        if totals != manifest.totals {
            let listed = manifest
                .totals
                .iter()
                .map(|t| format!("{} {} in {}", t.total, t.currency, lines_counted(t.lines)));
            return Err(format!(
                "its lines add up to {} in {}, and its manifest lists {}",
                Sums::totals_text(&report.after),
                lines_counted(report.digest.lines()),
                listed.collect::<Vec<_>>().join(", ")
            ));
        }
        if report.bill_digest.hex() != manifest.content_digest {
            other_digest.set(true);
            return Err(format!(
                "its lines have the digest {}, and `{name}` lists {}: cells were changed, or its files had different headers",
                report.bill_digest, manifest.content_digest
            ));
        }
        Ok(())
    };
    let how = ingest::Import { request, settings: settings.clone(), ..ingest::Import::by(actor) };
    // Where it lies meanwhile is nothing to whoever reads of it.
    let input = match ingest::Input::open(path, Import::folder_of(path), &how.limits) {
        Ok(input) => input.shown_by_name(),
        Err(e) => return Ok(Tried::refused(RebuiltAmount::Not, e.to_string())),
    };
    match ingest::import_if(store, &input, &how, &accept) {
        // Or a rebuild that was stopped has imported it.
        Ok(ImportReport { outcome, digest, after, bill_digest, .. })
            if matches!(outcome, Outcome::Imported { .. })
                || (bill_digest == digest && bill_digest.hex() == manifest.content_digest) =>
        {
            let (lines, totals) = (digest.lines(), Sums::totals_text(&after));
            let through = if is_month { String::new() } else { format!(", through {}", coverage.last) };
            let state = if manifest.is_final { "; it was confirmed" } else { "" };
            let part = path.file_name().unwrap_or_default().to_string_lossy();
            let detail = format!("{lines} lines{through}, total {totals}, from `{part}`{state}");
            Ok(Tried { made: RebuiltAmount::Whole, detail, other_digest: false })
        }
        Ok(report) => {
            Ok(Tried::refused(RebuiltAmount::Not, format!("the store has {} already", report.bill.subject())))
        }
        Err(ImportError::Store(e)) => Err(e.into()),
        Err(ImportError::Unlike { why, .. }) => {
            Ok(Tried { made: RebuiltAmount::Damaged, detail: why, other_digest: other_digest.get() })
        }
        // What an export wrote, an import reads.
        Err(e @ (ImportError::Faults(_) | ImportError::Zip { .. } | ImportError::Twice { .. })) => {
            Ok(Tried::refused(RebuiltAmount::Damaged, e.to_string()))
        }
        Err(e) => Ok(Tried::refused(RebuiltAmount::Not, e.to_string())),
    }
}

/// Copies an object of a sink into a file, up to one byte more than it should have; returns its length and hash.
fn fetch(
    to: &Destination,
    name: &str,
    bytes_expected: u64,
    path: &Path,
) -> Result<Option<(u64, [u8; 32])>, DeliveryError> {
    let Some(reader) = to.sink.read(name).map_err(|e| to.error(e))? else { return Ok(None) };
    let mut reader = reader.take(bytes_expected.saturating_add(1));
    let file = File::create(path).map_err(|e| stage_error(path, e))?;
    let mut out = HashingWriter::new(BufWriter::with_capacity(1 << 20, file));
    let mut buffer = vec![0; 1 << 16];
    loop {
        let got =
            reader.read(&mut buffer).map_err(|e| to.error(SinkError::Transient(e.to_string().into())))?;
        if got == 0 {
            break;
        }
        out.write_all(buffer.get(..got).unwrap_or_default()).map_err(|e| stage_error(path, e))?;
    }
    out.flush().map_err(|e| stage_error(path, e))?;
    Ok(Some(out.finish()))
}
