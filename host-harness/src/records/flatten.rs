//! Making the cells of a CSV row out of a record.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::header::MAX_LEVELS;

/// The fields of a JSON object in their order, with their values as they stand:
/// numbers keep their digits.
struct Fields<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct FieldsVisitor;

        impl<'de> Visitor<'de> for FieldsVisitor {
            type Value = Fields<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(Fields(fields))
            }
        }

        deserializer.deserialize_map(FieldsVisitor)
    }
}

/// Passes each value of the object `json` to `cell`, with its column's name and
/// its text: empty for `null`, JSON text for a list. An object becomes cells of
/// its own, unless `is_column` says that there is a column for it as a whole.
pub(super) fn flatten(
    json: &str,
    is_column: &impl Fn(&str) -> bool,
    cell: &mut impl FnMut(String, String),
) -> Result<(), serde_json::Error> {
    flatten_below("", 1, json, is_column, cell)
}

fn flatten_below(
    prefix: &str,
    level: usize,
    json: &str,
    is_column: &impl Fn(&str) -> bool,
    cell: &mut impl FnMut(String, String),
) -> Result<(), serde_json::Error> {
    let Fields(fields) = serde_json::from_str(json)?;
    for (name, value) in fields {
        let column = format!("{prefix}{name}");
        let value = value.get();
        let splits = value.starts_with('{') && level < MAX_LEVELS && !is_empty_object(value);
        if splits && !is_column(&column) {
            flatten_below(&format!("{column}."), level + 1, value, is_column, cell)?;
        } else {
            cell(column, cell_text(value)?);
        }
    }
    Ok(())
}

/// An empty object has no fields that could be columns: it stays JSON text.
fn is_empty_object(value: &str) -> bool {
    value[1..].trim_start().starts_with('}')
}

fn cell_text(value: &str) -> Result<String, serde_json::Error> {
    match value.as_bytes().first() {
        Some(b'"') => serde_json::from_str(value),
        Some(b'n') => Ok(String::new()),
        _ => Ok(value.to_owned()),
    }
}
