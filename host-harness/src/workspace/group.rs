//! Groups of agents.

use super::Workspace;
use super::database::{all, first};
use super::error::WorkspaceError;
use super::id::GroupId;
use super::{Dependent, name};
use rusqlite::{Transaction, params};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Whose the agents of a group are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum GroupKind {
    /// The platform's.
    Cloud,
    /// The organization's own, in its own network: they may have a proxy.
    Private,
}

impl std::str::FromStr for GroupKind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "cloud" => Ok(Self::Cloud),
            "private" => Ok(Self::Private),
            _ => Err(format!(
                "“{text}” is no kind of agent group: write cloud or private"
            )),
        }
    }
}

impl std::fmt::Display for GroupKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Cloud => "cloud",
            Self::Private => "private",
        })
    }
}

/// A group of agents.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub struct AgentGroup {
    /// Its number.
    pub id: GroupId,
    /// Its name, unique in the organization.
    pub name: String,
    /// Whose its agents are.
    pub kind: GroupKind,
    /// The name under which agents join it over NATS; absent where its agents are
    /// this program's only.
    pub joined_as: Option<String>,
    /// Counts its changes.
    pub revision: i64,
}

const COLUMNS: &str = "SELECT id, name, kind, revision, joined_as FROM agent_groups";

fn make(row: &rusqlite::Row<'_>) -> Result<AgentGroup, WorkspaceError> {
    Ok(AgentGroup {
        id: row.get(0)?,
        name: row.get(1)?,
        kind: row
            .get::<_, String>(2)?
            .parse()
            .map_err(WorkspaceError::Damaged)?,
        revision: row.get(3)?,
        joined_as: row.get(4)?,
    })
}

pub(super) fn one(
    transaction: &Transaction<'_>,
    id: GroupId,
) -> Result<AgentGroup, WorkspaceError> {
    first(transaction, &format!("{COLUMNS} WHERE id = ?"), [id], make)?
        .ok_or_else(|| WorkspaceError::no("agent group", id))
}

impl Workspace {
    /// All groups, by name.
    ///
    /// # Errors
    /// Where the database fails.
    pub fn groups(&self) -> Result<Vec<AgentGroup>, WorkspaceError> {
        self.database()
            .read(|t| all(t, &format!("{COLUMNS} ORDER BY name"), [], make))
    }

    /// One group.
    ///
    /// # Errors
    /// If there is none.
    pub fn group(&self, id: GroupId) -> Result<AgentGroup, WorkspaceError> {
        self.database().read(|t| one(t, id))
    }

    /// Makes a group.
    ///
    /// # Errors
    /// If the name is none, or taken.
    pub fn create_group(&self, name: &str, kind: GroupKind) -> Result<AgentGroup, WorkspaceError> {
        let name = name::checked("an agent group", name)?;
        self.database().write(|t| {
            name::free(t, "agent_groups", "an agent group", &name, None::<GroupId>)?;
            t.execute(
                "INSERT INTO agent_groups (name, kind, revision) VALUES (?, ?, 1)",
                params![name, kind.to_string()],
            )?;
            one(t, GroupId(t.last_insert_rowid()))
        })
    }

    /// Saves a group.
    ///
    /// # Errors
    /// If the name is none or taken, or somebody else saved in between.
    pub fn update_group(
        &self,
        id: GroupId,
        revision: i64,
        name: &str,
        kind: GroupKind,
    ) -> Result<AgentGroup, WorkspaceError> {
        let name = name::checked("an agent group", name)?;
        self.database().write(|t| {
            let before = one(t, id)?;
            name::free(t, "agent_groups", "an agent group", &name, Some(id))?;
            let changed = t.execute(
                "UPDATE agent_groups SET name = ?, kind = ?, revision = revision + 1
                 WHERE id = ? AND revision = ?",
                params![name, kind.to_string(), id, revision],
            )?;
            super::current(changed, "the agent group", &before.name)?;
            one(t, id)
        })
    }

    /// Deletes a group, for good.
    ///
    /// # Errors
    /// While it has agents, or an environment runs on it.
    pub fn delete_group(&self, id: GroupId) -> Result<(), WorkspaceError> {
        self.database().write(|t| {
            let group = one(t, id)?;
            let mut dependents = Vec::new();
            for (kind, table) in [("agent", "agents"), ("environment", "environments")] {
                dependents.extend(all(
                    t,
                    &format!("SELECT id, name FROM {table} WHERE group_id = ? ORDER BY name"),
                    [id],
                    |row| {
                        Ok(Dependent {
                            kind,
                            id: row.get(0)?,
                            name: row.get(1)?,
                            via: None,
                        })
                    },
                )?);
            }
            super::unused("the agent group", &group.name, dependents)?;
            t.execute("DELETE FROM agent_groups WHERE id = ?", [id])?;
            Ok(())
        })
    }
}
