//! Operations: from a source, by way of a mapping, to a target.

mod check;
mod plan;

pub use check::{Place, Preview, PreviewRow, Severity, Validation, ValidationFinding};

use super::connection::connection_name;
use super::database::{all, exists, first, json, to_json};
use super::error::WorkspaceError;
use super::id::{ActivityId, OperationId, ProjectId};
use super::{Dependent, Workspace, activity, name, project};
use crate::mapping::Mapping;
use crate::records::Format;
use rusqlite::{Transaction, params};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One end of an operation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Endpoint {
    /// An activity of a connection.
    Activity {
        /// Which.
        activity: ActivityId,
    },
    /// A file of the workspace.
    File {
        /// Its name.
        path: String,
        /// How records lie in it.
        format: Format,
    },
    /// Of a source: the rejected records of the run that starts this one.
    Rejected,
}

/// An operation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Operation {
    /// Its number.
    pub id: OperationId,
    /// The project that it belongs to.
    pub project: ProjectId,
    /// Its name, unique in the project.
    pub name: String,
    /// Where records come from.
    pub source: Option<Endpoint>,
    /// What is made of them: a jq filter. Absent: they stay as they are.
    pub mapping: Option<String>,
    /// Where they go.
    pub target: Option<Endpoint>,
    /// The operation to run when this one ended well.
    pub on_success: Option<OperationId>,
    /// The operation to run when this one failed, or rejected a record.
    pub on_failure: Option<OperationId>,
    /// Whether records are left out that are as they were when they were last taken.
    pub only_changed: bool,
    /// Counts its changes.
    pub revision: i64,
}

/// What a person says of an operation.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct OperationDraft {
    /// Its name.
    pub name: String,
    /// Where records come from.
    #[serde(default)]
    pub source: Option<Endpoint>,
    /// What is made of them: a jq filter.
    #[serde(default)]
    pub mapping: Option<String>,
    /// Where they go.
    #[serde(default)]
    pub target: Option<Endpoint>,
    /// The operation to run when this one ended well.
    #[serde(default)]
    pub on_success: Option<OperationId>,
    /// The operation to run when this one failed, or rejected a record.
    #[serde(default)]
    pub on_failure: Option<OperationId>,
    /// Leave out the records that are as they were when they were last taken.
    #[serde(default)]
    pub only_changed: bool,
}

impl From<Operation> for OperationDraft {
    fn from(operation: Operation) -> Self {
        Self {
            name: operation.name,
            source: operation.source,
            mapping: operation.mapping,
            target: operation.target,
            on_success: operation.on_success,
            on_failure: operation.on_failure,
            only_changed: operation.only_changed,
        }
    }
}

const COLUMNS: &str = "SELECT id, project_id, name, source, mapping, target, on_success,
    on_failure, only_changed, revision FROM operations";

fn make(row: &rusqlite::Row<'_>) -> Result<Operation, WorkspaceError> {
    let endpoint = |column: usize| -> Result<Option<Endpoint>, WorkspaceError> {
        let text: Option<String> = row.get(column)?;
        text.as_deref().map(json).transpose()
    };
    Ok(Operation {
        id: row.get(0)?,
        project: row.get(1)?,
        name: row.get(2)?,
        source: endpoint(3)?,
        mapping: row.get(4)?,
        target: endpoint(5)?,
        on_success: row.get(6)?,
        on_failure: row.get(7)?,
        only_changed: row.get(8)?,
        revision: row.get(9)?,
    })
}

pub(super) fn one(
    transaction: &Transaction<'_>,
    id: OperationId,
) -> Result<Operation, WorkspaceError> {
    first(transaction, &format!("{COLUMNS} WHERE id = ?"), [id], make)?
        .ok_or_else(|| WorkspaceError::no("operation", id))
}

/// The operations of a project, by name.
pub(super) fn list(
    transaction: &Transaction<'_>,
    project: ProjectId,
) -> Result<Vec<Operation>, WorkspaceError> {
    all(
        transaction,
        &format!("{COLUMNS} WHERE project_id = ? ORDER BY name"),
        [project],
        make,
    )
}

/// The operations that an activity stands in.
pub(super) fn using(
    transaction: &Transaction<'_>,
    id: ActivityId,
) -> Result<Vec<Dependent>, WorkspaceError> {
    let wanted = Endpoint::Activity { activity: id };
    let mut found = Vec::new();
    for operation in all(transaction, COLUMNS, [], make)? {
        for (end, via) in [(&operation.source, "source"), (&operation.target, "target")] {
            if end.as_ref() == Some(&wanted) {
                found.push(Dependent {
                    kind: "operation",
                    id: operation.id.0,
                    name: operation.name.clone(),
                    via: Some(via.to_owned()),
                });
            }
        }
    }
    Ok(found)
}

