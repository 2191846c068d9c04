//! What a workspace knows of its groups, as numbers of the process.

use super::Workspace;
use super::database::all;
use super::error::WorkspaceError;
use super::run::JobRecord;
use crate::group::{Group, GroupError};
use crate::observability::metrics;
use std::collections::BTreeMap;
use std::time::Duration;

/// How often it is counted.
const COUNTED_EVERY: Duration = Duration::from_secs(5);

/// What was counted in a group.
#[derive(Default)]
struct Count {
    waiting: u64,
    agents: usize,
    slots: usize,
    busy: usize,
}

impl Workspace {
    /// Counts what is known of the groups that agents join over NATS, again and again;
    /// done at once where no NATS server was named.
    pub async fn keep_counting_groups(self) {
        if self.0.nats.get().is_none() {
            return;
        }
        loop {
            if let Err(error) = self.count_groups().await {
                tracing::warn!(%error, "the groups could not be counted");
            }
            tokio::time::sleep(COUNTED_EVERY).await;
        }
    }

    async fn count_groups(&self) -> Result<(), WorkspaceError> {
        let mut all = Count::default();
        let (mut unread, mut unreached) = (0, 0);
        let mut running = self.running_jobs()?;
        for group in self.groups()? {
            let Some(name) = &group.joined_as else {
                continue;
            };
            let jobs = running.remove(name).unwrap_or_default();
            let counted = async {
                let reached = self.reached(name).await?;
                let unread = unread_of(&reached, &jobs).await?;
                Ok::<_, WorkspaceError>((count(&reached).await?, unread))
            };
            match counted.await {
                Ok((count, more)) => {
                    all.waiting += count.waiting;
                    all.agents += count.agents;
                    all.slots += count.slots;
                    all.busy += count.busy;
                    unread += more;
                }
                Err(error) => {
                    tracing::warn!(group = name, %error, "a group is not reached");
                    unreached += 1;
                }
            }
        }
        let numbers = metrics().groups();
        let number = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        numbers
            .waiting
            .set(i64::try_from(all.waiting).unwrap_or(i64::MAX));
        numbers.agents.set(number(all.agents));
        numbers.slots.set(number(all.slots));
        numbers.busy.set(number(all.busy));
        numbers.unread.set(number(unread));
        numbers.unreached.set(unreached);
        Ok(())
    }

    /// The jobs that agents have under way, by the name of their group on the server, and
    /// how far their reports have been read.
    fn running_jobs(&self) -> Result<BTreeMap<String, Vec<(JobRecord, u64)>>, WorkspaceError> {
        let rows: Vec<(String, u64)> = self.database().read(|t| {
            all(
                t,
                "SELECT job, reported FROM runs WHERE state = 'running' AND job IS NOT NULL",
                [],
                |row| Ok((row.get(0)?, row.get(1)?)),
            )
        })?;
        let mut jobs = BTreeMap::<String, Vec<(JobRecord, u64)>>::new();
        for (job, reported) in rows {
            let job: JobRecord = super::database::json(&job)?;
            jobs.entry(job.group.clone())
                .or_default()
                .push((job, reported));
        }
        Ok(jobs)
    }
}

async fn count(group: &Group) -> Result<Count, GroupError> {
    let queued = group.queued().await?;
    let mut count = Count::default();
    for seen in group.agents().await?.into_iter().filter(|seen| seen.alive) {
        count.agents += 1;
        count.slots += seen.presence.slots;
        count.busy += seen.presence.busy;
    }
    // A slot may have a job in hand that another has under way.
    count.waiting = queued.saturating_sub(u64::try_from(count.busy).unwrap_or(u64::MAX));
    Ok(count)
}

async fn unread_of(group: &Group, jobs: &[(JobRecord, u64)]) -> Result<usize, GroupError> {
    let mut unread = 0;
    for (job, reported) in jobs {
        if group.last_sequence(&job.id).await? > *reported {
            unread += 1;
        }
    }
    Ok(unread)
}
