//! `GET /api_docs/0.json`: the instance's own description of its API, Swagger
//! 2.0, made from the catalog. Custom fields are not in it. Names, types and
//! marks are the release's; a real description has prose as well.

use std::sync::LazyLock;

use bytes::Bytes;
use coupa_catalog::{Field, FieldKind};
use http::{Method, StatusCode};
use serde_json::{Map, Value, json};

use super::Shared;
use super::request::Request;
use crate::auth;
use crate::media::{Answer, Content, Media};
use crate::refusal::Refusal;

/// The paths that answer it.
const PATHS: [&str; 2] = ["/api_docs/0", "/api_docs/0.json"];

/// The verbs by their letters in the catalog.
const VERBS: [(char, &str); 5] = [
    ('G', "get"),
    ('P', "post"),
    ('U', "put"),
    ('A', "patch"),
    ('D', "delete"),
];

static DOCUMENT: LazyLock<Bytes> = LazyLock::new(|| document().to_string().into());

/// Whether a path is about the description.
pub fn is_meant(path: &str) -> bool {
    path.starts_with("/api_docs/")
}

/// Answers a request for the description. It takes the scope that third
/// parties list for it, `core.common.read`.
pub fn answer(shared: &Shared, request: &Request) -> Result<Answer, Refusal> {
    auth::authorize(
        &shared.configuration,
        &shared.tokens,
        &shared.switches(),
        &request.headers,
        &request.method,
        "api_docs",
    )?;
    match (PATHS.contains(&request.path.as_str()), &request.method) {
        (true, &Method::GET) => {
            let document = Content::Held(DOCUMENT.clone());
            Ok(Answer::binary(document, Media::Json.content_type()))
        }
        (true, _) => Err(Refusal::MethodNotAllowed),
        (false, _) => Err(Refusal::NotFound),
    }
}

fn document() -> Value {
    let paths: Map<String, Value> = coupa_catalog::paths()
        .map(|(path, verbs)| (format!("/{path}"), operations(path, verbs)))
        .collect();
    let definitions: Map<String, Value> = coupa_catalog::record_types()
        .map(|name| (name.to_owned(), definition(name)))
        .collect();
    json!({
        "swagger": "2.0",
        "info": {"title": "Coupa API", "version": coupa_catalog::release()},
        "basePath": "/api",
        "produces": ["application/json", "application/xml"],
        "consumes": ["application/json", "application/xml"],
        "paths": paths,
        "definitions": definitions,
    })
}

fn operations(path: &str, verbs: &str) -> Value {
    let named = VERBS.iter().filter(|(letter, _)| verbs.contains(*letter));
    let operations: Map<String, Value> = named
        .map(|(letter, verb)| ((*verb).to_owned(), operation(path, *letter)))
        .collect();
    Value::Object(operations)
}

fn operation(path: &str, letter: char) -> Value {
    let parameters: Vec<Value> = path
        .split('{')
        .skip(1)
        .filter_map(|part| part.split_once('}'))
        .map(|(name, _)| json!({"name": name, "in": "path", "required": true, "type": "integer"}))
        .collect();
    let status = if letter == 'P' {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    let mut responses = Map::new();
    let reason = status.canonical_reason().unwrap_or_default();
    let mut success = json!({"description": reason});
    if let Some(schema) = schema(path, letter) {
        success["schema"] = schema;
    }
    responses.insert(status.as_str().to_owned(), success);
    for (status, reason) in [("400", "Bad Request"), ("404", "Not Found")] {
        responses.insert(status.to_owned(), json!({"description": reason}));
    }
    json!({"parameters": parameters, "responses": responses})
}

/// What a path answers: a list on a collection, and one record elsewhere.
fn schema(path: &str, letter: char) -> Option<Value> {
    let owner = coupa_catalog::collections()
        .filter(|collection| {
            path.strip_prefix(collection.path)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with("/{id}"))
        })
        .max_by_key(|collection| collection.path.len())?;
    let reference = json!({"$ref": format!("#/definitions/{}", owner.record_type)});
    match letter {
        'D' => None,
        'G' if owner.path == path => Some(json!({"type": "array", "items": reference})),
        _ => Some(reference),
    }
}

fn definition(name: &'static str) -> Value {
    let fields: Vec<Field> = coupa_catalog::fields(name).collect();
    let required: Vec<&str> = fields
        .iter()
        .filter(|field| field.required)
        .map(|field| field.name)
        .collect();
    let properties: Map<String, Value> = fields
        .iter()
        .map(|field| (field.name.to_owned(), property(field)))
        .collect();
    let mut definition = json!({"type": "object", "properties": properties});
    if !required.is_empty() {
        definition["required"] = json!(required);
    }
    definition
}

fn property(field: &Field) -> Value {
    let reference = |name: &str| json!({"$ref": format!("#/definitions/{name}")});
    let mut property = match field.kind {
        FieldKind::Integer => json!({"type": "integer"}),
        FieldKind::Boolean => json!({"type": "boolean"}),
        FieldKind::DateTime => json!({"type": "string", "format": "date-time"}),
        FieldKind::Date => json!({"type": "string", "format": "date"}),
        FieldKind::Decimal(None) => json!({"type": "number", "format": "decimal"}),
        FieldKind::Decimal(Some((precision, scale))) => {
            json!({"type": "number", "format": format!("decimal({precision},{scale})")})
        }
        FieldKind::Float => json!({"type": "number", "format": "float"}),
        FieldKind::Text(None) => json!({"type": "string"}),
        FieldKind::Text(Some(limit)) => json!({"type": "string", "maxLength": limit}),
        FieldKind::Record(name) => reference(name),
        FieldKind::Records(name) => json!({"type": "array", "items": reference(name)}),
        FieldKind::List => json!({"type": "array", "items": {}}),
        FieldKind::Unknown => json!({}),
    };
    if field.read_only {
        property["readOnly"] = true.into();
    }
    if !field.choices.is_empty() {
        property["enum"] = json!(field.choices);
    }
    property
}
