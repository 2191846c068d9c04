//! Runs of operations: their records, and starting, stopping and resuming them.

mod attend;
mod bundle;
mod bury;
mod called;
mod continuation;
mod file;
mod job;
mod joined;
mod observe;
mod process;
mod quiet;
mod rejected_source;
mod start;
mod turn;

pub(super) use attend::Attendance;
pub use bundle::{BUNDLE_FORMAT, BundleManifest};
pub(super) use bury::Silences;
pub(super) use joined::JobRecord;
pub(super) use process::Living;

use super::Workspace;
use super::database::{all, first, json, to_json};
use super::dependent::Dependent;
use super::error::WorkspaceError;
use super::id::{AgentId, EnvironmentId, OperationId, ProjectId, RunId};
use rusqlite::{Transaction, params};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RunState {
    /// It is under way.
    Running,
    /// Everything was done.
    Success,
    /// It ran to its end, and some records were rejected or left out.
    Partial,
    /// It was stopped.
    Interrupted,
    /// It broke off.
    Failure,
}

impl RunState {
    fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Success => "success",
            Self::Partial => "partial",
            Self::Interrupted => "interrupted",
            Self::Failure => "failure",
        }
    }
}

/// Why a run was begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Trigger {
    /// Somebody started it.
    Started,
    /// The operation before it in a chain ended well.
    OnSuccess,
    /// The operation before it in a chain failed, or rejected records.
    OnFailure,
    /// It tries the rejected records of another run again.
    RejectedAgain,
    /// It goes on where another run was broken off.
    Resumed,
}

/// A connector that took part in a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RunConnector {
    /// `source` or `target`.
    pub role: String,
    /// Its name.
    pub connector: String,
    /// Its version.
    pub version: String,
    /// The digest that it was verified by.
    pub digest: String,
}

/// Records of a run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RunCounts {
    /// Records that came in.
    pub read: u64,
    /// Records that were delivered.
    pub written: u64,
    /// Records that were not taken.
    pub rejected: u64,
    /// Of these, those whose fate is not known.
    pub uncertain: u64,
    /// Records that the mapping made nothing of.
    pub skipped: u64,
    /// Rows of a CSV file whose cells are all empty: they were passed over.
    #[serde(default)]
    pub blank: u64,
    /// Records that were left out: they are as they were when they were last taken.
    #[serde(default)]
    pub left_out: u64,
    /// Keys that were there in the last complete run, and are gone in this one.
    #[serde(default)]
    pub gone: u64,
    /// Records that the run which this one goes on with had dealt with already.
    #[serde(default)]
    pub before: u64,
    /// Of those delivered: created in the remote system.
    #[serde(default)]
    pub created: u64,
    /// Updated there.
    #[serde(default)]
    pub updated: u64,
    /// There already as they should be.
    #[serde(default)]
    pub unchanged: u64,
    /// Deleted there.
    #[serde(default)]
    pub deleted: u64,
    /// Of those delivered: not as they were given.
    #[serde(default)]
    pub differing: u64,
}

/// A line of a run's log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LogLine {
    /// When, in RFC 3339.
    pub time: String,
    /// `error`, `warn` or `info`.
    pub level: String,
    /// `host` or `connector`.
    pub source: String,
    /// What happened.
    pub message: String,
}

/// A run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Run {
    /// Its number.
    pub id: RunId,
    /// The operation; absent where it was deleted since.
    pub operation: Option<OperationId>,
    /// The operation's name when it began.
    pub operation_name: String,
    /// The project.
    pub project: ProjectId,
    /// The environment.
    pub environment: EnvironmentId,
    /// The environment's name.
    pub environment_name: String,
    /// The agent's name.
    pub agent: String,
    /// Why it was begun.
    pub trigger: Trigger,
    /// The run that it follows, tries again or goes on with.
    pub of_run: Option<RunId>,
    /// How it stands.
    pub state: RunState,
    /// When it began, in RFC 3339.
    pub started_at: String,
    /// When it ended.
    pub ended_at: Option<String>,
    /// The connectors that take part.
    pub connectors: Vec<RunConnector>,
    /// Records.
    pub counts: RunCounts,
    /// Records delivered in a second, on average.
    pub rate: f64,
    /// HTTP requests.
    pub requests: u64,
    /// HTTP requests that were sent again.
    pub retries: u64,
    /// Milliseconds that requests waited for the rate limit, added up.
    pub waited_ms: u64,
    /// What it waits for just now.
    pub waiting: Option<String>,
    /// Warnings of the connectors.
    pub warnings: Vec<String>,
    /// Why it broke off.
    pub error: Option<String>,
    /// Whether it can be resumed.
    pub resumable: bool,
    /// The file that it wrote.
    pub output: Option<String>,
    /// The first of the keys that are gone.
    #[serde(default)]
    pub gone_keys: Vec<String>,
    /// The log, once it has ended.
    pub log: Vec<LogLine>,
}

