//! The pieces of a template.

use super::field::NameField;

/// A piece of a template.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum TemplatePiece {
    Literal(String),
    Field(NameField),
}
