//! The agents of the workspace, and the versions of connectors that they have.

use super::Workspace;
use super::database::{all, first, json, to_json};
use super::error::WorkspaceError;
use super::id::{AgentId, EnvironmentId, GroupId};
use super::secret::{self, Owner};
use super::{environment, group, name, run};
use crate::egress::{Certificates, Proxy};
use rusqlite::{Transaction, params};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The proxy that a private agent is configured with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ProxySettings {
    /// Where it is: `http://host:port`.
    pub url: String,
    /// Who the agent is to the proxy, where it asks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Host names, `.domains`, addresses and blocks of addresses that are
    /// reached without it.
    #[serde(default)]
    pub exceptions: Vec<String>,
}

/// A version of a connector that an agent has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub struct AgentVersion {
    /// The connector's name in the registry.
    pub connector: String,
    /// The version.
    pub version: String,
    /// The digest that it was verified by.
    pub digest: String,
    /// When it came.
    pub downloaded_at: String,
}

/// An agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Agent {
    /// Its number.
    pub id: AgentId,
    /// Its name, unique in the organization.
    pub name: String,
    /// The group that it belongs to.
    pub group: GroupId,
    /// Its proxy, where it has one. Only agents of a private group do.
    pub proxy: Option<ProxySettings>,
    /// Whether the proxy's password is set.
    pub proxy_password_set: bool,
    /// Certificate authorities that it trusts beside the system's, as PEM; empty
    /// where there are none. Only agents of a private group have any.
    pub certificates: String,
    /// The versions that it has, by connector.
    pub versions: Vec<AgentVersion>,
    /// Counts its changes.
    pub revision: i64,
}

/// What a person says of an agent.
#[derive(Debug, Clone)]
pub struct AgentDraft {
    /// Its name.
    pub name: String,
    /// Its group.
    pub group: GroupId,
    /// Its proxy.
    pub proxy: Option<ProxySettings>,
    /// The proxy's password; the saved one is kept where it is absent.
    pub proxy_password: Option<SecretString>,
    /// Certificate authorities to trust beside the system's, as PEM; may be empty.
    pub certificates: String,
}

impl AgentDraft {
    /// An agent without a proxy and without authorities of its own.
    pub fn new(name: impl Into<String>, group: GroupId) -> Self {
        Self {
            name: name.into(),
            group,
            proxy: None,
            proxy_password: None,
            certificates: String::new(),
        }
    }
}

/// What was saved, to be changed; the proxy's password is kept.
impl From<Agent> for AgentDraft {
    fn from(agent: Agent) -> Self {
        Self {
            name: agent.name,
            group: agent.group,
            proxy: agent.proxy,
            proxy_password: None,
            certificates: agent.certificates,
        }
    }
}

const PROXY_PASSWORD: &str = "proxy-password";
const COLUMNS: &str = "SELECT id, name, group_id, proxy, revision, certificates FROM agents";

fn make(transaction: &Transaction<'_>, row: &rusqlite::Row<'_>) -> Result<Agent, WorkspaceError> {
    let id: AgentId = row.get(0)?;
    let proxy: Option<String> = row.get(3)?;
    Ok(Agent {
        id,
        name: row.get(1)?,
        group: row.get(2)?,
        proxy: proxy.as_deref().map(json).transpose()?,
        proxy_password_set: !secret::names(transaction, Owner::Agent(id.0))?.is_empty(),
        certificates: row.get(5)?,
        versions: all(
            transaction,
            "SELECT connector, version, digest, downloaded_at FROM agent_versions
             WHERE agent_id = ? ORDER BY connector",
            [id],
            |row| {
                Ok(AgentVersion {
                    connector: row.get(0)?,
                    version: row.get(1)?,
                    digest: row.get(2)?,
                    downloaded_at: row.get(3)?,
                })
            },
        )?,
        revision: row.get(4)?,
    })
}

pub(super) fn one(transaction: &Transaction<'_>, id: AgentId) -> Result<Agent, WorkspaceError> {
    first(
        transaction,
        &format!("{COLUMNS} WHERE id = ?"),
        [id],
        |row| make(transaction, row),
    )?
    .ok_or_else(|| WorkspaceError::no("agent", id))
}

