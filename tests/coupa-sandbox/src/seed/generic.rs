//! Any other collection: values by what a field holds and what it is called.

use coupa_catalog::{Field, FieldKind};
use serde_json::{Map, Value};

use super::seeder::Seeder;
use super::text::text;
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
            None => plain(random, record_type, field, number),
            Some(link) => linked(seeder, random, record_type, field, link, number)?,
        };
        if !value.is_null() {
            values.insert((*name).to_owned(), value);
        }
    }
    agree(&mut values);
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
        let is_varied =
            is_open && number > 1 && record_type.owner.is_none_or(|o| o.field != "approvable-id");
        let states = match is_varied {
            true => actions::states(collection.path, field),
            false => Vec::new(),
        };
        if let Some(state) = random.pick(&states) {
            values.insert(field.to_owned(), state.into());
        }
    }
}

fn plain(random: &mut Random, record_type: &RecordType, field: &Field, number: u64) -> Value {
    let name = field.name;
    match field.kind {
        FieldKind::Boolean => match name {
            "active" => random.chance(90).into(),
            _ => random.chance(20).into(),
        },
        // The choices of a number are the names of 0, 1 and so on.
        FieldKind::Integer if !field.choices.is_empty() => {
            random.below(field.choices.len() as u64).into()
        }
        FieldKind::Integer => match name.ends_with("-id") {
            true => Value::Null,
            false => random.below(90).into(),
        },
        FieldKind::Decimal(_) => decimal(random, name).into(),
        FieldKind::Float => random.below(20).into(),
        FieldKind::DateTime => instant(random, name).into(),
        FieldKind::Date => instant(random, name)[..10].into(),
        FieldKind::Text(limit) => {
            let choice = random.pick(&field.choices).map(str::to_owned);
            let text = choice.or_else(|| text(random, record_type, name, number));
            let limit = limit.map_or(usize::MAX, |limit| limit as usize);
            text.map(|text| text.chars().take(limit).collect::<String>())
                .into()
        }
        _ => Value::Null,
    }
}

/// Whole quantities, rates around one, percentages, and amounts of money.
fn decimal(random: &mut Random, name: &str) -> String {
    if name.contains("quantity") || name.ends_with("qty") {
        return format!("{}.0", random.below(20) + 1);
    }
    let below = match name {
        _ if name.contains("rate") => 2,
        _ if name.ends_with("pct") || name.contains("percent") => 100,
        _ => 1000,
    };
    format!("{}.{:02}", random.below(below), random.below(100))
}

/// What ends or is due comes later than all else.
fn instant(random: &mut Random, name: &str) -> String {
    let is_late = ["end", "due", "expir"]
        .iter()
        .any(|word| name.contains(word));
    let first = if is_late {
        1_725_000_000
    } else {
        1_680_000_000
    };
    clock::from_seconds(first + i64::try_from(random.below(40_000_000)).unwrap_or(0))
}

/// Takes back what does not go together.
fn agree(values: &mut Map<String, Value>) {
    if values.get("exported") != Some(&Value::Bool(true)) && values.contains_key("exported") {
        values.remove("last-exported-at");
    }
    // These say that something happened; its status says whether it did.
    for name in [
        "voided-value",
        "canceled",
        "published-date",
        "paid-date",
        "approval-date",
    ] {
        values.remove(name);
    }
}
