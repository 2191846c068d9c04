//! What the screen does, from the command line: the same library calls.

mod activity;
mod agent;
mod connection;
mod find;
mod join;
mod nats;
mod operation;
mod organization;
mod runs;
mod serve;
mod variable;
mod versions;

pub use activity::ActivityCommand;
pub use agent::{AgentCommand, EnvironmentCommand, GroupCommand};
pub use connection::ConnectionCommand;
pub use join::Agents;
pub use nats::NatsArguments;
pub use operation::OperationCommand;
pub use organization::{PolicyCommand, ProjectCommand};
pub use runs::RunCommand;
pub use serve::ServeArguments;
pub use variable::VariableCommand;
pub use versions::{QuarantineCommand, StoreCommand};

use super::table::table;
use super::{Failed, print};
use clap::Args;
use host_harness::workspace::{Environment, Project, Setting, Workspace};
use secrecy::SecretString;
use serde::Serialize;
use std::path::PathBuf;
use std::process::ExitCode;

pub use serve::serve;

/// Where in the workspace.
#[derive(Args, Clone)]
pub struct Where {
    /// The project, by name; the first one unless given.
    #[arg(long, global = true, env = "HARNESS_PROJECT", value_name = "NAME")]
    project: Option<String>,
    /// The environment, by name; the first one unless given.
    #[arg(long, global = true, env = "HARNESS_ENVIRONMENT", value_name = "NAME")]
    environment: Option<String>,
    /// Answer in JSON, for programs.
    #[arg(long, global = true)]
    json: bool,
}

impl Where {
    fn project(&self, workspace: &Workspace) -> Result<Project, Failed> {
        find::named(
            "project",
            workspace.projects()?,
            self.project.as_deref(),
            |p| &p.name,
        )
    }

    fn environment(&self, workspace: &Workspace) -> Result<Environment, Failed> {
        find::named(
            "environment",
            workspace.environments()?,
            self.environment.as_deref(),
            |e| &e.name,
        )
    }

    /// Answers in JSON, or as text.
    fn say(
        &self,
        value: &impl Serialize,
        text: impl FnOnce() -> String,
    ) -> Result<ExitCode, Failed> {
        if self.json {
            print(&serde_json::to_string(value)?)?;
        } else {
            print(&text())?;
        }
        Ok(ExitCode::SUCCESS)
    }

    /// Answers in JSON, or as a table.
    fn list<T: Serialize>(
        &self,
        values: &[T],
        header: &[&str],
        row: impl Fn(&T) -> Vec<String>,
    ) -> Result<ExitCode, Failed> {
        self.say(&values, || {
            let mut rows = vec![header.iter().map(|cell| (*cell).to_owned()).collect()];
            rows.extend(values.iter().map(row));
            table(&rows)
        })
    }
}

/// `name=value`.
fn setting(text: &str) -> Result<Setting, String> {
    let (name, value) = text
        .split_once('=')
        .ok_or("write NAME=VALUE, such as limit=10")?;
    Ok(Setting {
        name: name.to_owned(),
        value: value.to_owned(),
    })
}

/// `name=env:VARIABLE` or `name=file:PATH`: a secret is never an argument, where
/// every program of the machine could read it.
fn secret(text: &str) -> Result<(String, SecretPlace), String> {
    let wrong = "write NAME=env:VARIABLE or NAME=file:PATH";
    let (name, place) = text.split_once('=').ok_or(wrong)?;
    Ok((name.to_owned(), secret_place(place).map_err(|_| wrong)?))
}

/// Where a secret is.
#[derive(Clone)]
pub enum SecretPlace {
    Env(String),
    File(PathBuf),
}

pub fn secret_place(text: &str) -> Result<SecretPlace, String> {
    match text.split_once(':') {
        Some(("env", name)) => Ok(SecretPlace::Env(name.to_owned())),
        Some(("file", path)) => Ok(SecretPlace::File(path.into())),
        _ => Err("write env:VARIABLE or file:PATH".to_owned()),
    }
}

impl SecretPlace {
    pub fn read(&self) -> Result<SecretString, Failed> {
        use host_harness::connection::SecretReference;
        let reference = match self {
            Self::Env(name) => SecretReference::Env(name.clone()),
            Self::File(path) => SecretReference::File(path.clone()),
        };
        Ok(reference.resolve()?)
    }
}

/// Puts `changes` in the places of the settings of the same names. An empty
/// value takes a setting out.
fn merged(saved: Vec<Setting>, changes: Vec<Setting>) -> Vec<Setting> {
    let mut merged = saved;
    merged.retain(|setting| !changes.iter().any(|change| change.name == setting.name));
    merged.extend(
        changes
            .into_iter()
            .filter(|change| !change.value.is_empty()),
    );
    merged
}
