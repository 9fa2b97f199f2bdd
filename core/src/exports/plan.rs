//! What an export will hold, before any byte of it is made: lines, digest, name.
//!
//! The name is determined by the content: the digest of the lines that are covered, and everything that shapes
//! the bytes. So the same content has the same name on every machine, and other content never has it.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::bills::{BillError, BillState, BillView, OwnerDay, OwnersByDay, WantedLines, wanted_lines};
use crate::engine::store::Records;
use crate::formats::naming::{ExportName, NameProfile};
use crate::values::digest::Digest;
use crate::values::period::TimeZone;

use super::ExportError;
use super::csv::Columns;
use super::customer::columns;
use super::form::ExportForm;
use super::wanted::{Scope, WantedExport, coverage_last_day};
use crate::formats::naming::ExportId;

/// The version of the bytes that exports have; it is part of every name.
pub(super) const EXPORT_FORMAT: u32 = 2;
/// The versions that exports had before: what was delivered under them is delivered.
const FORMER_FORMATS: &[u32] = &[1];
/// Rows in a CSV unless said otherwise: what a spreadsheet holds, less the header (docs/DOMAIN.md#values).
pub const ROWS_PER_FILE: u64 = 1_048_575;

/// What the names of manifests end in.
pub(crate) const MANIFEST_ENDING: &str = ".manifest.json";

/// How exports are named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Naming {
    /// The zone in which days begin.
    pub zone: TimeZone,
    /// The form of the names.
    pub profile: NameProfile,
}

impl From<TimeZone> for Naming {
    fn from(zone: TimeZone) -> Self {
        Naming { zone, profile: NameProfile::default() }
    }
}

/// What an export will be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// What was asked for.
    pub wanted: WantedExport,
    /// Which revision it is made from.
    pub revision: u32,
    /// The digest of that revision, in hexadecimal digits.
    pub revision_digest: String,
    /// The digest of the lines that are covered.
    pub content: Digest,
    /// Says whether the revision was confirmed, so that the content will not change.
    pub is_final: bool,
    /// The name without its ending.
    pub stem: String,
    /// In which form it is named.
    pub profile: NameProfile,
    /// Its lines, where they were found when it was planned.
    #[serde(skip)]
    pub(crate) found: PlannedLines,
}

/// Whose lines a plan is made of, and where these are, so that whoever renders it at once need not look again. It is no part of what is
/// planned: a plan that was kept does not have it.
#[derive(Clone, Debug, Default)]
pub(crate) struct PlannedLines(Option<(OwnersByDay, Arc<WantedLines>)>);

impl PartialEq for PlannedLines {
    fn eq(&self, _: &PlannedLines) -> bool {
        true
    }
}

impl Eq for PlannedLines {}

impl Plan {
    /// Plans an export of a bill.
    ///
    /// # Errors
    /// [`BillError`] when the bill's lines have to be read and cannot be.
    pub fn new(
        store: &impl Records,
        view: &BillView,
        wanted: WantedExport,
        naming: &Naming,
    ) -> Result<Plan, BillError> {
        let last_day = coverage_last_day(wanted.coverage);
        let mut planned = PlannedLines::default();
        let content = match wanted.scope {
            Scope::Payer => view.digest_through(last_day, true, true),
            Scope::Customers => view.digest_through(last_day, false, true),
            Scope::Owner(_) | Scope::SelfUse | Scope::Reseller(_) => {
                let owners = wanted.scope.owners(store, wanted.bill)?;
                let found = Arc::new(wanted_lines(store, view, &owners, last_day)?);
                let digest = OwnerDay::digest_of(&found.days);
                planned = PlannedLines(Some((owners, found)));
                digest
            }
        };
        let columns = columns(store, view, &wanted)?;
        Ok(Plan { found: planned, ..Plan::of_content(view, wanted, &columns, naming, content) })
    }

    /// Plans an export whose lines have been read: `content` is their digest.
    pub(super) fn of_content(
        view: &BillView,
        wanted: WantedExport,
        columns: &Columns,
        naming: &Naming,
        content: Digest,
    ) -> Plan {
        let stem = stem(EXPORT_FORMAT, columns, &wanted, naming, &content);
        Plan {
            wanted,
            revision: view.revision.number,
            revision_digest: view.revision.digest.hex(),
            content,
            is_final: view.bill.state == BillState::Confirmed && view.bill.revision == view.revision.number,
            stem,
            profile: naming.profile.clone(),
            found: PlannedLines::default(),
        }
    }

