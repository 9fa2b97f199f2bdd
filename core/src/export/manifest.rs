//! The manifest: what an export consists of. It is written last, and once.
//!
//! Its bytes depend on the export alone: no time, no machine, no run. Amounts are strings.

use serde::{Deserialize, Serialize};

use crate::block::Sums;
use crate::digest::hex;

use super::RenderedFile;
use super::plan::{Plan, Scope};
use super::render::Rendered;

/// The name and version of the shape.
pub const MANIFEST_FORMAT: &str = "billkeep.manifest/1";

/// A manifest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// [`MANIFEST_FORMAT`].
    pub format: String,
    /// After which account the export is named.
    pub uin: String,
    /// Who owes the bill.
    pub payer: String,
    /// `2021-03`
    pub month: String,
    /// `used` or `paid`
    pub basis: String,
    /// `daily`, `monthly` or `reseller`
    pub kind: String,
    /// `payer` (all lines), `customers`, `owner`, `self` (the payer's own lines), or `reseller` (a second-level
    /// reseller's, and those of whoever stands below it)
    pub scope: String,
    /// The days covered.
    pub coverage: ManifestCoverage,
    /// Says whether the bill was confirmed, so that its lines do not change any more.
    #[serde(rename = "final")]
    pub is_final: bool,
    /// The revision that the export was made from.
    pub revision: u32,
    /// The digest of that revision.
    pub digest: String,
    /// The digest of the lines in this export.
    pub content_digest: String,
    /// How many lines.
    pub rows: u64,
    /// The sums, one entry for each currency.
    pub totals: Vec<ManifestTotals>,
    /// The headers.
    pub columns: Vec<String>,
    /// The files that make up the export.
    pub parts: Vec<ManifestPart>,
    /// The version of the parts' bytes.
    pub export_format: u32,
}

/// First and last day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestCoverage {
    /// `2021-04-01`
    pub first: String,
    /// `2021-04-04`
    pub last: String,
}

/// The sums of one currency.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestTotals {
    /// ISO 4217 code.
    pub currency: String,
    /// How many lines.
    pub lines: u64,
    /// The total, a decimal.
    pub total: String,
    /// All sums by their canonical names, decimals.
    pub amounts: std::collections::BTreeMap<String, String>,
}

/// A file of the export.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestPart {
    /// Its name.
    pub name: String,
    /// Its length.
    pub bytes: u64,
    /// Its SHA-256 in hexadecimal digits.
    pub sha256: String,
    /// How many lines.
    pub rows: u64,
    /// The CSVs in it.
    pub files: Vec<ManifestFile>,
}

/// A CSV in a part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestFile {
    /// Its name.
    pub name: String,
    /// How many lines, without the header.
    pub rows: u64,
    /// Its length, unpacked.
    pub bytes: u64,
    /// Its CRC-32 in hexadecimal digits.
    pub crc32: String,
}

impl Manifest {
    /// Makes the manifest of a rendered plan.
    pub fn new(plan: &Plan, rendered: &Rendered) -> Manifest {
        let wanted = &plan.wanted;
        let totals = |sums: &Sums| ManifestTotals {
            currency: sums.currency.clone(),
            lines: sums.lines,
            total: sums.total().to_string(),
            amounts: sums
                .amounts
                .iter()
                .map(|(c, _)| (c.name().to_owned(), sums.amount(*c).to_string()))
                .collect(),
        };
        let file = |file: &RenderedFile| ManifestFile {
            name: file.name.clone(),
            rows: file.rows,
            bytes: file.bytes,
            crc32: format!("{:08x}", file.crc32),
        };
        let rows = rendered.files.iter().map(|f| f.rows).sum();
        Manifest {
            format: MANIFEST_FORMAT.to_owned(),
            uin: wanted.uin.to_string(),
            payer: wanted.bill.payer.to_string(),
            month: wanted.bill.month.to_string(),
            basis: wanted.bill.basis.to_string(),
            kind: wanted.kind.to_string(),
            scope: match wanted.scope {
                Scope::Payer => "payer",
                Scope::Customers => "customers",
                Scope::Owner(_) => "owner",
                Scope::SelfUse => "self",
                Scope::Reseller(_) => "reseller",
            }
            .to_owned(),
            coverage: ManifestCoverage {
                first: wanted.coverage.first.to_string(),
                last: wanted.coverage.last.to_string(),
            },
            is_final: plan.is_final,
            revision: plan.revision,
            digest: plan.revision_digest.clone(),
            content_digest: plan.content.hex(),
            rows,
            totals: rendered.sums.iter().map(totals).collect(),
            columns: rendered.headers.clone(),
            parts: vec![ManifestPart {
                name: plan.part_name(),
                bytes: rendered.bytes,
                sha256: hex(&rendered.sha256),
                rows,
                files: rendered.files.iter().map(file).collect(),
            }],
            export_format: super::plan::EXPORT_FORMAT,
        }
    }

    /// Writes the manifest.
    pub fn to_bytes(&self) -> Vec<u8> {
        // Strings and integers always serialise.
        let mut bytes = serde_json::to_vec_pretty(self).unwrap_or_default();
        bytes.push(b'\n');
        bytes
    }

    /// Reads a manifest.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn from_bytes(bytes: &[u8]) -> Result<Manifest, String> {
        let manifest: Manifest = serde_json::from_slice(bytes).map_err(|e| e.to_string())?;
        if manifest.format == MANIFEST_FORMAT {
            Ok(manifest)
        } else {
            Err(format!("its format is `{}`, and this program knows `{MANIFEST_FORMAT}`", manifest.format))
        }
    }

    /// Says whether two manifests tell of the same export.
    ///
    /// The number and digest of the revision may differ: a later revision may cover the same lines, and a
    /// restored store counts anew. Whether it was final may differ as well.
    pub fn same_export(&self, other: &Manifest) -> bool {
        let strip =
            |m: &Manifest| Manifest { revision: 0, digest: String::new(), is_final: false, ..m.clone() };
        strip(self) == strip(other)
    }
}
