//! Environments: each runs on one group of agents.

use super::Workspace;
use super::database::{all, first};
use super::error::WorkspaceError;
use super::group::{self, GroupKind};
use super::id::{EnvironmentId, GroupId};
use super::name;
use crate::connection::Environment as Strictness;
use rusqlite::{Transaction, params};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How strict an environment is about where connections may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum EnvironmentKind {
    /// Only `https`.
    Production,
    /// Plain `http` as well, but only to this machine.
    Development,
}

impl From<EnvironmentKind> for Strictness {
    fn from(kind: EnvironmentKind) -> Self {
        match kind {
            EnvironmentKind::Production => Self::Production,
            EnvironmentKind::Development => Self::Development,
        }
    }
}

impl std::str::FromStr for EnvironmentKind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "production" => Ok(Self::Production),
            "development" => Ok(Self::Development),
            _ => Err(format!(
                "“{text}” is no kind of environment: write production or development"
            )),
        }
    }
}

impl std::fmt::Display for EnvironmentKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Production => "production",
            Self::Development => "development",
        })
    }
}

/// An environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Environment {
    /// Its number.
    pub id: EnvironmentId,
    /// Its name, unique in the organization.
    pub name: String,
    /// How strict it is.
    pub kind: EnvironmentKind,
    /// The group of agents that it runs on.
    pub group: GroupId,
    /// Whose agents those are.
    pub group_kind: GroupKind,
    /// Counts its changes.
    pub revision: i64,
}

const COLUMNS: &str = "SELECT e.id, e.name, e.kind, e.group_id, g.kind, e.revision
    FROM environments e JOIN agent_groups g ON g.id = e.group_id";

fn make(row: &rusqlite::Row<'_>) -> Result<Environment, WorkspaceError> {
    Ok(Environment {
        id: row.get(0)?,
        name: row.get(1)?,
        kind: row
            .get::<_, String>(2)?
            .parse()
            .map_err(WorkspaceError::Damaged)?,
        group: row.get(3)?,
        group_kind: row
            .get::<_, String>(4)?
            .parse()
            .map_err(WorkspaceError::Damaged)?,
        revision: row.get(5)?,
    })
}

pub(super) fn one(
    transaction: &Transaction<'_>,
    id: EnvironmentId,
) -> Result<Environment, WorkspaceError> {
    first(
        transaction,
        &format!("{COLUMNS} WHERE e.id = ?"),
        [id],
        make,
    )?
    .ok_or_else(|| WorkspaceError::no("environment", id))
}

pub(super) fn list(transaction: &Transaction<'_>) -> Result<Vec<Environment>, WorkspaceError> {
    all(transaction, &format!("{COLUMNS} ORDER BY e.name"), [], make)
}

impl Workspace {
    /// All environments, by name.
    ///
    /// # Errors
    /// Where the database fails.
    pub fn environments(&self) -> Result<Vec<Environment>, WorkspaceError> {
        self.database().read(list)
    }

    /// One environment.
    ///
    /// # Errors
    /// If there is none.
    pub fn environment(&self, id: EnvironmentId) -> Result<Environment, WorkspaceError> {
        self.database().read(|t| one(t, id))
    }

    /// Makes an environment.
    ///
    /// # Errors
    /// If the name is none or taken, or there is no such group.
    pub fn create_environment(
        &self,
        name: &str,
        kind: EnvironmentKind,
        group: GroupId,
    ) -> Result<Environment, WorkspaceError> {
        let name = name::checked("an environment", name)?;
        self.database().write(|t| {
            name::free(
                t,
                "environments",
                "an environment",
                &name,
                None::<EnvironmentId>,
            )?;
            group::one(t, group)?;
            t.execute(
                "INSERT INTO environments (group_id, name, kind, revision) VALUES (?, ?, ?, 1)",
                params![group, name, kind.to_string()],
            )?;
            one(t, EnvironmentId(t.last_insert_rowid()))
        })
    }

    /// Saves an environment.
    ///
    /// # Errors
    /// As for making one, and if somebody else saved in between.
    pub fn update_environment(
        &self,
        id: EnvironmentId,
        revision: i64,
        name: &str,
        kind: EnvironmentKind,
        group: GroupId,
    ) -> Result<Environment, WorkspaceError> {
        let name = name::checked("an environment", name)?;
        self.database().write(|t| {
            let before = one(t, id)?;
            name::free(t, "environments", "an environment", &name, Some(id))?;
            group::one(t, group)?;
            let changed = t.execute(
                "UPDATE environments SET name = ?, kind = ?, group_id = ?, revision = revision + 1
                 WHERE id = ? AND revision = ?",
                params![name, kind.to_string(), group, id, revision],
            )?;
            super::current(changed, "the environment", &before.name)?;
            one(t, id)
        })
    }

    /// Deletes an environment and the values that variables have in it, for good.
    ///
    /// # Errors
    /// If it is the last one.
    pub fn delete_environment(&self, id: EnvironmentId) -> Result<(), WorkspaceError> {
        self.database().write(|t| {
            let environment = one(t, id)?;
            if list(t)?.len() == 1 {
                return Err(WorkspaceError::Refused(format!(
                    "“{}” is the last environment: an organization has at least one",
                    environment.name
                )));
            }
            t.execute("DELETE FROM variable_values WHERE environment_id = ?", [id])?;
            t.execute(
                "DELETE FROM secrets WHERE owner = 'variable' AND name = ?",
                [id.to_string()],
            )?;
            t.execute("DELETE FROM environments WHERE id = ?", [id])?;
            Ok(())
        })
    }
}
