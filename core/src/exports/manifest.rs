//! The manifest: what an export consists of. It is written last, and once.
//!
//! Its bytes depend on the export, and on the last entry of the journal: no time, no machine, no run. Amounts are strings.

use serde::{Deserialize, Serialize};

use crate::engine::block::Sums;
use crate::engine::journal::JournalHead;
use crate::formats::schema::Column;
use crate::partners::price::{AppliedRule, Fee};
use crate::values::digest::hex;
use crate::values::period::Day;

use super::RenderedFile;
use super::form::Audience;
use super::line_headers::LineHeaders;
use super::plan::Plan;
use super::rendered::Rendered;
use super::shape::Tie;
use crate::values::money::Amount;

use super::totals::{Charged, CustomerTotal, NOT_SHOWN, Totals};

/// The name and version of the shape.
pub(super) const MANIFEST_FORMAT: &str = "billkeep.manifest/1";

/// Returns the word for what is not as it is by default.
fn told<T: Default + PartialEq + std::fmt::Display>(what: T) -> Option<String> {
    (what != T::default()).then(|| what.to_string())
}

/// A manifest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Manifest {
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
    /// `spreadsheet`; not there for `plain`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dialect: Option<String>,
    /// How the lines are presented; not there for all lines together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub form: Option<ManifestForm>,
    /// How the rows come to the total, by level and currency; not there where the rows are the lines.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ties: Vec<ManifestTie>,
    /// How rows were rounded; not there where none was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rounding: Option<String>,
    /// `customer`; not there for the partner.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audience: Option<String>,
    /// How a customer's prices were rounded; not there for the partner.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prices: Option<ManifestPrices>,
    /// The name of the manifest whose place this one takes: the same bill and days, told anew after a correction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub supersedes: Option<String>,
    /// Which header each line had in its file; not there where all lines had the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line_headers: Option<LineHeaders>,
    /// The last entry of the journal when the manifest was first made; not there in those of earlier programs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub journal: Option<ManifestJournal>,
}

/// An entry of the journal of the store that made an export: whoever has it can ask the store for it later.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ManifestJournal {
    /// The entry's number.
    pub entry: u64,
    /// Its hash in hexadecimal digits.
    pub hash: String,
}

impl From<JournalHead> for ManifestJournal {
    fn from(head: JournalHead) -> ManifestJournal {
        ManifestJournal { entry: head.entry, hash: head.hex() }
    }
}

/// How lines are presented.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ManifestForm {
    /// `l3`, `l3-monthly`, `l2`, `l1` or `pack`
    pub shape: String,
    /// `consolidated`, `customer` or `reseller`
    pub per: String,
}

/// How the rows of a level come to the total of the lines, in one currency. Decimals.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ManifestTie {
    /// `l1`, `l2`, `l3-monthly` or `l3`
    pub level: String,
    /// ISO 4217 code.
    pub currency: String,
    /// Lines that went in.
    pub lines: u64,
    /// Rows that came out, precision rows among them; of summaries those of all.
    pub rows: u64,
    /// The totals of the rows, but for the precision rows.
    pub rows_total: String,
    /// The totals of the precision rows.
    pub precision: String,
    /// The total of the lines: the sum of both.
    pub total: String,
}

/// What a customer is told of the prices in an export: not how they came about, which would tell the partner's cost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ManifestPrices {
    /// The roundings, by product and days.
    pub rounding: Vec<ManifestRounding>,
    /// How many lines have no price.
    pub unpriced_lines: u64,
    /// The fee of the month, which is in no line.
    pub fee: Option<ManifestFee>,
}

/// How prices were rounded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ManifestRounding {
    /// Of which product; `*` for all others.
    pub product: String,
    /// The first day.
    pub first: String,
    /// The last day.
    pub last: String,
    /// To so many decimals.
    pub decimals: u8,
    /// `half-up`, `half-even`, `up` or `down`
    pub mode: String,
}

/// A monthly fee.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ManifestFee {
    /// A decimal.
    pub amount: String,
    /// ISO 4217 code.
    pub currency: String,
}

/// First and last day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ManifestCoverage {
    /// `2021-04-01`
    pub first: String,
    /// `2021-04-04`
    pub last: String,
}

/// The sums of one currency.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ManifestTotals {
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
pub(crate) struct ManifestPart {
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
    /// What lies at the sink instead, where it is encrypted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sealed: Option<ManifestSealed>,
}

