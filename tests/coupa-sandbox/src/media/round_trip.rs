//! A record in JSON, written as XML and read again as a body, is the same
//! record: for random records of every type in the catalog.

use coupa_catalog::{Field, FieldKind};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use serde_json::{Map, Value, json};

use super::{xml_in, xml_out};
use crate::clock;
use crate::model::{Link, RecordType, model};
use crate::write::{accept, elements};

/// How deep records lie in records.
const DEPTH: u32 = 2;

fn record(record_type: &'static RecordType, depth: u32) -> BoxedStrategy<Map<String, Value>> {
    let fields: Vec<&Field> = record_type
        .shape
        .iter()
        .filter_map(|name| record_type.field(name))
        .filter(|field| field.name != "id" && field.name != "custom-fields")
        .collect();
    let most = fields.len().min(8);
    let values = subsequence(fields, 0..=most).prop_flat_map(move |fields| {
        fields
            .into_iter()
            .map(|field| value(record_type, field, depth).prop_map(move |v| (field.name, v)))
            .collect::<Vec<_>>()
    });
    let custom = vec((select(custom(record_type)), untyped()), 0..3);
    (1..i64::MAX, values, custom)
        .prop_map(|(id, values, custom)| {
            let mut record = Map::new();
            record.insert("id".to_owned(), id.into());
            record.extend(values.into_iter().map(|(name, v)| (name.to_owned(), v)));
            let custom: Map<String, Value> = custom
                .into_iter()
                .filter_map(|(name, v)| Some((name?.to_owned(), v)))
                .collect();
            if !custom.is_empty() {
                record.insert("custom-fields".to_owned(), custom.into());
            }
            record
        })
        .boxed()
}

/// The custom fields to choose from; none where there are none.
fn custom(record_type: &RecordType) -> Vec<Option<&'static str>> {
    let names: Vec<_> = record_type.custom.iter().copied().map(Some).collect();
    if names.is_empty() { vec![None] } else { names }
}

fn value(owner: &'static RecordType, field: &'static Field, depth: u32) -> BoxedStrategy<Value> {
    match owner.link(field) {
        Some(Link::Reference(target) | Link::Part(target)) => nested(target, depth)
            .map_or(Just(Value::Null).boxed(), |one| {
                prop_oneof![Just(Value::Null), one].boxed()
            }),
        Some(Link::References(target) | Link::Parts(target)) => nested(target, depth)
            .map_or(Just(json!([])).boxed(), |one| {
                vec(one, 0..3).prop_map(Value::Array).boxed()
            }),
        None => prop_oneof![1 => Just(Value::Null), 4 => plain(field)].boxed(),
    }
}

fn nested(target: &str, depth: u32) -> Option<BoxedStrategy<Value>> {
    let target = model().record_type(target).filter(|_| depth > 0)?;
    Some(record(target, depth - 1).prop_map(Value::Object).boxed())
}

fn plain(field: &'static Field) -> BoxedStrategy<Value> {
    if !field.choices.is_empty() && matches!(field.kind, FieldKind::Text(_)) {
        return select(field.choices.clone()).prop_map(Value::from).boxed();
    }
    match field.kind {
        FieldKind::Integer => any::<i64>().prop_map(Value::from).boxed(),
        FieldKind::Boolean => any::<bool>().prop_map(Value::from).boxed(),
        FieldKind::DateTime => instant().prop_map(Value::from).boxed(),
        FieldKind::Date => instant().prop_map(|at| at[..10].into()).boxed(),
        FieldKind::Float => float().boxed(),
        FieldKind::Decimal(form) => {
            let scale = form.map_or(2, |(_, scale)| usize::from(scale.min(2)));
            let whole = form.map_or(4, |(precision, scale)| u32::from(precision - scale).min(4));
            (0..10_i64.pow(whole), 0..10_usize.pow(scale as u32))
                .prop_map(move |(whole, part)| format!("{whole}.{part:0scale$}").into())
                .boxed()
        }
        FieldKind::Text(_) if matches!(field.name, "email" | "po-email") => {
            Just(json!("ann@harbor.example")).boxed()
        }
        FieldKind::Text(limit) => text(limit).prop_map(Value::from).boxed(),
        _ => untyped(),
    }
}

