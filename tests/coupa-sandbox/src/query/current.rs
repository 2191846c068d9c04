//! Embedded records as they are now.
//!
//! A record is stored with what it embeds of others, so that a list is served
//! as it is stored. Where an embedded record has changed since, it is put right
//! when it is printed.

use serde_json::{Map, Value};

use crate::model::{Link, RecordType, model};
use crate::store::{Records, StoreError};

/// What may be outdated in stored records.
pub struct Renewed<'a> {
    records: Records<'a>,
    types: Vec<String>,
}

impl<'a> Renewed<'a> {
    /// What has changed since it may have been embedded.
    pub fn of(records: Records<'a>) -> Result<Self, StoreError> {
        Ok(Self {
            records,
            types: records.renewed_types()?,
        })
    }

    /// Whether records of this type may embed something that has changed.
    pub fn concerns(&self, record_type: &RecordType) -> bool {
        !self.types.is_empty()
            && record_type.shape.iter().any(|name| {
                let link = record_type.field(name).and_then(|f| record_type.link(f));
                link.is_some_and(|link| model().concerns(link, &self.types))
            })
    }

    /// Puts right what a record embeds.
    pub fn bring_up_to_date(
        &self,
        record_type: &RecordType,
        record: &mut Map<String, Value>,
    ) -> Result<(), StoreError> {
        if self.types.is_empty() {
            return Ok(());
        }
        for (name, value) in record.iter_mut() {
            let link = record_type
                .field(name)
                .and_then(|field| record_type.link(field))
                .filter(|link| !value.is_null() && model().concerns(*link, &self.types));
            let Some(link) = link else {
                continue;
            };
            match value {
                Value::Array(items) => {
                    for item in items {
                        self.one(link, item)?;
                    }
                }
                _ => self.one(link, value)?,
            }
        }
        Ok(())
    }

    fn one(&self, link: Link, value: &mut Value) -> Result<(), StoreError> {
        let target = link.target();
        let refers = matches!(link, Link::Reference(_) | Link::References(_));
        let Some(record_type) = model().record_type(target) else {
            return Ok(());
        };
        let id = value.get("id").and_then(Value::as_i64);
        if let (true, Some(id)) = (refers, id)
            && self.records.is_renewed(target, id)?
            && let Some(live) = self.records.get(target, id)?
        {
            *value = record_type.embed(&live);
        }
        match value.as_object_mut() {
            Some(embedded) => self.bring_up_to_date(record_type, embedded),
            None => Ok(()),
        }
    }
}
