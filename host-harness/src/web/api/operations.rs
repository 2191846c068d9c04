//! Operations.

use super::{Answer, Done, Rename, answer, done};
use crate::runtime::Plan;
use crate::workspace::{
    Dependent, EnvironmentId, Operation, OperationDraft, OperationId, Preview, ProjectId, RunId,
    Validation, Workspace,
};
use axum::Json;
use axum::extract::{Path, State};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn router() -> OpenApiRouter<Workspace> {
    OpenApiRouter::new()
        .routes(routes!(operations, create_operation))
        .routes(routes!(operation, update_operation, delete_operation))
        .routes(routes!(rename_operation))
        .routes(routes!(duplicate_operation))
        .routes(routes!(operation_dependents))
        .routes(routes!(validate_operation))
        .routes(routes!(preview_operation))
        .routes(routes!(run_operation))
        .routes(routes!(plan_operation))
        .routes(routes!(start_operation_over))
}

#[derive(Deserialize, ToSchema)]
struct SaveOperation {
    revision: i64,
    draft: OperationDraft,
}

#[derive(Deserialize, ToSchema)]
struct Look {
    environment: EnvironmentId,
    /// As it stands on the screen; absent: as it is saved.
    #[serde(default)]
    draft: Option<OperationDraft>,
    /// Records of a preview.
    #[serde(default)]
    count: Option<usize>,
}

#[derive(serde::Serialize, ToSchema)]
struct Started {
    run: RunId,
}

/// The operations of a project.
#[utoipa::path(get, path = "/projects/{id}/operations", tag = "operations", params(("id" = i64, Path, description = "Its number")), responses((status = 200, body = Vec<Operation>)))]
async fn operations(
    State(workspace): State<Workspace>,
    Path(id): Path<ProjectId>,
) -> Answer<Vec<Operation>> {
    answer(workspace.operations(id))
}

/// Makes an operation.
#[utoipa::path(post, path = "/projects/{id}/operations", tag = "operations", params(("id" = i64, Path, description = "Its number")), request_body = OperationDraft, responses((status = 200, body = Operation)))]
async fn create_operation(
    State(workspace): State<Workspace>,
    Path(id): Path<ProjectId>,
    Json(draft): Json<OperationDraft>,
) -> Answer<Operation> {
    answer(workspace.create_operation(id, &draft))
}

/// One operation.
#[utoipa::path(get, path = "/operations/{id}", tag = "operations", params(("id" = i64, Path, description = "Its number")), responses((status = 200, body = Operation)))]
async fn operation(
    State(workspace): State<Workspace>,
    Path(id): Path<OperationId>,
) -> Answer<Operation> {
    answer(workspace.operation(id))
}

/// Saves an operation.
#[utoipa::path(put, path = "/operations/{id}", tag = "operations", params(("id" = i64, Path, description = "Its number")), request_body = SaveOperation, responses((status = 200, body = Operation)))]
async fn update_operation(
    State(workspace): State<Workspace>,
    Path(id): Path<OperationId>,
    Json(save): Json<SaveOperation>,
) -> Answer<Operation> {
    answer(workspace.update_operation(id, save.revision, &save.draft))
}

/// Deletes an operation.
#[utoipa::path(delete, path = "/operations/{id}", tag = "operations", params(("id" = i64, Path, description = "Its number")), responses((status = 200, body = Done)))]
async fn delete_operation(
    State(workspace): State<Workspace>,
    Path(id): Path<OperationId>,
) -> Answer<Done> {
    done(workspace.delete_operation(id))
}

/// Renames an operation.
#[utoipa::path(post, path = "/operations/{id}/rename", tag = "operations", params(("id" = i64, Path, description = "Its number")), request_body = Rename, responses((status = 200, body = Operation)))]
async fn rename_operation(
    State(workspace): State<Workspace>,
    Path(id): Path<OperationId>,
    Json(rename): Json<Rename>,
) -> Answer<Operation> {
    answer(workspace.rename_operation(id, rename.revision, &rename.name))
}

