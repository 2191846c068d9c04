//! For which requests something goes wrong.

use serde::{Deserialize, Serialize};

use super::Fault;

/// A fault and the requests that it hits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultRule {
    /// Only requests with this method.
    #[serde(default)]
    pub method: Option<String>,
    /// Only requests whose path begins so. Without it, only those below `/api`;
    /// a rule for tokens says `/oauth2`.
    #[serde(default)]
    pub path_prefix: Option<String>,
    /// How many matching requests to let through first.
    #[serde(default)]
    pub skip: u64,
    /// How many to hit then; without end where it does not say.
    #[serde(default)]
    pub times: Option<u64>,
    /// What goes wrong.
    pub fault: Fault,
}

impl FaultRule {
    /// A rule that hits the next `times` requests below `/api`.
    pub fn next(times: u64, fault: Fault) -> Self {
        Self {
            method: None,
            path_prefix: None,
            skip: 0,
            times: Some(times),
            fault,
        }
    }

    /// The same rule for one method.
    pub fn on_method(mut self, method: &str) -> Self {
        self.method = Some(method.to_owned());
        self
    }

    /// The same rule for the paths that begin so.
    pub fn on_path(mut self, prefix: &str) -> Self {
        self.path_prefix = Some(prefix.to_owned());
        self
    }

    /// The same rule after so many matching requests.
    pub fn after(mut self, skip: u64) -> Self {
        self.skip = skip;
        self
    }

    pub(super) fn matches(&self, method: &str, path: &str) -> bool {
        let prefix = self.path_prefix.as_deref().unwrap_or("/api/");
        path.starts_with(prefix) && self.method.as_deref().is_none_or(|m| m == method)
    }
}
