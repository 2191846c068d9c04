//! Variables: global ones, a project's own, and the platform's predefined.

use super::database::{all, exists, first, json};
use super::error::WorkspaceError;
use super::id::{EnvironmentId, ProjectId, VariableId};
use super::secret::{self, Owner};
use super::{Dependent, Workspace, environment, project};
use crate::variables::{Lookup, Template, Value};
use rusqlite::{Transaction, params};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use utoipa::ToSchema;

/// The names that begin so are the platform's.
const PREDEFINED: &str = "jitterbit.";
/// The most characters of a value that is shown.
const MOST: usize = 64 * 1024;

/// Where a variable holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case", tag = "kind", content = "project")]
pub enum Scope {
    /// In all projects.
    Global,
    /// In one project.
    Project(ProjectId),
}

/// A value of a variable in one environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub struct EnvironmentValue {
    /// The environment; absent: all others.
    pub environment: Option<EnvironmentId>,
    /// The value; a secret one is never shown.
    pub value: Option<String>,
}

/// A variable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Variable {
    /// Its number.
    pub id: VariableId,
    /// Where it holds.
    pub scope: Scope,
    /// Its name, unique among all that can be used together.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// Whether its values are kept sealed and never shown.
    pub secret: bool,
    /// The values that are set.
    pub values: Vec<EnvironmentValue>,
    /// Counts its changes.
    pub revision: i64,
}

/// What a person says of a variable.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct VariableDraft {
    /// Its name.
    pub name: String,
    /// What it is for.
    #[serde(default)]
    pub description: String,
    /// Whether its values are kept sealed. Cannot be taken back once it is saved.
    #[serde(default)]
    pub secret: bool,
    /// All values; one that is left out is removed.
    #[serde(default)]
    pub values: Vec<VariableValue>,
}

/// A value that a person gives.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct VariableValue {
    /// In which environment; absent: in all others.
    #[serde(default)]
    pub environment: Option<EnvironmentId>,
    /// The value; absent: a secret one stays as it is.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub value: Option<SecretString>,
}

/// A variable that the platform itself sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct Predefined {
    /// Its name.
    pub name: &'static str,
    /// What it holds.
    pub description: &'static str,
}

/// What a run, or a test, knows of itself: the predefined variables.
#[derive(Debug, Clone, Default)]
pub(super) struct Situation {
    pub(super) environment: String,
    pub(super) project: String,
    pub(super) agent: String,
    /// Only in a run.
    pub(super) operation: Option<(String, String)>,
    pub(super) previous_error: Option<String>,
}

const PREDEFINED_VARIABLES: [Predefined; 7] = [
    Predefined {
        name: "jitterbit.environment.name",
        description: "The name of the environment.",
    },
    Predefined {
        name: "jitterbit.project.name",
        description: "The name of the project.",
    },
    Predefined {
        name: "jitterbit.agent.name",
        description: "The name of the agent that does the work.",
    },
    Predefined {
        name: "jitterbit.operation.name",
        description: "The name of the operation; only while one runs.",
    },
    Predefined {
        name: "jitterbit.operation.guid",
        description: "The number of the run; only while an operation runs.",
    },
    Predefined {
        name: "jitterbit.operation.previous.error",
        description: "Why the operation before in the chain failed; only after one that failed.",
    },
    Predefined {
        name: "jitterbit.operation.previous.success",
        description: "true or false; only after another operation of a chain.",
    },
];

/// The variables of a project as they are in one environment.
#[derive(Default)]
pub(super) struct Values(BTreeMap<String, Value>);

impl Lookup for Values {
    fn find(&self, name: &str) -> Option<Value> {
        self.0.get(name).cloned()
    }

    fn names(&self) -> Vec<String> {
        self.0.keys().cloned().collect()
    }
}

const COLUMNS: &str = "SELECT id, project_id, name, description, secret, revision FROM variables";

