//! Connectors and connections.

use super::error::ApiError;
use super::{Answer, Done, Rename, answer, done};
use crate::connection::LimitForm;
use crate::form::Finding;
use crate::workspace::{
    ActivityType, Connection, ConnectionDraft, ConnectionId, ConnectorVersions, Dependent,
    EnvironmentId, Form, Object, ProjectId, Shape, TestReport, Workspace,
};
use axum::Json;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, Query, State};
use axum::http::StatusCode;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn router() -> OpenApiRouter<Workspace> {
    OpenApiRouter::new()
        .routes(routes!(connectors))
        .routes(routes!(limits))
        .routes(routes!(form))
        .routes(routes!(connections, create_connection))
        .routes(routes!(check_connection))
        .routes(routes!(test_connection))
        .routes(routes!(connection, update_connection, delete_connection))
        .routes(routes!(rename_connection))
        .routes(routes!(duplicate_connection))
        .routes(routes!(connection_dependents))
        .routes(routes!(activity_types))
        .routes(routes!(objects))
        .routes(routes!(shape))
}

/// A component is larger than other bodies.
pub(super) fn publishing(workspace: &Workspace) -> OpenApiRouter<Workspace> {
    OpenApiRouter::new()
        .routes(routes!(publish))
        .layer(DefaultBodyLimit::max(workspace.largest_component()))
}

#[derive(serde::Serialize, ToSchema)]
struct PublishedVersion {
    name: String,
    version: String,
    digest: String,
    bytes: u64,
}

/// Publishes a component, a .wasm file, under its own name and version.
#[utoipa::path(post, path = "/connectors/publish", tag = "connectors",
    request_body(content = Vec<u8>, content_type = "application/wasm"),
    responses((status = 200, body = PublishedVersion)))]
async fn publish(State(workspace): State<Workspace>, component: Bytes) -> Answer<PublishedVersion> {
    if component.is_empty() {
        return Err(ApiError::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "refused",
            "send the component as the body of the request",
        ));
    }
    let published = workspace.publish(component.to_vec()).await?;
    Ok(Json(PublishedVersion {
        name: published.name.to_string(),
        version: published.version.to_string(),
        digest: published.digest.to_string(),
        bytes: published.size,
    }))
}

#[derive(Deserialize, IntoParams)]
struct OfVersion {
    /// `newest`, or one such as `1.2.3`.
    version: Option<String>,
}

#[derive(Deserialize, IntoParams)]
struct OfObjects {
    /// The environment to look in.
    #[param(value_type = i64)]
    environment: EnvironmentId,
    /// Only those whose name or title contains this.
    search: Option<String>,
}

#[derive(Deserialize, IntoParams)]
struct OfShape {
    /// The environment to look in.
    #[param(value_type = i64)]
    environment: EnvironmentId,
    activity: String,
    object: String,
    /// Asks the remote system anew for what is its own, as custom fields are.
    #[serde(default)]
    refresh: bool,
}

#[derive(Deserialize, ToSchema)]
struct Check {
    project: ProjectId,
    /// The saved connection, where it is one.
    #[serde(default)]
    id: Option<ConnectionId>,
    draft: ConnectionDraft,
}

#[derive(serde::Serialize, ToSchema)]
struct Checked {
    findings: Vec<Finding>,
    /// Saved secrets that have to be typed again.
    retype: Vec<String>,
}

impl Check {
    async fn run(self, workspace: &Workspace) -> Result<Checked, crate::workspace::WorkspaceError> {
        let findings = workspace
            .check_connection(self.project, self.id, &self.draft)
            .await?;
        let retype = match self.id {
            Some(id) => workspace.secrets_to_retype(id, &self.draft).await?,
            None => Default::default(),
        };
        Ok(Checked {
            findings,
            retype: retype.into_iter().collect(),
        })
    }
}

#[derive(Deserialize, ToSchema)]
struct Test {
    project: ProjectId,
    environment: EnvironmentId,
    /// The saved connection, where it is one.
    #[serde(default)]
    id: Option<ConnectionId>,
    draft: ConnectionDraft,
}

#[derive(Deserialize, ToSchema)]
struct SaveConnection {
    revision: i64,
    draft: ConnectionDraft,
}

/// The connectors in the registry.
#[utoipa::path(get, path = "/connectors", tag = "connectors", responses((status = 200, body = Vec<ConnectorVersions>)))]
async fn connectors(State(workspace): State<Workspace>) -> Answer<Vec<ConnectorVersions>> {
    answer(workspace.connectors().await)
}

/// The limits that a connection can have, with their defaults and bounds.
#[utoipa::path(get, path = "/limits", tag = "connections", responses((status = 200, body = Vec<LimitForm>)))]
async fn limits(State(workspace): State<Workspace>) -> Json<Vec<LimitForm>> {
    Json(workspace.limits())
}

/// The form of a connector's connections.
#[utoipa::path(get, path = "/connectors/{name}/form", tag = "connectors", params(("name" = String, Path, description = "The connector"), OfVersion), responses((status = 200, body = Form)))]
async fn form(
    State(workspace): State<Workspace>,
    Path(name): Path<String>,
    Query(of): Query<OfVersion>,
) -> Answer<Form> {
    answer(
        workspace
            .form(&name, of.version.as_deref().unwrap_or("newest"))
            .await,
    )
}

/// The connections of a project.
#[utoipa::path(get, path = "/projects/{id}/connections", tag = "connections", params(("id" = i64, Path, description = "Its number")), responses((status = 200, body = Vec<Connection>)))]
async fn connections(
    State(workspace): State<Workspace>,
    Path(id): Path<ProjectId>,
) -> Answer<Vec<Connection>> {
    answer(workspace.connections(id))
}

