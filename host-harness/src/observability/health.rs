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
    /// Whether the process can be given no work while it is not well.
    pub required: bool,
}

impl HealthCheck {
    /// A check that came out as `result` says, of what is needed for any work.
    pub fn of<E: ToString>(name: &'static str, result: Result<(), E>) -> Self {
        Self {
            name,
            trouble: result.err().map(|error| error.to_string()),
            required: true,
        }
    }

    /// The same, of what only some of the work needs.
    pub fn told<E: ToString>(name: &'static str, result: Result<(), E>) -> Self {
        Self {
            required: false,
            ..Self::of(name, result)
        }
    }
}

/// What has to be well before a process is given work.
pub trait Health: Send + Sync + 'static {
    /// Looks now. Called for each question.
    fn checks(&self) -> BoxFuture<'_, Vec<HealthCheck>>;
}