/// Makes a copy of an operation.
#[utoipa::path(post, path = "/operations/{id}/duplicate", tag = "operations", params(("id" = i64, Path, description = "Its number")), responses((status = 200, body = Operation)))]
async fn duplicate_operation(
    State(workspace): State<Workspace>,
    Path(id): Path<OperationId>,
) -> Answer<Operation> {
    answer(workspace.duplicate_operation(id))
}

/// What runs an operation after itself.
#[utoipa::path(get, path = "/operations/{id}/dependents", tag = "operations", params(("id" = i64, Path, description = "Its number")), responses((status = 200, body = Vec<Dependent>)))]
async fn operation_dependents(
    State(workspace): State<Workspace>,
    Path(id): Path<OperationId>,
) -> Answer<Vec<Dependent>> {
    answer(workspace.operation_dependents(id))
}

/// Whether an operation can run, saved or as it stands on the screen.
#[utoipa::path(post, path = "/operations/{id}/validate", tag = "operations", params(("id" = i64, Path, description = "Its number")), request_body = Look, responses((status = 200, body = Validation)))]
async fn validate_operation(
    State(workspace): State<Workspace>,
    Path(id): Path<OperationId>,
    Json(look): Json<Look>,
) -> Answer<Validation> {
    let operation = workspace.operation(id)?;
    let draft = look.draft.unwrap_or_else(|| operation.clone().into());
    answer(
        workspace
            .validate_operation(operation.project, Some(id), &draft, look.environment)
            .await,
    )
}

/// What an operation would do with the first records of its source.
#[utoipa::path(post, path = "/operations/{id}/preview", tag = "operations", params(("id" = i64, Path, description = "Its number")), request_body = Look, responses((status = 200, body = Preview)))]
async fn preview_operation(
    State(workspace): State<Workspace>,
    Path(id): Path<OperationId>,
    Json(look): Json<Look>,
) -> Answer<Preview> {
    let draft = match look.draft {
        Some(draft) => draft,
        None => workspace.operation(id)?.into(),
    };
    answer(
        workspace
            .preview_operation(&draft, look.environment, look.count.unwrap_or(5))
            .await,
    )
}

/// What the ends of an operation would send.
#[derive(serde::Serialize, ToSchema)]
struct OperationPlan {
    /// `source` or `target`.
    end: &'static str,
    #[serde(flatten)]
    plan: Plan,
}

#[derive(Deserialize, ToSchema)]
struct LookAhead {
    environment: EnvironmentId,
    /// Whether the remote systems may be read to say how much there is.
    #[serde(default)]
    look: bool,
}

/// What an operation would send, without running it.
#[utoipa::path(post, path = "/operations/{id}/plan", tag = "operations", params(("id" = i64, Path, description = "Its number")), request_body = LookAhead, responses((status = 200, body = Vec<OperationPlan>)))]
async fn plan_operation(
    State(workspace): State<Workspace>,
    Path(id): Path<OperationId>,
    Json(ahead): Json<LookAhead>,
) -> Answer<Vec<OperationPlan>> {
    let plans = workspace
        .plan_operation(id, ahead.environment, ahead.look)
        .await?;
    let plans = plans.into_iter();
    Ok(Json(
        plans
            .map(|(end, plan)| OperationPlan { end, plan })
            .collect(),
    ))
}

/// Forgets where the source of an operation goes on: the next run starts anew.
#[utoipa::path(post, path = "/operations/{id}/start-over", tag = "operations", params(("id" = i64, Path, description = "Its number")), responses((status = 200, body = Done)))]
async fn start_operation_over(
    State(workspace): State<Workspace>,
    Path(id): Path<OperationId>,
) -> Answer<Done> {
    done(workspace.start_over(id))
}

/// Starts an operation.
#[utoipa::path(post, path = "/operations/{id}/run", tag = "operations", params(("id" = i64, Path, description = "Its number")), request_body = Look, responses((status = 200, body = Started)))]
async fn run_operation(
    State(workspace): State<Workspace>,
    Path(id): Path<OperationId>,
    Json(look): Json<Look>,
) -> Answer<Started> {
    let run = workspace.start_run(id, look.environment).await?;
    Ok(Json(Started { run }))
}
