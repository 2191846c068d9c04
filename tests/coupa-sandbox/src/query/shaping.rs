//! What of a record an answer prints: `fields`, a named response filter and
//! `return_object`. Where several are sent, the first of these wins (a guess).

use serde_json::{Map, Value};

use super::{Parameters, Renewed, Selection};
use crate::model::{Link, RecordType, facts, model};
use crate::refusal::Refusal;
use crate::store::{Records, StoreError};

/// What an answer prints.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shaping {
    /// The whole record.
    Full,
    /// Nothing; only for writes.
    Nothing,
    /// The id.
    Limited,
    /// Its own values, and id and natural keys of what it is associated with.
    Shallow,
    /// What is selected.
    Fields(Vec<Selection>),
}

impl Shaping {
    /// Reads it from the parameters of a read (`reading`) or a write.
    pub fn parse(
        record_type: &str,
        parameters: &Parameters,
        reading: bool,
    ) -> Result<Self, Refusal> {
        if let Some(text) = parameters.get("fields") {
            return Selection::parse(text).map(Self::Fields).ok_or_else(|| {
                Refusal::invalid(record_type, "fields must be a JSON array of names.")
            });
        }
        if let Some(name) = parameters.get("filter") {
            return response_filter(record_type, name);
        }
        Ok(match parameters.get("return_object") {
            Some("none") if !reading => Self::Nothing,
            Some("limited") => Self::Limited,
            Some("shallow") => Self::Shallow,
            _ => Self::Full,
        })
    }

    /// What the default response filter of a type makes of it, where nothing
    /// special is asked for.
    pub fn or_default(self, record_type: &str) -> Self {
        match (&self, facts::default_response_filter(record_type)) {
            (Self::Full, Some(name)) => response_filter(record_type, name).unwrap_or(self),
            _ => self,
        }
    }

    /// The part of a record that is printed.
    pub fn apply(
        &self,
        records: Records<'_>,
        record_type: &RecordType,
        record: Map<String, Value>,
        add_id: bool,
    ) -> Result<Map<String, Value>, StoreError> {
        Ok(match self {
            Self::Full | Self::Nothing => record,
            Self::Limited => record
                .into_iter()
                .filter(|(name, _)| name == "id")
                .collect(),
            Self::Shallow => shallow(record_type, record),
            Self::Fields(selections) => {
                let mut printed = select(records, record_type, &record, selections)?;
                if let (true, Some(id)) = (add_id, record.get("id")) {
                    printed.insert("id".to_owned(), id.clone());
                }
                printed
            }
        })
    }
}

/// What a response filter prints. That an unknown one is refused is a guess.
fn response_filter(record_type: &str, name: &str) -> Result<Shaping, Refusal> {
    let fields = facts::response_filter(record_type, &name.to_ascii_lowercase());
    let fields = fields.ok_or_else(|| {
        Refusal::invalid(
            record_type,
            format!("There is no response filter \"{name}\"."),
        )
    })?;
    let selections = fields.into_iter().map(|name| Selection {
        name: name.to_owned(),
        nested: Vec::new(),
    });
    Ok(Shaping::Fields(selections.collect()))
}

fn shallow(record_type: &RecordType, record: Map<String, Value>) -> Map<String, Value> {
    let link = |name: &str| record_type.link(record_type.field(name)?);
    record
        .into_iter()
        .map(|(name, value)| match link(&name) {
            Some(link) => {
                let keys = identity(link.target(), value);
                (name, keys)
            }
            None => (name, value),
        })
        .collect()
}

/// Id and natural keys of one record or of each in a list.
fn identity(record_type: &str, value: Value) -> Value {
    let Some(record_type) = model().record_type(record_type) else {
        return value;
    };
    match value {
        Value::Array(items) => {
            let items = items
                .into_iter()
                .map(|item| identity(record_type.name, item));
            Value::Array(items.collect())
        }
        Value::Object(record) => Value::Object(
            record
                .into_iter()
                .filter(|(name, _)| {
                    name == "id" || record_type.natural_keys.contains(&name.as_str())
                })
                .collect(),
        ),
        other => other,
    }
}

fn select(
    records: Records<'_>,
    record_type: &RecordType,
    record: &Map<String, Value>,
    selections: &[Selection],
) -> Result<Map<String, Value>, StoreError> {
    let mut printed = Map::new();
    for selection in selections {
        let name = selection.name.as_str();
        if name == "custom-fields" {
            printed.insert(name.to_owned(), custom(record, &selection.nested));
            continue;
        }
        let Some(field) = record_type.field(name) else {
            continue;
        };
        let value = record.get(field.name).cloned().unwrap_or_default();
        let value = match record_type.link(field) {
            Some(link) if !selection.nested.is_empty() => {
                associated(records, link, value, &selection.nested)?
            }
            _ => value,
        };
        printed.insert(field.name.to_owned(), value);
    }
    Ok(printed)
}

fn associated(
    records: Records<'_>,
    link: Link,
    value: Value,
    selections: &[Selection],
) -> Result<Value, StoreError> {
    match value {
        Value::Array(items) => items
            .into_iter()
            .map(|item| associated(records, link, item, selections))
            .collect::<Result<_, _>>()
            .map(Value::Array),
        Value::Object(embedded) => {
            let (target, live) = match link {
                Link::Reference(target) | Link::References(target) => {
                    let id = embedded.get("id").and_then(Value::as_i64);
                    (
                        target,
                        id.map(|id| records.get(target, id)).transpose()?.flatten(),
                    )
                }
                Link::Part(target) | Link::Parts(target) => (target, None),
            };
            match model().record_type(target) {
                Some(record_type) => {
                    let mut shown = live.unwrap_or(embedded);
                    Renewed::of(records)?.bring_up_to_date(record_type, &mut shown)?;
                    select(records, record_type, &shown, selections).map(Value::Object)
                }
                None => Ok(Value::Object(embedded)),
            }
        }
        other => Ok(other),
    }
}

fn custom(record: &Map<String, Value>, wanted: &[Selection]) -> Value {
    let all = record.get("custom-fields").and_then(Value::as_object);
    let printed = all
        .into_iter()
        .flatten()
        .filter(|(name, _)| wanted.is_empty() || wanted.iter().any(|w| w.name == name.as_str()));
    Value::Object(
        printed
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect(),
    )
}
