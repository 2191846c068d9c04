//! Runs.

use super::{Answer, Done, answer, done};
use crate::workspace::{
    OperationId, ProjectId, Rejection, Run, RunFilter, RunId, RunState, Workspace,
};
use axum::Json;
use axum::extract::{Path, Query, State};
use axum::response::IntoResponse;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures::stream;
use serde::Deserialize;
use std::convert::Infallible;
use std::time::Duration;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn router() -> OpenApiRouter<Workspace> {
    OpenApiRouter::new()
        .routes(routes!(runs))
        .routes(routes!(run))
        .routes(routes!(events))
        .routes(routes!(rejected))
        .routes(routes!(cancel))
        .routes(routes!(rerun_rejected))
        .routes(routes!(resume))
}

/// How often a run under way is told.
const TOLD_EVERY: Duration = Duration::from_millis(300);

#[derive(Deserialize, IntoParams)]
struct Of {
    /// Of this project.
    #[param(value_type = Option<i64>)]
    project: Option<ProjectId>,
    /// Of this operation.
    #[param(value_type = Option<i64>)]
    operation: Option<OperationId>,
    /// In this state.
    #[param(value_type = Option<String>)]
    state: Option<RunState>,
    /// At most so many.
    count: Option<u32>,
}

#[derive(Deserialize, IntoParams)]
struct Page {
    /// Only those after this number.
    after: Option<u64>,
    /// At most so many, and at most 1000.
    count: Option<u32>,
}

#[derive(Deserialize, ToSchema)]
struct Again {
    /// Those too that may have been written all the same.
    #[serde(default)]
    uncertain: bool,
}

#[derive(serde::Serialize, ToSchema)]
struct Begun {
    run: RunId,
}

/// A run as it goes: an event `run` with the run as JSON, about three times a
/// second until it has ended.
#[utoipa::path(get, path = "/runs/{id}/events", tag = "runs",
    params(("id" = i64, Path, description = "Its number")),
    responses((status = 200, content_type = "text/event-stream", body = String)))]
async fn events(
    State(workspace): State<Workspace>,
    Path(id): Path<RunId>,
) -> Result<axum::response::Response, super::error::ApiError> {
    workspace.run(id)?;
    let runs = stream::unfold(Some(Duration::ZERO), move |wait| {
        let workspace = workspace.clone();
        async move {
            tokio::time::sleep(wait?).await;
            let run = workspace.run(id).ok()?;
            let more = (run.state == RunState::Running).then_some(TOLD_EVERY);
            let event = Event::default().event("run").json_data(&run).ok()?;
            Some((Ok::<_, Infallible>(event), more))
        }
    });
    Ok(Sse::new(runs)
        .keep_alive(KeepAlive::default())
        .into_response())
}

/// Runs, the newest first.
#[utoipa::path(get, path = "/runs", tag = "runs", params(Of), responses((status = 200, body = Vec<Run>)))]
async fn runs(State(workspace): State<Workspace>, Query(of): Query<Of>) -> Answer<Vec<Run>> {
    answer(workspace.runs(RunFilter {
        project: of.project,
        operation: of.operation,
        state: of.state,
        count: of.count,
    }))
}

/// One run.
#[utoipa::path(get, path = "/runs/{id}", tag = "runs", params(("id" = i64, Path, description = "Its number")), responses((status = 200, body = Run)))]
async fn run(State(workspace): State<Workspace>, Path(id): Path<RunId>) -> Answer<Run> {
    answer(workspace.run(id))
}

/// The rejected records of a run, in order.
#[utoipa::path(get, path = "/runs/{id}/rejected", tag = "runs", params(("id" = i64, Path, description = "Its number"), Page), responses((status = 200, body = Vec<Rejection>)))]
async fn rejected(
    State(workspace): State<Workspace>,
    Path(id): Path<RunId>,
    Query(page): Query<Page>,
) -> Answer<Vec<Rejection>> {
    answer(workspace.rejected(
        id,
        page.after.unwrap_or(0),
        page.count.unwrap_or(100).min(1000),
    ))
}

/// Asks a run to stop; asked again, what is under way is given up.
#[utoipa::path(post, path = "/runs/{id}/cancel", tag = "runs", params(("id" = i64, Path, description = "Its number")), responses((status = 200, body = Done)))]
async fn cancel(State(workspace): State<Workspace>, Path(id): Path<RunId>) -> Answer<Done> {
    done(workspace.cancel_run(id))
}

/// Tries the rejected records of a run again.
#[utoipa::path(post, path = "/runs/{id}/rerun-rejected", tag = "runs", params(("id" = i64, Path, description = "Its number")), request_body = Again, responses((status = 200, body = Begun)))]
async fn rerun_rejected(
    State(workspace): State<Workspace>,
    Path(id): Path<RunId>,
    Json(again): Json<Again>,
) -> Answer<Begun> {
    let run = workspace.rerun_rejected(id, again.uncertain).await?;
    Ok(Json(Begun { run }))
}

/// Goes on where a run was broken off.
#[utoipa::path(post, path = "/runs/{id}/resume", tag = "runs", params(("id" = i64, Path, description = "Its number")), responses((status = 200, body = Begun)))]
async fn resume(State(workspace): State<Workspace>, Path(id): Path<RunId>) -> Answer<Begun> {
    let run = workspace.resume_run(id).await?;
    Ok(Json(Begun { run }))
}
