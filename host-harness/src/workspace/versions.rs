//! Versions of connectors on the agents' disks: what is there, what is in
//! quarantine, and what is not needed any more.

use super::connectors::{connector_name, requirement};
use super::database::all;
use super::error::WorkspaceError;
use super::{Workspace, organization};
use crate::agent::{self as local, AgentError};
use crate::registry::{ConnectorName, Requirement};
use semver::Version;
use serde::Serialize;
use std::collections::BTreeSet;
use utoipa::ToSchema;

/// A version on an agent's disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub struct StoredVersion {
    /// The agent; absent for the program's own copies, with which connections are
    /// designed and connection files are run.
    pub agent: Option<String>,
    /// The connector.
    pub connector: String,
    /// The version.
    pub version: String,
    /// What its bytes hash to.
    pub digest: String,
    /// How many bytes it has.
    pub size: u64,
    /// The registry that it came from.
    pub from: String,
    /// When it came.
    pub received_at: String,
    /// How many signatures came with it.
    pub signatures: usize,
    /// Where its source is, as its publisher says.
    pub source: Option<String>,
    /// Which revision of the source it was built from, likewise.
    pub revision: Option<String>,
}

/// A version that broke down on an agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub struct QuarantinedVersion {
    /// The agent; absent for the program's own copies.
    pub agent: Option<String>,
    /// The connector.
    pub connector: String,
    /// The version.
    pub version: String,
    /// What its bytes hash to.
    pub digest: String,
    /// How often it broke down.
    pub breakdowns: usize,
    /// How it broke down the last time.
    pub last: String,
    /// Since when it is not used; absent while it still is.
    pub since: Option<String>,
}

/// What was removed of one agent's disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Collection {
    /// The agent; absent for the program's own copies.
    pub agent: Option<String>,
    /// The versions that were removed.
    pub removed: Vec<String>,
    /// The versions that were left because they are in use.
    pub in_use: Vec<String>,
    /// Bytes that were freed.
    pub freed: u64,
}

impl Workspace {
    /// The program's own copies, and those of each agent, by name.
    fn stores(&self) -> Result<Vec<(Option<String>, local::Agent)>, WorkspaceError> {
        let mut stores = vec![(None, self.designer().clone())];
        for agent in self.agents()? {
            stores.push((Some(agent.name), self.local_agent(agent.id)?));
        }
        Ok(stores)
    }

    /// The versions on all agents' disks.
    ///
    /// # Errors
    /// If a store cannot be read.
    pub fn stored_versions(&self) -> Result<Vec<StoredVersion>, WorkspaceError> {
        let mut stored = Vec::new();
        for (agent, local) in self.stores()? {
            let receipts = local.store().receipts().all().map_err(AgentError::from)?;
            stored.extend(receipts.into_iter().map(|receipt| StoredVersion {
                agent: agent.clone(),
                connector: receipt.entry.name.to_string(),
                version: receipt.entry.version.to_string(),
                digest: receipt.entry.digest.to_string(),
                size: receipt.entry.size,
                from: receipt.from,
                received_at: receipt.received_at.to_string(),
                signatures: receipt.signatures.len(),
                source: receipt.entry.facts.source,
                revision: receipt.entry.facts.revision,
            }));
        }
        Ok(stored)
    }

    /// The versions that broke down lately, on whichever agent.
    ///
    /// # Errors
    /// If what is kept of them cannot be read.
    pub fn quarantine(&self) -> Result<Vec<QuarantinedVersion>, WorkspaceError> {
        let mut found = Vec::new();
        for (agent, local) in self.stores()? {
            let kept = local.quarantine().all().map_err(AgentError::from)?;
            found.extend(kept.into_iter().map(|kept| {
                QuarantinedVersion {
                    agent: agent.clone(),
                    connector: kept.name.to_string(),
                    version: kept.version.to_string(),
                    digest: kept.digest.to_string(),
                    breakdowns: kept.incidents.len(),
                    last: kept
                        .incidents
                        .last()
                        .map(|incident| incident.what.clone())
                        .unwrap_or_default(),
                    since: kept.since.map(|since| since.to_string()),
                }
            }));
        }
        Ok(found)
    }

