//! The instance's description of its own API.

use std::collections::{BTreeMap, BTreeSet};

use coupa_catalog::{Field, FieldKind};
use serde_json::{Value, json};

use crate::support::{read, start};

/// What the description says of a field, as the catalog would say it.
fn kind(property: &Value) -> FieldKind {
    let text = |name: &str| property[name].as_str().unwrap_or_default();
    let target = |value: &Value| -> Option<&'static str> {
        let name = value["$ref"].as_str()?.strip_prefix("#/definitions/")?;
        coupa_catalog::record_types().find(|known| *known == name)
    };
    if let Some(one) = target(property) {
        return FieldKind::Record(one);
    }
    match (text("type"), text("format")) {
        ("array", _) => target(&property["items"]).map_or(FieldKind::List, FieldKind::Records),
        ("integer", _) => FieldKind::Integer,
        ("boolean", _) => FieldKind::Boolean,
        ("string", "date-time") => FieldKind::DateTime,
        ("string", "date") => FieldKind::Date,
        ("string", _) => FieldKind::Text(property["maxLength"].as_u64().map(|n| n as u32)),
        ("number", "float") => FieldKind::Float,
        ("number", decimal) => {
            let form = decimal.strip_prefix("decimal(").map(|form| {
                let (precision, scale) = form.trim_end_matches(')').split_once(',').unwrap();
                (precision.parse().unwrap(), scale.parse().unwrap())
            });
            FieldKind::Decimal(form)
        }
        _ => FieldKind::Unknown,
    }
}

#[tokio::test]
async fn it_holds_the_whole_catalog_and_nothing_else() {
    let api = start();
    let reply = api.get("/api_docs/0.json").await;
    assert_eq!(reply.status, 200);
    let document = reply.json();
    assert_eq!(api.get("/api_docs/0").await.json(), document);
    assert_eq!(document["swagger"], "2.0");

    let paths: BTreeMap<String, BTreeSet<char>> = document["paths"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(path, verbs)| {
            let letter = |verb: &String| match verb.as_str() {
                "put" => 'U',
                "patch" => 'A',
                verb => verb.to_uppercase().chars().next().unwrap(),
            };
            (
                path.clone(),
                verbs.as_object().unwrap().keys().map(letter).collect(),
            )
        })
        .collect();
    let expected = coupa_catalog::paths()
        .map(|(path, verbs)| (format!("/{path}"), verbs.chars().collect()))
        .collect();
    assert_eq!(paths, expected);

    let definitions = document["definitions"].as_object().unwrap();
    assert_eq!(definitions.len(), coupa_catalog::record_types().count());
    for name in coupa_catalog::record_types() {
        let definition = &definitions[name];
        let required: Vec<&str> = definition["required"]
            .as_array()
            .map(|names| names.iter().map(|n| n.as_str().unwrap()).collect())
            .unwrap_or_default();
        let properties = definition["properties"].as_object().unwrap();
        let mut fields: BTreeSet<&str> = properties.keys().map(String::as_str).collect();
        for Field {
            name: field,
            kind: expected,
            required: is_required,
            read_only,
            choices,
        } in coupa_catalog::fields(name)
        {
            let property = &properties[field];
            assert_eq!(kind(property), expected, "{name}.{field}");
            assert_eq!(required.contains(&field), is_required, "{name}.{field}");
            assert_eq!(property["readOnly"] == json!(true), read_only);
            let listed = property["enum"].as_array().cloned().unwrap_or_default();
            assert_eq!(listed, choices, "{name}.{field}");
            fields.remove(field);
        }
        assert!(fields.is_empty(), "{name}: {fields:?}");
    }
}

#[tokio::test]
async fn answers_are_described_by_their_type() {
    let api = start();
    let document = api.get("/api_docs/0").await.json();
    let schema = |path: &str, verb: &str, status: &str| {
        document["paths"][path][verb]["responses"][status]["schema"].clone()
    };
    let order = json!({"$ref": "#/definitions/OrderHeader"});
    assert_eq!(
        schema("/purchase_orders", "get", "200"),
        json!({"type": "array", "items": order})
    );
    assert_eq!(schema("/purchase_orders", "post", "201"), order);
    assert_eq!(schema("/purchase_orders/{id}", "put", "200"), order);
    assert_eq!(schema("/purchase_orders/{id}/cancel", "put", "200"), order);
    assert_eq!(
        schema("/suppliers/{supplier_id}/addresses/{id}", "get", "200"),
        json!({"$ref": "#/definitions/RemitToAddress"})
    );
    assert_eq!(schema("/attachments/{id}", "delete", "200"), Value::Null);
}

#[tokio::test]
async fn it_takes_credentials() {
    let api = start();
    let nobody = read(api.http.get(api.url("/api_docs/0.json"))).await;
    assert_eq!(nobody.status, 401);
    assert_eq!(api.get("/api_docs/1").await.status, 404);
    assert_eq!(api.put("/api_docs/0", json!({})).await.status, 405);
}
