//! Errors: the kind says what the host does.

use crate::bindings::billkeep::sink::types::{Error, ErrorKind, Object, Receipt};

impl Error {
    /// An error of a kind, with a code that people can search for, and words.
    pub fn new(kind: ErrorKind, code: &str, message: impl Into<String>) -> Error {
        Error {
            kind,
            code: code.to_owned(),
            message: message.into(),
            retry_after_ms: None,
            field: None,
            http_status: None,
        }
    }

    /// A setting is wrong: which one, and what it has to be.
    pub fn setting(name: &str, message: impl Into<String>) -> Error {
        Error { field: Some(format!("/{name}")), ..Error::new(ErrorKind::Config, "SETTING", message) }
    }
}

impl Receipt {
    /// A receipt for all of an object.
    pub fn of(object: &Object, location: impl Into<String>) -> Receipt {
        Receipt {
            location: location.into(),
            bytes_written: object.size,
            remote_checksum: None,
            tags: Vec::new(),
        }
    }
}
