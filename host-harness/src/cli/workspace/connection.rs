//! `harness connection`.

use super::super::Failed;
use super::{SecretPlace, Where, find, merged, secret, setting};
use clap::Subcommand;
use host_harness::egress::Protocol;
use host_harness::workspace::{Connection, ConnectionDraft, Setting, TestReport, Workspace};
use std::collections::BTreeMap;
use std::process::ExitCode;

#[derive(Subcommand)]
pub enum ConnectionCommand {
    /// List the project's connections.
    List,
    /// Show one.
    Show {
        /// Its name.
        name: String,
    },
    /// Make one.
    Create {
        /// Its name.
        name: String,
        /// The connector.
        #[arg(long)]
        connector: String,
        #[command(flatten)]
        fields: Fields,
    },
    /// Change one; what is not given stays as it is.
    Update {
        /// Its name.
        name: String,
        #[command(flatten)]
        fields: Fields,
    },
    /// Give one another name.
    Rename {
        /// Its name.
        name: String,
        /// The new one.
        to: String,
    },
    /// Make a copy.
    Duplicate {
        /// Its name.
        name: String,
    },
    /// Delete one, for good.
    Delete {
        /// Its name.
        name: String,
        /// Do it: there is no way back.
        #[arg(long)]
        yes: bool,
    },
    /// List what uses one.
    Dependents {
        /// Its name.
        name: String,
    },
    /// List the limits that one can have, with what holds where they are not set.
    Limits,
    /// Test one, with changes that are not saved where some are given.
    Test {
        /// Its name.
        name: String,
        #[command(flatten)]
        fields: Fields,
    },
}

#[derive(clap::Args)]
pub struct Fields {
    /// A field of the form; an empty value takes it out.
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = setting)]
    set: Vec<Setting>,
    /// A secret: NAME=env:VARIABLE or NAME=file:PATH.
    #[arg(long, value_name = "NAME=PLACE", value_parser = secret)]
    secret: Vec<(String, SecretPlace)>,
    /// A limit of the sandbox, such as memory-mib=512; an empty value takes it out.
    /// `harness connection limits` lists them.
    #[arg(long = "limit", value_name = "NAME=NUMBER", value_parser = setting)]
    limits: Vec<Setting>,
    /// Go through the agent's proxy.
    #[arg(long)]
    use_proxy: Option<bool>,
    /// Which versions of HTTP are offered over TLS: auto (HTTP/2 where the server speaks
    /// it), or http1.
    #[arg(long, value_name = "PROTOCOL")]
    protocol: Option<Protocol>,
    /// The connector's version: newest, or one such as 1.2.3.
    #[arg(long, value_name = "VERSION")]
    connector_version: Option<String>,
}

impl Fields {
    fn onto(self, mut draft: ConnectionDraft) -> Result<ConnectionDraft, Failed> {
        draft.settings = merged(draft.settings, self.set);
        draft.limits = merged(draft.limits, self.limits);
        for (name, place) in self.secret {
            draft.secrets.insert(name, place.read()?);
        }
        draft.use_proxy = self.use_proxy.unwrap_or(draft.use_proxy);
        draft.protocol = self.protocol.unwrap_or(draft.protocol);
        draft.version = self.connector_version.unwrap_or(draft.version);
        Ok(draft)
    }
}

fn draft(connection: &Connection) -> ConnectionDraft {
    ConnectionDraft {
        name: connection.name.clone(),
        connector: connection.connector.clone(),
        version: connection.version.clone(),
        use_proxy: connection.use_proxy,
        protocol: connection.protocol,
        settings: connection.settings.clone(),
        limits: connection.limits.clone(),
        secrets: BTreeMap::new(),
    }
}

pub fn find(workspace: &Workspace, at: &Where, name: &str) -> Result<Connection, Failed> {
    let project = at.project(workspace)?;
    find::named(
        "connection",
        workspace.connections(project.id)?,
        Some(name),
        |c| &c.name,
    )
}

