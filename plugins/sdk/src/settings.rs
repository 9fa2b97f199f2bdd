//! Settings: what the operator said with `--set NAME=VALUE`.

use crate::Error;
use crate::json::{self, Value};

/// The settings of a sink.
#[derive(Clone, Debug)]
pub struct Settings {
    value: Value,
}

impl Settings {
    /// Reads the JSON that the host gives.
    ///
    /// # Errors
    /// When it is no object.
    pub fn read(text: &str) -> Result<Settings, Error> {
        match json::read(text) {
            Some(value @ Value::Object(_)) => Ok(Settings { value }),
            _ => Err(Error::setting("", "settings are a JSON object")),
        }
    }

    /// A text that has to be there.
    ///
    /// # Errors
    /// When it is not.
    pub fn text(&self, name: &str) -> Result<String, Error> {
        self.maybe_text(name)?.ok_or_else(|| Error::setting(name, format!("`{name}` is missing")))
    }

    /// A text that may be there.
    ///
    /// # Errors
    /// When it is something else.
    pub fn maybe_text(&self, name: &str) -> Result<Option<String>, Error> {
        match self.value.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Text(text)) => Ok(Some(text.clone())),
            Some(_) => Err(Error::setting(name, format!("`{name}` has to be a text"))),
        }
    }

    /// A whole number, or what it is where nothing was said.
    ///
    /// # Errors
    /// When it is something else.
    pub fn number(&self, name: &str, usual: u64) -> Result<u64, Error> {
        match self.value.get(name) {
            None | Some(Value::Null) => Ok(usual),
            Some(value) => value
                .as_u64()
                .ok_or_else(|| Error::setting(name, format!("`{name}` has to be a whole number"))),
        }
    }

    /// Yes or no, or what it is where nothing was said.
    ///
    /// # Errors
    /// When it is something else.
    pub fn flag(&self, name: &str, usual: bool) -> Result<bool, Error> {
        match self.value.get(name) {
            None | Some(Value::Null) => Ok(usual),
            Some(Value::Flag(flag)) => Ok(*flag),
            Some(_) => Err(Error::setting(name, format!("`{name}` has to be true or false"))),
        }
    }

    /// Everything, for settings of a deeper form.
    pub fn value(&self) -> &Value {
        &self.value
    }
}
