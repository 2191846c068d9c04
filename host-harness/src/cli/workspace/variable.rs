//! `harness variable`.

use super::super::Failed;
use super::{SecretPlace, Where, secret_place};
use clap::Subcommand;
use host_harness::workspace::{
    EnvironmentId, Scope, Variable, VariableDraft, VariableValue, Workspace,
};
use secrecy::SecretString;
use std::process::ExitCode;

#[derive(Subcommand)]
pub enum VariableCommand {
    /// List the global variables, and those of the project.
    List,
    /// Set a variable's value, and make it where it is missing. With
    /// --environment the value holds there, without it everywhere else.
    Set {
        /// Its name.
        name: String,
        /// Its value; for a secret one use --secret.
        #[arg(required_unless_present = "secret", conflicts_with = "secret")]
        value: Option<String>,
        /// A secret value: env:VARIABLE or file:PATH.
        #[arg(long, value_name = "PLACE", value_parser = secret_place)]
        secret: Option<SecretPlace>,
        /// In all projects.
        #[arg(long)]
        global: bool,
        /// What it is for.
        #[arg(long)]
        description: Option<String>,
    },
    /// List what uses one.
    Dependents {
        /// Its name.
        name: String,
    },
    /// Delete one, for good.
    Delete {
        /// Its name.
        name: String,
    },
}

impl VariableCommand {
    pub fn run(self, workspace: &Workspace, at: &Where) -> Result<ExitCode, Failed> {
        let project = at.project(workspace)?;
        let list = workspace.variables(Some(project.id))?;
        let find = |name: &str| {
            super::find::named("variable", list.clone(), Some(name), |variable| {
                &variable.name
            })
        };
        match self {
            Self::List => at.list(&list, &["VARIABLE", "WHERE", "VALUES"], row),
            Self::Dependents { name } => {
                let found = workspace.variable_dependents(find(&name)?.id)?;
                at.list(&found, &["KIND", "NAME", "FIELD"], |dependent| {
                    vec![
                        dependent.kind.to_owned(),
                        dependent.name.clone(),
                        dependent.via.clone().unwrap_or_default(),
                    ]
                })
            }
            Self::Delete { name } => {
                let variable = find(&name)?;
                workspace.delete_variable(variable.id)?;
                at.say(&variable, || format!("deleted “{name}”"))
            }
            Self::Set {
                name,
                value,
                secret,
                global,
                description,
            } => {
                let environment = match &at.environment {
                    Some(_) => Some(at.environment(workspace)?.id),
                    None => None,
                };
                let is_secret = secret.is_some();
                let value = match (secret, value) {
                    (Some(place), _) => place.read()?,
                    (None, value) => SecretString::from(value.unwrap_or_default()),
                };
                let saved = list.iter().find(|variable| variable.name == name);
                let mut values: Vec<VariableValue> = saved
                    .iter()
                    .flat_map(|saved| &saved.values)
                    .filter(|known| known.environment != environment)
                    .map(|known| VariableValue {
                        environment: known.environment,
                        value: known.value.clone().map(SecretString::from),
                    })
                    .collect();
                values.push(VariableValue {
                    environment,
                    value: Some(value),
                });
                let draft = VariableDraft {
                    name,
                    description: description
                        .or_else(|| saved.map(|saved| saved.description.clone()))
                        .unwrap_or_default(),
                    secret: is_secret || saved.is_some_and(|saved| saved.secret),
                    values,
                };
                let variable = match saved {
                    Some(saved) => workspace.update_variable(saved.id, saved.revision, draft)?,
                    None => {
                        let scope = if global {
                            Scope::Global
                        } else {
                            Scope::Project(project.id)
                        };
                        workspace.create_variable(scope, draft)?
                    }
                };
                at.list(&[variable], &["VARIABLE", "WHERE", "VALUES"], row)
            }
        }
    }
}

fn row(variable: &Variable) -> Vec<String> {
    let values: Vec<String> = variable
        .values
        .iter()
        .map(|value| {
            let place = match value.environment {
                Some(EnvironmentId(id)) => format!("environment {id}: "),
                None => String::new(),
            };
            format!("{place}{}", value.value.as_deref().unwrap_or("(secret)"))
        })
        .collect();
    vec![
        variable.name.clone(),
        match variable.scope {
            Scope::Global => "all projects".to_owned(),
            Scope::Project(_) => "project".to_owned(),
        },
        values.join(", "),
    ]
}
