//! The OpenAPI document, made of the routes, the command line's definition and the shapes of commands' JSON.

use serde_json::{Map, Value, json};

use super::command_map::{Argument, CommandSpec};
use super::fields::Fields;
use super::json_shapes;
use super::route::{API, Action, Method, Route};
use billkeep_core::partners::PersonRole;

/// Makes the document.
pub(super) fn document(routes: &[Route]) -> Value {
    let mut paths: Map<String, Value> = Map::new();
    for route in routes {
        let Some(spec) = route.spec().filter(|_| !matches!(route.action, Action::Form(..))) else { continue };
        let method = if route.method == Method::Get { "get" } else { "post" };
        let path = paths.entry(format!("{API}{}", route.path)).or_insert_with(|| json!({}));
        if let Some(path) = path.as_object_mut() {
            path.insert(method.into(), operation(route, spec));
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "billkeep",
            "version": env!("CARGO_PKG_VERSION"),
            "summary": "The commands of billkeep over HTTP: the same names, values and shapes as the command line's.",
            "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" },
        },
        "security": [{ "token": [] }, { "session": [] }],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "token": { "type": "http", "scheme": "bearer", "description": "Made by `billkeep user token`" },
                "session": { "type": "apiKey", "in": "cookie", "name": super::session::COOKIE, "description": "A browser's; changes need `X-CSRF-Token` as well" },
            },
            "schemas": { "Error": error(), "Changed": changed() },
        },
    })
}

fn error() -> Value {
    json!({
        "type": "object",
        "required": ["format", "error"],
        "additionalProperties": false,
        "properties": {
            "format": { "const": "billkeep.error/1" },
            "said": { "type": "array", "items": { "type": "string" }, "description": "What the command said before it failed" },
            "data": { "type": ["object", "array"], "description": "What came of it all the same" },
            "error": {
                "type": "object",
                "required": ["kind", "message", "hints"],
                "additionalProperties": false,
                "properties": {
                    "kind": { "enum": ["user", "refused", "damaged", "passing", "internal"] },
                    "message": { "type": "string" },
                    "hints": { "type": "array", "items": { "type": "string" } },
                },
            },
        },
    })
}

fn changed() -> Value {
    json!({
        "type": "object",
        "required": ["format", "said", "data"],
        "additionalProperties": false,
        "properties": {
            "format": { "const": "billkeep.changed/1" },
            "said": { "type": "array", "items": { "type": "string" }, "description": "What was done, in sentences" },
            "data": { "description": "What the command gives with `--format json`", "type": ["object", "array", "null"] },
        },
    })
}

fn operation(route: &Route, spec: &CommandSpec) -> Value {
    let of_path = |argument: &&Argument| route.path.contains(&format!("{{{}}}", argument.id));
    let arguments = spec.arguments();
    let mut parameters: Vec<Value> =
        arguments.iter().filter(of_path).map(|a| parameter(a, "path", true)).collect();
    let rest: Vec<&Argument> = arguments.iter().filter(|argument| !of_path(argument)).collect();
    let mut operation = Map::new();
    operation.insert("operationId".into(), spec.words.join("-").into());
    operation.insert("summary".into(), spec.about().into());
    if let Some(role) = role(spec, &arguments) {
        operation.insert("x-role".into(), role.word().into());
    }
    let mut responses = Map::new();
    match &route.action {
        Action::Query(_) => {
            parameters.extend(rest.iter().map(|a| parameter(a, "query", a.required)));
            let schema = json_shapes::schema(spec.words).unwrap_or_else(|| json!({ "type": "object" }));
            responses.insert("200".into(), answer("The data", "application/json", &schema));
            responses.insert("304".into(), json!({ "description": "It is as the `If-None-Match` says" }));
        }
        Action::Custom(..) => {
            parameters.extend(rest.iter().map(|a| parameter(a, "query", a.required)));
            responses.insert("200".into(), answer("The file", "text/csv", &json!({ "type": "string" })));
        }
        Action::Upload(_) => {
            let in_query = rest.iter().filter(|a| a.id != "files");
            parameters.extend(in_query.map(|a| parameter(a, "query", false)));
            let name = json!({ "type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[^/\\\\\\x00-\\x1f\\x7f]+$" });
            parameters.push(json!({ "name": "name", "in": "query", "required": true, "description": "The file's name", "schema": name }));
            operation.insert("requestBody".into(), json!({
                "required": true,
                "content": { "application/octet-stream": { "schema": { "type": "string", "format": "binary" } } },
            }));
            responses.insert(
                "200".into(),
                answer("It was done", "application/json", &json!({ "$ref": "#/components/schemas/Changed" })),
            );
        }
        Action::Change(_) => {
            if !rest.is_empty() {
                operation.insert("requestBody".into(), body(&rest));
            }
            responses.insert(
                "200".into(),
                answer("It was done", "application/json", &json!({ "$ref": "#/components/schemas/Changed" })),
            );
        }
        Action::Page(_) | Action::Open(_) | Action::OpenApi | Action::Form(..) => {}
    }
    if route.is_change() {
        parameters.push(header(
            "Idempotency-Key",
            "The change is made once for each key, for a week",
            json!({ "type": "string", "pattern": "^[!-~]{1,128}$" }),
        ));
        if route.path.contains("{month}") {
            parameters.push(header(
                "If-Match",
                "Only if the bill is as it was: `\"DIGEST-STATE\"`",
                json!({ "type": "string", "pattern": "^[ -~]*$" }),
            ));
            responses.insert("412".into(), failure("The bill is not as it was"));
        }
    }
    for (status, what) in [
        ("400", "A value is none, or is missing"),
        ("401", "Nobody has signed in"),
        ("403", "Whoever has may not"),
        ("404", "It is not there"),
        ("409", "The state does not allow it, or damage was found"),
        ("405", "Not in that way"),
        ("421", "By a name that is not this server's"),
        ("500", "The machine has failed"),
        ("503", "Busy, or a fault that may pass: try again"),
    ] {
        responses.insert(status.into(), failure(what));
    }
    // What does not get so far has no body.
    for (status, what) in [("414", "Path and query are too long"), ("431", "The headers are too long")] {
        responses.insert(status.into(), json!({ "description": what }));
    }
    operation.insert("parameters".into(), parameters.into());
    operation.insert("responses".into(), Value::Object(responses));
    Value::Object(operation)
}

