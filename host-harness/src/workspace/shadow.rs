//! Shadow runs: an activity that only reads, through two versions of its connector,
//! before the new one takes the place of the old.
//!
//! One may take as long as any run, so it is begun, looked at and cancelled. It writes
//! nothing, so nothing is lost with the process: it is kept in memory, and gone with it.

use super::connection::On;
use super::connectors::{connector_name, requirement};
use super::error::WorkspaceError;
use super::id::{ActivityId, EnvironmentId};
use super::variable::Situation;
use super::{Activity, Agent, Connection, Workspace};
use crate::agent::{self as local, Downloaded};
use crate::runtime::Execution;
use crate::shadow::{Difference, Progress, ShadowError, begin, compare};
use futures::future::{AbortHandle, Abortable};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use utoipa::ToSchema;

/// Shadow runs of a process at the same time: each is two runs that others wait for.
const MOST_AT_A_TIME: usize = 2;
/// Shadow runs that are kept once they have ended, the newest.
const KEPT: usize = 20;
/// Seconds that one may take, where nothing else is said.
const USUAL_SECONDS: u32 = 3600;
/// The most that can be said.
const MOST_SECONDS: u32 = 86_400;

/// A shadow run that is to begin.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ShadowDraft {
    /// The activity, a source that marks nothing.
    pub activity: ActivityId,
    /// The environment to read in.
    pub environment: EnvironmentId,
    /// The version that is used now; absent: that of the connection.
    #[serde(default)]
    pub old: Option<String>,
    /// The version that is to take its place; absent: the newest.
    #[serde(default)]
    pub new: Option<String>,
    /// Fields that may differ, such as those that change with time; `outer.inner` for
    /// one within another.
    #[serde(default)]
    pub ignore: BTreeSet<String>,
    /// How long it may take, in seconds; absent: an hour.
    #[serde(default)]
    pub seconds: Option<u32>,
}

/// How far a shadow run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ShadowState {
    /// Under way.
    Running,
    /// Both versions were read to their ends.
    Done,
    /// One could not be.
    Failed,
    /// A person ended it.
    Cancelled,
}

/// A shadow run.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub struct ShadowRun {
    /// Its number, in this process.
    pub id: u64,
    /// The activity's name.
    pub activity: String,
    /// The connector.
    pub connector: String,
    /// The old version.
    pub old: String,
    /// The new one.
    pub new: String,
    /// How far it is.
    pub state: ShadowState,
    /// When it began.
    pub started_at: String,
    /// When it ended.
    pub ended_at: Option<String>,
    /// Records that the old version has read.
    pub old_records: u64,
    /// Records that the new version has read.
    pub new_records: u64,
    /// How they differ, once both were read to their ends.
    pub difference: Option<Difference>,
    /// Why they were not.
    pub error: Option<String>,
}

/// The shadow runs of this process.
#[derive(Default)]
pub(super) struct ShadowRuns(Mutex<Shelf>);

#[derive(Default)]
struct Shelf {
    last: u64,
    runs: BTreeMap<u64, Kept>,
}

struct Kept {
    run: ShadowRun,
    progress: Arc<Progress>,
    end: AbortHandle,
}

impl Kept {
    fn seen(&self) -> ShadowRun {
        let (old_records, new_records) = self.progress.read();
        ShadowRun {
            old_records,
            new_records,
            ..self.run.clone()
        }
    }

    /// Where it has not ended in another way before.
    fn end(&mut self, state: ShadowState, outcome: Result<Difference, String>) {
        if self.run.state != ShadowState::Running {
            return;
        }
        self.run.state = state;
        self.run.ended_at = Some(Timestamp::now().to_string());
        match outcome {
            Ok(difference) => self.run.difference = Some(difference),
            Err(error) => self.run.error = Some(error),
        }
    }
}

impl Shelf {
    fn running(&self) -> usize {
        let runs = self.runs.values();
        runs.filter(|kept| kept.run.state == ShadowState::Running)
            .count()
    }

    /// Takes one more, where there is room for it.
    fn add(
        &mut self,
        mut run: ShadowRun,
        end: AbortHandle,
    ) -> Result<Arc<Progress>, WorkspaceError> {
        if self.running() >= MOST_AT_A_TIME {
            return Err(WorkspaceError::Refused(format!(
                "{MOST_AT_A_TIME} shadow runs are under way: wait until one has ended, or cancel \
                 one"
            )));
        }
        let progress = Arc::<Progress>::default();
        self.last += 1;
        run.id = self.last;
        self.runs.insert(
            run.id,
            Kept {
                run,
                progress: Arc::clone(&progress),
                end,
            },
        );
        while self.runs.len() > KEPT + MOST_AT_A_TIME {
            let ended = self
                .runs
                .iter()
                .find(|(_, kept)| kept.run.state != ShadowState::Running);
            match ended.map(|(id, _)| *id) {
                Some(id) => self.runs.remove(&id),
                None => break,
            };
        }
        Ok(progress)
    }
}