/// Makes a connection.
#[utoipa::path(post, path = "/projects/{id}/connections", tag = "connections", params(("id" = i64, Path, description = "Its number")), request_body = ConnectionDraft, responses((status = 200, body = Connection)))]
async fn create_connection(
    State(workspace): State<Workspace>,
    Path(id): Path<ProjectId>,
    Json(draft): Json<ConnectionDraft>,
) -> Answer<Connection> {
    answer(workspace.create_connection(id, draft).await)
}

/// What is wrong with a connection as it is typed, and which secrets have to be typed again.
#[utoipa::path(post, path = "/connections/check", tag = "connections", request_body = Check, responses((status = 200, body = Checked)))]
async fn check_connection(
    State(workspace): State<Workspace>,
    Json(check): Json<Check>,
) -> Answer<Checked> {
    answer(check.run(&workspace).await)
}

/// Tests a connection as it stands on the screen, on every agent of the environment.
#[utoipa::path(post, path = "/connections/test", tag = "connections", request_body = Test, responses((status = 200, body = TestReport)))]
async fn test_connection(
    State(workspace): State<Workspace>,
    Json(test): Json<Test>,
) -> Answer<TestReport> {
    answer(
        workspace
            .test_connection(test.project, test.environment, test.id, &test.draft)
            .await,
    )
}

/// One connection.
#[utoipa::path(get, path = "/connections/{id}", tag = "connections", params(("id" = i64, Path, description = "Its number")), responses((status = 200, body = Connection)))]
async fn connection(
    State(workspace): State<Workspace>,
    Path(id): Path<ConnectionId>,
) -> Answer<Connection> {
    answer(workspace.connection(id))
}

/// Saves a connection.
#[utoipa::path(put, path = "/connections/{id}", tag = "connections", params(("id" = i64, Path, description = "Its number")), request_body = SaveConnection, responses((status = 200, body = Connection)))]
async fn update_connection(
    State(workspace): State<Workspace>,
    Path(id): Path<ConnectionId>,
    Json(save): Json<SaveConnection>,
) -> Answer<Connection> {
    answer(
        workspace
            .update_connection(id, save.revision, save.draft)
            .await,
    )
}

/// Deletes a connection.
#[utoipa::path(delete, path = "/connections/{id}", tag = "connections", params(("id" = i64, Path, description = "Its number")), responses((status = 200, body = Done)))]
async fn delete_connection(
    State(workspace): State<Workspace>,
    Path(id): Path<ConnectionId>,
) -> Answer<Done> {
    done(workspace.delete_connection(id))
}

/// Renames a connection.
#[utoipa::path(post, path = "/connections/{id}/rename", tag = "connections", params(("id" = i64, Path, description = "Its number")), request_body = Rename, responses((status = 200, body = Connection)))]
async fn rename_connection(
    State(workspace): State<Workspace>,
    Path(id): Path<ConnectionId>,
    Json(rename): Json<Rename>,
) -> Answer<Connection> {
    answer(workspace.rename_connection(id, rename.revision, &rename.name))
}

/// Makes a copy of a connection.
#[utoipa::path(post, path = "/connections/{id}/duplicate", tag = "connections", params(("id" = i64, Path, description = "Its number")), responses((status = 200, body = Connection)))]
async fn duplicate_connection(
    State(workspace): State<Workspace>,
    Path(id): Path<ConnectionId>,
) -> Answer<Connection> {
    answer(workspace.duplicate_connection(id))
}

/// What uses a connection.
#[utoipa::path(get, path = "/connections/{id}/dependents", tag = "connections", params(("id" = i64, Path, description = "Its number")), responses((status = 200, body = Vec<Dependent>)))]
async fn connection_dependents(
    State(workspace): State<Workspace>,
    Path(id): Path<ConnectionId>,
) -> Answer<Vec<Dependent>> {
    answer(workspace.connection_dependents(id))
}

/// The types of activity that a connection offers.
#[utoipa::path(get, path = "/connections/{id}/activity-types", tag = "connections", params(("id" = i64, Path, description = "Its number")), responses((status = 200, body = Vec<ActivityType>)))]
async fn activity_types(
    State(workspace): State<Workspace>,
    Path(id): Path<ConnectionId>,
) -> Answer<Vec<ActivityType>> {
    answer(workspace.activity_types(id).await)
}

/// The kinds of records that the remote system has.
#[utoipa::path(get, path = "/connections/{id}/objects", tag = "connections", params(("id" = i64, Path, description = "Its number"), OfObjects), responses((status = 200, body = Vec<Object>)))]
async fn objects(
    State(workspace): State<Workspace>,
    Path(id): Path<ConnectionId>,
    Query(of): Query<OfObjects>,
) -> Answer<Vec<Object>> {
    answer(workspace.objects(id, of.environment, of.search).await)
}

/// What goes into an activity of an object, and what comes out.
#[utoipa::path(get, path = "/connections/{id}/shape", tag = "connections", params(("id" = i64, Path, description = "Its number"), OfShape), responses((status = 200, body = Shape)))]
async fn shape(
    State(workspace): State<Workspace>,
    Path(id): Path<ConnectionId>,
    Query(of): Query<OfShape>,
) -> Answer<Shape> {
    answer(
        workspace
            .shape(id, of.environment, &of.activity, &of.object, of.refresh)
            .await,
    )
}
