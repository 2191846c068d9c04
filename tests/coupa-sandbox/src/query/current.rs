//! Embedded records as they are now.
//!
//! A record is stored with what it embeds of others, so that a list is served
//! as it is stored. Where an embedded record has changed since, it is put right
//! when it is printed.

use serde_json::{Map, Value};

use crate::model::{Link, RecordType, model};
use crate::store::{Records, StoreError};

/// Whether records of this type may embed something that has changed.
pub fn may_be_outdated(records: Records<'_>, record_type: &RecordType) -> Result<bool, StoreError> {
    let renewed = records.renewed_types()?;
    Ok(renewed
        .iter()
        .any(|table| model().embeds(record_type.name, table)))
}

/// Puts right what a record embeds.
pub fn bring_up_to_date(
    records: Records<'_>,
    record_type: &RecordType,
    record: &mut Map<String, Value>,
) -> Result<(), StoreError> {
    for (name, value) in record.iter_mut() {
        let link = record_type
            .field(name)
            .and_then(|field| record_type.link(field));
        let Some(link) = link else {
            continue;
        };
        match value {
            Value::Array(items) => {
                for item in items {
                    one(records, link, item)?;
                }
            }
            Value::Object(_) => one(records, link, value)?,
            _ => {}
        }
    }
    Ok(())
}

fn one(records: Records<'_>, link: Link, value: &mut Value) -> Result<(), StoreError> {
    let (target, refers) = match link {
        Link::Reference(target) | Link::References(target) => (target, true),
        Link::Part(target) | Link::Parts(target) => (target, false),
    };
    let Some(record_type) = model().record_type(target) else {
        return Ok(());
    };
    let id = value.get("id").and_then(Value::as_i64);
    if let (true, Some(id)) = (refers, id)
        && records.is_renewed(target, id)?
        && let Some(live) = records.get(target, id)?
    {
        *value = record_type.embed(&live);
    }
    match value.as_object_mut() {
        Some(embedded) => bring_up_to_date(records, record_type, embedded),
        None => Ok(()),
    }
}
