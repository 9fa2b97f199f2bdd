//! The pieces of a template.

use super::field::Field;

/// A piece of a template.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Piece {
    Literal(String),
    Field(Field),
}
