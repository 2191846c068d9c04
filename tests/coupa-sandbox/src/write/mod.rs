//! Writes: create, partial update, the exported flag and delete.
//!
//! There is no idempotency key and no version check in Coupa: a POST that is
//! sent twice makes two records, unless a unique field stands against it.

mod change;
mod computed;
mod lists;
mod reference;
mod values;

use serde_json::{Map, Value};

#[cfg(test)]
pub(crate) use lists::elements;
#[cfg(test)]
pub(crate) use values::accept;

use crate::clock;
use crate::model::{Link, RecordType, model};
use crate::refusal::Refusal;
use crate::store::{Parent, Records, StoreError};
use change::{Change, says};

/// Writes records in the name of one user.
pub struct Writer<'a> {
    records: Records<'a>,
    actor: Value,
    now: String,
}

impl<'a> Writer<'a> {
    /// A writer for the user with this id.
    pub fn new(records: Records<'a>, user: i64) -> Result<Self, StoreError> {
        let actor = match (records.get("User", user)?, model().record_type("User")) {
            (Some(user), Some(record_type)) => record_type.embed(&user),
            _ => Value::Null,
        };
        Ok(Self {
            records,
            actor,
            now: clock::now(),
        })
    }

    /// Creates a record.
    pub fn create(
        &self,
        record_type: &'static RecordType,
        sent: &Map<String, Value>,
        parent: Option<&Parent>,
    ) -> Result<Map<String, Value>, Refusal> {
        let mut change = self.change();
        let mut record = change.build(record_type, sent)?;
        change.check_unique(record_type, None, &record)?;
        refuse(record_type, change.problems)?;
        let id = self.records.next_id(record_type.name)?;
        record.insert("id".to_owned(), id.into());
        computed::fill(self.records, record_type, &mut record)?;
        save(self.records, record_type, &record, parent)?;
        refresh_parent(self.records, record_type, id)?;
        Ok(record)
    }

    /// Changes what was sent of a record and leaves the rest. `exported` comes
    /// from the query; then nothing else changes.
    pub fn update(
        &self,
        record_type: &'static RecordType,
        id: i64,
        sent: &Map<String, Value>,
        exported: Option<&str>,
    ) -> Result<Map<String, Value>, Refusal> {
        let mut record = self
            .records
            .get(record_type.name, id)?
            .ok_or(Refusal::NotFound)?;
        let alone = (sent.len() == 1).then(|| says(sent, "exported")).flatten();
        if let Some(flag) = exported.and_then(values::boolean).or(alone)
            && record.contains_key("exported")
        {
            self.mark(&mut record, flag);
        } else {
            if record_type.name == "Address" && record.get("active") == Some(&Value::Bool(false)) {
                let message = "Inactive address can't be updated";
                return Err(Refusal::invalid(record_type.name, message));
            }
            let mut change = self.change();
            change.apply(record_type, &mut record, sent)?;
            change.check_unique(record_type, Some(id), &record)?;
            refuse(record_type, change.problems)?;
        }
        save(self.records, record_type, &record, None)?;
        refresh_parent(self.records, record_type, id)?;
        Ok(record)
    }

    /// Stores a record as it is, new or changed, and shows it in the record
    /// that it belongs to.
    pub fn put(
        &self,
        record_type: &'static RecordType,
        record: &Map<String, Value>,
        parent: Option<&Parent>,
    ) -> Result<(), StoreError> {
        match save(self.records, record_type, record, parent)? {
            Some(id) => refresh_parent(self.records, record_type, id),
            None => Ok(()),
        }
    }

    /// Sets the status of a record, as an action does.
    pub fn set_status(
        &self,
        record_type: &'static RecordType,
        mut record: Map<String, Value>,
        status: &str,
    ) -> Result<Map<String, Value>, Refusal> {
        record.insert("status".to_owned(), status.into());
        record.insert("updated-at".to_owned(), self.now.as_str().into());
        if let Some(id) = save(self.records, record_type, &record, None)? {
            refresh_parent(self.records, record_type, id)?;
        }
        Ok(record)
    }

    /// Removes a record and what belongs to it.
    pub fn delete(&self, record_type: &'static RecordType, id: i64) -> Result<(), Refusal> {
        let parent = self.records.parent(record_type.name, id)?;
        if !self.records.delete(record_type.name, id)? {
            return Err(Refusal::NotFound);
        }
        let own = Parent {
            record_type: record_type.name.to_owned(),
            id,
        };
        for part in parts(record_type) {
            for child in self.records.children(&own, part.1.name)? {
                self.records.delete(part.1.name, child)?;
            }
        }
        if let Some(parent) = parent {
            refresh(self.records, record_type, &parent)?;
        }
        Ok(())
    }

    fn change(&self) -> Change<'_> {
        Change {
            records: self.records,
            actor: &self.actor,
            now: &self.now,
            problems: Vec::new(),
        }
    }

    fn mark(&self, record: &mut Map<String, Value>, exported: bool) {
        let at = if exported {
            self.now.as_str().into()
        } else {
            Value::Null
        };
        record.insert("exported".to_owned(), exported.into());
        record.insert("last-exported-at".to_owned(), at);
    }
}

fn refuse(record_type: &RecordType, problems: Vec<String>) -> Result<(), Refusal> {
    if problems.is_empty() {
        Ok(())
    } else {
        Err(Refusal::all_invalid(record_type.name, problems))
    }
}

/// The fields that hold records which are stored by themselves, too.
fn parts(
    record_type: &'static RecordType,
) -> impl Iterator<Item = (&'static str, &'static RecordType)> {
    record_type.fields().filter_map(move |field| {
        match (
            record_type.link(field)?,
            model().record_type(field.kind.record_type()?)?,
        ) {
            (Link::Parts(_), part) if part.has_rows() && part.name != record_type.name => {
                Some((field.name, part))
            }
            _ => None,
        }
    })
}

/// Stores a record, and its lines as records of their own.
pub(crate) fn save(
    records: Records<'_>,
    record_type: &'static RecordType,
    record: &Map<String, Value>,
    parent: Option<&Parent>,
) -> Result<Option<i64>, StoreError> {
    let Some(id) = record.get("id").and_then(Value::as_i64) else {
        return Ok(None);
    };
    records.save(record_type.name, id, parent, record)?;
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
            records.delete(part.name, line_id)?;
        }
    }
    Ok(Some(id))
}

/// Shows a changed part in the record it belongs to. That record's own
/// `updated-at` does not move: a documented trap for whoever reads changes.
fn refresh_parent(
    records: Records<'_>,
    record_type: &'static RecordType,
    id: i64,
) -> Result<(), StoreError> {
    match records.parent(record_type.name, id)? {
        Some(parent) => refresh(records, record_type, &parent),
        None => Ok(()),
    }
}

fn refresh(
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
    records.save(parent_type.name, parent.id, None, &record)?;
    refresh_parent(records, parent_type, parent.id)
}

/// Fills in what follows from the other values of a record.
pub(crate) fn complete(
    records: Records<'_>,
    record_type: &RecordType,
    record: &mut Map<String, Value>,
) -> Result<(), StoreError> {
    computed::fill(records, record_type, record)
}

/// The record that a reference means, embedded; null where there is none.
pub(crate) fn find(
    records: Records<'_>,
    field: &str,
    target: &'static str,
    sent: &Value,
) -> Result<Value, StoreError> {
    match reference::resolve(records, field, target, sent) {
        Ok(embedded) => Ok(embedded),
        Err(reference::Unresolved::Missing(_)) => Ok(Value::Null),
        Err(reference::Unresolved::Store(error)) => Err(error),
    }
}
