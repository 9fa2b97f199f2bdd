//! What the provider's files look like: columns, file names, containers, encodings, and how cells are read and written.

pub(crate) mod archive;
pub(crate) mod container;
pub mod dialect;
pub(crate) mod forms;
pub mod limits;
pub(crate) mod line_ends;
pub mod naming;
pub mod schema;
pub mod text;
