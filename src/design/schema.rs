//! JSON Schema (draft 2020-12) of an object, from the catalog.
//!
//! What is read and what is written have different shapes: an answer shows
//! whole records one level deep, a request refers to them by a natural key or
//! the id. Nothing is closed (`additionalProperties`), because every Coupa has
//! custom fields of its own.

use crate::activities;
use crate::contract::Error;
use coupa_catalog::{Field, FieldKind};
use serde_json::{Map, Value, json};

/// The shapes of what goes in and what comes out, as JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shape {
    pub request: Option<String>,
    pub response: Option<String>,
}

/// The shape of one object for one activity.
///
/// # Errors
/// If there is no such activity or object, or Coupa does not offer the one for
/// the other.
pub fn shape(activity: &str, object: &str) -> Result<Shape, Error> {
    // A nested collection has the same shape under every parent.
    let collection = match coupa_catalog::find_collection(object) {
        Some(collection) => collection,
        None => activities::collection(object)?,
    };
    let allowed = activities::allowed(&collection);
    if !allowed.contains(&activity) {
        return Err(Error::setting(
            "call.not-allowed",
            format!("Coupa does not offer “{activity}” for {object}"),
        )
        .remedy(format!("It offers: {}.", allowed.join(", "))));
    }
    let record_type = collection.record_type;
    let needed = match activity {
        "create" => coupa_catalog::needed_to_create(record_type),
        _ => Vec::new(),
    };
    Ok(Shape {
        request: (activity != "query")
            .then(|| document(request(record_type, &needed, Depth::Record), record_type)),
        response: Some(document(response(record_type, Depth::Record), record_type)),
    })
}

/// How far a schema has gone down.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Depth {
    /// The record itself.
    Record,
    /// A record in it, or a line of it.
    Inner,
}

fn document(mut schema: Value, record_type: &str) -> String {
    if let Some(schema) = schema.as_object_mut() {
        schema.insert(
            "$schema".to_owned(),
            json!("https://json-schema.org/draft/2020-12/schema"),
        );
        schema.insert("title".to_owned(), json!(record_type));
    }
    schema.to_string()
}

fn response(record_type: &str, depth: Depth) -> Value {
    let mut properties = Map::new();
    for field in coupa_catalog::fields(record_type) {
        let mut schema = match (field.kind, depth) {
            (FieldKind::Record(target), Depth::Record) => response(target, Depth::Inner),
            (FieldKind::Record(target), Depth::Inner) => reference(target),
            (FieldKind::Records(target), Depth::Record) => {
                json!({ "type": "array", "items": response(target, Depth::Inner) })
            }
            (FieldKind::Records(target), Depth::Inner) => {
                json!({ "type": "array", "items": reference(target) })
            }
            _ => scalar(&field),
        };
        if field.read_only {
            mark_read_only(&mut schema);
        }
        // Coupa shows any empty value as null, except the id and lists.
        if field.name != "id" {
            allow_null(&mut schema);
        }
        properties.insert(field.name.to_owned(), schema);
    }
    properties
        .entry("custom-fields")
        .or_insert_with(|| json!({ "type": "object" }));
    json!({ "type": "object", "properties": properties })
}

fn request(record_type: &str, needed: &[&str], depth: Depth) -> Value {
    let mut properties = Map::new();
    for field in coupa_catalog::fields(record_type) {
        // An id finds the record or the line; what else is read-only is ignored.
        if field.read_only && field.name != "id" {
            continue;
        }
        let schema = match (field.kind, depth) {
            (FieldKind::Record(target), _) => reference(target),
            (FieldKind::Records(target), Depth::Record) => {
                let mut line = request(target, &[], Depth::Inner);
                if let Some(properties) = line.get_mut("properties").and_then(Value::as_object_mut)
                {
                    properties.insert(
                        "_delete".to_owned(),
                        json!({ "type": "boolean", "description": "true takes the element with this id out" }),
                    );
                }
                json!({ "type": "array", "items": line })
            }
            (FieldKind::Records(target), Depth::Inner) => {
                json!({ "type": "array", "items": reference(target) })
            }
            _ => scalar(&field),
        };
        properties.insert(field.name.to_owned(), schema);
    }
    properties
        .entry("custom-fields")
        .or_insert_with(|| json!({ "type": "object" }));
    let mut schema = json!({ "type": "object", "properties": properties });
    if !needed.is_empty()
        && let Some(schema) = schema.as_object_mut()
    {
        schema.insert("required".to_owned(), json!(needed));
    }
    schema
}

