//! What goes to a sink: the part, encrypted if that was said, and the manifest that tells of it.

use std::fs::{self, File};
use std::io::{BufReader, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use crate::bills::BillView;
use crate::engine::store::Records;
use crate::exports::sink::{SinkError, Staged};
use crate::exports::{HashingWriter, Manifest, ManifestSealed, Plan, Rendered, Totals, stage_part};
use crate::values::digest::hex;

use super::DeliveryError;
use super::desk::stage_error;
use super::record::{self, Delivery, Receipt};
use super::session::DeliverySession;
use crate::engine::journal::JournalHead;

/// A part that is staged, encrypted if it is to be.
pub(super) struct Parcel {
    pub(super) path: PathBuf,
    pub(super) bytes: u64,
    pub(super) sha256: [u8; 32],
    pub(super) zip: Option<(u64, [u8; 32])>,
}

impl Parcel {
    /// Returns it as what is put.
    pub(super) fn staged(&self, plan: &Plan) -> Staged {
        Staged { path: self.path.clone(), bytes: self.bytes, sha256: self.sha256, tags: plan.tags() }
    }
}

impl DeliverySession<'_> {
    pub(super) fn part_name(&self, plan: &Plan) -> String {
        format!("{}{}", plan.part_name(), self.to.seal.as_ref().map_or("", |seal| seal.suffix()))
    }

    pub(super) fn manifest_name(&self, plan: &Plan) -> String {
        let seal = self.to.seal.as_ref().filter(|seal| seal.seals_manifests());
        format!("{}{}", plan.manifest_name(), seal.map_or("", |seal| seal.suffix()))
    }

    pub(super) fn receipt(
        &self,
        plan: &Plan,
        rendered: &Rendered,
        parcel: &Parcel,
        manifest: &[u8],
    ) -> Receipt {
        let part = self.part_name(plan);
        Receipt {
            location: self.sink().location(&part),
            part,
            bytes: parcel.bytes,
            sha256: parcel.sha256,
            rows: rendered.files.iter().map(|f| f.rows).sum(),
            totals: Totals::of(plan.wanted.form.audience, rendered),
            manifest: self.manifest_name(plan),
            manifest_sha256: Sha256::digest(manifest).into(),
            at_unix_s: self.actor.at_unix_s,
            actor: self.actor.name.clone(),
            tag: None,
            zip: parcel.zip,
            signature: None,
        }
    }

    /// Renders a plan's part into a file, from the revision that it was made for: the bill may have a later one by now.
    pub(super) fn render(&self, plan: &Plan) -> Result<(PathBuf, Rendered), DeliveryError> {
        let reader = self.store.read()?;
        let view = BillView::open(&reader, plan.wanted.bill, Some(plan.revision))?;
        let staged = self.desk.rendered(&plan.part_name());
        let rendered = stage_part(&reader, &view, plan, &self.ways.render, &staged)?;
        Ok((staged, rendered))
    }

    /// Encrypts a staged part, if that was said.
    pub(super) fn sealed(
        &self,
        staged: &Path,
        name: &str,
        rendered: &Rendered,
    ) -> Result<Parcel, DeliveryError> {
        let Rendered { bytes, sha256, .. } = *rendered;
        let Some(seal) = &self.to.seal else {
            return Ok(Parcel { path: staged.to_owned(), bytes, sha256, zip: None });
        };
        let path = self.desk.at(name);
        let seal_file = || -> std::io::Result<(u64, [u8; 32])> {
            let mut from = BufReader::with_capacity(1 << 20, File::open(staged)?);
            let mut to = HashingWriter::new(BufWriter::with_capacity(1 << 20, File::create(&path)?));
            seal.seal(&mut from, &mut to)?;
            to.flush()?;
            to.out.get_ref().sync_all()?;
            Ok(to.finish())
        };
        let sealed = seal_file().map_err(|e| stage_error(&path, e))?;
        fs::remove_file(staged).map_err(|e| stage_error(staged, e))?;
        Ok(Parcel { path, bytes: sealed.0, sha256: sealed.1, zip: Some((bytes, sha256)) })
    }

    /// Makes a delivery's manifest.
    pub(super) fn manifest(
        &self,
        store: &impl Records,
        delivery: &Delivery,
        rendered: &Rendered,
    ) -> Result<Manifest, DeliveryError> {
        let supersedes = match delivery.supersedes {
            Some(number) => record::get(store, number)?.progress.receipt().map(|r| r.manifest.clone()),
            None => None,
        };
        // One that was made before it was interrupted stays the witness that it is.
        let kept = Delivery::manifest(store, delivery.number)?;
        let kept = kept.and_then(|bytes| Manifest::from_bytes(&bytes).ok()?.journal);
        let journal = match kept {
            Some(journal) => Some(journal),
            None => JournalHead::last(store)?.map(Into::into),
        };
        Ok(Manifest { supersedes, journal, ..Manifest::new(&delivery.plan, rendered) })
    }

    /// Tells in a manifest what lies at the sink, if that is encrypted.
    pub(super) fn tell_sealed(&self, manifest: &mut Manifest, name: &str, bytes: u64, sha256: &[u8; 32]) {
        let (Some(seal), Some(part)) = (&self.to.seal, manifest.parts.first_mut()) else { return };
        part.sealed = Some(ManifestSealed {
            name: name.to_owned(),
            format: seal.format().to_owned(),
            bytes,
            sha256: hex(sha256),
        });
    }

    /// Returns a manifest's bytes as they are to be at the sink.
    pub(super) fn manifest_bytes(&self, manifest: &Manifest) -> Result<Vec<u8>, DeliveryError> {
        let bytes = manifest.to_bytes();
        match &self.to.seal {
            Some(seal) if seal.seals_manifests() => {
                let mut sealed = Vec::new();
                seal.seal(&mut bytes.as_slice(), &mut sealed)
                    .map_err(|e| stage_error(Path::new("the manifest"), e))?;
                Ok(sealed)
            }
            _ => Ok(bytes),
        }
    }

    /// Refuses a manifest at the sink that tells of something else than the one that was kept.
    pub(super) fn must_be_the_same(
        &self,
        name: &str,
        kept: &[u8],
        found: &[u8],
    ) -> Result<(), DeliveryError> {
        let same = || {
            let kept = Manifest::from_bytes(kept).ok()?;
            let found = kept.told_by(found)?;
            // What was encrypted by somebody else is not what was put.
            let sealed = |m: &Manifest| m.parts.iter().map(|p| p.sealed.clone()).collect::<Vec<_>>();
            (sealed(&found) == sealed(&kept)).then_some(())
        };
        if kept == found || same().is_some() {
            Ok(())
        } else {
            Err(self.to.error(SinkError::Conflict { name: name.to_owned() }))
        }
    }
}
