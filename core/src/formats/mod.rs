//! What the provider's files look like: columns, file names, containers, encodings, and how cells are read and written.

pub(crate) mod archive;
pub(crate) mod container;
pub(crate) mod dialect;
pub(crate) mod forms;
pub(crate) mod limits;
pub(crate) mod line_ends;
pub(crate) mod naming;
pub(crate) mod schema;
pub(crate) mod text;

pub use archive::is_junk;
pub use container::Foreign;
pub use dialect::{CellKind, Dialect};
pub use forms::CellCause;
pub use limits::Limits;
pub use naming::{
    BillKind, BuiltIn, Ending, ExportId, ExportName, NameError, NameField, NameFields, NameForm, NameProfile,
    ParsedName, Per, ScopeWord, Shape, Template, TemplateFault,
};
pub use schema::{BillLevel, Column, ColumnClass, ForCustomer, Missing, Schema, SchemaError};
pub use text::{CsvReading, Detection, Encoding};
