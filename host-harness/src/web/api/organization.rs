//! The organization, its environments, groups, agents and projects.

use super::{Answer, Done, Rename, answer, done};
use crate::workspace::{
    Agent, AgentDraft, AgentGroup, AgentId, Environment, EnvironmentId, EnvironmentKind, GroupId,
    GroupKind, JoinedAgents, Organization, Policies, Project, ProjectId, ProxySettings, Workspace,
};
use axum::Json;
use axum::extract::{Path, State};
use secrecy::SecretString;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn router() -> OpenApiRouter<Workspace> {
    OpenApiRouter::new()
        .routes(routes!(organization, save_organization))
        .routes(routes!(environments, create_environment))
        .routes(routes!(update_environment, delete_environment))
        .routes(routes!(groups, create_group))
        .routes(routes!(update_group, delete_group))
        .routes(routes!(agents, create_agent))
        .routes(routes!(update_agent, delete_agent))
        .routes(routes!(joined_agents))
        .routes(routes!(join_group))
        .routes(routes!(projects, create_project))
        .routes(routes!(rename_project, delete_project))
}

#[derive(Deserialize, ToSchema)]
struct SaveOrganization {
    revision: i64,
    name: String,
    policies: Policies,
}

#[derive(Deserialize, ToSchema)]
struct NewEnvironment {
    name: String,
    kind: EnvironmentKind,
    group: GroupId,
}

#[derive(Deserialize, ToSchema)]
struct SaveEnvironment {
    revision: i64,
    name: String,
    kind: EnvironmentKind,
    group: GroupId,
}

#[derive(Deserialize, ToSchema)]
struct NewGroup {
    name: String,
    kind: GroupKind,
}

#[derive(Deserialize, ToSchema)]
struct SaveGroup {
    revision: i64,
    name: String,
    kind: GroupKind,
}

/// Under which name agents join a group over NATS.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
struct JoinGroup {
    revision: i64,
    /// Absent: they do not.
    #[serde(default)]
    joined_as: Option<String>,
}

#[derive(Deserialize, ToSchema)]
struct NewProject {
    name: String,
}

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
struct NewAgent {
    name: String,
    group: GroupId,
    #[serde(default)]
    proxy: Option<ProxySettings>,
    /// The saved one is kept where it is absent.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    proxy_password: Option<SecretString>,
    /// Certificate authorities to trust beside the system's, as PEM.
    #[serde(default)]
    certificates: String,
}

/// Not flattened of [`NewAgent`]: serde would keep a copy of the password that
/// nobody wipes.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
struct SaveAgent {
    revision: i64,
    name: String,
    group: GroupId,
    #[serde(default)]
    proxy: Option<ProxySettings>,
    /// The saved one is kept where it is absent.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    proxy_password: Option<SecretString>,
    /// Certificate authorities to trust beside the system's, as PEM.
    #[serde(default)]
    certificates: String,
}

/// The organization and its policies.
#[utoipa::path(get, path = "/organization", tag = "organization", responses((status = 200, body = Organization)))]
async fn organization(State(workspace): State<Workspace>) -> Answer<Organization> {
    answer(workspace.organization())
}

/// Saves the organization and its policies.
#[utoipa::path(put, path = "/organization", tag = "organization", request_body = SaveOrganization, responses((status = 200, body = Organization)))]
async fn save_organization(
    State(workspace): State<Workspace>,
    Json(save): Json<SaveOrganization>,
) -> Answer<Organization> {
    answer(workspace.update_organization(save.revision, &save.name, save.policies))
}

/// All environments.
#[utoipa::path(get, path = "/environments", tag = "organization", responses((status = 200, body = Vec<Environment>)))]
async fn environments(State(workspace): State<Workspace>) -> Answer<Vec<Environment>> {
    answer(workspace.environments())
}

/// Makes an environment.
#[utoipa::path(post, path = "/environments", tag = "organization", request_body = NewEnvironment, responses((status = 200, body = Environment)))]
async fn create_environment(
    State(workspace): State<Workspace>,
    Json(new): Json<NewEnvironment>,
) -> Answer<Environment> {
    answer(workspace.create_environment(&new.name, new.kind, new.group))
}

/// Saves an environment.
#[utoipa::path(put, path = "/environments/{id}", tag = "organization", params(("id" = i64, Path, description = "Its number")), request_body = SaveEnvironment, responses((status = 200, body = Environment)))]
async fn update_environment(
    State(workspace): State<Workspace>,
    Path(id): Path<EnvironmentId>,
    Json(save): Json<SaveEnvironment>,
) -> Answer<Environment> {
    answer(workspace.update_environment(id, save.revision, &save.name, save.kind, save.group))
}

/// Deletes an environment.
#[utoipa::path(delete, path = "/environments/{id}", tag = "organization", params(("id" = i64, Path, description = "Its number")), responses((status = 200, body = Done)))]
async fn delete_environment(
    State(workspace): State<Workspace>,
    Path(id): Path<EnvironmentId>,
) -> Answer<Done> {
    done(workspace.delete_environment(id))
}

/// All groups of agents.
#[utoipa::path(get, path = "/agent-groups", tag = "organization", responses((status = 200, body = Vec<AgentGroup>)))]
async fn groups(State(workspace): State<Workspace>) -> Answer<Vec<AgentGroup>> {
    answer(workspace.groups())
}

