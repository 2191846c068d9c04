//! Whether a workspace is ready for work.

use super::Workspace;
use crate::observability::{Health, HealthCheck};

impl Health for Workspace {
    fn checks(&self) -> Vec<HealthCheck> {
        let draining = if self.own_runs().is_draining() {
            Err("it takes no more runs, and ends when the last one has ended")
        } else {
            Ok(())
        };
        vec![
            // A write, though of nothing: a disk that is full can still be read.
            HealthCheck::of("database", self.database().write(|_| Ok(()))),
            HealthCheck::of("registry", self.registry().list().map(drop)),
            HealthCheck::of("intake", draining),
        ]
    }
}
