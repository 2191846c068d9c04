//! What connectors say of themselves, in the form that screens and programs take.

use super::error::WorkspaceError;
use super::id::{ConnectionId, EnvironmentId};
use super::{Connection, Workspace};
use crate::registry::{ConnectorName, PassedOver, Published, Requirement};
use crate::runtime::Connector;
use crate::runtime::types::{self, PropertyKind, Role};
use serde::Serialize;
use utoipa::ToSchema;

/// A connector in the registry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub struct ConnectorVersions {
    /// Its name.
    pub name: String,
    /// Its versions, newest first.
    pub versions: Vec<String>,
}

/// One field of a form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub struct PropertyForm {
    /// For programs.
    pub name: String,
    /// For people.
    pub title: String,
    /// What to enter.
    pub description: String,
    /// `text`, `secret`, `choice`, `flag`, `whole-number` or `fixed`.
    pub kind: &'static str,
    /// Value and title of what can be chosen.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub choices: Vec<(String, String)>,
    /// The least and the greatest whole number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub range: Option<(u64, u64)>,
    /// Whether it must be filled in, where it is shown.
    pub required: bool,
    /// What holds where it is empty.
    pub default: Option<String>,
    /// Whether it may stand several times.
    pub repeatable: bool,
    /// Whether variables may stand in it.
    pub accepts_variables: bool,
    /// Shown only where this property has one of these values.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shown_when: Option<(String, Vec<String>)>,
}

impl From<&types::Property> for PropertyForm {
    fn from(property: &types::Property) -> Self {
        let mut choices = Vec::new();
        let mut range = None;
        let kind = match &property.kind {
            PropertyKind::Text => "text",
            PropertyKind::Secret => "secret",
            PropertyKind::Choice(values) => {
                choices = values
                    .iter()
                    .map(|choice| (choice.value.clone(), choice.title.clone()))
                    .collect();
                "choice"
            }
            PropertyKind::Flag => "flag",
            PropertyKind::WholeNumber(ends) => {
                range = Some(*ends);
                "whole-number"
            }
            PropertyKind::Fixed => "fixed",
        };
        Self {
            name: property.name.clone(),
            title: property.title.clone(),
            description: property.description.clone(),
            kind,
            choices,
            range,
            required: property.required,
            default: property.default.clone(),
            repeatable: property.repeatable,
            accepts_variables: property.accepts_variables,
            shown_when: property
                .shown_when
                .as_ref()
                .map(|condition| (condition.property.clone(), condition.values.clone())),
        }
    }
}

/// The form of a connector's connections.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Form {
    /// The connector's name in the registry.
    pub connector: String,
    /// Its version.
    pub version: String,
    /// For people.
    pub title: String,
    /// What it does.
    pub description: String,
    /// The fields, in the order to show them.
    pub properties: Vec<PropertyForm>,
    /// Which properties, when they change, clear which secrets.
    pub reauthentication: Vec<(Vec<String>, Vec<String>)>,
    /// The properties that hold a URL which the connector has to reach.
    pub reaches: Vec<String>,
}

/// A type of activity: what the palette shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub struct ActivityType {
    /// For programs.
    pub name: String,
    /// For people.
    pub title: String,
    /// What it does.
    pub description: String,
    /// `source` or `target`.
    pub role: &'static str,
    /// Its options.
    pub options: Vec<PropertyForm>,
}

impl From<&types::Activity> for ActivityType {
    fn from(activity: &types::Activity) -> Self {
        Self {
            name: activity.name.clone(),
            title: activity.title.clone(),
            description: activity.description.clone(),
            role: role(activity.role),
            options: activity.options.iter().map(PropertyForm::from).collect(),
        }
    }
}

pub(super) const fn role(role: Role) -> &'static str {
    match role {
        Role::Source => "source",
        Role::Target => "target",
    }
}

/// A kind of record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Object {
    /// For programs.
    pub name: String,
    /// For people.
    pub title: String,
    /// The activities that it allows.
    pub activities: Vec<String>,
}

pub(super) fn connector_name(text: &str) -> Result<ConnectorName, WorkspaceError> {
    text.parse().map_err(|error: crate::registry::InvalidName| {
        WorkspaceError::one(Some("connector"), "connector", error.to_string())
    })
}

pub(super) fn requirement(text: &str) -> Result<Requirement, WorkspaceError> {
    text.parse()
        .map_err(|error: crate::registry::InvalidRequirement| {
            WorkspaceError::one(Some("version"), "version", error.to_string())
        })
}

