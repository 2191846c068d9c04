//! Projects: each holds connections, variables and operations.

use super::Workspace;
use super::database::{all, first};
use super::error::WorkspaceError;
use super::id::ProjectId;
use super::name;
use rusqlite::{Transaction, params};
use serde::Serialize;
use utoipa::ToSchema;

/// A project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Project {
    /// Its number.
    pub id: ProjectId,
    /// Its name, unique in the organization.
    pub name: String,
    /// Counts its changes.
    pub revision: i64,
}

const COLUMNS: &str = "SELECT id, name, revision FROM projects";

fn make(row: &rusqlite::Row<'_>) -> Result<Project, WorkspaceError> {
    Ok(Project {
        id: row.get(0)?,
        name: row.get(1)?,
        revision: row.get(2)?,
    })
}

pub(super) fn one(transaction: &Transaction<'_>, id: ProjectId) -> Result<Project, WorkspaceError> {
    first(transaction, &format!("{COLUMNS} WHERE id = ?"), [id], make)?
        .ok_or_else(|| WorkspaceError::no("project", id))
}

impl Workspace {
    /// All projects, by name.
    ///
    /// # Errors
    /// Where the database fails.
    pub fn projects(&self) -> Result<Vec<Project>, WorkspaceError> {
        self.database()
            .read(|t| all(t, &format!("{COLUMNS} ORDER BY name"), [], make))
    }

    /// One project.
    ///
    /// # Errors
    /// If there is none.
    pub fn project(&self, id: ProjectId) -> Result<Project, WorkspaceError> {
        self.database().read(|t| one(t, id))
    }

    /// Makes a project.
    ///
    /// # Errors
    /// If the name is none, or taken.
    pub fn create_project(&self, name: &str) -> Result<Project, WorkspaceError> {
        let name = name::checked("a project", name)?;
        self.database().write(|t| {
            name::free(t, "projects", "a project", &name, None::<ProjectId>)?;
            t.execute(
                "INSERT INTO projects (name, revision) VALUES (?, 1)",
                [&name],
            )?;
            one(t, ProjectId(t.last_insert_rowid()))
        })
    }

    /// Renames a project.
    ///
    /// # Errors
    /// If the name is none or taken, or somebody else saved in between.
    pub fn rename_project(
        &self,
        id: ProjectId,
        revision: i64,
        name: &str,
    ) -> Result<Project, WorkspaceError> {
        let name = name::checked("a project", name)?;
        self.database().write(|t| {
            let before = one(t, id)?;
            name::free(t, "projects", "a project", &name, Some(id))?;
            let changed = t.execute(
                "UPDATE projects SET name = ?, revision = revision + 1
                 WHERE id = ? AND revision = ?",
                params![name, id, revision],
            )?;
            super::current(changed, "the project", &before.name)?;
            one(t, id)
        })
    }

    /// Deletes an empty project, for good.
    ///
    /// # Errors
    /// If it still holds anything.
    pub fn delete_project(&self, id: ProjectId) -> Result<(), WorkspaceError> {
        self.database().write(|t| {
            let project = one(t, id)?;
            let mut dependents = Vec::new();
            for (kind, table) in [
                ("connection", "connections"),
                ("operation", "operations"),
                ("variable", "variables"),
            ] {
                dependents.extend(all(
                    t,
                    &format!("SELECT id, name FROM {table} WHERE project_id = ? ORDER BY name"),
                    [id],
                    |row| {
                        Ok(super::Dependent {
                            kind,
                            id: row.get(0)?,
                            name: row.get(1)?,
                            via: None,
                        })
                    },
                )?);
            }
            super::unused("the project", &project.name, dependents)?;
            t.execute("DELETE FROM projects WHERE id = ?", [id])?;
            Ok(())
        })
    }
}