/// The agents of a group, by name.
pub(super) fn of_group(
    transaction: &Transaction<'_>,
    group: GroupId,
) -> Result<Vec<Agent>, WorkspaceError> {
    all(
        transaction,
        &format!("{COLUMNS} WHERE group_id = ? ORDER BY name"),
        [group],
        |row| make(transaction, row),
    )
}

fn check(
    transaction: &Transaction<'_>,
    draft: &AgentDraft,
    except: Option<AgentId>,
) -> Result<String, WorkspaceError> {
    let name = name::checked("an agent", &draft.name)?;
    name::free(transaction, "agents", "an agent", &name, except)?;
    let group = group::one(transaction, draft.group)?;
    if group.kind == group::GroupKind::Cloud {
        let own = [
            ("proxy", "a proxy", draft.proxy.is_some()),
            (
                "certificates",
                "certificate authorities",
                !draft.certificates.trim().is_empty(),
            ),
        ];
        if let Some((field, what, _)) = own.into_iter().find(|(_, _, has)| *has) {
            return Err(WorkspaceError::one(
                Some(field),
                "cloud-group",
                format!(
                    "“{}” is a cloud group: only private agents have {what} of their own",
                    group.name
                ),
            ));
        }
    }
    if let Some(proxy) = &draft.proxy {
        proxy.build(draft.proxy_password.clone())?;
    }
    trusted(&draft.certificates)?;
    Ok(name)
}

/// The authorities that an agent trusts beside the system's.
fn trusted(pem: &str) -> Result<Certificates, WorkspaceError> {
    if pem.trim().is_empty() {
        return Ok(Certificates::default());
    }
    Certificates::from_pem(pem).map_err(|error| {
        WorkspaceError::one(Some("certificates"), "certificates", error.to_string())
    })
}

/// The agent of a group that has the fewest runs under way; of several, the one
/// whose last run began longest ago, so that all do their share.
pub(super) fn least_busy(
    transaction: &Transaction<'_>,
    group: GroupId,
) -> Result<Option<Agent>, WorkspaceError> {
    first(
        transaction,
        &format!(
            "{COLUMNS} WHERE group_id = ? ORDER BY
             (SELECT count(*) FROM runs WHERE agent_id = agents.id AND state = 'running'),
             (SELECT coalesce(max(id), 0) FROM runs WHERE agent_id = agents.id), name"
        ),
        [group],
        |row| make(transaction, row),
    )
}

impl ProxySettings {
    /// The proxy as sessions use it.
    pub(super) fn build(&self, password: Option<SecretString>) -> Result<Proxy, WorkspaceError> {
        let credentials = self
            .user
            .clone()
            .map(|user| (user, password.unwrap_or_default()));
        Proxy::new(&self.url, credentials, &self.exceptions)
            .map_err(|error| WorkspaceError::one(Some("proxy"), "proxy", error.to_string()))
    }
}

impl Workspace {
    /// All agents, by name.
    ///
    /// # Errors
    /// Where the database fails.
    pub fn agents(&self) -> Result<Vec<Agent>, WorkspaceError> {
        self.database().read(|t| {
            all(t, &format!("{COLUMNS} ORDER BY name"), [], |row| {
                make(t, row)
            })
        })
    }

    /// One agent.
    ///
    /// # Errors
    /// If there is none.
    pub fn agent(&self, id: AgentId) -> Result<Agent, WorkspaceError> {
        self.database().read(|t| one(t, id))
    }

    /// Makes an agent. It runs inside this program, with a folder of its own.
    ///
    /// # Errors
    /// If the name is none or taken, or the proxy is none.
    pub fn create_agent(&self, draft: AgentDraft) -> Result<Agent, WorkspaceError> {
        self.database().write(|t| {
            let name = check(t, &draft, None)?;
            t.execute(
                "INSERT INTO agents (group_id, name, proxy, certificates, revision)
                 VALUES (?, ?, ?, ?, 1)",
                params![
                    draft.group,
                    name,
                    draft.proxy.as_ref().map(to_json).transpose()?,
                    draft.certificates
                ],
            )?;
            let id = AgentId(t.last_insert_rowid());
            self.keep_password(t, id, &draft)?;
            one(t, id)
        })
    }

