//! Reading the folder: all of it, or nothing.

use super::document;
use crate::runtime::design::Descriptor;
use crate::workspace::connection::Door;
use crate::workspace::error::WorkspaceError;
use crate::workspace::{
    ActivityDraft, ConnectionDraft, Endpoint, EnvironmentId, OperationDraft, ProjectId, Scope,
    VariableDraft, VariableValue, Workspace, activity, connection, environment, operation, project,
    variable,
};
use rusqlite::{OptionalExtension, Transaction, params};
use secrecy::SecretString;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::path::{Path, PathBuf};
use utoipa::ToSchema;

/// What an import did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Imported {
    /// Things that were made.
    pub created: Vec<String>,
    /// Things that were there and were saved anew.
    pub updated: Vec<String>,
    /// Secrets that have to be typed before what needs them can be used.
    pub secrets_missing: Vec<String>,
}

/// A folder, read.
struct Folder {
    variables: document::Variables,
    projects: Vec<Project>,
}

struct Project {
    name: String,
    variables: document::Variables,
    connections: Vec<document::Connection>,
    operations: Vec<document::Operation>,
}

impl Workspace {
    /// Reads a folder that [`Workspace::export`] wrote. What is there under the
    /// same name is saved anew, everything else is made; nothing is deleted. All
    /// rules hold: a connection whose host changes is refused where the
    /// organization requires re-authentication.
    ///
    /// # Errors
    /// The first thing that is wrong, with its file. Nothing was changed then.
    pub async fn import(&self, folder: &Path) -> Result<Imported, WorkspaceError> {
        let folder = read(folder)?;
        let mut descriptors: BTreeMap<(String, String), Descriptor> = BTreeMap::new();
        for found in folder.projects.iter().flat_map(|p| &p.connections) {
            let key = (found.connector.clone(), found.version.clone());
            if let Entry::Vacant(entry) = descriptors.entry(key) {
                let connector = self.connector(&found.connector, &found.version).await?;
                entry.insert(connector.descriptor().clone());
            }
        }
        self.database().write(|t| {
            let mut imported = Imported::default();
            self.import_variables(t, Scope::Global, folder.variables, &mut imported)?;
            for found in folder.projects {
                self.import_project(t, found, &descriptors, &mut imported)?;
            }
            Ok(imported)
        })
    }

    fn import_project(
        &self,
        t: &Transaction<'_>,
        found: Project,
        descriptors: &BTreeMap<(String, String), Descriptor>,
        imported: &mut Imported,
    ) -> Result<(), WorkspaceError> {
        let there: Option<ProjectId> = t
            .query_row(
                "SELECT id FROM projects WHERE name = ?",
                [&found.name],
                |row| row.get(0),
            )
            .optional()?;
        let id = match there {
            Some(id) => id,
            None => {
                let name = crate::workspace::name::checked("a project", &found.name)?;
                t.execute(
                    "INSERT INTO projects (name, revision) VALUES (?, 1)",
                    [&name],
                )?;
                imported.created.push(format!("project “{name}”"));
                ProjectId(t.last_insert_rowid())
            }
        };
        project::one(t, id)?;
        self.import_variables(t, Scope::Project(id), found.variables, imported)?;
        for document in found.connections {
            let key = (document.connector.clone(), document.version.clone());
            let descriptor = descriptors
                .get(&key)
                .ok_or_else(|| WorkspaceError::no("connector", &document.connector))?;
            self.import_connection(t, id, document, descriptor, imported)?;
        }
        // First all of them without their chains, which may lead anywhere.
        let mut chains = Vec::new();
        for document in found.operations {
            let draft = OperationDraft {
                name: document.name.clone(),
                source: end(t, id, document.source)?,
                mapping: document.mapping,
                target: end(t, id, document.target)?,
                on_success: None,
                on_failure: None,
                only_changed: document.only_changed,
            };
            let there = operation::list(t, id)?
                .into_iter()
                .find(|operation| operation.name == document.name);
            let label = format!("operation “{}”", document.name);
            let saved = match there {
                Some(there) => {
                    imported.updated.push(label);
                    operation::replace(t, there.id, there.revision, &draft)?
                }
                None => {
                    imported.created.push(label);
                    operation::insert(t, id, &draft)?
                }
            };
            chains.push((saved, document.on_success, document.on_failure));
        }
        for (saved, on_success, on_failure) in chains {
            if on_success.is_none() && on_failure.is_none() {
                continue;
            }
            let named = |name: Option<String>| -> Result<_, WorkspaceError> {
                let Some(name) = name else { return Ok(None) };
                let found = operation::list(t, id)?
                    .into_iter()
                    .find(|operation| operation.name == name);
                match found {
                    Some(found) => Ok(Some(found.id)),
                    None => Err(WorkspaceError::no("operation", format!("“{name}”"))),
                }
            };
            let (number, revision) = (saved.id, saved.revision);
            let draft = OperationDraft {
                on_success: named(on_success)?,
                on_failure: named(on_failure)?,
                ..saved.into()
            };
            operation::replace(t, number, revision, &draft)?;
        }
        Ok(())
    }

