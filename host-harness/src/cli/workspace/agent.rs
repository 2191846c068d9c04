//! `harness agent`, `group` and `environment`.

use super::super::Failed;
use super::super::table::table;
use super::{SecretPlace, Where, find, secret_place};
use clap::Subcommand;
use host_harness::workspace::{
    AgentDraft, AgentGroup, EnvironmentKind, GroupKind, JoinedAgents, ProxySettings, Workspace,
};
use std::path::PathBuf;
use std::process::ExitCode;

fn group(workspace: &Workspace, name: Option<&str>) -> Result<AgentGroup, Failed> {
    find::named("agent group", workspace.groups()?, name, |group| {
        &group.name
    })
}

#[derive(Subcommand)]
pub enum AgentCommand {
    /// List the agents, and the versions of connectors that they have.
    List,
    /// List the agents that have joined over NATS.
    Joined,
    /// Make one.
    Create {
        /// Its name.
        name: String,
        /// Its group; the first one unless given.
        #[arg(long)]
        group: Option<String>,
    },
    /// Configure the proxy of one; without a URL it has none.
    Proxy {
        /// The agent's name.
        name: String,
        /// http://host:port
        url: Option<String>,
        /// Who the agent is to the proxy.
        #[arg(long, requires = "password")]
        user: Option<String>,
        /// Where the proxy's password is: env:VARIABLE or file:PATH.
        #[arg(long, value_name = "PLACE", value_parser = secret_place)]
        password: Option<SecretPlace>,
        /// A host, .domain, address or block that is reached directly.
        #[arg(long = "except", value_name = "HOST")]
        exceptions: Vec<String>,
    },
    /// Have one trust certificate authorities beside the system's, such as a
    /// company's own; without a file it trusts the system's alone.
    Trust {
        /// The agent's name.
        name: String,
        /// Their certificates, as PEM.
        file: Option<PathBuf>,
    },
    /// Move one to another group.
    Move {
        /// Its name.
        name: String,
        /// The group.
        to: String,
    },
    /// Delete one.
    Delete {
        /// Its name.
        name: String,
    },
}

impl AgentCommand {
    pub async fn run(self, workspace: &Workspace, at: &Where) -> Result<ExitCode, Failed> {
        let named = |name: &str| find::named("agent", workspace.agents()?, Some(name), |a| &a.name);
        match self {
            Self::List => {}
            Self::Joined => {
                let joined = workspace.joined_agents().await?;
                return at.say(&joined, || joined_table(&joined));
            }
            Self::Create { name, group: of } => {
                let group = group(workspace, of.as_deref())?.id;
                workspace.create_agent(AgentDraft::new(name, group))?;
            }
            Self::Proxy {
                name,
                url,
                user,
                password,
                exceptions,
            } => {
                let agent = named(&name)?;
                let (id, revision) = (agent.id, agent.revision);
                let draft = AgentDraft {
                    proxy: url.map(|url| ProxySettings {
                        url,
                        user,
                        exceptions,
                    }),
                    proxy_password: password.map(|place| place.read()).transpose()?,
                    ..agent.into()
                };
                workspace.update_agent(id, revision, draft)?;
            }
            Self::Trust { name, file } => {
                let agent = named(&name)?;
                let (id, revision) = (agent.id, agent.revision);
                let certificates = match &file {
                    Some(file) => std::fs::read_to_string(file)
                        .map_err(|error| format!("{} cannot be read: {error}", file.display()))?,
                    None => String::new(),
                };
                let draft = AgentDraft {
                    certificates,
                    ..agent.into()
                };
                workspace.update_agent(id, revision, draft)?;
            }
            Self::Move { name, to } => {
                let agent = named(&name)?;
                let (id, revision) = (agent.id, agent.revision);
                let draft = AgentDraft {
                    group: group(workspace, Some(&to))?.id,
                    ..agent.into()
                };
                workspace.update_agent(id, revision, draft)?;
            }
            Self::Delete { name } => workspace.delete_agent(named(&name)?.id)?,
        }
        let groups = workspace.groups()?;
        at.list(
            &workspace.agents()?,
            &["AGENT", "GROUP", "PROXY", "VERSIONS"],
            |agent| {
                let group = groups.iter().find(|group| group.id == agent.group);
                let versions: Vec<String> = agent
                    .versions
                    .iter()
                    .map(|version| format!("{} {}", version.connector, version.version))
                    .collect();
                vec![
                    agent.name.clone(),
                    group.map(|group| group.name.clone()).unwrap_or_default(),
                    agent
                        .proxy
                        .as_ref()
                        .map(|proxy| proxy.url.clone())
                        .unwrap_or_default(),
                    versions.join(", "),
                ]
            },
        )
    }
}

