//! What a call would send, as JSON.

use super::bindings::design::PlannedCall;
use serde::Serialize;
use utoipa::ToSchema;

/// What a call would send, for programs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Plan {
    /// The requests, in order.
    pub requests: Vec<PlannedRequest>,
    /// What the connector needs to be allowed; absent: it does not say.
    pub permissions: Option<Permissions>,
    /// Absent: it was not asked for, or cannot be known.
    pub extent: Option<Extent>,
    /// What else there is to say.
    pub notes: Vec<String>,
}

/// One request, or one of many alike.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct PlannedRequest {
    /// GET, POST, …
    pub method: String,
    /// Path and query.
    pub path: String,
    /// What it carries.
    pub body: Option<String>,
    /// When and how often it is sent.
    pub note: String,
}

/// What a call needs to be allowed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Permissions {
    /// What it needs.
    pub needed: Vec<String>,
    /// What the credentials have; absent: it was not asked for, or cannot be known.
    pub held: Option<Vec<String>>,
    /// What is needed and not held.
    pub missing: Vec<String>,
    /// What is held and not needed.
    pub unneeded: Vec<String>,
}

/// How much there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Extent {
    /// Records.
    pub records: u64,
    /// Requests that they take.
    pub requests: u64,
    /// Milliseconds that these take at least.
    pub time_ms: u64,
}

impl From<PlannedCall> for Plan {
    fn from(plan: PlannedCall) -> Self {
        let requests = plan.requests.into_iter().map(|request| PlannedRequest {
            method: request.method,
            path: request.path,
            body: request.body,
            note: request.note,
        });
        Self {
            requests: requests.collect(),
            permissions: plan.permissions.map(|permissions| Permissions {
                needed: permissions.needed,
                held: permissions.held,
                missing: permissions.missing,
                unneeded: permissions.unneeded,
            }),
            extent: plan.extent.map(|extent| Extent {
                records: extent.records,
                requests: extent.requests,
                time_ms: extent.time,
            }),
            notes: plan.notes,
        }
    }
}
