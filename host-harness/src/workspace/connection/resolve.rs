//! A connection made ready to be used: variables resolved in one environment,
//! secrets at hand, the proxy of the agent that uses it.

use super::{Connection, ConnectionDraft, limits, pairs};
use crate::connection::Limits;
use crate::egress::{Certificates, Proxy};
use crate::form::{self, Stage};
use crate::runtime::design::Descriptor;
use crate::runtime::types::{Property, PropertyKind};
use crate::runtime::{self, SecretError, SecretSource};
use crate::variables::Template;
use crate::workspace::environment::{self, Environment};
use crate::workspace::error::WorkspaceError;
use crate::workspace::group::GroupKind;
use crate::workspace::id::{ConnectionId, EnvironmentId, ProjectId};
use crate::workspace::secret::{self, Owner};
use crate::workspace::variable::{Situation, Values};
use crate::workspace::{Agent, Setting, Workspace};
use futures::future::BoxFuture;
use secrecy::SecretString;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Where a connection is used.
pub(in crate::workspace) struct On<'a> {
    pub(in crate::workspace) project: ProjectId,
    pub(in crate::workspace) environment: EnvironmentId,
    /// The agent that uses it; none while things are designed.
    pub(in crate::workspace) agent: Option<&'a Agent>,
    pub(in crate::workspace) situation: Situation,
}

/// A connection, ready to be used.
pub(in crate::workspace) struct Resolved {
    pub(in crate::workspace) connection: runtime::Connection,
    /// Its secrets, for whoever uses it elsewhere.
    pub(in crate::workspace) secrets: BTreeMap<String, SecretString>,
    /// What stands for it in a cache; none keeps nothing.
    pub(in crate::workspace) cache: Option<String>,
    /// The limits that are set for it, likewise.
    pub(in crate::workspace) limits: Limits,
    /// For the options of its activities.
    pub(in crate::workspace) values: Values,
}

/// Secrets in memory for as long as a session lasts.
struct Held(BTreeMap<String, SecretString>);

impl SecretSource for Held {
    fn reveal<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<SecretString, SecretError>> {
        let found = self.0.get(name).cloned().ok_or(SecretError::NotSet);
        Box::pin(async move { found })
    }
}

impl Workspace {
    /// Makes a saved connection ready.
    pub(in crate::workspace) fn resolve(
        &self,
        connection: &Connection,
        descriptor: &Descriptor,
        on: On<'_>,
    ) -> Result<Resolved, WorkspaceError> {
        self.resolve_draft(Some(connection.id), &connection.draft(), descriptor, on)
    }

