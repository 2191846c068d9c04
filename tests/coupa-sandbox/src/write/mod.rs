//! Writes: create, partial update, the exported flag and delete.
//!
//! There is no idempotency key and no version check in Coupa: a POST that is
//! sent twice makes two records, unless a unique field stands against it.

mod act;
mod approval;
mod asked;
mod change;
mod computed;
mod export;
mod lists;
mod members;
mod parts;
mod receiving;
mod reference;
mod several;
mod values;

use serde_json::{Map, Value};

#[cfg(test)]
pub(crate) use lists::elements;
#[cfg(test)]
pub(crate) use values::accept;

use crate::clock;
use crate::model::{RecordType, Subset, model};
use crate::refusal::Refusal;
use crate::store::{Parent, Records, StoreError};
use change::{Change, says};
use receiving::Receipt;

pub use act::check_state;
pub use asked::Asked;
pub use members::Membership;
pub use parts::add_deleted;
pub use several::find_by_keys;

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

    /// Creates a record; in a collection that shows a part of its table, one
    /// that it shows.
    pub fn create(
        &self,
        record_type: &'static RecordType,
        sent: &Map<String, Value>,
        parent: Option<&Parent>,
        subset: Option<&Subset>,
    ) -> Result<Map<String, Value>, Refusal> {
        let mut change = self.change();
        let mut record = change.build(record_type, sent)?;
        change.check_unique(record_type, None, &record)?;
        refuse(record_type, change.problems)?;
        if let Some(subset) = subset {
            let value = record.get(subset.field).and_then(Value::as_str);
            if !value.is_some_and(|value| subset.values.contains(&value)) {
                let first = subset.values.first().copied();
                record.insert(subset.field.to_owned(), first.into());
            }
        }
        let id = self.records.next_id(record_type.name)?;
        record.insert("id".to_owned(), id.into());
        if let Some(parent) = parent {
            parts::name_owner(self.records, record_type, &mut record, parent)?;
        }
        self.check_owner(record_type, &record)?;
        let record = self.store(record_type, record, parent)?;
        self.receive(record_type, &record, Receipt::Made)?;
        self.join(record_type, &record, Membership::Add)?;
        Ok(record)
    }

    /// Changes what was sent of a record and leaves the rest. `exported` comes
    /// from the query; then nothing else changes, and `mark_moves` says whether
    /// `updated-at` does.
    pub fn update(
        &self,
        record_type: &'static RecordType,
        id: i64,
        sent: &Map<String, Value>,
        exported: Option<&str>,
        mark_moves: bool,
    ) -> Result<Map<String, Value>, Refusal> {
        let record = self.existing(record_type, id)?;
        let alone = (sent.len() == 1).then(|| says(sent, "exported")).flatten();
        match exported.and_then(values::boolean).or(alone) {
            Some(flag) if export::has_flag(record_type) => {
                let mark = export::Mark {
                    exported: flag,
                    now: &self.now,
                    moves: mark_moves,
                };
                let marked = export::mark(record_type, record, mark);
                self.store(record_type, marked, None)
            }
            _ => self.change_record(record_type, record, sent),
        }
    }

    /// Stores a record past the checks of what is sent: a new one below its
    /// parent, or one with a change that the sandbox makes itself.
    pub fn put(
        &self,
        record_type: &'static RecordType,
        mut record: Map<String, Value>,
        parent: Option<&Parent>,
    ) -> Result<Map<String, Value>, Refusal> {
        if let Some(parent) = parent {
            parts::name_owner(self.records, record_type, &mut record, parent)?;
        }
        self.store(record_type, record, parent)
    }

    /// Applies what was sent.
    fn change_record(
        &self,
        record_type: &'static RecordType,
        before: Map<String, Value>,
        sent: &Map<String, Value>,
    ) -> Result<Map<String, Value>, Refusal> {
        if record_type.name == "Address" && before.get("active") == Some(&Value::Bool(false)) {
            let message = "Inactive address can't be updated";
            return Err(Refusal::invalid(record_type.name, message));
        }
        let mut record = before.clone();
        let mut change = self.change();
        change.apply(record_type, &mut record, sent)?;
        let id = record.get("id").and_then(Value::as_i64);
        change.check_unique(record_type, id, &record)?;
        refuse(record_type, change.problems)?;
        if record_type.owner.is_some() {
            self.check_owner(record_type, &record)?;
        }
        export::revise(record_type, &before, &mut record);
        self.store(record_type, record, None)
    }

    /// Removes a record and what belongs to it.
    pub fn delete(&self, record_type: &'static RecordType, id: i64) -> Result<(), Refusal> {
        let record = self.existing(record_type, id)?;
        let parent = self.records.parent(record_type.name, id)?;
        let kept = parts::is_kept(record_type, parent.as_ref());
        parts::remove(self.records, record_type, id, kept)?;
        self.join(record_type, &record, Membership::Remove)?;
        if let Some(parent) = parent {
            parts::refresh(self.records, record_type, &parent)?;
        }
        Ok(())
    }

    fn existing(&self, record_type: &RecordType, id: i64) -> Result<Map<String, Value>, Refusal> {
        let record = self.records.get(record_type.name, id)?;
        record.ok_or(Refusal::NotFound)
    }

    /// Stores a record that is new or changed, and shows it wherever it is a part.
    fn store(
        &self,
        record_type: &'static RecordType,
        mut record: Map<String, Value>,
        parent: Option<&Parent>,
    ) -> Result<Map<String, Value>, Refusal> {
        computed::fill(self.records, record_type, &mut record)?;
        let id = record.get("id").and_then(Value::as_i64).unwrap_or(0);
        let before = self.records.parent(record_type.name, id)?;
        parts::save(self.records, record_type, &record, parent)?;
        let now = self.records.parent(record_type.name, id)?;
        if let Some(before) = before.filter(|before| now.as_ref() != Some(before)) {
            parts::refresh(self.records, record_type, &before)?;
        }
        if let Some(now) = now {
            parts::refresh(self.records, record_type, &now)?;
        }
        Ok(record)
    }

    /// Refuses a record that names an owner who does not exist.
    fn check_owner(
        &self,
        record_type: &RecordType,
        record: &Map<String, Value>,
    ) -> Result<(), Refusal> {
        let Some(owner) = parts::named_owner(record_type, record) else {
            return Ok(());
        };
        match self.records.get(&owner.record_type, owner.id)? {
            Some(_) => Ok(()),
            None => {
                let message = format!("Couldn't find {} with ID={}", owner.record_type, owner.id);
                Err(Refusal::invalid(record_type.name, message))
            }
        }
    }

    fn change(&self) -> Change<'_> {
        Change {
            records: self.records,
            actor: &self.actor,
            now: &self.now,
            problems: Vec::new(),
        }
    }
}

fn refuse(record_type: &RecordType, problems: Vec<String>) -> Result<(), Refusal> {
    if problems.is_empty() {
        Ok(())
    } else {
        Err(Refusal::all_invalid(record_type.name, problems))
    }
}

/// Fills in what follows from the other values of a record.
pub(crate) fn complete(
    records: Records<'_>,
    record_type: &RecordType,
    record: &mut Map<String, Value>,
) -> Result<(), StoreError> {
    computed::fill(records, record_type, record)
}

/// Stores a new record past the checks of a write, below a record where one is
/// given or named; its id.
pub(crate) fn place(
    records: Records<'_>,
    record_type: &'static RecordType,
    mut record: Map<String, Value>,
    parent: Option<&Parent>,
) -> Result<Option<i64>, StoreError> {
    if let Some(parent) = parent {
        parts::name_owner(records, record_type, &mut record, parent)?;
    }
    // With its id known, lines can name the record they belong to.
    computed::fill(records, record_type, &mut record)?;
    let id = parts::save(records, record_type, &record, parent)?;
    if let (Some(id), true) = (id, parent.is_some() || record_type.owner.is_some()) {
        parts::refresh_parent(records, record_type, id)?;
    }
    Ok(id)
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
