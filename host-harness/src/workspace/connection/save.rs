//! Saving what a person typed, and the rules that hold for it.

use super::{Connection, Setting, free_name, limits, one, pairs, rules};
use crate::egress::Protocol;
use crate::form::{self, Finding, Stage};
use crate::runtime::design::{Descriptor, Reauthentication};
use crate::runtime::types::PropertyKind;
use crate::variables::Template;
use crate::workspace::connectors::requirement;
use crate::workspace::database::{all, to_json};
use crate::workspace::error::WorkspaceError;
use crate::workspace::id::{ConnectionId, ProjectId};
use crate::workspace::secret::{self, Owner};
use crate::workspace::variable::{Scope, Variable, uses};
use crate::workspace::{Workspace, organization, project};
use rusqlite::{Transaction, params};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use utoipa::ToSchema;

/// A connection as it stands on the screen, saved or not.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ConnectionDraft {
    /// Its name.
    pub name: String,
    /// The connector's name in the registry.
    pub connector: String,
    /// The version of the connector: `newest`, or one such as `1.2.3`.
    #[serde(default = "newest")]
    pub version: String,
    /// Whether requests go through the proxy of the agent.
    #[serde(default)]
    pub use_proxy: bool,
    /// Which versions of HTTP are offered over TLS.
    #[serde(default)]
    pub protocol: Protocol,
    /// The values of the form, as typed.
    #[serde(default)]
    pub settings: Vec<Setting>,
    /// Limits by name, as typed: `memory-mib` and `512`.
    #[serde(default)]
    pub limits: Vec<Setting>,
    /// Only the secrets that were typed; one that is absent stays as it is
    /// saved, and an empty one is taken away.
    #[serde(default)]
    #[schema(value_type = BTreeMap<String, String>)]
    pub secrets: BTreeMap<String, SecretString>,
}

fn newest() -> String {
    "newest".to_owned()
}

/// Where a draft comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::workspace) enum Door {
    /// Somebody who can type secrets.
    Person,
    /// A file, in which there are none; they may follow.
    File,
}

impl ConnectionDraft {
    fn typed(&self) -> BTreeSet<String> {
        self.secrets
            .iter()
            .filter(|(_, secret)| !secret.expose_secret().is_empty())
            .map(|(name, _)| name.clone())
            .collect()
    }

    /// The secrets that will be set: those typed, and those saved that stay.
    fn set(&self, saved: Option<&Connection>) -> BTreeSet<String> {
        let mut set = self.typed();
        if let Some(saved) = saved {
            set.extend(
                saved
                    .secrets
                    .iter()
                    .map(|secret| secret.name.clone())
                    .filter(|name| !self.secrets.contains_key(name)),
            );
        }
        set
    }
}

/// What is wrong with a draft as it was typed, variables not resolved.
fn findings(
    descriptor: &Descriptor,
    draft: &ConnectionDraft,
    set: &BTreeSet<String>,
) -> Vec<Finding> {
    let mut findings = form::check(
        &descriptor.properties,
        &descriptor.reaches,
        &pairs(&draft.settings),
        set,
        Stage::Typed,
    );
    for (name, secret) in &draft.secrets {
        let property = descriptor
            .properties
            .iter()
            .find(|property| property.name == *name);
        let problem = match property {
            Some(property) if matches!(property.kind, PropertyKind::Secret) => {
                // A bracket in a password is common; it means a variable only
                // where variables may stand.
                match Template::parse(secret.expose_secret()) {
                    Err(_) if property.accepts_variables => Some((
                        "variable-syntax",
                        format!(
                            "“{}” has a bracket that is no variable: write \\[ for the bracket itself",
                            property.title
                        ),
                    )),
                    _ => None,
                }
            }
            _ => Some(("unknown", format!("the connector has no secret “{name}”"))),
        };
        findings.extend(problem.map(|(code, message)| Finding {
            property: Some(name.clone()),
            code,
            message,
            remedy: None,
        }));
    }
    findings.extend(limits::read(&draft.limits).err().unwrap_or_default());
    findings
}

/// The saved secrets that must not be used with this draft: the organization
/// requires re-authentication, and what they belong to has changed.
fn to_retype(
    transaction: &Transaction<'_>,
    saved: &Connection,
    descriptor: &Descriptor,
    draft: &ConnectionDraft,
) -> Result<BTreeSet<String>, WorkspaceError> {
    if !organization::policies(transaction)?.reauthentication_on_change {
        return Ok(BTreeSet::new());
    }
    // The rules as they were saved count as well: another version of the
    // connector must not be the way around them.
    let mut rules: Vec<Reauthentication> = rules(transaction, saved.id)?;
    rules.extend(descriptor.reauthentication.iter().cloned());
    let mut asked = form::reauthentication(&rules, &saved.pairs(), &pairs(&draft.settings));
    let typed = draft.typed();
    asked.retain(|name| {
        !typed.contains(name) && saved.secrets.iter().any(|secret| secret.name == *name)
    });
    Ok(asked)
}

