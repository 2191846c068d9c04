//! The least that a create of any record type can be, by the catalog.

use coupa_catalog::{Field, FieldKind, collections, fields, natural_keys, needed_to_create};
use serde_json::{Map, Value, json};

/// A body with what the catalog calls needed; where it says nothing about a
/// type, with what the release calls required. Text differs by `number`.
pub fn body(record_type: &str, number: usize) -> Value {
    match record_type {
        // The release marks nothing as required; without a file it is a text.
        "Attachment" => {
            json!({"type": "text", "text": format!("Note {number}"), "intent": "Internal"})
        }
        _ => of_type(record_type, number, 2),
    }
}

fn of_type(record_type: &str, number: usize, depth: usize) -> Value {
    let needed = needed_to_create(record_type);
    let is_needed = |field: &Field| match needed.is_empty() {
        true => field.required && !field.read_only,
        false => needed.contains(&field.name),
    };
    let values = fields(record_type)
        .filter(is_needed)
        .filter_map(|field| Some((field.name.to_owned(), value(&field, number, depth)?)));
    Value::Object(values.collect::<Map<_, _>>())
}

fn value(field: &Field, number: usize, depth: usize) -> Option<Value> {
    let record = |name: &str| -> Option<Value> {
        let stands_alone = collections().any(|c| !c.is_nested() && c.record_type == name);
        if stands_alone || !natural_keys(name).is_empty() {
            return Some(json!({"id": 1}));
        }
        depth
            .checked_sub(1)
            .map(|depth| of_type(name, number, depth))
    };
    Some(match field.kind {
        FieldKind::Integer => json!(1),
        FieldKind::Boolean => json!(true),
        FieldKind::DateTime => json!("2024-03-04T17:12:40Z"),
        FieldKind::Date => json!("2024-03-04"),
        FieldKind::Decimal(_) => json!("1.0"),
        FieldKind::Float => json!(1.5),
        FieldKind::Text(limit) => match field.choices.first() {
            Some(choice) => json!(choice),
            None if field.name.contains("email") => json!(format!("m{number}@example.com")),
            None => {
                let limit = limit.map_or(255, |limit| limit as usize);
                let text: String = format!("{number} {}", field.name)
                    .chars()
                    .take(limit)
                    .collect();
                json!(text)
            }
        },
        FieldKind::Record(name) => record(name)?,
        FieldKind::Records(name) => json!([record(name)?]),
        FieldKind::List | FieldKind::Unknown => return None,
    })
}
