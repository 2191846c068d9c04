//! Why a run over NATS does not get any further, told where one looks.

use super::{Run, RunState, one, save};
use crate::group::{Group, GroupError, Job};
use crate::workspace::Workspace;
use crate::workspace::error::WorkspaceError;
use crate::workspace::id::RunId;
use std::time::{Duration, Instant};

/// What a run says while its job is in the queue.
pub(super) const FOR_AN_AGENT: &str = "waiting for an agent";
/// After how long without a report it is looked for the reason.
const QUIET: Duration = Duration::from_secs(3);
/// How long to wait for a server that does not take a job.
const AGAIN: Duration = Duration::from_secs(1);

/// How long nothing has been reported of a run.
pub(super) struct Quiet(Instant);

impl Quiet {
    pub(super) fn new() -> Self {
        Self(Instant::now())
    }

    /// That there was a report.
    pub(super) fn broken(&mut self) {
        self.0 = Instant::now();
    }
}

impl Workspace {
    /// Says what a run waits for.
    pub(super) fn say_waiting(&self, id: RunId, why: &str) -> Result<(), WorkspaceError> {
        self.database().write(|t| {
            let mut run: Run = one(t, id)?;
            if run.state == RunState::Running && run.waiting.as_deref() != Some(why) {
                run.waiting = Some(why.to_owned());
                save(t, &run)?;
            }
            Ok(())
        })
    }

    /// Says that NATS answers again.
    pub(super) fn say_no_trouble(&self, id: RunId) -> Result<(), WorkspaceError> {
        self.database().write(|t| {
            let mut run: Run = one(t, id)?;
            if run.state == RunState::Running {
                run.waiting = run.agent.is_empty().then(|| FOR_AN_AGENT.to_owned());
                save(t, &run)?;
            }
            Ok(())
        })
    }

    /// Puts a job into its group's queue as soon as NATS takes it, and answers its place
    /// there; none where the run was cancelled meanwhile. A job that has arrived without
    /// anybody having heard so is done once all the same, however often it is sent.
    pub(super) async fn enqueue(
        &self,
        id: RunId,
        group: &Group,
        job: &Job,
    ) -> Result<Option<u64>, WorkspaceError> {
        let mut told = false;
        loop {
            let error = match group.submit(job).await {
                Ok(queued) => {
                    if told {
                        self.say_waiting(id, FOR_AN_AGENT)?;
                    }
                    return Ok(Some(queued));
                }
                Err(error @ GroupError::Server { .. }) => error,
                Err(error) => return Err(error.into()),
            };
            tracing::warn!(run = id.0, %error, "a job is not in the queue yet");
            self.say_waiting(id, &error.to_string())?;
            told = true;
            if self.asked_to_cancel(id)? {
                return Ok(None);
            }
            tokio::time::sleep(AGAIN).await;
        }
    }

    /// Where nothing was reported for a while, says so if that is because NATS does not
    /// take the agent's reports, or because the agent is not there.
    pub(super) async fn look_why_quiet(
        &self,
        id: RunId,
        job: &str,
        group: &Group,
        quiet: &mut Quiet,
    ) -> Result<(), WorkspaceError> {
        if quiet.0.elapsed() < QUIET {
            return Ok(());
        }
        quiet.broken();
        let agent = self.run(id)?.agent;
        if agent.is_empty() {
            return Ok(());
        }
        let agents = group.agents().await?;
        let seen = agents.iter().find(|seen| seen.presence.name == agent);
        match seen.filter(|seen| seen.alive) {
            Some(seen) => match seen.presence.untold.get(job) {
                Some(why) => self.say_waiting(
                    id,
                    &format!("NATS does not take what the agent “{agent}” reports: {why}"),
                ),
                None => Ok(()),
            },
            None => self.say_waiting(
                id,
                &format!("the agent “{agent}” is not there: waiting for another one"),
            ),
        }
    }
}
