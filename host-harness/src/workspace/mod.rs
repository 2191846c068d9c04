//! What a platform keeps around connectors: an organization with its policies,
//! environments on groups of agents, and projects with their connections,
//! variables, operations and runs.
//!
//! All of it lies in one folder, the workspace's home:
//!
//! | file or folder | what |
//! |---|---|
//! | `workspace.db` | everything that is saved; SQLite |
//! | `workspace.key` | the key under which its secrets are sealed, unless the environment variable [`KEY_VARIABLE`] has it |
//! | `agents` | one folder for each agent |
//! | `files` | the files that operations read and write |
//!
//! Every rule holds here, so that no door to the workspace, be it the screen,
//! the command line, the HTTP API or an import, gets around it. Nothing here
//! knows any remote system: forms, conditions and rules come from descriptors.

mod activity;
mod agent;
mod connection;
mod connectors;
mod database;
mod dependent;
mod described;
mod drain;
mod environment;
mod error;
mod exchange;
mod files;
mod first;
mod group;
mod group_numbers;
mod health;
mod id;
mod name;
mod nats;
mod operation;
mod organization;
mod project;
mod run;
mod secret;
mod shadow;
mod variable;
mod versions;

pub use activity::{Activity, ActivityDraft, Shape};
pub use agent::{Agent, AgentDraft, AgentVersion, ProxySettings};
pub use connection::{
    AgentTest, CheckResult, Connection, ConnectionDraft, SecretState, Setting, TestReport, Version,
};
pub use connectors::{ActivityType, ConnectorVersions, Form, Object, PropertyForm};
pub use dependent::Dependent;
pub use drain::Drained;
pub use environment::{Environment, EnvironmentKind};
pub use error::WorkspaceError;
pub use exchange::{Exported, Imported};
pub use files::FileEntry;
pub use group::{AgentGroup, GroupKind};
pub use id::{
    ActivityId, AgentId, ConnectionId, EnvironmentId, GroupId, OperationId, ProjectId, RunId,
    VariableId,
};
pub use nats::{JoinedAgents, Nats};
pub use operation::{
    Endpoint, Operation, OperationDraft, Place, Preview, PreviewRow, Severity, Validation,
    ValidationFinding,
};
pub use organization::{Organization, Policies};
pub use project::Project;
pub use run::{BUNDLE_FORMAT, BundleManifest};
pub use run::{LogLine, Rejection, Run, RunConnector, RunCounts, RunFilter, RunState, Trigger};
pub use shadow::{ShadowDraft, ShadowRun, ShadowState};
pub use variable::{EnvironmentValue, Predefined, Scope, Variable, VariableDraft, VariableValue};
pub use versions::{Collection, QuarantinedVersion, StoredVersion};

use crate::agent as local;
use crate::atomic_file::{self, Access};
use crate::registry::Registry;
use crate::sealing::SealingKey;
use database::Database;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// The environment variable that may hold the key for the secrets: 64
/// hexadecimal digits.
pub const KEY_VARIABLE: &str = "HARNESS_WORKSPACE_KEY";

/// The database's file in a workspace's home.
const DATABASE: &str = "workspace.db";

/// A workspace. Cloning it is cheap, and the clones are the same workspace.
#[derive(Clone)]
pub struct Workspace(Arc<Inner>);

struct Inner {
    home: PathBuf,
    database: Database,
    key: SealingKey,
    /// For what is asked while things are designed, by no agent in particular.
    designer: local::Agent,
    agents: Mutex<BTreeMap<AgentId, local::Agent>>,
    own_runs: drain::OwnRuns,
    /// The runs that this process looks after.
    attendance: run::Attendance,
    /// Since when nothing was heard of runs whose process no lock tells of.
    silences: run::Silences,
    shadows: shadow::ShadowRuns,
    described: described::Described,
    /// This process, once it conducts a run.
    living: Mutex<Option<run::Living>>,
    /// How groups are reached over NATS.
    nats: OnceLock<nats::Reached>,
}

impl Workspace {
    /// The workspace whose home is `home`; a new one with an agent, two
    /// environments and a project where there is none. `registry` is the folder
    /// of the registry, where it is not the home's own.
    ///
    /// # Errors
    /// If its files cannot be made or read.
    pub fn open(home: &Path, registry: Option<&Path>) -> Result<Self, WorkspaceError> {
        let designer = local::Agent::open(home, registry)?;
        Self::with_agent(home, designer)
    }

    /// The same, around an agent that is already open.
    ///
    /// # Errors
    /// If its files cannot be made or read.
    pub fn with_agent(home: &Path, designer: local::Agent) -> Result<Self, WorkspaceError> {
        atomic_file::create_folder(home, Access::Owner)?;
        let key = match SealingKey::from_environment(KEY_VARIABLE)? {
            Some(key) => key,
            None => SealingKey::load_or_create(home.join("workspace.key"))?,
        };
        let instances = designer.process_limits().connectors as usize;
        Ok(Self(Arc::new(Inner {
            database: Database::open(&home.join(DATABASE))?,
            home: home.to_owned(),
            key,
            designer,
            agents: Mutex::default(),
            own_runs: drain::OwnRuns::of(instances),
            attendance: run::Attendance::default(),
            silences: run::Silences::default(),
            shadows: shadow::ShadowRuns::default(),
            described: described::Described::default(),
            living: Mutex::default(),
            nats: OnceLock::new(),
        })))
    }

    fn database(&self) -> &Database {
        &self.0.database
    }

    fn own_runs(&self) -> &drain::OwnRuns {
        &self.0.own_runs
    }

    fn database_path(&self) -> PathBuf {
        self.0.home.join(DATABASE)
    }

    fn key(&self) -> &SealingKey {
        &self.0.key
    }

    /// Where versions of connectors are published.
    pub fn registry(&self) -> &Registry {
        self.0.designer.registry()
    }

    /// The agent that looks at connectors while things are designed.
    fn designer(&self) -> &local::Agent {
        &self.0.designer
    }

    /// An agent, opened when it is first needed.
    fn local_agent(&self, id: AgentId) -> Result<local::Agent, WorkspaceError> {
        let mut agents = self.0.agents.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(agent) = agents.get(&id) {
            return Ok(agent.clone());
        }
        let home = self.0.home.join("agents").join(id.to_string());
        let agent = self.0.designer.beside(&home)?;
        agents.insert(id, agent.clone());
        Ok(agent)
    }
}

/// That a row was changed: it had the revision that was seen.
fn current(changed: usize, what: &'static str, name: &str) -> Result<(), WorkspaceError> {
    if changed == 0 {
        return Err(WorkspaceError::Stale {
            what,
            name: name.to_owned(),
        });
    }
    Ok(())
}

/// That nothing uses it.
fn unused(
    what: &'static str,
    name: &str,
    dependents: Vec<Dependent>,
) -> Result<(), WorkspaceError> {
    if dependents.is_empty() {
        return Ok(());
    }
    Err(WorkspaceError::InUse {
        what,
        name: name.to_owned(),
        dependents,
    })
}
