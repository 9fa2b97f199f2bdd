//! A plugin's settings: words, as they were said, to the JSON that its schema asks for.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// Makes a JSON object of settings. A schema that says of one that it is a number, a list or the like has it read as JSON; any
/// other is a text.
///
/// # Errors
/// A setting that is not what the schema says it is, or a schema that is none.
pub fn config(schema: &str, settings: &BTreeMap<String, String>) -> Result<String, String> {
    let schema: Value = if schema.trim().is_empty() {
        Value::Null
    } else {
        serde_json::from_str(schema).map_err(|e| format!("its schema of settings is no JSON: {e}"))?
    };
    let mut object = Map::new();
    for (name, text) in settings {
        let wanted = schema.get("properties").and_then(|p| p.get(name)).and_then(|p| p.get("type"));
        let value = match wanted.and_then(Value::as_str) {
            None | Some("string") => Value::String(text.clone()),
            Some(wanted) => serde_json::from_str(text)
                .map_err(|_| format!("setting `{name}` has to be a JSON {wanted}, and `{text}` is none"))?,
        };
        object.insert(name.clone(), value);
    }
    Ok(Value::Object(object).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_of_the_types_that_the_schema_has() {
        let schema =
            r#"{"properties":{"n":{"type":"integer"},"to":{"type":"array"},"name":{"type":"string"}}}"#;
        let of = |settings: &[(&str, &str)]| {
            config(schema, &settings.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect())
        };
        let made = of(&[("n", "3"), ("to", "[\"a\"]"), ("name", "12"), ("other", "x")]).unwrap();
        assert_eq!(made, r#"{"n":3,"name":"12","other":"x","to":["a"]}"#);
        assert!(of(&[("n", "three")]).unwrap_err().contains("`n` has to be a JSON integer"));
        assert!(config("{", &BTreeMap::new()).is_err());
        assert_eq!(config("", &BTreeMap::new()).unwrap(), "{}");
    }
}