/// What can be said of an operation without any connector: that its ends are
/// there and stand where they belong, and that its chain comes to an end.
fn check(
    transaction: &Transaction<'_>,
    project: ProjectId,
    id: Option<OperationId>,
    draft: &OperationDraft,
) -> Result<String, WorkspaceError> {
    let name = name::checked("an operation", &draft.name)?;
    let taken = exists(
        transaction,
        "SELECT 1 FROM operations WHERE project_id = ? AND name = ? AND id IS NOT ?",
        params![project, name, id],
    )?;
    if taken {
        return Err(WorkspaceError::Taken {
            what: "an operation",
            name,
            among: " in the project".to_owned(),
        });
    }
    for (end, role) in [(&draft.source, "source"), (&draft.target, "target")] {
        if let Some(Endpoint::Activity { activity: number }) = end {
            let activity = activity::one(transaction, *number)?;
            let (connection, of) = connection_name(transaction, activity.connection)?;
            if of != project {
                return Err(WorkspaceError::one(
                    Some(role),
                    "project",
                    format!(
                        "“{}” of “{connection}” belongs to another project",
                        activity.name
                    ),
                ));
            }
            if activity.role != role {
                return Err(WorkspaceError::one(
                    Some(role),
                    "role",
                    format!(
                        "“{}” ({}) is a {}: it cannot stand as the {role}",
                        activity.name, activity.activity, activity.role
                    ),
                ));
            }
        }
    }
    if draft.target == Some(Endpoint::Rejected) {
        return Err(WorkspaceError::one(
            Some("target"),
            "role",
            "rejected records are a source: they cannot stand as the target".to_owned(),
        ));
    }
    if let Some(mapping) = filter(draft) {
        Mapping::parse(mapping)
            .map_err(|error| WorkspaceError::one(Some("mapping"), "mapping", error.to_string()))?;
    }
    for (next, field) in [
        (draft.on_success, "on-success"),
        (draft.on_failure, "on-failure"),
    ] {
        if let Some(next) = next {
            chain(transaction, project, id, next, field)?;
        }
    }
    Ok(name)
}

/// The jq filter, where there is one.
pub(super) fn filter(draft: &OperationDraft) -> Option<&str> {
    draft
        .mapping
        .as_deref()
        .filter(|mapping| !mapping.trim().is_empty())
}

/// That following a chain never leads back to the operation it begins with.
fn chain(
    transaction: &Transaction<'_>,
    project: ProjectId,
    begin: Option<OperationId>,
    next: OperationId,
    field: &'static str,
) -> Result<(), WorkspaceError> {
    let mut waiting = vec![next];
    let mut seen = std::collections::BTreeSet::new();
    while let Some(id) = waiting.pop() {
        if Some(id) == begin {
            return Err(WorkspaceError::one(
                Some(field),
                "chain",
                "this chain of operations would lead back to this operation, and never end"
                    .to_owned(),
            ));
        }
        if !seen.insert(id) {
            continue;
        }
        let operation = one(transaction, id)?;
        if operation.project != project {
            return Err(WorkspaceError::one(
                Some(field),
                "project",
                format!("“{}” belongs to another project", operation.name),
            ));
        }
        waiting.extend(operation.on_success);
        waiting.extend(operation.on_failure);
    }
    Ok(())
}

fn ends(draft: &OperationDraft) -> Result<(Option<String>, Option<String>), WorkspaceError> {
    Ok((
        draft.source.as_ref().map(to_json).transpose()?,
        draft.target.as_ref().map(to_json).transpose()?,
    ))
}

pub(super) fn insert(
    transaction: &Transaction<'_>,
    project: ProjectId,
    draft: &OperationDraft,
) -> Result<Operation, WorkspaceError> {
    project::one(transaction, project)?;
    let name = check(transaction, project, None, draft)?;
    let (source, target) = ends(draft)?;
    transaction.execute(
        "INSERT INTO operations (project_id, name, source, mapping, target, on_success,
             on_failure, only_changed, revision) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 1)",
        params![
            project,
            name,
            source,
            filter(draft),
            target,
            draft.on_success,
            draft.on_failure,
            draft.only_changed
        ],
    )?;
    one(transaction, OperationId(transaction.last_insert_rowid()))
}