impl ShadowRuns {
    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl From<ShadowError> for WorkspaceError {
    fn from(error: ShadowError) -> Self {
        Self::Refused(error.to_string())
    }
}

impl Workspace {
    /// Begins to read an activity through two versions of its connector, and answers
    /// the shadow run as it begins. It reads on the first agent of the environment's
    /// group that is this program's own, or where there is none with the program's own
    /// copies.
    ///
    /// # Errors
    /// If the activity does more than to read, the versions are not two, one of them
    /// cannot be had, or as many shadow runs as there may be are under way.
    pub async fn start_shadow(&self, draft: ShadowDraft) -> Result<ShadowRun, WorkspaceError> {
        let limit = allowed(draft.seconds)?;
        let (activity, connection) = self.with_connection(draft.activity)?;
        let agents = self.agents_of(draft.environment)?;
        let agent = agents.first();
        let local = match agent {
            Some(agent) => self.local_agent(agent.id)?,
            None => self.designer().clone(),
        };
        let wanted = [
            draft.old.as_deref().unwrap_or(&connection.version),
            draft.new.as_deref().unwrap_or("newest"),
        ];
        let [old, new] = wanted.map(|version| fetched(&local, &connection, version));
        let (old, new) = futures::future::try_join(old, new).await?;
        let versions = [&old, &new].map(|side| side.entry.version.to_string());
        let [old_version, new_version] = versions;
        if old_version == new_version {
            return Err(WorkspaceError::Refused(format!(
                "both are {old_version}: say which versions, an old and a new one"
            )));
        }
        let side = |downloaded| self.side(&draft, &activity, &connection, agent, downloaded);
        let (old, new) = futures::future::try_join(side(&old), side(&new)).await?;
        let run = ShadowRun {
            id: 0,
            activity: activity.name.clone(),
            connector: connection.connector.clone(),
            old: old_version,
            new: new_version,
            state: ShadowState::Running,
            started_at: Timestamp::now().to_string(),
            ended_at: None,
            old_records: 0,
            new_records: 0,
            difference: None,
            error: None,
        };
        let (end, ends) = AbortHandle::new_pair();
        let (id, progress) = {
            let mut shelf = self.0.shadows.shelf();
            let progress = shelf.add(run, end)?;
            (shelf.last, progress)
        };
        let workspace = self.clone();
        let ignore = draft.ignore;
        tokio::spawn(async move {
            let comparing = compare(old, new, &ignore, &progress);
            // Who cancels it has said so already.
            let Ok(compared) = Abortable::new(tokio::time::timeout(limit, comparing), ends).await
            else {
                return;
            };
            let compared = match compared {
                Ok(compared) => compared.map_err(|error| error.to_string()),
                Err(_) => Err(format!("it took longer than {} s", limit.as_secs())),
            };
            let state = match compared {
                Ok(_) => ShadowState::Done,
                Err(_) => ShadowState::Failed,
            };
            if let Some(kept) = workspace.0.shadows.shelf().runs.get_mut(&id) {
                kept.end(state, compared);
            }
        });
        self.shadow(id)
    }

    /// Begins one side.
    async fn side(
        &self,
        draft: &ShadowDraft,
        activity: &Activity,
        connection: &Connection,
        agent: Option<&Agent>,
        downloaded: &Downloaded,
    ) -> Result<Execution, WorkspaceError> {
        let on = On {
            project: connection.project,
            environment: draft.environment,
            agent,
            situation: Situation::default(),
        };
        let called = self
            .called(activity.clone(), connection, &downloaded.connector, on)
            .await?;
        let connection = called.resolved.connection;
        Ok(begin(&downloaded.connector, connection, called.call).await?)
    }

    /// A shadow run of this process.
    ///
    /// # Errors
    /// If there is none of this number, or not any more.
    pub fn shadow(&self, id: u64) -> Result<ShadowRun, WorkspaceError> {
        let shelf = self.0.shadows.shelf();
        let kept = shelf.runs.get(&id);
        Ok(kept
            .ok_or_else(|| WorkspaceError::no("shadow run", id))?
            .seen())
    }

    /// The shadow runs of this process, the newest first.
    pub fn shadows(&self) -> Vec<ShadowRun> {
        let shelf = self.0.shadows.shelf();
        shelf.runs.values().rev().map(Kept::seen).collect()
    }

    /// Ends a shadow run, and answers how it has ended: one that had ended before is
    /// left as it is.
    ///
    /// # Errors
    /// If there is none of this number, or not any more.
    pub fn cancel_shadow(&self, id: u64) -> Result<ShadowRun, WorkspaceError> {
        let mut shelf = self.0.shadows.shelf();
        let kept = shelf.runs.get_mut(&id);
        let kept = kept.ok_or_else(|| WorkspaceError::no("shadow run", id))?;
        kept.end.abort();
        kept.end(ShadowState::Cancelled, Err("it was cancelled".to_owned()));
        Ok(kept.seen())
    }
}

fn allowed(seconds: Option<u32>) -> Result<Duration, WorkspaceError> {
    let seconds = seconds.unwrap_or(USUAL_SECONDS);
    if (1..=MOST_SECONDS).contains(&seconds) {
        return Ok(Duration::from_secs(seconds.into()));
    }
    Err(WorkspaceError::one(
        Some("seconds"),
        "limit",
        format!("seconds has to be a whole number from 1 to {MOST_SECONDS}"),
    ))
}

async fn fetched(
    local: &local::Agent,
    connection: &Connection,
    version: &str,
) -> Result<Downloaded, WorkspaceError> {
    let name = connector_name(&connection.connector)?;
    Ok(local.download(&name, &requirement(version)?).await?)
}
