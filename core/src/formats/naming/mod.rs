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
mod dates;
mod export_name;
mod fault;
mod field;
mod id;
mod parse;
mod piece;
mod profile;
mod template;
mod words;

pub use export_name::ExportName;
#[cfg(test)]
pub(crate) use fault::MAX_STEM_BYTES;
pub use fault::TemplateFault;
pub use field::{NameField, NameFields};
pub use id::ExportId;
#[cfg(test)]
pub(crate) use id::parse_id;
pub use parse::{Ending, NameForm, ParsedName};
pub use profile::{BuiltIn, NameError, NameProfile};
pub use template::Template;
pub(crate) use words::words;
pub use words::{BillKind, Per, ScopeWord, Shape};

#[cfg(test)]
mod tests;