fn make(
    transaction: &Transaction<'_>,
    row: &rusqlite::Row<'_>,
) -> Result<Variable, WorkspaceError> {
    let id: VariableId = row.get(0)?;
    let project: Option<ProjectId> = row.get(1)?;
    let secret: bool = row.get(4)?;
    let environment = |number: i64| (number != 0).then_some(EnvironmentId(number));
    let values = if secret {
        secret::names(transaction, Owner::Variable(id.0))?
            .iter()
            .map(|name| EnvironmentValue {
                environment: environment(name.parse().unwrap_or_default()),
                value: None,
            })
            .collect()
    } else {
        all(
            transaction,
            "SELECT environment_id, value FROM variable_values WHERE variable_id = ?
             ORDER BY environment_id",
            [id],
            |row| {
                Ok(EnvironmentValue {
                    environment: environment(row.get(0)?),
                    value: row.get(1)?,
                })
            },
        )?
    };
    Ok(Variable {
        id,
        scope: project.map_or(Scope::Global, Scope::Project),
        name: row.get(2)?,
        description: row.get(3)?,
        secret,
        values,
        revision: row.get(5)?,
    })
}

fn one(transaction: &Transaction<'_>, id: VariableId) -> Result<Variable, WorkspaceError> {
    first(
        transaction,
        &format!("{COLUMNS} WHERE id = ?"),
        [id],
        |row| make(transaction, row),
    )?
    .ok_or_else(|| WorkspaceError::no("variable", id))
}

/// The global ones, and those of a project, by name.
pub(super) fn list(
    transaction: &Transaction<'_>,
    project: Option<ProjectId>,
) -> Result<Vec<Variable>, WorkspaceError> {
    all(
        transaction,
        &format!("{COLUMNS} WHERE project_id IS NULL OR project_id = ? ORDER BY name"),
        params![project],
        |row| make(transaction, row),
    )
}

fn check(
    transaction: &Transaction<'_>,
    scope: Scope,
    draft: &VariableDraft,
    except: Option<VariableId>,
) -> Result<(), WorkspaceError> {
    let name = &draft.name;
    let named = |why| {
        Err(WorkspaceError::Name {
            name: name.clone(),
            what: "a variable",
            why,
        })
    };
    let names = Template::parse(&format!("[{name}]")).map(|template| template.names());
    if !names.is_ok_and(|names| names.len() == 1 && names.contains(name)) {
        return named("begin with a letter, and use letters, digits, `_`, `-` and `.`");
    }
    if name.to_ascii_lowercase().starts_with(PREDEFINED) {
        return named("names that begin with `jitterbit.` are the platform's own");
    }
    let project = match scope {
        Scope::Global => None,
        Scope::Project(project) => Some(project::one(transaction, project)?.id),
    };
    // A global one must differ from those of every project.
    let taken = exists(
        transaction,
        "SELECT 1 FROM variables WHERE name = ?1 AND id IS NOT ?2
         AND (?3 IS NULL OR project_id IS NULL OR project_id = ?3)",
        params![name, except, project],
    )?;
    if taken {
        return Err(WorkspaceError::Taken {
            what: "a variable",
            name: name.clone(),
            among: String::new(),
        });
    }
    let mut seen = BTreeSet::new();
    for value in &draft.values {
        if let Some(id) = value.environment {
            environment::one(transaction, id)?;
        }
        if !seen.insert(value.environment) {
            return Err(WorkspaceError::one(
                None,
                "repeated",
                format!("“{name}” has two values for the same environment"),
            ));
        }
        let text = value.value.as_ref().map(ExposeSecret::expose_secret);
        if text.is_none() && !draft.secret {
            return Err(WorkspaceError::one(
                None,
                "required",
                format!("“{name}” has an environment without a value: leave it out, or give one"),
            ));
        }
        if text.is_some_and(|text| text.len() > MOST) {
            return Err(WorkspaceError::one(
                None,
                "too-long",
                format!("a value of “{name}” has more than {MOST} bytes"),
            ));
        }
    }
    Ok(())
}

impl Workspace {
    /// The global variables, and those of a project, by name.
    ///
    /// # Errors
    /// Where the database fails.
    pub fn variables(&self, project: Option<ProjectId>) -> Result<Vec<Variable>, WorkspaceError> {
        self.database().read(|t| list(t, project))
    }