/// Agents that have joined over NATS, as a table.
fn joined_table(groups: &[JoinedAgents]) -> String {
    let header = ["AGENT", "GROUP", "SEEN", "BUSY", "PROGRAM", "VERSIONS", ""];
    let mut rows = vec![header.map(str::to_owned).to_vec()];
    for group in groups {
        for agent in &group.agents {
            let presence = &agent.presence;
            let versions: Vec<String> = presence
                .versions
                .iter()
                .map(|version| format!("{} {}", version.connector, version.version))
                .collect();
            let held: Vec<String> = presence
                .quarantine
                .iter()
                .map(|held| {
                    format!(
                        "{} {} is in quarantine: {}",
                        held.connector, held.version, held.reason
                    )
                })
                .collect();
            let state = match (&presence.trouble, agent.alive, presence.draining) {
                (_, false, _) => "gone",
                (Some(trouble), _, _) => trouble,
                (None, true, true) => "takes no more",
                (None, true, false) => "",
            };
            rows.push(vec![
                presence.name.clone(),
                group.name.clone(),
                format!("{:.1} s ago", agent.seen_ms_ago as f64 / 1000.0),
                format!("{} of {}", presence.busy, presence.slots),
                presence.program.clone(),
                versions.join(", "),
                std::iter::once(state)
                    .chain(held.iter().map(String::as_str))
                    .filter(|text| !text.is_empty())
                    .collect::<Vec<_>>()
                    .join("; "),
            ]);
        }
        if let Some(error) = &group.error {
            let empty = || String::new();
            let row = [
                empty(),
                group.name.clone(),
                empty(),
                empty(),
                empty(),
                empty(),
                error.clone(),
            ];
            rows.push(row.to_vec());
        }
    }
    table(&rows)
}

#[derive(Subcommand)]
pub enum GroupCommand {
    /// List the groups of agents.
    List,
    /// Make one.
    Create {
        /// Its name.
        name: String,
        /// cloud or private.
        kind: GroupKind,
    },
    /// Have agents join one over NATS; without a name, its agents are this program's
    /// only.
    Joined {
        /// Its name.
        name: String,
        /// The name under which agents join: letters, digits, - and _.
        joined_as: Option<String>,
    },
    /// Delete an empty one.
    Delete {
        /// Its name.
        name: String,
    },
}

impl GroupCommand {
    pub fn run(self, workspace: &Workspace, at: &Where) -> Result<ExitCode, Failed> {
        match self {
            Self::List => {}
            Self::Create { name, kind } => {
                workspace.create_group(&name, kind)?;
            }
            Self::Joined { name, joined_as } => {
                let group = group(workspace, Some(&name))?;
                workspace.join_group(group.id, group.revision, joined_as.as_deref())?;
            }
            Self::Delete { name } => workspace.delete_group(group(workspace, Some(&name))?.id)?,
        }
        at.list(
            &workspace.groups()?,
            &["GROUP", "KIND", "JOINED AS"],
            |group| {
                vec![
                    group.name.clone(),
                    group.kind.to_string(),
                    group.joined_as.clone().unwrap_or_default(),
                ]
            },
        )
    }
}

#[derive(Subcommand)]
pub enum EnvironmentCommand {
    /// List the environments.
    List,
    /// Make one, or change the one of that name.
    Set {
        /// Its name.
        name: String,
        /// production or development.
        #[arg(long, default_value = "production")]
        kind: EnvironmentKind,
        /// Its agent group; the first one unless given.
        #[arg(long)]
        group: Option<String>,
    },
    /// Delete one.
    Delete {
        /// Its name.
        name: String,
    },
}

impl EnvironmentCommand {
    pub fn run(self, workspace: &Workspace, at: &Where) -> Result<ExitCode, Failed> {
        let list = workspace.environments()?;
        match self {
            Self::List => {}
            Self::Set {
                name,
                kind,
                group: of,
            } => {
                let group = group(workspace, of.as_deref())?.id;
                match list.iter().find(|environment| environment.name == name) {
                    Some(saved) => {
                        workspace.update_environment(
                            saved.id,
                            saved.revision,
                            &name,
                            kind,
                            group,
                        )?;
                    }
                    None => {
                        workspace.create_environment(&name, kind, group)?;
                    }
                }
            }
            Self::Delete { name } => {
                let found = find::named("environment", list, Some(&name), |e| &e.name)?;
                workspace.delete_environment(found.id)?;
            }
        }
        at.list(
            &workspace.environments()?,
            &["ENVIRONMENT", "KIND", "GROUP"],
            |environment| {
                vec![
                    environment.name.clone(),
                    environment.kind.to_string(),
                    environment.group_kind.to_string(),
                ]
            },
        )
    }
}
