//! Addresses in JSON as they were: names with underscores, the country as
//! text, and associations by their id. Seen in Coupa's documentation of 2016
//! and in a third party's list of fields of 2018; the release description has
//! them like any other record.

use serde_json::{Map, Value, json};

use crate::model::words::{kebab, snake};
use crate::model::{Link, RecordType};

/// The old form of an address.
pub fn print(record_type: &RecordType, record: Map<String, Value>) -> Map<String, Value> {
    let mut printed = Map::new();
    for (name, value) in record {
        let link = record_type
            .field(&name)
            .and_then(|field| record_type.link(field));
        let name = snake(&name);
        match link {
            Some(Link::Reference(_) | Link::Part(_)) => {
                let part = |key: &str| value.get(key).cloned().unwrap_or_default();
                if name == "country" {
                    printed.insert("country".to_owned(), part("name"));
                }
                printed.insert(format!("{name}_id"), part("id"));
            }
            _ => {
                printed.insert(name, value);
            }
        }
    }
    printed
}

/// What was sent of a record, with a country in the old form turned into the
/// usual one. Both are taken at any time.
pub fn read(record_type: &RecordType, sent: Map<String, Value>) -> Map<String, Value> {
    if record_type.field("country").is_none() {
        return sent;
    }
    let sent = sent
        .into_iter()
        .map(|(name, value)| match (kebab(&name).as_str(), value) {
            ("country", Value::String(text)) if !text.trim().is_empty() => {
                ("country".to_owned(), json!({"name": text}))
            }
            ("country-id", id) if !id.is_null() => ("country".to_owned(), json!({"id": id})),
            (_, value) => (name, value),
        });
    sent.collect()
}
