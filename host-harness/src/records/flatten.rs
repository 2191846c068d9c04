//! Taking a record apart into the values that stand in the cells of a CSV row.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::header::{MAX_LEVELS, is_column_name};

/// The fields of a JSON object in their order, with their values as they stand:
/// numbers keep their digits.
pub(super) struct Fields<'a>(pub(super) Vec<(String, &'a RawValue)>);

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

/// A value of a record.
pub(super) struct Leaf<'a> {
    /// The names that lead to it.
    pub(super) path: &'a [String],
    /// The same as the name of a column, where a column can have it.
    pub(super) column: Option<&'a str>,
    /// JSON as it stands.
    pub(super) value: &'a str,
}

/// Passes each value of the object `json` to `visit`. An object becomes the values in
/// it, unless `is_column` says that there is a column for it as a whole, or a name in it
/// can be no column's.
pub(super) fn values(
    json: &str,
    is_column: &impl Fn(&str) -> bool,
    visit: &mut impl FnMut(&Leaf<'_>),
) -> Result<(), serde_json::Error> {
    values_below(&mut Vec::new(), "", json, is_column, visit)
}

fn values_below(
    path: &mut Vec<String>,
    prefix: &str,
    json: &str,
    is_column: &impl Fn(&str) -> bool,
    visit: &mut impl FnMut(&Leaf<'_>),
) -> Result<(), serde_json::Error> {
    let Fields(fields) = serde_json::from_str(json)?;
    for (name, value) in fields {
        let column = is_column_name(&name).then(|| format!("{prefix}{name}"));
        let value = value.get();
        path.push(name);
        let splits = value.starts_with('{') && path.len() < MAX_LEVELS && !is_empty_object(value);
        match &column {
            Some(column) if splits && !is_column(column) => {
                values_below(path, &format!("{column}."), value, is_column, visit)?;
            }
            _ => visit(&Leaf {
                path,
                column: column.as_deref(),
                value,
            }),
        }
        path.pop();
    }
    Ok(())
}

/// An empty object has no fields that could be columns: it stays as it is.
fn is_empty_object(value: &str) -> bool {
    value[1..].trim_start().starts_with('}')
}