/// The role that a command needs: asked of one that is made of sample values, and of one of those that may be left out where
/// one of several has to be given.
fn role(spec: &CommandSpec, arguments: &[Argument]) -> Option<PersonRole> {
    let (required, rest): (Vec<&Argument>, Vec<&Argument>) = arguments.iter().partition(|a| a.required);
    let fields: Fields = required.iter().map(|a| (a.id.clone(), vec![sample(a)])).collect();
    let with = |more: &&Argument| {
        let mut fields = fields.clone();
        fields.insert(more.id.clone(), vec![if more.flag { "true".to_owned() } else { sample(more) }]);
        spec.role(&fields)
    };
    spec.role(&fields).or_else(|| rest.iter().find_map(with))
}

/// A value of an argument.
fn sample(argument: &Argument) -> String {
    let schema = argument.one_schema();
    if let Some(first) = schema.get("enum").and_then(|all| all.get(0)).and_then(Value::as_str) {
        return first.to_owned();
    }
    match argument.id.as_str() {
        "month" => "2021-03".into(),
        "uin" => "100000000001".into(),
        "number" => "1".into(),
        "digest" => "000000".into(),
        _ if schema.get("format").is_some() => "2021-03-01".into(),
        _ if schema.get("type") == Some(&json!("integer")) => "1".into(),
        "lines" => "1-1".into(),
        "filter" => "owner=1".into(),
        _ => "x".into(),
    }
}

fn parameter(argument: &Argument, place: &str, required: bool) -> Value {
    json!({
        "name": argument.id,
        "in": place,
        "required": required,
        "description": argument.help,
        "schema": if place == "path" { argument.one_schema().clone() } else { argument.schema() },
    })
}

fn header(name: &str, what: &str, schema: Value) -> Value {
    json!({ "name": name, "in": "header", "required": false, "description": what, "schema": schema })
}

fn body(arguments: &[&Argument]) -> Value {
    let described = |argument: &Argument| {
        let mut schema = argument.schema();
        if let Some(schema) = schema.as_object_mut() {
            schema.insert("description".into(), argument.help.clone().into());
        }
        (argument.id.clone(), schema)
    };
    let properties: Map<String, Value> = arguments.iter().map(|argument| described(argument)).collect();
    let required: Vec<&str> = arguments.iter().filter(|a| a.required).map(|a| a.id.as_str()).collect();
    let schema = json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false });
    json!({ "required": !required.is_empty(), "content": { "application/json": { "schema": schema } } })
}

fn answer(what: &str, kind: &str, schema: &Value) -> Value {
    json!({ "description": what, "content": { kind: { "schema": schema } } })
}

fn failure(what: &str) -> Value {
    answer(what, "application/json", &json!({ "$ref": "#/components/schemas/Error" }))
}
