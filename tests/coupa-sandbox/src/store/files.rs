//! Which files the records have. The bytes lie elsewhere.

use rusqlite::{OptionalExtension as _, params};

use super::{Records, StoreError};
use crate::files::FileRecord;

/// What a file belongs to: a record, and what it is to it, such as `image_scan`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileKey<'a> {
    /// The record's type.
    pub table: &'a str,
    /// The record's id.
    pub id: i64,
    /// What the file is to it.
    pub role: &'a str,
}

impl Records<'_> {
    /// A record's file.
    pub fn file(&self, key: FileKey<'_>) -> Result<Option<FileRecord>, StoreError> {
        let body: Option<String> = self
            .connection
            .prepare_cached("SELECT body FROM file WHERE type = ? AND id = ? AND role = ?")?
            .query_row(params![key.table, key.id, key.role], |row| row.get(0))
            .optional()?;
        Ok(body.map(|body| serde_json::from_str(&body)).transpose()?)
    }

    /// Gives a record a file; the one it had in this role.
    pub fn set_file(
        &self,
        key: FileKey<'_>,
        file: &FileRecord,
    ) -> Result<Option<FileRecord>, StoreError> {
        let before = self.file(key)?;
        self.connection
            .prepare_cached("INSERT OR REPLACE INTO file VALUES (?, ?, ?, ?)")?
            .execute(params![
                key.table,
                key.id,
                key.role,
                serde_json::to_string(file)?
            ])?;
        Ok(before)
    }

    /// Takes a file from a record; the one it had.
    pub fn remove_file(&self, key: FileKey<'_>) -> Result<Option<FileRecord>, StoreError> {
        let before = self.file(key)?;
        self.connection
            .prepare_cached("DELETE FROM file WHERE type = ? AND id = ? AND role = ?")?
            .execute(params![key.table, key.id, key.role])?;
        Ok(before)
    }
}