    /// Makes a connection ready as it was typed; secrets that were not typed are
    /// those saved for `id`.
    pub(super) fn resolve_draft(
        &self,
        id: Option<ConnectionId>,
        draft: &ConnectionDraft,
        descriptor: &Descriptor,
        on: On<'_>,
    ) -> Result<Resolved, WorkspaceError> {
        let proxy = match (draft.use_proxy, on.agent) {
            (true, Some(agent)) => Some(self.proxy_for(draft, agent)?),
            _ => None,
        };
        let certificates = match on.agent {
            Some(agent) => Self::certificates_of(agent)?,
            None => Certificates::default(),
        };
        self.database().read(|t| {
            let environment = environment::one(t, on.environment)?;
            let mut situation = on.situation.clone();
            situation.environment = environment.name.clone();
            situation.project = crate::workspace::project::one(t, on.project)?.name;
            if let Some(agent) = on.agent {
                situation.agent.clone_from(&agent.name);
            } else if situation.agent.is_empty() {
                // Which of those that join over NATS it will be is not known.
                let group = crate::workspace::group::one(t, environment.group)?;
                situation.agent = group.joined_as.unwrap_or_default();
            }
            let values = self.values(t, on.project, on.environment, &situation)?;
            let settings = settings(&descriptor.properties, &pairs(&draft.settings), &values)?;
            let mut secrets = BTreeMap::new();
            for property in &descriptor.properties {
                if !matches!(property.kind, PropertyKind::Secret) {
                    continue;
                }
                let typed = draft.secrets.get(&property.name).cloned();
                let secret = match (typed, id) {
                    (Some(typed), _) => Some(typed),
                    (None, Some(id)) => {
                        secret::get(t, self.key(), Owner::Connection(id.0), &property.name)?
                    }
                    (None, None) => None,
                };
                if let Some(secret) = secret {
                    let secret = resolve_secret(property, secret, &values)?;
                    secrets.insert(property.name.clone(), secret);
                }
            }
            let findings = form::check(
                &descriptor.properties,
                &descriptor.reaches,
                &settings,
                &secrets.keys().cloned().collect(),
                Stage::Resolved {
                    environment: environment.kind.into(),
                },
            );
            WorkspaceError::if_any(findings)?;
            let mut connection = self.ready(
                id,
                draft,
                descriptor,
                &environment,
                settings,
                secrets.clone(),
                proxy,
            );
            connection.certificates = certificates;
            connection.protocol = draft.protocol;
            let limits = limits::read(&draft.limits).map_err(WorkspaceError::Invalid)?;
            connection.limits = self.designer().limits(&limits);
            Ok(Resolved {
                connection,
                limits,
                secrets,
                cache: id.map(|id| cache_name(draft, id, &environment)),
                values,
            })
        })
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "all that a connection is made of"
    )]
    fn ready(
        &self,
        id: Option<ConnectionId>,
        draft: &ConnectionDraft,
        descriptor: &Descriptor,
        environment: &Environment,
        settings: Vec<(String, String)>,
        secrets: BTreeMap<String, SecretString>,
        proxy: Option<Proxy>,
    ) -> runtime::Connection {
        let mut connection = runtime::Connection::new(&draft.name);
        connection.settings = form::effective(&descriptor.properties, &settings);
        connection.secrets = Arc::new(Held(secrets));
        connection.environment = environment.kind.into();
        connection.proxy = proxy;
        // A draft that was never saved keeps nothing.
        if let Some(id) = id {
            connection.cache = self.designer().cache(&cache_name(draft, id, environment));
        }
        connection
    }

    /// The proxy that a connection asks for, on the agent that uses it.
    fn proxy_for(&self, draft: &ConnectionDraft, agent: &Agent) -> Result<Proxy, WorkspaceError> {
        let refused = |why: String| WorkspaceError::one(Some("use-proxy"), "use-proxy", why);
        let group = self.group(agent.group)?;
        if group.kind == GroupKind::Cloud {
            return Err(refused(format!(
                "“{}” uses proxy settings, but the agents of “{}” are the cloud's: proxy \
                 settings are for private agents. Switch Use Proxy Settings off",
                draft.name, group.name
            )));
        }
        self.proxy_of(agent)?.ok_or_else(|| {
            refused(format!(
                "“{}” uses proxy settings, but the agent “{}” is configured with no proxy: give \
                 it one, or switch Use Proxy Settings off",
                draft.name, agent.name
            ))
        })
    }
}

/// What stands for a saved connection in a cache.
fn cache_name(draft: &ConnectionDraft, id: ConnectionId, environment: &Environment) -> String {
    format!("workspace\0{}\0{id}\0{}", draft.connector, environment.id)
}

/// The settings with variables in their places.
pub(in crate::workspace) fn settings(
    properties: &[Property],
    settings: &[(String, String)],
    values: &Values,
) -> Result<Vec<(String, String)>, WorkspaceError> {
    let shown = form::shown(properties, settings);
    let mut resolved = Vec::with_capacity(settings.len());
    for (name, value) in settings {
        // What is not shown does not hold, so it need not resolve either.
        let property = properties.iter().find(|property| property.name == *name);
        if property.is_some() && !shown.contains(name.as_str()) {
            continue;
        }
        let value = match property {
            Some(property) if property.accepts_variables => resolve_text(property, value, values)?,
            _ => value.clone(),
        };
        resolved.push((name.clone(), value));
    }
    Ok(resolved)
}

fn failed(property: &Property, error: &impl ToString) -> WorkspaceError {
    WorkspaceError::one(
        Some(&property.name),
        "variable",
        format!("{}: {}", property.title, error.to_string()),
    )
}

fn resolve_text(
    property: &Property,
    text: &str,
    values: &Values,
) -> Result<String, WorkspaceError> {
    let template = Template::parse(text).map_err(|error| failed(property, &error))?;
    let resolved = template
        .resolve(values)
        .map_err(|error| failed(property, &error))?;
    resolved
        .into_plain(&property.title)
        .map_err(|error| failed(property, &error))
}

fn resolve_secret(
    property: &Property,
    secret: SecretString,
    values: &Values,
) -> Result<SecretString, WorkspaceError> {
    use secrecy::ExposeSecret;
    if !property.accepts_variables {
        return Ok(secret);
    }
    let template =
        Template::parse(secret.expose_secret()).map_err(|error| failed(property, &error))?;
    let resolved = template
        .resolve(values)
        .map_err(|error| failed(property, &error))?;
    Ok(resolved.into_secret())
}

/// Options of an activity with variables in their places.
pub(in crate::workspace) fn options(
    form: &[Property],
    options: &[Setting],
    values: &Values,
) -> Result<Vec<crate::runtime::types::Setting>, WorkspaceError> {
    let resolved = settings(form, &pairs(options), values)?;
    Ok(resolved
        .into_iter()
        .map(|(name, value)| crate::runtime::types::Setting { name, value })
        .collect())
}