    /// The variables that the platform itself sets.
    pub fn predefined_variables(&self) -> &'static [Predefined] {
        &PREDEFINED_VARIABLES
    }

    /// One variable.
    ///
    /// # Errors
    /// If there is none.
    pub fn variable(&self, id: VariableId) -> Result<Variable, WorkspaceError> {
        self.database().read(|t| one(t, id))
    }

    /// Makes a variable.
    ///
    /// # Errors
    /// If the name is none or taken, or a value is missing.
    pub fn create_variable(
        &self,
        scope: Scope,
        draft: VariableDraft,
    ) -> Result<Variable, WorkspaceError> {
        self.database()
            .write(|t| self.insert_variable(t, scope, &draft))
    }

    pub(super) fn insert_variable(
        &self,
        t: &Transaction<'_>,
        scope: Scope,
        draft: &VariableDraft,
    ) -> Result<Variable, WorkspaceError> {
        check(t, scope, draft, None)?;
        let project = match scope {
            Scope::Global => None,
            Scope::Project(project) => Some(project),
        };
        t.execute(
            "INSERT INTO variables (project_id, name, description, secret, revision)
             VALUES (?, ?, ?, ?, 1)",
            params![project, draft.name, draft.description.trim(), draft.secret],
        )?;
        let id = VariableId(t.last_insert_rowid());
        self.keep_values(t, id, draft)?;
        one(t, id)
    }

    /// Saves a variable. Where the organization requires re-authentication on
    /// change, a new value counts as a change of every field that it stands in.
    ///
    /// # Errors
    /// As for making one; if somebody else saved in between; or if it is in use
    /// under another name.
    pub fn update_variable(
        &self,
        id: VariableId,
        revision: i64,
        draft: VariableDraft,
    ) -> Result<Variable, WorkspaceError> {
        self.database()
            .write(|t| self.replace_variable(t, id, revision, &draft))
    }

    pub(super) fn replace_variable(
        &self,
        t: &Transaction<'_>,
        id: VariableId,
        revision: i64,
        draft: &VariableDraft,
    ) -> Result<Variable, WorkspaceError> {
        let before = one(t, id)?;
        check(t, before.scope, draft, Some(id))?;
        if before.secret && !draft.secret {
            return Err(WorkspaceError::Refused(format!(
                "“{}” is secret and stays so: delete it and make another",
                before.name
            )));
        }
        if before.name != draft.name {
            super::unused("the variable", &before.name, dependents(t, &before)?)?;
        }
        let changed = t.execute(
            "UPDATE variables SET name = ?, description = ?, secret = ?,
             revision = revision + 1 WHERE id = ? AND revision = ?",
            params![
                draft.name,
                draft.description.trim(),
                draft.secret,
                id,
                revision
            ],
        )?;
        super::current(changed, "the variable", &before.name)?;
        self.keep_values(t, id, draft)?;
        let after = one(t, id)?;
        let retyped = draft.secret && draft.values.iter().any(|value| value.value.is_some());
        if retyped || before.values != after.values {
            super::connection::variable_changed(t, &before)?;
        }
        Ok(after)
    }

    fn keep_values(
        &self,
        transaction: &Transaction<'_>,
        id: VariableId,
        draft: &VariableDraft,
    ) -> Result<(), WorkspaceError> {
        transaction.execute("DELETE FROM variable_values WHERE variable_id = ?", [id])?;
        let owner = Owner::Variable(id.0);
        let number = |value: &VariableValue| value.environment.map_or(0, |id| id.0);
        if !draft.secret {
            for value in &draft.values {
                let text = value.value.as_ref().map(ExposeSecret::expose_secret);
                transaction.execute(
                    "INSERT INTO variable_values VALUES (?, ?, ?)",
                    params![id, number(value), text],
                )?;
            }
            return Ok(());
        }
        let kept: BTreeSet<String> = draft.values.iter().map(|v| number(v).to_string()).collect();
        for name in secret::names(transaction, owner)?.difference(&kept) {
            secret::remove(transaction, owner, name)?;
        }
        for value in &draft.values {
            if let Some(text) = &value.value {
                secret::put(
                    transaction,
                    self.key(),
                    owner,
                    &number(value).to_string(),
                    text,
                )?;
            }
        }
        Ok(())
    }

    /// Deletes a variable, for good.
    ///
    /// # Errors
    /// While connections or activities use it.
    pub fn delete_variable(&self, id: VariableId) -> Result<(), WorkspaceError> {
        self.database().write(|t| {
            let variable = one(t, id)?;
            super::unused("the variable", &variable.name, dependents(t, &variable)?)?;
            secret::remove_all(t, Owner::Variable(id.0))?;
            t.execute("DELETE FROM variables WHERE id = ?", [id])?;
            Ok(())
        })
    }

    /// What uses a variable. Secret fields are not looked into.
    ///
    /// # Errors
    /// If there is none.
    pub fn variable_dependents(&self, id: VariableId) -> Result<Vec<Dependent>, WorkspaceError> {
        self.database().read(|t| {
            let variable = one(t, id)?;
            dependents(t, &variable)
        })
    }

    /// The variables of a project as they are in an environment, the predefined
    /// ones among them.
    pub(super) fn values(
        &self,
        transaction: &Transaction<'_>,
        project: ProjectId,
        environment: EnvironmentId,
        situation: &Situation,
    ) -> Result<Values, WorkspaceError> {
        let mut values = BTreeMap::new();
        for variable in list(transaction, Some(project))? {
            let own = |wanted: Option<EnvironmentId>| {
                variable
                    .values
                    .iter()
                    .find(|value| value.environment == wanted)
            };
            let Some(value) = own(Some(environment)).or_else(|| own(None)) else {
                continue;
            };
            let value = if variable.secret {
                let name = value.environment.map_or(0, |id| id.0).to_string();
                let owner = Owner::Variable(variable.id.0);
                match secret::get(transaction, self.key(), owner, &name)? {
                    Some(secret) => Value::Secret(secret),
                    None => continue,
                }
            } else {
                Value::Plain(value.value.clone().unwrap_or_default())
            };
            values.insert(variable.name, value);
        }
        let mut predefined = |name: &str, value: Option<String>| {
            if let Some(value) = value {
                values.insert(format!("{PREDEFINED}{name}"), Value::Plain(value));
            }
        };
        let filled = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        predefined("environment.name", filled(&situation.environment));
        predefined("project.name", filled(&situation.project));
        predefined("agent.name", filled(&situation.agent));
        let operation = situation.operation.as_ref();
        predefined("operation.name", operation.map(|(name, _)| name.clone()));
        predefined("operation.guid", operation.map(|(_, run)| run.clone()));
        if let Some(error) = &situation.previous_error {
            predefined("operation.previous.error", filled(error));
            predefined(
                "operation.previous.success",
                Some(error.is_empty().to_string()),
            );
        }
        Ok(Values(values))
    }
}

