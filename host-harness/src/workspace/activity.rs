//! Activities: what a connection is used for, as a step of an operation.

use super::connection::{self, On, Resolved, Setting, pairs};
use super::connectors::{PropertyForm, role};
use super::database::{all, exists, first, json, to_json};
use super::error::WorkspaceError;
use super::id::{ActivityId, ConnectionId, EnvironmentId};
use super::variable::Situation;
use super::{Connection, Dependent, Workspace, name, operation};
use crate::form::{self, Stage};
use crate::runtime::{Connector, Session, types};
use rusqlite::{Transaction, params};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use utoipa::ToSchema;

/// An activity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Activity {
    /// Its number.
    pub id: ActivityId,
    /// The connection that it uses.
    pub connection: ConnectionId,
    /// Its name, unique among the connection's activities of its type.
    pub name: String,
    /// Its type, as the connector names it. Never changes.
    pub activity: String,
    /// `source` or `target`.
    pub role: String,
    /// The object.
    pub object: String,
    /// The options, variables not resolved.
    pub options: Vec<Setting>,
    /// Counts its changes.
    pub revision: i64,
}

/// What a person says of an activity.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ActivityDraft {
    /// Its name.
    pub name: String,
    /// Its type, as the connector names it.
    pub activity: String,
    /// The object.
    pub object: String,
    /// The options, as typed.
    #[serde(default)]
    pub options: Vec<Setting>,
}

/// What goes into an activity and what comes out, each as JSON Schema.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Shape {
    /// Absent: it takes no records.
    pub request: Option<serde_json::Value>,
    /// Absent: it answers no records.
    pub response: Option<serde_json::Value>,
    /// The activity's options, with the choices that the object has.
    pub options: Vec<PropertyForm>,
}

const COLUMNS: &str =
    "SELECT id, connection_id, name, activity, role, object, options, revision FROM activities";

fn make(row: &rusqlite::Row<'_>) -> Result<Activity, WorkspaceError> {
    Ok(Activity {
        id: row.get(0)?,
        connection: row.get(1)?,
        name: row.get(2)?,
        activity: row.get(3)?,
        role: row.get(4)?,
        object: row.get(5)?,
        options: json(&row.get::<_, String>(6)?)?,
        revision: row.get(7)?,
    })
}

pub(super) fn one(
    transaction: &Transaction<'_>,
    id: ActivityId,
) -> Result<Activity, WorkspaceError> {
    first(transaction, &format!("{COLUMNS} WHERE id = ?"), [id], make)?
        .ok_or_else(|| WorkspaceError::no("activity", id))
}

/// The activities of a connection, by type and name.
pub(super) fn list(
    transaction: &Transaction<'_>,
    connection: ConnectionId,
) -> Result<Vec<Activity>, WorkspaceError> {
    all(
        transaction,
        &format!("{COLUMNS} WHERE connection_id = ? ORDER BY activity, name"),
        [connection],
        make,
    )
}

fn free_name(
    transaction: &Transaction<'_>,
    connection: ConnectionId,
    activity: &str,
    name: &str,
    except: Option<ActivityId>,
) -> Result<String, WorkspaceError> {
    let name = name::checked("an activity", name)?;
    let taken = exists(
        transaction,
        "SELECT 1 FROM activities WHERE connection_id = ? AND activity = ? AND name = ?
         AND id IS NOT ?",
        params![connection, activity, name, except],
    )?;
    if taken {
        return Err(WorkspaceError::Taken {
            what: "an activity",
            name,
            among: format!(" of the type {activity}"),
        });
    }
    Ok(name)
}

/// The type of a saved activity, where it still fits what its connector offers.
pub(super) fn type_of(
    types: &[types::Activity],
    activity: &Activity,
) -> Result<types::Activity, WorkspaceError> {
    check(
        types,
        &activity.activity,
        &activity.object,
        &activity.options,
    )
}

