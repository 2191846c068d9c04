//! Whether a workspace is ready for work.

use super::Workspace;
use crate::observability::{Health, HealthCheck};
use crate::registry::Registry;
use futures::future::BoxFuture;

impl Health for Workspace {
    fn checks(&self) -> BoxFuture<'_, Vec<HealthCheck>> {
        Box::pin(async {
            let draining = if self.own_runs().is_draining() {
                Err("it takes no more runs, and ends when the last one has ended")
            } else {
                Ok(())
            };
            let mut checks = vec![
                // A write, though of nothing: a disk that is full can still be read.
                HealthCheck::of("database", self.database().write(|_| Ok(()))),
                HealthCheck::of("intake", draining),
            ];
            // A registry elsewhere may be away: agents run what they have.
            if let Registry::Folder(registry) = self.registry() {
                checks.push(HealthCheck::of("registry", registry.list().map(drop)));
            }
            // And so may NATS: the screen and the program's own agents need none, and
            // runs that agents have joined for go on when it is back.
            if let Some(answered) = self.nats_answers().await {
                checks.push(HealthCheck::told("nats", answered));
            }
            checks
        })
    }
}
