//! The values of a request: of its path and query, and of a body that is a form or JSON.

use std::collections::BTreeMap;

use axum::http::{HeaderMap, header};
use serde_json::Value;

use crate::error::CommandError;

/// The values of a request, by name; a name may have several.
pub(super) type Fields = BTreeMap<String, Vec<String>>;

/// Where a form has the token of its session.
pub(super) const CSRF_FIELD: &str = "csrf";
/// The field of a form that names the others.
pub(super) const ASKS: &str = "asks";
/// The field of a form with a file.
pub(super) const FILE_FIELD: &str = "file";
/// The argument of a command that names the file.
pub(super) const FILE: &str = "files";

/// Reads `name=value&…`.
pub(super) fn pairs(text: &[u8]) -> Fields {
    let mut fields = Fields::new();
    for (name, value) in url::form_urlencoded::parse(text) {
        fields.entry(name.into_owned()).or_default().push(value.into_owned());
    }
    fields
}

/// Adds a body's values to those of path and query, which it cannot change.
pub(super) fn merge(fields: &mut Fields, headers: &HeaderMap, body: &[u8]) -> Result<(), CommandError> {
    let of_path = fields.clone();
    let is = |kind: &str| {
        let value =
            headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        value.split(';').next().is_some_and(|value| value.trim().eq_ignore_ascii_case(kind))
    };
    let given = if is("application/x-www-form-urlencoded") {
        pairs(body)
    } else if is("application/json") {
        of_json(body)?
    } else if body.is_empty() {
        Fields::new()
    } else {
        return Err(CommandError::user("the body is neither JSON nor a form: say which with `Content-Type`"));
    };
    for (name, values) in given {
        if of_path.contains_key(&name) {
            return Err(CommandError::user(format!("`{name}` is in the path or the query already")));
        }
        fields.insert(name, values);
    }
    Ok(())
}

fn of_json(body: &[u8]) -> Result<Fields, CommandError> {
    if body.is_empty() {
        return Ok(Fields::new());
    }
    let value: BTreeMap<String, Value> = serde_json::from_slice(body)
        .map_err(|e| CommandError::user(format!("the body is no JSON object: {e}")))?;
    let text = |name: &str, value: Value| match value {
        Value::String(text) => Ok(text),
        Value::Bool(_) | Value::Number(_) => Ok(value.to_string()),
        _ => Err(CommandError::user(format!("`{name}` is neither text, a number nor true or false"))),
    };
    let mut fields = Fields::new();
    for (name, value) in value {
        let values = match value {
            Value::Null => continue,
            Value::Array(values) => {
                values.into_iter().map(|value| text(&name, value)).collect::<Result<Vec<_>, _>>()?
            }
            value => vec![text(&name, value)?],
        };
        fields.insert(name, values);
    }
    Ok(fields)
}