/// What is wrong with an activity as it was typed.
fn check(
    types: &[types::Activity],
    activity: &str,
    object: &str,
    options: &[Setting],
) -> Result<types::Activity, WorkspaceError> {
    let Some(found) = types.iter().find(|known| known.name == activity) else {
        let names: Vec<&str> = types.iter().map(|known| known.name.as_str()).collect();
        return Err(WorkspaceError::one(
            Some("activity"),
            "activity",
            format!(
                "the connector has no activity “{activity}”; it has {}",
                names.join(", ")
            ),
        ));
    };
    if object.trim().is_empty() {
        return Err(WorkspaceError::one(
            Some("object"),
            "required",
            "choose an object".to_owned(),
        ));
    }
    let findings = form::check(
        &found.options,
        &[],
        &pairs(options),
        &BTreeSet::new(),
        Stage::Typed,
    );
    WorkspaceError::if_any(findings)?;
    Ok(found.clone())
}

impl Workspace {
    /// The activities of a connection, by type and name.
    ///
    /// # Errors
    /// If there is no such connection.
    pub fn activities(&self, connection: ConnectionId) -> Result<Vec<Activity>, WorkspaceError> {
        self.database().read(|t| {
            connection::one(t, connection)?;
            list(t, connection)
        })
    }

    /// One activity.
    ///
    /// # Errors
    /// If there is none.
    pub fn activity(&self, id: ActivityId) -> Result<Activity, WorkspaceError> {
        self.database().read(|t| one(t, id))
    }

    /// Makes an activity.
    ///
    /// # Errors
    /// If its name is none or taken, or its options do not fit the connector's.
    pub async fn create_activity(
        &self,
        connection: ConnectionId,
        draft: ActivityDraft,
    ) -> Result<Activity, WorkspaceError> {
        let (_, types) = self.offered(&self.connection(connection)?).await?;
        let found = check(&types, &draft.activity, &draft.object, &draft.options)?;
        self.database()
            .write(|t| insert(t, connection, role(found.role), &draft))
    }

    /// Saves an activity. Its type cannot change.
    ///
    /// # Errors
    /// As for making one, and if somebody else saved in between.
    pub async fn update_activity(
        &self,
        id: ActivityId,
        revision: i64,
        draft: ActivityDraft,
    ) -> Result<Activity, WorkspaceError> {
        let before = self.activity(id)?;
        let (_, types) = self.offered(&self.connection(before.connection)?).await?;
        check(&types, &draft.activity, &draft.object, &draft.options)?;
        self.database().write(|t| replace(t, id, revision, &draft))
    }

    /// Renames an activity.
    ///
    /// # Errors
    /// If the name is none or taken, or somebody else saved in between.
    pub fn rename_activity(
        &self,
        id: ActivityId,
        revision: i64,
        name: &str,
    ) -> Result<Activity, WorkspaceError> {
        self.database().write(|t| {
            let before = one(t, id)?;
            let name = free_name(t, before.connection, &before.activity, name, Some(id))?;
            let changed = t.execute(
                "UPDATE activities SET name = ?, revision = revision + 1
                 WHERE id = ? AND revision = ?",
                params![name, id, revision],
            )?;
            super::current(changed, "the activity", &before.name)?;
            one(t, id)
        })
    }