    /// Returns the names, without endings, that earlier versions gave the same content.
    pub(crate) fn former_stems(&self, view: &BillView, zone: TimeZone) -> impl Iterator<Item = String> {
        // They had one form, and names of one.
        let naming = Naming::from(zone);
        let former = self.wanted.form == ExportForm::default() && self.profile == naming.profile;
        let formats = if former { FORMER_FORMATS } else { &[] };
        let columns = Columns::through(view, coverage_last_day(self.wanted.coverage));
        formats.iter().map(move |format| stem(*format, &columns, &self.wanted, &naming, &self.content))
    }

    /// Finds the lines that were planned.
    ///
    /// # Errors
    /// [`ExportError::Stale`] when they are others by now: whoever stood below a second-level reseller may have moved since.
    pub(super) fn lines(
        &self,
        store: &impl Records,
        view: &BillView,
    ) -> Result<Arc<WantedLines>, ExportError> {
        let WantedExport { scope, bill, coverage, .. } = self.wanted;
        let owners = scope.owners(store, bill)?;
        let found = match &self.found.0 {
            Some((planned, found)) if *planned == owners && self.revision == view.revision.number => {
                found.clone()
            }
            _ => Arc::new(wanted_lines(store, view, &owners, coverage_last_day(coverage))?),
        };
        if OwnerDay::digest_of(&found.days) == self.content {
            Ok(found)
        } else {
            Err(ExportError::Stale { name: self.part_name() })
        }
    }

    /// Returns the name of the part.
    pub fn part_name(&self) -> String {
        format!("{}.zip", self.stem)
    }

    /// Returns the name of the manifest.
    pub fn manifest_name(&self) -> String {
        format!("{}{MANIFEST_ENDING}", self.stem)
    }

    /// Tells programs at a destination what the part is. No amounts: who may see which is the manifest's matter.
    pub fn tags(&self) -> Vec<(&'static str, String)> {
        let WantedExport { uin, kind, bill, coverage, .. } = &self.wanted;
        vec![
            ("object", "part".to_owned()),
            ("account", uin.to_string()),
            ("month", bill.month.to_string()),
            ("basis", bill.basis.to_string()),
            ("kind", kind.to_string()),
            ("first-day", coverage.first.to_string()),
            ("last-day", coverage.last.to_string()),
            ("revision", self.revision.to_string()),
            ("final", self.is_final.to_string()),
        ]
    }
}

/// Returns the name, without ending, of content in a version of the bytes.
fn stem(format: u32, columns: &Columns, wanted: &WantedExport, naming: &Naming, content: &Digest) -> String {
    let mut hasher = Sha256::new();
    hasher.update(b"billkeep export\n");
    hasher.update(format.to_le_bytes());
    hasher.update(wanted.bill.bytes());
    hasher.update(wanted.uin.number().to_le_bytes());
    hasher.update(wanted.kind.to_string());
    hasher.update(wanted.coverage.to_string());
    hasher.update(wanted.scope.words());
    hasher.update(wanted.rows_per_file.to_le_bytes());
    hasher.update(content.bytes());
    for header in columns.headers() {
        hasher.update((header.len() as u64).to_le_bytes());
        hasher.update(header);
    }
    // Exports were of one form once: their names stay.
    if wanted.form != ExportForm::default() {
        hasher.update(b"form\n");
        hasher.update(wanted.form.to_string());
    }
    // Other prices are other content.
    if let Some(prices) = &columns.prices {
        hasher.update(b"prices\n");
        hasher.update(prices.identity());
    }
    let id = ExportId::of(&hasher.finalize().into(), wanted.coverage, naming.zone);
    let name = ExportName {
        uin: wanted.uin,
        payer: wanted.bill.payer,
        kind: wanted.kind,
        basis: wanted.bill.basis,
        coverage: wanted.coverage,
        shape: wanted.form.shape,
        per: wanted.form.per,
        scope: wanted.scope.word(),
        id,
    };
    naming.profile.stem(&name)
}
