//! Testing a connection as it stands on the screen, on every agent that would use it.

use super::{ConnectionDraft, On, one};
use crate::agent as local;
use crate::group::{Group, HasVersion, JobConnection, Seen, TestRequest, Tested};
use crate::registry::Requirement;
use crate::runtime::Connector;
use crate::runtime::types::{Check, CheckOutcome};
use crate::workspace::agent::{AgentVersion, of_group};
use crate::workspace::connectors::{connector_name, requirement};
use crate::workspace::error::WorkspaceError;
use crate::workspace::id::{ConnectionId, EnvironmentId, ProjectId};
use crate::workspace::variable::Situation;
use crate::workspace::{Agent, Workspace, environment, organization};
use serde::Serialize;
use std::time::Instant;
use utoipa::ToSchema;

/// A version of a connector.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Version {
    /// As it was published.
    pub version: String,
    /// What its bytes hash to.
    pub digest: String,
}

/// One step of a test.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub struct CheckResult {
    /// For programs.
    pub name: String,
    /// For people.
    pub title: String,
    /// `passed`, `failed` or `skipped`.
    pub outcome: &'static str,
    /// Milliseconds.
    pub elapsed_ms: u64,
    /// What was found, where it passed.
    pub detail: Option<String>,
    /// The error's code, where it failed.
    pub code: Option<String>,
    /// What went wrong.
    pub message: Option<String>,
    /// What to do.
    pub remedy: Option<String>,
}

impl From<Check> for CheckResult {
    fn from(check: Check) -> Self {
        let (code, message, remedy) = match check.error {
            Some(error) => (Some(error.code), Some(error.message), error.remedy),
            None => (None, None, None),
        };
        Self {
            name: check.name,
            title: check.title,
            outcome: match check.outcome {
                CheckOutcome::Passed => "passed",
                CheckOutcome::Failed => "failed",
                CheckOutcome::Skipped => "skipped",
            },
            elapsed_ms: check.elapsed,
            detail: check.detail,
            code,
            message,
            remedy,
        }
    }
}

/// How a test went on one agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub struct AgentTest {
    /// The agent's name.
    pub agent: String,
    /// The version that it had; absent where it had none.
    pub before: Option<Version>,
    /// The version that the test was made with; absent where none could be had.
    pub after: Option<Version>,
    /// Whether bytes were transferred for it.
    pub downloaded: bool,
    /// Whether the policy *Disable Auto Connector Update* kept it from looking
    /// for a newer one.
    pub update_suspended: bool,
    /// The steps, in order.
    pub checks: Vec<CheckResult>,
    /// What is not as one would expect: a newer version that is in quarantine on
    /// the agent, or a registry that is out of reach.
    pub warnings: Vec<String>,
    /// Why there are no steps, or not all.
    pub error: Option<String>,
    /// Milliseconds.
    pub elapsed_ms: u64,
}

/// How a test went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub struct TestReport {
    /// Whether no step failed on any agent.
    pub passed: bool,
    /// Agent by agent.
    pub agents: Vec<AgentTest>,
}

/// What an agent has now.
pub(in crate::workspace) struct Fetched {
    pub(in crate::workspace) connector: Connector,
    pub(in crate::workspace) after: Version,
    downloaded: bool,
    update_suspended: bool,
    /// What is not as one would expect: a newer version that is in quarantine, or
    /// a registry that is out of reach.
    pub(in crate::workspace) warnings: Vec<String>,
}

/// Whether an agent looks for a newer version.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::workspace) enum Update {
    /// Unless the policy forbids it.
    ByPolicy,
    /// It runs with what it has.
    Never,
}

