//! References: by id or natural key. Where several keys are sent, all must
//! match. The sentence for one that cannot be resolved is Coupa's own.

use serde_json::{Map, Value};

use super::values::text;
use crate::model::words::{kebab, snake};
use crate::model::{RecordType, model};
use crate::store::{Records, StoreError, key_text};

/// Why a reference could not be resolved.
pub enum Unresolved {
    /// There is no such record; a sentence for the client.
    Missing(String),
    /// The store failed.
    Store(StoreError),
}

impl From<StoreError> for Unresolved {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// The record that a reference means, in its embedded form.
pub fn resolve(
    records: Records<'_>,
    field: &str,
    target: &'static str,
    sent: &Value,
) -> Result<Value, Unresolved> {
    let Some(record_type) = model().record_type(target) else {
        return Ok(Value::Null);
    };
    let keys = keys(record_type, sent);
    let missing = || Unresolved::Missing(sentence(record_type, field, &keys));
    let Some(((first, value), others)) = keys.split_first() else {
        return Err(missing());
    };
    let candidates = match first.as_str() {
        "id" => value.parse().into_iter().collect(),
        name if record_type.indexed_fields().any(|field| field == name) => {
            records.find(target, name, value)?
        }
        name => records.scan(target, name, value)?,
    };
    for id in candidates {
        let Some(record) = records.get(target, id)? else {
            continue;
        };
        let same = |(name, value): &(String, String)| {
            record.get(name).and_then(key_text).as_ref() == Some(value)
        };
        if others.iter().all(same) && within(&record, sent) {
            return Ok(record_type.embed(&record));
        }
    }
    Err(missing())
}

/// The identifying part of what was sent. What else is in it, such as the rest
/// of a record that was read before, does not matter.
fn keys(record_type: &RecordType, sent: &Value) -> Vec<(String, String)> {
    let sent = sent.as_object().into_iter().flatten();
    let sent: Map<String, Value> = sent
        .map(|(name, value)| (kebab(name), value.clone()))
        .collect();
    let mut keys: Vec<(String, String)> = ["id"]
        .iter()
        .chain(&record_type.natural_keys)
        .filter_map(|name| Some(((*name).to_owned(), key_text(sent.get(*name)?)?)))
        .collect();
    if keys.is_empty() {
        // An account may be named by its segments.
        let segments = sent.iter().filter(|(name, _)| name.starts_with("segment-"));
        keys.extend(segments.filter_map(|(name, value)| Some((name.clone(), key_text(value)?))));
    }
    keys
}

/// Whether the account type or lookup that was sent with a key is the record's.
fn within(record: &Map<String, Value>, sent: &Value) -> bool {
    ["account-type", "lookup"].iter().all(|scope| {
        let wanted = sent.get(scope).or_else(|| sent.get(snake(scope)));
        let (Some(Value::Object(wanted)), Some(own)) = (wanted, record.get(*scope)) else {
            return true;
        };
        ["id", "name"].iter().all(|key| match wanted.get(*key) {
            Some(value) => key_text(value) == own.get(*key).and_then(key_text),
            None => true,
        })
    })
}

fn sentence(record_type: &RecordType, field: &str, keys: &[(String, String)]) -> String {
    let given: Vec<String> = keys
        .iter()
        .map(|(name, value)| {
            format!(
                "\"{}\"=>\"{}\"",
                snake(name),
                text(&Value::from(value.as_str()))
            )
        })
        .collect();
    let possible: Vec<String> = ["id"]
        .iter()
        .chain(&record_type.natural_keys)
        .map(|name| format!("\"{}\"", snake(name)))
        .collect();
    format!(
        "Unable to find valid {} record for {} with keys {{{}}}. Possible keys are [{}]. Please verify your xml.",
        record_type.name,
        snake(field),
        given.join(", "),
        possible.join(", "),
    )
}
