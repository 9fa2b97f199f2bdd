//! What commands' JSON looks like, for the OpenAPI document. A test asks for each and compares.

use serde_json::{Map, Value, json};

/// The JSON of a command: its name, its members beside `rows`, and the members of a row. Texts unless they say otherwise.
struct Shape {
    format: &'static str,
    more: &'static [&'static str],
    /// None where rows depend on the bill: its own columns are their members.
    rows: Option<&'static [&'static str]>,
}

/// Returns the JSON schema of what a command gives: of one of its shapes.
pub(super) fn schema(words: &[&str]) -> Option<Value> {
    let mut all: Vec<Value> =
        SHAPES.iter().filter(|(known, _)| *known == words).map(|(_, shape)| of(shape)).collect();
    match all.len() {
        0 => None,
        1 => all.pop(),
        _ => Some(json!({ "oneOf": all })),
    }
}

fn of(shape: &Shape) -> Value {
    let row = match shape.rows {
        None => json!({ "type": "object" }),
        Some(columns) => object(columns.iter().map(|column| member(column)).collect()),
    };
    let mut members: Map<String, Value> = shape.more.iter().map(|name| member(name)).collect();
    members.insert("format".into(), json!({ "const": shape.format }));
    members.insert("rows".into(), json!({ "type": "array", "items": row }));
    object(members)
}

/// An object of these members and no others.
fn object(members: Map<String, Value>) -> Value {
    let required: Vec<&String> = members.keys().collect();
    json!({ "type": "object", "required": required, "properties": members, "additionalProperties": false })
}

/// Reads a member with its type.
fn member(text: &str) -> (String, Value) {
    let (name, kind) = text.split_once(':').unwrap_or((text, "s"));
    let kinds: Vec<&str> = kind
        .chars()
        .map(|kind| match kind {
            'i' => "integer",
            'b' => "boolean",
            'o' => "object",
            'n' => "null",
            'a' | 'l' => "array",
            _ => "string",
        })
        .collect();
    let kinds = if kind == "n" { vec!["string", "null"] } else { kinds };
    let schema = match kind {
        "a" => json!({ "type": "array", "items": { "type": "object" } }),
        "l" => json!({ "type": "array", "items": { "type": "string" } }),
        _ if kinds.len() == 1 => json!({ "type": kinds.first() }),
        _ => json!({ "type": kinds }),
    };
    (name.to_owned(), schema)
}

const fn shape(
    format: &'static str,
    more: &'static [&'static str],
    rows: Option<&'static [&'static str]>,
) -> Shape {
    Shape { format, more, rows }
}

include!("shapes/list.rs");
