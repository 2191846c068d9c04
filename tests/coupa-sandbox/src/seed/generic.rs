//! Any other collection: values by what a field holds and what it is called.

use coupa_catalog::{Field, FieldKind};
use serde_json::{Map, Value};

use super::seeder::Seeder;
use super::words::{COMPANY_SECOND, GOODS};
use crate::clock;
use crate::model::actions;
use crate::model::{Collection, Link, RecordType, model};
use crate::random::Random;
use crate::store::StoreError;

/// The values of one record of any type.
pub fn record(
    seeder: &mut Seeder,
    random: &mut Random,
    record_type: &'static RecordType,
    number: u64,
) -> Result<Map<String, Value>, StoreError> {
    let mut values = Map::new();
    for name in &record_type.shape {
        let Some(field) = record_type.field(name) else {
            continue;
        };
        if field.name == "id" || ["created-", "updated-"].iter().any(|p| name.starts_with(p)) {
            continue;
        }
        let value = match record_type.link(field) {
            None => plain(random, field, number),
            Some(link) => linked(seeder, random, record_type, field, link, number)?,
        };
        if !value.is_null() {
            values.insert((*name).to_owned(), value);
        }
    }
    Ok(values)
}

fn linked(
    seeder: &mut Seeder,
    random: &mut Random,
    owner: &RecordType,
    field: &Field,
    link: Link,
    number: u64,
) -> Result<Value, StoreError> {
    match link {
        // A parent of the same type would make trees of any shape.
        Link::Reference(target) if target != owner.name => seeder.any(random, target),
        Link::Parts(target) if target != owner.name && has_lines(field.name) => {
            let Some(part) = model().record_type(target) else {
                return Ok(Value::Null);
            };
            let mut lines = Vec::new();
            for _ in 0..=random.below(2) {
                lines.push(Value::Object(record(seeder, random, part, number)?));
            }
            Ok(Value::Array(lines))
        }
        _ => Ok(Value::Null),
    }
}

/// Whether a list holds what a document is made of.
fn has_lines(name: &str) -> bool {
    name == "lines" || name.ends_with("-lines") || name.ends_with("-line-changes")
}

/// Gives a record a state that it can have: the first of a collection the one
/// that a new record has, the others also those that actions lead to or from.
pub fn state(
    random: &mut Random,
    collection: &Collection,
    record_type: &RecordType,
    number: u64,
    values: &mut Map<String, Value>,
) {
    if let Some(subset) = &collection.subset {
        let value = random.pick(&subset.values);
        values.insert(subset.field.to_owned(), value.into());
    }
    for field in ["status", "state"] {
        let is_open = record_type.shape.contains(&field) && !values.contains_key(field);
        let states = actions::states(collection.path, field);
        if let (true, true, Some(state)) = (is_open, number > 1, random.pick(&states)) {
            values.insert(field.to_owned(), state.into());
        }
    }
}

fn plain(random: &mut Random, field: &Field, number: u64) -> Value {
    if let (FieldKind::Text(_), Some(choice)) = (field.kind, random.pick(&field.choices)) {
        return choice.into();
    }
    match field.kind {
        FieldKind::Boolean => match field.name {
            "active" => random.chance(90).into(),
            _ => random.chance(20).into(),
        },
        FieldKind::Integer => match field.name.ends_with("-id") {
            true => Value::Null,
            false => random.below(90).into(),
        },
        FieldKind::Decimal(_) => format!("{}.{:02}", random.below(1000), random.below(100)).into(),
        FieldKind::Float => random.below(20).into(),
        FieldKind::DateTime => instant(random).into(),
        FieldKind::Date => instant(random)[..10].into(),
        FieldKind::Text(limit) => text(random, field.name, number, limit),
        _ => Value::Null,
    }
}

fn instant(random: &mut Random) -> String {
    clock::from_seconds(1_680_000_000 + i64::try_from(random.below(40_000_000)).unwrap_or(0))
}

fn text(random: &mut Random, name: &str, number: u64, limit: Option<u32>) -> Value {
    let text = match name {
        "code" => format!("C{number:05}"),
        "name" | "title" => format!("{} {number}", random.word(&COMPANY_SECOND)),
        "description" => random.word(&GOODS).to_owned(),
        // Left to the defaults, or null.
        "status" | "type" => return Value::Null,
        _ if name.starts_with("segment-") => match name {
            "segment-1" => format!("{:02}", number % 20 + 1),
            "segment-2" => format!("{:03}", number % 1000),
            "segment-3" => format!("{}", 6000 + number),
            _ => return Value::Null,
        },
        _ if name.contains("number") || name.ends_with("-num") => format!("N-{number:06}"),
        _ if name.contains("email") => format!("contact{number}@example.com"),
        _ if random.chance(30) => format!("{} {}", name.replace('-', " "), random.below(100)),
        _ => return Value::Null,
    };
    let limit = limit.map_or(usize::MAX, |limit| limit as usize);
    text.chars().take(limit).collect::<String>().into()
}
