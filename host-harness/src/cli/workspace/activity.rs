//! `harness activity`.

use super::super::Failed;
use super::{Where, connection, find, merged, setting};
use clap::Subcommand;
use host_harness::workspace::{Activity, ActivityDraft, Setting, Workspace};
use std::process::ExitCode;

#[derive(Subcommand)]
pub enum ActivityCommand {
    /// List the activities of a connection.
    List {
        /// The connection's name.
        connection: String,
    },
    /// Make one.
    Create {
        /// The connection's name.
        connection: String,
        /// The type: query, create, …
        activity: String,
        /// The activity's name.
        name: String,
        /// The object.
        object: String,
        /// An option.
        #[arg(short, long = "option", value_name = "NAME=VALUE", value_parser = setting)]
        option: Vec<Setting>,
    },
    /// Change the object or options of one; what is not given stays.
    Update {
        /// The connection's name.
        connection: String,
        /// The activity's name.
        name: String,
        /// Another object.
        #[arg(long)]
        object: Option<String>,
        /// An option; an empty value takes it out.
        #[arg(short, long = "option", value_name = "NAME=VALUE", value_parser = setting)]
        option: Vec<Setting>,
    },
    /// Give one another name.
    Rename {
        /// The connection's name.
        connection: String,
        /// The activity's name.
        name: String,
        /// The new one.
        to: String,
    },
    /// Make a copy.
    Duplicate {
        /// The connection's name.
        connection: String,
        /// The activity's name.
        name: String,
    },
    /// Delete one, for good.
    Delete {
        /// The connection's name.
        connection: String,
        /// The activity's name.
        name: String,
    },
    /// List the operations that use one.
    Dependents {
        /// The connection's name.
        connection: String,
        /// The activity's name.
        name: String,
    },
}

pub fn find(
    workspace: &Workspace,
    at: &Where,
    connection: &str,
    name: &str,
) -> Result<Activity, Failed> {
    let connection = connection::find(workspace, at, connection)?;
    find::named(
        "activity",
        workspace.activities(connection.id)?,
        Some(name),
        |a| &a.name,
    )
}

impl ActivityCommand {
    pub async fn run(self, workspace: &Workspace, at: &Where) -> Result<ExitCode, Failed> {
        let shown = match self {
            Self::List { connection } => {
                let connection = connection::find(workspace, at, &connection)?;
                workspace.activities(connection.id)?
            }
            Self::Create {
                connection,
                activity,
                name,
                object,
                option,
            } => {
                let connection = connection::find(workspace, at, &connection)?;
                let draft = ActivityDraft {
                    name,
                    activity,
                    object,
                    options: option,
                };
                vec![workspace.create_activity(connection.id, draft).await?]
            }
            Self::Update {
                connection,
                name,
                object,
                option,
            } => {
                let saved = find(workspace, at, &connection, &name)?;
                let draft = ActivityDraft {
                    name: saved.name,
                    activity: saved.activity,
                    object: object.unwrap_or(saved.object),
                    options: merged(saved.options, option),
                };
                vec![
                    workspace
                        .update_activity(saved.id, saved.revision, draft)
                        .await?,
                ]
            }
            Self::Rename {
                connection,
                name,
                to,
            } => {
                let saved = find(workspace, at, &connection, &name)?;
                vec![workspace.rename_activity(saved.id, saved.revision, &to)?]
            }
            Self::Duplicate { connection, name } => {
                let saved = find(workspace, at, &connection, &name)?;
                vec![workspace.duplicate_activity(saved.id)?]
            }
            Self::Delete { connection, name } => {
                let saved = find(workspace, at, &connection, &name)?;
                workspace.delete_activity(saved.id)?;
                return at.say(&saved, || format!("deleted “{name}”"));
            }
            Self::Dependents { connection, name } => {
                let saved = find(workspace, at, &connection, &name)?;
                let list = workspace.activity_dependents(saved.id)?;
                return at.list(&list, &["KIND", "NAME", "AS"], |dependent| {
                    vec![
                        dependent.kind.to_owned(),
                        dependent.name.clone(),
                        dependent.via.clone().unwrap_or_default(),
                    ]
                });
            }
        };
        at.list(&shown, &["ACTIVITY", "TYPE", "OBJECT"], |activity| {
            vec![
                activity.name.clone(),
                activity.activity.clone(),
                activity.object.clone(),
            ]
        })
    }
}
