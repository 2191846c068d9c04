//! What the component asks for and offers, and how it describes itself.

use crate::support::{component, connector, oauth, sandbox};
use host_harness::runtime::types::{PropertyKind, Role};
use host_harness::runtime::{RuntimeError, interfaces};
use std::collections::BTreeSet;
use std::path::Path;

#[test]
fn the_component_imports_exactly_what_the_contract_allows() {
    let found = interfaces(&std::fs::read(component()).unwrap()).unwrap();
    let mut imports: Vec<&str> = found
        .imports
        .iter()
        .map(|name| name.split('@').next().unwrap())
        .collect();
    imports.sort_unstable();
    assert_eq!(
        imports,
        [
            "integration:connector/cache",
            "integration:connector/files",
            "integration:connector/log",
            "integration:connector/secrets",
            "integration:connector/types",
            "wasi:clocks/monotonic-clock",
            "wasi:clocks/system-clock",
            "wasi:clocks/types",
            "wasi:http/client",
            "wasi:http/types",
        ]
    );
    let mut exports = found.exports.clone();
    exports.sort_unstable();
    assert_eq!(
        exports,
        [
            "integration:connector/connector@0.2.0",
            "integration:connector/design@0.2.0"
        ]
    );
}

#[test]
fn the_component_is_under_one_and_a_quarter_megabytes() {
    let size = std::fs::metadata(component()).unwrap().len();
    assert!(size < 1_250_000, "{size} bytes");
}

#[tokio::test]
async fn the_descriptor_is_sane() {
    let connector = connector();
    let descriptor = connector.descriptor();
    assert_eq!(descriptor.id, "coupa");
    let names: Vec<&str> = descriptor
        .properties
        .iter()
        .map(|property| property.name.as_str())
        .collect();
    for rule in &descriptor.reauthentication {
        for name in rule.changed.iter().chain(&rule.clear) {
            assert!(names.contains(&name.as_str()), "{name}");
        }
        for secret in &rule.clear {
            let property = descriptor
                .properties
                .iter()
                .find(|property| property.name == *secret);
            assert!(matches!(property.unwrap().kind, PropertyKind::Secret));
        }
    }
    for property in &descriptor.properties {
        if let Some(condition) = &property.shown_when {
            assert!(names.contains(&condition.property.as_str()));
        }
    }
    assert_eq!(descriptor.reaches, ["host"]);
    let rate = descriptor.rate.as_ref().unwrap();
    assert_eq!((rate.per_second, rate.burst), (25, 20));
}

#[tokio::test]
async fn activities_objects_and_shapes_are_discovered() {
    let sandbox = sandbox(&[]);
    let mut session = connector().session(oauth(&sandbox)).await.unwrap();
    let activities = session.activities().await.unwrap();
    let listed: Vec<_> = activities
        .iter()
        .map(|activity| (activity.name.as_str(), activity.role))
        .collect();
    assert_eq!(
        listed,
        [
            ("query", Role::Source),
            ("get", Role::Source),
            ("changes", Role::Source),
            ("export", Role::Source),
            ("download", Role::Source),
            ("create", Role::Target),
            ("update", Role::Target),
            ("upsert", Role::Target),
            ("delete", Role::Target),
            ("action", Role::Target),
            ("upload", Role::Target),
        ]
    );

    let objects = session.objects(None).await.unwrap();
    assert_eq!(objects.len(), 166);
    for wanted in [
        "suppliers",
        "purchase_orders",
        "requisitions",
        "invoices",
        "users",
        "accounts",
        "departments",
        "addresses",
        "contracts",
        "items",
        "lookups",
        "lookup_values",
        "payment_terms",
        "currencies",
        "exchange_rates",
        "receiving_transactions",
        "approvals",
        "integrations",
        "integration_runs",
        "expense_reports",
    ] {
        let object = objects.iter().find(|object| object.name == wanted).unwrap();
        for activity in &object.activities {
            let shape = session
                .describe_object(activity, wanted, false)
                .await
                .unwrap();
            let response: serde_json::Value =
                serde_json::from_str(&shape.response.unwrap()).unwrap();
            assert!(
                response["properties"]["id"].is_object(),
                "{wanted} {activity}"
            );
            let role = activities
                .iter()
                .find(|a| a.name == *activity)
                .unwrap()
                .role;
            assert_eq!(shape.request.is_some(), role == Role::Target);
        }
    }
    let found = session
        .objects(Some("PAYMENT term".to_owned()))
        .await
        .unwrap();
    assert_eq!(found.len(), 1);
    match session
        .describe_object("create", "currencies", false)
        .await
        .unwrap_err()
    {
        RuntimeError::Connector(error) => assert_eq!(error.0.code, "call.not-allowed"),
        other => panic!("{other}"),
    }
    assert_eq!(sandbox.log().len(), 0, "describing asks Coupa nothing");
}

/// The files of a folder and the folders in it.
fn sources(folder: &Path, found: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else {
            found.push(std::fs::read_to_string(path).unwrap());
        }
    }
}

#[test]
fn every_error_code_is_documented() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let documented = std::fs::read_to_string(root.join("docs/errors.md")).unwrap();
    let mut texts = Vec::new();
    sources(&root.join("src"), &mut texts);
    let words = [
        "settings", "call", "option", "filter", "fields", "order", "key", "resume", "reach",
        "token", "coupa", "read", "record", "write", "internal", "action", "file", "export",
        "front",
    ];
    let mut codes = BTreeSet::new();
    for text in &texts {
        for literal in text.split('"').skip(1).step_by(2) {
            let is_code = literal.split_once('.').is_some_and(|(area, rest)| {
                words.contains(&area)
                    && !rest.is_empty()
                    && rest.bytes().all(|b| b.is_ascii_lowercase() || b == b'-')
            });
            if is_code {
                codes.insert(literal);
            }
        }
    }
    assert!(codes.len() > 60, "{}", codes.len());
    for code in codes {
        assert!(
            documented.contains(&format!("`{code}`")),
            "{code} is not in docs/errors.md"
        );
    }
}
