//! Records that belong to others: stored by themselves, and in the record they
//! belong to, so that both paths show the same.

use serde_json::{Map, Value};

use super::computed;
use crate::model::{OwnerType, RecordType, model};
use crate::store::{Parent, Records, StoreError};

/// The lists of what belongs to a record of this type and is stored by itself, too.
fn parts(record_type: &RecordType) -> impl Iterator<Item = (&'static str, &'static RecordType)> {
    record_type
        .parts
        .iter()
        .filter_map(|(name, part)| Some((*name, model().record_type(part)?)))
}

/// Stores a record, and its lines as records of their own. It belongs to the
/// given record, to the one that it names itself, or to the one it belonged to.
pub fn save(
    records: Records<'_>,
    record_type: &'static RecordType,
    record: &Map<String, Value>,
    parent: Option<&Parent>,
) -> Result<Option<i64>, StoreError> {
    let Some(id) = record.get("id").and_then(Value::as_i64) else {
        return Ok(None);
    };
    let named = match parent {
        Some(parent) => Some(parent.clone()),
        None => named_owner(record_type, record),
    };
    records.save(record_type.name, id, named.as_ref(), record)?;
    let own = Parent {
        record_type: record_type.name.to_owned(),
        id,
    };
    for (name, part) in parts(record_type) {
        let Some(Value::Array(lines)) = record.get(name) else {
            continue;
        };
        let mut removed = records.children(&own, part.name)?;
        for line in lines.iter().filter_map(Value::as_object) {
            if let Some(line_id) = save(records, part, line, Some(&own))? {
                removed.retain(|other| *other != line_id);
            }
        }
        for line_id in removed {
            remove(records, part, line_id, record_type.kept == Some(name))?;
        }
    }
    Ok(Some(id))
}

/// Removes a record and what belongs to it. Where it is kept, it can still be
/// shown as deleted.
pub fn remove(
    records: Records<'_>,
    record_type: &RecordType,
    id: i64,
    kept: bool,
) -> Result<bool, StoreError> {
    if kept && let Some(mut record) = records.get(record_type.name, id)? {
        record.insert("status".to_owned(), "deleted".into());
        let parent = records.parent(record_type.name, id)?;
        let table = deleted(record_type);
        records.save(&table, id, parent.as_ref(), &record)?;
    }
    let own = Parent {
        record_type: record_type.name.to_owned(),
        id,
    };
    for (table, child) in records.belongings(&own)? {
        match model().record_type(&table) {
            Some(record_type) => remove(records, record_type, child, false)?,
            None => records.delete(&table, child)?,
        };
    }
    records.delete(record_type.name, id)
}

/// Where lines that were removed are kept.
fn deleted(record_type: &RecordType) -> String {
    format!("deleted {}", record_type.name)
}

/// Whether removed records of a type are kept where they belong to `parent`.
pub fn is_kept(record_type: &RecordType, parent: Option<&Parent>) -> bool {
    let owner = parent.and_then(|parent| model().record_type(&parent.record_type));
    owner.is_some_and(|owner| {
        let is_kept =
            |part: &(&str, &str)| owner.kept == Some(part.0) && part.1 == record_type.name;
        owner.parts.iter().any(is_kept)
    })
}

/// Adds the removed lines that are kept to a record that is about to be printed.
pub fn add_deleted(
    records: Records<'_>,
    record_type: &'static RecordType,
    record: &mut Map<String, Value>,
) -> Result<(), StoreError> {
    let part = parts(record_type).find(|(name, _)| record_type.kept == Some(*name));
    let (Some((name, part)), Some(id)) = (part, record.get("id").and_then(Value::as_i64)) else {
        return Ok(());
    };
    let own = Parent {
        record_type: record_type.name.to_owned(),
        id,
    };
    let table = deleted(part);
    for id in records.children(&own, &table)? {
        let line = records.get(&table, id)?.map(Value::Object);
        if let Some(lines) = record.get_mut(name).and_then(Value::as_array_mut) {
            lines.extend(line);
        }
    }
    Ok(())
}

/// The record that a record names as the one it belongs to.
pub fn named_owner(record_type: &RecordType, record: &Map<String, Value>) -> Option<Parent> {
    let owner = record_type.owner?;
    let value = record.get(owner.field)?;
    let id = value.get("id").unwrap_or(value).as_i64()?;
    let name = match owner.of {
        OwnerType::Fixed(name) => name,
        OwnerType::Named(field) => record.get(field)?.as_str()?,
    };
    Some(Parent {
        record_type: model().record_type(name)?.name.to_owned(),
        id,
    })
}

/// Writes into a new record which record it belongs to.
pub fn name_owner(
    records: Records<'_>,
    record_type: &RecordType,
    record: &mut Map<String, Value>,
    parent: &Parent,
) -> Result<(), StoreError> {
    let Some(owner) = record_type.owner else {
        return Ok(());
    };
    match owner.of {
        OwnerType::Fixed(name) if name != parent.record_type => return Ok(()),
        OwnerType::Fixed(_) => {}
        OwnerType::Named(field) => {
            record.insert(field.to_owned(), parent.record_type.as_str().into());
        }
    }
    let refers = record_type
        .field(owner.field)
        .is_some_and(|field| record_type.link(field).is_some());
    let value = match (refers, model().record_type(&parent.record_type)) {
        (true, Some(owner_type)) => records
            .get(owner_type.name, parent.id)?
            .map(|owner| owner_type.embed(&owner))
            .unwrap_or_default(),
        _ => parent.id.into(),
    };
    record.insert(owner.field.to_owned(), value);
    Ok(())
}

/// Shows a changed part in the record it belongs to. That record's own
/// `updated-at` does not move: a documented trap for whoever reads changes.
pub fn refresh_parent(
    records: Records<'_>,
    record_type: &'static RecordType,
    id: i64,
) -> Result<(), StoreError> {
    match records.parent(record_type.name, id)? {
        Some(parent) => refresh(records, record_type, &parent),
        None => Ok(()),
    }
}

/// Shows the parts of one type in the record they belong to.
pub fn refresh(
    records: Records<'_>,
    part: &'static RecordType,
    parent: &Parent,
) -> Result<(), StoreError> {
    let Some(parent_type) = model().record_type(&parent.record_type) else {
        return Ok(());
    };
    let Some((name, _)) = parts(parent_type).find(|(_, other)| other.name == part.name) else {
        return Ok(());
    };
    let Some(mut record) = records.get(parent_type.name, parent.id)? else {
        return Ok(());
    };
    let mut lines = Vec::new();
    for id in records.children(parent, part.name)? {
        lines.extend(records.get(part.name, id)?.map(Value::Object));
    }
    record.insert(name.to_owned(), Value::Array(lines));
    computed::fill(records, parent_type, &mut record)?;
    records.save(parent_type.name, parent.id, None, &record)?;
    refresh_parent(records, parent_type, parent.id)
}