impl Workspace {
    /// Tests a connection as it stands in `draft`, saved or not, on every agent
    /// of the environment's group. Each first downloads the newest version of
    /// the connector that the draft allows, unless the organization's policy
    /// *Disable Auto Connector Update* is on: then it uses the one that it has,
    /// and only an agent that has none downloads one.
    ///
    /// # Errors
    /// What is wrong with the draft before anything is tried. What goes wrong on
    /// an agent is in the report.
    pub async fn test_connection(
        &self,
        project: ProjectId,
        environment: EnvironmentId,
        id: Option<ConnectionId>,
        draft: &ConnectionDraft,
    ) -> Result<TestReport, WorkspaceError> {
        let descriptor = self.connector(&draft.connector, &draft.version).await?;
        let (agents, group, name) = self.database().read(|t| {
            let saved = id.map(|id| one(t, id)).transpose()?;
            self.usable(t, saved.as_ref(), descriptor.descriptor(), draft)?;
            let environment = environment::one(t, environment)?;
            Ok((
                of_group(t, environment.group)?,
                crate::workspace::group::one(t, environment.group)?,
                environment.name,
            ))
        })?;
        let joined = match &group.joined_as {
            Some(joined_as) => Some(self.reached(joined_as).await?),
            None => None,
        };
        let members = match &joined {
            Some(joined) => joined.agents().await?,
            None => Vec::new(),
        };
        let members: Vec<Seen> = members.into_iter().filter(|seen| seen.alive).collect();
        if agents.is_empty() && members.is_empty() {
            return Err(WorkspaceError::Refused(format!(
                "the agent group of the environment “{name}” has no agent: add one first"
            )));
        }
        // What is wrong for one agent as for all is told once.
        let resolved = self.resolve_draft(
            id,
            draft,
            descriptor.descriptor(),
            On {
                project,
                environment,
                agent: agents.first(),
                situation: Situation {
                    agent: group.name,
                    ..Situation::default()
                },
            },
        )?;
        let request = TestRequest {
            connector: draft.connector.clone(),
            version: draft.version.clone(),
            update_suspended: self.organization()?.policies.disable_auto_connector_update,
            connection: JobConnection {
                name: draft.name.clone(),
                settings: resolved.connection.settings,
                secrets: resolved.secrets,
                environment: resolved.connection.environment,
                use_proxy: draft.use_proxy,
                protocol: draft.protocol,
                cache: None,
                limits: resolved.limits,
            },
        };
        let joined_tests = members.iter().map(|seen| {
            let joined = joined.as_ref();
            test_on_joined(joined, seen, &request)
        });
        let joined_tests = futures::future::join_all(joined_tests);
        let tests = agents
            .iter()
            .map(|agent| self.test_on(project, environment, id, draft, agent));
        let (mut agents, joined) =
            futures::future::join(futures::future::join_all(tests), joined_tests).await;
        agents.extend(joined.into_iter().flatten());
        Ok(TestReport {
            passed: agents.iter().all(AgentTest::passed),
            agents,
        })
    }

    async fn test_on(
        &self,
        project: ProjectId,
        environment: EnvironmentId,
        id: Option<ConnectionId>,
        draft: &ConnectionDraft,
        agent: &Agent,
    ) -> AgentTest {
        let started = Instant::now();
        let mut test = AgentTest {
            agent: agent.name.clone(),
            before: version_of(agent, &draft.connector),
            after: None,
            downloaded: false,
            update_suspended: false,
            checks: Vec::new(),
            warnings: Vec::new(),
            error: None,
            elapsed_ms: 0,
        };
        let checked = async {
            let fetched = self
                .fetch(agent, &draft.connector, &draft.version, Update::ByPolicy)
                .await?;
            test.after = Some(fetched.after);
            test.downloaded = fetched.downloaded;
            test.update_suspended = fetched.update_suspended;
            test.warnings = fetched.warnings;
            let resolved = self.resolve_draft(
                id,
                draft,
                fetched.connector.descriptor(),
                On {
                    project,
                    environment,
                    agent: Some(agent),
                    situation: Situation::default(),
                },
            )?;
            let mut session = fetched.connector.session(resolved.connection).await?;
            Ok::<_, WorkspaceError>(session.test().await?)
        };
        match checked.await {
            Ok(checks) => test.checks = checks.into_iter().map(CheckResult::from).collect(),
            Err(error) => test.error = Some(error.to_string()),
        }
        test.elapsed_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        test
    }