/// Refuses a draft whose saved secrets must be typed again, where they are
/// needed at all.
fn refuse_unretyped(
    descriptor: &Descriptor,
    draft: &ConnectionDraft,
    asked: &BTreeSet<String>,
) -> Result<(), WorkspaceError> {
    let shown = form::shown(&descriptor.properties, &pairs(&draft.settings));
    let needed: Vec<_> = descriptor
        .properties
        .iter()
        .filter(|property| {
            asked.contains(&property.name)
                && shown.contains(property.name.as_str())
                && !draft.secrets.contains_key(&property.name)
        })
        .collect();
    if needed.is_empty() {
        return Ok(());
    }
    Err(WorkspaceError::Reauthenticate {
        secrets: needed
            .iter()
            .map(|property| property.name.clone())
            .collect(),
        titles: needed
            .iter()
            .map(|property| property.title.clone())
            .collect(),
    })
}

impl Workspace {
    /// What is wrong with a draft, as far as can be said while it is typed.
    ///
    /// # Errors
    /// If there is no such connector or connection.
    pub async fn check_connection(
        &self,
        project: ProjectId,
        id: Option<ConnectionId>,
        draft: &ConnectionDraft,
    ) -> Result<Vec<Finding>, WorkspaceError> {
        let connector = self.connector(&draft.connector, &draft.version).await?;
        self.database().read(|t| {
            let saved = id.map(|id| one(t, id)).transpose()?;
            let mut found = findings(connector.descriptor(), draft, &draft.set(saved.as_ref()));
            if let Err(error) = free_name(t, project, &draft.connector, &draft.name, id) {
                found.push(Finding {
                    property: Some("name".to_owned()),
                    code: "name",
                    message: error.to_string(),
                    remedy: None,
                });
            }
            Ok(found)
        })
    }

    /// The secrets that have to be typed again before a draft can be saved or
    /// tested, by property name.
    ///
    /// # Errors
    /// If there is no such connector or connection.
    pub async fn secrets_to_retype(
        &self,
        id: ConnectionId,
        draft: &ConnectionDraft,
    ) -> Result<BTreeSet<String>, WorkspaceError> {
        let connector = self.connector(&draft.connector, &draft.version).await?;
        self.database().read(|t| {
            let saved = one(t, id)?;
            to_retype(t, &saved, connector.descriptor(), draft)
        })
    }