/// Makes a group of agents.
#[utoipa::path(post, path = "/agent-groups", tag = "organization", request_body = NewGroup, responses((status = 200, body = AgentGroup)))]
async fn create_group(
    State(workspace): State<Workspace>,
    Json(new): Json<NewGroup>,
) -> Answer<AgentGroup> {
    answer(workspace.create_group(&new.name, new.kind))
}

/// Saves a group of agents.
#[utoipa::path(put, path = "/agent-groups/{id}", tag = "organization", params(("id" = i64, Path, description = "Its number")), request_body = SaveGroup, responses((status = 200, body = AgentGroup)))]
async fn update_group(
    State(workspace): State<Workspace>,
    Path(id): Path<GroupId>,
    Json(save): Json<SaveGroup>,
) -> Answer<AgentGroup> {
    answer(workspace.update_group(id, save.revision, &save.name, save.kind))
}

/// Deletes a group of agents.
#[utoipa::path(delete, path = "/agent-groups/{id}", tag = "organization", params(("id" = i64, Path, description = "Its number")), responses((status = 200, body = Done)))]
async fn delete_group(State(workspace): State<Workspace>, Path(id): Path<GroupId>) -> Answer<Done> {
    done(workspace.delete_group(id))
}

/// All agents, with the versions of connectors that they have.
#[utoipa::path(get, path = "/agents", tag = "organization", responses((status = 200, body = Vec<Agent>)))]
async fn agents(State(workspace): State<Workspace>) -> Answer<Vec<Agent>> {
    answer(workspace.agents())
}

/// Makes an agent.
#[utoipa::path(post, path = "/agents", tag = "organization", request_body = NewAgent, responses((status = 200, body = Agent)))]
async fn create_agent(
    State(workspace): State<Workspace>,
    Json(new): Json<NewAgent>,
) -> Answer<Agent> {
    answer(workspace.create_agent(AgentDraft {
        name: new.name,
        group: new.group,
        proxy: new.proxy,
        proxy_password: new.proxy_password,
        certificates: new.certificates,
    }))
}

/// Saves an agent.
#[utoipa::path(put, path = "/agents/{id}", tag = "organization", params(("id" = i64, Path, description = "Its number")), request_body = SaveAgent, responses((status = 200, body = Agent)))]
async fn update_agent(
    State(workspace): State<Workspace>,
    Path(id): Path<AgentId>,
    Json(save): Json<SaveAgent>,
) -> Answer<Agent> {
    let draft = AgentDraft {
        name: save.name,
        group: save.group,
        proxy: save.proxy,
        proxy_password: save.proxy_password,
        certificates: save.certificates,
    };
    answer(workspace.update_agent(id, save.revision, draft))
}

/// Deletes an agent.
#[utoipa::path(delete, path = "/agents/{id}", tag = "organization", params(("id" = i64, Path, description = "Its number")), responses((status = 200, body = Done)))]
async fn delete_agent(State(workspace): State<Workspace>, Path(id): Path<AgentId>) -> Answer<Done> {
    done(workspace.delete_agent(id))
}

/// The agents that have joined over NATS, group by group.
#[utoipa::path(get, path = "/joined-agents", tag = "organization", responses((status = 200, body = Vec<JoinedAgents>)))]
async fn joined_agents(State(workspace): State<Workspace>) -> Answer<Vec<JoinedAgents>> {
    answer(workspace.joined_agents().await)
}

/// Has agents join a group over NATS, or not any more.
#[utoipa::path(put, path = "/agent-groups/{id}/joined", tag = "organization", params(("id" = i64, Path, description = "Its number")), request_body = JoinGroup, responses((status = 200, body = AgentGroup)))]
async fn join_group(
    State(workspace): State<Workspace>,
    Path(id): Path<GroupId>,
    Json(join): Json<JoinGroup>,
) -> Answer<AgentGroup> {
    answer(workspace.join_group(id, join.revision, join.joined_as.as_deref()))
}

/// All projects.
#[utoipa::path(get, path = "/projects", tag = "projects", responses((status = 200, body = Vec<Project>)))]
async fn projects(State(workspace): State<Workspace>) -> Answer<Vec<Project>> {
    answer(workspace.projects())
}

/// Makes a project.
#[utoipa::path(post, path = "/projects", tag = "projects", request_body = NewProject, responses((status = 200, body = Project)))]
async fn create_project(
    State(workspace): State<Workspace>,
    Json(new): Json<NewProject>,
) -> Answer<Project> {
    answer(workspace.create_project(&new.name))
}

/// Renames a project.
#[utoipa::path(put, path = "/projects/{id}", tag = "projects", params(("id" = i64, Path, description = "Its number")), request_body = Rename, responses((status = 200, body = Project)))]
async fn rename_project(
    State(workspace): State<Workspace>,
    Path(id): Path<ProjectId>,
    Json(rename): Json<Rename>,
) -> Answer<Project> {
    answer(workspace.rename_project(id, rename.revision, &rename.name))
}

/// Deletes an empty project.
#[utoipa::path(delete, path = "/projects/{id}", tag = "projects", params(("id" = i64, Path, description = "Its number")), responses((status = 200, body = Done)))]
async fn delete_project(
    State(workspace): State<Workspace>,
    Path(id): Path<ProjectId>,
) -> Answer<Done> {
    done(workspace.delete_project(id))
}
