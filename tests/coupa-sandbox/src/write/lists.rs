//! Lists as clients send them: `[…]`, or shaped as in XML, `{"payment":[…]}`
//! and `{"payment":{…}}`. All three are seen in third-party clients.

use serde_json::{Map, Value};

use super::values::{boolean, text};
use crate::model::words::{kebab, singular};

/// The elements of a list that was sent for a field.
pub fn elements(field: &str, sent: &Value) -> Vec<Value> {
    match sent {
        Value::Array(items) => items.clone(),
        Value::Object(object) => match only_entry(object) {
            Some((name, inner)) if kebab(name) == singular(field) => match inner {
                Value::Array(items) => items.clone(),
                other => vec![other.clone()],
            },
            _ if object.is_empty() => Vec::new(),
            _ => vec![sent.clone()],
        },
        _ => Vec::new(),
    }
}

/// Whether an element asks for its own removal.
pub fn is_removal(element: &Map<String, Value>) -> bool {
    let flag = element.get("_delete").or_else(|| element.get("delete"));
    flag.is_some_and(|flag| boolean(&text(flag)) == Some(true))
}

fn only_entry(object: &Map<String, Value>) -> Option<(&String, &Value)> {
    let mut entries = object.iter();
    entries.next().filter(|_| object.len() == 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn all_three_shapes_are_lists() {
        let one = vec![json!({"amount-paid": "1.0"})];
        for sent in [
            json!([{"amount-paid": "1.0"}]),
            json!({"payment": [{"amount-paid": "1.0"}]}),
            json!({"payment": {"amount-paid": "1.0"}}),
        ] {
            assert_eq!(elements("payments", &sent), one);
        }
        assert!(elements("roles", &Value::Null).is_empty());
        assert!(elements("roles", &json!("")).is_empty());
    }
}