/// An encrypted part, as it lies at the sink.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ManifestSealed {
    /// Its name.
    pub name: String,
    /// How it is encrypted: `age`.
    pub format: String,
    /// Its length.
    pub bytes: u64,
    /// Its SHA-256 in hexadecimal digits.
    pub sha256: String,
}

/// A CSV in a part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ManifestFile {
    /// Its name.
    pub name: String,
    /// How many lines, without the header.
    pub rows: u64,
    /// Its length, unpacked.
    pub bytes: u64,
    /// Its CRC-32 in hexadecimal digits.
    pub crc32: String,
    /// Its headers, where they are not those of the export.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub columns: Option<Vec<String>>,
}

impl From<&Sums> for ManifestTotals {
    fn from(sums: &Sums) -> Self {
        let amount = |(c, _): &(Column, _)| (c.name().to_owned(), sums.amount(*c).to_string());
        ManifestTotals {
            currency: sums.currency.clone(),
            lines: sums.lines,
            total: sums.total().to_string(),
            amounts: sums.amounts.iter().map(amount).collect(),
        }
    }
}

impl Manifest {
    /// Makes the manifest of a rendered plan.
    pub(crate) fn new(plan: &Plan, rendered: &Rendered) -> Manifest {
        let wanted = &plan.wanted;
        let shaped = rendered.shaped.as_ref();
        let columns = |at: usize| shaped.and_then(|shaped| shaped.columns.get(at).cloned().flatten());
        let tie = |tie: &Tie| ManifestTie {
            level: tie.level.to_owned(),
            currency: tie.currency.clone(),
            lines: tie.lines,
            rows: tie.rows,
            rows_total: tie.rows_total.to_string(),
            precision: tie.precision.to_string(),
            total: tie.total.to_string(),
        };
        let file = |(at, file): (usize, &RenderedFile)| ManifestFile {
            name: file.name.clone(),
            rows: file.rows,
            bytes: file.bytes,
            crc32: format!("{:08x}", file.crc32),
            columns: columns(at),
        };
        let rows = rendered.files.iter().map(|f| f.rows).sum();
        Manifest {
            format: MANIFEST_FORMAT.to_owned(),
            uin: wanted.uin.to_string(),
            payer: wanted.bill.payer.to_string(),
            month: wanted.bill.month.to_string(),
            basis: wanted.bill.basis.to_string(),
            kind: wanted.kind.to_string(),
            scope: wanted.scope.word().to_string(),
            coverage: ManifestCoverage {
                first: wanted.coverage.first.to_string(),
                last: wanted.coverage.last.to_string(),
            },
            is_final: plan.is_final,
            revision: plan.revision,
            digest: plan.revision_digest.clone(),
            content_digest: plan.content.hex(),
            rows,
            totals: rendered.sums.iter().map(ManifestTotals::from).collect(),
            columns: rendered.headers.clone(),
            parts: vec![ManifestPart {
                name: plan.part_name(),
                bytes: rendered.bytes,
                sha256: hex(&rendered.sha256),
                rows,
                files: rendered.files.iter().enumerate().map(file).collect(),
                sealed: None,
            }],
            export_format: super::plan::EXPORT_FORMAT,
            dialect: told(wanted.form.dialect),
            form: shaped.map(|_| ManifestForm {
                shape: wanted.form.shape.to_string(),
                per: wanted.form.per.to_string(),
            }),
            ties: shaped.map(|shaped| shaped.ties.iter().map(tie).collect()).unwrap_or_default(),
            rounding: shaped.and_then(|shaped| shaped.rounding).map(str::to_owned),
            audience: None,
            prices: None,
            supersedes: None,
            journal: None,
            line_headers: rendered.line_headers.clone(),
        }
        .for_audience(wanted.form.audience, rendered)
    }

