//! Activities.

use super::{Answer, Done, Rename, answer, done};
use crate::workspace::{Activity, ActivityDraft, ActivityId, ConnectionId, Dependent, Workspace};
use axum::Json;
use axum::extract::{Path, State};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn router() -> OpenApiRouter<Workspace> {
    OpenApiRouter::new()
        .routes(routes!(activities, create_activity))
        .routes(routes!(activity, update_activity, delete_activity))
        .routes(routes!(rename_activity))
        .routes(routes!(duplicate_activity))
        .routes(routes!(activity_dependents))
}

#[derive(Deserialize, ToSchema)]
struct SaveActivity {
    revision: i64,
    draft: ActivityDraft,
}

/// The activities of a connection.
#[utoipa::path(get, path = "/connections/{id}/activities", tag = "activities", params(("id" = i64, Path, description = "Its number")), responses((status = 200, body = Vec<Activity>)))]
async fn activities(
    State(workspace): State<Workspace>,
    Path(id): Path<ConnectionId>,
) -> Answer<Vec<Activity>> {
    answer(workspace.activities(id))
}

/// Makes an activity.
#[utoipa::path(post, path = "/connections/{id}/activities", tag = "activities", params(("id" = i64, Path, description = "Its number")), request_body = ActivityDraft, responses((status = 200, body = Activity)))]
async fn create_activity(
    State(workspace): State<Workspace>,
    Path(id): Path<ConnectionId>,
    Json(draft): Json<ActivityDraft>,
) -> Answer<Activity> {
    answer(workspace.create_activity(id, draft).await)
}

/// One activity.
#[utoipa::path(get, path = "/activities/{id}", tag = "activities", params(("id" = i64, Path, description = "Its number")), responses((status = 200, body = Activity)))]
async fn activity(
    State(workspace): State<Workspace>,
    Path(id): Path<ActivityId>,
) -> Answer<Activity> {
    answer(workspace.activity(id))
}

/// Saves an activity.
#[utoipa::path(put, path = "/activities/{id}", tag = "activities", params(("id" = i64, Path, description = "Its number")), request_body = SaveActivity, responses((status = 200, body = Activity)))]
async fn update_activity(
    State(workspace): State<Workspace>,
    Path(id): Path<ActivityId>,
    Json(save): Json<SaveActivity>,
) -> Answer<Activity> {
    answer(
        workspace
            .update_activity(id, save.revision, save.draft)
            .await,
    )
}

/// Deletes an activity.
#[utoipa::path(delete, path = "/activities/{id}", tag = "activities", params(("id" = i64, Path, description = "Its number")), responses((status = 200, body = Done)))]
async fn delete_activity(
    State(workspace): State<Workspace>,
    Path(id): Path<ActivityId>,
) -> Answer<Done> {
    done(workspace.delete_activity(id))
}

/// Renames an activity.
#[utoipa::path(post, path = "/activities/{id}/rename", tag = "activities", params(("id" = i64, Path, description = "Its number")), request_body = Rename, responses((status = 200, body = Activity)))]
async fn rename_activity(
    State(workspace): State<Workspace>,
    Path(id): Path<ActivityId>,
    Json(rename): Json<Rename>,
) -> Answer<Activity> {
    answer(workspace.rename_activity(id, rename.revision, &rename.name))
}

/// Makes a copy of an activity.
#[utoipa::path(post, path = "/activities/{id}/duplicate", tag = "activities", params(("id" = i64, Path, description = "Its number")), responses((status = 200, body = Activity)))]
async fn duplicate_activity(
    State(workspace): State<Workspace>,
    Path(id): Path<ActivityId>,
) -> Answer<Activity> {
    answer(workspace.duplicate_activity(id))
}

/// The operations that use an activity.
#[utoipa::path(get, path = "/activities/{id}/dependents", tag = "activities", params(("id" = i64, Path, description = "Its number")), responses((status = 200, body = Vec<Dependent>)))]
async fn activity_dependents(
    State(workspace): State<Workspace>,
    Path(id): Path<ActivityId>,
) -> Answer<Vec<Dependent>> {
    answer(workspace.activity_dependents(id))
}
