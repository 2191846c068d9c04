//! Connections: saved, renamed, duplicated, deleted, tested.

mod limits;
mod resolve;
mod save;
mod test;

pub use save::ConnectionDraft;
pub use test::{AgentTest, CheckResult, TestReport, Version};

pub(super) use resolve::{On, Resolved, options};
pub(super) use save::{Door, variable_changed};
pub(super) use test::Update;

use super::database::{all, exists, first, json};
use super::error::WorkspaceError;
use super::id::{ConnectionId, ProjectId};
use super::secret::{self, Owner};
use super::{Dependent, Workspace, name, project};
use crate::egress::Protocol;
use crate::runtime::design::Reauthentication;
use rusqlite::{Transaction, params};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One named value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Setting {
    /// The property's name.
    pub name: String,
    /// Its value, as it was typed.
    pub value: String,
}

/// Whether a secret is set. The secret itself is never told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct SecretState {
    /// The property's name.
    pub name: String,
    /// Whether it is set.
    pub set: bool,
}

/// A connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Connection {
    /// Its number.
    pub id: ConnectionId,
    /// The project that it belongs to.
    pub project: ProjectId,
    /// The connector's name in the registry. Never changes.
    pub connector: String,
    /// Its name, unique among the project's connections of this connector.
    pub name: String,
    /// The version of the connector: `newest`, or one such as `1.2.3`.
    pub version: String,
    /// Whether requests go through the proxy of the agent.
    pub use_proxy: bool,
    /// Which versions of HTTP are offered over TLS.
    pub protocol: Protocol,
    /// The values of the form, variables not resolved.
    pub settings: Vec<Setting>,
    /// The limits that are set, by name; for all others the defaults hold.
    pub limits: Vec<Setting>,
    /// The secrets that are set.
    pub secrets: Vec<SecretState>,
    /// Counts its changes.
    pub revision: i64,
}

impl Connection {
    /// Its settings in pairs.
    pub(super) fn pairs(&self) -> Vec<(String, String)> {
        pairs(&self.settings)
    }

    /// Its settings and state, as a person would type them again.
    pub(super) fn draft(&self) -> ConnectionDraft {
        ConnectionDraft {
            name: self.name.clone(),
            connector: self.connector.clone(),
            version: self.version.clone(),
            use_proxy: self.use_proxy,
            protocol: self.protocol,
            settings: self.settings.clone(),
            limits: self.limits.clone(),
            secrets: Default::default(),
        }
    }
}

pub(super) fn pairs(settings: &[Setting]) -> Vec<(String, String)> {
    settings
        .iter()
        .map(|setting| (setting.name.clone(), setting.value.clone()))
        .collect()
}

const COLUMNS: &str = "SELECT id, project_id, connector, name, version, use_proxy, settings, revision, limits, protocol FROM connections";

fn make(
    transaction: &Transaction<'_>,
    row: &rusqlite::Row<'_>,
) -> Result<Connection, WorkspaceError> {
    let id: ConnectionId = row.get(0)?;
    Ok(Connection {
        id,
        project: row.get(1)?,
        connector: row.get(2)?,
        name: row.get(3)?,
        version: row.get(4)?,
        use_proxy: row.get(5)?,
        settings: json(&row.get::<_, String>(6)?)?,
        secrets: secret::names(transaction, Owner::Connection(id.0))?
            .into_iter()
            .map(|name| SecretState { name, set: true })
            .collect(),
        revision: row.get(7)?,
        limits: json(&row.get::<_, String>(8)?)?,
        // What another version of the program wrote may be unknown here.
        protocol: row.get::<_, String>(9)?.parse().unwrap_or_default(),
    })
}

pub(super) fn one(
    transaction: &Transaction<'_>,
    id: ConnectionId,
) -> Result<Connection, WorkspaceError> {
    first(
        transaction,
        &format!("{COLUMNS} WHERE id = ?"),
        [id],
        |row| make(transaction, row),
    )?
    .ok_or_else(|| WorkspaceError::no("connection", id))
}

/// The connections of a project, by name.
pub(super) fn list(
    transaction: &Transaction<'_>,
    project: ProjectId,
) -> Result<Vec<Connection>, WorkspaceError> {
    all(
        transaction,
        &format!("{COLUMNS} WHERE project_id = ? ORDER BY name, id"),
        [project],
        |row| make(transaction, row),
    )
}

/// A connection's name, and the project that it belongs to.
pub(super) fn connection_name(
    transaction: &Transaction<'_>,
    id: ConnectionId,
) -> Result<(String, ProjectId), WorkspaceError> {
    let connection = one(transaction, id)?;
    Ok((connection.name, connection.project))
}

fn is_taken(
    transaction: &Transaction<'_>,
    project: ProjectId,
    connector: &str,
    name: &str,
    except: Option<ConnectionId>,
) -> Result<bool, WorkspaceError> {
    exists(
        transaction,
        "SELECT 1 FROM connections WHERE project_id = ? AND connector = ? AND name = ?
         AND id IS NOT ?",
        params![project, connector, name, except],
    )
}

