//! Records that wait for their counterpart, in a temporary file.

use super::difference::MOST_EXAMPLES;
use crate::runtime::types::Item;
use rusqlite::{Connection, OptionalExtension, params};

/// Which of the two versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Old,
    New,
}

impl Side {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Old => "old",
            Self::New => "new",
        }
    }

    pub(super) const fn other(self) -> Self {
        match self {
            Self::Old => Self::New,
            Self::New => Self::Old,
        }
    }
}

pub(super) struct Waiting(Connection);

impl Waiting {
    pub(super) fn new() -> rusqlite::Result<Self> {
        // Without a name it is a file that is gone with the connection; SQLite
        // keeps it in memory while it is small.
        let database = Connection::open("")?;
        database.execute_batch(
            "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;
             CREATE TABLE waiting (side TEXT, key TEXT, data TEXT);
             CREATE INDEX by_key ON waiting (key, side);
             BEGIN;",
        )?;
        Ok(Self(database))
    }

    pub(super) fn put(&self, side: Side, item: &Item) -> rusqlite::Result<()> {
        self.0
            .prepare_cached("INSERT INTO waiting VALUES (?, ?, ?)")?
            .execute(params![side.name(), item.key, item.data])?;
        Ok(())
    }

    /// Takes one record out. A key that stands several times has as many.
    pub(super) fn take(&self, side: Side, key: &str) -> rusqlite::Result<Option<String>> {
        self.0
            .prepare_cached(
                "DELETE FROM waiting WHERE rowid =
                 (SELECT min(rowid) FROM waiting WHERE key = ? AND side = ?) RETURNING data",
            )?
            .query_row(params![key, side.name()], |row| row.get(0))
            .optional()
    }

    /// How many are left, and the first of their keys.
    pub(super) fn left(&self, side: Side) -> rusqlite::Result<(u64, Vec<String>)> {
        let count: i64 = self.0.query_row(
            "SELECT count(*) FROM waiting WHERE side = ?",
            [side.name()],
            |row| row.get(0),
        )?;
        let mut first = self
            .0
            .prepare("SELECT key FROM waiting WHERE side = ? ORDER BY rowid LIMIT ?")?;
        let most = i64::try_from(MOST_EXAMPLES).unwrap_or(i64::MAX);
        let keys = first
            .query_map(params![side.name(), most], |row| row.get(0))?
            .collect::<rusqlite::Result<_>>()?;
        Ok((u64::try_from(count).unwrap_or(0), keys))
    }
}
