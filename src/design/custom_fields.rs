//! Custom fields: those that one Coupa has and the release does not know.
//!
//! Coupa's GraphQL names them with their types, where the scopes allow to ask it.
//! Otherwise some records are read, and what they hold beyond the release are
//! custom fields. Newer ones lie in `custom-fields`, older ones beside the
//! release's own.

use crate::client::{Client, Exchange, Repeat, is_about_the_question, not_json};
use crate::contract::Error;
use crate::host::{Host, Method};
use coupa_catalog::Collection;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::time::Duration;

/// How long what was found is kept for those who do not ask anew.
const KEPT: Duration = Duration::from_secs(30 * 24 * 3600);
/// Records that are looked at where GraphQL does not answer.
const SAMPLED: usize = 20;

/// A custom field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CustomField {
    /// In kebab case.
    pub name: String,
    /// Whether it lies in `custom-fields`.
    pub namespaced: bool,
    /// JSON Schema.
    pub schema: Value,
    pub learned_from: String,
}

/// The custom fields of an object: those found the last time, or, with `refresh`,
/// those that Coupa has now.
///
/// # Errors
/// With `refresh`, what keeps Coupa from telling them.
pub async fn discover<H: Host>(
    client: &Client<H>,
    object: &str,
    collection: &Collection,
    refresh: bool,
) -> Result<Vec<CustomField>, Error> {
    let key = format!(
        "custom fields {} {}",
        client.settings().origin,
        collection.path
    );
    if !refresh {
        let kept = client.host().cache_get(&key).await;
        let fields = kept.and_then(|(text, _)| serde_json::from_str(&text).ok());
        return Ok(fields.unwrap_or_default());
    }
    let found = match introspect(client, collection.record_type).await {
        Ok(Some(fields)) => fields,
        // Records of no certain parent cannot be looked at.
        Ok(None) if object.contains('{') || !collection.can_list() => Vec::new(),
        Err(error) if object.contains('{') || !collection.can_list() => return Err(error),
        _ => sample(client, object, collection.record_type).await?,
    };
    if let Ok(text) = serde_json::to_string(&found) {
        client.host().cache_put(&key, text, KEPT).await;
    }
    Ok(found)
}

#[derive(Deserialize)]
struct Answer {
    data: Option<Found>,
}

#[derive(Deserialize)]
struct Found {
    #[serde(rename = "__type")]
    of: Option<Type>,
}

#[derive(Deserialize)]
struct Type {
    fields: Option<Vec<TypeField>>,
}

#[derive(Deserialize)]
struct TypeField {
    name: String,
    #[serde(rename = "type")]
    kind: Kind,
}

#[derive(Deserialize)]
struct Kind {
    name: Option<String>,
    kind: String,
    #[serde(rename = "ofType")]
    of: Option<Box<Kind>>,
}

impl Kind {
    /// The type itself, without what says that it is never null.
    fn plain(&self) -> &Self {
        match (&self.of, self.kind.as_str()) {
            (Some(of), "NON_NULL") => of.plain(),
            _ => self,
        }
    }

    fn schema(&self) -> Value {
        let plain = self.plain();
        match (plain.kind.as_str(), plain.name.as_deref()) {
            ("LIST", _) => json!({ "type": "array" }),
            (_, Some("Int" | "BigInt" | "ID")) => json!({ "type": ["integer", "null"] }),
            (_, Some("Float")) => json!({ "type": ["number", "null"] }),
            (_, Some("Boolean")) => json!({ "type": ["boolean", "null"] }),
            (_, Some("Date" | "ISO8601Date")) => {
                json!({ "type": ["string", "null"], "format": "date" })
            }
            (_, Some("DateTime" | "ISO8601DateTime")) => {
                json!({ "type": ["string", "null"], "format": "date-time" })
            }
            ("OBJECT", _) => json!({ "type": ["object", "null"] }),
            _ => json!({ "type": ["string", "null"] }),
        }
    }
}

/// What GraphQL says of a type; none where it does not know it.
async fn introspect<H: Host>(
    client: &Client<H>,
    record_type: &str,
) -> Result<Option<Vec<CustomField>>, Error> {
    let Some(fields) = fields_of(client, record_type).await? else {
        return Ok(None);
    };
    let custom = |field: &TypeField, namespaced| CustomField {
        name: kebab(&field.name),
        namespaced,
        schema: field.kind.schema(),
        learned_from: "GraphQL introspection".to_owned(),
    };
    let mut found = Vec::new();
    for field in &fields {
        if field.name == "customFields" {
            let of = field.kind.plain().name.as_deref().unwrap_or_default();
            let inner = fields_of(client, of).await?.unwrap_or_default();
            found.extend(inner.iter().map(|field| custom(field, true)));
        } else if coupa_catalog::field(record_type, &kebab(&field.name)).is_none()
            && !field.name.starts_with("__")
        {
            found.push(custom(field, false));
        }
    }
    Ok(Some(found))
}

