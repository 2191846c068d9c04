//! The HTTP API: what the screen uses, and any program may.

mod activities;
mod connections;
mod error;
mod files;
mod operations;
mod organization;
mod runs;
mod shadow;
mod variables;
mod versions;

use crate::workspace::Workspace;
use axum::response::{IntoResponse, Json, Response};
use axum::routing::get;
use error::ApiError;
use serde::{Deserialize, Serialize};
use utoipa::{OpenApi, ToSchema};
use utoipa_axum::router::OpenApiRouter;

/// What a handler answers.
type Answer<T> = Result<Json<T>, ApiError>;

fn answer<T: Serialize>(done: Result<T, crate::workspace::WorkspaceError>) -> Answer<T> {
    Ok(Json(done?))
}

/// Nothing to say but that it was done.
#[derive(Serialize, ToSchema)]
struct Done {
    done: bool,
}

fn done(done: Result<(), crate::workspace::WorkspaceError>) -> Answer<Done> {
    done?;
    Ok(Json(Done { done: true }))
}

/// A new name for something.
#[derive(Deserialize, ToSchema)]
struct Rename {
    /// The revision that was seen.
    revision: i64,
    /// The new name.
    name: String,
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Integration harness",
        description = "Connections, activities, operations and runs. Send the token or password \
            as `Authorization: Bearer`. Errors have the form `{\"error\": {\"code\", \"message\", \
            \"findings\", \"dependents\", \"secrets\"}}`. Everything that is saved has a \
            `revision`; saving takes the one that was seen, and a stale one is refused."
    ),
    servers((url = "/api/v1"))
)]
struct Document;

/// All routes, and the document that describes them.
pub(super) fn router(workspace: Workspace) -> axum::Router {
    let (router, document) = OpenApiRouter::with_openapi(Document::openapi())
        .merge(organization::router())
        .merge(variables::router())
        .merge(connections::router())
        .merge(connections::publishing(&workspace))
        .merge(activities::router())
        .merge(operations::router())
        .merge(runs::router())
        .merge(files::router())
        .merge(versions::router())
        .merge(shadow::router())
        .split_for_parts();
    router
        .route(
            "/openapi.json",
            get(move || async move { Json(document).into_response() }),
        )
        .fallback(nowhere)
        .with_state(workspace)
}

async fn nowhere() -> Response {
    ApiError::nowhere().into_response()
}
