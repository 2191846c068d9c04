//! Whether an agent is ready for jobs.

use super::{Drain, Worker};
use crate::group::presence::GONE_AFTER;
use crate::observability::{Health, HealthCheck};
use crate::registry::Registry;
use futures::future::BoxFuture;

impl Health for Worker {
    fn checks(&self) -> BoxFuture<'_, Vec<HealthCheck>> {
        Box::pin(async {
            let shared = &self.0;
            let draining = match *shared.drain.borrow() {
                Drain::No => Ok(()),
                Drain::NoMore | Drain::HandBack => {
                    Err("it takes no more jobs, and ends when its last run has ended here")
                }
            };
            let left = self.trouble().map_or(Ok(()), Err);
            let untold: Vec<String> = shared
                .untold
                .all()
                .into_iter()
                .map(|(job, why)| format!("job {job}: {why}"))
                .collect();
            let untold = match untold.is_empty() {
                true => Ok(()),
                false => Err(untold.join("; ")),
            };
            let mut checks = vec![
                HealthCheck::of("nats", self.heard()),
                HealthCheck::of("intake", draining),
                HealthCheck::of("jobs", left),
                HealthCheck::of("reports", untold),
            ];
            // A registry elsewhere may be away: the agent runs what it has.
            if let Registry::Folder(registry) = shared.agent.registry() {
                checks.push(HealthCheck::of("registry", registry.list().map(drop)));
            }
            checks
        })
    }
}

impl Worker {
    /// Whether the group takes the agent for one that is there.
    fn heard(&self) -> Result<(), String> {
        let silent = self.heartbeat().elapsed();
        if silent < GONE_AFTER {
            return Ok(());
        }
        let connection = match self.0.group.is_connected() {
            true => "NATS is connected and does not answer",
            false => "NATS cannot be reached",
        };
        Err(format!(
            "the group has not heard of this agent for {} s: {connection}",
            silent.as_secs()
        ))
    }
}