/// A reference: any one key identifies the record; Coupa wants all that are
/// given to match.
fn reference(record_type: &str) -> Value {
    let mut properties = Map::new();
    properties.insert("id".to_owned(), json!({ "type": "integer" }));
    for key in coupa_catalog::natural_keys(record_type) {
        if let Some(field) = coupa_catalog::field(record_type, key) {
            properties.insert(key.to_owned(), scalar(&field));
        }
    }
    json!({ "type": "object", "title": record_type, "properties": properties, "minProperties": 1 })
}

fn scalar(field: &Field) -> Value {
    let mut schema = match field.kind {
        FieldKind::Integer => json!({ "type": "integer" }),
        FieldKind::Boolean => json!({ "type": "boolean" }),
        FieldKind::DateTime => json!({ "type": "string", "format": "date-time" }),
        FieldKind::Date => json!({ "type": "string", "format": "date" }),
        FieldKind::Decimal(size) => decimal(size),
        FieldKind::Float => json!({ "type": "number" }),
        FieldKind::Text(Some(most)) => json!({ "type": "string", "maxLength": most }),
        FieldKind::Text(None) => json!({ "type": "string" }),
        FieldKind::List => json!({ "type": "array" }),
        FieldKind::Record(_) | FieldKind::Records(_) | FieldKind::Unknown => json!({}),
    };
    // The release lists names even where it calls the field a number, so that
    // the values as they are shown decide.
    if !field.choices.is_empty()
        && matches!(field.kind, FieldKind::Text(_))
        && let Some(schema) = schema.as_object_mut()
    {
        schema.insert("enum".to_owned(), json!(field.choices));
    }
    schema
}

/// In JSON a string, so that no digit is lost.
fn decimal(size: Option<(u8, u8)>) -> Value {
    match size {
        Some((precision, scale)) => json!({
            "type": "string",
            "pattern": "^-?[0-9]+(\\.[0-9]+)?$",
            "description": format!("decimal, {precision} digits, {scale} of them after the point"),
        }),
        None => {
            json!({ "type": "string", "pattern": "^-?[0-9]+(\\.[0-9]+)?$", "description": "decimal" })
        }
    }
}

fn mark_read_only(schema: &mut Value) {
    if let Some(schema) = schema.as_object_mut() {
        schema.insert("readOnly".to_owned(), json!(true));
    }
}

fn allow_null(schema: &mut Value) {
    let Some(schema) = schema.as_object_mut() else {
        return;
    };
    if let Some(Value::String(kind)) = schema.get("type")
        && kind != "array"
    {
        let kind = kind.clone();
        schema.insert("type".to_owned(), json!([kind, "null"]));
        if let Some(Value::Array(values)) = schema.get_mut("enum") {
            values.push(Value::Null);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: Option<String>) -> Value {
        serde_json::from_str(&text.unwrap()).unwrap()
    }

    #[test]
    fn requests_and_responses_differ() {
        let shape = shape("create", "suppliers").unwrap();
        let (request, response) = (parse(shape.request), parse(shape.response));
        assert_eq!(request["required"], json!(["name"]));
        assert_eq!(
            request["properties"]["name"],
            json!({ "type": "string", "maxLength": 100 })
        );
        assert!(request["properties"]["payment-term"]["properties"]["code"].is_object());
        assert!(request["properties"].get("created-at").is_none());
        assert_eq!(
            response["properties"]["created-at"]["readOnly"],
            json!(true)
        );
        assert_eq!(response["properties"]["id"]["type"], json!("integer"));
        assert_eq!(
            response["properties"]["savings-pct"]["type"],
            json!(["string", "null"])
        );
    }

    #[test]
    fn every_object_has_shapes_for_what_it_allows() {
        for object in crate::design::objects(None) {
            for activity in object.activities {
                let shape = shape(activity, object.name).unwrap();
                assert_eq!(
                    shape.request.is_some(),
                    activity != "query",
                    "{} {activity}",
                    object.name
                );
                parse(shape.response);
            }
        }
    }

    #[test]
    fn what_is_not_offered_is_refused() {
        assert_eq!(
            shape("create", "currencies").unwrap_err().code,
            "call.not-allowed"
        );
        assert_eq!(
            shape("query", "supliers").unwrap_err().code,
            "call.unknown-object"
        );
        assert!(shape("query", "suppliers/{supplier_id}/addresses").is_ok());
    }
}
