//! What a name is made of, before it is text.

use crate::values::period::{Basis, Coverage};
use crate::values::uin::Uin;

use super::id::ExportId;
use super::words::{BillKind, Per, ScopeWord, Shape};

/// What the name of an export is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportName {
    /// The account whose bill it is: the payer, a sub-account, a customer or a second-level reseller.
    pub uin: Uin,
    /// Who owes the bill.
    pub payer: Uin,
    /// The kind.
    pub kind: BillKind,
    /// The basis.
    pub basis: Basis,
    /// The days covered. A daily name shows the last one, the others its month.
    pub coverage: Coverage,
    /// The level of detail.
    pub shape: Shape,
    /// The division into files.
    pub per: Per,
    /// Whose lines it holds.
    pub scope: ScopeWord,
    /// The id: [`super::ExportId::of`].
    pub id: ExportId,
}
