//! Variables.

use super::{Answer, Done, answer, done};
use crate::workspace::{
    Dependent, Predefined, ProjectId, Scope, Variable, VariableDraft, VariableId, VariableValue,
    Workspace,
};
use axum::Json;
use axum::extract::{Path, Query, State};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn router() -> OpenApiRouter<Workspace> {
    OpenApiRouter::new()
        .routes(routes!(variables, create_variable))
        .routes(routes!(predefined))
        .routes(routes!(variable, update_variable, delete_variable))
        .routes(routes!(variable_dependents))
}

#[derive(Deserialize, IntoParams)]
struct Of {
    /// The project.
    #[param(value_type = Option<i64>)]
    project: Option<ProjectId>,
}

#[derive(Deserialize, ToSchema)]
struct NewVariable {
    scope: Scope,
    name: String,
    #[serde(default)]
    description: String,
    #[serde(default)]
    secret: bool,
    #[serde(default)]
    values: Vec<VariableValue>,
}

/// Nothing here is flattened: serde would keep copies of secret values that
/// nobody wipes.
#[derive(Deserialize, ToSchema)]
struct SaveVariable {
    revision: i64,
    name: String,
    #[serde(default)]
    description: String,
    #[serde(default)]
    secret: bool,
    #[serde(default)]
    values: Vec<VariableValue>,
}

/// The global variables, and those of a project.
#[utoipa::path(get, path = "/variables", tag = "variables", params(Of), responses((status = 200, body = Vec<Variable>)))]
async fn variables(
    State(workspace): State<Workspace>,
    Query(of): Query<Of>,
) -> Answer<Vec<Variable>> {
    answer(workspace.variables(of.project))
}

/// Makes a variable.
#[utoipa::path(post, path = "/variables", tag = "variables", request_body = NewVariable, responses((status = 200, body = Variable)))]
async fn create_variable(
    State(workspace): State<Workspace>,
    Json(new): Json<NewVariable>,
) -> Answer<Variable> {
    let draft = VariableDraft {
        name: new.name,
        description: new.description,
        secret: new.secret,
        values: new.values,
    };
    answer(workspace.create_variable(new.scope, draft))
}

/// The variables that the platform itself sets.
#[utoipa::path(get, path = "/variables/predefined", tag = "variables", responses((status = 200, body = Vec<Predefined>)))]
async fn predefined(State(workspace): State<Workspace>) -> Answer<Vec<Predefined>> {
    Ok(Json(workspace.predefined_variables().to_vec()))
}

/// One variable.
#[utoipa::path(get, path = "/variables/{id}", tag = "variables", params(("id" = i64, Path, description = "Its number")), responses((status = 200, body = Variable)))]
async fn variable(
    State(workspace): State<Workspace>,
    Path(id): Path<VariableId>,
) -> Answer<Variable> {
    answer(workspace.variable(id))
}

/// Saves a variable.
#[utoipa::path(put, path = "/variables/{id}", tag = "variables", params(("id" = i64, Path, description = "Its number")), request_body = SaveVariable, responses((status = 200, body = Variable)))]
async fn update_variable(
    State(workspace): State<Workspace>,
    Path(id): Path<VariableId>,
    Json(save): Json<SaveVariable>,
) -> Answer<Variable> {
    let draft = VariableDraft {
        name: save.name,
        description: save.description,
        secret: save.secret,
        values: save.values,
    };
    answer(workspace.update_variable(id, save.revision, draft))
}

/// Deletes a variable.
#[utoipa::path(delete, path = "/variables/{id}", tag = "variables", params(("id" = i64, Path, description = "Its number")), responses((status = 200, body = Done)))]
async fn delete_variable(
    State(workspace): State<Workspace>,
    Path(id): Path<VariableId>,
) -> Answer<Done> {
    done(workspace.delete_variable(id))
}

/// What uses a variable.
#[utoipa::path(get, path = "/variables/{id}/dependents", tag = "variables", params(("id" = i64, Path, description = "Its number")), responses((status = 200, body = Vec<Dependent>)))]
async fn variable_dependents(
    State(workspace): State<Workspace>,
    Path(id): Path<VariableId>,
) -> Answer<Vec<Dependent>> {
    answer(workspace.variable_dependents(id))
}
