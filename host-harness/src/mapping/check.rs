//! Records against the schema of where they go.

use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// How deep a sample goes.
const MOST_DEPTH: usize = 6;

/// How much something matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// The schema forbids it.
    Error,
    /// The schema does not know it.
    Warning,
}

/// Something about a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Which record, counted from 0.
    pub record: usize,
    /// The field, with `/` between levels; empty for the record itself.
    pub path: String,
    /// How much it matters.
    pub severity: Severity,
    /// What it is.
    pub message: String,
}

/// Looks at records against a JSON Schema. Fields that it does not name are
/// warnings, because systems have fields of their own. Without `values` only
/// the names of fields and what is required are judged, as is right for
/// records that were made up.
pub fn check(schema: &Value, records: &[String], values: bool) -> Vec<Finding> {
    let Ok(validator) = jsonschema::validator_for(schema) else {
        return vec![Finding {
            record: 0,
            path: String::new(),
            severity: Severity::Warning,
            message: "the target's schema cannot be read, so nothing was compared with it"
                .to_owned(),
        }];
    };
    let mut findings = Vec::new();
    for (record, text) in records.iter().enumerate() {
        let Ok(value) = serde_json::from_str::<Value>(text) else {
            continue;
        };
        for error in validator.iter_errors(&value) {
            let is_about_names = matches!(
                error.kind(),
                jsonschema::error::ValidationErrorKind::Required { .. }
                    | jsonschema::error::ValidationErrorKind::AdditionalProperties { .. }
            );
            if values || is_about_names {
                findings.push(Finding {
                    record,
                    path: error.instance_path().to_string(),
                    severity: Severity::Error,
                    message: error.to_string(),
                });
            }
        }
        let mut unknown = BTreeSet::new();
        names(schema, &value, "", &mut unknown);
        findings.extend(unknown.into_iter().map(|(path, message)| Finding {
            record,
            path,
            severity: Severity::Warning,
            message,
        }));
    }
    findings
}

/// The fields that a schema does not name.
fn names(schema: &Value, value: &Value, path: &str, unknown: &mut BTreeSet<(String, String)>) {
    match value {
        Value::Object(fields) => {
            let Some(properties) = schema.get("properties").and_then(Value::as_object) else {
                return;
            };
            // A schema that names nothing says that anything may be there.
            if properties.is_empty() {
                return;
            }
            for (name, value) in fields {
                match properties.get(name) {
                    Some(schema) => names(schema, value, &format!("{path}/{name}"), unknown),
                    None => {
                        let close = properties
                            .keys()
                            .map(|known| (differ(name, known), known))
                            .min()
                            .filter(|(distance, _)| *distance <= 2);
                        let message = match close {
                            Some((_, known)) => {
                                format!("the target knows no field “{name}”: is “{known}” meant?")
                            }
                            None => format!("the target knows no field “{name}”"),
                        };
                        unknown.insert((format!("{path}/{name}"), message));
                    }
                }
            }
        }
        Value::Array(elements) => {
            if let Some(items) = schema.get("items") {
                for element in elements {
                    names(items, element, path, unknown);
                }
            }
        }
        _ => {}
    }
}

/// In how many letters two names differ, `-` and `_` being the same.
fn differ(one: &str, other: &str) -> usize {
    let alike = |text: &str| text.to_ascii_lowercase().replace('_', "-");
    crate::variables::distance(&alike(one), &alike(other))
}

/// A made-up record with every field that a schema names.
pub fn sample(schema: &Value) -> Value {
    of(schema, 0)
}

fn of(schema: &Value, depth: usize) -> Value {
    if let Some(first) = schema.get("enum").and_then(|values| values.get(0)) {
        return first.clone();
    }
    let kind = match schema.get("type") {
        Some(Value::String(kind)) => kind.as_str(),
        // Of several the first that is not null.
        Some(Value::Array(kinds)) => kinds
            .iter()
            .filter_map(Value::as_str)
            .find(|kind| *kind != "null")
            .unwrap_or("null"),
        _ if schema.get("properties").is_some() => "object",
        _ => "null",
    };
    match kind {
        "object" if depth < MOST_DEPTH => {
            let properties = schema.get("properties").and_then(Value::as_object);
            let fields: Map<String, Value> = properties
                .into_iter()
                .flatten()
                .map(|(name, schema)| (name.clone(), of(schema, depth + 1)))
                .collect();
            Value::Object(fields)
        }
        "array" if depth < MOST_DEPTH => match schema.get("items") {
            Some(items) => json!([of(items, depth + 1)]),
            None => json!([]),
        },
        "object" => json!({}),
        "array" => json!([]),
        "integer" | "number" => json!(1),
        "boolean" => json!(true),
        "string" => match schema.get("format").and_then(Value::as_str) {
            Some("date-time") => json!("2024-01-02T03:04:05Z"),
            Some("date") => json!("2024-01-02"),
            _ => json!("1"),
        },
        _ => Value::Null,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema() -> Value {
        json!({
            "type": "object",
            "required": ["name"],
            "properties": {
                "name": { "type": "string" },
                "status": { "enum": ["active", "inactive"] },
                "term": { "type": ["object", "null"], "properties": { "code": { "type": "string" } } },
                "lines": { "type": "array", "items": { "properties": { "quantity": { "type": "number" } } } },
                "custom-fields": { "type": "object" }
            }
        })
    }

    fn found(record: &str, values: bool) -> Vec<String> {
        check(&schema(), &[record.to_owned()], values)
            .into_iter()
            .map(|finding| {
                format!(
                    "{:?} {} {}",
                    finding.severity, finding.path, finding.message
                )
            })
            .collect()
    }

    #[test]
    fn records_are_compared_with_the_schema() {
        let good = r#"{"name":"a","status":"active","term":{"code":"x"},"lines":[{"quantity":1}],"custom-fields":{"x":1}}"#;
        assert!(found(good, true).is_empty());
        for (record, values, says) in [
            (
                r#"{"status":"active"}"#,
                false,
                "Error  \"name\" is a required",
            ),
            (r#"{"name":1}"#, true, "Error /name"),
            (r#"{"name":"a","status":"asleep"}"#, true, "Error /status"),
            (r#"{"name":"a","Naem":"b"}"#, false, "is “name” meant"),
            (
                r#"{"name":"a","term":{"cod":"b"}}"#,
                false,
                "Warning /term/cod",
            ),
            (
                r#"{"name":"a","lines":[{"qty":1}]}"#,
                false,
                "Warning /lines/qty",
            ),
        ] {
            let found = found(record, values);
            assert!(
                found.len() == 1 && found[0].contains(says),
                "{record}: {found:?}"
            );
        }
        assert!(found(r#"{"name":1}"#, false).is_empty());
    }

    #[test]
    fn a_sample_has_every_field_and_fits() {
        let sample = sample(&schema());
        assert_eq!(sample.as_object().map(Map::len), Some(5));
        assert!(check(&schema(), &[sample.to_string()], true).is_empty());
    }
}