    /// Saves an agent.
    ///
    /// # Errors
    /// As for making one, and if somebody else saved in between.
    pub fn update_agent(
        &self,
        id: AgentId,
        revision: i64,
        draft: AgentDraft,
    ) -> Result<Agent, WorkspaceError> {
        self.database().write(|t| {
            let before = one(t, id)?;
            let name = check(t, &draft, Some(id))?;
            let changed = t.execute(
                "UPDATE agents SET group_id = ?, name = ?, proxy = ?, certificates = ?,
                 revision = revision + 1 WHERE id = ? AND revision = ?",
                params![
                    draft.group,
                    name,
                    draft.proxy.as_ref().map(to_json).transpose()?,
                    draft.certificates,
                    id,
                    revision
                ],
            )?;
            super::current(changed, "the agent", &before.name)?;
            self.keep_password(t, id, &draft)?;
            one(t, id)
        })
    }

    fn keep_password(
        &self,
        transaction: &Transaction<'_>,
        id: AgentId,
        draft: &AgentDraft,
    ) -> Result<(), WorkspaceError> {
        let owner = Owner::Agent(id.0);
        match (&draft.proxy, &draft.proxy_password) {
            (None, _) => secret::remove_all(transaction, owner),
            (Some(_), Some(password)) => {
                secret::put(transaction, self.key(), owner, PROXY_PASSWORD, password)
            }
            (Some(_), None) => Ok(()),
        }
    }

    /// Deletes an agent, for good. What it downloaded stays on the disk.
    ///
    /// # Errors
    /// If there is none, or while it has runs under way.
    pub fn delete_agent(&self, id: AgentId) -> Result<(), WorkspaceError> {
        // A run whose process has died holds nobody up.
        self.bury()?;
        self.database().write(|t| {
            let agent = one(t, id)?;
            let running = run::on_agent(t, id)?;
            if !running.is_empty() {
                return Err(WorkspaceError::Busy {
                    what: "the agent",
                    name: agent.name,
                    runs: running,
                });
            }
            secret::remove_all(t, Owner::Agent(id.0))?;
            t.execute("DELETE FROM agents WHERE id = ?", [id])?;
            Ok(())
        })
    }

    /// The agent's proxy, ready to be used; none where it has none.
    pub(super) fn proxy_of(&self, agent: &Agent) -> Result<Option<Proxy>, WorkspaceError> {
        let Some(settings) = &agent.proxy else {
            return Ok(None);
        };
        let password = self
            .database()
            .read(|t| secret::get(t, self.key(), Owner::Agent(agent.id.0), PROXY_PASSWORD))?;
        settings.build(password).map(Some)
    }

    /// The authorities that an agent trusts beside the system's.
    pub(super) fn certificates_of(agent: &Agent) -> Result<Certificates, WorkspaceError> {
        trusted(&agent.certificates)
    }

    /// The agents that an environment runs on, by name.
    pub(super) fn agents_of(
        &self,
        environment: EnvironmentId,
    ) -> Result<Vec<Agent>, WorkspaceError> {
        self.database().read(|t| {
            let environment = environment::one(t, environment)?;
            of_group(t, environment.group)
        })
    }

    /// The name under which agents join the group of an environment over NATS; none
    /// where only agents of this program are in it.
    pub(super) fn joined_as(
        &self,
        environment: EnvironmentId,
    ) -> Result<Option<String>, WorkspaceError> {
        self.database().read(|t| {
            let environment = environment::one(t, environment)?;
            Ok(group::one(t, environment.group)?.joined_as)
        })
    }

    /// Remembers that an agent has a version now.
    pub(super) fn has_version(
        &self,
        agent: AgentId,
        version: &AgentVersion,
    ) -> Result<(), WorkspaceError> {
        self.database().write(|t| {
            t.execute(
                "INSERT OR REPLACE INTO agent_versions VALUES (?, ?, ?, ?, ?)",
                params![
                    agent,
                    version.connector,
                    version.version,
                    version.digest,
                    version.downloaded_at
                ],
            )?;
            Ok(())
        })
    }
}
