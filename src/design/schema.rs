//! JSON Schema (draft 2020-12) of an object, from the catalog.
//!
//! What is read and what is written have different shapes: an answer shows
//! whole records one level deep, a request refers to them by a natural key or
//! the id. Nothing is closed (`additionalProperties`), because every Coupa has
//! custom fields of its own.

use super::custom_fields::{self, CustomField};
use crate::activities::{self, targets};
use crate::client::Client;
use crate::contract::{Error, Property, Role};
use crate::host::Host;
use coupa_catalog::{Collection, Field, FieldKind};
use serde_json::{Map, Value, json};

/// Says of a field where it was learned.
const LEARNED_FROM: &str = "x-learned-from";

/// The shapes of what goes in and what comes out, as JSON, and the options.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shape {
    pub request: Option<String>,
    pub response: Option<String>,
    pub options: Vec<Property>,
}

/// The shape of one object for one activity, with the custom fields of this Coupa:
/// those known from the last time, or with `refresh` those that it has now.
///
/// # Errors
/// If there is no such activity or object, or Coupa does not offer the one for
/// the other; or, with `refresh`, Coupa cannot be asked.
pub async fn shape<H: Host>(
    client: Option<&Client<H>>,
    activity: &str,
    object: &str,
    refresh: bool,
) -> Result<Shape, Error> {
    // A nested collection has the same shape under every parent.
    let collection = activities::any_collection(object)?;
    let custom = match client {
        Some(client) => custom_fields::discover(client, object, &collection, refresh).await?,
        None => Vec::new(),
    };
    by_catalog(activity, object, &collection, &custom)
}

fn by_catalog(
    activity: &str,
    object: &str,
    collection: &Collection,
    custom: &[CustomField],
) -> Result<Shape, Error> {
    let activity = activities::activity(activity)?;
    activities::offered(&activity, collection, object)?;
    let record_type = collection.record_type;
    let document = |mut schema: Value| {
        add_custom_fields(&mut schema, custom);
        document(schema, collection)
    };
    let request = match (activity.role, activity.name) {
        (Role::Source, _) => None,
        (_, targets::CREATE) => {
            let needed = coupa_catalog::needed_to_create(record_type);
            Some(request(record_type, &needed, Depth::Record))
        }
        (_, targets::UPDATE | targets::UPSERT) => Some(request(record_type, &[], Depth::Record)),
        (_, targets::DELETE) => Some(reference(record_type)),
        (_, targets::UPLOAD) => Some(upload(collection)),
        // What an action takes beside the record's key is not documented for all.
        _ => Some(reference(record_type)),
    };
    let request = request.map(|mut schema| {
        for parent in targets::parents(object) {
            need(&mut schema, &parent.replace('_', "-"));
        }
        schema
    });
    let mut answered = response(record_type, Depth::Record);
    if activity.role == Role::Source {
        // Records that are read under all parents say which theirs is.
        for parent in targets::parents(object) {
            say(&mut answered, &parent.replace('_', "-"));
        }
    }
    Ok(Shape {
        request: request.map(document),
        response: Some(document(answered)),
        options: activities::options_for(&activity, collection),
    })
}

/// A whole number that says what a record belongs to.
fn say(schema: &mut Value, name: &str) {
    if let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) {
        properties.insert(
            name.to_owned(),
            json!({ "type": "integer", "description": "the id of what the record belongs to" }),
        );
    }
}

/// The same, where a record has to say it.
fn need(schema: &mut Value, name: &str) {
    say(schema, name);
    if let Some(schema) = schema.as_object_mut() {
        let required = schema.entry("required").or_insert_with(|| json!([]));
        if let Some(required) = required.as_array_mut() {
            required.push(json!(name));
        }
    }
}

fn upload(collection: &Collection) -> Value {
    let text = || json!({ "type": "string" });
    let file = json!({ "type": "string", "description": "the name of a file of the run" });
    if targets::is_attachments(collection) {
        return json!({ "type": "object", "properties": {
            "type": { "type": "string", "enum": ["file", "url", "text"] },
            "file": file, "url": text(), "text": text(), "intent": text(), "linked-to": text(),
        }});
    }
    let mut schema = reference(collection.record_type);
    if let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) {
        properties.insert("file".to_owned(), file);
    }
    if let Some(schema) = schema.as_object_mut() {
        schema.insert("required".to_owned(), json!(["file"]));
    }
    schema
}

fn add_custom_fields(schema: &mut Value, custom: &[CustomField]) {
    let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) else {
        return;
    };
    if !properties.contains_key("custom-fields") {
        return;
    }
    for field in custom {
        let mut of = field.schema.clone();
        if let Some(of) = of.as_object_mut() {
            of.insert(LEARNED_FROM.to_owned(), json!(field.learned_from));
        }
        if !field.namespaced {
            properties.insert(field.name.clone(), of);
            continue;
        }
        if let Some(inner) = properties
            .get_mut("custom-fields")
            .and_then(Value::as_object_mut)
        {
            let inner = inner.entry("properties").or_insert_with(|| json!({}));
            if let Some(inner) = inner.as_object_mut() {
                inner.insert(field.name.clone(), of);
            }
        }
    }
}

/// How far a schema has gone down.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Depth {
    /// The record itself.
    Record,
    /// A record in it, or a line of it.
    Inner,
}

fn document(mut schema: Value, collection: &Collection) -> String {
    if let Some(schema) = schema.as_object_mut() {
        schema.insert(
            "$schema".to_owned(),
            json!("https://json-schema.org/draft/2020-12/schema"),
        );
        schema.insert("title".to_owned(), json!(collection.record_type));
        // What the list of records is called in XML, where that is not its name.
        let xml = collection.xml_list_element();
        if xml != collection.last_segment().replace('_', "-") {
            schema.insert("x-xml-list-element".to_owned(), json!(xml));
        }
        if let Some(Value::Object(properties)) = schema.get_mut("properties") {
            let release = coupa_catalog::release();
            for field in properties.values_mut().filter_map(Value::as_object_mut) {
                field
                    .entry(LEARNED_FROM)
                    .or_insert_with(|| json!(format!("release {release}")));
            }
        }
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

    fn shape(activity: &str, object: &str) -> Result<Shape, Error> {
        let collection = activities::any_collection(object)?;
        by_catalog(activity, object, &collection, &[])
    }

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
            json!({ "type": "string", "maxLength": 100, "x-learned-from": "release R39" })
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
                let is_source = activities::activity(activity).unwrap().role == Role::Source;
                assert_eq!(shape.request.is_none(), is_source, "{}", object.name);
                let response = parse(shape.response);
                let fields = response["properties"].as_object().unwrap();
                assert!(fields.values().all(|field| field[LEARNED_FROM].is_string()));
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
        let walk = shape("query", "suppliers/{supplier_id}/addresses").unwrap();
        let fields = parse(walk.response);
        assert_eq!(
            fields["properties"]["supplier-id"]["type"],
            json!("integer")
        );
    }
}