    /// Takes out what a customer must not be told: the partner's sums, and digests, against which costs could be guessed.
    fn for_audience(self, audience: Audience, rendered: &Rendered) -> Manifest {
        let Some(customer) = rendered.customer.as_ref().filter(|_| audience == Audience::Customer) else {
            return self;
        };
        let has_rules = !customer.prices.rules.is_empty();
        let mut manifest = self;
        (manifest.digest, manifest.content_digest) = (NOT_SHOWN.to_owned(), NOT_SHOWN.to_owned());
        // In an export that has none of a column, its sum is nobody's business either.
        let columns: Vec<Column> = rendered.headers.iter().filter_map(|h| Column::of_header(h)).collect();
        let told_totals = Totals::of(audience, rendered);
        for totals in &mut manifest.totals {
            totals.amounts.retain(|name, _| columns.iter().any(|c| c.name() == name));
            let charged = told_totals.charged(&totals.currency);
            totals.total = charged.map_or_else(|| NOT_SHOWN.to_owned(), |charged| charged.total.to_string());
            if let Some(charged) = charged {
                totals.amounts.insert("customer_price".to_owned(), charged.price.to_string());
                totals.amounts.insert("customer_total".to_owned(), charged.total.to_string());
            }
        }
        let day = |day: Option<Day>| day.map_or_else(String::new, |day| day.to_string());
        let rounding = |AppliedRule { product, rule }: &AppliedRule| ManifestRounding {
            product: if product.is_empty() { "*".to_owned() } else { product.clone() },
            first: day(rule.from),
            last: day(rule.to),
            decimals: rule.rounding.decimals,
            mode: rule.rounding.mode.word().to_owned(),
        };
        let fee = |fee: &Fee| ManifestFee { amount: fee.amount.to_string(), currency: fee.currency.clone() };
        manifest.prices = Some(ManifestPrices {
            rounding: customer.prices.rules.iter().map(rounding).collect(),
            unpriced_lines: if has_rules {
                customer.sums.values().map(|s| s.unpriced_lines).sum()
            } else {
                manifest.rows
            },
            fee: customer.prices.fee.as_ref().map(fee),
        });
        manifest.audience = told(audience);
        manifest
    }

    /// Writes the manifest.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        // Strings and integers always serialise.
        let mut bytes = serde_json::to_vec_pretty(self).unwrap_or_default();
        bytes.push(b'\n');
        bytes
    }

    /// Reads a manifest.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Manifest, String> {
        let manifest: Manifest = serde_json::from_slice(bytes).map_err(|e| e.to_string())?;
        if manifest.format != MANIFEST_FORMAT {
            return Err(format!(
                "its format is `{}`, and this program knows `{MANIFEST_FORMAT}`",
                manifest.format
            ));
        }
        let sealed = manifest.parts.iter().filter_map(|part| part.sealed.as_ref().map(|sealed| &sealed.name));
        let mut names = manifest.parts.iter().map(|part| &part.name).chain(sealed);
        match names.find(|name| !is_file_name(name)) {
            Some(name) => Err(format!("its part has the name `{name}`, which is no name of a file")),
            None => Ok(manifest),
        }
    }

    /// Reads a manifest that somebody else may have written; none unless it tells of the same export.
    pub(crate) fn told_by(&self, bytes: &[u8]) -> Option<Manifest> {
        Manifest::from_bytes(bytes).ok().filter(|theirs| theirs.same_export(self))
    }

    /// Says whether two manifests tell of the same export.
    ///
    /// The number and digest of the revision may differ: a later revision may cover the same lines, and a
    /// restored store counts anew and has another journal. Whether it was final may differ as well, and what it takes the place of; and nothing is
    /// encrypted to the same bytes twice. Earlier versions did not list the headers of lines.
    pub(crate) fn same_export(&self, other: &Manifest) -> bool {
        let strip = |m: &Manifest| {
            let (digest, supersedes) = (String::new(), None);
            let mut parts = m.parts.clone();
            for sealed in parts.iter_mut().filter_map(|part| part.sealed.as_mut()) {
                (sealed.bytes, sealed.sha256) = (0, String::new());
            }
            Manifest {
                revision: 0,
                digest,
                is_final: false,
                supersedes,
                parts,
                line_headers: None,
                journal: None,
                ..m.clone()
            }
        };
        strip(self) == strip(other)
    }
}
/// Says whether a name is that of a file in a folder: no path, and not hidden.
fn is_file_name(name: &str) -> bool {
    !name.is_empty() && !name.starts_with('.') && !name.contains(['/', '\\', '\0'])
}

impl Totals {
    /// Returns the totals that a customer's manifest states.
    pub(crate) fn of_customer_manifest(manifest: &Manifest) -> Totals {
        let amount = |text: &String| Amount::parse_cell(text.as_bytes()).ok().flatten();
        let of = |totals: &ManifestTotals| CustomerTotal {
            currency: totals.currency.clone(),
            lines: totals.lines,
            charged: Option::zip(
                totals.amounts.get("customer_price").and_then(amount),
                Some(&totals.total).filter(|total| *total != NOT_SHOWN).and_then(amount),
            )
            .map(|(price, total)| Charged { price, total }),
        };
        Totals::Customer(manifest.totals.iter().map(of).collect())
    }
}
