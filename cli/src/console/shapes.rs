//! What commands' JSON looks like, for the OpenAPI document. A test asks for each and compares.

use serde_json::{Map, Value, json};

/// The JSON of a command: its name, its members beside `rows`, and the members of a row. Texts unless they say otherwise.
pub(super) struct Shape {
    pub(super) format: &'static str,
    more: &'static [&'static str],
    /// None where rows depend on the bill: its own columns are their members.
    rows: Option<&'static [&'static str]>,
}

/// Names that are whole numbers, wherever they stand.
const NUMBERS: &[&str] = &[
    "accounts",
    "added",
    "attempts",
    "bytes",
    "changed",
    "count",
    "delivered",
    "delivery",
    "dispute",
    "entries",
    "entry",
    "examples",
    "late",
    "lines",
    "load",
    "noted_entry",
    "removed",
    "revision",
    "rows",
    "settled_by",
];

/// Returns the JSON schema of a shape.
pub(super) fn schema(shape: &Shape) -> Value {
    let mut members = Map::new();
    members.insert("format".into(), json!({ "const": shape.format }));
    for name in shape.more {
        members.insert((*name).into(), more(name));
    }
    let row = match shape.rows {
        None => json!({ "type": "object" }),
        Some(columns) => {
            let of: Map<String, Value> =
                columns.iter().map(|name| ((*name).to_owned(), cell(name))).collect();
            json!({ "type": "object", "properties": of, "required": columns, "additionalProperties": false })
        }
    };
    members.insert("rows".into(), json!({ "type": "array", "items": row }));
    let required: Vec<&String> = members.keys().collect();
    json!({ "type": "object", "required": required, "properties": members, "additionalProperties": false })
}

/// A cell: a number, or an empty text where there is none.
fn cell(name: &str) -> Value {
    if NUMBERS.contains(&name) {
        json!({ "type": ["integer", "string"] })
    } else {
        json!({ "type": "string" })
    }
}

fn more(name: &str) -> Value {
    match name {
        "current" => json!({ "type": "boolean" }),
        "totals" | "checked" | "groups" | "net" | "files" | "findings" => {
            json!({ "type": "array", "items": { "type": "object" } })
        }
        "lines" => json!({ "type": ["integer", "array"] }),
        "from" | "to" | "sums" => json!({ "type": ["object", "string", "array"] }),
        _ => json!({ "type": ["string", "integer", "null"] }),
    }
}

const fn shape(
    format: &'static str,
    more: &'static [&'static str],
    rows: Option<&'static [&'static str]>,
) -> Shape {
    Shape { format, more, rows }
}

include!("shapes/list.rs");

/// Returns the shape of a command's JSON.
pub(super) fn of(words: &[&str]) -> Option<&'static Shape> {
    SHAPES.iter().find(|(known, _)| *known == words).map(|(_, shape)| shape)
}