    fn import_connection(
        &self,
        t: &Transaction<'_>,
        project: ProjectId,
        document: document::Connection,
        descriptor: &Descriptor,
        imported: &mut Imported,
    ) -> Result<(), WorkspaceError> {
        let draft = ConnectionDraft {
            name: document.name.clone(),
            connector: document.connector.clone(),
            version: document.version,
            use_proxy: document.use_proxy,
            protocol: document.protocol,
            settings: document.settings,
            limits: document.limits,
            secrets: BTreeMap::new(),
        };
        let label = format!("connection “{}”", document.name);
        let there = connection::list(t, project)?
            .into_iter()
            .find(|there| there.name == document.name && there.connector == document.connector);
        let saved = match there {
            Some(there) => {
                imported.updated.push(label);
                self.replace(t, there.id, there.revision, descriptor, &draft, Door::File)?
            }
            None => {
                imported.created.push(label);
                self.insert(t, project, descriptor, &draft, Door::File)?
            }
        };
        let shown = crate::form::shown(&descriptor.properties, &connection::pairs(&draft.settings));
        for property in &descriptor.properties {
            let is_secret = matches!(property.kind, crate::runtime::types::PropertyKind::Secret);
            let set = saved
                .secrets
                .iter()
                .any(|secret| secret.name == property.name);
            if is_secret && property.required && !set && shown.contains(property.name.as_str()) {
                imported
                    .secrets_missing
                    .push(format!("{} of connection “{}”", property.title, saved.name));
            }
        }
        for document in document.activities {
            if document.role != "source" && document.role != "target" {
                return Err(WorkspaceError::one(
                    Some("role"),
                    "role",
                    format!("“{}” is neither source nor target", document.role),
                ));
            }
            let draft = ActivityDraft {
                name: document.name.clone(),
                activity: document.activity.clone(),
                object: document.object,
                options: document.options,
            };
            let there = activity::list(t, saved.id)?
                .into_iter()
                .find(|there| there.name == document.name && there.activity == document.activity);
            let label = format!("activity “{}”", document.name);
            match there {
                Some(there) => {
                    imported.updated.push(label);
                    activity::replace(t, there.id, there.revision, &draft)?;
                }
                None => {
                    imported.created.push(label);
                    activity::insert(t, saved.id, &document.role, &draft)?;
                }
            }
        }
        Ok(())
    }

    fn import_variables(
        &self,
        t: &Transaction<'_>,
        scope: Scope,
        found: document::Variables,
        imported: &mut Imported,
    ) -> Result<(), WorkspaceError> {
        let project = match scope {
            Scope::Global => None,
            Scope::Project(project) => Some(project),
        };
        let environments = environment::list(t)?;
        for document in found.variables {
            let there = variable::list(t, project)?
                .into_iter()
                .find(|there| there.name == document.name && there.scope == scope);
            let label = format!("variable “{}”", document.name);
            let mut values = Vec::new();
            if document.secret {
                // What is sealed here stays; from a file nothing comes.
                for value in there.iter().flat_map(|there| &there.values) {
                    values.push(VariableValue {
                        environment: value.environment,
                        value: None,
                    });
                }
                if values.is_empty() {
                    imported
                        .secrets_missing
                        .push(format!("the values of {label}"));
                }
            } else {
                let plain = |environment: Option<EnvironmentId>, text: String| VariableValue {
                    environment,
                    value: Some(SecretString::from(text)),
                };
                values.extend(document.value.map(|text| plain(None, text)));
                for (name, text) in document.environments {
                    let environment = environments
                        .iter()
                        .find(|environment| environment.name == name)
                        .ok_or_else(|| {
                            WorkspaceError::no("environment", format!("“{name}” ({label})"))
                        })?;
                    values.push(plain(Some(environment.id), text));
                }
            }
            let draft = VariableDraft {
                name: document.name,
                description: document.description,
                secret: document.secret,
                values,
            };
            match there {
                Some(there) => {
                    imported.updated.push(label);
                    self.replace_variable(t, there.id, there.revision, &draft)?;
                }
                None => {
                    imported.created.push(label);
                    self.insert_variable(t, scope, &draft)?;
                }
            }
        }
        Ok(())
    }
}