/// A record that was not taken, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Rejection {
    /// Its number in the run, from 1.
    pub seq: u64,
    /// The source's key of it.
    pub key: String,
    /// The record as the source gave it.
    pub source_record: String,
    /// What the mapping made of it.
    pub record: String,
    /// The error's code.
    pub code: String,
    /// What went wrong.
    pub message: String,
    /// What to do.
    pub remedy: Option<String>,
    /// The remote system's messages per field.
    pub fields: Vec<(Option<String>, String)>,
    /// Whether it may have been written all the same.
    pub uncertain: bool,
    /// The run in which it was tried again.
    pub again_in: Option<RunId>,
}

/// Which runs are wanted.
#[derive(Debug, Clone, Copy, Default)]
pub struct RunFilter {
    /// Of this project.
    pub project: Option<ProjectId>,
    /// Of this operation.
    pub operation: Option<OperationId>,
    /// In this state.
    pub state: Option<RunState>,
    /// At most so many, the newest first.
    pub count: Option<u32>,
}

/// Whether a run can be gone on with, as a condition in SQL: it reached a place, or has
/// handed something over; or it was broken off before either, and is begun again.
const RESUMABLE: &str = "resumed = 0 AND state IN ('interrupted', 'failure')
    AND (place IS NOT NULL OR state = 'interrupted'
         OR EXISTS (SELECT 1 FROM handed WHERE run_id = runs.id))";

fn columns() -> String {
    format!("SELECT id, operation_id, state, record, {RESUMABLE} FROM runs")
}

fn make(row: &rusqlite::Row<'_>) -> Result<Run, WorkspaceError> {
    let mut run: Run = json(&row.get::<_, String>(3)?)?;
    run.id = row.get(0)?;
    run.operation = row.get(1)?;
    let resumable: bool = row.get(4)?;
    run.resumable = resumable && run.operation.is_some();
    Ok(run)
}

fn one(transaction: &Transaction<'_>, id: RunId) -> Result<Run, WorkspaceError> {
    first(
        transaction,
        &format!("{} WHERE id = ?", columns()),
        [id],
        make,
    )?
    .ok_or_else(|| WorkspaceError::no("run", id))
}

fn save(transaction: &Transaction<'_>, run: &Run) -> Result<(), WorkspaceError> {
    transaction.execute(
        "UPDATE runs SET state = ?, record = ? WHERE id = ?",
        params![run.state.name(), to_json(run)?, run.id],
    )?;
    Ok(())
}

/// The runs that an agent has under way.
pub(super) fn on_agent(
    transaction: &Transaction<'_>,
    agent: AgentId,
) -> Result<Vec<Dependent>, WorkspaceError> {
    all(
        transaction,
        &format!(
            "{} WHERE agent_id = ? AND state = 'running' ORDER BY id",
            columns()
        ),
        [agent],
        |row| {
            let run = make(row)?;
            Ok(Dependent {
                kind: "run",
                id: run.id.0,
                name: run.operation_name,
                via: Some(format!("number {}", run.id)),
            })
        },
    )
}

impl Workspace {
    /// Runs, the newest first.
    ///
    /// # Errors
    /// Where the database fails.
    pub fn runs(&self, filter: RunFilter) -> Result<Vec<Run>, WorkspaceError> {
        self.bury()?;
        self.database().read(|t| {
            all(
                t,
                &format!(
                    "{} WHERE (?1 IS NULL OR project_id = ?1)
                     AND (?2 IS NULL OR operation_id = ?2) AND (?3 IS NULL OR state = ?3)
                     ORDER BY id DESC LIMIT ?4",
                    columns()
                ),
                params![
                    filter.project,
                    filter.operation,
                    filter.state.map(RunState::name),
                    filter.count.unwrap_or(100)
                ],
                make,
            )
        })
    }

    /// One run.
    ///
    /// # Errors
    /// If there is none.
    pub fn run(&self, id: RunId) -> Result<Run, WorkspaceError> {
        self.bury()?;
        self.database().read(|t| one(t, id))
    }

    /// The rejected records of a run, in order, after number `after`.
    ///
    /// # Errors
    /// If there is no such run.
    pub fn rejected(
        &self,
        id: RunId,
        after: u64,
        count: u32,
    ) -> Result<Vec<Rejection>, WorkspaceError> {
        self.database().read(|t| {
            one(t, id)?;
            all(
                t,
                "SELECT record, again_in FROM rejected WHERE run_id = ? AND seq > ?
                 ORDER BY seq LIMIT ?",
                params![id, i64::try_from(after).unwrap_or(i64::MAX), count],
                |row| {
                    let mut rejection: Rejection = json(&row.get::<_, String>(0)?)?;
                    rejection.again_in = row.get(1)?;
                    Ok(rejection)
                },
            )
        })
    }

    /// Asks a run to stop: nothing new is begun, and what is under way is
    /// finished. Asked again, that is given up as well. Which process runs it
    /// does not matter.
    ///
    /// # Errors
    /// If there is no such run, or it has ended.
    pub fn cancel_run(&self, id: RunId) -> Result<(), WorkspaceError> {
        self.bury()?;
        self.database().write(|t| {
            let run = one(t, id)?;
            if run.state != RunState::Running {
                return Err(WorkspaceError::Refused(format!(
                    "run {id} has ended already ({})",
                    run.state.name()
                )));
            }
            t.execute("UPDATE runs SET cancel = cancel + 1 WHERE id = ?", [id])?;
            Ok(())
        })
    }
}
