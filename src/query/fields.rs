//! The choice of fields: `id,name,payment-term[code],remit-to-addresses[name,city]`.

use super::attribute::Attribute;
use super::encode;
use crate::contract::Error;
use coupa_catalog::FieldKind;
use serde_json::{Value, json};

/// Brackets within brackets, at most.
const DEEPEST: u32 = 16;

/// Fields to read, with the fields of their associations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fields(Vec<Node>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Node {
    /// In snake case.
    name: String,
    /// None: a plain field, or an association as Coupa shows it by itself.
    inner: Option<Vec<Node>>,
}

impl Fields {
    /// Reads a choice and checks it against the record type. The id is always
    /// read, because paging and updating need it; whether Coupa adds it by
    /// itself is not documented.
    ///
    /// # Errors
    /// Names the place and what would be right.
    pub fn parse(text: &str, record_type: &str, custom: &[String]) -> Result<Self, Error> {
        let mut rest = text.trim();
        let mut nodes = list(&mut rest, text, DEEPEST)?;
        if !rest.is_empty() {
            return Err(malformed(text, "a “]” has no “[” before it"));
        }
        check(&nodes, record_type, custom)?;
        if !nodes.iter().any(|node| node.name == "id") {
            nodes.insert(
                0,
                Node {
                    name: "id".to_owned(),
                    inner: None,
                },
            );
        }
        Ok(Self(nodes))
    }

    /// The id alone.
    pub fn id() -> Self {
        let mut id = Self(Vec::new());
        id.ensure("id");
        id
    }

    /// Reads a plain field as well, by its name in snake case.
    pub fn ensure(&mut self, name: &str) {
        if !self.0.iter().any(|node| node.name == name) {
            self.0.push(Node {
                name: name.to_owned(),
                inner: None,
            });
        }
    }

    /// As a part of a URL's query.
    pub fn to_query(&self) -> String {
        format!("fields={}", encode(&to_json(&self.0).to_string()))
    }
}

fn malformed(text: &str, why: &str) -> Error {
    Error::setting("fields.malformed", format!("the fields “{text}” cannot be read: {why}"))
        .remedy("Write names with commas between, and an association's fields in brackets: id,name,payment-term[code].")
}

/// Names up to the end or to a closing bracket, which is left.
fn list(rest: &mut &str, text: &str, deeper: u32) -> Result<Vec<Node>, Error> {
    let mut nodes = Vec::new();
    loop {
        let end = rest.find([',', '[', ']']).unwrap_or(rest.len());
        let (name, after) = rest.split_at(end);
        let name = name.trim();
        if name.is_empty()
            || !name
                .chars()
                .all(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '?'))
        {
            return Err(malformed(text, &format!("“{name}” is not a field's name")));
        }
        let mut node = Node {
            name: name.replace('-', "_"),
            inner: None,
        };
        *rest = after;
        if let Some(inside) = rest.strip_prefix('[') {
            *rest = inside;
            let deeper = deeper
                .checked_sub(1)
                .ok_or_else(|| malformed(text, "its brackets are too deep"))?;
            node.inner = Some(list(rest, text, deeper)?);
            *rest = rest
                .strip_prefix(']')
                .ok_or_else(|| malformed(text, "a “[” is not closed"))?
                .trim_start();
        }
        nodes.push(node);
        match rest.strip_prefix(',') {
            Some(after) => *rest = after,
            None => return Ok(nodes),
        }
    }
}

fn check(nodes: &[Node], record_type: &str, custom: &[String]) -> Result<(), Error> {
    for node in nodes {
        if node.name == "custom_fields" {
            continue;
        }
        let attribute = Attribute::find(record_type, &node.name, custom, "fields.unknown-field")?;
        let Some(inner) = &node.inner else { continue };
        match attribute {
            Attribute::Known(field) => match field.kind {
                FieldKind::Record(target) | FieldKind::Records(target) => {
                    check(inner, target, custom)?
                }
                FieldKind::Unknown | FieldKind::List => {}
                _ => {
                    return Err(Error::setting(
                        "fields.not-an-association",
                        format!(
                            "“{}” of {record_type} is a plain field and has none of its own",
                            field.name
                        ),
                    )
                    .remedy("Leave out the brackets behind it."));
                }
            },
            Attribute::ReferenceId | Attribute::Custom => {}
        }
    }
    Ok(())
}

fn to_json(nodes: &[Node]) -> Value {
    nodes
        .iter()
        .map(|node| match &node.inner {
            None if node.name == "custom_fields" => json!({ "custom_fields": {} }),
            None => json!(node.name),
            Some(inner) => json!({ node.name.as_str(): to_json(inner) }),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> Result<String, Error> {
        Fields::parse(text, "Supplier", &[]).map(|fields| to_json(&fields.0).to_string())
    }

    #[test]
    fn fields_become_coupas_json() {
        assert_eq!(json("name").unwrap(), r#"["id","name"]"#);
        assert_eq!(
            json("id, name, payment-term[code], remit-to-addresses[name, country[code]], custom-fields").unwrap(),
            r#"["id","name",{"payment_term":["code"]},{"remit_to_addresses":["name",{"country":["code"]}]},{"custom_fields":{}}]"#
        );
    }

    #[test]
    fn wrong_fields_are_refused() {
        for (text, code) in [
            ("", "fields.malformed"),
            ("id,,name", "fields.malformed"),
            ("payment-term[code", "fields.malformed"),
            ("id]", "fields.malformed"),
            (&"parent[".repeat(20), "fields.malformed"),
            ("nmae", "fields.unknown-field"),
            ("payment-term[cod]", "fields.unknown-field"),
            ("name[x]", "fields.not-an-association"),
        ] {
            assert_eq!(json(text).unwrap_err().code, code, "{text}");
        }
    }
}