/// That the name is one, and free.
fn free_name(
    transaction: &Transaction<'_>,
    project: ProjectId,
    connector: &str,
    name: &str,
    except: Option<ConnectionId>,
) -> Result<String, WorkspaceError> {
    let name = name::checked("a connection", name)?;
    if is_taken(transaction, project, connector, &name, except)? {
        return Err(WorkspaceError::Taken {
            what: "a connection",
            name,
            among: format!(" of the connector {connector}"),
        });
    }
    Ok(name)
}

fn rules(
    transaction: &Transaction<'_>,
    id: ConnectionId,
) -> Result<Vec<Reauthentication>, WorkspaceError> {
    let text: String = transaction.query_row(
        "SELECT reauthentication FROM connections WHERE id = ?",
        [id],
        |row| row.get(0),
    )?;
    let rules: Vec<(Vec<String>, Vec<String>)> = json(&text)?;
    Ok(rules
        .into_iter()
        .map(|(changed, clear)| Reauthentication { changed, clear })
        .collect())
}

fn dependents(
    transaction: &Transaction<'_>,
    id: ConnectionId,
) -> Result<Vec<Dependent>, WorkspaceError> {
    all(
        transaction,
        "SELECT id, name, activity FROM activities WHERE connection_id = ? ORDER BY activity, name",
        [id],
        |row| {
            Ok(Dependent {
                kind: "activity",
                id: row.get(0)?,
                name: row.get(1)?,
                via: Some(row.get(2)?),
            })
        },
    )
}

impl Workspace {
    /// The connections of a project, by name.
    ///
    /// # Errors
    /// Where the database fails.
    pub fn connections(&self, project: ProjectId) -> Result<Vec<Connection>, WorkspaceError> {
        self.database().read(|t| {
            project::one(t, project)?;
            list(t, project)
        })
    }

    /// One connection.
    ///
    /// # Errors
    /// If there is none.
    pub fn connection(&self, id: ConnectionId) -> Result<Connection, WorkspaceError> {
        self.database().read(|t| one(t, id))
    }

    /// Renames a connection. Whatever uses it goes on using it.
    ///
    /// # Errors
    /// If the name is none or taken, or somebody else saved in between.
    pub fn rename_connection(
        &self,
        id: ConnectionId,
        revision: i64,
        name: &str,
    ) -> Result<Connection, WorkspaceError> {
        self.database().write(|t| {
            let before = one(t, id)?;
            let name = free_name(t, before.project, &before.connector, name, Some(id))?;
            let changed = t.execute(
                "UPDATE connections SET name = ?, revision = revision + 1
                 WHERE id = ? AND revision = ?",
                params![name, id, revision],
            )?;
            super::current(changed, "the connection", &before.name)?;
            one(t, id)
        })
    }

    /// Makes a copy under a name of its own, secrets included, activities not.
    ///
    /// # Errors
    /// If there is no such connection.
    pub fn duplicate_connection(&self, id: ConnectionId) -> Result<Connection, WorkspaceError> {
        self.database().write(|t| {
            let original = one(t, id)?;
            let names: Vec<String> = list(t, original.project)?
                .into_iter()
                .filter(|connection| connection.connector == original.connector)
                .map(|connection| connection.name)
                .collect();
            let name = name::of_copy(&original.name, |name| names.iter().any(|n| n == name));
            t.execute(
                "INSERT INTO connections (project_id, connector, name, version, use_proxy, protocol,
                     settings, limits, reauthentication, revision)
                 SELECT project_id, connector, ?, version, use_proxy, protocol, settings, limits,
                     reauthentication, 1
                 FROM connections WHERE id = ?",
                params![name, id],
            )?;
            let copy = ConnectionId(t.last_insert_rowid());
            // A secret is sealed for its place, so it cannot be copied as it is.
            for secret in &original.secrets {
                let owner = Owner::Connection(id.0);
                if let Some(text) = secret::get(t, self.key(), owner, &secret.name)? {
                    secret::put(
                        t,
                        self.key(),
                        Owner::Connection(copy.0),
                        &secret.name,
                        &text,
                    )?;
                }
            }
            one(t, copy)
        })
    }

    /// What uses a connection.
    ///
    /// # Errors
    /// If there is no such connection.
    pub fn connection_dependents(
        &self,
        id: ConnectionId,
    ) -> Result<Vec<Dependent>, WorkspaceError> {
        self.database().read(|t| {
            one(t, id)?;
            let mut found = dependents(t, id)?;
            for activity in found.clone() {
                found.extend(super::operation::using(t, super::ActivityId(activity.id))?);
            }
            found.dedup();
            Ok(found)
        })
    }

    /// Deletes a connection and its secrets, for good.
    ///
    /// # Errors
    /// While it has activities; the error lists them.
    pub fn delete_connection(&self, id: ConnectionId) -> Result<(), WorkspaceError> {
        self.database().write(|t| {
            let connection = one(t, id)?;
            super::unused("the connection", &connection.name, dependents(t, id)?)?;
            secret::remove_all(t, Owner::Connection(id.0))?;
            t.execute("DELETE FROM connections WHERE id = ?", [id])?;
            Ok(())
        })
    }
}