impl ConnectionCommand {
    pub async fn run(self, workspace: &Workspace, at: &Where) -> Result<ExitCode, Failed> {
        match self {
            Self::List => {
                let project = at.project(workspace)?;
                let list = workspace.connections(project.id)?;
                at.list(
                    &list,
                    &["CONNECTION", "CONNECTOR", "VERSION"],
                    |connection| {
                        vec![
                            connection.name.clone(),
                            connection.connector.clone(),
                            connection.version.clone(),
                        ]
                    },
                )
            }
            Self::Limits => at.list(
                &workspace.limits(),
                &["LIMIT", "DEFAULT", "LEAST", "MOST", "WHAT"],
                |limit| {
                    vec![
                        limit.name.to_owned(),
                        limit
                            .default
                            .map_or_else(|| "the connector's".to_owned(), |n| n.to_string()),
                        limit.least.to_string(),
                        limit.most.to_string(),
                        limit.title.to_owned(),
                    ]
                },
            ),
            Self::Show { name } => show(at, &find(workspace, at, &name)?),
            Self::Create {
                name,
                connector,
                fields,
            } => {
                let project = at.project(workspace)?;
                let draft = fields.onto(ConnectionDraft {
                    name,
                    connector,
                    version: "newest".to_owned(),
                    use_proxy: false,
                    protocol: Protocol::default(),
                    settings: Vec::new(),
                    limits: Vec::new(),
                    secrets: BTreeMap::new(),
                })?;
                show(at, &workspace.create_connection(project.id, draft).await?)
            }
            Self::Update { name, fields } => {
                let saved = find(workspace, at, &name)?;
                let draft = fields.onto(draft(&saved))?;
                let saved = workspace
                    .update_connection(saved.id, saved.revision, draft)
                    .await?;
                show(at, &saved)
            }
            Self::Rename { name, to } => {
                let saved = find(workspace, at, &name)?;
                show(
                    at,
                    &workspace.rename_connection(saved.id, saved.revision, &to)?,
                )
            }
            Self::Duplicate { name } => {
                let saved = find(workspace, at, &name)?;
                show(at, &workspace.duplicate_connection(saved.id)?)
            }
            Self::Delete { name, yes } => {
                let saved = find(workspace, at, &name)?;
                if !yes {
                    return Err(
                        format!("“{name}” would be gone for good: say so with --yes").into(),
                    );
                }
                workspace.delete_connection(saved.id)?;
                at.say(&saved, || format!("deleted “{name}”"))
            }
            Self::Dependents { name } => {
                let saved = find(workspace, at, &name)?;
                let list = workspace.connection_dependents(saved.id)?;
                at.list(&list, &["KIND", "NAME", "VIA"], |dependent| {
                    vec![
                        dependent.kind.to_owned(),
                        dependent.name.clone(),
                        dependent.via.clone().unwrap_or_default(),
                    ]
                })
            }
            Self::Test { name, fields } => {
                let saved = find(workspace, at, &name)?;
                let draft = fields.onto(draft(&saved))?;
                let environment = at.environment(workspace)?;
                let report = workspace
                    .test_connection(saved.project, environment.id, Some(saved.id), &draft)
                    .await?;
                at.say(&report, || text(&report))?;
                Ok(if report.passed {
                    ExitCode::SUCCESS
                } else {
                    ExitCode::FAILURE
                })
            }
        }
    }
}

fn show(at: &Where, connection: &Connection) -> Result<ExitCode, Failed> {
    at.say(connection, || {
        let mut lines = vec![format!(
            "{} ({} {}, revision {})",
            connection.name, connection.connector, connection.version, connection.revision
        )];
        for setting in &connection.settings {
            lines.push(format!("  {:16}  {}", setting.name, setting.value));
        }
        if connection.protocol != Protocol::default() {
            lines.push(format!("  {:16}  {}", "protocol", connection.protocol));
        }
        for limit in &connection.limits {
            lines.push(format!("  {:16}  {}", limit.name, limit.value));
        }
        for secret in &connection.secrets {
            lines.push(format!("  {:16}  set", secret.name));
        }
        lines.join("\n")
    })
}

fn text(report: &TestReport) -> String {
    let mut lines = Vec::new();
    for agent in &report.agents {
        let version = |version: &Option<host_harness::workspace::Version>| {
            version
                .as_ref()
                .map_or_else(|| "none".to_owned(), |version| version.version.clone())
        };
        lines.push(format!(
            "{}: {} → {}{}{}",
            agent.agent,
            version(&agent.before),
            version(&agent.after),
            if agent.downloaded { ", downloaded" } else { "" },
            if agent.update_suspended {
                " (automatic update is disabled)"
            } else {
                ""
            }
        ));
        if let Some(after) = &agent.after {
            lines.push(format!("  {}", after.digest));
        }
        for warning in &agent.warnings {
            lines.push(format!("  {warning}"));
        }
        for check in &agent.checks {
            lines.push(format!(
                "  {:7}  {:28}  {:>6} ms  {}",
                check.outcome,
                check.title,
                check.elapsed_ms,
                check
                    .detail
                    .as_deref()
                    .or(check.message.as_deref())
                    .unwrap_or_default()
            ));
            if let Some(remedy) = &check.remedy {
                lines.push(format!("           {remedy}"));
            }
        }
        if let Some(error) = &agent.error {
            lines.push(format!("  failed: {error}"));
        }
    }
    lines.join("\n")
}
