//! Where an operation's source goes on from run to run.

use crate::workspace::Workspace;
use crate::workspace::database::first;
use crate::workspace::error::WorkspaceError;
use crate::workspace::id::{EnvironmentId, OperationId};
use rusqlite::{Transaction, params};
use std::path::PathBuf;

impl Workspace {
    /// Where the next run of an operation goes on in an environment; none where it
    /// starts anew.
    ///
    /// # Errors
    /// If the workspace cannot be read.
    pub fn continuation(
        &self,
        operation: OperationId,
        environment: EnvironmentId,
    ) -> Result<Option<String>, WorkspaceError> {
        self.database().read(|t| {
            first(
                t,
                "SELECT checkpoint FROM continuations WHERE operation_id = ? AND environment_id = ?",
                params![operation, environment],
                |row| Ok(row.get(0)?),
            )
        })
    }

    /// Forgets where an operation goes on: its next run, in any environment,
    /// starts anew.
    ///
    /// # Errors
    /// If there is no such operation.
    pub fn start_over(&self, operation: OperationId) -> Result<(), WorkspaceError> {
        self.operation(operation)?;
        self.forget_taken(operation)?;
        self.database().write(|t| {
            t.execute(
                "DELETE FROM continuations WHERE operation_id = ?",
                [operation],
            )?;
            Ok(())
        })
    }

    /// The file of what an operation has taken in an environment.
    pub(super) fn taken_path(
        &self,
        operation: OperationId,
        environment: EnvironmentId,
    ) -> Result<PathBuf, WorkspaceError> {
        let folder = self.taken_folder(operation);
        std::fs::create_dir_all(&folder).map_err(|source| WorkspaceError::Io {
            path: folder.clone(),
            source,
        })?;
        Ok(folder.join(format!("{environment}.db")))
    }

    fn taken_folder(&self, operation: OperationId) -> PathBuf {
        self.0.home.join("taken").join(operation.to_string())
    }

    /// Forgets what an operation has taken: all of it counts as changed.
    pub(in crate::workspace) fn forget_taken(
        &self,
        operation: OperationId,
    ) -> Result<(), WorkspaceError> {
        let folder = self.taken_folder(operation);
        match std::fs::remove_dir_all(&folder) {
            Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                Err(WorkspaceError::Io {
                    path: folder,
                    source,
                })
            }
            _ => Ok(()),
        }
    }

    pub(super) fn keep_continuation(
        &self,
        operation: OperationId,
        environment: EnvironmentId,
        checkpoint: &str,
    ) -> Result<(), WorkspaceError> {
        self.database()
            .write(|t| keep(t, operation, environment, checkpoint))
    }
}

pub(super) fn keep(
    t: &Transaction<'_>,
    operation: OperationId,
    environment: EnvironmentId,
    checkpoint: &str,
) -> Result<(), WorkspaceError> {
    t.execute(
        "INSERT INTO continuations (operation_id, environment_id, checkpoint)
                 VALUES (?, ?, ?)
                 ON CONFLICT DO UPDATE SET checkpoint = excluded.checkpoint",
        params![operation, environment, checkpoint],
    )?;
    Ok(())
}
