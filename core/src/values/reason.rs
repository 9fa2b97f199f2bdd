//! Why something failed: a text, and the error that it tells of.

use std::error::Error;
use std::fmt::{Display, Formatter, Result};
use std::path::Path;
use std::sync::Arc;

/// Why something failed, in words, with the error of the system or of another library where there was one.
///
/// Two are equal when they read the same.
#[derive(Clone, Debug)]
pub struct Reason {
    text: String,
    cause: Option<Arc<dyn Error + Send + Sync>>,
}

impl Reason {
    /// Tells of an error in other words.
    pub fn new(text: impl Into<String>, cause: impl Error + Send + Sync + 'static) -> Reason {
        Reason { text: text.into(), cause: Some(Arc::new(cause)) }
    }

    /// Tells of an error in its own words.
    pub fn of(cause: impl Error + Send + Sync + 'static) -> Reason {
        Reason::new(cause.to_string(), cause)
    }

    /// Tells of an error, and of the file that had it.
    pub fn at(path: &Path, cause: impl Error + Send + Sync + 'static) -> Reason {
        Reason::new(format!("`{}`: {cause}", path.display()), cause)
    }

    /// Keeps the error, and tells of it in other words.
    #[must_use]
    pub fn reworded(self, text: impl Into<String>) -> Reason {
        Reason { text: text.into(), ..self }
    }
}

impl Error for Reason {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.cause.as_deref().map(|cause| cause as _)
    }
}

impl Display for Reason {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str(&self.text)
    }
}

impl std::ops::Deref for Reason {
    type Target = str;

    fn deref(&self) -> &str {
        &self.text
    }
}

impl PartialEq for Reason {
    fn eq(&self, other: &Reason) -> bool {
        self.text == other.text
    }
}

impl Eq for Reason {}

impl<T: Into<String>> From<T> for Reason {
    fn from(text: T) -> Reason {
        Reason { text: text.into(), cause: None }
    }
}
