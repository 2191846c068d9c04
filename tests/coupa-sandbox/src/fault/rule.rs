//! What can go wrong, and for which requests.

use serde::{Deserialize, Serialize};

/// What goes wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Fault {
    /// Another status: 401, 429, 500, 502, 503, 504 …
    Status {
        /// The status.
        status: u16,
        /// Seconds to say in `Retry-After`.
        #[serde(default)]
        retry_after: Option<u64>,
        /// Whether the request was processed all the same, as a gateway's
        /// time-out does not tell.
        #[serde(default)]
        processed: bool,
    },
    /// A page of HTML in place of the answer; nothing is processed.
    Html {
        /// The status, 200 as well.
        status: u16,
    },
    /// A redirect elsewhere; nothing is processed.
    Redirect {
        /// Where to.
        location: String,
    },
    /// All living tokens expire before the request is looked at.
    ExpireTokens,
    /// The answer comes late.
    Slow {
        /// How late.
        milliseconds: u64,
    },
    /// The body comes in small pieces.
    SlowBody {
        /// How many bytes at once.
        bytes: usize,
        /// How long before each piece.
        milliseconds: u64,
    },
    /// The connection is reset, and nothing is processed.
    ResetBefore,
    /// The request is processed, and then the connection is reset.
    ResetAfter,
    /// The body ends before its announced length, and the connection closes.
    Truncated,
    /// A well-formed answer with the first half of the body.
    HalfBody,
    /// An answer without its body.
    EmptyBody,
    /// The body is announced as something else.
    WrongContentType {
        /// As what.
        content_type: String,
    },
}

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