/// A value of which the catalog does not say what it is. A blank one would be
/// stored as null.
fn untyped() -> BoxedStrategy<Value> {
    prop_oneof![
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        float(),
        text(None).prop_map(|text| if text.is_empty() {
            "-".into()
        } else {
            text.into()
        }),
        Just(Value::Null),
    ]
    .boxed()
}

fn float() -> impl Strategy<Value = Value> {
    any::<i32>().prop_map(|number| (f64::from(number) / 8.0).into())
}

fn instant() -> impl Strategy<Value = String> {
    (0..4_000_000_000_i64).prop_map(clock::from_seconds)
}

/// Any text that XML can carry, without white space around it: bodies are
/// read without it.
fn text(limit: Option<u32>) -> impl Strategy<Value = String> {
    let limit = limit.map_or(usize::MAX, |limit| limit as usize);
    let letter = prop_oneof![
        any::<char>(),
        select(vec!['<', '&', ']', '>', '\r', '\n', '"'])
    ];
    vec(letter, 0..20).prop_map(move |letters| {
        let text: String = letters
            .into_iter()
            .filter(|letter| xml_out::can_carry(*letter))
            .take(limit)
            .collect();
        text.trim().to_owned()
    })
}

/// What was read, as the write path understands it.
fn typed(record_type: &'static RecordType, read: &Map<String, Value>) -> Map<String, Value> {
    let object = |target: &str, value: &Value| match (model().record_type(target), value) {
        (Some(target), Value::Object(record)) => Value::Object(typed(target, record)),
        (_, other) => other.clone(),
    };
    let typed = read.iter().map(|(name, value)| {
        let field = record_type.field(name);
        let value = match field.map(|field| (field, record_type.link(field))) {
            Some((_, Some(Link::Reference(target) | Link::Part(target)))) => object(target, value),
            Some((_, Some(Link::References(target) | Link::Parts(target)))) => {
                elements(name, value)
                    .iter()
                    .map(|element| object(target, element))
                    .collect()
            }
            Some((field, None)) => accept(record_type.name, field, value).unwrap(),
            None => value.clone(),
        };
        (name.clone(), value)
    });
    typed.collect()
}

/// XML leaves out an association without a record.
fn without_null_associations(
    record_type: &'static RecordType,
    record: Map<String, Value>,
) -> Map<String, Value> {
    let kept = record.into_iter().filter_map(|(name, value)| {
        let link = record_type
            .field(&name)
            .and_then(|field| record_type.link(field));
        let value = match (link, value) {
            (Some(_), Value::Null) => return None,
            (
                Some(
                    Link::Reference(target)
                    | Link::Part(target)
                    | Link::References(target)
                    | Link::Parts(target),
                ),
                value,
            ) => {
                let target = model().record_type(target).unwrap();
                let inner = |value| match value {
                    Value::Object(inner) => without_null_associations(target, inner).into(),
                    other => other,
                };
                match value {
                    Value::Array(items) => items.into_iter().map(inner).collect(),
                    other => inner(other),
                }
            }
            (None, value) => value,
        };
        Some((name, value))
    });
    kept.collect()
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: ProptestConfig::default().cases.max(2000),
        // A failure prints its input and seed; nothing is written beside the sources.
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn json_to_xml_and_back(
        (name, record) in select(coupa_catalog::record_types().collect::<Vec<_>>())
            .prop_flat_map(|name| (Just(name), record(model().record_type(name).unwrap(), DEPTH)))
    ) {
        let record_type = model().record_type(name).unwrap();
        let xml = xml_out::record(record_type, "record", &record);
        let Value::Object(read) = xml_in::read(&xml).unwrap() else {
            panic!("no object in {xml}");
        };
        let expected = without_null_associations(record_type, record);
        prop_assert_eq!(typed(record_type, &read), expected, "{}", xml);
    }
}
