//! Versions of connectors on the agents' disks.

use super::{Answer, Done, answer};
use crate::workspace::{QuarantinedVersion, StoredVersion, Workspace};
use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn router() -> OpenApiRouter<Workspace> {
    OpenApiRouter::new()
        .routes(routes!(stored))
        .routes(routes!(quarantine))
        .routes(routes!(lift))
}

#[derive(Deserialize, ToSchema)]
struct Lift {
    connector: String,
    version: String,
}

/// The versions on all agents' disks.
#[utoipa::path(get, path = "/versions", tag = "connectors", responses((status = 200, body = Vec<StoredVersion>)))]
async fn stored(State(workspace): State<Workspace>) -> Answer<Vec<StoredVersion>> {
    answer(workspace.stored_versions())
}

/// The versions that broke down lately, and since when they are not used.
#[utoipa::path(get, path = "/quarantine", tag = "connectors", responses((status = 200, body = Vec<QuarantinedVersion>)))]
async fn quarantine(State(workspace): State<Workspace>) -> Answer<Vec<QuarantinedVersion>> {
    answer(workspace.quarantine())
}

/// Lets a version be used again, on all agents.
#[utoipa::path(post, path = "/quarantine/lift", tag = "connectors", request_body = Lift, responses((status = 200, body = Done)))]
async fn lift(State(workspace): State<Workspace>, Json(lift): Json<Lift>) -> Answer<Done> {
    workspace.lift_quarantine(&lift.connector, &lift.version)?;
    Ok(Json(Done { done: true }))
}
