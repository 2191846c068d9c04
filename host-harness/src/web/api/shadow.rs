//! Shadow runs: an activity through two versions of its connector.

use super::{Answer, answer};
use crate::workspace::{ShadowDraft, ShadowRun, Workspace};
use axum::Json;
use axum::extract::{Path, State};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn router() -> OpenApiRouter<Workspace> {
    OpenApiRouter::new()
        .routes(routes!(shadows, start_shadow))
        .routes(routes!(shadow))
        .routes(routes!(cancel_shadow))
}

/// The shadow runs of this process, the newest first.
#[utoipa::path(get, path = "/shadow-runs", tag = "connectors", responses((status = 200, body = Vec<ShadowRun>)))]
async fn shadows(State(workspace): State<Workspace>) -> Json<Vec<ShadowRun>> {
    Json(workspace.shadows())
}

/// Begins to read an activity through two versions of its connector, and to compare.
#[utoipa::path(post, path = "/shadow-runs", tag = "connectors", request_body = ShadowDraft, responses((status = 200, body = ShadowRun)))]
async fn start_shadow(
    State(workspace): State<Workspace>,
    Json(draft): Json<ShadowDraft>,
) -> Answer<ShadowRun> {
    answer(workspace.start_shadow(draft).await)
}

/// One shadow run: how far it is, and how the two versions differ.
#[utoipa::path(get, path = "/shadow-runs/{id}", tag = "connectors", params(("id" = u64, Path, description = "Its number")), responses((status = 200, body = ShadowRun)))]
async fn shadow(State(workspace): State<Workspace>, Path(id): Path<u64>) -> Answer<ShadowRun> {
    answer(workspace.shadow(id))
}

/// Ends a shadow run.
#[utoipa::path(post, path = "/shadow-runs/{id}/cancel", tag = "connectors", params(("id" = u64, Path, description = "Its number")), responses((status = 200, body = ShadowRun)))]
async fn cancel_shadow(
    State(workspace): State<Workspace>,
    Path(id): Path<u64>,
) -> Answer<ShadowRun> {
    answer(workspace.cancel_shadow(id))
}