    /// Makes a copy under a name of its own.
    ///
    /// # Errors
    /// If there is no such activity.
    pub fn duplicate_activity(&self, id: ActivityId) -> Result<Activity, WorkspaceError> {
        self.database().write(|t| {
            let original = one(t, id)?;
            let siblings = list(t, original.connection)?;
            let name = name::of_copy(&original.name, |name| {
                siblings
                    .iter()
                    .any(|other| other.activity == original.activity && other.name == name)
            });
            t.execute(
                "INSERT INTO activities (connection_id, activity, role, name, object, options,
                     revision)
                 SELECT connection_id, activity, role, ?, object, options, 1
                 FROM activities WHERE id = ?",
                params![name, id],
            )?;
            one(t, ActivityId(t.last_insert_rowid()))
        })
    }

    /// The operations that use an activity.
    ///
    /// # Errors
    /// If there is no such activity.
    pub fn activity_dependents(&self, id: ActivityId) -> Result<Vec<Dependent>, WorkspaceError> {
        self.database().read(|t| {
            one(t, id)?;
            operation::using(t, id)
        })
    }

    /// Deletes an activity, for good.
    ///
    /// # Errors
    /// While operations use it; the error lists them.
    pub fn delete_activity(&self, id: ActivityId) -> Result<(), WorkspaceError> {
        self.database().write(|t| {
            let activity = one(t, id)?;
            super::unused("the activity", &activity.name, operation::using(t, id)?)?;
            t.execute("DELETE FROM activities WHERE id = ?", [id])?;
            Ok(())
        })
    }

    /// What goes into an activity of an object, and what comes out; `refresh` asks
    /// the remote system anew for what is its own, as custom fields are.
    ///
    /// # Errors
    /// What the connector says.
    pub async fn shape(
        &self,
        connection: ConnectionId,
        environment: EnvironmentId,
        activity: &str,
        object: &str,
        refresh: bool,
    ) -> Result<Shape, WorkspaceError> {
        let mut session = self.design_session(connection, environment).await?;
        let shape = shape_of(&mut session, activity, object, refresh).await?;
        if refresh {
            self.shapes_have_changed();
        }
        Ok(shape)
    }

    /// A session for looking, while something is designed. It goes through the
    /// environment's first agent's proxy, where the connection asks for one.
    pub(super) async fn design_session(
        &self,
        id: ConnectionId,
        environment: EnvironmentId,
    ) -> Result<Session, WorkspaceError> {
        let connection = self.connection(id)?;
        let connector = self
            .connector(&connection.connector, &connection.version)
            .await?;
        let resolved = self.design(&connection, &connector, environment)?;
        Ok(connector.session(resolved.connection).await?)
    }

    /// A connection made ready for looking.
    pub(super) fn design(
        &self,
        connection: &Connection,
        connector: &Connector,
        environment: EnvironmentId,
    ) -> Result<Resolved, WorkspaceError> {
        self.resolve(
            connection,
            connector.descriptor(),
            On {
                project: connection.project,
                environment,
                agent: self.agents_of(environment)?.first(),
                situation: Situation::default(),
            },
        )
    }
}

/// What goes into an activity of an object, and what comes out.
pub(super) async fn shape_of(
    session: &mut Session,
    activity: &str,
    object: &str,
    refresh: bool,
) -> Result<Shape, WorkspaceError> {
    let shape = session.describe_object(activity, object, refresh).await?;
    let parse = |schema: Option<String>| {
        schema
            .map(|schema| serde_json::from_str(&schema))
            .transpose()
            .map_err(|error| {
                WorkspaceError::Refused(format!(
                    "the connector's schema of “{object}” is not JSON: {error}"
                ))
            })
    };
    Ok(Shape {
        request: parse(shape.request)?,
        response: parse(shape.response)?,
        options: shape.options.iter().map(Into::into).collect(),
    })
}

pub(super) fn insert(
    transaction: &Transaction<'_>,
    connection: ConnectionId,
    role: &str,
    draft: &ActivityDraft,
) -> Result<Activity, WorkspaceError> {
    connection::one(transaction, connection)?;
    let name = free_name(transaction, connection, &draft.activity, &draft.name, None)?;
    transaction.execute(
        "INSERT INTO activities (connection_id, activity, role, name, object, options, revision)
         VALUES (?, ?, ?, ?, ?, ?, 1)",
        params![
            connection,
            draft.activity,
            role,
            name,
            draft.object.trim(),
            to_json(&draft.options)?
        ],
    )?;
    one(transaction, ActivityId(transaction.last_insert_rowid()))
}

pub(super) fn replace(
    transaction: &Transaction<'_>,
    id: ActivityId,
    revision: i64,
    draft: &ActivityDraft,
) -> Result<Activity, WorkspaceError> {
    let before = one(transaction, id)?;
    if before.activity != draft.activity {
        return Err(WorkspaceError::one(
            Some("activity"),
            "activity",
            format!(
                "“{}” is a {} activity: that cannot be changed",
                before.name, before.activity
            ),
        ));
    }
    let name = free_name(
        transaction,
        before.connection,
        &draft.activity,
        &draft.name,
        Some(id),
    )?;
    let changed = transaction.execute(
        "UPDATE activities SET name = ?, object = ?, options = ?, revision = revision + 1
         WHERE id = ? AND revision = ?",
        params![
            name,
            draft.object.trim(),
            to_json(&draft.options)?,
            id,
            revision
        ],
    )?;
    super::current(changed, "the activity", &before.name)?;
    one(transaction, id)
}