/// Whether a text uses a variable.
pub(super) fn uses(text: &str, name: &str) -> bool {
    Template::parse(text).is_ok_and(|template| template.names().contains(name))
}

fn dependents(
    transaction: &Transaction<'_>,
    variable: &Variable,
) -> Result<Vec<Dependent>, WorkspaceError> {
    let project = match variable.scope {
        Scope::Global => None,
        Scope::Project(project) => Some(project),
    };
    let mut found = Vec::new();
    for (kind, sql) in [
        (
            "connection",
            "SELECT id, name, settings FROM connections WHERE ?1 IS NULL OR project_id = ?1",
        ),
        (
            "activity",
            "SELECT a.id, a.name, a.options FROM activities a
             JOIN connections c ON c.id = a.connection_id WHERE ?1 IS NULL OR c.project_id = ?1",
        ),
    ] {
        let rows = all(transaction, sql, params![project], |row| {
            let settings: Vec<super::Setting> = json(&row.get::<_, String>(2)?)?;
            let via = settings
                .iter()
                .find(|setting| uses(&setting.value, &variable.name))
                .map(|setting| setting.name.clone());
            Ok(Dependent {
                kind,
                id: row.get(0)?,
                name: row.get(1)?,
                via,
            })
        })?;
        found.extend(rows.into_iter().filter(|dependent| dependent.via.is_some()));
    }
    Ok(found)
}
