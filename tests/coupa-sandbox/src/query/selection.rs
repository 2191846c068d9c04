//! `fields`: a JSON array that names what an answer prints, such as
//! `["id",{"invoice_lines":["id",{"account":["code"]}]}]`.
//!
//! Names may be in snake, kebab or camel case; what is printed is always in
//! kebab case. `{"custom_fields":{}}` means all custom fields. An unknown name
//! prints nothing (a guess).

use serde_json::Value;

use crate::model::words::kebab;

/// One name, with what to print of the records under it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection {
    /// In kebab case.
    pub name: String,
    /// What to print of an association; empty for its usual form.
    pub nested: Vec<Selection>,
}

impl Selection {
    /// Reads the parameter; none where it is not such an array.
    pub fn parse(text: &str) -> Option<Vec<Self>> {
        match serde_json::from_str(text).ok()? {
            Value::Array(items) => Self::list(&items),
            _ => None,
        }
    }

    fn list(items: &[Value]) -> Option<Vec<Self>> {
        let mut selections = Vec::new();
        for item in items {
            match item {
                Value::String(name) => selections.push(Self {
                    name: kebab(name),
                    nested: Vec::new(),
                }),
                Value::Object(associations) => {
                    for (name, nested) in associations {
                        let nested = match nested {
                            Value::Array(items) => Self::list(items)?,
                            Value::Object(_) => Vec::new(),
                            _ => return None,
                        };
                        selections.push(Self {
                            name: kebab(name),
                            nested,
                        });
                    }
                }
                _ => return None,
            }
        }
        Some(selections)
    }
}
