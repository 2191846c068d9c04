//! Reading and writing records.

use rusqlite::types::Value as SqlValue;
use rusqlite::{Connection, OptionalExtension, params, params_from_iter};
use serde_json::{Map, Value};

use super::StoreError;
use crate::model::model;

/// The record that another belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parent {
    /// Its record type, or for what has none, the collection's name.
    pub record_type: String,
    /// Its id.
    pub id: i64,
}

impl Parent {
    fn key(&self) -> String {
        format!("{}/{}", self.record_type, self.id)
    }
}

/// Access to the records within one read or write.
#[derive(Clone, Copy)]
pub struct Records<'a> {
    pub(super) connection: &'a Connection,
}

impl<'a> Records<'a> {
    pub(super) fn new(connection: &'a Connection) -> Self {
        Self { connection }
    }

    /// The document of one record.
    pub fn get(&self, table: &str, id: i64) -> Result<Option<Map<String, Value>>, StoreError> {
        let body: Option<String> = self
            .connection
            .prepare_cached("SELECT body FROM record WHERE type = ? AND id = ?")?
            .query_row(params![table, id], |row| row.get(0))
            .optional()?;
        Ok(body.map(|body| serde_json::from_str(&body)).transpose()?)
    }

    /// The record that this one belongs to.
    pub fn parent(&self, table: &str, id: i64) -> Result<Option<Parent>, StoreError> {
        let key: Option<Option<String>> = self
            .connection
            .prepare_cached("SELECT parent FROM record WHERE type = ? AND id = ?")?
            .query_row(params![table, id], |row| row.get(0))
            .optional()?;
        Ok(key.flatten().and_then(|key| {
            let (record_type, id) = key.rsplit_once('/')?;
            Some(Parent {
                record_type: record_type.to_owned(),
                id: id.parse().ok()?,
            })
        }))
    }

    /// The ids of the records of one type that belong to a record.
    pub fn children(&self, parent: &Parent, table: &str) -> Result<Vec<i64>, StoreError> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT id FROM record WHERE parent = ? AND type = ? ORDER BY id")?;
        let ids = statement.query_map(params![parent.key(), table], |row| row.get(0))?;
        Ok(ids.collect::<Result<_, _>>()?)
    }

    /// Whether a record belongs to a parent.
    pub fn is_child(&self, parent: &Parent, table: &str, id: i64) -> Result<bool, StoreError> {
        Ok(self.parent(table, id)?.as_ref() == Some(parent))
    }

    /// The ids of the records with this value in an indexed field, lowest first.
    pub fn find(&self, table: &str, field: &str, value: &str) -> Result<Vec<i64>, StoreError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT id FROM natural_key WHERE type = ? AND field = ? AND value = ? ORDER BY id",
        )?;
        let ids = statement.query_map(params![table, field, value], |row| row.get(0))?;
        Ok(ids.collect::<Result<_, _>>()?)
    }

    /// The ids of the records with this value in a field that is not indexed.
    pub fn scan(&self, table: &str, field: &str, value: &str) -> Result<Vec<i64>, StoreError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT id FROM record WHERE type = ?1 AND CAST(json_extract(body, '$.\"' || ?2 || '\"') AS TEXT) = ?3 ORDER BY id",
        )?;
        let ids = statement.query_map(params![table, field, value], |row| row.get(0))?;
        Ok(ids.collect::<Result<_, _>>()?)
    }

    /// How many records there are of one type.
    pub fn count(&self, table: &str) -> Result<u64, StoreError> {
        let count: i64 = self
            .connection
            .prepare_cached("SELECT count(*) FROM record WHERE type = ?")?
            .query_row([table], |row| row.get(0))?;
        Ok(count.unsigned_abs())
    }

    /// How many records there are of every type.
    pub fn counts(&self) -> Result<Vec<(String, u64)>, StoreError> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT type, count(*) FROM record GROUP BY type")?;
        let counts = statement.query_map([], |row| {
            let count: i64 = row.get(1)?;
            Ok((row.get(0)?, count.unsigned_abs()))
        })?;
        Ok(counts.collect::<Result<_, _>>()?)
    }

    /// The documents that a query selects, as text.
    pub fn select(&self, sql: &str, values: Vec<SqlValue>) -> Result<Vec<String>, StoreError> {
        let mut statement = self.connection.prepare_cached(sql)?;
        let bodies = statement.query_map(params_from_iter(values), |row| row.get(0))?;
        Ok(bodies.collect::<Result<_, _>>()?)
    }

    /// An id that no record of this type ever had.
    pub fn next_id(&self, table: &str) -> Result<i64, StoreError> {
        Ok(self
            .connection
            .prepare_cached(
                "INSERT INTO sequence VALUES (?, 1)
                 ON CONFLICT (type) DO UPDATE SET last = last + 1 RETURNING last",
            )?
            .query_row([table], |row| row.get(0))?)
    }

    /// Stores a record, new or changed, under the id in it. A changed record
    /// keeps its parent where none is given.
    pub fn save(
        &self,
        table: &str,
        id: i64,
        parent: Option<&Parent>,
        record: &Map<String, Value>,
    ) -> Result<(), StoreError> {
        self.unindex(table, id)?;
        self.connection
            .prepare_cached(
                "INSERT INTO record VALUES (?, ?, ?, ?, ?, ?)
                 ON CONFLICT (type, id) DO UPDATE SET
                 parent = coalesce(excluded.parent, parent), created_at = excluded.created_at,
                 updated_at = excluded.updated_at, body = excluded.body",
            )?
            .execute(params![
                table,
                id,
                parent.map(Parent::key),
                record.get("created-at").and_then(Value::as_str),
                record.get("updated-at").and_then(Value::as_str),
                serde_json::to_string(record)?,
            ])?;
        self.index(table, id, record)
    }

    /// Removes a record; whether there was one.
    pub fn delete(&self, table: &str, id: i64) -> Result<bool, StoreError> {
        self.unindex(table, id)?;
        let removed = self
            .connection
            .prepare_cached("DELETE FROM record WHERE type = ? AND id = ?")?
            .execute(params![table, id])?;
        Ok(removed > 0)
    }

    fn index(&self, table: &str, id: i64, record: &Map<String, Value>) -> Result<(), StoreError> {
        let Some(record_type) = model().record_type(table) else {
            return Ok(());
        };
        for field in record_type.indexed_fields() {
            let Some(value) = record.get(field).and_then(key_text) else {
                continue;
            };
            self.connection
                .prepare_cached("INSERT OR IGNORE INTO natural_key VALUES (?, ?, ?, ?)")?
                .execute(params![table, field, value, id])?;
        }
        Ok(())
    }

    /// Removes what `index` wrote for the stored version of a record.
    fn unindex(&self, table: &str, id: i64) -> Result<(), StoreError> {
        let Some(record_type) = model().record_type(table) else {
            return Ok(());
        };
        let Some(stored) = self.get(table, id)? else {
            return Ok(());
        };
        for field in record_type.indexed_fields() {
            if let Some(value) = stored.get(field).and_then(key_text) {
                self.connection
                    .prepare_cached(
                        "DELETE FROM natural_key WHERE type = ? AND field = ? AND value = ? AND id = ?",
                    )?
                    .execute(params![table, field, value, id])?;
            }
        }
        Ok(())
    }
}

/// A value as the text that it is found by; nothing where it is blank.
pub(crate) fn key_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if text.is_empty() => None,
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        _ => None,
    }
}
