//! Writing the folder.

use super::document;
use crate::atomic_file::{self, Access};
use crate::workspace::error::WorkspaceError;
use crate::workspace::{
    ActivityId, Endpoint, Operation, OperationId, ProjectId, Scope, Workspace, activity,
    connection, environment, operation, project, variable,
};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use rusqlite::Transaction;
use serde::Serialize;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use utoipa::ToSchema;

/// What stands in no file name.
const ODD: &AsciiSet = &CONTROLS
    .add(b'%')
    .add(b'"')
    .add(b'*')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'\\')
    .add(b'|')
    .add(b'.');

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Exported {
    /// The files, relative to the folder.
    pub files: Vec<String>,
    /// Files of an earlier export whose things are gone; they were removed.
    pub removed: Vec<String>,
}

impl Workspace {
    /// Writes all projects, or one, into `folder`. Files there of things that are
    /// gone are removed, so that a change shows as one in version control.
    ///
    /// # Errors
    /// If the folder cannot be written.
    pub fn export(
        &self,
        folder: &Path,
        only: Option<ProjectId>,
    ) -> Result<Exported, WorkspaceError> {
        let files = self.database().read(|t| {
            let projects = match only {
                Some(id) => vec![project::one(t, id)?],
                None => crate::workspace::database::all(
                    t,
                    "SELECT id FROM projects ORDER BY name",
                    [],
                    |row| project::one(t, row.get(0)?),
                )?,
            };
            let mut files = vec![(PathBuf::from("variables.toml"), text(&variables(t, None)?)?)];
            for project in projects {
                let folder = Path::new("projects").join(file_name(&project.name));
                files.push((
                    folder.join("variables.toml"),
                    text(&variables(t, Some(project.id))?)?,
                ));
                for found in connection::list(t, project.id)? {
                    let name = format!("{}.{}.toml", file_name(&found.name), found.connector);
                    let document = document::Connection {
                        activities: activity::list(t, found.id)?
                            .into_iter()
                            .map(|activity| document::Activity {
                                name: activity.name,
                                activity: activity.activity,
                                role: activity.role,
                                object: activity.object,
                                options: activity.options,
                            })
                            .collect(),
                        name: found.name,
                        connector: found.connector,
                        version: found.version,
                        use_proxy: found.use_proxy,
                        protocol: found.protocol,
                        settings: found.settings,
                        limits: found.limits,
                    };
                    files.push((folder.join("connections").join(name), text(&document)?));
                }
                for found in operation::list(t, project.id)? {
                    let name = format!("{}.toml", file_name(&found.name));
                    files.push((
                        folder.join("operations").join(name),
                        text(&operation_document(t, found)?)?,
                    ));
                }
            }
            Ok(files)
        })?;
        write(folder, &files)
    }
}

fn file_name(name: &str) -> String {
    utf8_percent_encode(name, ODD).to_string()
}

fn text(document: &impl Serialize) -> Result<String, WorkspaceError> {
    toml::to_string_pretty(document).map_err(|error| WorkspaceError::Damaged(error.to_string()))
}

fn variables(
    transaction: &Transaction<'_>,
    project: Option<ProjectId>,
) -> Result<document::Variables, WorkspaceError> {
    let environments = environment::list(transaction)?;
    let wanted = project.map_or(Scope::Global, Scope::Project);
    let mut variables = Vec::new();
    for found in variable::list(transaction, project)? {
        if found.scope != wanted {
            continue;
        }
        let mut document = document::Variable {
            name: found.name,
            description: found.description,
            secret: found.secret,
            value: None,
            environments: Default::default(),
        };
        for value in found.values {
            match (value.environment, value.value) {
                (None, value) => document.value = value,
                (Some(id), Some(value)) => {
                    let named = environments.iter().find(|environment| environment.id == id);
                    if let Some(environment) = named {
                        document
                            .environments
                            .insert(environment.name.clone(), value);
                    }
                }
                (Some(_), None) => {}
            }
        }
        variables.push(document);
    }
    Ok(document::Variables { variables })
}

fn operation_document(
    transaction: &Transaction<'_>,
    found: Operation,
) -> Result<document::Operation, WorkspaceError> {
    let end = |end: Option<Endpoint>| -> Result<Option<document::End>, WorkspaceError> {
        Ok(match end {
            None => None,
            Some(Endpoint::Rejected) => Some(document::End::Rejected),
            Some(Endpoint::File { path, format }) => Some(document::End::File { path, format }),
            Some(Endpoint::Activity { activity }) => Some(activity_end(transaction, activity)?),
        })
    };
    let named = |id: Option<OperationId>| -> Result<Option<String>, WorkspaceError> {
        id.map(|id| Ok(operation::one(transaction, id)?.name))
            .transpose()
    };
    Ok(document::Operation {
        source: end(found.source)?,
        target: end(found.target)?,
        on_success: named(found.on_success)?,
        on_failure: named(found.on_failure)?,
        name: found.name,
        mapping: found.mapping,
        only_changed: found.only_changed,
    })
}

fn activity_end(
    transaction: &Transaction<'_>,
    id: ActivityId,
) -> Result<document::End, WorkspaceError> {
    let activity = activity::one(transaction, id)?;
    let connection = connection::one(transaction, activity.connection)?;
    Ok(document::End::Activity {
        connector: connection.connector,
        connection: connection.name,
        activity: activity.activity,
        name: activity.name,
    })
}

fn write(folder: &Path, files: &[(PathBuf, String)]) -> Result<Exported, WorkspaceError> {
    let at = |path: &Path, source| WorkspaceError::Io {
        path: path.to_owned(),
        source,
    };
    let mut written = BTreeSet::new();
    let mut folders = BTreeSet::new();
    for (name, text) in files {
        let path = folder.join(name);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).map_err(|source| at(parent, source))?;
            folders.insert(parent.to_owned());
        }
        atomic_file::write(&path, text.as_bytes(), Access::Everyone)?;
        written.insert(path);
    }
    // Only in folders of projects that were exported, and only what an export
    // writes.
    let mut removed = Vec::new();
    for folder in folders.iter().filter(|parent| *parent != folder) {
        let entries = std::fs::read_dir(folder).map_err(|source| at(folder, source))?;
        for entry in entries {
            let path = entry.map_err(|source| at(folder, source))?.path();
            let is_toml = path
                .extension()
                .is_some_and(|extension| extension == "toml");
            if is_toml && !written.contains(&path) {
                std::fs::remove_file(&path).map_err(|source| at(&path, source))?;
                removed.push(path);
            }
        }
    }
    let relative = |path: &Path| {
        let relative = path.strip_prefix(folder).unwrap_or(path);
        relative.to_string_lossy().into_owned()
    };
    Ok(Exported {
        files: files
            .iter()
            .map(|(name, _)| name.to_string_lossy().into_owned())
            .collect(),
        removed: removed.iter().map(|path| relative(path)).collect(),
    })
}
