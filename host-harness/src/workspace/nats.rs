//! Groups whose agents join over NATS.

use super::Workspace;
use super::database::all;
use super::error::WorkspaceError;
use super::group::AgentGroup;
use super::id::GroupId;
use crate::group::{Group, Seen, Server};
use crate::sealing::SealingKey;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;

/// How groups are reached over NATS.
pub struct Nats {
    /// The server.
    pub server: Server,
    /// The key that the workspace shares with the agents.
    pub key: Arc<SealingKey>,
    /// How long an agent has a run without renewing that, of groups that are made by
    /// this; see [`crate::group::DEFAULT_LEASE`].
    pub lease: Duration,
    /// The most bytes of an input that are put on the server for the agents; see
    /// [`crate::group::DEFAULT_INPUT`].
    pub most_input: u64,
}

/// The groups that were joined.
pub(super) struct Reached {
    nats: Nats,
    joined: Mutex<BTreeMap<String, Group>>,
}

impl Reached {
    pub(super) fn new(nats: Nats) -> Self {
        Self {
            nats,
            joined: Mutex::default(),
        }
    }

    async fn group(&self, name: &str) -> Result<Group, WorkspaceError> {
        let mut joined = self.joined.lock().await;
        if let Some(group) = joined.get(name) {
            return Ok(group.clone());
        }
        let group = Group::join(
            &self.nats.server,
            name.parse().map_err(crate::group::GroupError::from)?,
            Arc::clone(&self.nats.key),
            "harness workspace",
            self.nats.lease,
        )
        .await?;
        joined.insert(name.to_owned(), group.clone());
        Ok(group)
    }
}

/// A group whose agents join over NATS, and who is there.
#[derive(Debug, Clone, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub struct JoinedAgents {
    /// The group.
    pub group: GroupId,
    /// Its name.
    pub name: String,
    /// Its agents that were there in the last hour, by name.
    pub agents: Vec<Seen>,
    /// Why they are not known, where they are not.
    pub error: Option<String>,
}

impl Workspace {
    /// Reaches the agents of groups that join over NATS by this server. Runs that
    /// such agents have under way are read on from where they were left. To be called
    /// once, inside a runtime.
    ///
    /// # Errors
    /// If the server cannot be used, or the database fails.
    pub async fn use_nats(&self, nats: Nats) -> Result<(), WorkspaceError> {
        if self.0.nats.set(Reached::new(nats)).is_err() {
            return Err(WorkspaceError::Refused(
                "the workspace has a NATS server already".to_owned(),
            ));
        }
        // What cannot be used is said now, not when a run needs it.
        for group in self.groups()? {
            if let Some(name) = &group.joined_as {
                self.reached(name).await?;
            }
        }
        self.follow_running()
    }

    /// The most bytes of an input that are put on the server.
    pub(super) fn most_input(&self) -> u64 {
        self.0
            .nats
            .get()
            .map_or(0, |reached| reached.nats.most_input)
    }

    /// A group on the server.
    pub(super) async fn reached(&self, joined_as: &str) -> Result<Group, WorkspaceError> {
        let Some(reached) = self.0.nats.get() else {
            return Err(WorkspaceError::Refused(format!(
                "the agents of the group “{joined_as}” join over NATS, and this program was not \
                 told where: give it --nats and --group-key"
            )));
        };
        reached.group(joined_as).await
    }

    /// Whether the server answers for the groups; none where none was named.
    pub(super) async fn nats_answers(&self) -> Option<Result<(), WorkspaceError>> {
        self.0.nats.get()?;
        let answered = async {
            for group in self.groups()? {
                if let Some(name) = &group.joined_as {
                    self.reached(name).await?.answers().await?;
                }
            }
            Ok(())
        };
        Some(answered.await)
    }

    /// The agents that have joined over NATS, group by group. A group that cannot be
    /// reached says why.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn joined_agents(&self) -> Result<Vec<JoinedAgents>, WorkspaceError> {
        let mut list = Vec::new();
        for group in self.groups()? {
            let Some(name) = &group.joined_as else {
                continue;
            };
            let agents = match self.reached(name).await {
                Ok(reached) => reached.agents().await.map_err(WorkspaceError::from),
                Err(error) => Err(error),
            };
            let (agents, error) = match agents {
                Ok(agents) => (agents, None),
                Err(error) => (Vec::new(), Some(error.to_string())),
            };
            list.push(JoinedAgents {
                group: group.id,
                name: group.name,
                agents,
                error,
            });
        }
        Ok(list)
    }

    /// The version of a connector that the runs of a group are made with: of those
    /// that its agents have the newest that fits, as each got it in a test; else
    /// what the registry has.
    pub(super) async fn version_in(
        &self,
        group: &Group,
        connector: &str,
        wanted: &str,
    ) -> Result<String, WorkspaceError> {
        if wanted != "newest" {
            return Ok(wanted.to_owned());
        }
        let agents = group.agents().await?;
        let has = agents
            .iter()
            .filter(|agent| agent.alive)
            .flat_map(|agent| &agent.presence.versions)
            .filter(|version| version.connector == connector)
            .filter_map(|version| version.version.parse::<semver::Version>().ok())
            .max();
        Ok(has.map_or_else(|| wanted.to_owned(), |version| version.to_string()))
    }
}

impl Workspace {
    /// Has the agents of a group join over NATS under this name, beside those of
    /// this program; none: they do not.
    ///
    /// # Errors
    /// If the name is none or taken, or somebody else saved in between.
    pub fn join_group(
        &self,
        id: GroupId,
        revision: i64,
        joined_as: Option<&str>,
    ) -> Result<AgentGroup, WorkspaceError> {
        if let Some(name) = joined_as {
            name.parse::<crate::group::GroupName>().map_err(|error| {
                WorkspaceError::one(Some("joined-as"), "joined-as", error.to_string())
            })?;
        }
        self.database().write(|t| {
            let before = super::group::one(t, id)?;
            let others: Vec<String> = all(
                t,
                "SELECT name FROM agent_groups WHERE joined_as = ? AND id <> ?",
                rusqlite::params![joined_as, id],
                |row| Ok(row.get(0)?),
            )?;
            if let Some(other) = others.first() {
                return Err(WorkspaceError::one(
                    Some("joined-as"),
                    "joined-as",
                    format!(
                        "the agents of the group “{other}” join under that name: choose another"
                    ),
                ));
            }
            let changed = t.execute(
                "UPDATE agent_groups SET joined_as = ?, revision = revision + 1
                 WHERE id = ? AND revision = ?",
                rusqlite::params![joined_as, id, revision],
            )?;
            super::current(changed, "the agent group", &before.name)?;
            super::group::one(t, id)
        })
    }
}
