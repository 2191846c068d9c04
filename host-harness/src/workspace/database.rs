//! The workspace's one file: SQLite.

use super::error::WorkspaceError;
use crate::blocking::blocking;
use crate::run::JOURNAL_SCHEMA;
use rusqlite::{Connection, OptionalExtension, Params, Row, Transaction, TransactionBehavior};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What makes each format of the one before it; the first makes a new file. A
/// step is never changed once it was released: files were made by it.
const STEPS: [&str; 10] = [
    include_str!("schema/1.sql"),
    include_str!("schema/2.sql"),
    include_str!("schema/3.sql"),
    include_str!("schema/4.sql"),
    // What runs have handed to their targets.
    JOURNAL_SCHEMA,
    include_str!("schema/6.sql"),
    include_str!("schema/7.sql"),
    include_str!("schema/8.sql"),
    include_str!("schema/9.sql"),
    include_str!("schema/10.sql"),
];
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
        let format = |connection: &Connection| -> Result<i64, WorkspaceError> {
            let found = connection.query_row("PRAGMA user_version", [], |row| row.get(0));
            found.map_err(failed)
        };
        // Whoever only looks waits for nobody who writes.
        if format(&connection)? == FORMAT {
            return Ok(Self(Mutex::new(connection)));
        }
        let transaction = connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(failed)?;
        let found = format(&transaction)?;
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
        blocking(|| {
            let mut connection = self.lock();
            let transaction = connection.transaction()?;
            work(&transaction)
        })
    }

    /// Writes all of it, or nothing.
    pub(super) fn write<T>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, WorkspaceError>,
    ) -> Result<T, WorkspaceError> {
        blocking(|| {
            let mut connection = self.lock();
            let transaction =
                connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let done = work(&transaction)?;
            transaction.commit()?;
            Ok(done)
        })
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn waiting_for_the_database_holds_nobody_else_up() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("workspace.db");
        let database = Arc::new(Database::open(&path).unwrap());
        // Another process writes.
        let other = Connection::open(&path).unwrap();
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        let (begun, begins) = tokio::sync::oneshot::channel();
        let writing = tokio::spawn({
            let database = Arc::clone(&database);
            async move {
                begun.send(()).unwrap();
                database.write(|_| Ok(()))
            }
        });
        begins.await.unwrap();
        // The runtime's one thread is free for others meanwhile.
        let elsewhere = tokio::spawn(async { tokio::task::yield_now().await });
        let elsewhere = tokio::time::timeout(Duration::from_secs(5), elsewhere).await;
        assert!(elsewhere.is_ok(), "the executor was blocked");
        assert!(!writing.is_finished());
        other.execute_batch("COMMIT").unwrap();
        writing.await.unwrap().unwrap();
    }

    #[test]
    fn a_file_of_an_older_format_is_brought_up_to_this_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("workspace.db");
        let old = Connection::open(&path).unwrap();
        old.execute_batch(STEPS[0]).unwrap();
        old.execute_batch(
            "INSERT INTO agent_groups VALUES (7, 'Old group', 'private', 1);
             INSERT INTO agents VALUES (7, 7, 'Old agent', NULL, 3);
             PRAGMA user_version = 1;",
        )
        .unwrap();
        drop(old);
        let kept = |database: &Database| {
            let row = "SELECT name, certificates FROM agents WHERE id = 7";
            database.read(|t| Ok(t.query_row(row, [], |row| Ok((row.get(0)?, row.get(1)?)))?))
        };
        for _ in 0..2 {
            let database = Database::open(&path).unwrap();
            let (name, certificates): (String, String) = kept(&database).unwrap();
            assert_eq!((name.as_str(), certificates.as_str()), ("Old agent", ""));
        }
        let newer = Connection::open(&path).unwrap();
        newer
            .pragma_update(None, "user_version", FORMAT + 1)
            .unwrap();
        assert!(matches!(
            Database::open(&path),
            Err(WorkspaceError::Newer { found, .. }) if found == FORMAT + 1
        ));
    }
}
