//! What was made again, and the manifests that it is made of.

use crate::bills::BillKey;
use crate::exports::Manifest;
use crate::values::period::Coverage;

/// How much of something was made again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RebuiltAmount {
    /// All that the sink holds of it.
    Whole,
    /// Nothing, or something less than there was.
    Not,
    /// Nothing: what lies at the sink is not what its manifest tells.
    Damaged,
}

impl RebuiltAmount {
    /// Returns the word for it.
    pub fn word(self) -> &'static str {
        match self {
            RebuiltAmount::Whole => "rebuilt",
            RebuiltAmount::Not => "not rebuilt",
            RebuiltAmount::Damaged => "damaged",
        }
    }
}

/// A manifest at the sink, and its export as it was asked for.
pub(super) struct FoundManifest {
    pub(super) name: String,
    pub(super) bytes: Vec<u8>,
    pub(super) manifest: Manifest,
    pub(super) bill: BillKey,
    pub(super) coverage: Coverage,
}
