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

/// The shapes of commands, by their words. A name without a colon is a text; `:i` a whole number, `:s` a text as well, `:n` none as
/// well, `:b` true or false, `:o` an object, `:a` a list of objects, `:l` a list of texts.
#[rustfmt::skip]
const SHAPES: &[(&[&str], Shape)] = &[
    (&["account", "contract", "list"], shape("billkeep.account.contract.list/1", &[], Some(&["discount", "from", "product", "to", "uin"]))),
    (&["account", "list"], shape("billkeep.account.list/1", &[], Some(&["actor", "from", "name", "parent", "reason", "role", "time", "uin", "until"]))),
    (&["account", "price", "list"], shape("billkeep.account.price.list/1", &[], Some(&["currency", "decimals", "figure", "from", "product", "rounding", "rule", "to", "uin"]))),
    (&["account", "tree"], shape("billkeep.account.tree/1", &["on"], Some(&["account", "depth:i", "lines", "months", "name", "parent", "role", "totals"]))),
    (&["audit", "list"], shape("billkeep.audit.list/1", &[], Some(&["action", "actor", "after", "at", "before", "detail", "entry:i", "hash", "previous", "reason", "subject"]))),
    (&["audit", "verify"], shape("billkeep.audit.verify/1", &[], Some(&["entries:i", "last_hash", "noted_entry:is", "recorded_from_entry:is", "commits_since:i"]))),
    (&["bill", "diff"], shape("billkeep.bill.diff/1", &["added:i", "basis", "changed:i", "from:o", "groups:a", "month", "net:a", "removed:i", "to:o"], None)),
    (&["bill", "explain"], shape("billkeep.bill.explain/1", &["basis", "digest", "month", "revision:i", "totals:a"], None)),
    (&["bill", "lines"], shape("billkeep.bill.lines/1", &[], None)),
    (&["bill", "lint"], shape("billkeep.bill.lint/1", &["basis", "checked:a", "lines:i", "month", "revision:i"], None)),
    (&["bill", "list"], shape("billkeep.bill.list/1", &[], Some(&["basis", "currency", "digest", "lines:i", "month", "revision:i", "state", "through", "total"]))),
    (&["bill", "margin"], shape("billkeep.bill.margin/1", &["basis", "digest", "month", "revision:i", "rules:a", "totals:a"], None)),
    (&["bill", "revisions"], shape("billkeep.bill.revisions/1", &["basis", "current:i", "month"], Some(&["actor", "currency", "digest", "files", "lines:i", "parent:i", "revision:i", "sha256", "time", "total"]))),
    (&["bill", "show"], shape("billkeep.bill.show/1", &["basis", "current:b", "digest", "month", "revision:i", "state", "totals:a"], None)),
    (&["calendar", "list"], shape("billkeep.calendar.list/1", &[], Some(&["basis", "followed", "lag_days:i", "monthly_day:i", "name", "reseller_day:i", "zone"]))),
    (&["delivery", "list"], shape("billkeep.delivery.list/1", &[], Some(&["bytes:is", "delivery:i", "due_on", "first_day", "kind", "last_day", "location", "part", "rows:is", "sha256", "sink", "state", "uin"]))),
    (&["delivery", "show"], shape("billkeep.delivery.show/1", &[], Some(&["value", "what"]))),
    (&["dispute", "list"], shape("billkeep.dispute.list/1", &[], Some(&["amount", "basis", "currency", "direction", "dispute:i", "lines:i", "month", "reason", "set_aside", "settled_by:is", "state"]))),
    (&["dispute", "show"], shape("billkeep.dispute.show/1", &["amount", "basis", "currency", "direction", "dispute:i", "lines:l", "lines_total", "month", "reason", "revision:i", "set_aside:n", "settled_by:in", "state"], Some(&["actor", "note", "state", "time"]))),
    (&["due"], shape("billkeep.due/1", &["at", "on"], Some(&["due", "first_day", "kind", "last_day", "sink", "uin", "why"]))),
    (&["due"], shape("billkeep.due.days/1", &["from", "to"], Some(&["at", "first_day", "kind", "last_day", "on", "sink", "state", "uin", "why"]))),
    (&["expected"], shape("billkeep.expected/1", &["on"], Some(&["basis", "due", "file", "kind", "last_day", "late_days:is", "missing_days", "month", "next", "other_file", "through", "verdict", "what"]))),
    (&["late", "list"], shape("billkeep.late.list/1", &[], Some(&["accounts:i", "actor", "basis", "cause", "difference", "file", "late:i", "lines:i", "load:i", "month", "reason", "revision:i", "sha256", "state", "time"]))),
    (&["late", "show"], shape("billkeep.late.show/1", &["basis", "carried_before:o", "cause", "file", "late:i", "load:i", "losses:a", "month", "reason:n", "reasons:l", "revision:i", "sha256", "state"], Some(&["currency", "difference", "lines:i", "owner"]))),
    (&["notify", "list"], shape("billkeep.notify.list/1", &[], Some(&["events", "how", "name", "options", "pending:i"]))),
    (&["notify", "log"], shape("billkeep.notify.log/1", &[], Some(&["at", "attempts:i", "event", "next_at", "notifier", "number:i", "sent_at", "subject", "why"]))),
    (&["retention", "show"], shape("billkeep.retention/1", &[], Some(&["days", "what", "where"]))),
    (&["settings", "show"], shape("billkeep.settings/1", &[], Some(&["changed_by", "setting", "value"]))),
    (&["sink", "list"], shape("billkeep.sink.list/1", &[], Some(&["audience", "create_only", "dialect", "name", "naming", "per", "rows_per_file:i", "shape", "url"]))),
    (&["status"], shape("billkeep.status/1", &["on"], Some(&["next", "or:a", "section", "subject", "text"]))),
    (&["storage", "history"], shape("billkeep.storage.history/1", &[], Some(&["actor", "delivered:is", "from", "kind", "reason", "said", "sink", "time", "uin", "until", "what"]))),
    (&["storage", "status"], shape("billkeep.storage.status/2", &["on"], Some(&["after", "allowed", "authorised", "custom_bills", "from", "kind", "lines", "next", "sink", "uin", "until"]))),
    (&["store", "stats"], shape("billkeep.store.stats/1", &[], Some(&["count:i", "what"]))),
    (&["user", "list"], shape("billkeep.user.list/1", &[], Some(&["name", "role", "tokens"]))),
];