    /// Makes an agent have a version of a connector: the one that is wanted, or
    /// the one that it has, where it must not look for another.
    pub(in crate::workspace) async fn fetch(
        &self,
        agent: &Agent,
        connector: &str,
        version: &str,
        update: Update,
    ) -> Result<Fetched, WorkspaceError> {
        let name = connector_name(connector)?;
        let wanted = requirement(version)?;
        // Read anew: another test may have just brought a version.
        let (agent, policies) = self.database().read(|t| {
            Ok((
                super::super::agent::one(t, agent.id)?,
                organization::policies(t)?,
            ))
        })?;
        let local = self.local_agent(agent.id)?;
        let floats = !matches!(wanted, Requirement::Exact(_));
        let before = version_of(&agent, connector);
        let suspended = update == Update::ByPolicy && policies.disable_auto_connector_update;
        let keeps = suspended || update == Update::Never;
        let wanted = match &before {
            // A pinned version is no update: it is what the connection says.
            Some(has) if keeps && floats => kept(&local, wanted, has)?,
            _ => wanted,
        };
        let downloaded = local.download(&name, &wanted).await?;
        let after = Version {
            version: downloaded.entry.version.to_string(),
            digest: downloaded.pulled.digest.to_string(),
        };
        // What one connection pins is not what the others float on.
        if before.as_ref() != Some(&after) && (floats || before.is_none()) {
            self.has_version(
                agent.id,
                &AgentVersion {
                    connector: connector.to_owned(),
                    version: after.version.clone(),
                    digest: after.digest.clone(),
                    downloaded_at: jiff::Timestamp::now().to_string(),
                },
            )?;
        }
        Ok(Fetched {
            warnings: downloaded.warnings(),
            connector: downloaded.connector,
            after,
            downloaded: downloaded.pulled.transferred,
            update_suspended: suspended,
        })
    }
}

/// What an agent goes on with where it does not look for a newer version: what it
/// has, or where that is in quarantine, the newest before it.
fn kept(
    local: &local::Agent,
    wanted: Requirement,
    has: &Version,
) -> Result<Requirement, WorkspaceError> {
    let Requirement::Exact(version) = requirement(&has.version)? else {
        return Ok(wanted);
    };
    if !wanted.fits(&version) {
        return Ok(wanted);
    }
    let held = match has.digest.parse() {
        Ok(digest) => local
            .quarantine()
            .holds(&digest)
            .map_err(local::AgentError::from)?,
        Err(_) => None,
    };
    Ok(match held {
        Some(_) => Requirement::AtMost(version),
        None => Requirement::Exact(version),
    })
}

/// A test on an agent that has joined over NATS.
async fn test_on_joined(
    group: Option<&Group>,
    seen: &Seen,
    request: &TestRequest,
) -> Option<AgentTest> {
    let started = Instant::now();
    let tested = match group?.test(seen, request).await {
        Ok(tested) => tested,
        Err(error) => Tested {
            error: Some(error.to_string()),
            ..Tested::default()
        },
    };
    let version = |has: HasVersion| Version {
        version: has.version,
        digest: has.digest,
    };
    Some(AgentTest {
        agent: seen.presence.name.clone(),
        before: tested.before.map(version),
        after: tested.after.map(version),
        downloaded: tested.downloaded,
        update_suspended: request.update_suspended,
        checks: tested.checks.into_iter().map(CheckResult::from).collect(),
        error: tested.error,
        warnings: tested.warnings,
        elapsed_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
    })
}

impl AgentTest {
    fn passed(&self) -> bool {
        // A step that does not apply is skipped, and so is what follows a failure.
        self.error.is_none() && self.checks.iter().all(|check| check.outcome != "failed")
    }
}

fn version_of(agent: &Agent, connector: &str) -> Option<Version> {
    agent
        .versions
        .iter()
        .find(|version| version.connector == connector)
        .map(|version| Version {
            version: version.version.clone(),
            digest: version.digest.clone(),
        })
}
