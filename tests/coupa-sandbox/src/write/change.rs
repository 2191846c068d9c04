//! One change of one record: the sent attributes, applied one by one.
//!
//! Attributes that are unknown or cannot be written are ignored without a
//! word, as Coupa documents; everything else that is wrong is collected, so
//! that an answer names it all at once.

use std::collections::BTreeSet;

use coupa_catalog::{Field, FieldKind};
use serde_json::{Map, Value, json};

use super::lists::{elements, is_removal};
use super::reference::{Unresolved, resolve};
use super::values::{accept, is_blank, text};
use super::{computed, values};
use crate::model::words::{field_words, kebab};
use crate::model::{Link, RecordType, facts, model};
use crate::store::{Records, StoreError, key_text};

/// Kept by the instance, whatever is sent.
const KEPT: [&str; 6] = [
    "id",
    "created-at",
    "updated-at",
    "created-by",
    "updated-by",
    "exported",
];

/// The work on one request, with what was found wrong.
pub struct Change<'a> {
    /// The store.
    pub records: Records<'a>,
    /// Who writes, in embedded form.
    pub actor: &'a Value,
    /// When.
    pub now: &'a str,
    /// One sentence for each thing that is wrong.
    pub problems: Vec<String>,
}

impl Change<'_> {
    /// A new record with its defaults, the sent attributes and no id.
    pub fn build(
        &mut self,
        record_type: &'static RecordType,
        sent: &Map<String, Value>,
    ) -> Result<Map<String, Value>, StoreError> {
        let mut record = record_type.blank();
        for (name, value) in &record_type.defaults {
            record.insert((*name).to_owned(), value.clone());
        }
        for (name, value) in [
            ("created-at", self.now.into()),
            ("created-by", self.actor.clone()),
        ] {
            if record.contains_key(name) {
                record.insert(name.to_owned(), value);
            }
        }
        let failed = self.apply(record_type, &mut record, sent)?;
        for name in &record_type.needed {
            if !failed.contains(*name) && is_blank(record.get(*name)) {
                self.blank(name);
            }
        }
        Ok(record)
    }

    /// Applies what was sent to a record; the names of the fields that failed.
    pub fn apply(
        &mut self,
        record_type: &'static RecordType,
        record: &mut Map<String, Value>,
        sent: &Map<String, Value>,
    ) -> Result<BTreeSet<&'static str>, StoreError> {
        let mut failed = BTreeSet::new();
        for (key, value) in sent {
            let name = kebab(key);
            if name == "custom-fields" {
                self.custom(record_type, record, value);
                continue;
            }
            let flattened = association(record_type, &name);
            let is_sent = |stem: &Field| sent.keys().any(|key| kebab(key) == stem.name);
            let (field, value) = match (flattened, record_type.field(&name)) {
                (Some(stem), _) if !is_sent(stem) => (stem, &by_id(value)),
                (_, Some(field)) => (field, value),
                (_, None) => continue,
            };
            if field.read_only || KEPT.contains(&field.name) {
                continue;
            }
            let before = self.problems.len();
            self.field(record_type, field, record, value)?;
            if self.problems.len() == before
                && record_type.needed.contains(&field.name)
                && is_blank(record.get(field.name))
            {
                self.blank(field.name);
            }
            if self.problems.len() > before {
                failed.insert(field.name);
            }
        }
        for (name, value) in [
            ("updated-at", self.now.into()),
            ("updated-by", self.actor.clone()),
        ] {
            if record.contains_key(name) {
                record.insert(name.to_owned(), value);
            }
        }
        computed::fill(self.records, record_type, record)?;
        Ok(failed)
    }

    /// Notes the values that another record already has.
    pub fn check_unique(
        &mut self,
        record_type: &RecordType,
        id: Option<i64>,
        record: &Map<String, Value>,
    ) -> Result<(), StoreError> {
        let scoped = facts::unique_within(record_type.name);
        let global = record_type.unique.iter().map(|name| (*name, None));
        for (name, scope) in global.chain(scoped.into_iter().map(|(n, s)| (n, Some(s)))) {
            let Some(value) = record.get(name).and_then(key_text) else {
                continue;
            };
            for other in self.records.find(record_type.name, name, &value)? {
                let same_scope = match scope {
                    None => true,
                    Some(scope) => self
                        .records
                        .get(record_type.name, other)?
                        .is_some_and(|o| o.get(scope) == record.get(scope)),
                };
                if Some(other) != id && same_scope {
                    self.problems
                        .push(format!("{} has already been taken", field_words(name)));
                    break;
                }
            }
        }
        Ok(())
    }

    fn blank(&mut self, name: &str) {
        self.problems
            .push(format!("{} can't be blank", field_words(name)));
    }

    fn field(
        &mut self,
        record_type: &'static RecordType,
        field: &'static Field,
        record: &mut Map<String, Value>,
        sent: &Value,
    ) -> Result<(), StoreError> {
        let current = record.get(field.name).cloned().unwrap_or_default();
        let value = match record_type.link(field) {
            Some(Link::Reference(target)) => self.reference(field.name, target, sent)?,
            Some(Link::References(target)) => {
                Some(self.references(field.name, target, current, sent)?)
            }
            Some(Link::Part(target)) => self.part(target, current, sent)?,
            Some(Link::Parts(target)) if target == record_type.name => None,
            Some(Link::Parts(target)) => Some(self.parts(field.name, target, current, sent)?),
            None if matches!(field.kind, FieldKind::List | FieldKind::Unknown) => None,
            None => match accept(record_type.name, field, sent) {
                Ok(value) => Some(value),
                Err(problem) => {
                    self.problems.push(problem);
                    None
                }
            },
        };
        if let Some(value) = value {
            record.insert(field.name.to_owned(), value);
        }
        Ok(())
    }

    fn reference(
        &mut self,
        name: &str,
        target: &'static str,
        sent: &Value,
    ) -> Result<Option<Value>, StoreError> {
        if is_blank(Some(sent)) {
            return Ok(Some(Value::Null));
        }
        match resolve(self.records, name, target, sent) {
            Ok(embedded) => Ok(Some(embedded)),
            Err(Unresolved::Missing(problem)) => {
                self.problems.push(problem);
                Ok(None)
            }
            Err(Unresolved::Store(error)) => Err(error),
        }
    }

    /// Many to many: what is sent is added; an empty list removes everything.
    fn references(
        &mut self,
        name: &str,
        target: &'static str,
        current: Value,
        sent: &Value,
    ) -> Result<Value, StoreError> {
        let elements = elements(name, sent);
        let mut list = match current {
            Value::Array(list) if !elements.is_empty() => list,
            _ => Vec::new(),
        };
        for element in &elements {
            if let Some(embedded) = self.reference(name, target, element)?
                && !list
                    .iter()
                    .any(|known| known.get("id") == embedded.get("id"))
            {
                list.push(embedded);
            }
        }
        Ok(Value::Array(list))
    }

    fn part(
        &mut self,
        target: &'static str,
        current: Value,
        sent: &Value,
    ) -> Result<Option<Value>, StoreError> {
        let (Some(record_type), Some(sent)) = (model().record_type(target), sent.as_object())
        else {
            return Ok(sent.is_null().then_some(Value::Null));
        };
        let part = match current {
            Value::Object(mut part) => {
                self.apply(record_type, &mut part, sent)?;
                part
            }
            _ => self.new_part(record_type, sent)?,
        };
        Ok(Some(Value::Object(part)))
    }

    fn new_part(
        &mut self,
        record_type: &'static RecordType,
        sent: &Map<String, Value>,
    ) -> Result<Map<String, Value>, StoreError> {
        let mut part = self.build(record_type, sent)?;
        let id = self.records.next_id(record_type.name)?;
        part.insert("id".to_owned(), id.into());
        Ok(part)
    }

    /// Lines: with an id they change one, without they add one, and `_delete`
    /// removes one. What is not mentioned stays.
    fn parts(
        &mut self,
        name: &str,
        target: &'static str,
        current: Value,
        sent: &Value,
    ) -> Result<Value, StoreError> {
        let mut list = match current {
            Value::Array(list) => list,
            _ => Vec::new(),
        };
        let Some(record_type) = model().record_type(target) else {
            return Ok(Value::Array(list));
        };
        for element in elements(name, sent) {
            let Some(sent) = element.as_object() else {
                self.problems
                    .push(format!("{} must be objects", field_words(name)));
                continue;
            };
            let id = sent.get("id").map(text).filter(|id| !id.is_empty());
            let Some(id) = id else {
                let part = self.new_part(record_type, sent)?;
                list.push(Value::Object(part));
                continue;
            };
            let at = list
                .iter()
                .position(|known| known.get("id").map(text).as_ref() == Some(&id));
            match (at, is_removal(sent)) {
                (Some(at), true) => {
                    list.remove(at);
                }
                (Some(at), false) => {
                    if let Some(part) = list.get_mut(at).and_then(Value::as_object_mut) {
                        self.apply(record_type, part, sent)?;
                    }
                }
                (None, _) => self
                    .problems
                    .push(format!("Couldn't find {} with ID={id}", record_type.name)),
            }
        }
        Ok(Value::Array(list))
    }

    fn custom(&mut self, record_type: &RecordType, record: &mut Map<String, Value>, sent: &Value) {
        let (Some(custom), Some(sent)) = (
            record
                .get_mut("custom-fields")
                .and_then(Value::as_object_mut),
            sent.as_object(),
        ) else {
            return;
        };
        for (key, value) in sent {
            if record_type.custom.contains(&kebab(key).as_str()) {
                custom.insert(kebab(key), value.clone());
            }
        }
    }
}

/// The association that a name such as `supplier-id` flattens.
fn association(record_type: &'static RecordType, name: &str) -> Option<&'static Field> {
    let field = record_type.field(name.strip_suffix("-id")?)?;
    let link = record_type.link(field)?;
    matches!(link, Link::Reference(_)).then_some(field)
}

/// A reference by an id; none where there is no id.
fn by_id(id: &Value) -> Value {
    match is_blank(Some(id)) {
        true => Value::Null,
        false => json!({ "id": id }),
    }
}

/// Whether a `true` in any spelling was sent under this name.
pub fn says(sent: &Map<String, Value>, name: &str) -> Option<bool> {
    let (_, value) = sent.iter().find(|(key, _)| kebab(key) == name)?;
    values::boolean(&text(value))
}
