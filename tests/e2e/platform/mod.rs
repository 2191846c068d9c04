//! The platform around connectors: every rule at the library, through the real
//! component and against the sandbox.

mod activities;
mod agents;
pub mod api;
pub mod command_line;
mod connections;
pub mod crash;
mod feeds;
mod generic;
pub mod hostile;
mod limits;
mod only_changed;
mod operations;
mod paused;
mod proxy;
pub mod quarantine;
mod rejected_onward;
mod shadow;

use crate::support::{API_KEY, CLIENT_ID, CLIENT_SECRET, component, ready_home};
use coupa_sandbox::Sandbox;
use host_harness::workspace::{
    Activity, ActivityDraft, Connection, ConnectionDraft, ConnectionId, Endpoint, EnvironmentId,
    OperationDraft, OperationId, Policies, ProjectId, Setting, Workspace, WorkspaceError,
};
use secrecy::SecretString;

/// What a new workspace holds.
pub const DEVELOPMENT: EnvironmentId = EnvironmentId(1);
pub const PRODUCTION: EnvironmentId = EnvironmentId(2);
pub const PROJECT: ProjectId = ProjectId(1);

/// A workspace of its own, with the component published.
pub struct Place {
    pub workspace: Workspace,
    pub home: tempfile::TempDir,
}

impl Place {
    pub async fn new() -> Self {
        let home = ready_home();
        let workspace = Workspace::open(home.path(), None).unwrap();
        let bytes = std::fs::read(component()).unwrap();
        workspace.publish(bytes).await.unwrap();
        Self { workspace, home }
    }

    pub async fn connect(&self, sandbox: &Sandbox) -> Connection {
        self.workspace
            .create_connection(PROJECT, oauth(sandbox))
            .await
            .unwrap()
    }

    pub async fn activity(
        &self,
        connection: ConnectionId,
        activity: &str,
        name: &str,
        options: &[(&str, &str)],
    ) -> Activity {
        self.activity_of(connection, activity, "suppliers", name, options)
            .await
    }

    pub async fn activity_of(
        &self,
        connection: ConnectionId,
        activity: &str,
        object: &str,
        name: &str,
        options: &[(&str, &str)],
    ) -> Activity {
        let draft = ActivityDraft {
            name: name.to_owned(),
            activity: activity.to_owned(),
            object: object.to_owned(),
            options: settings(options),
        };
        self.workspace
            .create_activity(connection, draft)
            .await
            .unwrap()
    }

    /// An operation from one end to the other.
    pub fn operation_between(&self, name: &str, source: Endpoint, target: Endpoint) -> OperationId {
        let draft = OperationDraft {
            name: name.to_owned(),
            source: Some(source),
            target: Some(target),
            ..OperationDraft::default()
        };
        let made = self.workspace.create_operation(PROJECT, &draft);
        made.unwrap().id
    }

    pub fn policies(&self, policies: Policies) {
        let organization = self.workspace.organization().unwrap();
        self.workspace
            .update_organization(organization.revision, &organization.name, policies)
            .unwrap();
    }
}

pub fn settings(pairs: &[(&str, &str)]) -> Vec<Setting> {
    pairs
        .iter()
        .map(|(name, value)| Setting {
            name: (*name).to_owned(),
            value: (*value).to_owned(),
        })
        .collect()
}

pub fn oauth(sandbox: &Sandbox) -> ConnectionDraft {
    draft(
        "Coupa",
        &[
            ("host", &sandbox.base_url()),
            ("authentication", "oauth"),
            ("client-id", CLIENT_ID),
        ],
        &[("client-secret", CLIENT_SECRET)],
    )
}

pub fn api_key(sandbox: &Sandbox) -> ConnectionDraft {
    draft(
        "Coupa by key",
        &[("host", &sandbox.base_url()), ("authentication", "api-key")],
        &[("api-key", API_KEY)],
    )
}

pub fn draft(name: &str, pairs: &[(&str, &str)], secrets: &[(&str, &str)]) -> ConnectionDraft {
    ConnectionDraft {
        name: name.to_owned(),
        connector: "coupa".to_owned(),
        version: "newest".to_owned(),
        use_proxy: false,
        protocol: Default::default(),
        settings: settings(pairs),
        limits: Vec::new(),
        secrets: secrets
            .iter()
            .map(|(name, secret)| ((*name).to_owned(), SecretString::from(*secret)))
            .collect(),
    }
}

/// A saved connection as it would be typed again, with one setting changed.
pub fn changed(connection: &Connection, name: &str, value: &str) -> ConnectionDraft {
    let mut settings = connection.settings.clone();
    settings.retain(|setting| setting.name != name);
    settings.push(Setting {
        name: name.to_owned(),
        value: value.to_owned(),
    });
    ConnectionDraft {
        name: connection.name.clone(),
        connector: connection.connector.clone(),
        version: connection.version.clone(),
        use_proxy: connection.use_proxy,
        protocol: connection.protocol,
        settings,
        limits: connection.limits.clone(),
        secrets: Default::default(),
    }
}

/// The code of what was refused.
pub fn code<T>(result: Result<T, WorkspaceError>) -> &'static str {
    match result {
        Ok(_) => "done",
        Err(error) => error.code(),
    }
}
