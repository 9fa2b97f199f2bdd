//! What an export is to hold.

use serde::{Deserialize, Serialize};

use crate::bills::BillKey;
use crate::formats::naming::{BillKind, ScopeWord};
use crate::values::period::Coverage;
use crate::values::uin::Uin;

use super::form::ExportForm;

/// Whose lines an export holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Scope {
    /// All lines that the payer owes.
    Payer,
    /// The customers' lines, without the payer's own (docs/DOMAIN.md#kinds-of-bills: the reseller bill).
    Customers,
    /// One account's lines.
    Owner(Uin),
    /// The payer's own lines, without the customers' (docs/DOMAIN.md#parties: self-use).
    SelfUse,
    /// The lines of a second-level reseller and of whoever stands below it on the lines' days.
    Reseller(Uin),
}

impl Scope {
    /// Returns the word that names have for it.
    pub fn word(self) -> ScopeWord {
        match self {
            Scope::Payer => ScopeWord::Payer,
            Scope::Customers => ScopeWord::Customers,
            Scope::Owner(_) => ScopeWord::Owner,
            Scope::SelfUse => ScopeWord::SelfUse,
            Scope::Reseller(_) => ScopeWord::Reseller,
        }
    }

    /// Returns the words for it: with whose they are, where it is one account's.
    pub fn words(self) -> String {
        match self {
            Scope::Payer | Scope::Customers | Scope::SelfUse => self.word().to_string(),
            Scope::Owner(uin) | Scope::Reseller(uin) => format!("{} {uin}", self.word()),
        }
    }
}

/// What is to be exported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WantedExport {
    /// After which account the file is named.
    pub uin: Uin,
    /// Which kind.
    pub kind: BillKind,
    /// From which bill.
    pub bill: BillKey,
    /// Which days of it.
    pub coverage: Coverage,
    /// Whose lines.
    pub scope: Scope,
    /// How many rows a CSV may have, the header not counted.
    pub rows_per_file: u64,
    /// How they are presented.
    pub form: ExportForm,
}

/// Returns the last day of coverage, as blocks and segments count it.
pub(super) fn coverage_last_day(coverage: Coverage) -> u8 {
    coverage.last.day_of_month() as u8
}
