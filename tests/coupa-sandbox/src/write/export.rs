//! The `exported` flag, and the versions that take it back.

use serde_json::{Map, Value};

use crate::model::RecordType;

/// Whether records of this type can be marked as exported.
pub fn has_flag(record_type: &RecordType) -> bool {
    ["exported", "last-exported-at"]
        .iter()
        .any(|name| record_type.shape.contains(name))
}

/// A mark, or taking it away.
#[derive(Debug, Clone, Copy)]
pub struct Mark<'a> {
    pub exported: bool,
    pub now: &'a str,
    /// Whether it counts as a change of the record, so that `updated-at` moves. Which way
    /// Coupa has is not documented.
    pub moves: bool,
}

/// Marks a record as exported, or takes the mark away.
pub fn mark(
    record_type: &RecordType,
    mut record: Map<String, Value>,
    mark: Mark<'_>,
) -> Map<String, Value> {
    let Mark {
        exported,
        now,
        moves,
    } = mark;
    if moves && record.contains_key("updated-at") {
        record.insert("updated-at".to_owned(), now.into());
    }
    let at = match exported {
        true => now.into(),
        false => Value::Null,
    };
    for (name, value) in [("exported", exported.into()), ("last-exported-at", at)] {
        if record_type.shape.contains(&name) {
            record.insert(name.to_owned(), value);
        }
    }
    record
}

/// Counts versions: a change that the supplier sees makes a new one of an order
/// that was issued, and that is not exported yet. Any other change counts as an
/// internal revision. Which field is which is a guess.
pub fn revise(
    record_type: &RecordType,
    before: &Map<String, Value>,
    record: &mut Map<String, Value>,
) {
    if record_type.revising.is_empty() {
        return;
    }
    let differs = |name: &str| before.get(name) != record.get(name);
    let is_draft = before.get("status").and_then(Value::as_str) == Some("draft");
    let revised = !is_draft && record_type.revising.iter().any(|name| differs(name));
    let changed = record
        .keys()
        .any(|name| !name.starts_with("updated-") && differs(name));
    if revised {
        add_one(record, "version");
        record.insert("exported".to_owned(), false.into());
    }
    if changed {
        add_one(record, "internal-revision");
    }
}

/// Counts one more in a field that is there.
pub fn add_one(record: &mut Map<String, Value>, name: &str) {
    if let Some(value) = record.get_mut(name) {
        *value = (value.as_i64().unwrap_or(0) + 1).into();
    }
}
