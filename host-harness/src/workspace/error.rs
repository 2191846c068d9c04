//! What the workspace refuses, and why.

use super::dependent::Dependent;
use crate::agent::AgentError;
use crate::atomic_file::AtomicFileError;
use crate::form::Finding;
use crate::group::GroupError;
use crate::mapping::MappingError;
use crate::run::RunError;
use crate::runtime::RuntimeError;
use crate::sealing::{KeyError, SealError};
use std::io;
use std::path::PathBuf;

/// Why something was not done. Nothing was changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WorkspaceError {
    /// The database.
    #[error("the workspace's database {path}: {source}")]
    Open {
        /// Its file.
        path: PathBuf,
        /// What SQLite said.
        source: rusqlite::Error,
    },
    /// The database, once it was open.
    #[error("the workspace's database: {0}")]
    Database(#[from] rusqlite::Error),
    /// The file was made by a newer program.
    #[error(
        "{path} was made by a newer version of this program (its format is {found}, this one \
         knows {known}): use that version"
    )]
    Newer {
        /// Its file.
        path: PathBuf,
        /// The file's format.
        found: i64,
        /// The newest that is known.
        known: i64,
    },
    /// A value in the database is not what was put there.
    #[error("the workspace's database is damaged: {0}")]
    Damaged(String),
    /// The key for the secrets.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// A group of agents that join over NATS.
    #[error(transparent)]
    Group(#[from] GroupError),
    /// A secret could not be sealed.
    #[error("a secret could not be kept: {0}")]
    Seal(#[from] SealError),
    /// A secret that is there does not open.
    #[error(
        "the secret “{name}” of {owner} does not open: it was sealed under another key. Put the \
         workspace's key back, or type the secret again"
    )]
    Sealed {
        /// Whose.
        owner: String,
        /// Which.
        name: String,
    },
    /// A file or folder.
    #[error("{path}: {source}")]
    Io {
        /// Which.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// There is no such thing.
    #[error("there is no {what} {which}")]
    NotFound {
        /// What kind of thing.
        what: &'static str,
        /// Its name in quotes, or its number.
        which: String,
    },
    /// A name that cannot be.
    #[error("“{name}” cannot name {what}: {why}")]
    Name {
        /// The name.
        name: String,
        /// What was to have it.
        what: &'static str,
        /// What is wrong, and what would be right.
        why: &'static str,
    },
    /// Another has the name.
    #[error("there is already {what} “{name}”{among}: choose another name")]
    Taken {
        /// What kind of thing, with its article.
        what: &'static str,
        /// The name.
        name: String,
        /// Among which it has to be unique.
        among: String,
    },
    /// Somebody else saved in between.
    #[error(
        "{what} “{name}” was changed by somebody else since you opened it: open it again, and \
         make your change on what is there now"
    )]
    Stale {
        /// What kind of thing.
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// Others use it.
    #[error(
        "{what} “{name}” is in use by {}: take it out there first",
        list(dependents)
    )]
    InUse {
        /// What kind of thing.
        what: &'static str,
        /// Its name.
        name: String,
        /// What uses it.
        dependents: Vec<Dependent>,
    },
    /// It has runs under way.
    #[error(
        "{what} “{name}” has runs under way: {}. Wait until they have ended, or cancel them",
        list(runs)
    )]
    Busy {
        /// What kind of thing.
        what: &'static str,
        /// Its name.
        name: String,
        /// The runs.
        runs: Vec<Dependent>,
    },
    /// Fields that are wrong.
    #[error("{}", findings_text(.0))]
    Invalid(Vec<Finding>),
    /// The policy asks for secrets to be typed again.
    #[error(
        "what the connection reaches has changed, and the organization requires \
         re-authentication on change: type again {}",
        quoted(titles)
    )]
    Reauthenticate {
        /// The secrets by property name.
        secrets: Vec<String>,
        /// The same as the form shows them.
        titles: Vec<String>,
    },
    /// It cannot be done as things are; says why and what to do.
    #[error("{0}")]
    Refused(String),
    /// The agent.
    #[error(transparent)]
    Agent(#[from] AgentError),
    /// The connector.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
    /// The mapping.
    #[error(transparent)]
    Mapping(#[from] MappingError),
    /// A run's files.
    #[error(transparent)]
    Run(#[from] RunError),
}

impl From<AtomicFileError> for WorkspaceError {
    fn from(error: AtomicFileError) -> Self {
        Self::Io {
            path: error.path,
            source: error.source,
        }
    }
}

impl WorkspaceError {
    /// Stable, for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Open { .. } | Self::Database(_) | Self::Newer { .. } | Self::Damaged(_) => {
                "workspace.database"
            }
            Self::Key(_) | Self::Seal(_) | Self::Sealed { .. } => "workspace.secret",
            Self::Io { .. } | Self::Run(_) => "workspace.file",
            Self::NotFound { .. } => "not-found",
            Self::Name { .. } => "name",
            Self::Taken { .. } => "name.taken",
            Self::Stale { .. } => "stale",
            Self::InUse { .. } => "in-use",
            Self::Busy { .. } => "busy",
            Self::Invalid(_) => "invalid",
            Self::Reauthenticate { .. } => "reauthenticate",
            Self::Refused(_) => "refused",
            Self::Agent(error) => error.code(),
            Self::Group(_) => "agent.group",
            Self::Runtime(RuntimeError::Connector(_)) => "connector",
            Self::Runtime(_) => "runtime",
            Self::Mapping(_) => "mapping",
        }
    }

    pub(super) fn no(what: &'static str, which: impl std::fmt::Display) -> Self {
        Self::NotFound {
            what,
            which: which.to_string(),
        }
    }

    /// Refuses what has findings.
    pub(super) fn if_any(findings: Vec<Finding>) -> Result<(), Self> {
        if findings.is_empty() {
            Ok(())
        } else {
            Err(Self::Invalid(findings))
        }
    }

    pub(super) fn one(property: Option<&str>, code: &'static str, message: String) -> Self {
        Self::Invalid(vec![Finding {
            property: property.map(str::to_owned),
            code,
            message,
            remedy: None,
        }])
    }
}

fn list(dependents: &[Dependent]) -> String {
    let names: Vec<String> = dependents.iter().map(ToString::to_string).collect();
    names.join(", ")
}

fn quoted(names: &[String]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("“{name}”")).collect();
    names.join(", ")
}

fn findings_text(findings: &[Finding]) -> String {
    let lines: Vec<String> = findings
        .iter()
        .map(|finding| match &finding.remedy {
            Some(remedy) => format!("{} {remedy}", finding.message),
            None => finding.message.clone(),
        })
        .collect();
    lines.join("\n")
}
