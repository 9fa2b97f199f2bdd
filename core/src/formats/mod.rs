//! What the provider's files look like: columns, file names, encodings of text.

pub(crate) mod line_ends;
pub mod naming;
pub mod schema;
pub mod text;
