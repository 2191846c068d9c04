//! Actions on one record, by the effects that the data names.

use serde_json::{Map, Value};

use super::asked::Asked;
use super::receiving::Receipt;
use super::values::{accept, text};
use super::{Writer, export, parts};
use crate::model::actions::{Action, Effect};
use crate::model::words::field_words;
use crate::model::{RecordType, model};
use crate::refusal::Refusal;
use crate::store::Parent;

impl Writer<'_> {
    /// Does an action on a record; `argument` is a further id in the path. In a
    /// state that does not allow it, or without what it needs, it is refused
    /// and nothing happens.
    pub fn act(
        &self,
        record_type: &'static RecordType,
        id: i64,
        action: &Action,
        asked: &Asked,
        argument: Option<i64>,
    ) -> Result<Map<String, Value>, Refusal> {
        let mut record = self.existing(record_type, id)?;
        check_state(record_type, &record, action)?;
        for effect in &action.effects {
            if let Effect::Needs(names) = effect
                && asked.first(names).is_none()
            {
                let words: Vec<String> = names.iter().map(|name| field_words(name)).collect();
                let message = format!("{} can't be blank", words.join(" or "));
                return Err(Refusal::invalid(record_type.name, message));
            }
        }
        if action.has(&Effect::Body) {
            record = self.change_record(record_type, record, &asked.body)?;
        }
        let before = record.clone();
        for effect in &action.effects {
            self.apply_effect(record_type, &mut record, effect, asked, argument)?;
        }
        if record != before {
            self.touch(&mut record);
            self.store(record_type, record, None)?;
        }
        let own = Parent {
            record_type: record_type.name.to_owned(),
            id,
        };
        for effect in &action.effects {
            self.follow(record_type, &own, effect, asked)?;
        }
        self.existing(record_type, id)
    }

    /// Notes when and by whom a record was changed.
    pub(super) fn touch(&self, record: &mut Map<String, Value>) {
        for (name, value) in [
            ("updated-at", self.now.as_str().into()),
            ("updated-by", self.actor.clone()),
        ] {
            if let Some(kept) = record.get_mut(name) {
                *kept = value;
            }
        }
    }

    /// What an effect changes in the record itself.
    fn apply_effect(
        &self,
        record_type: &'static RecordType,
        record: &mut Map<String, Value>,
        effect: &Effect,
        asked: &Asked,
        argument: Option<i64>,
    ) -> Result<(), Refusal> {
        match effect {
            Effect::Set(field, value) => self.set(record_type, record, field, value, asked),
            Effect::Toggle(field) => {
                let now = record.get(*field).and_then(Value::as_bool).unwrap_or(false);
                record.insert((*field).to_owned(), (!now).into());
            }
            Effect::Lines(list, field, value) => {
                for line in lines(record, list) {
                    self.set(record_type, line, field, value, asked);
                }
            }
            Effect::Line(list, field, value) => {
                let wanted =
                    asked.id(&["line", "line-id", "expense-line", "expense-line-id", "id"]);
                let line = lines(record, list).find(|line| {
                    wanted.is_some() && line.get("id").and_then(Value::as_i64) == wanted
                });
                let Some(line) = line else {
                    let message = format!("{} must name a line", field_words(list));
                    return Err(Refusal::invalid(record_type.name, message));
                };
                self.set(record_type, line, field, value, asked);
            }
            Effect::Join(list) => self.attach(record_type, record, list, argument)?,
            Effect::Leave(list) => {
                let items = record.get_mut(*list).and_then(Value::as_array_mut);
                let items = items.ok_or(Refusal::NotFound)?;
                let at = items
                    .iter()
                    .position(|i| i.get("id").and_then(Value::as_i64) == argument);
                items.remove(at.ok_or(Refusal::NotFound)?);
            }
            Effect::Adjust => self.adjust(record_type, record, asked)?,
            _ => {}
        }
        Ok(())
    }

    /// What an effect does beside the record, once the record is stored.
    fn follow(
        &self,
        record_type: &'static RecordType,
        own: &Parent,
        effect: &Effect,
        asked: &Asked,
    ) -> Result<(), Refusal> {
        match effect {
            Effect::Submit => self.submit(own),
            Effect::Pass { all } => self.pass(own, *all),
            Effect::Restart => self.restart(own),
            Effect::Approver => self.add_approver(own, asked),
            Effect::Unapprove => self.remove_approval(own, asked),
            Effect::Decide { approved } => {
                let approval = self.existing(record_type, own.id)?;
                match parts::named_owner(record_type, &approval) {
                    Some(document) => self.decide(&document, *approved),
                    None => Ok(()),
                }
            }
            Effect::Exports => self.export_named(record_type, asked),
            Effect::Unreceive => {
                let transaction = self.existing(record_type, own.id)?;
                self.receive(record_type, &transaction, Receipt::Voided)
            }
            _ => Ok(()),
        }
    }

    fn set(
        &self,
        record_type: &RecordType,
        record: &mut Map<String, Value>,
        field: &str,
        value: &str,
        asked: &Asked,
    ) {
        let value = match value.strip_prefix('@') {
            Some("now") => self.now.as_str().into(),
            Some("actor") => self.actor.clone(),
            Some("reason") => match asked.first(&["reason", "note"]) {
                Some(reason) => text(reason).into(),
                None => return,
            },
            Some(other) => record.get(other).cloned().unwrap_or_default(),
            None => serde_json::from_str(value).unwrap_or_else(|_| value.into()),
        };
        if record.contains_key(field) || record_type.field(field).is_some() {
            record.insert(field.to_owned(), value);
        }
    }

    fn attach(
        &self,
        record_type: &RecordType,
        record: &mut Map<String, Value>,
        list: &str,
        argument: Option<i64>,
    ) -> Result<(), Refusal> {
        let id = argument.ok_or(Refusal::NotFound)?;
        let part = record_type
            .field(list)
            .and_then(|field| model().record_type(field.kind.record_type()?))
            .ok_or(Refusal::NotFound)?;
        let items = record.get_mut(list).and_then(Value::as_array_mut);
        let items = items.ok_or(Refusal::NotFound)?;
        let is_there = |item: &Value| item.get("id").and_then(Value::as_i64) == Some(id);
        if !items.iter().any(is_there) {
            let mut joined = part.blank();
            joined.insert("id".to_owned(), id.into());
            items.push(Value::Object(joined));
        }
        Ok(())
    }

    /// Adds to the amount of a budget line, and keeps a record of it.
    fn adjust(
        &self,
        record_type: &'static RecordType,
        record: &mut Map<String, Value>,
        asked: &Asked,
    ) -> Result<(), Refusal> {
        const LOG: &str = "BudgetLineAdjustment";
        let (Some(log), Some(sent)) = (
            model().record_type(LOG),
            asked.first(&["adjustment-amount", "amount"]),
        ) else {
            return Ok(());
        };
        let Some(field) = log.field("adjustment-amount") else {
            return Ok(());
        };
        let amount = accept(LOG, field, sent)
            .map_err(|problem| Refusal::invalid(record_type.name, problem))?;
        let number = |value: Option<&Value>| value.map(text).and_then(|t| t.parse().ok());
        let by: f64 = number(Some(&amount)).unwrap_or(0.0);
        for name in ["amount", "remaining"] {
            let before: f64 = number(record.get(name)).unwrap_or(0.0);
            record.insert(name.to_owned(), format!("{:.2}", before + by).into());
        }
        let own = Parent {
            record_type: record_type.name.to_owned(),
            id: record.get("id").and_then(Value::as_i64).unwrap_or(0),
        };
        let mut entry = self.change().build(log, &Map::new())?;
        for (name, value) in [
            ("id", self.records.next_id(LOG)?.into()),
            ("adjustment-amount", amount),
            (
                "budget-remaining",
                record.get("remaining").cloned().unwrap_or_default(),
            ),
            ("description", asked.get("description").map(text).into()),
            (
                "currency",
                record.get("currency").cloned().unwrap_or_default(),
            ),
        ] {
            entry.insert(name.to_owned(), value);
        }
        parts::name_owner(self.records, log, &mut entry, &own)?;
        parts::save(self.records, log, &entry, Some(&own))?;
        Ok(())
    }

    /// Marks the document that a history record is about as exported.
    fn export_named(&self, record_type: &RecordType, asked: &Asked) -> Result<(), Refusal> {
        let name = asked.get("document-type").map(text).unwrap_or_default();
        let name = name.replace("::", "-");
        let name = match name.as_str() {
            "ExternalOrderHeader" => "OrderHeader",
            "Invoice" => "InvoiceHeader",
            "Requisition" => "RequisitionHeader",
            other => other,
        };
        let id = asked.id(&["document-id"]);
        let found = model().record_type(name).zip(id);
        let document = match found {
            Some((document_type, id)) => self
                .records
                .get(document_type.name, id)?
                .map(|document| (document_type, document)),
            None => None,
        };
        let Some((document_type, document)) = document else {
            let message = "Document can't be found";
            return Err(Refusal::invalid(record_type.name, message));
        };
        let mark = export::Mark {
            exported: true,
            now: &self.now,
            moves: false,
        };
        let marked = export::mark(document_type, document, mark);
        self.store(document_type, marked, None)?;
        Ok(())
    }

    /// Creates a record like another, with what is sent changed. What must be
    /// unique and is not sent gets a name of its own.
    pub fn copy(
        &self,
        record_type: &'static RecordType,
        id: i64,
        asked: &Asked,
    ) -> Result<Map<String, Value>, Refusal> {
        let mut like = self.existing(record_type, id)?;
        for name in &record_type.unique {
            if let Some(Value::String(value)) = like.get_mut(*name) {
                *value = format!("Copy of {value}");
            }
        }
        let mut sent: Map<String, Value> = like;
        sent.extend(asked.body.clone());
        self.create(record_type, &sent, None, None)
    }
}

/// Refuses an action that the state of a record does not allow.
/// Refuses an action that is not allowed in the state of a record.
pub fn check_state(
    record_type: &RecordType,
    record: &Map<String, Value>,
    action: &Action,
) -> Result<(), Refusal> {
    let Some(field) = action.state_field() else {
        return Ok(());
    };
    let state = record.get(field).map(text).unwrap_or_default();
    if action.allows(&state) {
        return Ok(());
    }
    let words = action.name.replace(['_', '/'], " ");
    let message = format!("Cannot {words} in {field} {state}.");
    Err(Refusal::invalid(record_type.name, message))
}

fn lines<'r>(
    record: &'r mut Map<String, Value>,
    list: &str,
) -> impl Iterator<Item = &'r mut Map<String, Value>> {
    let lines = record.get_mut(list).and_then(Value::as_array_mut);
    lines.into_iter().flatten().filter_map(Value::as_object_mut)
}

#[cfg(test)]
mod tests;
