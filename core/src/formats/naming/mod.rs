//! File names: how an export is named, and what the name of a file that came in says.
//!
//! Names are rendered in a profile: a built-in one, of which `seed-2021` is the default, or a user's template. They are
//! parsed in every form that is known (docs/DOMAIN.md#file-names). docs/NAMES.md has all forms and rules.
//!
//! - `words.rs`: kind, shape, division, scope
//! - `id.rs`: the id that every name carries
//! - `field.rs`: the fields of a name, written and read
//! - `template.rs`, `ambiguity.rs`: a name as text with fields, and whether it can be read in one way only
//! - `profile.rs`: the profiles
//! - `parse.rs`: the provider's forms
//!
//! Everything here is a function from values to values.
//!
//! Invariants: every name carries the id, so different exports have different names, however letters are compared;
//! what is rendered is parsed back; a name has only characters that file systems and object stores keep as they
//! are, and is at most [`MAX_STEM_BYTES`] long.

mod ambiguity;
mod field;
mod id;
mod parse;
mod profile;
mod template;
mod words;

pub use field::{Field, NameFields};
pub use id::{ExportId, export_id, parse_id};
pub use parse::{Ending, Form, ParsedName, parse};
pub use profile::{BuiltIn, NameError, NameProfile, parse_built_in};
pub use template::{MAX_STEM_BYTES, Template, TemplateFault};
pub(crate) use words::words;
pub use words::{Kind, Per, ScopeWord, Shape};

use crate::values::period::{Basis, Coverage};
use crate::values::uin::Uin;

/// What the name of an export is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportName {
    /// The account whose bill it is: the payer, a sub-account, a customer or a second-level reseller.
    pub uin: Uin,
    /// Who owes the bill.
    pub payer: Uin,
    /// The kind.
    pub kind: Kind,
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
    /// The id: [`export_id`].
    pub id: ExportId,
}

impl ExportName {
    /// Renders the name without its ending, in the default profile, `seed-2021`.
    pub fn stem(&self) -> String {
        NameProfile::default().stem(self)
    }
}

#[cfg(test)]
mod tests;
