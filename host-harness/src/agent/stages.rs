//! What of a start takes how long.

use serde::{Deserialize, Serialize};
use std::time::{Duration, Instant};

/// How long it took until a version was ready, step by step.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Stages {
    /// Asking the registry which version it is, and who vouches for it.
    pub asked: Duration,
    /// Bringing its bytes here, where they are not, and comparing their digest.
    pub pulled: Duration,
    /// Reading them from the store, comparing their digest, and its signatures with
    /// the trust policy.
    pub verified: Duration,
    /// Compiling it, or loading its compiled code, and having it describe itself.
    pub made_ready: Duration,
}

/// Tells the steps apart.
pub(super) struct Lap(Instant);

impl Lap {
    pub(super) fn start() -> Self {
        Self(Instant::now())
    }

    /// How long it took since the last time.
    pub(super) fn next(&mut self) -> Duration {
        let now = Instant::now();
        now - std::mem::replace(&mut self.0, now)
    }
}