/// The types of activity that a connector offers a connection.
pub(super) async fn offered_by(
    connector: &Connector,
    connection: &Connection,
) -> Result<Vec<types::Activity>, WorkspaceError> {
    // Which activities there are does not depend on settings that need
    // variables, so none are resolved.
    let mut bare = crate::runtime::Connection::new(&connection.name);
    bare.settings = connection.pairs();
    Ok(connector.session(bare).await?.activities().await?)
}

impl Workspace {
    /// The connectors in the registry, by name.
    ///
    /// # Errors
    /// If the registry cannot be read.
    pub async fn connectors(&self) -> Result<Vec<ConnectorVersions>, WorkspaceError> {
        let mut connectors: Vec<ConnectorVersions> = Vec::new();
        let listing = self.registry().list().await;
        let listing = listing.map_err(crate::agent::AgentError::from)?;
        if let Some(line) = PassedOver::line(&listing.passed_over) {
            tracing::info!("{line}");
        }
        let mut entries = listing.entries;
        entries.sort_by(|a, b| a.name.cmp(&b.name).then(b.version.cmp(&a.version)));
        for entry in entries {
            let (name, version) = (entry.name.to_string(), entry.version.to_string());
            match connectors.last_mut() {
                Some(last) if last.name == name => last.versions.push(version),
                _ => connectors.push(ConnectorVersions {
                    name,
                    versions: vec![version],
                }),
            }
        }
        Ok(connectors)
    }

    /// The most bytes that a component may have.
    pub(crate) fn largest_component(&self) -> usize {
        usize::try_from(self.designer().store().max_bytes()).unwrap_or(usize::MAX)
    }

    /// Publishes a component under its own name and version.
    ///
    /// # Errors
    /// If it is no connector that this host can run, or another component has
    /// that version.
    pub async fn publish(&self, component: Vec<u8>) -> Result<Published, WorkspaceError> {
        Ok(self.designer().publish(component, None, None).await?)
    }

    /// The connector, for looking at it.
    pub(super) async fn connector(
        &self,
        name: &str,
        version: &str,
    ) -> Result<Connector, WorkspaceError> {
        let (name, mut version) = (connector_name(name)?, requirement(version)?);
        // Where agents do not update by themselves, what is designed is designed
        // for the newest version that one of them has.
        if version == Requirement::Newest
            && let Some(theirs) = self.kept_back(&name)?
        {
            version = Requirement::AtMost(theirs);
        }
        let downloaded = self.designer().download(&name, &version).await?;
        Ok(downloaded.connector)
    }

    /// The form of a connector's connections.
    ///
    /// # Errors
    /// If there is no such connector or version.
    pub async fn form(&self, connector: &str, version: &str) -> Result<Form, WorkspaceError> {
        let loaded = self.connector(connector, version).await?;
        let descriptor = loaded.descriptor();
        Ok(Form {
            connector: connector.to_owned(),
            version: descriptor.version.clone(),
            title: descriptor.title.clone(),
            description: descriptor.description.clone(),
            properties: descriptor
                .properties
                .iter()
                .map(PropertyForm::from)
                .collect(),
            reauthentication: descriptor
                .reauthentication
                .iter()
                .map(|rule| (rule.changed.clone(), rule.clear.clone()))
                .collect(),
            reaches: descriptor.reaches.clone(),
        })
    }

    /// The types of activity that a connection offers.
    ///
    /// # Errors
    /// What the connector says.
    pub async fn activity_types(
        &self,
        id: ConnectionId,
    ) -> Result<Vec<ActivityType>, WorkspaceError> {
        let (_, activities) = self.offered(&self.connection(id)?).await?;
        Ok(activities.iter().map(ActivityType::from).collect())
    }

    /// The connector of a connection, and the types of activity that it offers.
    pub(super) async fn offered(
        &self,
        connection: &Connection,
    ) -> Result<(Connector, Vec<types::Activity>), WorkspaceError> {
        let connector = self
            .connector(&connection.connector, &connection.version)
            .await?;
        let activities = offered_by(&connector, connection).await?;
        Ok((connector, activities))
    }

    /// The objects of a connection whose name or title contains `search`.
    ///
    /// # Errors
    /// What the connector says, or a variable that is not defined.
    pub async fn objects(
        &self,
        id: ConnectionId,
        environment: EnvironmentId,
        search: Option<String>,
    ) -> Result<Vec<Object>, WorkspaceError> {
        let mut session = self.design_session(id, environment).await?;
        let objects = session.objects(search).await?;
        Ok(objects
            .into_iter()
            .map(|object| Object {
                name: object.name,
                title: object.title,
                activities: object.activities,
            })
            .collect())
    }
}