    /// Makes a connection.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub async fn create_connection(
        &self,
        project: ProjectId,
        draft: ConnectionDraft,
    ) -> Result<Connection, WorkspaceError> {
        let connector = self.connector(&draft.connector, &draft.version).await?;
        self.database()
            .write(|t| self.insert(t, project, connector.descriptor(), &draft, Door::Person))
    }

    /// Saves a connection.
    ///
    /// # Errors
    /// Everything that is wrong with it; the secrets that have to be typed again,
    /// where the organization requires that; and if somebody else saved in between.
    pub async fn update_connection(
        &self,
        id: ConnectionId,
        revision: i64,
        draft: ConnectionDraft,
    ) -> Result<Connection, WorkspaceError> {
        let connector = self.connector(&draft.connector, &draft.version).await?;
        self.database().write(|t| {
            self.replace(
                t,
                id,
                revision,
                connector.descriptor(),
                &draft,
                Door::Person,
            )
        })
    }

    pub(in crate::workspace) fn insert(
        &self,
        transaction: &Transaction<'_>,
        project: ProjectId,
        descriptor: &Descriptor,
        draft: &ConnectionDraft,
        door: Door,
    ) -> Result<Connection, WorkspaceError> {
        project::one(transaction, project)?;
        let name = free_name(transaction, project, &draft.connector, &draft.name, None)?;
        refuse(
            descriptor,
            findings(descriptor, draft, &draft.set(None)),
            door,
        )?;
        transaction.execute(
            "INSERT INTO connections (project_id, connector, name, version, use_proxy, protocol,
                 settings, limits, reauthentication, revision)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 1)",
            params![
                project,
                draft.connector,
                name,
                requirement(&draft.version)?.to_string(),
                draft.use_proxy,
                draft.protocol.to_string(),
                to_json(&filled(&draft.settings))?,
                to_json(&filled(&draft.limits))?,
                rules_json(descriptor)?
            ],
        )?;
        let id = ConnectionId(transaction.last_insert_rowid());
        self.keep_secrets(transaction, id, draft)?;
        one(transaction, id)
    }

    pub(in crate::workspace) fn replace(
        &self,
        transaction: &Transaction<'_>,
        id: ConnectionId,
        revision: i64,
        descriptor: &Descriptor,
        draft: &ConnectionDraft,
        door: Door,
    ) -> Result<Connection, WorkspaceError> {
        let saved = one(transaction, id)?;
        if saved.connector != draft.connector {
            return Err(WorkspaceError::one(
                Some("connector"),
                "connector",
                format!(
                    "“{}” is a connection of the connector {}: that cannot be changed",
                    saved.name, saved.connector
                ),
            ));
        }
        super::super::current(
            usize::from(saved.revision == revision),
            "the connection",
            &saved.name,
        )?;
        let name = free_name(
            transaction,
            saved.project,
            &draft.connector,
            &draft.name,
            Some(id),
        )?;
        let asked = to_retype(transaction, &saved, descriptor, draft)?;
        refuse_unretyped(descriptor, draft, &asked)?;
        let mut set = draft.set(Some(&saved));
        set.retain(|name| !asked.contains(name));
        refuse(descriptor, findings(descriptor, draft, &set), door)?;
        for name in &asked {
            secret::remove(transaction, Owner::Connection(id.0), name)?;
        }
        transaction.execute(
            "UPDATE connections SET name = ?, version = ?, use_proxy = ?, protocol = ?,
                 settings = ?, limits = ?, reauthentication = ?, revision = revision + 1 WHERE id = ?",
            params![
                name,
                requirement(&draft.version)?.to_string(),
                draft.use_proxy,
                draft.protocol.to_string(),
                to_json(&filled(&draft.settings))?,
                to_json(&filled(&draft.limits))?,
                rules_json(descriptor)?,
                id
            ],
        )?;
        self.keep_secrets(transaction, id, draft)?;
        one(transaction, id)
    }

    fn keep_secrets(
        &self,
        transaction: &Transaction<'_>,
        id: ConnectionId,
        draft: &ConnectionDraft,
    ) -> Result<(), WorkspaceError> {
        let owner = Owner::Connection(id.0);
        for (name, secret) in &draft.secrets {
            if secret.expose_secret().is_empty() {
                secret::remove(transaction, owner, name)?;
            } else {
                secret::put(transaction, self.key(), owner, name, secret)?;
            }
        }
        Ok(())
    }

    /// That a draft may be used as it stands, without being saved.
    pub(super) fn usable(
        &self,
        transaction: &Transaction<'_>,
        saved: Option<&Connection>,
        descriptor: &Descriptor,
        draft: &ConnectionDraft,
    ) -> Result<(), WorkspaceError> {
        if let Some(saved) = saved {
            let asked = to_retype(transaction, saved, descriptor, draft)?;
            refuse_unretyped(descriptor, draft, &asked)?;
        }
        refuse(
            descriptor,
            findings(descriptor, draft, &draft.set(saved)),
            Door::Person,
        )
    }
}

/// Refuses what is wrong. Through a file no secret can come, so a missing one
/// is not held against it.
fn refuse(
    descriptor: &Descriptor,
    mut findings: Vec<Finding>,
    door: Door,
) -> Result<(), WorkspaceError> {
    if door == Door::File {
        findings.retain(|finding| {
            finding.code != "required"
                || !descriptor.properties.iter().any(|property| {
                    matches!(property.kind, PropertyKind::Secret)
                        && finding.property.as_ref() == Some(&property.name)
                })
        });
    }
    WorkspaceError::if_any(findings)
}

fn filled(settings: &[Setting]) -> Vec<&Setting> {
    settings
        .iter()
        .filter(|setting| !setting.value.trim().is_empty())
        .collect()
}

fn rules_json(descriptor: &Descriptor) -> Result<String, WorkspaceError> {
    let rules: Vec<(&[String], &[String])> = descriptor
        .reauthentication
        .iter()
        .map(|rule| (rule.changed.as_slice(), rule.clear.as_slice()))
        .collect();
    to_json(&rules)
}

/// A variable has another value now: where the organization requires
/// re-authentication, that changes every field that it stands in, so the
/// secrets that belong to such a field are cleared.
pub(in crate::workspace) fn variable_changed(
    transaction: &Transaction<'_>,
    variable: &Variable,
) -> Result<(), WorkspaceError> {
    if !organization::policies(transaction)?.reauthentication_on_change {
        return Ok(());
    }
    let project = match variable.scope {
        Scope::Global => None,
        Scope::Project(project) => Some(project),
    };
    let ids: Vec<ConnectionId> = all(
        transaction,
        "SELECT id FROM connections WHERE ?1 IS NULL OR project_id = ?1",
        params![project],
        |row| Ok(row.get(0)?),
    )?;
    for id in ids {
        let connection = one(transaction, id)?;
        for rule in rules(transaction, id)? {
            let concerned = connection.settings.iter().any(|setting| {
                rule.changed.contains(&setting.name) && uses(&setting.value, &variable.name)
            });
            if !concerned {
                continue;
            }
            for name in &rule.clear {
                secret::remove(transaction, Owner::Connection(id.0), name)?;
            }
        }
    }
    Ok(())
}