fn end(
    t: &Transaction<'_>,
    project: ProjectId,
    end: Option<document::End>,
) -> Result<Option<Endpoint>, WorkspaceError> {
    Ok(match end {
        None => None,
        Some(document::End::Rejected) => Some(Endpoint::Rejected),
        Some(document::End::File { path, format }) => Some(Endpoint::File { path, format }),
        Some(document::End::Activity {
            connector,
            connection: name,
            activity: kind,
            name: activity_name,
        }) => {
            let found: Option<crate::workspace::ActivityId> = t
                .query_row(
                    "SELECT a.id FROM activities a JOIN connections c ON c.id = a.connection_id
                     WHERE c.project_id = ? AND c.connector = ? AND c.name = ?
                     AND a.activity = ? AND a.name = ?",
                    params![project, connector, name, kind, activity_name],
                    |row| row.get(0),
                )
                .optional()?;
            match found {
                Some(activity) => Some(Endpoint::Activity { activity }),
                None => {
                    return Err(WorkspaceError::no(
                        "activity",
                        format!("“{activity_name}” ({kind}) of the connection “{name}”"),
                    ));
                }
            }
        }
    })
}

fn at(path: &Path, source: std::io::Error) -> WorkspaceError {
    WorkspaceError::Io {
        path: path.to_owned(),
        source,
    }
}

fn document<T: DeserializeOwned>(path: &Path) -> Result<T, WorkspaceError> {
    let text = std::fs::read_to_string(path).map_err(|source| at(path, source))?;
    toml::from_str(&text)
        .map_err(|error| WorkspaceError::Refused(format!("{}: {error}", path.display())))
}

fn optional<T: DeserializeOwned + Default>(path: &Path) -> Result<T, WorkspaceError> {
    if path.exists() {
        document(path)
    } else {
        Ok(T::default())
    }
}

/// What lies in a folder, by name; nothing where there is none.
fn entries(folder: &Path) -> Result<Vec<PathBuf>, WorkspaceError> {
    if !folder.exists() {
        return Ok(Vec::new());
    }
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(|source| at(folder, source))? {
        paths.push(entry.map_err(|source| at(folder, source))?.path());
    }
    paths.sort();
    Ok(paths)
}

fn documents<T: DeserializeOwned>(folder: &Path) -> Result<Vec<T>, WorkspaceError> {
    entries(folder)?
        .iter()
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "toml")
        })
        .map(|path| document(path))
        .collect()
}

fn read(folder: &Path) -> Result<Folder, WorkspaceError> {
    let mut projects = Vec::new();
    for path in entries(&folder.join("projects"))? {
        if !path.is_dir() {
            continue;
        }
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let name = percent_encoding::percent_decode_str(&name)
            .decode_utf8_lossy()
            .into_owned();
        projects.push(Project {
            name,
            variables: optional(&path.join("variables.toml"))?,
            connections: documents(&path.join("connections"))?,
            operations: documents(&path.join("operations"))?,
        });
    }
    let variables = folder.join("variables.toml");
    if projects.is_empty() && !variables.exists() {
        return Err(WorkspaceError::Refused(format!(
            "{} holds neither variables.toml nor projects: is it an exported folder?",
            folder.display()
        )));
    }
    Ok(Folder {
        variables: optional(&variables)?,
        projects,
    })
}