pub(super) fn replace(
    transaction: &Transaction<'_>,
    id: OperationId,
    revision: i64,
    draft: &OperationDraft,
) -> Result<Operation, WorkspaceError> {
    let before = one(transaction, id)?;
    let name = check(transaction, before.project, Some(id), draft)?;
    let (source, target) = ends(draft)?;
    let changed = transaction.execute(
        "UPDATE operations SET name = ?, source = ?, mapping = ?, target = ?, on_success = ?,
             on_failure = ?, only_changed = ?, revision = revision + 1 WHERE id = ? AND revision = ?",
        params![
            name,
            source,
            filter(draft),
            target,
            draft.on_success,
            draft.on_failure,
            draft.only_changed,
            id,
            revision
        ],
    )?;
    super::current(changed, "the operation", &before.name)?;
    one(transaction, id)
}

impl Workspace {
    /// The operations of a project, by name.
    ///
    /// # Errors
    /// If there is no such project.
    pub fn operations(&self, project: ProjectId) -> Result<Vec<Operation>, WorkspaceError> {
        self.database().read(|t| {
            project::one(t, project)?;
            list(t, project)
        })
    }

    /// One operation.
    ///
    /// # Errors
    /// If there is none.
    pub fn operation(&self, id: OperationId) -> Result<Operation, WorkspaceError> {
        self.database().read(|t| one(t, id))
    }

    /// Makes an operation. It need not be complete before it is run.
    ///
    /// # Errors
    /// If its name is none or taken, an end stands where it cannot, its mapping
    /// is no jq filter, or its chain leads back to itself.
    pub fn create_operation(
        &self,
        project: ProjectId,
        draft: &OperationDraft,
    ) -> Result<Operation, WorkspaceError> {
        self.check_files(draft)?;
        self.database().write(|t| insert(t, project, draft))
    }

    /// Saves an operation.
    ///
    /// # Errors
    /// As for making one, and if somebody else saved in between.
    pub fn update_operation(
        &self,
        id: OperationId,
        revision: i64,
        draft: &OperationDraft,
    ) -> Result<Operation, WorkspaceError> {
        self.check_files(draft)?;
        self.database().write(|t| replace(t, id, revision, draft))
    }

    fn check_files(&self, draft: &OperationDraft) -> Result<(), WorkspaceError> {
        for end in [&draft.source, &draft.target].into_iter().flatten() {
            if let Endpoint::File { path, .. } = end {
                self.file_path(path)?;
            }
        }
        Ok(())
    }

    /// Renames an operation.
    ///
    /// # Errors
    /// If the name is none or taken, or somebody else saved in between.
    pub fn rename_operation(
        &self,
        id: OperationId,
        revision: i64,
        name: &str,
    ) -> Result<Operation, WorkspaceError> {
        let draft = OperationDraft {
            name: name.to_owned(),
            ..self.operation(id)?.into()
        };
        self.update_operation(id, revision, &draft)
    }

    /// Makes a copy under a name of its own.
    ///
    /// # Errors
    /// If there is no such operation.
    pub fn duplicate_operation(&self, id: OperationId) -> Result<Operation, WorkspaceError> {
        self.database().write(|t| {
            let original = one(t, id)?;
            let siblings = list(t, original.project)?;
            let name = name::of_copy(&original.name, |name| {
                siblings.iter().any(|other| other.name == name)
            });
            let project = original.project;
            let draft = OperationDraft {
                name,
                ..original.into()
            };
            insert(t, project, &draft)
        })
    }

    /// What runs an operation after itself.
    ///
    /// # Errors
    /// If there is no such operation.
    pub fn operation_dependents(&self, id: OperationId) -> Result<Vec<Dependent>, WorkspaceError> {
        self.database().read(|t| {
            one(t, id)?;
            dependents(t, id)
        })
    }

    /// Deletes an operation, for good. Its runs stay.
    ///
    /// # Errors
    /// While others run it after themselves; the error lists them.
    pub fn delete_operation(&self, id: OperationId) -> Result<(), WorkspaceError> {
        self.database().write(|t| {
            let operation = one(t, id)?;
            super::unused("the operation", &operation.name, dependents(t, id)?)?;
            t.execute("DELETE FROM operations WHERE id = ?", [id])?;
            Ok(())
        })?;
        self.forget_taken(id)
    }
}

fn dependents(
    transaction: &Transaction<'_>,
    id: OperationId,
) -> Result<Vec<Dependent>, WorkspaceError> {
    all(
        transaction,
        "SELECT id, name, CASE WHEN on_success = ?1 THEN 'on success' ELSE 'on failure' END
         FROM operations WHERE on_success = ?1 OR on_failure = ?1 ORDER BY name",
        [id],
        |row| {
            Ok(Dependent {
                kind: "operation",
                id: row.get(0)?,
                name: row.get(1)?,
                via: row.get(2)?,
            })
        },
    )
}
