//! Actions that are about several records, or about one that must be found first.

use rusqlite::types::Value as SqlValue;
use serde_json::{Map, Value};

use super::Writer;
use super::asked::Asked;
use super::reference::{Unresolved, resolve};
use crate::model::RecordType;
use crate::model::actions::Action;
use crate::model::words::{kebab, model_key, singular};
use crate::refusal::Refusal;
use crate::store::Records;

impl Writer<'_> {
    /// Does an action on every record that a request names. One that fails
    /// leaves all as they were.
    pub fn act_on_each(
        &self,
        record_type: &'static RecordType,
        collection: &str,
        action: &Action,
        asked: Asked,
    ) -> Result<Vec<Map<String, Value>>, Refusal> {
        let last = collection.rsplit('/').next().unwrap_or(collection);
        let mut named = asked.named(last);
        if last != kebab(record_type.name) && named.iter().all(|one| !one.contains_key("id")) {
            named = asked.named(&format!("{}s", kebab(record_type.name).replace("--", "-")));
        }
        if named.is_empty() {
            let message = format!("{} can't be blank", last.replace('_', " "));
            return Err(Refusal::invalid(record_type.name, message));
        }
        named
            .into_iter()
            .map(|keys| {
                let keys = Asked::new(keys, std::iter::empty());
                let id = keys.id(&["id"]);
                let exists = match id {
                    Some(id) => self.records.get(record_type.name, id)?.is_some(),
                    None => false,
                };
                let Some(id) = id.filter(|_| exists) else {
                    let message = format!("Couldn't find {} with that ID", record_type.name);
                    return Err(Refusal::invalid(record_type.name, message));
                };
                self.act(record_type, id, action, &keys, None)
            })
            .collect()
    }

    /// Adds the lines that are sent to the user's open cart, or opens one.
    pub fn add_to_cart(
        &self,
        record_type: &'static RecordType,
        asked: &Asked,
    ) -> Result<Map<String, Value>, Refusal> {
        const LINES: &str = "requisition-lines";
        let sent = match asked.get(LINES) {
            Some(_) => asked.body.clone(),
            // The body is a line itself.
            None => {
                let line = Value::Array(vec![Value::Object(asked.body.clone())]);
                [(LINES.to_owned(), line)].into_iter().collect()
            }
        };
        let sql = "SELECT id FROM record WHERE type = ? \
                   AND json_extract(body, '$.status') = 'cart' \
                   AND json_extract(body, '$.\"created-by\".id') = ? ORDER BY id LIMIT 1";
        let user = self.actor.get("id").and_then(Value::as_i64).unwrap_or(0);
        let values = vec![
            SqlValue::Text(record_type.name.to_owned()),
            SqlValue::Integer(user),
        ];
        match self.records.ids(sql, values)?.first() {
            Some(cart) => self.update(record_type, *cart, &sent, None, false),
            None => {
                let mut cart = self.create(record_type, &sent, None, None)?;
                cart.insert("status".to_owned(), "cart".into());
                self.store(record_type, cart, None)
            }
        }
    }
}

/// The record that a body's keys mean; 400 where there is none.
pub fn find_by_keys(
    records: Records<'_>,
    record_type: &'static RecordType,
    body: &Map<String, Value>,
) -> Result<Map<String, Value>, Refusal> {
    let key = model_key(record_type.name);
    let inner = body.get(&key).filter(|value| value.is_object());
    let keys = inner
        .cloned()
        .unwrap_or_else(|| Value::Object(body.clone()));
    match resolve(records, &singular(&key), record_type.name, &keys) {
        Ok(found) => {
            let id = found.get("id").and_then(Value::as_i64).unwrap_or(0);
            records.get(record_type.name, id)?.ok_or(Refusal::NotFound)
        }
        Err(Unresolved::Missing(message)) => Err(Refusal::invalid(record_type.name, message)),
        Err(Unresolved::Store(error)) => Err(error.into()),
    }
}