async fn fields_of<H: Host>(
    client: &Client<H>,
    name: &str,
) -> Result<Option<Vec<TypeField>>, Error> {
    let query = format!(
        "query{{__type(name:{}){{fields{{name type{{name kind ofType{{name kind ofType{{name \
         kind}}}}}}}}}}}}",
        json!(name.replace('-', ""))
    );
    let exchange = Exchange {
        method: Method::Post,
        path_and_query: "/api/graphql".to_owned(),
        body: json!({ "query": query }).to_string(),
        // It only reads.
        repeat: Repeat::Freely,
    };
    let answer: Answer = client
        .exchange(exchange, |response| {
            serde_json::from_slice(&response.body).map_err(|_| not_json(&response, "types"))
        })
        .await?;
    Ok(answer
        .data
        .and_then(|found| found.of)
        .and_then(|of| of.fields))
}

/// What some records hold beyond the release.
async fn sample<H: Host>(
    client: &Client<H>,
    object: &str,
    record_type: &str,
) -> Result<Vec<CustomField>, Error> {
    let read = |url| {
        client.get(url, |response| {
            serde_json::from_slice(&response.body).map_err(|_| not_json(&response, "a list"))
        })
    };
    let sampled = read(format!("/api/{object}?limit={SAMPLED}")).await;
    let records: Vec<Map<String, Value>> = match sampled {
        // It may have smaller pages, and refuse what is over them.
        Err(error) if is_about_the_question(&error) => read(format!("/api/{object}")).await?,
        sampled => sampled?,
    };
    let mut found: BTreeMap<(String, bool), Value> = BTreeMap::new();
    for record in &records {
        for (name, value) in record {
            match value {
                Value::Object(inner) if name == "custom-fields" => {
                    for (name, value) in inner {
                        note(&mut found, name, true, value);
                    }
                }
                // Booleans are shown a second time with a question mark.
                _ if name == "custom-fields" || name.ends_with('?') => {}
                _ if coupa_catalog::field(record_type, name).is_none() => {
                    note(&mut found, name, false, value);
                }
                _ => {}
            }
        }
    }
    Ok(found
        .into_iter()
        .map(|((name, namespaced), schema)| CustomField {
            name,
            namespaced,
            schema,
            learned_from: format!("{} records", records.len()),
        })
        .collect())
}

fn note(found: &mut BTreeMap<(String, bool), Value>, name: &str, namespaced: bool, value: &Value) {
    let kind = match value {
        Value::Null => None,
        Value::Bool(_) => Some("boolean"),
        Value::Number(number) if number.is_f64() => Some("number"),
        Value::Number(_) => Some("integer"),
        Value::String(_) => Some("string"),
        Value::Array(_) => Some("array"),
        Value::Object(_) => Some("object"),
    };
    let schema = found
        .entry((name.replace('_', "-"), namespaced))
        .or_insert_with(|| json!({}));
    let (Some(kind), Some(schema)) = (kind, schema.as_object_mut()) else {
        return;
    };
    match schema.get("type").and_then(|types| types.get(0)) {
        None => {
            schema.insert("type".to_owned(), json!([kind, "null"]));
        }
        Some(before) if before == kind => {}
        // Two records do not agree: anything may come.
        Some(_) => {
            schema.insert(
                "type".to_owned(),
                json!(["string", "number", "boolean", "object", "array", "null"]),
            );
        }
    }
}

/// `erpVendorId` becomes `erp-vendor-id`.
fn kebab(name: &str) -> String {
    let mut out = String::with_capacity(name.len() + 4);
    for c in name.chars() {
        if c.is_uppercase() {
            out.push('-');
            out.extend(c.to_lowercase());
        } else if c == '_' {
            out.push('-');
        } else {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_travel_between_their_spellings() {
        assert_eq!(kebab("erpVendorId"), "erp-vendor-id");
        assert_eq!(kebab("cost_center"), "cost-center");
    }

    #[test]
    fn what_records_hold_tells_the_type() {
        let mut found = BTreeMap::new();
        note(&mut found, "region", true, &json!(null));
        note(&mut found, "region", true, &json!("EU"));
        note(&mut found, "mixed", false, &json!(1));
        note(&mut found, "mixed", false, &json!("1"));
        assert_eq!(
            found[&("region".to_owned(), true)],
            json!({ "type": ["string", "null"] })
        );
        let mixed = &found[&("mixed".to_owned(), false)];
        assert_eq!(mixed["type"].as_array().unwrap().len(), 6);
    }
}
