//! The workspace's one file: SQLite.

use super::error::WorkspaceError;
use rusqlite::{Connection, OptionalExtension, Params, Row, Transaction, TransactionBehavior};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What makes each format of the one before it; the first makes a new file. A
/// step is never changed once it was released: files were made by it.
const STEPS: [&str; 2] = [include_str!("schema/1.sql"), include_str!("schema/2.sql")];
/// The format that this program writes; older ones are brought up to it.
const FORMAT: i64 = STEPS.len() as i64;
/// How long to wait while another process writes.
const PATIENCE: Duration = Duration::from_secs(10);

/// The open file. Several processes may have it open.
pub(super) struct Database(Mutex<Connection>);

impl Database {
    pub(super) fn open(path: &Path) -> Result<Self, WorkspaceError> {
        let failed = |source| WorkspaceError::Open {
            path: path.to_owned(),
            source,
        };
        let mut connection = Connection::open(path).map_err(failed)?;
        connection.busy_timeout(PATIENCE).map_err(failed)?;
        connection
            .execute_batch(
                "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON;
                 PRAGMA secure_delete = ON;",
            )
            .map_err(failed)?;
        let transaction = connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(failed)?;
        let found: i64 = transaction
            .query_row("PRAGMA user_version", [], |row| row.get(0))
            .map_err(failed)?;
        let steps = usize::try_from(found)
            .ok()
            .and_then(|found| STEPS.get(found..));
        let Some(steps) = steps else {
            return Err(WorkspaceError::Newer {
                path: path.to_owned(),
                found,
                known: FORMAT,
            });
        };
        for step in steps {
            transaction.execute_batch(step).map_err(failed)?;
        }
        if !steps.is_empty() {
            transaction
                .pragma_update(None, "user_version", FORMAT)
                .map_err(failed)?;
        }
        if found == 0 {
            super::first::fill(&transaction)?;
        }
        transaction.commit().map_err(failed)?;
        Ok(Self(Mutex::new(connection)))
    }

    fn lock(&self) -> MutexGuard<'_, Connection> {
        // A panic inside a transaction rolled it back.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads what was true at one moment.
    pub(super) fn read<T>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, WorkspaceError>,
    ) -> Result<T, WorkspaceError> {
        let mut connection = self.lock();
        let transaction = connection.transaction()?;
        work(&transaction)
    }

    /// Writes all of it, or nothing.
    pub(super) fn write<T>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, WorkspaceError>,
    ) -> Result<T, WorkspaceError> {
        let mut connection = self.lock();
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let done = work(&transaction)?;
        transaction.commit()?;
        Ok(done)
    }
}

/// All rows, each made a value.
pub(super) fn all<T>(
    transaction: &Transaction<'_>,
    sql: &str,
    parameters: impl Params,
    make: impl Fn(&Row<'_>) -> Result<T, WorkspaceError>,
) -> Result<Vec<T>, WorkspaceError> {
    let mut statement = transaction.prepare_cached(sql)?;
    let mut rows = statement.query(parameters)?;
    let mut values = Vec::new();
    while let Some(row) = rows.next()? {
        values.push(make(row)?);
    }
    Ok(values)
}

/// The first row, where there is one.
pub(super) fn first<T>(
    transaction: &Transaction<'_>,
    sql: &str,
    parameters: impl Params,
    make: impl Fn(&Row<'_>) -> Result<T, WorkspaceError>,
) -> Result<Option<T>, WorkspaceError> {
    Ok(all(transaction, sql, parameters, make)?.into_iter().next())
}

/// Whether there is a row.
pub(super) fn exists(
    transaction: &Transaction<'_>,
    sql: &str,
    parameters: impl Params,
) -> Result<bool, WorkspaceError> {
    let mut statement = transaction.prepare_cached(sql)?;
    Ok(statement
        .query_row(parameters, |_| Ok(()))
        .optional()?
        .is_some())
}

/// A column that holds JSON.
pub(super) fn json<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, WorkspaceError> {
    serde_json::from_str(text).map_err(|error| WorkspaceError::Damaged(error.to_string()))
}

/// JSON for a column.
pub(super) fn to_json(value: &impl serde::Serialize) -> Result<String, WorkspaceError> {
    serde_json::to_string(value).map_err(|error| WorkspaceError::Damaged(error.to_string()))
}