    /// Lets a version be used again, on all agents, and answers on how many it
    /// was counted.
    ///
    /// # Errors
    /// If it broke down on none.
    pub fn lift_quarantine(&self, connector: &str, version: &str) -> Result<usize, WorkspaceError> {
        let name = connector_name(connector)?;
        let Requirement::Exact(exact) = requirement(version)? else {
            return Err(WorkspaceError::one(
                Some("version"),
                "version",
                "say which version: all three numbers, as in `1.2.3`".to_owned(),
            ));
        };
        let mut lifted = 0;
        for (_, local) in self.stores()? {
            let quarantine = local.quarantine();
            let was = quarantine.lift(&name, &exact).map_err(AgentError::from)?;
            lifted += usize::from(was);
        }
        if lifted == 0 {
            return Err(WorkspaceError::no(
                "version in quarantine:",
                format!("“{connector}” {version}"),
            ));
        }
        Ok(lifted)
    }

    /// Removes from all agents' disks all but the `keep` newest versions of each
    /// connector, those that a connection pins, those that agents float on, and
    /// those in use; and compiled code that no agent needs.
    ///
    /// # Errors
    /// If a store cannot be read, or something cannot be removed.
    pub fn collect_versions(&self, keep: usize) -> Result<Vec<Collection>, WorkspaceError> {
        let mut pinned = BTreeSet::new();
        let mut bounds = Vec::new();
        for (connector, version) in self.named_versions()? {
            let name = connector_name(&connector)?;
            match requirement(&version)? {
                Requirement::Exact(version) => {
                    pinned.insert((name, version));
                }
                Requirement::AtMost(highest) => bounds.push((name, highest)),
                Requirement::Newest => {}
            }
        }
        let mut collections = Vec::new();
        let mut kept = BTreeSet::new();
        for (agent, local) in self.stores()? {
            let mut pinned = pinned.clone();
            for (name, highest) in &bounds {
                let here = local.store().receipts().of(name);
                let below = here
                    .map_err(AgentError::from)?
                    .into_iter()
                    .map(|receipt| receipt.entry.version)
                    .filter(|version| version <= highest)
                    .max();
                pinned.extend(below.map(|version| (name.clone(), version)));
            }
            let collected = local
                .store()
                .collect(keep, &pinned)
                .map_err(AgentError::from)?;
            kept.extend(local.store().digests().map_err(AgentError::from)?);
            let text = |entry: &crate::registry::Entry| format!("{} {}", entry.name, entry.version);
            collections.push(Collection {
                agent,
                removed: collected.removed.iter().map(text).collect(),
                in_use: collected.in_use.iter().map(text).collect(),
                freed: collected.freed,
            });
        }
        let compiled = self.designer().retain_compiled(&kept)?;
        if let Some(own) = collections.first_mut() {
            own.freed += compiled;
        }
        Ok(collections)
    }

    /// The versions that connections and agents name.
    fn named_versions(&self) -> Result<Vec<(String, String)>, WorkspaceError> {
        self.database().read(|t| {
            all(
                t,
                "SELECT connector, version FROM connections
                 UNION SELECT connector, version FROM agent_versions",
                [],
                |row| Ok((row.get(0)?, row.get(1)?)),
            )
        })
    }

    /// The newest version that an agent has of a connector, where the policy
    /// *Disable Auto Connector Update* is on and one has any.
    pub(super) fn kept_back(
        &self,
        name: &ConnectorName,
    ) -> Result<Option<Version>, WorkspaceError> {
        let versions: Vec<String> = self.database().read(|t| {
            if !organization::policies(t)?.disable_auto_connector_update {
                return Ok(Vec::new());
            }
            all(
                t,
                "SELECT version FROM agent_versions WHERE connector = ?",
                [name.as_str()],
                |row| Ok(row.get(0)?),
            )
        })?;
        Ok(versions.iter().filter_map(|v| v.parse().ok()).max())
    }
}
