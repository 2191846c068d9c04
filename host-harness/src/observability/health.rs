//! How a process says that it is well.

use futures::future::BoxFuture;
use serde::Serialize;

/// One thing that has to be well.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HealthCheck {
    /// What was looked at: one word for programs.
    pub name: &'static str,
    /// What is wrong with it; none where it is well.
    pub trouble: Option<String>,
}

impl HealthCheck {
    /// A check that came out as `result` says.
    pub fn of<E: ToString>(name: &'static str, result: Result<(), E>) -> Self {
        Self {
            name,
            trouble: result.err().map(|error| error.to_string()),
        }
    }
}

/// What has to be well before a process is given work.
pub trait Health: Send + Sync + 'static {
    /// Looks now. Called for each question.
    fn checks(&self) -> BoxFuture<'_, Vec<HealthCheck>>;
}
